//! Reading a driver's PE file, and refusing what Windows or memory integrity
//! would refuse.

#![expect(unsafe_code, reason = "an image is patched where it is mapped")]

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use object::LittleEndian as LE;
use object::pe;
use object::read::pe::{ImageNtHeaders, ImageOptionalHeader, ImageThunkData, PeFile64};

use crate::base::address::{self, PAGE_SIZE};
use crate::memory::paging::Protection;

/// The only images that a driver may import from.
const EXPORTERS: [&str; 2] = ["ntoskrnl.exe", "hal.dll"];

/// What is to be mapped.
pub(super) struct Contents {
    /// Bytes of the whole image.
    pub size: u64,
    /// Offset of the entry point.
    pub entry: u32,
    /// Offset and length of the exception directory, zeros for none.
    pub functions: (u32, u32),
    /// The headers and all sections.
    pub sections: Vec<Section>,
    /// Offsets of 64-bit addresses that move with the image.
    relocations: Vec<u32>,
    preferred_base: u64,
    /// Offsets in the import address table, with what belongs there.
    imports: Vec<(u32, u64)>,
}

/// A section of an image.
pub(super) struct Section {
    /// Offset from the image's base.
    pub address: u32,
    /// Bytes in memory.
    pub size: u64,
    /// The first of them; the others are zero.
    pub bytes: &'static [u8],
    /// What may be done with it.
    pub protection: Protection,
    /// Whether it is needed for initialisation only.
    pub discardable: bool,
}

/// What is wrong with a file.
struct Faults(Vec<String>);

impl Faults {
    fn check(&mut self, good: bool, fault: impl FnOnce() -> String) {
        if !good {
            self.0.push(fault());
        }
    }
}

/// Finds the address of a routine that a driver may import.
pub(crate) type Resolve = fn(&str) -> Option<u64>;

/// Reads a file; the error lists all its faults.
pub(super) fn parse(data: &'static [u8], resolve: Resolve) -> Result<Contents, String> {
    let file = PeFile64::parse(data).map_err(|error| format!("not a PE file: {error}"))?;
    let mut faults = Faults(Vec::new());
    check_headers(&file, data, &mut faults);
    let sections = sections(&file, data, &mut faults);
    let relocations = relocations(&file, data, &mut faults);
    let imports = imports(&file, resolve, &mut faults);
    if !faults.0.is_empty() {
        return Err(faults.0.join("; "));
    }
    let optional = file.nt_headers().optional_header();
    Ok(Contents {
        size: optional.size_of_image().into(),
        entry: optional.address_of_entry_point(),
        functions: file
            .data_directory(pe::IMAGE_DIRECTORY_ENTRY_EXCEPTION)
            .map_or((0, 0), |entry| {
                (entry.virtual_address.get(LE), entry.size.get(LE))
            }),
        sections,
        relocations,
        preferred_base: optional.image_base(),
        imports,
    })
}

fn check_headers(file: &PeFile64<'_>, data: &[u8], faults: &mut Faults) {
    let headers = file.nt_headers();
    let optional = headers.optional_header();
    let machine = headers.file_header().machine.get(LE);
    faults.check(machine == pe::IMAGE_FILE_MACHINE_AMD64, || {
        format!("machine {machine:#x} is not x86-64")
    });
    let subsystem = optional.subsystem();
    faults.check(subsystem == pe::IMAGE_SUBSYSTEM_NATIVE, || {
        format!("subsystem {subsystem} is not native")
    });
    let alignment = u64::from(optional.section_alignment());
    faults.check(alignment == PAGE_SIZE, || {
        format!("section alignment {alignment} is not 4096")
    });
    let stated = optional.check_sum();
    let computed = checksum(data, file.dos_header().nt_headers_offset() as usize + 0x58);
    faults.check(stated == computed, || {
        format!("checksum {stated:#x} in the header, {computed:#x} by the file")
    });
    let stripped = headers.file_header().characteristics.get(LE);
    faults.check(!stripped.contains(pe::IMAGE_FILE_RELOCS_STRIPPED), || {
        "relocations are stripped".to_string()
    });
    let tls = file.data_directory(pe::IMAGE_DIRECTORY_ENTRY_TLS);
    faults.check(tls.is_none_or(|entry| entry.size.get(LE) == 0), || {
        "thread-local storage, which drivers cannot have".to_string()
    });
}

/// The checksum of an image file, as `ImageHlp`'s `CheckSumMappedFile` computes
/// it: 16-bit one's complement sum, without the field itself, plus the length.
fn checksum(data: &[u8], field: usize) -> u32 {
    let mut sum = 0_u32;
    for (offset, pair) in (0..).step_by(2).zip(data.chunks(2)) {
        if (field..field + 4).contains(&offset) {
            continue;
        }
        let word = u16::from_le_bytes([pair[0], pair.get(1).copied().unwrap_or(0)]);
        sum += u32::from(word);
        sum = (sum & 0xFFFF) + (sum >> 16);
    }
    let length = u32::try_from(data.len()).unwrap_or(u32::MAX);
    sum.wrapping_add(length)
}

/// The headers and sections, and what they allow.
fn sections(file: &PeFile64<'_>, data: &'static [u8], faults: &mut Faults) -> Vec<Section> {
    let optional = file.nt_headers().optional_header();
    let image_size = u64::from(optional.size_of_image());
    let headers = optional.size_of_headers();
    let mut sections = alloc::vec![Section {
        address: 0,
        size: headers.into(),
        bytes: data.get(..headers as usize).unwrap_or_default(),
        protection: Protection::Read,
        discardable: false,
    }];
    for header in file.section_table().iter() {
        let name = String::from_utf8_lossy(header.raw_name()).into_owned();
        let characteristics = header.characteristics.get(LE);
        let has = |flag| characteristics.contains(flag);
        faults.check(
            !(has(pe::IMAGE_SCN_MEM_WRITE) && has(pe::IMAGE_SCN_MEM_EXECUTE)),
            || format!("section {name} is writable and executable"),
        );
        let address = header.virtual_address.get(LE);
        let size = u64::from(header.virtual_size.get(LE));
        faults.check(
            u64::from(address) % PAGE_SIZE == 0 && u64::from(address) + size <= image_size,
            || format!("section {name} lies outside the image"),
        );
        let Ok(bytes) = header.pe_data(data) else {
            faults
                .0
                .push(format!("section {name} lies outside the file"));
            continue;
        };
        let visible = bytes.len().min(address::to_usize(size));
        sections.push(Section {
            address,
            size,
            bytes: &bytes[..visible],
            protection: if has(pe::IMAGE_SCN_MEM_EXECUTE) {
                Protection::ReadExecute
            } else if has(pe::IMAGE_SCN_MEM_WRITE) {
                Protection::ReadWrite
            } else {
                Protection::Read
            },
            discardable: has(pe::IMAGE_SCN_MEM_DISCARDABLE),
        });
    }
    sections
}

/// The offsets of all addresses to relocate.
fn relocations(file: &PeFile64<'_>, data: &'static [u8], faults: &mut Faults) -> Vec<u32> {
    let directories = file.data_directories();
    let mut offsets = Vec::new();
    let blocks = directories.relocation_blocks(data, &file.section_table());
    let mut blocks = match blocks {
        Ok(Some(blocks)) => blocks,
        // Code may do without any absolute address.
        Ok(None) => return offsets,
        Err(error) => {
            faults.0.push(format!("relocations: {error}"));
            return offsets;
        }
    };
    loop {
        match blocks.next() {
            Ok(Some(block)) => {
                for relocation in block {
                    match relocation.typ {
                        pe::IMAGE_REL_BASED_DIR64 => offsets.push(relocation.virtual_address),
                        pe::IMAGE_REL_BASED_ABSOLUTE => {}
                        other => faults.0.push(format!("relocation of type {other}")),
                    }
                }
            }
            Ok(None) => return offsets,
            Err(error) => {
                faults.0.push(format!("relocations: {error}"));
                return offsets;
            }
        }
    }
}

/// The slots of the import address table, with addresses of the lab's routines.
fn imports(file: &PeFile64<'_>, resolve: Resolve, faults: &mut Faults) -> Vec<(u32, u64)> {
    let mut slots = Vec::new();
    let mut unknown = Vec::new();
    if let Err(error) = read_imports(file, resolve, faults, &mut slots, &mut unknown) {
        faults.0.push(format!("imports: {error}"));
    }
    faults.check(unknown.is_empty(), || {
        format!("the lab doesn't offer {}", unknown.join(", "))
    });
    slots
}

fn read_imports(
    file: &PeFile64<'_>,
    resolve: Resolve,
    faults: &mut Faults,
    slots: &mut Vec<(u32, u64)>,
    unknown: &mut Vec<String>,
) -> object::Result<()> {
    let Some(table) = file.import_table()? else {
        return Ok(());
    };
    let mut descriptors = table.descriptors()?;
    while let Some(descriptor) = descriptors.next()? {
        let library = String::from_utf8_lossy(table.name(descriptor.name.get(LE))?).into_owned();
        let known = EXPORTERS
            .iter()
            .any(|name| name.eq_ignore_ascii_case(&library));
        faults.check(known, || format!("imports from {library}"));
        let mut thunks = table.thunks(descriptor.original_first_thunk.get(LE))?;
        let mut slot = descriptor.first_thunk.get(LE);
        while let Some(thunk) = thunks.next::<pe::ImageNtHeaders64>()? {
            if thunk.is_ordinal() {
                faults
                    .0
                    .push(format!("imports ordinal {} of {library}", thunk.ordinal()));
            } else {
                let (_, name) = table.hint_name(thunk.address())?;
                let name = String::from_utf8_lossy(name);
                match resolve(&name) {
                    Some(address) => slots.push((slot, address)),
                    None => unknown.push(name.into_owned()),
                }
            }
            slot += 8;
        }
    }
    Ok(())
}

impl Contents {
    /// Moves all addresses from the preferred base to `base`, where the image is
    /// mapped writable.
    pub(super) fn relocate(&self, base: u64) {
        let delta = base.wrapping_sub(self.preferred_base);
        for &offset in &self.relocations {
            let place = address::pointer::<u64>(base + u64::from(offset));
            // SAFETY: the image is being loaded, and nothing else refers to it yet.
            let value = unsafe { place.read_unaligned() };
            // SAFETY: the image is mapped writable while it is being loaded.
            unsafe { place.write_unaligned(value.wrapping_add(delta)) };
        }
    }

    /// Fills the import address table.
    pub(super) fn bind(&self, base: u64) {
        for &(slot, address) in &self.imports {
            let place = address::pointer::<u64>(base + u64::from(slot));
            // SAFETY: the image is mapped writable while it is being loaded.
            unsafe { place.write_unaligned(address) };
        }
    }
}
