//! What a client sends to a token endpoint: a form, and perhaps its secret in a header.

use std::fmt;

use base64::{Engine, engine::general_purpose::STANDARD};
use url::form_urlencoded;

use super::error::TokenError;
use crate::auth::{resource::Resource, trusted::USER_SCOPE};

/// The scopes that name no API.
const OPENID_SCOPES: [&str; 4] = ["openid", "profile", "email", "offline_access"];

/// Which generation of the token endpoint is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// `/oauth2/token`, with the parameter `resource`.
    V1,
    /// `/oauth2/v2.0/token`, with the parameter `scope`.
    V2,
}

/// The parameters that mean something here. Empty ones count as absent.
#[derive(Default)]
pub struct TokenRequest {
    /// Which proof the client brings.
    pub grant_type: Option<String>,
    /// Who the client is, as it spells it.
    pub client_id: Option<String>,
    /// The client's own proof.
    pub client_secret: Option<String>,
    /// Sign-in name.
    pub username: Option<String>,
    /// The user's password, to the letter.
    pub password: Option<String>,
    /// An earlier answer's token.
    pub refresh_token: Option<String>,
    /// The API, in version 1.0.
    pub resource: Option<String>,
    /// The API and what to allow, in version 2.0; only `openid` counts in version 1.0.
    pub scope: Option<String>,
    /// `1` asks for `client_info` in the answer.
    pub client_info: Option<String>,
    /// What a sign-in at the page came to.
    pub code: Option<String>,
    /// Where the code was sent.
    pub redirect_uri: Option<String>,
    /// What the challenge was made from.
    pub code_verifier: Option<String>,
}

impl fmt::Debug for TokenRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenRequest")
            .field("grant_type", &self.grant_type)
            .field("client_id", &self.client_id)
            .finish_non_exhaustive()
    }
}

impl TokenRequest {
    /// Reads a form and the `Authorization` header beside it. Names are trimmed, because Microsoft's sample
    /// flow sends a line break before `scope`; unknown names are ignored (RFC 6749, section 3.2).
    pub fn read(form: &[u8], authorization: Option<&str>) -> Result<Self, TokenError> {
        let mut request = Self::default();
        for (name, value) in form_urlencoded::parse(form) {
            let Some(place) = request.place(name.trim()) else { continue };
            if place.is_some() {
                return Err(TokenError::RepeatedParameter(name.trim().to_owned()));
            }
            if !value.is_empty() {
                *place = Some(value.into_owned());
            }
        }
        if let Some(authorization) = authorization {
            request.read_basic(authorization)?;
        }
        Ok(request)
    }

    fn place(&mut self, name: &str) -> Option<&mut Option<String>> {
        match name {
            "grant_type" => Some(&mut self.grant_type),
            "client_id" => Some(&mut self.client_id),
            "client_secret" => Some(&mut self.client_secret),
            "username" => Some(&mut self.username),
            "password" => Some(&mut self.password),
            "refresh_token" => Some(&mut self.refresh_token),
            "resource" => Some(&mut self.resource),
            "scope" => Some(&mut self.scope),
            "client_info" => Some(&mut self.client_info),
            "code" => Some(&mut self.code),
            "redirect_uri" => Some(&mut self.redirect_uri),
            "code_verifier" => Some(&mut self.code_verifier),
            _ => None,
        }
    }

    /// Reads `client_secret_basic` (RFC 6749, section 2.3.1): both halves are form-encoded.
    fn read_basic(&mut self, authorization: &str) -> Result<(), TokenError> {
        const GARBLED: TokenError = TokenError::MalformedRequest("the Authorization header is not Basic");
        let (scheme, encoded) = authorization.trim().split_once(' ').ok_or(GARBLED)?;
        if !scheme.eq_ignore_ascii_case("Basic") {
            return Err(GARBLED);
        }
        let decoded = STANDARD.decode(encoded.trim()).map_err(|_| GARBLED)?;
        let decoded = String::from_utf8(decoded).map_err(|_| GARBLED)?;
        let (id, secret) = decoded.split_once(':').ok_or(GARBLED)?;
        let (id, secret) = (form_decoded(id), form_decoded(secret));
        if self.client_secret.is_some() {
            return Err(TokenError::MalformedRequest("the client authenticates in two ways"));
        }
        if self.client_id.as_ref().is_some_and(|it| it.trim() != id) {
            return Err(TokenError::MalformedRequest("the Authorization header names another client_id"));
        }
        self.client_id = Some(id);
        self.client_secret = Some(secret).filter(|it| !it.is_empty());
        Ok(())
    }

    /// Says whether the answer shall carry `client_info`.
    pub fn has_client_info(&self) -> bool {
        self.client_info.as_deref() == Some("1")
    }

    /// Returns the scopes of OpenID Connect that are asked for.
    pub fn openid_scopes(&self) -> OpenidScopes {
        let mut openid = OpenidScopes::default();
        for scope in self.scopes() {
            match scope {
                "openid" => openid.has_openid = true,
                "profile" => openid.has_profile = true,
                "email" => openid.has_email = true,
                "offline_access" => openid.has_offline_access = true,
                _ => {}
            }
        }
        openid
    }

    fn scopes(&self) -> impl Iterator<Item = &str> {
        self.scope.as_deref().unwrap_or_default().split_ascii_whitespace()
    }

    /// Returns what is asked for. `fallback` is the API of the refresh token, for a request that names none.
    pub fn wanted(&self, version: Version, fallback: Option<Resource>) -> Result<Wanted, TokenError> {
        let openid = self.openid_scopes();
        let mut api: Option<ApiScope> = None;
        // Version 1.0 names the API elsewhere.
        for scope in self.scopes().filter(|it| version == Version::V2 && !OPENID_SCOPES.contains(it)) {
            api = Some(ApiScope::parse(scope)?.joined(api)?);
        }
        if version == Version::V1
            && let Some(name) = &self.resource
        {
            let resource = Resource::parse(name.trim());
            let resource = resource.ok_or_else(|| TokenError::UnknownResource(name.clone()))?;
            api = Some(ApiScope { resource, is_default: false });
        }
        let api = api.or(fallback.map(|resource| ApiScope { resource, is_default: false }));
        match (api, version, &self.scope) {
            (Some(ApiScope { resource, is_default }), _, _) => {
                Ok(Wanted { resource, is_default_scope: is_default, openid })
            }
            (None, Version::V1, _) => Err(TokenError::MissingParameter("resource")),
            (None, Version::V2, None) => Err(TokenError::MissingParameter("scope")),
            (None, Version::V2, Some(scope)) => Err(TokenError::InvalidScope(scope.clone())),
        }
    }
}

fn form_decoded(text: &str) -> String {
    // A `=` of its own ends a name for the form parser, but is a plain character here.
    let pair = format!("v={}", text.replace('&', "%26"));
    form_urlencoded::parse(pair.as_bytes()).next().map(|(_, value)| value.into_owned()).unwrap_or_default()
}

/// What a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The API.
    pub resource: Resource,
    /// Says whether it was asked for as `{resource}/.default`.
    pub is_default_scope: bool,
    /// What is asked for beside the API.
    pub openid: OpenidScopes,
}

/// The scopes of OpenID Connect that a request names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OpenidScopes {
    /// An ID token.
    pub has_openid: bool,
    /// The name in it.
    pub has_profile: bool,
    /// The address in it.
    pub has_email: bool,
    /// A refresh token.
    pub has_offline_access: bool,
}

/// A scope of an API: `{resource}/.default` or `{resource}/user_impersonation`.
struct ApiScope {
    resource: Resource,
    is_default: bool,
}

impl ApiScope {
    fn parse(scope: &str) -> Result<Self, TokenError> {
        let invalid = || TokenError::InvalidScope(scope.to_owned());
        let (name, permission) = scope.rsplit_once('/').ok_or_else(invalid)?;
        let resource = Resource::parse(name).ok_or_else(invalid)?;
        match permission {
            ".default" => Ok(Self { resource, is_default: true }),
            USER_SCOPE => Ok(Self { resource, is_default: false }),
            _ => Err(invalid()),
        }
    }

    fn joined(self, earlier: Option<Self>) -> Result<Self, TokenError> {
        match earlier {
            Some(earlier) if earlier.resource != self.resource => Err(TokenError::SeveralResources),
            Some(earlier) => Ok(Self { is_default: self.is_default || earlier.is_default, ..self }),
            None => Ok(self),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{TokenRequest, Version};
    use crate::auth::{issuer::error::TokenError, resource::Resource};

    const API: &str = "https://api.partner.microsoft.com";

    fn read(form: &str) -> Result<TokenRequest, TokenError> {
        TokenRequest::read(form.as_bytes(), None)
    }

    fn with_scope(scope: &str) -> TokenRequest {
        TokenRequest { scope: Some(scope.to_owned()), ..TokenRequest::default() }
    }

    #[test]
    fn a_stray_line_break_before_a_name_is_forgiven() {
        let request = read("grant_type=password&\nscope=openid&resource=a&password=%20x%20&other=1").unwrap();

        assert_eq!(request.grant_type.as_deref(), Some("password"));
        assert_eq!(request.scope.as_deref(), Some("openid"));
        assert_eq!(request.password.as_deref(), Some(" x "));
    }

    #[test]
    fn a_repeated_parameter_is_refused() {
        assert!(
            matches!(read("scope=a&%0Ascope=b"), Err(TokenError::RepeatedParameter(it)) if it == "scope")
        );
    }

    #[test]
    fn the_secret_may_come_in_the_header() {
        // "id" and "a:b&c=d e", form-encoded.
        let request = TokenRequest::read(b"", Some("basic aWQ6YSUzQWImYz1kK2U=")).unwrap();

        assert_eq!(request.client_id.as_deref(), Some("id"));
        assert_eq!(request.client_secret.as_deref(), Some("a:b&c=d e"));
    }

    #[test]
    fn two_ways_to_authenticate_are_refused() {
        let header = Some("Basic aWQ6c2VjcmV0");

        assert!(TokenRequest::read(b"client_id=id", header).is_ok());
        for form in [&b"client_secret=x"[..], b"client_id=other"] {
            assert!(matches!(TokenRequest::read(form, header), Err(TokenError::MalformedRequest(_))));
        }
        for garbled in ["Basic", "Basic ***", "Bearer aWQ6c2VjcmV0", "Basic aWQ="] {
            assert!(TokenRequest::read(b"", Some(garbled)).is_err(), "{garbled}");
        }
    }

    #[test]
    fn version_1_names_the_api_as_resource() {
        let request = read("resource=https%3A%2F%2Fapi.partner.microsoft.com%2F&scope=openid+x").unwrap();

        let wanted = request.wanted(Version::V1, None).unwrap();
        assert_eq!(wanted.resource, Resource::Partner);
        assert!(wanted.openid.has_openid);
        let unknown = read("resource=https://graph.windows.net").unwrap().wanted(Version::V1, None);
        assert!(matches!(unknown, Err(TokenError::UnknownResource(_))));
        let none = read("scope=openid").unwrap();
        assert!(matches!(none.wanted(Version::V1, None), Err(TokenError::MissingParameter("resource"))));
        let fallback = none.wanted(Version::V1, Some(Resource::PartnerCenter)).unwrap();
        assert_eq!(fallback.resource, Resource::PartnerCenter);
    }

    #[test]
    fn version_2_names_the_api_in_the_scope() {
        let scope = format!("openid offline_access {API}/user_impersonation {API}//.default");
        let wanted = with_scope(&scope).wanted(Version::V2, None).unwrap();

        assert_eq!(wanted.resource, Resource::Partner);
        assert!(wanted.is_default_scope && wanted.openid.has_offline_access);
        for scope in ["openid", "User.Read", "https://graph.microsoft.com/.default"] {
            let refused = with_scope(scope).wanted(Version::V2, None);
            assert!(matches!(refused, Err(TokenError::InvalidScope(_))), "{scope}");
        }
        let both = format!("{API}/.default fa3d9a0c-3fb0-42cc-9193-47c7ecd2edbd/.default");
        assert!(matches!(with_scope(&both).wanted(Version::V2, None), Err(TokenError::SeveralResources)));
        let none = TokenRequest::default().wanted(Version::V2, None);
        assert!(matches!(none, Err(TokenError::MissingParameter("scope"))));
    }

    #[test]
    fn secrets_are_not_in_the_debug_form() {
        let request = read("client_secret=hush&password=hush&username=hush&refresh_token=hush").unwrap();

        assert!(!format!("{request:?}").contains("hush"));
    }
}
