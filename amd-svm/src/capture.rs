//! The capture itself: SVM on if it was off, VMSAVE, and the processor left as it was found.

use bytemuck::{Pod, Zeroable};

use crate::msr::{Efer, Msr};
use crate::support::{self, Refusal, Step, Supported};
use crate::{EferFault, Fault, Processor};

/// A completed capture. The state itself is in the page that belongs to the [`Processor`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Capture {
    /// Time-stamp counter right before VMSAVE, in cycles.
    pub tsc: u64,
    /// What the capture took.
    pub cycles: Cycles,
    /// `EFER` as found before the capture.
    pub efer_found: Efer,
    /// `EFER` as read after the capture: the same, or the processor did not take it back.
    pub efer_left: Efer,
}

/// What the parts of a capture took, in cycles of the time-stamp counter.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Pod, Zeroable)]
pub struct Cycles {
    /// The support check, and setting SVME if it was clear.
    pub prepare: u32,
    /// VMSAVE.
    pub vmsave: u32,
    /// Putting `EFER` back, and reading it.
    pub restore: u32,
}

/// Executes VMSAVE, and leaves `EFER` as found, whatever happens between.
///
/// The caller keeps interrupts off from before the call until after it, so that no other code sees
/// the processor with SVME set by the capture. The support check need not be that close: a caller
/// that wants captures of many processors at one time makes it before they wait for each other.
///
/// # Errors
///
/// The first refusal or fault. `EFER` is as found then too, unless the refusal says that
/// [restoring it](Step::RestoreEfer) raised an exception.
#[inline]
pub fn capture(processor: &mut impl Processor, supported: Supported) -> Result<Capture, Refusal> {
    let begun = processor.cycles();
    let found = Efer::from(support::read(processor, Msr::Efer)?);
    if !found.svme() {
        set_svme(processor, found)?;
    }
    let tsc = processor.tsc();
    if let Err(fault) = processor.vmsave() {
        return Err(give_up(processor, found, fault_at(Step::Vmsave, fault)));
    }
    let saved = processor.cycles();
    let efer_left = restore(processor, found)?;
    let restored = processor.cycles();
    #[expect(clippy::cast_possible_truncation, reason = "the lower half is meant")]
    let before = tsc as u32;
    Ok(Capture {
        tsc,
        cycles: Cycles {
            prepare: supported.cycles().wrapping_add(before.wrapping_sub(begun)),
            vmsave: saved.wrapping_sub(before),
            restore: restored.wrapping_sub(saved),
        },
        efer_found: found,
        efer_left,
    })
}

/// Does everything that [`capture`](capture()) does, but for VMSAVE: whether a capture would succeed.
/// Returns `EFER` as found.
///
/// The caller keeps interrupts off, as for [`capture`](capture()).
///
/// # Errors
///
/// The refusal or fault that a capture would end with, if it did not end with one of VMSAVE's
/// own. `EFER` is as found, as after [`capture`](capture()).
pub fn probe(processor: &mut impl Processor, _: Supported) -> Result<Efer, Refusal> {
    let found = Efer::from(support::read(processor, Msr::Efer)?);
    if !found.svme() {
        set_svme(processor, found)?;
        restore(processor, found)?;
    }
    Ok(found)
}

/// Sets SVME; if that does not succeed, `EFER` is as found.
///
/// A processor or hypervisor may drop the write without a fault; VMSAVE would raise `#UD`.
fn set_svme(processor: &mut impl Processor, found: Efer) -> Result<(), Refusal> {
    let refusal = match processor.write_and_read_efer(found.with_svme(true)) {
        Ok(efer) if efer.svme() => return Ok(()),
        Ok(_) => Refusal::SvmeDoesNotStick,
        Err(EferFault::Write(fault)) => return Err(fault_at(Step::SetSvme, fault)),
        Err(EferFault::Read(fault)) => fault_at(Step::ConfirmSvme, fault),
    };
    Err(give_up(processor, found, refusal))
}

/// Puts `EFER` back as it was found, if that takes a change, and reads it.
fn restore(processor: &mut impl Processor, found: Efer) -> Result<Efer, Refusal> {
    let left = if found.svme() {
        let left = processor.read_msr(Msr::Efer);
        left.map(Efer::from).map_err(EferFault::Read)
    } else {
        processor.write_and_read_efer(found)
    };
    left.map_err(|fault| match fault {
        EferFault::Write(fault) => fault_at(Step::RestoreEfer, fault),
        EferFault::Read(fault) => fault_at(Step::ConfirmEfer, fault),
    })
}

/// Puts `EFER` back as it was found after something failed; says what, or that putting it back
/// failed too.
#[cold]
fn give_up(processor: &mut impl Processor, found: Efer, refusal: Refusal) -> Refusal {
    if found.svme() {
        return refusal;
    }
    match processor.write_efer(found) {
        Ok(()) => refusal,
        Err(fault) => fault_at(Step::RestoreEfer, fault),
    }
}

fn fault_at(step: Step, fault: Fault) -> Refusal {
    Refusal::Fault { step, fault }
}

#[cfg(test)]
mod tests;
