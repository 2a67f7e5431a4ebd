//! Marks as favourite, and previews of single deals.

use askama::Template;
use axum::{Form, extract::Path, response::Response};
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

use crate::{
    domain::{referral::Referral, revision::Handling},
    service::referrals::{self, ReviseRequest, Wish},
    web::{
        card::{Badge, Card},
        failure::Failure,
        visit::{Visit, go_on, own_path, page},
        words::Words,
    },
};

/// What the hearts of a grid say.
#[derive(Deserialize)]
pub(super) struct MarkForm {
    /// What is to be marked.
    on: Option<Uuid>,
    /// What is not to be marked any more.
    off: Option<Uuid>,
    /// Where to go afterwards.
    next: Option<String>,
}

/// Marks a referral for the person, or takes the mark away, as a `PATCH` of `/favorite` does.
pub(super) async fn mark(visit: Visit, Form(form): Form<MarkForm>) -> Result<Response, Failure> {
    let actor = visit.actor()?;
    let id = form.on.or(form.off).ok_or(Failure::NotFound)?;
    let is_marked = form.on.is_some();
    let body = json!([{ "op": "replace", "path": "/favorite", "value": is_marked }]).to_string();
    let request = ReviseRequest {
        id,
        wish: Wish::Patch(body.as_bytes()),
        if_match: None,
        handling: Handling::Strict,
        merges: false,
        validates_only: false,
        idempotency_key: None,
    };
    referrals::revise(&visit.app.context, &actor, request).await?;
    let done = if is_marked { "favorite-on" } else { "favorite-off" };
    Ok(go_on(own_path(form.next.as_deref()), done))
}

/// Another party of the engagement.
struct Party {
    name: String,
    status: Badge,
}

#[derive(Template)]
#[template(path = "web/grid-preview.html")]
struct Preview {
    words: Words,
    card: Card,
    parties: Vec<Party>,
}

/// The other records of the engagement, as the API expands them.
#[derive(Deserialize)]
struct Expanded {
    #[serde(rename = "relatedReferrals")]
    related: Vec<Referral>,
}

/// Answers with what is shown of a deal beside its name: a part of a page.
pub(super) async fn preview(visit: Visit, Path(id): Path<Uuid>) -> Result<Response, Failure> {
    let actor = visit.actor()?;
    let context = &visit.app.context;
    let (shape, _) = referrals::entity_query(context, "$expand=relatedReferrals")?;
    let document = referrals::read(context, &actor, id, &shape).await?;
    let referral: Referral = serde_json::from_str(&document.body)?;
    let Expanded { related } = serde_json::from_str(&document.body)?;
    let others = related.into_iter().filter(|it| it.id != id);
    let parties = others.map(|it| Party { status: Badge::of(&it, visit.words), name: it.organization_name });
    page(&Preview {
        words: visit.words,
        card: Card::of(&referral, &actor.organization_id, visit.now(), visit.words),
        parties: parties.collect(),
    })
}
