//! Dates, numbers and sums as the reader's language writes them.

use std::iter::repeat_n;

use iso_currency::Currency;

use super::words::{Language, Words};
use crate::domain::{json::decimal::Decimal, time::Timestamp};

impl Words {
    /// Writes a day, such as `22 Nov 2026`, in UTC.
    pub(super) fn day(&self, at: Timestamp) -> String {
        let date = at.to_civil().date();
        let months = self.say("months");
        let month = months.split(' ').nth(usize::from(date.month().unsigned_abs()).saturating_sub(1));
        format!("{} {} {}", date.day(), month.unwrap_or_default(), date.year())
    }

    /// Writes a day and a time, such as `22 Nov 2026, 09:30`, in UTC.
    pub(super) fn moment(&self, at: Timestamp) -> String {
        let time = at.to_civil().time();
        format!("{}, {:02}:{:02}", self.day(at), time.hour(), time.minute())
    }

    /// Writes how long ago something was, or a day if that is more than a week.
    pub(super) fn ago(&self, at: Timestamp, now: Timestamp) -> String {
        let seconds = now.unix_secs().saturating_sub(at.unix_secs()).max(0).unsigned_abs();
        match seconds {
            ..60 => self.say("ago-now"),
            60..3600 => self.count("ago-minutes", seconds / 60),
            3600..86_400 => self.count("ago-hours", seconds / 3600),
            86_400..604_800 => self.count("ago-days", seconds / 86_400),
            _ => self.day(at),
        }
    }

    /// Writes a number with its groups.
    pub(super) fn number(&self, number: impl ToString) -> String {
        self.grouped(&number.to_string())
    }

    /// Writes a sum with its currency; `None` when there is no sum. Digits after the point are kept as they are, and
    /// filled up to what the currency has: `15.5` is `EUR 15.50`.
    pub(super) fn money(&self, value: Option<&Decimal>, currency: Option<&str>) -> Option<String> {
        let mut digits = value?.as_str().to_owned();
        let known = currency.and_then(Currency::from_code).and_then(Currency::exponent);
        if let (Some(places), Some((_, fraction))) = (known, digits.split_once('.'))
            && fraction.bytes().all(|it| it.is_ascii_digit())
        {
            let missing = usize::from(places).saturating_sub(fraction.len());
            digits.extend(repeat_n('0', missing));
        }
        let value = self.grouped(&digits);
        Some(match currency {
            Some(currency) => format!("{currency}\u{a0}{value}"),
            None => value,
        })
    }

    fn grouped(&self, digits: &str) -> String {
        let (group, point) = match self.0 {
            Language::English => (',', '.'),
            Language::Dutch => ('.', ','),
        };
        let (sign, digits) = digits.strip_prefix('-').map_or(("", digits), |it| ("−", it));
        // An exponent is shown as it was sent.
        if !digits.bytes().all(|it| it.is_ascii_digit() || it == b'.') {
            return format!("{sign}{digits}");
        }
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let mut text = String::from(sign);
        for (place, digit) in whole.chars().enumerate() {
            if place > 0 && (whole.len().saturating_sub(place)).is_multiple_of(3) {
                text.push(group);
            }
            text.push(digit);
        }
        if !fraction.is_empty() {
            text.push(point);
            text.push_str(fraction);
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::{Decimal, Language, Timestamp, Words};

    #[test]
    fn sums_are_grouped_as_the_language_does() {
        let sum = |text: &str, language| Words(language).money(Decimal::parse(text).as_ref(), Some("EUR"));
        let cases = [
            ("1234567.50", "EUR\u{a0}1,234,567.50", "EUR\u{a0}1.234.567,50"),
            ("-999", "EUR\u{a0}−999", "EUR\u{a0}−999"),
            ("15.5", "EUR\u{a0}15.50", "EUR\u{a0}15,50"),
            ("15.125", "EUR\u{a0}15.125", "EUR\u{a0}15,125"),
            ("1000", "EUR\u{a0}1,000", "EUR\u{a0}1.000"),
        ];
        for (text, english, dutch) in cases {
            assert_eq!(sum(text, Language::English).as_deref(), Some(english));
            assert_eq!(sum(text, Language::Dutch).as_deref(), Some(dutch));
        }
        assert_eq!(Words(Language::English).money(None, Some("EUR")), None);
    }

    #[test]
    fn days_are_written_out() {
        let at = Timestamp::parse("2026-03-02T09:05:00Z").unwrap();
        assert_eq!(Words(Language::English).moment(at), "2 Mar 2026, 09:05");
        assert_eq!(Words(Language::Dutch).day(at), "2 mrt 2026");
        let now = Timestamp::parse("2026-03-04T09:05:00Z").unwrap();
        assert_eq!(Words(Language::English).ago(at, now), "2 days ago");
    }
}
