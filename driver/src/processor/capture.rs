//! What a processor's DPC finds out, as a record of the reply.

use amd_svm::{
    Processor,
    capture::{self, Capture},
    cpuid::{self, SvmIdentity},
    intrinsics,
    support::{self, Refusal},
    witness::Witness,
};
use protocol::{Outcome, ProcessorId, Record, SnapshotRecord, StatusRecord};

use crate::{
    assembly::Assembly,
    processor::this_processor::{InterruptsOff, ThisProcessor},
    processor::vmcb_page::VmcbPage,
};

/// Asks the processor whether a capture would succeed. `IRQL == DISPATCH_LEVEL`.
///
/// A function of its own, so that the capture has the registers of the DPC to itself.
#[inline(never)]
pub(crate) fn rehearse(processor: &mut ThisProcessor, id: ProcessorId, record: &mut StatusRecord) {
    let SvmIdentity {
        revision,
        asids,
        features,
    } = cpuid::svm_identity(processor);
    let efer = support::check(processor).and_then(|supported| {
        let _interrupts = InterruptsOff::begin();
        capture::probe(processor, supported)
    });
    let (outcome, efer) = match efer {
        Ok(efer) => (Outcome::DONE, efer.into()),
        Err(refusal) => (refusal.into(), 0),
    };
    *record = StatusRecord {
        id,
        outcome,
        svm_features: features.into(),
        efer,
        asids,
        svm_revision: revision,
        reserved: [0; 3],
        vendor: cpuid::vendor(processor),
        hypervisor: cpuid::hypervisor(processor).unwrap_or_default(),
    };
}

/// Passes the gate, waits for the others, captures, copies what VMSAVE stored in the processor's
/// page, and reads the same without VMSAVE. `IRQL == DISPATCH_LEVEL`.
///
/// What the gate asks may take long under a hypervisor, and longer on one processor than on another:
/// so it comes before the processors meet. Whoever is refused is not waited for.
///
/// Each value goes from where it is found to where it belongs, once. The record holds something
/// else before: every field is named here, so that none can be left as it was.
#[inline]
pub(crate) fn capture(
    processor: &mut ThisProcessor,
    id: ProcessorId,
    page: &VmcbPage,
    assembly: &Assembly,
    record: &mut SnapshotRecord,
) {
    record.id = id;
    let supported = match support::check(processor) {
        Ok(supported) => supported,
        Err(refusal) => {
            assembly.excuse();
            return refuse(record, refusal);
        }
    };
    assembly.join(intrinsics::rdtsc);
    let _interrupts = InterruptsOff::begin();
    let Capture {
        tsc,
        cycles,
        efer_found,
        efer_left,
    } = match capture::capture(processor, supported) {
        Ok(capture) => capture,
        Err(refusal) => return refuse(record, refusal),
    };
    let SnapshotRecord {
        id: _,
        outcome,
        witness_outcome,
        tsc: tsc_place,
        efer_found: efer_found_place,
        efer_left: efer_left_place,
        state,
        witness,
        cycles: cycles_place,
        witness_cycles,
        reserved,
    } = record;
    *outcome = Outcome::DONE;
    *tsc_place = tsc;
    *efer_found_place = efer_found.into();
    *efer_left_place = efer_left.into();
    page.copy_vmsave_state(state);
    *cycles_place = cycles;
    *reserved = [0; 2];
    let asked = processor.cycles();
    *witness_outcome = match witness.read(processor) {
        Ok(()) => Outcome::DONE,
        Err(refusal) => {
            *witness = Witness::default();
            refusal.into()
        }
    };
    *witness_cycles = processor.cycles().wrapping_sub(asked);
}

/// Makes a record, which has its processor already, that of a refusal. Any IRQL.
#[cold]
fn refuse(record: &mut SnapshotRecord, refusal: Refusal) {
    *record = SnapshotRecord {
        outcome: refusal.into(),
        witness_outcome: refusal.into(),
        ..SnapshotRecord::not_reached(record.id)
    };
}
