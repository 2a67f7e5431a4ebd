//! The stored document: the request and what any server must add to it.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use bytes::Bytes;
use serde_json::{Value, json};
use uuid::Uuid;

pub(super) const ORGANIZATION: &str = "7d23e5ca-19dc-4eaa-aac8-5e6b559f0d1d";
const BASE: &str = "https://referrals.example/v1.0/engagements/referrals";

/// A document with the columns that it is found by.
#[derive(Clone)]
pub(super) struct Document {
    pub(super) id: String,
    pub(super) organization: &'static str,
    pub(super) engagement: String,
    pub(super) status: Option<String>,
    pub(super) substatus: Option<String>,
    pub(super) kind: Option<String>,
    pub(super) created_micros: i64,
    pub(super) etag: String,
    pub(super) body: Bytes,
}

impl Document {
    /// Adds ids, times, eTag and links to a request, and writes it once.
    pub(super) fn new(mut request: Value) -> Result<Self> {
        // Random, as an exchange must have them: ids in order of time would make both the index cheaper.
        let id = Uuid::new_v4().to_string();
        let engagement = Uuid::new_v4().to_string();
        let created_micros = i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_micros())?;
        let etag = format!("\"{created_micros:016x}\"");
        let members = request.as_object_mut().context("a referral is an object")?;
        let related = format!("{BASE}?$filter=engagementId eq '{engagement}'");
        let added = [
            ("id", json!(id)),
            ("engagementId", json!(engagement)),
            ("organizationId", json!(ORGANIZATION)),
            ("organizationName", json!("Contoso Company")),
            ("createdDateTime", json!(created_micros.to_string())),
            ("updatedDateTime", json!(created_micros.to_string())),
            ("eTag", json!(etag)),
            (
                "links",
                json!({
                    "relatedReferrals": { "uri": related, "method": "GET" },
                    "self": { "uri": format!("{BASE}/{id}"), "method": "GET" },
                }),
            ),
        ];
        for (name, value) in added {
            members.insert(name.to_owned(), value);
        }
        let text = |name: &str| members.get(name).and_then(Value::as_str).map(str::to_owned);
        let (status, substatus, kind) = (text("status"), text("substatus"), text("type"));
        let body = serde_json::to_vec(&request)?.into();
        Ok(Self {
            id,
            organization: ORGANIZATION,
            engagement,
            status,
            substatus,
            kind,
            created_micros,
            etag,
            body,
        })
    }
}
