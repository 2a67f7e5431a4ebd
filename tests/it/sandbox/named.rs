//! Sandboxes beside each other in one server: each is a world of its own.

use http::{Method, StatusCode};
use liaison::storage::{NamedError, Target};
use rstest::rstest;
use serde_json::{Value, json};

use super::*;
use crate::webhooks::Receiver;

const SANDBOXES: &str = "/sandbox/sandboxes";
const HELD: &str = "2027-01-31T09:30:00Z";

/// A sandbox, as a client meets it: by its path alone, with the tokens that it gives.
struct Client<'a> {
    world: &'a World,
    base: &'static str,
    token: String,
}

impl<'a> Client<'a> {
    /// Signs in as Contoso's admin, over HTTP, with what everybody knows.
    async fn sign_in(world: &'a World, base: &'static str) -> Self {
        let form = [
            ("grant_type", "password"),
            ("resource", PARTNER),
            ("client_id", "c0a70002-0000-4000-8000-000000000002"),
            ("client_secret", "contoso-sandbox-secret"),
            ("username", ALEX),
            ("password", "sandbox-password"),
        ];
        let answer = ok(world.post_form(&format!("{base}/common/oauth2/token"), &form).await);
        Self { world, base, token: text(&answer, "/access_token").to_owned() }
    }

    /// Calls a path of this sandbox.
    async fn call(&self, method: Method, path: &str, body: Value) -> Answer {
        self.call_with(&self.token, method, path, body).await
    }

    /// Calls one with somebody else's token.
    async fn call_with(&self, token: &str, method: Method, path: &str, body: Value) -> Answer {
        let bearer = format!("Bearer {token}");
        let json = ("content-type", "application/json");
        let headers = [("authorization", bearer.as_str()), json, ("prefer", "odata.maxpagesize=1")];
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let request = with_headers(method, &format!("{}{path}", self.base), &headers);
        self.world.send(request.body(body.into()).unwrap()).await
    }

    async fn get(&self, path: &str) -> Answer {
        self.call(Method::GET, path, Value::Null).await
    }

    /// Makes a deal of Contoso's own.
    async fn make(&self) -> Value {
        self.call(Method::POST, REFERRALS, own_deal()).await.created()
    }

    async fn count(&self) -> String {
        self.get(&format!("{REFERRALS}/$count")).await.text().to_owned()
    }
}

async fn put(world: &World, name: &str, form: Value) -> Answer {
    call(world, Method::PUT, &format!("{SANDBOXES}/{name}"), form).await
}

async fn names(world: &World) -> Vec<String> {
    let listed = ok(world.get_anonymously(SANDBOXES).await);
    listed["value"].as_array().unwrap().iter().map(|it| text(it, "/name").to_owned()).collect()
}

fn code(answer: &Answer) -> (u16, String) {
    (answer.status.as_u16(), text(&answer.json(), "/error/innerError/code").to_owned())
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn two_sandboxes_cannot_see_each_other(#[case] backend: Backend) {
    let world = World::sandboxes(backend, 2).await;
    let made = put(&world, "a", json!({"profile": "tiny", "seed": 3})).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text());
    let made = made.json();
    assert_eq!(
        made,
        json!({
            "name": "a", "baseUrl": "https://liaison.example/sandboxes/a", "profile": "tiny", "seed": 3,
            "now": START, "offset": "PT0S", "frozen": false, "referrals": 30, "organizations": 3,
        })
    );
    assert_eq!(ok(put(&world, "a", Value::Null).await), made, "the second time it is there");
    assert_eq!(put(&world, "b", json!({"clock": HELD, "frozen": true})).await.status, StatusCode::CREATED);
    assert_eq!(names(&world).await, ["a", "b"]);
    let full = put(&world, "c", Value::Null).await;
    assert_eq!(code(&full), (409, "tooManySandboxes".to_owned()));

    let (main, a, b) = (
        Client::sign_in(&world, "").await,
        Client::sign_in(&world, "/sandboxes/a").await,
        Client::sign_in(&world, "/sandboxes/b").await,
    );
    assert_eq!([main.count().await, a.count().await, b.count().await], ["0", "29", "0"], "one is of others");
    tokens_and_records_stay(&main, &a, &b).await;
    addresses_are_its_own(&a).await;
    the_rest_stays(&main, &a, &b).await;

    // Gone with everything: whoever makes one of that name again finds nothing, and the old token opens nothing.
    let gone = call(&world, Method::DELETE, &format!("{SANDBOXES}/a"), Value::Null).await;
    assert_eq!(gone.status, StatusCode::NO_CONTENT, "{}", gone.text());
    assert_eq!(code(&a.get(REFERRALS).await), (404, "sandboxNotFound".to_owned()));
    assert_eq!(names(&world).await, ["b"]);
    assert_eq!(b.count().await, "1");
    assert_eq!(put(&world, "a", Value::Null).await.json()["referrals"], 0);
    assert_eq!(a.get(REFERRALS).await.status, StatusCode::UNAUTHORIZED);
}

/// The same organisations, the same names, other worlds.
async fn tokens_and_records_stay(main: &Client<'_>, a: &Client<'_>, b: &Client<'_>) {
    for (at, foreign) in [(b, a), (main, a), (a, b), (a, main)] {
        let refused = at.call_with(&foreign.token, Method::GET, REFERRALS, Value::Null).await;
        assert_eq!(refused.status, StatusCode::UNAUTHORIZED, "{} at {:?}", foreign.base, at.base);
    }
    let record = a.make().await;
    let path = format!("{REFERRALS}/{}", text(&record, "/id"));
    assert_eq!(a.get(&path).await.status, StatusCode::OK);
    for other in [main, b] {
        assert_eq!(code(&other.get(&path).await), (404, "referralNotFound".to_owned()));
    }
    b.make().await;
    assert_eq!([main.count().await, a.count().await, b.count().await], ["0", "30", "1"]);
}

/// Every address that a sandbox gives leads to itself, and so does its host.
async fn addresses_are_its_own(a: &Client<'_>) {
    let base = "https://liaison.example/sandboxes/a";
    let page = ok(a.get(REFERRALS).await);
    let root = format!("{base}/v1.0/engagements");
    assert_eq!(page["@odata.context"], format!("{root}/$metadata#referrals"));
    let next = page["@odata.nextLink"].as_str().unwrap();
    assert!(next.starts_with(&root), "{next}");
    let next = a.get(next.strip_prefix(base).unwrap()).await;
    assert_eq!(ok(next)["value"].as_array().unwrap().len(), 1);
    let discovery = ok(a.world.get_anonymously("/sandboxes/a/common/.well-known/openid-configuration").await);
    assert!(text(&discovery, "/token_endpoint").starts_with(base), "{discovery}");
    assert!(text(&discovery, "/issuer").starts_with(base), "{discovery}");
    let description = ok(a.world.get_anonymously("/sandboxes/a/openapi.json").await);
    assert_eq!(description["servers"][0]["url"], base);
    assert!(description["paths"].get(SANDBOXES).is_none(), "only the main sandbox makes others");
    assert_eq!(code(&a.get(SANDBOXES).await), (404, "pathUnknown".to_owned()));
    let batch = json!({"requests": [
        {"id": "1", "method": "GET", "url": format!("{root}/referrals/$count")},
        {"id": "2", "method": "GET", "url": "/v1.0/engagements/referrals/$count"},
    ]});
    let answers = ok(a.call(Method::POST, "/v1.0/engagements/$batch", batch).await);
    let statuses: Vec<_> =
        answers["responses"].as_array().unwrap().iter().map(|it| it["status"].clone()).collect();
    assert_eq!(statuses, [200, 200], "{answers}");

    let bearer = format!("Bearer {}", a.token);
    for (host, status) in [("a.liaison.example", 200), ("a.localhost:8080", 200), ("c.localhost", 421)] {
        let small = ("prefer", "odata.maxpagesize=1");
        let headers = [("host", host), ("authorization", bearer.as_str()), small];
        let request = with_headers(Method::GET, REFERRALS, &headers);
        let answer = a.world.send(request.body(String::new().into()).unwrap()).await;
        assert_eq!(answer.status, status, "{host}: {}", answer.text());
        assert!(status != 200 || answer.json()["@odata.nextLink"].as_str().unwrap().starts_with(base));
    }
}

/// Clock, faults, log, webhooks and snapshots are those of one sandbox.
async fn the_rest_stays(main: &Client<'_>, a: &Client<'_>, b: &Client<'_>) {
    let mut receiver = Receiver::start(&[]).await;
    let webhook = json!({"url": receiver.url("a"), "events": ["referral-created"]});
    let webhook = a.call(Method::POST, "/v1.0/engagements/webhooks", webhook).await;
    assert_eq!(webhook.status, StatusCode::CREATED, "{}", webhook.text());
    ok(b.call(Method::PUT, "/sandbox/snapshots/before", Value::Null).await);
    ok(a.call(Method::PUT, "/sandbox/counterparts/msft", json!({"play": "silent"})).await);
    let second = b.make().await;
    let told = a.make().await;
    let uri = receiver.next().await.json()["data"]["resourceUri"].as_str().unwrap().to_owned();
    assert!(uri.contains("/sandboxes/a/") && uri.ends_with(text(&told, "/id")), "{uri}");

    // Only what is a's is moved, broken, ruined.
    ok(a.call(Method::POST, CLOCK, json!({"advance": "20 days"})).await);
    let fault = a.call(Method::POST, "/sandbox/faults", json!({"kind": "serverError"})).await;
    assert_eq!(fault.status, StatusCode::CREATED, "{}", fault.text());
    assert_eq!(a.get(REFERRALS).await.status, StatusCode::INTERNAL_SERVER_ERROR);
    for (other, now) in [(main, START), (b, HELD)] {
        assert_eq!(ok(other.get(CLOCK).await)["now"], now);
        assert_eq!(ok(other.get("/sandbox/faults").await)["value"], json!([]));
        assert_eq!(ok(other.get("/sandbox/counterparts/msft").await)["isDefault"], true);
        assert_eq!(ok(other.get("/v1.0/engagements/webhooks").await)["value"], json!([]));
        assert_eq!(other.get(REFERRALS).await.status, StatusCode::OK);
        let calls = ok(other.get("/sandbox/requests").await);
        let answered: Vec<_> = calls["value"].as_array().unwrap().iter().map(|it| &it["status"]).collect();
        assert!(!answered.is_empty() && !answered.contains(&&json!(500)), "{answered:?}");
    }
    let restored = ok(b.call(Method::POST, "/sandbox/snapshots/before/restore", json!({})).await);
    assert_eq!((&restored["referrals"], &restored["now"]), (&json!(1), &json!(HELD)));
    assert_eq!(b.get(&format!("{REFERRALS}/{}", text(&second, "/id"))).await.status, StatusCode::NOT_FOUND);
    let cleared = a.call(Method::DELETE, "/sandbox/faults", Value::Null).await;
    assert_eq!(cleared.status, StatusCode::NO_CONTENT);
    // Its token is as old as its clock says.
    let a = Client::sign_in(a.world, a.base).await;
    assert_eq!([main.count().await, a.count().await], ["0", "31"]);
    assert_eq!(ok(a.get("/sandbox/snapshots").await)["value"], json!([]));
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn a_sandbox_is_there_again_after_a_restart(#[case] backend: Backend) {
    let mut world = World::sandboxes(backend, 2).await;
    put(&world, "kept", json!({"profile": "tiny", "clock": HELD, "frozen": true})).await;
    let token = {
        let kept = Client::sign_in(&world, "/sandboxes/kept").await;
        kept.make().await;
        kept.token
    };
    let before = ok(world.get_anonymously(&format!("{SANDBOXES}/kept")).await);
    assert_eq!(
        (&before["referrals"], &before["now"], &before["frozen"]),
        (&json!(31), &json!(HELD), &json!(true))
    );
    // A server that ends while it makes one leaves something that is none.
    let target = world.database.target();
    target.begin_named("half").await.unwrap();

    world.restart().await;

    assert_eq!(names(&world).await, ["kept"]);
    assert_eq!(ok(world.get_anonymously(&format!("{SANDBOXES}/kept")).await), before);
    let kept = Client { world: &world, base: "/sandboxes/kept", token };
    assert_eq!(kept.count().await, "31", "the token is still good");
    assert_eq!(put(&world, "half", Value::Null).await.status, StatusCode::CREATED);
    for name in ["kept", "half"] {
        call(&world, Method::DELETE, &format!("{SANDBOXES}/{name}"), Value::Null).await;
    }
    assert_eq!(target.list_named().await.unwrap(), Vec::<String>::new());
    let gone = call(&world, Method::DELETE, &format!("{SANDBOXES}/kept"), Value::Null).await;
    assert_eq!(code(&gone), (404, "sandboxNotFound".to_owned()));
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn what_cannot_be_a_sandbox_is_told_and_nothing_is_left_of_it(#[case] backend: Backend) {
    let world = World::sandboxes(backend, 1).await;

    for name in ["A", "a_b", "-a", "..%2Fx", &"x".repeat(41)] {
        let refused = put(&world, name, json!({})).await;
        assert_eq!(code(&refused), (400, "invalidValue".to_owned()), "{name}");
    }
    let wrong = put(&world, "a", json!({"profile": "large", "seed": "x", "clock": 1, "size": 2})).await;
    assert_eq!(
        wrong.problems(),
        ["invalidValue /size", "invalidValue /profile", "invalidValue /seed", "invalidValue /clock"]
    );
    let plain = with_headers(Method::PUT, &format!("{SANDBOXES}/a"), &[("content-type", "text/plain")]);
    let plain = world.send(plain.body("{}".into()).unwrap()).await;
    assert_eq!(plain.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    assert_eq!(names(&world).await, Vec::<String>::new());
    for (method, path) in
        [(Method::GET, format!("{SANDBOXES}/z")), (Method::GET, "/sandboxes/z/v1.0".to_owned())]
    {
        assert_eq!(
            code(&call(&world, method, &path, Value::Null).await),
            (404, "sandboxNotFound".to_owned())
        );
    }
    let elsewhere = World::open(backend).await;
    assert_eq!(code(&elsewhere.get_anonymously(SANDBOXES).await), (404, "pathUnknown".to_owned()));
}

#[tokio::test]
async fn a_role_that_may_not_create_databases_is_told_so() {
    let database = Database::create(Backend::Postgres).await;
    let role = format!("liaison_it_poor_{}", std::process::id());
    database.execute(&format!("DROP ROLE IF EXISTS {role}; CREATE ROLE {role} LOGIN PASSWORD 'poor'")).await;
    let mut url = url::Url::parse(&database.url()).unwrap();
    url.set_username(&role).unwrap();
    url.set_password(Some("poor")).unwrap();

    let refused = Target::Postgres(url.into()).begin_named("a").await;

    database.execute(&format!("DROP ROLE {role}")).await;
    assert!(matches!(&refused, Err(NamedError::Denied(it)) if *it == role), "{refused:?}");
}
