//! The lab's own rules: each one must be live, and name itself.

mod support;

use std::fs;
use std::time::{Duration, Instant};

use lab::{Config, Error, Misuse, Stop, StopReason};
use object::read::pe::PeFile64;
use object::{NameOrOrdinal, Object};
use support::{boot, config};

/// What the stop of a misuse must say.
fn expected(misuse: Misuse) -> &'static str {
    match misuse {
        Misuse::WaitAtDispatch => {
            "rule KeWaitForSingleObject/irql: no timeout at IRQL 2, \
             the page allows <= APC_LEVEL (1)"
        }
        Misuse::WaitOnGarbage => "rule KeWaitForSingleObject/initialized",
        Misuse::WaitWithInterruptsOff => "rule KeWaitForSingleObject/interrupts",
        Misuse::WaitForever => "no answer in time: waiting for the notification event",
        Misuse::SetEventAboveDispatch => "rule KeSetEvent/irql",
        Misuse::SetNullEvent => "rule KeSetEvent/pointer",
        Misuse::EventInPagedPool => "rule KeInitializeEvent/resident",
        Misuse::ReleaseForeignMutex => "rule KeReleaseMutex/owner",
        Misuse::QueueUninitializedDpc => "rule KeInsertQueueDpc/initialized",
        Misuse::InitializeQueuedDpc => "rule KeInitializeDpc/queued",
        Misuse::UnknownImportance => "rule KeSetImportanceDpc/importance",
        Misuse::FlushDpcsAtDispatch => "rule KeFlushQueuedDpcs/irql",
        Misuse::DpcReturnsAtOtherIrql => "rule KDEFERRED_ROUTINE/irql",
        Misuse::DpcReturnsWithInterruptsOff => "rule KDEFERRED_ROUTINE/interrupts",
        Misuse::FreeQueuedDpc => "rule ExFreePoolWithTag/queued-dpc",
        Misuse::AllocateAboveDispatch | Misuse::AllocatePagedAtDispatch => {
            "rule ExAllocatePool2/irql"
        }
        Misuse::AllocateNothing => "rule ExAllocatePool2/size",
        Misuse::AllocateWithoutTag => "rule ExAllocatePool2/tag",
        Misuse::AllocateTwoPools => "rule ExAllocatePool2/flags",
        Misuse::AllocateExecutable => "rule ExAllocatePool2/executable",
        Misuse::FreeTwice => "is not the start of a pool block: it is in freed pool block",
        Misuse::FreeMiddle => "rule ExFreePool/block",
        Misuse::FreeWithOtherTag => "rule ExFreePoolWithTag/tag",
        Misuse::FreeAboveDispatch => "rule ExFreePoolWithTag/irql",
        Misuse::WriteBehindPool => "rule ExFreePoolWithTag/overrun",
        Misuse::WriteBeforePool => "rule ExFreePoolWithTag/underrun",
        Misuse::ReadPastPool => "(behind pool block",
        Misuse::ReadBeforePool => "(in front of pool block",
        Misuse::FreeHeldMutex => "rule ExFreePoolWithTag/held-mutex",
        Misuse::DispatchReturnsWithMutex => "rule DRIVER_DISPATCH/mutex",
        Misuse::ReadFreedPool | Misuse::ReadFreedPoolElsewhere => "(in freed pool block",
        Misuse::ExecutePool => "execution of non-executable memory",
        Misuse::ContiguousWithoutProtection => "rule MmAllocateContiguousNodeMemory/protect",
        Misuse::ContiguousOfNoNode => "rule MmAllocateContiguousNodeMemory/node",
        Misuse::ContiguousExecutable => "rule MmAllocateContiguousNodeMemory/executable",
        Misuse::FreeContiguousPool => "rule MmFreeContiguousMemory/block",
        Misuse::WriteBehindContiguous => "rule MmFreeContiguousMemory/overrun",
        Misuse::PhysicalOfUnmapped => "rule MmGetPhysicalAddress/resident",
        Misuse::RaiseIrqlDown => "rule KfRaiseIrql/level",
        Misuse::LowerIrqlUp => "rule KeLowerIrql/level",
        Misuse::CompleteTwice => "rule IofCompleteRequest/once",
        Misuse::CompletePending => "rule IofCompleteRequest/status",
        Misuse::CompleteTooMuch => "rule IofCompleteRequest/information",
        Misuse::ReturnOtherStatus => "rule DRIVER_DISPATCH/status",
        Misuse::ReturnWithoutCompletion => "rule DRIVER_DISPATCH/completion",
        Misuse::ReturnPendingUnmarked => "rule DRIVER_DISPATCH/pending",
        Misuse::DispatchReturnsAtOtherIrql => "rule DRIVER_DISPATCH/irql",
        Misuse::DispatchReturnsWithInterruptsOff => "rule DRIVER_DISPATCH/interrupts",
        Misuse::ReadCompletedIrp => "(in freed IRP",
        Misuse::CreateDeviceAtDispatch => "rule IoCreateDevice/irql",
        Misuse::DeleteForeignDevice => "rule IoDeleteDevice/device",
        Misuse::CreateLinkAtApc => "rule IoCreateSymbolicLink/irql",
        Misuse::CreateAclMisaligned => "rule RtlCreateAcl/alignment",
        Misuse::CreateDescriptorAtDispatch => "rule RtlCreateSecurityDescriptor/irql",
        Misuse::CheckUnknownPrivilege => "rule SeSinglePrivilegeCheck/privilege",
        Misuse::OpenForProcess => "rule ObOpenObjectByPointer/kernel-handle",
        Misuse::OpenForeignObject => "rule ObOpenObjectByPointer/object",
        Misuse::SetSecurityWithoutAccess => "rule ZwSetSecurityObject/access",
        Misuse::CloseUnknownHandle => "rule ZwClose/handle",
        Misuse::BugCheck => "KeBugCheckEx(0xe2, 0x1, 0x2, 0x3, 0x4)",
        Misuse::WriteReadOnly => "write to read-only memory",
        Misuse::InvalidOpcode => "#UD (vector 6)",
        Misuse::StackOverflow => "(a stack or its guard page)",
        Misuse::Panic => "the lab kernel panicked",
    }
}

fn stop_of(misuse: Misuse) -> (Box<Stop>, Error) {
    let timeout = if misuse == Misuse::WaitForever {
        Duration::from_millis(500)
    } else {
        Duration::from_secs(20)
    };
    let mut lab = boot(&Config {
        timeout,
        ..config(2)
    });
    match lab.misuse(misuse) {
        Err(Error::Stopped { stop, log }) => {
            let copy = stop.clone();
            (copy, Error::Stopped { stop, log })
        }
        other => panic!("{misuse:?}: {other:?}"),
    }
}

#[test]
fn every_misuse_is_noticed_and_named() {
    for &misuse in Misuse::all() {
        let (_, error) = stop_of(misuse);
        let text = error.to_string();
        let expected = expected(misuse);
        assert!(
            text.contains(expected),
            "{misuse:?}: {expected:?} is not in:\n{text}"
        );
    }
}

#[test]
fn a_hang_ends_in_time_and_tells_who_waits() {
    let started = Instant::now();
    let (stop, _) = stop_of(Misuse::WaitForever);
    assert!(started.elapsed() < Duration::from_secs(10));
    assert!(matches!(stop.reason, StopReason::Hang { .. }), "{stop}");
}

#[test]
fn a_fault_tells_where_and_on_which_processor() {
    let (stop, _) = stop_of(Misuse::ReadFreedPoolElsewhere);
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
        "the processor that freed it is told of too: {stop}"
    );
}

#[test]
fn a_stopped_machine_stays_stopped() {
    let mut lab = boot(&config(1));
    assert!(matches!(
        lab.misuse(Misuse::Panic),
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
fn every_routine_that_the_driver_imports_minds_its_irql() {
    let driver = fs::read(support::driver()).unwrap();
    let driver = PeFile64::parse(driver.as_slice()).unwrap();
    let mut minding = 0;
    for import in driver.imports().unwrap() {
        let import = import.unwrap();
        let NameOrOrdinal::Name(name) = import.name() else {
            panic!("{import:?} has no name");
        };
        let routine = str::from_utf8(name).unwrap();
        // This one looks at the pool that is asked for first: see the misuses.
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
        minding += 1;
    }
    assert!(minding > 15, "{minding}");
}
