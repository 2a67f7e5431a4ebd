//! PUT and PATCH: what they take, what they leave alone, what they refuse, and what they say about it.

use http::{Method, StatusCode};
use rstest::rstest;
use serde_json::{Value, json};

use crate::world::*;

/// A write by the owner that answers with the document.
const SHOW: (&str, &str) = ("prefer", "return=representation");

fn replace(path: &str, value: Value) -> Value {
    json!([{ "op": "replace", "path": path, "value": value }])
}

async fn own(world: &World) -> Value {
    world.post(ALEX, own_deal()).await.created()
}

/// Returns the document without what every write changes.
fn facts(document: &Value) -> Value {
    let mut document = document.clone();
    for name in ["updatedDateTime", "eTag", "@odata.context", "@liaison.report"] {
        document.as_object_mut().unwrap().shift_remove(name);
    }
    document
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn a_document_is_taken_back_as_it_was_read(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let id = text(&own(&world).await, "/id").to_owned();
    let read = world.get(ALEX, &id).await;
    let before = read.json();

    let headers = [("if-match", read.header("etag")), ("prefer", "handling=strict, report=changes")];
    let written = world.put(ALEX, &id, &headers, &before).await;

    let after = written.created();
    assert_eq!(facts(&after), facts(&before));
    assert_eq!(after["@liaison.report"], json!({"applied": [], "ignored": [], "normalized": []}));
    assert_eq!(written.header("etag"), after["eTag"]);
    assert_ne!(after["eTag"], before["eTag"]);
    assert_eq!(written.header("preference-applied"), "handling=strict, report=changes");
    assert_eq!(facts(&world.get(ALEX, &id).await.json()), facts(&before));
}

/// The members that Microsoft's sample flow sends (2019), with null turned into empty text, and people without what
/// its schema does not know.
fn as_the_flow_sends(read: &Value) -> Value {
    let names = [
        "id",
        "status",
        "substatus",
        "target",
        "customerProfile",
        "eTag",
        "engagementId",
        "organizationId",
        "createdDateTime",
        "qualification",
        "type",
        "consent",
        "details",
        "team",
        "inviteContext",
        "updatedDateTime",
        "expirationDateTime",
        "organizationName",
        "externalReferenceId",
        "name",
    ];
    let mut sent = json!({});
    for name in names {
        sent[name] = read[name].clone();
    }
    for people in ["/team", "/customerProfile/team"] {
        for person in sent.pointer_mut(people).unwrap().as_array_mut().unwrap() {
            person.as_object_mut().unwrap().shift_remove("title");
        }
    }
    nulls_to_texts(&mut sent);
    sent
}

fn nulls_to_texts(value: &mut Value) {
    match value {
        Value::Null => *value = Value::String(String::new()),
        Value::Array(items) => items.iter_mut().for_each(nulls_to_texts),
        Value::Object(members) => members.values_mut().for_each(nulls_to_texts),
        _ => {}
    }
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn what_the_sample_flow_sends_loses_nothing(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let deal = edited(
        own_deal(),
        &[
            ("/campaignId", "spring".into()),
            ("/salesStage", "20".into()),
            ("/team/0/title", "Seller".into()),
            ("/details/dealValue", json!(1234.5)),
        ],
    );
    let id = text(&world.post(ALEX, deal).await.created(), "/id").to_owned();
    let read = world.get(ALEX, &id).await;
    let before = read.json();
    let sent = edited(as_the_flow_sends(&before), &[("/details/notes", "From the flow".into())]);

    let written = world.put(ALEX, &id, &[("if-match", read.header("etag"))], sent).await;

    let expected = edited(before, &[("/details/notes", "From the flow".into())]);
    assert_eq!(facts(&written.created()), facts(&expected));
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn a_put_needs_the_version_that_it_starts_from(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let created = own(&world).await;
    let (id, first) = (text(&created, "/id").to_owned(), text(&created, "/eTag").to_owned());

    let without = world.put(ALEX, &id, &[], &created).await;
    let won = edited(without_links(&created), &[("/status", "Closed".into()), ("/substatus", "Won".into())]);
    let closed = world.put(ALEX, &id, &[("if-match", &first)], &won).await;
    let stale = world.put(ALEX, &id, &[("if-match", &first)], &won).await;

    assert_eq!(without.status, StatusCode::BAD_REQUEST);
    assert_eq!(without.json()["error"]["innerError"]["code"], "ifMatchRequired");
    let closed = closed.created();
    assert_eq!((text(&closed, "/status"), text(&closed, "/substatus")), ("Closed", "Won"));
    assert_eq!(text(&closed, "/closedDateTime"), START);
    assert_eq!(stale.status, StatusCode::PRECONDITION_FAILED);
    assert_eq!(stale.json()["error"]["code"], "preconditionFailed");
}

fn without_links(document: &Value) -> Value {
    without(document.clone(), "/links")
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn a_patch_changes_what_it_names_and_nothing_else(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let before = own(&world).await;
    let id = text(&before, "/id");
    let operations = json!([
        {"op": "replace", "path": "/details/dealValue", "value": "10000"},
        {"op": "Replace", "path": "/CampaignId", "value": "spring"},
        {"op": "add", "path": "/team/-", "value": {"email": "jane.doe@contoso.com", "firstName": "Jane",
            "lastName": "Doe", "phoneNumber": "0000000001"}},
        {"op": "replace", "path": "/Team/0/Title", "value": "Seller"},
    ]);

    let plain = world.patch(ALEX, id, &[], &operations).await;

    assert_eq!((plain.status, plain.text()), (StatusCode::NO_CONTENT, ""));
    assert!(!plain.header("etag").is_empty() && !plain.header("request-id").is_empty());
    let after = world.get(ALEX, id).await.json();
    let mut expected = edited(
        before.clone(),
        &[
            ("/details/dealValue", json!(10000)),
            ("/campaignId", "spring".into()),
            ("/team/0/title", "Seller".into()),
        ],
    );
    let jane = json!({"firstName": "Jane", "lastName": "Doe", "phoneNumber": "0000000001",
        "email": "jane.doe@contoso.com", "title": null,
        "contactPreference": {"locale": null, "disableNotifications": null}});
    expected["team"].as_array_mut().unwrap().push(jane);
    assert_eq!(facts(&after), facts(&expected));
    assert_eq!(plain.header("etag"), after["eTag"]);
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn a_change_does_not_date_the_acceptance_anew(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let before = own(&world).await;
    let id = text(&before, "/id");
    world.advance_secs(60);

    let after = world.patch(ALEX, id, &[SHOW], replace("/details/notes", "later".into())).await.created();

    assert_eq!(text(&after, "/acceptedDateTime"), START);
    assert_eq!(text(&after, "/updatedDateTime"), "2026-11-22T09:31:00.1234567Z");
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn a_patch_is_applied_whole_or_not_at_all(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let before = own(&world).await;
    let id = text(&before, "/id");
    let operations = json!([
        {"op": "replace", "path": "/details/notes", "value": "lost?"},
        {"op": "remove", "path": "/name"},
        {"op": "replace", "path": "/details/currency", "value": "EURO"},
        {"op": "replace", "path": "/id", "value": "x"},
        {"op": "replace", "path": "/customerProfile/name", "value": "x"},
        {"op": "replace", "path": "/team/7/email", "value": "a@b.example"},
        {"op": "add", "path": "/team/-", "value": {"email": "no address"}},
        {"op": "add", "path": "/details/notes"},
        {"op": "add", "path": "details/notes", "value": 1},
        7,
    ]);

    let refused = world.patch(ALEX, id, &[], &operations).await;

    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    assert_eq!(
        refused.problems(),
        [
            "unsupportedPatchOperation /1/op",
            "requiredFieldMissing /1/value",
            "requiredFieldMissing /7/value",
            "invalidValue /9",
            "unsupportedPatchPath /3/path",
            "immutableField /4/path",
            "invalidValue /5/path",
            "unsupportedPatchPath /8/path",
        ]
    );
    assert_eq!(facts(&world.get(ALEX, id).await.json()), facts(&before));

    let values = json!([
        {"op": "replace", "path": "/details/notes", "value": "lost?"},
        {"op": "replace", "path": "/details/currency", "value": "EURO"},
        {"op": "add", "path": "/team/-", "value": {"email": "no address"}},
        {"op": "replace", "path": "/status", "value": "Closed"},
    ]);
    let refused = world.patch(ALEX, id, &[], &values).await;
    let mut problems = refused.problems();
    problems.sort();
    assert_eq!(
        problems,
        [
            "invalidStatusTransition /3/value",
            "invalidValue /1/value",
            "invalidValue /2/value/email",
            "requiredFieldMissing /2/value/firstName",
            "requiredFieldMissing /2/value/lastName",
            "requiredFieldMissing /2/value/phoneNumber",
        ]
    );
    assert_eq!(facts(&world.get(ALEX, id).await.json()), facts(&before));
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn a_plain_object_in_a_patch_is_told_what_to_send(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let created = own(&world).await;
    let id = text(&created, "/id");

    let refused = world.patch(ALEX, id, &[], json!({"name": "x"})).await;

    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    let message = refused.json()["error"]["message"].as_str().unwrap().to_owned();
    assert!(message.contains("array of operations") && message.contains("an object was sent"), "{message}");
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn what_is_preferred_is_followed_and_named(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let id = text(&own(&world).await, "/id").to_owned();
    let notes = |text: &str| replace("/details/notes", text.into());

    let shown = world.patch(ALEX, &id, &[SHOW], notes("a")).await;
    let minimal = world.patch(ALEX, &id, &[("prefer", "return=minimal")], notes("b")).await;
    let reported = world.patch(ALEX, &id, &[("prefer", "report=changes")], notes("c")).await;
    let usual = world.patch(ALEX, &id, &[("content-type", "application/json-patch+json")], notes("d")).await;

    assert_eq!(shown.created()["details"]["notes"], "a");
    assert_eq!(shown.header("preference-applied"), "return=representation");
    assert_eq!(
        (minimal.status, minimal.header("preference-applied")),
        (StatusCode::NO_CONTENT, "return=minimal")
    );
    assert_eq!((usual.status, usual.header("preference-applied")), (StatusCode::NO_CONTENT, ""));
    let report: Value = serde_json::from_str(reported.header("liaison-report")).unwrap();
    assert_eq!(report["applied"], json!([{"target": "/details/notes"}]));
    assert_eq!(reported.status, StatusCode::NO_CONTENT);
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn a_write_that_comes_too_late_is_shown_three_sides(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let created = own(&world).await;
    let (id, first) = (text(&created, "/id"), text(&created, "/eTag"));
    let theirs = json!([
        {"op": "replace", "path": "/details/notes", "value": "theirs"},
        {"op": "replace", "path": "/details/dealValue", "value": 7},
    ]);
    world.patch(ALEX, id, &[], theirs).await;
    let yours = json!([
        {"op": "replace", "path": "/details/notes", "value": "yours"},
        {"op": "replace", "path": "/name", "value": "Mine"},
    ]);

    for (headers, body) in [
        (vec![("if-match", first)], yours.clone()),
        (vec![("if-match", first), ("prefer", "resolution=merge")], yours),
    ] {
        let stale = world.patch(ALEX, id, &headers, body).await;

        assert_eq!(stale.status, StatusCode::PRECONDITION_FAILED);
        let error = &stale.json()["error"];
        assert_eq!(
            (text(error, "/code"), text(error, "/innerError/code")),
            ("preconditionFailed", "resourceModified")
        );
        let member = |pointer: &str, base: Value, yours: Value, theirs: Value, overlaps: bool| json!({"pointer": pointer, "base": base, "yours": yours, "theirs": theirs, "overlaps": overlaps});
        let notes = created["details"]["notes"].clone();
        let expected = json!({
            "eTag": world.get(ALEX, id).await.json()["eTag"], "isBaseKnown": true, "isMergeable": false,
            "members": [
                member("/details/notes", notes, "yours".into(), "theirs".into(), true),
                member("/details/dealValue", json!(50000), json!(50000), json!(7), false),
                member("/name", created["name"].clone(), "Mine".into(), created["name"].clone(), false),
            ]
        });
        assert_eq!(error["conflict"], expected);
    }
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn a_write_that_comes_too_late_is_merged_where_nothing_overlaps(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let created = own(&world).await;
    let (id, first) = (text(&created, "/id"), text(&created, "/eTag"));
    world.patch(ALEX, id, &[], replace("/details/notes", "theirs".into())).await;
    let merge = [("if-match", first), ("prefer", "resolution=merge, return=representation")];

    let merged = world.patch(ALEX, id, &merge, replace("/name", "Mine".into())).await;
    let put = edited(created.clone(), &[("/details/currency", "EUR".into())]);
    let merged_put = world.put(ALEX, id, &merge, put).await;

    assert_eq!(merged.header("preference-applied"), "return=representation, resolution=merge");
    let expected = edited(
        created.clone(),
        &[("/details/notes", "theirs".into()), ("/name", "Mine".into()), ("/details/currency", "EUR".into())],
    );
    assert_eq!(merged.created()["name"], "Mine");
    assert_eq!(facts(&merged_put.created()), facts(&expected));
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn the_version_is_judged_before_the_operations(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let deal = own_deal();
    let second = edited(deal["team"][0].clone(), &[("/email", "second@contoso.example".into())]);
    let mut deal = deal;
    deal["team"].as_array_mut().unwrap().push(second);
    let created = world.post(ALEX, deal).await.created();
    let (id, first) = (text(&created, "/id"), text(&created, "/eTag"));
    let one = created["team"][0].clone();
    world.patch(ALEX, id, &[], replace("/team", json!([one]))).await;

    let stale = world.patch(ALEX, id, &[("if-match", first)], replace("/team/1/title", "x".into())).await;

    assert_eq!(stale.status, StatusCode::PRECONDITION_FAILED, "{}", stale.text());
    assert_eq!(stale.json()["error"]["conflict"]["members"][0]["pointer"], "/team");
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn a_repeated_action_with_the_same_key_is_done_once(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let created = world.post(UGO, FIXTURE).await.created();
    let id = text(&created, "/id");
    let path = format!("{REFERRALS}/{id}/decline");
    let reason = json!({"statusReason": "Not a customer"});
    let key = [("idempotency-key", "once")];

    let first = world.send_json(Method::POST, ALEX, &path, &key, &reason).await;
    let second = world.send_json(Method::POST, ALEX, &path, &key, &reason).await;
    let other = world.send_json(Method::POST, ALEX, &path, &key, json!({"statusReason": "Other"})).await;
    let anew = world.act(ALEX, id, "decline", &reason).await;

    assert_eq!(first.created()["substatus"], "Declined");
    assert_eq!(second.created(), first.json());
    assert_eq!((first.header("idempotency-replayed"), second.header("idempotency-replayed")), ("", "true"));
    assert_eq!(other.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(anew.json()["error"]["innerError"]["code"], "referralClosed");
    assert_eq!(world.log().await.len(), 2);
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn null_clears_texts_and_says_nothing_about_the_rest(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let deal =
        edited(own_deal(), &[("/campaignId", "spring".into()), ("/externalReferenceId", "CRM-1".into())]);
    let created = world.post(ALEX, deal).await.created();
    let id = text(&created, "/id");
    let sent = json!({
        "type": null, "status": "", "substatus": null, "qualification": "", "campaignId": null,
        "externalReferenceId": "", "consent": {"consentToShareReferralWithMicrosoftSellers": null},
        "customerProfile": {"name": null, "size": "", "address": {"city": ""}, "ids": {}},
        "details": {"dealValue": "", "currency": null, "closingDateTime": "", "requirements": null},
        "inviteContext": "", "team": null,
    });

    let written =
        world.put(ALEX, id, &[("if-match", "*"), ("prefer", "report=changes")], sent).await.created();

    assert_eq!(
        written["@liaison.report"]["applied"],
        json!([{"target": "/externalReferenceId"}, {"target": "/campaignId"}])
    );
    let expected = edited(created, &[("/campaignId", Value::Null), ("/externalReferenceId", "".into())]);
    assert_eq!(facts(&written), facts(&expected));
}
