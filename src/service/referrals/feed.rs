//! The feed: the log as one caller sees it, in order and without a gap.
//!
//! What is told is what the caller may see today: a change of a record that it does not see, or does not see any more,
//! yields nothing. A place in the log is sealed before it is given away, because it counts what everybody does. Whoever
//! goes on from a place has missed nothing before it: places are given after commits, in one order for all.

use std::collections::{HashMap, hash_map::Entry};

use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{ReadError, ShownActor, changes::shown_actor, render};
use crate::{
    domain::{
        actor::Actor, change::history::shown_action, etag::ETag, event::Event, organization::OrganizationId,
        referral::Referral, time::Timestamp, view, visibility,
    },
    service::{
        Context,
        seal::{read_position, write_position},
    },
    storage::{SeenChange, Store, StoreError},
};

const PURPOSE: &str = "feed";
/// Which part of the time of a list news may take.
const NEWS_BUDGET_DIVISOR: u32 = 5;

/// A place in the log that a caller has come to. It is shown to nobody but as [`Cursor::seal`] writes it.
#[derive(Clone, Copy)]
pub struct Cursor(u64);

/// Where a caller wants to begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Since {
    /// With the first change there is.
    Beginning,
    /// With what comes from now on.
    Latest,
    /// After the place that a text says.
    Place(String),
}

/// What a caller wants to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedWish {
    /// Kinds of events; empty for all.
    pub events: Vec<Event>,
    /// The engagement that is followed; `None` for all.
    pub engagement_id: Option<Uuid>,
    /// Whether each entry brings the referral as the caller sees it.
    pub with_referral: bool,
}

/// A page of the feed.
pub struct FeedPage {
    /// What happened, oldest first.
    pub entries: Vec<FeedEntry>,
    /// Where to go on; further than the last entry where what follows it is not told.
    pub reached: Cursor,
    /// Whether there is nothing more for now.
    pub is_end: bool,
}

/// Something that happened to a referral, as the caller may see it.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct FeedEntry {
    /// Text to go on from after this entry; only this caller can use it.
    pub cursor: String,
    /// Id of the change.
    pub id: Uuid,
    /// What it is to the caller's organisation.
    pub event: &'static str,
    /// Record that changed.
    pub referral_id: Uuid,
    /// Its engagement.
    pub engagement_id: Uuid,
    /// Owner of the record.
    pub organization_id: OrganizationId,
    /// What was done: `create`, `accept`, `revise`, `expire`, …
    pub action: &'static str,
    /// When.
    pub at: Timestamp,
    /// Who did it.
    pub actor: ShownActor,
    /// Number of the record's version after it; the highest is the newest, in whichever order entries are read.
    pub version: u32,
    /// Token of the record after it, in the caller's view.
    #[serde(rename = "eTag")]
    pub e_tag: String,
    /// Address of the record.
    pub resource: String,
    /// The record as the caller sees it now; only where it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Referral>, nullable = false)]
    pub referral: Option<Box<RawValue>>,
}

/// Why there is no feed.
#[derive(Debug, thiserror::Error)]
pub enum FeedError {
    /// The place is not one that this caller was given.
    #[error("the cursor is not one that was given to you; start again without it")]
    ForeignCursor,
    /// The log does not reach as far, because an older copy of the database was put in its place.
    #[error("the log does not reach as far as your cursor; start again without it")]
    AheadOfLog,
    /// A record cannot be shown.
    #[error(transparent)]
    Read(#[from] ReadError),
}

impl From<StoreError> for FeedError {
    fn from(error: StoreError) -> Self {
        Self::Read(error.into())
    }
}

impl From<serde_json::Error> for FeedError {
    fn from(error: serde_json::Error) -> Self {
        Self::Read(error.into())
    }
}

impl Cursor {
    /// Finds the place where a caller wants to begin.
    ///
    /// # Errors
    /// When it is a text that was not given to this caller, or says a place that the log has not reached.
    pub async fn find(context: &Context, actor: &Actor, since: &Since) -> Result<Self, FeedError> {
        let sealed = match since {
            Since::Beginning => return Ok(Self(0)),
            Since::Latest => return Ok(Self(context.store.last_position().await?)),
            Since::Place(sealed) => sealed,
        };
        let text = context.seal.open_text(PURPOSE, actor, sealed);
        let position = text.as_deref().and_then(read_position).ok_or(FeedError::ForeignCursor)?;
        match position > context.store.last_position().await? {
            true => Err(FeedError::AheadOfLog),
            false => Ok(Self(position)),
        }
    }

    /// Writes the place so that this caller alone can use it, and nobody can read it.
    pub fn seal(self, context: &Context, actor: &Actor) -> String {
        context.seal.close(PURPOSE, actor, &write_position(self.0))
    }
}

/// Tells what happened after a place, `count_max` changes of the caller's organisation at most. A page may be empty
/// although the log goes on.
///
/// # Errors
/// When the database does not answer, or a document cannot be read.
pub async fn feed(
    context: &Context,
    actor: &Actor,
    after: Cursor,
    wish: &FeedWish,
    count_max: u32,
) -> Result<FeedPage, FeedError> {
    let viewer = &actor.organization_id;
    // Documents are held together until the page is written.
    let documents_max = u32::try_from(Store::DOCUMENTS_AT_ONCE).unwrap_or(u32::MAX);
    let count_max = if wish.with_referral { count_max.min(documents_max) } else { count_max };
    let window = context.store.list_seen_changes(viewer, after.0, wish.engagement_id, count_max).await?;
    let is_wanted = |it: &&SeenChange| wish.events.is_empty() || wish.events.contains(&it.event);
    let mut teller = Teller { context, actor, wish, records: HashMap::new() };
    let mut entries = Vec::new();
    for change in window.changes.iter().filter(is_wanted) {
        entries.extend(teller.tell(change).await?);
    }
    Ok(FeedPage { entries, reached: Cursor(window.reached), is_end: window.is_end })
}

/// What others did, newest first.
pub struct News {
    /// What they did, each with the referral as the caller sees it now.
    pub entries: Vec<FeedEntry>,
    /// The end of the log at that time: what comes after it is news again.
    pub reached: Cursor,
    /// Whether there is more than was told, or more than could be looked through.
    pub is_more: bool,
}

/// Tells what others than the caller did after a place and since a moment, the newest first, `count_max` things at most.
///
/// # Errors
/// When the database does not answer, or a document cannot be read.
pub async fn news(
    context: &Context,
    actor: &Actor,
    after: Cursor,
    since: Timestamp,
    count_max: u32,
) -> Result<News, FeedError> {
    let reached = Cursor(context.store.last_position().await?);
    // Nobody asked for it, so it may cost only a part of what a list may.
    let budget = context.settings.queries.budget / NEWS_BUDGET_DIVISOR;
    let scope = actor.scope();
    let most = count_max.saturating_add(1);
    let found = context.store.list_latest_of_others(&scope, (after.0, since), most, budget).await;
    let mut found = match found {
        Ok(found) => found,
        Err(StoreError::CutOff) => return Ok(News { entries: Vec::new(), reached, is_more: true }),
        Err(error) => return Err(error.into()),
    };
    let fits = usize::try_from(count_max).unwrap_or(usize::MAX);
    let is_more = found.len() > fits;
    found.truncate(fits);
    let wish = FeedWish { events: Vec::new(), engagement_id: None, with_referral: true };
    let mut teller = Teller { context, actor, wish: &wish, records: HashMap::new() };
    let mut entries = Vec::with_capacity(found.len());
    for change in &found {
        entries.extend(teller.tell(change).await?);
    }
    Ok(News { entries, reached, is_more })
}

/// Tells changes to one caller; each record is read once, after its changes.
struct Teller<'a> {
    context: &'a Context,
    actor: &'a Actor,
    wish: &'a FeedWish,
    records: HashMap<Uuid, Option<Seen>>,
}

/// What a caller sees of a record.
struct Seen {
    withheld: u16,
    /// The document, if it is wanted.
    body: Option<Box<RawValue>>,
}

impl Teller<'_> {
    /// Returns what the caller is told of a change; `None` when it does not see the record.
    async fn tell(&mut self, change: &SeenChange) -> Result<Option<FeedEntry>, FeedError> {
        let id = change.referral_id;
        if let Entry::Vacant(place) = self.records.entry(id) {
            place.insert(see(self.context, self.actor, self.wish, id).await?);
        }
        let Some(Some(seen)) = self.records.get(&id) else { return Ok(None) };
        let (context, actor, owner) = (self.context, self.actor, &change.organization_id);
        let e_tag = ETag::new(change.to_version, change.at, visibility::sight_mark(seen.withheld));
        Ok(Some(FeedEntry {
            cursor: Cursor(change.position).seal(context, actor),
            id: change.id,
            event: change.event.as_str(),
            referral_id: id,
            engagement_id: change.engagement_id,
            organization_id: owner.clone(),
            action: shown_action(change.action, seen.withheld).as_str(),
            at: change.at,
            actor: shown_actor(&context.store, actor, &change.author, owner, seen.withheld).await?,
            version: change.to_version,
            e_tag: e_tag.to_string(),
            resource: format!("{}/v1.0/engagements/referrals/{id}", context.settings.links.base_url),
            referral: seen.body.clone(),
        }))
    }
}

/// Reads what a caller sees of a record; `None` when it does not see it.
async fn see(context: &Context, actor: &Actor, wish: &FeedWish, id: Uuid) -> Result<Option<Seen>, FeedError> {
    let Some(visible) = context.store.find_referral(&actor.scope(), id).await? else { return Ok(None) };
    let body = match wish.with_referral {
        true => Some(RawValue::from_string(render(context, actor, &visible, view::Context::None)?.body)?),
        false => None,
    };
    Ok(Some(Seen { withheld: visible.withheld(), body }))
}
