//! What Xen prints by its debug key `v`, and when VMRUN fails: `svm_vmcb_dump`.
//!
//! Source: Xen, `xen/arch/x86/hvm/svm/svmdebug.c`, 4.2 to 4.20. In between, fields were added and
//! renamed.

use super::Found;
use super::lines::{self, Line, Number};
use crate::model::Format;

/// What is printed before an equals sign or a colon, the field, and whether it is in decimal.
const KEYS: &[(&str, &str, bool)] = &[
    ("exception_intercepts", "exceptions", false),
    ("general1_intercepts", "intercepts_1", false),
    ("general2_intercepts", "intercepts_2", false),
    ("general3_intercepts", "intercepts_3", false),
    ("pause_filter_threshold", "pause_filter_threshold", true),
    ("pause_filter_thresh", "pause_filter_threshold", true),
    ("pause_filter_count", "pause_filter_count", true),
    ("iopm_base_pa", "io_permission_map", false),
    ("msrpm_base_pa", "msr_permission_map", false),
    ("tsc_offset", "tsc_offset", false),
    ("tlb_control", "tlb_control", false),
    ("vintr", "virtual_interrupt", false),
    ("interrupt_shadow", "interrupt_shadow", false),
    ("int_stat", "interrupt_shadow", false),
    ("event_inj", "event_injection", false),
    ("eventinj", "event_injection", false),
    ("exitcode", "exit_code", false),
    ("exit_int_info", "exit_interrupt_info", false),
    ("exitintinfo", "exit_interrupt_info", false),
    ("exitinfo1", "exit_info_1", false),
    ("exitinfo2", "exit_info_2", false),
    ("np_enable", "nested_control", false),
    ("np_ctrl", "nested_control", false),
    ("guest_asid", "asid", false),
    ("asid", "asid", false),
    ("vmsa_pa", "vmsa", false),
    ("ghcb_msr", "ghcb", false),
    ("vmgexit_rax", "vmgexit_rax", false),
    ("vmgexit_cpl", "vmgexit_cpl", true),
    ("virt_ext", "virtualization_extensions", false),
    ("nextrip", "next_rip", false),
    ("cpl", "cpl", true),
    ("efer", "efer", false),
    ("star", "star", false),
    ("lstar", "lstar", false),
    ("cstar", "cstar", false),
    ("sfmask", "sfmask", false),
    ("kerngsbase", "kernel_gs_base", false),
    ("sysenter_cs", "sysenter_cs", false),
    ("sysenter_esp", "sysenter_esp", false),
    ("sysenter_eip", "sysenter_eip", false),
    ("pat", "guest_pat", false),
    ("cr0", "cr0", false),
    ("cr2", "cr2", false),
    ("cr3", "cr3", false),
    ("cr4", "cr4", false),
    ("dr6", "dr6", false),
    ("dr7", "dr7", false),
    ("rsp", "rsp", false),
    ("rip", "rip", false),
    ("rax", "rax", false),
    ("rflags", "rflags", false),
    ("ssp", "ssp", false),
    ("s_cet", "s_cet", false),
    ("isst", "isst_addr", false),
    ("h_cr3", "nested_cr3", false),
    ("cleanbits", "clean_bits", false),
    ("debugctl", "debug_control", false),
    ("lbfi", "branch_from", false),
    ("lbti", "branch_to", false),
    ("lifi", "last_exception_from", false),
    ("liti", "last_exception_to", false),
    ("spec_ctrl", "spec_ctrl", false),
];

/// Rows of the table of selectors.
const SEGMENTS: [&str; 10] = [
    "es", "cs", "ss", "ds", "fs", "gs", "gdtr", "ldtr", "idtr", "tr",
];

/// Its columns, with their digits.
const COLUMNS: [(&str, usize); 4] = [("selector", 4), ("attrib", 4), ("limit", 8), ("base", 16)];

pub(super) fn read(text: &str) -> Found {
    let mut found = Found::new(Format::Xen);
    for line in lines::of(text) {
        read_line(&line, &mut found);
    }
    found
}

fn read_line(line: &Line, found: &mut Found) {
    let text = line.text.as_ref();
    if text.contains(">>> domain") || text.contains("dumping guest's current state") {
        found.has_heading = true;
        let number = found.current.number;
        found.next();
        // The number stands before the dump.
        found.current.number = number.filter(|_| !text.contains(">>>"));
    }
    if let Some((before, rest)) = text.split_once("vcpu")
        && before.ends_with([' ', '\t', ')'])
        && let Some((number, _)) = Number::first(rest.trim_start_matches('#'), false)
        && !rest.contains('=')
    {
        found.has_heading = true;
        found.next();
        let number = number.decimal(4);
        found.current.number = number.and_then(|number| u32::try_from(number).ok());
        return;
    }
    if text.contains("sel attr") {
        found.has_heading = true;
        return;
    }
    for (at, sign) in text.match_indices(['=', ':']) {
        let before = text[..at].trim_end_matches([' ', '\t']);
        let word = lines::word_before(text, before.len());
        let rest = &text[at + sign.len()..];
        if sign == ":" && SEGMENTS.contains(&word) {
            read_row(word, rest, line.may_be_cut, found);
        } else {
            read_number(word, rest, line.may_be_cut, found);
        }
    }
    // The event has neither sign.
    if let Some((_, rest)) = text.split_once("event_inj ")
        && rest.contains("valid")
    {
        read_number("event_inj", rest, line.may_be_cut, found);
    }
}

fn read_number(word: &str, rest: &str, may_be_cut: bool, found: &mut Found) {
    let Some((number, _)) = Number::first(rest, may_be_cut) else {
        return;
    };
    let halves = match word {
        "cr_intercepts" => Some(["cr_reads", "cr_writes"]),
        "dr_intercepts" => Some(["dr_reads", "dr_writes"]),
        _ => None,
    };
    if let (Some([low, high]), Some(value)) = (halves, number.hexadecimal(0)) {
        found.put_number(low, value & 0xFFFF);
        found.put_number(high, value >> 16);
        return;
    }
    let Some((_, name, is_decimal)) = KEYS.iter().find(|(key, ..)| *key == word) else {
        return;
    };
    let value = if *is_decimal {
        number.decimal(1)
    } else {
        number.hexadecimal(0)
    };
    if let Some(value) = value {
        found.put_number(name, value);
    }
}

/// `0040 0089 00004087 fffffe0000003000`.
fn read_row(name: &str, mut rest: &str, may_be_cut: bool, found: &mut Found) {
    for (column, digits) in COLUMNS {
        let Some((number, behind)) = Number::first(rest, may_be_cut) else {
            return;
        };
        let Some(value) = number.hexadecimal(digits) else {
            return;
        };
        found.put_number(&format!("{name}.{column}"), value);
        rest = behind;
    }
}
