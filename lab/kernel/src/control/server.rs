//! Serving requests, one after another, as a thread of the boot processor.

#![expect(unsafe_code, reason = "tests read and write physical memory")]

use alloc::boxed::Box;
use alloc::format;
use alloc::string::ToString;
use alloc::sync::Arc;
use alloc::vec::Vec;

use lab_wire::{Message, Operation, Outcome, ProcessorChange, Reply, Request, Thread};

use super::exercise::{self, Broken};
use super::{channel, fuzz, misuse, staging, together};
use crate::memory::{self, guarded, paging};
use crate::nt::exception::injection;
use crate::nt::io::{driver, file};
use crate::nt::{dispatcher, dpc, hot_add, processors, report, resources};
use crate::processor::apic::{self, Vector};
use crate::processor::idle::{self, Job};
use crate::processor::{self, Processor, registers, stack, timer};
use crate::stop;
use crate::sync::Lock;

/// Serves requests until told to stop.
pub fn serve() -> ! {
    loop {
        let reply = match channel::next_request() {
            Ok(Request::Shutdown) => {
                channel::send(&Message::Reply(Reply::Done));
                stop::exit(lab_wire::EXIT_SHUTDOWN)
            }
            Ok(request) => answer(request),
            Err(error) => Reply::Refused(format!("not a request: {error}")),
        };
        channel::send(&Message::Reply(reply));
    }
}

fn answer(request: Request) -> Reply {
    match request {
        Request::Load => {
            let loaded = as_thread(driver::load);
            Reply::Load {
                status: loaded.status,
                base: loaded.base,
                refusal: loaded.refusal,
            }
        }
        Request::Unload => {
            let (status, report) = as_thread(driver::unload);
            Reply::Unload {
                status,
                report: Box::new(report),
            }
        }
        Request::Run(threads) => run(threads),
        Request::Relay {
            processors,
            operations,
        } => relay(&processors, &operations),
        Request::Report => Reply::Report(Box::new(report::make())),
        Request::ForgetWrites => {
            report::forget_writes();
            Reply::Done
        }
        Request::Processor { index } => on_processor(index, |here| {
            Reply::Processor(Box::new(registers::read(here)))
        }),
        Request::SetProcessor { index, change } => set_processor(index, change),
        Request::InjectFault { index, injection } => {
            on_processor(index, move |here| match injection::arm(here, injection) {
                Ok(()) => Reply::Done,
                Err(reason) => Reply::Refused(reason),
            })
        }
        Request::FailAllocation { nth } => {
            resources::fail(nth);
            Reply::Done
        }
        Request::ReadPhysical { address, length } => read_physical(address, length),
        Request::WritePhysical { address, bytes } => write_physical(address, &bytes),
        Request::Exercise(kind) => match as_thread(|| exercise::perform(kind)) {
            Ok(()) => Reply::Done,
            Err(Broken(promise)) => Reply::Refused(format!("{kind:?}: {promise}")),
        },
        Request::Misuse(kind) => {
            as_thread(|| misuse::commit(kind));
            Reply::Refused(format!("{kind:?} went unnoticed"))
        }
        Request::AddProcessors { count, after } => {
            if hot_add::add(count, after) {
                Reply::Done
            } else {
                Reply::Refused(format!("{} processors are parked", processors::parked()))
            }
        }
        Request::Linger { turns } => {
            dispatcher::linger(turns);
            Reply::Done
        }
        Request::RefuseDpc { nth } => {
            dpc::refuse(nth);
            Reply::Done
        }
        Request::FillMemory { byte } => {
            guarded::set_uninitialized(byte);
            stack::begin_filling();
            Reply::Done
        }
        Request::CallAt { routine, irql } => {
            as_thread(|| misuse::call_at(&routine, irql));
            Reply::Refused(format!("{routine} at IRQL {irql} went unnoticed"))
        }
        Request::Fuzz(campaign) => Reply::Fuzz(Box::new(fuzz::run(campaign))),
        // The channel has answered it already.
        Request::Diagnose | Request::Shutdown => Reply::Done,
    }
}

/// Runs something as a thread of this processor.
fn as_thread<R>(f: impl FnOnce() -> R) -> R {
    let mut result = None;
    idle::run_thread(processor::current(), || result = Some(f()));
    result.expect("a thread runs to its end")
}

/// The processor with an index, if it is online.
fn online(index: u32) -> Option<&'static Processor> {
    processors::number(index).and_then(|_| processor::get(index))
}

/// Runs something as a thread of another processor, and waits for it.
fn on_processor(index: u32, f: impl FnOnce(&'static Processor) -> Reply + Send + 'static) -> Reply {
    let Some(target) = online(index) else {
        return Reply::Refused(format!("there is no processor {index}"));
    };
    if index == processor::current().index {
        return as_thread(|| f(target));
    }
    let result = Arc::new(Lock::new(None));
    let home = processor::current();
    let answer = result.clone();
    idle::post(
        target,
        Box::new(move || {
            *answer.lock() = Some(f(target));
            apic::interrupt(home, Vector::Wake);
        }),
    );
    idle::wait_until(|| result.lock().take())
}

/// Descriptors that a test gives must name present data segments: 1 in P and S,
/// 0 in the code bit.
fn set_processor(index: u32, change: ProcessorChange) -> Reply {
    const KIND: u64 = 0x0000_9800_0000_0000;
    const PRESENT_DATA: u64 = 0x0000_9000_0000_0000;
    const TSS_MINIMUM: u32 = 0x67;
    for descriptor in [change.fs_descriptor, change.gs_descriptor]
        .into_iter()
        .flatten()
    {
        if descriptor & KIND != PRESENT_DATA {
            return Reply::Refused(format!("{descriptor:#x} is no present data segment"));
        }
    }
    if change.tss_limit.is_some_and(|limit| limit < TSS_MINIMUM) {
        return Reply::Refused("a task state segment needs a limit of 67h".to_string());
    }
    on_processor(index, move |here| {
        registers::change(here, &change);
        Reply::Done
    })
}

/// A pointer to physical memory, if all of it is there.
fn physical(address: u64, length: u64) -> Option<*mut u8> {
    let end = address.checked_add(length)?;
    (end <= memory::end_of_memory()).then(|| paging::physical_pointer(address))
}

fn read_physical(address: u64, length: u32) -> Reply {
    let Some(source) = physical(address, length.into()) else {
        return Reply::Refused(format!("{address:#x} is beyond memory"));
    };
    let bytes = (0..length as usize).map(|offset| {
        // SAFETY: The physical map shows all of memory.
        unsafe { source.wrapping_add(offset).read_volatile() }
    });
    Reply::Physical(bytes.collect())
}

fn write_physical(address: u64, bytes: &[u8]) -> Reply {
    let Some(target) = physical(address, bytes.len() as u64) else {
        return Reply::Refused(format!("{address:#x} is beyond memory"));
    };
    for (offset, &byte) in bytes.iter().enumerate() {
        // SAFETY: The physical map shows all of memory; the test knows what it
        // overwrites.
        unsafe { target.wrapping_add(offset).write_volatile(byte) };
    }
    Reply::Done
}

/// Runs threads on their processors, all released together.
fn run(threads: Vec<Thread>) -> Reply {
    if let Err(refusal) = all_online(threads.iter().map(|thread| thread.processor)) {
        return refusal;
    }
    let outcomes: Vec<Vec<Outcome>> = threads.iter().map(|_| Vec::new()).collect();
    let outcomes = Arc::new(Lock::new(outcomes));
    let mut work: Vec<Vec<(usize, Thread)>> = Vec::new();
    work.resize_with(processor::all().len(), Vec::new);
    for (position, thread) in threads.into_iter().enumerate() {
        work[thread.processor as usize].push((position, thread));
    }
    let busy = processor::all().iter().zip(work);
    let busy = busy.filter(|(_, threads)| !threads.is_empty());
    let jobs = busy.map(|(&target, threads)| {
        let outcomes = outcomes.clone();
        let job: Job = Box::new(move || {
            for (position, thread) in threads {
                let done = thread.operations.into_iter().map(perform).collect();
                outcomes.lock()[position] = done;
            }
        });
        (target, job)
    });
    together::run(jobs.collect());
    let outcomes = core::mem::take(&mut *outcomes.lock());
    Reply::Run(outcomes)
}

/// Runs one thread that goes from processor to processor.
fn relay(processors: &[u32], operations: &[Operation]) -> Reply {
    let way = match all_online(processors.iter().copied()) {
        Ok(way) => way,
        Err(refusal) => return refusal,
    };
    let outcomes = Arc::new(Lock::new(Vec::with_capacity(way.len())));
    let legs = way.into_iter().map(|target| {
        let outcomes = outcomes.clone();
        let operations = operations.to_vec();
        let job: Job = Box::new(move || {
            let done: Vec<Outcome> = operations.into_iter().map(perform).collect();
            outcomes.lock().push(done);
        });
        (target, job)
    });
    together::relay(legs.collect());
    let outcomes = core::mem::take(&mut *outcomes.lock());
    Reply::Run(outcomes)
}

/// The processors with these indices, or the refusal of one that there is not.
fn all_online(indices: impl Iterator<Item = u32>) -> Result<Vec<&'static Processor>, Reply> {
    let known = indices.map(|index| {
        let refusal = || Reply::Refused(format!("there is no processor {index}"));
        online(index).ok_or_else(refusal)
    });
    known.collect()
}

fn perform(operation: Operation) -> Outcome {
    match operation {
        Operation::Open {
            path,
            access,
            token,
        } => Outcome::Open(file::open(&path, access, token)),
        Operation::Close { handle } => Outcome::Close(file::close(handle)),
        Operation::Ioctl {
            handle,
            code,
            input,
            output_length,
        } => Outcome::Ioctl(file::control(handle, code, &input, output_length)),
        Operation::Cancel { handle } => Outcome::Cancel(file::cancel(handle)),
        Operation::Unload => Outcome::Unload(driver::request_unload()),
        Operation::HoldDpcs => staging::hold_dpcs(),
        Operation::AwaitHeldDpcs => staging::await_held_dpcs(),
        Operation::ReleaseDpcs => staging::release_dpcs(),
        Operation::AwaitPending { requests } => staging::await_pending(requests),
        Operation::AwaitWaiting { threads } => staging::await_waiting(threads),
        Operation::TimeStamp => Outcome::TimeStamp(timer::ticks()),
    }
}
