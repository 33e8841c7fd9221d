//! Unwind and scope tables with changes: what is wrong in them is noticed, and named.

use std::path::Path;

use amd_svm::msr::Msr;
use lab::{
    Access, Config, Error, GuardedInstruction, InjectedException, Injection, Lab, StopReason,
};
use protocol::SnapshotRecord;

use super::read;
use crate::support::query::{self, query};
use crate::support::unwind_tables::UnwindTables;
use crate::support::{self, config};

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
        query::try_query::<SnapshotRecord>(&mut lab, handle, 1).map(drop)
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
fn unwinding_that_leads_to_no_caller_is_noticed() {
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
    query::<SnapshotRecord>(&mut lab, handle, 1);
    assert_eq!(lab.report().unwrap().injected_faults(), 1);
    lab.close(handle).unwrap();
    assert!(lab.unload().unwrap().is_clean());
}
