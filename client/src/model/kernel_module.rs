//! What the system has loaded into the kernel's address space, so that an address has a name.

use bytemuck::AnyBitPattern;

/// An image in the kernel's address space.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct KernelModule {
    /// The file's name: `ntoskrnl.exe`.
    pub name: String,
    /// Address of its first byte.
    pub base: u64,
    /// Size in bytes.
    pub size: u32,
}

impl KernelModule {
    /// Reads `RTL_PROCESS_MODULES`, which `NtQuerySystemInformation` of 64-bit Windows gives for
    /// `SystemModuleInformation`: a count in eight bytes, and the modules in the order in which
    /// they were loaded. Modules whose address the system withholds are left out, and so is a last
    /// one that is not complete.
    #[must_use]
    pub fn parse_list(information: &[u8]) -> Vec<Self> {
        let Some((count, modules)) = information.split_first_chunk() else {
            return Vec::new();
        };
        let count = u32::from_le_bytes(*count);
        let modules = modules.get(4..).unwrap_or_default();
        let (modules, _) = modules.as_chunks::<{ size_of::<ModuleInformation>() }>();
        modules
            .iter()
            .take(usize::try_from(count).unwrap_or(usize::MAX))
            .map(|bytes| bytemuck::must_cast(*bytes))
            .filter(|module: &ModuleInformation| module.image_base != 0)
            .map(|module| Self {
                name: module.name(),
                base: module.image_base,
                size: module.image_size,
            })
            .collect()
    }

    /// The name in printable ASCII: what a terminal would obey, what changes the direction of text
    /// and what looks like another letter is spelt out.
    #[must_use]
    pub fn printable_name(&self) -> String {
        printable(&self.name)
    }

    /// Whether the address lies in the image.
    #[must_use]
    pub fn contains(&self, address: u64) -> bool {
        address
            .checked_sub(self.base)
            .is_some_and(|offset| offset < self.size.into())
    }
}

/// A text from elsewhere in printable ASCII: what is not is spelt out.
pub(crate) fn printable(text: &str) -> String {
    let mut printed = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_ascii_graphic() || character == ' ' {
            printed.push(character);
        } else {
            printed.extend(character.escape_unicode());
        }
    }
    printed
}

/// The module that an address lies in. Images do not overlap: where a list says that they do, one is
/// smaller than it says, and the address belongs to the one that begins nearest below it.
pub(crate) fn at(modules: &[KernelModule], address: u64) -> Option<&KernelModule> {
    let all = modules.iter().filter(|module| module.contains(address));
    // Of equals the first.
    all.rev().max_by_key(|module| module.base)
}

/// The address as module and offset, safe to print.
pub(crate) fn symbolic(modules: &[KernelModule], address: u64) -> Option<String> {
    let module = at(modules, address)?;
    Some(format!(
        "{}+{:#x}",
        module.printable_name(),
        address - module.base
    ))
}

/// `RTL_PROCESS_MODULE_INFORMATION` of 64-bit Windows.
#[repr(C)]
#[derive(AnyBitPattern, Clone, Copy)]
struct ModuleInformation {
    section: u64,
    mapped_base: u64,
    image_base: u64,
    image_size: u32,
    flags: u32,
    load_order: u16,
    initialisation_order: u16,
    load_count: u16,
    /// Offset of the file's name in the path.
    name_offset: u16,
    /// In the system's code page, ended by a zero.
    path: [u8; 256],
}

const _: () = assert!(size_of::<ModuleInformation>() == 296);

impl ModuleInformation {
    /// The file's name.
    fn name(&self) -> String {
        let name = self.path.get(self.name_offset.into()..).unwrap_or_default();
        let name = name.split(|byte| *byte == 0).next().unwrap_or_default();
        String::from_utf8_lossy(name).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A module as the system writes it.
    fn written(base: u64, size: u32, path: &str) -> Vec<u8> {
        let mut bytes = vec![0; size_of::<ModuleInformation>()];
        bytes[16..24].copy_from_slice(&base.to_le_bytes());
        bytes[24..28].copy_from_slice(&size.to_le_bytes());
        let name = u16::try_from(path.rfind('\\').unwrap() + 1).unwrap();
        bytes[38..40].copy_from_slice(&name.to_le_bytes());
        bytes[40..40 + path.len()].copy_from_slice(path.as_bytes());
        bytes
    }

    #[test]
    fn the_kernel_and_a_driver_are_found_and_a_withheld_address_is_none() {
        let mut bytes = 3_u64.to_le_bytes().to_vec();
        bytes.extend(written(
            0xFFFF_F803_1A00_0000,
            0x104_7000,
            r"\SystemRoot\system32\ntoskrnl.exe",
        ));
        bytes.extend(written(0, 0x1000, r"\SystemRoot\system32\hal.dll"));
        bytes.extend(written(
            0xFFFF_F803_2000_0000,
            0x8000,
            "\\SystemRoot\\x\u{1}.sys",
        ));
        let modules = KernelModule::parse_list(&bytes);
        assert_eq!(modules.len(), 2);
        assert_eq!(
            symbolic(&modules, 0xFFFF_F803_1A42_B6C0).as_deref(),
            Some("ntoskrnl.exe+0x42b6c0")
        );
        assert_eq!(
            symbolic(&modules, 0xFFFF_F803_2000_7FFF).as_deref(),
            Some(r"x\u{1}.sys+0x7fff")
        );
        assert_eq!(symbolic(&modules, 0xFFFF_F803_2000_8000), None);
        assert_eq!(symbolic(&modules, 0), None);
    }

    #[test]
    fn an_address_in_images_that_overlap_belongs_to_the_one_that_begins_nearest_below_it() {
        let module = |name: &str, base, size| KernelModule {
            name: name.to_owned(),
            base,
            size,
        };
        let modules = [
            module("ntoskrnl.exe", 0x1000, u32::MAX),
            module("evil.sys", 0x9000, 0x1000),
            module("twin.sys", 0x9000, 0x1000),
        ];
        let symbolic = |address| symbolic(&modules, address);
        assert_eq!(symbolic(0x9010).as_deref(), Some("evil.sys+0x10"));
        assert_eq!(symbolic(0xA000).as_deref(), Some("ntoskrnl.exe+0x9000"));
    }

    proptest! {
        #[test]
        fn no_bytes_are_too_strange(bytes: Vec<u8>, count: u32) {
            let modules = KernelModule::parse_list(&bytes).len();
            prop_assert!(modules * size_of::<ModuleInformation>() <= bytes.len());
            let mut whole = u64::from(count).to_le_bytes().to_vec();
            whole.extend(&bytes);
            whole.resize(2000, 0xFF);
            prop_assert!(KernelModule::parse_list(&whole).len() <= 6);
        }
    }
}
