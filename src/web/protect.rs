//! What every page of the dashboard is protected by: headers, and no ear for forms of other sites.

use axum::{
    Router,
    middleware::{from_fn, map_response},
    response::{IntoResponse as _, Response},
};
use http::{HeaderName, HeaderValue, header};
use tower_http::csrf::{CsrfLayer, ProtectionError};

use super::failure::{Failure, dress};

/// Nothing that is not this server's own, no script or style inside a page, no frame around it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
     connect-src 'self'; font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

const HEADERS: [(HeaderName, &str); 5] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    // The origin itself must be told, or forms come from nowhere.
    (header::REFERRER_POLICY, "same-origin"),
    (header::CACHE_CONTROL, "private, no-store"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
];

/// Puts the headers on every answer that does not bring its own, and refuses what other sites send (Fetch Metadata, and
/// `Origin` where a browser has none). Failures become pages.
pub fn protect(router: Router) -> Router {
    let csrf = CsrfLayer::new().with_rejection_response(cross_site);
    router.layer(csrf).layer(from_fn(dress)).layer(map_response(with_headers))
}

async fn with_headers(mut response: Response) -> Response {
    for (name, value) in HEADERS {
        response.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}

fn cross_site(_: ProtectionError) -> Response {
    Failure::CrossSite.into_response()
}
