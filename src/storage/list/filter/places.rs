//! Paths: which column or member of the document a path is, and which viewers see it.

use odata::{
    schema::{Kind, Property, Type},
    tree::{Expr, Node, Path, Root},
};
use uuid::Uuid;

use super::{
    Translator,
    values::{Form, Operand},
};
use crate::{
    domain::{
        json,
        organization::OrganizationId,
        query::{facet_of, withheld_value},
        visibility::{self, Facet, RELATIONS, Sight},
    },
    storage::dialect::Dialect,
};

/// A path's value before anybody's sight is asked for.
struct Place {
    operand: Operand,
    facet: Option<Facet>,
    /// What is read where the facet is withheld.
    withheld: &'static json::Node,
}

/// Returns the facet that decides about a path. `None` where what is above it has decided.
pub(super) fn facet(collection: Option<&Path>, path: &Path) -> Option<Facet> {
    match (path.root, collection) {
        (Root::Entity, _) => Some(facet_of(&path.segments)),
        (Root::Item, None) => None,
        (Root::Item, Some(collection)) => {
            let whole: Vec<&'static Property> =
                collection.segments.iter().chain(&path.segments).copied().collect();
            let facet = facet_of(&whole);
            (facet != facet_of(&collection.segments)).then_some(facet)
        }
    }
}

impl Translator {
    /// Returns the value that the viewer reads at a path.
    pub(super) fn path(&mut self, path: &Path, ty: Option<Type>) -> Operand {
        let place = self.place(path, ty);
        let Some(seen) = self.seen(place.facet) else { return place.operand };
        let Operand { sql, form, is_nullable } = place.operand;
        let (otherwise, is_null_withheld) = match place.withheld {
            json::Node::Text(text) => (format!(" ELSE {}", self.bind(form, text.as_str().into())), false),
            json::Node::Bool(value) => (format!(" ELSE {}", if *value { "TRUE" } else { "FALSE" }), false),
            json::Node::Null | json::Node::Number(_) | json::Node::Array(_) | json::Node::Object(_) => {
                (String::new(), true)
            }
        };
        let sql = format!("(CASE WHEN {seen} THEN {sql}{otherwise} END)");
        Operand::new(sql, form, is_nullable || is_null_withheld)
    }

    /// Returns who sees a path and its value, where it reads as null for whoever does not. `None` for what is no such
    /// path.
    pub(super) fn withheld_as_null(&mut self, expr: &Expr) -> Option<(String, Operand)> {
        let Node::Path(path) = &expr.node else { return None };
        if !matches!(self.place_withheld(path), json::Node::Null) {
            return None;
        }
        let facet = facet(self.collection.as_ref(), path);
        let facet = facet.filter(|_| !is_withheld_by_column(path));
        let seen = self.seen(facet)?;
        Some((seen, self.place(path, expr.ty).operand))
    }

    fn place_withheld(&self, path: &Path) -> &'static json::Node {
        match path.root {
            Root::Entity => withheld_value(&path.segments),
            Root::Item => &json::Node::Null,
        }
    }

    fn place(&mut self, path: &Path, ty: Option<Type>) -> Place {
        let withheld = self.place_withheld(path);
        let facet = facet(self.collection.as_ref(), path);
        let form = ty.map_or(Form::Text, Form::of_type);
        if path.root == Root::Entity
            && let Some((sql, is_nullable)) = self.column(&path.names())
        {
            let facet = facet.filter(|_| !is_withheld_by_column(path));
            return Place { operand: Operand::new(sql, form, is_nullable), facet, withheld };
        }
        let operand = Operand::new(self.member(path, ty), form, true);
        Place { operand, facet, withheld }
    }

    /// Returns the column that holds a path, and whether it may be null.
    fn column(&mut self, names: &str) -> Option<(String, bool)> {
        let (column, is_nullable) = match names {
            "id" => ("v.referral_id", false),
            "createdDateTime" => ("v.created", false),
            "updatedDateTime" => ("v.updated", false),
            "direction" => ("v.direction", false),
            "status" => ("v.status", false),
            "substatus" => ("v.substatus", false),
            "type" => ("v.type", false),
            "qualification" => ("v.qualification", false),
            "customerProfile/address/country" => ("v.country", true),
            "engagementId" => ("r.engagement_id", false),
            "organizationId" => ("r.organization_id", false),
            "expirationDateTime" => ("r.expiration", true),
            "mpnId" => ("r.mpn_id", true),
            "favorite" => return Some((self.favorite(), false)),
            _ => return None,
        };
        self.needs_referral |= column.starts_with("r.");
        Some((column.to_owned(), is_nullable))
    }

    fn favorite(&mut self) -> String {
        let user = self.bind(Form::Guid, self.user_id.into());
        format!(
            "EXISTS (SELECT 1 FROM favorites f WHERE f.user_id = {user} AND f.referral_id = v.referral_id)"
        )
    }

    /// Returns the document, or the item of the collection.
    fn base(&mut self, root: Root) -> &'static str {
        match (root, self.dialect) {
            (Root::Item, _) => "item.value",
            (Root::Entity, dialect) => self.document(dialect),
        }
    }

    fn document(&mut self, dialect: Dialect) -> &'static str {
        self.needs_document = true;
        match dialect {
            Dialect::Sqlite => "r.document",
            Dialect::Postgres => "d.document",
        }
    }

    fn member(&mut self, path: &Path, ty: Option<Type>) -> String {
        let base = self.base(path.root);
        let text = match self.dialect {
            Dialect::Sqlite if path.segments.is_empty() => base.to_owned(),
            // The arrow with one point keeps the digits of a number.
            Dialect::Sqlite if ty == Some(Type::Decimal) => format!("({base} -> '{}')", in_sqlite(path)),
            Dialect::Sqlite => format!("({base} ->> '{}')", in_sqlite(path)),
            Dialect::Postgres => format!("({base} #>> '{}')", in_postgres(path)),
        };
        match (ty, self.dialect) {
            (Some(Type::Decimal), _) => format!("liaison_number({text})"),
            (Some(Type::DateTime), _) => format!("liaison_ticks({text})"),
            (Some(Type::Guid), _) => format!("liaison_guid({text})"),
            (Some(Type::Boolean), Dialect::Postgres) => format!("CAST({text} AS boolean)"),
            (Some(Type::Integer), Dialect::Postgres) => format!("CAST({text} AS bigint)"),
            _ => text,
        }
    }

    /// Returns how many items a collection has for the viewer.
    pub(super) fn count(&mut self, path: &Path) -> Operand {
        let seen = self.seen(facet(self.collection.as_ref(), path));
        let base = self.base(path.root);
        let length = match self.dialect {
            Dialect::Sqlite => format!("json_array_length({base}, '{}')", in_sqlite(path)),
            Dialect::Postgres => {
                format!("CAST(jsonb_array_length({base} #> '{}') AS bigint)", in_postgres(path))
            }
        };
        let sql = match seen {
            None => format!("COALESCE({length}, 0)"),
            Some(seen) => format!("(CASE WHEN {seen} THEN COALESCE({length}, 0) ELSE 0 END)"),
        };
        Operand::new(sql, Form::Int, false)
    }

    /// Returns the rows of a collection, named `item`, without asking for anybody's sight.
    pub(super) fn items(&mut self, collection: &Path) -> String {
        let base = self.base(collection.root);
        match self.dialect {
            Dialect::Sqlite => format!("json_each({base}, '{}') item", in_sqlite(collection)),
            Dialect::Postgres => {
                format!("jsonb_array_elements({base} #> '{}') item(value)", in_postgres(collection))
            }
        }
    }

    /// Returns the condition under which a facet is shown, as [`visibility::withheld`] and
    /// [`visibility::may_withhold`] decide. `None` when it always is.
    pub(super) fn seen(&mut self, facet: Option<Facet>) -> Option<String> {
        let facet = facet?;
        let (one, other) = (OrganizationId::msft(), OrganizationId::from(Uuid::nil()));
        let relations_where = |is_wanted: &dyn Fn(Sight, bool, bool) -> bool| {
            let relations = RELATIONS.iter().enumerate().filter(|(_, relation)| {
                let is_bound = visibility::may_withhold(**relation, &one, &other);
                let is_bound_to_itself = visibility::may_withhold(**relation, &one, &one);
                is_wanted(visibility::sight(facet, **relation), is_bound, is_bound_to_itself)
            });
            relations.map(|(place, _)| place.to_string()).collect::<Vec<_>>().join(", ")
        };
        let always = relations_where(&|sight, is_bound, _| sight == Sight::Shown || !is_bound);
        let with_consent = relations_where(&|sight, is_bound, _| sight == Sight::WithConsent && is_bound);
        let to_itself = relations_where(&|sight, is_bound, is_bound_to_itself| {
            sight != Sight::Shown && is_bound && !is_bound_to_itself
        });
        let withheld = relations_where(&|sight, is_bound, _| sight != Sight::Shown && is_bound);
        if withheld.is_empty() {
            return None;
        }
        let mut ways = Vec::new();
        if !always.is_empty() {
            ways.push(format!("v.relation IN ({always})"));
        }
        if !with_consent.is_empty() {
            let refused = self.is_refused();
            ways.push(format!("v.relation IN ({with_consent}) AND (v.has_accepted = 1 OR NOT {refused})"));
        }
        if !to_itself.is_empty() {
            self.needs_referral = true;
            ways.push(format!("v.relation IN ({to_itself}) AND r.inviter = r.organization_id"));
        }
        match ways.len() {
            1 => ways.pop(),
            _ => Some(format!("({})", ways.join(" OR "))),
        }
    }

    /// Returns the condition that the customer's consent is refused; never null.
    fn is_refused(&mut self) -> String {
        let document = self.document(self.dialect);
        let refused = ["consentToContact", "consentToToShareInfoWithOthers"].map(|name| match self.dialect {
            Dialect::Sqlite => format!("({document} ->> '$.consent.{name}') IS 0"),
            Dialect::Postgres => {
                format!("({document} #>> '{{consent,{name}}}') IS NOT DISTINCT FROM 'false'")
            }
        });
        format!("({})", refused.join(" OR "))
    }
}

/// Says whether a column is null already for those who do not see it.
fn is_withheld_by_column(path: &Path) -> bool {
    path.root == Root::Entity && path.names() == "customerProfile/address/country"
}

/// Returns the path in SQLite's notation: `$.details.dealValue`.
fn in_sqlite(path: &Path) -> String {
    path.segments.iter().fold("$".to_owned(), |text, it| format!("{text}.{}", it.name))
}

/// Returns the path in PostgreSQL's notation: `{details,dealValue}`.
fn in_postgres(path: &Path) -> String {
    let names: Vec<&str> = path.segments.iter().map(|it| it.name).collect();
    format!("{{{}}}", names.join(","))
}

/// Says whether a path leads to texts or to a text.
pub(super) fn is_text(path: &Path) -> bool {
    matches!(path.kind(), Some(Kind::Scalar(Type::String) | Kind::Scalars(Type::String)))
}
