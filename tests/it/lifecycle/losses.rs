//! Nothing is lost without a word: the report of every write, the strict refusal, and judging without storing.

use http::Method;
use rstest::rstest;

use super::*;

const STRICT: (&str, &str) = ("prefer", "handling=strict");

/// Members without effect, beside some that have one and some in another spelling.
fn mixed() -> Value {
    json!({
        "Name": "New name", "foo": 1, "favorite": true, "quality": "High", "eTag": "x",
        "details": {"dealValue": "77", "notes": "New notes", "color": "red"},
        "team": [{"firstName": "A", "lastName": "B", "phoneNumber": "1", "email": " a@b.example ", "shoe": 44}],
    })
}

const IGNORED: [&str; 6] = [
    "/details/color unknownMember",
    "/eTag readOnlyMember",
    "/favorite readOnlyMember",
    "/foo unknownMember",
    "/quality readOnlyMember",
    "/team/0/shoe unknownMember",
];
const NORMALIZED: [&str; 3] =
    ["/details/dealValue textToNumber", "/name memberName", "/team/0/email trimmed"];

fn sorted(mut lines: Vec<String>) -> Vec<String> {
    lines.sort();
    lines
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn every_write_says_what_it_did_with_each_member(#[case] backend: Backend) {
    let world = open(backend).await;
    let deal = bring(&world, "Received").await;
    let tag = text(&read(&world, FAY, &deal.id).await, "/eTag").to_owned();
    let path = format!("{REFERRALS}/{}", deal.id);

    let put = world.put(FAY, &deal.id, &[("if-match", &tag), REPORTED], mixed()).await;
    let acted = post_path(
        &world,
        FAY,
        &format!("{path}/accept"),
        &[REPORTED],
        edited(
            mixed(),
            &[("/Name", "Third".into()), ("/status", "New".into()), ("/substatus", "Pending".into())],
        ),
    )
    .await;
    let made = world
        .post_with(ALEX, &[REPORTED], edited(own_deal(), &[("/foo", json!(1)), ("/id", json!(7))]))
        .await;

    let applied = ["/details/dealValue", "/details/notes", "/name", "/team"];
    for (answer, more, changed) in [
        (&put, &[][..], &applied[..]),
        (&acted, &["/status actionDecides", "/substatus actionDecides"], &["/name", "/status", "/substatus"]),
    ] {
        let document = answer.created();
        let ignored: Vec<&str> = IGNORED.iter().chain(more).copied().collect();
        assert_eq!(
            sorted(reported(&document, "ignored")),
            sorted(ignored.iter().map(ToString::to_string).collect())
        );
        assert_eq!(sorted(reported(&document, "normalized")), NORMALIZED);
        assert_eq!(sorted(reported(&document, "applied")), changed);
        assert_eq!(answer.header("preference-applied"), "return=representation, report=changes");
    }
    let made = made.created();
    assert_eq!(sorted(reported(&made, "ignored")), ["/foo unknownMember", "/id readOnlyMember"]);
    assert!(reported(&made, "applied").contains(&"/details/dealValue".to_owned()), "{made}");
    let document = read(&world, FAY, &deal.id).await;
    assert_eq!(document.get("@liaison.report"), None, "a read reports nothing");
    // The log has it, whether the caller asks or not.
    let log = world.log().await;
    let logged = log.iter().rev().find(|it| it.change.action.as_str() == "accept").unwrap();
    assert_eq!(logged.change.ignored.len(), IGNORED.len() + 2);
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn an_answer_without_a_body_reports_in_its_head(#[case] backend: Backend) {
    let world = open(backend).await;
    let deal = bring(&world, "Received").await;
    let tag = text(&read(&world, FAY, &deal.id).await, "/eTag").to_owned();
    let minimal = ("prefer", "return=minimal, report=changes");

    let put = world.put(FAY, &deal.id, &[("if-match", &tag), minimal], mixed()).await;
    let patched = world.patch(FAY, &deal.id, &[minimal], replace("/details/dealValue", "78".into())).await;
    let acted = post_path(&world, FAY, &format!("{REFERRALS}/{}/accept", deal.id), &[minimal], "").await;
    let without = world.patch(FAY, &deal.id, &[], replace("/details/dealValue", "79".into())).await;

    for answer in [&put, &patched, &acted] {
        assert_eq!((answer.status, answer.text()), (StatusCode::NO_CONTENT, ""));
        assert_eq!(answer.header("preference-applied"), "return=minimal, report=changes");
    }
    let report = |answer: &Answer| -> Value {
        json!({"@liaison.report": serde_json::from_str::<Value>(answer.header("liaison-report")).unwrap()})
    };
    assert_eq!(sorted(reported(&report(&put), "ignored")), IGNORED);
    assert_eq!(sorted(reported(&report(&put), "normalized")), NORMALIZED);
    assert_eq!(reported(&report(&patched), "applied"), ["/details/dealValue"]);
    assert_eq!(reported(&report(&patched), "normalized"), ["/0/value textToNumber"], "in the request");
    assert_eq!(sorted(reported(&report(&acted), "applied")), ["/status", "/substatus"]);
    assert_eq!(without.header("liaison-report"), "");
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn a_strict_caller_is_refused_where_others_are_told(#[case] backend: Backend) {
    let world = open(backend).await;
    let deal = bring(&world, "Received").await;
    let before = read(&world, FAY, &deal.id).await;
    let tag = text(&before, "/eTag").to_owned();
    let path = format!("{REFERRALS}/{}", deal.id);
    let member = |pointer: &str, value: Value| {
        let names: Vec<&str> = pointer.trim_start_matches('/').split('/').collect();
        names.iter().rev().fold(value, |below, name| json!({ *name: below }))
    };
    for (pointer, value) in [
        ("/id", json!(CONTOSO)),
        ("/createdDateTime", json!("2020-01-01T00:00:00Z")),
        ("/favorite", json!(true)),
        ("/eTag", json!("x")),
        ("/links", json!({})),
        ("/registrations", json!([{}])),
        ("/organizationId", json!(CONTOSO)),
        ("/foo", json!(1)),
        ("/details/foo", Value::Null),
    ] {
        let body = member(pointer, value);
        let put = world.put(FAY, &deal.id, &[("if-match", &tag), STRICT], &body).await;
        let acted = post_path(&world, FAY, &format!("{path}/accept"), &[STRICT], &body).await;
        let expected = [format!("400 memberIgnored strict {pointer}")];
        assert_eq!(refusal(&put), expected);
        assert_eq!(refusal(&acted), expected);
    }
    let with_state = json!({"status": "Active", "substatus": "Accepted"});
    let acted = post_path(&world, FAY, &format!("{path}/accept"), &[STRICT], with_state).await;
    let expected = ["/status", "/substatus"].map(|it| format!("400 memberIgnored strict {it}"));
    assert_eq!(sorted(refusal(&acted)), expected);
    let shoe = json!([{"op": "replace", "path": "/team/0", "value": {"firstName": "A", "lastName": "B",
        "phoneNumber": "1", "email": "a@b.example", "shoe": 44}}]);
    let patched = world.patch(FAY, &deal.id, &[STRICT], shoe).await;
    assert_eq!(refusal(&patched), ["400 memberIgnored strict /0/value/shoe"]);
    assert_eq!(read(&world, FAY, &deal.id).await, before);

    let rows = world.stored().await.len();
    let none = json!([{"type": "None", "id": ""}, {"type": "BusinessProfileLocation", "id": "msft"}]);
    for (edit, expected) in [
        (("/foo", json!(1)), "/foo"),
        (("/links", json!({})), "/links"),
        (("/target", none), "/target/0"),
        (("/organizationId", json!("msft")), "/organizationId"),
    ] {
        let target = json!([{"type": "BusinessProfileLocation", "id": "msft"}]);
        let sent = edited(own_deal(), &[("/target", target), edit]);
        let made = world.post_with(ALEX, &[STRICT], sent).await;
        assert_eq!(refusal(&made), [format!("400 memberIgnored strict {expected}")]);
    }
    assert_eq!(world.stored().await.len(), rows);
    // What is as it was read is no attempt to change it.
    let whole = world.put(FAY, &deal.id, &[("if-match", &tag), STRICT], &before).await;
    assert_eq!(whole.status, StatusCode::OK, "{}", whole.text());
}

const TABLES: [&str; 6] =
    ["referrals", "changes", "idempotency", "favorites", "referral_team", "changes_pending"];

async fn rows(world: &World, backend: Backend) -> Vec<i64> {
    let mut rows = Vec::new();
    for table in TABLES.iter().filter(|it| backend == Backend::Postgres || **it != "changes_pending") {
        world.store.settle().await.unwrap();
        rows.push(world.database.count(table).await);
    }
    rows
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn what_is_only_judged_is_answered_as_if_it_were_done(#[case] backend: Backend) {
    let world = open(backend).await;
    let deal = bring(&world, "Received").await;
    let path = format!("{REFERRALS}/{}", deal.id);
    let tag = |document: &Value| text(document, "/eTag").to_owned();
    let lost = to_state("Closed", "Lost");
    for (method, path, body) in [
        (Method::PUT, path.clone(), mixed().to_string()),
        (Method::PATCH, path.clone(), replace("/details/notes", "judged".into()).to_string()),
        (Method::PATCH, path.clone(), replace("/favorite", true.into()).to_string()),
        (Method::POST, format!("{path}/accept"), json!({"campaignId": "spring"}).to_string()),
        (Method::PATCH, path.clone(), lost.to_string()),
    ] {
        let before = read(&world, FAY, &deal.id).await;
        let counted = rows(&world, backend).await;
        let current = tag(&before);
        let headers = [("if-match", &*current), REPORTED, ("idempotency-key", "judged")];
        let judging = format!("{path}?validateOnly=true");

        let judged = world.send_json(method.clone(), FAY, &judging, &headers, &body).await;

        assert_eq!(rows(&world, backend).await, counted, "{method} {body}");
        assert_eq!(read(&world, FAY, &deal.id).await, before, "{method} {body}");
        assert_eq!(judged.header("etag"), "", "there is no such version yet");
        let done = world.send_json(method.clone(), FAY, &path, &headers, &body).await;
        assert_eq!(judged.status, done.status, "{method} {body}: {}", judged.text());
        assert_eq!(judged.created(), done.created(), "{method} {body}");
        assert_ne!(read(&world, FAY, &deal.id).await, before, "{method} {body}");
    }
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn a_create_that_is_only_judged_makes_nothing(#[case] backend: Backend) {
    let world = open(backend).await;
    let own = world.post(ALEX, own_deal()).await.created();
    let connect = edited(to_location(FABRIKAMS), &[("/engagementId", own["engagementId"].clone())]);
    let judging = format!("{REFERRALS}?validateOnly=true");
    let headers = [REPORTED, ("idempotency-key", "once")];
    let counted = rows(&world, backend).await;

    let judged = post_path(&world, ALEX, &judging, &headers, &connect).await;

    assert_eq!(rows(&world, backend).await, counted);
    assert_eq!((judged.header("etag"), judged.header("location")), ("", ""));
    assert_not_found(&world.get(ALEX, text(&judged.created(), "/id")).await);
    assert_eq!(read(&world, ALEX, text(&own, "/id")).await["type"], "Independent");
    let done = post_path(&world, ALEX, REFERRALS, &headers, &connect).await;
    assert_eq!(done.header("idempotency-replayed"), "", "the key was not used up");
    let known = |answer: &Answer| without(facts(&answer.created()), "/id");
    assert_eq!(known(&judged), known(&done));
    // Refusals are the same, too.
    let again = post_path(&world, ALEX, &judging, &[], &connect).await;
    let really = post_path(&world, ALEX, REFERRALS, &[], &connect).await;
    assert_eq!((again.status, again.text()), (really.status, really.text()));
    assert_eq!(refusal(&again), ["409 alreadyParty"]);
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn what_is_only_judged_is_refused_as_if_it_were_done(#[case] backend: Backend) {
    let world = open(backend).await;
    let deal = bring(&world, "Received").await;
    let path = format!("{REFERRALS}/{}", deal.id);
    let stale = ("if-match", "\"00000001-0000-0000-0000-000000010000\"");
    for (method, email, path, headers, body) in [
        (Method::PUT, FAY, path.clone(), vec![], "{}".to_owned()),
        (Method::PUT, FAY, path.clone(), vec![stale], "{}".to_owned()),
        (Method::PUT, FAY, path.clone(), vec![("if-match", "*"), STRICT], mixed().to_string()),
        (Method::PUT, ALEX, path.clone(), vec![("if-match", "*")], "{}".to_owned()),
        (Method::PATCH, FAY, path.clone(), vec![], to_state("Closed", "Won").to_string()),
        (Method::PATCH, FAY, path.clone(), vec![], replace("/details/currency", "EURO".into()).to_string()),
        (Method::PATCH, MIA, path.clone(), vec![], replace("/favorite", true.into()).to_string()),
        (Method::POST, FAY, format!("{path}/decline"), vec![], String::new()),
        (Method::POST, FAY, format!("{path}/win"), vec![], String::new()),
        (Method::POST, NORA, format!("{path}/withdraw"), vec![], String::new()),
    ] {
        let judged =
            world.send_json(method.clone(), email, &format!("{path}?validateOnly"), &headers, &body).await;
        let done = world.send_json(method.clone(), email, &path, &headers, &body).await;

        assert!(done.status.is_client_error(), "{method} {path} {body}");
        assert_eq!((judged.status, judged.text()), (done.status, done.text()), "{method} {path} {body}");
    }
    for query in ["validateOnly=yes", "validateOnly=1", "validateOnly=true&validateOnly=true"] {
        let answer = world.send_json(Method::POST, FAY, &format!("{path}/accept?{query}"), &[], "").await;
        assert_eq!(refusal(&answer), ["400 invalidQueryOption"], "{query}: a doubt is no order");
    }
    assert_eq!(read(&world, FAY, &deal.id).await["substatus"], "Received");
    let no = world.send_json(Method::POST, FAY, &format!("{path}/accept?validateOnly=False"), &[], "").await;
    assert_eq!(no.created()["substatus"], "Accepted");
}
