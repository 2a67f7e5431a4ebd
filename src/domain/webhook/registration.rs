//! The lenient reading of a registration with the Partner Center API.
//!
//! The guide writes `WebhookUrl`, the REST reference `webhookUrl`, and the Power Automate connector sends the flag as a
//! text: names are read in any case, and members that nobody knows are passed over.

use super::{FOREIGN_EVENTS, SignatureHeader};
use crate::domain::{
    event::Event,
    json::Node,
    report::{ProblemCode, Report, shortened},
};

const URL: &str = "WebhookUrl";
const EVENTS: &str = "WebhookEvents";
const FLAG: &str = "SignatureTokenToMsSignatureHeader";

/// What a registration asks for.
#[derive(Clone, PartialEq, Eq)]
pub struct Registration {
    /// Where to call.
    pub url: String,
    /// Names of events, in canonical spelling.
    pub events: Vec<String>,
    /// Where the signature is to stand.
    pub signature_header: SignatureHeader,
}

/// Reads a registration. `check_url` says what is wrong with a URL, and what would do.
///
/// # Errors
/// Every problem of the request.
pub fn read(body: &Node, check_url: impl Fn(&str) -> Result<(), String>) -> Result<Registration, Report> {
    let mut report = Report::default();
    let Node::Object(members) = body else {
        let message = format!("the body is {}; send an object with {URL} and {EVENTS}", body.kind());
        report.problem(ProblemCode::InvalidValue, "type", "", message);
        return Err(report);
    };
    let url = read_url(member(members, URL, &mut report), &mut report, check_url);
    let events = read_events(member(members, EVENTS, &mut report), &mut report);
    let signature_header = read_flag(member(members, FLAG, &mut report), &mut report);
    match report.problems.is_empty() {
        true => Ok(Registration { url, events, signature_header }),
        false => Err(report),
    }
}

/// Returns the canonical spelling of an event that a registration may name.
pub fn event_name(text: &str) -> Option<&'static str> {
    let foreign = || FOREIGN_EVENTS.into_iter().find(|it| it.eq_ignore_ascii_case(text));
    Event::parse(text).map(Event::as_str).or_else(foreign)
}

/// Finds a member in any case; two spellings of one are a problem.
fn member<'a>(members: &'a [(String, Node)], name: &str, report: &mut Report) -> Option<&'a Node> {
    let mut found = members.iter().filter(|(it, _)| it.eq_ignore_ascii_case(name));
    let first = found.next();
    if let Some((second, _)) = found.next() {
        let message = format!("\"{}\" and another spelling of {name} stand in one object", shortened(second));
        report.problem(ProblemCode::DuplicateMember, "oneSpelling", format!("/{name}"), message);
    }
    first.map(|(_, value)| value)
}

fn read_url(
    sent: Option<&Node>,
    report: &mut Report,
    check_url: impl Fn(&str) -> Result<(), String>,
) -> String {
    let target = format!("/{URL}");
    match sent {
        None | Some(Node::Null) => report.required(&target, format!("{URL} says where to call")),
        Some(Node::Text(text)) if text.trim().is_empty() => {
            report.required(&target, format!("{URL} says where to call"));
        }
        Some(Node::Text(text)) => match check_url(text.trim()) {
            Ok(()) => return text.trim().to_owned(),
            Err(problem) => {
                report.problem(ProblemCode::InvalidValue, "url", target, format!("the URL {problem}"));
            }
        },
        Some(other) => {
            let message = format!("a string is expected, {} was sent", other.kind());
            report.problem(ProblemCode::InvalidValue, "type", target, message);
        }
    }
    String::new()
}

fn read_events(sent: Option<&Node>, report: &mut Report) -> Vec<String> {
    let target = format!("/{EVENTS}");
    let items = match sent {
        None | Some(Node::Null) => &[][..],
        Some(Node::Array(items)) => items.as_slice(),
        Some(other) => {
            let message = format!("an array is expected, {} was sent", other.kind());
            report.problem(ProblemCode::InvalidValue, "type", target, message);
            return Vec::new();
        }
    };
    if items.is_empty() {
        let message = format!("{EVENTS} names one event or more");
        report.required(&target, message);
    }
    let mut events: Vec<String> = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        let target = format!("{target}/{index}");
        let Node::Text(text) = item else {
            let message = format!("a string is expected, {} was sent", item.kind());
            report.problem(ProblemCode::InvalidValue, "type", target, message);
            continue;
        };
        match event_name(text.trim()) {
            Some(name) if events.iter().any(|it| it == name) => {
                let message = format!("the event {name} is named twice");
                report.problem(ProblemCode::InvalidValue, "once", target, message);
            }
            Some(name) => events.push(name.to_owned()),
            None => unknown_event(report, target, text),
        }
    }
    events
}

fn unknown_event(report: &mut Report, target: String, text: &str) {
    let message = format!("the event \"{}\" is not known", shortened(text));
    let allowed = Event::ALL.iter().map(|it| it.as_str()).chain(FOREIGN_EVENTS).map(str::to_owned).collect();
    report.problem_with_allowed(ProblemCode::InvalidValue, "vocabulary", target, message, allowed);
}

fn read_flag(sent: Option<&Node>, report: &mut Report) -> SignatureHeader {
    let flag = match sent {
        None | Some(Node::Null) => Some(false),
        Some(Node::Bool(flag)) => Some(*flag),
        Some(Node::Text(text)) => match text.trim().to_ascii_lowercase().as_str() {
            "true" => Some(true),
            "false" | "" => Some(false),
            _ => None,
        },
        Some(Node::Number(_) | Node::Array(_) | Node::Object(_)) => None,
    };
    match flag {
        Some(true) => SignatureHeader::MsSignature,
        Some(false) => SignatureHeader::Authorization,
        None => {
            let allowed = ["true", "false"].map(str::to_owned).to_vec();
            let message = "true or false is expected";
            let target = format!("/{FLAG}");
            report.problem_with_allowed(ProblemCode::InvalidValue, "type", target, message, allowed);
            SignatureHeader::Authorization
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::json::{self, JsonLimits};

    fn read_text(body: &str) -> Result<Registration, Vec<String>> {
        let limits = JsonLimits { depth_max: 8, array_items_max: 100 };
        let body = json::parse(body.as_bytes(), limits).unwrap();
        let check = |url: &str| url.starts_with("https://").then_some(()).ok_or("has no https".to_owned());
        read(&body, check)
            .map_err(|it| it.problems.iter().map(|it| format!("{} {}", it.rule, it.target)).collect())
    }

    #[test]
    fn names_come_in_any_case_and_the_flag_as_a_text() {
        let guide = r#"{"WebhookUrl":"https://a.example","WebhookEvents":["REFERRAL-created","invoice-ready"],
            "SignatureTokenToMsSignatureHeader":"true","Else":1}"#;
        let read = read_text(guide).unwrap_or_else(|it| panic!("{it:?}"));
        assert_eq!(read.events, ["referral-created", "invoice-ready"]);
        assert_eq!(read.signature_header, SignatureHeader::MsSignature);

        let reference = r#"{"webhookUrl":"https://a.example","webhookEvents":["test-created"]}"#;
        let read = read_text(reference).unwrap_or_else(|it| panic!("{it:?}"));
        assert_eq!(read.signature_header, SignatureHeader::Authorization);
    }

    #[test]
    fn every_problem_is_told() {
        let refused = |body: &str, problems: &[&str]| {
            let problems: Vec<String> = problems.iter().map(|it| (*it).to_owned()).collect();
            assert_eq!(read_text(body).map(|_| ()).unwrap_err(), problems, "{body}");
        };
        refused("[]", &["type "]);
        refused("{}", &["required /WebhookUrl", "required /WebhookEvents"]);
        refused(
            r#"{"WebhookUrl":"http://a","webhookEvents":["x",1,"test-created","Test-Created"],
                "SignatureTokenToMsSignatureHeader":3}"#,
            &[
                "url /WebhookUrl",
                "vocabulary /WebhookEvents/0",
                "type /WebhookEvents/1",
                "once /WebhookEvents/3",
                "type /SignatureTokenToMsSignatureHeader",
            ],
        );
        refused(
            r#"{"WebhookUrl":"https://a","webhookurl":"https://a","WebhookEvents":["test-created"]}"#,
            &["oneSpelling /WebhookUrl"],
        );
    }
}
