//! Numbers as JSON has them: strings in hexadecimal, with all their leading zeros.

use std::fmt;

use serde::de::{self, DeserializeSeed};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

const DIGITS: [char; 16] = [
    '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f',
];

/// A number that is written as `"0x0000000000000d01"`.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Hex<T>(pub(crate) T);

impl<T: Copy + Into<u64>> Serialize for Hex<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&padded(self.0.into(), 2 * size_of::<T>()))
    }
}

/// `0x` and at least this many digits, of 16 at most. A snapshot has hundreds of thousands of such
/// numbers, and [`fmt::LowerHex`] is made for more than this.
pub(crate) fn padded(value: u64, digits: usize) -> String {
    const MOST: u32 = u64::BITS / 4;
    let needed = MOST - value.leading_zeros() / 4;
    let written = needed.max(u32::try_from(digits).unwrap_or(MOST)).min(MOST);
    let mut text = String::with_capacity("0x".len() + 16);
    text.push_str("0x");
    for place in (0..written).rev() {
        let [lowest, ..] = (value >> (4 * place)).to_le_bytes();
        text.push(DIGITS[usize::from(lowest & 0xF)]);
    }
    text
}

/// Two digits for each byte, in the order of memory.
pub(crate) fn digits(bytes: &[u8]) -> String {
    let digits = |byte: &u8| [byte >> 4, byte & 0xF].map(|nibble| DIGITS[usize::from(nibble)]);
    bytes.iter().flat_map(digits).collect()
}

impl<'de, T: Default + TryFrom<u64>> Deserialize<'de> for Hex<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Digits(size_of::<T>()).deserialize(deserializer)?;
        // It has as many bytes as the type.
        Ok(Self(T::try_from(value).unwrap_or_default()))
    }
}

/// A number of this many bytes, of 8 at most, as it is read.
pub(super) struct Digits(pub(super) usize);

impl<'de> DeserializeSeed<'de> for Digits {
    type Value = u64;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<u64, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl de::Visitor<'_> for Digits {
    type Value = u64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = 2 * self.0;
        write!(f, "0x and up to {digits} hexadecimal digits, as a string")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<u64, E> {
        parse(text, 2 * self.0).ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
    }
}

/// `0x` and 1 digit to as many as the number has, of 16 at most.
fn parse(text: &str, most: usize) -> Option<u64> {
    let digits = text.as_bytes().strip_prefix(b"0x")?;
    if digits.is_empty() || digits.len() > most {
        return None;
    }
    let mut value = 0;
    for digit in digits {
        let nibble = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            b'A'..=b'F' => digit - b'A' + 10,
            _ => return None,
        };
        value = value << 4 | u64::from(nibble);
    }
    Some(value)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read<T: Default + TryFrom<u64>>(json: &str) -> Result<T, String> {
        serde_json::from_str::<Hex<T>>(json)
            .map(|hex| hex.0)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn only_what_fits_and_is_hexadecimal_is_read() {
        assert_eq!(read::<u16>("\"0x2b\""), Ok(0x2B));
        for wrong in [
            "\"\"",
            "\"0x\"",
            "\"2b\"",
            "\"0x+2\"",
            "\"0x10000\"",
            "\"0x0002b\"",
            "\"0xg\"",
            "43",
            "null",
        ] {
            assert!(read::<u16>(wrong).is_err(), "{wrong}");
        }
        assert!(read::<u64>("\"0x10000000000000000\"").is_err());
    }

    proptest! {
        #[test]
        fn digits_are_those_of_the_standard_library(value: u64, shift in 0_u32..64, digits in 0_usize..=16) {
            let value = value >> shift;
            let width = digits + 2;
            let expected = if value == 0 && digits == 0 { "0x".to_owned() } else { format!("{value:#0width$x}") };
            prop_assert_eq!(padded(value, digits), expected);
        }

        #[test]
        fn what_is_written_is_read(value: u64) {
            let json = serde_json::to_string(&Hex(value)).unwrap();
            prop_assert_eq!(json.len(), 20);
            prop_assert_eq!(read::<u64>(&json), Ok(value));
        }
    }
}
