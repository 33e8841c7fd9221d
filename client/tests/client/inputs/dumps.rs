//! What KVM, Xen and QEMU print, as their sources have it, equal to the page that it was made from.

mod kvm;
mod qemu;
mod xen;

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
        let snapshot = read(&logged(&kvm::printed(&one), way));
        prop_assert_eq!(snapshot.processors.len(), 1);
        assert_same(vmcb(&snapshot, 0), &one, 100);
        prop_assert_eq!(Field::all().find(|field| field.name() == "lstar").unwrap()
            .of(snapshot.processors[0].result.as_ref().unwrap()), Some(number(&one, "lstar")));
        let both = logged(&[kvm::printed(&one), kvm::printed(&other)].concat(), way);
        let snapshot = read(&both);
        prop_assert_eq!(snapshot.processors.len(), 2);
        assert_same(vmcb(&snapshot, 0), &one, 100);
        assert_same(vmcb(&snapshot, 1), &other, 100);
    }

    #[test]
    fn what_was_cut_off_is_absent_and_not_another_value(one in page(), end in 60_usize..4000) {
        let text = logged(&kvm::printed(&one), 0);
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
        let snapshot = read(&xen::printed(&one));
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
        let text = qemu::printed(&one, 0) + &qemu::printed(&other, 1);
        let snapshot = read(&text);
        prop_assert_eq!(snapshot.processors.len(), 2);
        assert_same(vmcb(&snapshot, 0), &one, 45);
        assert_same(vmcb(&read(&qemu::printed(&one, 0)), 0), &one, 45);
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
    std::fs::write(&path, logged(&kvm::printed(&page), 0)).unwrap();
    let mut driver = Driver::with_processors(1);
    let ran = run(&["decode", "--vmrun", &path], &mut driver);
    assert_eq!((ran.exit, ran.stderr.as_str()), (6, ""), "{}", ran.stdout);
    for wanted in [
        "IOIO: OUT to port 0x3f8, 1 byte;",
        "processor 0: asid-zero: ",
        "processor 0: vmrun-not-intercepted: ",
    ] {
        let folded: Vec<_> = ran.stdout.split_whitespace().collect();
        let folded = folded.join(" ");
        assert!(folded.contains(wanted.trim()), "{wanted}\n{}", ran.stdout);
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
