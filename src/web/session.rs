//! Who looks at a page: the person of the session that the browser holds.

use std::sync::Arc;

use axum::{
    extract::FromRequestParts,
    response::{IntoResponse, Redirect, Response},
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, header, request::Parts};
use url::form_urlencoded;

use super::failure::Failure;
use crate::{
    app::{App, Throttled},
    auth::{Caller, Refusal},
    domain::{
        actor::{Actor, Administrator, Colleague},
        organization::DASHBOARD_ID,
    },
    service::sessions::{self, SessionView},
    storage::{Principal, StoreError},
};

const SEC_FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");

/// Somebody who is signed in, as things stand at this moment: roles are looked up at each request.
#[derive(Clone, Debug)]
pub struct Seat {
    /// The person as one who reads what its organisation says of itself.
    pub colleague: Colleague,
    /// The person and its employer.
    pub principal: Arc<Principal>,
    /// The session.
    pub session: SessionView,
}

/// Why there is no seat.
#[derive(Debug)]
pub enum NoSeat {
    /// Nobody is signed in; a page that was asked for is shown after signing in.
    SignedOut {
        /// Path and query of the page; `None` for anything else.
        page: Option<String>,
    },
    /// The person may not use the dashboard at all.
    Refused(Refusal),
    /// The organisation has spent its minute.
    Throttled(Throttled),
    /// The store cannot say.
    Unavailable(StoreError),
}

impl FromRequestParts<App> for Seat {
    type Rejection = NoSeat;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, NoSeat> {
        match Self::find(app, &parts.headers).await? {
            Some(seat) => Ok(seat),
            None => Err(NoSeat::SignedOut { page: asked_page(parts) }),
        }
    }
}

impl Seat {
    /// Finds who a browser is signed in as; `None` when it is not.
    pub(super) async fn find(app: &App, headers: &HeaderMap) -> Result<Option<Self>, NoSeat> {
        let Some(token) = cookie(headers, session_cookie(app)) else { return Ok(None) };
        match sessions::find(&app.context, &token).await? {
            Some((principal, session)) => Self::of(app, principal, session).map(Some),
            None => Ok(None),
        }
    }

    fn of(app: &App, principal: Arc<Principal>, session: SessionView) -> Result<Self, NoSeat> {
        let colleague = caller(&principal).colleague().map_err(NoSeat::Refused)?;
        // Every organisation's people come through one application, so each counts for itself.
        let counted = format!("{DASHBOARD_ID}/{}", colleague.organization_id);
        app.rates.check(&colleague.organization_id, &counted).map_err(NoSeat::Throttled)?;
        Ok(Self { colleague, principal, session })
    }

    /// Looks the person up again, for an answer that lasts. `None` when it is no longer signed in.
    ///
    /// # Errors
    /// When the person has no role any more, or the database does not answer.
    pub async fn again(&self, app: &App) -> Result<Option<Self>, NoSeat> {
        match sessions::find_again(&app.context, &self.session).await? {
            Some((principal, session)) => Self::of(app, principal, session).map(Some),
            None => Ok(None),
        }
    }

    /// Returns the person as one who works with referrals.
    ///
    /// # Errors
    /// When it has no Referrals role.
    pub fn actor(&self) -> Result<Actor, Refusal> {
        caller(&self.principal).referrals_actor()
    }

    /// Returns the person as one who administers its organisation; `None` for everybody else.
    pub fn administrator(&self) -> Option<Administrator> {
        caller(&self.principal).administrator().ok()
    }
}

/// Returns the person as the API would meet it, through the dashboard.
fn caller(principal: &Arc<Principal>) -> Caller {
    Caller::User { principal: Arc::clone(principal), application_id: DASHBOARD_ID.to_string() }
}

/// Returns path and query of a page that a person wants to see; `None` for what scripts and forms ask.
fn asked_page(parts: &Parts) -> Option<String> {
    let is_navigation = parts.headers.get(SEC_FETCH_MODE).is_none_or(|it| it.as_bytes() == b"navigate");
    let is_page = [Method::GET, Method::HEAD].contains(&parts.method) && is_navigation;
    is_page.then(|| parts.uri.path_and_query().map_or_else(|| "/".to_owned(), ToString::to_string))
}

impl From<StoreError> for NoSeat {
    fn from(error: StoreError) -> Self {
        Self::Unavailable(error)
    }
}

impl IntoResponse for NoSeat {
    fn into_response(self) -> Response {
        let failure = match self {
            Self::SignedOut { page: Some(page) } => {
                let next: String = form_urlencoded::byte_serialize(page.as_bytes()).collect();
                return Redirect::to(&format!("/signin?next={next}")).into_response();
            }
            Self::SignedOut { page: None } => Failure::SignedOut,
            Self::Refused(_) => Failure::NoRole,
            Self::Throttled(throttled) => Failure::Throttled(throttled.retry_after_secs),
            Self::Unavailable(error) => error.into(),
        };
        failure.into_response()
    }
}

/// Returns the name of the cookie that holds a session. A browser takes `__Host-` and `Secure` from https alone, so a
/// server without it, on a developer's machine, goes without them.
pub(super) fn session_cookie(app: &App) -> &'static str {
    if is_secure(app) { "__Host-liaison" } else { "liaison" }
}

/// Returns the name of the cookie that holds what a sign-in on its way needs.
pub(super) fn sign_in_cookie(app: &App) -> &'static str {
    if is_secure(app) { "__Host-liaison-signin" } else { "liaison-signin" }
}

fn is_secure(app: &App) -> bool {
    app.public_url.starts_with("https://")
}

/// Returns what a browser holds under a name.
pub(super) fn cookie(headers: &HeaderMap, name: &str) -> Option<String> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|it| it.to_str().ok());
    let mut pairs = lines.flat_map(|it| it.split(';')).filter_map(|it| it.trim().split_once('='));
    pairs.find(|(it, _)| *it == name).map(|(_, value)| value.to_owned()).filter(|it| !it.is_empty())
}

/// Returns the header that makes a browser hold `value` under `name` for some time; none at all makes it forget.
pub(super) fn set_cookie(app: &App, name: &str, value: &str, life_secs: i64) -> HeaderValue {
    let secure = if is_secure(app) { "; Secure" } else { "" };
    let text = format!("{name}={value}; Path=/; Max-Age={life_secs}; HttpOnly; SameSite=Lax{secure}");
    HeaderValue::try_from(text).expect("names and values are base64url and hyphens")
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, Request, header};

    use super::{asked_page, cookie};

    #[test]
    fn a_cookie_is_found_by_its_whole_name() {
        let mut headers = HeaderMap::new();
        headers.append(header::COOKIE, "other=1; liaison-signin=a; xliaison=b".parse().unwrap());
        headers.append(header::COOKIE, "liaison=c=d; empty=".parse().unwrap());

        assert_eq!(cookie(&headers, "liaison").as_deref(), Some("c=d"));
        assert_eq!(cookie(&headers, "empty"), None);
        assert_eq!(cookie(&headers, "signin"), None);
    }

    #[test]
    fn only_who_looks_at_a_page_is_sent_to_sign_in() {
        let page = |method: &str, mode: Option<&str>| {
            let request = Request::builder().method(method).uri("/deals?status=New");
            let request = mode.into_iter().fold(request, |it, mode| it.header("sec-fetch-mode", mode));
            asked_page(&request.body(()).unwrap().into_parts().0)
        };

        assert_eq!(page("GET", None).as_deref(), Some("/deals?status=New"));
        assert_eq!(page("GET", Some("navigate")).as_deref(), Some("/deals?status=New"));
        assert_eq!(page("GET", Some("cors")), None);
        assert_eq!(page("POST", Some("navigate")), None);
    }
}
