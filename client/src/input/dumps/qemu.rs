//! What QEMU prints by `info registers`, and when KVM fails.
//!
//! Source: QEMU, `target/i386/cpu-dump.c` (`x86_cpu_dump_state`), 2.x to 10.

use super::Found;
use super::lines::{self, Line, Number};
use crate::model::Format;

/// What is printed before an equals sign, and the field.
const KEYS: &[(&str, &str)] = &[
    ("rax", "rax"),
    ("eax", "rax"),
    ("rbx", "rbx"),
    ("ebx", "rbx"),
    ("rcx", "rcx"),
    ("ecx", "rcx"),
    ("rdx", "rdx"),
    ("edx", "rdx"),
    ("rsi", "rsi"),
    ("esi", "rsi"),
    ("rdi", "rdi"),
    ("edi", "rdi"),
    ("rbp", "rbp"),
    ("ebp", "rbp"),
    ("rsp", "rsp"),
    ("esp", "rsp"),
    ("r8", "r8"),
    ("r9", "r9"),
    ("r10", "r10"),
    ("r11", "r11"),
    ("r12", "r12"),
    ("r13", "r13"),
    ("r14", "r14"),
    ("r15", "r15"),
    ("rip", "rip"),
    ("eip", "rip"),
    ("rfl", "rflags"),
    ("efl", "rflags"),
    ("cpl", "cpl"),
    ("cr0", "cr0"),
    ("cr2", "cr2"),
    ("cr3", "cr3"),
    ("cr4", "cr4"),
    ("dr0", "dr0"),
    ("dr1", "dr1"),
    ("dr2", "dr2"),
    ("dr3", "dr3"),
    ("dr6", "dr6"),
    ("dr7", "dr7"),
    ("efer", "efer"),
    ("fcw", "x87_fcw"),
    ("fsw", "x87_fsw"),
    ("mxcsr", "mxcsr"),
];

const SEGMENTS: [(&str, &str); 8] = [
    ("es", "es"),
    ("cs", "cs"),
    ("ss", "ss"),
    ("ds", "ds"),
    ("fs", "fs"),
    ("gs", "gs"),
    ("ldt", "ldtr"),
    ("tr", "tr"),
];

const TABLES: [(&str, &str); 2] = [("gdt", "gdtr"), ("idt", "idtr")];

pub(super) fn read(text: &str) -> Found {
    let mut found = Found::new(Format::Qemu);
    for line in lines::of(text) {
        read_line(&line, &mut found);
    }
    found
}

fn read_line(line: &Line, found: &mut Found) {
    let text = line.text.as_ref();
    let heading = text
        .split_once("cpu#")
        .or_else(|| text.split_once("cpu #"))
        .filter(|(before, _)| before.trim_matches([' ', '*', '\t']).is_empty());
    if let Some((_, rest)) = heading
        && let Some((number, _)) = Number::first(rest, false)
    {
        found.has_heading = true;
        found.next();
        let number = number.decimal(4);
        found.current.number = number.and_then(|number| u32::try_from(number).ok());
    }
    for (at, _) in text.match_indices('=') {
        let before = text[..at].trim_end_matches([' ', '\t']);
        let word = lines::word_before(text, before.len());
        let rest = &text[at + 1..];
        if let Some((_, name)) = SEGMENTS.iter().find(|(key, _)| *key == word) {
            read_segment(name, rest, line.may_be_cut, found);
        } else if let Some((_, name)) = TABLES.iter().find(|(key, _)| *key == word) {
            read_table(name, rest, line.may_be_cut, found);
        } else if let Some(index) = word.strip_prefix("xmm") {
            read_vector(index, rest, found);
        } else if let Some(index) = word.strip_prefix("fpr") {
            read_x87(index, rest, found);
        } else if let Some((_, name)) = KEYS.iter().find(|(key, _)| *key == word)
            && let Some((number, _)) = Number::first(rest, line.may_be_cut)
            && let Some(value) = number.hexadecimal(if *name == "cpl" { 1 } else { 4 })
        {
            found.put_number(name, value);
        }
    }
}

/// `0040 fffff80131a5c000 00000067 00008b00`: selector, base, limit and the upper half of the
/// descriptor, whose bits 8 to 15 and 20 to 23 are the attributes.
fn read_segment(name: &str, rest: &str, may_be_cut: bool, found: &mut Found) {
    let Some((selector, rest)) = Number::first(rest, may_be_cut) else {
        return;
    };
    if let Some(value) = selector.hexadecimal(4) {
        found.put_number(&format!("{name}.selector"), value);
    }
    let Some(rest) = read_table(name, rest, may_be_cut, found) else {
        return;
    };
    let flags = Number::first(rest, may_be_cut).and_then(|(number, _)| number.hexadecimal(8));
    if let Some(flags) = flags {
        found.put_number(
            &format!("{name}.attrib"),
            flags >> 8 & 0xFF | flags >> 12 & 0xF00,
        );
    }
}

/// Base and limit, and what stands behind them.
fn read_table<'a>(
    name: &str,
    rest: &'a str,
    may_be_cut: bool,
    found: &mut Found,
) -> Option<&'a str> {
    let (base, rest) = Number::first(rest, may_be_cut)?;
    let value = base.hexadecimal(8)?;
    let field = format!("{name}.base");
    // Outside of 64-bit code only the lower half is printed.
    if base.digits().len() <= 8 {
        found.put(&field, 0, &value.to_le_bytes()[..4]);
        if let Some((part, true)) = super::named(&field) {
            found.current.halves.push(part.offset() + 4);
        }
    } else {
        found.put_number(&field, value);
    }
    let (limit, rest) = Number::first(rest, may_be_cut)?;
    found.put_number(&format!("{name}.limit"), limit.hexadecimal(8)?);
    Some(rest)
}

/// 32 digits, the highest first.
fn read_vector(index: &str, rest: &str, found: &mut Found) {
    let digits = rest
        .trim_start()
        .split(|one: char| !one.is_ascii_hexdigit());
    let digits = digits.into_iter().next().unwrap_or_default();
    if let (Ok(index @ 0..16), Ok(value)) =
        (index.parse::<usize>(), u128::from_str_radix(digits, 16))
        && digits.len() == 32
    {
        found.put("xmm", 16 * index, &value.to_le_bytes());
    }
}

/// Significand and exponent.
fn read_x87(index: &str, rest: &str, found: &mut Found) {
    let read = || {
        let index = index.parse::<usize>().ok().filter(|index| *index < 8)?;
        let (significand, rest) = Number::first(rest, true)?;
        let (exponent, _) = Number::first(rest, true)?;
        let significand = significand.hexadecimal(16)?;
        let exponent = u16::try_from(exponent.hexadecimal(4)?).ok()?;
        Some((index, significand, exponent))
    };
    if let Some((index, significand, exponent)) = read() {
        found.put("x87", 10 * index, &significand.to_le_bytes());
        found.put("x87", 10 * index + 8, &exponent.to_le_bytes());
    }
}
