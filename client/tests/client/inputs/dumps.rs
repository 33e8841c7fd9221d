//! What KVM, Xen and QEMU print, as their sources have it, equal to the page that it was made from.

use amd_svm::vmcb::{VMCB_SIZE, fields};
use client::{Extent, Field, FindingId, Format, Page, Reason, Snapshot};
use proptest::collection::vec;
use proptest::prelude::*;
use svm_dumps::kvm::{self, WAYS, logged};
use svm_dumps::{number, qemu, xen};

use super::forms::{guest, page};
use crate::fake::Driver;
use crate::files::Folder;
use crate::run;

fn read(text: &str) -> Snapshot {
    Snapshot::parse(text.as_bytes()).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

fn vmcb(snapshot: &Snapshot, index: usize) -> &Page {
    let capture = snapshot.processors[index].result.as_ref().unwrap();
    capture.pages.as_ref().unwrap().vmcb.as_ref().unwrap()
}

/// Every field that the dump has is that of the page; these many are there.
fn assert_same(read: &Page, page: &[u8], fewest: usize) {
    let known: Vec<_> = fields::VMCB
        .iter()
        .filter_map(|field| Some((field, read.bytes(field.range())?)))
        .collect();
    for (field, bytes) in &known {
        assert_eq!(*bytes, &page[field.range()], "{field}");
    }
    assert!(known.len() >= fewest, "{}", known.len());
}

/// Each processor is that of one of the pages, as far as it was read.
fn assert_of(snapshot: &Snapshot, pages: &[&[u8]]) {
    for index in 0..snapshot.processors.len() {
        let vmcb = vmcb(snapshot, index);
        let is_of = |page: &&&[u8]| {
            let mut fields = fields::VMCB.iter();
            fields.all(|field| {
                let bytes = vmcb.bytes(field.range());
                bytes.is_none_or(|bytes| bytes == &page[field.range()])
            })
        };
        assert!(pages.iter().any(|page| is_of(&page)), "{index}: {vmcb:?}");
    }
}

/// A page that KVM can print.
fn printable() -> impl Strategy<Value = Vec<u8>> {
    page().prop_map(|mut page| {
        kvm::shown(&mut page);
        page
    })
}

/// What each tool prints of a page, with the tool.
pub(super) fn printed(page: &[u8]) -> [(&'static str, String); 3] {
    [
        ("kvm", logged(&kvm::printed(page), 0)),
        ("xen", xen::printed(page)),
        ("qemu", qemu::printed(page, 0)),
    ]
}

/// The lines of two dumps, each in its order: whose turn it is says a list, over and over.
fn mixed(one: &[String], other: &[String], turns: &[bool]) -> Vec<(bool, String)> {
    let mut rest = [one, other];
    let mut lines = Vec::new();
    for turn in turns.iter().cycle() {
        if let [[], []] = rest {
            break;
        }
        let lane = &mut rest[usize::from(*turn)];
        if let Some((line, behind)) = lane.split_first() {
            lines.push((*turn, line.clone()));
            *lane = behind;
        }
    }
    lines
}

/// A page that QEMU can print.
fn qemu_page(mut page: Vec<u8>) -> Vec<u8> {
    qemu::shown(&mut page);
    page
}

fn vmsa_range(name: &str) -> std::ops::Range<usize> {
    fields::named(fields::VMSA, name).unwrap().range()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn what_kvm_prints_is_read(one in printable(), other in printable(), way in 0..WAYS) {
        let snapshot = read(&logged(&kvm::printed(&one), way));
        prop_assert_eq!(snapshot.processors.len(), 1);
        assert_same(vmcb(&snapshot, 0), &one, 98);
        prop_assert_eq!(Field::all().find(|field| field.name() == "lstar").unwrap()
            .of(snapshot.processors[0].result.as_ref().unwrap()), Some(number(&one, "lstar")));
        let both = logged(&[kvm::printed(&one), kvm::printed(&other)].concat(), way);
        let snapshot = read(&both);
        prop_assert_eq!(snapshot.processors.len(), 2);
        assert_same(vmcb(&snapshot, 0), &one, 98);
        assert_same(vmcb(&snapshot, 1), &other, 98);
    }

    #[test]
    fn mixed_dumps_are_told_apart_by_their_callers(
        one in printable(), other in printable(), mut turns in vec(any::<bool>(), 2..200),
    ) {
        turns.extend([true, false]);
        let lines = mixed(&kvm::printed(&one), &kvm::printed(&other), &turns);
        let lines = lines.into_iter().map(|(whose, line)| {
            format!("[  912.104411][ T{}] kvm_amd: {line}\n", 100 + usize::from(whose))
        });
        let snapshot = read(&lines.collect::<String>());
        prop_assert_eq!(snapshot.processors.len(), 2);
        let is_first = vmcb(&snapshot, 0).field("lstar") == Some(number(&one, "lstar"));
        let pages = if is_first { [&one, &other] } else { [&other, &one] };
        assert_same(vmcb(&snapshot, 0), pages[0], 98);
        assert_same(vmcb(&snapshot, 1), pages[1], 98);
    }

    #[test]
    fn mixed_dumps_without_callers_are_refused_or_read_right(
        one in printable(), other in printable(), mut turns in vec(any::<bool>(), 2..200),
        lost in 0_usize..150, at_end: bool, way in 0..WAYS,
    ) {
        turns.extend([true, false]);
        let all = mixed(&kvm::printed(&one), &kvm::printed(&other), &turns);
        let mut lines: Vec<String> = all.iter().map(|(_, line)| line.clone()).collect();
        // Of a log, the beginning or the end is often lost.
        let kept = lines.len() - lost.min(lines.len());
        if at_end {
            lines.truncate(kept);
        } else {
            lines.drain(..lines.len() - kept);
        }
        if let Ok(snapshot) = Snapshot::parse(logged(&lines, way).as_bytes()) {
            assert_of(&snapshot, &[&one, &other]);
        }
        let is_mixed = all.chunk_by(|(one, _), (other, _)| one == other).count() > 2;
        if is_mixed && lost == 0 {
            let error = Snapshot::parse(logged(&lines, way).as_bytes()).unwrap_err().to_string();
            prop_assert!(error.contains("the lines of two dumps are mixed"), "{}", error);
        }
    }

    #[test]
    fn what_was_cut_off_is_absent_and_not_another_value(
        one in printable(), ends in (0_usize..6000, 0_usize..6000), way in 0..WAYS, tool in 0_usize..3,
    ) {
        let text = match tool {
            0 => logged(&kvm::printed(&one), way),
            1 => xen::printed(&one),
            _ => qemu::printed(&qemu_page(one.clone()), 0),
        };
        let (start, end) = (ends.0.min(ends.1).min(text.len()), ends.0.max(ends.1).min(text.len()));
        if text.is_char_boundary(start) && let Ok(snapshot) = Snapshot::parse(&text.as_bytes()[start..end]) {
            let page = if tool == 2 { qemu_page(one) } else { one };
            assert_of(&snapshot, &[&page]);
            prop_assert_eq!(snapshot.processors.len(), 1);
        }
    }

    #[test]
    fn a_broken_line_is_refused_or_absent(
        one in printable(), line in 0_usize..100, at in 0_usize..90, way in 0..WAYS, tool in 0_usize..3,
    ) {
        let one = if tool == 2 { qemu_page(one) } else { one };
        let text = match tool {
            0 => logged(&kvm::printed(&one), way),
            1 => xen::printed(&one),
            _ => qemu::printed(&one, 0),
        };
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        let line = line % lines.len();
        let at = (0..=at.min(lines[line].len())).rev().find(|at| lines[line].is_char_boundary(*at));
        lines[line].insert(at.unwrap(), '\n');
        if let Ok(snapshot) = Snapshot::parse(lines.join("\n").as_bytes()) {
            assert_of(&snapshot, &[&one]);
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
    fn what_qemu_prints_is_read(one in page(), other in page()) {
        let (one, other) = (qemu_page(one), qemu_page(other));
        let text = qemu::printed(&one, 0) + &qemu::printed(&other, 1);
        let snapshot = read(&text);
        prop_assert_eq!(snapshot.processors.len(), 2);
        assert_same(vmcb(&snapshot, 0), &one, 45);
        assert_same(vmcb(&snapshot, 1), &other, 45);
        assert_same(vmcb(&read(&qemu::printed(&one, 0)), 0), &one, 45);
        let capture = snapshot.processors[0].result.as_ref().unwrap();
        let registers = capture.pages.as_ref().unwrap().registers.as_ref().unwrap();
        for (name, value) in [("rbx", 0x1111), ("r11", 11), ("dr3", 4), ("mxcsr", 0x1F80)] {
            prop_assert_eq!(registers.field(name), Some(value));
        }
        let (x87, xmm) = (vmsa_range("x87"), vmsa_range("xmm"));
        let expected = [[7; 8].as_slice(), &[0x3F, 0x40]].concat();
        prop_assert_eq!(registers.bytes(x87.start..x87.start + 10), Some(expected.as_slice()));
        let expected = [[6; 8], [5; 8]].concat();
        prop_assert_eq!(registers.bytes(xmm.start + 16..xmm.start + 32), Some(expected.as_slice()));
        let json = snapshot.to_json().unwrap();
        prop_assert_eq!(Snapshot::parse(json.as_bytes()).unwrap(), snapshot);
    }
}

#[test]
fn what_others_may_see_of_a_guest_has_none_of_its_addresses() {
    let mut page = guest();
    for (name, address) in [
        ("rip", 0xFFFF_FFFF_81A2_B3C4_u64),
        ("rsp", 0xFFFF_C900_0012_3F58),
        ("cr3", 0x1_2345_6000),
        ("exit_info_2", 0x7FFE_1234_5678),
    ] {
        let field = fields::named(fields::VMCB, name).unwrap();
        assert!(field.write(page.as_mut_slice().try_into().unwrap(), address));
    }
    let addresses = [
        "rip",
        "rsp",
        "cr3",
        "exit_info_2",
        "lstar",
        "gs.base",
        "tr.base",
    ];
    for text in printed(&page)
        .map(|(_, text)| text.into_bytes())
        .into_iter()
        .chain([page.clone()])
    {
        let whole = Snapshot::parse(&text).unwrap();
        let mut shown = whole.clone();
        shown.make_anonymous();
        let json = shown.to_json().unwrap();
        for name in addresses {
            let digits = format!("{:x}", number(&page, name));
            assert!(
                digits.len() > 4 && !json.contains(&digits),
                "{name}: {json}"
            );
        }
        assert_eq!(Snapshot::parse(json.as_bytes()).unwrap(), shown);
        let found = |snapshot| client::check(snapshot).findings.len();
        assert_eq!(found(&whole), found(&shown));
        let mode = |snapshot: &Snapshot| snapshot.processors[0].result.as_ref().unwrap().guest;
        assert_eq!(mode(&whole), mode(&shown));
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

/// The page with another number in a field.
fn with(page: &[u8], name: &str, value: u64) -> Vec<u8> {
    let mut page = page.to_vec();
    let field = fields::named(fields::VMCB, name).unwrap();
    assert!(field.write(page.as_mut_slice().try_into().unwrap(), value));
    page
}

/// The lines without those that have some words.
fn without(text: &str, words: &str) -> String {
    let lines = text.lines().filter(|line| !line.contains(words));
    lines.flat_map(|line| [line, "\n"]).collect()
}

fn extents(snapshot: &Snapshot, rule: FindingId) -> Vec<Extent> {
    let coverage = client::check(snapshot).coverage.into_iter();
    let of_rule = coverage.filter(|one| one.rule == rule);
    of_rule.map(|one| one.extent).collect()
}

#[test]
fn a_mode_that_a_dump_does_not_tell_hides_no_hook() {
    let rule = FindingId::LstarOutsideKernel;
    let hooked = with(&guest(), "lstar", 0x7FF7_1234_0000);
    let text = logged(&kvm::printed(&hooked), 0);
    let pages = [
        read(&without(&text, " efer: ")),
        read(&without(&without(&text, " efer: "), " cr0: ")),
        read(&hexdump_from(&hooked, 0x500)),
    ];
    for snapshot in pages {
        let findings = client::check(&snapshot).findings;
        assert!(findings.iter().any(|one| one.id == rule), "{findings:?}");
        let efer = extents(&snapshot, FindingId::EferDiffers);
        assert_eq!(efer, [Extent::Not(Reason::EferNotRecorded)]);
        let again = Snapshot::parse(snapshot.to_json().unwrap().as_bytes());
        assert_eq!(again.unwrap(), snapshot);
    }
    // Without paging there is no long mode.
    let text = logged(&kvm::printed(&with(&hooked, "cr0", 0x11)), 0);
    assert_eq!(
        extents(&read(&without(&text, " efer: ")), rule),
        [Extent::Not(Reason::NotLongMode)]
    );
}

/// What KVM prints of a vCPU since 6.16.
fn since_6_16(page: &[u8], kind: &str, vcpu: u32) -> Vec<String> {
    let mut lines = kvm::printed(page);
    lines[0] = format!("{kind} vCPU{vcpu} {}", lines[0]);
    let at = lines.iter().position(|line| line.contains("State Save"));
    for name in ["guest_sev_features: ", "allowed_sev_features:"] {
        lines.insert(at.unwrap(), format!("{name}0000000000000001"));
    }
    lines
}

#[test]
fn a_dump_may_end_before_a_save_area_that_stays_encrypted() {
    let encrypted = since_6_16(&with(&guest(), "nested_control", 7), "SEV-SNP", 0);
    let end = encrypted
        .iter()
        .position(|line| line.contains("State Save"));
    let (control, save_area) = encrypted.split_at(end.unwrap());
    let other = since_6_16(&guest(), "SVM", 1);
    for way in 0..WAYS {
        let snapshot = read(&logged(&[control, &other, control].concat(), way));
        assert_eq!(snapshot.processors.len(), 3);
        assert_eq!(
            vmcb(&snapshot, 0).field("asid"),
            vmcb(&snapshot, 1).field("asid")
        );
        assert_eq!(vmcb(&snapshot, 0).field("lstar"), None);
        assert_eq!(
            vmcb(&snapshot, 1).field("lstar"),
            Some(number(&guest(), "lstar"))
        );
        // The save area came later; or the guest is none whose save area could stay encrypted.
        let (plain, _) = other.split_at(end.unwrap());
        for mixed in [
            [control, plain, save_area, &other[end.unwrap()..]].concat(),
            [plain, &other].concat(),
        ] {
            let error = Snapshot::parse(logged(&mixed, way).as_bytes()).unwrap_err();
            assert!(error.to_string().contains("out of order"), "{error}");
        }
    }
}

/// The rows of a page from an offset on.
fn hexdump_from(page: &[u8], offset: usize) -> String {
    let form = svm_dumps::hexadecimal::forms().find(|form| form.name == "xxd -g1");
    let text = (form.unwrap().print)(page);
    let start = text.find(&format!("{offset:08x}")).unwrap();
    text[start..].to_owned()
}

#[test]
fn older_kernels_name_an_extension_by_its_first_use() {
    let page = with(&guest(), "virtualization_extensions", 3);
    let text = logged(&kvm::printed(&page), 0).replace("virt_ext:", "lbr_ctl: ");
    let field = vmcb(&read(&text), 0).field("virtualization_extensions");
    assert_eq!(field, Some(3));
}

#[test]
fn what_qemu_logs_of_an_interrupt_is_none_of_the_registers() {
    let page = qemu_page(guest());
    let registers = qemu::printed(&page, 0);
    let registers = registers.trim_start().trim_start_matches("CPU#0\n");
    let interrupt = "     1: v=0e e=0002 i=0 cpl=0 IP=0010:fffff80112345676 pc=fffff80112345676 \
                     SP=0018:fffffa8012345f58 CR2=00007ffe12345678\n";
    for text in [
        format!("{interrupt}{registers}"),
        format!("{registers}{interrupt}"),
        format!("check_exception old: 0xffffffff new 0xe\n{interrupt}{registers}"),
        format!("{registers}{interrupt}{registers}"),
    ] {
        assert_same(vmcb(&read(&text), 0), &page, 45);
    }
}

#[test]
fn dumps_of_several_domains_are_not_taken_for_one_machine() {
    let one = xen::printed(&guest());
    let other = one.replace(">>> Domain 3 <<<", ">>> Domain 7 <<<");
    let error = Snapshot::parse((one.clone() + &other).as_bytes()).unwrap_err();
    let line = one.lines().count() + 1;
    let told = format!("domain 3 from line 1 on, domain 7 from line {line} on; cut the file");
    assert!(error.to_string().contains(&told), "{error}");
    // A domain without a dump is nothing to judge.
    let (heading, _) = other.split_once('\n').unwrap();
    assert_eq!(read(&(one.clone() + heading)), read(&one));
}

#[test]
fn moments_of_one_processor_are_not_compared() {
    let page = qemu_page(guest());
    let later = with(&page, "lstar", number(&page, "lstar") + 64);
    let qemu = |page: &[u8], index| qemu::printed(page, index);
    let nameless = |page: &[u8]| without(&qemu(page, 0), "CPU#");
    let kvm = |vcpus: [u32; 3]| {
        let lines = vcpus.map(|vcpu| since_6_16(&page, "SVM", vcpu));
        logged(&lines.concat(), 0)
    };
    let again = "the dumps are of processors ";
    let unsaid = "the dumps do not say of which processors they are; ";
    for (text, note) in [
        (
            kvm([3, 3, 1]),
            format!("{again}3, 3, 1: one is there again; "),
        ),
        (qemu(&page, 0) + &qemu(&later, 0), format!("{again}0, 0: ")),
        (nameless(&page) + &nameless(&later), unsaid.to_owned()),
        (nameless(&page) + &qemu(&later, 1), unsaid.to_owned()),
        (
            logged(&[kvm::printed(&page), kvm::printed(&page)].concat(), 0),
            unsaid.to_owned(),
        ),
    ] {
        let snapshot = read(&text);
        assert!(snapshot.moments);
        let findings = client::check(&snapshot).findings;
        assert_eq!(findings, [], "{note}");
        for rule in [FindingId::TrBaseShared, FindingId::LstarDiffers] {
            assert_eq!(extents(&snapshot, rule), [Extent::Not(Reason::Moments)]);
        }
        let others = extents(&snapshot, FindingId::TssInvalid);
        assert_eq!(others, [Extent::Judged]);
        let json = snapshot.to_json().unwrap();
        assert_eq!(Snapshot::parse(json.as_bytes()).unwrap(), snapshot);
        let document = serde_json::from_str(&json).unwrap();
        assert!(crate::files::schema().is_valid(&document));
        let folder = Folder::new();
        let path = folder.path("dump");
        std::fs::write(&path, &text).unwrap();
        let ran = run(&["check", &path], &mut Driver::with_processors(1));
        assert!(ran.stderr.contains(&note), "{}", ran.stderr);
        assert!(
            ran.stdout.contains(&Reason::Moments.to_string()),
            "{}",
            ran.stdout
        );
    }
    // Of several processors it is a finding.
    for text in [kvm([3, 2, 1]), qemu(&page, 0) + &qemu(&later, 1)] {
        let snapshot = read(&text);
        assert!(!snapshot.moments);
        let findings = client::check(&snapshot).findings;
        let mut findings = findings.iter();
        assert!(findings.any(|one| one.id == FindingId::TrBaseShared));
    }
    assert!(!read(&nameless(&page)).moments);
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
        let words: Vec<_> = ran.stdout.split_whitespace().collect();
        let words = words.join(" ");
        assert!(words.contains(wanted.trim()), "{wanted}\n{}", ran.stdout);
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
    assert_eq!((insisted.exit, insisted.stdout.as_str()), (8, ""));
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
