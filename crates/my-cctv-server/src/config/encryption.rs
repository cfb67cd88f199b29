//! Where the server's certificate comes from: the keys of `[server.tls]`.

use serve::HostName;
use tls::{Acme, Challenge, DomainName};

use super::{
    checked::TlsConfig,
    raw::{RawAcme, RawChallenge, RawServer, RawTls},
};

/// The key below `server.tls`, and what is wrong with it.
type Problem = (&'static str, String);

/// As many names as Let's Encrypt takes for one certificate.
const MAX_DOMAINS: usize = 100;

pub(super) fn check_tls(server: &RawServer) -> Result<Option<TlsConfig>, Problem> {
    let RawTls {
        enabled,
        certificate,
        key,
        redirect_from,
        acme,
    } = &server.tls;
    let is_acme_meant = acme.is_written();
    if *enabled != Some(true) {
        // Whoever wrote more than this meant to be safe.
        let meant =
            certificate.is_some() || key.is_some() || redirect_from.is_some() || is_acme_meant;
        if meant && enabled.is_none() {
            let problem = "the other keys of [server.tls] do nothing without it; set it to true, or to false if that is what you want";
            return Err(("enabled", problem.to_owned()));
        }
        return Ok(None);
    }
    let missing = |other: &str| {
        format!(
            "is wanted beside `{other}`; with neither, the server makes a certificate of its own"
        )
    };
    let folder = server.data_dir.join("tls");
    let origin = match (certificate, key) {
        (Some(_), Some(_)) if is_acme_meant => {
            let problem = "a certificate from files is not ordered: take these keys away, or `certificate` and `key`";
            return Err(("acme.domains", problem.to_owned()));
        }
        (Some(certificate), Some(key)) => tls::Origin::Files {
            certificate: certificate.clone(),
            key: key.clone(),
        },
        (None, None) if is_acme_meant => tls::Origin::Authority {
            folder,
            acme: check_acme(acme, *redirect_from)?,
        },
        (None, None) => tls::Origin::Own { folder },
        (None, Some(_)) => return Err(("certificate", missing("key"))),
        (Some(_), None) => return Err(("key", missing("certificate"))),
    };
    if server.port != 0 && *redirect_from == Some(server.port) {
        let problem = format!(
            "{} is the encrypted port already (`server.port`)",
            server.port
        );
        return Err(("redirect_from", problem));
    }
    Ok(Some(TlsConfig {
        origin,
        redirect_from: *redirect_from,
    }))
}

impl RawAcme {
    /// Somebody wrote something else than the defaults.
    fn is_written(&self) -> bool {
        let Self {
            domains,
            email,
            directory,
            challenge,
            root_certificate,
        } = Self::default();
        self.domains != domains
            || self.email != email
            || self.directory != directory
            || self.challenge != challenge
            || self.root_certificate != root_certificate
    }
}

fn check_acme(raw: &RawAcme, redirect_from: Option<u16>) -> Result<Acme, Problem> {
    if raw.domains.is_empty() {
        let problem = "is wanted beside the other keys of [server.tls.acme]: the names for which a certificate is ordered, such as `[\"door.example.org\"]`";
        return Err(("acme.domains", problem.to_owned()));
    }
    if raw.domains.len() > MAX_DOMAINS {
        let problem = format!(
            "{} names are too many: at most {MAX_DOMAINS}",
            raw.domains.len()
        );
        return Err(("acme.domains", problem));
    }
    let mut domains: Vec<DomainName> = Vec::new();
    for text in &raw.domains {
        let name = text.parse().map_err(|problem| ("acme.domains", problem))?;
        if domains.contains(&name) {
            return Err(("acme.domains", format!("`{text}` is there twice")));
        }
        domains.push(name);
    }
    let email = raw.email.as_deref().map(str::parse).transpose();
    let challenge = match raw.challenge {
        RawChallenge::TlsAlpn01 => Challenge::TlsAlpn01,
        RawChallenge::Http01 => Challenge::Http01,
    };
    if challenge == Challenge::Http01 && redirect_from.is_none() {
        let problem = "`http-01` is answered on a plain port: name it in `server.tls.redirect_from`, and have port 80 of the names lead to it";
        return Err(("acme.challenge", problem.to_owned()));
    }
    Ok(Acme {
        domains,
        email: email.map_err(|problem| ("acme.email", problem))?,
        directory: raw
            .directory
            .parse()
            .map_err(|problem| ("acme.directory", problem))?,
        challenge,
        root_certificate: raw.root_certificate.clone(),
    })
}

/// The names that the certificate is for are names of the server.
pub(super) fn host_names(tls: Option<&TlsConfig>) -> Vec<HostName> {
    let Some(TlsConfig {
        origin: tls::Origin::Authority { acme, .. },
        ..
    }) = tls
    else {
        return Vec::new();
    };
    let names = acme.domains.iter();
    names
        .filter_map(|name| name.as_str().parse().ok())
        .collect()
}

/// What is ordered, in words, and which way the authority has to find.
pub(super) fn explain(acme: &Acme) -> String {
    let names: Vec<_> = acme.domains.iter().map(DomainName::as_str).collect();
    let way = match acme.challenge {
        Challenge::TlsAlpn01 => "port 443 of each name has to lead to the encrypted port",
        Challenge::Http01 => "port 80 of each name has to lead to the port that redirects",
    };
    format!(
        "TLS with a certificate for {} from {} by {}: {way}",
        names.join(", "),
        acme.directory.as_str(),
        acme.challenge
    )
}

#[cfg(test)]
mod tests {
    use super::super::{Config, raw::RawConfig};

    fn config(text: &str) -> Result<Config, String> {
        let text = format!("[server.tls]\nenabled = true\n{text}");
        let raw: RawConfig = toml::from_str(&text).map_err(|error| error.to_string())?;
        Config::check(raw, "f".to_owned()).map_err(|error| error.to_string())
    }

    #[test]
    fn what_cannot_be_ordered_is_refused_by_name() {
        let check = |text: &str, words: &[&str]| {
            let error = config(text).expect_err("must not be accepted");
            for word in words {
                assert!(error.contains(word), "`{error}` does not say `{word}`");
            }
        };
        check(
            "acme.email = \"me@example.org\"",
            &["`server.tls.acme.domains`: is wanted"],
        );
        check(
            "acme.domains = [\"*.example.org\"]",
            &["`server.tls.acme.domains`", "all names below one"],
        );
        check(
            "acme.domains = [\"192.0.2.1\"]",
            &["`server.tls.acme.domains`", "it is an address"],
        );
        check(
            "acme.domains = [\"a.org\", \"A.org\"]",
            &["`server.tls.acme.domains`: `A.org` is there twice"],
        );
        let many: Vec<_> = (0..101).map(|i| format!("\"a{i}.org\"")).collect();
        check(
            &format!("acme.domains = [{}]", many.join(",")),
            &["101 names are too many"],
        );
        check(
            "acme = { domains = [\"a.org\"], email = \"me\" }",
            &["`server.tls.acme.email`: `me` is no address"],
        );
        check(
            "acme = { domains = [\"a.org\"], directory = \"http://a.org/dir\" }",
            &["`server.tls.acme.directory`", "https://"],
        );
        check(
            "acme = { domains = [\"a.org\"], challenge = \"http-01\" }",
            &["`server.tls.acme.challenge`", "redirect_from", "port 80"],
        );
        check(
            "acme = { domains = [\"a.org\"], challenge = \"dns-01\" }",
            &["dns-01", "tls-alpn-01", "http-01"],
        );
        check(
            "certificate = \"a\"\nkey = \"b\"\nacme.domains = [\"a.org\"]",
            &["`server.tls.acme.domains`", "from files"],
        );
        check("acme.domain = [\"a.org\"]", &["domain", "domains"]);
    }

    #[test]
    fn what_can_be_is_explained() {
        let check = |text: &str, words: &[&str]| {
            let said = config(text).unwrap().explain();
            for word in words {
                assert!(said.contains(word), "`{said}` does not say `{word}`");
            }
        };
        check(
            "acme.domains = [\"a.org\", \"b.org\"]",
            &[
                "for a.org, b.org from https://acme-v02.api.letsencrypt.org/directory",
                "port 443",
            ],
        );
        check(
            "redirect_from = 8080\nacme = { domains = [\"a.org\"], challenge = \"http-01\" }",
            &["http-01", "port 80"],
        );
    }
}
