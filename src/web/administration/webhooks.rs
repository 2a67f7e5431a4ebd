//! Webhooks: where programs are told of the organisation's referrals.

use askama::Template;
use axum::{
    Form, Router,
    response::Response,
    routing::{get, post},
};
use uuid::Uuid;

use super::{
    Key, RemovePage, Sheet, Tab, deliveries,
    fields::{
        Choice, Draft, Sent,
        Shape::{List, Text},
        Shapes,
    },
    integrator, node, unstored,
};
use crate::{
    app::App,
    domain::{
        event::Event,
        vocabulary::Vocabulary as _,
        webhook::{Payload, SignatureHeader},
    },
    service::webhooks::{self, SubscriptionView},
    web::{
        failure::{self, Failure},
        visit::{Frame, Visit, go_on, page},
        words::Words,
    },
};

pub(super) const PATH: &str = "/administration/webhooks";
const SHAPES: Shapes = &[
    ("url", Text),
    ("description", Text),
    ("events", List),
    ("filter", Text),
    ("payload", Text),
    ("signatureHeader", Text),
];

/// Returns the routes.
pub(super) fn router() -> Router<App> {
    Router::new()
        .route("/administration/webhooks", get(list))
        .route("/administration/webhooks/new", get(show_new).post(add))
        .route("/administration/webhooks/{id}/edit", get(show).post(save))
        .route("/administration/webhooks/{id}/pause", post(pause))
        .route("/administration/webhooks/{id}/resume", post(resume))
        .route("/administration/webhooks/{id}/test", post(test))
        .route("/administration/webhooks/{id}/rotate", get(ask_rotate).post(rotate))
        .route("/administration/webhooks/{id}/remove", get(ask_remove).post(remove))
}

/// A subscription with what pages say of it.
pub(super) struct Subscription {
    pub(super) view: SubscriptionView,
    /// What it is called: its description, or where it leads.
    pub(super) name: String,
    pub(super) state: String,
    pub(super) since: String,
    /// Since when every attempt has failed; empty when the last one has not.
    pub(super) failing: String,
}

impl Subscription {
    pub(super) fn of(view: SubscriptionView, words: Words) -> Self {
        let state = words.say_known(&format!("webhook-{}", view.state));
        Self {
            name: view.description.clone().unwrap_or_else(|| view.url.clone()),
            state: state.unwrap_or_else(|| view.state.clone()),
            since: words.moment(view.state_since),
            failing: view.failing_since.map(|it| words.moment(it)).unwrap_or_default(),
            view,
        }
    }
}

#[derive(Template)]
#[template(path = "web/administration/webhooks.html")]
struct WebhooksPage {
    frame: Frame,
    tabs: Vec<Tab>,
    webhooks: Vec<Subscription>,
}

/// The form of a subscription that is new (`id` is `None`) or known.
#[derive(Template)]
#[template(path = "web/administration/webhook_form.html")]
struct WebhookForm {
    frame: Frame,
    tabs: Vec<Tab>,
    draft: Draft,
    id: Option<Uuid>,
    events: Vec<Choice>,
    payloads: Vec<Choice>,
    headers: Vec<Choice>,
}

/// Tells a secret, once.
#[derive(Template)]
#[template(path = "web/administration/secret.html")]
struct SecretPage {
    frame: Frame,
    tabs: Vec<Tab>,
    id: Uuid,
    secret: String,
}

async fn list(visit: Visit) -> Result<Response, Failure> {
    let caller = integrator(&visit)?;
    let found = webhooks::list_subscriptions(&visit.app.context, &caller).await?;
    let webhooks = found.into_iter().map(|it| Subscription::of(it, visit.words)).collect();
    let Sheet { frame, tabs } = Sheet::of(&visit, visit.words.say("admin-webhooks")).await?;
    page(&WebhooksPage { frame, tabs, webhooks })
}

async fn answer(visit: &Visit, draft: Draft, webhook: Option<&Subscription>) -> Result<Response, Failure> {
    let words = visit.words;
    let title = webhook.map_or_else(|| words.say("webhook-new"), |it| it.name.clone());
    let Sheet { frame, tabs } = Sheet::of(visit, title).await?;
    let is_refused = draft.is_refused();
    let event = |it: Event| Choice {
        value: it.as_str().to_owned(),
        label: words
            .say_known(&format!("webhook-event-{}", it.as_str()))
            .unwrap_or_else(|| it.as_str().to_owned()),
    };
    let payload = |it: &Payload| Choice {
        value: it.as_str().to_owned(),
        label: words.say(match it {
            Payload::Thin => "webhook-payload-thin",
            Payload::Full => "webhook-payload-full",
        }),
    };
    let response = page(&WebhookForm {
        frame,
        tabs,
        draft,
        id: webhook.map(|it| it.view.id),
        events: Event::ALL.into_iter().map(event).collect(),
        payloads: Payload::ALL.iter().map(payload).collect(),
        headers: SignatureHeader::ALL.iter().map(|it| Choice::plain(it.as_str())).collect(),
    })?;
    Ok(if is_refused { failure::refused(response) } else { response })
}

async fn tell_secret(visit: &Visit, view: SubscriptionView, title: &str) -> Result<Response, Failure> {
    let Sheet { frame, tabs } = Sheet::of(visit, visit.words.say(title)).await?;
    let secret = view.secret.unwrap_or_default();
    Ok(unstored(page(&SecretPage { frame, tabs, id: view.id, secret })?))
}

async fn show_new(visit: Visit) -> Result<Response, Failure> {
    integrator(&visit)?;
    let every: Sent =
        Event::OF_CHANGES.iter().map(|it| ("events".to_owned(), it.as_str().to_owned())).collect();
    answer(&visit, Draft::sent(SHAPES, every), None).await
}

async fn add(visit: Visit, Form(sent): Form<Sent>) -> Result<Response, Failure> {
    let caller = integrator(&visit)?;
    let mut draft = Draft::sent(SHAPES, sent);
    let body = node(&visit, &draft.json())?;
    match webhooks::create_subscription(&visit.app.context, &caller, body).await {
        Ok(view) => tell_secret(&visit, view, "webhook-added").await,
        Err(error) => {
            draft.refuse(error.into())?;
            answer(&visit, draft, None).await
        }
    }
}

/// What of a subscription a form can change, so that a delivery in between is no conflict.
fn editable(view: &SubscriptionView) -> serde_json::Value {
    serde_json::json!({
        "url": view.url,
        "description": view.description,
        "events": view.events,
        "filter": view.filter,
        "payload": view.payload,
        "signatureHeader": view.signature_header,
    })
}

async fn show(visit: Visit, Key(id): Key<Uuid>) -> Result<Response, Failure> {
    let caller = integrator(&visit)?;
    let view = webhooks::read_subscription(&visit.app.context, &caller, id).await?;
    let draft = Draft::of(SHAPES, &editable(&view));
    answer(&visit, draft, Some(&Subscription::of(view, visit.words))).await
}

async fn save(visit: Visit, Key(id): Key<Uuid>, Form(sent): Form<Sent>) -> Result<Response, Failure> {
    let caller = integrator(&visit)?;
    let context = &visit.app.context;
    let view = webhooks::read_subscription(context, &caller, id).await?;
    let mut draft = Draft::sent(SHAPES, sent);
    if draft.compare(&editable(&view)) {
        let body = node(&visit, &draft.json())?;
        match webhooks::update_subscription(context, &caller, id, &body).await {
            Ok(_) => return Ok(go_on(&format!("{PATH}/{id}"), "webhook-saved")),
            Err(error) => draft.refuse(error.into())?,
        }
    }
    answer(&visit, draft, Some(&Subscription::of(view, visit.words))).await
}

async fn pause(visit: Visit, Key(id): Key<Uuid>) -> Result<Response, Failure> {
    let caller = integrator(&visit)?;
    webhooks::pause_subscription(&visit.app.context, &caller, id).await?;
    Ok(go_on(&format!("{PATH}/{id}"), "webhook-paused"))
}

async fn resume(visit: Visit, Key(id): Key<Uuid>) -> Result<Response, Failure> {
    let caller = integrator(&visit)?;
    webhooks::resume_subscription(&visit.app.context, &caller, id).await?;
    Ok(go_on(&format!("{PATH}/{id}"), "webhook-resumed"))
}

async fn test(visit: Visit, Key(id): Key<Uuid>) -> Result<Response, Failure> {
    let caller = integrator(&visit)?;
    match webhooks::send_test(&visit.app.context, &caller, id).await.map_err(Failure::from) {
        Ok(_) => Ok(go_on(&format!("{PATH}/{id}"), "webhook-tested")),
        Err(Failure::Conflict(reason)) => deliveries::answer(&visit, id, Some(reason)).await,
        Err(failure) => Err(failure),
    }
}

async fn name(visit: &Visit, id: Uuid) -> Result<String, Failure> {
    let caller = integrator(visit)?;
    let view = webhooks::read_subscription(&visit.app.context, &caller, id).await?;
    Ok(Subscription::of(view, visit.words).name)
}

/// Asks whether a secret is to be replaced.
#[derive(Template)]
#[template(path = "web/administration/rotate.html")]
struct RotatePage {
    frame: Frame,
    tabs: Vec<Tab>,
    id: Uuid,
}

async fn ask_rotate(visit: Visit, Key(id): Key<Uuid>) -> Result<Response, Failure> {
    let title = name(&visit, id).await?;
    let Sheet { frame, tabs } = Sheet::of(&visit, title).await?;
    page(&RotatePage { frame, tabs, id })
}

async fn rotate(visit: Visit, Key(id): Key<Uuid>) -> Result<Response, Failure> {
    let caller = integrator(&visit)?;
    let view = webhooks::rotate_secret(&visit.app.context, &caller, id).await?;
    tell_secret(&visit, view, "webhook-rotated").await
}

async fn ask_remove(visit: Visit, Key(id): Key<Uuid>) -> Result<Response, Failure> {
    let name = name(&visit, id).await?;
    let texts = (visit.words.about("webhook-remove", name), visit.words.say("webhook-remove-means"));
    RemovePage::of(&visit, texts, None, format!("{PATH}/{id}")).await
}

async fn remove(visit: Visit, Key(id): Key<Uuid>) -> Result<Response, Failure> {
    let caller = integrator(&visit)?;
    webhooks::remove_subscription(&visit.app.context, &caller, id).await?;
    Ok(go_on(PATH, "webhook-removed"))
}
