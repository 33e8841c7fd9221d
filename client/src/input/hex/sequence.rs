//! Whether rows with offsets follow one another as a tool prints them: where they do not, a line was
//! lost, broken or changed, and what it had is not known.

use std::collections::BTreeMap;

use amd_svm::vmcb::VMCB_SIZE;

use super::Order;
use super::row::{Item, Kind, Offset, Row};
use super::rows::Rows;
use crate::model::{FileError, sort};

/// The radices of offsets, the most likely first.
const RADICES: [u64; 3] = [16, 8, 10];

/// How offsets are read.
pub(super) enum Offsets {
    /// As numbers in a radix.
    InRadix(u64),
    /// Not at all: none of them is where another row ends.
    Unrelated,
}

/// In which radix the offsets of neighbours are as far apart as the row is long.
pub(super) fn offsets(rows: &Rows) -> Offsets {
    let votes = RADICES.map(|radix| (votes(rows, radix), radix));
    let most = votes.iter().map(|(votes, _)| *votes).max().unwrap_or(0);
    let best = votes.iter().find(|(votes, _)| *votes == most);
    match best {
        Some((votes, radix))
            if (*votes > 0 || has_asterisk(rows)) && !are_unrelated(rows, *radix) =>
        {
            Offsets::InRadix(*radix)
        }
        _ => Offsets::Unrelated,
    }
}

fn votes(rows: &Rows, radix: u64) -> usize {
    let is_step = |pair: &&[Item]| match pair {
        [
            Item {
                kind: Kind::Row(one),
                ..
            },
            Item {
                kind: Kind::Row(next),
                ..
            },
        ] => one.end(radix).is_some() && one.end(radix) == next.start(radix),
        [
            _,
            Item {
                kind: Kind::End(offset),
                ..
            },
        ] => offset
            .value(radix)
            .is_some_and(|end| end.is_multiple_of(VMCB_SIZE as u64)),
        _ => false,
    };
    rows.items.windows(2).filter(is_step).count()
}

/// Whether hardly any row ends where another begins.
fn are_unrelated(rows: &Rows, radix: u64) -> bool {
    let placed = || rows.items.iter().filter_map(Item::row);
    let starts = sort::distinct(placed().filter_map(|row| row.start(radix)));
    let ends = placed().filter_map(|row| row.end(radix));
    let related = ends.filter(|end| starts.binary_search(end).is_ok()).count();
    !has_asterisk(rows) && 10 * related < placed().count()
}

fn has_asterisk(rows: &Rows) -> bool {
    rows.items.iter().any(|item| item.row().is_none())
}

/// Refuses rows of several pages that are mixed: an offset that says nothing stands for one place in a
/// page nevertheless.
pub(super) fn check_unrelated(rows: &Rows) -> Result<(), FileError> {
    let mut places = BTreeMap::new();
    let mut length = 0;
    for item in &rows.items {
        let Some((row, offset)) = item.row().and_then(|row| Some((row, row.start(16)?))) else {
            continue;
        };
        let place = length % VMCB_SIZE;
        if *places.entry(offset).or_insert(place) != place {
            return Err(FileError::MixedDumps { line: item.line });
        }
        length += row.length();
    }
    Ok(())
}

/// Refuses rows that do not follow one another.
pub(super) fn check(rows: &Rows, radix: u64, ends_in_line: bool) -> Result<(), FileError> {
    let mut sequence = Sequence {
        rows,
        radix,
        latest: None,
        is_repeated: false,
    };
    for (at, item) in rows.items.iter().enumerate() {
        match &item.kind {
            Kind::Repeated => sequence.repeated(item)?,
            Kind::End(offset) => sequence.end(item, *offset)?,
            Kind::Row(row) => sequence.row(item, row, rows.items.get(at + 1))?,
        }
    }
    sequence.finish(ends_in_line)
}

/// How far the rows were looked at.
struct Sequence<'a> {
    rows: &'a Rows<'a>,
    radix: u64,
    /// The latest row, its line, and the offset behind it.
    latest: Option<(&'a Row<'a>, usize, u64)>,
    /// Whether an asterisk stands behind it.
    is_repeated: bool,
}

const fn broken<T>(line: usize) -> Result<T, FileError> {
    Err(FileError::BrokenRow { line })
}

fn is_boundary(offset: u64) -> bool {
    offset.is_multiple_of(VMCB_SIZE as u64)
}

impl<'a> Sequence<'a> {
    /// An asterisk stands right behind a whole row.
    fn repeated(&mut self, item: &Item) -> Result<(), FileError> {
        if let Some((row, line, _)) = self.latest {
            nothing_foreign(item.foreign)?;
            if row.length() != self.rows.usual.length || self.is_repeated {
                return broken(line);
            }
        }
        self.is_repeated = true;
        Ok(())
    }

    /// Behind an asterisk, an offset stands where whole rows end.
    fn reach(&self, item: &Item, at: u64) -> Result<(), FileError> {
        nothing_foreign(item.foreign)?;
        match self.latest {
            Some((_, _, end)) if at <= end => Err(FileError::MixedDumps { line: item.line }),
            Some((row, _, end)) if !(at - end).is_multiple_of(row.length() as u64) => {
                broken(item.line)
            }
            _ => Ok(()),
        }
    }

    fn end(&mut self, item: &Item, offset: Offset) -> Result<(), FileError> {
        let at = offset.value(self.radix);
        let Some(at) = at.filter(|_| offset.digits == self.rows.usual.digits) else {
            return broken(item.line);
        };
        // A page that has but its beginning is not made of repeated rows alone.
        let is_page = is_boundary(at) || at < VMCB_SIZE as u64;
        let page = |at: u64| at.div_ceil(VMCB_SIZE as u64);
        if !is_page && self.latest.is_some_and(|(.., end)| page(end) != page(at)) {
            return broken(item.line);
        }
        if let Some((row, line, _)) = self.latest {
            self.reach(item, at)?;
            self.latest = Some((row, line, at));
        }
        self.is_repeated = false;
        Ok(())
    }

    fn row(&mut self, item: &Item, row: &'a Row, next: Option<&Item>) -> Result<(), FileError> {
        let usual = self.rows.usual;
        let Some((at, end)) = row.start(self.radix).zip(row.end(self.radix)) else {
            return broken(item.line);
        };
        if row.length() < usual.length && row.is_broken_off() {
            return broken(item.line);
        }
        match self.latest {
            None => {}
            Some((latest, line, _)) if self.is_repeated => {
                self.reach(item, at)?;
                if !row.shape.is_beside(latest.shape) {
                    return broken(self.odd(row, item.line, line));
                }
                let is_last = next.is_none_or(|next| !next.continues(end, self.radix));
                let is_same = row.bytes(Order::Memory) == latest.bytes(Order::Memory);
                if is_same && !is_last {
                    return Err(FileError::LostRows { line: item.line });
                }
            }
            Some((latest, line, before))
                if at == before && row.shape.group != latest.shape.group =>
            {
                return broken(self.odd(row, item.line, line));
            }
            Some((_, _, before)) if at == before => {}
            Some(latest) => self.jump(item, row, at, latest)?,
        }
        self.latest = Some((row, item.line, end));
        self.is_repeated = false;
        Ok(())
    }

    /// A row that does not begin where the latest one ends: rows between them are missing, or it is of
    /// another page or dump.
    fn jump(
        &self,
        item: &Item,
        row: &Row,
        at: u64,
        (latest, line, before): (&Row, usize, u64),
    ) -> Result<(), FileError> {
        let page = VMCB_SIZE as u64;
        let is_short = latest.length() != self.rows.usual.length;
        if !is_boundary(before) && (is_short || latest.is_joined()) {
            return broken(line);
        }
        if is_boundary(at) {
            return Ok(());
        }
        if !row.shape.is_beside(latest.shape) {
            return broken(self.odd(row, item.line, line));
        }
        if at > before && at / page == (before - 1) / page {
            return nothing_foreign(item.foreign);
        }
        Err(FileError::MixedDumps { line: item.line })
    }

    /// The line of the one of two neighbours that is not printed as most are.
    fn odd(&self, row: &Row, line: usize, before: usize) -> usize {
        if row.shape.is_beside(self.rows.usual) {
            before
        } else {
            line
        }
    }

    fn finish(&self, ends_in_line: bool) -> Result<(), FileError> {
        if self.is_repeated && self.latest.is_some() {
            return nothing_foreign(self.rows.behind);
        }
        match self.latest {
            // The text may be cut in a last line that has no end.
            Some((row, line, end)) if !is_boundary(end) && ends_in_line => {
                let is_whole = row.length() == self.rows.usual.length;
                if !row.shape.is_beside(self.rows.usual) || !is_whole && row.is_joined() {
                    return broken(line);
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

impl Item<'_> {
    /// Whether the dump goes on with it behind a row that ends at an offset.
    fn continues(&self, end: u64, radix: u64) -> bool {
        match &self.kind {
            Kind::Row(row) => row.start(radix).is_some_and(|start| start >= end),
            _ => true,
        }
    }
}

/// A line that is no row stands for something that is not known.
fn nothing_foreign(line: Option<usize>) -> Result<(), FileError> {
    match line {
        Some(line) => Err(FileError::ForeignRow { line }),
        None => Ok(()),
    }
}
