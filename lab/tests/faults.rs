//! Instructions that raise exceptions: the driver's own unwind tables bring each
//! one to the driver's handler, and its records say what happened.

#[path = "support/image.rs"]
mod image;
mod support;
#[path = "support/survey.rs"]
mod survey;
#[path = "support/tally.rs"]
mod tally;
#[path = "support/unwind_tables.rs"]
mod unwind_tables;

use std::path::Path;

use amd_svm::Fault;
use amd_svm::gate::{Refusal, Step};
use amd_svm::msr::Msr;
use lab::{
    Access, Config, Error, GuardedInstruction, InjectedException, Injection, Lab, StopReason,
};
use protocol::{Outcome, SnapshotRecord, StatusRecord};
use support::{boot, config};
use survey::survey;
use tally::Tally;
use unwind_tables::UnwindTables;

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

fn read(msr: Msr) -> GuardedInstruction {
    GuardedInstruction::ReadRegister(msr.number())
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
    let mut tally = Tally::default();
    let mut injected = 0;
    for point in points {
        for (exception, fault) in EXCEPTIONS {
            for index in 0..PROCESSORS {
                inject(&mut lab, index, point, exception);
                tally.point();
                let survey = survey::<SnapshotRecord>(&mut lab, handle, PROCESSORS);
                injected += 1;
                let step = point.step;
                for record in &survey.records {
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
    let last = survey::<SnapshotRecord>(&mut lab, handle, PROCESSORS);
    assert!(last.records.iter().all(|record| record.outcome.is_done()));
    assert!(!last.redacted);
    lab.close(handle).unwrap();
    let report = lab.unload().unwrap();
    tally.left_over(&report);
    assert!(report.is_clean(), "{report:?}");
    lab.shutdown().unwrap();
    assert_eq!(tally.tell("injected faults"), injected);
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
fn a_refused_restoring_of_efer_is_told() {
    let (mut lab, handle) = opened();
    let point = Point {
        step: Step::RestoreEfer,
        instruction: GuardedInstruction::WriteEfer,
        skip: 1,
    };
    inject(&mut lab, 1, &point, InjectedException::GeneralProtection);
    let survey = survey::<SnapshotRecord>(&mut lab, handle, PROCESSORS);
    let expected = Refusal::Fault {
        step: Step::RestoreEfer,
        fault: Fault::GeneralProtection,
    };
    assert_eq!(survey.records[1].outcome.refusal(), Some(expected));
    assert_eq!(efers(&mut lab)[1] & 1 << 12, 1 << 12);
}

#[test]
fn a_processor_whose_every_read_faults_stops_nobody_else() {
    let (mut lab, handle) = opened();
    let injection = Injection {
        instruction: GuardedInstruction::ReadAny,
        exception: InjectedException::GeneralProtection,
        skip: 0,
        count: u32::MAX,
    };
    lab.inject_fault(2, injection).unwrap();
    for _ in 0..10 {
        let survey = survey::<StatusRecord>(&mut lab, handle, PROCESSORS);
        let done: Vec<bool> = survey
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

/// Boots a machine with another driver than the one that was built.
fn boot_driver(config: &Config, driver: &Path) -> Lab {
    Lab::boot(config, &support::kernel(), driver).unwrap_or_else(|error| panic!("{error}"))
}

/// What ends a run whose driver's file was changed so: at loading, or at the first
/// fault.
fn end_of_run_with(change: impl FnOnce(&mut UnwindTables)) -> StopReason {
    let mut image = UnwindTables::read(&support::driver());
    change(&mut image);
    let file = image.write();
    let mut lab = boot_driver(&config(1), file.path());
    let loaded = lab.load();
    let ended = loaded.and_then(|_| {
        let handle = lab.open(protocol::USER_PATH, Access::READ)?;
        let injection = Injection {
            instruction: GuardedInstruction::ReadAny,
            exception: InjectedException::InvalidOpcode,
            skip: 0,
            count: 1,
        };
        lab.inject_fault(0, injection)?;
        survey::ask::<SnapshotRecord>(&mut lab, handle, 1).map(drop)
    });
    match ended {
        Err(Error::Stopped { stop, .. }) => stop.reason,
        other => panic!("{other:?}"),
    }
}

fn rule_against(change: impl FnOnce(&mut UnwindTables)) -> String {
    match end_of_run_with(change) {
        StopReason::Violation { rule, .. } => rule,
        other => panic!("{other}"),
    }
}

#[test]
fn unwind_tables_that_are_wrong_are_named() {
    let unsorted = rule_against(|image| {
        let (first, second) = (image.function(0), image.function(1));
        image.set_function(0, second);
        image.set_function(1, first);
    });
    assert_eq!(unsorted, "RtlLookupFunctionEntry/order");
    let outside = rule_against(|image| {
        let last = image.functions() - 1;
        let mut function = image.function(last);
        function[1] += 0x10_0000;
        image.set_function(last, function);
    });
    assert_eq!(outside, "RtlLookupFunctionEntry/image");
    let lost = rule_against(|image| {
        let [begin, end, _] = image.function(0);
        image.set_function(0, [begin, end, 0x10_0000]);
    });
    assert_eq!(lost, "RtlVirtualUnwind/image");
    let opcode = rule_against(|image| {
        let [_, _, info] = image.function(0);
        image.set_byte(info + 5, 0x07);
    });
    assert_eq!(opcode, "RtlVirtualUnwind/opcode");
    let handler = rule_against(|image| {
        let [_, _, info] = image.function(0);
        // The handler follows two slots of codes, and lies where no code is.
        image.set_u32(info + 8, 0);
    });
    assert_eq!(handler, "RtlVirtualUnwind/handler");
}

/// Changes a field of the first scope of every guarded function.
fn with_scope_field(index: u32, value: u32) -> impl FnOnce(&mut UnwindTables) {
    move |image| {
        for (_, data) in image.guarded_functions() {
            image.set_u32(data + 4 + 4 * index, value);
        }
    }
}

#[test]
fn scopes_that_are_wrong_are_named() {
    const TARGET: u32 = 3;
    const FILTER: u32 = 2;
    let target = rule_against(with_scope_field(TARGET, 0x10));
    assert_eq!(target, "__C_specific_handler/scope");
    let filter = rule_against(with_scope_field(FILTER, 0x10));
    assert_eq!(filter, "__C_specific_handler/filter");
}

#[test]
fn an_exception_without_a_handler_ends_the_run_with_its_frame() {
    let end = end_of_run_with(|image| {
        for (_, data) in image.guarded_functions() {
            // No scopes.
            image.set_u32(data, 0);
        }
    });
    let StopReason::Fault(fault) = end else {
        panic!("{end}");
    };
    assert_eq!(fault.vector, 6);
    assert!(fault.code.starts_with(&[0x0F]), "{:02x?}", fault.code);
}

#[test]
fn a_walk_that_loses_its_way_is_noticed() {
    let rule = rule_against(|image| {
        for (begin, data) in image.guarded_functions() {
            image.set_u32(data, 0);
            let info = image.unwind_info(begin);
            // Eight bytes of stack more than the prologue takes.
            let code = image.byte(info + 5);
            image.set_byte(info + 5, code + 0x10);
        }
    });
    assert_eq!(rule, "RtlVirtualUnwind/caller");
}

#[test]
fn a_filter_may_be_the_constant_one() {
    // The landing code then returns what the frame held; the run goes on.
    let mut image = UnwindTables::read(&support::driver());
    with_scope_field(2, 1)(&mut image);
    let file = image.write();
    let mut lab = boot_driver(&config(1), file.path());
    lab.load().unwrap();
    let handle = lab.open(protocol::USER_PATH, Access::READ).unwrap();
    let injection = Injection {
        instruction: read(Msr::VmCr),
        exception: InjectedException::InvalidOpcode,
        skip: 0,
        count: 1,
    };
    lab.inject_fault(0, injection).unwrap();
    survey::<SnapshotRecord>(&mut lab, handle, 1);
    assert_eq!(lab.report().unwrap().injected_faults(), 1);
    lab.close(handle).unwrap();
    assert!(lab.unload().unwrap().is_clean());
}
