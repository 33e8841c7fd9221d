//! What a prefix holds, file by file and value by value: compared before the package is installed
//! and after it is removed, it shows what the package leaves behind.
//!
//! The registry is looked at in two ways. Wine's server writes all that outlives it, whatever the key, into
//! a few files when it ends: they are read, which costs next to nothing. What is gone with the server, as
//! with a restart of Windows, only an export of the running prefix has. That takes seconds of a processor,
//! and is for one life of those that are all alike.

use std::collections::BTreeSet;
use std::fmt;
use std::fs;

use anyhow::{Context as _, Result};
use walkdir::WalkDir;

use super::prefix::Prefix;
use crate::Verdict;
use crate::version::Version;

/// The roots of the registry; the other ones show parts of these.
const ROOTS: [&str; 2] = ["HKLM", "HKU"];

/// The files that Wine keeps the registry in, each with the key that it is about: there are no others, and
/// outside these keys Wine keeps nothing.
const KEPT: [(&str, &str); 3] = [
    ("system.reg", "HKEY_LOCAL_MACHINE"),
    ("user.reg", "HKEY_CURRENT_USER"),
    ("userdef.reg", r"HKEY_USERS\.Default"),
];

/// What this Wine leaves of a package, where Windows would not: it has no directory 13 and copies
/// the file to a folder that it makes in its place, and it has no `pnputil` that would take the
/// file back. A newer Wine may leave less; whatever else is left fails here.
const LEFT: [&str; 2] = [
    r"C:\windows\system32\unknown",
    r"C:\windows\system32\unknown\svmsave.sys",
];

/// Keys of a control set that change whether or not there is a package, with all below them.
const RESTLESS: [&str; 4] = [
    // The display, which Wine describes anew, with another identifier, at each start.
    r"Control\Class\{4D36E968-E325-11CE-BFC1-08002BE10318}\0000",
    r"Control\Video",
    // How many processes the service control manager has started since then; this is not kept.
    r"Control\ServiceCurrent",
    // Where the driver for tests says what it saw.
    r"Services\supplement",
];

/// The machine as Wine finds it at each start, the clock of its processors among it.
const HARDWARE: &str = r"HKEY_LOCAL_MACHINE\Hardware\Description\System\CentralProcessor";
const CLOCK: &str = r#""~MHz"="#;

/// What the control sets are in.
const SYSTEM: &str = r"HKEY_LOCAL_MACHINE\System\";

/// The names of the one control set.
const CONTROL_SETS: [&str; 2] = ["ControlSet001", "CurrentControlSet"];

/// The names by which it is seen. Wine 8.0 has but the second; in Wine 10.0 that is a link to the first, as
/// in Windows, and what is below is exported twice, and kept once.
fn control_sets(wine: Version, view: View) -> &'static [&'static str] {
    match view {
        _ if wine < Version::new(10, 0) => &CONTROL_SETS[1..],
        View::Running => &CONTROL_SETS,
        View::Kept => &CONTROL_SETS[..1],
    }
}

/// How a prefix is looked at.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum View {
    /// While it runs: everything.
    Running,
    /// When it has ended: what outlives that.
    Kept,
}

/// What is to be as it was.
pub(super) struct Before<'a> {
    kept: &'a Trace,
    running: Option<Trace>,
}

impl<'a> Before<'a> {
    /// Of a running prefix, which is a copy of one of which this was kept.
    pub(super) fn of(prefix: &Prefix, kept: &'a Trace, view: View) -> Result<Self> {
        Ok(Self {
            kept,
            running: match view {
                View::Running => Some(Trace::of(prefix)?),
                View::Kept => None,
            },
        })
    }

    /// Compares the prefix with that, in a Wine of that version, and ends it.
    pub(super) fn compare(
        self,
        prefix: &Prefix,
        wine: Version,
        verdict: &mut Verdict,
    ) -> Result<()> {
        if let Some(before) = self.running {
            Trace::of(prefix)?.compare(&before, wine, verdict);
        }
        prefix.end()?;
        Trace::kept(prefix)?.compare(self.kept, wine, verdict);
        Ok(())
    }
}

/// A prefix's registry and drive C at one moment.
pub(super) struct Trace {
    view: View,
    registry: BTreeSet<Entry>,
    drive: BTreeSet<Entry>,
}

/// One thing in it.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
struct Entry {
    /// The key or the path.
    place: String,
    /// A value with its name, or a file's length and time; nothing for the key or folder itself.
    content: String,
}

impl Trace {
    /// Takes all of it down, in a prefix that runs.
    fn of(prefix: &Prefix) -> Result<Self> {
        let mut registry = BTreeSet::new();
        for root in ROOTS {
            registry.extend(entries(&export(prefix, root)?));
        }
        Ok(Self {
            view: View::Running,
            registry,
            drive: files(prefix)?,
        })
    }

    /// Takes down what is left of a prefix that has ended.
    pub(super) fn kept(prefix: &Prefix) -> Result<Self> {
        let mut registry = BTreeSet::new();
        for (file, root) in KEPT {
            let file = prefix.registry_file(file);
            let bytes =
                fs::read(&file).with_context(|| format!("Wine wrote no {}", file.display()))?;
            keep(&String::from_utf8_lossy(&bytes), root, &mut registry);
        }
        Ok(Self {
            view: View::Kept,
            registry,
            drive: files(prefix)?,
        })
    }

    /// Whether all is the same, but for what may differ.
    pub(super) fn is_as(&self, before: &Self) -> bool {
        changes(&before.registry, &self.registry).is_empty()
            && changes(&before.drive, &self.drive).is_empty()
    }

    /// Compares with what was there before, in a Wine of that version.
    fn compare(&self, before: &Self, wine: Version, verdict: &mut Verdict) {
        let sets = control_sets(wine, self.view);
        verdict.same("control sets", self.control_sets(), sets);
        for (what, found, expected) in [
            ("registry", &self.registry, &before.registry),
            ("drive C", &self.drive, &before.drive),
        ] {
            let changes = changes(expected, found);
            let when = match self.view {
                View::Running => "while Wine runs",
                View::Kept => "when Wine has ended",
            };
            let violation = format!(
                "{when}, the {what} is not as it was:\n  {}",
                changes.join("\n  ")
            );
            verdict.add((!changes.is_empty()).then_some(violation));
        }
    }

    /// The names of the control sets that have something in them.
    fn control_sets(&self) -> Vec<&str> {
        let keys = self.registry.iter().filter_map(Entry::in_system);
        let sets: BTreeSet<&str> = keys
            .filter_map(|key| Some(key.split_once('\\')?.0))
            .filter(|name| name.contains("ControlSet"))
            .collect();
        sets.into_iter().collect()
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { place, content } = self;
        write!(formatter, "{place} {content}")
    }
}

impl Entry {
    fn may_change(&self) -> bool {
        LEFT.iter()
            .any(|left| self.place.eq_ignore_ascii_case(left))
            || self
                .in_control_set()
                .is_some_and(|key| RESTLESS.iter().any(|restless| is_in(key, restless)))
            || (is_in(&self.place, HARDWARE) && self.content.starts_with(CLOCK))
    }

    /// The key below [`SYSTEM`], if it is there.
    fn in_system(&self) -> Option<&str> {
        let (start, rest) = self.place.split_at_checked(SYSTEM.len())?;
        start.eq_ignore_ascii_case(SYSTEM).then_some(rest)
    }

    /// The key below a control set, whichever, if it is there.
    fn in_control_set(&self) -> Option<&str> {
        let (set, key) = self.in_system()?.split_once('\\')?;
        CONTROL_SETS
            .iter()
            .any(|name| set.eq_ignore_ascii_case(name))
            .then_some(key)
    }
}

/// Whether this is the key itself or below it.
fn is_in(place: &str, key: &str) -> bool {
    let Some((start, rest)) = place.split_at_checked(key.len()) else {
        return false;
    };
    start.eq_ignore_ascii_case(key) && (rest.is_empty() || rest.starts_with('\\'))
}

/// What is gone and what has come, but for what may.
fn changes(before: &BTreeSet<Entry>, after: &BTreeSet<Entry>) -> Vec<String> {
    before
        .symmetric_difference(after)
        .filter(|entry| !entry.may_change())
        .map(|entry| {
            let how = if after.contains(entry) {
                "left"
            } else {
                "gone"
            };
            format!("{how}: {entry}")
        })
        .collect()
}

/// What `reg export` writes.
fn export(prefix: &Prefix, root: &str) -> Result<String> {
    prefix.reg(&["export", root, r"C:\export.reg", "/y"])?;
    let file = prefix.file("export.reg");
    let bytes = fs::read(&file).context("reg export wrote nothing")?;
    // It would be one of the files that are compared.
    fs::remove_file(&file)?;
    let (units, _) = bytes.as_chunks::<2>();
    let units: Vec<u16> = units.iter().map(|unit| u16::from_le_bytes(*unit)).collect();
    Ok(String::from_utf16_lossy(&units))
}

/// The keys of an export, and each value with the key that it is in.
fn entries(export: &str) -> Vec<Entry> {
    let whole_lines = export.replace("\\\r\n  ", "");
    let mut key = None;
    let mut entries = Vec::new();
    for line in whole_lines.lines() {
        let name = line.strip_prefix('[').and_then(|key| key.strip_suffix(']'));
        key = name.or(key);
        let Some(key) = key.filter(|_| !line.is_empty()) else {
            continue;
        };
        entries.push(Entry {
            place: key.to_owned(),
            content: name.map_or(line, |_| "").to_owned(),
        });
    }
    entries
}

/// Takes the keys and values of a file over in which Wine keeps a part of the registry.
fn keep(file: &str, root: &str, entries: &mut BTreeSet<Entry>) {
    let whole_lines = file.replace("\\\n  ", "");
    let mut key = None;
    for line in whole_lines.lines() {
        // Behind the name there is a time.
        let name = line.strip_prefix('[').and_then(|key| key.rsplit_once(']'));
        if let Some((name, _)) = name {
            let name = format!(r"{root}\{}", name.replace(r"\\", r"\"));
            keep_key(&name, entries);
            key = Some(name);
        } else if let Some(place) = &key
            && !line.is_empty()
            && !line.starts_with("#time=")
        {
            entries.insert(Entry {
                place: place.clone(),
                content: line.to_owned(),
            });
        }
    }
}

/// Takes a key over, and those that it is in, of which a file does not tell if they have no values.
fn keep_key(name: &str, entries: &mut BTreeSet<Entry>) {
    let mut name = Some(name);
    while let Some(place) = name {
        let is_new = entries.insert(Entry {
            place: place.to_owned(),
            content: String::new(),
        });
        let around = place.rsplit_once('\\').map(|(around, _)| around);
        name = around.filter(|_| is_new);
    }
}

/// Every file and folder of drive C.
fn files(prefix: &Prefix) -> Result<BTreeSet<Entry>> {
    let drive = prefix.file("");
    let mut entries = BTreeSet::new();
    for file in WalkDir::new(&drive).min_depth(1) {
        let file = file?;
        let name = file.path().strip_prefix(&drive)?.display().to_string();
        let about = file.metadata()?;
        entries.insert(Entry {
            place: format!(r"C:\{}", name.replace('/', r"\")),
            content: if about.is_file() {
                let time = humantime::format_rfc3339_nanos(about.modified()?);
                format!("{} bytes of {time}", about.len())
            } else {
                String::new()
            },
        });
    }
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXPORT: &str = "\u{feff}Windows Registry Editor Version 5.00\r\n\r\n[HKEY_USERS\\a]\r\n\
                          \"x\"=hex:01,\\\r\n  02\r\n\"y\"=\"[z]\"\r\n\r\n[HKEY_USERS\\b]\r\n\r\n";

    fn entry(place: &str, content: &str) -> Entry {
        Entry {
            place: place.to_owned(),
            content: content.to_owned(),
        }
    }

    #[test]
    fn an_export_is_its_keys_and_values() {
        assert_eq!(
            entries(EXPORT),
            [
                entry(r"HKEY_USERS\a", ""),
                entry(r"HKEY_USERS\a", "\"x\"=hex:01,02"),
                entry(r"HKEY_USERS\a", "\"y\"=\"[z]\""),
                entry(r"HKEY_USERS\b", ""),
            ]
        );
    }

    #[test]
    fn a_kept_file_is_its_keys_and_values_and_the_keys_around_them() {
        let file = "WINE REGISTRY Version 2\n;; All keys relative to REGISTRY\\\\Machine\n\n#arch=win64\n\n\
                    [System\\\\a] 1795790046\n#time=1dd7e7c5b8f9320\n\
                    \"x\"=hex:01,\\\n  02\n\"y\"=\"[z]\"\n\n\
                    [System\\\\b\\\\c] 1795790046\n#time=1dd7e7c5b8f9320\n#link\n";
        let mut entries = BTreeSet::new();
        keep(file, "HKEY_LOCAL_MACHINE", &mut entries);
        let expected = [
            entry("HKEY_LOCAL_MACHINE", ""),
            entry(r"HKEY_LOCAL_MACHINE\System", ""),
            entry(r"HKEY_LOCAL_MACHINE\System\a", ""),
            entry(r"HKEY_LOCAL_MACHINE\System\a", "\"x\"=hex:01,02"),
            entry(r"HKEY_LOCAL_MACHINE\System\a", "\"y\"=\"[z]\""),
            entry(r"HKEY_LOCAL_MACHINE\System\b", ""),
            entry(r"HKEY_LOCAL_MACHINE\System\b\c", ""),
            entry(r"HKEY_LOCAL_MACHINE\System\b\c", "#link"),
        ];
        assert_eq!(entries.into_iter().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_value_that_changed_is_both_gone_and_left() {
        let before = BTreeSet::from_iter(entries(EXPORT));
        let after = BTreeSet::from_iter(entries(&EXPORT.replace("02", "03")));
        assert_eq!(changes(&before, &before), Vec::<String>::new());
        assert_eq!(
            changes(&before, &after),
            [
                r#"gone: HKEY_USERS\a "x"=hex:01,02"#,
                r#"left: HKEY_USERS\a "x"=hex:01,03"#,
            ]
        );
    }

    #[test]
    fn a_clock_that_runs_faster_is_no_trace() {
        let processor = format!(r"{HARDWARE}\0");
        assert!(entry(&processor, r#""~MHz"=dword:0000098c"#).may_change());
        assert!(!entry(&processor, r#""Identifier"="AMD64""#).may_change());
        assert!(!entry(r"HKEY_USERS\a", r#""~MHz"=dword:0000098c"#).may_change());
    }

    #[test]
    fn the_control_sets_are_those_of_the_version() {
        let trace = |sets: &[&str], view| {
            let mut registry = BTreeSet::new();
            for set in sets {
                keep_key(&format!(r"{SYSTEM}{set}\Services"), &mut registry);
            }
            // Another name of one that is there.
            keep_key(&format!("{SYSTEM}CurrentControlSet"), &mut registry);
            Trace {
                view,
                registry,
                drive: BTreeSet::new(),
            }
        };
        let (old, new) = (Version::new(8, 0), Version::new(10, 0));
        let found = |sets: &[&str], wine, view| {
            let mut verdict = Verdict::default();
            trace(sets, view).compare(&trace(sets, view), wine, &mut verdict);
            verdict.violations().len()
        };
        let (one, linked) = (["CurrentControlSet"], ["ControlSet001"]);
        let both = ["CurrentControlSet", "ControlSet001"];
        for (sets, wine, view, violations) in [
            (&one[..], old, View::Running, 0),
            (&one, new, View::Running, 1),
            (&both, new, View::Running, 0),
            (&both, old, View::Running, 1),
            (&one, old, View::Kept, 0),
            (&linked, old, View::Kept, 1),
            (&linked, new, View::Kept, 0),
            (&both, new, View::Kept, 1),
        ] {
            assert_eq!(
                found(sets, wine, view),
                violations,
                "{sets:?} {wine} {view:?}"
            );
        }
    }

    #[test]
    fn nothing_but_what_is_listed_may_change() {
        let system = r"HKEY_LOCAL_MACHINE\SYSTEM";
        for (place, may) in [
            (LEFT[1].to_owned(), true),
            (format!("{}.bak", LEFT[1]), false),
            (format!(r"{}\other.sys", LEFT[0]), false),
            (r"C:\windows\system32\drivers\svmsave.sys".to_owned(), false),
            (
                format!(r"{system}\CurrentControlSet\Control\Video\{{0}}\0000"),
                true,
            ),
            (format!(r"{system}\ControlSet001\Control\Video"), true),
            (format!(r"{system}\ControlSet002\Control\Video"), false),
            (format!(r"{system}\ControlSet001\Services\Supplement"), true),
            (
                format!(r"{system}\ControlSet001\Services\supplements"),
                false,
            ),
            (format!(r"{system}\ControlSet001\Services\svmsave"), false),
            (
                format!(r"{system}\CurrentControlSet\Services\svmsave"),
                false,
            ),
            (format!(r"{system}\CurrentControlSet\Services"), false),
            (r"HKEY_USERS\ControlSet001\Control\Video".to_owned(), false),
        ] {
            let changed = BTreeSet::from([entry(&place, "")]);
            let found = changes(&BTreeSet::new(), &changed);
            assert_eq!(found.is_empty(), may, "{place}");
        }
    }
}
