//! What AMD's Secure Virtual Machine extension defines, for code that runs without `std`.
//!
//! Rust has no counterpart of MSVC's `__svm_*` intrinsics. [`intrinsics`] provides it; the other
//! modules give what is around it: the VMCB with all that it points to and all that it tells
//! ([`vmcb`]), what VMRUN refuses ([`vmcb::consistency`]), the way into a guest and back
#![cfg_attr(target_arch = "x86_64", doc = "([`guest`]),")]
#![cfg_attr(not(target_arch = "x86_64"), doc = "(`guest`, in 64-bit code),")]
//! segments as the processor caches them ([`segment`]), the registers that decide whether SVM may be
//! used ([`msr`], [`cpuid`]), and, as plain code over the [`Processor`] trait, the order in which to
//! ask and to capture ([`support`], [`capture`]).
//!
//! What a processor reads or writes in memory, and the registers that lie there, are [`bytemuck::Pod`] and
//! [`bytemuck::Zeroable`]: any bytes are one, and its bytes can be had. `Pod` wants [`Copy`], of pages
//! too: `let control = vmcb.control` copies, and what is to be changed in its place is borrowed.
//!
//! Nothing here knows an operating system. "APM" stands for the *AMD64 Architecture Programmer's
//! Manual*: volume 2 is publication 24593, volume 3 is 24594.

#![no_std]

#[cfg(test)]
extern crate std;

pub mod capture;
pub mod cpuid;
pub mod descriptor;
pub mod fields;
pub mod guest;
pub mod intrinsics;
pub mod msr;
mod processor;
pub mod registers;
pub mod segment;
pub mod support;
pub mod vmcb;
pub mod witness;

pub use processor::{EferFault, Fault, Processor, Selectors};

/// The examples of the read-me, as tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadMe;
