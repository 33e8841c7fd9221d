//! What is in the way of an installation or a removal: each with one line that says what is wrong and
//! how to mend it.

use std::io;

use super::failure::Failure;
use super::machine::{Facts, Machine, Service, Switch};
use super::options::Options;
use super::package::signer::Kind;
use super::package::{NoPackage, Package};
use super::processor::Hypervisor;

/// The first build of Windows with every routine that the driver imports: Windows 10, version 2004.
const OLDEST_BUILD: u32 = 19041;

/// Why an installation or a removal is refused.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    #[error(
        "this is not elevated: run it from a terminal that was started with \"Run as administrator\""
    )]
    NotElevated,
    #[error(
        "Windows has build {build}, and the driver needs {OLDEST_BUILD} (Windows 10, version 2004) or \
         later: update Windows"
    )]
    OldWindows { build: u32 },
    #[error("this is no x64 machine, and the driver is for x64: use one that is")]
    NotX64,
    #[error(
        "the processor signs as {vendor}, and only those of AMD and Hygon have VMSAVE: use a machine \
         with one of those"
    )]
    NotAmd { vendor: String },
    #[error("the processor has no SVM: use a machine whose processor has it")]
    NoSvm,
    #[error("SVM is off: switch on SVM Mode (AMD-V) in the firmware's setup")]
    FirmwareSwitch,
    #[error("{}", memory_integrity(*locked))]
    MemoryIntegrity { locked: bool },
    #[error("{}", credential_guard(*locked))]
    CredentialGuard { locked: bool },
    #[error("{}", virtualization_based_security(*locked))]
    VirtualizationBasedSecurity { locked: bool },
    #[error(
        "Hyper-V runs beneath this Windows and hides SVM: run `bcdedit /set hypervisorlaunchtype \
         off`, then restart (`auto` brings Hyper-V, WSL 2 and Windows Sandbox back)"
    )]
    OwnHyperV,
    #[error(
        "Hyper-V hides SVM from this virtual machine: with the machine off, run `Set-VMProcessor \
         -VMName NAME -ExposeVirtualizationExtensions $true` on its host"
    )]
    HyperVGuest,
    /// By the name with which it signs.
    #[error("the hypervisor \"{0}\" hides SVM: allow nested virtualization in its settings")]
    Hypervisor(String),
    #[error(
        "Secure Boot is on, and Windows then loads no driver with a test certificate: turn Secure Boot \
         off in the firmware's setup, or take a package that Microsoft signed"
    )]
    SecureBoot,
    #[error(
        "test signing is off, and Windows then loads no driver with a test certificate: run \
         `client.exe install --test-signing`, then restart"
    )]
    NoTestSigning,
    #[error(
        "BitLocker is on, and would ask for the recovery key after {change}: note the key, which \
         `manage-bde -protectors -get C:` prints, then suspend protection for one start with \
         `manage-bde -protectors -disable C: -RebootCount 1`"
    )]
    BitLocker { change: &'static str },
    #[error(
        "the certificate {subject} is not valid yet, which Windows calls 0x800B0101: set the clock"
    )]
    NotYetValid { subject: String },
    #[error(
        "the certificate {subject} is not valid any more, which Windows calls 0x800B0101: set the \
         clock, or make the package again"
    )]
    Expired { subject: String },
    #[error(transparent)]
    NoPackage(NoPackage),
    #[error("the folder of this program is not known ({0}): name the package's with --package")]
    NoFolder(io::Error),
    #[error(
        "the driver was told to stop, and a program has its device open: end that program, or restart \
         Windows"
    )]
    Stopping,
}

impl From<NoPackage> for Refusal {
    fn from(reason: NoPackage) -> Self {
        Self::NoPackage(reason)
    }
}

/// Whether Windows loads this package's driver with test signing only.
pub(super) fn needs_test_signing(facts: &Facts, package: &Package) -> bool {
    facts.signing.is_checked && package.signer.kind != Kind::Microsoft
}

/// Everything that is in the way of installing this package.
pub(super) fn to_install(
    machine: &mut dyn Machine,
    facts: &Facts,
    package: &Package,
    options: &Options,
) -> Result<Vec<Refusal>, Failure> {
    let mut found = to_anything(facts);
    if facts.build < OLDEST_BUILD {
        found.push(Refusal::OldWindows { build: facts.build });
    }
    if !facts.x64 {
        found.push(Refusal::NotX64);
    }
    if !options.without_svm {
        found.extend(to_svm(facts));
    }
    found.extend(to_signature(machine, facts, package, options)?);
    if facts.service == Service::Stopping {
        found.push(Refusal::Stopping);
    }
    Ok(found)
}

/// Everything that is in the way of removing the driver.
pub(super) fn to_uninstall(
    machine: &mut dyn Machine,
    facts: &Facts,
) -> Result<Vec<Refusal>, Failure> {
    let mut found = to_anything(facts);
    if facts.elevated && facts.record.test_signing && machine.is_bit_locker_on()? {
        found.push(Refusal::BitLocker {
            change: "turning test signing off again",
        });
    }
    Ok(found)
}

fn to_anything(facts: &Facts) -> Vec<Refusal> {
    if facts.elevated {
        Vec::new()
    } else {
        vec![Refusal::NotElevated]
    }
}

/// What keeps VMSAVE from being executed, though the driver may load.
fn to_svm(facts: &Facts) -> Vec<Refusal> {
    let processor = &facts.processor;
    if !processor.may_have_svm() {
        return vec![Refusal::NotAmd {
            vendor: processor.vendor.clone(),
        }];
    }
    match (&processor.hypervisor, processor.svm) {
        (None, true) if processor.switched_on => Vec::new(),
        (None, true) => vec![Refusal::FirmwareSwitch],
        (Some(_), true) => Vec::new(),
        (None, false) => vec![Refusal::NoSvm],
        (Some(Hypervisor::OwnHyperV), false) => to_svm_here(facts),
        (Some(Hypervisor::HyperV), false) => vec![Refusal::HyperVGuest],
        (Some(Hypervisor::Other(name)), false) => vec![Refusal::Hypervisor(name.clone())],
    }
}

/// What has this Windows start Hyper-V: all of it has to go.
fn to_svm_here(facts: &Facts) -> Vec<Refusal> {
    let security = facts.security;
    let mut found = Vec::new();
    for (switch, refusal) in [
        (
            security.memory_integrity,
            (|locked| Refusal::MemoryIntegrity { locked }) as fn(bool) -> Refusal,
        ),
        (security.credential_guard, |locked| {
            Refusal::CredentialGuard { locked }
        }),
        (security.virtualization_based, |locked| {
            Refusal::VirtualizationBasedSecurity { locked }
        }),
    ] {
        if switch != Switch::Off {
            found.push(refusal(switch == Switch::Locked));
        }
    }
    found.push(Refusal::OwnHyperV);
    found
}

/// What keeps Windows from accepting the package's signature.
fn to_signature(
    machine: &mut dyn Machine,
    facts: &Facts,
    package: &Package,
    options: &Options,
) -> Result<Vec<Refusal>, Failure> {
    if !facts.signing.is_checked {
        return Ok(Vec::new());
    }
    let mut found = Vec::new();
    let subject = || package.signer.certificate.subject.clone();
    let (first, last) = package.signer.valid;
    if facts.now < first {
        found.push(Refusal::NotYetValid { subject: subject() });
    }
    if facts.now > last && !package.signer.has_time_stamp {
        found.push(Refusal::Expired { subject: subject() });
    }
    if !needs_test_signing(facts, package) {
        return Ok(found);
    }
    let wants_change = options.test_signing && !facts.signing.takes_tests;
    let protected = facts.elevated
        && (facts.signing.secure_boot || wants_change)
        && machine.is_bit_locker_on()?;
    if facts.signing.secure_boot {
        found.push(Refusal::SecureBoot);
    }
    if protected {
        found.push(Refusal::BitLocker {
            change: if facts.signing.secure_boot {
                "turning Secure Boot off"
            } else {
                "turning test signing on"
            },
        });
    }
    if !facts.signing.takes_tests && !options.test_signing {
        found.push(Refusal::NoTestSigning);
    }
    Ok(found)
}

fn memory_integrity(locked: bool) -> &'static str {
    if locked {
        "memory integrity is on and locked in the firmware, and its hypervisor hides SVM: turn off its \
         policy, then follow \"Disable virtualization-based security with UEFI lock\" of Microsoft's \
         documentation"
    } else {
        "memory integrity is on, and its hypervisor hides SVM: turn it off (Windows Security > Device \
         security > Core isolation), then restart"
    }
}

fn credential_guard(locked: bool) -> &'static str {
    if locked {
        "Credential Guard is on and locked in the firmware, and its hypervisor hides SVM: follow \
         \"Disable Credential Guard with UEFI lock\" of Microsoft's documentation"
    } else {
        "Credential Guard is on, as it is by default since Windows 11 22H2 Enterprise, and its \
         hypervisor hides SVM: run `reg add HKLM\\SYSTEM\\CurrentControlSet\\Control\\Lsa /v \
         LsaCfgFlags /t REG_DWORD /d 0 /f`, then restart"
    }
}

fn virtualization_based_security(locked: bool) -> &'static str {
    if locked {
        "virtualization-based security is on and locked in the firmware, and its hypervisor hides SVM: \
         follow \"Disable virtualization-based security with UEFI lock\" of Microsoft's documentation"
    } else {
        "virtualization-based security is on, and its hypervisor hides SVM: run `reg add \
         HKLM\\SYSTEM\\CurrentControlSet\\Control\\DeviceGuard /v EnableVirtualizationBasedSecurity /t \
         REG_DWORD /d 0 /f`, then restart"
    }
}
