//! Makes an image the same wherever it was linked.
//!
//! The linker derives the image's timestamps, and what a debugger recognises the debugging
//! information by, from everything it writes, and the debugging information holds the paths and
//! the command line of this machine. Here they are derived from the image alone.

use anyhow::{Result, bail};
use xxhash_rust::xxh3::xxh3_128;

use super::{Places, checksum};

/// Gives `image` timestamps and a GUID that depend on its other bytes only, `debug_info` the same
/// GUID, and the image a new checksum.
pub(crate) fn make_reproducible(image: &mut [u8], debug_info: &mut [u8]) -> Result<()> {
    let places = Places::of(image)?;
    let linked = image[places.guid.clone()].to_owned();
    for place in places
        .timestamps
        .iter()
        .chain([&places.guid, &places.checksum])
    {
        image[place.clone()].fill(0);
    }
    let guid = xxh3_128(image).to_le_bytes();
    image[places.guid.clone()].copy_from_slice(&guid);
    for place in &places.timestamps {
        image[place.clone()].copy_from_slice(&guid[..4]);
    }
    let checksum = checksum(image, &places.checksum)?;
    image[places.checksum].copy_from_slice(&checksum.to_le_bytes());
    replace_once(debug_info, &linked, &guid)
}

fn replace_once(bytes: &mut [u8], from: &[u8], to: &[u8]) -> Result<()> {
    let found: Vec<usize> = bytes
        .windows(from.len())
        .enumerate()
        .filter_map(|(place, window)| (window == from).then_some(place))
        .collect();
    let [place] = found[..] else {
        bail!(
            "the debugging information has the image's GUID {} times",
            found.len()
        );
    };
    bytes[place..place + to.len()].copy_from_slice(to);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::{example, expected_checksum, word};

    /// The example image as if another link had made it, with its debugging information.
    fn linked(guid: [u8; 16], timestamp: [u8; 4]) -> (Vec<u8>, Vec<u8>) {
        let mut image = example::image();
        let places = Places::of(&image).unwrap();
        image[places.guid].copy_from_slice(&guid);
        image[places.timestamps[0].clone()].copy_from_slice(&timestamp);
        let debug_info = [b"before".as_slice(), &guid, b"after"].concat();
        (image, debug_info)
    }

    #[test]
    fn two_links_of_the_same_code_become_one_image() {
        let mut made = [
            linked(*b"one link's GUID.", [1; 4]),
            linked(*b"the other's GUID", [2; 4]),
        ];
        for (image, debug_info) in &mut made {
            make_reproducible(image, debug_info).unwrap();
        }
        let [first, second] = made;
        assert_eq!(first, second);
        let guid = Places::of(&first.0).unwrap().guid;
        assert_eq!(first.1[6..22], first.0[guid]);
    }

    #[test]
    fn other_code_gets_another_identity() {
        let (mut image, mut debug_info) = linked(example::GUID, [1; 4]);
        let (mut changed, mut changed_info) = (image.clone(), debug_info.clone());
        *changed.last_mut().unwrap() ^= 1;
        make_reproducible(&mut image, &mut debug_info).unwrap();
        make_reproducible(&mut changed, &mut changed_info).unwrap();
        assert_ne!(debug_info, changed_info);
    }

    #[test]
    fn the_checksum_is_right_afterwards() {
        let (mut image, mut debug_info) = linked(example::GUID, [1; 4]);
        make_reproducible(&mut image, &mut debug_info).unwrap();
        let place = Places::of(&image).unwrap().checksum;
        assert_eq!(
            word(&image, place.start).unwrap(),
            expected_checksum(&image).unwrap()
        );
    }

    #[test]
    fn debugging_information_of_another_image_is_refused() {
        let (mut image, _) = linked(example::GUID, [1; 4]);
        assert!(make_reproducible(&mut image, &mut b"none".to_vec()).is_err());
        let mut twice = [example::GUID, example::GUID].concat();
        let (mut image, _) = linked(example::GUID, [1; 4]);
        assert!(make_reproducible(&mut image, &mut twice).is_err());
    }
}
