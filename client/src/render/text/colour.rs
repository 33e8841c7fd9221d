//! Colour, where the terminal has it and the user wants it: it repeats what the words say.

use std::fmt;

use anstyle::{AnsiColor, Style};

use crate::checks::Severity;

/// What a piece of text is.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum Paint {
    /// Nothing special.
    #[default]
    Plain,
    /// A heading.
    Heading,
    /// Not like the others, or bad news.
    Bad,
    /// Unusual, or about to be replaced.
    Doubtful,
    /// Good news, or new.
    Good,
    /// Less important than the rest.
    Faint,
}

/// Whether pieces of text are told apart by colour.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Palette {
    pub(crate) colour: bool,
}

impl Palette {
    #[cfg(test)]
    pub(crate) const PLAIN: Self = Self { colour: false };

    /// The text in its colour.
    pub(crate) fn paint<T: fmt::Display>(self, paint: Paint, text: T) -> Painted<T> {
        Painted {
            style: if self.colour {
                paint.style()
            } else {
                Style::new()
            },
            text,
        }
    }
}

impl Paint {
    fn style(self) -> Style {
        match self {
            Self::Plain => Style::new(),
            Self::Heading => Style::new().bold(),
            Self::Bad => AnsiColor::Red.on_default().bold(),
            Self::Doubtful => AnsiColor::Yellow.on_default(),
            Self::Good => AnsiColor::Green.on_default(),
            Self::Faint => Style::new().dimmed(),
        }
    }
}

impl From<Severity> for Paint {
    fn from(severity: Severity) -> Self {
        match severity {
            Severity::Alarm => Self::Bad,
            Severity::Warning => Self::Doubtful,
            Severity::Notice => Self::Heading,
        }
    }
}

/// A text with its style around it.
pub(crate) struct Painted<T> {
    style: Style,
    text: T,
}

impl<T: fmt::Display> fmt::Display for Painted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}{:#}", self.style, self.text, self.style)
    }
}
