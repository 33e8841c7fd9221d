//! The client's report in a real browser: no errors, every value there, usable by keyboard and on
//! paper, nothing off the screen, coloured as the verdict says, quick for thousands of processors.

mod browser;
mod cells;
mod large;
mod machines;
mod pictures;

use std::fs;

use self::browser::{LIGHT, browse, noted, noted_at, write_page};
use self::machines::tampered;

const WINDOW: [u32; 2] = [1440, 1000];

/// Time that scripts have, by the page's own clock.
const TIME: &str = "--virtual-time-budget=3000";

#[test]
fn the_page_opens_without_a_complaint_and_shows_every_finding_and_value() {
    let folder = tempfile::tempdir().unwrap();
    let page = write_page(&tampered(), folder.path(), "");
    let seen = browse(folder.path(), &page, WINDOW, &[TIME, "--dump-dom"]);
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
fn a_page_that_complains_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let script = "console.error('seen'); undefined.x;";
    let page = write_page(&tampered(), folder.path(), script);
    let seen = browse(folder.path(), &page, WINDOW, &[TIME, "--dump-dom"]);
    assert!(seen.console.len() >= 2, "{:?}", seen.console);
    let page = folder.path().join("report.html");
    let text = fs::read_to_string(&page).unwrap();
    let outside = "<img src='https://example.invalid/x.png'></body>";
    fs::write(&page, text.replace("</body>", outside)).unwrap();
    let seen = browse(folder.path(), &page, WINDOW, &[TIME, "--dump-dom"]);
    let refused = seen
        .console
        .iter()
        .any(|line| line.contains("Content Security Policy"));
    assert!(refused, "{:?}", seen.console);
}

#[test]
fn the_keyboard_reaches_every_processor_and_what_is_found_there() {
    let script = r##"
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
        document.body.dataset.seen = seen.join(" ");
    "##;
    let machine = machines::with_outliers(machines::of(130));
    // Processors 0, 61 and 122 are hooked, and the last has a segment that is too wide.
    assert_eq!(
        noted(&machine, WINDOW, script),
        "1 1 65 129 65 0 61 122 61 60 #p61 61 true 4 lstar-differs 130 4"
    );
}

#[test]
fn nothing_is_off_the_screen() {
    let script = r#"
        for (const part of document.querySelectorAll("details")) part.open = true;
        const wide = [document.documentElement, ...document.querySelectorAll(".grid")]
            .filter(part => part.scrollWidth > part.clientWidth)
            .map(part => `${part.className || part.nodeName} ${part.scrollWidth} ${part.clientWidth}`);
        document.body.dataset.seen = [innerWidth, ...wide].join("; ");
    "#;
    for (name, machine) in machines::all() {
        let widths = [1440, 400];
        assert_eq!(
            noted_at(&machine, widths, script),
            widths.map(|width| width.to_string()),
            "{name}"
        );
    }
}

#[test]
fn on_paper_everything_is_open_and_can_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let script = r#"
        dispatchEvent(new Event("beforeprint"));
        const shut = document.querySelectorAll("details:not([open])");
        document.body.dataset.seen = shut.length;
    "#;
    assert_eq!(noted(&tampered(), WINDOW, script), "0");
    let page = write_page(&tampered(), folder.path(), "");
    let paper = folder.path().join("report.pdf");
    let print = format!("--print-to-pdf={}", paper.display());
    browse(folder.path(), &page, WINDOW, &[LIGHT, TIME, &print]);
    let paper = fs::read(&paper).unwrap();
    assert!(paper.starts_with(b"%PDF-"));
    let text = String::from_utf8_lossy(&paper);
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
    let machines = machines::all();
    let (_, machine) = machines
        .iter()
        .find(|(name, _)| name.starts_with("a module that is made to be read"))
        .unwrap();
    let script = r#"
        const text = document.documentElement.textContent + document.title;
        const bad = [...text].filter(letter => /[\u202a-\u202e\u001b]/u.test(letter)).length;
        document.body.dataset.seen = [bad, text.split("202e").length > 8,
            document.querySelectorAll("main b b, td b").length].join(" ");
    "#;
    assert_eq!(noted(machine, WINDOW, script), "0 true 0");
}
