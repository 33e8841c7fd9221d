//! What Xen prints by its debug key `v`, and when VMRUN fails: `svm_vmcb_dump`.
//!
//! Source: Xen, `xen/arch/x86/hvm/svm/svmdebug.c`, 4.2 to 4.20. In between, fields were added and
//! renamed, and none changed its place.

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
    /// In hexadecimal, behind an equals sign, without zeros before it.
    Free,
    /// The same with a colon.
    Colon,
    /// With sixteen digits.
    Fixed,
    /// In decimal.
    Decimal,
    /// Two fields in one number, of which this is the lower.
    Halves(&'static str),
    /// An event, without a sign behind its word.
    Event,
    /// A row of the table of selectors.
    Row,
}
use Form::{Colon, Decimal, Event, Fixed, Free, Halves, Heading, Row};

/// What is printed, in small letters, the field, and the form, in the order in which they are
/// printed.
const KEYS: &[(&str, &str, Form)] = &[
    (VCPU, "", Heading),
    (DUMPING, "", Heading),
    (BEGIN, "cr_reads", Halves("cr_writes")),
    ("dr_intercepts", "dr_reads", Halves("dr_writes")),
    ("exception_intercepts", "exceptions", Free),
    ("general1_intercepts", "intercepts_1", Free),
    ("general2_intercepts", "intercepts_2", Free),
    ("general3_intercepts", "intercepts_3", Free),
    ("pause_filter_threshold", "pause_filter_threshold", Decimal),
    ("pause_filter_thresh", "pause_filter_threshold", Decimal),
    ("pause_filter_count", "pause_filter_count", Decimal),
    ("iopm_base_pa", "io_permission_map", Free),
    ("msrpm_base_pa", "msr_permission_map", Free),
    ("tsc_offset", "tsc_offset", Free),
    ("tlb_control", "tlb_control", Free),
    ("vintr", "virtual_interrupt", Free),
    ("interrupt_shadow", "interrupt_shadow", Free),
    ("int_stat", "interrupt_shadow", Free),
    ("event_inj", "event_injection", Event),
    ("eventinj", "event_injection", Event),
    ("exitcode", "exit_code", Free),
    ("exit_int_info", "exit_interrupt_info", Free),
    ("exitintinfo", "exit_interrupt_info", Free),
    ("exitinfo1", "exit_info_1", Free),
    ("exitinfo2", "exit_info_2", Free),
    ("asid", "asid", Free),
    ("np_ctrl", "nested_control", Free),
    ("np_enable", "nested_control", Free),
    ("guest_asid", "asid", Free),
    ("vmsa_pa", "vmsa", Free),
    ("ghcb_msr", "ghcb", Free),
    ("vmgexit_rax", "vmgexit_rax", Free),
    ("vmgexit_cpl", "vmgexit_cpl", Decimal),
    ("virt_ext", "virtualization_extensions", Free),
    ("cpl", "cpl", Decimal),
    ("efer", "efer", Free),
    ("star", "star", Free),
    ("lstar", "lstar", Free),
    ("cr0", "cr0", Fixed),
    ("cr2", "cr2", Fixed),
    ("cr3", "cr3", Fixed),
    ("cr4", "cr4", Fixed),
    ("rsp", "rsp", Fixed),
    ("rip", "rip", Fixed),
    ("rax", "rax", Fixed),
    ("rflags", "rflags", Fixed),
    ("dr6", "dr6", Fixed),
    ("dr7", "dr7", Fixed),
    ("cstar", "cstar", Fixed),
    ("sfmask", "sfmask", Fixed),
    ("kerngsbase", "kernel_gs_base", Fixed),
    ("pat", "guest_pat", Fixed),
    ("ssp", "ssp", Fixed),
    ("s_cet", "s_cet", Fixed),
    ("isst", "isst_addr", Fixed),
    ("h_cr3", "nested_cr3", Fixed),
    ("cleanbits", "clean_bits", Free),
    ("debugctl", "debug_control", Colon),
    ("lbfi", "branch_from", Colon),
    ("lbti", "branch_to", Colon),
    ("lifi", "last_exception_from", Colon),
    ("liti", "last_exception_to", Colon),
    ("spec_ctrl", "spec_ctrl", Free),
    ("cs", "cs", Row),
    ("ds", "ds", Row),
    ("ss", "ss", Row),
    ("es", "es", Row),
    ("fs", "fs", Row),
    ("gs", "gs", Row),
    ("gdtr", "gdtr", Row),
    ("ldtr", "ldtr", Row),
    ("idtr", "idtr", Row),
    (END, "tr", Row),
];

const VCPU: &str = "VCPU";
const DUMPING: &str = "Dumping guest's current state";

/// The first number, and the last row.
const BEGIN: &str = "cr_intercepts";
const END: &str = "tr";

/// The columns of the table of selectors: older versions print their names in each row.
const COLUMNS: [(&str, &str, usize); 4] = [
    ("sel", "selector", 4),
    ("attr", "attrib", 4),
    ("limit", "limit", 8),
    ("base", "base", 16),
];

static ORDER: LazyLock<Order> = LazyLock::new(|| Order::new(KEYS.iter().map(|(word, ..)| *word)));

pub(super) fn read(text: &str) -> Found {
    let mut found = Found::new(Format::Xen, [BEGIN, END].map(|word| ORDER.places(word)));
    for line in lines::of(text) {
        read_line(&line, &mut found);
    }
    found
}

fn read_line(line: &Line, found: &mut Found) {
    let text = line.text.as_ref();
    found.begin_line(line);
    if let Some((_, rest)) = text.split_once(">>> Domain") {
        found.next();
        let number = Number::first(rest, false).and_then(|(number, _)| number.small());
        found.domain = number.map(|number| (number, line.number));
    }
    if let Some((before, rest)) = text.split_once(VCPU)
        && before.ends_with([' ', '\t', ')'])
        && !rest.contains('=')
        && let Some((number, _)) = Number::first(rest.trim_start_matches('#'), false)
    {
        found.heading(ORDER.places(VCPU), number.small());
        return;
    }
    if text.contains(DUMPING) {
        found.heading(ORDER.places(DUMPING), None);
        return;
    }
    if text.contains("Decrypted SEV-ES state") {
        found.current.is_encrypted = true;
        return;
    }
    found.has_heading |= text.contains("sel attr  limit   base");
    for (at, sign) in text.match_indices(['=', ':']) {
        let before = text[..at].trim_end_matches([' ', '\t']);
        let word = lines::word_before(text, before.len()).to_ascii_lowercase();
        let places = ORDER.places_in(line, before.len() - word.len(), &word);
        let Some((_, name, form)) = places.first().and_then(|place| KEYS.get(*place)) else {
            continue;
        };
        let rest = &text[at + sign.len()..];
        match (form, sign) {
            (Row, ":") => read_row(name, rest, line.may_be_cut, found),
            (Colon, ":") | (Free | Fixed | Decimal | Halves(_), "=") => {
                found.step(places);
                read_number((&word, name, *form), rest, line.may_be_cut, found);
            }
            _ => {}
        }
    }
    read_event(text, line.may_be_cut, found);
}

/// `event_inj 0000000080000202, valid? 1, ec? 0, type 2, vector 0x2`.
fn read_event(text: &str, may_be_cut: bool, found: &mut Found) {
    for (word, name, _) in KEYS.iter().filter(|key| matches!(key.2, Event)) {
        let behind = text.split_once(word).map(|(_, rest)| rest);
        let rest = behind.filter(|rest| rest.starts_with(' ') && !rest.contains('='));
        if let Some(rest) = rest
            && (rest.contains("valid?") || may_be_cut)
        {
            found.step(ORDER.places(word));
            read_number((word, name, Event), rest, may_be_cut, found);
        }
    }
}

fn read_number(
    (word, name, form): (&str, &str, Form),
    rest: &str,
    may_be_cut: bool,
    found: &mut Found,
) {
    let number = found.number(word, rest, may_be_cut, |number| match form {
        Fixed | Event => number.fixed(16),
        Decimal => number.decimal(4),
        _ => number.free(),
    });
    let Some((value, behind)) = number else {
        return;
    };
    if lines::has_more_digits(behind) {
        found.object_to_number(word);
    }
    // Registers by themselves may be of anything.
    found.is_own |= word.contains('_') || matches!(form, Halves(_) | Event);
    if let Halves(upper) = form {
        found.put_number(word, name, value & 0xFFFF);
        found.put_number(word, upper, value >> 16);
    } else {
        found.put_number(word, name, value);
    }
}

/// `0040 0089 00004087 fffffe0000003000`, with the columns' names perhaps.
fn read_row(name: &str, rest: &str, may_be_cut: bool, found: &mut Found) {
    let mut values = Vec::new();
    let is_row = lines::are_numbers(rest);
    let mut rest = rest;
    for (label, part, digits) in COLUMNS {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        let named = rest.strip_prefix(label);
        let behind = named.and_then(|behind| behind.strip_prefix('='));
        let Some((number, behind)) = Number::first(behind.unwrap_or(rest), may_be_cut) else {
            break;
        };
        match number.fixed(digits) {
            Value::Number(value) => values.push((part, value)),
            Value::Cut => break,
            Value::Broken if values.is_empty() && !is_row => return,
            Value::Broken => {
                found.object_to_number(name);
                return;
            }
        }
        rest = behind;
    }
    let is_whole = values.len() == COLUMNS.len();
    if !is_whole && !found.is_last {
        // Other tools have a selector alone behind such a name.
        if values.len() > 1 || is_row || may_be_cut {
            found.object_to_number(name);
        }
        return;
    }
    if values.is_empty() {
        return;
    }
    found.step(ORDER.places(name));
    found.is_own |= is_whole;
    for (part, value) in values {
        found.put_number(name, &format!("{name}.{part}"), value);
    }
}
