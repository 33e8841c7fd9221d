//! The driver's image: from its file to pages with the rights that its sections
//! ask for, and away again.

#![expect(unsafe_code, reason = "an image is written where it is mapped")]

mod pe;
pub mod symbol;

use alloc::string::String;
use alloc::vec::Vec;

use spin::Once;

use crate::memory::layout::{self, PAGE_SIZE};
use crate::memory::paging::{self, Protection};
use crate::memory::region::Region;
use crate::{memory, random};

/// The first image moves by this many pages at most, later ones by fewer, so that
/// there is room for thousands.
const FIRST_RANDOM_PAGES: u64 = 1 << 20;
const RANDOM_PAGES: u64 = 1 << 10;

static FILE: Once<DriverFile> = Once::new();
static IMAGES: Region = Region::new(layout::IMAGES);

struct DriverFile {
    name: String,
    bytes: &'static [u8],
}

/// Remembers the driver's file.
pub fn initialize(name: &str, bytes: &'static [u8]) {
    IMAGES.skip(random::below(FIRST_RANDOM_PAGES));
    FILE.call_once(|| DriverFile {
        name: String::from(name),
        bytes,
    });
}

/// A part of an image with rights of its own.
#[derive(Debug, Clone)]
struct Part {
    start: u64,
    pages: u64,
    protection: Protection,
    /// Needed for initialisation only.
    discardable: bool,
}

/// Where an image and its function table lie.
#[derive(Debug, Clone, Copy)]
pub struct Layout {
    /// Where the image begins.
    pub base: u64,
    /// Bytes from the first page to the last.
    pub size: u64,
    /// Offset of the exception directory.
    pub functions: u32,
    /// Its length in bytes; zero if there is none.
    pub functions_size: u32,
}

/// An image in memory.
#[derive(Debug, Clone)]
pub struct Image {
    /// File name.
    pub name: String,
    /// Where it begins.
    pub base: u64,
    /// Bytes from the first page to the last.
    pub size: u64,
    /// Entry point.
    pub entry: u64,
    /// Offset and length of the exception directory.
    functions: (u32, u32),
    parts: Vec<Part>,
}

/// Maps the driver's file, binds it and gives each section its rights. The error
/// tells everything that is wrong with the file.
pub fn load() -> Result<Image, String> {
    let file = FILE.get().expect("set at boot");
    let contents = pe::parse(file.bytes)?;
    IMAGES.skip(random::below(RANDOM_PAGES));
    let base = IMAGES.reserve(layout::pages(contents.size));
    let mut parts = Vec::new();
    for section in &contents.sections {
        let start = base + u64::from(section.address);
        let pages = layout::pages(section.size);
        if !memory::back(start, pages, Protection::ReadWrite) {
            release(&parts);
            return Err(String::from("memory is short"));
        }
        write(start, pages, section.bytes);
        parts.push(Part {
            start,
            pages,
            protection: section.protection,
            discardable: section.discardable,
        });
    }
    contents.relocate(base);
    contents.bind(base);
    for part in &parts {
        for page in 0..part.pages {
            paging::protect(part.start + page * PAGE_SIZE, part.protection);
        }
    }
    memory::shootdown::flush();
    let image = Image {
        name: file.name.clone(),
        base,
        size: contents.size,
        entry: base + u64::from(contents.entry),
        functions: contents.functions,
        parts,
    };
    symbol::add(&image);
    Ok(image)
}

/// Fills fresh pages: the bytes, then zeros.
fn write(start: u64, pages: u64, bytes: &[u8]) {
    let target = paging::pointer::<u8>(start);
    // SAFETY: The pages were just mapped for this image alone.
    unsafe { target.write_bytes(0, paging::to_usize(pages * PAGE_SIZE)) };
    // SAFETY: As above; the parser has checked that the bytes fit.
    unsafe { target.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
}

fn release(parts: &[Part]) {
    for part in parts {
        memory::release(part.start, part.pages);
    }
}

impl Image {
    /// Takes the sections away that only the entry point may use.
    pub fn discard_initialization(&self) {
        for part in self.parts.iter().filter(|part| part.discardable) {
            memory::release(part.start, part.pages);
        }
    }

    /// Takes the image away.
    pub fn unload(&self) {
        for part in &self.parts {
            if paging::translate(part.start).is_some() {
                memory::release(part.start, part.pages);
            }
        }
        symbol::retire(self.base);
    }

    /// Where the image and its function table lie.
    pub const fn layout(&self) -> Layout {
        Layout {
            base: self.base,
            size: self.size,
            functions: self.functions.0,
            functions_size: self.functions.1,
        }
    }

    /// Whether an address lies in executable memory of the image.
    fn executes(&self, address: u64) -> bool {
        self.parts.iter().any(|part| {
            part.protection == Protection::ReadExecute
                && (part.start..part.start + part.pages * PAGE_SIZE).contains(&address)
        })
    }
}
