//! Listing what a caller may see: a query is read, a page of keys is found, and its documents are read a few at a time.
//!
//! A page ends at a place in the order, not after a number of rows, so that the ten-thousandth costs what the first does
//! and referrals that are made meanwhile neither repeat nor shift the others. The place travels in a token that carries
//! the whole query, printed from its checked form.

mod delta;
mod token;

use std::time::Duration;

use aws_lc_rs::digest::{Context as Digest, SHA256};
use odata::{
    Query, QueryError,
    tree::{Direction, Expanded, Expr, Node, OrderKey, Path, Root, Selection},
};

pub use self::delta::{DeltaError, DeltaPage, Entries, Next, delta};
use uuid::Uuid;

use self::token::PageToken;
use super::{ReadError, render};
use crate::{
    domain::{
        actor::Actor,
        etag::ETag,
        query::{
            SCHEMA,
            projection::{append_member, project},
        },
        view::{self, View, VisibleReferral},
    },
    service::Context,
    storage::{ListQuery, Listed, Store, StoreError},
};

/// Which part of the time a count may take that nobody asked for.
const COUNT_BUDGET_DIVISOR: u32 = 5;
/// Bytes of a digest that a token of a page carries.
const ETAG_BYTES: usize = 16;

/// Why there is no list.
#[derive(Debug, thiserror::Error)]
pub enum ListError {
    /// The query is wrong; every problem is listed.
    #[error("the query has {} problems", .0.len())]
    Invalid(Vec<QueryError>),
    /// The token is not one that this caller was given.
    #[error("the {0} is not one that was given to you; start again without it")]
    ForeignToken(&'static str),
    /// The query took longer than it may.
    #[error("the query took longer than it may")]
    CutOff {
        /// The part that no index serves, as text.
        costly_part: Option<String>,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A referral cannot be shown.
    #[error(transparent)]
    Read(#[from] ReadError),
}

/// What is wanted of each entity.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Shape {
    /// Members; all of them when absent.
    pub selection: Option<Selection>,
    /// What is added.
    pub expanded: Vec<Expanded>,
}

/// What a caller prefers of a page.
#[derive(Clone, Copy, Debug, Default)]
pub struct Preferred {
    /// How many referrals at most.
    pub size: Option<u32>,
    /// Whether the caller has the page perhaps, and needs no document then.
    pub is_known: bool,
}

/// A page of the list, before all of its documents are read.
#[derive(Clone, Debug)]
pub struct Page {
    /// How many referrals the query is true of, on all pages. `None` when the caller does not want to know, or when
    /// counting takes longer than it is worth and the caller did not ask.
    pub count: Option<u64>,
    /// The page.
    pub listed: Vec<Listed>,
    /// Token of the next page; `None` on the last.
    pub next: Option<String>,
    /// What is wanted of each referral.
    pub shape: Shape,
    /// Token of what the caller sees on this page. `None` where other referrals are part of the answer.
    pub etag: Option<String>,
}

/// A referral as it is wanted, with what tells it apart.
#[derive(Clone, Debug)]
pub struct Document {
    /// The JSON text.
    pub body: String,
    /// Key.
    pub id: Uuid,
    /// Engagement.
    pub engagement_id: Uuid,
    /// Token of the whole referral, as the caller sees it.
    pub etag: ETag,
}

/// Reads a query, with what it may say about a list.
///
/// # Errors
/// Every problem of the query.
pub fn read_query(context: &Context, text: &str) -> Result<Query, ListError> {
    let now = context.clock.now().ticks();
    Query::parse(text, &SCHEMA, &context.settings.queries.limits, now).map_err(ListError::Invalid)
}

/// Reads a query on a single referral, which can say what of it is wanted and in which format, and nothing else.
///
/// # Errors
/// Every problem of the query.
pub fn entity_query(context: &Context, text: &str) -> Result<(Shape, Option<String>), ListError> {
    let query = read_query(context, text)?;
    let rest = Query { selection: None, expanded: Vec::new(), format: None, ..query.clone() };
    if rest != Query::default() {
        let problem = QueryError {
            option: "query".to_owned(),
            position: None,
            message: "a single referral takes no other options".to_owned(),
            expected: ["$select", "$expand", "$format"].map(str::to_owned).to_vec(),
            suggestion: None,
        };
        return Err(ListError::Invalid(vec![problem]));
    }
    Ok((Shape { selection: query.selection, expanded: query.expanded }, query.format))
}

/// Finds the page that a query asks for.
///
/// # Errors
/// When the query is wrong, or takes longer than it may.
pub async fn list(
    context: &Context,
    actor: &Actor,
    query: Query,
    preferred: Preferred,
) -> Result<Page, ListError> {
    let page = match &query.skip_token {
        Some(sealed) => {
            refuse_beside_token(&query)?;
            PageToken::open(context, actor, sealed)?
        }
        None => PageToken::first(context, query, preferred.size),
    };
    let (filter, search) = (page.filter.as_ref(), page.search.as_ref());
    let predicates: Vec<&Expr> = filter.into_iter().chain(search).collect();
    let budget = context.settings.queries.budget;
    let cut_off = |error| cut_off(error, &predicates);
    let scope = actor.scope();

    let size = page.remaining.map_or(page.size, |it| page.size.min(u32::try_from(it).unwrap_or(u32::MAX)));
    let default_order = [newest_first()];
    let order = if page.order.is_empty() { &default_order[..] } else { &page.order };
    let asked = ListQuery {
        predicates: &predicates,
        order,
        after: page.after.as_ref(),
        skip: page.skip,
        // One more than fits tells whether there is a next page.
        count_max: size.saturating_add(1),
        with_documents: !preferred.is_known,
    };
    let mut listed = match size {
        0 => Vec::new(),
        _ => context.store.list_referrals(&scope, &asked, budget).await.map_err(cut_off)?,
    };
    let fits = usize::try_from(size).unwrap_or(usize::MAX);
    let has_more = listed.len() > fits;
    let count =
        count(context, actor, &page, &predicates, Found { listed: listed.len(), size, has_more }).await?;
    listed.truncate(fits);

    let remaining = page.remaining.map(|it| it.saturating_sub(size.into()));
    let last = listed.last().filter(|_| has_more && remaining != Some(0));
    let next = last.map(|it| page.after(it.place.clone(), remaining, count).seal(context, actor));
    let shape = Shape { selection: page.selection.clone(), expanded: page.expanded.clone() };
    let etag = shape.expanded.is_empty().then(|| etag(&listed, count, &shape));
    Ok(Page { count, listed, next, shape, etag })
}

/// Counts what a query is true of.
///
/// # Errors
/// When it takes longer than it may.
pub async fn count_all(context: &Context, actor: &Actor, query: &Query) -> Result<u64, ListError> {
    let predicates: Vec<&Expr> = query.filter.iter().chain(&query.search).collect();
    let budget = context.settings.queries.budget;
    let count = context.store.count_referrals(&actor.scope(), &predicates, budget).await;
    count.map_err(|error| cut_off(error, &predicates))
}

/// Returns the documents of a part of a page, [`Store::DOCUMENTS_AT_ONCE`] at most, each as the caller sees it; reads
/// those that have not been read with the page.
///
/// # Errors
/// When the database does not answer, or a document cannot be read.
pub async fn read_listed(
    context: &Context,
    actor: &Actor,
    listed: Vec<Listed>,
    shape: &Shape,
) -> Result<Vec<Document>, ListError> {
    let found = match listed.iter().all(Listed::has_document) {
        true => listed.into_iter().map(|it| it.visible).collect(),
        false => context.store.find_listed(&actor.scope(), &listed).await?,
    };
    let mut documents = Vec::with_capacity(found.len());
    for visible in found {
        let view = render(context, actor, &visible, view::Context::None).map_err(ReadError::from)?;
        documents.push(shaped(context, actor, view, &visible, shape).await?);
    }
    Ok(documents)
}

/// Returns what is wanted of a rendered document.
///
/// # Errors
/// When the database does not answer, or a document cannot be read.
pub(super) async fn shaped(
    context: &Context,
    actor: &Actor,
    view: View,
    visible: &VisibleReferral,
    shape: &Shape,
) -> Result<Document, ReadError> {
    let (id, engagement_id) = (visible.stored.id, visible.stored.engagement_id);
    let mut document = match &shape.selection {
        Some(selection) => project(&view.body, selection)?,
        None => view.body,
    };
    for expanded in &shape.expanded {
        let related = context.store.list_related(&actor.scope(), engagement_id).await?;
        let mut items = Vec::with_capacity(related.len());
        for visible in &related {
            let body = render(context, actor, visible, view::Context::None)?.body;
            items.push(match &expanded.selection {
                Some(selection) => project(&body, selection)?,
                None => body,
            });
        }
        append_member(&mut document, expanded.name, &format!("[{}]", items.join(",")));
    }
    Ok(Document { body: document, id, engagement_id, etag: view.etag })
}

/// A token carries its query; what stands beside it would have no effect.
fn refuse_beside_token(query: &Query) -> Result<(), ListError> {
    let rest = Query { skip_token: None, format: None, ..query.clone() };
    if rest == Query::default() {
        return Ok(());
    }
    Err(ListError::Invalid(vec![QueryError {
        option: "$skiptoken".to_owned(),
        position: None,
        message: "the token carries the whole query".to_owned(),
        expected: vec!["no other option beside it than $format".to_owned()],
        suggestion: None,
    }]))
}

/// What was found of a page.
struct Found {
    /// How many, with the one that tells whether there is a next page.
    listed: usize,
    size: u32,
    has_more: bool,
}

/// Returns how many there are on all pages: taken once, on the first page, and carried from page to page.
async fn count(
    context: &Context,
    actor: &Actor,
    page: &PageToken,
    predicates: &[&Expr],
    found: Found,
) -> Result<Option<u64>, ListError> {
    if page.after.is_some() || page.is_count_wanted == Some(false) {
        return Ok(page.count);
    }
    let listed = u64::try_from(found.listed).unwrap_or(u64::MAX);
    if found.size > 0 && !found.has_more && (listed > 0 || page.skip == 0) {
        return Ok(Some(page.skip.saturating_add(listed)));
    }
    let budget = context.settings.queries.budget;
    let (budget, must) = match page.is_count_wanted {
        Some(true) => (budget, true),
        _ => (budget.checked_div(COUNT_BUDGET_DIVISOR).unwrap_or(Duration::ZERO), false),
    };
    match context.store.count_referrals(&actor.scope(), predicates, budget).await {
        Ok(count) => Ok(Some(count)),
        Err(StoreError::CutOff) if !must => Ok(None),
        Err(error) => Err(cut_off(error, predicates)),
    }
}

/// Adds to a query that was cut off the part of it that no index serves.
fn cut_off(error: StoreError, predicates: &[&Expr]) -> ListError {
    match error {
        StoreError::CutOff => {
            let costly = predicates.iter().find_map(|it| Store::costly_part(it));
            ListError::CutOff { costly_part: costly.map(ToString::to_string) }
        }
        other => ListError::Store(other),
    }
}

/// The order of a list that names none.
fn newest_first() -> OrderKey {
    let created = SCHEMA.entity.properties.iter().filter(|it| it.name == "createdDateTime").collect();
    let path = Path { root: Root::Entity, segments: created };
    let expr = Expr { node: Node::Path(path), ty: Some(odata::schema::Type::DateTime) };
    OrderKey { expr, direction: Direction::Descending }
}

/// Returns the token of what a viewer sees on a page. The filter is no part of it: a list of nothing tells nothing.
fn etag(listed: &[Listed], count: Option<u64>, shape: &Shape) -> String {
    let mut digest = Digest::new(&SHA256);
    digest.update(env!("CARGO_PKG_VERSION").as_bytes());
    let selection = shape.selection.as_ref().map(ToString::to_string);
    digest.update(selection.unwrap_or_default().as_bytes());
    digest.update(&count.unwrap_or(u64::MAX).to_be_bytes());
    for it in listed {
        let VisibleReferral { stored, relation, has_accepted, is_favorite } = &it.visible;
        digest.update(stored.id.as_bytes());
        digest.update(&stored.version.to_be_bytes());
        digest.update(&stored.updated.ticks().to_be_bytes());
        digest.update(&[*relation as u8, u8::from(*has_accepted), u8::from(*is_favorite)]);
    }
    let digest = digest.finish();
    let bytes = digest.as_ref().get(..ETAG_BYTES).unwrap_or_default();
    let hex: String = bytes.iter().map(|it| format!("{it:02x}")).collect();
    format!("W/\"{hex}\"")
}
