//! The envelope of a batch: what it asks for, and every problem of it at once.

use std::collections::HashMap;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use uuid::Uuid;

use super::address::{self, Here, REFERRALS, Target};
use crate::domain::{
    json::Node,
    report::{ProblemCode, Report, pointer_segment, shortened},
};

/// The longest id of a request, and name of a group.
const ID_BYTES_MAX: usize = 128;
const METHODS: [Method; 5] = [Method::GET, Method::PATCH, Method::POST, Method::PUT, Method::DELETE];
const MEMBERS: [&str; 8] = ["id", "method", "url", "headers", "body", "dependsOn", "atomicityGroup", "if"];
/// Headers of a connection, which a request of a batch has none of.
const LEFT_OUT: [&str; 7] =
    ["host", "connection", "content-length", "transfer-encoding", "expect", "te", "upgrade"];
/// Headers that say who calls: the batch does, for all of its requests.
const CALLERS: [HeaderName; 2] = [header::AUTHORIZATION, header::PROXY_AUTHORIZATION];

/// A request of a batch.
#[derive(Debug)]
pub(super) struct Part {
    /// What its answer is found by.
    pub(super) id: String,
    /// The group that it is part of.
    pub(super) group: Option<String>,
    /// Places of the requests that must have succeeded.
    pub(super) needs: Vec<usize>,
    pub(super) method: Method,
    pub(super) target: Target,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    /// Whether it brings a condition of its own (`if`).
    pub(super) has_condition: bool,
}

/// A request as far as it can be read alone; `None` stands for what is missing or wrong, and reported.
struct Draft<'a> {
    id: Option<&'a str>,
    group: Option<&'a str>,
    depends_on: Vec<Option<&'a str>>,
    method: Option<Method>,
    target: Option<Target>,
    headers: HeaderMap,
    body: Bytes,
    has_condition: bool,
}

/// Reads an envelope.
///
/// # Errors
/// Every problem of it.
pub(super) fn read(body: &Node, here: &Here<'_>, count_max: usize) -> Result<Vec<Part>, Report> {
    let mut report = Report::default();
    let Node::Object(members) = body else {
        report.problem(ProblemCode::InvalidValue, "type", "", "send {\"requests\": […]}");
        return Err(report);
    };
    check_members(members, &["requests"], "", &mut report);
    let requests = match body.member("requests") {
        Some(Node::Array(items)) => items.as_slice(),
        Some(other) if *other != Node::Null => {
            report.problem(ProblemCode::InvalidValue, "type", "/requests", expected("an array", other));
            &[]
        }
        Some(_) | None => {
            report.required("/requests", "a batch has an array of requests");
            &[]
        }
    };
    if requests.len() > count_max {
        let message = format!("{} requests were sent, at most {count_max} are accepted", requests.len());
        report.problem(ProblemCode::TooLong, "itemsMax", "/requests", message);
        return Err(report);
    }
    let drafts: Vec<Draft<'_>> =
        requests.iter().enumerate().map(|(index, it)| read_draft(it, index, here, &mut report)).collect();
    let needs = relate(&drafts, &mut report);
    check_groups(&drafts, &mut report);
    let parts: Vec<Part> =
        drafts.into_iter().zip(needs).filter_map(|(it, needs)| it.into_part(needs)).collect();
    if report.problems.is_empty() { Ok(parts) } else { Err(report) }
}

impl Draft<'_> {
    fn into_part(self, needs: Vec<usize>) -> Option<Part> {
        let Self { headers, body, has_condition, .. } = self;
        let (id, group) = (self.id?.to_owned(), self.group.map(str::to_owned));
        Some(Part {
            id,
            group,
            needs,
            method: self.method?,
            target: self.target?,
            headers,
            body,
            has_condition,
        })
    }
}

fn expected(what: &str, sent: &Node) -> String {
    format!("{what} is expected, {} was sent", sent.kind())
}

/// Refuses members that nobody knows; annotations have an `@` in their names.
fn check_members(members: &[(String, Node)], known: &[&str], above: &str, report: &mut Report) {
    for (name, _) in members.iter().filter(|(it, _)| !it.contains('@') && !known.contains(&it.as_str())) {
        let target = format!("{above}/{}", pointer_segment(shortened(name)));
        let allowed = known.iter().map(|it| (*it).to_owned()).collect();
        let message = "the member is not known here";
        report.problem_with_allowed(ProblemCode::InvalidValue, "unknownMember", target, message, allowed);
    }
}

fn read_draft<'a>(item: &'a Node, index: usize, here: &Here<'_>, report: &mut Report) -> Draft<'a> {
    let above = format!("/requests/{index}");
    match item {
        Node::Object(members) => check_members(members, &MEMBERS, &above, report),
        other => {
            report.problem(ProblemCode::InvalidValue, "type", above.clone(), expected("an object", other))
        }
    }
    let id = read_name(item, "id", &above, report);
    if id.is_none() {
        report.required(&format!("{above}/id"), "a request has an id");
    }
    let method = read_method(item, &above, report);
    let url = read_text(item, "url", &above, report);
    if url.is_none_or(str::is_empty) {
        report.required(&format!("{above}/url"), "a request has a url");
    }
    let target = url.filter(|it| !it.is_empty()).and_then(|url| match address::read(url, here) {
        Ok(target) => Some(target),
        Err(message) => {
            report.problem(ProblemCode::InvalidValue, "url", format!("{above}/url"), message);
            None
        }
    });
    let headers = read_headers(item, &above, report);
    let body = read_body(item, method.as_ref(), &headers, &above, report);
    let has_condition = read_text(item, "if", &above, report).is_some();
    let group = read_name(item, "atomicityGroup", &above, report);
    let depends_on = read_dependencies(item, &above, report);
    Draft { id, group, depends_on, method, target, headers, body, has_condition }
}

/// Returns a member that is a text; null counts as absent.
fn read_text<'a>(item: &'a Node, name: &str, above: &str, report: &mut Report) -> Option<&'a str> {
    match item.member(name)? {
        Node::Text(text) => Some(text),
        Node::Null => None,
        other => {
            let target = format!("{above}/{name}");
            report.problem(ProblemCode::InvalidValue, "type", target, expected("a string", other));
            None
        }
    }
}

/// Returns a member that others refer to.
fn read_name<'a>(item: &'a Node, name: &str, above: &str, report: &mut Report) -> Option<&'a str> {
    let text = read_text(item, name, above, report)?;
    let is_name = |it: u8| it.is_ascii_alphanumeric() || b"-._~".contains(&it);
    if !text.is_empty() && text.len() <= ID_BYTES_MAX && text.bytes().all(is_name) {
        return Some(text);
    }
    let message = format!("1 to {ID_BYTES_MAX} letters, digits and -._~ are expected");
    report.problem(ProblemCode::InvalidValue, "requestId", format!("{above}/{name}"), message);
    None
}

fn read_method(item: &Node, above: &str, report: &mut Report) -> Option<Method> {
    let target = format!("{above}/method");
    let Some(text) = read_text(item, "method", above, report) else {
        report.required(&target, "a request has a method");
        return None;
    };
    let found = METHODS.into_iter().find(|it| it.as_str().eq_ignore_ascii_case(text));
    if found.is_none() {
        let message =
            format!("the method \"{}\" cannot be part of a batch", shortened(text).escape_default());
        let allowed = METHODS.iter().map(|it| it.as_str().to_ascii_lowercase()).collect();
        report.problem_with_allowed(ProblemCode::InvalidValue, "vocabulary", target, message, allowed);
    }
    found
}

fn read_headers(item: &Node, above: &str, report: &mut Report) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let members = match item.member("headers") {
        Some(Node::Object(members)) => members.as_slice(),
        None | Some(Node::Null) => &[],
        Some(other) => {
            let target = format!("{above}/headers");
            report.problem(ProblemCode::InvalidValue, "type", target, expected("an object", other));
            &[]
        }
    };
    for (spelled, value) in members {
        let target = format!("{above}/headers/{}", pointer_segment(shortened(spelled)));
        let (Ok(name), Node::Text(value)) = (HeaderName::from_bytes(spelled.as_bytes()), value) else {
            let message = "a header has a name, and a string as its value";
            report.problem(ProblemCode::InvalidValue, "header", target, message);
            continue;
        };
        if CALLERS.contains(&name) {
            let message = "every request of a batch is made by the caller of the batch";
            report.problem(ProblemCode::InvalidValue, "oneCaller", target, message);
            continue;
        }
        if LEFT_OUT.contains(&name.as_str()) {
            continue;
        }
        let Ok(value) = HeaderValue::from_bytes(value.as_bytes()) else {
            let message = "the value has characters that no header can have";
            report.problem(ProblemCode::InvalidValue, "header", target, message);
            continue;
        };
        if headers.insert(name, value).is_some() {
            let message = "the header stands there in two spellings";
            report.problem(ProblemCode::DuplicateMember, "oneSpelling", target, message);
        }
    }
    headers
}

/// Returns the bytes of a body. A string is the body's own text, anything else JSON.
fn read_body(
    item: &Node,
    method: Option<&Method>,
    headers: &HeaderMap,
    above: &str,
    report: &mut Report,
) -> Bytes {
    let body = match item.member("body") {
        None | Some(Node::Null) => return Bytes::new(),
        Some(body) => body,
    };
    let target = format!("{above}/body");
    if let Some(method @ (&Method::GET | &Method::DELETE)) = method {
        report.problem(ProblemCode::InvalidValue, "noBody", target, format!("{method} has no body"));
        return Bytes::new();
    }
    if let Node::Text(text) = body {
        return Bytes::from(text.clone());
    }
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|it| it.to_str().ok()).unwrap_or_default();
    if content_type.to_ascii_lowercase().starts_with("text/plain") {
        let message = expected("a string", body);
        report.problem(ProblemCode::InvalidValue, "type", target, message);
    }
    Bytes::from(body.to_json())
}

fn read_dependencies<'a>(item: &'a Node, above: &str, report: &mut Report) -> Vec<Option<&'a str>> {
    let items = match item.member("dependsOn") {
        Some(Node::Array(items)) => items,
        None | Some(Node::Null) => return Vec::new(),
        Some(other) => {
            let target = format!("{above}/dependsOn");
            report.problem(ProblemCode::InvalidValue, "type", target, expected("an array", other));
            return Vec::new();
        }
    };
    let read = items.iter().enumerate().map(|(index, it)| match it {
        Node::Text(text) => Some(text.as_str()),
        other => {
            let target = format!("{above}/dependsOn/{index}");
            report.problem(ProblemCode::InvalidValue, "type", target, expected("a string", other));
            None
        }
    });
    read.collect()
}

/// Finds the requests that each one needs: those that it names, and the one that its address begins with.
fn relate(drafts: &[Draft<'_>], report: &mut Report) -> Vec<Vec<usize>> {
    let mut earlier: HashMap<&str, Vec<usize>> = HashMap::new();
    let mut needs = Vec::with_capacity(drafts.len());
    for (index, draft) in drafts.iter().enumerate() {
        let mut needed = Vec::new();
        for (place, name) in draft.depends_on.iter().enumerate() {
            let Some(name) = name else { continue };
            match earlier.get(name).filter(|_| draft.group != Some(*name)) {
                Some(found) => needed.extend(found),
                None => {
                    let target = format!("/requests/{index}/dependsOn/{place}");
                    let name = shortened(name).escape_default();
                    let message = format!("\"{name}\" is neither an earlier request nor an earlier group");
                    report.problem(ProblemCode::InvalidValue, "backwards", target, message);
                }
            }
        }
        if let Some(Target::Entity { id, .. }) = &draft.target {
            let found = earlier.get(id.as_str()).and_then(|it| it.first()).copied();
            check_reference(drafts, index, found, id, report);
            needed.extend(found);
        }
        needs.push(needed);
        if let Some(id) = draft.id {
            // The first one counts; a second one is reported.
            earlier.entry(id).or_insert_with(|| vec![index]);
        }
        if let Some(group) = draft.group {
            earlier.entry(group).or_default().push(index);
        }
    }
    needs
}

/// Refuses an address that begins with no earlier request, or with one whose outcome is not there in time.
fn check_reference(drafts: &[Draft<'_>], index: usize, found: Option<usize>, id: &str, report: &mut Report) {
    let target = format!("/requests/{index}/url");
    let id = shortened(id).escape_default();
    let group_of = |index: usize| drafts.get(index).and_then(|it| it.group);
    match found {
        None => {
            let message = format!("\"${id}\" refers to no earlier request");
            report.problem(ProblemCode::InvalidValue, "reference", target, message);
        }
        Some(found) if group_of(found).is_some() && group_of(found) == group_of(index) => {
            let message =
                format!("\"${id}\" is not there before the group is stored; write the id of the referral");
            report.problem(ProblemCode::InvalidValue, "referenceInGroup", target, message);
        }
        Some(_) => {}
    }
}

/// Checks that ids and groups are told apart, that groups hold together, and that they only write referrals.
fn check_groups(drafts: &[Draft<'_>], report: &mut Report) {
    let mut ids: HashMap<&str, usize> = HashMap::new();
    for (index, draft) in drafts.iter().enumerate() {
        let Some(id) = draft.id else { continue };
        if let Some(first) = ids.insert(id, index) {
            let message = format!("\"{id}\" is the id of request {first} too");
            report.problem(ProblemCode::InvalidValue, "uniqueId", format!("/requests/{index}/id"), message);
        }
    }
    let mut seen: Vec<&str> = Vec::new();
    let mut before = None;
    for (index, draft) in drafts.iter().enumerate() {
        if let Some(group) = draft.group {
            let target = format!("/requests/{index}/atomicityGroup");
            if ids.contains_key(group) {
                let message = format!("\"{group}\" is the id of a request; a group needs a name of its own");
                report.problem(ProblemCode::InvalidValue, "uniqueId", target.clone(), message);
            }
            if before != Some(group) && seen.contains(&group) {
                let message = format!("the requests of group \"{group}\" do not stand together");
                report.problem(ProblemCode::InvalidValue, "groupTogether", target, message);
            }
            seen.push(group);
            check_write(draft, index, report);
        }
        before = draft.group;
    }
}

fn check_write(draft: &Draft<'_>, index: usize, report: &mut Report) {
    let (Some(method), Some(target)) = (&draft.method, &draft.target) else { return };
    let path = match target {
        Target::Path(path) => path.clone(),
        Target::Entity { rest, .. } => format!("{REFERRALS}/{}{rest}", Uuid::nil()),
    };
    let is_write =
        address::head(method, &path).is_some_and(|it| address::written(method, it.uri.path()).is_some());
    if !is_write {
        let name = if method.is_safe() { "method" } else { "url" };
        let message =
            "a group only writes referrals: POST referrals, PUT and PATCH of a referral, and its actions";
        let target = format!("/requests/{index}/{name}");
        report.problem(ProblemCode::InvalidValue, "groupWrites", target, message);
    }
}

#[cfg(test)]
mod tests {
    use super::{Here, Part, Report, read};
    use crate::domain::json::{self, JsonLimits};

    fn parts(requests: &str) -> Result<Vec<Part>, Report> {
        let limits = JsonLimits { depth_max: 32, array_items_max: 1000 };
        let body = json::parse(format!("{{\"requests\": [{requests}]}}").as_bytes(), limits).unwrap();
        read(&body, &Here { public_url: "https://referrals.example", host: None }, 100)
    }

    #[test]
    fn a_string_is_the_text_of_a_body_and_numbers_keep_their_digits() {
        let query = r#"{"id": "1", "method": "post", "url": "referrals/$query",
            "headers": {"Content-Type": "text/plain"}, "body": "$filter=status eq 'New'"}"#;
        let value =
            r#"{"id": "2", "method": "PUT", "url": "$1", "body": {"b": 1234.50, "a": [1e3, "\u00e9"]}}"#;

        let parts = parts(&format!("{query}, {value}")).unwrap();

        assert_eq!(parts[0].body, "$filter=status eq 'New'");
        assert_eq!(parts[1].body, "{\"b\":1234.50,\"a\":[1e3,\"\u{e9}\"]}");
        assert_eq!((&parts[0].needs, &parts[1].needs), (&vec![], &vec![0]));
    }

    #[test]
    fn a_group_is_needed_whole() {
        let member = |id: u8| {
            format!(r#"{{"id": "{id}", "method": "post", "url": "referrals", "atomicityGroup": "g"}}"#)
        };
        let after = r#"{"id": "3", "method": "get", "url": "referrals", "dependsOn": ["g", "2"]}"#;

        let parts = parts(&format!("{}, {}, {after}", member(1), member(2))).unwrap();

        assert_eq!(parts[2].needs, [0, 1, 1]);
    }

    #[test]
    fn text_that_is_no_text_is_refused() {
        let report = parts(
            r#"{"id": "1", "method": "post", "url": "x", "headers": {"content-type": "text/plain"}, "body": {}}"#,
        )
        .unwrap_err();

        assert_eq!(report.problems[0].target, "/requests/0/body");
    }
}
