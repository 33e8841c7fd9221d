//! The file and the page of a run; files from elsewhere.

use std::path::Path;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::machine::TestMachine;
use super::state::Damage;
use super::{QUICK, test, without_times};
use crate::selftest::record::{NotRecord, Record};
use crate::selftest::{compare, html};

fn schema() -> jsonschema::Validator {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(folder.join("../docs/selftest.schema.json")).unwrap();
    jsonschema::validator_for(&serde_json::from_str(&text).unwrap()).unwrap()
}

fn document() -> Value {
    let (record, _) = test(TestMachine::damaged(Damage::SvmeStays), QUICK);
    serde_json::from_str(&without_times(record).to_json().unwrap()).unwrap()
}

#[test]
fn what_is_written_is_what_the_schema_says_and_is_read_again() {
    let schema = schema();
    let machines = [
        TestMachine::new(),
        TestMachine::damaged(Damage::LeavesPool),
        TestMachine::with(|state| state.running = false),
    ];
    for machine in machines {
        let (record, _) = test(machine, QUICK);
        let text = record.to_json().unwrap();
        let document = serde_json::from_str(&text).unwrap();
        let errors: Vec<_> = schema
            .iter_errors(&document)
            .map(|one| one.to_string())
            .collect();
        assert_eq!(errors, [""; 0]);
        assert_eq!(Record::parse(text.as_bytes()).unwrap(), record);
        let marked = ["\u{feff}", &text].concat();
        assert_eq!(Record::parse(marked.as_bytes()).unwrap(), record);
        // As `>` and `Out-File` of Windows PowerShell 5.1 write it.
        let units = marked.encode_utf16().flat_map(u16::to_le_bytes);
        let units: Vec<u8> = units.collect();
        assert_eq!(Record::parse(&units).unwrap(), record);
    }
}

#[test]
fn a_file_of_another_form_is_told_which_client_reads_it() {
    let mut document = document();
    for (form, advice) in [
        (0, "take it again with this client"),
        (2, "use the client of a newer release"),
    ] {
        document["selftest"] = form.into();
        let error = Record::parse(document.to_string().as_bytes()).unwrap_err();
        assert!(error.to_string().ends_with(advice), "{error}");
    }
}

#[test]
fn what_the_schema_forbids_is_refused() {
    let (schema, whole) = (schema(), document());
    assert!(schema.is_valid(&whole));
    let wrong = [
        json!(null),
        json!(-1),
        json!(1.5),
        json!(true),
        json!([]),
        json!({}),
    ];
    for pointer in [
        "/selftest",
        "/client",
        "/taken_at",
        "/system",
        "/system/kind",
        "/system/build",
        "/driver",
        "/quick",
        "/seed",
        "/steps",
        "/steps/0",
        "/steps/0/id",
        "/steps/0/claim",
        "/steps/0/row",
        "/steps/0/result",
        "/steps/0/values",
        "/steps/0/values/code",
        "/steps/0/milliseconds",
    ] {
        for value in &wrong {
            let mut document = whole.clone();
            *document.pointer_mut(pointer).unwrap() = value.clone();
            let read = Record::parse(document.to_string().as_bytes()).is_ok();
            assert!(
                !read || schema.is_valid(&document),
                "{pointer} is read as {value}"
            );
        }
    }
}

#[test]
fn a_page_shows_every_step_and_obeys_none_of_its_texts() {
    let (record, _) = test(TestMachine::damaged(Damage::SvmeStays), QUICK);
    let mut record = without_times(record);
    let hostile = "<script>alert(1)</script>";
    record.client = hostile.to_owned();
    for step in &mut record.steps {
        step.reason = Some(hostile.to_owned());
        step.values.insert(hostile.to_owned(), hostile.into());
    }
    let page = html(&record).unwrap();
    assert!(!page.contains("<script"), "{page}");
    for step in &record.steps {
        assert!(
            page.contains(&format!("<code>{}</code>", step.id)),
            "{}",
            step.id
        );
    }
    assert!(page.contains("19 passed, 2 failed, 0 not done"), "{page}");
}

#[test]
fn a_list_without_end_is_refused() {
    let mut document = document();
    let step = document["steps"][0].clone();
    document["steps"] = json!(vec![step; 65]);
    let read = Record::parse(document.to_string().as_bytes());
    assert!(matches!(read, Err(NotRecord::TooManySteps)), "{read:?}");
}

proptest! {
    #[test]
    fn no_damage_to_a_file_is_too_strange(
        damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let mut bytes = FILE.clone();
        for (place, byte) in damage {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        if let Ok(record) = Record::parse(&bytes) {
            html(&record).unwrap();
            let (text, _) = compare(&[("file".to_owned(), record)]);
            prop_assert!(!text.contains(|one: char| one.is_control() && one != '\n'), "{text:?}");
        }
    }
}

static FILE: std::sync::LazyLock<Vec<u8>> =
    std::sync::LazyLock::new(|| document().to_string().into_bytes());
