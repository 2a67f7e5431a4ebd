//! `/signin`, `/signin/callback` and `/signout`: how a session begins and ends.
//!
//! ```text
//! /signin ─→ the issuer's page ─→ /signin/callback ─→ session ─→ the page that was asked for
//! ```
//!
//! The dashboard is an application like any other to the issuer (authorization code with PKCE), but the code is redeemed in
//! this process and no token is made. What the way back needs lies sealed in a cookie of its own.

use askama::Template;
use aws_lc_rs::constant_time;
use axum::{
    Router,
    extract::{Query, State, rejection::QueryRejection},
    response::{AppendHeaders, Html, IntoResponse, Redirect, Response},
    routing::get,
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{HeaderMap, header};
use serde::{Deserialize, Serialize};
use url::{Url, form_urlencoded};

use super::{
    failure::Failure,
    session::{NoSeat, Seat, cookie, session_cookie, set_cookie, sign_in_cookie},
};
use crate::{
    app::App,
    auth::{DASHBOARD_CALLBACK, issuer::code},
    domain::organization::{DASHBOARD_ID, redirect::is_loopback},
    page::{Plain, Wording, look::Look},
    service::sessions,
};

/// What a sealed sign-in is for.
const PURPOSE: &str = "dashboard sign-in";
/// How long a person may take to sign in.
const SIGN_IN_SECS: i64 = 60 * 60;
const RANDOM_BYTES: usize = 32;
const PATH_BYTES_MAX: usize = 2000;

/// Returns the routes.
pub(super) fn router() -> Router<App> {
    Router::new()
        .route("/signin", get(begin))
        .route(DASHBOARD_CALLBACK, get(finish))
        .route("/signout", get(ask).post(end))
}

/// What the way back needs.
#[derive(Serialize, Deserialize)]
struct SignIn {
    state: String,
    verifier: String,
    next: String,
    until_secs: i64,
}

#[derive(Deserialize)]
struct Asked {
    next: Option<String>,
}

/// Sends the browser to the issuer's page.
async fn begin(
    State(app): State<App>,
    asked: Result<Query<Asked>, QueryRejection>,
    headers: HeaderMap,
) -> Response {
    // What cannot be read names no page.
    let next = asked.ok().and_then(|Query(asked)| asked.next);
    let next = own_path(next.as_deref().unwrap_or("/"));
    if let Some(elsewhere) = other_name_of_this_machine(&app, &headers) {
        let next: String = form_urlencoded::byte_serialize(next.as_bytes()).collect();
        return Redirect::to(&format!("{elsewhere}/signin?next={next}")).into_response();
    }
    match Seat::find(&app, &headers).await {
        Ok(Some(_)) => return Redirect::to(&next).into_response(),
        Ok(None) => {}
        Err(no_seat) => return no_seat.into_response(),
    }
    let random = || URL_SAFE_NO_PAD.encode(app.context.random.bytes::<RANDOM_BYTES>());
    let until_secs = app.context.clock.now().plus_secs(SIGN_IN_SECS).unix_secs();
    let sign_in = SignIn { state: random(), verifier: random(), next, until_secs };
    let query = form_urlencoded::Serializer::new(String::new())
        .append_pair("client_id", &DASHBOARD_ID.to_string())
        .append_pair("redirect_uri", &app.issuer.dashboard_callback())
        .append_pair("response_type", "code")
        .append_pair("scope", "openid profile")
        .append_pair("state", &sign_in.state)
        .append_pair("code_challenge", &code::challenge_of(&sign_in.verifier))
        .append_pair("code_challenge_method", "S256")
        .finish();
    let text = serde_json::to_string(&sign_in).expect("texts and numbers are JSON");
    let sealed = app.context.seal.close_for_bearer(PURPOSE, &text);
    let held = set_cookie(&app, sign_in_cookie(&app), &sealed, SIGN_IN_SECS);
    let page = format!("/common/oauth2/v2.0/authorize?{query}");
    (AppendHeaders([(header::SET_COOKIE, held)]), Redirect::to(&page)).into_response()
}

/// What the issuer's page comes to.
#[derive(Deserialize)]
struct Answer {
    code: Option<String>,
    state: Option<String>,
    error_description: Option<String>,
}

/// Begins a session for whoever has signed in.
async fn finish(
    State(app): State<App>,
    answer: Result<Query<Answer>, QueryRejection>,
    headers: HeaderMap,
) -> Response {
    let words = Look::of(&headers).words();
    let Ok(Query(answer)) = answer else { return again(words.say("signin-unreadable")) };
    let Some(sign_in) = held_sign_in(&app, &headers, answer.state.as_deref().unwrap_or_default()) else {
        return again(words.say("signin-stale"));
    };
    let Some(code) = answer.code else {
        return again(answer.error_description.unwrap_or_else(|| words.say("signin-no-code")));
    };
    let principal = match app.issuer.redeem_for_dashboard(&code, &sign_in.verifier).await {
        Ok(principal) => principal,
        Err(error) if error.is_refusal() => return again(error.to_string()),
        Err(error) => return broken(&error),
    };
    let earlier = cookie(&headers, session_cookie(&app));
    let begun = match sessions::begin(&app.context, &principal, earlier.as_deref()).await {
        Ok(begun) => begun,
        Err(error) => return Failure::from(error).into_response(),
    };
    let life_secs = app.context.settings.lives.total_secs;
    let session = set_cookie(&app, session_cookie(&app), &begun.token, life_secs);
    let forgotten = set_cookie(&app, sign_in_cookie(&app), "", 0);
    let cookies = AppendHeaders([(header::SET_COOKIE, session), (header::SET_COOKIE, forgotten)]);
    (cookies, Redirect::to(&sign_in.next)).into_response()
}

/// Opens what the browser holds of a sign-in, if it is the one that `state` belongs to.
fn held_sign_in(app: &App, headers: &HeaderMap, state: &str) -> Option<SignIn> {
    let sealed = cookie(headers, sign_in_cookie(app))?;
    let text = app.context.seal.open_for_bearer(PURPOSE, &sealed)?;
    let sign_in: SignIn = serde_json::from_str(&text).ok()?;
    constant_time::verify_slices_are_equal(sign_in.state.as_bytes(), state.as_bytes()).ok()?;
    (app.context.clock.now().unix_secs() < sign_in.until_secs).then_some(sign_in)
}

fn again(why: String) -> Response {
    Failure::NotSignedIn(why).into_response()
}

fn broken(error: &(dyn std::error::Error + 'static)) -> Response {
    tracing::error!(error, "nobody could be signed in");
    Failure::Unavailable.into_response()
}

#[derive(Template)]
#[template(path = "web/signout.html")]
struct SignOutPage<'a> {
    wording: Wording,
    name: &'a str,
    organization: &'a str,
}

/// Asks whether to sign out: a link alone must not do it.
async fn ask(State(app): State<App>, headers: HeaderMap) -> Response {
    let look = Look::of(&headers);
    let words = look.words();
    let person = match Seat::find(&app, &headers).await {
        Ok(None) => {
            let page = Plain::new(&look, words.say("signed-out")).link("/signin", words.say("signin-button"));
            return page.render().map_or_else(|error| broken(&error), |it| Html(it).into_response());
        }
        Ok(Some(seat)) => Some(seat.principal),
        // Who may not stay may leave.
        Err(NoSeat::Refused(_) | NoSeat::Throttled(_)) => None,
        Err(no_seat) => return no_seat.into_response(),
    };
    let (name, organization) = match &person {
        Some(it) => (it.user.name.as_str(), it.organization.name.as_str()),
        None => ("", ""),
    };
    let wording = Wording::new(&look, words.say("signout-title"));
    let page = SignOutPage { wording, name, organization }.render();
    page.map_or_else(|error| broken(&error), |it| Html(it).into_response())
}

/// Ends the session.
async fn end(State(app): State<App>, headers: HeaderMap) -> Response {
    if let Some(token) = cookie(&headers, session_cookie(&app))
        && let Err(error) = sessions::end(&app.context, &token).await
    {
        return Failure::from(error).into_response();
    }
    let forgotten = set_cookie(&app, session_cookie(&app), "", 0);
    (AppendHeaders([(header::SET_COOKIE, forgotten)]), Redirect::to("/signout")).into_response()
}

/// Returns a path of this server, with its query; the start page for everything else, and for what would sign in or out.
fn own_path(text: &str) -> String {
    let here = Url::parse("http://here.invalid/").expect("it is an address");
    let is_path = text.starts_with('/') && text.len() <= PATH_BYTES_MAX;
    let url = here.join(text).ok().filter(|it| is_path && it.origin() == here.origin());
    let is_door = |it: &Url| it.path().starts_with("/signin") || it.path().starts_with("/signout");
    match url {
        Some(url) if !is_door(&url) && !url.path().starts_with("//") => match url.query() {
            Some(query) => format!("{}?{query}", url.path()),
            None => url.path().to_owned(),
        },
        _ => "/".to_owned(),
    }
}

/// Returns the public address where a browser calls this machine by another of its names (`localhost` for `127.0.0.1`):
/// the way back leads there, and cookies belong to a name. Of any other host it is not known whether a proxy wrote it.
fn other_name_of_this_machine<'a>(app: &'a App, headers: &HeaderMap) -> Option<&'a str> {
    let host = headers.get(header::HOST)?.to_str().ok()?;
    let (public, asked) = (Url::parse(&app.public_url).ok()?, Url::parse(&format!("http://{host}")).ok()?);
    let is_other = public.scheme() == "http"
        && is_loopback(&public)
        && is_loopback(&asked)
        && public.port_or_known_default() == asked.port_or_known_default()
        && public.host() != asked.host();
    is_other.then_some(app.public_url.as_str())
}

#[cfg(test)]
mod tests {
    use super::own_path;

    #[test]
    fn after_signing_in_nobody_is_sent_elsewhere() {
        for (asked, path) in [
            ("/", "/"),
            ("/deals?status=New&x=%2F", "/deals?status=New&x=%2F"),
            ("/a/../b", "/b"),
            ("//evil.example/x", "/"),
            ("/\\evil.example", "/"),
            ("/\t/evil.example", "/"),
            ("/.//evil.example", "/"),
            ("https://evil.example", "/"),
            ("evil", "/"),
            ("", "/"),
            ("/signout", "/"),
            ("/signin?next=/", "/"),
            ("/a\r\nSet-Cookie: x", "/aSet-Cookie:%20x"),
        ] {
            assert_eq!(own_path(asked), path, "{asked}");
        }
    }
}
