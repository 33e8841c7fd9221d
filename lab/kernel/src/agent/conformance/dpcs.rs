//! Conformance of deferred procedure calls.

#![expect(unsafe_code, reason = "floating-point registers are set and read")]

use alloc::vec::Vec;
use core::arch::asm;
use core::ffi::c_void;
use core::hint;
use core::ptr;
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use windows_sys::Wdk::Foundation::KDPC;
use windows_sys::Win32::System::Kernel::PROCESSOR_NUMBER;

use super::ensure::{Checked, allocate, ensure, free};
use crate::base::lock::Lock;
use crate::nt::dpc::{self, DeferredRoutine};
use crate::nt::{irql, irql_routines, processor_routines, status};
use crate::processor;

const MEDIUM: u32 = 1;
const HIGH: u32 = 2;
const IMPORTANCES: [u32; 4] = [0, MEDIUM, HIGH, 3];

/// What the routines saw: their argument, processor and IRQL.
static SEEN: Lock<Vec<(usize, u32, u8)>> = Lock::new(Vec::new());
static RELEASED: AtomicBool = AtomicBool::new(false);
static RUNS: AtomicU32 = AtomicU32::new(0);

extern "win64" fn note(_: *mut KDPC, _: *mut c_void, argument: *mut c_void, _: *mut c_void) {
    let here = processor::current().index;
    SEEN.lock().push((argument.addr(), here, irql::current()));
}

extern "win64" fn spin_until_released(
    _: *mut KDPC,
    _: *mut c_void,
    _: *mut c_void,
    _: *mut c_void,
) {
    while !RELEASED.load(Ordering::SeqCst) {
        hint::spin_loop();
    }
    RUNS.fetch_add(1, Ordering::SeqCst);
}

extern "win64" fn requeue_once(dpc: *mut KDPC, _: *mut c_void, _: *mut c_void, _: *mut c_void) {
    if RUNS.fetch_add(1, Ordering::SeqCst) == 0 {
        insert(dpc, 0);
    }
}

extern "win64" fn clear_xmm0(_: *mut KDPC, _: *mut c_void, _: *mut c_void, _: *mut c_void) {
    // SAFETY: the interrupt has saved the register of what it interrupted.
    unsafe { asm!("pxor xmm0, xmm0") };
    RUNS.fetch_add(1, Ordering::SeqCst);
}

fn make(routine: DeferredRoutine, importance: u32) -> *mut KDPC {
    let dpc = allocate::<KDPC>();
    dpc::initialize(dpc, Some(routine), ptr::null_mut());
    dpc::set_importance(dpc, importance);
    dpc
}

fn insert(dpc: *mut KDPC, argument: usize) -> bool {
    let argument = ptr::without_provenance_mut(argument);
    dpc::insert_queue(dpc, argument, ptr::null_mut()) != 0
}

fn set_target(dpc: *mut KDPC, index: u32) -> u32 {
    let mut number = PROCESSOR_NUMBER::default();
    processor_routines::get_number_from_index(index, &raw mut number);
    dpc::set_target_processor(dpc, &raw const number)
}

pub(super) fn targets() -> Checked {
    for importance in IMPORTANCES {
        SEEN.lock().clear();
        let made: Vec<*mut KDPC> = (0..processor::count())
            .map(|_| make(note, importance))
            .collect();
        for (&dpc, index) in made.iter().zip(0..) {
            let status = set_target(dpc, index);
            ensure!(status == status::SUCCESS, "no target {index}: {status:#x}");
            ensure!(insert(dpc, index as usize), "not queued for {index}");
        }
        while SEEN.lock().len() < made.len() {
            hint::spin_loop();
        }
        dpc::flush_queued();
        let seen = core::mem::take(&mut *SEEN.lock());
        ensure!(seen.len() == made.len(), "{} ran", seen.len());
        for (argument, processor, irql) in seen {
            ensure!(
                argument == processor as usize && irql == irql::DISPATCH_LEVEL,
                "importance {importance}: {argument} ran on {processor} at IRQL {irql}"
            );
        }
        made.into_iter().for_each(free);
    }
    Ok(())
}

pub(super) fn queued_once() -> Checked {
    RUNS.store(0, Ordering::SeqCst);
    let dpc = make(requeue_once, MEDIUM);
    let old = irql_routines::raise_to_dpc_level();
    let first = insert(dpc, 0);
    let second = insert(dpc, 0);
    irql_routines::lower(old);
    while RUNS.load(Ordering::SeqCst) < 2 {
        hint::spin_loop();
    }
    dpc::flush_queued();
    let runs = RUNS.load(Ordering::SeqCst);
    ensure!(first && !second, "queued {first}, then {second}");
    ensure!(runs == 2, "ran {runs} times, by itself once more");
    free(dpc);
    Ok(())
}

pub(super) fn order() -> Checked {
    SEEN.lock().clear();
    let dpcs = [MEDIUM, MEDIUM, HIGH].map(|importance| make(note, importance));
    let old = irql_routines::raise_to_dpc_level();
    for (&dpc, argument) in dpcs.iter().zip(0..) {
        insert(dpc, argument);
    }
    let early = SEEN.lock().len();
    irql_routines::lower(old);
    dpc::flush_queued();
    let order: Vec<usize> = SEEN.lock().iter().map(|&(argument, ..)| argument).collect();
    ensure!(early == 0, "{early} ran at DISPATCH_LEVEL");
    ensure!(order == [2, 0, 1], "ran in the order {order:?}");
    dpcs.into_iter().for_each(free);
    Ok(())
}

pub(super) fn flush_waits() -> Checked {
    RUNS.store(0, Ordering::SeqCst);
    RELEASED.store(false, Ordering::SeqCst);
    let dpcs: Vec<*mut KDPC> = (1..processor::count())
        .map(|index| {
            let dpc = make(spin_until_released, HIGH);
            set_target(dpc, index);
            insert(dpc, 0);
            dpc
        })
        .collect();
    let releaser = make(release, MEDIUM);
    insert(releaser, 0);
    dpc::flush_queued();
    let runs = RUNS.load(Ordering::SeqCst) as usize;
    ensure!(runs == dpcs.len(), "{runs} of {} had run", dpcs.len());
    dpcs.into_iter().for_each(free);
    free(releaser);
    Ok(())
}

extern "win64" fn release(_: *mut KDPC, _: *mut c_void, _: *mut c_void, _: *mut c_void) {
    RELEASED.store(true, Ordering::SeqCst);
}

pub(super) fn floating_point() -> Checked {
    const VALUE: u64 = 0x0123_4567_89AB_CDEF;
    RUNS.store(0, Ordering::SeqCst);
    let dpc = make(clear_xmm0, MEDIUM);
    let old = irql_routines::raise_to_dpc_level();
    insert(dpc, 0);
    // SAFETY: the kernel itself doesn't use the register.
    unsafe { asm!("movq xmm0, {}", in(reg) VALUE) };
    irql_routines::lower(old);
    dpc::flush_queued();
    let kept: u64;
    // SAFETY: the kernel itself doesn't use the register, and reading it changes nothing.
    unsafe { asm!("movq {}, xmm0", out(reg) kept) };
    let runs = RUNS.load(Ordering::SeqCst);
    ensure!(runs == 1, "the DPC ran {runs} times");
    ensure!(kept == VALUE, "the register holds {kept:#x}");
    free(dpc);
    Ok(())
}
