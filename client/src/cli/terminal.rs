//! Where the output goes.

use std::env;
use std::io::{self, IsTerminal as _};

use super::command_line::{Colour, Manner};
use crate::render::text::Palette;

/// Clears the line that the cursor is in.
pub(super) const CLEAR_LINE: &str = "\r\x1b[K";

/// What the output may look like.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact of its own about a terminal"
)]
pub struct Terminal {
    /// Columns that fit into a line, if known.
    pub width: Option<usize>,
    /// Whether it shows colours, and the user wants them.
    pub colour: bool,
    /// Whether it is looked at while it is written.
    pub live: bool,
    /// Whether standard error, and nothing else, is looked at while the output is written.
    pub shows_progress: bool,
    /// Whether the output is this process' standard output, whose reader may go away.
    pub is_stdout: bool,
}

/// What fits wherever text is read: files and pipes have no width of their own.
const WIDTH_ELSEWHERE: usize = 80;

impl Terminal {
    /// A terminal of this many columns.
    #[must_use]
    pub const fn with_width(columns: usize) -> Self {
        Self {
            width: Some(columns),
            colour: false,
            live: false,
            shows_progress: false,
            is_stdout: false,
        }
    }

    /// The terminal that this process' output goes to, if it goes to one. The environment's
    /// `COLUMNS`, `NO_COLOR`, `CLICOLOR_FORCE` and `CLICOLOR` have the last word.
    #[must_use]
    pub fn of_stdout() -> Self {
        let asked_for = env::var("COLUMNS")
            .ok()
            .and_then(|columns| columns.parse().ok())
            .filter(|columns| *columns > 0);
        let measured = || {
            let (width, _) = terminal_size::terminal_size_of(io::stdout())?;
            Some(width.0.into())
        };
        let live = io::stdout().is_terminal();
        // On Windows the console must be told; a console that cannot is told by its refusal.
        let understands = || anstyle_query::windows::enable_ansi_colors().unwrap_or(true);
        let live = live && anstyle_query::term_supports_ansi_color() && understands();
        Self {
            width: asked_for.or_else(measured),
            colour: Wishes::of_environment().colour(live),
            live,
            shows_progress: !live && io::stderr().is_terminal(),
            is_stdout: true,
        }
    }

    /// The same terminal as the command line wants it.
    pub(super) fn in_manner(self, manner: Manner) -> Self {
        Self {
            colour: match manner.color {
                Colour::Auto => self.colour,
                Colour::Always => true,
                Colour::Never => false,
            },
            shows_progress: self.shows_progress && !manner.quiet,
            ..self
        }
    }

    /// Whether the reader of the output is known to be gone, so that nothing that is written will
    /// be read.
    pub(crate) fn has_lost_its_reader(self) -> bool {
        self.is_stdout && reader_is_gone()
    }

    /// The colours to use.
    pub(crate) const fn palette(self) -> Palette {
        Palette {
            colour: self.colour,
        }
    }

    /// Columns to fill.
    pub(crate) fn columns(self) -> usize {
        self.width.unwrap_or(WIDTH_ELSEWHERE)
    }
}

/// What the environment says of colours.
///
/// Source: <https://no-color.org> and <https://bixense.com/clicolors>.
#[derive(Clone, Copy, Debug)]
struct Wishes {
    /// `NO_COLOR`, which is not empty.
    none: bool,
    /// `CLICOLOR_FORCE`, which is neither empty nor 0.
    force: bool,
    /// `CLICOLOR=0`.
    off: bool,
}

impl Wishes {
    fn of_environment() -> Self {
        Self {
            none: anstyle_query::no_color(),
            force: anstyle_query::clicolor_force()
                && env::var_os("CLICOLOR_FORCE").is_some_and(|value| value != "0"),
            off: anstyle_query::clicolor() == Some(false),
        }
    }

    /// Whether text is coloured on a terminal that can, or elsewhere.
    fn colour(self, live: bool) -> bool {
        !self.none && (self.force || live && !self.off)
    }
}

/// Whether standard output is a pipe that nothing reads from any more.
#[cfg(unix)]
fn reader_is_gone() -> bool {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};

    let stdout = io::stdout();
    let mut pipe = [PollFd::new(&stdout, PollFlags::empty())];
    let at_once = Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    let polled = poll(&mut pipe, Some(&at_once));
    polled.is_ok() && pipe[0].revents().contains(PollFlags::ERR)
}

/// Whether standard output is a pipe that nothing reads from any more: Windows refuses even an
/// empty write then.
#[cfg(windows)]
fn reader_is_gone() -> bool {
    use std::fs::File;
    use std::io::Write as _;
    use std::os::windows::io::AsHandle as _;

    let pipe = io::stdout().as_handle().try_clone_to_owned();
    pipe.is_ok_and(|pipe| {
        // What is buffered in between shall not be asked.
        let written = File::from(pipe).write(&[]);
        written.is_err_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environments_conventions_have_an_order() {
        let wishes = |none, force, off| Wishes { none, force, off };
        for (wishes, on_terminal, elsewhere) in [
            (wishes(false, false, false), true, false),
            (wishes(false, false, true), false, false),
            (wishes(false, true, false), true, true),
            (wishes(false, true, true), true, true),
            (wishes(true, false, false), false, false),
            (wishes(true, true, false), false, false),
        ] {
            assert_eq!(wishes.colour(true), on_terminal, "{wishes:?}");
            assert_eq!(wishes.colour(false), elsewhere, "{wishes:?}");
        }
    }
}
