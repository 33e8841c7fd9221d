//! A browser without a window: what it made of a page.

use std::borrow::Borrow;
use std::env;
use std::fs::{self, File};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use wait_timeout::ChildExt as _;
use xtask::needs::BROWSERS;

/// A first start on a slow machine, with many pages.
const LIMIT: Duration = Duration::from_mins(3);

/// Which colours the reader asks for.
pub(super) const LIGHT: &str = "--blink-settings=preferredColorScheme=1";
pub(super) const DARK: &str = "--blink-settings=preferredColorScheme=0";

/// What a browser does besides showing a page, which takes a third of its start.
const ALONE: [&str; 6] = [
    "--no-first-run",
    "--disable-extensions",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-sync",
];

/// What the browser left behind.
pub(super) struct Seen {
    pub dom: String,
    /// What scripts and the page's policy complained about.
    pub console: Vec<String>,
    /// What all of the browser's processes computed: how long it took depends on what else the machine
    /// does, and this hardly does.
    pub computed: Duration,
}

impl Seen {
    /// What a script of the test's own noted in `document.body.dataset.seen`.
    pub(super) fn noted(&self) -> &str {
        let (_, rest) = self.dom.split_once("data-seen=\"").unwrap();
        rest.split_once('"').unwrap().0
    }
}

fn browser() -> PathBuf {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .flat_map(|folder| BROWSERS.map(|name| folder.join(name)))
        .find(|program| program.is_file())
        .unwrap_or_else(|| panic!("none of {} is installed", BROWSERS.join(", ")))
}

/// Opens a page without a window of this size, to its end.
pub(super) fn browse(
    folder: &Path,
    page: &Path,
    [width, height]: [u32; 2],
    arguments: &[&str],
) -> Seen {
    let [dom, log, times] = ["dom", "log", "times"].map(|name| folder.join(name));
    let mut child = Command::new("sh")
        .args([
            "-c",
            r#"times=$0; "$@"; code=$?; times >"$times"; exit $code"#,
        ])
        .arg(&times)
        .arg(browser())
        .args(["--headless=new", "--no-sandbox", "--disable-gpu"])
        .args(["--hide-scrollbars", "--enable-logging=stderr"])
        .args(ALONE)
        .arg(format!("--window-size={width},{height}"))
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
        computed: computed(&fs::read_to_string(&times).unwrap()),
    }
}

/// The time of a shell's children, of what its `times` says: a second line like `0m1.230s 0m0.420s`.
fn computed(times: &str) -> Duration {
    let of_children = times.lines().nth(1).unwrap();
    of_children
        .split_whitespace()
        .map(|time| {
            let (minutes, seconds) = time.trim_end_matches('s').split_once('m').unwrap();
            let minutes: f64 = minutes.parse().unwrap();
            Duration::from_secs_f64(minutes * 60.0 + seconds.parse::<f64>().unwrap())
        })
        .sum()
}

/// A page with scripts of the test's own at its end.
pub(super) fn with_scripts(page: &str, scripts: &[impl Borrow<str>]) -> String {
    let own = scripts.join("</script><script>");
    page.replace("</body>", &format!("<script>{own}</script></body>"))
}

/// Puts a page, with a script of the test's own at its end, into the folder.
pub(super) fn write_page(page: &str, folder: &Path, script: &str) -> PathBuf {
    let path = folder.join("report.html");
    fs::write(&path, with_scripts(page, &[script])).unwrap();
    path
}
