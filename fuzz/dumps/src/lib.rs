//! What hypervisors and hex dump programs print of a VMCB, by their own sources: a page goes in, text comes
//! out. Tests and fuzz targets of what reads it begin with it. Knows nothing of what reads it.

pub mod hexadecimal;
pub mod kvm;
pub mod qemu;
pub mod xen;

use amd_svm::vmcb::{VMCB_SIZE, fields};

/// The segments and tables of the save area.
const SEGMENTS: [&str; 10] = [
    "es", "cs", "ss", "ds", "fs", "gs", "gdtr", "ldtr", "idtr", "tr",
];

/// A page with the numbers that these bytes have in a VMCB's fields, as far as they say that it is one:
/// what is reserved is zero.
///
/// # Panics
///
/// Never: the fields are those of the page.
#[must_use]
pub fn page(bytes: &[u8; VMCB_SIZE]) -> [u8; VMCB_SIZE] {
    let mut page = [0; VMCB_SIZE];
    for field in fields::VMCB {
        field
            .bytes_mut(&mut page)
            .copy_from_slice(&bytes[field.range()]);
    }
    for name in SEGMENTS {
        let name = format!("{name}.attrib");
        let bits = number(&page, &name) & 0xFFF;
        set(&mut page, &name, bits);
    }
    page[0x90..0x98].fill(0);
    page[0x90] = bytes[0x90];
    page[0x4CB] &= 3;
    page
}

/// The number in a field of a page.
///
/// # Panics
///
/// If there is no such field, it is no number, or the page has not [`VMCB_SIZE`] bytes.
#[must_use]
pub fn number(page: &[u8], name: &str) -> u64 {
    let page: &[u8; VMCB_SIZE] = page.try_into().expect("a page");
    let field = fields::named(fields::VMCB, name).expect("a field");
    field.read(page).expect("a number")
}

fn set(page: &mut [u8], name: &str, value: u64) {
    let page: &mut [u8; VMCB_SIZE] = page.try_into().expect("a page");
    let field = fields::named(fields::VMCB, name).expect("a field");
    assert!(field.write(page, value), "{name}");
}
