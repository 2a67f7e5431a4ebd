//! Where an application may have people sent back to, with what they signed in for.
//!
//! An address counts when it is registered, to the letter. Only the port of an address on the person's own machine is free,
//! because a program there takes whatever port it gets (RFC 8252, section 7.3); Entra ID does the same.

use url::{Host, Url};

const CHARS_MAX: usize = 2000;

/// Reads an address that is to be registered.
///
/// # Errors
/// What is wrong with it, and what would be accepted.
pub fn parse(text: &str) -> Result<String, String> {
    let problem = |what: &str| {
        format!(
            "the redirect URI \"{text}\" {what}; register https://…, http://localhost or http://127.0.0.1 (any port \
             counts), or a scheme of the application's own such as com.example.app://signed-in"
        )
    };
    let text = text.trim();
    let url = Url::parse(text).map_err(|_| problem("is no absolute address"))?;
    if url.fragment().is_some() {
        return Err(problem("has a fragment (#…)"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(problem("has a user name"));
    }
    if text.chars().count() > CHARS_MAX {
        return Err(problem("is too long"));
    }
    match url.scheme() {
        "https" => Ok(text.to_owned()),
        "http" if is_loopback(&url) => Ok(text.to_owned()),
        "http" => Err(problem("is not encrypted and leaves the machine")),
        // What runs in a page, and what browsers give a meaning of their own. A scheme of an application's own has a dot
        // (RFC 8252, section 7.1) or is MSAL's.
        scheme if scheme.contains('.') || scheme.starts_with("msal") => Ok(text.to_owned()),
        _ => Err(problem("has a scheme that no application of its own may have")),
    }
}

/// Says whether `asked` is one of the addresses that are registered.
pub fn is_registered(registered: &[String], asked: &str) -> bool {
    registered.iter().any(|it| it == asked || is_same_but_port(it, asked))
}

/// Returns the source that a policy for forms names, so that a browser follows a redirect to `address`: its origin, or
/// its scheme.
pub fn source(address: &str) -> Option<String> {
    let url = Url::parse(address).ok()?;
    match url.scheme() {
        "http" | "https" => Some(url.origin().ascii_serialization()),
        scheme => Some(format!("{scheme}:")),
    }
}

fn is_same_but_port(registered: &str, asked: &str) -> bool {
    let (Ok(registered), Ok(mut asked)) = (Url::parse(registered), Url::parse(asked)) else { return false };
    let is_local = registered.scheme() == "http" && is_loopback(&registered);
    is_local && asked.set_port(registered.port()).is_ok() && asked == registered
}

/// Says whether an address leads to the machine that asks it.
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::{is_registered, parse, source};

    #[test]
    fn what_is_registered_counts_to_the_letter_but_for_ports_of_this_machine() {
        let registered =
            ["https://crm.example/back", "http://localhost", "http://127.0.0.1/cb"].map(str::to_owned);

        for asked in [
            "https://crm.example/back",
            "http://localhost",
            "http://localhost:4711",
            "http://localhost:4711/",
            "http://127.0.0.1:9/cb",
        ] {
            assert!(is_registered(&registered, asked), "{asked}");
        }
        for asked in [
            "https://crm.example/back/",
            "https://crm.example:8443/back",
            "https://crm.example/back?x=1",
            "https://crm.example.evil/back",
            "http://crm.example/back",
            "https://localhost:4711",
            "http://localhost:4711/other",
            "http://localhost.evil:4711",
            "http://user@localhost:4711",
            "http://localhost:4711#x",
            "http://127.0.0.1:9/cb/..",
            "http://[::1]:9/cb",
            "",
        ] {
            assert!(!is_registered(&registered, asked), "{asked}");
        }
    }

    #[test]
    fn only_addresses_that_no_stranger_reads_can_be_registered() {
        for text in ["https://crm.example/back?x=1", "http://localhost:8000/cb", "http://[::1]/cb"] {
            assert_eq!(parse(text).as_deref(), Ok(text));
        }
        for text in ["msal0e0e://auth", "com.example.app://signed-in"] {
            assert_eq!(parse(text).as_deref(), Ok(text));
        }
        for text in [
            "/back",
            "http://crm.example/back",
            "https://crm.example/#back",
            "https://user:word@crm.example/",
            "javascript:alert(1)",
            "data:text/html,x",
            "",
        ] {
            assert!(parse(text).unwrap_err().contains("redirect URI"), "{text}");
        }
    }

    #[test]
    fn a_policy_names_the_origin_or_the_scheme() {
        assert_eq!(source("https://crm.example:8443/back?x").as_deref(), Some("https://crm.example:8443"));
        assert_eq!(source("msal0e0e://auth").as_deref(), Some("msal0e0e:"));
    }
}
