//! Sessions: how they begin, what a browser holds, and what ends them.

use axum::{Router, body::Body, routing::get};
use http::{Method, Request, header};
use liaison::{
    domain::organization::{DASHBOARD_ID, LocationScope},
    web::{Seat, protect},
};
use rstest::rstest;
use serde_json::json;
use tower::ServiceExt as _;

use super::{Browser, path_of};
use crate::{
    audit::{ADA, detail, records},
    world::*,
};

const COOKIE: &str = "__Host-liaison";

/// Says whether a browser is signed in.
async fn is_signed_in(browser: &Browser<'_>) -> bool {
    browser.get("/signout").await.text().contains("<button")
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn a_person_signs_in_and_out_and_no_token_reaches_the_browser(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let browser = Browser::new(&world);
    assert!(!is_signed_in(&browser).await);

    let answered = browser.fill_in(ALEX, "sandbox-password", "/deals?status=New").await;
    let done = browser.get(path_of(answered.header("location"))).await;

    assert_eq!((done.status.as_u16(), done.header("location")), (303, "/deals?status=New"));
    let set: Vec<&str> = done.headers.get_all("set-cookie").iter().map(|it| it.to_str().unwrap()).collect();
    let [session, forgotten] = set.as_slice() else { panic!("{set:?}") };
    assert!(session.starts_with("__Host-liaison="), "{session}");
    assert!(session.ends_with("; Path=/; Max-Age=604800; HttpOnly; SameSite=Lax; Secure"), "{session}");
    assert!(forgotten.starts_with("__Host-liaison-signin=; Path=/; Max-Age=0;"), "{forgotten}");
    let token = browser.cookie(COOKIE).unwrap();
    assert_eq!((token.len(), token.contains('.')), (43, false));
    let page = browser.get("/signout").await;
    assert!(page.text().contains("Alex Admin of Contoso Company"), "{}", page.text());
    // The store keeps no more than a hash.
    assert_eq!(world.database.count("sessions WHERE length(hash) = 32").await, 1);
    let issued = records(&world, ADA).await;
    let issued = issued.iter().find(|it| it["operationType"] == "issue_token").unwrap();
    assert_eq!(text(issued, "/applicationId"), DASHBOARD_ID.to_string());
    assert_eq!(
        (text(issued, "/userPrincipalName"), detail(issued, "GrantType")),
        (ALEX, Some("authorization_code"))
    );

    let out = browser.post("/signout", &[]).await;
    assert_eq!((out.status.as_u16(), out.header("location")), (303, "/signout"));
    assert_eq!(browser.cookie(COOKIE), None);
    browser.cookies.borrow_mut().insert(COOKIE.to_owned(), token);
    assert!(!is_signed_in(&browser).await, "what was signed out stays signed out");
}

/// Asks a page that says who looks at it, as one of the dashboard's would.
async fn who(
    world: &World,
    method: Method,
    headers: &[(&str, &str)],
    browser: &Browser<'_>,
) -> (u16, String) {
    let say = async |seat: Seat| {
        let role = seat.actor().map_or_else(|it| it.to_string(), |it| it.role.as_str().to_owned());
        let Seat { colleague, .. } = &seat;
        format!("{} {role} {}", colleague.application_id, seat.administrator().is_some())
    };
    let page = protect(Router::new().route("/page", get(say).post(say)).with_state(world.app.clone()));
    let cookie = browser.cookie(COOKIE).map(|it| format!("{COOKIE}={it}")).unwrap_or_default();
    let request = Request::builder().method(method).uri("/page?a=b&c").header(header::COOKIE, cookie);
    let request = headers.iter().fold(request, |it, (name, value)| it.header(*name, *value));
    let answer = page.oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    let location = answer.headers().get("location").map(|it| it.to_str().unwrap().to_owned());
    let status = answer.status().as_u16();
    let body = axum::body::to_bytes(answer.into_body(), usize::MAX).await.unwrap();
    (status, location.unwrap_or_else(|| String::from_utf8(body.to_vec()).unwrap()))
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn a_page_knows_who_looks_at_it(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let browser = Browser::new(&world);
    let ask = async |method, headers: &'static [(&'static str, &'static str)]| {
        who(&world, method, headers, &browser).await
    };

    let sent = (303, "/signin?next=%2Fpage%3Fa%3Db%26c".to_owned());
    assert_eq!(ask(Method::GET, &[]).await, sent);
    assert_eq!(ask(Method::GET, &[("sec-fetch-mode", "cors")]).await.0, 401);
    let (status, page) = ask(Method::POST, &[]).await;
    assert!(status == 401 && page.contains("You are signed out"), "{page}");

    browser.sign_in(ALEX).await;
    let alex = (200, format!("{DASHBOARD_ID} referrals-admin false"));
    assert_eq!(ask(Method::GET, &[]).await, alex);
    assert_eq!(ask(Method::POST, &[("sec-fetch-site", "same-origin")]).await, alex);
    assert_eq!(ask(Method::POST, &[("sec-fetch-site", "cross-site")]).await.0, 403);
    let other = Browser::new(&world);
    other.sign_in(ADA).await;
    let ada = format!("{DASHBOARD_ID} the user holds no Referrals role true");
    assert_eq!(who(&world, Method::GET, &[], &other).await, (200, ada));

    // Whoever has no role signs in, and has nothing to look at.
    let nobody = "norole@contoso.example";
    world.add_user(CONTOSO, nobody, &[], LocationScope::EntireCompany).await;
    let hash = "UPDATE users SET password_hash = (SELECT password_hash FROM users WHERE email = 'alex.admin@contoso.example')";
    world.database.execute(&format!("{hash} WHERE email = '{nobody}'")).await;
    let other = Browser::new(&world);
    other.sign_in(nobody).await;
    let (status, page) = who(&world, Method::GET, &[], &other).await;
    assert!(status == 403 && page.contains("You have no role here"), "{page}");
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn a_session_ends_in_its_time_and_with_what_it_began_with(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let [idle, used, other] = [ALEX, UMA, FAY].map(|_| Browser::new(&world));
    idle.sign_in(ALEX).await;
    used.sign_in(UMA).await;
    other.sign_in(FAY).await;

    // Eight hours without use; used ones go on, for seven days.
    for _ in 0..2 {
        world.advance_secs(5 * 60 * 60);
        assert!(is_signed_in(&used).await);
    }
    assert!(!is_signed_in(&idle).await);
    for _ in 0..23 {
        world.advance_secs(7 * 60 * 60);
        is_signed_in(&used).await;
    }
    assert!(!is_signed_in(&used).await);
    world.store.forget_expired_sign_ins(world.app.context.clock.now()).await.unwrap();
    assert_eq!(world.database.count("sessions").await, 0);
    assert_eq!(world.database.count("authorization_codes").await, 0);

    // A role is taken, a password changes, a person leaves: at once, on every server.
    let replica = world.replica().await;
    for (email, path, body) in [
        (ALEX, "role", json!({"roles": ["referrals-user"]})),
        (UMA, "password", json!({"password": "another long password"})),
    ] {
        let [here, there] = [&*world, &replica].map(Browser::new);
        here.sign_in(email).await;
        *there.cookies.borrow_mut() = here.cookies.borrow().clone();
        assert!(is_signed_in(&there).await);
        let id = world.store.find_principal_by_email(email).await.unwrap().unwrap().user.id;
        let users = format!("/v1.0/engagements/users/{id}");
        let changed = world.send_json(http::Method::PUT, ADA, &users, &[], body).await;
        assert_eq!(changed.status, 200, "{path}: {}", changed.text());
        assert!(!is_signed_in(&here).await, "{path}");
        if backend == Backend::Postgres {
            assert!(!is_signed_in(&there).await, "{path}");
        }
    }
    let gone = Browser::new(&world);
    gone.sign_in(ALEX).await;
    let id = world.store.find_principal_by_email(ALEX).await.unwrap().unwrap().user.id;
    let users = format!("/v1.0/engagements/users/{id}");
    assert_eq!(world.send_json(http::Method::DELETE, ADA, &users, &[], "").await.status, 204);
    assert!(!is_signed_in(&gone).await);
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn a_sign_in_belongs_to_the_browser_that_began_it(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let [attacker, victim] = [&*world, &*world].map(Browser::new);
    let answered = attacker.fill_in(FAY, "sandbox-password", "//evil.example/").await;
    let callback = path_of(answered.header("location")).to_owned();

    // An attacker's answer in the victim's browser: without a sign-in there, and with another one.
    for _ in 0..2 {
        let refused = victim.get(&callback).await;
        assert_eq!(refused.status, 400);
        assert!(refused.text().contains("Sign in again"), "{}", refused.text());
        assert_eq!(victim.cookie(COOKIE), None);
        victim.get("/signin").await;
    }
    // The code alone opens nothing at the token endpoint either: the dashboard is no application there.
    let code = super::answer_in(answered.header("location"))["code"].clone();
    let form = [
        ("grant_type", "authorization_code"),
        ("client_id", &*DASHBOARD_ID.to_string()),
        ("code", &code),
        ("redirect_uri", "https://liaison.example/signin/callback"),
    ];
    assert_eq!(world.post_form("/common/oauth2/v2.0/token", &form).await.json()["error_codes"][0], 700_016);
    let done = attacker.get(&callback).await;
    assert_eq!((done.status.as_u16(), done.header("location")), (303, "/"));
    let first = attacker.cookie(COOKIE).unwrap();

    // Signing in anew takes another id, and the earlier one is worth nothing.
    attacker.cookies.borrow_mut().remove(COOKIE);
    let answered = attacker.fill_in(FAY, "sandbox-password", "/").await;
    attacker.cookies.borrow_mut().insert(COOKIE.to_owned(), first.clone());
    attacker.get(path_of(answered.header("location"))).await;
    assert_ne!(attacker.cookie(COOKIE).unwrap(), first);
    assert_eq!(world.database.count("sessions").await, 1);
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn other_sites_send_no_forms_and_frame_no_page(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let browser = Browser::new(&world);
    browser.sign_in(ALEX).await;

    for headers in [
        &[("sec-fetch-site", "cross-site"), ("origin", "https://evil.example")][..],
        &[("sec-fetch-site", "same-site")],
        &[("origin", "https://evil.example")],
        &[("origin", "null")],
    ] {
        let refused = browser.send(http::Method::POST, "/signout", headers, String::new()).await;
        assert_eq!(refused.status, 403, "{headers:?}");
        assert!(refused.text().contains("Another site sent this form"));
        let refused =
            browser.send(http::Method::POST, "/common/oauth2/authorize", headers, String::new()).await;
        assert_eq!(refused.status, 403, "{headers:?}");
    }
    assert!(is_signed_in(&browser).await);
    for path in ["/signout", "/signin", "/signin/callback"] {
        let page = browser.get(path).await;
        let policy = page.header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self';"), "{policy}");
        assert!(policy.ends_with("form-action 'self'; base-uri 'none'; frame-ancestors 'none'"), "{policy}");
        assert_eq!(page.header("cache-control"), "private, no-store");
        assert_eq!(page.header("x-content-type-options"), "nosniff");
        assert_eq!(page.header("referrer-policy"), "same-origin");
        assert_eq!(page.header("cross-origin-opener-policy"), "same-origin");
    }
    // The API beside it answers as before.
    assert_eq!(world.get_anonymously("/nothing").await.json()["error"]["code"], "itemNotFound");
    let lost = browser
        .send(http::Method::GET, "/nothing", &[("accept", "text/html,*/*;q=0.8")], String::new())
        .await;
    assert_eq!((lost.status.as_u16(), lost.header("cache-control")), (404, "private, no-store"));
    assert!(lost.text().contains("There is nothing here"), "{}", lost.text());
    assert_eq!(browser.send(http::Method::PUT, "/signout", &[], String::new()).await.status, 405);
}
