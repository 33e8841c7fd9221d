//! A wrong command line in one line, where the parser would take a paragraph.

use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::cli::advice;

/// The error, with what helps against it; `command` is that which was typed.
pub(super) fn in_one_line(error: &clap::Error, command: Option<&str>) -> String {
    // One word for one thing: the help speaks of commands.
    let paragraph = error.to_string().replace("subcommand", "command");
    let mut lines = paragraph.lines();
    let first = lines.next().unwrap_or_default();
    let message = first.strip_prefix("error: ").unwrap_or(first);
    // What is missing stands on a line of its own.
    let rest = message.ends_with(':').then(|| lines.next()).flatten();
    let rest = rest.map_or("", |rest| rest.get(1..).unwrap_or_default());
    let mut tips = lines.filter_map(|line| line.trim_start().strip_prefix("tip: "));
    // No value here begins with dashes: behind `--`, the word would be taken for a file.
    let tip = tips.find(|tip| !tip.starts_with("to pass "));
    let hints: Vec<String> = [
        tip.map(str::to_owned),
        valid_values(error),
        about_option(error),
        about_word(error, command),
    ]
    .into_iter()
    .flatten()
    .collect();
    let hints = match hints.as_slice() {
        [] => String::new(),
        hints => format!(" ({})", hints.join("; ")),
    };
    let help = match command {
        Some(command) if command != "help" => format!("client {command} --help"),
        _ => "client --help".to_owned(),
    };
    format!("{message}{rest}{hints}; see `{help}`")
}

/// The values that an option takes, where there are a few.
fn valid_values(error: &clap::Error) -> Option<String> {
    match error.get(ContextKind::ValidValue)? {
        ContextValue::Strings(values) => match values.as_slice() {
            [] => None,
            [value] => Some(format!("valid is: {value}")),
            values => Some(format!("valid are: {}", values.join(", "))),
        },
        _ => None,
    }
}

/// Which commands have an option that the one that was typed does not have.
fn about_option(error: &clap::Error) -> Option<String> {
    if error.kind() != ErrorKind::UnknownArgument {
        return None;
    }
    let ContextValue::String(word) = error.get(ContextKind::InvalidArg)? else {
        return None;
    };
    let option = word.strip_prefix("--").filter(|option| !option.is_empty());
    let description = super::description();
    let owners = description.get_subcommands().filter(|command| {
        let mut arguments = command.get_arguments();
        arguments.any(|argument| option.is_some() && argument.get_long() == option)
    });
    let names: Vec<_> = owners
        .map(|command| format!("`{}`", command.get_name()))
        .collect();
    match names.split_last()? {
        (name, []) => Some(format!("{name} has {word}")),
        (last, names) => Some(format!("{} and {last} have {word}", names.join(", "))),
    }
}

/// What a word means that stands where none is expected.
fn about_word(error: &clap::Error, command: Option<&str>) -> Option<String> {
    if !matches!(
        error.kind(),
        ErrorKind::InvalidSubcommand | ErrorKind::UnknownArgument
    ) {
        return None;
    }
    let word = error
        .get(ContextKind::InvalidSubcommand)
        .or_else(|| error.get(ContextKind::InvalidArg))?;
    let ContextValue::String(word) = word else {
        return None;
    };
    let is_option = word.len() > 1 && word.starts_with('-');
    advice::about_word(word).or_else(|| {
        let about_files = (!is_option).then(|| advice::about_files(command, word));
        about_files.flatten()
    })
}
