//! Pages in hexadecimal: xxd, hexdump, od, the kernel's `print_hex_dump`, debuggers, or plain digits.

mod rows;

use std::cmp::Ordering;
use std::collections::BTreeMap;

use amd_svm::vmcb::VMCB_SIZE;

use self::rows::{Item, Row};
use super::pages;
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
    rows::are_all(text)
}

/// Reads the pages of a hex dump; none if the text is none.
pub(super) fn read(text: &str) -> Result<Option<Snapshot>, FileError> {
    let Some(items) = rows::of(text)?.filter(|items| is_dump(items)) else {
        return Ok(None);
    };
    check_bare(&items)?;
    let most = 4 + text.len() / 128;
    let likely = likely_order(&items);
    let other = match likely {
        Order::Memory => Order::Number,
        Order::Number => Order::Memory,
    };
    let first = assemble(&items, likely, most)?;
    let objection = match layouts(&first) {
        Ok(layouts) => return Ok(Some(snapshot(first, &layouts))),
        Err(objection) => objection,
    };
    if items.iter().any(Item::has_groups) {
        let second = assemble(&items, other, most)?;
        if let Ok(layouts) = layouts(&second) {
            return Ok(Some(snapshot(second, &layouts)));
        }
    }
    Err(objection)
}

/// Whether there is enough of it to be no accident.
fn is_dump(items: &[Item]) -> bool {
    let rows = items.iter().filter_map(Item::row);
    let bytes: usize = rows.clone().map(|row| row.length).sum();
    let placed = rows.clone().filter(|row| row.offset.is_some());
    if placed.clone().count() >= FEWEST_ROWS {
        return placed.map(|row| row.length).sum::<usize>() >= FEWEST_BYTES;
    }
    bytes >= FEWEST_BARE_BYTES
}

/// Rows without offsets make up whole pages, and each has the same length but for the last of a page.
fn check_bare(items: &[Item]) -> Result<(), FileError> {
    let mut length = 0;
    let mut first = None;
    for row in items.iter().filter_map(Item::row) {
        if row.offset.is_some() {
            return Ok(());
        }
        length += row.length;
        let is_odd = *first.get_or_insert(row.length) != row.length;
        if is_odd && !length.is_multiple_of(VMCB_SIZE) {
            return Err(FileError::MixedDumps { line: row.line });
        }
    }
    if !length.is_multiple_of(VMCB_SIZE) {
        return Err(FileError::PartialDump { length });
    }
    Ok(())
}

/// What the letters beside the rows say of the order. Where they say nothing, it is that of numbers, but
/// for xxd.
fn likely_order(items: &[Item]) -> Order {
    let votes = |order| {
        let rows = items.iter().filter_map(Item::row);
        rows.map(|row| row.agreeing(order)).sum::<usize>()
    };
    let mut rows = items.iter().filter_map(Item::row);
    match votes(Order::Memory).cmp(&votes(Order::Number)) {
        Ordering::Greater => Order::Memory,
        Ordering::Equal if rows.all(|row| row.is_xxd) => Order::Memory,
        _ => Order::Number,
    }
}

/// The pages of the rows, in the order of the dumps and of their addresses.
fn assemble(items: &[Item], order: Order, most: usize) -> Result<Vec<Page>, FileError> {
    let is_octal = rows::are_octal(items);
    let mut set = PageSet::new(most);
    let mut next = None;
    let mut latest: Option<&Row> = None;
    let mut is_repeated = false;
    for item in items {
        let offset = match item {
            Item::Row(row) => row.offset.map(|offset| offset.value(is_octal)),
            Item::Repeated => {
                is_repeated = true;
                continue;
            }
            Item::End(offset) => Some(offset.value(is_octal)),
        };
        let mut at = offset.or(next).unwrap_or(0);
        if let (true, Some(row), Some(start)) = (is_repeated, latest, next) {
            set.repeat(row, order, start..at)?;
        }
        is_repeated = false;
        if let Item::Row(row) = item {
            set.begin(row, at)?;
            set.put(at, row.bytes(order).as_slice())?;
            at += row.length as u64;
            latest = Some(row);
        }
        next = Some(at);
    }
    Ok(set.into_pages())
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
    fn begin(&mut self, row: &Row, at: u64) -> Result<(), FileError> {
        /// Offsets from here on are addresses: the same one is the same memory.
        const LOWEST_ADDRESS: u64 = 0x1_0000;
        let (address, within) = place(at);
        let end = (within + row.length).min(VMCB_SIZE);
        let is_again = |part: &Part| {
            let mut known = part.page.runs();
            let is_known = known.any(|(run, _)| run.start < end && within < run.end);
            within < part.next && (is_known || at < LOWEST_ADDRESS)
        };
        if self.pages.get(&(self.dump, address)).is_some_and(is_again) {
            self.end_dump();
        }
        match self.open.get(&address) {
            Some(open) if within >= *open => Err(FileError::MixedDumps { line: row.line }),
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

/// What each page is.
fn layouts(pages: &[Page]) -> Result<Vec<Layout>, FileError> {
    let judged = (0..).zip(pages).map(|(index, page)| {
        pages::layout(&page.filled()).map_err(|reason| FileError::NoVmcb {
            page: index,
            reason,
        })
    });
    judged.collect()
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
