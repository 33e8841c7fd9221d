//! `cargo xtask check`: judges what the cross build makes and what it is made with.

use std::process::ExitCode;

use anyhow::Result;

use crate::artifact::{self, CrossBuild, Profile};
use crate::check::Check;
use crate::evidence;
use crate::image::rules::Facts;
use crate::step::step;
use crate::workspace::Workspace;

/// Build the package and check the driver's image and the stand-in WDK
#[derive(clap::Args)]
pub struct Args {}

/// Prints every check with its outcome, and fails if one does.
pub fn run(_: &Args, workspace: &Workspace) -> Result<ExitCode> {
    let checks = checks(workspace)?;
    let mut failed = 0;
    for Check { rule, violation } in &checks {
        match violation {
            None => println!("ok      {rule}"),
            Some(violation) => {
                failed += 1;
                println!("FAILED  {rule}: {violation}");
            }
        }
    }
    println!("{} passed, {failed} failed", checks.len() - failed);
    Ok(if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Builds the package as it is shipped, and checks it.
pub fn checks(workspace: &Workspace) -> Result<Vec<Check>> {
    let package = artifact::build_package(workspace, Profile::Release)?;
    let mut checks = Facts::of_file(&package.driver)?.check(Profile::Release);

    let cross_build = CrossBuild::prepare(workspace)?;
    let strangers = cross_build.strangers()?;
    checks.push(Check::new(
        "the driver is built from the versions of the committed Cargo.lock",
        strangers.is_empty(),
        strangers.join(", "),
    ));
    let abi = step("stand-in WDK against Microsoft's metadata", |_| {
        Ok(cross_build.check_abi().err())
    })?;
    checks.push(Check {
        rule: "the stand-in WDK has Microsoft's layouts, signatures and constants",
        violation: abi.map(|error| format!("{error:#}")),
    });
    checks.extend(evidence::checks(workspace)?);
    Ok(checks)
}
