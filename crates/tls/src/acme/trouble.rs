//! Why there is no certificate, for the person who can mend it.

use std::{fmt, time::Duration};

use instant_acme::{Error as AcmeError, Problem};

use super::{Acme, Challenge, client::Silence, plan::End};

/// As much of an authority's own words as goes into a line of the log.
const MAX_CHARS: usize = 300;
const URN: &str = "urn:ietf:params:acme:error:";

/// What happened, and what to do about it.
#[derive(Debug)]
pub(super) struct Trouble {
    what: String,
    advice: String,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// On this machine: nobody was asked.
    Here,
    /// It passes by itself, and nobody has counted it.
    Passing,
    Refused,
    /// The account is not known there any more.
    NoAccount,
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        if !self.advice.is_empty() {
            write!(f, "; {}", self.advice)?;
        }
        Ok(())
    }
}

impl Trouble {
    fn new(kind: Kind, what: impl Into<String>, advice: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            advice: advice.into(),
            kind,
        }
    }

    /// Something on this machine.
    pub(super) fn here(what: impl Into<String>) -> Self {
        Self::new(Kind::Here, what, "")
    }

    /// The authority answers, and what it says makes no sense.
    pub(super) fn nonsense(what: impl fmt::Display) -> Self {
        let advice = "is `server.tls.acme.directory` the address of an ACME directory?";
        let what = format!("the authority's answer cannot be used: {what}");
        Self::new(Kind::Refused, in_one_line(&what), advice)
    }

    /// The authority goes on and on.
    pub(super) fn slow(after: Duration) -> Self {
        let what = format!(
            "the authority did not come to an end within {} s",
            after.as_secs()
        );
        Self::new(Kind::Refused, what, "")
    }

    /// What the library says.
    pub(super) fn of(error: &AcmeError, acme: &Acme) -> Self {
        match error {
            AcmeError::Api(problem) => Self::refused(None, problem, acme),
            AcmeError::Timeout(_) => Self::new(Kind::Refused, "the authority takes its time", ""),
            AcmeError::Json(_) => Self::nonsense("it is not what ACME has at this place"),
            AcmeError::Other(other) => match other.downcast_ref::<Silence>() {
                Some(silence @ Silence::Unreached(_)) => {
                    let advice = "is this machine on the internet, does it find names (DNS), and is its clock right?";
                    let what = format!("the authority cannot be reached: {silence}");
                    Self::new(Kind::Passing, in_one_line(&what), advice)
                }
                Some(silence) => {
                    let what = format!("the authority gives no answer that can be used: {silence}");
                    Self::new(Kind::Refused, in_one_line(&what), "")
                }
                None => Self::nonsense(other),
            },
            error => Self::nonsense(error),
        }
    }

    /// What the authority says is wrong, with this name if it is one.
    pub(super) fn refused(domain: Option<&str>, problem: &Problem, acme: &Acme) -> Self {
        let kind = problem.r#type.as_deref().unwrap_or_default();
        let kind = kind.strip_prefix(URN).unwrap_or(kind);
        let detail = problem.detail.as_deref().unwrap_or("without a reason");
        let about = domain.map(|name| format!(" {name}")).unwrap_or_default();
        let mut what = format!("the authority refuses{about}: {detail} ({kind})");
        for sub in &problem.subproblems {
            what = format!("{what}, {sub}");
        }
        let advice = advice(kind, domain, acme);
        let kind = match kind {
            "accountDoesNotExist" => Kind::NoAccount,
            // The library has tried again already, and authorities want it so.
            "badNonce" => Kind::Passing,
            _ => Kind::Refused,
        };
        Self::new(kind, in_one_line(&what), advice)
    }

    pub(super) fn is_without_account(&self) -> bool {
        self.kind == Kind::NoAccount
    }

    /// What it means for the next try.
    pub(super) fn end(&self, come_back: Option<Duration>) -> End {
        match self.kind {
            Kind::Passing => End::Unreached,
            Kind::Here | Kind::Refused | Kind::NoAccount => End::Refused { come_back },
        }
    }
}

fn advice(kind: &str, domain: Option<&str>, acme: &Acme) -> String {
    let name = match (domain, &acme.domains[..]) {
        (Some(domain), _) => domain,
        (None, [domain]) => domain.as_str(),
        (None, _) => "each of the names",
    };
    let port = match acme.challenge {
        Challenge::TlsAlpn01 => {
            format!(
                "port 443 of {name} has to lead to this server's `server.port`, past every proxy"
            )
        }
        Challenge::Http01 => {
            format!("port 80 of {name} has to lead to this server's `server.tls.redirect_from`")
        }
    };
    match kind {
        "connection" => format!(
            "{port}: look at the router's port forwarding, at firewalls, `server.allow` and `server.deny`"
        ),
        "unauthorized" if domain.is_none() => {
            "the account may be closed: with the folder `tls/acme` in `server.data_dir` removed, a new one is made"
                .to_owned()
        }
        "unauthorized" | "incorrectResponse" | "tls" => {
            format!(
                "nothing answers there, or something else does: {port}, and its A and AAAA records to this place"
            )
        }
        "dns" => format!("look at the A and AAAA records of {name}"),
        "caa" => format!("a CAA record of {name} allows other authorities only"),
        "rejectedIdentifier" | "unsupportedIdentifier" => {
            "it gives no certificate for this name: look at `server.tls.acme.domains`".to_owned()
        }
        "rateLimited" => "there were too many orders: they are counted for days".to_owned(),
        "invalidContact" | "unsupportedContact" => "look at `server.tls.acme.email`".to_owned(),
        "externalAccountRequired" => {
            "it wants an account that was made elsewhere, which this server cannot have".to_owned()
        }
        "userActionRequired" => "its terms have changed: see its web site".to_owned(),
        _ => String::new(),
    }
}

/// Somebody else's words, in one line of bounded length.
fn in_one_line(text: &str) -> String {
    let mut line: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(MAX_CHARS)
        .collect();
    if text.chars().nth(MAX_CHARS).is_some() {
        line.push('…');
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn acme(challenge: Challenge) -> Acme {
        Acme {
            domains: vec![
                "door.example".parse().unwrap(),
                "a.example".parse().unwrap(),
            ],
            email: None,
            directory: "https://acme.example/dir".parse().unwrap(),
            challenge,
            root_certificate: None,
        }
    }

    #[test]
    fn each_refusal_says_what_to_do() {
        let check = |kind: &str, challenge, want: &[&str]| {
            let problem = format!(r#"{{"type":"{URN}{kind}","detail":"it is so"}}"#);
            let problem = serde_json::from_str(&problem).unwrap();
            let said =
                Trouble::refused(Some("door.example"), &problem, &acme(challenge)).to_string();
            assert!(said.contains("refuses door.example: it is so"), "{said}");
            assert!(said.contains(kind), "{said}");
            for want in want {
                assert!(said.contains(want), "`{said}` does not say `{want}`");
            }
        };
        let (tls, http) = (Challenge::TlsAlpn01, Challenge::Http01);
        check(
            "connection",
            tls,
            &["port 443 of door.example", "server.port"],
        );
        check(
            "connection",
            http,
            &["port 80 of door.example", "redirect_from"],
        );
        check("unauthorized", tls, &["something else does", "AAAA"]);
        check(
            "incorrectResponse",
            http,
            &["something else does", "port 80"],
        );
        check("dns", tls, &["A and AAAA records of door.example"]);
        check("caa", tls, &["CAA record of door.example"]);
        check("rateLimited", tls, &["too many"]);
        check("rejectedIdentifier", tls, &["server.tls.acme.domains"]);
        check("invalidContact", tls, &["server.tls.acme.email"]);
        check("notKnownToAnybody", tls, &[]);
    }

    #[test]
    fn an_account_that_is_closed_is_not_a_port_that_is() {
        let problem = format!(r#"{{"type":"{URN}unauthorized","detail":"deactivated"}}"#);
        let problem = serde_json::from_str(&problem).unwrap();
        let said = Trouble::refused(None, &problem, &acme(Challenge::TlsAlpn01)).to_string();
        assert!(
            said.contains("tls/acme") && !said.contains("port"),
            "{said}"
        );
    }

    #[test]
    fn an_authority_does_not_write_our_log() {
        let problem = Problem {
            r#type: None,
            detail: Some(format!("a\nb\u{1b}[31m{}", "x".repeat(10_000))),
            status: None,
            subproblems: vec![],
        };
        let said = Trouble::refused(None, &problem, &acme(Challenge::Http01)).to_string();
        assert!(said.contains("refuses: a b [31mxxx"), "{said}");
        assert!(
            !said.contains(char::is_control) && said.chars().count() < 400,
            "{said}"
        );
    }
}
