//! Ways to break a server that speaks the contract.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header, response};
use serde_json::{Value, json};

/// A request, as far as mutations look at it.
pub(super) struct Sent {
    pub(super) method: Method,
    pub(super) path: String,
}

impl Sent {
    fn is_list(&self) -> bool {
        self.method == Method::GET && self.path.ends_with("/referrals")
    }

    fn is_read(&self) -> bool {
        self.method == Method::GET && self.path.contains("/referrals/")
    }
}

type OnRequest = fn(&Sent, &mut String, &mut HeaderMap, &mut Bytes);
type OnAnswer = fn(&Sent, &mut response::Parts, &mut Bytes);

/// One way.
pub(super) struct Mutation {
    /// What the server does.
    pub(super) what: &'static str,
    /// The groups or scenarios that are played: those of its neighbourhood, to save time.
    pub(super) only: &'static [&'static str],
    pub(super) request: OnRequest,
    pub(super) answer: OnAnswer,
}

const fn answering(what: &'static str, only: &'static [&'static str], answer: OnAnswer) -> Mutation {
    Mutation { what, only, request: |_, _, _, _| {}, answer }
}

const fn reading(what: &'static str, only: &'static [&'static str], request: OnRequest) -> Mutation {
    Mutation { what, only, request, answer: |_, _, _| {} }
}

/// All of them.
pub(super) const MUTATIONS: [Mutation; 26] = [
    answering("drops the header ETag", &["read"], |_, parts, _| drop(parts.headers.remove(header::ETAG))),
    answering("answers a creation with 202", &["create"], |sent, parts, _| {
        if sent.method == Method::POST && parts.status.is_success() {
            parts.status = StatusCode::ACCEPTED;
        }
    }),
    reading("ignores If-Match", &["put", "patch-stale"], |_, _, headers, _| {
        if headers.contains_key(header::IF_MATCH) {
            headers.insert(header::IF_MATCH, HeaderValue::from_static("*"));
        }
    }),
    answering("writes words of enums in lower case", &["create"], |_, _, body| {
        replace(body, "\"Active\"", "\"active\"")
    }),
    answering("loses @odata.nextLink", &["pages"], |_, _, body| {
        edit(body, |json| drop(json.as_object_mut().map(|it| it.shift_remove("@odata.nextLink"))));
    }),
    answering("tells a next link without its host", &["pages"], |_, _, body| {
        edit(body, |json| {
            if let Some(link) = json.get_mut("@odata.nextLink") {
                let text = link.as_str().unwrap_or_default();
                *link = json!(text.split_once("/v1.0").map_or("", |(_, rest)| rest));
            }
        });
    }),
    answering("counts one too many", &["list"], |_, _, body| {
        edit(body, |json| {
            if let Some(count) = json.get_mut("@odata.count") {
                *count = json!(count.as_u64().unwrap_or_default() + 1);
            }
        });
    }),
    answering("tells with 403 that a foreign referral is there", &["sides"], |sent, parts, body| {
        if sent.is_read() && parts.status == StatusCode::NOT_FOUND {
            parts.status = StatusCode::FORBIDDEN;
            replace(body, "itemNotFound", "accessDenied");
        }
    }),
    answering("loses a member", &["read"], |_, _, body| remove(body, "trackingInfo")),
    answering("leaves members out that are null", &["read"], |sent, _, body| {
        if sent.is_read() {
            edit(body, |json| {
                if let Some(document) = json.as_object_mut() {
                    document.retain(|_, value| !value.is_null());
                }
            });
        }
    }),
    answering("fails without the envelope", &["errors"], |_, parts, body| {
        if parts.status.is_client_error() {
            *body = Bytes::from_static(b"{\"message\":\"no\"}");
        }
    }),
    answering("fails with 500 where 400 is due", &["required"], |_, parts, _| {
        if parts.status == StatusCode::BAD_REQUEST {
            parts.status = StatusCode::INTERNAL_SERVER_ERROR;
        }
    }),
    answering("changes the eTag on every GET", &["read"], change_etag),
    answering("answers a patch with 200 and nothing", &["patch"], |sent, parts, body| {
        if sent.method == Method::PATCH && parts.status == StatusCode::NO_CONTENT {
            parts.status = StatusCode::OK;
            *body = Bytes::from_static(b"{}");
        }
    }),
    answering("refuses an old eTag with 409", &["put"], |_, parts, _| {
        if parts.status == StatusCode::PRECONDITION_FAILED {
            parts.status = StatusCode::CONFLICT;
        }
    }),
    answering("writes times with an offset", &["create"], |_, _, body| {
        replace(body, "Z\",\"updatedDateTime", "+00:00\",\"updatedDateTime")
    }),
    answering("corrects the doubled To of the consent", &["create", "lenient"], |_, _, body| {
        replace(body, "consentToToShare", "consentToShare");
    }),
    answering("writes customer ids as an object", &["read"], |_, _, body| {
        replace(body, "\"ids\":[]", "\"ids\":{}")
    }),
    reading("ignores filters", &["filter"], |sent, path, _, _| {
        if sent.is_list() {
            *path = path.replace("$filter=", "filter=");
        }
    }),
    reading("ignores $top", &["list"], |_, path, _, _| *path = path.replace("$top=", "top=")),
    reading("empties what a PUT leaves out", &["put"], |sent, _, _, body| {
        if sent.method == Method::PUT {
            edit(body, |json| {
                if let Some(members) = json.as_object_mut().filter(|it| !it.contains_key("campaignId")) {
                    members.insert("campaignId".to_owned(), Value::Null);
                }
            });
        }
    }),
    answering("turns directions round", &["create"], |_, _, body| {
        replace(body, "\"Outgoing\"", "\"Incoming\"")
    }),
    answering("lists in the wrong order", &["list"], |sent, _, body| {
        if sent.is_list() {
            edit(body, |json| {
                if let Some(items) = json.get_mut("value").and_then(Value::as_array_mut) {
                    items.reverse();
                }
            });
        }
    }),
    answering("lets invitations expire an hour late", &["sides"], |_, _, body| {
        replace(body, "T00:00:00Z\",\"status\"", "T01:00:00Z\",\"status\"");
    }),
    answering("carries no request id", &["headers"], |_, parts, _| drop(parts.headers.remove("request-id"))),
    answering("forgets an event of webhooks", &["webhooks-events"], |_, _, body| {
        replace(body, "\"related-referral-updated\"", "\"related-referral-changed\"");
    }),
];

/// Replaces a text wherever it stands in a body.
fn replace(body: &mut Bytes, from: &str, to: &str) {
    if let Ok(text) = std::str::from_utf8(body) {
        *body = Bytes::from(text.replace(from, to));
    }
}

/// Changes a body that is JSON.
fn edit(body: &mut Bytes, change: impl FnOnce(&mut Value)) {
    if let Ok(mut json) = serde_json::from_slice::<Value>(body) {
        change(&mut json);
        *body = Bytes::from(json.to_string());
    }
}

/// Takes a member out of a document, and out of the items of a list.
fn remove(body: &mut Bytes, name: &str) {
    edit(body, |json| {
        if let Some(document) = json.as_object_mut() {
            document.shift_remove(name);
        }
        for item in json.get_mut("value").and_then(Value::as_array_mut).into_iter().flatten() {
            drop(item.as_object_mut().map(|it| it.shift_remove(name)));
        }
    });
}

/// Puts another number into the eTag each time, in the body and in the header.
fn change_etag(sent: &Sent, parts: &mut response::Parts, body: &mut Bytes) {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NEXT: AtomicU32 = AtomicU32::new(1);
    if !sent.is_read() {
        return;
    }
    let text = format!("\"{:08x}-0000-0000-0000-000000000000\"", NEXT.fetch_add(1, Ordering::Relaxed));
    edit(body, |json| {
        if let Some(etag) = json.get_mut("eTag") {
            *etag = json!(text);
        }
    });
    if let Ok(value) = HeaderValue::from_str(&text) {
        parts.headers.insert(header::ETAG, value);
    }
}
