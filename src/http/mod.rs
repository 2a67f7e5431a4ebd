//! The JSON API over HTTP, and the loop that accepts connections.

mod authorize;
pub mod certificates;
mod connection;
pub mod docs;
pub mod error;
mod extract;
mod failure;
mod fault;
pub mod format;
pub mod gate;
mod journal;
pub mod limits;
pub mod metadata;
pub mod openapi;
pub mod ops;
mod partner_center;
pub mod paths;
pub mod sandbox;
pub mod sandboxes;
pub mod server;
pub mod token;
pub mod v1;

use std::sync::Arc;

use axum::Router;
use http::{Method, StatusCode};
use utoipa_axum::router::OpenApiRouter;

pub use self::failure::path_unknown;
use self::{
    error::ApiError,
    openapi::Served,
    sandbox::{clock::Sandbox, faults::FaultDesk},
    sandboxes::Sandboxes,
};
use crate::app::App;

/// Returns everything that the public address serves for `app`.
pub fn router(app: &App) -> Router {
    let served = if app.sandbox_clock.is_some() { Served::Sandbox } else { Served::Exchange };
    with_refusals(routes(app, served))
}

/// The same, and what makes and removes named sandboxes, if there can be any.
pub fn main_router(app: &App, sandboxes: Option<&Sandboxes>) -> Router {
    let Some(sandboxes) = sandboxes else { return router(app) };
    let (named, _) = sandboxes::router().with_state(sandboxes.clone()).split_for_parts();
    with_refusals(routes(app, Served::MainSandbox).merge(named).merge(sandboxes::unknown_router()))
}

fn routes(app: &App, served: Served) -> Router {
    let issuer = token::router().merge(authorize::router());
    let (issuer, _) = issuer.with_state(Arc::clone(&app.issuer)).split_for_parts();
    let (api, _) = v1_routes().with_state(app.clone()).split_for_parts();
    // What a batch asks for is served by the same routes, but for the batch itself.
    let parts = v1::batch::Batches::new(app.clone(), with_refusals(api.clone()));
    let (batch, _) = v1::batch::router().with_state(parts).split_for_parts();
    let (stream, _) = v1::feed::stream::router().with_state(app.clone()).split_for_parts();
    api.merge(stream)
        .merge(batch)
        .merge(issuer)
        .merge(sandbox_router(app))
        .merge(docs::router(&app.public_url, served))
}

/// Adds the answers to paths that lead nowhere, and to methods that a path does not have.
fn with_refusals(router: Router) -> Router {
    router.fallback(async || failure::path_unknown()).method_not_allowed_fallback(async |method: Method| {
        let message =
            format!("the method {method} is not served at this path; the header Allow lists those that are");
        ApiError::new(StatusCode::METHOD_NOT_ALLOWED, message).inner("methodNotAllowed")
    })
}

/// Returns what only a sandbox serves; nothing elsewhere.
fn sandbox_router(app: &App) -> Router {
    let Some(clock) = app.sandbox_clock.clone() else { return Router::new() };
    let (router, _) = sandbox::router().with_state(Sandbox { app: app.clone(), clock }).split_for_parts();
    let (log_router, _) = journal::sandbox_router().with_state(app.clone()).split_for_parts();
    let router = router.merge(log_router);
    let Some(faults) = app.faults.clone() else { return router };
    let (fault_router, _) =
        sandbox::faults::router().with_state(FaultDesk { app: app.clone(), faults }).split_for_parts();
    router.merge(fault_router)
}

/// Returns the routes that need an [`App`], with their descriptions.
fn v1_routes() -> OpenApiRouter<App> {
    metadata::router()
        .merge(certificates::router())
        .merge(v1::referrals::router())
        .merge(v1::changes::router())
        .merge(v1::revise::router())
        .merge(v1::lifecycle::router())
        .merge(v1::list::router())
        .merge(v1::delta::router())
        .merge(v1::feed::router())
        .merge(v1::organization::router())
        .merge(v1::business_profiles::router())
        .merge(v1::solutions::router())
        .merge(v1::users::router())
        .merge(v1::webhooks::router())
        .merge(v1::notices::router())
        .merge(journal::router())
        .merge(partner_center::router())
}

#[cfg(test)]
mod token_tests;
