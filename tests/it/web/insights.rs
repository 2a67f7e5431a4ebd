//! What referrals add up to, and what others did since the last look.

use liaison::domain::time::Timestamp;
use rstest::rstest;
use serde_json::{Value, json};

use super::{Browser, hidden_fields};
use crate::{
    audit::{ADA, detail, records},
    world::*,
};

const DAY_SECS: i64 = 24 * 60 * 60;

/// Fabrikam sends four opportunities to Contoso, one of them from a deal of its own. Contoso wins one and declines one;
/// it has a deal of its own, and one that was a mistake.
async fn play(world: &World) {
    let mut sent = Vec::new();
    for _ in 0..3 {
        sent.push(world.post(FAY, fixture()).await.created());
    }
    let own = world.post(FAY, own_deal()).await.created();
    let connected = edited(fixture(), &[("/engagementId", own["engagementId"].clone())]);
    world.post(FAY, connected).await.created();
    let value = [("/details/currency", "EUR".into()), ("/details/dealValue", json!(1234.5))];
    world.post(ALEX, edited(own_deal(), &value)).await.created();
    let mistake = world.post(ALEX, own_deal()).await.created();
    world.act(ALEX, text(&mistake, "/id"), "closeAsError", json!({})).await.created();

    world.advance_secs(DAY_SECS);
    world.act(ALEX, text(&sent[0], "/id"), "accept", json!({})).await.created();
    let reason = json!({"statusReason": "Customer didn't respond: we called twice"});
    world.act(ALEX, text(&sent[1], "/id"), "decline", reason).await.created();
    world.advance_secs(3 * DAY_SECS);
    world.act(ALEX, text(&sent[0], "/id"), "win", json!({})).await.created();
}

/// Returns the lines of a file, without its head.
async fn lines(browser: &Browser<'_>, file: &str) -> Vec<String> {
    let answer = browser.get(&format!("/insights/{file}")).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert!(answer.header("content-disposition").contains("insights-"), "{file}");
    answer.text().lines().skip(1).map(|it| it.replace('"', "")).collect()
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn tables_say_what_happened_and_to_whom_it_may_be_told(#[case] backend: Backend) {
    let world = World::open(backend).await;
    play(&world).await;
    let browser = Browser::new(&world);
    browser.sign_in(ALEX).await;

    let funnel = lines(&browser, "funnel.csv").await;
    for line in
        ["all,4,0,1", "waiting,2,0,", "accepted,1,0,", "acceptanceRate,0.500,,", "winRate,1.000,,0.000"]
    {
        assert!(funnel.iter().any(|it| it == line), "{line} is not in {funnel:?}");
    }
    let value = lines(&browser, "value.csv?flow=inbound").await;
    assert_eq!(value, ["USD,inbound,200000,50000,50000"]);
    let times = lines(&browser, "times.csv").await;
    assert_eq!(times[..2], ["inbound acceptance,1,86400,86400", "inbound win,1,259200,259200"]);
    assert_eq!(lines(&browser, "reasons.csv").await, ["Customer didn't respond,declined,inbound,1"]);
    assert_eq!(lines(&browser, "countries.csv").await, ["US,5,2,1,EUR 1234.5; USD 200000"]);
    let solution = "Dynamics365forFieldService,4,1,1,USD 200000";
    assert_eq!(lines(&browser, "solutions.csv?flow=inbound").await, [solution]);
    let trend = lines(&browser, "trend.csv?step=week").await;
    assert_eq!(trend[..2], ["2026-11-23,0,0,0", "2026-11-16,5,2,1"]);
    let told = records(&world, ADA).await;
    let export = told.iter().find(|it| it["operationType"] == "export_insight").unwrap();
    assert_eq!((text(export, "/userPrincipalName"), detail(export, "Until").is_some()), (ALEX, true));

    // The other side sees the same, and its own deal once.
    let fabrikam = Browser::new(&world);
    fabrikam.sign_in(FAY).await;
    assert_eq!(lines(&fabrikam, "funnel.csv").await[0], "all,0,4,1");
    assert_eq!(lines(&fabrikam, "countries.csv").await, ["US,4,2,1,USD 200000"]);
    // Whoever works on none of it sees none of it.
    let user = Browser::new(&world);
    user.sign_in(UMA).await;
    assert_eq!(lines(&user, "funnel.csv").await[0], "all,0,0,0");
    assert_eq!(lines(&user, "solutions.csv").await, [""; 0]);
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn filters_narrow_the_page_and_say_what_is_wrong_with_them(#[case] backend: Backend) {
    let world = World::open(backend).await;
    play(&world).await;
    let browser = Browser::new(&world);
    browser.sign_in(ALEX).await;
    let mpn_id = world.stored().await.iter().find_map(|it| {
        let document: Value = serde_json::from_str(&it.document).unwrap();
        (it.organization_id.to_string() == CONTOSO).then(|| document["mpnId"].as_str().map(str::to_owned))?
    });
    let filters = [
        ("country=us".to_owned(), 4),
        ("country=NL".to_owned(), 0),
        ("solution=Dynamics365forFieldService".to_owned(), 4),
        ("status=won".to_owned(), 1),
        ("status=declined&country=US".to_owned(), 1),
        ("member=nobody%40contoso.example".to_owned(), 0),
        (format!("location={}", mpn_id.unwrap()), 4),
        ("location=1".to_owned(), 0),
        ("from=2026-11-23&until=2026-11-26".to_owned(), 0),
    ];
    for (filter, count) in filters {
        let found = lines(&browser, &format!("funnel.csv?flow=inbound&{filter}")).await;
        assert_eq!(found[0], format!("all,{count}"), "{filter}");
    }

    let page = browser.get("/insights?flow=inbound").await;
    assert_eq!(page.status, 200);
    assert!(
        page.text().contains("<svg viewBox=\"0 0 360 ") && page.text().contains("value.csv?flow=inbound")
    );
    let refused = browser.get("/insights?country=%3Cb%3E&from=yesterday").await;
    assert_eq!(refused.status, 422);
    for said in ["A country has two letters", "A day is needed", "value=\"&#60;B&#62;\""] {
        assert!(refused.text().contains(said), "{said}: {}", refused.text());
    }
    assert_eq!(browser.get("/insights/nothing.csv").await.status, 404);
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn news_stays_until_it_is_marked_as_seen(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let sent = world.post(FAY, fixture()).await.created();
    let browser = Browser::new(&world);
    browser.sign_in(ALEX).await;
    let home = || async {
        world.store.settle().await.unwrap();
        browser.get("/").await
    };

    let page = home().await;
    for _ in 0..2 {
        assert!(home().await.text().contains("Created by Fabrikam"), "{}", page.text());
    }
    world.act(FAY, text(&sent, "/id"), "withdraw", json!({})).await.created();
    let mark: Vec<(String, String)> =
        hidden_fields(page.text()).into_iter().filter(|it| it.0 == "cursor" || it.0 == "at").collect();
    assert!(Timestamp::parse(&mark[1].1).is_some(), "{mark:?}");
    assert_eq!(browser.post("/seen", &mark).await.header("location"), "/?done=seen");

    // What came after the page was made is still news, and what the person does is none.
    let page = home().await;
    assert!(!page.text().contains("Created by Fabrikam"), "{}", page.text());
    assert!(page.text().contains("Invitation withdrawn by Fabrikam"), "{}", page.text());
    world.post(ALEX, own_deal()).await.created();
    assert!(!home().await.text().contains("Created by"));
    let foreign = [("cursor".to_owned(), "nonsense".to_owned())];
    assert_eq!(browser.post("/seen", &foreign).await.status, 409);
}
