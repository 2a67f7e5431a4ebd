//! The bell: what has happened to deals that is news to this person.

use askama::Template;
use axum::{
    Form, Router,
    response::{IntoResponse as _, Redirect, Response},
    routing::{get, post},
};
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

use crate::{
    app::App,
    domain::lifecycle::State,
    service::notices::{self, NoticeQuery, NoticeView},
    web::{
        administration::{Key, node},
        card::Badge,
        failure::Failure,
        visit::{Frame, Visit, go_on, own_path, page},
        words::Words,
    },
};

/// Returns the routes.
pub(super) fn router() -> Router<App> {
    Router::new()
        .route("/notices", get(list))
        .route("/notices/read", post(read_all))
        .route("/notices/{id}/read", post(read_one))
}

/// A notice with what the page says of it.
struct Notice {
    id: Uuid,
    is_read: bool,
    /// What happened, in a sentence.
    what: String,
    ago: String,
    at: String,
    referral_id: Uuid,
    status: Option<Badge>,
}

impl Notice {
    fn of(view: &NoticeView, visit: &Visit) -> Self {
        let words = visit.words;
        let referral = &view.referral;
        Self {
            id: view.id,
            is_read: view.read_date_time.is_some(),
            what: sentence(view, words),
            ago: words.ago(view.date_time, visit.now()),
            at: words.moment(view.date_time),
            referral_id: referral.id,
            status: State::of(referral.status, referral.substatus).map(|it| Badge::of_state(it, words)),
        }
    }
}

/// Says what happened to which deal; a kind without a message of its own shows by its name.
fn sentence(view: &NoticeView, words: Words) -> String {
    let name = view.referral.name.clone().filter(|it| !it.trim().is_empty());
    let name = name.unwrap_or_else(|| words.say("notice-unnamed"));
    let owner = &view.referral.organization_name;
    match view.kind.as_str() {
        "opportunity-sent" => words.between("notice-opportunity-sent", name, owner),
        "opportunity-accepted" => words.between("notice-opportunity-accepted", name, owner),
        "opportunity-declined" => words.between("notice-opportunity-declined", name, owner),
        "opportunity-expired" => words.between("notice-opportunity-expired", name, owner),
        "opportunity-won" => words.between("notice-opportunity-won", name, owner),
        "opportunity-lost" => words.between("notice-opportunity-lost", name, owner),
        "opportunity-received" => words.about("notice-opportunity-received", name),
        "opportunity-expiring" => words.about("notice-opportunity-expiring", name),
        "lead-received" => words.about("notice-lead-received", name),
        kind => format!("{name}: {kind}"),
    }
}

#[derive(Template)]
#[template(path = "web/person/notices.html")]
struct NoticesPage {
    frame: Frame,
    notices: Vec<Notice>,
    unread_count: u64,
    only_unread: bool,
    /// What marks the first notice of the page, and all older ones, as read.
    cursor: Option<String>,
    /// Address of the next page; `None` on the last.
    next: Option<String>,
}

async fn list(visit: Visit) -> Result<Response, Failure> {
    let actor = visit.actor()?;
    let only_unread = visit.asked("unread") == Some("true");
    let query = NoticeQuery { unread: only_unread.then_some("true"), token: visit.asked("page") };
    let found = notices::list_notices(&visit.app.context, &actor, query).await?;
    let unread = if only_unread { "unread=true&" } else { "" };
    page(&NoticesPage {
        frame: visit.frame(visit.words.say("nav-notices")).await?,
        notices: found.notices.iter().map(|it| Notice::of(it, &visit)).collect(),
        unread_count: found.unread_count,
        only_unread,
        cursor: found.cursor.filter(|_| found.unread_count > 0),
        next: found.next.map(|token| format!("/notices?{unread}page={token}")),
    })
}

#[derive(Deserialize)]
struct ReadForm {
    /// Cursor of a page.
    until: String,
}

async fn read_all(visit: Visit, Form(form): Form<ReadForm>) -> Result<Response, Failure> {
    let actor = visit.actor()?;
    let body = node(&visit, &json!({ "until": form.until }))?;
    notices::mark_notices_read(&visit.app.context, &actor, body).await?;
    Ok(go_on("/notices", "notices-read"))
}

#[derive(Deserialize)]
struct NextForm {
    /// Where to go afterwards.
    next: Option<String>,
}

/// Marks a notice as read and goes on: to its deal, or back to the list.
async fn read_one(visit: Visit, Key(id): Key<Uuid>, Form(form): Form<NextForm>) -> Result<Response, Failure> {
    let actor = visit.actor()?;
    notices::mark_notice_read(&visit.app.context, &actor, id).await?;
    Ok(Redirect::to(own_path(form.next.as_deref())).into_response())
}
