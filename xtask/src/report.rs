//! Tables on a terminal.

/// Prints rows under their heads, the first column to the left and numbers to the right.
pub(crate) fn print_table(heads: &[&str], rows: &[Vec<String>]) {
    let mut widths: Vec<usize> = heads.iter().map(|it| it.chars().count()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let heads: Vec<String> = heads.iter().map(|&it| it.to_owned()).collect();
    print_row(&heads, &widths);
    for row in rows {
        print_row(row, &widths);
    }
}

/// Returns the middle of the values; 0 when there are none.
pub(crate) fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

fn print_row(cells: &[String], widths: &[usize]) {
    let mut line = String::new();
    for (index, (cell, &width)) in cells.iter().zip(widths).enumerate() {
        if index == 0 {
            line.push_str(&format!("{cell:<width$}"));
        } else {
            line.push_str(&format!("  {cell:>width$}"));
        }
    }
    println!("{}", line.trim_end());
}

#[cfg(test)]
mod tests {
    use super::median;

    #[test]
    fn median_ignores_one_bad_round() {
        assert_eq!(median([3.0, 900.0, 2.0].into_iter()), 3.0);
        assert_eq!(median(std::iter::empty()), 0.0);
    }
}
