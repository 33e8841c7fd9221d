//! `uninstall`: takes back what an installation did, wherever it ended, and any number of times.

use std::io::Write;

use super::install::tell;
use super::machine::{Action, Machine, Service};
use super::test_signing::TestSigning;
use super::{Trouble, plan, refusal, test_signing};

/// What is said of test signing that Secure Boot keeps set.
const LEFT: &str = "test signing stays set in the boot configuration: Secure Boot is on, under which \
    Windows ignores the setting and lets nothing change it; to delete it, turn Secure Boot off in the \
    firmware's setup and run `client.exe uninstall` again, for which installed.json stays in Program \
    Files\\svmsave";

/// Removes the driver and what was installed with it.
///
/// A driver that can't be stopped stays with all that belongs to it. After that every step is tried,
/// whatever became of the one before; the record of what there is to do is deleted last, and only if
/// nothing else is left. Under Secure Boot, which lets nothing change test signing, it is kept for that
/// alone.
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
    let becomes = test_signing::after_removal(&facts);
    if dry_run {
        for step in steps.iter().filter(|step| step.is_shown()) {
            tell(said, &format!("would: {step}"));
        }
        if becomes == TestSigning::Left {
            tell(said, LEFT);
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
    if becomes == TestSigning::Left {
        tell(
            said,
            "nothing of svmsave is left but test signing and the folder that it was installed from",
        );
        tell(said, LEFT);
        return Ok(());
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
        let closes = matches!(step, Action::Forget | Action::Record(_));
        if closes && !failures.is_empty() {
            break;
        }
        match machine.perform(step) {
            Ok(()) if step.is_shown() => tell(said, &format!("done: {step}")),
            Ok(()) => {}
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
