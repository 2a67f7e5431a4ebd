//! `$metadata` as CSDL JSON (OData 4.01, CSDL JSON Representation).

use odata::schema::{EnumType, Property, StructuredType, Type};
use serde_json::{Map, Value as Json, json};

use super::model::{self, Value};
use crate::domain::query::{SCHEMA, is_collection, properties::ENUMS};

/// Returns the whole document.
pub(super) fn text() -> String {
    let references: Map<String, Json> = model::VOCABULARIES
        .iter()
        .map(|namespace| {
            let address = format!("{}.json", model::vocabulary_address(namespace));
            (address, json!({ "$Include": [{ "$Namespace": namespace }] }))
        })
        .collect();
    let document = json!({
        "$Version": "4.0",
        "$EntityContainer": format!("{}.{}", SCHEMA.namespace, model::CONTAINER),
        "$Reference": references,
        SCHEMA.namespace: schema(),
    });
    serde_json::to_string_pretty(&document).unwrap_or_default()
}

fn schema() -> Json {
    let mut types = Map::new();
    types.insert(SCHEMA.entity.name.to_owned(), entity());
    for ty in model::complex_types() {
        types.insert(ty.name.to_owned(), structured("ComplexType", ty).into());
    }
    for ty in ENUMS {
        types.insert(ty.name.to_owned(), enumeration(ty));
    }
    types.insert(model::CONTAINER.to_owned(), container());
    types.into()
}

fn entity() -> Json {
    let mut entity = structured("EntityType", SCHEMA.entity);
    entity.insert("$Key".to_owned(), json!([model::KEY]));
    for navigation in SCHEMA.navigations {
        let target = format!("{}.{}", SCHEMA.namespace, SCHEMA.entity.name);
        let member = json!({ "$Kind": "NavigationProperty", "$Collection": true, "$Type": target });
        entity.insert(navigation.name.to_owned(), member);
    }
    entity.into()
}

fn structured(kind: &str, ty: &'static StructuredType) -> Map<String, Json> {
    let mut members = Map::from_iter([("$Kind".to_owned(), json!(kind))]);
    members.extend(ty.properties.iter().map(|it| (it.name.to_owned(), property(ty, it))));
    members
}

/// Describes a property. What is not said has the defaults: a text, never null, and any scale of a decimal.
fn property(ty: &StructuredType, property: &Property) -> Json {
    let mut members = Map::new();
    if is_collection(property) {
        members.insert("$Collection".to_owned(), json!(true));
    }
    let scalar = model::scalar(property.kind);
    if scalar != Some(Type::String) {
        members.insert("$Type".to_owned(), json!(model::qualified(property.kind)));
    }
    if property.is_nullable {
        members.insert("$Nullable".to_owned(), json!(true));
    }
    if scalar == Some(Type::DateTime) {
        members.insert("$Precision".to_owned(), json!(model::TIME_PRECISION));
    }
    if model::is_computed(ty, property) {
        members.insert(format!("@{}", model::COMPUTED), json!(true));
    }
    members.into()
}

fn enumeration(ty: &EnumType) -> Json {
    let mut members = Map::from_iter([("$Kind".to_owned(), json!("EnumType"))]);
    members.extend(ty.members.iter().enumerate().map(|(value, name)| ((*name).to_owned(), json!(value))));
    members.into()
}

fn container() -> Json {
    let entity = format!("{}.{}", SCHEMA.namespace, SCHEMA.entity.name);
    let bindings: Map<String, Json> =
        SCHEMA.navigations.iter().map(|it| (it.name.to_owned(), json!(model::ENTITY_SET))).collect();
    let mut set = Map::from_iter([
        ("$Collection".to_owned(), json!(true)),
        ("$Type".to_owned(), json!(entity)),
        ("$NavigationPropertyBinding".to_owned(), bindings.into()),
    ]);
    set.extend(annotations(model::set_annotations()));
    let mut container = Map::from_iter([
        ("$Kind".to_owned(), json!("EntityContainer")),
        (model::ENTITY_SET.to_owned(), set.into()),
    ]);
    container.extend(annotations(model::container_annotations()));
    container.into()
}

fn annotations(annotations: Vec<(&'static str, Value)>) -> impl Iterator<Item = (String, Json)> {
    annotations.into_iter().map(|(term, value)| (format!("@{term}"), valued(value)))
}

fn valued(value: Value) -> Json {
    match value {
        Value::Bool(it) => json!(it),
        Value::Paths(it) => json!(it),
        Value::Record(members) => {
            members.into_iter().map(|(name, value)| (name.to_owned(), valued(value))).collect()
        }
    }
}
