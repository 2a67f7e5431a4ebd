//! Who sees what: the table of `domain::visibility`, cell by cell, through the API.

use std::collections::BTreeSet;

use http::{Method, StatusCode};
use liaison::domain::{
    organization::{LocationScope, OrganizationId, Role},
    visibility::{Facet, Relation, Sight, TABLE, sight},
};
use rstest::rstest;
use serde_json::{Value, json};

use crate::world::*;

/// Members that show whether a facet is there.
const MEMBERS: [(Facet, &[&str]); 8] = [
    (Facet::Record, &["/id", "/engagementId", "/organizationId", "/status", "/type", "/createdDateTime"]),
    (Facet::Team, &["/team/0/email"]),
    (Facet::Solutions, &["/details/requirements/solutions/0/id"]),
    (
        Facet::Deal,
        &[
            "/name",
            "/target/0/id",
            "/customerProfile/name",
            "/customerProfile/size",
            "/customerProfile/address/city",
            "/consent/consentToToShareInfoWithOthers",
            "/details/requirements/products/0/id",
            "/inviteContext/invitedBy/organizationId",
        ],
    ),
    (Facet::Contacts, &["/customerProfile/team/0/email", "/customerProfile/ids/0/id"]),
    (
        Facet::Value,
        &[
            "/details/dealValue",
            "/details/currency",
            "/details/requirements/solutions/0/price",
            "/details/requirements/solutions/0/quantity",
            "/details/requirements/solutions/0/currency",
        ],
    ),
    (Facet::Notes, &["/details/notes", "/statusReason", "/inviteContext/notes", "/details/customerAction"]),
    (Facet::Work, &["/externalReferenceId", "/campaignId", "/salesStage", "/mpnId"]),
];

/// A deal with something in every facet.
fn deal() -> Value {
    edited(
        fixture(),
        &[
            ("/externalReferenceId", "CRM-1".into()),
            ("/campaignId", "spring".into()),
            ("/salesStage", "20".into()),
            ("/customerProfile/ids", json!([{"profileType": "Duns", "id": "81466849"}])),
            ("/details/customerAction", "Contact me".into()),
            ("/details/requirements/solutions/0/price", json!(10)),
            ("/details/requirements/solutions/0/quantity", json!(2)),
            ("/details/requirements/solutions/0/currency", "EUR".into()),
        ],
    )
}

fn addressed(location: &str) -> Value {
    edited(deal(), &[("/target", json!([{"type": "BusinessProfileLocation", "id": location}]))])
}

/// What Microsoft passes on to a partner.
fn lead() -> Value {
    edited(addressed(CONTOSOS), &[("/type", "Independent".into()), ("/qualification", "Direct".into())])
}

fn own() -> Value {
    deal()
}

const FABRIKAMS: &str = "fab00001-0000-4000-8000-000000000001";
const NORTHWINDS: &str = "0e0e0e0e-0000-4000-8000-000000000011";
const CONTOSOS: &str = "c0a70001-0000-4000-8000-000000000001";

/// Lists the facets that a document shows; a facet is there whole or not at all.
#[track_caller]
fn shown(document: &Value) -> Vec<Facet> {
    let is_there = |pointer: &&&str| document.pointer(pointer).is_some_and(|it| !it.is_null());
    let mut facets = Vec::new();
    for (facet, members) in MEMBERS {
        let there: Vec<_> = members.iter().filter(is_there).collect();
        assert!(there.is_empty() || there.len() == members.len(), "{facet:?} is there in part: {there:?}");
        facets.extend((!there.is_empty()).then_some(facet));
    }
    facets
}

/// Lists the facets that the table shows to a viewer who has the customer's consent, or has accepted.
fn table(relation: Relation, has_consent: bool) -> Vec<Facet> {
    let is_shown = |facet: &Facet| match sight(*facet, relation) {
        Sight::Shown => true,
        Sight::WithConsent => has_consent,
        Sight::Withheld => false,
    };
    TABLE.iter().map(|(facet, _)| *facet).filter(is_shown).collect()
}

const EVERYTHING: [Facet; 8] = [
    Facet::Record,
    Facet::Team,
    Facet::Solutions,
    Facet::Deal,
    Facet::Contacts,
    Facet::Value,
    Facet::Notes,
    Facet::Work,
];
/// Organisation, status, dates, team, solutions; not value, notes, contacts.
const ANOTHER_PARTYS: [Facet; 3] = [Facet::Record, Facet::Team, Facet::Solutions];

fn all_but(withheld: &[Facet]) -> Vec<Facet> {
    EVERYTHING.into_iter().filter(|it| !withheld.contains(it)).collect()
}

async fn seen(world: &World, email: &str, document: &Value) -> Vec<Facet> {
    let answer = world.get(email, text(document, "/id")).await;
    assert_eq!(answer.status, StatusCode::OK, "{email}: {}", answer.text());
    shown(&answer.json())
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn each_relation_sees_what_the_table_says(#[case] backend: Backend) {
    let world = World::open(backend).await;
    world.add_northwind().await;
    let contosos = world.post(ALEX, own()).await.created();
    let connect =
        |location: &str| edited(addressed(location), &[("/engagementId", contosos["engagementId"].clone())]);
    let fabrikams = world.post(ALEX, connect(FABRIKAMS)).await.created();
    let northwinds = world.post(ALEX, connect(NORTHWINDS)).await.created();

    // The owner of an own record, and of one that it received.
    assert_eq!(seen(&world, ALEX, &contosos).await, EVERYTHING);
    assert_eq!(seen(&world, FAY, &fabrikams).await, EVERYTHING);
    assert_eq!(table(Relation::Owner, true), EVERYTHING);
    // The inviter of the owner, and an invitee of the owner.
    assert_eq!(seen(&world, ALEX, &fabrikams).await, EVERYTHING);
    assert_eq!(table(Relation::Inviter, false), EVERYTHING);
    assert_eq!(seen(&world, FAY, &contosos).await, all_but(&[Facet::Work]));
    assert_eq!(table(Relation::Invitee, true), all_but(&[Facet::Work]));
    // Two invitees of the same inviter.
    assert_eq!(seen(&world, FAY, &northwinds).await, ANOTHER_PARTYS);
    assert_eq!(seen(&world, NORA, &fabrikams).await, ANOTHER_PARTYS);
    assert_eq!(table(Relation::Party, true), ANOTHER_PARTYS);
    // Strangers.
    for record in [&contosos, &fabrikams, &northwinds] {
        assert_eq!(world.get(MIA, text(record, "/id")).await.status, StatusCode::NOT_FOUND);
    }
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn what_is_withheld_leaves_no_trace_in_the_body(#[case] backend: Backend) {
    let world = World::open(backend).await;
    world.add_northwind().await;
    let contosos = world.post(ALEX, own()).await.created();
    let connect =
        |location: &str| edited(addressed(location), &[("/engagementId", contosos["engagementId"].clone())]);
    world.post(ALEX, connect(FABRIKAMS)).await.created();
    let northwinds = world.post(ALEX, connect(NORTHWINDS)).await.created();

    let answer = world.get(FAY, text(&northwinds, "/id")).await;

    for secret in [
        "50000",
        "USD",
        "EUR",
        "81466849",
        "sue.smith",
        "joe.hansen",
        "CRM-1",
        "spring",
        "leverage Dynamics",
        "Hi ABC Partner",
        "was a success",
        "Contact me",
        NORTH_MPN,
        "Contoso Customer",
        "Redmond",
        "Test Cosell",
    ] {
        assert!(!answer.text().contains(secret), "{secret} in {}", answer.text());
    }
    let blank = &answer.json()["customerProfile"]["team"];
    assert_eq!(*blank, json!([]), "a withheld list is empty, not absent");
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn microsoft_sees_what_is_shared_with_its_sellers_or_with_itself(#[case] backend: Backend) {
    let world = World::open(backend).await;
    world.add_northwind().await;
    let flag = |value: bool| ("/consent/consentToShareReferralWithMicrosoftSellers", json!(value));
    let private = world.post(ALEX, edited(own(), &[flag(false)])).await.created();
    let shared = world.post(ALEX, edited(own(), &[flag(true)])).await.created();
    let refused_contact =
        world.post(ALEX, edited(own(), &[flag(true), ("/consent/consentToContact", json!(false))]));
    let refused_contact = refused_contact.await.created();

    assert_eq!(world.get(MIA, text(&private, "/id")).await.status, StatusCode::NOT_FOUND);
    assert_eq!(seen(&world, MIA, &shared).await, all_but(&[Facet::Work]));
    assert_eq!(table(Relation::Microsoft, true), all_but(&[Facet::Work]));
    assert_eq!(seen(&world, MIA, &refused_contact).await, all_but(&[Facet::Contacts, Facet::Work]));
    assert_eq!(table(Relation::Microsoft, false), all_but(&[Facet::Contacts, Facet::Work]));

    // A record of its own in the engagement opens the inviter's record whole, the other parties' in part.
    let connect =
        |location: &str| edited(addressed(location), &[("/engagementId", private["engagementId"].clone())]);
    let northwinds = world.post(ALEX, connect(NORTHWINDS)).await.created();
    assert_eq!(world.get(MIA, text(&northwinds, "/id")).await.status, StatusCode::NOT_FOUND);
    world.post(ALEX, connect("msft")).await.created();
    assert_eq!(seen(&world, MIA, &private).await, all_but(&[Facet::Work]));
    assert_eq!(seen(&world, MIA, &northwinds).await, ANOTHER_PARTYS);
    // The flag opens records to Microsoft, to nobody else.
    assert_eq!(world.get(FAY, text(&shared, "/id")).await.status, StatusCode::NOT_FOUND);
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn contacts_wait_for_acceptance_where_consent_is_explicitly_refused(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let without_contacts = all_but(&[Facet::Contacts]);
    for (consent, expected) in [
        (json!({"consentToToShareInfoWithOthers": true, "consentToContact": true}), &EVERYTHING[..]),
        (json!({"consentToToShareInfoWithOthers": true}), &EVERYTHING[..]),
        (json!({"consentToToShareInfoWithOthers": true, "consentToContact": null}), &EVERYTHING[..]),
        (json!({"consentToToShareInfoWithOthers": true, "consentToContact": false}), &without_contacts),
        (json!({"consentToToShareInfoWithOthers": true, "consentToContact": "False"}), &without_contacts),
    ] {
        let sent = edited(addressed(CONTOSOS), &[("/consent", consent.clone())]);

        let made = world.post(FAY, sent).await.created();

        assert_eq!(seen(&world, ALEX, &made).await, expected, "the invitee has not accepted; {consent}");
        assert_eq!(seen(&world, FAY, &made).await, EVERYTHING, "the inviter wrote it; {consent}");
    }
    let sent = edited(own(), &[("/consent/consentToContact", json!(false))]);
    let made = world.post(ALEX, sent).await.created();
    assert_eq!(seen(&world, ALEX, &made).await, EVERYTHING, "an own record is accepted");
    // An invitee that has not accepted its own record does not see the inviter's contacts either.
    let connect = edited(addressed(FABRIKAMS), &[("/engagementId", made["engagementId"].clone())]);
    world.post(ALEX, connect).await.created();
    assert_eq!(seen(&world, FAY, &made).await, all_but(&[Facet::Contacts, Facet::Work]));
    assert_eq!(table(Relation::Invitee, false), all_but(&[Facet::Contacts, Facet::Work]));
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn contacts_wait_where_consent_to_share_is_explicitly_refused(#[case] backend: Backend) {
    let world = World::with(backend, |config| config.rules.require_consent = false).await;
    let sent = edited(addressed(CONTOSOS), &[("/consent/consentToToShareInfoWithOthers", json!(false))]);

    let made = world.post(FAY, sent).await.created();

    assert!(!seen(&world, ALEX, &made).await.contains(&Facet::Contacts));
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn an_invitation_brings_no_contacts_to_who_does_not_see_them(#[case] backend: Backend) {
    let world = World::open(backend).await;
    world.add_northwind().await;
    let sent = edited(addressed(CONTOSOS), &[("/consent/consentToContact", json!(false))]);
    let made = world.post(FAY, sent).await.created();
    let path = format!("{REFERRALS}/{}/share", text(&made, "/id"));
    let target = json!([{"type": "BusinessProfileLocation", "id": NORTHWINDS}]);

    let shared = json!({"invitations": [{"target": target}]});
    let answer = world.send_json(Method::POST, ALEX, &path, &[], shared).await;

    let invited = &answer.json()["value"][0]["referral"];
    assert_eq!(invited["details"], made["details"], "what the caller sees goes along: {}", answer.text());
    assert_eq!(invited["customerProfile"]["team"], json!([]));
    assert!(!answer.text().contains("sue.smith") && !answer.text().contains("81466849"));
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn the_deal_type_follows_from_what_the_caller_sees(#[case] backend: Backend) {
    let world = World::open(backend).await;
    world.add_northwind().await;
    let with_role = edited(
        addressed(NORTHWINDS),
        &[
            ("/partnerRole", "Deployment services".into()),
            ("/solutionArea", "Security".into()),
            ("/solutionPlay", "Defend".into()),
        ],
    );
    let mut seen = BTreeSet::new();
    for body in [with_role, addressed(NORTHWINDS)] {
        let northwinds = world.post(ALEX, body).await.created();
        let connect = edited(addressed("msft"), &[("/engagementId", northwinds["engagementId"].clone())]);
        world.post(ALEX, connect).await.created();
        let path = format!("{REFERRALS}/{}/actions", text(&northwinds, "/id"));

        let actions = world.get_path(MIA, &path, &[]).await.json();

        seen.insert((text(&actions, "/dealType").to_owned(), text(&actions, "/category").to_owned()));
    }
    assert_eq!(seen.len(), 1, "Microsoft is another party, and does not see the role: {seen:?}");
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn the_token_of_a_redacted_view_is_another_one(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let sent = edited(addressed(CONTOSOS), &[("/consent/consentToContact", json!(false))]);
    let made = world.post(FAY, sent).await.created();
    let path = format!("{REFERRALS}/{}", text(&made, "/id"));

    let whole = world.get_path(FAY, &path, &[]).await;
    let redacted = world.get_path(ALEX, &path, &[]).await;

    let (whole_tag, redacted_tag) = (whole.header("etag"), redacted.header("etag"));
    assert_ne!(whole_tag, redacted_tag);
    assert_eq!(redacted_tag, text(&redacted.json(), "/eTag"));
    let groups = |tag: &str| tag.split('-').map(str::to_owned).collect::<Vec<_>>();
    let (whole_groups, redacted_groups) = (groups(whole_tag), groups(redacted_tag));
    assert_eq!((&whole_groups[0], &whole_groups[4]), (&redacted_groups[0], &redacted_groups[4]));
    assert_eq!(whole_groups[1..4], ["0000", "0000", "0000"]);
    let current = world.get_path(ALEX, &path, &[("if-none-match", redacted_tag)]).await;
    assert_eq!(current.status, StatusCode::NOT_MODIFIED);
    let others = world.get_path(ALEX, &path, &[("if-none-match", whole_tag)]).await;
    assert_eq!(others.status, StatusCode::OK, "what another view's token names was never seen");
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn a_referrals_user_sees_what_it_made_or_works_on(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let admins = world.post(ALEX, own_deal()).await.created();
    let with_uma = edited(own_deal(), &[("/team/0/email", "Uma.User@Contoso.example".into())]);
    let with_uma = world.post(ALEX, with_uma).await.created();
    let umas = world.post(UMA, own_deal()).await.created();
    let received = world.post(FAY, FIXTURE).await.created();
    let received_by_uma = edited(fixture(), &[("/team/0/email", UMA.into())]);
    let received_by_uma = world.post(UGO, received_by_uma).await.created();

    for (record, uma, alex, ugo) in [
        (&admins, 404, 200, 404),
        (&with_uma, 200, 200, 404),
        (&umas, 200, 200, 404),
        (&received, 404, 200, 404),
        (&received_by_uma, 200, 200, 200),
    ] {
        let id = text(record, "/id");
        assert_eq!(world.get(UMA, id).await.status, uma);
        assert_eq!(world.get(ALEX, id).await.status, alex);
        assert_eq!(world.get(UGO, id).await.status, ugo);
    }
    // An engagement that the user cannot see is one that it takes no part in.
    let connect = edited(to_location("msft"), &[("/engagementId", admins["engagementId"].clone())]);
    assert_eq!(world.post(UMA, connect).await.problems(), ["unknownEngagement /engagementId"]);
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn a_role_reaches_as_far_as_its_locations(#[case] backend: Backend) {
    let world = World::open(backend).await;
    world.add_northwind().await;
    let south = LocationScope::Locations(vec![SOUTH_MPN.to_owned()]);
    let sam = "sam@northwind.example";
    world.add_user(NORTHWIND, sam, &[Role::ReferralsAdmin], south).await;
    let at = |mpn_id: &str, body: Value| edited(body, &[("/mpnId", mpn_id.into())]);
    let north_own = world.post(NORA, at(NORTH_MPN, own_deal())).await.created();
    let south_own = world.post(NORA, at(SOUTH_MPN, own_deal())).await.created();
    let north_sent = world.post(NORA, at(NORTH_MPN, fixture())).await.created();
    let south_sent = world.post(NORA, at(SOUTH_MPN, fixture())).await.created();
    let north_received = world.post(ALEX, addressed(NORTHWINDS)).await.created();
    let south_received = world.post(ALEX, addressed("0e0e0e0e-0000-4000-8000-000000000012")).await.created();

    for record in [&north_own, &north_sent, &north_received] {
        assert_eq!(world.get(sam, text(record, "/id")).await.status, StatusCode::NOT_FOUND);
        assert_eq!(world.get(NORA, text(record, "/id")).await.status, StatusCode::OK);
    }
    for record in [&south_own, &south_sent, &south_received] {
        assert_eq!(world.get(sam, text(record, "/id")).await.status, StatusCode::OK);
    }
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn without_a_role_nothing_is_looked_up(#[case] backend: Backend) {
    let world = World::open(backend).await;
    world.add_user(CONTOSO, "acc@contoso.example", &[Role::AccountAdmin], LocationScope::EntireCompany).await;
    let made = world.post(ALEX, FIXTURE).await.created();
    let known = format!("{REFERRALS}/{}", text(&made, "/id"));
    let mut bodies = BTreeSet::new();

    for (method, path, body) in [
        (Method::GET, known.as_str(), ""),
        (Method::GET, "/v1.0/engagements/referrals/99999999-9999-4999-8999-999999999999", ""),
        (Method::GET, "/v1.0/engagements/referrals/nonsense", ""),
        (Method::POST, REFERRALS, FIXTURE),
        (Method::POST, REFERRALS, "{"),
        (Method::POST, REFERRALS, ""),
    ] {
        let headers = [("authorization", &*format!("Bearer {}", world.token("acc@contoso.example").await))];
        let request = with_headers(method.clone(), path, &headers).body(body.into()).unwrap();

        let answer = world.send(request).await;

        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{method} {path}");
        assert_eq!(answer.json()["error"]["code"], "accessDenied");
        bodies.insert(answer.text().to_owned());
    }
    assert_eq!(bodies.len(), 1, "{bodies:?}");
    assert_eq!(world.stored().await.len(), 1);
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn a_lead_is_for_admins_of_the_entire_company(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let contoso = OrganizationId::parse(CONTOSO).unwrap();
    let locations = world.store.list_locations(&contoso).await.unwrap();
    let here = LocationScope::Locations(locations.iter().map(|it| it.mpn_id.clone()).collect());
    world.add_user(CONTOSO, "lou@contoso.example", &[Role::ReferralsAdmin], here).await;
    let in_team = |deal: Value| edited(deal, &[("/team/0/email", UMA.into())]);
    let lead = world.post(MIA, in_team(lead())).await.created();
    let invitation = world.post(MIA, in_team(addressed(CONTOSOS))).await.created();

    let status = async |email: &str, document: &Value| world.get(email, text(document, "/id")).await.status;

    assert_eq!(status(ALEX, &lead).await, StatusCode::OK);
    assert_eq!(status("lou@contoso.example", &lead).await, StatusCode::NOT_FOUND);
    assert_eq!(status(UMA, &lead).await, StatusCode::NOT_FOUND);
    for email in [ALEX, "lou@contoso.example", UMA] {
        assert_eq!(status(email, &invitation).await, StatusCode::OK, "{email}");
    }
    assert_eq!(status(MIA, &lead).await, StatusCode::OK);
}
