//! What the address of the page asks for: a period and filters, every problem of them, and the addresses of its links.

use std::collections::HashMap;

use jiff::{ToSpan as _, civil::Date};

use crate::{
    domain::{insight::Flow, lifecycle::State, time::Timestamp, vocabulary::Vocabulary as _},
    service::insights::InsightWish,
    web::{deal::REASONS, words::Words},
};

/// Days of the longest period that can be named.
const PERIOD_DAYS_MAX: i32 = 5 * 366;
/// Days of a period that is shown by weeks unless months are asked for.
const WEEKS_DAYS_MAX: i32 = 200;
/// Characters of a filter.
const FILTER_CHARS_MAX: usize = 200;

/// Names of what can be asked for, in the order of the page.
pub(super) const FILTERS: [&str; 5] = ["country", "solution", "status", "location", "member"];

/// A period that has a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Period {
    /// The last so many days, today included.
    Days(i32),
    /// From the first day of this quarter until today.
    Quarter,
    /// From the first day of this year until today.
    Year,
    /// Between two days.
    Custom,
}

impl Period {
    /// Every one, with its name in the address.
    pub(super) const ALL: [(&'static str, Self); 6] = [
        ("30", Self::Days(30)),
        ("90", Self::Days(90)),
        ("365", Self::Days(365)),
        ("quarter", Self::Quarter),
        ("year", Self::Year),
        ("custom", Self::Custom),
    ];
    /// The one that is shown when none is asked for.
    const FIRST: (&'static str, Self) = Self::ALL[1];
}

/// What a point of the trend stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// From Monday to Sunday.
    Week,
    /// A month of the calendar.
    Month,
}

/// A field that says what does not do, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FieldProblem {
    /// Name of the field.
    pub(super) field: &'static str,
    /// The rule, and what would be accepted.
    pub(super) message: String,
}

/// What the address asks for.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    /// What was typed, by name; nothing that is empty.
    typed: HashMap<&'static str, String>,
    /// The period's name.
    pub(super) period: &'static str,
    /// The first day.
    pub(super) first: Date,
    /// The last day.
    pub(super) last: Date,
    pub(super) flow: Option<Flow>,
    state: Option<State>,
    pub(super) step: Step,
    pub(super) problems: Vec<FieldProblem>,
}

impl Asked {
    /// Reads what an address asks for; `now` says which day is today.
    pub(super) fn read(query: &HashMap<String, String>, now: Timestamp, words: Words) -> Self {
        let names = ["period", "from", "until", "flow", "step"].into_iter().chain(FILTERS);
        let typed = names.filter_map(|name| {
            let text = query.get(name)?.trim();
            (!text.is_empty()).then(|| (name, text.to_owned()))
        });
        let typed: HashMap<&'static str, String> = typed.collect();
        let today = now.to_civil().date();
        let mut asked = Self {
            typed,
            period: Period::FIRST.0,
            first: today,
            last: today,
            flow: None,
            state: None,
            step: Step::Week,
            problems: Vec::new(),
        };
        asked.read_period(today, words);
        asked.read_filters(words);
        let days = asked.first.until(asked.last).map_or(0, |it| it.get_days());
        asked.step = match asked.typed("step") {
            "week" => Step::Week,
            "month" => Step::Month,
            _ if days <= WEEKS_DAYS_MAX => Step::Week,
            _ => Step::Month,
        };
        asked
    }

    /// Returns what was typed into a field; empty where nothing was.
    pub(super) fn typed(&self, name: &str) -> &str {
        self.typed.get(name).map_or("", String::as_str)
    }

    /// Returns what does not do in a field. `None` where it does.
    pub(super) fn problem(&self, field: &str) -> Option<&str> {
        self.problems.iter().find(|it| it.field == field).map(|it| it.message.as_str())
    }

    /// Says whether anything beyond the period and the flow is asked for.
    pub(super) fn is_filtered(&self) -> bool {
        FILTERS.iter().any(|it| !self.typed(it).is_empty())
    }

    /// Returns the first moment of the period, and the first one after it.
    pub(super) fn bounds(&self) -> (Timestamp, Timestamp) {
        (midnight(self.first), midnight(self.last).midnight_after_days(1))
    }

    /// Returns the wish. Only what has no problem may be asked for.
    pub(super) fn wish(&self) -> InsightWish<'_> {
        let (from, until) = self.bounds();
        let filter = |name| Some(self.typed(name)).filter(|it| !it.is_empty());
        InsightWish {
            from,
            until,
            flow: self.flow,
            country: filter("country"),
            solution: filter("solution"),
            state: self.state,
            mpn_id: filter("location"),
            member: filter("member"),
            reasons: &REASONS,
        }
    }

    /// Returns the address of the same thing with some of it changed; empty texts take something away.
    pub(super) fn address(&self, path: &str, changed: &[(&str, &str)]) -> String {
        let names = ["flow", "period", "from", "until"].into_iter().chain(FILTERS).chain(["step"]);
        let mut pairs = url::form_urlencoded::Serializer::new(String::new());
        for name in names {
            let value = changed.iter().find(|(it, _)| *it == name).map_or(self.typed(name), |(_, to)| to);
            if !value.is_empty() {
                pairs.append_pair(name, value);
            }
        }
        let query = pairs.finish();
        if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
    }

    fn read_period(&mut self, today: Date, words: Words) {
        let asked = match self.typed("period") {
            // Days that are named ask for what lies between them.
            "" if !self.typed("from").is_empty() || !self.typed("until").is_empty() => "custom",
            it => it,
        };
        let found = Period::ALL.into_iter().find(|(name, _)| *name == asked);
        if found.is_none() && !asked.is_empty() {
            self.refuse("period", words.say("insight-problem-period"));
        }
        let (name, period) = found.unwrap_or(Period::FIRST);
        self.period = name;
        match period {
            Period::Days(days) => {
                self.first = today.saturating_sub(days.saturating_sub(1).days());
            }
            Period::Quarter => {
                let month = (today.month() - 1) / 3 * 3 + 1;
                self.first = Date::new(today.year(), month, 1).unwrap_or(today);
            }
            Period::Year => self.first = today.first_of_year(),
            Period::Custom => self.read_days(words),
        }
    }

    fn read_days(&mut self, words: Words) {
        let first = self.read_day("from", words);
        let last = self.read_day("until", words);
        let (Some(first), Some(last)) = (first, last) else { return };
        (self.first, self.last) = (first, last);
        let days = first.until(last).map_or(i32::MAX, |it| it.get_days());
        if days < 0 {
            self.refuse("until", words.say("insight-problem-order"));
        } else if days >= PERIOD_DAYS_MAX {
            self.refuse(
                "until",
                words.count("insight-problem-length", PERIOD_DAYS_MAX.unsigned_abs() as u64 / 366),
            );
        }
    }

    fn read_day(&mut self, field: &'static str, words: Words) -> Option<Date> {
        let day = self.typed(field).parse::<Date>().ok().filter(|it| it.year() >= 1970);
        if day.is_none() {
            self.refuse(field, words.say("insight-problem-day"));
        }
        day
    }

    fn read_filters(&mut self, words: Words) {
        let flow = self.typed("flow").to_owned();
        self.flow = Flow::parse(&flow);
        if self.flow.is_none() && !matches!(flow.as_str(), "" | "all") {
            self.refuse("flow", words.say("insight-problem-flow"));
        }
        let status = self.typed("status").to_owned();
        self.state = states().find(|it| state_name(*it) == status);
        if self.state.is_none() && !status.is_empty() {
            self.refuse("status", words.say("insight-problem-status"));
        }
        let country = self.typed("country").to_ascii_uppercase();
        if !country.is_empty() {
            if country.len() != 2 || !country.bytes().all(|it| it.is_ascii_alphabetic()) {
                self.refuse("country", words.say("insight-problem-country"));
            }
            self.typed.insert("country", country);
        }
        for field in ["solution", "location", "member"] {
            if self.typed(field).chars().count() > FILTER_CHARS_MAX {
                self.refuse(field, words.count("insight-problem-long", FILTER_CHARS_MAX as u64));
            }
        }
    }

    fn refuse(&mut self, field: &'static str, message: String) {
        self.problems.push(FieldProblem { field, message });
    }
}

/// Returns the states that can be asked for: an error counts nowhere.
pub(super) fn states() -> impl Iterator<Item = State> {
    State::ALL.into_iter().filter(|it| *it != State::Error)
}

/// Returns a state's name in the address.
pub(super) fn state_name(state: State) -> String {
    state.substatus().as_str().to_lowercase()
}

fn midnight(day: Date) -> Timestamp {
    Timestamp::parse(&day.to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::{Asked, Step, Timestamp, Words};
    use crate::web::words::Language;

    fn ask(query: &[(&str, &str)]) -> Asked {
        let query: HashMap<String, String> =
            query.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let now = Timestamp::parse("2026-11-23T09:30:00Z").unwrap();
        Asked::read(&query, now, Words(Language::English))
    }

    #[test]
    fn periods_end_today() {
        for (period, first) in [
            ("", "2026-08-26"),
            ("30", "2026-10-25"),
            ("365", "2025-11-24"),
            ("quarter", "2026-10-01"),
            ("year", "2026-01-01"),
        ] {
            let asked = ask(&[("period", period)]);
            assert_eq!(asked.first.to_string(), first, "{period}");
            assert_eq!(asked.bounds().1.to_string(), "2026-11-24T00:00:00Z", "{period}");
            assert!(asked.problems.is_empty(), "{period}");
        }
        assert_eq!(ask(&[("period", "365")]).step, Step::Month);
        assert_eq!(ask(&[("period", "365"), ("step", "week")]).step, Step::Week);
    }

    #[test]
    fn every_problem_is_told_at_its_field() {
        let fields = |query| ask(query).problems.iter().map(|it| it.field).collect::<Vec<_>>();

        assert_eq!(fields(&[("from", "2026-02-30")]), ["from", "until"]);
        assert_eq!(fields(&[("from", "2026-03-01"), ("until", "2026-02-01")]), ["until"]);
        assert_eq!(fields(&[("from", "2001-01-01"), ("until", "2026-02-01")]), ["until"]);
        assert_eq!(
            fields(&[("period", "x"), ("flow", "y"), ("country", "Germany"), ("status", "error")]),
            ["period", "flow", "status", "country"]
        );
    }

    #[test]
    fn an_address_keeps_what_is_not_changed() {
        let asked = ask(&[("flow", "inbound"), ("country", "de"), ("member", "a b@c.example")]);

        assert_eq!(
            asked.address("/insights", &[("country", ""), ("status", "won")]),
            "/insights?flow=inbound&status=won&member=a+b%40c.example"
        );
        assert_eq!(asked.wish().country, Some("DE"));
    }
}
