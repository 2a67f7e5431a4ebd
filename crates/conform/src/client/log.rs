//! What the sandbox saw of a connector: its calls, in the order in which they came.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::{play::REFERRALS, run::USER_AGENT, wire::Exchange};

/// How sign-ins end.
const TOKEN_PATHS: [&str; 2] = ["/oauth2/token", "/oauth2/v2.0/token"];

/// A call that the sandbox has written down.
#[derive(Clone)]
pub(super) struct Call {
    pub(super) id: String,
    at: Timestamp,
    took: SignedDuration,
    pub(super) method: String,
    /// Path and query.
    pub(super) url: String,
    pub(super) status: u16,
    application: String,
    /// The fault that struck it.
    pub(super) fault: Option<String>,
    sent_headers: Vec<(String, String)>,
    pub(super) sent: String,
    answer_headers: Vec<(String, String)>,
    answer: String,
}

impl Call {
    fn read(call: &Value) -> Option<Self> {
        let text = |pointer: &str| call.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
        let headers = |pointer: &str| {
            let listed = call.pointer(pointer).and_then(Value::as_array).into_iter().flatten();
            let pair = |it: &Value| {
                Some((it.get("name")?.as_str()?.to_owned(), it.get("value")?.as_str()?.to_owned()))
            };
            listed.filter_map(pair).collect()
        };
        let seconds = call.get("durationMs").and_then(Value::as_f64).unwrap_or_default() / 1000.0;
        Some(Self {
            id: text("/id")?,
            at: text("/at")?.parse().ok()?,
            took: SignedDuration::try_from_secs_f64(seconds).unwrap_or_default(),
            method: text("/method")?,
            url: text("/url")?,
            status: call.get("status")?.as_u64()?.try_into().ok()?,
            application: text("/application").unwrap_or_default(),
            fault: text("/fault"),
            sent_headers: headers("/request/headers"),
            sent: text("/request/body/text").unwrap_or_default(),
            answer_headers: headers("/response/headers"),
            answer: text("/response/body/text").unwrap_or_default(),
        })
    }

    /// Returns a header of the request; names in lower case.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        find(&self.sent_headers, name)
    }

    /// Returns a header of the answer.
    pub(super) fn answer_header(&self, name: &str) -> Option<&str> {
        find(&self.answer_headers, name)
    }

    /// Returns the path without the query.
    pub(super) fn path(&self) -> &str {
        self.url.split('?').next().unwrap_or_default().trim_end_matches('/')
    }

    /// Returns how long after the end of `earlier` it came.
    pub(super) fn since(&self, earlier: &Self) -> SignedDuration {
        let end = earlier.at.checked_add(earlier.took).unwrap_or(earlier.at);
        self.at.duration_since(end)
    }

    pub(super) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// Says whether it asks for a token.
    pub(super) fn is_sign_in(&self) -> bool {
        TOKEN_PATHS.iter().any(|it| self.path().ends_with(it))
    }

    /// Says whether it makes a referral.
    pub(super) fn is_create(&self) -> bool {
        self.method == "POST" && self.path() == REFERRALS
    }

    /// Says whether it reads a referral, or any list.
    pub(super) fn is_read(&self) -> bool {
        self.method == "GET" && self.path().starts_with(REFERRALS)
    }

    /// Says whether it reads this referral by its id.
    pub(super) fn reads(&self, id: &str) -> bool {
        self.method == "GET" && self.path().contains(id)
    }

    /// Says whether it writes this referral: PUT, PATCH, or an action.
    pub(super) fn writes(&self, id: &str) -> bool {
        matches!(self.method.as_str(), "PUT" | "PATCH" | "POST") && self.path().contains(id)
    }

    /// Returns the call as reports show it.
    pub(super) fn exchange(&self) -> Exchange {
        Exchange {
            caller: "the connector",
            method: self.method.clone(),
            url: self.url.clone(),
            request_headers: self
                .sent_headers
                .iter()
                .filter(|(name, _)| name != "authorization")
                .cloned()
                .collect(),
            request_body: (!self.sent.is_empty()).then(|| self.sent.clone()),
            status: self.status,
            response_headers: self.answer_headers.clone(),
            response_body: self.answer.clone(),
        }
    }
}

fn find<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    headers.iter().find(|(it, _)| it.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
}

/// The calls of a connector, the oldest first.
#[derive(Clone, Default)]
pub(super) struct Calls(pub(super) Vec<Call>);

impl Calls {
    /// Reads what the sandbox lists: the calls of an application, and sign-ins, which say nothing of who makes them. The
    /// runner's own are left out.
    pub(super) fn read(log: &Value, application: &str, is_known: impl Fn(&str) -> bool) -> Self {
        let listed = log.get("value").and_then(Value::as_array).into_iter().flatten();
        let is_connectors = |it: &Call| {
            let is_own = it.header("user-agent") == Some(USER_AGENT);
            !is_own && (it.application.eq_ignore_ascii_case(application) || it.is_sign_in())
        };
        let calls = listed.filter_map(Call::read).filter(|it| !is_known(&it.id) && is_connectors(it));
        Self(calls.collect())
    }

    /// Returns those of which something is so.
    pub(super) fn which(&self, is_wanted: impl Fn(&Call) -> bool) -> Vec<&Call> {
        self.0.iter().filter(|it| is_wanted(it)).collect()
    }

    pub(super) fn count(&self, is_wanted: impl Fn(&Call) -> bool) -> usize {
        self.0.iter().filter(|it| is_wanted(it)).count()
    }

    pub(super) fn has(&self, is_wanted: impl Fn(&Call) -> bool) -> bool {
        self.0.iter().any(is_wanted)
    }

    /// Returns the calls that came after the first of which something is so, and that one.
    pub(super) fn after(&self, is_wanted: impl Fn(&Call) -> bool) -> Option<(&Call, Self)> {
        let place = self.0.iter().position(is_wanted)?;
        let rest = self.0.get(place + 1..).unwrap_or_default().to_vec();
        Some((self.0.get(place)?, Self(rest)))
    }

    /// Tells them in a line: methods and statuses.
    pub(super) fn told(&self) -> String {
        let words: Vec<String> = self.0.iter().map(|it| format!("{} {}", it.method, it.status)).collect();
        match words.len() {
            0 => "no calls".to_owned(),
            1..=8 => words.join(", "),
            count => format!("{} … ({count} calls)", words.get(..8).unwrap_or_default().join(", ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn call(id: &str, at: &str, agent: &str, url: &str) -> Value {
        json!({"id": id, "at": at, "durationMs": 250.0, "method": "POST", "url": url, "status": 429,
            "application": "App", "request": {"headers": [{"name": "user-agent", "value": agent}]}})
    }

    #[test]
    fn the_runners_own_calls_and_those_of_others_are_left_out() {
        let log = json!({"value": [
            call("1", "2026-11-22T09:30:00Z", "crm", "/v1.0/engagements/referrals"),
            call("2", "2026-11-22T09:30:01Z", USER_AGENT, "/v1.0/engagements/referrals"),
            call("3", "2026-11-22T09:30:02Z", "crm", "/v1.0/engagements/referrals/"),
        ]});

        let calls = Calls::read(&log, "app", |id| id == "0");
        assert_eq!(calls.0.iter().map(|it| it.id.as_str()).collect::<Vec<_>>(), ["1", "3"]);
        assert!(calls.0.iter().all(Call::is_create));
        let (first, rest) = calls.after(|it| it.status == 429).unwrap();
        assert_eq!(rest.0[0].since(first), SignedDuration::from_millis(1750));
        assert_eq!(Calls::read(&log, "other", |_| false).0.len(), 0);
    }
}
