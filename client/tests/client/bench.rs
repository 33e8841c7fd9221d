//! `bench`: what snapshots cost, summed up.

use amd_svm::capture::Cycles;
use amd_svm::support::Refusal;
use protocol::CONTROL_SNAPSHOT;
use serde_json::{Value, json};

use crate::fake::Driver;
use crate::files::Folder;
use crate::{output, run};

/// Processors whose parts take 1, 2, 3... times the same.
fn uneven(processors: u32) -> Driver {
    let mut driver = Driver::with_processors(processors);
    for (record, times) in driver.snapshots.iter_mut().zip(1..) {
        record.cycles = Cycles {
            prepare: 1000 * times,
            vmsave: 100 * times,
            restore: 10 * times,
        };
        record.witness_cycles = times;
        record.tsc = 0xFFFF_0000 + u64::from(times) * 29;
    }
    driver
}

/// The words of each line, one space apart, without the time that this machine took: the columns are
/// as wide as their longest number, which is the time as a rule.
fn without_time(text: &str) -> String {
    let lines = text.lines().map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let Some(rest) = words.strip_prefix(&["round", "trip"]) else {
            return words.join(" ");
        };
        let numbers = rest.iter().filter(|word| word.parse::<u64>().is_ok());
        format!("round trip: {} numbers", numbers.count())
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn each_part_has_its_least_its_median_and_its_most() {
    let mut driver = uneven(5);
    let text = output(&["bench", "--rounds", "3"], &mut driver);
    insta::assert_snapshot!(without_time(&text));
    assert_eq!(driver.requests.len(), 3);
    assert!(
        driver
            .requests
            .iter()
            .all(|(code, _)| *code == CONTROL_SNAPSHOT)
    );
}

#[test]
fn programs_get_the_same_in_json() {
    let text = output(&["bench", "--json", "-p", "1-3"], &mut uneven(5));
    let mut document: Value = serde_json::from_str(&text).unwrap();
    let round_trip = document["round_trip_nanoseconds"].take();
    let [min, median, max] = ["min", "median", "max"].map(|name| round_trip[name].as_u64());
    assert!(
        min.is_some() && min <= median && median <= max,
        "{round_trip}"
    );
    let spread = |factor: u32| json!({"min": 2 * factor, "median": 3 * factor, "max": 4 * factor});
    let expected = json!({
        "schema": 2,
        "driver": {"version": "0.1.0", "protocol": 1},
        "snapshots": 100,
        "processors": 3,
        "cycles": {
            "support_check": spread(1000),
            "vmsave": spread(100),
            "restore": spread(10),
            "witness": spread(1),
        },
        "skew_cycles": {"min": 58, "median": 58, "max": 58},
        "round_trip_nanoseconds": null,
    });
    assert_eq!(document, expected);
}

#[test]
fn a_file_is_summed_up_without_a_round_trip() {
    let folder = Folder::new();
    let path = folder.path("a.json");
    output(&["save", &path], &mut uneven(5));
    let mut unasked = Driver::with_processors(1);
    let text = output(&["bench", "--from", &path], &mut unasked);
    // Without a time, the columns are the same each time, too.
    insta::assert_snapshot!(text);
    assert!(unasked.requests.is_empty());
    let wrong = run(&["bench", "--from", &path, "--rounds", "2"], &mut unasked);
    assert_eq!((wrong.exit, wrong.stdout.as_str()), (2, ""));
}

#[test]
fn pages_have_no_cycles() {
    let folder = Folder::new();
    let path = folder.path("a.vmcb");
    output(&["save", "--raw", &path], &mut uneven(2));
    let ran = run(&["bench", "--from", &path], &mut uneven(2));
    assert_eq!((ran.exit, ran.stdout.as_str()), (1, ""));
    assert_eq!(
        ran.stderr,
        "client: the snapshot was saved without the cycles that it took\n"
    );
}

#[test]
fn one_processor_has_no_skew() {
    let text = output(&["bench", "-p", "2", "--rounds", "1"], &mut uneven(5));
    assert!(
        text.contains(": 1 snapshot of 1 of 5 processors\n"),
        "{text}"
    );
    assert!(!text.contains("skew"), "{text}");
}

#[test]
fn processors_that_refuse_are_left_out_and_named() {
    let mut driver = uneven(3);
    driver.refuse(1, Refusal::SvmeDoesNotStick);
    let ran = run(&["bench", "--json", "--rounds", "2"], &mut driver);
    let document: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!((ran.exit, document["processors"].as_u64()), (1, Some(2)));
    assert_eq!(
        document["cycles"]["support_check"],
        json!({"min": 1000, "median": 1000, "max": 3000})
    );
    assert!(ran.stderr.contains("processor 1"), "{}", ran.stderr);
    driver.refuse_everywhere(Refusal::NotAmd);
    let ran = run(&["bench"], &mut driver);
    assert_eq!((ran.exit, ran.stdout.as_str()), (5, ""));
}
