//! Objects of numbers, of which a snapshot has a hundred thousand: read into a structure's bytes, and
//! written from them, as a table says.

use std::fmt;

use bytemuck::Pod;
use serde::de::{self, DeserializeSeed, MapAccess, SeqAccess, Visitor};
use serde::ser::{SerializeMap as _, SerializeSeq as _};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::super::hex::{self, Digits};

/// A member of an object: its name, its place in the structure, and what it is.
pub(super) struct Member {
    name: &'static str,
    offset: usize,
    kind: Kind,
}

enum Kind {
    /// A number of so many bytes, little-endian.
    Number(usize),
    /// So many numbers of eight bytes, as a list.
    List(usize),
    /// An object with places of its own.
    Object(&'static [Member]),
}

/// A number of this many bytes.
pub(super) const fn number(name: &'static str, offset: usize, size: usize) -> Member {
    Member {
        name,
        offset,
        kind: Kind::Number(size),
    }
}

/// A list of this many numbers of eight bytes.
pub(super) const fn list(name: &'static str, offset: usize, length: usize) -> Member {
    Member {
        name,
        offset,
        kind: Kind::List(length),
    }
}

/// An object within the object.
pub(super) const fn object(
    name: &'static str,
    offset: usize,
    members: &'static [Member],
) -> Member {
    Member {
        name,
        offset,
        kind: Kind::Object(members),
    }
}

/// A structure of numbers that is written as an object of all of them.
pub(super) trait Table: Default + Pod {
    /// What the object has, in order.
    const MEMBERS: &'static [Member];
}

/// Such a structure.
#[derive(Clone, Copy)]
pub(super) struct Numbers<T>(pub(super) T);

impl<'de, T: Table> Deserialize<'de> for Numbers<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut read = T::default();
        let object = Reading {
            members: T::MEMBERS,
            bytes: bytemuck::bytes_of_mut(&mut read),
        };
        deserializer.deserialize_map(object)?;
        Ok(Self(read))
    }
}

impl<T: Table> Serialize for Numbers<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let object = Written {
            members: T::MEMBERS,
            bytes: bytemuck::bytes_of(&self.0),
        };
        object.serialize(serializer)
    }
}

/// An object that is read into bytes.
struct Reading<'b> {
    members: &'static [Member],
    bytes: &'b mut [u8],
}

impl<'de> DeserializeSeed<'de> for Reading<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Reading<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Self { members, bytes } = self;
        let mut seen = 0_u32;
        // They come in order from where they are written.
        let mut next = 0;
        while let Some(found) = map.next_key_seed(Name { members, next })? {
            let Some(at) = found else {
                map.next_value::<de::IgnoredAny>()?;
                continue;
            };
            let Member { name, offset, kind } = &members[at];
            if seen & 1 << at != 0 {
                return Err(de::Error::duplicate_field(name));
            }
            seen |= 1 << at;
            next = at + 1;
            let bytes = &mut bytes[*offset..];
            match kind {
                Kind::Number(size) => put(bytes, *size, map.next_value_seed(Digits(*size))?),
                Kind::List(length) => map.next_value_seed(List {
                    bytes: &mut bytes[..length * size_of::<u64>()],
                })?,
                Kind::Object(members) => map.next_value_seed(Reading { members, bytes })?,
            }
        }
        match (0..members.len()).find(|at| seen & 1 << at == 0) {
            Some(missing) => Err(de::Error::missing_field(members[missing].name)),
            None => Ok(()),
        }
    }
}

fn put(bytes: &mut [u8], size: usize, value: u64) {
    bytes[..size].copy_from_slice(&value.to_le_bytes()[..size]);
}

/// The place of a name in a table; none if it is not there.
struct Name {
    members: &'static [Member],
    /// Where it is probably.
    next: usize,
}

impl<'de> DeserializeSeed<'de> for Name {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Option<usize>, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Name {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E: de::Error>(self, name: &str) -> Result<Option<usize>, E> {
        let is_it = |member: &Member| member.name == name;
        if self.members.get(self.next).is_some_and(is_it) {
            return Ok(Some(self.next));
        }
        Ok(self.members.iter().position(is_it))
    }
}

/// A list of numbers that is read into bytes.
struct List<'b> {
    bytes: &'b mut [u8],
}

impl List<'_> {
    fn length(&self) -> usize {
        self.bytes.len() / size_of::<u64>()
    }
}

impl<'de> DeserializeSeed<'de> for List<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for List<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a list of {} numbers", self.length())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let size = size_of::<u64>();
        for at in 0..self.length() {
            match items.next_element_seed(Digits(size))? {
                Some(value) => put(&mut self.bytes[at * size..], size, value),
                None => return Err(de::Error::invalid_length(at, &self)),
            }
        }
        Ok(())
    }
}

/// An object that is written from bytes.
struct Written<'b> {
    members: &'static [Member],
    bytes: &'b [u8],
}

impl Serialize for Written<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.members.len()))?;
        for Member { name, offset, kind } in self.members {
            let bytes = &self.bytes[*offset..];
            match kind {
                Kind::Number(size) => map.serialize_entry(name, &digits(&bytes[..*size])),
                Kind::List(length) => {
                    let bytes = &bytes[..length * size_of::<u64>()];
                    map.serialize_entry(name, &WrittenList(bytes))
                }
                Kind::Object(members) => map.serialize_entry(name, &Written { members, bytes }),
            }?;
        }
        map.end()
    }
}

struct WrittenList<'b>(&'b [u8]);

impl Serialize for WrittenList<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let numbers = self.0.chunks(size_of::<u64>());
        let mut list = serializer.serialize_seq(Some(numbers.len()))?;
        for number in numbers {
            list.serialize_element(&digits(number))?;
        }
        list.end()
    }
}

fn digits(bytes: &[u8]) -> String {
    let mut value = [0; size_of::<u64>()];
    value[..bytes.len()].copy_from_slice(bytes);
    hex::padded(u64::from_le_bytes(value), 2 * bytes.len())
}
