//! The trend: referrals by the week or the month in which they were made.

use jiff::{ToSpan as _, civil::Date};

use super::{
    ask::Step,
    chart::{Chart, LineInput, lines},
    report::Report,
    sheet::{Cell, Line, Sheet},
};
use crate::storage::DayTally;

const EPOCH: Date = Date::constant(1970, 1, 1);

/// What was made in a week or a month.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Point {
    /// The first day of the week or the month.
    begins: Date,
    count: u64,
    accepted: u64,
    won: u64,
}

/// Makes the chart and the table of the trend.
pub(super) fn trend(report: &Report<'_>) -> (Vec<Chart>, Sheet) {
    let (words, asked) = (report.words, report.asked);
    let points = points(&report.insights.days, asked.first, asked.last, asked.step);
    let months = words.say("months");
    let name = |begins: Date, is_short: bool| {
        let place = usize::from(begins.month().unsigned_abs()).saturating_sub(1);
        let month = months.split(' ').nth(place).unwrap_or_default();
        match (asked.step, is_short) {
            (Step::Week, true) => format!("{} {month}", begins.day()),
            (Step::Week, false) => format!("{} {month} {}", begins.day(), begins.year()),
            (Step::Month, _) => format!("{month} {}", begins.year()),
        }
    };
    let line = |style: &'static str, count: fn(&Point) -> u64| {
        let values: Vec<u64> = points.iter().map(count).collect();
        let sum = values.iter().fold(0_u64, |sum, it| sum.saturating_add(*it));
        let label = format!("{} {}", words.say(&format!("insight-line-{style}")), words.number(sum));
        LineInput { style, label, values }
    };
    let inputs =
        vec![line("all", |it| it.count), line("accepted", |it| it.accepted), line("won", |it| it.won)];
    let names: Vec<String> = points.iter().map(|it| name(it.begins, true)).collect();
    let chart = Chart::Lines(lines("trend-lines", words.say("insight-trend"), &names, inputs));
    // The newest first: it is what is looked for.
    let rows = points.iter().rev().map(|it| Line {
        cells: vec![
            Cell::of(name(it.begins, false), it.begins),
            Cell::of(words.number(it.count), it.count),
            Cell::of(words.number(it.accepted), it.accepted),
            Cell::of(words.number(it.won), it.won),
        ],
        link: None,
    });
    let first = match asked.step {
        Step::Week => "week",
        Step::Month => "month",
    };
    let columns = report.columns(&[first, "count", "accepted", "won"]);
    (vec![chart], Sheet { columns, rows: rows.collect(), is_grouped: false })
}

/// Adds days up to weeks or months; those without a referral have their point too.
fn points(days: &[DayTally], first: Date, last: Date, step: Step) -> Vec<Point> {
    let mut points: Vec<Point> = Vec::new();
    let (mut begins, end) = (beginning(first, step), beginning(last, step));
    while begins <= end {
        points.push(Point { begins, count: 0, accepted: 0, won: 0 });
        let next = match step {
            Step::Week => begins.saturating_add(1.weeks()),
            Step::Month => begins.saturating_add(1.months()),
        };
        if next <= begins {
            break;
        }
        begins = next;
    }
    for tally in days {
        let day = EPOCH.saturating_add(tally.day.days());
        let begins = beginning(day, step);
        if let Ok(place) = points.binary_search_by_key(&begins, |it| it.begins)
            && let Some(point) = points.get_mut(place)
        {
            point.count = point.count.saturating_add(tally.count);
            point.accepted = point.accepted.saturating_add(tally.accepted);
            point.won = point.won.saturating_add(tally.won);
        }
    }
    points
}

/// Returns the first day of the week or the month of a day.
fn beginning(day: Date, step: Step) -> Date {
    match step {
        Step::Week => day.saturating_sub(i64::from(day.weekday().to_monday_zero_offset()).days()),
        Step::Month => day.first_of_month(),
    }
}

#[cfg(test)]
mod tests {
    use super::{Date, DayTally, Step, points};

    fn date(text: &str) -> Date {
        text.parse().unwrap()
    }

    #[test]
    fn weeks_begin_on_mondays_and_none_is_left_out() {
        // 1970-01-05 was a Monday.
        let days = [4, 10, 11, 25].map(|day| DayTally { day, count: 2, accepted: 1, won: 1 });

        let points = points(&days, date("1970-01-07"), date("1970-01-27"), Step::Week);

        let shown: Vec<(String, u64)> = points.iter().map(|it| (it.begins.to_string(), it.count)).collect();
        let expected = [("1970-01-05", 4), ("1970-01-12", 2), ("1970-01-19", 0), ("1970-01-26", 2)];
        assert_eq!(shown, expected.map(|(day, count)| (day.to_owned(), count)));
    }

    #[test]
    fn months_are_those_of_the_calendar() {
        let days = [30, 31, 58, 59].map(|day| DayTally { day, count: 1, accepted: 0, won: 0 });

        let points = points(&days, date("1970-01-31"), date("1970-03-01"), Step::Month);

        assert_eq!(points.iter().map(|it| it.count).collect::<Vec<_>>(), [1, 2, 1]);
    }
}
