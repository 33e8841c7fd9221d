//! A kind of finding, by its name: what the catalogue says of it.

use std::fmt;
use std::str::FromStr;

use super::catalogue::{Basis, CATALOGUE, Entry};
use super::{FindingId, Severity};
use crate::model::{Field, nearest};

impl FindingId {
    /// Every kind of finding.
    pub fn all() -> impl Iterator<Item = Self> {
        CATALOGUE.iter().map(|entry| entry.id)
    }

    /// The name that never changes.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.entry().name
    }

    /// How bad such a finding is.
    #[must_use]
    pub fn severity(self) -> Severity {
        self.entry().severity
    }

    /// Its place among all of them: the worst come first.
    pub(crate) fn rank(self) -> u64 {
        const MOST: u64 = 1 << 16;
        self.severity() as u64 * MOST + self as u64
    }

    /// The finding in one sentence, without its values.
    #[must_use]
    pub fn title(self) -> &'static str {
        self.entry().title
    }

    /// What the rule presumes.
    pub(super) fn basis(self) -> Basis {
        self.entry().basis
    }

    /// The fields whose values the rule judges.
    #[must_use]
    pub fn fields(self) -> &'static [Field] {
        self.entry().fields
    }

    /// Whether the rule compares the processors with one another.
    pub(super) fn compares_processors(self) -> bool {
        matches!(
            self,
            Self::LstarDiffers
                | Self::CstarDiffers
                | Self::StarDiffers
                | Self::SfmaskDiffers
                | Self::SysenterDiffers
                | Self::TrLimitDiffers
                | Self::EferDiffers
                | Self::TrBaseShared
                | Self::GsBaseShared
        )
    }

    /// Whether the rule looks at its fields together, and not at each by itself: where one is hidden, it
    /// says less of the others, too.
    pub(crate) fn judges_fields_together(self) -> bool {
        matches!(
            self,
            Self::SysenterIncomplete
                | Self::TssInvalid
                | Self::SegmentInvalid
                | Self::EferNotRestored
        )
    }

    /// What it means, in lines of at most 79 characters.
    #[must_use]
    pub fn meaning(self) -> &'static str {
        self.entry().meaning
    }

    /// The section of AMD's manual that says how it should be.
    #[must_use]
    pub fn manual(self) -> &'static str {
        self.entry().manual
    }

    fn entry(self) -> &'static Entry {
        // The enumeration and the catalogue come out of one list.
        &CATALOGUE[self as usize]
    }
}

/// Text that names no kind of finding.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("there is no finding of this name{near}")]
pub struct UnknownFinding {
    /// What may have been meant, behind a semicolon; empty if nothing is near.
    near: String,
}

impl FromStr for FindingId {
    type Err = UnknownFinding;

    fn from_str(name: &str) -> Result<Self, UnknownFinding> {
        let same = |id: &Self| id.name().eq_ignore_ascii_case(name);
        Self::all().find(same).ok_or_else(|| {
            let mut names = Self::all().map(Self::name);
            let near = nearest::in_words(name, &mut names, str::to_ascii_lowercase);
            UnknownFinding {
                near: near.map_or(String::new(), |near| format!("; {near}")),
            }
        })
    }
}

impl fmt::Display for FindingId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_name_is_unique_stands_for_its_kind_and_is_explained() {
        let names: BTreeSet<_> = FindingId::all().map(FindingId::name).collect();
        assert_eq!(names.len(), CATALOGUE.len());
        for id in FindingId::all() {
            assert_eq!(id.name().parse(), Ok(id));
            assert_eq!(id.name().to_ascii_uppercase().parse(), Ok(id));
            assert_eq!(id.entry().id, id);
            assert!(id.title().ends_with('.') && id.meaning().ends_with('.'));
            assert!(id.meaning().lines().all(|line| line.len() < 80));
            assert!(id.manual().starts_with("APM volume "));
        }
        assert_eq!(names.len(), 32);
    }

    #[test]
    fn an_unknown_name_gets_those_that_are_near() {
        let unknown = |name: &str| name.parse::<FindingId>().unwrap_err().to_string();
        assert_eq!(
            unknown("lstar-difers"),
            "there is no finding of this name; the nearest is `lstar-differs`"
        );
        assert!(
            unknown("lstar").contains("; there are `lstar-"),
            "{}",
            unknown("lstar")
        );
        assert_eq!(unknown("nonsense"), "there is no finding of this name");
    }
}
