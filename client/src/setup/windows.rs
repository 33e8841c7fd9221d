//! The machine that this runs on, as Windows' documented interfaces tell of it and change it.
//!
//! Programs of the system are told by their exit codes alone: what they print is in the user's
//! language.

mod certificates;
mod home;
mod processes;
mod program;
pub(crate) mod service;
pub(crate) mod system;
mod token;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};
use std::{fs, io};

use self::home::Home;
use self::program::Program;
use super::failure::Failure;
use super::machine::{
    Action, Facts, Installed, Machine, PackageCopy, Security, Service, Signing, Switch,
};
use super::package::{Certificate, FILES, is_ours};
use super::processor::Processor;
use super::record::{Slot, Store};
use super::{NAME, image_path};
use crate::driver_io;
use crate::driver_io::windows::registry;
use crate::driver_io::windows::system::{CodeIntegrity, code_integrity, secure_boot, version};
use crate::model::{DriverVersion, Status};

/// Exit codes of pnputil that are no failures: done, done but for devices of which there are none,
/// done once the system restarts, and done with a restart under way.
///
/// Source: "`PnPUtil` return values" of Windows' documentation.
const PNPUTIL_DONE: [u32; 4] = [0, 259, 3010, 1641];

/// The machine that this runs on.
#[derive(Debug)]
pub(super) struct ThisMachine {
    is_wine: bool,
}

impl ThisMachine {
    pub(super) fn new() -> Self {
        Self {
            is_wine: system::is_wine(),
        }
    }

    fn signing(&self) -> Result<Signing, Failure> {
        Ok(Signing {
            is_checked: !self.is_wine,
            takes_tests: asked_code_integrity()?.test_signing,
            secure_boot: secure_boot() == Some(true),
        })
    }

    /// The file that the service runs, and what belongs to it.
    fn installed(&self, home: &Home) -> Result<Option<Installed>, Failure> {
        let Some(noted) = service::image_path()? else {
            return Ok(None);
        };
        let file = image_path::resolve(&noted, &system::windows_folder()?);
        let image = match fs::read(&file) {
            Ok(image) => image,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Failure::file(file, error)),
        };
        let kept = Slot::ALL.into_iter().find(|slot| {
            is_whole(&home.slot(*slot))
                && fs::read(home.slot(*slot).join(format!("{NAME}.sys")))
                    .ok()
                    .as_ref()
                    == Some(&image)
        });
        let store = file.parent().filter(|folder| is_whole(folder));
        let copy = kept.map(PackageCopy::Kept);
        let copy = copy.or_else(|| store.map(|store| PackageCopy::InStore(store.to_owned())));
        Ok(Some(Installed {
            image,
            // Wine copies the file, and has no driver store that would take it back.
            loose: self.is_wine.then_some(file),
            copy,
        }))
    }

    fn add_package(&self, folder: &Path) -> Result<(), Failure> {
        let inf = folder.join(format!("{NAME}.inf"));
        if self.is_wine {
            Program::of_system("rundll32.exe")?
                .argument("setupapi.dll,InstallHinfSection")
                .argument("DefaultInstall")
                .argument("128")
                .rest_of_line(&inf)
                .run(&[0])?;
        } else {
            Program::of_system("pnputil.exe")?
                .argument("/add-driver")
                .argument(&inf)
                .argument("/install")
                .run(&PNPUTIL_DONE)?;
        }
        match service::state()? {
            Service::Absent => Err(Failure::NoService),
            _ => Ok(()),
        }
    }
}

impl Machine for ThisMachine {
    fn facts(&mut self) -> Result<Facts, Failure> {
        let home = Home::find()?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        Ok(Facts {
            // Wine limits no program, whatever it says of its token.
            elevated: self.is_wine || token::is_elevated(),
            build: version()[2],
            x64: system::is_x64(),
            processor: Processor::this(system::has_firmware_virtualization()),
            security: security()?,
            signing: self.signing()?,
            now: now.map_or(0, |now| now.as_secs()),
            service: service::state()?,
            packages: packages()?,
            installed: self.installed(&home)?,
            record: home.record()?,
            has_folder: home.exists(),
        })
    }

    fn is_bit_locker_on(&mut self) -> Result<bool, Failure> {
        let windows = system::windows_folder()?;
        let drive: String = windows.display().to_string().chars().take(2).collect();
        let program = match Program::of_system("manage-bde.exe") {
            Ok(program) => program,
            // Editions without BitLocker don't have it.
            Err(Failure::NotRun { reason, .. }) if reason.kind() == io::ErrorKind::NotFound => {
                return Ok(false);
            }
            Err(failure) => return Err(failure),
        };
        // It ends with 0 for a protected drive, and with 1 for another one.
        let code = program
            .argument("-status")
            .argument(drive)
            .argument("-protectionaserrorlevel")
            .run(&[0, 1])?;
        Ok(code == 0)
    }

    fn has_certificate(
        &mut self,
        store: Store,
        certificate: &Certificate,
    ) -> Result<bool, Failure> {
        certificates::has(store, certificate)
    }

    fn running_version(&mut self) -> Result<DriverVersion, Failure> {
        let no_answer = |error: &dyn std::error::Error| Failure::NoAnswer(error.to_string());
        let mut device = driver_io::open().map_err(|error| no_answer(&error))?;
        let status = Status::query(device.as_mut()).map_err(|error| no_answer(&error))?;
        let driver = status.driver;
        driver
            .map(|driver| driver.version)
            .ok_or_else(|| Failure::NoAnswer("it names no version".to_owned()))
    }

    fn perform(&mut self, action: &Action) -> Result<(), Failure> {
        match action {
            Action::Record(record) => Home::find()?.write(record),
            Action::Keep { from, slot } => Home::find()?.keep(from, *slot),
            Action::Discard(slot) => Home::find()?.discard(*slot),
            Action::Forget => Home::find()?.delete(),
            Action::TestSigning(on) => Program::of_system("bcdedit.exe")?
                .argument("/set")
                .argument("testsigning")
                .argument(if *on { "on" } else { "off" })
                .run(&[0])
                .map(drop),
            Action::AddCertificate(store, certificate) => certificates::add(*store, certificate),
            Action::RemoveCertificate(store, certificate) => {
                certificates::remove(*store, certificate)
            }
            Action::AddPackage(slot) => self.add_package(&Home::find()?.slot(*slot)),
            Action::RemovePackage(inf) => remove_package(inf),
            Action::DeleteService => service::delete(),
            Action::DeleteImage(file) => delete_image(file),
            Action::Start => service::start(),
            Action::Stop => service::stop(),
        }
    }
}

fn is_whole(folder: &Path) -> bool {
    FILES.iter().all(|file| folder.join(file).is_file())
}

/// The driver's packages, by the names that the system gave their INFs.
fn packages() -> Result<Vec<String>, Failure> {
    let folder = system::windows_folder()?.join("INF");
    let failed = |error| Failure::file(&folder, error);
    let mut names = BTreeSet::new();
    for file in fs::read_dir(&folder).map_err(failed)? {
        let name = file.map_err(failed)?.file_name();
        let Some(name) = name.to_str().map(str::to_ascii_lowercase) else {
            continue;
        };
        let is_stored = name
            .strip_prefix("oem")
            .and_then(|rest| rest.strip_suffix(".inf"))
            .is_some_and(|number| number.parse::<u32>().is_ok());
        if is_stored {
            let path = folder.join(&name);
            let inf = fs::read(&path).map_err(|error| Failure::file(&path, error))?;
            if is_ours(&inf) {
                names.insert(name);
            }
        }
    }
    Ok(names.into_iter().collect())
}

fn remove_package(inf: &str) -> Result<(), Failure> {
    if !system::windows_folder()?.join("INF").join(inf).exists() {
        return Ok(());
    }
    Program::of_system("pnputil.exe")?
        .argument("/delete-driver")
        .argument(inf)
        .argument("/uninstall")
        .run(&PNPUTIL_DONE)
        .map(drop)
}

/// Deletes a file that Wine copied, and its folder if nothing else is in it.
fn delete_image(file: &Path) -> Result<(), Failure> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(Failure::file(file, error));
        }
        _ => {}
    }
    if let Some(folder) = file.parent().filter(|folder| folder.ends_with("unknown")) {
        // Other drivers may have files there.
        let _ = fs::remove_dir(folder);
    }
    Ok(())
}

/// What is set up to start a hypervisor.
///
/// Source: "Enable virtualization-based protection of code integrity" and "Configure Credential
/// Guard" of Windows' documentation, which name these values.
fn security() -> Result<Security, Failure> {
    const GUARD: &str = r"SYSTEM\CurrentControlSet\Control\DeviceGuard";
    const INTEGRITY: &str =
        r"SYSTEM\CurrentControlSet\Control\DeviceGuard\Scenarios\HypervisorEnforcedCodeIntegrity";
    const AUTHORITY: &str = r"SYSTEM\CurrentControlSet\Control\Lsa";
    // It is there where Credential Guard was switched on by default.
    const DEFAULT: &str = r"SYSTEM\CurrentControlSet\Control\Lsa\MSV1_0";
    let is_set = |key, name| registry::number(key, name) == Some(1);
    let switch = |on, locked| match (on, locked) {
        (false, _) => Switch::Off,
        (true, false) => Switch::On,
        (true, true) => Switch::Locked,
    };
    let flags = registry::number(AUTHORITY, "LsaCfgFlags");
    let by_default = registry::exists(DEFAULT, "IsolatedCredentialsRootSecret");
    Ok(Security {
        memory_integrity: switch(
            asked_code_integrity()?.memory_integrity || is_set(INTEGRITY, "Enabled"),
            is_set(INTEGRITY, "Locked"),
        ),
        credential_guard: match flags {
            Some(0) => Switch::Off,
            Some(1) => Switch::Locked,
            Some(_) => Switch::On,
            None => switch(by_default, false),
        },
        virtualization_based: switch(
            is_set(GUARD, "EnableVirtualizationBasedSecurity"),
            is_set(GUARD, "Locked"),
        ),
    })
}

/// What code integrity demands now.
fn asked_code_integrity() -> Result<CodeIntegrity, Failure> {
    code_integrity().map_err(|code| Failure::System {
        function: "NtQuerySystemInformation",
        code,
    })
}

/// A path that a function of Windows wrote.
fn path(units: &[u16]) -> PathBuf {
    use std::ffi::OsString;
    use std::os::windows::ffi::OsStringExt;
    PathBuf::from(OsString::from_wide(units))
}
