//! `svmsave.sys`: executes VMSAVE on every logical processor of a running Windows and hands what
//! it stored to user mode.
//!
//! A WDM driver without hardware: a control device, two control codes, and one DPC for each
//! processor and request. What the processor defines is in `amd-svm`, what user mode sends and
//! receives in `protocol`; here is what Windows defines.
//!
//! | module | what it owns |
//! |---|---|
//! | [`entry`] | loading and unloading |
//! | [`control_device`] | the device object, its name and its extension |
//! | [`dispatch`] | the major functions, and which request means what |
//! | [`access`] | who may open the device, and who may see addresses |
//! | [`device_extension`] | the same work on every processor at once |
//! | [`broadcast`] | one time that they do it, each DPC queueing others |
//! | [`processor`] | what happens on one processor |
//! | [`assembly`] | how the processors come to capture at the same time |
//! | [`rendezvous`] | how the last DPC tells the waiting thread |
//! | [`wdm`] | objects of the kernel |

#![no_std]

extern crate alloc;

use core::sync::atomic;

// The panic handler: a bug check that names the source line.
use wdk_panic as _;

mod access;
mod assembly;
mod broadcast;
mod control_device;
mod device_extension;
mod dispatch;
mod entry;
mod processor;
mod rendezvous;
mod wdm;

#[global_allocator]
static ALLOCATOR: wdk_alloc::WdkAllocator = wdk_alloc::WdkAllocator;
