//! The machine that this runs on, as Windows' documented interfaces tell of it and change it.
//!
//! Programs of the system are told by their exit codes alone: what they print is in the user's
//! language.

mod certificates;
mod processes;
mod program;
pub(crate) mod service;
pub(crate) mod system;
mod token;

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};
use std::{fs, io};

use windows_sys::Wdk::System::SystemInformation::SYSTEM_INFORMATION_CLASS;

use self::program::Program;
use super::boot_configuration;
use super::failure::Failure;
use super::home::Home;
use super::machine::{Action, Facts, Installed, Machine, PackageCopy, Service, Signing};
use super::package::{Certificate, FILES, is_ours};
use super::processor::Processor;
use super::record::{Slot, Store};
use super::security::Security;
use super::{NAME, image_path};
use crate::driver_io;
use crate::driver_io::windows::system::{CodeIntegrity, code_integrity, secure_boot, version};
use crate::driver_io::windows::{registry, system_information};
use crate::model::{DriverVersion, Status, sort};

/// Exit codes of pnputil that are no failures: done, done but for devices of which there are none,
/// done once the system restarts, and done with a restart under way.
///
/// Source: "`PnPUtil` return values" of Windows' documentation.
const PNPUTIL_DONE: [u32; 4] = [0, 259, 3010, 1641];

/// The class `SystemBootEnvironmentInformation`, whose answer begins with the identifier of the boot
/// loader's object.
const SYSTEM_BOOT_ENVIRONMENT_INFORMATION: SYSTEM_INFORMATION_CLASS = 90;

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
            takes_tests_next: stored_test_signing(),
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
            Service::Deleting => Err(Failure::MarkedForDeletion),
            _ => Ok(()),
        }
    }
}

impl Machine for ThisMachine {
    fn facts(&mut self) -> Result<Facts, Failure> {
        let home = home()?;
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
            has_folder: home.is_used(),
        })
    }

    fn protected_drive(&mut self) -> Result<Option<String>, Failure> {
        let windows = system::windows_folder()?;
        let drive: String = windows.display().to_string().chars().take(2).collect();
        let program = match Program::of_system("manage-bde.exe") {
            Ok(program) => program,
            // Editions without BitLocker don't have it.
            Err(Failure::NotRun { reason, .. }) if reason.kind() == io::ErrorKind::NotFound => {
                return Ok(None);
            }
            Err(failure) => return Err(failure),
        };
        // It ends with 0 for a protected drive, and with 1 for another one.
        let code = program
            .argument("-status")
            .argument(&drive)
            .argument("-protectionaserrorlevel")
            .run(&[0, 1])?;
        Ok((code == 0).then_some(drive))
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
            Action::Record(record) => home()?.write(record),
            Action::Keep { from, slot } => home()?.keep(from, *slot),
            Action::Discard(slot) => home()?.discard(*slot),
            Action::Forget => home()?.delete(),
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
            Action::AddPackage(slot) => self.add_package(&home()?.slot(*slot)),
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
    let mut names = Vec::new();
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
            match fs::read(&path) {
                Ok(inf) if is_ours(&inf) => names.push(name),
                // A package of another driver may be removed meanwhile.
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(Failure::file(path, error));
                }
                _ => {}
            }
        }
    }
    Ok(sort::few(names))
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

/// The folder for the record and for copies: the registry is asked, and not the environment, which a
/// user may set.
fn home() -> Result<Home, Failure> {
    let key = r"SOFTWARE\Microsoft\Windows\CurrentVersion";
    let programs = registry::text(key, "ProgramFilesDir").map_err(|code| Failure::System {
        function: "RegGetValueW",
        code,
    })?;
    Ok(Home::below(&path(&programs)))
}

/// What is set up to start a hypervisor.
fn security() -> Result<Security, Failure> {
    // It is there where Credential Guard was switched on by default.
    const DEFAULT: &str = r"SYSTEM\CurrentControlSet\Control\Lsa\MSV1_0";
    Ok(Security::of(
        registry::number,
        asked_code_integrity()?.memory_integrity,
        registry::exists(DEFAULT, "IsolatedCredentialsRootSecret"),
    ))
}

/// Whether test signing is set for the next start; none if the boot configuration is not readable.
///
/// `bcdedit /set` without an identifier changes the object of the loader that started this Windows,
/// which need not be the boot manager's default. No documented function names it. The class has been
/// the same since Windows 7, and the object that it leads to has to be a loader's.
fn stored_test_signing() -> Option<bool> {
    let environment = system_information::query(SYSTEM_BOOT_ENVIRONMENT_INFORMATION).ok()?;
    let byte = |key: &str, name: &str| registry::bytes(key, name).map(|[byte]| byte);
    boot_configuration::test_signing(*environment.first_chunk()?, registry::number, byte)
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
