//! `cargo xtask oracles`: asks judges that nobody here wrote.

use std::process::ExitCode;

use anyhow::{Result, ensure};

use crate::oracle::{self, Verdict};
use crate::workspace::Workspace;

/// Ask Microsoft's metadata, Linux' headers, Wine and others about what was written here
#[derive(clap::Args)]
pub struct Args {
    /// Only the judges with this in their name
    #[arg(value_name = "NAME")]
    only: Option<String>,
}

/// A judge: its name, and how it is asked.
type Judge = (&'static str, fn(&Workspace) -> Result<Verdict>);

/// All of them, the quick ones first.
const JUDGES: &[Judge] = &[
    ("svmsave.sys as an image", oracle::image::ask),
    (
        "the driver's packages against Cargo.lock",
        oracle::lock::ask,
    ),
    (
        "the stand-in WDK against Microsoft's metadata",
        oracle::metadata::ask,
    ),
    (
        "the driver's names against Microsoft's metadata",
        oracle::metadata::ask_for_names,
    ),
    ("the VMCB against Linux' svm.h", oracle::vmcb::ask),
    (
        "licences and sources by cargo-deny",
        oracle::supply_chain::ask,
    ),
    ("amd-svm on emulated processors", oracle::processors::ask),
    ("the package, built twice", oracle::reproducible::ask),
    ("the package under Wine", oracle::wine::ask),
];

/// Prints what every judge compared and what held, and fails if anything did not.
pub fn run(args: &Args, workspace: &Workspace) -> Result<ExitCode> {
    let (mut asked, mut failed) = (0, false);
    ask(workspace, args.only.as_deref(), |_, violation| {
        asked += 1;
        failed |= violation.is_some();
    });
    ensure!(asked > 0, "no judge has that in its name");
    Ok(if failed {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

/// Asks every judge whose name has `only` in it, prints their verdicts, and hands each judge's
/// name to `tell` with what it has against us.
pub fn ask(
    workspace: &Workspace,
    only: Option<&str>,
    mut tell: impl FnMut(&'static str, Option<String>),
) {
    for &(name, ask) in JUDGES {
        if only.is_some_and(|only| !name.contains(only)) {
            continue;
        }
        let violation = match ask(workspace) {
            Ok(verdict) => {
                let (compared, held) = (verdict.compared(), verdict.held());
                println!("{name}: {compared} facts compared, {held} held");
                let violations = verdict.violations();
                (compared == 0 || held < compared).then(|| format!("\n{}", violations.join("\n")))
            }
            Err(error) => Some(format!("{error:#}")),
        };
        if let Some(violation) = &violation {
            println!("FAILED  {name}: {violation}");
        }
        tell(name, violation);
    }
}
