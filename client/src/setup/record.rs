//! What an installation notes of itself, so that its removal takes back what it did and no more.
//!
//! The record is written before each thing that it tells of is done: it may name what did not come
//! about, and never leaves out what did. Service and package are not in it, since the system knows
//! them. It lies in a folder below `C:\Program Files`, where administrators alone write.

use serde::{Deserialize, Serialize};

use super::package::Certificate;

/// What has to be taken back. The default is nothing.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Record {
    /// Test signing was off, and was turned on.
    pub(crate) test_signing: bool,
    /// Certificates that were not there, and the stores that they were put into.
    pub(crate) certificates: Vec<Placed>,
}

/// A certificate in a store.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) struct Placed {
    pub(crate) store: Store,
    pub(crate) certificate: Certificate,
}

/// A store of certificates of the local machine.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
pub(crate) enum Store {
    Root,
    TrustedPublisher,
}

impl Store {
    /// Both: the first makes a test certificate's chain end well, the second spares the question
    /// whether its owner is to be trusted.
    pub(crate) const ALL: [Self; 2] = [Self::Root, Self::TrustedPublisher];

    /// The name that the system has for it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Root => "Root",
            Self::TrustedPublisher => "TrustedPublisher",
        }
    }
}

/// A folder for a copy of a package. There are two, so that one is left as it is while the other is
/// filled.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Slot {
    A,
    B,
}

impl Slot {
    /// Both.
    pub(crate) const ALL: [Self; 2] = [Self::A, Self::B];

    pub(crate) fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }

    /// The name of its folder.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::A => "package-a",
            Self::B => "package-b",
        }
    }
}

impl Record {
    /// The same, with what is about to be placed.
    pub(crate) fn with(mut self, placed: &[Placed]) -> Self {
        for one in placed {
            if !self.certificates.contains(one) {
                self.certificates.push(one.clone());
            }
        }
        self
    }
}
