//! What a processor's DPC finds out, as a record of the reply.

use amd_svm::{
    Processor,
    capture::{self, Capture},
    cpuid::{self, SvmIdentity},
    witness::{self, Witness},
};
use protocol::{Outcome, SnapshotRecord, StatusRecord};

use crate::{this_processor::ThisProcessor, vmcb_page::VmcbPage};

/// Asks the processor whether a capture would succeed. Any IRQL.
pub(crate) fn rehearse(processor: &mut ThisProcessor, record: &mut StatusRecord) {
    let SvmIdentity {
        revision,
        asids,
        features,
    } = cpuid::svm_identity(processor);
    record.svm_revision = revision;
    record.asids = asids;
    record.svm_features = features.into();
    record.vendor = cpuid::vendor(processor);
    record.hypervisor = cpuid::hypervisor(processor).unwrap_or_default();
    record.outcome = match capture::rehearse(processor) {
        Ok(admission) => {
            record.efer = admission.efer.into();
            Outcome::DONE
        }
        Err(refusal) => refusal.into(),
    };
}

/// Captures, copies what VMSAVE stored in the processor's page, and reads the same without VMSAVE.
/// Any IRQL.
#[inline]
pub(crate) fn capture(processor: &mut ThisProcessor, page: &VmcbPage, record: &mut SnapshotRecord) {
    match capture::capture(processor) {
        Ok(Capture {
            tsc,
            cycles,
            efer_found,
            efer_left,
        }) => {
            record.outcome = Outcome::DONE;
            record.tsc = tsc;
            record.cycles = cycles;
            record.efer_found = efer_found.into();
            record.efer_left = efer_left.into();
        }
        Err(refusal) => {
            record.outcome = refusal.into();
            record.witness_outcome = refusal.into();
            return;
        }
    }
    page.copy_vmsave_state(&mut record.state);
    let asked = lower_half(processor.tsc());
    record.witness_outcome = match witness::testify(processor, &mut record.witness) {
        Ok(()) => Outcome::DONE,
        Err(refusal) => {
            record.witness = Witness::default();
            refusal.into()
        }
    };
    record.witness_cycles = lower_half(processor.tsc()).wrapping_sub(asked);
}

/// The half of a time stamp that the length of a DPC fits into many times.
#[expect(clippy::cast_possible_truncation, reason = "the lower half is meant")]
fn lower_half(stamp: u64) -> u32 {
    stamp as u32
}
