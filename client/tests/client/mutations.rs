//! What `check` makes of a change of any one bit, and the tables of `docs/checks.md`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::{env, fs};

use client::{Field, FindingId, ProcessorSnapshot, Snapshot, check};

use crate::rules::{agree, healthy};

/// Bits that a field has on a processor.
fn bits(field: Field) -> u32 {
    match field.name().rsplit('.').next() {
        Some("selector" | "attrib") => 16,
        Some("limit") => 32,
        _ => 64,
    }
}

/// The processor with a bit of a field changed; none for fields that only pages have.
fn flip(mut processor: ProcessorSnapshot, field: Field, bit: u32) -> Option<ProcessorSnapshot> {
    let mask = 1_u64 << bit;
    let capture = processor.result.as_mut().unwrap();
    let state = &mut capture.vmsave;
    let registers = &mut state.system_call;
    let details = capture.details.as_mut().unwrap();
    let segment = match field.name().split_once('.') {
        Some(("fs", _)) => Some(&mut state.fs),
        Some(("gs", _)) => Some(&mut state.gs),
        Some(("ldtr", _)) => Some(&mut state.ldtr),
        Some(("tr", _)) => Some(&mut state.tr),
        _ => None,
    };
    if let Some(segment) = segment {
        match field.name().split_once('.')?.1 {
            "selector" => segment.selector ^= u16::try_from(mask).unwrap(),
            "attrib" => {
                let attributes = u16::from(segment.attributes) ^ u16::try_from(mask).unwrap();
                segment.attributes = attributes.into();
            }
            "limit" => segment.limit ^= u32::try_from(mask).unwrap(),
            _ => segment.base ^= mask,
        }
        return Some(processor);
    }
    match field {
        Field::Star => registers.star ^= mask,
        Field::Lstar => registers.lstar ^= mask,
        Field::Cstar => registers.cstar ^= mask,
        Field::Sfmask => registers.sfmask ^= mask,
        Field::KernelGsBase => registers.kernel_gs_base ^= mask,
        Field::SysenterCs => registers.sysenter_cs ^= mask,
        Field::SysenterEsp => registers.sysenter_esp ^= mask,
        Field::SysenterEip => registers.sysenter_eip ^= mask,
        Field::Tsc => details.tsc ^= mask,
        Field::EferFound => {
            details.efer_found = (u64::from(details.efer_found) ^ mask).into();
        }
        Field::EferLeft => details.efer_left = (u64::from(details.efer_left) ^ mask).into(),
        _ => return None,
    }
    Some(processor)
}

/// Why a change that nothing finds cannot be found.
fn reason(field: Field) -> &'static str {
    match field {
        Field::FsBase | Field::KernelGsBase => "not judged: belongs to the thread that runs",
        Field::GsBase | Field::TrBase => {
            "not judged: each processor has its own, and any address of the kernel may be right"
        }
        Field::LdtrAttrib | Field::LdtrLimit | Field::LdtrBase => {
            "not judged: the selector is null, so it has no meaning"
        }
        Field::LdtrSelector => "not judged: a null selector of another privilege level",
        Field::FsSelector | Field::GsSelector | Field::TrSelector => {
            "not judged: the layout of the descriptor table is the kernel's choice"
        }
        Field::FsAttrib | Field::GsAttrib | Field::TrAttrib => {
            "not judged: accessed, busy, granularity and what 64-bit mode ignores"
        }
        Field::FsLimit | Field::GsLimit => "not judged: 64-bit mode ignores it",
        Field::SysenterEsp => "not judged: SYSENTER is refused in long mode",
        Field::Tsc => "not judged: never stands still",
        _ => "not judged",
    }
}

fn found(snapshot: &Snapshot, field: Field) -> String {
    let mut ids: Vec<FindingId> = check(snapshot)
        .findings
        .iter()
        .map(|finding| finding.id)
        .collect();
    ids.dedup();
    if ids.is_empty() {
        return reason(field).to_owned();
    }
    let names: Vec<_> = ids.iter().map(|id| format!("`{id}`")).collect();
    names.join(", ")
}

/// `0-3,5`.
fn list(bits: &[u32]) -> String {
    let mut runs: Vec<(u32, u32)> = Vec::new();
    for bit in bits {
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == *bit => *last = *bit,
            _ => runs.push((*bit, *bit)),
        }
    }
    let runs: Vec<_> = runs
        .into_iter()
        .map(|(first, last)| {
            if first == last {
                first.to_string()
            } else {
                format!("{first}-{last}")
            }
        })
        .collect();
    runs.join(",")
}

/// The outcome of every bit of a field: in what VMSAVE stored alone, and in both.
fn outcomes(field: Field) -> Vec<([String; 2], Vec<u32>)> {
    let mut outcomes: Vec<([String; 2], Vec<u32>)> = Vec::new();
    let mut places = BTreeMap::new();
    for bit in 0..bits(field) {
        let mut alone = healthy();
        let Some(changed) = flip(alone.processors[2].clone(), field, bit) else {
            return Vec::new();
        };
        alone.processors[2] = changed;
        let mut both = alone.clone();
        agree(&mut both);
        let outcome = [found(&alone, field), found(&both, field)];
        let place = *places.entry(outcome.clone()).or_insert_with(|| {
            outcomes.push((outcome, Vec::new()));
            outcomes.len() - 1
        });
        outcomes[place].1.push(bit);
    }
    outcomes
}

fn mutations() -> String {
    let mut table = "| field | bits | in what VMSAVE stored | in the register itself |\n\
                     |---|---|---|---|\n"
        .to_owned();
    for field in Field::all() {
        for ([alone, both], bits) in outcomes(field) {
            let bits = list(&bits);
            writeln!(table, "| `{field}` | {bits} | {alone} | {both} |").unwrap();
        }
    }
    table
}

fn rules() -> String {
    let mut table = "| rule | severity | looks at | finds |\n|---|---|---|---|\n".to_owned();
    for id in FindingId::all() {
        let fields: Vec<_> = id
            .fields()
            .iter()
            .map(|field| format!("`{field}`"))
            .collect();
        let fields = match fields.len() {
            0 => "the processors or the modules".to_owned(),
            21 => "all that is read twice".to_owned(),
            _ => fields.join(", "),
        };
        writeln!(
            table,
            "| `{id}` | {} | {fields} | {} |",
            id.severity(),
            id.title()
        )
        .unwrap();
    }
    table
}

/// The page with what stands between two marks replaced.
fn filled(page: &str, mark: &str, table: &str) -> String {
    let (head, rest) = page.split_once(&format!("<!-- {mark} -->\n")).unwrap();
    let (_, tail) = rest.split_once(&format!("<!-- end of {mark} -->")).unwrap();
    format!("{head}<!-- {mark} -->\n{table}<!-- end of {mark} -->{tail}")
}

#[test]
fn the_tables_of_the_page_are_what_check_does() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/checks.md");
    let page = fs::read_to_string(path).unwrap();
    let mutations = mutations();
    let expected = filled(&filled(&page, "rules", &rules()), "mutations", &mutations);
    if env::var_os("SVMSAVE_WRITE_CHECKS").is_some() {
        fs::write(path, &expected).unwrap();
    } else {
        assert_eq!(
            page, expected,
            "run this with SVMSAVE_WRITE_CHECKS=1 to write the page again"
        );
    }
    // Every field that a driver's snapshot has is in the table, and no bit is without its reason.
    for field in Field::all() {
        let has_row = mutations.contains(&format!("| `{field}` |"));
        let is_pages = ["cpl", "efer", "cr0", "cr4"].contains(&field.name());
        assert_ne!(has_row, is_pages, "{field}");
    }
    assert!(!mutations.contains("| not judged |"), "{mutations}");
}

#[test]
fn every_reason_is_on_the_page() {
    let page = include_str!("../../../docs/checks.md");
    let source = include_str!("../../src/checks/coverage.rs");
    let (_, codes) = source.split_once("const fn code").unwrap();
    let (codes, _) = codes.split_once("impl fmt::Display").unwrap();
    let codes: Vec<&str> = codes.split('"').skip(1).step_by(2).collect();
    assert!(codes.contains(&"kernel-in-doubt"), "{codes:?}");
    for code in codes {
        assert!(page.contains(&format!("`{code}`")), "{code}");
    }
}

#[test]
fn a_change_of_what_system_calls_go_by_is_found_whichever_bit_it_is() {
    for field in [
        Field::Lstar,
        Field::Cstar,
        Field::Star,
        Field::Sfmask,
        Field::SysenterCs,
        Field::SysenterEip,
    ] {
        for ([alone, both], bits) in outcomes(field) {
            assert!(!alone.starts_with("not judged"), "{field} {bits:?}");
            assert!(!both.starts_with("not judged"), "{field} {bits:?}");
        }
    }
}
