//! Administration, the bell and preferences, as people use them: by forms, without a script.

use liaison::feed::notices::catch_up;
use rstest::rstest;
use serde_json::{Value, json};

use super::{Browser, hidden_fields, path_of};
use crate::{audit::ADA, lifecycle::FABRIKAMS, world::*};

/// Fabrikam's account admin.
const ABE: &str = "abe.account@fabrikam.example";
const PEOPLE: &str = "/administration/people";

/// Signs somebody in.
async fn enter<'a>(world: &'a World, email: &str) -> Browser<'a> {
    let browser = Browser::new(world);
    browser.sign_in(email).await;
    browser
}

async fn page(browser: &Browser<'_>, path: &str) -> String {
    let answer = browser.get(path).await;
    assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    answer.text().to_owned()
}

/// Sends a form with the hidden fields of the page where it stands.
async fn send(browser: &Browser<'_>, path: &str, fields: &[(&str, &str)]) -> Answer {
    let hidden = hidden_fields(&page(browser, path).await).into_iter().filter(|it| it.0 == "seen");
    let typed = fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let form: Vec<_> = hidden.chain(typed).collect();
    browser.post(path, &form).await
}

/// Takes what stands between two texts of a page.
fn between<'a>(page: &'a str, before: &str, after: &str) -> &'a str {
    page.split_once(before).unwrap().1.split_once(after).unwrap().0
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn an_admin_adds_a_person_and_a_lowered_role_bites_at_once(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let ada = enter(&world, ADA).await;
    let (new, email) = (format!("{PEOPLE}/new"), "nina.new@contoso.example");
    let name = "<script>alert(1)</script> \"Nina\"";

    let refused = send(&ada, &new, &[("name", name), ("email", "nobody"), ("roles", "account-admin")]).await;
    assert_eq!(refused.status, 422);
    assert!(refused.text().contains("is not an e-mail address"), "{}", refused.text());
    assert!(refused.text().contains("&#60;script&#62;") && !refused.text().contains("<script>alert"));
    let fields = [("name", name), ("email", email), ("roles", "account-admin"), ("roles", "referrals-admin")];
    let added = send(&ada, &new, &fields).await;

    assert_eq!((added.status.as_u16(), added.header("cache-control")), (200, "no-store"));
    let password = between(added.text(), "<code id=\"password\">", "</code>");
    let nina = Browser::new(&world);
    let answered = nina.fill_in(email, password, "/").await;
    nina.get(path_of(answered.header("location"))).await;
    assert!(page(&nina, PEOPLE).await.contains(email));
    let list = page(&ada, PEOPLE).await;
    assert!(!list.contains("<script>alert"));
    let place = list.split("href=\"").find(|it| it.contains("Nina")).unwrap();
    let place = place.split_once('"').unwrap().0.to_owned();
    let lowered =
        send(&ada, &place, &[("name", "Nina New"), ("email", email), ("roles", "referrals-user")]).await;
    assert_eq!(lowered.header("location"), format!("{PEOPLE}?done=person-saved"));
    // The session of other rights is over; the new one has those of now.
    assert_eq!(nina.get(PEOPLE).await.status, 303);
    let answered = nina.fill_in(email, password, "/").await;
    nina.get(path_of(answered.header("location"))).await;
    assert_eq!(nina.get(PEOPLE).await.status, 403);

    // Nobody takes the role from itself; whoever is removed is out.
    let own =
        list.split("href=\"").find(|it| it.contains(ADA)).unwrap().split_once('"').unwrap().0.to_owned();
    let own = send(&ada, &own, &[("name", "Ada"), ("email", ADA), ("roles", "referrals-admin")]).await;
    assert_eq!(own.status, 422);
    assert!(own.text().contains("account admin"), "{}", own.text());
    assert_eq!(ada.post(&format!("{place}/remove"), &[]).await.status, 303);
    assert_eq!(nina.get("/preferences").await.status, 303);
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn a_form_that_is_behind_shows_what_is_there_and_keeps_what_was_typed(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let ada = enter(&world, ADA).await;
    let path = "/administration";
    let form = |name: &str, seen: &str| -> Vec<(String, String)> {
        [("companyName", name), ("seen", seen)]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into()
    };
    let seen = between(&page(&ada, path).await, "name=\"seen\" value=\"", "\"").to_owned();

    assert_eq!(ada.post(path, &form("Contoso One", &seen)).await.status, 303);
    let behind = ada.post(path, &form("Contoso Two", &seen)).await;

    assert_eq!(behind.status, 422);
    assert!(behind.text().contains("value=\"Contoso Two\""), "what was typed is kept");
    assert!(behind.text().contains("Stands there now: Contoso One"), "{}", behind.text());
    let seen = between(behind.text(), "name=\"seen\" value=\"", "\"").to_owned();
    assert_eq!(ada.post(path, &form("Contoso Two", &seen)).await.status, 303);
    let view = world.get_path(ALEX, "/v1.0/engagements/organization", &[]).await.json();
    assert_eq!(view["companyName"], "Contoso Two");
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn places_and_solutions_are_made_changed_and_removed(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let ada = enter(&world, ADA).await;
    let profiles = "/administration/profiles";
    let made = send(&ada, &format!("{profiles}/new"), &[("country", "nl"), ("status", "Published")]).await;
    assert_eq!(made.header("location"), format!("{profiles}?done=profile-added"), "{}", made.text());
    let list = page(&ada, profiles).await;
    let id = between(list.split("Business profile for NL").nth(1).unwrap(), "/profiles/", "\"").to_owned();

    let new = format!("{profiles}/{id}/locations/new");
    let wrong = send(&ada, &new, &[("name", "Utrecht"), ("mpnId", "x"), ("geo.lat", "north")]).await;
    assert_eq!(wrong.status, 422);
    for problem in ["field-mpnId-notes", "field-geo-lat-notes", "is no partner id"] {
        assert!(wrong.text().contains(problem), "{problem}: {}", wrong.text());
    }
    let fields = [("name", "Utrecht"), ("mpnId", "4711"), ("geo.lat", "52.1"), ("address.city", "Utrecht")];
    assert_eq!(send(&ada, &new, &fields).await.status, 303);
    let list = page(&ada, profiles).await;
    let place = list.split("href=\"").find(|it| it.contains("Utrecht")).unwrap().split_once('"').unwrap().0;
    assert!(page(&ada, place).await.contains("value=\"52.1\""));
    let solution = [("id", "SOL-1-NL"), ("name", "Bakery"), ("mpnId", "4711"), ("solutionAreas", "A\r\nB")];
    assert_eq!(send(&ada, "/administration/solutions/new", &solution).await.status, 303);

    // What something refers to stays, with the reason on the page that asked.
    let stays = ada.post(&format!("{place}/remove"), &[]).await;
    assert_eq!(stays.status, 422);
    assert!(stays.text().contains("solution SOL-1-NL is of location 4711"), "{}", stays.text());
    assert_eq!(ada.post("/administration/solutions/of/SOL-1-NL/remove", &[]).await.status, 303);
    assert_eq!(ada.post(&format!("{place}/remove"), &[]).await.status, 303);
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn a_webhook_is_made_tried_out_and_written_down(#[case] backend: Backend) {
    let world = World::with(backend, |config| config.requests.enabled = true).await;
    let ada = enter(&world, ADA).await;
    let path = "/administration/webhooks";
    let wrong = [("url", "ftp://x"), ("filter", "nonsense eq"), ("payload", "thin")];
    let wrong = send(&ada, &format!("{path}/new"), &wrong).await;
    assert_eq!(wrong.status, 422);
    for place in ["#field-url", "#field-filter", "#field-events"] {
        assert!(wrong.text().contains(place), "{place}: {}", wrong.text());
    }
    let fields = [("url", "https://receiver.example/hook"), ("events", "referral-created"), ("filter", "")];
    let made = send(&ada, &format!("{path}/new"), &fields).await;
    assert_eq!((made.status.as_u16(), made.header("cache-control")), (200, "no-store"));
    assert!(between(made.text(), "<code id=\"secret\">", "</code>").starts_with("whsec_"));
    let own = format!("{path}/{}", between(made.text(), &format!("href=\"{path}/"), "\""));

    for (act, done) in
        [("pause", "webhook-paused"), ("resume", "webhook-resumed"), ("test", "webhook-tested")]
    {
        let answer = ada.post(&format!("{own}/{act}"), &[]).await;
        assert_eq!(answer.header("location"), format!("{own}?done={done}"));
    }
    let log = page(&ada, &format!("{own}?state=pending&done=webhook-tested")).await;
    assert!(log.contains("test-created") && log.contains("A test is on its way."), "{log}");
    let delivery = format!("{own}/deliveries/{}", between(&log, "/deliveries/", "\""));
    assert!(page(&ada, &delivery).await.contains("Not tried yet."));
    let range = ada.post(&format!("{own}/redeliver"), &[("from".to_owned(), "soon".to_owned())]).await;
    assert_eq!(range.status, 422);
    assert!(range.text().contains("is no time such as"), "{}", range.text());
    let since = [("since".to_owned(), "2026-11-22T09:00".to_owned())];
    assert_eq!(
        ada.post(&format!("{own}/recover"), &since).await.header("location"),
        format!("{own}?done=recovered")
    );

    // Everything of it is in the audit records, on the page and in the file.
    let audit = page(&ada, "/administration/audit?kind=webhook").await;
    let (above, _) = audit.split_once("recover webhook").unwrap();
    let record =
        above.rsplit("/administration/audit/records/").next().and_then(|it| it.split('"').next()).unwrap();
    assert!(audit.contains("recover webhook") && audit.contains("create webhook"), "{audit}");
    assert!(page(&ada, &format!("/administration/audit/records/{record}")).await.contains("Since"));
    let file = ada.get("/administration/audit/export?kind=webhook&format=csv").await;
    assert!(file.header("content-disposition").contains("auditrecords.csv"));
    assert_eq!(file.text().matches("_webhook").count(), 2 * 5, "{}", file.text());
    assert!(page(&ada, "/administration/audit?from=x").await.contains("Choose two days"));

    // And what applications call is in the request log, with what to do about a refusal.
    world.post(ALEX, json!({"type": "Nonsense"})).await;
    let calls = page(&ada, "/administration/requests?only=refused").await;
    let call = format!("/administration/requests/calls/{}", between(&calls, "/requests/calls/", "\""));
    assert!(page(&ada, &call).await.contains("send one of the words that `allowed` lists"));
    let archive = ada.get("/administration/requests/archive").await.json();
    let entries = archive["log"]["entries"].as_array().unwrap();
    assert_eq!(entries[0]["response"]["statusText"], "Bad Request");
    let is_page = |it: &Value| it["request"]["url"].as_str().unwrap().contains("/administration");
    assert!(!entries.iter().any(is_page), "pages are no calls: {archive}");
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn who_may_not_sees_nothing_and_what_is_anothers_is_not_there(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let (ada, uma, abe) = (enter(&world, ADA).await, enter(&world, UMA).await, enter(&world, ABE).await);
    let parts = [
        "",
        "/people",
        "/people/new",
        "/profiles",
        "/profiles/new",
        "/solutions",
        "/solutions/new",
        "/webhooks",
        "/audit",
        "/requests",
    ];
    for part in parts {
        assert_eq!(uma.get(&format!("/administration{part}")).await.status, 403, "{part}");
    }
    let form = [("name".to_owned(), "Uma".to_owned())];
    for path in
        ["/administration/people/new", "/administration/webhooks/new", "/administration/solutions/new"]
    {
        assert_eq!(uma.post(path, &form).await.status, 403, "{path}");
    }
    let people = page(&ada, PEOPLE).await;
    let locations = page(&ada, "/administration/profiles").await;
    let solutions = page(&ada, "/administration/solutions").await;
    let first =
        |page: &str, before: &str| format!("{before}{}", between(page, &format!("href=\"{before}"), "\""));
    let foreign = [
        people.split("href=\"").find(|it| it.contains(ADA)).unwrap().split_once('"').unwrap().0.to_owned(),
        locations
            .split("href=\"")
            .find(|it| it.contains("/locations/"))
            .unwrap()
            .split_once('"')
            .unwrap()
            .0
            .to_owned(),
        first(&solutions, "/administration/solutions/of/"),
        "/administration/people/nobody".to_owned(),
        "/administration/webhooks/00000000-0000-4000-8000-000000000000".to_owned(),
        "/administration/audit/records/x".to_owned(),
        "/administration/requests/calls/x".to_owned(),
    ];
    for path in &foreign {
        let answer = abe.get(path).await;
        assert_eq!(answer.status, 404, "{path}");
        assert!(answer.text().contains("There is nothing here"), "{path}: {}", answer.text());
        assert_eq!(abe.post(&format!("{path}/remove"), &[]).await.status, 404, "{path}");
    }
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn the_bell_tells_what_happened_and_preferences_are_kept(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let deal = edited(to_location(FABRIKAMS), &[("/name", json!("Bakery <b>"))]);
    let id = text(&world.post(ALEX, deal).await.created(), "/id").to_owned();
    world.store.settle().await.unwrap();
    catch_up(&world.app.context.feed).await.unwrap();
    let fay = enter(&world, FAY).await;

    let list = page(&fay, "/notices").await;
    assert!(list.contains("Bakery &#60;b&#62; came in"), "{list}");
    assert!(list.contains("1 unread notice"));
    let item = list.split("data-row").nth(1).unwrap();
    let notice = format!("/notices/{}/read", between(item, "action=\"/notices/", "/read\""));
    let read = fay.post(&notice, &[("next".to_owned(), format!("/deals/{id}"))]).await;
    assert_eq!(read.header("location"), format!("/deals/{id}"));
    assert!(page(&fay, "/notices?unread=true").await.contains("You have read everything."));

    let path = "/preferences";
    let look = [("pages-language".to_owned(), "nl".to_owned()), ("theme".to_owned(), "dark".to_owned())];
    let saved = fay.post("/preferences/look", &look).await;
    assert_eq!(saved.header("location"), "/preferences?done=look-saved");
    let dutch = page(&fay, path).await;
    assert!(dutch.contains("lang=\"nl\" data-theme=\"dark\"") && dutch.contains("Voorkeuren"), "{dutch}");
    // Mails follow the language of the pages.
    let read = async || world.get_path(FAY, "/v1.0/engagements/notices/preferences", &[]).await.json();
    assert_eq!(read().await["locale"], "nl");
    let seen = between(&dutch, "name=\"seen\" value=\"", "\"").to_owned();
    let form = |locale: &str| -> Vec<(String, String)> {
        let pairs =
            [("seen", seen.as_str()), ("digest", "always"), ("kinds", "opportunity-won"), ("locale", locale)];
        pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
    };
    assert_eq!(fay.post("/preferences/mail", &form("no culture")).await.status, 422);
    assert_eq!(fay.post("/preferences/mail", &form("nl-BE")).await.status, 303);
    let kept = read().await;
    let kept = (&kept["email"], &kept["digest"], &kept["kinds"], &kept["locale"]);
    assert_eq!(kept, (&json!(false), &json!("always"), &json!(["opportunity-won"]), &json!("nl-BE")));
}
