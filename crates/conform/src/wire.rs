//! Requests and answers, as they are sent, judged and shown.

use std::{rc::Rc, time::Duration};

use reqwest::Method;
use serde_json::Value;

use crate::target::Who;

/// How much of a body is shown beside a failure.
const SHOWN_CHARS_MAX: usize = 4000;

/// A request that a scenario makes.
#[derive(Clone)]
pub(crate) struct Request {
    pub(crate) who: Who,
    pub(crate) method: Method,
    /// A path with its query, or a whole address that the server gave.
    pub(crate) address: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Option<String>,
    /// 429 is an answer to be judged, and nothing to wait for.
    pub(crate) takes_refusal: bool,
    /// Bodies have passwords and tokens, and are not shown.
    pub(crate) is_secret: bool,
}

impl Request {
    fn new(method: Method, address: impl Into<String>) -> Self {
        let headers = vec![("accept".to_owned(), "application/json".to_owned())];
        Self {
            who: Who::Caller,
            method,
            address: address.into(),
            headers,
            body: None,
            takes_refusal: false,
            is_secret: false,
        }
    }

    /// Lets somebody else make it.
    pub(crate) fn by(mut self, who: Who) -> Self {
        self.who = who;
        self
    }

    /// Sets a header, in the place of one of the same name.
    pub(crate) fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.retain(|(it, _)| it != name);
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// Leaves a header out.
    pub(crate) fn without_header(mut self, name: &str) -> Self {
        self.headers.retain(|(it, _)| it != name);
        self
    }

    /// Sends a text as it stands.
    pub(crate) fn text(mut self, body: impl Into<String>) -> Self {
        self.body = Some(body.into());
        self
    }

    /// Asks for the document in the answer.
    pub(crate) fn representation(self) -> Self {
        self.header("prefer", "return=representation")
    }

    /// Keeps the bodies of request and answer out of reports.
    pub(crate) fn secret(mut self) -> Self {
        self.is_secret = true;
        self
    }

    /// Judges a 429 instead of waiting for its end.
    pub(crate) fn taking_refusal(mut self) -> Self {
        self.takes_refusal = true;
        self
    }
}

pub(crate) fn get(address: impl Into<String>) -> Request {
    Request::new(Method::GET, address)
}

pub(crate) fn delete(address: impl Into<String>) -> Request {
    Request::new(Method::DELETE, address)
}

pub(crate) fn post(address: impl Into<String>, body: &Value) -> Request {
    json(Method::POST, address, body)
}

pub(crate) fn put(address: impl Into<String>, body: &Value) -> Request {
    json(Method::PUT, address, body)
}

pub(crate) fn patch(address: impl Into<String>, body: &Value) -> Request {
    json(Method::PATCH, address, body)
}

fn json(method: Method, address: impl Into<String>, body: &Value) -> Request {
    Request::new(method, address).header("content-type", "application/json").text(body.to_string())
}

/// Writes options behind a path. Everything but letters, digits and `-._~` is written with `%`; names keep their `$`.
pub(crate) fn with_query(path: &str, options: &[(&str, &str)]) -> String {
    let pairs: Vec<String> =
        options.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
    format!("{path}?{}", pairs.join("&"))
}

/// Writes a value of an option.
pub(crate) fn encoded(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    for byte in value.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                text.push(char::from(byte))
            }
            byte => text.push_str(&format!("%{byte:02X}")),
        }
    }
    text
}

/// A request and what was answered, without the token.
#[derive(Clone, serde::Serialize)]
pub struct Exchange {
    /// Who called, in the words of the report.
    pub caller: &'static str,
    /// The method.
    pub method: String,
    /// The address.
    pub url: String,
    /// Headers of the request; `authorization` is not among them.
    pub request_headers: Vec<(String, String)>,
    /// Body of the request, cut to some thousand characters.
    pub request_body: Option<String>,
    /// Status of the answer; 0 when there was none.
    pub status: u16,
    /// Headers of the answer.
    pub response_headers: Vec<(String, String)>,
    /// Body of the answer, cut to some thousand characters; why there was none.
    pub response_body: String,
}

impl Exchange {
    pub(crate) fn new(request: &Request, url: String) -> Self {
        Self {
            caller: request.who.name(),
            method: request.method.to_string(),
            url,
            request_headers: request.headers.clone(),
            request_body: request.body.as_deref().map(|it| shown(it, request.is_secret)),
            status: 0,
            response_headers: Vec::new(),
            response_body: String::new(),
        }
    }

    /// Returns both as they would stand in a text, one line for each header.
    pub fn text(&self) -> String {
        let mut text = format!("{} {}   (as {})\n", self.method, self.url, self.caller);
        for (name, value) in &self.request_headers {
            text.push_str(&format!("{name}: {value}\n"));
        }
        if let Some(body) = &self.request_body {
            text.push_str(&format!("\n{body}\n"));
        }
        text.push_str(&format!("\n{}\n", self.status));
        for (name, value) in &self.response_headers {
            text.push_str(&format!("{name}: {value}\n"));
        }
        if !self.response_body.is_empty() {
            text.push_str(&format!("\n{}\n", self.response_body));
        }
        text
    }
}

/// An answer, read as JSON where it is some.
#[derive(Clone)]
pub(crate) struct Answer {
    pub(crate) exchange: Rc<Exchange>,
    pub(crate) status: u16,
    /// The whole body.
    pub(crate) text: String,
    /// Null where the body is no JSON.
    pub(crate) json: Value,
}

impl Answer {
    pub(crate) fn new(mut exchange: Exchange, text: String, is_secret: bool) -> Self {
        exchange.response_body = shown(&text, is_secret);
        let json = serde_json::from_str(&text).unwrap_or_default();
        Self { status: exchange.status, exchange: Rc::new(exchange), text, json }
    }

    /// Returns a header; names in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.exchange.response_headers.iter();
        headers.find(|(it, _)| it == name).map(|(_, value)| value.as_str())
    }

    /// Returns how long a 429 or 503 asks to wait.
    pub(crate) fn retry_after(&self) -> Duration {
        let seconds = self.header("retry-after").and_then(|it| it.parse().ok()).unwrap_or(1);
        Duration::from_secs(seconds)
    }
}

fn shown(body: &str, is_secret: bool) -> String {
    if is_secret { "(not shown)".to_owned() } else { cut(body) }
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(SHOWN_CHARS_MAX) {
        Some((at, _)) => format!("{} … ({} bytes)", text.get(..at).unwrap_or_default(), text.len()),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_written_so_that_any_server_reads_them() {
        let address = with_query("/a", &[("$filter", "name eq 'O''Neil & é+'"), ("$top", "5")]);

        assert_eq!(address, "/a?$filter=name%20eq%20%27O%27%27Neil%20%26%20%C3%A9%2B%27&$top=5");
    }

    #[test]
    fn a_long_body_is_cut_between_characters() {
        assert_eq!(cut("kurz"), "kurz");
        assert!(cut(&"é".repeat(5000)).ends_with("é … (10000 bytes)"));
    }
}
