//! Both forms of the schema held against the property table, the table against the OpenAPI description, and what each
//! format makes of an entity.

use std::collections::BTreeSet;

use http::HeaderMap;
use odata::schema::{Kind, StructuredType, Type};
use quick_xml::{Reader, events::Event};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    JSON, XML,
    control::{Entity, apply},
    format_option, model,
};
use crate::{
    domain::{
        etag::ETag,
        query::{SCHEMA, properties::ENUMS},
        time::Timestamp,
    },
    http::{format::Format, openapi},
};

/// Every type of the table with its own properties.
fn types() -> Vec<&'static StructuredType> {
    let mut types = model::complex_types();
    types.insert(0, SCHEMA.entity);
    types
}

/// Lists `Type/Property` of the XML, in order.
fn properties_of_xml() -> Vec<String> {
    let mut reader = Reader::from_str(&XML);
    let (mut ty, mut found) = (String::new(), Vec::new());
    loop {
        let event = reader.read_event().unwrap();
        let (Event::Start(element) | Event::Empty(element)) = event else {
            if matches!(event, Event::Eof) {
                return found;
            }
            continue;
        };
        let name = || {
            let name = element.try_get_attribute("Name").unwrap().unwrap();
            name.value.into_owned()
        };
        match element.name().as_ref() {
            "EntityType" | "ComplexType" => ty = name(),
            "Property" => found.push(format!("{ty}/{}", name())),
            _ => {}
        }
    }
}

#[test]
fn both_forms_name_every_property_of_the_table() {
    let expected: Vec<String> = types()
        .iter()
        .flat_map(|ty| ty.properties.iter().map(|it| format!("{}/{}", ty.name, it.name)))
        .collect();
    let json: Value = serde_json::from_str(&JSON).unwrap();

    assert_eq!(properties_of_xml(), expected);
    for place in expected {
        assert!(json.pointer(&format!("/Liaison/{place}")).is_some(), "{place}");
    }
}

#[test]
fn both_forms_describe_a_property_alike() {
    let json: Value = serde_json::from_str(&JSON).unwrap();
    for (place, xml, described) in [
        (
            "Referral/id",
            r#"<Property Name="id" Type="Edm.Guid" Nullable="false">"#,
            json!({"$Type": "Edm.Guid", "@Org.OData.Core.V1.Computed": true}),
        ),
        (
            "Referral/status",
            r#"<Property Name="status" Type="Liaison.ReferralStatus" Nullable="false"/>"#,
            json!({"$Type": "Liaison.ReferralStatus"}),
        ),
        (
            "Details/dealValue",
            r#"<Property Name="dealValue" Type="Edm.Decimal" Scale="variable"/>"#,
            json!({"$Type": "Edm.Decimal", "$Nullable": true}),
        ),
        (
            "Details/closingDateTime",
            r#"<Property Name="closingDateTime" Type="Edm.DateTimeOffset" Precision="7"/>"#,
            json!({"$Type": "Edm.DateTimeOffset", "$Nullable": true, "$Precision": 7}),
        ),
        (
            "Referral/team",
            r#"<Property Name="team" Type="Collection(Liaison.Member)" Nullable="false"/>"#,
            json!({"$Collection": true, "$Type": "Liaison.Member"}),
        ),
        ("Tag/id", r#"<Property Name="id" Type="Edm.String" Nullable="false"/>"#, json!({})),
    ] {
        assert!(XML.contains(xml), "{place}");
        assert_eq!(json.pointer(&format!("/Liaison/{place}")), Some(&described), "{place}");
    }
    assert!(
        XML.contains(r#"<NavigationProperty Name="relatedReferrals" Type="Collection(Liaison.Referral)"/>"#)
    );
}

#[test]
fn every_type_that_is_named_is_described_once() {
    let mut names: Vec<&str> = types().iter().map(|it| it.name).collect();
    names.extend(ENUMS.iter().map(|it| it.name));
    let unique: BTreeSet<&str> = names.iter().copied().collect();
    assert_eq!(names.len(), unique.len());

    for property in types().iter().flat_map(|it| it.properties) {
        let name = model::qualified(property.kind);
        let is_known = name.strip_prefix("Liaison.").is_none_or(|it| unique.contains(it));
        assert!(is_known, "{}: {name}", property.name);
    }
}

#[test]
fn names_are_those_that_csdl_allows() {
    let is_identifier = |name: &str| {
        let first = name.chars().next().is_some_and(|it| it.is_alphabetic() || it == '_');
        first && name.len() <= 128 && name.chars().all(|it| it.is_alphanumeric() || it == '_')
    };
    let names = types().into_iter().flat_map(|ty| ty.properties.iter().map(|it| it.name).chain([ty.name]));
    let words = ENUMS.iter().flat_map(|it| it.members.iter().copied().chain([it.name]));
    let wrong: Vec<&str> = names.chain(words).filter(|it| !is_identifier(it)).collect();

    assert_eq!(wrong, Vec::<&str>::new());
}

#[test]
fn what_a_caller_can_set_is_not_computed() {
    let json: Value = serde_json::from_str(&JSON).unwrap();
    for (name, is_computed) in
        [("id", true), ("links", true), ("tags", true), ("favorite", false), ("referralProgram", false)]
    {
        let member = &json["Liaison"]["Referral"][name];
        assert_eq!(member.get("@Org.OData.Core.V1.Computed").is_some(), is_computed, "{name}");
    }
    assert_eq!(json["Liaison"]["Tag"]["id"].get("@Org.OData.Core.V1.Computed"), None);
}

#[test]
fn the_other_options_have_no_meaning() {
    assert_eq!(format_option(Some("%24format=json&x=1")).unwrap().as_deref(), Some("json"));
    assert_eq!(format_option(Some("$format=application%2Fxml")).unwrap().as_deref(), Some("application/xml"));
    assert_eq!(format_option(None).unwrap(), None);
    for query in ["$filter=1", "$format=json&$format=xml"] {
        assert!(format_option(Some(query)).is_err(), "{query}");
    }
}

const BODY: &str = r##"{"@odata.context":"c","id":"00000000-0000-0000-0000-000000000002","name":"A","closedDateTime":null,"status":"New","isSpam":false,"tags":[],"details":{"dealValue":1.50},"team":[{"email":"a"}],"relatedReferrals":[{"id":"x"}],"@liaison.report":{}}"##;

fn format(parameter: &str) -> Format {
    Format::read(&HeaderMap::new(), Some(&format!("application/json;{parameter}"))).unwrap()
}

fn applied(format: Format) -> String {
    let etag = ETag::new(1, Timestamp::from_unix_secs(0), 0);
    let entity = Entity {
        base_url: "https://liaison.example",
        id: Uuid::from_u128(2),
        engagement_id: Uuid::from_u128(3),
        etag,
    };
    apply(BODY.to_owned(), format, &entity)
}

#[test]
fn minimal_leaves_a_body_as_it_is() {
    assert_eq!(applied(Format::default()), BODY);
}

#[test]
fn none_takes_the_context_away() {
    let format = format("odata.metadata=none");

    assert_eq!(applied(format), BODY.replace(r#""@odata.context":"c","#, ""));
}

#[test]
fn full_tells_type_place_and_links() {
    let text = applied(format("odata.metadata=full"));

    let expected = r##"{"@odata.context":"c","@odata.type":"#Liaison.Referral","@odata.id":"https://liaison.example/v1.0/engagements/referrals(00000000-0000-0000-0000-000000000002)","@odata.etag":"\"00000001-0000-0000-0000-000000000000\"","@odata.editLink":"referrals(00000000-0000-0000-0000-000000000002)","relatedReferrals@odata.navigationLink":"referrals?$filter=engagementId%20eq%2000000000-0000-0000-0000-000000000003","id@odata.type":"#Guid","id":"00000000-0000-0000-0000-000000000002","name":"A","closedDateTime":null,"status@odata.type":"#Liaison.ReferralStatus","status":"New","isSpam":false,"tags@odata.type":"#Collection(String)","tags":[],"details":{"@odata.type":"#Liaison.Details","dealValue@odata.type":"#Decimal","dealValue":1.50},"team@odata.type":"#Collection(Liaison.Member)","team":[{"email":"a"}],"relatedReferrals":[{"id":"x"}],"@liaison.report":{}}"##;
    assert_eq!(text, expected);
}

#[test]
fn numbers_are_texts_for_who_cannot_hold_them() {
    let format = format("IEEE754Compatible=true");

    assert_eq!(applied(format), BODY.replace("1.50", "\"1.50\""));
}

#[test]
fn a_list_of_values_is_never_nullable() {
    for property in types().iter().flat_map(|it| it.properties) {
        let is_list_or_complex = !matches!(property.kind, Kind::Scalar(_));
        assert!(!(is_list_or_complex && property.is_nullable), "{}", property.name);
    }
}

/// Members that are null in storage only: every answer fills them in.
const FILLED_IN: [&str; 3] = ["eTag", "direction", "links"];

/// Follows references and takes `null` off; says whether it was there.
fn resolve(description: &Value, schema: &Value) -> (Value, bool) {
    let (mut schema, mut is_nullable) = (schema.clone(), false);
    if let Some(one) = schema["oneOf"].as_array() {
        is_nullable = one.iter().any(|it| it["type"] == "null");
        schema = one.iter().find(|it| it["type"] != "null").unwrap().clone();
    }
    if let Some(reference) = schema["$ref"].as_str() {
        schema = description.pointer(reference.trim_start_matches('#')).unwrap().clone();
    }
    if let Some(types) = schema["type"].as_array().filter(|it| it.contains(&json!("null"))) {
        is_nullable = true;
        schema["type"] = types[0].clone();
    }
    (schema, is_nullable)
}

/// Says whether a schema of the description is that of a single value.
fn is_scalar(schema: &Value, ty: Type) -> bool {
    let is_text = schema["type"] == "string";
    match ty {
        Type::Boolean => schema["type"] == "boolean",
        Type::String => is_text && schema["format"].is_null(),
        Type::Guid => is_text && schema["format"] == "uuid",
        Type::DateTime => is_text && schema["format"] == "date-time",
        Type::Decimal => schema["type"] == "number",
        Type::Enum(it) => is_text && schema["enum"] == json!(it.members),
        Type::Integer | Type::Date | Type::Time | Type::Duration => false,
    }
}

fn assert_described(description: &Value, ty: &StructuredType, schema: &Value) {
    let (schema, _) = resolve(description, schema);
    let described: Vec<&String> = schema["properties"].as_object().unwrap().keys().collect();
    let named: Vec<&str> = ty.properties.iter().map(|it| it.name).collect();
    assert_eq!(named, described, "{}", ty.name);
    for property in ty.properties {
        let place = format!("{}/{}", ty.name, property.name);
        let (schema, is_nullable) = resolve(description, &schema["properties"][property.name]);
        let is_filled_in = FILLED_IN.contains(&property.name);
        assert_eq!(property.is_nullable, is_nullable && !is_filled_in, "{place}");
        let item = &schema["items"];
        match property.kind {
            Kind::Scalar(ty) => assert!(is_scalar(&schema, ty), "{place}: {schema}"),
            Kind::Scalars(ty) => assert!(is_scalar(item, ty), "{place}: {schema}"),
            Kind::Complex(ty) => assert_described(description, ty, &schema),
            Kind::Complexes(ty) => assert_described(description, ty, item),
        }
    }
}

#[test]
fn the_table_and_the_description_say_the_same() {
    let description: Value =
        serde_json::from_str(&openapi::text("https://liaison.example", openapi::Served::Exchange)).unwrap();

    assert_described(&description, SCHEMA.entity, &description["components"]["schemas"]["Referral"]);
}
