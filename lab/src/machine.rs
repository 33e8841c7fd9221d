//! The lab: a booted machine with a driver, and what can be done with it.
//!
//! | module | what can be done |
//! |---|---|
//! | [`calls`] | loading the driver, and system calls |
//! | [`checks`] | checking the lab itself |
//! | [`changes`] | changing the machine, and making something fail |
//! | [`inspection`] | reading what is there |

mod calls;
mod changes;
mod checks;
mod inspection;

use std::fmt;
use std::path::Path;
use std::time::Duration;

use lab_wire::{Command, Ready, Response};

use crate::instruction_log::InstructionLog;
use crate::mapped_image::MappedImage;
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
        let mut first = Self::start(config, kernel, driver, None)?;
        let base = first.load()?;
        drop(first);
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

    /// Changes how long an answer may take, see [`Config::timeout`].
    pub fn set_timeout(&mut self, timeout: Duration) {
        self.session.set_timeout(timeout);
    }

    /// Ends the machine in good order.
    ///
    /// # Errors
    ///
    /// When it does not end, or not with the status that means good order.
    pub fn shutdown(mut self) -> Result<(), Error> {
        self.ask_done(&Command::Shutdown)?;
        self.session.finish()
    }

    fn ask_done(&mut self, request: &Command) -> Result<(), Error> {
        match self.session.ask(request)? {
            Response::Done => Ok(()),
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
