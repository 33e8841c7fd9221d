//! Deferred procedure calls: one queue per processor, emptied by an interrupt
//! that `DISPATCH_LEVEL` holds back.

#![expect(unsafe_code, reason = "the queue calls the routines of drivers")]

use alloc::collections::VecDeque;
use alloc::sync::Arc;
use core::ffi::c_void;
use core::mem;
use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

use lab_wire::HotAddPoint;
use windows_sys::Win32::System::Kernel::SINGLE_LIST_ENTRY;
use x86_64::instructions::interrupts;

use super::rules::{Object, Routine};
use super::structures::{Field, KDPC, PROCESSOR_NUMBER, field};
use super::{hot_add, irql, processor_routines, resources, status};
use crate::base::lock::Lock;
use crate::image::symbol;
use crate::memory::uninitialized;
use crate::processor::activity::Kind;
use crate::processor::apic::{self, Vector};
use crate::processor::per_processor::{PROCESSOR_LIMIT, PerProcessor};
use crate::processor::{self, Processor, count_one, timer, translations};

/// `DpcObject` of `KOBJECTS`, which marks an initialised `KDPC`.
const DPC_OBJECT: u8 = 0x13;

/// Added to a processor index in `KDPC.Number` when a target was chosen.
const TARGETED: u16 = 0x500;

/// `KDPC_IMPORTANCE`.
mod importance {
    pub(super) const MEDIUM: u8 = 1;
    pub(super) const HIGH: u8 = 2;
    pub(super) const MEDIUM_HIGH: u8 = 3;
}

/// `KDEFERRED_ROUTINE`.
pub(crate) type DeferredRoutine =
    unsafe extern "win64" fn(*mut KDPC, *mut c_void, *mut c_void, *mut c_void);

/// `KDPC.DeferredRoutine`, whose calling convention the metadata leaves to the
/// target that it is compiled for.
const DEFERRED_ROUTINE: Field<KDPC, *const ()> = field!(KDPC, DeferredRoutine).retyped();

/// What waits in a queue.
enum Entry {
    /// A driver's DPC.
    Dpc(Object<KDPC>),
    /// Counts down when everything queued before it has run.
    Marker(Arc<AtomicU32>),
}

// SAFETY: the DPC is the driver's, which lets any processor run it.
unsafe impl Send for Entry {}

/// The DPCs that wait for one processor.
struct Queue {
    entries: Lock<VecDeque<Entry>>,
    /// A DPC waits for the next clock tick instead of an interrupt of its own.
    delayed: AtomicBool,
}

impl Queue {
    /// An empty queue.
    const fn new() -> Self {
        Self {
            entries: Lock::new(VecDeque::new()),
            delayed: AtomicBool::new(false),
        }
    }

    fn push(&self, entry: Entry, first: bool) {
        let mut entries = self.entries.lock();
        if first {
            entries.push_front(entry);
        } else {
            entries.push_back(entry);
        }
    }

    fn pop(&self) -> Option<Entry> {
        let entry = self.entries.lock().pop_front()?;
        if let Entry::Dpc(dpc) = entry {
            // From here on it may be queued again, even by its own routine.
            dpc.set(field!(KDPC, DpcData), core::ptr::null_mut());
        }
        Some(entry)
    }

    /// How many DPCs wait.
    fn len(&self) -> u32 {
        let entries = self.entries.lock();
        let dpcs = entries
            .iter()
            .filter(|entry| matches!(entry, Entry::Dpc(_)));
        u32::try_from(dpcs.count()).expect("fewer than memory")
    }

    /// A DPC whose object lies in a range of memory.
    fn find(&self, start: u64, end: u64) -> Option<u64> {
        let entries = self.entries.lock();
        entries.iter().find_map(|entry| match entry {
            Entry::Dpc(dpc) => (start..end).contains(&dpc.address()).then(|| dpc.address()),
            Entry::Marker(_) => None,
        })
    }
}

static QUEUES: PerProcessor<Queue> = PerProcessor::new([const { Queue::new() }; PROCESSOR_LIMIT]);

/// How many DPCs wait, on all processors.
pub(crate) fn queued() -> u32 {
    let all = processor::all().iter();
    all.map(|processor| QUEUES.of(processor).len()).sum()
}

/// The DPC interrupt: runs DPCs of this processor until none is left.
pub(crate) fn interrupt() {
    let here = processor::current();
    let interrupted = irql::current();
    irql::set(irql::DISPATCH_LEVEL);
    let was_running = here.running.swap(true, Ordering::SeqCst);
    translations::catch_up(here);
    interrupts::enable();
    while let Some(entry) = QUEUES.of(here).pop() {
        match entry {
            Entry::Dpc(dpc) => run(here, dpc),
            Entry::Marker(left) => {
                left.fetch_sub(1, Ordering::SeqCst);
            }
        }
    }
    interrupts::disable();
    here.running.store(was_running, Ordering::SeqCst);
    irql::set(interrupted);
}

fn run(here: &Processor, dpc: Object<KDPC>) {
    const ROUTINE: Routine = Routine("KDEFERRED_ROUTINE");
    // Everything is read before the call: the routine may free the object.
    let routine = dpc.get(DEFERRED_ROUTINE);
    let context = dpc.get(field!(KDPC, DeferredContext));
    let argument_1 = dpc.get(field!(KDPC, SystemArgument1));
    let argument_2 = dpc.get(field!(KDPC, SystemArgument2));
    let address = routine.addr() as u64;

    count_one(&here.counters.dpcs);
    let _activity = here.activity.enter(Kind::Dpc, address, 0);
    // SAFETY: `KeInitializeDpc` was given a routine of this type.
    let routine = unsafe { mem::transmute::<*const (), DeferredRoutine>(routine) };
    uninitialized::fill_stack();
    let start = timer::ticks();
    // SAFETY: this is the call that the driver asked for, with its own arguments.
    unsafe { routine(dpc.pointer(), context, argument_1, argument_2) };
    let taken = timer::ticks() - start;
    here.counters
        .longest_dpc
        .fetch_max(taken, Ordering::Relaxed);

    let irql = irql::current();
    ROUTINE.require(
        irql == irql::DISPATCH_LEVEL,
        "irql",
        format_args!(
            "{} returned at IRQL {irql}, it was called at DISPATCH_LEVEL (2)",
            symbol::name(address)
        ),
    );
    ROUTINE.require(
        interrupts::are_enabled(),
        "interrupts",
        format_args!(
            "{} returned with interrupts disabled, it was called with interrupts enabled",
            symbol::name(address)
        ),
    );
}

/// Sends the interrupts that were left to a clock tick.
pub(crate) fn request_delayed() {
    for target in processor::all() {
        if QUEUES.of(target).delayed.swap(false, Ordering::SeqCst) {
            apic::interrupt(target, Vector::Dispatch);
        }
    }
}

/// Ends the run if a queued DPC lies in memory that is about to go away.
pub(crate) fn forbid_queued_in(routine: Routine, start: u64, end: u64) {
    for processor in processor::all() {
        if let Some(dpc) = QUEUES.of(processor).find(start, end) {
            routine.violated(
                "queued-dpc",
                format_args!(
                    "the memory holds the DPC {dpc:#x}, which is queued on processor {}",
                    processor.index
                ),
            );
        }
    }
}

/// Ends the run if a DPC runs, or is queued to call, a routine that is about to go away.
pub(crate) fn forbid_routines_in(routine: Routine, start: u64, end: u64) {
    for processor in processor::all() {
        let running = processor.activity.dpc_routine();
        if let Some(address) = running.filter(|address| (start..end).contains(address)) {
            routine.violated(
                "running-dpc",
                format_args!(
                    "a DPC runs on processor {} that has not returned from {}",
                    processor.index,
                    symbol::name(address)
                ),
            );
        }
        let entries = QUEUES.of(processor).entries.lock();
        let calls = entries.iter().find_map(|entry| match entry {
            Entry::Dpc(dpc) => {
                let address = dpc.get(DEFERRED_ROUTINE).addr() as u64;
                (start..end).contains(&address).then_some(address)
            }
            Entry::Marker(_) => None,
        });
        if let Some(address) = calls {
            routine.violated(
                "queued-dpc",
                format_args!(
                    "a DPC is queued on processor {} that calls {}",
                    processor.index,
                    symbol::name(address)
                ),
            );
        }
    }
}

/// Whether a DPC waits in some queue.
fn is_queued(dpc: Object<KDPC>) -> bool {
    let address = dpc.address();
    processor::all()
        .iter()
        .any(|processor| QUEUES.of(processor).find(address, address + 1).is_some())
}

/// `KeInitializeDpc`: any level, resident storage, not for a queued DPC.
pub(crate) extern "win64" fn initialize(
    dpc: *mut KDPC,
    routine: Option<DeferredRoutine>,
    context: *mut c_void,
) {
    const ROUTINE: Routine = Routine("KeInitializeDpc");
    let dpc = ROUTINE.resident_object("Dpc", dpc);
    ROUTINE.require(
        !is_queued(dpc),
        "queued",
        format_args!("the DPC {:#x} is queued", dpc.address()),
    );
    let Some(routine) = routine else {
        ROUTINE.violated("routine", format_args!("DeferredRoutine is null"));
    };
    let mut object = KDPC {
        DpcListEntry: SINGLE_LIST_ENTRY::default(),
        DeferredContext: context,
        ..KDPC::default()
    };
    object.Anonymous.Anonymous.Type = DPC_OBJECT;
    object.Anonymous.Anonymous.Importance = importance::MEDIUM;
    dpc.write(object);
    dpc.set(DEFERRED_ROUTINE, routine as *const ());
}

/// A parameter that is an initialised DPC.
fn initialized(routine: Routine, dpc: *mut KDPC) -> Object<KDPC> {
    let dpc = routine.resident_object("Dpc", dpc);
    let kind = dpc.get(field!(KDPC, Anonymous.Anonymous.Type));
    routine.require(
        kind == DPC_OBJECT,
        "initialized",
        format_args!(
            "{:#x} is no DPC that KeInitializeDpc initialized: its type is {kind:#x}",
            dpc.address()
        ),
    );
    dpc
}

/// `KeSetTargetProcessorDpcEx`: any level.
pub(crate) extern "win64" fn set_target_processor(
    dpc: *mut KDPC,
    number: *const PROCESSOR_NUMBER,
) -> u32 {
    const ROUTINE: Routine = Routine("KeSetTargetProcessorDpcEx");
    let dpc = initialized(ROUTINE, dpc);
    let number = ROUTINE.object("ProcNumber", number);
    let number = PROCESSOR_NUMBER {
        Group: number.get(field!(PROCESSOR_NUMBER, Group)),
        Number: number.get(field!(PROCESSOR_NUMBER, Number)),
        Reserved: number.get(field!(PROCESSOR_NUMBER, Reserved)),
    };
    let index = processor_routines::index_of(number);
    let Some(index) = index.filter(|_| !resources::are_exhausted()) else {
        return status::INVALID_PARAMETER;
    };
    let index = u16::try_from(index).expect("fewer processors than that");
    dpc.set(field!(KDPC, Anonymous.Anonymous.Number), TARGETED + index);
    status::SUCCESS
}

/// `KeSetImportanceDpc`: any level.
pub(crate) extern "win64" fn set_importance(dpc: *mut KDPC, importance: u32) {
    const ROUTINE: Routine = Routine("KeSetImportanceDpc");
    let dpc = initialized(ROUTINE, dpc);
    match u8::try_from(importance) {
        Ok(importance) if importance <= importance::MEDIUM_HIGH => {
            dpc.set(field!(KDPC, Anonymous.Anonymous.Importance), importance);
        }
        _ => ROUTINE.violated(
            "importance",
            format_args!("{importance} is no KDPC_IMPORTANCE, those are 0 to 3"),
        ),
    }
}

/// Insertions that are still to come until one is refused; zero for none.
static UNTIL_REFUSAL: AtomicU64 = AtomicU64::new(0);

/// Makes the n-th insertion from now on be refused; zero takes that back.
pub(crate) fn refuse(nth: u64) {
    UNTIL_REFUSAL.store(nth, Ordering::SeqCst);
}

/// Counts an insertion, and tells whether it is to be refused.
fn is_refused() -> bool {
    let one_less = |left: u64| left.checked_sub(1);
    UNTIL_REFUSAL.fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less) == Ok(1)
}

/// `KeInsertQueueDpc`: any level; false if the DPC is queued already.
pub(crate) extern "win64" fn insert_queue(
    dpc: *mut KDPC,
    argument_1: *mut c_void,
    argument_2: *mut c_void,
) -> u8 {
    /// Makes testing and queueing one step among all processors.
    static INSERTING: Lock<()> = Lock::new(());

    let dpc = initialized(Routine("KeInsertQueueDpc"), dpc);
    let here = processor::current();
    let number = dpc.get(field!(KDPC, Anonymous.Anonymous.Number));
    let target = match number.checked_sub(TARGETED) {
        Some(index) => processor::get(u32::from(index)).expect("checked when it was set"),
        None => here,
    };
    let queue = QUEUES.of(target);
    let importance = dpc.get(field!(KDPC, Anonymous.Anonymous.Importance));
    {
        let _inserting = INSERTING.lock();
        if !dpc.get(field!(KDPC, DpcData)).is_null() || is_refused() {
            return 0;
        }
        dpc.set(field!(KDPC, SystemArgument1), argument_1);
        dpc.set(field!(KDPC, SystemArgument2), argument_2);
        // Windows keeps a pointer to the queue here; non-null means queued.
        let pointer = core::ptr::from_ref(queue).cast_mut().cast();
        dpc.set(field!(KDPC, DpcData), pointer);
        queue.push(Entry::Dpc(dpc), importance == importance::HIGH);
    }
    let urgent = matches!(importance, importance::HIGH | importance::MEDIUM_HIGH);
    if urgent || core::ptr::eq(target, here) {
        apic::interrupt(target, Vector::Dispatch);
    } else {
        // Windows doesn't interrupt another processor for less: the DPC runs
        // when that processor gets to it, at a clock tick at the latest.
        queue.delayed.store(true, Ordering::SeqCst);
        timer::request_tick();
    }
    hot_add::reached(HotAddPoint::DpcQueued);
    1
}

/// `KeFlushQueuedDpcs`: `PASSIVE_LEVEL`; returns when every DPC that is queued
/// now, on any processor, has run to its end.
pub(crate) extern "win64" fn flush_queued() {
    Routine("KeFlushQueuedDpcs").irql_at_most(irql::PASSIVE_LEVEL);
    let left = Arc::new(AtomicU32::new(processor::count()));
    for target in processor::all() {
        QUEUES.of(target).push(Entry::Marker(left.clone()), false);
        apic::interrupt(target, Vector::Dispatch);
    }
    while left.load(Ordering::SeqCst) > 0 {
        core::hint::spin_loop();
    }
}
