//! An atomic group of a batch: its requests are read as each handler reads its own, and written in one commit.

use axum::{body::Body, extract::FromRequestParts as _, extract::Path, response::Response};
use http::StatusCode;

use super::{
    address::{self, Written},
    course::{Course, Outcome, answers_to, fail},
    envelope::Part,
};
use crate::{
    app::App,
    domain::{actor::Actor, lifecycle::Action},
    http::{
        error::ApiError,
        extract::idempotency_key,
        v1::{
            answers::Return,
            referrals::SentCreate,
            revise::{Sent, revised},
        },
    },
    service::referrals::{GroupedAnswer, GroupedWrite, Wish, write_group},
};

/// Does a group, or nothing of it.
pub(super) async fn write(course: &Course<'_>, unit: &[Part]) -> Vec<Outcome> {
    match try_write(course, unit).await {
        Ok(outcomes) => outcomes,
        Err((place, refusal)) => answers_to(fail(unit, place, refusal)).await,
    }
}

async fn try_write(course: &Course<'_>, unit: &[Part]) -> Result<Vec<Outcome>, (usize, ApiError)> {
    let app = &course.batches.app;
    let (mut calls, mut caller) = (Vec::with_capacity(unit.len()), None);
    for (place, part) in unit.iter().enumerate() {
        let (actor, call) = read(course, part).await.map_err(|error| (place, error))?;
        caller = Some(actor);
        calls.push(call);
    }
    let Some(actor) = caller else { return Ok(Vec::new()) };
    let writes: Vec<GroupedWrite<'_>> = calls.iter().map(Call::write).collect();
    let written = write_group(&app.context, &actor, &writes).await;
    let answers = written.map_err(|refusal| (refusal.index, refusal.error.into()))?;
    let mut outcomes = Vec::with_capacity(answers.len());
    for (call, answer) in calls.iter().zip(answers) {
        outcomes.push(course.outcome(call.answer(app, answer), &call.path).await);
    }
    Ok(outcomes)
}

/// A request of a group, read.
struct Call {
    path: String,
    sent: SentWrite,
}

enum SentWrite {
    Create(SentCreate),
    Revise { sent: Sent, verb: Verb, idempotency_key: Option<String> },
}

#[derive(Clone, Copy)]
enum Verb {
    Replace,
    Patch,
    Act(Action),
}

/// Reads a request, and counts it.
async fn read(course: &Course<'_>, part: &Part) -> Result<(Actor, Call), ApiError> {
    let app = &course.batches.app;
    let mut head = course.head(part)?;
    let path = head.uri.path().to_owned();
    let Some(written) = address::written(&head.method, &path) else {
        let message =
            "a group only writes referrals, and the request that this one refers to is about another thing";
        return Err(ApiError::new(StatusCode::BAD_REQUEST, message).inner("invalidValue").target("url"));
    };
    let actor = Actor::from_request_parts(&mut head, app).await?;
    let (query, headers, body) = (head.uri.query(), &head.headers, Body::from(part.body.clone()));
    let (id, verb) = match written {
        Written::Create => {
            let sent = SentWrite::Create(SentCreate::read(app, query, headers, body).await?);
            return Ok((actor, Call { path, sent }));
        }
        Written::Replace(id) => (id, Verb::Replace),
        Written::Patch(id) => (id, Verb::Patch),
        Written::Act(id, action) => (id, Verb::Act(action)),
    };
    let sent = Sent::read(app, Ok(Path(id)), query, headers, body).await?;
    let idempotency_key = match verb {
        Verb::Act(_) => idempotency_key(headers, app)?.map(str::to_owned),
        Verb::Replace | Verb::Patch => None,
    };
    Ok((actor, Call { path, sent: SentWrite::Revise { sent, verb, idempotency_key } }))
}

impl Call {
    /// Returns it as the operation takes it.
    fn write(&self) -> GroupedWrite<'_> {
        match &self.sent {
            SentWrite::Create(sent) => GroupedWrite::Create(sent.request()),
            SentWrite::Revise { sent, verb, idempotency_key } => {
                let wish = match *verb {
                    Verb::Replace => Wish::Replace(&sent.body),
                    Verb::Patch => Wish::Patch(&sent.body),
                    Verb::Act(action) => Wish::Act(action, &sent.body),
                };
                GroupedWrite::Revise(sent.request(wish, idempotency_key.as_deref()))
            }
        }
    }

    /// Answers it as its handler would.
    fn answer(&self, app: &App, answer: GroupedAnswer) -> Response {
        match (&self.sent, answer) {
            (SentWrite::Create(sent), GroupedAnswer::Create(answer)) => sent.answer(app, answer),
            (SentWrite::Revise { sent, verb, .. }, GroupedAnswer::Revise(answer)) => {
                let usual = match verb {
                    Verb::Patch => Return::Minimal,
                    Verb::Replace | Verb::Act(_) => Return::Representation,
                };
                revised(answer, sent.is_validated_only, (sent.preferences, usual))
            }
            (SentWrite::Create(_), GroupedAnswer::Revise(_))
            | (SentWrite::Revise { .. }, GroupedAnswer::Create(_)) => {
                unreachable!("answers stand in the order of the writes")
            }
        }
    }
}
