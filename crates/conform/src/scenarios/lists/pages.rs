//! Pages: what comes when there is more than fits on one.

use std::collections::HashSet;

use serde_json::Value;

use super::many;
use crate::{
    check::Verdict,
    play::{Play, REFERRALS},
    scenario::{Need, Scenario, must},
    sources::{CLIENTS, LIST},
    target::Who,
    wire::{Answer, get, with_query},
};

/// More pages than there can be.
const PAGES_MAX: usize = 20;

pub(in crate::scenarios) fn scenarios() -> Vec<Scenario> {
    let scenarios = [
        must("pages-hundred", "A page has a hundred items, and a link to the next one", LIST, has_a_hundred),
        must(
            "pages-once",
            "Following the links brings every item exactly once, and ends",
            CLIENTS,
            brings_all,
        ),
        must("pages-link", "The next link is a whole address that works as it stands", CLIENTS, has_link),
        must("pages-total", "@odata.count is the total over all pages", LIST, counts_all),
        must("pages-top", "$top beyond a page is honoured across pages", CLIENTS, keeps_top),
        must("pages-select", "The next page keeps $select", LIST, keeps_select),
        must("pages-order", "The order goes on from page to page", LIST, keeps_order),
        must("pages-small-top", "Where $top is reached there is no next link", LIST, ends),
    ];
    let alone = must("pages-others", "A next link is of no use to another organization", CLIENTS, is_sealed);
    let alone = alone.needs(&[Need::Other]);
    scenarios.into_iter().chain([alone]).map(|it| it.needs(&[Need::Bulk])).collect()
}

async fn first(play: &Play, more: &[(&str, &str)]) -> Verdict<Answer> {
    let filter = format!("team/any(t:t/email eq '{}')", many(play).await?.email);
    let mut options = vec![("$filter", filter.as_str())];
    options.extend_from_slice(more);
    let page = play.send(get(with_query(REFERRALS, &options))).await;
    page.ok()?;
    Ok(page)
}

/// Follows the links to the end.
async fn all(play: &Play, more: &[(&str, &str)]) -> Verdict<(Vec<Value>, Answer)> {
    let mut page = first(play, more).await?;
    let mut items = page.list("/value")?.clone();
    for _ in 0..PAGES_MAX {
        let Some(next) = page.at("/@odata.nextLink").as_str().map(str::to_owned) else {
            return Ok((items, page));
        };
        page = play.send(get(next)).await;
        items.extend(page.ok()?.list("/value")?.iter().cloned());
    }
    Err(page.fail("an end of the pages", format!("{PAGES_MAX} pages, and a link to another one")))
}

fn ids(items: &[Value]) -> Vec<&str> {
    items.iter().filter_map(|it| it.get("id")?.as_str()).collect()
}

async fn has_a_hundred(play: &Play) -> Verdict {
    let page = first(play, &[]).await?;
    let count = page.list("/value")?.len();
    page.ensure(count == 100, "100 items", count.to_string())?.string("/@odata.nextLink").map(drop)
}

async fn brings_all(play: &Play) -> Verdict {
    let (items, last) = all(play, &[]).await?;
    let found: HashSet<&str> = ids(&items).into_iter().collect();
    let expected: HashSet<&str> = many(play).await?.ids.iter().map(String::as_str).collect();
    last.ensure(found == expected, "every item", format!("{} of {}", found.len(), expected.len()))?;
    last.ensure(items.len() == expected.len(), "each once", format!("{} items", items.len())).map(drop)
}

async fn has_link(play: &Play) -> Verdict {
    let page = first(play, &[]).await?;
    let link = page.string("/@odata.nextLink")?;
    page.ensure(link.starts_with("http"), "a whole address", link)?;
    let next = play.send(get(link)).await;
    let count = next.ok()?.list("/value")?.len();
    next.ensure(count == 3, "the last 3 items", count.to_string()).map(drop)
}

async fn counts_all(play: &Play) -> Verdict {
    let total = many(play).await?.ids.len();
    first(play, &[("$count", "true")]).await?.is("/@odata.count", total).map(drop)
}

async fn keeps_top(play: &Play) -> Verdict {
    let (items, last) = all(play, &[("$top", "101")]).await?;
    last.ensure(items.len() == 101, "101 items", items.len().to_string()).map(drop)
}

async fn keeps_select(play: &Play) -> Verdict {
    let page = first(play, &[("$select", "id,status")]).await?;
    let next = play.send(get(page.string("/@odata.nextLink")?)).await;
    next.ok()?.string("/value/0/id")?;
    next.is_null("/value/0/customerProfile").map(drop)
}

async fn keeps_order(play: &Play) -> Verdict {
    let (items, last) = all(play, &[("$orderby", "createdDateTime asc")]).await?;
    let time = |it: &Value| it.get("createdDateTime")?.as_str()?.parse::<jiff::Timestamp>().ok();
    let times: Vec<_> = items.iter().map(time).collect();
    last.ensure(times.is_sorted(), "items in the order of createdDateTime", "another order").map(drop)
}

async fn ends(play: &Play) -> Verdict {
    let page = first(play, &[("$top", "5")]).await?;
    let count = page.list("/value")?.len();
    page.ensure(count == 5, "5 items", count.to_string())?.is_null("/@odata.nextLink").map(drop)
}

async fn is_sealed(play: &Play) -> Verdict {
    let page = first(play, &[]).await?;
    let answer = play.send(get(page.string("/@odata.nextLink")?).by(Who::Other)).await;
    match answer.status {
        200 => answer.is("/value", serde_json::json!([])).map(drop),
        _ => answer.refused(&[400, 403, 404], &["invalidRequest", "accessDenied", "itemNotFound"]).map(drop),
    }
}
