//! A bare-metal kernel that runs a Windows driver's very bytes and judges how
//! they use the kernel.
//!
//! | module | what it is |
//! |---|---|
//! | [`boot`] | from the loader's entry point to all processors running |
//! | [`processor`] | what a logical processor owns: tables, interrupts, registers |
//! | [`memory`] | physical memory, address space, heap |
//! | [`image`] | the driver's PE file in memory |
//! | [`nt`] | the routines that Windows' kernel offers to drivers, and their rules |
//! | [`control`] | the host's requests |
//! | [`stop`] | how a run ends before its time |

#![no_std]
#![no_main]

extern crate alloc;

mod boot;
mod control;
mod image;
mod log;
mod memory;
mod nt;
mod processor;
mod random;
mod stop;
mod sync;
