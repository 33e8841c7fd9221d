//! What a DPC finds out about its processor, as a record of the reply.

#![expect(
    unsafe_code,
    reason = "a processor that is captured is not left meanwhile"
)]

use core::sync::atomic::{AtomicBool, Ordering};

use amd_svm::capture::{self, Capture};
use amd_svm::cpuid::{self, SvmIdentity};
use amd_svm::support::{self, Refusal, Step};
use amd_svm::witness::Witness;
use amd_svm::{Fault, Processor, intrinsics};
use protocol::{Outcome, Record, SnapshotRecord, StatusRecord};
use svmsave_sync::Barrier;

use super::context::ProcessorContext;
use super::this_processor::{InterruptsOff, ThisProcessor};

/// How long a processor waits for the others, in cycles of the time-stamp counter: 15 to 50
/// microseconds on the processors of today. On a machine that runs nothing else, the last processor
/// comes much earlier; under a hypervisor it may have to be scheduled first, which takes longer than
/// a processor should be kept at `DISPATCH_LEVEL`.
const SPIN_LIMIT_TSC_CYCLES: u64 = 1 << 16;

/// Asks the processor whether a capture would succeed. `IRQL == DISPATCH_LEVEL`.
///
/// A function of its own, so that the capture has the registers of the DPC to itself.
///
/// # Safety
///
/// Called by the DPC of the context, on its processor.
#[inline(never)]
pub(crate) unsafe fn probe(context: &ProcessorContext, record: &mut StatusRecord) {
    let address = context.page().physical_address();
    // SAFETY: the page is the context's own, and a DPC does not change its processor.
    let processor = &mut unsafe { ThisProcessor::with_page(address) };
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
        id: context.id(),
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

/// Checks that VMSAVE is supported, waits for the other processors, captures, copies what VMSAVE
/// stored in the processor's page, and reads the same without VMSAVE. `IRQL == DISPATCH_LEVEL`.
///
/// The check may take long under a hypervisor, and longer on one processor than on another: so it
/// comes before the barrier. A processor that is refused is not waited for.
///
/// `page_refused` is set if VMSAVE was refused for the page.
///
/// Each value goes from where it is found to where it belongs, once. The record holds something
/// else before: every field is named here, so that none can be left as it was.
///
/// # Safety
///
/// Called by the DPC of the context, on its processor.
#[inline]
pub(crate) unsafe fn capture(
    context: &ProcessorContext,
    barrier: &Barrier,
    page_refused: &AtomicBool,
    record: &mut SnapshotRecord,
) {
    let address = context.page().physical_address();
    // SAFETY: the page is the context's own, and a DPC does not change its processor.
    let processor = &mut unsafe { ThisProcessor::with_page(address) };
    record.id = context.id();
    let supported = match support::check(processor) {
        Ok(supported) => supported,
        Err(refusal) => {
            barrier.withdraw();
            return refuse(record, refusal);
        }
    };
    // A processor that the limit sends ahead captures all the same, only not together with the
    // others.
    let _ = barrier.wait(intrinsics::rdtsc, SPIN_LIMIT_TSC_CYCLES);
    let _interrupts = InterruptsOff::begin();
    let Capture {
        tsc,
        cycles,
        efer_found,
        efer_left,
    } = match capture::capture(processor, supported) {
        Ok(capture) => capture,
        Err(refusal) => return refuse_capture(context, page_refused, record, refusal),
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
    context.page().copy_vmsave_state(state);
    *cycles_place = cycles;
    *reserved = [0; 2];
    let begun = processor.cycles();
    *witness_outcome = match witness.read(processor) {
        Ok(()) => Outcome::DONE,
        Err(refusal) => {
            *witness = Witness::default();
            refusal.into()
        }
    };
    *witness_cycles = processor.cycles().wrapping_sub(begun);
}

/// Makes a record that of a capture that was refused. `IRQL == DISPATCH_LEVEL`.
///
/// VMSAVE raises `#GP` for a page of ordinary memory where a processor without `SvmeAddrChk` (CPUID
/// `8000_000A`, EDX bit 28) compares its address with regions that the host has reserved, before it asks
/// whether a hypervisor intercepts: in a guest, one page may be such an address, and another not.
/// Source: KVM's `svm_gp_erratum_intercept`.
#[cold]
#[inline(never)]
fn refuse_capture(
    context: &ProcessorContext,
    page_refused: &AtomicBool,
    record: &mut SnapshotRecord,
    refusal: Refusal,
) {
    refuse(record, refusal);
    let fault = Fault::GeneralProtection;
    let step = Step::Vmsave;
    if refusal == (Refusal::Fault { step, fault }) {
        let page = context.refuse_page();
        record.outcome = record.outcome.with_page(page);
        record.witness_outcome = record.outcome;
        page_refused.store(true, Ordering::Relaxed);
    }
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
