//! Why VMSAVE is unavailable on a processor, so that it has no capture to show.

use std::fmt;
use std::sync::Arc;

use amd_svm::support::Refusal;
use protocol::{Outcome, RefusedPage};

use super::kernel_module::printable;

/// What kept VMSAVE from being possible, or from being completed, on a processor.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum Unavailable {
    /// The processor, or a hypervisor beneath it, refused.
    Refused(Refusal),
    /// VMSAVE raised `#GP` for the page that the driver had for the processor: where a processor without
    /// `SvmeAddrChk` compares addresses with those that its host has reserved, another page may do.
    PageRefused(RefusedPage),
    /// The processor was not asked: it went away, or the system refused to queue work for it.
    NotReached,
    /// A newer driver gave a reason that this client does not know.
    Unknown,
    /// A file tells the reason in words of its own.
    Recorded(Arc<Recorded>),
}

/// A reason as a file tells it, where its words or its code are not those of this client.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Recorded {
    /// What this client understands of it: [`Unavailable::Unknown`] if it does not know the code.
    pub(crate) known: Unavailable,
    /// The file's code.
    pub(crate) code: String,
    /// The step at which the processor raised an exception, if the file names one.
    pub(crate) step: Option<String>,
    /// The exception, if the file names one.
    pub(crate) fault: Option<String>,
    /// The file's words; empty if it has none.
    pub(crate) message: String,
}

impl Unavailable {
    /// Reads the driver's answer for a processor.
    pub(crate) fn check(outcome: Outcome) -> Result<(), Self> {
        if outcome.is_done() {
            Ok(())
        } else if outcome.is_not_reached() {
            Err(Self::NotReached)
        } else if let Some(page) = outcome.refused_page() {
            Err(Self::PageRefused(page))
        } else {
            Err(outcome.refusal().map_or(Self::Unknown, Self::Refused))
        }
    }

    /// What this client understands of the reason, from a driver or a file.
    pub(crate) fn known(&self) -> &Self {
        match self {
            Self::Recorded(recorded) => &recorded.known,
            own => own,
        }
    }

    /// The name by which programs recognise this reason: it never changes. Of a reason that a file
    /// tells, the file's.
    #[must_use]
    pub fn code(&self) -> &str {
        match self {
            Self::Refused(Refusal::NotAmd) => "not-amd",
            Self::Refused(Refusal::NoSvm { hypervisor: false }) => "no-svm",
            Self::Refused(Refusal::NoSvm { hypervisor: true }) => "svm-hidden",
            Self::Refused(Refusal::Disabled { locked: false }) => "svm-disabled",
            Self::Refused(Refusal::Disabled { locked: true }) => "svm-disabled-and-locked",
            Self::Refused(Refusal::SvmeDoesNotStick) => "svme-does-not-stick",
            Self::Refused(Refusal::Fault { .. }) => "fault",
            Self::PageRefused(RefusedPage::Replaced) => "page-refused",
            Self::PageRefused(RefusedPage::Kept) => "page-refused-and-kept",
            Self::NotReached => "not-reached",
            Self::Unknown => "unknown",
            Self::Recorded(recorded) => &recorded.code,
        }
    }
}

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refusal) => refusal.fmt(f),
            Self::PageRefused(RefusedPage::Replaced) => f.write_str(
                "VMSAVE raised #GP for its page, whose address the host may have reserved: it gets \
                 another page before the next snapshot",
            ),
            Self::PageRefused(RefusedPage::Kept) => f.write_str(
                "VMSAVE raised #GP for its page, whose address the host may have reserved, and no \
                 other page could be had",
            ),
            Self::NotReached => f.write_str("the system did not let the driver reach it"),
            Self::Unknown => f.write_str("the driver's reason is one that this client cannot read"),
            Self::Recorded(recorded) => write!(f, "{recorded}"),
        }
    }
}

impl fmt::Display for Recorded {
    /// The file's words in printable ASCII, with the code where it says more to a program than to
    /// this client.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.message.is_empty() {
            return write!(f, "the file's reason is `{}`", printable(&self.code));
        }
        f.write_str(&printable(&self.message))?;
        match self.known {
            Unavailable::Unknown => write!(f, " (`{}`)", printable(&self.code)),
            _ => Ok(()),
        }
    }
}

impl std::error::Error for Unavailable {}
