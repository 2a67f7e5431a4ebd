//! The deal page: sections edited in place, actions, invitations, and what becomes of who comes too late.

use rstest::rstest;
use serde_json::{Value, json};

use super::{Browser, hidden_fields};
use crate::world::*;

const FABRIKAMS: &str = "fab00001-0000-4000-8000-000000000001";
const HOSTILE: &str = "\"><script>alert(1)</script>' {{7*7}} <img src=x onerror=alert(2)>";

/// Returns the hidden fields of the form that is sent to an address.
#[track_caller]
fn form_of(page: &str, action: &str) -> Vec<(String, String)> {
    let form = page.split_once(&format!("action=\"{action}\"")).unwrap_or_else(|| panic!("{action}: {page}"));
    hidden_fields(form.1.split_once("</form>").unwrap().0)
}

/// Fills in a form that a page shows, and sends it.
async fn fill(browser: &Browser<'_>, page: &Answer, action: &str, typed: &[(&str, &str)]) -> Answer {
    assert_eq!(page.status, 200, "{}", page.text());
    let mut form = form_of(page.text(), action);
    form.retain(|(name, _)| typed.iter().all(|(it, _)| it != name));
    form.extend(typed.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    browser.post(action, &form).await
}

/// Opens the form of a section, fills it in and sends it.
async fn edit(browser: &Browser<'_>, id: &str, section: &str, typed: &[(&str, &str)]) -> Answer {
    let page = browser.get(&format!("/deals/{id}?edit={section}")).await;
    fill(browser, &page, &format!("/deals/{id}/{section}"), typed).await
}

#[track_caller]
fn assert_done(answer: &Answer, done: &str) {
    assert_eq!(answer.status, 303, "{}", answer.text());
    assert!(answer.header("location").contains(&format!("done={done}")), "{}", answer.header("location"));
}

#[track_caller]
fn assert_says(answer: &Answer, texts: &[&str]) {
    for text in texts {
        assert!(answer.text().contains(text), "{text}: {}", answer.text());
    }
}

async fn signed_in<'a>(world: &'a World, email: &str) -> Browser<'a> {
    let browser = Browser::new(world);
    browser.sign_in(email).await;
    browser
}

/// Makes a deal that Contoso keeps to itself, and returns its id.
async fn deal(world: &World) -> String {
    let document: Value = world.post(ALEX, own_deal()).await.created();
    text(&document, "/id").to_owned()
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn sections_are_edited_in_place_and_problems_stand_at_their_fields(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let id = deal(&world).await;
    let alex = signed_in(&world, ALEX).await;

    let refused = edit(&alex, &id, "details", &[("name", ""), ("value", "a lot"), ("notes", HOSTILE)]).await;
    assert_eq!(refused.status, 422, "{}", refused.text());
    assert_says(
        &refused,
        &[
            "id=\"field-name-error\">The deal&#39;s name is required.<",
            "value=\"a lot\"",
            "aria-describedby=\"field-value-error\"",
            // What was typed is kept, as text.
            "&#60;script&#62;alert(1)&#60;/script&#62;",
        ],
    );
    assert!(!refused.text().contains("<script>alert"), "{}", refused.text());

    let typed = [
        ("name", "Rockets"),
        ("value", "1,250,000.50"),
        ("stage", "20"),
        ("intent", "Yes"),
        ("notes", HOSTILE),
    ];
    assert_done(&edit(&alex, &id, "details", &typed).await, "saved");
    let member = [
        ("team.1.firstName", "Ann"),
        ("team.1.lastName", HOSTILE),
        ("team.1.email", "ann@contoso.example"),
        ("team.1.phoneNumber", "1"),
        ("team.0.remove", "yes"),
    ];
    assert_done(&edit(&alex, &id, "team", &member).await, "saved");
    let priced =
        [("solutions.0.quantity", "2"), ("solutions.0.price", "10"), ("solutions.0.currency", "EUR")];
    assert_done(&edit(&alex, &id, "solutions", &priced).await, "saved");

    let stored = world.get(ALEX, &id).await;
    assert!(stored.text().contains("\"dealValue\":1250000.50,"), "{}", stored.text());
    let stored = stored.json();
    assert_eq!((text(&stored, "/name"), text(&stored, "/details/notes")), ("Rockets", HOSTILE));
    assert_eq!(stored["team"].as_array().unwrap().len(), 1);
    assert_eq!(text(&stored, "/team/0/lastName"), HOSTILE);
    assert_eq!(text(&stored, "/details/requirements/solutions/0/type"), "Category");
    assert_eq!(stored["details"]["requirements"]["solutions"][0]["price"], json!(10));
    let attributes = &stored["details"]["requirements"]["additionalRequirements"]["attributes"];
    assert_eq!(*attributes, json!([{"type": "CustomerMarketplaceIntent", "id": "Yes"}]));
    let page = alex.get(&format!("/deals/{id}")).await;
    assert_says(&page, &["USD\u{a0}1,250,000.50", "Move to Developed", "Alex Admin", "Edited"]);
    assert!(!page.text().contains("<script>alert") && !page.text().contains("<img src=x"), "{}", page.text());
    for nothing in ["/deals/nothing", "/deals/c0a70001-0000-4000-8000-000000000001"] {
        assert_eq!(alex.get(nothing).await.status, 404, "{nothing}");
    }
    assert_eq!(signed_in(&world, FAY).await.get(&format!("/deals/{id}")).await.status, 404);
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn who_comes_too_late_merges_or_chooses(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let id = deal(&world).await;
    let alex = signed_in(&world, ALEX).await;
    let action = format!("/deals/{id}/details");
    let form = alex.get(&format!("/deals/{id}?edit=details")).await;
    let patch = |path: &str, value: &str| json!([{ "op": "replace", "path": path, "value": value }]);
    let changed = world.patch(ALEX, &id, &[], patch("/campaignId", "spring")).await;
    assert_eq!(changed.status, 204, "{}", changed.text());

    // Each changed something else: both are kept.
    let late = fill(&alex, &form, &action, &[("name", "Mine"), ("notes", "My notes")]).await;
    assert_eq!(late.status, 409, "{}", late.text());
    assert_says(&late, &["spring", "My notes", "id=\"merge\""]);
    let merged = alex.post(&action, &form_of(late.text(), &action)).await;
    assert_done(&merged, "saved");
    let now = world.get(ALEX, &id).await.json();
    assert_eq!((text(&now, "/name"), text(&now, "/campaignId")), ("Mine", "spring"));

    // Both changed the same: the person chooses, and what was not chosen stays.
    let form = alex.get(&format!("/deals/{id}?edit=details")).await;
    for (path, value) in [("/name", "Theirs"), ("/details/notes", "Their notes"), ("/campaignId", "fall")] {
        assert_eq!(world.patch(ALEX, &id, &[], patch(path, value)).await.status, 204);
    }
    let typed =
        [("name", "Mine again"), ("notes", "My other notes"), ("crm", "CRM-7"), ("campaign", "spring")];
    let late = fill(&alex, &form, &action, &typed).await;
    assert_eq!(late.status, 409, "{}", late.text());
    assert_says(&late, &["id=\"keep-mine\"", "Theirs", "Mine again", "Their notes", "My other notes"]);
    let mut form = form_of(late.text(), &action);
    form.push(("keep.1".to_owned(), "/details/notes".to_owned()));
    form.push(("keep.2".to_owned(), String::new()));
    assert_done(&alex.post(&action, &form).await, "saved");
    let now = world.get(ALEX, &id).await.json();
    assert_eq!((text(&now, "/name"), text(&now, "/details/notes")), ("Theirs", "My other notes"));
    assert_eq!((text(&now, "/externalReferenceId"), text(&now, "/campaignId")), ("CRM-7", "fall"));
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn a_deal_is_played_from_both_sides(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let id = deal(&world).await;
    let (alex, fay) = (signed_in(&world, ALEX).await, signed_in(&world, FAY).await);

    assert_eq!(edit(&alex, &id, "partners", &[("consent", "yes")]).await.status, 422);
    let terms = [("location", FABRIKAMS), ("value", "9,000"), ("consent", "yes"), ("message", "Please help")];
    let terms = [&terms[..], &[("currency", "EUR"), ("closes", "2027-03-01")]].concat();
    assert_done(&edit(&alex, &id, "partners", &terms).await, "invited");
    let page = alex.get(&format!("/deals/{id}")).await;
    let theirs = page.text().split_once("id=\"party-").unwrap().1.get(..36).unwrap().to_owned();
    assert_says(&page, &["Contacts cannot change any more", "13 days left"]);

    let page = fay.get(&format!("/deals/{theirs}")).await;
    assert_says(
        &page,
        &["Please help", "EUR\u{a0}9,000", "1 Mar 2027", "id=\"act-accept\"", "aria-current=\"step\""],
    );
    // What is not possible says why.
    assert_says(
        &page,
        &["id=\"why-win\">The referral is New/Pending; win is possible from Active/Accepted.<"],
    );
    let action = |name: &str| format!("/deals/{theirs}/{name}");
    assert_done(&fill(&fay, &page, &action("open"), &[]).await, "open");
    let accepted = edit(&fay, &theirs, "accept", &[("value", "9,500"), ("crm", "FAB-1")]).await;
    assert_done(&accepted, "accept");
    let page = fay.get(&format!("/deals/{theirs}")).await;
    assert_done(&fill(&fay, &page, &action("stage"), &[]).await, "saved");
    let page = alex.get(&format!("/deals/{theirs}")).await;
    assert_says(&page, &["EUR\u{a0}9,500", "Qualified", "Fabrikam", "Only the owner may do that (accept)."]);
    assert!(!page.text().contains("id=\"edit-details\""), "{}", page.text());
    let forced = alex.post(&action("win"), &[]).await;
    assert_eq!(forced.status, 403, "{}", forced.text());

    let page = fay.get(&format!("/deals/{theirs}")).await;
    let refused = fill(&fay, &page, &action("lose"), &[("note", " ")]).await;
    assert_eq!(refused.status, 422, "{}", refused.text());
    let lost = [("reason", "Customer didn't respond"), ("note", HOSTILE), ("next", "//evil.example")];
    let lost = fill(&fay, &page, &action("lose"), &lost).await;
    assert_eq!((lost.status.as_u16(), lost.header("location")), (303, "/?done=lose"));
    let page = alex.get(&format!("/deals/{theirs}")).await;
    assert_says(&page, &["Customer didn&#39;t respond: ", "badge lost"]);
    assert!(!page.text().contains("<script>alert"), "{}", page.text());
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn microsoft_is_asked_and_says_why_not(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let id = deal(&world).await;
    let (alex, mia) = (signed_in(&world, ALEX).await, signed_in(&world, MIA).await);

    let shared = alex.get(&format!("/deals/{id}")).await;
    assert_says(&shared, &["Microsoft does not see this deal."]);
    let action = format!("/deals/{id}/shareWithMicrosoft");
    assert_done(&fill(&alex, &shared, &action, &[]).await, "shareWithMicrosoft");
    let refused = edit(&alex, &id, "help", &[("message", "Help us")]).await;
    assert_eq!(refused.status, 422, "{}", refused.text());
    assert_says(&refused, &["id=\"field-code-error\">Choose what help is needed.<", "Help us"]);
    let asked = [("code", "ProofOfConceptOrDemo"), ("message", "Help us"), ("consent", "yes")];
    assert_done(&edit(&alex, &id, "help", &asked).await, "invited");

    let page = alex.get(&format!("/deals/{id}")).await;
    let theirs = page.text().split_once("id=\"party-").unwrap().1.get(..36).unwrap().to_owned();
    let page = mia.get(&format!("/deals/{theirs}")).await;
    assert_says(&page, &["Proof of concept or demo", "Help us"]);
    let action = format!("/deals/{theirs}/decline");
    let reason = [("reason", "Customer requirement not met"), ("note", "Not in this country")];
    assert_done(&fill(&mia, &page, &action, &reason).await, "decline");

    let page = alex.get(&format!("/deals/{id}?history=all")).await;
    assert_says(&page, &["Customer requirement not met: Not in this country", "badge declined", "Declined"]);
    let marked =
        fill(&alex, &page, &format!("/deals/{id}/favorite"), &[("from", "/deals?tab=outbound")]).await;
    assert_eq!(marked.header("location"), format!("/deals/{id}?from=%2Fdeals%3Ftab%3Doutbound"));
    let page = alex.get(marked.header("location")).await;
    assert_says(&page, &["aria-pressed=\"true\"", "href=\"/deals?tab=outbound\""]);
}
