//! A guest that only ran on does not differ, and one whose owner set it up in another way does.

use amd_svm::fields::VmsaveField;
use amd_svm::vmcb::fields::{Field as PageField, VMCB};
use client::{Comparison, Diff, Format, Snapshot};
use proptest::prelude::*;

const PAGE: usize = 4096;

/// What is as it was set up: all else passes while the guest runs.
const LASTING: [&str; 43] = [
    "cr_reads",
    "cr_writes",
    "dr_reads",
    "dr_writes",
    "exceptions",
    "intercepts_1",
    "intercepts_2",
    "intercepts_3",
    "pause_filter_threshold",
    "io_permission_map",
    "msr_permission_map",
    "tsc_offset",
    "asid",
    "return_predictor",
    "virtual_interrupt",
    "nested_control",
    "avic_apic_bar",
    "ghcb",
    "nested_cr3",
    "virtualization_extensions",
    "avic_backing_page",
    "avic_logical_table",
    "avic_physical_table",
    "vmsa",
    "allowed_sev_features",
    "guest_sev_features",
    "host_use",
    "gdtr.selector",
    "gdtr.attrib",
    "gdtr.limit",
    "gdtr.base",
    "idtr.selector",
    "idtr.attrib",
    "idtr.limit",
    "idtr.base",
    "vmpl",
    "efer",
    "cr4",
    "cr0",
    "dr7",
    "s_cet",
    "isst_addr",
    "guest_pat",
];

fn pages(name: &str) -> Vec<u8> {
    std::fs::read(format!("{}/tests/cases/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

fn put(pages: &mut [u8], processor: usize, name: &str, value: u64) {
    let field = VMCB.iter().find(|field| field.name() == name).unwrap();
    let at = processor * PAGE + field.offset();
    pages[at..at + field.width()].copy_from_slice(&value.to_le_bytes()[..field.width()]);
}

fn get(pages: &[u8], processor: usize, name: &str) -> u64 {
    let field = VMCB.iter().find(|field| field.name() == name).unwrap();
    let page = pages[processor * PAGE..][..PAGE].try_into().unwrap();
    field.read(page).unwrap()
}

/// The names of the fields that differ, as the comparison says in both directions.
fn compared(before: &[u8], after: &[u8], comparison: &Comparison) -> Vec<&'static str> {
    let [before, after] =
        [before, after].map(|bytes| Snapshot::parse_as(bytes, Some(Format::Vmcb)).unwrap());
    let names = |before, after| -> Vec<&str> {
        let diff = Diff::compare(before, after, comparison);
        assert!(diff.is_complete());
        diff.changes
            .iter()
            .map(|change| change.field.name())
            .collect()
    };
    let there = names(&before, &after);
    assert_eq!(there, names(&after, &before));
    there
}

fn changed(before: &[u8], after: &[u8]) -> Vec<&'static str> {
    compared(before, after, &Comparison::default())
}

fn all(before: &[u8], after: &[u8]) -> Vec<&'static str> {
    let all = Comparison {
        all: true,
        ..Comparison::default()
    };
    compared(before, after, &all)
}

fn exchange(pages: &mut [u8], processor: usize) {
    let [base, other] = ["gs.base", "kernel_gs_base"].map(|name| get(pages, processor, name));
    put(pages, processor, "gs.base", other);
    put(pages, processor, "kernel_gs_base", base);
}

#[test]
fn the_kernels_gs_base_is_the_same_in_either_register() {
    let user = pages("windows-guest-one-in-user-mode.vmcb");
    let mut kernel = user.clone();
    exchange(&mut kernel, 1);
    put(&mut kernel, 1, "cpl", 0);
    assert_eq!(changed(&user, &kernel), [""; 0]);
    // Right after the entry it has not been exchanged yet.
    let mut entry = user.clone();
    put(&mut entry, 1, "cpl", 0);
    assert_eq!(changed(&entry, &kernel), [""; 0]);

    let hook = 0xFFFF_F806_6666_6000;
    let mut hooked = user.clone();
    put(&mut hooked, 1, "kernel_gs_base", hook);
    assert_eq!(changed(&user, &hooked), ["kernel_gs_base"]);
    assert_eq!(changed(&kernel, &hooked), ["gs.base"]);
    // The base of the program that runs is its own.
    let mut other = user.clone();
    put(&mut other, 1, "gs.base", 0x5E_1F30_F000);
    assert_eq!(changed(&user, &other), [""; 0]);
    // What is named, and what is bare, is the register.
    let raw = Comparison {
        raw: true,
        ..Comparison::default()
    };
    assert_eq!(compared(&user, &kernel, &raw), ["gs.base"]);
    let named = Comparison {
        fields: vec![client::Field::KernelGsBase],
        ..Comparison::default()
    };
    assert_eq!(compared(&user, &hooked, &named), ["kernel_gs_base"]);
}

#[test]
fn segments_of_threads_are_theirs_where_no_windows_runs() {
    let before = pages("linux-guest-2vcpu.vmcb");
    let mut after = before.clone();
    for (name, value) in [
        ("gs.selector", 0x63),
        ("gs.attrib", 0xCF3),
        ("gs.limit", 0xFFFF_FFFF),
        ("fs.selector", 0x63),
        ("fs.attrib", 0xCF3),
        ("fs.base", 0x7F00_1234_5740),
        ("ldtr.selector", 0x68),
        ("ldtr.attrib", 0x82),
        ("ldtr.base", 0xFFFF_FE00_0004_0000),
    ] {
        put(&mut after, 1, name, value);
    }
    assert_eq!(changed(&before, &after), [""; 0]);
    assert!(all(&before, &after).contains(&"gs.selector"));
}

#[test]
fn bits_that_pass_do_not_count_and_the_others_of_their_field_do() {
    let before = pages("linux-guest-2vcpu.vmcb");
    for (name, passing, lasting) in [
        ("cr0", 1 << 3, 1 << 16),
        ("cr4", 1 << 2, 1 << 20),
        ("intercepts_1", 1 << 4, 1 << 18),
        ("virtual_interrupt", 0x1FF, 1 << 24),
    ] {
        let changed_by = |bits: u64| {
            let mut after = before.clone();
            put(&mut after, 0, name, get(&before, 0, name) ^ bits);
            after
        };
        assert_eq!(changed(&before, &changed_by(passing)), [""; 0], "{name}");
        assert_eq!(all(&before, &changed_by(passing)), [name]);
        assert_eq!(changed(&before, &changed_by(lasting)), [name]);
        assert_eq!(changed(&before, &changed_by(lasting | passing)), [name]);
    }
}

/// The fields of a VMCB, each with what it takes to change it alone.
fn fields() -> impl Iterator<Item = &'static PageField> {
    // What VMSAVE stores has rules of its own.
    let stored = |field: &PageField| {
        let mut stored = VmsaveField::ALL.into_iter();
        stored.any(|one| one.name() == field.name())
    };
    VMCB.iter().filter(move |field| !stored(field))
}

proptest! {
    #[test]
    fn a_guest_that_ran_on_is_the_same(bytes: [[u8; 32]; 128]) {
        let noise = bytes.as_flattened();
        let before = pages("linux-guest-2vcpu.vmcb");
        let mut after = before.clone();
        for field in fields().filter(|field| !LASTING.contains(&field.name())) {
            // In which mode it is decides what its registers mean.
            if field.name() != "cpl" {
                after[field.range()].copy_from_slice(&noise[field.range()]);
            }
        }
        prop_assert_eq!(changed(&before, &after), [""; 0]);
    }
}

#[test]
fn each_field_that_lasts_differs_by_itself() {
    let before = pages("linux-guest-2vcpu.vmcb");
    let lasting = fields().filter(|field| LASTING.contains(&field.name()));
    for field in lasting {
        let mut after = before.clone();
        let at = match field.name() {
            // EFER.FFXSR, CR4.SMEP and switching masking on.
            "efer" => (1, 0x40),
            "cr4" => (2, 0x10),
            "virtual_interrupt" => (3, 1),
            _ => (0, 1),
        };
        after[PAGE + field.offset() + at.0] ^= at.1;
        let found = changed(&before, &after);
        assert_eq!(found.len(), 1, "{field}: {found:?}");
        assert!(found[0].starts_with(field.name()), "{field}: {found:?}");
    }
    // So do reserved bytes.
    let mut after = before.clone();
    after[0x1A0] ^= 1;
    assert_eq!(changed(&before, &after), ["reserved.0x1a0"]);
}
