//! Over the API: people, their roles and locations, and how soon a change counts.

use std::time::Duration;

use http::{Method, StatusCode};
use liaison::{
    domain::organization::{LocationScope, Role},
    sandbox::seed::{COMPANIES, PASSWORD},
};
use rstest::rstest;
use serde_json::json;

use super::*;

async fn sign_in(world: &World, email: &str, password: &str) -> Answer {
    let form = [
        ("grant_type", "password"),
        ("client_id", "c0a70002-0000-4000-8000-000000000002"),
        ("client_secret", COMPANIES[0].client_secret),
        ("resource", PARTNER),
        ("username", email),
        ("password", password),
    ];
    world.post_form("/common/oauth2/token", &form).await
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn a_new_user_signs_in_and_a_new_password_ends_the_old(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let body = json!({"email": "Ann@Contoso.example", "name": "Ann", "roles": ["Referrals-Admin"]});

    let made = post(&world, USERS, body.clone()).await;
    let user = assert_ok(&made, 201);
    let (id, password) = (text(&user, "/id"), text(&user, "/generatedPassword"));

    assert_eq!(made.header("cache-control"), "no-store");
    assert_eq!(made.header("location"), format!("{PUBLIC_URL}{USERS}/{id}"));
    let read = get(&world, UMA, &at(USERS, id)).await.json();
    assert_eq!(read, without(user.clone(), "/generatedPassword"));
    assert_eq!(
        (&read["email"], &read["roles"]),
        (&json!("ann@contoso.example"), &json!(["referrals-admin"]))
    );
    let tokens = sign_in(&world, "ann@contoso.example", password).await;
    assert_eq!(tokens.status, StatusCode::OK, "{}", tokens.text());
    let authorization = format!("Bearer {}", text(&tokens.json(), "/access_token"));
    assert_eq!(world.post_authorized(&authorization).await.status, StatusCode::OK);

    assert_ok(&put(&world, &at(USERS, id), json!({"password": "correct horse"})).await, 200);
    assert_eq!(sign_in(&world, "ann@contoso.example", password).await.status, StatusCode::BAD_REQUEST);
    assert_eq!(sign_in(&world, "ann@contoso.example", "correct horse").await.status, StatusCode::OK);
    assert_refused(&post(&world, USERS, body).await, 409, "alreadyExists");
    let taken = put(&world, &at(USERS, id), json!({"email": UGO})).await;
    assert_refused(&taken, 409, "alreadyExists");
    let own_id = json!({"id": UGO_ID, "email": "b@contoso.example", "name": "B", "roles": ["account-admin"]});
    assert_refused(&post(&world, USERS, own_id).await, 409, "alreadyExists");

    let elsewhere = json!({"email": "eve@contoso.example", "name": "Eve", "roles": ["referrals-user"],
        "issuer": "https://login.example", "subject": "7"});
    let elsewhere = assert_ok(&post(&world, USERS, elsewhere).await, 201);
    assert_eq!(elsewhere.get("generatedPassword"), None);
    let refused = put(&world, &at(USERS, text(&elsewhere, "/id")), json!({"password": "long enough"})).await;
    assert_eq!(refused.problems(), ["invalidValue /password"]);
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn every_problem_of_a_user_is_reported_at_once(#[case] backend: Backend) {
    let world = World::open(backend).await;

    let new = post(
        &world,
        USERS,
        json!({"email": "x", "roles": ["boss", "account-admin"], "locations": ["5160884"], "password": "short",
            "subject": "7", "id": "1", "shoes": 44}),
    )
    .await;
    let changed = put(
        &world,
        &at(USERS, UMA_ID),
        json!({"name": null, "roles": [], "locations": "all", "password": "   ", "issuer": "https://a.example"}),
    )
    .await;

    assert_eq!(
        new.problems(),
        [
            "invalidValue /id",
            "invalidValue /email",
            "requiredFieldMissing /name",
            "invalidValue /roles/0",
            "invalidValue /locations/0",
            "invalidValue /password",
            "requiredFieldMissing /issuer",
            "invalidValue /shoes"
        ]
    );
    assert_eq!(
        changed.problems(),
        [
            "requiredFieldMissing /name",
            "requiredFieldMissing /roles",
            "invalidValue /locations",
            "invalidValue /password",
            "invalidValue /issuer"
        ]
    );
    assert_eq!(get(&world, ADA, USERS).await.json()["@odata.count"], 3);
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn roles_and_people_that_go_are_gone_at_the_next_call(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let path = at(USERS, UMA_ID);
    let authorization = format!("Bearer {}", world.token(UMA).await);
    assert_eq!(world.post_authorized(&authorization).await.status, StatusCode::OK);

    assert_ok(&put(&world, &path, json!({"roles": ["account-admin"]})).await, 200);
    assert_refused(&world.post_authorized(&authorization).await, 403, "referralsRoleRequired");
    assert_eq!(call(&world, UMA, Method::PUT, ORGANIZATION, "{}").await.status, StatusCode::OK);
    assert_ok(&put(&world, &path, json!({"roles": ["referrals-user"]})).await, 200);
    assert_eq!(world.post_authorized(&authorization).await.status, StatusCode::OK);
    assert_refused(&call(&world, UMA, Method::PUT, ORGANIZATION, "{}").await, 403, "accountAdminRequired");
    assert_eq!(delete(&world, &path).await.status, StatusCode::NO_CONTENT);
    assert_refused(&world.post_authorized(&authorization).await, 401, "tokenUserUnknown");
    assert_refused(&get(&world, ADA, &path).await, 404, "userNotFound");
    assert_eq!(sign_in(&world, UMA, PASSWORD).await.status, StatusCode::BAD_REQUEST);
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn a_change_of_locations_shows_at_the_next_call(#[case] backend: Backend) {
    let world = World::open(backend).await;
    world.add_northwind().await;
    let everywhere = LocationScope::EntireCompany;
    world.add_user(NORTHWIND, "nell@northwind.example", &[Role::AccountAdmin], everywhere).await;
    let north = LocationScope::Locations(vec![NORTH_MPN.to_owned()]);
    world.add_user(NORTHWIND, "ned@northwind.example", &[Role::ReferralsAdmin], north).await;
    let deal = edited(own_deal(), &[("/mpnId", SOUTH_MPN.into())]);
    let id = text(&world.post(NORA, deal).await.created(), "/id").to_owned();
    let people = get(&world, NORA, USERS).await.json();
    let people = people["value"].as_array().unwrap();
    let ned = people.iter().find(|it| it["email"] == "ned@northwind.example").unwrap();
    let path = at(USERS, text(ned, "/id"));
    assert_eq!(ned["locations"], json!([NORTH_MPN]));

    let mut seen = Vec::new();
    for locations in [json!([NORTH_MPN]), json!([SOUTH_MPN]), json!([NORTH_MPN]), json!([])] {
        let body = json!({"locations": locations});
        let changed = call(&world, "nell@northwind.example", Method::PUT, &path, body).await;
        assert_eq!(assert_ok(&changed, 200)["locations"], locations);
        seen.push(world.get("ned@northwind.example", &id).await.status.as_u16());
    }

    assert_eq!(seen, [404, 200, 404, 200]);
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn an_account_admin_stays_one(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let path = at(USERS, ADA_ID);
    let less = json!({"roles": ["referrals-admin"]});

    assert_refused(&put(&world, &path, less.clone()).await, 409, "lastAccountAdmin");
    assert_refused(&delete(&world, &path).await, 409, "lastAccountAdmin");
    assert_ok(&put(&world, &at(USERS, UMA_ID), json!({"roles": ["account-admin"]})).await, 200);
    assert_refused(&put(&world, &path, less.clone()).await, 409, "ownAccountAdmin");
    assert_refused(&delete(&world, &path).await, 409, "ownAccountAdmin");
    // More roles, and another name, are her own business; and another admin may take hers.
    let more = json!({"roles": ["account-admin", "referrals-admin"], "name": "Ada A."});
    assert_eq!(assert_ok(&put(&world, &path, more).await, 200)["name"], "Ada A.");
    assert_ok(&call(&world, UMA, Method::PUT, &path, less).await, 200);
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn two_account_admins_who_dismiss_each_other_leave_one(#[case] backend: Backend) {
    let world = World::open(backend).await;
    assert_ok(&put(&world, &at(USERS, UMA_ID), json!({"roles": ["account-admin"]})).await, 200);
    let less = json!({"roles": ["referrals-user"]});

    let (one, other) = (at(USERS, UMA_ID), at(USERS, ADA_ID));
    let (first, second) = tokio::join!(
        call(&world, ADA, Method::PUT, &one, &less),
        call(&world, UMA, Method::PUT, &other, &less),
    );

    let mut statuses = [first.status.as_u16(), second.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 403], "{} {}", first.text(), second.text());
    let people = get(&world, ALEX, USERS).await.json();
    let admins = people["value"].as_array().unwrap().iter().filter(|it| it["roles"][0] == "account-admin");
    assert_eq!(admins.count(), 1, "{people}");
}

/// How often the other server is asked: some seconds in all, far below the five that an answer may be remembered.
const LOOKS_MAX: usize = 200;

/// Asks a server until it answers `status`, and returns how often it was asked.
async fn looks_until(server: &Server, authorization: &str, status: u16) -> usize {
    for looks in 1..=LOOKS_MAX {
        if server.post_authorized(authorization).await.status == status {
            return looks;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{status} did not come");
}

#[tokio::test]
async fn a_role_that_is_taken_away_on_one_server_ends_access_on_all() {
    let world = World::open(Backend::Postgres).await;
    let replica = world.replica().await;
    let authorization = format!("Bearer {}", world.token(UMA).await);
    let path = at(USERS, UMA_ID);

    for _ in 0..3 {
        assert_eq!(replica.post_authorized(&authorization).await.status, StatusCode::OK);
        assert_ok(&put(&world, &path, json!({"roles": ["account-admin"]})).await, 200);
        looks_until(&replica, &authorization, 403).await;
        assert_ok(&put(&world, &path, json!({"roles": ["referrals-user"]})).await, 200);
        looks_until(&replica, &authorization, 200).await;
    }
}

#[tokio::test]
async fn a_server_that_hears_no_notices_remembers_nothing() {
    let world = World::open(Backend::Postgres).await;
    let replica = world.replica().await;
    let authorization = format!("Bearer {}", world.token(UMA).await);
    assert_eq!(replica.post_authorized(&authorization).await.status, StatusCode::OK);

    // The connections that listen are cut, and while they are, a role goes without any notice.
    world
        .database
        .execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
             WHERE application_name = 'liaison directory' AND datname = current_database()",
        )
        .await;
    world.database.execute("UPDATE users SET roles = '[\"account-admin\"]' WHERE email LIKE 'uma%'").await;
    looks_until(&replica, &authorization, 403).await;

    // They come back, and notices count again.
    assert_ok(&put(&world, &at(USERS, UMA_ID), json!({"roles": ["referrals-user"]})).await, 200);
    looks_until(&replica, &authorization, 200).await;
}
