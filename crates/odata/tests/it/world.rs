//! A small schema that has one of everything, and an entity to ask.

use std::{borrow::Cow, collections::BTreeMap};

use odata::{
    Limits, QueryError, Schema,
    eval::{Raw, Source},
    moment,
    schema::{EnumType, Kind, MemberAlias, Navigation, Property, StructuredType, Type},
    tree::Expr,
};

pub(crate) static STATUS: EnumType = EnumType { name: "Status", members: &["New", "Active", "Closed"] };

static ADDRESS: StructuredType = StructuredType {
    name: "Address",
    properties: &[text("city"), text("country"), scalar("isMain", Type::Boolean)],
};

static PROFILE: StructuredType = StructuredType {
    name: "CustomerProfile",
    properties: &[text("name"), property("address", Kind::Complex(&ADDRESS))],
};

static MEMBER: StructuredType = StructuredType {
    name: "Member",
    properties: &[text("firstName"), text("email"), scalar("age", Type::Integer)],
};

static REFERRAL: StructuredType = StructuredType {
    name: "Referral",
    properties: &[
        scalar("id", Type::Guid),
        scalar("engagementId", Type::Guid),
        text("name"),
        scalar("status", Type::Enum(&STATUS)),
        scalar("qualification", Type::Enum(&QUALIFICATION)),
        text("direction"),
        text("type"),
        text("substatus"),
        scalar("createdDateTime", Type::DateTime),
        scalar("updatedDateTime", Type::DateTime),
        scalar("closingDate", Type::Date),
        scalar("opensAt", Type::Time),
        scalar("effort", Type::Duration),
        scalar("dealValue", Type::Decimal),
        scalar("quantity", Type::Integer),
        scalar("favorite", Type::Boolean),
        property("tags", Kind::Scalars(Type::String)),
        property("customerProfile", Kind::Complex(&PROFILE)),
        property("team", Kind::Complexes(&MEMBER)),
        Property { is_filterable: false, ..text("notes") },
    ],
};

static QUALIFICATION: EnumType = EnumType { name: "Qualification", members: &["Direct", "SalesQualified"] };

pub(crate) static SCHEMA: Schema = Schema {
    namespace: "Liaison",
    entity: &REFERRAL,
    navigations: &[Navigation { name: "relatedReferrals" }, Navigation { name: "history" }],
    aliases: &[MemberAlias { name: "email", collection: "team", member: "email" }],
    searched: &["name", "customerProfile/name", "team/firstName", "team/email"],
};

const fn property(name: &'static str, kind: Kind) -> Property {
    Property { name, kind, is_nullable: true, is_filterable: true, mark: 0 }
}

const fn scalar(name: &'static str, ty: Type) -> Property {
    property(name, Kind::Scalar(ty))
}

const fn text(name: &'static str) -> Property {
    scalar(name, Type::String)
}

/// What `now()` means: 2024-06-01T00:00:00Z.
pub(crate) fn now() -> i64 {
    moment::parse_date_time("2024-06-01T00:00:00Z").expect("it is a moment")
}

pub(crate) fn filter(text: &str) -> Result<Expr, QueryError> {
    Expr::parse(text, &SCHEMA, &Limits::default(), now())
}

/// Reads a filter that is right.
pub(crate) fn valid(text: &str) -> Expr {
    filter(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// Returns the canonical text of a filter.
pub(crate) fn canonical(text: &str) -> String {
    valid(text).to_string()
}

/// An entity as flat values: paths with `/`, items of collections with their number.
#[derive(Clone, Debug)]
pub(crate) struct Entity<'a> {
    values: &'a BTreeMap<String, Raw<'static>>,
    prefix: String,
}

impl<'a> Entity<'a> {
    pub(crate) fn new(values: &'a BTreeMap<String, Raw<'static>>) -> Self {
        Self { values, prefix: String::new() }
    }

    fn path(&self, path: &[&'static Property]) -> String {
        let names = path.iter().map(|it| format!("/{}", it.name));
        std::iter::once(self.prefix.clone()).chain(names).collect()
    }
}

impl Source for Entity<'_> {
    fn value(&self, path: &[&'static Property]) -> Raw<'_> {
        self.values.get(&self.path(path)).cloned().unwrap_or(Raw::Null)
    }

    fn items(&self, path: &[&'static Property]) -> Vec<Self> {
        let prefixes = (0..).map(|it| format!("{}/{it}", self.path(path)));
        let is_there = |prefix: &String| {
            self.values.keys().any(|it| it == prefix || it.starts_with(&format!("{prefix}/")))
        };
        prefixes.take_while(is_there).map(|prefix| Self { values: self.values, prefix }).collect()
    }
}

/// An entity with a value for everything; `substatus` and `effort` are null.
pub(crate) fn referral() -> BTreeMap<String, Raw<'static>> {
    let text = |it: &'static str| Raw::Text(Cow::Borrowed(it));
    let number = |it: &'static str| Raw::Number(Cow::Borrowed(it));
    [
        ("/id", text("65edc0b5-3485-41b7-a17e-dfa9ef4706e2")),
        ("/name", text(" Straße 100%_ ")),
        ("/status", text("Active")),
        ("/direction", text("Incoming")),
        ("/createdDateTime", text("2024-05-01T10:20:30.1234567Z")),
        ("/closingDate", text("2024-02-29")),
        ("/opensAt", text("09:30:15.5")),
        ("/dealValue", number("1234.50")),
        ("/quantity", number("7")),
        ("/favorite", Raw::Boolean(false)),
        ("/tags/0", text("hot")),
        ("/tags/1", text("new")),
        ("/customerProfile/name", text("Contoso")),
        ("/customerProfile/address/country", text("US")),
        ("/team/0/email", text("a@contoso.com")),
        ("/team/0/age", number("40")),
        ("/team/1/email", text("b@contoso.com")),
        ("/team/1/firstName", text("Bea")),
    ]
    .map(|(path, value)| (path.to_owned(), value))
    .into()
}
