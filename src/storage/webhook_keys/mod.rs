//! Keys that webhooks are signed with, and their certificates.

use std::fmt;

use super::{Commit, Store, StoreError, value::Row};
use crate::domain::{audit::AuditEvent, time::Timestamp};

/// What a webhook key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// Signs the certificates that are made here.
    Root,
    /// Signs messages; its certificate is signed by the root.
    Leaf,
    /// A certificate that the operator supplies, and whose private key the operator keeps.
    Supplied,
    /// An Ed25519 pair.
    Pair,
}

/// A webhook key.
#[derive(Clone, PartialEq, Eq)]
pub struct WebhookKey {
    /// What it is for.
    pub kind: KeyKind,
    /// Counts those of its kind from 1 on.
    pub number: i64,
    /// Names its certificate in addresses; unique.
    pub name: String,
    /// The certificate in DER, or the public half of a pair.
    pub shown: Vec<u8>,
    /// PKCS#8, or the seed of a pair. `None` where the operator keeps it.
    pub secret: Option<Vec<u8>>,
    /// When it was made or first seen.
    pub created: Timestamp,
}

impl KeyKind {
    const ALL: [Self; 4] = [Self::Root, Self::Leaf, Self::Supplied, Self::Pair];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::Leaf => "leaf",
            Self::Supplied => "supplied",
            Self::Pair => "pair",
        }
    }
}

impl fmt::Debug for WebhookKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WebhookKey({} …)", self.name)
    }
}

impl Store {
    /// Lists the webhook keys, newest first.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn list_webhook_keys(&self) -> Result<Vec<WebhookKey>, StoreError> {
        let sql = "SELECT kind, number, name, shown, secret, created
             FROM webhook_keys
             ORDER BY created DESC, number DESC, kind";
        self.query(sql, &[]).await?.iter().map(webhook_key).collect()
    }

    /// Adds a webhook key, unless there is one of its name, or of its kind and number: then another server was first.
    ///
    /// # Errors
    /// When the database does not take the commit.
    pub async fn insert_webhook_key(&self, key: WebhookKey) -> Result<(), StoreError> {
        self.insert_told_webhook_key(key, None).await
    }

    /// Adds a webhook key as [`Store::insert_webhook_key`] does, and writes down beside it who made it; once for its
    /// key, where that has one.
    ///
    /// # Errors
    /// When the database does not take the commit.
    pub async fn insert_told_webhook_key(
        &self,
        key: WebhookKey,
        told: Option<(&AuditEvent, Option<String>)>,
    ) -> Result<(), StoreError> {
        let mut commit = Commit::new();
        commit.step_any_rows(
            "INSERT INTO webhook_keys (kind, number, name, shown, secret, created)
             VALUES ($1, $2, $3, $4, $5, $6)
             ON CONFLICT DO NOTHING",
            vec![
                key.kind.as_str().into(),
                key.number.into(),
                key.name.into(),
                key.shown.as_slice().into(),
                key.secret.as_deref().into(),
                key.created.into(),
            ],
        );
        if let Some((event, once)) = told {
            commit.append_audit_once(event, once);
        }
        self.commit(commit).await
    }
}

fn webhook_key(row: &Row) -> Result<WebhookKey, StoreError> {
    let kind = row.text(0)?;
    let kind = KeyKind::ALL.into_iter().find(|it| it.as_str() == kind);
    Ok(WebhookKey {
        kind: kind.ok_or_else(|| StoreError::Corrupt { column: 0, found: "another kind".to_owned() })?,
        number: row.int(1)?,
        name: row.text(2)?,
        shown: row.bytes(3)?,
        secret: row.bytes_or_null(4)?,
        created: row.timestamp(5)?,
    })
}
