//! Threads that the host asks for: each makes system calls on its processor.

use alloc::boxed::Box;
use alloc::format;
use alloc::sync::Arc;
use alloc::vec::Vec;

use lab_wire::{Operation, OperationResult, Response, Thread};

use super::{smp, sync_points};
use crate::base::lock::Lock;
use crate::nt::io::{driver, file};
use crate::nt::processors;
use crate::processor::apic::{self, Vector};
use crate::processor::mailbox::Job;
use crate::processor::{self, Processor, idle, timer};

/// Runs something as a thread of this processor.
pub(super) fn run_here<R>(f: impl FnOnce() -> R) -> R {
    let mut result = None;
    idle::run_thread(processor::current(), || result = Some(f()));
    result.expect("a thread runs to its end")
}

/// Runs something as a thread of another processor, and waits for it.
pub(super) fn run_on(
    index: u32,
    f: impl FnOnce(&'static Processor) -> Response + Send + 'static,
) -> Response {
    let Some(target) = online(index) else {
        return refusal(index);
    };
    let requester = processor::current();
    if index == requester.index {
        return run_here(|| f(target));
    }
    let result = Arc::new(Lock::new(None));
    let slot = result.clone();
    idle::post(
        target,
        Box::new(move || {
            *slot.lock() = Some(f(target));
            apic::interrupt(requester, Vector::Wake);
        }),
    );
    idle::wait_until(|| result.lock().take())
}

/// The processor with an index, if it is online.
fn online(index: u32) -> Option<&'static Processor> {
    processors::number(index).and_then(|_| processor::get(index))
}

/// The answer to a request for a processor that is not online.
fn refusal(index: u32) -> Response {
    Response::Refused(format!("there is no processor {index}"))
}

/// Runs threads on their processors, all released together.
pub(super) fn run(threads: Vec<Thread>) -> Response {
    let mut processors = threads.iter().map(|thread| thread.processor);
    if let Some(missing) = processors.find(|&index| online(index).is_none()) {
        return refusal(missing);
    }
    let results: Vec<Vec<OperationResult>> = threads.iter().map(|_| Vec::new()).collect();
    let results = Arc::new(Lock::new(results));
    let mut work: Vec<Vec<(usize, Thread)>> = Vec::new();
    work.resize_with(processor::all().len(), Vec::new);
    for (position, thread) in threads.into_iter().enumerate() {
        work[thread.processor as usize].push((position, thread));
    }
    let busy = processor::all().iter().zip(work);
    let busy = busy.filter(|(_, threads)| !threads.is_empty());
    let jobs = busy.map(|(&target, threads)| {
        let results = results.clone();
        let job: Job = Box::new(move || {
            for (position, thread) in threads {
                let done = thread.operations.into_iter().map(perform).collect();
                results.lock()[position] = done;
            }
        });
        (target, job)
    });
    smp::run(jobs.collect());
    let results = core::mem::take(&mut *results.lock());
    Response::Run(results)
}

fn perform(operation: Operation) -> OperationResult {
    match operation {
        Operation::Open {
            path,
            access,
            token,
        } => OperationResult::Open(file::open(&path, access, token)),
        Operation::Close { handle } => OperationResult::Close(file::close(handle)),
        Operation::Ioctl {
            handle,
            code,
            input,
            output_length,
        } => OperationResult::Ioctl(file::control(handle, code, &input, output_length)),
        Operation::Cancel { handle } => OperationResult::Cancel(file::cancel(handle)),
        Operation::Unload => OperationResult::Unload(driver::request_unload()),
        Operation::HoldDpcs => sync_points::hold_dpcs(),
        Operation::AwaitHeldDpcs => sync_points::await_held_dpcs(),
        Operation::ReleaseDpcs => sync_points::release_dpcs(),
        Operation::AwaitPending { requests } => sync_points::await_pending(requests),
        Operation::AwaitWaiting { threads } => sync_points::await_waiting(threads),
        Operation::TimeStamp => OperationResult::TimeStamp(timer::ticks()),
    }
}
