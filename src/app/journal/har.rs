//! Logged calls as an HTTP Archive (HAR 1.2), which browsers and debugging proxies read.

use serde_json::{Value, json};
use url::form_urlencoded;

use super::view::{LoggedBody, LoggedCall, LoggedHeader, LoggedPart};

/// What stands for a size that is not known.
const UNKNOWN: i64 = -1;

/// Writes calls of the server at `base_url`, which were read with their bodies.
pub fn archive(calls: &[LoggedCall], base_url: &str) -> Value {
    let creator = json!({"name": "Liaison", "version": env!("CARGO_PKG_VERSION")});
    let entries: Vec<Value> = calls.iter().map(|it| entry(it, base_url)).collect();
    json!({"log": {"version": "1.2", "creator": creator, "entries": entries}})
}

fn entry(call: &LoggedCall, base_url: &str) -> Value {
    let mut entry = json!({
        "startedDateTime": call.at,
        "time": call.duration_ms,
        "request": request(call, base_url),
        "response": response(call),
        "cache": {},
        "timings": {"send": 0, "wait": call.duration_ms, "receive": 0},
        "_requestId": call.id,
    });
    let members = [
        ("_fault", json!(call.fault)),
        ("_decided", json!(call.decided)),
        ("_mend", json!(call.mend)),
        ("_application", json!(call.application)),
        ("_organization", json!(call.organization)),
    ];
    if let Some(entry) = entry.as_object_mut() {
        let known = members.into_iter().filter(|(_, value)| !value.is_null());
        entry.extend(known.map(|(name, value)| (name.to_owned(), value)));
    }
    entry
}

fn request(call: &LoggedCall, base_url: &str) -> Value {
    let query = call.url.split_once('?').map_or("", |(_, query)| query);
    let query: Vec<Value> = form_urlencoded::parse(query.as_bytes())
        .map(|(name, value)| json!({"name": name, "value": value}))
        .collect();
    let mut request = json!({
        "method": call.method,
        "url": format!("{base_url}{}", call.url),
        "httpVersion": "HTTP/1.1",
        "cookies": [],
        "headers": headers(call.request.as_ref()),
        "queryString": query,
        "headersSize": UNKNOWN,
        "bodySize": size(call.request.as_ref()),
    });
    if let (Some(body), Some(request)) = (body(call.request.as_ref()), request.as_object_mut()) {
        let mut data = json!({"mimeType": mime_type(call.request.as_ref()), "text": body.text.as_deref().unwrap_or_default()});
        comment(&mut data, body);
        request.insert("postData".to_owned(), data);
    }
    request
}

fn response(call: &LoggedCall) -> Value {
    let body = body(call.response.as_ref());
    let mut content =
        json!({"size": body.map_or(0, |it| it.bytes), "mimeType": mime_type(call.response.as_ref())});
    if let Some(body) = body {
        if let (Some(text), Some(content)) = (&body.text, content.as_object_mut()) {
            content.insert("text".to_owned(), json!(text));
        }
        comment(&mut content, body);
    }
    json!({
        "status": call.status,
        "statusText": call.status_text.unwrap_or_default(),
        "httpVersion": "HTTP/1.1",
        "cookies": [],
        "headers": headers(call.response.as_ref()),
        "content": content,
        "redirectURL": "",
        "headersSize": UNKNOWN,
        "bodySize": size(call.response.as_ref()),
    })
}

fn body(part: Option<&LoggedPart>) -> Option<&LoggedBody> {
    part.and_then(|it| it.body.as_ref())
}

/// Says what is not as it was.
fn comment(target: &mut Value, body: &LoggedBody) {
    let text = match (body.is_masked, body.is_cut) {
        (false, false) => return,
        (true, false) => "masked",
        (false, true) => "only the beginning was kept",
        (true, true) => "masked; only the beginning was kept",
    };
    if let Some(target) = target.as_object_mut() {
        target.insert("comment".to_owned(), json!(text));
    }
}

fn headers(part: Option<&LoggedPart>) -> &[LoggedHeader] {
    part.map_or(&[], |it| it.headers.as_slice())
}

fn mime_type(part: Option<&LoggedPart>) -> &str {
    let of_body = headers(part).iter().find(|it| it.name == "content-type");
    of_body.map_or("", |it| it.value.as_str())
}

fn size(part: Option<&LoggedPart>) -> i64 {
    i64::try_from(body(part).map_or(0, |it| it.bytes)).unwrap_or(i64::MAX)
}
