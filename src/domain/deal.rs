//! What kind of deal a referral is part of: nothing says so on the wire, it follows from what is there ("Create a
//! referral", 2024; "Referrals API introduction", 2024 to 2026).

use super::{
    organization::OrganizationId,
    referral::Referral,
    vocabulary::{Qualification, ReferralType},
};

/// How far a deal is shared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DealType {
    /// With nobody.
    Private,
    /// Microsoft's sellers see it, and are not asked for anything.
    PartnerLed,
    /// Microsoft is asked for help.
    CoSell,
    /// Microsoft is asked for help, and the partner delivers services.
    ServicesCoSell,
    /// Other partners take part.
    PartnerToPartner,
}

impl DealType {
    /// Derives the type of a record whose engagement has records of `others`.
    pub fn of<'a>(referral: &Referral, others: impl IntoIterator<Item = &'a OrganizationId>) -> Self {
        let (mut has_msft, mut has_partner) = (referral.organization_id.is_msft(), false);
        for other in others {
            match other.is_msft() {
                true => has_msft = true,
                false => has_partner |= !referral.organization_id.is_msft(),
            }
        }
        let has_role = referral.partner_role.as_deref().is_some_and(|it| !it.is_empty());
        let is_seen = referral.consent.consent_to_share_referral_with_microsoft_sellers;
        match (has_partner, has_msft, is_seen) {
            (true, _, _) => Self::PartnerToPartner,
            (false, true, _) if has_role => Self::ServicesCoSell,
            (false, true, _) => Self::CoSell,
            (false, false, true) => Self::PartnerLed,
            (false, false, false) => Self::Private,
        }
    }

    /// Returns the word that people use.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Private => "Private",
            Self::PartnerLed => "Partner-led",
            Self::CoSell => "Co-sell",
            Self::ServicesCoSell => "Services co-sell",
            Self::PartnerToPartner => "Partner-to-partner",
        }
    }
}

/// Where a referral comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Category {
    /// A customer asked in the marketplace.
    MarketplaceLead,
    /// Microsoft qualified a lead and passed it on.
    QualifiedLead,
    /// Partners, or a partner and Microsoft, sell together. What fits no row of the official table is one of these.
    CoSellOpportunity,
}

impl Category {
    /// Derives the category of a record that `inviter` made.
    pub fn of(referral: &Referral, inviter: &OrganizationId) -> Self {
        match (referral.kind, referral.qualification, inviter.is_msft()) {
            (ReferralType::Independent, Qualification::Direct, true) => Self::MarketplaceLead,
            (
                ReferralType::Independent,
                Qualification::SalesQualified | Qualification::MarketingQualified,
                true,
            ) => Self::QualifiedLead,
            _ => Self::CoSellOpportunity,
        }
    }

    /// Returns the words of the official table.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::MarketplaceLead => "Marketplace lead",
            Self::QualifiedLead => "Qualified lead",
            Self::CoSellOpportunity => "Co-sell opportunity",
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::{Category, DealType};
    use crate::domain::{
        organization::OrganizationId,
        referral::Referral,
        vocabulary::{Qualification, ReferralType},
    };

    #[test]
    fn the_deal_type_follows_from_consent_and_parties() {
        let (msft, partner) = (OrganizationId::msft(), OrganizationId::from(Uuid::from_u128(7)));
        let mut referral = Referral::blank();
        let of = |referral: &Referral, others: &[OrganizationId]| DealType::of(referral, others);

        assert_eq!(of(&referral, &[]), DealType::Private);
        referral.consent.consent_to_share_referral_with_microsoft_sellers = true;
        assert_eq!(of(&referral, &[]), DealType::PartnerLed);
        assert_eq!(of(&referral, std::slice::from_ref(&msft)), DealType::CoSell);
        assert_eq!(of(&referral, &[msft.clone(), partner.clone()]), DealType::PartnerToPartner);
        referral.partner_role = Some("Deployment services".to_owned());
        assert_eq!(of(&referral, std::slice::from_ref(&msft)), DealType::ServicesCoSell);
        let microsofts = Referral { organization_id: msft, ..Referral::blank() };
        assert_eq!(of(&microsofts, &[partner]), DealType::CoSell);
    }

    #[test]
    fn the_category_follows_the_official_table() {
        let (msft, partner) = (OrganizationId::msft(), OrganizationId::from(Uuid::from_u128(7)));
        let of = |kind, qualification, inviter: &OrganizationId| {
            Category::of(&Referral { kind, qualification, ..Referral::blank() }, inviter)
        };
        use ReferralType::{Independent, Shared};

        assert_eq!(of(Independent, Qualification::Direct, &msft), Category::MarketplaceLead);
        for qualification in [Qualification::SalesQualified, Qualification::MarketingQualified] {
            assert_eq!(of(Independent, qualification, &msft), Category::QualifiedLead);
            assert_eq!(of(Independent, qualification, &partner), Category::CoSellOpportunity);
        }
        assert_eq!(of(Shared, Qualification::SalesQualified, &msft), Category::CoSellOpportunity);
    }
}
