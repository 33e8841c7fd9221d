//! Installing and removing on a machine of these tests', on which everything can go wrong.

mod machine;
mod property;
mod refusals;
mod signers;
mod texts;

use std::fmt::Write;

use insta::Settings;

use self::machine::TestMachine;
use super::Trouble;
use super::install::install_package;
use super::options::Options;
use super::uninstall::uninstall;

/// Compares with the expected text beside the client's other ones.
fn assert_text(name: &str, text: &str) {
    let mut settings = Settings::clone_current();
    settings.set_snapshot_path("../../tests/setup");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, text));
}

/// What a user sees of an installation, with a line for each complaint.
fn install(machine: &mut TestMachine, build: u8, options: &Options) -> String {
    let mut said = Vec::new();
    let package = machine.package(build);
    let result = install_package(machine, &package, options, &mut said);
    seen(said, result)
}

/// What a user sees of a removal.
fn remove(machine: &mut TestMachine) -> String {
    let mut said = Vec::new();
    let result = uninstall(machine, false, &mut said);
    seen(said, result)
}

fn seen(said: Vec<u8>, result: Result<(), Trouble>) -> String {
    let mut text = String::from_utf8(said).unwrap();
    let complaints = match result {
        Ok(()) => Vec::new(),
        Err(Trouble::Failed(lines)) => lines,
        Err(Trouble::Refused(found)) => found.iter().map(ToString::to_string).collect(),
    };
    for complaint in complaints {
        assert!(
            !complaint.is_empty() && !complaint.contains('\n'),
            "{complaint:?}"
        );
        writeln!(text, "client: {complaint}").unwrap();
    }
    text
}
