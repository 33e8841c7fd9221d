//! A bare-metal kernel that runs a Windows driver's very bytes and judges how
//! they use the kernel.
//!
//! The modules are layers, of which each uses only those above it in this table. What
//! has to call the other way is in [`base::hooks`]. A test of the crate `lab` reads the sources
//! and fails on a path that leads the other way.
//!
//! | module | what it is |
//! |---|---|
//! | [`base`] | locks, log, random numbers, addresses, the end of a run |
//! | [`processor`] | what a logical processor owns: tables, interrupts, registers |
//! | [`memory`] | physical memory, address space, heap |
//! | [`image`] | the driver's PE file in memory |
//! | [`nt`] | the routines that Windows' kernel offers to drivers, and their rules |
//! | [`agent`] | the host's commands |
//! | [`boot`] | from the loader's entry point to all processors running |

#![no_std]
#![no_main]

extern crate alloc;

mod agent;
mod base;
mod boot;
mod image;
mod memory;
mod nt;
mod processor;
