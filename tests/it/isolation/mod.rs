//! The walls between organisations, shown: every route × every caller × every option.
//!
//! The routes come from the description that the server itself gives. What a caller sees nothing of reads, byte for
//! byte, as if it did not exist; and no answer holds a text that the policy withholds from who gets it, wherever in
//! the answer it stands. Writes by who may not write leave no trace; after each write everybody looks again.
//!
//! `routes` has the table, `cast` the callers and the deal, `canary` what must not be found, `controls` broken walls
//! that must be noticed, `swap` the calls of one company sent again by another.

mod canary;
mod cast;
mod controls;
mod routes;
mod swap;

use http::{Request, StatusCode};
use liaison::{
    domain::visibility::Facet,
    http::paths::{ALIASES, Surface},
};
use rstest::rstest;
use serde_json::Value;
use uuid::Uuid;

use self::{
    canary::{as_shown, facts, leaks},
    cast::{Caller, Cast, Deal, Stage, Standing},
    routes::{COMING, Row, Subject, TABLE, UNDESCRIBED, live, uncovered},
};
use crate::world::*;

/// Query options: of OData, of the server, and of nobody.
const QUERIES: [&str; 9] = [
    "$select=id,name,details",
    "$expand=*",
    "%24filter=name%20eq%20%27x%27",
    "$format=xml",
    "validateOnly=true",
    "validateOnly=maybe",
    "api-version=1",
    "organizationId=0e0e0e0e-0000-4000-8000-000000000001",
    "unknown=1&unknown=2",
];

/// Headers beside those of the call; `{old}` and `{current}` stand for tokens of the record.
const HEADERS: [&[(&str, &str)]; 14] = [
    &[("prefer", "return=representation")],
    &[("prefer", "return=minimal, report=changes")],
    &[("prefer", "return=representation, report=changes, handling=strict")],
    &[("prefer", "nonsense=1; a=b")],
    &[("if-match", "*")],
    &[("if-match", "{current}")],
    &[("if-match", "{old}")],
    &[("if-match", "{old}"), ("prefer", "resolution=merge, return=representation")],
    &[("if-match", "nonsense")],
    &[("if-none-match", "*")],
    &[("if-none-match", "{current}")],
    &[("accept", "text/csv"), ("accept-language", "de")],
    &[("x-http-method-override", "GET"), ("x-original-url", "/docs"), ("forwarded", "for=127.0.0.1")],
    &[("content-type", "text/plain")],
];

/// Bodies in the place of the call's own.
const BODIES: [&str; 4] = [
    "{",
    "[]",
    r#"{"name": "x", "customerProfile": {"ids": [{"profileType": "External", "id": "guess"}], "team": []}}"#,
    r#"[{"op": "add", "path": "/customerProfile/team/-", "value": {}}, {"op": "replace", "path": "/id", "value": 1}]"#,
];

/// What is different about one request.
#[derive(Clone, Copy, Debug, Default)]
struct Variation {
    query: &'static str,
    headers: &'static [(&'static str, &'static str)],
    body: Option<&'static str>,
    /// The request as the row has it: the table says which status it gets.
    is_plain: bool,
}

/// Lists what is varied. Who is stopped at the gate meets nothing behind it, so a few of each kind will do there; and
/// what options do is the same on both databases, and for lists much the same as for a record.
fn variations(backend: Backend, row: &Row, caller: Caller) -> Vec<Variation> {
    let mut variations = vec![Variation { is_plain: true, ..Variation::default() }];
    variations.extend(QUERIES.map(|query| Variation { query, ..Variation::default() }));
    variations.extend(HEADERS.map(|headers| Variation { headers, ..Variation::default() }));
    if !row.is_safe() {
        variations.extend(BODIES.map(|body| Variation { body: Some(body), ..Variation::default() }));
    }
    if row.subject == Subject::None || row.method == "HEAD" || caller.is_stopped_at_the_gate() {
        return variations.into_iter().step_by(5).collect();
    }
    match backend {
        // Every second one, but every one for every second caller.
        Backend::Sqlite if !row.is_of_many() => {
            let is_turn = |place: usize| place == 0 || (place + caller as usize).is_multiple_of(2);
            let places = variations.into_iter().enumerate();
            places.filter(|(place, _)| is_turn(*place)).map(|(_, it)| it).collect()
        }
        Backend::Sqlite | Backend::Postgres => variations.into_iter().step_by(4).collect(),
    }
}

/// A request about a record, and what is known of it.
struct Asked<'a> {
    row: &'a Row,
    caller: Caller,
    variation: Variation,
    path: String,
    id: Uuid,
    engagement: Uuid,
}

async fn ask(cast: &Cast, deal: &Deal, asked: &Asked<'_>) -> Answer {
    let about = Deal { id: asked.id, engagement: asked.engagement, ..deal.clone() };
    let Variation { query, headers, body, .. } = asked.variation;
    let own = (asked.row.call.query)(&about);
    let query =
        [own.as_str(), query].iter().filter(|it| !it.is_empty()).copied().collect::<Vec<_>>().join("&");
    let uri = if query.is_empty() { asked.path.clone() } else { format!("{}?{query}", asked.path) };
    let mut sent = vec![("content-type", "application/json".to_owned())];
    for (name, value) in (asked.row.call.headers)(&about) {
        sent.retain(|(it, _)| *it != name);
        sent.push((name, value));
    }
    for (name, value) in headers {
        let value = value.replace("{old}", &deal.etags[0]).replace("{current}", &deal.etags[1]);
        sent.retain(|(it, _)| it != name);
        sent.push((name, value));
    }
    let mut request = Request::builder().method(asked.row.method).uri(uri);
    for (name, value) in &sent {
        request = request.header(*name, value);
    }
    if let Some(authorization) = cast.authorization(asked.caller) {
        request = request.header("authorization", authorization);
    }
    let body = body.map_or_else(|| (asked.row.call.body)(&about), str::to_owned);
    cast.world.send(request.body(body.into()).unwrap()).await
}

/// Returns what two answers must agree in: all but what differs between any two, with the ids that were sent named
/// alike.
fn comparable(answer: &Answer, asked: &Asked<'_>) -> String {
    let of_every_answer = [
        "request-id",
        "ms-requestid",
        "ms-correlationid",
        "date",
        "ratelimit-limit",
        "ratelimit-remaining",
        "ratelimit-reset",
    ];
    let mut headers: Vec<String> = answer
        .headers
        .iter()
        .filter(|(name, _)| !of_every_answer.contains(&name.as_str()))
        .map(|(name, value)| format!("{name}: {}", String::from_utf8_lossy(value.as_bytes())))
        .collect();
    headers.sort();
    let text =
        format!("{}\n{}\n\n{}", answer.status, headers.join("\n"), String::from_utf8_lossy(&answer.body));
    without_tokens(text)
        .replace(&asked.id.to_string(), "{id}")
        .replace(&asked.engagement.to_string(), "{engagement}")
}

/// Puts its length in the place of every token: no two seals of a place read the same.
fn without_tokens(mut text: String) -> String {
    for name in ["$skiptoken=", "$deltatoken=", "\"cursor\":\"", "\nid: "] {
        let mut parts = text.split(name);
        let mut masked = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let end = part.find(|it: char| !it.is_ascii_alphanumeric() && it != '-' && it != '_');
            let (token, rest) = part.split_at(end.unwrap_or(part.len()));
            masked.push_str(&format!("{name}({}){rest}", token.len()));
        }
        text = masked;
    }
    text
}

/// Lists what is wrong with an answer to a caller who sees `shown` of a record that stands as `standing`; `twin` is
/// the answer to the same request about a record that does not exist.
fn judge(
    answer: &Answer,
    twin: Option<&str>,
    asked: &Asked<'_>,
    (deal, standing): (&Deal, &Standing),
    shown: Option<&[Facet]>,
) -> Vec<String> {
    let mut wrong = leaks(answer, &deal.canaries, shown.unwrap_or_default());
    if let Some(twin) = twin {
        let own = comparable(answer, asked);
        if own != twin {
            wrong.push(format!("what is not seen is told from what is not there:\n{own}\n-- but --\n{twin}"));
        }
    }
    let body = serde_json::from_slice::<Value>(&answer.body).unwrap_or_default();
    let is_stored = !asked.variation.query.contains("validateOnly=true");
    let (Some(shown), true) = (shown, is_stored) else { return wrong };
    for document in documents(&body, deal.id) {
        let (expected, answered) = (as_shown(&standing.document, shown), facts(unexpanded(document)));
        if answered != expected {
            let differs = |it: &String| answered.pointer(it) != expected.pointer(it);
            let members: Vec<_> = canary::leaves(&expected).into_iter().filter(differs).collect();
            wrong.push(format!("not as the policy shows it: {members:?} in {answered}"));
        }
    }
    wrong
}

/// Returns a document without what `$expand` has added to it.
fn unexpanded(document: &Value) -> Value {
    let mut document = document.clone();
    if let Some(members) = document.as_object_mut() {
        members.shift_remove("relatedReferrals");
    }
    document
}

/// Lists the documents of a record in an answer, however deep they stand.
fn documents(body: &Value, id: Uuid) -> Vec<&Value> {
    let below: Vec<&Value> = match body {
        Value::Array(items) => items.iter().collect(),
        Value::Object(members) if body["id"] != id.to_string() || !body["customerProfile"].is_object() => {
            members.values().collect()
        }
        Value::Object(_) => return vec![body],
        _ => Vec::new(),
    };
    below.into_iter().flat_map(|it| documents(it, id)).collect()
}

/// Says whether what the row is about is hidden from a caller.
fn is_hidden(row: &Row, caller: Caller, standing: &Standing) -> bool {
    match row.subject {
        Subject::Record => standing.shown_to(caller).is_none(),
        Subject::Engagement => standing.shown_to(caller).is_none() || caller == Caller::Microsoft,
        Subject::None => false,
    }
}

/// Says whether a call changes what is stored.
fn writes(row: &Row, status: u16) -> bool {
    !row.is_safe() && row.subject != Subject::None && (200..300).contains(&status)
}

/// Says whether a caller can write at a route, by this row of it or by another.
fn may_write(row: &Row, caller: Caller) -> bool {
    let of_route = |it: &&Row| (it.method, it.path, it.parameter) == (row.method, row.path, row.parameter);
    TABLE.iter().filter(of_route).any(|it| writes(it, it.status_for(caller)))
}

/// Sends every variation of a row as one caller, and lists what is wrong.
async fn sweep(cast: &Cast, row: &Row, deal: &Deal, caller: Caller) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut standing = cast.standing(deal).await;
    for variation in variations(cast.backend, row, caller) {
        let asked = |id, engagement| Asked { row, caller, variation, path: row.path_for(id), id, engagement };
        let twin = match is_hidden(row, caller, &standing) {
            true => {
                let unknown = asked(cast.fresh_id(), cast.fresh_id());
                Some(comparable(&ask(cast, deal, &unknown).await, &unknown))
            }
            false => None,
        };
        let known = asked(deal.id, deal.engagement);
        let answer = ask(cast, deal, &known).await;
        if writes(row, answer.status.as_u16()) {
            standing = cast.standing(deal).await;
        }
        let shown = standing.shown_to(caller);
        let mut found = judge(&answer, twin.as_deref(), &known, (deal, &standing), shown.as_deref());
        let expected = row.status_for(caller);
        if variation.is_plain && row.stage == deal.stage && expected != 0 && answer.status != expected {
            found.push(format!("{} instead of {expected}: {}", answer.status, answer.text()));
        }
        let place = format!("{} as {caller:?} on a deal that is {:?}, {variation:?}", row.name(), deal.stage);
        wrong.extend(found.into_iter().map(|it| format!("{place}: {it}")));
    }
    wrong
}

/// Everybody reads the record, and sees what it may.
async fn look_round(cast: &Cast, deal: &Deal, after: &str) -> Vec<String> {
    let row = TABLE.iter().find(|it| it.method == "GET" && it.subject == Subject::Record).unwrap();
    let standing = cast.standing(deal).await;
    let mut wrong = Vec::new();
    for caller in Caller::ALL {
        let variation = Variation::default();
        let asked = Asked {
            row,
            caller,
            variation,
            path: row.path_for(deal.id),
            id: deal.id,
            engagement: deal.engagement,
        };
        let answer = ask(cast, deal, &asked).await;
        let shown = standing.shown_to(caller);
        let found = judge(&answer, None, &asked, (deal, &standing), shown.as_deref());
        wrong.extend(found.into_iter().map(|it| format!("{caller:?} reads after {after}: {it}")));
        if (answer.status == 200) != shown.is_some() {
            wrong.push(format!("{caller:?} reads after {after}: {} {}", answer.status, answer.text()));
        }
    }
    wrong
}

#[track_caller]
fn report(wrong: &[String]) {
    let first: Vec<_> = wrong.iter().take(12).map(String::as_str).collect();
    assert!(wrong.is_empty(), "{} breaches, the first of them:\n{}", wrong.len(), first.join("\n"));
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn every_route_has_a_row_and_every_row_a_route(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let description = world.get_anonymously("/openapi.json").await.json();

    report(&uncovered(&live(&description), TABLE, COMING));
}

/// Returns the rows of the routes that are there, each GET as HEAD too, and the pages that no description lists.
fn served(description: &Value) -> Vec<Row> {
    let live = live(description);
    let is_live = |row: &&Row| live.contains(&(row.method.to_owned(), row.path.to_owned()));
    let mut rows: Vec<Row> = TABLE.iter().filter(is_live).chain(UNDESCRIBED).copied().collect();
    let heads: Vec<Row> =
        rows.iter().filter(|it| it.is_safe()).map(|it| Row { method: "HEAD", ..*it }).collect();
    rows.extend(heads);
    rows
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn every_route_shows_each_caller_what_it_may_see(#[case] backend: Backend) {
    let cast = Cast::open(backend).await;
    let description = cast.world.get_anonymously("/openapi.json").await.json();
    let mut wrong = Vec::new();
    for stage in [Stage::Waiting, Stage::Active] {
        let common = cast.plant(stage).await;
        for row in served(&description) {
            for caller in Caller::ALL {
                let may_write = may_write(&row, caller);
                let deal = if may_write { cast.plant(stage).await } else { common.clone() };
                let before = cast.traces(&deal).await;
                wrong.extend(sweep(&cast, &row, &deal, caller).await);
                if may_write {
                    let after = format!("{} by {caller:?}", row.name());
                    wrong.extend(look_round(&cast, &deal, &after).await);
                } else if before != cast.traces(&deal).await {
                    wrong.push(format!("{} as {caller:?} left a trace", row.name()));
                }
            }
        }
    }
    report(&wrong);
}

/// One caller of each kind: what a path is rewritten to does not depend on who calls.
const PASSERS_BY: [Caller; 6] = [
    Caller::OwnerAdmin,
    Caller::OwnerNotInTeam,
    Caller::Party,
    Caller::Foreign,
    Caller::Nobody,
    Caller::OtherAudience,
];

/// Returns the ways to write a path of referrals, with the surface that each comes in by.
fn spellings(row: &Row, id: Uuid) -> Vec<(String, Surface)> {
    let (plain, id) = (row.path_for(id), id.to_string());
    let rest = plain.strip_prefix(REFERRALS).unwrap();
    let mut spellings = Vec::new();
    for (start, surface) in ALIASES.iter().copied().chain([(REFERRALS, Surface::Partner)]) {
        let mut rests = vec![rest.to_owned(), format!("{rest}/"), format!("{rest}//")];
        if let Some(below) = rest.strip_prefix(&format!("/{id}")) {
            let keys = [format!("('{id}')"), format!("({id})"), format!("(%27{id}%27)")];
            rests.extend(keys.map(|it| format!("{it}{below}")));
            rests.push(format!("/{}{below}", id.to_uppercase()));
        }
        spellings.extend(rests.into_iter().map(|it| (format!("{start}{it}"), surface)));
    }
    spellings
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn no_spelling_of_a_path_leads_round_a_wall(#[case] backend: Backend) {
    let cast = Cast::open(backend).await;
    let description = cast.world.get_anonymously("/openapi.json").await.json();
    let deal = cast.plant(Stage::Active).await;
    let (standing, before) = (cast.standing(&deal).await, cast.traces(&deal).await);
    let mut wrong = Vec::new();
    let is_spelled = |it: &&Row| it.path.starts_with(REFERRALS) && it.method != "HEAD";
    for row in served(&description).iter().filter(is_spelled) {
        let unknown = cast.fresh_id();
        for ((path, surface), (path_of_unknown, _)) in
            spellings(row, deal.id).into_iter().zip(spellings(row, unknown))
        {
            for caller in PASSERS_BY {
                let acts_as = match (surface, caller) {
                    (Surface::Either, Caller::OtherAudience) => Caller::OwnerAdmin,
                    _ => caller,
                };
                let expected = row.status_for(acts_as);
                if writes(row, expected) {
                    continue;
                }
                let variation = Variation::default();
                let engagement = cast.fresh_id();
                let other =
                    Asked { row, caller, variation, path: path_of_unknown.clone(), id: unknown, engagement };
                let (id, engagement) = (deal.id, deal.engagement);
                let known = Asked { row, caller, variation, path: path.clone(), id, engagement };
                let twin = match is_hidden(row, acts_as, &standing) {
                    true => Some(comparable(&ask(&cast, &deal, &other).await, &other)),
                    false => None,
                };
                let answer = ask(&cast, &deal, &known).await;
                let shown = standing.shown_to(acts_as);
                let mut found = judge(&answer, twin.as_deref(), &known, (&deal, &standing), shown.as_deref());
                if row.stage == deal.stage && answer.status != expected {
                    found.push(format!("{} instead of {expected}: {}", answer.status, answer.text()));
                }
                wrong
                    .extend(found.into_iter().map(|it| format!("{} {path} as {caller:?}: {it}", row.method)));
            }
        }
    }
    assert_eq!(cast.traces(&deal).await, before);
    report(&wrong);
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn a_method_that_is_not_served_tells_nothing(#[case] backend: Backend) {
    let cast = Cast::open(backend).await;
    let description = cast.world.get_anonymously("/openapi.json").await.json();
    let live = live(&description);
    let deal = cast.plant(Stage::Active).await;
    let (standing, before) = (cast.standing(&deal).await, cast.traces(&deal).await);
    let mut wrong = Vec::new();
    for row in served(&description) {
        for method in ["GET", "PUT", "POST", "PATCH", "DELETE", "OPTIONS", "TRACE", "QUERY"] {
            if live.contains(&(method.to_owned(), row.path.to_owned()))
                || UNDESCRIBED.iter().any(|it| it.path == row.path)
            {
                continue;
            }
            let unserved = Row { method, ..row };
            for caller in [Caller::OwnerAdmin, Caller::Party, Caller::Foreign, Caller::Nobody] {
                let asked = |id, engagement| Asked {
                    row: &unserved,
                    caller,
                    variation: Variation::default(),
                    path: unserved.path_for(id),
                    id,
                    engagement,
                };
                let unknown = asked(cast.fresh_id(), cast.fresh_id());
                let twin = comparable(&ask(&cast, &deal, &unknown).await, &unknown);
                let known = asked(deal.id, deal.engagement);
                let answer = ask(&cast, &deal, &known).await;
                let mut found = judge(&answer, Some(&twin), &known, (&deal, &standing), None);
                if answer.status != StatusCode::METHOD_NOT_ALLOWED {
                    found.push(format!("{}", answer.status));
                }
                wrong
                    .extend(found.into_iter().map(|it| format!("{method} {} as {caller:?}: {it}", row.path)));
            }
        }
    }
    assert_eq!(cast.traces(&deal).await, before);
    report(&wrong);
}
