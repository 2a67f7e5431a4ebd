//! What a scenario asks of an answer. Each question that is answered wrongly ends the scenario, with the exchange.

use serde_json::Value;

use crate::wire::{Answer, Exchange};

/// Why a scenario failed.
#[derive(Clone, serde::Serialize)]
pub struct Failure {
    /// What the rule asks for.
    pub expected: String,
    /// What there was instead.
    pub found: String,
    /// The request and the answer that show it.
    pub exchange: Option<Exchange>,
}

/// What becomes of a scenario.
pub(crate) type Verdict<T = ()> = Result<T, Box<Failure>>;

impl Failure {
    pub(crate) fn new(expected: impl Into<String>, found: impl Into<String>) -> Box<Self> {
        Box::new(Self { expected: expected.into(), found: found.into(), exchange: None })
    }
}

impl Answer {
    /// Makes a failure of this answer.
    pub(crate) fn fail(&self, expected: impl Into<String>, found: impl Into<String>) -> Box<Failure> {
        let exchange = Some(Exchange::clone(&self.exchange));
        Box::new(Failure { expected: expected.into(), found: found.into(), exchange })
    }

    /// Fails unless something is so.
    pub(crate) fn ensure(&self, is_so: bool, expected: &str, found: impl Into<String>) -> Verdict<&Self> {
        if is_so {
            return Ok(self);
        }
        Err(self.fail(expected, found))
    }

    /// Asks for one of some statuses.
    pub(crate) fn status(&self, allowed: &[u16]) -> Verdict<&Self> {
        let words: Vec<String> = allowed.iter().map(u16::to_string).collect();
        self.ensure(
            allowed.contains(&self.status),
            &format!("status {}", words.join(" or ")),
            self.what_came(),
        )
    }

    /// Asks for 200.
    pub(crate) fn ok(&self) -> Verdict<&Self> {
        self.status(&[200])
    }

    /// Asks for any success.
    pub(crate) fn success(&self) -> Verdict<&Self> {
        self.ensure((200..300).contains(&self.status), "a success (2xx)", self.what_came())
    }

    /// Asks for a refusal in the documented envelope: a status, and the code that the documentation gives it.
    pub(crate) fn refused(&self, allowed: &[u16], codes: &[&str]) -> Verdict<&Self> {
        self.status(allowed)?;
        let code = self.string("/error/code")?;
        self.string("/error/message")?;
        let is_known = codes.iter().any(|it| it.eq_ignore_ascii_case(code));
        self.ensure(is_known, &format!("error.code {}", codes.join(" or ")), format!("\"{code}\""))
    }

    /// Asks for 400 `invalidRequest`.
    pub(crate) fn invalid(&self) -> Verdict<&Self> {
        self.refused(&[400], &["invalidRequest"])
    }

    /// Asks for 404 `itemNotFound`.
    pub(crate) fn not_found(&self) -> Verdict<&Self> {
        self.refused(&[404], &["itemNotFound"])
    }

    /// Asks for a header.
    pub(crate) fn need_header(&self, name: &str) -> Verdict<&str> {
        self.header(name).ok_or_else(|| self.fail(format!("a header {name}"), "none"))
    }

    /// Returns what is at a pointer; null where there is nothing.
    pub(crate) fn at(&self, pointer: &str) -> &Value {
        self.json.pointer(pointer).unwrap_or(&Value::Null)
    }

    /// Asks for a text at a pointer.
    pub(crate) fn string(&self, pointer: &str) -> Verdict<&str> {
        let found = self.at(pointer);
        found.as_str().ok_or_else(|| self.fail(format!("a text at {pointer}"), found.to_string()))
    }

    /// Asks for a list at a pointer.
    pub(crate) fn list(&self, pointer: &str) -> Verdict<&Vec<Value>> {
        let found = self.at(pointer);
        found.as_array().ok_or_else(|| self.fail(format!("a list at {pointer}"), brief(found)))
    }

    /// Asks for a value at a pointer. Numbers are compared by value; null, `""` and absent are not the same here.
    pub(crate) fn is(&self, pointer: &str, expected: impl Into<Value>) -> Verdict<&Self> {
        let (found, expected) = (self.at(pointer), expected.into());
        let is_same = same(found, &expected);
        self.ensure(is_same, &format!("{pointer} is {}", brief(&expected)), brief(found))
    }

    /// Asks that nothing is at a pointer, or null.
    pub(crate) fn is_null(&self, pointer: &str) -> Verdict<&Self> {
        let found = self.at(pointer);
        self.ensure(found.is_null(), &format!("{pointer} is null"), brief(found))
    }

    /// Asks for a moment in UTC as the wire writes it: `Z`, up to seven digits, no zeros at the end.
    pub(crate) fn moment(&self, pointer: &str) -> Verdict<jiff::Timestamp> {
        let text = self.string(pointer)?;
        let parsed = text.parse::<jiff::Timestamp>().ok().filter(|_| is_wire_time(text));
        parsed.ok_or_else(|| {
            self.fail(format!("{pointer} is a moment in UTC, with Z and up to seven digits"), text)
        })
    }

    fn what_came(&self) -> String {
        let reason = self.at("/error/message").as_str().or(self.at("/message").as_str()).unwrap_or_default();
        match (self.status, reason) {
            (0, _) => format!("no answer: {}", self.text),
            (status, "") => status.to_string(),
            (status, reason) => format!("{status}: {reason}"),
        }
    }
}

/// Says whether two values are the same, numbers by value.
pub(crate) fn same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => left.as_f64() == right.as_f64(),
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| same(left, right))
        }
        (Value::Object(left), Value::Object(right)) => {
            left.len() == right.len()
                && left.iter().all(|(name, value)| right.get(name).is_some_and(|it| same(value, it)))
        }
        (left, right) => left == right,
    }
}

/// Returns a value as it stands in a failure.
pub(crate) fn brief(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(200) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default()),
        None => text,
    }
}

/// Says whether a text is a GUID as the wire writes it: lower case, with hyphens.
pub(crate) fn is_guid(text: &str) -> bool {
    uuid::Uuid::try_parse(text).is_ok_and(|it| it.hyphenated().to_string() == text)
}

fn is_wire_time(text: &str) -> bool {
    let Some(body) = text.strip_suffix('Z') else { return false };
    let Some((date, time)) = body.split_once('T') else { return false };
    let (seconds, fraction) = time.split_once('.').unwrap_or((time, "0"));
    date.len() == 10 && seconds.len() == 8 && (1..=7).contains(&fraction.len())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_are_compared_by_value_and_objects_in_any_order() {
        assert!(same(&json!({"a": 50000, "b": [1.0]}), &json!({"b": [1], "a": 50000.0})));
        assert!(!same(&json!({"a": 1}), &json!({"a": 1, "b": null})));
        assert!(!same(&json!("1"), &json!(1)));
    }

    #[test]
    fn moments_and_guids_are_those_of_the_wire() {
        for time in ["2018-10-30T21:03:42.4579542Z", "2018-11-14T00:00:00Z", "2020-01-01T00:00:00.0000000Z"] {
            assert!(is_wire_time(time), "{time}");
        }
        for time in ["2018-10-30", "2018-10-30T21:03:42+01:00", "2018-10-30T21:03:42.12345678Z"] {
            assert!(!is_wire_time(time), "{time}");
        }
        assert!(is_guid("65edc0b5-3485-41b7-a17e-dfa9ef4706e2"));
        assert!(!is_guid("65EDC0B5-3485-41b7-a17e-dfa9ef4706e2"));
        assert!(!is_guid("65edc0b5348541b7a17edfa9ef4706e2"));
    }
}
