//! What a predicate requires of every row, so that a query can start there, and what no index serves.

use odata::tree::{Comparison, Expr, Function, Node, Path, Quantifier, Root, Value as Literal};
use uuid::Uuid;

use super::places;
use crate::domain::vocabulary::{Status, Substatus, Vocabulary as _};

/// Paths that indexes on the viewers' rows hold.
const INDEXED: [&str; 10] = [
    "id",
    "engagementId",
    "createdDateTime",
    "updatedDateTime",
    "direction",
    "status",
    "substatus",
    "type",
    "qualification",
    "customerProfile/address/country",
];

/// Returns the engagements one of which every row belongs to. `None` when the predicate does not say.
pub(in crate::storage::list) fn required_engagements(predicate: &Expr) -> Option<Vec<Uuid>> {
    conjuncts(predicate).find_map(|it| guids(it, "engagementId"))
}

/// Returns the ids one of which every row has. `None` when the predicate does not say.
pub(in crate::storage::list) fn required_ids(predicate: &Expr) -> Option<Vec<Uuid>> {
    conjuncts(predicate).find_map(|it| guids(it, "id"))
}

/// Returns the address, in lower case, of a member of the team that every row has. `None` when the predicate does not
/// say.
pub(in crate::storage::list) fn required_team_member(predicate: &Expr) -> Option<String> {
    conjuncts(predicate).find_map(|it| match &it.node {
        Node::Lambda { quantifier: Quantifier::Any, collection, predicate: Some(predicate) } => {
            team_member(collection, predicate)
        }
        _ => None,
    })
}

/// Returns the index on `referral_viewers` that leaves few rows of those that a predicate takes. `None` when going along
/// all of them is as good.
pub(in crate::storage::list) fn selective_index(predicate: &Expr) -> Option<&'static str> {
    let found = |name: &str, is_rare: fn(&Literal) -> bool| {
        conjuncts(predicate).any(|it| {
            let Node::Compare(Comparison::Equal, left, right) = &it.node else { return false };
            [(left, right), (right, left)].iter().any(|(path, value)| {
                is_named(path, name) && matches!(&value.node, Node::Literal(literal) if is_rare(literal))
            })
        })
    };
    // Most referrals are accepted and open, or closed; few wait for an answer.
    if found("substatus", |it| word(it).is_some_and(|it| it != Substatus::Accepted.as_str())) {
        return Some("referral_viewers_by_substatus");
    }
    if found("status", |it| word(it) == Some(Status::New.as_str())) {
        return Some("referral_viewers_by_status");
    }
    let is_country = found("customerProfile/address/country", |it| matches!(it, Literal::String(_)));
    is_country.then_some("referral_viewers_by_country")
}

fn word(literal: &Literal) -> Option<&'static str> {
    match literal {
        Literal::Enum(words, place) => words.members.get(*place).copied(),
        _ => None,
    }
}

/// Returns the first of the conditions that no index serves. `None` when there is none.
pub(in crate::storage::list) fn costly_part(predicate: &Expr) -> Option<&Expr> {
    conjuncts(predicate).find(|it| !is_served(it))
}

/// Says whether an index finds the rows of one of the conditions.
pub(in crate::storage::list) fn is_partly_served(predicate: &Expr) -> bool {
    conjuncts(predicate).any(is_served)
}

/// Returns the address, in lower case, that an item of a collection must have, if the collection is the team.
pub(super) fn team_member(collection: &Path, predicate: &Expr) -> Option<String> {
    if collection.root != Root::Entity || collection.names() != "team" {
        return None;
    }
    let email = conjuncts(predicate).find_map(|it| {
        let Node::Compare(Comparison::Equal, left, right) = &it.node else { return None };
        let text =
            text(right).filter(|_| is_email(left)).or_else(|| text(left).filter(|_| is_email(right)))?;
        Some(text.to_lowercase())
    });
    // An empty address has no row in the table of the teams.
    email.filter(|it| !it.is_empty())
}

/// Says whether an expression is the item's address, as it is or in lower case.
fn is_email(expr: &Expr) -> bool {
    match &expr.node {
        Node::Path(path) => path.root == Root::Item && path.names() == "email" && places::is_text(path),
        Node::Call(Function::ToLower, arguments) => {
            arguments.first().is_some_and(|it| matches!(it.node, Node::Path(_)) && is_email(it))
        }
        _ => false,
    }
}

fn text(expr: &Expr) -> Option<&str> {
    match &expr.node {
        Node::Literal(Literal::String(text)) => Some(text),
        _ => None,
    }
}

/// Returns the parts that must all be true.
fn conjuncts(predicate: &Expr) -> Box<dyn Iterator<Item = &Expr> + '_> {
    match &predicate.node {
        Node::And(parts) => Box::new(parts.iter().flat_map(conjuncts)),
        _ => Box::new(std::iter::once(predicate)),
    }
}

/// Returns the values of `name eq …` and `name in (…)`.
fn guids(expr: &Expr, name: &str) -> Option<Vec<Uuid>> {
    match &expr.node {
        Node::Compare(Comparison::Equal, left, right) => {
            let value = match (is_named(left, name), is_named(right, name)) {
                (true, _) => right,
                (_, true) => left,
                _ => return None,
            };
            guid(value).map(|it| vec![it])
        }
        Node::In(item, list) if is_named(item, name) => list.iter().map(guid).collect(),
        _ => None,
    }
}

fn guid(expr: &Expr) -> Option<Uuid> {
    match expr.node {
        Node::Literal(Literal::Guid(id)) => Some(id),
        _ => None,
    }
}

fn is_named(expr: &Expr, name: &str) -> bool {
    matches!(&expr.node, Node::Path(path) if path.root == Root::Entity && path.names() == name)
}

/// Says whether an index finds the rows of a condition, or leaves few to look at.
fn is_served(expr: &Expr) -> bool {
    match &expr.node {
        Node::Literal(_) => true,
        Node::And(parts) => parts.iter().any(is_served),
        Node::Or(parts) => parts.iter().all(is_served),
        Node::Compare(_, left, right) => {
            (is_indexed(left) && is_literal(right)) || (is_literal(left) && is_indexed(right))
        }
        Node::In(item, list) => is_indexed(item) && list.iter().all(is_literal),
        Node::Lambda { quantifier: Quantifier::Any, collection, predicate: Some(predicate) } => {
            team_member(collection, predicate).is_some()
        }
        Node::Path(path) => is_favorite(path),
        Node::Lambda { .. }
        | Node::Not(_)
        | Node::Count(_)
        | Node::Arithmetic(..)
        | Node::Negate(_)
        | Node::Call(..)
        | Node::Cast(..) => false,
    }
}

fn is_literal(expr: &Expr) -> bool {
    matches!(expr.node, Node::Literal(_))
}

fn is_indexed(expr: &Expr) -> bool {
    match &expr.node {
        Node::Path(path) => {
            is_favorite(path) || (path.root == Root::Entity && INDEXED.contains(&path.names().as_str()))
        }
        _ => false,
    }
}

fn is_favorite(path: &Path) -> bool {
    path.root == Root::Entity && path.names() == "favorite"
}
