//! The calls of one company, sent again by another: as they were, with each id swapped for one of the sender's own, and
//! with all of them; and the sender's own calls with the ids of the other.

use http::Method;
use rstest::rstest;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    cast::{Cast, LAMNAS_LOCATION},
    report,
    routes::live,
};
use crate::world::*;

/// A company with what its calls name.
struct Company {
    name: &'static str,
    email: &'static str,
    organization: &'static str,
    location: &'static str,
    solution: &'static str,
    mpn_id: &'static str,
}

const COMPANIES: [Company; 3] = [
    Company {
        name: "contoso",
        email: ALEX,
        organization: CONTOSO,
        location: "c0a70001-0000-4000-8000-000000000001",
        solution: "SOL-34104-EBB",
        mpn_id: "4391227",
    },
    Company {
        name: "fabrikam",
        email: FAY,
        organization: FABRIKAM,
        location: "fab00001-0000-4000-8000-000000000001",
        solution: "SOL-15974-MQF",
        mpn_id: "5160884",
    },
    Company {
        name: "northwind",
        email: NORA,
        organization: NORTHWIND,
        location: "0e0e0e0e-0000-4000-8000-000000000011",
        solution: "SOL-70001-NWT",
        mpn_id: NORTH_MPN,
    },
];

#[derive(Clone, Debug)]
struct Call {
    method: Method,
    path: String,
    headers: Vec<(&'static str, String)>,
    body: String,
}

/// What a company did, and the ids of it, each kind at its own place.
struct Session {
    company: &'static Company,
    calls: Vec<Call>,
    ids: Vec<String>,
    records: Vec<Uuid>,
}

impl Session {
    /// The text that stands in every member of the company's deals that takes one.
    fn canary(&self) -> String {
        format!("canary of {}", self.company.name)
    }
}

async fn send(world: &World, email: &str, call: &Call) -> Answer {
    let headers: Vec<_> = call.headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    world.send_json(call.method.clone(), email, &call.path, &headers, &call.body).await
}

fn deal(company: &Company) -> Value {
    let canary = |what: &str| json!(format!("canary of {} {what}", company.name));
    let person = json!({"firstName": canary("first"), "lastName": canary("last"), "phoneNumber": canary("phone"),
        "email": format!("{}@canary.example", company.name), "title": canary("title")});
    edited(
        own_deal(),
        &[
            ("/name", canary("name")),
            ("/target", json!([{"type": "SolutionProfile", "id": company.solution}])),
            ("/mpnId", json!(company.mpn_id)),
            ("/organizationId", json!(company.organization)),
            ("/statusReason", canary("reason")),
            ("/externalReferenceId", canary("reference")),
            ("/campaignId", canary("campaign")),
            ("/customerProfile/name", canary("customer")),
            ("/customerProfile/address/city", canary("city")),
            ("/customerProfile/team", json!([person])),
            ("/customerProfile/ids", json!([{"profileType": "External", "id": canary("id")}])),
            ("/details/notes", canary("notes")),
            ("/details/requirements/solutions/0/name", canary("solution")),
            ("/team", json!([person])),
            ("/inviteContext/notes", canary("invitation")),
        ],
    )
}

impl Call {
    fn new(method: Method, path: &str, headers: &[(&'static str, &str)], body: Value) -> Self {
        Self {
            method,
            path: path.to_owned(),
            headers: headers.iter().map(|(name, value)| (*name, (*value).to_owned())).collect(),
            body: if body.is_null() { String::new() } else { body.to_string() },
        }
    }

    fn get(path: &str) -> Self {
        Self::new(Method::GET, path, &[], Value::Null)
    }
}

/// Has a company make a deal, read, change and share it, and keeps every call.
async fn record(world: &World, company: &'static Company) -> Session {
    // So that no two companies have the same eTag.
    world.advance_secs(1);
    let key = format!("key-of-{}", company.name);
    let create = Call::new(Method::POST, REFERRALS, &[("idempotency-key", &key)], deal(company));
    let created = send(world, company.email, &create).await.created();
    let [id, engagement, etag] = ["/id", "/engagementId", "/eTag"].map(|it| text(&created, it));
    let mut calls = vec![create];
    calls.extend(reads(world, id, engagement, etag).await);
    calls.extend(writes(company, &created, &key));
    for call in &calls {
        let answer = send(world, company.email, call).await;
        assert!(answer.status.as_u16() < 500, "{call:?} {}", answer.text());
    }
    let Company { organization, location, solution, mpn_id, .. } = company;
    let ids = [id, engagement, etag, &key, organization, location, solution, mpn_id].map(str::to_owned);
    let stored = world.stored().await.into_iter().filter(|it| it.engagement_id.to_string() == engagement);
    let records: Vec<Uuid> = stored.map(|it| it.id).collect();
    assert_eq!(records.len(), 2, "the deal, and the invitation out of it");
    Session { company, calls, ids: ids.to_vec(), records }
}

async fn reads(world: &World, id: &str, engagement: &str, etag: &str) -> Vec<Call> {
    let one = format!("{REFERRALS}/{id}");
    let mut calls = vec![
        Call::get(&one),
        Call::get(&format!("{one}?$filter=engagementId%20eq%20{engagement}")),
        Call::new(Method::GET, &one, &[("if-none-match", etag)], Value::Null),
        Call::new(Method::HEAD, &one, &[], Value::Null),
    ];
    // What else there is to read about a record comes with its route.
    let description = world.get_anonymously("/openapi.json").await.json();
    let below = live(&description).into_iter().filter(|(method, path)| {
        method == "GET" && path.strip_prefix(REFERRALS).is_some_and(|it| it.starts_with("/{id}/"))
    });
    calls.extend(below.map(|(_, path)| Call::get(&path.replace("{id}", id))));
    calls
}

fn writes(company: &Company, created: &Value, key: &str) -> Vec<Call> {
    let etag = text(created, "/eTag");
    let one = format!("{REFERRALS}/{}", text(created, "/id"));
    let show = ("prefer", "return=representation, report=changes");
    let merge = ("prefer", "resolution=merge, return=representation");
    let (current, any) = (("if-match", etag), ("if-match", "*"));
    let notes = json!(format!("canary of {} changed", company.name));
    let patch = |path: &str, value: Value| json!([{"op": "replace", "path": path, "value": value}]);
    let to_lamna = json!([{"type": "BusinessProfileLocation", "id": LAMNAS_LOCATION}]);
    let connect = [("/engagementId", created["engagementId"].clone()), ("/target", to_lamna.clone())];
    let (connect, put) =
        (edited(deal(company), &connect), edited(created.clone(), &[("/name", notes.clone())]));
    let second_key = format!("{key}-2");
    vec![
        Call::new(Method::PATCH, &one, &[current, show], patch("/details/notes", notes.clone())),
        Call::new(Method::PATCH, &one, &[current, merge], patch("/name", notes.clone())),
        Call::new(Method::PATCH, &one, &[], patch("/campaignId", notes)),
        Call::new(Method::PATCH, &one, &[show], patch("/favorite", json!(true))),
        Call::new(Method::PUT, &one, &[current, merge], put.clone()),
        Call::new(Method::PUT, &one, &[any, show], put),
        Call::new(Method::POST, &format!("{one}/win?validateOnly=true"), &[show], Value::Null),
        Call::new(Method::POST, &format!("{one}/share"), &[], json!({"invitations": [{"target": to_lamna}]})),
        Call::new(Method::POST, REFERRALS, &[("ms-requestid", &second_key)], connect),
    ]
}

/// Returns a call with ids of one session in the place of those of another: `only` one kind, or all.
fn swapped(call: &Call, from: &Session, to: &Session, only: Option<usize>) -> Call {
    let swap = |text: &str| {
        let kinds = from.ids.iter().zip(&to.ids).enumerate();
        let chosen = kinds.filter(|(kind, _)| only.is_none_or(|it| it == *kind));
        chosen.fold(text.to_owned(), |text, (_, (from, to))| {
            // An eTag stands in a body with its quotes escaped.
            let escape = |it: &str| it.replace('"', "\\\"");
            text.replace(from.as_str(), to).replace(&escape(from), &escape(to))
        })
    };
    Call {
        method: call.method.clone(),
        path: swap(&call.path),
        headers: call.headers.iter().map(|(name, value)| (*name, swap(value))).collect(),
        body: swap(&call.body),
    }
}

/// Returns a company's records as they are stored.
async fn possessions(world: &World, session: &Session) -> Vec<(u32, String)> {
    let mut possessions = Vec::new();
    for id in &session.records {
        let before = Uuid::from_u128(id.as_u128() - 1);
        let found = world.store.list_stored(everything(), before, 1).await.unwrap().remove(0).stored;
        possessions.push((found.version, found.document));
    }
    possessions
}

/// Counts what the log says of a company's records.
async fn changes(world: &World, session: &Session) -> usize {
    world.log().await.iter().filter(|it| session.records.contains(&it.change.referral_id)).count()
}

/// Lists what of a company's an answer holds.
fn holds(answer: &Answer, victim: &Session) -> Vec<String> {
    let texts = [victim.canary(), format!("{}@canary.example", victim.company.name)];
    let everything = format!("{:?} {}", answer.headers, String::from_utf8_lossy(&answer.body));
    texts.into_iter().filter(|it| everything.contains(it.as_str())).collect()
}

/// Sends calls as `sender`, who must get nothing of the victim's, nor change it.
async fn attack(world: &World, sender: &Session, victim: &Session) -> Vec<String> {
    let mut wrong = Vec::new();
    let (mut before, logged) = (possessions(world, victim).await, changes(world, victim).await);
    let kinds = (0..victim.ids.len()).map(Some).chain([None]);
    let variations: Vec<_> = [(victim, sender), (sender, victim)]
        .into_iter()
        .flat_map(|(from, to)| kinds.clone().map(move |only| (from, to, only)))
        .collect();
    let as_it_was = victim.calls.iter().cloned().map(|call| (call, "as it was".to_owned()));
    let changed = variations.iter().flat_map(|(from, to, only)| {
        let (name, kind) = (from.company.name, only.map_or("every id".to_owned(), |it| from.ids[it].clone()));
        from.calls
            .iter()
            .map(move |call| (swapped(call, from, to, *only), format!("of {name} with another for {kind}")))
    });
    for (mut call, how) in as_it_was.chain(changed) {
        // What the sender itself sends comes back rightly.
        call.body = call.body.replace(&victim.canary(), "probe").replace("@canary.example", "@probe.example");
        let answer = send(world, sender.company.email, &call).await;
        let place = format!("{} {} {how}, by {}", call.method, call.path, sender.company.name);
        let found = holds(&answer, victim);
        wrong.extend(found.iter().map(|it| format!("{place}: \"{it}\" is in {}", answer.text())));
        if answer.status.is_server_error() {
            wrong.push(format!("{place}: {}", answer.text()));
        }
        if call.method != Method::GET && call.method != Method::HEAD {
            let after = possessions(world, victim).await;
            if after != before {
                wrong.push(format!(
                    "{place} changed something of {}: {}",
                    victim.company.name,
                    answer.text()
                ));
                before = after;
            }
        }
    }
    if changes(world, victim).await != logged {
        wrong.push(format!("{} wrote into the log of {}", sender.company.name, victim.company.name));
    }
    wrong
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn nobody_gets_or_changes_anything_by_swapping_ids(#[case] backend: Backend) {
    let cast = Cast::open(backend).await;
    let mut sessions = Vec::new();
    for company in &COMPANIES {
        sessions.push(record(&cast.world, company).await);
    }
    let mut wrong = Vec::new();
    let (contoso, others) = sessions.split_first().unwrap();
    for other in others {
        wrong.extend(attack(&cast.world, other, contoso).await);
        wrong.extend(attack(&cast.world, contoso, other).await);
    }
    report(&wrong);
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn what_a_company_gets_of_its_own_would_be_noticed(#[case] backend: Backend) {
    let cast = Cast::open(backend).await;
    let session = record(&cast.world, &COMPANIES[0]).await;
    let before = possessions(&cast.world, &session).await;

    let mut noticed = 0;
    for call in session.calls.iter().filter(|it| it.method == Method::GET) {
        noticed += holds(&send(&cast.world, ALEX, call).await, &session).len();
    }
    assert!(noticed >= 2, "a read holds the canaries");
    // Colleagues are no strangers: what they send changes something.
    let wrong = attack(&cast.world, &session, &session).await;
    assert!(wrong.iter().any(|it| it.contains("changed something")), "a write is noticed");
    assert_ne!(possessions(&cast.world, &session).await, before);
}
