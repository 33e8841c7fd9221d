//! Random system calls for svmsave.sys, and what each of them must be answered
//! with.
//!
//! [`Program`] turns a seed into the calls that one processor makes: they depend
//! on nothing that happens, so that the host can name a call by its number.
//! [`expectation`] says what a call has to be answered with, whatever else happens
//! at the same time. The requests, and what the driver answers them with, are those of
//! [`protocol::random`]. The lab's kernel makes the calls; this is all that it knows of
//! the driver, and it knows it only while it fuzzes.

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod answer;
pub mod expectation;
mod program;
mod reply;

pub use answer::{Answer, Caller, Mismatch};
pub use program::{Call, Path, Program, SLOTS};
pub use protocol::random::Control;
