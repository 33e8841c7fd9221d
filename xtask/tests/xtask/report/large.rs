//! 4096 processors: a page that is small enough to be mailed, and there at once.

use std::cell::LazyCell;
use std::fs;
use std::path::Path;
use std::time::Duration;

use super::browser::{LIGHT, browse, write_page};
use super::machines;

const SMALL: usize = 1_500_000;

/// Three times what the page may take.
const LIMIT: Duration = Duration::from_secs(3);

/// How often a page is opened before it is too slow.
const TRIES: usize = 3;

/// What the browser computes until the page is laid out and has answered a click, and how much of that
/// time went by.
fn time_until_interactive(folder: &Path, page: &Path) -> (Duration, Duration) {
    let seen = browse(folder, page, [1440, 1000], &[LIGHT, "--dump-dom"]);
    assert_eq!(seen.console, Vec::<String>::new());
    let noted: f64 = seen.noted().parse().unwrap();
    (seen.computed, Duration::from_secs_f64(noted / 1000.0))
}

/// What the browser computes for itself.
fn time_of_nothing() -> Duration {
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("nothing.html");
    let nothing = "<body data-seen=0>";
    fs::write(&page, nothing).unwrap();
    let times = (0..TRIES).map(|_| time_until_interactive(folder.path(), &page).0);
    times.min().unwrap()
}

#[test]
fn a_page_of_4096_processors_is_small_and_soon_there() {
    const SCRIPT: &str = r##"
        addEventListener("load", () => {
            document.querySelector("#map a").click();
            document.body.offsetHeight;
            document.body.dataset.seen = performance.now();
        });
    "##;
    // A page that takes less together with the browser need not be compared with the browser alone.
    let nothing = LazyCell::new(time_of_nothing);
    for (name, machine) in [
        ("healthy", machines::of(4096)),
        ("with outliers", machines::with_outliers(machines::of(4096))),
        ("hooked alike", machines::all_hooked(machines::of(4096))),
        ("hidden", machines::hidden(machines::of(4096))),
    ] {
        let page = machine.to_html().unwrap();
        let size = page.len();
        assert!(size < SMALL, "{name}: {size} bytes");
        let folder = tempfile::tempdir().unwrap();
        let page = write_page(&page, folder.path(), SCRIPT);
        let mut slow = Vec::new();
        let is_soon_there = (0..TRIES).any(|_| {
            let (all, passed) = time_until_interactive(folder.path(), &page);
            println!("{name}: {size} bytes, {all:?} of work, {passed:?} by the clock");
            let is_quick = all < LIMIT || all.saturating_sub(*nothing) < LIMIT;
            if !is_quick {
                slow.push(all);
            }
            is_quick
        });
        assert!(
            is_soon_there,
            "{name}: {slow:?}, {:?} of it the browser's own",
            *nothing
        );
    }
}
