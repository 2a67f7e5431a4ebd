//! What people are told: who, of what, once; in their list and by mail, as they want it and as far as they may see.

mod list;
mod mails;
mod matrix;
mod smtp;

use http::Method;
use liaison::{
    config::Secret,
    domain::organization::{LocationScope, Role},
    feed::notices::catch_up,
    service::notices::mailer,
};
use serde_json::{Value, json};

use self::smtp::MailServer;
use crate::{lifecycle::FABRIKAMS, world::*};

const NOTICES: &str = "/v1.0/engagements/notices";
const PREFERENCES: &str = "/v1.0/engagements/notices/preferences";
/// A second Referrals user of Contoso's.
const TOM: &str = "tom.team@contoso.example";
const DAY_SECS: i64 = 24 * 60 * 60;

/// Opens a world that mails, and the server that takes the mails.
async fn with_mail(backend: Backend) -> (World, MailServer) {
    let server = MailServer::start().await;
    let url = server.url();
    let world = World::with(backend, |config| {
        config.smtp.url = Secret::from(url);
        config.smtp.from = "Referrals <referrals@exchange.example>".to_owned();
    })
    .await;
    (world, server)
}

/// Makes notices of everything that has happened.
async fn notice(world: &World) {
    world.store.settle().await.unwrap();
    catch_up(&world.app.context.feed).await.unwrap();
}

/// Mails everything that is due.
async fn mail(world: &World) {
    while mailer::sweep(&world.app.context, None).await.unwrap() {}
}

async fn notice_and_mail(world: &World) {
    notice(world).await;
    mail(world).await;
}

/// Reads the list of a person.
async fn list(world: &World, email: &str, query: &str) -> Value {
    let answer = world.get_path(email, &format!("{NOTICES}{query}"), &[]).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

/// Returns the kinds in the list of a person, newest first.
async fn kinds(world: &World, email: &str) -> Vec<String> {
    let page = list(world, email, "").await;
    page["value"].as_array().unwrap().iter().map(|it| text(it, "/kind").to_owned()).collect()
}

/// Changes how a person wants to be told.
async fn prefer(world: &World, email: &str, preferences: Value) -> Value {
    let answer = world.send_json(Method::PUT, email, PREFERENCES, &[], preferences).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

/// Returns somebody in a team, in a language and with or without notices.
fn member(email: &str, locale: Option<&str>, disable_notifications: bool) -> Value {
    json!({
        "firstName": "A", "lastName": "B", "phoneNumber": "1", "email": email,
        "contactPreference": {"locale": locale, "disableNotifications": disable_notifications},
    })
}

/// Returns a team without anybody of the exchange.
fn nobody() -> Value {
    json!([member("nobody@contoso.example", None, false)])
}

/// Has a person invite Fabrikam to a deal with a name and a team, and returns Fabrikam's record.
async fn invite(world: &World, by: &str, name: &str, team: Value) -> String {
    let deal = edited(to_location(FABRIKAMS), &[("/name", json!(name)), ("/team", team)]);
    text(&world.post(by, deal).await.created(), "/id").to_owned()
}

async fn add_tom(world: &World) {
    world.add_user(CONTOSO, TOM, &[Role::ReferralsUser], LocationScope::EntireCompany).await;
}
