//! Many columns in a terminal of few: folded into blocks, one beneath the other.
//!
//! Snapshots have up to 27 columns and thousands of rows of plain ASCII, and are to be printed in
//! milliseconds: no cell needs to be wrapped, or measured in anything but bytes.

use std::fmt::Write as _;

use super::colour::{Paint, Palette};

/// Blanks between two columns.
const GAP: usize = 2;

/// A column of a wide table: a heading, and one cell for each row.
pub(super) struct Column {
    pub(super) heading: &'static str,
    pub(super) alignment: Alignment,
    pub(super) cells: Vec<Cell>,
}

/// Where a cell's text stands in its column.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Alignment {
    Left,
    Right,
}

/// A cell of ASCII text.
pub(super) struct Cell {
    pub(super) text: String,
    pub(super) paint: Paint,
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        let paint = Paint::Plain;
        Self { text, paint }
    }
}

impl Column {
    /// Letters of the widest cell.
    fn width(&self) -> usize {
        let widest = self.cells.iter().map(|cell| cell.text.len()).max();
        widest.unwrap_or(0).max(self.heading.len())
    }

    /// Letters that the column takes, with the gap before it.
    fn span(&self) -> usize {
        GAP + self.width()
    }
}

fn span<'c>(columns: impl IntoIterator<Item = &'c Column>) -> usize {
    columns.into_iter().map(Column::span).sum()
}

/// Sets the columns in as few blocks as fit into `width`, each beginning with the labels. The
/// columns of a group stay side by side wherever a block can hold them all.
pub(super) fn blocks(
    labels: &[Column],
    groups: &[Vec<Column>],
    width: usize,
    palette: Palette,
) -> String {
    // The first label has no gap before it.
    let room = width.saturating_add(GAP).saturating_sub(span(labels));
    let blocks: Vec<String> = pack(groups, room)
        .into_iter()
        .map(|block| table(labels.iter().chain(block), palette))
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

fn table<'c>(columns: impl Iterator<Item = &'c Column>, palette: Palette) -> String {
    let columns: Vec<(&Column, usize)> = columns.map(|column| (column, column.width())).collect();
    let rows = columns.iter().map(|(column, _)| column.cells.len()).max();
    let mut text = String::new();
    line(&mut text, palette, &columns, |column| {
        Some((column.heading, Paint::Heading))
    });
    for row in 0..rows.unwrap_or(0) {
        line(&mut text, palette, &columns, |column| {
            let cell = column.cells.get(row)?;
            Some((cell.text.as_str(), cell.paint))
        });
    }
    text
}

/// A line of the table, without blanks at its end.
fn line<'c>(
    text: &mut String,
    palette: Palette,
    columns: &[(&'c Column, usize)],
    cell: impl Fn(&'c Column) -> Option<(&'c str, Paint)>,
) {
    // Blanks are owed until a letter follows.
    let mut owed = 0;
    for (column, width) in columns {
        let (letters, paint) = cell(column).unwrap_or_default();
        let padding = width - letters.len();
        if column.alignment == Alignment::Right {
            owed += padding;
        }
        if !letters.is_empty() {
            push_blanks(text, owed);
            if paint == Paint::Plain {
                text.push_str(letters);
            } else {
                // Writing into a string cannot fail.
                let _ = write!(text, "{}", palette.paint(paint, letters));
            }
            owed = 0;
        }
        if column.alignment == Alignment::Left {
            owed += padding;
        }
        owed += GAP;
    }
    text.push('\n');
}

/// A table has a hundred thousand cells, and formatting is made for more than blanks.
fn push_blanks(text: &mut String, mut count: usize) {
    const BLANKS: &str = "                                ";
    while count > BLANKS.len() {
        text.push_str(BLANKS);
        count -= BLANKS.len();
    }
    text.push_str(&BLANKS[..count]);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn column(heading: &'static str, cells: &[&str]) -> Column {
        Column {
            heading,
            alignment: Alignment::Right,
            cells: cells.iter().map(|text| text.to_string().into()).collect(),
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
        assert_eq!(blocks(&labels, &groups, 19, Palette::PLAIN), expected);
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
        assert_eq!(blocks(&labels, &groups, 18, Palette::PLAIN), expected);
        assert_eq!(blocks(&labels, &groups, 12, Palette::PLAIN), expected);
    }

    #[test]
    fn a_group_wider_than_the_terminal_is_split() {
        let (labels, groups) = wide();
        assert_eq!(
            blocks(&labels, &groups, 11, Palette::PLAIN)
                .matches("CPU")
                .count(),
            3
        );
    }

    proptest! {
        #[test]
        fn no_line_is_wider_than_a_width_that_the_widest_column_fits_into(width in 10_usize..40) {
            let (labels, groups) = wide();
            let text = blocks(&labels, &groups, width, Palette::PLAIN);
            prop_assert!(text.lines().all(|line| line.len() <= width), "{}", text);
        }

        #[test]
        fn every_cell_is_shown_at_any_width(width in 0_usize..40) {
            let (labels, groups) = wide();
            let text = blocks(&labels, &groups, width, Palette::PLAIN);
            for cell in groups.iter().flatten().flat_map(|column| &column.cells) {
                prop_assert!(text.split_whitespace().any(|word| word == cell.text));
            }
        }
    }
}
