//! Who calls, the deal that it is about, and what the policy shows to each of them.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use liaison::{
    auth::Version,
    domain::{
        actor::Author,
        change::{Action, Change, Version as DocumentVersion},
        etag::ETag,
        organization::{Application, Location, LocationScope, Organization, OrganizationId, Role, Solution},
        referral::Referral,
        time::Timestamp,
        view::StoredReferral,
        visibility::Facet,
    },
    storage::{Commit, Inserted, NewOrganization, ReferralState},
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::canary::{self, Canary, EVERYTHING};
use crate::world::*;

pub(super) const ADATUM: &str = "ada70000-0000-4000-8000-000000000001";
pub(super) const TAILSPIN: &str = "7a170000-0000-4000-8000-000000000001";
pub(super) const LAMNA: &str = "1a300000-0000-4000-8000-000000000001";
/// The location of a company that takes part in nothing and has nobody who calls.
pub(super) const LAMNAS_LOCATION: &str = "1a300000-0000-4000-8000-000000000002";

const NED: &str = "ned@northwind.example";

/// What the caller is to the record of the deal that is Northwind's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Caller {
    OwnerAdmin,
    OwnerInTeam,
    OwnerNotInTeam,
    OwnerElsewhere,
    Inviter,
    Invitee,
    Party,
    Microsoft,
    Foreign,
    WithoutRole,
    Application,
    Nobody,
    OtherAudience,
}

use Caller::*;

impl Caller {
    /// Every caller, in the order of the columns of the table.
    pub(super) const ALL: [Self; 13] = [
        OwnerAdmin,
        OwnerInTeam,
        OwnerNotInTeam,
        OwnerElsewhere,
        Inviter,
        Invitee,
        Party,
        Microsoft,
        Foreign,
        WithoutRole,
        Application,
        Nobody,
        OtherAudience,
    ];

    /// Says whether the caller is refused before anything is looked up.
    pub(super) fn is_stopped_at_the_gate(self) -> bool {
        matches!(self, WithoutRole | Application | Nobody | OtherAudience)
    }

    fn email(self) -> Option<&'static str> {
        match self {
            OwnerAdmin | OtherAudience => Some(NORA),
            OwnerInTeam => Some(NED),
            OwnerNotInTeam => Some("nat@northwind.example"),
            OwnerElsewhere => Some("sam@northwind.example"),
            WithoutRole => Some("acc@northwind.example"),
            Inviter => Some(ALEX),
            Invitee => Some(FAY),
            Party => Some("ada@adatum.example"),
            Microsoft => Some(MIA),
            Foreign => Some("tim@tailspin.example"),
            Application | Nobody => None,
        }
    }
}

/// The companies of the deal, with everybody's token.
pub(super) struct Cast {
    pub(super) backend: Backend,
    pub(super) world: World,
    tokens: BTreeMap<Caller, String>,
}

/// How far a deal has come, and what its customer agreed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Nobody has answered, Microsoft's sellers do not see it, and the customer does not want to be contacted.
    Waiting,
    /// Northwind has accepted, and Microsoft's sellers see it.
    Active,
}

/// A deal: Contoso has invited Northwind and Adatum, Northwind has invited Fabrikam.
#[derive(Clone)]
pub(super) struct Deal {
    pub(super) stage: Stage,
    /// Northwind's record.
    pub(super) id: Uuid,
    pub(super) engagement: Uuid,
    /// Every record of the engagement, by its owner.
    pub(super) records: Vec<(&'static str, Uuid)>,
    /// Tokens of the version before the last one, and of the last one.
    pub(super) etags: [String; 2],
    pub(super) canaries: Arc<[Canary]>,
}

/// What decides who sees Northwind's record, read from what is stored.
pub(super) struct Standing {
    pub(super) document: Value,
    is_shared_with_sellers: bool,
    has_consent: bool,
    has_owner_accepted: bool,
    has_invitee_accepted: bool,
    is_ned_in_team: bool,
}

impl Cast {
    pub(super) async fn open(backend: Backend) -> Self {
        let no_rates = |config: &mut liaison::config::Config| {
            config.limits.rate_per_organization_per_minute = 0;
            config.limits.rate_per_application_per_minute = 0;
        };
        let world = World::with(backend, no_rates).await;
        world.add_northwind().await;
        for (id, name) in [(ADATUM, "adatum"), (TAILSPIN, "tailspin"), (LAMNA, "lamna")] {
            world.store.insert_organization(company(id, name)).await.unwrap();
        }
        let (everywhere, south) =
            (LocationScope::EntireCompany, LocationScope::Locations(vec![SOUTH_MPN.to_owned()]));
        for (organization, caller, role, locations) in [
            (NORTHWIND, OwnerInTeam, Role::ReferralsUser, &everywhere),
            (NORTHWIND, OwnerNotInTeam, Role::ReferralsUser, &everywhere),
            (NORTHWIND, OwnerElsewhere, Role::ReferralsAdmin, &south),
            (NORTHWIND, WithoutRole, Role::AccountAdmin, &everywhere),
            (ADATUM, Party, Role::ReferralsAdmin, &everywhere),
            (TAILSPIN, Foreign, Role::ReferralsAdmin, &everywhere),
        ] {
            let email = caller.email().unwrap();
            world.add_user(organization, email, &[role], locations.clone()).await;
        }
        let mut tokens = BTreeMap::new();
        for caller in Caller::ALL {
            let token = match (caller, caller.email()) {
                (Nobody, _) => continue,
                (Application, _) => application_token(&world).await,
                (OtherAudience, Some(email)) => world.token_for(email, PARTNER_CENTER).await,
                (_, email) => world.token(email.unwrap()).await,
            };
            tokens.insert(caller, format!("Bearer {token}"));
        }
        Self { backend, world, tokens }
    }

    /// Returns what a caller writes into `Authorization`.
    pub(super) fn authorization(&self, caller: Caller) -> Option<&str> {
        self.tokens.get(&caller).map(String::as_str)
    }

    /// Makes a deal. Northwind's record has two versions, with canaries in each.
    pub(super) async fn plant(&self, stage: Stage) -> Deal {
        let (id, engagement) = (self.fresh_id(), self.fresh_id());
        let mut canaries = Vec::new();
        let mut versions = Vec::new();
        for generation in [1, 2] {
            let (document, found) = canary::document(generation);
            canaries.extend(found);
            versions.push(self.complete(document, stage, id, engagement, NORTHWIND));
        }
        let etags = self.store(&versions, CONTOSO, "4391227").await;
        let mut records = vec![(NORTHWIND, id)];
        for (owner, inviter, inviter_mpn_id) in
            [(CONTOSO, CONTOSO, "4391227"), (ADATUM, CONTOSO, "4391227"), (FABRIKAM, NORTHWIND, NORTH_MPN)]
        {
            let plain = json!({"type": "Shared", "name": "Plain", "mpnId": format!("of {owner}")});
            let record = self.complete(plain, stage, self.fresh_id(), engagement, owner);
            records.push((owner, record.id));
            self.store(&[record], inviter, inviter_mpn_id).await;
        }
        Deal { stage, id, engagement, records, etags: etags.try_into().unwrap(), canaries: canaries.into() }
    }

    /// Returns an id that nothing has.
    pub(super) fn fresh_id(&self) -> Uuid {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed).wrapping_mul(0x9e37_79b9);
        Uuid::from_u128(u128::from(number) << 96 | 0x4000_8000_0000_0000_0000)
    }

    /// Fills in the members that hold no canaries.
    fn complete(&self, document: Value, stage: Stage, id: Uuid, engagement: Uuid, owner: &str) -> Referral {
        let mut full: Value = serde_json::from_str(&Referral::blank().to_document()).unwrap();
        for (name, value) in document.as_object().unwrap() {
            full[name] = value.clone();
        }
        let is_active = stage == Stage::Active;
        let (status, substatus) = if is_active { ("Active", "Accepted") } else { ("New", "Pending") };
        for (name, value) in [
            ("id", json!(id)),
            ("engagementId", json!(engagement)),
            ("organizationId", json!(owner)),
            ("organizationName", json!("Company")),
            ("createdDateTime", json!(START)),
            ("updatedDateTime", json!(START)),
            ("status", json!(status)),
            ("substatus", json!(substatus)),
            ("acceptedDateTime", if is_active { json!(START) } else { Value::Null }),
            ("expirationDateTime", if is_active { Value::Null } else { json!("2026-12-07T00:00:00Z") }),
        ] {
            full[name] = value;
        }
        if let Some(consent) = full["consent"].as_object_mut() {
            consent.insert("consentToContact".to_owned(), json!(is_active));
            consent.insert("consentToShareReferralWithMicrosoftSellers".to_owned(), json!(is_active));
        }
        Referral::from_document(&full.to_string()).unwrap()
    }

    /// Writes the versions of a record, as a release would that lets callers set every member.
    async fn store(&self, versions: &[Referral], inviter: &str, inviter_mpn_id: &str) -> Vec<String> {
        let random = &self.world.app.context.random;
        let author = Author::server("test");
        let mut etags: Vec<String> = Vec::new();
        let mut before: Option<(&Referral, String)> = None;
        for (referral, number) in versions.iter().zip(1..) {
            let document = referral.to_document();
            let etag = ETag::new(number, Timestamp::parse(START).unwrap(), 0).to_string();
            let from = before.as_ref().map(|(_, document)| DocumentVersion {
                document,
                etag: etags.last().unwrap(),
                number: number - 1,
            });
            let after = DocumentVersion { document: &document, etag: &etag, number };
            let mut commit = Commit::new();
            let action = if number == 1 { Action::Create } else { Action::Revise };
            let change = Change::new(action, &author, referral, from, after, random).unwrap();
            commit.append_change(change);
            let state = ReferralState { referral, document: &document, version: number };
            match &before {
                None => {
                    let inserted = Inserted {
                        inviter: OrganizationId::parse(inviter).unwrap(),
                        inviter_mpn_id: Some(inviter_mpn_id.to_owned()),
                        creator_id: Uuid::nil(),
                    };
                    commit.insert_referral(state, &inserted);
                }
                Some((before, _)) => commit.update_referral(state, before, number - 1),
            }
            self.world.store.commit(commit).await.unwrap();
            etags.push(etag);
            before = Some((referral, document));
        }
        etags
    }

    /// Reads how a deal stands.
    pub(super) async fn standing(&self, deal: &Deal) -> Standing {
        let mut documents = BTreeMap::new();
        for (owner, stored) in self.records(deal).await {
            documents.insert(owner, serde_json::from_str::<Value>(&stored.document).unwrap());
        }
        let document = documents.remove(NORTHWIND).unwrap();
        let flag = |name: &str| document["consent"][name].as_bool();
        let has_accepted =
            |document: &Value| ["Accepted", "Won", "Lost"].contains(&document["substatus"].as_str().unwrap());
        Standing {
            is_shared_with_sellers: flag("consentToShareReferralWithMicrosoftSellers") == Some(true),
            has_consent: flag("consentToContact") != Some(false)
                && flag("consentToToShareInfoWithOthers") != Some(false),
            has_owner_accepted: has_accepted(&document),
            has_invitee_accepted: has_accepted(&documents[FABRIKAM]),
            is_ned_in_team: document["team"].as_array().unwrap().iter().any(|it| it["email"] == NED),
            document,
        }
    }

    /// Returns everything that a write leaves: the records of a deal, and how many rows there are elsewhere.
    pub(super) async fn traces(&self, deal: &Deal) -> (Vec<(Uuid, u32, String)>, i64) {
        let tables = ["referrals", "referral_team", "changes", "favorites", "idempotency"];
        let tables = tables.map(|it| format!("SELECT 1 FROM {it}")).join(" UNION ALL ");
        let rows = self.world.database.count(&format!("({tables}) AS everything")).await;
        let records = self.records(deal).await.into_iter();
        (records.map(|(_, it)| (it.id, it.version, it.document)).collect(), rows)
    }

    async fn records(&self, deal: &Deal) -> Vec<(&'static str, StoredReferral)> {
        let mut records = Vec::new();
        for (owner, id) in &deal.records {
            let before = Uuid::from_u128(id.as_u128() - 1);
            let mut found = self.world.store.list_stored(everything(), before, 1).await.unwrap();
            records.push((*owner, found.remove(0).stored));
        }
        records
    }
}

impl Standing {
    /// Returns the facets of Northwind's record that a caller sees; `None` for a caller that sees nothing.
    pub(super) fn shown_to(&self, caller: Caller) -> Option<Vec<Facet>> {
        let all_but = |withheld: &[Facet]| {
            Some(EVERYTHING.into_iter().filter(|it| !withheld.contains(it)).collect::<Vec<_>>())
        };
        let contacts = |has_accepted: bool| match has_accepted || self.has_consent {
            true => &[][..],
            false => &[Facet::Contacts][..],
        };
        match caller {
            OwnerAdmin => all_but(contacts(self.has_owner_accepted)),
            OwnerInTeam if self.is_ned_in_team => all_but(contacts(self.has_owner_accepted)),
            Inviter => all_but(&[]),
            Invitee => all_but(&[&[Facet::Work], contacts(self.has_invitee_accepted)].concat()),
            Microsoft if self.is_shared_with_sellers => all_but(&[&[Facet::Work], contacts(false)].concat()),
            Party => Some(vec![Facet::Record, Facet::Team, Facet::Solutions]),
            OwnerInTeam | Microsoft => None,
            OwnerNotInTeam | OwnerElsewhere | Foreign => None,
            WithoutRole | Application | Nobody | OtherAudience => None,
        }
    }
}

fn company(id: &str, name: &str) -> NewOrganization {
    let tenant_id = Uuid::parse_str(id).unwrap();
    let number = tenant_id.as_u128();
    let id = OrganizationId::from(tenant_id);
    NewOrganization {
        organization: Organization {
            id: id.clone(),
            tenant_id,
            name: name.to_owned(),
            domain: Some(format!("{name}.example")),
        },
        locations: vec![Location {
            id: Uuid::from_u128(number + 1),
            organization_id: id.clone(),
            mpn_id: format!("of {id}"),
            name: name.to_owned(),
            is_default: true,
        }],
        solutions: vec![Solution {
            id: format!("SOL-{name}"),
            organization_id: id.clone(),
            name: name.to_owned(),
        }],
        applications: vec![Application {
            id: Uuid::from_u128(number + 2),
            organization_id: id,
            name: name.to_owned(),
            secret_hash: None,
            redirect_uris: Vec::new(),
        }],
        users: Vec::new(),
    }
}

async fn application_token(world: &World) -> String {
    let northwind = OrganizationId::parse(NORTHWIND).unwrap();
    let organization = world.store.find_organization(&northwind).await.unwrap().unwrap();
    let application = world.store.list_applications(&northwind).await.unwrap().remove(0);
    let issuer = &world.app.issuer;
    issuer.mint_for_application(&application, &organization, PARTNER, Version::V1, 3600).unwrap()
}
