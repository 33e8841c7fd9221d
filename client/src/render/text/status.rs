//! A status as text: a line for each fact, with the processors named where they differ.

use crate::model::status::feature_names;
use crate::model::{ProcessorStatus, Status, fold};
use std::fmt::Write as _;

use amd_svm::cpuid::SvmIdentity;

/// Narrower text would break every word.
const NARROWEST: usize = 40;

/// Blanks between a label and its value.
const GAP: usize = 2;

/// A status that may have been narrowed to some processors.
pub(crate) fn status(status: &Status, width: usize) -> String {
    let driver = status.driver.map(|driver| ("driver", driver.to_string()));
    let active = status.active_processors;
    let processors = if !status.recorded {
        format!("{active} active, {} at most", status.maximum_processors)
    } else if usize::try_from(active) == Ok(status.processors.len()) {
        active.to_string()
    } else {
        format!("{} of {active}", status.processors.len())
    };
    let mut rows: Vec<(&str, String)> = driver.into_iter().collect();
    rows.push(("processors", processors));
    if !status.recorded {
        rows.extend(identities(status));
    }
    rows.extend(fact("EFER.SVME", status, svme));
    rows.extend(fact("VMSAVE", status, possibility));
    let labels = rows.iter().map(|(label, _)| label.len()).max().unwrap_or(0);
    let room = width.max(NARROWEST) - labels - GAP;
    let mut text = String::new();
    for (label, value) in rows {
        let mut label = label;
        for line in wrapped(&value, room) {
            // Writing into a string cannot fail.
            let _ = writeln!(text, "{label:labels$}{:GAP$}{line}", "");
            label = "";
        }
    }
    text
}

/// The text in lines of at most this many letters, as far as its words let it.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) if line.len() + 1 + word.len() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// What CPUID says, which snapshots do not record.
fn identities(status: &Status) -> impl Iterator<Item = (&'static str, String)> {
    [
        fact("vendor", status, |one| or_none(one.vendor.as_deref())),
        fact("hypervisor", status, |one| {
            or_none(one.hypervisor.as_deref())
        }),
        fact("SVM", status, |one| {
            one.svm.map_or("none".to_owned(), identity)
        }),
        fact("features", status, |one| {
            one.svm.map_or("none".to_owned(), features)
        }),
    ]
    .into_iter()
    .flatten()
}

/// The lines of one fact: one if it is the same everywhere.
fn fact(
    label: &'static str,
    status: &Status,
    fact: impl Fn(&ProcessorStatus) -> String,
) -> Vec<(&'static str, String)> {
    let all = status.processors.iter();
    let folded = fold::by_value(all.map(|processor| (fact(processor), processor.id)));
    if let [(value, _)] = folded.as_slice() {
        return vec![(label, value.clone())];
    }
    let labels = std::iter::once(label).chain(std::iter::repeat(""));
    labels
        .zip(folded)
        .map(|(label, (value, ids))| (label, format!("{}: {value}", fold::processors(ids))))
        .collect()
}

fn or_none(name: Option<&str>) -> String {
    name.unwrap_or("none").to_owned()
}

fn identity(svm: SvmIdentity) -> String {
    format!("revision {}, {} ASIDs", svm.revision, svm.asids)
}

fn features(svm: SvmIdentity) -> String {
    let names = feature_names(svm.features);
    if names.is_empty() {
        "none".to_owned()
    } else {
        names.join(" ")
    }
}

fn svme(processor: &ProcessorStatus) -> String {
    match processor.efer {
        Some(efer) if efer.svme() => "set (SVM is in use already)",
        Some(_) => "clear",
        None => "not read",
    }
    .to_owned()
}

fn possibility(processor: &ProcessorStatus) -> String {
    match &processor.result {
        None => "not known: a VMCB page does not tell".to_owned(),
        Some(Ok(())) => "possible".to_owned(),
        Some(Err(reason)) => format!("not possible: {reason}"),
    }
}
