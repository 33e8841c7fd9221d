//! The reason why VMSAVE is unavailable, as the member `error` tells it.

use amd_svm::{
    Fault,
    msr::Msr,
    support::{Refusal, Step},
};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::model::Unavailable;

/// An [`Unavailable`] as JSON tells it. Codes are stable, messages are not.
#[derive(Serialize)]
struct Described {
    code: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    step: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fault: Option<&'static str>,
    message: String,
}

/// An [`Unavailable`] as it is read back: the message follows from the rest.
#[derive(Deserialize)]
struct Recorded {
    code: String,
    step: Option<String>,
    fault: Option<String>,
}

/// What the codes stand for, but for those of faults.
const REASONS: [Unavailable; 7] = [
    Unavailable::Refused(Refusal::NotAmd),
    Unavailable::Refused(Refusal::NoSvm { hypervisor: false }),
    Unavailable::Refused(Refusal::NoSvm { hypervisor: true }),
    Unavailable::Refused(Refusal::Disabled { locked: false }),
    Unavailable::Refused(Refusal::Disabled { locked: true }),
    Unavailable::Refused(Refusal::SvmeDoesNotStick),
    Unavailable::NotReached,
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
        Described::from(*self).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Unavailable {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Recorded::deserialize(deserializer).map(Into::into)
    }
}

impl From<Unavailable> for Described {
    fn from(reason: Unavailable) -> Self {
        let (step, fault) = match reason {
            Unavailable::Refused(Refusal::Fault { step, fault }) => {
                (Some(step_code(step)), Some(fault_code(fault)))
            }
            _ => (None, None),
        };
        Self {
            code: reason.code(),
            step,
            fault,
            message: reason.to_string(),
        }
    }
}

/// A code of a newer client is an reason too.
impl From<Recorded> for Unavailable {
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
        REASONS
            .into_iter()
            .find(|one| one.code() == recorded.code)
            .or_else(|| fault().map(Self::Refused))
            .unwrap_or(Self::Unknown)
    }
}
