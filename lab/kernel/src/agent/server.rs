//! Serving requests, one after another, as a thread of the boot processor.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::ToString;

use lab_wire::{Exercise, Injection, Message, Misuse, ProcessorChange, Reply, Request};

use super::conformance::{self, Unmet};
use super::{channel, fuzz, physical, threads, violations};
use crate::base::{qemu, serial};
use crate::memory::uninitialized;
use crate::nt::exception::injection;
use crate::nt::io::driver;
use crate::nt::{dispatcher, dpc, exports, hot_add, processors, report, resources};
use crate::processor::registers;

/// Serves requests until told to stop.
pub fn serve() -> ! {
    loop {
        let reply = match channel::next_request() {
            Ok(Request::Shutdown) => {
                serial::send(&Message::Reply(Reply::Done));
                qemu::exit(lab_wire::EXIT_SHUTDOWN)
            }
            Ok(request) => answer(request),
            Err(error) => Reply::Refused(format!("not a request: {error}")),
        };
        serial::send(&Message::Reply(reply));
    }
}

fn answer(request: Request) -> Reply {
    match request {
        Request::Load => load(),
        Request::Unload => unload(),
        Request::Run(threads) => threads::run(threads),
        Request::Relay {
            processors,
            operations,
        } => threads::run_in_turn(&processors, &operations),
        Request::Report => Reply::Report(Box::new(report::make())),
        Request::ForgetWrites => done(report::forget_writes),
        Request::Processor { index } => read_processor(index),
        Request::SetProcessor { index, change } => set_processor(index, change),
        Request::InjectFault { index, injection } => inject(index, injection),
        Request::FailAllocation { nth } => done(|| resources::fail(nth)),
        Request::ReadPhysical { address, length } => physical::read(address, length),
        Request::WritePhysical { address, bytes } => physical::write(address, &bytes),
        Request::Exercise(kind) => check_conformance(kind),
        Request::Misuse(kind) => violate(kind),
        Request::AddProcessors { count, after } => {
            if hot_add::add(count, after) {
                Reply::Done
            } else {
                Reply::Refused(format!("{} processors are parked", processors::parked()))
            }
        }
        Request::Linger { turns } => done(|| dispatcher::delay_dpcs_that_set_events(turns)),
        Request::RefuseDpc { nth } => done(|| dpc::refuse(nth)),
        Request::FillMemory { byte } => done(|| uninitialized::choose(byte)),
        Request::CallAt { routine, irql } => {
            threads::run_here(|| violations::call_at(&routine, irql));
            Reply::Refused(format!("{routine} at IRQL {irql} was not noticed"))
        }
        Request::Fuzz(campaign) => Reply::Fuzz(Box::new(fuzz::run(campaign))),
        // The channel has answered it already.
        Request::Diagnose | Request::Shutdown => Reply::Done,
    }
}

/// Serves a request that always succeeds.
fn done(action: impl FnOnce()) -> Reply {
    action();
    Reply::Done
}

fn load() -> Reply {
    let loaded = threads::run_here(|| driver::load(exports::resolve));
    Reply::Load {
        status: loaded.status,
        base: loaded.base,
        refusal: loaded.refusal,
    }
}

fn unload() -> Reply {
    let (status, report) = threads::run_here(|| driver::unload(report::make));
    Reply::Unload {
        status,
        report: Box::new(report),
    }
}

fn read_processor(index: u32) -> Reply {
    threads::run_on(index, move |here| {
        let (group, number) = processors::number(index).expect("threads run on active ones");
        Reply::Processor(Box::new(registers::read(here, group, number)))
    })
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
    threads::run_on(index, move |here| {
        registers::change(here, &change);
        Reply::Done
    })
}

fn inject(index: u32, injection: Injection) -> Reply {
    threads::run_on(index, move |here| match injection::arm(here, injection) {
        Ok(()) => Reply::Done,
        Err(reason) => Reply::Refused(reason),
    })
}

fn check_conformance(kind: Exercise) -> Reply {
    match threads::run_here(|| conformance::check(kind)) {
        Ok(()) => Reply::Done,
        Err(Unmet(what)) => Reply::Refused(format!("{kind:?}: {what}")),
    }
}

fn violate(kind: Misuse) -> Reply {
    threads::run_here(|| violations::violate(kind));
    Reply::Refused(format!("{kind:?} was not noticed"))
}
