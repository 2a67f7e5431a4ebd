//! What happened: one change for every record that a write touches, with its diff and its hash.
//!
//! A change holds who did what, when, from which eTag to which, and the difference as a list of
//! `{pointer, before, after}` over the members of the document (members of the four large objects count one
//! by one). The first change of a record starts from the blank document, so the log alone rebuilds every
//! version, and every difference can be turned round.
//!
//! The hash chain survives redaction and erasure. For each entry of the difference there is a commitment
//! `SHA-256(salt, pointer, before, after)` under a random salt of its own; the change's *facts* hash covers
//! the commitments, not the values; and the chain hash covers the facts hash and the chain hash of the
//! change before it in the same engagement:
//!
//! ```text
//! commitment = SHA-256("liaison commitment" ‖ salt ‖ pointer ‖ 0 ‖ before ‖ 0 ‖ after)
//! facts      = SHA-256("liaison facts" ‖ length-prefixed facts and what was ignored ‖ number of entries
//!              ‖ commitment…)
//! chain      = SHA-256("liaison chain" ‖ chain of the change before (32 zero bytes at first) ‖ facts)
//! ```
//!
//! A party verifies with what it may see; when a value is erased with its salt, its commitment is written in
//! its place, and the chain stays intact. The chain runs by engagement, because that is the history that its
//! parties share: a chain over everything would show each of them how busy all the others are.

pub mod history;

use std::{borrow::Cow, collections::BTreeMap, fmt, fmt::Write as _, sync::LazyLock};

use aws_lc_rs::digest::{self, SHA256};
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{MapAccess, Visitor},
};
use serde_json::value::RawValue;
use uuid::Uuid;

pub use super::lifecycle::Action;
use super::{
    actor::Author,
    json::Node,
    organization::OrganizationId,
    referral::Referral,
    report::{Ignored, pointer_segment},
    sources::Random,
    time::Timestamp,
};

/// A SHA-256 value.
pub type Hash = [u8; 32];

/// Bytes of salt for each commitment.
pub const SALT_BYTES: usize = 16;

/// One entry of a difference. Values are JSON texts, as they stand in the document.
#[derive(Clone, Serialize, Deserialize)]
pub struct Difference {
    /// JSON pointer into the document.
    pub pointer: String,
    /// Value before.
    #[serde(default = "null", skip_serializing_if = "is_null")]
    pub before: Box<RawValue>,
    /// Value after.
    #[serde(default = "null", skip_serializing_if = "is_null")]
    pub after: Box<RawValue>,
    /// What is left when values and salt were erased: the commitment to them, in hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commitment: Option<String>,
}

fn null() -> Box<RawValue> {
    RawValue::NULL.to_owned()
}

fn is_null(value: &RawValue) -> bool {
    value.get() == RawValue::NULL.get()
}

impl fmt::Debug for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Difference").field("pointer", &self.pointer).finish_non_exhaustive()
    }
}

impl Difference {
    /// Erases the values; the commitment takes their place, so that the chain still verifies.
    pub fn erase(&mut self, salt: &mut [u8]) {
        if self.commitment.is_none() {
            self.commitment = Some(to_hex(&commitment(self, salt)));
        }
        self.before = null();
        self.after = null();
        salt.fill(0);
    }
}

/// One entry of the log, before it has its place there.
#[derive(Clone, Debug)]
pub struct Change {
    /// Random id.
    pub id: Uuid,
    /// Record that changed.
    pub referral_id: Uuid,
    /// Its engagement.
    pub engagement_id: Uuid,
    /// Its owner.
    pub organization_id: OrganizationId,
    /// What was done.
    pub action: Action,
    /// Organisation of who did it.
    pub actor_organization_id: OrganizationId,
    /// User who did it.
    pub actor_user_id: Uuid,
    /// Application it was done through.
    pub application_id: String,
    /// When.
    pub at: Timestamp,
    /// Token before; `None` for a new record.
    pub from_etag: Option<String>,
    /// Token after.
    pub to_etag: String,
    /// Version after.
    pub to_version: u32,
    /// What differs.
    pub differences: Vec<Difference>,
    /// One salt for each difference, in their order.
    pub salts: Vec<u8>,
    /// What the caller sent without effect.
    pub ignored: Vec<Ignored>,
}

/// A record's state before or after a change.
#[derive(Clone, Copy, Debug)]
pub struct Version<'a> {
    /// Canonical document.
    pub document: &'a str,
    /// Its token in the plain full view.
    pub etag: &'a str,
    /// Its number.
    pub number: u32,
}

impl Change {
    /// Describes a write by `author`: from `before` (`None` for a new record) to `after`.
    ///
    /// # Errors
    /// When a document is not canonical JSON.
    pub fn new(
        action: Action,
        author: &Author,
        referral: &Referral,
        before: Option<Version<'_>>,
        after: Version<'_>,
        random: &Random,
    ) -> serde_json::Result<Self> {
        let differences = match before {
            Some(before) => differences(&members(before.document)?, &members(after.document)?),
            None => differences(&BLANK, &members(after.document)?),
        };
        let mut salts = vec![0; differences.len() * SALT_BYTES];
        random.fill(&mut salts);
        Ok(Self {
            id: random.uuid(),
            referral_id: referral.id,
            engagement_id: referral.engagement_id,
            organization_id: referral.organization_id.clone(),
            action,
            actor_organization_id: author.organization_id.clone(),
            actor_user_id: author.user_id,
            application_id: author.application_id.clone(),
            at: referral.updated_date_time,
            from_etag: before.map(|it| it.etag.to_owned()),
            to_etag: after.etag.to_owned(),
            to_version: after.number,
            differences,
            salts,
            ignored: Vec::new(),
        })
    }

    /// Returns who did it.
    pub fn author(&self) -> Author {
        Author {
            organization_id: self.actor_organization_id.clone(),
            user_id: self.actor_user_id,
            application_id: self.application_id.clone(),
        }
    }

    /// Returns the hash of the change's own facts and of the commitments to its values.
    pub fn facts_hash(&self) -> Hash {
        let mut context = digest::Context::new(&SHA256);
        context.update(b"liaison facts");
        let facts: [&[u8]; 11] = [
            self.id.as_bytes(),
            self.referral_id.as_bytes(),
            self.engagement_id.as_bytes(),
            self.organization_id.as_str().as_bytes(),
            self.action.as_str().as_bytes(),
            self.actor_organization_id.as_str().as_bytes(),
            self.actor_user_id.as_bytes(),
            self.application_id.as_bytes(),
            &self.at.ticks().to_be_bytes(),
            self.from_etag.as_deref().unwrap_or_default().as_bytes(),
            self.to_etag.as_bytes(),
        ];
        for fact in facts {
            context.update(&(fact.len() as u64).to_be_bytes());
            context.update(fact);
        }
        context.update(&(self.ignored.len() as u64).to_be_bytes());
        for ignored in &self.ignored {
            for fact in [ignored.target.as_bytes(), ignored.rule.as_bytes()] {
                context.update(&(fact.len() as u64).to_be_bytes());
                context.update(fact);
            }
        }
        context.update(&(self.differences.len() as u64).to_be_bytes());
        for (index, difference) in self.differences.iter().enumerate() {
            let start = index * SALT_BYTES;
            let salt = self.salts.get(start..start + SALT_BYTES).unwrap_or_default();
            match &difference.commitment {
                Some(kept) => context.update(&from_hex(kept)),
                None => context.update(&commitment(difference, salt)),
            }
        }
        to_hash(context)
    }
}

fn to_hex(hash: &Hash) -> String {
    hash.iter().fold(String::with_capacity(64), |mut text, byte| {
        write!(text, "{byte:02x}").expect("writing to a string cannot fail");
        text
    })
}

/// Reads a hash in hexadecimal; what is none becomes zeros, which no commitment is.
fn from_hex(text: &str) -> Hash {
    let mut hash = [0; 32];
    for (byte, digits) in hash.iter_mut().zip(text.as_bytes().chunks(2)) {
        let digits = std::str::from_utf8(digits).unwrap_or_default();
        *byte = u8::from_str_radix(digits, 16).unwrap_or_default();
    }
    hash
}

/// Returns the commitment to one difference under its salt.
pub fn commitment(difference: &Difference, salt: &[u8]) -> Hash {
    let mut context = digest::Context::new(&SHA256);
    context.update(b"liaison commitment");
    context.update(salt);
    context.update(difference.pointer.as_bytes());
    context.update(&[0]);
    context.update(difference.before.get().as_bytes());
    context.update(&[0]);
    context.update(difference.after.get().as_bytes());
    to_hash(context)
}

/// Returns the chain hash of a change that comes after `previous` in its engagement.
pub fn chain_hash(previous: Option<&Hash>, facts: &Hash) -> Hash {
    let mut context = digest::Context::new(&SHA256);
    context.update(b"liaison chain");
    context.update(previous.unwrap_or(&[0; 32]));
    context.update(facts);
    to_hash(context)
}

fn to_hash(context: digest::Context) -> Hash {
    let mut hash = [0; 32];
    hash.copy_from_slice(context.finish().as_ref());
    hash
}

/// The members of a document, by pointer, in canonical order.
type Members<'a> = Vec<(Cow<'a, str>, &'a RawValue)>;

/// Objects whose members count one by one.
const OPENED: [&str; 4] = ["customerProfile", "consent", "details", "inviteContext"];

/// Members that differ by viewer; they are no facts.
const BY_VIEWER: [&str; 4] = ["eTag", "favorite", "direction", "links"];

static BLANK_DOCUMENT: LazyLock<String> = LazyLock::new(|| Referral::blank().to_document());
static BLANK: LazyLock<Members<'static>> =
    LazyLock::new(|| members(&BLANK_DOCUMENT).expect("the blank document is canonical"));

fn members(document: &str) -> serde_json::Result<Members<'_>> {
    let RawMembers(top) = serde_json::from_str(document)?;
    let mut members = Vec::with_capacity(80);
    for (name, value) in top {
        if BY_VIEWER.contains(&name) {
            continue;
        }
        if OPENED.contains(&name) {
            let RawMembers(inner) = serde_json::from_str(value.get())?;
            let opened =
                inner.into_iter().map(|(inner, value)| (Cow::Owned(format!("/{name}/{inner}")), value));
            members.extend(opened);
        } else {
            members.push((Cow::Owned(format!("/{}", pointer_segment(name))), value));
        }
    }
    Ok(members)
}

fn differences(before: &Members<'_>, after: &Members<'_>) -> Vec<Difference> {
    let mut differences = Vec::new();
    for (index, (pointer, after)) in after.iter().enumerate() {
        let before =
            find(before, index, pointer).or_else(|| find(&BLANK, index, pointer)).unwrap_or(RawValue::NULL);
        if before.get() != after.get() {
            differences.push(Difference {
                pointer: pointer.clone().into_owned(),
                before: before.to_owned(),
                after: (*after).to_owned(),
                commitment: None,
            });
        }
    }
    differences
}

/// Finds a member: documents of one release have the same members in the same order; one that was written
/// before a member existed lacks it.
fn find<'a>(members: &Members<'a>, index: usize, pointer: &str) -> Option<&'a RawValue> {
    let same_place = members.get(index).filter(|(it, _)| it == pointer);
    same_place.or_else(|| members.iter().find(|(it, _)| it == pointer)).map(|(_, value)| *value)
}

/// Why a difference does not fit a document.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReplayError {
    /// The document does not hold the value that the difference starts from.
    #[error("member {0} is not what the change starts from")]
    WrongBefore(String),
    /// The difference names no member.
    #[error("there is no member {0}")]
    UnknownPointer(String),
    /// The document is not canonical.
    #[error("the document is not canonical")]
    NotCanonical,
}

/// The members of a record as its changes leave them; it starts blank. An erased value is `None` and fits
/// everything.
#[derive(Clone)]
pub struct Replay(BTreeMap<String, Option<String>>);

impl Default for Replay {
    fn default() -> Self {
        Self(
            BLANK
                .iter()
                .map(|(pointer, value)| (pointer.to_string(), Some(value.get().to_owned())))
                .collect(),
        )
    }
}

impl Replay {
    /// Applies the differences of the next change.
    ///
    /// # Errors
    /// When they start from another state than this one.
    pub fn apply(&mut self, differences: &[Difference]) -> Result<(), ReplayError> {
        for difference in differences {
            let Some(value) = self.0.get_mut(&difference.pointer) else {
                return Err(ReplayError::UnknownPointer(difference.pointer.clone()));
            };
            if difference.commitment.is_some() {
                *value = None;
                continue;
            }
            if value.as_deref().is_some_and(|it| it != difference.before.get()) {
                return Err(ReplayError::WrongBefore(difference.pointer.clone()));
            }
            *value = Some(difference.after.get().to_owned());
        }
        Ok(())
    }

    /// Returns the document as it stands. `None` when a value of it was erased.
    pub fn document(&self) -> Option<String> {
        let mut tree = Node::from_document(&BLANK_DOCUMENT).ok()?;
        for (pointer, value) in &self.0 {
            tree.set(pointer, Node::from_document(value.as_deref()?).ok()?);
        }
        Some(tree.to_json())
    }

    /// Says whether `document` is the state that was reached.
    ///
    /// # Errors
    /// When the document is not canonical.
    pub fn is_state_of(&self, document: &str) -> Result<bool, ReplayError> {
        let members = members(document).map_err(|_| ReplayError::NotCanonical)?;
        let is_known = members.iter().all(|(pointer, _)| self.0.contains_key(&**pointer));
        Ok(is_known
            && self.0.iter().enumerate().all(|(index, (pointer, state))| {
                let value = find(&members, index, pointer).or_else(|| find(&BLANK, index, pointer));
                state.as_deref().is_none_or(|state| value.is_some_and(|it| it.get() == state))
            }))
    }
}

/// The members of one object, in order, unparsed.
struct RawMembers<'a>(Vec<(&'a str, &'a RawValue)>);

impl<'de> Deserialize<'de> for RawMembers<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct MembersVisitor;

        impl<'de> Visitor<'de> for MembersVisitor {
            type Value = RawMembers<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::with_capacity(64);
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(RawMembers(members))
            }
        }

        deserializer.deserialize_map(MembersVisitor)
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::{Action, Change, Replay, ReplayError, Version, chain_hash, commitment};
    use crate::domain::{
        actor::Author, organization::OrganizationId, referral::Referral, sources::Random,
        vocabulary::ReferralType,
    };

    fn author() -> Author {
        Author {
            organization_id: OrganizationId::msft(),
            user_id: Uuid::nil(),
            application_id: "app".to_owned(),
        }
    }

    fn change(before: Option<&Referral>, after: &Referral) -> Change {
        let before_document = before.map(Referral::to_document);
        let version = |document| Version { document, etag: "\"e\"", number: 1 };
        Change::new(
            Action::Create,
            &author(),
            after,
            before_document.as_deref().map(version),
            version(&after.to_document()),
            &Random::new(|buffer| buffer.fill(7)),
        )
        .unwrap()
    }

    fn named(name: &str) -> Referral {
        Referral { id: Uuid::from_u128(1), name: Some(name.to_owned()), ..Referral::blank() }
    }

    #[test]
    fn the_log_alone_rebuilds_every_version() {
        let first = named("A, \"quoted\" \u{1f91d}");
        let mut second = first.clone();
        second.kind = ReferralType::Shared;
        second.details.notes = Some("more".to_owned());

        let mut replay = Replay::default();
        replay.apply(&change(None, &first).differences).unwrap();
        assert!(replay.is_state_of(&first.to_document()).unwrap());
        replay.apply(&change(Some(&first), &second).differences).unwrap();

        assert!(replay.is_state_of(&second.to_document()).unwrap());
        assert_eq!(replay.document(), Some(second.to_document()));
        assert!(!replay.is_state_of(&first.to_document()).unwrap());
    }

    #[test]
    fn erasing_a_value_leaves_the_hash() {
        let mut change = change(None, &named("A"));
        let facts = change.facts_hash();

        let index = change.differences.iter().position(|it| it.pointer == "/name").unwrap();
        let salt = &mut change.salts[index * super::SALT_BYTES..][..super::SALT_BYTES];
        change.differences[index].erase(salt);

        assert_eq!(change.facts_hash(), facts);
        assert_eq!(change.differences[index].after.get(), "null");
        let mut replay = Replay::default();
        replay.apply(&change.differences).unwrap();
        assert!(replay.is_state_of(&named("A").to_document()).unwrap());
    }

    #[test]
    fn a_difference_without_a_salt_moves_the_hash() {
        let mut forged = change(None, &named("A"));
        let facts = forged.facts_hash();

        forged.differences.push(forged.differences[0].clone());

        assert_ne!(forged.facts_hash(), facts);
    }

    #[test]
    fn a_difference_holds_only_what_differs() {
        let change = change(Some(&named("A")), &named("B"));

        let pointers: Vec<_> = change.differences.iter().map(|it| it.pointer.as_str()).collect();
        assert_eq!(pointers, ["/name"]);
        assert_eq!(change.salts.len(), super::SALT_BYTES);
    }

    #[test]
    fn a_change_from_another_state_does_not_apply() {
        let change = change(Some(&named("A")), &named("B"));

        let refused = Replay::default().apply(&change.differences);

        assert_eq!(refused, Err(ReplayError::WrongBefore("/name".to_owned())));
    }

    #[test]
    fn every_fact_and_value_moves_the_hash() {
        let original = change(None, &named("A"));
        let facts = original.facts_hash();

        let mut forged = original.clone();
        forged.actor_user_id = Uuid::from_u128(9);
        assert_ne!(forged.facts_hash(), facts);
        assert_ne!(change(None, &named("B")).facts_hash(), facts);
        assert_ne!(chain_hash(None, &facts), chain_hash(Some(&[1; 32]), &facts));
        assert_ne!(
            commitment(&original.differences[0], &[0; 16]),
            commitment(&original.differences[0], &[1; 16])
        );
    }
}
