//! Putting things away: whatever a run has made is closed as Error, also when it failed or was interrupted.

use std::collections::HashMap;

use futures_util::{StreamExt as _, stream};
use serde_json::json;

use crate::{
    play::{Play, REFERRALS, replace},
    target::Who,
    wire::{get, patch, with_query},
};

/// How many are closed at a time.
const JOBS: usize = 8;

/// Pages of the list that are looked through for what a lost answer has made.
const PAGES_MAX: usize = 20;

/// Closes everything; returns what is left open, and why.
pub(crate) async fn clear(play: &Play) -> Vec<String> {
    let mut made: HashMap<String, Who> = play.run().made.borrow().iter().cloned().collect();
    for id in find_marked(play).await {
        made.entry(id).or_insert(Who::Caller);
    }
    let mut left: Vec<String> = stream::iter(made)
        .map(|(id, who)| close(play, id, who))
        .buffer_unordered(JOBS)
        .collect::<Vec<_>>()
        .await
        .into_iter()
        .flatten()
        .collect();
    left.sort();
    left
}

/// Finds what carries the run's mark and is open, for the case that an answer was lost.
async fn find_marked(play: &Play) -> Vec<String> {
    let filter = format!("externalReferenceId eq '{}' and status ne 'Closed'", play.tag());
    let mut address = with_query(REFERRALS, &[("$filter", &filter), ("$select", "id")]);
    let mut found = Vec::new();
    for _ in 0..PAGES_MAX {
        let page = play.send(get(&address)).await;
        let items = page.at("/value").as_array().cloned().unwrap_or_default();
        found.extend(items.iter().filter_map(|it| Some(it.get("id")?.as_str()?.to_owned())));
        match page.at("/@odata.nextLink").as_str() {
            Some(next) if page.status == 200 => address = next.to_owned(),
            _ => break,
        }
    }
    found
}

/// Closes one by whoever of those that are known may; returns why it stays open.
async fn close(play: &Play, id: String, maker: Who) -> Option<String> {
    let path = format!("{REFERRALS}/{id}");
    let operations = json!([
        replace("/status", json!("Closed")),
        replace("/substatus", json!("Error")),
        replace("/statusReason", json!(format!("Test referral of {}", play.tag())))
    ]);
    let mut reason = String::new();
    for who in [maker, Who::Caller, Who::Other, Who::Microsoft] {
        if !play.run().tokens.borrow().contains_key(&who) {
            continue;
        }
        let found = play.send(get(&path).by(who)).await;
        if found.at("/status") == "Closed" {
            return None;
        }
        let answer = play.send(patch(&path, &operations).by(who)).await;
        if (200..300).contains(&answer.status) {
            return None;
        }
        if reason.is_empty() {
            let message = answer.at("/error/message").as_str().unwrap_or_default();
            reason = format!("{id}: {} {message}", answer.status);
        }
    }
    Some(reason)
}
