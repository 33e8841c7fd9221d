//! The table that the compiler makes of `oracles/metadata/abi`: in the section `.facts` of its object
//! file, a number of ours beside the same number of Microsoft's.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use object::read::archive::ArchiveFile;
use object::{File, Object as _, ObjectSection as _};

/// As in `oracles/metadata/abi/src/fact.rs`.
const NAME: usize = 120;
const VOUCHER: usize = 112;
const LENGTH: usize = NAME + VOUCHER + 3 * size_of::<u64>();

/// How the calling convention passes a value, by its code in `oracles/metadata/abi/src/passing.rs`.
const PASSING: [&str; 16] = [
    "nothing",
    "an address",
    "i8",
    "i16",
    "i32",
    "i64",
    "u8",
    "u16",
    "u32",
    "u64",
    "",
    "",
    "",
    "a structure of 8 bytes",
    "",
    "",
];

/// A row of the table.
#[derive(Clone, Debug)]
pub(super) struct Row {
    /// What it is about: a type, a field's path behind it, a constant, a routine.
    pub name: String,
    /// The page that has the number, if Microsoft's metadata does not.
    voucher: String,
    kind: u64,
    ours: i64,
    theirs: i64,
}

impl Row {
    /// The facts of the row: for each what it is, and what breaks it.
    pub(super) fn facts(&self) -> Vec<Option<String>> {
        let what = match self.kind {
            1 => "size",
            2 => "offset",
            3 => "width",
            4 => "value",
            _ => return self.signature(),
        };
        let (name, ours, theirs) = (&self.name, self.ours, self.theirs);
        let broken = ours != theirs;
        let there = self.there();
        vec![broken.then(|| format!("{what} of {name}: {ours:#x} here, {theirs:#x} {there}"))]
    }

    /// Where the other number is.
    fn there(&self) -> String {
        if self.voucher.is_empty() {
            "in the metadata".to_owned()
        } else {
            format!("in {}", self.voucher)
        }
    }

    /// The result and every parameter that either side has.
    fn signature(&self) -> Vec<Option<String>> {
        (0..16)
            .map(|place| (place, nibble(self.ours, place), nibble(self.theirs, place)))
            .filter(|(place, ours, theirs)| *place == 0 || ours + theirs != 0)
            .map(|(place, ours, theirs)| {
                let what = match place {
                    0 => "result".to_owned(),
                    number => format!("parameter {number}"),
                };
                (ours != theirs).then(|| {
                    let (name, there) = (&self.name, self.there());
                    let (ours, theirs) = (PASSING[ours], PASSING[theirs]);
                    format!("{what} of {name}: {ours} here, {theirs} {there}")
                })
            })
            .collect()
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let (name, rest) = bytes.split_at_checked(NAME)?;
        let (voucher, rest) = rest.split_at_checked(VOUCHER)?;
        let (kind, rest) = rest.split_first_chunk()?;
        let (ours, rest) = rest.split_first_chunk()?;
        let (theirs, _) = rest.split_first_chunk()?;
        let text = |bytes| {
            String::from_utf8_lossy(bytes)
                .trim_end_matches('\0')
                .to_owned()
        };
        Some(Self {
            name: text(name),
            voucher: text(voucher),
            kind: u64::from_le_bytes(*kind),
            ours: i64::from_le_bytes(*ours),
            theirs: i64::from_le_bytes(*theirs),
        })
    }
}

/// Four bits of a signature's code.
fn nibble(code: i64, place: u32) -> usize {
    usize::from((code >> (4 * place)).to_le_bytes()[0] & 0xf)
}

/// Reads the table of a library.
pub(super) fn read(library: &Path) -> Result<Vec<Row>> {
    let bytes = fs::read(library).with_context(|| format!("cannot read {}", library.display()))?;
    let mut rows = Vec::new();
    for member in ArchiveFile::parse(&*bytes)?.members() {
        // Besides objects, a library of Rust has a description of itself.
        let Ok(object) = File::parse(member?.data(&*bytes)?) else {
            continue;
        };
        if let Some(section) = object.section_by_name(".facts") {
            rows.extend(section.data()?.chunks_exact(LENGTH).filter_map(Row::parse));
        }
    }
    ensure!(!rows.is_empty(), "{} has no facts", library.display());
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(kind: u64, ours: i64, theirs: i64) -> Row {
        let mut bytes = b"IRP.Flags".to_vec();
        bytes.resize(NAME + VOUCHER, 0);
        for number in [kind.cast_signed(), ours, theirs] {
            bytes.extend(number.to_le_bytes());
        }
        assert_eq!(bytes.len(), LENGTH);
        Row::parse(&bytes).unwrap()
    }

    #[test]
    fn a_field_that_is_elsewhere_is_named() {
        assert_eq!(row(2, 16, 16).facts(), [None]);
        let broken = row(2, 24, 16).facts();
        assert_eq!(
            broken[0].as_deref(),
            Some("offset of IRP.Flags: 0x18 here, 0x10 in the metadata")
        );
    }

    #[test]
    fn a_parameter_that_is_passed_otherwise_is_named() {
        // An i32 from an address and a u32; then a u64 in place of the u32; then one more.
        assert_eq!(row(5, 0x814, 0x814).facts(), [None, None, None]);
        assert_eq!(row(5, 0x914, 0x814).facts().iter().flatten().count(), 1);
        assert_eq!(row(5, 0x1814, 0x814).facts().iter().flatten().count(), 1);
    }
}
