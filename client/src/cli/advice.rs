//! What to do next about an error or a reason: the end of each line on standard error.

use std::cmp::Ordering;

use amd_svm::support::Refusal;
use protocol::RefusedPage;

use crate::model::{DeviceError, Error, Unavailable};

/// The error and what to do about it, in one line.
pub(crate) fn about_error(error: &Error) -> String {
    match next_step(error) {
        Some(step) => format!("{error}: {step}"),
        None => error.to_string(),
    }
}

fn next_step(error: &Error) -> Option<&'static str> {
    Some(match error {
        // `sc` alone is something else in PowerShell.
        Error::Device(DeviceError::NotFound) => {
            "as Administrator, install and start it with `client.exe install`, in the package's \
             folder"
        }
        Error::Device(DeviceError::NotInstalled) => {
            "as Administrator, install it with `client.exe install`, in the package's folder"
        }
        Error::Device(DeviceError::NotStarted) => {
            "as Administrator, start it with `sc.exe start svmsave`"
        }
        Error::Device(DeviceError::NotWindows) => {
            "`cargo xtask demo` runs it here, in an emulated machine; `--from FILE` reads a snapshot \
             that was saved elsewhere"
        }
        Error::Device(DeviceError::AccessDenied) => {
            "run this from a terminal that was started with \"Run as administrator\""
        }
        Error::Device(DeviceError::MayResetHost(_)) => {
            "ask the administrator of the host whether its hypervisor switches virtualized VMSAVE off; then \
             --yes goes on"
        }
        Error::Device(DeviceError::RevisionMismatch) => {
            "install driver and client from one release"
        }
        Error::OtherProtocol(driver) => match driver.protocol.cmp(&protocol::VERSION) {
            Ordering::Greater => "the client is older; use the client.exe of the driver's release",
            Ordering::Less | Ordering::Equal => {
                "the driver is older; as Administrator, replace it with `client.exe install`, in the \
                 folder of the client's package"
            }
        },
        _ => return None,
    })
}

/// What to do about a reason, given the hypervisor by the name with which it signs.
pub(crate) fn about_unavailable(reason: &Unavailable, hypervisor: Option<&str>) -> String {
    match reason.known() {
        Unavailable::Refused(Refusal::NotAmd) => {
            "run this on a machine whose processor is".to_owned()
        }
        Unavailable::Refused(Refusal::NoSvm { hypervisor: false }) => {
            "nothing can switch it on".to_owned()
        }
        Unavailable::Refused(Refusal::NoSvm { hypervisor: true } | Refusal::SvmeDoesNotStick) => {
            about_hypervisor(hypervisor)
        }
        Unavailable::Refused(Refusal::Disabled { .. }) => match hypervisor {
            None => "switch on SVM (AMD-V) in the firmware's setup".to_owned(),
            Some(_) => format!(
                "switch on SVM (AMD-V) in the firmware's setup; {}",
                about_hypervisor(hypervisor)
            ),
        },
        Unavailable::Refused(Refusal::Fault { .. }) => match hypervisor {
            None => "please report this, with the processor's model".to_owned(),
            Some(_) => about_hypervisor(hypervisor),
        },
        Unavailable::PageRefused(RefusedPage::Replaced) | Unavailable::NotReached => {
            "try again".to_owned()
        }
        Unavailable::PageRefused(RefusedPage::Kept) => {
            "restart Windows, so that the driver gets other memory".to_owned()
        }
        Unavailable::Unknown | Unavailable::Recorded(_) => {
            "use the client.exe of the driver's release".to_owned()
        }
    }
}

/// How the hypervisors that people use are told to let SVM through.
pub(crate) fn about_hypervisor(signature: Option<&str>) -> String {
    let Some(signature) = signature else {
        return "ask who runs this virtual machine to allow nested virtualization".to_owned();
    };
    let step = match signature {
        "Microsoft Hv" => {
            "Hyper-V, which virtualization-based security (VBS) starts too, hides SVM: switch off \
             Memory integrity (Windows Security > Device security > Core isolation) and run \
             `bcdedit /set hypervisorlaunchtype off`, then restart; for a Hyper-V guest, run \
             `Set-VMProcessor -VMName NAME -ExposeVirtualizationExtensions $true` on its host"
        }
        "KVMKVMKVM" => {
            "load kvm_amd with nested=1 on the host, and give the guest the processor `host`"
        }
        "TCGTCGTCGTCG" => "give QEMU `-cpu max`, or `+svm` beside the processor's model",
        "VMwareVMware" => "tick \"Virtualize Intel VT-x/EPT or AMD-V/RVI\" for this machine",
        "VBoxVBoxVBox" => "run `VBoxManage modifyvm NAME --nested-hw-virt on` on the host",
        "XenVMMXenVMM" => "set `nestedhvm=1` for this domain",
        _ => "allow nested virtualization in its settings",
    };
    format!("the hypervisor is \"{signature}\": {step}")
}
