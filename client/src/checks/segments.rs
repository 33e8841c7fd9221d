//! Segment registers: one task state segment and one GS base for each processor, and hidden
//! parts that a processor could have loaded.

use amd_svm::{descriptor::Selector, segment::Segment};

use super::{Evidence, Finding, FindingId, entry_points::is_upper_half, unfit, values};
use crate::model::{Capture, ProcessorId, Snapshot, field, fold};

/// Offset of the last byte of a 64-bit task state segment without an I/O permission map.
const TSS_LIMIT: u32 = 0x67;

pub(super) fn check(snapshot: &Snapshot, findings: &mut Vec<Finding>) {
    for (id, name) in [
        (FindingId::TrBaseShared, "tr.base"),
        (FindingId::GsBaseShared, "gs.base"),
    ] {
        findings.extend(shared(snapshot, id, name));
    }
    if let Some(base) = field::named("gs.base") {
        findings.extend(unfit(
            snapshot,
            FindingId::GsBaseOutsideKernel,
            base,
            is_upper_half,
            |place| format!("GS base is no address of the kernel on {place}"),
        ));
    }
    findings.extend(invalid(
        snapshot,
        FindingId::TssInvalid,
        &["tr.selector", "tr.attrib", "tr.limit", "tr.base"],
        |capture| !is_task_state_segment(&capture.vmsave.tr, snapshot.hides("tr.base")),
        |place| format!("TR is no usable task state segment on {place}"),
    ));
    if let Some(limit) = field::named("tr.limit") {
        findings.extend(unfit(
            snapshot,
            FindingId::TrLimitWide,
            limit,
            |value| value <= TSS_LIMIT.into(),
            |place| format!("the task state segment has room for an I/O permission map on {place}"),
        ));
    }
    findings.extend(invalid(
        snapshot,
        FindingId::SegmentInvalid,
        &["fs.selector", "fs.attrib"],
        |capture| !is_loadable(&capture.vmsave.fs),
        |place| format!("FS is no present data segment on {place}"),
    ));
    findings.extend(invalid(
        snapshot,
        FindingId::SegmentInvalid,
        &["gs.selector", "gs.attrib"],
        |capture| !is_loadable(&capture.vmsave.gs),
        |place| format!("GS is no present data segment on {place}"),
    ));
    findings.extend(invalid(
        snapshot,
        FindingId::LdtrLoaded,
        &["ldtr.selector"],
        |capture| !Selector(capture.vmsave.ldtr.selector).is_null(),
        |place| format!("a local descriptor table is loaded on {place}"),
    ));
}

/// A value that each processor should have for itself, and some share.
fn shared(snapshot: &Snapshot, id: FindingId, name: &str) -> Option<Finding> {
    let field = field::named(name)?;
    let shared: Vec<_> = values(snapshot, field)
        .into_iter()
        .filter(|(_, ids)| ids.len() > 1)
        .collect();
    let places: Vec<String> = shared
        .iter()
        .map(|(_, ids)| fold::processors(ids.iter().copied()))
        .collect();
    (!shared.is_empty()).then(|| {
        Finding::new(
            id,
            format!(
                "{} is the same on {}",
                field.heading,
                places.join(" and on ")
            ),
            shared
                .into_iter()
                .map(|(value, ids)| Evidence::new(snapshot, field, value, ids))
                .collect(),
        )
    })
}

/// The captures of which something is true, with the values of the fields that it rests on.
fn invalid(
    snapshot: &Snapshot,
    id: FindingId,
    names: &[&str],
    is_invalid: impl Fn(&Capture) -> bool,
    sentence: impl Fn(&str) -> String,
) -> Option<Finding> {
    let found: Vec<(ProcessorId, &Capture)> = snapshot
        .captures()
        .filter(|(_, capture)| is_invalid(capture))
        .collect();
    if found.is_empty() {
        return None;
    }
    let evidence = names
        .iter()
        .filter_map(|name| field::named(name))
        .filter(|field| !snapshot.hides(field.name))
        .flat_map(|field| {
            let values = found
                .iter()
                .filter_map(|(id, capture)| Some((field.of(capture)?, *id)));
            fold::by_value(values)
                .into_iter()
                .map(|(value, ids)| Evidence::new(snapshot, field, value, ids))
        })
        .collect();
    let place = fold::processors(found.iter().map(|(id, _)| *id));
    Some(Finding::new(id, sentence(&place), evidence))
}

fn is_task_state_segment(tr: &Segment, base_is_hidden: bool) -> bool {
    const AVAILABLE: u8 = 0x9;
    const BUSY: u8 = 0xB;
    let attributes = tr.attributes;
    attributes.present()
        && !attributes.code_or_data()
        && [AVAILABLE, BUSY].contains(&attributes.segment_type())
        && tr.limit >= TSS_LIMIT
        && (base_is_hidden || is_upper_half(tr.base))
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
