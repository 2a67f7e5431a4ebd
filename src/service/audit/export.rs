//! Audit records as a file: all of a stretch of time, a page after the other, as CSV or as lines of JSON.
//!
//! An export is an audit event itself, written before the first record leaves. Lists, the feed and its stream are no
//! exports: they are how clients work all day, and what they show is what their callers see anyway.

use serde_json::json;

use super::{AuditError, AuditItem, Kinds, Places, Span, read_page};
use crate::{
    domain::{
        actor::{Auditor, Scope},
        audit::{AuditAuthor, AuditEvent, Deed, Resource},
        organization::OrganizationId,
        sources::Random,
        time::Timestamp,
    },
    storage::{AuditPlace, Commit, Store, StoreError},
};

/// Records that are read at a time.
const PAGE_SIZE: u32 = 500;

/// The form of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExportFormat {
    /// RFC 4180, with a head; texts that a spreadsheet would take for formulas have a quote before them.
    Csv,
    /// A record as JSON on each line.
    JsonLines,
}

/// What is exported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExportRequest {
    /// Of which time.
    pub span: Span,
    /// In which form.
    pub format: ExportFormat,
}

/// An export that is under way.
#[derive(Debug)]
pub struct Export {
    store: Store,
    /// `None` for an operator.
    auditor: Option<Auditor>,
    span: Span,
    next: Option<Places>,
}

impl ExportFormat {
    /// Reads `csv` or `jsonl`.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "csv" => Some(Self::Csv),
            "jsonl" => Some(Self::JsonLines),
            _ => None,
        }
    }

    /// Returns the name of the form.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::JsonLines => "jsonl",
        }
    }

    /// Returns what a file begins with.
    pub fn head(self) -> String {
        match self {
            Self::Csv => format!("{}\r\n", COLUMNS.join(",")),
            Self::JsonLines => String::new(),
        }
    }
}

const COLUMNS: [&str; 12] = [
    "operationDate",
    "operationType",
    "operationStatus",
    "resourceType",
    "userPrincipalName",
    "applicationId",
    "partnerId",
    "customerName",
    "customizedData",
    "resourceOldValue",
    "resourceNewValue",
    "id",
];

/// Writes down that an export is made, by an auditor or by an operator who reads of all organisations; and what was
/// counted until then, so that the export has it.
///
/// # Errors
/// When the database does not take the commit: then nothing is to be exported.
pub async fn note_export(
    store: &Store,
    (random, now): (&Random, Timestamp),
    auditor: Option<&Auditor>,
    ExportRequest { span, format }: ExportRequest,
) -> Result<(), StoreError> {
    store.write_tallies(random).await?;
    let owner = auditor.map(|it| it.organization_id.clone());
    let author = auditor.map_or_else(|| AuditAuthor::server("operator"), |it| it.author.clone());
    let event = AuditEvent::new((random.uuid(), now), owner, author, (Deed::Export, Resource::AuditRecord))
        .detail("From", span.from)
        .detail("Until", span.until)
        .detail("Format", format.as_str());
    let mut commit = Commit::new();
    commit.append_audit(&event);
    store.commit(commit).await
}

impl Export {
    /// Begins to read what an auditor is told; without one, what all organisations are told, but of referrals: that is
    /// for an operator. Whoever begins has noted it with [`note_export`].
    pub fn new(store: &Store, auditor: Option<Auditor>, span: Span) -> Self {
        Self { store: store.clone(), auditor, span, next: Some(Places::START) }
    }

    /// Returns the records that follow; `None` at the end.
    ///
    /// # Errors
    /// When the database does not answer, or the log was altered.
    pub async fn next_items(&mut self) -> Result<Option<Vec<AuditItem>>, AuditError> {
        let Some(after) = self.next.take() else { return Ok(None) };
        let (items, next) = match &self.auditor {
            Some(auditor) => read_page(&self.store, auditor, self.span, after, PAGE_SIZE).await?,
            None => self.read_events(after).await?,
        };
        self.next = next;
        Ok(Some(items))
    }

    async fn read_events(&self, after: Places) -> Result<(Vec<AuditItem>, Option<Places>), StoreError> {
        let Span { from, until, kinds } = self.span;
        if kinds == Kinds::Changes {
            return Ok((Vec::new(), None));
        }
        let scope = Scope::system("audit export");
        let events = self.store.list_all_audit_events(scope, (from, until), after.event, PAGE_SIZE).await?;
        let last = events.last().map(|it| AuditPlace { at: it.at, id: it.id });
        let is_full = u32::try_from(events.len()).is_ok_and(|it| it >= PAGE_SIZE);
        let mut items = Vec::with_capacity(events.len());
        for event in events {
            // What belongs to no organisation is told under the nil GUID, which is nobody's.
            let nobody = || OrganizationId::from(uuid::Uuid::nil());
            let owner = event.organization_id.clone().unwrap_or_else(nobody);
            items.push(AuditItem::of_event(&self.store, &owner, event).await?);
        }
        let next = last.filter(|_| is_full).map(|event| Places { event, ..after });
        Ok((items, next))
    }
}

/// Writes a record as a line, with its end.
pub fn line(item: &AuditItem, format: ExportFormat) -> String {
    match format {
        ExportFormat::JsonLines => {
            // Plain structures always serialise.
            let mut line = serde_json::to_string(item).unwrap_or_default();
            line.push('\n');
            line
        }
        ExportFormat::Csv => {
            let data = json!(item.customized_data).to_string();
            let partner = item.partner_id.to_string();
            let cells = [
                &item.operation_date,
                &item.operation_type,
                item.operation_status,
                item.resource_type,
                &item.user_principal_name,
                &item.application_id,
                &partner,
                &item.customer_name,
                &data,
                item.resource_old_value.as_deref().unwrap_or_default(),
                item.resource_new_value.as_deref().unwrap_or_default(),
                &item.id,
            ];
            let cells = cells.map(cell);
            format!("{}\r\n", cells.join(","))
        }
    }
}

/// Writes a cell of CSV: in quotes, and with one before what a spreadsheet would take for a formula.
pub fn cell(text: &str) -> String {
    let guard = if text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']) { "'" } else { "" };
    format!("\"{guard}{}\"", text.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::cell;

    #[test]
    fn a_cell_is_quoted_and_no_formula() {
        assert_eq!(cell("plain, text"), "\"plain, text\"");
        assert_eq!(cell("say \"hello\"\nworld"), "\"say \"\"hello\"\"\nworld\"");
        for formula in ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1"] {
            assert_eq!(cell(formula), format!("\"'{formula}\""));
        }
        assert_eq!(cell(""), "\"\"");
    }
}
