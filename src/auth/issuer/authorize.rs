//! The sign-in page's side of the issuer: what an application may ask for there, and what a sign-in comes to.
//!
//! ```text
//! authorize: parameters → tenant → application → redirect URI → everything else → Asked
//! sign_in:   Asked + e-mail + password → code (and ID token) → back to the application
//! ```
//!
//! Until the redirect URI is known to be the application's, whatever is wrong is shown on a page of our own; from there on
//! the application is told, at that address (RFC 6749, section 4.1.2.1). Nothing is remembered between the page and its
//! form: the form brings the parameters back, and they are judged again.

use std::{fmt, sync::Arc};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use url::form_urlencoded;
use uuid::Uuid;

use super::{
    Issuer, Known,
    code::{self, CodeFacts},
    error::TokenError,
    grant::Tenant,
    mint::{ClientProof, SignIn},
    request::{TokenRequest, Version, Wanted},
    shortened,
};
use crate::{
    auth::resource::Resource,
    domain::{
        organization::{Application, DASHBOARD_ID, DASHBOARD_NAME, OrganizationId, redirect},
        time::Timestamp,
    },
    storage::{AuthorizationCode, Conflict, Principal, StoreError},
};

/// Where the dashboard is told of its people's sign-ins, below the public address.
pub const DASHBOARD_CALLBACK: &str = "/signin/callback";

const CODE_BYTES: usize = 32;
const PARAMETER_BYTES_MAX: usize = 4096;

/// What an application asks of the sign-in page. Empty parameters count as absent.
#[derive(Clone, Default)]
pub struct AuthorizeRequest(Vec<(&'static str, String)>);

impl fmt::Debug for AuthorizeRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("AuthorizeRequest").field(&self.get("client_id")).finish()
    }
}

impl AuthorizeRequest {
    const NAMES: [&'static str; 12] = [
        "client_id",
        "redirect_uri",
        "response_type",
        "response_mode",
        "scope",
        "resource",
        "state",
        "nonce",
        "code_challenge",
        "code_challenge_method",
        "login_hint",
        "prompt",
    ];

    /// Reads a query or a form; unknown names are ignored.
    pub fn read(encoded: &[u8]) -> Result<Self, TokenError> {
        let mut found: Vec<(&'static str, String)> = Vec::new();
        for (name, value) in form_urlencoded::parse(encoded) {
            let Some(known) = Self::NAMES.into_iter().find(|it| *it == name) else { continue };
            if found.iter().any(|(it, _)| *it == known) {
                return Err(TokenError::RepeatedParameter(known.to_owned()));
            }
            if value.len() > PARAMETER_BYTES_MAX {
                return Err(TokenError::MalformedRequest("a parameter is longer than 4096 bytes"));
            }
            found.push((known, value.into_owned()));
        }
        found.retain(|(_, value)| !value.trim().is_empty());
        Ok(Self(found))
    }

    /// Returns a parameter.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(it, _)| *it == name).map(|(_, value)| value.as_str())
    }

    /// Lists what was sent, for the form that brings it back.
    pub fn pairs(&self) -> &[(&'static str, String)] {
        &self.0
    }

    fn required(&self, name: &'static str) -> Result<&str, TokenError> {
        self.get(name).ok_or(TokenError::MissingParameter(name))
    }
}

/// How the answer comes back to the application.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResponseMode {
    /// In the query of the address.
    Query,
    /// In its fragment, which only the page there reads.
    Fragment,
    /// In a form that the browser posts.
    FormPost,
}

/// The way back to the application, which is registered for it.
#[derive(Clone, PartialEq, Eq)]
pub struct WayBack {
    /// The address.
    pub redirect_uri: String,
    /// How.
    pub mode: ResponseMode,
    /// What the application wants to read again.
    pub state: Option<String>,
}

impl WayBack {
    /// Returns the address with the answer in it; of [`ResponseMode::FormPost`] the address alone.
    pub fn address(&self, answer: &[(&'static str, String)]) -> String {
        let mut encoded = form_urlencoded::Serializer::new(String::new());
        let encoded =
            encoded.extend_pairs(answer.iter().map(|(name, value)| (*name, value.as_str()))).finish();
        let address = &self.redirect_uri;
        match self.mode {
            ResponseMode::Query if address.contains('?') => format!("{address}&{encoded}"),
            ResponseMode::Query => format!("{address}?{encoded}"),
            ResponseMode::Fragment => format!("{address}#{encoded}"),
            ResponseMode::FormPost => address.clone(),
        }
    }
}

/// Why somebody is not asked to sign in.
pub enum NotAsked {
    /// Told on a page: where to send it is not known to be the application's.
    OnPage(TokenError),
    /// Told to the application.
    ToApplication(Box<WayBack>, TokenError),
}

impl<E: Into<TokenError>> From<E> for NotAsked {
    fn from(error: E) -> Self {
        Self::OnPage(error.into())
    }
}

/// A request of an application that a person may answer by signing in.
pub struct Asked {
    /// What the application is called.
    pub application_name: String,
    /// Whose people are asked; `None` when anybody's are.
    pub organization_name: Option<String>,
    /// Who is expected.
    pub login_hint: Option<String>,
    /// The way back.
    pub back: WayBack,
    version: Version,
    tenant: Tenant,
    client: SignInClient,
    has_id_token: bool,
    request: AuthorizeRequest,
}

/// Through what somebody signs in.
#[derive(Clone)]
enum SignInClient {
    /// A registered application, which serves its organisation.
    Registered(Arc<Application>),
    /// The dashboard, which serves everybody.
    Dashboard,
}

impl SignInClient {
    fn id(&self) -> Uuid {
        match self {
            Self::Registered(application) => application.id,
            Self::Dashboard => DASHBOARD_ID,
        }
    }

    fn organization_id(&self) -> Option<&OrganizationId> {
        match self {
            Self::Registered(application) => Some(&application.organization_id),
            Self::Dashboard => None,
        }
    }

    /// Says whether the client has no secret to prove itself with.
    fn is_public(&self) -> bool {
        match self {
            Self::Registered(application) => application.secret_hash.is_none(),
            Self::Dashboard => true,
        }
    }
}

impl Issuer {
    /// Judges what an application asks of the sign-in page.
    pub async fn authorize(
        &self,
        version: Version,
        tenant: &str,
        request: AuthorizeRequest,
    ) -> Result<Asked, NotAsked> {
        let client_id = request.required("client_id")?.trim().to_owned();
        let tenant = self.find_tenant(tenant).await?;
        let client = self.find_sign_in_client(&client_id, &tenant).await?;
        let redirect_uri = self.redirect_uri(&client, &request)?;
        let mut back = WayBack {
            redirect_uri,
            mode: ResponseMode::Query,
            state: request.get("state").map(str::to_owned),
        };
        let has_id_token = match judge(version, &client, &request, &mut back) {
            Ok(has_id_token) => has_id_token,
            Err(error) => return Err(NotAsked::ToApplication(Box::new(back), error)),
        };
        let organization_name = self.name_of_organization(&client, &tenant).await?;
        let application_name = match &client {
            SignInClient::Registered(application) => application.name.clone(),
            SignInClient::Dashboard => DASHBOARD_NAME.to_owned(),
        };
        let login_hint = request.get("login_hint").map(str::to_owned);
        Ok(Asked {
            application_name,
            organization_name,
            login_hint,
            back,
            version,
            tenant,
            client,
            has_id_token,
            request,
        })
    }

    /// Signs a person in who answers, and returns what the application is sent. A refusal is counted for the audit
    /// records, as one at the token endpoint is; that a token is issued is written down when the code is redeemed.
    pub async fn sign_in(
        &self,
        asked: &Asked,
        email: &str,
        password: &str,
    ) -> Result<Vec<(&'static str, String)>, TokenError> {
        let mut known = Known {
            organization_id: asked.client.organization_id().cloned(),
            application_id: Some(asked.client.id()),
            ..Known::default()
        };
        let outcome = self.answer(asked, email, password, &mut known).await;
        if let Err(error) = &outcome
            && error.is_refusal()
        {
            self.store.tally(known.refused(error), self.mint.now());
        }
        outcome
    }

    async fn answer(
        &self,
        asked: &Asked,
        email: &str,
        password: &str,
        known: &mut Known,
    ) -> Result<Vec<(&'static str, String)>, TokenError> {
        let principal = self.prove(&asked.tenant, email, password.to_owned(), known).await?;
        if let SignInClient::Registered(application) = &asked.client {
            super::grant::check_own_application(application, &principal)?;
        }
        let request = &asked.request;
        let mut facts = CodeFacts::of(&principal, asked.client.id(), asked.back.redirect_uri.clone());
        let kept = |name: &str| request.get(name).map(str::to_owned);
        (facts.challenge, facts.nonce) = (kept("code_challenge"), kept("nonce"));
        (facts.resource, facts.scope) = (kept("resource"), kept("scope"));
        let code = self.put_code(&facts).await?;
        let mut answer = vec![("code", code.clone())];
        if asked.has_id_token {
            let methods = [super::PASSWORD_METHOD.to_owned()];
            let sign_in = SignIn {
                principal: &principal,
                application_id: asked.client.id(),
                proof: ClientProof::None,
                methods: &methods,
                nonce: request.get("nonce"),
            };
            let openid = openid_request(request).openid_scopes();
            answer.push(("id_token", self.mint.id_token_with_code(sign_in, openid, asked.version, &code)?));
        }
        answer.extend(asked.back.state.clone().map(|it| ("state", it)));
        Ok(answer)
    }

    /// Returns what the application is sent when nobody signs in.
    pub fn refusal(&self, back: &WayBack, error: &TokenError) -> Vec<(&'static str, String)> {
        let body = self.explain(error, None);
        let answer = [("error", body.error.to_owned()), ("error_description", body.error_description)];
        answer.into_iter().chain(back.state.clone().map(|it| ("state", it))).collect()
    }

    async fn put_code(&self, facts: &CodeFacts) -> Result<String, TokenError> {
        let code = URL_SAFE_NO_PAD.encode(self.random.bytes::<CODE_BYTES>());
        let stored = AuthorizationCode {
            hash: code::hash(&code),
            facts: serde_json::to_string(facts).expect("texts and ids are JSON"),
            expires: self.mint.now().plus_secs(code::LIFETIME_SECS),
            is_redeemed: false,
        };
        self.store.insert_authorization_code(&stored).await?;
        Ok(code)
    }

    /// Uses a code up for who may, and returns what it stands for, with the person as it is now.
    pub(super) async fn redeem(
        &self,
        code: &str,
        check: impl FnOnce(&CodeFacts) -> Result<(), TokenError>,
        known: &mut Known,
    ) -> Result<(CodeFacts, Arc<Principal>), TokenError> {
        let hash = code::hash(code);
        let stored = self.store.find_authorization_code(hash).await?.ok_or(TokenError::InvalidCode)?;
        let facts: CodeFacts = serde_json::from_str(&stored.facts).map_err(|_| TokenError::InvalidCode)?;
        check(&facts)?;
        check_life(&stored, self.mint.now())?;
        let principal = self.store.find_principal(facts.tid, facts.oid).await?;
        known.note_person(principal.as_deref());
        let principal = principal.filter(|it| facts.is_stamped_for(&it.user));
        let principal = principal.ok_or(TokenError::RevokedRefreshToken)?;
        self.store.redeem_authorization_code(hash).await.map_err(|error| match error {
            StoreError::Conflict(Conflict::Version) => TokenError::RedeemedCode,
            error => TokenError::from(error),
        })?;
        Ok((facts, principal))
    }

    /// Uses up a code that was made for the dashboard, and returns who signed in. No token is made: the dashboard is in
    /// this process, and keeps a session.
    pub async fn redeem_for_dashboard(
        &self,
        code: &str,
        verifier: &str,
    ) -> Result<Arc<Principal>, TokenError> {
        let mut known = Known {
            application_id: Some(DASHBOARD_ID),
            grant_type: "authorization_code",
            ..Known::default()
        };
        let to = self.dashboard_callback();
        let check = |facts: &CodeFacts| facts.check(DASHBOARD_ID, Some(&to), Some(verifier));
        let outcome = self.redeem(code, check, &mut known).await;
        self.note(&outcome, known).await;
        Ok(outcome?.1)
    }

    /// Returns where the dashboard is told of sign-ins.
    pub fn dashboard_callback(&self) -> String {
        format!("{}{DASHBOARD_CALLBACK}", self.base_url())
    }

    async fn find_sign_in_client(
        &self,
        client_id: &str,
        tenant: &Tenant,
    ) -> Result<SignInClient, TokenError> {
        if Uuid::try_parse(client_id) == Ok(DASHBOARD_ID) {
            return Ok(SignInClient::Dashboard);
        }
        let application = self.find_application(client_id).await?;
        match tenant.admits_application(&application) {
            true => Ok(SignInClient::Registered(application)),
            false => Err(TokenError::UnknownApplication(shortened(client_id))),
        }
    }

    /// Returns where the answer goes: an address that is registered, or the only one that is.
    fn redirect_uri(&self, client: &SignInClient, request: &AuthorizeRequest) -> Result<String, TokenError> {
        let registered = match client {
            SignInClient::Registered(application) => application.redirect_uris.clone(),
            SignInClient::Dashboard => vec![self.dashboard_callback()],
        };
        match (request.get("redirect_uri"), registered.as_slice()) {
            (None, [only]) => Ok(only.clone()),
            (None, _) => Err(TokenError::MissingRedirectUri),
            (Some(asked), _) if redirect::is_registered(&registered, asked) => Ok(asked.to_owned()),
            (Some(asked), _) => Err(TokenError::UnknownRedirectUri(shortened(asked), client.id())),
        }
    }

    async fn name_of_organization(
        &self,
        client: &SignInClient,
        tenant: &Tenant,
    ) -> Result<Option<String>, StoreError> {
        match (tenant, client.organization_id()) {
            (Tenant::One(organization), _) => Ok(Some(organization.name.clone())),
            (Tenant::Any, Some(id)) => Ok(self.store.find_organization(id).await?.map(|it| it.name.clone())),
            (Tenant::Any, None) => Ok(None),
        }
    }
}

/// Judges what is asked for, now that it is known whom to tell; says whether an ID token comes with the code.
fn judge(
    version: Version,
    client: &SignInClient,
    request: &AuthorizeRequest,
    back: &mut WayBack,
) -> Result<bool, TokenError> {
    let mut types: Vec<&str> = request.get("response_type").unwrap_or_default().split_whitespace().collect();
    types.sort_unstable();
    let has_id_token = types == ["code", "id_token"];
    // The answer of a request that is refused for its mode comes in the mode that its type usually has.
    back.mode = if has_id_token { ResponseMode::Fragment } else { ResponseMode::Query };
    back.mode = match request.get("response_mode") {
        None => back.mode,
        Some("fragment") => ResponseMode::Fragment,
        Some("form_post") => ResponseMode::FormPost,
        Some("query") if !has_id_token => ResponseMode::Query,
        Some(mode) => return Err(TokenError::UnsupportedResponseMode(shortened(mode))),
    };
    let response_type = request.required("response_type")?;
    if !has_id_token && types != ["code"] {
        return Err(TokenError::UnsupportedResponseType(shortened(response_type)));
    }
    if has_id_token {
        request.required("nonce")?;
    }
    match request.get("code_challenge") {
        Some(challenge) => code::check_challenge(challenge, request.get("code_challenge_method"))?,
        None if client.is_public() => return Err(TokenError::MissingChallenge),
        None => {}
    }
    check_wanted(version, request)?;
    match request.get("prompt").map(str::trim) {
        Some("none") => Err(TokenError::NobodySignedIn),
        _ => Ok(has_id_token),
    }
}

/// Refuses an API that is not here before anybody signs in for it. That none is named is a matter of the token request.
fn check_wanted(version: Version, request: &AuthorizeRequest) -> Result<(), TokenError> {
    if version == Version::V2 && request.get("scope").is_none() {
        return Err(TokenError::MissingParameter("scope"));
    }
    // What is named has to be right; a name that is missing is replaced by one that is.
    let asked = openid_request(request);
    let named: Result<Wanted, TokenError> = asked.wanted(version, Some(Resource::Partner));
    named.map(drop)
}

/// Returns the parameters that token requests have too.
fn openid_request(request: &AuthorizeRequest) -> TokenRequest {
    TokenRequest {
        scope: request.get("scope").map(str::to_owned),
        resource: request.get("resource").map(str::to_owned),
        ..TokenRequest::default()
    }
}

fn check_life(stored: &AuthorizationCode, now: Timestamp) -> Result<(), TokenError> {
    if stored.is_redeemed {
        return Err(TokenError::RedeemedCode);
    }
    match now < stored.expires {
        true => Ok(()),
        false => Err(TokenError::ExpiredCode),
    }
}

#[cfg(test)]
mod tests {
    use super::{AuthorizeRequest, ResponseMode, SignInClient, WayBack, judge};
    use crate::auth::issuer::{error::TokenError, request::Version};

    const CHALLENGE: &str =
        "code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256";

    fn judged(query: &str) -> (Result<bool, TokenError>, ResponseMode) {
        let request = AuthorizeRequest::read(query.as_bytes()).unwrap();
        let mut back =
            WayBack { redirect_uri: "https://a.example".into(), mode: ResponseMode::Query, state: None };
        let outcome = judge(Version::V2, &SignInClient::Dashboard, &request, &mut back);
        (outcome, back.mode)
    }

    #[test]
    fn what_is_asked_for_is_judged_before_anybody_signs_in() {
        let good = format!("response_type=code&scope=openid&{CHALLENGE}");
        assert!(matches!(judged(&good), (Ok(false), ResponseMode::Query)));
        let hybrid = format!("response_type=id_token+code&scope=openid&nonce=1&{CHALLENGE}");
        assert!(matches!(judged(&hybrid), (Ok(true), ResponseMode::Fragment)));
        let posted = format!("{hybrid}&response_mode=form_post");
        assert!(matches!(judged(&posted), (Ok(true), ResponseMode::FormPost)));

        let number = |query: &str| judged(query).0.unwrap_err().number();
        assert_eq!(number("scope=openid"), 900_144);
        assert_eq!(number(&format!("response_type=token&scope=openid&{CHALLENGE}")), 70_005);
        assert_eq!(number(&format!("response_type=code&{CHALLENGE}")), 900_144);
        assert_eq!(number(&format!("{good}&response_mode=web_message")), 70_007);
        assert_eq!(number(&format!("{hybrid}&response_mode=query")), 70_007);
        assert_eq!(number(&format!("response_type=code+id_token&scope=openid&{CHALLENGE}")), 900_144);
        assert_eq!(number("response_type=code&scope=openid"), 9_002_325);
        assert_eq!(number("response_type=code&scope=openid&code_challenge=short"), 501_491);
        assert_eq!(number(&format!("response_type=code&scope=Mail.Read&{CHALLENGE}")), 70_011);
        assert_eq!(number(&format!("{good}&prompt=none")), 50_058);
    }

    #[test]
    fn the_answer_stands_where_the_application_looks_for_it() {
        let mut back = WayBack {
            redirect_uri: "https://a.example/?x=1".into(),
            mode: ResponseMode::Query,
            state: Some("s &".into()),
        };
        let answer = [("code", "a b".to_owned())];

        assert_eq!(back.address(&answer), "https://a.example/?x=1&code=a+b");
        back.mode = ResponseMode::Fragment;
        assert_eq!(back.address(&answer), "https://a.example/?x=1#code=a+b");
    }
}
