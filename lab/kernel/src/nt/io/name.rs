//! Object names: comparing them, and taking them apart.

use alloc::string::String;

/// Where the Win32 name `\\.\X` lives.
pub(super) const WIN32_DIRECTORY: &str = r"\??\";

/// Other names of that directory.
const WIN32_ALIASES: [&str; 3] = [r"\??\", r"\DosDevices\", r"\GLOBAL??\"];

/// Names are equal without regard to case.
pub(super) fn same_name(a: &str, b: &str) -> bool {
    a.eq_ignore_ascii_case(b)
}

/// The first component of a path, and what follows with its separator.
pub(super) fn split_component(path: &str) -> (&str, &str) {
    path.find('\\')
        .map_or((path, ""), |position| path.split_at(position))
}

/// A link's name in the one directory that the aliases stand for.
pub(super) fn canonical_link(name: &str) -> Option<String> {
    WIN32_ALIASES.iter().find_map(|alias| {
        let directory = name.get(..alias.len())?;
        same_name(directory, alias).then(|| [WIN32_DIRECTORY, &name[alias.len()..]].concat())
    })
}
