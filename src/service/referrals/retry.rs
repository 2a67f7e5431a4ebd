//! What makes the repetition of a POST harmless: a key leads to what the first call did.
//!
//! A twin that is under way in this process is found in a set; one in another process at the commit. Whatever a call
//! runs into, a twin may have been faster, so that a refusal is believed only when the key led nowhere meanwhile.

use std::borrow::Cow;

use aws_lc_rs::digest::{SHA256, digest};
use uuid::Uuid;

use super::render;
use crate::{
    domain::{
        actor::Actor,
        change::Hash,
        organization::OrganizationId,
        time::Timestamp,
        view::{self, View},
    },
    service::Context,
    storage::{Commit, IdempotencyKey, IdempotencyRecord, InFlight, StoreError},
};

/// A call that may be a repetition.
#[derive(Clone)]
pub(super) struct Call<'a> {
    /// The canonical route, whatever spelling the caller used.
    pub(super) route: Cow<'a, str>,
    /// The key that the caller sent.
    pub(super) sent: &'a str,
    /// The body, as it came.
    pub(super) body: &'a [u8],
}

/// A key with what it belongs to.
#[derive(Clone, Copy)]
pub(super) struct Key {
    key: IdempotencyKey,
    body_hash: Hash,
}

/// What an earlier call with the same key led to, as the caller sees it today.
pub(super) struct Replayed {
    pub(super) id: Uuid,
    pub(super) owner: OrganizationId,
    pub(super) view: View,
}

/// What a key says about a call.
pub(super) enum Begun {
    /// It was done before.
    Replayed(Replayed),
    /// It is new; no twin in this process begins while this is held.
    Fresh(InFlight, Key),
}

/// Why a key does not serve.
#[derive(Debug, thiserror::Error)]
pub enum RetryError {
    /// The key was used with another body.
    #[error("the idempotency key was used with another body")]
    KeyReused,
    /// A call with the same key is under way.
    #[error("a request with the same idempotency key is under way")]
    TwinInFlight,
    /// The key led to a record that the caller may not see any more.
    #[error("the referral is not visible any more")]
    NotVisible,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A stored document cannot be read.
    #[error("a stored document is not canonical")]
    Corrupt(#[from] serde_json::Error),
}

/// Begins a call.
pub(super) async fn begin(context: &Context, actor: &Actor, call: Call<'_>) -> Result<Begun, RetryError> {
    let (held, key) = hold(context, actor, &call)?;
    Ok(match key.replay(context, actor).await? {
        Some(replayed) => Begun::Replayed(replayed),
        None => Begun::Fresh(held, key),
    })
}

/// Keeps twins in this process from beginning, whatever the key has led to.
pub(super) fn hold(context: &Context, actor: &Actor, call: &Call<'_>) -> Result<(InFlight, Key), RetryError> {
    let mut body_hash = [0; 32];
    body_hash.copy_from_slice(digest(&SHA256, call.body).as_ref());
    let key = Key { key: IdempotencyKey::new(actor, &call.route, call.sent), body_hash };
    let held = context.store.take_key(key.key).ok_or(RetryError::TwinInFlight)?;
    Ok((held, key))
}

impl Key {
    /// Finds what the key led to.
    pub(super) async fn replay(
        &self,
        context: &Context,
        actor: &Actor,
    ) -> Result<Option<Replayed>, RetryError> {
        let Some(record) = context.store.find_remembered(self.key, context.clock.now()).await? else {
            return Ok(None);
        };
        if record.body_hash != self.body_hash {
            return Err(RetryError::KeyReused);
        }
        let found = context.store.find_referral(&actor.scope(), record.referral_id).await?;
        let visible = found.ok_or(RetryError::NotVisible)?;
        let view = render(context, actor, &visible, view::Context::None)?;
        Ok(Some(Replayed { id: record.referral_id, owner: visible.stored.organization_id, view }))
    }

    /// Adds to a commit what the key leads to from then on.
    pub(super) fn remember(&self, context: &Context, commit: &mut Commit, referral_id: Uuid, now: Timestamp) {
        let expires = now.plus_secs(context.settings.idempotency_keep_secs);
        let record = IdempotencyRecord { body_hash: self.body_hash, referral_id, expires };
        commit.remember(self.key, &record, now);
    }
}
