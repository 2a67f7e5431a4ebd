//! What people are told: the list of each person's notices, how it wants to be told, and the mails.
//!
//! What a notice shows of a referral is read when it is shown, with its reader's rights at that moment; of a referral that
//! is out of sight there is no notice. `feed::notices` makes them.

pub mod letters;
pub mod mailer;
mod preferences;
mod unsubscribe;

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

pub use self::{
    preferences::{PreferencesInput, PreferencesView, read_preferences, update_preferences},
    unsubscribe::{Subscriber, unsubscribe},
};
use super::Context;
use crate::{
    domain::{
        actor::Actor,
        json::Node,
        organization::{OrganizationId, form::Form},
        report::Report,
        time::Timestamp,
        vocabulary::{Status, Substatus, Vocabulary as _},
    },
    feed::notices::audience::seen,
    storage::{Commit, Conflict, NoticePlace, ReadUntil, ShownNotice, StoreError},
};

/// Notices on a page.
const PAGE_SIZE: u32 = 50;
const PURPOSE: &str = "notices";
const TOKEN_CHARS_MAX: usize = 512;

/// Why something about notices was not done.
#[derive(Debug, thiserror::Error)]
pub enum NoticeError {
    /// The request is wrong; the report lists every problem.
    #[error("the request has {} problems", .0.problems.len())]
    Invalid(Report),
    /// The person has no such notice.
    #[error("the notice was not found")]
    NotFound,
    /// The token of a page is none.
    #[error("the token is none of this list; follow @odata.nextLink as it stands, or start again")]
    UnknownPlace,
    /// The choice of unread ones is neither.
    #[error("the value \"{0}\" of unread is not known; use true or false")]
    UnknownChoice(String),
    /// The link is none that was mailed.
    #[error("the link is not one that was mailed; open it as it stands in the mail")]
    ForeignLink,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A stored document cannot be read.
    #[error("a stored document is not canonical")]
    Corrupt(#[from] serde_json::Error),
}

/// A notice, as its person reads it.
#[derive(Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Notice)]
pub struct NoticeView {
    /// Key.
    pub id: Uuid,
    /// What it tells: `opportunity-sent`, `opportunity-accepted`, `opportunity-declined`, `opportunity-expired`,
    /// `opportunity-won`, `opportunity-lost`, `opportunity-received`, `opportunity-expiring`, `lead-received`.
    pub kind: String,
    /// When that happened.
    pub date_time: Timestamp,
    /// When the person read it; null before.
    pub read_date_time: Option<Timestamp>,
    /// The referral as the person sees it now.
    pub referral: NoticeReferral,
}

/// What a notice shows of a referral.
#[derive(Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NoticeReferral {
    /// Its id.
    pub id: Uuid,
    /// Its engagement.
    pub engagement_id: Uuid,
    /// Name of the deal.
    pub name: Option<String>,
    /// Its owner.
    pub organization_id: OrganizationId,
    /// Name of the owner.
    pub organization_name: String,
    /// Where it stands.
    pub status: Status,
    /// Where it stands, more precisely.
    pub substatus: Substatus,
    /// Until when it can be answered.
    pub expiration_date_time: Option<Timestamp>,
    /// Its address.
    pub resource: String,
}

impl std::fmt::Debug for NoticeView {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NoticeView").field("id", &self.id).finish_non_exhaustive()
    }
}

/// What of the list is asked for, as sent.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoticeQuery<'a> {
    /// Only those that were not read.
    pub unread: Option<&'a str>,
    /// Token of the page.
    pub token: Option<&'a str>,
}

/// A page of the list, newest first.
#[derive(Debug)]
pub struct NoticePage {
    /// The page.
    pub notices: Vec<NoticeView>,
    /// How many were not read, on all pages.
    pub unread_count: u64,
    /// What marks the page's first notice, and everything older, as read; `None` on an empty page.
    pub cursor: Option<String>,
    /// Token of the next page; `None` on the last.
    pub next: Option<String>,
}

/// Which notices are marked as read.
#[derive(ToSchema)]
#[schema(as = NoticesRead)]
#[expect(dead_code, reason = "it describes the body, which is read member by member")]
pub struct ReadInput {
    /// `cursor` of a page: its first notice, and everything older.
    until: String,
}

/// Lists the notices of a person, newest first.
///
/// # Errors
/// [`NoticeError::UnknownPlace`] when the token was not given to this person.
pub async fn list_notices(
    context: &Context,
    actor: &Actor,
    query: NoticeQuery<'_>,
) -> Result<NoticePage, NoticeError> {
    let unread_only = match query.unread {
        None => false,
        Some(text) if text.eq_ignore_ascii_case("true") => true,
        Some(text) if text.eq_ignore_ascii_case("false") => false,
        Some(text) => {
            return Err(NoticeError::UnknownChoice(crate::domain::report::shortened(text).to_owned()));
        }
    };
    let after = match query.token {
        None => NoticePlace::START,
        Some(token) => open(context, actor, token).ok_or(NoticeError::UnknownPlace)?,
    };
    let scope = actor.scope();
    let found = context.store.list_notices(&scope, after, unread_only, PAGE_SIZE).await?;
    let unread_count = context.store.count_unread_notices(&scope, u32::MAX).await?;
    let is_full = u32::try_from(found.len()).is_ok_and(|it| it >= PAGE_SIZE);
    let sealed = |it: &ShownNotice| seal(context, actor, NoticePlace::of(&it.notice));
    Ok(NoticePage {
        cursor: found.first().map(sealed),
        next: found.last().filter(|_| is_full).map(sealed),
        notices: found.iter().map(|it| view(context, it)).collect::<Result<_, _>>()?,
        unread_count,
    })
}

/// Marks one notice as read. One that was read stays so.
///
/// # Errors
/// [`NoticeError::NotFound`] for an unknown one, another's, and one of a referral that is out of sight.
pub async fn mark_notice_read(context: &Context, actor: &Actor, id: Uuid) -> Result<(), NoticeError> {
    let scope = actor.scope();
    if !context.store.is_notice_of(&scope, id).await? {
        return Err(NoticeError::NotFound);
    }
    let mut commit = Commit::new();
    commit.mark_read(&scope, ReadUntil::One(id), context.clock.now());
    match context.store.commit(commit).await {
        // It was forgotten in between.
        Err(StoreError::Conflict(Conflict::Version)) => Err(NoticeError::NotFound),
        done => Ok(done?),
    }
}

/// Marks notices as read up to a cursor.
///
/// # Errors
/// Every problem of the request.
pub async fn mark_notices_read(context: &Context, actor: &Actor, body: Node) -> Result<(), NoticeError> {
    let mut report = Report::default();
    let mut until = None;
    Form::read(body, &mut report, |form| {
        form.checked_text("until", TOKEN_CHARS_MAX, &mut until, |text| match open(context, actor, text) {
            Some(_) => Ok(text.to_owned()),
            None => {
                Err(("cursor", "the cursor is not one that was given to you; send that of a page".to_owned()))
            }
        });
        if until.is_none() {
            form.required("until", "send the cursor of a page");
        }
    });
    let place = until.and_then(|it| open(context, actor, &it)).filter(|_| report.problems.is_empty());
    let Some(place) = place else { return Err(NoticeError::Invalid(report)) };
    let mut commit = Commit::new();
    commit.mark_read(&actor.scope(), ReadUntil::Place(place), context.clock.now());
    Ok(context.store.commit(commit).await?)
}

fn view(context: &Context, shown: &ShownNotice) -> serde_json::Result<NoticeView> {
    let referral = seen(&shown.referral)?;
    let notice = &shown.notice;
    Ok(NoticeView {
        id: notice.id,
        kind: notice.kind.as_str().to_owned(),
        date_time: notice.at,
        read_date_time: notice.read_at,
        referral: NoticeReferral {
            resource: format!(
                "{}/v1.0/engagements/referrals/{}",
                context.settings.links.base_url, referral.id
            ),
            id: referral.id,
            engagement_id: referral.engagement_id,
            name: referral.name,
            organization_id: referral.organization_id,
            organization_name: referral.organization_name,
            status: referral.status,
            substatus: referral.substatus,
            expiration_date_time: referral.expiration_date_time,
        },
    })
}

/// Writes a place. It counts the steps that made notices for everybody, so it is sealed, and always as long.
fn seal(context: &Context, actor: &Actor, place: NoticePlace) -> String {
    context.seal.close(PURPOSE, actor, &format!("{:016x}{}", place.place, place.id.simple()))
}

fn open(context: &Context, actor: &Actor, token: &str) -> Option<NoticePlace> {
    let text = context.seal.open_text(PURPOSE, actor, token)?;
    let (place, id) = text.split_at_checked(16)?;
    Some(NoticePlace { place: u64::from_str_radix(place, 16).ok()?, id: Uuid::try_parse(id).ok()? })
}
