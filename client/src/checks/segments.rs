//! Segment registers: one task state segment and one GS base for each processor, and hidden
//! parts that a processor could have loaded.

use amd_svm::descriptor::Selector;
use amd_svm::segment::Segment;

use super::{
    Finding, FindingId, MOST_ADDRESS_BITS, Machine, Subject, evidence, finding_of, is_canonical,
    is_upper_half, unfit, unfit_captures,
};
use crate::model::{Field, Guest, fold, sort};

/// Offset of the last byte of a 64-bit task state segment without an I/O permission map.
const TSS_LIMIT: u32 = 0x67;

pub(super) fn check(machine: &Machine, findings: &mut Vec<Finding>) {
    for (id, field) in [
        (FindingId::TrBaseShared, Field::TrBase),
        (FindingId::GsBaseShared, Field::GsBase),
    ] {
        findings.extend(shared(machine, id, field));
    }
    let outside = unfit_captures(
        machine,
        FindingId::GsBaseOutsideKernel,
        &[Field::GsBase],
        |subject| !subject.value(Field::GsBase).is_some_and(is_upper_half),
        |place| format!("is no address of the kernel on {place}"),
    );
    findings.extend(outside.map(named));
    findings.extend(unfit_captures(
        machine,
        FindingId::TssInvalid,
        &[
            Field::TrSelector,
            Field::TrAttrib,
            Field::TrLimit,
            Field::TrBase,
        ],
        |subject| {
            // Firmware has its own where it is mapped.
            let is_base = |base| !subject.class.has_syscall() || is_upper_half(base);
            !subject.value(Field::TrBase).is_none_or(is_base)
                || !is_task_state_segment(&subject.capture.vmsave.tr)
        },
        |place| format!("TR is no usable task state segment on {place}"),
    ));
    findings.extend(unfit(
        machine,
        FindingId::TrLimitWide,
        Field::TrLimit,
        |value| value <= TSS_LIMIT.into(),
        |place| format!("the task state segment has room for an I/O permission map on {place}"),
    ));
    hidden_parts(machine, findings);
    noncanonical(machine, findings);
}

fn hidden_parts(machine: &Machine, findings: &mut Vec<Finding>) {
    type Part = fn(&Subject) -> Segment;
    let data: [(&str, [Field; 2], Part); 2] = [
        ("FS", [Field::FsSelector, Field::FsAttrib], |subject| {
            subject.capture.vmsave.fs
        }),
        ("GS", [Field::GsSelector, Field::GsAttrib], |subject| {
            subject.capture.vmsave.gs
        }),
    ];
    for (name, fields, part) in data {
        findings.extend(unfit_captures(
            machine,
            FindingId::SegmentInvalid,
            &fields,
            |subject| !is_loadable(&part(subject)),
            |place| format!("{name} is no present data segment on {place}"),
        ));
    }
    for field in [
        Field::FsAttrib,
        Field::GsAttrib,
        Field::LdtrAttrib,
        Field::TrAttrib,
    ] {
        findings.extend(unfit(
            machine,
            FindingId::AttributesReserved,
            field,
            |value| {
                let attributes = field.attributes(value);
                attributes.is_none_or(|attributes| attributes.reserved() == 0)
            },
            |place| format!("{} have reserved bits set on {place}", field.heading()),
        ));
    }
    findings.extend(unfit_captures(
        machine,
        FindingId::LdtrLoaded,
        &[Field::LdtrSelector],
        |subject| !Selector(subject.capture.vmsave.ldtr.selector).is_null(),
        |place| format!("a local descriptor table is loaded on {place}"),
    ));
}

/// A finding for each field that holds an address that no processor could hold.
fn noncanonical(machine: &Machine, findings: &mut Vec<Finding>) {
    const IMAGE_ADDRESS_BITS: u32 = 48;
    let id = FindingId::AddressNoncanonical;
    // The base of a local table says something while one is loaded.
    for field in id.fields().iter().chain(&[Field::LdtrBase]) {
        let unfit = machine.subjects(id).filter_map(|subject| {
            // Each register by its own name: SWAPGS is no matter here.
            let value = subject.own_value(*field)?;
            let ldtr = Selector(subject.capture.vmsave.ldtr.selector);
            if *field == Field::LdtrBase && ldtr.is_null() {
                // Nothing was loaded: processors leave here what they like.
                return None;
            }
            let known = subject.capture.vmcb().and_then(Guest::address_bits);
            let bits = if field.is_entry_point() {
                IMAGE_ADDRESS_BITS
            } else {
                known.unwrap_or(MOST_ADDRESS_BITS)
            };
            (!is_canonical(value, bits)).then_some((value, subject.id))
        });
        let values = fold::by_value(unfit);
        findings.extend(finding_of(machine, id, *field, values, |place| {
            format!(
                "{} is an address that no processor could hold on {place}",
                field.heading()
            )
        }));
    }
}

/// A value that each processor should have for itself, and some share.
fn shared(machine: &Machine, id: FindingId, field: Field) -> Option<Finding> {
    let all = || {
        let subjects = machine.subjects(id);
        subjects.filter_map(|subject| subject.value(field))
    };
    if sort::distinct(all()).len() == all().count() {
        return None;
    }
    let mut shared = machine.values(id, field);
    shared.retain(|(_, ids)| ids.len() > 1);
    let places: Vec<String> = shared
        .iter()
        .map(|(_, ids)| fold::processors(ids.iter().copied()))
        .collect();
    let values = sort::distinct(shared.into_iter().map(|(value, _)| value));
    let subjects = machine.subjects(id).filter(|subject| {
        let value = subject.value(field);
        value.is_some_and(|value| values.binary_search(&value).is_ok())
    });
    let sentence = format!("is the same on {}", places.join(" and on "));
    let finding = Finding::new(id, sentence, evidence(machine, field, subjects));
    Some(named(finding))
}

/// The finding with the registers that it rests on before its sentence: what is said of GS base
/// holds for `KernelGsBase` where SWAPGS put the kernel's base there.
fn named(finding: Finding) -> Finding {
    let values = finding.values.iter();
    let registers = sort::few(values.map(|value| value.field.heading()));
    Finding {
        sentence: format!("{} {}", registers.join(" or "), finding.sentence),
        ..finding
    }
}

fn is_task_state_segment(tr: &Segment) -> bool {
    const AVAILABLE: u8 = 0x9;
    const BUSY: u8 = 0xB;
    let attributes = tr.attributes;
    // LTR refuses the others.
    Selector(tr.selector).global_offset().is_some()
        && attributes.present()
        && !attributes.code_or_data()
        && [AVAILABLE, BUSY].contains(&attributes.segment_type())
        && tr.limit >= TSS_LIMIT
}

/// Whether FS or GS could have been loaded so.
fn is_loadable(segment: &Segment) -> bool {
    const CODE: u8 = 0b1000;
    const READABLE: u8 = 0b0010;
    let attributes = segment.attributes;
    let kind = attributes.segment_type();
    Selector(segment.selector).is_null()
        || attributes.present()
            && attributes.code_or_data()
            && (kind & CODE == 0 || kind & READABLE != 0)
}
