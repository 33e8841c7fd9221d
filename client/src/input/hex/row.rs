//! A line of a hex dump: a row of bytes, with an offset and letters perhaps.

use super::Order;

/// A line of a dump.
pub(super) struct Item<'a> {
    /// Its number, from 1.
    pub(super) line: usize,
    /// The first line between the item before and this one that is no item.
    pub(super) foreign: Option<usize>,
    pub(super) kind: Kind<'a>,
}

/// What a line is.
pub(super) enum Kind<'a> {
    Row(Row<'a>),
    /// An asterisk: rows that are equal to the one before.
    Repeated,
    /// Where the dump ends.
    End(Offset),
}

/// How a row is printed.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Shape {
    /// Digits of its offset; none without one.
    pub(super) digits: usize,
    /// Whether the line begins with the offset.
    is_first: bool,
    /// Bytes in a group.
    pub(super) group: usize,
    /// Bytes in the row.
    pub(super) length: usize,
}

impl Shape {
    /// The same of a row that may be the last of a dump, and shorter.
    pub(super) fn is_beside(self, other: Self) -> bool {
        Self { length: 0, ..self } == Self { length: 0, ..other }
    }
}

/// Bytes of a row.
pub(super) struct Row<'a> {
    pub(super) offset: Option<Offset>,
    pub(super) shape: Shape,
    /// As they are printed, group by group.
    printed: Vec<u8>,
    /// What stands behind the groups.
    behind: &'a str,
}

/// What is printed before a row: hexadecimal, or in another radix as `od` and `xxd -d` have it.
#[derive(Clone, Copy)]
pub(super) struct Offset {
    /// How many digits it has.
    pub(super) digits: usize,
    hexadecimal: u64,
}

impl Offset {
    /// The number that its digits are in a radix, if they are one.
    pub(super) fn value(self, radix: u64) -> Option<u64> {
        let nibbles = (0..16).rev().map(|at| self.hexadecimal >> (4 * at) & 0xF);
        nibbles.into_iter().try_fold(0_u64, |value, digit| {
            (digit < radix).then_some(value.wrapping_mul(radix).wrapping_add(digit))
        })
    }

    fn parse(word: &str) -> Option<Self> {
        const FEWEST_DIGITS: usize = 4;
        /// No address has more, and none overflows when a page is added.
        const LARGEST: u64 = u64::MAX - (1 << 20);
        let digits = word.trim_end_matches([':', '|', '>']);
        let digits = digits.strip_prefix("0x").unwrap_or(digits);
        let digits = digits.trim_start_matches(['<', '[']).trim_end_matches(']');
        let digits = digits.replace('_', "");
        let is_plain = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        if !is_plain || digits.len() < FEWEST_DIGITS {
            return None;
        }
        let hexadecimal = u64::from_str_radix(&digits, 16).ok()?;
        (hexadecimal < LARGEST).then_some(Self {
            digits: digits.len(),
            hexadecimal,
        })
    }
}

impl<'a> Item<'a> {
    pub(super) fn row(&self) -> Option<&Row<'a>> {
        match &self.kind {
            Kind::Row(row) => Some(row),
            _ => None,
        }
    }
}

impl Row<'_> {
    pub(super) fn length(&self) -> usize {
        self.printed.len()
    }

    /// Where it begins, by an offset in a radix.
    pub(super) fn start(&self, radix: u64) -> Option<u64> {
        self.offset.and_then(|offset| offset.value(radix))
    }

    /// Where it ends.
    pub(super) fn end(&self, radix: u64) -> Option<u64> {
        self.start(radix)?.checked_add(self.length() as u64)
    }

    /// The bytes in the order of memory.
    pub(super) fn bytes(&self, order: Order) -> Vec<u8> {
        match order {
            Order::Memory => self.printed.clone(),
            Order::Number => {
                let groups = self.printed.chunks(self.shape.group);
                groups
                    .flat_map(|group| group.iter().rev())
                    .copied()
                    .collect()
            }
        }
    }

    /// How many of the letters beside the row are those of its bytes in an order, and how many there
    /// are: a dot stands for what is none.
    pub(super) fn agreeing(&self, order: Order) -> (usize, usize) {
        let letters = self.letters();
        // hexdump and od have a sign at either end.
        let signs = usize::from(letters.trim_end().len() == self.length() + 2);
        let letters = letters.get(signs..).unwrap_or(letters).bytes();
        let pairs = self.bytes(order).into_iter().zip(letters);
        pairs
            .filter(|(_, letter)| letter.is_ascii_graphic() && *letter != b'.')
            .fold((0, 0), |(agreeing, all), (byte, letter)| {
                (agreeing + usize::from(byte == letter), all + 1)
            })
    }

    fn letters(&self) -> &str {
        self.behind.trim_start()
    }

    /// Whether it looks as xxd has it: nothing before the offset, numbers of four digits, and a
    /// letter for each byte two blanks behind them.
    pub(super) fn is_xxd(&self) -> bool {
        let gap = self.behind.len() - self.letters().len();
        self.shape.group == 2
            && self.shape.is_first
            && gap >= 2
            && (1..=self.length()).contains(&self.letters().len())
    }

    /// Whether its digits are all 0 and 1, as `xxd -b` has a byte.
    pub(super) fn is_binary(&self) -> bool {
        self.shape.group == 4 && self.printed.iter().all(|byte| byte & 0xEE == 0)
    }

    /// Whether something that is no group stands where the next group would be.
    pub(super) fn is_broken_off(&self) -> bool {
        let gap = self.behind.len() - self.letters().len();
        gap < 2 && !self.letters().is_empty()
    }

    /// Whether more stands behind its bytes than letters.
    pub(super) fn is_joined(&self) -> bool {
        /// Signs at either end of the letters.
        const SIGNS: usize = 4;
        self.letters().trim_end().chars().count() > self.length() + SIGNS
    }

    /// Whether it is plain digits, as many as the line has.
    pub(super) fn is_plain(&self) -> bool {
        self.offset.is_none() && self.shape.group == 1 && self.behind.is_empty()
    }

    /// Takes the first group for the offset, if it has room for one and there is another.
    pub(super) fn split_offset(&mut self) {
        let group = self.shape.group;
        let Some((offset, _)) = self.first_group().filter(|(_, rest)| *rest > 0) else {
            return;
        };
        self.printed.drain(..group);
        self.offset = Some(Offset {
            digits: 2 * group,
            hexadecimal: offset,
        });
        self.shape.digits = 2 * group;
        self.shape.length = self.printed.len();
    }

    /// The first group as a number, and the bytes behind it.
    pub(super) fn first_group(&self) -> Option<(u64, usize)> {
        let (group, rest) = self.printed.split_at_checked(self.shape.group)?;
        let value = group.iter().try_fold(0_u64, |value, byte| {
            Some(value.checked_mul(256)? | u64::from(*byte))
        })?;
        (group.len() >= 2).then_some((value, rest.len()))
    }
}

/// What a line is, if it is one of a dump: `is_repeated` where an asterisk stands before it, `is_plain`
/// where a row of plain digits does.
pub(super) fn kind(line: &str, is_repeated: bool, is_plain: bool) -> Option<Kind<'_>> {
    let words = words(line)?;
    let row = row(line, &words);
    if let [.., last] = words.as_slice()
        && last.text == "*"
        // The letters beside a row may end so, too.
        && row.is_none()
    {
        return Some(Kind::Repeated);
    }
    if is_repeated && let [.., last] = words.as_slice() {
        // Nothing but an offset stands behind the last row.
        let alone = words.len() == 1 || !is_data(last.text) && last.text.len() > 6;
        if let Some(offset) = Offset::parse(last.text).filter(|_| alone) {
            return Some(Kind::End(offset));
        }
    }
    if row.is_none()
        && is_plain
        && let [word] = words.as_slice()
    {
        // The last row of plain digits may be short.
        let is_rest = is_digits(word.text) && word.text.len().is_multiple_of(2);
        return is_rest.then(|| Kind::Row(of_digits(word.text, None, false)));
    }
    row.map(Kind::Row)
}

/// A word of a line, and where it stands.
struct Word<'a> {
    text: &'a str,
    start: usize,
    end: usize,
}

/// Words of a line, of which a row has no more: those of 16 pages by bytes.
pub(in crate::input) const MOST_WORDS: usize = 1 << 16;

/// The words of a line; none if there are more than any row has.
fn words(line: &str) -> Option<Vec<Word<'_>>> {
    let mut words = Vec::new();
    let mut rest = 0;
    // A debugger has a dash between the halves of a row.
    let is_gap = |character: char| character.is_whitespace() || character == ',';
    while let Some(start) = line[rest..].find(|character: char| !is_gap(character)) {
        let start = rest + start;
        let end = line[start..]
            .find(is_gap)
            .map_or(line.len(), |length| start + length);
        let text = &line[start..end];
        match text.split_once('-') {
            Some((one, other)) if one.len() == 2 && is_data(one) && is_data(other) => {
                words.push(Word {
                    text: one,
                    start,
                    end: start + 2,
                });
                words.push(Word {
                    text: other,
                    start: start + 3,
                    end,
                });
            }
            _ => words.push(Word {
                text,
                start,
                // `xxd -i` has a comma and a blank between its bytes.
                end: end + usize::from(line[end..].starts_with(',')),
            }),
        }
        rest = end;
        if words.len() > MOST_WORDS {
            return None;
        }
    }
    Some(words)
}

/// Digits of a group, without what C has before them.
fn digits(word: &str) -> &str {
    word.strip_prefix("0x").unwrap_or(word)
}

fn is_digits(word: &str) -> bool {
    word.bytes().all(|digit| digit.is_ascii_hexdigit())
}

fn is_data(word: &str) -> bool {
    let digits = digits(word);
    is_digits(digits)
        && (matches!(digits.len(), 2 | 4 | 8 | 16)
            || digits.len() >= PLAIN && digits.len().is_multiple_of(2))
}

/// Digits that are as many as a line has, and no group.
const PLAIN: usize = 32;

fn row<'a>(line: &'a str, words: &[Word<'a>]) -> Option<Row<'a>> {
    let data = words
        .iter()
        .enumerate()
        .filter(|(_, word)| is_data(word.text));
    for (first, word) in data {
        let width = digits(word.text).len();
        let offset = before(words, first);
        if width >= PLAIN {
            return Some(of_digits(digits(word.text), offset, first == 1));
        }
        let count = run(words, first, width);
        if count < 2 && offset.is_none() {
            continue;
        }
        return Some(of_groups(
            line,
            &words[first..first + count],
            offset,
            first == 1,
        ));
    }
    None
}

/// The offset before a word; a debugger has the name of the place in angle brackets between them.
fn before(words: &[Word], first: usize) -> Option<Offset> {
    let mut at = first.checked_sub(1)?;
    let is_name = |word: &str| word.starts_with('<') && word.trim_end_matches(':').ends_with('>');
    if at > 0 && words.get(at).is_some_and(|word| is_name(word.text)) {
        at -= 1;
    }
    Offset::parse(words.get(at)?.text)
}

/// How many groups of a width stand together.
fn run(words: &[Word], first: usize, width: usize) -> usize {
    const HALF: usize = 8;
    let gap = |at: usize| {
        let before = words.get(at.checked_sub(1)?)?;
        Some(words.get(at)?.start - before.end)
    };
    // `hexdump -x` has the same wide gaps before all of its groups.
    let wide = gap(first).filter(|gap| *gap > 2);
    let mut count = 1;
    while let Some(word) = words.get(first + count) {
        let is_middle = width == 2 && count == HALF;
        let is_one = digits(word.text).len() == width && is_data(word.text);
        let gap = gap(first + count);
        if !is_one || gap > Some(1) && !is_middle && (wide.is_none() || gap != wide) {
            break;
        }
        count += 1;
    }
    count
}

fn of_digits(digits: &str, offset: Option<Offset>, is_first: bool) -> Row<'_> {
    let printed: Vec<u8> = decode(digits).collect();
    Row {
        offset,
        shape: Shape {
            digits: offset.map_or(0, |offset| offset.digits),
            is_first: is_first && offset.is_some(),
            group: 1,
            length: printed.len(),
        },
        printed,
        behind: "",
    }
}

fn of_groups<'a>(
    line: &'a str,
    groups: &[Word<'a>],
    offset: Option<Offset>,
    is_first: bool,
) -> Row<'a> {
    let printed: Vec<u8> = groups
        .iter()
        .flat_map(|word| decode(digits(word.text)))
        .collect();
    let group = groups.first().map_or(1, |word| digits(word.text).len() / 2);
    Row {
        offset,
        shape: Shape {
            digits: offset.map_or(0, |offset| offset.digits),
            is_first: is_first && offset.is_some(),
            group,
            length: printed.len(),
        },
        printed,
        behind: groups.last().map_or("", |word| &line[word.end..]),
    }
}

fn decode(digits: &str) -> impl Iterator<Item = u8> {
    let value = |digit: u8| char::from(digit).to_digit(16).unwrap_or(0);
    let (pairs, _) = digits.as_bytes().as_chunks::<2>();
    pairs
        .iter()
        .map(move |[high, low]| (value(*high) << 4 | value(*low)).to_le_bytes()[0])
}
