//! Audit records: what happened in a time, to referrals and to everything else of an organisation.
//!
//! ```text
//! changes of referrals ─ the log, as far as the auditor sees the records ─┐
//! audit events ───────── sign-ins, refusals, exports, administration ─────┴→ by time ─→ pages, exports
//! ```
//!
//! What is counted in memory (see `Store::tally`) is written down before this process answers.

mod export;
mod file;
mod item;

use std::collections::VecDeque;

use uuid::Uuid;

pub use self::{
    export::{Export, ExportFormat, ExportRequest, cell, line, note_export},
    file::{FileNote, note_file},
    item::{AuditAttributes, AuditItem, AuditValue},
};
use super::{
    Context,
    referrals::{ChangesError, tell_changes},
    seal::{read_position, write_position},
};
use crate::{
    domain::{
        actor::{Actor, Auditor},
        audit::{AuditEvent, key_of_record},
        time::Timestamp,
    },
    storage::{AuditPlace, SeenChange, Store, StoreError},
};

const PURPOSE: &str = "audit";
const DAY_SECS: i64 = 24 * 60 * 60;
/// Changes of one moment that are looked through for one of them, at a time.
const MOMENT_MAX: u32 = 500;

/// Which records are asked for; who may not read a kind gets none of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kinds {
    /// Those of referrals.
    Changes,
    /// Those of everything else.
    Events,
    /// All of them.
    All,
}

/// What is asked for of a stretch of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The first moment.
    pub from: Timestamp,
    /// The last moment.
    pub until: Timestamp,
    /// Which records.
    pub kinds: Kinds,
}

/// What a caller asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditRequest {
    /// Of which time.
    pub span: Span,
    /// Records on a page.
    pub size: u32,
    /// Where to go on, as the page before said.
    pub continuation: Option<String>,
}

/// A page of records, oldest first.
#[derive(Debug)]
pub struct AuditPage {
    /// The records.
    pub items: Vec<AuditItem>,
    /// What to ask for to get those that follow.
    pub continuation: Option<String>,
}

/// Why there are no records.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// The continuation token is not one that this caller was given.
    #[error("the continuation token is not one that was given to you; start again without it")]
    ForeignToken,
    /// No record that the caller may see has this id.
    #[error("the audit record was not found")]
    NotFound,
    /// A record cannot be told.
    #[error(transparent)]
    Changes(#[from] ChangesError),
}

impl From<StoreError> for AuditError {
    fn from(error: StoreError) -> Self {
        Self::Changes(error.into())
    }
}

/// Reads a day or a time, and returns its first and its last moment. `None` when it is neither.
pub fn read_moment(text: &str) -> Option<(Timestamp, Timestamp)> {
    let first = Timestamp::parse(text)?;
    let is_day = !text.contains(['T', 't', ' ']);
    let end = first.plus_secs(DAY_SECS).ticks().saturating_sub(1);
    Some((first, if is_day { Timestamp::from_ticks(end) } else { first }))
}

/// How far both readings have come.
#[derive(Clone, Copy, Debug)]
struct Places {
    position: u64,
    event: AuditPlace,
}

impl Places {
    const START: Self = Self { position: 0, event: AuditPlace::START };

    /// Writes them for a text that is sealed: always as long, because a length shows.
    fn write(self) -> String {
        let at = self.event.at.ticks().cast_unsigned();
        format!("{}{}{}", write_position(self.position), write_position(at), self.event.id.simple())
    }

    fn read(text: &str) -> Option<Self> {
        let (position, rest) = text.split_at_checked(16)?;
        let (at, id) = rest.split_at_checked(16)?;
        let at = Timestamp::from_ticks(read_position(at)?.cast_signed());
        let event = AuditPlace { at, id: Uuid::try_parse(id).ok()? };
        Some(Self { position: read_position(position)?, event })
    }
}

/// Lists what happened in a time, as far as the caller is told.
///
/// # Errors
/// When the token is not the caller's, the database does not answer, or the log was altered.
pub async fn list(
    context: &Context,
    auditor: &Auditor,
    request: &AuditRequest,
) -> Result<AuditPage, AuditError> {
    let after = match &request.continuation {
        Some(sealed) => {
            let text = context.seal.open_text(PURPOSE, auditor, sealed);
            text.as_deref().and_then(Places::read).ok_or(AuditError::ForeignToken)?
        }
        None => Places::START,
    };
    context.store.write_tallies(&context.random).await?;
    let (items, next) = read_page(&context.store, auditor, request.span, after, request.size).await?;
    let continuation = next.map(|it| context.seal.close(PURPOSE, auditor, &it.write()));
    Ok(AuditPage { items, continuation })
}

/// Finds one record by the id that lists and notifications tell.
///
/// # Errors
/// [`AuditError::NotFound`] for an unknown id and for a record that the caller is not told of alike.
pub async fn find(context: &Context, auditor: &Auditor, id: &str) -> Result<AuditItem, AuditError> {
    let key = key_of_record(id).ok_or(AuditError::NotFound)?;
    let store = &context.store;
    let is_it = |it: &AuditItem| it.id == id;
    if auditor.is_administrator {
        context.store.write_tallies(&context.random).await?;
        if let Some(event) = store.find_audit_event(&auditor.organization_id, key).await? {
            return Some(AuditItem::of_event(store, &auditor.organization_id, event).await?)
                .filter(is_it)
                .ok_or(AuditError::NotFound);
        }
    }
    let reader = auditor.reader.as_ref().ok_or(AuditError::NotFound)?;
    let change = find_change(store, reader, id, key).await?.ok_or(AuditError::NotFound)?;
    let told = tell_changes(store, reader, vec![change]).await?.pop();
    let item = told.map(|it| AuditItem::of_change(&auditor.organization_id, it));
    item.filter(is_it).ok_or(AuditError::NotFound)
}

/// Finds the change of a record among those of its moment, which the id says too: the log has no index on ids.
async fn find_change(
    store: &Store,
    reader: &Actor,
    record_id: &str,
    key: Uuid,
) -> Result<Option<SeenChange>, StoreError> {
    let Some(at) = item::moment_of(record_id) else { return Ok(None) };
    let mut after = 0;
    loop {
        let changes = store.list_changes_in(&reader.organization_id, (at, at), after, MOMENT_MAX).await?;
        let Some(last) = changes.last() else { return Ok(None) };
        after = last.position;
        if let Some(found) = changes.into_iter().find(|it| it.id == key) {
            return Ok(Some(found));
        }
    }
}

/// Reads the records after two places, by time, and says where the next ones are; `None` at the end.
async fn read_page(
    store: &Store,
    auditor: &Auditor,
    span: Span,
    mut after: Places,
    size: u32,
) -> Result<(Vec<AuditItem>, Option<Places>), AuditError> {
    // One more than fits tells whether there is a next page.
    let wanted = size.saturating_add(1);
    let owner = &auditor.organization_id;
    let times = (span.from, span.until);
    let reader = auditor.reader.as_ref().filter(|_| span.kinds != Kinds::Events);
    let mut changes = VecDeque::from(match reader {
        Some(_) => store.list_changes_in(owner, times, after.position, wanted).await?,
        None => Vec::new(),
    });
    let mut events = VecDeque::from(match auditor.is_administrator && span.kinds != Kinds::Changes {
        true => store.list_audit_events(owner, times, after.event, wanted).await?,
        false => Vec::new(),
    });
    let mut entries = Vec::new();
    for _ in 0..size {
        let Some(entry) = earlier(&mut changes, &mut events) else { break };
        match &entry {
            Entry::Change(change) => after.position = change.position,
            Entry::Event(event) => after.event = AuditPlace { at: event.at, id: event.id },
        }
        entries.push(entry);
    }
    let has_more = !changes.is_empty() || !events.is_empty();
    Ok((tell(store, auditor, reader, entries).await?, has_more.then_some(after)))
}

enum Entry {
    Change(SeenChange),
    Event(AuditEvent),
}

/// Takes what happened first; of two at one moment, the change.
fn earlier(changes: &mut VecDeque<SeenChange>, events: &mut VecDeque<AuditEvent>) -> Option<Entry> {
    let is_event_first = match (changes.front(), events.front()) {
        (Some(change), Some(event)) => event.at < change.at,
        (change, _) => change.is_none(),
    };
    match is_event_first {
        true => events.pop_front().map(Entry::Event),
        false => changes.pop_front().map(Entry::Change),
    }
}

/// Writes entries as records, in their order; changes of what the reader does not see are left out.
async fn tell(
    store: &Store,
    auditor: &Auditor,
    reader: Option<&Actor>,
    entries: Vec<Entry>,
) -> Result<Vec<AuditItem>, AuditError> {
    let mut items: Vec<(Uuid, Option<AuditItem>)> = Vec::with_capacity(entries.len());
    let mut changes = Vec::new();
    for entry in entries {
        match entry {
            Entry::Change(change) => {
                items.push((change.id, None));
                changes.push(change);
            }
            Entry::Event(event) => {
                let item = AuditItem::of_event(store, &auditor.organization_id, event).await?;
                items.push((Uuid::nil(), Some(item)));
            }
        }
    }
    let mut told = match reader {
        Some(reader) => tell_changes(store, reader, changes).await?,
        None => Vec::new(),
    }
    .into_iter()
    .peekable();
    let items = items.into_iter().filter_map(|(id, item)| {
        let told = if item.is_none() { told.next_if(|it| it.id == id) } else { None };
        item.or_else(|| told.map(|it| AuditItem::of_change(&auditor.organization_id, it)))
    });
    Ok(items.collect())
}

/// Forgets what is older than it is kept (0: for ever), unless another server is at it, and returns how many rows that were. Changes
/// of referrals are never forgotten: they are the log.
///
/// # Errors
/// When the database does not answer; what was forgotten until then stays so.
pub async fn forget_old(context: &Context, keep_days: u32) -> Result<u64, StoreError> {
    let before = context.clock.now().plus_secs(-i64::from(keep_days).saturating_mul(DAY_SECS));
    if keep_days == 0 || !context.store.has_audit_before(before).await? {
        return Ok(0);
    }
    match context.store.try_expiry_lease().await? {
        Some(_lease) => context.store.forget_audit_before(before).await,
        None => Ok(0),
    }
}
