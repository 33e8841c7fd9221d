//! The capture algorithm, on every processor.

use core::fmt;
use core::sync::atomic::{AtomicUsize, Ordering};

use amd_svm::capture::{Capture, capture};
use amd_svm::msr::Efer;
use amd_svm::support;
use amd_svm::witness::Witness;

use crate::boot::{self, PROCESSOR_LIMIT};
use crate::console::say;
use crate::page::Page;
use crate::registers;
use crate::this_processor::ThisProcessor;

static PAGES: [Page; PROCESSOR_LIMIT] = [const { Page::new() }; PROCESSOR_LIMIT];

/// How many processors have taken their capture.
static TAKEN: AtomicUsize = AtomicUsize::new(0);

/// Whose turn it is: one processor after the other, so that the lines do not mix.
static TURN: AtomicUsize = AtomicUsize::new(0);

/// Starts the others, and waits until every processor has said what it captured.
pub(crate) fn run() {
    if boot::expected() > 1 {
        registers::send_interrupt(registers::INIT_OTHERS);
        registers::pause();
        registers::send_interrupt(registers::START_OTHERS);
    }
    take(0);
    while TURN.load(Ordering::SeqCst) < boot::expected() {
        core::hint::spin_loop();
    }
}

/// Captures on this processor as soon as all have started, and says what came of it.
pub(crate) fn take(number: usize) {
    TAKEN.fetch_add(1, Ordering::SeqCst);
    while TAKEN.load(Ordering::SeqCst) < boot::expected() {
        core::hint::spin_loop();
    }
    let processor = &mut ThisProcessor(&PAGES[number]);
    let mut witness = Witness::default();
    let captured = support::check(processor)
        .and_then(|supported| capture(processor, supported))
        .and_then(|captured| witness.read(processor).map(|()| captured));
    while TURN.load(Ordering::SeqCst) != number {
        core::hint::spin_loop();
    }
    let after = registers::read_msr(Efer::NUMBER);
    match captured {
        Ok(Capture {
            efer_found,
            efer_left,
            ..
        }) => say!(
            "record {number} {} {} {:x} {:x} {after:x}",
            Hexadecimal(bytemuck::bytes_of(&PAGES[number].state())),
            Hexadecimal(bytemuck::bytes_of(&witness)),
            u64::from(efer_found),
            u64::from(efer_left),
        ),
        Err(refusal) => say!("refused {number} {refusal}"),
    }
    TURN.fetch_add(1, Ordering::SeqCst);
}

/// Bytes in hexadecimal.
pub(crate) struct Hexadecimal<'a>(pub &'a [u8]);

impl fmt::Display for Hexadecimal<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
