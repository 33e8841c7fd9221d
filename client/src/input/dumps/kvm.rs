//! What KVM prints when VMRUN fails, or an exit is none that it knows: `dump_vmcb`.
//!
//! Source: Linux, `arch/x86/kvm/svm/svm.c`, 5.4 to 6.19. In between, fields were added and renamed.

use super::Found;
use super::lines::{self, Line, Number};
use crate::model::Format;

/// How a number is printed.
#[derive(Clone, Copy)]
enum Form {
    /// With this many hexadecimal digits.
    Hex(usize),
    /// In decimal.
    Decimal,
}
use Form::{Decimal, Hex};

/// What is printed before a colon, the field, the offset of the number in it, and its form.
const KEYS: &[(&str, &str, usize, Form)] = &[
    ("cr_read", "cr_reads", 0, Hex(4)),
    ("cr_write", "cr_writes", 0, Hex(4)),
    ("dr_read", "dr_reads", 0, Hex(4)),
    ("dr_write", "dr_writes", 0, Hex(4)),
    ("exceptions", "exceptions", 0, Hex(8)),
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
    ("exit_code", "exit_code", 0, Hex(8)),
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
    ("virt_ext", "virtualization_extensions", 0, Decimal),
    ("misc_ctl2", "virtualization_extensions", 0, Decimal),
    ("next_rip", "next_rip", 0, Hex(16)),
    ("avic_backing_page", "avic_backing_page", 0, Hex(16)),
    ("avic_logical_id", "avic_logical_table", 0, Hex(16)),
    ("avic_physical_id", "avic_physical_table", 0, Hex(16)),
    ("vmsa_pa", "vmsa", 0, Hex(16)),
    ("allowed_sev_features", "allowed_sev_features", 0, Hex(16)),
    ("guest_sev_features", "guest_sev_features", 0, Hex(16)),
    ("cpl", "cpl", 0, Decimal),
    ("vmpl", "vmpl", 0, Decimal),
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
    ("rbx", "rbx", 0, Hex(16)),
    ("rcx", "rcx", 0, Hex(16)),
    ("rdx", "rdx", 0, Hex(16)),
    ("rsi", "rsi", 0, Hex(16)),
    ("rdi", "rdi", 0, Hex(16)),
    ("rbp", "rbp", 0, Hex(16)),
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

const SEGMENTS: [&str; 10] = [
    "es", "cs", "ss", "ds", "fs", "gs", "gdtr", "ldtr", "idtr", "tr",
];

/// The parts of a segment, with their digits.
const PARTS: [(char, &str, usize); 4] = [
    ('s', "selector", 4),
    ('a', "attrib", 4),
    ('l', "limit", 8),
    ('b', "base", 16),
];

pub(super) fn read(text: &str) -> Found {
    let mut found = Found::new(Format::Kvm);
    for line in lines::of(text) {
        read_line(&line, &mut found);
    }
    found
}

fn read_line(line: &Line, found: &mut Found) {
    let text = line.text.as_ref();
    if text.contains("vmcb control area") || text.contains("last attempted vmrun") {
        found.has_heading = true;
        found.next();
    }
    if text.contains("vmcb state save area") {
        found.has_heading = true;
    }
    if text.contains("last attempted vmrun") {
        found.current.number = text
            .split_once(" vcpu")
            .and_then(|(_, rest)| Number::first(rest, false)?.0.decimal(4))
            .and_then(|number| u32::try_from(number).ok());
        return;
    }
    for (colon, _) in text.match_indices(':') {
        let before = text[..colon].trim_end_matches([' ', '\t']);
        let word = lines::word_before(text, before.len());
        let rest = &text[colon + 1..];
        if SEGMENTS.contains(&word) {
            read_segment(word, rest, line.may_be_cut, found);
        } else if word == "intercepts" {
            read_intercepts(rest, line.may_be_cut, found);
        } else if let Some(key) = key(before, word) {
            read_number(*key, rest, line.may_be_cut, found);
        }
    }
    // Linux 6.15 and later print no colon here.
    if let Some((_, rest)) = text.split_once("sev_features ")
        && let Some(key) = key("sev_features", "sev_features")
        && !text.contains("_sev_features")
    {
        read_number(*key, rest, line.may_be_cut, found);
    }
}

/// The key that ends the text, of which the last word is given.
fn key(before: &str, word: &str) -> Option<&'static (&'static str, &'static str, usize, Form)> {
    let several = |key: &str| key.contains(' ') && before.ends_with(key);
    KEYS.iter().find(|(key, ..)| *key == word || several(key))
}

fn read_number(
    (_, name, within, form): (&str, &str, usize, Form),
    rest: &str,
    may_be_cut: bool,
    found: &mut Found,
) {
    let Some((number, _)) = Number::first(rest, may_be_cut) else {
        return;
    };
    let digits = match form {
        Hex(digits) => digits,
        Decimal => {
            if let Some(value) = number.decimal(4) {
                found.put_number(name, value);
            }
            return;
        }
    };
    let Some(value) = number.hexadecimal(digits) else {
        return;
    };
    match name {
        // The upper half was no part of what older kernels print: of the four negative codes it is
        // all ones, of all others zero.
        "exit_code" if number.digits().len() <= 8 => {
            found.put_number(name, amd_svm::vmcb::ExitCode(value).widened().0);
        }
        // Bits 32 to 63 are reserved.
        "exit_code" | "interrupt_shadow" => found.put_number(name, value),
        _ => {
            let bytes = value.to_le_bytes();
            let (low, high) = bytes.split_at(digits / 2);
            if high.iter().all(|byte| *byte == 0) {
                found.put(name, within, low);
            }
        }
    }
}

/// The third to the fifth word of the intercepts, or two of them as one number, as older kernels
/// print them.
fn read_intercepts(rest: &str, may_be_cut: bool, found: &mut Found) {
    const WORDS: [&str; 3] = ["intercepts_1", "intercepts_2", "intercepts_3"];
    let Some((first, mut rest)) = Number::first(rest, may_be_cut) else {
        return;
    };
    if first.digits().len() > 8 {
        if let Some(value) = first.hexadecimal(16) {
            let [low, high] = [value & u64::from(u32::MAX), value >> 32];
            found.put_number(WORDS[0], low);
            found.put_number(WORDS[1], high);
        }
        return;
    }
    let mut next = Some(first);
    for word in WORDS {
        let Some(value) = next.and_then(|number| number.hexadecimal(8)) else {
            return;
        };
        found.put_number(word, value);
        next = None;
        if let Some((number, behind)) = Number::first(rest, may_be_cut) {
            (next, rest) = (Some(number), behind);
        }
    }
}

/// `s: 0053 a: 04f3 l: 00003c00 b: 0000000000000000`, or some of it.
fn read_segment(name: &str, mut rest: &str, may_be_cut: bool, found: &mut Found) {
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        let mut letters = rest.chars();
        let Some(letter) = letters.next() else {
            return;
        };
        let Some((_, part, digits)) = PARTS.iter().find(|(known, ..)| *known == letter) else {
            return;
        };
        let Some(behind) = letters.as_str().trim_start().strip_prefix([':', '=']) else {
            return;
        };
        let Some((number, behind)) = Number::first(behind, may_be_cut) else {
            return;
        };
        if let Some(value) = number.hexadecimal(*digits) {
            found.put_number(&format!("{name}.{part}"), value);
        }
        rest = behind;
    }
}
