//! What one step gathers: notices, and which mail tells of each.

use std::collections::HashMap;

use uuid::Uuid;

use super::audience::{contact_preference, people};
use crate::{
    domain::{
        notice::{Digest, Happening, Kind, MAILS_PER_DAY_MAX, Notice, Preferences, day_of, news},
        time::Timestamp,
    },
    feed::Feed,
    storage::{DueNotice, MailKind, MailPlan, NewsSubject, StoreError},
};

/// Places that a step has; it makes far fewer notices.
const PLACES: u64 = 1 << 16;

/// What a step has decided so far.
pub(super) struct Desk<'a> {
    feed: &'a Feed,
    /// The place of the first notice; those of the next step come after all of this one.
    first_place: u64,
    days: HashMap<Uuid, Day>,
    /// What is to be written.
    pub(super) due: Vec<DueNotice>,
}

/// What a person is mailed today.
struct Day {
    preferences: Preferences,
    singles: u32,
    digest: Option<Uuid>,
    /// The day that the digest is of.
    digest_day: i64,
}

impl<'a> Desk<'a> {
    /// Begins a step after `batches` others.
    pub(super) fn new(feed: &'a Feed, batches: u64) -> Self {
        Self {
            feed,
            first_place: batches.saturating_add(1).saturating_mul(PLACES),
            days: HashMap::new(),
            due: Vec::new(),
        }
    }

    /// Adds a notice for everybody who is to be told of a happening, for a cause and at a time.
    pub(super) async fn tell(
        &mut self,
        happening: Happening,
        subject: &NewsSubject,
        (cause, at): (&str, Timestamp),
    ) -> Result<(), StoreError> {
        let Some(matter) = subject.matter else { return Ok(()) };
        let store = &self.feed.store;
        for row in news(happening, matter) {
            for (actor, visible) in people(store, row.audience, subject).await? {
                let is_mailed = self.feed.settings.notices_are_mailed
                    && contact_preference(store, &actor, &visible).await?.disable_notifications != Some(true);
                let notice = Notice {
                    id: self.feed.random.uuid(),
                    organization_id: actor.organization_id.clone(),
                    user_id: actor.user_id,
                    kind: row.kind,
                    referral_id: subject.referral_id,
                    at,
                    place: self.first_place.saturating_add(u64::try_from(self.due.len()).unwrap_or(PLACES)),
                    read_at: None,
                };
                let mail = match is_mailed {
                    true => self.mail(actor.user_id, row.kind).await?,
                    false => None,
                };
                self.due.push(DueNotice { notice, cause: cause.to_owned(), mail });
            }
        }
        Ok(())
    }

    /// Returns the mail that tells a person of one more thing today. `None` when none is wanted.
    async fn mail(&mut self, user_id: Uuid, kind: Kind) -> Result<Option<MailPlan>, StoreError> {
        let now = self.feed.clock.now();
        let today = day_of(now);
        if !self.days.contains_key(&user_id) {
            let day = self.look_up(user_id, today).await?;
            self.days.insert(user_id, day);
        }
        let Some(day) = self.days.get_mut(&user_id) else { return Ok(None) };
        if !day.preferences.wants_mail(kind) {
            return Ok(None);
        }
        if day.preferences.digest == Digest::Automatic && day.singles < MAILS_PER_DAY_MAX {
            day.singles = day.singles.saturating_add(1);
            let id = self.feed.random.uuid();
            return Ok(Some(MailPlan { id, kind: MailKind::Single, day: today, due: now, is_new: true }));
        }
        let is_new = day.digest.is_none();
        let id = *day.digest.get_or_insert_with(|| self.feed.random.uuid());
        // The day after the digest's, at midnight.
        let due = now.midnight_after_days(day.digest_day.saturating_sub(today).saturating_add(1));
        Ok(Some(MailPlan { id, kind: MailKind::Digest, day: day.digest_day, due, is_new }))
    }

    async fn look_up(&self, user_id: Uuid, today: i64) -> Result<Day, StoreError> {
        let store = &self.feed.store;
        let preferences = store.find_notice_preferences(user_id).await?;
        let tally = store.tally_mails(user_id, today).await?;
        // Somebody whose clock is a little ahead has closed it: what comes now is for the next day.
        let (digest, digest_day) = match tally.is_digest_closed {
            false => (tally.digest, today),
            true => {
                let tomorrow = today.saturating_add(1);
                (store.tally_mails(user_id, tomorrow).await?.digest, tomorrow)
            }
        };
        Ok(Day { preferences, singles: tally.singles, digest, digest_day })
    }
}
