//! The statement: a row for each referral, and what the rows add up to.

use odata::{
    schema::{Kind, Property, Type},
    tree::{Expr, Node, Path, Root},
};

use super::InsightQuery;
use crate::{
    domain::{
        actor::Scope,
        insight::Flow,
        query::SCHEMA,
        revision::WITHDRAWN,
        visibility::{RELATIONS, Relation},
    },
    storage::{dialect::Dialect, list::Select, value::Value},
};

const TICKS_PER_DAY: i64 = odata::moment::TICKS_PER_DAY;
/// Characters of a reason that tell it from others.
const REASON_CHARS_MAX: u32 = 120;
/// Reasons and solutions that are told apart: people write both as they like.
const REASONS_MAX: u32 = 60;
const SOLUTIONS_MAX: u32 = 500;

/// Kinds of rows.
pub(super) const STANDING: i64 = 0;
pub(super) const SPAN: i64 = 1;
pub(super) const REASON: i64 = 2;
pub(super) const SOLUTION: i64 = 3;
pub(super) const DAY: i64 = 4;

/// Returns the statement with its parameters. Its columns: kind, flow, standing, name, label, currency, four numbers and
/// a sum.
pub(super) fn statement(dialect: Dialect, scope: &Scope, query: &InsightQuery<'_>) -> (String, Vec<Value>) {
    let mut select = Select::new(dialect, scope, query.predicates);
    let facts = facts(dialect, query, &mut select);
    let kinds = [standings(dialect), spans(), reasons(), solutions(dialect), days()];
    let sql = format!("WITH facts AS MATERIALIZED ({facts}) {}", kinds.join(" UNION ALL "));
    (sql, select.into_params())
}

/// Returns the place of a relation in what is written down of who sees what.
fn place(relation: Relation) -> usize {
    RELATIONS.iter().position(|it| *it == relation).unwrap_or(RELATIONS.len())
}

fn facts(dialect: Dialect, query: &InsightQuery<'_>, select: &mut Select<'_>) -> String {
    let (owner, inviter) = (place(Relation::Owner), place(Relation::Inviter));
    select.joins_referral = true;
    let [inbound, outbound, own] = [
        format!("(v.relation = {owner} AND v.direction = 'Incoming')"),
        format!("(v.relation = {inviter})"),
        format!("(v.relation = {owner} AND v.direction <> 'Incoming')"),
    ];
    select.conditions.push("v.substatus <> 'Error'".to_owned());
    select.conditions.push(match query.flow {
        None => format!("v.relation IN ({owner}, {inviter})"),
        Some(Flow::Inbound) => inbound.clone(),
        Some(Flow::Outbound) => outbound.clone(),
        Some(Flow::Own) => own.clone(),
    });
    if let Some(mpn_id) = query.mpn_id {
        let mpn_id = select.bind(mpn_id.into());
        let own_location = format!("CASE WHEN {outbound} THEN r.inviter_mpn_id ELSE r.mpn_id END");
        select.conditions.push(format!("{own_location} = {mpn_id}"));
    }
    let is_single = match query.flow {
        Some(_) => "1".to_owned(),
        None => format!(
            "CASE WHEN {outbound} AND EXISTS (
                SELECT 1 FROM referrals o
                WHERE o.engagement_id = r.engagement_id AND o.organization_id = $1) THEN 0 ELSE 1 END"
        ),
    };
    let [value, currency, accepted, closed, reason] =
        ["details/dealValue", "details/currency", "acceptedDateTime", "closedDateTime", "statusReason"]
            .map(|it| select.value(&member(it)));
    let (known, withdrawn) = (known_reason(query.reasons, &reason, select), select.bind(WITHDRAWN.into()));
    let solutions = dialect.member_of_document("details/requirements/solutions");
    format!(
        "SELECT v.referral_id AS id,
            CASE WHEN {inbound} THEN 0 WHEN {outbound} THEN 1 ELSE 2 END AS flow,
            CASE
                WHEN v.substatus IN ('Pending', 'Received') THEN 'waiting'
                WHEN v.substatus = 'Accepted' THEN 'accepted'
                WHEN v.substatus = 'Won' THEN 'won'
                WHEN v.substatus = 'Lost' THEN 'lost'
                WHEN v.substatus = 'Declined' THEN 'declined'
                WHEN {reason} = {withdrawn} THEN 'withdrawn'
                ELSE 'expired'
            END AS standing,
            {is_single} AS is_single,
            v.country, {currency} AS currency, {value} AS value,
            v.created / {TICKS_PER_DAY} AS day,
            CASE
                WHEN v.substatus IN ('Accepted', 'Won', 'Lost') AND NOT {own} THEN {accepted} - v.created
            END AS waited,
            CASE WHEN v.substatus = 'Won' THEN {closed} - COALESCE({accepted}, v.created) END AS worked,
            CASE WHEN v.substatus IN ('Declined', 'Lost') THEN {known} END AS reason,
            {solutions} AS solutions
         {body}",
        body = select.body(),
    )
}

/// Returns the reason that a text begins with, or the beginning of the text.
fn known_reason(reasons: &[&str], text: &str, select: &mut Select<'_>) -> String {
    let known: Vec<String> = reasons
        .iter()
        .map(|reason| {
            let reason = select.bind((*reason).into());
            format!("WHEN liaison_starts_with({text}, CAST({reason} AS text)) THEN CAST({reason} AS text)")
        })
        .collect();
    let beginning = format!("substr({text}, 1, {REASON_CHARS_MAX})");
    match known.is_empty() {
        true => beginning,
        false => format!("CASE {} ELSE {beginning} END", known.join(" ")),
    }
}

fn standings(dialect: Dialect) -> String {
    let value = dialect.sum_of("value");
    format!(
        "SELECT {STANDING} AS kind, flow, standing, country AS name, CAST(NULL AS text) AS label, currency,
            CAST(is_single AS bigint) AS one, COUNT(*) AS two, CAST(0 AS bigint) AS three, CAST(0 AS bigint) AS four,
            {value} AS value
         FROM facts
         GROUP BY flow, standing, country, currency, is_single"
    )
}

/// The nearest rank: the smallest span that is no shorter than the given part of all.
fn spans() -> String {
    format!(
        "SELECT {SPAN}, flow, NULL, NULL, NULL, NULL, CAST(leg AS bigint), CAST(MAX(ranked) AS bigint),
            CAST(MAX(CASE WHEN rank = (ranked + 1) / 2 THEN ticks END) AS bigint),
            CAST(MAX(CASE WHEN rank = (ranked * 9 + 9) / 10 THEN ticks END) AS bigint),
            NULL
         FROM (
            SELECT flow, leg, ticks,
                ROW_NUMBER() OVER (PARTITION BY flow, leg ORDER BY ticks) AS rank,
                COUNT(*) OVER (PARTITION BY flow, leg) AS ranked
            FROM (
                SELECT flow, 0 AS leg, waited AS ticks FROM facts WHERE waited IS NOT NULL
                UNION ALL
                SELECT flow, 1 AS leg, worked AS ticks FROM facts WHERE worked IS NOT NULL) legs) spans
         GROUP BY flow, leg"
    )
}

fn reasons() -> String {
    format!(
        "SELECT {REASON}, flow, standing, reason, NULL, NULL, counted, 0, 0, 0, NULL
         FROM (
            SELECT flow, standing, reason, COUNT(*) AS counted
            FROM facts
            WHERE standing IN ('declined', 'lost')
            GROUP BY flow, standing, reason
            ORDER BY counted DESC, reason
            LIMIT {REASONS_MAX}) reasons"
    )
}

fn solutions(dialect: Dialect) -> String {
    let (items, value) = (dialect.items_of("f.solutions"), dialect.sum_of("value"));
    format!(
        "SELECT {SOLUTION}, 0, NULL, solution, label, currency, counted, accepted, won, 0, value
         FROM (
            SELECT solution, MIN(label) AS label, currency, COUNT(*) AS counted,
                CAST(SUM(CASE WHEN standing IN ('accepted', 'won', 'lost') THEN 1 ELSE 0 END) AS bigint) AS accepted,
                CAST(SUM(CASE WHEN standing = 'won' THEN 1 ELSE 0 END) AS bigint) AS won,
                {value} AS value
            FROM (
                SELECT f.id, f.standing, f.currency, f.value, item.value ->> 'id' AS solution,
                    MIN(item.value ->> 'name') AS label
                FROM facts f CROSS JOIN {items}
                WHERE f.is_single = 1
                GROUP BY f.id, f.standing, f.currency, f.value, item.value ->> 'id') sold
            WHERE solution IS NOT NULL
            GROUP BY solution, currency
            ORDER BY counted DESC, solution
            LIMIT {SOLUTIONS_MAX}) solutions"
    )
}

fn days() -> String {
    format!(
        "SELECT {DAY}, 0, NULL, NULL, NULL, NULL, CAST(day AS bigint), COUNT(*),
            CAST(SUM(CASE WHEN standing IN ('accepted', 'won', 'lost') THEN 1 ELSE 0 END) AS bigint),
            CAST(SUM(CASE WHEN standing = 'won' THEN 1 ELSE 0 END) AS bigint),
            NULL
         FROM facts
         WHERE is_single = 1
         GROUP BY day"
    )
}

/// Returns a member of the document as an expression: a path of the property table, such as `details/dealValue`.
fn member(path: &str) -> Expr {
    let (mut segments, mut properties): (Vec<&'static Property>, _) = (Vec::new(), SCHEMA.entity.properties);
    for name in path.split('/') {
        let Some(property) = properties.iter().find(|it| it.name == name) else { break };
        segments.push(property);
        if let Kind::Complex(inner) = property.kind {
            properties = inner.properties;
        }
    }
    let ty = match segments.last().map(|it| it.kind) {
        Some(Kind::Scalar(ty)) => ty,
        _ => Type::String,
    };
    Expr { node: Node::Path(Path { root: Root::Entity, segments }), ty: Some(ty) }
}

#[cfg(test)]
mod tests {
    use odata::{schema::Type, tree::Node};

    use super::member;

    #[test]
    fn members_are_of_the_property_table() {
        let members = [
            ("details/dealValue", Type::Decimal),
            ("details/currency", Type::String),
            ("acceptedDateTime", Type::DateTime),
            ("closedDateTime", Type::DateTime),
            ("statusReason", Type::String),
        ];
        for (path, ty) in members {
            let expr = member(path);
            let Node::Path(found) = &expr.node else { panic!("{path} is no path") };
            assert_eq!((found.names().as_str(), expr.ty), (path, Some(ty)));
        }
    }
}
