//! Carrying out the host's commands, one after another, as a thread of the boot processor.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::ToString;

use lab_wire::{
    Command, ConformanceCheck, Injection, Message, ProcessorChange, Response, Violation,
};

use super::conformance::{self, Unmet};
use super::{channel, fuzz, physical, threads, violations};
use crate::base::{qemu, serial};
use crate::memory::uninitialized;
use crate::nt::exception::injection;
use crate::nt::io::driver;
use crate::nt::{dispatcher, dpc, exports, hot_add, processors, report, resources};
use crate::processor::registers;

/// Carries out commands until told to shut down.
pub(crate) fn serve() -> ! {
    loop {
        let response = match channel::next_command() {
            Ok(Command::Shutdown) => {
                serial::send(&Message::Response(Response::Done));
                qemu::exit(lab_wire::EXIT_SHUTDOWN)
            }
            Ok(command) => carry_out(command),
            Err(error) => Response::Refused(format!("not a command: {error}")),
        };
        serial::send(&Message::Response(response));
    }
}

fn carry_out(command: Command) -> Response {
    match command {
        Command::Load => load(),
        Command::Unload => unload(),
        Command::Run(threads) => threads::run(threads),
        Command::Report => Response::Report(Box::new(report::make())),
        Command::ForgetWrites => done(report::forget_writes),
        Command::Processor { index } => read_processor(index),
        Command::SetProcessor { index, change } => set_processor(index, change),
        Command::InjectFault { index, injection } => inject(index, injection),
        Command::FailAllocation { nth } => done(|| resources::fail(nth)),
        Command::ReadPhysical { address, length } => physical::read(address, length),
        Command::WritePhysical { address, bytes } => physical::write(address, &bytes),
        Command::CheckConformance(kind) => check_conformance(kind),
        Command::Violate(kind) => violate(kind),
        Command::AddProcessors { count, after } => {
            if hot_add::add(count, after) {
                Response::Done
            } else {
                Response::Refused(format!("{} processors are parked", processors::parked()))
            }
        }
        Command::DelaySetEvent { spins } => done(|| dispatcher::delay_set_event(spins)),
        Command::RefuseDpc { nth } => done(|| dpc::refuse(nth)),
        Command::FillMemory { byte } => done(|| uninitialized::choose(byte)),
        Command::CallAt { routine, irql } => {
            threads::run_here(|| violations::call_at(&routine, irql));
            Response::Refused(format!("{routine} at IRQL {irql} was not noticed"))
        }
        Command::Fuzz(campaign) => Response::Fuzz(Box::new(fuzz::run(campaign))),
        // The channel has answered it already.
        Command::Diagnose | Command::Shutdown => Response::Done,
    }
}

/// Carries out a command that always succeeds.
fn done(action: impl FnOnce()) -> Response {
    action();
    Response::Done
}

fn load() -> Response {
    let loaded = threads::run_here(|| driver::load(exports::resolve));
    Response::Load {
        status: loaded.status,
        base: loaded.base,
        refusal: loaded.refusal,
    }
}

fn unload() -> Response {
    let (status, report) = threads::run_here(|| driver::unload(report::make));
    Response::Unload {
        status,
        report: Box::new(report),
    }
}

fn read_processor(index: u32) -> Response {
    threads::run_on(index, move |here| {
        let (group, number) = processors::number(index).expect("threads run on active ones");
        Response::Processor(Box::new(registers::read(here, group, number)))
    })
}

/// Descriptors that a test gives must name present data segments of DPL 3, as the selectors
/// demand that are loaded: 1 in P, DPL and S, 0 in the code bit.
fn set_processor(index: u32, change: ProcessorChange) -> Response {
    const KIND: u64 = 0x0000_F800_0000_0000;
    const PRESENT_DATA: u64 = 0x0000_F000_0000_0000;
    const TSS_MINIMUM: u32 = 0x67;
    for descriptor in [change.fs_descriptor, change.gs_descriptor]
        .into_iter()
        .flatten()
    {
        if descriptor & KIND != PRESENT_DATA {
            return Response::Refused(format!(
                "{descriptor:#x} is no present data segment of DPL 3"
            ));
        }
    }
    if change.tss_limit.is_some_and(|limit| limit < TSS_MINIMUM) {
        return Response::Refused("a task state segment needs a limit of 67h".to_string());
    }
    threads::run_on(index, move |here| {
        registers::change(here, &change);
        Response::Done
    })
}

fn inject(index: u32, injection: Injection) -> Response {
    threads::run_on(index, move |here| match injection::arm(here, injection) {
        Ok(()) => Response::Done,
        Err(reason) => Response::Refused(reason),
    })
}

fn check_conformance(kind: ConformanceCheck) -> Response {
    match threads::run_here(|| conformance::check(kind)) {
        Ok(()) => Response::Done,
        Err(Unmet(what)) => Response::Refused(format!("{kind:?}: {what}")),
    }
}

fn violate(kind: Violation) -> Response {
    threads::run_here(|| violations::violate(kind));
    Response::Refused(format!("{kind:?} was not noticed"))
}
