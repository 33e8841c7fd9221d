//! What the driver and its clients agree on: names, control codes, the bytes of a request and of
//! a reply.
//!
//! A client sends a [`Request`] and receives a [`ReplyHeader`], followed by one record for each
//! active processor: [`StatusRecord`]s or [`SnapshotRecord`]s. Nothing in a request is an
//! address, a register number or a port. All integers are little-endian.
//!
//! # Versions
//!
//! [`VERSION`] changes when a driver and a client of different ages could misunderstand each
//! other; the driver answers a request of another version with `STATUS_REVISION_MISMATCH`.
//! [`CONTROL_STATUS`] with version 0 is the handshake: every driver answers it with the header alone,
//! whose first fields never change, so that a client can always learn what it talks to. Records may
//! grow at their end without a new version: readers go by the sizes in the header.

#![no_std]
#![forbid(unsafe_code)]

#[cfg(feature = "random")]
extern crate alloc;
#[cfg(test)]
extern crate std;

mod control;
mod outcome;
#[cfg(feature = "random")]
pub mod random;
mod reply;
mod request;
pub mod status;

pub use control::{CONTROL_SNAPSHOT, CONTROL_STATUS, DEVICE_NAME, LINK_NAME, USER_PATH};
pub use outcome::{Outcome, RefusedPage};
pub use reply::{
    MalformedReply, ProcessorId, Record, Reply, ReplyHeader, SnapshotRecord, StatusRecord,
};
pub use request::Request;

/// Version of the protocol that this crate describes.
pub const VERSION: u16 = 1;

/// Version of the package that driver and client belong to: major, minor, patch.
pub const PACKAGE_VERSION: [u16; 3] = [
    decimal(env!("CARGO_PKG_VERSION_MAJOR")),
    decimal(env!("CARGO_PKG_VERSION_MINOR")),
    decimal(env!("CARGO_PKG_VERSION_PATCH")),
];

const fn decimal(digits: &str) -> u16 {
    match u16::from_str_radix(digits, 10) {
        Ok(number) => number,
        Err(_) => panic!("a version number beyond 65535"),
    }
}

#[cfg(target_endian = "big")]
compile_error!("driver and client are little-endian by nature: the records are read as they are");
