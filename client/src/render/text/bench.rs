//! Figures of a bench as text: a row for each part.

use super::colour::Palette;
use super::columns::{self, Alignment, Cell, Column};
use crate::model::cost::{Figures, Spread};
use crate::render::count;

/// All of it. `processors` is how many the machine has.
pub(crate) fn bench(figures: &Figures, processors: usize, palette: Palette) -> String {
    let parts = figures.cycles;
    let rows: Vec<(&str, Spread, &str)> = [
        ("support check", Some(parts.support_check), "cycles"),
        ("VMSAVE", Some(parts.vmsave), "cycles"),
        ("EFER as found", Some(parts.restore), "cycles"),
        ("the same without VMSAVE", Some(parts.witness), "cycles"),
        ("skew", figures.skew_cycles, "cycles"),
        ("round trip", figures.round_trip_nanoseconds, "ns"),
    ]
    .into_iter()
    .filter_map(|(part, spread, unit)| Some((part, spread?, unit)))
    .collect();
    let column = |heading, alignment, cell: &dyn Fn(&(&str, Spread, &str)) -> String| Column {
        heading,
        alignment,
        cells: rows.iter().map(|row| Cell::from(cell(row))).collect(),
    };
    let labels = [column("", Alignment::Left, &|row| row.0.to_owned())];
    let figure = |heading, of: fn(Spread) -> u64| {
        column(heading, Alignment::Right, &|row| of(row.1).to_string())
    };
    let values = vec![
        figure("min", |spread| spread.min),
        figure("median", |spread| spread.median),
        figure("max", |spread| spread.max),
        column("", Alignment::Left, &|row| row.2.to_owned()),
    ];
    let table = columns::blocks(&labels, &[values], usize::MAX, palette);
    let snapshots = count::plural(figures.snapshots, "snapshot");
    let shown = count::shown(figures.processors, processors);
    let driver = figures.driver.map(|driver| format!("{driver}: "));
    let caveat = match figures.skew_cycles {
        Some(_) => "\nskew: as far as the processors' time-stamp counters agree\n",
        None => "",
    };
    format!(
        "{}{snapshots} of {shown}\n\n{table}{caveat}",
        driver.unwrap_or_default(),
    )
}
