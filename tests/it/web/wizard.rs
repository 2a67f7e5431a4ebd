//! The wizard: drafts, the rules at their fields, and the deal that comes of it once.

use rstest::rstest;

use super::{Browser, hidden_fields};
use crate::{audit::ADA, world::*};

const FABRIKAM_BERLIN: &str = "fab00001-0000-4000-8000-000000000001";

/// A deal without help, step by step.
const STEPS: [(&str, &[(&str, &str)]); 4] = [
    (
        "customer",
        &[
            ("customerProfile.name", "Tailspin <Toys>"),
            ("customerProfile.address.addressLine1", "Damrak 1"),
            ("customerProfile.address.city", "Amsterdam"),
            ("customerProfile.address.country", "NL"),
            ("customerProfile.team.0.firstName", "Sue"),
            ("customerProfile.team.0.lastName", "Smith"),
            ("customerProfile.team.0.phoneNumber", "123"),
            ("customerProfile.team.0.email", "sue@tailspin.example"),
        ],
    ),
    (
        "deal",
        &[
            ("name", "Warehouse"),
            ("mpnId", "4391227"),
            ("details.dealValue", "1234.50"),
            ("details.currency", "EUR"),
            ("details.closingDateTime", "2027-03-31"),
        ],
    ),
    (
        "team",
        &[
            ("team.0.firstName", "Alex"),
            ("team.0.lastName", "Admin"),
            ("team.0.phoneNumber", "456"),
            ("team.0.email", ALEX),
        ],
    ),
    ("solutions", &[("details.requirements.solutions.pick", "SOL-34104-EBB")]),
];

/// Presses a button of a step.
async fn press(
    browser: &Browser<'_>,
    draft: &str,
    step: &str,
    button: &str,
    fields: &[(&str, &str)],
) -> Answer {
    let carried = [("draft", draft), ("step", step), ("do", button)];
    let form = carried.iter().chain(fields).map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    browser.post("/deals/new", &form.collect::<Vec<_>>()).await
}

/// Opens the wizard; returns the id of the draft that it begins.
async fn begin(browser: &Browser<'_>) -> String {
    let page = browser.get("/deals/new").await;
    assert_eq!(page.status, 200, "{}", page.text());
    let fields = hidden_fields(page.text());
    fields.into_iter().rfind(|(name, _)| name == "draft").unwrap().1
}

/// Goes through all steps but the last ones.
async fn fill_in(browser: &Browser<'_>, draft: &str) {
    for (step, fields) in STEPS {
        let answer = press(browser, draft, step, "next", fields).await;
        assert_eq!(answer.status, 303, "{step}: {}", answer.text());
    }
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn a_draft_becomes_one_deal_however_often_it_is_sent(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let browser = Browser::new(&world);
    browser.sign_in(ALEX).await;
    let draft = begin(&browser).await;
    fill_in(&browser, &draft).await;
    let help = [("help", "ProofOfConceptOrDemo"), ("microsoft.inviteContext.notes", "Please join.")];
    let refused = press(&browser, &draft, "help", "next", &help).await;
    assert_eq!(refused.status, 422);
    assert!(refused.text().contains("consent to share must be true"), "{}", refused.text());
    let consents = [("consent.consentToToShareInfoWithOthers", "true"), ("help", "ProofOfConceptOrDemo")];
    assert_eq!(press(&browser, &draft, "help", "next", &consents).await.status, 303);
    let consent = &consents[..1];
    press(&browser, &draft, "partners", &format!("invite:{FABRIKAM_BERLIN}"), consent).await;
    let partner =
        [consents[0], ("partners.0.location", FABRIKAM_BERLIN), ("partners.0.details.dealValue", "500")];
    assert_eq!(press(&browser, &draft, "partners", "next", &partner).await.status, 303);

    let review = browser.get(&format!("/deals/new?draft={draft}&step=review")).await;
    let made = press(&browser, &draft, "review", "create", &[]).await;
    let again = press(&browser, &draft, "review", "create", &[]).await;

    assert!(review.text().contains("Tailspin &#60;Toys&#62;"), "{}", review.text());
    assert!(review.text().contains("&#34;dealValue&#34;: 1234.50"), "{}", review.text());
    assert!(!review.text().contains("role=\"alert\""), "{}", review.text());
    assert_eq!(made.status, 303, "{}", made.text());
    let address = made.header("location");
    assert!(address.ends_with("?done=deal-made"), "{address}");
    assert_eq!(again.header("location"), address);
    let id = address.strip_prefix("/deals/").unwrap().split('?').next().unwrap();
    let deal = world.get(ALEX, id).await.json();
    assert_eq!((text(&deal, "/name"), text(&deal, "/type")), ("Warehouse", "Shared"));
    let stored = world.stored().await;
    let mut owners: Vec<&str> = stored.iter().map(|it| it.organization_id.as_str()).collect();
    owners.sort_unstable();
    assert_eq!(owners, [CONTOSO, FABRIKAM, "msft"]);
    let fabrikams = stored.iter().find(|it| it.organization_id.as_str() == FABRIKAM).unwrap();
    assert!(fabrikams.document.contains("\"dealValue\":500,"), "{}", fabrikams.document);
    assert!(!browser.get("/deals/new").await.text().contains("Warehouse"), "the draft is gone");
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn what_is_wrong_is_said_at_its_field_and_nothing_typed_is_lost(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let browser = Browser::new(&world);
    browser.sign_in(ALEX).await;
    let draft = begin(&browser).await;

    let customer = [("customerProfile.name", "\"><script>"), ("customerProfile.address.country", "NL")];
    let refused = press(&browser, &draft, "customer", "next", &customer).await;
    let ahead = press(&browser, &draft, "customer", "go:deal", &customer).await;
    let value = [("details.dealValue", "a lot"), ("name", "Half")];
    let deal = press(&browser, &draft, "deal", "next", &value).await;
    press(&browser, &draft, "deal", "leave", &value).await;
    let listed = browser.get("/deals/new").await;

    assert_eq!((refused.status.as_u16(), ahead.status.as_u16(), deal.status.as_u16()), (422, 303, 422));
    let street =
        "id=\"customerProfile.address.addressLine1-error\"><p>the customer&#39;s street is required</p>";
    assert!(refused.text().contains(street), "{}", refused.text());
    assert!(refused.text().contains("value=\"&#34;&#62;&#60;script&#62;\""), "{}", refused.text());
    assert!(refused.text().contains("<option value=\"NL\" selected>"), "{}", refused.text());
    assert!(deal.text().contains("the value is no decimal number"), "{}", deal.text());
    assert!(deal.text().contains("value=\"a lot\""), "{}", deal.text());
    assert!(
        listed.text().contains(&format!("href=\"/deals/new?draft={draft}\">Half</a>")),
        "{}",
        listed.text()
    );
    assert_eq!(world.stored().await.len(), 0);
    let discarded = browser.post("/deals/new/discard", &[("draft".to_owned(), draft.clone())]).await;
    assert_eq!(discarded.status, 303);
    assert!(!browser.get("/deals/new").await.text().contains("Half"));
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn a_draft_is_its_writers_alone_and_needs_a_role(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let (alex, uma, ada) = (Browser::new(&world), Browser::new(&world), Browser::new(&world));
    alex.sign_in(ALEX).await;
    uma.sign_in(UMA).await;
    ada.sign_in(ADA).await;
    let draft = begin(&alex).await;
    press(&alex, &draft, "customer", "keep", &[("customerProfile.name", "Secret")]).await;

    let foreign = uma.get(&format!("/deals/new?draft={draft}")).await;
    let listed = uma.get("/deals/new").await;
    let refused = ada.get("/deals/new").await;

    assert_eq!((foreign.status.as_u16(), foreign.header("location")), (303, "/deals/new"));
    assert!(!listed.text().contains("Secret"));
    assert_eq!(refused.status, 403);
    assert!(refused.text().contains("has no Referrals role"), "{}", refused.text());
}
