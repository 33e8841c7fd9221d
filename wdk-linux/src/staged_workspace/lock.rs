//! The committed lock, and the one that the staged workspace has of it.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result};
use toml_edit::{DocumentMut, Item};

use super::PATCHED;
use crate::wdk_build;

/// The version of the crate that is to be patched.
pub(super) fn patched_version(lock: &str) -> Result<String> {
    let lock: DocumentMut = lock.parse().context("Cargo.lock")?;
    let packages = lock.get("package").and_then(Item::as_array_of_tables);
    packages
        .into_iter()
        .flatten()
        .find(|package| package.get("name").and_then(Item::as_str) == Some(PATCHED))
        .and_then(|package| package.get("version")?.as_str().map(str::to_owned))
        .with_context(|| {
            format!("Cargo.lock has no {PATCHED}: a driver has it as a build dependency")
        })
}

/// The committed lock with the patched crate in place of the published one. Cargo drops what the
/// stage doesn't use; every version that it does use stays the committed one.
pub(super) fn staged(committed: &str) -> Result<String> {
    let mut lock: DocumentMut = committed.parse().context("Cargo.lock")?;
    let patched = lock["package"]
        .as_array_of_tables_mut()
        .and_then(|packages| {
            packages
                .iter_mut()
                .find(|package| package.get("name").and_then(Item::as_str) == Some(PATCHED))
        })
        .with_context(|| format!("Cargo.lock has no {PATCHED}"))?;
    patched.remove("source");
    patched.remove("checksum");
    let dependencies = patched["dependencies"]
        .as_array_mut()
        .with_context(|| format!("{PATCHED} has no dependencies"))?;
    dependencies.retain(|dependency| {
        let name = dependency.as_str().unwrap_or_default();
        !wdk_build::DROPPED.contains(&name)
    });
    Ok(lock.to_string())
}

/// The packages of the staged lock without guests, and whether the committed one has each.
pub(super) fn compare(
    committed: &str,
    staged: &str,
    guests: &BTreeSet<String>,
) -> Result<Vec<(String, bool)>> {
    let committed = locked_versions(committed)?;
    Ok(locked_versions(staged)?
        .into_iter()
        .filter(|(name, _)| !guests.contains(name))
        .map(|package| {
            let found = committed.contains(&package);
            (format!("{} {}", package.0, package.1), found)
        })
        .collect())
}

/// Names and versions of a lock's packages.
fn locked_versions(lock: &str) -> Result<BTreeSet<(String, String)>> {
    let lock: DocumentMut = lock.parse().context("Cargo.lock")?;
    let packages = lock
        .get("package")
        .and_then(Item::as_array_of_tables)
        .context("Cargo.lock has no packages")?;
    Ok(packages
        .iter()
        .map(|package| {
            let field = |name| package.get(name).and_then(Item::as_str).unwrap_or_default();
            (field("name").to_owned(), field("version").to_owned())
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_that_is_not_committed_is_told_from_the_others() {
        let lock = |version| {
            format!(
                "[[package]]\nname = \"wdk\"\nversion = \"{version}\"\n\
                     [[package]]\nname = \"wdk-sys\"\nversion = \"0.5.2\"\n"
            )
        };
        let staged = lock("0.5.1") + "[[package]]\nname = \"guest\"\nversion = \"1.0.0\"\n";
        let guests = BTreeSet::from(["guest".to_owned()]);
        let compared = compare(&lock("0.5.0"), &staged, &guests).unwrap();
        assert_eq!(
            compared,
            [
                ("wdk 0.5.1".to_owned(), false),
                ("wdk-sys 0.5.2".to_owned(), true)
            ]
        );
    }

    #[test]
    fn the_staged_lock_differs_in_the_patched_crate_only() {
        let other = "[[package]]\nname = \"anyhow\"\nversion = \"1.0.0\"\nsource = \"registry\"\n";
        let committed = format!(
            "version = 4\n\n{other}\n[[package]]\nname = \"wdk-build\"\nversion = \"0.6.0\"\n\
             source = \"registry\"\nchecksum = \"00\"\ndependencies = [\n \"camino\",\n \
             \"windows\",\n]\n"
        );
        let text = staged(&committed).unwrap();
        assert!(text.contains(other), "{text}");
        let lock: DocumentMut = text.parse().unwrap();
        let patched = lock["package"]
            .as_array_of_tables()
            .unwrap()
            .get(1)
            .unwrap();
        assert!(patched.get("source").is_none() && patched.get("checksum").is_none());
        assert_eq!(patched["dependencies"].as_array().unwrap().len(), 1);
        assert!(staged(other).is_err());
        assert_eq!(patched_version(&committed).unwrap(), "0.6.0");
        assert!(patched_version(other).is_err());
    }
}
