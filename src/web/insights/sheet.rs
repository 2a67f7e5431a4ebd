//! A table, as it is shown and as it is written into a file.

use crate::service::audit::cell;

/// A table.
pub(super) struct Sheet {
    pub(super) columns: Vec<Column>,
    pub(super) rows: Vec<Line>,
    /// Whether the first cell says which table a row stands in, of several.
    pub(super) is_grouped: bool,
}

/// A column.
pub(super) struct Column {
    /// Name in a file; it never changes.
    pub(super) key: &'static str,
    /// Name on the page.
    pub(super) label: String,
}

/// A line of a table. The first cell names it.
pub(super) struct Line {
    pub(super) cells: Vec<Cell>,
    /// Where its name leads; `None` for nowhere.
    pub(super) link: Option<String>,
}

/// A cell.
pub(super) struct Cell {
    /// As it is read.
    pub(super) shown: String,
    /// More of it, in smaller letters; may be empty.
    pub(super) note: String,
    /// As programs read it.
    pub(super) raw: String,
}

/// Lines that stand in one table.
pub(super) struct Group<'a> {
    /// What they have in common; empty where the sheet is one table.
    pub(super) caption: &'a str,
    pub(super) columns: &'a [Column],
    pub(super) lines: Vec<(Option<&'a str>, &'a [Cell])>,
}

impl Cell {
    /// Makes one that reads as it is written.
    pub(super) fn text(text: impl Into<String>) -> Self {
        let shown: String = text.into();
        Self { raw: shown.clone(), shown, note: String::new() }
    }

    /// Makes one that is written in another way.
    pub(super) fn of(shown: impl Into<String>, raw: impl ToString) -> Self {
        Self { shown: shown.into(), note: String::new(), raw: raw.to_string() }
    }

    /// Adds more of it, in smaller letters.
    pub(super) fn noted(mut self, note: String) -> Self {
        self.note = note;
        self
    }
}

impl Sheet {
    /// Returns the tables that it is shown as.
    pub(super) fn groups(&self) -> Vec<Group<'_>> {
        let first = usize::from(self.is_grouped);
        let columns = self.columns.get(first..).unwrap_or_default();
        let mut groups: Vec<Group<'_>> = Vec::new();
        for row in &self.rows {
            let caption = match self.is_grouped {
                true => row.cells.first().map_or("", |it| it.shown.as_str()),
                false => "",
            };
            let line = (row.link.as_deref(), row.cells.get(first..).unwrap_or_default());
            match groups.last_mut() {
                Some(group) if group.caption == caption => group.lines.push(line),
                _ => groups.push(Group { caption, columns, lines: vec![line] }),
            }
        }
        groups
    }

    /// Writes it as a file: RFC 4180, with a head; texts that a spreadsheet would take for formulas have a quote before
    /// them.
    pub(super) fn to_csv(&self) -> String {
        let head: Vec<&str> = self.columns.iter().map(|it| it.key).collect();
        let mut file = format!("{}\r\n", head.join(","));
        for row in &self.rows {
            let cells: Vec<String> = row.cells.iter().map(|it| cell(&it.raw)).collect();
            file.push_str(&cells.join(","));
            file.push_str("\r\n");
        }
        file
    }
}

#[cfg(test)]
mod tests {
    use super::{Cell, Column, Line, Sheet};

    fn sheet(is_grouped: bool) -> Sheet {
        let columns = ["currency", "flow", "won"];
        let rows = [["EUR", "=cmd|'/c calc'!A1", "1"], ["EUR", "own", "2"], ["USD", "own", "3"]];
        Sheet {
            columns: columns.into_iter().map(|key| Column { key, label: key.to_uppercase() }).collect(),
            rows: rows
                .into_iter()
                .map(|row| Line { cells: row.into_iter().map(Cell::text).collect(), link: None })
                .collect(),
            is_grouped,
        }
    }

    #[test]
    fn a_file_has_stable_names_and_no_formulas() {
        let file = sheet(true).to_csv();

        assert!(file.starts_with("currency,flow,won\r\n\"EUR\",\"'=cmd|'/c calc'!A1\",\"1\"\r\n"), "{file}");
    }

    #[test]
    fn rows_with_one_first_cell_stand_in_one_table() {
        let sheet = sheet(true);

        let groups = sheet.groups();

        let shown: Vec<(&str, usize)> = groups.iter().map(|it| (it.caption, it.lines.len())).collect();
        assert_eq!(shown, [("EUR", 2), ("USD", 1)]);
        assert_eq!(groups[0].columns[0].key, "flow");
    }
}
