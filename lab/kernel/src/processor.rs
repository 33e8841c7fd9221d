//! The logical processors: what each one owns, and how it finds it.
//!
//! A processor's own data is found through SGDT, so that a test may give GS, FS
//! and every system-call register any value.

#![expect(
    unsafe_code,
    reason = "processors find their own data by the address of a table"
)]

pub mod activity;
pub mod apic;
pub mod descriptors;
pub mod exceptions;
pub mod idle;
pub mod interrupts;
pub mod registers;
pub mod stack;
pub mod timer;

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::cell::UnsafeCell;
use core::ptr;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use spin::Once;
use x86_64::instructions::tables;

use crate::memory::{self, layout};
use crate::nt::dpc;
use crate::nt::exception::injection::Injector;
use crate::nt::thread::TokenCell;
use activity::ActivityCell;
use descriptors::Descriptors;
use idle::Mailbox;

/// Pages of a thread's and of a DPC stack: 24 KiB, as Windows has it, and a page
/// for what the lab itself puts below the driver's frames.
const STACK_PAGES: u64 = 7;
const EXCEPTION_STACK_PAGES: u64 = 4;

/// One logical processor.
#[repr(C, align(4096))]
pub struct Processor {
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
    /// DPCs that wait for this processor.
    pub dpcs: dpc::Queue,
    /// Work from other processors.
    pub mailbox: Mailbox,
    /// Whether anything but the idle loop is running, see [`memory::shootdown`].
    pub running: AtomicBool,
    /// Generation of the page tables that this processor has caught up with.
    pub translations: AtomicU64,
    /// Whether an interrupt is on its way that makes it catch up.
    pub flush_requested: AtomicBool,
    /// Clock ticks seen.
    pub ticks: AtomicU64,
    /// The fault that a test wants to happen here.
    pub injector: Injector,
    /// The token of the thread that runs here.
    pub token: TokenCell,
    /// What is being done here.
    pub activity: ActivityCell,
    /// What happened here.
    pub counters: Counters,
    /// Where a stopping kernel's NMI caught this processor.
    pub caught: activity::Caught,
}

/// What happened on one processor since boot.
#[derive(Default)]
pub struct Counters {
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

// SAFETY: The descriptors are only changed by the processor that they belong
// to, through `with_descriptors`; everything else synchronizes itself.
unsafe impl Sync for Processor {}

static PROCESSORS: Once<Vec<&'static Processor>> = Once::new();

impl Processor {
    fn new(index: u32) -> Self {
        let [thread_stack, dpc_stack] = [(); 2].map(|()| memory::allocate_stack(STACK_PAGES));
        let [double_fault_stack, nmi_stack] =
            [(); 2].map(|()| memory::allocate_stack(EXCEPTION_STACK_PAGES));
        Self {
            descriptors: UnsafeCell::new(Descriptors::new(
                double_fault_stack,
                nmi_stack,
                registers::compatibility_base(index),
            )),
            dpc_stack,
            thread_stack,
            index,
            control_region: registers::allocate_control_region(),
            dpcs: dpc::Queue::new(),
            mailbox: Mailbox::new(),
            running: AtomicBool::new(true),
            translations: AtomicU64::new(0),
            flush_requested: AtomicBool::new(false),
            ticks: AtomicU64::new(0),
            injector: Injector::new(),
            token: TokenCell::new(),
            activity: ActivityCell::new(),
            counters: Counters::default(),
            caught: activity::Caught::default(),
        }
    }

    /// Works on this processor's own descriptors.
    pub fn with_descriptors<R>(&'static self, f: impl FnOnce(&'static mut Descriptors) -> R) -> R {
        assert!(
            try_current().is_none_or(|here| ptr::eq(here, self)),
            "descriptors belong to their own processor"
        );
        // SAFETY: Only the processor itself comes here, and it doesn't nest.
        f(unsafe { &mut *self.descriptors.get() })
    }

    /// Loads this processor's descriptors and registers; from here on
    /// [`current`] works on it.
    pub fn take_over(&'static self) {
        self.with_descriptors(Descriptors::load);
        registers::initialize(self);
    }
}

/// Makes the data of all processors.
pub fn initialize(count: u32) {
    PROCESSORS.call_once(|| {
        (0..count)
            .map(|index| &*Box::leak(Box::new(Processor::new(index))))
            .collect()
    });
}

/// All processors, by index; empty while booting.
pub fn all() -> &'static [&'static Processor] {
    PROCESSORS.get().map_or(&[], Vec::as_slice)
}

/// The processor with an index.
pub fn get(index: u32) -> Option<&'static Processor> {
    all().get(usize::try_from(index).ok()?).copied()
}

/// How many processors there are.
pub fn count() -> u32 {
    u32::try_from(all().len()).expect("counted by a u32")
}

/// The processor that this runs on, if it has been taken over yet.
pub fn try_current() -> Option<&'static Processor> {
    let gdt = tables::sgdt().base.as_u64();
    if gdt >= layout::KERNEL_BASE {
        // The boot table is part of the kernel's image.
        return None;
    }
    let processor = memory::paging::pointer::<Processor>(gdt);
    // SAFETY: Any other table is the first field of a leaked `Processor`.
    Some(unsafe { &*processor })
}

/// The processor that this runs on.
pub fn current() -> &'static Processor {
    try_current().expect("this processor has been taken over")
}

/// Adds one to a counter.
pub fn count_one(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}
