//! What is judged, and who calls it: tokens as they were given, or taken from a token endpoint.

use std::{collections::HashMap, fmt};

use serde::Deserialize;
use serde_json::Value;

const PARTNER: &str = "https://api.partner.microsoft.com";
const PARTNER_CENTER: &str = "https://api.partnercenter.microsoft.com";

/// Who makes a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Who {
    /// The Referrals admin whose organisation most scenarios are about.
    Caller,
    /// A Referrals admin of a second organisation.
    Other,
    /// A Referrals admin of Microsoft.
    Microsoft,
    /// A Referrals user of the caller's organisation.
    User,
    /// A person of the caller's organisation without a Referrals role.
    Roleless,
    /// An application without a person.
    Application,
    /// The caller, with a token for the Partner Center API.
    PartnerCenter,
    /// Somebody whose token is no token.
    Garbled,
    /// Somebody without a token.
    Nobody,
}

impl Who {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Caller => "the caller",
            Self::Other => "the second organization",
            Self::Microsoft => "Microsoft",
            Self::User => "a Referrals user",
            Self::Roleless => "a person without a Referrals role",
            Self::Application => "an application by itself",
            Self::PartnerCenter => "the caller, for Partner Center",
            Self::Garbled => "somebody with a garbled token",
            Self::Nobody => "nobody",
        }
    }
}

/// A name and a password, and the application that they are used with. Without a name, the application is itself the
/// caller.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Credentials {
    /// The application.
    pub client_id: String,
    /// Its secret.
    #[serde(default)]
    pub client_secret: Option<String>,
    /// The person.
    #[serde(default)]
    pub username: Option<String>,
    /// Its password.
    #[serde(default)]
    pub password: Option<String>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(…)")
    }
}

/// Somebody who calls.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Identity {
    /// An access token.
    Token(String),
    /// What a token is taken with.
    SignIn(Credentials),
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Identity(…)")
    }
}

/// Everybody who calls. Who is left out is missed by the scenarios that need it, which are skipped.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Parties {
    /// Where tokens are taken: a token endpoint of version 1.0.
    pub token_url: Option<String>,
    /// The Referrals admin whose organisation most scenarios are about.
    pub caller: Option<Identity>,
    /// A Referrals admin of a second organisation.
    pub other: Option<Identity>,
    /// The `target` that leads to the second organisation: `type` and `id`.
    pub other_target: Option<Value>,
    /// A Referrals admin of Microsoft.
    pub microsoft: Option<Identity>,
    /// A Referrals user of the caller's organisation.
    pub user: Option<Identity>,
    /// The e-mail address of that user. Absent, it is the name that it signs in with.
    pub user_email: Option<String>,
    /// A person of the caller's organisation without a Referrals role.
    pub roleless: Option<Identity>,
    /// An application of the caller's organisation, by itself.
    pub application: Option<Identity>,
    /// The caller's token for the Partner Center API. Absent, it is taken with what the caller signs in with.
    pub partner_center: Option<Identity>,
    /// The id of a solution of the caller's organisation.
    pub solution: Option<String>,
}

impl Parties {
    /// Returns the address by which the Referrals user is found in a team.
    pub(crate) fn user_email(&self) -> Option<&str> {
        match (&self.user_email, &self.user) {
            (Some(email), _) => Some(email),
            (None, Some(Identity::SignIn(credentials))) => credentials.username.as_deref(),
            (None, _) => None,
        }
    }
}

/// A server that is judged, and what it may be asked to do.
#[derive(Clone, Debug, Default)]
pub struct Target {
    /// Its address, without the path of the API.
    pub base_url: String,
    /// Who calls it.
    pub parties: Parties,
    /// Microsoft may be invited.
    pub may_invite_microsoft: bool,
    /// A hundred referrals may be made, to see a second page.
    pub may_make_many: bool,
    /// The webhook registration may be replaced; it is put back afterwards.
    pub may_replace_registration: bool,
    /// Where deliveries are received, if not on a free port of loopback: where to listen, and how the server reaches it.
    pub receiver: Option<(String, String)>,
    /// The server claims Liaison's additions.
    pub is_liaison: bool,
}

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    /// The endpoint gave none.
    #[error("{url} gave no token for {who}: {reason}")]
    Refused {
        /// The token endpoint.
        url: String,
        /// Whose token.
        who: &'static str,
        /// What it said.
        reason: String,
    },
    /// Names and passwords need an endpoint.
    #[error("{0} signs in with a password, and no tokenUrl says where")]
    NoEndpoint(&'static str),
}

/// The tokens of a run.
pub(crate) type Tokens = HashMap<Who, String>;

/// Takes every token that is to be had.
pub(crate) async fn sign_in(http: &reqwest::Client, parties: &Parties) -> Result<Tokens, SignInError> {
    let mut tokens = Tokens::new();
    let people = [
        (Who::Caller, &parties.caller, PARTNER),
        (Who::Other, &parties.other, PARTNER),
        (Who::Microsoft, &parties.microsoft, PARTNER),
        (Who::User, &parties.user, PARTNER),
        (Who::Roleless, &parties.roleless, PARTNER),
        (Who::Application, &parties.application, PARTNER),
        (Who::PartnerCenter, partner_center(parties), PARTNER_CENTER),
    ];
    for (who, identity, resource) in people {
        let Some(identity) = identity else { continue };
        let token = match identity {
            Identity::Token(token) => token.clone(),
            Identity::SignIn(credentials) => take(http, parties, who, credentials, resource).await?,
        };
        tokens.insert(who, token);
    }
    tokens.insert(Who::Garbled, "this.is.none".to_owned());
    Ok(tokens)
}

fn partner_center(parties: &Parties) -> &Option<Identity> {
    match (&parties.partner_center, &parties.caller) {
        (None, Some(Identity::SignIn(_))) => &parties.caller,
        (given, _) => given,
    }
}

async fn take(
    http: &reqwest::Client,
    parties: &Parties,
    who: Who,
    credentials: &Credentials,
    resource: &str,
) -> Result<String, SignInError> {
    let url = parties.token_url.clone().ok_or(SignInError::NoEndpoint(who.name()))?;
    let refused = |reason: String| SignInError::Refused { url: url.clone(), who: who.name(), reason };
    let request = http.post(&url).header("content-type", "application/x-www-form-urlencoded");
    let answer = request.body(form(credentials, resource)).send().await;
    let text = match answer {
        Ok(answer) => answer.text().await.unwrap_or_default(),
        Err(error) => return Err(refused(describe(&error))),
    };
    let json: Value = serde_json::from_str(&text).unwrap_or_default();
    let token = json.get("access_token").and_then(Value::as_str);
    token.map(str::to_owned).ok_or_else(|| {
        let reason = json.get("error_description").or_else(|| json.get("error")).and_then(Value::as_str);
        refused(reason.map_or(text.clone(), |it| it.lines().next().unwrap_or_default().to_owned()))
    })
}

/// Writes the form of a token request of version 1.0.
pub(crate) fn form(credentials: &Credentials, resource: &str) -> String {
    let mut pairs = vec![("resource", resource), ("client_id", &credentials.client_id)];
    pairs.extend(credentials.client_secret.as_deref().map(|it| ("client_secret", it)));
    match &credentials.username {
        Some(username) => {
            let password = credentials.password.as_deref().unwrap_or_default();
            pairs.extend([("grant_type", "password"), ("scope", "openid")]);
            pairs.extend([("username", username.as_str()), ("password", password)]);
        }
        None => pairs.push(("grant_type", "client_credentials")),
    }
    let pairs = pairs.iter().map(|(name, value)| format!("{name}={}", crate::wire::encoded(value)));
    pairs.collect::<Vec<_>>().join("&")
}

/// Says what went wrong, with its causes, without the address.
pub(crate) fn describe(error: &reqwest::Error) -> String {
    let mut text = if error.is_timeout() { "timed out" } else { "could not be reached" }.to_owned();
    let mut cause = std::error::Error::source(error);
    while let Some(it) = cause {
        text.push_str(&format!(": {it}"));
        cause = it.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parties_are_read_from_a_file() {
        let parties: Parties = serde_json::from_str(
            r#"{"tokenUrl": "http://a/t", "caller": {"signIn": {"clientId": "c", "username": "u", "password": "p&q"}},
                "other": {"token": "t"}, "otherTarget": {"type": "SolutionProfile", "id": "SOL-1"}}"#,
        )
        .unwrap();

        let Some(Identity::SignIn(credentials)) = &parties.caller else { panic!("no credentials") };
        assert_eq!(
            form(credentials, "r"),
            "resource=r&client_id=c&grant_type=password&scope=openid&username=u&password=p%26q"
        );
        assert_eq!(format!("{:?}", parties.other), "Some(Identity(…))");
        assert!(serde_json::from_str::<Parties>(r#"{"colour": 1}"#).is_err());
    }
}
