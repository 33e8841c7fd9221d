//! Random system calls for svmsave.sys, and what each of them must be answered
//! with.
//!
//! [`Program`] turns a seed into the calls that one processor makes: they depend
//! on nothing that happens, so that the host can name a call by its number.
//! [`promise`] says what the driver has promised for a call, whatever else happens
//! at the same time. The lab's kernel makes the calls; this is all that it knows of
//! the driver, and it knows it only while it fuzzes.

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod program;
pub mod promise;
mod reply;

pub use program::{Call, Control, Path, Program, SLOTS};
pub use promise::{Answer, Broken, Caller};
