//! The command line: what may be written there, and what is said when something else is.

mod arguments;
mod changes;
mod check;
mod driver;
mod files;
mod manner;
mod mistake;
mod show;
mod source;
mod texts;

use std::ffi::OsString;

use clap::{CommandFactory, FromArgMatches as _, Parser, Subcommand};

pub(crate) use self::changes::{DiffOptions, WatchOptions};
pub(crate) use self::check::{CheckOptions, ExplainOptions, System, Topic};
pub(crate) use self::driver::{BenchOptions, InstallOptions, SelfTestOptions, UninstallOptions};
pub(crate) use self::files::{ReportOptions, SaveOptions};
pub(crate) use self::manner::{Colour, Manner};
pub(crate) use self::show::{DecodeOptions, GroupBy, Layout, ShowCommand, ShowOptions};
pub(crate) use self::source::{Files, Options, Source};
use self::texts::{AFTER_HELP, AFTER_LONG_HELP, VERSION};

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
    after_long_help = AFTER_LONG_HELP,
    verbatim_doc_comment
)]
struct CommandLine {
    #[command(subcommand)]
    word: Option<Word>,
    #[command(flatten)]
    show: ShowOptions,
    #[command(flatten)]
    manner: Manner,
}

/// The word that says what is wanted.
#[derive(Debug, Subcommand)]
enum Word {
    #[command(flatten)]
    Command(Command),
    /// Prints all about a command, or about the program
    Help {
        /// The command
        command: Option<OsString>,
    },
}

/// What the user wants done.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Prints what VMSAVE stores on every processor (default)
    ///
    /// Values that are not the same everywhere are marked. Of files, folders
    /// and patterns, each machine is printed below its name; --csv and --jsonl
    /// make one table of all.
    #[command(verbatim_doc_comment)]
    Show(ShowCommand),
    /// Prints whether VMSAVE is possible, and if not, why
    Status(Options),
    /// Judges the machine: prints what no healthy machine shows
    ///
    /// Each finding has a name, which `client explain NAME` explains. What was
    /// not judged, and why, is told too. The exit code is 6 if there are
    /// findings that are bad enough for --fail-on, 7 if there are none and not
    /// everything was judged, and 0 if everything was judged; of many files,
    /// it is 8 if one of them was not read and there is no such finding. With
    /// --quiet, findings alone are printed.
    #[command(verbatim_doc_comment)]
    Check(CheckOptions),
    /// Prints what a finding means, and where the manual says so
    Explain(ExplainOptions),
    /// Writes a snapshot to a file that every command reads with --from
    ///
    /// The file has all that the driver told and the list of modules, so that
    /// it can be judged anywhere as it would be here.
    #[command(verbatim_doc_comment)]
    Save(SaveOptions),
    /// Prints a saved snapshot, or bare VMCB pages from elsewhere
    ///
    /// Of VMCB pages this is the whole page: control area and save area, with
    /// the meaning of their bits.
    #[command(verbatim_doc_comment)]
    Decode(DecodeOptions),
    /// Prints what differs between two snapshots, or between one and now
    ///
    /// Addresses are compared by their places in modules, so that a machine
    /// that was started again is the same. The exit code is 6 if something
    /// differs, 7 if nothing does and not everything was compared, else 0.
    /// With --quiet, differences alone are printed.
    #[command(verbatim_doc_comment)]
    Diff(DiffOptions),
    /// Takes snapshots again and again and prints what changes
    ///
    /// The exit code is 6 if something changed, 7 if nothing did and not
    /// everything was compared, else 0. Ctrl-C ends it. With --quiet, changes
    /// alone are printed.
    #[command(verbatim_doc_comment)]
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

/// What was asked for, and how it is to be told.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) command: Command,
    /// The command's name, as it is typed.
    pub(crate) name: String,
    pub(crate) manner: Manner,
}

/// What is printed in place of doing something.
#[derive(Debug)]
pub(crate) enum Instead {
    /// The help or the version, which was asked for.
    Text(String),
    /// What is wrong with the command line, in a line.
    Wrong(String),
}

/// Reads the arguments, the program's name first.
///
/// # Errors
///
/// What to print instead of doing something: an error, or the help that was asked for.
pub(crate) fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Request, Instead> {
    let mut arguments: Vec<_> = arguments
        .into_iter()
        .map(|argument| {
            if argument == "/?" {
                "--help".into()
            } else {
                argument
            }
        })
        .collect();
    let mut description = description();
    let name = arguments::put_command_first(&mut arguments, &description);
    let parsed = description
        .try_get_matches_from_mut(&arguments)
        .and_then(|matches| CommandLine::from_arg_matches(&matches));
    let CommandLine { word, show, manner } =
        parsed.map_err(|error| instead(&error, name.as_deref()))?;
    let command = match word {
        Some(Word::Command(command)) => command,
        Some(Word::Help { command }) => {
            arguments.truncate(1);
            arguments.extend(command);
            arguments.push("--help".into());
            return parse(arguments);
        }
        None => Command::Show(ShowCommand {
            files: Files::default(),
            options: show,
        }),
    };
    Ok(Request {
        command,
        name: name.unwrap_or_else(|| "show".to_owned()),
        manner,
    })
}

fn instead(error: &clap::Error, command: Option<&str>) -> Instead {
    if error.use_stderr() {
        return Instead::Wrong(mistake::in_one_line(error, command));
    }
    let text = error.to_string();
    // What is empty is filled up to where the text begins.
    let lines = text.lines().map(|line| line.trim_end().to_owned() + "\n");
    Instead::Text(lines.collect())
}

/// The command line as a description, from which other things are made.
pub(crate) fn description() -> clap::Command {
    <CommandLine as CommandFactory>::command()
}
