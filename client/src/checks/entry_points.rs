//! Where system calls enter, with which selectors and flags.

use amd_svm::descriptor::Selector;

use super::{Finding, FindingId, Kernel, Machine, finding_of, is_canonical, unfit, unfit_captures};
use crate::model::{Field, KernelModule, kernel_module};

/// TF and IF of RFLAGS.
const FLAGS_TO_CLEAR: u64 = 0x300;

/// DF, which Windows names, and older NetBSD does not.
const DIRECTION: u64 = 0x400;

/// What the headers of an image take: it is laid out in pages, and the first section begins behind
/// them.
const HEADERS: u64 = 0x1000;

/// Bits of the addresses that kernels load their image at, with four levels of page tables or five.
const IMAGE_ADDRESS_BITS: u32 = 48;

/// The selectors of Windows' kernel and of its programs' 32-bit code (`KGDT64_R0_CODE`,
/// `KGDT64_R3_CMCODE`).
const WINDOWS_SELECTORS: [u16; 2] = [0x10, 0x23];

pub(super) fn check(machine: &Machine, findings: &mut Vec<Finding>) {
    for (id, field, may_be_unset) in [
        (FindingId::LstarOutsideKernel, Field::Lstar, false),
        // Linux writes it by the vendor that CPUID tells, which a hypervisor may choose.
        (
            FindingId::CstarOutsideKernel,
            Field::Cstar,
            !machine.is_windows(),
        ),
        (FindingId::SysenterOutsideKernel, Field::SysenterEip, true),
    ] {
        let is_fit = |address| may_be_unset && address == 0 || is_in_kernel(machine, address);
        findings.extend(unfit(machine, id, field, is_fit, |place| {
            format!(
                "{} does not point into the kernel's image on {place}",
                field.heading()
            )
        }));
    }
    if let Kernel::Known(kernel) | Kernel::InDoubt(kernel) = machine.kernel {
        for field in [Field::Lstar, Field::Cstar, Field::SysenterEip] {
            findings.extend(in_headers(machine, field, kernel));
        }
    }
    findings.extend(unfit_captures(
        machine,
        FindingId::SysenterIncomplete,
        &[Field::SysenterCs, Field::SysenterEip],
        |subject| {
            let registers = &subject.capture.vmsave.system_call;
            // The processor looks at 16 bits.
            let selects = registers.sysenter_cs & 0xFFFC != 0;
            selects && subject.value(Field::SysenterEip) == Some(0)
        },
        |place| format!("SYSENTER_CS is set and SYSENTER_EIP is 0 on {place}"),
    ));
    findings.extend(unfit_captures(
        machine,
        FindingId::StarInvalid,
        &[Field::Star],
        |subject| {
            let star = subject.capture.vmsave.system_call.star;
            !are_selectors(star, subject.class.is_windows())
        },
        |place| format!("STAR holds selectors that cannot be used on {place}"),
    ));
    let (to_clear, names) = if machine.is_windows() {
        (FLAGS_TO_CLEAR | DIRECTION, "IF, TF or DF")
    } else {
        (FLAGS_TO_CLEAR, "IF or TF")
    };
    findings.extend(unfit(
        machine,
        FindingId::SfmaskWeak,
        Field::Sfmask,
        |flags| flags & to_clear == to_clear,
        |place| format!("SFMASK lets the caller choose {names} on {place}"),
    ));
}

/// Whether the address lies in the kernel's image, as far as the snapshot can tell. No kernel has an
/// entry point in the programs' half of the address space, whatever its modules say.
fn is_in_kernel(machine: &Machine, address: u64) -> bool {
    let modules = &machine.snapshot.modules;
    let is_in_image = match machine.kernel {
        Kernel::Known(kernel) | Kernel::InDoubt(kernel) => {
            kernel.contains(address)
                && kernel_module::at(modules, address).is_some_and(|one| one.base == kernel.base)
        }
        Kernel::NoList | Kernel::Unnamed => true,
    };
    is_in_image && address >> 63 == 1 && is_canonical(address, IMAGE_ADDRESS_BITS)
}

fn in_headers(machine: &Machine, field: Field, kernel: &KernelModule) -> Option<Finding> {
    let id = FindingId::EntryInHeaders;
    let mut values = machine.values(id, field);
    values.retain(|(address, _)| {
        kernel.contains(*address) && address - kernel.base < HEADERS.min(kernel.size.into())
    });
    finding_of(machine, id, field, values, |place| {
        format!(
            "{} points into the headers of the kernel's image on {place}",
            field.heading()
        )
    })
}

/// Whether SYSCALL and SYSRET could use the selectors, and whether they are those of Windows.
fn are_selectors(star: u64, is_windows: bool) -> bool {
    let [.., kernel_low, kernel_high, user_low, user_high] = star.to_le_bytes();
    let kernel = u16::from_le_bytes([kernel_low, kernel_high]);
    let user = u16::from_le_bytes([user_low, user_high]);
    if is_windows {
        return [kernel, user] == WINDOWS_SELECTORS;
    }
    let level = |selector: u16| selector & 0b11;
    // NetBSD's programs select from the local table.
    let is_user = !Selector(user).is_null() && level(user) == 3;
    Selector(kernel).global_offset().is_some() && level(kernel) == 0 && is_user
}
