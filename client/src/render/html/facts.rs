//! Whose snapshot it is, when it was taken, and of what.

use crate::model::{Snapshot, sort};
use crate::render::{count, text};

/// What is known of the machine and of the snapshot, each with its name. Texts of the machine's own
/// are in printable ASCII.
pub(super) fn of(snapshot: &Snapshot, processors: usize) -> Vec<(&'static str, String)> {
    let machine = &snapshot.machine;
    let identity = &machine.processor;
    let numbers = [
        ("family", identity.family),
        ("model", identity.model),
        ("stepping", identity.stepping),
    ];
    let mut numbers: Vec<String> = numbers
        .into_iter()
        .filter_map(|(name, number)| Some(format!("{name} {:X}h", number?)))
        .collect();
    numbers.extend(
        identity
            .microcode
            .map(|revision| format!("microcode {revision:#010x}")),
    );
    let processor: Vec<String> = identity
        .printable_brand()
        .into_iter()
        .chain((!numbers.is_empty()).then(|| numbers.join(", ")))
        .collect();
    let switch =
        |name, on: Option<bool>| Some(format!("{name} {}", if on? { "on" } else { "off" }));
    let switches: Vec<String> = [
        switch("Secure Boot", machine.secure_boot),
        switch("test signing", machine.test_signing),
    ]
    .into_iter()
    .flatten()
    .collect();
    let joined = |parts: Vec<String>| (!parts.is_empty()).then(|| parts.join("; "));
    let host = if snapshot.anonymous {
        Some("anonymous: addresses are made up, places are not".to_owned())
    } else {
        machine.printable_host()
    };
    let driver = snapshot.driver.map_or_else(
        || text::snapshot::sources(snapshot),
        |driver| driver.to_string(),
    );
    let captured = snapshot.captures().count();
    [
        ("Machine", host),
        ("Taken", snapshot.taken_at.map(in_words)),
        (
            "Processors",
            Some(self::processors(snapshot, captured, processors)),
        ),
        ("System", machine.printable_os()),
        ("Started", machine.booted_at.map(in_words)),
        ("Processor", joined(processor)),
        ("Hypervisor", machine.printable_hypervisor()),
        ("Firmware and system", joined(switches)),
        ("Source", Some(driver)),
    ]
    .into_iter()
    .filter_map(|(name, fact)| Some((name, fact?)))
    .collect()
}

/// A moment as people read it, to the second.
fn in_words(moment: crate::model::Timestamp) -> String {
    let text = moment.to_string();
    let (date, time) = text.split_once('T').unwrap_or((&text, ""));
    format!("{date} {} UTC", time.get(..8).unwrap_or_default())
}

fn processors(snapshot: &Snapshot, captured: usize, all: usize) -> String {
    let groups = snapshot.processors.iter().map(|one| one.id.group.into());
    let groups: Vec<u32> = sort::few(groups);
    let groups = if groups.len() > 1 {
        format!(" in {}", count::plural(groups.len(), "group"))
    } else {
        String::new()
    };
    if captured == all {
        format!("{all}{groups}")
    } else {
        format!("{all}{groups}, {captured} captured")
    }
}
