//! Lists of bounded length, so that no short text fills the memory with long structures.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{self, SeqAccess};
use serde::{Deserialize, Deserializer};

use super::{DisagreementMembers, MOST_NAMES};

/// A list of at most `MOST`; none may be written as null.
pub(super) fn at_most<'de, D: Deserializer<'de>, T: Deserialize<'de>, const MOST: usize>(
    deserializer: D,
) -> Result<Vec<T>, D::Error> {
    struct AtMost<T, const MOST: usize>(PhantomData<T>);

    impl<'de, T: Deserialize<'de>, const MOST: usize> de::Visitor<'de> for AtMost<T, MOST> {
        type Value = Vec<T>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "a list of at most {MOST}")
        }

        /// An absent list may be written as null.
        fn visit_unit<E: de::Error>(self) -> Result<Vec<T>, E> {
            Ok(Vec::new())
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Vec<T>, A::Error> {
            let mut list = Vec::new();
            while let Some(item) = items.next_element()? {
                if list.len() == MOST {
                    return Err(de::Error::invalid_length(MOST + 1, &self));
                }
                list.push(item);
            }
            Ok(list)
        }
    }
    deserializer.deserialize_any(AtMost::<T, MOST>(PhantomData))
}

/// A list of disagreements where there is one: each is about a field.
pub(super) fn some_at_most<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Vec<DisagreementMembers>>, D::Error> {
    #[derive(Deserialize)]
    #[serde(transparent)]
    struct List(
        #[serde(deserialize_with = "at_most::<_, _, MOST_NAMES>")] Vec<DisagreementMembers>,
    );
    match Option::<List>::deserialize(deserializer)? {
        Some(list) => Ok(Some(list.0)),
        None => Err(de::Error::invalid_type(
            de::Unexpected::Unit,
            &"a list of disagreements",
        )),
    }
}
