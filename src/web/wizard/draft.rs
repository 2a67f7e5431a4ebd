//! A deal that is not made yet: what was typed, as it was typed, kept for the person who types it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    fields::{HELP, LOCATION, Rows},
    step::Step,
};
use crate::{
    domain::{actor::Actor, organization::Location, report::Problem, time::Timestamp},
    service::saved::{self, SaveError, SaveRequest, SavedKind},
    web::{failure::Failure, visit::Visit},
};

/// What the fields hold, by name.
pub(super) type Fields = BTreeMap<String, String>;

/// How many rows of a kind a draft has at most; the API takes no more.
pub(super) const ROWS_MAX: usize = 50;

/// A deal that is not made yet.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Draft {
    /// Where the person left off.
    pub(super) at: Step,
    /// Steps that the person went on from: what is wrong there is shown.
    pub(super) seen: Vec<Step>,
    /// Fields that stand once.
    pub(super) fields: Fields,
    pub(super) team: Vec<Fields>,
    pub(super) solutions: Vec<Fields>,
    /// Beside what is typed: `location`, `organizationId`, `organization` and `place` of the partner.
    pub(super) partners: Vec<Fields>,
    /// What partners were looked for by.
    pub(super) search: String,
    /// The deal that was made of it: nothing is made of it any more.
    pub(super) made: Option<Uuid>,
}

/// A draft in the list of those that can be resumed.
pub(super) struct Unfinished {
    /// Name of the draft.
    pub(super) id: Uuid,
    /// Key of what is kept, to remove it by.
    pub(super) item_id: Uuid,
    pub(super) draft: Draft,
    pub(super) updated: Timestamp,
}

impl Draft {
    /// Begins a draft: the person is its team, and its location the one that the API would take by itself.
    pub(super) fn begin(visit: &Visit, actor: &Actor, locations: &[Location]) -> Self {
        let mut draft = Self::default();
        let mut in_scope = locations.iter().filter(|it| actor.locations.contains(&it.mpn_id));
        // The default location is the first.
        let location = match (in_scope.next(), in_scope.next()) {
            (Some(first), None) => Some(first),
            (first, _) => first.filter(|it| it.is_default),
        };
        if let Some(location) = location {
            draft.fields.insert(LOCATION.to_owned(), location.mpn_id.clone());
        }
        draft.fields.insert(HELP.to_owned(), "private".to_owned());
        let user = &visit.seat.principal.user;
        let (first, last) = user.name.trim().split_once(' ').unwrap_or((user.name.trim(), ""));
        let person = [("firstName", first), ("lastName", last.trim()), ("email", user.email.as_str())];
        draft.team.push(person.map(|(name, value)| (name.to_owned(), value.to_owned())).into());
        draft
    }

    /// Returns what a field holds, without blanks around it; empty when nothing was typed.
    pub(super) fn get(&self, name: &str) -> &str {
        text(&self.fields, name)
    }

    /// Returns the rows of a kind.
    pub(super) const fn rows(&self, rows: Rows) -> &Vec<Fields> {
        match rows {
            Rows::Team => &self.team,
            Rows::Solutions => &self.solutions,
            Rows::Partners => &self.partners,
        }
    }

    /// Returns the rows of a kind, to change them.
    pub(super) const fn rows_mut(&mut self, rows: Rows) -> &mut Vec<Fields> {
        match rows {
            Rows::Team => &mut self.team,
            Rows::Solutions => &mut self.solutions,
            Rows::Partners => &mut self.partners,
        }
    }

    /// Says whether Microsoft is asked for help.
    pub(super) fn is_co_sell(&self) -> bool {
        !matches!(self.get(HELP), "" | "private" | "partner-led")
    }

    /// Says whether Microsoft's sellers see the deal.
    pub(super) fn is_seen_by_microsoft(&self) -> bool {
        !matches!(self.get(HELP), "" | "private")
    }

    /// Notes that the person went on from a step.
    pub(super) fn see(&mut self, step: Step) {
        if !self.seen.contains(&step) {
            self.seen.push(step);
        }
    }

    /// Returns what the draft is called in lists; `None` when nothing says so yet.
    pub(super) fn title(&self) -> Option<&str> {
        [self.get("name"), self.get("customerProfile.name")].into_iter().find(|it| !it.is_empty())
    }
}

/// Returns what a field of a row holds, without blanks around it.
pub(super) fn text<'a>(fields: &'a Fields, name: &str) -> &'a str {
    fields.get(name).map_or("", |it| it.trim())
}

/// Finds a draft of the person.
pub(super) async fn find(visit: &Visit, id: Uuid) -> Result<Option<Draft>, Failure> {
    let (context, whose) = (&visit.app.context, &visit.seat.colleague);
    let item = saved::find_saved(context, whose, SavedKind::Draft, &id.to_string()).await?;
    Ok(item.and_then(|it| serde_json::from_str(&it.body).ok()))
}

/// Lists the drafts of the person that can be resumed, the latest first.
pub(super) async fn list(visit: &Visit) -> Result<Vec<Unfinished>, Failure> {
    let mut drafts = kept(visit).await?;
    drafts.retain(|it| it.draft.made.is_none());
    drafts.sort_by_key(|it| std::cmp::Reverse(it.updated));
    Ok(drafts)
}

async fn kept(visit: &Visit) -> Result<Vec<Unfinished>, Failure> {
    let (context, whose) = (&visit.app.context, &visit.seat.colleague);
    let items = saved::list_saved(context, whose, SavedKind::Draft).await?;
    let own = items.into_iter().filter(|it| it.user_id == whose.user_id);
    let drafts = own.filter_map(|it| {
        let draft = serde_json::from_str(&it.body).ok()?;
        Some(Unfinished { id: Uuid::try_parse(&it.name).ok()?, item_id: it.id, draft, updated: it.updated })
    });
    Ok(drafts.collect())
}

/// Keeps a draft; returns why it cannot be kept, if so.
pub(super) async fn save(visit: &Visit, id: Uuid, draft: &Draft) -> Result<Vec<Problem>, Failure> {
    let body = serde_json::to_string(draft)?;
    let request =
        SaveRequest { kind: SavedKind::Draft, name: &id.to_string(), body: &body, is_shared: false };
    match saved::save(&visit.app.context, &visit.seat.colleague, request).await {
        Ok(()) => Ok(Vec::new()),
        Err(SaveError::Invalid(report)) => Ok(report.problems),
        Err(SaveError::Store(error)) => Err(error.into()),
    }
}

/// Discards a draft; one that is not there stays away.
pub(super) async fn discard(visit: &Visit, id: Uuid) -> Result<(), Failure> {
    for found in kept(visit).await?.into_iter().filter(|it| it.id == id) {
        saved::remove_saved(&visit.app.context, &visit.seat.colleague, found.item_id).await?;
    }
    Ok(())
}

/// Notes which deal was made of a draft. What was typed is gone; that the latest one is remembered, leads whoever sends
/// it again to the deal.
pub(super) async fn note_made(visit: &Visit, id: Uuid, referral_id: Uuid) -> Result<(), Failure> {
    for found in kept(visit).await?.into_iter().filter(|it| it.id != id && it.draft.made.is_some()) {
        saved::remove_saved(&visit.app.context, &visit.seat.colleague, found.item_id).await?;
    }
    save(visit, id, &Draft { made: Some(referral_id), ..Draft::default() }).await?;
    Ok(())
}
