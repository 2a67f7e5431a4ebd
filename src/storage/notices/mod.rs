//! Notices to people: what they are made of, the list of each person, the mails that tell of them, and for how long all
//! of it is kept.

mod keep;
mod lease;
mod list;
mod mails;
mod news;
mod preferences;

pub(super) use self::lease::Jobs;
pub use self::{
    lease::{Job, JobLease},
    list::{NoticePlace, ReadUntil, ShownNotice},
    mails::{Mail, MailKind, MailOutcome, MailPlan, MailTally, MailedNotice},
    news::{DueNotice, News, NewsSubject, NoticeCursor, ReminderPlace},
};
