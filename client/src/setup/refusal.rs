//! What is in the way of an installation or a removal: each with one line that says what is wrong and
//! how to mend it.

use std::io;

use super::failure::Failure;
use super::machine::{Facts, Machine, Service};
use super::options::Options;
use super::package::{NoPackage, Package};
use super::processor::Hypervisor;
use super::security::{SetBy, Switch};
use super::test_signing::{self, TestSigning};

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
    #[error("{}", virtualization(*guard, *locked, *by))]
    Virtualization {
        guard: Guard,
        locked: bool,
        by: SetBy,
    },
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
        "Secure Boot is on, and Windows then loads no driver that Microsoft did not sign: turn Secure \
         Boot off in the firmware's setup, or take a package that Microsoft signed"
    )]
    SecureBoot,
    #[error(
        "test signing is off, and Windows then loads no driver that Microsoft did not sign: run \
         `client.exe install --test-signing`, then restart"
    )]
    NoTestSigning,
    #[error(
        "test signing is off until the next start of Windows, from which it is set to be on: restart \
         Windows, then run `client.exe install` again"
    )]
    TestSigningBegins,
    #[error(
        "test signing is off from the next start of Windows, which then loads no driver that Microsoft \
         did not sign: run `client.exe install --test-signing`, which leaves it on"
    )]
    TestSigningEnds,
    #[error(
        "BitLocker is on, and would ask for the recovery key after {change}: note the key, which \
         `manage-bde -protectors -get {drive}` prints, then suspend protection for one start with \
         `manage-bde -protectors -disable {drive} -RebootCount 1`"
    )]
    BitLocker { drive: String, change: &'static str },
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
    #[error("{}", Failure::MarkedForDeletion)]
    Deleting,
}

/// What virtualization-based security is for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Guard {
    MemoryIntegrity,
    Credentials,
    /// Another use, or none: the security as a whole.
    Whole,
}

impl From<NoPackage> for Refusal {
    fn from(reason: NoPackage) -> Self {
        Self::NoPackage(reason)
    }
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
    match facts.service {
        Service::Stopping => found.push(Refusal::Stopping),
        Service::Deleting => found.push(Refusal::Deleting),
        _ => {}
    }
    Ok(found)
}

/// Everything that is in the way of removing the driver.
pub(super) fn to_uninstall(
    machine: &mut dyn Machine,
    facts: &Facts,
) -> Result<Vec<Refusal>, Failure> {
    let mut found = to_anything(facts);
    let turns_off = test_signing::after_removal(facts) == TestSigning::TurnedOff;
    if facts.elevated
        && turns_off
        && let Some(drive) = machine.protected_drive()?
    {
        found.push(Refusal::BitLocker {
            drive,
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
    for (guard, switch) in [
        (Guard::MemoryIntegrity, security.memory_integrity),
        (Guard::Credentials, security.credential_guard),
        (Guard::Whole, security.virtualization_based),
    ] {
        let (locked, by) = match switch {
            Switch::Off => continue,
            Switch::On(by) => (false, by),
            Switch::Locked(by) => (true, by),
        };
        found.push(Refusal::Virtualization { guard, locked, by });
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
    if !test_signing::is_needed(facts, package) {
        return Ok(found);
    }
    found.extend(to_test_signing(machine, facts, options)?);
    Ok(found)
}

/// What keeps Windows from loading a driver that Microsoft did not sign, now and after the next start.
fn to_test_signing(
    machine: &mut dyn Machine,
    facts: &Facts,
    options: &Options,
) -> Result<Vec<Refusal>, Failure> {
    let signing = facts.signing;
    let unless_wanted = |refusal| (!options.test_signing).then_some(refusal);
    let (refusal, is_changed) = match (signing.takes_tests, signing.takes_tests_next) {
        (true, Some(false)) => (
            unless_wanted(Refusal::TestSigningEnds),
            options.test_signing,
        ),
        (true, _) => (None, false),
        // Secure Boot keeps test signing off, though it is set.
        (false, Some(true)) if signing.secure_boot => (None, false),
        (false, Some(true)) => (unless_wanted(Refusal::TestSigningBegins), true),
        (false, _) => (unless_wanted(Refusal::NoTestSigning), options.test_signing),
    };
    let mut found = Vec::new();
    let asks = facts.elevated && (signing.secure_boot || is_changed);
    let protected = if asks {
        machine.protected_drive()?
    } else {
        None
    };
    if signing.secure_boot {
        found.push(Refusal::SecureBoot);
    }
    if let Some(drive) = protected {
        found.push(Refusal::BitLocker {
            drive,
            change: if signing.secure_boot {
                "turning Secure Boot off"
            } else {
                "turning test signing on"
            },
        });
    }
    found.extend(refusal);
    Ok(found)
}

/// What is on, by what, and how it is turned off.
///
/// Source of the documents and the policy that are named: "Configure Credential Guard" and "Enable
/// virtualization-based protection of code integrity" of Windows' documentation.
fn virtualization(guard: Guard, locked: bool, by: SetBy) -> String {
    let (name, option, document) = match guard {
        Guard::MemoryIntegrity => (
            "memory integrity",
            "its \"Virtualization Based Protection of Code Integrity\"",
            "virtualization-based security",
        ),
        Guard::Credentials => (
            "Credential Guard",
            "its \"Credential Guard Configuration\"",
            "Credential Guard",
        ),
        Guard::Whole => (
            "virtualization-based security",
            "it",
            "virtualization-based security",
        ),
    };
    let (cause, how) = match by {
        SetBy::Policy => (
            " by a policy, which overrides the settings of this machine",
            format!(
                "have the administrator of the policy \"Turn On Virtualization Based Security\" (Group \
                 Policy: Computer Configuration > Administrative Templates > System > Device Guard; or \
                 device management) set {option} to Disabled, then "
            ),
        ),
        SetBy::Default => (
            ", as it is by default since Windows 11 22H2 Enterprise",
            switched_here(guard).to_owned(),
        ),
        // A setting of the machine goes with the lock.
        SetBy::Machine if locked => ("", String::new()),
        SetBy::Machine => ("", switched_here(guard).to_owned()),
    };
    let (lock, end) = if locked {
        let end =
            format!("follow \"Disable {document} with UEFI lock\" of Microsoft's documentation");
        (" and locked in the firmware", end)
    } else {
        ("", "restart".to_owned())
    };
    format!("{name} is on{lock}{cause}, and its hypervisor hides SVM: {how}{end}")
}

/// How something that no policy switches is turned off.
fn switched_here(guard: Guard) -> &'static str {
    match guard {
        Guard::MemoryIntegrity => {
            "turn it off (Windows Security > Device security > Core isolation), then "
        }
        Guard::Credentials => {
            "run `reg add HKLM\\SYSTEM\\CurrentControlSet\\Control\\Lsa /v LsaCfgFlags /t REG_DWORD /d \
             0 /f`, then "
        }
        Guard::Whole => {
            "run `reg add HKLM\\SYSTEM\\CurrentControlSet\\Control\\DeviceGuard /v \
             EnableVirtualizationBasedSecurity /t REG_DWORD /d 0 /f`, then "
        }
    }
}
