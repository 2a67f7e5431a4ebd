//! Spellings of paths that clients use and the router does not know, turned into the one it does.
//!
//! ```text
//! /v1.0/engagments/…                     the documentation's own spelling error
//! /v1.0/referrals/…                      paths of nextLinks in the samples of 2019
//! /engagements/v1/referrals/{id}         the address in webhook payloads; both audiences are accepted
//! /webhooks/v1/registration/…            the Partner Center API: any case, slashes at the end
//! /v1/auditrecords                       the same
//! /auditactivity/v1/auditrecords/{id}    the same
//! …/referrals('id')  …/referrals(id)     OData key access
//! …/referrals/{id}/  …/{id}//            the connector really sends these
//! /v1.0/engagements/                      the service's root with its slash, and /$metadata and /$batch below it
//! %24                                    an encoded $
//! ```

use std::borrow::Cow;

use http::{Uri, request::Parts};

const ROOT: &str = "/v1.0/engagements";
const REFERRALS: &str = "/v1.0/engagements/referrals";

/// Where batches are sent, and the documentation's own spelling of it.
const BATCH: [&str; 2] = ["/v1.0/engagements/$batch", "/v1.0/engagments/$batch"];

/// Where webhooks are registered, and what lies below it.
const REGISTRATION: &str = "/webhooks/v1/registration";
const REGISTRATION_PARTS: [&str; 2] = ["/events", "/validationEvents"];

/// Where audit records are, and where one of them is.
const AUDIT: &str = "/v1/auditrecords";
const AUDIT_RECORD: &str = "/auditactivity/v1/auditrecords";

/// Other beginnings of the same paths.
pub const ALIASES: [(&str, Surface); 4] = [
    ("/v1.0/engagments/referrals", Surface::Partner),
    ("/v1.0/referrals", Surface::Partner),
    ("/engagements/v1/referrals", Surface::Either),
    ("/engagments/v1/referrals", Surface::Either),
];

/// Which surface a request came in by; it decides which audiences are accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Surface {
    /// The Partner API.
    Partner,
    /// A path of the Partner Center API that stands for one of the Partner API.
    Either,
    /// The Partner Center API.
    PartnerCenter,
}

/// Rewrites the path of a request, and notes the surface when it is not the usual one.
pub fn rewrite(parts: &mut Parts) {
    let Some((path, surface)) = canonical(parts.uri.path()) else { return };
    let target = match parts.uri.query() {
        Some(query) => format!("{path}?{query}"),
        None => path,
    };
    let mut uri = parts.uri.clone().into_parts();
    // A path that cannot be written is left as it is: the router will not find it.
    if let Ok(path_and_query) = target.parse() {
        uri.path_and_query = Some(path_and_query);
    }
    if let Ok(uri) = Uri::from_parts(uri) {
        parts.uri = uri;
    }
    parts.extensions.insert(surface);
}

/// Returns the canonical path; `None` when `path` is canonical already.
fn canonical(path: &str) -> Option<(String, Surface)> {
    let decoded = match path.contains("%24") {
        true => Cow::Owned(path.replace("%24", "$")),
        false => Cow::Borrowed(path),
    };
    let [batch, _] = BATCH;
    if BATCH.contains(&decoded.trim_end_matches('/')) {
        return (batch != path).then(|| (batch.to_owned(), Surface::Partner));
    }
    if let Some(canonical) = of_registration(&decoded).or_else(|| of_audit(&decoded)) {
        return Some((canonical, Surface::PartnerCenter));
    }
    if let Some(canonical) = of_service(&decoded) {
        return (canonical != path).then_some((canonical, Surface::Partner));
    }
    let (rest, surface) = match rest_of(&decoded, REFERRALS) {
        Some(rest) => (rest, Surface::Partner),
        None => ALIASES.iter().find_map(|(alias, surface)| Some((rest_of(&decoded, alias)?, *surface)))?,
    };
    let rest = rest.trim_end_matches('/');
    let canonical = match key(rest) {
        Some((key, below)) => format!("{REFERRALS}/{key}{below}"),
        None => format!("{REFERRALS}{rest}"),
    };
    (canonical != path || surface != Surface::Partner).then_some((canonical, surface))
}

/// Returns the path of the service document or of the metadata, if `path` is a spelling of it.
fn of_service(path: &str) -> Option<String> {
    let rest = [ROOT, "/v1.0/engagments"].iter().find_map(|it| rest_of(path, it))?;
    match rest.trim_end_matches('/') {
        below @ ("" | "/$metadata") => Some(format!("{ROOT}{below}")),
        _ => None,
    }
}

/// Returns the path of the registration, or of something below it, if `path` is a spelling of it.
fn of_registration(path: &str) -> Option<String> {
    let rest = without(path, REGISTRATION)?.trim_end_matches('/');
    let part = REGISTRATION_PARTS.into_iter().find_map(|part| Some((part, without(rest, part)?)));
    let (part, below) = part.unwrap_or(("", rest));
    Some(format!("{REGISTRATION}{part}{below}"))
}

/// Returns the path of the audit records, or of one, if `path` is a spelling of it.
fn of_audit(path: &str) -> Option<String> {
    if let Some(below) = without(path, AUDIT_RECORD) {
        return Some(format!("{AUDIT_RECORD}{}", below.trim_end_matches('/')));
    }
    without(path, AUDIT)?.trim_end_matches('/').is_empty().then(|| AUDIT.to_owned())
}

/// Returns what follows `start`, in any case, if it ends a segment there.
fn without<'a>(path: &'a str, start: &str) -> Option<&'a str> {
    let (head, rest) = path.split_at_checked(start.len())?;
    let is_start = head.eq_ignore_ascii_case(start) && (rest.is_empty() || rest.starts_with('/'));
    is_start.then_some(rest)
}

/// Returns what follows `start`, if it ends a segment (or opens a key) there.
fn rest_of<'a>(path: &'a str, start: &str) -> Option<&'a str> {
    let rest = path.strip_prefix(start)?;
    (rest.is_empty() || rest.starts_with(['/', '('])).then_some(rest)
}

/// Splits `(key)below` and takes the quotes off the key.
fn key(rest: &str) -> Option<(&str, &str)> {
    let (key, below) = rest.strip_prefix('(')?.split_once(')')?;
    let unquoted = ["'", "%27"].iter().find_map(|quote| key.strip_prefix(quote)?.strip_suffix(quote));
    Some((unquoted.unwrap_or(key), below))
}

#[cfg(test)]
mod tests {
    use super::{Surface, canonical};

    #[test]
    fn every_spelling_leads_to_one_path() {
        let canonical_path = "/v1.0/engagements/referrals/id";
        for (path, surface) in [
            ("/v1.0/engagements/referrals/id/", Surface::Partner),
            ("/v1.0/engagements/referrals/id//", Surface::Partner),
            ("/v1.0/engagements/referrals('id')", Surface::Partner),
            ("/v1.0/engagements/referrals(id)", Surface::Partner),
            ("/v1.0/engagements/referrals(%27id%27)/", Surface::Partner),
            ("/v1.0/engagments/referrals/id", Surface::Partner),
            ("/v1.0/referrals/id", Surface::Partner),
            ("/engagements/v1/referrals/id", Surface::Either),
            ("/engagements/v1/referrals('id')", Surface::Either),
        ] {
            assert_eq!(canonical(path), Some((canonical_path.to_owned(), surface)), "{path}");
        }
        assert_eq!(
            canonical("/v1.0/referrals/"),
            Some(("/v1.0/engagements/referrals".to_owned(), Surface::Partner))
        );
        for path in ["/v1.0/engagements/%24batch", "/v1.0/engagments/$batch", "/v1.0/engagements/$batch/"] {
            let batch = "/v1.0/engagements/$batch".to_owned();
            assert_eq!(canonical(path), Some((batch, Surface::Partner)), "{path}");
        }
        assert_eq!(
            canonical("/v1.0/engagements/referrals/%24count"),
            Some(("/v1.0/engagements/referrals/$count".to_owned(), Surface::Partner))
        );
    }

    #[test]
    fn the_service_and_its_metadata_are_found_in_every_spelling() {
        for (path, canonical_path) in [
            ("/v1.0/engagements/", "/v1.0/engagements"),
            ("/v1.0/engagements//", "/v1.0/engagements"),
            ("/v1.0/engagments", "/v1.0/engagements"),
            ("/v1.0/engagements/%24metadata", "/v1.0/engagements/$metadata"),
            ("/v1.0/engagements/$metadata/", "/v1.0/engagements/$metadata"),
            ("/v1.0/engagments/$metadata", "/v1.0/engagements/$metadata"),
        ] {
            assert_eq!(canonical(path), Some((canonical_path.to_owned(), Surface::Partner)), "{path}");
        }
    }

    #[test]
    fn the_registration_is_found_in_any_case() {
        for (path, canonical_path) in [
            ("/webhooks/v1/registration", "/webhooks/v1/registration"),
            ("/Webhooks/v1/Registration/", "/webhooks/v1/registration"),
            ("/webhooks/v1/registration/EVENTS", "/webhooks/v1/registration/events"),
            (
                "/webhooks/v1/registration/validationevents/Id/",
                "/webhooks/v1/registration/validationEvents/Id",
            ),
            ("/webhooks/v1/registration/eventsx", "/webhooks/v1/registration/eventsx"),
        ] {
            assert_eq!(canonical(path), Some((canonical_path.to_owned(), Surface::PartnerCenter)), "{path}");
        }
        assert_eq!(canonical("/webhooks/v1/registrations"), None);
    }

    #[test]
    fn other_paths_are_left_alone() {
        for path in [
            "/v1.0/engagements/referrals",
            "/v1.0/engagements/referrals/id",
            "/v1.0/engagements/referralsx",
            "/v1.0/engagements/$batch",
            "/v1.0/engagements",
            "/v1.0/engagements/$metadata",
            "/v1.0/engagements/organization",
            "/v1.0/engagementsx",
            "/common/oauth2/token/",
            "/",
        ] {
            assert_eq!(canonical(path), None, "{path}");
        }
    }
}
