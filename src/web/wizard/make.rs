//! Making the deal: the own record, then everybody who is invited, in two calls that can be repeated.

use askama::Template;
use axum::response::{IntoResponse as _, Redirect, Response};
use uuid::Uuid;

use super::{
    Occasion, Work,
    body::{self, Invitation},
    draft,
    step::Step,
    step_page,
};
use crate::{
    domain::revision::Handling,
    service::referrals::{self, CreateError, CreateRequest, RetryError, ShareRequest},
    web::{
        failure::Failure,
        visit::{Frame, Visit, go_on, page},
    },
};

/// Somebody who could not be invited.
struct Uninvited {
    who: String,
    reasons: Vec<String>,
}

/// The page after a deal that not everybody could be invited into.
#[derive(Template)]
#[template(path = "web/wizard_made.html")]
struct MadePage {
    frame: Frame,
    id: Uuid,
    uninvited: Vec<Uninvited>,
}

/// Makes the deal, if nothing is wrong with it. The draft is the key of both calls, so that a second click, or a second
/// try after something broke, makes nothing twice.
pub(super) async fn make(visit: &Visit, work: Work) -> Result<Response, Failure> {
    if !work.judged(visit, Step::Review).await?.is_empty() {
        return step_page(visit, &work, Step::Review, Vec::new(), Occasion::Refused).await;
    }
    let key = work.id.to_string();
    let own = body::own(&work.draft);
    let sent = body::pretty(&own);
    let request = CreateRequest {
        body: sent.as_bytes(),
        idempotency_key: Some(&key),
        handling: Handling::Strict,
        validates_only: false,
    };
    let made = match referrals::create(&visit.app.context, &work.actor, request).await {
        Ok(made) => made.id,
        Err(CreateError::Invalid(_)) => {
            return step_page(visit, &work, Step::Review, Vec::new(), Occasion::Refused).await;
        }
        // The first of two clicks is at it; when it is done, the draft leads to the deal.
        Err(CreateError::Retry(RetryError::TwinInFlight)) => {
            return Ok(Redirect::to(&work.address(Step::Review)).into_response());
        }
        Err(CreateError::Retry(RetryError::KeyReused)) => {
            return Err(Failure::Conflict(visit.words.say("wizard-made-before")));
        }
        Err(error) => return Err(error.into()),
    };
    let uninvited = invite(visit, &work, made, &key).await?;
    draft::note_made(visit, work.id, made).await?;
    if uninvited.is_empty() {
        return Ok(go_on(&format!("/deals/{made}"), "deal-made"));
    }
    let frame = visit.frame(visit.words.say("wizard-made-title")).await?;
    page(&MadePage { frame, id: made, uninvited })
}

/// Invites everybody into the deal; returns who could not be.
async fn invite(visit: &Visit, work: &Work, made: Uuid, key: &str) -> Result<Vec<Uninvited>, Failure> {
    let invitations = body::invitations(&work.draft);
    if invitations.is_empty() {
        return Ok(Vec::new());
    }
    let sent = body::pretty(&body::share(&invitations));
    let request = ShareRequest {
        id: made,
        body: sent.as_bytes(),
        handling: Handling::Strict,
        validates_only: false,
        idempotency_key: Some(key),
    };
    let results = referrals::share(&visit.app.context, &work.actor, request).await?;
    let uninvited = invitations.iter().zip(results).filter_map(|(invitation, result)| {
        Some(Uninvited { who: who(visit, invitation), reasons: reasons(result.err()?) })
    });
    Ok(uninvited.collect())
}

/// Says who is invited.
pub(super) fn who(visit: &Visit, invitation: &Invitation) -> String {
    invitation.partner.clone().unwrap_or_else(|| visit.words.say("wizard-microsoft"))
}

fn reasons(error: CreateError) -> Vec<String> {
    match error {
        CreateError::Invalid(report) => report.problems.into_iter().map(|it| it.message).collect(),
        error => vec![error.to_string()],
    }
}
