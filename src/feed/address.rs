//! Which addresses an outgoing call may reach: what an address is, and where a webhook's URL may lead.
//!
//! A foreign organisation chooses the URL, so it must not lead to where only this server gets. What an address is
//! follows the special-purpose registries of IANA; forms of IPv6 that carry an IPv4 address are refused whatever they
//! carry, because who translates them is not known here.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use url::{Host, Url};

/// The longest URL that is taken, in bytes.
pub const URL_BYTES_MAX: usize = 2048;

/// Why an address is no public one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressKind {
    /// No address at all: `0.0.0.0/8`, `::`.
    Unspecified,
    /// This machine.
    Loopback,
    /// A private network, or a unique local address.
    Private,
    /// Shared by the customers of a provider (carrier-grade NAT).
    Shared,
    /// This link only; cloud machines learn their secrets from one of these.
    LinkLocal,
    /// Several receivers, or all.
    Multicast,
    /// For documents, not for packets.
    Documentation,
    /// For measuring networks.
    Benchmarking,
    /// An IPv4 address in the clothes of IPv6: mapped, compatible, translated, 6to4, Teredo, ISATAP.
    Translated,
    /// Set aside for protocols and for the future.
    Reserved,
}

impl AddressKind {
    /// Returns what kind of address this is; `None` for a public one.
    pub fn of(address: IpAddr) -> Option<Self> {
        match address {
            IpAddr::V4(address) => of_v4(address),
            IpAddr::V6(address) => of_v6(address),
        }
    }
}

impl fmt::Display for AddressKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unspecified => "unspecified",
            Self::Loopback => "loopback",
            Self::Private => "private",
            Self::Shared => "shared (carrier-grade NAT)",
            Self::LinkLocal => "link-local",
            Self::Multicast => "multicast",
            Self::Documentation => "documentation",
            Self::Benchmarking => "benchmarking",
            Self::Translated => "translated",
            Self::Reserved => "reserved",
        })
    }
}

/// How far outgoing calls may reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Public addresses.
    Public,
    /// Public addresses and this machine.
    Loopback,
    /// Every address.
    Everywhere,
}

impl Reach {
    /// Returns why an address is out of reach; `None` when it is not.
    pub fn refuses(self, address: IpAddr) -> Option<AddressKind> {
        let kind = AddressKind::of(address)?;
        match self {
            Self::Public => Some(kind),
            Self::Loopback if kind == AddressKind::Loopback => None,
            Self::Loopback => Some(kind),
            Self::Everywhere => None,
        }
    }
}

/// Where a URL may lead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Guard {
    /// Says whether plain http will do.
    pub is_http_allowed: bool,
    /// Which addresses may be called.
    pub reach: Reach,
}

/// What is wrong with a URL. The text says what would do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UrlProblem {
    /// It is too long.
    #[error("has {0} bytes; at most {URL_BYTES_MAX} are taken")]
    TooLong(usize),
    /// It is no absolute URL.
    #[error("is no absolute URL ({0}); write one such as https://hooks.example/path")]
    Unreadable(#[from] url::ParseError),
    /// It has another scheme.
    #[error("has the scheme {0}; use https")]
    NotHttps(String),
    /// It has another scheme, where http is allowed too.
    #[error("has the scheme {0}; use https or http")]
    NotHttp(String),
    /// It has a name or a password before the host.
    #[error("has a name or a password before its host; leave them out")]
    UserInfo,
    /// It names an address that may not be called.
    #[error("leads to {address}, a {kind} address; use a public one")]
    Address {
        /// The address, in its usual form.
        address: IpAddr,
        /// What it is.
        kind: AddressKind,
    },
}

impl Guard {
    /// Reads a URL and judges everything about it that can be judged without asking for the addresses of its host.
    /// Those are judged at every call.
    pub fn read(&self, text: &str) -> Result<Url, UrlProblem> {
        if text.len() > URL_BYTES_MAX {
            return Err(UrlProblem::TooLong(text.len()));
        }
        let url = Url::parse(text)?;
        match (url.scheme(), self.is_http_allowed) {
            ("https", _) | ("http", true) => {}
            (scheme, true) => return Err(UrlProblem::NotHttp(scheme.to_owned())),
            (scheme, false) => return Err(UrlProblem::NotHttps(scheme.to_owned())),
        }
        // What stands before the host is dropped by some parsers and followed by others: a way to mislead a reader.
        if !url.username().is_empty() || url.password().is_some() {
            return Err(UrlProblem::UserInfo);
        }
        let literal = match url.host() {
            Some(Host::Ipv4(address)) => Some(IpAddr::V4(address)),
            Some(Host::Ipv6(address)) => Some(IpAddr::V6(address)),
            Some(Host::Domain(_)) | None => None,
        };
        match literal.and_then(|address| Some((address, self.reach.refuses(address)?))) {
            Some((address, kind)) => Err(UrlProblem::Address { address, kind }),
            None => Ok(url),
        }
    }
}

fn of_v4(address: Ipv4Addr) -> Option<AddressKind> {
    let kind = match address.octets() {
        [0, ..] => AddressKind::Unspecified,
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] => AddressKind::Private,
        [100, 64..=127, ..] => AddressKind::Shared,
        [127, ..] => AddressKind::Loopback,
        [169, 254, ..] => AddressKind::LinkLocal,
        [192, 0, 2, _] | [198, 51, 100, _] | [203, 0, 113, _] => AddressKind::Documentation,
        // Protocol assignments; the anycast relays of 6to4; direct delegation of AS112.
        [192, 0, 0, _] | [192, 88, 99, _] | [192, 31, 196, _] | [192, 52, 193, _] | [192, 175, 48, _] => {
            AddressKind::Reserved
        }
        [198, 18..=19, ..] => AddressKind::Benchmarking,
        // The wire server of a large cloud, which lies among public addresses and answers its machines only.
        [168, 63, 129, 16] => AddressKind::LinkLocal,
        [224..=239, ..] => AddressKind::Multicast,
        [240..=255, ..] => AddressKind::Reserved,
        _ => return None,
    };
    Some(kind)
}

fn of_v6(address: Ipv6Addr) -> Option<AddressKind> {
    let kind = match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0] => AddressKind::Unspecified,
        [0, 0, 0, 0, 0, 0, 0, 1] => AddressKind::Loopback,
        // Compatible and mapped, and every other use of the first 80 bits being zero.
        [0, 0, 0, 0, 0, ..] | [0, 0, 0, 0, 0xffff, 0, ..] => AddressKind::Translated,
        // NAT64, well-known and local; 6to4; Teredo.
        [0x0064, 0xff9b, ..] | [0x2002, ..] | [0x2001, 0, ..] => AddressKind::Translated,
        // ISATAP: an interface identifier that carries an IPv4 address.
        [_, _, _, _, 0x0000 | 0x0200, 0x5efe, _, _] => AddressKind::Translated,
        [0x2001, 0x0002, 0, ..] => AddressKind::Benchmarking,
        [0x2001, 0x0db8, ..] | [0x3fff, 0x0000..=0x0fff, ..] => AddressKind::Documentation,
        // ORCHID and what else is set aside for protocols.
        [0x2001, 0x0000..=0x01ff, ..] => AddressKind::Reserved,
        [0xfc00..=0xfdff, ..] => AddressKind::Private,
        // Site-local addresses are deprecated, but networks that use them are as private as before.
        [0xfec0..=0xfeff, ..] => AddressKind::Private,
        [0xfe80..=0xfebf, ..] => AddressKind::LinkLocal,
        [0xff00..=0xffff, ..] => AddressKind::Multicast,
        // Everything that is assigned for use lies in 2000::/3.
        [0x2000..=0x3fff, ..] => return None,
        _ => AddressKind::Reserved,
    };
    Some(kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn public_addresses_are_public() {
        for text in ["8.8.8.8", "1.1.1.1", "100.63.255.255", "172.32.0.1", "198.20.0.1", "2606:4700::1111"] {
            assert_eq!(AddressKind::of(text.parse().unwrap()), None, "{text}");
        }
    }

    #[test]
    fn each_kind_is_told_by_its_first_and_last_address() {
        let cases = [
            ("0.0.0.0", "0.255.255.255", AddressKind::Unspecified),
            ("10.0.0.0", "10.255.255.255", AddressKind::Private),
            ("100.64.0.0", "100.127.255.255", AddressKind::Shared),
            ("127.0.0.0", "127.255.255.255", AddressKind::Loopback),
            ("169.254.0.0", "169.254.255.255", AddressKind::LinkLocal),
            ("172.16.0.0", "172.31.255.255", AddressKind::Private),
            ("192.0.0.0", "192.0.0.255", AddressKind::Reserved),
            ("192.0.2.0", "192.0.2.255", AddressKind::Documentation),
            ("192.168.0.0", "192.168.255.255", AddressKind::Private),
            ("198.18.0.0", "198.19.255.255", AddressKind::Benchmarking),
            ("224.0.0.0", "239.255.255.255", AddressKind::Multicast),
            ("240.0.0.0", "255.255.255.255", AddressKind::Reserved),
            ("::ffff:0:0", "::ffff:ffff:ffff", AddressKind::Translated),
            ("64:ff9b::", "64:ff9b::ffff:ffff", AddressKind::Translated),
            ("2002::", "2002:ffff::", AddressKind::Translated),
            ("fc00::", "fdff:ffff::", AddressKind::Private),
            ("fe80::", "febf:ffff::", AddressKind::LinkLocal),
            ("ff00::", "ffff::", AddressKind::Multicast),
            ("2001:db8::", "2001:db8:ffff::", AddressKind::Documentation),
        ];
        for (first, last, kind) in cases {
            assert_eq!(AddressKind::of(first.parse().unwrap()), Some(kind), "{first}");
            assert_eq!(AddressKind::of(last.parse().unwrap()), Some(kind), "{last}");
        }
    }

    #[test]
    fn a_sandbox_reaches_this_machine_and_no_other_private_one() {
        assert_eq!(Reach::Loopback.refuses("127.0.0.1".parse().unwrap()), None);
        assert_eq!(Reach::Loopback.refuses("::1".parse().unwrap()), None);
        assert_eq!(Reach::Loopback.refuses("10.0.0.1".parse().unwrap()), Some(AddressKind::Private));
        assert_eq!(Reach::Everywhere.refuses("10.0.0.1".parse().unwrap()), None);
    }

    #[test]
    fn a_url_is_told_what_would_do() {
        let guard = Guard { is_http_allowed: false, reach: Reach::Public };
        let problem = |text: &str| guard.read(text).unwrap_err().to_string();

        assert_eq!(problem("http://a.example"), "has the scheme http; use https");
        assert_eq!(
            problem("https://0x7f000001/"),
            "leads to 127.0.0.1, a loopback address; use a public one"
        );
        assert_eq!(
            problem("https://a@b.example/"),
            "has a name or a password before its host; leave them out"
        );
        assert!(problem("/path").contains("https://hooks.example/path"));
        assert!(guard.read("https://hooks.contoso.example/partner-center?key=1").is_ok());
    }
}
