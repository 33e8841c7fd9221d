//! The rows of a hex dump, and what between them is none.

use super::row::{Item, Kind, Row, Shape, kind};
use crate::model::FileError;

/// The lines of a dump.
pub(super) struct Rows<'a> {
    pub(super) items: Vec<Item<'a>>,
    /// The first line behind the last item.
    pub(super) behind: Option<usize>,
    /// How most rows are printed.
    pub(super) usual: Shape,
}

/// Whether a text has nothing but rows with offsets.
pub(super) fn are_all(text: &str) -> bool {
    let mut lines = text.lines().filter(|line| !line.trim().is_empty());
    let mut is_repeated = false;
    lines.all(|line| {
        let kind = kind(line, is_repeated, false);
        is_repeated = matches!(kind, Some(Kind::Repeated));
        kind.is_some_and(|kind| match kind {
            Kind::Row(row) => row.offset.is_some(),
            _ => true,
        })
    })
}

/// The rows of a text: those with offsets if there are some, otherwise those without, if there is
/// hardly anything else.
pub(super) fn of(text: &str) -> Result<Option<Rows<'_>>, FileError> {
    let mut items: Vec<Item> = Vec::new();
    let (mut lines, mut placed, mut rows) = (0_usize, 0_usize, 0_usize);
    // A line that is no row, behind the latest item.
    let mut foreign = None;
    let mut is_plain = false;
    for (number, line) in (1..).zip(text.lines()) {
        if line.trim().is_empty() {
            continue;
        }
        lines += 1;
        let is_repeated = items
            .last()
            .is_some_and(|item| matches!(item.kind, Kind::Repeated));
        let Some(kind) = kind(line, is_repeated && foreign.is_none(), is_plain) else {
            foreign = foreign.or(Some(number));
            continue;
        };
        if let Kind::Row(row) = &kind {
            rows += 1;
            placed += usize::from(row.offset.is_some());
            is_plain = row.is_plain();
        }
        items.push(Item {
            line: number,
            foreign: foreign.take(),
            kind,
        });
    }
    if 2 * placed <= rows && split_offsets(&mut items) {
        placed = rows;
    }
    let is_placed = 2 * placed > rows;
    let usual = usual(&items, is_placed);
    let mut all = Rows {
        items,
        behind: foreign,
        usual,
    };
    all.drop_cut(text);
    if is_placed {
        all.retain_placed();
        return Ok(Some(all));
    }
    if 10 * rows < 9 * lines {
        return Ok(None);
    }
    all.without_offsets()?;
    Ok(Some(all))
}

/// Where the first group of a row is as much larger than that before as a row has bytes behind it, it
/// is the offset: some are as wide as groups. Says whether that is so.
fn split_offsets(items: &mut [Item]) -> bool {
    let rows = || items.iter().filter_map(Item::row);
    let pairs = rows().zip(rows().skip(1));
    let is_step = |(one, next): &(&Row, &Row)| {
        let (one, next) = (one.first_group(), next.first_group());
        let step = one
            .zip(next)
            .and_then(|((start, length), (end, _))| Some(end.checked_sub(start)? == length as u64));
        step == Some(true)
    };
    let (pairs, steps) = pairs.fold((0, 0), |(pairs, steps), pair| {
        (pairs + 1, steps + usize::from(is_step(&pair)))
    });
    if steps == 0 || 2 * steps < pairs {
        return false;
    }
    for item in items {
        if let Kind::Row(row) = &mut item.kind {
            row.split_offset();
        }
    }
    true
}

/// The shape that more than half of the rows have, or one of those that many have.
fn usual(items: &[Item], is_placed: bool) -> Shape {
    let rows = items.iter().filter_map(Item::row);
    let shapes = rows
        .filter(|row| row.offset.is_some() == is_placed)
        .map(|row| row.shape);
    let (usual, _) = shapes.fold((Shape::default(), 0_usize), |(usual, count), shape| {
        if count == 0 {
            (shape, 1)
        } else if shape == usual {
            (usual, count + 1)
        } else {
            (usual, count - 1)
        }
    });
    usual
}

impl<'a> Rows<'a> {
    pub(super) fn rows(&self) -> impl Iterator<Item = &Row<'a>> {
        self.items.iter().filter_map(Item::row)
    }

    /// Takes rows for such without offsets.
    pub(super) fn forget_offsets(&mut self) {
        for item in &mut self.items {
            if let Kind::Row(row) = &mut item.kind {
                row.offset = None;
            }
        }
    }

    /// Drops what is left of a first row, with the asterisk behind it, where the text begins there, and
    /// of a last one where the text ends there.
    fn drop_cut(&mut self, text: &str) {
        let usual = self.usual;
        let is_cut = |item: &Item| {
            let row = item.row();
            row.is_some_and(|row| !row.shape.is_beside(usual) || row.length() < usual.length)
        };
        if self
            .items
            .first()
            .is_some_and(|item| item.line == 1 && is_cut(item))
        {
            self.items.remove(0);
            if self
                .items
                .first()
                .is_some_and(|item| matches!(item.kind, Kind::Repeated))
            {
                self.items.remove(0);
            }
        }
        let is_cut = match self.items.last().map(|item| &item.kind) {
            Some(Kind::Row(row)) => !row.shape.is_beside(usual),
            Some(Kind::End(offset)) => offset.digits != usual.digits,
            _ => false,
        };
        if is_cut && self.behind.is_none() && !text.ends_with(['\n', '\r']) {
            self.items.pop();
        }
    }

    /// Makes lines that are no item of rows without an offset.
    fn retain_placed(&mut self) {
        let mut foreign = None;
        self.items.retain_mut(|item| {
            foreign = foreign.or(item.foreign);
            let is_kept = item.row().is_none_or(|row| row.offset.is_some());
            if is_kept {
                item.foreign = foreign.take();
            } else {
                foreign = foreign.or(Some(item.line));
            }
            is_kept
        });
        self.behind = foreign.or(self.behind);
    }

    /// Takes rows for such without offsets that have to follow one another.
    fn without_offsets(&mut self) -> Result<(), FileError> {
        self.forget_offsets();
        self.usual.digits = 0;
        let foreign = self.items.iter().enumerate().find_map(|(at, item)| {
            // What an asterisk stands for is not known.
            let itself = item.row().is_none().then_some(item.line);
            item.foreign.filter(|_| at > 0).or(itself)
        });
        foreign.map_or(Ok(()), |line| Err(FileError::ForeignLine { line }))
    }
}
