//! A driver that has nothing to do with svmsave, as `wdk-linux` builds it: it allocates, prints, and
//! can be unloaded.

use lab::{Lab, LogSource};

use crate::support::{built, config, kernel};

fn printed(lab: &Lab) -> Vec<&str> {
    let lines = lab.log().iter();
    let lines = lines.filter(|line| line.source == LogSource::Driver);
    lines.map(|line| line.text.trim_end()).collect()
}

#[test]
fn it_is_loaded_prints_what_it_allocated_and_leaves_nothing() {
    let driver = built("LAB_MINIMAL");
    let mut lab = Lab::boot(&config(1), &kernel(), &driver).unwrap();
    for times in 1..=2 {
        lab.load().unwrap();
        let lines = printed(&lab);
        let greeting = lines.last().unwrap();
        assert!(
            greeting.starts_with("minimal driver: built by Rust 1."),
            "{lines:?}"
        );
        assert!(lab.unload().unwrap().is_clean());
        let lines = printed(&lab);
        assert_eq!(lines.len(), 2 * times, "{lines:?}");
        assert_eq!(lines.last(), Some(&"minimal driver: unloaded"));
    }
    lab.shutdown().unwrap();
}
