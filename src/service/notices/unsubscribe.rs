//! The link in a mail that stops mails: for whoever has it, without signing in (RFC 8058).

use uuid::Uuid;

use super::NoticeError;
use crate::{domain::notice::Preferences, service::Context, storage::Commit};

const PURPOSE: &str = "unsubscribe";

/// A person that a link is of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscriber {
    user_id: Uuid,
    /// The language of the mail that the link stood in.
    pub locale: String,
}

impl Subscriber {
    /// Returns the person that a mail in some language goes to.
    pub fn new(user_id: Uuid, locale: &str) -> Self {
        Self { user_id, locale: locale.to_owned() }
    }

    /// Writes the token of the person's link.
    pub fn seal(&self, context: &Context) -> String {
        let text = format!("{}{}", self.user_id.simple(), self.locale);
        context.seal.close_for_bearer(PURPOSE, &text)
    }

    /// Reads a token.
    ///
    /// # Errors
    /// [`NoticeError::ForeignLink`] when it is none that [`Subscriber::seal`] wrote.
    pub fn open(context: &Context, token: &str) -> Result<Self, NoticeError> {
        let text = context.seal.open_for_bearer(PURPOSE, token).ok_or(NoticeError::ForeignLink)?;
        let (user_id, locale) = text.split_at_checked(32).ok_or(NoticeError::ForeignLink)?;
        let user_id = Uuid::try_parse(user_id).map_err(|_| NoticeError::ForeignLink)?;
        Ok(Self { user_id, locale: locale.to_owned() })
    }
}

/// Stops mails to a person; the list of notices stays. Does nothing to who gets none.
///
/// # Errors
/// [`NoticeError::ForeignLink`] when the person is no longer there.
pub async fn unsubscribe(context: &Context, subscriber: &Subscriber) -> Result<(), NoticeError> {
    let user_id = subscriber.user_id;
    if context.store.find_principal_by_id(user_id).await?.is_none() {
        return Err(NoticeError::ForeignLink);
    }
    let preferences = context.store.find_notice_preferences(user_id).await?;
    if preferences.email {
        let mut commit = Commit::new();
        commit.put_notice_preferences(
            user_id,
            &Preferences { email: false, ..preferences },
            context.clock.now(),
        );
        context.store.commit(commit).await?;
    }
    Ok(())
}
