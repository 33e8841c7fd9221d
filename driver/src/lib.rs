//! `svmsave.sys`: executes VMSAVE on every logical processor of a running Windows and hands what
//! it stored to user mode.
//!
//! A WDM driver without hardware: a control device, two control codes, and one DPC for each
//! processor and request. What the processor defines is in `amd-svm`, what user mode sends and
//! receives in `protocol`; here is what Windows defines.
//!
//! | module | question |
//! |---|---|
//! | [`entry`] | what happens when the driver is loaded and unloaded? |
//! | [`dispatch`] | what does a request of the I/O manager mean? |
//! | [`control_device`] | which device does user mode open? |
//! | [`device_extension`] | what is kept between requests, and what is replied? |
//! | [`access`] | who may open the device, and who may see addresses? |
//! | [`contexts`] | what is there for each processor, and with which page? |
//! | [`broadcast`] | how does every processor do the same work at once? |
//! | [`processor`] | what happens on one processor? |
//! | [`wdm`] | how is an object of the kernel used? |
//!
//! Each imports modules further down alone. How processors count each other is a crate of its own,
//! [`svmsave_sync`], whose tests run without a kernel.

#![no_std]

extern crate alloc;

// The panic handler: a bug check that names the source line.
use wdk_panic as _;

mod access;
mod broadcast;
mod contexts;
mod control_device;
mod device_extension;
mod dispatch;
mod entry;
mod processor;
mod wdm;

#[global_allocator]
static ALLOCATOR: wdk_alloc::WdkAllocator = wdk_alloc::WdkAllocator;
