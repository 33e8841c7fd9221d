//! Mapping the driver's file, and taking an image away.

#![expect(unsafe_code, reason = "an image is written where it is mapped")]

use alloc::string::String;
use alloc::vec::Vec;

use spin::Once;

use super::mapped::{Image, Part};
use super::pe;
pub(crate) use super::pe::Resolve;
use super::symbol;
use crate::base::address::{self, PAGE_SIZE};
use crate::base::random;
use crate::memory;
use crate::memory::paging::{self, Protection};
use crate::memory::region::Region;
use crate::processor::translations;

/// The first image moves by this many pages at most, later ones by fewer, so that
/// there is room for thousands.
const FIRST_RANDOM_PAGES: u64 = 1 << 20;
const RANDOM_PAGES: u64 = 1 << 10;

static FILE: Once<DriverFile> = Once::new();
static IMAGES: Region = Region::new(address::IMAGES);

struct DriverFile {
    name: String,
    bytes: &'static [u8],
}

/// Remembers the driver's file.
pub(crate) fn initialize(name: &str, bytes: &'static [u8]) {
    IMAGES.skip(random::below(FIRST_RANDOM_PAGES));
    FILE.call_once(|| DriverFile {
        name: String::from(name),
        bytes,
    });
}

/// Maps the driver's file, binds it and gives each section its rights. `resolve` finds the address
/// of a routine that the file imports. The error tells everything that is wrong with the file.
pub(crate) fn load(resolve: Resolve) -> Result<Image, String> {
    let file = FILE.get().expect("set at boot");
    let contents = pe::parse(file.bytes, resolve)?;
    IMAGES.skip(random::below(RANDOM_PAGES));
    let base = IMAGES.reserve(address::pages(contents.size));
    let mut parts = Vec::new();
    for section in &contents.sections {
        let start = base + u64::from(section.address);
        let pages = address::pages(section.size);
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
    translations::flush_all();
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
    let target = address::pointer::<u8>(start);
    // SAFETY: the pages were just mapped for this image alone.
    unsafe { target.write_bytes(0, address::to_usize(pages * PAGE_SIZE)) };
    // SAFETY: the pages were just mapped, and the parser has checked that the bytes fit.
    unsafe { target.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
}

fn release(parts: &[Part]) {
    for part in parts {
        memory::release(part.start, part.pages);
    }
}

/// Takes the sections of an image away that only the entry point may use.
pub(crate) fn discard_initialization(image: &Image) {
    for part in image.parts.iter().filter(|part| part.discardable) {
        memory::release(part.start, part.pages);
    }
}

/// Takes an image away.
pub(crate) fn unload(image: &Image) {
    for part in &image.parts {
        if paging::translate(part.start).is_some() {
            memory::release(part.start, part.pages);
        }
    }
    symbol::retire(image.base);
}
