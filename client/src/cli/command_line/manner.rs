//! Options of every command: how things are told.

use clap::Args;
use clap::builder::Resettable;

/// How everything is told.
#[derive(Args, Clone, Copy, Debug, Default)]
pub(crate) struct Manner {
    /// Colour text: auto, always or never
    ///
    /// `auto` colours what goes to a terminal. In the environment,
    /// `NO_COLOR` and `CLICOLOR=0` switch colours off, and `CLICOLOR_FORCE`
    /// switches them on wherever the output goes; `NO_COLOR` comes first of
    /// them. `always` and `never` have the last word.
    #[arg(
        long,
        global = true,
        value_name = "WHEN",
        default_value = "auto",
        hide_default_value = true,
        hide_possible_values = true,
        ignore_case = true,
        verbatim_doc_comment
    )]
    pub(crate) color: Colour,
    /// Print results alone: neither notes nor progress
    ///
    /// check prints findings alone, diff and watch print differences alone:
    /// nothing if there are none, and the exit code says so. install,
    /// uninstall and selftest do not tell their steps. Nothing is noted of
    /// what was not judged, not compared or left empty. Errors are told all
    /// the same, and what is made for programs, such as --json, stays whole.
    #[arg(short, long, global = true, verbatim_doc_comment)]
    pub(crate) quiet: bool,
}

/// Whether what is said of `--quiet` at length is about the command of a name.
pub(super) fn is_about(command: &str) -> bool {
    let commands = ["check", "diff", "watch", "install", "uninstall", "selftest"];
    commands.contains(&command)
}

/// An option of every command with what other commands are told of it: of `--quiet`, the beginning.
pub(super) fn in_short(option: &clap::Arg) -> clap::Arg {
    let option = option.clone();
    if option.get_long() == Some("quiet") {
        option.long_help(Resettable::Reset)
    } else {
        option
    }
}

/// When text is coloured.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, clap::ValueEnum)]
pub(crate) enum Colour {
    /// On a terminal, as the environment has it.
    #[default]
    Auto,
    /// Wherever it goes.
    Always,
    /// Nowhere.
    Never,
}
