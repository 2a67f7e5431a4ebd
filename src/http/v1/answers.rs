//! What answers about referrals have in common: the document with its token, what the caller prefers, the report.

use axum::{body::Body, response::Response};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use serde_json::json;

use crate::{
    domain::{etag::ETag, report::Report, revision::Handling, view::View},
    http::{
        error::ApiError,
        extract::preferences,
        format::Format,
        metadata::control::{self, Entity},
    },
    service::referrals::Document,
};

const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
const REPORT_HEADER: HeaderName = HeaderName::from_static("liaison-report");
/// How long the report may be where it stands in a header, in bytes.
const REPORT_HEADER_BYTES_MAX: usize = 4096;

/// What a caller prefers about the answer to a write (RFC 7240).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Preferences {
    /// `return=representation` or `return=minimal`; the first counts.
    pub(super) returns: Option<Return>,
    /// `handling=strict`.
    pub(super) is_strict: bool,
    /// `report=changes`.
    pub(super) wants_report: bool,
    /// `resolution=merge`.
    pub(super) merges: bool,
}

/// Whether the answer carries the document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Return {
    /// It does.
    Representation,
    /// It does not.
    Minimal,
}

impl Preferences {
    /// Reads them from the header `Prefer`; what is not known is left to others.
    pub(super) fn read(headers: &HeaderMap) -> Self {
        let mut found = Self::default();
        for preference in preferences(headers) {
            match preference.as_str() {
                "return=representation" => found.returns = found.returns.or(Some(Return::Representation)),
                "return=minimal" => found.returns = found.returns.or(Some(Return::Minimal)),
                "handling=strict" => found.is_strict = true,
                "report=changes" => found.wants_report = true,
                "resolution=merge" => found.merges = true,
                _ => {}
            }
        }
        found
    }

    /// Returns what becomes of members without effect.
    pub(super) fn handling(self) -> Handling {
        if self.is_strict { Handling::Strict } else { Handling::Lenient }
    }

    /// Names those that were followed.
    fn applied(self, is_merged: bool) -> String {
        let returns = match self.returns {
            Some(Return::Representation) => Some("return=representation"),
            Some(Return::Minimal) => Some("return=minimal"),
            None => None,
        };
        let others = [
            (self.is_strict, "handling=strict"),
            (self.wants_report, "report=changes"),
            (is_merged, "resolution=merge"),
        ];
        let others = others.into_iter().filter(|(is_applied, _)| *is_applied).map(|(_, token)| token);
        returns.into_iter().chain(others).collect::<Vec<_>>().join(", ")
    }
}

/// What a write led to.
pub(super) struct Written {
    /// The document.
    pub(super) view: View,
    /// What was applied, ignored and normalised.
    pub(super) report: Report,
    /// Whether the write came too late and was merged.
    pub(super) is_merged: bool,
    /// Whether nothing was stored; the token of what is not there would mislead.
    pub(super) is_validated_only: bool,
    /// Whether an earlier call with the same key did it.
    pub(super) is_replay: bool,
    /// What is answered to who prefers nothing.
    pub(super) usual: Return,
}

/// Answers a write, with the document unless the caller wants none.
pub(super) fn written(status: StatusCode, written: Written, preferences: Preferences) -> Response {
    let Written { view, report, is_merged, is_validated_only, is_replay, usual } = written;
    let etag = view.etag;
    let is_empty = preferences.returns.unwrap_or(usual) == Return::Minimal;
    let mut response = match (is_empty, preferences.wants_report) {
        (true, _) => Response::new(Body::empty()),
        (false, true) => json_body(with_report(view.body, &report), Format::default()),
        (false, false) => json_body(view.body, Format::default()),
    };
    *response.status_mut() = if is_empty { StatusCode::NO_CONTENT } else { status };
    let headers = response.headers_mut();
    if is_empty && preferences.wants_report {
        headers.insert(REPORT_HEADER, report_header(report));
    }
    if !is_validated_only {
        headers.insert(header::ETAG, etag_value(etag));
    }
    if is_replay {
        headers.insert(REPLAYED, HeaderValue::from_static("true"));
    }
    let applied = preferences.applied(is_merged);
    if let (false, Ok(applied)) = (applied.is_empty(), HeaderValue::try_from(applied)) {
        headers.insert(PREFERENCE_APPLIED, applied);
    }
    response
}

/// Puts a referral into the format that is wanted.
pub(super) fn in_format(base_url: &str, document: Document, format: Format) -> String {
    let Document { body, id, engagement_id, etag } = document;
    control::apply(body, format, &Entity { base_url, id, engagement_id, etag })
}

/// Says whether one of the tokens that the caller has is `etag`, or any will do.
pub(super) fn matches_any(headers: &HeaderMap, etag: &str) -> bool {
    let bare = |tag: &str| tag.trim().trim_start_matches("W/").trim_matches('"').to_ascii_lowercase();
    let sent = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|it| it.to_str().ok());
    sent.flat_map(|it| it.split(',')).any(|it| it.trim() == "*" || bare(it) == bare(etag))
}

/// Answers with a JSON text.
pub(super) fn json_body(text: String, format: Format) -> Response {
    let mut response = Response::new(Body::from(text));
    response.headers_mut().insert(header::CONTENT_TYPE, format.content_type());
    response
}

/// Returns the failure of an answer that could not be written.
pub(super) fn unwritable() -> ApiError {
    ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "the request failed; tell the operator its request-id")
}

pub(super) fn etag_value(etag: ETag) -> HeaderValue {
    HeaderValue::try_from(etag.to_string()).expect("a token is hexadecimal digits, hyphens and quotes")
}

/// Says whether the query asks for judging without storing.
///
/// # Errors
/// When `validateOnly` is neither true nor false.
pub(super) fn validates_only(query: Option<&str>) -> Result<bool, ApiError> {
    let pairs = url::form_urlencoded::parse(query.unwrap_or_default().as_bytes());
    let mut sent =
        pairs.filter(|(name, _)| name.eq_ignore_ascii_case("validateOnly")).map(|(_, value)| value);
    match (sent.next(), sent.next()) {
        (None, _) => Ok(false),
        (Some(value), None) if value.eq_ignore_ascii_case("true") || value.is_empty() => Ok(true),
        (Some(value), None) if value.eq_ignore_ascii_case("false") => Ok(false),
        (Some(_), _) => {
            let message = "validateOnly stands once in the query, and is true or false";
            Err(ApiError::new(StatusCode::BAD_REQUEST, message)
                .inner("invalidQueryOption")
                .target("validateOnly"))
        }
    }
}

/// Adds the report as an instance annotation, which OData clients ignore unless they ask for it.
fn with_report(mut body: String, report: &Report) -> String {
    // The last byte is the brace that closes the document.
    body.truncate(body.len().saturating_sub(1));
    body.push_str(&format!(",\"@liaison.report\":{}}}", report_json(report)));
    body
}

fn report_json(report: &Report) -> serde_json::Value {
    json!({ "applied": report.applied, "ignored": report.ignored, "normalized": report.normalized })
}

/// Writes the report for an answer without a body: in ASCII, and cut to what a header holds. Names of members come
/// from callers, so every other character is escaped.
fn report_header(mut report: Report) -> HeaderValue {
    let mut omitted = 0_usize;
    loop {
        let mut json = report_json(&report);
        if let (Some(members), true) = (json.as_object_mut(), omitted > 0) {
            members.insert("omitted".to_owned(), omitted.into());
        }
        let mut text = String::new();
        for char in json.to_string().chars() {
            match char {
                ' '..='~' => text.push(char),
                other => {
                    let mut units = [0; 2];
                    text.extend(other.encode_utf16(&mut units).iter().map(|it| format!("\\u{it:04x}")));
                }
            }
        }
        if text.len() <= REPORT_HEADER_BYTES_MAX {
            return HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static("{}"));
        }
        // What was applied is left out first, what was ignored last.
        let _ = report.applied.pop().is_some()
            || report.normalized.pop().is_some()
            || report.ignored.pop().is_some();
        omitted = omitted.saturating_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::{
        HeaderMap, Preferences, REPORT_HEADER_BYTES_MAX, Report, Return, report_header, validates_only,
    };

    fn preferences(sent: &'static str) -> Preferences {
        let mut headers = HeaderMap::new();
        headers.insert("prefer", sent.parse().unwrap());
        Preferences::read(&headers)
    }

    #[test]
    fn preferences_are_read_in_any_order_and_case() {
        let read = preferences("Return=Representation; foo=1, handling = strict, \"x\", report=changes");

        assert_eq!(read.returns, Some(Return::Representation));
        assert!(read.is_strict && read.wants_report && !read.merges);
        assert_eq!(read.applied(false), "return=representation, handling=strict, report=changes");
        assert_eq!(preferences("return=minimal, return=representation").returns, Some(Return::Minimal));
    }

    #[test]
    fn a_report_in_a_header_is_short_and_ascii() {
        let mut report = Report::default();
        for number in 0..100 {
            report.applied(format!("/details/é{number}/{}", "x".repeat(80)));
        }
        report.ignored("/\u{1f91d}".to_owned(), "unknownMember");

        let value = report_header(report);

        let text = value.to_str().unwrap();
        assert!(text.len() <= REPORT_HEADER_BYTES_MAX);
        let read: serde_json::Value = serde_json::from_str(text).unwrap();
        assert_eq!(read["ignored"][0]["target"], "/\u{1f91d}");
        assert_eq!(read["applied"].as_array().unwrap().len() as u64 + read["omitted"].as_u64().unwrap(), 100);
    }

    #[test]
    fn validating_is_asked_for_in_the_query() {
        for (query, expected) in [
            (None, false),
            (Some(""), false),
            (Some("validateOnly=true"), true),
            (Some("a=b&VALIDATEONLY=True"), true),
            (Some("validateOnly=false"), false),
        ] {
            assert_eq!(validates_only(query).unwrap(), expected, "{query:?}");
        }
        assert!(validates_only(Some("validateOnly=yes")).is_err());
        assert!(validates_only(Some("validateOnly=true&validateOnly=false")).is_err());
    }
}
