//! How pages hang together: everything once, whatever happens meanwhile, and links that are whole in themselves.

use std::collections::BTreeSet;

use http::StatusCode;
use rstest::rstest;
use serde_json::{Value, json};

use super::{ask, each, follow, list, names, own, walk};
use crate::world::*;

const SIZE: usize = 5;

async fn open(backend: Backend) -> World {
    World::with(backend, |config| config.queries.page_size_max = 5).await
}

/// Makes deals of which several share a moment, a country, and having no campaign.
async fn fill(world: &World, count: usize) -> Vec<String> {
    let mut ids = Vec::new();
    for number in 0..count {
        let campaign = if number % 3 == 0 { Value::Null } else { json!(format!("c{}", number % 4)) };
        let value = (number % 5) * 1000 + 100;
        let deal = edited(
            own_deal(),
            &[
                ("/name", json!(format!("Deal {number:03}"))),
                ("/campaignId", campaign),
                ("/details/dealValue", json!(value)),
                ("/customerProfile/address/country", json!(["US", "DE"][number % 2])),
            ],
        );
        if number % 4 == 0 {
            world.advance_secs(1);
        }
        ids.push(text(&world.post(ALEX, deal).await.created(), "/id").to_owned());
    }
    ids
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn every_item_comes_once_in_every_order(#[case] backend: Backend) {
    let world = open(backend).await;
    let ids: BTreeSet<String> = fill(&world, 23).await.into_iter().collect();

    for order in [
        "",
        "$orderby=createdDateTime",
        "$orderby=createdDateTime desc",
        "$orderby=updatedDateTime desc,name",
        "$orderby=campaignId",
        "$orderby=campaignId desc",
        "$orderby=campaignId,details/dealValue desc",
        "$orderby=details/dealValue",
        "$orderby=details/dealValue desc,campaignId desc,name",
        "$orderby=customerProfile/address/country,campaignId",
        "$orderby=status,length(name)",
        "$orderby=id desc",
        "$orderby=favorite,month(createdDateTime) desc",
    ] {
        let items = walk(&world, ALEX, &format!("{order}&$top=100"), SIZE).await;
        let whole: BTreeSet<String> = items.iter().map(|it| text(it, "/id").to_owned()).collect();

        assert_eq!((items.len(), &whole), (23, &ids), "{order}");
        let first = list(&world, ALEX, order).await;
        assert_eq!(first["@odata.count"], 23, "{order}");
    }
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn what_is_made_meanwhile_neither_repeats_nor_shifts_the_rest(#[case] backend: Backend) {
    let world = open(backend).await;
    let ids: BTreeSet<String> = fill(&world, 12).await.into_iter().collect();

    let mut page = list(&world, ALEX, "$orderby=createdDateTime desc").await;
    let mut seen = Vec::new();
    loop {
        seen.extend(each(&page, "/id"));
        // The total is that of the first page, so that a client's progress does not jump.
        assert_eq!(page["@odata.count"], 12);
        own(&world, "Meanwhile", &[]).await;
        let Some(next) = page["@odata.nextLink"].as_str() else { break };
        page = follow(&world, ALEX, next).await.json();
    }

    assert_eq!(seen.len(), 12);
    assert_eq!(seen.into_iter().collect::<BTreeSet<_>>(), ids);
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn top_and_skip_count_over_all_pages(#[case] backend: Backend) {
    let world = open(backend).await;
    fill(&world, 14).await;
    let all: Vec<Value> = walk(&world, ALEX, "$orderby=name", SIZE).await;
    let name = |it: &Value| text(it, "/name").to_owned();

    for (query, expected) in [
        ("$top=12", &all[..12]),
        ("$top=5", &all[..5]),
        ("$top=200", &all[..]),
        ("$skip=3&$top=7", &all[3..10]),
        ("$skip=13", &all[13..]),
        ("$skip=14", &[]),
        ("$top=0", &[]),
    ] {
        let items = walk(&world, ALEX, &format!("{query}&$orderby=name"), SIZE).await;

        assert_eq!(
            items.iter().map(name).collect::<Vec<_>>(),
            expected.iter().map(name).collect::<Vec<_>>(),
            "{query}"
        );
        let first = list(&world, ALEX, &format!("{query}&$count=true")).await;
        assert_eq!(first["@odata.count"], 14, "{query}");
    }
    assert!(list(&world, ALEX, "$count=false").await.get("@odata.count").is_none());
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn a_link_carries_the_whole_query(#[case] backend: Backend) {
    let world = open(backend).await;
    fill(&world, 23).await;
    let query = "$filter=details/dealValue gt 100 and contains(name,'Deal')&$select=name,details/dealValue&\
                 $orderby=details/dealValue desc,name&$search=deal";

    let items = walk(&world, ALEX, query, SIZE).await;

    assert_eq!(items.len(), 18);
    assert!(items.iter().all(|it| it.as_object().unwrap().len() == 2));
    assert_eq!((text(&items[0], "/name"), text(&items[17], "/name")), ("Deal 004", "Deal 021"));
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn a_token_serves_only_whom_it_was_given_to(#[case] backend: Backend) {
    let world = open(backend).await;
    fill(&world, 7).await;
    let page = list(&world, ALEX, "").await;
    let link = page["@odata.nextLink"].as_str().unwrap().to_owned();
    let path = link.strip_prefix(PUBLIC_URL).unwrap();
    let token = path.split("$skiptoken=").nth(1).unwrap();

    for position in [0, token.len() / 2, token.len() - 1] {
        let mut bytes = token.as_bytes().to_vec();
        bytes[position] = if bytes[position] == b'A' { b'B' } else { b'A' };
        let tampered = path.replace(token, std::str::from_utf8(&bytes).unwrap());
        let answer = world.get_path(ALEX, &tampered, &[]).await;

        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{position}");
        assert_eq!(answer.json()["error"]["innerError"]["code"], "invalidPageToken");
    }
    for email in [FAY, UMA, MIA] {
        assert_eq!(world.get_path(email, path, &[]).await.status, StatusCode::BAD_REQUEST, "{email}");
    }
    let beside = world.get_path(ALEX, &format!("{path}&$filter=status%20eq%20'New'"), &[]).await;
    assert_eq!(beside.status, StatusCode::BAD_REQUEST);
    // The older spelling of the path leads to the same place.
    let older = path.replace("/v1.0/engagements/", "/v1.0/");
    assert_eq!(names(&world.get_path(ALEX, &older, &[]).await.json()).len(), 2);
    // Another server of the same database goes on where this one stopped.
    if backend == Backend::Postgres {
        let replica = world.replica().await;
        assert_eq!(replica.get_path(ALEX, path, &[]).await.status, StatusCode::OK);
    }
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn a_page_that_has_not_changed_is_not_sent_again(#[case] backend: Backend) {
    let world = open(backend).await;
    let ids = fill(&world, 3).await;
    let path = format!("{REFERRALS}?$orderby=name");
    let answer = world.get_path(ALEX, &path, &[]).await;
    let tag = answer.header("etag").to_owned();
    let is_current = async || {
        let answer = world.get_path(ALEX, &path, &[("if-none-match", &tag)]).await;
        match answer.status {
            StatusCode::NOT_MODIFIED => answer.body.is_empty() && answer.header("etag") == tag,
            StatusCode::OK => false,
            other => panic!("{other}"),
        }
    };

    assert!(tag.starts_with("W/\""));
    assert!(is_current().await);
    let other = world.get_path(ALEX, &format!("{path}&$select=id"), &[("if-none-match", &tag)]).await;
    assert_eq!(other.status, StatusCode::OK);
    world.patch(ALEX, &ids[0], &[], json!([{"op": "replace", "path": "/favorite", "value": true}])).await;
    assert!(!is_current().await);
    world.patch(ALEX, &ids[0], &[], json!([{"op": "replace", "path": "/favorite", "value": false}])).await;
    assert!(is_current().await);
    fill(&world, 1).await;
    assert!(!is_current().await);
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn items_carry_their_tokens_and_pages_their_size(#[case] backend: Backend) {
    let world = open(backend).await;
    fill(&world, 4).await;

    let page = list(&world, ALEX, "").await;
    let smaller = world.get_path(ALEX, REFERRALS, &[("prefer", "odata.maxpagesize=3")]).await;
    let larger = world.get_path(ALEX, REFERRALS, &[("prefer", "odata.maxpagesize=3000")]).await;

    for item in page["value"].as_array().unwrap() {
        let one = world.get(ALEX, text(item, "/id")).await;
        assert_eq!(&without(one.json(), "/@odata.context"), item);
        assert_eq!(one.header("etag"), text(item, "/eTag"));
    }
    assert_eq!(smaller.header("preference-applied"), "odata.maxpagesize=3");
    assert_eq!(names(&smaller.json()).len(), 3);
    assert_eq!(names(&larger.json()).len(), 4);
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn a_page_of_a_hundred_is_sent_in_pieces(#[case] backend: Backend) {
    let world = World::open(backend).await;
    fill(&world, 120).await;

    let page = list(&world, ALEX, "$top=110").await;
    let rest = follow(&world, ALEX, page["@odata.nextLink"].as_str().unwrap()).await.json();

    assert_eq!((names(&page).len(), names(&rest).len()), (100, 10));
    assert_eq!(names(&page)[0], "Deal 119");
    assert!(rest.get("@odata.nextLink").is_none());
    assert_eq!(rest["@odata.count"], 120);
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn a_query_that_takes_too_long_is_cut_off_with_its_costly_part(#[case] backend: Backend) {
    let world = World::with(backend, |config| config.queries.time_max_ms = 1).await;
    fill(&world, 300).await;
    let slow = "contains(concat(concat(details/notes,details/notes),concat(name,name)),'zz')";

    let answer = ask(&world, ALEX, &format!("$filter=status eq 'Active' and {slow}")).await;

    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{}", answer.text());
    assert_eq!(answer.header("retry-after"), "10");
    let error = &answer.json()["error"];
    assert_eq!(error["innerError"]["code"], "queryTooCostly");
    assert!(error["message"].as_str().unwrap().contains("details/notes"), "{error}");
}
