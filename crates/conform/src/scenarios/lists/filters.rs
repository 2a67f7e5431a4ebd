//! Filters: the published examples, and what each operator takes of five known deals.

use serde_json::Value;

use super::deals;
use crate::{
    check::Verdict,
    play::{Play, REFERRALS},
    scenario::{Level, Scenario, Source, must},
    sources::{CLIENTS, LIST, ODATA, PAYLOADS, SWAGGER},
    wire::{get, with_query},
};

pub(in crate::scenarios) fn scenarios() -> Vec<Scenario> {
    let mut scenarios = published();
    scenarios.extend(documented());
    scenarios.extend(operators());
    scenarios.extend([
        must(
            "filter-engagement",
            "A filter by engagementId takes a quoted GUID",
            LIST,
            async |play: &Play| finds_a(play, "engagementId eq '{}'").await,
        ),
        must(
            "filter-engagement-bare",
            "A filter by engagementId takes a bare GUID, as links have it",
            PAYLOADS,
            async |play: &Play| finds_a(play, "engagementId eq {}").await,
        ),
        must(
            "filter-updated-since",
            "A filter by updatedDateTime takes what changed since",
            LIST,
            async |play: &Play| changed_since(play, "").await,
        ),
        must("filter-updated-since-quoted", "A moment may be quoted", LIST, async |play: &Play| {
            changed_since(play, "'").await
        }),
    ]);
    scenarios
}

/// Examples of the documentation, as they stand there: name, query.
fn published() -> Vec<Scenario> {
    let rows = [
        ("filter-example-status", "$filter=status eq 'New' and qualification eq 'SalesQualified'"),
        (
            "filter-example-country",
            "$filter=customerProfile/address/country eq 'US' and direction eq 'Incoming'",
        ),
        ("filter-example-select", "$select=id,status,customerProfile"),
        ("filter-example-order", "$orderby=createdDateTime desc"),
        (
            "filter-example-shared",
            "$top=10&$filter=(type eq 'Shared' and direction eq 'Incoming')&$orderby=createdDateTime desc",
        ),
        (
            "filter-example-pending",
            "$top=10&$filter=(direction eq 'Incoming' and substatus eq 'Pending')&$orderby=createdDateTime desc",
        ),
        (
            "filter-example-team",
            "$filter=status eq 'Active' and direction eq 'Outgoing' and type eq 'Shared' and \
            team/any(t:t/email eq 'r2d2@contoso.com')&$orderby=createdDateTime desc",
        ),
        ("filter-example-poll", "$top=200&$filter=direction eq 'Incoming' and status eq 'Active'"),
    ];
    let scenario = |(name, query): (&'static str, &'static str)| {
        must(name, format!("The published query works: {query}"), LIST, async move |play: &Play| {
            let list = play.send(get(format!("{REFERRALS}?{query}"))).await;
            list.ok()?.list("/value")?;
            keeps_conditions(&list, query)
        })
    };
    rows.into_iter().map(scenario).collect()
}

/// Asks of each item what the query says with `eq` about a member at the top.
fn keeps_conditions(list: &crate::wire::Answer, query: &str) -> Verdict {
    for member in ["status", "direction", "type", "substatus", "qualification"] {
        let Some((_, rest)) = query.split_once(&format!("{member} eq '")) else { continue };
        // `status` is the end of `substatus`, too.
        if query.contains("substatus") && member == "status" {
            continue;
        }
        let wanted = rest.split('\'').next().unwrap_or_default();
        for item in list.list("/value")? {
            let found = item.get(member).and_then(Value::as_str).unwrap_or_default();
            list.ensure(found == wanted, &format!("{member} {wanted}"), found)?;
        }
    }
    Ok(())
}

/// Name, filter, the deals that it is true of.
type Row = (&'static str, &'static str, &'static str);

/// What the pages name as members to filter by.
fn documented() -> Vec<Scenario> {
    let rows: [Row; 12] = [
        ("filter-status", "status eq 'Active'", "abe"),
        ("filter-status-closed", "status eq 'Closed'", "cd"),
        ("filter-substatus", "substatus eq 'Won'", "d"),
        ("filter-qualification", "qualification eq 'SalesQualified'", "abcde"),
        ("filter-type", "type eq 'Independent'", "abcde"),
        ("filter-type-none", "type eq 'Shared'", ""),
        ("filter-direction", "direction eq 'Outgoing'", "abcde"),
        ("filter-country", "customerProfile/address/country eq 'DE'", "b"),
        ("filter-and", "status eq 'Active' and customerProfile/address/country eq 'US'", "a"),
        ("filter-or", "substatus eq 'Won' or substatus eq 'Lost'", "cd"),
        (
            "filter-parentheses",
            "(substatus eq 'Won' or status eq 'Active') and customerProfile/address/country ne 'DE'",
            "ade",
        ),
        ("filter-team", "team/any(t:t/lastName eq 'List')", "abcde"),
    ];
    rows.into_iter().map(|it| scenario(it, LIST, Level::Must)).collect()
}

/// What OData makes of the operators; clients that are generated use them.
fn operators() -> Vec<Scenario> {
    use Level::{Must, Should};
    let rows: [(Row, Source, Level); 22] = [
        (("filter-ne", "substatus ne 'Won'", "abce"), SWAGGER, Must),
        (("filter-not", "not (status eq 'Active')", "cd"), ODATA, Must),
        (("filter-in", "substatus in ('Won','Lost')", "cd"), ODATA, Should),
        (("filter-gt", "details/dealValue gt 1000", "bd"), SWAGGER, Must),
        (("filter-ge", "details/dealValue ge 1000", "abd"), SWAGGER, Must),
        (("filter-lt", "details/dealValue lt 10", "e"), SWAGGER, Must),
        (("filter-le", "details/dealValue le 10", "ce"), SWAGGER, Must),
        (("filter-decimal", "details/dealValue eq 2500.5", "b"), ODATA, Must),
        (("filter-boolean", "consent/consentToShareReferralWithMicrosoftSellers eq true", "e"), ODATA, Must),
        (("filter-contains", "contains(name,'ravo')", "b"), ODATA, Must),
        (("filter-startswith", "startswith(name,'Al')", "a"), ODATA, Must),
        (("filter-endswith", "endswith(name,'lie')", "c"), ODATA, Must),
        (("filter-tolower", "tolower(name) eq 'charlie'", "c"), ODATA, Should),
        (("filter-quote", "name eq 'O''Neil é'", "e"), ODATA, Must),
        (("filter-case", "name eq 'Delta'", ""), CLIENTS, Must),
        (("filter-case-of-values", "campaignId eq 'spring'", "a"), CLIENTS, Must),
        (("filter-percent", "contains(name,'%')", "b"), CLIENTS, Must),
        (("filter-underscore", "contains(name,'_off')", "b"), CLIENTS, Must),
        (("filter-null", "campaignId eq null", "bde"), CLIENTS, Must),
        (("filter-not-null", "campaignId ne null", "ac"), CLIENTS, Must),
        (("filter-null-is-other", "campaignId ne 'spring'", "bcde"), CLIENTS, Must),
        (
            ("filter-precedence", "status eq 'Active' or status eq 'Closed' and substatus eq 'Won'", "abde"),
            ODATA,
            Must,
        ),
    ];
    rows.into_iter().map(|(row, source, level)| scenario(row, source, level)).collect()
}

fn scenario((name, filter, expected): Row, source: Source, level: Level) -> Scenario {
    let wanted = if expected.is_empty() { "none" } else { expected };
    let rule = format!("{filter} takes {wanted} of the deals a to e");
    let scenario = must(name, rule, source, async move |play: &Play| {
        let deals = deals(play).await?;
        let list = play.list(&[("$filter", &deals.among(filter)), ("$count", "true")]).await;
        let mut found: Vec<char> = deals.letters(list.ok()?)?.chars().collect();
        found.sort_unstable();
        let found: String = found.into_iter().collect();
        list.ensure(found == expected, &format!("the deals {wanted}"), format!("the deals {found}"))?;
        list.is("/@odata.count", expected.len()).map(drop)
    });
    Scenario { level, ..scenario }
}

async fn finds_a(play: &Play, filter: &str) -> Verdict {
    let deals = deals(play).await?;
    let list = play.list(&[("$filter", &filter.replace("{}", &deals.engagement_of_a))]).await;
    list.ok()?.is("/value/0/id", deals.id('a'))?.is_null("/value/1").map(drop)
}

async fn changed_since(play: &Play, quote: &str) -> Verdict {
    let deals = deals(play).await?;
    let time = play.read(deals.id('d')).await?.string("/updatedDateTime")?.to_owned();
    let filter = deals.among(&format!("updatedDateTime ge {quote}{time}{quote}"));
    let path = with_query(REFERRALS, &[("$filter", &filter), ("$orderby", "createdDateTime asc")]);
    let list = play.send(get(path)).await;
    let found = deals.letters(list.ok()?)?;
    list.ensure(found == "de", "the deals de", found).map(drop)
}
