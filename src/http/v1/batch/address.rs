//! Where a request of a batch goes: the spellings of its `url`.
//!
//! ```text
//! https://referrals.example/v1.0/engagements/referrals/…   absolute, with the address of this server
//! /v1.0/engagements/referrals/…                            an absolute path
//! referrals/…   /referrals/…                               relative to the service root, as OData and Graph clients write
//! $1/accept     /$1/accept                                 relative to what request 1 made or addressed
//! ```

use http::{Method, Request, Uri, uri::PathAndQuery};

use crate::{
    domain::lifecycle::Action,
    http::{paths, v1::lifecycle::posted},
};

/// What relative addresses are relative to.
const SERVICE_ROOT: &str = "/v1.0/engagements";
/// Where referrals are.
pub(super) const REFERRALS: &str = "/v1.0/engagements/referrals";
/// How absolute paths begin; other paths are relative to the service root, whether they begin with a slash or not.
const ABSOLUTE: [&str; 3] = ["/v1.0/", "/engagements/", "/engagments/"];
/// First segments with a `$` that name no request (OData JSON Format 4.01, section 19.1).
const SYSTEM: [&str; 7] = ["$batch", "$crossjoin", "$all", "$entity", "$root", "$id", "$metadata"];

/// The address of this server, as callers may write it.
pub(super) struct Here<'a> {
    /// The public address, without a slash at the end.
    pub(super) public_url: &'a str,
    /// The host that the batch was sent to.
    pub(super) host: Option<&'a str>,
}

/// Where a request goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// A path with its query.
    Path(String),
    /// What an earlier request made or addressed, and what follows it.
    Entity {
        /// Id of the earlier request.
        id: String,
        /// The rest of the path, with the query.
        rest: String,
    },
}

/// Reads a `url`.
///
/// # Errors
/// What is wrong with it.
pub(super) fn read(url: &str, here: &Here<'_>) -> Result<Target, String> {
    let relative = url.strip_prefix('/').unwrap_or(url);
    if let Some(named) = relative.strip_prefix('$') {
        let end = named.find(['/', '?']).unwrap_or(named.len());
        let (id, rest) = named.split_at(end);
        if !SYSTEM.iter().any(|it| it.strip_prefix('$') == Some(id)) {
            return Ok(Target::Entity { id: id.to_owned(), rest: encoded(rest) });
        }
    }
    let path = encoded(&path_of(url, here)?);
    match PathAndQuery::try_from(path.as_str()) {
        Ok(_) => Ok(Target::Path(path)),
        Err(_) => Err(format!("\"{}\" is no address", url.escape_default())),
    }
}

/// Returns path and query.
fn path_of(url: &str, here: &Here<'_>) -> Result<String, String> {
    let prefix =
        here.public_url.split_once("://").and_then(|(_, it)| it.find('/').and_then(|at| it.get(at..)));
    if let Some((scheme, rest)) =
        url.split_once("://").filter(|(it, _)| it.bytes().all(|it| it.is_ascii_alphabetic()))
    {
        if let Some(path) = url.strip_prefix(here.public_url).filter(|it| it.starts_with('/')) {
            return Ok(path.to_owned());
        }
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let is_here = here.host.is_some_and(|it| it.eq_ignore_ascii_case(authority));
        return match is_here && ["http", "https"].iter().any(|it| scheme.eq_ignore_ascii_case(it)) {
            true => Ok(without_prefix(prefix, path).to_owned()),
            false => {
                Err(format!("\"{}\" is not this server; write the path alone", authority.escape_default()))
            }
        };
    }
    let below = without_prefix(prefix, url);
    Ok(match ABSOLUTE.iter().any(|it| below.starts_with(it)) {
        true => below.to_owned(),
        false => format!("{SERVICE_ROOT}/{}", below.strip_prefix('/').unwrap_or(below)),
    })
}

/// Returns a path without the path of this server, if it has it.
fn without_prefix<'a>(prefix: Option<&str>, path: &'a str) -> &'a str {
    prefix.and_then(|it| path.strip_prefix(it)).filter(|it| it.starts_with('/')).unwrap_or(path)
}

/// Encodes what may not stand in an address; clients leave blanks in `$filter` as they are.
fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'"' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}' => {
                encoded.push_str(&format!("%{byte:02X}"));
            }
            b'!'..=b'~' => encoded.push(char::from(byte)),
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

/// Returns the request head for a method and a path, in the spelling that the router knows. `None` for what is no path.
pub(super) fn head(method: &Method, path: &str) -> Option<http::request::Parts> {
    let uri: Uri = path.parse().ok()?;
    let (mut parts, ()) = Request::builder().method(method.clone()).uri(uri).body(()).ok()?.into_parts();
    paths::rewrite(&mut parts);
    Some(parts)
}

/// What a group may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Written {
    /// Makes a referral.
    Create,
    /// Replaces the referral of this id.
    Replace(String),
    /// Changes members of it.
    Patch(String),
    /// Does something with it.
    Act(String, Action),
}

/// Returns what a request writes. `None` for what a group cannot do.
pub(super) fn written(method: &Method, canonical: &str) -> Option<Written> {
    let rest = canonical.strip_prefix(REFERRALS)?;
    let segments: Vec<&str> = rest.split('/').collect();
    match (method, segments.as_slice()) {
        (&Method::POST, [""]) => Some(Written::Create),
        (&Method::PUT, ["", id]) => Some(Written::Replace((*id).to_owned())),
        (&Method::PATCH, ["", id]) => Some(Written::Patch((*id).to_owned())),
        (&Method::POST, ["", id, action]) => Some(Written::Act((*id).to_owned(), posted(action)?)),
        _ => None,
    }
}

/// Returns the path of what a request made or addressed: of a referral, whatever was done with it. `None` where that
/// is no single thing.
pub(super) fn entity(canonical: &str) -> Option<String> {
    let Some(below) = canonical.strip_prefix(REFERRALS) else { return Some(canonical.to_owned()) };
    let id =
        below.strip_prefix('/')?.split('/').next().filter(|it| !it.is_empty() && !it.starts_with('$'))?;
    Some(format!("{REFERRALS}/{id}"))
}

#[cfg(test)]
mod tests {
    use super::{Here, Method, Target, Written, entity, head, read, written};
    use crate::domain::lifecycle::Action;

    const HERE: Here<'_> =
        Here { public_url: "https://referrals.example/liaison", host: Some("127.0.0.1:8080") };

    fn path(url: &str) -> String {
        match read(url, &HERE) {
            Ok(Target::Path(path)) => path,
            other => panic!("{url}: {other:?}"),
        }
    }

    #[test]
    fn every_spelling_leads_to_one_path() {
        for url in [
            "https://referrals.example/liaison/v1.0/engagements/referrals/1",
            "http://127.0.0.1:8080/v1.0/engagements/referrals/1",
            "/liaison/v1.0/engagements/referrals/1",
            "/v1.0/engagements/referrals/1",
            "/referrals/1",
            "referrals/1",
        ] {
            assert_eq!(path(url), "/v1.0/engagements/referrals/1", "{url}");
        }
        assert_eq!(path("/engagements/v1/referrals/1"), "/engagements/v1/referrals/1");
        assert_eq!(path("$metadata"), "/v1.0/engagements/$metadata");
        assert_eq!(
            path("referrals?$filter=name eq 'é'"),
            "/v1.0/engagements/referrals?$filter=name%20eq%20'%C3%A9'"
        );
    }

    #[test]
    fn another_server_is_refused() {
        for url in ["https://elsewhere.example/v1.0/engagements/referrals", "ftp://127.0.0.1:8080/", "://"] {
            assert!(read(url, &HERE).is_err() || path(url).starts_with("/v1.0/engagements/"), "{url}");
        }
        assert!(read("https://referrals.example.evil/liaison/v1.0/engagements/referrals", &HERE).is_err());
    }

    #[test]
    fn a_dollar_refers_to_a_request() {
        let entity = |id: &str, rest: &str| Target::Entity { id: id.to_owned(), rest: rest.to_owned() };

        assert_eq!(read("$1", &HERE), Ok(entity("1", "")));
        assert_eq!(
            read("/$new-deal/accept?validateOnly=true", &HERE),
            Ok(entity("new-deal", "/accept?validateOnly=true"))
        );
    }

    #[test]
    fn a_group_writes_referrals_only() {
        let of = |method: Method, path: &str| written(&method, head(&method, path).unwrap().uri.path());

        assert_eq!(of(Method::POST, "/v1.0/referrals/"), Some(Written::Create));
        assert_eq!(of(Method::PATCH, "/v1.0/referrals('1')"), Some(Written::Patch("1".to_owned())));
        assert_eq!(
            of(Method::POST, "/v1.0/engagements/referrals/1/win"),
            Some(Written::Act("1".to_owned(), Action::Win))
        );
        for (method, path) in [
            (Method::GET, "/v1.0/engagements/referrals/1"),
            (Method::POST, "/v1.0/engagements/referrals/$query"),
            (Method::POST, "/v1.0/engagements/referrals/1/share"),
            (Method::POST, "/v1.0/engagements/referralsx"),
            (Method::POST, "/v1.0/engagements/users"),
        ] {
            assert_eq!(of(method, path), None, "{path}");
        }
    }

    #[test]
    fn whatever_is_done_with_a_referral_addresses_it() {
        let one = Some("/v1.0/engagements/referrals/1".to_owned());

        assert_eq!(entity("/v1.0/engagements/referrals/1/accept"), one);
        assert_eq!(entity("/v1.0/engagements/referrals/1"), one);
        assert_eq!(entity("/v1.0/engagements/referrals"), None);
        assert_eq!(entity("/v1.0/engagements/referrals/$query"), None);
        assert_eq!(entity("/v1.0/engagements/users/1"), Some("/v1.0/engagements/users/1".to_owned()));
    }
}
