//! How many there are of something, in words.

/// `1 snapshot` or `2 snapshots`.
pub(crate) fn plural(number: usize, noun: &str) -> String {
    let ending = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{ending}")
}

/// How many processors are shown, of all that the machine has.
pub(crate) fn shown(shown: usize, all: usize) -> String {
    if shown == all {
        plural(all, "processor")
    } else {
        format!("{shown} of {}", plural(all, "processor"))
    }
}
