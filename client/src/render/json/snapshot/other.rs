//! Documents that are no snapshots, or snapshots of another age.

use serde::Deserialize;

use super::lists::{Names, Object};
use crate::model::{FileError, OLDEST_SCHEMA, SCHEMA};

pub(super) fn is_known(schema: u32) -> bool {
    (OLDEST_SCHEMA..=SCHEMA).contains(&schema)
}

/// A document of another age is told by its age, whatever else is new to this client.
pub(super) fn other_schema(text: &str) -> Option<FileError> {
    #[derive(Deserialize)]
    struct Age {
        schema: u32,
    }
    let Object(Age { schema: found }) = serde_json::from_str(text).ok()?;
    (!is_known(found)).then_some(FileError::OtherSchema { found })
}

/// A document that is something else than a snapshot is told by what it has.
pub(super) fn other_json(text: &str) -> Option<FileError> {
    /// What other commands print, by a member that nothing else has.
    const OTHERS: [(&str, &str); 7] = [
        (
            "_TRANSPORT",
            "it is what `journalctl -o json` prints: take `journalctl -o short`",
        ),
        ("findings", "it is what `check --json` prints"),
        (
            "changes",
            "it is what `diff --json` or `watch --jsonl` prints",
        ),
        (
            "type",
            "it is a line that `watch --jsonl` or `check --jsonl` prints",
        ),
        ("cycles", "it is what `bench --json` prints"),
        ("driver", "it has no `processors`"),
        ("schema", "it has no `processors`"),
    ];
    const MOST: usize = 4;
    let (first, rest) = text.split_once('\n').unwrap_or((text, ""));
    let are_lines = rest.trim_start().starts_with('{');
    let Object(Names(names)) = serde_json::from_str(if are_lines { first } else { text }).ok()?;
    let has = |member: &str| names.iter().any(|name| name == member);
    if has("processors") {
        return (!has("schema")).then(|| FileError::OtherJson("it has no `schema`".to_owned()));
    }
    let known = OTHERS.iter().find(|(member, _)| has(member));
    Some(FileError::OtherJson(match known {
        Some((_, words)) => (*words).to_owned(),
        None if are_lines => "it is several documents, a line each".to_owned(),
        None if names.is_empty() => "it is an object without members".to_owned(),
        None => {
            let names = names.iter().take(MOST);
            let names: Vec<_> = names
                .map(|name| name.escape_default().to_string())
                .collect();
            format!(
                "it has no `schema` and no `processors`, but `{}`",
                names.join("`, `")
            )
        }
    }))
}
