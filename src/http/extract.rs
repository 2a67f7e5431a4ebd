//! What handlers ask a request for: who calls, and what the headers say.

use std::{convert::Infallible, fmt, sync::Arc};

use axum::extract::{FromRequestParts, Path, rejection::PathRejection};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header, request::Parts};

use uuid::Uuid;

use super::{
    error::ApiError,
    failure::not_found,
    gate::{note_refusal, refused},
    limits::{self, CLIENT_REQUEST_ID, MS_REQUEST_ID, RequestInfo},
    paths::Surface,
};
use crate::{
    app::App,
    auth::{Audiences, Caller, Refusal},
    domain::{
        actor::{Actor, Administrator, Auditor, Colleague, Integrator},
        audit::AuditAuthor,
        fault::Identity,
        organization::OrganizationId,
    },
};

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const IDEMPOTENCY_KEY_BYTES_MAX: usize = 255;
const PREFER: HeaderName = HeaderName::from_static("prefer");

/// A user with a Referrals role; everybody else is refused before anything is looked up.
impl FromRequestParts<App> for Actor {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let actor = as_caller(parts, app, Caller::referrals_actor).await?;
        count(parts, app, &actor.organization_id, (Some(actor.user_id), &actor.application_id))?;
        Ok(actor)
    }
}

/// A user with any role in its organisation.
impl FromRequestParts<App> for Colleague {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let colleague = as_caller(parts, app, Caller::colleague).await?;
        count(parts, app, &colleague.organization_id, (Some(colleague.user_id), &colleague.application_id))?;
        Ok(colleague)
    }
}

/// An account admin; everybody else is refused before anything is looked up.
impl FromRequestParts<App> for Administrator {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let administrator = as_caller(parts, app, Caller::administrator).await?;
        let colleague = &administrator.0;
        count(parts, app, &colleague.organization_id, (Some(colleague.user_id), &colleague.application_id))?;
        Ok(administrator)
    }
}

/// What a caller shows, kept to be judged again while an answer lasts.
pub(super) struct Credentials {
    authorization: Option<String>,
    accepted: Audiences,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(…)")
    }
}

impl FromRequestParts<App> for Credentials {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Infallible> {
        let (authorization, accepted) = credentials(parts);
        Ok(Self { authorization: authorization.map(str::to_owned), accepted })
    }
}

impl Credentials {
    /// Tells who calls, as things stand at this moment.
    pub(super) async fn check(&self, app: &App) -> Result<Caller, ApiError> {
        Ok(app.authenticator.authenticate(self.authorization.as_deref(), self.accepted).await?)
    }
}

/// Whoever decides which programs are told of its organisation's referrals: a person; at the Partner Center API, an
/// application of the organisation too.
impl FromRequestParts<App> for Integrator {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let caller = authenticate(parts, app).await?;
        let integrator = match parts.extensions.get::<Surface>() {
            Some(Surface::PartnerCenter) => app.authenticator.registrant(caller.clone()).await,
            Some(Surface::Partner | Surface::Either) | None => caller.integrator(),
        };
        let integrator = integrator.map_err(|it| refused(app, Some(&caller), it))?;
        count(parts, app, &integrator.organization_id, (integrator.user_id, &integrator.application_id))?;
        Ok(integrator)
    }
}

/// Tells who calls, from the token and the audiences of the path that was used. A refusal is counted.
async fn authenticate(parts: &Parts, app: &App) -> Result<Caller, ApiError> {
    find_caller(parts, app).await.map_err(|it| refused(app, None, it))
}

/// Tells for whom a request comes, if that can be told: organisation and application.
pub(super) async fn identify(parts: &Parts, app: &App) -> Option<Identity> {
    identity_of(app, find_caller(parts, app).await.ok()?).await
}

/// Tells who calls, and notes it for the request log.
async fn find_caller(parts: &Parts, app: &App) -> Result<Caller, Refusal> {
    let (authorization, accepted) = credentials(parts);
    let caller = app.authenticator.authenticate(authorization, accepted).await?;
    if let (Some(_), Some(info)) = (&app.journal, parts.extensions.get::<Arc<RequestInfo>>())
        && info.caller().is_none()
        && let Some(identity) = identity_of(app, caller.clone()).await
    {
        info.note_caller(identity);
    }
    Ok(caller)
}

async fn identity_of(app: &App, caller: Caller) -> Option<Identity> {
    if let Caller::User { principal, application_id } = caller {
        return Some((principal.organization.id.clone(), application_id));
    }
    let application = app.authenticator.registrant(caller).await.ok()?;
    Some((application.organization_id, application.application_id))
}

/// Returns the caller as what the call needs.
async fn as_caller<T>(
    parts: &Parts,
    app: &App,
    needed: impl Fn(&Caller) -> Result<T, Refusal>,
) -> Result<T, ApiError> {
    let caller = authenticate(parts, app).await?;
    needed(&caller).map_err(|it| refused(app, Some(&caller), it))
}

/// Returns the token, and the audiences of the path that was used.
fn credentials(parts: &Parts) -> (Option<&str>, Audiences) {
    let accepted = match parts.extensions.get::<Surface>() {
        Some(Surface::Either) => Audiences::EITHER,
        Some(Surface::PartnerCenter) => Audiences::PARTNER_CENTER,
        Some(Surface::Partner) | None => Audiences::PARTNER,
    };
    let mut sent = parts.headers.get_all(header::AUTHORIZATION).iter();
    let authorization = match (sent.next(), sent.next()) {
        (Some(only), None) => Some(only.to_str().unwrap_or_default()),
        (None, _) => None,
        (Some(_), Some(_)) => Some(""),
    };
    (authorization, accepted)
}

/// Who reads audit records: a person with a Referrals role, an account admin, or an application by itself.
impl FromRequestParts<App> for Auditor {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let caller = authenticate(parts, app).await?;
        let asked = app.authenticator.auditor(caller.clone()).await;
        let auditor = asked.map_err(|it| refused(app, Some(&caller), it))?;
        let AuditAuthor { user_id, application_id } = &auditor.author;
        count(parts, app, &auditor.organization_id, (*user_id, application_id))?;
        Ok(auditor)
    }
}

/// Counts the request against the caller's rate limits.
fn count(
    parts: &Parts,
    app: &App,
    organization_id: &OrganizationId,
    (user_id, application_id): (Option<Uuid>, &String),
) -> Result<(), ApiError> {
    let Some(info) = parts.extensions.get::<Arc<RequestInfo>>() else { return Ok(()) };
    limits::check_rate(&app.rates, info, organization_id, application_id).inspect_err(|_| {
        let author = AuditAuthor { user_id, application_id: application_id.clone() };
        note_refusal(app, Some(organization_id.clone()), author, "rateLimit");
    })
}

/// Returns what makes a repetition of this call recognisable: `Idempotency-Key`, else `MS-RequestId`, else,
/// if the operator wants it, `client-request-id` (some clients send a constant there).
///
/// Only the first is refused when it is malformed; the others are ids first, and then count for nothing.
pub(super) fn idempotency_key<'a>(headers: &'a HeaderMap, app: &App) -> Result<Option<&'a str>, ApiError> {
    if let Some(value) = headers.get(IDEMPOTENCY_KEY) {
        return as_key(value).map(Some).ok_or_else(|| {
            let message = format!(
                "the header Idempotency-Key must have 1 to {IDEMPOTENCY_KEY_BYTES_MAX} visible ASCII characters"
            );
            ApiError::new(StatusCode::BAD_REQUEST, message).inner("invalidHeader").target("Idempotency-Key")
        });
    }
    let request_id = headers.get(MS_REQUEST_ID).and_then(as_key);
    let client_request_id = || headers.get(CLIENT_REQUEST_ID).and_then(as_key);
    Ok(match app.config.idempotency.use_client_request_id {
        true => request_id.or_else(client_request_id),
        false => request_id,
    })
}

fn as_key(value: &HeaderValue) -> Option<&str> {
    value.to_str().ok().filter(|it| (1..=IDEMPOTENCY_KEY_BYTES_MAX).contains(&it.len()))
}

/// Refuses a body that says it is something other than JSON. One that says nothing is taken for JSON.
pub(super) fn require_json(headers: &HeaderMap) -> Result<(), ApiError> {
    let Some(value) = headers.get(header::CONTENT_TYPE) else { return Ok(()) };
    let text = value.to_str().unwrap_or_default();
    let essence = text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if essence.is_empty()
        || essence == "application/json"
        || essence == "text/json"
        || essence.ends_with("+json")
    {
        return Ok(());
    }
    let message =
        format!("the content type \"{}\" is not accepted; send application/json", text.escape_default());
    Err(ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, message)
        .inner("unsupportedMediaType")
        .target("Content-Type"))
}

/// Lists what the caller prefers (RFC 7240), in lower case and without blanks and parameters, such as
/// `report=changes`.
pub(super) fn preferences(headers: &HeaderMap) -> impl Iterator<Item = String> {
    let lists = headers.get_all(PREFER).iter().filter_map(|it| it.to_str().ok());
    lists.flat_map(|it| it.split(',')).map(|it| {
        it.split(';').next().unwrap_or_default().trim().replace([' ', '"'], "").to_ascii_lowercase()
    })
}

/// Returns the id in a path; what is no GUID is not found, like every id that nobody has.
pub(super) fn referral_id(path: Result<Path<String>, PathRejection>) -> Result<Uuid, ApiError> {
    path.ok().and_then(|Path(id)| Uuid::try_parse(&id).ok()).ok_or_else(not_found)
}

/// Returns the tokens of `If-Match`, of all lines. `None` when there is no such header.
pub(super) fn if_match(headers: &HeaderMap) -> Option<String> {
    let mut sent = headers.get_all(header::IF_MATCH).iter().peekable();
    sent.peek()?;
    Some(sent.map(|it| it.to_str().unwrap_or_default()).collect::<Vec<_>>().join(","))
}
