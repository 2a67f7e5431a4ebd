//! The JSON API over HTTP, and the loop that accepts connections.

mod connection;
pub mod docs;
pub mod error;
mod extract;
mod failure;
pub mod gate;
pub mod limits;
pub mod openapi;
pub mod ops;
pub mod paths;
pub mod server;
pub mod token;
pub mod v1;

use std::sync::Arc;

use axum::Router;
use http::{Method, StatusCode};
use utoipa_axum::router::OpenApiRouter;

use self::error::ApiError;
use crate::app::App;

/// Returns everything that the public address serves.
pub fn router(app: &App) -> Router {
    let (token, _) = token::router().with_state(Arc::clone(&app.issuer)).split_for_parts();
    let (api, _) = v1_routes().with_state(app.clone()).split_for_parts();
    api.merge(token)
        .merge(docs::router(&app.public_url))
        .fallback(async || {
            ApiError::new(StatusCode::NOT_FOUND, "there is nothing at this path").inner("pathUnknown")
        })
        .method_not_allowed_fallback(async |method: Method| {
            let message = format!(
                "the method {method} is not served at this path; the header Allow lists those that are"
            );
            ApiError::new(StatusCode::METHOD_NOT_ALLOWED, message).inner("methodNotAllowed")
        })
}

/// Returns the routes that need an [`App`], with their descriptions.
fn v1_routes() -> OpenApiRouter<App> {
    v1::referrals::router()
}

#[cfg(test)]
mod token_tests;
