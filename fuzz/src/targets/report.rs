//! Findings in a saved snapshot, and the page that reports it: nothing that a file says becomes
//! part of the page's language.

use client::{Snapshot, check};

/// What begins the elements of a page that could do something.
const ACTIVE: [&str; 6] = ["<script", "<style", "<link", "<img", "<iframe", "<form"];

/// Runs the target on one input.
pub(super) fn run(bytes: &[u8]) {
    let Ok(snapshot) = Snapshot::parse(bytes) else {
        return;
    };
    let findings = check(&snapshot).findings;
    for pair in findings.windows(2) {
        assert!(pair[0].severity <= pair[1].severity);
    }
    for finding in &findings {
        assert_eq!(finding.id.name().parse(), Ok(finding.id));
        assert!(!finding.sentence.contains(char::is_control));
    }
    let active = |page: &str| ACTIVE.map(|element| page.matches(element).count());
    let empty = Snapshot::default().to_html().expect("memory");
    let page = snapshot.to_html().expect("memory");
    assert_eq!(active(&page), active(&empty));
    assert!(page.trim_end().ends_with("</html>"));
}
