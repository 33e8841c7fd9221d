//! A map of few keys, or of keys that come in ascending order: sorted pairs. The standard library's map
//! is compiled anew for each type of keys and values, and is then larger than what it is used for.

use std::cmp::Ordering;

use serde::{Serialize, Serializer};

/// Pairs in the order of their keys, each key once.
#[derive(Clone, Debug)]
pub(crate) struct Table<K, V>(Vec<(K, V)>);

impl<K: Ord, V> Table<K, V> {
    /// No pairs.
    pub(crate) const fn new() -> Self {
        Self(Vec::new())
    }

    /// The value of a key.
    pub(crate) fn get(&self, key: &K) -> Option<&V> {
        let at = self.place(key).ok()?;
        self.0.get(at).map(|(_, value)| value)
    }

    /// The value of a key, which is made if there is none.
    pub(crate) fn get_or_insert_with(&mut self, key: K, value: impl FnOnce() -> V) -> &mut V {
        let at = match self.place(&key) {
            Ok(at) => at,
            Err(at) => {
                self.0.insert(at, (key, value()));
                at
            }
        };
        &mut self.0[at].1
    }

    /// Gives a key a value; returns the one that it had.
    pub(crate) fn insert(&mut self, key: K, value: V) -> Option<V> {
        match self.place(&key) {
            Ok(at) => Some(std::mem::replace(&mut self.0[at].1, value)),
            Err(at) => {
                self.0.insert(at, (key, value));
                None
            }
        }
    }

    /// All pairs.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.0.iter().map(|(key, value)| (key, value))
    }

    /// All keys.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &K> {
        self.0.iter().map(|(key, _)| key)
    }

    /// How many pairs there are.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Where a key is, or would be: at the end or behind all others, more often than not.
    fn place(&self, key: &K) -> Result<usize, usize> {
        let Some(((last, _), others)) = self.0.split_last() else {
            return Err(0);
        };
        match key.cmp(last) {
            Ordering::Greater => Err(self.0.len()),
            Ordering::Equal => Ok(others.len()),
            Ordering::Less => others.binary_search_by(|(one, _)| one.cmp(key)),
        }
    }
}

impl<K: Ord, V: Default> Table<K, V> {
    /// The value of a key, an empty one if there was none.
    pub(crate) fn get_or_default(&mut self, key: K) -> &mut V {
        self.get_or_insert_with(key, V::default)
    }
}

impl<K: Ord, V> Default for Table<K, V> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K: Ord, V> FromIterator<(K, V)> for Table<K, V> {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        let mut table = Self::new();
        for (key, value) in pairs {
            table.insert(key, value);
        }
        table
    }
}

impl<K, V> IntoIterator for Table<K, V> {
    type Item = (K, V);
    type IntoIter = std::vec::IntoIter<(K, V)>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<K: Ord + Serialize, V: Serialize> Serialize for Table<K, V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_table_is_the_map_of_the_standard_library(
            pairs in prop::collection::vec((0_u8..20, any::<u16>()), 0..100)
        ) {
            let mut table: Table<u8, u16> = Table::new();
            let mut map: BTreeMap<u8, u16> = BTreeMap::new();
            for (key, value) in pairs.iter().copied() {
                *table.get_or_default(key) ^= value;
                *map.entry(key).or_default() ^= value;
            }
            prop_assert_eq!(table.len(), map.len());
            prop_assert_eq!(table.is_empty(), map.is_empty());
            prop_assert!(table.iter().eq(map.iter()));
            prop_assert!(table.keys().eq(map.keys()));
            prop_assert!((0..20).all(|key| table.get(&key) == map.get(&key)));
            let texts = [serde_json::to_string(&table), serde_json::to_string(&map)];
            prop_assert_eq!(texts[0].as_ref().unwrap(), texts[1].as_ref().unwrap());
            prop_assert!(table.into_iter().eq(map));
            let last: BTreeMap<u8, u16> = pairs.iter().copied().collect();
            let table: Table<u8, u16> = pairs.into_iter().collect();
            prop_assert!(table.into_iter().eq(last));
        }
    }
}
