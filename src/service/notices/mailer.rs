//! Mails on their way: whoever has the lease takes what is due, writes it as things stand now, hands it to the mail server,
//! and writes down what became of it.
//!
//! What is to be told, to whom and in which language is judged when a mail leaves: a right that is gone by then is gone,
//! and so is a wish for mails. A server that ends between a mail and its note repeats it, under the same Message-ID.

use std::time::Duration;

use tokio::{
    task::JoinSet,
    time::{sleep, timeout},
};

use super::{
    Subscriber,
    letters::{Item, LetterError, Letters, Written},
};
use crate::{
    domain::{
        actor::{Actor, Scope, SystemScope},
        notice::{Audience, MATRIX, Preferences},
        organization::OrganizationId,
        referral::Referral,
        view::VisibleReferral,
        vocabulary::Vocabulary as _,
        webhook::schedule,
    },
    feed::{
        mail::{Letter, PostError, Postman},
        notices::audience::{contact_preference, reader, seen},
    },
    service::Context,
    storage::{Commit, Conflict, Job, JobLease, Mail, MailKind, MailOutcome, MailedNotice, StoreError},
};

/// Mails that are handed over at a time.
const IN_FLIGHT_MAX: u32 = 8;
/// How often is looked without being asked, and the lease kept meanwhile.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How often is tried to write down what came of a mail, and how long is waited between.
const RECORD_TRIES: u32 = 5;
const RECORD_PAUSE: Duration = Duration::from_millis(200);

/// What mails are made of, and who takes them. `app` builds it once; cheap to clone.
#[derive(Clone, Debug)]
pub struct Mailing {
    /// What they say.
    pub letters: Letters,
    /// Who takes them; `None` where there is no mail server.
    pub postman: Option<Postman>,
    /// Where their links lead, with `{id}` and `{engagementId}`.
    pub link: String,
}

/// Why a mail could not be written.
#[derive(Debug, thiserror::Error)]
enum ComposeError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Letter(#[from] LetterError),
    #[error("a stored document is not canonical")]
    Corrupt(#[from] serde_json::Error),
}

/// Mails for as long as the process lives, whenever nobody else does.
pub async fn run(context: Context) {
    if context.mailing.postman.is_none() {
        return;
    }
    loop {
        if let Err(error) = work(&context).await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "the mailing of notices was interrupted"
            );
        }
        sleep(LOOK_EVERY).await;
    }
}

async fn work(context: &Context) -> Result<(), StoreError> {
    let Some(lease) = context.store.try_job_lease(Job::Mails).await? else { return Ok(()) };
    loop {
        lease.renew().await?;
        while sweep(context, Some(&lease)).await? {}
        // Running out of time is a look without being asked.
        let _ = timeout(LOOK_EVERY, context.feed.mail_bell.wait()).await;
    }
}

/// Hands over what is due at this moment, once each, and says whether there may be more: what [`run`] does over and over.
///
/// # Errors
/// When the database does not answer; what was not written down is repeated.
pub async fn sweep(context: &Context, lease: Option<&JobLease>) -> Result<bool, StoreError> {
    let due = context.store.list_due_mails(scope(), context.clock.now(), IN_FLIGHT_MAX).await?;
    let is_full = u32::try_from(due.len()).is_ok_and(|it| it >= IN_FLIGHT_MAX);
    let mut tasks = JoinSet::new();
    for mail in due {
        let context = context.clone();
        tasks.spawn(async move { deliver(&context, &mail).await });
    }
    let mut are_all_recorded = true;
    loop {
        match timeout(LOOK_EVERY, tasks.join_next()).await {
            Ok(None) => return Ok(is_full && are_all_recorded),
            Ok(Some(Ok(done))) => are_all_recorded &= done?,
            Ok(Some(Err(_))) => {
                tracing::error!("a mail ended without a word");
                are_all_recorded = false;
            }
            // A slow mail server is no reason to lose the lease.
            Err(_) => {
                if let Some(lease) = lease {
                    lease.renew().await?;
                }
            }
        }
    }
}

/// Makes one attempt, and says whether it is written down.
async fn deliver(context: &Context, mail: &Mail) -> Result<bool, StoreError> {
    let Some(postman) = &context.mailing.postman else { return Ok(false) };
    if mail.kind == MailKind::Digest {
        let mut commit = Commit::new();
        commit.close_digest(mail);
        match context.store.commit(commit).await {
            Ok(()) => {}
            Err(StoreError::Conflict(_)) => return Ok(true),
            Err(error) => return Err(error),
        }
    }
    let outcome = match compose(context, mail).await {
        Ok(None) => MailOutcome::Dropped,
        Ok(Some(letter)) => match postman.send(&letter).await {
            Ok(()) => MailOutcome::Sent,
            Err(error) => after(context, mail, &error),
        },
        Err(ComposeError::Store(error)) => return Err(error),
        Err(error) => {
            tracing::error!(mail.id = %mail.id, error = &error as &dyn std::error::Error, "a mail could not be written");
            MailOutcome::GivenUp
        }
    };
    count(outcome);
    record(context, mail, outcome).await
}

/// Returns what becomes of a mail that was not taken.
fn after(context: &Context, mail: &Mail, error: &PostError) -> MailOutcome {
    let step = mail.attempts.saturating_add(1);
    let again = match error {
        PostError::Unwritable | PostError::Refused(_) => None,
        PostError::Later(_) => schedule::next_attempt(step, context.clock.now(), None, &context.random),
    };
    let outcome = again.map_or(MailOutcome::GivenUp, MailOutcome::Again);
    let error: &dyn std::error::Error = error;
    match outcome {
        MailOutcome::Again(due) => {
            tracing::warn!(mail.id = %mail.id, error, again = %due, "a mail was not taken");
        }
        MailOutcome::Sent | MailOutcome::GivenUp | MailOutcome::Dropped => {
            tracing::warn!(mail.id = %mail.id, error, "a mail is given up");
        }
    }
    outcome
}

fn count(outcome: MailOutcome) {
    let word = match outcome {
        MailOutcome::Sent => "sent",
        MailOutcome::Again(_) => "again",
        MailOutcome::GivenUp => "given-up",
        MailOutcome::Dropped => "dropped",
    };
    metrics::counter!("liaison_notice_mails_total", "outcome" => word).increment(1);
}

async fn record(context: &Context, mail: &Mail, outcome: MailOutcome) -> Result<bool, StoreError> {
    let mut commit = Commit::new();
    commit.record_mail(mail, outcome, context.clock.now());
    for _ in 0..RECORD_TRIES {
        match context.store.commit(commit.clone()).await {
            // Somebody else has mailed it: this one was one too many, with the same id.
            Ok(()) | Err(StoreError::Conflict(Conflict::Version)) => return Ok(true),
            Err(error) => {
                tracing::warn!(
                    mail.id = %mail.id,
                    error = &error as &dyn std::error::Error,
                    "what came of a mail could not be written down"
                );
            }
        }
        sleep(RECORD_PAUSE).await;
    }
    Ok(false)
}

/// Writes a mail as things stand. `None` when there is nobody to be told, or nothing to tell.
async fn compose(context: &Context, mail: &Mail) -> Result<Option<Letter>, ComposeError> {
    let store = &context.store;
    let Some(principal) = store.find_principal_by_id(mail.user_id).await? else { return Ok(None) };
    let Some(actor) = reader(store, &principal.user).await? else { return Ok(None) };
    let preferences = store.find_notice_preferences(mail.user_id).await?;
    let mut told = Vec::new();
    let mut locale = preferences.locale.clone();
    for notice in store.list_mailed_notices(scope(), mail.id).await? {
        if let Some((visible, wanted)) = still_wanted(context, &actor, &preferences, &notice).await? {
            locale = locale.or(wanted);
            told.push((notice, visible));
        }
    }
    let letters = &context.mailing.letters;
    let locale = letters.locale(locale.as_deref());
    let mut items = Vec::new();
    for (notice, visible) in &told {
        items.push(item(context, &locale, notice, visible).await?);
    }
    let base = &context.settings.links.base_url;
    let token = Subscriber::new(mail.user_id, &locale).seal(context);
    let unsubscribe = format!("{base}/unsubscribe/{token}");
    let Written { subject, text, html } = match (mail.kind, items.as_slice()) {
        (_, []) => return Ok(None),
        (MailKind::Single, [only, ..]) => letters.notice(&locale, only, &unsubscribe)?,
        (MailKind::Digest, items) => letters.digest(&locale, items, &unsubscribe)?,
    };
    Ok(Some(Letter {
        id: mail.id,
        to: principal.user.email,
        date: mail.created,
        subject,
        text,
        html,
        unsubscribe: Some(unsubscribe),
    }))
}

/// Returns the record of a notice, if the person sees it and wants to hear of it, and the language that its team lists
/// say.
async fn still_wanted(
    context: &Context,
    actor: &Actor,
    preferences: &Preferences,
    notice: &MailedNotice,
) -> Result<Option<(VisibleReferral, Option<String>)>, StoreError> {
    if !preferences.wants_mail(notice.kind) {
        return Ok(None);
    }
    let visible = context.store.find_referral(&actor.scope(), notice.referral_id).await?;
    let Some(visible) = visible else { return Ok(None) };
    let preference = contact_preference(&context.store, actor, &visible).await?;
    Ok((preference.disable_notifications != Some(true)).then_some((visible, preference.locale)))
}

async fn item(
    context: &Context,
    locale: &str,
    notice: &MailedNotice,
    visible: &VisibleReferral,
) -> Result<Item, ComposeError> {
    let referral = seen(visible)?;
    let is_receiver = MATRIX.iter().any(|it| it.kind == notice.kind && it.audience == Audience::Receiver);
    let other = match is_receiver {
        true => name_of(context, &visible.stored.inviter).await?,
        false => referral.organization_name.clone(),
    };
    let sentence = context.mailing.letters.sentence(locale, notice.kind, referral.name.as_deref(), &other)?;
    Ok(Item {
        sentence,
        status: format!("{}/{}", referral.status.as_str(), referral.substatus.as_str()),
        expires: referral.expiration_date_time.map(|it| it.to_string().chars().take(10).collect()),
        link: link(&context.mailing.link, &referral),
    })
}

async fn name_of(context: &Context, id: &OrganizationId) -> Result<String, StoreError> {
    let found = context.store.find_organization(id).await?;
    Ok(found.map(|it| it.name.clone()).unwrap_or_default())
}

fn link(pattern: &str, referral: &Referral) -> String {
    let id = referral.id.to_string();
    pattern.replace("{id}", &id).replace("{engagementId}", &referral.engagement_id.to_string())
}

fn scope() -> SystemScope {
    Scope::system("notices")
}
