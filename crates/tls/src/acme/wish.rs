//! What the operator wants of an authority, and what of it cannot be.

use std::{fmt, net::IpAddr, path::PathBuf, str::FromStr};

use http::Uri;

/// Which certificate is wanted, and from whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acme {
    /// For which names. There is at least one.
    pub domains: Vec<DomainName>,
    /// Where the authority may write to.
    pub email: Option<Email>,
    /// The authority.
    pub directory: Directory,
    /// How it is shown that the names are ours.
    pub challenge: Challenge,
    /// Authorities in a PEM file to believe besides those that the system believes, when the directory is asked.
    pub root_certificate: Option<PathBuf>,
}

/// How an authority makes sure that a name leads to this server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Challenge {
    /// It begins a connection to port 443. RFC 8737.
    TlsAlpn01,
    /// It asks for a page at port 80. RFC 8555 clause 8.3.
    Http01,
}

impl fmt::Display for Challenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TlsAlpn01 => "tls-alpn-01",
            Self::Http01 => "http-01",
        })
    }
}

/// A name of the DNS in lower case, without a dot at its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DomainName(String);

/// The address of an authority's directory, `https://…`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Directory(String);

/// An address for mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Email(String);

impl DomainName {
    /// As it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Directory {
    /// As it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Email {
    /// As it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for DomainName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let name = text.to_ascii_lowercase();
        let is_label = |label: &str| {
            (1..=63).contains(&label.len())
                && label
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'-')
                && !label.starts_with('-')
                && !label.ends_with('-')
        };
        let problem = if name.starts_with("*.") {
            "a certificate for all names below one needs a challenge by DNS, which this server does not have: write each name"
        } else if name.parse::<IpAddr>().is_ok() {
            "it is an address: authorities give certificates for names"
        } else if !name.is_ascii() {
            "write it in its ASCII form, which begins with `xn--`"
        } else if name.len() > 253 || !name.split('.').all(is_label) {
            "expected something like `door.example.org`, without `https://` and port"
        } else {
            return Ok(Self(name));
        };
        Err(format!("`{text}` is no name for a certificate: {problem}"))
    }
}

impl FromStr for Directory {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let is_right = text.parse::<Uri>().is_ok_and(|uri| {
            uri.scheme_str() == Some("https")
                && uri.host().is_some_and(|host| !host.is_empty())
                && !uri.authority().is_some_and(|it| it.as_str().contains('@'))
        });
        if is_right {
            return Ok(Self(text.to_owned()));
        }
        Err(format!(
            "`{text}` is no address of an ACME directory: expected something like \
             `https://acme-v02.api.letsencrypt.org/directory`"
        ))
    }
}

impl FromStr for Email {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // What `mailto:` gives a meaning of its own is left out.
        let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"!#$'*+-/=^_`{|}~.".contains(&b);
        let is_right = text.split_once('@').is_some_and(|(local, domain)| {
            !local.is_empty() && local.bytes().all(is_plain) && domain.parse::<DomainName>().is_ok()
        });
        if is_right && text.len() <= 254 {
            return Ok(Self(text.to_owned()));
        }
        Err(format!(
            "`{text}` is no address for mail: expected something like `me@example.org`"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_names_and_nothing_else() {
        let check = |text: &str, want: Result<&str, &str>| {
            match (text.parse::<DomainName>(), want) {
                (Ok(name), Ok(want)) => assert_eq!(name.as_str(), want),
                (Err(said), Err(want)) => {
                    assert!(said.contains(want), "`{said}` does not say `{want}`");
                }
                (found, _) => panic!("{text}: {found:?}"),
            };
        };
        check("door.example.org", Ok("door.example.org"));
        check("Door.Example.ORG", Ok("door.example.org"));
        check("xn--tr-eka.example", Ok("xn--tr-eka.example"));
        check("pi", Ok("pi"));
        check("*.example.org", Err("all names below one"));
        check("192.0.2.1", Err("it is an address"));
        check("2001:db8::1", Err("it is an address"));
        check("tür.example", Err("`xn--`"));
        let long = format!("{}.org", "a".repeat(64));
        for text in [
            "",
            ".",
            "a..b",
            "a.",
            "-a.org",
            "a-.org",
            "https://a.org",
            "a.org:443",
            "a b",
            "a_b.org",
            "a.org/x",
            "a\n",
            &long,
            &"a.".repeat(150),
        ] {
            check(text, Err("something like `door.example.org`"));
        }
    }

    #[test]
    fn a_directory_is_asked_over_tls() {
        let is_right = |text: &str| text.parse::<Directory>().is_ok();
        assert!(is_right("https://acme-v02.api.letsencrypt.org/directory"));
        assert!(is_right("https://[::1]:14000/dir"));
        for text in [
            "",
            "acme.example",
            "http://acme.example/dir",
            "https:///dir",
            "https://me:secret@acme.example/dir",
            "file:///etc/passwd",
        ] {
            assert!(!is_right(text), "{text}");
        }
    }

    #[test]
    fn mail_has_one_address() {
        let is_right = |text: &str| text.parse::<Email>().is_ok();
        assert!(is_right("me@example.org") && is_right("a.b+c@pi.example"));
        for text in [
            "",
            "me",
            "@example.org",
            "me@",
            "mailto:me@a.org",
            "a@b.org,c@d.org",
            "a@b.org?cc=x",
            "a b@c.org",
        ] {
            assert!(!is_right(text), "{text}");
        }
    }
}
