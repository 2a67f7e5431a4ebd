//! Administration over the API: what an organisation says of itself, its locations, solutions and people.

mod cli;
mod places;
mod users;

use aws_lc_rs::digest::{SHA256, digest};
use axum::body::Body;
use http::{Method, StatusCode};
use liaison::{
    auth::Version,
    domain::{
        organization::{LocationScope, OrganizationId},
        sources::Clock,
        time::Timestamp,
    },
    service::administration,
    storage::{Mode, Store, StoreOptions},
};
use rstest::rstest;
use serde_json::{Value, json};

use crate::world::*;

pub(crate) const ORGANIZATION: &str = "/v1.0/engagements/organization";
pub(crate) const PROFILES: &str = "/v1.0/engagements/businessprofiles";
pub(crate) const SOLUTIONS: &str = "/v1.0/engagements/solutions";
pub(crate) const USERS: &str = "/v1.0/engagements/users";
pub(crate) const PARTNERS: &str = "/v1.0/engagements/partners";

/// Contoso's account admin.
pub(crate) const ADA: &str = "ada.account@contoso.example";
/// Fabrikam's account admin.
pub(crate) const ABE: &str = "abe.account@fabrikam.example";

/// Contoso's first business profile and default location; the sandbox gives both one id.
pub(crate) const CONTOSO_PLACE: &str = "c0a70001-0000-4000-8000-000000000001";
const FABRIKAM_PLACE: &str = "fab00001-0000-4000-8000-000000000001";
const CONTOSO_MPN: &str = "4391227";
const UMA_ID: &str = "c0a70004-0000-4000-8000-000000000004";
const ADA_ID: &str = "c0a70005-0000-4000-8000-000000000005";
const UGO_ID: &str = "fab00004-0000-4000-8000-000000000004";
/// An id of nothing.
const NOTHING: &str = "99999999-9999-4999-8999-999999999999";

/// Calls a server as who has the address `email`.
pub(crate) async fn call(
    server: &Server,
    email: &str,
    method: Method,
    path: &str,
    body: impl ToString,
) -> Answer {
    let authorization = format!("Bearer {}", server.token(email).await);
    let headers = [("authorization", authorization.as_str()), ("content-type", "application/json")];
    let request = with_headers(method, path, &headers).body(Body::from(body.to_string())).unwrap();
    server.send(request).await
}

async fn get(server: &Server, email: &str, path: &str) -> Answer {
    call(server, email, Method::GET, path, "").await
}

async fn post(server: &Server, path: &str, body: Value) -> Answer {
    call(server, ADA, Method::POST, path, body).await
}

async fn put(server: &Server, path: &str, body: Value) -> Answer {
    call(server, ADA, Method::PUT, path, body).await
}

async fn delete(server: &Server, path: &str) -> Answer {
    call(server, ADA, Method::DELETE, path, "").await
}

/// Returns the path of something in a collection.
fn at(collection: &str, id: &str) -> String {
    format!("{collection}/{id}")
}

fn location_at(profile_id: &str, id: &str) -> String {
    format!("{PROFILES}/{profile_id}/locations/{id}")
}

#[track_caller]
fn assert_refused(answer: &Answer, status: u16, inner: &str) {
    assert_eq!(answer.status, status, "{}", answer.text());
    assert_eq!(answer.json()["error"]["innerError"]["code"], inner, "{}", answer.text());
}

#[track_caller]
fn assert_ok(answer: &Answer, status: u16) -> Value {
    assert_eq!(answer.status, status, "{}", answer.text());
    answer.json()
}

/// Every read, with paths of Contoso's.
fn reads() -> Vec<String> {
    vec![
        ORGANIZATION.to_owned(),
        PROFILES.to_owned(),
        at(PROFILES, CONTOSO_PLACE),
        location_at(CONTOSO_PLACE, CONTOSO_PLACE),
        SOLUTIONS.to_owned(),
        at(SOLUTIONS, "SOL-34104-EBB"),
        USERS.to_owned(),
        at(USERS, UMA_ID),
        PARTNERS.to_owned(),
    ]
}

/// Every write, with paths of Contoso's.
fn writes() -> Vec<(Method, String)> {
    vec![
        (Method::PUT, ORGANIZATION.to_owned()),
        (Method::POST, PROFILES.to_owned()),
        (Method::PUT, at(PROFILES, CONTOSO_PLACE)),
        (Method::POST, format!("{PROFILES}/{CONTOSO_PLACE}/locations")),
        (Method::PUT, location_at(CONTOSO_PLACE, CONTOSO_PLACE)),
        (Method::DELETE, location_at(CONTOSO_PLACE, CONTOSO_PLACE)),
        (Method::POST, SOLUTIONS.to_owned()),
        (Method::PUT, at(SOLUTIONS, "SOL-34104-EBB")),
        (Method::DELETE, at(SOLUTIONS, "SOL-34104-EBB")),
        (Method::POST, USERS.to_owned()),
        (Method::PUT, at(USERS, UMA_ID)),
        (Method::DELETE, at(USERS, UMA_ID)),
    ]
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn any_role_reads_the_organization_and_none_is_refused(#[case] backend: Backend) {
    let world = World::open(backend).await;
    world.add_user(CONTOSO, "none@contoso.example", &[], LocationScope::EntireCompany).await;
    let contoso = OrganizationId::parse(CONTOSO).unwrap();
    let organization = world.store.find_organization(&contoso).await.unwrap().unwrap();
    let application = world.store.list_applications(&contoso).await.unwrap().remove(0);
    let issuer = &world.app.issuer;
    let app_only =
        issuer.mint_for_application(&application, &organization, PARTNER, Version::V1, 3600).unwrap();

    for path in reads() {
        let [first, second, third] =
            [get(&world, ADA, &path).await, get(&world, ALEX, &path).await, get(&world, UMA, &path).await];

        assert_eq!(first.status, StatusCode::OK, "{path}: {}", first.text());
        assert_eq!((&second.body, &third.body), (&first.body, &first.body), "{path}");
        assert!(text(&first.json(), "/@odata.context").starts_with(PUBLIC_URL), "{path}");
        assert_refused(&world.get_anonymously(&path).await, 401, "tokenMissing");
        assert_refused(&get(&world, "none@contoso.example", &path).await, 403, "roleRequired");
        let headers = [("authorization", &*format!("Bearer {app_only}"))];
        let alone = world.send(with_headers(Method::GET, &path, &headers).body(Body::empty()).unwrap()).await;
        assert_refused(&alone, 400, "userTokenRequired");
    }
    let refused = get(&world, ADA, &format!("{USERS}?$top=1")).await;
    assert_refused(&refused, 400, "invalidQueryOption");
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn only_an_account_admin_writes(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let before = get(&world, ADA, USERS).await;

    for (method, path) in writes() {
        for email in [ALEX, UMA] {
            let refused = call(&world, email, method.clone(), &path, "{").await;

            assert_refused(&refused, 403, "accountAdminRequired");
            assert_eq!(refused.json()["error"]["code"], "accessDenied");
        }
        let request = with_headers(method.clone(), &path, &[]).body(Body::empty()).unwrap();
        assert_refused(&world.send(request).await, 401, "tokenMissing");
    }
    assert_eq!(get(&world, ADA, USERS).await.body, before.body);
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn what_another_organization_owns_reads_like_what_nobody_owns(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let fabrikam = get(&world, ABE, SOLUTIONS).await;
    let user = r#"{"name":"Mine"}"#;

    for (method, foreign, unknown, inner) in [
        (Method::GET, at(PROFILES, FABRIKAM_PLACE), at(PROFILES, NOTHING), "businessProfileNotFound"),
        (Method::PUT, at(PROFILES, FABRIKAM_PLACE), at(PROFILES, "no-id"), "businessProfileNotFound"),
        (
            Method::POST,
            format!("{PROFILES}/{FABRIKAM_PLACE}/locations"),
            format!("{PROFILES}/{NOTHING}/locations"),
            "businessProfileNotFound",
        ),
        (
            Method::GET,
            location_at(FABRIKAM_PLACE, FABRIKAM_PLACE),
            location_at(CONTOSO_PLACE, NOTHING),
            "locationNotFound",
        ),
        (
            Method::PUT,
            location_at(CONTOSO_PLACE, FABRIKAM_PLACE),
            location_at(NOTHING, CONTOSO_PLACE),
            "locationNotFound",
        ),
        (
            Method::DELETE,
            location_at(FABRIKAM_PLACE, FABRIKAM_PLACE),
            location_at("no-id", NOTHING),
            "locationNotFound",
        ),
        (Method::GET, at(SOLUTIONS, "SOL-15974-MQF"), at(SOLUTIONS, "SOL-1"), "solutionNotFound"),
        (Method::PUT, at(SOLUTIONS, "SOL-15974-MQF"), at(SOLUTIONS, "SOL-1"), "solutionNotFound"),
        (Method::DELETE, at(SOLUTIONS, "SOL-15974-MQF"), at(SOLUTIONS, "SOL-1"), "solutionNotFound"),
        (Method::GET, at(USERS, UGO_ID), at(USERS, NOTHING), "userNotFound"),
        (Method::PUT, at(USERS, UGO_ID), at(USERS, "no-id"), "userNotFound"),
        (Method::DELETE, at(USERS, UGO_ID), at(USERS, NOTHING), "userNotFound"),
    ] {
        let foreign_answer = call(&world, ADA, method.clone(), &foreign, user).await;
        let unknown_answer = call(&world, ADA, method.clone(), &unknown, user).await;

        assert_refused(&foreign_answer, 404, inner);
        assert_eq!(foreign_answer.body, unknown_answer.body, "{method} {foreign} {unknown}");
    }
    assert_eq!(get(&world, ABE, SOLUTIONS).await.body, fabrikam.body);
    assert_eq!(get(&world, ABE, &at(USERS, UGO_ID)).await.json()["name"], "Ugo User");
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn administration_counts_against_the_rate(#[case] backend: Backend) {
    let world = World::with(backend, |config| config.limits.rate_per_organization_per_minute = 2).await;
    let mut last = get(&world, ADA, ORGANIZATION).await;
    assert_eq!(last.header("ratelimit-limit"), "2");

    for _ in 0..4 {
        last = put(&world, ORGANIZATION, json!({})).await;
    }

    assert_eq!(last.status, StatusCode::TOO_MANY_REQUESTS);
}

/// The first migration, as it is recorded when it has run.
fn first_migration(backend: Backend) -> String {
    let text = match backend {
        Backend::Sqlite => include_str!("../../../migrations/sqlite/0001_foundation.sql"),
        Backend::Postgres => include_str!("../../../migrations/postgres/0001_foundation.sql"),
    };
    let checksum = digest(&SHA256, text.as_bytes());
    let checksum: String = checksum.as_ref().iter().map(|it| format!("{it:02x}")).collect();
    format!(
        "CREATE TABLE schema_migrations (
            version BIGINT PRIMARY KEY, name TEXT NOT NULL, checksum TEXT NOT NULL, applied BIGINT NOT NULL);
         INSERT INTO schema_migrations VALUES (1, '0001_foundation', '{checksum}', 0);
         {text}"
    )
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn an_organization_of_the_first_schema_gets_a_business_profile(#[case] backend: Backend) {
    let database = Database::create(backend).await;
    database.execute(&first_migration(backend)).await;
    let id = |number: u32| match backend {
        Backend::Sqlite => format!("x'{number:032x}'"),
        Backend::Postgres => format!("'{number:032x}'"),
    };
    let (one, two, three) = (id(1), id(2), id(3));
    let rows = format!(
        "INSERT INTO organizations (id, tenant_id, name) VALUES ('{CONTOSO}', {one}, 'Contoso');
         INSERT INTO locations (id, organization_id, mpn_id, name, is_default)
         VALUES ({two}, '{CONTOSO}', '10', 'Annex', 0), ({three}, '{CONTOSO}', '20', 'Seat', 1);
         INSERT INTO solutions (id_key, id, organization_id, name) VALUES ('s-1', 'S-1', '{CONTOSO}', 'Service');"
    );
    database.execute(&rows).await;
    let options = StoreOptions { target: database.target(), mode: Mode::ReadWrite };
    let store = Store::open(&options, Clock::fixed(Timestamp::parse(START).unwrap())).await.unwrap();

    store.migrate().await.unwrap();

    let contoso = OrganizationId::parse(CONTOSO).unwrap();
    let profiles = json!(administration::list_business_profiles(&store, &contoso).await.unwrap());
    let name = |place: &str| text(&profiles, place).to_owned();
    assert_eq!(
        [name("/0/status"), name("/0/locations/0/name"), name("/0/locations/1/name")],
        ["Published", "Seat", "Annex"]
    );
    let solutions = administration::list_solutions(&store, &contoso).await.unwrap();
    assert_eq!((solutions[0].id.as_str(), solutions[0].name.as_str()), ("S-1", "Service"));
}
