//! One page of the list: its keys, with the documents that are small; then the others a few at a time, so that memory
//! does not grow with what is on a page.
//!
//! ```text
//! referral_viewers v        what the viewer's organisation sees, in the order of creation
//!   └ referrals r           the record, where the question is not answered by `v`
//!       ├ own               the viewer's own record, where its people see only their own work
//!       └ d                 the parsed document (PostgreSQL), where a question goes into it
//! ```

use std::{fmt::Write as _, time::Duration};

use odata::{
    schema::Type,
    tree::{Direction, Expr, Node, OrderKey},
};
use uuid::Uuid;

use super::filter::{self, Translator, required};
use crate::{
    domain::{
        actor::Scope,
        view::VisibleReferral,
        visibility::{RELATIONS, Relation},
    },
    storage::{
        Store, StoreError,
        dialect::Dialect,
        referrals::{OWN, scope_params, scope_predicate, stored_referral},
        value::{Row, Value},
    },
};

/// Documents that are read at a time.
const DOCUMENTS_AT_ONCE: usize = 16;
/// Bytes of a document that is read together with its keys: a page of these takes little memory.
const DOCUMENT_BYTES_MAX: u32 = 16 * 1024;
/// Characters of a text that decide its place in an order; the rest is left to the id.
const KEY_CHARS_MAX: u32 = 100;
/// Whether the viewer, who is the second parameter, marked the referral.
const FAVORITE: &str = "CASE WHEN EXISTS (
        SELECT 1 FROM favorites f WHERE f.user_id = $2 AND f.referral_id = v.referral_id) THEN 1 ELSE 0 END";
/// Columns of the record before its document.
const RECORD: &str = "r.id, r.engagement_id, r.organization_id, r.inviter, r.version, r.updated";
/// Columns of what the viewer is to it, after the document.
const SIGHT: &str = "v.relation, v.has_accepted";
/// The column of the first key of a page.
const FIRST_KEY: usize = 10;

/// Which referrals, in which order.
#[derive(Clone, Copy, Debug)]
pub struct ListQuery<'a> {
    /// Only those for which all of these are true.
    pub predicates: &'a [&'a Expr],
    /// Keys of the order; the id comes after them.
    pub order: &'a [OrderKey],
    /// Only those after this place of the order.
    pub after: Option<&'a Place>,
    /// How many are left out at the beginning.
    pub skip: u64,
    /// How many at most.
    pub count_max: u32,
    /// Whether the documents are wanted too, as far as that costs nothing but their reading.
    pub with_documents: bool,
}

/// A place in an order: what its keys are there, and the id.
#[derive(Clone, Debug, PartialEq)]
pub struct Place {
    /// Values of the keys.
    pub keys: Vec<Key>,
    /// Who stands there.
    pub id: Uuid,
}

/// What a key of an order is at a place.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(untagged)]
pub enum Key {
    /// A number, a truth value, the place of a word, or ticks.
    Int(i64),
    /// A GUID.
    Guid {
        /// It.
        #[serde(rename = "g")]
        guid: Uuid,
    },
    /// A text or a decimal number.
    Text(String),
    /// Nothing.
    Null,
}

/// A referral on a page.
#[derive(Clone, Debug)]
pub struct Listed {
    /// The record. Its document is empty where it has not been read: see [`Self::has_document`].
    pub visible: VisibleReferral,
    /// Where it stands.
    pub place: Place,
}

impl Listed {
    /// Says whether the document has been read with the rest. The others are for [`Store::find_listed`].
    pub fn has_document(&self) -> bool {
        !self.visible.stored.document.is_empty()
    }
}

impl Store {
    /// Lists what `scope` may see, for `budget` at most.
    ///
    /// # Errors
    /// [`StoreError::CutOff`] when it takes longer.
    pub async fn list_referrals(
        &self,
        scope: &Scope,
        query: &ListQuery<'_>,
        budget: Duration,
    ) -> Result<Vec<Listed>, StoreError> {
        let mut select = Select::new(self.dialect(), scope, query.predicates);
        let keys = select.keys(query.order);
        select.joins_referral = true;
        select.is_in_order_of_updates = query.order.first().is_some_and(|it| is_updated(&it.expr));
        let is_by_index = select.is_by_index(query.order);
        let document = match query.with_documents && is_by_index {
            // What has to be sorted is sorted without its documents.
            true => format!(
                "CASE WHEN octet_length(r.document) <= {DOCUMENT_BYTES_MAX} THEN r.document ELSE '' END"
            ),
            false => "''".to_owned(),
        };
        let mut sql = format!("SELECT {RECORD}, {document}, {SIGHT}, {FAVORITE}");
        for key in &keys {
            let _ = write!(sql, ", {}", key.key.selected());
        }
        if let Some(place) = query.after {
            let after = select.after(&keys, place);
            select.conditions.push(after);
        }
        sql.push_str(&select.body());
        sql.push_str(" ORDER BY ");
        for key in &keys {
            let _ = write!(sql, "{}, ", key.ordered(self.dialect()));
        }
        let last = if is_descending(query.order) { "DESC" } else { "ASC" };
        let skip = i64::try_from(query.skip).unwrap_or(i64::MAX);
        let (limit, skip) = (select.bind(query.count_max.into()), select.bind(skip.into()));
        let _ =
            write!(sql, "v.referral_id {last} LIMIT CAST({limit} AS bigint) OFFSET CAST({skip} AS bigint)");
        let rows = match query.predicates.is_empty() && query.skip == 0 && is_by_index {
            // Nothing is looked at that is not on the page, and there are few such texts.
            true => self.query(&sql, &select.into_params()).await?,
            false => self.query_within(budget, scope, select.bounded(sql, query.predicates)).await?,
        };
        rows.into_iter().map(listed).collect()
    }

    /// Counts what `scope` may see and `predicates` are true of, for `budget` at most.
    ///
    /// # Errors
    /// [`StoreError::CutOff`] when it takes longer.
    pub async fn count_referrals(
        &self,
        scope: &Scope,
        predicates: &[&Expr],
        budget: Duration,
    ) -> Result<u64, StoreError> {
        let row = if predicates.is_empty() && is_whole(scope) {
            let sql = "SELECT CAST(COALESCE(SUM(count), 0) AS bigint) FROM viewer_counts WHERE organization_id = $1";
            self.query_one(sql, &[scope.organization_id().into()]).await?
        } else {
            let select = Select::new(self.dialect(), scope, predicates);
            let sql = format!("SELECT COUNT(*){}", select.body());
            self.query_within(budget, scope, select.bounded(sql, predicates)).await?.into_iter().next()
        };
        let count = row.map_or(Ok(0), |row| row.int(0))?;
        Ok(u64::try_from(count).unwrap_or(0))
    }

    /// Reads the documents of some of what was listed, in the same order; [`Self::DOCUMENTS_AT_ONCE`] at most. What
    /// `scope` cannot see any more is left out.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn find_listed(
        &self,
        scope: &Scope,
        listed: &[Listed],
    ) -> Result<Vec<VisibleReferral>, StoreError> {
        let mut select = Select::new(self.dialect(), scope, &[]);
        // One text for any number of ids, so that it is prepared once.
        let ids = listed.iter().map(|it| it.place.id).chain(std::iter::repeat(Uuid::nil()));
        let ids: Vec<_> = ids.take(DOCUMENTS_AT_ONCE).map(|it| select.bind(it.into())).collect();
        select.starts_at_referral = true;
        select.conditions.push(format!("r.id IN ({})", ids.join(", ")));
        let sql = format!("SELECT {RECORD}, r.document, {SIGHT}, {FAVORITE}{}", select.body());
        let rows = self.query(&sql, &select.into_params()).await?;
        let mut found = rows.into_iter().map(visible).collect::<Result<Vec<_>, _>>()?;
        found.sort_by_key(|it| listed.iter().position(|listed| listed.place.id == it.stored.id));
        Ok(found)
    }

    /// Returns the first part of a predicate that no index serves.
    pub fn costly_part(predicate: &Expr) -> Option<&Expr> {
        required::costly_part(predicate)
    }

    /// How many documents are read at a time.
    pub const DOCUMENTS_AT_ONCE: usize = DOCUMENTS_AT_ONCE;
}

/// Says whether the scope's predicate is what `referral_viewers` is made by.
fn is_whole(scope: &Scope) -> bool {
    scope.is_whole_organization()
}

fn is_descending(order: &[OrderKey]) -> bool {
    order.last().is_none_or(|it| it.direction == Direction::Descending)
}

fn is_updated(expr: &Expr) -> bool {
    is_path(expr, "updatedDateTime")
}

fn is_path(expr: &Expr, name: &str) -> bool {
    matches!(&expr.node, Node::Path(path) if path.names() == name)
}

/// A key of the order, as SQL.
struct KeySql {
    key: filter::Key,
    direction: Direction,
}

impl KeySql {
    fn ordered(&self, dialect: Dialect) -> String {
        // SQLite takes null for the smallest by itself; PostgreSQL has to be told.
        let end = match (self.direction, self.key.is_nullable && dialect == Dialect::Postgres) {
            (Direction::Ascending, false) => "ASC",
            (Direction::Ascending, true) => "ASC NULLS FIRST",
            (Direction::Descending, false) => "DESC",
            (Direction::Descending, true) => "DESC NULLS LAST",
        };
        format!("{} {end}", self.key.sql)
    }
}

/// A query that runs within a budget.
pub(in crate::storage) struct Bounded {
    pub(in crate::storage) sql: String,
    pub(in crate::storage) params: Vec<Value>,
    /// Whether it is known to look at many rows.
    pub(in crate::storage) is_costly: bool,
}

/// A query under construction, on what a scope sees.
pub(in crate::storage) struct Select<'a> {
    dialect: Dialect,
    scope: &'a Scope,
    fixed: Vec<Value>,
    translator: Translator,
    pub(in crate::storage) conditions: Vec<String>,
    /// Whether the search starts at records that are known, instead of at what the viewer sees.
    starts_at_referral: bool,
    /// Whether the record is needed for more than the conditions.
    pub(in crate::storage) joins_referral: bool,
    /// Whether an index gives the order, so that none is taken for the conditions.
    is_in_order_of_updates: bool,
    /// The index that leaves few rows.
    selective_index: Option<&'static str>,
}

impl<'a> Select<'a> {
    /// Starts with the scope's predicate and those of a query.
    pub(in crate::storage) fn new(dialect: Dialect, scope: &'a Scope, predicates: &[&Expr]) -> Self {
        let fixed = match is_whole(scope) {
            true => vec![scope.organization_id().into(), scope.user_id().into()],
            // `scope_predicate` has no use for its second parameter: it is the viewer here too.
            false => scope_params(scope, scope.user_id()),
        };
        let translator = Translator::new(dialect, fixed.len(), scope.user_id());
        let conditions = Vec::new();
        let mut select = Self {
            dialect,
            scope,
            fixed,
            translator,
            conditions,
            starts_at_referral: false,
            joins_referral: false,
            is_in_order_of_updates: false,
            selective_index: predicates.iter().find_map(|it| required::selective_index(it)),
        };
        for predicate in predicates {
            let condition = select.translator.condition(predicate);
            select.conditions.push(condition);
            select.start_at(predicate);
        }
        select
    }

    /// Starts at the records that a filter names, if it does: no index on what a viewer sees knows them.
    fn start_at(&mut self, predicate: &Expr) {
        let (column, ids) =
            match (required::required_ids(predicate), required::required_engagements(predicate)) {
                (Some(ids), _) => ("id", ids),
                (None, Some(ids)) => ("engagement_id", ids),
                (None, None) => {
                    if let Some(email) = required::required_team_member(predicate) {
                        let email = self.bind(email.into());
                        self.conditions.push(format!(
                            "r.id IN (SELECT t.referral_id FROM referral_team t WHERE t.email = {email})"
                        ));
                        self.starts_at_referral = true;
                    }
                    return;
                }
            };
        let ids: Vec<_> = ids.iter().map(|it| self.bind((*it).into())).collect();
        self.conditions.push(format!("r.{column} IN ({})", ids.join(", ")));
        self.starts_at_referral = true;
    }

    /// Says whether the rows come in the order that is wanted, one after the other, from an index.
    fn is_by_index(&self, order: &[OrderKey]) -> bool {
        let [OrderKey { expr, .. }] = order else { return false };
        is_whole(self.scope)
            && !self.starts_at_referral
            && (is_path(expr, "createdDateTime") || is_updated(expr))
    }

    /// Adds a parameter and returns its expression.
    pub(in crate::storage) fn bind(&mut self, value: Value) -> String {
        format!("${}", self.translator.push(value))
    }

    /// Returns the value that the viewer reads at a path of the document.
    pub(in crate::storage) fn value(&mut self, path: &Expr) -> String {
        self.translator.selected(path)
    }

    fn keys(&mut self, order: &[OrderKey]) -> Vec<KeySql> {
        let mut keys = Vec::with_capacity(order.len());
        for OrderKey { expr, direction } in order {
            let mut key = self.translator.key(expr);
            if expr.ty == Some(Type::String) {
                key.sql = format!("substr({}, 1, {KEY_CHARS_MAX})", key.sql);
            }
            keys.push(KeySql { key, direction: *direction });
        }
        keys
    }

    /// Returns the condition of standing after a place, with a first part that an index serves.
    fn after(&mut self, keys: &[KeySql], place: &Place) -> String {
        let is_descending = keys.last().is_none_or(|it| it.direction == Direction::Descending);
        let id = self.bind(place.id.into());
        let mut condition = format!("v.referral_id {} {id}", if is_descending { "<" } else { ">" });
        for (KeySql { key, direction }, value) in keys.iter().zip(&place.keys).rev() {
            let sql = &key.sql;
            let value = value.to_value().map(|it| key.parameter(self.translator.push(it)));
            condition = match (value, direction) {
                (None, Direction::Ascending) => format!("({sql} IS NOT NULL OR ({condition}))"),
                (None, Direction::Descending) => format!("({sql} IS NULL AND ({condition}))"),
                (Some(value), Direction::Ascending) => {
                    format!("({sql} >= {value} AND ({sql} > {value} OR ({condition})))")
                }
                (Some(value), Direction::Descending) if key.is_nullable => {
                    format!("({sql} IS NULL OR {sql} < {value} OR ({sql} = {value} AND ({condition})))")
                }
                (Some(value), Direction::Descending) => {
                    format!("({sql} <= {value} AND ({sql} < {value} OR ({condition})))")
                }
            };
        }
        condition
    }

    /// Returns everything from FROM to the end of WHERE.
    pub(in crate::storage) fn body(&self) -> String {
        let is_restricted = !is_whole(self.scope);
        let mut sql = String::new();
        if self.starts_at_referral {
            // CROSS JOIN tells SQLite where to start; PostgreSQL knows by its statistics.
            sql.push_str(" FROM referrals r CROSS JOIN referral_viewers v");
        } else if self.scope.person().is_some() {
            sql.push_str(
                " FROM (SELECT t.referral_id AS id FROM referral_team t WHERE t.email = $4 \
                 UNION SELECT c.id FROM referrals c WHERE c.creator_id = $3) mine \
                 CROSS JOIN referrals r CROSS JOIN referral_viewers v",
            );
        } else {
            sql.push_str(" FROM referral_viewers v");
            // SQLite knows nothing of how rare a word is, and goes along everything that the viewer sees.
            if let (Dialect::Sqlite, false, Some(index)) =
                (self.dialect, self.is_in_order_of_updates, self.selective_index)
            {
                let _ = write!(sql, " INDEXED BY {index}");
            }
            if self.joins_referral || self.translator.needs_referral() || is_restricted {
                sql.push_str(" JOIN referrals r ON r.id = v.referral_id");
            }
        }
        if is_restricted {
            let _ = write!(sql, " {OWN}");
        }
        if self.translator.needs_document() {
            let _ = write!(sql, " {}", Translator::DOCUMENT);
        }
        sql.push_str(" WHERE v.organization_id = $1");
        if self.starts_at_referral || self.scope.person().is_some() {
            sql.push_str(" AND v.created = r.created AND v.referral_id = r.id");
        }
        if !self.starts_at_referral && self.scope.person().is_some() {
            sql.push_str(" AND r.id = mine.id");
        }
        if is_restricted {
            let _ = write!(sql, " AND {}", scope_predicate(self.dialect));
        }
        for condition in &self.conditions {
            let _ = write!(sql, " AND ({condition})");
        }
        sql
    }

    fn bounded(self, sql: String, predicates: &[&Expr]) -> Bounded {
        let is_costly = !predicates.is_empty() && !predicates.iter().any(|it| required::is_partly_served(it));
        Bounded { sql, params: self.into_params(), is_costly }
    }

    /// Returns the values of all parameters.
    pub(in crate::storage) fn into_params(self) -> Vec<Value> {
        [self.fixed, self.translator.into_params()].concat()
    }
}

impl Key {
    /// Returns what a comparison binds; `None` for null.
    fn to_value(&self) -> Option<Value> {
        match self {
            Self::Int(value) => Some(Value::Int(*value)),
            Self::Guid { guid } => Some(Value::Uuid(*guid)),
            Self::Text(text) => Some(Value::Text(text.clone())),
            Self::Null => None,
        }
    }

    fn of(value: &Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Int(value) => Self::Int(*value),
            Value::Text(text) => Self::Text(text.clone()),
            Value::Uuid(guid) => Self::Guid { guid: *guid },
            // SQLite keeps GUIDs as bytes.
            Value::Bytes(bytes) => Uuid::from_slice(bytes).map_or(Self::Null, |guid| Self::Guid { guid }),
        }
    }
}

fn listed(row: Row) -> Result<Listed, StoreError> {
    let keys = row.0.iter().skip(FIRST_KEY).map(Key::of).collect();
    let visible = visible(row)?;
    let place = Place { keys, id: visible.stored.id };
    Ok(Listed { visible, place })
}

fn visible(mut row: Row) -> Result<VisibleReferral, StoreError> {
    Ok(VisibleReferral {
        relation: relation(&row, 7)?,
        has_accepted: row.bool(8)?,
        is_favorite: row.bool(9)?,
        stored: stored_referral(&mut row)?,
    })
}

/// Reads what the viewer is to a record: a place in [`RELATIONS`].
fn relation(row: &Row, column: usize) -> Result<Relation, StoreError> {
    let place = usize::try_from(row.int(column)?).unwrap_or(usize::MAX);
    let corrupt = || StoreError::Corrupt { column, found: "an unknown relation".to_owned() };
    RELATIONS.get(place).copied().ok_or_else(corrupt)
}
