//! Reading what audit records are asked for; everything that is wrong is found at once.

use odata::QueryError;
use serde_json::Value;
use url::form_urlencoded;

use crate::{
    domain::{report::shortened, time::Timestamp},
    service::audit::{Kinds, Span, read_moment},
};

/// Records on a page, at most and when nothing is said.
const SIZE_MAX: u32 = 500;

/// What is asked for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct AuditQuery {
    pub(super) span: Span,
    pub(super) size: u32,
    pub(super) filter: Option<AuditFilter>,
}

/// Which records are wanted.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum AuditFilter {
    /// Those of a kind of resource.
    ResourceType(String),
    /// Those of a customer.
    CustomerId(String),
    /// Those of a customer of this name.
    CompanyName(String),
    /// Those of a customer whose name holds this.
    CompanyNameContains(String),
}

impl AuditFilter {
    /// Returns which records can pass.
    fn kinds(&self) -> Kinds {
        match self {
            Self::ResourceType(value) if value.eq_ignore_ascii_case("referral") => Kinds::Changes,
            Self::ResourceType(_) => Kinds::Events,
            Self::CustomerId(_) | Self::CompanyName(_) | Self::CompanyNameContains(_) => Kinds::All,
        }
    }
}

/// Reads a query at the time `now`; names are read in any case, and other ones have no effect.
pub(super) fn read(query: &str, now: Timestamp, is_file: bool) -> Result<AuditQuery, Vec<QueryError>> {
    let (mut from, mut until, mut size, mut filter) = (None, None, None, None);
    let mut problems = Vec::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        let is_repeated = match name.to_ascii_lowercase().as_str() {
            "startdate" => from.replace(value.into_owned()).is_some(),
            "enddate" => until.replace(value.into_owned()).is_some(),
            "size" => size.replace(value.into_owned()).is_some(),
            "filter" => filter.replace(value.into_owned()).is_some(),
            _ => false,
        };
        if is_repeated {
            problems.push(problem(&name, "the option stands there twice"));
        }
    }
    let from = match from {
        Some(text) => moment("startDate", &text, &mut problems).map(|(first, _)| first),
        None => {
            problems.push(problem("startDate", "is required; send a day such as 2026-11-01, or a time"));
            None
        }
    };
    let until = until.map_or(Some(now), |text| moment("endDate", &text, &mut problems).map(|(_, last)| last));
    if let (Some(from), Some(until)) = (from, until)
        && until < from
    {
        problems.push(problem("endDate", "lies before startDate"));
    }
    if is_file && size.is_some() {
        problems.push(problem("size", "does not go with a file, which has no pages; leave it out"));
    }
    let size = size.map_or(SIZE_MAX, |text| read_size(&text, &mut problems));
    let filter = filter.and_then(|text| {
        read_filter(&text).map_err(|message| problems.push(problem("filter", message))).ok()
    });
    match (from, until) {
        (Some(from), Some(until)) if problems.is_empty() => {
            let kinds = filter.as_ref().map_or(Kinds::All, AuditFilter::kinds);
            Ok(AuditQuery { span: Span { from, until, kinds }, size, filter })
        }
        _ => Err(problems),
    }
}

fn problem(option: &str, message: impl Into<String>) -> QueryError {
    QueryError {
        option: option.to_owned(),
        position: None,
        message: message.into(),
        expected: Vec::new(),
        suggestion: None,
    }
}

/// Reads a day or a time; returns its first and its last moment.
fn moment(option: &str, text: &str, problems: &mut Vec<QueryError>) -> Option<(Timestamp, Timestamp)> {
    let moment = read_moment(text);
    if moment.is_none() {
        let message = format!("\"{}\" is neither a day such as 2026-11-01 nor a time", shortened(text));
        problems.push(problem(option, message));
    }
    moment
}

fn read_size(text: &str, problems: &mut Vec<QueryError>) -> u32 {
    let is_digits = text.bytes().all(|it| it.is_ascii_digit());
    let size = text.parse().ok().filter(|it| is_digits && (1..=SIZE_MAX).contains(it));
    size.unwrap_or_else(|| {
        problems.push(problem("size", format!("\"{}\" is no count from 1 to {SIZE_MAX}", shortened(text))));
        SIZE_MAX
    })
}

fn read_filter(text: &str) -> Result<AuditFilter, String> {
    const SHAPE: &str =
        "send JSON such as {\"Field\":\"ResourceType\",\"Value\":\"referral\",\"Operator\":\"equals\"}";
    let Ok(Value::Object(members)) = serde_json::from_str(text) else { return Err(SHAPE.to_owned()) };
    let member = |name: &str| {
        let found = members.iter().find(|(it, _)| it.eq_ignore_ascii_case(name));
        found.and_then(|(_, value)| value.as_str()).ok_or_else(|| format!("{name} is missing; {SHAPE}"))
    };
    let (field, value, operator) = (member("Field")?, member("Value")?.to_owned(), member("Operator")?);
    let operator = operator.to_ascii_lowercase();
    match (field.to_ascii_lowercase().as_str(), operator.as_str()) {
        ("resourcetype", "equals") => Ok(AuditFilter::ResourceType(value)),
        ("customerid", "equals") => Ok(AuditFilter::CustomerId(value)),
        ("companyname", "equals") => Ok(AuditFilter::CompanyName(value)),
        ("companyname", "substring") => Ok(AuditFilter::CompanyNameContains(value)),
        ("resourcetype" | "customerid" | "companyname", _) => Err(format!(
            "the operator \"{}\" does not go with {}; equals does, and substring with CompanyName",
            shortened(&operator),
            shortened(field)
        )),
        _ => {
            Err(format!("\"{}\" is no field; ResourceType, CustomerId and CompanyName are", shortened(field)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{AuditFilter, AuditQuery, read, read_filter};
    use crate::{
        domain::time::Timestamp,
        service::audit::{Kinds, Span},
    };

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    #[test]
    fn the_end_of_a_day_is_its_last_moment_and_without_one_it_is_now() {
        let now = at("2026-11-22T09:30:00Z");
        let read = |query| read(query, now, false).unwrap();

        let span = Span { from: at("2026-11-01"), until: now, kinds: Kinds::All };
        let expected = AuditQuery { span, size: 500, filter: None };
        assert_eq!(read("startDate=2026-11-01"), expected);
        let day = read("STARTDATE=2026-11-01T10:00:00Z&endDate=2026-11-02&size=7");
        assert_eq!((day.span.from, day.size), (at("2026-11-01T10:00:00Z"), 7));
        assert_eq!(day.span.until, at("2026-11-02T23:59:59.9999999Z"));
    }

    #[test]
    fn everything_that_is_wrong_is_said() {
        for (query, count) in [
            ("", 1),
            ("startDate=x&endDate=y&size=0&filter=z", 5),
            ("startDate=2026-11-02&endDate=2026-11-01", 1),
            ("startDate=2026-11-02&startDate=2026-11-02", 1),
            ("startDate=2026-11-02&size=7", 1),
        ] {
            let error = read(query, at("2026-11-22"), true).unwrap_err();
            assert_eq!(error.len(), count, "{query}");
        }
    }

    #[test]
    fn a_filter_names_field_value_and_operator() {
        let filter = |field: &str, operator: &str| {
            read_filter(&format!(r#"{{"field": "{field}", "Value": "x", "Operator": "{operator}"}}"#))
        };

        assert_eq!(filter("ResourceType", "equals"), Ok(AuditFilter::ResourceType("x".to_owned())));
        assert_eq!(filter("companyname", "Substring"), Ok(AuditFilter::CompanyNameContains("x".to_owned())));
        for (field, operator) in [("CustomerId", "substring"), ("CompanyName", "like"), ("User", "equals")] {
            assert!(filter(field, operator).is_err(), "{field} {operator}");
        }
        assert!(read_filter("{}").is_err() && read_filter("[]").is_err() && read_filter("x").is_err());
    }
}
