//! An endpoint in audit records: what is decided of it, without what is secret.

use aws_lc_rs::digest::{SHA256, digest};
use serde::Serialize;
use url::Url;

use super::Endpoint;
use crate::domain::vocabulary::Vocabulary as _;

/// Bytes of the digest of an address: enough to see that it changed.
const DIGEST_BYTES: usize = 8;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Audited<'a> {
    kind: &'static str,
    description: Option<&'a str>,
    /// Scheme, host and port.
    url_origin: String,
    url_digest: String,
    events: &'a [String],
    filter: Option<&'a str>,
    payload: &'static str,
    signature_header: &'static str,
    state: &'static str,
    state_reason: Option<&'a str>,
}

impl Endpoint {
    /// Returns what is decided of the endpoint as JSON. Paths of addresses often hold the key of their receiver, so of
    /// those there is a digest.
    pub fn audited(&self) -> String {
        let origin = Url::parse(&self.url).map(|it| it.origin().ascii_serialization());
        let hash = digest(&SHA256, self.url.as_bytes());
        let audited = Audited {
            kind: self.kind.as_str(),
            description: self.description.as_deref(),
            url_origin: origin.unwrap_or_default(),
            url_digest: hash.as_ref().iter().take(DIGEST_BYTES).map(|it| format!("{it:02x}")).collect(),
            events: &self.events,
            filter: self.filter.as_deref(),
            payload: self.payload.as_str(),
            signature_header: self.signature_header.as_str(),
            state: self.state.as_str(),
            state_reason: self.state_reason.as_deref(),
        };
        // Plain structures always serialise.
        serde_json::to_string(&audited).unwrap_or_default()
    }
}
