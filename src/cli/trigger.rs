//! `liaison trigger`: makes an event happen in a sandbox, through the API, as a company would.

use std::io::Write as _;

use anyhow::{Context as _, bail};
use clap::{Args, ValueEnum};
use reqwest::Method;
use serde_json::{Value, json};

use super::{caller::ApiCaller, out};
use crate::{
    config::Config,
    domain::event::Event,
    sandbox::seed::{self, COMPANIES, Company, FIRST_REFERRAL},
};

const REFERRALS: &str = "/v1.0/engagements/referrals";

#[derive(Debug, Args)]
pub(super) struct TriggerArgs {
    /// What is to happen
    #[arg(value_enum)]
    event: Triggered,
    /// To which company of the sandbox: its id, domain or name
    #[arg(long, value_name = "ORGANIZATION", default_value = "contoso")]
    organization: String,
    /// Print the referral as JSON
    #[arg(long)]
    json: bool,
}

/// An event that can be made to happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Triggered {
    /// The company makes a deal
    ReferralCreated,
    /// The company makes a deal, and changes it
    ReferralUpdated,
    /// The company makes a deal, and invites another
    RelatedReferralCreated,
    /// The company makes a deal, and the one that it invited accepts
    RelatedReferralUpdated,
}

impl Triggered {
    fn event(self) -> Event {
        match self {
            Self::ReferralCreated => Event::ReferralCreated,
            Self::ReferralUpdated => Event::ReferralUpdated,
            Self::RelatedReferralCreated => Event::RelatedReferralCreated,
            Self::RelatedReferralUpdated => Event::RelatedReferralUpdated,
        }
    }
}

/// Makes the event happen, and says what was made.
pub(super) async fn run(args: &TriggerArgs, config: &Config) -> anyhow::Result<()> {
    let caller = ApiCaller::find(config, Some(&args.organization), "referrals-admin").await?;
    if !seed::is_sandbox(caller.store()).await? {
        bail!("events are made in a sandbox only; these data belong to somebody");
    }
    let referral = make(&caller, args.event).await?;
    let base_url = caller.base_url().await?;
    let mut out = out();
    if args.json {
        writeln!(out, "{referral}")?;
        return Ok(());
    }
    let member = |name: &str| referral.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (name, company) = (args.event.event().as_str(), &caller.principal().organization.name);
    writeln!(out, "Triggered {name} for {company}")?;
    writeln!(out, "  {}  {}/{}", member("name"), member("status"), member("substatus"))?;
    writeln!(out, "  {base_url}{REFERRALS}/{}", member("id"))?;
    Ok(())
}

/// Does what leads to an event; returns the referral that it is about.
async fn make(caller: &ApiCaller, event: Triggered) -> anyhow::Result<Value> {
    let own = caller.call(Method::POST, REFERRALS, Some(&own_deal()?)).await?;
    match event {
        Triggered::ReferralCreated => Ok(own),
        Triggered::ReferralUpdated => {
            let change =
                json!([{"op": "replace", "path": "/details/notes", "value": "Changed by liaison trigger"}]);
            caller.call(Method::PATCH, &format!("{REFERRALS}/{}", id(&own)?), Some(&change)).await
        }
        Triggered::RelatedReferralCreated => invite(caller, &own, other_company(caller)).await,
        Triggered::RelatedReferralUpdated => {
            let company = other_company(caller);
            let related = invite(caller, &own, company).await?;
            let invited = caller.of(company.id, company.admin.1).await?;
            let path = format!("{REFERRALS}/{}/accept", id(&related)?);
            invited.call(Method::POST, &path, Some(&json!({}))).await
        }
    }
}

async fn invite(caller: &ApiCaller, own: &Value, company: &Company) -> anyhow::Result<Value> {
    let target = json!([{"type": "BusinessProfileLocation", "id": company.location_id}]);
    let engagement = own.get("engagementId").cloned().unwrap_or_default();
    let documented = serde_json::from_str(FIRST_REFERRAL)?;
    let invitation = with(documented, &[("target", target), ("engagementId", engagement)]);
    caller.call(Method::POST, REFERRALS, Some(&invitation)).await
}

/// Returns the documented deal, as one that its sender keeps to itself.
fn own_deal() -> anyhow::Result<Value> {
    let documented = serde_json::from_str(FIRST_REFERRAL)?;
    Ok(with(documented, &[("type", json!("Independent")), ("target", json!([]))]))
}

fn with(mut document: Value, members: &[(&str, Value)]) -> Value {
    if let Some(document) = document.as_object_mut() {
        document.extend(members.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
    }
    document
}

fn id(referral: &Value) -> anyhow::Result<&str> {
    referral.get("id").and_then(Value::as_str).context("the server's answer has no id")
}

/// Returns a company to invite: Fabrikam, or Contoso for Fabrikam itself.
fn other_company(caller: &ApiCaller) -> &'static Company {
    let [contoso, fabrikam, _] = &COMPANIES;
    match caller.principal().organization.id.as_str() == fabrikam.id {
        true => contoso,
        false => fabrikam,
    }
}
