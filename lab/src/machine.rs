//! The lab: a booted machine with a driver, and what can be done with it.

use std::fmt;
use std::path::Path;

use lab_wire::{
    Access, Campaign, Campaigned, Exercise, Handle, Injection, IoctlReply, Misuse, Operation,
    Outcome, Passage, ProcessorChange, ProcessorState, Ready, Reply, Report, Request, Thread,
    Token,
};

use crate::instruction_log::InstructionLog;
use crate::mapped_image::{MappedImage, VMSAVE};
use crate::qemu::Tracing;
use crate::session::Session;
use crate::{Config, Error, LogLine};

/// A booted machine with a driver.
#[derive(Debug)]
pub struct Lab {
    session: Session,
    ready: Ready,
    instruction_log: Option<(InstructionLog, MappedImage)>,
}

impl Lab {
    /// Boots the kernel with a driver's file at hand; nothing is loaded yet.
    ///
    /// # Errors
    ///
    /// When there is no QEMU, or the machine does not come up in time.
    pub fn boot(config: &Config, kernel: &Path, driver: &Path) -> Result<Self, Error> {
        if !(1..=255).contains(&config.processors) {
            let count = config.processors;
            return Err(Error::Config(format!(
                "{count} processors: the lab has 1 to 255"
            )));
        }
        if config.log_instructions {
            Self::boot_logging(config, kernel, driver)
        } else {
            Self::start(config, kernel, driver, None)
        }
    }

    /// Boots twice: once to see where the driver is mapped, then to log what is
    /// executed there.
    fn boot_logging(config: &Config, kernel: &Path, driver: &Path) -> Result<Self, Error> {
        let image = MappedImage::read(driver)?;
        let mut scout = Self::start(config, kernel, driver, None)?;
        let base = scout.load()?;
        drop(scout);
        let log = InstructionLog::new(config.processors, base..base + image.size())?;
        let tracing = log.tracing(&config.qemu)?;
        let mut lab = Self::start(config, kernel, driver, Some(&tracing))?;
        lab.instruction_log = Some((log, image));
        Ok(lab)
    }

    fn start(
        config: &Config,
        kernel: &Path,
        driver: &Path,
        tracing: Option<&Tracing>,
    ) -> Result<Self, Error> {
        let (session, ready) = Session::start(config, kernel, driver, tracing)?;
        Ok(Self {
            session,
            ready,
            instruction_log: None,
        })
    }

    /// What booted.
    #[must_use]
    pub fn ready(&self) -> &Ready {
        &self.ready
    }

    /// The guest's log so far.
    #[must_use]
    pub fn log(&self) -> &[LogLine] {
        self.session.log()
    }

    /// Loads the driver and runs its entry point; returns where it was mapped.
    ///
    /// # Errors
    ///
    /// [`Error::Load`] when the file is refused or the entry point fails.
    pub fn load(&mut self) -> Result<u64, Error> {
        match self.session.ask(&Request::Load)? {
            Reply::Load {
                status,
                base,
                refusal,
            } if is_success(status) && refusal.is_empty() => Ok(base),
            Reply::Load {
                status, refusal, ..
            } => Err(Error::Load { status, refusal }),
            other => Err(unexpected(&other)),
        }
    }

    /// Unloads the driver; returns what it left behind.
    ///
    /// # Errors
    ///
    /// [`Error::Status`] when handles are open or the driver cannot unload.
    pub fn unload(&mut self) -> Result<Report, Error> {
        match self.session.ask(&Request::Unload)? {
            Reply::Unload { status, report } if is_success(status) => Ok(*report),
            Reply::Unload { status, .. } => Err(Error::Status {
                call: "unload",
                status,
            }),
            other => Err(unexpected(&other)),
        }
    }

    /// Opens a device by its Win32 path, such as `\\.\Name`, as an administrator who
    /// has `SeDebugPrivilege` enabled.
    ///
    /// # Errors
    ///
    /// [`Error::Status`] with what `CreateFile` would fail with.
    pub fn open(&mut self, path: &str, access: Access) -> Result<Handle, Error> {
        self.open_as(Token::Administrator, path, access)
    }

    /// Opens a device by its Win32 path. All calls with the handle are made by a thread
    /// with the same token.
    ///
    /// # Errors
    ///
    /// [`Error::Status`] with what `CreateFile` would fail with.
    pub fn open_as(&mut self, token: Token, path: &str, access: Access) -> Result<Handle, Error> {
        let operation = Operation::Open {
            path: path.to_owned(),
            access,
            token,
        };
        match self.perform(operation)? {
            Outcome::Open(Ok(handle)) => Ok(handle),
            Outcome::Open(Err(status)) => Err(Error::Status {
                call: "open",
                status,
            }),
            other => Err(unexpected(&other)),
        }
    }

    /// Closes a handle.
    ///
    /// # Errors
    ///
    /// [`Error::Status`] for a handle that is not open.
    pub fn close(&mut self, handle: Handle) -> Result<(), Error> {
        match self.perform(Operation::Close { handle })? {
            Outcome::Close(status) if is_success(status) => Ok(()),
            Outcome::Close(status) => Err(Error::Status {
                call: "close",
                status,
            }),
            other => Err(unexpected(&other)),
        }
    }

    /// Sends a control code, from a thread on processor 0. A failing status is
    /// part of the reply, not an error.
    ///
    /// # Errors
    ///
    /// When the machine stops or gives no answer.
    pub fn ioctl(
        &mut self,
        handle: Handle,
        code: u32,
        input: &[u8],
        output_length: u32,
    ) -> Result<IoctlReply, Error> {
        let operation = Operation::Ioctl {
            handle,
            code,
            input: input.to_vec(),
            output_length,
        };
        match self.perform(operation)? {
            Outcome::Ioctl(reply) => Ok(reply),
            other => Err(unexpected(&other)),
        }
    }

    /// Makes one system call from a thread on processor 0.
    fn perform(&mut self, operation: Operation) -> Result<Outcome, Error> {
        let mut outcomes = self.run(vec![Thread {
            processor: 0,
            operations: vec![operation],
        }])?;
        let outcome = outcomes.pop().and_then(|mut thread| thread.pop());
        outcome.ok_or_else(|| Error::Protocol(String::from("no outcome")))
    }

    /// Runs threads, all at once, each on its processor; threads of one processor
    /// follow each other. Returns the outcomes of each thread's operations.
    ///
    /// # Errors
    ///
    /// When the machine stops or gives no answer.
    pub fn run(&mut self, threads: Vec<Thread>) -> Result<Vec<Vec<Outcome>>, Error> {
        self.ask_run(&Request::Run(threads))
    }

    /// Runs one thread that goes from processor to processor, and makes the same system
    /// calls on each. Returns their outcomes on each processor.
    ///
    /// # Errors
    ///
    /// When the machine stops or gives no answer.
    pub fn relay(
        &mut self,
        processors: Vec<u32>,
        operations: Vec<Operation>,
    ) -> Result<Vec<Vec<Outcome>>, Error> {
        self.ask_run(&Request::Relay {
            processors,
            operations,
        })
    }

    /// What is allocated, open and queued now.
    ///
    /// # Errors
    ///
    /// When the machine stops or gives no answer.
    pub fn report(&mut self) -> Result<Report, Error> {
        match self.session.ask(&Request::Report)? {
            Reply::Report(report) => Ok(*report),
            other => Err(unexpected(&other)),
        }
    }

    /// Makes the pages of the driver's memory count as written by nobody: what is written from now
    /// on is in the next [report](Self::report).
    ///
    /// # Errors
    ///
    /// When the machine stops or gives no answer.
    pub fn forget_writes(&mut self) -> Result<(), Error> {
        self.ask_done(&Request::ForgetWrites)
    }

    /// The registers of a processor, read there by the kernel without VMSAVE.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] if there is no such processor.
    pub fn processor(&mut self, index: u32) -> Result<ProcessorState, Error> {
        match self.session.ask(&Request::Processor { index })? {
            Reply::Processor(state) => Ok(*state),
            other => Err(unexpected(&other)),
        }
    }

    /// Sets registers of a processor.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] if there is no such processor, or a value would stop it.
    pub fn set_processor(&mut self, index: u32, change: ProcessorChange) -> Result<(), Error> {
        self.ask_done(&Request::SetProcessor { index, change })
    }

    /// Makes an instruction that the loaded driver guards raise an exception on a
    /// processor. Takes the place of what was asked for there before.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] if there is no such processor, or the driver guards no such
    /// instruction.
    pub fn inject_fault(&mut self, index: u32, injection: Injection) -> Result<(), Error> {
        self.ask_done(&Request::InjectFault { index, injection })
    }

    /// Makes the n-th call from now on fail that takes memory, a handle or a name;
    /// zero takes that back. [`Report::failable_calls`] counts those calls.
    ///
    /// # Errors
    ///
    /// When the machine stops or gives no answer.
    pub fn fail_allocation(&mut self, nth: u64) -> Result<(), Error> {
        self.ask_done(&Request::FailAllocation { nth })
    }

    /// Brings parked processors online: right after the driver's next call of a routine,
    /// or now.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] if fewer are parked, see [`Config::parked`].
    pub fn add_processors(&mut self, count: u32, after: Option<Passage>) -> Result<(), Error> {
        self.ask_done(&Request::AddProcessors { count, after })
    }

    /// From now on makes `KeSetEvent` return late to DPCs, by so many turns of a spin
    /// loop.
    ///
    /// # Errors
    ///
    /// When the machine stops or gives no answer.
    pub fn linger(&mut self, turns: u32) -> Result<(), Error> {
        self.ask_done(&Request::Linger { turns })
    }

    /// Bytes of physical memory.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] beyond the memory's end.
    pub fn read_physical(&mut self, address: u64, length: u32) -> Result<Vec<u8>, Error> {
        match self
            .session
            .ask(&Request::ReadPhysical { address, length })?
        {
            Reply::Physical(bytes) => Ok(bytes),
            other => Err(unexpected(&other)),
        }
    }

    /// Overwrites physical memory.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] beyond the memory's end.
    pub fn write_physical(&mut self, address: u64, bytes: &[u8]) -> Result<(), Error> {
        self.ask_done(&Request::WritePhysical {
            address,
            bytes: bytes.to_vec(),
        })
    }

    /// Makes the kernel check a promise of its own routines.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] with what was not as promised.
    pub fn exercise(&mut self, kind: Exercise) -> Result<(), Error> {
        self.ask_done(&Request::Exercise(kind))
    }

    /// Makes the kernel break one of its own rules.
    ///
    /// # Errors
    ///
    /// Always: [`Error::Stopped`] with the rule, or [`Error::Refused`] if nobody
    /// noticed.
    pub fn misuse(&mut self, kind: Misuse) -> Result<(), Error> {
        self.ask_done(&Request::Misuse(kind))
    }

    /// Makes the n-th call of `KeInsertQueueDpc` from now on refuse the DPC; zero takes that
    /// back.
    ///
    /// # Errors
    ///
    /// When the machine stops or gives no answer.
    pub fn refuse_dpc(&mut self, nth: u64) -> Result<(), Error> {
        self.ask_done(&Request::RefuseDpc { nth })
    }

    /// From now on fills memory whose content is not promised, and the stack below the
    /// driver's frames, with a byte, to show where it comes out.
    ///
    /// # Errors
    ///
    /// When the machine stops or gives no answer.
    pub fn fill_memory(&mut self, byte: u8) -> Result<(), Error> {
        self.ask_done(&Request::FillMemory { byte })
    }

    /// Calls a routine that drivers may import at an IRQL at which that is forbidden.
    ///
    /// # Errors
    ///
    /// Always: [`Error::Stopped`] with the rule, or [`Error::Refused`] if nobody
    /// noticed.
    pub fn call_at(&mut self, routine: &str, irql: u8) -> Result<(), Error> {
        let routine = routine.to_owned();
        self.ask_done(&Request::CallAt { routine, irql })
    }

    /// Makes random calls on all processors at once, with the driver loaded before
    /// and after.
    ///
    /// # Errors
    ///
    /// When the machine stops or gives no answer. A call that was not answered as
    /// promised is part of the result.
    pub fn fuzz(&mut self, campaign: Campaign) -> Result<Campaigned, Error> {
        match self.session.ask(&Request::Fuzz(campaign))? {
            Reply::Fuzz(campaigned) => Ok(*campaigned),
            other => Err(unexpected(&other)),
        }
    }

    /// Ends the machine in good order.
    ///
    /// # Errors
    ///
    /// When it does not end, or not with the status that means good order.
    pub fn shutdown(mut self) -> Result<(), Error> {
        self.ask_done(&Request::Shutdown)?;
        self.session.finish()
    }

    /// Which of the driver's instructions QEMU has executed, by its own log: for
    /// each processor, one after another, as offsets in the image. Only the first
    /// load of the driver is logged: it lies elsewhere after the next.
    ///
    /// # Errors
    ///
    /// [`Error::Config`] unless [`Config::log_instructions`] was set.
    pub fn executed(&self) -> Result<Vec<Vec<u64>>, Error> {
        match &self.instruction_log {
            Some((log, _)) => log.executed(),
            None => Err(Error::Config(String::from(
                "the machine was booted without log_instructions",
            ))),
        }
    }

    /// How many VMSAVE instructions of the driver each processor has executed, by
    /// the same log.
    ///
    /// # Errors
    ///
    /// As of [`Lab::executed`].
    pub fn executed_vmsaves(&self) -> Result<Vec<u64>, Error> {
        let executed = self.executed()?;
        let Some((_, image)) = &self.instruction_log else {
            return Ok(Vec::new());
        };
        let vmsaves = |offsets: &Vec<u64>| {
            let vmsaves = offsets.iter().filter(|at| image.is_at(**at, VMSAVE));
            vmsaves.count() as u64
        };
        Ok(executed.iter().map(vmsaves).collect())
    }

    fn ask_run(&mut self, request: &Request) -> Result<Vec<Vec<Outcome>>, Error> {
        match self.session.ask(request)? {
            Reply::Run(outcomes) => Ok(outcomes),
            other => Err(unexpected(&other)),
        }
    }

    fn ask_done(&mut self, request: &Request) -> Result<(), Error> {
        match self.session.ask(request)? {
            Reply::Done => Ok(()),
            other => Err(unexpected(&other)),
        }
    }
}

fn is_success(status: u32) -> bool {
    status.cast_signed() >= 0
}

fn unexpected(answer: &dyn fmt::Debug) -> Error {
    Error::Protocol(format!("{answer:?}"))
}
