//! Texts that clients carry and nobody else can make or read: places in lists and in the log.
//!
//! ```text
//! sealed = base64url(nonce ‖ AES-256-GCM(key, nonce, text, associated data) ‖ tag)
//! key    = HMAC-SHA256(key of the database, associated data)
//! associated data = purpose, organization and person, each after its length
//! ```
//!
//! A place in the log counts what everybody does, so a client must not read it. Nonces are random; a key of its own for
//! each person keeps the number of texts under one key far below where two nonces might meet.

use std::{fmt, sync::Arc};

use arc_swap::ArcSwap;
use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    hmac,
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use uuid::Uuid;

use crate::{
    domain::{
        actor::{Actor, Auditor, Integrator},
        organization::OrganizationId,
        sources::Random,
    },
    storage::{Store, StoreError},
};

/// The name of the setting that holds the key, in hexadecimal digits.
const SETTING: &str = "token_key";
const KEY_BYTES: usize = 32;

/// Whom a text is sealed for.
#[derive(Clone, Copy, Debug)]
pub struct Holder<'a> {
    organization_id: &'a OrganizationId,
    /// The person, or the application for itself.
    id: Uuid,
}

impl<'a> From<&'a Actor> for Holder<'a> {
    fn from(actor: &'a Actor) -> Self {
        Self { organization_id: &actor.organization_id, id: actor.user_id }
    }
}

impl<'a> From<&'a Auditor> for Holder<'a> {
    fn from(auditor: &'a Auditor) -> Self {
        Self { organization_id: &auditor.organization_id, id: auditor.id }
    }
}

impl<'a> From<&'a Integrator> for Holder<'a> {
    fn from(integrator: &'a Integrator) -> Self {
        Self { organization_id: &integrator.organization_id, id: integrator.user_id.unwrap_or_default() }
    }
}

/// Seals what clients carry. Cheap to clone.
#[derive(Clone)]
pub struct Seal {
    key: Arc<ArcSwap<hmac::Key>>,
    random: Random,
}

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
        let key = store.find_or_put_setting(SETTING, &new_key(random)).await?;
        Ok(Self::new(&key, random.clone()))
    }

    /// Makes another key, so that nothing opens any more that was sealed until now: places in a log that another one
    /// has taken the place of.
    ///
    /// # Errors
    /// When the database does not take it.
    pub async fn renew(&self, store: &Store) -> Result<(), StoreError> {
        let key = new_key(&self.random);
        store.put_setting(SETTING, &key).await?;
        self.hold(&key);
        Ok(())
    }

    /// Reads the key again, which another server may have renewed.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn reload(&self, store: &Store) -> Result<(), StoreError> {
        if let Some(key) = store.find_setting(SETTING).await? {
            self.hold(&key);
        }
        Ok(())
    }

    fn hold(&self, key: &str) {
        self.key.store(Arc::new(hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes())));
    }

    fn new(key: &str, random: Random) -> Self {
        let key = hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes());
        Self { key: Arc::new(ArcSwap::from_pointee(key)), random }
    }

    /// Seals a text for one person and one purpose, in characters that need no escape in an address. Its length shows;
    /// no two seals of a text are the same.
    pub fn close<'a>(&self, purpose: &str, holder: impl Into<Holder<'a>>, text: &str) -> String {
        self.close_bound(associated(purpose, holder.into()), text)
    }

    /// Returns the text that was sealed for the same person and purpose; `None` for everything else.
    pub fn open_text<'a>(
        &self,
        purpose: &str,
        holder: impl Into<Holder<'a>>,
        sealed: &str,
    ) -> Option<String> {
        self.open_bound(associated(purpose, holder.into()), sealed)
    }

    /// Seals a text for one purpose and for whoever has it: what it allows, it allows without signing in.
    pub fn close_for_bearer(&self, purpose: &str, text: &str) -> String {
        self.close_bound(lengthened(&[purpose.as_bytes()]), text)
    }

    /// Returns the text that [`Seal::close_for_bearer`] sealed for the same purpose; `None` for everything else.
    pub fn open_for_bearer(&self, purpose: &str, sealed: &str) -> Option<String> {
        self.open_bound(lengthened(&[purpose.as_bytes()]), sealed)
    }

    fn close_bound(&self, bound: Vec<u8>, text: &str) -> String {
        let mut nonce = [0; NONCE_LEN];
        self.random.fill(&mut nonce);
        let mut sealed = text.as_bytes().to_vec();
        self.key_of(&bound)
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(bound), &mut sealed)
            .expect("a text that fits an address fits AES-GCM");
        URL_SAFE_NO_PAD.encode([&nonce[..], &sealed].concat())
    }

    fn open_bound(&self, bound: Vec<u8>, sealed: &str) -> Option<String> {
        let bytes = URL_SAFE_NO_PAD.decode(sealed).ok()?;
        let (nonce, text) = bytes.split_at_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut text = text.to_vec();
        let text = self.key_of(&bound).open_in_place(nonce, Aad::from(bound), &mut text).ok()?;
        String::from_utf8(text.to_vec()).ok()
    }

    fn key_of(&self, bound: &[u8]) -> LessSafeKey {
        let tag = hmac::sign(&self.key.load(), bound);
        let key = UnboundKey::new(&AES_256_GCM, tag.as_ref()).expect("HMAC-SHA256 makes 32 bytes");
        LessSafeKey::new(key)
    }
}

fn new_key(random: &Random) -> String {
    random.bytes::<KEY_BYTES>().iter().map(|it| format!("{it:02x}")).collect()
}

/// Writes a place in the log for a text that is sealed: always as long, because a length shows.
pub fn write_position(position: u64) -> String {
    format!("{position:016x}")
}

/// Reads what [`write_position`] wrote.
pub fn read_position(text: &str) -> Option<u64> {
    u64::from_str_radix(text, 16).ok()
}

/// What a text is bound to: lengths stand before texts, so that no two read the same.
fn associated(purpose: &str, holder: Holder<'_>) -> Vec<u8> {
    let organization = holder.organization_id.to_string();
    lengthened(&[purpose.as_bytes(), organization.as_bytes(), holder.id.as_bytes()])
}

fn lengthened(parts: &[&[u8]]) -> Vec<u8> {
    parts.iter().flat_map(|it| [&it.len().to_be_bytes(), *it].concat()).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU8, Ordering};

    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    use uuid::Uuid;

    use super::{Seal, read_position, write_position};
    use crate::domain::{
        actor::{Actor, ReferralsRole},
        organization::{LocationScope, OrganizationId},
        sources::Random,
    };

    fn seal(key: &str) -> Seal {
        let number = AtomicU8::new(0);
        Seal::new(key, Random::new(move |buffer| buffer.fill(number.fetch_add(1, Ordering::Relaxed))))
    }

    fn actor(user: u128) -> Actor {
        Actor {
            organization_id: OrganizationId::msft(),
            organization_name: "Microsoft".to_owned(),
            user_id: Uuid::from_u128(user),
            email: "mia.admin@microsoft.example".to_owned(),
            application_id: "app".to_owned(),
            role: ReferralsRole::Admin,
            locations: LocationScope::EntireCompany,
        }
    }

    #[test]
    fn what_is_sealed_is_opened_for_the_same_person_and_purpose_alone() {
        let (seal, other) = (seal("key"), seal("other"));
        let sealed = seal.close("page", &actor(1), "a place");

        assert_eq!(seal.open_text("page", &actor(1), &sealed).as_deref(), Some("a place"));
        assert_eq!(seal.open_text("delta", &actor(1), &sealed), None);
        assert_eq!(seal.open_text("page", &actor(2), &sealed), None);
        assert_eq!(other.open_text("page", &actor(1), &sealed), None);
    }

    #[test]
    fn what_is_sealed_for_a_bearer_is_for_one_purpose() {
        let seal = seal("key");
        let sealed = seal.close_for_bearer("unsubscribe", "somebody");

        assert_eq!(seal.open_for_bearer("unsubscribe", &sealed).as_deref(), Some("somebody"));
        assert_eq!(seal.open_for_bearer("other", &sealed), None);
        assert_eq!(seal.open_text("unsubscribe", &actor(1), &sealed), None);
    }

    #[test]
    fn a_change_of_any_byte_is_noticed() {
        let seal = seal("key");
        let sealed = URL_SAFE_NO_PAD.decode(seal.close("page", &actor(1), "a place")).unwrap();

        for index in 0..sealed.len() {
            let mut forged = sealed.clone();
            forged[index] ^= 1;
            assert_eq!(seal.open_text("page", &actor(1), &URL_SAFE_NO_PAD.encode(forged)), None, "{index}");
        }
        for text in ["", "AAAA", "not base64", &URL_SAFE_NO_PAD.encode([0; 28])] {
            assert_eq!(seal.open_text("page", &actor(1), text), None, "{text}");
        }
    }

    #[test]
    fn a_place_is_as_long_as_any_other() {
        for position in [0, 7, u64::MAX] {
            let written = write_position(position);

            assert_eq!((written.len(), read_position(&written)), (16, Some(position)));
        }
        assert_eq!(read_position("x"), None);
    }

    #[test]
    fn a_text_cannot_be_read_nor_recognised() {
        let seal = seal("key");
        let (one, other) = (seal.close("page", &actor(1), "12345"), seal.close("page", &actor(1), "12345"));

        assert_ne!(one, other);
        let bytes = URL_SAFE_NO_PAD.decode(one).unwrap();
        assert!(!bytes.windows(5).any(|it| it == b"12345"));
    }
}
