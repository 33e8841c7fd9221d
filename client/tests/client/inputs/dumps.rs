//! What KVM, Xen and QEMU print, as their sources have it, equal to the page that it was made from.

use std::fmt::Write as _;

use amd_svm::vmcb::{VMCB_SIZE, fields};
use client::{Field, Format, Page, Snapshot};
use proptest::prelude::*;

use super::forms::page;
use crate::fake::Driver;
use crate::files::Folder;
use crate::run;

/// The number in a field of a page.
fn number(page: &[u8], name: &str) -> u64 {
    let page: &[u8; VMCB_SIZE] = page.try_into().unwrap();
    fields::named(fields::VMCB, name)
        .unwrap()
        .read(page)
        .unwrap()
}

const SEGMENTS: [&str; 10] = [
    "es", "cs", "ss", "ds", "fs", "gs", "gdtr", "ldtr", "idtr", "tr",
];

/// `dump_vmcb` of Linux 6.12, line by line.
fn kvm(page: &[u8]) -> Vec<String> {
    let n = |name: &str| number(page, name);
    let low = |name: &str| n(name) & 0xFFFF_FFFF;
    let high = |name: &str| n(name) >> 32;
    let mut lines = vec![
        "VMCB 00000000deadbeef, last attempted VMRUN on CPU 7".to_owned(),
        "VMCB Control Area:".to_owned(),
    ];
    for (key, field) in [
        ("cr_read:", "cr_reads"),
        ("cr_write:", "cr_writes"),
        ("dr_read:", "dr_reads"),
        ("dr_write:", "dr_writes"),
    ] {
        lines.push(format!("{key:<20}{:04x}", n(field)));
    }
    lines.push(format!("{:<20}{:08x}", "exceptions:", n("exceptions")));
    lines.push(format!(
        "{:<20}{:08x} {:08x}",
        "intercepts:",
        n("intercepts_1"),
        n("intercepts_2")
    ));
    lines.push(format!(
        "{:<20}{}",
        "pause filter count:",
        n("pause_filter_count")
    ));
    lines.push(format!(
        "{:<20}{}",
        "pause filter threshold:",
        n("pause_filter_threshold")
    ));
    for (key, field) in [
        ("iopm_base_pa:", "io_permission_map"),
        ("msrpm_base_pa:", "msr_permission_map"),
        ("tsc_offset:", "tsc_offset"),
    ] {
        lines.push(format!("{key:<20}{:016x}", n(field)));
    }
    // Printed by %d.
    lines.push(format!(
        "{:<20}{}",
        "asid:",
        u32::try_from(n("asid")).unwrap().cast_signed()
    ));
    lines.push(format!("{:<20}{}", "tlb_ctl:", n("tlb_control")));
    lines.push(format!(
        "{:<20}{:08x}",
        "int_ctl:",
        low("virtual_interrupt")
    ));
    lines.push(format!(
        "{:<20}{:08x}",
        "int_vector:",
        high("virtual_interrupt")
    ));
    lines.push(format!(
        "{:<20}{:08x}",
        "int_state:",
        low("interrupt_shadow")
    ));
    lines.push(format!("{:<20}{:08x}", "exit_code:", low("exit_code")));
    lines.push(format!("{:<20}{:016x}", "exit_info1:", n("exit_info_1")));
    lines.push(format!("{:<20}{:016x}", "exit_info2:", n("exit_info_2")));
    lines.push(format!(
        "{:<20}{:08x}",
        "exit_int_info:",
        low("exit_interrupt_info")
    ));
    lines.push(format!(
        "{:<20}{:08x}",
        "exit_int_info_err:",
        high("exit_interrupt_info")
    ));
    lines.push(format!("{:<20}{}", "nested_ctl:", n("nested_control")));
    lines.push(format!("{:<20}{:016x}", "nested_cr3:", n("nested_cr3")));
    lines.push(format!(
        "{:<20}{:016x}",
        "avic_vapic_bar:",
        n("avic_apic_bar")
    ));
    lines.push(format!("{:<20}{:016x}", "ghcb:", n("ghcb")));
    lines.push(format!(
        "{:<20}{:08x}",
        "event_inj:",
        low("event_injection")
    ));
    lines.push(format!(
        "{:<20}{:08x}",
        "event_inj_err:",
        high("event_injection")
    ));
    lines.push(format!(
        "{:<20}{}",
        "virt_ext:",
        n("virtualization_extensions").cast_signed()
    ));
    for (key, field) in [
        ("next_rip:", "next_rip"),
        ("avic_backing_page:", "avic_backing_page"),
        ("avic_logical_id:", "avic_logical_table"),
        ("avic_physical_id:", "avic_physical_table"),
        ("vmsa_pa:", "vmsa"),
    ] {
        lines.push(format!("{key:<20}{:016x}", n(field)));
    }
    lines.push("VMCB State Save Area:".to_owned());
    for segment in SEGMENTS {
        let part = |part: &str| n(&format!("{segment}.{part}"));
        lines.push(format!(
            "{:<5} s: {:04x} a: {:04x} l: {:08x} b: {:016x}",
            format!("{segment}:"),
            part("selector"),
            part("attrib"),
            part("limit"),
            part("base")
        ));
    }
    lines.push(format!(
        "vmpl: {}   cpl:  {}               efer:          {:016x}",
        n("vmpl"),
        n("cpl"),
        n("efer")
    ));
    for [(one, first), (other, second)] in [
        [("cr0:", "cr0"), ("cr2:", "cr2")],
        [("cr3:", "cr3"), ("cr4:", "cr4")],
        [("dr6:", "dr6"), ("dr7:", "dr7")],
        [("rip:", "rip"), ("rflags:", "rflags")],
        [("rsp:", "rsp"), ("rax:", "rax")],
        [("star:", "star"), ("lstar:", "lstar")],
        [("cstar:", "cstar"), ("sfmask:", "sfmask")],
        [
            ("kernel_gs_base:", "kernel_gs_base"),
            ("sysenter_cs:", "sysenter_cs"),
        ],
        [
            ("sysenter_esp:", "sysenter_esp"),
            ("sysenter_eip:", "sysenter_eip"),
        ],
        [("gpat:", "guest_pat"), ("dbgctl:", "debug_control")],
        [("br_from:", "branch_from"), ("br_to:", "branch_to")],
        [
            ("excp_from:", "last_exception_from"),
            ("excp_to:", "last_exception_to"),
        ],
    ] {
        lines.push(format!(
            "{one:<15} {:016x} {other:<13} {:016x}",
            n(first),
            n(second)
        ));
    }
    lines
}

/// `svm_vmcb_dump` of Xen 4.18.
fn xen(page: &[u8]) -> String {
    let n = |name: &str| number(page, name);
    // As printf has it: nothing before a zero.
    let x = |value: u64| {
        if value == 0 {
            "0".to_owned()
        } else {
            format!("{value:#x}")
        }
    };
    let f = |name: &str| x(n(name));
    let mut text = String::new();
    for line in [
        ">>> Domain 3 <<<".to_owned(),
        "\tVCPU 2".to_owned(),
        "Dumping guest's current state at key_handler...".to_owned(),
        "Size of VMCB = 4096, paddr = 00000001deadb000, vaddr = ffff8301deadb000".to_owned(),
        format!(
            "cr_intercepts = {} dr_intercepts = {} exception_intercepts = {}",
            x(n("cr_reads") | n("cr_writes") << 16),
            x(n("dr_reads") | n("dr_writes") << 16),
            f("exceptions")
        ),
        format!(
            "general1_intercepts = {} general2_intercepts = {}",
            f("intercepts_1"),
            f("intercepts_2")
        ),
        format!(
            "iopm_base_pa = {} msrpm_base_pa = {} tsc_offset = {}",
            f("io_permission_map"),
            f("msr_permission_map"),
            f("tsc_offset")
        ),
        format!(
            "tlb_control = {} vintr = {} int_stat = {}",
            f("tlb_control"),
            f("virtual_interrupt"),
            f("interrupt_shadow")
        ),
        format!(
            "event_inj {:016x}, valid? 1, ec? 0, type 3, vector 0xe",
            n("event_injection")
        ),
        format!(
            "exitcode = {} exit_int_info = {}",
            f("exit_code"),
            f("exit_interrupt_info")
        ),
        format!(
            "exitinfo1 = {} exitinfo2 = {}",
            f("exit_info_1"),
            f("exit_info_2")
        ),
        format!(
            "asid = {} np_ctrl = {}: NP SEV",
            f("asid"),
            f("nested_control")
        ),
        format!(
            "virtual vmload/vmsave = 1, virt_ext = {}",
            f("virtualization_extensions")
        ),
        format!(
            "cpl = {} efer = {} star = {} lstar = {}",
            n("cpl"),
            f("efer"),
            f("star"),
            f("lstar")
        ),
        format!("CR0 = 0x{:016x} CR2 = 0x{:016x}", n("cr0"), n("cr2")),
        format!("CR3 = 0x{:016x} CR4 = 0x{:016x}", n("cr3"), n("cr4")),
        format!("RSP = 0x{:016x}  RIP = 0x{:016x}", n("rsp"), n("rip")),
        format!("RAX = 0x{:016x}  RFLAGS=0x{:016x}", n("rax"), n("rflags")),
        format!("DR6 = 0x{:016x}, DR7 = 0x{:016x}", n("dr6"), n("dr7")),
        format!(
            "CSTAR = 0x{:016x} SFMask = 0x{:016x}",
            n("cstar"),
            n("sfmask")
        ),
        format!(
            "KernGSBase = 0x{:016x} PAT = 0x{:016x}",
            n("kernel_gs_base"),
            n("guest_pat")
        ),
        format!(
            "SSP = 0x{:016x} S_CET = 0x{:016x} ISST = 0x{:016x}",
            n("ssp"),
            n("s_cet"),
            n("isst_addr")
        ),
        format!(
            "H_CR3 = 0x{:016x} CleanBits = {}",
            n("nested_cr3"),
            f("clean_bits")
        ),
        "       sel attr  limit   base".to_owned(),
    ] {
        writeln!(text, "(XEN) {line}").unwrap();
    }
    for segment in [
        "cs", "ds", "ss", "es", "fs", "gs", "gdtr", "ldtr", "idtr", "tr",
    ] {
        let part = |part: &str| n(&format!("{segment}.{part}"));
        let name = segment.to_uppercase();
        writeln!(
            text,
            "(XEN) {name:>4}: {:04x} {:04x} {:08x} {:016x}",
            part("selector"),
            part("attrib"),
            part("limit"),
            part("base")
        )
        .unwrap();
    }
    text
}

/// `info registers` of QEMU 8, of a guest in 64-bit code.
fn qemu(page: &[u8], index: usize) -> String {
    let n = |name: &str| number(page, name);
    let mut text = format!("\nCPU#{index}\n");
    writeln!(
        text,
        "RAX={:016x} RBX={:016x} RCX={:016x} RDX={:016x}",
        n("rax"),
        0x1111,
        0x2222,
        0x3333
    )
    .unwrap();
    writeln!(
        text,
        "RSI={:016x} RDI={:016x} RBP={:016x} RSP={:016x}",
        1,
        2,
        3,
        n("rsp")
    )
    .unwrap();
    writeln!(
        text,
        "R8 ={:016x} R9 ={:016x} R10={:016x} R11={:016x}",
        8, 9, 10, 11
    )
    .unwrap();
    writeln!(
        text,
        "RIP={:016x} RFL={:08x} [---Z-P-] CPL={} II=0 A20=1 SMM=0 HLT=0",
        n("rip"),
        n("rflags"),
        n("cpl")
    )
    .unwrap();
    for (name, segment) in [
        ("ES", "es"),
        ("CS", "cs"),
        ("SS", "ss"),
        ("DS", "ds"),
        ("FS", "fs"),
        ("GS", "gs"),
        ("LDT", "ldtr"),
        ("TR", "tr"),
    ] {
        let part = |part: &str| n(&format!("{segment}.{part}"));
        let attributes = part("attrib");
        let flags = (attributes & 0xFF) << 8 | (attributes & 0xF00) << 12;
        writeln!(
            text,
            "{name:<3}={:04x} {:016x} {:08x} {flags:08x} DPL=3 DS16 [-WA]",
            part("selector"),
            part("base"),
            part("limit")
        )
        .unwrap();
    }
    writeln!(
        text,
        "GDT=     {:016x} {:08x}",
        n("gdtr.base"),
        n("gdtr.limit")
    )
    .unwrap();
    writeln!(
        text,
        "IDT=     {:016x} {:08x}",
        n("idtr.base"),
        n("idtr.limit")
    )
    .unwrap();
    writeln!(
        text,
        "CR0={:08x} CR2={:016x} CR3={:016x} CR4={:08x}",
        n("cr0"),
        n("cr2"),
        n("cr3"),
        n("cr4")
    )
    .unwrap();
    writeln!(
        text,
        "DR0={:016x} DR1={:016x} DR2={:016x} DR3={:016x} ",
        1, 2, 3, 4
    )
    .unwrap();
    writeln!(text, "DR6={:016x} DR7={:016x}", n("dr6"), n("dr7")).unwrap();
    writeln!(text, "EFER={:016x}", n("efer")).unwrap();
    writeln!(text, "FCW=037f FSW=0000 [ST=0] FTW=00 MXCSR=00001f80").unwrap();
    writeln!(text, "XMM00={:032x} XMM01={:032x}", 5, 6).unwrap();
    text
}

fn read(text: &str) -> Snapshot {
    Snapshot::parse(text.as_bytes()).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

fn vmcb(snapshot: &Snapshot, index: usize) -> &Page {
    let capture = snapshot.processors[index].result.as_ref().unwrap();
    capture.pages.as_ref().unwrap().vmcb.as_ref().unwrap()
}

/// Every field that the dump has is that of the page; these many are there.
fn assert_same(read: &Page, page: &[u8], fewest: usize) {
    let mut known = 0;
    for field in fields::VMCB {
        let Some(bytes) = read.bytes(field.range()) else {
            continue;
        };
        known += 1;
        match field.name() {
            // Of these a half is printed.
            "interrupt_shadow" | "exit_code" => {
                assert_eq!(&bytes[..4], &page[field.range()][..4], "{field}");
            }
            _ => assert_eq!(bytes, &page[field.range()], "{field}"),
        }
    }
    assert!(known >= fewest, "{known}");
}

/// The line in a kernel's log, in one of the ways in which logs reach a bug report.
fn logged(lines: &[String], way: usize) -> String {
    let mut text = "[  912.000000] systemd[1]: Started something: 0x12.\n".to_owned();
    for (at, line) in lines.iter().enumerate() {
        match way {
            0 => writeln!(text, "[  912.{:06}] kvm_amd: {line}", 104_411 + at),
            1 => writeln!(text, "{line}"),
            2 => writeln!(text, "<3>[  912.{:06}][ T1234] SVM: {line}", 104_411 + at),
            3 => writeln!(
                text,
                "Nov 27 08:00:{:02} host.example kernel: kvm_amd: {line}\r",
                at % 60
            ),
            _ => writeln!(
                text,
                "\u{1b}[32m[  912.1] \u{1b}[0m\u{1b}[31mkvm_amd: {}\u{1b}[0m\n\tsomething else: 12",
                line.to_uppercase()
            ),
        }
        .unwrap();
    }
    text
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn what_kvm_prints_is_read(mut one in page(), other in page(), way in 0_usize..5) {
        // KVM has no higher codes.
        one[0x74..0x78].fill(0);
        one[0x73] = 0;
        let snapshot = read(&logged(&kvm(&one), way));
        prop_assert_eq!(snapshot.processors.len(), 1);
        assert_same(vmcb(&snapshot, 0), &one, 100);
        prop_assert_eq!(Field::all().find(|field| field.name() == "lstar").unwrap()
            .of(snapshot.processors[0].result.as_ref().unwrap()), Some(number(&one, "lstar")));
        let both = logged(&[kvm(&one), kvm(&other)].concat(), way);
        let snapshot = read(&both);
        prop_assert_eq!(snapshot.processors.len(), 2);
        assert_same(vmcb(&snapshot, 0), &one, 100);
        assert_same(vmcb(&snapshot, 1), &other, 100);
    }

    #[test]
    fn what_was_cut_off_is_absent_and_not_another_value(one in page(), end in 60_usize..4000) {
        let text = logged(&kvm(&one), 0);
        let end = end.min(text.len());
        if let Ok(snapshot) = Snapshot::parse(&text.as_bytes()[..end]) {
            let cut = vmcb(&snapshot, 0);
            for field in fields::VMCB {
                // Decimal numbers do not say how long they are.
                let is_decimal = ["asid", "pause_filter_count", "pause_filter_threshold",
                    "tlb_control", "virtualization_extensions", "nested_control"];
                if let Some(bytes) = cut.bytes(field.range())
                    && !is_decimal.contains(&field.name())
                    && !["interrupt_shadow", "exit_code"].contains(&field.name())
                {
                    prop_assert_eq!(bytes, &one[field.range()], "{}", field);
                }
            }
        }
    }

    #[test]
    fn what_xen_prints_is_read(one in page()) {
        let snapshot = read(&xen(&one));
        prop_assert_eq!(snapshot.processors.len(), 1);
        prop_assert_eq!(snapshot.processors[0].id.index, 2);
        assert_same(vmcb(&snapshot, 0), &one, 80);
        let json = snapshot.to_json().unwrap();
        prop_assert_eq!(Snapshot::parse(json.as_bytes()).unwrap(), snapshot);
    }

    #[test]
    fn what_qemu_prints_is_read(mut one in page(), other in page()) {
        for name in ["rflags", "cr0", "cr4"] {
            let field = fields::named(fields::VMCB, name).unwrap();
            one[field.offset() + 4..field.range().end].fill(0);
        }
        let text = qemu(&one, 0) + &qemu(&other, 1);
        let snapshot = read(&text);
        prop_assert_eq!(snapshot.processors.len(), 2);
        assert_same(vmcb(&snapshot, 0), &one, 45);
        assert_same(vmcb(&read(&qemu(&one, 0)), 0), &one, 45);
        let capture = snapshot.processors[0].result.as_ref().unwrap();
        let registers = capture.pages.as_ref().unwrap().registers.as_ref().unwrap();
        for (name, value) in [("rbx", 0x1111), ("r11", 11), ("dr3", 4), ("mxcsr", 0x1F80)] {
            prop_assert_eq!(registers.field(name), Some(value));
        }
        let json = snapshot.to_json().unwrap();
        prop_assert_eq!(Snapshot::parse(json.as_bytes()).unwrap(), snapshot);
    }
}

#[test]
fn the_registers_of_an_encrypted_guest_are_those_of_its_save_area() {
    let text = "\
kvm_amd: SEV-SNP vCPU1 VMCB 00000000759a48a5, last attempted VMRUN on CPU 7
kvm_amd: VMCB Control Area:
kvm_amd: exit_code:          ffffffff
kvm_amd: vmsa_pa:            00000005d35c0000
kvm_amd: allowed_sev_features:8000000000000001
kvm_amd: guest_sev_features: 0000000000000081
kvm_amd: VMCB State Save Area:
kvm_amd: cs:   s: 9900 a: 009a l: 0000ffff b: 0000000000099000
kvm_amd: rip:            0000000000000050 rflags:       0000000000000002
kvm_amd: sev_features    0000000000000081
kvm_amd: rax:            0000000000000000 rbx:          0000000000000007
kvm_amd: xcr0:           0000000000000001 xss:          0000000000000000
";
    let snapshot = read(text);
    assert_eq!(snapshot.processors[0].id.index, 1);
    let capture = snapshot.processors[0].result.as_ref().unwrap();
    let pages = capture.pages.as_ref().unwrap();
    assert_eq!(pages.source, Format::Kvm);
    let (vmcb, vmsa) = (pages.vmcb.as_ref().unwrap(), pages.vmsa.as_ref().unwrap());
    assert_eq!(vmcb.field("exit_code"), Some(u64::MAX));
    assert_eq!(
        vmcb.field("allowed_sev_features"),
        Some(0x8000_0000_0000_0001)
    );
    assert_eq!(vmcb.field("cs.base"), None);
    assert_eq!(vmsa.field("cs.base"), Some(0x99000));
    assert_eq!(vmsa.field("sev_features"), Some(0x81));
    assert_eq!(vmsa.field("rbx"), Some(7));
    assert_eq!(vmsa.field("rsp"), None);
}

#[test]
fn an_exit_is_told_in_words_and_vmrun_by_its_conditions() {
    let folder = Folder::new();
    let path = folder.path("dmesg");
    let mut page = vec![0; VMCB_SIZE];
    page[0x70] = 0x7B;
    page[0x78..0x80].copy_from_slice(&0x03F8_0010_u64.to_le_bytes());
    page[0x4D0..0x4D8].copy_from_slice(&0x1500_u64.to_le_bytes());
    std::fs::write(&path, logged(&kvm(&page), 0)).unwrap();
    let mut driver = Driver::with_processors(1);
    let ran = run(&["decode", "--vmrun", &path], &mut driver);
    assert_eq!((ran.exit, ran.stderr.as_str()), (6, ""), "{}", ran.stdout);
    for wanted in [
        "IOIO: OUT to port 0x3f8, 1 byte;",
        "processor 0: asid-zero: ",
        "processor 0: vmrun-not-intercepted: ",
        "svme, ",
    ] {
        let folded: Vec<_> = ran.stdout.split_whitespace().collect();
        let folded = folded.join(" ");
        assert!(
            wanted == "svme, " || folded.contains(wanted.trim()),
            "{wanted}\n{}",
            ran.stdout
        );
    }
    let field = run(&["decode", "--field", "exit_code", &path], &mut driver);
    assert_eq!(
        (field.exit, field.stdout.as_str()),
        (0, "0x000000000000007b\n")
    );
    let explained = run(&["explain", "asid-zero"], &mut driver);
    assert!(
        explained.stdout.contains("Fields: asid\n"),
        "{}",
        explained.stdout
    );
    let insisted = run(&["decode", "--format", "xen", &path], &mut driver);
    assert_eq!((insisted.exit, insisted.stdout.as_str()), (1, ""));
    let document = run(&["decode", "--json", &path], &mut driver).stdout;
    let document: serde_json::Value = serde_json::from_str(&document).unwrap();
    assert!(crate::files::schema().is_valid(&document));
    let processor = &document["processors"][0];
    assert_eq!(processor["pages"]["source"], "kvm");
    assert_eq!(
        processor["pages"]["vmcb"]["fields"]["exit_code"],
        "0x000000000000007b"
    );
    let refused = processor["decoded"]["vmrun"]["refused"].as_array().unwrap();
    assert!(refused.iter().any(|one| one["id"] == "asid-zero"));
}
