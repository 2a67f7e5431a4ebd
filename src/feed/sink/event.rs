//! A change as a CloudEvent 1.0 in binary mode on NATS: its attributes are headers that begin with `ce-`, its data is
//! the payload.
//!
//! `Nats-Msg-Id` is the id of the change, by which JetStream knows what it has.

use async_nats::HeaderMap;
use bytes::Bytes;
use serde::Serialize;
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::{
    domain::{event::Event, view::Links},
    storage::LoggedFact,
};

/// Wide enough for every position, so that texts sort as numbers do.
const SEQUENCE_DIGITS: usize = 20;

/// A message that is ready to go.
#[derive(Clone)]
pub(super) struct Message {
    pub(super) subject: String,
    pub(super) headers: HeaderMap,
    pub(super) payload: Bytes,
    /// What keeps its order: changes of one engagement.
    pub(super) engagement_id: Uuid,
    pub(super) position: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Data<'a> {
    referral_id: Uuid,
    engagement_id: Uuid,
    organization_id: &'a str,
    change_id: Uuid,
    version: u32,
    action: &'a str,
    resource_uri: String,
    /// The document, as its owner sees it.
    #[serde(skip_serializing_if = "Option::is_none")]
    referral: Option<&'a RawValue>,
}

impl Message {
    /// Writes the message of a change. `referral` is the document where it is to be sent.
    pub(super) fn of(
        fact: &LoggedFact,
        referral: Option<&RawValue>,
        prefix: &str,
        links: &Links,
    ) -> serde_json::Result<Self> {
        let event = Event::of_change(true, fact.is_first).as_str();
        let source = format!("{}/v1.0/engagements/referrals", links.base_url);
        let data = Data {
            referral_id: fact.referral_id,
            engagement_id: fact.engagement_id,
            organization_id: fact.organization_id.as_str(),
            change_id: fact.change_id,
            version: fact.version,
            action: &fact.action,
            resource_uri: format!("{source}/{}", fact.referral_id),
            referral,
        };
        let payload = Bytes::from(serde_json::to_vec(&data)?);
        let change_id = fact.change_id.to_string();
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("Nats-Msg-Id", change_id.as_str()),
            ("ce-specversion", "1.0"),
            ("ce-id", &change_id),
            ("ce-type", &format!("liaison.{event}")),
            ("ce-source", &encoded(&source)),
            ("ce-subject", &fact.referral_id.to_string()),
            ("ce-time", &fact.at.to_string()),
            ("ce-datacontenttype", "application/json"),
            ("ce-partitionkey", &fact.engagement_id.to_string()),
            ("ce-sequence", &format!("{:0SEQUENCE_DIGITS$}", fact.position)),
            // The binding took the type of data from here in its first drafts; it must not say cloudevents.
            ("content-type", "application/json"),
        ] {
            headers.insert(name, value);
        }
        Ok(Self {
            subject: format!("{prefix}.{}.{event}", fact.organization_id),
            headers,
            payload,
            engagement_id: fact.engagement_id,
            position: fact.position,
        })
    }
}

/// Writes a value as headers of the binding have it: what is not visible ASCII, and `"` and `%`, as `%XX`.
fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'"' | b'%' | ..=b' ' | 0x7f.. => encoded.push_str(&format!("%{byte:02X}")),
            byte => encoded.push(char::from(byte)),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{organization::OrganizationId, time::Timestamp};

    #[test]
    fn a_change_becomes_a_cloud_event() {
        let fact = LoggedFact {
            position: 7,
            change_id: Uuid::from_u128(1),
            referral_id: Uuid::from_u128(2),
            engagement_id: Uuid::from_u128(3),
            organization_id: OrganizationId::msft(),
            action: "update".to_owned(),
            version: 4,
            is_first: false,
            at: Timestamp::parse("2026-11-22T09:00:00Z").unwrap(),
        };
        let links = Links { base_url: "https://é.example".to_owned(), quote_engagement_id: false };
        let referral = RawValue::from_string(r#"{"name":"Deal"}"#.to_owned()).unwrap();

        let message = Message::of(&fact, Some(&referral), "liaison", &links).unwrap();

        let header = |name: &str| message.headers.get(name).map(|it| it.as_str().to_owned());
        let id = "00000000-0000-0000-0000-000000000001";
        assert_eq!(message.subject, "liaison.msft.referral-updated");
        assert_eq!(header("Nats-Msg-Id").as_deref(), Some(id));
        assert_eq!(header("ce-id").as_deref(), Some(id));
        assert_eq!(header("ce-type").as_deref(), Some("liaison.referral-updated"));
        let source = "https://%C3%A9.example/v1.0/engagements/referrals";
        assert_eq!(header("ce-source").as_deref(), Some(source));
        assert_eq!(header("ce-sequence").as_deref(), Some("00000000000000000007"));
        let data: serde_json::Value = serde_json::from_slice(&message.payload).unwrap();
        assert_eq!(data["referral"]["name"], "Deal");
        assert_eq!(data["version"], 4);
    }
}
