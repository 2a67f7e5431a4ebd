//! What the address of a grid asks for, read whole and written back: the address is the state.

use aws_lc_rs::digest::{SHA256, digest};
use uuid::Uuid;

use super::{
    column::Column,
    filter::{Filter, filters, quoted},
};
use crate::domain::organization::OrganizationId;

/// Rows on a page.
pub(super) const SIZES: [u32; 3] = [25, 50, 100];
/// Columns beside the name, as in Partner Center.
pub(super) const COLUMNS_MAX: usize = 9;
/// Fewer characters than these would be found nearly everywhere.
pub(super) const SEARCH_CHARS_MIN: usize = 3;
/// Characters of a search.
const SEARCH_CHARS_MAX: usize = 200;
/// Pages beyond this one are asked for by nobody.
const PAGE_MAX: u64 = 1_000_000;

/// A grid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Grid {
    /// Co-sell opportunities.
    Deals,
    /// Leads.
    Leads,
}

/// A tab of a grid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tab {
    /// What others invite into.
    Inbound,
    /// What the organisation has made.
    Outbound,
    /// What the person marked.
    Favorites,
    /// What customers asked in the marketplace.
    Marketplace,
    /// What Microsoft qualified.
    Qualified,
}

impl Grid {
    /// Returns the address.
    pub(super) const fn path(self) -> &'static str {
        match self {
            Self::Deals => "/deals",
            Self::Leads => "/leads",
        }
    }

    /// Returns the stable name.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Deals => "deals",
            Self::Leads => "leads",
        }
    }

    /// Returns the tabs; the first is shown where none is asked for.
    pub(super) const fn tabs(self) -> [Tab; 3] {
        match self {
            Self::Deals => [Tab::Inbound, Tab::Outbound, Tab::Favorites],
            Self::Leads => [Tab::Marketplace, Tab::Qualified, Tab::Favorites],
        }
    }

    pub(super) fn is_leads(self) -> bool {
        self == Self::Leads
    }
}

/// What comes from a customer itself is a lead, and on the lists of leads only. Columns answer it: to look into the
/// documents for who invited would cost as much as there are deals.
const LEAD: &str = "direction eq 'Incoming' and type eq 'Independent'";
const NO_LEAD: &str = "(type eq 'Shared' or qualification ne 'Direct')";
/// What Microsoft has qualified is a lead as well (the official table of categories).
const QUALIFIED: &str = "(qualification eq 'SalesQualified' or qualification eq 'MarketingQualified') and \
     inviteContext/invitedBy/organizationId eq 'msft'";

impl Tab {
    /// Returns the stable name.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Inbound => "inbound",
            Self::Outbound => "outbound",
            Self::Favorites => "favorites",
            Self::Marketplace => "marketplace",
            Self::Qualified => "qualified",
        }
    }

    /// Returns the condition of what is on it, in the words of `$filter`.
    fn clause(self, grid: Grid) -> String {
        match (self, grid) {
            (Self::Inbound, _) => format!("direction eq 'Incoming' and {NO_LEAD}"),
            (Self::Outbound, _) => "direction eq 'Outgoing'".to_owned(),
            (Self::Favorites, Grid::Deals) => {
                format!("favorite eq true and (direction eq 'Outgoing' or {NO_LEAD})")
            }
            (Self::Favorites, Grid::Leads) => {
                format!("favorite eq true and {LEAD} and (qualification eq 'Direct' or {QUALIFIED})")
            }
            (Self::Marketplace, _) => format!("{LEAD} and qualification eq 'Direct'"),
            (Self::Qualified, _) => format!("{LEAD} and {QUALIFIED}"),
        }
    }
}

/// What rows can be sorted by.
pub(super) const SORTS: [(&str, &str); 8] = [
    ("name", "tolower(name)"),
    ("customer", "tolower(customerProfile/name)"),
    ("status", "status,substatus"),
    ("value", "details/dealValue"),
    ("closes", "details/closingDateTime"),
    ("created", "createdDateTime"),
    ("changed", "updatedDateTime"),
    ("country", "customerProfile/address/country"),
];

/// An order of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sort {
    /// Name of what is sorted by.
    pub(super) key: &'static str,
    path: &'static str,
    pub(super) is_descending: bool,
}

impl Sort {
    /// Reads `created`, or `-created` for the newest first.
    fn parse(text: &str) -> Option<Self> {
        let (name, is_descending) = text.strip_prefix('-').map_or((text, false), |it| (it, true));
        let (key, path) = SORTS.iter().find(|(key, _)| *key == name)?;
        Some(Self { key, path, is_descending })
    }

    /// Writes `created`, or `-created` for the newest first.
    pub(super) fn write(self) -> String {
        format!("{}{}", if self.is_descending { "-" } else { "" }, self.key)
    }

    fn order(self) -> String {
        let direction = if self.is_descending { "desc" } else { "asc" };
        let keys: Vec<String> = self.path.split(',').map(|it| format!("{it} {direction}")).collect();
        keys.join(",")
    }
}

/// A value of a filter.
#[derive(Clone, Debug)]
pub(super) struct Chosen {
    pub(super) filter: &'static Filter,
    pub(super) value: String,
}

/// What does not do in an address, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Trouble {
    /// Name of the filter, or of another part.
    pub(super) name: &'static str,
    /// What was sent.
    pub(super) value: String,
    /// Name of the message.
    pub(super) rule: &'static str,
}

/// What the address of a grid asks for.
#[derive(Clone, Debug)]
pub(super) struct Ask {
    pub(super) grid: Grid,
    pub(super) tab: Tab,
    pub(super) search: String,
    pub(super) chosen: Vec<Chosen>,
    /// `None` for the newest first.
    pub(super) sort: Option<Sort>,
    /// `None` for those of the tab.
    pub(super) columns: Option<Vec<Column>>,
    pub(super) size: u32,
    pub(super) page: u64,
    /// Where the page begins, with a mark of what it was given for.
    pub(super) after: Option<String>,
    /// The saved view that this is, or was.
    pub(super) view: Option<Uuid>,
    /// Whether it is to be kept as what the grid was left with.
    pub(super) is_to_keep: bool,
    /// Whether the address asks for anything but a tab.
    pub(super) is_bare: bool,
    pub(super) troubles: Vec<Trouble>,
}

impl Ask {
    /// Reads an address. What does not do is left out and told among the troubles.
    pub(super) fn read(grid: Grid, query: &str) -> Self {
        let [first, ..] = grid.tabs();
        let mut ask = Self {
            grid,
            tab: first,
            search: String::new(),
            chosen: Vec::new(),
            sort: None,
            columns: None,
            size: 25,
            page: 1,
            after: None,
            view: None,
            is_to_keep: false,
            is_bare: true,
            troubles: Vec::new(),
        };
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            let value = value.trim();
            // An empty field of a form asks for nothing.
            if !value.is_empty() {
                ask.take(&name, value);
            }
        }
        ask.check();
        ask
    }

    fn take(&mut self, name: &str, value: &str) {
        let trouble = |name, rule| Trouble { name, value: value.to_owned(), rule };
        match name {
            "tab" => match self.grid.tabs().into_iter().find(|it| it.as_str() == value) {
                Some(tab) => self.tab = tab,
                None => self.troubles.push(trouble("tab", "grid-bad-word")),
            },
            "done" => {}
            "keep" => self.is_to_keep = true,
            "q" => self.search = value.to_owned(),
            "sort" => match Sort::parse(value) {
                Some(sort) => self.sort = Some(sort),
                None => self.troubles.push(trouble("sort", "grid-bad-word")),
            },
            "size" => match value.parse().ok().filter(|it| SIZES.contains(it)) {
                Some(size) => self.size = size,
                None => self.troubles.push(trouble("size", "grid-bad-size")),
            },
            "page" => match value.parse().ok().filter(|it| (1..=PAGE_MAX).contains(it)) {
                Some(page) => self.page = page,
                None => self.troubles.push(trouble("page", "grid-bad-page")),
            },
            "after" => self.after = Some(value.to_owned()),
            "view" => self.view = Uuid::try_parse(value).ok(),
            "col" => match Column::parse(value) {
                Some(column) => self.columns.get_or_insert_default().push(column),
                None => self.troubles.push(trouble("col", "grid-bad-word")),
            },
            name => return self.take_filter(name, value),
        }
        self.is_bare &= matches!(name, "tab" | "done");
    }

    fn take_filter(&mut self, name: &str, value: &str) {
        let Some(filter) = filters(self.grid.is_leads()).find(|it| it.name == name) else { return };
        self.is_bare = false;
        match filter.read(value) {
            Ok(values) => {
                for value in values {
                    if !self.values(filter.name).any(|it| it == value) {
                        self.chosen.push(Chosen { filter, value });
                    }
                }
            }
            Err(rule) => {
                self.troubles.push(Trouble { name: filter.name, value: value.to_owned(), rule });
            }
        }
    }

    /// Judges what can be judged only together, and puts everything in the order of the panel.
    fn check(&mut self) {
        let mut ordered = Vec::with_capacity(self.chosen.len());
        for filter in filters(self.grid.is_leads()) {
            let count_max = filter.values_max();
            let mut values = self.chosen.iter().filter(|it| it.filter.name == filter.name);
            ordered.extend(values.by_ref().take(count_max).cloned());
            if let Some(more) = values.next() {
                let rule = if count_max == 1 { "grid-once" } else { "grid-too-many" };
                self.troubles.push(Trouble { name: filter.name, value: more.value.clone(), rule });
            }
        }
        self.chosen = ordered;
        let chars = self.search.chars().count();
        if chars > 0 && !(SEARCH_CHARS_MIN..=SEARCH_CHARS_MAX).contains(&chars) {
            self.troubles.push(Trouble { name: "q", value: self.search.clone(), rule: "grid-bad-search" });
        }
        if let Some(columns) = &mut self.columns {
            columns.sort_unstable();
            columns.dedup();
            if columns.len() > COLUMNS_MAX {
                self.troubles.push(Trouble {
                    name: "col",
                    value: columns.len().to_string(),
                    rule: "grid-bad-columns",
                });
                columns.truncate(COLUMNS_MAX);
            }
        }
    }

    /// Returns the values of a filter.
    pub(super) fn values(&self, name: &str) -> impl Iterator<Item = &str> {
        self.chosen.iter().filter(move |it| it.filter.name == name).map(|it| it.value.as_str())
    }

    /// Says whether anything but the tab decides what is on the grid.
    pub(super) fn is_filtered(&self) -> bool {
        !self.chosen.is_empty() || !self.search.is_empty()
    }

    /// Returns the columns that are shown beside the name.
    pub(super) fn columns(&self) -> Vec<Column> {
        self.columns.clone().unwrap_or_else(|| Column::of_tab(self.tab).to_vec())
    }

    /// Returns `$filter`.
    pub(super) fn filter(&self, own: &OrganizationId) -> String {
        let mut clauses = vec![self.tab.clause(self.grid)];
        for filter in filters(self.grid.is_leads()) {
            let values: Vec<&str> = self.values(filter.name).collect();
            if !values.is_empty() {
                clauses.push(filter.clause(&values, own));
            }
        }
        if let Some(id) = self.searched_id() {
            let id = quoted(&id.to_string());
            clauses.push(format!("(id eq {id} or engagementId eq {id})"));
        }
        clauses.join(" and ")
    }

    /// A search for an id is no search for words.
    fn searched_id(&self) -> Option<Uuid> {
        Uuid::try_parse(&self.search).ok()
    }

    /// Returns `$search`; `None` where no words are searched.
    pub(super) fn words(&self) -> Option<String> {
        if self.search.is_empty() || self.searched_id().is_some() {
            return None;
        }
        // What stands in double quotes is one phrase, everything else is words; no sign means anything else.
        let mut words = Vec::new();
        for (place, part) in self.search.split('"').enumerate() {
            match place % 2 {
                1 => words.push(part.trim()),
                _ => words.extend(part.split_whitespace()),
            }
        }
        let words = words.into_iter().filter(|it| !it.is_empty());
        let words: Vec<String> = words.map(|it| format!("\"{}\"", it.replace('\\', "\\\\"))).collect();
        (!words.is_empty()).then(|| words.join(" "))
    }

    /// Returns the options of the API's list that are on every page.
    pub(super) fn options(&self, own: &OrganizationId) -> Vec<(&'static str, String)> {
        let mut options = vec![("$filter", self.filter(own))];
        options.extend(self.words().map(|it| ("$search", it)));
        options.extend(self.sort.map(|it| ("$orderby", it.order())));
        options
    }

    /// Returns the token that the page begins with, if it was given for what the address asks for.
    pub(super) fn token(&self, own: &OrganizationId) -> Option<&str> {
        let (mark, token) = self.after.as_deref()?.split_once('.')?;
        (mark == self.mark(own)).then_some(token)
    }

    /// Returns a short mark of what is asked for: a token carries its query, which has to be that of the address.
    fn mark(&self, own: &OrganizationId) -> String {
        let text = format!("{:?} {}", self.options(own), self.size);
        let digest = digest(&SHA256, text.as_bytes());
        digest.as_ref().iter().take(4).map(|it| format!("{it:02x}")).collect()
    }
}

/// Addresses of the same grid with something else.
impl Ask {
    /// Writes everything but the page.
    fn pairs(&self) -> Vec<(&str, String)> {
        let mut pairs = vec![("tab", self.tab.as_str().to_owned())];
        if !self.search.is_empty() {
            pairs.push(("q", self.search.clone()));
        }
        pairs.extend(self.chosen.iter().map(|it| (it.filter.name, it.value.clone())));
        pairs.extend(self.sort.map(|it| ("sort", it.write())));
        if self.size != 25 {
            pairs.push(("size", self.size.to_string()));
        }
        pairs.extend(self.columns.iter().flatten().map(|it| ("col", it.as_str().to_owned())));
        pairs.extend(self.view.map(|it| ("view", it.to_string())));
        pairs
    }

    /// Writes what a view or the last visit keeps: no page, and of a visit no search.
    pub(super) fn state(&self) -> String {
        serialize(self.pairs().into_iter().filter(|(name, _)| *name != "view"))
    }

    /// Returns the address of the first page.
    pub(super) fn address(&self) -> String {
        format!("{}?{}", self.grid.path(), serialize(self.pairs()))
    }

    /// Returns the address of this page.
    pub(super) fn here(&self) -> String {
        let mut pairs = self.pairs();
        if self.page > 1 {
            pairs.push(("page", self.page.to_string()));
            pairs.extend(self.after.clone().map(|it| ("after", it)));
        }
        format!("{}?{}", self.grid.path(), serialize(pairs))
    }

    /// Returns the address of a page by its number.
    pub(super) fn page_address(&self, page: u64) -> String {
        match page {
            1 => self.address(),
            page => format!("{}&page={page}", self.address()),
        }
    }

    /// Returns the address of the next page, which begins after a place: that costs the same at any depth.
    pub(super) fn next_address(&self, token: &str, own: &OrganizationId) -> String {
        let after = format!("{}.{token}", self.mark(own));
        let page = self.page.saturating_add(1).to_string();
        format!("{}&{}", self.address(), serialize([("page", page), ("after", after)]))
    }

    /// Returns the address that is kept as what the grid was left with.
    fn kept(&self) -> String {
        format!("{}&keep=1", self.address())
    }

    /// Returns the address without one value of a filter.
    pub(super) fn without(&self, chosen: &Chosen) -> String {
        let mut other = self.clone();
        other.chosen.retain(|it| it.filter.name != chosen.filter.name || it.value != chosen.value);
        other.kept()
    }

    /// Returns the address without the search.
    pub(super) fn without_search(&self) -> String {
        Self { search: String::new(), ..self.clone() }.kept()
    }

    /// Returns the address without filters and search.
    pub(super) fn cleared(&self) -> String {
        Self { search: String::new(), chosen: Vec::new(), view: None, ..self.clone() }.kept()
    }

    /// Returns the address of another order: the one that is there turns round.
    pub(super) fn sorted(&self, key: &'static str) -> String {
        let is_first_descending = matches!(key, "value" | "created" | "changed");
        let is_descending = match self.sort {
            Some(sort) if sort.key == key => !sort.is_descending,
            // Without an order the newest are first.
            None if key == "created" => false,
            _ => is_first_descending,
        };
        let mut other = self.clone();
        other.sort = Sort::parse(key).map(|it| Sort { is_descending, ..it });
        other.kept()
    }

    /// Returns the address with another number of rows.
    pub(super) fn sized(&self, size: u32) -> String {
        Self { size, ..self.clone() }.kept()
    }

    /// Returns the address of another tab, as it was left.
    pub(super) fn tab_address(&self, tab: Tab) -> String {
        format!("{}?tab={}", self.grid.path(), tab.as_str())
    }

    /// Returns what a form carries along that changes other parts: everything but the parts of these names.
    pub(super) fn carried(&self, form: Form) -> Vec<(&str, String)> {
        let is_filter = |name: &str| filters(self.grid.is_leads()).any(|it| it.name == name);
        self.pairs()
            .into_iter()
            .filter(|(name, _)| match form {
                Form::Filters => !is_filter(name),
                Form::Search => *name != "q",
                Form::Columns => *name != "col",
            })
            .collect()
    }

    /// Returns the address of the file with what is shown.
    pub(super) fn export_address(&self, ending: &str) -> String {
        format!("{}/export.{ending}?{}", self.grid.path(), self.state())
    }
}

/// A form on the page of a grid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// The panel.
    Filters,
    /// The search box.
    Search,
    /// The choice of columns.
    Columns,
}

fn serialize<'a>(pairs: impl IntoIterator<Item = (&'a str, String)>) -> String {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

#[cfg(test)]
#[path = "ask_tests.rs"]
mod ask_tests;
