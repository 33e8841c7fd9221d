//! Conformance of events, mutexes and waits.

use core::hint;
use core::ptr;
use core::sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, Ordering};

use windows_sys::Wdk::Foundation::{KEVENT, KMUTANT};

use super::ensure::{Checked, allocate, ensure, free, on_others};
use crate::nt::{dispatcher, status};
use crate::processor::{self, timer};

const NOTIFICATION: i32 = 0;
const SYNCHRONIZATION: i32 = 1;

/// How often each processor enters the mutex.
const ROUNDS: u64 = 100;

static OBJECT: AtomicPtr<KEVENT> = AtomicPtr::new(ptr::null_mut());
static SATISFIED: AtomicU32 = AtomicU32::new(0);

fn wait(object: *const KEVENT, timeout: *const i64) -> u32 {
    dispatcher::wait_for_single_object(object, 0, 0, 0, timeout)
}

fn wait_for_object() {
    wait(OBJECT.load(Ordering::SeqCst), ptr::null());
    SATISFIED.fetch_add(1, Ordering::SeqCst);
}

/// Waits, without any help of what is under test, until a counter has a value.
fn until(counter: &AtomicU32, value: u32) {
    while counter.load(Ordering::SeqCst) < value {
        hint::spin_loop();
    }
}

/// Waits until so many threads wait.
fn until_waiting(count: u32) {
    while dispatcher::waiting() < count {
        hint::spin_loop();
    }
}

fn event(kind: i32) -> *mut KEVENT {
    let event = allocate::<KEVENT>();
    dispatcher::initialize_event(event, kind, 0);
    OBJECT.store(event, Ordering::SeqCst);
    SATISFIED.store(0, Ordering::SeqCst);
    event
}

pub(super) fn times_out() -> Checked {
    const TICKS: u64 = 5;
    const UNITS: i64 = TICKS.cast_signed() * timer::TICK_NANOSECONDS as i64 / 100;
    let event = event(SYNCHRONIZATION);
    let here = processor::current();
    let before = here.ticks.load(Ordering::SeqCst);
    let timeout = -UNITS;
    let status = wait(event, &raw const timeout);
    let passed = here.ticks.load(Ordering::SeqCst) - before;
    ensure!(status == status::TIMEOUT, "the wait returned {status:#x}");
    ensure!(passed >= TICKS, "the wait took {passed} ticks of {TICKS}");

    let zero = 0;
    let status = wait(event, &raw const zero);
    ensure!(status == status::TIMEOUT, "the test returned {status:#x}");
    dispatcher::set_event(event, 0, 0);
    let status = wait(event, &raw const zero);
    ensure!(
        status == status::SUCCESS,
        "a set event returned {status:#x}"
    );
    let status = wait(event, &raw const zero);
    ensure!(status == status::TIMEOUT, "the event was not cleared");
    free(event);
    Ok(())
}

pub(super) fn notification_event() -> Checked {
    let event = event(NOTIFICATION);
    let others = on_others(|_| wait_for_object());
    until_waiting(others);
    let previous = dispatcher::set_event(event, 0, 0);
    ensure!(previous == 0, "the event was set before");
    until(&SATISFIED, others);
    let state = dispatcher::reset_event(event);
    ensure!(state == 1, "the event did not stay set");
    free(event);
    Ok(())
}

pub(super) fn synchronization_event() -> Checked {
    let event = event(SYNCHRONIZATION);
    let others = on_others(|_| wait_for_object());
    until_waiting(others);
    for expected in 1..=others {
        dispatcher::set_event(event, 0, 0);
        until(&SATISFIED, expected);
        until_waiting(others - expected);
        let satisfied = SATISFIED.load(Ordering::SeqCst);
        ensure!(
            satisfied == expected,
            "{satisfied} waits were satisfied by {expected} signals"
        );
    }
    while dispatcher::waiting() > 0 {
        hint::spin_loop();
    }
    free(event);
    Ok(())
}

/// A counter that loses counts unless the mutex keeps the processors apart.
fn count_in_mutex() {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let mutex = OBJECT.load(Ordering::SeqCst);
    for _ in 0..ROUNDS {
        wait(mutex, ptr::null());
        wait(mutex, ptr::null());
        let count = COUNT.load(Ordering::Relaxed);
        hint::spin_loop();
        COUNT.store(count + 1, Ordering::Relaxed);
        TOTAL.store(count + 1, Ordering::Relaxed);
        dispatcher::release_mutex(mutex.cast(), 0);
        dispatcher::release_mutex(mutex.cast(), 0);
    }
    SATISFIED.fetch_add(1, Ordering::SeqCst);
}

static TOTAL: AtomicU64 = AtomicU64::new(0);

pub(super) fn mutex() -> Checked {
    let mutex = allocate::<KMUTANT>();
    dispatcher::initialize_mutex(mutex, 0);
    OBJECT.store(mutex.cast(), Ordering::SeqCst);
    SATISFIED.store(0, Ordering::SeqCst);
    let before = TOTAL.load(Ordering::Relaxed);
    let others = on_others(|_| count_in_mutex());
    count_in_mutex();
    until(&SATISFIED, others + 1);
    let counted = TOTAL.load(Ordering::Relaxed) - before;
    let expected = u64::from(others + 1) * ROUNDS;
    ensure!(
        counted == expected,
        "{counted} of {expected} counts were kept"
    );
    free(mutex);
    Ok(())
}
