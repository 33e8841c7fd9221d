//! The fields of a page in words: what exits, why the guest exited, which bits are set.

use amd_svm::fields::VmsaveField;
use amd_svm::msr::{DebugControl, Efer};
use amd_svm::registers::{Cr0, Cr4};
use amd_svm::segment::SegmentAttributes;
use amd_svm::vmcb::fields::Field;
use amd_svm::vmcb::{
    AvicPhysicalTable, CleanBits, ControlArea, Event, Exception, Exit, ExitCode, ExitKind,
    InterruptShadow, NestedControl, ReturnPredictor, SevFeatures, TlbControl, VirtualInterrupt,
    VirtualizationExtensions,
};

use super::{attributes, exit};
use crate::model::Page;

/// The reserved bits of an event.
///
/// Source: APM volume 2, section 15.20.
const EVENT_RESERVED: u64 = 0x7FFF_F000;

/// Whether a page has an exit: one that VMSAVE alone wrote to has not, and its code is zero, which is
/// that of an exit.
pub(crate) fn has_exit(page: &Page) -> bool {
    let fields = page.layout().fields().iter();
    let mut others = fields.filter(|field| VmsaveField::named(field.name()).is_none());
    let is_set = |field: &Field| {
        let bytes = page.bytes(field.range());
        bytes.is_some_and(|bytes| bytes.iter().any(|byte| *byte != 0))
    };
    !page.is_whole() || others.any(is_set)
}

/// The value of a field in words, where there are some. The page has what belongs to it.
pub(crate) fn field(name: &str, value: u64, page: &Page) -> Option<String> {
    let words = match name {
        "cr_reads" | "cr_writes" => set(value, |bit| format!("CR{bit}")),
        "dr_reads" | "dr_writes" => set(value, |bit| format!("DR{bit}")),
        "exceptions" => set(value, |bit| {
            let vector = u8::try_from(bit).ok().and_then(Exception::new);
            vector.map_or(bit.to_string(), |vector| vector.to_string())
        }),
        // Each bit of these words is the intercept of one exit code.
        "intercepts_1" => set(value, |bit| ExitCode(0x60 + bit).to_string()),
        "intercepts_2" => set(value, |bit| ExitCode(0x80 + bit).to_string()),
        "intercepts_3" => set(value, |bit| ExitCode(0xA0 + bit).to_string()),
        "exit_code" => exit_words(value, page, ["exit_info_1", "exit_info_2"]),
        "guest_exit_code" => exit_words(value, page, ["guest_exit_info_1", "guest_exit_info_2"]),
        "exit_interrupt_info" | "guest_exit_interrupt_info" | "event_injection" => {
            let event = Event::from(value).to_string();
            let reserved = set(value & EVENT_RESERVED, bit);
            join([event, reserved])
        }
        "tlb_control" => TlbControl(u8::try_from(value).ok()?).to_string(),
        "return_predictor" => flags(value, &|bits| {
            printed(&ReturnPredictor::from(bits.to_le_bytes()[0]))
        }),
        "virtual_interrupt" => flags(value, &|bits| printed(&VirtualInterrupt::from(bits))),
        "interrupt_shadow" => flags(value, &|bits| printed(&InterruptShadow::from(bits))),
        "nested_control" => flags(value, &|bits| printed(&NestedControl::from(bits))),
        "virtualization_extensions" => flags(value, &|bits| {
            printed(&VirtualizationExtensions::from(bits))
        }),
        "clean_bits" => flags(value, &|bits| printed(&CleanBits::from(lower(bits)))),
        "allowed_sev_features" if value & ControlArea::ALLOWED_SEV_FEATURES_ENABLED != 0 => {
            let allowed = field(
                name,
                value ^ ControlArea::ALLOWED_SEV_FEATURES_ENABLED,
                page,
            );
            join(["enabled".to_owned(), allowed.unwrap_or_default()])
        }
        "allowed_sev_features" | "guest_sev_features" | "sev_features" => {
            flags(value, &|bits| printed(&SevFeatures::from(bits)))
        }
        "efer" => flags(value, &|bits| printed(&Efer::from(bits))),
        "cr0" => flags(value, &|bits| printed(&Cr0::from(bits))),
        "cr4" => flags(value, &|bits| printed(&Cr4::from(bits))),
        "debug_control" => flags(value, &|bits| printed(&DebugControl::from(bits))),
        "avic_physical_table" => {
            let table = AvicPhysicalTable::from(value);
            format!(
                "at {:#x}, last index {}",
                table.address(),
                table.max_index()
            )
        }
        _ if name.ends_with(".attrib") => {
            attributes(SegmentAttributes::from(u16::try_from(value).ok()?))
        }
        _ => return None,
    };
    (!words.is_empty()).then_some(words)
}

/// The names of the bits that are set.
fn set(value: u64, name: impl Fn(u64) -> String) -> String {
    let bits = (0..64).filter(|bit| value >> bit & 1 == 1);
    bits.map(name).collect::<Vec<_>>().join(", ")
}

fn exit_words(value: u64, page: &Page, infos: [&str; 2]) -> String {
    let code = ExitCode(value);
    let name = match code.kind() {
        ExitKind::Exception(exception) if let Some(name) = exception.mnemonic() => {
            format!("{code} ({name})")
        }
        _ => code.to_string(),
    };
    let [Some(info_1), Some(info_2)] = infos.map(|name| page.field(name)) else {
        return name;
    };
    match exit::words(Exit::new(code, info_1, info_2)) {
        Some(words) => format!("{name}: {words}"),
        None => name,
    }
}

/// The members of a register's type that are set, by their names, and the numbers of bits that are
/// no member's. `of` prints the type for debugging.
fn flags(value: u64, of: &dyn Fn(u64) -> String) -> String {
    let reserved = (0..u64::BITS).map(|at| value & 1 << at);
    let reserved = reserved
        .filter(|bits| *bits != 0 && members(&of(*bits)).is_empty())
        .sum();
    join([members(&of(value)), set(reserved, bit)])
}

fn bit(number: u64) -> String {
    format!("bit {number}")
}

fn join(parts: [String; 2]) -> String {
    let parts = parts.into_iter().filter(|part| !part.is_empty());
    parts.collect::<Vec<_>>().join(", ")
}

fn printed(register: &dyn std::fmt::Debug) -> String {
    format!("{register:?}")
}

/// The lower half of a number.
fn lower(bits: u64) -> u32 {
    u32::try_from(bits & u64::from(u32::MAX)).unwrap_or(0)
}

/// The members that are set, of a register as its type lists them when it is printed for debugging.
fn members(printed: &str) -> String {
    /// What is reserved, and a member nevertheless.
    const RESERVED: &str = "upper_half";
    let members = printed
        .split_once('{')
        .map_or("", |(_, members)| members.trim_end_matches([' ', '}']));
    let set = members.split(", ").filter_map(|member| {
        let (name, value) = member.trim().split_once(": ")?;
        let words = name.replace('_', " ");
        match value {
            _ if name == RESERVED => None,
            "false" | "0" => None,
            "true" => Some(words),
            number => Some(format!("{words} {number}")),
        }
    });
    set.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use amd_svm::vmcb::VMCB_SIZE;

    use super::*;
    use crate::model::Layout;

    fn words(name: &str, value: u64) -> String {
        let page = Page::whole(Layout::Vmcb, &[0; VMCB_SIZE]);
        field(name, value, &page).unwrap_or_default()
    }

    #[test]
    fn fields_are_told_in_words() {
        for (name, value, expected) in [
            ("cr_reads", 0x11, "CR0, CR4"),
            ("exceptions", 0x0006_4002, "#DB, #PF, #AC, #MC"),
            ("intercepts_1", 0x1004_0001, "INTR, CPUID, MSR"),
            ("intercepts_2", 0x0001_0001, "VMRUN, CR0_WRITE_TRAP"),
            ("intercepts_3", 0x4, "INVPCID"),
            ("exit_code", 0x72, "CPUID"),
            ("exit_code", u64::MAX, "INVALID"),
            ("event_injection", 0x8000_0202, "NMI"),
            ("tlb_control", 1, "all address spaces are flushed"),
            ("nested_control", 7, "nested paging, sev, sev es"),
            ("clean_bits", 1, "intercepts"),
            ("virtual_interrupt", 0x0100_0005, "tpr 5, masking"),
            (
                "efer",
                0x1D01,
                "system call, long mode enable, long mode active, no execute, svme",
            ),
            ("cs.attrib", 0x29B, "code rx l"),
            ("asid", 3, ""),
            ("cr0", 1 << 40 | 1, "protection, bit 40"),
            ("cr0", 1 << 6, "bit 6"),
            (
                "cr4",
                1 << 63 | 1 << 24 | 1 << 13 | 1,
                "virtual 8086 extensions, bit 13, bit 24, bit 63",
            ),
            ("efer", 1 << 19, "bit 19"),
            ("clean_bits", 1 << 13, "bit 13"),
            ("allowed_sev_features", 1 << 63, "enabled"),
            (
                "allowed_sev_features",
                1 << 63 | 1 << 62 | 1,
                "enabled, secure nested paging, bit 62",
            ),
            ("allowed_sev_features", 1, "secure nested paging"),
            ("guest_sev_features", 1 << 63, "bit 63"),
            ("interrupt_shadow", 0b101, "shadow, bit 2"),
            ("nested_control", 1 << 8 | 1, "nested paging, bit 8"),
            (
                "virtualization_extensions",
                0xF0,
                "bit 4, bit 5, bit 6, bit 7",
            ),
            ("debug_control", 1 << 3, "bit 3"),
            ("return_predictor", 1 << 7, "bit 7"),
            ("virtual_interrupt", 1 << 10 | 8, "tpr 8, bit 10"),
            ("event_injection", 0x8000_1202, "NMI, bit 12"),
            ("exit_code", 0, "CR0_READ"),
            ("exit_code", 0x4D, "EXCP13 (#GP): error code 0x0"),
            ("exit_code", 0x49, "EXCP9"),
            (
                "exit_code",
                0x37,
                "DR7_WRITE: MOV with RAX, or a register that the processor does not tell",
            ),
        ] {
            assert_eq!(words(name, value), expected, "{name}");
        }
    }
}
