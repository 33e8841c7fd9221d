//! The fields of a page in words: what exits, why the guest exited, which bits are set.

use amd_svm::msr::{DebugControl, Efer};
use amd_svm::registers::{Cr0, Cr4};
use amd_svm::segment::SegmentAttributes;
use amd_svm::vmcb::{
    AvicPhysicalTable, CleanBits, Event, Exception, Exit, ExitCode, InterruptShadow, NestedControl,
    ReturnPredictor, SevFeatures, TlbControl, VirtualInterrupt, VirtualizationExtensions,
};

use super::{attributes, exit};
use crate::model::Page;

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
            Event::from(value).to_string()
        }
        "tlb_control" => TlbControl(u8::try_from(value).ok()?).to_string(),
        "return_predictor" => flags(&ReturnPredictor::from(u8::try_from(value).ok()?)),
        "virtual_interrupt" => flags(&VirtualInterrupt::from(value)),
        "interrupt_shadow" => flags(&InterruptShadow::from(value)),
        "nested_control" => flags(&NestedControl::from(value)),
        "virtualization_extensions" => flags(&VirtualizationExtensions::from(value)),
        "clean_bits" => flags(&CleanBits::from(u32::try_from(value).ok()?)),
        "allowed_sev_features" | "guest_sev_features" | "sev_features" => {
            flags(&SevFeatures::from(value))
        }
        "efer" => flags(&Efer::from(value)),
        "cr0" => flags(&Cr0::from(value)),
        "cr4" => flags(&Cr4::from(value)),
        "debug_control" => flags(&DebugControl::from(value)),
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
    let [Some(info_1), Some(info_2)] = infos.map(|name| page.field(name)) else {
        return code.to_string();
    };
    match exit::words(Exit::new(code, info_1, info_2)) {
        Some(words) => format!("{code}: {words}"),
        None => code.to_string(),
    }
}

/// The members of a register's type that are set, by their names, as the type lists them when it
/// is printed for debugging.
fn flags(register: &impl std::fmt::Debug) -> String {
    let printed = format!("{register:?}");
    let members = printed
        .split_once('{')
        .map_or("", |(_, members)| members.trim_end_matches([' ', '}']));
    let set = members.split(", ").filter_map(|member| {
        let (name, value) = member.trim().split_once(": ")?;
        let name = name.replace('_', " ");
        match value {
            "false" | "0" => None,
            "true" => Some(name),
            number => Some(format!("{name} {number}")),
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
        ] {
            assert_eq!(words(name, value), expected, "{name}");
        }
    }
}
