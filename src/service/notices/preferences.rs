//! How a person wants to be told: read and changed by the person alone.

use serde::Serialize;
use utoipa::ToSchema;

use super::NoticeError;
use crate::{
    domain::{actor::Actor, json::Node, notice::Preferences, vocabulary::Vocabulary as _},
    service::Context,
    storage::Commit,
};

/// How a person wants to be told.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = NoticePreferences)]
pub struct PreferencesView {
    /// Whether mails are wanted.
    pub email: bool,
    /// `automatic`: what comes after ten mails in a day, in one mail; `always`: one mail a day.
    pub digest: String,
    /// Kinds of notices that are mailed; the list has all of them.
    pub kinds: Vec<String>,
    /// Culture name such as `nl-NL`; null for the one that the deal's team list says.
    pub locale: Option<String>,
}

/// What preferences are changed by. Members that are absent stay as they are.
#[derive(ToSchema)]
#[schema(as = NoticePreferencesInput)]
#[expect(dead_code, reason = "it describes the body, which is read member by member")]
pub struct PreferencesInput {
    /// Whether mails are wanted.
    email: Option<bool>,
    /// `automatic` or `always`.
    digest: Option<String>,
    /// Kinds of notices that are mailed.
    kinds: Option<Vec<String>>,
    /// Culture name such as `nl-NL`; null for the one that the deal's team list says.
    locale: Option<String>,
}

impl From<Preferences> for PreferencesView {
    fn from(preferences: Preferences) -> Self {
        Self {
            email: preferences.email,
            digest: preferences.digest.as_str().to_owned(),
            kinds: preferences.kinds.iter().map(|it| it.as_str().to_owned()).collect(),
            locale: preferences.locale,
        }
    }
}

/// Returns how the caller wants to be told.
///
/// # Errors
/// When the database does not answer.
pub async fn read_preferences(context: &Context, actor: &Actor) -> Result<PreferencesView, NoticeError> {
    Ok(context.store.find_notice_preferences(actor.user_id).await?.into())
}

/// Changes how the caller wants to be told. It counts for what is sent from here on, also of what is on its way.
///
/// # Errors
/// Every problem of the request.
pub async fn update_preferences(
    context: &Context,
    actor: &Actor,
    body: Node,
) -> Result<PreferencesView, NoticeError> {
    let preferences = context.store.find_notice_preferences(actor.user_id).await?;
    let preferences = preferences.read(body).map_err(NoticeError::Invalid)?;
    let mut commit = Commit::new();
    commit.put_notice_preferences(actor.user_id, &preferences, context.clock.now());
    context.store.commit(commit).await?;
    Ok(preferences.into())
}
