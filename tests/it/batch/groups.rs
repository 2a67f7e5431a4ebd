//! Atomic groups: everything is stored, or nothing.

use rstest::rstest;
use serde_json::json;
use uuid::Uuid;

use super::*;

/// Asserts that a group left no trace of what it was to do.
#[track_caller]
fn assert_same(before: &(Vec<String>, usize), after: &(Vec<String>, usize)) {
    assert_eq!(before, after, "something of the group was stored");
}

/// Returns every document, and the length of the log.
async fn stored(world: &World) -> (Vec<String>, usize) {
    (world.stored().await.into_iter().map(|it| it.document).collect(), world.log().await.len())
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn a_group_that_succeeds_is_stored_whole(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let (one, two, three) = (own(&world).await, own(&world).await, own(&world).await);
    let read = world.get(ALEX, &two).await.created();
    let put = json!({"id": "put", "method": "put", "url": format!("referrals/{two}"),
        "headers": {"If-Match": read["eTag"]}, "body": {"name": "replaced"}});
    let group = [
        patch("patch", format!("referrals/{one}"), "/details/notes", json!("one")),
        put,
        post("win", format!("referrals/{three}/win"), json!({})),
        post("new", "referrals", own_deal()),
        patch("mark", format!("referrals/{}", own(&world).await), "/favorite", json!(true)),
    ];
    let log = world.log().await.len();

    let answer = batch(&world, ALEX, json!(grouped("g", group))).await;

    assert_eq!(statuses(&answer), [204, 200, 200, 200, 204], "{}", answer.text());
    let parts = parts(&answer);
    let made = parts[3].json();
    assert_eq!(parts[3].header("location"), format!("{PUBLIC_URL}{REFERRALS}/{}", text(&made, "/id")));
    for (id, part) in [(&*two, &parts[1]), (&*three, &parts[2]), (text(&made, "/id"), &parts[3])] {
        let alone = world.get(ALEX, id).await;
        assert_eq!(part.header("etag"), alone.header("etag"));
        assert_eq!(without(alone.json(), "/@odata.context"), part.json());
    }
    assert_eq!(notes(&world, &one).await, "one");
    let log = world.log().await.split_off(log);
    let mut actions: Vec<_> = log.iter().map(|it| it.change.action.as_str()).collect();
    actions.sort_unstable();
    assert_eq!(actions, ["create", "revise", "revise", "win"]);
    if backend == Backend::Postgres {
        // One transaction wrote all of them.
        let client = connect(&world.database.url()).await;
        let sql = "SELECT COUNT(DISTINCT xmin::text) FROM referrals WHERE version = 2 OR id = $1";
        let id = Uuid::parse_str(text(&made, "/id")).unwrap();
        let count: i64 = client.query_one(sql, &[&id]).await.unwrap().get(0);
        assert_eq!(count, 1);
    }
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn a_group_of_which_one_request_fails_stores_nothing(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let id = own(&world).await;
    let url = format!("referrals/{id}");
    let good = || [post("a", "referrals", own_deal()), patch("b", &url, "/details/notes", json!("x"))];
    let failures = [
        (post("c", "referrals", json!({})), 400, "requiredFieldMissing"),
        (patch("c", format!("referrals/{}", Uuid::nil()), "/name", json!("x")), 404, "referralNotFound"),
        (patch("c", &url, "/name", json!("x")), 400, "groupOverlap"),
        (
            edited(patch("c", &url, "/name", json!("x")), &[("/headers", json!({"if-match": "\"x\""}))]),
            412,
            "resourceModified",
        ),
        (json!({"id": "c", "method": "put", "url": url, "body": {}}), 400, "ifMatchRequired"),
        (
            edited(post("c", "referrals", own_deal()), &[("/headers", json!({"content-type": "text/html"}))]),
            415,
            "unsupportedMediaType",
        ),
        (post("c", "referrals?validateOnly=maybe", own_deal()), 400, "invalidQueryOption"),
    ];
    let before = stored(&world).await;

    for (failure, status, code) in failures {
        for place in 0..3 {
            let mut group = good().to_vec();
            group.insert(place, failure.clone());
            let group: Vec<_> =
                group.into_iter().map(|it| edited(it, &[("/atomicityGroup", json!("g"))])).collect();

            let answer = batch(&world, ALEX, json!(group)).await;

            let parts = parts(&answer);
            // Of two writes of one record the second one is too many.
            let failed = parts.iter().find(|it| it.status != 424).unwrap();
            assert_eq!((failed.status, &*failed.code()), (status, code), "{}", answer.text());
            if code != "groupOverlap" {
                assert_eq!(failed.id, "c");
            }
            for other in parts.iter().filter(|it| it.id != failed.id) {
                let expected = format!(
                    "request \"{}\" of the same group failed, so nothing of the group was stored",
                    failed.id
                );
                assert_eq!((other.status, other.message()), (424, expected));
            }
            assert_same(&before, &stored(&world).await);
        }
    }
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn a_group_that_fails_in_the_database_leaves_nothing(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let (one, two) = (own(&world).await, own(&world).await);
    let break_off = match backend {
        Backend::Sqlite => {
            "CREATE TRIGGER broken BEFORE UPDATE ON referrals WHEN NEW.substatus = 'Won'
             BEGIN SELECT RAISE(ABORT, 'broken'); END"
        }
        Backend::Postgres => {
            "CREATE FUNCTION broken() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'broken'; END $$;
             CREATE TRIGGER broken BEFORE UPDATE ON referrals FOR EACH ROW WHEN (NEW.substatus = 'Won')
             EXECUTE FUNCTION broken()"
        }
    };
    world.database.execute(break_off).await;
    let before = stored(&world).await;
    let group = |ids: [&str; 2]| {
        let [patched, won] = ids;
        let requests = [
            post("new", "referrals", own_deal()),
            patch("patch", format!("referrals/{patched}"), "/details/notes", json!("x")),
            post("win", format!("referrals/{won}/win"), json!({})),
        ];
        json!(grouped("g", requests))
    };

    for ids in [[&*one, &*two], [&*two, &*one]] {
        let answer = batch(&world, ALEX, group(ids)).await;

        assert_eq!(statuses(&answer), [503, 424, 424], "{}", answer.text());
        assert_same(&before, &stored(&world).await);
    }
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn a_group_invites_several_parties_at_once(#[case] backend: Backend) {
    let world = World::open(backend).await;
    world.add_northwind().await;
    let deal = world.post(ALEX, own_deal()).await.created();
    let engagement = &deal["engagementId"];
    let invitations = || {
        [
            post("fab", "referrals", invitation(FABRIKAMS, engagement)),
            post("north", "referrals", invitation(NORTHWINDS, engagement)),
        ]
    };
    let twice = [
        post("fab", "referrals", invitation(FABRIKAMS, engagement)),
        post("again", "referrals", invitation(FABRIKAMS, engagement)),
    ];
    let with_own = |own: Value| json!(grouped("g", [invitations()[0].clone(), own]));
    let before = stored(&world).await;

    let refused = batch(&world, ALEX, json!(grouped("g", twice))).await;
    assert_eq!(statuses(&refused), [424, 409]);
    assert_eq!(parts(&refused)[1].code(), "alreadyParty");
    // Whoever invites and closes its own part in one step would get round a rule.
    let own_url = format!("referrals/{}", text(&deal, "/id"));
    let overlap = batch(&world, ALEX, with_own(post("win", format!("{own_url}/win"), json!({})))).await;
    assert_eq!(statuses(&overlap), [424, 400]);
    assert_eq!(parts(&overlap)[1].code(), "groupOverlap");
    assert_same(&before, &stored(&world).await);

    let answer = batch(&world, ALEX, json!(grouped("g", invitations()))).await;
    assert_eq!(statuses(&answer), [200, 200], "{}", answer.text());
    assert_eq!(world.stored().await.len(), 3);
    let actions: Vec<_> = world.log().await.iter().map(|it| it.change.action.as_str().to_owned()).collect();
    assert_eq!(actions.iter().filter(|it| *it == "create").count(), 3);
    assert_eq!(actions.iter().filter(|it| *it == "share").count(), 1, "its own record becomes Shared once");
    assert_eq!(world.get(ALEX, text(&deal, "/id")).await.created()["type"], "Shared");
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn a_group_with_keys_can_be_repeated(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let id = own(&world).await;
    let keyed = |request: Value, key: &str| edited(request, &[("/headers", json!({"Idempotency-Key": key}))]);
    let requests = |body: Value| {
        let group = [
            keyed(post("new", "referrals", own_deal()), "a"),
            keyed(post("other", "referrals", body), "b"),
            keyed(post("win", format!("referrals/{id}/win"), json!({})), "c"),
        ];
        json!(grouped("g", group))
    };

    let refused = batch(&world, ALEX, requests(json!({}))).await;
    let first = batch(&world, ALEX, requests(own_deal())).await;
    let before = stored(&world).await;
    let second = batch(&world, ALEX, requests(own_deal())).await;
    let other = batch(&world, ALEX, requests(edited(own_deal(), &[("/name", json!("x"))]))).await;

    assert_eq!(statuses(&refused), [424, 400, 424], "a key of a group that was refused is not used");
    assert_eq!((statuses(&first), statuses(&second)), (vec![200; 3], vec![200; 3]), "{}", second.text());
    for (once, twice) in parts(&first).iter().zip(parts(&second)) {
        assert_eq!((once.header("idempotency-replayed"), twice.header("idempotency-replayed")), ("", "true"));
        assert_eq!(once.text(), twice.text());
    }
    assert_eq!(statuses(&other), [424, 422, 424]);
    assert_same(&before, &stored(&world).await);

    // The key of a single call is that of a request in a group.
    let alone = world.post_with(ALEX, &[("idempotency-key", "a")], own_deal()).await;
    assert_eq!(alone.json()["id"], parts(&first)[0].json()["id"]);
    let twins =
        [keyed(post("1", "referrals", own_deal()), "d"), keyed(post("2", "referrals", own_deal()), "d")];
    assert_eq!(statuses(&batch(&world, ALEX, json!(grouped("g", twins))).await), [424, 409]);
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn what_is_judged_only_is_not_stored_with_the_group(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let id = own(&world).await;
    let group = [
        post("judged", "referrals?validateOnly=true", own_deal()),
        post("made", "referrals", own_deal()),
        patch("also", format!("referrals/{id}?validateOnly=true"), "/details/notes", json!("x")),
    ];

    let answer = batch(&world, ALEX, json!(grouped("g", group))).await;

    assert_eq!(statuses(&answer), [200, 200, 204]);
    assert_eq!(world.stored().await.len(), 2);
    assert_ne!(notes(&world, &id).await, "x");
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn a_group_may_refer_to_what_was_made_before_it(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let mut requests = vec![post("1", "referrals", own_deal()), get("2", "organization")];
    requests.extend(grouped(
        "g",
        [patch("3", "$1", "/details/notes", json!("x")), post("4", "referrals", own_deal())],
    ));
    requests.extend(grouped(
        "h",
        [patch("5", "$3", "/name", json!("y")), post("6", "$4/lose", json!({"statusReason": "z"}))],
    ));

    let answer = batch(&world, ALEX, json!(requests)).await;

    assert_eq!(statuses(&answer), [200, 200, 204, 200, 204, 200], "{}", answer.text());
    let parts = parts(&answer);
    let made = world.get(ALEX, text(&parts[0].json(), "/id")).await.created();
    assert_eq!((&made["details"]["notes"], &made["name"]), (&json!("x"), &json!("y")));
    assert_eq!(parts[5].json()["id"], parts[3].json()["id"]);

    // What is no referral shows only when its address is known.
    let mut requests = vec![get("1", "organization")];
    requests.extend(grouped("g", [patch("2", "$1", "/name", json!("x"))]));
    let answer = batch(&world, ALEX, json!(requests)).await;
    assert_eq!(statuses(&answer), [200, 400]);
    assert!(parts_message(&answer, 1).starts_with("a group only writes referrals"));
}

fn parts_message(answer: &Answer, place: usize) -> String {
    parts(answer)[place].message()
}
