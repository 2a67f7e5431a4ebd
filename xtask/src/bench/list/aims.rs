//! What the numbers should be, beside what they are.

use super::{Size, measure::Measured, questions::Role};
use crate::report::print_table;

const DEEP_MAX: f64 = 1.2;
const INDEXED_MAX: f64 = 1.3;
const MINIMAL_MAX: f64 = 1.5;
const PEAK_MB_MAX: f64 = 200.0;
const SLOWDOWN_MAX: f64 = 1.5;

/// Prints what each kind of request costs at each size.
pub(super) fn print_sizes(sizes: &[Size]) {
    let Some((first, last)) = sizes.first().zip(sizes.last()) else { return };
    let mut heads = vec!["request".to_owned()];
    for size in sizes {
        heads.extend([format!("{} ms", size.referrals), "CPU us".to_owned()]);
    }
    heads.extend(["x ms".to_owned(), "x CPU".to_owned()]);
    let mut rows = Vec::new();
    for (index, measured) in first.measured.iter().enumerate() {
        let mut row = vec![measured.name.clone()];
        for it in sizes.iter().filter_map(|size| size.measured.get(index)) {
            row.extend([format!("{:.2}", it.p50_micros / 1e3), format!("{:.0}", it.cost_micros())]);
        }
        if let Some(largest) = last.measured.get(index) {
            row.push(ratio(largest.p50_micros, measured.p50_micros));
            row.push(ratio(largest.cost_micros(), measured.cost_micros()));
        }
        rows.push(row);
    }
    print_table(&heads.iter().map(String::as_str).collect::<Vec<_>>(), &rows);
}

/// Prints every aim with what was measured.
pub(super) fn print_aims(sizes: &[Size]) {
    let mut rows = Vec::new();
    let mut aim = |what: String, at_most: f64, is: f64| {
        let verdict = if is <= at_most { "met" } else { "missed" };
        rows.push(vec![what, format!("{at_most:.1}"), format!("{is:.2}"), verdict.to_owned()]);
    };
    for size in sizes {
        let of = format!("of {}", size.referrals);
        for (what, deep, first) in [
            ("deep page / first page", Role::Deep, Role::First),
            ("deep page / first page, ids", Role::DeepOfIds, Role::FirstOfIds),
        ] {
            if let Some((deep, first)) = size.find(deep).next().zip(size.find(first).next()) {
                aim(format!("{what}, CPU, {of}"), DEEP_MAX, deep.cost_micros() / first.cost_micros());
                aim(format!("{what}, p50, {of}"), DEEP_MAX, deep.p50_micros / first.p50_micros);
            }
        }
        if let Some((first, minimal)) = size.find(Role::First).next().zip(size.find(Role::Minimal).next()) {
            let is = first.cost_micros() / minimal.cost_micros();
            aim(format!("first page / minimal server's, CPU, {of}"), MINIMAL_MAX, is);
        }
        aim(format!("peak memory in MB, {of}"), PEAK_MB_MAX, size.peak_bytes as f64 / 1e6);
        for (what, is) in ["first page", "one referral"].into_iter().zip(size.runaway.slowdowns()) {
            aim(format!("{what} beside a runaway / alone, p50, {of}"), SLOWDOWN_MAX, is);
        }
    }
    if let [smallest, .., largest] = sizes {
        for (small, large) in smallest.find(Role::Indexed).zip(largest.find(Role::Indexed)) {
            let name = |it: &Measured| format!("{}, largest / smallest", it.name);
            aim(format!("{}, CPU", name(small)), INDEXED_MAX, large.cost_micros() / small.cost_micros());
            aim(format!("{}, p50", name(small)), INDEXED_MAX, large.p50_micros / small.p50_micros);
        }
    }
    print_table(&["aim", "at most", "is", ""], &rows);
}

fn ratio(value: f64, base: f64) -> String {
    if base > 0.0 { format!("{:.2}", value / base) } else { "-".to_owned() }
}
