//! Texts as they reach a reader: cut off, with broken and lost lines, in
//! another encoding, or changed.

use amd_svm::vmcb::{VMCB_SIZE, fields};

/// As often as a text is damaged.
const MOST_CHANGES: u8 = 6;

/// A line that is of no dump.
const FOREIGN: &str = "Nov 27 08:00:00 host systemd[1]: Started something: 0x12.";

/// What an input asks for.
#[derive(Clone, Copy)]
enum Change {
    /// The text before a place is gone.
    Begin,
    /// The text behind a place is gone.
    End,
    /// A line ends at a place.
    Break,
    /// A line is gone.
    Lose,
    /// Something else was logged before a line.
    Interrupt,
    /// A line is there twice.
    Repeat,
    /// A line has changed places with the one behind it.
    Swap,
    /// A byte is another one.
    Replace,
}
use Change::{Begin, Break, End, Interrupt, Lose, Repeat, Replace, Swap};

const CHANGES: [Change; 8] = [Begin, End, Break, Lose, Interrupt, Repeat, Swap, Replace];

/// A text, and what its damage may have done.
pub(crate) struct Damaged {
    /// The text.
    pub text: String,
    /// It is as it was printed.
    pub is_whole: bool,
    /// No number is another one: a reader may miss some, and tells no others.
    pub is_true: bool,
    /// A line is gone, so that two dumps may look like one.
    pub has_lost_lines: bool,
}

/// Takes the changes from the beginning of an input, and makes them. Returns the rest of the input, too.
pub(crate) fn damaged(text: String, input: &[u8]) -> (Damaged, &[u8]) {
    let mut damaged = Damaged {
        text,
        is_whole: true,
        is_true: true,
        has_lost_lines: false,
    };
    let Some((count, mut rest)) = input.split_first() else {
        return (damaged, input);
    };
    for _ in 0..count % (MOST_CHANGES + 1) {
        let Some((&[kind, low, high, value], behind)) = rest.split_first_chunk() else {
            break;
        };
        let change = CHANGES[usize::from(kind) % CHANGES.len()];
        damaged.change(change, u16::from_le_bytes([low, high]).into(), value);
        rest = behind;
    }
    (damaged, rest)
}

impl Damaged {
    fn change(&mut self, change: Change, place: usize, value: u8) {
        let place = place % (self.text.len() + 1);
        let place = (0..=place).rev().find(|at| self.text.is_char_boundary(*at));
        let place = place.unwrap_or(0);
        match change {
            Begin => drop(self.text.drain(..place)),
            End => self.text.truncate(place),
            Break => self.text.insert(place, '\n'),
            Replace => {
                let other = char::from(value);
                let length = self.text[place..].chars().next().map_or(0, char::len_utf8);
                self.text
                    .replace_range(place..place + length, other.encode_utf8(&mut [0; 2]));
            }
            Lose | Interrupt | Repeat | Swap => self.change_lines(change, place),
        }
        self.is_whole = false;
        self.is_true &= matches!(change, Begin | End | Break | Lose | Interrupt);
        self.has_lost_lines |= matches!(change, Lose);
    }

    fn change_lines(&mut self, change: Change, place: usize) {
        let mut lines: Vec<&str> = self.text.split('\n').collect();
        let line = place % lines.len();
        match change {
            Lose => drop(lines.remove(line)),
            Interrupt => lines.insert(line, FOREIGN),
            Repeat => lines.insert(line, lines[line]),
            _ => {
                let other = (line + 1) % lines.len();
                lines.swap(line, other);
            }
        }
        self.text = lines.join("\n");
    }
}

/// A page whose fields have the bytes of an input, one behind the other; those that none is left for are
/// zero. Returns the rest of the input, too.
pub(crate) fn page(input: &[u8]) -> ([u8; VMCB_SIZE], &[u8]) {
    let mut bytes = [0; VMCB_SIZE];
    let mut rest = input;
    for field in fields::VMCB {
        let length = field.width().min(rest.len());
        let (head, tail) = rest.split_at(length);
        field.bytes_mut(&mut bytes)[..length].copy_from_slice(head);
        rest = tail;
    }
    (svm_dumps::page(&bytes), rest)
}
