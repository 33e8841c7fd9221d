//! The machine that this runs on, as Windows' documented interfaces tell of it.

mod signature;
mod token;
mod topology;

use windows_sys::Wdk::System::SystemInformation::SYSTEM_INFORMATION_CLASS;

use self::token::{Impersonation, Restriction};
use super::machine::{Installation, Kind, Machine, Opener, Signature, System, Topology, Verifier};
use super::outcome::Stop;
use super::pool::{self, Usage};
use super::verifier;
use crate::driver_io::windows::system::{code_integrity, version};
use crate::driver_io::windows::{open_for_reading, open_for_writing, system_information};
use crate::driver_io::{self, Device};
use crate::model::DeviceError;
use crate::setup::failure::Failure;
use crate::setup::machine::{Facts, Service};
use crate::setup::security::Switch;
use crate::setup::windows::{service, system};
use crate::setup::{self, image_path};

/// `SystemPoolTagInformation`, which the system's headers leave out.
const SYSTEM_POOL_TAG_INFORMATION: SYSTEM_INFORMATION_CLASS = 22;

/// `SystemVerifierInformation`, which they leave out too: what `verifier /query` shows.
const SYSTEM_VERIFIER_INFORMATION: SYSTEM_INFORMATION_CLASS = 51;

/// The machine that this runs on.
pub(super) struct ThisMachine {
    is_wine: bool,
}

impl ThisMachine {
    pub(super) fn new() -> Self {
        Self {
            is_wine: system::is_wine(),
        }
    }

    fn facts() -> Result<Facts, Stop> {
        let mut machine = setup::this_machine().map_err(|error| Stop::failed(error.to_string()))?;
        Ok(machine.facts()?)
    }

    fn refuse_wine(&self, why: &str) -> Result<(), Stop> {
        if self.is_wine {
            Err(Stop::not_done(why))
        } else {
            Ok(())
        }
    }
}

/// A question to which there is always an answer has none.
impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure.to_string())
    }
}

impl Machine for ThisMachine {
    fn system(&mut self) -> System {
        let [_, _, build] = version();
        System {
            kind: if self.is_wine {
                Kind::Wine
            } else {
                Kind::Windows
            },
            build: Some(build),
        }
    }

    fn open(&mut self, opener: Opener) -> Result<Result<Box<dyn Device>, DeviceError>, Stop> {
        let restriction = match opener {
            Opener::Client => return Ok(driver_io::open()),
            Opener::WithoutRead => return Ok(open_for_writing()),
            Opener::Restricted => Restriction::NoAdministrator,
            Opener::WithoutPrivileges => Restriction::NoPrivileges,
        };
        self.refuse_wine("Wine gives every token every right")?;
        let impersonation = Impersonation::begin(restriction)?;
        Ok(open_for_reading().map(|device| {
            let device: Box<dyn Device> = Box::new(Impersonating {
                device,
                _impersonation: impersonation,
            });
            device
        }))
    }

    fn signature(&mut self) -> Result<Signature, Stop> {
        self.refuse_wine("Wine looks at no signature")?;
        let Some(noted) = service::image_path()? else {
            return Err(Stop::not_done("the driver is not installed"));
        };
        let file = image_path::resolve(&noted, &system::windows_folder()?);
        Ok(signature::of(&file)?)
    }

    fn installation(&mut self) -> Result<Installation, Stop> {
        let facts = Self::facts()?;
        let certificates = facts.record.certificates.iter();
        let mut noted: Vec<_> = certificates
            .map(|placed| format!("{} in {}", placed.certificate.subject, placed.store.name()))
            .collect();
        if facts.record.test_signing {
            noted.push("test signing".to_owned());
        }
        Ok(Installation {
            service: facts.service != Service::Absent,
            packages: facts.packages,
            image: facts.installed.is_some(),
            folder: facts.has_folder,
            noted,
        })
    }

    fn is_running(&mut self) -> Result<Option<bool>, Stop> {
        Ok(match service::state()? {
            Service::Absent => None,
            state => Some(state == Service::Running),
        })
    }

    fn set_running(&mut self, running: bool) -> Result<(), Stop> {
        if running {
            service::start()?;
        } else {
            service::stop()?;
        }
        Ok(())
    }

    fn questions(&mut self) -> Result<Vec<(&'static str, String)>, Stop> {
        self.refuse_wine("Wine has neither Secure Boot nor BitLocker")?;
        let facts = Self::facts()?;
        let yes = |yes: bool| if yes { "yes" } else { "no" }.to_owned();
        let switch = |switch| {
            match switch {
                Switch::Off => "off",
                Switch::On(_) => "on",
                Switch::Locked(_) => "locked",
            }
            .to_owned()
        };
        let mut answers = vec![
            ("elevated", yes(facts.elevated)),
            ("build", facts.build.to_string()),
            ("x64", yes(facts.x64)),
            ("svm", yes(facts.processor.svm)),
            (
                "virtualization_in_firmware",
                yes(facts.processor.switched_on),
            ),
            ("test_signing", yes(facts.signing.takes_tests)),
            (
                "test_signing_from_next_start",
                (facts.signing.takes_tests_next).map_or_else(|| "unknown".to_owned(), yes),
            ),
            ("secure_boot", yes(facts.signing.secure_boot)),
            ("memory_integrity", switch(facts.security.memory_integrity)),
            ("credential_guard", switch(facts.security.credential_guard)),
            (
                "virtualization_based_security",
                switch(facts.security.virtualization_based),
            ),
        ];
        if !facts.elevated {
            return Err(Stop::not_done(
                "BitLocker answers administrators alone: run this as one",
            ));
        }
        let mut machine = setup::this_machine().map_err(|error| Stop::failed(error.to_string()))?;
        answers.push(("bit_locker", yes(machine.protected_drive()?.is_some())));
        Ok(answers)
    }

    fn topology(&mut self) -> Result<Topology, Stop> {
        Ok(topology::of_this_machine())
    }

    fn node(&mut self, group: u16, number: u8) -> Result<u16, Stop> {
        Ok(topology::node(group, number)?)
    }

    fn has_memory_integrity(&mut self) -> Result<bool, Stop> {
        let integrity = code_integrity().map_err(|code| Failure::System {
            function: "NtQuerySystemInformation",
            code,
        })?;
        Ok(integrity.memory_integrity)
    }

    fn verifier(&mut self) -> Result<Verifier, Stop> {
        // The registry has what is set for the next start.
        let list = list(SYSTEM_VERIFIER_INFORMATION)?;
        verifier::of(&list, list.as_ptr().addr()).ok_or_else(|| {
            Stop::not_done("the system tells in an unknown form what Driver Verifier checks now")
        })
    }

    fn pool(&mut self) -> Result<Option<Usage>, Stop> {
        Ok(pool::usage(&list(SYSTEM_POOL_TAG_INFORMATION)?))
    }
}

/// A list that the system tells, unless it refuses.
fn list(class: SYSTEM_INFORMATION_CLASS) -> Result<Vec<u8>, Stop> {
    system_information::query(class).map_err(|status| {
        Stop::not_done(format!(
            "the system does not tell: NtQuerySystemInformation answers 0x{:08X}",
            status.cast_unsigned()
        ))
    })
}

/// A device whose requests come from another token than this process'.
struct Impersonating {
    device: Box<dyn Device>,
    _impersonation: Impersonation,
}

impl Device for Impersonating {
    fn control(
        &mut self,
        code: u32,
        input: &[u8],
        output: &mut [u8],
    ) -> Result<usize, DeviceError> {
        self.device.control(code, input, output)
    }
}
