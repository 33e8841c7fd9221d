//! `install`: checks, a plan, its steps, and the way back from an upgrade that does not start.

use std::env;
use std::io::{self, Write};
use std::path::PathBuf;

use super::Trouble;
use super::failure::Failure;
use super::machine::{Action, Facts, Machine, Service};
use super::options::Options;
use super::package::{Package, of_image};
use super::plan::{Installation, Plan, Previous};
use super::record::Store;
use super::refusal::{self, Refusal};
use super::test_signing;

/// Installs the driver, and starts it.
///
/// Each step is told on `said` when it is done. What can't be told doesn't keep a step from being
/// done: a reader that goes away shall not leave half an installation.
pub(crate) fn install(
    machine: &mut dyn Machine,
    options: &Options,
    said: &mut dyn Write,
) -> Result<(), Trouble> {
    let package = folder(options).and_then(|folder| Ok(Package::read(&folder)?));
    let package = package.map_err(|refusal| Trouble::Refused(vec![refusal]))?;
    install_package(machine, &package, options, said)
}

fn folder(options: &Options) -> Result<PathBuf, Refusal> {
    if let Some(folder) = &options.package {
        return Ok(folder.clone());
    }
    let program = env::current_exe().map_err(Refusal::NoFolder)?;
    let folder = program.parent().ok_or(io::ErrorKind::NotFound.into());
    folder.map(Into::into).map_err(Refusal::NoFolder)
}

/// Installs a package that was read.
pub(super) fn install_package(
    machine: &mut dyn Machine,
    package: &Package,
    options: &Options,
    said: &mut dyn Write,
) -> Result<(), Trouble> {
    let facts = machine.facts()?;
    let refusals = refusal::to_install(machine, &facts, package, options)?;
    if !refusals.is_empty() {
        return Err(Trouble::Refused(refusals));
    }
    let mut lacking = Vec::new();
    for store in Store::ALL {
        if !machine.has_certificate(store, &package.signer.certificate)? {
            lacking.push(store);
        }
    }
    let plan = Plan::new(&facts, package, &lacking);
    announce(&facts, package, &plan, said);
    if options.dry_run {
        tell_steps(&plan, said);
        return Ok(());
    }
    match plan {
        Plan::Nothing => Ok(()),
        Plan::Start => take(machine, &[Action::Start], said)
            .and_then(|()| confirm(machine, package, said))
            .map_err(|failure| failed(&failure, None)),
        Plan::TestSigning(steps) => {
            take(machine, &steps, said).map_err(|failure| failed(&failure, None))?;
            tell(
                said,
                if facts.signing.takes_tests {
                    "run `client.exe install` again: test signing stays on"
                } else {
                    "restart Windows, then run `client.exe install` again: test signing is on from then"
                },
            );
            Ok(())
        }
        Plan::Install(installation) => carry_out(machine, package, &installation, said),
    }
}

fn carry_out(
    machine: &mut dyn Machine,
    package: &Package,
    installation: &Installation,
    said: &mut dyn Write,
) -> Result<(), Trouble> {
    let done =
        take(machine, &installation.steps, said).and_then(|()| confirm(machine, package, said));
    if let Err(failure @ Failure::Busy { .. }) = done {
        return Err(Trouble::Failed(vec![
            failure.to_string(),
            "nothing else was changed; the driver was told to stop, and does so once its device is closed"
                .to_owned(),
        ]));
    }
    if let Err(failure) = done {
        let back = installation
            .previous
            .as_ref()
            .map(|previous| bring_back(machine, previous, said));
        return Err(failed(&failure, back));
    }
    // The driver runs; what is left over is no reason to take it away again.
    take(machine, &installation.clearing, said).map_err(|failure| {
        Trouble::Failed(vec![
            failure.to_string(),
            "the driver runs; `client.exe uninstall` removes what is left of the one before, too"
                .to_owned(),
        ])
    })
}

/// Brings the driver back that was there, and says how that went.
fn bring_back(
    machine: &mut dyn Machine,
    previous: &Previous,
    said: &mut dyn Write,
) -> Result<String, Failure> {
    tell(said, "the way back:");
    let facts = machine.facts()?;
    take(machine, &previous.way_back(&facts), said)?;
    Ok(match previous.version() {
        Some(version) => format!("svmsave {version} is installed as it was before"),
        None => "the driver that was there is installed as it was before".to_owned(),
    })
}

/// A step's failure, with what has become of everything.
fn failed(failure: &Failure, back: Option<Result<String, Failure>>) -> Trouble {
    let mut lines = vec![failure.to_string()];
    match back {
        Some(Ok(back)) => lines.push(back),
        Some(Err(failure)) => lines.extend([
            format!("the way back failed, too: {failure}"),
            "`client.exe uninstall` removes everything".to_owned(),
        ]),
        None => lines.push(
            "mend this and run `client.exe install` again, or `client.exe uninstall` to undo what is \
             listed as done"
                .to_owned(),
        ),
    }
    Trouble::Failed(lines)
}

/// Takes steps in their order, up to one that fails.
pub(super) fn take(
    machine: &mut dyn Machine,
    steps: &[Action],
    said: &mut dyn Write,
) -> Result<(), Failure> {
    for step in steps {
        machine.perform(step)?;
        if step.is_shown() {
            tell(said, &format!("done: {step}"));
        }
    }
    Ok(())
}

/// Asks the driver that runs which version it is.
fn confirm(
    machine: &mut dyn Machine,
    package: &Package,
    said: &mut dyn Write,
) -> Result<(), Failure> {
    let running = machine.running_version()?;
    match package.version {
        Some(expected) if running != expected => Err(Failure::OtherVersion { running, expected }),
        _ => {
            tell(
                said,
                &format!("svmsave {running} runs; `client.exe uninstall` removes it"),
            );
            Ok(())
        }
    }
}

/// What there is and what is wanted, in one line.
fn announce(facts: &Facts, package: &Package, plan: &Plan, said: &mut dyn Write) {
    let named = |version: Option<_>| match version {
        Some(version) => format!("svmsave {version}"),
        None => "a driver without a version".to_owned(),
    };
    let new = named(package.version);
    let installed = facts.installed.as_ref();
    let old = installed.map(|installed| of_image(&installed.image));
    let line = match (plan, old) {
        (Plan::Nothing, _) => format!("{new} is installed and runs already: nothing to do"),
        (Plan::Start, _) => format!("{new} is installed already"),
        (Plan::TestSigning(steps), _) => {
            let since = if facts.signing.takes_tests {
                " from the next start of Windows"
            } else if steps.is_empty() {
                " until the next start of Windows"
            } else {
                ""
            };
            format!("{new} needs test signing, which is off{since}")
        }
        (Plan::Install(_), None) => format!("{new} is to be installed"),
        (Plan::Install(_), Some(old)) if old == package.version => {
            format!("{new} is to be installed, in place of another build of that version")
        }
        (Plan::Install(Installation { previous, .. }), Some(old)) => {
            let back = if previous.is_some() {
                ""
            } else {
                "; no package of that is left, so there is no way back"
            };
            format!("{new} is to be installed, in place of {}{back}", named(old))
        }
    };
    tell(said, &line);
    if test_signing::is_needed(facts, package) && facts.signing.takes_tests_next.is_none() {
        tell(said, not_known(plan));
    }
    if facts.service == Service::Absent && !facts.signing.is_checked {
        tell(said, "this is Wine, which looks at no signature");
    }
}

/// What follows from a boot configuration that is not readable.
fn not_known(plan: &Plan) -> &'static str {
    if let Plan::TestSigning(_) = plan {
        "whether test signing was set for the next start before is not known, since the boot \
         configuration is not readable: `client.exe uninstall` turns it off in any case"
    } else {
        "whether test signing stays on after the next start is not known, since the boot configuration \
         is not readable: `bcdedit /enum {current}` shows it"
    }
}

fn tell_steps(plan: &Plan, said: &mut dyn Write) {
    let start = [Action::Start];
    let steps = match plan {
        Plan::Nothing => [].iter().chain(&[]),
        Plan::Start => start.iter().chain(&[]),
        Plan::TestSigning(steps) => steps.iter().chain(&[]),
        Plan::Install(Installation {
            steps, clearing, ..
        }) => steps.iter().chain(clearing),
    };
    for step in steps.filter(|step| step.is_shown()) {
        tell(said, &format!("would: {step}"));
    }
}

/// A line for the user, who may have gone.
pub(super) fn tell(said: &mut dyn Write, line: &str) {
    let _ = writeln!(said, "{line}");
    let _ = said.flush();
}
