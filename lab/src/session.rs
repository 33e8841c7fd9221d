//! The conversation with a booted kernel: requests, answers, log, and how it
//! ends.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use lab_wire::{LogSource, Message, Ready, Reply, Request, Stop};

use crate::connection::{Connection, Received};
use crate::qemu::{Qemu, Tracing};
use crate::{Config, Error, symbols};

/// How long a machine that gave no answer may take to say what it is doing, and
/// one that is done to end.
const LAST_PATIENCE: Duration = Duration::from_secs(3);

/// A booted kernel that answers requests.
#[derive(Debug)]
pub struct Session {
    connection: Connection,
    qemu: Qemu,
    log: Vec<LogLine>,
    timeout: Duration,
    kernel: PathBuf,
}

/// A line of the guest's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// Who wrote it.
    pub source: LogSource,
    /// The processor that it was written on.
    pub processor: u32,
    /// The line.
    pub text: String,
}

impl Session {
    /// Starts QEMU and waits for the kernel's greeting.
    pub fn start(
        config: &Config,
        kernel: &Path,
        driver: &Path,
        tracing: Option<&Tracing>,
    ) -> Result<(Self, Ready), Error> {
        let (qemu, pipes) = Qemu::start(config, kernel, driver, tracing)?;
        let mut session = Self {
            connection: Connection::new(pipes),
            qemu,
            log: Vec::new(),
            timeout: config.timeout,
            kernel: kernel.to_owned(),
        };
        match session.next_message()? {
            Message::Ready(ready) => Ok((session, ready)),
            other => Err(Error::Protocol(format!("{other:?} instead of a greeting"))),
        }
    }

    /// The guest's log so far.
    pub fn log(&self) -> &[LogLine] {
        &self.log
    }

    /// Sends a request and waits for its answer.
    pub fn ask(&mut self, request: &Request) -> Result<Reply, Error> {
        self.connection
            .send(request)
            .map_err(|error| Error::Protocol(error.to_string()))?;
        match self.next_message()? {
            Message::Reply(Reply::Refused(reason)) => Err(Error::Refused(reason)),
            Message::Reply(reply) => Ok(reply),
            other => Err(Error::Protocol(format!("{other:?} instead of a reply"))),
        }
    }

    /// Waits for QEMU to end after the kernel was told to.
    pub fn finish(mut self) -> Result<(), Error> {
        let status = self.qemu.finish(LAST_PATIENCE);
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
                // What a stopping kernel cut off is followed by its last words.
                Received::Garbage(error) => self.log.push(LogLine {
                    source: LogSource::Kernel,
                    processor: 0,
                    text: format!("(an unreadable frame: {error})"),
                }),
                Received::Nothing => return Ok(None),
                Received::End => {
                    let status = self.qemu.finish(LAST_PATIENCE);
                    return Err(self.ended(status));
                }
            }
        }
    }

    /// Asks a machine that owes an answer what everybody is doing.
    fn diagnose(&mut self) -> Error {
        let asked = self.connection.send(&Request::Diagnose);
        let deadline = Instant::now() + LAST_PATIENCE;
        if asked.is_ok()
            && let Err(error) = self.receive(deadline)
        {
            return error;
        }
        Error::Silent {
            waited: self.timeout,
            log: self.log_text(),
        }
    }

    fn stopped(&mut self, mut stop: Box<Stop>) -> Error {
        self.qemu.finish(LAST_PATIENCE);
        symbols::annotate(&self.kernel, &mut stop);
        Error::Stopped {
            stop,
            log: self.log_text(),
        }
    }

    fn ended(&self, status: Option<ExitStatus>) -> Error {
        Error::Ended {
            status: status.map_or_else(|| String::from("killed"), |status| status.to_string()),
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
