//! What the driver does to the machine: how often it executes VMSAVE, which bytes it writes, and
//! what it leaves behind.

use amd_svm::support::Refusal;
use amd_svm::vmcb::{VMCB_SIZE, VMSAVE_RANGES, VmsaveState};
use amd_svm::witness::Witness;
use lab::{AllocationKind, Config, Operation, OperationResult, Thread};
use protocol::{CONTROL_SNAPSHOT, Request, SnapshotRecord, StatusRecord};

use super::client::{ROOM, query_all, start, stop};
use crate::support::{boot, config};

fn counting(processors: u32) -> Config {
    Config {
        log_instructions: true,
        ..config(processors)
    }
}

#[test]
fn each_snapshot_executes_vmsave_once_on_each_processor_and_status_never() {
    for processors in [1, 8, 64] {
        let mut lab = boot(&counting(processors));
        let handle = start(&mut lab);
        let processors = processors as usize;
        query_all::<StatusRecord>(&mut lab, handle);
        assert_eq!(lab.executed_vmsaves().unwrap(), vec![0; processors]);
        for snapshots in 1..=3 {
            query_all::<SnapshotRecord>(&mut lab, handle);
            assert_eq!(lab.executed_vmsaves().unwrap(), vec![snapshots; processors]);
        }
        stop(&mut lab, handle);
    }
}

#[test]
fn a_machine_without_svm_gets_the_reason_and_no_vmsave() {
    for (model, refusal) in [
        ("max,-svm", Refusal::NoSvm { hypervisor: true }),
        ("max,-svm,-hypervisor", Refusal::NoSvm { hypervisor: false }),
        ("max,vendor=GenuineIntel,-svm", Refusal::NotAmd),
        ("Skylake-Server", Refusal::NotAmd),
    ] {
        let mut lab = boot(&Config {
            processor_model: model.to_owned(),
            ..counting(4)
        });
        let handle = start(&mut lab);
        let statuses = query_all::<StatusRecord>(&mut lab, handle);
        for status in statuses {
            assert_eq!(status.outcome.refusal(), Some(refusal), "{model}");
        }
        let records = query_all::<SnapshotRecord>(&mut lab, handle);
        for record in records {
            assert_eq!(record.outcome.refusal(), Some(refusal), "{model}");
            assert_eq!(record.state, VmsaveState::default(), "{model}");
            assert_eq!(record.witness_outcome, record.outcome, "{model}");
            assert_eq!(record.witness, Witness::default(), "{model}");
        }
        assert_eq!(lab.executed_vmsaves().unwrap(), [0; 4]);
        stop(&mut lab, handle);
    }
}

#[test]
fn vmsave_writes_its_128_bytes_and_leaves_the_other_3968() {
    const FILLER: u8 = 0xA5;
    let mut lab = boot(&config(8));
    let handle = start(&mut lab);
    let report = lab.report().unwrap();
    let pages: Vec<u64> = report
        .allocations
        .iter()
        .filter(|allocation| allocation.kind == AllocationKind::Contiguous)
        .map(|allocation| allocation.physical_address)
        .collect();
    assert_eq!(pages.len(), 8);
    for &page in &pages {
        let before = lab.read_physical(page, 4096).unwrap();
        assert_eq!(
            before, [0; VMCB_SIZE],
            "a page is zeroed before its first use"
        );
        lab.write_physical(page, &[FILLER; VMCB_SIZE]).unwrap();
    }
    let records = query_all::<SnapshotRecord>(&mut lab, handle);
    let mut stored: Vec<VmsaveState> = Vec::new();
    for &page in &pages {
        let after: [u8; VMCB_SIZE] = lab.read_physical(page, 4096).unwrap().try_into().unwrap();
        let state = VmsaveState::read_from(&after);
        let mut expected = [FILLER; VMCB_SIZE];
        state.write_to(&mut expected);
        assert!(after == expected, "only VMSAVE's bytes are written");
        let written = VMSAVE_RANGES.iter().flat_map(Clone::clone).count();
        assert_eq!(written, 128);
        stored.push(state);
    }
    for record in records {
        assert!(stored.contains(&record.state));
    }
    stop(&mut lab, handle);
    lab.shutdown().unwrap();
}

#[test]
fn each_page_is_in_the_memory_of_its_processors_node() {
    let nodes = vec![2, 0, 1, 2, 0, 1];
    let mut lab = boot(&Config {
        groups: vec![4, 2],
        nodes: nodes.clone(),
        ..config(6)
    });
    let handle = start(&mut lab);
    let records = query_all::<SnapshotRecord>(&mut lab, handle);
    let allocations = lab.report().unwrap().allocations;
    let pages = allocations
        .iter()
        .filter(|allocation| allocation.kind == AllocationKind::Contiguous);
    let mut found = Vec::new();
    for page in pages {
        let bytes = lab.read_physical(page.physical_address, 4096).unwrap();
        let state = VmsaveState::read_from(&bytes.try_into().unwrap());
        let record = records.iter().find(|record| record.state == state);
        let index = record.expect("a processor with that state").id.index;
        assert_eq!(page.node, nodes[index as usize], "processor {index}");
        found.push(index);
    }
    found.sort_unstable();
    assert_eq!(found, [0, 1, 2, 3, 4, 5]);
    stop(&mut lab, handle);
}

#[test]
fn a_hundred_times_loaded_and_unloaded_nothing_is_left() {
    let mut lab = boot(&config(4));
    for _ in 0..100 {
        let handle = start(&mut lab);
        let records = query_all::<SnapshotRecord>(&mut lab, handle);
        assert!(records.iter().all(|record| record.outcome.is_done()));
        stop(&mut lab, handle);
    }
    lab.shutdown().unwrap();
}

#[test]
fn snapshots_allocate_nothing_once_the_driver_is_loaded() {
    let mut lab = boot(&config(8));
    let handle = start(&mut lab);
    let before = lab.report().unwrap();
    for _ in 0..10 {
        query_all::<SnapshotRecord>(&mut lab, handle);
        query_all::<StatusRecord>(&mut lab, handle);
    }
    let after = lab.report().unwrap();
    assert_eq!(after.allocations_made, before.allocations_made);
    assert_eq!(after.allocations, before.allocations);
    stop(&mut lab, handle);
}

#[test]
fn a_snapshot_is_one_dpc_for_each_processor() {
    let mut lab = boot(&config(8));
    let handle = start(&mut lab);
    let before = lab.report().unwrap();
    query_all::<SnapshotRecord>(&mut lab, handle);
    let after = lab.report().unwrap();
    for (before, after) in before.processors.iter().zip(&after.processors) {
        assert_eq!(after.dpcs, before.dpcs + 1);
    }
    stop(&mut lab, handle);
}

#[test]
fn clients_on_every_processor_at_once_all_get_whole_snapshots() {
    let mut lab = boot(&config(8));
    lab.load().unwrap();
    let threads = (0..8).map(|processor| {
        let handle = lab.open(protocol::USER_PATH, lab::Access::READ).unwrap();
        let snapshot = Operation::Ioctl {
            handle,
            code: CONTROL_SNAPSHOT,
            input: bytemuck::bytes_of(&Request::new()).to_vec(),
            output_length: ROOM,
        };
        let mut operations = vec![snapshot; 20];
        operations.push(Operation::Close { handle });
        Thread {
            processor,
            operations,
        }
    });
    let threads = threads.collect();
    for outcomes in lab.run(threads).unwrap() {
        assert_eq!(outcomes.len(), 21);
        for outcome in outcomes {
            match outcome {
                OperationResult::Ioctl(reply) => {
                    assert_eq!(reply.status, 0);
                    let reply = protocol::Reply::<SnapshotRecord>::parse(&reply.output).unwrap();
                    assert_eq!(reply.records().count(), 8);
                    assert!(reply.records().all(|record| record.outcome.is_done()));
                }
                other => assert_eq!(other, OperationResult::Close(0)),
            }
        }
    }
    assert!(lab.unload().unwrap().is_clean());
}
