//! What hypervisors print of a guest's state for people, in logs and monitors.
//!
//! A dump is read only as a whole: each tool prints its words in one order, so lines that are out of
//! order are of another dump. Where nothing says which, the text is refused.

mod kvm;
mod lines;
mod order;
mod qemu;
mod xen;

use amd_svm::vmcb::fields::{self, Field};

use self::lines::{Number, Value};
use super::Reading;
use crate::model::{
    Capture, FileError, Format, Layout, Page, Pages, ProcessorId, ProcessorSnapshot, Snapshot, sort,
};

/// More processors than any guest has.
const MOST_DUMPS: usize = 16384;

/// A processor's number that is believed.
const LARGEST_NUMBER: u32 = 4096;

/// Fields that a text has to have if no heading says what it is.
const FEWEST_FIELDS: usize = 4;

/// Reads the dumps in a text by the format that serves best, with a note on each other; none if there
/// are none.
pub(super) fn read(text: &str, formats: &[Format]) -> Result<Option<Reading>, FileError> {
    let mut best: Option<Found> = None;
    let mut notes = Vec::new();
    for format in formats {
        let found = match format {
            Format::Kvm => kvm::read(text),
            Format::Xen => xen::read(text),
            _ => qemu::read(text),
        };
        if !found.is_dump() {
            continue;
        }
        let other = match best.take() {
            Some(known) if known.worth() >= found.worth() => {
                best = Some(known);
                Some(found.source)
            }
            known => {
                best = Some(found);
                known.map(|known| known.source)
            }
        };
        notes.extend(other.map(Reading::note_on));
    }
    let Some(best) = best else {
        return Ok(None);
    };
    let (snapshot, note) = best.into_snapshot()?;
    notes.extend(note);
    Ok(Some(Reading { snapshot, notes }))
}

/// What was found in a text.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact by itself, and they occur in any combination"
)]
struct Found {
    source: Format,
    /// The places of the first word that is no heading, and of the last one that each version of
    /// the tool prints.
    ends: [usize; 2],
    /// The place of the last word of a dump of an encrypted guest whose save area is not printed.
    early_end: Option<usize>,
    /// Whether a dump ended there.
    is_early: bool,
    dumps: Vec<Dump>,
    current: Dump,
    /// Numbers in all dumps.
    fields: usize,
    has_heading: bool,
    /// The domain of Xen's that is being told of, and the line that names it.
    domain: Option<(u32, usize)>,
    /// Whether there is something that nothing else prints.
    is_own: bool,
    /// The line that is being read.
    line: usize,
    /// Whether the text ends with it, in its middle perhaps.
    is_last: bool,
    /// What stands at this place or behind it may be of an earlier dump, which did not come to its
    /// end.
    open: Option<usize>,
    /// The first thing that says that the text cannot be read right.
    objection: Option<FileError>,
}

/// What was printed of one processor.
#[derive(Default)]
struct Dump {
    number: Option<u32>,
    /// The domain of Xen's, and the line that names it.
    domain: Option<(u32, usize)>,
    vmcb: Option<Page>,
    registers: Option<Page>,
    fields: usize,
    /// The place behind the latest word.
    place: usize,
    /// Whether the save area is said to be that of an encrypted guest.
    is_encrypted: bool,
    /// Offsets in the VMCB of upper halves that were not printed.
    halves: Vec<usize>,
}

impl Found {
    fn new(source: Format, ends: [&[usize]; 2]) -> Self {
        Self {
            source,
            ends: ends.map(|places| places.first().copied().unwrap_or(0)),
            early_end: None,
            is_early: false,
            dumps: Vec::new(),
            current: Dump::default(),
            fields: 0,
            has_heading: false,
            domain: None,
            is_own: false,
            line: 0,
            is_last: false,
            open: None,
            objection: None,
        }
    }

    fn is_dump(&self) -> bool {
        self.has_heading && self.fields > 0 || self.is_own && self.fields >= FEWEST_FIELDS
    }

    /// How well it serves: a VMCB says more than registers do.
    fn worth(&self) -> (bool, usize) {
        let is_vmcb = self.source != Format::Qemu && self.fields >= FEWEST_FIELDS;
        (is_vmcb, self.fields)
    }

    fn object(&mut self, objection: FileError) {
        self.objection.get_or_insert(objection);
    }

    /// What follows is read from a line.
    fn begin_line(&mut self, line: &lines::Line) {
        (self.line, self.is_last) = (line.number, line.is_last);
    }

    fn object_to_order(&mut self) {
        self.object(FileError::MixedDumps { line: self.line });
    }

    /// What follows is about another processor, if there is something already.
    fn next(&mut self) {
        // Other tools print their dumps one at a time, so of them only numbers can be mixed up.
        let may_be_mixed = self.source == Format::Kvm && self.current.place > 0;
        let is_begun = self.current.fields > 0 || may_be_mixed;
        if is_begun && !self.is_at_end() {
            let place = self.current.place;
            self.open = Some(self.open.map_or(place, |open| open.min(place)));
        }
        self.is_early |= self.is_at_early_end();
        let mut done = std::mem::take(&mut self.current);
        if done.fields == 0 {
            return;
        }
        if self.dumps.len() == MOST_DUMPS {
            self.object(FileError::TooManyDumps);
            self.dumps.clear();
        }
        done.domain = self.domain;
        self.dumps.push(done);
    }

    /// A heading: what stands before it in the order ends.
    fn heading(&mut self, places: &[usize], number: Option<u32>) {
        let Some(place) = places.first().copied() else {
            return;
        };
        if place < self.current.place {
            let [begin, _] = self.ends;
            self.next();
            // It may be the save area of a dump that seemed to end without one.
            if self.is_early && place > begin {
                self.object_to_order();
            }
        }
        self.has_heading = true;
        self.current.number = number.or(self.current.number);
        self.reach(place);
    }

    /// A word that the tool prints at these places. If all of them are behind, it is of another dump:
    /// one that begins here, if the one before has come to its end.
    fn step(&mut self, places: &[usize]) {
        let ahead = places.iter().find(|place| **place >= self.current.place);
        if let Some(place) = ahead {
            self.reach(*place);
            return;
        }
        let place = places.first().copied().unwrap_or(0);
        let [begin, _] = self.ends;
        if !self.is_at_end() || place > begin {
            self.object_to_order();
        }
        self.next();
        self.reach(place);
    }

    /// Whether the dump that is read has what each version of the tool prints last.
    fn is_at_end(&self) -> bool {
        let [_, end] = self.ends;
        self.current.place > end || self.is_at_early_end()
    }

    fn is_at_early_end(&self) -> bool {
        const SEV_ES: u64 = 1 << 2;
        let is_there = self
            .early_end
            .is_some_and(|end| self.current.place == end + 1);
        let nested = || self.current.vmcb.as_ref()?.field("nested_control");
        is_there && nested().is_some_and(|nested| nested & SEV_ES != 0)
    }

    fn reach(&mut self, place: usize) {
        if self.open.is_some_and(|open| place >= open) {
            self.object_to_order();
        }
        self.current.place = place + 1;
    }

    /// The number that stands first behind a word, read in a way, and what stands behind it. None if
    /// the text ends there; where something else stands in its place, or its rest seems to stand in the
    /// next line, the line is broken.
    fn number<'a>(
        &mut self,
        word: &str,
        rest: &'a str,
        may_be_cut: bool,
        read: impl Fn(Number<'a>) -> Value,
    ) -> Option<(u64, &'a str)> {
        let first = Number::first(rest, may_be_cut);
        let value = match first {
            Some((number, _)) => read(number),
            None if may_be_cut && matches!(rest.trim(), "" | "-" | "0x") => Value::Cut,
            None => Value::Broken,
        };
        match (value, first) {
            (Value::Number(value), Some((_, behind))) => return Some((value, behind)),
            (Value::Cut, _) if self.is_last => {}
            _ => self.object_to_number(word),
        }
        None
    }

    fn object_to_number(&mut self, word: &str) {
        self.object(FileError::BrokenLine {
            line: self.line,
            word: word.to_owned(),
        });
    }

    /// A number in a field, from an offset within the field on.
    fn put(&mut self, name: &str, within: usize, bytes: &[u8]) {
        let Some((field, is_vmcb)) = named(name) else {
            return;
        };
        if within + bytes.len() > field.width() {
            return;
        }
        let at = field.offset() + within;
        let (page, layout) = if is_vmcb {
            (&mut self.current.vmcb, Layout::Vmcb)
        } else {
            (&mut self.current.registers, Layout::Vmsa)
        };
        let page = page.get_or_insert_with(|| Page::new(layout));
        match page.bytes(at..at + bytes.len()) {
            Some(known) if known == bytes => {}
            Some(_) => self.object_to_order(),
            None => {
                page.put(at, bytes);
                self.current.fields += 1;
                self.fields += 1;
            }
        }
    }

    /// The number in a field, printed behind a word.
    fn put_number(&mut self, word: &str, name: &str, value: u64) {
        let Some((field, _)) = named(name) else {
            return;
        };
        let bytes = value.to_le_bytes();
        let (low, high) = bytes.split_at(field.width().min(bytes.len()));
        if high.iter().all(|byte| *byte == 0) {
            self.put(name, 0, low);
        } else {
            self.object_to_number(word);
        }
    }

    /// The lower half of a number whose upper half was not printed.
    fn put_low(&mut self, name: &str, value: u64) {
        self.put(name, 0, &value.to_le_bytes()[..4]);
        if let Some((field, true)) = named(name) {
            self.current.halves.push(field.offset() + 4);
        }
    }

    /// The snapshot, and a note if its dumps are not of one processor each.
    fn into_snapshot(mut self) -> Result<(Snapshot, Option<String>), FileError> {
        self.next();
        if let Some(objection) = self.objection {
            return Err(objection);
        }
        self.check_domain()?;
        let numbers = self.dumps.iter().filter_map(|dump| dump.number);
        let numbers: Vec<u32> = numbers.filter(|number| *number < LARGEST_NUMBER).collect();
        let distinct = sort::distinct(numbers.iter().copied().map(u64::from));
        let are_told = distinct.len() == self.dumps.len();
        let moments = !are_told && self.dumps.len() > 1;
        let note = moments.then(|| in_words(&numbers, self.dumps.len()));
        let source = self.source;
        let processors = (0..).zip(self.dumps).map(|(place, dump): (u32, Dump)| {
            let number = dump.number.filter(|_| are_told);
            ProcessorSnapshot {
                id: ProcessorId::in_full_groups(number.unwrap_or(place)),
                result: Ok(Capture::of_pages(dump.into_pages(source))),
            }
        });
        let mut processors: Vec<_> = processors.collect();
        sort::by_number(&mut processors, |processor| processor.id.index.into());
        let snapshot = Snapshot {
            moments,
            processors,
            ..Snapshot::default()
        };
        Ok((snapshot, note))
    }
}

/// Why so many dumps with these numbers may be moments of one processor.
fn in_words(numbers: &[u32], dumps: usize) -> String {
    /// So many are named.
    const MOST: usize = 16;
    let why = if numbers.len() == dumps {
        let named = numbers.iter().take(MOST).map(ToString::to_string);
        let named = named.collect::<Vec<_>>().join(", ");
        let more = if dumps > MOST { ", ..." } else { "" };
        format!("the dumps are of processors {named}{more}: one is there again")
    } else {
        "the dumps do not say of which processors they are".to_owned()
    };
    format!(
        "{why}; they may be moments of one, and are numbered in the order in which they stand, not compared \
         with one another"
    )
}

impl Found {
    /// Refuses dumps of several domains: they are no processors of one machine.
    fn check_domain(&self) -> Result<(), FileError> {
        /// So many are named.
        const MOST: usize = 8;
        let mut domains: Vec<(u32, usize)> = Vec::new();
        for (domain, line) in self.dumps.iter().filter_map(|dump| dump.domain) {
            if domains.len() < MOST && domains.iter().all(|(known, _)| *known != domain) {
                domains.push((domain, line));
            }
        }
        if domains.len() < 2 {
            return Ok(());
        }
        let domains = domains.iter();
        let domains = domains.map(|(domain, line)| format!("domain {domain} from line {line} on"));
        Err(FileError::SeveralDomains(
            domains.collect::<Vec<_>>().join(", "),
        ))
    }
}

impl Dump {
    /// Outside of long mode, what was not printed of a base is zero. In long mode it is not known.
    fn extend(&mut self) {
        const LONG_MODE_ACTIVE: u64 = 1 << 10;
        let Some(page) = &mut self.vmcb else {
            return;
        };
        if page
            .field("efer")
            .is_some_and(|efer| efer & LONG_MODE_ACTIVE == 0)
        {
            for offset in &self.halves {
                page.put(*offset, &[0; 4]);
            }
        }
    }

    fn into_pages(mut self, source: Format) -> Pages {
        /// What no guest has but one with SEV-ES.
        const ENCRYPTED: [&str; 5] = ["sev_features", "xcr0", "xss", "u_cet", "pl0_ssp"];
        let mut pages = Pages::new(source);
        self.extend();
        let has_registers = self.registers.as_ref().is_some_and(|registers| {
            let mut names = ENCRYPTED.iter();
            names.any(|name| registers.field(name).is_some())
        });
        if !has_registers && !self.is_encrypted {
            pages.vmcb = self.vmcb;
            pages.registers = self.registers;
            return pages;
        }
        // What was printed as the save area is the encrypted guest's.
        let mut vmsa = self.registers.unwrap_or(Page::new(Layout::Vmsa));
        let mut control = Page::new(Layout::Vmcb);
        for (range, bytes) in self.vmcb.iter().flat_map(Page::runs) {
            let start = Layout::Vmcb.save_area();
            let within = start.saturating_sub(range.start).min(bytes.len());
            control.put(range.start, &bytes[..within]);
            vmsa.put(
                (range.start + within).saturating_sub(start),
                &bytes[within..],
            );
        }
        pages.vmcb = Some(control).filter(|control| !control.is_empty());
        pages.vmsa = Some(vmsa);
        pages
    }
}

/// The field of a name, and whether it is a VMCB's.
fn named(name: &str) -> Option<(&'static Field, bool)> {
    if let Some(field) = fields::named(fields::VMCB, name) {
        return Some((field, true));
    }
    Some((fields::named(fields::VMSA, name)?, false))
}
