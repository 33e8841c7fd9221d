use std::string::ToString as _;

use super::*;

fn exit(code: u64, info_1: u64, info_2: u64) -> Exit {
    let mut control = ControlArea::new();
    control.exit_code = ExitCode(code);
    control.exit_info_1 = info_1;
    control.exit_info_2 = info_2;
    control.exit()
}

#[test]
fn accesses_to_registers_have_both_numbers() {
    let access = RegisterAccess {
        register: 3,
        is_mov: true,
        general_register: 9,
    };
    assert_eq!(exit(0x13, 1 << 63 | 9, 0), Exit::CrWrite(access));
    assert_eq!(exit(0x03, 1 << 63 | 9, 0), Exit::CrRead(access));
    let access = RegisterAccess {
        register: 7,
        is_mov: false,
        general_register: 2,
    };
    assert_eq!(exit(0x37, 2, 0), Exit::DrWrite(access));
    assert_eq!(exit(0x27, 2, 0), Exit::DrRead(access));
    let trap = Exit::CrWriteTrap {
        register: 4,
        value: 0x20,
    };
    assert_eq!(exit(0x94, 0x20, 0), trap);
    assert_eq!(exit(0x7C, 0, 0), Exit::MsrRead);
    assert_eq!(exit(0x7C, 1, 0), Exit::MsrWrite);
}

#[test]
fn a_string_access_is_told_by_its_bits() {
    let Exit::Io { access, .. } = exit(0x7B, 0x0060_122D, 0) else {
        panic!("an access to a port");
    };
    assert!(access.is_in() && access.string() && access.repeated() && access.address_64());
    assert!(!access.address_32() && !access.address_16());
    assert_eq!(
        (access.port(), access.segment(), access.bytes()),
        (0x60, 4, 2)
    );
    let sizes = [0x10, 0x20, 0x40, 0].map(|bits| IoAccess::from_bits(bits).bytes());
    assert_eq!(sizes, [1, 2, 4, 0]);
}

#[test]
fn faults_have_their_codes_and_addresses() {
    let Exit::PageFault { code, address } = exit(0x4E, 0b10111, 0x1000) else {
        panic!("a page fault");
    };
    assert!(code.present() && code.write() && code.user() && code.instruction_fetch());
    assert_eq!(address, 0x1000);
    let Exit::NestedPageFault(fault) = exit(0x400, 1 << 32 | 0b100, 0xFEE0_0000) else {
        panic!("a nested page fault");
    };
    assert!(fault.code.final_address() && !fault.code.guest_page_table());
    assert_eq!(fault.address, 0xFEE0_0000);
    for (vector, error_code) in [(13, Some(0x10)), (6, None), (8, None), (10, None)] {
        let exception = Exception::new(vector).unwrap();
        let expected = Exit::Exception {
            exception,
            error_code,
        };
        assert_eq!(exit(0x40 + u64::from(vector), 0x10, 0), expected);
    }
}

#[test]
fn a_task_switch_has_its_selector_and_cause() {
    let switch = TaskSwitch {
        selector: 0x28,
        error_code: Some(5),
        by_iret: false,
        by_far_jump: true,
        resume_flag: true,
    };
    let info_2 = 1 << 48 | 1 << 44 | 1 << 38 | 5;
    assert_eq!(exit(0x7D, 0x28, info_2), Exit::TaskSwitch(switch));
    let Exit::TaskSwitch(switch) = exit(0x7D, 0x28, 1 << 36 | 5) else {
        panic!("a task switch");
    };
    assert!(switch.by_iret && switch.error_code.is_none());
}

#[test]
fn exits_of_the_virtual_interrupt_controller_have_their_words() {
    let Exit::AvicIncompleteIpi(ipi) = exit(0x401, 0x0300_0000_0000_40FE, 1 << 32 | 0x1FF) else {
        panic!("an interrupt that was not delivered");
    };
    assert_eq!((ipi.command_high, ipi.command_low), (0x0300_0000, 0x40FE));
    assert_eq!(
        (ipi.cause.to_string().as_str(), ipi.index),
        ("target not running", 0x1FF)
    );
    let Exit::AvicNoAcceleration(access) = exit(0x402, 1 << 32 | 0xB0, 0x51) else {
        panic!("an access that is not accelerated");
    };
    assert_eq!(
        (access.offset, access.write, access.vector),
        (0xB0, true, 0x51)
    );
}

#[test]
fn an_smi_tells_where_it_comes_from_and_what_it_interrupted() {
    let smi = |external, machine_check| {
        Exit::Smi(Smi {
            external,
            machine_check,
            access: None,
        })
    };
    assert_eq!(exit(0x62, 0, 7), smi(false, false));
    assert_eq!(exit(0x62, 0x03F8_0211, 7), smi(true, false));
    assert_eq!(exit(0x62, 2, 7), smi(false, true));
    let Exit::Smi(Smi {
        access: Some(access),
        ..
    }) = exit(0x62, 0x03F8_5A1F_0000_1000, 0x7C00)
    else {
        panic!("an SMI during an access");
    };
    assert!(access.io.is_in() && access.io.string() && access.io.repeated());
    assert!(access.io.address_64() && access.trap_flag);
    assert_eq!(
        (access.io.port(), access.io.bytes(), access.io.segment()),
        (0x3F8, 1, 4)
    );
    assert_eq!((access.breakpoints, access.rip), (5, 0x7C00));
}

#[test]
fn other_exits_keep_their_codes() {
    assert_eq!(exit(0x72, 7, 7), Exit::Other(ExitCode::CPUID));
    assert_eq!(
        exit(0x75, 0x80, 0),
        Exit::SoftwareInterrupt { vector: 0x80 }
    );
    assert_eq!(exit(0x79, 0x8000, 0), Exit::Invlpg { address: 0x8000 });
    let invpcid = Exit::Invpcid {
        kind: 2,
        descriptor: 0xFFFF_C900_0012_3F58,
    };
    assert_eq!(exit(0xA2, 0xFFFF_C900_0012_3F58, 2), invpcid);
    assert_eq!(exit(0x8F, 0x500, 0), Exit::EferWriteTrap { value: 0x500 });
    assert_eq!(exit(0x500, 0, 0), Exit::Other(ExitCode(0x500)));
    let refused = Exit::Other(ExitCode(0xFFFF_FFFF));
    assert_eq!(exit(0xFFFF_FFFF, 0, 0), refused);
}
