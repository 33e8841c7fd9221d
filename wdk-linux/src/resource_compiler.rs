//! The resource compiler: mingw-w64's, with this machine's C compiler as its preprocessor, by its own
//! arguments and by those of Microsoft's.
//!
//! By itself it looks for mingw-w64's C compiler, a package many times its size, for the sake of
//! macros and comments. Rust links with the C compiler of the machine, so that one is there.

use std::path::Path;

use anyhow::{Context as _, Result};

use super::mingw;
use super::needs::WINDRES;
use crate::host::workspace::{make_executable, write_if_changed};

/// What the preprocessor is told: to read Windows' headers, and to be one for Windows.
const PREPROCESSOR: [&str; 8] = [
    "-E",
    "-xc",
    // Without the macros `linux` and `unix`, which are words that a resource may have.
    "-std=c17",
    "-nostdinc",
    "-DRC_INVOKED",
    "-D_WIN32",
    "-D_WIN64",
    "-isystem",
];

/// The program's name in its folder, and of the one that takes arguments as Microsoft's compiler does.
pub(crate) const PROGRAM: &str = "windres";
pub(crate) const IN_MANNER_OF_RC: &str = "rc";

/// Writes both programs to a folder.
///
/// # Errors
///
/// If mingw-w64's headers are not installed, or a file can't be written.
pub(crate) fn write(folder: &Path) -> Result<()> {
    let headers = mingw::headers().context("mingw-w64's headers are not installed")?;
    let programs = [
        (PROGRAM, script(&headers)),
        (IN_MANNER_OF_RC, translation()),
    ];
    for (name, script) in programs {
        let place = folder.join(name);
        write_if_changed(&place, script)?;
        make_executable(&place)
            .with_context(|| format!("cannot make {} a program", place.display()))?;
    }
    Ok(())
}

fn script(headers: &Path) -> String {
    let mut script = format!("#!/bin/sh\nexec {WINDRES} --preprocessor=cc");
    let headers = headers.display().to_string();
    for argument in PREPROCESSOR.into_iter().chain([&*headers]) {
        script.push_str(" --preprocessor-arg=");
        script.push_str(argument);
    }
    script.push_str(" \"$@\"\n");
    script
}

/// Takes what callers of `rc.exe` hand over on a system other than Windows: `/I` with a folder, `/fo`
/// with the output, `/C` and a code page; then `--` and the input.
fn translation() -> String {
    format!(
        r#"#!/bin/sh
output=
for argument in "$@"; do
    shift
    case $argument in
    --) break ;;
    /I*) set -- "$@" "-I${{argument#/I}}" ;;
    /fo*) output=${{argument#/fo}} ;;
    /C) set -- "$@" -c ;;
    /*) echo "rc: $argument is not known here" >&2; exit 1 ;;
    *) set -- "$@" "$argument" ;;
    esac
done
exec "$(dirname "$0")/{PROGRAM}" -O coff "$@" -o "$output"
"#
    )
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn the_program_hands_its_arguments_on() {
        let script = script(Path::new("/headers"));
        let last = script.lines().last().unwrap();
        assert!(last.starts_with("exec x86_64-w64-mingw32-windres --preprocessor=cc "));
        assert!(last.ends_with("-isystem --preprocessor-arg=/headers \"$@\""));
    }

    /// What the program is asked with these arguments, an argument a line; nothing if it refuses.
    fn asked(arguments: &[&str]) -> Option<String> {
        let program = r#"exec "$(dirname "$0")/windres""#;
        let script = translation().replace(program, "printf '%s\\n'");
        let mut shell = Command::new("sh");
        shell.args(["-c", &script, "rc"]).args(arguments);
        let output = shell.output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        output.status.success().then_some(text)
    }

    #[test]
    fn arguments_of_rc_become_those_of_windres() {
        let arguments = ["/I/a b", "/fo/c d/e.res", "/C", "65001", "--", "/f g/h.rc"];
        let asked = asked(&arguments).unwrap();
        let asked: Vec<&str> = asked.lines().collect();
        let own = [
            "-O",
            "coff",
            "/f g/h.rc",
            "-I/a b",
            "-c",
            "65001",
            "-o",
            "/c d/e.res",
        ];
        assert_eq!(asked, own);
    }

    #[test]
    fn an_argument_that_is_not_known_is_refused() {
        assert_eq!(asked(&["/nologo", "--", "a.rc"]), None);
    }
}
