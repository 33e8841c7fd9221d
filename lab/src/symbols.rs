//! Names for addresses of the kernel.

use std::fs;
use std::path::Path;

use lab_wire::{Activity, Stop, StopReason};
use object::read::elf::ElfFile64;
use object::{Endianness, Object, ObjectSymbol};

/// Where the kernel is linked; offsets in its messages count from here.
const KERNEL_BASE: u64 = 0xFFFF_FFFF_8000_0000;

/// What the kernel calls itself.
const PREFIX: &str = "lab-kernel+0x";

/// Adds function names to the kernel's own addresses in its crash report.
///
/// A kernel file that cannot be read adds none: the addresses still tell.
pub(crate) fn annotate(kernel: &Path, stop: &mut Stop) {
    let Ok(file) = fs::read(kernel) else { return };
    let Ok(elf) = ElfFile64::<Endianness>::parse(&*file) else {
        return;
    };
    for place in places(stop) {
        if let Some(name) = function(&elf, place) {
            *place = format!("{place} ({name})");
        }
    }
}

/// All places in code that the crash report names.
fn places(stop: &mut Stop) -> impl Iterator<Item = &mut String> {
    let mut places = Vec::new();
    match &mut stop.reason {
        StopReason::Violation { caller, .. } | StopReason::BugCheck { caller, .. } => {
            places.push(caller);
        }
        StopReason::Fault(fault) => places.push(&mut fault.at),
        StopReason::Hang { activity } => places.extend(activity_place(activity)),
        StopReason::Panic { .. } => {}
    }
    for other in &mut stop.others {
        places.push(&mut other.at);
        places.extend(activity_place(&mut other.activity));
    }
    places.into_iter()
}

fn activity_place(activity: &mut Activity) -> Option<&mut String> {
    match activity {
        Activity::Waiting { caller, .. } => Some(caller),
        Activity::Dpc { routine } => Some(routine),
        Activity::Idle | Activity::Thread => None,
    }
}

/// The function that a place of the kernel lies in.
fn function(elf: &ElfFile64<'_, Endianness>, place: &str) -> Option<String> {
    let offset = u64::from_str_radix(place.strip_prefix(PREFIX)?, 16).ok()?;
    let address = KERNEL_BASE.checked_add(offset)?;
    let symbol = elf
        .symbols()
        .filter(|symbol| (KERNEL_BASE..=address).contains(&symbol.address()))
        .max_by_key(ObjectSymbol::address)?;
    let name = rustc_demangle::demangle(symbol.name().ok()?);
    Some(format!("{name:#}+{:#x}", address - symbol.address()))
}

#[cfg(test)]
mod tests {
    use lab_wire::ProcessorPosition;

    use super::*;

    fn panic_with(at: &str) -> Stop {
        Stop {
            reason: StopReason::BugCheck {
                code: 0xE2,
                parameters: [0; 4],
                caller: at.to_owned(),
            },
            processor: 0,
            irql: 0,
            others: Vec::new(),
            calls: Vec::new(),
        }
    }

    #[test]
    fn a_missing_kernel_leaves_the_address() {
        let mut stop = panic_with("lab-kernel+0x101234");
        annotate(Path::new("/nonexistent"), &mut stop);
        assert_eq!(stop, panic_with("lab-kernel+0x101234"));
    }

    #[test]
    fn every_place_is_found() {
        let mut stop = panic_with("a");
        stop.others.push(ProcessorPosition {
            processor: 1,
            irql: 2,
            interrupts: true,
            at: "b".to_owned(),
            activity: Activity::Dpc {
                routine: "c".to_owned(),
            },
        });
        let found: Vec<_> = places(&mut stop).map(|place| place.clone()).collect();
        assert_eq!(found, ["a", "b", "c"]);
    }
}
