//! What happens often and is no more than a count: refusals, which whoever is refused can have as many of as he likes.
//!
//! They are counted in memory, by who, what and minute, and written down every few seconds: so refusing costs no write,
//! and the rows grow with the callers that are known and with time, not with the calls.

use std::{collections::HashMap, mem};

use parking_lot::Mutex;

use super::AuditEvent;
use crate::{
    domain::{
        audit::{AuditAuthor, Deed, Resource},
        organization::OrganizationId,
        sources::Random,
        time::Timestamp,
        vocabulary::Vocabulary as _,
    },
    storage::{Commit, Store, StoreError},
};

const MINUTE_SECS: i64 = 60;
/// Counts that are kept until they are written; what comes then is counted without saying who.
const KEYS_MAX: usize = 4096;
/// Counts that are written in one commit.
const BATCH_MAX: usize = 200;
/// The longest name of an application that is kept: another issuer's may be any text.
const APPLICATION_CHARS_MAX: usize = 100;

/// What is counted.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Tally {
    /// Whose account admins are told; `None` for the operator alone.
    pub organization_id: Option<OrganizationId>,
    /// By whom.
    pub author: AuditAuthor,
    /// What was done, and to what.
    pub what: (Deed, Resource),
    /// What else is known, with its name; there are few of it.
    pub detail: (&'static str, String),
}

/// Counts that are not written yet.
#[derive(Default)]
pub(in crate::storage) struct Tallies(Mutex<HashMap<(i64, Tally), Count>>);

#[derive(Clone, Copy)]
struct Count {
    first: Timestamp,
    last: Timestamp,
    number: u32,
}

impl Tallies {
    fn add(&self, tally: Tally, added: Count) {
        let minute = added.first.unix_secs().div_euclid(MINUTE_SECS);
        let mut counts = self.0.lock();
        let mut key = (minute, tally);
        if counts.len() >= KEYS_MAX && !counts.contains_key(&key) {
            let nobody = AuditAuthor { user_id: None, application_id: String::new() };
            key.1 = Tally { organization_id: None, author: nobody, ..key.1 };
        }
        let count = counts.entry(key).or_insert(Count { number: 0, ..added });
        count.first = count.first.min(added.first);
        count.last = count.last.max(added.last);
        count.number = count.number.saturating_add(added.number);
    }
}

impl Store {
    /// Counts something that has happened at `at`. It is written down with the next [`Store::write_tallies`].
    pub fn tally(&self, tally: Tally, at: Timestamp) {
        self.0.tallies.add(shortened(tally), Count { first: at, last: at, number: 1 });
    }

    /// Counts something that has happened at `at`, and writes it down at once.
    ///
    /// # Errors
    /// When the database does not take the commit.
    pub async fn write_tally(&self, tally: Tally, at: Timestamp, random: &Random) -> Result<(), StoreError> {
        let mut commit = Commit::new();
        let minute = at.unix_secs().div_euclid(MINUTE_SECS);
        let count = Count { first: at, last: at, number: 1 };
        append(&mut commit, (minute, &shortened(tally)), count, random);
        self.commit(commit).await
    }

    /// Writes down what was counted. What cannot be written is kept for the next time.
    ///
    /// # Errors
    /// When the database does not take the commit.
    pub async fn write_tallies(&self, random: &Random) -> Result<(), StoreError> {
        let counts: Vec<_> = mem::take(&mut *self.0.tallies.0.lock()).into_iter().collect();
        let mut outcome = Ok(());
        for some in counts.chunks(BATCH_MAX) {
            let mut commit = Commit::new();
            for ((minute, tally), count) in some {
                append(&mut commit, (*minute, tally), *count, random);
            }
            if let Err(error) = self.commit(commit).await {
                some.iter().for_each(|((_, tally), count)| self.0.tallies.add(tally.clone(), *count));
                outcome = Err(error);
            }
        }
        outcome
    }
}

fn shortened(mut tally: Tally) -> Tally {
    let application = &mut tally.author.application_id;
    if let Some((end, _)) = application.char_indices().nth(APPLICATION_CHARS_MAX) {
        application.truncate(end);
    }
    tally
}

fn append(commit: &mut Commit, (minute, tally): (i64, &Tally), count: Count, random: &Random) {
    let Tally { organization_id, author, what, detail: (name, value) } = tally;
    let event = AuditEvent::new((random.uuid(), count.first), organization_id.clone(), author.clone(), *what)
        .detail(name, value);
    let owner = organization_id.as_ref().map(OrganizationId::as_str).unwrap_or_default();
    let user = author.user_id.map(|it| it.to_string()).unwrap_or_default();
    // The application comes last: it alone may hold a bar.
    let key = format!(
        "{minute}|{owner}|{}|{}|{value}|{user}|{}",
        what.0.as_str(),
        what.1.as_str(),
        author.application_id.replace('\0', "\u{fffd}")
    );
    commit.count_audit(&AuditEvent { last: count.last, count: count.number, ..event }, key);
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn refusal(application: usize) -> Tally {
        Tally {
            organization_id: Some(OrganizationId::msft()),
            author: AuditAuthor { user_id: Some(Uuid::nil()), application_id: application.to_string() },
            what: (Deed::Refuse, Resource::Request),
            detail: ("Rule", "tokenExpired".to_owned()),
        }
    }

    #[test]
    fn what_is_alike_in_a_minute_is_one_count() {
        let tallies = Tallies::default();
        for second in [0, 10, 59, 60] {
            let at = Timestamp::from_unix_secs(second);
            tallies.add(refusal(1), Count { first: at, last: at, number: 1 });
        }

        let mut numbers: Vec<u32> = tallies.0.lock().values().map(|it| it.number).collect();
        numbers.sort_unstable();
        assert_eq!(numbers, [1, 3]);
    }

    #[test]
    fn a_crowd_is_counted_without_its_names() {
        let tallies = Tallies::default();
        let at = Timestamp::default();
        for application in 0..KEYS_MAX + 1000 {
            tallies.add(refusal(application), Count { first: at, last: at, number: 1 });
        }

        let counts = tallies.0.lock();
        assert_eq!(counts.len(), KEYS_MAX + 1);
        let nameless = counts.iter().find(|((_, tally), _)| tally.organization_id.is_none()).unwrap();
        assert_eq!(nameless.1.number, 1000);
    }
}
