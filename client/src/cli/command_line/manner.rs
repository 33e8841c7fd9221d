//! Options of every command: how things are told.

use clap::Args;

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
    /// Errors are told all the same, and what is made for programs, such as
    /// --json, stays whole.
    #[arg(short, long, global = true, verbatim_doc_comment)]
    pub(crate) quiet: bool,
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
