//! Virtual machines whose host VMSAVE may reset.

use client::ProcessorModel;

use crate::fake::Driver;
use crate::run;

#[test]
fn no_vmsave_is_executed_before_the_user_agrees() {
    let files = [(); 2].map(|()| tempfile::NamedTempFile::new().unwrap());
    let [snapshot, page] = files.each_ref().map(|file| file.path().to_str().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let new_file = folder.path().join("new.json");
    let new_file = new_file.to_str().unwrap();
    for command in [
        &["show"][..],
        &[],
        &["check"],
        &["save", snapshot],
        &["report", page],
        &["watch", "--for", "1ms"],
        &["bench", "--rounds", "1"],
        &["diff", "examples/healthy.json"],
        &["selftest", "--quick", new_file],
    ] {
        let mut driver = Driver::with_processors(2);
        driver.resets_hosts = Some(ProcessorModel {
            family: 0x19,
            model: 0x61,
        });
        let refused = run(command, &mut driver);
        assert_eq!(
            (
                refused.exit,
                refused.stdout.as_str(),
                refused.stderr.as_str()
            ),
            (
                1,
                "",
                "client: this virtual machine runs on a processor of family 19h, model 61h, whose host \
                 VMSAVE may reset with all that runs on it (CVE-2024-53114): ask the administrator of the host \
                 whether its hypervisor switches virtualized VMSAVE off; then --yes goes on\n"
            ),
            "{command:?}"
        );
        assert!(driver.requests.is_empty());
        let agreed = run(&[command, &["--yes"]].concat(), &mut driver);
        assert!(
            !driver.requests.is_empty(),
            "{command:?}: {}",
            agreed.stderr
        );
    }
}

#[test]
fn the_status_executes_none() {
    let mut driver = Driver::with_processors(2);
    driver.resets_hosts = Some(ProcessorModel {
        family: 0x19,
        model: 0x61,
    });
    assert_eq!(run(&["status"], &mut driver).exit, 0);
}
