//! "Since you last looked": what others did to the deals that a person sees, newest first, up to a mark that the person
//! moves. Reading a page never moves it.

use std::collections::HashMap;

use axum::{Form, Router, response::Response, routing::post};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    card::Card,
    deal::who,
    failure::Failure,
    visit::{Visit, go_on},
    words::Words,
};
use crate::{
    app::App,
    domain::{actor::Actor, referral::Referral, time::Timestamp},
    service::{
        referrals::{self, Cursor, FeedEntry, Since},
        saved::{SaveError, SaveRequest, SavedKind, find_saved, save},
    },
};

/// Things that are told.
const NEWS_MAX: u32 = 20;
/// What is older is no news.
const NEWS_SECS: i64 = 30 * 24 * 60 * 60;
/// Under which name the mark is kept.
const MARK: &str = "home";

/// Returns the routes.
pub(super) fn router() -> Router<App> {
    Router::new().route("/seen", post(seen))
}

/// What happened since the person last looked.
#[derive(Default)]
pub(super) struct News {
    pub(super) items: Vec<Item>,
    /// Where the mark is to go when the person has seen it all.
    pub(super) cursor: String,
    /// When the page was made.
    pub(super) at: String,
    /// Whether more happened than is told.
    pub(super) is_more: bool,
}

/// Something that happened.
pub(super) struct Item {
    pub(super) id: Uuid,
    /// Name of the deal.
    pub(super) deal: String,
    pub(super) customer: String,
    /// What was done.
    pub(super) what: String,
    /// By whom.
    pub(super) who: String,
    pub(super) ago: String,
    /// The moment as machines read it.
    pub(super) machine_at: String,
}

/// Up to where the person has seen what happens.
#[derive(Deserialize, Serialize)]
struct Mark {
    /// A place in the log, sealed.
    cursor: String,
    /// When the page was made that showed it.
    at: Timestamp,
}

/// Tells what others did since the person last looked; on the first visit, what they did last.
pub(super) async fn news(visit: &Visit, actor: &Actor) -> Result<News, Failure> {
    let (context, now) = (&visit.app.context, visit.now());
    let oldest = now.plus_secs(NEWS_SECS.saturating_neg());
    let kept = find_saved(context, &visit.seat.colleague, SavedKind::LastLook, MARK).await?;
    let mark = kept.and_then(|it| serde_json::from_str::<Mark>(&it.body).ok());
    let (mut after, mut since) = (Cursor::find(context, actor, &Since::Beginning).await?, oldest);
    if let Some(Mark { cursor, at }) = mark {
        // A mark in a log that was put back to an earlier state, or sealed with another key, is none.
        if let Ok(found) = Cursor::find(context, actor, &Since::Place(cursor)).await {
            // A commit may have begun a while before it was given its place.
            (after, since) = (found, at.plus_secs(-3600).max(oldest));
        }
    }
    let told = referrals::news(context, actor, after, since, NEWS_MAX).await?;
    let colleagues = context.store.list_users(&actor.organization_id).await?;
    let colleagues: HashMap<Uuid, String> = colleagues.into_iter().map(|it| (it.id, it.name)).collect();
    let mut items = Vec::with_capacity(told.entries.len());
    for entry in &told.entries {
        items.extend(item(entry, actor, now, &colleagues, visit.words)?);
    }
    Ok(News { items, cursor: told.reached.seal(context, actor), at: now.to_string(), is_more: told.is_more })
}

fn item(
    entry: &FeedEntry,
    actor: &Actor,
    now: Timestamp,
    colleagues: &HashMap<Uuid, String>,
    words: Words,
) -> Result<Option<Item>, Failure> {
    let Some(document) = &entry.referral else { return Ok(None) };
    let referral: Referral = serde_json::from_str(document.get())?;
    let card = Card::of(&referral, &actor.organization_id, now, words);
    let what = words.say_known(&format!("did-{}", entry.action));
    Ok(Some(Item {
        id: entry.referral_id,
        deal: card.name,
        customer: card.customer,
        what: what.unwrap_or_else(|| entry.action.to_owned()),
        who: who(&entry.actor, colleagues, words),
        ago: words.ago(entry.at, now),
        machine_at: entry.at.to_string(),
    }))
}

/// What the button sends along: the place that the page showed, so that nothing is passed over that came after it.
#[derive(Deserialize)]
struct SeenForm {
    #[serde(default)]
    cursor: String,
    #[serde(default)]
    at: String,
}

/// Moves the mark.
async fn seen(visit: Visit, Form(form): Form<SeenForm>) -> Result<Response, Failure> {
    let (context, actor) = (&visit.app.context, visit.actor()?);
    Cursor::find(context, &actor, &Since::Place(form.cursor.clone())).await?;
    let now = visit.now();
    let at = Timestamp::parse(&form.at).unwrap_or(now).min(now);
    let body = serde_json::to_string(&Mark { cursor: form.cursor, at })?;
    let request = SaveRequest { kind: SavedKind::LastLook, name: MARK, body: &body, is_shared: false };
    save(context, &visit.seat.colleague, request).await.map_err(|error| match error {
        SaveError::Invalid(report) => Failure::Invalid(report),
        SaveError::Store(error) => error.into(),
    })?;
    Ok(go_on("/", "seen"))
}
