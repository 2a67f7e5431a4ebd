//! The sign-in page of the built-in issuer (RFC 6749, section 4.1): for every application, in both generations.
//!
//! ```text
//! GET  authorize ─→ a page with a form, or back to the application with an error
//! POST authorize ─→ back to the application with a code: by a redirect, or by a form that the browser posts
//! ```
//!
//! Browsers apply a page's policy for forms to the redirects that follow one, so it names the application's origin too. The
//! form that posts an answer is sent off by a script of this server; without scripts there is its button.

use std::{error::Error as _, sync::Arc};

use askama::Template;
use axum::{
    body::{self, Body},
    extract::{OriginalUri, RawQuery, State},
    response::{Html, IntoResponse, Response},
};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use tower_http::csrf::{CsrfLayer, ProtectionError};
use url::form_urlencoded;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::token::{FORM_BYTES_MAX, FORM_TYPE, RETRY_AFTER_SECS, Tenant, readable, status_of};
use crate::{
    auth::{
        Asked, AuthorizeRequest, Issuer, NotAsked, ResponseMode, Version, WayBack, issuer::error::TokenError,
    },
    domain::organization::redirect,
    page::{Plain, Wording, look::Look, words::Words},
};

/// Returns the routes of the sign-in page.
pub(super) fn router() -> OpenApiRouter<Arc<Issuer>> {
    let routes = OpenApiRouter::new().routes(routes!(ask_v1, answer_v1)).routes(routes!(ask_v2, answer_v2));
    routes.layer(CsrfLayer::new().with_rejection_response(cross_site))
}

#[derive(Template)]
#[template(path = "web/signin.html")]
struct SignInPage<'a> {
    wording: Wording,
    organization: Option<&'a str>,
    error: Option<String>,
    action: &'a str,
    hidden: &'a [(&'static str, String)],
    email: &'a str,
}

#[derive(Template)]
#[template(path = "web/form_post.html")]
struct FormPostPage<'a> {
    wording: Wording,
    action: &'a str,
    hidden: &'a [(&'static str, String)],
}

/// Asks a person to sign in for an application (version 1.0: parameter `resource`).
#[utoipa::path(
    get,
    path = "/{tenant}/oauth2/authorize",
    tag = "Sign-in",
    params(
        ("tenant" = String, Path, description = "Tenant id, organisation id, domain, common or organizations"),
        ("client_id" = String, Query, description = "The application"),
        ("redirect_uri" = Option<String>, Query, description = "Where the answer goes: an address that is registered for the application"),
        ("response_type" = String, Query, description = "`code` or `code id_token`"),
        ("response_mode" = Option<String>, Query, description = "`query`, `fragment` or `form_post`"),
        ("resource" = Option<String>, Query, description = "The API"),
        ("scope" = Option<String>, Query, description = "`openid`, `profile`, `email`"),
        ("state" = Option<String>, Query, description = "Comes back with the answer"),
        ("nonce" = Option<String>, Query, description = "Comes back in the ID token"),
        ("code_challenge" = Option<String>, Query, description = "Of PKCE; public clients need one"),
        ("code_challenge_method" = Option<String>, Query, description = "`S256`"),
        ("login_hint" = Option<String>, Query, description = "Address of who is expected"),
        ("prompt" = Option<String>, Query, description = "`none` is answered with an error: there is always a page"),
    ),
    responses(
        (status = 200, description = "The sign-in page", body = String, content_type = "text/html"),
        (status = 303, description = "Back to the application, with an error"),
        (status = 400, description = "A page that says what is wrong", body = String, content_type = "text/html"),
        (status = 503, description = "The database does not answer", body = String, content_type = "text/html"),
    )
)]
async fn ask_v1(
    State(issuer): State<Arc<Issuer>>,
    tenant: Tenant,
    OriginalUri(uri): OriginalUri,
    RawQuery(query): RawQuery,
    look: Look,
) -> Response {
    ask(&issuer, Version::V1, tenant, uri.path(), (query.unwrap_or_default().as_bytes(), look)).await
}

/// Asks a person to sign in for an application (version 2.0: parameter `scope`).
#[utoipa::path(
    get,
    path = "/{tenant}/oauth2/v2.0/authorize",
    tag = "Sign-in",
    params(
        ("tenant" = String, Path, description = "Tenant id, organisation id, domain, common or organizations"),
        ("client_id" = String, Query, description = "The application"),
        ("redirect_uri" = Option<String>, Query, description = "Where the answer goes: an address that is registered for the application"),
        ("response_type" = String, Query, description = "`code` or `code id_token`"),
        ("response_mode" = Option<String>, Query, description = "`query`, `fragment` or `form_post`"),
        ("scope" = String, Query, description = "The API and what to allow, `openid`, `profile`, `email`, `offline_access`"),
        ("state" = Option<String>, Query, description = "Comes back with the answer"),
        ("nonce" = Option<String>, Query, description = "Comes back in the ID token"),
        ("code_challenge" = Option<String>, Query, description = "Of PKCE; public clients need one"),
        ("code_challenge_method" = Option<String>, Query, description = "`S256`"),
        ("login_hint" = Option<String>, Query, description = "Address of who is expected"),
        ("prompt" = Option<String>, Query, description = "`none` is answered with an error: there is always a page"),
    ),
    responses(
        (status = 200, description = "The sign-in page", body = String, content_type = "text/html"),
        (status = 303, description = "Back to the application, with an error"),
        (status = 400, description = "A page that says what is wrong", body = String, content_type = "text/html"),
        (status = 503, description = "The database does not answer", body = String, content_type = "text/html"),
    )
)]
async fn ask_v2(
    State(issuer): State<Arc<Issuer>>,
    tenant: Tenant,
    OriginalUri(uri): OriginalUri,
    RawQuery(query): RawQuery,
    look: Look,
) -> Response {
    ask(&issuer, Version::V2, tenant, uri.path(), (query.unwrap_or_default().as_bytes(), look)).await
}

/// Signs the person in who fills in the page's form (version 1.0).
#[utoipa::path(
    post,
    path = "/{tenant}/oauth2/authorize",
    tag = "Sign-in",
    params(("tenant" = String, Path, description = "Tenant id, organisation id, domain, common or organizations")),
    request_body(content = String, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "A form that brings the answer to the application", body = String, content_type = "text/html"),
        (status = 303, description = "Back to the application, with a code or an error"),
        (status = 400, description = "The page again, with what is wrong", body = String, content_type = "text/html"),
        (status = 403, description = "The form is another site's", body = String, content_type = "text/html"),
        (status = 413, description = "The form is longer than 16 kB", body = String, content_type = "text/html"),
        (status = 503, description = "Too many sign-ins at once", body = String, content_type = "text/html"),
    )
)]
async fn answer_v1(
    State(issuer): State<Arc<Issuer>>,
    tenant: Tenant,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    body: Body,
) -> Response {
    answer(&issuer, Version::V1, tenant, uri.path(), (&headers, body)).await
}

/// Signs the person in who fills in the page's form (version 2.0).
#[utoipa::path(
    post,
    path = "/{tenant}/oauth2/v2.0/authorize",
    tag = "Sign-in",
    params(("tenant" = String, Path, description = "Tenant id, organisation id, domain, common or organizations")),
    request_body(content = String, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "A form that brings the answer to the application", body = String, content_type = "text/html"),
        (status = 303, description = "Back to the application, with a code or an error"),
        (status = 400, description = "The page again, with what is wrong", body = String, content_type = "text/html"),
        (status = 403, description = "The form is another site's", body = String, content_type = "text/html"),
        (status = 413, description = "The form is longer than 16 kB", body = String, content_type = "text/html"),
        (status = 503, description = "Too many sign-ins at once", body = String, content_type = "text/html"),
    )
)]
async fn answer_v2(
    State(issuer): State<Arc<Issuer>>,
    tenant: Tenant,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    body: Body,
) -> Response {
    answer(&issuer, Version::V2, tenant, uri.path(), (&headers, body)).await
}

async fn ask(
    issuer: &Issuer,
    version: Version,
    tenant: Tenant,
    path: &str,
    (encoded, look): (&[u8], Look),
) -> Response {
    let read = readable(tenant).and_then(|tenant| Ok((tenant, AuthorizeRequest::read(encoded)?)));
    let (tenant, request) = match read {
        Ok(read) => read,
        Err(error) => return refused(issuer, &error, look),
    };
    match issuer.authorize(version, &tenant, request.clone()).await {
        Ok(asked) => {
            let email = asked.login_hint.clone().unwrap_or_default();
            form(StatusCode::OK, (&asked, &request), path, (None, &email), look)
        }
        Err(not_asked) => not_asked_page(issuer, not_asked, look),
    }
}

async fn answer(
    issuer: &Issuer,
    version: Version,
    tenant: Tenant,
    path: &str,
    (headers, body): (&HeaderMap, Body),
) -> Response {
    let look = Look::of(headers);
    let form_bytes = match read_form(headers, body).await {
        Ok(form_bytes) => form_bytes,
        Err(error) => return refused(issuer, &error, look),
    };
    let [email, password] = ["username", "password"].map(|wanted| field(&form_bytes, wanted));
    let (Some(email), Some(password)) = (email, password) else {
        // An application may send its request as a form too (OpenID Connect Core, section 3.1.2.1).
        return ask(issuer, version, tenant, path, (&form_bytes, look)).await;
    };
    let read = readable(tenant).and_then(|tenant| Ok((tenant, AuthorizeRequest::read(&form_bytes)?)));
    let (tenant, request) = match read {
        Ok(read) => read,
        Err(error) => return refused(issuer, &error, look),
    };
    let asked = match issuer.authorize(version, &tenant, request.clone()).await {
        Ok(asked) => asked,
        Err(not_asked) => return not_asked_page(issuer, not_asked, look),
    };
    match issuer.sign_in(&asked, &email, &password).await {
        Ok(answer) => back(&asked.back, &asked.application_name, &answer, look),
        Err(error) => {
            note(&error);
            form(status_of(&error), (&asked, &request), path, (Some(&error), &email), look)
        }
    }
}

async fn read_form(headers: &HeaderMap, body: Body) -> Result<Vec<u8>, TokenError> {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|it| it.to_str().ok()).unwrap_or_default();
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    if !media_type.eq_ignore_ascii_case(FORM_TYPE) {
        return Err(TokenError::MalformedRequest(
            "the content type is not application/x-www-form-urlencoded",
        ));
    }
    let bytes = body::to_bytes(body, FORM_BYTES_MAX).await.map_err(|_| TokenError::TooLong)?;
    Ok(bytes.to_vec())
}

fn field(form: &[u8], wanted: &str) -> Option<String> {
    form_urlencoded::parse(form).find(|(name, _)| name == wanted).map(|(_, value)| value.into_owned())
}

/// Returns the sign-in page.
fn form(
    status: StatusCode,
    (asked, request): (&Asked, &AuthorizeRequest),
    action: &str,
    (error, email): (Option<&TokenError>, &str),
    look: Look,
) -> Response {
    let words = look.words();
    let page = SignInPage {
        wording: Wording::new(&look, words.about("signin-to", &asked.application_name)),
        organization: asked.organization_name.as_deref(),
        error: error.map(|it| reason(it, words)),
        action,
        hidden: request.pairs(),
        email,
    };
    let source = redirect::source(&asked.back.redirect_uri).unwrap_or_default();
    rendered(status, page.render(), &format!("'self' {source}"))
}

/// Says to a person why it is not signed in; what is an application's affair, it reads in the issuer's words.
fn reason(error: &TokenError, words: Words) -> String {
    match error {
        TokenError::WrongCredentials => words.say("signin-wrong"),
        TokenError::UnknownApplication(_) => words.say("signin-other-organization"),
        other => other.to_string(),
    }
}

fn not_asked_page(issuer: &Issuer, not_asked: NotAsked, look: Look) -> Response {
    match not_asked {
        NotAsked::OnPage(error) => refused(issuer, &error, look),
        NotAsked::ToApplication(way_back, error) => {
            note(&error);
            back(&way_back, "", &issuer.refusal(&way_back, &error), look)
        }
    }
}

/// Sends the browser back to the application.
fn back(way_back: &WayBack, application: &str, answer: &[(&'static str, String)], look: Look) -> Response {
    let address = way_back.address(answer);
    let source = redirect::source(&address).unwrap_or_default();
    match (way_back.mode, HeaderValue::try_from(address.as_str())) {
        (ResponseMode::FormPost, _) => {
            let wording = Wording::new(&look, look.words().about("signin-back-to", application));
            let page = FormPostPage { wording, action: &address, hidden: answer };
            let mut response = rendered(StatusCode::OK, page.render(), &source);
            // The application is told where the form comes from, and not with which query.
            response.headers_mut().insert(header::REFERRER_POLICY, HeaderValue::from_static("strict-origin"));
            response
        }
        (ResponseMode::Query | ResponseMode::Fragment, Ok(location)) => {
            let mut response =
                rendered(StatusCode::SEE_OTHER, Ok(String::new()), &format!("'self' {source}"));
            response.headers_mut().insert(header::LOCATION, location);
            response
        }
        (ResponseMode::Query | ResponseMode::Fragment, Err(_)) => {
            message(StatusCode::BAD_REQUEST, vec!["The redirect URI is no address.".to_owned()], look)
        }
    }
}

/// Returns the page that says why nobody is asked to sign in.
fn refused(issuer: &Issuer, error: &TokenError, look: Look) -> Response {
    note(error);
    let body = issuer.explain(error, None);
    let lines = body.error_description.lines().map(str::to_owned).collect();
    message(status_of(error), lines, look)
}

fn note(error: &TokenError) {
    let code = error.number();
    match status_of(error).is_server_error() {
        true => tracing::error!(code, cause = error.source(), "sign-in failed"),
        false => tracing::info!(code, "sign-in refused"),
    }
}

fn message(status: StatusCode, lines: Vec<String>, look: Look) -> Response {
    let page = Plain::new(&look, look.words().say("signin-refused")).lines(lines);
    rendered(status, page.render(), "'none'")
}

/// Forms of other sites are not read: they would sign a person in as somebody else.
fn cross_site(_: ProtectionError) -> Response {
    let look = Look::default();
    message(StatusCode::FORBIDDEN, vec![look.words().say("signin-cross-site")], look)
}

fn rendered(status: StatusCode, page: askama::Result<String>, form_action: &str) -> Response {
    let page = match page {
        Ok(page) => page,
        Err(error) => {
            tracing::error!(error = &error as &dyn std::error::Error, "a page cannot be written");
            return StatusCode::INTERNAL_SERVER_ERROR.into_response();
        }
    };
    let policy = format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; \
         form-action {form_action}; base-uri 'none'; frame-ancestors 'none'"
    );
    let mut response = (status, Html(page)).into_response();
    let headers = response.headers_mut();
    // What is registered as a redirect URI is ASCII, or its origin is.
    if let Ok(policy) = HeaderValue::try_from(policy) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if status == StatusCode::SERVICE_UNAVAILABLE {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(RETRY_AFTER_SECS));
    }
    response
}
