//! The certificates that webhooks are signed with, for whoever wants to verify one.

use axum::{
    extract::{Path, State},
    response::{IntoResponse as _, Response},
};
use http::{HeaderValue, StatusCode, header};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::error::{ApiError, ErrorEnvelope};
use crate::app::App;

pub(super) const PKIX_CERT: HeaderValue = HeaderValue::from_static("application/pkix-cert");
/// A certificate never changes under its name; a day lets go of one that is withdrawn.
const A_DAY: HeaderValue = HeaderValue::from_static("public, max-age=86400");

/// Returns the route.
pub fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(certificate))
}

/// Returns a certificate that webhooks are signed with, in DER.
///
/// The header `X-MS-Certificate-Url` of a delivery names it. A certificate stays for 30 days after there is a newer
/// one; the root that signed it stays for good. No token is needed.
#[utoipa::path(
    get,
    path = "/cert/{file}",
    tag = "Webhooks",
    params(("file" = String, Path, description = "The name of a certificate, with `.cer`")),
    responses(
        (status = 200, description = "The certificate", body = [u8], content_type = "application/pkix-cert"),
        (status = 404, description = "There is no such certificate", body = ErrorEnvelope),
        (status = 503, description = "Too busy", body = ErrorEnvelope),
    )
)]
async fn certificate(State(app): State<App>, Path(file): Path<String>) -> Result<Response, ApiError> {
    let name = file.strip_suffix(".cer").ok_or_else(not_found)?;
    let der = app.webhook_keys.find_certificate(name).await?.ok_or_else(not_found)?;
    let headers = [(header::CONTENT_TYPE, PKIX_CERT), (header::CACHE_CONTROL, A_DAY)];
    Ok((headers, der).into_response())
}

fn not_found() -> ApiError {
    let message = "there is no certificate of this name, or it was replaced more than 30 days ago";
    ApiError::new(StatusCode::NOT_FOUND, message).inner("certificateNotFound")
}
