//! A form of the deal page: what it asks, what was typed, and what is wrong with it.

use crate::{
    domain::json::Node,
    web::words::{Language, Words},
};

/// What a person typed, field by field, in the order of the form.
#[derive(Clone, Default, serde::Deserialize)]
#[serde(transparent)]
pub(super) struct Typed(Vec<(String, String)>);

impl std::fmt::Debug for Typed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Typed").field(&format_args!("{} fields", self.0.len())).finish()
    }
}

impl Typed {
    /// Returns what was typed into a field. `None` when the form had no such field, or left it unchecked.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(it, _)| it == name).map(|(_, value)| value.as_str())
    }

    /// Returns what was typed into a field, without blanks around it; empty when there was nothing.
    pub(super) fn text(&self, name: &str) -> &str {
        self.get(name).unwrap_or_default().trim()
    }

    /// Says whether the form had a field of this name.
    pub(super) fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// Lists what was chosen of several.
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(it, _)| it == name).map(|(_, value)| value.as_str())
    }

    /// Lists the members that are to be kept as typed, of a form that asked.
    pub(super) fn chosen(&self) -> impl Iterator<Item = &str> {
        let keeps = |(name, _): &&(String, String)| name == "keep" || name.starts_with("keep.");
        self.0.iter().filter(keeps).map(|(_, pointer)| pointer.as_str()).filter(|it| !it.is_empty())
    }

    /// Lists the rows of a list of which something was typed: the numbers in names such as `team.0.email`.
    pub(super) fn rows(&self, list: &str) -> Vec<usize> {
        let number = |name: &str| {
            let rest = name.strip_prefix(list)?.strip_prefix('.')?;
            rest.split('.').next()?.parse().ok()
        };
        let mut rows: Vec<usize> = self.0.iter().filter_map(|(name, _)| number(name)).collect();
        rows.dedup();
        rows
    }

    /// Lists everything but the fields that say how to go on, to be sent again.
    pub(super) fn kept(&self) -> Vec<(String, String)> {
        let is_typed = |name: &str| !["etag", "keep", "resolved", "merges", "more"].contains(&name);
        self.0.iter().filter(|(name, _)| is_typed(name) && !name.starts_with("keep.")).cloned().collect()
    }

    #[cfg(test)]
    pub(super) fn of(pairs: &[(&str, &str)]) -> Self {
        Self(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }
}

/// Something that is wrong with what was sent.
#[derive(Clone, Debug)]
pub(super) struct Wrong {
    /// JSON pointer into the document.
    pub(super) pointer: String,
    /// The rule, in a sentence.
    pub(super) message: String,
}

/// A form, ready to be shown.
pub(super) struct Form {
    /// Name of the section that it stands in.
    pub(super) section: &'static str,
    pub(super) title: String,
    /// What it is for; empty when that is plain.
    pub(super) lead: String,
    pub(super) action: String,
    /// Fields that are not shown.
    pub(super) hidden: Vec<(String, String)>,
    pub(super) fields: Vec<Field>,
    pub(super) rows: Vec<Row>,
    /// What is wrong and belongs to no field.
    pub(super) problems: Vec<String>,
    pub(super) submit: String,
    /// Label of the button that adds a row; empty when rows cannot be added.
    pub(super) adds: String,
    /// Where it leads to leave everything as it is.
    pub(super) cancel: String,
}

/// An item of a list.
pub(super) struct Row {
    pub(super) legend: String,
    pub(super) hidden: Vec<(String, String)>,
    pub(super) fields: Vec<Field>,
    /// Name of the box that removes it; empty for a row that is not there yet.
    pub(super) remove: String,
}

/// One field.
pub(super) struct Field {
    pub(super) name: String,
    pub(super) label: String,
    pub(super) hint: String,
    pub(super) value: String,
    pub(super) is_required: bool,
    pub(super) is_wide: bool,
    pub(super) control: Control,
    pub(super) problems: Vec<String>,
}

/// How a field is filled in.
pub(super) enum Control {
    /// A line; the type of the input.
    Line(&'static str),
    /// Several lines.
    Area,
    /// One of several values.
    Choice(Vec<Choice>),
    /// Yes, or nothing.
    Check,
}

/// A value that can be chosen.
pub(super) struct Choice {
    pub(super) value: String,
    pub(super) label: String,
}

impl Field {
    /// Makes a field; everything else of it is plain.
    pub(super) fn new(name: &str, label: String, value: String, control: Control) -> Self {
        Self {
            name: name.to_owned(),
            label,
            hint: String::new(),
            value,
            is_required: false,
            is_wide: matches!(control, Control::Area),
            control,
            problems: Vec::new(),
        }
    }

    /// Returns the id: that of its name.
    pub(super) fn id(&self) -> String {
        format!("field-{}", self.name.replace('.', "-"))
    }

    /// Returns the ids of what describes it, for `aria-describedby`; empty when nothing does.
    pub(super) fn described_by(&self) -> String {
        let id = self.id();
        let hint = (!self.hint.is_empty()).then(|| format!("{id}-hint"));
        let error = (!self.problems.is_empty()).then(|| format!("{id}-error"));
        [hint, error].into_iter().flatten().collect::<Vec<_>>().join(" ")
    }
}

impl Form {
    /// Shows what is wrong: each problem at the field of its pointer, every other one above the form. `field_at`
    /// returns the name of the field of a pointer.
    pub(super) fn blame(&mut self, wrong: Vec<Wrong>, field_at: impl Fn(&str) -> Option<String>) {
        for Wrong { pointer, message } in wrong {
            let name = field_at(&pointer);
            let fields = self.fields.iter_mut().chain(self.rows.iter_mut().flat_map(|it| &mut it.fields));
            let found = name.and_then(|name| fields.into_iter().find(|it| it.name == name));
            match found {
                Some(field) => field.problems.push(sentence(&message)),
                None => self.problems.push(sentence(&message)),
            }
        }
    }
}

/// Writes a message as a sentence.
pub(super) fn sentence(message: &str) -> String {
    let mut chars = message.chars();
    let first: String = chars.next().into_iter().flat_map(char::to_uppercase).collect();
    format!("{first}{}.", chars.as_str().trim_end_matches('.'))
}

/// Reads a number as people of a language type it; what is none is passed on as it was typed, for the rules to say so.
pub(super) fn number(typed: &str, words: Words) -> Node {
    let typed: String = typed.chars().filter(|it| !it.is_whitespace() && *it != '\u{202f}').collect();
    if typed.is_empty() {
        return Node::Null;
    }
    let (group, point) = match words.0 {
        Language::English => (',', '.'),
        Language::Dutch => ('.', ','),
    };
    let (whole, fraction) = typed.split_once(point).unwrap_or((&typed, ""));
    let mut groups = whole.split(group);
    let first = groups.next().unwrap_or_default();
    let is_digits = |it: &str| it.bytes().all(|it| it.is_ascii_digit());
    let is_grouped = (1..=3).contains(&first.len()) && groups.clone().all(|it| it.len() == 3);
    let is_number = is_digits(first) && groups.clone().all(is_digits) && is_digits(fraction);
    let has_groups = groups.next().is_some();
    if !is_number || first.is_empty() || (has_groups && !is_grouped) {
        return Node::Text(typed);
    }
    let whole = whole.replace(group, "");
    Node::Text(if fraction.is_empty() { whole } else { format!("{whole}.{fraction}") })
}

/// Writes a number as it is typed in a language.
pub(super) fn typed_number(number: &str, words: Words) -> String {
    match words.0 {
        Language::English => number.to_owned(),
        Language::Dutch => number.replace('.', ","),
    }
}

/// Reads a text; an empty one is nothing. Browsers end lines in their own way.
pub(super) fn text(typed: &str) -> Node {
    let text = typed.trim().replace("\r\n", "\n");
    if text.is_empty() { Node::Null } else { Node::Text(text) }
}

/// Reads a day. One that was not changed keeps its time of day.
pub(super) fn day(typed: &str, before: &str) -> Node {
    let typed = typed.trim();
    match typed {
        "" => Node::Null,
        _ if before.get(..10) == Some(typed) => Node::Text(before.to_owned()),
        _ if typed.len() == 10 => Node::Text(format!("{typed}T00:00:00Z")),
        _ => Node::Text(typed.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::{Language, Node, Typed, Words, day, number, sentence, text, typed_number};

    fn said(text: &str) -> Node {
        Node::Text(text.to_owned())
    }

    #[test]
    fn numbers_are_read_as_the_language_writes_them() {
        let (english, dutch) = (Words(Language::English), Words(Language::Dutch));
        for (typed, words, expected) in [
            ("50000", english, "50000"),
            ("50,000", english, "50000"),
            ("1,234,567.50", english, "1234567.50"),
            ("50.000", dutch, "50000"),
            ("1.234,50", dutch, "1234.50"),
            ("1234.50", dutch, "1234.50"),
            ("50 000", english, "50000"),
            // What is no number is for the rules to refuse.
            ("5,00", english, "5,00"),
            ("about 5", english, "about5"),
            ("-3", english, "-3"),
        ] {
            assert_eq!(number(typed, words), said(expected), "{typed}");
        }
        assert_eq!(number(" ", english), Node::Null);
        assert_eq!(typed_number("1234.50", dutch), "1234,50");
    }

    #[test]
    fn days_and_texts_say_what_was_typed() {
        assert_eq!(day("2027-03-01", ""), said("2027-03-01T00:00:00Z"));
        assert_eq!(day("2027-03-01", "2027-03-01T09:30:00Z"), said("2027-03-01T09:30:00Z"));
        assert_eq!(day("", "2027-03-01T09:30:00Z"), Node::Null);
        assert_eq!(day("soon", ""), said("soon"));
        assert_eq!(text(" a\r\nb "), said("a\nb"));
        assert_eq!(sentence("the value is wrong"), "The value is wrong.");
    }

    #[test]
    fn rows_are_found_by_their_names() {
        let typed = Typed::of(&[("team.0.email", "a"), ("team.0.title", ""), ("team.4.email", "b")]);
        assert_eq!(typed.rows("team"), [0, 4]);
        assert_eq!(typed.rows("tea"), Vec::<usize>::new());
    }
}
