//! The list of a person, what it says of what, and how it is read.

use http::Method;
use liaison::domain::organization::{LocationScope, Role};
use rstest::rstest;
use serde_json::json;

use super::*;
use crate::world::*;

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn a_list_is_paged_and_read_one_by_one_or_up_to_a_cursor(#[case] backend: Backend) {
    let world = World::open(backend).await;
    for number in 0..53 {
        invite(&world, ALEX, &format!("Deal {number}"), nobody()).await;
        if number == 50 {
            notice(&world).await;
        }
    }
    notice(&world).await;

    let first = list(&world, FAY, "").await;
    assert_eq!((first["value"].as_array().unwrap().len(), &first["unreadCount"]), (50, &json!(53)));
    let mut newest: Vec<_> = (0..2).map(|it| text(&first, &format!("/value/{it}/referral/name"))).collect();
    newest.sort_unstable();
    assert_eq!(newest, ["Deal 51", "Deal 52"]);
    let next = text(&first, "/@odata.nextLink").strip_prefix(PUBLIC_URL).unwrap().to_owned();
    let second = world.get_path(FAY, &next, &[]).await.json();
    assert_eq!(second["value"].as_array().unwrap().len(), 3);
    assert!(second.get("@odata.nextLink").is_none());
    let foreign = world.get_path(UGO, &next, &[]).await;
    assert_eq!(
        (foreign.status.as_u16(), text(&foreign.json(), "/error/innerError/code")),
        (400, "invalidPageToken")
    );

    // One, another time the same, and what is another's.
    let id = text(&first, "/value/0/id");
    let read = format!("{NOTICES}/{id}/read");
    for _ in 0..2 {
        assert_eq!(world.send_json(Method::POST, FAY, &read, &[], "").await.status, 204);
    }
    assert_eq!(world.send_json(Method::POST, ALEX, &read, &[], "").await.status, 404);
    let unread = list(&world, FAY, "?unread=true").await;
    assert_eq!(unread["unreadCount"], 52);
    assert!(
        unread["value"].as_array().unwrap().iter().all(|it| it["id"] != id && it["readDateTime"].is_null())
    );

    // Everything up to the second page: what is newer stays.
    let read = |until: Value| async {
        world.send_json(Method::POST, FAY, &format!("{NOTICES}/read"), &[], until).await
    };
    assert_eq!(read(json!({"until": second["cursor"]})).await.status, 204);
    assert_eq!(list(&world, FAY, "").await["unreadCount"], 49);
    assert_eq!(read(json!({"until": list(&world, FAY, "").await["cursor"]})).await.status, 204);
    assert_eq!(list(&world, FAY, "?unread=true").await["value"], json!([]));
    assert_eq!(list(&world, ALEX, "").await["unreadCount"], 53);
    for (body, problem) in [
        (json!({}), "requiredFieldMissing /until"),
        (json!({"until": "x"}), "invalidValue /until"),
        (json!({"until": list(&world, ALEX, "").await["cursor"]}), "invalidValue /until"),
    ] {
        assert_eq!(read(body).await.problems()[0], problem);
    }
    assert_eq!(world.get_path(FAY, &format!("{NOTICES}?unread=maybe"), &[]).await.status, 400);
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn of_what_went_out_of_sight_nothing_is_told(#[case] backend: Backend) {
    let (world, server) = with_mail(backend).await;
    add_tom(&world).await;
    world.advance_secs(60);
    // Fabrikam's team list is its own once it has the record; Tom was in the first one.
    let id = invite(&world, ALEX, "Deal", json!([member(TOM, None, false), member(UMA, None, false)])).await;
    notice(&world).await;
    assert_eq!(kinds(&world, TOM).await, ["opportunity-sent"]);
    let notice_id = text(&list(&world, TOM, "").await, "/value/0/id").to_owned();

    assert_eq!(world.act(FAY, &id, "accept", "").await.status, 200);
    let team = json!([{"op": "replace", "path": "/team/0/email", "value": "fay.admin@fabrikam.example"}]);
    assert_eq!(world.patch(FAY, &id, &[], team).await.status, 204);
    notice(&world).await;
    mail(&world).await;

    let page = list(&world, TOM, "").await;
    assert_eq!(
        (&page["value"], &page["unreadCount"], &page["cursor"]),
        (&json!([]), &json!(0), &Value::Null)
    );
    let read = format!("{NOTICES}/{notice_id}/read");
    assert_eq!(world.send_json(Method::POST, TOM, &read, &[], "").await.status, 404);
    assert_eq!(kinds(&world, UMA).await, ["opportunity-accepted", "opportunity-sent"]);
    let mailed = server.mails();
    assert!(!mailed.is_empty() && mailed.iter().all(|it| it.to != TOM), "a mail told of it");
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn preferences_are_the_persons_own_and_old_notices_go(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let first = world.get_path(FAY, PREFERENCES, &[]).await.json();
    let kinds_mailed = json!([
        "opportunity-sent",
        "opportunity-accepted",
        "opportunity-declined",
        "opportunity-received",
        "opportunity-expiring",
        "lead-received",
    ]);
    assert_eq!(
        (&first["email"], &first["digest"], &first["kinds"]),
        (&json!(true), &json!("automatic"), &kinds_mailed)
    );

    let changed = prefer(&world, FAY, json!({"digest": "always", "locale": "nl-NL"})).await;
    assert_eq!((&changed["email"], &changed["locale"]), (&json!(true), &json!("nl-NL")));
    assert_eq!(world.get_path(FAY, PREFERENCES, &[]).await.json(), changed);
    // What was read can be sent back.
    assert_eq!(prefer(&world, FAY, changed.clone()).await, changed);
    assert_eq!(world.get_path(ALEX, PREFERENCES, &[]).await.json()["locale"], Value::Null);
    let wrong =
        world.send_json(Method::PUT, FAY, PREFERENCES, &[], json!({"email": "no", "digest": "never"})).await;
    assert_eq!(wrong.problems(), ["invalidValue /email", "invalidValue /digest"]);

    world
        .add_user(FABRIKAM, "gone@fabrikam.example", &[Role::ReferralsAdmin], LocationScope::EntireCompany)
        .await;
    invite(&world, ALEX, "Deal", nobody()).await;
    notice(&world).await;
    assert_eq!(world.database.count("notices").await, 3);
    world.database.execute("DELETE FROM users WHERE email = 'gone@fabrikam.example'").await;
    let keep = world.store.forget_notices(world.app.context.clock.now().plus_secs(-1));
    keep.await.unwrap();
    assert_eq!(world.database.count("notices").await, 2, "of people who are gone nothing stays");
    world.store.forget_notices(world.app.context.clock.now()).await.unwrap();
    assert_eq!(world.database.count("notices").await, 0);
}
