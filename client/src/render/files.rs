//! Snapshots as files: JSON, or the bare VMCB pages.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, Read};
use std::mem::offset_of;
use std::path::Path;

use amd_svm::fields::VmsaveField;
use amd_svm::segment::Segment;
use amd_svm::vmcb::{VMCB_SIZE, Vmcb, VmsaveState};
use zerocopy::FromBytes as _;

use super::json;
use crate::model::{
    Capture, Error, FileError, Guest, LARGEST_FILE, ProcessorId, ProcessorSnapshot, Snapshot,
};

impl Snapshot {
    /// Reads a file that [`to_json`](Self::to_json) or [`to_pages`](Self::to_pages) made, on this
    /// machine or another, or VMCB pages from elsewhere. `-` stands for standard input.
    ///
    /// # Errors
    ///
    /// [`Error::File`] with the path and what is wrong with it.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        read(path)
            .and_then(|bytes| Self::parse(&bytes))
            .map_err(|reason| Error::file(path, reason))
    }

    /// Reads what such a file contains.
    ///
    /// # Errors
    ///
    /// What is wrong with it. Memory is bounded by a small multiple of the input's length.
    pub fn parse(bytes: &[u8]) -> Result<Self, FileError> {
        if let Some(text) = text(bytes) {
            return json::parse_snapshot(&text);
        }
        let (pages, []) = bytes.as_chunks::<VMCB_SIZE>() else {
            return Err(FileError::PartialPage {
                length: bytes.len(),
            });
        };
        Ok(Self {
            processors: (0..).zip(pages).map(from_page).collect(),
            ..Self::default()
        })
    }

    /// The JSON form: what `show --json --full` prints, with nothing left out.
    ///
    /// # Errors
    ///
    /// [`Error::Json`], if memory is short.
    pub fn to_json(&self) -> Result<String, Error> {
        json::snapshot(self, json::Detail::Full)
    }

    /// A VMCB page for each processor, by index, with zeros where VMSAVE does not write.
    ///
    /// # Errors
    ///
    /// [`FileError::NoPage`] if a processor has no capture.
    pub fn to_pages(&self) -> Result<Vec<u8>, FileError> {
        let mut bytes = Vec::with_capacity(self.processors.len() * VMCB_SIZE);
        for processor in &self.processors {
            let capture = processor
                .result
                .as_ref()
                .map_err(|_| FileError::NoPage(processor.id))?;
            let mut page = [0; VMCB_SIZE];
            capture.vmsave.write_to(&mut page);
            bytes.extend_from_slice(&page);
        }
        Ok(bytes)
    }
}

/// A page by itself does not say whose it is: processors are counted from 0.
fn from_page((index, page): (u32, &[u8; VMCB_SIZE])) -> ProcessorSnapshot {
    let (vmsave, guest) = if is_vmsa(page) {
        let vmsa = Guest {
            vmsa: true,
            ..Guest::default()
        };
        (VmsaveState::default(), Some(vmsa))
    } else {
        (VmsaveState::read_from(page), guest(page))
    };
    ProcessorSnapshot {
        id: ProcessorId::in_full_groups(index),
        result: Ok(Capture {
            details: None,
            vmsave,
            witness: None,
            guest,
        }),
    }
}

/// Whether the page is the save area of an encrypted guest: that begins where the page does, and
/// has a task register where a VMCB has reserved bits of `NESTED_CONTROL`.
///
/// Source: APM volume 2, appendix B, table B-4 (VMSA Layout).
fn is_vmsa(page: &[u8; VMCB_SIZE]) -> bool {
    const TR: usize = VmsaveField::TrSelector.offset() - offset_of!(Vmcb, save);
    /// Task state segments of 16 bits and of more, available and busy.
    const TYPES: [u8; 4] = [0x1, 0x3, 0x9, 0xB];
    let Ok((tr, _)) = Segment::read_from_prefix(&page[TR..]) else {
        return false;
    };
    tr.attributes.present()
        && !tr.attributes.code_or_data()
        && tr.attributes.reserved() == 0
        && TYPES.contains(&tr.attributes.segment_type())
}

/// The bytes as UTF-8, if they are text: in UTF-16 with its mark, as Windows PowerShell redirects
/// it, or in UTF-8, with or without.
fn text(bytes: &[u8]) -> Option<Cow<'_, [u8]>> {
    const UTF_8: &[u8] = b"\xEF\xBB\xBF";
    for (mark, read) in [
        (b"\xFF\xFE", u16::from_le_bytes as fn([u8; 2]) -> u16),
        (b"\xFE\xFF", u16::from_be_bytes),
    ] {
        if let Some((units, [])) = bytes.strip_prefix(mark).map(<[u8]>::as_chunks)
            && let Ok(text) = char::decode_utf16(units.iter().map(|unit| read(*unit)))
                .collect::<Result<String, _>>()
            && !text.contains('\0')
        {
            return Some(text.into_bytes().into());
        }
    }
    // A VMCB has reserved bytes that are zero, and text has no zeros.
    let text = bytes.strip_prefix(UTF_8).unwrap_or(bytes);
    (!text.contains(&0)).then_some(text.into())
}

/// What the page says of the guest's mode, if it says anything: what VMSAVE alone wrote to does not.
fn guest(page: &[u8; VMCB_SIZE]) -> Option<Guest> {
    let vmcb = Vmcb::read_from_bytes(page).ok()?;
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

fn read(path: &Path) -> Result<Vec<u8>, FileError> {
    if path.as_os_str() == "-" {
        return read_bounded(io::stdin().lock());
    }
    read_bounded(File::open(path)?)
}

fn read_bounded(file: impl Read) -> Result<Vec<u8>, FileError> {
    let mut bytes = Vec::new();
    let read = file.take(LARGEST_FILE + 1).read_to_end(&mut bytes)?;
    if u64::try_from(read).is_ok_and(|read| read > LARGEST_FILE) {
        return Err(FileError::TooLarge);
    }
    Ok(bytes)
}
