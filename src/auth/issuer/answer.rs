//! What a token endpoint answers, in the two shapes of Entra ID.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use super::{
    mint::{EARLY_SECS, Mint, SignIn},
    request::{Version, Wanted},
    signing::SigningError,
};
use crate::{
    auth::trusted::USER_SCOPE,
    domain::organization::{Application, Organization},
    storage::Principal,
};

/// How long an access token lives.
pub const ACCESS_LIFETIME_SECS: i64 = 3600;

/// A successful answer.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub enum TokenAnswer {
    /// Of `/oauth2/token`.
    V1(TokenAnswerV1),
    /// Of `/oauth2/v2.0/token`.
    V2(TokenAnswerV2),
}

/// The answer of version 1.0, whose numbers are texts.
#[derive(Serialize, ToSchema)]
pub struct TokenAnswerV1 {
    /// Always `Bearer`.
    pub token_type: &'static str,
    /// What is allowed; absent for an application alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scope: Option<&'static str>,
    /// Seconds that the token lives.
    pub expires_in: String,
    /// The same; nothing lives longer here when the issuer is down.
    pub ext_expires_in: String,
    /// When the token ends, in seconds since 1970.
    pub expires_on: String,
    /// When the token begins, in seconds since 1970.
    pub not_before: String,
    /// The API that it is for.
    pub resource: &'static str,
    /// The token for the API.
    pub access_token: String,
    /// The token for the next token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refresh_token: Option<String>,
    /// Who signed in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id_token: Option<String>,
    /// Ids of person and tenant, base64url of a JSON object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_info: Option<String>,
}

/// The answer of version 2.0, whose numbers are numbers.
#[derive(Serialize, ToSchema)]
pub struct TokenAnswerV2 {
    /// Always `Bearer`.
    pub token_type: &'static str,
    /// What is allowed; absent for an application alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// Seconds that the token lives.
    pub expires_in: i64,
    /// The same; nothing lives longer here when the issuer is down.
    pub ext_expires_in: i64,
    /// The token for the API.
    pub access_token: String,
    /// The token for the next token; only when `offline_access` was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refresh_token: Option<String>,
    /// Who signed in; only when `openid` was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id_token: Option<String>,
    /// Ids of person and tenant, base64url of a JSON object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_info: Option<String>,
}

/// What an answer to a sign-in has beside the access token.
#[derive(Clone, Copy, Debug, Default)]
pub struct Extras {
    /// A refresh token. The ID token is a matter of the scopes.
    pub has_refresh_token: bool,
    /// The ids of person and tenant.
    pub has_client_info: bool,
}

impl TokenAnswer {
    /// Mints what a person gets who signed in through an application.
    pub fn for_sign_in(
        mint: &Mint,
        version: Version,
        wanted: Wanted,
        sign_in: SignIn<'_>,
        extras: Extras,
    ) -> Result<Self, SigningError> {
        let Principal { user, organization } = sign_in.principal;
        let access = mint.user_token(sign_in, wanted.resource.uri(), version, ACCESS_LIFETIME_SECS)?;
        let refresh = match extras.has_refresh_token {
            true => Some(mint.refresh_token(sign_in, wanted.resource)?),
            false => None,
        };
        let id = match wanted.openid.has_openid {
            true => Some(mint.id_token(sign_in, wanted.openid, version, ACCESS_LIFETIME_SECS)?),
            false => None,
        };
        let client_info = extras.has_client_info.then(|| {
            URL_SAFE_NO_PAD.encode(json!({"uid": user.id, "utid": organization.tenant_id}).to_string())
        });
        Ok(Self::new(mint, version, wanted, access, Some(PersonTokens { refresh, id, client_info })))
    }

    /// Mints what an application gets for itself.
    pub fn for_application(
        mint: &Mint,
        version: Version,
        wanted: Wanted,
        application: &Application,
        organization: &Organization,
    ) -> Result<Self, SigningError> {
        let audience = wanted.resource.uri();
        let access =
            mint.application_token(application, organization, audience, version, ACCESS_LIFETIME_SECS)?;
        Ok(Self::new(mint, version, wanted, access, None))
    }

    fn new(
        mint: &Mint,
        version: Version,
        wanted: Wanted,
        access_token: String,
        person: Option<PersonTokens>,
    ) -> Self {
        let is_person = person.is_some();
        let PersonTokens { refresh, id, client_info } = person.unwrap_or_default();
        let now_secs = mint.now().unix_secs();
        match version {
            Version::V1 => Self::V1(TokenAnswerV1 {
                token_type: "Bearer",
                scope: is_person.then_some(USER_SCOPE),
                expires_in: ACCESS_LIFETIME_SECS.to_string(),
                ext_expires_in: ACCESS_LIFETIME_SECS.to_string(),
                expires_on: now_secs.saturating_add(ACCESS_LIFETIME_SECS).to_string(),
                not_before: now_secs.saturating_sub(EARLY_SECS).to_string(),
                resource: wanted.resource.uri(),
                access_token,
                refresh_token: refresh,
                id_token: id,
                client_info,
            }),
            Version::V2 => Self::V2(TokenAnswerV2 {
                token_type: "Bearer",
                scope: is_person.then(|| granted_scope(wanted)),
                expires_in: ACCESS_LIFETIME_SECS,
                ext_expires_in: ACCESS_LIFETIME_SECS,
                access_token,
                refresh_token: refresh,
                id_token: id,
                client_info,
            }),
        }
    }
}

/// What a person's answer has beside the access token.
#[derive(Default)]
struct PersonTokens {
    refresh: Option<String>,
    id: Option<String>,
    client_info: Option<String>,
}

/// Returns the scope as version 2.0 tells it. `.default` is repeated if it was asked for, as Entra ID does:
/// MSAL finds a token in its cache by the scopes that it asked for.
fn granted_scope(wanted: Wanted) -> String {
    let resource = wanted.resource.uri();
    match wanted.is_default_scope {
        true => format!("{resource}/{USER_SCOPE} {resource}/.default"),
        false => format!("{resource}/{USER_SCOPE}"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::{Extras, TokenAnswer};
    use crate::auth::{
        issuer::request::{TokenRequest, Version},
        testing,
    };

    const ALL: Extras = Extras { has_refresh_token: true, has_client_info: true };

    fn answer(version: Version, form: &str, extras: Extras) -> Value {
        let wanted = TokenRequest::read(form.as_bytes(), None).unwrap().wanted(version, None).unwrap();
        let principal = testing::principal();
        let sign_in = testing::sign_in(&principal);
        let answer = TokenAnswer::for_sign_in(&testing::mint(), version, wanted, sign_in, extras);
        without_tokens(serde_json::to_value(answer.unwrap()).unwrap())
    }

    /// Replaces tokens, whose signatures differ from run to run, by their header's type.
    fn without_tokens(mut answer: Value) -> Value {
        for name in ["access_token", "refresh_token", "id_token"] {
            if let Some(token) = answer.get_mut(name) {
                let header = jsonwebtoken::decode_header(token.as_str().unwrap()).unwrap();
                *token = header.typ.into();
            }
        }
        answer
    }

    #[test]
    fn version_1_answers_with_numbers_as_texts() {
        let form = "resource=https://api.partner.microsoft.com&scope=openid";

        insta::assert_json_snapshot!(answer(Version::V1, form, ALL));
    }

    #[test]
    fn version_2_answers_with_numbers_and_what_was_asked_for() {
        let scope = "scope=https://api.partner.microsoft.com/.default";

        insta::assert_json_snapshot!(answer(Version::V2, scope, Extras::default()));
        insta::assert_json_snapshot!(answer(Version::V2, &format!("{scope}+openid"), ALL));
    }

    #[test]
    fn an_application_alone_gets_an_access_token_only() {
        let request = TokenRequest::read(b"resource=https://api.partnercenter.microsoft.com", None).unwrap();
        let wanted = request.wanted(Version::V1, None).unwrap();
        let (application, organization) = (testing::application(), testing::organization());

        let mint = testing::mint();
        let answer =
            TokenAnswer::for_application(&mint, Version::V1, wanted, &application, &organization).unwrap();

        insta::assert_json_snapshot!(without_tokens(serde_json::to_value(answer).unwrap()));
    }
}
