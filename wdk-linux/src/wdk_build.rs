//! Makes a `wdk-build` that compiles on Linux.
//!
//! The crate compiles for a Windows host only: it looks the kit up in the registry, changes its
//! environment and makes symbolic links in the manner of Windows. A build that is told where the
//! kit is needs none of these, so the places are replaced and everything else stays as published.
//! Each replacement has to fit exactly once, lest a new version be changed in places that were never looked at.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use toml_edit::{DocumentMut, table, value};

use crate::host::workspace::{read_text, write_if_changed};

/// The version that the replacements were written for.
const WRITTEN_FOR: &str = "0.6.0";

/// What it depends on for the sake of the replaced places.
pub(crate) const DROPPED: [&str; 4] = ["anyhow", "clap", "clap-cargo", "windows"];

struct Replacement {
    file: &'static str,
    from: &'static str,
    to: &'static str,
}

const REPLACEMENTS: &[Replacement] = &[
    // The registry, which is asked after the environment.
    Replacement {
        file: "src/utils.rs",
        from: "use windows::{\n",
        to: "#[cfg(windows)]\nuse windows::{\n",
    },
    Replacement {
        file: "src/utils.rs",
        from: r#"    if let Some(path) = read_registry_key_string_value(
        HKEY_LOCAL_MACHINE,
        s!(r"SOFTWARE\Microsoft\"#,
        to: r#"    #[cfg(windows)]
    if let Some(path) = read_registry_key_string_value(
        HKEY_LOCAL_MACHINE,
        s!(r"SOFTWARE\Microsoft\"#,
    },
    Replacement {
        file: "src/utils.rs",
        from: r#"    if let Some(path) = read_registry_key_string_value(
        HKEY_LOCAL_MACHINE,
        s!(r"SOFTWARE\Wow6432Node\"#,
        to: r#"    #[cfg(windows)]
    if let Some(path) = read_registry_key_string_value(
        HKEY_LOCAL_MACHINE,
        s!(r"SOFTWARE\Wow6432Node\"#,
    },
    Replacement {
        file: "src/utils.rs",
        from: "fn read_registry_key_string_value(\n    key_handle",
        to: "#[cfg(windows)]\nfn read_registry_key_string_value(\n    key_handle",
    },
    // The environment, which only the cargo-make flow changes.
    Replacement {
        file: "src/utils.rs",
        from: "pub fn set_var<K, V>(_key: K, _value: V)
where
    K: AsRef<OsStr>,
    V: AsRef<OsStr>,
{
    compile_error!(",
        to: "pub fn set_var<K, V>(_key: K, _value: V)
where
    K: AsRef<OsStr>,
    V: AsRef<OsStr>,
{
    panic!(",
    },
    Replacement {
        file: "src/utils.rs",
        from: "pub fn remove_var<K>(_key: K)
where
    K: AsRef<OsStr>,
{
    compile_error!(",
        to: "pub fn remove_var<K>(_key: K)
where
    K: AsRef<OsStr>,
{
    panic!(",
    },
    // What the cargo-make flow calls, and with it a parser of command lines.
    Replacement {
        file: "src/lib.rs",
        from: "pub mod cargo_make;\n",
        to: "",
    },
];

/// Copies `wdk-build` from `published` to `patched`, with the replacements.
pub(crate) fn patch(published: &Path, version: &str, patched: &Path) -> Result<()> {
    let manifest = read_text(&published.join("Cargo.toml"))?;
    write_if_changed(&patched.join("Cargo.toml"), without_dropped(&manifest)?)?;
    for file in source_files(published)? {
        let text = replace_in(&file, &read_text(&published.join(&file))?, version)?;
        write_if_changed(&patched.join(&file), text)?;
    }
    Ok(())
}

/// The manifest without what the replaced places depended on, what only its tests need, and the
/// lints: compilers cap those of a published crate, which this no longer is.
fn without_dropped(manifest: &str) -> Result<String> {
    let mut manifest: DocumentMut = manifest.parse().context("wdk-build's Cargo.toml")?;
    let dependencies = manifest["dependencies"].as_table_mut();
    let dependencies = dependencies.context("wdk-build has no dependencies")?;
    for name in DROPPED {
        dependencies
            .remove(name)
            .with_context(|| format!("wdk-build no longer depends on {name}"))?;
    }
    manifest.remove("dev-dependencies");
    manifest["lints"] = table();
    manifest["lints"]["rust"] = table();
    manifest["lints"]["rust"]["warnings"] = value("allow");
    Ok(manifest.to_string())
}

/// The package's own files that its build needs, relative to its folder.
fn source_files(package: &Path) -> Result<Vec<String>> {
    let mut files = vec!["build.rs".to_owned()];
    let mut folders = vec!["src".to_owned()];
    while let Some(folder) = folders.pop() {
        let listing = fs::read_dir(package.join(&folder))
            .with_context(|| format!("cannot list {folder} of wdk-build"))?;
        for entry in listing {
            let entry = entry?;
            let name = format!("{folder}/{}", entry.file_name().to_string_lossy());
            if entry.file_type()?.is_dir() {
                folders.push(name);
            } else {
                files.push(name);
            }
        }
    }
    for Replacement { file, .. } in REPLACEMENTS {
        if !files.iter().any(|present| present == file) {
            bail!("wdk-build has no {file}, which a replacement was written for");
        }
    }
    Ok(files)
}

fn replace_in(file: &str, text: &str, version: &str) -> Result<String> {
    // The crate is published from Windows, and its lines end accordingly.
    let mut text = text.replace("\r\n", "\n");
    for replacement in REPLACEMENTS.iter().filter(|one| one.file == file) {
        let places = text.matches(replacement.from).count();
        if places != 1 {
            bail!(
                "wdk-build {version}: {places} places instead of one in {file} fit a replacement \
                 that was written for version {WRITTEN_FOR} (wdk-linux/src/wdk_build.rs):\n{}",
                replacement.from
            );
        }
        text = text.replace(replacement.from, replacement.to);
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A text that every replacement for `file` fits once.
    fn fitting(file: &str) -> String {
        let places = REPLACEMENTS.iter().filter(|one| one.file == file);
        places.map(|one| one.from).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn every_place_is_replaced() {
        for file in ["src/utils.rs", "src/lib.rs"] {
            let published = fitting(file).replace('\n', "\r\n");
            let text = replace_in(file, &published, WRITTEN_FOR).unwrap();
            assert!(!text.contains("compile_error!"), "{text}");
            assert!(!text.contains("mod cargo_make"), "{text}");
        }
    }

    #[test]
    fn a_place_that_is_gone_or_doubled_is_an_error_that_names_both_versions() {
        let once = fitting("src/lib.rs");
        for text in [String::new(), once.repeat(2)] {
            let error = replace_in("src/lib.rs", &text, "0.7.1").unwrap_err();
            let message = error.to_string();
            for part in ["0.7.1", WRITTEN_FOR, "src/lib.rs"] {
                assert!(message.contains(part), "{message}");
            }
        }
    }

    #[test]
    fn other_files_stay_as_published() {
        let text = "use windows::{\n";
        assert_eq!(
            replace_in("src/bindgen.rs", text, WRITTEN_FOR).unwrap(),
            text
        );
    }

    #[test]
    fn the_manifest_loses_what_is_dropped_and_nothing_else_it_needs() {
        let manifest = "[package]\nname = \"wdk-build\"\n\
            [dependencies]\ncamino = \"1\"\nanyhow = \"1\"\nclap = \"4\"\n\
            clap-cargo = \"0.19\"\nwindows = \"0.62\"\n\
            [dev-dependencies.windows]\nversion = \"0.62\"\n\
            [lints.clippy]\nall = \"deny\"\n";
        let patched: DocumentMut = without_dropped(manifest).unwrap().parse().unwrap();
        assert!(patched["dependencies"].get("camino").is_some());
        for name in DROPPED {
            assert!(patched["dependencies"].get(name).is_none(), "{name}");
        }
        assert!(patched.get("dev-dependencies").is_none());
        assert!(without_dropped("[dependencies]\n").is_err());
    }
}
