//! Files that people take with them from pages: each is an audit event, written before the file leaves.

use crate::{
    domain::{
        actor::Colleague,
        audit::{AuditAuthor, AuditEvent, Deed, Resource},
    },
    service::Context,
    storage::{Commit, StoreError},
};

/// What is taken along.
#[derive(Clone, Copy)]
pub struct FileNote<'a> {
    /// Of what.
    pub resource: Resource,
    /// In which form, such as `csv`.
    pub format: &'a str,
    /// Which of them, as a filter of the API.
    pub query: &'a str,
    /// How many.
    pub rows: usize,
}

/// Writes down that somebody takes a file along.
///
/// # Errors
/// When the database does not take the commit: then nothing is to be handed out.
pub async fn note_file(context: &Context, whose: &Colleague, note: FileNote<'_>) -> Result<(), StoreError> {
    let author = AuditAuthor { user_id: Some(whose.user_id), application_id: whose.application_id.clone() };
    let made = (context.random.uuid(), context.clock.now());
    let owner = Some(whose.organization_id.clone());
    let event = AuditEvent::new(made, owner, author, (Deed::Export, note.resource))
        .detail("Format", note.format)
        .detail("Filter", note.query)
        .detail("Rows", note.rows);
    let mut commit = Commit::new();
    commit.append_audit(&event);
    context.store.commit(commit).await
}
