//! The path that a fault is for: segments as they are, `{…}` for any one, `*` at the end for all that follow.

use std::fmt;

use serde::{Serialize, Serializer};

/// The longest route, in characters.
const CHARS_MAX: usize = 512;

/// A path with places that anything may stand in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    text: String,
    segments: Vec<Segment>,
    /// Says whether everything below is meant too.
    is_open: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Segment {
    Plain(String),
    Any,
}

/// Why a text is no route.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RouteError {
    /// It is no path.
    #[error("a route begins with a slash and has no query")]
    NoPath,
    /// A star stands elsewhere.
    #[error("a star stands for all that follows, so it is the last segment and stands there alone")]
    Star,
    /// It is too long.
    #[error("a route has at most {CHARS_MAX} characters")]
    TooLong,
}

impl Route {
    /// Reads a route, such as `/v1.0/engagements/referrals/{id}` or `/v1.0/engagements/*`.
    ///
    /// # Errors
    /// When the text is none.
    pub fn parse(text: &str) -> Result<Self, RouteError> {
        if text.chars().count() > CHARS_MAX {
            return Err(RouteError::TooLong);
        }
        let path =
            text.strip_prefix('/').filter(|it| !it.contains(['?', '#', ' '])).ok_or(RouteError::NoPath)?;
        let (path, is_open) = match path.strip_suffix('*') {
            Some(start) if start.is_empty() || start.ends_with('/') => (start, true),
            Some(_) => return Err(RouteError::Star),
            None => (path, false),
        };
        if path.contains('*') {
            return Err(RouteError::Star);
        }
        let path = path.trim_end_matches('/');
        let segments = match path {
            "" => Vec::new(),
            path => path.split('/').map(Segment::of).collect(),
        };
        Ok(Self { text: text.to_owned(), segments, is_open })
    }

    /// Says whether a path, without its query, is one of this route.
    pub fn matches(&self, path: &str) -> bool {
        let mut sent = path.trim_start_matches('/').split('/').filter(|it| !it.is_empty());
        for segment in &self.segments {
            let Some(sent) = sent.next() else { return false };
            if !segment.is(sent) {
                return false;
            }
        }
        self.is_open || sent.next().is_none()
    }

    /// Says whether a path can be one of both routes.
    pub fn overlaps(&self, other: &Self) -> bool {
        let are_compatible =
            self.segments.iter().zip(&other.segments).all(|(one, other)| match (one, other) {
                (Segment::Plain(one), Segment::Plain(other)) => one == other,
                (Segment::Any, _) | (_, Segment::Any) => true,
            });
        let (own, others) = (self.segments.len(), other.segments.len());
        let reaches = own == others || (own < others && self.is_open) || (own > others && other.is_open);
        are_compatible && reaches
    }
}

impl Segment {
    fn of(text: &str) -> Self {
        match text.starts_with('{') && text.ends_with('}') {
            true => Self::Any,
            false => Self::Plain(text.to_owned()),
        }
    }

    fn is(&self, sent: &str) -> bool {
        match self {
            Self::Plain(text) => text == sent,
            Self::Any => true,
        }
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Serialize for Route {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::{Route, RouteError};

    fn route(text: &str) -> Route {
        Route::parse(text).unwrap()
    }

    #[test]
    fn braces_stand_for_a_segment_and_a_star_for_all_that_follow() {
        for (text, path, expected) in [
            ("/v1.0/engagements/referrals", "/v1.0/engagements/referrals", true),
            ("/v1.0/engagements/referrals", "/v1.0/engagements/referrals/", true),
            ("/v1.0/engagements/referrals", "/v1.0/engagements/referrals/7", false),
            ("/v1.0/engagements/referrals/{id}", "/v1.0/engagements/referrals/7", true),
            ("/v1.0/engagements/referrals/{id}", "/v1.0/engagements/referrals", false),
            ("/v1.0/engagements/referrals/{id}", "/v1.0/engagements/referrals/7/accept", false),
            ("/v1.0/engagements/referrals/*", "/v1.0/engagements/referrals/7/accept", true),
            ("/v1.0/engagements/referrals/*", "/v1.0/engagements/referrals", true),
            ("/v1.0/engagements/referrals/*", "/v1.0/engagements/referralsx", false),
            ("/*", "/common/oauth2/token", true),
        ] {
            assert_eq!(route(text).matches(path), expected, "{text} {path}");
        }
    }

    #[test]
    fn routes_overlap_where_one_path_can_be_both() {
        let served = route("/v1.0/engagements/referrals/{id}/{action}");

        for text in ["/v1.0/engagements/referrals/7/accept", "/v1.0/*", "/{a}/{b}/{c}/{d}/{e}"] {
            assert!(served.overlaps(&route(text)), "{text}");
        }
        for text in ["/v1.0/engagements/referrals/7", "/v2.0/*", "/v1.0/engagements/referrals/7/accept/x/*"] {
            assert!(!served.overlaps(&route(text)), "{text}");
        }
    }

    #[test]
    fn what_is_no_route_is_refused() {
        assert_eq!(Route::parse("v1.0"), Err(RouteError::NoPath));
        assert_eq!(Route::parse("/a?b"), Err(RouteError::NoPath));
        assert_eq!(Route::parse("/a*"), Err(RouteError::Star));
        assert_eq!(Route::parse("/*/a"), Err(RouteError::Star));
        assert_eq!(Route::parse(&format!("/{}", "a".repeat(600))), Err(RouteError::TooLong));
    }
}
