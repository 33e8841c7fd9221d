//! What VMSAVE stored, against the registers that QEMU's monitor shows.

use lab::monitor::{Contradiction, compare};
use lab::{Config, ProcessorChange};
use protocol::SnapshotRecord;

use super::client::{query_all, start, stop};
use super::snapshot::distinct;
use crate::support::{boot, config};

/// Selector, attributes, limit and base of FS, GS, LDTR and TR.
const VALUES: usize = 16;

fn watched(processors: u32) -> Config {
    Config {
        monitor: true,
        ..config(processors)
    }
}

/// Compares all values of a machine as it boots, and of one whose every processor differs.
fn every_value_is_the_one_that_the_monitor_shows(processors: u32) {
    let mut lab = boot(&watched(processors));
    let handle = start(&mut lab);
    for changed in [false, true] {
        if changed {
            for index in 0..processors {
                let change = ProcessorChange {
                    // Expand-down data with AVL, so that attributes differ too.
                    gs_descriptor: Some(0x0050_F700_0000_0010 + u64::from(index)),
                    ..distinct(index)
                };
                lab.set_processor(index, change).unwrap();
            }
        }
        let records = query_all::<SnapshotRecord>(&mut lab, handle);
        let shown = lab.qemu_registers().unwrap();
        assert_eq!(shown.len(), processors as usize);
        let compared = compare(&records, &shown).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(compared, VALUES * processors as usize);
    }
    stop(&mut lab, handle);
    lab.shutdown().unwrap();
}

#[test]
fn every_value_of_8_processors_is_the_one_that_the_monitor_shows() {
    every_value_is_the_one_that_the_monitor_shows(8);
}

#[test]
fn every_value_of_64_processors_is_the_one_that_the_monitor_shows() {
    every_value_is_the_one_that_the_monitor_shows(64);
}

#[test]
fn a_register_that_changes_after_the_snapshot_is_a_contradiction() {
    let mut lab = boot(&watched(2));
    let handle = start(&mut lab);
    let records = query_all::<SnapshotRecord>(&mut lab, handle);
    let change = ProcessorChange {
        tss_limit: Some(0x1234),
        ..ProcessorChange::default()
    };
    lab.set_processor(1, change).unwrap();
    let contradiction = compare(&records, &lab.qemu_registers().unwrap());
    let expected = Contradiction {
        processor: 1,
        register: "tr",
        part: "limit",
        stored: 0x67,
        shown: 0x1234,
    };
    assert_eq!(contradiction, Err(expected));
    stop(&mut lab, handle);
}

#[test]
fn a_machine_without_a_monitor_has_no_registers_to_show() {
    let lab = boot(&config(1));
    assert!(matches!(lab.qemu_registers(), Err(lab::Error::Config(_))));
}
