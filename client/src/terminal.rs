//! Where the output goes.

use std::{env, io};

/// What the output may look like.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Terminal {
    /// Columns that fit into a line, if known.
    pub width: Option<usize>,
}

/// What fits wherever text is read: files and pipes have no width of their own.
const WIDTH_ELSEWHERE: usize = 80;

impl Terminal {
    /// A terminal of this many columns.
    #[must_use]
    pub const fn with_width(columns: usize) -> Self {
        let width = Some(columns);
        Self { width }
    }

    /// The terminal that this process' output goes to, if it goes to one. The environment's
    /// `COLUMNS` has the last word.
    #[must_use]
    pub fn of_stdout() -> Self {
        let asked_for = env::var("COLUMNS")
            .ok()
            .and_then(|columns| columns.parse().ok());
        let measured = || {
            let (width, _) = terminal_size::terminal_size_of(io::stdout())?;
            Some(width.0.into())
        };
        Self {
            width: asked_for.or_else(measured),
        }
    }

    /// Columns to fill.
    pub(crate) fn columns(self) -> usize {
        self.width.unwrap_or(WIDTH_ELSEWHERE)
    }
}
