//! What KVM prints when VMRUN fails, or an exit is none that it knows: `dump_vmcb`.
//!
//! Source: Linux, `arch/x86/kvm/svm/svm.c`, 4.10 to 6.19. In between, fields were added and renamed,
//! and none changed its place.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use amd_svm::vmcb::ExitCode;

use super::lines::{self, Line, Number};
use super::order::Order;
use super::{Found, named};
use crate::model::{Format, sort};

/// How something is printed.
#[derive(Clone, Copy)]
enum Form {
    /// By itself.
    Heading,
    /// With this many hexadecimal digits.
    Hex(usize),
    /// In decimal.
    Decimal,
    /// With eight hexadecimal digits, since 6.19 with sixteen.
    Code,
    /// The third to the fifth word of the intercepts.
    Intercepts,
    /// A selector and its hidden parts.
    Segment,
}
use Form::{Code, Decimal, Heading, Hex, Intercepts, Segment};

/// What is printed before a colon, the field, the offset of the number in it, and its form.
type Key = (&'static str, &'static str, usize, Form);

/// All of them, in the order in which they are printed.
const KEYS: &[Key] = &[
    ("last attempted VMRUN", "", 0, Heading),
    ("VMCB Control Area", "", 0, Heading),
    ("cr_read", "cr_reads", 0, Hex(4)),
    ("cr_write", "cr_writes", 0, Hex(4)),
    ("dr_read", "dr_reads", 0, Hex(4)),
    ("dr_write", "dr_writes", 0, Hex(4)),
    ("exceptions", "exceptions", 0, Hex(8)),
    ("intercepts", "", 0, Intercepts),
    ("pause filter count", "pause_filter_count", 0, Decimal),
    (
        "pause filter threshold",
        "pause_filter_threshold",
        0,
        Decimal,
    ),
    ("iopm_base_pa", "io_permission_map", 0, Hex(16)),
    ("msrpm_base_pa", "msr_permission_map", 0, Hex(16)),
    ("tsc_offset", "tsc_offset", 0, Hex(16)),
    ("asid", "asid", 0, Decimal),
    ("tlb_ctl", "tlb_control", 0, Decimal),
    ("int_ctl", "virtual_interrupt", 0, Hex(8)),
    ("int_vector", "virtual_interrupt", 4, Hex(8)),
    ("int_state", "interrupt_shadow", 0, Hex(8)),
    ("exit_code", "exit_code", 0, Code),
    ("exit_info1", "exit_info_1", 0, Hex(16)),
    ("exit_info2", "exit_info_2", 0, Hex(16)),
    ("exit_int_info", "exit_interrupt_info", 0, Hex(8)),
    ("exit_int_info_err", "exit_interrupt_info", 4, Hex(8)),
    ("nested_ctl", "nested_control", 0, Decimal),
    ("misc_ctl", "nested_control", 0, Decimal),
    ("nested_cr3", "nested_cr3", 0, Hex(16)),
    ("avic_vapic_bar", "avic_apic_bar", 0, Hex(16)),
    ("ghcb", "ghcb", 0, Hex(16)),
    ("event_inj", "event_injection", 0, Hex(8)),
    ("event_inj_err", "event_injection", 4, Hex(8)),
    ("lbr_ctl", "virtualization_extensions", 0, Decimal),
    ("virt_ext", "virtualization_extensions", 0, Decimal),
    ("misc_ctl2", "virtualization_extensions", 0, Decimal),
    ("next_rip", "next_rip", 0, Hex(16)),
    ("avic_backing_page", "avic_backing_page", 0, Hex(16)),
    ("avic_logical_id", "avic_logical_table", 0, Hex(16)),
    ("avic_physical_id", "avic_physical_table", 0, Hex(16)),
    ("vmsa_pa", "vmsa", 0, Hex(16)),
    ("allowed_sev_features", "allowed_sev_features", 0, Hex(16)),
    ("guest_sev_features", "guest_sev_features", 0, Hex(16)),
    ("VMCB State Save Area", "", 0, Heading),
    ("es", "es", 0, Segment),
    ("cs", "cs", 0, Segment),
    ("ss", "ss", 0, Segment),
    ("ds", "ds", 0, Segment),
    ("fs", "fs", 0, Segment),
    ("gs", "gs", 0, Segment),
    ("gdtr", "gdtr", 0, Segment),
    ("ldtr", "ldtr", 0, Segment),
    ("idtr", "idtr", 0, Segment),
    ("tr", "tr", 0, Segment),
    ("vmpl", "vmpl", 0, Decimal),
    ("cpl", "cpl", 0, Decimal),
    ("efer", "efer", 0, Hex(16)),
    ("cr0", "cr0", 0, Hex(16)),
    ("cr2", "cr2", 0, Hex(16)),
    ("cr3", "cr3", 0, Hex(16)),
    ("cr4", "cr4", 0, Hex(16)),
    ("dr6", "dr6", 0, Hex(16)),
    ("dr7", "dr7", 0, Hex(16)),
    ("rip", "rip", 0, Hex(16)),
    ("rflags", "rflags", 0, Hex(16)),
    ("rsp", "rsp", 0, Hex(16)),
    ("rax", "rax", 0, Hex(16)),
    ("s_cet", "s_cet", 0, Hex(16)),
    ("ssp", "ssp", 0, Hex(16)),
    ("isst_addr", "isst_addr", 0, Hex(16)),
    ("star", "star", 0, Hex(16)),
    ("lstar", "lstar", 0, Hex(16)),
    ("cstar", "cstar", 0, Hex(16)),
    ("sfmask", "sfmask", 0, Hex(16)),
    ("kernel_gs_base", "kernel_gs_base", 0, Hex(16)),
    ("sysenter_cs", "sysenter_cs", 0, Hex(16)),
    ("sysenter_esp", "sysenter_esp", 0, Hex(16)),
    ("sysenter_eip", "sysenter_eip", 0, Hex(16)),
    ("gpat", "guest_pat", 0, Hex(16)),
    ("dbgctl", "debug_control", 0, Hex(16)),
    ("br_from", "branch_from", 0, Hex(16)),
    ("br_to", "branch_to", 0, Hex(16)),
    ("excp_from", "last_exception_from", 0, Hex(16)),
    ("excp_to", "last_exception_to", 0, Hex(16)),
    ("sev_features", "sev_features", 0, Hex(16)),
    ("pl0_ssp", "pl0_ssp", 0, Hex(16)),
    ("pl1_ssp", "pl1_ssp", 0, Hex(16)),
    ("pl2_ssp", "pl2_ssp", 0, Hex(16)),
    ("pl3_ssp", "pl3_ssp", 0, Hex(16)),
    ("u_cet", "u_cet", 0, Hex(16)),
    ("rax", "rax", 0, Hex(16)),
    ("rbx", "rbx", 0, Hex(16)),
    ("rcx", "rcx", 0, Hex(16)),
    ("rdx", "rdx", 0, Hex(16)),
    ("rsi", "rsi", 0, Hex(16)),
    ("rdi", "rdi", 0, Hex(16)),
    ("rbp", "rbp", 0, Hex(16)),
    ("rsp", "rsp", 0, Hex(16)),
    ("r8", "r8", 0, Hex(16)),
    ("r9", "r9", 0, Hex(16)),
    ("r10", "r10", 0, Hex(16)),
    ("r11", "r11", 0, Hex(16)),
    ("r12", "r12", 0, Hex(16)),
    ("r13", "r13", 0, Hex(16)),
    ("r14", "r14", 0, Hex(16)),
    ("r15", "r15", 0, Hex(16)),
    ("xcr0", "xcr0", 0, Hex(16)),
    ("xss", "xss", 0, Hex(16)),
];

/// The first number, and the last that every version prints.
const ENDS: [&str; 2] = ["cr_read", "excp_to"];

/// The last of a guest whose policy forbids that its save area is decrypted.
const EARLY_END: &str = "guest_sev_features";

/// What a kernel says where it has lost lines of its log.
const LOST: &str = "printk messages dropped";

/// What a kernel has before each line that the module prints.
const TAGS: [&str; 2] = ["kvm_amd: ", "SVM: "];

/// The parts of a segment, with their digits.
const PARTS: [(char, &str, usize); 4] = [
    ('s', "selector", 4),
    ('a', "attrib", 4),
    ('l', "limit", 8),
    ('b', "base", 16),
];

static ORDER: LazyLock<Order> = LazyLock::new(|| Order::new(KEYS.iter().map(|(word, ..)| *word)));

pub(super) fn read(text: &str) -> Found {
    let mut found = Found::new(Format::Kvm, ENDS.map(|word| ORDER.places(word)));
    found.early_end = ORDER.places(EARLY_END).first().copied();
    // If the lines have a tag, those without it are not of the dump: an oops names registers too.
    let is_tagged = lines::of(text).any(|line| tagged(&line.text).is_some_and(is_of_dump));
    found.has_heading = is_tagged;
    let is_wanted =
        |line: &Line| line.text.contains(LOST) || content(line, is_tagged).is_some_and(is_of_dump);
    let wanted = || lines::of(text).filter(is_wanted);
    if !wanted().any(|line| line.caller().is_some()) {
        for line in wanted() {
            read_line(&line, is_tagged, &mut found);
        }
        return found;
    }
    // Where the log says who printed a line, mixed dumps can be told apart.
    let mut callers: BTreeMap<String, usize> = BTreeMap::new();
    let mut lines: Vec<(usize, Line)> = Vec::new();
    for line in wanted() {
        if line.is_first && line.caller().is_none() {
            // It was cut off.
            continue;
        }
        let known = callers.len();
        let caller = line.caller().unwrap_or_default().to_owned();
        lines.push((*callers.entry(caller).or_insert(known), line));
    }
    sort::by_number(&mut lines, |(caller, _)| *caller as u64);
    for of_caller in lines.chunk_by(|(one, _), (other, _)| one == other) {
        for (_, line) in of_caller {
            read_line(line, is_tagged, &mut found);
        }
        found.next();
        found.open = None;
    }
    found
}

/// What stands behind the tag of a line.
fn tagged(text: &str) -> Option<&str> {
    let mut found = TAGS.iter().filter_map(|tag| text.split_once(tag));
    found.next().map(|(_, content)| content)
}

fn content<'a>(line: &'a Line, is_tagged: bool) -> Option<&'a str> {
    if is_tagged {
        tagged(&line.text)
    } else {
        Some(&line.text)
    }
}

fn is_of_dump(content: &str) -> bool {
    headings(content).next().is_some() || words(content).next().is_some()
}

/// The headings in a line.
fn headings(content: &str) -> impl Iterator<Item = &'static str> {
    let headings = KEYS.iter().filter(|key| matches!(key.3, Heading));
    headings
        .map(|(heading, ..)| *heading)
        .filter(|heading| content.contains(heading))
}

/// The words of a line that are printed with something behind them, and what that is.
fn words(content: &str) -> impl Iterator<Item = (&str, &str)> {
    // Linux prints no colon behind this one.
    const BARE: &str = "sev_features";
    let bare = content.split_once("sev_features ");
    let bare = bare.filter(|(before, _)| before.is_empty() || before.ends_with([' ', '\t']));
    let bare = bare.map(|(_, rest)| (BARE, rest));
    let colons = content.match_indices(':').map(|(colon, _)| {
        let before = content[..colon].trim_end_matches([' ', '\t']);
        let word = lines::word_before(content, before.len());
        let start = before.len() - word.len();
        // Two have blanks in them.
        let several = before[..start].ends_with("pause filter ");
        let start = if several {
            start - "pause filter ".len()
        } else {
            start
        };
        (&before[start..], &content[colon + 1..])
    });
    bare.into_iter()
        .chain(colons)
        .filter(|(word, _)| !ORDER.places(word).is_empty())
}

fn read_line(line: &Line, is_tagged: bool, found: &mut Found) {
    found.begin_line(line);
    if line.text.contains(LOST) {
        found.next();
        return;
    }
    let Some(content) = content(line, is_tagged) else {
        return;
    };
    // A tag stands once in a line: behind another is the line that followed.
    if is_tagged && tagged(content).is_some_and(is_of_dump) {
        found.object_to_order();
    }
    for heading in headings(content) {
        let number = content
            .split_once(" vCPU")
            .and_then(|(_, rest)| Number::first(rest, false)?.0.small());
        found.heading(ORDER.places(heading), number);
    }
    for (word, rest) in words(content) {
        let start = content.len() - rest.len() - ":".len() - word.len();
        let places = if is_tagged {
            ORDER.places(word)
        } else {
            ORDER.places_in(line, start, word)
        };
        let key = places.first().and_then(|place| KEYS.get(*place));
        let Some((_, name, within, form)) = key else {
            continue;
        };
        match form {
            Heading => {}
            Segment => read_segment(word, rest, line.may_be_cut, found),
            Intercepts => {
                found.step(places);
                read_intercepts(rest, line.may_be_cut, found);
            }
            Hex(_) | Decimal | Code => {
                found.step(places);
                read_number((word, name, *within, *form), rest, line.may_be_cut, found);
            }
        }
    }
}

fn read_number(
    (word, name, within, form): (&str, &str, usize, Form),
    rest: &str,
    may_be_cut: bool,
    found: &mut Found,
) {
    let width = named(name).map_or(8, |(field, _)| field.width());
    let number = found.number(word, rest, may_be_cut, |number| match form {
        Decimal => number.decimal(width),
        // Where the text ends with eight digits, there may have been eight others.
        Code if number.digits().len() <= 8 && !number.may_be_cut() => number.fixed(8),
        Hex(digits) => number.fixed(digits),
        _ => number.fixed(16),
    });
    let Some((value, behind)) = number else {
        return;
    };
    if lines::has_more_digits(behind) {
        found.object_to_number(word);
    }
    match (name, form) {
        // The upper half was no part of what older kernels print: of the four negative codes it is
        // all ones, of all others zero.
        ("exit_code", _) => found.put_number(word, name, ExitCode(value).widened().0),
        // Bits 32 to 63 are reserved.
        ("interrupt_shadow", _) => found.put_number(word, name, value),
        (_, Hex(digits)) => found.put(name, within, &value.to_le_bytes()[..digits / 2]),
        _ => found.put_number(word, name, value),
    }
}

/// The third to the fifth word of the intercepts, or two of them as one number, as older kernels
/// print them.
fn read_intercepts(rest: &str, may_be_cut: bool, found: &mut Found) {
    const WORDS: [&str; 3] = ["intercepts_1", "intercepts_2", "intercepts_3"];
    let first = Number::first(rest, may_be_cut).map(|(number, _)| number.digits().len());
    if first.is_some_and(|digits| digits > 8) {
        let both = found.number("intercepts", rest, may_be_cut, |number| number.fixed(16));
        if let Some((value, _)) = both {
            found.put_number("intercepts", WORDS[0], value & u64::from(u32::MAX));
            found.put_number("intercepts", WORDS[1], value >> 32);
        }
        return;
    }
    let mut rest = rest;
    for (at, word) in WORDS.into_iter().enumerate() {
        // The third is printed by newer kernels alone.
        if at == 2 && rest.trim().is_empty() && (found.is_last || !may_be_cut) {
            return;
        }
        let number = found.number("intercepts", rest, may_be_cut, |number| number.fixed(8));
        let Some((value, behind)) = number else {
            return;
        };
        found.put_number("intercepts", word, value);
        rest = behind;
    }
}

/// `s: 0053 a: 04f3 l: 00003c00 b: 0000000000000000`, or some of it.
fn read_segment(name: &str, mut rest: &str, may_be_cut: bool, found: &mut Found) {
    let mut parts = 0;
    // An oops names segments, too, and has none of these behind them.
    let is_segment = rest.contains(" b: ") || rest.contains(" l: ");
    while parts < PARTS.len() {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        let mut letters = rest.chars();
        let letter = letters.next();
        let part = PARTS.iter().find(|(known, ..)| Some(*known) == letter);
        let Some((_, part, digits)) = part else {
            if !found.is_last && (parts > 0 || is_segment) {
                found.object_to_number(name);
            }
            return;
        };
        let Some(behind) = letters.as_str().trim_start().strip_prefix([':', '=']) else {
            if !found.is_last && (parts > 0 || is_segment) {
                found.object_to_number(name);
            }
            return;
        };
        if parts == 0 {
            found.step(ORDER.places(name));
            found.is_own = true;
        }
        parts += 1;
        let number = found.number(name, behind, may_be_cut, |number| number.fixed(*digits));
        let Some((value, behind)) = number else {
            return;
        };
        found.put_number(name, &format!("{name}.{part}"), value);
        rest = behind;
    }
}
