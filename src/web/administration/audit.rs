//! Audit records: what happened in a stretch of days, as a table and as a file.

use askama::Template;
use axum::{
    Router,
    body::Body,
    response::{IntoResponse as _, Response},
    routing::get,
};
use futures_util::stream;
use http::{HeaderValue, header};

use super::{Key, Sheet, Tab, deliveries::pretty, fields::Choice};
use crate::{
    app::App,
    domain::{
        actor::Auditor,
        audit::{AuditAuthor, Resource},
        time::Timestamp,
        vocabulary::Vocabulary as _,
    },
    service::audit::{
        self, AuditItem, AuditRequest, AuditValue, Export, ExportFormat, ExportRequest, Kinds, Span,
    },
    web::{
        failure::Failure,
        visit::{Frame, Visit, page},
        words::Words,
    },
};

/// Records that are read at a time. What fits is shown newest first; more come in pages, oldest first.
const SIZE: u32 = 500;
const DAY_SECS: i64 = 24 * 60 * 60;
/// Days that are shown when none are asked for, today included.
const DAYS: i64 = 7;
/// The kind of a change of a referral, which is no [`Resource`].
const REFERRAL: &str = "referral";

/// Returns the routes.
pub(super) fn router() -> Router<App> {
    Router::new()
        .route("/administration/audit", get(list))
        .route("/administration/audit/export", get(export))
        .route("/administration/audit/records/{id}", get(show))
}

/// A record as the table shows it.
struct Record {
    item: AuditItem,
    at: String,
    what: String,
    /// Id of the referral that it is about, if it is about one.
    referral_id: Option<String>,
}

impl Record {
    fn of(item: AuditItem, words: Words) -> Self {
        let at = Timestamp::parse(&item.operation_date).map(|it| words.moment(it)).unwrap_or_default();
        let referral_id = item.customized_data.iter().find(|it| it.key == "ReferralId");
        Self {
            at,
            what: operation(&item.operation_type),
            referral_id: referral_id.map(|it| it.value.clone()),
            item,
        }
    }

    fn has_failed(&self) -> bool {
        self.item.operation_status == "failed"
    }
}

/// Writes `update_webhook_secret` as words.
fn operation(text: &str) -> String {
    text.replace('_', " ")
}

/// What is asked for, as the form shows it again.
struct Asked {
    from: String,
    until: String,
    kind: String,
    span: Span,
    /// What is wrong with it.
    problem: Option<String>,
}

#[derive(Template)]
#[template(path = "web/administration/audit.html")]
struct AuditTable {
    frame: Frame,
    tabs: Vec<Tab>,
    asked: Asked,
    kinds: Vec<Choice>,
    records: Vec<Record>,
    /// Whether the newest stand first.
    is_newest_first: bool,
    /// Address of the next page; `None` on the last.
    next: Option<String>,
    /// The span and the kind, for the links to files.
    query: String,
}

#[derive(Template)]
#[template(path = "web/administration/record.html")]
struct RecordPage {
    frame: Frame,
    tabs: Vec<Tab>,
    record: Record,
    facts: Vec<AuditValue>,
    before: Option<String>,
    after: Option<String>,
}

fn auditor(visit: &Visit) -> Result<Auditor, Failure> {
    let administrator = visit.administrator()?.0;
    Ok(Auditor {
        organization_id: administrator.organization_id.clone(),
        id: administrator.user_id,
        author: AuditAuthor::from(&administrator),
        reader: visit.seat.actor().ok(),
        is_administrator: true,
    })
}

/// Reads which days and which kind are asked for; the last week without.
fn read(visit: &Visit) -> Asked {
    let today = day(visit.now());
    let first = day(visit.now().plus_secs(-(DAYS - 1) * DAY_SECS));
    let (from, until) = (visit.asked("from").unwrap_or(&first), visit.asked("until").unwrap_or(&today));
    let kind = visit.asked("kind").unwrap_or_default();
    let moments = audit::read_moment(from).zip(audit::read_moment(until));
    let times = moments.map(|(from, until)| (from.0, until.1)).filter(|it| it.0 <= it.1);
    let kinds = match kind {
        "" => Kinds::All,
        REFERRAL => Kinds::Changes,
        _ => Kinds::Events,
    };
    let problem = times.is_none().then(|| visit.words.say("audit-wrong-days"));
    let (from_time, until_time) = times.unwrap_or((visit.now(), visit.now()));
    let span = Span { from: from_time, until: until_time, kinds };
    Asked { from: from.to_owned(), until: until.to_owned(), kind: kind.to_owned(), span, problem }
}

/// Writes a day as fields of days and the API do.
fn day(at: Timestamp) -> String {
    at.to_string().chars().take(10).collect()
}

fn passes(kind: &str, item: &AuditItem) -> bool {
    kind.is_empty() || item.resource_type == kind
}

fn kinds(words: Words) -> Vec<Choice> {
    let named = |value: &str| Choice {
        value: value.to_owned(),
        label: words
            .say_known(&format!("audit-of-{}", value.replace('_', "-")))
            .unwrap_or_else(|| operation(value)),
    };
    let all = Choice { value: String::new(), label: words.say("audit-of-everything") };
    let others = Resource::ALL.iter().map(|it| named(it.as_str()));
    [all, named(REFERRAL)].into_iter().chain(others).collect()
}

fn write_query(asked: &Asked) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.extend_pairs([("from", &asked.from), ("until", &asked.until), ("kind", &asked.kind)]);
    query.finish()
}

async fn list(visit: Visit) -> Result<Response, Failure> {
    let auditor = auditor(&visit)?;
    let asked = read(&visit);
    let query = write_query(&asked);
    let continuation = visit.asked("page").map(str::to_owned);
    let is_first = continuation.is_none();
    let (mut records, mut next) = (Vec::new(), None);
    if asked.problem.is_none() {
        let request = AuditRequest { span: asked.span, size: SIZE, continuation };
        let found = audit::list(&visit.app.context, &auditor, &request).await?;
        let items = found.items.into_iter().filter(|it| passes(&asked.kind, it));
        records.extend(items.map(|it| Record::of(it, visit.words)));
        next = found.continuation.map(|token| format!("/administration/audit?{query}&page={token}"));
    }
    let is_newest_first = is_first && next.is_none();
    if is_newest_first {
        records.reverse();
    }
    let Sheet { frame, tabs } = Sheet::of(&visit, visit.words.say("admin-audit")).await?;
    page(&AuditTable { frame, tabs, asked, kinds: kinds(visit.words), records, is_newest_first, next, query })
}

async fn show(visit: Visit, Key(id): Key<String>) -> Result<Response, Failure> {
    let auditor = auditor(&visit)?;
    let item = audit::find(&visit.app.context, &auditor, &id).await?;
    let facts = item.customized_data.clone();
    let (before, after) =
        (item.resource_old_value.as_deref().map(pretty), item.resource_new_value.as_deref().map(pretty));
    let record = Record::of(item, visit.words);
    let Sheet { frame, tabs } = Sheet::of(&visit, record.what.clone()).await?;
    page(&RecordPage { frame, tabs, record, facts, before, after })
}

/// Answers with a file of everything that the filter shows; the export is written down as the API's is.
async fn export(visit: Visit) -> Result<Response, Failure> {
    let auditor = auditor(&visit)?;
    let asked = read(&visit);
    let format = visit.asked("format").and_then(ExportFormat::parse).ok_or(Failure::NotFound)?;
    if let Some(problem) = asked.problem {
        return Err(Failure::Conflict(problem));
    }
    let context = &visit.app.context;
    let request = ExportRequest { span: asked.span, format };
    let source = (&context.random, context.clock.now());
    audit::note_export(&context.store, source, Some(&auditor), request).await?;
    let export = Export::new(&context.store, Some(auditor), asked.span);
    let (content_type, name) = match format {
        ExportFormat::Csv => ("text/csv; charset=utf-8; header=present", "auditrecords.csv"),
        ExportFormat::JsonLines => ("application/x-ndjson", "auditrecords.jsonl"),
    };
    let disposition = HeaderValue::try_from(format!("attachment; filename=\"{name}\""));
    let disposition = disposition.unwrap_or(HeaderValue::from_static("attachment"));
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(content_type)),
        (header::CONTENT_DISPOSITION, disposition),
    ];
    Ok((headers, pieces(export, format, asked.kind)).into_response())
}

/// Writes a page of records after the other. An error in the middle breaks the connection off, which every browser
/// notices.
fn pieces(export: Export, format: ExportFormat, kind: String) -> Body {
    let state = (Some(format.head()), export, kind);
    Body::from_stream(stream::unfold(state, move |(head, mut export, kind)| async move {
        if let Some(head) = head {
            return Some((Ok(head), (None, export, kind)));
        }
        let piece = match export.next_items().await {
            Ok(None) => return None,
            Ok(Some(items)) => {
                let wanted = items.iter().filter(|it| passes(&kind, it));
                Ok(wanted.map(|it| audit::line(it, format)).collect::<String>())
            }
            Err(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "an export was broken off");
                Err(std::io::Error::other(error))
            }
        };
        Some((piece, (None, export, kind)))
    }))
}
