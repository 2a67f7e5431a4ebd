//! What people keep of the dashboard: saved and shared views, drafts, where they left off.

use uuid::Uuid;

use super::Context;
use crate::{
    domain::{
        actor::Colleague,
        report::{ProblemCode, Report},
    },
    storage::{Commit, SavedItem, StoreError},
};

/// How long a name may be, in characters.
pub const NAME_CHARS_MAX: usize = 100;
/// How large something that is kept may be, in bytes.
pub const BODY_BYTES_MAX: usize = 65_536;
/// How many of a kind a person may keep.
pub const ITEMS_MAX: usize = 100;

/// What is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SavedKind {
    /// Filters, order and columns of a grid, under a name; the name begins with the grid's own.
    View,
    /// Filters, order and columns that a grid was left with; named like the grid.
    Grid,
    /// A deal that is not made yet.
    Draft,
    /// Up to where the person has seen the feed.
    LastLook,
}

impl SavedKind {
    const fn as_str(self) -> &'static str {
        match self {
            Self::View => "view",
            Self::Grid => "grid",
            Self::Draft => "draft",
            Self::LastLook => "last-look",
        }
    }
}

/// Something that is to be kept.
#[derive(Clone, Copy)]
pub struct SaveRequest<'a> {
    /// What it is.
    pub kind: SavedKind,
    /// What its owner calls it; whatever had the name before is replaced.
    pub name: &'a str,
    /// The thing itself.
    pub body: &'a str,
    /// Whether everybody in the organisation sees it.
    pub is_shared: bool,
}

/// Why something is not kept.
#[derive(Debug, thiserror::Error)]
pub enum SaveError {
    /// It is not acceptable; the report lists every problem.
    #[error("the request has {} problems", .0.problems.len())]
    Invalid(Report),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Lists what a person keeps of a kind, and what colleagues share of it; by name.
///
/// # Errors
/// When the database does not answer.
pub async fn list_saved(
    context: &Context,
    whose: &Colleague,
    kind: SavedKind,
) -> Result<Vec<SavedItem>, StoreError> {
    context.store.list_saved_items(whose, kind.as_str()).await
}

/// Returns what a person keeps under a name.
///
/// # Errors
/// When the database does not answer.
pub async fn find_saved(
    context: &Context,
    whose: &Colleague,
    kind: SavedKind,
    name: &str,
) -> Result<Option<SavedItem>, StoreError> {
    context.store.find_saved_item(whose.user_id, kind.as_str(), name).await
}

/// Keeps something.
///
/// # Errors
/// When its name or its size does not do, or the person keeps as many as it may.
pub async fn save(context: &Context, whose: &Colleague, request: SaveRequest<'_>) -> Result<(), SaveError> {
    let name = request.name.trim();
    let mut report = Report::default();
    if name.is_empty() {
        report.required("/name", "a name is needed");
    }
    if name.chars().count() > NAME_CHARS_MAX {
        let message = format!("a name has {NAME_CHARS_MAX} characters at most");
        report.problem(ProblemCode::TooLong, "length", "/name", message);
    }
    if request.body.len() > BODY_BYTES_MAX {
        let message = format!("what is kept has {BODY_BYTES_MAX} bytes at most");
        report.problem(ProblemCode::TooLong, "length", "/body", message);
    }
    let kept = list_saved(context, whose, request.kind).await?;
    let own: Vec<&SavedItem> = kept.iter().filter(|it| it.user_id == whose.user_id).collect();
    if own.len() >= ITEMS_MAX && !own.iter().any(|it| it.name == name) {
        let message = format!("you keep {ITEMS_MAX}, as many as you may; remove one first");
        report.problem(ProblemCode::TooLong, "length", "/name", message);
    }
    if !report.problems.is_empty() {
        return Err(SaveError::Invalid(report));
    }
    let mut commit = Commit::new();
    commit.put_saved_item(&SavedItem {
        id: context.random.uuid(),
        organization_id: whose.organization_id.clone(),
        user_id: whose.user_id,
        kind: request.kind.as_str().to_owned(),
        name: name.to_owned(),
        is_shared: request.is_shared,
        body: request.body.to_owned(),
        updated: context.clock.now(),
    });
    Ok(context.store.commit(commit).await?)
}

/// Removes something that the person keeps; what is not there, or another's, stays as it is.
///
/// # Errors
/// When the database does not answer.
pub async fn remove_saved(context: &Context, whose: &Colleague, id: Uuid) -> Result<(), StoreError> {
    let mut commit = Commit::new();
    commit.remove_saved_item(whose.user_id, id);
    context.store.commit(commit).await
}
