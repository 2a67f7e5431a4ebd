//! The kinds of request that are measured.

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::{
    load,
    server::{Client, Server},
};

/// Referrals on a page.
const PAGE_SIZE: u64 = 100;
/// The deep page; in a small database the last whole one.
const DEEP_PAGE: u64 = 1_000;
/// The size of pages that a filter with few matches fills at every size.
const SMALL_PAGE: u32 = 10;

/// A kind of request.
pub(super) struct Question {
    pub(super) name: &'static str,
    pub(super) role: Role,
    /// What is asked, in turn; there is one at least.
    pub(super) asked: Vec<Asked>,
}

/// A request for a list.
#[derive(Clone)]
pub(super) struct Asked {
    /// What comes after the path, or a whole address.
    pub(super) query: String,
    /// The size of a page that is preferred.
    pub(super) page_size: Option<u32>,
}

/// What a measurement is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// The first page of whole documents.
    First,
    /// A deep page of whole documents.
    Deep,
    /// The first page of ids.
    FirstOfIds,
    /// A deep page of ids.
    DeepOfIds,
    /// A filter that an index serves.
    Indexed,
    /// The same page of a server that knows no rules.
    Minimal,
    /// None of these.
    Other,
}

impl Question {
    fn new(name: &'static str, role: Role, query: impl Into<String>, page_size: Option<u32>) -> Self {
        Self { name, role, asked: vec![Asked { query: query.into(), page_size }] }
    }
}

/// Returns the page that the minimal server has.
pub(super) fn minimal() -> Question {
    Question::new("minimal server: first page", Role::Minimal, "", None)
}

/// Asks the server for what the questions name, and returns them in the order of the table.
pub(super) fn all(server: &Server, client: &Client) -> Result<Vec<Question>> {
    use Role::{Deep, DeepOfIds, First, FirstOfIds, Indexed, Other};
    let ask = |query: &str, page_size| page(server, client, query, page_size);
    let deep = deep_page(server, client)?;
    let deep_link = |options: &str| -> Result<String> {
        let skip = (deep - 2) * PAGE_SIZE;
        let before = ask(&format!("?{options}$skip={skip}"), None)?;
        Ok(text(&before, "@odata.nextLink").context("there is no page as deep as that")?.to_owned())
    };
    println!("the deep page is page {deep}");
    let engagements = ask("?$select=engagementId&$count=false", None)?;
    let engagements = values(&engagements, "engagementId")
        .into_iter()
        .map(|id| Asked { query: format!("?$filter=engagementId eq {id}&$count=false"), page_size: None });
    let newest = ask("?$orderby=updatedDateTime desc&$select=updatedDateTime&$count=false", None)?;
    let newest = values(&newest, "updatedDateTime").pop().context("the newest change has a time")?;
    let small = Some(SMALL_PAGE);
    Ok(vec![
        Question::new("first page", First, "", None),
        Question::new("deep page", Deep, deep_link("")?, None),
        Question::new("first page, $select=id", FirstOfIds, "?$select=id", None),
        Question::new("deep page, $select=id", DeepOfIds, deep_link("$select=id&")?, None),
        Question { name: "engagementId eq", role: Indexed, asked: engagements.collect() },
        indexed(
            "status eq 'New' and direction eq 'Incoming'",
            "?$filter=status eq 'New' and direction eq 'Incoming'&$count=false",
        ),
        Question::new(
            "  the same with its count",
            Other,
            "?$filter=status eq 'New' and direction eq 'Incoming'",
            small,
        ),
        indexed("country eq 'LU'", "?$filter=customerProfile/address/country eq 'LU'&$count=false"),
        indexed("country eq 'AQ', no match", "?$filter=customerProfile/address/country eq 'AQ'&$count=false"),
        Question::new(
            "updatedDateTime ge, newest 100",
            Indexed,
            format!("?$filter=updatedDateTime ge {newest}&$orderby=updatedDateTime desc&$count=false"),
            None,
        ),
        Question::new("$count", Other, "/$count", None),
        Question::new("$count of status eq 'Active'", Other, "/$count?$filter=status eq 'Active'", None),
        Question::new("$search=lindqvist", Other, "?$search=lindqvist&$count=false", None),
        Question::new("  the same with its count", Other, "?$search=lindqvist", None),
        Question::new(
            "team/any, a rare one",
            Other,
            "?$filter=team/any(t:t/email eq 'uma.user@contoso.example')&$count=false",
            small,
        ),
        Question::new(
            "team/any, the busiest one",
            Other,
            "?$filter=team/any(t:t/email eq 'john.doe@contoso.example')&$count=false",
            small,
        ),
        Question::new("no index: iot/deviceCategory", Other, format!("{KIOSKS}&$count=false"), small),
        Question::new("  the same with its count", Other, KIOSKS, small),
        Question::new(
            "no index, no match",
            Other,
            "?$filter=details/requirements/additionalRequirements/iot/siliconType eq 'none'",
            small,
        ),
    ])
}

const KIOSKS: &str = "?$filter=details/requirements/additionalRequirements/iot/deviceCategory eq 'Kiosk'";

fn indexed(name: &'static str, query: &str) -> Question {
    Question::new(name, Role::Indexed, query, Some(SMALL_PAGE))
}

/// Returns the number of the deep page.
fn deep_page(server: &Server, client: &Client) -> Result<u64> {
    let (status, body) = load::ask(server.address()?, client.list("/$count", None))?;
    ensure!(status == 200, "the referrals cannot be counted: {status}");
    let count: u64 = std::str::from_utf8(&body)?.trim().parse()?;
    // One more page stands behind it, so that it is a whole one with a link.
    Ok((count / PAGE_SIZE).saturating_sub(1).clamp(2, DEEP_PAGE))
}

/// Reads a page.
pub(super) fn page(server: &Server, client: &Client, query: &str, page_size: Option<u32>) -> Result<Value> {
    let (status, body) = load::ask(server.address()?, client.list(query, page_size))?;
    ensure!(status == 200, "{query} was answered {status}: {}", String::from_utf8_lossy(&body));
    Ok(serde_json::from_slice(&body)?)
}

/// Returns a member of every item.
pub(super) fn values(page: &Value, member: &str) -> Vec<String> {
    let items = page.get("value").and_then(Value::as_array);
    items.into_iter().flatten().filter_map(|it| text(it, member)).map(str::to_owned).collect()
}

/// Returns a member.
pub(super) fn text<'a>(value: &'a Value, member: &str) -> Option<&'a str> {
    value.get(member).and_then(Value::as_str)
}
