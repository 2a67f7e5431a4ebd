//! Over the API: what an organisation says of itself, where it can be addressed, what it sells, whom it finds.

use http::{Method, StatusCode};
use rstest::rstest;
use serde_json::{Value, json};

use super::*;

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn an_organization_says_who_it_is(#[case] backend: Backend) {
    let world = World::open(backend).await;

    let changed = put(
        &world,
        ORGANIZATION,
        json!({"companyName": " Contoso Group ", "domain": "Group.Contoso.example", "email": "partner@contoso.example",
            "language": "en", "culture": "en-US",
            "defaultAddress": {"country": "usa", "city": "Redmond", "addressLine1": "One Contoso Way"}}),
    )
    .await;
    let read = get(&world, UMA, ORGANIZATION).await;

    let expected = json!({
        "@odata.context": "https://liaison.example/v1.0/engagements/$metadata#organization",
        "id": CONTOSO, "companyName": "Contoso Group", "tenantId": CONTOSO, "domain": "group.contoso.example",
        "defaultAddress": {"country": "US", "city": "Redmond", "state": null, "addressLine1": "One Contoso Way",
            "addressLine2": null, "postalCode": null, "firstName": null, "lastName": null, "phoneNumber": null},
        "email": "partner@contoso.example", "language": "en", "culture": "en-US",
        "profileType": "OrganizationProfile"});
    assert_eq!(assert_ok(&changed, 200), expected);
    assert_eq!(read.json(), expected);
    // The new name stands in what is made from now on.
    assert_eq!(world.post(ALEX, own_deal()).await.created()["organizationName"], "Contoso Group");

    // What was read can be sent back changed; absent stays, null goes.
    let sent = without(edited(expected.clone(), &[("/email", Value::Null)]), "/culture");
    let sent_back = assert_ok(&put(&world, ORGANIZATION, sent).await, 200);
    assert_eq!(sent_back, edited(expected, &[("/email", Value::Null)]));
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn every_problem_of_an_organization_is_reported_at_once(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let before = get(&world, ADA, ORGANIZATION).await;

    let refused = put(
        &world,
        ORGANIZATION,
        json!({"companyName": "", "domain": "contoso", "email": "x", "language": 5, "color": "red",
            "defaultAddress": {"country": "ZZ", "street": "x"}}),
    )
    .await;
    let taken = put(&world, ORGANIZATION, json!({"domain": "fabrikam.example"})).await;

    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    let expected = [
        "requiredFieldMissing /companyName",
        "invalidValue /domain",
        "invalidValue /defaultAddress/country",
        "invalidValue /defaultAddress/street",
        "invalidValue /email",
        "invalidValue /language",
        "invalidValue /color",
    ];
    assert_eq!(refused.problems(), expected);
    let unknown = refused.json()["error"]["details"][6].clone();
    assert_eq!(unknown["rule"], "unknownMember");
    assert!(unknown["allowed"].as_array().unwrap().contains(&json!("companyName")), "{unknown}");
    assert_refused(&taken, 409, "alreadyExists");
    assert_refused(&put(&world, ORGANIZATION, json!([])).await, 400, "invalidValue");
    assert_refused(&call(&world, ADA, Method::PUT, ORGANIZATION, "{").await, 400, "malformedBody");
    assert_eq!(get(&world, ADA, ORGANIZATION).await.body, before.body);
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn a_business_profile_is_made_for_a_country_and_changed(#[case] backend: Backend) {
    let world = World::open(backend).await;

    let made = post(
        &world,
        PROFILES,
        json!({"country": "DE", "description": "Maschinenbau", "website": "https://contoso.example/de",
            "tags": {"industries": ["manufacturing"], "products": ["azure"]},
            "targetCustomerSizes": ["1to50employees"]}),
    )
    .await;
    let profile = assert_ok(&made, 201);
    let id = text(&profile, "/id").to_owned();
    let published = put(&world, &at(PROFILES, &id), json!({"status": "published", "website": null})).await;
    let again = post(&world, PROFILES, json!({"country": "DE"})).await;
    let moved = put(&world, &at(PROFILES, CONTOSO_PLACE), json!({"country": "DE"})).await;
    let wrong =
        post(&world, PROFILES, json!({"status": "Open", "website": "javascript:x", "locations": []})).await;

    assert_eq!(made.header("location"), format!("{PUBLIC_URL}{PROFILES}/{id}"));
    assert_eq!(profile["status"], "Draft");
    assert_eq!(profile["tags"]["products"], json!(["Azure"]));
    assert_eq!(profile["locations"], json!([]));
    let published = assert_ok(&published, 200);
    assert_eq!((&published["status"], &published["website"]), (&json!("Published"), &Value::Null));
    assert_eq!(published["description"], "Maschinenbau");
    assert_eq!(get(&world, UMA, &at(PROFILES, &id)).await.json(), published);
    let all = get(&world, UMA, PROFILES).await.json();
    assert_eq!(all["@odata.count"], 2);
    assert_eq!((text(&all, "/value/0/id"), text(&all, "/value/1/id")), (CONTOSO_PLACE, &*id));
    assert_eq!(text(&all, "/value/0/locations/0/mpnId"), CONTOSO_MPN);
    assert_refused(&again, 409, "alreadyExists");
    assert_refused(&moved, 409, "alreadyExists");
    assert_eq!(
        wrong.problems(),
        [
            "invalidValue /website",
            "invalidValue /status",
            "requiredFieldMissing /country",
            "invalidValue /locations"
        ]
    );
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn a_new_location_can_be_addressed_at_once_and_become_the_default(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let locations = format!("{PROFILES}/{CONTOSO_PLACE}/locations");

    let made = post(
        &world,
        &locations,
        json!({"mpnId": "4391228", "name": "Contoso Berlin", "address": {"country": "DE", "city": "Berlin"},
            "geo": {"lat": 52.5, "lon": 13.4}, "contact": {"email": "berlin@contoso.example"}}),
    )
    .await;
    let location = assert_ok(&made, 201);
    let id = text(&location, "/id").to_owned();

    assert_eq!(made.header("location"), format!("{PUBLIC_URL}{}", location_at(CONTOSO_PLACE, &id)));
    assert_eq!((&location["isDefault"], &location["geo"]["lat"]), (&json!(false), &json!(52.5)));
    let lead = world.post(FAY, to_location(&id)).await.created();
    assert_eq!((text(&lead, "/organizationId"), text(&lead, "/status")), (CONTOSO, "New"));
    assert_eq!(world.post(ALEX, own_deal()).await.created()["mpnId"], CONTOSO_MPN);

    let path = location_at(CONTOSO_PLACE, &id);
    assert_ok(&put(&world, &path, json!({"isDefault": true, "geo": {}})).await, 200);
    let read = get(&world, UMA, &at(PROFILES, CONTOSO_PLACE)).await.json();
    let defaults: Vec<_> = (0..2).map(|it| read["locations"][it]["isDefault"].clone()).collect();
    assert_eq!((text(&read, "/locations/0/id"), defaults), (&*id, vec![json!(true), json!(false)]));
    assert_eq!(read["locations"][0]["geo"]["lat"], Value::Null);
    assert_eq!(world.post(ALEX, own_deal()).await.created()["mpnId"], "4391228");
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn a_location_stays_while_anything_refers_to_it(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let locations = format!("{PROFILES}/{CONTOSO_PLACE}/locations");
    let made = assert_ok(&post(&world, &locations, json!({"mpnId": "11", "name": "Annex"})).await, 201);
    let path = location_at(CONTOSO_PLACE, text(&made, "/id"));
    let default = location_at(CONTOSO_PLACE, CONTOSO_PLACE);
    let scoped = |mpn_ids: &[&str]| json!({"locations": mpn_ids});

    assert_refused(&delete(&world, &default).await, 409, "defaultLocation");
    assert_refused(&put(&world, &default, json!({"isDefault": false})).await, 409, "defaultLocation");
    assert_refused(&put(&world, &path, json!({"mpnId": CONTOSO_MPN})).await, 409, "alreadyExists");
    let twin = post(&world, &locations, json!({"mpnId": "11", "name": "Twin"})).await;
    assert_refused(&twin, 409, "alreadyExists");
    let wrong =
        post(&world, &locations, json!({"mpnId": "1a", "geo": {"lat": 91}, "isDefault": "yes"})).await;
    assert_eq!(
        wrong.problems(),
        [
            "invalidValue /mpnId",
            "requiredFieldMissing /name",
            "invalidValue /isDefault",
            "invalidValue /geo/lat"
        ]
    );

    // A user's role, then a solution.
    assert_ok(&put(&world, &at(USERS, UMA_ID), scoped(&["11"])).await, 200);
    assert_refused(&delete(&world, &path).await, 409, "locationInUse");
    assert_refused(&put(&world, &path, json!({"mpnId": "12"})).await, 409, "locationInUse");
    assert_ok(&put(&world, &at(USERS, UMA_ID), scoped(&[])).await, 200);
    assert_ok(&put(&world, &at(SOLUTIONS, "sol-34104-ebb"), json!({"mpnId": "11"})).await, 200);
    assert_refused(&delete(&world, &path).await, 409, "locationInUse");
    assert_ok(&put(&world, &at(SOLUTIONS, "SOL-34104-EBB"), json!({"mpnId": null})).await, 200);
    // Nothing refers to it: it may get another partner id.
    assert_ok(&put(&world, &path, json!({"mpnId": "12", "name": "Other"})).await, 200);
    // A referral of its own, or one that it made for others.
    world.post(ALEX, edited(own_deal(), &[("/mpnId", "12".into())])).await.created();
    assert_refused(&delete(&world, &path).await, 409, "locationInUse");

    let made = assert_ok(&post(&world, &locations, json!({"mpnId": "13", "name": "Free"})).await, 201);
    let free = location_at(CONTOSO_PLACE, text(&made, "/id"));
    assert_eq!(delete(&world, &free).await.status, StatusCode::NO_CONTENT);
    assert_refused(&get(&world, ADA, &free).await, 404, "locationNotFound");
    let gone = world.post(FAY, to_location(text(&made, "/id"))).await;
    assert_eq!(gone.problems(), ["unknownTarget /target/0/id"]);
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn a_solution_is_a_target_from_its_first_to_its_last_moment(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let to = |id: &str| edited(fixture(), &[("/target", json!([{"type": "SolutionProfile", "id": id}]))]);
    assert_eq!(world.post(FAY, to("SOL-777-NEW")).await.problems(), ["unknownTarget /target/0/id"]);

    let made = post(
        &world,
        SOLUTIONS,
        json!({"id": "SOL-777-NEW", "name": "New", "solutionType": "ip", "industries": ["education"],
            "mpnId": CONTOSO_MPN}),
    )
    .await;
    let solution = assert_ok(&made, 201);

    assert_eq!(made.header("location"), format!("{PUBLIC_URL}{SOLUTIONS}/SOL-777-NEW"));
    assert_eq!((&solution["solutionType"], &solution["industries"]), (&json!("IP"), &json!(["Education"])));
    assert_eq!(world.post(FAY, to("sol-777-new")).await.created()["organizationId"], CONTOSO);
    let changed = put(&world, &at(SOLUTIONS, "sol-777-NEW"), json!({"name": "Newer"})).await;
    assert_eq!(assert_ok(&changed, 200), edited(solution, &[("/name", "Newer".into())]));
    let drawn = assert_ok(&post(&world, SOLUTIONS, json!({"name": "Without an id"})).await, 201);
    assert!(text(&drawn, "/id").starts_with("SOL-"), "{drawn}");
    assert_eq!(get(&world, UMA, SOLUTIONS).await.json()["@odata.count"], 5);

    for id in ["SOL-777-new", "sol-15974-mqf"] {
        let taken = post(&world, SOLUTIONS, json!({"id": id, "name": "Mine"})).await;
        assert_refused(&taken, 409, "alreadyExists");
    }
    let wrong = json!({"id": "a/b", "solutionType": "4P", "mpnId": "5160884", "offerIds": "x"});
    assert_eq!(
        post(&world, SOLUTIONS, wrong).await.problems(),
        [
            "invalidValue /id",
            "requiredFieldMissing /name",
            "invalidValue /solutionType",
            "invalidValue /offerIds",
            "invalidValue /mpnId"
        ]
    );

    assert_eq!(delete(&world, &at(SOLUTIONS, "SOL-777-NEW")).await.status, StatusCode::NO_CONTENT);
    assert_eq!(world.post(FAY, to("SOL-777-NEW")).await.problems(), ["unknownTarget /target/0/id"]);
    assert_refused(&delete(&world, &at(SOLUTIONS, "SOL-777-NEW")).await, 404, "solutionNotFound");
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn writes_at_once_lose_nothing(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let locations = format!("{PROFILES}/{CONTOSO_PLACE}/locations");
    let add = |number: u32| {
        let body = json!({"mpnId": number.to_string(), "name": "At once", "isDefault": true});
        call(&world, ADA, Method::POST, &locations, body)
    };

    let (a, b, c, d) = tokio::join!(add(1), add(2), add(3), add(4));

    for answer in [a, b, c, d] {
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
    }
    let profile = get(&world, ADA, &at(PROFILES, CONTOSO_PLACE)).await.json();
    let all = profile["locations"].as_array().unwrap();
    assert_eq!((all.len(), all.iter().filter(|it| it["isDefault"] == true).count()), (5, 1), "{profile}");
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn partners_are_found_unless_their_profile_is_a_draft(#[case] backend: Backend) {
    let world = World::open(backend).await;
    world.add_northwind().await;
    let found = async |query: &str| {
        let answer = get(&world, UMA, &format!("{PARTNERS}{query}")).await;
        let body = assert_ok(&answer, 200);
        let list = body["value"].as_array().unwrap().clone();
        let ids: Vec<_> = list.iter().map(|it| text(it, "/mpnId").to_owned()).collect();
        (ids, body["@odata.count"].as_u64().unwrap())
    };

    let all = get(&world, UMA, PARTNERS).await.json();
    assert_eq!(
        all["value"][0],
        json!({"organizationId": FABRIKAM, "organizationName": "Fabrikam", "mpnId": "5160884", "country": null,
            "locationId": FABRIKAM_PLACE, "locationName": "Fabrikam Berlin"})
    );
    let ids = |ids: &[&str]| ids.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>();
    assert_eq!(found("").await, (ids(&["5160884", "1000001", NORTH_MPN, SOUTH_MPN]), 4));
    assert_eq!(found("?$search=BERLIN%20fabrikam").await, (ids(&["5160884"]), 1));
    assert_eq!(found("?%24search=%22north%22&$top=1").await, (ids(&[NORTH_MPN]), 2));
    assert_eq!(found("?$search=contoso").await, (ids(&[]), 0));
    let address = json!({"address": {"country": "DE"}});
    let place = location_at(FABRIKAM_PLACE, FABRIKAM_PLACE);
    assert_ok(&call(&world, ABE, Method::PUT, &place, address).await, 200);
    assert_eq!(found("?$search=de%20fabrikam").await, (ids(&["5160884"]), 1));
    let draft = json!({"status": "Draft"});
    assert_ok(&call(&world, ABE, Method::PUT, &at(PROFILES, FABRIKAM_PLACE), draft).await, 200);
    assert_eq!(found("?$search=fabrikam").await, (ids(&[]), 0));

    for query in ["?$top=0", "?$top=201", "?$top=x", "?$skip=1"] {
        let refused = get(&world, UMA, &format!("{PARTNERS}{query}")).await;
        assert_refused(&refused, 400, "invalidQueryOption");
    }
}
