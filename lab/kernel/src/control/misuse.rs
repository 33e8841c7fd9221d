//! Breaking the lab's own rules on purpose, to show that they are live.

#![expect(unsafe_code, reason = "breaking the rules of memory is the point")]

mod requests;
mod security;

use alloc::boxed::Box;
use core::ffi::c_void;
use core::hint::black_box;
use core::ptr;
use core::sync::atomic::{AtomicBool, Ordering};

use lab_wire::Misuse;
use windows_sys::Wdk::Foundation::{DEVICE_OBJECT, KDPC, KEVENT, KMUTANT};
use windows_sys::Win32::Foundation::UNICODE_STRING;
use x86_64::instructions::interrupts;

use crate::memory::layout::PAGE_SIZE;
use crate::memory::paging;
use crate::nt::io::{device, namespace};
use crate::nt::{contiguous, debug, dispatcher, dpc, exports, irql, pool};
use crate::processor::{self, idle};

/// `POOL_FLAG_NON_PAGED`, `POOL_FLAG_NON_PAGED_EXECUTE`, `POOL_FLAG_PAGED`.
const NON_PAGED: u64 = 0x40;
const EXECUTABLE: u64 = 0x80;
const PAGED: u64 = 0x100;

const TAG: u32 = u32::from_le_bytes(*b"Miss");

/// `PAGE_READWRITE` and `PAGE_EXECUTE_READWRITE`.
const READ_WRITE: u32 = 0x04;
const EXECUTE_READ_WRITE: u32 = 0x40;

/// `MM_ANY_NODE_OK`.
const ANY_NODE: u32 = 0x8000_0000;

/// Something for read-only memory.
static READ_ONLY: [u8; 16] = [1; 16];

/// Breaks one rule. Returns only if nobody noticed.
pub fn commit(kind: Misuse) {
    match kind {
        Misuse::WaitAtDispatch
        | Misuse::WaitOnGarbage
        | Misuse::WaitWithInterruptsOff
        | Misuse::WaitForever
        | Misuse::SetEventAboveDispatch
        | Misuse::SetNullEvent
        | Misuse::EventInPagedPool
        | Misuse::ReleaseForeignMutex
        | Misuse::FreeHeldMutex => misuse_dispatcher_object(kind),
        Misuse::QueueUninitializedDpc
        | Misuse::InitializeQueuedDpc
        | Misuse::UnknownImportance
        | Misuse::FlushDpcsAtDispatch
        | Misuse::DpcReturnsAtOtherIrql
        | Misuse::DpcReturnsWithInterruptsOff
        | Misuse::FreeQueuedDpc => misuse_dpc(kind),
        Misuse::AllocateAboveDispatch
        | Misuse::AllocatePagedAtDispatch
        | Misuse::AllocateNothing
        | Misuse::AllocateWithoutTag
        | Misuse::AllocateTwoPools
        | Misuse::AllocateExecutable => misuse_allocation(kind),
        Misuse::FreeTwice
        | Misuse::FreeMiddle
        | Misuse::FreeWithOtherTag
        | Misuse::FreeAboveDispatch
        | Misuse::WriteBehindPool
        | Misuse::WriteBeforePool
        | Misuse::ReadPastPool
        | Misuse::ReadBeforePool
        | Misuse::ReadFreedPool
        | Misuse::ReadFreedPoolElsewhere
        | Misuse::ExecutePool => misuse_block(kind),
        Misuse::ContiguousWithoutProtection
        | Misuse::ContiguousOfNoNode
        | Misuse::ContiguousExecutable
        | Misuse::FreeContiguousPool
        | Misuse::WriteBehindContiguous
        | Misuse::PhysicalOfUnmapped => misuse_contiguous(kind),
        Misuse::RaiseIrqlDown | Misuse::LowerIrqlUp => misuse_irql(kind),
        Misuse::CompleteTwice
        | Misuse::CompletePending
        | Misuse::CompleteTooMuch
        | Misuse::ReturnOtherStatus
        | Misuse::ReturnWithoutCompletion
        | Misuse::ReturnPendingUnmarked
        | Misuse::DispatchReturnsAtOtherIrql
        | Misuse::DispatchReturnsWithInterruptsOff
        | Misuse::DispatchReturnsWithMutex
        | Misuse::ReadCompletedIrp => requests::misuse(kind),
        Misuse::CreateDeviceAtDispatch | Misuse::DeleteForeignDevice | Misuse::CreateLinkAtApc => {
            misuse_name(kind);
        }
        Misuse::CreateAclMisaligned
        | Misuse::CreateDescriptorAtDispatch
        | Misuse::CheckUnknownPrivilege
        | Misuse::OpenForProcess
        | Misuse::OpenForeignObject
        | Misuse::SetSecurityWithoutAccess
        | Misuse::CloseUnknownHandle => security::misuse(kind),
        Misuse::BugCheck
        | Misuse::WriteReadOnly
        | Misuse::InvalidOpcode
        | Misuse::StackOverflow
        | Misuse::Panic => give_up(kind),
    }
}

/// A routine whose arguments don't matter, because it is not to look at them.
type AnyRoutine = extern "win64" fn(usize, usize, usize, usize, usize, usize, usize);

/// Calls an exported routine with zeros at an IRQL. Returns if there is none of that name,
/// or if it didn't mind.
pub fn call_at(routine: &str, irql: u8) {
    let Some(address) = exports::resolve(routine) else {
        return;
    };
    let routine = paging::pointer::<()>(address);
    // SAFETY: A routine that checks its IRQL first looks at no argument, and the stack
    // has room for more than it takes.
    let routine = unsafe { core::mem::transmute::<*mut (), AnyRoutine>(routine) };
    irql::raise(irql);
    routine(0, 0, 0, 0, 0, 0, 0);
}

/// A nonpaged block; it is zeroed.
fn block(size: usize) -> *mut c_void {
    pool::allocate_pool_2(NON_PAGED, size, TAG)
}

/// A mutex that nobody holds.
fn mutex() -> *mut KMUTANT {
    let mutex = block(size_of::<KMUTANT>()).cast();
    dispatcher::initialize_mutex(mutex, 0);
    mutex
}

fn wait(event: *const KEVENT) {
    dispatcher::wait_for_single_object(event, 0, 0, 0, ptr::null());
}

fn misuse_dispatcher_object(kind: Misuse) {
    let event = block(size_of::<KEVENT>()).cast::<KEVENT>();
    match kind {
        Misuse::WaitOnGarbage => return wait(event),
        Misuse::EventInPagedPool => {
            let event = pool::allocate_pool_2(PAGED, size_of::<KEVENT>(), TAG);
            return dispatcher::initialize_event(event.cast(), 0, 0);
        }
        Misuse::ReleaseForeignMutex => {
            dispatcher::release_mutex(mutex(), 0);
            return;
        }
        Misuse::FreeHeldMutex => {
            let mutex = mutex();
            wait(mutex.cast());
            return pool::free_pool_with_tag(mutex.cast(), TAG);
        }
        Misuse::SetNullEvent => {
            dispatcher::set_event(ptr::null_mut(), 0, 0);
            return;
        }
        _ => dispatcher::initialize_event(event, 0, 0),
    }
    match kind {
        Misuse::WaitAtDispatch => {
            irql::raise(irql::DISPATCH_LEVEL);
        }
        Misuse::SetEventAboveDispatch => {
            irql::raise(irql::HIGH_LEVEL);
            dispatcher::set_event(event, 0, 0);
        }
        Misuse::WaitWithInterruptsOff => interrupts::disable(),
        _ => {}
    }
    wait(event);
}

extern "win64" fn well_behaved(_: *mut KDPC, _: *mut c_void, _: *mut c_void, _: *mut c_void) {}

extern "win64" fn returns_raised(_: *mut KDPC, _: *mut c_void, _: *mut c_void, _: *mut c_void) {
    irql::raise(irql::HIGH_LEVEL);
}

extern "win64" fn returns_uninterruptible(
    _: *mut KDPC,
    _: *mut c_void,
    _: *mut c_void,
    _: *mut c_void,
) {
    interrupts::disable();
}

fn misuse_dpc(kind: Misuse) {
    let dpc = block(size_of::<KDPC>()).cast::<KDPC>();
    let queue = |routine: dpc::DeferredRoutine| {
        dpc::initialize(dpc, Some(routine), ptr::null_mut());
        dpc::insert_queue(dpc, ptr::null_mut(), ptr::null_mut());
    };
    match kind {
        Misuse::QueueUninitializedDpc => {
            dpc::insert_queue(dpc, ptr::null_mut(), ptr::null_mut());
        }
        Misuse::UnknownImportance => {
            dpc::initialize(dpc, Some(well_behaved), ptr::null_mut());
            dpc::set_importance(dpc, 4);
        }
        Misuse::FlushDpcsAtDispatch => {
            irql::raise(irql::DISPATCH_LEVEL);
            dpc::flush_queued();
        }
        Misuse::DpcReturnsAtOtherIrql => {
            queue(returns_raised);
            dpc::flush_queued();
        }
        Misuse::DpcReturnsWithInterruptsOff => {
            queue(returns_uninterruptible);
            dpc::flush_queued();
        }
        _ => {
            // At DISPATCH_LEVEL it stays in the queue.
            irql::raise(irql::DISPATCH_LEVEL);
            queue(well_behaved);
            if kind == Misuse::FreeQueuedDpc {
                pool::free_pool_with_tag(dpc.cast(), TAG);
            } else {
                dpc::initialize(dpc, Some(well_behaved), ptr::null_mut());
            }
        }
    }
}

fn misuse_allocation(kind: Misuse) {
    let (level, flags, size, tag) = match kind {
        Misuse::AllocateAboveDispatch => (irql::HIGH_LEVEL, NON_PAGED, 16, TAG),
        Misuse::AllocatePagedAtDispatch => (irql::DISPATCH_LEVEL, PAGED, 16, TAG),
        Misuse::AllocateNothing => (irql::PASSIVE_LEVEL, NON_PAGED, 0, TAG),
        Misuse::AllocateWithoutTag => (irql::PASSIVE_LEVEL, NON_PAGED, 16, 0),
        Misuse::AllocateTwoPools => (irql::PASSIVE_LEVEL, NON_PAGED | PAGED, 16, TAG),
        _ => (irql::PASSIVE_LEVEL, EXECUTABLE, 16, TAG),
    };
    irql::raise(level);
    pool::allocate_pool_2(flags, size, tag);
}

fn write(address: *mut u8) {
    // SAFETY: The byte may be written as far as the processor is concerned; that
    // it may not be, as far as the pool is, is the point.
    unsafe { address.write_volatile(0) };
}

fn read(address: *const u8) {
    // SAFETY: The read faults, which is the point.
    black_box(unsafe { address.read_volatile() });
}

fn misuse_block(kind: Misuse) {
    const SIZE: usize = 24;
    let block = block(SIZE);
    let bytes = block.cast::<u8>();
    let free = || pool::free_pool_with_tag(block, TAG);
    match kind {
        Misuse::FreeTwice => {
            free();
            free();
        }
        Misuse::FreeMiddle => pool::free_pool(bytes.wrapping_add(8).cast()),
        Misuse::FreeWithOtherTag => pool::free_pool_with_tag(block, !TAG),
        Misuse::FreeAboveDispatch => {
            irql::raise(irql::HIGH_LEVEL);
            free();
        }
        Misuse::WriteBehindPool => {
            write(bytes.wrapping_add(SIZE));
            free();
        }
        Misuse::WriteBeforePool => {
            write(bytes.wrapping_sub(1));
            free();
        }
        Misuse::ReadPastPool => {
            let page = bytes.addr() as u64 & !(PAGE_SIZE - 1);
            read(paging::pointer(page + PAGE_SIZE));
        }
        Misuse::ReadBeforePool => {
            let page = bytes.addr() as u64 & !(PAGE_SIZE - 1);
            read(paging::pointer(page - 1));
        }
        Misuse::ReadFreedPool => {
            free();
            read(bytes);
        }
        Misuse::ReadFreedPoolElsewhere => read_elsewhere(block),
        _ => {
            // SAFETY: The call faults at once, which is the point.
            let routine = unsafe { core::mem::transmute::<*mut u8, extern "win64" fn()>(bytes) };
            routine();
        }
    }
}

/// Frees a block while another processor keeps reading it.
fn read_elsewhere(block: *mut c_void) {
    static READING: AtomicBool = AtomicBool::new(false);
    let Some(other) = processor::get(1) else {
        return;
    };
    let address = block.addr() as u64;
    idle::post(
        other,
        Box::new(move || {
            loop {
                read(paging::pointer(address));
                READING.store(true, Ordering::SeqCst);
            }
        }),
    );
    while !READING.load(Ordering::SeqCst) {
        core::hint::spin_loop();
    }
    pool::free_pool_with_tag(block, TAG);
    // The other processor stops the run.
    loop {
        core::hint::spin_loop();
    }
}

fn misuse_contiguous(kind: Misuse) {
    const SIZE: usize = 100;
    let allocate =
        |protection| contiguous::allocate_node_memory(SIZE, 0, u64::MAX, 0, protection, ANY_NODE);
    match kind {
        Misuse::ContiguousWithoutProtection => {
            allocate(0);
        }
        Misuse::ContiguousOfNoNode => {
            contiguous::allocate_node_memory(SIZE, 0, u64::MAX, 0, READ_WRITE, 1);
        }
        Misuse::ContiguousExecutable => {
            allocate(EXECUTE_READ_WRITE);
        }
        Misuse::FreeContiguousPool => contiguous::free_memory(block(SIZE)),
        Misuse::WriteBehindContiguous => {
            let block = allocate(READ_WRITE);
            write(block.cast::<u8>().wrapping_add(SIZE));
            contiguous::free_memory(block);
        }
        _ => {
            contiguous::get_physical_address(ptr::null());
        }
    }
}

fn misuse_irql(kind: Misuse) {
    if kind == Misuse::RaiseIrqlDown {
        irql::raise(irql::DISPATCH_LEVEL);
        irql::raise(irql::APC_LEVEL);
    } else {
        irql::lower(irql::DISPATCH_LEVEL);
    }
}

fn misuse_name(kind: Misuse) {
    match kind {
        Misuse::CreateDeviceAtDispatch => {
            irql::raise(irql::DISPATCH_LEVEL);
            let mut device = ptr::null_mut::<DEVICE_OBJECT>();
            let name = ptr::null();
            device::create_device(ptr::null_mut(), 0, name, 0, 0, 0, &raw mut device);
        }
        Misuse::DeleteForeignDevice => device::delete_device(block(512).cast()),
        _ => {
            irql::raise(irql::APC_LEVEL);
            let string = UNICODE_STRING::default();
            namespace::create_symbolic_link(&raw const string, &raw const string);
        }
    }
}

fn give_up(kind: Misuse) {
    match kind {
        Misuse::BugCheck => debug::bug_check(0xE2, 1, 2, 3, 4),
        Misuse::WriteReadOnly => write((&raw const READ_ONLY).cast_mut().cast()),
        Misuse::InvalidOpcode => {
            // SAFETY: The instruction faults, which is the point.
            unsafe { core::arch::asm!("ud2") };
        }
        Misuse::StackOverflow => {
            black_box(overflow(0));
        }
        _ => panic!("as asked"),
    }
}

/// Goes down until the stack ends.
#[expect(unconditional_recursion, reason = "it ends with the stack")]
fn overflow(depth: u64) -> u64 {
    let page = black_box([depth; 64]);
    overflow(depth + 1) + black_box(page)[0]
}
