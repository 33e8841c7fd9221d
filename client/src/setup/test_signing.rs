//! Test signing: whether a package needs it, and what becomes of it in a removal.

use super::machine::Facts;
use super::package::Package;
use super::package::signer::Kind;

/// Whether Windows loads this package's driver with test signing only.
pub(super) fn is_needed(facts: &Facts, package: &Package) -> bool {
    facts.signing.is_checked && package.signer.kind != Kind::Microsoft
}

/// What becomes of test signing in a removal.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum TestSigning {
    /// Nothing: no installation turned it on, or it is set to be off already.
    AsItIs,
    /// It is turned off.
    TurnedOff,
    /// It stays set, since Secure Boot lets nothing change it, and is noted until that is done.
    Left,
}

/// What becomes of test signing in a removal from this machine.
pub(super) fn after_removal(facts: &Facts) -> TestSigning {
    let signing = facts.signing;
    if !facts.record.test_signing || signing.takes_tests_next == Some(false) {
        TestSigning::AsItIs
    } else if signing.secure_boot {
        TestSigning::Left
    } else {
        TestSigning::TurnedOff
    }
}
