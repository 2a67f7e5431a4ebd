//! What is not told by a message: lists of several pages, and what a webhook that never came would have said.

use std::collections::HashSet;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use super::super::{
    log::Call,
    perform::{Brief, free_port},
    situation::{Expectation, Sheet, Situation, Task, must},
    stage::Stage,
};
use crate::{
    check::Verdict,
    play::{Play, REFERRALS},
    sources::{LIST, TROUBLESHOOTING},
    wire::get,
};

/// A page of the contract, and how many deals are made before it is looked again whether there is a second one.
const PAGE: usize = 100;
const STEP: usize = 20;

/// How many are made at a time.
const JOBS: usize = 8;

/// How many pages are read; a sandbox with more of them is no place for this.
const PAGES_MAX: usize = 2000;

const MISSED_FOUND: Expectation = must(
    "missed-webhook-found",
    "Finds and accepts the invitation by looking: by a list, by what changed, or by the feed",
    "a webhook is told for some days at most, and an invitation that is overlooked expires",
    TROUBLESHOOTING,
);
const PAGES_LINKS: Expectation = must(
    "pages-links",
    "Asks for each further page by @odata.nextLink, as it stands",
    "a link that is put together differently is refused, or leads elsewhere; $skip loses what moves meanwhile",
    LIST,
);
const PAGES_WHOLE: Expectation = must(
    "pages-whole",
    "Reports every referral exactly once",
    "who stops after the first page sees the newest hundred, and never the others",
    LIST,
);

pub(super) fn situations() -> Vec<Situation> {
    vec![
        Situation::new(
            "pages",
            "the list has more than one page",
            Task::List,
            &[&PAGES_LINKS, &PAGES_WHOLE],
            pages,
        ),
        Situation::new(
            "missed-webhook",
            "an invitation came, and nobody took the message",
            Task::Sync,
            &[&MISSED_FOUND],
            missed,
        ),
    ]
}

async fn pages(stage: &Stage<'_>, sheet: &Sheet) -> Verdict {
    let play = stage.play();
    for _ in 0..PAGE.div_ceil(STEP) + 1 {
        if !play.send(get(REFERRALS)).await.ok()?.at("/@odata.nextLink").is_null() {
            break;
        }
        stream::iter(0..STEP).map(|_| play.deal()).buffer_unordered(JOBS).try_collect::<Vec<_>>().await?;
    }
    let all = every_id(play).await?;
    stage.remember().await;
    stage.perform(Brief::new("list every referral that you may see")).await?;
    let calls = stage.calls().await;
    let further = calls.which(|it| it.is_read() && token_of(it).is_some());
    let bent = further.iter().find(|it| it.url.contains('&') || !it.is_success());
    let is_met = !further.is_empty() && bent.is_none();
    let found = match bent {
        Some(it) => format!("{} {}", it.status, it.url),
        None => format!("no link was followed: {}", calls.told()),
    };
    let shown = bent.copied().or(calls.0.last());
    sheet.judge(&PAGES_LINKS, is_met, ("$skiptoken, alone, as the link has it", found), shown);
    let Some(reported) = stage.reported() else {
        sheet.skip(&PAGES_WHOLE, "the connector writes nothing to LIAISON_RESULT");
        return Ok(());
    };
    let told: HashSet<&String> = reported.iter().collect();
    let missing = all.iter().filter(|it| !told.contains(it)).count();
    let is_met = missing == 0 && told.len() == reported.len();
    let twice = reported.len() - told.len();
    let found = format!("{missing} are missing, {twice} stand there twice");
    sheet.judge(&PAGES_WHOLE, is_met, (format!("{} ids", all.len()), found), calls.0.last());
    Ok(())
}

/// Returns the token of a page that a call asks for.
fn token_of(call: &Call) -> Option<&str> {
    let (_, query) = call.url.split_once('?')?;
    ["$skiptoken=", "%24skiptoken="].into_iter().find_map(|it| query.find(it).and_then(|at| query.get(at..)))
}

async fn every_id(play: &Play) -> Verdict<Vec<String>> {
    let mut address = format!("{REFERRALS}?$select=id");
    let mut ids = Vec::new();
    for _ in 0..PAGES_MAX {
        let page = play.send(get(&address)).await;
        let listed = page.ok()?.list("/value")?.iter();
        ids.extend(listed.filter_map(|it| Some(it.get("id")?.as_str()?.to_owned())));
        match page.at("/@odata.nextLink").as_str() {
            Some(next) => address = next.to_owned(),
            None => break,
        }
    }
    Ok(ids)
}

async fn missed(stage: &Stage<'_>, sheet: &Sheet) -> Verdict {
    // Nobody listens there.
    stage.register(&format!("http://127.0.0.1:{}/nobody", free_port().await?)).await?;
    let id = stage.invite().await?;
    stage.settle_webhooks().await?;
    let words = "catch up with what nobody has told you of: accept every invitation that is new";
    let ended = stage.perform(Brief::new(words)).await?;
    let calls = stage.calls().await;
    stage.park().await?;
    let is_accepted = stage.is_accepted(&id).await?;
    let found = format!("it is not accepted, after {}; {}", calls.told(), ended.told());
    sheet.judge(&MISSED_FOUND, is_accepted, ("the invitation, accepted", found), calls.0.last());
    Ok(())
}
