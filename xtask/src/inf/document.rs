//! An INF as its sections and lines, with comments and quotes taken off and texts put in.

use anyhow::{Result, bail};
use ini_core::{Item, Parser};

/// A stamped INF.
pub struct Document {
    sections: Vec<Section>,
}

/// A section: lines are a name, and a value unless the name stands alone.
pub struct Section {
    /// As it is written.
    pub name: String,
    /// In their order.
    pub lines: Vec<(String, Option<String>)>,
}

impl Document {
    /// Reads an INF.
    ///
    /// # Errors
    ///
    /// If a line is in no section or is no line of an INF.
    pub fn read(text: &str) -> Result<Self> {
        let mut sections: Vec<Section> = Vec::new();
        for item in Parser::new(text) {
            match item {
                Item::Section(name) => sections.push(Section {
                    name: name.to_owned(),
                    lines: Vec::new(),
                }),
                Item::Property(name, value) => {
                    let Some(section) = sections.last_mut() else {
                        bail!("{name} is in no section");
                    };
                    section.lines.push((plain(name), value.map(plain)));
                }
                Item::Error(line) => bail!("this is no line of an INF: {line}"),
                Item::Comment(_) | Item::Blank | Item::SectionEnd => {}
            }
        }
        Ok(Self { sections })
    }

    /// All sections, in their order.
    pub fn sections(&self) -> impl Iterator<Item = &Section> {
        self.sections.iter()
    }

    /// The section of this name, in upper case or lower.
    #[must_use]
    pub fn section(&self, name: &str) -> Option<&Section> {
        let mut sections = self.sections();
        sections.find(|section| section.name.eq_ignore_ascii_case(name))
    }

    /// A value by section and name, with texts in place of their tokens.
    #[must_use]
    pub fn value(&self, section: &str, name: &str) -> Option<String> {
        Some(self.with_texts(self.section(section)?.value(name)?))
    }

    /// The tokens of a value, `%Provider%` for one, that `[Strings]` doesn't have. Numbers stand
    /// for folders.
    pub fn unknown_tokens<'a>(&'a self, value: &'a str) -> impl Iterator<Item = &'a str> {
        tokens(value)
            .filter(|token| !token.chars().all(|digit| digit.is_ascii_digit()))
            .filter(|token| self.text(token).is_none())
    }

    fn with_texts(&self, value: &str) -> String {
        tokens(value).fold(value.to_owned(), |value, token| match self.text(token) {
            Some(text) => value.replace(&format!("%{token}%"), text),
            None => value,
        })
    }

    fn text(&self, token: &str) -> Option<&str> {
        self.section("Strings")?.value(token)
    }
}

impl Section {
    /// The value by this name, in upper case or lower.
    pub fn value(&self, name: &str) -> Option<&str> {
        let mut lines = self.lines.iter();
        let (_, value) = lines.find(|(line, _)| line.eq_ignore_ascii_case(name))?;
        value.as_deref()
    }
}

/// What stands between pairs of percent signs.
fn tokens(value: &str) -> impl Iterator<Item = &str> {
    value.split('%').skip(1).step_by(2)
}

/// Without a comment, the space around and the quotes.
fn plain(part: &str) -> String {
    let mut quoted = false;
    let end = part.find(|character| {
        quoted ^= character == '"';
        character == ';' && !quoted
    });
    let part = part[..end.unwrap_or(part.len())].trim();
    let unquoted = part
        .strip_prefix('"')
        .and_then(|part| part.strip_suffix('"'));
    unquoted.unwrap_or(part).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_quotes_are_taken_off_and_texts_put_in() {
        let inf = "; first\r\n[Version]\r\nProvider = %Who%, %13% ; why\r\n[Files]\r\na.sys\r\n\
                   [Strings]\r\nwho = \"some; body\" ; not\r\n";
        let document = Document::read(inf).unwrap();
        let provider = document.value("version", "provider").unwrap();
        assert_eq!(provider, "some; body, %13%");
        assert_eq!(
            document.section("Files").unwrap().lines,
            [("a.sys".to_owned(), None)]
        );
        assert_eq!(
            document
                .unknown_tokens("%Who%%13%%Whose%")
                .collect::<Vec<_>>(),
            ["Whose"]
        );
    }

    #[test]
    fn what_is_no_inf_is_an_error() {
        for wrong in ["name = value\n", "[Version\nname = value\n"] {
            assert!(Document::read(wrong).is_err(), "{wrong}");
        }
    }
}
