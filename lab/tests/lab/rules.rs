//! The lab's own rules: each one must be checked, and named when it is broken.

use std::fs;
use std::time::{Duration, Instant};

use lab::{Error, Stop, StopReason, Violation};
use object::read::pe::PeFile64;
use object::{NameOrOrdinal, Object};

use crate::support::{self, END_LIMIT, boot, config};

/// What the report of a violation must say.
#[expect(clippy::too_many_lines, reason = "a table")]
fn expected(violation: Violation) -> &'static str {
    match violation {
        Violation::WaitAtDispatch => {
            "rule KeWaitForSingleObject/irql: no timeout at IRQL 2, \
             the page allows <= APC_LEVEL (1)"
        }
        Violation::WaitOnGarbage => "rule KeWaitForSingleObject/initialized",
        Violation::WaitWithInterruptsOff => "rule KeWaitForSingleObject/interrupts",
        Violation::WaitForever => "no answer in time: waiting for the notification event",
        Violation::SetEventAboveDispatch => "rule KeSetEvent/irql",
        Violation::SetNullEvent => "rule KeSetEvent/pointer",
        Violation::EventInPagedPool => "rule KeInitializeEvent/resident",
        Violation::ReleaseForeignMutex => "rule KeReleaseMutex/owner",
        Violation::QueueUninitializedDpc => "rule KeInsertQueueDpc/initialized",
        Violation::InitializeQueuedDpc => "rule KeInitializeDpc/queued",
        Violation::UnknownImportance => "rule KeSetImportanceDpc/importance",
        Violation::FlushDpcsAtDispatch => "rule KeFlushQueuedDpcs/irql",
        Violation::DpcReturnsAtOtherIrql => "rule KDEFERRED_ROUTINE/irql",
        Violation::DpcReturnsWithInterruptsOff => "rule KDEFERRED_ROUTINE/interrupts",
        Violation::FreeQueuedDpc => "rule ExFreePoolWithTag/queued-dpc",
        Violation::AllocateAboveDispatch | Violation::AllocatePagedAtDispatch => {
            "rule ExAllocatePool2/irql"
        }
        Violation::AllocateNothing => "rule ExAllocatePool2/size",
        Violation::AllocateWithoutTag => "rule ExAllocatePool2/tag",
        Violation::AllocateTwoPools => "rule ExAllocatePool2/flags",
        Violation::AllocateExecutable => "rule ExAllocatePool2/executable",
        Violation::FreeTwice => "is not the start of a pool block: it is in freed pool block",
        Violation::FreeMiddle => "rule ExFreePool/block",
        Violation::FreeWithOtherTag => "rule ExFreePoolWithTag/tag",
        Violation::FreeAboveDispatch => "rule ExFreePoolWithTag/irql",
        Violation::WriteBehindPool => "rule ExFreePoolWithTag/overrun",
        Violation::WriteBeforePool => "rule ExFreePoolWithTag/underrun",
        Violation::ReadPastPool => "(behind pool block",
        Violation::ReadBeforePool => "(in front of pool block",
        Violation::FreeHeldMutex => "rule ExFreePoolWithTag/owned-mutex",
        Violation::DispatchReturnsWithMutex => "rule DRIVER_DISPATCH/mutex",
        Violation::ReadFreedPool | Violation::ReadFreedPoolElsewhere => "(in freed pool block",
        Violation::ExecutePool => "execution of non-executable memory",
        Violation::ContiguousWithoutProtection => "rule MmAllocateContiguousNodeMemory/protect",
        Violation::ContiguousOfNoNode => "rule MmAllocateContiguousNodeMemory/node",
        Violation::ContiguousExecutable => "rule MmAllocateContiguousNodeMemory/executable",
        Violation::FreeContiguousPool => "rule MmFreeContiguousMemory/block",
        Violation::WriteBehindContiguous => "rule MmFreeContiguousMemory/overrun",
        Violation::PhysicalOfUnmapped => "rule MmGetPhysicalAddress/resident",
        Violation::RaiseIrqlDown => "rule KfRaiseIrql/level",
        Violation::LowerIrqlUp => "rule KeLowerIrql/level",
        Violation::CompleteTwice => "rule IofCompleteRequest/once",
        Violation::CompletePending => "rule IofCompleteRequest/status",
        Violation::CompleteTooMuch => "rule IofCompleteRequest/information",
        Violation::ReturnOtherStatus => "rule DRIVER_DISPATCH/status",
        Violation::ReturnWithoutCompletion => "rule DRIVER_DISPATCH/completion",
        Violation::ReturnPendingUnmarked => "rule DRIVER_DISPATCH/pending",
        Violation::DispatchReturnsAtOtherIrql => "rule DRIVER_DISPATCH/irql",
        Violation::DispatchReturnsWithInterruptsOff => "rule DRIVER_DISPATCH/interrupts",
        Violation::ReadCompletedIrp => "(in freed IRP",
        Violation::CreateDeviceAtDispatch => "rule IoCreateDevice/irql",
        Violation::DeleteForeignDevice => "rule IoDeleteDevice/device",
        Violation::CreateLinkAtApc => "rule IoCreateSymbolicLink/irql",
        Violation::CreateAclMisaligned => "rule RtlCreateAcl/alignment",
        Violation::CreateDescriptorAtDispatch => "rule RtlCreateSecurityDescriptor/irql",
        Violation::CheckUnknownPrivilege => "rule SeSinglePrivilegeCheck/privilege",
        Violation::OpenForProcess => "rule ObOpenObjectByPointer/kernel-handle",
        Violation::OpenForeignObject => "rule ObOpenObjectByPointer/object",
        Violation::SetSecurityWithoutAccess => "rule ZwSetSecurityObject/access",
        Violation::CloseUnknownHandle => "rule ZwClose/handle",
        Violation::BugCheck => "KeBugCheckEx(0xe2, 0x1, 0x2, 0x3, 0x4)",
        Violation::WriteReadOnly => "write to read-only memory",
        Violation::InvalidOpcode => "#UD (vector 6)",
        Violation::StackOverflow => "(a stack or its guard page)",
        Violation::Panic => "the lab kernel panicked",
    }
}

fn stop_of(violation: Violation) -> (Box<Stop>, Error) {
    let mut lab = boot(&config(2));
    if violation == Violation::WaitForever {
        lab.set_timeout(Duration::from_millis(500));
    }
    match lab.violate(violation) {
        Err(Error::Stopped { stop, log }) => {
            let copy = stop.clone();
            (copy, Error::Stopped { stop, log })
        }
        other => panic!("{violation:?}: {other:?}"),
    }
}

#[test]
fn every_violation_is_noticed_and_named() {
    for &violation in Violation::all() {
        let (_, error) = stop_of(violation);
        let text = error.to_string();
        let expected = expected(violation);
        assert!(
            text.contains(expected),
            "{violation:?}: {expected:?} is not in:\n{text}"
        );
    }
}

#[test]
fn a_hang_ends_in_time_and_names_the_wait() {
    let started = Instant::now();
    let (stop, _) = stop_of(Violation::WaitForever);
    assert!(started.elapsed() < END_LIMIT);
    assert!(matches!(stop.reason, StopReason::Hang { .. }), "{stop}");
}

#[test]
fn a_fault_tells_where_and_on_which_processor() {
    let (stop, _) = stop_of(Violation::ReadFreedPoolElsewhere);
    assert_eq!(stop.processor, 1);
    let StopReason::Fault(fault) = &stop.reason else {
        panic!("{stop}");
    };
    assert_eq!(fault.vector, 14);
    // The image, the offset, and the function by the kernel's own symbols.
    let (place, function) = fault.at.split_once(" (").expect("a function's name");
    assert!(place.starts_with("lab-kernel+0x"), "{}", fault.at);
    assert!(function.contains("::"), "{}", fault.at);
    assert!(!fault.code.is_empty());
    let waiting = stop.others.iter().any(|other| other.processor == 0);
    assert!(
        waiting,
        "the processor that freed it is reported too: {stop}"
    );
}

#[test]
fn a_stopped_machine_stays_stopped() {
    let mut lab = boot(&config(1));
    assert!(matches!(
        lab.violate(Violation::Panic),
        Err(Error::Stopped { .. })
    ));
    assert!(matches!(lab.report(), Err(Error::Ended { .. })));
}

/// Highest IRQLs, as documentation pages have them.
const PASSIVE_LEVEL: u8 = 0;
const APC_LEVEL: u8 = 1;
const DISPATCH_LEVEL: u8 = 2;
const HIGHEST_DIRQL: u8 = 12;

/// The highest IRQL that the documentation of a routine allows; none for any.
fn highest_irql(routine: &str) -> Option<u8> {
    match routine {
        "IoCreateSymbolicLink"
        | "IoDeleteSymbolicLink"
        | "KeFlushQueuedDpcs"
        | "ObOpenObjectByPointer"
        | "SeSinglePrivilegeCheck"
        | "ZwClose"
        | "ZwSetSecurityObject" => Some(PASSIVE_LEVEL),
        "IoCreateDevice"
        | "IoDeleteDevice"
        | "KeWaitForSingleObject"
        | "RtlAddAccessAllowedAce"
        | "RtlCreateAcl"
        | "RtlCreateSecurityDescriptor"
        | "RtlSetDaclSecurityDescriptor" => Some(APC_LEVEL),
        "ExAllocatePool2"
        | "ExFreePool"
        | "IofCompleteRequest"
        | "KeClearEvent"
        | "KeQueryLogicalProcessorRelationship"
        | "KeReleaseMutex"
        | "KeSetEvent"
        | "MmAllocateContiguousNodeMemory"
        | "MmFreeContiguousMemory" => Some(DISPATCH_LEVEL),
        "DbgPrint" => Some(HIGHEST_DIRQL),
        "KeBugCheckEx"
        | "KeGetProcessorNumberFromIndex"
        | "KeInitializeDpc"
        | "KeInitializeEvent"
        | "KeInitializeMutex"
        | "KeInsertQueueDpc"
        | "KeQueryActiveProcessorCountEx"
        | "KeQueryMaximumProcessorCountEx"
        | "KeSetImportanceDpc"
        | "KeSetTargetProcessorDpcEx"
        | "MmGetPhysicalAddress"
        | "__C_specific_handler"
        | "memcmp"
        | "memcpy"
        | "memmove"
        | "memset" => None,
        _ => panic!("{routine} is imported: look its IRQL up"),
    }
}

#[test]
fn every_routine_that_the_driver_imports_checks_its_irql() {
    let driver = fs::read(support::driver()).unwrap();
    let driver = PeFile64::parse(driver.as_slice()).unwrap();
    let mut checking = 0;
    for import in driver.imports().unwrap() {
        let import = import.unwrap();
        let NameOrOrdinal::Name(name) = import.name() else {
            panic!("{import:?} has no name");
        };
        let routine = str::from_utf8(name).unwrap();
        // This one looks at the pool that is asked for first: see the violations.
        let Some(highest) = highest_irql(routine).filter(|_| routine != "ExAllocatePool2") else {
            continue;
        };
        let mut lab = boot(&config(1));
        match lab.call_at(routine, highest + 1) {
            Err(Error::Stopped { stop, .. }) => match &stop.reason {
                StopReason::Violation { rule, .. } => {
                    assert_eq!(*rule, format!("{routine}/irql"));
                }
                other => panic!("{routine}: {other}"),
            },
            other => panic!("{routine}: {other:?}"),
        }
        checking += 1;
    }
    assert!(checking > 15, "{checking}");
}
