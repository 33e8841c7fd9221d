//! Guests by what their pages say: which register a finding names, and what is not judged.

use amd_svm::segment::Segment;
use amd_svm::vmcb::SystemCallRegisters;
use client::{Capture, Extent, Field, Finding, FindingId, Guest, Judge, Reason, Snapshot, check};
use serde_json::Value;

use crate::fake::Driver;
use crate::files::Folder;
use crate::rules::healthy;
use crate::run;

/// A base in a program's half of the address space.
const USER_BASE: u64 = 0x5E_1F30_C000;

fn capture(snapshot: &mut Snapshot, index: usize) -> &mut Capture {
    snapshot.processors[index].result.as_mut().unwrap()
}

/// Four vCPUs of a guest that runs in long mode: 0 and 2 in the kernel, 1 and 3 in user mode.
fn guests() -> Snapshot {
    let mut snapshot = healthy();
    snapshot.driver = None;
    for index in 0..4 {
        let user = index % 2 == 1;
        let one = capture(&mut snapshot, index);
        one.details = None;
        one.witness = None;
        one.guest = Some(Guest {
            cpl: if user { 3 } else { 0 },
            efer: 0x1D01.into(),
            cr0: 0x8005_003B,
            cr4: 0x77_0EF0,
            ..Guest::default()
        });
        if user {
            swapgs(one);
        }
    }
    snapshot
}

fn swapgs(capture: &mut Capture) {
    let state = &mut capture.vmsave;
    std::mem::swap(&mut state.gs.base, &mut state.system_call.kernel_gs_base);
}

fn finding(snapshot: &Snapshot, id: FindingId) -> Finding {
    let findings = check(snapshot).findings;
    let found = findings.iter().find(|finding| finding.id == id);
    found.unwrap_or_else(|| panic!("{findings:?}")).clone()
}

/// The fields that a finding names, each with the processors.
fn named(finding: &Finding) -> Vec<(Field, Vec<u32>)> {
    let values = finding.values.iter();
    values
        .map(|value| {
            let processors = value.processors.iter().map(|id| id.index);
            (value.field, processors.collect())
        })
        .collect()
}

/// How far a rule was judged on a processor.
fn extent(snapshot: &Snapshot, rule: FindingId, index: u32) -> Extent {
    let coverage = check(snapshot).coverage.into_iter();
    coverage
        .filter(|one| one.rule == rule)
        .find(|one| one.processors.iter().any(|id| id.index == index))
        .unwrap()
        .extent
}

#[test]
fn guests_in_either_mode_are_healthy() {
    for snapshot in [guests(), {
        let mut snapshot = guests();
        // Stopped in the kernel, and SWAPGS is the next instruction.
        swapgs(capture(&mut snapshot, 2));
        snapshot
    }] {
        assert_eq!(check(&snapshot).findings, []);
        let verdict = Judge::default().as_windows().judge(&snapshot);
        assert_eq!(verdict.findings, []);
        assert!(!verdict.is_complete());
    }
}

#[test]
fn a_guest_in_user_mode_has_the_kernels_base_in_kernel_gs_base() {
    let mut snapshot = guests();
    capture(&mut snapshot, 1).vmsave.system_call.kernel_gs_base = USER_BASE;
    let found = finding(&snapshot, FindingId::GsBaseOutsideKernel);
    assert_eq!(named(&found), [(Field::KernelGsBase, vec![1])]);
    assert_eq!(
        found.sentence,
        "KernelGsBase is no address of the kernel on processor 1"
    );

    let mut snapshot = guests();
    capture(&mut snapshot, 0).vmsave.gs.base = USER_BASE;
    let found = finding(&snapshot, FindingId::GsBaseOutsideKernel);
    assert_eq!(named(&found), [(Field::GsBase, vec![0])]);
    assert_eq!(
        found.sentence,
        "GS base is no address of the kernel on processor 0"
    );
}

#[test]
fn a_base_that_is_shared_is_named_by_the_register_that_has_it() {
    let mut snapshot = guests();
    let base = capture(&mut snapshot, 0).vmsave.gs.base;
    for index in [1, 3] {
        capture(&mut snapshot, index)
            .vmsave
            .system_call
            .kernel_gs_base = base;
    }
    let found = finding(&snapshot, FindingId::GsBaseShared);
    assert_eq!(
        named(&found),
        [(Field::GsBase, vec![0]), (Field::KernelGsBase, vec![1, 3])]
    );
    assert_eq!(
        found.sentence,
        "GS base or KernelGsBase is the same on processors 0-1,3"
    );
    // What the programs have in GS base may be the same on all.
    let mut snapshot = guests();
    for index in [1, 3] {
        capture(&mut snapshot, index).vmsave.gs.base = USER_BASE;
    }
    assert_eq!(check(&snapshot).findings, []);
}

#[test]
fn the_report_marks_the_register_that_the_finding_names() {
    let mut snapshot = guests();
    capture(&mut snapshot, 1).vmsave.system_call.kernel_gs_base = USER_BASE;
    let page = snapshot.to_html().unwrap();
    let cells: Vec<&str> = page
        .split("<td")
        .filter(|cell| cell.contains("data-f="))
        .collect();
    let [cell] = cells.as_slice() else {
        panic!("{cells:?}");
    };
    assert!(cell.contains(&format!(">{USER_BASE:#018x}</a>")), "{cell}");
    let (_, card) = page.split_once("id=\"f0\">").unwrap();
    let (card, _) = card.split_once("</h3>").unwrap();
    assert!(card.contains("gs-base-outside-kernel"), "{card}");
}

#[test]
fn a_hidden_base_is_not_judged_under_the_name_that_it_has() {
    let mut snapshot = guests();
    snapshot.redacted = vec![Field::KernelGsBase];
    capture(&mut snapshot, 1).vmsave.system_call.kernel_gs_base = 0;
    let rule = FindingId::GsBaseOutsideKernel;
    assert_eq!(extent(&snapshot, rule, 1), Extent::Not(Reason::Hidden));
    assert_eq!(extent(&snapshot, rule, 0), Extent::Judged);
    assert_eq!(check(&snapshot).findings, []);
}

#[test]
fn each_address_is_judged_by_the_bits_that_the_guest_uses() {
    type Register = fn(&mut Capture) -> &mut u64;
    let registers: [(Field, Register); 5] = [
        (Field::FsBase, |one| &mut one.vmsave.fs.base),
        (Field::GsBase, |one| &mut one.vmsave.gs.base),
        (Field::TrBase, |one| &mut one.vmsave.tr.base),
        (Field::KernelGsBase, |one| {
            &mut one.vmsave.system_call.kernel_gs_base
        }),
        (Field::SysenterEsp, |one| {
            &mut one.vmsave.system_call.sysenter_esp
        }),
    ];
    for (field, register) in registers {
        let mut snapshot = guests();
        *register(capture(&mut snapshot, 1)) = 0x0000_8000_0000_0000;
        let found = finding(&snapshot, FindingId::AddressNoncanonical);
        assert_eq!(named(&found), [(field, vec![1])], "{field}");
        // With five levels of page tables it is an address.
        for index in 0..4 {
            let guest = capture(&mut snapshot, index).guest.as_mut().unwrap();
            guest.cr4 |= 1 << 12;
        }
        let noncanonical = check(&snapshot)
            .findings
            .into_iter()
            .any(|one| one.id == FindingId::AddressNoncanonical);
        assert!(!noncanonical, "{field}");
    }
}

#[test]
fn a_local_table_that_is_loaded_has_an_address_and_a_null_one_has_none() {
    let mut snapshot = guests();
    let ldtr = &mut capture(&mut snapshot, 2).vmsave.ldtr;
    ldtr.base = 1 << 62;
    assert_eq!(check(&snapshot).findings, []);
    capture(&mut snapshot, 2).vmsave.ldtr.selector = 0x48;
    let found = finding(&snapshot, FindingId::AddressNoncanonical);
    assert_eq!(named(&found), [(Field::LdtrBase, vec![2])]);
}

#[test]
fn what_is_left_in_the_page_of_an_encrypted_guest_is_judged_weakly() {
    let mut snapshot = guests();
    capture(&mut snapshot, 2).guest.as_mut().unwrap().encrypted = true;
    let rule = FindingId::LstarDiffers;
    assert_eq!(
        extent(&snapshot, rule, 2),
        Extent::Weakly(Reason::Encrypted)
    );
    assert_eq!(extent(&snapshot, rule, 0), Extent::Judged);
}

/// Long mode as firmware uses it: EFER.SCE is clear, and what goes with SYSCALL and TR is as at reset.
fn firmware() -> Snapshot {
    let mut snapshot = guests();
    for index in 0..4 {
        let one = capture(&mut snapshot, index);
        one.vmsave.system_call = SystemCallRegisters::default();
        one.vmsave.gs = Segment::new(0x30, 0xC93.into(), u32::MAX, 0);
        one.vmsave.tr = Segment::new(0, 0x08B.into(), 0xFFFF, 0);
        let guest = one.guest.as_mut().unwrap();
        guest.efer = 0x1D00.into();
        guest.cpl = 0;
    }
    snapshot
}

#[test]
fn what_goes_with_syscall_says_nothing_where_it_is_not_enabled() {
    let snapshot = firmware();
    assert_eq!(check(&snapshot).findings, []);
    for rule in [
        FindingId::LstarOutsideKernel,
        FindingId::CstarOutsideKernel,
        FindingId::StarInvalid,
        FindingId::SfmaskWeak,
        FindingId::GsBaseOutsideKernel,
        FindingId::GsBaseShared,
    ] {
        let disabled = Extent::Not(Reason::SyscallDisabled);
        assert_eq!(extent(&snapshot, rule, 0), disabled, "{rule}");
    }
    for rule in [FindingId::TssInvalid, FindingId::TrBaseShared] {
        let at_reset = Extent::Not(Reason::TrAtReset);
        assert_eq!(extent(&snapshot, rule, 0), at_reset, "{rule}");
    }
    let findings = Judge::default().as_windows().judge(&snapshot).findings;
    for id in [
        FindingId::EferUnprotected,
        FindingId::LstarOutsideKernel,
        FindingId::TssInvalid,
    ] {
        assert!(findings.iter().any(|finding| finding.id == id), "{id}");
    }
    // Firmware that loads one has it where its memory is mapped.
    let mut snapshot = firmware();
    for (index, base) in [0x7E8A_5000, 0x7E8A_6000, 0x7E8A_7000, 0x7E8A_8000]
        .into_iter()
        .enumerate()
    {
        capture(&mut snapshot, index).vmsave.tr = Segment::new(0x60, 0x08B.into(), 0x67, base);
    }
    assert_eq!(check(&snapshot).findings, []);
    assert_eq!(extent(&snapshot, FindingId::TssInvalid, 0), Extent::Judged);
    capture(&mut snapshot, 2).guest.as_mut().unwrap().efer = 0x1D01.into();
    capture(&mut snapshot, 2).vmsave.system_call = capture(&mut guests(), 2).vmsave.system_call;
    let found = finding(&snapshot, FindingId::TssInvalid);
    assert_eq!(named(&found)[3], (Field::TrBase, vec![2]));
    // Another task state segment than that of reset is one that was loaded.
    for (limit, base) in [(0x67, 0), (0xFFFF, 0xFFFF_C480_0001_0000)] {
        let mut snapshot = firmware();
        let tr = &mut capture(&mut snapshot, 2).vmsave.tr;
        (tr.limit, tr.base) = (limit, base);
        finding(&snapshot, FindingId::TssInvalid);
    }
}

#[test]
fn a_processor_that_its_system_has_not_set_up_is_not_compared_with_the_others() {
    let mut snapshot = guests();
    let one = capture(&mut snapshot, 2);
    one.vmsave.system_call = SystemCallRegisters::default();
    one.guest.as_mut().unwrap().efer = 0x1500.into();
    assert_eq!(check(&snapshot).findings, []);
    assert!(!check(&snapshot).is_complete());
    for rule in [FindingId::LstarDiffers, FindingId::EferDiffers] {
        assert_eq!(
            extent(&snapshot, rule, 2),
            Extent::Not(Reason::SyscallDisabled)
        );
        assert_eq!(extent(&snapshot, rule, 1), Extent::Judged);
    }
    // Linux sets SCE before the registers that go with it.
    let one = capture(&mut snapshot, 2);
    one.guest.as_mut().unwrap().efer = 0x1D01.into();
    one.vmsave.tr = Segment::new(0, 0x08B.into(), 0xFFFF, 0);
    assert_eq!(check(&snapshot).findings, []);
    assert_eq!(
        extent(&snapshot, FindingId::EferDiffers, 2),
        Extent::Not(Reason::SyscallDisabled)
    );
    let findings = Judge::default().as_windows().judge(&snapshot).findings;
    for id in [
        FindingId::LstarDiffers,
        FindingId::StarInvalid,
        FindingId::SfmaskWeak,
        FindingId::TssInvalid,
    ] {
        assert!(findings.iter().any(|finding| finding.id == id), "{id}");
    }
    // One of them that is set tells that they were set up.
    let set: [fn(&mut SystemCallRegisters); 4] = [
        |registers| registers.star = 0x0023_0010_0000_0000,
        |registers| registers.lstar = 0xFFFF_F803_1A42_0000,
        |registers| registers.cstar = 0xFFFF_F803_1A42_0000,
        |registers| registers.sfmask = 0x4700,
    ];
    for set in set {
        let mut snapshot = snapshot.clone();
        set(&mut capture(&mut snapshot, 2).vmsave.system_call);
        let found = finding(&snapshot, FindingId::LstarDiffers);
        assert_eq!(named(&found), [(Field::Lstar, vec![2])]);
    }
}

#[test]
fn what_sysenter_goes_by_is_the_same_on_all_but_for_its_stack() {
    let mut snapshot = guests();
    for index in 0..4 {
        let registers = &mut capture(&mut snapshot, index).vmsave.system_call;
        registers.sysenter_cs = 0x10;
        registers.sysenter_eip = 0xFFFF_F803_1A42_0000;
        registers.sysenter_esp = 0xFFFF_FE00_0000_3000 + (u64::try_from(index).unwrap() << 12);
    }
    assert_eq!(check(&snapshot).findings, []);
    let registers = &mut capture(&mut snapshot, 3).vmsave.system_call;
    registers.sysenter_eip = 0xFFFF_F803_1A42_0040;
    let found = finding(&snapshot, FindingId::SysenterDiffers);
    assert_eq!(named(&found), [(Field::SysenterEip, vec![3])]);
    assert_eq!(
        found.sentence,
        "SYSENTER_EIP has 2 values; not with the majority: processor 3"
    );
}

#[test]
fn cstar_may_be_zero_outside_windows() {
    let mut snapshot = guests();
    for index in 0..4 {
        capture(&mut snapshot, index).vmsave.system_call.cstar = 0;
    }
    assert_eq!(check(&snapshot).findings, []);
    let findings = Judge::default().as_windows().judge(&snapshot).findings;
    let [finding] = findings.as_slice() else {
        panic!("{findings:?}");
    };
    assert_eq!(finding.id, FindingId::CstarOutsideKernel);
}

#[test]
fn other_systems_select_programs_from_the_local_table_and_leave_the_direction() {
    let mut snapshot = guests();
    for index in 0..4 {
        let registers = &mut capture(&mut snapshot, index).vmsave.system_call;
        // NetBSD 8.
        registers.star = 0x003F_0008_0000_0000;
        registers.sfmask = 0x4301;
    }
    assert_eq!(check(&snapshot).findings, []);
    let findings = Judge::default().as_windows().judge(&snapshot).findings;
    let ids: Vec<FindingId> = findings.iter().map(|finding| finding.id).collect();
    assert_eq!(ids, [FindingId::StarInvalid, FindingId::SfmaskWeak]);
    assert_eq!(
        findings[1].sentence,
        "SFMASK lets the caller choose IF, TF or DF on processors 0-3"
    );
    for star in [
        0x003E_0008_0000_0000,
        0x0003_0008_0000_0000,
        0x003F_000C_0000_0000,
        0x003F_0009_0000_0000,
    ] {
        let mut snapshot = snapshot.clone();
        capture(&mut snapshot, 2).vmsave.system_call.star = star;
        let found = finding(&snapshot, FindingId::StarInvalid);
        assert_eq!(named(&found), [(Field::Star, vec![2])]);
    }
    for sfmask in [0x4201, 0x4101] {
        let mut snapshot = snapshot.clone();
        capture(&mut snapshot, 2).vmsave.system_call.sfmask = sfmask;
        let found = finding(&snapshot, FindingId::SfmaskWeak);
        assert_eq!(
            found.sentence,
            "SFMASK lets the caller choose IF or TF on processor 2"
        );
    }
}

/// What the rule says of four processors, or the first of them, with these entry points.
fn of_entries(entries: &[u64]) -> (Vec<FindingId>, Extent) {
    let mut snapshot = guests();
    snapshot.processors.truncate(entries.len());
    snapshot.active_processors = None;
    for (index, entry) in entries.iter().enumerate() {
        capture(&mut snapshot, index).vmsave.system_call.lstar = *entry;
    }
    snapshot.modules.clear();
    let found = check(&snapshot).findings.into_iter();
    let told = extent(&snapshot, FindingId::LstarDiffers, 0);
    assert!(!check(&snapshot).is_complete());
    let findings = Judge::default().as_windows().judge(&snapshot).findings;
    let mut ids = findings.iter().map(|finding| finding.id);
    assert!(ids.any(|id| id == FindingId::LstarDiffers));
    (found.map(|finding| finding.id).collect(), told)
}

#[test]
fn an_entry_point_for_each_processor_is_judged_weakly_where_it_may_be_by_design() {
    let own = (Vec::new(), Extent::Weakly(Reason::OwnEntries));
    let differs = (vec![FindingId::LstarDiffers], Extent::Judged);
    // Linux' entry areas, each with the trampoline at one offset.
    let linux = |index: u64| 0xFFFF_FE00_0000_6000 + index * 0x3_B000;
    assert_eq!(of_entries(&[0, 1, 2, 3].map(linux)), own);
    assert_eq!(of_entries(&[0, 1].map(linux)), own);
    // Xen's stubs: a page for each processor from the end, 128 bytes further in the page each time.
    let xen = |index: u64| 0xFFFF_82D0_7FFE_0000 - (index + 1) * 0x1000 + index % 32 * 0x80;
    assert_eq!(of_entries(&[0, 1, 2, 3].map(xen)), own);
    assert_eq!(of_entries(&[30, 31, 32, 33].map(xen)), own);
    assert_eq!(of_entries(&[0, 1].map(xen)), own);
    // One that is not like the others, one that two share, and one of two that may be a hook.
    assert_eq!(
        of_entries(&[linux(0), linux(1), linux(2), linux(3) + 0x40]),
        differs
    );
    assert_eq!(
        of_entries(&[xen(0), xen(1), xen(2), xen(3) + 0x40]),
        differs
    );
    assert_eq!(
        of_entries(&[linux(0), linux(1), linux(1), linux(3)]),
        differs
    );
    assert_eq!(
        of_entries(&[0xFFFF_FFFF_81E0_0000, 0xFFFF_FFFF_C0A0_1000]),
        differs
    );
    let (found, _) = of_entries(&[linux(0), linux(1), linux(2), 0x7FF6_1234_6000]);
    assert!(found.contains(&FindingId::LstarDiffers));
    // A snapshot of the driver is of Windows.
    let mut snapshot = healthy();
    for index in 0..4 {
        let registers = &mut capture(&mut snapshot, index).vmsave.system_call;
        registers.lstar += u64::try_from(index).unwrap() * 0x1000;
    }
    finding(&snapshot, FindingId::LstarDiffers);
}

#[test]
fn a_guest_that_does_not_use_gs_is_not_judged_by_it() {
    let mut snapshot = guests();
    for index in [0, 2] {
        let state = &mut capture(&mut snapshot, index).vmsave;
        (state.gs.base, state.system_call.kernel_gs_base) = (0, 0);
    }
    assert_eq!(check(&snapshot).findings, []);
    for rule in [FindingId::GsBaseShared, FindingId::GsBaseOutsideKernel] {
        let unused = Extent::Not(Reason::NoGsBase);
        assert_eq!(extent(&snapshot, rule, 0), unused);
        assert_eq!(extent(&snapshot, rule, 1), Extent::Judged);
    }
    let findings = Judge::default().as_windows().judge(&snapshot).findings;
    let ids: Vec<FindingId> = findings.iter().map(|finding| finding.id).collect();
    assert_eq!(
        ids,
        [FindingId::GsBaseShared, FindingId::GsBaseOutsideKernel]
    );
    // A program's base is one, and the kernel's is missing.
    let state = &mut capture(&mut snapshot, 2).vmsave;
    state.system_call.kernel_gs_base = USER_BASE;
    finding(&snapshot, FindingId::GsBaseOutsideKernel);
}

#[test]
fn what_a_page_lacks_of_a_snapshot_of_the_driver_is_said_for_what_it_is() {
    let snapshot = guests();
    let verdict = Judge::default().as_windows().judge(&snapshot);
    for rule in [FindingId::EferNotRestored, FindingId::SvmInUse] {
        let mut coverage = verdict.coverage.iter();
        let one = coverage.find(|one| one.rule == rule).unwrap();
        assert_eq!(one.extent, Extent::Not(Reason::NotFromDriver));
    }
    let rule = FindingId::TrLimitWide;
    assert_eq!(extent(&snapshot, rule, 0), Extent::Not(Reason::NotWindows));
}

/// Pages by the bytes at their offsets.
fn page(parts: &[(usize, &[u8])]) -> Vec<u8> {
    let mut page = vec![0; 4096];
    for (at, bytes) in parts {
        page[*at..at + bytes.len()].copy_from_slice(bytes);
    }
    page
}

#[test]
fn a_save_area_of_an_encrypted_guest_is_told_by_name_and_nothing_of_it_is_judged() {
    let folder = Folder::new();
    let path = folder.path("vmsa.bin");
    let tr = |attributes: u8| [0x40, 0, attributes, 0, 0x67, 0, 0, 0];
    let busy = tr(0x8B);
    for (name, parts) in [
        ("64-bit", vec![(0x90, busy.as_slice())]),
        ("real mode", vec![(0x90, tr(0x83).as_slice())]),
        // Floating-point registers stand where a VMCB has what VMSAVE stores.
        (
            "with registers",
            vec![(0x90, busy.as_slice()), (0x410, [0xA5; 0x250].as_slice())],
        ),
    ] {
        std::fs::write(&path, page(&parts)).unwrap();
        let ran = run(&["check", "--from", &path], &mut Driver::with_processors(1));
        assert_eq!(ran.exit, 7, "{name}: {}", ran.stdout);
        let told = "not judged (an SEV-ES save area (VMSA)): lstar-differs";
        assert!(ran.stdout.contains(told), "{name}: {}", ran.stdout);
        assert!(!ran.stdout.contains("alarm"), "{name}: {}", ran.stdout);
        let ran = run(
            &["check", "--json", "--from", &path],
            &mut Driver::with_processors(1),
        );
        let document: Value = serde_json::from_str(&ran.stdout).unwrap();
        let reasons = document["coverage"].as_array().unwrap().iter();
        assert!(reasons.clone().any(|one| one["reason"] == "vmsa"), "{name}");
        let shown = run(&["show", "--from", &path], &mut Driver::with_processors(1));
        assert!(
            shown
                .stdout
                .contains("processor 0: the page is an SEV-ES save area (VMSA)"),
            "{}",
            shown.stdout
        );
        // What it is survives the way through JSON.
        let read = Snapshot::open(&path).unwrap();
        let again = Snapshot::parse(read.to_json().unwrap().as_bytes()).unwrap();
        assert_eq!(again, read);
    }
    // A VMCB with all that NESTED_CONTROL has is a VMCB.
    std::fs::write(&path, page(&[(0x90, [0xFF].as_slice()), (0x490, &busy)])).unwrap();
    let ran = run(&["check", "--from", &path], &mut Driver::with_processors(1));
    assert!(!ran.stdout.contains("(VMSA)"), "{}", ran.stdout);
}
