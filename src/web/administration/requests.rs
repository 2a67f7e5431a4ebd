//! The request log, for developers: the last calls of the organisation's applications, with what to do about refusals.

use askama::Template;
use axum::{
    Json, Router,
    response::{IntoResponse as _, Response},
    routing::get,
};
use http::{HeaderValue, header};
use url::form_urlencoded;
use uuid::Uuid;

use super::{Key, Sheet, Tab, UNSTORED, deliveries::pretty, integrator};
use crate::{
    app::{App, Journal, LoggedCall, LoggedPart, WantedCalls, archive},
    web::{
        failure::Failure,
        visit::{Frame, Visit, page},
    },
};

/// Calls that are shown.
const COUNT: usize = 200;

/// Returns the routes.
pub(super) fn router() -> Router<App> {
    Router::new()
        .route("/administration/requests", get(list))
        .route("/administration/requests/archive", get(download))
        .route("/administration/requests/calls/{id}", get(show))
}

/// A call as the table shows it.
struct Line {
    call: LoggedCall,
    at: String,
    /// The application by its name, where it is the organisation's own.
    application: String,
    /// How long it took, in milliseconds.
    took: String,
}

impl Line {
    fn is_refused(&self) -> bool {
        self.call.decided.is_some()
    }
}

#[derive(Template)]
#[template(path = "web/administration/requests.html")]
struct RequestsPage {
    frame: Frame,
    tabs: Vec<Tab>,
    /// Whether this server keeps a log.
    is_kept: bool,
    /// The newest first.
    lines: Vec<Line>,
    only_refused: bool,
    application: String,
    query: String,
}

#[derive(Template)]
#[template(path = "web/administration/request.html")]
struct RequestPage {
    frame: Frame,
    tabs: Vec<Tab>,
    line: Line,
    /// What was sent, and what was answered.
    parts: Vec<Part>,
}

/// One direction of a call.
struct Part {
    title: String,
    headers: Vec<(String, String)>,
    body: Option<String>,
    /// What is not as it was.
    note: Option<String>,
}

fn journal(visit: &Visit) -> Option<&Journal> {
    visit.app.journal.as_ref()
}

async fn name(visit: &Visit, application: Option<&str>) -> Result<String, Failure> {
    let Some(id) = application else { return Ok(String::new()) };
    let found = match Uuid::try_parse(id) {
        Ok(key) => visit.app.context.store.find_application(key).await?,
        Err(_) => None,
    };
    let own = found.filter(|it| it.organization_id == visit.seat.colleague.organization_id);
    Ok(own.map_or_else(|| id.to_owned(), |it| it.name.clone()))
}

async fn line(visit: &Visit, call: LoggedCall) -> Result<Line, Failure> {
    Ok(Line {
        at: visit.words.moment(call.at),
        application: name(visit, call.application.as_deref()).await?,
        took: format!("{:.1}", call.duration_ms),
        call,
    })
}

fn wanted(visit: &Visit) -> Result<WantedCalls, Failure> {
    Ok(WantedCalls {
        organization_id: Some(integrator(visit)?.organization_id),
        application_id: visit.asked("application").map(str::to_owned),
        after: None,
        count_max: COUNT,
    })
}

async fn list(visit: Visit) -> Result<Response, Failure> {
    let wanted = wanted(&visit)?;
    let only_refused = visit.asked("only") == Some("refused");
    let calls = journal(&visit).map(|it| it.list(&wanted).calls).unwrap_or_default();
    let mut lines = Vec::new();
    for call in calls.iter().rev().filter(|it| !only_refused || it.refused.is_some() || it.fault.is_some()) {
        lines.push(line(&visit, LoggedCall::new(call, visit.app.sight(), false)).await?);
    }
    let application = wanted.application_id.unwrap_or_default();
    let query = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(Some(("application", &application)).filter(|it| !it.1.is_empty()))
        .finish();
    let is_kept = journal(&visit).is_some();
    let Sheet { frame, tabs } = Sheet::of(&visit, visit.words.say("admin-requests")).await?;
    page(&RequestsPage { frame, tabs, is_kept, lines, only_refused, application, query })
}

async fn show(visit: Visit, Key(id): Key<Uuid>) -> Result<Response, Failure> {
    let owner = integrator(&visit)?.organization_id;
    let call = journal(&visit).and_then(|it| it.find(&owner, id)).ok_or(Failure::NotFound)?;
    let mut call = LoggedCall::new(&call, visit.app.sight(), true);
    let sides = [("request-sent", call.request.take()), ("request-answered", call.response.take())];
    let parts = sides.into_iter().filter_map(|(title, it)| Some(part(&visit, title, it?))).collect();
    let line = line(&visit, call).await?;
    let title = format!("{} {}", line.call.method, line.call.url.split('?').next().unwrap_or_default());
    let Sheet { frame, tabs } = Sheet::of(&visit, title).await?;
    Ok(super::unstored(page(&RequestPage { frame, tabs, line, parts })?))
}

fn part(visit: &Visit, title: &str, part: LoggedPart) -> Part {
    let note = part.body.as_ref().and_then(|it| match (it.is_masked, it.is_cut) {
        (false, false) => None,
        (true, false) => Some("request-masked"),
        (false, true) => Some("request-cut"),
        (true, true) => Some("request-masked-and-cut"),
    });
    Part {
        title: visit.words.say(title),
        headers: part.headers.into_iter().map(|it| (it.name, it.value)).collect(),
        body: part.body.and_then(|it| it.text).map(|it| pretty(&it)),
        note: note.map(|it| visit.words.say(it)),
    }
}

/// Answers with the calls as an HTTP Archive, as the API does.
async fn download(visit: Visit) -> Result<Response, Failure> {
    let wanted = wanted(&visit)?;
    let journal = journal(&visit).ok_or(Failure::NotFound)?;
    let calls = journal.list(&wanted).calls;
    let calls: Vec<_> = calls.iter().map(|it| LoggedCall::new(it, visit.app.sight(), true)).collect();
    let disposition = HeaderValue::from_static("attachment; filename=\"requests.har\"");
    let headers = [(header::CONTENT_DISPOSITION, disposition), (header::CACHE_CONTROL, UNSTORED)];
    Ok((headers, Json(archive(&calls, &visit.app.public_url))).into_response())
}
