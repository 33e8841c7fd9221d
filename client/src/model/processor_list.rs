//! Lists of processors as users write and read them: `0,3-5` by index, `1:0-3` by group and
//! number.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

use super::processor::AboutProcessor;
use super::{ProcessorId, sort};

/// One item of a list of processors.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Item {
    /// The group that the numbers belong to; without one they are the system's indices.
    group: Option<u16>,
    numbers: RangeInclusive<u32>,
}

/// What has the processors.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Owner {
    /// The machine that the client runs on.
    Machine,
    /// A snapshot that was saved, wherever that was.
    Snapshot,
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Machine => "this machine",
            Self::Snapshot => "the snapshot",
        })
    }
}

/// A list of processors names one that the machine or snapshot does not have.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("there is no processor {named}: {owner} has {existing}")]
pub struct UnknownProcessor {
    named: String,
    owner: Owner,
    existing: String,
}

/// Text that is no item of a list of processors.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub(crate) enum InvalidItem {
    #[error("`{0}` is no processor's number")]
    Number(String),
    #[error(
        "a number is missing: processors are given as 0,3-5 or by GROUP:NUMBER, all without -p"
    )]
    Missing,
    #[error("the range `{0}` lacks its first or its last number")]
    Open(String),
    #[error("without -p all processors are meant")]
    All,
    #[error("the range {0}-{1} runs backwards")]
    Backwards(u32, u32),
}

/// Keeps what is about the processors that the list names, or everything if the list is empty.
pub(crate) fn narrow(
    everything: &mut Vec<impl AboutProcessor>,
    list: &[Item],
    owner: Owner,
) -> Result<(), UnknownProcessor> {
    if list.is_empty() {
        return Ok(());
    }
    let ids: Vec<_> = everything.iter().map(AboutProcessor::id).collect();
    for item in list {
        item.check(&ids, owner)?;
    }
    keep(everything, list);
    Ok(())
}

/// Keeps what is about the processors that the list names, whether there are others in it or not.
pub(crate) fn keep(everything: &mut Vec<impl AboutProcessor>, list: &[Item]) {
    everything.retain(|one| list.iter().any(|item| item.contains(one.id())));
}

/// The shortest list that names exactly these processors by index.
pub(crate) fn list_of(indices: impl IntoIterator<Item = u32>) -> String {
    join(runs(None, indices))
}

/// Processors by index, neighbours put together, each run with its first.
pub(crate) fn runs_of(indices: impl IntoIterator<Item = u32>) -> Vec<(u32, String)> {
    runs(None, indices)
        .into_iter()
        .map(|run| (*run.numbers.start(), run.to_string()))
        .collect()
}

impl Item {
    fn contains(&self, id: ProcessorId) -> bool {
        self.number_of(id)
            .is_some_and(|number| self.numbers.contains(&number))
    }

    /// The number by which this item would name the processor.
    fn number_of(&self, id: ProcessorId) -> Option<u32> {
        match self.group {
            None => Some(id.index),
            Some(group) => (group == id.group).then(|| id.number.into()),
        }
    }

    /// Finds the first processor that this item names in vain.
    fn check(&self, ids: &[ProcessorId], owner: Owner) -> Result<(), UnknownProcessor> {
        let existing = sort::few(ids.iter().filter_map(|id| self.number_of(*id)));
        let missing = self
            .numbers
            .clone()
            .find(|number| existing.binary_search(number).is_err());
        let Some(number) = missing else {
            return Ok(());
        };
        let named = Self {
            group: self.group,
            numbers: number..=number,
        };
        Err(UnknownProcessor {
            named: named.to_string(),
            owner,
            existing: match self.group {
                None => list_of(existing),
                Some(_) => list_by_group(ids),
            },
        })
    }
}

fn list_by_group(ids: &[ProcessorId]) -> String {
    let groups = sort::few(ids.iter().map(|id| id.group));
    join(groups.into_iter().flat_map(|group| {
        let members = ids.iter().filter(|id| id.group == group);
        runs(Some(group), members.map(|id| id.number.into()))
    }))
}

/// Neighbours put together.
fn runs(group: Option<u16>, numbers: impl IntoIterator<Item = u32>) -> Vec<Item> {
    let mut runs: Vec<Item> = Vec::new();
    for number in sort::few(numbers) {
        match runs.last_mut() {
            Some(run) if run.numbers.end().checked_add(1) == Some(number) => {
                run.numbers = *run.numbers.start()..=number;
            }
            _ => runs.push(Item {
                group,
                numbers: number..=number,
            }),
        }
    }
    runs
}

fn join(items: impl IntoIterator<Item = Item>) -> String {
    let items: Vec<_> = items.into_iter().map(|item| item.to_string()).collect();
    items.join(",")
}

impl FromStr for Item {
    type Err = InvalidItem;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if ["all", "*"].contains(&text.trim().to_ascii_lowercase().as_str()) {
            return Err(InvalidItem::All);
        }
        let (group, numbers) = match text.split_once(':') {
            Some((group, numbers)) => (Some(number(group)?), numbers),
            None => (None, text),
        };
        let (first, last) = numbers.split_once('-').unwrap_or((numbers, numbers));
        let is_range = first.len() < numbers.len();
        if is_range && [first, last].iter().any(|end| end.trim().is_empty()) {
            return Err(InvalidItem::Open(text.to_owned()));
        }
        let (first, last) = (number(first)?, number(last)?);
        if first > last {
            return Err(InvalidItem::Backwards(first, last));
        }
        Ok(Self {
            group,
            numbers: first..=last,
        })
    }
}

fn number<N: FromStr>(text: &str) -> Result<N, InvalidItem> {
    let digits = text.trim();
    if digits.is_empty() {
        return Err(InvalidItem::Missing);
    }
    // `parse` alone would take a sign too.
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
    plain
        .then(|| digits.parse().ok())
        .flatten()
        .ok_or_else(|| InvalidItem::Number(text.to_owned()))
}

impl fmt::Display for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(group) = self.group {
            write!(f, "{group}:")?;
        }
        let (first, last) = (self.numbers.start(), self.numbers.end());
        write!(f, "{first}")?;
        if first != last {
            write!(f, "-{last}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
