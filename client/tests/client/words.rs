//! What a file says in words of its own, and what it says that cannot be: the one is shown and kept,
//! the other refused.

use client::{Field, Snapshot, check};
use serde_json::{Value, json};

use crate::fake::Driver;
use crate::files::{Folder, schema};
use crate::rules::healthy;
use crate::run;

fn document() -> Value {
    serde_json::from_str(&healthy().to_json().unwrap()).unwrap()
}

fn parse(document: &Value) -> Result<Snapshot, String> {
    Snapshot::parse(document.to_string().as_bytes()).map_err(|error| error.to_string())
}

/// The document with a processor that has nothing but this reason.
fn with_error(index: usize, error: &Value) -> Value {
    let mut document = document();
    let processor = &mut document["processors"][index];
    *processor = json!({
        "index": index, "group": 0, "number": index, "error": error,
    });
    document
}

#[test]
fn the_words_of_a_file_are_shown_and_kept() {
    let folder = Folder::new();
    let (path, saved) = (folder.path("a.json"), folder.path("b.json"));
    for (error, words) in [
        (
            json!({"code": "firmware-says-no", "message": "the firmware \u{1b}[2Jsays no"}),
            "the firmware \\u{1b}[2Jsays no (`firmware-says-no`)",
        ),
        (
            json!({"code": "firmware-says-no"}),
            "the file's reason is `firmware-says-no`",
        ),
        (
            json!({"code": "fault", "step": "read-pat", "fault": "machine-check",
                   "message": "reading PAT raised #MC"}),
            "reading PAT raised #MC (`fault`)",
        ),
        (
            json!({"code": "no-svm", "message": "SVM was fused off"}),
            "SVM was fused off",
        ),
        (
            json!({"code": "unknown", "message": "reason 77"}),
            "reason 77 (`unknown`)",
        ),
    ] {
        std::fs::write(&path, with_error(2, &error).to_string()).unwrap();
        let from = |command: &[&str]| {
            let all = [command, &["--from", &path]].concat();
            run(&all, &mut Driver::with_processors(1))
        };
        let ran = from(&["check"]);
        assert_eq!(ran.exit, 6);
        let sentence = format!("VMSAVE was not completed on processor 2: {words}");
        assert!(ran.stdout.contains(&sentence), "{}", ran.stdout);
        for shown in [from(&["show"]).stderr, from(&["status"]).stdout] {
            let shown = shown.split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(shown.contains(words), "{shown}");
        }
        let csv = from(&["show", "--csv"]).stdout;
        assert!(csv.contains(error["code"].as_str().unwrap()), "{csv}");
        from(&["save", "--force", &saved]);
        let kept: Value = serde_json::from_str(&std::fs::read_to_string(&saved).unwrap()).unwrap();
        let kept = &kept["processors"][2]["error"];
        for member in ["code", "step", "fault", "message"] {
            if let Some(text) = error.get(member) {
                assert_eq!(&kept[member], text, "{member}");
            }
        }
    }
}

#[test]
fn words_about_the_witness_are_shown_and_kept_too() {
    let mut document = document();
    let processor = document["processors"][1].as_object_mut().unwrap();
    processor.remove("witness");
    processor.remove("disagreements");
    let error = json!({"code": "later", "message": "later perhaps"});
    processor.insert("witness_error".to_owned(), error.clone());
    let snapshot = parse(&document).unwrap();
    let findings = check(&snapshot).findings;
    assert_eq!(
        findings[0].sentence,
        "VMSAVE was compared with nothing on processor 1: later perhaps (`later`)"
    );
    let kept: Value = serde_json::from_str(&snapshot.to_json().unwrap()).unwrap();
    assert_eq!(kept["processors"][1]["witness_error"], error);
}

#[test]
fn known_words_are_known_again() {
    let error =
        json!({"code": "not-reached", "message": client::Unavailable::NotReached.to_string()});
    let snapshot = parse(&with_error(0, &error)).unwrap();
    assert_eq!(
        snapshot.processors[0].result,
        Err(client::Unavailable::NotReached)
    );
}

#[test]
fn values_that_would_be_passed_over_are_refused() {
    let change = |change: &dyn Fn(&mut Value)| {
        let mut document = document();
        change(&mut document["processors"][1]);
        parse(&document).unwrap_err()
    };
    let reason = json!({"code": "not-reached", "message": ""});
    for member in ["tsc", "efer_found", "efer_left"] {
        let error = change(&|one| {
            one.as_object_mut().unwrap().remove(member);
        });
        assert!(error.contains("has not all about processor 1"), "{error}");
    }
    let error = change(&|one| one["witness_error"] = reason.clone());
    assert!(
        error.contains("both `witness` and `witness_error`"),
        "{error}"
    );
    let error = change(&|one| one["error"] = reason.clone());
    assert!(error.contains("or both"), "{error}");
    for kept in ["tsc", "witness", "disagreements", "guest"] {
        let error = change(&|one| {
            let value = match kept {
                "guest" => json!({
                    "cpl": 0, "efer": "0x0", "cr0": "0x0", "cr4": "0x0", "encrypted": false,
                }),
                other => one[other].clone(),
            };
            *one = json!({"index": 1, "group": 0, "number": 1, "error": reason});
            one[kept] = value;
        });
        assert!(
            error.contains("beside its `error`") || error.contains("has not all"),
            "{kept}: {error}"
        );
    }
}

#[test]
fn a_name_that_is_declared_hidden_twice_hides_no_other() {
    let mut snapshot = healthy();
    snapshot.redacted = vec![Field::Lstar, Field::Lstar];
    for processor in &mut snapshot.processors {
        let capture = processor.result.as_mut().unwrap();
        capture.witness = None;
        capture.vmsave.system_call.lstar = 0;
        capture.vmsave.system_call.cstar = 0x1000;
    }
    let ids: Vec<_> = check(&snapshot)
        .findings
        .iter()
        .map(|finding| finding.id.name())
        .collect();
    assert_eq!(ids, ["cstar-outside-kernel"]);
}

#[test]
fn what_was_read_without_vmsave_is_there_or_the_value_is_not_hidden() {
    let mut snapshot = healthy();
    snapshot.redacted = vec![Field::Lstar, Field::TrBase];
    let lstar = |snapshot: &mut Snapshot, vmsave: u64, witness: u64| {
        for processor in &mut snapshot.processors {
            let capture = processor.result.as_mut().unwrap();
            capture.vmsave.system_call.lstar = vmsave;
            let Some(Ok(read)) = &mut capture.witness else {
                panic!("no witness");
            };
            read.system_call.lstar = witness;
        }
    };
    let ids = |snapshot: &Snapshot| -> Vec<_> {
        let findings = check(snapshot).findings.into_iter();
        findings.map(|finding| finding.id.name()).collect()
    };
    lstar(&mut snapshot, 0, 0xFFFF_F803_2000_1234);
    assert_eq!(
        ids(&snapshot),
        ["lstar-outside-kernel", "vmsave-contradicted"]
    );
    lstar(&mut snapshot, 0, 0);
    assert_eq!(ids(&snapshot), Vec::<&str>::new());
    assert!(!check(&snapshot).is_complete());

    // A list of disagreements says as much as the values.
    let brief = |listed: Value| {
        let mut document = document();
        document["redacted"] = json!(["lstar"]);
        document.as_object_mut().unwrap().remove("modules");
        for processor in document["processors"].as_array_mut().unwrap() {
            processor["vmsave"]["lstar"] = json!("0x0000000000000000");
            processor.as_object_mut().unwrap().remove("witness");
            processor["disagreements"] = listed.clone();
        }
        ids(&parse(&document).unwrap())
    };
    assert_eq!(brief(json!([])), Vec::<&str>::new());
    let listed = json!([{
        "field": "lstar", "vmsave": "0xfffff80320001234", "witness": "0xfffff8031a42b6c0",
    }]);
    assert_eq!(brief(listed), ["vmsave-contradicted"]);
}

#[test]
fn a_list_that_contradicts_the_values_is_refused() {
    let mut snapshot = healthy();
    let capture = snapshot.processors[1].result.as_mut().unwrap();
    let was = capture.vmsave.system_call.lstar;
    capture.vmsave.system_call.lstar = was + 0x40;
    let whole: Value = serde_json::from_str(&snapshot.to_json().unwrap()).unwrap();
    let entry = |field: &str, vmsave: u64, witness: u64| {
        let [vmsave, witness] = [vmsave, witness].map(|value| format!("{value:#x}"));
        json!({"field": field, "vmsave": vmsave, "witness": witness})
    };
    let right = entry("lstar", was + 0x40, was);
    let read = |listed: Value, has_witness: bool| {
        let mut document = whole.clone();
        document["processors"][1]["disagreements"] = listed;
        if !has_witness {
            let processor = document["processors"][1].as_object_mut().unwrap();
            processor.remove("witness");
        }
        parse(&document)
    };
    for has_witness in [true, false] {
        let found = check(&read(json!([right]), has_witness).unwrap()).findings;
        assert!(
            found
                .iter()
                .any(|one| one.id.name() == "vmsave-contradicted")
        );
        assert!(read(json!([]), has_witness).is_ok());
        for (field, listed) in [
            ("lstar", json!([entry("lstar", was + 0x40, was + 0x40)])),
            ("lstar", json!([entry("lstar", 1, 1)])),
            ("lstar", json!([entry("lstar", 1, was)])),
            ("lstar", json!([right, right])),
            ("star", json!([right, entry("star", 1, 2)])),
            ("tsc", json!([entry("tsc", 1, 2)])),
            ("efer_found", json!([entry("efer_found", 0xD01, 0x1D01)])),
            ("ldtr.base", json!([entry("ldtr.base", 0, 1)])),
        ] {
            let error = read(listed, has_witness).unwrap_err();
            let told =
                format!("what `disagreements` says of `{field}` of processor 1 (0:1) is not");
            assert!(error.starts_with(&told), "{error}");
        }
    }
    // What was read without VMSAVE is in the file, or is not.
    let other = json!([entry("lstar", was + 0x40, 2)]);
    assert!(read(other.clone(), true).is_err());
    assert!(read(other, false).is_ok());
}

#[test]
fn a_snapshot_of_some_processors_says_that_it_lacks_the_others() {
    let folder = Folder::new();
    let mut driver = Driver::with_processors(4);
    for (list, shown, told) in [
        (
            "3",
            "1 of 4",
            "not judged on processors 0-2 (not in the snapshot): lstar-differs, ",
        ),
        (
            "0",
            "1 of 4",
            "not judged on processors 1-3 (not in the snapshot): lstar-differs, ",
        ),
        (
            "0,2",
            "2 of 4",
            "not judged on processors 1,3 (not in the snapshot): lstar-differs, ",
        ),
    ] {
        let path = folder.path(&format!("some-{list}.json"));
        assert_eq!(run(&["save", "-p", list, &path], &mut driver).exit, 0);
        let from = ["check", "--from", &path];
        let ran = run(&from, &mut Driver::with_processors(1));
        assert_eq!(ran.exit, 7, "{}", ran.stdout);
        assert!(ran.stdout.contains(told), "{}", ran.stdout);
        let closing = format!("\n{shown} processors checked: nothing found; ");
        assert!(ran.stdout.contains(&closing), "{}", ran.stdout);
        // A file that was cut by hand is told by its gaps.
        let text = std::fs::read_to_string(&path).unwrap();
        let mut cut: Value = serde_json::from_str(&text).unwrap();
        cut.as_object_mut().unwrap().remove("active_processors");
        let complete = check(&parse(&cut).unwrap()).is_complete();
        assert_eq!(complete, list == "0");
    }
    let hostile = json!({
        "schema": 2, "active_processors": u32::MAX,
        "processors": [{"index": u32::MAX, "group": 0, "number": 0,
                        "error": {"code": "not-reached", "message": ""}}],
    });
    assert_eq!(check(&parse(&hostile).unwrap()).processors, 16385);
}

/// The place of every value in a document, as pointers.
fn pointers(value: &Value, at: &str, all: &mut Vec<String>) {
    let children: Vec<(String, &Value)> = match value {
        Value::Object(members) => members
            .iter()
            .map(|(name, one)| (name.clone(), one))
            .collect(),
        Value::Array(items) => (0..)
            .zip(items)
            .map(|(at, one): (usize, _)| (at.to_string(), one))
            .collect(),
        _ => Vec::new(),
    };
    for (name, child) in children {
        let pointer = format!("{at}/{name}");
        pointers(child, &pointer, all);
        all.push(pointer);
    }
}

#[test]
fn what_the_schema_forbids_is_refused() {
    let schema = schema();
    let whole = {
        let mut snapshot = healthy();
        snapshot.redacted = vec![Field::SysenterEsp];
        snapshot.processors.truncate(3);
        snapshot.processors[1].result = Err(client::Unavailable::NotReached);
        let mut page = snapshot.processors[2].clone();
        let capture = page.result.as_mut().unwrap();
        capture.witness = Some(Err(client::Unavailable::NotReached));
        capture.guest = Some(client::Guest::default());
        snapshot.processors[2] = page;
        // So that there is a disagreement to list.
        let hooked = snapshot.processors[0].result.as_mut().unwrap();
        hooked.vmsave.system_call.lstar += 0x40;
        serde_json::from_str(&snapshot.to_json().unwrap()).unwrap()
    };
    assert!(schema.is_valid(&whole) && parse(&whole).is_ok());
    let mut all = Vec::new();
    pointers(&whole, "", &mut all);
    assert!(all.len() > 100, "{}", all.len());
    let wrong = [
        json!(null),
        json!(""),
        json!("0x"),
        json!("0x00000000000000000"),
        json!("-1"),
        json!("+1.2.3"),
        json!(-1),
        json!(1.5),
        json!(70_000),
        json!(true),
        json!([]),
        json!({}),
    ];
    for pointer in &all {
        let mut changed: Vec<Value> = wrong
            .iter()
            .map(|value| {
                let mut document = whole.clone();
                *document.pointer_mut(pointer).unwrap() = value.clone();
                document
            })
            .collect();
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        let mut document = whole.clone();
        if let Some(members) = document.pointer_mut(parent).unwrap().as_object_mut() {
            members.remove(name);
            changed.push(document);
        }
        for document in changed {
            let read = parse(&document).is_ok();
            let value = document.pointer(pointer);
            assert!(
                !read || schema.is_valid(&document),
                "{pointer} is read as {value:?}"
            );
        }
    }
}
