//! The documents that scenarios send: the published samples, marked as made by a run.

use serde_json::{Map, Value, json};

/// Returns the published sample of a private deal (2024). `tag` marks it as made by a run.
pub(crate) fn private(tag: &str) -> Value {
    json!({
        "name": format!("Conformance test deal {tag}"),
        "externalReferenceId": tag,
        "qualification": "SalesQualified",
        "type": "Independent",
        "customerProfile": {
            "name": "Contoso Customer Inc",
            "address": {"addressLine1": "One Microsoft Way", "addressLine2": "34", "city": "Redmond", "state": "WA",
                "postalCode": "98052", "country": "US"},
            "size": "10to50employees",
            "team": [{"firstName": "Sue", "lastName": "Smith", "phoneNumber": "1234567890",
                "email": "sue.smith@contoso.com"}]
        },
        "consent": {"consentToToShareInfoWithOthers": true, "consentToContact": true,
            "consentToMicrosoftToContactSpecificPartners": true,
            "consentToShareReferralWithMicrosoftSellers": false},
        "details": {
            "notes": "Test referral: wants to run its supply chain on Dynamics 365.",
            "dealValue": 50000, "currency": "USD", "closingDateTime": "2030-11-14T00:00:00Z",
            "requirements": {
                "solutions": [{"type": "Name", "id": "SOL-15974-MQF", "name": "Contoso-Ale_Test",
                    "publisherName": "Contoso_Test", "solutionType": "3P"}],
                "additionalRequirements": {"iot": {},
                    "attributes": [{"id": "HaveNotDecided", "type": "CustomerMarketplaceIntent"}]}
            }
        },
        "team": [{"firstName": "John", "lastName": "Doe", "phoneNumber": "1231231234",
            "email": "john.doe@fabrikam.com"}],
        "target": []
    })
}

/// Returns the published sample of a co-sell deal (2019) without its target: the first of two steps.
pub(crate) fn cosell(tag: &str) -> Value {
    json!({
        "name": format!("Test Cosell Invite {tag}"),
        "externalReferenceId": tag,
        "status": "New", "substatus": "Pending", "statusReason": "Customer engagement was a success!",
        "qualification": "SalesQualified",
        "type": "Shared",
        "customerProfile": {
            "name": "Contoso Customer Inc",
            "address": {"addressLine1": "One Microsoft Way", "addressLine2": "34", "city": "Redmond", "state": "WA",
                "postalCode": "98052", "country": "US"},
            "size": "10to50employees",
            "team": [{"contactPreference": {"locale": "en-us", "disableNotifications": false}, "firstName": "Sue",
                "lastName": "Smith", "phoneNumber": "1234567890", "email": "sue.smith@contoso.com"}],
            "ids": []
        },
        "consent": {"consentToToShareInfoWithOthers": true, "consentToContact": true},
        "details": {
            "notes": "Customer is looking to leverage Dynamics 365.", "dealValue": 50000, "currency": "USD",
            "closingDateTime": "2018-11-14T00:00:00Z",
            "requirements": {
                "industries": [{"id": "Manufacturing"}], "products": [{"id": "Dynamics365Enterprise"}],
                "services": [{"id": "DeploymentOrMigration"}],
                "solutions": [{"name": "Dynamics 365 for Field Service", "type": "Category",
                    "id": "Dynamics365forFieldService"}]
            }
        },
        "team": [{"contactPreference": {"locale": "en-us", "disableNotifications": false}, "firstName": "John",
            "lastName": "Doe", "phoneNumber": "1231231234", "email": "john.doe@microsoft.com"}],
        "inviteContext": {"notes": "Hi ABC Partner, hoping you can help this customer.",
            "invitedBy": {"organizationId": "msft"}}
    })
}

/// Returns the second step: the same deal for somebody else, in an engagement that is there.
pub(crate) fn invitation(tag: &str, engagement_id: &str, target: &Value) -> Value {
    let mut body = private(tag);
    put(&mut body, "/type", json!("Shared"));
    put(&mut body, "/engagementId", json!(engagement_id));
    put(&mut body, "/target", json!([target]));
    put(
        &mut body,
        "/inviteContext",
        json!({"notes": "Please help with a proof of concept.", "assistanceRequestCode": "ProofOfConceptOrDemo"}),
    );
    body
}

/// Returns the `target` that addresses Microsoft.
pub(crate) fn microsoft() -> Value {
    json!({"type": "BusinessProfileLocation", "id": "msft"})
}

/// Sets what is at a pointer, and makes the objects on the way there.
pub(crate) fn put(document: &mut Value, pointer: &str, value: Value) {
    let (parent, name) = pointer.rsplit_once('/').unwrap_or(("", pointer));
    if !parent.is_empty() && document.pointer(parent).is_none() {
        put(document, parent, Value::Object(Map::new()));
    }
    match document.pointer_mut(parent) {
        Some(Value::Object(object)) => drop(object.insert(name.to_owned(), value)),
        Some(Value::Array(items)) => {
            if let Some(item) = name.parse::<usize>().ok().and_then(|it| items.get_mut(it)) {
                *item = value;
            }
        }
        _ => {}
    }
}

/// Takes out what is at a pointer.
pub(crate) fn remove(document: &mut Value, pointer: &str) {
    let (parent, name) = pointer.rsplit_once('/').unwrap_or(("", pointer));
    if let Some(Value::Object(object)) = document.pointer_mut(parent) {
        object.shift_remove(name);
    }
}

/// Returns a document with some of its members set.
pub(crate) fn with(mut document: Value, members: &[(&str, Value)]) -> Value {
    for (pointer, value) in members {
        put(&mut document, pointer, value.clone());
    }
    document
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_set_wherever_they_are() {
        let document = with(
            json!({"a": {"b": 1}, "list": [{"c": 1}]}),
            &[("/a/b", json!(2)), ("/x/y", json!(3)), ("/list/0/c", json!(4))],
        );

        assert_eq!(document, json!({"a": {"b": 2}, "list": [{"c": 4}], "x": {"y": 3}}));
    }
}
