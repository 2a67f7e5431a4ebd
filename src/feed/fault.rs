//! What a fault does to a message: late, overtaken, twice, badly signed, or with a certificate that nobody should trust.
//!
//! Times are those of the sandbox's clock: whoever puts it forward has waited. What is held back holds a place among
//! the attempts in flight, and is taken up anew after a restart.

use std::{collections::HashMap, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use parking_lot::Mutex;
use tokio::{sync::OnceCell, time::sleep};
use uuid::Uuid;

use super::signature::{HeaderMode, Impostor, KeyError};
use crate::domain::{
    fault::{FaultKind, Faults, Strike},
    sources::{Clock, Random},
    webhook::{Endpoint, SignatureHeader},
};

/// Names the fault that made a message what it is.
const LIAISON_FAULT: HeaderName = HeaderName::from_static("liaison-fault");
const MS_SIGNATURE: HeaderName = HeaderName::from_static("x-ms-signature");
const WEBHOOK_SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");

/// How often is looked whether the time has come.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// How long is waited for another message to overtake, where nothing else was asked for.
const PATIENCE_MS: u64 = 5_000;

/// Where the certificate is that goes with a signature of somebody else, below the public address.
pub const CERTIFICATE_PATH: &str = "/sandbox/faults/certificate.cer";

/// The faults of messages. Clones are the same.
#[derive(Clone, Debug)]
pub struct WebhookFaults(Arc<Parts>);

#[derive(Debug)]
struct Parts {
    faults: Faults,
    certificate_url: String,
    clock: Clock,
    random: Random,
    /// How many messages have gone to each receiver since there are faults.
    sent: Mutex<HashMap<Uuid, u64>>,
    impostor: OnceCell<Impostor>,
}

impl WebhookFaults {
    /// Lets the faults of a list strike messages of a server at `base_url`.
    pub fn new(faults: Faults, base_url: &str, clock: Clock, random: Random) -> Self {
        let certificate_url = format!("{base_url}{CERTIFICATE_PATH}");
        let (sent, impostor) = (Mutex::default(), OnceCell::new());
        Self(Arc::new(Parts { faults, certificate_url, clock, random, sent, impostor }))
    }

    /// Returns the certificate that nobody should trust.
    ///
    /// # Errors
    /// When none can be made.
    pub async fn certificate(&self) -> Result<Vec<u8>, KeyError> {
        Ok(self.impostor().await?.certificate().to_vec())
    }

    /// Returns the fault that strikes a message, if one does, after holding it back for as long as that asks for.
    pub(super) async fn strike(&self, endpoint: &Endpoint) -> Option<Strike> {
        if self.0.faults.is_empty() {
            return None;
        }
        let strike = self.0.faults.strike_webhook(&endpoint.organization_id)?;
        tracing::info!(fault.id = strike.id, endpoint.id = %endpoint.id, "a fault strikes a webhook");
        let delay_ms = match strike.fault.kind {
            FaultKind::WebhookDelay => strike.fault.delay_ms,
            FaultKind::WebhookReorder => strike.fault.delay_ms.or(Some(PATIENCE_MS)),
            _ => None,
        };
        if let Some(delay_ms) = delay_ms {
            self.hold(endpoint.id, delay_ms, strike.fault.kind == FaultKind::WebhookReorder).await;
        }
        Some(strike)
    }

    /// Waits for the sandbox's clock; one that may be overtaken, no longer than until it is.
    async fn hold(&self, endpoint_id: Uuid, delay_ms: u64, is_overtaken: bool) {
        let delay_ticks = i64::try_from(delay_ms).unwrap_or(i64::MAX).saturating_mul(10_000);
        let until_ticks = self.0.clock.now().ticks().saturating_add(delay_ticks);
        let before = self.count_sent(endpoint_id);
        while self.0.clock.now().ticks() < until_ticks {
            if is_overtaken && self.count_sent(endpoint_id) != before {
                return;
            }
            sleep(LOOK_EVERY).await;
        }
    }

    fn count_sent(&self, endpoint_id: Uuid) -> u64 {
        self.0.sent.lock().get(&endpoint_id).copied().unwrap_or_default()
    }

    /// Notes that a message has gone out.
    pub(super) fn note_sent(&self, endpoint_id: Uuid) {
        if self.0.faults.is_empty() {
            return;
        }
        let mut sent = self.0.sent.lock();
        let count = sent.entry(endpoint_id).or_default();
        *count = count.saturating_add(1);
    }

    /// Marks a message, and spoils what proves who sent it where that is what the fault does.
    ///
    /// # Errors
    /// When there is no key to sign with in somebody else's name.
    pub(super) async fn spoil(
        &self,
        strike: &Strike,
        endpoint: &Endpoint,
        headers: &mut HeaderMap,
        body: &Bytes,
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        match strike.fault.kind {
            FaultKind::WebhookBadSignature => {
                for name in [header::AUTHORIZATION, MS_SIGNATURE, WEBHOOK_SIGNATURE] {
                    let spoiled = headers.get(&name).and_then(|it| it.to_str().ok()).map(spoiled);
                    if let Some(spoiled) = spoiled {
                        headers.insert(name, HeaderValue::try_from(spoiled)?);
                    }
                }
            }
            FaultKind::WebhookWrongCertificate => {
                let mode = match endpoint.signature_header {
                    SignatureHeader::Authorization => HeaderMode::Authorization,
                    SignatureHeader::MsSignature => HeaderMode::MsSignature,
                };
                headers.extend(self.impostor().await?.sign(body, mode)?);
            }
            _ => {}
        }
        headers.insert(LIAISON_FAULT, HeaderValue::try_from(strike.header())?);
        Ok(())
    }

    async fn impostor(&self) -> Result<&Impostor, KeyError> {
        let Parts { clock, random, certificate_url, .. } = &*self.0;
        self.0.impostor.get_or_try_init(|| Impostor::make(clock.now(), random, certificate_url)).await
    }
}

/// Changes the first character of every signature in a header, so that each can be read and none verifies.
fn spoiled(signatures: &str) -> String {
    let spoil = |it: &str| {
        let (before, signature) = it.split_once(',').map_or(("", it), |(version, it)| (version, it));
        let first = if signature.starts_with('A') { 'B' } else { 'A' };
        let rest: String = signature.chars().skip(1).collect();
        match before {
            "" => format!("{first}{rest}"),
            version => format!("{version},{first}{rest}"),
        }
    };
    let words = signatures.split(' ').map(|it| if it == "Signature" { it.to_owned() } else { spoil(it) });
    words.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::spoiled;

    #[test]
    fn every_signature_in_a_header_changes_and_stays_readable() {
        assert_eq!(spoiled("Signature Abc="), "Signature Bbc=");
        assert_eq!(spoiled("v1,xyz= v1a,A+/="), "v1,Ayz= v1a,B+/=");
    }
}
