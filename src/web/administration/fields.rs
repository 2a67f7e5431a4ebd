//! Forms: what was typed becomes the JSON of the API, and comes back with what is wrong with it.
//!
//! A field is called like the member that it fills, with points for what is inside: `defaultAddress.city`.

use std::fmt::Write as _;

use aws_lc_rs::digest::{SHA256, digest};
use serde::Serialize;
use serde_json::{Map, Number, Value};

use crate::{domain::report::Problem, web::failure::Failure};

/// What a browser sends: names with values, in their order.
pub(in crate::web) type Sent = Vec<(String, String)>;

/// Name of the field with the mark of what the author of a form saw.
const SEEN: &str = "seen";

/// How a field becomes a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::web) enum Shape {
    /// A text; an empty one takes the value away.
    Text,
    /// A number; an empty field takes it away.
    Number,
    /// A box that is ticked or not: true or false.
    Flag,
    /// Boxes or lines: a list of texts, which has none if nothing was sent.
    List,
}

/// The fields of a form, in their order.
pub(in crate::web) type Shapes = &'static [(&'static str, Shape)];

/// One of several values of a field.
pub(in crate::web) struct Choice {
    pub(in crate::web) value: String,
    pub(in crate::web) label: String,
}

impl Choice {
    /// A word that is shown as it is.
    pub(in crate::web) fn plain(value: impl Into<String>) -> Self {
        let value = value.into();
        Self { label: value.clone(), value }
    }
}

/// A form as it is shown: values, and what is wrong with them.
pub(in crate::web) struct Draft {
    shapes: Shapes,
    values: Sent,
    problems: Vec<Problem>,
    /// Why it was refused as a whole.
    pub(in crate::web) refusal: Option<String>,
    /// What is there, when somebody else has changed it meanwhile.
    now: Option<Sent>,
    /// The mark of what its author has seen; empty for something new.
    pub(in crate::web) seen: String,
}

impl Draft {
    /// Returns an empty form.
    pub(in crate::web) fn blank(shapes: Shapes) -> Self {
        Self {
            shapes,
            values: Vec::new(),
            problems: Vec::new(),
            refusal: None,
            now: None,
            seen: String::new(),
        }
    }

    /// Returns a form with what is there.
    pub(in crate::web) fn of(shapes: Shapes, view: &impl Serialize) -> Self {
        let (values, seen) = (flatten(view), mark(view));
        Self { values, seen, ..Self::blank(shapes) }
    }

    /// Returns a form with what was typed.
    pub(in crate::web) fn sent(shapes: Shapes, values: Sent) -> Self {
        let seen = values.iter().find(|it| it.0 == SEEN).map(|it| it.1.clone()).unwrap_or_default();
        Self { values, seen, ..Self::blank(shapes) }
    }

    /// Says whether `view` is still what the author saw. If it is not, the form shows what is there beside what was
    /// typed, and carries the mark of that: whoever sends it again has seen both.
    pub(in crate::web) fn compare(&mut self, view: &impl Serialize) -> bool {
        let seen = mark(view);
        let is_same = self.seen == seen;
        if !is_same {
            self.now = Some(flatten(view));
            self.seen = seen;
        }
        is_same
    }

    /// Takes in why the operation refused it; whatever is not about the form goes on as a failure.
    pub(in crate::web) fn refuse(&mut self, failure: Failure) -> Result<(), Failure> {
        match failure {
            Failure::Conflict(reason) => self.refusal = Some(reason),
            failure => self.problems = failure.into_problems()?,
        }
        Ok(())
    }

    /// Writes what was typed as the JSON of the API. A field that was not sent is left out, but for boxes and lists.
    pub(in crate::web) fn json(&self) -> Value {
        let mut root = Map::new();
        for (name, shape) in self.shapes {
            let text = self.values.iter().find(|it| it.0 == *name).map(|it| it.1.as_str());
            let value = match (shape, text) {
                (Shape::Flag, text) => Value::Bool(text.is_some()),
                (Shape::List, _) => self.items(name).map(Value::from).collect(),
                (_, None) => continue,
                (Shape::Text, Some(text)) => text.into(),
                (Shape::Number, Some(text)) => number(text.trim()),
            };
            put(&mut root, name, value);
        }
        Value::Object(root)
    }

    /// Says whether something is to be mended.
    pub(in crate::web) fn is_refused(&self) -> bool {
        self.refusal.is_some() || !self.problems.is_empty() || self.now.is_some()
    }

    /// Says whether somebody else has changed it meanwhile.
    pub(in crate::web) fn is_outdated(&self) -> bool {
        self.now.is_some()
    }

    /// Returns every problem.
    pub(in crate::web) fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// Returns the id of the field that a problem is about; `None` when it is about none.
    pub(in crate::web) fn place(&self, problem: &Problem) -> Option<String> {
        let found = self.shapes.iter().find(|(name, _)| is_about(problem, name));
        found.map(|(name, _)| self.id(name))
    }

    /// Returns the id of a field.
    pub(in crate::web) fn id(&self, name: &str) -> String {
        format!("field-{}", name.replace('.', "-"))
    }

    /// Returns the value of a field; of a list, a line for each item.
    pub(in crate::web) fn text(&self, name: &str) -> String {
        joined(&self.values, name)
    }

    /// Returns what is there now, where that is something else and somebody else has changed it.
    pub(in crate::web) fn now(&self, name: &str) -> Option<String> {
        let now = joined(self.now.as_ref()?, name);
        (now != self.text(name).replace("\r\n", "\n"))
            .then(|| if now.is_empty() { "–".to_owned() } else { now })
    }

    /// Says whether a list has an item.
    pub(in crate::web) fn has(&self, name: &str, item: &str) -> bool {
        self.items(name).any(|it| it == item)
    }

    /// Says whether a box is ticked.
    pub(in crate::web) fn is_on(&self, name: &str) -> bool {
        self.values.iter().any(|it| it.0 == name && it.1 == "true")
    }

    /// Returns what is wrong with a field.
    pub(in crate::web) fn errors(&self, name: &str) -> Vec<&str> {
        self.problems.iter().filter(|it| is_about(it, name)).map(|it| it.message.as_str()).collect()
    }

    /// Says whether something is wrong with a field.
    pub(in crate::web) fn is_wrong(&self, name: &str) -> bool {
        self.problems.iter().any(|it| is_about(it, name))
    }

    /// Says whether something is said below a field.
    pub(in crate::web) fn has_notes(&self, name: &str, hint: &str) -> bool {
        !hint.is_empty() || self.is_wrong(name) || self.now(name).is_some()
    }

    fn items<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let sent = self.values.iter().filter(move |it| it.0 == name);
        sent.flat_map(|it| it.1.lines()).map(str::trim).filter(|it| !it.is_empty())
    }
}

fn joined(values: &Sent, name: &str) -> String {
    let found: Vec<&str> = values.iter().filter(|it| it.0 == name).map(|it| it.1.as_str()).collect();
    found.join("\n")
}

/// Says whether a problem is about a field, or about something inside it.
fn is_about(problem: &Problem, name: &str) -> bool {
    let pointer = problem.target.strip_prefix('/').unwrap_or(&problem.target);
    let name = name.replace('.', "/");
    pointer.strip_prefix(&name).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// What is no number goes on as the text that it is, for the operation to refuse.
fn number(text: &str) -> Value {
    match text {
        "" => Value::Null,
        text => serde_json::from_str::<Number>(text).map_or_else(|_| text.into(), Value::Number),
    }
}

fn put(root: &mut Map<String, Value>, name: &str, value: Value) {
    match name.split_once('.') {
        None => drop(root.insert(name.to_owned(), value)),
        Some((outer, inner)) => {
            let below = root.entry(outer).or_insert_with(|| Value::Object(Map::new()));
            if let Value::Object(below) = below {
                put(below, inner, value);
            }
        }
    }
}

/// Writes what is there as the fields of a form.
fn flatten(view: &impl Serialize) -> Sent {
    let mut values = Vec::new();
    // Views are plain structures, which always serialise.
    spread("", &serde_json::to_value(view).unwrap_or_default(), &mut values);
    values
}

fn spread(name: &str, value: &Value, values: &mut Sent) {
    let one = |text: String| (name.to_owned(), text);
    match value {
        Value::Null => {}
        Value::Bool(it) => values.push(one(it.to_string())),
        Value::Number(it) => values.push(one(it.to_string())),
        Value::String(it) => values.push(one(it.clone())),
        Value::Array(items) => items.iter().for_each(|it| spread(name, it, values)),
        Value::Object(members) => {
            for (member, value) in members {
                let below = if name.is_empty() { member.clone() } else { format!("{name}.{member}") };
                spread(&below, value, values);
            }
        }
    }
}

/// Returns a mark of what somebody sees: another one when it is not the same.
fn mark(view: &impl Serialize) -> String {
    let text = serde_json::to_string(view).unwrap_or_default();
    let mut mark = String::new();
    for byte in digest(&SHA256, text.as_bytes()).as_ref().iter().take(12) {
        // Writing to a string succeeds.
        let _ = write!(mark, "{byte:02x}");
    }
    mark
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::report::{ProblemCode, Report};

    const SHAPES: Shapes = &[
        ("name", Shape::Text),
        ("address.city", Shape::Text),
        ("geo.lat", Shape::Number),
        ("isDefault", Shape::Flag),
        ("roles", Shape::List),
        ("tags.products", Shape::List),
    ];

    fn sent(pairs: &[(&str, &str)]) -> Draft {
        Draft::sent(
            SHAPES,
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        )
    }

    #[test]
    fn a_form_becomes_the_json_of_the_api() {
        let draft = sent(&[
            ("name", "Contoso"),
            ("address.city", ""),
            ("geo.lat", " 52.10 "),
            ("roles", "a"),
            ("roles", "b"),
            ("tags.products", "Azure\r\n\r\n Teams "),
            ("seen", "x"),
            ("unknown", "y"),
        ]);

        let expected = json!({
            "name": "Contoso", "address": {"city": ""}, "geo": {"lat": 52.10}, "isDefault": false,
            "roles": ["a", "b"], "tags": {"products": ["Azure", "Teams"]},
        });
        assert_eq!(draft.json(), expected);
        assert_eq!(sent(&[("geo.lat", "north"), ("isDefault", "true")]).json()["geo"]["lat"], json!("north"));
        assert_eq!(sent(&[]).json(), json!({"isDefault": false, "roles": [], "tags": {"products": []}}));
    }

    #[test]
    fn a_form_shows_what_is_there_and_sends_the_same() {
        let view = json!({"name": "A", "address": {"city": "B"}, "geo": {"lat": 1.5}, "isDefault": true,
            "roles": ["x", "y"], "tags": {"products": ["z"]}});
        let draft = Draft::of(SHAPES, &view);

        assert_eq!((draft.text("address.city").as_str(), draft.text("roles").as_str()), ("B", "x\ny"));
        assert!(draft.is_on("isDefault") && draft.has("tags.products", "z") && !draft.is_refused());
        assert_eq!(draft.json(), view);
    }

    #[test]
    fn a_problem_stands_at_its_field() {
        let mut report = Report::default();
        report.problem(ProblemCode::InvalidValue, "vocabulary", "/tags/products/0", "no product");
        report.problem(ProblemCode::InvalidValue, "type", "/names", "elsewhere");
        let mut draft = sent(&[("tags.products", "<b>")]);

        draft.refuse(Failure::Invalid(report)).unwrap();

        assert_eq!(draft.errors("tags.products"), ["no product"]);
        assert!(!draft.is_wrong("name"), "a longer name is another one");
        let places: Vec<_> = draft.problems().iter().map(|it| draft.place(it)).collect();
        assert_eq!(places, [Some("field-tags-products".to_owned()), None]);
        assert!(draft.refuse(Failure::NotFound).is_err());
    }

    #[test]
    fn what_has_changed_meanwhile_is_shown_beside_what_was_typed() {
        let seen = Draft::of(SHAPES, &json!({"name": "A", "address": {"city": "B"}})).seen;
        let mut draft = sent(&[("name", "C"), ("address.city", "B"), ("seen", &seen)]);
        assert!(draft.compare(&json!({"name": "A", "address": {"city": "B"}})));

        let now = json!({"name": "D", "address": {"city": "B"}});
        assert!(!draft.compare(&now));

        assert_eq!((draft.now("name").as_deref(), draft.now("address.city")), (Some("D"), None));
        assert!(draft.is_outdated() && draft.compare(&now), "whoever sends it again has seen it");
    }
}
