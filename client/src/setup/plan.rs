//! Which steps there are, and in which order.

use super::machine::{Action, Facts, PackageCopy, Service};
use super::package::signer::Kind;
use super::package::{Package, of_image};
use super::record::{Placed, Record, Slot, Store};
use super::test_signing::{self, TestSigning};
use crate::model::DriverVersion;

/// What an installation comes to.
#[derive(Debug)]
pub(super) enum Plan {
    /// This very driver runs.
    Nothing,
    /// This very driver is installed.
    Start,
    /// Test signing is turned on from the next start, which comes before anything else where it is off
    /// now. There are no steps if it is set already.
    TestSigning(Vec<Action>),
    /// The package is installed, in place of another or of none.
    Install(Installation),
}

/// The steps of an installation.
#[derive(Debug)]
pub(super) struct Installation {
    /// Up to and with the start of the driver.
    pub(super) steps: Vec<Action>,
    /// Once the driver is known to run.
    pub(super) clearing: Vec<Action>,
    /// What there was, if it can be brought back.
    pub(super) previous: Option<Previous>,
}

/// A driver that is replaced.
#[derive(Debug)]
pub(super) struct Previous {
    /// The driver's bytes.
    image: Vec<u8>,
    /// Where the copy of its package is.
    slot: Slot,
    /// What is noted of it.
    record: Record,
    /// Whether it was running.
    was_running: bool,
    /// Where the copy of the package was that did not start.
    failed: Slot,
}

impl Plan {
    /// The plan for a package, of whose certificate these stores have none.
    pub(super) fn new(facts: &Facts, package: &Package, lacking: &[Store]) -> Self {
        let signing = facts.signing;
        let is_on = signing.takes_tests && signing.takes_tests_next != Some(false);
        if test_signing::is_needed(facts, package) && !is_on {
            return Self::TestSigning(test_signing(facts));
        }
        let placed = placed(package, lacking);
        let installed = facts.installed.as_ref();
        if installed.is_some_and(|installed| installed.image == package.image) {
            match facts.service {
                Service::Running => return Self::Nothing,
                Service::Stopped if placed.is_empty() => return Self::Start,
                _ => {}
            }
        }
        Self::Install(Installation::new(facts, package, placed))
    }
}

/// The steps that set test signing on. One that is set already stays as it is.
fn test_signing(facts: &Facts) -> Vec<Action> {
    if facts.signing.takes_tests_next == Some(true) {
        return Vec::new();
    }
    let mut record = facts.record.clone();
    record.test_signing = true;
    vec![Action::Record(record), Action::TestSigning(true)]
}

impl Installation {
    fn new(facts: &Facts, package: &Package, placed: Vec<Placed>) -> Self {
        let (keep, old) = keep_installed(facts);
        let slot = old.map_or(Slot::A, Slot::other);
        let mut record = facts.record.clone().with(&placed);

        let mut steps = Vec::new();
        if facts.service == Service::Running {
            steps.push(Action::Stop);
        }
        steps.extend(keep);
        steps.push(Action::Keep {
            from: package.folder.clone(),
            slot,
        });
        steps.push(Action::Record(record.clone()));
        steps.extend(
            placed
                .into_iter()
                .map(|Placed { store, certificate }| Action::AddCertificate(store, certificate)),
        );
        steps.extend(removal_of_driver(facts));
        steps.extend([Action::AddPackage(slot), Action::Start]);

        let (left, gone): (Vec<_>, Vec<_>) = record
            .certificates
            .into_iter()
            .partition(|placed| placed.certificate == package.signer.certificate);
        let mut clearing: Vec<_> = gone
            .into_iter()
            .map(|Placed { store, certificate }| Action::RemoveCertificate(store, certificate))
            .collect();
        record.certificates = left;
        clearing.push(Action::Record(record));
        clearing.extend(old.map(Action::Discard));

        let installed = facts.installed.as_ref();
        let previous = old.zip(installed).map(|(old, installed)| Previous {
            image: installed.image.clone(),
            slot: old,
            record: facts.record.clone(),
            was_running: facts.service == Service::Running,
            failed: slot,
        });
        Self {
            steps,
            clearing,
            previous,
        }
    }
}

impl Previous {
    /// The version in its resources.
    pub(super) fn version(&self) -> Option<DriverVersion> {
        of_image(&self.image)
    }

    /// The steps back to it, from whatever there is now, with the certificates that were put into
    /// stores for the package that failed.
    pub(super) fn way_back(&self, facts: &Facts) -> Vec<Action> {
        let mut steps = Vec::new();
        let installed = facts.installed.as_ref();
        if installed.is_none_or(|installed| installed.image != self.image) {
            if facts.service != Service::Absent {
                steps.push(Action::Stop);
            }
            steps.extend(removal_of_driver(facts));
            steps.push(Action::AddPackage(self.slot));
        }
        if self.was_running {
            steps.push(Action::Start);
        }
        let added = facts.record.certificates.iter();
        let added = added.filter(|placed| !self.record.certificates.contains(placed));
        steps.extend(
            added
                .cloned()
                .map(|Placed { store, certificate }| Action::RemoveCertificate(store, certificate)),
        );
        if facts.record != self.record {
            steps.push(Action::Record(self.record.clone()));
        }
        steps.push(Action::Discard(self.failed));
        steps
    }
}

/// What a removal does, in an order in which each step leaves the system whole.
pub(super) fn removal(facts: &Facts) -> Vec<Action> {
    let mut steps = Vec::new();
    if matches!(facts.service, Service::Running | Service::Stopping) {
        steps.push(Action::Stop);
    }
    steps.extend(removal_of_driver(facts));
    let certificates = facts.record.certificates.iter().cloned();
    steps.extend(
        certificates
            .map(|Placed { store, certificate }| Action::RemoveCertificate(store, certificate)),
    );
    match test_signing::after_removal(facts) {
        TestSigning::Left => {
            steps.extend(Slot::ALL.map(Action::Discard));
            steps.push(Action::Record(Record {
                test_signing: true,
                certificates: Vec::new(),
            }));
            return steps;
        }
        TestSigning::TurnedOff => steps.push(Action::TestSigning(false)),
        TestSigning::AsItIs => {}
    }
    if facts.has_folder {
        steps.push(Action::Forget);
    }
    steps
}

/// Packages, service and file of the driver that is there, which does not run.
fn removal_of_driver(facts: &Facts) -> Vec<Action> {
    let packages = facts.packages.iter().cloned().map(Action::RemovePackage);
    let mut steps: Vec<_> = packages.collect();
    if facts.service != Service::Absent {
        steps.push(Action::DeleteService);
    }
    let loose = facts
        .installed
        .as_ref()
        .and_then(|installed| installed.loose.clone());
    steps.extend(loose.map(Action::DeleteImage));
    steps
}

/// The certificates that the package needs and that stores lack.
fn placed(package: &Package, lacking: &[Store]) -> Vec<Placed> {
    if package.signer.kind != Kind::SelfSigned {
        return Vec::new();
    }
    let placed = |store: &Store| Placed {
        store: *store,
        certificate: package.signer.certificate.clone(),
    };
    lacking.iter().map(placed).collect()
}

/// Where a copy of the installed package is or is going to be, with the step that makes it.
fn keep_installed(facts: &Facts) -> (Option<Action>, Option<Slot>) {
    let installed = facts.installed.as_ref();
    match installed.and_then(|installed| installed.copy.clone()) {
        Some(PackageCopy::Kept(slot)) => (None, Some(slot)),
        Some(PackageCopy::InStore(from)) => {
            let slot = Slot::A;
            (Some(Action::Keep { from, slot }), Some(slot))
        }
        None => (None, None),
    }
}
