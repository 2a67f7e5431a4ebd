//! Which sandbox a request is for: the one that its path names, or else its host.
//!
//! ```text
//! /sandboxes/ci-1/v1.0/engagements/…       → ci-1, /v1.0/engagements/…
//! Host: ci-1.localhost   /v1.0/…           → ci-1, /v1.0/…          for clients that take no path before their own
//! /sandboxes/other/…                       → the main sandbox, which says that there is none
//! ```

use std::sync::Arc;

use http::{HeaderMap, Request, Uri, header, uri::PathAndQuery};

use super::{Sandboxes, room::Room};
use crate::http::server::{Face, Site};

const PREFIX: &str = "/sandboxes/";

impl Sandboxes {
    /// Returns the sandbox that a request is for, and takes its name out of the request. `None`, and the request as it
    /// came, when it is for the main one.
    pub(in crate::http) fn direct<B>(&self, request: &mut Request<B>, face: Face) -> Option<Directed> {
        let rooms = self.0.rooms.read();
        if rooms.is_empty() {
            return None;
        }
        if let Some((name, rest)) = split(request.uri()) {
            let directed = Directed::new(rooms.get(name)?, face)?;
            *request.uri_mut() = rest?;
            return Some(directed);
        }
        if face != Face::Api {
            return None;
        }
        let name = name_in(host(request.uri(), request.headers())?, &self.0.parents)?;
        Directed::new(rooms.get(&name)?, face)
    }
}

/// A sandbox that a request was found to be for.
pub(in crate::http) struct Directed {
    room: Arc<Room>,
    face: Face,
}

impl Directed {
    /// `None` where the sandbox has nothing on that address: the request goes nowhere then, and least of all to the main
    /// sandbox's.
    fn new(room: &Arc<Room>, face: Face) -> Option<Self> {
        room.site(face)?;
        Some(Self { room: Arc::clone(room), face })
    }

    /// Returns what answers.
    pub(in crate::http) fn site(&self) -> Option<&Site> {
        self.room.site(self.face)
    }
}

/// Returns the hosts below which sandboxes have hosts of their own: this machine, and the public one if it has a name.
pub(super) fn parents(public_url: &str) -> Vec<String> {
    let mut parents = vec!["localhost".to_owned()];
    let url = url::Url::parse(public_url).ok();
    if let Some(url::Host::Domain(domain)) = url.as_ref().and_then(url::Url::host)
        && domain != "localhost"
    {
        parents.push(domain.to_owned());
    }
    parents
}

/// Returns the hosts of a sandbox.
pub(super) fn hosts(parents: &[String], name: &str) -> Vec<String> {
    parents.iter().map(|it| format!("{name}.{it}")).collect()
}

/// Splits `/sandboxes/{name}/…` into the name and the address without it, which is `None` when it cannot be written.
fn split(uri: &Uri) -> Option<(&str, Option<Uri>)> {
    let below = uri.path().strip_prefix(PREFIX)?;
    let (name, path) = below.split_at(below.find('/').unwrap_or(below.len()));
    let path = if path.is_empty() { "/" } else { path };
    let target = match uri.query() {
        Some(query) => PathAndQuery::try_from(format!("{path}?{query}")),
        None => PathAndQuery::try_from(path),
    };
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = target.ok();
    let rest = parts.path_and_query.is_some().then(|| Uri::from_parts(parts).ok()).flatten();
    Some((name, rest))
}

fn host<'a>(uri: &'a Uri, headers: &'a HeaderMap) -> Option<&'a str> {
    match uri.host() {
        Some(host) => Some(host),
        None => headers.get(header::HOST)?.to_str().ok(),
    }
}

/// Returns the label before one of the parents.
fn name_in(host: &str, parents: &[String]) -> Option<String> {
    let name = host.split(':').next()?.trim_end_matches('.').to_ascii_lowercase();
    let label = parents.iter().find_map(|it| name.strip_suffix(it.as_str())?.strip_suffix('.'))?;
    (!label.is_empty() && !label.contains('.')).then(|| label.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_loses_the_name_and_keeps_the_rest() {
        for (address, name, rest) in [
            ("/sandboxes/a/v1.0/engagements?x=%2F", "a", "/v1.0/engagements?x=%2F"),
            ("/sandboxes/a", "a", "/"),
            ("/sandboxes/a/", "a", "/"),
            ("/sandboxes/a?x", "a", "/?x"),
            ("/sandboxes/a//x", "a", "//x"),
            ("http://h:1/sandboxes/a/docs", "a", "http://h:1/docs"),
            ("/sandboxes//v1.0", "", "/v1.0"),
        ] {
            let uri: Uri = address.parse().unwrap();
            assert_eq!(split(&uri), Some((name, Some(rest.parse().unwrap()))), "{address}");
        }
        for address in ["/sandboxes", "/sandbox/sandboxes/a", "/v1.0/sandboxes/a", "/"] {
            assert_eq!(split(&address.parse().unwrap()), None, "{address}");
        }
    }

    #[test]
    fn a_host_names_a_sandbox_by_its_first_label_alone() {
        let parents = parents("https://Sandbox.example/liaison");
        assert_eq!(hosts(&parents, "a"), ["a.localhost", "a.sandbox.example"]);

        for host in ["a.localhost", "A.LocalHost:8080", "a.sandbox.example", "a.localhost."] {
            assert_eq!(name_in(host, &parents).as_deref(), Some("a"), "{host}");
        }
        for host in [
            "localhost",
            "localhost:1",
            ".localhost",
            "a.b.localhost",
            "alocalhost",
            "sandbox.example",
            "127.0.0.1",
        ] {
            assert_eq!(name_in(host, &parents), None, "{host}");
        }
        assert_eq!(super::parents("http://127.0.0.1:8080"), ["localhost"]);
    }
}
