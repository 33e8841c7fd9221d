//! The command line: what may be written there, and what is said when something else is.

use std::ffi::OsString;

use clap::{Args, Parser, Subcommand};

use crate::selection::Item;

/// Shows what VMSAVE stores on every logical processor of this machine: FS, GS,
/// LDTR and TR with their hidden parts, and the registers of the system-call
/// instructions. The svmsave driver executes the instruction.
#[derive(Debug, Parser)]
#[command(
    name = "client",
    version,
    args_conflicts_with_subcommands = true,
    disable_help_subcommand = true,
    after_help = AFTER_HELP,
    verbatim_doc_comment
)]
struct CommandLine {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    show: Options,
}

/// What the user wants done.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Executes VMSAVE on every processor and prints what it stored (default)
    Show(Options),
    /// Prints whether VMSAVE is possible, and why not, without executing it
    Status(Options),
}

/// What all commands understand.
#[derive(Args, Debug)]
pub(crate) struct Options {
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// These processors alone: 0,3-5, or by GROUP:NUMBER
    #[arg(short, long, value_name = "LIST", value_delimiter = ',')]
    pub(crate) processors: Vec<Item>,
}

const AFTER_HELP: &str = "\
Examples:
  client                       everything, on every processor
  client show -p 0,4-7         processors 0, 4, 5, 6 and 7
  client show -p 1:0-3         the first four processors of group 1
  client show --json > a.json  for other programs
  client status                is VMSAVE possible here, and if not, why

Exit codes:
  0  done
  1  another failure, or VMSAVE is not possible on some of the processors
  2  the command line is wrong, or names a processor that does not exist
  3  the driver is not running
  4  access to the driver was denied
  5  VMSAVE is not possible on this machine

Data goes to standard output, everything else to standard error. A reader that
closes the pipe early is no failure. COLUMNS sets the width of text.";

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
    Ok(command.unwrap_or(Command::Show(show)))
}

/// The error in one line, where clap would take a paragraph.
pub(crate) fn one_line(error: &clap::Error) -> String {
    let paragraph = error.to_string();
    let mut lines = paragraph.lines();
    let first = lines.next().unwrap_or_default();
    let message = first.strip_prefix("error: ").unwrap_or(first);
    let tip = lines.find_map(|line| line.trim_start().strip_prefix("tip: "));
    match tip {
        Some(tip) => format!("{message} ({tip}); see `client --help`"),
        None => format!("{message}; see `client --help`"),
    }
}
