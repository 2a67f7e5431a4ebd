//! A draft becomes the requests that an API client would send.

use super::{Draft, Fields, invitations, own, pretty, share, shared};

fn fields(pairs: &[(&str, &str)]) -> Fields {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn draft() -> Draft {
    Draft {
        fields: fields(&[
            ("name", " Big deal "),
            ("mpnId", "4391227"),
            ("customerProfile.name", "Tailspin"),
            ("customerProfile.address.country", "NL"),
            ("customerProfile.ids.0.id", "81466849"),
            ("details.dealValue", "1234.50"),
            ("details.currency", "EUR"),
            ("details.closingDateTime", "2027-03-31"),
            ("details.requirements.additionalRequirements.attributes.0.id", "Yes"),
            ("help", "ProofOfConceptOrDemo"),
            ("microsoft.inviteContext.notes", "Please join."),
            ("consent.consentToToShareInfoWithOthers", "true"),
        ]),
        team: vec![fields(&[("firstName", "Alex"), ("phoneNumber", "")])],
        solutions: vec![fields(&[("id", "SOL-1"), ("price", "10"), ("quantity", "many")])],
        partners: vec![fields(&[
            ("location", "fab00001-0000-4000-8000-000000000001"),
            ("organization", "Fabrikam"),
            ("details.dealValue", "500"),
        ])],
        ..Draft::default()
    }
}

#[test]
fn a_draft_becomes_the_own_record_and_invitations() {
    let draft = draft();

    let own_body = own(&draft);

    assert_eq!(
        own_body.to_json(),
        concat!(
            r#"{"name":"Big deal","type":"Shared","customerProfile":{"name":"Tailspin","address":{"country":"NL"},"#,
            r#""ids":[{"id":"81466849","profileType":"Duns"}]},"consent":{"consentToContact":false,"#,
            r#""consentToToShareInfoWithOthers":true,"consentToShareReferralWithMicrosoftSellers":true},"#,
            r#""details":{"dealValue":1234.50,"currency":"EUR","closingDateTime":"2027-03-31T00:00:00Z","#,
            r#""requirements":{"additionalRequirements":{"attributes":[{"id":"Yes","type":"CustomerMarketplaceIntent"}]},"#,
            r#""solutions":[{"id":"SOL-1","quantity":"many","price":10,"type":"Name","currency":"EUR"}]}},"#,
            r#""mpnId":"4391227","team":[{"firstName":"Alex"}]}"#,
        )
    );
    let invitations = invitations(&draft);
    assert_eq!(
        share(&invitations).to_json(),
        concat!(
            r#"{"invitations":[{"target":[{"type":"BusinessProfileLocation","id":"msft"}],"#,
            r#""inviteContext":{"assistanceRequestCode":"ProofOfConceptOrDemo","notes":"Please join."}},"#,
            r#"{"target":[{"type":"BusinessProfileLocation","id":"fab00001-0000-4000-8000-000000000001"}],"#,
            r#""details":{"dealValue":500}}]}"#,
        )
    );
    let invited = shared(&own_body, &invitations.last().unwrap().body);
    assert_eq!(invited.at("/details/dealValue").map(super::Node::to_json).as_deref(), Some("500"));
    assert_eq!(invited.at("/details/currency").map(super::Node::to_json).as_deref(), Some("\"EUR\""));
    assert_eq!(invited.at("/mpnId"), None);
    assert!(pretty(&own_body).contains("\"dealValue\": 1234.50"), "digits stay as they were typed");
}

#[test]
fn a_private_deal_is_nobody_elses() {
    let mut draft = draft();
    draft.partners.clear();
    draft.fields.insert("help".to_owned(), "private".to_owned());

    assert!(invitations(&draft).is_empty());
    let body = own(&draft);
    assert_eq!(body.at("/type").map(super::Node::to_json).as_deref(), Some("\"Independent\""));
    let flag = body.at("/consent/consentToShareReferralWithMicrosoftSellers");
    assert_eq!(flag, Some(&super::Node::Bool(false)));
}
