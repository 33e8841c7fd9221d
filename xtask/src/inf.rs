//! `svmsave.inf`: the committed `inf/svmsave.inx` with its placeholders filled, as Microsoft's
//! `StampInf` does it in the `cargo make` flow.

mod document;
mod rules;

use anyhow::{Context as _, Result, bail};
use toml_edit::{DocumentMut, Item};
use wdk_linux::host::Workspace;
use wdk_linux::host::workspace::read_text;

pub use self::document::Document;
use crate::source_date::SourceDate;

/// The INF of this version of the workspace.
///
/// # Errors
///
/// If a placeholder is left, or the INF would break a rule.
pub fn stamped(workspace: &Workspace) -> Result<String> {
    let template = read_text(&workspace.root().join("inf/svmsave.inx"))?;
    let date = SourceDate::find(workspace)?.for_inf()?;
    let version = workspace_version(&read_text(&workspace.root().join("Cargo.toml"))?)?;
    let inf = stamp(&template, &format!("{date},{version}.0"))?;
    rules::require(&inf)?;
    Ok(inf)
}

/// Fills what `StampInf` fills: the architecture, and date and version of the driver. An INF is
/// read by Windows, so its lines end in the manner of Windows.
fn stamp(template: &str, driver_version: &str) -> Result<String> {
    let mut lines = Vec::new();
    let mut versions = 0;
    for line in template.lines() {
        let (name, line) = match line.split_once('=') {
            Some((name, _)) if name.trim() == "DriverVer" => {
                versions += 1;
                (name, format!("{name}= {driver_version}"))
            }
            Some((name, _)) => (name, line.replace("$ARCH$", "amd64")),
            None => ("", line.replace("$ARCH$", "amd64")),
        };
        if line.contains('$') && name.trim() != "Signature" {
            bail!("inf/svmsave.inx has a placeholder that is not filled here: {line}");
        }
        lines.push(line);
    }
    if versions != 1 {
        bail!("inf/svmsave.inx has {versions} DriverVer directives instead of one");
    }
    Ok(lines.join("\r\n") + "\r\n")
}

/// What a stamped INF says as its `DriverVer`.
#[must_use]
pub fn driver_version(inf: &str) -> Option<String> {
    Document::read(inf).ok()?.value("Version", "DriverVer")
}

fn workspace_version(manifest: &str) -> Result<String> {
    let manifest: DocumentMut = manifest.parse().context("the root Cargo.toml")?;
    ["workspace", "package", "version"]
        .iter()
        .try_fold(manifest.as_item(), |item, key| item.get(key))
        .and_then(Item::as_str)
        .map(str::to_owned)
        .context("the root Cargo.toml has no workspace.package.version")
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEMPLATE: &str = "[Version]\nSignature = \"$Windows NT$\"\nDriverVer = ; set later\n\
                            [DefaultInstall.NT$ARCH$]\n";

    #[test]
    fn placeholders_are_filled_and_nothing_else_changes() {
        assert_eq!(
            stamp(TEMPLATE, "07/09/2025,0.1.0.0").unwrap(),
            "[Version]\r\nSignature = \"$Windows NT$\"\r\nDriverVer = 07/09/2025,0.1.0.0\r\n\
             [DefaultInstall.NTamd64]\r\n"
        );
    }

    #[test]
    fn what_would_be_left_unfilled_is_refused() {
        for wrong in [
            TEMPLATE.replace("DriverVer", "Provider"),
            TEMPLATE.repeat(2),
            TEMPLATE.replace("$ARCH$", "$KMDFVERSION$"),
        ] {
            assert!(stamp(&wrong, "07/09/2025,0.1.0.0").is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_version_is_that_of_the_workspace() {
        let manifest = "[workspace.package]\nversion = \"1.2.3\"\n";
        assert_eq!(workspace_version(manifest).unwrap(), "1.2.3");
        assert!(workspace_version("[workspace]\n").is_err());
    }
}
