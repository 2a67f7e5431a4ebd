//! `liaison notices`: tries out what people are told by mail.

use std::io::Write as _;

use anyhow::{Context as _, bail};
use clap::Subcommand;

use super::out;
use crate::{
    app::{mailing, system_clock, system_random},
    config::Config,
    domain::notice::Kind,
    feed::mail::Letter,
    service::notices::letters::{Item, Written},
};

/// What is done with notices.
#[derive(Debug, Subcommand)]
pub(super) enum NoticesCommand {
    /// Send a mail as people get them, to see whether the mail server takes it and how it looks
    SendTest {
        /// Where to
        address: String,
        /// In which language
        #[arg(long, value_name = "CULTURE")]
        locale: Option<String>,
    },
}

/// Does it, and prints what came of it.
pub(super) async fn run(command: &NoticesCommand, config: &Config) -> anyhow::Result<()> {
    let NoticesCommand::SendTest { address, locale } = command;
    let mailing = mailing(config, &config.public_url(config.listen))?;
    let Some(postman) = mailing.postman else {
        bail!("there is no mail server: set smtp.url and smtp.from");
    };
    let letters = mailing.letters;
    let locale = letters.locale(locale.as_deref());
    let item = Item {
        sentence: letters.sentence(&locale, Kind::OpportunityReceived, Some("Liaison"), "Liaison")?,
        status: "New/Pending".to_owned(),
        expires: None,
        link: config.public_url(config.listen),
    };
    let Written { subject, text, html } = letters.notice(&locale, &item, &item.link)?;
    let letter = Letter {
        id: system_random().uuid(),
        to: address.clone(),
        date: system_clock().now(),
        subject,
        text,
        html,
        // Nobody has subscribed to a test.
        unsubscribe: None,
    };
    postman.send(&letter).await.context("the mail was not sent")?;
    writeln!(out(), "The mail server took a mail to {address}.")?;
    Ok(())
}
