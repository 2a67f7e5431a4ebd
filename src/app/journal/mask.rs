//! What of a call is shown.
//!
//! Secrets never are. In a sandbox on this machine everything else is; anywhere else what is shown is listed here, and
//! the rest stands as a mask: a member, header or option that is new is masked until somebody thinks of it.

use http::{HeaderMap, HeaderName, header};
use serde_json::Value;
use url::form_urlencoded;
use uuid::Uuid;

/// What stands for what is not shown.
pub(super) const MASK: &str = "***";

/// How much is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sight {
    /// Everything but secrets.
    Local,
    /// What is known to be nobody's secret and about no person.
    Masked,
}

const SECRET_HEADERS: [HeaderName; 4] =
    [header::AUTHORIZATION, header::PROXY_AUTHORIZATION, header::COOKIE, header::SET_COOKIE];

const SHOWN_HEADERS: [&str; 34] = [
    "accept",
    "accept-encoding",
    "allow",
    "cache-control",
    "client-request-id",
    "connection",
    "content-length",
    "content-type",
    "date",
    "etag",
    "expect",
    "host",
    "idempotency-key",
    "idempotency-replayed",
    "if-match",
    "if-none-match",
    "liaison-fault",
    "location",
    "ms-correlationid",
    "ms-requestid",
    "odata-maxversion",
    "odata-version",
    "prefer",
    "preference-applied",
    "ratelimit-limit",
    "ratelimit-remaining",
    "ratelimit-reset",
    "request-id",
    "retry-after",
    "transfer-encoding",
    "user-agent",
    "vary",
    "www-authenticate",
    "x-locale",
];

/// Members whose values are secrets, in lower case.
const SECRET_MEMBERS: [&str; 9] = [
    "password",
    "secret",
    "client_secret",
    "clientsecret",
    "access_token",
    "refresh_token",
    "id_token",
    "assertion",
    "client_assertion",
];

/// Members whose values say where a record stands, and nothing of anybody.
const SHOWN_MEMBERS: [&str; 20] = [
    "id",
    "engagementId",
    "organizationId",
    "referralId",
    "type",
    "status",
    "substatus",
    "qualification",
    "direction",
    "eTag",
    "createdDateTime",
    "updatedDateTime",
    "expirationDateTime",
    "@odata.context",
    "@odata.count",
    "op",
    "path",
    "event",
    "EventName",
    "statusCode",
];

/// Members of an error that are words of this program.
const SHOWN_OF_ERRORS: [&str; 4] = ["code", "target", "rule", "allowed"];

const SHOWN_OPTIONS: [&str; 14] = [
    "$top",
    "$skip",
    "$count",
    "$select",
    "$orderby",
    "$format",
    "limit",
    "events",
    "include",
    "format",
    "engagementid",
    "validateonly",
    "startdate",
    "enddate",
];

/// Lists headers with what is shown of them.
pub(super) fn headers(headers: &HeaderMap, sight: Sight) -> Vec<(String, String)> {
    let shown = |name: &HeaderName| match (SECRET_HEADERS.contains(name), sight) {
        (true, _) => false,
        (false, Sight::Local) => true,
        (false, Sight::Masked) => SHOWN_HEADERS.contains(&name.as_str()),
    };
    let value = |name, it: &http::HeaderValue| match shown(name) {
        true => String::from_utf8_lossy(it.as_bytes()).into_owned(),
        false => MASK.to_owned(),
    };
    headers.iter().map(|(name, it)| (name.as_str().to_owned(), value(name, it))).collect()
}

/// Returns path and query with what is shown of them.
pub(super) fn target(target: &str, sight: Sight) -> String {
    let Some((path, query)) = target.split_once('?') else { return target.to_owned() };
    if sight == Sight::Local {
        return target.to_owned();
    }
    let options = form_urlencoded::parse(query.as_bytes()).map(|(name, value)| {
        match SHOWN_OPTIONS.contains(&name.to_ascii_lowercase().as_str()) {
            true => format!("{name}={value}"),
            false => format!("{name}={MASK}"),
        }
    });
    format!("{path}?{}", options.collect::<Vec<_>>().join("&"))
}

/// Returns a text for developers; what it quotes was sent by somebody.
pub(super) fn message(message: &str, sight: Sight) -> String {
    if sight == Sight::Local {
        return message.to_owned();
    }
    let parts = message.split('"').enumerate();
    parts.map(|(at, it)| if at % 2 == 1 { MASK } else { it }).collect::<Vec<_>>().join("\"")
}

/// Returns a body as it is shown, with whether something of it is not. `None` where nothing of it may be shown. A body
/// that is kept in part cannot be read, so it is shown to nobody but in a sandbox on this machine.
pub(super) fn body(bytes: &[u8], is_whole: bool, sight: Sight) -> Option<(String, bool)> {
    let read = if is_whole { serde_json::from_slice::<Value>(bytes).ok() } else { None };
    match (read, sight) {
        (Some(mut value), sight) => {
            let is_masked = mask(&mut value, sight, Place::Document);
            match is_masked {
                true => Some((value.to_string(), true)),
                false => Some((String::from_utf8_lossy(bytes).into_owned(), false)),
            }
        }
        (None, Sight::Local) => Some((String::from_utf8_lossy(bytes).into_owned(), false)),
        (None, Sight::Masked) => None,
    }
}

/// Where a member stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Document,
    Error,
}

/// Masks what is not shown. Says whether there was any.
fn mask(value: &mut Value, sight: Sight, place: Place) -> bool {
    let mut is_masked = false;
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                let is_secret = SECRET_MEMBERS.contains(&name.to_ascii_lowercase().as_str());
                if is_secret {
                    *member = MASK.into();
                    is_masked = true;
                    continue;
                }
                // A customer's ids in other registers are no GUIDs.
                let is_foreign_id =
                    name == "id" && member.as_str().is_some_and(|it| Uuid::try_parse(it).is_err());
                let below = if name == "error" { Place::Error } else { place };
                is_masked |= match member {
                    Value::Object(_) => mask(member, sight, below),
                    Value::Array(_) if !is_shown(name, place) => mask(member, sight, below),
                    Value::Array(items) if items.iter().any(|it| it.is_object() || it.is_array()) => {
                        mask(member, sight, below)
                    }
                    Value::String(text) if place == Place::Error && name == "message" => {
                        let masked = message(text, sight);
                        let differs = masked != *text;
                        *text = masked;
                        differs
                    }
                    other if is_foreign_id => sight == Sight::Masked && hide(other),
                    _ if is_shown(name, place) || sight == Sight::Local => false,
                    other => hide(other),
                };
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|it| is_masked |= mask(it, sight, place)),
        other if sight == Sight::Masked => is_masked = hide(other),
        _ => {}
    }
    is_masked
}

fn is_shown(name: &str, place: Place) -> bool {
    match place {
        Place::Document => SHOWN_MEMBERS.contains(&name),
        Place::Error => SHOWN_OF_ERRORS.contains(&name),
    }
}

fn hide(value: &mut Value) -> bool {
    if value.is_null() {
        return false;
    }
    *value = MASK.into();
    true
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const ID: &str = "7d23e5ca-19dc-4eaa-aac8-5e6b559f0d1d";

    fn shown(value: &Value, sight: Sight) -> Value {
        let (text, _) = body(value.to_string().as_bytes(), true, sight).unwrap();
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn elsewhere_only_what_is_listed_is_shown() {
        let document = json!({
            "id": ID, "status": "New", "name": "Bakery", "consent": {"consentToContact": true},
            "customerProfile": {"team": [{"firstName": "Ann", "email": "ann@a.example", "id": "12-345-6789"}], "size": null},
            "details": {"dealValue": 12.5, "notes": "call her"}, "tags": ["a", 1], "secret": "whsec_1",
        });

        assert_eq!(
            shown(&document, Sight::Masked),
            json!({
                "id": ID, "status": "New", "name": "***", "consent": {"consentToContact": "***"},
                "customerProfile": {"team": [{"firstName": "***", "email": "***", "id": "***"}], "size": null},
                "details": {"dealValue": "***", "notes": "***"}, "tags": ["***", "***"], "secret": "***",
            })
        );
        let mut local = document;
        local["secret"] = json!("***");
        assert_eq!(shown(&local, Sight::Local), local);
        assert_eq!(body(b"a=1", true, Sight::Masked), None);
        assert_eq!(body(b"{\"id\": 1", false, Sight::Masked), None);
        assert_eq!(body(b"{\"id\": 1", false, Sight::Local).unwrap().0, "{\"id\": 1");
    }

    #[test]
    fn an_error_is_shown_without_what_it_quotes() {
        let error = json!({"error": {
            "code": "invalidRequest", "message": "type \"Ann\" is not known", "target": "/type",
            "details": [{"code": "invalidValue", "rule": "vocabulary", "allowed": ["Shared"], "message": "\"Ann\"?"}],
        }});

        assert_eq!(
            shown(&error, Sight::Masked),
            json!({"error": {
                "code": "invalidRequest", "message": "type \"***\" is not known", "target": "/type",
                "details": [{"code": "invalidValue", "rule": "vocabulary", "allowed": ["Shared"], "message": "\"***\"?"}],
            }})
        );
    }

    #[test]
    fn credentials_are_never_shown_and_options_elsewhere_only_if_listed() {
        let mut sent = HeaderMap::new();
        sent.insert("authorization", "Bearer x".parse().unwrap());
        sent.insert("accept", "*/*".parse().unwrap());
        sent.insert("x-caller", "Ann".parse().unwrap());
        let values = |sight| headers(&sent, sight).into_iter().map(|it| it.1).collect::<Vec<_>>();

        assert_eq!(values(Sight::Local), ["***", "*/*", "Ann"]);
        assert_eq!(values(Sight::Masked), ["***", "*/*", "***"]);
        let asked = "/a?$filter=name%20eq%20'Ann'&$top=5";
        assert_eq!(target(asked, Sight::Local), asked);
        assert_eq!(target(asked, Sight::Masked), "/a?$filter=***&$top=5");
    }
}
