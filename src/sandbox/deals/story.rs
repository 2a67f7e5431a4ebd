//! The life of an engagement: who makes it, whom it asks in, what they answer, and how it ends.
//!
//! Every record is made by [`engagement::create`] and moved by the table of [`lifecycle`], so that what stands in the
//! database could have come in through the API.

use super::{
    cast::{Cast, Player, Who},
    dice::Dice,
    document::{self, Subject},
};
use crate::{
    domain::{
        actor::{Actor, Author},
        change::{Action, Change, Version},
        engagement::{self, Circumstances, CreateRefusal, Party},
        etag::ETag,
        json::decimal::Decimal,
        lifecycle::{self, Side, Standing, Strictness},
        referral::{InviteContext, Inviter, Referral, draft::Draft},
        report::Report,
        time::Timestamp,
        validation::Rules,
        vocabulary::{AssistanceRequestCode, ReferralType, SALES_STAGES, Vocabulary as _},
    },
    storage::{Commit, Inserted, ReferralState},
};

const HOUR_SECS: i64 = 60 * 60;
const DAY_SECS: i64 = 24 * HOUR_SECS;
/// Days that a receiver has to answer, where it does or the time has run out.
const ANSWER_DAYS: i64 = 14;
/// The same where it has not: a record that waits must go on waiting when somebody opens a server on these data.
const PATIENCE_DAYS: i64 = 3650;
/// Younger invitations are mostly unanswered.
const FRESH_DAYS: i64 = 30;

/// Who takes part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A deal of one company.
    Own(Who),
    /// A deal that Microsoft is asked to help with.
    CoSell(Who),
    /// A deal that the other partner is asked into.
    Partner(Who),
    /// A deal of all three.
    Everybody,
    /// A lead that Microsoft passes on.
    Lead(Who),
}

/// The kinds, by how often they come up.
const KINDS: [(Kind, u64); 9] = [
    (Kind::Own(Who::Contoso), 62),
    (Kind::Own(Who::Fabrikam), 5),
    (Kind::CoSell(Who::Contoso), 8),
    (Kind::CoSell(Who::Fabrikam), 1),
    (Kind::Partner(Who::Contoso), 3),
    (Kind::Partner(Who::Fabrikam), 3),
    (Kind::Everybody, 1),
    (Kind::Lead(Who::Contoso), 7),
    (Kind::Lead(Who::Fabrikam), 2),
];

impl Kind {
    /// Draws a kind of at most `records_max` records.
    pub(super) fn draw(dice: &mut Dice, records_max: u64) -> Self {
        let kind = dice.weighed(&KINDS, |(_, weight)| *weight).0;
        if kind.records() <= records_max { kind } else { Self::Own(Who::Contoso) }
    }

    /// Returns how many records it has.
    pub(super) fn records(self) -> u64 {
        match self {
            Self::Own(_) | Self::Lead(_) => 1,
            Self::CoSell(_) | Self::Partner(_) => 2,
            Self::Everybody => 3,
        }
    }

    /// Returns who makes it and whom it asks in.
    fn parties(self) -> (Who, &'static [Who]) {
        use Who::{Contoso, Fabrikam, Microsoft};
        match self {
            Self::Own(maker) => (maker, &[]),
            Self::CoSell(maker) => (maker, &[Microsoft]),
            Self::Partner(Contoso) => (Contoso, &[Fabrikam]),
            Self::Partner(maker) => (maker, &[Contoso]),
            Self::Everybody => (Contoso, &[Microsoft, Fabrikam]),
            Self::Lead(Fabrikam) => (Microsoft, &[Fabrikam]),
            Self::Lead(_) => (Microsoft, &[Contoso]),
        }
    }
}

/// How an engagement begins.
pub(super) struct Opening {
    /// Who takes part.
    pub(super) kind: Kind,
    /// Number of its first record, from 1.
    pub(super) number: u64,
    /// When it is made.
    pub(super) at: Timestamp,
    /// When the story of all engagements ends.
    pub(super) end: Timestamp,
    /// Its chances.
    pub(super) dice: Dice,
}

/// A record with everything that was done to it.
struct Record {
    inserted: Inserted,
    versions: Vec<Deed>,
}

/// What was done, and what the record was then.
struct Deed {
    action: Action,
    author: Author,
    referral: Referral,
}

/// What becomes of an invitation.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Waits,
    Accepted,
    Declined,
    Expired,
}

/// Tells an engagement from its beginning to the end of the story, and adds it to a commit.
///
/// # Errors
/// Every problem of a draft, which means that the rules have changed and the drafts have not.
pub(super) fn tell(cast: &Cast, opening: Opening, commit: &mut Commit) -> Result<(), CreateRefusal> {
    let mut story = Story { cast, end: opening.end, dice: opening.dice, records: Vec::new() };
    story.open(opening.kind, opening.number, opening.at)?;
    let Story { records, dice, .. } = story;
    append(records, dice, commit);
    Ok(())
}

struct Story<'a> {
    cast: &'a Cast,
    end: Timestamp,
    dice: Dice,
    records: Vec<Record>,
}

impl Story<'_> {
    fn open(&mut self, kind: Kind, number: u64, at: Timestamp) -> Result<(), CreateRefusal> {
        let (maker, invited) = kind.parties();
        let sender = self.cast.player(maker);
        let is_shared = !invited.is_empty();
        let actor = if self.dice.percent(8) { &sender.user } else { &sender.admin };
        let mut draft = document::draft(&mut self.dice, maker, Subject { sender, number, at, is_shared });
        if matches!(kind, Kind::Lead(_)) {
            draft.kind = Some(ReferralType::Independent);
        } else {
            let mut own = draft.clone();
            // Half of those who ask others in did not know it from the start.
            if is_shared && self.dice.percent(50) {
                own.kind = Some(ReferralType::Independent);
            }
            self.create(actor, own, at, ANSWER_DAYS, None)?;
        }
        for invited in invited {
            let later = match self.records.is_empty() {
                true => at,
                false => self.later(at, HOUR_SECS, 3 * DAY_SECS),
            };
            self.invite(actor, draft.clone(), *invited, later)?;
        }
        if !matches!(kind, Kind::Lead(_)) {
            self.work(0, sender, at);
        }
        Ok(())
    }

    /// Returns a moment after `at`, but none after the end of the story.
    fn later(&mut self, at: Timestamp, secs_min: i64, secs_max: i64) -> Timestamp {
        at.plus_secs(self.dice.between(secs_min, secs_max)).min(self.end)
    }

    /// Makes a record as the API does.
    fn create(
        &mut self,
        actor: &Actor,
        draft: Draft,
        at: Timestamp,
        expiration_days: i64,
        receiver: Option<&Player>,
    ) -> Result<(), CreateRefusal> {
        let rules = Rules { expiration_days, ..Rules::default() };
        let sender = self.cast.player(self.who(actor));
        let destinations: Vec<_> = receiver
            .and_then(|it| it.addresses.iter().find(|(target, _)| draft.target.contains(target)))
            .map(|(_, destination)| Some(destination.clone()))
            .into_iter()
            .collect();
        let parties = self.records.iter().filter_map(Record::party).collect();
        let circumstances = Circumstances {
            actor,
            now: at,
            referral_id: self.dice.uuid(),
            engagement_id: self.dice.uuid(),
            rules: &rules,
            destinations: &destinations,
            named_owner: None,
            locations: sender.locations.clone(),
            parties,
        };
        let (created, _) = engagement::create(draft, Report::default(), &circumstances)?;
        let inserted = Inserted {
            inviter: created.inviter,
            inviter_mpn_id: created.inviter_mpn_id,
            creator_id: actor.user_id,
        };
        let first = Deed { action: Action::Create, author: actor.into(), referral: created.referral };
        self.records.push(Record { inserted, versions: vec![first] });
        if let Some(own) = self
            .records
            .iter_mut()
            .find(|it| created.becomes_shared.is_some() && it.id() == created.becomes_shared)
            && let Some(last) = own.versions.last()
        {
            let referral = engagement::make_shared(&last.referral, at);
            own.versions.push(Deed { action: Action::Share, author: actor.into(), referral });
        }
        Ok(())
    }

    fn who(&self, actor: &Actor) -> Who {
        let is_theirs = |who: &Who| self.cast.player(*who).id == actor.organization_id;
        [Who::Contoso, Who::Fabrikam].into_iter().find(is_theirs).unwrap_or(Who::Microsoft)
    }

    /// Asks somebody in, who answers or does not.
    fn invite(
        &mut self,
        actor: &Actor,
        mut draft: Draft,
        who: Who,
        at: Timestamp,
    ) -> Result<(), CreateRefusal> {
        let receiver = self.cast.player(who);
        let (target, _) = self.dice.pick(&receiver.addresses);
        draft.target = vec![target.clone()];
        draft.engagement_id = self.records.first().and_then(|it| it.last()).map(|it| it.engagement_id);
        draft.external_reference_id = None;
        draft.invite_context = Some(InviteContext {
            notes: Some(format!(
                "Hello {}, can you help this customer? Thank you, {}",
                receiver.company.name, actor.organization_name
            )),
            assistance_request_code: *self.dice.pick(AssistanceRequestCode::ALL),
            invited_mpn_id: None,
            invited_by: Inviter {
                organization_id: Some(actor.organization_id.to_string()),
                organization_name: Some(actor.organization_name.clone()),
            },
        });
        let fate = self.fate(at);
        let days = if fate == Fate::Waits { PATIENCE_DAYS } else { ANSWER_DAYS };
        self.create(actor, draft, at, days, Some(receiver))?;
        let place = self.records.len().saturating_sub(1);
        self.answer(place, receiver, fate, at);
        Ok(())
    }

    /// Draws what becomes of an invitation of that time.
    fn fate(&mut self, at: Timestamp) -> Fate {
        let is_fresh = at.plus_secs(FRESH_DAYS * DAY_SECS) > self.end;
        let fates = match is_fresh {
            true => [(Fate::Waits, 80), (Fate::Accepted, 20), (Fate::Declined, 0), (Fate::Expired, 0)],
            false => [(Fate::Waits, 9), (Fate::Accepted, 62), (Fate::Declined, 15), (Fate::Expired, 14)],
        };
        self.dice.weighed(&fates, |(_, weight)| *weight).0
    }

    fn answer(&mut self, place: usize, receiver: &Player, fate: Fate, at: Timestamp) {
        let author = Author::from(&receiver.admin);
        let is_opened = self.dice.percent(40);
        let opened = self.later(at, HOUR_SECS, DAY_SECS);
        let answered = self.later(opened, HOUR_SECS, 10 * DAY_SECS);
        let reason = self.reason(place);
        let Some(record) = self.records.get_mut(place) else { return };
        if is_opened && fate != Fate::Expired {
            record.act(Action::Open, &author, opened, |_| ());
        }
        match fate {
            Fate::Waits => {}
            Fate::Accepted => {
                record.act(Action::Accept, &author, answered, |_| ());
                self.work(place, receiver, answered);
            }
            Fate::Declined => record.act(Action::Decline, &author, answered, |it| it.status_reason = reason),
            Fate::Expired => record.expire(),
        }
    }

    /// What the owner does with a deal that is its own, or that it has accepted: it may go on, and it may end.
    fn work(&mut self, place: usize, owner: &Player, from: Timestamp) {
        let author = Author::from(if self.dice.percent(15) { &owner.user } else { &owner.admin });
        let revised = from.plus_secs(self.dice.between(4 * DAY_SECS, 18 * DAY_SECS));
        let closed = from.plus_secs(self.dice.between(20 * DAY_SECS, 900 * DAY_SECS));
        let stage = *self.dice.pick(SALES_STAGES);
        let (is_revised, chance) = (self.dice.percent(30), self.dice.below(100));
        let grown = self
            .dice
            .percent(30)
            .then(|| Decimal::parse(&self.dice.between(1_000, 900_000).to_string()))
            .flatten();
        let reason = self.reason(place);
        let end = self.end;
        let Some(record) = self.records.get_mut(place) else { return };
        if is_revised && revised <= end {
            record.act(Action::Revise, &author, revised, |it| {
                it.sales_stage = Some(stage.to_owned());
                it.details.deal_value = grown.or_else(|| it.details.deal_value.take());
            });
        }
        if closed > end {
            return;
        }
        match chance {
            0..52 => record.act(Action::Win, &author, closed, |_| ()),
            52..96 => record.act(Action::Lose, &author, closed, |it| it.status_reason = reason),
            _ => record.act(Action::CloseAsError, &author, closed, |_| ()),
        }
    }

    /// Draws a reason in the language of the customer.
    fn reason(&mut self, place: usize) -> Option<String> {
        let country = self.records.get(place)?.last()?.customer_profile.address.country.as_deref()?;
        let country = super::places::COUNTRIES.iter().find(|it| it.code == country)?;
        Some((*self.dice.pick(country.language.reasons)).to_owned())
    }
}

impl Record {
    fn last(&self) -> Option<&Referral> {
        self.versions.last().map(|it| &it.referral)
    }

    fn id(&self) -> Option<uuid::Uuid> {
        self.last().map(|it| it.id)
    }

    fn party(&self) -> Option<Party> {
        self.last().map(|it| Party {
            referral_id: it.id,
            organization_id: it.organization_id.clone(),
            inviter: self.inserted.inviter.clone(),
            status: it.status,
            kind: it.kind,
        })
    }

    /// Does something as the owner, if the table lets it.
    fn act(&mut self, action: Action, author: &Author, at: Timestamp, edit: impl FnOnce(&mut Referral)) {
        let Some(last) = self.last() else { return };
        let Some(from) = last.state() else { return };
        let standing = Standing { state: from, expires: last.expiration_date_time };
        let Ok(to) = lifecycle::decide(action, Side::Owner, standing, at, Strictness::Strict) else { return };
        let mut referral = last.clone();
        match to == from {
            true => referral.updated_date_time = at,
            false => referral.move_to(to, at),
        }
        edit(&mut referral);
        self.versions.push(Deed { action, author: author.clone(), referral });
    }

    /// Closes it at its deadline, as the server does.
    fn expire(&mut self) {
        let Some(last) = self.last() else { return };
        let due = last.expiration_date_time.map(|it| it.plus_secs(1));
        let Some(Ok(referral)) = due.map(|at| last.expire(at)) else { return };
        self.versions.push(Deed { action: Action::Expire, author: Author::server("expiry"), referral });
    }
}

/// Adds the records of an engagement as they are in the end, and their changes in the order of time.
fn append(records: Vec<Record>, dice: Dice, commit: &mut Commit) {
    let random = dice.into_random();
    let mut changes: Vec<Change> = Vec::new();
    for record in &records {
        let mut before: Option<(String, String)> = None;
        for (deed, number) in record.versions.iter().zip(1..) {
            let (document, etag) = (
                deed.referral.to_document(),
                ETag::new(number, deed.referral.updated_date_time, 0).to_string(),
            );
            let from = before.as_ref().map(|(document, etag)| Version { document, etag, number: number - 1 });
            let after = Version { document: &document, etag: &etag, number };
            let change = Change::new(deed.action, &deed.author, &deed.referral, from, after, &random);
            changes.push(change.expect("a document that was just written can be read"));
            before = Some((document, etag));
        }
        if let (Some(referral), Some((document, _))) = (record.last(), &before) {
            let version = u32::try_from(record.versions.len()).unwrap_or(u32::MAX);
            commit.insert_referral(ReferralState { referral, document, version }, &record.inserted);
        }
    }
    // Stable, so that what happened at one moment stays in the order in which it was told.
    changes.sort_by_key(|it| it.at);
    for change in changes {
        commit.append_change(change);
    }
}
