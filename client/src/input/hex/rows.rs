//! The rows of a hex dump: an offset perhaps, bytes in groups, letters perhaps.

use super::Order;
use crate::model::FileError;

/// The most bytes in a row with an offset.
const LONGEST: usize = 32;

/// A line of a dump.
pub(super) enum Item {
    Row(Row),
    /// An asterisk: rows that are equal to the one before.
    Repeated,
    /// Where the dump ends.
    End(Offset),
}

/// Bytes of a row.
pub(super) struct Row {
    /// The line that it stands in, from 1.
    pub(super) line: usize,
    pub(super) offset: Option<Offset>,
    /// As they are printed, group by group.
    printed: Vec<u8>,
    pub(super) length: usize,
    /// Bytes in a group.
    group: usize,
    /// Whether it looks as xxd has it: nothing before the offset, numbers of four digits, and a letter
    /// for each byte two blanks behind them.
    pub(super) is_xxd: bool,
    /// How many of the letters beside the row are those of its bytes, if the groups are as in
    /// memory, and if they are numbers.
    agreeing: [u8; 2],
}

/// What is printed before a row: hexadecimal, or octal as `od` has it.
#[derive(Clone, Copy)]
pub(super) struct Offset {
    /// How many digits it has.
    digits: usize,
    hexadecimal: u64,
    octal: Option<u64>,
}

impl Offset {
    pub(super) fn value(self, is_octal: bool) -> u64 {
        match self.octal {
            Some(octal) if is_octal => octal,
            _ => self.hexadecimal,
        }
    }

    fn parse(word: &str) -> Option<Self> {
        const FEWEST_DIGITS: usize = 4;
        /// No address has more, and none overflows when a page is added.
        const LARGEST: u64 = u64::MAX - (1 << 20);
        let digits = word.trim_end_matches([':', '|', '>']);
        let digits = digits.strip_prefix("0x").unwrap_or(digits);
        let digits = digits.trim_start_matches(['<', '[']).trim_end_matches(']');
        let digits = digits.replace(['`', '_'], "");
        let is_plain = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        if !is_plain || digits.len() < FEWEST_DIGITS {
            return None;
        }
        let hexadecimal = u64::from_str_radix(&digits, 16).ok()?;
        (hexadecimal < LARGEST).then(|| Self {
            digits: digits.len(),
            hexadecimal,
            octal: u64::from_str_radix(&digits, 8).ok(),
        })
    }
}

impl Item {
    pub(super) fn row(&self) -> Option<&Row> {
        match self {
            Self::Row(row) => Some(row),
            _ => None,
        }
    }

    /// Whether the order of bytes in a group matters.
    pub(super) fn has_groups(&self) -> bool {
        self.row().is_some_and(|row| row.group > 1)
    }
}

impl Row {
    /// The bytes in the order of memory.
    pub(super) fn bytes(&self, order: Order) -> Vec<u8> {
        match order {
            Order::Memory => self.printed.clone(),
            Order::Number => {
                let groups = self.printed.chunks(self.group);
                groups
                    .flat_map(|group| group.iter().rev())
                    .copied()
                    .collect()
            }
        }
    }

    pub(super) fn agreeing(&self, order: Order) -> usize {
        match order {
            Order::Memory => self.agreeing[0].into(),
            Order::Number => self.agreeing[1].into(),
        }
    }
}

/// Whether offsets are octal: then those of neighbours are as far apart as the row is long.
pub(super) fn are_octal(items: &[Item]) -> bool {
    let mut votes = [0_usize; 2];
    for pair in items.windows(2) {
        let [Item::Row(one), Item::Row(next)] = pair else {
            continue;
        };
        let (Some(start), Some(end)) = (one.offset, next.offset) else {
            continue;
        };
        for (vote, is_octal) in votes.iter_mut().zip([false, true]) {
            let distance = end.value(is_octal).checked_sub(start.value(is_octal));
            *vote += usize::from(distance == Some(one.length as u64));
        }
    }
    votes[1] > votes[0]
}

/// Whether a text has nothing but rows with offsets.
pub(super) fn are_all(text: &str) -> bool {
    let mut lines = text.lines().filter(|line| !line.trim().is_empty());
    let mut is_repeated = false;
    lines.all(|line| {
        let item = item(line, 0, is_repeated);
        is_repeated = matches!(item, Some(Item::Repeated));
        item.is_some_and(|item| item.row().is_none_or(|row| row.offset.is_some()))
    })
}

/// The rows of a text: those with offsets if there are some, otherwise those without, if there is
/// hardly anything else.
pub(super) fn of(text: &str) -> Result<Option<Vec<Item>>, FileError> {
    let mut items = Vec::new();
    let (mut lines, mut rows, mut placed) = (0_usize, 0_usize, 0_usize);
    // Lines that are no rows, before the latest row and behind it.
    let (mut foreign, mut behind) = (None, None);
    for (number, line) in (1..).zip(text.lines()) {
        if line.trim().is_empty() {
            continue;
        }
        lines += 1;
        let is_repeated = matches!(items.last(), Some(Item::Repeated));
        let Some(item) = item(line, number, is_repeated) else {
            behind = behind.or((rows > 0).then_some(number));
            continue;
        };
        if let Item::Row(row) = &item {
            rows += 1;
            placed += usize::from(row.offset.is_some());
            foreign = foreign.or(behind);
        }
        items.push(item);
    }
    drop_cut(&mut items, text);
    if 2 * placed > rows {
        items.retain(|item| item.row().is_none_or(|row| row.offset.is_some()));
        return Ok(Some(items));
    }
    if 10 * rows < 9 * lines {
        return Ok(None);
    }
    // Where offsets do not say it, rows have to follow one another.
    if let Some(line) = foreign {
        return Err(FileError::ForeignLine { line });
    }
    for item in &mut items {
        if let Item::Row(row) = item {
            row.offset = None;
        }
    }
    items.retain(|item| item.row().is_some());
    Ok(Some(items))
}

/// Drops a first row whose offset has lost digits or is what is left of a group, and a last one that has but a part of a group or
/// of its offset, where the text begins or ends there.
fn drop_cut(items: &mut Vec<Item>, text: &str) {
    let digits = |row: &Row| row.offset.map_or(0, |offset| offset.digits);
    if let [Item::Row(first), Item::Row(next), ..] = items.as_slice()
        && first.line == 1
        && (digits(first) != digits(next) || first.length < next.length)
    {
        items.remove(0);
    }
    if let [.., Item::Row(before), Item::Row(last)] = items.as_slice()
        && (digits(last) != digits(before) || last.group != before.group)
        && !text.ends_with(['\n', '\r'])
    {
        items.pop();
    }
}

fn item(line: &str, number: usize, is_repeated: bool) -> Option<Item> {
    let words = words(line);
    if let [.., last] = words.as_slice()
        && last.text == "*"
        // The letters beside a row may end so, too.
        && row(line, &words).is_none()
    {
        return Some(Item::Repeated);
    }
    if is_repeated && let [.., last] = words.as_slice() {
        // Nothing but an offset stands behind the last row.
        let alone = words.len() == 1 || !is_data(last.text) && last.text.len() > 6;
        if let Some(offset) = Offset::parse(last.text).filter(|_| alone) {
            return Some(Item::End(offset));
        }
    }
    let row = row(line, &words)?;
    Some(Item::Row(Row {
        line: number,
        ..row
    }))
}

/// A word of a line, and where it stands.
struct Word<'a> {
    text: &'a str,
    start: usize,
    end: usize,
}

fn words(line: &str) -> Vec<Word<'_>> {
    /// No row has more.
    const MOST: usize = 96;
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
            _ => words.push(Word { text, start, end }),
        }
        rest = end;
        if words.len() > MOST {
            break;
        }
    }
    words
}

/// Digits of a group, without what C has before them.
fn digits(word: &str) -> &str {
    word.strip_prefix("0x").unwrap_or(word)
}

fn is_data(word: &str) -> bool {
    let digits = digits(word);
    let is_plain = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    is_plain
        && (matches!(digits.len(), 2 | 4 | 8 | 16)
            || digits.len() >= 32 && digits.len().is_multiple_of(2))
}

fn row(line: &str, words: &[Word]) -> Option<Row> {
    for (first, word) in words
        .iter()
        .enumerate()
        .filter(|(_, word)| is_data(word.text))
    {
        let width = digits(word.text).len();
        if width >= 32 {
            // Plain digits, as many as the line has.
            let printed: Vec<u8> = decode(digits(word.text)).collect();
            return Some(Row {
                line: 0,
                offset: before(words, first),
                length: printed.len(),
                printed,
                group: 1,
                is_xxd: false,
                agreeing: [0; 2],
            });
        }
        let mut count = run(words, first, width);
        let mut first = first;
        let mut offset = before(words, first);
        // Offsets may be as wide as groups.
        if offset.is_none() && matches!((count - 1) * width, 32 | 64) && width >= 8 {
            offset = Offset::parse(word.text);
            first += 1;
            count -= 1;
        }
        if count < 2 && !(offset.is_some() && count == 1) {
            continue;
        }
        let row = of_groups(line, &words[first..first + count], offset);
        return Some(Row {
            is_xxd: row.is_xxd && first == 1,
            ..row
        });
    }
    None
}

/// The offset before a word.
fn before(words: &[Word], first: usize) -> Option<Offset> {
    Offset::parse(words.get(first.checked_sub(1)?)?.text)
}

/// How many groups of a width stand together.
fn run(words: &[Word], first: usize, width: usize) -> usize {
    const HALF: usize = 8;
    let group = width / 2;
    let mut count = 1;
    while let Some(word) = words.get(first + count) {
        let gap = word.start - words[first + count - 1].end;
        let is_middle = group == 1 && count == HALF;
        let is_one = digits(word.text).len() == width && is_data(word.text);
        if !is_one || gap > 1 && !is_middle || (count + 1) * group > LONGEST {
            break;
        }
        count += 1;
    }
    count
}

fn of_groups(line: &str, groups: &[Word], offset: Option<Offset>) -> Row {
    let printed: Vec<u8> = groups
        .iter()
        .flat_map(|word| decode(digits(word.text)))
        .collect();
    let group = groups.first().map_or(1, |word| digits(word.text).len() / 2);
    let mut row = Row {
        line: 0,
        offset,
        length: printed.len(),
        printed,
        group,
        is_xxd: false,
        agreeing: [0; 2],
    };
    let behind = groups.last().map_or("", |word| &line[word.end..]);
    let letters = behind.trim_start_matches(' ');
    let as_xxd = behind.strip_prefix("  ");
    row.is_xxd =
        group == 2 && as_xxd.is_some_and(|letters| (1..=row.length).contains(&letters.len()));
    let letters = letters.strip_prefix('|').unwrap_or(letters);
    for (votes, order) in [(0, Order::Memory), (1, Order::Number)] {
        let agreeing = row.bytes(order).into_iter().zip(letters.bytes());
        let agreeing = agreeing.filter(|(byte, letter)| byte.is_ascii_graphic() && byte == letter);
        row.agreeing[votes] = u8::try_from(agreeing.count()).unwrap_or(u8::MAX);
    }
    row
}

fn decode(digits: &str) -> impl Iterator<Item = u8> {
    let value = |digit: u8| char::from(digit).to_digit(16).unwrap_or(0);
    let (pairs, _) = digits.as_bytes().as_chunks::<2>();
    pairs
        .iter()
        .map(move |[high, low]| (value(*high) << 4 | value(*low)).to_le_bytes()[0])
}
