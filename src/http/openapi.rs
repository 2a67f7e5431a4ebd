//! The OpenAPI 3.1 description, generated from the routes and types that exist.
//!
//! A create call is read leniently: nearly nothing is required of its types, and the server's own members
//! are ignored. Its schema is therefore derived here from that of the answer, not written a second time.

use serde_json::{Map, Value, json};
use utoipa::{
    OpenApi,
    openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
};

use super::{authorize, journal, sandbox, sandboxes, token, v1, v1_routes};
use crate::domain::referral::READ_ONLY;

/// What a create call must bring ("Create a referral", 2019 to 2024).
const CREATE_REQUIRED: [&str; 4] = ["type", "customerProfile", "consent", "details"];

const CREATE_SUFFIX: &str = "Create";

#[derive(OpenApi)]
#[openapi(info(
    title = "Liaison",
    description = "A referral exchange that speaks the wire contract of Partner Center's Referrals API.",
    license(name = "Apache-2.0", identifier = "Apache-2.0")
))]
struct Description;

/// What a server serves, beside the API itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Served {
    /// Nothing.
    Exchange,
    /// The means of a sandbox.
    Sandbox,
    /// These, and what makes and removes named sandboxes.
    MainSandbox,
}

/// Returns every path that is served and described, as the description writes it.
pub(super) fn paths(served: Served) -> Vec<String> {
    merged(served).paths.paths.into_keys().collect()
}

/// Returns the description as JSON text, for a server at `base_url`.
pub fn text(base_url: &str, served: Served) -> String {
    let mut api = merged(served);
    if let Some(components) = &mut api.components {
        let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT").build();
        components.add_security_scheme("bearer", SecurityScheme::Http(bearer));
    }
    let mut document = serde_json::to_value(&api).unwrap_or_default();
    if let Some(root) = document.as_object_mut() {
        root.insert("servers".to_owned(), json!([{ "url": base_url }]));
    }
    add_create_schema(&mut document);
    serde_json::to_string_pretty(&document).unwrap_or_default()
}

/// Puts the descriptions of all routes together.
fn merged(served: Served) -> utoipa::openapi::OpenApi {
    let mut api = Description::openapi();
    api.merge(v1_routes().into_openapi());
    api.merge(v1::feed::stream::router().into_openapi());
    api.merge(v1::batch::router().into_openapi());
    api.merge(token::router().into_openapi());
    api.merge(authorize::router().into_openapi());
    if served != Served::Exchange {
        api.merge(sandbox::router().into_openapi());
        api.merge(sandbox::faults::router().into_openapi());
        api.merge(journal::sandbox_router().into_openapi());
    }
    if served == Served::MainSandbox {
        api.merge(sandboxes::router().into_openapi());
    }
    api
}

/// Derives the schema of a create call and puts it in the place of the answer's.
fn add_create_schema(document: &mut Value) {
    let Some(schemas) = document.pointer_mut("/components/schemas").and_then(Value::as_object_mut) else {
        return;
    };
    derive(schemas, "Referral");
    require_all(schemas, "Referral");
    let name = format!("Referral{CREATE_SUFFIX}");
    if let Some(schema) = schemas.get_mut(&name).and_then(Value::as_object_mut) {
        schema.insert("required".to_owned(), json!(CREATE_REQUIRED));
        schema
            .insert("description".to_owned(), json!("What a create call sends. Other members are ignored."));
    }
    let body = document.pointer_mut(
        "/paths/~1v1.0~1engagements~1referrals/post/requestBody/content/application~1json/schema/$ref",
    );
    if let Some(reference) = body {
        *reference = json!(format!("#/components/schemas/{name}"));
    }
}

/// Marks every member of an answer's schemas as required: all of them are always written, if only as null.
fn require_all(schemas: &mut Map<String, Value>, name: &str) {
    let Some(schema) = schemas.get_mut(name).and_then(Value::as_object_mut) else { return };
    let Some(properties) = schema.get("properties").and_then(Value::as_object) else { return };
    let (members, mut referred): (Vec<_>, Vec<_>) = (properties.keys().cloned().collect(), Vec::new());
    schema.insert("required".to_owned(), json!(members));
    collect_references(&Value::Object(schema.clone()), &mut referred);
    for name in referred.into_iter().filter(|it| it != name) {
        require_all(schemas, &name);
    }
}

fn collect_references(value: &Value, referred: &mut Vec<String>) {
    match value {
        Value::Object(object) => {
            if let Some(Value::String(reference)) = object.get("$ref") {
                referred.push(reference.rsplit('/').next().unwrap_or_default().to_owned());
            }
            object.values().for_each(|it| collect_references(it, referred));
        }
        Value::Array(items) => items.iter().for_each(|it| collect_references(it, referred)),
        _ => {}
    }
}

/// Copies a schema and all that it refers to, without required members and without those of the server.
fn derive(schemas: &mut Map<String, Value>, name: &str) {
    let copy = format!("{name}{CREATE_SUFFIX}");
    if schemas.contains_key(&copy) {
        return;
    }
    let Some(mut schema) = schemas.get(name).cloned() else { return };
    if schema.get("enum").is_some() {
        return;
    }
    if let Some(object) = schema.as_object_mut() {
        object.remove("required");
        if let Some(properties) = object.get_mut("properties").and_then(Value::as_object_mut) {
            properties.retain(|member, _| name != "Referral" || !READ_ONLY.contains(&member.as_str()));
        }
    }
    schemas.insert(copy.clone(), Value::Null);
    let mut referred = Vec::new();
    redirect(&mut schema, schemas, &mut referred);
    schemas.insert(copy, schema);
    for name in referred {
        derive(schemas, &name);
    }
}

/// Points references at the derived schemas and lists the originals.
fn redirect(value: &mut Value, schemas: &Map<String, Value>, referred: &mut Vec<String>) {
    match value {
        Value::Object(object) => {
            if let Some(Value::String(reference)) = object.get_mut("$ref") {
                let name = reference.rsplit('/').next().unwrap_or_default().to_owned();
                let is_closed = schemas.get(&name).is_none_or(|it| it.get("properties").is_none());
                if !is_closed {
                    reference.push_str(CREATE_SUFFIX);
                    referred.push(name);
                }
            }
            object.values_mut().for_each(|it| redirect(it, schemas, referred));
        }
        Value::Array(items) => items.iter_mut().for_each(|it| redirect(it, schemas, referred)),
        _ => {}
    }
}
