//! What hypervisors print of a guest's state for people, in logs and monitors.

mod kvm;
mod lines;
mod qemu;
mod xen;

use std::collections::BTreeSet;

use amd_svm::vmcb::fields::{self, Field};

use crate::model::{
    Capture, FileError, Format, Layout, Page, Pages, ProcessorId, ProcessorSnapshot, Snapshot,
};

/// More processors than any guest has.
const MOST_DUMPS: usize = 16384;

/// A processor's number that is believed.
const LARGEST_NUMBER: u32 = 4096;

/// Fields that a text has to have if no heading says what it is.
const FEWEST_FIELDS: usize = 4;

/// Reads the dumps in a text by the format that finds most in it; none if there are none.
pub(super) fn read(text: &str, formats: &[Format]) -> Result<Option<Snapshot>, FileError> {
    let mut best: Option<Found> = None;
    for format in formats {
        let found = match format {
            Format::Kvm => kvm::read(text),
            Format::Xen => xen::read(text),
            _ => qemu::read(text),
        };
        let fields = found.fields;
        let is_dump = fields >= FEWEST_FIELDS || found.has_heading && fields > 0;
        if is_dump && best.as_ref().is_none_or(|best| best.fields < fields) {
            best = Some(found);
        }
    }
    best.map(Found::into_snapshot).transpose()
}

/// What was found in a text.
struct Found {
    source: Format,
    dumps: Vec<Dump>,
    current: Dump,
    /// Fields in all dumps.
    fields: usize,
    has_heading: bool,
    is_overfull: bool,
}

/// What was printed of one processor.
#[derive(Default)]
struct Dump {
    number: Option<u32>,
    vmcb: Option<Page>,
    registers: Option<Page>,
    fields: usize,
    /// Offsets in the VMCB of upper halves that were not printed.
    halves: Vec<usize>,
}

impl Found {
    fn new(source: Format) -> Self {
        Self {
            source,
            dumps: Vec::new(),
            current: Dump::default(),
            fields: 0,
            has_heading: false,
            is_overfull: false,
        }
    }

    /// A heading: what follows is about another processor, if there is something already.
    fn next(&mut self) {
        if self.current.fields > 0 {
            if self.dumps.len() == MOST_DUMPS {
                self.is_overfull = true;
                self.dumps.clear();
            }
            let done = std::mem::take(&mut self.current);
            self.dumps.push(done);
        }
        self.current.number = None;
    }

    /// A number in a field, from an offset within the field on. Another number than before is
    /// about another processor.
    fn put(&mut self, name: &str, within: usize, bytes: &[u8]) {
        let Some((field, is_vmcb)) = named(name) else {
            return;
        };
        if within + bytes.len() > field.width() {
            return;
        }
        let at = field.offset() + within;
        let range = at..at + bytes.len();
        let known = |dump: &Dump| {
            let page = if is_vmcb { &dump.vmcb } else { &dump.registers };
            let known = page.as_ref()?.bytes(range.clone())?;
            Some(known == bytes)
        };
        match known(&self.current) {
            Some(true) => return,
            Some(false) => self.next(),
            None => {}
        }
        let (page, layout) = if is_vmcb {
            (&mut self.current.vmcb, Layout::Vmcb)
        } else {
            (&mut self.current.registers, Layout::Vmsa)
        };
        page.get_or_insert_with(|| Page::new(layout)).put(at, bytes);
        self.current.fields += 1;
        self.fields += 1;
    }

    /// The number in a field of the VMCB.
    fn put_number(&mut self, name: &str, value: u64) {
        let Some((field, _)) = named(name) else {
            return;
        };
        let bytes = value.to_le_bytes();
        let (low, high) = bytes.split_at(field.width().min(bytes.len()));
        if high.iter().all(|byte| *byte == 0) {
            self.put(name, 0, low);
        }
    }

    fn into_snapshot(mut self) -> Result<Snapshot, FileError> {
        self.next();
        if self.is_overfull {
            return Err(FileError::TooManyDumps);
        }
        let numbers: BTreeSet<u32> = self
            .dumps
            .iter()
            .filter_map(|dump| dump.number)
            .filter(|number| *number < LARGEST_NUMBER)
            .collect();
        let are_told = numbers.len() == self.dumps.len();
        let source = self.source;
        let processors = (0..).zip(self.dumps).map(|(place, dump): (u32, Dump)| {
            let number = dump.number.filter(|_| are_told);
            ProcessorSnapshot {
                id: ProcessorId::in_full_groups(number.unwrap_or(place)),
                result: Ok(Capture::of_pages(dump.into_pages(source))),
            }
        });
        let mut processors: Vec<_> = processors.collect();
        processors.sort_by_key(|processor| processor.id.index);
        Ok(Snapshot {
            processors,
            ..Snapshot::default()
        })
    }
}

impl Dump {
    /// Outside of long mode, what was not printed of a base is zero. In long mode it is not known.
    fn extend(&mut self) {
        const LONG_MODE_ACTIVE: u64 = 1 << 10;
        let Some(page) = &mut self.vmcb else {
            return;
        };
        let efer = page.field("efer").unwrap_or(0);
        if efer & LONG_MODE_ACTIVE == 0 {
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
        let is_encrypted = self.registers.as_ref().is_some_and(|registers| {
            let mut names = ENCRYPTED.iter();
            names.any(|name| registers.field(name).is_some())
        });
        if !is_encrypted {
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
