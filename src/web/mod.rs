//! The dashboard: server-rendered pages for people. Every action is the operation that the API calls.
//!
//! A page is a typed template, filled from the same reads as an answer of the API; what is sent by a form becomes the
//! JSON that an API client would send. Pages work without a script; `assets/app.js` adds keys, previews and life.

mod administration;
mod assets;
mod card;
mod deal;
mod failure;
mod format;
mod grid;
mod home;
mod insights;
mod listing;
mod live;
mod news;
mod person;
mod protect;
mod session;
mod signin;
mod visit;
mod wizard;

use axum::{Router, extract::Request, response::IntoResponse};
use http::{HeaderValue, Method, header};
use tower::ServiceExt as _;

use self::failure::Failure;
pub use self::{
    protect::protect,
    session::{NoSeat, Seat},
};
use crate::{
    app::App,
    page::{look, words},
};

const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");

/// Puts the dashboard beside the API. Where nothing is, `nothing` answers, but for whoever looks for a page.
pub fn mount<N: IntoResponse + 'static>(api: Router, app: &App, nothing: fn() -> N) -> Router {
    let lost = protect(Router::new().fallback(async || Failure::NotFound));
    api.merge(router(app)).fallback(async move |request: Request| match is_looking(&request) {
        true => lost.oneshot(request).await.into_response(),
        false => nothing().into_response(),
    })
}

/// Says whether a browser is on its way to a page: programs do not ask for HTML by name.
fn is_looking(request: &Request) -> bool {
    let accept = request.headers().get(header::ACCEPT).and_then(|it| it.to_str().ok()).unwrap_or_default();
    [Method::GET, Method::HEAD].contains(request.method()) && accept.contains("text/html")
}

fn router(app: &App) -> Router {
    let pages = Router::new()
        .merge(home::router())
        .merge(wizard::router())
        .merge(grid::router())
        .merge(insights::router())
        .merge(deal::router())
        .merge(live::router())
        .merge(news::router())
        .merge(administration::router())
        .merge(person::router())
        .merge(signin::router())
        .method_not_allowed_fallback(async || Failure::WrongMethod);
    protect(pages.with_state(app.clone())).merge(assets::router())
}
