//! Whether Windows could trust a package, asked of verifiers that were written elsewhere: signify for
//! all of it, LIEF for its images, osslsigncode for what it can read, and the rules for images for
//! what no signature covers: the checksum, and what is loaded with them.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use wdk_linux::host;
use wdk_linux::host::Workspace;
use wdk_linux::host::process::{self, QUERY_LIMIT};
use xtask::artifact::Profile;
use xtask::check::Check;
use xtask::needs;

use crate::image::rules::{self, Facts};
use crate::python::Environment;

/// The verifiers in Python, and what speaks for them.
const SCRIPTS: [(&str, &str); 2] = [("signify", "ask_signify.py"), ("LIEF", "ask_lief.py")];

/// What osslsigncode is asked about: a file, and the catalog that it is to be found in.
const QUESTIONS: &[(&str, Option<&str>)] = &[
    ("svmsave.sys", None),
    ("client.exe", None),
    ("svmsave.cat", None),
    ("svmsave.sys", Some("svmsave.cat")),
];

/// What the verifiers say about a package.
#[derive(Default)]
struct Verdict {
    accepted: Vec<String>,
    refused: Vec<String>,
}

/// What was accepted of the package in `folder`, one line for each finding.
///
/// # Errors
///
/// If anything is refused, where `certificate` is the only one that is trusted; the error names
/// everything that is.
pub fn verify(workspace: &Workspace, folder: &Path, certificate: &Path) -> Result<Vec<String>> {
    host::ensure(workspace, needs::SIGNING, &[])?;
    let mut verdict = Verdict::default();
    verdict.ask_rules(folder)?;
    for (verifier, script) in SCRIPTS {
        verdict.ask_script(workspace, verifier, script, [folder, certificate])?;
    }
    for &(file, catalog) in QUESTIONS {
        verdict.ask_osslsigncode(folder, certificate, file, catalog)?;
    }
    if !verdict.refused.is_empty() {
        bail!("refused:\n{}", verdict.refused.join("\n"));
    }
    Ok(verdict.accepted)
}

impl Verdict {
    fn ask_rules(&mut self, folder: &Path) -> Result<()> {
        let read = |name: &str| {
            let image = folder.join(name);
            fs::read(&image).with_context(|| format!("cannot read {}", image.display()))
        };
        let driver = Facts::of_image(&read("svmsave.sys")?)?.check(Profile::Release);
        self.add("svmsave.sys", driver);
        self.add(
            "client.exe",
            vec![rules::check_client(&read("client.exe")?)?],
        );
        Ok(())
    }

    fn add(&mut self, file: &str, checks: Vec<Check>) {
        for Check { rule, violation } in checks {
            match violation {
                None => self.accepted.push(format!("{file}: {rule}")),
                Some(found) => self.refused.push(format!("{file}: {rule}: {found}")),
            }
        }
    }

    /// Asks a verifier that a script in Python speaks for.
    fn ask_script(
        &mut self,
        workspace: &Workspace,
        verifier: &str,
        script: &str,
        arguments: [&Path; 2],
    ) -> Result<()> {
        let scripts = workspace.root().join("oracles/signatures");
        let requirements = scripts.join("requirements.txt");
        let environment = Environment::ensure(workspace, "verifier", &requirements)?;
        let mut python = environment.python();
        python.arg(scripts.join(script)).args(arguments);
        let (status, said) = process::outcome(&mut python, QUERY_LIMIT)?;
        if !matches!(status.code(), Some(0 | 2)) {
            bail!("{verifier} failed ({status}):\n{}", said.stderr.trim_end());
        }
        let attributed = |line: &str| format!("{line} ({verifier})");
        self.accepted.extend(said.stdout.lines().map(attributed));
        self.refused.extend(said.stderr.lines().map(attributed));
        Ok(())
    }

    fn ask_osslsigncode(
        &mut self,
        folder: &Path,
        certificate: &Path,
        file: &str,
        catalog: Option<&str>,
    ) -> Result<()> {
        let mut osslsigncode = Command::new("osslsigncode");
        osslsigncode.arg("verify").arg("-CAfile").arg(certificate);
        let what = match catalog {
            None => format!("{file}: its signature (osslsigncode)"),
            Some(catalog) => {
                osslsigncode.arg("-catalog").arg(folder.join(catalog));
                format!("{file}: its digest in {catalog} (osslsigncode)")
            }
        };
        osslsigncode.arg("-in").arg(folder.join(file));
        let (status, _) = process::outcome(&mut osslsigncode, QUERY_LIMIT)?;
        let side = if status.success() {
            &mut self.accepted
        } else {
            &mut self.refused
        };
        side.push(what);
        Ok(())
    }
}
