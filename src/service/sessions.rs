//! Who is signed in with a browser: how a session begins, what keeps it alive, and what ends it.
//!
//! What a browser holds is random and means nothing; the store keeps its hash, so that whoever reads the database gets into
//! no session. A session ends at its time, when the person signs out, and when a password or a role is no longer what it
//! began with: roles decide what a session is worth, so a person whose roles change begins a new one. What the person may
//! do is asked anew at each request, never kept here.

use std::sync::Arc;

use aws_lc_rs::digest;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

use super::Context;
use crate::{
    domain::{
        change::Hash,
        organization::{Role, User},
        time::Timestamp,
    },
    storage::{Principal, Session, StoreError},
};

const TOKEN_BYTES: usize = 32;
/// How old the last use may be before it is noted again: a write for each request would be too many.
const TOUCH_SECS: i64 = 5 * 60;

/// How long people stay signed in with a browser.
#[derive(Clone, Copy, Debug)]
pub struct Lives {
    /// Without doing anything.
    pub idle_secs: i64,
    /// At the longest.
    pub total_secs: i64,
}

/// A session as its own pages see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionView {
    /// When the person signed in.
    pub created: Timestamp,
    /// When it ends whatever is done with it.
    pub ends: Timestamp,
    hash: Hash,
}

/// A session that has just begun.
pub struct Begun {
    /// What the browser is to hold, and nobody else.
    pub token: String,
    /// The session.
    pub view: SessionView,
}

/// Begins a session for a person who has signed in; `replaced` is what the browser holds of an earlier one, which ends.
///
/// # Errors
/// When the database does not take it.
pub async fn begin(
    context: &Context,
    principal: &Principal,
    replaced: Option<&str>,
) -> Result<Begun, StoreError> {
    let Lives { idle_secs, total_secs } = context.settings.lives;
    let (token, now) = (URL_SAFE_NO_PAD.encode(context.random.bytes::<TOKEN_BYTES>()), context.clock.now());
    let session = Session {
        hash: hash(&token),
        tenant_id: principal.organization.tenant_id,
        user_id: principal.user.id,
        stamp: stamp(&principal.user),
        created: now,
        last_used: now,
        expires: now.plus_secs(idle_secs.min(total_secs)),
    };
    context.store.insert_session(&session, replaced.map(hash)).await?;
    Ok(Begun { token, view: view(context, &session) })
}

/// Finds the session of a browser, with its person as it is at this moment. `None` when there is none any more.
///
/// # Errors
/// When the database does not answer.
pub async fn find(
    context: &Context,
    token: &str,
) -> Result<Option<(Arc<Principal>, SessionView)>, StoreError> {
    find_by_hash(context, hash(token)).await
}

/// Finds a session again, for an answer that lasts: whoever is no longer signed in is told nothing more.
///
/// # Errors
/// When the database does not answer.
pub async fn find_again(
    context: &Context,
    session: &SessionView,
) -> Result<Option<(Arc<Principal>, SessionView)>, StoreError> {
    find_by_hash(context, session.hash).await
}

async fn find_by_hash(
    context: &Context,
    hash: Hash,
) -> Result<Option<(Arc<Principal>, SessionView)>, StoreError> {
    let now = context.clock.now();
    let Some(session) = context.store.find_session(hash, now).await? else { return Ok(None) };
    let view = view(context, &session);
    let principal = context.store.find_principal(session.tenant_id, session.user_id).await?;
    let principal = principal.filter(|it| stamp(&it.user) == session.stamp && now < view.ends);
    let Some(principal) = principal else {
        context.store.delete_session(hash).await?;
        return Ok(None);
    };
    if session.last_used.plus_secs(TOUCH_SECS) <= now {
        let expires = now.plus_secs(context.settings.lives.idle_secs).min(view.ends);
        // Who reads must be able to go on reading while nothing can be written.
        if let Err(error) = context.store.touch_session(hash, now, expires).await {
            let error: &dyn std::error::Error = &error;
            tracing::warn!(error, "the use of a session was not noted");
        }
    }
    Ok(Some((principal, view)))
}

/// Ends a session. Harmless when there is none.
///
/// # Errors
/// When the database does not take it.
pub async fn end(context: &Context, token: &str) -> Result<(), StoreError> {
    context.store.delete_session(hash(token)).await
}

fn view(context: &Context, session: &Session) -> SessionView {
    let ends = session.created.plus_secs(context.settings.lives.total_secs);
    SessionView { created: session.created, ends, hash: session.hash }
}

fn hash(token: &str) -> Hash {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest::digest(&digest::SHA256, token.as_bytes()).as_ref());
    hash
}

/// Returns a mark of what a person signs in with and may do, from which nothing can be learnt of the password.
fn stamp(user: &User) -> String {
    let mut context = digest::Context::new(&digest::SHA256);
    let mut roles: Vec<&str> = user.roles.iter().map(|it: &Role| it.as_str()).collect();
    roles.sort_unstable();
    let subject = user.subject.as_ref();
    let (issuer, subject) = (subject.map(|it| it.issuer.as_str()), subject.map(|it| it.subject.as_str()));
    for part in
        [user.password_hash.as_deref(), issuer, subject].into_iter().chain(roles.into_iter().map(Some))
    {
        let part = part.unwrap_or_default();
        context.update(&(part.len() as u64).to_be_bytes());
        context.update(part.as_bytes());
    }
    URL_SAFE_NO_PAD.encode(context.finish())
}
