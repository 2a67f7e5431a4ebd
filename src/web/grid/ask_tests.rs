//! Addresses are read and written back.

use odata::{Limits, Query};
use uuid::Uuid;

use super::{Ask, Grid, OrganizationId};
use crate::domain::query::SCHEMA;

fn own() -> OrganizationId {
    Uuid::from_u128(7).into()
}

#[test]
fn an_address_is_written_as_it_was_read() {
    let query = "tab=outbound&q=cloud+%26+co&status=New&status=Won&country=BE&country=NL&value-min=100\
                 &sort=-created&size=50&col=customer&col=value";
    let ask = Ask::read(Grid::Deals, query);
    assert_eq!(ask.troubles, []);
    assert_eq!(ask.address(), format!("/deals?{query}"));
    assert_eq!(ask.state(), query);
    let countries: Vec<&str> = ask.values("country").collect();
    assert_eq!(countries, ["BE", "NL"]);
    let without = ask.without(ask.chosen.last().unwrap());
    assert!(!without.contains("value-min") && without.contains("country=NL"), "{without}");
    assert_eq!(ask.cleared(), "/deals?tab=outbound&sort=-created&size=50&col=customer&col=value&keep=1");
}

#[test]
fn every_tab_and_search_is_a_query_of_the_api() {
    for (grid, query) in [
        (Grid::Deals, "tab=inbound&q=a%22b+c%22+AND+%28d\\&sort=name"),
        (Grid::Deals, "tab=outbound&sort=-status"),
        (Grid::Deals, "tab=favorites&q=7d23e5ca-19dc-4eaa-aac8-5e6b559f0d1d"),
        (Grid::Leads, "tab=marketplace&lead=offer&lead=profile&spam=no"),
        (Grid::Leads, "tab=qualified&sort=-value"),
        (Grid::Leads, "tab=favorites&q=NOT"),
    ] {
        let ask = Ask::read(grid, query);
        assert_eq!(ask.troubles, [], "{query}");
        let options = ask.options(&own());
        let text = super::serialize(options.iter().map(|(name, value)| (*name, value.clone())));
        Query::parse(&text, &SCHEMA, &Limits::default(), 0).unwrap_or_else(|it| panic!("{text}: {it:?}"));
    }
}

#[test]
fn everything_that_does_not_do_is_told_at_once() {
    let query = "tab=x&q=ab&status=Open&currency=EUR&currency=USD&size=7&page=0&sort=colour&col=nose";
    let ask = Ask::read(Grid::Deals, query);
    let names: Vec<&str> = ask.troubles.iter().map(|it| it.name).collect();
    assert_eq!(names, ["tab", "status", "size", "page", "sort", "col", "currency", "q"]);
    let many: String = (0..60).map(|it| format!("&country={}{}", ['A', 'B'][it / 30], 'A')).collect();
    assert!(Ask::read(Grid::Deals, &many).chosen.len() <= 1);
    assert!(Ask::read(Grid::Deals, "tab=inbound&done=x").is_bare);
    assert!(!Ask::read(Grid::Deals, "tab=inbound&status=New").is_bare);
}

#[test]
fn a_token_counts_only_for_the_query_that_it_was_given_for() {
    let ask = Ask::read(Grid::Deals, "status=New");
    let next = ask.next_address("TOKEN", &own());
    let query = next.split_once('?').unwrap().1;
    assert_eq!(Ask::read(Grid::Deals, query).token(&own()), Some("TOKEN"));
    assert_eq!(Ask::read(Grid::Deals, query).page, 2);
    let other = query.replace("status=New", "status=Won");
    assert_eq!(Ask::read(Grid::Deals, &other).token(&own()), None);
}

#[test]
fn a_header_turns_its_order_round() {
    let sorted = |query: &str, key| Ask::read(Grid::Deals, query).sorted(key);
    assert!(sorted("", "created").contains("sort=created"));
    assert!(sorted("sort=created", "created").contains("sort=-created"));
    assert!(sorted("", "value").contains("sort=-value"));
    assert!(sorted("sort=name", "name").contains("sort=-name"));
}
