//! Audit records as an operator exports them.

use rstest::rstest;
use serde_json::Value;

use super::{Place, wait_for};
use crate::world::*;

/// Exports lines of JSON and returns what was done, in order.
fn operations(place: &Place, more: &[&str]) -> Vec<String> {
    let words = [&["audit", "export", "--since", "2020-01-01"], more].concat();
    let lines = place.ok(&words);
    let records = lines.lines().map(|it| serde_json::from_str::<Value>(it).unwrap());
    records.map(|it| text(&it, "/operationType").to_owned()).collect()
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn an_export_beside_a_running_server_is_written_down_too(#[case] backend: Backend) {
    let place = Place::new(backend).await;
    let server = place.serve(&["--sandbox"]);
    let email = "zoe@contoso.example";
    let user = ["user", "add", "--organization", "contoso", "--email", email, "--name", "Zoe"];
    place.ok(&[&user[..], &["--role", "referrals-user"]].concat());
    assert_eq!(server.create(&place.ok(&["token"])).0, 200);
    assert_eq!(server.create("garbage").0, 401);

    let contoso = ["--organization", "contoso"];
    assert_eq!(operations(&place, &contoso), ["create_user", "create_referral"]);
    assert_eq!(operations(&place, &contoso).last().unwrap(), "export_audit_record");
    // A server on PostgreSQL is not asked, and writes its counts down every few seconds.
    wait_for("the refusal", || operations(&place, &[]).contains(&"refuse_request".to_owned()));
    let everywhere = operations(&place, &[]);
    assert!(
        everywhere.contains(&"create_user".to_owned()) && !everywhere.contains(&"create_referral".to_owned())
    );

    let file = place.folder.path().join("audit.csv");
    let words = ["audit", "export", "--since", "2020-01-01", "--format", "csv", "--output"];
    let said = place.ok(&[&words[..], &[file.to_str().unwrap()], &contoso].concat());
    assert!(said.starts_with("4 audit records were written to "), "{said}");
    let csv = std::fs::read_to_string(&file).unwrap();
    assert!(csv.starts_with("operationDate,"), "{csv}");
    let wrong = place.run(&["audit", "export", "--since", "yesterday"]);
    let why = String::from_utf8(wrong.stderr).unwrap();
    assert!(why.contains("send a day such as 2026-11-01, or a time"), "{why}");
    server.stop();
}
