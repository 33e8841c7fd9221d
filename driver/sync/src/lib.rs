//! How work that one thread starts on every processor gets there, happens at the same time, and is
//! reported back.
//!
//! | part | question |
//! |---|---|
//! | [`children`] | which processors does a processor queue the work for? |
//! | [`Barrier`] | when have all processors come, so that they go on together? |
//! | [`Latch`] | when are all processors done, so that the thread goes on? |
//!
//! Nothing here knows an operating system: the latch sets and waits for an [`Event`] that the
//! caller brings. In tests the crate is compiled with the atomics of `loom`, a model checker, which
//! runs this source through every order in which threads can meet, with the weakest memory that
//! Rust's atomics allow.

#![cfg_attr(not(test), no_std)]
#![cfg_attr(not(test), forbid(unsafe_code))]

mod barrier;
mod fan_out;
mod latch;

#[cfg(not(test))]
use core::hint;
#[cfg(not(test))]
use core::sync::atomic;
#[cfg(test)]
use loom::hint;
#[cfg(test)]
use loom::sync::atomic;

pub use barrier::Barrier;
pub use fan_out::children;
pub use latch::{Event, Latch};
