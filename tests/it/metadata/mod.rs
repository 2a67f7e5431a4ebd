//! The service document and `$metadata`, as an OData client meets them before it has a token.

use http::{Method, StatusCode};
use rstest::rstest;
use serde_json::json;

use crate::world::*;

const ROOT: &str = "/v1.0/engagements";
const SCHEMA: &str = "/v1.0/engagements/$metadata";

async fn get(world: &World, path: &str, headers: &[(&str, &str)]) -> Answer {
    world.send(with_headers(Method::GET, path, headers).body(axum::body::Body::empty()).unwrap()).await
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn the_service_document_leads_to_the_collection(#[case] backend: Backend) {
    let world = World::open(backend).await;
    for path in [ROOT, "/v1.0/engagements/", "/v1.0/engagments/", "/v1.0/engagements?$format=json"] {
        let answer = get(&world, path, &[]).await;

        assert_eq!(answer.status, StatusCode::OK, "{path}");
        assert_eq!(answer.header("content-type"), "application/json; charset=utf-8");
        assert_eq!(answer.header("odata-version"), "4.0");
        assert_eq!(
            answer.json(),
            json!({
                "@odata.context": format!("{PUBLIC_URL}/v1.0/engagements/$metadata"),
                "value": [{"name": "referrals", "kind": "EntitySet", "url": "referrals"}],
            })
        );
    }
    let bare = get(&world, ROOT, &[("accept", "application/json;odata.metadata=none")]).await;
    assert_eq!(bare.header("content-type"), "application/json;odata.metadata=none;charset=utf-8");
    assert_eq!(bare.json().get("@odata.context"), None);
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn the_schema_comes_in_both_forms(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let json_path = format!("{SCHEMA}?$format=json");
    let xml_path = format!("{SCHEMA}?%24format=application/xml");
    for (path, accept, content_type) in [
        (SCHEMA, "*/*", "application/xml; charset=utf-8"),
        (SCHEMA, "application/xml", "application/xml; charset=utf-8"),
        ("/v1.0/engagements/%24metadata", "", "application/xml; charset=utf-8"),
        ("/v1.0/engagements/$metadata/", "", "application/xml; charset=utf-8"),
        (SCHEMA, "application/json", "application/json; charset=utf-8"),
        (&json_path, "application/xml", "application/json; charset=utf-8"),
        (&xml_path, "application/json", "application/xml; charset=utf-8"),
    ] {
        let answer = get(&world, path, &[("accept", accept), ("odata-maxversion", "4.0")]).await;

        assert_eq!(answer.status, StatusCode::OK, "{path} {accept}");
        assert_eq!(answer.header("content-type"), content_type, "{path} {accept}");
        assert_eq!((answer.header("odata-version"), answer.header("vary")), ("4.0", "Accept"));
        match content_type.starts_with("application/json") {
            true => assert_eq!(answer.json()["$EntityContainer"], "Liaison.Container"),
            false => assert!(answer.text().starts_with("<?xml version=\"1.0\" encoding=\"utf-8\"?>")),
        }
    }
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn who_has_it_is_told_so(#[case] backend: Backend) {
    let world = World::open(backend).await;
    let xml = get(&world, SCHEMA, &[]).await;
    let json = get(&world, SCHEMA, &[("accept", "application/json")]).await;
    let service = get(&world, ROOT, &[]).await;
    assert_ne!(xml.header("etag"), json.header("etag"));

    for (path, tag) in [(SCHEMA, xml.header("etag")), (ROOT, service.header("etag"))] {
        let weak = format!("\"x\", W/{tag}");
        for known in [tag, "*", weak.as_str()] {
            let answer = get(&world, path, &[("if-none-match", known)]).await;
            assert_eq!((answer.status, answer.body.len()), (StatusCode::NOT_MODIFIED, 0), "{known}");
            assert_eq!(answer.header("etag"), tag);
        }
        let other = get(&world, path, &[("if-none-match", json.header("etag"))]).await;
        assert_eq!(other.status, StatusCode::OK);
    }
}

#[rstest]
#[case::sqlite(Backend::Sqlite)]
#[case::postgres(Backend::Postgres)]
#[tokio::test]
async fn what_cannot_be_answered_is_refused(#[case] backend: Backend) {
    let world = World::open(backend).await;
    for (path, header, status, code) in [
        (ROOT, ("accept", "application/xml"), 406, "notAcceptable"),
        (SCHEMA, ("accept", "text/html"), 406, "notAcceptable"),
        ("/v1.0/engagements/$metadata?$format=yaml", ("accept", "*/*"), 406, "notAcceptable"),
        (SCHEMA, ("odata-maxversion", "3.0"), 400, "invalidHeader"),
        ("/v1.0/engagements?$top=1", ("accept", "*/*"), 400, "invalidQueryOption"),
        ("/v1.0/engagements/$metadata?$filter=a", ("accept", "*/*"), 400, "invalidQueryOption"),
    ] {
        let answer = get(&world, path, &[header]).await;

        assert_eq!(answer.status, status, "{path} {header:?}");
        assert_eq!(answer.json()["error"]["code"], "invalidRequest");
        assert_eq!(answer.json()["error"]["innerError"]["code"], code, "{path} {header:?}");
    }
}
