//! `client.exe install` and `uninstall` of signed packages, under Wine.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use distribution::Certificate;
use oracles::wine;
use wdk_linux::host::Workspace;

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join("set-up")
        .join(name)
}

/// A certificate for tests, which vouches for itself by this name.
fn certificate(workspace: &Workspace, name: &str) -> Certificate {
    let folder = folder("certificates");
    fs::create_dir_all(&folder).unwrap();
    let [key, certificate, both] =
        ["key", "certificate", "both"].map(|part| folder.join(format!("{name}-{part}.pem")));
    let output = Command::new("openssl")
        .args([
            "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
        ])
        .args(["-subj", &format!("/CN={name}")])
        .args(["-addext", "extendedKeyUsage=codeSigning"])
        .arg("-keyout")
        .arg(&key)
        .arg("-out")
        .arg(&certificate)
        .output()
        .unwrap();
    assert!(output.status.success());
    let text = fs::read_to_string(&key).unwrap() + &fs::read_to_string(&certificate).unwrap();
    fs::write(&both, text).unwrap();
    Certificate::find(workspace, Some(&both)).unwrap()
}

#[test]
fn install_upgrade_roll_back_and_uninstall_leave_nothing() {
    let workspace = Workspace::locate().unwrap();
    let packages = ["first", "second"].map(folder);
    for (name, package) in ["first", "second"].into_iter().zip(&packages) {
        let certificate = certificate(&workspace, name);
        distribution::assemble(&workspace, &certificate, package).unwrap();
    }
    let [first, second] = &packages;
    let verdict = wine::set_up(&workspace, [first, second]).unwrap();
    assert_eq!(verdict.violations(), [] as [String; 0]);
    assert!(verdict.compared() > 100, "{}", verdict.compared());
}
