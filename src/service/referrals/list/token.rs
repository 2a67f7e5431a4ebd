//! The token of a page: the whole query, how far it has come, and where the page before it ended.

use odata::{
    Query,
    tree::{Expanded, Expr, OrderKey, Selection},
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::ListError;
use crate::{
    domain::{actor::Actor, query::SCHEMA},
    service::Context,
    storage::{Key, Place},
};

const PURPOSE: &str = "page";

/// A query with how far it has come.
#[derive(Clone, Debug, Default)]
pub(super) struct PageToken {
    pub(super) filter: Option<Expr>,
    pub(super) search: Option<Expr>,
    pub(super) order: Vec<OrderKey>,
    pub(super) selection: Option<Selection>,
    pub(super) expanded: Vec<Expanded>,
    /// How many the caller still wants; `None` for all.
    pub(super) remaining: Option<u64>,
    pub(super) skip: u64,
    pub(super) size: u32,
    pub(super) is_count_wanted: Option<bool>,
    /// As it was taken on the first page.
    pub(super) count: Option<u64>,
    /// Where the page before it ended; `None` on the first.
    pub(super) after: Option<Place>,
}

/// What is sealed. Names are short, because it is part of an address.
#[derive(Serialize, Deserialize)]
struct Written {
    #[serde(rename = "f", default, skip_serializing_if = "String::is_empty")]
    filter: String,
    #[serde(rename = "s", default, skip_serializing_if = "String::is_empty")]
    search: String,
    #[serde(rename = "o", default, skip_serializing_if = "String::is_empty")]
    order: String,
    #[serde(rename = "l", default, skip_serializing_if = "String::is_empty")]
    selection: String,
    #[serde(rename = "e", default, skip_serializing_if = "String::is_empty")]
    expanded: String,
    #[serde(rename = "r", default, skip_serializing_if = "Option::is_none")]
    remaining: Option<u64>,
    #[serde(rename = "z")]
    size: u32,
    #[serde(rename = "n", default, skip_serializing_if = "Option::is_none")]
    count: Option<u64>,
    #[serde(rename = "k")]
    keys: Vec<Key>,
    #[serde(rename = "i")]
    id: Uuid,
    #[serde(rename = "c", default, skip_serializing_if = "Option::is_none")]
    is_count_wanted: Option<bool>,
}

impl PageToken {
    /// Returns the first page of a query.
    pub(super) fn first(context: &Context, query: Query, size_wanted: Option<u32>) -> Self {
        let size_max = context.settings.queries.page_size_max;
        Self {
            filter: query.filter,
            search: query.search,
            order: query.order,
            selection: query.selection,
            expanded: query.expanded,
            remaining: query.top,
            skip: query.skip.unwrap_or(0),
            size: size_wanted.map_or(size_max, |it| it.clamp(1, size_max)),
            is_count_wanted: query.count,
            count: None,
            after: None,
        }
    }

    /// Returns the page after `place`.
    pub(super) fn after(&self, place: Place, remaining: Option<u64>, count: Option<u64>) -> Self {
        Self { remaining, count, skip: 0, after: Some(place), ..self.clone() }
    }

    /// Writes the token.
    pub(super) fn seal(&self, context: &Context, actor: &Actor) -> String {
        let place = self.after.clone();
        let (keys, id) = place.map_or((Vec::new(), Uuid::nil()), |it| (it.keys, it.id));
        let written = Written {
            filter: text(self.filter.as_ref()),
            search: text(self.search.as_ref()),
            order: list(&self.order),
            selection: text(self.selection.as_ref()),
            expanded: list(&self.expanded),
            remaining: self.remaining,
            size: self.size,
            count: self.count,
            keys,
            id,
            is_count_wanted: self.is_count_wanted,
        };
        let json = serde_json::to_string(&written).expect("plain structures serialise");
        context.seal.close(PURPOSE, actor, &json)
    }

    /// Reads a token.
    ///
    /// # Errors
    /// When it was not given to this caller, or by an earlier version that reads queries otherwise.
    pub(super) fn open(context: &Context, actor: &Actor, sealed: &str) -> Result<Self, ListError> {
        let foreign = || ListError::ForeignToken("$skiptoken");
        let json = context.seal.open_text(PURPOSE, actor, sealed).ok_or_else(foreign)?;
        let written: Written = serde_json::from_str(&json).map_err(|_| foreign())?;
        let limits = &context.settings.queries.limits;
        // Printing may be longer than what was sent; it was within the limits then.
        let limits = odata::Limits { bytes_max: usize::MAX, nodes_max: usize::MAX, ..*limits };
        let expr = |text: &str| match text {
            "" => Ok(None),
            text => Expr::parse(text, &SCHEMA, &limits, 0).map(Some).map_err(|_| foreign()),
        };
        let mut options = url::form_urlencoded::Serializer::new(String::new());
        for (name, value) in
            [("$orderby", &written.order), ("$select", &written.selection), ("$expand", &written.expanded)]
        {
            if !value.is_empty() {
                options.append_pair(name, value);
            }
        }
        let query = Query::parse(&options.finish(), &SCHEMA, &limits, 0).map_err(|_| foreign())?;
        Ok(Self {
            filter: expr(&written.filter)?,
            search: expr(&written.search)?,
            order: query.order,
            selection: query.selection,
            expanded: query.expanded,
            remaining: written.remaining,
            skip: 0,
            size: written.size,
            is_count_wanted: written.is_count_wanted,
            count: written.count,
            // The first page of a delta is sealed before it has an end.
            after: (!written.id.is_nil()).then_some(Place { keys: written.keys, id: written.id }),
        })
    }
}

fn text(value: Option<&impl ToString>) -> String {
    value.map(ToString::to_string).unwrap_or_default()
}

fn list<T: ToString>(values: &[T]) -> String {
    values.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}
