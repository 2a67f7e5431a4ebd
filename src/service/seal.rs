//! Texts that clients carry and nobody else can make: the places where a page of a list ends.

use std::{fmt, sync::Arc};

use aws_lc_rs::hmac;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::{
    domain::{actor::Actor, sources::Random},
    storage::{Store, StoreError},
};

/// The name of the setting that holds the key, in hexadecimal digits.
const SETTING: &str = "token_key";
const KEY_BYTES: usize = 32;
/// Bytes of the signature that a text carries: a guess succeeds once in 2^128.
const TAG_BYTES: usize = 16;

/// Signs what clients carry. Cheap to clone.
#[derive(Clone)]
pub struct Seal(Arc<hmac::Key>);

impl fmt::Debug for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seal(…)")
    }
}

impl Seal {
    /// Takes the key of the database, and makes one at the first start. Servers of one database have one key.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn open(store: &Store, random: &Random) -> Result<Self, StoreError> {
        let mut bytes = [0; KEY_BYTES];
        random.fill(&mut bytes);
        let made: String = bytes.iter().map(|it| format!("{it:02x}")).collect();
        let key = store.find_or_put_setting(SETTING, &made).await?;
        Ok(Self(Arc::new(hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes()))))
    }

    /// Signs a text for one person and one purpose, in characters that need no escape in an address.
    pub fn close(&self, purpose: &str, actor: &Actor, text: &str) -> String {
        let tag = hmac::sign(&self.0, &message(purpose, actor, text.as_bytes()));
        let tag = tag.as_ref().get(..TAG_BYTES).unwrap_or_default();
        URL_SAFE_NO_PAD.encode([tag, text.as_bytes()].concat())
    }

    /// Returns the text that was signed for the same person and purpose; `None` for everything else.
    pub fn open_text(&self, purpose: &str, actor: &Actor, sealed: &str) -> Option<String> {
        let bytes = URL_SAFE_NO_PAD.decode(sealed).ok()?;
        let (tag, text) = bytes.split_at_checked(TAG_BYTES)?;
        let expected = hmac::sign(&self.0, &message(purpose, actor, text));
        let expected = expected.as_ref().get(..TAG_BYTES)?;
        aws_lc_rs::constant_time::verify_slices_are_equal(tag, expected).ok()?;
        String::from_utf8(text.to_vec()).ok()
    }
}

/// What is signed: lengths stand before texts, so that no two messages read the same.
fn message(purpose: &str, actor: &Actor, text: &[u8]) -> Vec<u8> {
    let organization = actor.organization_id.to_string();
    let parts: [&[u8]; 4] = [purpose.as_bytes(), organization.as_bytes(), actor.user_id.as_bytes(), text];
    parts.iter().flat_map(|it| [&it.len().to_be_bytes(), *it].concat()).collect()
}
