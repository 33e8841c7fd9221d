//! Many columns in a terminal of few: folded into blocks, one beneath the other.

use comfy_table::{Cell, CellAlignment, ContentArrangement, Table, presets};

/// Blanks between two columns.
const GAP: u16 = 2;

/// A column of a wide table: a heading, and one cell for each row.
pub(super) struct Column {
    pub(super) heading: &'static str,
    pub(super) alignment: CellAlignment,
    pub(super) cells: Vec<String>,
}

impl Column {
    /// Columns that the column takes, with the gap before it.
    fn span(&self) -> usize {
        let widest = self.cells.iter().map(String::len).max().unwrap_or(0);
        usize::from(GAP) + widest.max(self.heading.len())
    }
}

fn span<'c>(columns: impl IntoIterator<Item = &'c Column>) -> usize {
    columns.into_iter().map(Column::span).sum()
}

/// Sets the columns in as few blocks as fit into `width`, each beginning with the labels. The
/// columns of a group stay side by side wherever a block can hold them all.
pub(super) fn blocks(labels: &[Column], groups: &[Vec<Column>], width: usize) -> String {
    // The first label has no gap before it.
    let room = (width + usize::from(GAP)).saturating_sub(span(labels));
    let blocks: Vec<String> = pack(groups, room)
        .into_iter()
        .map(|block| table(labels.iter().chain(block)))
        .collect();
    blocks.join("\n")
}

fn pack(groups: &[Vec<Column>], room: usize) -> Vec<Vec<&Column>> {
    let pieces = groups.iter().flat_map(|group| {
        let whole = span(group) <= room;
        group.chunks(if whole { group.len().max(1) } else { 1 })
    });
    let mut blocks: Vec<Vec<&Column>> = Vec::new();
    let mut left = 0;
    for piece in pieces {
        match blocks.last_mut() {
            Some(block) if span(piece) <= left => block.extend(piece),
            _ => {
                blocks.push(piece.iter().collect());
                left = room;
            }
        }
        left = left.saturating_sub(span(piece));
    }
    blocks
}

fn table<'c>(columns: impl Iterator<Item = &'c Column>) -> String {
    let columns: Vec<&Column> = columns.collect();
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled)
        .set_header(
            columns
                .iter()
                .map(|column| Cell::new(column.heading).set_alignment(column.alignment)),
        );
    let rows = columns.iter().map(|column| column.cells.len()).max();
    for row in 0..rows.unwrap_or(0) {
        table.add_row(columns.iter().map(|column| {
            let cell = column.cells.get(row).map_or("", String::as_str);
            Cell::new(cell).set_alignment(column.alignment)
        }));
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, GAP));
    }
    table.trim_fmt() + "\n"
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn column(heading: &'static str, cells: &[&str]) -> Column {
        Column {
            heading,
            alignment: CellAlignment::Right,
            cells: cells.iter().map(ToString::to_string).collect(),
        }
    }

    fn wide() -> (Vec<Column>, Vec<Vec<Column>>) {
        let labels = vec![column("CPU", &["0", "10"])];
        let groups = vec![
            vec![column("a", &["1", "22"]), column("b", &["333", "4"])],
            vec![column("c", &["55555", "6"])],
        ];
        (labels, groups)
    }

    #[test]
    fn a_wide_terminal_takes_one_block() {
        let (labels, groups) = wide();
        let expected = "\
CPU   a    b      c
  0   1  333  55555
 10  22    4      6
";
        assert_eq!(blocks(&labels, &groups, 19), expected);
    }

    #[test]
    fn a_group_stays_together_and_every_block_is_labelled() {
        let (labels, groups) = wide();
        let expected = "\
CPU   a    b
  0   1  333
 10  22    4

CPU      c
  0  55555
 10      6
";
        assert_eq!(blocks(&labels, &groups, 18), expected);
        assert_eq!(blocks(&labels, &groups, 12), expected);
    }

    #[test]
    fn a_group_wider_than_the_terminal_is_split() {
        let (labels, groups) = wide();
        assert_eq!(blocks(&labels, &groups, 11).matches("CPU").count(), 3);
    }

    proptest! {
        #[test]
        fn no_line_is_wider_than_a_width_that_the_widest_column_fits_into(width in 10_usize..40) {
            let (labels, groups) = wide();
            let text = blocks(&labels, &groups, width);
            prop_assert!(text.lines().all(|line| line.len() <= width), "{}", text);
        }

        #[test]
        fn every_cell_is_shown_at_any_width(width in 0_usize..40) {
            let (labels, groups) = wide();
            let text = blocks(&labels, &groups, width);
            for cell in groups.iter().flatten().flat_map(|column| &column.cells) {
                prop_assert!(text.split_whitespace().any(|word| word == cell));
            }
        }
    }
}
