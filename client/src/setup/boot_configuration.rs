//! What the boot configuration stores for the next start.
//!
//! `bcdedit` prints its values in the user's language. The store itself is a hive of the registry,
//! which administrators may read.

/// The hive's objects, each a key with the name of its identifier.
const OBJECTS: &str = r"BCD00000000\Objects";

/// The type of an object that loads Windows: an application, started by the boot manager.
const WINDOWS_LOADER: u32 = 0x1020_0003;

/// `BcdLibraryBoolean_AllowPrereleaseSignatures`, which `bcdedit` calls `testsigning`.
///
/// Source: "`BcdLibraryElementTypes` enumeration" of Windows' documentation.
const ALLOW_PRERELEASE_SIGNATURES: &str = "16000049";

/// `{bootloadersettings}` and `{globalsettings}`, from which a loader inherits what it does not set.
const INHERITED: [&str; 2] = [
    "{6efb52bf-1766-41db-a6b3-0ee5eff72bd7}",
    "{7ea2e1ac-2e61-4728-aaa3-896d9d0a9f0e}",
];

/// Whether test signing is set for the next start of the Windows that this loader starts, by the
/// bytes of the loader's identifier; none if the store is not readable.
///
/// A number and a byte of the registry are asked for by their key and name.
pub(crate) fn test_signing(
    loader: [u8; 16],
    number: impl Fn(&str, &str) -> Option<u32>,
    byte: impl Fn(&str, &str) -> Option<u8>,
) -> Option<bool> {
    let loader = identifier(loader);
    // A value that is not there means off only where the object is read.
    if number(&format!(r"{OBJECTS}\{loader}\Description"), "Type") != Some(WINDOWS_LOADER) {
        return None;
    }
    let objects = [loader.as_str(), INHERITED[0], INHERITED[1]];
    let set = objects.into_iter().find_map(|object| {
        let key = format!(r"{OBJECTS}\{object}\Elements\{ALLOW_PRERELEASE_SIGNATURES}");
        byte(&key, "Element")
    });
    Some(set.is_some_and(|set| set != 0))
}

/// An identifier as the registry names it: its first three numbers are stored with the lowest byte
/// first.
fn identifier([b0, b1, b2, b3, b4, b5, b6, b7, rest @ ..]: [u8; 16]) -> String {
    let (first, rest) = (
        u32::from_le_bytes([b0, b1, b2, b3]),
        u64::from_be_bytes(rest),
    );
    let (second, third) = (u16::from_le_bytes([b4, b5]), u16::from_le_bytes([b6, b7]));
    format!(
        "{{{first:08x}-{second:04x}-{third:04x}-{:04x}-{:012x}}}",
        rest >> 48,
        rest & 0xFFFF_FFFF_FFFF
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOADER: [u8; 16] = [
        0x2C, 0x86, 0xEA, 0x9D, 0xDD, 0x5C, 0x70, 0x4E, 0xAC, 0xC1, 0xF3, 0x2B, 0x34, 0x4D, 0x47,
        0x95,
    ];
    const NAME: &str = "{9dea862c-5cdd-4e70-acc1-f32b344d4795}";

    /// What a store says whose loader has this type, and in which these objects have the element.
    fn asked(kind: Option<u32>, elements: &[(&str, u8)]) -> Option<bool> {
        test_signing(
            LOADER,
            |key, name| {
                let description = format!(r"BCD00000000\Objects\{NAME}\Description");
                assert_eq!((key, name), (description.as_str(), "Type"));
                kind
            },
            |key, name| {
                assert_eq!(name, "Element");
                let element = elements.iter().find(|(object, _)| {
                    key == format!(r"BCD00000000\Objects\{object}\Elements\16000049")
                });
                element.map(|(_, byte)| *byte)
            },
        )
    }

    #[test]
    fn an_identifier_is_written_as_the_registry_names_it() {
        assert_eq!(identifier(LOADER), NAME);
    }

    #[test]
    fn the_element_of_the_loader_counts_before_those_that_it_inherits() {
        let [settings, global] = INHERITED;
        for (elements, expected) in [
            (vec![], false),
            (vec![(NAME, 1)], true),
            (vec![(NAME, 0)], false),
            (vec![(NAME, 0), (settings, 1), (global, 1)], false),
            (vec![(settings, 1)], true),
            (vec![(settings, 0), (global, 1)], false),
            (vec![(global, 1)], true),
            (vec![("{bootmgr}", 1)], false),
        ] {
            let found = asked(Some(WINDOWS_LOADER), &elements);
            assert_eq!(found, Some(expected), "{elements:?}");
        }
    }

    #[test]
    fn a_store_that_is_not_readable_says_neither_on_nor_off() {
        assert_eq!(asked(None, &[]), None);
        assert_eq!(asked(None, &[(INHERITED[1], 1)]), None);
        // The boot manager, of which no Windows is started.
        assert_eq!(asked(Some(0x1010_0002), &[(NAME, 1)]), None);
    }
}
