//! The service document and `$metadata`, which generators of clients read.

use quick_xml::events::Event;
use serde_json::Value;

use crate::{
    check::Verdict,
    play::{Play, REFERRALS},
    scenario::{Scenario, must, should},
    sources::{CLIENTS, ODATA_PROTOCOL},
    wire::{Answer, get},
};

const METADATA: &str = "/v1.0/engagements/$metadata";

pub(in crate::scenarios) fn scenarios() -> Vec<Scenario> {
    vec![
        must(
            "metadata-service-document",
            "The root of the service names the collection referrals",
            CLIENTS,
            names_collection,
        ),
        must("metadata-xml", "$metadata is XML that can be read", CLIENTS, is_xml),
        must(
            "metadata-accept-xml",
            "Accept: application/xml is answered for $metadata",
            CLIENTS,
            answers_xml,
        ),
        must(
            "metadata-entity-set",
            "$metadata has the entity set referrals, with the key id",
            CLIENTS,
            has_entity_set,
        ),
        must(
            "metadata-members",
            "$metadata has a property for every member of a referral",
            CLIENTS,
            has_members,
        ),
        should("metadata-version", "$metadata says Version 4.0", ODATA_PROTOCOL, has_version),
        must("metadata-context", "The context of an answer leads to $metadata", CLIENTS, leads_here),
        should(
            "metadata-none",
            "Accept with odata.metadata=none leaves the context out",
            ODATA_PROTOCOL,
            leaves_out,
        ),
    ]
}

/// Every element of a document: its name, and its attributes.
type Elements = Vec<(String, Vec<(String, String)>)>;

async fn read(play: &Play) -> Verdict<(Answer, Elements)> {
    let answer = play.send(get(METADATA).header("accept", "application/xml")).await;
    answer.ok()?;
    let mut reader = quick_xml::Reader::from_str(&answer.text);
    let mut elements = Elements::new();
    loop {
        match reader.read_event() {
            Ok(Event::Start(it) | Event::Empty(it)) => {
                let attributes = it.attributes().flatten();
                let attributes =
                    attributes.map(|it| (it.key.as_ref().to_owned(), it.value.into_owned())).collect();
                elements.push((it.local_name().as_ref().to_owned(), attributes));
            }
            Ok(Event::Eof) => break,
            Ok(_) => {}
            Err(error) => return Err(answer.fail("XML", error.to_string())),
        }
    }
    Ok((answer, elements))
}

fn has(elements: &Elements, element: &str, attribute: (&str, &str)) -> bool {
    let is_there = |(name, value): &(String, String)| (name.as_str(), value.as_str()) == attribute;
    elements.iter().any(|(name, attributes)| name == element && attributes.iter().any(is_there))
}

async fn names_collection(play: &Play) -> Verdict {
    let answer = play.send(get("/v1.0/engagements")).await;
    let sets = answer.ok()?.list("/value")?;
    let has = sets.iter().any(|it| it.get("name").is_some_and(|it| it == "referrals"));
    answer.ensure(has, "an entry named referrals", &answer.text).map(drop)
}

async fn is_xml(play: &Play) -> Verdict {
    let (answer, elements) = read(play).await?;
    answer.ensure(elements.len() > 20, "a model", format!("{} elements", elements.len())).map(drop)
}

async fn answers_xml(play: &Play) -> Verdict {
    let (answer, _) = read(play).await?;
    let kind = answer.need_header("content-type")?;
    answer.ensure(kind.starts_with("application/xml"), "Content-Type: application/xml", kind).map(drop)
}

async fn has_entity_set(play: &Play) -> Verdict {
    let (answer, elements) = read(play).await?;
    let is_so =
        has(&elements, "EntitySet", ("Name", "referrals")) && has(&elements, "PropertyRef", ("Name", "id"));
    answer.ensure(is_so, "EntitySet referrals and PropertyRef id", "neither or one").map(drop)
}

async fn has_members(play: &Play) -> Verdict {
    let (answer, elements) = read(play).await?;
    let read = play.read(&play.deal().await?.id).await?;
    let names = read.json.as_object().into_iter().flatten().map(|(name, _)| name);
    let missing: Vec<&String> =
        names.filter(|it| !it.starts_with('@') && !has(&elements, "Property", ("Name", it))).collect();
    answer.ensure(missing.is_empty(), "a property for each member", format!("without {missing:?}")).map(drop)
}

async fn has_version(play: &Play) -> Verdict {
    let (answer, elements) = read(play).await?;
    answer.ensure(has(&elements, "Edmx", ("Version", "4.0")), "Version 4.0", "another").map(drop)
}

async fn leads_here(play: &Play) -> Verdict {
    let list = play.list(&[("$top", "1")]).await;
    let context = list.ok()?.string("/@odata.context")?;
    let address = context.split('#').next().unwrap_or_default().to_owned();
    play.send(get(address).header("accept", "application/xml")).await.ok().map(drop)
}

async fn leaves_out(play: &Play) -> Verdict {
    let request = get(format!("{REFERRALS}?$top=1")).header("accept", "application/json;odata.metadata=none");
    let answer = play.send(request).await;
    let context = answer.ok()?.at("/@odata.context");
    answer.ensure(*context == Value::Null, "no @odata.context", context.to_string()).map(drop)
}
