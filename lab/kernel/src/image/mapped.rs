//! What is known of a mapped image.

use alloc::string::String;
use alloc::vec::Vec;

use crate::base::address::PAGE_SIZE;
use crate::memory::paging::Protection;

/// A part of an image with rights of its own.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    /// Address of its first page.
    pub start: u64,
    /// How many pages.
    pub pages: u64,
    /// What may be done with them.
    pub protection: Protection,
    /// Needed for initialisation only.
    pub discardable: bool,
}

/// Where an image and its function table lie.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Layout {
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
#[derive(Clone, Debug)]
pub(crate) struct Image {
    /// File name.
    pub name: String,
    /// Where it begins.
    pub base: u64,
    /// Bytes from the first page to the last.
    pub size: u64,
    /// Entry point.
    pub entry: u64,
    /// Offset and length of the exception directory.
    pub functions: (u32, u32),
    /// All of its parts.
    pub parts: Vec<Part>,
}

impl Image {
    /// Where the image and its function table lie.
    pub(crate) const fn layout(&self) -> Layout {
        Layout {
            base: self.base,
            size: self.size,
            functions: self.functions.0,
            functions_size: self.functions.1,
        }
    }

    /// Whether an address lies in executable memory of the image.
    pub(crate) fn executes(&self, address: u64) -> bool {
        self.parts.iter().any(|part| {
            part.protection == Protection::ReadExecute
                && (part.start..part.start + part.pages * PAGE_SIZE).contains(&address)
        })
    }
}
