//! Microsoft's metadata, which `windows-sys` carries, against the stand-in WDK, and the driver's
//! sources against both.
//!
//! `oracles/metadata/abi` lays the two side by side. What the driver uses is taken from its sources, so
//! that a use without a row there is a violation.

mod table;
mod uses;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context as _, Result};
use walkdir::{DirEntry, WalkDir};
use wdk_linux::CrossBuild;
use wdk_linux::host::Workspace;
use wdk_linux::host::step;
use wdk_linux::host::workspace::read_text;
use xtask::artifact::driver;

use self::table::Row;
use self::uses::Uses;
use crate::Verdict;

/// What the driver uses and the metadata lacks, and who vouches for it.
const VOUCHED: &[(&str, &str)] = &[(
    "NT_SUCCESS",
    "a function of wdk-sys itself, which comes from no header",
)];

/// Fields without a name in C, which bindgen numbers in the order of the header: paths that public
/// drivers use with Microsoft's own headers, and where.
const ATTESTED: &[(&str, &str)] = &[
    (
        "Tail.Overlay.__bindgen_anon_2.__bindgen_anon_1.CurrentStackLocation",
        "0xflux/sanctum, driver/src/ffi.rs",
    ),
    (
        "__bindgen_anon_1.Status",
        "as IoStatus.__bindgen_anon_1.Status in ten public drivers on wdk-sys",
    ),
];

/// What the metadata has against the stand-in: sizes, offsets, widths, values, parameters.
pub(crate) fn ask(workspace: &Workspace) -> Result<Verdict> {
    let rows = rows(&driver::prepare(workspace)?)?;
    let facts = rows.iter().flat_map(Row::facts);
    let mut verdict = Verdict::default();
    facts.for_each(|violation| verdict.add(violation));
    Ok(verdict)
}

/// What the driver uses of wdk-sys, each against the table.
pub(crate) fn ask_for_names(workspace: &Workspace) -> Result<Verdict> {
    let rows = rows(&driver::prepare(workspace)?)?;
    let known = Known::new(&rows);
    let mut verdict = Verdict::default();
    for (file, source) in sources(&workspace.root().join("driver/src"))? {
        let uses = Uses::of(&source).with_context(|| file.clone())?;
        verdict.absorb(&file, known.judge(&uses));
    }
    Ok(verdict)
}

fn rows(cross_build: &CrossBuild) -> Result<Vec<Row>> {
    let library = step("stand-in WDK beside Microsoft's metadata", |_| {
        let mut cargo = cross_build.cargo("rustc");
        cargo.args(["--release", "--package", "wdk-abi"]);
        // Objects of this crate, and not what the linker makes objects of; nothing of them is executed.
        // A profile without LTO would build all macros and build scripts once more.
        cargo.args(["--", "-Clinker-plugin-lto=no"]);
        cross_build.run(&mut cargo, &mut String::new())?;
        Ok(cross_build.output().join("libwdk_abi.rlib"))
    })?;
    table::read(&library)
}

/// The source files below a folder, by their places there.
fn sources(folder: &Path) -> Result<BTreeMap<String, String>> {
    let files = WalkDir::new(folder).into_iter();
    files
        .filter(|entry| {
            let of_rust =
                |entry: &DirEntry| entry.path().extension().is_some_and(|end| end == "rs");
            entry.as_ref().map_or(true, of_rust)
        })
        .map(|entry| {
            let entry = entry?;
            let place = entry.path().strip_prefix(folder)?;
            Ok((place.display().to_string(), read_text(entry.path())?))
        })
        .collect()
}

/// The names that have a row.
struct Known<'a> {
    names: BTreeSet<&'a str>,
}

impl<'a> Known<'a> {
    fn new(rows: &'a [Row]) -> Self {
        let vouched = VOUCHED.iter().map(|(name, _)| *name);
        Self {
            names: rows.iter().map(|row| &*row.name).chain(vouched).collect(),
        }
    }

    fn judge(&self, uses: &Uses) -> Verdict {
        let mut verdict = Verdict::default();
        for name in uses.names.iter().chain(&uses.members) {
            let known = self.names.contains(&**name);
            verdict.add((!known).then(|| format!("nothing is known of {name}")));
        }
        for fields in &uses.fields {
            let known = self.has_field(fields, &uses.names);
            verdict.add((!known).then(|| {
                format!("no structure that is named in this file is known to have {fields}")
            }));
            if fields.contains("__bindgen") {
                let seen = ATTESTED.iter().any(|(path, _)| contains(path, fields));
                verdict.add((!seen).then(|| format!("no public driver is known to use {fields}")));
            }
        }
        verdict
    }

    /// Whether one of the structures has a path with these fields in it.
    fn has_field(&self, fields: &str, structures: &BTreeSet<String>) -> bool {
        self.names.iter().any(|name| {
            name.split_once('.').is_some_and(|(structure, path)| {
                structures.contains(structure) && contains(path, fields)
            })
        })
    }
}

/// Whether a path of fields has another in it, whole names only.
fn contains(path: &str, part: &str) -> bool {
    format!(".{path}.").contains(&format!(".{part}."))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(source: &str) -> Verdict {
        let known = Known {
            names: [
                "IRP",
                "IRP.Tail.Overlay",
                "MDL",
                "MDL.Next",
                "ZwClose",
                "LUID.LowPart",
            ]
            .into(),
        };
        known.judge(&Uses::of(source).unwrap())
    }

    #[test]
    fn a_use_that_has_no_row_is_a_violation() {
        let good = "use wdk_sys::{IRP, ntddk::ZwClose}; \
                    fn f() { irp.Tail.Overlay; irp.Tail; LUID { LowPart: 1 } }";
        assert_eq!(judge(good).violations(), [""; 0]);
        for source in [
            "use wdk_sys::ntddk::ZwOpenKey;",
            "use wdk_sys::IRP; fn f() { irp.Flags; }",
            "use wdk_sys::IRP; fn f() { irp.Tail.Over; }",
            "use wdk_sys::IRP; fn f() { mdl.Next; }",
            "fn f() { LUID { HighPart: 1 } }",
        ] {
            assert_eq!(judge(source).violations().len(), 1, "{source}");
        }
    }

    #[test]
    fn a_numbered_field_has_to_be_attested() {
        let names = ["IRP.Tail.Overlay.__bindgen_anon_2", "IRP.__bindgen_anon_7"].into();
        let known = Known { names };
        let judge = |field: &str| {
            let source = format!("use wdk_sys::IRP; fn f() {{ irp.{field}; }}");
            let uses = Uses::of(&source).unwrap();
            known.judge(&uses).violations().join("\n")
        };
        assert!(!judge("__bindgen_anon_2").contains("public"));
        assert!(judge("__bindgen_anon_7").contains("no public driver"));
    }
}

/// Damage that the judge has to notice, in a copy of the stand-in's headers.
#[cfg(all(test, feature = "boot"))]
mod damage {
    use wdk_linux::stand_in_files;

    use super::*;

    #[test]
    fn a_field_that_is_moved_and_a_parameter_that_is_wider_are_noticed() {
        let workspace = Workspace::locate().unwrap();
        let files = stand_in_files().map(|(place, text)| {
            let damaged = match place {
                "include/wdm.h" => text
                    .replace(
                        "#include_next <wdm.h>",
                        "#define PendingReturned Moved[8]; BOOLEAN PendingReturned\n\
                         #include_next <wdm.h>\n\
                         #undef PendingReturned",
                    )
                    .replace(
                        "SIZE_T NumberOfBytes, ULONG Tag",
                        "SIZE_T NumberOfBytes, ULONG64 Tag",
                    ),
                _ => text.to_owned(),
            };
            (place.to_owned(), damaged)
        });
        let folder = workspace.target().join("damage/wdk-linux");
        let sources = driver::sources(&workspace)
            .unwrap()
            .with_stand_in(folder, files.collect());
        let cross_build = CrossBuild::prepare(sources).unwrap();
        let facts = rows(&cross_build)
            .unwrap()
            .iter()
            .flat_map(Row::facts)
            .flatten()
            .collect();
        let facts: Vec<String> = facts;
        for part in [
            "offset of IRP.PendingReturned",
            "offset of IRP.Tail",
            "size of IRP",
            "parameter 3 of ExAllocatePool2: u64 here, u32 in the metadata",
        ] {
            assert!(
                facts.iter().any(|fact| fact.contains(part)),
                "{part}: {facts:#?}"
            );
        }
    }
}
