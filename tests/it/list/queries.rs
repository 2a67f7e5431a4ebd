//! What a query may ask, and what it is told when it asks for something else.

use http::{Method, StatusCode};
use rstest::rstest;
use serde_json::{Value, json};

use super::{ask, encoded, list, names, own, variety};
use crate::world::*;

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn the_documented_examples_are_answered(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let [alpha, beta, _, delta] = variety(&world).await;
    let engagement = text(&beta, "/engagementId");
    let all = ["Delta", "Gamma O'Neil", "beta_Grün", "Alpha 100%"];

    // "Get a list of referrals" (2019, 2020), on both sides of the deals.
    for (email, query, expected) in [
        (ALEX, format!("$filter=engagementId eq '{engagement}'"), vec!["beta_Grün"]),
        (ALEX, "$filter=status eq 'New' and qualification eq 'SalesQualified'".to_owned(), vec!["Delta"]),
        (
            ALEX,
            "$filter=customerProfile/address/country eq 'US' and direction eq 'Outgoing'".to_owned(),
            vec!["Gamma O'Neil", "Alpha 100%"],
        ),
        (FAY, "$filter=customerProfile/address/country eq 'NL' and direction eq 'Incoming'".to_owned(), vec!["Delta"]),
        (ALEX, "$orderby=createdDateTime desc".to_owned(), all.to_vec()),
        (
            FAY,
            "$top=10&$filter=(type eq 'Shared' and direction eq 'Incoming')&$orderby=createdDateTime desc".to_owned(),
            if text(&delta, "/type") == "Shared" { vec!["Delta"] } else { vec![] },
        ),
        (
            FAY,
            "$top=10&$filter=(direction eq 'Incoming' and substatus eq 'Pending')&$orderby=createdDateTime desc".to_owned(),
            vec!["Delta"],
        ),
        (
            ALEX,
            format!(
                "$filter=status eq 'Active' and direction eq 'Outgoing' and type eq '{}' and \
                 team/any(t:t/email eq 'r2d2@contoso.com')&$orderby=createdDateTime desc",
                text(&alpha, "/type")
            ),
            vec!["Alpha 100%"],
        ),
        (ALEX, "$filter=email eq 'r2d2@contoso.com'".to_owned(), vec!["Alpha 100%"]),
        (ALEX, format!("$filter=updatedDateTime gt {}", text(&beta, "/updatedDateTime")), vec!["Delta", "Gamma O'Neil"]),
    ] {
        let page = list(&world, email, &query).await;

        assert_eq!(names(&page), expected, "{query}");
        assert_eq!(page["@odata.count"], expected.len(), "{query}");
        assert_eq!(page["@odata.context"], format!("{PUBLIC_URL}/v1.0/engagements/$metadata#referrals"));
    }
    let page = list(&world, ALEX, "$select=id,status,customerProfile&$top=1").await;
    assert_eq!(
        page["value"][0],
        json!({"id": delta["id"], "status": "New", "customerProfile": delta["customerProfile"]})
    );
    assert_eq!(
        page["@odata.context"],
        format!("{PUBLIC_URL}/v1.0/engagements/$metadata#referrals(id,status,customerProfile)")
    );
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn filters_mean_what_the_standard_says(#[case] backend: Backend) {
    let world = World::open(backend).await;
    variety(&world).await;
    let alpha = "Alpha 100%";

    for (filter, expected) in [
        // Null equals null and nothing else.
        ("campaignId ne 'spring'", vec!["Delta", "beta_Grün", alpha]),
        ("campaignId eq null", vec!["Delta", "beta_Grün", alpha]),
        ("not (campaignId eq 'spring')", vec!["Delta", "beta_Grün", alpha]),
        ("campaignId in ('spring','autumn')", vec!["Gamma O'Neil"]),
        ("contains(campaignId,'x') or not contains(campaignId,'x')", vec!["Gamma O'Neil"]),
        // Percent and underscore are plain characters, quotes are doubled, case counts.
        ("contains(name,'0%')", vec![alpha]),
        ("contains(name,'a_G')", vec!["beta_Grün"]),
        ("name eq 'Gamma O''Neil'", vec!["Gamma O'Neil"]),
        ("startswith(name,'gamma')", vec![]),
        ("tolower(name) eq 'BETA_GRÜN'", vec![]),
        ("toupper(name) eq 'BETA_GRÜN'", vec!["beta_Grün"]),
        // Keywords in any case, enums bare, numbers as numbers.
        (
            "STATUS EQ active AND Not (name EQ 'beta_Grün') and details/dealValue ge 1234.5",
            vec!["Gamma O'Neil", alpha],
        ),
        ("details/dealValue lt 100", vec!["beta_Grün"]),
        ("details/dealValue add 0.1 eq 100", vec!["beta_Grün"]),
        ("length(name) eq 5", vec!["Delta"]),
        ("month(createdDateTime) eq month(updatedDateTime) and name in ('Delta', 'x')", vec!["Delta"]),
        (
            "team/all(t: endswith(t/email, '.com')) and team/any(t: t/email eq 'r2d2@contoso.com')",
            vec![alpha],
        ),
        (
            "details/requirements/solutions/any(s: s/type eq Category and s/price eq null) and name eq 'Delta'",
            vec!["Delta"],
        ),
        ("team/$count ge 1 and name eq 'Delta'", vec!["Delta"]),
        // Conditions that have an index of their own.
        ("substatus eq 'Pending' and direction eq 'Outgoing'", vec!["Delta"]),
        ("'New' eq status", vec!["Delta"]),
        ("customerProfile/address/country eq 'NL'", vec!["Delta"]),
        ("details/dealValue gt @least&@least=1000", vec!["Delta", "Gamma O'Neil", alpha]),
    ] {
        let page = list(&world, ALEX, &format!("$filter={filter}")).await;

        let mut found = names(&page);
        found.sort();
        let mut expected = expected;
        expected.sort_unstable();
        assert_eq!(found, expected, "{filter}");
    }
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn orders_are_those_that_were_asked_for(#[case] backend: Backend) {
    let world = World::open(backend).await;
    variety(&world).await;

    for (order, expected) in [
        ("name", ["Alpha 100%", "Delta", "Gamma O'Neil", "beta_Grün"]),
        ("name desc", ["beta_Grün", "Gamma O'Neil", "Delta", "Alpha 100%"]),
        ("tolower(name)", ["Alpha 100%", "beta_Grün", "Delta", "Gamma O'Neil"]),
        ("updatedDateTime asc", ["Alpha 100%", "beta_Grün", "Gamma O'Neil", "Delta"]),
        // Null comes first in ascending order, last in descending order.
        ("campaignId,name", ["Alpha 100%", "Delta", "beta_Grün", "Gamma O'Neil"]),
        ("campaignId desc,name desc", ["Gamma O'Neil", "beta_Grün", "Delta", "Alpha 100%"]),
        (
            "customerProfile/address/country,details/dealValue desc,name",
            ["beta_Grün", "Delta", "Gamma O'Neil", "Alpha 100%"],
        ),
        // Words stand in the order of the documentation: New before Active.
        ("status,name", ["Delta", "Alpha 100%", "Gamma O'Neil", "beta_Grün"]),
    ] {
        let page = list(&world, ALEX, &format!("$orderby={order}")).await;

        assert_eq!(names(&page), expected, "{order}");
    }
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn words_are_searched_in_any_case(#[case] backend: Backend) {
    let world = World::open(backend).await;
    variety(&world).await;

    for (search, expected) in [
        ("GRÜN", vec!["beta_Grün"]),
        ("\"gamma o'neil\"", vec!["Gamma O'Neil"]),
        ("delta OR alpha", vec!["Delta", "Alpha 100%"]),
        ("NOT (delta OR alpha OR gamma)", vec!["beta_Grün"]),
        ("r2d2 alpha", vec!["Alpha 100%"]),
        ("r2d2 delta", vec![]),
    ] {
        let page = list(&world, ALEX, &format!("$search={search}")).await;

        assert_eq!(names(&page), expected, "{search}");
    }
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn a_selection_reaches_into_the_document(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let [alpha, ..] = variety(&world).await;
    let id = text(&alpha, "/id");
    let select = "$select=team/email,details/dealValue,Name";
    let expected = json!({
        "name": "Alpha 100%",
        "details": {"dealValue": 1234.5},
        "team": alpha["team"].as_array().unwrap().iter().map(|it| json!({"email": it["email"]})).collect::<Vec<_>>(),
    });

    let page = list(&world, ALEX, &format!("{select}&$filter=id eq {id}")).await;
    let one = world.get_path(ALEX, &format!("{REFERRALS}/{id}?{select}"), &[]).await;
    let keyed = world.get_path(ALEX, &format!("{REFERRALS}('{id}')?{select}"), &[]).await;

    assert_eq!(page["value"][0], expected);
    assert_eq!(without(one.json(), "/@odata.context"), expected);
    assert_eq!(one.header("etag"), text(&alpha, "/eTag"));
    assert_eq!(keyed.body, one.body);
    // The digits that were sent are the digits that come back.
    assert!(one.text().contains("1234.5"));
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn related_referrals_are_added_on_request(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let mine = own(&world, "Mine", &[]).await;
    let connect = edited(
        to_location(crate::lifecycle::FABRIKAMS),
        &[("/engagementId", mine["engagementId"].clone()), ("/type", "Independent".into())],
    );
    let theirs = world.post(ALEX, connect).await.created();

    let expand = "$expand=relatedReferrals($select=id,organizationName)&$select=id";
    let page = list(&world, ALEX, &format!("{expand}&$orderby=createdDateTime")).await;
    let one = world.get_path(ALEX, &format!("{REFERRALS}/{}?{expand}", text(&mine, "/id")), &[]).await;

    let related = page["value"][0]["relatedReferrals"].as_array().unwrap();
    let ids: Vec<&Value> = related.iter().map(|it| &it["id"]).collect();
    assert!(ids.contains(&&theirs["id"]) && ids.contains(&&mine["id"]) && ids.len() == 2);
    assert_eq!(related[0].as_object().unwrap().len(), 2);
    assert_eq!(one.json()["relatedReferrals"], page["value"][0]["relatedReferrals"]);
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn a_wrong_query_is_told_where_and_why(#[case] backend: Backend) {
    let world = World::open(backend).await;

    for (query, target, part) in [
        ("$filter=statsu eq 'New'", "$filter", "did you mean status"),
        ("$filter=status eq 'Nwe'", "$filter", "New"),
        ("$filter=status eq", "$filter", "character 10"),
        ("$filter=(status eq 'New'", "$filter", ")"),
        ("$filter=eTag eq 'x'", "$filter", "eTag"),
        ("$filter=team/email eq 'x'", "$filter", "any"),
        ("$filter=name eq 5", "$filter", "Edm.String"),
        ("$filter=contains(name)", "$filter", "contains"),
        ("$filter=nonsense(name)", "$filter", "nonsense"),
        ("$filter=status eq 'New'&$filter=status eq 'New'", "$filter", "more than once"),
        ("$orderby=name sideways", "$orderby", "sideways"),
        ("$select=id,nmae", "$select", "did you mean name"),
        ("$expand=team", "$expand", "relatedReferrals"),
        ("$top=-1", "$top", "-1"),
        ("$top=ten", "$top", "ten"),
        ("$skip=x", "$skip", "x"),
        ("$count=maybe", "$count", "true"),
        ("$fitler=a", "$fitler", "did you mean $filter"),
        ("$search=(a", "$search", ")"),
        ("$skiptoken=abc", "$skiptoken", "start again"),
    ] {
        let answer = ask(&world, ALEX, query).await;

        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{query}: {}", answer.text());
        let error = &answer.json()["error"];
        assert_eq!(error["target"], target, "{query}");
        let message = error["message"].as_str().unwrap();
        assert!(message.contains(part), "{query}: {message} says nothing of {part}");
    }
    let both = ask(&world, ALEX, "$filter=a eq 1&$orderby=b&other=1").await.json();
    let targets: Vec<&Value> =
        both["error"]["details"].as_array().unwrap().iter().map(|it| &it["target"]).collect();
    assert_eq!(targets, ["$filter", "$orderby"]);
    assert_eq!(ask(&world, ALEX, "filter=a eq 1&other=1").await.status, StatusCode::OK);
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn a_query_may_come_in_the_body(#[case] backend: Backend) {
    let world = World::open(backend).await;
    variety(&world).await;
    let post = async |path: &str, content_type: &str, body: &str| {
        let authorization = format!("Bearer {}", world.token(ALEX).await);
        let headers = [("authorization", authorization.as_str()), ("content-type", content_type)];
        let request = with_headers(Method::POST, path, &headers);
        world.send(request.body(body.to_owned().into()).unwrap()).await
    };
    let query = "$filter=name eq 'Delta' or name eq 'Alpha 100%25'&$orderby=name";
    let path = format!("{REFERRALS}/$query");

    let expected = list(&world, ALEX, query).await;
    let plain = post(&path, "text/plain", &encoded(query)).await;
    let both = post(
        &format!("{REFERRALS}/%24query?$orderby=name"),
        "text/plain;charset=utf-8",
        "$filter=name eq 'Delta'",
    )
    .await;
    let json = post(&path, "application/json", "{}").await;

    assert_eq!(names(&expected).len(), 2);
    assert_eq!(plain.json(), expected);
    assert_eq!(names(&both.json()), ["Delta"]);
    assert_eq!(json.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn a_count_is_a_bare_number(#[case] backend: Backend) {
    let world = World::open(backend).await;
    variety(&world).await;

    for (query, expected) in [
        ("", "4"),
        ("?$filter=status%20eq%20'Active'", "3"),
        ("?$search=delta&$top=0&$skip=7", "1"),
        ("?$filter=contains(name,'nobody')", "0"),
    ] {
        let answer = world.get_path(ALEX, &format!("{REFERRALS}/$count{query}"), &[]).await;

        assert_eq!((answer.status, answer.text()), (StatusCode::OK, expected), "{query}");
        assert_eq!(answer.header("content-type"), "text/plain; charset=utf-8");
    }
    let refused = world.get_path(ALEX, &format!("{REFERRALS}/$count?$filter=x"), &[]).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn a_list_has_the_format_that_is_wanted(#[case] backend: Backend) {
    let world = World::with(backend, |config| config.queries.page_size_max = 3).await;
    variety(&world).await;
    let page = async |query: &str, accept: &str| {
        let answer = world.get_path(ALEX, &format!("{REFERRALS}?{query}"), &[("accept", accept)]).await;
        assert_eq!(answer.status, StatusCode::OK, "{accept}: {}", answer.text());
        (answer.header("content-type").to_owned(), answer.json())
    };

    let (_, plain) = page("", "text/html, */*;q=0.1").await;
    let (full_type, full) = page("$select=id,createdDateTime", "application/json;odata.metadata=full").await;
    let (none_type, none) = page("$format=application/json;odata.metadata=none", "*/*").await;
    let refused = world.get_path(ALEX, REFERRALS, &[("accept", "application/xml")]).await;

    let item = &full["value"][0];
    let id = text(&plain["value"][0], "/id");
    assert_eq!(full_type, "application/json;odata.metadata=full;charset=utf-8");
    assert_eq!(item["@odata.type"], "#Liaison.Referral");
    assert_eq!(item["@odata.id"], format!("{PUBLIC_URL}/v1.0/engagements/referrals({id})"));
    assert_eq!(item["@odata.etag"], plain["value"][0]["eTag"]);
    assert_eq!(item["createdDateTime@odata.type"], "#DateTimeOffset");
    assert_eq!(none_type, "application/json;odata.metadata=none;charset=utf-8");
    assert!(none.get("@odata.context").is_none());
    assert_eq!((&none["value"], &none["@odata.count"]), (&plain["value"], &plain["@odata.count"]));
    // The next page comes in the same format.
    let next = super::follow(&world, ALEX, none["@odata.nextLink"].as_str().unwrap()).await;
    assert!(next.json().get("@odata.context").is_none());
    assert_eq!(refused.status, StatusCode::NOT_ACCEPTABLE);
}
