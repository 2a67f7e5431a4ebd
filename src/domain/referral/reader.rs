//! Lenient reading of one member after another: any case of names and enums, aliases, text for numbers
//! and booleans. Everything that is changed, dropped or wrong goes into the report with its JSON pointer.

use std::fmt::Write as _;

use uuid::Uuid;

use crate::domain::{
    json::{Node, decimal::Decimal},
    report::{ProblemCode, Report, pointer_segment, shortened},
    time::Timestamp,
    vocabulary::{Vocabulary, canonical},
};

/// Reads a document and remembers where it is.
pub(super) struct Reader {
    path: Vec<Segment>,
    /// What was found so far.
    pub(super) report: Report,
}

enum Segment {
    Name(&'static str),
    Index(usize),
}

/// The members of one object that have not been read yet.
pub(super) struct Members(Vec<(String, Node)>);

/// How long a text may be, in characters.
#[derive(Clone, Copy)]
pub(super) struct CharsMax(pub(super) usize);

/// Other names of members, in Microsoft's own pages and samples (2018 to 2024).
const ALIASES: [(&str, &str); 4] = [
    // The documentation misspells it once.
    ("engagementId", "enagementId"),
    ("qualification", "referralQualification"),
    ("type", "referralType"),
    ("consentToToShareInfoWithOthers", "consentToShareInfoWithOthers"),
];

/// Says whether a caller who writes `sent` means the member `name`.
pub(crate) fn is_spelling_of(sent: &str, name: &str) -> bool {
    sent.eq_ignore_ascii_case(name)
        || ALIASES.iter().any(|(member, alias)| *member == name && sent.eq_ignore_ascii_case(alias))
}

impl Reader {
    /// Starts at the root of a document.
    pub(super) fn new() -> Self {
        Self { path: Vec::new(), report: Report::default() }
    }

    /// Returns the JSON pointer of the current place, or of `name` below it.
    pub(super) fn pointer(&self, name: Option<&str>) -> String {
        let mut pointer = String::new();
        for segment in &self.path {
            match segment {
                Segment::Name(name) => write!(pointer, "/{name}"),
                Segment::Index(index) => write!(pointer, "/{index}"),
            }
            .expect("writing to a string cannot fail");
        }
        if let Some(name) = name {
            pointer.push('/');
            pointer.push_str(&pointer_segment(name));
        }
        pointer
    }

    /// Reads `node` as an object with `read`; what `read` leaves is reported as unknown.
    pub(super) fn object<T>(
        &mut self,
        node: Node,
        read: impl FnOnce(&mut Self, &mut Members) -> T,
    ) -> Option<T> {
        let Node::Object(members) = node else {
            self.mistyped(&node, "an object");
            return None;
        };
        let mut members = Members(members);
        let value = read(self, &mut members);
        for (name, _) in members.0 {
            let target = self.pointer(Some(shortened(&name)));
            self.report.ignored(target, "unknownMember");
        }
        Some(value)
    }

    /// Takes the member `name` (or an alias) out of `members`. `None` when absent or null.
    pub(super) fn take(&mut self, members: &mut Members, name: &'static str) -> Option<Node> {
        let (sent, node) = self.take_only(members, name)?;
        if sent != name {
            self.normalized(Some(name), "memberName");
        }
        (node != Node::Null).then_some(node)
    }

    /// Takes every spelling of a member out of `members`; more than one is a problem.
    fn take_only(&mut self, members: &mut Members, name: &str) -> Option<(String, Node)> {
        let (mut first, mut second) = (None, None);
        members.0.retain_mut(|(sent, node)| {
            if !is_spelling_of(sent, name) {
                return true;
            }
            let taken = (std::mem::take(sent), std::mem::replace(node, Node::Null));
            if first.is_none() {
                first = Some(taken)
            } else {
                second = Some(taken.0)
            };
            false
        });
        let (sent, node) = first?;
        if let Some(other) = second {
            let message = format!("member \"{name}\" stands twice, as \"{sent}\" and as \"{other}\"");
            let target = self.pointer(Some(&other));
            self.report.problem(ProblemCode::DuplicateMember, "oneSpelling", target, message);
        }
        Some((sent, node))
    }

    /// Takes `name` and reads it with `read`, one step deeper.
    pub(super) fn member<T>(
        &mut self,
        members: &mut Members,
        name: &'static str,
        read: impl FnOnce(&mut Self, Node) -> Option<T>,
    ) -> Option<T> {
        let node = self.take(members, name)?;
        self.path.push(Segment::Name(name));
        let value = read(self, node);
        self.path.pop();
        value
    }

    /// Takes a member that the server owns: never checked, always reported.
    pub(super) fn read_only(&mut self, members: &mut Members, name: &str) {
        if self.take_only(members, name).is_some() {
            let target = self.pointer(Some(name));
            self.report.ignored(target, "readOnlyMember");
        }
    }

    /// Takes an object member.
    pub(super) fn child<T>(
        &mut self,
        members: &mut Members,
        name: &'static str,
        read: impl FnOnce(&mut Self, &mut Members) -> T,
    ) -> Option<T> {
        self.member(members, name, |reader, node| match reader.is_empty_text(&node) {
            true => None,
            false => reader.object(node, read),
        })
    }

    /// Takes a list; absent, null and empty are the same. `read` reports an item that is wrong; `None` leaves it out.
    pub(super) fn list<T>(
        &mut self,
        members: &mut Members,
        name: &'static str,
        items_max: usize,
        read: impl Fn(&mut Self, Node) -> Option<T>,
    ) -> Vec<T> {
        let list = self.member(members, name, |reader, node| match reader.is_empty_text(&node) {
            true => None,
            false => reader.items(node, items_max, read),
        });
        list.unwrap_or_default()
    }

    /// Says whether an empty text stands for an object or a list: Microsoft's sample flow (2019) turns null into one.
    fn is_empty_text(&mut self, node: &Node) -> bool {
        let is_empty = matches!(node, Node::Text(text) if text.is_empty());
        if is_empty {
            self.normalized(None, "emptyToNull");
        }
        is_empty
    }

    /// Reads the items of an array.
    pub(super) fn items<T>(
        &mut self,
        node: Node,
        items_max: usize,
        read: impl Fn(&mut Self, Node) -> Option<T>,
    ) -> Option<Vec<T>> {
        let Node::Array(items) = node else {
            self.mistyped(&node, "an array");
            return None;
        };
        if items.len() > items_max {
            let message = format!("{} items were sent, at most {items_max} are accepted", items.len());
            self.problem(ProblemCode::TooLong, "itemsMax", message);
            return None;
        }
        let mut values = Vec::with_capacity(items.len());
        for (index, item) in items.into_iter().enumerate() {
            self.path.push(Segment::Index(index));
            values.extend(read(self, item));
            self.path.pop();
        }
        Some(values)
    }

    /// Takes a text of at most `max` characters. An empty one is kept as it is.
    pub(super) fn text(
        &mut self,
        members: &mut Members,
        name: &'static str,
        max: CharsMax,
    ) -> Option<String> {
        self.member(members, name, |reader, node| reader.read_text(node, max))
    }

    /// Reads a text value.
    pub(super) fn read_text(&mut self, node: Node, max: CharsMax) -> Option<String> {
        let Node::Text(text) = node else {
            self.mistyped(&node, "a string");
            return None;
        };
        if text.contains('\0') {
            self.problem(ProblemCode::InvalidValue, "noNul", "the text contains the character U+0000");
            return None;
        }
        if text.len() > max.0 {
            let chars = text.chars().count();
            if chars > max.0 {
                let message = format!("the text has {chars} characters, at most {} are accepted", max.0);
                self.problem(ProblemCode::TooLong, "charactersMax", message);
                return None;
            }
        }
        Some(text)
    }

    /// Takes a text that may also come as a bare number.
    pub(super) fn text_or_number(
        &mut self,
        members: &mut Members,
        name: &'static str,
        max: CharsMax,
    ) -> Option<String> {
        self.member(members, name, |reader, node| match node {
            Node::Number(text) => {
                reader.normalized(None, "numberToText");
                reader.read_text(Node::Text(text), max)
            }
            node => reader.read_text(node, max),
        })
    }

    /// Takes a boolean; the texts `true` and `false` count (2018 samples send them).
    pub(super) fn boolean(&mut self, members: &mut Members, name: &'static str) -> Option<bool> {
        self.member(members, name, |reader, node| match node {
            Node::Bool(value) => Some(value),
            Node::Text(text) if text.is_empty() => None,
            Node::Text(text) if text.eq_ignore_ascii_case("true") || text.eq_ignore_ascii_case("false") => {
                reader.normalized(None, "textToBoolean");
                Some(text.eq_ignore_ascii_case("true"))
            }
            node => {
                reader.mistyped(&node, "true or false");
                None
            }
        })
    }

    /// Takes a decimal number that is not negative; numeric text counts.
    pub(super) fn decimal(&mut self, members: &mut Members, name: &'static str) -> Option<Decimal> {
        self.member(members, name, |reader, node| {
            let text = match node {
                Node::Number(text) => text,
                Node::Text(text) if text.trim().is_empty() => return None,
                Node::Text(text) => {
                    reader.normalized(None, "textToNumber");
                    text.trim().to_owned()
                }
                node => {
                    reader.mistyped(&node, "a number");
                    return None;
                }
            };
            let Some(value) = Decimal::parse(&text) else {
                let message = "the value is no decimal number of at most 28 digits, or is too large";
                reader.problem(ProblemCode::InvalidValue, "decimal", message);
                return None;
            };
            if value.is_negative() {
                reader.problem(ProblemCode::InvalidValue, "notNegative", "the number is below zero");
                return None;
            }
            Some(value)
        })
    }

    /// Takes a date and time: RFC 3339 with any offset, stored as UTC and written in one way.
    pub(super) fn date_time(&mut self, members: &mut Members, name: &'static str) -> Option<Timestamp> {
        let text = self.text(members, name, CharsMax(64))?;
        if text.is_empty() {
            return None;
        }
        let Some(value) = Timestamp::parse(&text) else {
            let message =
                format!("\"{text}\" is no date and time; send RFC 3339, such as 2026-11-22T00:00:00Z");
            let target = self.pointer(Some(name));
            self.report.problem(ProblemCode::InvalidValue, "dateTime", target, message);
            return None;
        };
        if value.to_string() != text {
            self.normalized(Some(name), "dateTimeUtc");
        }
        Some(value)
    }

    /// Takes a GUID.
    pub(super) fn guid(&mut self, members: &mut Members, name: &'static str) -> Option<Uuid> {
        let text = self.text(members, name, CharsMax(64))?;
        if text.is_empty() {
            return None;
        }
        let value = Uuid::try_parse(&text).ok();
        if value.is_none() {
            let target = self.pointer(Some(name));
            self.report.problem(ProblemCode::InvalidValue, "guid", target, format!("\"{text}\" is no GUID"));
        }
        value
    }

    /// Takes a word of a closed vocabulary, in any case, or by its number in the 2018 API. Empty is absent.
    pub(super) fn word<T: Vocabulary>(&mut self, members: &mut Members, name: &'static str) -> Option<T> {
        self.member(members, name, |reader, node| {
            let (found, sent) = match &node {
                Node::Text(text) if text.is_empty() => return None,
                Node::Text(text) => (T::parse(text), text.as_str()),
                Node::Number(text) => (text.parse().ok().and_then(T::numbered), text.as_str()),
                _ => {
                    reader.mistyped(&node, "a string");
                    return None;
                }
            };
            let Some(word) = found else {
                let message = format!("{name} \"{}\" is not known", shortened(sent));
                let target = reader.pointer(None);
                let code = ProblemCode::InvalidValue;
                reader.report.problem_with_allowed(code, "vocabulary", target, message, T::spellings());
                return None;
            };
            if word.as_str() != sent {
                reader.normalized(None, "enumSpelling");
            }
            Some(word)
        })
    }

    /// Takes a word of an open vocabulary.
    pub(super) fn open_word(
        &mut self,
        members: &mut Members,
        name: &'static str,
        max: CharsMax,
        known: &[&'static str],
    ) -> Option<String> {
        let sent = self.text(members, name, max)?;
        Some(self.canonical(Some(name), known, sent))
    }

    /// Returns the canonical spelling of a known word, and notes where it differs from the one sent.
    pub(super) fn canonical(&mut self, name: Option<&str>, known: &[&'static str], sent: String) -> String {
        let word = canonical(known, &sent).into_owned();
        if word != sent {
            self.normalized(name, "enumSpelling");
        }
        word
    }

    /// Notes that the current place (or `name` below it) is stored in another form.
    pub(super) fn normalized(&mut self, name: Option<&str>, rule: &'static str) {
        let target = self.pointer(name);
        self.report.normalized(target, rule);
    }

    /// Adds a problem at the current place.
    pub(super) fn problem(&mut self, code: ProblemCode, rule: &'static str, message: impl Into<String>) {
        let target = self.pointer(None);
        self.report.problem(code, rule, target, message);
    }

    /// Adds the problem that `node` is of the wrong kind.
    pub(super) fn mistyped(&mut self, node: &Node, expected: &str) {
        let message = format!("{expected} is expected, {} was sent", node.kind());
        self.problem(ProblemCode::InvalidValue, "type", message);
    }
}
