//! `liaison sandbox fault` and `liaison log`: a fault is put in force, seen, explained and taken away.

use std::process::{Child, Stdio};

use rstest::rstest;
use serde_json::Value;

use super::{Place, curl, wait_for};
use crate::world::*;

/// A program that is killed when its test ends.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn what_goes_wrong_on_demand_is_followed_in_the_log(#[case] backend: Backend) {
    let place = Place::new(backend).await;
    let server = place.serve(&["--sandbox"]);
    let token = place.ok(&["token"]);
    let har = place.folder.path().join("calls.har");
    let mut command = place.command(&["log"]);
    let following = command
        .args(["--follow", "--json", "--har"])
        .arg(&har)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let _following = Killed(following);

    let fault = ["sandbox", "fault"];
    let with = |more: &[&'static str]| [&fault[..], more].concat();
    let added = place.ok(&with(&["add", "throttled", "--organization", "contoso", "--count", "1"]));
    let (status, _) = server.create(&token);
    let listed = place.ok(&with(&["list"]));
    let printed = place.ok(&["log"]);

    assert_eq!(status, 429);
    assert!(added.starts_with("In force: f1    throttled  organization 7d23e5ca"), "{added}");
    assert!(listed.contains("retryAfterSecs 1  0 more  struck 1"), "{listed}");
    for said in [" 429 POST   /v1.0/engagements/referrals ", "fault f1; kind=throttled", "→ wait as long as"]
    {
        assert!(printed.contains(said), "{said} in {printed}");
    }
    wait_for("the archive", || {
        let written = std::fs::read(&har).unwrap_or_default();
        let archive: Value = serde_json::from_slice(&written).unwrap_or_default();
        let entries = archive["log"]["entries"].as_array().cloned().unwrap_or_default();
        entries.iter().any(|it| it["response"]["status"] == 429 && it["_fault"] == "f1; kind=throttled")
    });
    let refused = place.run(&with(&["add", "throttled", "--route", "/nowhere", "--delay-ms", "5"]));
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(said.contains("route: nothing is served at /nowhere") && said.contains("delayMs:"), "{said}");
    let gone = place.run(&with(&["clear", "f7"]));
    assert!(String::from_utf8(gone.stderr).unwrap().contains("no fault has this id"));
    assert_eq!(place.ok(&with(&["clear"])), "No fault is in force.\n");
    assert_eq!(place.ok(&with(&["list"])), "No fault is in force.\n");
    assert_eq!(server.create(&token).0, 200);
    server.stop();
    if backend == Backend::Sqlite {
        let alone = place.run(&with(&["list"]));
        assert!(String::from_utf8(alone.stderr).unwrap().contains("no server is running"));
    }
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn an_answer_that_is_cut_off_is_a_reset_for_other_programs(#[case] backend: Backend) {
    let place = Place::new(backend).await;
    let server = place.serve(&["--sandbox"]);
    place.ok(&["sandbox", "fault", "add", "cutAnswer", "--route", "/v1.0/engagements/*", "--count", "1"]);
    let url = format!("{}/v1.0/engagements", server.base_url);

    assert_eq!(curl(&[&url]), None, "nothing comes");
    assert_eq!(curl(&[&url]).unwrap().0, 200);
    server.stop();
}
