//! Pages in hexadecimal: xxd, hexdump, od, the kernel's `print_hex_dump`, debuggers, or plain digits.

mod rows;

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

/// Reads the pages of a hex dump; none if the text is none.
pub(super) fn read(text: &str) -> Result<Option<Snapshot>, FileError> {
    let Some(items) = rows::of(text).filter(|items| is_dump(items)) else {
        return Ok(None);
    };
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

/// What the letters beside the rows say of the order; without letters, that of numbers.
fn likely_order(items: &[Item]) -> Order {
    let votes = |order| {
        let rows = items.iter().filter_map(Item::row);
        rows.map(|row| row.agreeing(order)).sum::<usize>()
    };
    if votes(Order::Memory) > votes(Order::Number) {
        Order::Memory
    } else {
        Order::Number
    }
}

/// The pages of the rows, in the order of the dumps and of their addresses.
fn assemble(items: &[Item], order: Order, most: usize) -> Result<Vec<Page>, FileError> {
    let is_octal = rows::are_octal(items);
    let mut pages: BTreeMap<(usize, u64), Page> = BTreeMap::new();
    let (mut dump, mut base, mut next) = (0, 0, None);
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
        match next {
            None => base = at & !(VMCB_SIZE as u64 - 1),
            Some(next) if at < next => {
                // It begins anew.
                dump += 1;
                base = at & !(VMCB_SIZE as u64 - 1);
            }
            Some(start) if is_repeated => {
                if let Some(row) = latest {
                    repeat(&mut pages, row, order, (dump, base), start..at, most)?;
                }
            }
            Some(_) => {}
        }
        is_repeated = false;
        if let Item::Row(row) = item {
            put(&mut pages, (dump, base), at, row.bytes(order).as_slice());
            at += row.length as u64;
            latest = Some(row);
        }
        next = Some(at);
        if pages.len() > most {
            return Err(FileError::TooManyDumps);
        }
    }
    Ok(pages.into_values().collect())
}

/// Puts rows that were printed as an asterisk.
fn repeat(
    pages: &mut BTreeMap<(usize, u64), Page>,
    row: &Row,
    order: Order,
    (dump, base): (usize, u64),
    mut range: std::ops::Range<u64>,
    most: usize,
) -> Result<(), FileError> {
    let bytes = row.bytes(order);
    if bytes.is_empty() || (range.end - range.start) / VMCB_SIZE as u64 > most as u64 {
        return Err(FileError::TooManyDumps);
    }
    // A page at once is faster than a row at once.
    let many = bytes.repeat(VMCB_SIZE.div_ceil(bytes.len()));
    while range.start < range.end {
        let length = (range.end - range.start).min(many.len() as u64);
        let part = usize::try_from(length).unwrap_or(many.len());
        put(pages, (dump, base), range.start, &many[..part]);
        range.start += length;
        if pages.len() > most {
            return Err(FileError::TooManyDumps);
        }
    }
    Ok(())
}

fn put(
    pages: &mut BTreeMap<(usize, u64), Page>,
    (dump, base): (usize, u64),
    at: u64,
    bytes: &[u8],
) {
    let size = VMCB_SIZE as u64;
    let mut at = at.saturating_sub(base);
    let mut rest = bytes;
    while !rest.is_empty() {
        let within = usize::try_from(at % size).unwrap_or(0);
        let (now, later) = rest.split_at(rest.len().min(VMCB_SIZE - within));
        let page = pages.entry((dump, at / size));
        let page = page.or_insert_with(|| Page::new(Layout::Vmcb));
        page.put(within, now);
        at += now.len() as u64;
        rest = later;
    }
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
