//! What an endpoint is sent.

use serde::Serialize;
use serde_json::value::RawValue;
use uuid::Uuid;

use super::{Delivery, Endpoint, Kind};
use crate::domain::{
    audit::{record_id, referral_operation},
    event::Event,
    time::Timestamp,
    view::Links,
};

/// Digits of a second in times of the contract.
const FRACTION_DIGITS: usize = 7;

/// Which address of a referral is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResourceUri {
    /// `{base}/engagements/v1/referrals/{id}`, as documented.
    PartnerCenter,
    /// `{base}/v1.0/engagements/referrals/{id}`, as the links in a referral.
    Partner,
}

/// The body of the contract ("Partner Center webhooks", 2024).
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Notification<'a> {
    event_name: &'a str,
    resource_uri: String,
    resource_name: &'a str,
    audit_uri: Option<String>,
    resource_change_utc_date: String,
}

/// The body of a subscription, in the form that Standard Webhooks recommends.
#[derive(Serialize)]
struct Message<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    timestamp: Timestamp,
    data: Data<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Data<'a> {
    resource_uri: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    referral_id: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    change_id: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<u32>,
    /// The document, as its viewer sees it.
    #[serde(skip_serializing_if = "Option::is_none")]
    referral: Option<&'a RawValue>,
}

/// Writes the body of a delivery. `referral` is the document as the endpoint's organisation sees it, where it is to
/// be sent.
pub fn body(
    endpoint: &Endpoint,
    delivery: &Delivery,
    referral: Option<&RawValue>,
    links: &Links,
    form: ResourceUri,
) -> serde_json::Result<String> {
    let event_name = delivery.event.as_str();
    match endpoint.kind {
        Kind::PartnerCenter => serde_json::to_string(&Notification {
            event_name,
            resource_uri: resource_uri(delivery, links, form),
            resource_name: resource_name(delivery.event),
            audit_uri: audit_uri(endpoint, delivery, links),
            resource_change_utc_date: with_offset(delivery.at),
        }),
        Kind::Own => {
            let told = delivery.told.as_ref();
            let resource_uri = match told {
                Some(_) => resource_uri(delivery, links, ResourceUri::Partner),
                None => format!(
                    "{}/v1.0/engagements/webhooks/{}/deliveries/{}",
                    links.base_url, endpoint.id, delivery.id
                ),
            };
            serde_json::to_string(&Message {
                kind: event_name,
                timestamp: delivery.at,
                data: Data {
                    resource_uri,
                    referral_id: told.map(|it| it.referral_id),
                    change_id: told.map(|it| it.change_id),
                    version: told.map(|it| it.version),
                    referral,
                },
            })
        }
    }
}

fn resource_name(event: Event) -> &'static str {
    match event {
        Event::TestCreated => "test",
        Event::ReferralCreated
        | Event::ReferralUpdated
        | Event::RelatedReferralCreated
        | Event::RelatedReferralUpdated => "referral",
    }
}

fn resource_uri(delivery: &Delivery, links: &Links, form: ResourceUri) -> String {
    let base = &links.base_url;
    let Some(told) = &delivery.told else {
        return format!("{base}/webhooks/v1/registration/validationEvents/{}", delivery.id);
    };
    match form {
        ResourceUri::PartnerCenter => format!("{base}/engagements/v1/referrals/{}", told.referral_id),
        ResourceUri::Partner => format!("{base}/v1.0/engagements/referrals/{}", told.referral_id),
    }
}

/// Returns where the audit record of the change is; `None` for a test, which changed nothing.
fn audit_uri(endpoint: &Endpoint, delivery: &Delivery, links: &Links) -> Option<String> {
    let told = delivery.told.as_ref()?;
    let operation = referral_operation(delivery.event);
    let id = record_id(&endpoint.organization_id, told.change_id, operation, delivery.at);
    Some(format!("{}/auditactivity/v1/auditrecords/{id}", links.base_url))
}

/// Writes a time with all seven digits and no zone, as results of tests have it.
pub fn without_zone(at: Timestamp) -> String {
    let text = at.to_string();
    let text = text.trim_end_matches('Z');
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    format!("{whole}.{fraction:0<FRACTION_DIGITS$}")
}

/// Writes a time with all seven digits and its offset, as notifications have it.
fn with_offset(at: Timestamp) -> String {
    format!("{}+00:00", without_zone(at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_seven_digits() {
        let at = |text| Timestamp::parse(text).unwrap();
        assert_eq!(with_offset(at("2026-11-22T00:05:39.5485487Z")), "2026-11-22T00:05:39.5485487+00:00");
        assert_eq!(with_offset(at("2026-11-22T00:05:39.5Z")), "2026-11-22T00:05:39.5000000+00:00");
        assert_eq!(without_zone(at("2026-11-22T00:05:39Z")), "2026-11-22T00:05:39.0000000");
    }
}
