//! If-Match in every spelling, what a 412 shows, what is merged, and the spellings of paths.

use http::Method;
use liaison::domain::change::SALT_BYTES;
use rstest::rstest;

use super::*;

async fn own(world: &World) -> (String, String) {
    let created = world.post(ALEX, own_deal()).await.created();
    (text(&created, "/id").to_owned(), text(&created, "/eTag").to_owned())
}

const MERGE: (&str, &str) = ("prefer", "resolution=merge, return=representation, report=changes");

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn the_current_version_is_named_in_many_spellings(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let (id, _) = own(&world).await;
    type Spell = fn(&str) -> String;
    let spellings: [Spell; 10] = [
        |tag| tag.to_owned(),
        |tag| tag.trim_matches('"').to_owned(),
        |tag| format!("W/{tag}"),
        |tag| tag.to_uppercase(),
        |tag| format!("  {tag}  "),
        |_| "*".to_owned(),
        |_| " * ".to_owned(),
        |tag| format!("\"00000001-0000-0000-0000-000000010000\", {tag}"),
        |tag| format!("garbage,{tag}"),
        // What the caller saw does not decide.
        |tag| edited_groups(tag),
    ];
    for spell in spellings {
        let tag = text(&read(&world, ALEX, &id).await, "/eTag").to_owned();
        let sent = spell(&tag);

        let put = world.put(ALEX, &id, &[("if-match", &sent)], json!({"name": "Put"})).await;
        let sent = spell(put.header("etag"));
        let patched =
            world.patch(ALEX, &id, &[("if-match", &sent)], replace("/name", "Patched".into())).await;
        let sent = spell(patched.header("etag"));
        let marked = world.patch(ALEX, &id, &[("if-match", &sent)], replace("/favorite", true.into())).await;

        assert_eq!(put.status, StatusCode::OK, "{sent}: {}", put.text());
        assert_eq!(patched.status, StatusCode::NO_CONTENT, "{sent}: {}", patched.text());
        assert_eq!(marked.status, StatusCode::NO_CONTENT, "{sent}: {}", marked.text());
    }
    let tag = text(&read(&world, ALEX, &id).await, "/eTag").to_owned();
    let two_lines = [("if-match", "\"x\""), ("if-match", &*tag)];
    assert_eq!(world.put(ALEX, &id, &two_lines, "{}").await.status, StatusCode::OK);
    let path = format!("{REFERRALS}/{id}/win");
    let tag = text(&read(&world, ALEX, &id).await, "/eTag").to_owned();
    let won = post_path(&world, ALEX, &path, &[("if-match", tag.trim_matches('"'))], "").await;
    assert_eq!(won.created()["substatus"], "Won");
}

fn edited_groups(tag: &str) -> String {
    let mut groups: Vec<&str> = tag.split('-').collect();
    groups[1] = "00f0";
    groups[3] = "0001";
    groups.join("-")
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn what_names_no_version_of_the_record_is_refused(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let (_, others) = own(&world).await;
    world.advance_secs(5);
    let (id, first) = own(&world).await;
    world.advance_secs(5);
    world.patch(ALEX, &id, &[], replace("/name", "Theirs".into())).await;
    let current = text(&read(&world, ALEX, &id).await, "/eTag").to_owned();
    let future = current.replace("00000002-", "00000003-");
    let never = first.replace("00000001-", "00000000-");
    for sent in ["garbage", "\"\"", "", "\"*\"", ",", &others, &future, &never, &current[..20]] {
        let headers = [("if-match", sent), MERGE];
        for answer in [
            world.put(ALEX, &id, &headers, json!({"name": "Mine"})).await,
            world.patch(ALEX, &id, &headers, replace("/name", "Mine".into())).await,
            world.patch(ALEX, &id, &headers, replace("/favorite", true.into())).await,
            post_path(&world, ALEX, &format!("{REFERRALS}/{id}/win"), &headers, "").await,
        ] {
            assert_eq!(answer.status, StatusCode::PRECONDITION_FAILED, "{sent}: {}", answer.text());
            let error = &answer.json()["error"];
            assert_eq!(
                (text(error, "/code"), text(error, "/innerError/code")),
                ("preconditionFailed", "resourceModified")
            );
            assert_eq!(text(error, "/target"), "If-Match");
            let conflict =
                json!({"eTag": current, "isBaseKnown": false, "isMergeable": false, "members": []});
            assert_eq!(error["conflict"], conflict, "{sent}");
        }
    }
    assert_eq!(text(&read(&world, ALEX, &id).await, "/eTag"), current);
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn a_late_put_and_a_late_action_are_shown_three_sides_too(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let (id, first) = own(&world).await;
    let base = read(&world, ALEX, &id).await;
    world.advance_secs(60);
    let theirs = json!([
        {"op": "replace", "path": "/details/notes", "value": "theirs"},
        {"op": "replace", "path": "/statusReason", "value": "theirs"},
        {"op": "add", "path": "/team/-", "value": {"firstName": "A", "lastName": "B", "phoneNumber": "1", "email": "a@b.example"}},
    ]);
    world.patch(ALEX, &id, &[], theirs).await;
    let current = read(&world, ALEX, &id).await;

    let whole = edited(base.clone(), &[("/details/notes", "yours".into())]);
    let put = world.put(ALEX, &id, &[("if-match", &first)], whole).await;
    let path = format!("{REFERRALS}/{id}/lose");
    let lose =
        post_path(&world, ALEX, &path, &[("if-match", &first)], json!({"statusReason": "yours"})).await;

    let side = |document: &Value, pointer: &str| document.pointer(pointer).unwrap().clone();
    let member = |pointer: &str, yours: Option<&str>| {
        let base = side(&base, pointer);
        json!({"pointer": pointer, "base": base, "yours": yours.map_or(base.clone(), Value::from),
            "theirs": side(&current, pointer), "overlaps": yours.is_some()})
    };
    for (answer, notes, reason) in [(&put, Some("yours"), None), (&lose, None, Some("yours"))] {
        assert_eq!(answer.status, StatusCode::PRECONDITION_FAILED, "{}", answer.text());
        let conflict = answer.json()["error"]["conflict"].clone();
        assert_eq!(conflict["eTag"], current["eTag"]);
        assert_eq!((&conflict["isBaseKnown"], &conflict["isMergeable"]), (&json!(true), &json!(false)));
        let members =
            json!([member("/statusReason", reason), member("/details/notes", notes), member("/team", None)]);
        assert_eq!(conflict["members"], members);
    }
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn lists_are_merged_as_a_whole(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let person = |email: &str| json!({"firstName": "A", "lastName": "B", "phoneNumber": "1", "email": email});
    let join = |email: &str| json!([{"op": "add", "path": "/team/-", "value": person(email)}]);
    let headers =
        |tag: &str| [("if-match".to_owned(), tag.to_owned()), (MERGE.0.to_owned(), MERGE.1.to_owned())];
    let (id, first) = own(&world).await;
    let headers = headers(&first);
    let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (&**name, &**value)).collect();

    // They changed another member: the list is mine.
    world.patch(ALEX, &id, &[], replace("/details/notes", "theirs".into())).await;
    let merged = world.patch(ALEX, &id, &headers, join("one@b.example")).await;
    assert_eq!(
        merged.header("preference-applied"),
        "return=representation, report=changes, resolution=merge"
    );
    let merged = merged.created();
    assert_eq!(
        (text(&merged, "/team/1/email"), text(&merged, "/details/notes")),
        ("one@b.example", "theirs")
    );
    assert_eq!(reported(&merged, "applied"), ["/team"]);

    // The same list on both sides is no conflict, another one is.
    let same = world.patch(ALEX, &id, &headers, join("one@b.example")).await.created();
    assert_eq!(reported(&same, "applied"), [""; 0]);
    let other = world.patch(ALEX, &id, &headers, join("two@b.example")).await;
    assert_eq!(other.status, StatusCode::PRECONDITION_FAILED);
    let members = other.json()["error"]["conflict"]["members"].clone();
    assert_eq!((text(&members[1], "/pointer"), &members[1]["overlaps"]), ("/team", &json!(true)));
    assert_eq!(text(&members[1], "/yours/1/email"), "two@b.example");
    assert_eq!(read(&world, ALEX, &id).await["team"].as_array().unwrap().len(), 2);
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn a_place_in_a_list_is_that_of_the_version_that_was_read(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let two = json!([
        {"firstName": "A", "lastName": "B", "phoneNumber": "1", "email": "a@b.example"},
        {"firstName": "C", "lastName": "D", "phoneNumber": "2", "email": "c@d.example"},
    ]);
    let created = world.post(ALEX, edited(own_deal(), &[("/team", two.clone())])).await.created();
    let (id, first) = (text(&created, "/id"), text(&created, "/eTag"));
    world.patch(ALEX, id, &[], replace("/team", json!([two[1]]))).await;
    let title = replace("/team/1/title", "Seller".into());

    let late = world.patch(ALEX, id, &[("if-match", first), MERGE], &title).await;
    let at_once = world.patch(ALEX, id, &[], &title).await;
    let unsupported = json!([{"op": "remove", "path": "/name"}]);
    let late_and_wrong = world.patch(ALEX, id, &[("if-match", first)], unsupported).await;

    assert_eq!(late.status, StatusCode::PRECONDITION_FAILED, "{}", late.text());
    let member = late.json()["error"]["conflict"]["members"][0].clone();
    assert_eq!((text(&member, "/pointer"), text(&member, "/yours/1/title")), ("/team", "Seller"));
    assert_eq!(refusal(&at_once), ["400 invalidValue patchPlace /0/path"]);
    assert_eq!(refusal(&late_and_wrong)[0], "400 unsupportedPatchOperation patchOperation /0/op");
    // A mark that stands in a late patch is kept when it is merged.
    world.patch(ALEX, id, &[], replace("/team", json!([two[0], two[1]]))).await;
    let both = json!([
        {"op": "replace", "path": "/team/1/title", "value": "Seller"},
        {"op": "replace", "path": "/favorite", "value": true},
    ]);
    let merged = world.patch(ALEX, id, &[("if-match", first), MERGE], both).await.created();
    assert_eq!((text(&merged, "/team/1/title"), &merged["favorite"]), ("Seller", &json!(true)));
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn a_merge_takes_no_step_that_the_table_forbids(#[case] backend: Backend) {
    let world = open(backend).await;
    // They declined what you accept.
    let deal = invite(&world).await;
    let first = text(&read(&world, FAY, &deal.id).await, "/eTag").to_owned();
    world.act(FAY, &deal.id, "decline", json!({"statusReason": "theirs"})).await.created();
    let headers = [("if-match", &*first), MERGE];
    let patched = world.patch(FAY, &deal.id, &headers, to_state("Active", "Accepted")).await;
    assert_eq!(patched.status, StatusCode::PRECONDITION_FAILED, "both moved it: {}", patched.text());
    let acted = post_path(&world, FAY, &format!("{REFERRALS}/{}/accept", deal.id), &headers, "").await;
    assert_eq!(refusal(&acted), ["400 referralClosed closed /status"]);
    let noted = world.patch(FAY, &deal.id, &headers, replace("/details/notes", "x".into())).await;
    assert_eq!(refusal(&noted), ["400 referralClosed closed /status"]);
    assert_eq!(version(&read(&world, FAY, &deal.id).await), 2);
    // They opened what you accept: both can be had.
    let deal = invite(&world).await;
    let first = text(&read(&world, FAY, &deal.id).await, "/eTag").to_owned();
    world.act(FAY, &deal.id, "open", "").await.created();
    let headers = [("if-match", &*first), MERGE];
    let acted =
        post_path(&world, FAY, &format!("{REFERRALS}/{}/accept", deal.id), &headers, json!({"name": "x"}))
            .await;
    assert_eq!(acted.header("preference-applied"), "return=representation, report=changes, resolution=merge");
    assert_eq!(acted.created()["substatus"], "Accepted");
    // They accepted, and your note goes with it; the date of the acceptance stays.
    let headers = [("if-match", &*first), MERGE];
    world.advance_secs(60);
    let noted = world.patch(FAY, &deal.id, &headers, replace("/details/notes", "x".into())).await.created();
    assert_eq!((text(&noted, "/substatus"), text(&noted, "/acceptedDateTime")), ("Accepted", START));
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn a_version_of_which_a_value_was_erased_is_no_base(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let (id, first) = own(&world).await;
    world.patch(ALEX, &id, &[], replace("/details/notes", "theirs".into())).await;
    let mut change = world.log().await.remove(0).change;
    let place = change.differences.iter().position(|it| it.pointer == "/details/notes").unwrap();
    let salt = &mut change.salts[place * SALT_BYTES..(place + 1) * SALT_BYTES];
    change.differences[place].erase(salt);
    let erased = serde_json::to_string(&change.differences).unwrap().replace('\'', "''");
    let sql = format!("UPDATE changes SET differences = '{erased}' WHERE to_version = 1");
    world.database.execute(&sql).await;

    let late = world.patch(ALEX, &id, &[("if-match", &first), MERGE], replace("/name", "Mine".into())).await;

    assert_eq!(late.status, StatusCode::PRECONDITION_FAILED);
    let conflict = late.json()["error"]["conflict"].clone();
    assert_eq!((&conflict["isBaseKnown"], &conflict["members"]), (&json!(false), &json!([])));
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn every_spelling_of_a_path_leads_to_the_same_write(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let (id, _) = own(&world).await;
    let paths = [
        format!("{REFERRALS}/{id}"),
        format!("{REFERRALS}/{id}/"),
        format!("{REFERRALS}/{id}//"),
        format!("{REFERRALS}('{id}')"),
        format!("{REFERRALS}({id})/"),
        format!("{REFERRALS}/{}", id.to_uppercase()),
        format!("/v1.0/engagments/referrals/{id}"),
        format!("/v1.0/referrals/{id}/"),
        format!("/engagements/v1/referrals/{id}"),
        format!("/engagments/v1/referrals('{id}')"),
    ];
    for path in &paths {
        let patched =
            world.send_json(Method::PATCH, ALEX, path, &[], replace("/name", path.as_str().into())).await;
        assert_eq!(patched.status, StatusCode::NO_CONTENT, "{path}: {}", patched.text());
        let tag = patched.header("etag").to_owned();
        let notes = json!({"details": {"notes": path}});
        let put = world.send_json(Method::PUT, ALEX, path, &[("if-match", &tag)], notes).await;
        let put = put.created();
        assert_eq!((text(&put, "/name"), text(&put, "/details/notes")), (&**path, &**path));
        let base = path.trim_end_matches('/');
        let actions = world.get_path(ALEX, &format!("{base}/actions/"), &[]).await;
        assert_eq!(actions.created()["id"], Value::from(id.clone()), "{path}");
        let refused = post_path(&world, ALEX, &format!("{base}/accept"), &[], "").await;
        assert_eq!(refusal(&refused), ["400 invalidStatusTransition transition /status"], "{path}");
    }
    for path in [
        format!("{REFERRALS}/{id}/expire"),
        format!("{REFERRALS}/{id}/steal"),
        format!("{REFERRALS}/{id}/accept/now"),
    ] {
        let nowhere = post_path(&world, ALEX, &path, &[], "").await;
        assert_eq!(refusal(&nowhere), ["404 pathUnknown"], "{path}");
    }
}
