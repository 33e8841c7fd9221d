//! The reason why VMSAVE is unavailable, as the member `error` tells it.

use std::borrow::Cow;
use std::sync::Arc;

use amd_svm::Fault;
use amd_svm::msr::Msr;
use amd_svm::support::{Refusal, Step};
use protocol::RefusedPage;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::present;
use crate::model::{Recorded, Unavailable};

/// An [`Unavailable`] as JSON tells it. Codes are stable, messages are not.
#[derive(Serialize)]
struct Described<'a> {
    code: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    step: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fault: Option<&'a str>,
    message: Cow<'a, str>,
}

/// An [`Unavailable`] as it is read back: the file may say it in other words.
#[derive(Deserialize)]
struct Members {
    code: String,
    #[serde(default, deserialize_with = "present")]
    step: Option<String>,
    #[serde(default, deserialize_with = "present")]
    fault: Option<String>,
    #[serde(default, deserialize_with = "present")]
    message: Option<String>,
}

/// What the codes stand for, but for those of faults.
const REASONS: [Unavailable; 10] = [
    Unavailable::Refused(Refusal::NotAmd),
    Unavailable::Refused(Refusal::NoSvm { hypervisor: false }),
    Unavailable::Refused(Refusal::NoSvm { hypervisor: true }),
    Unavailable::Refused(Refusal::Disabled { locked: false }),
    Unavailable::Refused(Refusal::Disabled { locked: true }),
    Unavailable::Refused(Refusal::SvmeDoesNotStick),
    Unavailable::PageRefused(RefusedPage::Replaced),
    Unavailable::PageRefused(RefusedPage::Kept),
    Unavailable::NotReached,
    Unavailable::Unknown,
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

impl Serialize for Unavailable {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Described::from(self).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Unavailable {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Members::deserialize(deserializer).map(Into::into)
    }
}

impl<'a> From<&'a Unavailable> for Described<'a> {
    fn from(reason: &'a Unavailable) -> Self {
        let (step, fault) = match reason {
            Unavailable::Refused(Refusal::Fault { step, fault }) => {
                (Some(step_code(*step)), Some(fault_code(*fault)))
            }
            Unavailable::Recorded(recorded) => {
                (recorded.step.as_deref(), recorded.fault.as_deref())
            }
            _ => (None, None),
        };
        Self {
            code: reason.code(),
            step,
            fault,
            message: match reason {
                Unavailable::Recorded(recorded) => recorded.message.as_str().into(),
                own => own.to_string().into(),
            },
        }
    }
}

/// A code of a newer client is a reason too, and so is one that is told in other words.
impl From<Members> for Unavailable {
    fn from(members: Members) -> Self {
        let known = members.known();
        let message = members.message.unwrap_or_default();
        let own = Described::from(&known);
        let is_own = own.code == members.code
            && own.step == members.step.as_deref()
            && own.fault == members.fault.as_deref()
            && (message.is_empty() || message == own.message);
        if is_own {
            return known;
        }
        Self::Recorded(Arc::new(Recorded {
            known,
            code: members.code,
            step: members.step,
            fault: members.fault,
            message,
        }))
    }
}

impl Members {
    /// What this client understands of it.
    fn known(&self) -> Unavailable {
        let fault = || {
            if self.code != "fault" {
                return None;
            }
            let step = self.step.as_deref()?;
            let fault = self.fault.as_deref()?;
            Some(Refusal::Fault {
                step: STEPS
                    .into_iter()
                    .chain(Msr::ALL.map(Step::Read))
                    .find(|one| step_code(*one) == step)?,
                fault: FAULTS.into_iter().find(|one| fault_code(*one) == fault)?,
            })
        };
        REASONS
            .into_iter()
            .find(|one| one.code() == self.code)
            .or_else(|| fault().map(Unavailable::Refused))
            .unwrap_or(Unavailable::Unknown)
    }
}
