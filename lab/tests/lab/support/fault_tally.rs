//! Points at which something was made to go wrong, counted for the closing output of
//! `cargo xtask test`.

/// How the driver fared when something went wrong at each of many points.
#[derive(Default)]
pub(crate) struct FaultTally {
    points: u64,
    survived: u64,
    left_over: usize,
}

impl FaultTally {
    /// Something goes wrong now; it is survived if [`Self::survived`] follows.
    pub(crate) fn point(&mut self) {
        self.points += 1;
    }

    /// The driver went on as it should.
    pub(crate) fn survived(&mut self) {
        self.survived += 1;
    }

    /// Counts what the driver left behind when it was gone.
    pub(crate) fn left_over(&mut self, report: &lab::Report) {
        self.left_over += report.left_over();
    }

    /// Prints the line that `cargo xtask test` adds up; returns how many points there were.
    pub(crate) fn print(self, what: &str) -> u64 {
        let Self {
            points,
            survived,
            left_over,
        } = self;
        println!("tally: {what}: {points} points, {survived} survived, {left_over} left over");
        points
    }
}
