//! `liaison token`: an access token, without a password, for whoever may read the data.

use std::io::Write as _;

use anyhow::{Context as _, bail};

use super::{TokenArgs, TokenAudience, access, out, parse_uuid};
use crate::{
    app::system_random,
    auth::{Issuer, Version},
    config::Config,
    domain::organization::{Application, Organization, OrganizationId, Role, User},
    sandbox::seed,
    service::administration::find_organization,
    storage::{Principal, Store},
};

/// Prints a token.
pub(super) async fn run(args: &TokenArgs, config: &Config) -> anyhow::Result<()> {
    let store = access::open_to_read(config).await?;
    let organization = choose_organization(&store, args.organization.as_deref()).await?;
    let subject = match args.app_only {
        true => {
            let application = first_application(&store, &organization).await?;
            Subject::Application { organization, application }
        }
        false => Subject::User(find_principal(&store, organization, &args.user).await?),
    };
    let audience = match args.audience {
        TokenAudience::Partner => "https://api.partner.microsoft.com",
        TokenAudience::PartnerCenter => "https://api.partnercenter.microsoft.com",
    };
    let lifetime_secs = i64::from(args.lifetime_secs);
    let token = mint(&store, config, &subject, (audience, lifetime_secs)).await?;
    writeln!(out(), "{token}")?;
    Ok(())
}

/// Returns an access token of the Partner API for a person, good for an hour.
pub(super) async fn mint_for(
    store: &Store,
    config: &Config,
    principal: &Principal,
) -> anyhow::Result<String> {
    let subject = Subject::User(principal.clone());
    mint(store, config, &subject, ("https://api.partner.microsoft.com", 3600)).await
}

/// Returns the organisation that was named, or the usual one.
pub(super) async fn choose_organization(store: &Store, named: Option<&str>) -> anyhow::Result<Organization> {
    match named {
        Some(text) => Ok(find_organization(store, text).await?),
        None => usual_organization(store).await,
    }
}

/// Finds one of an organisation's people by e-mail, id or role.
pub(super) async fn find_principal(
    store: &Store,
    organization: Organization,
    user: &str,
) -> anyhow::Result<Principal> {
    let users = store.list_users(&organization.id).await?;
    let user = choose_user(users, user).with_context(|| {
        format!(
            "{} has no user \"{user}\"; name an e-mail address or a role ({})",
            organization.name,
            Role::ALL.map(Role::as_str).join(", ")
        )
    })?;
    Ok(Principal { user, organization })
}

/// Who a token speaks for.
enum Subject {
    /// A person, through the organisation's first application.
    User(Principal),
    /// An application itself.
    Application { organization: Organization, application: Application },
}

async fn mint(
    store: &Store,
    config: &Config,
    subject: &Subject,
    (audience, lifetime_secs): (&str, i64),
) -> anyhow::Result<String> {
    // The issuer's name is part of a token: it must be the running server's.
    let base_url = match store.find_setting("public_url").await? {
        Some(url) => url,
        None => config.public_url(config.listen),
    };
    let clock = access::clock(store).await?.clock();
    let issuer = Issuer::open(store.clone(), base_url, clock, system_random()).await?;
    Ok(match subject {
        Subject::User(principal) => {
            let application = first_application(store, &principal.organization).await?;
            issuer.mint_for_user(principal, application.id, audience, Version::V1, lifetime_secs)?
        }
        Subject::Application { organization, application } => {
            issuer.mint_for_application(application, organization, audience, Version::V1, lifetime_secs)?
        }
    })
}

/// Returns Contoso, or the only organisation.
async fn usual_organization(store: &Store) -> anyhow::Result<Organization> {
    let contoso = OrganizationId::from(seed::CONTOSO_ID);
    if let Some(contoso) = store.find_organization(&contoso).await? {
        return Ok(Organization::clone(&contoso));
    }
    let mut organizations = store.list_organizations().await?.into_iter();
    match (organizations.next(), organizations.next()) {
        (Some(only), None) => Ok(only),
        (None, _) => bail!("there is no organization yet; `liaison org add NAME` adds one"),
        (Some(_), Some(_)) => {
            bail!("say which organization with --organization; `liaison org list` shows all")
        }
    }
}

async fn first_application(store: &Store, organization: &Organization) -> anyhow::Result<Application> {
    let applications = store.list_applications(&organization.id).await?;
    applications.into_iter().next().with_context(|| format!("{} has no application", organization.name))
}

/// Finds a user by e-mail, id or role; of several with the role, the first by e-mail.
fn choose_user(users: Vec<User>, text: &str) -> Option<User> {
    let role = match text {
        "admin" => Some(Role::ReferralsAdmin),
        "user" => Some(Role::ReferralsUser),
        text => Role::parse(text),
    };
    let id = parse_uuid(text);
    users.into_iter().find(|user| {
        user.email.eq_ignore_ascii_case(text)
            || Some(user.id) == id
            || role.is_some_and(|it| user.roles.contains(&it))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_chosen_by_role_address_or_id() {
        let users = seed::organizations("hash").into_iter().next().unwrap().users;
        let chosen = |text: &str| choose_user(users.clone(), text).map(|it| it.email);

        assert_eq!(chosen("referrals-admin").as_deref(), Some("alex.admin@contoso.example"));
        assert_eq!(chosen("user").as_deref(), Some("uma.user@contoso.example"));
        assert_eq!(chosen("UMA.user@contoso.example").as_deref(), Some("uma.user@contoso.example"));
        assert_eq!(chosen(&users[0].id.to_string()), Some(users[0].email.clone()));
        assert_eq!(chosen("account-admin").as_deref(), Some("ada.account@contoso.example"));
        assert_eq!(chosen("report-viewer"), None);
    }
}
