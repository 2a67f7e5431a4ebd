//! The dashboard as a browser meets it: sessions, and the page that people sign in at.

mod administration;
mod authorize;
mod deal;
mod grids;
mod insights;
mod sessions;
mod wizard;

use std::{cell::RefCell, collections::BTreeMap};

use http::{Method, header};
use liaison::{auth::issuer::code::challenge_of, sandbox::seed};
use url::Url;

use crate::world::*;

/// Contoso's application, with its secret, and Fabrikam's.
const APPLICATION: &str = "c0a70002-0000-4000-8000-000000000002";
const SECRET: &str = "contoso-sandbox-secret";
const VERIFIER: &str = "a-verifier-of-forty-three-characters-or-more";

/// Something that keeps cookies and sends forms, as browsers do.
struct Browser<'a> {
    server: &'a Server,
    cookies: RefCell<BTreeMap<String, String>>,
}

impl<'a> Browser<'a> {
    fn new(server: &'a Server) -> Self {
        Self { server, cookies: RefCell::default() }
    }

    fn cookie(&self, name: &str) -> Option<String> {
        self.cookies.borrow().get(name).cloned()
    }

    /// Sends a request with the cookies, and keeps what the answer sets.
    async fn send(&self, method: Method, path: &str, headers: &[(&str, &str)], body: String) -> Answer {
        let cookies: Vec<String> =
            self.cookies.borrow().iter().map(|(name, it)| format!("{name}={it}")).collect();
        let request = with_headers(method, path, headers).header(header::COOKIE, cookies.join("; "));
        let answer = self.server.send(request.body(body.into()).unwrap()).await;
        for set in answer.headers.get_all(header::SET_COOKIE) {
            let set = set.to_str().unwrap();
            let (name, value) = set.split(';').next().unwrap().split_once('=').unwrap();
            match set.contains("Max-Age=0;") {
                true => drop(self.cookies.borrow_mut().remove(name)),
                false => drop(self.cookies.borrow_mut().insert(name.to_owned(), value.to_owned())),
            }
        }
        answer
    }

    async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, &[], String::new()).await
    }

    async fn post(&self, path: &str, form: &[(String, String)]) -> Answer {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let headers = [
            ("content-type", "application/x-www-form-urlencoded"),
            ("sec-fetch-site", "same-origin"),
            ("origin", PUBLIC_URL),
        ];
        self.send(Method::POST, path, &headers, body).await
    }

    /// Goes to `/signin`, fills in the page, and stops before the callback; returns where it leads.
    async fn fill_in(&self, email: &str, password: &str, next: &str) -> Answer {
        let begun = self.get(&format!("/signin?next={next}")).await;
        assert_eq!(begun.status, 303, "{}", begun.text());
        let page = self.get(begun.header("location")).await;
        assert_eq!(page.status, 200, "{}", page.text());
        submit(self, begun.header("location"), &page, email, password).await
    }

    /// Signs in, and returns where that leads.
    async fn sign_in(&self, email: &str) -> String {
        let answered = self.fill_in(email, seed::PASSWORD, "/").await;
        assert_eq!(answered.status, 303, "{}", answered.text());
        let done = self.get(path_of(answered.header("location"))).await;
        assert_eq!(done.status, 303, "{}", done.text());
        done.header("location").to_owned()
    }
}

/// Fills in a sign-in page, and sends its form.
async fn submit(browser: &Browser<'_>, address: &str, page: &Answer, email: &str, password: &str) -> Answer {
    let mut form = hidden_fields(page.text());
    form.push(("username".to_owned(), email.to_owned()));
    form.push(("password".to_owned(), password.to_owned()));
    browser.post(address.split('?').next().unwrap(), &form).await
}

/// Reads the hidden fields of a page.
fn hidden_fields(page: &str) -> Vec<(String, String)> {
    let plain = |it: &str| {
        it.replace("&#38;", "&")
            .replace("&#34;", "\"")
            .replace("&#39;", "'")
            .replace("&#60;", "<")
            .replace("&#62;", ">")
    };
    let fields = page.split("<input type=\"hidden\" name=\"").skip(1);
    fields
        .map(|field| {
            let (name, rest) = field.split_once("\" value=\"").unwrap();
            (plain(name), plain(rest.split_once("\">").unwrap().0))
        })
        .collect()
}

/// Returns path and query of an address of this server.
fn path_of(address: &str) -> &str {
    address.strip_prefix(PUBLIC_URL).unwrap_or(address)
}

/// Returns the parameters of an address: of its query, or of its fragment.
fn answer_in(address: &str) -> BTreeMap<String, String> {
    let url = Url::parse(address).unwrap();
    let encoded = url.fragment().or(url.query()).unwrap_or_default();
    url::form_urlencoded::parse(encoded.as_bytes()).into_owned().collect()
}

/// Returns the address of the sign-in page for an application, with parameters beside the usual ones.
fn authorize(version: &str, client_id: &str, more: &[(&str, &str)]) -> String {
    let challenge = challenge_of(VERIFIER);
    let usual = [
        ("client_id", client_id),
        ("redirect_uri", "http://localhost:4711"),
        ("response_type", "code"),
        ("state", "a state & \"more\""),
        ("code_challenge", &challenge),
        ("code_challenge_method", "S256"),
    ];
    let usual = usual.iter().filter(|(name, _)| !more.iter().any(|(it, _)| it == name));
    let pairs = usual.chain(more).filter(|(_, value)| !value.is_empty());
    let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
    format!("/common/{version}/authorize?{query}")
}
