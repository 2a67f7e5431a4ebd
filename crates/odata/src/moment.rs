//! Moments, dates, times of day and durations: from text, to text, and apart into their fields.
//!
//! The calendar is the Gregorian one without end in both directions (proleptic), years 1 to 9999.

use crate::tree::TICKS_PER_SECOND;

/// Ticks in a day.
pub const TICKS_PER_DAY: i64 = 86_400 * TICKS_PER_SECOND;
/// The first moment: 0001-01-01T00:00:00Z.
pub const MOMENT_MIN: i64 = -719_162 * TICKS_PER_DAY;
/// The last moment: 9999-12-31T23:59:59.9999999Z.
pub const MOMENT_MAX: i64 = 2_932_897 * TICKS_PER_DAY - 1;
/// The first date.
pub const DATE_MIN: i32 = -719_162;
/// The last date.
pub const DATE_MAX: i32 = 2_932_896;

/// Digits of a fraction of a second that are kept: a tick is 100 ns.
const FRACTION_DIGITS: usize = 7;
/// Digits of a fraction of a second that may be written.
const FRACTION_DIGITS_MAX: usize = 12;

/// A day of the calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Civil {
    /// 1 to 9999.
    pub year: i32,
    /// 1 to 12.
    pub month: i32,
    /// 1 to 31.
    pub day: i32,
}

impl Civil {
    /// Returns the day that is `days` after 1970-01-01.
    pub fn from_days(days: i32) -> Self {
        // Years begin in March here, so that the leap day is a year's last; 400 years have 146097 days.
        let days = days + 719_468;
        let era = days.div_euclid(146_097);
        let day_of_era = days.rem_euclid(146_097);
        let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_from_march = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
        let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
        let year = year_of_era + era * 400 + i32::from(month <= 2);
        Self { year, month, day }
    }

    /// Returns the days since 1970-01-01; `None` where there is no such day.
    pub fn to_days(self) -> Option<i32> {
        if !(1..=9999).contains(&self.year)
            || !(1..=12).contains(&self.month)
            || !(1..=31).contains(&self.day)
        {
            return None;
        }
        let year = if self.month <= 2 { self.year - 1 } else { self.year };
        let era = year.div_euclid(400);
        let year_of_era = year.rem_euclid(400);
        let month_from_march = (self.month + 9) % 12;
        let day_of_year = (153 * month_from_march + 2) / 5 + self.day - 1;
        let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
        let days = era * 146_097 + day_of_era - 719_468;
        (Self::from_days(days) == self).then_some(days)
    }
}

/// Takes a moment apart into the days since 1970-01-01 and the ticks since midnight.
pub fn split(moment: i64) -> (i32, i64) {
    let days = moment.div_euclid(TICKS_PER_DAY);
    (i32::try_from(days).unwrap_or_default(), moment.rem_euclid(TICKS_PER_DAY))
}

/// Returns the moment if it is in the years 1 to 9999.
pub fn in_range(moment: i64) -> Option<i64> {
    (MOMENT_MIN..=MOMENT_MAX).contains(&moment).then_some(moment)
}

/// Returns midnight of a date, UTC.
pub fn midnight(date: i32) -> i64 {
    i64::from(date) * TICKS_PER_DAY
}

/// Reads `2024-05-01T10:20:30.1234567+02:00`: seconds may be missing, `Z` or an offset may not, and digits past the
/// seventh are cut.
pub fn parse_date_time(text: &str) -> Option<i64> {
    let mut reader = Reader { rest: text };
    let date = reader.date()?;
    reader.either(['T', 't'])?;
    let time = reader.time()?;
    let offset_minutes = match reader.next()? {
        'Z' | 'z' => 0,
        '+' => reader.offset()?,
        '-' => -reader.offset()?,
        _ => return None,
    };
    let ticks = midnight(date) + time - offset_minutes * 60 * TICKS_PER_SECOND;
    reader.rest.is_empty().then_some(ticks).and_then(in_range)
}

/// Reads `2024-05-01` as days since 1970-01-01.
pub fn parse_date(text: &str) -> Option<i32> {
    let mut reader = Reader { rest: text };
    let date = reader.date()?;
    reader.rest.is_empty().then_some(date)
}

/// Reads `10:20`, `10:20:30` or `10:20:30.5` as ticks since midnight.
pub fn parse_time(text: &str) -> Option<i64> {
    let mut reader = Reader { rest: text };
    let time = reader.time()?;
    reader.rest.is_empty().then_some(time)
}

/// Reads `-P1DT2H3M4.5S` as ticks; `None` also for what does not fit 64 bits.
pub fn parse_duration(text: &str) -> Option<i64> {
    let (sign, text) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let text = text.strip_prefix(['P', 'p'])?;
    let (days, time) = match text.split_once(['T', 't']) {
        Some((_, "")) => return None,
        Some((days, time)) => (days, time),
        None if text.is_empty() => return None,
        None => (text, ""),
    };
    let mut total: i128 = 0;
    let mut reader = Reader { rest: days };
    total += reader.component('D', i128::from(TICKS_PER_DAY))?;
    let mut reader_of_time = Reader { rest: time };
    total += reader_of_time.component('H', 3600 * i128::from(TICKS_PER_SECOND))?;
    total += reader_of_time.component('M', 60 * i128::from(TICKS_PER_SECOND))?;
    total += reader_of_time.component('S', i128::from(TICKS_PER_SECOND))?;
    let is_read = reader.rest.is_empty() && reader_of_time.rest.is_empty();
    is_read.then_some(sign * total).and_then(|it| i64::try_from(it).ok())
}

/// Writes a moment as on the wire: UTC with `Z`, the fraction without zeros at its end.
pub fn format_date_time(moment: i64) -> String {
    let (date, time) = split(moment);
    format!("{}T{}Z", format_date(date), format_time(time))
}

/// Writes a date as `2024-05-01`.
pub fn format_date(date: i32) -> String {
    let Civil { year, month, day } = Civil::from_days(date);
    format!("{year:04}-{month:02}-{day:02}")
}

/// Writes a time of day as `10:20:30.5`.
pub fn format_time(time: i64) -> String {
    let seconds = time / TICKS_PER_SECOND;
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!("{hour:02}:{minute:02}:{second:02}{}", format_fraction(time.unsigned_abs()))
}

/// Writes a duration as `-P1DT2H3M4.5S`; none is `PT0S`.
pub fn format_duration(duration: i64) -> String {
    let ticks = duration.unsigned_abs();
    let seconds = ticks / TICKS_PER_SECOND.unsigned_abs();
    let fraction = format_fraction(ticks);
    let mut text = String::from(if duration < 0 { "-P" } else { "P" });
    let component = |number: u64, letter: char| match number {
        0 => String::new(),
        _ => format!("{number}{letter}"),
    };
    text.push_str(&component(seconds / 86_400, 'D'));
    let is_whole_days = seconds.is_multiple_of(86_400) && fraction.is_empty() && ticks > 0;
    if is_whole_days {
        return text;
    }
    text.push('T');
    text.push_str(&component(seconds / 3600 % 24, 'H'));
    text.push_str(&component(seconds / 60 % 60, 'M'));
    if !seconds.is_multiple_of(60) || !fraction.is_empty() || ticks == 0 {
        text.push_str(&format!("{}{fraction}S", seconds % 60));
    }
    text
}

/// Writes the part below a second as `.5`; nothing if there is none.
fn format_fraction(ticks: u64) -> String {
    let fraction = ticks % TICKS_PER_SECOND.unsigned_abs();
    if fraction == 0 {
        return String::new();
    }
    format!(".{fraction:07}").trim_end_matches('0').to_owned()
}

/// Reads digits and marks from the front of a text.
struct Reader<'a> {
    rest: &'a str,
}

impl<'a> Reader<'a> {
    fn next(&mut self) -> Option<char> {
        let char = self.rest.chars().next()?;
        self.rest = self.rest.get(char.len_utf8()..)?;
        Some(char)
    }

    fn either(&mut self, chars: [char; 2]) -> Option<()> {
        self.next().filter(|it| chars.contains(it)).map(drop)
    }

    fn eat(&mut self, char: char) -> Option<()> {
        self.rest = self.rest.strip_prefix(char)?;
        Some(())
    }

    /// Takes all the digits that stand here; there may be none.
    fn digits(&mut self) -> &'a str {
        let length = self.rest.bytes().take_while(u8::is_ascii_digit).count();
        let (digits, rest) = self.rest.split_at_checked(length).unwrap_or(("", self.rest));
        self.rest = rest;
        digits
    }

    /// Takes a number of exactly `length` digits.
    fn number(&mut self, length: usize) -> Option<i32> {
        let (digits, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        digits.bytes().all(|it| it.is_ascii_digit()).then(|| digits.parse().ok()).flatten()
    }

    fn number_below(&mut self, limit: i32) -> Option<i64> {
        self.number(2).filter(|it| *it < limit).map(i64::from)
    }

    fn date(&mut self) -> Option<i32> {
        let year = self.number(4)?;
        self.eat('-')?;
        let month = self.number(2)?;
        self.eat('-')?;
        Civil { year, month, day: self.number(2)? }.to_days()
    }

    fn time(&mut self) -> Option<i64> {
        let hour = self.number_below(24)?;
        self.eat(':')?;
        let minute = self.number_below(60)?;
        let mut ticks = (hour * 60 + minute) * 60 * TICKS_PER_SECOND;
        if self.eat(':').is_some() {
            ticks += self.number_below(60)? * TICKS_PER_SECOND;
            if self.eat('.').is_some() {
                let digits = self.digits();
                if digits.len() > FRACTION_DIGITS_MAX {
                    return None;
                }
                ticks += fraction(digits)?;
            }
        }
        Some(ticks)
    }

    fn offset(&mut self) -> Option<i64> {
        let hours = self.number_below(24)?;
        self.eat(':')?;
        Some(hours * 60 + self.number_below(60)?)
    }

    /// Takes `12H`, or `12.5S`; zero if the component is not there. `None` where it is something else.
    fn component(&mut self, letter: char, ticks: i128) -> Option<i128> {
        let before = self.rest;
        let whole = self.digits();
        let mut sum = match whole {
            "" => return Some(0),
            // Longer ones do not fit anyway, and shorter ones cannot overflow below.
            _ if whole.len() > 18 => return None,
            _ => whole.parse::<i128>().ok()? * ticks,
        };
        if letter == 'S' && self.eat('.').is_some() {
            sum += i128::from(fraction(self.digits())?);
        }
        if self.rest.starts_with(letter) || self.rest.starts_with(letter.to_ascii_lowercase()) {
            self.next()?;
            return Some(sum);
        }
        self.rest = before;
        Some(0)
    }
}

/// Reads the digits after the point of a second as ticks.
fn fraction(digits: &str) -> Option<i64> {
    let kept = digits.get(..digits.len().min(FRACTION_DIGITS)).filter(|it| !it.is_empty())?;
    format!("{kept:0<FRACTION_DIGITS$}").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_day_goes_to_the_calendar_and_back() {
        for days in (DATE_MIN..=DATE_MAX).step_by(13).chain([DATE_MIN, -1, 0, 1, 11_016, DATE_MAX]) {
            assert_eq!(Civil::from_days(days).to_days(), Some(days));
        }
        assert_eq!(Civil::from_days(DATE_MIN), Civil { year: 1, month: 1, day: 1 });
        assert_eq!(Civil::from_days(DATE_MAX), Civil { year: 9999, month: 12, day: 31 });
    }

    #[test]
    fn moments_are_read() {
        for (text, ticks) in [
            ("1970-01-01T00:00:00Z", Some(0)),
            ("1970-01-01T00:00Z", Some(0)),
            ("1970-01-01t00:00:00z", Some(0)),
            ("1970-01-01T00:00:00.1Z", Some(1_000_000)),
            ("1970-01-01T00:00:00.123456789012Z", Some(1_234_567)),
            ("1970-01-01T02:00:00+02:00", Some(0)),
            ("1969-12-31T22:30:00-01:30", Some(0)),
            ("0001-01-01T00:00:00Z", Some(MOMENT_MIN)),
            ("9999-12-31T23:59:59.9999999Z", Some(MOMENT_MAX)),
            ("0001-01-01T00:00:00+00:01", None),
            ("9999-12-31T23:59:59-00:01", None),
            ("1970-01-01T00:00:00", None),
            ("1970-01-01T00:00:00.Z", None),
            ("1970-01-01T00:00:00.1234567890123Z", None),
            ("1970-01-01T24:00:00Z", None),
            ("1970-01-01T00:60:00Z", None),
            ("1970-01-01T00:00:60Z", None),
            ("1970-02-29T00:00:00Z", None),
            ("1970-01-01T00:00:00Zx", None),
            ("1970-01-01 00:00:00Z", None),
            ("0000-01-01T00:00:00Z", None),
            ("1970-01-01T00:00:00é", None),
            ("", None),
        ] {
            assert_eq!(parse_date_time(text), ticks, "{text}");
        }
    }

    #[test]
    fn durations_are_read_and_written() {
        for (text, canonical) in [
            ("P1D", "P1D"),
            ("PT0S", "PT0S"),
            ("P0D", "PT0S"),
            ("-P1DT2H3M4.5S", "-P1DT2H3M4.5S"),
            ("+PT1.12345678S", "PT1.1234567S"),
            ("pt36h", "P1DT12H"),
            ("PT90M", "PT1H30M"),
            ("PT0.0000001S", "PT0.0000001S"),
        ] {
            let ticks = parse_duration(text).unwrap_or_else(|| panic!("{text}"));
            assert_eq!(format_duration(ticks), canonical);
        }
        for ticks in [i64::MIN, i64::MAX, -1, 1] {
            assert_eq!(parse_duration(&format_duration(ticks)), Some(ticks));
        }
        for text in
            ["", "P", "PT", "P1", "1D", "P1H", "PT1D", "P1DT", "PT1S1M", "P1.5D", "PT1.S", "P99999999999999D"]
        {
            assert_eq!(parse_duration(text), None, "{text}");
        }
    }

    #[test]
    fn moments_are_written_as_on_the_wire() {
        for text in ["2022-03-07T05:08:23.810144Z", "2018-11-14T00:00:00Z", "0001-01-01T00:00:00.0000001Z"] {
            assert_eq!(format_date_time(parse_date_time(text).unwrap()), text);
        }
    }
}
