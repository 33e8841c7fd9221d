//! Everything that lets the driver be built without Windows: `wdk-build` carried to Linux, a
//! stand-in for the Windows Driver Kit, and a workspace of its own to build in.
//!
//! The committed tree knows nothing of this: it builds with the stock crates and a real kit on
//! Windows, and its Cargo.lock is never written to from here.

mod carry;
mod import_library;
mod kit;
pub mod mingw;
mod stage;

pub use self::stage::Stage;
