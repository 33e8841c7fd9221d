//! Dispatcher objects: what threads wait for. Events and mutexes are here, and
//! the wait.

#![expect(unsafe_code, reason = "drivers pass time-outs as raw pointers")]

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::hint;
use core::sync::atomic::{AtomicU32, Ordering};

use windows_sys::Win32::System::Kernel::LIST_ENTRY;
use x86_64::instructions::interrupts;

use super::rules::{Object, Routine};
use super::structures::{KEVENT, KMUTANT, field};
use super::{irql, mutex_owners, status, thread};
use crate::base::address;
use crate::base::lock::Lock;
use crate::image::symbol;
use crate::memory;
use crate::processor::activity::Kind;
use crate::processor::apic::{self, Vector};
use crate::processor::{self, idle, timer};

/// `KOBJECTS`, as far as the lab knows them.
mod kind {
    pub(super) const NOTIFICATION_EVENT: u8 = 0;
    pub(super) const SYNCHRONIZATION_EVENT: u8 = 1;
    pub(super) const MUTANT: u8 = 2;
}

/// `KPROCESSOR_MODE`.
const USER_MODE: i8 = 1;

/// `Size` of a dispatcher header counts in these.
const SIZE_UNIT: usize = size_of::<u32>();

/// A wait that is not yet satisfied.
struct Waiter {
    object: u64,
    processor: u32,
}

/// All waits, and the right to change a dispatcher object.
static WAITERS: Lock<Vec<Waiter>> = Lock::new(Vec::new());

/// The part that all dispatcher objects begin with; an event is nothing more.
type Header = KEVENT;

fn size_of_kind(kind: u8) -> Option<usize> {
    match kind {
        kind::NOTIFICATION_EVENT | kind::SYNCHRONIZATION_EVENT => Some(size_of::<KEVENT>()),
        kind::MUTANT => Some(size_of::<KMUTANT>()),
        _ => None,
    }
}

fn kind_of(object: Object<Header>) -> u8 {
    object.get(field!(KEVENT, Header.Anonymous.Anonymous2.Type))
}

/// A parameter that is an initialised dispatcher object.
fn initialized(routine: Routine, parameter: &str, pointer: *const Header) -> Object<Header> {
    let object = routine.resident_object(parameter, pointer);
    let kind = kind_of(object);
    let size = object.get(field!(KEVENT, Header.Anonymous.Anonymous2.Size));
    routine.require(
        size_of_kind(kind) == Some(usize::from(size) * SIZE_UNIT),
        "initialized",
        format_args!(
            "{parameter} {:#x} is no initialized dispatcher object: type {kind}, size {size}",
            object.address()
        ),
    );
    object
}

fn initialized_event(routine: Routine, pointer: *const KEVENT) -> Object<KEVENT> {
    let event = initialized(routine, "Event", pointer);
    routine.require(
        kind_of(event) != kind::MUTANT,
        "initialized",
        format_args!("Event {:#x} is a mutex", event.address()),
    );
    event
}

fn initialized_mutex(routine: Routine, pointer: *const KMUTANT) -> Object<KMUTANT> {
    let mutex = initialized(routine, "Mutex", pointer.cast());
    routine.require(
        kind_of(mutex) == kind::MUTANT,
        "initialized",
        format_args!("Mutex {:#x} is an event", mutex.address()),
    );
    routine.object("Mutex", pointer)
}

/// Writes a dispatcher header; no thread may be waiting for what was there.
fn initialize_header(routine: Routine, object: Object<Header>, kind: u8, state: i32) {
    forbid_waiters_in(routine, object.address(), object.address() + 1);
    let size = size_of_kind(kind).expect("a known kind") / SIZE_UNIT;
    let list = field!(KEVENT, Header.WaitListHead).of(object.pointer());
    let mut header = KEVENT::default();
    header.Header.Anonymous.Anonymous2.Type = kind;
    header.Header.Anonymous.Anonymous2.Size = u8::try_from(size).expect("a small object");
    header.Header.SignalState = state;
    header.Header.WaitListHead = LIST_ENTRY {
        Flink: list,
        Blink: list,
    };
    object.write(header);
}

/// Ends the run if a thread waits for an object in memory that is about to change.
pub(crate) fn forbid_waiters_in(routine: Routine, start: u64, end: u64) {
    let waiters = WAITERS.lock();
    if let Some(waiter) = waiters.iter().find(|w| (start..end).contains(&w.object)) {
        routine.violated(
            "waited-for",
            format_args!(
                "a thread on processor {} waits for the object {:#x}",
                waiter.processor, waiter.object
            ),
        );
    }
}

/// How many threads wait.
pub(crate) fn waiting() -> u32 {
    u32::try_from(WAITERS.lock().len()).expect("one for each processor")
}

/// What kind of object lies at an address.
pub(crate) fn describe(address: u64) -> String {
    if !memory::is_mapped(address, size_of::<Header>() as u64, false) {
        return String::from("freed object");
    }
    let object = Object::own(address::pointer::<Header>(address));
    match kind_of(object) {
        kind::NOTIFICATION_EVENT => String::from("notification event"),
        kind::SYNCHRONIZATION_EVENT => String::from("synchronization event"),
        kind::MUTANT => String::from("mutex"),
        other => format!("object of type {other}"),
    }
}

/// Takes an object for a thread if it is signalled.
fn try_satisfy(object: Object<Header>, thread: *mut isize) -> bool {
    let signal_state = field!(KEVENT, Header.SignalState);
    let state = object.get(signal_state);
    match kind_of(object) {
        kind::NOTIFICATION_EVENT => state > 0,
        kind::SYNCHRONIZATION_EVENT => {
            object.set(field!(KEVENT, Header.SignalState), 0);
            state > 0
        }
        _ => {
            let mutex = Object::own(object.pointer().cast::<KMUTANT>());
            let owner = mutex.get(field!(KMUTANT, OwnerThread));
            if state <= 0 && owner != thread {
                return false;
            }
            object.set(field!(KEVENT, Header.SignalState), state - 1);
            mutex.set(field!(KMUTANT, OwnerThread), thread);
            if owner != thread {
                mutex_owners::add(mutex.address(), thread);
            }
            true
        }
    }
}

/// Wakes the processors whose threads wait for an object.
fn wake(object: u64) {
    let processors: Vec<u32> = WAITERS
        .lock()
        .iter()
        .filter(|waiter| waiter.object == object)
        .map(|waiter| waiter.processor)
        .collect();
    for target in processors.into_iter().filter_map(processor::get) {
        apic::interrupt(target, Vector::Wake);
    }
}

/// `KeInitializeEvent`: any level, resident storage.
pub(crate) extern "win64" fn initialize_event(event: *mut KEVENT, kind: i32, state: u8) {
    const ROUTINE: Routine = Routine("KeInitializeEvent");
    let event = ROUTINE.resident_object("Event", event);
    let kind = match kind {
        0 => kind::NOTIFICATION_EVENT,
        1 => kind::SYNCHRONIZATION_EVENT,
        _ => ROUTINE.violated(
            "type",
            format_args!("{kind} is no EVENT_TYPE, those are 0 and 1"),
        ),
    };
    initialize_header(ROUTINE, event, kind, i32::from(state != 0));
}

/// `KeSetEvent`: `<= DISPATCH_LEVEL`, with `Wait` `<= APC_LEVEL`.
pub(crate) extern "win64" fn set_event(event: *mut KEVENT, _increment: i32, wait: u8) -> i32 {
    const ROUTINE: Routine = Routine("KeSetEvent");
    ROUTINE.irql_at_most(if wait == 0 {
        irql::DISPATCH_LEVEL
    } else {
        irql::APC_LEVEL
    });
    let event = initialized_event(ROUTINE, event);
    let address = event.address();
    let previous = {
        let _waiters = WAITERS.lock();
        let previous = event.get(field!(KEVENT, Header.SignalState));
        event.set(field!(KEVENT, Header.SignalState), 1);
        previous
    };
    // From here on the event may be gone: the thread that waited for it may free it.
    wake(address);
    if processor::current().activity.kind() == Kind::Dpc {
        for _ in 0..DPC_DELAY_SPINS.load(Ordering::Relaxed) {
            hint::spin_loop();
        }
    }
    previous
}

/// Turns of a spin loop by which [`set_event`] returns late to a DPC.
static DPC_DELAY_SPINS: AtomicU32 = AtomicU32::new(0);

/// Makes DPCs that set an event run on for this many turns of a spin loop.
pub(crate) fn delay_set_event(spins: u32) {
    DPC_DELAY_SPINS.store(spins, Ordering::Relaxed);
}

/// `KeClearEvent`: `<= DISPATCH_LEVEL`.
pub(crate) extern "win64" fn clear_event(event: *mut KEVENT) {
    reset(Routine("KeClearEvent"), event);
}

/// `KeResetEvent`: `<= DISPATCH_LEVEL`.
pub(crate) extern "win64" fn reset_event(event: *mut KEVENT) -> i32 {
    reset(Routine("KeResetEvent"), event)
}

fn reset(routine: Routine, event: *mut KEVENT) -> i32 {
    routine.irql_at_most(irql::DISPATCH_LEVEL);
    let event = initialized_event(routine, event);
    let _waiters = WAITERS.lock();
    let previous = event.get(field!(KEVENT, Header.SignalState));
    event.set(field!(KEVENT, Header.SignalState), 0);
    previous
}

/// `KeInitializeMutex`: any level, resident storage.
pub(crate) extern "win64" fn initialize_mutex(mutex: *mut KMUTANT, _level: u32) {
    const ROUTINE: Routine = Routine("KeInitializeMutex");
    let mutex = ROUTINE.resident_object("Mutex", mutex);
    mutex.write(KMUTANT {
        ApcDisable: 1,
        ..KMUTANT::default()
    });
    initialize_header(
        ROUTINE,
        Object::own(mutex.pointer().cast()),
        kind::MUTANT,
        1,
    );
}

/// `KeReleaseMutex`: `<= DISPATCH_LEVEL`, by the thread that owns it.
pub(crate) extern "win64" fn release_mutex(mutex: *mut KMUTANT, wait: u8) -> i32 {
    const ROUTINE: Routine = Routine("KeReleaseMutex");
    ROUTINE.irql_at_most(if wait == 0 {
        irql::DISPATCH_LEVEL
    } else {
        irql::APC_LEVEL
    });
    let mutex = initialized_mutex(ROUTINE, mutex);
    let thread = thread::current();
    let (previous, released) = {
        let _waiters = WAITERS.lock();
        let owner = mutex.get(field!(KMUTANT, OwnerThread));
        ROUTINE.require(
            owner == thread,
            "owner",
            format_args!(
                "thread {:#x} releases the mutex {:#x}, which thread {:#x} owns",
                thread.addr(),
                mutex.address(),
                owner.addr()
            ),
        );
        let previous = mutex.get(field!(KMUTANT, Header.SignalState));
        mutex.set(field!(KMUTANT, Header.SignalState), previous + 1);
        let released = previous + 1 == 1;
        if released {
            mutex.set(field!(KMUTANT, OwnerThread), core::ptr::null_mut());
            mutex_owners::remove(mutex.address());
        }
        (previous, released)
    };
    if released {
        wake(mutex.address());
    }
    previous
}

/// `KeWaitForSingleObject`: `<= DISPATCH_LEVEL` to test, `<= APC_LEVEL` to wait.
pub(crate) extern "win64" fn wait_for_single_object(
    object: *const KEVENT,
    _reason: i32,
    mode: i8,
    _alertable: u8,
    timeout: *const i64,
) -> u32 {
    const ROUTINE: Routine = Routine("KeWaitForSingleObject");
    let timeout = Timeout::read(ROUTINE, timeout);
    let allowed = if timeout == Timeout::Zero {
        irql::DISPATCH_LEVEL
    } else {
        irql::APC_LEVEL
    };
    let irql = irql::current();
    ROUTINE.require(
        irql <= allowed,
        "irql",
        format_args!(
            "{timeout} at IRQL {irql}, the page allows <= {} ({allowed})",
            irql::name(allowed)
        ),
    );
    let object = initialized(ROUTINE, "Object", object);
    check_mode(ROUTINE, object, mode);
    wait(ROUTINE, object, timeout)
}

fn check_mode(routine: Routine, object: Object<Header>, mode: i8) {
    if mode != USER_MODE {
        return;
    }
    routine.require(
        kind_of(object) != kind::MUTANT,
        "mode",
        format_args!("a mutex is waited for in UserMode, the page demands KernelMode"),
    );
    routine.require(
        !address::STACKS.contains(object.address()),
        "mode",
        format_args!("an object on the stack is waited for in UserMode"),
    );
}

fn wait(routine: Routine, object: Object<Header>, timeout: Timeout) -> u32 {
    let here = processor::current();
    let thread = thread::current();
    let mut waiters = WAITERS.lock();
    if try_satisfy(object, thread) {
        return status::SUCCESS;
    }
    let ticks = match timeout {
        Timeout::Zero => return status::TIMEOUT,
        Timeout::Infinite => None,
        Timeout::Ticks(ticks) => Some(ticks),
    };
    waiters.push(Waiter {
        object: object.address(),
        processor: here.index,
    });
    drop(waiters);
    routine.require(
        interrupts::are_enabled(),
        "interrupts",
        format_args!("the wait has to wait while interrupts are disabled"),
    );

    let _activity = here
        .activity
        .enter(Kind::Waiting, object.address(), symbol::caller());
    let now = || here.ticks.load(Ordering::SeqCst);
    let deadline = ticks.map(|ticks| now() + ticks);
    let status = idle::wait_until(|| {
        let _waiters = WAITERS.lock();
        if try_satisfy(object, thread) {
            return Some(status::SUCCESS);
        }
        let deadline = deadline?;
        if now() >= deadline {
            return Some(status::TIMEOUT);
        }
        timer::request_tick();
        None
    });
    WAITERS
        .lock()
        .retain(|waiter| waiter.processor != here.index);
    status
}

/// How long a wait may take.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Timeout {
    Infinite,
    Zero,
    /// Clock ticks.
    Ticks(u64),
}

impl Timeout {
    fn read(routine: Routine, pointer: *const i64) -> Self {
        /// A time-out counts in these.
        const UNIT_NANOSECONDS: u64 = 100;
        if pointer.is_null() {
            return Self::Infinite;
        }
        let object = routine.object("Timeout", pointer);
        // SAFETY: the parameter was just found to be mapped.
        let value = unsafe { object.pointer().read_volatile() };
        match value {
            0 => Self::Zero,
            1.. => routine.violated(
                "absolute",
                format_args!("the lab has no calendar to wait until the absolute time {value}"),
            ),
            ..0 => {
                let nanoseconds = value.unsigned_abs().saturating_mul(UNIT_NANOSECONDS);
                Self::Ticks(nanoseconds.div_ceil(u64::from(timer::TICK_NANOSECONDS)))
            }
        }
    }
}

impl core::fmt::Display for Timeout {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Infinite => "no timeout",
            Self::Zero => "zero timeout",
            Self::Ticks(_) => "nonzero timeout",
        })
    }
}
