//! What changed since a client looked: the whole list once, and from then on every record that changed, by the log.
//!
//! The place in the log is taken before the first page is read, so that nothing can fall between the two. On PostgreSQL
//! changes get their places after their commits; one that has none yet comes with the next call.

use std::collections::{BTreeMap, BTreeSet};

use aws_lc_rs::digest::{SHA256, digest};
use odata::{Query, QueryError, eval, tree::Expr};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Document, ListError, Page, Preferred, ReadError, Shape, list, render, shaped, token::PageToken};
use crate::{
    domain::{
        actor::Actor,
        json::Node,
        query::JsonSource,
        view::{self, VisibleReferral},
    },
    service::{
        Context,
        seal::{read_position, write_position},
    },
    storage::{Changed, Listed},
};

const PURPOSE: &str = "delta";
/// Changes that one page goes through.
const CHANGES_MAX: u32 = 100;

/// Where a client stands.
#[derive(Serialize, Deserialize)]
struct DeltaToken {
    /// Place in the log up to which the client knows everything, as [`write_position`] writes it.
    #[serde(rename = "p")]
    position: String,
    /// What the caller could see when it began.
    #[serde(rename = "w")]
    sight: String,
    /// The query, as a token of a page; it also says where the first pass through the list has come.
    #[serde(rename = "q")]
    query: String,
    /// Whether the first pass is over.
    #[serde(rename = "d")]
    is_following: bool,
}

/// A page of what changed.
pub struct DeltaPage {
    /// What to answer.
    pub entries: Entries,
    /// What is wanted of each referral.
    pub shape: Shape,
    /// Token of what comes next.
    pub next: Next,
}

/// What is on a page.
pub enum Entries {
    /// Referrals of the first pass, before all of their documents are read.
    Listed(Vec<Listed>),
    /// Referrals that changed, and ids of those that are gone from the caller's sight.
    Changed {
        /// Documents, as the caller sees them.
        documents: Vec<Document>,
        /// Ids.
        removed: Vec<Uuid>,
    },
}

/// What to ask for next.
pub enum Next {
    /// More of the same, now.
    Page(String),
    /// What will have changed, later.
    Delta(String),
}

/// Why there is no delta.
#[derive(Debug, thiserror::Error)]
pub enum DeltaError {
    /// As for a list.
    #[error(transparent)]
    List(#[from] ListError),
    /// What the caller may see is not what it was, so that what is gone cannot be told record by record.
    #[error("what you may see has changed since this link was given to you; start again without a token")]
    SightChanged,
}

/// Returns a page of what changed since the token in the query, or the first of everything.
///
/// # Errors
/// When the query is wrong, the token is not the caller's, or no longer serves.
pub async fn delta(context: &Context, actor: &Actor, query: Query) -> Result<DeltaPage, DeltaError> {
    let sealed = query.delta_token.as_deref().or(query.skip_token.as_deref());
    match sealed {
        None => begin(context, actor, query).await,
        Some("latest") => {
            let (shape, token) = (shape_of(&query), start(context, actor, query, true).await?);
            let entries = Entries::Changed { documents: Vec::new(), removed: Vec::new() };
            Ok(DeltaPage { entries, shape, next: Next::Delta(token.seal(context, actor)) })
        }
        Some(sealed) => {
            let token = DeltaToken::open(context, actor, sealed)?;
            match token.is_following {
                true => follow(context, actor, token).await,
                false => go_through(context, actor, token).await,
            }
        }
    }
}

fn shape_of(query: &Query) -> Shape {
    Shape { selection: query.selection.clone(), expanded: query.expanded.clone() }
}

/// Takes the place in the log, then the first page.
async fn begin(context: &Context, actor: &Actor, query: Query) -> Result<DeltaPage, DeltaError> {
    let token = start(context, actor, query, false).await?;
    go_through(context, actor, token).await
}

async fn start(
    context: &Context,
    actor: &Actor,
    query: Query,
    is_following: bool,
) -> Result<DeltaToken, DeltaError> {
    refuse_order(&query)?;
    let position = context.store.last_position().await.map_err(ListError::Store)?;
    let query = PageToken::first(context, Query { count: Some(false), ..query }, None);
    Ok(DeltaToken {
        position: write_position(position),
        sight: sight(actor),
        query: query.seal(context, actor),
        is_following,
    })
}

/// Options that mean nothing for a stream of changes.
fn refuse_order(query: &Query) -> Result<(), ListError> {
    let sent = [
        (!query.order.is_empty(), "$orderby"),
        (query.top.is_some(), "$top"),
        (query.skip.is_some(), "$skip"),
        (query.search.is_some(), "$search"),
        (query.count.is_some(), "$count"),
    ];
    let problems: Vec<_> = sent
        .into_iter()
        .filter(|(is_sent, _)| *is_sent)
        .map(|(_, option)| QueryError {
            option: option.to_owned(),
            position: None,
            message: "changes come in the order of the log, all of them".to_owned(),
            expected: ["$filter", "$select", "$expand"].map(str::to_owned).to_vec(),
            suggestion: None,
        })
        .collect();
    if problems.is_empty() { Ok(()) } else { Err(ListError::Invalid(problems)) }
}

/// Returns the next page of the first pass through the list.
async fn go_through(context: &Context, actor: &Actor, token: DeltaToken) -> Result<DeltaPage, DeltaError> {
    let query = Query { skip_token: Some(token.query.clone()), ..Query::default() };
    let Page { listed, next, shape, .. } = list(context, actor, query, Preferred::default()).await?;
    let next = match next {
        Some(query) => Next::Page(DeltaToken { query, ..token }.seal(context, actor)),
        None => Next::Delta(DeltaToken { is_following: true, ..token }.seal(context, actor)),
    };
    Ok(DeltaPage { entries: Entries::Listed(listed), shape, next })
}

/// Returns what changed after the token's place in the log.
async fn follow(context: &Context, actor: &Actor, token: DeltaToken) -> Result<DeltaPage, DeltaError> {
    let store = &context.store;
    let newest = store.last_position().await.map_err(ListError::Store)?;
    let position = read_position(&token.position).ok_or(ListError::ForeignToken("$deltatoken"))?;
    // A place that the log has not reached is one of a database that was replaced by an older copy.
    if position > newest {
        return Err(DeltaError::SightChanged);
    }
    let query = PageToken::open(context, actor, &token.query)?;
    let scope = actor.scope();
    let window = store.list_changed(&scope, position, CHANGES_MAX).await.map_err(ListError::Store)?;
    let shape = Shape { selection: query.selection.clone(), expanded: query.expanded.clone() };
    let entries = tell(context, actor, &window.changed, position, query.filter.as_ref(), &shape).await?;
    let token = DeltaToken { position: write_position(window.reached), ..token }.seal(context, actor);
    let next = if window.is_end { Next::Delta(token) } else { Next::Page(token) };
    Ok(DeltaPage { entries, shape, next })
}

/// Reads what the caller sees today of what changed.
async fn tell(
    context: &Context,
    actor: &Actor,
    changed: &[Changed],
    after: u64,
    filter: Option<&Expr>,
    shape: &Shape,
) -> Result<Entries, ListError> {
    let (store, scope) = (&context.store, actor.scope());
    let mut engagements: BTreeMap<Uuid, Vec<&Changed>> = BTreeMap::new();
    for it in changed {
        engagements.entry(it.engagement_id).or_default().push(it);
    }
    let (mut documents, mut removed) = (Vec::new(), BTreeSet::new());
    for (engagement_id, changed) in engagements {
        let visible = store.list_related(&scope, engagement_id).await?;
        let is_told = |id: Uuid| changed.iter().any(|it| it.is_own || it.referral_id == id);
        for visible in visible.iter().filter(|it| is_told(it.stored.id)) {
            match document(context, actor, visible, filter, shape).await? {
                Some(document) => documents.push(document),
                None => drop(removed.insert(visible.stored.id)),
            }
        }
        let is_seen = |id: Uuid| visible.iter().any(|it| it.stored.id == id);
        for gone in changed.iter().filter(|it| !is_seen(it.referral_id)) {
            let Some(person) = scope.person() else { continue };
            // Only who had seen it learns that it is gone.
            if store.was_in_team(gone.referral_id, after, &person.email).await? == Some(true) {
                removed.insert(gone.referral_id);
            }
        }
    }
    Ok(Entries::Changed { documents, removed: removed.into_iter().collect() })
}

/// Returns a record as it is wanted; `None` when the filter is not true of it.
async fn document(
    context: &Context,
    actor: &Actor,
    visible: &VisibleReferral,
    filter: Option<&Expr>,
    shape: &Shape,
) -> Result<Option<Document>, ListError> {
    let view = render(context, actor, visible, view::Context::None).map_err(ReadError::from)?;
    if let Some(filter) = filter {
        let seen = Node::from_document(&view.body).unwrap_or(Node::Null);
        if !eval::matches(filter, &JsonSource(&seen)) {
            return Ok(None);
        }
    }
    Ok(Some(shaped(context, actor, view, visible, shape).await?))
}

impl DeltaToken {
    fn seal(&self, context: &Context, actor: &Actor) -> String {
        let json = serde_json::to_string(self).expect("plain structures serialise");
        context.seal.close(PURPOSE, actor, &json)
    }

    fn open(context: &Context, actor: &Actor, sealed: &str) -> Result<Self, DeltaError> {
        let foreign = || ListError::ForeignToken("$deltatoken");
        let json = context.seal.open_text(PURPOSE, actor, sealed).ok_or_else(foreign)?;
        let token: Self = serde_json::from_str(&json).map_err(|_| foreign())?;
        if token.sight != sight(actor) {
            return Err(DeltaError::SightChanged);
        }
        Ok(token)
    }
}

/// Returns a mark of what the caller's role and locations let it see.
fn sight(actor: &Actor) -> String {
    let text = format!("{:?} {:?} {}", actor.role, actor.locations, actor.email);
    digest(&SHA256, text.as_bytes()).as_ref().iter().take(8).map(|it| format!("{it:02x}")).collect()
}
