//! Tests of the outermost checks.

use std::{
    collections::VecDeque,
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};

use http::Request;
use http_body::Frame;
use http_body_util::{Empty, Full};

use super::*;
use crate::config::Sources;

fn config() -> Config {
    Config::load(&Sources { environment: Some(Default::default()), ..Sources::default() }).unwrap()
}

fn hosts(allowed: &[&str], public_url: &str) -> Hosts {
    let mut config = config();
    config.hosts_allowed = allowed.iter().map(|it| (*it).to_owned()).collect();
    Hosts::new(&config, public_url, "10.0.0.7:8080".parse().unwrap())
}

fn parts(request: http::request::Builder) -> Parts {
    request.body(()).unwrap().into_parts().0
}

#[test]
fn the_usual_hosts_are_answered_and_others_are_not() {
    let hosts = hosts(&[], "https://Referrals.example");

    for host in [
        "referrals.example",
        "REFERRALS.EXAMPLE:443",
        "localhost:8080",
        "127.0.0.1",
        "[::1]:8080",
        "10.0.0.7:8080",
    ] {
        assert!(hosts.allows(host), "{host}");
    }
    for host in ["evil.example", "10.0.0.7", "10.0.0.7:1", "", "localhost.evil.example", "[::2]:8080"] {
        assert!(!hosts.allows(host), "{host}");
    }
}

#[test]
fn configured_hosts_replace_the_usual_ones() {
    let hosts = hosts(&["a.example", "b.example:8443"], "https://referrals.example");

    assert!(hosts.allows("a.example:1"));
    assert!(hosts.allows("b.example:8443"));
    assert!(!hosts.allows("b.example"));
    assert!(!hosts.allows("referrals.example"));
}

#[test]
fn a_star_switches_the_host_check_off() {
    assert!(hosts(&["*"], "").check(&parts(Request::builder())).is_ok());
}

#[test]
fn a_missing_or_repeated_host_is_misdirected() {
    let hosts = hosts(&[], "http://localhost");
    let none = Request::builder();
    let two = Request::builder().header("host", "localhost").header("host", "localhost");

    for request in [none, two] {
        assert_eq!(hosts.check(&parts(request)).unwrap_err().status(), StatusCode::MISDIRECTED_REQUEST);
    }
    assert!(hosts.check(&parts(Request::builder().header("host", "localhost"))).is_ok());
}

#[test]
fn an_absolute_target_counts_instead_of_the_host_header() {
    let request = Request::builder().uri("http://evil.example/x").header("host", "localhost");

    assert!(hosts(&[], "http://localhost").check(&parts(request)).is_err());
}

#[test]
fn heads_past_the_limits_have_their_own_status() {
    let limits = config().limits;
    let long_url = Request::builder().uri(format!("/{}", "a".repeat(limits.url_bytes_max)));
    let many = (0..=limits.headers_max).fold(Request::builder(), |it, n| it.header(format!("x-{n}"), "1"));
    let large = Request::builder().header("x", "a".repeat(limits.header_bytes_max));

    let status = |request| check_head(&parts(request), &limits).unwrap_err().status();

    assert_eq!(status(long_url), StatusCode::URI_TOO_LONG);
    assert_eq!(status(many), StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
    assert_eq!(status(large), StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
    assert!(check_head(&parts(Request::builder().uri("/")), &limits).is_ok());
}

#[test]
fn ids_are_echoed_when_they_are_short_and_visible() {
    let random = Random::new(|buffer| buffer.fill(7));
    let request = Request::builder()
        .header("client-request-id", "7b1")
        .header("MS-CorrelationId", "a b")
        .header("MS-RequestId", "x".repeat(129));
    let info = RequestInfo::new(&parts(request).headers, &random);
    info.note_rate(RateState { limit: 60, remaining: 3, reset_secs: 57 });

    let mut headers = HeaderMap::new();
    info.write(&mut headers);

    assert_eq!(headers["client-request-id"], "7b1");
    assert_eq!(headers["request-id"], "07070707-0707-4707-8707-070707070707");
    assert_eq!(headers["ratelimit-remaining"], "3");
    assert!(!headers.contains_key("ms-correlationid"));
    assert!(!headers.contains_key("ms-requestid"));
}

/// A body in pieces that may announce its size, and never ends when told so.
struct Pieces {
    pieces: VecDeque<&'static [u8]>,
    never_ends: bool,
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match self.pieces.pop_front() {
            Some(piece) => Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(piece))))),
            None if self.never_ends => Poll::Pending,
            None => Poll::Ready(None),
        }
    }
}

fn pieces(pieces: &[&'static [u8]]) -> Pieces {
    Pieces { pieces: pieces.iter().copied().collect(), never_ends: false }
}

#[tokio::test]
async fn a_body_arrives_whole_in_any_number_of_pieces() {
    let limits = config().limits;

    assert_eq!(read_body(Empty::<Bytes>::new(), &limits).await.unwrap(), "");
    assert_eq!(read_body(pieces(&[b"abc"]), &limits).await.unwrap(), "abc");
    assert_eq!(read_body(pieces(&[b"a", b"", b"bc", b"d"]), &limits).await.unwrap(), "abcd");
}

#[tokio::test]
async fn a_large_body_is_refused_whether_announced_or_not() {
    let limits = Limits { body_bytes_max: 3, ..config().limits };

    let announced = read_body(Full::new(Bytes::from_static(b"abcd")), &limits).await.unwrap_err();
    let found = read_body(pieces(&[b"ab", b"cd"]), &limits).await.unwrap_err();

    assert_eq!(announced.status(), StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(found.status(), StatusCode::PAYLOAD_TOO_LARGE);
    assert!(read_body(pieces(&[b"ab", b"c"]), &limits).await.is_ok());
}

#[tokio::test]
async fn a_body_below_the_rate_floor_times_out() {
    let limits = Limits { body_bytes_per_sec_min: 1_000_000, ..config().limits };
    let body = Pieces { pieces: [&b"a"[..]].into(), never_ends: true };

    let error = read_body_with_grace(body, &limits, Duration::ZERO).await.unwrap_err();

    assert_eq!(error.status(), StatusCode::REQUEST_TIMEOUT);
}

#[test]
fn a_throttled_caller_is_told_when_to_come_back() {
    let rates = RateLimits::new(1, 0);
    let info = RequestInfo::new(&HeaderMap::new(), &Random::new(|_| ()));
    let check = || check_rate(&rates, &info, &OrganizationId::msft(), &"app".to_owned());

    assert!(check().is_ok());
    let error = check().unwrap_err();

    assert_eq!(error.status(), StatusCode::TOO_MANY_REQUESTS);
}
