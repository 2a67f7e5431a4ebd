//! The property table held against the document's own types, and against what redaction takes out.

use odata::schema::{Kind, Property, StructuredType, Type};

use super::{facet_of, is_collection, properties, withheld_value};
use crate::domain::{
    json::Node,
    referral::Referral,
    visibility::{self, Sight, TABLE},
};

/// Calls `visit` with every path of the table.
fn walk(
    ty: &'static StructuredType,
    path: &mut Vec<&'static Property>,
    visit: &mut impl FnMut(&[&'static Property]),
) {
    for property in ty.properties {
        path.push(property);
        visit(path);
        if let Kind::Complex(below) | Kind::Complexes(below) = property.kind {
            walk(below, path, visit);
        }
        path.pop();
    }
}

/// A document with a value at every path of the table, and an item in every list.
fn full(ty: &'static StructuredType) -> Node {
    Node::Object(ty.properties.iter().map(|it| (it.name.to_owned(), value(it))).collect())
}

fn value(property: &'static Property) -> Node {
    match property.kind {
        Kind::Scalar(ty) => scalar(ty),
        Kind::Scalars(ty) => Node::Array(vec![scalar(ty)]),
        Kind::Complex(below) => full(below),
        Kind::Complexes(below) => Node::Array(vec![full(below)]),
    }
}

fn scalar(ty: Type) -> Node {
    match ty {
        Type::Boolean => Node::Bool(true),
        Type::Decimal => Node::Number("1.5".to_owned()),
        Type::Guid => Node::Text("37ef26aa-1d15-4533-9f93-a69bd33ab1e5".to_owned()),
        Type::DateTime => Node::Text("2024-01-02T03:04:05Z".to_owned()),
        Type::Enum(it) => Node::Text((*it.members.last().unwrap()).to_owned()),
        Type::String => Node::Text("1to9employees".to_owned()),
        Type::Integer | Type::Date | Type::Time | Type::Duration => unreachable!("no member has this type"),
    }
}

fn full_referral() -> Referral {
    serde_json::from_str(&full(&properties::REFERRAL).to_json()).unwrap()
}

/// Names of all members in the order of the document, with their places.
fn members(node: &Node, place: &str, found: &mut Vec<String>) {
    match node {
        Node::Object(members_) => {
            for (name, below) in members_ {
                let place = format!("{place}/{name}");
                found.push(place.clone());
                members(below, &place, found);
            }
        }
        Node::Array(items) => items.iter().for_each(|it| members(it, place, found)),
        Node::Null | Node::Bool(_) | Node::Number(_) | Node::Text(_) => {}
    }
}

#[test]
fn the_table_names_the_members_of_the_document_in_order() {
    let mut expected = Vec::new();
    let document = Node::from_document(&full_referral().to_document()).unwrap();
    members(&document, "", &mut expected);

    let mut found = Vec::new();
    walk(&properties::REFERRAL, &mut Vec::new(), &mut |path| {
        found.push(path.iter().map(|it| format!("/{}", it.name)).collect::<String>());
    });

    assert_eq!(found, expected);
}

#[test]
fn null_is_where_the_table_allows_it() {
    let blank = Node::from_document(&Referral::blank().to_document()).unwrap();
    walk(&properties::REFERRAL, &mut Vec::new(), &mut |path| {
        let names: Vec<_> = path.iter().map(|it| it.name).collect();
        let Some(node) = names.iter().try_fold(&blank, |node, name| node.member(name)) else { return };
        let property = path.last().unwrap();
        if let Kind::Scalar(_) = property.kind
            && property.is_filterable
            && names != ["direction"]
        {
            assert_eq!(*node == Node::Null, property.is_nullable, "{names:?}");
        }
    });
}

#[test]
fn facets_are_those_that_redaction_goes_by() {
    let whole = Node::from_document(&full_referral().to_document()).unwrap();
    // Everybody sees the others.
    let withheld_by_some = TABLE.iter().filter(|(_, row)| row.iter().any(|it| *it != Sight::Shown));
    for (facet, _) in withheld_by_some {
        let bit = TABLE.iter().position(|(it, _)| it == facet).unwrap();
        let shown = visibility::without(full_referral(), 1 << bit);
        let shown = Node::from_document(&shown.to_document()).unwrap();
        walk(&properties::REFERRAL, &mut Vec::new(), &mut |path| {
            let property = path.last().unwrap();
            let is_asked_for = property.is_filterable && !["favorite", "direction"].contains(&property.name);
            if !is_asked_for || matches!(property.kind, Kind::Complex(_)) {
                return;
            }
            let is_withheld = path.iter().enumerate().any(|(last, it)| {
                let is_leaf = last + 1 == path.len();
                (is_leaf || is_collection(it)) && facet_of(&path[..=last]) == *facet
            });
            let expected = if is_withheld { Some(withheld_value(path)) } else { at(&whole, path) };
            let found = at(&shown, path).unwrap_or(&Node::Null);
            match property.kind {
                // Its items are looked at one by one.
                Kind::Complexes(_) => assert_eq!(is_empty(found), is_withheld, "{:?} {facet:?}", names(path)),
                _ => assert_eq!(Some(found), expected, "{:?} {facet:?}", names(path)),
            }
        });
    }
}

fn is_empty(node: &Node) -> bool {
    matches!(node, Node::Null) || *node == Node::Array(Vec::new())
}

fn names(path: &[&'static Property]) -> Vec<&'static str> {
    path.iter().map(|it| it.name).collect()
}

/// Returns what stands at a path, in the first item of each list.
fn at<'a>(node: &'a Node, path: &[&'static Property]) -> Option<&'a Node> {
    path.iter().try_fold(node, |node, property| match node {
        Node::Array(items) => items.first()?.member(property.name),
        other => other.member(property.name),
    })
}
