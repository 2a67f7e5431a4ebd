//! What happened in the engagement, newest first, as far as the person may see it.

use std::collections::HashMap;

use uuid::Uuid;

use super::{
    load::Deal,
    tell::{member_name, value_text},
};
use crate::{
    domain::{change::history::MemberChange, lifecycle::Action},
    service::referrals::{self, ChangesRequest, ShownActor, ShownChange},
    web::{failure::Failure, visit::Visit, words::Words},
};

/// Changes that are shown at first.
const SHOWN_MAX: usize = 20;
/// Pages of the log that are read for one page; what is older is left out.
const PAGES_MAX: usize = 10;

/// What happened.
pub(super) struct History {
    pub(super) entries: Vec<Entry>,
    /// How many older ones are not shown.
    pub(super) hidden: u64,
}

/// One change.
pub(super) struct Entry {
    /// What was done, in words.
    pub(super) what: String,
    /// By whom.
    pub(super) who: String,
    /// Whose record it was, where it was not the one that is shown; else empty.
    pub(super) whose: String,
    pub(super) at: String,
    /// The moment as machines read it.
    pub(super) machine_at: String,
    pub(super) members: Vec<Told>,
}

/// What became of one member.
pub(super) struct Told {
    pub(super) name: String,
    pub(super) before: String,
    pub(super) after: String,
}

/// Tells the history of a deal: the newest changes, or `all`.
pub(super) async fn tell(visit: &Visit, deal: &Deal, all: bool) -> Result<History, Failure> {
    let (context, actor, words) = (&visit.app.context, visit.actor()?, visit.words);
    let mut changes = Vec::new();
    let mut request = Some(ChangesRequest::default());
    for _ in 0..PAGES_MAX {
        let Some(asked) = request.take() else { break };
        let page = referrals::changes(context, &actor, deal.id, asked).await?;
        changes.extend(page.changes);
        request = page.next;
    }
    let colleagues = context.store.list_users(&actor.organization_id).await?;
    let colleagues: HashMap<Uuid, String> = colleagues.into_iter().map(|it| (it.id, it.name)).collect();
    let count = changes.len();
    let shown = if all { count } else { count.min(SHOWN_MAX) };
    let newest = changes.iter().rev().take(shown);
    Ok(History {
        entries: newest.map(|it| entry(it, deal, &colleagues, words)).collect(),
        hidden: u64::try_from(count.saturating_sub(shown)).unwrap_or_default(),
    })
}

fn entry(change: &ShownChange, deal: &Deal, colleagues: &HashMap<Uuid, String>, words: Words) -> Entry {
    let is_this = change.referral_id == deal.id;
    let owner = deal.others.iter().find(|it| it.id == change.referral_id);
    // What a new record holds is what the page shows.
    let is_new = change.action == Action::Create.as_str();
    let members = change.members.iter().filter(|_| !is_new);
    Entry {
        what: words.say_known(&format!("did-{}", change.action)).unwrap_or_else(|| change.action.to_owned()),
        who: who(&change.actor, colleagues, words),
        whose: owner
            .filter(|_| !is_this)
            .map(|it| words.about("history-of", &it.organization_name))
            .unwrap_or_default(),
        at: words.moment(change.at),
        machine_at: change.at.to_string(),
        members: members.map(|it| told(it, words)).collect(),
    }
}

/// Names who did something, as far as the person may know.
pub(in crate::web) fn who(actor: &ShownActor, colleagues: &HashMap<Uuid, String>, words: Words) -> String {
    match actor {
        ShownActor::Server { .. } => words.say("who-server"),
        ShownActor::Person { organization_name, user_id, .. } => {
            let person = user_id.and_then(|it| colleagues.get(&it));
            match (person, organization_name) {
                (Some(person), _) => person.clone(),
                (None, Some(organization)) => organization.clone(),
                (None, None) => words.say("who-unknown"),
            }
        }
    }
}

fn told(change: &MemberChange, words: Words) -> Told {
    match change {
        MemberChange::Changed { pointer, before, after } => Told {
            name: member_name(pointer, words),
            before: value_text(pointer, before, words),
            after: value_text(pointer, after, words),
        },
        MemberChange::Erased { pointer, .. } => Told {
            name: member_name(pointer, words),
            before: words.say("erased"),
            after: words.say("erased"),
        },
    }
}
