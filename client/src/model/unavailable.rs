//! Why a processor has no capture to show.

use std::fmt;

use amd_svm::{
    Fault,
    gate::{Refusal, Step},
    msr::Msr,
};
use protocol::Outcome;
use serde::{Deserialize, Serialize};

/// What kept VMSAVE from being possible, or from being completed, on a processor.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(into = "Described", from = "Recorded")]
pub enum Obstacle {
    /// The processor, or a hypervisor beneath it, refused.
    Refused(Refusal),
    /// The processor was not asked: it went away, or the system refused to queue work for it.
    NotReached,
    /// A newer driver gave a reason that this client does not know.
    Unknown,
}

/// An [`Obstacle`] as JSON tells it. Codes are stable, messages are not.
#[derive(Serialize)]
struct Described {
    code: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    step: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fault: Option<&'static str>,
    message: String,
}

/// An [`Obstacle`] as it is read back: the message follows from the rest.
#[derive(Deserialize)]
struct Recorded {
    code: String,
    step: Option<String>,
    fault: Option<String>,
}

/// What the codes stand for, but for those of faults.
const OBSTACLES: [Obstacle; 7] = [
    Obstacle::Refused(Refusal::NotAmd),
    Obstacle::Refused(Refusal::NoSvm { hypervisor: false }),
    Obstacle::Refused(Refusal::NoSvm { hypervisor: true }),
    Obstacle::Refused(Refusal::Disabled { locked: false }),
    Obstacle::Refused(Refusal::Disabled { locked: true }),
    Obstacle::Refused(Refusal::SvmeDoesNotStick),
    Obstacle::NotReached,
];

/// The steps that read no register.
const STEPS: [Step; 5] = [
    Step::SetSvme,
    Step::ConfirmSvme,
    Step::Vmsave,
    Step::RestoreEfer,
    Step::ConfirmEfer,
];

const FAULTS: [Fault; 3] = [Fault::InvalidOpcode, Fault::GeneralProtection, Fault::Other];

impl Obstacle {
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

    /// The name by which programs recognise this obstacle: it never changes.
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

const fn step_code(step: Step) -> &'static str {
    match step {
        Step::Read(Msr::VmCr) => "read-vm-cr",
        Step::Read(Msr::Efer) => "read-efer",
        Step::Read(Msr::Star) => "read-star",
        Step::Read(Msr::Lstar) => "read-lstar",
        Step::Read(Msr::Cstar) => "read-cstar",
        Step::Read(Msr::Sfmask) => "read-sfmask",
        Step::Read(Msr::FsBase) => "read-fs-base",
        Step::Read(Msr::GsBase) => "read-gs-base",
        Step::Read(Msr::KernelGsBase) => "read-kernel-gs-base",
        Step::Read(Msr::SysenterCs) => "read-sysenter-cs",
        Step::Read(Msr::SysenterEsp) => "read-sysenter-esp",
        Step::Read(Msr::SysenterEip) => "read-sysenter-eip",
        Step::SetSvme => "set-svme",
        Step::ConfirmSvme => "confirm-svme",
        Step::Vmsave => "vmsave",
        Step::RestoreEfer => "restore-efer",
        Step::ConfirmEfer => "confirm-efer",
    }
}

const fn fault_code(fault: Fault) -> &'static str {
    match fault {
        Fault::InvalidOpcode => "invalid-opcode",
        Fault::GeneralProtection => "general-protection",
        Fault::Other => "other",
    }
}

impl From<Obstacle> for Described {
    fn from(obstacle: Obstacle) -> Self {
        let (step, fault) = match obstacle {
            Obstacle::Refused(Refusal::Fault { step, fault }) => {
                (Some(step_code(step)), Some(fault_code(fault)))
            }
            _ => (None, None),
        };
        Self {
            code: obstacle.code(),
            step,
            fault,
            message: obstacle.to_string(),
        }
    }
}

/// A code of a newer client is an obstacle too.
impl From<Recorded> for Obstacle {
    fn from(recorded: Recorded) -> Self {
        let fault = || {
            if recorded.code != "fault" {
                return None;
            }
            let step = recorded.step.as_deref()?;
            let fault = recorded.fault.as_deref()?;
            Some(Refusal::Fault {
                step: STEPS
                    .into_iter()
                    .chain(Msr::ALL.map(Step::Read))
                    .find(|one| step_code(*one) == step)?,
                fault: FAULTS.into_iter().find(|one| fault_code(*one) == fault)?,
            })
        };
        OBSTACLES
            .into_iter()
            .find(|one| one.code() == recorded.code)
            .or_else(|| fault().map(Self::Refused))
            .unwrap_or(Self::Unknown)
    }
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refusal) => refusal.fmt(f),
            Self::NotReached => f.write_str("the system did not let the driver reach it"),
            Self::Unknown => f.write_str("the driver's reason is one that this client cannot read"),
        }
    }
}

impl std::error::Error for Obstacle {}
