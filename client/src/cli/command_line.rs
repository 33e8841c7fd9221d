//! The command line: what may be written there, and what is said when something else is.

mod changes;
mod check;
mod driver;
mod files;
mod show;
mod source;
mod texts;

use std::ffi::OsString;

use clap::{Parser, Subcommand};

pub(crate) use self::changes::{DiffOptions, WatchOptions};
pub(crate) use self::check::{CheckOptions, ExplainOptions, System, Topic};
pub(crate) use self::driver::{BenchOptions, InstallOptions, SelfTestOptions, UninstallOptions};
pub(crate) use self::files::{ReportOptions, SaveOptions};
pub(crate) use self::show::{DecodeOptions, GroupBy, Layout, ShowCommand, ShowOptions};
pub(crate) use self::source::{Files, Options, Source};
use self::texts::{AFTER_HELP, VERSION};

/// Shows what VMSAVE stores on every logical processor of this machine: FS, GS,
/// LDTR and TR with their hidden parts, and the registers of the system-call
/// instructions. The svmsave driver executes the instruction.
#[derive(Debug, Parser)]
#[command(
    name = "client",
    version = VERSION.as_str(),
    args_conflicts_with_subcommands = true,
    disable_help_subcommand = true,
    after_help = AFTER_HELP,
    verbatim_doc_comment
)]
struct CommandLine {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    show: ShowOptions,
}

/// What the user wants done.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Prints what VMSAVE stores on every processor (default)
    Show(ShowCommand),
    /// Prints whether VMSAVE is possible, and if not, why
    Status(Options),
    /// Judges the machine: prints what no healthy machine shows
    Check(CheckOptions),
    /// Prints what a finding means, and where the manual says so
    Explain(ExplainOptions),
    /// Writes a snapshot to a file that every command reads with --from
    Save(SaveOptions),
    /// Prints a saved snapshot, or bare VMCB pages from elsewhere
    Decode(DecodeOptions),
    /// Prints what differs between two snapshots, or between one and now
    Diff(DiffOptions),
    /// Takes snapshots again and again and prints what changes
    Watch(WatchOptions),
    /// Writes one HTML page to look at, with findings on top
    Report(ReportOptions),
    /// Measures snapshots: the cycles of each part, skew, round trip
    Bench(BenchOptions),
    /// Installs or replaces the driver, and starts it
    Install(InstallOptions),
    /// Removes the driver, and all that was installed with it
    Uninstall(UninstallOptions),
    /// Tests the driver on this machine, and writes a file to send back
    Selftest(SelfTestOptions),
}

impl Command {
    /// Whether the user takes it on themselves that a snapshot resets the host of this virtual
    /// machine, or the command executes no VMSAVE.
    pub(crate) fn may_reset_host(&self) -> bool {
        match self {
            Self::Show(command) => command.options.source.yes,
            Self::Check(options) => options.source.yes,
            Self::Save(options) => options.source.yes,
            Self::Report(options) => options.source.yes,
            Self::Watch(options) => options.source.yes,
            Self::Bench(options) => options.options.source.yes,
            Self::Diff(options) => options.comparison.options.source.yes,
            Self::Selftest(options) => options.yes,
            Self::Status(_)
            | Self::Explain(_)
            | Self::Decode(_)
            | Self::Install(_)
            | Self::Uninstall(_) => true,
        }
    }
}

/// Reads the arguments, the program's name first.
///
/// # Errors
///
/// What to print instead of doing something: an error, or the help that was asked for.
pub(crate) fn parse(arguments: impl IntoIterator<Item = OsString>) -> clap::error::Result<Command> {
    let arguments = arguments.into_iter().map(|argument| {
        if argument == "/?" {
            "--help".into()
        } else {
            argument
        }
    });
    let CommandLine { command, show } = CommandLine::try_parse_from(arguments)?;
    Ok(command.unwrap_or_else(|| {
        Command::Show(ShowCommand {
            files: Files::default(),
            options: show,
        })
    }))
}

/// The error in one line, where clap would take a paragraph.
pub(crate) fn one_line(error: &clap::Error) -> String {
    let paragraph = error.to_string();
    let mut lines = paragraph.lines();
    let first = lines.next().unwrap_or_default();
    let message = first.strip_prefix("error: ").unwrap_or(first);
    // What is missing stands on a line of its own.
    let rest = message.ends_with(':').then(|| lines.next()).flatten();
    let message = format!(
        "{message}{}",
        rest.map_or("", |rest| rest.get(1..).unwrap_or_default())
    );
    let tip = lines.find_map(|line| line.trim_start().strip_prefix("tip: "));
    match tip {
        Some(tip) => format!("{message} ({tip}); see `client --help`"),
        None => format!("{message}; see `client --help`"),
    }
}

/// The command line as a description, from which other things are made.
#[cfg(feature = "generate")]
pub(crate) fn description() -> clap::Command {
    <CommandLine as clap::CommandFactory>::command()
}
