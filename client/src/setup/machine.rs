//! The machine that the driver is installed on: the facts that are asked of it and the actions that
//! change it, as a trait.

use std::fmt;
use std::path::PathBuf;

use super::NAME;
use super::failure::Failure;
use super::package::Certificate;
use super::processor::Processor;
use super::record::{Record, Slot, Store};
use super::security::Security;
use crate::model::{DriverVersion, printable_path};

/// A machine.
///
/// Nothing but [`Machine::perform`] changes it. Each action may be asked for where it is already
/// done, and then does nothing.
pub(crate) trait Machine {
    /// What there is.
    fn facts(&mut self) -> Result<Facts, Failure>;

    /// The drive that the system starts from, such as `C:`, if `BitLocker`'s protection is on for it.
    /// Only an elevated caller gets an answer.
    fn protected_drive(&mut self) -> Result<Option<String>, Failure>;

    /// Whether a certificate is in a store of the local machine.
    fn has_certificate(&mut self, store: Store, certificate: &Certificate)
    -> Result<bool, Failure>;

    /// The version with which the running driver answers.
    fn running_version(&mut self) -> Result<DriverVersion, Failure>;

    /// Changes one thing.
    fn perform(&mut self, action: &Action) -> Result<(), Failure>;
}

/// What a machine is, and what of the driver is on it.
#[derive(Clone, Debug)]
pub(crate) struct Facts {
    /// Whether this process has an administrator's rights, and not only their name.
    pub(crate) elevated: bool,
    /// The build of Windows.
    pub(crate) build: u32,
    /// Whether the processor's own architecture is x64.
    pub(crate) x64: bool,
    /// The processor.
    pub(crate) processor: Processor,
    /// What may have started a hypervisor.
    pub(crate) security: Security,
    /// How drivers have to be signed.
    pub(crate) signing: Signing,
    /// The time, in seconds since 1970.
    pub(crate) now: u64,
    /// The service.
    pub(crate) service: Service,
    /// The driver's packages in the driver store, as the system calls them: `oem3.inf`.
    pub(crate) packages: Vec<String>,
    /// The file that the service runs, if there is a service and the file.
    pub(crate) installed: Option<Installed>,
    /// What the installation noted of itself.
    pub(crate) record: Record,
    /// Whether there is a record or a copy of a package.
    pub(crate) has_folder: bool,
}

/// The driver that is installed, whether it runs or not.
#[derive(Clone, Debug)]
pub(crate) struct Installed {
    /// Its bytes.
    pub(crate) image: Vec<u8>,
    /// The file, if it lies outside the driver store and its removal is left to us.
    pub(crate) loose: Option<PathBuf>,
    /// All files of its package, if they are somewhere.
    pub(crate) copy: Option<PackageCopy>,
}

/// Where the whole package of an installed driver is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum PackageCopy {
    /// Kept by an installation.
    Kept(Slot),
    /// In the driver store.
    InStore(PathBuf),
}

/// The state of the service.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Service {
    Absent,
    Stopped,
    Running,
    /// It was told to stop, and a handle to its device is open.
    Stopping,
    /// It is stopped and deleted, and stays until the last handle to it is closed.
    Deleting,
}

/// What the system demands of a driver's signature.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Signing {
    /// Whether signatures are looked at. Wine does not.
    pub(crate) is_checked: bool,
    /// Whether test signing is on now, not only from the next start.
    pub(crate) takes_tests: bool,
    /// Whether test signing is set for the next start; none if that is not readable.
    pub(crate) takes_tests_next: Option<bool>,
    /// Whether Secure Boot is on.
    pub(crate) secure_boot: bool,
}

/// A change of the machine.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Action {
    /// Writes the record, in place of the one before.
    Record(Record),
    /// Copies the files of the package in a folder to a place that only administrators write.
    Keep { from: PathBuf, slot: Slot },
    /// Deletes such a copy.
    Discard(Slot),
    /// Deletes the record and all copies, and their folder if nothing else is in it.
    Forget,
    /// Turns test signing on or off, from the next start of the system.
    TestSigning(bool),
    /// Puts a certificate into a store.
    AddCertificate(Store, Certificate),
    /// Takes a certificate out of a store.
    RemoveCertificate(Store, Certificate),
    /// Adds a kept package to the driver store and registers its service.
    AddPackage(Slot),
    /// Removes a package, and what it registered, from the driver store.
    RemovePackage(String),
    /// Deletes the service.
    DeleteService,
    /// Deletes the driver's file.
    DeleteImage(PathBuf),
    /// Starts the service.
    Start,
    /// Stops the service and waits until the driver is out of memory.
    Stop,
}

impl Action {
    /// Whether it is told of in a dry run.
    pub(crate) fn is_shown(&self) -> bool {
        !matches!(self, Self::Record(_) | Self::Keep { .. } | Self::Discard(_))
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Record(_) => f.write_str("note what is done"),
            Self::Keep { from, .. } => {
                write!(f, "copy the package in {}", printable_path(from))
            }
            Self::Discard(_) => f.write_str("delete a copy of the package"),
            Self::Forget => write!(f, "delete the folder {NAME} in Program Files"),
            Self::TestSigning(true) => {
                f.write_str("turn test signing on: bcdedit /set testsigning on")
            }
            Self::TestSigning(false) => {
                f.write_str("turn test signing off: bcdedit /set testsigning off")
            }
            Self::AddCertificate(store, certificate) => {
                write!(
                    f,
                    "put the certificate {} into {}",
                    certificate.subject,
                    store.name()
                )
            }
            Self::RemoveCertificate(store, certificate) => {
                write!(
                    f,
                    "remove the certificate {} from {}",
                    certificate.subject,
                    store.name()
                )
            }
            Self::AddPackage(_) => write!(f, "add the package {NAME}.inf"),
            Self::RemovePackage(inf) => write!(f, "remove the package {inf}"),
            Self::DeleteService => write!(f, "delete the service {NAME}, if the package left it"),
            Self::DeleteImage(path) => write!(f, "delete {}", printable_path(path)),
            Self::Start => write!(f, "start the service {NAME}"),
            Self::Stop => write!(f, "stop the service {NAME}"),
        }
    }
}
