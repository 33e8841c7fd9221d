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
//! | [`irp`] | an I/O request packet, until it is completed |
//! | [`survey`] | the same work on every processor at once |
//! | [`round`] | one time that they do it, each DPC queueing others |
//! | [`seat`] | one processor's DPC and its memory |
//! | [`record`] | what the DPC finds out |
//! | [`assembly`] | how the processors come to capture at the same time |
//! | [`vmcb_page`] | the page that VMSAVE writes to |
//! | [`node`] | which memory is near to a processor |
//! | [`rendezvous`] | how the last DPC tells the waiting thread |
//! | [`event`], [`mutex`], [`wait`] | the kernel's objects to wait for |
//! | [`this_processor`] | the instructions of the capture |
//! | [`guarded`] | instructions that may fault, inside an exception frame |
//! | [`status`] | what the kernel's routines return |
//! | [`wide`] | UTF-16 names |

#![no_std]

extern crate alloc;

use core::sync::atomic;

// The panic handler: a bug check that names the source line.
use wdk_panic as _;

mod access;
mod assembly;
mod control_device;
mod dispatch;
mod entry;
mod event;
mod guarded;
mod irp;
mod mutex;
mod node;
mod record;
mod rendezvous;
mod round;
mod seat;
mod status;
mod survey;
mod this_processor;
mod vmcb_page;
mod wait;
mod wide;

#[global_allocator]
static ALLOCATOR: wdk_alloc::WdkAllocator = wdk_alloc::WdkAllocator;
