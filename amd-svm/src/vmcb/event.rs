//! Events that VMRUN delivers, and events whose delivery an exit interrupted.

use core::fmt;

use bitfield_struct::bitfield;
use bytemuck::{Pod, Zeroable};

use super::Exception;

/// An event to inject (`EVENTINJ`), or one whose delivery an exit interrupted (`EXITINTINFO`).
///
/// The constructors [`interrupt`](Self::interrupt), [`nmi`](Self::nmi),
/// [`exception`](Self::exception) and [`software_interrupt`](Self::software_interrupt) make events
/// that VMRUN accepts; the setters make any. Source: APM volume 2, sections 15.7.2 and 15.20.
#[bitfield(u64)]
#[derive(Eq, PartialEq, Pod, Zeroable)]
pub struct Event {
    /// Vector.
    #[bits(8)]
    pub vector: u8,
    /// 0 external interrupt, 2 NMI, 3 exception, 4 software interrupt: see [`EventKind`].
    #[bits(3)]
    pub kind: u8,
    /// `error_code` counts.
    pub error_code_valid: bool,
    #[bits(19)]
    __: u32,
    /// There is an event.
    pub valid: bool,
    /// The error code that the exception pushes.
    #[bits(32)]
    pub error_code: u32,
}

/// What an [`Event`] is.
///
/// Source: APM volume 2, section 15.7.2, table 15-1.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[repr(u8)]
#[non_exhaustive]
pub enum EventKind {
    /// An external or a virtual interrupt.
    Interrupt = 0,
    /// An NMI; its vector is 2 whatever the event says.
    Nmi = 2,
    /// An exception, INT1, INT3 and INTO among them.
    Exception = 3,
    /// `INT n`.
    SoftwareInterrupt = 4,
}

impl EventKind {
    /// The kind of a number; `None` for the four that are reserved.
    #[must_use]
    pub const fn new(number: u8) -> Option<Self> {
        Some(match number {
            0 => Self::Interrupt,
            2 => Self::Nmi,
            3 => Self::Exception,
            4 => Self::SoftwareInterrupt,
            _ => return None,
        })
    }
}

/// Why there is no such event.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum EventError {
    /// The exception pushes an error code, and none was given.
    ErrorCodeMissing(Exception),
    /// The exception pushes no error code, and one was given.
    ErrorCodeUnexpected(Exception),
    /// Vector 2 is the NMI's, and no exception.
    NmiIsNoException,
}

impl fmt::Display for EventError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ErrorCodeMissing(exception) => {
                write!(f, "{exception} pushes an error code: give one")
            }
            Self::ErrorCodeUnexpected(exception) => {
                write!(f, "{exception} pushes no error code: give none")
            }
            Self::NmiIsNoException => f.write_str("vector 2 is an NMI: use Event::nmi"),
        }
    }
}

impl core::error::Error for EventError {}

impl Event {
    /// An external interrupt of a vector.
    #[must_use]
    pub const fn interrupt(vector: u8) -> Self {
        Self::of(EventKind::Interrupt, vector)
    }

    /// A non-maskable interrupt.
    #[must_use]
    pub const fn nmi() -> Self {
        Self::of(EventKind::Nmi, 2)
    }

    /// `INT n`.
    #[must_use]
    pub const fn software_interrupt(vector: u8) -> Self {
        Self::of(EventKind::SoftwareInterrupt, vector)
    }

    /// An exception, with an error code if and only if it pushes one.
    ///
    /// ```
    /// use amd_svm::vmcb::{Event, EventError, Exception};
    ///
    /// let fault = Event::exception(Exception::PAGE_FAULT, Some(2))?;
    /// assert_eq!(u64::from(fault), 0x0000_0002_8000_0B0E);
    /// assert_eq!(
    ///     Event::exception(Exception::INVALID_OPCODE, Some(0)),
    ///     Err(EventError::ErrorCodeUnexpected(Exception::INVALID_OPCODE)),
    /// );
    /// # Ok::<(), EventError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If the error code is missing or too much, or the vector is the NMI's.
    pub const fn exception(
        exception: Exception,
        error_code: Option<u32>,
    ) -> Result<Self, EventError> {
        let event = Self::of(EventKind::Exception, exception.vector());
        match error_code {
            _ if exception.vector() == 2 => Err(EventError::NmiIsNoException),
            Some(code) if exception.pushes_error_code() => {
                Ok(event.with_error_code_valid(true).with_error_code(code))
            }
            Some(_) => Err(EventError::ErrorCodeUnexpected(exception)),
            None if exception.pushes_error_code() => Err(EventError::ErrorCodeMissing(exception)),
            None => Ok(event),
        }
    }

    /// What the event is; `None` for a reserved number.
    #[must_use]
    pub const fn event_kind(self) -> Option<EventKind> {
        EventKind::new(self.kind())
    }

    const fn of(kind: EventKind, vector: u8) -> Self {
        Self::new()
            .with_vector(vector)
            .with_kind(kind as u8)
            .with_valid(true)
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.valid() {
            return f.write_str("none");
        }
        let vector = self.vector();
        match (self.event_kind(), Exception::new(vector)) {
            (Some(EventKind::Interrupt), _) => write!(f, "interrupt {vector:#x}")?,
            (Some(EventKind::Nmi), _) => f.write_str("NMI")?,
            (Some(EventKind::Exception), Some(exception)) => write!(f, "exception {exception}")?,
            (Some(EventKind::Exception), None) => write!(f, "exception {vector}, which is none")?,
            (Some(EventKind::SoftwareInterrupt), _) => write!(f, "INT {vector:#x}")?,
            (None, _) => write!(f, "reserved kind {}, vector {vector:#x}", self.kind())?,
        }
        if self.error_code_valid() {
            write!(f, ", error code {:#x}", self.error_code())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::string::ToString as _;

    use super::*;

    #[test]
    fn events_have_the_bits_of_section_15_20() {
        assert_eq!(u64::from(Event::interrupt(0x40)), 0x8000_0040);
        assert_eq!(u64::from(Event::nmi()), 0x8000_0202);
        assert_eq!(u64::from(Event::software_interrupt(0x80)), 0x8000_0480);
        let breakpoint = Event::exception(Exception::BREAKPOINT, None).unwrap();
        assert_eq!(u64::from(breakpoint), 0x8000_0303);
    }

    #[test]
    fn an_exception_has_an_error_code_if_and_only_if_it_pushes_one() {
        for exception in (0..32).filter_map(Exception::new) {
            let pushes = exception.pushes_error_code();
            let is_nmi = exception.vector() == 2;
            let with = Event::exception(exception, Some(5));
            let without = Event::exception(exception, None);
            assert_eq!(with.is_ok(), pushes && !is_nmi, "{exception}");
            assert_eq!(without.is_ok(), !pushes && !is_nmi, "{exception}");
            assert!(with.is_err() || with.unwrap().error_code() == 5);
        }
    }

    #[test]
    fn events_are_told_in_words() {
        let fault = Event::exception(Exception::GENERAL_PROTECTION, Some(0x10)).unwrap();
        assert_eq!(fault.to_string(), "exception #GP, error code 0x10");
        assert_eq!(Event::new().to_string(), "none");
        assert_eq!(Event::nmi().to_string(), "NMI");
        assert_eq!(Event::interrupt(0x40).to_string(), "interrupt 0x40");
        assert_eq!(
            Event::nmi().with_kind(5).to_string(),
            "reserved kind 5, vector 0x2"
        );
        assert_eq!(EventKind::new(1), None);
    }
}
