//! From a checked query to SQL, in both dialects.
//!
//! ```text
//! tree ─┬─ predicate ─→ condition of a WHERE      (this file)
//!       ├─ value ─────→ expression                (values, casts)
//!       │    └─ path ─→ column or JSON function   (places: and who sees it)
//!       └─ required ──→ where a query can start
//! ```
//!
//! The condition stands in a query on `referral_viewers v`, joined with `referrals r` where [`Translator::needs_referral`]
//! says so. Values of callers are bound, never written into the text; one shape of a query is one text. What the
//! expressions mean is said in `odata::tree`; the evaluator of that crate and both databases agree, which the tests hold.

mod casts;
mod places;
pub(super) mod required;
mod values;

use odata::tree::{Comparison, Expr, Node, Path, Quantifier, Value as Literal};
use uuid::Uuid;

use self::values::{Form, Operand};
use crate::storage::{dialect::Dialect, value::Value};

/// Makes SQL of expressions, and collects their parameters.
pub(super) struct Translator {
    dialect: Dialect,
    /// Whose favorites are meant.
    user_id: Uuid,
    /// How many parameters the surrounding query has.
    parameters_before: usize,
    params: Vec<Value>,
    needs_referral: bool,
    needs_document: bool,
    /// The collection that [`odata::tree::Root::Item`] is of.
    collection: Option<Path>,
}

/// What a condition must tell apart.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Logic {
    /// Whether it is true: false and null are one.
    TrueOnly,
    /// True, false and null.
    ThreeValued,
}

/// What rows are ordered by.
#[derive(Clone, Debug)]
pub(super) struct Key {
    /// The expression, for `ORDER BY` and comparisons with [`Key::parameter`].
    pub(super) sql: String,
    /// Whether it may be null.
    pub(super) is_nullable: bool,
    form: Form,
    dialect: Dialect,
}

impl Key {
    /// Returns the expression to select, in one of the kinds that the store reads.
    pub(super) fn selected(&self) -> String {
        match (self.dialect, self.form) {
            (Dialect::Postgres, Form::Number) => format!("CAST({} AS text)", self.sql),
            _ => self.sql.clone(),
        }
    }

    /// Returns the expression of parameter `number`, to which what was selected is bound.
    pub(super) fn parameter(&self, number: usize) -> String {
        self.form.parameter(self.dialect, number)
    }
}

impl Translator {
    /// Starts after the `parameters_before` parameters of the surrounding query.
    pub(super) fn new(dialect: Dialect, parameters_before: usize, user_id: Uuid) -> Self {
        Self {
            dialect,
            user_id,
            parameters_before,
            params: Vec::new(),
            needs_referral: false,
            needs_document: false,
            collection: None,
        }
    }

    /// Says whether the query has to join `referrals r`.
    pub(super) fn needs_referral(&self) -> bool {
        self.needs_referral || self.needs_document
    }

    /// Says whether the query has to add [`Translator::DOCUMENT`] after `referrals r`.
    pub(super) fn needs_document(&self) -> bool {
        self.needs_document && self.dialect == Dialect::Postgres
    }

    /// Parses the document once for each row; without `OFFSET` PostgreSQL would do so at each use.
    pub(super) const DOCUMENT: &'static str =
        "CROSS JOIN LATERAL (SELECT CAST(r.document AS jsonb) AS document OFFSET 0) d";

    /// Adds a parameter of the surrounding query and returns its number.
    pub(super) fn push(&mut self, value: Value) -> usize {
        self.params.push(value);
        self.parameters_before.saturating_add(self.params.len())
    }

    /// Returns the values of the parameters.
    pub(super) fn into_params(self) -> Vec<Value> {
        self.params
    }

    /// Returns a condition that is true where the predicate is, and false or null elsewhere.
    pub(super) fn condition(&mut self, predicate: &Expr) -> String {
        self.predicate(predicate, Logic::TrueOnly)
    }

    /// Returns the value of an expression: see `values` for how each type is held.
    pub(super) fn selected(&mut self, expr: &Expr) -> String {
        self.value(expr).sql
    }

    /// Returns what orders rows as the expression does, apart from nulls.
    pub(super) fn key(&mut self, expr: &Expr) -> Key {
        let operand = self.value(expr);
        let is_nullable = operand.is_nullable;
        let (sql, form) = match operand.form {
            Form::Boolean => (format!("CAST(CAST({} AS integer) AS bigint)", operand.sql), Form::Int),
            Form::Word(_) | Form::Number | Form::Text => {
                let form = if let Form::Word(_) = operand.form { Form::Int } else { operand.form };
                (self.in_order(operand).sql, form)
            }
            Form::Int | Form::Guid => (operand.sql, operand.form),
        };
        Key { sql, is_nullable, form, dialect: self.dialect }
    }

    fn predicate(&mut self, expr: &Expr, logic: Logic) -> String {
        match &expr.node {
            Node::Compare(comparison, left, right) => self.comparison(*comparison, left, right, logic),
            Node::In(item, list) => self.membership(item, list, logic),
            Node::And(parts) => self.joined(parts, " AND ", logic),
            Node::Or(parts) => self.joined(parts, " OR ", logic),
            Node::Not(inner) => format!("NOT ({})", self.predicate(inner, Logic::ThreeValued)),
            Node::Lambda { quantifier, collection, predicate } => {
                self.lambda(*quantifier, collection, predicate.as_deref(), logic)
            }
            Node::Literal(_)
            | Node::Path(_)
            | Node::Count(_)
            | Node::Arithmetic(..)
            | Node::Negate(_)
            | Node::Call(..)
            | Node::Cast(..) => self.operand(expr, Form::Boolean).sql,
        }
    }

    fn joined(&mut self, parts: &[Expr], operator: &str, logic: Logic) -> String {
        let parts: Vec<String> = parts.iter().map(|it| self.predicate(it, logic)).collect();
        format!("({})", parts.join(operator))
    }

    fn comparison(&mut self, comparison: Comparison, left: &Expr, right: &Expr, logic: Logic) -> String {
        match (left.is_null(), right.is_null()) {
            (true, true) => return constant(allows_equal(comparison)).to_owned(),
            (true, false) => return self.against_null(comparison, right),
            (false, true) => return self.against_null(comparison, left),
            (false, false) => {}
        }
        match (&left.node, &right.node) {
            (_, Node::Literal(literal)) => self.against_literal(comparison, left, literal, right, logic),
            (Node::Literal(literal), _) => {
                self.against_literal(mirrored(comparison), right, literal, left, logic)
            }
            _ => {
                let (left, right) = (self.value(left), self.value(right));
                let (left, right) = self.in_one_form(left, right);
                self.compared(comparison, left, right, logic)
            }
        }
    }

    fn against_null(&mut self, comparison: Comparison, expr: &Expr) -> String {
        match comparison {
            Comparison::Equal | Comparison::GreaterOrEqual | Comparison::LessOrEqual => {
                format!("{} IS NULL", self.value(expr).sql)
            }
            Comparison::NotEqual => format!("{} IS NOT NULL", self.value(expr).sql),
            Comparison::Greater | Comparison::Less => "FALSE".to_owned(),
        }
    }

    fn against_literal(
        &mut self,
        comparison: Comparison,
        expr: &Expr,
        literal: &Literal,
        right: &Expr,
        logic: Logic,
    ) -> String {
        if let (Literal::Boolean(wanted), Some(is_equal)) = (literal, equality(comparison)) {
            return self.against_boolean(expr, *wanted == is_equal, is_equal, logic);
        }
        // What is withheld reads as null here, and null satisfies nothing but `ne`.
        if logic == Logic::TrueOnly
            && comparison != Comparison::NotEqual
            && let Some((seen, value)) = self.withheld_as_null(expr)
        {
            let (left, right) = self.with_literal(value, right);
            let compared = self.compared(comparison, left, right, logic);
            return format!("({seen} AND {compared})");
        }
        let value = self.value(expr);
        let (left, right) = self.with_literal(value, right);
        self.compared(comparison, left, right, logic)
    }

    /// Compares with `true` or `false`: `expr eq wanted`, or `expr ne (not wanted)`.
    fn against_boolean(&mut self, expr: &Expr, wanted: bool, is_equal: bool, logic: Logic) -> String {
        let is_plain = (is_equal && logic == Logic::TrueOnly) || !may_be_null(expr);
        if is_plain && wanted {
            return self.predicate(expr, logic);
        }
        let value = self.operand(expr, Form::Boolean);
        match (is_plain || !value.is_nullable, is_equal) {
            (true, _) if wanted => value.sql,
            (true, _) => format!("NOT {}", value.sql),
            (false, true) => format!("{} IS {}", value.sql, constant(wanted)),
            (false, false) => format!("{} IS NOT {}", value.sql, constant(!wanted)),
        }
    }

    fn compared(&self, comparison: Comparison, left: Operand, right: Operand, logic: Logic) -> String {
        let nulls = usize::from(left.is_nullable) + usize::from(right.is_nullable);
        let (left, right) = match equality(comparison) {
            Some(_) => (left.sql, right.sql),
            None => (self.in_order(left).sql, self.in_order(right).sql),
        };
        let plain = |operator: &str| format!("{left} {operator} {right}");
        let is_plain = nulls == 0 || logic == Logic::TrueOnly;
        match comparison {
            Comparison::Equal if is_plain && nulls < 2 => plain("="),
            Comparison::Equal => plain(self.same()),
            Comparison::NotEqual if nulls == 0 => plain("<>"),
            Comparison::NotEqual => plain(self.distinct()),
            Comparison::Greater | Comparison::Less if is_plain => plain(symbol(comparison)),
            Comparison::GreaterOrEqual | Comparison::LessOrEqual if is_plain && nulls < 2 => {
                plain(symbol(comparison))
            }
            Comparison::GreaterOrEqual | Comparison::LessOrEqual if nulls == 2 => {
                // Each side is written once, or texts would double with every level.
                format!(
                    "(SELECT COALESCE(s.one {} s.other, s.one IS NULL AND s.other IS NULL)
                     FROM (SELECT {left} AS one, {right} AS other) s)",
                    symbol(comparison)
                )
            }
            Comparison::Greater | Comparison::Less | Comparison::GreaterOrEqual | Comparison::LessOrEqual => {
                format!("COALESCE({}, FALSE)", plain(symbol(comparison)))
            }
        }
    }

    fn same(&self) -> &'static str {
        match self.dialect {
            Dialect::Sqlite => "IS",
            Dialect::Postgres => "IS NOT DISTINCT FROM",
        }
    }

    fn distinct(&self) -> &'static str {
        match self.dialect {
            Dialect::Sqlite => "IS NOT",
            Dialect::Postgres => "IS DISTINCT FROM",
        }
    }

    fn membership(&mut self, item: &Expr, list: &[Expr], logic: Logic) -> String {
        if item.is_null() {
            let is_null: Vec<String> =
                list.iter().map(|it| self.comparison(Comparison::Equal, item, it, logic)).collect();
            return format!("({})", is_null.join(" OR "));
        }
        if !list.iter().all(|it| matches!(it.node, Node::Literal(_))) {
            return self.membership_of_values(item, list);
        }
        let has_null = list.iter().any(Expr::is_null);
        let list: Vec<&Expr> = list.iter().filter(|it| !it.is_null()).collect();
        let (seen, value) = match self.withheld_as_null(item) {
            Some((seen, value)) if logic == Logic::TrueOnly && !has_null => (Some(seen), value),
            _ => (None, self.value(item)),
        };
        let form = list.iter().fold(value.form, |form, it| form.shared_with(Form::of(it)));
        let value = self.in_form(value, form);
        if list.is_empty() {
            return format!("{} IS NULL", value.sql);
        }
        let literals: Vec<String> = list.iter().map(|it| self.operand(it, form).sql).collect();
        let found = format!("{} IN ({})", value.sql, literals.join(", "));
        let is_plain = !value.is_nullable || (logic == Logic::TrueOnly && !has_null);
        match seen {
            Some(seen) => format!("({seen} AND {found})"),
            None if is_plain => found,
            None => format!("COALESCE({found}, {})", constant(has_null)),
        }
    }

    fn membership_of_values(&mut self, item: &Expr, list: &[Expr]) -> String {
        let form = list.iter().fold(Form::of(item), |form, it| form.shared_with(Form::of(it)));
        let item = self.operand(item, form).sql;
        let same = self.same();
        let found: Vec<String> =
            list.iter().map(|it| format!("s.item {same} {}", self.operand(it, form).sql)).collect();
        format!("EXISTS (SELECT 1 FROM (SELECT {item} AS item) s WHERE {})", found.join(" OR "))
    }

    fn lambda(
        &mut self,
        quantifier: Quantifier,
        collection: &Path,
        predicate: Option<&Expr>,
        logic: Logic,
    ) -> String {
        let seen = self.seen(places::facet(None, collection));
        let items = self.items(collection);
        let mut necessary = None;
        let outer = self.collection.replace(collection.clone());
        let condition = predicate.map(|it| self.predicate(it, Logic::TrueOnly));
        self.collection = outer;
        let found = match quantifier {
            Quantifier::Any => {
                if logic == Logic::TrueOnly {
                    necessary = predicate.and_then(|it| required::team_member(collection, it));
                }
                let condition = condition.map(|it| format!(" WHERE {it}")).unwrap_or_default();
                format!("EXISTS (SELECT 1 FROM {items}{condition})")
            }
            Quantifier::All => {
                let condition = condition.unwrap_or_else(|| "TRUE".to_owned());
                format!("EXISTS (SELECT 1 FROM {items} WHERE ({condition}) IS NOT TRUE)")
            }
        };
        let mut parts: Vec<String> = seen.into_iter().collect();
        if let Some(email) = necessary {
            let email = self.bind(Form::Text, email.into());
            parts.push(format!(
                "EXISTS (SELECT 1 FROM referral_team t WHERE t.referral_id = v.referral_id AND t.email = {email})"
            ));
        }
        parts.push(found);
        match quantifier {
            Quantifier::Any => format!("({})", parts.join(" AND ")),
            Quantifier::All => format!("NOT ({})", parts.join(" AND ")),
        }
    }
}

/// Says whether a predicate may be null.
fn may_be_null(expr: &Expr) -> bool {
    match &expr.node {
        Node::Compare(..) | Node::In(..) | Node::Lambda { .. } | Node::Count(_) => false,
        Node::Literal(literal) => *literal == Literal::Null,
        Node::And(parts) | Node::Or(parts) => parts.iter().any(may_be_null),
        Node::Not(inner) => may_be_null(inner),
        Node::Path(_) | Node::Arithmetic(..) | Node::Negate(_) | Node::Call(..) | Node::Cast(..) => true,
    }
}

fn constant(value: bool) -> &'static str {
    if value { "TRUE" } else { "FALSE" }
}

/// Returns whether a comparison is `eq` (or `ne`). `None` for those that ask for an order.
fn equality(comparison: Comparison) -> Option<bool> {
    match comparison {
        Comparison::Equal => Some(true),
        Comparison::NotEqual => Some(false),
        Comparison::Greater | Comparison::GreaterOrEqual | Comparison::Less | Comparison::LessOrEqual => None,
    }
}

fn allows_equal(comparison: Comparison) -> bool {
    match comparison {
        Comparison::Equal | Comparison::GreaterOrEqual | Comparison::LessOrEqual => true,
        Comparison::NotEqual | Comparison::Greater | Comparison::Less => false,
    }
}

/// Returns the comparison with its sides exchanged.
fn mirrored(comparison: Comparison) -> Comparison {
    match comparison {
        Comparison::Equal | Comparison::NotEqual => comparison,
        Comparison::Greater => Comparison::Less,
        Comparison::GreaterOrEqual => Comparison::LessOrEqual,
        Comparison::Less => Comparison::Greater,
        Comparison::LessOrEqual => Comparison::GreaterOrEqual,
    }
}

fn symbol(comparison: Comparison) -> &'static str {
    match comparison {
        Comparison::Equal => "=",
        Comparison::NotEqual => "<>",
        Comparison::Greater => ">",
        Comparison::GreaterOrEqual => ">=",
        Comparison::Less => "<",
        Comparison::LessOrEqual => "<=",
    }
}

#[cfg(test)]
mod agreement_tests;
#[cfg(test)]
mod tests;
