//! A person who has opened a page: who it is, in which language, and what stands around every page.

use std::collections::HashMap;

use askama::Template;
use axum::{
    body::Body,
    extract::FromRequestParts,
    response::{IntoResponse, Redirect, Response},
};
use http::{header, request::Parts};

use super::{failure::Failure, look::Look, session::Seat, words::Words};
use crate::{
    app::App,
    domain::{
        actor::{Actor, Administrator, ReferralsRole},
        organization::LocationScope,
        time::Timestamp,
    },
    page::assets,
    service::referrals::{Cursor, Since},
};

/// More notices than these are not counted: whoever has so many needs no number, and every page would wait for it.
const UNREAD_MAX: u32 = 99;

/// A request for a page by somebody who has signed in.
pub(super) struct Visit {
    pub(super) app: App,
    pub(super) seat: Seat,
    pub(super) look: Look,
    pub(super) words: Words,
    /// Path of the page, for what marks the place in the navigation.
    pub(super) path: String,
    /// What the address asks for.
    pub(super) query: HashMap<String, String>,
}

impl FromRequestParts<App> for Visit {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Response> {
        let seat = Seat::from_request_parts(parts, app).await.map_err(IntoResponse::into_response)?;
        let look = Look::of(&parts.headers);
        let query = parts.uri.query().unwrap_or_default();
        Ok(Self {
            app: app.clone(),
            seat,
            look,
            words: look.words(),
            path: parts.uri.path().to_owned(),
            query: url::form_urlencoded::parse(query.as_bytes()).into_owned().collect(),
        })
    }
}

impl Visit {
    /// Returns the person as one who may use referrals.
    pub(super) fn actor(&self) -> Result<Actor, Failure> {
        self.seat.actor().map_err(|_| Failure::Forbidden(self.words.say("no-referrals-role")))
    }

    /// Returns the person as one who administers the organisation.
    pub(super) fn administrator(&self) -> Result<Administrator, Failure> {
        self.seat.administrator().ok_or_else(|| Failure::Forbidden(self.words.say("no-account-admin")))
    }

    /// Returns the present, as the server has it.
    pub(super) fn now(&self) -> Timestamp {
        self.app.context.clock.now()
    }

    /// Returns what the address asks for under `name`; `None` when that is nothing.
    pub(super) fn asked(&self, name: &str) -> Option<&str> {
        self.query.get(name).map(|it| it.trim()).filter(|it| !it.is_empty())
    }

    /// Gathers what stands around the page. `title` is the page's own.
    pub(super) async fn frame(&self, title: String) -> Result<Frame, Failure> {
        let actor = self.seat.actor().ok();
        let unread = match &actor {
            Some(actor) => {
                self.app.context.store.count_unread_notices(&actor.scope(), UNREAD_MAX + 1).await?
            }
            None => 0,
        };
        // Read before the page itself, so that nothing between the two is missed.
        let cursor = match &actor {
            Some(actor) => {
                let context = &self.app.context;
                Cursor::find(context, actor, &Since::Latest).await?.seal(context, actor)
            }
            None => String::new(),
        };
        let user = &self.seat.principal.user;
        // What was done is named by the page before; only names that are known are said.
        let done = self.asked("done").and_then(|it| self.words.say_known(&format!("done-{it}")));
        Ok(Frame {
            words: self.words,
            theme: self.look.theme.as_str(),
            title,
            path: self.path.clone(),
            person: user.name.clone(),
            initials: initials(&user.name),
            organization: self.seat.principal.organization.name.clone(),
            unread: unread_text(unread, self.words),
            has_referrals: actor.is_some(),
            sees_leads: actor.as_ref().is_some_and(|it| {
                it.role == ReferralsRole::Admin && it.locations == LocationScope::EntireCompany
            }),
            administers: self.seat.administrator().is_some(),
            is_sandbox: self.app.sandbox_clock.is_some(),
            now: self.words.moment(self.now()),
            done,
            cursor,
        })
    }
}

fn initials(name: &str) -> String {
    let words: Vec<char> = name.split_whitespace().filter_map(|it| it.chars().next()).collect();
    let ends = [words.first(), words.get(1..).and_then(<[char]>::last)];
    ends.into_iter().flatten().flat_map(|it| it.to_uppercase()).collect()
}

fn unread_text(count: u64, words: Words) -> Option<(String, String)> {
    match count {
        0 => None,
        count if count > u64::from(UNREAD_MAX) => {
            let most = UNREAD_MAX.to_string();
            Some((format!("{most}+"), words.about("unread-more", most)))
        }
        count => Some((count.to_string(), words.count("unread", count))),
    }
}

/// What stands around every page: the navigation, who has signed in, and what was just done.
pub(super) struct Frame {
    pub(super) words: Words,
    pub(super) theme: &'static str,
    pub(super) title: String,
    pub(super) path: String,
    pub(super) person: String,
    pub(super) initials: String,
    pub(super) organization: String,
    /// How many notices were not read, in digits and in a sentence; `None` when all were.
    pub(super) unread: Option<(String, String)>,
    pub(super) has_referrals: bool,
    pub(super) sees_leads: bool,
    pub(super) administers: bool,
    pub(super) is_sandbox: bool,
    pub(super) now: String,
    /// What the page before has done, in a sentence.
    pub(super) done: Option<String>,
    /// From where the page is told what happens.
    pub(super) cursor: String,
}

impl Frame {
    /// Says which place of the navigation the page belongs to: for `aria-current`.
    pub(super) fn is_at(&self, place: &str) -> bool {
        match place {
            "/" => self.path == "/",
            place => {
                self.path == place || self.path.strip_prefix(place).is_some_and(|it| it.starts_with('/'))
            }
        }
    }

    /// Returns the address of an asset.
    pub(super) fn asset(&self, name: &str) -> String {
        assets::address(name)
    }
}

/// Answers with a page.
pub(super) fn page(template: &impl Template) -> Result<Response, Failure> {
    let mut response = Response::new(Body::from(template.render()?));
    response.headers_mut().insert(header::CONTENT_TYPE, super::HTML);
    Ok(response)
}

/// Sends the browser on after something was done, with its name: the page there says it in a sentence (`done-NAME`).
pub(super) fn go_on(path: &str, done: &str) -> Response {
    let (path, fragment) =
        path.split_once('#').map_or((path, String::new()), |(path, it)| (path, format!("#{it}")));
    let joint = if path.contains('?') { '&' } else { '?' };
    Redirect::to(&format!("{path}{joint}done={done}{fragment}")).into_response()
}

/// Returns an address that may be gone to: one of this server. Anything else becomes the home page.
pub(super) fn own_path(path: Option<&str>) -> &str {
    path.filter(|it| it.starts_with('/') && !it.starts_with("//") && !it.contains(['\\', '\r', '\n', '\t']))
        .unwrap_or("/")
}

#[cfg(test)]
mod tests {
    use super::{initials, own_path, unread_text};
    use crate::web::words::{Language, Words};

    #[test]
    fn the_bell_counts_to_ninety_nine() {
        let digits = |count| unread_text(count, Words(Language::English)).map(|(digits, _)| digits);
        assert_eq!(
            [0, 1, 99, 100].map(digits),
            [None, Some("1".into()), Some("99".into()), Some("99+".into())]
        );
        let (_, sentence) = unread_text(100, Words(Language::Dutch)).unwrap();
        assert!(sentence.starts_with("Meer dan"), "{sentence}");
    }

    #[test]
    fn only_paths_of_this_server_are_gone_to() {
        for (path, expected) in [
            ("/deals?tab=inbound", "/deals?tab=inbound"),
            ("//elsewhere.example", "/"),
            ("/\\elsewhere.example", "/"),
            ("https://elsewhere.example", "/"),
            ("/\t/elsewhere.example", "/"),
        ] {
            assert_eq!(own_path(Some(path)), expected, "{path}");
        }
    }

    #[test]
    fn a_name_has_two_initials_at_most() {
        assert_eq!(initials("Alex van den Berg"), "AB");
        assert_eq!(initials("alex"), "A");
        assert_eq!(initials(""), "");
    }
}
