//! The description at `/openapi.json`, and a page that shows it at `/docs`. Nothing is fetched from elsewhere.

use std::sync::{Arc, OnceLock};

use axum::{Router, response::Response, routing::get};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};

use super::{
    error::ApiError,
    openapi::{self, Served},
};

/// Only this server's own files; the viewer writes its styles itself.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; connect-src 'self'; \
     img-src 'self' data:; font-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);

const PAGE: &str = r#"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Liaison API</title>
</head>
<body>
<noscript>This page needs JavaScript; the description itself is at <a href="openapi.json">openapi.json</a>.</noscript>
<script id="api-reference" data-url="openapi.json"
  data-configuration='{"withDefaultFonts":false,"proxyUrl":"","hideClientButton":true,"showDeveloperTools":"never","telemetry":false,"authentication":{"preferredSecurityScheme":"bearer"},"agent":{"disabled":true},"mcp":{"disabled":true}}'></script>
<script src="docs/scalar.js"></script>
</body>
</html>
"#;

/// Returns the routes, for a server at `base_url`.
///
/// The description is written when somebody asks for it: it is some hundred kilobytes, and a server may hold many sandboxes.
pub fn router(base_url: &str, served: Served) -> Router {
    let (base_url, written) = (base_url.to_owned(), Arc::new(OnceLock::new()));
    let describe = async move || {
        let text: &Bytes = written.get_or_init(|| Bytes::from(openapi::text(&base_url, served)));
        file("application/json; charset=utf-8", text.clone())
    };
    Router::new()
        .route("/openapi.json", get(describe))
        .route("/docs", get(async || file("text/html; charset=utf-8", Bytes::from_static(PAGE.as_bytes()))))
        .route("/docs/scalar.js", get(viewer))
}

fn file(content_type: &'static str, content: Bytes) -> Response {
    let mut response = Response::new(content.into());
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::CONTENT_SECURITY_POLICY, POLICY);
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

/// Serves the viewer's script: several megabytes, which a browser keeps until the program changes.
async fn viewer(headers: HeaderMap) -> Result<Response, ApiError> {
    static SCRIPT: OnceLock<Option<Bytes>> = OnceLock::new();
    const TAG: HeaderValue = HeaderValue::from_static(concat!("\"", env!("CARGO_PKG_VERSION"), "\""));
    let script = SCRIPT
        .get_or_init(|| scalar_api_reference::get_asset("scalar.js").map(Bytes::from))
        .clone()
        .ok_or_else(|| ApiError::new(StatusCode::NOT_FOUND, "the viewer is not part of this program"))?;
    let is_known = headers.get(header::IF_NONE_MATCH) == Some(&TAG);
    let mut response = match is_known {
        true => file("text/javascript; charset=utf-8", Bytes::new()),
        false => file("text/javascript; charset=utf-8", script),
    };
    if is_known {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    }
    response.headers_mut().insert(header::ETAG, TAG);
    Ok(response)
}
