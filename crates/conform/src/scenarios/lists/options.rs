//! The options of a list other than filters.

use serde_json::{Value, json};

use super::deals;
use crate::{
    check::Verdict,
    play::{Play, REFERRALS},
    scenario::{Level, Scenario, Source, must, should},
    sources::{CLIENTS, LIST, ODATA, ODATA_PROTOCOL, PAYLOADS, RECOMMENDED, SWAGGER},
    target::Who,
    wire::{get, with_query},
};

pub(in crate::scenarios) fn scenarios() -> Vec<Scenario> {
    let mut scenarios = vec![
        must("list-envelope", "A list has @odata.context, @odata.count and value", LIST, has_envelope),
        must(
            "list-items-as-read",
            "An item of a list is the referral as it is read by itself",
            LIST,
            has_whole_items,
        ),
        must("list-item-etag", "Items of a list carry their eTag", PAYLOADS, has_etags),
        must("list-closed", "Closed referrals are listed too", LIST, lists_closed),
        must("list-select", "$select leaves what was named, and nothing else", LIST, selects),
        must("list-top", "$top says how many come at most", LIST, takes_top),
        must("list-top-zero", "$top=0 with $count=true only counts", CLIENTS, counts_only),
        must("list-skip", "$skip leaves out the first", SWAGGER, skips),
        must("list-count", "@odata.count is the total, whatever $top says", LIST, counts_all),
        must(
            "list-newest-first",
            "$orderby=createdDateTime desc puts the newest first",
            LIST,
            orders_by_creation,
        ),
        must("list-oldest-first", "$orderby=createdDateTime asc puts the oldest first", LIST, orders_upwards),
        must(
            "list-by-update",
            "$orderby=updatedDateTime desc puts the last changed first",
            LIST,
            orders_by_update,
        ),
        should(
            "list-default-order",
            "Without $orderby the newest comes first",
            RECOMMENDED,
            has_default_order,
        ),
        should("list-order-by-value", "$orderby takes other members too", ODATA, orders_by_value),
        should("list-number", "/$count answers the number alone", CLIENTS, answers_number),
        must("list-new-at-once", "A new referral is listed at once", LIST, lists_at_once),
        must("list-changed-at-once", "A change is listed at once", LIST, lists_changes_at_once),
        must("list-empty", "A list of nothing is an empty list, not a failure", LIST, lists_nothing),
    ];
    scenarios.extend(spellings());
    scenarios.extend(refusals());
    scenarios
}

/// Spellings of one query: name, rule, query. `{}` stands for the e-mail address of the deals.
fn spellings() -> Vec<Scenario> {
    let rows: [(&str, &str, &str); 6] = [
        (
            "list-encoded-name",
            "The $ of an option may be encoded",
            "%24filter=team/any(t:t/email%20eq%20'{}')&%24top=2&%24count=true",
        ),
        ("list-plus", "A plus is a blank", "$filter=team/any(t:t/email+eq+'{}')&$top=2&$count=true"),
        (
            "list-lower-hex",
            "Hex digits may be in lower case",
            "$filter=team/any(t:t/email%20eq%20%27{}%27)&$top=%32&$count=true",
        ),
        (
            "list-foreign-option",
            "Options without $ belong to others, and are left alone",
            "$filter=team/any(t:t/email%20eq%20'{}')&$top=2&$count=true&api-version=1.0",
        ),
        (
            "list-keywords",
            "Keywords are read in any case",
            "$filter=team/any(t:t/email%20EQ%20'{}')&$top=2&$count=true",
        ),
        (
            "list-slash",
            "A slash at the end of the path changes nothing",
            "/?$filter=team/any(t:t/email%20eq%20'{}')&$top=2&$count=true",
        ),
    ];
    let scenario = |(name, rule, query): (&'static str, &str, &'static str)| {
        must(name, rule, CLIENTS, async move |play: &Play| {
            let query = query.replace("{}", &deals(play).await?.email);
            let mark = if query.starts_with('/') { "" } else { "?" };
            let list = play.send(get(format!("{REFERRALS}{mark}{query}"))).await;
            list.ok()?.is("/@odata.count", 5)?;
            let count = list.list("/value")?.len();
            list.ensure(count == 2, "two items", count.to_string()).map(drop)
        })
    };
    rows.into_iter().map(scenario).collect()
}

/// Queries that are refused: name, what, source, level, query.
fn refusals() -> Vec<Scenario> {
    use Level::{Must, Should};
    let rows: [(&str, &str, Source, Level, &str); 9] = [
        ("list-bad-filter", "A filter that is none", ODATA, Must, "$filter=status%20eq"),
        (
            "list-bad-member",
            "A filter on a member that there is not",
            ODATA,
            Must,
            "$filter=shoeSize%20eq%2043",
        ),
        (
            "list-bad-literal",
            "A filter that compares a number with a word",
            ODATA,
            Must,
            "$filter=details/dealValue%20gt%20'plenty'",
        ),
        ("list-bad-top", "A $top that is no number", ODATA, Must, "$top=many"),
        ("list-negative-top", "A negative $top", ODATA, Must, "$top=-1"),
        ("list-bad-order", "An order by a member that there is not", ODATA, Must, "$orderby=shoeSize"),
        ("list-bad-select", "A selection of a member that there is not", ODATA, Should, "$select=shoeSize"),
        ("list-bad-token", "A $skiptoken that nobody gave", LIST, Must, "$skiptoken=garbage"),
        ("list-unknown-option", "An option with $ that is not known", ODATA_PROTOCOL, Should, "$sideways=1"),
    ];
    let scenario = |(name, what, source, level, query): (&'static str, &str, Source, Level, &'static str)| {
        let scenario = must(name, format!("{what} is refused"), source, async move |play: &Play| {
            play.send(get(format!("{REFERRALS}?{query}"))).await.invalid().map(drop)
        });
        Scenario { level, ..scenario }
    };
    rows.into_iter().map(scenario).collect()
}

async fn listed(play: &Play, more: &[(&str, &str)], expected: &str) -> Verdict {
    let deals = deals(play).await?;
    let filter = deals.all();
    let mut options = vec![("$filter", filter.as_str())];
    options.extend_from_slice(more);
    let list = play.list(&options).await;
    let found = deals.letters(list.ok()?)?;
    list.ensure(found == expected, &format!("the deals {expected}, in this order"), found).map(drop)
}

async fn has_envelope(play: &Play) -> Verdict {
    let filter = deals(play).await?.all();
    let list = play.list(&[("$filter", &filter), ("$count", "true")]).await;
    let context = list.ok()?.string("/@odata.context")?;
    list.ensure(context.to_lowercase().contains("$metadata#referrals"), "…$metadata#referrals", context)?;
    let count = list.list("/value")?.len();
    list.is("/@odata.count", 5)?.ensure(count == 5, "five items", count.to_string())?;
    list.is_null("/@odata.nextLink").map(drop)
}

async fn has_whole_items(play: &Play) -> Verdict {
    let deal = play.deal().await?;
    let list = play.list(&[("$filter", &format!("engagementId eq '{}'", deal.engagement_id))]).await;
    let read = play.read(&deal.id).await?;
    list.ok()?;
    for (name, value) in
        read.json.as_object().into_iter().flatten().filter(|(name, _)| !name.starts_with('@'))
    {
        list.is(&format!("/value/0/{name}"), value.clone())?;
    }
    Ok(())
}

async fn has_etags(play: &Play) -> Verdict {
    let deal = play.deal().await?;
    let list = play.list(&[("$filter", &format!("engagementId eq '{}'", deal.engagement_id))]).await;
    list.ok()?.is("/value/0/eTag", deal.etag).map(drop)
}

async fn lists_closed(play: &Play) -> Verdict {
    let deals = deals(play).await?;
    let list = play.list(&[("$filter", &deals.among("status eq 'Closed'"))]).await;
    let found = deals.letters(list.ok()?)?;
    list.ensure(found.len() == 2 && found.contains('c') && found.contains('d'), "the two closed deals", found)
        .map(drop)
}

async fn selects(play: &Play) -> Verdict {
    let filter = deals(play).await?.all();
    let list =
        play.list(&[("$filter", &filter), ("$select", "id,status,customerProfile"), ("$top", "1")]).await;
    list.ok()?.string("/value/0/id")?;
    list.string("/value/0/customerProfile/name")?;
    let names: Vec<&String> =
        list.at("/value/0").as_object().into_iter().flatten().map(|(name, _)| name).collect();
    let wanted = ["id", "status", "customerProfile"];
    let is_so = names.iter().all(|it| wanted.contains(&it.as_str()) || it.starts_with('@'));
    list.ensure(is_so, "id, status and customerProfile", format!("{names:?}")).map(drop)
}

async fn takes_top(play: &Play) -> Verdict {
    listed(play, &[("$top", "2"), ("$orderby", "createdDateTime asc")], "ab").await
}

async fn counts_only(play: &Play) -> Verdict {
    let filter = deals(play).await?.all();
    let list = play.list(&[("$filter", &filter), ("$top", "0"), ("$count", "true")]).await;
    list.ok()?.is("/@odata.count", 5)?.is("/value", json!([])).map(drop)
}

async fn skips(play: &Play) -> Verdict {
    listed(play, &[("$skip", "3"), ("$orderby", "createdDateTime asc")], "de").await
}

async fn counts_all(play: &Play) -> Verdict {
    let filter = deals(play).await?.all();
    play.list(&[("$filter", &filter), ("$top", "1"), ("$count", "true")])
        .await
        .ok()?
        .is("/@odata.count", 5)
        .map(drop)
}

async fn orders_by_creation(play: &Play) -> Verdict {
    listed(play, &[("$orderby", "createdDateTime desc")], "edcba").await
}

async fn orders_upwards(play: &Play) -> Verdict {
    listed(play, &[("$orderby", "createdDateTime")], "abcde").await
}

async fn orders_by_update(play: &Play) -> Verdict {
    let (first, second) = (play.deal().await?, play.deal().await?);
    let change = json!([crate::play::replace("/details/notes", json!("Changed"))]);
    play.patched(Who::Caller, &first.id, &change).await?;
    let filter =
        format!("engagementId eq '{}' or engagementId eq '{}'", first.engagement_id, second.engagement_id);
    let list = play.list(&[("$filter", &filter), ("$orderby", "updatedDateTime desc")]).await;
    list.ok()?.is("/value/0/id", first.id)?.is("/value/1/id", second.id).map(drop)
}

async fn has_default_order(play: &Play) -> Verdict {
    listed(play, &[], "edcba").await
}

async fn orders_by_value(play: &Play) -> Verdict {
    listed(play, &[("$orderby", "details/dealValue desc")], "dbace").await
}

async fn answers_number(play: &Play) -> Verdict {
    let filter = deals(play).await?.all();
    let path = format!("{REFERRALS}/$count");
    let answer =
        play.send(get(with_query(&path, &[("$filter", &filter)])).header("accept", "text/plain")).await;
    answer.ok()?.ensure(answer.text.trim() == "5", "5", &answer.text).map(drop)
}

async fn lists_at_once(play: &Play) -> Verdict {
    let deal = play.deal().await?;
    let list = play.list(&[("$filter", &format!("engagementId eq '{}'", deal.engagement_id))]).await;
    list.ok()?.is("/value/0/id", deal.id).map(drop)
}

async fn lists_changes_at_once(play: &Play) -> Verdict {
    let deal = play.deal().await?;
    let change = json!([crate::play::replace("/campaignId", Value::from("autumn"))]);
    play.patched(Who::Caller, &deal.id, &change).await?;
    let list = play.list(&[("$filter", &format!("engagementId eq '{}'", deal.engagement_id))]).await;
    list.ok()?.is("/value/0/campaignId", "autumn").map(drop)
}

async fn lists_nothing(play: &Play) -> Verdict {
    let filter = format!("engagementId eq '{}'", play.unknown_id());
    let list = play.list(&[("$filter", &filter), ("$count", "true")]).await;
    list.ok()?.is("/value", json!([]))?.is("/@odata.count", 0).map(drop)
}
