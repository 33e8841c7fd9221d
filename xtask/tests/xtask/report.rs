//! The client's report in a real browser: no errors, every value there, usable by keyboard and on
//! paper, nothing off the screen, coloured as the verdict says, quick for thousands of processors.
//!
//! A start of the browser takes more of a processor than most pages, so what may share one does.

mod browser;
mod cells;
mod frames;
mod large;
mod looks;
mod machines;
mod pictures;

use std::fs;
use std::sync::LazyLock;

use self::browser::{LIGHT, Seen, browse, write_page};
use self::frames::{Frame, show};
use self::looks::{LOOKS, Other, WIDTHS};
use self::machines::tampered;

const WINDOW: [u32; 2] = [1440, 1000];

/// Time that scripts have, by the page's own clock.
const TIME: &str = "--virtual-time-budget=3000";

/// The page in a window of its own, and that on paper.
static OPENED: LazyLock<(Seen, Vec<u8>)> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    let page = write_page(&tampered().to_html().unwrap(), folder.path(), "");
    let paper = folder.path().join("report.pdf");
    let print = format!("--print-to-pdf={}", paper.display());
    let arguments = [LIGHT, TIME, "--dump-dom", &print];
    let seen = browse(folder.path(), &page, WINDOW, &arguments);
    (seen, fs::read(&paper).unwrap())
});

/// Pages that are asked something of their own.
static OTHERS: [Other; 3] = [
    Other {
        name: "by keyboard",
        machine: || machines::with_outliers(machines::of(130)),
        script: BY_KEYBOARD,
    },
    Other {
        name: "before it is printed",
        machine: tampered,
        script: r#"
            dispatchEvent(new Event("beforeprint"));
            return document.querySelectorAll("details:not([open])").length;
        "#,
    },
    Other {
        name: "names that deceive",
        machine: machines::deceiving,
        script: r#"
            const text = document.documentElement.textContent + document.title;
            const bad = [...text].filter(letter => /[\u202a-\u202e\u001b]/u.test(letter)).length;
            return [bad, text.split("202e").length > 8,
                document.querySelectorAll("main b b, td b").length].join(" ");
        "#,
    },
];

#[test]
fn the_page_opens_without_a_complaint_and_shows_every_finding_and_value() {
    let (seen, _) = &*OPENED;
    assert_eq!(seen.console, Vec::<String>::new());
    let snapshot = tampered();
    for finding in client::check(&snapshot).findings {
        assert!(seen.dom.contains(finding.id.name()), "{}", finding.id);
        assert!(seen.dom.contains(&finding.sentence), "{}", finding.sentence);
        assert!(seen.dom.contains(finding.id.manual()), "{}", finding.id);
    }
    for processor in &snapshot.processors {
        let lstar = processor.result.as_ref().unwrap().vmsave.system_call.lstar;
        let place = snapshot.symbolic(lstar).unwrap();
        assert!(seen.dom.contains(&format!(">{lstar:#018x}<")));
        assert!(seen.dom.contains(&format!("<i>{place}</i>")));
    }
}

#[test]
fn a_page_that_complains_is_noticed_and_no_other() {
    let good = tampered().to_html().unwrap();
    let outside = "<img src='https://example.invalid/x.png'></body>";
    let bad = good.replace("</body>", outside);
    let frame = |name: &str, page, script| Frame {
        name: name.to_owned(),
        page,
        place: [0, 0],
        size: WINDOW,
        scripts: vec![script],
    };
    let frames = [
        frame("throws", &good, "console.error('seen'); undefined.x;"),
        frame("takes from elsewhere", &bad, "return 'told'"),
        frame("does neither", &good, "return 'told'"),
    ];
    let [throws, takes, does_neither] = &show(&frames, WINDOW, &[LIGHT])[..] else {
        panic!("three were opened");
    };
    for (shown, complaints) in [
        (throws, &["\"seen\"", "TypeError"][..]),
        (takes, &["Content Security Policy"]),
    ] {
        let console = shown.complaints();
        for complaint in complaints {
            let is_there = console.iter().any(|line| line.contains(complaint));
            assert!(is_there, "{complaint}: {console:?}");
        }
    }
    assert_eq!(does_neither.noted(0), "told");
}

const BY_KEYBOARD: &str = r##"
    const seen = [];
    const press = key => document.activeElement.dispatchEvent(
        new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
    document.querySelector("#map a").focus();
    seen.push(document.querySelectorAll("#map a:not([tabindex='-1'])").length);
    const where = () => document.activeElement.textContent;
    for (const key of ["ArrowRight", "ArrowDown", "End", "ArrowUp", "Home", "n", "n", "p", "ArrowLeft"]) {
        press(key);
        seen.push(where());
    }
    press("n");
    document.activeElement.click();
    seen.push(location.hash, document.querySelector(":target").cells[0].textContent);
    const named = [...document.querySelectorAll(".grid td a")];
    seen.push(named.every(link => link.tabIndex === 0), named.length);
    named[0].focus();
    document.activeElement.click();
    seen.push(document.querySelector(":target h3 code").textContent);
    const rows = () => [...document.querySelectorAll("#t0 tbody tr")].filter(row => row.offsetParent).length;
    seen.push(rows());
    document.getElementById("only-odd").click();
    seen.push(rows());
    return seen.join(" ");
"##;

#[test]
fn the_keyboard_reaches_every_processor_and_what_is_found_there() {
    // Processors 0, 61 and 122 are hooked, and the last has a segment that is too wide.
    assert_eq!(
        LOOKS.other("by keyboard"),
        "1 1 65 129 65 0 61 122 61 60 #p61 61 true 4 lstar-differs 130 4"
    );
}

#[test]
fn nothing_is_off_the_screen() {
    for (name, _) in &LOOKS.machines {
        let expected = WIDTHS.map(|width| width.to_string());
        assert_eq!(LOOKS.wide(name), expected, "{name}");
    }
}

#[test]
fn on_paper_everything_is_open_and_can_be_read() {
    assert_eq!(LOOKS.other("before it is printed"), "0");
    let (_, paper) = &*OPENED;
    assert!(paper.starts_with(b"%PDF-"));
    let text = String::from_utf8_lossy(paper);
    // A4, which is 595 by 842 points, on its side: nothing is made smaller to fit.
    let boxes: Vec<&str> = text.split("/MediaBox [").skip(1).collect();
    assert!((1..=4).contains(&boxes.len()), "{} sheets", boxes.len());
    for sheet in boxes {
        let (numbers, _) = sheet.split_once(']').unwrap();
        let numbers: Vec<f64> = numbers
            .split_whitespace()
            .map(|one| one.parse().unwrap())
            .collect();
        assert_eq!(
            numbers.iter().map(|one| one.round()).collect::<Vec<_>>(),
            [0.0, 0.0, 842.0, 595.0]
        );
    }
}

#[test]
fn names_that_deceive_are_spelt_out_wherever_they_stand() {
    assert_eq!(LOOKS.other("names that deceive"), "0 true 0");
}
