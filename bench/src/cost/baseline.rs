//! The committed figures, and what has changed since.

use std::fmt;

use anyhow::Result;
use wdk_linux::host::Workspace;

use super::Figures;
use crate::committed;

/// Keeps the committed figures.
const FILE: &str = "baseline.json";

/// By how much a figure may differ from the baseline, in percent of it.
const TOLERANCE_PERCENT: u64 = 5;

/// By how many instructions a figure may differ all the same: who comes last to a barrier takes
/// another branch, and that is not the same in every run.
const ANOTHER_WAY: u64 = 10;

/// How figures begin that are not the same in every run: what all processors together execute
/// during a snapshot depends on when QEMU lets which of them go on. They have limits alone, and are
/// not kept.
const TAKING_TURNS: &str = "machine";

/// A figure that is not what it was.
pub(crate) struct Change {
    /// Its name.
    pub name: String,
    /// What the baseline has; nothing if it is new.
    pub was: Option<u64>,
    /// What was measured; nothing if it is gone.
    pub is: Option<u64>,
}

#[expect(
    clippy::cast_precision_loss,
    reason = "instructions and bytes, counted in millions"
)]
impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let say = |value: Option<u64>| value.map_or("absent".to_owned(), |value| value.to_string());
        write!(
            f,
            "{} was {} and is {}",
            self.name,
            say(self.was),
            say(self.is)
        )?;
        match self.was.zip(self.is) {
            Some((was @ 1.., is)) => {
                let percent = (is as f64 - was as f64) * 100.0 / was as f64;
                write!(f, " ({percent:+.1} %)")
            }
            _ => Ok(()),
        }
    }
}

impl Change {
    /// Whether it is more than measuring again explains.
    pub(crate) fn is_too_much(&self) -> bool {
        match (self.was, self.is) {
            (Some(was), Some(is)) => {
                is.abs_diff(was) > (was * TOLERANCE_PERCENT / 100).max(ANOTHER_WAY)
            }
            _ => true,
        }
    }
}

/// The committed figures.
///
/// # Errors
///
/// If there are none.
pub(crate) fn read(workspace: &Workspace) -> Result<Figures> {
    committed::read(workspace, FILE)
}

/// Makes figures the committed ones.
///
/// # Errors
///
/// If they cannot be written.
pub(crate) fn write(workspace: &Workspace, figures: &Figures) -> Result<()> {
    committed::write(workspace, FILE, &comparable(figures))
}

/// The figures that are the same in every run.
fn comparable(figures: &Figures) -> Figures {
    let mut figures = figures.clone();
    figures.retain(|name, _| !name.starts_with(TAKING_TURNS));
    figures
}

/// What is different, by name, of the figures that could be the same.
pub(crate) fn compare(was: &Figures, is: &Figures) -> Vec<Change> {
    let (was, is) = (&comparable(was), &comparable(is));
    let new = is.keys().filter(|name| !was.contains_key(*name));
    let names = was.keys().chain(new);
    let changes = names.map(|name| Change {
        name: name.clone(),
        was: was.get(name).copied(),
        is: is.get(name).copied(),
    });
    changes.filter(|change| change.was != change.is).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(figures: &[(&str, u64)]) -> Figures {
        let owned = figures
            .iter()
            .map(|(name, value)| ((*name).to_owned(), *value));
        owned.collect()
    }

    #[test]
    fn a_twentieth_or_another_branch_is_tolerated_and_no_more() {
        let was = figures(&[
            ("same", 7),
            ("few", 7),
            ("little", 1000),
            ("much", 1000),
            ("less", 1000),
        ]);
        let is = figures(&[
            ("same", 7),
            ("few", 17),
            ("little", 1050),
            ("much", 1051),
            ("less", 949),
        ]);
        let changes = compare(&was, &is);
        let too_much = |name: &str| {
            let change = changes.iter().find(|change| change.name == name);
            change.map(Change::is_too_much)
        };
        assert_eq!(too_much("same"), None);
        assert_eq!(too_much("few"), Some(false));
        assert_eq!(too_much("little"), Some(false));
        assert_eq!(too_much("much"), Some(true));
        assert_eq!(too_much("less"), Some(true));
    }

    #[test]
    fn figures_of_processors_that_take_turns_are_not_compared() {
        let was = figures(&[("machine.2", 1000), ("total.2", 1000)]);
        let changes = compare(&was, &figures(&[]));
        let names: Vec<_> = changes.iter().map(|change| &change.name).collect();
        assert_eq!(names, ["total.2"]);
    }

    #[test]
    fn a_change_is_told_in_percent_where_there_was_something() {
        let was = figures(&[("dpc", 348), ("gone", 1), ("skew", 0)]);
        let is = figures(&[("dpc", 293), ("new", 2), ("skew", 29)]);
        let told: Vec<_> = compare(&was, &is).iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            [
                "dpc was 348 and is 293 (-15.8 %)",
                "gone was 1 and is absent",
                "skew was 0 and is 29",
                "new was absent and is 2"
            ]
        );
    }

    #[test]
    fn figures_that_come_and_go_are_changes() {
        let changes = compare(&figures(&[("gone", 1)]), &figures(&[("new", 2)]));
        assert_eq!(changes.len(), 2);
        assert!(changes.iter().all(Change::is_too_much));
    }
}
