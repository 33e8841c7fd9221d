//! What to do next about an error or a reason: the end of each line on standard error.

use std::cmp::Ordering;
use std::io;
use std::path::Path;

use amd_svm::support::Refusal;
use protocol::RefusedPage;

use crate::checks::FindingId;
use crate::model::field::Choice;
use crate::model::processor_list::Item;
use crate::model::{DeviceError, Error, Field, FileError, Unavailable, nearest};

/// How many files of a folder are looked at for one that was probably meant.
const MOST_FILES: usize = 4096;

/// The error that the command of a name ended with and what to do about it, in one line.
pub(crate) fn about_error(error: &Error, command: &str) -> String {
    let step = match error {
        Error::File {
            path,
            reason: FileError::Io(reason),
        } if reason.kind() == io::ErrorKind::NotFound => about_absent(path, command),
        Error::Device(DeviceError::NotWindows) => Some(without_driver(command).to_owned()),
        _ => next_step(error).map(str::to_owned),
    };
    match step {
        Some(step) => format!("{error}: {step}"),
        None => error.to_string(),
    }
}

/// What to do about a file that does not exist.
fn about_absent(path: &Path, command: &str) -> Option<String> {
    let word = path.to_str()?;
    if word == "help" {
        return Some(format!(
            "`client help {command}` tells all about the command"
        ));
    }
    if path.is_symlink() {
        return Some("it is a link, and what it leads to is not there".to_owned());
    }
    about_word(word).or_else(|| {
        let folder = match path.parent() {
            Some(folder) if folder != Path::new("") => folder,
            _ => Path::new("."),
        };
        let wanted = path.file_name()?.to_str()?;
        let mut names = Vec::new();
        for entry in folder.read_dir().ok()?.take(MOST_FILES) {
            if let Ok(Ok(name)) = entry.map(|entry| entry.file_name().into_string()) {
                names.push(name);
            }
        }
        let mut names = names.iter().map(String::as_str);
        nearest::in_words(wanted, &mut names, str::to_ascii_lowercase)
    })
}

/// What a command without a driver can do, where there will never be one.
fn without_driver(command: &str) -> &'static str {
    match command {
        "install" | "uninstall" => "run this on the machine that the driver is for",
        "selftest" => {
            "run this on the machine that is to be tested; --compare reads what it wrote there"
        }
        "diff" => "name the snapshot after, too: `client diff BEFORE AFTER`",
        _ => {
            "`cargo xtask demo` runs it here, in an emulated machine; `--from FILE` reads a snapshot \
             that was saved elsewhere"
        }
    }
}

/// What to type for a word that is no command and no file, if it has another meaning.
pub(super) fn about_word(word: &str) -> Option<String> {
    let word = word.trim_start_matches('-');
    if word.eq_ignore_ascii_case("all") {
        return Some("all processors are meant without -p".to_owned());
    }
    if word.parse::<Item>().is_ok() {
        return Some("processors are given with commas: -p 0,3-5".to_owned());
    }
    if let Ok(field) = word.parse::<Field>() {
        return Some(format!("`client show --field {field}` prints this field"));
    }
    if let Ok(id) = word.parse::<FindingId>() {
        return Some(format!("`client explain {id}` tells what this means"));
    }
    word.parse::<Choice>().is_ok().then(|| {
        let name = word.to_ascii_lowercase();
        format!("`client show --columns {name}` prints these fields")
    })
}

/// How a command is told of files that it was given one too many of; none if it takes any number, or
/// none at all.
pub(super) fn about_files(command: Option<&str>, word: &str) -> Option<String> {
    let (what, is_read) = match command {
        Some("diff") => ("diff takes two files", false),
        Some("decode") => ("decode takes one file", false),
        Some("save") => ("save writes one file; ", true),
        Some("report") => ("report writes one file; ", true),
        Some("selftest") => ("selftest writes one file; `--compare` reads them", false),
        Some("status" | "bench" | "watch") => ("", true),
        Some("explain") => ("explain takes one name", false),
        None if Path::new(word).exists() => (
            "`client show FILE` and `client check FILE` read files",
            false,
        ),
        _ => return None,
    };
    let from = if is_read {
        format!("`--from {word}` reads it")
    } else {
        String::new()
    };
    Some(what.to_owned() + &from)
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
            "run this on a machine with one of theirs".to_owned()
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
