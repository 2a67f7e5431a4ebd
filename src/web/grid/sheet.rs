//! Rows as CSV and as XLSX. What a spreadsheet would take for a formula is a text there; numbers and days are what they
//! are.

use std::error::Error;

use rust_xlsxwriter::{DocProperties, ExcelDateTime, Format, FormatAlign, Workbook, Worksheet};

use super::column::{Cell, Column};
use crate::{
    domain::{json::decimal::Decimal, time::Timestamp},
    page::words::Words,
};

/// Characters of a cell of XLSX.
const CELL_CHARS_MAX: usize = 32_767;
/// Digits that a number of XLSX keeps.
const DIGITS_MAX: usize = 15;

type Fault = Box<dyn Error + Send + Sync>;

/// What stands in a cell of a file.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Entry {
    /// A text.
    Text(String),
    /// A number.
    Number(Decimal),
    /// A day.
    Day(Timestamp),
}

/// Returns the header of a file.
pub(super) fn heads(columns: &[Column], words: Words) -> Vec<String> {
    let mut heads = vec![words.say("deal")];
    for column in columns {
        heads.push(column.label(words));
        if *column == Column::Value {
            heads.push(words.say("filter-currency"));
        }
    }
    heads
}

/// Returns a line of a file: a sum has its currency in a cell of its own.
pub(super) fn line(name: &str, cells: &[Cell], columns: &[Column], words: Words) -> Vec<Entry> {
    let empty = || Entry::Text(String::new());
    let mut line = vec![Entry::Text(name.to_owned())];
    for (cell, column) in cells.iter().zip(columns) {
        line.push(match cell {
            Cell::Empty => empty(),
            Cell::Text(text) | Cell::Code(text) => Entry::Text(text.clone()),
            Cell::Money(value, _) => Entry::Number(value.clone()),
            Cell::Day(day) | Cell::Deadline(day) => Entry::Day(*day),
            Cell::Status(badge) => Entry::Text(badge.label.clone()),
            Cell::Parties(parties) => {
                let parties = parties.iter().map(|(name, badge)| words.between("chip", name, &badge.label));
                Entry::Text(parties.collect::<Vec<_>>().join("; "))
            }
        });
        if *column == Column::Value {
            line.push(match cell {
                Cell::Money(_, Some(currency)) => Entry::Text(currency.clone()),
                _ => empty(),
            });
        }
    }
    line
}

/// Puts an apostrophe before what a spreadsheet would take for a formula.
fn defused(text: &str) -> String {
    let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']);
    format!("{}{text}", if is_formula { "'" } else { "" })
}

/// Writes CSV (RFC 4180).
pub(super) fn csv(heads: &[String], lines: impl Iterator<Item = Vec<Entry>>) -> Result<Vec<u8>, Fault> {
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    writer.write_record(heads.iter().map(|it| defused(it)))?;
    for line in lines {
        writer.write_record(line.iter().map(|it| match it {
            Entry::Text(text) => defused(text),
            Entry::Number(number) => number.as_str().to_owned(),
            Entry::Day(day) => day.to_civil().date().to_string(),
        }))?;
    }
    Ok(writer.into_inner()?)
}

/// Writes a workbook with one sheet.
pub(super) fn xlsx(
    heads: &[String],
    lines: impl Iterator<Item = Vec<Entry>>,
    now: Timestamp,
) -> Result<Vec<u8>, Fault> {
    let bold = Format::new().set_bold();
    let day = Format::new().set_num_format("yyyy-mm-dd").set_align(FormatAlign::Left);
    let number = Format::new().set_num_format("#,##0.00");
    let mut workbook = Workbook::new();
    // The clock of the library is the system's; that of the server is another in a sandbox.
    let created = ExcelDateTime::from_timestamp(now.unix_secs())?;
    workbook.set_properties(&DocProperties::new().set_creation_datetime(&created));
    let sheet = workbook.add_worksheet();
    let mut count: u32 = 0;
    for (place, head) in (0_u16..).zip(heads) {
        sheet.write_string_with_format(0, place, defused(head), &bold)?;
    }
    for line in lines {
        count = count.saturating_add(1);
        for (place, entry) in (0_u16..).zip(&line) {
            write(sheet, (count, place), entry, (&day, &number))?;
        }
    }
    let last_column = u16::try_from(heads.len().saturating_sub(1))?;
    sheet.autofilter(0, 0, count, last_column)?;
    sheet.set_freeze_panes(1, 1)?;
    sheet.set_autofit_max_width(360);
    sheet.autofit();
    Ok(workbook.save_to_buffer()?)
}

fn write(
    sheet: &mut Worksheet,
    (row, column): (u32, u16),
    entry: &Entry,
    (day, number): (&Format, &Format),
) -> Result<(), Fault> {
    match entry {
        Entry::Text(text) if text.is_empty() => {}
        Entry::Text(text) => {
            let text: String = defused(text).chars().take(CELL_CHARS_MAX).collect();
            sheet.write_string(row, column, text)?;
        }
        Entry::Number(value) => {
            let digits = value.as_str().bytes().filter(u8::is_ascii_digit).count();
            // What a number of a spreadsheet cannot hold stays readable as a text.
            match value.as_str().parse::<f64>() {
                Ok(value) if digits <= DIGITS_MAX => {
                    sheet.write_number_with_format(row, column, value, number)?
                }
                _ => sheet.write_string(row, column, value.as_str())?,
            };
        }
        Entry::Day(at) => {
            let civil = at.to_civil().date();
            let parts = (u16::try_from(civil.year()), u8::try_from(civil.month()), u8::try_from(civil.day()));
            let days = match parts {
                (Ok(year), Ok(month), Ok(day)) => ExcelDateTime::from_ymd(year, month, day).ok(),
                _ => None,
            };
            match days {
                Some(days) => sheet.write_datetime_with_format(row, column, days, day)?,
                // Spreadsheets know no day before 1900.
                None => sheet.write_string(row, column, civil.to_string())?,
            };
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{Decimal, Entry, Timestamp, csv, xlsx};

    fn lines() -> impl Iterator<Item = Vec<Entry>> {
        let text = |it: &str| Entry::Text(it.to_owned());
        let number = Entry::Number(Decimal::parse("-1234.50").unwrap());
        let day = Entry::Day(Timestamp::parse("2026-03-02T23:00:00Z").unwrap());
        let long = Entry::Number(Decimal::parse("12345678901234567890.12").unwrap());
        vec![
            vec![text("=cmd|'/c calc'!A1"), number, day],
            vec![text("+1"), long, text("a \"quoted\", text\nof two lines")],
            vec![text("@SUM(A1)"), text("-2"), text("\tx")],
        ]
        .into_iter()
    }

    #[test]
    fn a_text_is_no_formula_and_a_number_a_number() {
        let heads = ["Deal", "Value", "Closes"].map(str::to_owned);
        let file = String::from_utf8(csv(&heads, lines()).unwrap()).unwrap();
        let expected = "Deal,Value,Closes\r\n'=cmd|'/c calc'!A1,-1234.50,2026-03-02\r\n\
                        '+1,12345678901234567890.12,\"a \"\"quoted\"\", text\nof two lines\"\r\n\
                        '@SUM(A1),'-2,'\tx\r\n";
        assert_eq!(file, expected);
    }

    #[test]
    fn a_workbook_is_a_zip_file() {
        let heads = ["Deal", "Value", "Closes"].map(str::to_owned);
        let file = xlsx(&heads, lines(), Timestamp::parse("2026-03-02").unwrap()).unwrap();
        assert!(file.starts_with(b"PK"));
    }
}
