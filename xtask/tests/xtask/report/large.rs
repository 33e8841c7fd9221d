//! 4096 processors: a page that is small enough to be mailed, and there at once.

use std::fs;
use std::path::Path;
use std::time::Duration;

use super::browser::{LIGHT, browse, write_page};
use super::machines;

const SMALL: usize = 1_500_000;

/// Three times what the page may take.
const LIMIT: Duration = Duration::from_secs(3);

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
    let times = (0..3).map(|_| time_until_interactive(folder.path(), &page).0);
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
    let nothing = time_of_nothing();
    for (name, machine) in [
        ("healthy", machines::of(4096)),
        ("with outliers", machines::with_outliers(machines::of(4096))),
        ("hooked alike", machines::all_hooked(machines::of(4096))),
        ("hidden", machines::hidden(machines::of(4096))),
    ] {
        let size = machine.to_html().unwrap().len();
        assert!(size < SMALL, "{name}: {size} bytes");
        let folder = tempfile::tempdir().unwrap();
        let page = write_page(&machine, folder.path(), SCRIPT);
        let times = (0..3).map(|_| time_until_interactive(folder.path(), &page));
        let (fastest, passed) = times.min().unwrap();
        let own = fastest.saturating_sub(nothing);
        println!("{name}: {size} bytes, {own:?} of work, {passed:?} by the clock");
        assert!(own < LIMIT, "{name}: {own:?}");
    }
}
