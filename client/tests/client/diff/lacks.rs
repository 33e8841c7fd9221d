//! What neither snapshot has was not compared, and that is said once.

use amd_svm::support::Refusal;
use client::{Diff, Lack, Snapshot};
use serde_json::{Value, json};

use crate::fake::Driver;
use crate::files::Folder;
use crate::{Ran, run};

fn case(name: &str) -> String {
    format!("{}/tests/cases/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// A file compared with itself.
fn with_itself(path: &str, options: &[&str]) -> Ran {
    let arguments = [&["diff", path, path], options].concat();
    run(&arguments, &mut Driver::with_processors(1))
}

fn assert_told(ran: &Ran, told: &str) {
    assert_eq!(ran.exit, 7, "{}", ran.stdout);
    let expected = format!("not compared, because {told}\nno difference in what was compared\n");
    assert!(ran.stdout.ends_with(&expected), "{}", ran.stdout);
    assert!(ran.stdout.lines().count() <= 3, "{}", ran.stdout);
}

#[test]
fn processors_without_a_capture_are_told() {
    let folder = Folder::new();
    let path = folder.path("a.json");
    let mut driver = Driver::with_processors(4);
    driver.refuse(2, Refusal::Disabled { locked: false });
    run(&["save", &path], &mut driver);
    assert_told(&with_itself(&path, &[]), "there is no capture: processor 2");
    let ran = with_itself(&path, &["--json"]);
    let document: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(
        document["not_compared"],
        json!([{"reason": "not-captured", "processors": [2]}])
    );
    // All is not compared because of one of them, whichever are shown.
    assert_eq!(with_itself(&path, &["-p", "0"]).exit, 7);
    let watch = ["watch", "--from", &path, "--every", "10ms", "--for", "50ms"];
    let ran = run(&watch, &mut driver);
    let told = "not compared, because there is no capture: processor 2\n";
    assert_eq!((ran.exit, ran.stdout.matches(told).count()), (7, 1));
}

#[test]
fn processors_that_neither_snapshot_has_are_told() {
    let folder = Folder::new();
    let path = folder.path("a.json");
    let mut driver = Driver::with_processors(4);
    run(&["save", &path, "-p", "1"], &mut driver);
    assert_told(
        &with_itself(&path, &[]),
        "in neither snapshot: processors 0,2-3",
    );
    let all = folder.path("b.json");
    run(&["save", &all], &mut driver);
    assert_eq!(run(&["diff", &path, &all], &mut driver).exit, 6);
    let [one, all] = [&path, &all].map(|path| Snapshot::open(path).unwrap());
    assert_eq!(Diff::between(&one, &all).not_compared, []);
    // A watch of some processors does not miss the others.
    let watch = ["watch", "-p", "1", "--every", "10ms", "--for", "50ms"];
    assert_eq!(run(&watch, &mut driver).exit, 0);
}

#[test]
fn a_page_that_does_not_tell_the_guests_state_is_told() {
    assert_told(
        &with_itself(&case("sev-es-running.vmcb"), &[]),
        "the guest's state is encrypted: registers on processor 0",
    );
    // What is left in such a page is not the guest's.
    assert_told(
        &with_itself(&case("realmode-ap.vmcb"), &[]),
        "the guest's state is encrypted: registers on processor 0",
    );
    assert_told(
        &with_itself(&case("vmsa-page.bin"), &[]),
        "the page is an SEV-ES save area (VMSA): control area on processor 0",
    );
    let folder = Folder::new();
    let path = folder.path("a.vmcb");
    std::fs::write(&path, [0; 4096]).unwrap();
    assert_told(
        &with_itself(&path, &[]),
        "nothing is stored: registers on processor 0",
    );
    let ran = with_itself(&case("vmsa-page.bin"), &["--columns", "lstar"]);
    assert_eq!((ran.exit, ran.stdout.as_str()), (0, "no difference\n"));
}

#[test]
fn what_a_dump_does_not_print_is_told_and_what_pages_never_have_is_not() {
    assert_told(
        &with_itself(&case("xen-debug-key-v.txt"), &[]),
        "not in what the source prints: sysenter_cs on processor 0, sysenter_esp on processor 0, \
         sysenter_eip on processor 0, cr0 on processor 0, cr4 on processor 0",
    );
    // The log has the dump of one processor alone.
    assert_told(
        &with_itself(&case("kvm-dmesg.txt"), &[]),
        "in neither snapshot: processor 0",
    );
    // What the driver notes beside VMSAVE is in no page, unless it is asked for.
    for pages in ["linux-guest-2vcpu.vmcb", "unpacked-attributes.vmcb"] {
        let ran = with_itself(&case(pages), &[]);
        assert_eq!((ran.exit, ran.stdout.as_str()), (0, "no difference\n"));
    }
    assert_told(
        &with_itself(
            &case("linux-guest-2vcpu.vmcb"),
            &["--columns", "efer_found,lstar"],
        ),
        "not in what the source prints: efer_found on processors 0-1",
    );
    let snapshot = Snapshot::open(case("xen-debug-key-v.txt")).unwrap();
    let lacks = Diff::between(&snapshot, &snapshot).not_compared;
    assert!(lacks.iter().all(|one| one.lack == Lack::NotRecorded));
}
