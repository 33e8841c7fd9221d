//! Figures of a bench as text: a row for each part.

use comfy_table::{CellAlignment, Table, presets};

use crate::{
    model::cost::{Figures, Spread},
    render::count,
};

/// All of it. `processors` is how many the machine has.
pub(crate) fn bench(figures: &Figures, processors: usize) -> String {
    let parts = figures.cycles;
    let rows = [
        ("gate", Some(parts.gate), "cycles"),
        ("VMSAVE", Some(parts.vmsave), "cycles"),
        ("EFER as found", Some(parts.restore), "cycles"),
        ("the same without VMSAVE", Some(parts.witness), "cycles"),
        ("skew", figures.skew_cycles, "cycles"),
        ("round trip", figures.round_trip_nanoseconds, "ns"),
    ];
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_header(["", "min", "median", "max", ""]);
    for (part, spread, unit) in rows {
        if let Some(Spread { min, median, max }) = spread {
            let [min, median, max] = [min, median, max].map(|value| value.to_string());
            table.add_row([part, &min, &median, &max, unit]);
        }
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    for column in table.column_iter_mut().skip(1).take(3) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    let snapshots = count::plural(figures.snapshots, "snapshot");
    let shown = count::shown(figures.processors, processors);
    let driver = figures.driver.map(|driver| format!("{driver}: "));
    let caveat = match figures.skew_cycles {
        Some(_) => "\nskew: as far as the processors' time-stamp counters agree\n",
        None => "",
    };
    format!(
        "{}{snapshots} of {shown}\n\n{}\n{caveat}",
        driver.unwrap_or_default(),
        table.trim_fmt()
    )
}
