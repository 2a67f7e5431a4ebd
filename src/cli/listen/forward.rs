//! Handing an event on: the body of Partner Center's webhooks, signed by the rules of Standard Webhooks.
//!
//! ```text
//! webhook-id         msg_ and the id of the change: the same for every repetition
//! webhook-timestamp  seconds since 1970
//! webhook-signature  v1,base64(HMAC-SHA256(secret, "{id}.{timestamp}.{body}"))
//! ```

use std::{fmt, time::Duration};

use anyhow::Context as _;
use aws_lc_rs::hmac;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::Serialize;
use tokio::time::Instant;

use super::Entry;
use crate::{
    app::system_clock,
    domain::{sources::Random, time::Timestamp},
};

const PREFIX: &str = "whsec_";
const SECRET_BYTES: usize = 32;
/// How long a secret may be (Standard Webhooks, "Signature scheme").
const SECRET_BYTES_ALLOWED: std::ops::RangeInclusive<usize> = 24..=64;
const TIMEOUT: Duration = Duration::from_secs(15);

/// What events are signed with.
#[derive(Clone)]
pub(super) struct Secret(Vec<u8>);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Reads a secret as it is printed.
///
/// # Errors
/// What is wrong with it.
pub(super) fn read_secret(text: &str) -> Result<Secret, String> {
    let bytes = text.strip_prefix(PREFIX).and_then(|it| STANDARD.decode(it).ok());
    bytes
        .filter(|it| SECRET_BYTES_ALLOWED.contains(&it.len()))
        .map(Secret)
        .ok_or_else(|| format!("a secret is {PREFIX} and the base64 of 24 to 64 bytes"))
}

impl Secret {
    /// Makes one.
    pub(super) fn random(random: &Random) -> Self {
        let mut bytes = vec![0; SECRET_BYTES];
        random.fill(&mut bytes);
        Self(bytes)
    }

    /// Returns it as receivers are told it.
    pub(super) fn expose(&self) -> String {
        format!("{PREFIX}{}", STANDARD.encode(&self.0))
    }

    fn sign(&self, id: &str, timestamp: i64, body: &str) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &self.0);
        let tag = hmac::sign(&key, format!("{id}.{timestamp}.{body}").as_bytes());
        format!("v1,{}", STANDARD.encode(tag))
    }
}

/// The body of a webhook ("Partner Center webhooks", 2024).
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Payload<'a> {
    event_name: &'a str,
    resource_uri: String,
    resource_name: &'static str,
    audit_uri: Option<String>,
    resource_change_utc_date: String,
}

/// Posts events to one address.
pub(super) struct Forwarder {
    url: reqwest::Url,
    secret: Secret,
    client: reqwest::Client,
}

impl Forwarder {
    pub(super) fn new(url: reqwest::Url, secret: Secret) -> anyhow::Result<Self> {
        let client = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(TIMEOUT)
            .build()
            .context("nothing can be forwarded")?;
        Ok(Self { url, secret, client })
    }

    /// Posts an event, and says what came of it. A receiver that fails is no reason to stop.
    pub(super) async fn forward(&self, entry: &Entry) -> String {
        let body = payload(entry);
        let (id, timestamp) = (format!("msg_{}", entry.id.simple()), system_clock().now().unix_secs());
        let started = Instant::now();
        let sent = self
            .client
            .post(self.url.clone())
            .header("content-type", "application/json")
            .header("webhook-id", &id)
            .header("webhook-timestamp", timestamp)
            .header("webhook-signature", self.secret.sign(&id, timestamp, &body))
            .body(body)
            .send()
            .await;
        let took = started.elapsed().as_millis();
        match sent {
            Ok(response) => format!("  -> {} {} ({took} ms)", self.url, response.status()),
            Err(error) if error.is_timeout() => {
                format!("  -> {} did not answer within {} s", self.url, TIMEOUT.as_secs())
            }
            Err(_) => format!("  -> {} cannot be reached", self.url),
        }
    }
}

fn payload(entry: &Entry) -> String {
    let id = entry.referral_id;
    let base = entry.resource.strip_suffix(&format!("/v1.0/engagements/referrals/{id}")).unwrap_or_default();
    let payload = Payload {
        event_name: &entry.event,
        resource_uri: format!("{base}/engagements/v1/referrals/{id}"),
        resource_name: "referral",
        audit_uri: None,
        resource_change_utc_date: utc_date(entry.at),
    };
    serde_json::to_string(&payload).expect("plain structures serialise")
}

/// Writes a time as webhooks do: seven digits of fraction, and an offset in place of `Z`.
fn utc_date(at: Timestamp) -> String {
    let text = at.to_string();
    let (seconds, fraction) =
        text.trim_end_matches('Z').split_once('.').unwrap_or((text.trim_end_matches('Z'), ""));
    format!("{seconds}.{fraction:0<7}+00:00")
}

#[cfg(test)]
mod tests {
    use super::{Secret, read_secret, utc_date};
    use crate::domain::time::Timestamp;

    #[test]
    fn a_secret_is_read_as_it_is_printed() {
        let secret = Secret(vec![7; 32]);

        assert_eq!(read_secret(&secret.expose()).unwrap().0, secret.0);
        for text in ["", "whsec_", "whsec_AAAA", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "whsec_!"] {
            assert!(read_secret(text).is_err(), "{text}");
        }
        assert_eq!(format!("{secret:?}"), "Secret(…)");
    }

    #[test]
    fn the_example_of_standard_webhooks_is_signed_alike() {
        let secret = read_secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let body = r#"{"test": 2432232314}"#;

        let signature = secret.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, body);

        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn a_time_has_seven_digits_and_an_offset() {
        let at = |text| utc_date(Timestamp::parse(text).unwrap());

        assert_eq!(at("2026-11-22T00:05:39.54854Z"), "2026-11-22T00:05:39.5485400+00:00");
        assert_eq!(at("2026-11-22T00:05:39Z"), "2026-11-22T00:05:39.0000000+00:00");
    }
}
