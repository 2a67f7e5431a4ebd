//! `/unsubscribe/{token}`: stops mails, for whoever has the link of one. A GET asks, because programs that look through
//! mails follow links; a POST does it, from the page or from the mail program (RFC 8058).

use axum::{
    extract::{Path, State},
    response::{Html, IntoResponse as _, Response},
};
use http::{HeaderValue, StatusCode, header};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    app::App,
    http::error::{ApiError, ErrorEnvelope},
    service::notices::{self, Subscriber},
};

/// Nothing but the page's own button.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
);

/// Returns the routes.
pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(ask, stop))
}

/// Asks whether mails are to stop.
#[utoipa::path(
    get,
    path = "/unsubscribe/{token}",
    tag = "Notices",
    params(("token" = String, Path, description = "As in a mail")),
    responses(
        (status = 200, description = "A page with a button", body = String, content_type = "text/html"),
        (status = 404, description = "The link is none that was mailed", body = ErrorEnvelope),
        (status = 503, description = "Too busy, or the database does not answer", body = ErrorEnvelope),
    )
)]
async fn ask(State(app): State<App>, Path(token): Path<String>) -> Result<Response, ApiError> {
    let subscriber = Subscriber::open(&app.context, &token)?;
    page(&app, &subscriber, false)
}

/// Stops the mails of whoever the link was mailed to.
#[utoipa::path(
    post,
    path = "/unsubscribe/{token}",
    tag = "Notices",
    params(("token" = String, Path, description = "As in a mail")),
    responses(
        (status = 200, description = "A page that says that it is done", body = String, content_type = "text/html"),
        (status = 404, description = "The link is none that was mailed", body = ErrorEnvelope),
        (status = 503, description = "Too busy, or the database does not answer", body = ErrorEnvelope),
        (status = 507, description = "The disk is full", body = ErrorEnvelope),
    )
)]
async fn stop(State(app): State<App>, Path(token): Path<String>) -> Result<Response, ApiError> {
    let subscriber = Subscriber::open(&app.context, &token)?;
    notices::unsubscribe(&app.context, &subscriber).await?;
    page(&app, &subscriber, true)
}

fn page(app: &App, subscriber: &Subscriber, is_done: bool) -> Result<Response, ApiError> {
    let page = app.context.mailing.letters.unsubscribe_page(&subscriber.locale, is_done);
    let page = page.map_err(|error| {
        tracing::error!(error = &error as &dyn std::error::Error, "a page cannot be written");
        ApiError::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "the request failed; tell the operator its request-id",
        )
    })?;
    let headers = [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    ];
    Ok((headers, Html(page)).into_response())
}
