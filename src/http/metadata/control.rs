//! Control information of one entity (OData 4.0, JSON format, section 4.5): what `odata.metadata=full` adds to a
//! rendered referral, and what `none` takes away.
//!
//! ```text
//! "@odata.type", "@odata.id", "@odata.etag", "@odata.editLink", "relatedReferrals@odata.navigationLink",
//! "createdDateTime@odata.type": "#DateTimeOffset", "createdDateTime": "…", …
//! ```

use odata::schema::{Kind, Property, StructuredType, Type};
use uuid::Uuid;

use super::model;
use crate::{
    domain::{
        etag::ETag,
        json::Node,
        query::{RELATED_REFERRALS, SCHEMA},
    },
    http::format::{Format, Metadata},
};

const CONTEXT: &str = "@odata.context";

/// What the control information of an entity is made of.
#[derive(Clone, Copy, Debug)]
pub struct Entity<'a> {
    /// Public base URL without a slash at the end.
    pub base_url: &'a str,
    /// Key.
    pub id: Uuid,
    /// Engagement, which leads to the related referrals.
    pub engagement_id: Uuid,
    /// Token of the version, as the viewer sees it.
    pub etag: ETag,
}

/// Puts one rendered referral into a format. Members may be missing, because only some were selected; entities that were
/// expanded inside keep what they have.
pub fn apply(body: String, format: Format, entity: &Entity<'_>) -> String {
    if format.metadata == Metadata::Minimal && !format.is_ieee754_compatible {
        return body;
    }
    let Ok(Node::Object(members)) = Node::from_document(&body) else { return body };
    let (mut control, mut members): (Vec<_>, Vec<_>) =
        members.into_iter().partition(|(name, _)| name.starts_with("@odata."));
    match format.metadata {
        Metadata::Minimal => {}
        Metadata::None => control.clear(),
        Metadata::Full => {
            control.retain(|(name, _)| name == CONTEXT);
            control.extend(full(entity));
            members = annotated(members, SCHEMA.entity);
        }
    }
    control.append(&mut members);
    let mut node = Node::Object(control);
    if format.is_ieee754_compatible {
        spell_out(&mut node);
    }
    node.to_json()
}

/// Returns what `full` says of the entity as a whole. Links are relative to the context, as clients expect them.
fn full(entity: &Entity<'_>) -> [(String, Node); 5] {
    let Entity { base_url, id, engagement_id, etag } = entity;
    let set = model::ENTITY_SET;
    let related = format!("{set}?$filter=engagementId%20eq%20{engagement_id}");
    [
        ("@odata.type".to_owned(), format!("#{}.{}", SCHEMA.namespace, SCHEMA.entity.name)),
        ("@odata.id".to_owned(), format!("{base_url}/v1.0/engagements/{set}({id})")),
        ("@odata.etag".to_owned(), etag.to_string()),
        ("@odata.editLink".to_owned(), format!("{set}({id})")),
        (format!("{RELATED_REFERRALS}@odata.navigationLink"), related),
    ]
    .map(|(name, text)| (name, Node::Text(text)))
}

/// Puts its type before every member that JSON alone does not tell the type of.
fn annotated(members: Vec<(String, Node)>, ty: &'static StructuredType) -> Vec<(String, Node)> {
    let mut annotated = Vec::with_capacity(members.len().saturating_mul(2));
    for (name, value) in members {
        let property = ty.properties.iter().find(|it| it.name == name);
        let Some(property) = property.filter(|_| value != Node::Null) else {
            annotated.push((name, value));
            continue;
        };
        if let Some(mark) = mark(property) {
            annotated.push((format!("{name}@odata.type"), Node::Text(mark)));
        }
        annotated.push((name, annotated_value(value, property)));
    }
    annotated
}

fn annotated_value(value: Node, property: &'static Property) -> Node {
    match (property.kind, value) {
        (Kind::Complex(ty), Node::Object(members)) => {
            let own = ("@odata.type".to_owned(), Node::Text(format!("#{}", model::qualified(property.kind))));
            Node::Object([own].into_iter().chain(annotated(members, ty)).collect())
        }
        (Kind::Complexes(ty), Node::Array(items)) => Node::Array(
            items
                .into_iter()
                .map(|item| match item {
                    Node::Object(members) => Node::Object(annotated(members, ty)),
                    other => other,
                })
                .collect(),
        ),
        (_, value) => value,
    }
}

/// Returns the type as control information has it: without `Edm.`. `None` where the value says it.
fn mark(property: &Property) -> Option<String> {
    let qualified = model::qualified(property.kind);
    let name = qualified.strip_prefix("Edm.").unwrap_or(&qualified);
    match property.kind {
        Kind::Complex(_) | Kind::Scalar(Type::String | Type::Boolean) => None,
        Kind::Scalar(_) => Some(format!("#{name}")),
        Kind::Scalars(_) | Kind::Complexes(_) => Some(format!("#Collection({name})")),
    }
}

/// Turns numbers into texts: all that a referral has are decimals.
fn spell_out(node: &mut Node) {
    match node {
        Node::Number(text) => *node = Node::Text(std::mem::take(text)),
        Node::Array(items) => items.iter_mut().for_each(spell_out),
        Node::Object(members) => members.iter_mut().for_each(|(_, it)| spell_out(it)),
        Node::Null | Node::Bool(_) | Node::Text(_) => {}
    }
}
