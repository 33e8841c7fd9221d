//! The capture itself: SVM on if it was off, VMSAVE, and the processor left as it was found.

use crate::{
    Fault, Processor,
    gate::{self, Admission, Refusal, Step},
    msr::{Efer, Msr},
    witness::{self, Witness},
};

/// A completed capture. The state itself is in the page that belongs to the [`Processor`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Capture {
    /// Time-stamp counter right before VMSAVE, in cycles.
    pub tsc: u64,
    /// `EFER` as found before the capture.
    pub efer_found: Efer,
    /// `EFER` as read after the capture: the same, or the processor did not take it back.
    pub efer_left: Efer,
    /// The same state without VMSAVE, or why it could not be read.
    pub witness: Result<Witness, Refusal>,
}

/// Passes the gate, executes VMSAVE, leaves `EFER` as found, whatever happens between, and reads
/// the same state without VMSAVE.
///
/// The caller keeps interrupts off from before the call until after it, so that nobody sees the
/// processor with an `EFER.SVME` that is not his.
///
/// # Errors
///
/// The first refusal or fault. `EFER` is as found then too, unless the refusal says that
/// [restoring it](Step::RestoreEfer) raised an exception.
pub fn capture(processor: &mut impl Processor) -> Result<Capture, Refusal> {
    let Admission { efer } = gate::admit(processor)?;
    let tsc = with_svme(processor, efer, |processor| {
        let tsc = processor.tsc();
        processor
            .vmsave()
            .map_err(|fault| fault_at(Step::Vmsave, fault))?;
        Ok(tsc)
    })?;
    let efer_left = read_efer(processor, Step::ConfirmEfer)?;
    Ok(Capture {
        tsc,
        efer_found: efer,
        efer_left,
        witness: witness::testify(processor),
    })
}

/// Does everything that [`capture`] does, but for VMSAVE: whether a capture would succeed.
///
/// # Errors
///
/// The refusal or fault that a capture would end with, if it did not end with one of VMSAVE's
/// own. `EFER` is as found, as after [`capture`].
pub fn rehearse(processor: &mut impl Processor) -> Result<Admission, Refusal> {
    let admission = gate::admit(processor)?;
    with_svme(processor, admission.efer, |_| Ok(()))?;
    Ok(admission)
}

/// Runs `action` with `EFER.SVME` set, and puts `EFER` back if that took a change.
fn with_svme<P: Processor, T>(
    processor: &mut P,
    found: Efer,
    action: impl FnOnce(&mut P) -> Result<T, Refusal>,
) -> Result<T, Refusal> {
    if found.svme() {
        return action(processor);
    }
    processor
        .write_efer(found.with_svme(true))
        .map_err(|fault| fault_at(Step::SetSvme, fault))?;
    let outcome = confirm_svme(processor).and_then(|()| action(processor));
    match processor.write_efer(found) {
        Ok(()) => outcome,
        Err(fault) => Err(fault_at(Step::RestoreEfer, fault)),
    }
}

/// A processor or hypervisor may drop the write without a fault; VMSAVE would raise `#UD`.
fn confirm_svme(processor: &mut impl Processor) -> Result<(), Refusal> {
    if read_efer(processor, Step::ConfirmSvme)?.svme() {
        Ok(())
    } else {
        Err(Refusal::SvmeDoesNotStick)
    }
}

fn read_efer(processor: &mut impl Processor, step: Step) -> Result<Efer, Refusal> {
    processor
        .read_msr(Msr::Efer)
        .map(Efer::from)
        .map_err(|fault| fault_at(step, fault))
}

fn fault_at(step: Step, fault: Fault) -> Refusal {
    Refusal::Fault { step, fault }
}

#[cfg(test)]
mod tests;
