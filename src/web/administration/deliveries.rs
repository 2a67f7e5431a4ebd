//! A webhook with the log of what it was sent, and sending again what was not taken.

use askama::Template;
use axum::{
    Form, Router,
    response::Response,
    routing::{get, post},
};
use uuid::Uuid;

use super::{
    Key, Sheet, Tab,
    fields::{Draft, Sent, Shape::Text, Shapes},
    integrator, node,
    webhooks::{PATH, Subscription},
};
use crate::{
    app::App,
    service::webhooks::{self, AttemptView, DeliveryQuery, DeliveryView},
    web::{
        failure::{self, Failure},
        visit::{Frame, Visit, go_on, page},
        words::Words,
    },
};

const RANGE: Shapes = &[("from", Text), ("to", Text), ("state", Text)];
const SINCE: Shapes = &[("since", Text)];
/// The states of deliveries, with their messages.
const STATES: [(&str, &str); 3] =
    [("pending", "delivery-pending"), ("delivered", "delivery-delivered"), ("dead", "delivery-dead")];

/// Returns the routes.
pub(super) fn router() -> Router<App> {
    Router::new()
        .route("/administration/webhooks/{id}", get(show))
        .route("/administration/webhooks/{id}/redeliver", post(redeliver_range))
        .route("/administration/webhooks/{id}/recover", post(recover))
        .route("/administration/webhooks/{id}/deliveries/{delivery_id}", get(show_delivery))
        .route("/administration/webhooks/{id}/deliveries/{delivery_id}/redeliver", post(redeliver))
}

/// A delivery with what pages say of it.
struct Delivery {
    view: DeliveryView,
    state: String,
    at: String,
    /// When the next attempt is due; empty when there is none.
    next: String,
}

impl Delivery {
    fn of(view: DeliveryView, words: Words) -> Self {
        let name = STATES.iter().find(|it| it.0 == view.state).map_or("delivery-pending", |it| it.1);
        Self {
            state: words.say(name),
            at: words.moment(view.event_date_time),
            next: view.next_attempt_date_time.map(|it| words.moment(it)).unwrap_or_default(),
            view,
        }
    }
}

/// A choice of which deliveries are listed.
struct StateTab {
    href: String,
    label: String,
    is_current: bool,
}

#[derive(Template)]
#[template(path = "web/administration/webhook.html")]
struct WebhookPage {
    frame: Frame,
    tabs: Vec<Tab>,
    webhook: Subscription,
    states: Vec<StateTab>,
    deliveries: Vec<Delivery>,
    /// Address of the next page; `None` on the last.
    next: Option<String>,
    /// Why something was not done.
    refusal: Option<String>,
    range: Draft,
    since: Draft,
}

#[derive(Template)]
#[template(path = "web/administration/delivery.html")]
struct DeliveryPage {
    frame: Frame,
    tabs: Vec<Tab>,
    webhook: Subscription,
    delivery: Delivery,
    body: Option<String>,
    attempts: Vec<Attempt>,
}

/// An attempt with what pages say of it.
struct Attempt {
    view: AttemptView,
    at: String,
    outcome: String,
}

/// What of the two forms of a webhook was refused.
enum Refused {
    Nothing,
    Reason(String),
    Range(Draft),
    Since(Draft),
}

async fn show(visit: Visit, Key(id): Key<Uuid>) -> Result<Response, Failure> {
    render(&visit, id, Refused::Nothing).await
}

/// Shows a webhook with why something was not done.
pub(super) async fn answer(visit: &Visit, id: Uuid, refusal: Option<String>) -> Result<Response, Failure> {
    render(visit, id, refusal.map_or(Refused::Nothing, Refused::Reason)).await
}

async fn render(visit: &Visit, id: Uuid, refused: Refused) -> Result<Response, Failure> {
    let caller = integrator(visit)?;
    let (context, words) = (&visit.app.context, visit.words);
    let webhook = Subscription::of(webhooks::read_subscription(context, &caller, id).await?, words);
    // What is no state asks for nothing.
    let state = visit.asked("state").filter(|it| STATES.iter().any(|(name, _)| name == it));
    let query = DeliveryQuery { state, token: visit.asked("page") };
    let found = webhooks::list_deliveries(context, &caller, id, query).await?;
    let link = |state: Option<&str>| match state {
        None => format!("{PATH}/{id}"),
        Some(state) => format!("{PATH}/{id}?state={state}"),
    };
    let every = StateTab { href: link(None), label: words.say("delivery-all"), is_current: state.is_none() };
    let one = |(name, message): (&'static str, &'static str)| StateTab {
        href: link(Some(name)),
        label: words.say(message),
        is_current: state == Some(name),
    };
    let next = found.next.map(|token| {
        let joint = if state.is_some() { '&' } else { '?' };
        format!("{}{joint}page={token}", link(state))
    });
    let Sheet { frame, tabs } = Sheet::of(visit, webhook.name.clone()).await?;
    let mut page_of = WebhookPage {
        frame,
        tabs,
        webhook,
        states: std::iter::once(every).chain(STATES.into_iter().map(one)).collect(),
        deliveries: found.deliveries.into_iter().map(|it| Delivery::of(it, words)).collect(),
        next,
        refusal: None,
        range: Draft::blank(RANGE),
        since: Draft::blank(SINCE),
    };
    match refused {
        Refused::Nothing => return page(&page_of),
        Refused::Reason(reason) => page_of.refusal = Some(reason),
        Refused::Range(draft) => page_of.range = draft,
        Refused::Since(draft) => page_of.since = draft,
    }
    page(&page_of).map(failure::refused)
}

async fn redeliver_range(
    visit: Visit,
    Key(id): Key<Uuid>,
    Form(sent): Form<Sent>,
) -> Result<Response, Failure> {
    let caller = integrator(&visit)?;
    let mut draft = Draft::sent(RANGE, sent);
    let body = node(&visit, &draft.json())?;
    match webhooks::redeliver_range(&visit.app.context, &caller, id, body).await {
        Ok(()) => Ok(go_on(&format!("{PATH}/{id}"), "redelivered-range")),
        Err(error) => {
            draft.refuse(error.into())?;
            render(&visit, id, Refused::Range(draft)).await
        }
    }
}

async fn recover(visit: Visit, Key(id): Key<Uuid>, Form(sent): Form<Sent>) -> Result<Response, Failure> {
    let caller = integrator(&visit)?;
    let mut draft = Draft::sent(SINCE, sent);
    let body = node(&visit, &draft.json())?;
    match webhooks::recover(&visit.app.context, &caller, id, body).await {
        Ok(()) => Ok(go_on(&format!("{PATH}/{id}"), "recovered")),
        Err(error) => {
            draft.refuse(error.into())?;
            render(&visit, id, Refused::Since(draft)).await
        }
    }
}

async fn show_delivery(visit: Visit, Key(ids): Key<(Uuid, Uuid)>) -> Result<Response, Failure> {
    let caller = integrator(&visit)?;
    let (context, words) = (&visit.app.context, visit.words);
    let webhook = Subscription::of(webhooks::read_subscription(context, &caller, ids.0).await?, words);
    let found = webhooks::read_delivery(context, &caller, ids).await?;
    let attempt = |view: AttemptView| Attempt {
        at: words.moment(view.started_date_time),
        outcome: words
            .say_known(&format!("delivery-outcome-{}", view.outcome))
            .unwrap_or_else(|| view.outcome.clone()),
        view,
    };
    let Sheet { frame, tabs } = Sheet::of(&visit, words.say("delivery")).await?;
    page(&DeliveryPage {
        frame,
        tabs,
        webhook,
        delivery: Delivery::of(found.delivery, words),
        body: found.body.map(|it| pretty(&it)),
        attempts: found.attempt_log.into_iter().map(attempt).collect(),
    })
}

async fn redeliver(visit: Visit, Key(ids): Key<(Uuid, Uuid)>) -> Result<Response, Failure> {
    let caller = integrator(&visit)?;
    webhooks::redeliver(&visit.app.context, &caller, ids).await?;
    Ok(go_on(&format!("{PATH}/{}/deliveries/{}", ids.0, ids.1), "redelivered"))
}

/// Writes JSON over several lines; what is none stays as it is.
pub(super) fn pretty(text: &str) -> String {
    let read = serde_json::from_str::<serde_json::Value>(text).ok();
    read.and_then(|it| serde_json::to_string_pretty(&it).ok()).unwrap_or_else(|| text.to_owned())
}
