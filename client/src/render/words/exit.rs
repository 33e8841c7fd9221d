//! An exit's information in words.

use amd_svm::vmcb::{Exit, IoAccess, PageFaultCode, RegisterAccess, Smi};

/// Names of the general registers by their numbers.
const REGISTERS: [&str; 16] = [
    "RAX", "RCX", "RDX", "RBX", "RSP", "RBP", "RSI", "RDI", "R8", "R9", "R10", "R11", "R12", "R13",
    "R14", "R15",
];

/// What `EXITINFO1` and `EXITINFO2` say of an exit, if they say anything.
pub(super) fn words(exit: Exit) -> Option<String> {
    Some(match exit {
        Exit::CrRead(access) | Exit::CrWrite(access) if !access.is_mov => return None,
        Exit::CrRead(access) | Exit::CrWrite(access) => format!("MOV with {}", register(access)?),
        Exit::DrRead(access) | Exit::DrWrite(access) => debug_register(access)?,
        Exit::CrWriteTrap { value, .. } | Exit::EferWriteTrap { value } => {
            format!("the new value is {value:#x}")
        }
        Exit::PageFault { code, address } => format!("at {address:#x}, {}", fault(code)),
        Exit::Exception { error_code, .. } => format!("error code {:#x}", error_code?),
        Exit::Io { access, next_rip } => {
            format!("{}; the next instruction is at {next_rip:#x}", io(access))
        }
        Exit::MsrRead => "RDMSR, of the register whose number is in RCX".to_owned(),
        Exit::MsrWrite => "WRMSR, to the register whose number is in RCX".to_owned(),
        Exit::SoftwareInterrupt { vector } => format!("INT {vector:#x}"),
        Exit::Invlpg { address } => format!("of {address:#x}"),
        Exit::Invpcid { kind, descriptor } => {
            let of = match kind {
                0 => "an address of a context",
                1 => "a context",
                2 => "all contexts, with global translations",
                3 => "all contexts, without global translations",
                _ => "a reserved kind",
            };
            format!("type {kind:#x} ({of}), the descriptor is at {descriptor:#x}")
        }
        Exit::Smi(smi) => of_smi(smi),
        Exit::TaskSwitch(switch) => {
            let by = match (switch.by_iret, switch.by_far_jump) {
                (true, _) => " by IRET",
                (_, true) => " by a far jump",
                _ => "",
            };
            let code = switch
                .error_code
                .map_or(String::new(), |code| format!(", error code {code:#x}"));
            format!("to the task of {:#06x}{by}{code}", switch.selector)
        }
        Exit::NestedPageFault(one) => {
            format!(
                "guest physical address {:#x}, {}",
                one.address,
                fault(one.code)
            )
        }
        Exit::AvicIncompleteIpi(ipi) => format!(
            "{}: command {:#010x}:{:08x}, index {}",
            ipi.cause, ipi.command_high, ipi.command_low, ipi.index
        ),
        Exit::AvicNoAcceleration(access) => format!(
            "{} of register {:#x}, vector {:#x}",
            if access.write { "write" } else { "read" },
            access.offset,
            access.vector
        ),
        _ => return None,
    })
}

fn register(access: RegisterAccess) -> Option<&'static str> {
    REGISTERS.get(usize::from(access.general_register)).copied()
}

/// Nothing but MOV accesses a debug register, and no bit says so: without decode assists the register's
/// number is 0.
///
/// Source: APM volume 2, sections 15.8.1 and 15.8.2.
fn debug_register(access: RegisterAccess) -> Option<String> {
    let name = register(access)?;
    Some(if access.general_register == 0 {
        format!("MOV with {name}, or a register that the processor does not tell")
    } else {
        format!("MOV with {name}")
    })
}

fn of_smi(smi: Smi) -> String {
    let source = if smi.external { "external" } else { "internal" };
    let check = if smi.machine_check {
        ", for a machine check"
    } else {
        ""
    };
    let access = smi.access.map_or(String::new(), |access| {
        format!("; during {}, at {:#x}", io(access.io), access.rip)
    });
    format!("{source}{check}{access}")
}

fn io(access: IoAccess) -> String {
    let direction = if access.is_in() { "IN from" } else { "OUT to" };
    let string = match (access.string(), access.repeated()) {
        (true, true) => ", a repeated string",
        (true, false) => ", a string",
        _ => "",
    };
    let unit = if access.bytes() == 1 { "byte" } else { "bytes" };
    format!(
        "{direction} port {:#x}, {} {unit}{string}",
        access.port(),
        access.bytes()
    )
}

fn fault(code: PageFaultCode) -> String {
    let access = match (code.instruction_fetch(), code.write()) {
        (true, _) => "a fetch",
        (_, true) => "a write",
        _ => "a read",
    };
    let of = if code.user() {
        "a user"
    } else {
        "the supervisor"
    };
    let mut words = vec![format!("{access} by {of}")];
    let reasons = [
        (!code.present(), "not present"),
        (code.present(), "not permitted"),
        (code.reserved_bit(), "a reserved bit is set"),
        (code.protection_key(), "by a protection key"),
        (code.shadow_stack(), "a shadow stack"),
        (code.reverse_map(), "by the reverse map"),
        (code.final_address(), "of the final address"),
        (code.guest_page_table(), "of the guest's page tables"),
        (code.encrypted(), "of a private page"),
        (code.size_mismatch(), "of another size"),
        (
            code.privilege_level(),
            "by the virtual machine's privilege level",
        ),
        (code.supervisor_shadow_stack(), "no supervisor shadow stack"),
    ];
    let met = reasons.into_iter().filter(|(is_met, _)| *is_met);
    words.extend(met.map(|(_, reason)| reason.to_owned()));
    words.join(", ")
}

#[cfg(test)]
mod tests {
    use amd_svm::vmcb::ExitCode;

    use super::*;

    #[test]
    fn exits_are_told_in_words() {
        let told = |code, info_1, info_2| {
            words(Exit::new(ExitCode(code), info_1, info_2)).unwrap_or_default()
        };
        assert_eq!(
            told(0x7B, 0x03F8_0010, 0x1002),
            "OUT to port 0x3f8, 1 byte; the next instruction is at 0x1002"
        );
        assert_eq!(
            told(0x7C, 1, 0),
            "WRMSR, to the register whose number is in RCX"
        );
        assert_eq!(
            told(0x4E, 2, 0x5000),
            "at 0x5000, a write by the supervisor, not present"
        );
        assert_eq!(
            told(0x400, 0x1_0000_0014, 0xFEE0_0000),
            "guest physical address 0xfee00000, a fetch by a user, not present, of the final address"
        );
        assert_eq!(told(0x10, 1 << 63 | 3, 0), "MOV with RBX");
        assert_eq!(told(0x10, 3, 0), "");
        assert_eq!(told(0x27, 3, 0), "MOV with RBX");
        assert_eq!(told(0x4D, 0x10, 0), "error code 0x10");
        assert_eq!(told(0x72, 0, 0), "");
        assert_eq!(
            told(0xA2, 0xFFFF_C900_0012_3F58, 2),
            "type 0x2 (all contexts, with global translations), the descriptor is at 0xffffc90000123f58"
        );
        assert_eq!(told(0x62, 0x03F8_0211, 0), "external");
        assert_eq!(
            told(0x62, 0x00B2_0012_0000_0002, 0x7C00),
            "internal, for a machine check; during OUT to port 0xb2, 1 byte, at 0x7c00"
        );
    }
}
