//! The claims of tokens, as they are read from any issuer.
//!
//! The built-in issuer writes the two shapes of Entra ID ([`super::issuer`]); other issuers write RFC 9068.
//! Only what decides something is read.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{self, IgnoredAny, SeqAccess, Visitor},
};

/// The claims of a token that may be an access token.
#[derive(Debug, Deserialize)]
pub struct Claims {
    /// Issuer.
    pub iss: String,
    /// Whom the token is for; a text or a list of texts.
    #[serde(default)]
    pub aud: Audience,
    /// When it was made.
    pub iat: NumericDate,
    /// When it begins to be valid.
    pub nbf: NumericDate,
    /// When it ends to be valid.
    pub exp: NumericDate,
    /// Tenant.
    pub tid: Option<String>,
    /// Person or service principal within the tenant.
    pub oid: Option<String>,
    /// Person or client at this issuer.
    pub sub: Option<String>,
    /// Calling application in version 1.0.
    pub appid: Option<String>,
    /// Calling application in version 2.0.
    pub azp: Option<String>,
    /// Calling application in RFC 9068.
    pub client_id: Option<String>,
    /// What the application may do for the person, as Entra ID writes it.
    #[serde(default)]
    pub scp: Words,
    /// The same in RFC 9068.
    #[serde(default)]
    pub scope: Words,
    /// What the application may do for itself.
    #[serde(default)]
    pub roles: Words,
    /// `app` in app-only tokens.
    pub idtyp: Option<String>,
    /// How the person signed in.
    #[serde(default)]
    pub amr: Words,
    /// A mark of ID tokens (OpenID Connect Core, section 3.1.3.6).
    pub at_hash: Option<IgnoredAny>,
    /// A mark of ID tokens (OpenID Connect Core, section 3.3.2.11).
    pub c_hash: Option<IgnoredAny>,
}

impl Claims {
    /// Returns the calling application: `appid`, `azp` or `client_id`.
    pub fn application_id(&self) -> Option<&str> {
        let named = self.appid.as_deref().or(self.azp.as_deref()).or(self.client_id.as_deref());
        named.filter(|it| !it.is_empty())
    }

    /// Says whether the token was made for the application itself, and not for a person.
    pub fn is_app_only(&self) -> bool {
        let is_delegated = !self.scp.is_empty() || !self.scope.is_empty();
        self.idtyp.as_deref() == Some("app") || (!is_delegated && !self.roles.is_empty())
    }
}

/// Seconds since 1970 as a JSON number; a fraction is cut off. A text is refused (CVE-2026-25537).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NumericDate(pub i64);

impl<'de> Deserialize<'de> for NumericDate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Seconds;

        impl Visitor<'_> for Seconds {
            type Value = NumericDate;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("seconds since 1970 as a number")
            }

            fn visit_i64<E: de::Error>(self, secs: i64) -> Result<NumericDate, E> {
                Ok(NumericDate(secs))
            }

            fn visit_u64<E: de::Error>(self, secs: u64) -> Result<NumericDate, E> {
                i64::try_from(secs).map(NumericDate).map_err(|_| E::custom("seconds are out of range"))
            }

            fn visit_f64<E: de::Error>(self, secs: f64) -> Result<NumericDate, E> {
                const EXACT_MAX: f64 = 9_007_199_254_740_992.0;
                match secs.abs() <= EXACT_MAX {
                    // The conversion cannot overflow: it is within 2^53.
                    true => Ok(NumericDate(secs.floor() as i64)),
                    false => Err(E::custom("seconds are out of range")),
                }
            }
        }

        deserializer.deserialize_any(Seconds)
    }
}

/// The `aud` claim: a text or a list of texts, each compared whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Audience(Vec<String>);

impl Audience {
    /// Returns the audiences.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

impl<'de> Deserialize<'de> for Audience {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Texts).map(Self)
    }
}

/// Words, as one text with blanks or as a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Words(Vec<String>);

impl Words {
    /// Says whether `word` is among them, to the letter.
    pub fn contains(&self, word: &str) -> bool {
        self.0.iter().any(|it| it == word)
    }

    /// Says whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the words.
    pub fn into_vec(self) -> Vec<String> {
        self.0
    }
}

impl<'de> Deserialize<'de> for Words {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let texts = deserializer.deserialize_any(Texts)?;
        Ok(Self(texts.iter().flat_map(|it| it.split_ascii_whitespace()).map(str::to_owned).collect()))
    }
}

struct Texts;

impl<'de> Visitor<'de> for Texts {
    type Value = Vec<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text or a list of texts")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Vec<String>, E> {
        Ok(vec![text.to_owned()])
    }

    fn visit_unit<E: de::Error>(self) -> Result<Vec<String>, E> {
        Ok(Vec::new())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<String>, A::Error> {
        let mut texts = Vec::new();
        while let Some(text) = list.next_element()? {
            texts.push(text);
        }
        Ok(texts)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::Claims;

    fn read(extra: Value) -> Result<Claims, String> {
        let mut claims = json!({"iss": "i", "iat": 1, "nbf": 1, "exp": 2});
        claims.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        serde_json::from_str(&claims.to_string()).map_err(|it| it.to_string())
    }

    #[test]
    fn times_are_numbers() {
        assert_eq!(read(json!({"exp": 2.9})).unwrap().exp.0, 2);
        for exp in [json!("2"), json!(null), json!(true), json!([2]), json!(1e300), json!(u64::MAX)] {
            assert!(read(json!({"exp": exp})).is_err(), "{exp}");
        }
        assert!(read(json!({"nbf": "1"})).unwrap_err().contains("seconds since 1970 as a number"));
    }

    #[test]
    fn a_repeated_claim_is_refused() {
        assert!(serde_json::from_str::<Claims>(r#"{"iss":"i","iat":1,"nbf":1,"exp":2,"exp":9}"#).is_err());
    }

    #[test]
    fn scopes_come_as_text_or_list_and_audiences_whole() {
        assert!(read(json!({"scp": "a user_impersonation"})).unwrap().scp.contains("user_impersonation"));
        assert!(read(json!({"scope": ["a", "b c"]})).unwrap().scope.contains("c"));
        assert!(!read(json!({"scp": "User_Impersonation"})).unwrap().scp.contains("user_impersonation"));
        assert_eq!(read(json!({"aud": "a b"})).unwrap().aud.iter().collect::<Vec<_>>(), ["a b"]);
        assert_eq!(read(json!({"aud": ["a", "b"]})).unwrap().aud.iter().count(), 2);
        assert_eq!(read(json!({})).unwrap().aud.iter().count(), 0);
        assert!(read(json!({"aud": [1]})).is_err());
    }
}
