//! The page of a grid: rows, what leads from page to page, the panel of filters, and the menus.

use std::collections::HashMap;

use askama::Template;
use axum::response::Response;
use uuid::Uuid;

use super::{
    ask::{Ask, Chosen, Form, SIZES, Tab},
    column::{Cell, Column, Related, choice},
    filter::{Filter, Kind, Section, filters},
    keep::{KeptView, views},
};
use crate::{
    domain::{actor::Actor, referral::Referral, time::Timestamp},
    web::{
        card::{Badge, Deadline},
        failure::{Failure, refused},
        listing::Listing,
        visit::{Frame, Visit, page},
        words::Words,
    },
};

/// Records of one engagement on one page of those that are looked up for the status of the other parties.
const ENGAGEMENTS_AT_ONCE: usize = 80;
/// Records of the other parties that are read at a time.
const RELATED_SIZE: u32 = 100;

/// A row.
pub(super) struct Row {
    pub(super) id: Uuid,
    pub(super) name: String,
    pub(super) is_favorite: bool,
    pub(super) cells: Vec<Cell>,
}

/// The header of a column.
struct Head {
    label: String,
    /// The address with the other order; `None` where the column does not sort.
    sort: Option<String>,
    /// For `aria-sort`; empty where the rows are in another order.
    order: &'static str,
    is_number: bool,
}

/// A value of a filter that counts, with the address without it.
struct Chip {
    label: String,
    without: String,
}

/// A tab.
struct TabLink {
    label: String,
    address: String,
    is_current: bool,
}

/// A filter in the panel.
struct Field {
    name: &'static str,
    label: String,
    hint: Option<String>,
    error: Option<String>,
    kind: Kind,
    /// What was sent, for a field of one value.
    value: String,
    options: Vec<Choice>,
}

/// One of several values.
struct Choice {
    value: String,
    label: String,
    is_chosen: bool,
}

/// A part of the panel.
struct Panel {
    title: String,
    fields: Vec<Field>,
}

/// A page by its number; `None` for those that are left out between two.
struct Step {
    page: Option<(u64, String)>,
    is_current: bool,
}

/// Why there is no row.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Nothing {
    /// There are rows.
    No,
    /// Nothing matches the filters.
    Filtered,
    /// The page is behind the last.
    Beyond,
    /// There is nothing on the tab.
    Empty,
    /// The query took too long.
    TooCostly,
    /// The address does not do.
    Refused,
}

#[derive(Template)]
#[template(path = "web/grid.html")]
struct GridPage {
    frame: Frame,
    ask: Ask,
    here: String,
    tabs: Vec<TabLink>,
    chips: Vec<Chip>,
    heads: Vec<Head>,
    name_head: Head,
    rows: Vec<Row>,
    nothing: Nothing,
    /// What there is nothing of, and what to do.
    nothing_title: String,
    nothing_advice: String,
    range: String,
    is_cut: bool,
    steps: Vec<Step>,
    previous: Option<String>,
    next: Option<String>,
    sizes: Vec<Choice>,
    panels: Vec<Panel>,
    columns: Vec<Choice>,
    views: Vec<KeptView>,
    current_view: Option<KeptView>,
    problems: Vec<String>,
    is_panel_open: bool,
    now: Timestamp,
}

impl GridPage {
    /// Writes a day.
    fn day(&self, at: &Timestamp) -> String {
        self.frame.words.day(*at)
    }

    /// Says how long it can be answered.
    fn deadline(&self, at: &Timestamp) -> Deadline {
        Deadline::of(*at, self.now, self.frame.words)
    }
}

/// Answers with the page of a grid.
pub(super) async fn show(visit: &Visit, actor: &Actor, ask: Ask) -> Result<Response, Failure> {
    let words = visit.words;
    let title = words.say(match ask.grid.is_leads() {
        true => "grid-leads",
        false => "grid-deals",
    });
    let frame = visit.frame(title).await?;
    let has_troubles = !ask.troubles.is_empty();
    let found = match has_troubles {
        true => Err(Failure::Broken),
        false => list(visit, actor, &ask).await,
    };
    let columns = ask.columns();
    let (rows, listing, nothing) = match found {
        Ok(listing) => {
            let rows = rows(visit, actor, &listing.referrals, &columns).await?;
            let nothing = nothing(&ask, &rows, listing.count);
            (rows, listing, nothing)
        }
        Err(_) if has_troubles => (Vec::new(), empty(), Nothing::Refused),
        Err(Failure::TooCostly) => (Vec::new(), empty(), Nothing::TooCostly),
        Err(failure) => return Err(failure),
    };
    let views = views(visit, &ask).await?;
    let (title, advice) = said_of_nothing(&ask, nothing);
    let pages = Pages::of(&ask, &listing, rows.len());
    let template = GridPage {
        here: ask.here(),
        tabs: tabs(&ask, words),
        chips: chips(&ask, words),
        heads: columns.iter().map(|it| head(&ask, it.label(words), it.sort(), it.is_number())).collect(),
        name_head: head(&ask, words.say("deal"), Some("name"), false),
        nothing,
        nothing_title: words.say(title),
        nothing_advice: words.say(advice),
        range: pages.range(words),
        is_cut: listing.count.is_none_or(|it| it > u64::from(super::export::ROWS_MAX)),
        steps: pages.steps(&ask),
        previous: (ask.page > 1).then(|| ask.page_address(ask.page.saturating_sub(1))),
        next: listing.next.as_deref().map(|it| ask.next_address(it, &actor.organization_id)),
        sizes: sizes(&ask),
        panels: panels(visit, actor, &ask).await?,
        columns: choices_of_columns(&columns, words),
        current_view: views.iter().find(|it| Some(it.id) == ask.view).cloned(),
        views,
        problems: problems(&ask, words),
        is_panel_open: ask
            .troubles
            .iter()
            .any(|it| filters(ask.grid.is_leads()).any(|of| of.name == it.name)),
        now: visit.now(),
        rows,
        frame,
        ask,
    };
    let answer = page(&template)?;
    Ok(if has_troubles { refused(answer) } else { answer })
}

fn empty() -> Listing {
    Listing { referrals: Vec::new(), count: Some(0), next: None }
}

/// Lists the page that an address asks for.
async fn list(visit: &Visit, actor: &Actor, ask: &Ask) -> Result<Listing, Failure> {
    if let Some(token) = ask.token(&actor.organization_id) {
        return visit.list(actor, &[("$skiptoken", token)], ask.size).await;
    }
    let mut options = ask.options(&actor.organization_id);
    let skip = u64::from(ask.size).saturating_mul(ask.page.saturating_sub(1));
    if skip > 0 {
        options.push(("$skip", skip.to_string()));
    }
    let options: Vec<(&str, &str)> = options.iter().map(|(name, value)| (*name, value.as_str())).collect();
    visit.list(actor, &options, ask.size).await
}

/// Makes rows of referrals: one more query for the other parties, where a column tells of them.
pub(super) async fn rows(
    visit: &Visit,
    actor: &Actor,
    referrals: &[Referral],
    columns: &[Column],
) -> Result<Vec<Row>, Failure> {
    let related = match columns.contains(&Column::PartnerStatus) {
        true => related(visit, actor, referrals).await?,
        false => HashMap::new(),
    };
    let viewer = &actor.organization_id;
    let rows = referrals.iter().map(|it| {
        let others = related.get(&it.engagement_id).map_or(&[][..], Vec::as_slice);
        Row {
            id: it.id,
            name: name_of(it, visit.words),
            is_favorite: it.favorite,
            cells: columns.iter().map(|column| column.cell(it, others, viewer, visit.words)).collect(),
        }
    });
    Ok(rows.collect())
}

/// Returns the name of a deal; that of the customer where it has none.
pub(super) fn name_of(referral: &Referral, words: Words) -> String {
    let name = referral.name.as_deref().map(str::trim).filter(|it| !it.is_empty());
    let customer = || referral.customer_profile.name.as_deref().unwrap_or_default();
    name.map_or_else(|| words.about("unnamed-deal", customer()), str::to_owned)
}

async fn related(
    visit: &Visit,
    actor: &Actor,
    referrals: &[Referral],
) -> Result<HashMap<Uuid, Vec<Related>>, Failure> {
    let mut engagements: Vec<Uuid> = referrals.iter().map(|it| it.engagement_id).collect();
    engagements.sort_unstable();
    engagements.dedup();
    let mut found: HashMap<Uuid, Vec<Related>> = HashMap::new();
    for some in engagements.chunks(ENGAGEMENTS_AT_ONCE) {
        let ids: Vec<String> = some.iter().map(Uuid::to_string).collect();
        let filter = format!("engagementId in ({})", ids.join(","));
        let select = "id,engagementId,organizationId,organizationName,status,substatus";
        let first = [("$filter", filter.as_str()), ("$select", select), ("$count", "false")];
        let mut page = visit.list(actor, &first, RELATED_SIZE).await?;
        loop {
            for it in std::mem::take(&mut page.referrals) {
                let status = Badge::of(&it, visit.words);
                found.entry(it.engagement_id).or_default().push(Related {
                    organization_id: it.organization_id,
                    organization_name: it.organization_name,
                    status,
                });
            }
            let Some(next) = page.next else { break };
            page = visit.list(actor, &[("$skiptoken", next.as_str())], RELATED_SIZE).await?;
        }
    }
    Ok(found)
}

fn nothing(ask: &Ask, rows: &[Row], count: Option<u64>) -> Nothing {
    match (rows.is_empty(), count) {
        (false, _) => Nothing::No,
        (true, _) if ask.page > 1 => Nothing::Beyond,
        (true, _) if ask.is_filtered() => Nothing::Filtered,
        (true, _) => Nothing::Empty,
    }
}

fn said_of_nothing(ask: &Ask, nothing: Nothing) -> (&'static str, &'static str) {
    match (nothing, ask.tab) {
        (Nothing::Filtered | Nothing::No, _) => ("grid-none", "grid-none-advice"),
        (Nothing::Beyond, _) => ("grid-beyond", "grid-beyond-advice"),
        (Nothing::TooCostly, _) => ("failure-too-costly", "grid-costly-advice"),
        (Nothing::Refused, _) => ("grid-refused", "grid-refused-advice"),
        (Nothing::Empty, Tab::Inbound) => ("grid-empty-inbound", "grid-empty-inbound-advice"),
        (Nothing::Empty, Tab::Outbound) => ("grid-empty-outbound", "grid-empty-outbound-advice"),
        (Nothing::Empty, Tab::Favorites) => ("grid-empty-favorites", "grid-empty-favorites-advice"),
        (Nothing::Empty, Tab::Marketplace | Tab::Qualified) => {
            ("grid-empty-leads", "grid-empty-leads-advice")
        }
    }
}

fn tabs(ask: &Ask, words: Words) -> Vec<TabLink> {
    let tabs = ask.grid.tabs().into_iter();
    tabs.map(|tab| TabLink {
        label: words.say(&format!("tab-{}", tab.as_str())),
        address: ask.tab_address(tab),
        is_current: tab == ask.tab,
    })
    .collect()
}

fn head(ask: &Ask, label: String, key: Option<&'static str>, is_number: bool) -> Head {
    let order = match (ask.sort, key) {
        (Some(sort), Some(key)) if sort.key == key && sort.is_descending => "descending",
        (Some(sort), Some(key)) if sort.key == key => "ascending",
        (None, Some("created")) => "descending",
        _ => "",
    };
    Head { label, sort: key.map(|it| ask.sorted(it)), order, is_number }
}

fn chips(ask: &Ask, words: Words) -> Vec<Chip> {
    let mut chips = Vec::new();
    if !ask.search.is_empty() {
        chips.push(Chip {
            label: words.between("chip", words.say("search"), &ask.search),
            without: ask.without_search(),
        });
    }
    chips.extend(ask.chosen.iter().map(|it| Chip {
        label: words.between("chip", label(it.filter, words), shown(it, words)),
        without: ask.without(it),
    }));
    chips
}

fn label(filter: &Filter, words: Words) -> String {
    words.say(&format!("filter-{}", filter.name))
}

/// Returns a value of a filter as people read it.
fn shown(chosen: &Chosen, words: Words) -> String {
    let value = &chosen.value;
    match chosen.filter.kind {
        Kind::Countries => {
            celes::Country::from_alpha2(value).map_or_else(|_| value.clone(), |it| it.long_name.to_owned())
        }
        Kind::Words(_) => choice(words, chosen.filter.name, value),
        Kind::Day => Timestamp::parse(value).map_or_else(|| value.clone(), |it| words.day(it)),
        Kind::Number => words.number(value),
        Kind::Text | Kind::Location | Kind::Currency => value.clone(),
    }
}

/// Where a page stands among the others.
struct Pages {
    current: u64,
    last: Option<u64>,
    first_row: u64,
    last_row: u64,
    count: Option<u64>,
}

impl Pages {
    fn of(ask: &Ask, listing: &Listing, rows: usize) -> Self {
        let size = u64::from(ask.size);
        let before = ask.page.saturating_sub(1).saturating_mul(size);
        let rows = u64::try_from(rows).unwrap_or(u64::MAX);
        Self {
            current: ask.page,
            last: listing.count.map(|it| it.div_ceil(size).max(1)),
            first_row: before.saturating_add(1),
            last_row: before.saturating_add(rows),
            count: listing.count,
        }
    }

    fn range(&self, words: Words) -> String {
        let rows = format!("{}–{}", words.number(self.first_row), words.number(self.last_row));
        match self.count {
            Some(count) => words.between("grid-range", rows, words.number(count)),
            None => words.about("grid-range-open", rows),
        }
    }

    /// Returns the first page, those around the current one, and the last.
    fn steps(&self, ask: &Ask) -> Vec<Step> {
        let Some(last) = self.last.filter(|it| *it > 1) else { return Vec::new() };
        let near = self.current.saturating_sub(1)..=self.current.saturating_add(1);
        let mut steps = Vec::new();
        let mut before = 0_u64;
        let mut numbers: Vec<u64> = near.chain([1, last]).filter(|it| (1..=last).contains(it)).collect();
        numbers.sort_unstable();
        numbers.dedup();
        for number in numbers {
            if number > before.saturating_add(1) {
                steps.push(Step { page: None, is_current: false });
            }
            let page = Some((number, ask.page_address(number)));
            steps.push(Step { page, is_current: number == self.current });
            before = number;
        }
        steps
    }
}

fn sizes(ask: &Ask) -> Vec<Choice> {
    let sizes = SIZES.into_iter();
    sizes
        .map(|it| Choice { value: ask.sized(it), label: it.to_string(), is_chosen: it == ask.size })
        .collect()
}

fn choices_of_columns(chosen: &[Column], words: Words) -> Vec<Choice> {
    let all = Column::ALL.iter();
    all.map(|it| Choice {
        value: it.as_str().to_owned(),
        label: it.label(words),
        is_chosen: chosen.contains(it),
    })
    .collect()
}

/// Returns every problem of the address in a sentence.
fn problems(ask: &Ask, words: Words) -> Vec<String> {
    let problems = ask.troubles.iter();
    problems
        .map(|it| {
            let place = words.say_known(&format!("filter-{}", it.name));
            let place = place.or_else(|| words.say_known(&format!("grid-part-{}", it.name)));
            let place = place.unwrap_or_else(|| it.name.to_owned());
            let shown: String = it.value.chars().take(60).collect();
            format!("{}: {}", words.between("chip", place, format!("“{shown}”")), words.say(it.rule))
        })
        .collect()
}

async fn panels(visit: &Visit, actor: &Actor, ask: &Ask) -> Result<Vec<Panel>, Failure> {
    let locations = visit.app.context.store.list_locations(&actor.organization_id).await?;
    let locations: Vec<(String, String)> =
        locations.iter().map(|it| (it.mpn_id.clone(), format!("{} ({})", it.name, it.mpn_id))).collect();
    let sections =
        [Section::Standing, Section::Lead, Section::Customer, Section::Deal, Section::People].into_iter();
    let panels = sections.map(|section| {
        let of_section = filters(ask.grid.is_leads()).filter(|it| it.section == section);
        Panel {
            title: visit.words.say(match section {
                Section::Standing => "panel-standing",
                Section::Lead => "panel-lead",
                Section::Customer => "panel-customer",
                Section::Deal => "panel-deal",
                Section::People => "panel-people",
            }),
            fields: of_section.map(|it| field(it, ask, &locations, visit.words)).collect(),
        }
    });
    Ok(panels.filter(|it| !it.fields.is_empty()).collect())
}

fn field(filter: &'static Filter, ask: &Ask, locations: &[(String, String)], words: Words) -> Field {
    let chosen: Vec<&str> = ask.values(filter.name).collect();
    let choice_of = |value: &str, label: String| Choice {
        value: value.to_owned(),
        label,
        is_chosen: chosen.contains(&value),
    };
    let options = match filter.kind {
        Kind::Words(values) => values
            .iter()
            // Groups of states are choices of their own only where they hold more than one.
            .filter(|it| {
                filter.name != "status" || !["Active", "Pending"].contains(it) || chosen.contains(it)
            })
            .map(|it| choice_of(it, choice(words, filter.name, it)))
            .collect(),
        Kind::Countries => {
            let countries = celes::Country::get_countries();
            countries.iter().map(|it| choice_of(it.alpha2, it.long_name.to_owned())).collect()
        }
        Kind::Location => {
            let known = locations.iter().map(|(id, name)| choice_of(id, name.clone()));
            let other = chosen.iter().filter(|it| !locations.iter().any(|(id, _)| id == *it));
            known.chain(other.map(|it| choice_of(it, (*it).to_owned()))).collect()
        }
        Kind::Text | Kind::Currency | Kind::Day | Kind::Number => Vec::new(),
    };
    let trouble = ask.troubles.iter().find(|it| it.name == filter.name);
    let sent = trouble.map(|it| it.value.clone());
    Field {
        name: filter.name,
        label: label(filter, words),
        hint: words.say_known(&format!("filter-{}-hint", filter.name)),
        error: trouble.map(|it| words.say(it.rule)),
        kind: filter.kind,
        value: sent.or_else(|| chosen.first().map(|it| (*it).to_owned())).unwrap_or_default(),
        options,
    }
}
