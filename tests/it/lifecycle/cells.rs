//! The transition table, cell by cell: eight states, every action, three sides, every verb that can say it.
//!
//! What is expected is written out here a second time, so that the table of `domain::lifecycle` is not its own judge.

use std::collections::BTreeSet;

use http::Method;
use liaison::domain::{
    lifecycle::{self, State},
    vocabulary::Vocabulary as _,
};
use rstest::rstest;

use super::*;

/// The states, in the order of the columns below.
const STATES: [(&str, &str); 8] = [
    ("New", "Pending"),
    ("New", "Received"),
    ("Active", "Accepted"),
    ("Closed", "Won"),
    ("Closed", "Lost"),
    ("Closed", "Declined"),
    ("Closed", "Expired"),
    ("Closed", "Error"),
];

const C: &str = "closed";
const NO: &str = "transition";

/// What each action of the owner makes of each state: the substatus after it, `stays`, or the rule that refuses it.
const OWNER: [(&str, [&str; 8]); 11] = [
    ("open", ["Received", NO, NO, C, C, C, C, C]),
    ("accept", ["Accepted", "Accepted", NO, C, C, C, C, C]),
    ("decline", ["Declined", "Declined", NO, C, C, C, C, C]),
    ("win", [NO, NO, "Won", C, C, C, C, C]),
    ("lose", [NO, NO, "Lost", C, C, C, C, C]),
    ("closeAsError", ["Error", "Error", "Error", C, C, C, C, C]),
    ("withdraw", ["side"; 8]),
    ("expire", ["side"; 8]),
    ("revise", ["stays", "stays", "stays", C, C, C, C, C]),
    ("shareWithMicrosoft", ["stays", "stays", "stays", C, C, C, C, C]),
    ("share", ["stays", "stays", "stays", C, C, C, C, C]),
];

/// The one thing that an inviter may do.
const WITHDRAW: [&str; 8] = ["Expired", "Expired", NO, C, C, C, C, C];

/// Who stands on which side of the record under test.
const SIDES: [(&str, &str); 3] = [("owner", FAY), ("inviter", ALEX), ("other", NORA)];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verb {
    /// The action's own path.
    Post,
    Patch,
    Put,
}

/// Returns what an action makes of a state when it is called by its name.
fn by_name(side: &str, action: &str, state: usize) -> &'static str {
    let (_, row) = OWNER.iter().find(|(name, _)| *name == action).unwrap();
    match (side, action) {
        ("owner", _) => row[state],
        ("inviter", "withdraw") => WITHDRAW[state],
        _ => "side",
    }
}

/// Returns the state that a document shows after an action.
fn state_after(action: &str) -> Option<(&'static str, &'static str)> {
    let substatus = match action {
        "open" => "Received",
        "accept" => "Accepted",
        "decline" => "Declined",
        "win" => "Won",
        "lose" => "Lost",
        "closeAsError" => "Error",
        "withdraw" | "expire" => "Expired",
        _ => return None,
    };
    STATES.into_iter().find(|(_, it)| *it == substatus)
}

/// Returns what is expected; `None` where the verb cannot say the action.
fn expected(side: &str, action: &str, verb: Verb, state: usize) -> Option<&'static str> {
    let (_, substatus) = STATES[state];
    Some(match verb {
        Verb::Post if matches!(action, "expire" | "revise" | "shareWithMicrosoft") => "no path",
        Verb::Post => by_name(side, action, state),
        // Nothing in the document says that others are invited.
        Verb::Patch | Verb::Put if action == "share" => return None,
        // Only an owner writes; whoever writes a state that is there, moves nothing.
        Verb::Patch | Verb::Put if side != "owner" => "side",
        Verb::Patch | Verb::Put if state >= 3 => C,
        Verb::Patch | Verb::Put if state_after(action).is_some_and(|(_, it)| it == substatus) => "stays",
        Verb::Patch | Verb::Put if matches!(action, "withdraw" | "expire") => NO,
        Verb::Patch | Verb::Put => by_name(side, action, state),
    })
}

fn flag() -> &'static str {
    "/consent/consentToShareReferralWithMicrosoftSellers"
}

async fn attempt(world: &World, email: &str, deal: &Deal, action: &str, verb: Verb) -> Answer {
    let invitation =
        json!({"invitations": [{"target": [{"type": "BusinessProfileLocation", "id": "msft"}]}]});
    let id = &deal.id;
    match (verb, action) {
        (Verb::Post, "share") => world.act(email, id, action, invitation).await,
        (Verb::Post, "decline" | "lose") => {
            world.act(email, id, action, json!({"statusReason": REASON})).await
        }
        (Verb::Post, _) => world.act(email, id, action, "").await,
        (Verb::Patch, "shareWithMicrosoft") => {
            world.patch(email, id, &[], replace(flag(), true.into())).await
        }
        (Verb::Patch, "revise") => world.patch(email, id, &[], replace("/details/notes", "New".into())).await,
        (Verb::Patch, _) => {
            let (status, substatus) = state_after(action).unwrap();
            world.patch(email, id, &[], to_state(status, substatus)).await
        }
        (Verb::Put, "shareWithMicrosoft") => put_now(world, email, id, &[(flag(), true.into())]).await,
        (Verb::Put, "revise") => put_now(world, email, id, &[("/details/notes", "New".into())]).await,
        (Verb::Put, _) => {
            let (status, substatus) = state_after(action).unwrap();
            let edits = [
                ("/status", status.into()),
                ("/substatus", substatus.into()),
                ("/statusReason", REASON.into()),
            ];
            put_now(world, email, id, &edits).await
        }
    }
}

#[track_caller]
fn assert_refused(answer: &Answer, expected: &str, cell: &str) {
    let (status, inner, code) = match expected {
        "no path" => (404, "pathUnknown", "itemNotFound"),
        "side" => (403, "otherSide", "accessDenied"),
        "closed" => (400, "referralClosed", "invalidRequest"),
        "transition" => (400, "invalidStatusTransition", "invalidRequest"),
        other => panic!("{other} is no rule"),
    };
    assert_eq!(answer.status, status, "{cell}: {}", answer.text());
    let error = &answer.json()["error"];
    assert_eq!((text(error, "/innerError/code"), text(error, "/code")), (inner, code), "{cell}");
    if status != 404 {
        assert_eq!(error["details"].as_array().unwrap().len(), 1, "{cell}: {error}");
        assert_eq!(text(error, "/details/0/rule"), expected, "{cell}");
    }
}

/// Asserts that a record moved as it should, with the dates that go with it, and that nothing else changed.
async fn assert_moved(world: &World, before: &Value, cell: (&str, Verb, &str, &str)) {
    let (action, verb, expected, said) = cell;
    let after = read(world, FAY, text(before, "/id")).await;
    let stays = (text(before, "/status"), text(before, "/substatus"));
    let to = STATES.into_iter().find(|(_, it)| *it == expected).unwrap_or(stays);
    assert_eq!((text(&after, "/status"), text(&after, "/substatus")), to, "{said}");
    assert_eq!(version(&after), version(before) + 1, "{said}");
    let now = Value::from(world.app.context.clock.now().to_string());
    let has_moved = expected != "stays";
    let kept = |name: &str| before[name].clone();
    let (accepted, closed, expires) = match to {
        _ if !has_moved => (kept("acceptedDateTime"), kept("closedDateTime"), kept("expirationDateTime")),
        (_, "Accepted") => (now.clone(), Value::Null, Value::Null),
        ("New", _) => (Value::Null, Value::Null, kept("expirationDateTime")),
        (_, "Expired") => (kept("acceptedDateTime"), now.clone(), kept("expirationDateTime")),
        _ => (kept("acceptedDateTime"), now.clone(), Value::Null),
    };
    assert_eq!(after["acceptedDateTime"], accepted, "{said}");
    assert_eq!(after["closedDateTime"], closed, "{said}");
    assert_eq!(after["expirationDateTime"], expires, "{said}");
    assert_eq!(after["updatedDateTime"], now, "{said}");
    let mut rest = facts(before);
    for pointer in [
        "/status",
        "/substatus",
        "/statusReason",
        "/acceptedDateTime",
        "/closedDateTime",
        "/expirationDateTime",
        "/type",
        "/details/notes",
        flag(),
    ] {
        let changed = after.pointer(pointer).unwrap().clone();
        rest = edited(rest, &[(pointer, changed)]);
    }
    assert_eq!(facts(&after), rest, "{said}");

    world.store.settle().await.unwrap();
    let ids = [&after["engagementId"], &after["id"]].map(|it| it.as_str().unwrap().parse().unwrap());
    let changes = world.store.list_changes_of(everything(), ids[0], ids[1]).await.unwrap();
    let change = &changes.last().unwrap().change;
    let logged = match (verb, has_moved, action) {
        (_, true, _) | (_, _, "shareWithMicrosoft" | "share") => action,
        _ => "revise",
    };
    assert_eq!(change.action.as_str(), logged, "{said}");
    assert_eq!(change.from_etag.as_deref(), before["eTag"].as_str(), "{said}");
    assert_eq!(change.to_etag, text(&after, "/eTag"), "{said}");
}

#[test]
fn every_action_and_state_has_its_cell() {
    let rows: BTreeSet<&str> = OWNER.iter().map(|(name, _)| *name).collect();
    let actions: BTreeSet<&str> = lifecycle::TABLE.iter().map(|it| it.action.as_str()).collect();
    let states = State::ALL.map(|it| (it.status().as_str(), it.substatus().as_str()));

    assert_eq!(rows, actions);
    assert_eq!(states, STATES);
}

#[rstest]
#[tokio::test]
async fn each_cell_is_as_documented(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
    #[values(0, 1, 2, 3, 4, 5, 6, 7)] state: usize,
) {
    let world = open(backend).await;
    let (_, substatus) = STATES[state];
    let mut deal = bring(&world, substatus).await;
    let mut before = world.get(FAY, &deal.id).await;
    let mut logged = world.database.count("changes").await;
    for (side, email) in SIDES {
        for (action, _) in OWNER {
            for verb in [Verb::Post, Verb::Patch, Verb::Put] {
                let Some(expected) = expected(side, action, verb, state) else { continue };
                let said = format!("{action} by {verb:?} from {substatus} by the {side}: {expected}");
                world.advance_secs(60);

                let answer = attempt(&world, email, &deal, action, verb).await;

                if !matches!(expected, "side" | "closed" | "transition" | "no path") {
                    assert!(answer.status.is_success(), "{said}: {}", answer.text());
                    assert_moved(&world, &before.json(), (action, verb, expected, &said)).await;
                    deal = bring(&world, substatus).await;
                    before = world.get(FAY, &deal.id).await;
                    logged = world.database.count("changes").await;
                    continue;
                }
                assert_refused(&answer, expected, &said);
                assert_eq!(world.get(FAY, &deal.id).await.text(), before.text(), "{said}");
            }
        }
        assert_eq!(world.database.count("changes").await, logged, "a refused {side} leaves no change");
    }
}

/// Returns the body that an action needs, with or without what it requires.
fn body_of(action: &Value) -> String {
    let body = match text(action, "/action") {
        "share" => json!({"invitations": [{"target": [{"type": "BusinessProfileLocation", "id": "msft"}]}]}),
        "revise" => replace("/details/notes", "New".into()),
        "shareWithMicrosoft" => replace(flag(), true.into()),
        _ => {
            let mut body = json!({});
            for pointer in action["requires"].as_array().unwrap() {
                body[pointer.as_str().unwrap().trim_start_matches('/')] = REASON.into();
            }
            body
        }
    };
    body.to_string()
}

async fn actions_of(world: &World, email: &str, id: &str) -> Value {
    world.get_path(email, &format!("{REFERRALS}/{id}/actions"), &[]).await.created()
}

#[rstest]
#[tokio::test]
async fn what_the_actions_say_is_what_happens(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
    #[values(0, 1, 2, 3, 4, 5, 6, 7)] state: usize,
) {
    let world = open(backend).await;
    let (status, substatus) = STATES[state];
    let mut deal = bring(&world, substatus).await;
    for (side, email) in SIDES {
        let said = actions_of(&world, email, &deal.id).await;
        let head = ["/id", "/status", "/substatus", "/side"].map(|it| text(&said, it).to_owned());
        assert_eq!(head, [&*deal.id, status, substatus, side]);
        assert_eq!(said["actions"].as_array().unwrap().len(), OWNER.len());
        for index in 0..OWNER.len() {
            let said = actions_of(&world, email, &deal.id).await["actions"][index].clone();
            let action = text(&said, "/action").to_owned();
            let expected = by_name(side, &action, state);
            let is_allowed = !matches!(expected, "side" | "closed" | "transition");
            let cell = format!("{action} from {substatus} by the {side}: {said}");
            assert_eq!(said["allowed"], is_allowed, "{cell}");
            assert_eq!(said["rule"].as_str(), (!is_allowed).then_some(expected), "{cell}");
            assert_eq!(said["reason"].is_null(), is_allowed, "{cell}");
            if said["request"].is_null() {
                assert_eq!(action, "expire");
                continue;
            }
            let method: Method = text(&said, "/request/method").parse().unwrap();
            let path = text(&said, "/request/uri").strip_prefix(PUBLIC_URL).unwrap().to_owned();
            let requires = said["requires"].as_array().unwrap();
            if is_allowed && !requires.is_empty() {
                let without = world.send_json(method.clone(), email, &path, &[], "{}").await;
                assert_eq!(refusal(&without), ["400 requiredFieldMissing required /statusReason"], "{cell}");
            }

            let answer = world.send_json(method, email, &path, &[], body_of(&said)).await;

            assert_eq!(answer.status.is_success(), is_allowed, "{cell}: {}", answer.text());
            if !is_allowed {
                assert_eq!(answer.json()["error"]["details"][0]["rule"], said["rule"], "{cell}");
                continue;
            }
            let after = read(&world, FAY, &deal.id).await;
            assert_eq!((&after["status"], &after["substatus"]), (&said["status"], &said["substatus"]));
            deal = bring(&world, substatus).await;
        }
    }
}
