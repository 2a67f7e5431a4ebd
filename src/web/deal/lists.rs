//! Lists that are edited row by row: people and solutions. A list is sent whole, as the form shows it.

use super::form::{Choice, Control, Field, Row, Typed, number, text, typed_number};
use crate::{domain::json::Node, service::administration::SolutionView, web::words::Words};

/// A list of the document, and the columns of its rows.
pub(super) struct List {
    /// Begins the names of its fields.
    pub(super) name: &'static str,
    /// Where it stands in the document.
    pub(super) pointer: &'static str,
    columns: &'static [Column],
    /// Members of an item that are sent again as they were.
    kept: &'static [&'static str],
    /// Whether a new row is chosen from the organisation's own solutions, and an old one keeps its name.
    is_of_solutions: bool,
}

struct Column {
    /// Member of the item.
    name: &'static str,
    kind: Kind,
    is_required: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A line; the type of the input.
    Line(&'static str),
    Number,
}

const fn column(name: &'static str, kind: Kind, is_required: bool) -> Column {
    Column { name, kind, is_required }
}

const PERSON: &[Column] = &[
    column("firstName", Kind::Line("text"), true),
    column("lastName", Kind::Line("text"), true),
    column("email", Kind::Line("email"), true),
    column("phoneNumber", Kind::Line("tel"), true),
    column("title", Kind::Line("text"), false),
];
const PERSON_KEPT: &[&str] = &["contactPreference/locale", "contactPreference/disableNotifications"];

/// The people who work on the deal.
pub(super) const TEAM: List =
    List { name: "team", pointer: "/team", columns: PERSON, kept: PERSON_KEPT, is_of_solutions: false };

/// The customer's people.
pub(super) const CONTACTS: List = List {
    name: "contacts",
    pointer: "/customerProfile/team",
    columns: PERSON,
    kept: PERSON_KEPT,
    is_of_solutions: false,
};

/// What is sold.
pub(super) const SOLUTIONS: List = List {
    name: "solutions",
    pointer: "/details/requirements/solutions",
    columns: &[
        column("id", Kind::Line("text"), true),
        column("name", Kind::Line("text"), false),
        column("quantity", Kind::Number, false),
        column("price", Kind::Number, false),
        column("currency", Kind::Line("text"), false),
    ],
    kept: &["type", "publisherName", "solutionType", "closingDateTime"],
    is_of_solutions: true,
};

/// Members of a solution that a row which is there does not show as fields.
const FIXED: [&str; 2] = ["id", "name"];

impl List {
    fn field_name(&self, row: usize, member: &str) -> String {
        format!("{}.{row}.{}", self.name, member.replace('/', "."))
    }

    /// Reads the rows of a form as the list that they make. Rows without a word in them, and those that are to be
    /// removed, are left out.
    pub(super) fn read(&self, typed: &Typed, catalogue: &[SolutionView], words: Words) -> Vec<Node> {
        let rows = typed.rows(self.name).into_iter();
        rows.filter_map(|row| self.read_row(row, typed, catalogue, words)).collect()
    }

    fn read_row(&self, row: usize, typed: &Typed, catalogue: &[SolutionView], words: Words) -> Option<Node> {
        let of = |member: &str| typed.text(&self.field_name(row, member));
        if !of("remove").is_empty() {
            return None;
        }
        let picked = catalogue.iter().find(|it| self.is_of_solutions && it.id == of("pick"));
        let is_blank = self.columns.iter().all(|it| of(it.name).is_empty());
        if is_blank && picked.is_none() {
            return None;
        }
        let mut item = Node::Object(Vec::new());
        for column in self.columns {
            let value = match column.kind {
                Kind::Line(_) => text(of(column.name)),
                Kind::Number => number(of(column.name), words),
            };
            put(&mut item, column.name, value);
        }
        for member in self.kept {
            put(
                &mut item,
                member,
                match of(member) {
                    "true" => Node::Bool(true),
                    "false" => Node::Bool(false),
                    typed => text(typed),
                },
            );
        }
        if let Some(solution) = picked {
            put(&mut item, "id", Node::Text(solution.id.clone()));
            put(&mut item, "name", Node::Text(solution.name.clone()));
        }
        if self.is_of_solutions && of("type").is_empty() {
            put(&mut item, "type", Node::Text("Name".to_owned()));
        }
        Some(item)
    }

    /// Shows items as rows, and one more that is blank.
    pub(super) fn rows(&self, items: &[Node], catalogue: &[SolutionView], words: Words) -> Vec<Row> {
        let rows = items.iter().enumerate().map(|(row, item)| self.row(row, item, words));
        let mut rows: Vec<Row> = rows.collect();
        rows.push(self.blank(rows.len(), catalogue, words));
        rows
    }

    fn row(&self, row: usize, item: &Node, words: Words) -> Row {
        let of = |member: &str| plain(item.at(&format!("/{member}")));
        let is_fixed = |member: &str| self.is_of_solutions && FIXED.contains(&member);
        let legend = ["name", "id"].into_iter().map(of).find(|it| self.is_of_solutions && !it.is_empty());
        let hidden = self.columns.iter().map(|it| it.name).filter(|it| is_fixed(it));
        let hidden = hidden.chain(self.kept.iter().copied());
        Row {
            legend: legend.unwrap_or_else(|| {
                words.count(&format!("row-{}", self.name), u64::try_from(row).unwrap_or_default() + 1)
            }),
            hidden: hidden.map(|it| (self.field_name(row, it), of(it))).collect(),
            fields: self
                .columns
                .iter()
                .filter(|it| !is_fixed(it.name))
                .map(|it| self.field(row, it, of(it.name), words))
                .collect(),
            remove: self.field_name(row, "remove"),
        }
    }

    fn blank(&self, row: usize, catalogue: &[SolutionView], words: Words) -> Row {
        let mut fields = Vec::new();
        if self.is_of_solutions && !catalogue.is_empty() {
            let none = Choice { value: String::new(), label: words.say("pick-none") };
            let own = catalogue.iter().map(|it| Choice { value: it.id.clone(), label: it.name.clone() });
            let choices = std::iter::once(none).chain(own).collect();
            let name = self.field_name(row, "pick");
            let label = words.say("column-pick");
            fields.push(Field {
                is_wide: true,
                ..Field::new(&name, label, String::new(), Control::Choice(choices))
            });
        }
        fields.extend(self.columns.iter().map(|it| self.field(row, it, String::new(), words)));
        Row {
            legend: words.say(&format!("row-{}-new", self.name)),
            hidden: Vec::new(),
            fields,
            remove: String::new(),
        }
    }

    fn field(&self, row: usize, column: &Column, value: String, words: Words) -> Field {
        let (control, value) = match column.kind {
            Kind::Line(kind) => (Control::Line(kind), value),
            Kind::Number => (Control::Line("number"), typed_number(&value, words)),
        };
        let label = words.say(&format!("column-{}", column.name));
        let name = self.field_name(row, column.name);
        Field { is_required: column.is_required, ..Field::new(&name, label, value, control) }
    }

    /// Returns the name of the field that a pointer of the document belongs to.
    pub(super) fn field_at(&self, pointer: &str) -> Option<String> {
        let (row, member) = pointer.strip_prefix(self.pointer)?.strip_prefix('/')?.split_once('/')?;
        Some(self.field_name(row.parse().ok()?, member))
    }
}

/// Sets a member that says something.
fn put(item: &mut Node, member: &str, value: Node) {
    if value != Node::Null {
        item.set(&format!("/{member}"), value);
    }
}

/// Returns a value as a field holds it.
pub(super) fn plain(value: Option<&Node>) -> String {
    match value {
        Some(Node::Text(text) | Node::Number(text)) => text.clone(),
        Some(Node::Bool(value)) => value.to_string(),
        Some(Node::Null | Node::Array(_) | Node::Object(_)) | None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::{Node, SOLUTIONS, TEAM, Typed, Words};
    use crate::{
        domain::organization::profile::SolutionProfile, service::administration::SolutionView,
        web::words::Language,
    };

    const ENGLISH: Words = Words(Language::English);

    fn items(json: &str) -> Vec<Node> {
        match Node::from_document(json).unwrap() {
            Node::Array(items) => items,
            _ => Vec::new(),
        }
    }

    #[test]
    fn a_list_that_is_shown_and_sent_again_is_the_same() {
        let before = items(
            r#"[{"firstName":"Ann","lastName":"Li","email":"a@x.example","phoneNumber":"1","title":"CTO",
                "contactPreference":{"locale":"en-US","disableNotifications":false}}]"#,
        );
        let mut pairs = Vec::new();
        for row in TEAM.rows(&before, &[], ENGLISH) {
            pairs.extend(row.hidden);
            pairs.extend(row.fields.into_iter().map(|it| (it.name, it.value)));
        }
        let pairs: Vec<_> = pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(TEAM.read(&Typed::of(&pairs), &[], ENGLISH), before);
    }

    #[test]
    fn rows_are_added_and_removed() {
        let typed = Typed::of(&[
            ("team.0.email", "gone@x.example"),
            ("team.0.remove", "yes"),
            ("team.1.email", "new@x.example"),
            ("team.2.email", " "),
        ]);
        assert_eq!(TEAM.read(&typed, &[], ENGLISH), items(r#"[{"email":"new@x.example"}]"#));
        assert_eq!(TEAM.field_at("/team/0/email").as_deref(), Some("team.0.email"));
        assert_eq!(TEAM.field_at("/team"), None);
    }

    #[test]
    fn a_solution_is_chosen_from_the_catalogue() {
        let own = SolutionView {
            id: "SOL-1".to_owned(),
            name: "Rocket".to_owned(),
            profile: SolutionProfile::default(),
        };
        let typed = Typed::of(&[("solutions.0.pick", "SOL-1"), ("solutions.0.quantity", "1,000")]);
        let expected = r#"[{"quantity":"1000","id":"SOL-1","name":"Rocket","type":"Name"}]"#;
        assert_eq!(SOLUTIONS.read(&typed, &[own], ENGLISH), items(expected));
    }
}
