//! `liaison org add`, `liaison org list` and `liaison user add`: how an installation begins.

use std::io::Write as _;

use anyhow::Context as _;
use serde_json::json;

use super::{
    OrgAddArgs, UserAddArgs,
    access::{self, Access},
    out,
};
use crate::{
    config::Config,
    service::administration::{
        self, OrganizationAdded, OrganizationRequest, SolutionRequest, UserAdded, UserRequest,
    },
};

/// Adds an organisation and prints its ids and the one-time secret.
pub(super) async fn add(args: &OrgAddArgs, config: &Config) -> anyhow::Result<()> {
    let request = OrganizationRequest {
        name: args.name.clone(),
        id: args.id.clone(),
        tenant_id: args.tenant_id,
        domain: args.domain.clone(),
        mpn_id: args.mpn_id.clone(),
        solutions: args.solutions.iter().map(|it| parse_solution(it)).collect::<anyhow::Result<_>>()?,
    };
    let added: OrganizationAdded = match Access::to_write(config).await? {
        Access::Direct { store, random, _lock } => {
            administration::add_organization(access::tools(&store, &random).await?, request).await?
        }
        Access::Server(server) => server.ask("/admin/organizations", &request).await?,
    };
    let mut out = out();
    if args.json {
        writeln!(out, "{}", serde_json::to_string_pretty(&added)?)?;
        return Ok(());
    }
    writeln!(out, "Added {}.", args.name)?;
    writeln!(out, "  organization id  {}", added.organization_id)?;
    writeln!(out, "  tenant id        {}", added.tenant_id)?;
    writeln!(out, "  location id      {} (MPN id {})", added.location_id, added.mpn_id)?;
    writeln!(out, "  client id        {}", added.client_id)?;
    writeln!(out, "  client secret    {}   (shown once; only its hash is kept)", added.client_secret)?;
    writeln!(out, "\nNext, someone who may work with referrals:")?;
    writeln!(
        out,
        "  liaison user add --organization {} --email ADDRESS --name NAME --role referrals-admin",
        added.organization_id
    )?;
    Ok(())
}

/// Prints every organisation.
pub(super) async fn list(is_json: bool, config: &Config) -> anyhow::Result<()> {
    let organizations = access::open_to_read(config).await?.list_organizations().await?;
    let mut out = out();
    if is_json {
        let organizations: Vec<_> = organizations
            .iter()
            .map(|it| json!({"id": it.id, "tenantId": it.tenant_id, "name": it.name, "domain": it.domain}))
            .collect();
        writeln!(out, "{}", serde_json::to_string_pretty(&organizations)?)?;
        return Ok(());
    }
    if organizations.is_empty() {
        writeln!(out, "There is no organization yet. `liaison org add NAME` adds one.")?;
    }
    for it in organizations {
        let domain = it.domain.unwrap_or_default();
        writeln!(out, "{:36}  {}  {domain}", it.id.as_str(), it.name)?;
    }
    Ok(())
}

/// Adds a person and prints the password when it was made here.
pub(super) async fn add_user(args: &UserAddArgs, config: &Config) -> anyhow::Result<()> {
    let request = UserRequest {
        organization: args.organization.clone(),
        id: args.id,
        email: args.email.clone(),
        name: args.name.clone(),
        roles: args.roles.clone(),
        locations: args.locations.clone(),
        password: args.password.clone(),
        issuer: args.issuer.clone(),
        subject: args.subject.clone(),
    };
    let added: UserAdded = match Access::to_write(config).await? {
        Access::Direct { store, random, _lock } => {
            administration::add_user(access::tools(&store, &random).await?, request).await?
        }
        Access::Server(server) => server.ask("/admin/users", &request).await?,
    };
    let mut out = out();
    if args.json {
        writeln!(out, "{}", serde_json::to_string_pretty(&added)?)?;
        return Ok(());
    }
    writeln!(out, "Added {}.", added.email)?;
    writeln!(out, "  user id          {}", added.user_id)?;
    writeln!(out, "  organization id  {}", added.organization_id)?;
    if let Some(password) = added.generated_password {
        writeln!(out, "  password         {password}   (shown once; only its hash is kept)")?;
    }
    if let (Some(issuer), Some(subject)) = (&args.issuer, &args.subject) {
        writeln!(out, "  signs in at      {issuer} as {subject}")?;
    }
    Ok(())
}

fn parse_solution(text: &str) -> anyhow::Result<SolutionRequest> {
    let (id, name) = text.split_once('=').with_context(|| {
        format!("--solution \"{text}\" has no \"=\"; write SOL-34104-EBB=\"Field Service\"")
    })?;
    Ok(SolutionRequest { id: id.trim().to_owned(), name: name.trim().to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_solution_is_an_id_and_a_name() {
        let solution = parse_solution("SOL-1=Field = Service").unwrap();

        assert_eq!((solution.id.as_str(), solution.name.as_str()), ("SOL-1", "Field = Service"));
        assert!(parse_solution("SOL-1").is_err());
    }
}
