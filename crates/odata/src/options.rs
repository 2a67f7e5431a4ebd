//! The options of a query string, read all at once.
//!
//! | Option | Read by |
//! |---|---|
//! | `$filter`, `$orderby` | `parser`, then `check` |
//! | `$search` | `search` |
//! | `$select`, `$expand` | `select` |
//! | the others | here |

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    check,
    error::{Problem, QueryError},
    parser::{self, Budget},
    schema::Schema,
    search, select,
    tree::{Expanded, Expr, OrderKey, Selection},
};

/// Every option that is read.
const OPTIONS: [&str; 11] = [
    "$filter",
    "$search",
    "$orderby",
    "$select",
    "$expand",
    "$top",
    "$skip",
    "$count",
    "$skiptoken",
    "$deltatoken",
    "$format",
];

/// How large a query may be.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of one option's text, decoded.
    pub bytes_max: usize,
    /// Nodes of one expression.
    pub nodes_max: usize,
    /// How deep expressions nest; more than 100 counts as 100, because the stack is not the caller's.
    pub depth_max: usize,
    /// Values after `in`.
    pub in_max: usize,
    /// Keys of `$orderby`.
    pub order_keys_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { bytes_max: 4096, nodes_max: 200, depth_max: 32, in_max: 100, order_keys_max: 5 }
    }
}

/// A query that has been checked against a schema.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Query {
    /// `$filter`.
    pub filter: Option<Expr>,
    /// `$search`, as a predicate over [`Schema::searched`]: each word must be contained in one of the texts, in any
    /// case.
    pub search: Option<Expr>,
    /// `$orderby`; empty when absent.
    pub order: Vec<OrderKey>,
    /// `$select`; `None` when absent or `*`.
    pub selection: Option<Selection>,
    /// `$expand`.
    pub expanded: Vec<Expanded>,
    /// `$top`.
    pub top: Option<u64>,
    /// `$skip`.
    pub skip: Option<u64>,
    /// `$count`.
    pub count: Option<bool>,
    /// `$skiptoken`, as sent.
    pub skip_token: Option<String>,
    /// `$deltatoken`, as sent.
    pub delta_token: Option<String>,
    /// `$format`, as sent.
    pub format: Option<String>,
}

/// What the text of an option is read against.
struct Reading<'a> {
    schema: &'static Schema,
    limits: &'a Limits,
    now: i64,
    /// Texts of the parameter aliases, by name without `@`.
    aliases: BTreeMap<String, String>,
}

impl Query {
    /// Reads the query part of an address, with names as `$filter` or `%24filter`, blanks as `%20` or `+`. Options
    /// without `$` belong to others and are ignored, except the parameter aliases `@p`.
    ///
    /// `now` is what `now()` means, in ticks of 100 ns since 1970.
    ///
    /// # Errors
    /// Everything that is wrong, in the order of the query: one problem for each option at most.
    pub fn parse(
        query: &str,
        schema: &'static Schema,
        limits: &Limits,
        now: i64,
    ) -> Result<Self, Vec<QueryError>> {
        let mut errors: Vec<QueryError> = Vec::new();
        let mut options = Vec::new();
        let mut aliases = BTreeMap::new();
        let mut seen = BTreeSet::new();
        for pair in decode(query) {
            let read = pair.and_then(|(name, text)| once(name, &mut seen).map(|name| (name, text)));
            match read {
                Ok((name, text)) => match name.strip_prefix('@') {
                    Some(alias) => drop(aliases.insert(alias.to_owned(), text)),
                    None => options.push(Ok((name, text))),
                },
                Err(error) => options.push(Err(error)),
            }
        }
        let reading = Reading { schema, limits, now, aliases };
        let mut parsed = Self::default();
        for option in options {
            let read = option.and_then(|(name, text)| {
                parsed.read(&name, &text, &reading).map_err(|it| it.in_option(&name, &text))
            });
            if let Err(error) = read
                && !errors.iter().any(|it| it.option == error.option)
            {
                errors.push(error);
            }
        }
        if errors.is_empty() { Ok(parsed) } else { Err(errors) }
    }

    /// Reads the text of one option; `name` is one of [`OPTIONS`].
    fn read(&mut self, name: &str, text: &str, reading: &Reading<'_>) -> Result<(), Problem> {
        let Reading { schema, limits, now, aliases } = reading;
        if text.len() > limits.bytes_max {
            return Err(Problem::of_all(format!("the text is longer than {} bytes", limits.bytes_max)));
        }
        let mut budget = Budget::new(limits, aliases);
        match name {
            "$filter" => self.filter = Some(filter(text, schema, &mut budget, *now)?),
            "$orderby" => self.order = order(text, schema, &mut budget, *now)?,
            "$search" => self.search = Some(search::predicate(text, schema, limits)?),
            "$select" => self.selection = select::selection(text, schema.entity, limits)?,
            "$expand" => self.expanded = select::expanded(text, schema, limits)?,
            "$top" => self.top = Some(whole_number(text)?),
            "$skip" => self.skip = Some(whole_number(text)?),
            "$count" => self.count = Some(yes_or_no(text)?),
            "$skiptoken" => self.skip_token = Some(text.to_owned()),
            "$deltatoken" => self.delta_token = Some(text.to_owned()),
            "$format" => self.format = Some(text.to_owned()),
            _ => return Err(Problem::of_all("there is no such option").proposing(name, &OPTIONS)),
        }
        Ok(())
    }
}

impl Expr {
    /// Reads the text of one `$filter`, without parameter aliases; `now` is what `now()` means.
    ///
    /// # Errors
    /// What is wrong with the text, as a problem of `$filter`.
    pub fn parse(text: &str, schema: &'static Schema, limits: &Limits, now: i64) -> Result<Self, QueryError> {
        filter(text, schema, &mut Budget::new(limits, &BTreeMap::new()), now)
            .map_err(|it| it.in_option("$filter", text))
    }
}

impl OrderKey {
    /// Reads the text of one `$orderby`, without parameter aliases; `now` is what `now()` means.
    ///
    /// # Errors
    /// What is wrong with the text, as a problem of `$orderby`.
    pub fn parse_all(
        text: &str,
        schema: &'static Schema,
        limits: &Limits,
        now: i64,
    ) -> Result<Vec<Self>, QueryError> {
        order(text, schema, &mut Budget::new(limits, &BTreeMap::new()), now)
            .map_err(|it| it.in_option("$orderby", text))
    }
}

impl Selection {
    /// Reads the text of one `$select`; `None` where everything is wanted.
    ///
    /// # Errors
    /// What is wrong with the text, as a problem of `$select`.
    pub fn parse(text: &str, schema: &'static Schema, limits: &Limits) -> Result<Option<Self>, QueryError> {
        select::selection(text, schema.entity, limits).map_err(|it| it.in_option("$select", text))
    }
}

impl Expanded {
    /// Reads the text of one `$expand`.
    ///
    /// # Errors
    /// What is wrong with the text, as a problem of `$expand`.
    pub fn parse_all(text: &str, schema: &'static Schema, limits: &Limits) -> Result<Vec<Self>, QueryError> {
        select::expanded(text, schema, limits).map_err(|it| it.in_option("$expand", text))
    }
}

fn filter(text: &str, schema: &'static Schema, budget: &mut Budget<'_>, now: i64) -> Result<Expr, Problem> {
    check::predicate(&parser::expression(text, budget)?, schema, now)
}

fn order(
    text: &str,
    schema: &'static Schema,
    budget: &mut Budget<'_>,
    now: i64,
) -> Result<Vec<OrderKey>, Problem> {
    let keys = parser::order_keys(text, budget)?;
    let checked = keys.into_iter().map(|(term, direction)| {
        let expr = check::order_key(&term, schema, now)?;
        Ok(OrderKey { expr, direction })
    });
    checked.collect()
}

fn whole_number(text: &str) -> Result<u64, Problem> {
    let is_digits = !text.is_empty() && text.bytes().all(|it| it.is_ascii_digit());
    let number = is_digits.then(|| text.parse().ok()).flatten();
    // Edm.Int64 is the largest that clients know.
    let fits = number.filter(|it| i64::try_from(*it).is_ok());
    fits.ok_or_else(|| Problem::of_all(format!("{text:?} is not a whole number from 0 to {}", i64::MAX)))
}

fn yes_or_no(text: &str) -> Result<bool, Problem> {
    match text.to_ascii_lowercase().as_str() {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(Problem::of_all(format!("{text:?} is neither")).expecting(["true", "false"])),
    }
}

/// Takes an option's name apart from its case, and sees that it comes only once.
fn once(name: String, seen: &mut BTreeSet<String>) -> Result<String, QueryError> {
    let known = OPTIONS.iter().find(|it| it.eq_ignore_ascii_case(&name));
    let name = known.map_or(name, |it| (*it).to_owned());
    if !seen.insert(name.clone()) {
        return Err(Problem::of_all("the option is given more than once").in_option(&name, ""));
    }
    Ok(name)
}

/// Splits a query into the options that this language looks at.
fn decode(query: &str) -> impl Iterator<Item = Result<(String, String), QueryError>> {
    query.split('&').filter_map(|pair| {
        let (name, text) = pair.split_once('=').unwrap_or((pair, ""));
        let (name, text) = (percent_decoded(name), percent_decoded(text));
        if !name.starts_with(b"$") && !name.starts_with(b"@") {
            return None;
        }
        let lossy = String::from_utf8_lossy(&name).into_owned();
        Some(match (String::from_utf8(name), String::from_utf8(text)) {
            (Ok(name), Ok(text)) => Ok((name, text)),
            _ => Err(Problem::of_all("the text is not UTF-8").in_option(&lossy, "")),
        })
    })
}

/// Decodes `%20` and `+` as forms write them. Unlike the usual decoders, it leaves it to the caller to see that what
/// comes out is no text.
fn percent_decoded(text: &str) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [byte, following @ ..] = rest {
        rest = following;
        decoded.push(match (byte, following) {
            (b'+', _) => b' ',
            (b'%', [high, low, after @ ..]) => match (hex_digit(*high), hex_digit(*low)) {
                (Some(high), Some(low)) => {
                    rest = after;
                    high * 16 + low
                }
                _ => b'%',
            },
            _ => *byte,
        });
    }
    decoded
}

fn hex_digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|it| u8::try_from(it).ok())
}
