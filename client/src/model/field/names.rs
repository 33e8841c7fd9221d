//! What users call a field: its own name, the manual's, a model-specific register's name or number.

use amd_svm::msr::Msr;

use super::Field;
use crate::model::nearest;

/// Text that names no field, or not one.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{advice}")]
pub struct UnknownField {
    advice: String,
}

/// Registers that a page has and VMSAVE does not store, by their numbers.
///
/// Source: APM volume 2, appendix A.
const REGISTERS: [(u32, &str); 18] = [
    (0x48, "spec_ctrl"),
    (0x1D9, "debug_control"),
    (0x1DB, "branch_from"),
    (0x1DC, "branch_to"),
    (0x1DD, "last_exception_from"),
    (0x1DE, "last_exception_to"),
    (0x277, "guest_pat"),
    (0x6A0, "u_cet"),
    (0x6A2, "s_cet"),
    (0x6A4, "pl0_ssp"),
    (0x6A5, "pl1_ssp"),
    (0x6A6, "pl2_ssp"),
    (0x6A7, "pl3_ssp"),
    (0x6A8, "isst_addr"),
    (0xDA0, "xss"),
    (0xC000_0103, "tsc_aux"),
    (0xC000_010E, "lbr_select"),
    (0xC000_010F, "debug_extended_control"),
];

/// What Linux, Intel, Xen and QEMU call some of them, without what [`plain`] takes away.
const ALIASES: [(&str, &str); 28] = [
    ("fmask", "sfmask"),
    ("syscallmask", "sfmask"),
    ("shadowgsbase", "kernel_gs_base"),
    ("swapgsbase", "kernel_gs_base"),
    ("kerngsbase", "kernel_gs_base"),
    ("pat", "guest_pat"),
    ("crpat", "guest_pat"),
    ("debugctl", "debug_control"),
    ("debugctlmsr", "debug_control"),
    ("lastbranchfromip", "branch_from"),
    ("lastbranchtoip", "branch_to"),
    ("lastintfromip", "last_exception_from"),
    ("lastinttoip", "last_exception_to"),
    ("intssptab", "isst_addr"),
    ("interruptssptableaddr", "isst_addr"),
    ("exitintinfo", "exit_interrupt_info"),
    ("exitinfo1", "exit_info_1"),
    ("exitinfo2", "exit_info_2"),
    ("eventinj", "event_injection"),
    ("virtext", "virtualization_extensions"),
    ("miscctl2", "virtualization_extensions"),
    ("nestedctl", "nested_control"),
    ("miscctl", "nested_control"),
    ("npctrl", "nested_control"),
    ("intctl", "virtual_interrupt"),
    ("intstate", "interrupt_shadow"),
    ("tlbctl", "tlb_control"),
    ("eflags", "rflags"),
];

impl UnknownField {
    fn with_nearest(wanted: &str) -> Self {
        // Reserved bytes and pieces are not what was meant.
        let mut candidates = Field::all()
            .chain(Field::of_pages())
            .map(Field::name)
            .filter(|name| !name.contains("reserved"));
        let near = nearest::in_words(wanted, &mut candidates, plain);
        let near =
            near.unwrap_or_else(|| "`--csv` has the names of those that there are".to_owned());
        Self {
            advice: format!("there is no such field; {near}"),
        }
    }

    pub(super) fn several(name: &str, fields: &[Field]) -> Self {
        const MOST: usize = 4;
        let names: Vec<_> = fields.iter().take(MOST).map(|field| field.name()).collect();
        let more = if fields.len() > MOST { ", ..." } else { "" };
        Self {
            advice: format!(
                "these are {} fields: `--columns {}` prints all of them; name one here: {}{more}",
                fields.len(),
                name.escape_default(),
                names.join(", ")
            ),
        }
    }
}

/// The fields of a name: one, or all whose names begin with it and a dot.
pub(super) fn find(name: &str) -> Result<Vec<Field>, UnknownField> {
    let wanted = name.to_ascii_lowercase();
    let begins = |field: &Field| {
        let rest = field.name().strip_prefix(wanted.as_str());
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    for part in [
        Field::all().filter(begins).collect::<Vec<_>>(),
        Field::of_pages().filter(begins).collect(),
    ] {
        if !part.is_empty() && !wanted.is_empty() {
            return Ok(part);
        }
    }
    let found = by_number(&wanted).or_else(|| by_alias(&wanted));
    found
        .map(|field| vec![field])
        .ok_or_else(|| UnknownField::with_nearest(&wanted))
}

/// The field that holds the register of a number.
fn by_number(wanted: &str) -> Option<Field> {
    let digits = wanted
        .strip_prefix("0x")
        .or_else(|| wanted.strip_suffix('h'))?;
    let digits = digits.replace(['_', '\''], "");
    let number = u32::from_str_radix(&digits, 16).ok()?;
    let register = Msr::ALL.into_iter().find(|msr| msr.number() == number);
    if let Some(register) = register {
        return by_alias(&register.to_string());
    }
    let (_, name) = REGISTERS.into_iter().find(|(known, _)| *known == number)?;
    by_alias(name)
}

fn by_alias(wanted: &str) -> Option<Field> {
    let wanted = plain(wanted);
    let alias = ALIASES.iter().find(|(alias, _)| *alias == wanted);
    let wanted = alias.map_or(wanted, |(_, name)| plain(name));
    let is_it = |name: &str| !wanted.is_empty() && plain(name) == wanted;
    let all = Field::all().chain(Field::of_pages());
    all.clone().find(|field| is_it(field.name())).or_else(|| {
        let mut parts =
            all.filter(|field| matches!(field, Field::Page(part) if is_it(part.name_in_manual())));
        // The manual has one name for what is stored in several pieces.
        parts.next().filter(|_| parts.next().is_none())
    })
}

/// A name without what its users differ in: case, separators, and the prefix of a register.
fn plain(name: &str) -> String {
    let lower = name.to_ascii_lowercase();
    let mut rest = lower.as_str();
    for prefix in ["msr_", "ia32_", "amd64_", "x86_"] {
        rest = rest.strip_prefix(prefix).unwrap_or(rest);
    }
    let rest = rest.strip_suffix("_msr").unwrap_or(rest);
    rest.replace(['_', '.', ' ', '-'], "")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(name: &str) -> String {
        match name.parse::<Field>() {
            Ok(field) => field.name().to_owned(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn registers_are_fields_by_name_and_number() {
        for (name, field) in [
            ("IA32_LSTAR", "lstar"),
            ("MSR_LSTAR", "lstar"),
            ("0xc0000082", "lstar"),
            ("0xC000_0082", "lstar"),
            ("c0000082h", "lstar"),
            ("fmask", "sfmask"),
            ("IA32_FMASK", "sfmask"),
            ("MSR_SYSCALL_MASK", "sfmask"),
            ("0x174", "sysenter_cs"),
            ("IA32_SYSENTER_EIP", "sysenter_eip"),
            ("0xc0000100", "fs.base"),
            ("IA32_FS_BASE", "fs.base"),
            ("MSR_KERNEL_GS_BASE", "kernel_gs_base"),
            ("KernelGsBase", "kernel_gs_base"),
            ("0xc0000080", "efer"),
            ("IA32_EFER", "efer"),
            ("0x277", "guest_pat"),
            ("IA32_PAT", "guest_pat"),
            ("0x1d9", "debug_control"),
            ("EXITCODE", "exit_code"),
            ("exit_info1", "exit_info_1"),
            ("N_CR3", "nested_cr3"),
            ("MSRPM_BASE_PA", "msr_permission_map"),
        ] {
            assert_eq!(one(name), field, "{name}");
        }
    }

    #[test]
    fn an_unknown_name_gets_the_nearest() {
        assert_eq!(
            one("lstr"),
            "there is no such field; the nearest is `lstar`"
        );
        assert_eq!(
            one("exit_cod"),
            "there is no such field; the nearest is `exit_code`"
        );
        assert_eq!(
            one("tr.limits"),
            "there is no such field; the nearest is `tr.limit`"
        );
        for strange in [
            "",
            "0x",
            "0xc0010114",
            "\u{1b}",
            "a name that is nowhere near",
        ] {
            assert!(strange.parse::<Field>().is_err(), "{strange}");
        }
        assert_eq!(
            one("tr"),
            "these are 4 fields: `--columns tr` prints all of them; name one here: tr.selector, \
             tr.attrib, tr.limit, tr.base"
        );
        assert!(one("lbr_stack").contains("these are 32 fields"));
    }

    #[test]
    fn every_alias_and_number_is_a_field() {
        for (alias, name) in ALIASES {
            assert_eq!(one(alias), name);
        }
        for (number, name) in REGISTERS {
            assert_eq!(one(&format!("{number:#x}")), name);
        }
    }
}
