//! The dashboard: server-rendered pages for people. Every action is the operation that the API calls.
//!
//! A page is a typed template, filled from the same reads as an answer of the API; what is sent by a form becomes the
//! JSON that an API client would send. Pages work without a script; `assets/app.js` adds keys, previews and life.

mod assets;
mod card;
mod failure;
mod format;
mod home;
mod listing;
mod live;
mod look;
mod session;
mod visit;
mod words;

use axum::{Router, middleware};
use http::HeaderValue;

use self::failure::dress;
use crate::app::App;

const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");

/// Returns the dashboard.
pub fn router(app: &App) -> Router {
    Router::new()
        .merge(home::router())
        .merge(live::router())
        .layer(middleware::from_fn(dress))
        .merge(assets::router())
        .with_state(app.clone())
}
