//! Pages of a hypervisor's, as far as a source tells them: a dump that does not print a field leaves
//! it absent, not zero.

use std::borrow::Cow;
use std::ops::Range;

use amd_svm::fields::VmsaveField;
use amd_svm::vmcb::{SAVE_AREA_OFFSET, VMCB_SIZE, Vmcb, VmsaveState, fields};

use super::{Capture, Format, Guest};

/// How the bytes of a page are laid out.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Layout {
    /// A virtual machine control block.
    Vmcb,
    /// The save area of an SEV-ES guest.
    Vmsa,
}

impl Layout {
    /// The fields of such a page, by their offsets.
    #[must_use]
    pub const fn fields(self) -> &'static [fields::Field] {
        match self {
            Self::Vmcb => fields::VMCB,
            Self::Vmsa => fields::VMSA,
        }
    }

    /// Where the save area begins, in bytes.
    pub(crate) const fn save_area(self) -> usize {
        match self {
            Self::Vmcb => SAVE_AREA_OFFSET,
            Self::Vmsa => 0,
        }
    }
}

/// A page of which some bytes are known.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Page {
    layout: Layout,
    /// The known bytes, as ranges of offsets that ascend and do not touch.
    runs: Vec<Run>,
    /// Their values, one run behind the other.
    bytes: Vec<u8>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Run {
    start: u16,
    end: u16,
}

impl Run {
    fn range(self) -> Range<usize> {
        self.start.into()..self.end.into()
    }
}

impl Page {
    /// A page of which nothing is known.
    #[must_use]
    pub const fn new(layout: Layout) -> Self {
        Self {
            layout,
            runs: Vec::new(),
            bytes: Vec::new(),
        }
    }

    /// A page of which everything is known.
    #[must_use]
    pub fn whole(layout: Layout, bytes: &[u8; VMCB_SIZE]) -> Self {
        let mut page = Self::new(layout);
        page.put(0, bytes);
        page
    }

    /// The same bytes in another layout.
    pub(crate) fn with_layout(self, layout: Layout) -> Self {
        Self { layout, ..self }
    }

    /// How the bytes are laid out.
    #[must_use]
    pub const fn layout(&self) -> Layout {
        self.layout
    }

    /// Whether every byte is known.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.bytes.len() == VMCB_SIZE
    }

    /// Whether no byte is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The bytes at some offsets, if all of them are known.
    #[must_use]
    pub fn bytes(&self, range: Range<usize>) -> Option<&[u8]> {
        let mut before = 0;
        for run in &self.runs {
            let known = run.range();
            if range.start < known.end {
                let is_inside = known.start <= range.start && range.end <= known.end;
                let start = before + range.start.checked_sub(known.start)?;
                return is_inside
                    .then(|| self.bytes.get(start..start + range.len()))
                    .flatten();
            }
            before += known.len();
        }
        None
    }

    /// The little-endian number at some offsets, of which there are eight at most, if all of its
    /// bytes are known.
    #[must_use]
    pub fn number(&self, range: Range<usize>) -> Option<u64> {
        let mut number = [0; 8];
        let bytes = self.bytes(range)?;
        number.get_mut(..bytes.len())?.copy_from_slice(bytes);
        Some(u64::from_le_bytes(number))
    }

    /// The number in a field of the page's layout, by its name.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<u64> {
        let field = fields::named(self.layout.fields(), name)?;
        self.number(field.range())
    }

    /// The page, with zeros for what is not known.
    #[must_use]
    pub fn filled(&self) -> Cow<'_, [u8; VMCB_SIZE]> {
        if let Ok(whole) = <&[u8; VMCB_SIZE]>::try_from(self.bytes.as_slice()) {
            return Cow::Borrowed(whole);
        }
        let mut page = [0; VMCB_SIZE];
        for (range, bytes) in self.runs() {
            page[range].copy_from_slice(bytes);
        }
        Cow::Owned(page)
    }

    fn without_addresses(&self, state: &VmsaveState) -> Self {
        const KEPT: [&str; 6] = ["cpl", "efer", "cr0", "cr4", "nested_control", "exit_code"];
        let mut page = Self::new(self.layout);
        let outside = SAVE_AREA_OFFSET - self.layout.save_area();
        for field in VmsaveField::ALL {
            let start = field.offset() - outside;
            if self.bytes(start..start + field.size()).is_some() {
                page.put(start, &field.read(state).to_le_bytes()[..field.size()]);
            }
        }
        for name in KEPT {
            let field = fields::named(self.layout.fields(), name);
            // Of some, a source tells but a part.
            for at in field.into_iter().flat_map(fields::Field::range) {
                if let Some(byte) = self.bytes(at..at + 1) {
                    page.put(at, byte);
                }
            }
        }
        page
    }

    /// What is known, from the lowest offset to the highest.
    pub(crate) fn runs(&self) -> impl Iterator<Item = (Range<usize>, &[u8])> {
        let mut rest = self.bytes.as_slice();
        self.runs.iter().map(move |run| {
            let (bytes, behind) = rest.split_at(run.range().len());
            rest = behind;
            (run.range(), bytes)
        })
    }

    /// Bytes that are known now; what was known there before gives way. Bytes beyond the page are
    /// dropped.
    pub(crate) fn put(&mut self, offset: usize, bytes: &[u8]) {
        let bytes = &bytes[..bytes.len().min(VMCB_SIZE.saturating_sub(offset))];
        let range = offset..offset + bytes.len();
        let (Ok(start), Ok(end)) = (u16::try_from(range.start), u16::try_from(range.end)) else {
            return;
        };
        if bytes.is_empty() {
            return;
        }
        // Those that overlap with the new bytes or touch them become one.
        let first = self.runs.partition_point(|run| run.end < start);
        let last = self.runs.partition_point(|run| run.start <= end);
        let before: usize = self.runs[..first].iter().map(|run| run.range().len()).sum();
        let met = &self.runs[first..last];
        let length: usize = met.iter().map(|run| run.range().len()).sum();
        let merged = Run {
            start: met.first().map_or(start, |run| run.start.min(start)),
            end: met.last().map_or(end, |run| run.end.max(end)),
        };
        let mut values = vec![0; merged.range().len()];
        let mut at = before;
        for run in met {
            let into = usize::from(run.start - merged.start);
            let known = &self.bytes[at..at + run.range().len()];
            values[into..into + known.len()].copy_from_slice(known);
            at += known.len();
        }
        let into = usize::from(start - merged.start);
        values[into..into + bytes.len()].copy_from_slice(bytes);
        self.bytes.splice(before..before + length, values);
        self.runs.splice(first..last, [merged]);
    }
}

/// The pages of one processor of a guest.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Pages {
    /// What they were read from.
    pub source: Format,
    /// The VMCB.
    pub vmcb: Option<Page>,
    /// The save area of an SEV-ES guest.
    pub vmsa: Option<Page>,
    /// Registers that were printed beside a VMCB, which has no place for them, where a save area of
    /// an SEV-ES guest has them.
    pub registers: Option<Page>,
}

impl Pages {
    /// No page yet.
    pub(crate) const fn new(source: Format) -> Self {
        Self {
            source,
            vmcb: None,
            vmsa: None,
            registers: None,
        }
    }

    /// The number at some offsets of a VMCB, or at others of a save area.
    pub(crate) fn number(
        &self,
        in_vmcb: Option<&Range<usize>>,
        in_vmsa: Option<&Range<usize>>,
    ) -> Option<u64> {
        let read = |page: &Option<Page>, range: Option<&Range<usize>>| {
            page.as_ref()?.number(range?.clone())
        };
        read(&self.vmcb, in_vmcb)
            .or_else(|| read(&self.vmsa, in_vmsa))
            .or_else(|| read(&self.registers, in_vmsa))
    }

    /// The pages with nothing but what VMSAVE stores, taken from a state, and what says in which mode
    /// the guest is: of the rest, much is addresses.
    pub(crate) fn without_addresses(&self, state: &VmsaveState) -> Self {
        let page = |page: &Option<Page>| page.as_ref().map(|page| page.without_addresses(state));
        let vmsa = page(&self.vmsa);
        // Of what were registers alone, a page is left that tells nothing.
        let nothing = || vmsa.is_none().then(|| Page::new(Layout::Vmcb));
        Self {
            source: self.source,
            vmcb: page(&self.vmcb).or_else(nothing),
            vmsa,
            registers: None,
        }
    }

    /// The pages that there are.
    pub fn iter(&self) -> impl Iterator<Item = &Page> {
        [&self.vmcb, &self.vmsa, &self.registers]
            .into_iter()
            .filter_map(Option::as_ref)
    }
}

impl Capture {
    /// What pages tell of a processor.
    pub(crate) fn of_pages(pages: Pages) -> Self {
        Self {
            details: None,
            vmsave: state(&pages),
            witness: None,
            guest: guest(&pages),
            pages: Some(Box::new(pages)),
        }
    }
}

/// What VMSAVE stores, with zeros for what the pages do not have.
fn state(pages: &Pages) -> VmsaveState {
    let mut page = [0; VMCB_SIZE];
    for field in VmsaveField::ALL {
        let range = field.offset()..field.offset() + field.size();
        let in_vmsa = range.start - SAVE_AREA_OFFSET..range.end - SAVE_AREA_OFFSET;
        if let Some(value) = pages.number(Some(&range), Some(&in_vmsa)) {
            page[range].copy_from_slice(&value.to_le_bytes()[..field.size()]);
        }
    }
    VmsaveState::read_from(&page)
}

/// What the pages say of the guest's mode, if they say anything: what VMSAVE alone wrote to does
/// not.
fn guest(pages: &Pages) -> Option<Guest> {
    if pages.vmsa.is_some() {
        return Some(Guest {
            vmsa: true,
            ..Guest::default()
        });
    }
    let vmcb = Vmcb::from_page(pages.vmcb.as_ref()?.filled().into_owned());
    let guest = Guest {
        cpl: vmcb.save.cpl,
        efer: vmcb.save.efer,
        cr0: vmcb.save.cr0,
        cr4: vmcb.save.cr4,
        encrypted: vmcb.control.nested_control.sev_es(),
        vmsa: false,
    };
    (guest != Guest::default()).then_some(guest)
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_was_put_is_known_and_nothing_else(
            pieces in vec((0_usize..VMCB_SIZE + 8, vec(any::<u8>(), 0..40)), 0..40),
            range in (0_usize..VMCB_SIZE, 1_usize..9),
        ) {
            let mut page = Page::new(Layout::Vmcb);
            let mut model: Vec<Option<u8>> = vec![None; VMCB_SIZE];
            for (offset, bytes) in &pieces {
                page.put(*offset, bytes);
                for (at, byte) in bytes.iter().enumerate() {
                    if let Some(place) = model.get_mut(offset + at) {
                        *place = Some(*byte);
                    }
                }
            }
            let mut read = vec![None; VMCB_SIZE];
            for (range, bytes) in page.runs() {
                for (at, byte) in range.zip(bytes) {
                    read[at] = Some(*byte);
                }
            }
            prop_assert_eq!(&read, &model);
            let filled: Vec<u8> = model.iter().map(|byte| byte.unwrap_or(0)).collect();
            let whole = page.filled();
            prop_assert_eq!(whole.as_slice(), filled.as_slice());
            let (start, length) = range;
            let end = (start + length).min(VMCB_SIZE);
            let expected: Option<Vec<u8>> = model[start..end].iter().copied().collect();
            prop_assert_eq!(page.bytes(start..end).map(<[u8]>::to_vec), expected);
        }
    }

    #[test]
    fn a_whole_page_is_whole() {
        let page = Page::whole(Layout::Vmsa, &[7; VMCB_SIZE]);
        assert!(page.is_whole() && page.runs().count() == 1);
        assert_eq!(page.field("cpl"), Some(7));
        assert_eq!(page.number(0..9), None);
    }
}
