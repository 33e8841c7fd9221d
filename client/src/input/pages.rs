//! Pages as they lie in memory: VMCBs and save areas of SEV-ES guests, and what speaks against it.

use std::mem::offset_of;

use amd_svm::segment::Segment;
use amd_svm::vmcb::{VMCB_SIZE, Vmcb, Vmsa, fields};

use super::divide;
use crate::model::{
    Capture, FileError, Format, Layout, Page, Pages, ProcessorId, ProcessorSnapshot, Snapshot,
};

/// Reserved bytes that may be set nevertheless: a processor of another age has fields there.
const MOST_RESERVED: usize = 64;

/// Reads pages, each of which has to look like one.
pub(super) fn read(bytes: &[u8]) -> Result<Snapshot, FileError> {
    let (pages, rest) = divide(bytes);
    if !rest.is_empty() {
        return Err(FileError::PartialPage {
            length: bytes.len(),
        });
    }
    let read = (0..).zip(pages).map(|(index, page): (u32, _)| {
        let layout = layout(page).map_err(|reason| FileError::NoVmcb {
            page: index,
            reason,
        })?;
        Ok(processor(index, layout, page))
    });
    Ok(Snapshot {
        processors: read.collect::<Result<_, FileError>>()?,
        ..Snapshot::default()
    })
}

/// Reads pages of a layout, whatever they look like.
pub(super) fn read_as(bytes: &[u8], layout: Layout) -> Result<Snapshot, FileError> {
    let (pages, rest) = divide(bytes);
    if pages.is_empty() && rest.is_empty() {
        return Err(FileError::Empty);
    }
    if !rest.is_empty() {
        return Err(FileError::PartialPage {
            length: bytes.len(),
        });
    }
    let processors = (0..).zip(pages);
    Ok(Snapshot {
        processors: processors
            .map(|(index, page)| processor(index, layout, page))
            .collect(),
        ..Snapshot::default()
    })
}

/// A page by itself does not say whose it is: processors are counted from 0.
fn processor(index: u32, layout: Layout, page: &[u8; VMCB_SIZE]) -> ProcessorSnapshot {
    let source = match layout {
        Layout::Vmcb => Format::Vmcb,
        Layout::Vmsa => Format::Vmsa,
    };
    let mut pages = Pages::new(source);
    let page = Some(Page::whole(layout, page));
    match layout {
        Layout::Vmcb => pages.vmcb = page,
        Layout::Vmsa => pages.vmsa = page,
    }
    ProcessorSnapshot {
        id: ProcessorId::in_full_groups(index),
        result: Ok(Capture::of_pages(pages)),
    }
}

/// What the page is, or what speaks against either.
pub(super) fn layout(page: &[u8; VMCB_SIZE]) -> Result<Layout, String> {
    if is_vmsa(page) {
        return Ok(Layout::Vmsa);
    }
    match objection(page) {
        None => Ok(Layout::Vmcb),
        Some(objection) => Err(objection),
    }
}

/// Whether the page is the save area of an encrypted guest: that begins where the page does, and
/// has a task register where a VMCB has reserved bits of `NESTED_CONTROL`.
///
/// Source: APM volume 2, appendix B, table B-4 (VMSA Layout).
fn is_vmsa(page: &[u8; VMCB_SIZE]) -> bool {
    /// Task state segments of 16 bits and of more, available and busy.
    const TYPES: [u8; 4] = [0x1, 0x3, 0x9, 0xB];
    const AT: usize = offset_of!(Vmsa, tr);
    let tr: Segment = bytemuck::pod_read_unaligned(&page[AT..AT + size_of::<Segment>()]);
    tr.attributes.present()
        && !tr.attributes.code_or_data()
        && tr.attributes.reserved() == 0
        && TYPES.contains(&tr.attributes.segment_type())
        && reserved(page, Layout::Vmsa).0 <= MOST_RESERVED
}

/// What says that the page is no VMCB.
fn objection(page: &[u8; VMCB_SIZE]) -> Option<String> {
    let (set, first) = reserved(page, Layout::Vmcb);
    if set > MOST_RESERVED {
        return Some(format!(
            "{set} of its reserved bytes are not zero, the first at {first:#x}"
        ));
    }
    let vmcb = Vmcb::from_page(*page);
    let save = &vmcb.save;
    let segments = [
        ("ES", save.es),
        ("CS", save.cs),
        ("SS", save.ss),
        ("DS", save.ds),
    ];
    // Neither the VMCB's layout nor that of VMX has bits in both places.
    let strange = segments.into_iter().filter(|(_, segment)| {
        let bits = u16::from(segment.attributes);
        bits & 0xF00 != 0 && bits & 0xF000 != 0
    });
    let strange: Vec<&str> = strange.map(|(name, _)| name).collect();
    if strange.len() > 1 {
        return Some(format!(
            "the attributes of {} are those of no segment",
            strange.join(", ")
        ));
    }
    (save.cpl > 3).then(|| format!("its privilege level is {}", save.cpl))
}

/// How much of what is reserved is set: bytes, and bits of segments' attributes.
pub(super) fn strangeness(page: &[u8; VMCB_SIZE], layout: Layout) -> usize {
    let attributes = layout
        .fields()
        .iter()
        .filter(|field| field.name().ends_with(".attrib"));
    let strange = attributes.filter_map(|field| field.read(page));
    strange.filter(|bits| bits >> 12 != 0).count() + reserved(page, layout).0
}

/// How many reserved bytes are not zero, and the offset of the first.
fn reserved(page: &[u8; VMCB_SIZE], layout: Layout) -> (usize, usize) {
    let gaps = fields::gaps(layout.fields(), VMCB_SIZE);
    let mut set = gaps.flatten().filter(|at| page[*at] != 0);
    match set.next() {
        Some(first) => (1 + set.count(), first),
        None => (0, 0),
    }
}
