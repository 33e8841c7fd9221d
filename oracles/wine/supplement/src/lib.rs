//! A driver that goes before `svmsave.sys` in tests under Wine, and lends it the routines of
//! Windows' kernel that Wine lacks.
//!
//! Wine binds a missing import to a routine that ends the process. This driver asks to be told of
//! every image that is loaded (`PsSetLoadImageNotifyRoutine`) and puts routines of its own into the
//! import slots of `svmsave.sys`: those of [`routines::LENT`], and no others. The file itself stays
//! as it is packaged. Nothing that is lent here can be judged by Wine.
//!
//! While it has the image, it calls the guarded functions in it ([`guarded`]) and keeps what they
//! return in the registry: Wine runs drivers in user mode, where the instructions fault for real.

#![no_std]
#![expect(unsafe_code, reason = "a panic ends the system")]

mod binding;
mod entry;
mod guarded;
mod image;
mod registry;
mod routines;

/// wdk-sys demands an allocator; nothing here allocates.
#[global_allocator]
static ALLOCATOR: wdk_alloc::WdkAllocator = wdk_alloc::WdkAllocator;

/// Ends the system, which under Wine is the process that drivers run in.
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    // SAFETY: does not return, and may be called at any IRQL.
    unsafe { wdk_sys::ntddk::KeBugCheckEx(0xe2, 0, 0, 0, 0) }
}
