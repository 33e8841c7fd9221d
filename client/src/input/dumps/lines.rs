//! Lines of a log, and the words in them.

use std::borrow::Cow;
use std::iter;

/// A line without colours.
pub(super) struct Line<'a> {
    /// Its number in the text, from 1.
    pub(super) number: usize,
    pub(super) text: Cow<'a, str>,
    /// Whether the text begins with it, in its middle perhaps.
    pub(super) is_first: bool,
    /// The word that the line before ends with: the beginning of this line's first word perhaps.
    pub(super) before: &'a str,
    /// Whether the text ends with it, in its middle perhaps, or the rest of a number stands in the
    /// next line.
    pub(super) may_be_cut: bool,
    /// Whether the text ends with it, in its middle perhaps.
    pub(super) is_last: bool,
}

/// The lines of a text: one that ends with a sign behind which the next has the number goes on there,
/// as where a mail was wrapped.
pub(super) fn of(text: &str) -> impl Iterator<Item = Line<'_>> {
    let mut number = 1;
    let mut before = "";
    let mut lines = text.split_inclusive(['\n', '\r']).enumerate();
    iter::from_fn(move || {
        let (at, mut line) = lines.next()?;
        let (here, latest) = (number, before);
        let mut text = Cow::Borrowed("");
        loop {
            number += usize::from(line.ends_with('\n'));
            let content = line.trim_end_matches(['\n', '\r']);
            if !content.is_empty() {
                before = word_before(content, content.len());
                text = match text {
                    Cow::Borrowed("") => plain(content),
                    text => Cow::Owned(text.into_owned() + " " + &plain(content)),
                };
            }
            // Behind a carriage return comes a line feed.
            let mut next = lines.clone().take(2).map(|(_, next)| next.trim_end());
            let next = next.find(|next| !next.is_empty());
            let goes_on = content.trim_end().ends_with([':', '=']);
            let is_rest = next.is_some_and(|next| {
                let number = next.trim_start().trim_start_matches("0x");
                is_rest(if goes_on { number } else { next }, content)
            });
            if is_rest && goes_on || content.is_empty() && !text.is_empty() {
                (_, line) = lines.next()?;
                continue;
            }
            let is_last = !line.ends_with(['\n', '\r']);
            return Some(Line {
                number: here,
                is_first: at == 0,
                before: latest,
                may_be_cut: is_rest || is_last,
                is_last,
                text,
            });
        }
    })
}

/// Whether a line begins with what may be the rest of the number that the line before ends with:
/// with digits as tools print them, behind which is nothing, or more numbers, or more words with
/// something behind them.
fn is_rest(line: &str, before: &str) -> bool {
    /// What two lines have in common that begin with a time.
    const TIME: usize = 4;
    let is_digit = |letter: char| letter.is_ascii_hexdigit();
    // `0x` may be broken, too.
    let line = line.strip_prefix('x').unwrap_or(line);
    if line.chars().all(is_digit) {
        return true;
    }
    // "Dec" is a month.
    let end = line.find(|letter: char| !is_digit(letter) || letter.is_ascii_uppercase());
    let (digits, behind) = line.split_at(end.unwrap_or(0));
    let is_word = [" ", "\t", ",", ": "]
        .iter()
        .any(|gap| behind.starts_with(gap));
    let is_printed = behind.contains(['=', ':'])
        || behind
            .chars()
            .all(|letter| is_digit(letter) || letter.is_whitespace());
    let is_time = line
        .get(..TIME)
        .is_some_and(|time| before.starts_with(time));
    !digits.is_empty() && is_word && is_printed && !is_time
}

/// The line without what terminals take for a colour.
fn plain(line: &str) -> Cow<'_, str> {
    if !line.contains('\u{1b}') {
        return line.into();
    }
    let mut plain = String::with_capacity(line.len());
    let mut pieces = line.split("\u{1b}[");
    plain.push_str(pieces.next().unwrap_or_default());
    for piece in pieces {
        let end = piece.find(|character: char| character.is_ascii_alphabetic());
        plain.push_str(end.map_or("", |end| &piece[end + 1..]));
    }
    plain.into()
}

impl Line<'_> {
    /// Who printed the line, where a kernel says so behind the time: a task or a processor, `T1234`
    /// or `C3`.
    ///
    /// Source: Linux, `kernel/printk/printk.c`, `print_caller` (`CONFIG_PRINTK_CALLER`).
    pub(super) fn caller(&self) -> Option<&str> {
        let mut rest = self.text.as_ref();
        // Before it stands nothing else in brackets than the time.
        for _ in 0..2 {
            let (_, behind) = rest.split_once('[')?;
            let (inside, behind) = behind.split_once(']')?;
            let inside = inside.trim();
            let digits = inside.strip_prefix(['T', 'C']).unwrap_or_default();
            if !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit()) {
                return Some(inside);
            }
            rest = behind;
        }
        None
    }
}

/// The word that ends at an offset: letters, digits and underscores.
pub(super) fn word_before(text: &str, end: usize) -> &str {
    let before = &text[..end];
    let start = before
        .rfind(|character: char| !character.is_ascii_alphanumeric() && character != '_')
        .map_or(0, |at| {
            at + before[at..].chars().next().map_or(1, char::len_utf8)
        });
    &before[start..]
}

/// Whether a text begins with two words at least that are as long as numbers are printed, whatever is
/// wrong with them or with others.
pub(super) fn are_numbers(text: &str) -> bool {
    let words = text
        .split_whitespace()
        .take_while(|word| !word.contains([':', '=']));
    let numbers = words.filter(|word| matches!(word.len(), 4 | 8 | 16));
    numbers.take(2).count() == 2
}

/// Whether a text begins with a blank and more digits: what may be the rest of a number that was
/// broken.
pub(super) fn has_more_digits(text: &str) -> bool {
    let next = text.split_whitespace().next();
    let is_apart = text.starts_with([' ', '\t']);
    is_apart && next.is_some_and(|word| word.bytes().all(|digit| digit.is_ascii_hexdigit()))
}

/// A number as it stands in a line.
#[derive(Clone, Copy)]
pub(super) struct Number<'a> {
    /// Its digits, without `0x`.
    digits: &'a str,
    is_negative: bool,
    /// Whether the text ends with it: more digits may have been lost.
    may_be_cut: bool,
}

/// What a number turned out to be.
pub(super) enum Value {
    Number(u64),
    /// The text ends before its last digit, or may do so.
    Cut,
    /// It is none, or has more or fewer digits than are printed: the line was broken or changed.
    Broken,
}

impl<'a> Number<'a> {
    /// The number that stands first in the text, behind blanks, and what stands behind it.
    pub(super) fn first(text: &'a str, may_be_cut: bool) -> Option<(Self, &'a str)> {
        let text = text.trim_start_matches([' ', '\t']);
        let (is_negative, text) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let text = text.strip_prefix("0x").unwrap_or(text);
        let end = text
            .find(|character: char| !character.is_ascii_hexdigit())
            .unwrap_or(text.len());
        let (digits, rest) = text.split_at(end);
        let is_end = |next: char| next.is_whitespace() || ",:;()]<".contains(next);
        let ends = rest.is_empty() || rest.starts_with(is_end);
        let number = Self {
            digits,
            is_negative,
            may_be_cut: may_be_cut && rest.is_empty(),
        };
        (ends && !digits.is_empty()).then_some((number, rest))
    }

    pub(super) fn digits(self) -> &'a str {
        self.digits
    }

    pub(super) fn may_be_cut(self) -> bool {
        self.may_be_cut
    }

    /// In hexadecimal, printed with a fixed number of digits.
    pub(super) fn fixed(self, digits: usize) -> Value {
        if !self.is_negative && self.digits.len() == digits {
            self.parse(16)
        } else if self.may_be_cut && self.digits.len() < digits {
            Value::Cut
        } else {
            Value::Broken
        }
    }

    /// In hexadecimal, printed with as many digits as it has: where the text ends with it, there
    /// may have been more.
    pub(super) fn free(self) -> Value {
        if self.is_negative {
            Value::Broken
        } else if self.may_be_cut && self.digits.len() < 16 {
            Value::Cut
        } else {
            self.parse(16)
        }
    }

    /// In decimal. A negative number has that many bytes.
    pub(super) fn decimal(self, bytes: usize) -> Value {
        if self.may_be_cut {
            return Value::Cut;
        }
        if self.digits.starts_with('0') && self.digits.len() > 1 {
            return Value::Broken;
        }
        match self.parse(10) {
            Value::Number(value) if self.is_negative => {
                let mask = u64::MAX >> (64 - 8 * bytes.clamp(1, 8));
                Value::Number(value.wrapping_neg() & mask)
            }
            value => value,
        }
    }

    fn parse(self, radix: u32) -> Value {
        u64::from_str_radix(self.digits, radix).map_or(Value::Broken, Value::Number)
    }

    /// A small number in decimal, as of a processor.
    pub(super) fn small(self) -> Option<u32> {
        self.digits.parse().ok().filter(|_| !self.is_negative)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn only(text: &str) -> Line<'_> {
        of(text).next().unwrap()
    }

    #[test]
    fn lines_are_counted_whatever_ends_them() {
        let lines: Vec<_> = of("a\r\n\u{1b}[31mx\u{1b}[0m\nz")
            .filter(|line| !line.text.is_empty())
            .map(|line| (line.number, line.text.into_owned(), line.may_be_cut))
            .collect();
        let expected = [(1, "a", false), (2, "x", false), (3, "z", true)];
        assert_eq!(
            lines,
            expected.map(|(at, text, cut)| (at, text.to_owned(), cut))
        );
    }

    #[test]
    fn the_rest_of_a_number_in_the_next_line_makes_it_one_that_may_be_cut() {
        for (text, is_broken) in [
            ("asid: 1\n2\n", true),
            ("asid: 1\r\n2\r\n", true),
            ("asid = 1\n2 np_ctrl = 0x1\n", true),
            ("np_ctrl = 0x1\r\n1: NP\r\n", true),
            ("asid = 0\nx12\n", true),
            ("asid = 0\nx12 np_ctrl = 0x1\n", true),
            ("intercepts: 00000000 0000\n0000 00000000\n", true),
            ("asid: 1\n2 rows\n", false),
            ("asid: 1\n\n", false),
            ("asid: 1\nbad news: none\n", true),
            ("asid: 1\nbad-news: none\n", false),
            ("Dec 1 host: asid: 1\nDec 1 host: tlb_ctl: 0\n", false),
            ("08:00:00 host: asid: 1\n08:00:00 host: tlb_ctl: 0\n", false),
            ("1764252763 asid: 1\n1764252764 tlb_ctl: 0\n", false),
        ] {
            let first = of(text).next().unwrap();
            assert_eq!(first.may_be_cut, is_broken, "{text:?}");
        }
    }

    #[test]
    fn a_line_knows_the_word_that_the_line_before_ends_with() {
        let before: Vec<_> = of("x = 1 l\r\nstar = 2 \ny")
            .map(|line| line.before)
            .collect();
        assert_eq!(before, ["", "l", "l", ""]);
    }

    #[test]
    fn callers_are_found_where_a_kernel_prints_them() {
        assert_eq!(only("[  912.1][ T1234] x").caller(), Some("T1234"));
        assert_eq!(only("<3>[  912.1] [    C3] x: y").caller(), Some("C3"));
        assert_eq!(only("[  912.1] kvm_amd: [0]").caller(), None);
        assert_eq!(only("kvm_amd: cs:").caller(), None);
    }
}
