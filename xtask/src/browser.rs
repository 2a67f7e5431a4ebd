//! Signing in to the dashboard as a browser does: redirects are followed, cookies kept, and the form of the sign-in page
//! is filled in.

use anyhow::{Context as _, Result, bail, ensure};
use bytes::Bytes;
use http::{Method, Request, Response, header};
use http_body_util::Full;

use crate::{
    load::{self, Call},
    server::Server,
};

/// The password of everybody in a sandbox.
const PASSWORD: &str = "sandbox-password";
/// More would be a circle.
const REDIRECTS_MAX: usize = 10;

/// A browser in which somebody has signed in.
pub(crate) struct Browser<'a> {
    server: &'a Server,
    cookies: Vec<(String, String)>,
}

impl<'a> Browser<'a> {
    /// Signs in.
    pub(crate) fn sign_in(server: &'a Server, email: &str) -> Result<Self> {
        let mut browser = Self { server, cookies: Vec::new() };
        let page = browser.follow(Method::GET, "/", "")?;
        let page = String::from_utf8(page.into_body().to_vec())?;
        let form = page.split_once("<form").context("the sign-in page has no form")?.1;
        let action = attribute(form, "action").context("the form leads nowhere")?;
        let mut fields =
            vec![("username".to_owned(), email.to_owned()), ("password".to_owned(), PASSWORD.to_owned())];
        for input in
            form.split("<input").skip(1).filter(|it| attribute(it, "type").as_deref() == Some("hidden"))
        {
            fields.extend(attribute(input, "name").zip(attribute(input, "value")));
        }
        let body: Vec<String> =
            fields.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
        let home = browser.follow(Method::POST, &action, &body.join("&"))?;
        ensure!(home.status().is_success(), "signing in ends with {}", home.status());
        ensure!(!browser.cookies.is_empty(), "signing in leaves no cookie");
        Ok(browser)
    }

    /// Returns a GET of a page.
    pub(crate) fn get(&self, path: &str) -> Result<Call> {
        self.request(Method::GET, path, "")
    }

    fn request(&self, method: Method, path: &str, body: &str) -> Result<Call> {
        let cookies: Vec<String> =
            self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let mut request = Request::builder()
            .method(&method)
            .uri(path)
            .header(header::HOST, self.server.address()?.to_string())
            .header(header::COOKIE, cookies.join("; "));
        if method == Method::POST {
            request = request
                .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
                .header(header::ORIGIN, self.server.base_url());
        }
        Ok(request.body(Full::new(Bytes::copy_from_slice(body.as_bytes())))?)
    }

    /// Sends a request, and goes where the answers lead.
    fn follow(&mut self, method: Method, path: &str, body: &str) -> Result<Response<Bytes>> {
        let (mut method, mut path, mut body) = (method, path.to_owned(), body.to_owned());
        for _ in 0..REDIRECTS_MAX {
            let call = self.request(method, &path, &body)?;
            let response = load::ask_whole(self.server.address()?, call)?;
            for cookie in response.headers().get_all(header::SET_COOKIE) {
                let pair = cookie.to_str()?.split(';').next().unwrap_or_default();
                let (name, value) = pair.split_once('=').context("a cookie has a name")?;
                self.cookies.retain(|(known, _)| known != name);
                if !value.is_empty() {
                    self.cookies.push((name.to_owned(), value.to_owned()));
                }
            }
            let Some(location) = response.headers().get(header::LOCATION) else { return Ok(response) };
            let location = location.to_str()?;
            path = location.strip_prefix(self.server.base_url()).unwrap_or(location).to_owned();
            (method, body) = (Method::GET, String::new());
        }
        bail!("more than {REDIRECTS_MAX} redirects, the last to {path}")
    }
}

/// Returns an attribute of the first element of a text, without its entities.
fn attribute(text: &str, name: &str) -> Option<String> {
    let element = text.split('>').next()?;
    let (_, rest) = element.split_once(&format!("{name}=\""))?;
    let value = rest.split('"').next()?;
    let entities =
        [("&amp;", "&"), ("&#38;", "&"), ("&#34;", "\""), ("&#39;", "'"), ("&#60;", "<"), ("&#62;", ">")];
    Some(entities.iter().fold(value.to_owned(), |text, (entity, char)| text.replace(entity, char)))
}

/// Writes a value as forms do.
fn encoded(value: &str) -> String {
    let mut text = String::new();
    for byte in value.bytes() {
        match byte {
            byte if byte.is_ascii_alphanumeric() => text.push(char::from(byte)),
            byte => text.push_str(&format!("%{byte:02X}")),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{attribute, encoded};

    #[test]
    fn a_form_is_read_and_filled_in() {
        let input = r#" type="hidden" name="state" value="a&#34;b&#38;c"> <input name="x">"#;
        assert_eq!(attribute(input, "value").as_deref(), Some("a\"b&c"));
        assert_eq!(attribute(input, "none"), None);
        assert_eq!(encoded("a b@c"), "a%20b%40c");
    }
}
