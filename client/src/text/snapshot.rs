//! A snapshot as text: a row for each processor, the fields in blocks that fit the terminal.

use amd_svm::{
    segment::Segment,
    vmcb::{SystemCallRegisters, VmsaveState},
};
use comfy_table::CellAlignment;

use super::{
    attributes,
    columns::{self, Column},
};
use crate::{Capture, ProcessorId, Snapshot};

/// The captures of a snapshot that may have been narrowed; nothing if it has none. `processors`
/// is how many the machine has.
pub(crate) fn snapshot(snapshot: &Snapshot, processors: usize, width: usize) -> String {
    let rows: Vec<Row> = snapshot
        .processors
        .iter()
        .filter_map(|processor| Some((processor.id, processor.result.ok()?)))
        .collect();
    if rows.is_empty() {
        return String::new();
    }
    let count = match rows.len() {
        1 if processors == 1 => "1 processor".to_owned(),
        shown if shown == processors => format!("{shown} processors"),
        shown => format!("{shown} of {processors} processors"),
    };
    let blocks = columns::blocks(&labels(&rows), &fields(&rows), width);
    let findings = findings(&rows);
    let hidden = if snapshot.redacted.is_empty() {
        ""
    } else {
        "addresses are hidden and read as zero: SeDebugPrivilege is not held\n"
    };
    format!(
        "{}: VMSAVE on {count}\n{hidden}\n{blocks}{findings}",
        snapshot.driver
    )
}

/// A line for each value in which VMSAVE contradicts what was read without it, behind an empty
/// line; nothing if there is none.
fn findings(rows: &[Row]) -> String {
    let lines: Vec<String> = rows.iter().flat_map(findings_about).collect();
    if lines.is_empty() {
        return String::new();
    }
    format!("\n{}\n", lines.join("\n"))
}

fn findings_about((id, capture): &Row) -> impl Iterator<Item = String> {
    let processor = super::processors([*id]);
    let unread = capture
        .witness
        .err()
        .map(|obstacle| format!("{processor}: not compared with the registers: {obstacle}"));
    let contradictions = capture.disagreements().map(move |found| {
        format!(
            "{processor}: {} is {:#x} by VMSAVE and {:#x} without it",
            found.field, found.vmsave, found.witness
        )
    });
    unread.into_iter().chain(contradictions)
}

type Row = (ProcessorId, Capture);

fn column(
    heading: &'static str,
    alignment: CellAlignment,
    rows: &[Row],
    text: impl Fn(&Row) -> String,
) -> Column {
    Column {
        heading,
        alignment,
        cells: rows.iter().map(text).collect(),
    }
}

/// The index is enough where there is but one group.
fn labels(rows: &[Row]) -> Vec<Column> {
    let label = |heading, name: fn(&ProcessorId) -> String| {
        column(heading, CellAlignment::Right, rows, |(id, _)| name(id))
    };
    let mut labels = vec![label("CPU", |id| id.index.to_string())];
    if rows.iter().any(|(id, _)| id.group != 0) {
        labels.push(label("group", |id| format!("{}:{}", id.group, id.number)));
    }
    labels
}

/// What belongs together is one group of columns.
fn fields(rows: &[Row]) -> Vec<Vec<Column>> {
    let segment = |headings, segment| segment_columns(headings, rows, segment);
    let register = |heading, text: fn(&SystemCallRegisters) -> String| {
        column(heading, CellAlignment::Left, rows, |(_, capture)| {
            text(&capture.vmsave.system_call)
        })
    };
    let other = |heading, text: fn(&Capture) -> String| {
        column(heading, CellAlignment::Left, rows, |(_, capture)| {
            text(capture)
        })
    };
    vec![
        segment(["FS", "FS attributes", "FS limit", "FS base"], |state| {
            &state.fs
        }),
        segment(["GS", "GS attributes", "GS limit", "GS base"], |state| {
            &state.gs
        }),
        segment(
            ["LDTR", "LDTR attributes", "LDTR limit", "LDTR base"],
            |state| &state.ldtr,
        ),
        segment(["TR", "TR attributes", "TR limit", "TR base"], |state| {
            &state.tr
        }),
        vec![
            register("STAR", |msrs| address(msrs.star)),
            register("LSTAR", |msrs| address(msrs.lstar)),
            register("CSTAR", |msrs| address(msrs.cstar)),
        ],
        vec![register("SFMASK", |msrs| flags(msrs.sfmask))],
        vec![register("KernelGsBase", |msrs| {
            address(msrs.kernel_gs_base)
        })],
        vec![register("SYSENTER_CS", |msrs| flags(msrs.sysenter_cs))],
        vec![register("SYSENTER_ESP", |msrs| address(msrs.sysenter_esp))],
        vec![register("SYSENTER_EIP", |msrs| address(msrs.sysenter_eip))],
        vec![other("TSC", |capture| address(capture.tsc))],
        vec![
            other("EFER found", |capture| flags(capture.efer_found.into())),
            other("EFER left", |capture| flags(capture.efer_left.into())),
        ],
    ]
}

fn segment_columns(
    headings: [&'static str; 4],
    rows: &[Row],
    segment: fn(&VmsaveState) -> &Segment,
) -> Vec<Column> {
    let part = |heading, text: fn(&Segment) -> String| {
        column(heading, CellAlignment::Left, rows, |(_, capture)| {
            text(segment(&capture.vmsave))
        })
    };
    let [selector, attributes, limit, base] = headings;
    vec![
        part(selector, |segment| format!("{:#06x}", segment.selector)),
        part(attributes, attributes_cell),
        part(limit, |segment| format!("{:#010x}", segment.limit)),
        part(base, |segment| address(segment.base)),
    ]
}

fn attributes_cell(segment: &Segment) -> String {
    let raw = u16::from(segment.attributes);
    format!("{raw:#05x} {}", attributes::words(segment.attributes))
}

/// All 64 bits, for what may use them.
fn address(value: u64) -> String {
    format!("{value:#018x}")
}

/// 32 bits at least, for a register of which no more are defined.
fn flags(value: u64) -> String {
    format!("{value:#010x}")
}
