//! Whose a snapshot is, and when it was taken.

use client::{Machine, Snapshot, Timestamp};
use serde_json::{Value, json};

use crate::fake::Driver;
use crate::files::{Folder, schema};
use crate::{output, run};

/// What a Windows tells of itself.
fn workstation() -> Machine {
    let mut machine = Machine::default();
    machine.host = Some("WS-0412".to_owned());
    machine.os = Some("Windows 11 Pro 24H2".to_owned());
    machine.os_build = Some("10.0.26100.4061".to_owned());
    machine.booted_at = Some(time("2026-01-30T06:00:00Z"));
    machine.processor.brand = Some("AMD Ryzen 9 7950X 16-Core Processor".to_owned());
    machine.processor.family = Some(0x19);
    machine.processor.model = Some(0x61);
    machine.processor.stepping = Some(2);
    machine.processor.microcode = Some(0x0A60_1206);
    machine.hypervisor = Some("Microsoft Hv".to_owned());
    machine.secure_boot = Some(false);
    machine.test_signing = Some(true);
    machine
}

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn driver() -> Driver {
    let mut driver = Driver::with_processors(2);
    driver.machine = workstation();
    driver.clock = Some(time("2026-01-31T08:15:30.125Z"));
    driver
}

#[test]
fn a_snapshot_says_whose_it_is_and_when_it_was_taken() {
    let text = output(&["show", "--json"], &mut driver());
    let document: Value = serde_json::from_str(&text).unwrap();
    assert!(schema().is_valid(&document));
    assert_eq!(
        document["machine"],
        json!({
            "host": "WS-0412",
            "os": "Windows 11 Pro 24H2",
            "os_build": "10.0.26100.4061",
            "booted_at": "2026-01-30T06:00:00Z",
            "processor": {
                "brand": "AMD Ryzen 9 7950X 16-Core Processor",
                "family": 25,
                "model": 97,
                "stepping": 2,
                "microcode": "0x0a601206",
            },
            "hypervisor": "Microsoft Hv",
            "secure_boot": false,
            "test_signing": true,
        })
    );
    assert_eq!(document["taken_at"], "2026-01-31T08:15:30.125Z");
    assert_eq!(
        document["client"],
        json!({"version": env!("CARGO_PKG_VERSION")})
    );
    let text = output(&["show"], &mut driver());
    let mut lines = text.lines().skip(1);
    assert_eq!(lines.next(), Some("WS-0412, 2026-01-31T08:15:30.125Z"));
}

#[test]
fn what_is_not_known_is_absent() {
    let text = output(&["show", "--json"], &mut Driver::with_processors(1));
    let document: Value = serde_json::from_str(&text).unwrap();
    for member in ["machine", "taken_at", "anonymous"] {
        assert_eq!(document.get(member), None, "{member}");
    }
    let text = output(&["show"], &mut Driver::with_processors(1));
    assert_eq!(text.lines().nth(1), Some(""));
}

#[test]
fn a_machine_survives_being_saved_and_loaded() {
    let folder = Folder::new();
    let [first, second] = ["a.json", "b.json"].map(|name| folder.path(name));
    let mut driver = driver();
    output(&["save", &first], &mut driver);
    driver.clock = None;
    output(&["save", &second, "--from", &first], &mut driver);
    let [first, second] = [first, second].map(|path| std::fs::read_to_string(path).unwrap());
    assert_eq!(first, second);
    let snapshot = Snapshot::parse(second.as_bytes()).unwrap();
    assert_eq!(snapshot.machine, workstation());
    assert_eq!(snapshot.taken_at, Some(time("2026-01-31T08:15:30.125Z")));
}

#[test]
fn a_machine_that_was_added_by_hand_to_an_old_file_survives_too() {
    let folder = Folder::new();
    let [old, new] = ["old.json", "new.json"].map(|name| folder.path(name));
    output(&["save", &old], &mut Driver::with_processors(1));
    let text = std::fs::read_to_string(&old).unwrap();
    let mut document: Value = serde_json::from_str(&text).unwrap();
    document["schema"] = json!(1);
    document["driver"] = Value::Null;
    document["machine"] = json!({"host": "b\u{fc}ro-7", "os": null});
    document["taken_at"] = json!("2025-12-24T18:00:00.123456789Z");
    document.as_object_mut().unwrap().remove("client");
    std::fs::write(&old, document.to_string()).unwrap();
    let mut driver = Driver::with_processors(1);
    output(&["save", &new, "--from", &old], &mut driver);
    let text = std::fs::read_to_string(&new).unwrap();
    let saved: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(saved["machine"], json!({"host": "b\u{fc}ro-7"}));
    assert_eq!(saved.get("client"), None);
    if cfg!(unix) {
        assert_eq!(saved["taken_at"], "2025-12-24T18:00:00.123456789Z");
    }
}

#[test]
fn a_name_that_a_terminal_would_obey_is_spelt_out() {
    let mut driver = driver();
    driver.machine.host = Some("WS\u{202e}\u{1b}[2J\n12".to_owned());
    for command in [
        ["show"].as_slice(),
        &["show", "--json"],
        &["show", "--group-by", "value"],
    ] {
        let ran = run(command, &mut driver);
        assert!(
            !ran.stdout.contains(['\u{202e}', '\u{1b}']),
            "{}",
            ran.stdout
        );
        assert!(ran.stdout.contains("202e"), "{}", ran.stdout);
    }
}
