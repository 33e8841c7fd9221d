//! The logical processors: what each one owns, and how it finds it.
//!
//! A processor's own data is found through SGDT, so that a test may give GS, FS
//! and every system-call register any value. What an upper layer keeps for each processor is in
//! a [`per_processor::PerProcessor`] of its own.

#![expect(
    unsafe_code,
    reason = "processors find their own data by the address of a table"
)]

pub(crate) mod activity;
pub(crate) mod apic;
pub(crate) mod descriptors;
pub(crate) mod environment;
pub(crate) mod exceptions;
pub(crate) mod idle;
pub(crate) mod interrupts;
pub(crate) mod mailbox;
pub(crate) mod per_processor;
pub(crate) mod registers;
pub(crate) mod startup;
pub(crate) mod stop;
pub(crate) mod stop_position;
pub(crate) mod timer;
pub(crate) mod translations;

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::cell::UnsafeCell;
use core::ptr;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use spin::Once;
use x86_64::instructions::tables;

use activity::ActivityCell;
use descriptors::Descriptors;
use mailbox::Mailbox;
use stop_position::StopPosition;

use crate::base::address;

/// The memory that a processor is given, by address: stacks by their tops.
pub(crate) struct ProcessorMemory {
    /// The stack of its threads.
    pub thread_stack: u64,
    /// The stack of its DPCs.
    pub dpc_stack: u64,
    /// The stack of its double faults.
    pub double_fault_stack: u64,
    /// The stack of its non-maskable interrupts.
    pub nmi_stack: u64,
    /// The processor control region.
    pub control_region: u64,
}

/// One logical processor.
#[repr(C, align(4096))]
pub(crate) struct Processor {
    /// Must come first, see [`try_current`].
    descriptors: UnsafeCell<Descriptors>,
    /// Top of the stack that DPCs run on.
    pub dpc_stack: u64,
    /// Top of the stack that threads run on.
    pub thread_stack: u64,
    /// System-wide index, which is also the local APIC identifier.
    pub index: u32,
    /// Address that GS.base holds.
    pub control_region: u64,
    /// Work from other processors.
    pub mailbox: Mailbox,
    /// Whether anything but the idle loop is running, see [`translations`].
    pub running: AtomicBool,
    /// Generation of the page tables that this processor has caught up with.
    pub translations: AtomicU64,
    /// Whether an interrupt is on its way that makes it catch up.
    pub flush_requested: AtomicBool,
    /// Clock ticks seen.
    pub ticks: AtomicU64,
    /// What is being done here.
    pub activity: ActivityCell,
    /// What happened here.
    pub counters: Counters,
    /// Where this processor was when the run ended.
    pub stopped_at: StopPosition,
}

/// What happened on one processor since boot.
#[derive(Default)]
pub(crate) struct Counters {
    /// DPC routines run.
    pub dpcs: AtomicU64,
    /// DPC interrupts taken.
    pub dpc_interrupts: AtomicU64,
    /// Wake interrupts taken.
    pub wake_interrupts: AtomicU64,
    /// Threads run.
    pub threads: AtomicU64,
    /// Faults that were injected.
    pub injected_faults: AtomicU64,
    /// Ticks of the time-stamp counter that the longest DPC routine took.
    pub longest_dpc: AtomicU64,
}

// SAFETY: the descriptors are only changed by the processor that they belong
// to, through `with_descriptors`; everything else synchronizes itself.
unsafe impl Sync for Processor {}

static PROCESSORS: Once<Vec<&'static Processor>> = Once::new();

impl Processor {
    fn new(index: u32, memory: &ProcessorMemory) -> Self {
        Self {
            descriptors: UnsafeCell::new(Descriptors::new(
                memory.double_fault_stack,
                memory.nmi_stack,
                environment::compatibility_block(index),
            )),
            dpc_stack: memory.dpc_stack,
            thread_stack: memory.thread_stack,
            index,
            control_region: memory.control_region,
            mailbox: Mailbox::new(),
            running: AtomicBool::new(true),
            translations: AtomicU64::new(0),
            flush_requested: AtomicBool::new(false),
            ticks: AtomicU64::new(0),
            activity: ActivityCell::new(),
            counters: Counters::default(),
            stopped_at: StopPosition::default(),
        }
    }

    /// Works on this processor's own descriptors.
    pub(crate) fn with_descriptors<R>(
        &'static self,
        f: impl FnOnce(&'static mut Descriptors) -> R,
    ) -> R {
        assert!(
            try_current().is_none_or(|here| ptr::eq(here, self)),
            "descriptors belong to their own processor"
        );
        // SAFETY: only the processor itself comes here, and it doesn't nest.
        f(unsafe { &mut *self.descriptors.get() })
    }
}

/// Makes the data of all processors, each with memory of its own.
pub(crate) fn initialize(memory: impl Iterator<Item = ProcessorMemory>) {
    PROCESSORS.call_once(|| {
        (0..)
            .zip(memory)
            .map(|(index, memory)| &*Box::leak(Box::new(Processor::new(index, &memory))))
            .collect()
    });
}

/// All processors, by index; empty while booting.
pub(crate) fn all() -> &'static [&'static Processor] {
    PROCESSORS.get().map_or(&[], Vec::as_slice)
}

/// The processor with an index.
pub(crate) fn get(index: u32) -> Option<&'static Processor> {
    all().get(usize::try_from(index).ok()?).copied()
}

/// How many processors there are.
pub(crate) fn count() -> u32 {
    u32::try_from(all().len()).expect("counted by a u32")
}

/// The processor that this runs on, if it has been [brought up](startup::bring_up) yet.
pub(crate) fn try_current() -> Option<&'static Processor> {
    let gdt = tables::sgdt().base.as_u64();
    if gdt >= address::KERNEL_BASE {
        // The boot table is part of the kernel's image.
        return None;
    }
    let processor = address::pointer::<Processor>(gdt);
    // SAFETY: any other table is the first field of a leaked `Processor`.
    Some(unsafe { &*processor })
}

/// The processor that this runs on.
pub(crate) fn current() -> &'static Processor {
    try_current().expect("this processor has been brought up")
}

/// Adds one to a counter.
pub(crate) fn count_one(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}
