//! `uninstall`: takes back what an installation did, wherever it ended, and any number of times.

use std::io::Write;

use super::install::tell;
use super::machine::{Action, Machine, Service};
use super::{Trouble, plan, refusal};

/// Removes the driver and what was installed with it.
///
/// A driver that can't be stopped stays with all that belongs to it. After that every step is tried,
/// whatever became of the one before; the record of what there is to do is deleted last, and only if
/// nothing else is left.
pub(crate) fn uninstall(
    machine: &mut dyn Machine,
    dry_run: bool,
    said: &mut dyn Write,
) -> Result<(), Trouble> {
    let facts = machine.facts()?;
    let refusals = refusal::to_uninstall(machine, &facts)?;
    if !refusals.is_empty() {
        return Err(Trouble::Refused(refusals));
    }
    let steps = plan::removal(&facts);
    if steps.is_empty() {
        tell(said, "nothing of svmsave is installed");
        return Ok(());
    }
    if dry_run {
        for step in &steps {
            tell(said, &format!("would: {step}"));
        }
        return Ok(());
    }
    let failures = take_all(machine, &steps, said);
    if !failures.is_empty() {
        return Err(Trouble::Failed(failures));
    }
    let left = machine.facts()?;
    if left.service != Service::Absent || !left.packages.is_empty() {
        return Err(Trouble::Failed(vec![
            "the system still lists the driver: restart Windows, then run this again".to_owned(),
        ]));
    }
    tell(
        said,
        "nothing of svmsave is left but the folder that it was installed from",
    );
    if facts.record.test_signing {
        tell(said, "test signing is off from the next start of Windows");
    }
    Ok(())
}

/// Takes every step that may be taken, and returns why some were not.
fn take_all(machine: &mut dyn Machine, steps: &[Action], said: &mut dyn Write) -> Vec<String> {
    let mut failures = Vec::new();
    for step in steps {
        if *step == Action::Forget && !failures.is_empty() {
            break;
        }
        match machine.perform(step) {
            Ok(()) => tell(said, &format!("done: {step}")),
            Err(failure) => {
                failures.push(failure.to_string());
                if *step == Action::Stop {
                    break;
                }
            }
        }
    }
    if !failures.is_empty() {
        failures.push("mend this and run `client.exe uninstall` again".to_owned());
    }
    failures
}
