//! From the log to people: what happened becomes notices, and what is about to happen too.
//!
//! ```text
//! log ─→ the matrix ─→ who is in the audience and sees the record ─→ notices + mails + cursor, one commit
//! deadlines that are near ──┘
//! ```
//!
//! A step is conditional on the cursor that it was decided on, as in [`super::fan_out`], so a change is neither missed nor
//! told twice, whoever ends when. Mails are sent by `service::notices::mailer`; whoever is told of much in a day gets what is
//! above the limit as a digest when the day is over.

pub mod audience;
mod desk;

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use self::desk::Desk;
use super::{Feed, LOOK_EVERY};
use crate::{
    domain::{
        actor::{Scope, SystemScope},
        notice::{Happening, REMINDERS_DAYS},
    },
    storage::{Commit, Conflict, Job, NoticeCursor, ReminderPlace, StoreError},
};

/// Changes or deadlines that are looked at in one step.
const BATCH_MAX: u32 = 100;
/// Notices in one commit; a step ends with the change that reaches it.
const NOTICES_MAX: usize = 500;
/// Changes that concern nobody after which the cursor is moved all the same.
const IDLE_MAX: u64 = 1000;
/// How often deadlines are looked at, and what is old is forgotten.
const REMIND_EVERY: Duration = Duration::from_secs(5);
const KEEP_EVERY: Duration = Duration::from_secs(60);
const SECS_PER_DAY: i64 = 24 * 60 * 60;

/// Makes notices for as long as the process lives, whenever nobody else does.
pub async fn run(feed: Feed) {
    loop {
        if let Err(error) = work(&feed).await {
            tracing::warn!(error = &error as &dyn std::error::Error, "the making of notices was interrupted");
        }
        sleep(LOOK_EVERY).await;
    }
}

async fn work(feed: &Feed) -> Result<(), StoreError> {
    let Some(lease) = feed.store.try_job_lease(Job::Notices).await? else { return Ok(()) };
    let mut growth = feed.store.log_growth();
    let (mut seen, mut reminded, mut kept) = (0, None::<Instant>, None::<Instant>);
    let is_time = |last: &mut Option<Instant>, every| {
        let is_time = last.is_none_or(|it| it.elapsed() >= every);
        if is_time {
            *last = Some(Instant::now());
        }
        is_time
    };
    loop {
        lease.renew().await?;
        while step(feed, &mut seen).await? {}
        if is_time(&mut reminded, REMIND_EVERY) {
            remind(feed).await?;
        }
        if is_time(&mut kept, KEEP_EVERY) {
            let keep_secs = i64::from(feed.settings.notices_keep_days) * SECS_PER_DAY;
            feed.store.forget_notices(feed.clock.now().plus_secs(-keep_secs)).await?;
        }
        // Running out of time is a look without being asked.
        let _ = timeout(LOOK_EVERY, growth.changed()).await;
    }
}

/// Makes notices of everything that is in the log and near its deadline at this moment: what [`run`] does over and over.
///
/// # Errors
/// When the database does not answer; what was made until then stays.
pub async fn catch_up(feed: &Feed) -> Result<(), StoreError> {
    let mut seen = 0;
    while step(feed, &mut seen).await? {}
    remind(feed).await
}

/// Takes one step along the log, and says whether there may be more to do at once. `seen` is how far the log was looked
/// at; the cursor may be behind it, where nobody was concerned.
async fn step(feed: &Feed, seen: &mut u64) -> Result<bool, StoreError> {
    let cursor = feed.store.notice_cursor(scope()).await?;
    let from = cursor.position.max(*seen);
    let news = feed.store.list_news(scope(), from, BATCH_MAX).await?;
    let Some(last) = news.last() else { return Ok(false) };
    let mut desk = Desk::new(feed, cursor.batches);
    let (mut reached, is_full) =
        (last.position, news.len() >= usize::try_from(BATCH_MAX).unwrap_or(usize::MAX));
    let mut is_cut = false;
    for it in &news {
        let happening = Happening::Change(it.action);
        desk.tell(happening, &it.subject, (&it.change_id.to_string(), it.at)).await?;
        if desk.due.len() >= NOTICES_MAX && it.position < last.position {
            (reached, is_cut) = (it.position, true);
            break;
        }
    }
    if !desk.due.is_empty() || reached.saturating_sub(cursor.position) >= IDLE_MAX {
        let mut commit = Commit::new();
        commit.move_notices(cursor, reached);
        if !write(feed, commit, desk).await? {
            return Ok(true);
        }
    }
    *seen = reached;
    Ok(is_full || is_cut)
}

/// Tells of what is about to expire: each record at most once for each of [`REMINDERS_DAYS`].
async fn remind(feed: &Feed) -> Result<(), StoreError> {
    for (place, days) in REMINDERS_DAYS.into_iter().enumerate() {
        let fewer = REMINDERS_DAYS.get(place.saturating_add(1)).copied().unwrap_or(0);
        while remind_step(feed, days, fewer).await? {}
    }
    Ok(())
}

/// Tells of deadlines that are `days` away at most and further than `fewer`, and says whether there may be more.
async fn remind_step(feed: &Feed, days: u32, fewer: u32) -> Result<bool, StoreError> {
    let cursor: NoticeCursor = feed.store.notice_cursor(scope()).await?;
    let after = feed.store.reminder_place(scope(), days).await?;
    let now = feed.clock.now();
    let ahead = |days: u32| now.plus_secs(i64::from(days) * SECS_PER_DAY);
    let found = feed.store.list_deadlines(scope(), (ahead(fewer), ahead(days)), after, BATCH_MAX).await?;
    let Some((_, last)) = found.last() else { return Ok(false) };
    let mut desk = Desk::new(feed, cursor.batches);
    for (subject, ReminderPlace { expiration, referral_id }) in &found {
        let cause = format!("expiring/{referral_id}/{}/{days}", expiration.ticks());
        desk.tell(Happening::Deadline, subject, (&cause, now)).await?;
    }
    let mut commit = Commit::new();
    commit.move_notices(cursor, cursor.position);
    commit.move_reminders(days, *last);
    write(feed, commit, desk).await?;
    Ok(true)
}

/// Commits what a step decided. `false` when somebody else was quicker, or a digest was closed meanwhile: the step is to
/// be taken again, from what is there.
async fn write(feed: &Feed, mut commit: Commit, desk: Desk<'_>) -> Result<bool, StoreError> {
    let now = feed.clock.now();
    desk.due.iter().for_each(|it| commit.insert_notice(it, now));
    match feed.store.commit(commit).await {
        Ok(()) => {
            if desk.due.iter().any(|it| it.mail.is_some()) {
                feed.mail_bell.ring();
            }
            Ok(true)
        }
        Err(StoreError::Conflict(Conflict::Version)) => Ok(false),
        Err(error) => Err(error),
    }
}

fn scope() -> SystemScope {
    Scope::system("notices")
}
