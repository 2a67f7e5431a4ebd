//! What both forms of `$metadata` say: the types in their order, their names, and the annotations.

use odata::schema::{Kind, Property, StructuredType, Type};

use crate::domain::{
    query::{SCHEMA, is_collection, properties::REFERRAL},
    referral::READ_ONLY,
    revision::patch,
};

/// Name of the collection of referrals.
pub(super) const ENTITY_SET: &str = "referrals";
/// Name of what holds it.
pub(super) const CONTAINER: &str = "Container";
/// Name of the entity's key.
pub(super) const KEY: &str = "id";
/// How many digits a second has after the point: ticks of 100 ns.
pub(super) const TIME_PRECISION: u8 = 7;

/// Vocabularies that annotations are taken from. Terms carry the whole namespace, because some clients look for them
/// under no other name.
pub(super) const VOCABULARIES: [&str; 2] = ["Org.OData.Core.V1", "Org.OData.Capabilities.V1"];

/// Where a vocabulary is described, without `.xml` or `.json`.
pub(super) fn vocabulary_address(namespace: &str) -> String {
    format!("https://oasis-tcs.github.io/odata-vocabularies/vocabularies/{namespace}")
}

/// The value of an annotation.
pub(super) enum Value {
    /// Yes or no.
    Bool(bool),
    /// Paths of properties.
    Paths(Vec<&'static str>),
    /// Members with values.
    Record(Vec<(&'static str, Value)>),
}

/// Says of a member that the server makes its value, and ignores what is sent.
pub(super) const COMPUTED: &str = "Org.OData.Core.V1.Computed";

/// Returns every complex type, in the order in which the entity leads to them.
pub(super) fn complex_types() -> Vec<&'static StructuredType> {
    let mut found = Vec::new();
    collect(SCHEMA.entity, &mut found);
    found
}

fn collect(ty: &'static StructuredType, found: &mut Vec<&'static StructuredType>) {
    for property in ty.properties {
        if let Kind::Complex(below) | Kind::Complexes(below) = property.kind
            && !found.iter().any(|it| it.name == below.name)
        {
            found.push(below);
            collect(below, found);
        }
    }
}

/// Returns the name of a single value's type, with its namespace.
pub(super) fn qualified(kind: Kind) -> String {
    let namespace = SCHEMA.namespace;
    match kind {
        Kind::Complex(it) | Kind::Complexes(it) => format!("{namespace}.{}", it.name),
        Kind::Scalar(Type::Enum(it)) | Kind::Scalars(Type::Enum(it)) => format!("{namespace}.{}", it.name),
        Kind::Scalar(it) | Kind::Scalars(it) => it.name().to_owned(),
    }
}

/// Returns the type of a single value; `None` for what has members.
pub(super) fn scalar(kind: Kind) -> Option<Type> {
    match kind {
        Kind::Scalar(it) | Kind::Scalars(it) => Some(it),
        Kind::Complex(_) | Kind::Complexes(_) => None,
    }
}

/// Says whether a member of a type is the server's. What a patch can set all the same is not.
pub(super) fn is_computed(ty: &StructuredType, property: &Property) -> bool {
    let is_set_by_patch =
        patch::VALUES.iter().any(|it| it.strip_prefix('/').is_some_and(|it| it == property.name));
    ty.name == REFERRAL.name && READ_ONLY.contains(&property.name) && !is_set_by_patch
}

/// Returns what is said of the container.
pub(super) fn container_annotations() -> Vec<(&'static str, Value)> {
    vec![
        ("Org.OData.Capabilities.V1.BatchSupported", Value::Bool(false)),
        ("Org.OData.Capabilities.V1.KeyAsSegmentSupported", Value::Bool(true)),
    ]
}

/// Returns what is said of the collection.
pub(super) fn set_annotations() -> Vec<(&'static str, Value)> {
    let named = |is_named: fn(&Property) -> bool| {
        Value::Paths(REFERRAL.properties.iter().filter(|it| is_named(it)).map(|it| it.name).collect())
    };
    let unfiltered = named(|it| !it.is_filterable);
    let unsorted = named(|it| !it.is_filterable || is_collection(it));
    vec![
        ("Org.OData.Core.V1.OptimisticConcurrency", Value::Paths(vec!["eTag"])),
        (
            "Org.OData.Capabilities.V1.DeleteRestrictions",
            Value::Record(vec![("Deletable", Value::Bool(false))]),
        ),
        (
            "Org.OData.Capabilities.V1.FilterRestrictions",
            Value::Record(vec![("Filterable", Value::Bool(true)), ("NonFilterableProperties", unfiltered)]),
        ),
        (
            "Org.OData.Capabilities.V1.SortRestrictions",
            Value::Record(vec![("Sortable", Value::Bool(true)), ("NonSortableProperties", unsorted)]),
        ),
    ]
}
