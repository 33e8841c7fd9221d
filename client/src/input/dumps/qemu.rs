//! What QEMU prints by `info registers`, and when KVM fails.
//!
//! Source: QEMU, `target/i386/cpu-dump.c` (`x86_cpu_dump_state`), 2.x to 10.

use std::sync::LazyLock;

use super::Found;
use super::lines::{self, Line, Number, Value};
use super::order::Order;
use crate::model::Format;

/// How something is printed.
#[derive(Clone, Copy)]
enum Form {
    /// By itself.
    Heading,
    /// With this many hexadecimal digits.
    Hex(usize),
    /// The lower half of a register: of most outside of 64-bit code, of control registers always.
    Low,
    /// With 16 digits in long mode, otherwise with eight; of debug registers by what QEMU was built for.
    Wide,
    /// One digit.
    Digit,
    /// A selector and its hidden parts.
    Segment,
    /// Base and limit.
    Table,
}
use Form::{Digit, Heading, Hex, Low, Segment, Table, Wide};

/// What is printed before an equals sign, the field, and the form, in the order in which they are
/// printed. Registers of vectors follow.
const KEYS: &[(&str, &str, Form)] = &[
    (PROMPT, "", Heading),
    (CPU, "", Heading),
    ("RAX", "rax", Hex(16)),
    (BEGIN, "rax", Low),
    ("RBX", "rbx", Hex(16)),
    ("EBX", "rbx", Low),
    ("RCX", "rcx", Hex(16)),
    ("ECX", "rcx", Low),
    ("RDX", "rdx", Hex(16)),
    ("EDX", "rdx", Low),
    ("RSI", "rsi", Hex(16)),
    ("ESI", "rsi", Low),
    ("RDI", "rdi", Hex(16)),
    ("EDI", "rdi", Low),
    ("RBP", "rbp", Hex(16)),
    ("EBP", "rbp", Low),
    ("RSP", "rsp", Hex(16)),
    ("ESP", "rsp", Low),
    ("R8", "r8", Hex(16)),
    ("R9", "r9", Hex(16)),
    ("R10", "r10", Hex(16)),
    ("R11", "r11", Hex(16)),
    ("R12", "r12", Hex(16)),
    ("R13", "r13", Hex(16)),
    ("R14", "r14", Hex(16)),
    ("R15", "r15", Hex(16)),
    ("RIP", "rip", Hex(16)),
    ("EIP", "rip", Low),
    ("RFL", "rflags", Hex(8)),
    ("EFL", "rflags", Hex(8)),
    ("CPL", "cpl", Digit),
    ("ES", "es", Segment),
    ("CS", "cs", Segment),
    ("SS", "ss", Segment),
    ("DS", "ds", Segment),
    ("FS", "fs", Segment),
    ("GS", "gs", Segment),
    ("LDT", "ldtr", Segment),
    ("TR", "tr", Segment),
    ("GDT", "gdtr", Table),
    ("IDT", "idtr", Table),
    ("CR0", "cr0", Low),
    ("CR2", "cr2", Wide),
    ("CR3", "cr3", Wide),
    ("CR4", "cr4", Low),
    ("DR0", "dr0", Wide),
    ("DR1", "dr1", Wide),
    ("DR2", "dr2", Wide),
    ("DR3", "dr3", Wide),
    ("DR6", "dr6", Wide),
    ("DR7", "dr7", Wide),
    (END, "efer", Hex(16)),
    ("FCW", "x87_fcw", Hex(4)),
    ("FSW", "x87_fsw", Hex(4)),
    ("MXCSR", "mxcsr", Hex(8)),
];

const PROMPT: &str = "(qemu) info registers";
const CPU: &str = "CPU#";

/// The first number, and the last that every version prints.
const BEGIN: &str = "EAX";
const END: &str = "EFER";

/// Registers with a number in their names: how many there are, and with how many digits they are
/// counted. Of the last three a processor has one kind.
const VECTORS: [(&str, usize, usize); 5] = [
    ("FPR", 8, 1),
    ("Opmask", 8, 2),
    ("XMM", 32, 2),
    ("YMM", 32, 2),
    ("ZMM", 32, 2),
];

static ORDER: LazyLock<Order> = LazyLock::new(|| {
    let words = KEYS.iter().map(|(word, ..)| (*word).to_owned());
    let vectors = VECTORS.into_iter().flat_map(|(name, count, digits)| {
        (0..count).map(move |index| format!("{name}{index:0digits$}"))
    });
    Order::new(words.chain(vectors))
});

pub(super) fn read(text: &str) -> Found {
    let mut found = Found::new(Format::Qemu, [BEGIN, END].map(|word| ORDER.places(word)));
    for line in lines::of(text) {
        read_line(&line, &mut found);
    }
    found
}

fn read_line(line: &Line, found: &mut Found) {
    let text = line.text.as_ref();
    found.begin_line(line);
    if text.contains(PROMPT) {
        found.heading(ORDER.places(PROMPT), None);
    }
    if let Some((before, rest)) = text.split_once(CPU)
        && before.trim().is_empty()
        && let Some((number, _)) = Number::first(rest, false)
    {
        found.heading(ORDER.places(CPU), number.small());
    }
    for (at, _) in text.match_indices('=') {
        let before = text[..at].trim_end_matches([' ', '\t']);
        let word = lines::word_before(text, before.len());
        let places = ORDER.places_in(line, before.len() - word.len(), word);
        let rest = &text[at + 1..];
        let Some(place) = places.first() else {
            continue;
        };
        // `-d int` prints it in a line of its own before a dump, too.
        if word == "CR2" && found.current.place != *place {
            continue;
        }
        match KEYS.get(*place) {
            Some((_, name, Segment)) => read_segment(word, name, rest, line.may_be_cut, found),
            Some((_, name, form)) => {
                found.step(places);
                read_number((word, name, *form), rest, line.may_be_cut, found);
            }
            None => {
                found.step(places);
                read_vector(word, rest, line.may_be_cut, found);
            }
        }
    }
}

fn read_number(
    (word, name, form): (&str, &str, Form),
    rest: &str,
    may_be_cut: bool,
    found: &mut Found,
) {
    if let Table = form {
        read_table(word, name, rest, may_be_cut, found);
        return;
    }
    let number = found.number(word, rest, may_be_cut, |number| match form {
        Hex(digits) => number.fixed(digits),
        Low => number.fixed(8),
        Digit => number.fixed(1),
        _ => wide(number),
    });
    match (number, form) {
        (Some((value, _)), Low) => found.put_low(name, value),
        (Some((value, _)), _) => found.put_number(word, name, value),
        (None, _) => {}
    }
}

/// A number of eight or 16 digits.
fn wide(number: Number) -> Value {
    match number.fixed(16) {
        Value::Broken => number.fixed(8),
        value => value,
    }
}

/// `0040 fffff80131a5c000 00000067 00008b00`: selector, base, limit and the upper half of the
/// descriptor, whose bits 8 to 15 and 20 to 23 are the attributes.
fn read_segment(word: &str, name: &str, rest: &str, may_be_cut: bool, found: &mut Found) {
    // Debuggers print a selector alone.
    let numbers = std::iter::successors(Number::first(rest, may_be_cut), |(_, rest)| {
        Number::first(rest, may_be_cut)
    });
    let count = numbers.take(4).count();
    if count < 2 && !may_be_cut {
        if lines::are_numbers(rest) {
            found.object_to_number(word);
        }
        return;
    }
    found.step(ORDER.places(word));
    found.is_own |= count == 4;
    let selector = found.number(word, rest, may_be_cut, |number| number.fixed(4));
    let Some((selector, rest)) = selector else {
        return;
    };
    found.put_number(word, &format!("{name}.selector"), selector);
    let Some(rest) = read_table(word, name, rest, may_be_cut, found) else {
        return;
    };
    let flags = found.number(word, rest, may_be_cut, |number| number.fixed(8));
    if let Some((flags, _)) = flags {
        let attributes = flags >> 8 & 0xFF | flags >> 12 & 0xF00;
        found.put_number(word, &format!("{name}.attrib"), attributes);
    }
}

/// Base and limit, and what stands behind them.
fn read_table<'a>(
    word: &str,
    name: &str,
    rest: &'a str,
    may_be_cut: bool,
    found: &mut Found,
) -> Option<&'a str> {
    let (base, behind) = found.number(word, rest, may_be_cut, wide)?;
    let field = format!("{name}.base");
    // Outside of 64-bit code only the lower half is printed.
    if Number::first(rest, may_be_cut)?.0.digits().len() == 8 {
        found.put_low(&field, base);
    } else {
        found.put_number(word, &field, base);
    }
    let (limit, behind) = found.number(word, behind, may_be_cut, |number| number.fixed(8))?;
    found.put_number(word, &format!("{name}.limit"), limit);
    Some(behind)
}

/// A register that is longer than a number, its highest part first.
fn read_vector(word: &str, rest: &str, may_be_cut: bool, found: &mut Found) {
    let split = word.find(|letter: char| letter.is_ascii_digit());
    let (kind, index) = word.split_at(split.unwrap_or(word.len()));
    let Ok(index) = index.parse::<usize>() else {
        return;
    };
    let count = match kind {
        "FPR" | "XMM" => 2,
        "YMM" => 4,
        "ZMM" => 8,
        _ => 1,
    };
    let mut parts = Vec::with_capacity(count);
    let mut rest = rest;
    while parts.len() < count {
        let digits = Number::first(rest, may_be_cut).map_or(0, |(number, _)| number.digits().len());
        // Older versions have no blank between the halves.
        if kind == "XMM" && parts.is_empty() && digits == 32 {
            let digits = rest.trim_start();
            for half in [&digits[..16], &digits[16..32]] {
                parts.extend(u64::from_str_radix(half, 16));
            }
            break;
        }
        let digits = if kind == "FPR" && parts.len() == 1 {
            4
        } else {
            16
        };
        let part = found.number(word, rest, may_be_cut, |number| number.fixed(digits));
        let Some((part, behind)) = part else {
            return;
        };
        parts.push(part);
        rest = behind;
    }
    put_vector(kind, index, &parts, found);
}

fn put_vector(kind: &str, index: usize, parts: &[u64], found: &mut Found) {
    let bytes: Vec<u8> = parts
        .iter()
        .rev()
        .flat_map(|part| part.to_le_bytes())
        .collect();
    match (kind, parts) {
        ("FPR", [significand, exponent]) => {
            found.put("x87", 10 * index, &significand.to_le_bytes());
            found.put("x87", 10 * index + 8, &exponent.to_le_bytes()[..2]);
        }
        ("Opmask", [_]) => found.put("opmask", 8 * index, &bytes),
        _ if index < 16 => {
            for (name, width, from) in [("xmm", 16, 0), ("ymm_high", 16, 16), ("zmm_high", 32, 32)]
            {
                if let Some(bytes) = bytes.get(from..from + width) {
                    found.put(name, width * index, bytes);
                }
            }
        }
        _ => found.put("zmm_16_to_31", 64 * (index - 16), &bytes),
    }
}
