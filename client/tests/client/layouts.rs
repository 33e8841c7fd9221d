//! The layouts of `show` beside the table: folded, wide, narrow, bare, comma-separated.

use amd_svm::support::Refusal;
use client::{Snapshot, Terminal};

use crate::fake::Driver;
use crate::{output, run, run_at};

fn odd() -> Driver {
    let mut driver = Driver::with_processors(8);
    driver.snapshot(6).state.system_call.lstar += 0x40;
    driver.snapshot(6).witness.system_call.lstar += 0x40;
    driver
}

#[test]
fn equal_values_are_folded() {
    insta::assert_snapshot!(output(&["show", "--group-by", "value"], &mut odd()));
    insta::assert_snapshot!(
        "some_equal_values",
        output(
            &[
                "show",
                "--group-by=value",
                "--columns",
                "lstar,tr.limit",
                "-p",
                "4-7"
            ],
            &mut odd()
        )
    );
}

#[test]
fn columns_are_those_that_were_named_in_that_order() {
    let text = output(&["show", "--columns", "lstar,TR,efer_found"], &mut odd());
    insta::assert_snapshot!(text);
}

#[test]
fn a_wide_table_has_one_line_for_each_processor() {
    let ran = run_at(80, &["--wide"], &mut odd());
    assert_eq!(ran.stdout.matches("CPU").count(), 1);
    assert_eq!(ran.stdout.lines().count(), 2 + 1 + 8 + 2 + 4);
}

#[test]
fn one_value_is_printed_bare() {
    assert_eq!(
        output(&["show", "--field", "lstar", "-p", "6"], &mut odd()),
        "0xfffff8031a42b700\n"
    );
    assert_eq!(
        output(&["show", "--field", "tr.attrib", "-p", "0-1"], &mut odd()),
        "0x08b\n0x08b\n"
    );
    for wrong in ["tr", "lstr", ""] {
        let mut driver = odd();
        let ran = run(&["show", "--field", wrong], &mut driver);
        assert_eq!((ran.exit, ran.stdout.as_str()), (2, ""));
        assert!(driver.requests.is_empty());
    }
}

#[test]
fn comma_separated_values_are_what_a_reader_of_them_finds() {
    let mut driver = odd();
    driver.refuse(2, Refusal::NoSvm { hypervisor: true });
    let ran = run(&["show", "--csv"], &mut driver);
    assert_eq!(ran.exit, 1);
    insta::assert_snapshot!(ran.stdout);
    let snapshot = Snapshot::take(&mut &mut driver).unwrap();
    let mut reader = csv::Reader::from_reader(ran.stdout.as_bytes());
    let headings = reader.headers().unwrap().clone();
    let column = |name| headings.iter().position(|heading| heading == name).unwrap();
    let rows: Vec<_> = reader.records().map(Result::unwrap).collect();
    assert_eq!(rows.len(), 8);
    for (row, processor) in rows.iter().zip(&snapshot.processors) {
        assert_eq!(row[0], processor.id.index.to_string());
        let number = |name| u64::from_str_radix(row[column(name)].strip_prefix("0x").unwrap(), 16);
        match &processor.result {
            Ok(capture) => {
                let state = capture.vmsave;
                assert_eq!(number("lstar"), Ok(state.system_call.lstar));
                assert_eq!(number("gs.base"), Ok(state.gs.base));
                assert_eq!(number("tr.limit"), Ok(state.tr.limit.into()));
                assert_eq!(number("tsc"), Ok(capture.details.unwrap().tsc));
                assert_eq!(&row[column("error")], "");
            }
            Err(reason) => {
                assert_eq!(&row[column("lstar")], "");
                assert_eq!(&row[column("error")], reason.code());
            }
        }
    }
}

#[test]
fn colour_marks_what_stands_out_and_changes_no_letter() {
    let coloured = |arguments: &[&str]| {
        let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
        let mut terminal = Terminal::with_width(80);
        terminal.colour = true;
        let mut driver = odd();
        client::run(
            std::iter::once(&"client").chain(arguments).map(Into::into),
            || Ok(Box::new(&mut driver)),
            &mut stdout,
            &mut stderr,
            terminal,
        );
        String::from_utf8(stdout).unwrap()
    };
    for arguments in [
        ["show"].as_slice(),
        &["check"],
        &["explain"],
        &["explain", "svm-in-use"],
        &["show", "--group-by", "value"],
    ] {
        let text = coloured(arguments);
        assert!(text.contains("\u{1b}["), "{arguments:?}");
        assert_eq!(
            without_colour(&text),
            run(arguments, &mut odd()).stdout,
            "{arguments:?}"
        );
    }
    let show = coloured(&["show"]);
    let marked: Vec<_> = show
        .lines()
        .filter(|line| line.contains("\u{1b}[31m"))
        .collect();
    assert_eq!(marked.len(), 1, "{marked:?}");
    assert!(marked[0].contains("0xfffff8031a42b700"));
}

fn without_colour(text: &str) -> String {
    let mut pieces = text.split('\u{1b}');
    let mut plain = pieces.next().unwrap().to_owned();
    for piece in pieces {
        plain += piece.split_once('m').unwrap().1;
    }
    plain
}

#[test]
fn a_bare_value_has_a_line_for_each_processor() {
    let mut driver = odd();
    driver.refuse(2, Refusal::NoSvm { hypervisor: true });
    let ran = run(&["show", "--field", "lstar"], &mut driver);
    let lines: Vec<&str> = ran.stdout.lines().collect();
    assert_eq!((ran.exit, lines.len(), lines[2]), (1, 8, ""));
    assert_eq!(lines[6], "0xfffff8031a42b700");
    assert_eq!(ran.stderr.lines().count(), 1, "{}", ran.stderr);
    driver.refuse_everywhere(Refusal::NotAmd);
    let ran = run(&["show", "--field", "lstar", "-p", "0-2"], &mut driver);
    assert_eq!((ran.exit, ran.stdout.as_str()), (5, "\n\n\n"));
}

#[test]
fn a_field_that_was_asked_for_and_is_not_recorded_is_told() {
    const MACHINE: &str = "examples/tampered.json";
    let show = |arguments: &[&str]| {
        let ran = run(
            &[&["show"], arguments].concat(),
            &mut Driver::with_processors(1),
        );
        (ran.exit, ran.stdout, ran.stderr)
    };
    let meant = "; recorded, and perhaps meant: efer_found\n";
    for layout in [&[][..], &["--wide"], &["--group-by", "value"]] {
        let arguments = [&["--columns", "efer,cr4", MACHINE], layout].concat();
        let (exit, _, stderr) = show(&arguments);
        assert_eq!(exit, 0);
        let expected = format!("client: efer, cr4 are not recorded on processors 0-3{meant}");
        assert_eq!(stderr, expected);
    }
    for form in [&["--field", "efer"][..], &["--columns", "efer", "--csv"]] {
        let (_, _, stderr) = show(&[&[MACHINE], form].concat());
        let empty = "client: efer is not recorded, and left empty, on processors 0-3";
        assert_eq!(stderr, format!("{empty}{meant}"));
    }
    // What is there needs no word, nor what was not asked for.
    assert_eq!(show(&["--columns", "efer_found,lstar", MACHINE]).2, "");
    assert_eq!(show(&[MACHINE]).2, "");
    let (_, stdout, stderr) = show(&["--columns", "cr4", MACHINE, "examples/healthy.json"]);
    assert_eq!(
        stdout.matches("cr4 is not recorded on").count(),
        2,
        "{stdout}"
    );
    assert_eq!(stderr, "");
}

#[test]
fn a_field_that_was_named_twice_is_shown_once() {
    for form in ["--csv", "--jsonl"] {
        let twice = ["show", "--columns", "lstar,tr.limit,MSR_LSTAR,tr", form];
        let once = [
            "show",
            "--columns",
            "lstar,tr.limit,tr.selector,tr.attrib,tr.base",
            form,
        ];
        assert_eq!(output(&twice, &mut odd()), output(&once, &mut odd()));
    }
}
