//! The order in which a tool prints its words: by that, lines that are mixed are told from those of
//! one dump.

use std::collections::BTreeMap;

use super::lines::Line;

/// The places of each word among all that a tool prints.
pub(super) struct Order(BTreeMap<String, Vec<usize>>);

impl Order {
    /// The order of words, some of which may be there twice.
    pub(super) fn new(words: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let mut places: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (place, word) in words.into_iter().enumerate() {
            places.entry(word.into()).or_default().push(place);
        }
        Self(places)
    }

    /// Where a word is printed, in ascending order; nowhere if it is none of them.
    pub(super) fn places(&self, word: &str) -> &[usize] {
        self.0.get(word).map_or(&[], Vec::as_slice)
    }

    /// The same of a word that begins at an offset in a line. What may be the end of another word is
    /// none: where the text begins with it, letters before it may have been cut off, and where a line
    /// begins with it, those that the line before ends with may belong to it.
    pub(super) fn places_in(&self, line: &Line, start: usize, word: &str) -> &[usize] {
        let is_end = |other: &String| {
            let rest = other.strip_suffix(word).unwrap_or_default();
            !rest.is_empty() && (line.is_first || rest.eq_ignore_ascii_case(line.before))
        };
        if start == 0 && self.0.keys().any(is_end) {
            return &[];
        }
        self.places(word)
    }
}
