//! The conversation with a booted kernel: commands, responses, log, and how it
//! ends.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use lab_wire::{Command, LogSource, Message, Ready, Response, Stop};

use crate::connection::{Connection, Received};
use crate::monitor::{Monitor, ProcessorRegisters};
use crate::qemu::{Qemu, Tracing};
use crate::{Config, Error, symbols};

/// How long a machine that gave no answer may take to tell what it is doing, and
/// one that was shut down to end.
const LAST_TIMEOUT: Duration = Duration::from_secs(3);

/// A booted kernel that answers commands.
#[derive(Debug)]
pub(crate) struct Session {
    connection: Connection,
    qemu: Qemu,
    log: Vec<LogLine>,
    timeout: Duration,
    kernel: PathBuf,
    monitor: Option<Monitor>,
}

/// A line of the guest's log.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LogLine {
    /// Where it comes from.
    pub source: LogSource,
    /// The processor that it was written on.
    pub processor: u32,
    /// The line.
    pub text: String,
}

impl Session {
    /// Starts QEMU and waits for the kernel's greeting.
    pub(crate) fn start(
        config: &Config,
        kernel: &Path,
        driver: &Path,
        tracing: Option<&Tracing>,
    ) -> Result<(Self, Ready), Error> {
        let monitor = config.monitor.then(Monitor::new).transpose()?;
        let (qemu, pipes) = Qemu::start(config, kernel, driver, tracing, monitor.as_ref())?;
        let mut session = Self {
            connection: Connection::new(pipes),
            qemu,
            log: Vec::new(),
            timeout: config.timeout,
            kernel: kernel.to_owned(),
            monitor,
        };
        match session.next_message()? {
            Message::Ready(ready) => Ok((session, ready)),
            other => Err(Error::Protocol(format!("{other:?} instead of a greeting"))),
        }
    }

    /// The guest's log so far.
    pub(crate) fn log(&self) -> &[LogLine] {
        &self.log
    }

    /// Changes how long an answer may take.
    pub(crate) fn set_timeout(&mut self, timeout: Duration) {
        self.timeout = timeout;
    }

    /// The registers of all processors as QEMU shows them.
    pub(crate) fn qemu_registers(&self) -> Result<Vec<ProcessorRegisters>, Error> {
        match &self.monitor {
            Some(monitor) => monitor.registers(self.timeout),
            None => Err(Error::Config(String::from(
                "the machine was booted without monitor",
            ))),
        }
    }

    /// Sends a command and waits for its response.
    pub(crate) fn ask(&mut self, command: &Command) -> Result<Response, Error> {
        self.connection
            .send(command)
            .map_err(|error| Error::Protocol(error.to_string()))?;
        match self.next_message()? {
            Message::Response(Response::Refused(reason)) => Err(Error::Refused(reason)),
            Message::Response(response) => Ok(response),
            other => Err(Error::Protocol(format!("{other:?} instead of a response"))),
        }
    }

    /// Waits for QEMU to end after the kernel was told to.
    pub(crate) fn finish(mut self) -> Result<(), Error> {
        let status = self.qemu.finish(LAST_TIMEOUT);
        if status.and_then(|status| status.code()) == Some(lab_wire::EXIT_SHUTDOWN) {
            Ok(())
        } else {
            Err(self.ended(status))
        }
    }

    /// The next message that is not for the log.
    fn next_message(&mut self) -> Result<Message, Error> {
        let deadline = Instant::now() + self.timeout;
        match self.receive(deadline)? {
            Some(message) => Ok(message),
            None => Err(self.diagnose()),
        }
    }

    /// Collects the log until something else comes or the time is over.
    fn receive(&mut self, deadline: Instant) -> Result<Option<Message>, Error> {
        loop {
            match self.connection.receive(deadline) {
                Received::Message(Message::Log {
                    source,
                    processor,
                    text,
                }) => self.log.push(LogLine {
                    source,
                    processor,
                    text,
                }),
                Received::Message(Message::Stop(stop)) => return Err(self.stopped(stop)),
                Received::Message(message) => return Ok(Some(message)),
                // What a stopping kernel cut off is followed by its crash report.
                Received::Garbage(error) => self.log.push(LogLine {
                    source: LogSource::Kernel,
                    processor: 0,
                    text: format!("(an unreadable frame: {error})"),
                }),
                Received::Nothing => return Ok(None),
                Received::End => {
                    let status = self.qemu.finish(LAST_TIMEOUT);
                    return Err(self.ended(status));
                }
            }
        }
    }

    /// Asks a machine that has not answered what each processor is doing.
    fn diagnose(&mut self) -> Error {
        let asked = self.connection.send(&Command::Diagnose);
        let deadline = Instant::now() + LAST_TIMEOUT;
        // A machine that ends without a word now was silent before.
        if asked.is_ok()
            && let Err(error @ Error::Stopped { .. }) = self.receive(deadline)
        {
            return error;
        }
        Error::Silent {
            waited: self.timeout,
            log: self.log_text(),
        }
    }

    fn stopped(&mut self, mut stop: Box<Stop>) -> Error {
        self.qemu.finish(LAST_TIMEOUT);
        symbols::annotate(&self.kernel, &mut stop);
        Error::Stopped {
            stop,
            log: self.log_text(),
        }
    }

    fn ended(&self, status: Option<ExitStatus>) -> Error {
        Error::Ended {
            status: status.map_or_else(
                || String::from("its output ended, itself it had to be killed"),
                |status| status.to_string(),
            ),
            stderr: self.qemu.stderr(),
            log: self.log_text(),
        }
    }

    fn log_text(&self) -> String {
        let lines: Vec<String> = self.log.iter().map(LogLine::to_string).collect();
        lines.join("\n")
    }
}

impl fmt::Display for LogLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let source = match self.source {
            LogSource::Kernel => "lab",
            LogSource::Driver => "driver",
        };
        write!(f, "[{source} {}] {}", self.processor, self.text)
    }
}
