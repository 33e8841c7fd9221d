//! The client against a driver that speaks the protocol from within this process.

mod anonymous;
mod bench;
mod cases;
mod check;
mod diff;
mod failures;
mod fake;
mod files;
mod guests;
mod host_reset;
mod hostile;
mod inputs;
mod layouts;
mod machine;
mod many;
mod mutations;
mod options;
mod program;
mod readme;
mod refusals;
mod replies;
mod report;
mod rules;
mod selftest;
mod show;
mod status;
mod watch;
mod words;

use client::Terminal;

use crate::fake::Driver;

/// What a run of the program left behind.
struct Ran {
    exit: u8,
    stdout: String,
    stderr: String,
}

/// Runs the program against `driver` in a terminal of this width.
fn run_at(width: usize, arguments: &[&str], driver: &mut Driver) -> Ran {
    let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
    let exit = client::run(
        std::iter::once(&"client").chain(arguments).map(Into::into),
        || Ok(Box::new(driver)),
        &mut stdout,
        &mut stderr,
        Terminal::with_width(width),
    );
    Ran {
        exit,
        stdout: String::from_utf8(stdout).unwrap(),
        stderr: String::from_utf8(stderr).unwrap(),
    }
}

fn run(arguments: &[&str], driver: &mut Driver) -> Ran {
    run_at(80, arguments, driver)
}

/// Runs the program and expects it to have nothing to complain about.
fn output(arguments: &[&str], driver: &mut Driver) -> String {
    let ran = run(arguments, driver);
    assert_eq!((ran.exit, ran.stderr.as_str()), (0, ""));
    ran.stdout
}
