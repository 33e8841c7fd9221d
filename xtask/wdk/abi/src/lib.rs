//! Compares what bindgen makes of the stand-in WDK with Microsoft's own metadata for the same
//! structures, routines and constants, which `windows-sys` carries.
//!
//! There is nothing to run: if this compiles for the driver's target, all that is listed here is
//! the same. It is a member of the staged workspace only, because it needs wdk-sys.

#![no_std]

mod constants;
mod passing;
mod routines;
mod structures;

/// Refuses to compile, with a name for what differs.
macro_rules! same {
    ($ours:expr, $theirs:expr, $what:expr) => {
        const _: () = assert!($ours == $theirs, $what);
    };
}
pub(crate) use same;
