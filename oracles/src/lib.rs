//! Judges that were written elsewhere, asked about what is written here.
//!
//! A judge compares facts, one by one, and says which do not hold. One that cannot be asked has no
//! verdict, which is a failure too.

mod emulators;
pub mod image;
mod linux;
mod lock;
mod metadata;
mod monitor;
mod npm;
mod once;
pub mod powershell;
pub mod python;
mod reproducible;
pub mod signatures;
mod supply_chain;
mod version;
pub mod wine;

use std::fmt::Debug;

use anyhow::Result;
use wdk_linux::host::Workspace;
use xtask::check::Check;
use xtask::judge::Judge;

/// Asks a judge; what is missing on this machine for that is installed.
///
/// # Errors
///
/// If it can't be asked, which is no verdict.
pub fn ask(judge: Judge, workspace: &Workspace) -> Result<Verdict> {
    match judge {
        Judge::Image => image::ask(workspace),
        Judge::Lock => lock::ask(workspace),
        Judge::PowerShell => powershell::ask(workspace),
        Judge::Metadata => metadata::ask(workspace),
        Judge::Names => metadata::ask_for_names(workspace),
        Judge::Linux => linux::ask(workspace),
        Judge::CargoDeny => supply_chain::ask(workspace),
        Judge::Monitor => monitor::ask(workspace),
        Judge::Emulators => emulators::ask(workspace),
        Judge::BuiltTwice => reproducible::ask(workspace),
        Judge::Wine => wine::ask(workspace),
    }
}

/// What a judge found.
#[derive(Debug, Default)]
pub struct Verdict {
    compared: usize,
    violations: Vec<String>,
}

impl Verdict {
    /// Compares one fact with what it has to be.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "what is compared is made for it"
    )]
    pub fn same<T: Debug + PartialEq<U>, U: Debug>(&mut self, what: &str, found: T, expected: U) {
        let violation =
            (found != expected).then(|| format!("{what}: {found:?} instead of {expected:?}"));
        self.add(violation);
    }

    /// Counts one fact, with what breaks it.
    pub fn add(&mut self, violation: Option<String>) {
        self.compared += 1;
        self.violations.extend(violation);
    }

    /// Takes over what another found, under a name that says where.
    pub fn absorb(&mut self, place: &str, other: Self) {
        self.compared += other.compared;
        let named = other
            .violations
            .into_iter()
            .map(|violation| format!("{place}: {violation}"));
        self.violations.extend(named);
    }

    /// How many facts were compared.
    #[must_use]
    pub fn compared(&self) -> usize {
        self.compared
    }

    /// How many facts held.
    #[must_use]
    pub fn held(&self) -> usize {
        self.compared - self.violations.len()
    }

    /// What did not hold.
    #[must_use]
    pub fn violations(&self) -> &[String] {
        &self.violations
    }
}

impl FromIterator<Check> for Verdict {
    fn from_iter<I: IntoIterator<Item = Check>>(checks: I) -> Self {
        let mut verdict = Self::default();
        for Check { rule, violation } in checks {
            verdict.add(violation.map(|violation| format!("{rule}: {violation}")));
        }
        verdict
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_hold_is_counted_and_named() {
        let mut inner = Verdict::default();
        inner.same("sum", 1 + 1, 2);
        inner.same("product", 2 * 2, 5);
        let mut verdict = Verdict::default();
        verdict.absorb("arithmetic", inner);
        assert_eq!((verdict.compared(), verdict.held()), (2, 1));
        assert_eq!(
            verdict.violations(),
            ["arithmetic: product: 4 instead of 5"]
        );
    }
}
