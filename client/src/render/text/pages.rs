//! What a page has beside what VMSAVE stores, as text: fields by group, with their words.

use std::fmt::Write as _;

use amd_svm::fields::VmsaveField;
use amd_svm::vmcb::VMCB_SIZE;
use amd_svm::vmcb::consistency::Condition;
use amd_svm::vmcb::fields::{self, Field, Group};

use super::colour::{Paint, Palette};
use crate::checks::Vmrun;
use crate::model::{Capture, Layout, Page, ProcessorId, Snapshot, fold};
use crate::render::json::{digits, padded};
use crate::render::words;

/// A section for each page that has more than what VMSAVE stores, behind an empty line.
pub(crate) fn pages(snapshot: &Snapshot, width: usize, palette: Palette) -> String {
    let mut text = String::new();
    for (id, capture) in snapshot.captures() {
        for page in capture.pages.iter().flat_map(|pages| pages.iter()) {
            text += &section(id, capture, page, width, palette);
        }
    }
    text
}

fn section(
    id: ProcessorId,
    capture: &Capture,
    page: &Page,
    width: usize,
    palette: Palette,
) -> String {
    let others: Vec<&Field> = page
        .layout()
        .fields()
        .iter()
        .filter(|field| VmsaveField::named(field.name()).is_none())
        .collect();
    let has_exit = words::has_exit(page);
    let is_shown = |field: &Field| {
        let is_set = |bytes: &[u8]| bytes.iter().any(|byte| *byte != 0);
        page.bytes(field.range()).is_some_and(is_set)
            || lower_half(field, page).is_some()
            // Zero is a code, too.
            || has_exit && field.name() == "exit_code" && page.field("exit_code").is_some()
    };
    let rest = rest(page);
    let shown: Vec<&Field> = others
        .iter()
        .filter(|field| is_shown(field))
        .copied()
        .collect();
    if shown.is_empty() && rest.is_empty() && page.is_whole() {
        return String::new();
    }
    let is_registers = capture.pages.as_ref().is_some_and(|pages| {
        let registers = pages.registers.as_ref();
        registers.is_some_and(|registers| std::ptr::eq(registers, page))
    });
    let name = match page.layout() {
        Layout::Vmcb => "VMCB",
        Layout::Vmsa if is_registers => "registers beside the VMCB",
        Layout::Vmsa => "save area of SEV-ES (VMSA)",
    };
    let heading = format!("{}, {name}", fold::processors([id]));
    let mut text = format!("\n{}\n", palette.paint(Paint::Heading, heading));
    text += &by_group(&shown, page, width, palette);
    text += &rest;
    let names = |wanted: &dyn Fn(&Field) -> bool| -> Vec<&str> {
        let chosen = others.iter().filter(|field| wanted(field));
        chosen.map(|field| field.name()).collect()
    };
    if !is_registers {
        let zero = names(&|field| {
            let bytes = page.bytes(field.range());
            bytes.is_some_and(|bytes| bytes.iter().all(|byte| *byte == 0)) && !is_shown(field)
        });
        text += &wrapped("  zero: ", &by_segment(&zero), width);
        let all = page.layout().fields().iter();
        let is_absent = |field: &&Field| page.bytes(field.range()).is_none() && !is_shown(field);
        let absent = all.filter(is_absent);
        let absent: Vec<&str> = absent.map(Field::name).collect();
        text += &wrapped("  not in the source: ", &by_segment(&absent), width);
    }
    text
}

/// Fields under the titles of their groups, the groups in the order in which their fields come.
fn by_group(fields: &[&Field], page: &Page, width: usize, palette: Palette) -> String {
    let mut groups: Vec<Group> = Vec::new();
    for field in fields {
        if !groups.contains(&field.group()) {
            groups.push(field.group());
        }
    }
    let mut text = String::new();
    for group in groups {
        // Writing into a string cannot fail.
        let _ = writeln!(text, "  {}", palette.paint(Paint::Faint, group.title()));
        for field in fields.iter().filter(|field| field.group() == group) {
            text += &line(field, page, width);
        }
    }
    text
}

/// The names, with that of a segment in place of its four parts.
fn by_segment<'a>(names: &[&'a str]) -> Vec<&'a str> {
    let segment = |name: &'a str| name.split_once('.').map(|(segment, _)| segment);
    let groups =
        names.chunk_by(|one, next| segment(one).is_some() && segment(one) == segment(next));
    let fold = |group: &[&'a str]| match (group, group.first().and_then(|name| segment(name))) {
        ([_, _, _, _], Some(segment)) => vec![segment],
        _ => group.to_vec(),
    };
    groups.flat_map(fold).collect()
}

/// What is known of a number whose upper half is not.
fn lower_half(field: &Field, page: &Page) -> Option<u64> {
    let range = field.range();
    let is_half = field.width() == 8 && page.bytes(range.clone()).is_none();
    page.number(range.start..range.start + 4)
        .filter(|_| is_half)
}

/// A field with its words.
fn line(field: &Field, page: &Page, width: usize) -> String {
    let bytes = page.bytes(field.range()).unwrap_or_default();
    if !field.is_number() {
        let pieces: Vec<String> = bytes.chunks(8).map(digits).collect();
        let pieces: Vec<&str> = pieces.iter().map(String::as_str).collect();
        return wrapped_by(&format!("    {:25} ", field.name()), &pieces, " ", width);
    }
    let lower = lower_half(field, page);
    let value = page.number(field.range()).or(lower).unwrap_or(0);
    let number = if lower.is_some() {
        format!("{} (lower half)", padded(value, 8))
    } else {
        padded(value, 2 * field.width())
    };
    let head = format!("    {:25} {number}", field.name());
    match words::field(field.name(), value, page) {
        Some(words) => {
            let words: Vec<&str> = words.split(' ').collect();
            wrapped_by(&format!("{head}  "), &words, " ", width)
        }
        None => format!("{head}\n"),
    }
}

/// Known bytes that are no field's, or a part of one: those that are not zero.
fn rest(page: &Page) -> String {
    let mut text = String::new();
    let gaps = fields::gaps(page.layout().fields(), VMCB_SIZE);
    for gap in gaps {
        let filled = page.filled();
        let is_set = |at: &usize| filled[*at] != 0;
        let (Some(first), Some(last)) = (gap.clone().find(is_set), gap.rev().find(is_set)) else {
            continue;
        };
        let digits = digits(&filled[first..=last]);
        let _ = writeln!(
            text,
            "    {:25} {digits}",
            format!("reserved at {first:#05x}")
        );
    }
    text
}

fn wrapped(head: &str, names: &[&str], width: usize) -> String {
    if names.is_empty() {
        return String::new();
    }
    wrapped_by(head, names, ", ", width)
}

/// Pieces behind a head, in lines that begin where the first piece does.
fn wrapped_by(head: &str, pieces: &[&str], separator: &str, width: usize) -> String {
    const FEWEST: usize = 24;
    let indent = head.len().min(width.saturating_sub(FEWEST)).max(4);
    let mut text = head.to_owned();
    let mut column = head.len();
    for (at, piece) in pieces.iter().enumerate() {
        let is_last = at + 1 == pieces.len();
        let behind = if is_last { "" } else { separator };
        let length = piece.len() + behind.trim_end().len();
        if column + length > width && column > indent {
            text.truncate(text.trim_end().len());
            text.push('\n');
            text.push_str(&" ".repeat(indent));
            column = indent;
        }
        text.push_str(piece);
        text.push_str(behind);
        column += piece.len() + behind.len();
    }
    text.push('\n');
    text
}

/// What VMRUN would refuse, a line for each condition, and a closing one for each processor.
pub(crate) fn vmrun(snapshot: &Snapshot, palette: Palette) -> String {
    let mut text = String::new();
    for (id, capture) in snapshot.captures() {
        let place = fold::processors([id]);
        let Some(vmrun) = capture.pages.as_deref().and_then(Vmrun::of) else {
            let _ = writeln!(text, "\n{place}: there is no VMCB that VMRUN could refuse");
            continue;
        };
        text.push('\n');
        for condition in &vmrun.refused {
            let id = palette.paint(Paint::Bad, condition.identifier());
            let _ = writeln!(
                text,
                "{place}: {id}: {} ({}; APM volume 2, {})",
                condition.text(),
                condition.fields().join(", "),
                condition.section()
            );
        }
        if !vmrun.not_judged.is_empty() {
            let names = vmrun.not_judged.iter().map(|one| one.identifier());
            let names: Vec<_> = names.collect();
            let reason = if vmrun.is_encrypted {
                "for an SEV-ES guest's save area is encrypted, or for lack of fields"
            } else {
                "for lack of fields"
            };
            let note = format!("{place}: not judged, {reason}: {}", names.join(", "));
            let _ = writeln!(text, "{}", palette.paint(Paint::Faint, note));
        }
        let closing = match (vmrun.refused.len(), vmrun.not_judged.len()) {
            (0, 0) => "VMRUN accepts it, on a processor that has what it asks for".to_owned(),
            (0, _) if !vmrun.is_of_something() => {
                "none of VMRUN's conditions was judged".to_owned()
            }
            (0, _) => "VMRUN refuses nothing of what was judged".to_owned(),
            (count, _) => format!(
                "VMRUN refuses it, for {}",
                crate::render::count::plural(count, "condition")
            ),
        };
        let _ = writeln!(text, "{place}: {closing}");
    }
    text
}

/// What a condition means.
pub(crate) fn condition(condition: Condition, palette: Palette) -> String {
    let depends = condition
        .depends_on()
        .map_or(String::new(), |what| format!("It depends on {what}.\n"));
    format!(
        "{} (VMRUN refuses)\n{}.\n{depends}\nFields: {}\nManual: APM volume 2, section {}\n",
        palette.paint(Paint::Heading, condition.identifier()),
        condition.text(),
        condition.fields().join(", "),
        condition.section()
    )
}

/// A line for each condition.
pub(crate) fn conditions(palette: Palette) -> String {
    let identifiers = Condition::ALL.iter().map(|one| one.identifier());
    let widest = identifiers.map(str::len).max().unwrap_or(0);
    let mut text = String::new();
    for condition in Condition::ALL {
        let name = palette.paint(
            Paint::Heading,
            format!("{:widest$}", condition.identifier()),
        );
        let _ = writeln!(text, "{:7}  {name}  {}", "VMRUN", condition.text());
    }
    text
}
