//! What Driver Verifier checks, as the system lists it.

use super::machine::Verifier;

/// Where an entry of the list has the distance to the next one, 0 in the last.
const NEXT: usize = 0;
/// What is checked, the same in every entry.
const LEVEL: usize = 4;
/// The length of the driver's name in bytes.
const LENGTH: usize = 0x18;
/// The address of the name, which lies in the list too.
const NAME: usize = 0x20;
/// Behind all of that.
const END: usize = 0x28;

/// Reads the list, which lies at this address; none if it is of another form.
///
/// No document has the structure, `SYSTEM_VERIFIER_INFORMATION`. The public symbols of Windows 10 from
/// version 1607 on, and of Windows 11, do. Earlier ones have the name elsewhere, so that one that is
/// not in the list tells them.
pub(super) fn of(list: &[u8], address: usize) -> Option<Verifier> {
    let mut verifier = Verifier::default();
    let mut entry = list;
    loop {
        let fields = entry.first_chunk::<END>()?;
        let number = |at: usize| {
            fields[at..]
                .first_chunk()
                .map(|bytes| u32::from_le_bytes(*bytes))
        };
        let length = usize::from(fields[LENGTH]) | usize::from(fields[LENGTH + 1]) << 8;
        // Where nothing is checked, the one entry names no driver.
        if length > 0 {
            let name = u64::from_le_bytes(*fields[NAME..].first_chunk()?);
            let start = usize::try_from(name).ok()?.checked_sub(address)?;
            let (units, _) = list.get(start..start.checked_add(length)?)?.as_chunks();
            let units: Vec<u16> = units.iter().map(|unit| u16::from_le_bytes(*unit)).collect();
            verifier.drivers += &String::from_utf16_lossy(&units);
            verifier.drivers.push(' ');
            verifier.flags = number(LEVEL)?;
        }
        match number(NEXT)? as usize {
            0 => break,
            next => entry = entry.get(next..)?,
        }
    }
    verifier.drivers.truncate(verifier.drivers.trim_end().len());
    Some(verifier)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where the list of these tests lies.
    const ADDRESS: usize = 0x1_2345_6000;

    /// A list as the system writes it: each entry is followed by its name.
    fn list(names: &[&str]) -> Vec<u8> {
        let mut list = Vec::new();
        for (number, name) in names.iter().enumerate() {
            let start = list.len();
            let name: Vec<u8> = name.encode_utf16().flat_map(u16::to_le_bytes).collect();
            let size = (0x70 + name.len()).next_multiple_of(8);
            list.resize(start + size, 0);
            let next = if number + 1 == names.len() { 0 } else { size };
            let mut put = |at: usize, bytes: &[u8]| {
                list[start + at..start + at + bytes.len()].copy_from_slice(bytes);
            };
            put(NEXT, &u32::try_from(next).unwrap().to_le_bytes());
            put(LEVEL, &0x9BB_u32.to_le_bytes());
            put(LENGTH, &u16::try_from(name.len()).unwrap().to_le_bytes());
            put(NAME, &(ADDRESS + start + 0x70).to_le_bytes());
            put(0x70, &name);
        }
        list.resize(0x1000, 0);
        list
    }

    #[test]
    fn every_driver_is_named() {
        let verifier = of(&list(&["a.sys", "svmsave.sys"]), ADDRESS).unwrap();
        assert_eq!(
            (&*verifier.drivers, verifier.flags),
            ("a.sys svmsave.sys", 0x9BB)
        );
        assert_eq!(of(&[0; 0x1000], ADDRESS), Some(Verifier::default()));
    }

    #[test]
    fn another_form_is_not_guessed_at() {
        assert_eq!(of(&[], ADDRESS), None);
        let list = list(&["a.sys", "svmsave.sys"]);
        assert_eq!(of(&list, ADDRESS + 0x1000), None);
        assert_eq!(of(&list, ADDRESS - 0x1000), None);
        assert_eq!(of(&list[..0x90], ADDRESS), None);
    }

    proptest::proptest! {
        #[test]
        fn no_list_is_too_strange(bytes: Vec<u8>, address: usize) {
            of(&bytes, address);
        }
    }
}
