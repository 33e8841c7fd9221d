//! The arguments as they are typed: options may stand before the command, too.

use std::ffi::OsString;

/// Moves the first word, which is to be a command, before the options that stand in front of it, and
/// returns the command's name, if it is one.
///
/// An option is the command's wherever it stands: the command refuses what it does not know.
pub(super) fn put_command_first(
    arguments: &mut [OsString],
    description: &clap::Command,
) -> Option<String> {
    let mut at = 1;
    loop {
        let argument = arguments.get(at)?.to_str()?;
        let takes_next = match argument.strip_prefix('-') {
            // What follows is no command; and a command has no version of its own.
            Some("-" | "V" | "-version") => return None,
            Some(name) if !name.is_empty() => takes_next(name, description),
            _ => break,
        };
        at += if takes_next { 2 } else { 1 };
    }
    let name = arguments[at].to_str()?;
    let command = description.find_subcommand(name);
    let name = command.map(|command| command.get_name().to_owned());
    arguments[1..=at].rotate_right(1);
    name
}

/// Whether the value of an option, which is written without its first dash, is the next argument.
fn takes_next(option: &str, description: &clap::Command) -> bool {
    if let Some(long) = option.strip_prefix('-') {
        return has_value(description, |known| known.get_long() == Some(long));
    }
    // The rest of the letters are the value, if there are any.
    let has_value = |letter| has_value(description, |known| known.get_short() == Some(letter));
    option.find(has_value) == option.char_indices().last().map(|(at, _)| at)
}

/// Whether an option of some command has a value.
fn has_value(description: &clap::Command, is_it: impl Fn(&clap::Arg) -> bool) -> bool {
    let commands = std::iter::once(description).chain(description.get_subcommands());
    let mut options = commands.flat_map(clap::Command::get_arguments);
    options.any(|known| is_it(known) && known.get_action().takes_values())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::command_line::description;

    fn sorted(line: &str) -> (Option<String>, String) {
        let mut arguments: Vec<OsString> = line.split(' ').map(Into::into).collect();
        let name = put_command_first(&mut arguments, &description());
        let arguments: Vec<_> = arguments.iter().map(|one| one.to_str().unwrap()).collect();
        (name, arguments.join(" "))
    }

    #[test]
    fn options_before_the_command_are_put_behind_it() {
        for (typed, name, expected) in [
            ("client --from T check", "check", "client check --from T"),
            ("client --from=T check", "check", "client check --from=T"),
            ("client -p 3 show --csv", "show", "client show -p 3 --csv"),
            ("client -p3 show", "show", "client show -p3"),
            ("client -qp 3 show", "show", "client show -qp 3"),
            (
                "client -q --json status",
                "status",
                "client status -q --json",
            ),
            // An option that only the command has.
            (
                "client --fail-on alarm check T",
                "check",
                "client check --fail-on alarm T",
            ),
            // A value is no command.
            (
                "client --field show check",
                "check",
                "client check --field show",
            ),
            ("client --from - check", "check", "client check --from -"),
            ("client -q help check", "help", "client help -q check"),
            ("client --help check", "check", "client check --help"),
            (
                "client show --from check",
                "show",
                "client show --from check",
            ),
        ] {
            assert_eq!(sorted(typed), (Some(name.to_owned()), expected.to_owned()));
        }
        for same in [
            "client",
            "client --from check",
            "client --csv",
            "client -p",
            "client - check",
            "client -- check",
            "client --version check",
            "client -V check",
            "client nonsense check",
            "client -- -p 0",
        ] {
            assert_eq!(sorted(same), (None, same.to_owned()));
        }
        assert_eq!(
            sorted("client -p 0 nonsense --csv"),
            (None, "client nonsense -p 0 --csv".to_owned())
        );
    }
}
