//! The APIs that a token can be for, their names in requests, and their names in `aud`.

/// An API that tokens are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Resource {
    /// The Referrals API ("Microsoft Partner").
    Partner,
    /// Webhooks, audit records, profiles, analytics ("Microsoft Partner Center").
    PartnerCenter,
}

impl Resource {
    /// Every resource.
    pub const ALL: [Self; 2] = [Self::Partner, Self::PartnerCenter];

    /// Returns the application id URI: the `aud` of the tokens that are minted here.
    pub const fn uri(self) -> &'static str {
        match self {
            Self::Partner => "https://api.partner.microsoft.com",
            Self::PartnerCenter => "https://api.partnercenter.microsoft.com",
        }
    }

    /// Returns the application id, which a token may carry in `aud` in place of the URI.
    pub const fn application_id(self) -> &'static str {
        match self {
            Self::Partner => "4990cffe-04e8-4e8b-808a-1175604b879f",
            Self::PartnerCenter => "fa3d9a0c-3fb0-42cc-9193-47c7ecd2edbd",
        }
    }

    /// Reads the name that a token request uses: URI or application id, one trailing slash tolerated.
    pub fn parse(text: &str) -> Option<Self> {
        let name = text.strip_suffix('/').unwrap_or(text);
        Self::ALL
            .into_iter()
            .find(|it| name.eq_ignore_ascii_case(it.uri()) || name.eq_ignore_ascii_case(it.application_id()))
    }
}

/// The audiences that one family of paths accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Audiences(&'static [Resource]);

impl Audiences {
    /// What the Referrals API accepts.
    pub const PARTNER: Self = Self(&[Resource::Partner]);
    /// What webhooks, audit records, profiles and analytics accept.
    pub const PARTNER_CENTER: Self = Self(&[Resource::PartnerCenter]);

    /// What a Partner Center path accepts that stands for one of the Referrals API.
    pub const EITHER: Self = Self(&[Resource::Partner, Resource::PartnerCenter]);

    /// Says whether `audience` is, to the letter, a name of an accepted resource.
    pub fn contains(self, audience: &str) -> bool {
        self.0.iter().any(|it| audience == it.uri() || audience == it.application_id())
    }

    /// Returns the audience that a caller should ask for.
    pub fn preferred(self) -> &'static str {
        self.0.first().map_or("", |it| it.uri())
    }
}

#[cfg(test)]
mod tests {
    use super::{Audiences, Resource};

    #[test]
    fn a_request_may_name_a_resource_by_uri_or_application_id() {
        for name in [
            "https://api.partner.microsoft.com",
            "https://api.partner.microsoft.com/",
            "https://API.partner.microsoft.com",
            "4990cffe-04e8-4e8b-808a-1175604b879f",
        ] {
            assert_eq!(Resource::parse(name), Some(Resource::Partner), "{name}");
        }
        assert_eq!(Resource::parse("https://api.partner.microsoft.com//"), None);
        assert_eq!(Resource::parse("https://graph.windows.net"), None);
        assert_eq!(Resource::parse(""), None);
    }

    #[test]
    fn an_audience_is_compared_to_the_letter() {
        assert!(Audiences::PARTNER.contains("https://api.partner.microsoft.com"));
        assert!(Audiences::PARTNER.contains("4990cffe-04e8-4e8b-808a-1175604b879f"));
        assert!(!Audiences::PARTNER.contains("https://api.partner.microsoft.com/"));
        assert!(!Audiences::PARTNER.contains("https://api.partnercenter.microsoft.com"));
        assert!(!Audiences::PARTNER.contains("4990CFFE-04E8-4E8B-808A-1175604B879F"));
    }
}
