//! The client's report in a real browser: no errors, every value there, usable by keyboard, red
//! where it should be.

use std::{
    env, fs,
    fs::File,
    io::BufReader,
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use client::Snapshot;
use wait_timeout::ChildExt as _;

/// A first start on a slow machine.
const LIMIT: Duration = Duration::from_secs(90);

/// What the browser left behind.
struct Seen {
    dom: String,
    /// What scripts and the page's policy complained about.
    console: Vec<String>,
}

fn browser() -> PathBuf {
    let names = ["chromium", "chromium-browser", "google-chrome"];
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .flat_map(|folder| names.map(|name| folder.join(name)))
        .find(|program| program.is_file())
        .unwrap_or_else(|| panic!("none of {} is installed", names.join(", ")))
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
    let page = tampered().to_html().unwrap();
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
        let lstar = processor.result.unwrap().vmsave.system_call.lstar;
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
