//! The strict reading of a subscription, as everything that an organisation owns is read.

use super::{Payload, SignatureHeader};
use crate::domain::{
    event::Event,
    json::Node,
    organization::form::{DESCRIPTION_CHARS_MAX, Form, URL_CHARS_MAX},
    report::{Report, shortened},
};

/// The longest filter, in characters; how long one may be as a query decides too.
const FILTER_CHARS_MAX: usize = 4096;

/// Members that the server owns: an answer can be sent back changed.
const READ_ONLY: [&str; 9] = [
    "@odata.context",
    "id",
    "state",
    "stateReason",
    "stateSince",
    "failingSince",
    "secret",
    "createdDateTime",
    "updatedDateTime",
];

/// What a subscription asks for.
#[derive(Clone, PartialEq, Eq)]
pub struct Wanted {
    /// What its people call it.
    pub description: Option<String>,
    /// Where to call.
    pub url: Option<String>,
    /// Which events.
    pub events: Vec<Event>,
    /// Of which referrals.
    pub filter: Option<String>,
    /// What is sent.
    pub payload: Payload,
    /// Where the signature of the contract stands.
    pub signature_header: SignatureHeader,
}

impl Default for Wanted {
    fn default() -> Self {
        Self {
            description: None,
            url: None,
            events: Vec::new(),
            filter: None,
            payload: Payload::Thin,
            signature_header: SignatureHeader::Authorization,
        }
    }
}

/// Reads a request onto what is there. `check_url` and `check_filter` say what is wrong with a text, and what would
/// do.
///
/// # Errors
/// Every problem of the request.
pub fn read(
    body: Node,
    mut wanted: Wanted,
    check_url: impl Fn(&str) -> Result<(), String>,
    check_filter: impl Fn(&str) -> Result<(), String>,
) -> Result<Wanted, Report> {
    let mut report = Report::default();
    Form::read(body, &mut report, |form| {
        form.ignore(&READ_ONLY);
        form.text("description", DESCRIPTION_CHARS_MAX, &mut wanted.description);
        form.checked_text("url", URL_CHARS_MAX, &mut wanted.url, |text| match check_url(text) {
            Ok(()) => Ok(text.to_owned()),
            Err(problem) => Err(("url", format!("the URL {problem}"))),
        });
        form.list("events", &mut wanted.events, read_event);
        form.checked_text("filter", FILTER_CHARS_MAX, &mut wanted.filter, |text| match check_filter(text) {
            Ok(()) => Ok(text.to_owned()),
            Err(problem) => Err(("filter", problem)),
        });
        form.word("payload", &mut wanted.payload);
        form.word("signatureHeader", &mut wanted.signature_header);
        if wanted.url.is_none() {
            form.required("url", "the URL says where to call");
        }
        if wanted.events.is_empty() {
            form.required("events", "name one event or more");
        }
    });
    match report.problems.is_empty() {
        true => Ok(wanted),
        false => Err(report),
    }
}

fn read_event(text: &str) -> Result<Event, (&'static str, String)> {
    Event::parse(text).ok_or_else(|| {
        let names = Event::ALL.map(Event::as_str).join(", ");
        ("vocabulary", format!("the event \"{}\" is not known; use {names}", shortened(text)))
    })
}
