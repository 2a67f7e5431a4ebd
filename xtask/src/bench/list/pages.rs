//! `cargo xtask bench pages`: what pages of the dashboard cost, beside the API's list of the same rows.

use anyhow::{Context as _, Result};

use super::{
    Options,
    ground::Ground,
    measure::{Bench, HEADS, Measured},
    questions::Role,
};
use crate::{
    bench::Database,
    browser::Browser,
    load,
    report::print_table,
    server::{CONTOSO, Client, Server},
    workspace::Workspace,
};

/// A page may cost so many times what the API's list of the same rows does.
const COST_MAX: f64 = 3.0;
/// What a page may weigh, in kB as it is sent.
const WEIGHT_MAX: f64 = 100.0;

const SELLER: &str = "alex.admin@contoso.example";
const ROWS: u32 = 100;
const INCOMING: &str = "$filter=direction eq 'Incoming'";
const WAITING: &str = "$filter=direction eq 'Incoming' and status eq 'New'&$orderby=expirationDateTime asc";

/// Measures, and prints a table for each size and database.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    for &database in options.database.each() {
        for &referrals in &options.referrals {
            measure(workspace, options, database, referrals)?;
        }
    }
    Ok(())
}

fn measure(workspace: &Workspace, options: &Options, database: Database, referrals: u64) -> Result<()> {
    println!("\npages with {referrals} referrals on {}", database.name());
    let ground = Ground::prepare(workspace, options, database, referrals)?;
    let server = ground.liaison.start()?;
    let (client, browser) = (Client::new(&server)?, Browser::sign_in(&server, SELLER)?);
    let bench = Bench { server: &server, postgres: ground.postgres.as_ref(), options };

    bench.settle()?;
    let list = |name, query: &str, size| {
        bench.measure_calls(name, Role::First, vec![client.list(query, Some(size))])
    };
    let page = |name, path: &str| bench.measure_calls(name, Role::Other, vec![browser.get(path)?]);
    let grid = list("API: the rows of the grid", &format!("?{INCOMING}"), ROWS)?;
    // The home page has two lists.
    let waiting = list("API: what waits for an answer", &format!("?{WAITING}"), 25)?;
    let others = format!(
        "?$filter=direction eq 'Outgoing' and status eq 'New' and organizationId ne \
         '{CONTOSO}'&$orderby=expirationDateTime asc"
    );
    let outgoing = list("API: what waits for others", &others, 25)?;
    let id = first_id(&server, &client)?;
    let pairs = [
        (page("grid of 100, inbound", "/deals?tab=inbound&size=100")?, vec![&grid]),
        (page("home page", "/")?, vec![&waiting, &outgoing]),
        (page("a deal", &format!("/deals/{id}"))?, Vec::new()),
        (page("insights of a year", "/insights?period=365")?, Vec::new()),
    ];
    server.stop()?;
    let rows = [&grid, &waiting, &outgoing].into_iter().chain(pairs.iter().map(|(page, _)| page));
    print_table(&HEADS, &rows.map(Measured::row).collect::<Vec<_>>());
    for (page, lists) in pairs.iter().filter(|(_, lists)| !lists.is_empty()) {
        let ratio = page.cost_micros() / lists.iter().map(|it| it.cost_micros()).sum::<f64>();
        let verdict = |is_met| if is_met { "met" } else { "MISSED" };
        println!(
            "{}: {ratio:.2} times the API's lists of its rows in processor time (aim: at most {COST_MAX}): {}; {:.1} kB (aim: below \
             {WEIGHT_MAX}): {}",
            page.name,
            verdict(ratio <= COST_MAX),
            page.kilobytes(),
            verdict(page.kilobytes() < WEIGHT_MAX)
        );
    }
    Ok(())
}

fn first_id(server: &Server, client: &Client) -> Result<String> {
    let (_, body) = load::ask(server.address()?, client.list("?$top=1&$select=id", None))?;
    let page: serde_json::Value = serde_json::from_slice(&body)?;
    let id = page.pointer("/value/0/id").and_then(serde_json::Value::as_str);
    Ok(id.context("the list is empty")?.to_owned())
}
