//! Runs other programs with a time limit, and keeps what they say until it matters.

use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader, Read};
use std::iter;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use wait_timeout::ChildExt as _;

use super::step;

/// Enough for a first build, with its downloads, on a slow machine.
pub const BUILD_LIMIT: Duration = Duration::from_mins(40);

/// Enough for a question that is answered from files.
pub const QUERY_LIMIT: Duration = Duration::from_mins(2);

/// Starts the program that its arguments name, with a lower priority.
const NICE: [&str; 3] = ["nice", "-n", "10"];

/// What a program had said when it ended.
pub struct Said {
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
}

/// Runs `command` to its end, which has to be a success.
///
/// # Errors
///
/// If it can't be started, takes longer than `limit` or doesn't succeed; what it said on stderr
/// is then part of the error.
pub fn run(command: &mut Command, limit: Duration) -> Result<Said> {
    let (status, said) = outcome(command, limit)?;
    if !status.success() {
        let name = name(command);
        bail!("{name} failed ({status}):\n{}", said.stderr.trim_end());
    }
    Ok(said)
}

/// Runs `command` to whatever end it comes to.
///
/// # Errors
///
/// If it can't be started or takes longer than `limit`.
pub fn outcome(command: &mut Command, limit: Duration) -> Result<(ExitStatus, Said)> {
    let name = name(command);
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start {name}"))?;
    let stdout = collect(child.stdout.take().context("stdout is piped")?);
    let stderr = collect(child.stderr.take().context("stderr is piped")?);
    let Some(status) = child.wait_timeout(limit)? else {
        child.kill()?;
        child.wait()?;
        // Its own children may hold the pipes for longer: what they say is not waited for.
        bail!("{name} took longer than {} s", limit.as_secs());
    };
    let said = Said {
        stdout: finish(stdout),
        stderr: finish(stderr),
    };
    Ok((status, said))
}

/// Runs `command` to whatever end it comes to, and lets it say what it says in this program's place.
///
/// # Errors
///
/// If it can't be started or takes longer than `limit`.
pub fn pass_through(command: &mut Command, limit: Duration) -> Result<ExitStatus> {
    let name = name(command);
    let mut child = command
        .stdin(Stdio::null())
        .spawn()
        .with_context(|| format!("cannot start {name}"))?;
    let Some(status) = child.wait_timeout(limit)? else {
        child.kill()?;
        child.wait()?;
        bail!("{name} took longer than {} s", limit.as_secs());
    };
    Ok(status)
}

/// A program that gives way to whatever else runs.
#[must_use]
pub fn giving_way(program: &OsStr) -> Command {
    let mut command = Command::new(NICE[0]);
    command.args(&NICE[1..]).arg(program);
    command
}

/// What a command is called in messages: the program that does the work.
fn name(command: &Command) -> String {
    let words: Vec<&OsStr> = iter::once(command.get_program())
        .chain(command.get_args())
        .collect();
    let without_nice = match words.as_slice() {
        [nice, option, number, rest @ ..] if [*nice, *option, *number] == NICE => rest,
        all => all,
    };
    let program = without_nice.first().copied();
    Path::new(program.unwrap_or_default())
        .file_name()
        .unwrap_or_default()
        .display()
        .to_string()
}

/// Reads a pipe while the program runs, lest it fill up; the step that runs the program tells of
/// its last line.
fn collect(pipe: impl Read + Send + 'static) -> JoinHandle<Vec<u8>> {
    let step = step::current();
    thread::spawn(move || {
        let mut pipe = BufReader::new(pipe);
        let mut bytes = Vec::new();
        loop {
            let before = bytes.len();
            // A pipe that breaks has said what it had to say.
            if pipe.read_until(b'\n', &mut bytes).unwrap_or(0) == 0 {
                return bytes;
            }
            if let Some(step) = &step {
                step.note(&String::from_utf8_lossy(&bytes[before..]));
            }
        }
    })
}

fn finish(reader: JoinHandle<Vec<u8>>) -> String {
    String::from_utf8_lossy(&reader.join().unwrap_or_default()).into_owned()
}

/// What cargo says of its progress, by the first word of a line.
const PROGRESS: [&str; 16] = [
    "Adding",
    "Blocking",
    "Building",
    "Checking",
    "Compiling",
    "Documenting",
    "Downloaded",
    "Downloading",
    "Finished",
    "Fresh",
    "Generated",
    "Locking",
    "Removing",
    "Running",
    "Unpacking",
    "Updating",
];

/// What cargo wrote to stderr, without the lines that say how far it is.
#[must_use]
pub fn without_progress(stderr: &str) -> String {
    let mut kept = String::new();
    for line in stderr.lines() {
        let text = step::plain(line);
        if !PROGRESS.iter().any(|word| text.starts_with(word)) {
            kept.push_str(line);
            kept.push('\n');
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_is_left_out_of_what_cargo_says() {
        let warning = "warning: unused variable: `a`\n --> src/lib.rs:1:1\n";
        let said = format!(
            "   Compiling anyhow v1.0.104\n\
             \u{1b}[1m\u{1b}[92m   Compiling\u{1b}[0m syn v2.0.119\n\
             {warning}    Finished `release` profile\n"
        );
        assert_eq!(without_progress(&said), warning);
    }

    #[test]
    fn a_program_that_gives_way_is_named_by_itself() {
        const LIMIT: Duration = Duration::from_secs(10);
        let priority = |mut command: Command| {
            let said = run(&mut command, LIMIT).unwrap();
            said.stdout.trim().parse::<i32>().unwrap()
        };
        let usual = priority(Command::new("nice"));
        let lower = priority(giving_way(OsStr::new("nice")));
        assert_eq!(lower, (usual + 10).min(19));
        let Err(error) = run(
            giving_way(OsStr::new("/bin/sh")).args(["-c", "exit 3"]),
            LIMIT,
        ) else {
            panic!("it fails");
        };
        assert!(error.to_string().starts_with("sh failed (exit status: 3)"));
    }
}
