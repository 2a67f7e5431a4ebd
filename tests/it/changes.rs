//! The log as the parties read it: each what it may see of each change, and every change once.

use std::collections::BTreeSet;

use http::{Method, StatusCode};
use liaison::{
    domain::{
        actor::Author,
        change::Action,
        json::decimal::Decimal,
        lifecycle::State,
        organization::{LocationScope, Role},
        referral::Referral,
        time::Timestamp,
    },
    service::expiry::expire_due,
};
use rstest::rstest;
use serde_json::{Value, json};

use crate::{
    expiry::{author_of, revise},
    world::*,
};

const FABRIKAMS: &str = "fab00001-0000-4000-8000-000000000001";
const NORTHWINDS: &str = "0e0e0e0e-0000-4000-8000-000000000011";

fn changes_path(id: &str) -> String {
    format!("{REFERRALS}/{id}/changes")
}

/// Reads the changes of an engagement through one of its records, from a log that has settled.
async fn list(server: &Server, email: &str, id: &str) -> Vec<Value> {
    server.store.settle().await.unwrap();
    let answer = server.get_path(email, &changes_path(id), &[]).await;
    assert_eq!(answer.status, StatusCode::OK, "{email}: {}", answer.text());
    answer.json()["value"].as_array().unwrap().clone()
}

fn pointers(change: &Value) -> Vec<&str> {
    change["members"].as_array().unwrap().iter().map(|it| text(it, "/pointer")).collect()
}

fn summary(change: &Value) -> (&str, &str) {
    (text(change, "/referralId"), text(change, "/action"))
}

/// An engagement of three: Contoso's own record, and those of Fabrikam and Northwind, which it invited.
struct Deal {
    contosos: String,
    fabrikams: String,
    northwinds: String,
}

impl Deal {
    /// Makes it, and changes something in every facet of Contoso's and of Northwind's record.
    async fn make(world: &World) -> Self {
        world.add_northwind().await;
        let own = edited(own_deal(), &[("/externalReferenceId", "CRM-1".into())]);
        let own = world.post(ALEX, own).await.created();
        let connect =
            |location: &str| edited(to_location(location), &[("/engagementId", own["engagementId"].clone())]);
        let fabrikams = world.post(ALEX, connect(FABRIKAMS)).await.created();
        let northwinds = world.post(ALEX, connect(NORTHWINDS)).await.created();
        let id = |it: &Value| text(it, "/id").to_owned();
        let deal = Self { contosos: id(&own), fabrikams: id(&fabrikams), northwinds: id(&northwinds) };
        for (id, owner) in [(&deal.contosos, CONTOSO), (&deal.northwinds, NORTHWIND)] {
            world.advance_secs(60);
            revise(world, id, (Action::Revise, &author_of(owner)), |it| {
                let now = Timestamp::from_ticks(it.updated_date_time.ticks() + 600_000_000);
                change_everything(it, now);
            })
            .await;
        }
        deal
    }

    fn records(&self) -> [&str; 3] {
        [&self.contosos, &self.fabrikams, &self.northwinds]
    }
}

/// Changes something in every facet, to values that are found again in a text.
fn change_everything(referral: &mut Referral, now: Timestamp) {
    referral.updated_date_time = now;
    referral.last_modified_via = Some("a-connector".to_owned());
    referral.name = Some("Renamed deal".to_owned());
    referral.external_reference_id = Some("CRM-2".to_owned());
    referral.details.deal_value = Decimal::parse("777777.50");
    referral.details.notes = Some("our secret plan".to_owned());
    referral.details.closing_date_time = Timestamp::parse("2031-01-01");
    referral.details.requirements.solutions[0].price = Decimal::parse("313.13");
    referral.customer_profile.team[0].email = Some("new.contact@customer.example".to_owned());
    referral.team[0].first_name = Some("Renate".to_owned());
}

/// Applies what a viewer was told of one record to the blank document.
fn replay(changes: &[Value], id: &str) -> Value {
    let mut document: Value = serde_json::from_str(&Referral::blank().to_document()).unwrap();
    for change in changes.iter().filter(|it| it["referralId"] == id) {
        for member in change["members"].as_array().unwrap() {
            let place = document.pointer_mut(text(member, "/pointer")).unwrap();
            if change["fromETag"].is_null() {
                assert_eq!(member["before"], Value::Null, "{change}");
            } else {
                assert_eq!(*place, member["before"], "{change}");
            }
            *place = member["after"].clone();
        }
    }
    document
}

/// Leaves out what a change tells beside its members, and what differs by viewer.
fn without_bookkeeping(mut document: Value) -> Value {
    let members = document.as_object_mut().unwrap();
    for name in
        ["@odata.context", "eTag", "favorite", "direction", "links", "updatedDateTime", "lastModifiedVia"]
    {
        members.shift_remove(name);
    }
    document
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn what_a_party_is_told_makes_what_it_sees(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let deal = Deal::make(&world).await;

    for email in [ALEX, FAY, NORA] {
        let changes = list(&world, email, &deal.contosos).await;

        for id in deal.records() {
            let seen = world.get(email, id).await.json();
            let told = replay(&changes, id);
            assert_eq!(without_bookkeeping(told), without_bookkeeping(seen.clone()), "{email} {id}");
            let last = changes.iter().rfind(|it| it["referralId"] == id).unwrap();
            assert_eq!(last["toETag"], seen["eTag"], "{email} {id}");
            assert_eq!(last["at"], seen["updatedDateTime"], "{email} {id}");
        }
        let done: Vec<_> = changes.iter().map(summary).collect();
        let [contosos, fabrikams, northwinds] = deal.records();
        assert_eq!(
            done,
            [
                (contosos, "create"),
                (fabrikams, "create"),
                (contosos, "share"),
                (northwinds, "create"),
                (contosos, "revise"),
                (northwinds, "revise"),
            ],
            "{email}"
        );
    }
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn each_party_is_told_the_members_that_it_may_see(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let deal = Deal::make(&world).await;

    let members = async |email: &str, id: &str| {
        let changes = list(&world, email, id).await;
        let change = changes.iter().rfind(|it| it["referralId"] == id).unwrap();
        assert_eq!(change["action"], "revise");
        pointers(change).into_iter().map(str::to_owned).collect::<BTreeSet<_>>()
    };
    let set = |pointers: &[&str]| pointers.iter().map(|it| (*it).to_owned()).collect::<BTreeSet<_>>();
    let everything = set(&[
        "/name",
        "/externalReferenceId",
        "/customerProfile/team",
        "/details/notes",
        "/details/dealValue",
        "/details/closingDateTime",
        "/details/requirements/solutions",
        "/team",
    ]);
    let but_for_work: BTreeSet<_> =
        everything.iter().filter(|it| *it != "/externalReferenceId").cloned().collect();

    // The owner, and the inviter of the owner.
    assert_eq!(members(ALEX, &deal.contosos).await, everything);
    assert_eq!(members(NORA, &deal.northwinds).await, everything);
    assert_eq!(members(ALEX, &deal.northwinds).await, everything);
    // An invitee of the owner.
    assert_eq!(members(FAY, &deal.contosos).await, but_for_work);
    // Another invitee of the same inviter: prices are all that changed of the solutions, so these did not.
    assert_eq!(members(FAY, &deal.northwinds).await, set(&["/details/closingDateTime", "/team"]));
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn what_is_withheld_leaves_no_trace_in_the_body(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let deal = Deal::make(&world).await;
    world.store.settle().await.unwrap();

    // Contoso is not told to Fabrikam as the maker of Northwind's record, so its own two are left out.
    let answer = world.get_path(FAY, &changes_path(&deal.northwinds), &[]).await.json();
    let of_northwind: Vec<_> = answer["value"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|it| it["referralId"] == *deal.northwinds)
        .collect();
    let body = json!(of_northwind).to_string();

    assert_eq!(of_northwind.len(), 2);
    for secret in [
        "777777",
        "50000",
        "USD",
        "313.13",
        "our secret plan",
        "was a success",
        "leverage Dynamics",
        "new.contact",
        "sue.smith",
        "CRM-",
        "Renamed deal",
        "Test Cosell",
        "Contoso Customer",
        "Redmond",
        "a-connector",
        CONTOSO,
        "Contoso Company",
        NORTH_MPN,
    ] {
        assert!(!body.contains(secret), "{secret} in {body}");
    }
    assert_eq!(of_northwind[0]["actor"], json!({"organizationId": null, "organizationName": null}));
    assert_eq!(
        of_northwind[1]["actor"],
        json!({"organizationId": NORTHWIND, "organizationName": "Northwind"})
    );
    let names: Vec<_> = of_northwind[1].as_object().unwrap().keys().map(String::as_str).collect();
    let expected =
        ["id", "referralId", "organizationId", "action", "at", "actor", "fromETag", "toETag", "members"];
    assert_eq!(names, expected, "no position in the log, and nothing else that tells of others");
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn a_change_of_which_all_is_withheld_is_told_without_members(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let deal = Deal::make(&world).await;
    let note = |it: &mut Referral| it.details.notes = Some("another secret".to_owned());
    revise(&world, &deal.northwinds, (Action::Revise, &author_of(NORTHWIND)), note).await;

    let fabrikams = list(&world, FAY, &deal.contosos).await;
    let northwinds = list(&world, NORA, &deal.contosos).await;

    assert_eq!(pointers(fabrikams.last().unwrap()), Vec::<&str>::new());
    assert_eq!(fabrikams.last().unwrap()["id"], northwinds.last().unwrap()["id"]);
    assert_eq!(pointers(northwinds.last().unwrap()), ["/details/notes"]);
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn microsoft_is_told_of_what_is_shared_with_its_sellers(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let flag = "/consent/consentToShareReferralWithMicrosoftSellers";
    let private = world.post(ALEX, edited(own_deal(), &[(flag, json!(false))])).await.created();
    let id = text(&private, "/id");
    assert_eq!(world.get_path(MIA, &changes_path(id), &[]).await.status, StatusCode::NOT_FOUND);
    let connect = edited(to_location(FABRIKAMS), &[("/engagementId", private["engagementId"].clone())]);
    let connect = edited(connect, &[(flag, json!(false))]);
    let fabrikams = world.post(ALEX, connect).await.created();

    let share = (Action::ShareWithMicrosoft, &author_of(CONTOSO));
    revise(&world, id, share, |it| it.consent.consent_to_share_referral_with_microsoft_sellers = true).await;

    // The whole history of what is shared today, and nothing of the record that is not.
    let told = list(&world, MIA, id).await;
    let done: Vec<_> = told.iter().map(summary).collect();
    assert_eq!(done, [(id, "create"), (id, "share"), (id, "shareWithMicrosoft")]);
    assert!(pointers(&told[0]).contains(&"/details/dealValue"));
    assert!(!pointers(&told[0]).contains(&"/mpnId"), "the owner's working members are withheld");
    let fabrikams = changes_path(text(&fabrikams, "/id"));
    assert_eq!(world.get_path(MIA, &fabrikams, &[]).await.status, StatusCode::NOT_FOUND);
    assert_eq!(list(&world, ALEX, id).await.len(), 4);
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn a_third_party_is_not_told_that_a_record_was_shared_with_microsoft(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let deal = Deal::make(&world).await;
    let share = (Action::ShareWithMicrosoft, &author_of(NORTHWIND));
    revise(&world, &deal.northwinds, share, |it| {
        it.consent.consent_to_share_referral_with_microsoft_sellers ^= true;
    })
    .await;

    for (email, action) in [(FAY, "revise"), (ALEX, "shareWithMicrosoft"), (NORA, "shareWithMicrosoft")] {
        let told = list(&world, email, &deal.northwinds).await;

        assert_eq!(told.last().unwrap()["action"], action, "{email}");
        assert_eq!(pointers(told.last().unwrap()).is_empty(), email == FAY);
    }
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn what_counts_is_what_the_caller_may_see_today(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let made = world.post(FAY, FIXTURE).await.created();
    let id = text(&made, "/id");
    let path = changes_path(id);
    world.store.settle().await.unwrap();
    assert!(world.get_path(ALEX, &path, &[]).await.text().contains("sue.smith"));

    // The customer takes its consent back before the receiver has answered.
    let revised = (Action::Revise, &author_of(CONTOSO));
    revise(&world, id, revised, |it| it.consent.consent_to_contact = Some(false)).await;
    world.store.settle().await.unwrap();

    let answer = world.get_path(ALEX, &path, &[]).await;
    assert!(!answer.text().contains("sue.smith"), "{}", answer.text());
    assert_eq!(pointers(&answer.json()["value"][1]), ["/consent/consentToContact"]);
    assert!(world.get_path(FAY, &path, &[]).await.text().contains("sue.smith"), "the inviter wrote it");
    // Who accepts may see it, and has not missed it.
    let accepted = (Action::Accept, &author_of(CONTOSO));
    revise(&world, id, accepted, |it| it.move_to(State::Accepted, Timestamp::parse(START).unwrap())).await;
    world.store.settle().await.unwrap();
    assert!(world.get_path(ALEX, &path, &[]).await.text().contains("sue.smith"));
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn a_referrals_user_is_told_of_the_records_that_it_works_on(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let own = world.post(ALEX, own_deal()).await.created();
    let connect = edited(
        to_location(FABRIKAMS),
        &[("/engagementId", own["engagementId"].clone()), ("/team/0/email", UMA.into())],
    );
    let fabrikams = world.post(ALEX, connect).await.created();
    let id = text(&fabrikams, "/id");

    let umas = list(&world, UMA, id).await;
    let alexs = list(&world, ALEX, id).await;

    assert_eq!(umas.iter().map(summary).collect::<Vec<_>>(), [(id, "create")]);
    assert_eq!(alexs.len(), 3, "{alexs:?}");
    assert_eq!(umas[0]["actor"]["userId"], alexs[1]["actor"]["userId"], "a colleague is told of");
    let hidden = world.get_path(UMA, &changes_path(text(&own, "/id")), &[]).await;
    assert_eq!(hidden.status, StatusCode::NOT_FOUND);
    let south = LocationScope::Locations(vec!["1".to_owned()]);
    world.add_user(FABRIKAM, "elsewhere@fabrikam.example", &[Role::ReferralsAdmin], south).await;
    let elsewhere = world.get_path("elsewhere@fabrikam.example", &changes_path(id), &[]).await;
    assert_eq!(elsewhere.status, StatusCode::NOT_FOUND);
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn an_entry_says_who_when_what_and_what_had_no_effect(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let made = world.post(FAY, edited(fixture(), &[("/colour", "red".into())])).await.created();
    let id = text(&made, "/id");
    world.set_time(Timestamp::parse(text(&made, "/expirationDateTime")).unwrap());
    assert_eq!(expire_due(&world.app.context).await.unwrap(), 1);

    let fays = list(&world, FAY, id).await;
    let alexs = list(&world, ALEX, id).await;

    let create = &fays[0];
    assert_eq!((&create["referralId"], &create["organizationId"]), (&made["id"], &json!(CONTOSO)));
    assert_eq!((text(create, "/action"), text(create, "/at")), ("create", START));
    let fabrikam = json!({"organizationId": FABRIKAM, "organizationName": "Fabrikam",
        "userId": "fab00003-0000-4000-8000-000000000003"});
    assert_eq!(create["actor"], fabrikam);
    assert_eq!(create["fromETag"], Value::Null);
    assert_eq!(create["toETag"], made["eTag"]);
    assert_eq!(create["ignored"][0], json!({"target": "/colour", "rule": "unknownMember"}));
    assert_eq!(alexs[0]["actor"], json!({"organizationId": FABRIKAM, "organizationName": "Fabrikam"}));
    assert_eq!(alexs[0].get("ignored"), None, "what somebody else sent in vain");
    for changes in [&fays, &alexs] {
        let expire = &changes[1];
        assert_eq!(expire["actor"], json!({"system": "expiry"}));
        assert_eq!(expire["fromETag"], changes[0]["toETag"]);
        assert_eq!(
            expire["members"],
            json!([
                {"pointer": "/status", "before": "New", "after": "Closed"},
                {"pointer": "/substatus", "before": "Pending", "after": "Expired"},
                {"pointer": "/closedDateTime", "before": null, "after": made["expirationDateTime"]},
            ])
        );
    }
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn an_erased_value_is_told_as_erased(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let made = world.post(FAY, FIXTURE).await.created();
    let name = format!("\"pointer\":\"/name\",\"after\":{}", made["name"]);
    let erased = "\"pointer\":\"/name\",\"commitment\":\"00\"";
    let erase = format!("UPDATE changes SET differences = replace(differences, '{name}', '{erased}')");
    world.database.execute(&erase).await;

    let changes = list(&world, FAY, text(&made, "/id")).await;

    let members = changes[0]["members"].as_array().unwrap();
    assert!(members.contains(&json!({"pointer": "/name", "erased": true})), "{members:?}");
    assert_eq!(members.iter().filter(|it| it["pointer"] == "/name").count(), 1);
}

/// Adds so many changes to a record.
async fn add_changes(world: &World, id: &str, numbers: std::ops::Range<u32>) {
    let author: Author = author_of(CONTOSO);
    for number in numbers {
        let note = |it: &mut Referral| it.details.notes = Some(format!("note {number}"));
        revise(world, id, (Action::Revise, &author), note).await;
    }
    world.store.settle().await.unwrap();
}

/// Follows a link of an answer.
async fn follow(world: &World, link: &str) -> Answer {
    let path = link.strip_prefix(PUBLIC_URL).unwrap_or_else(|| panic!("{link} leads elsewhere"));
    let answer = world.get_path(ALEX, path, &[]).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    answer
}

fn ids(answer: &Answer) -> Vec<String> {
    answer.json()["value"].as_array().unwrap().iter().map(|it| text(it, "/id").to_owned()).collect()
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn pages_give_each_change_once_while_more_are_added(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let own = world.post(ALEX, own_deal()).await.created();
    let id = text(&own, "/id");
    add_changes(&world, id, 0..210).await;
    let base = format!("{PUBLIC_URL}{}", changes_path(id));

    let mut told: Vec<String> = Vec::new();
    let mut sizes = Vec::new();
    let mut link = Some(base.clone());
    while let Some(at) = link {
        let page = follow(&world, &at).await;
        told.extend(ids(&page));
        sizes.push(ids(&page).len());
        link = page.json()["@odata.nextLink"].as_str().map(str::to_owned);
        let context = format!("{PUBLIC_URL}/v1.0/engagements/$metadata#referrals({id})/changes");
        assert_eq!(page.json()["@odata.context"], context.as_str());
        if sizes.len() < 3 {
            let added = 210 + 10 * u32::try_from(sizes.len()).unwrap();
            add_changes(&world, id, added..added + 10).await;
        }
    }

    let log: Vec<String> = world.log().await.iter().map(|it| it.change.id.to_string()).collect();
    assert_eq!(sizes, [100, 100, 31]);
    assert_eq!(told, log, "each once, in the order of the log");
    // A limit of the caller's own is honoured across pages, and ends the list.
    for (top, expected) in [(0, vec![0]), (1, vec![1]), (100, vec![100]), (150, vec![100, 50])] {
        let mut sizes = Vec::new();
        let mut link = Some(format!("{base}?$top={top}"));
        while let Some(at) = link {
            let page = follow(&world, &at).await;
            sizes.push(ids(&page).len());
            link = page.json()["@odata.nextLink"].as_str().map(str::to_owned);
        }
        assert_eq!(sizes, expected, "$top={top}");
    }
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn an_option_or_a_token_that_is_none_is_refused(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let first = world.post(ALEX, own_deal()).await.created();
    let second = world.post(ALEX, own_deal()).await.created();
    for made in [&first, &second] {
        add_changes(&world, text(made, "/id"), 0..100).await;
    }
    let path = changes_path(text(&first, "/id"));
    let link = world.get_path(ALEX, &changes_path(text(&second, "/id")), &[]).await.json();
    let foreign = text(&link, "/@odata.nextLink").rsplit_once('?').unwrap().1.to_owned();

    for (query, target) in [
        (foreign.as_str(), "$skiptoken"),
        ("$skiptoken=garbage", "$skiptoken"),
        ("%24skiptoken=AAAAAAAAAAAAAAAAAAAABQ", "$skiptoken"),
        ("$top=-1", "$top"),
        ("$top=1&$top=2", "$top"),
        ("$filter=action eq 'create'", "$filter"),
    ] {
        let answer = world.get_path(ALEX, &format!("{path}?{}", query.replace(' ', "%20")), &[]).await;

        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{query}: {}", answer.text());
        let error = &answer.json()["error"];
        assert_eq!(
            (&error["innerError"]["code"], &error["target"]),
            (&json!("invalidQueryOption"), &json!(target))
        );
    }
    let ignored = world.get_path(ALEX, &format!("{path}?colour=red"), &[]).await;
    assert_eq!(ignored.status, StatusCode::OK, "names without $ are no options");
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn unknown_and_foreign_look_the_same(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let own = world.post(ALEX, own_deal()).await.created();
    let id = text(&own, "/id");
    world.add_user(CONTOSO, "acc@contoso.example", &[Role::AccountAdmin], LocationScope::EntireCompany).await;

    let mut bodies = BTreeSet::new();
    for (email, id) in
        [(FAY, id), (MIA, id), (UMA, id), (ALEX, "99999999-9999-4999-8999-999999999999"), (ALEX, "nonsense")]
    {
        let answer = world.get_path(email, &changes_path(id), &[]).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{email} {id}");
        bodies.insert(answer.text().to_owned());
    }
    bodies.insert(world.get(FAY, id).await.text().to_owned());

    assert_eq!(bodies.len(), 1, "{bodies:?}");
    assert_eq!(world.get_anonymously(&changes_path(id)).await.status, StatusCode::UNAUTHORIZED);
    let without_role = world.get_path("acc@contoso.example", &changes_path(id), &[]).await;
    assert_eq!(without_role.status, StatusCode::FORBIDDEN);
    for spelling in [format!("{REFERRALS}('{id}')/changes/"), format!("/v1.0/referrals/{id}/changes")] {
        assert_eq!(world.get_path(ALEX, &spelling, &[]).await.status, StatusCode::OK, "{spelling}");
    }
    let token = format!("Bearer {}", world.token(ALEX).await);
    let post = with_headers(Method::POST, &changes_path(id), &[("authorization", &token)]);
    assert_eq!(world.send(post.body("{}".into()).unwrap()).await.status, StatusCode::METHOD_NOT_ALLOWED);
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn a_log_that_was_altered_is_not_told(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let own = world.post(ALEX, own_deal()).await.created();
    add_changes(&world, text(&own, "/id"), 0..1).await;
    let alter = "UPDATE changes SET differences = replace(differences, '\"after\":\"note 0\"', '\"after\":1')
         WHERE action = 'revise'";
    world.database.execute(alter).await;

    let answer = world.get_path(ALEX, &changes_path(text(&own, "/id")), &[]).await;

    assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(answer.json()["error"]["innerError"]["code"], "storedDocumentUnreadable");
}
