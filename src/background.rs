//! What a server does without being asked, for each [`App`] that it holds: closes what nobody answered, tells what has
//! happened, acts for the other side of a sandbox, forgets what is old.

use std::time::Duration;

use parking_lot::Mutex;
use tokio::task::JoinHandle;

use crate::{
    app::App,
    feed,
    sandbox::walk,
    service::{Context, audit, clock, expiry, notices::mailer},
    storage::StoreError,
};

/// How often idle callers and expired keys are forgotten, the keys of webhooks read again, and what waits to be published
/// counted.
const UPKEEP_PERIOD: Duration = Duration::from_secs(5);
/// How often referrals are looked for that nobody answered in time.
const EXPIRY_PERIOD: Duration = Duration::from_secs(5);

/// The tasks of one [`App`]. They go on until they are stopped, whoever drops this.
#[derive(Debug)]
pub struct Background {
    app: App,
    tasks: Mutex<Vec<JoinHandle<()>>>,
}

impl Background {
    /// Starts them.
    pub fn start(app: &App) -> Self {
        let feed = &app.context.feed;
        let mut tasks = vec![
            tokio::spawn(keep_up(app.clone())),
            tokio::spawn(feed::fan_out::run(feed.clone())),
            tokio::spawn(feed::delivery::run(feed.clone())),
            tokio::spawn(feed::notices::run(feed.clone())),
            tokio::spawn(mailer::run(app.context.clone())),
            tokio::spawn(play(app.clone())),
            tokio::spawn(expire(app.clone())),
        ];
        tasks.extend(app.sink.clone().map(|it| tokio::spawn(it.run())));
        Self { app: app.clone(), tasks: Mutex::new(tasks) }
    }

    /// Stops them, once nobody is served any more, and leaves nothing unwritten where that can be helped. Whatever is
    /// under way is taken up again by another server, or at the next start.
    pub async fn stop(&self) {
        let tasks = std::mem::take(&mut *self.tasks.lock());
        tasks.iter().for_each(JoinHandle::abort);
        for task in tasks {
            // That it was aborted is what was wanted.
            let _ = task.await;
        }
        if let Err(error) = self.app.context.store.settle().await {
            let error: &dyn std::error::Error = &error;
            tracing::warn!(error, "the log was not settled before the stop");
        }
        write_audit(&self.app).await;
    }
}

async fn keep_up(app: App) {
    let mut ticks = tokio::time::interval(UPKEEP_PERIOD);
    loop {
        ticks.tick().await;
        app.rates.forget_idle();
        if let Err(error) = app.webhook_keys.refresh().await {
            let error: &dyn std::error::Error = &error;
            tracing::warn!(error, "the keys of webhooks were not read again");
        }
        if let Some(sink) = &app.sink
            && let Err(error) = sink.lag().await
        {
            let error: &dyn std::error::Error = &error;
            tracing::warn!(error, "it is not known how much is not published yet");
        }
        write_audit(&app).await;
        if let Err(error) = app.context.store.forget_expired_sign_ins(app.context.clock.now()).await {
            let error: &dyn std::error::Error = &error;
            tracing::warn!(error, "expired sessions were not forgotten");
        }
        let forgotten = app.context.store.forget_expired_keys(app.context.clock.now()).await;
        if let Err(error) = forgotten {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "expired idempotency keys were not forgotten"
            );
        }
    }
}

/// Writes down what was counted for the audit records, and forgets what is too old of them.
async fn write_audit(app: &App) {
    let Context { store, random, .. } = &app.context;
    if let Err(error) = store.write_tallies(random).await {
        tracing::warn!(
            error = &error as &dyn std::error::Error,
            "refusals and sign-ins were not written down"
        );
    }
    if let Err(error) = audit::forget_old(&app.context, app.config.audit.retention_days).await {
        tracing::warn!(error = &error as &dyn std::error::Error, "old audit records were not forgotten");
    }
}

/// Acts for the other side in a sandbox; does nothing elsewhere.
async fn play(app: App) {
    if let Some(sandbox_clock) = &app.sandbox_clock {
        walk::run(app.context.clone(), sandbox_clock.clone()).await;
    }
}

/// Closes what nobody answered in time. What fails is tried again at the next look.
async fn expire(app: App) {
    let mut ticks = tokio::time::interval(EXPIRY_PERIOD);
    loop {
        ticks.tick().await;
        if let Err(error) = expire_now(&app).await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "referrals that are due were not closed"
            );
        }
    }
}

async fn expire_now(app: &App) -> Result<(), StoreError> {
    if let Some(sandbox_clock) = &app.sandbox_clock {
        clock::follow(&app.context.store, sandbox_clock).await?;
        app.context.seal.reload(&app.context.store).await?;
    }
    expiry::expire_due(&app.context).await.map(drop)
}
