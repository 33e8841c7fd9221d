//! What a processor's DPC finds out, as a record of the reply.

use amd_svm::{
    Processor,
    capture::{self, Capture},
    cpuid::{self, SvmIdentity},
    witness::{self, Witness},
};
use protocol::{Outcome, ProcessorId, Record, SnapshotRecord, StatusRecord};

use crate::{this_processor::ThisProcessor, vmcb_page::VmcbPage};

/// Asks the processor whether a capture would succeed. Any IRQL.
///
/// Apart from the capture, which has the registers of the DPC for itself so.
#[inline(never)]
pub(crate) fn rehearse(processor: &mut ThisProcessor, id: ProcessorId, record: &mut StatusRecord) {
    let SvmIdentity {
        revision,
        asids,
        features,
    } = cpuid::svm_identity(processor);
    let (outcome, efer) = match capture::rehearse(processor) {
        Ok(admission) => (Outcome::DONE, admission.efer.into()),
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

/// Captures, copies what VMSAVE stored in the processor's page, and reads the same without VMSAVE.
/// Any IRQL.
///
/// Each value goes from where it is found to where it belongs, once. The record holds something
/// else before: every field is named here, so that none can be left as it was.
#[inline]
pub(crate) fn capture(
    processor: &mut ThisProcessor,
    id: ProcessorId,
    page: &VmcbPage,
    record: &mut SnapshotRecord,
) {
    record.id = id;
    let Capture {
        tsc,
        cycles,
        efer_found,
        efer_left,
    } = match capture::capture(processor) {
        Ok(capture) => capture,
        Err(refusal) => {
            *record = SnapshotRecord {
                outcome: refusal.into(),
                witness_outcome: refusal.into(),
                ..SnapshotRecord::not_reached(record.id)
            };
            return;
        }
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
    let asked = lower_half(processor.tsc());
    *witness_outcome = match witness::testify(processor, witness) {
        Ok(()) => Outcome::DONE,
        Err(refusal) => {
            *witness = Witness::default();
            refusal.into()
        }
    };
    *witness_cycles = lower_half(processor.tsc()).wrapping_sub(asked);
}

/// The half of a time stamp that the length of a DPC fits into many times.
#[expect(clippy::cast_possible_truncation, reason = "the lower half is meant")]
fn lower_half(stamp: u64) -> u32 {
    stamp as u32
}
