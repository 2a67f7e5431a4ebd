//! What can be done with a referral, doing it, and sharing a deal in one call.

use axum::{
    body::Body,
    extract::{Path, RawQuery, State, rejection::PathRejection},
    response::Response,
};
use http::{HeaderMap, Method, StatusCode};
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::{
    answers::{Preferences, Return, json_body, unwritable, validates_only},
    revise::{ReviseFailures, Sent, revise},
};
use crate::{
    app::App,
    domain::{
        actor::Actor,
        lifecycle::{Action, Side},
        referral::{Link, Referral},
        vocabulary::{Status, Substatus},
    },
    http::{
        error::{ApiError, ErrorEnvelope, ErrorObject},
        extract::{idempotency_key, referral_id, require_json},
        failure::path_unknown,
        format::Format,
        limits::read_body,
    },
    service::referrals::{self, Possibility, ShareRequest, Wish},
};

/// Returns the routes.
pub fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(actions)).routes(routes!(share)).routes(routes!(act))
}

/// What can be done with a referral.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ActionsAnswer {
    /// Which referral.
    id: Uuid,
    /// Where it stands.
    status: Status,
    /// Where it stands, more precisely.
    substatus: Substatus,
    /// On which side the caller is: `owner`, `inviter` or `other`.
    side: &'static str,
    /// In which role the caller acts for its organisation: `referrals-admin` or `referrals-user`.
    role: &'static str,
    /// `Private`, `Partner-led`, `Co-sell`, `Services co-sell` or `Partner-to-partner`, as far as the caller sees.
    deal_type: &'static str,
    /// `Marketplace lead`, `Qualified lead` or `Co-sell opportunity`.
    category: &'static str,
    /// Every action.
    actions: Vec<ActionAnswer>,
}

/// An action, and whether the caller may do it at this moment.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ActionAnswer {
    /// Name of the action.
    action: &'static str,
    /// Whether it is allowed.
    allowed: bool,
    /// Status after it.
    status: Status,
    /// Substatus after it.
    substatus: Substatus,
    /// Members that the request must bring, as JSON pointers.
    requires: &'static [&'static str],
    /// The rule that refuses it; null when it is allowed.
    rule: Option<&'static str>,
    /// Why it is refused; null when it is allowed.
    reason: Option<String>,
    /// How it is done; null for what only the server does.
    request: Option<Link>,
}

/// Lists what can be done with a referral.
///
/// Every action of the lifecycle, allowed or not, with the rule that decides.
#[utoipa::path(
    get,
    path = "/v1.0/engagements/referrals/{id}/actions",
    tag = "Lifecycle",
    security(("bearer" = [])),
    params(("id" = Uuid, Path, description = "Id of the referral")),
    responses(
        (status = 200, description = "Every action", body = ActionsAnswer),
        (status = 400, description = "An app-only token", body = ErrorEnvelope),
        (status = 401, description = "No token, or one that is not accepted", body = ErrorEnvelope),
        (status = 403, description = "No Referrals role", body = ErrorEnvelope),
        (status = 404, description = "No such referral, or not visible", body = ErrorEnvelope),
        (status = 429, description = "Too many requests", body = ErrorEnvelope),
        (status = 503, description = "Too busy, or the database does not answer", body = ErrorEnvelope),
    )
)]
async fn actions(
    State(app): State<App>,
    actor: Actor,
    id: Result<Path<String>, PathRejection>,
) -> Result<Response, ApiError> {
    let found = referrals::actions(&app.context, &actor, referral_id(id)?).await?;
    let uri = format!("{}/v1.0/engagements/referrals/{}", app.public_url, found.id);
    let answer = ActionsAnswer {
        id: found.id,
        status: found.state.status(),
        substatus: found.state.substatus(),
        side: side_name(found.side),
        role: actor.role.as_str(),
        deal_type: found.deal_type.as_str(),
        category: found.category.as_str(),
        actions: found.actions.into_iter().map(|it| action_answer(it, &uri)).collect(),
    };
    Ok(json_body(serde_json::to_string(&answer).map_err(|_| unwritable())?, Format::default()))
}

fn side_name(side: Side) -> &'static str {
    match side {
        Side::Owner => "owner",
        Side::Inviter => "inviter",
        Side::Other => "other",
        Side::Server => "server",
    }
}

fn action_answer(possibility: Possibility, uri: &str) -> ActionAnswer {
    let Possibility { action, to, requires, refusal } = possibility;
    let request = match action {
        Action::Create | Action::Expire => None,
        Action::Revise | Action::ShareWithMicrosoft => Some((Method::PATCH, uri.to_owned())),
        _ => Some((Method::POST, format!("{uri}/{}", action.as_str()))),
    };
    let (rule, reason) = refusal.map(|it| (it.rule, it.reason)).unzip();
    ActionAnswer {
        action: action.as_str(),
        allowed: reason.is_none(),
        status: to.status(),
        substatus: to.substatus(),
        requires,
        rule,
        reason,
        request: request.map(|(method, uri)| Link { uri, method: method.to_string() }),
    }
}

/// Does one action of the lifecycle.
///
/// `open`, `accept`, `decline`, `win`, `lose`, `closeAsError` are the owner's, `withdraw` the inviter's. The body may
/// bring other members of the referral that change in the same step, and brings `statusReason` where it is required.
#[utoipa::path(
    post,
    path = "/v1.0/engagements/referrals/{id}/{action}",
    tag = "Lifecycle",
    security(("bearer" = [])),
    params(
        ("id" = Uuid, Path, description = "Id of the referral"),
        ("action" = String, Path, description = "`open`, `accept`, `decline`, `win`, `lose`, `closeAsError` or `withdraw`"),
        ("If-Match" = Option<String>, Header, description = "The eTag of the referral that was read; checked when present"),
        ("Idempotency-Key" = Option<String>, Header, description = "Makes a retry safe for 24 hours; MS-RequestId does too"),
        ("Prefer" = Option<String>, Header, description = "`return=minimal`, `report=changes`, `handling=strict`, `resolution=merge`"),
        ("validateOnly" = Option<bool>, Query, description = "Judges everything and stores nothing"),
    ),
    request_body(content = Option<Referral>),
    responses(
        (status = 200, description = "The referral after it", body = Referral, headers(
            ("ETag" = String, description = "The new token"),
        )),
        (status = 204, description = "The same, where the caller prefers return=minimal"),
        (status = 422, description = "The idempotency key was used with another body", body = ErrorEnvelope),
        ReviseFailures,
    )
)]
async fn act(
    State(app): State<App>,
    actor: Actor,
    path: Result<Path<(String, String)>, PathRejection>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    let Ok(Path((id, action))) = path else { return Err(path_unknown()) };
    let action = posted(&action).ok_or_else(path_unknown)?;
    let sent = Sent::read(&app, Ok(Path(id)), query.as_deref(), &headers, body).await?;
    let request = sent.request(Wish::Act(action, &sent.body), idempotency_key(&headers, &app)?);
    revise(&app, &actor, request, (sent.preferences, Return::Representation)).await
}

/// Returns the action that a path names; `None` for what nobody does by name.
pub(super) fn posted(name: &str) -> Option<Action> {
    Action::parse(name).filter(|it| is_posted(*it))
}

fn is_posted(action: Action) -> bool {
    match action {
        Action::Open
        | Action::Accept
        | Action::Decline
        | Action::Win
        | Action::Lose
        | Action::CloseAsError
        | Action::Withdraw => true,
        Action::Create | Action::Expire | Action::Revise | Action::ShareWithMicrosoft | Action::Share => {
            false
        }
    }
}

/// Whom a deal is shared with.
#[derive(Serialize, ToSchema)]
struct ShareBody {
    /// A referral for each party: `target`, and whatever differs from the caller's own record.
    invitations: Vec<Referral>,
}

/// What came of each invitation, in their order.
#[derive(Serialize, ToSchema)]
struct ShareAnswer {
    /// A result for each.
    value: Vec<InvitationResult>,
}

/// What came of one invitation.
#[derive(Serialize, ToSchema)]
struct InvitationResult {
    /// Status that a create call would have had.
    status: u16,
    /// The new referral.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Referral>)]
    referral: Option<Box<RawValue>>,
    /// Why there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<ErrorObject>,
}

/// Shares a deal.
///
/// Invites Microsoft and partners in one call. Each invitation starts from the caller's own record (name, customer,
/// consent, details, team) and is made, or refused, for itself; the caller's record becomes Shared with the first.
#[utoipa::path(
    post,
    path = "/v1.0/engagements/referrals/{id}/share",
    tag = "Lifecycle",
    security(("bearer" = [])),
    params(
        ("id" = Uuid, Path, description = "Id of the caller's own referral"),
        ("Idempotency-Key" = Option<String>, Header, description = "Makes a retry safe for 24 hours; MS-RequestId does too"),
        ("Prefer" = Option<String>, Header, description = "`handling=strict`"),
        ("validateOnly" = Option<bool>, Query, description = "Judges everything and stores nothing"),
    ),
    request_body(content = ShareBody),
    responses(
        (status = 200, description = "A result for each invitation", body = ShareAnswer),
        (status = 400, description = "Every problem of the request, or an app-only token", body = ErrorEnvelope),
        (status = 401, description = "No token, or one that is not accepted", body = ErrorEnvelope),
        (status = 403, description = "No Referrals role, or the referral is another organisation's", body = ErrorEnvelope),
        (status = 404, description = "No such referral, or not visible", body = ErrorEnvelope),
        (status = 408, description = "The body came too slowly", body = ErrorEnvelope),
        (status = 413, description = "The body is too large", body = ErrorEnvelope),
        (status = 415, description = "The body is not JSON", body = ErrorEnvelope),
        (status = 422, description = "The idempotency key was used with another body", body = ErrorEnvelope),
        (status = 429, description = "Too many requests", body = ErrorEnvelope),
        (status = 503, description = "Too busy, or the database does not answer", body = ErrorEnvelope),
        (status = 507, description = "The disk is full", body = ErrorEnvelope),
    )
)]
async fn share(
    State(app): State<App>,
    actor: Actor,
    id: Result<Path<String>, PathRejection>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    require_json(&headers)?;
    let id = referral_id(id)?;
    let is_validated_only = validates_only(query.as_deref())?;
    let body = read_body(body, &app.config.limits).await?;
    let handling = Preferences::read(&headers).handling();
    let idempotency_key = idempotency_key(&headers, &app)?;
    let request =
        ShareRequest { id, body: &body, handling, validates_only: is_validated_only, idempotency_key };
    let results = referrals::share(&app.context, &actor, request).await?;
    let value = results.into_iter().map(|result| match result {
        Ok(answer) => InvitationResult {
            status: StatusCode::OK.as_u16(),
            referral: RawValue::from_string(answer.view.body).ok(),
            error: None,
        },
        Err(error) => {
            let (status, error) = ApiError::from(error).into_result();
            InvitationResult { status, referral: None, error: Some(error) }
        }
    });
    let answer = ShareAnswer { value: value.collect() };
    Ok(json_body(serde_json::to_string(&answer).map_err(|_| unwritable())?, Format::default()))
}
