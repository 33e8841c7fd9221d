//! Why VMSAVE is unavailable on a processor, so that it has no capture to show.

use std::fmt;

use amd_svm::support::Refusal;
use protocol::Outcome;
/// What kept VMSAVE from being possible, or from being completed, on a processor.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Unavailable {
    /// The processor, or a hypervisor beneath it, refused.
    Refused(Refusal),
    /// The processor was not asked: it went away, or the system refused to queue work for it.
    NotReached,
    /// A newer driver gave a reason that this client does not know.
    Unknown,
}

impl Unavailable {
    /// Reads the driver's answer for a processor.
    pub(crate) fn check(outcome: Outcome) -> Result<(), Self> {
        if outcome.is_done() {
            Ok(())
        } else if outcome.is_not_reached() {
            Err(Self::NotReached)
        } else {
            Err(outcome.refusal().map_or(Self::Unknown, Self::Refused))
        }
    }

    /// The name by which programs recognise this reason: it never changes.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Refused(Refusal::NotAmd) => "not-amd",
            Self::Refused(Refusal::NoSvm { hypervisor: false }) => "no-svm",
            Self::Refused(Refusal::NoSvm { hypervisor: true }) => "svm-hidden",
            Self::Refused(Refusal::Disabled { locked: false }) => "svm-disabled",
            Self::Refused(Refusal::Disabled { locked: true }) => "svm-disabled-and-locked",
            Self::Refused(Refusal::SvmeDoesNotStick) => "svme-does-not-stick",
            Self::Refused(Refusal::Fault { .. }) => "fault",
            Self::NotReached => "not-reached",
            Self::Unknown => "unknown",
        }
    }
}

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refusal) => refusal.fmt(f),
            Self::NotReached => f.write_str("the system did not let the driver reach it"),
            Self::Unknown => f.write_str("the driver's reason is one that this client cannot read"),
        }
    }
}

impl std::error::Error for Unavailable {}
