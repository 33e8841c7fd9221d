//! Faults at each guarded instruction of a capture: the driver's records say what happened.

use amd_svm::Fault;
use amd_svm::msr::Msr;
use amd_svm::support::{Refusal, Step};
use lab::{Access, Error, GuardedInstruction, InjectedException, Injection, Lab};
use protocol::{Outcome, SnapshotRecord, StatusRecord};

use super::read;
use crate::support::fault_tally::FaultTally;
use crate::support::query::query;
use crate::support::{boot, config};

const PROCESSORS: u32 = 3;

const EXCEPTIONS: [(InjectedException, Fault); 2] = [
    (InjectedException::InvalidOpcode, Fault::InvalidOpcode),
    (
        InjectedException::GeneralProtection,
        Fault::GeneralProtection,
    ),
];

/// An instruction of a capture, by what it is and how many like it come before.
struct Point {
    step: Step,
    instruction: GuardedInstruction,
    skip: u32,
}

/// Every guarded instruction of a capture up to VMSAVE and the restoring of EFER.
fn points_of_the_capture() -> Vec<Point> {
    let point = |step, instruction, skip| Point {
        step,
        instruction,
        skip,
    };
    vec![
        point(Step::Read(Msr::VmCr), read(Msr::VmCr), 0),
        point(Step::Read(Msr::Efer), read(Msr::Efer), 0),
        point(Step::SetSvme, GuardedInstruction::WriteEfer, 0),
        point(Step::ConfirmSvme, read(Msr::Efer), 1),
        point(Step::Vmsave, GuardedInstruction::Vmsave, 0),
        point(Step::ConfirmEfer, read(Msr::Efer), 2),
    ]
}

/// Every guarded instruction of the independent reads.
fn points_of_the_witness() -> Vec<Point> {
    let registers = Msr::ALL
        .into_iter()
        .filter(|msr| !matches!(msr, Msr::VmCr | Msr::Efer));
    registers
        .map(|msr| Point {
            step: Step::Read(msr),
            instruction: read(msr),
            skip: 0,
        })
        .collect()
}

fn opened() -> (Lab, lab::Handle) {
    let mut lab = boot(&config(PROCESSORS));
    lab.load().unwrap_or_else(|error| panic!("{error}"));
    let handle = lab.open(protocol::USER_PATH, Access::READ).unwrap();
    (lab, handle)
}

fn efers(lab: &mut Lab) -> Vec<u64> {
    let efer = |index| lab.processor(index).unwrap().msrs.efer;
    (0..PROCESSORS).map(efer).collect()
}

fn inject(lab: &mut Lab, index: u32, point: &Point, exception: InjectedException) {
    let injection = Injection {
        instruction: point.instruction,
        exception,
        skip: point.skip,
        count: 1,
    };
    lab.inject_fault(index, injection).unwrap();
}

/// Injects a fault at each point, on each processor, and checks the snapshot; the
/// outcome that `outcome` picks must name the step.
fn every_fault_is_a_record(points: &[Point], outcome: fn(&SnapshotRecord) -> Outcome) {
    let (mut lab, handle) = opened();
    let before = efers(&mut lab);
    let mut tally = FaultTally::default();
    let mut injected = 0;
    for point in points {
        for (exception, fault) in EXCEPTIONS {
            for index in 0..PROCESSORS {
                inject(&mut lab, index, point, exception);
                tally.point();
                let reply = query::<SnapshotRecord>(&mut lab, handle, PROCESSORS);
                injected += 1;
                let step = point.step;
                for record in &reply.records {
                    if record.id.index == index {
                        let refusal = outcome(record).refusal();
                        assert_eq!(refusal, Some(Refusal::Fault { step, fault }));
                    } else {
                        assert!(record.outcome.is_done(), "{step:?} on {index}: {record:?}");
                        assert!(record.witness_outcome.is_done());
                    }
                }
                assert_eq!(efers(&mut lab), before, "{step:?} on {index}");
                assert_eq!(lab.report().unwrap().injected_faults(), injected);
                tally.survived();
            }
        }
    }
    let last = query::<SnapshotRecord>(&mut lab, handle, PROCESSORS);
    assert!(last.records.iter().all(|record| record.outcome.is_done()));
    assert!(!last.redacted);
    lab.close(handle).unwrap();
    let report = lab.unload().unwrap();
    tally.left_over(&report);
    assert!(report.is_clean(), "{report:?}");
    lab.shutdown().unwrap();
    assert_eq!(tally.print("injected faults"), injected);
}

#[test]
fn every_step_of_a_capture_may_fault_on_every_processor() {
    let points = points_of_the_capture();
    every_fault_is_a_record(&points, |record| record.outcome);
}

#[test]
fn every_independent_read_may_fault_and_leaves_the_capture_whole() {
    let points = points_of_the_witness();
    every_fault_is_a_record(&points, |record| {
        assert!(record.outcome.is_done());
        record.witness_outcome
    });
}

#[test]
fn a_refused_restoring_of_efer_is_reported() {
    let (mut lab, handle) = opened();
    let point = Point {
        step: Step::RestoreEfer,
        instruction: GuardedInstruction::WriteEfer,
        skip: 1,
    };
    inject(&mut lab, 1, &point, InjectedException::GeneralProtection);
    let reply = query::<SnapshotRecord>(&mut lab, handle, PROCESSORS);
    let expected = Refusal::Fault {
        step: Step::RestoreEfer,
        fault: Fault::GeneralProtection,
    };
    assert_eq!(reply.records[1].outcome.refusal(), Some(expected));
    assert_eq!(efers(&mut lab)[1] & 1 << 12, 1 << 12);
}

#[test]
fn a_processor_whose_every_read_faults_stops_no_other() {
    let (mut lab, handle) = opened();
    let injection = Injection {
        instruction: GuardedInstruction::ReadAny,
        exception: InjectedException::GeneralProtection,
        skip: 0,
        count: u32::MAX,
    };
    lab.inject_fault(2, injection).unwrap();
    for _ in 0..10 {
        let reply = query::<StatusRecord>(&mut lab, handle, PROCESSORS);
        let done: Vec<bool> = reply
            .records
            .iter()
            .map(|record| record.outcome.is_done())
            .collect();
        assert_eq!(done, [true, true, false]);
    }
    assert_eq!(lab.report().unwrap().injected_faults(), 10);
    lab.close(handle).unwrap();
    assert!(lab.unload().unwrap().is_clean());
}

#[test]
fn without_a_driver_there_is_nothing_to_inject_into() {
    let mut lab = boot(&config(1));
    let injection = Injection {
        instruction: GuardedInstruction::Vmsave,
        exception: InjectedException::InvalidOpcode,
        skip: 0,
        count: 1,
    };
    let refused = lab.inject_fault(0, injection);
    assert!(matches!(refused, Err(Error::Refused(_))), "{refused:?}");
}
