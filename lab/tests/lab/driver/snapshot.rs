//! What VMSAVE stored, against registers that the lab's kernel read without it.

use std::collections::HashSet;

use amd_svm::descriptor::{Descriptor, Selector};
use amd_svm::segment::Segment;
use amd_svm::vmcb::SystemCallRegisters;
use amd_svm::witness::{self, Witness};
use lab::{Config, Lab, ProcessorChange, ProcessorState};
use protocol::{SnapshotRecord, StatusRecord};

use super::client::{query_all, start, stop};
use crate::support::{boot, config};

/// Values that no other processor and no other register has.
pub(super) fn distinct(processor: u32) -> ProcessorChange {
    let value = |register: u64| {
        let low = 0x1_0000_0000 * (u64::from(processor) + 1) + 0x10_0000 * register;
        Some(low | 0xABC)
    };
    let kernel = |register: u64| value(register).map(|low| 0xFFFF_F000_0000_0000 | low);
    ProcessorChange {
        svme: None,
        star: value(1),
        lstar: kernel(2),
        cstar: kernel(3),
        sfmask: Some(0x4_0000 + u64::from(processor)),
        fs_base: value(4),
        gs_base: kernel(5),
        kernel_gs_base: value(6),
        sysenter_cs: Some(0x10 + 8 * u64::from(processor)),
        sysenter_esp: kernel(7),
        sysenter_eip: kernel(8),
        fs_descriptor: Some(0x0040_F300_0000_1000 + u64::from(processor)),
        gs_descriptor: None,
        tss_limit: Some(0x67 + processor),
    }
}

/// Compares a record with the lab's own reading of the same processor.
fn compare(record: &SnapshotRecord, truth: &ProcessorState) {
    assert!(record.outcome.is_done(), "{record:?}");
    assert_eq!(
        (record.id.group, record.id.number),
        (truth.group, truth.number)
    );
    let msrs = &truth.msrs;
    let system_call = SystemCallRegisters {
        star: msrs.star,
        lstar: msrs.lstar,
        cstar: msrs.cstar,
        sfmask: msrs.sfmask,
        kernel_gs_base: msrs.kernel_gs_base,
        sysenter_cs: msrs.sysenter_cs,
        sysenter_esp: msrs.sysenter_esp,
        sysenter_eip: msrs.sysenter_eip,
    };
    assert_eq!(record.state.system_call, system_call);
    compare_segment(&record.state.fs, &truth.fs, Some(msrs.fs_base));
    compare_segment(&record.state.gs, &truth.gs, Some(msrs.gs_base));
    compare_segment(&record.state.tr, &truth.tr, None);
    assert_eq!(record.state.ldtr.selector, truth.ldtr.selector);
    assert_eq!(record.efer_found, msrs.efer);
    assert_eq!(record.efer_left, msrs.efer);
    compare_witness(record, truth);
}

/// What the driver read without VMSAVE, which is the lab's own reading and what VMSAVE stored.
fn compare_witness(record: &SnapshotRecord, truth: &ProcessorState) {
    assert!(record.witness_outcome.is_done(), "{record:?}");
    let expected = Witness {
        system_call: record.state.system_call,
        fs_base: truth.msrs.fs_base,
        gs_base: truth.msrs.gs_base,
        fs_selector: truth.fs.selector,
        gs_selector: truth.gs.selector,
        tr_selector: truth.tr.selector,
        ldtr_selector: truth.ldtr.selector,
        fs_descriptor: truth.fs.descriptor,
        gs_descriptor: truth.gs.descriptor,
        tr_descriptor: [truth.tr.descriptor, truth.tr.descriptor_high],
    };
    assert_eq!(record.witness, expected);
    for comparison in witness::compare(&record.state, &record.witness) {
        assert!(comparison.agrees, "{comparison:?}");
    }
}

/// The hidden part against the descriptor, in the form that no processor stores differently.
fn compare_segment(stored: &Segment, truth: &lab::SelectedDescriptor, base: Option<u64>) {
    let descriptor = Descriptor {
        low: truth.descriptor,
        high: truth.descriptor_high,
    };
    let mut loaded = descriptor.load(Selector(truth.selector));
    loaded.base = base.unwrap_or(loaded.base);
    let canonical = witness::canonical_attributes;
    assert_eq!(canonical(stored), canonical(&loaded));
    loaded.attributes = stored.attributes;
    assert_eq!(*stored, loaded);
}

fn truths(lab: &mut Lab) -> Vec<ProcessorState> {
    let processors = lab.ready().processors;
    (0..processors)
        .map(|index| lab.processor(index).unwrap())
        .collect()
}

fn check_machine(config: &Config) {
    let mut lab = boot(config);
    let handle = start(&mut lab);
    for changed in [false, true] {
        if changed {
            for index in 0..config.processors {
                lab.set_processor(index, distinct(index)).unwrap();
            }
        }
        let before = truths(&mut lab);
        let records = query_all::<SnapshotRecord>(&mut lab, handle);
        assert_eq!(records.len(), before.len());
        for (record, truth) in records.iter().zip(&before) {
            compare(record, truth);
        }
        assert_eq!(before, truths(&mut lab), "a snapshot changes nothing");
        if changed {
            let values: HashSet<u64> = records
                .iter()
                .flat_map(|record| {
                    let calls = record.state.system_call;
                    [calls.star, calls.lstar, calls.cstar, calls.kernel_gs_base]
                })
                .collect();
            assert_eq!(values.len(), 4 * records.len());
        }
    }
    stop(&mut lab, handle);
    lab.shutdown().unwrap();
}

#[test]
fn every_value_of_8_processors_is_the_one_that_was_set() {
    check_machine(&config(8));
}

#[test]
fn every_value_of_255_processors_is_the_one_that_was_set() {
    check_machine(&config(255));
}

#[test]
fn one_processor_is_enough() {
    check_machine(&config(1));
}

#[test]
fn groups_of_odd_shapes_lose_no_processor() {
    check_machine(&Config {
        groups: vec![1, 3, 2],
        ..config(6)
    });
}

#[test]
fn svme_that_was_set_stays_set_and_the_others_stay_clear() {
    const SVME: u64 = 1 << 12;
    let mut lab = boot(&config(8));
    let handle = start(&mut lab);
    for index in [1, 4, 7] {
        let change = ProcessorChange {
            svme: Some(true),
            ..ProcessorChange::default()
        };
        lab.set_processor(index, change).unwrap();
    }
    let before = truths(&mut lab);
    let owned: Vec<u32> = (0..)
        .zip(&before)
        .filter(|(_, truth)| truth.msrs.efer & SVME != 0)
        .map(|(index, _)| index)
        .collect();
    assert_eq!(owned, [1, 4, 7]);
    let statuses = query_all::<StatusRecord>(&mut lab, handle);
    assert!(statuses.iter().all(|status| status.outcome.is_done()));
    let records = query_all::<SnapshotRecord>(&mut lab, handle);
    for ((record, status), truth) in records.iter().zip(&statuses).zip(&before) {
        compare(record, truth);
        assert_eq!(status.efer, truth.msrs.efer);
    }
    assert_eq!(before, truths(&mut lab));
    stop(&mut lab, handle);
    lab.shutdown().unwrap();
}
