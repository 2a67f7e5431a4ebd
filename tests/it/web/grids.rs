//! The lists of deals and leads: what is on them, what stays, and what is taken along as a file.

use rstest::rstest;
use serde_json::{Value, json};

use super::Browser;
use crate::{
    audit::{ADA, detail, operations, records},
    lifecycle::FABRIKAMS,
    world::*,
};

async fn deal(world: &World, name: &str, edits: &[(&str, Value)]) -> Value {
    world.advance_secs(1);
    world.post(ALEX, edited(edited(own_deal(), &[("/name", name.into())]), edits)).await.created()
}

async fn seat<'a>(world: &'a World, email: &str) -> Browser<'a> {
    let browser = Browser::new(world);
    browser.sign_in(email).await;
    browser
}

/// Opens a page, going where it leads.
async fn open(browser: &Browser<'_>, path: &str) -> Answer {
    let mut answer = browser.get(path).await;
    while answer.status == 303 {
        let next = answer.header("location").to_owned();
        answer = browser.get(&next).await;
    }
    answer
}

/// Returns the names of the deals on a page, in their order.
fn names(page: &Answer) -> Vec<&str> {
    let links = page.text().split("data-preview>").skip(1);
    links.map(|it| it.split_once("</a>").unwrap().0).collect()
}

/// Returns the address behind a link that is found by what stands before it.
fn link_after(page: &Answer, mark: &str) -> String {
    let rest =
        page.text().split_once(mark).unwrap_or_else(|| panic!("{mark} is not there: {}", page.text())).1;
    rest.split_once("href=\"").unwrap().1.split_once('"').unwrap().0.replace("&#38;", "&")
}

fn form(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn filters_and_search_go_together_and_stay_until_they_are_cleared(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let country = |code: &str| ("/customerProfile/address/country", json!(code));
    let notes = |text: &str| ("/details/notes", json!(text));
    deal(&world, "Alpha", &[country("BE"), notes("a cloud move"), ("/details/dealValue", json!(900))]).await;
    deal(&world, "beta", &[country("NL"), notes("a cloud move"), ("/details/dealValue", json!(100.5))]).await;
    deal(&world, "Gamma", &[country("NL"), notes("nothing")]).await;
    world.advance_secs(1);
    world.post(ALEX, edited(to_location(FABRIKAMS), &[("/name", "Offer".into())])).await.created();
    let alex = seat(&world, ALEX).await;

    assert_eq!(names(&open(&alex, "/deals").await), [""; 0]);
    assert_eq!(names(&open(&alex, "/deals?tab=outbound").await), ["Offer", "Gamma", "beta", "Alpha"]);
    assert_eq!(names(&open(&alex, "/deals?tab=outbound&sort=name").await)[..2], ["Alpha", "beta"]);
    for (query, expected) in [
        ("q=CLOUD&country=NL&country=BE&value-max=100.50", vec!["beta"]),
        ("country=NL&q=cloud", vec!["beta"]),
        ("country=BE%2CNL&sort=-value", vec!["Gamma", "Alpha", "beta"]),
        ("status=New&record=partner", vec!["Offer"]),
        ("partner=fabri", vec!["Offer"]),
    ] {
        let page = open(&alex, &format!("/deals?tab=outbound&{query}")).await;
        let mut found = names(&page);
        let mut expected = expected;
        if !query.contains("sort") {
            found.sort_unstable();
            expected.sort_unstable();
        }
        assert_eq!(found, expected, "{query}");
    }

    // What was applied in the panel is there after signing out and in; the other tab has its own.
    let kept = open(&alex, "/deals?tab=outbound&country=NL&sort=name&col=customer&col=id&keep=1").await;
    assert_eq!(names(&kept), ["beta", "Gamma"]);
    let again = seat(&world, ALEX).await;
    let page = open(&again, "/deals?tab=outbound").await;
    assert_eq!(names(&page), ["beta", "Gamma"]);
    assert!(
        page.text().contains("<th scope=\"col\">Referral ID</th>")
            && !page.text().contains("<th scope=\"col\">Partner</th>")
    );
    let cleared = open(&again, &link_after(&page, "id=\"clear-all\"")).await;
    assert_eq!(names(&cleared), ["Alpha", "beta", "Gamma", "Offer"]);
    assert_eq!(names(&open(&again, "/deals?tab=outbound").await).len(), 4);
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn what_does_not_do_is_told_and_what_people_type_stays_text(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let name = "\"><script>alert(1)</script>";
    let made = deal(&world, name, &[]).await;
    let id = text(&made, "/id");
    let alex = seat(&world, ALEX).await;

    let query = "tab=outbound&status=Open&value-min=1,000&created-from=soon&size=7";
    let page = open(&alex, &format!("/deals?{query}")).await;
    assert_eq!(page.status, 422);
    for told in ["“Open”", "50000 or 50000.50", "2026-11-30", "25, 50 or 100"] {
        assert!(page.text().contains(told), "{told}");
    }
    let encoded: String = url::form_urlencoded::byte_serialize(name.as_bytes()).collect();
    for path in [
        format!("/deals?tab=outbound&q={encoded}"),
        format!("/deals?tab=outbound&customer={encoded}&sort=name"),
        format!("/deals?tab={encoded}&col={encoded}"),
        format!("/deals/{id}/preview"),
    ] {
        let page = open(&alex, &path).await;
        assert!(!page.text().contains("<script>alert"), "{path}");
    }

    // Leads are for whoever sees the whole company; what is foreign is nowhere.
    assert_eq!(open(&alex, "/leads?tab=qualified").await.status, 200);
    assert_eq!(open(&seat(&world, UMA).await, "/leads").await.status, 403);
    let fay = seat(&world, FAY).await;
    assert_eq!(names(&open(&fay, "/deals?tab=outbound").await), [""; 0]);
    assert_eq!(open(&fay, &format!("/deals/{id}/preview")).await.status, 404);
    let answer = fay.post("/deals/favorite", &form(&[("on", id), ("next", "/deals")])).await;
    assert_eq!(answer.status, 404);
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn views_are_shared_and_favourites_are_not(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let made = deal(&world, "Alpha", &[]).await;
    deal(&world, "Beta", &[]).await;
    let (alex, uma, fay) = (seat(&world, ALEX).await, seat(&world, UMA).await, seat(&world, FAY).await);

    let state = "tab=outbound&status=Active&sort=name&col=value";
    let save = form(&[("grid", "deals"), ("name", "Hot <deals>"), ("shared", "1"), ("state", state)]);
    let saved = alex.post("/views", &save).await;
    assert!(saved.header("location").starts_with("/deals?tab=outbound&status=Active"), "{}", saved.text());
    let shown = open(&alex, saved.header("location")).await;
    assert!(shown.text().contains("View: Hot &#60;deals&#62;"), "{}", shown.text());
    for (browser, sees) in [(&alex, true), (&uma, true), (&fay, false)] {
        let page = open(browser, "/deals?tab=outbound").await;
        assert_eq!(page.text().contains("Hot &#60;deals&#62;"), sees);
    }
    let id = saved.header("location").split("view=").nth(1).unwrap()[..36].to_owned();
    for (browser, is_there) in [(&uma, true), (&alex, false)] {
        browser.post("/views/remove", &form(&[("id", &id)])).await;
        let page = open(&uma, "/deals?tab=outbound").await;
        assert_eq!(page.text().contains("Hot &#60;deals&#62;"), is_there);
    }

    let next = "/deals?tab=outbound&size=50";
    let marked = alex.post("/deals/favorite", &form(&[("on", text(&made, "/id")), ("next", next)])).await;
    assert_eq!(marked.header("location"), format!("{next}&done=favorite-on"));
    assert_eq!(names(&open(&alex, "/deals?tab=favorites").await), ["Alpha"]);
    alex.post("/deals/favorite", &form(&[("off", text(&made, "/id"))])).await;
    assert_eq!(names(&open(&alex, "/deals?tab=favorites").await), [""; 0]);
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn a_file_has_all_rows_of_the_filter_as_they_are_shown(#[case] backend: Backend) {
    let world = World::open(backend).await;
    for number in 0..27 {
        let name = if number == 26 { "=1+1".to_owned() } else { format!("Deal {number:02}") };
        deal(&world, &name, &[("/details/dealValue", json!(1000 - number))]).await;
    }
    let alex = seat(&world, ALEX).await;
    let state = "tab=outbound&status=Accepted&value-max=999&sort=value&col=status&col=value";

    let first = open(&alex, &format!("/deals?{state}")).await;
    assert!(first.text().contains("1–25 of 26"), "{}", first.text());
    let next = link_after(&first, "<a rel=\"next\"").to_owned();
    let second = open(&alex, &next).await;
    assert_eq!(names(&second), ["Deal 01"]);
    assert_eq!(names(&open(&alex, &format!("/deals?{state}&page=2")).await), ["Deal 01"]);
    let beyond = open(&alex, &format!("/deals?{state}&page=3")).await;
    assert!(beyond.text().contains("There is no such page"));

    let file = alex.get(&format!("/deals/export.csv?{state}")).await;
    assert!(file.header("content-disposition").contains("deals-outbound-2026-11-22.csv"));
    let lines: Vec<&str> = file.text().lines().collect();
    assert_eq!(
        lines[..3],
        ["Deal,Status,Value,Currency", "'=1+1,Accepted,974,USD", "Deal 25,Accepted,975,USD"]
    );
    assert_eq!(lines.len(), 27);
    let workbook = alex.get(&format!("/deals/export.xlsx?{state}")).await;
    assert!(workbook.body.starts_with(b"PK"));
    let written = records(&world, ADA).await;
    let exports: Vec<&Value> =
        written.iter().filter(|it| it["operationType"] == "export_referral_list").collect();
    assert_eq!(exports.len(), 2, "{:?}", operations(&written));
    assert_eq!(detail(exports[0], "Rows"), Some("26"));
    assert_eq!(alex.get("/deals/export.csv?status=Open").await.status, 409);
}
