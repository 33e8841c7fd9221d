//! Pages in hexadecimal: xxd, hexdump, od, the kernel's `print_hex_dump`, debuggers, or plain digits.

mod row;
mod rows;
mod sequence;

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::BTreeMap;

use amd_svm::vmcb::VMCB_SIZE;

pub(super) use self::row::MOST_WORDS;
use self::row::{Kind, Row};
use self::rows::Rows;
use self::sequence::Offsets;
use super::{Reading, pages};
use crate::model::{
    Capture, FileError, Format, Layout, Page, Pages, ProcessorId, ProcessorSnapshot, Snapshot,
};

/// Rows and bytes that a dump with offsets has at least.
const FEWEST_ROWS: usize = 4;
const FEWEST_BYTES: usize = 64;

/// Bytes that a dump without offsets has at least.
const FEWEST_BARE_BYTES: usize = 128;

/// In which order the bytes of a group are printed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Order {
    /// As they lie in memory: xxd.
    Memory,
    /// As a number: hexdump, `print_hex_dump`, debuggers.
    Number,
}

/// Whether a text has nothing but rows of a hex dump: whatever the letters beside them spell, it is one.
pub(super) fn is_all(text: &str) -> bool {
    rows::are_all(&without_backticks(text))
}

/// Reads the pages of a hex dump; none if the text is none.
pub(super) fn read(text: &str) -> Result<Option<Reading>, FileError> {
    let text = without_backticks(text);
    let Some(mut rows) = rows::of(&text)?.filter(is_dump) else {
        return Ok(None);
    };
    let mut notes = Vec::new();
    let mut radix = 16;
    if is_binary(&rows) {
        return Err(FileError::Unrecognised(BINARY));
    }
    if rows.usual.digits > 0 {
        match sequence::offsets(&rows) {
            Offsets::InRadix(found) => {
                radix = found;
                sequence::check(&rows, radix, text.ends_with(['\n', '\r']))?;
            }
            Offsets::Unrelated => {
                let length = length(&rows);
                if length < VMCB_SIZE / 2 {
                    return Ok(None);
                }
                let is_even = rows.rows().all(|row| row.shape.is_beside(rows.usual));
                if !is_even || !length.is_multiple_of(VMCB_SIZE) {
                    return Err(FileError::UnrelatedRows { length });
                }
                sequence::check_unrelated(&rows)?;
                rows.forget_offsets();
                notes.push(IN_TURN.to_owned());
            }
        }
    }
    check_bare(&rows)?;
    let shift = shift(&rows, radix);
    if shift > 0 {
        notes.push(IN_TURN.to_owned());
    }
    let placement = Placement {
        rows: &rows,
        radix,
        shift,
        most: 4 + text.len() / 256,
    };
    let (snapshot, note) = placement.in_likely_order()?;
    notes.extend(note);
    Ok(Some(Reading { snapshot, notes }))
}

/// What is said of rows whose offsets do not tell where they belong.
const IN_TURN: &str = "the offsets of the hex dump do not say where in a page its rows belong: they were \
                       taken one behind the other, from a page's beginning";

/// What `xxd -b` prints.
const BINARY: &str = "bytes in binary digits, as `xxd -b` prints them: take plain `xxd`";

/// Windows' debuggers have a backtick in the middle of a number.
fn without_backticks(text: &str) -> Cow<'_, str> {
    let bytes = text.as_bytes();
    let is_digit = |at: Option<usize>| {
        at.and_then(|at| bytes.get(at))
            .is_some_and(u8::is_ascii_hexdigit)
    };
    let mut ticks = text.match_indices('`').peekable();
    if ticks.peek().is_none() {
        return text.into();
    }
    let mut plain = String::with_capacity(text.len());
    let mut start = 0;
    for (at, _) in ticks {
        if is_digit(at.checked_sub(1)) && is_digit(Some(at + 1)) {
            plain.push_str(&text[start..at]);
            start = at + 1;
        }
    }
    plain.push_str(&text[start..]);
    plain.into()
}

/// Whether there is enough of it to be no accident, and most rows are of one length: those of a
/// disassembly are not.
fn is_dump(rows: &Rows) -> bool {
    let (count, usual) = rows.rows().fold((0, 0), |(count, usual), row| {
        (
            count + 1,
            usual + usize::from(row.length() == rows.usual.length),
        )
    });
    if rows.usual.digits > 0 {
        // A page with hardly anything in it is few rows, and asterisks for the others.
        let is_enough = count >= FEWEST_ROWS && length(rows) >= FEWEST_BYTES;
        return (is_enough || has_repeated(rows)) && 2 * usual >= count;
    }
    length(rows) >= FEWEST_BARE_BYTES
}

/// Whether an asterisk stands for rows, with an offset behind it that says how many.
fn has_repeated(rows: &Rows) -> bool {
    let last = rows.items.len().saturating_sub(1);
    let mut items = rows.items.iter().take(last);
    items.any(|item| matches!(item.kind, Kind::Repeated))
}

/// Bytes in all rows.
fn length(rows: &Rows) -> usize {
    rows.rows().map(Row::length).sum()
}

/// Whether each group of eight digits is a byte.
fn is_binary(rows: &Rows) -> bool {
    let mut pairs = rows.rows().zip(rows.rows().skip(1));
    let is_step = |(one, next): (&Row, &Row)| {
        let step = next.start(16).zip(one.start(16));
        let step = step.and_then(|(next, one)| next.checked_sub(one));
        step == Some(one.length() as u64 / 4)
    };
    rows.rows().all(Row::is_binary) && pairs.any(is_step)
}

/// Rows without offsets make up whole pages, and each has the same length but for the last of a page.
fn check_bare(rows: &Rows) -> Result<(), FileError> {
    let mut length = 0;
    for item in &rows.items {
        let Some(row) = item.row() else {
            continue;
        };
        if row.offset.is_some() {
            return Ok(());
        }
        length += row.length();
        let is_odd = row.length() != rows.usual.length;
        if is_odd && !length.is_multiple_of(VMCB_SIZE) {
            return Err(FileError::MixedDumps { line: item.line });
        }
    }
    if !length.is_multiple_of(VMCB_SIZE) {
        return Err(FileError::PartialDump { length });
    }
    Ok(())
}

/// How far from a page's beginning whole pages begin, if it is one run of rows that they are in.
fn shift(rows: &Rows, radix: u64) -> u64 {
    let mut run = rows
        .rows()
        .filter_map(|row| row.start(radix).zip(row.end(radix)));
    let Some((first, mut end)) = run.next() else {
        return 0;
    };
    let mut is_one = rows.items.iter().all(|item| item.row().is_some());
    for (start, behind) in run {
        is_one &= start == end;
        end = behind;
    }
    if is_one && (end - first).is_multiple_of(VMCB_SIZE as u64) {
        first % VMCB_SIZE as u64
    } else {
        0
    }
}

/// Rows that pages are made of, and what decides where in them each is.
struct Placement<'a> {
    rows: &'a Rows<'a>,
    radix: u64,
    /// What offsets are too large by.
    shift: u64,
    /// More pages than these are not made of so short a text.
    most: usize,
}

impl Placement<'_> {
    /// The pages in the order that the letters beside the rows tell, or else in which they look most
    /// like what they are, and a note if that is a guess.
    fn in_likely_order(&self) -> Result<(Snapshot, Option<String>), FileError> {
        let (likely, is_told) = self.likely_order();
        let other = match likely {
            Order::Memory => Order::Number,
            Order::Number => Order::Memory,
        };
        let first = self.pages(likely)?;
        let judged = judge(&first);
        if is_told || self.rows.rows().all(|row| row.shape.group == 1) {
            return Ok((snapshot(first, &judged?.0), None));
        }
        let second = self.pages(other)?;
        let (strange, also) = match (&judged, judge(&second)) {
            (Err(_), Ok((layouts, _))) => return Ok((snapshot(second, &layouts), None)),
            (Ok((_, strange)), Ok(also)) => (*strange, also),
            _ => return Ok((snapshot(first, &judged?.0), None)),
        };
        let (layouts, less) = also;
        if less < strange {
            return Ok((snapshot(second, &layouts), None));
        }
        let note = (less == strange && first != second).then(|| {
            let taken = match likely {
                Order::Memory => "as they lie in memory, as xxd prints them",
                Order::Number => "as numbers, the lowest byte last",
            };
            format!("nothing says in which order the bytes of a group are: they were taken {taken}")
        });
        Ok((snapshot(first, &judged?.0), note))
    }

    /// What the letters beside the rows say of the order, and whether they do: nearly all of them have
    /// to agree with it. Where they say nothing, it is that of numbers, but for xxd.
    fn likely_order(&self) -> (Order, bool) {
        let votes = |order| {
            let rows = self.rows.rows().map(|row| row.agreeing(order));
            rows.fold((0, 0), |(agreeing, all), (one, letters)| {
                (agreeing + one, all + letters)
            })
        };
        let is_xxd = || {
            let (xxd, others): (Vec<_>, Vec<_>) = self.rows.rows().partition(|row| row.is_xxd());
            xxd.len() > others.len()
        };
        let ((memory, all), (number, _)) = (votes(Order::Memory), votes(Order::Number));
        let are_most = |agreeing: usize| 10 * agreeing >= 9 * all;
        match memory.cmp(&number) {
            Ordering::Greater => (Order::Memory, are_most(memory)),
            Ordering::Less => (Order::Number, are_most(number)),
            Ordering::Equal if is_xxd() => (Order::Memory, true),
            Ordering::Equal => (Order::Number, false),
        }
    }

    /// The pages of the rows, in the order of the dumps and of their addresses.
    fn pages(&self, order: Order) -> Result<Vec<Page>, FileError> {
        let mut set = PageSet::new(self.most);
        let mut next = None;
        let mut latest: Option<&Row> = None;
        let mut is_repeated = false;
        for item in &self.rows.items {
            let offset = match &item.kind {
                Kind::Row(row) => row.offset,
                Kind::Repeated => {
                    is_repeated = true;
                    continue;
                }
                Kind::End(offset) => Some(*offset),
            };
            let offset =
                offset.and_then(|offset| offset.value(self.radix)?.checked_sub(self.shift));
            let mut at = offset.or(next).unwrap_or(0);
            if let (true, Some(row), Some(start)) = (is_repeated, latest, next) {
                set.repeat(row, order, start..at)?;
            }
            is_repeated = false;
            if let Kind::Row(row) = &item.kind {
                set.begin(item.line, row, at)?;
                set.put(at, row.bytes(order).as_slice())?;
                at += row.length() as u64;
                latest = Some(row);
            }
            next = Some(at);
        }
        Ok(set.into_pages())
    }
}

/// Pages that are put together from rows.
struct PageSet {
    /// More pages than these are not made of so short a text.
    most: usize,
    /// The dump whose rows are read, from 0: another begins where an offset comes again.
    dump: usize,
    /// By dump and address, in pages.
    pages: BTreeMap<(usize, u64), Part>,
    /// The offsets that earlier dumps of a page stopped at before its end.
    open: BTreeMap<u64, usize>,
}

/// A page, and the offset behind its latest row.
struct Part {
    page: Page,
    next: usize,
}

impl PageSet {
    const fn new(most: usize) -> Self {
        Self {
            most,
            dump: 0,
            pages: BTreeMap::new(),
            open: BTreeMap::new(),
        }
    }

    /// Sees which dump a row is of.
    fn begin(&mut self, line: usize, row: &Row, at: u64) -> Result<(), FileError> {
        /// Offsets from here on are addresses: the same one is the same memory.
        const LOWEST_ADDRESS: u64 = 0x1_0000;
        let (address, within) = place(at);
        let end = (within + row.length()).min(VMCB_SIZE);
        let is_again = |part: &Part| {
            let mut known = part.page.runs();
            let is_known = known.any(|(run, _)| run.start < end && within < run.end);
            within < part.next && (is_known || at < LOWEST_ADDRESS)
        };
        if self.pages.get(&(self.dump, address)).is_some_and(is_again) {
            self.end_dump();
        }
        match self.open.get(&address) {
            Some(open) if within >= *open => Err(FileError::MixedDumps { line }),
            _ => Ok(()),
        }
    }

    /// What follows is of another dump.
    fn end_dump(&mut self) {
        for ((_, address), part) in self.pages.range((self.dump, 0)..) {
            if part.next < VMCB_SIZE {
                let open = self.open.entry(*address).or_insert(part.next);
                *open = part.next.min(*open);
            }
        }
        self.dump += 1;
    }

    /// Puts rows that were printed as an asterisk.
    fn repeat(
        &mut self,
        row: &Row,
        order: Order,
        mut range: std::ops::Range<u64>,
    ) -> Result<(), FileError> {
        let bytes = row.bytes(order);
        let length = range.end.saturating_sub(range.start);
        if bytes.is_empty() || length / VMCB_SIZE as u64 > self.most as u64 {
            return Err(FileError::TooManyDumps);
        }
        // A page at once is faster than a row at once.
        let many = bytes.repeat(VMCB_SIZE.div_ceil(bytes.len()));
        while range.start < range.end {
            let length = (range.end - range.start).min(many.len() as u64);
            let part = usize::try_from(length).unwrap_or(many.len());
            self.put(range.start, &many[..part])?;
            range.start += length;
        }
        Ok(())
    }

    fn put(&mut self, mut at: u64, bytes: &[u8]) -> Result<(), FileError> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let (address, within) = place(at);
            let (now, later) = rest.split_at(rest.len().min(VMCB_SIZE - within));
            let part = self.pages.entry((self.dump, address));
            let part = part.or_insert_with(|| Part {
                page: Page::new(Layout::Vmcb),
                next: 0,
            });
            part.page.put(within, now);
            part.next = within + now.len();
            at += now.len() as u64;
            rest = later;
            if self.pages.len() > self.most {
                return Err(FileError::TooManyDumps);
            }
        }
        Ok(())
    }

    fn into_pages(self) -> Vec<Page> {
        self.pages.into_values().map(|part| part.page).collect()
    }
}

/// The page of an address, and the offset in it.
fn place(at: u64) -> (u64, usize) {
    let size = VMCB_SIZE as u64;
    (at / size, usize::try_from(at % size).unwrap_or(0))
}

/// What each page is, and how much of what is reserved is set in all of them.
fn judge(pages: &[Page]) -> Result<(Vec<Layout>, usize), FileError> {
    let mut strange = 0;
    let judged = (0..).zip(pages).map(|(index, page)| {
        let page = page.filled();
        let layout = pages::layout(&page).map_err(|reason| FileError::NoVmcb {
            page: index,
            reason,
        })?;
        strange += pages::strangeness(&page, layout);
        Ok(layout)
    });
    let layouts = judged.collect::<Result<_, FileError>>()?;
    Ok((layouts, strange))
}

fn snapshot(pages: Vec<Page>, layouts: &[Layout]) -> Snapshot {
    let processors = (0..).zip(pages).zip(layouts);
    let processors = processors.map(|((index, page), layout): ((u32, Page), _)| {
        let mut pages = Pages::new(Format::Hex);
        match layout {
            Layout::Vmcb => pages.vmcb = Some(page),
            Layout::Vmsa => pages.vmsa = Some(page.with_layout(Layout::Vmsa)),
        }
        ProcessorSnapshot {
            id: ProcessorId::in_full_groups(index),
            result: Ok(Capture::of_pages(pages)),
        }
    });
    Snapshot {
        processors: processors.collect(),
        ..Snapshot::default()
    }
}
