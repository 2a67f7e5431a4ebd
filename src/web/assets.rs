//! What pages load: the stylesheet and the script, under names that change with what they hold.

use std::sync::LazyLock;

use aws_lc_rs::digest::{SHA256, digest};
use axum::{
    Router,
    body::Body,
    extract::Path,
    response::{IntoResponse as _, Response},
    routing::get,
};
use http::{HeaderValue, StatusCode, header};

/// A file that pages load.
struct Asset {
    /// Name with a digest of the content, so that it can be kept for ever.
    name: String,
    content_type: &'static str,
    content: &'static str,
}

impl Asset {
    fn new(stem: &str, ending: &str, content_type: &'static str, content: &'static str) -> Self {
        let digest = digest(&SHA256, content.as_bytes());
        let mark: String = digest.as_ref().iter().take(6).map(|it| format!("{it:02x}")).collect();
        Self { name: format!("{stem}-{mark}.{ending}"), content_type, content }
    }
}

static ASSETS: LazyLock<[Asset; 3]> = LazyLock::new(|| {
    [
        Asset::new("app", "css", "text/css; charset=utf-8", include_str!("../../assets/app.css")),
        Asset::new("app", "js", "text/javascript; charset=utf-8", include_str!("../../assets/app.js")),
        Asset::new("icon", "svg", "image/svg+xml", include_str!("../../assets/icon.svg")),
    ]
});

/// Returns the address of an asset by its first name, such as `app.css`.
pub(super) fn address(name: &str) -> String {
    let (stem, ending) = name.split_once('.').unwrap_or((name, ""));
    let is_wanted = |it: &&Asset| {
        it.name.strip_prefix(stem).is_some_and(|rest| rest.starts_with('-')) && it.name.ends_with(ending)
    };
    let found = ASSETS.iter().find(is_wanted).map_or(name, |it| it.name.as_str());
    format!("/assets/{found}")
}

/// Returns the route.
pub(super) fn router<S: Clone + Send + Sync + 'static>() -> Router<S> {
    Router::new().route("/assets/{name}", get(serve))
}

async fn serve(Path(name): Path<String>) -> Response {
    let Some(asset) = ASSETS.iter().find(|it| it.name == name) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let mut response = Response::new(Body::from(asset.content));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(asset.content_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
