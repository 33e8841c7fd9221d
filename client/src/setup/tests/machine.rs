//! A machine that is stricter than Windows: whatever is done in the wrong order or twice fails.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::super::failure::{Failure, Process};
use super::super::machine::{Action, Facts, Installed, Machine, PackageCopy, Service, Signing};
use super::super::package::signer::Kind;
use super::super::package::{Certificate, Package, Signer, of_image};
use super::super::processor::Processor;
use super::super::record::{Record, Slot, Store};
use super::super::security::Security;
use crate::model::DriverVersion;

/// The moment at which everything happens, in the middle of each certificate's time.
pub(super) const NOW: u64 = 1_800_000_000;

/// What an installation changes.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct State {
    /// The build that the service runs, and whether it runs.
    pub(super) service: Option<(u8, bool)>,
    /// The driver store.
    pub(super) packages: BTreeMap<String, u8>,
    pub(super) certificates: BTreeSet<(Store, Vec<u8>)>,
    /// From the next start on.
    pub(super) test_signing: bool,
    pub(super) record: Option<Record>,
    pub(super) kept: BTreeMap<Slot, u8>,
}

/// What goes wrong.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum How {
    /// The step is not taken.
    NotDone,
    /// The step is taken, and an error returned.
    DoneWithError,
    /// The process ends before the step.
    EndBefore,
    /// The process ends after the step.
    EndAfter,
}

/// The machine.
#[derive(Clone, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is switched by itself in some test"
)]
pub(super) struct TestMachine {
    pub(super) state: State,
    /// What it is, but for what follows from the state.
    pub(super) facts: Facts,
    pub(super) bit_locker: bool,
    /// The boot configuration is readable.
    pub(super) reads_boot: bool,
    /// The firmware's setup has Secure Boot on, which it is from the next start.
    pub(super) secure_boot_next: bool,
    /// A handle to the service is open, which keeps it after its deletion.
    pub(super) service_held: bool,
    /// The service is deleted, and held.
    pub(super) service_deleted: bool,
    /// Builds that do not start.
    pub(super) broken: BTreeSet<u8>,
    /// Builds that Microsoft signed; the others have a certificate of their own each.
    pub(super) attested: BTreeSet<u8>,
    /// A process has the device open.
    pub(super) busy: bool,
    /// The step that fails, counted from 0, and how.
    pub(super) fail: Option<(usize, How)>,
    /// Steps asked for so far.
    pub(super) steps: usize,
}

impl TestMachine {
    /// One on which nothing is in the way.
    pub(super) fn new() -> Self {
        Self {
            state: State {
                test_signing: true,
                ..State::default()
            },
            facts: Facts {
                elevated: true,
                build: 26100,
                x64: true,
                processor: Processor {
                    vendor: "AuthenticAMD".to_owned(),
                    svm: true,
                    switched_on: true,
                    hypervisor: None,
                },
                security: Security::default(),
                signing: Signing {
                    is_checked: true,
                    takes_tests: true,
                    takes_tests_next: None,
                    secure_boot: false,
                },
                now: NOW,
                service: Service::Absent,
                packages: Vec::new(),
                installed: None,
                record: Record::default(),
                has_folder: false,
            },
            bit_locker: false,
            reads_boot: true,
            secure_boot_next: false,
            service_held: false,
            service_deleted: false,
            broken: BTreeSet::new(),
            attested: BTreeSet::new(),
            busy: false,
            fail: None,
            steps: 0,
        }
    }

    /// The package of a build: version 0.1.0 of build 1, and so on.
    pub(super) fn package(&self, build: u8) -> Package {
        let image = image(build);
        let kind = if self.attested.contains(&build) {
            Kind::Microsoft
        } else {
            Kind::SelfSigned
        };
        Package {
            folder: PathBuf::from(format!("build {build}")),
            version: of_image(&image),
            image,
            signer: Signer {
                certificate: Certificate {
                    subject: format!("CN=test {build}"),
                    der: vec![build],
                },
                kind,
                valid: (NOW - 1, NOW + 1),
                has_time_stamp: false,
            },
        }
    }

    /// Puts a package in place in the plain way.
    pub(super) fn install_plainly(&mut self, build: u8) {
        for store in Store::ALL {
            self.state.certificates.insert((store, vec![build]));
        }
        self.state.packages.insert("oem7.inf".to_owned(), build);
        self.state.service = Some((build, true));
    }

    /// Test signing and Secure Boot take effect, deleted services go, and no driver runs.
    pub(super) fn restart(&mut self) {
        let signing = &mut self.facts.signing;
        signing.secure_boot = self.secure_boot_next;
        signing.takes_tests = self.state.test_signing && !signing.secure_boot;
        self.service_held = false;
        if self.service_deleted {
            (self.service_deleted, self.state.service) = (false, None);
        }
        if let Some((_, runs)) = &mut self.state.service {
            *runs = false;
        }
        self.fail = None;
        self.steps = 0;
    }

    fn build_in(&self, folder: &std::path::Path) -> Option<u8> {
        let name = folder.to_str()?;
        match name.strip_prefix("store ") {
            Some(inf) => self.state.packages.get(inf).copied(),
            None => name.strip_prefix("build ")?.parse().ok(),
        }
    }

    fn failure(code: u32) -> Failure {
        Failure::System {
            function: "TestMachine",
            code,
        }
    }

    fn change(&mut self, action: &Action) -> Result<(), Failure> {
        let state = &mut self.state;
        match action {
            Action::Record(record) => state.record = Some(record.clone()),
            Action::Keep { from, slot } => {
                let build = self.build_in(from).ok_or_else(|| Self::failure(2))?;
                self.state.kept.insert(*slot, build);
            }
            Action::Discard(slot) => drop(state.kept.remove(slot)),
            Action::Forget => (state.record, state.kept) = (None, BTreeMap::new()),
            Action::TestSigning(_) if self.facts.signing.secure_boot => {
                return Err(Failure::Program {
                    program: "bcdedit.exe",
                    code: 1,
                });
            }
            Action::TestSigning(on) => state.test_signing = *on,
            Action::AddCertificate(store, certificate) => {
                state.certificates.insert((*store, certificate.der.clone()));
            }
            Action::RemoveCertificate(store, certificate) => {
                state
                    .certificates
                    .remove(&(*store, certificate.der.clone()));
            }
            Action::AddPackage(slot) => return self.add_package(*slot),
            Action::RemovePackage(inf) => {
                let removed = state.packages.get(inf).copied();
                match state.service {
                    Some((_, true)) => return Err(Self::failure(1051)),
                    Some((build, false)) if removed == Some(build) => self.delete_service(),
                    _ => {}
                }
                self.state.packages.remove(inf);
            }
            Action::DeleteService => {
                if let Some((_, true)) = state.service {
                    return Err(Self::failure(1051));
                }
                self.delete_service();
                if self.service_deleted {
                    return Err(Failure::MarkedForDeletion);
                }
            }
            Action::DeleteImage(path) => panic!("{}: all is in the driver store", path.display()),
            Action::Start => return self.start(),
            Action::Stop => match &mut state.service {
                Some((_, true)) if self.busy => {
                    let (name, id) = ("client.exe".to_owned(), 4711);
                    return Err(Failure::Busy {
                        holders: vec![Process { name, id }],
                    });
                }
                Some((_, runs)) => *runs = false,
                None => {}
            },
        }
        Ok(())
    }

    fn delete_service(&mut self) {
        self.service_deleted = self.service_held && self.state.service.is_some();
        if !self.service_deleted {
            self.state.service = None;
        }
    }

    fn add_package(&mut self, slot: Slot) -> Result<(), Failure> {
        let build = *self.state.kept.get(&slot).ok_or_else(|| Self::failure(2))?;
        if self.state.service.is_some() || !self.state.packages.is_empty() {
            return Err(Self::failure(1073));
        }
        let trusted = Store::ALL
            .iter()
            .all(|store| self.state.certificates.contains(&(*store, vec![build])));
        if !trusted && !self.attested.contains(&build) {
            return Err(Failure::Program {
                program: "pnputil.exe",
                code: 0x800B_0109,
            });
        }
        self.state.packages.insert(format!("oem{build}.inf"), build);
        self.state.service = Some((build, false));
        Ok(())
    }

    fn start(&mut self) -> Result<(), Failure> {
        let Some((build, runs)) = &mut self.state.service else {
            return Err(Self::failure(1060));
        };
        if self.service_deleted {
            return Err(Self::failure(1072));
        }
        let signed = self.facts.signing.takes_tests || self.attested.contains(build);
        if self.broken.contains(build) || !signed {
            return Err(Failure::System {
                function: "StartServiceW",
                code: 577,
            });
        }
        *runs = true;
        Ok(())
    }

    /// Counts a step, and says how it goes wrong if it does.
    fn count(&mut self) -> Option<How> {
        let step = self.steps;
        self.steps += 1;
        match self.fail {
            Some((at, how)) if at == step => Some(how),
            Some((at, How::EndBefore | How::EndAfter)) if at < step => Some(How::EndBefore),
            _ => None,
        }
    }
}

impl Machine for TestMachine {
    fn facts(&mut self) -> Result<Facts, Failure> {
        if matches!(self.fail, Some((at, How::EndBefore | How::EndAfter)) if at < self.steps) {
            return Err(Self::failure(6));
        }
        let state = &self.state;
        let installed = state.service.map(|(build, _)| {
            let kept = state.kept.iter().find(|(_, kept)| **kept == build);
            let stored = state.packages.iter().find(|(_, stored)| **stored == build);
            let stored =
                stored.map(|(inf, _)| PackageCopy::InStore(PathBuf::from(format!("store {inf}"))));
            Installed {
                image: image(build),
                loose: None,
                copy: kept.map(|(slot, _)| PackageCopy::Kept(*slot)).or(stored),
            }
        });
        Ok(Facts {
            service: match state.service {
                None => Service::Absent,
                Some((_, true)) => Service::Running,
                Some((_, false)) if self.service_deleted => Service::Deleting,
                Some((_, false)) => Service::Stopped,
            },
            signing: Signing {
                takes_tests_next: self.reads_boot.then_some(state.test_signing),
                ..self.facts.signing
            },
            packages: state.packages.keys().cloned().collect(),
            installed,
            record: state.record.clone().unwrap_or_default(),
            has_folder: state.record.is_some() || !state.kept.is_empty(),
            ..self.facts.clone()
        })
    }

    fn protected_drive(&mut self) -> Result<Option<String>, Failure> {
        assert!(self.facts.elevated, "only an administrator may ask");
        Ok(self.bit_locker.then(|| "W:".to_owned()))
    }

    fn has_certificate(
        &mut self,
        store: Store,
        certificate: &Certificate,
    ) -> Result<bool, Failure> {
        let wanted = (store, certificate.der.clone());
        Ok(self.state.certificates.contains(&wanted))
    }

    fn running_version(&mut self) -> Result<DriverVersion, Failure> {
        match (self.count(), self.state.service) {
            (None, Some((build, true))) => Ok([0, build.into(), 0].into()),
            _ => Err(Failure::NoAnswer("it is silent".to_owned())),
        }
    }

    fn perform(&mut self, action: &Action) -> Result<(), Failure> {
        let how = self.count();
        if !matches!(how, Some(How::NotDone | How::EndBefore)) {
            self.change(action)?;
        }
        match how {
            None => Ok(()),
            Some(_) => Err(Self::failure(31)),
        }
    }
}

/// An image with nothing but a version.
fn image(build: u8) -> Vec<u8> {
    let key = "VS_VERSION_INFO\0"
        .encode_utf16()
        .flat_map(u16::to_le_bytes);
    let fixed = [0, 0xFEEF_04BD, 0x1_0000, u32::from(build), 0];
    let fixed = fixed.into_iter().flat_map(u32::to_le_bytes).skip(2);
    key.chain(fixed).collect()
}
