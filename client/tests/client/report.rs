//! `report`: the page by its letters. A browser looks at it in `cargo xtask test`.

use amd_svm::support::Refusal;
use client::{KernelModule, Snapshot};

use crate::fake::Driver;
use crate::files::Folder;
use crate::{output, run};

#[test]
fn the_page_takes_nothing_from_elsewhere_and_shows_every_value() {
    let folder = Folder::new();
    let path = folder.path("report.html");
    let mut driver = Driver::new(3, 2);
    driver.snapshot(1).state.system_call.lstar += 0x40;
    driver.refuse(2, Refusal::SvmeDoesNotStick);
    assert_eq!(run(&["report", &path], &mut driver).exit, 1);
    let page = std::fs::read_to_string(&path).unwrap();
    for address in ["http:", "https:", "src=", "@import", "url("] {
        assert!(!page.contains(address), "{address}");
    }
    let csv = run(&["show", "--csv", "-p", "0-1"], &mut driver).stdout;
    for value in csv.lines().skip(1).flat_map(|line| line.split(',').skip(3)) {
        // End tags that can be left out are.
        let is_there = ["<", "\n"]
            .iter()
            .any(|end| page.contains(&format!(">{value}{end}")));
        assert!(is_there || value.is_empty(), "{value}");
    }
    for (number, finding) in [(0, "lstar-differs"), (1, "vmsave-contradicted")] {
        let (_, card) = page.split_once(&format!("id=\"f{number}\">")).unwrap();
        let (card, _) = card.split_once("</h3>").unwrap();
        assert!(card.contains(finding), "{card}");
    }
    assert!(page.contains(
        "<td class=alarm data-f=\"0 1\"><a href=#f0>0xfffff8031a42b700</a><i>ntoskrnl.exe+0x42b700</i>"
    ));
    assert!(page.contains("not captured: EFER.SVME reads back clear"));
    let (_, body) = page.split_once("<body>").unwrap();
    let (body, _) = body.split_once("<script>").unwrap();
    insta::assert_snapshot!(body);
}

#[test]
fn a_page_about_some_processors_says_which() {
    let mut driver = Driver::with_processors(4);
    driver.snapshot(3).state.system_call.lstar += 0x40;
    let mut page = |list: &[&str]| output(&[&["report", "-"], list].concat(), &mut driver);
    let some = page(&["-p", "0"]);
    for told in [
        "<h1>What VMSAVE sees on processor 0 of 4</h1>",
        "<p class=\"verdict\">nothing found about processor 0; 2 findings about other processors",
        "<h2 id=\"findings\">Findings about processor 0</h2>",
    ] {
        assert!(some.contains(told), "{told}");
    }
    assert!(page(&["-p", "1,3"]).contains("sees on processors 1,3 of 4</h1>"));
    for all in [page(&[]), page(&["-p", "0-3"])] {
        assert!(all.contains("<h1>What VMSAVE sees on 4 processors</h1>"));
        assert!(all.contains("<h2 id=\"findings\">Findings</h2>"));
    }
}

#[test]
fn the_legend_has_the_colours_that_are_there() {
    let legend = |file: &str| -> Vec<&str> {
        let page = run(
            &["report", "-", "--from", file],
            &mut Driver::with_processors(1),
        );
        let (_, values) = page.stdout.split_once("id=\"values\"").unwrap();
        let (legend, _) = values.split_once("</p>").unwrap();
        let all = [
            "an alarm names it",
            "a warning names it",
            "a notice names it",
            "judged by every rule, and not named",
            "compared with, judged in part, or by no rule",
            "hidden, or not judged",
        ];
        all.into_iter()
            .filter(|words| legend.contains(words))
            .collect()
    };
    let healthy = legend("examples/healthy.json");
    assert!(!healthy.iter().any(|words| words.ends_with("names it")));
    let tampered = legend("examples/tampered.json");
    assert!(tampered.contains(&"an alarm names it"), "{tampered:?}");
    assert!(!tampered.contains(&"a notice names it"), "{tampered:?}");
    let hidden = legend("tests/cases/redacted.json");
    assert!(hidden.contains(&"hidden, or not judged"), "{hidden:?}");
}

#[test]
fn names_from_a_hostile_file_stay_text() {
    let mut driver = Driver::with_processors(1);
    let mut snapshot = Snapshot::take(&mut &mut driver).unwrap();
    snapshot.modules.push(KernelModule {
        name: "<script>alert(1)</script>\" onfocus=\"x".to_owned(),
        base: snapshot.processors[0]
            .result
            .as_ref()
            .unwrap()
            .vmsave
            .system_call
            .lstar,
        size: 0x1000,
    });
    let page = snapshot.to_html().unwrap();
    assert!(!page.contains("<script>alert") && !page.contains("\" onfocus"));
    assert!(page.contains("alert(1)"));
}

#[test]
fn without_a_capture_there_is_no_page() {
    let folder = Folder::new();
    let path = folder.path("report.html");
    let mut driver = Driver::with_processors(1);
    assert_eq!(output(&["report", &path], &mut driver), "");
    std::fs::remove_file(&path).unwrap();
    driver.refuse_everywhere(Refusal::NotAmd);
    assert_eq!(run(&["report", &path], &mut driver).exit, 5);
    assert!(!std::path::Path::new(&path).exists());
}
