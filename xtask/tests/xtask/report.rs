//! The client's report in a real browser: no errors, every value there, usable by keyboard, red
//! where it should be.

use std::collections::BTreeMap;
use std::env;
use std::fs::{self, File};
use std::io::BufReader;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use client::{Field, Guest, Severity, Snapshot, Unavailable, Verdict};
use wait_timeout::ChildExt as _;
use xtask::needs::BROWSERS;

/// A first start on a slow machine.
const LIMIT: Duration = Duration::from_secs(90);

/// What the browser left behind.
struct Seen {
    dom: String,
    /// What scripts and the page's policy complained about.
    console: Vec<String>,
}

fn browser() -> PathBuf {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .flat_map(|folder| BROWSERS.map(|name| folder.join(name)))
        .find(|program| program.is_file())
        .unwrap_or_else(|| panic!("none of {} is installed", BROWSERS.join(", ")))
}

/// Opens a page without a window, to its end.
fn browse(folder: &Path, page: &Path, arguments: &[&str]) -> Seen {
    let (dom, log) = (folder.join("dom"), folder.join("log"));
    let mut child = Command::new(browser())
        .args(["--headless=new", "--no-sandbox", "--disable-gpu"])
        .args(["--hide-scrollbars", "--window-size=2600,1200"])
        .args(["--enable-logging=stderr", "--virtual-time-budget=3000"])
        .arg(format!(
            "--user-data-dir={}",
            folder.join("profile").display()
        ))
        .args(arguments)
        .arg(format!("file://{}", page.display()))
        .stdin(Stdio::null())
        .stdout(File::create(&dom).unwrap())
        .stderr(File::create(&log).unwrap())
        .process_group(0)
        .spawn()
        .unwrap();
    let status = child.wait_timeout(LIMIT).unwrap();
    if status.is_none() {
        // The browser is many processes, and one group.
        let group = format!("-{}", child.id());
        Command::new("kill")
            .args(["-KILL", "--", &group])
            .status()
            .unwrap();
    }
    let log = String::from_utf8_lossy(&fs::read(&log).unwrap()).into_owned();
    assert!(status.is_some_and(|status| status.success()), "{log}");
    Seen {
        dom: fs::read_to_string(&dom).unwrap(),
        console: log
            .lines()
            .filter(|line| line.contains("CONSOLE"))
            .map(str::to_owned)
            .collect(),
    }
}

fn tampered() -> Snapshot {
    let example = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../client/examples/tampered.json"
    );
    Snapshot::open(example).unwrap()
}

/// Puts a page, with a script of the test's own at its end, into the folder.
fn write_page(folder: &Path, script: &str) -> PathBuf {
    write_page_of(&tampered(), folder, script)
}

fn write_page_of(snapshot: &Snapshot, folder: &Path, script: &str) -> PathBuf {
    let page = snapshot.to_html().unwrap();
    let path = folder.join("report.html");
    let own = format!("<script>{script}</script></body>");
    fs::write(&path, page.replace("</body>", &own)).unwrap();
    path
}

#[test]
fn the_page_opens_without_a_complaint_and_shows_every_finding_and_value() {
    let folder = tempfile::tempdir().unwrap();
    let page = write_page(folder.path(), "");
    let seen = browse(folder.path(), &page, &["--dump-dom"]);
    assert_eq!(seen.console, Vec::<String>::new());
    let snapshot = tampered();
    for finding in client::check(&snapshot).findings {
        assert!(seen.dom.contains(finding.id.name()), "{}", finding.id);
        assert!(seen.dom.contains(&finding.sentence), "{}", finding.sentence);
    }
    for processor in &snapshot.processors {
        let lstar = processor.result.as_ref().unwrap().vmsave.system_call.lstar;
        assert!(seen.dom.contains(&format!(">{lstar:#018x}</td>")));
    }
}

#[test]
fn a_page_that_complains_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let page = write_page(folder.path(), "console.error('seen'); undefined.x;");
    let seen = browse(folder.path(), &page, &["--dump-dom"]);
    assert!(seen.console.len() >= 2, "{:?}", seen.console);
    let page = folder.path().join("report.html");
    let text = fs::read_to_string(&page).unwrap();
    let outside = "<img src='https://example.invalid/x.png'></body>";
    fs::write(&page, text.replace("</body>", outside)).unwrap();
    let seen = browse(folder.path(), &page, &["--dump-dom"]);
    let refused = seen
        .console
        .iter()
        .any(|line| line.contains("Content Security Policy"));
    assert!(refused, "{:?}", seen.console);
}

#[test]
fn the_keyboard_reaches_every_value_and_what_it_means() {
    let folder = tempfile::tempdir().unwrap();
    let script = r##"
        const seen = [];
        const press = key => document.activeElement.dispatchEvent(
            new KeyboardEvent("keydown", { key, bubbles: true }));
        const tip = document.getElementById("tip");
        document.querySelector("#values td").focus();
        press("ArrowRight");
        seen.push(document.activeElement.textContent, tip.hidden, tip.textContent);
        press("ArrowDown");
        press("Home");
        seen.push(document.activeElement.textContent, tip.hidden);
        press("End");
        press("ArrowDown"); press("ArrowDown"); press("ArrowDown");
        seen.push(document.activeElement.parentElement.rowIndex);
        seen.push(document.querySelectorAll("#values td[tabindex='0']").length);
        const only = document.getElementById("only-odd");
        only.click();
        seen.push([...document.querySelectorAll("#values tbody tr")].filter(row => row.offsetParent).length);
        document.body.dataset.seen = seen.join(" | ");
    "##;
    let page = write_page(folder.path(), script);
    let seen = browse(folder.path(), &page, &["--dump-dom"]);
    assert_eq!(seen.console, Vec::<String>::new());
    let (_, rest) = seen.dom.split_once("data-seen=\"").unwrap();
    let (told, _) = rest.split_once('"').unwrap();
    assert_eq!(
        told,
        "0x4f3 | false | code or data segment, type 0x3: data rw; present; privilege level 3; \
         32-bit default size | 0x0053 | true | 4 | 1 | 4"
    );
}

/// The colour of the upper left corner, and how many pixels have another one.
fn look(picture: &Path, other: [u8; 3]) -> ([u8; 3], usize) {
    let file = BufReader::new(File::open(picture).unwrap());
    let mut reader = png::Decoder::new(file).read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut pixels).unwrap();
    let of_pixel = info.color_type.samples();
    let mut colours = pixels[..info.buffer_size()]
        .chunks_exact(of_pixel)
        .map(|pixel| [pixel[0], pixel[1], pixel[2]]);
    (
        colours.clone().next().unwrap(),
        colours.by_ref().filter(|colour| *colour == other).count(),
    )
}

#[test]
fn outliers_are_red_in_light_and_in_dark() {
    let folder = tempfile::tempdir().unwrap();
    let page = write_page(folder.path(), "");
    let pictures = Path::new(env!("CARGO_TARGET_TMPDIR"));
    for (name, scheme, corner, red) in [
        ("light", 1, [0xFB, 0xFA, 0xF8], [0xC6, 0x28, 0x28]),
        ("dark", 0, [0x14, 0x17, 0x1D], [0xFF, 0x6B, 0x60]),
    ] {
        let picture = pictures.join(format!("report-{name}.png"));
        let scheme = format!("--blink-settings=preferredColorScheme={scheme}");
        let shot = format!("--screenshot={}", picture.display());
        let seen = browse(folder.path(), &page, &[&scheme, &shot]);
        assert_eq!(seen.console, Vec::<String>::new());
        let (seen_corner, reds) = look(&picture, red);
        assert_eq!(seen_corner, corner, "{name}");
        assert!(reds > 3000, "{reds} red pixels in {name}");
    }
}

#[test]
fn the_page_can_be_printed() {
    let folder = tempfile::tempdir().unwrap();
    let page = write_page(folder.path(), "");
    let paper = folder.path().join("report.pdf");
    let print = format!("--print-to-pdf={}", paper.display());
    browse(folder.path(), &page, &[&print]);
    assert!(fs::read(&paper).unwrap().starts_with(b"%PDF-"));
}

/// Pages of guests that were stopped in user mode; one has a program's base where SWAPGS takes the
/// kernel's from.
fn stop_in_user_mode(machine: &mut Snapshot) {
    machine.driver = None;
    for processor in &mut machine.processors {
        let capture = processor.result.as_mut().unwrap();
        capture.details = None;
        capture.witness = None;
        capture.guest = Some(Guest {
            cpl: 3,
            efer: 0x1D01.into(),
            cr0: 0x8005_003B,
            cr4: 0x77_0EF0,
            ..Guest::default()
        });
        let state = &mut capture.vmsave;
        std::mem::swap(&mut state.gs.base, &mut state.system_call.kernel_gs_base);
    }
    let one = machine.processors[1].result.as_mut().unwrap();
    one.vmsave.system_call.kernel_gs_base = 0x5E_1F30_C000;
}

/// Machines on which something is found, hidden or not judged: each is the example, changed.
#[expect(clippy::too_many_lines, reason = "a table")]
fn machines() -> Vec<(&'static str, Snapshot)> {
    let healthy = || {
        let example = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../client/examples/healthy.json"
        );
        Snapshot::open(example).unwrap()
    };
    let changed = |change: fn(&mut Snapshot)| {
        let mut machine = healthy();
        change(&mut machine);
        machine
    };
    vec![
        ("healthy", healthy()),
        ("tampered", tampered()),
        (
            "without modules and witness",
            changed(|machine| {
                machine.modules.clear();
                for processor in &mut machine.processors {
                    processor.result.as_mut().unwrap().witness = None;
                }
            }),
        ),
        (
            "SVM in use on three",
            changed(|machine| {
                for at in [0, 1, 3] {
                    let capture = machine.processors[at].result.as_mut().unwrap();
                    let details = capture.details.as_mut().unwrap();
                    details.efer_found.set_svme(true);
                    details.efer_left = details.efer_found;
                }
            }),
        ),
        (
            "two against two, outside the kernel",
            changed(|machine| {
                for at in [0, 1] {
                    let capture = machine.processors[at].result.as_mut().unwrap();
                    capture.vmsave.system_call.lstar = 0xFFFF_F803_4000_1234;
                    capture.witness = None;
                }
            }),
        ),
        (
            "CSTAR hooked on all",
            changed(|machine| {
                for processor in &mut machine.processors {
                    let capture = processor.result.as_mut().unwrap();
                    capture.vmsave.system_call.cstar = 0xFFFF_F803_4000_1234;
                }
            }),
        ),
        (
            "hidden addresses, and a processor that was not reached",
            changed(|machine| {
                machine.redacted = vec![Field::Lstar, Field::GsBase];
                for processor in &mut machine.processors {
                    let capture = processor.result.as_mut().unwrap();
                    capture.vmsave.system_call.lstar = 0;
                    capture.vmsave.gs.base = 0;
                    if let Some(Ok(witness)) = &mut capture.witness {
                        witness.system_call.lstar = 0;
                        witness.gs_base = 0;
                    }
                }
                machine.processors[2].result = Err(Unavailable::NotReached);
            }),
        ),
        (
            "pages of another system",
            changed(|machine| {
                machine.driver = None;
                for processor in &mut machine.processors {
                    let capture = processor.result.as_mut().unwrap();
                    capture.details = None;
                    capture.witness = None;
                    capture.vmsave.fs.attributes.set_reserved(4);
                }
            }),
        ),
        (
            "guests in user mode, one with a program's base in the kernel's place",
            changed(stop_in_user_mode),
        ),
    ]
}

/// A cell as the browser shows it.
#[derive(Debug)]
struct Cell {
    processor: u32,
    heading: String,
    text: String,
    colour: String,
    image: String,
    findings: Vec<String>,
}

/// The cells of a page, by the browser's own account of their looks.
fn cells(snapshot: &Snapshot) -> (String, Vec<Cell>) {
    let script = r##"
        const heads = [...document.querySelectorAll("#values thead th")].map(th => th.firstChild.textContent);
        const cells = [...document.querySelectorAll("#values tbody tr")].flatMap(row =>
            [...row.querySelectorAll("td:not(.refused)")].map((td, at) => {
                const style = getComputedStyle(td);
                return [parseInt(row.cells[0].textContent), heads[at + 1], td.textContent,
                    style.backgroundColor, style.backgroundImage, td.dataset.f || ""].join("\t");
            }));
        const verdict = getComputedStyle(document.querySelector(".verdict")).color;
        document.body.dataset.seen = [verdict, ...cells].join("\n");
    "##;
    let folder = tempfile::tempdir().unwrap();
    let page = write_page_of(snapshot, folder.path(), script);
    let light = "--blink-settings=preferredColorScheme=1";
    let seen = browse(folder.path(), &page, &[light, "--dump-dom"]);
    assert_eq!(seen.console, Vec::<String>::new());
    let (_, rest) = seen.dom.split_once("data-seen=\"").unwrap();
    let (told, _) = rest.split_once('"').unwrap();
    let mut lines = told.lines();
    let verdict = lines.next().unwrap().to_owned();
    let cells = lines.map(|line| {
        let parts: Vec<_> = line.split('\t').map(str::to_owned).collect();
        let [processor, heading, text, colour, image, findings] = parts.try_into().unwrap();
        Cell {
            processor: processor.parse().unwrap(),
            heading,
            text,
            colour,
            image,
            findings: findings.split_whitespace().map(str::to_owned).collect(),
        }
    });
    (verdict, cells.collect())
}

const GREEN: &str = "rgb(228, 240, 232)";

fn colour_of(severity: Severity) -> &'static str {
    match severity {
        Severity::Alarm => "rgb(198, 40, 40)",
        Severity::Warning => "rgb(161, 92, 0)",
        Severity::Notice => "rgb(42, 93, 176)",
    }
}

/// Processor and column of each cell that a finding is about, with the worst severity and the
/// findings' names.
fn named_cells(verdict: &Verdict) -> BTreeMap<(u32, &'static str), (Severity, Vec<&'static str>)> {
    let mut named = BTreeMap::new();
    for finding in &verdict.findings {
        for value in &finding.values {
            for id in &value.processors {
                let worst = named
                    .entry((id.index, value.field.heading()))
                    .or_insert((finding.severity, Vec::new()));
                worst.0 = worst.0.min(finding.severity);
                worst.1.push(finding.id.name());
            }
        }
    }
    named
}

#[test]
fn each_finding_has_its_cells_and_each_coloured_cell_its_finding() {
    for (name, machine) in machines() {
        let verdict = client::check(&machine);
        let (tone, cells) = cells(&machine);
        let expected_tone = if verdict.has(Severity::Warning) {
            "rgb(198, 40, 40)"
        } else if verdict.is_complete() {
            "rgb(31, 122, 69)"
        } else {
            "rgb(161, 92, 0)"
        };
        assert_eq!(tone, expected_tone, "{name}");
        let named = named_cells(&verdict);
        let compared: Vec<(u32, &str)> = verdict
            .findings
            .iter()
            .flat_map(|finding| &finding.others)
            .flat_map(|value| {
                let heading = value.field.heading();
                value.processors.iter().map(move |id| (id.index, heading))
            })
            .collect();
        let mut coloured = 0;
        for cell in &cells {
            let place = (cell.processor, cell.heading.as_str());
            if let Some((severity, findings)) = named.get(&place) {
                assert_eq!(cell.colour, colour_of(*severity), "{name}: {cell:?}");
                assert_eq!(&cell.findings, findings, "{name}: {cell:?}");
                coloured += 1;
            } else {
                let severities = [Severity::Alarm, Severity::Warning, Severity::Notice];
                assert!(
                    severities.iter().all(|one| cell.colour != colour_of(*one)),
                    "{name}: {cell:?}"
                );
                assert_eq!(cell.findings, Vec::<String>::new(), "{name}: {cell:?}");
            }
            let is_hatched = cell.image != "none";
            assert!(!(is_hatched && cell.colour == GREEN), "{name}: {cell:?}");
            if cell.text == "hidden" {
                assert!(is_hatched, "{name}: {cell:?}");
            }
            if compared.contains(&place) {
                assert_ne!(cell.colour, GREEN, "{name}: {cell:?}");
            }
        }
        assert_eq!(coloured, named.len(), "{name}");
        if name == "healthy" {
            assert!(cells.iter().any(|cell| cell.colour == GREEN));
        }
    }
}
