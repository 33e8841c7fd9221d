//! `diff`: what changed, processors lined up.

use amd_svm::gate::Refusal;

use crate::{fake::Driver, files::Folder, output, run};

fn saved(folder: &Folder, name: &str, driver: &mut Driver) -> String {
    let path = folder.path(name);
    assert_eq!(output(&["save", &path], driver), "");
    path
}

#[test]
fn equal_snapshots_do_not_differ_whatever_the_clock_says() {
    let folder = Folder::new();
    let mut driver = Driver::with_processors(3);
    let before = saved(&folder, "a.json", &mut driver);
    driver.snapshot(1).tsc += 1000;
    let ran = run(&["diff", &before], &mut driver);
    assert_eq!((ran.exit, ran.stdout.as_str()), (0, "no difference\n"));
    let after = saved(&folder, "b.json", &mut driver);
    let ran = run(&["diff", &before, &after], &mut Driver::with_processors(1));
    assert_eq!((ran.exit, ran.stdout.as_str()), (0, "no difference\n"));
}

#[test]
fn equal_changes_are_told_once_and_others_by_themselves() {
    let folder = Folder::new();
    let mut driver = Driver::with_processors(8);
    let before = saved(&folder, "a.json", &mut driver);
    for index in [0, 1, 2, 5] {
        driver.snapshot(index).state.system_call.lstar += 0x40;
    }
    driver.snapshot(3).state.tr.limit = 0x2067;
    driver
        .snapshot(3)
        .state
        .fs
        .attributes
        .set_privilege_level(0);
    driver.refuse(6, Refusal::SvmeDoesNotStick);
    driver.statuses.pop();
    driver.snapshots.pop();
    let ran = run(&["diff", &before], &mut driver);
    assert_eq!((ran.exit, ran.stderr.as_str()), (6, ""));
    insta::assert_snapshot!(ran.stdout);
    let ran = run(&["diff", &before, "--json"], &mut driver);
    assert_eq!(ran.exit, 6);
    insta::assert_snapshot!("differences_in_json", ran.stdout);
    let ran = run(
        &["diff", &before, "--columns", "star,gs", "-p", "0-5"],
        &mut driver,
    );
    assert_eq!((ran.exit, ran.stdout.as_str()), (0, "no difference\n"));
}

#[test]
fn what_one_side_hides_is_not_compared() {
    let folder = Folder::new();
    let mut driver = Driver::with_processors(2);
    let before = saved(&folder, "a.json", &mut driver);
    driver.flags = protocol::ReplyHeader::REDACTED;
    for index in 0..2 {
        driver.snapshot(index).redact();
    }
    let ran = run(&["diff", &before], &mut driver);
    assert_eq!(ran.exit, 7, "{}", ran.stdout);
    assert!(
        ran.stdout
            .starts_with("not compared, because hidden by the driver: gs.base on processors 0-1, ")
    );
}
