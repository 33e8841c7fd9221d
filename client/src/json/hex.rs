//! Numbers as JSON has them: strings in hexadecimal, with all their leading zeros.

use std::{any, fmt, marker::PhantomData};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A number that is written as `"0x0000000000000d01"`.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Hex<T>(pub(crate) T);

impl<T: fmt::LowerHex> fmt::Display for Hex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = "0x".len() + 2 * size_of::<T>();
        write!(f, "{:#0width$x}", self.0)
    }
}

impl<T: fmt::LowerHex> Serialize for Hex<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de, T: TryFrom<u64>> Deserialize<'de> for Hex<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(HexVisitor(PhantomData))
    }
}

struct HexVisitor<T>(PhantomData<T>);

impl<T: TryFrom<u64>> de::Visitor<'_> for HexVisitor<T> {
    type Value = Hex<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a hexadecimal {} as a string", any::type_name::<T>())
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Hex<T>, E> {
        parse(text)
            .and_then(|value| T::try_from(value).ok())
            .map(Hex)
            .ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
    }
}

/// `0x` and 1 to 16 digits.
fn parse(text: &str) -> Option<u64> {
    let digits = text.strip_prefix("0x")?;
    // The standard library would take a sign too.
    let plain = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    plain
        .then(|| u64::from_str_radix(digits, 16).ok())
        .flatten()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read<T: TryFrom<u64>>(json: &str) -> Result<T, String> {
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
        fn what_is_written_is_read(value: u64) {
            let json = serde_json::to_string(&Hex(value)).unwrap();
            prop_assert_eq!(json.len(), 20);
            prop_assert_eq!(read::<u64>(&json), Ok(value));
        }
    }
}
