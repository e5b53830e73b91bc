//! A table of text: titles on the left, cells aligned on the right.

use std::io::{self, Write};

/// Rows with a title on the left and cells aligned on the right.
pub(crate) struct Grid {
    title_width: usize,
    rows: Vec<(String, Vec<String>)>,
}

impl Grid {
    pub(crate) fn new(title_width: usize) -> Self {
        Self { title_width, rows: Vec::new() }
    }

    pub(crate) fn row(&mut self, title: &str, cells: impl Iterator<Item = String>) {
        self.rows.push((title.to_owned(), cells.collect()));
    }

    pub(crate) fn gap(&mut self) {
        self.rows.push((String::new(), Vec::new()));
    }

    pub(crate) fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let columns = self.rows.iter().map(|(_, cells)| cells.len()).max().unwrap_or(0);
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|(_, cells)| cells.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        let titles = self.rows.iter().map(|(title, _)| title.chars().count());
        let title_width = titles.max().unwrap_or(0).max(self.title_width);
        for (title, cells) in &self.rows {
            let mut line = format!("{title:<title_width$}");
            for (cell, width) in cells.iter().zip(&widths) {
                line.push_str(&format!("  {cell:>width$}"));
            }
            writeln!(out, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_as_wide_as_the_widest_of_their_column() {
        let mut grid = Grid::new(4);
        let row = |cells: [&str; 2]| cells.map(str::to_owned).into_iter();
        grid.row("a", row(["1", "µs"]));
        grid.gap();
        grid.row("long title", row(["100", ""]));
        let mut bytes = Vec::new();
        grid.write(&mut bytes).expect("memory takes everything");
        assert_eq!(
            String::from_utf8(bytes).expect("text"),
            "a             1  µs\n\nlong title  100\n"
        );
    }
}
