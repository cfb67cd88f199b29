//! By which names the server is called, and which pages may change something: what keeps a foreign page out that talks
//! to us through somebody's browser.

use std::net::IpAddr;

use axum::http::{HeaderMap, HeaderValue, Uri, header, uri::Authority};

/// No page on the internet has a name that ends so: these are not given away.
const PRIVATE: [&str; 5] = ["local", "localhost", "internal", "home.arpa", "lan"];

/// The names by which the server is called.
#[derive(Debug)]
pub(super) struct Sites {
    /// In lower case; `*` is any.
    hosts: Vec<String>,
    /// Foreign pages that may call the API.
    origins: Vec<HeaderValue>,
}

impl Sites {
    pub(super) fn new(hosts: Vec<String>, origins: Vec<HeaderValue>) -> Self {
        Self { hosts, origins }
    }

    /// Whether `authority`, the value of a `Host`, is a name of ours.
    ///
    /// DNS rebinding: a page of `evil.example` has that name resolve to our address, and is then same-origin with us.
    /// It cannot do so with an address, nor with a name that the internet's DNS does not have: one without a dot, or
    /// below a private ending.
    pub(super) fn is_ours(&self, authority: &str) -> bool {
        if self.hosts.iter().any(|host| host == "*") || authority.is_empty() {
            return true;
        }
        let Ok(authority) = authority.parse::<Authority>() else {
            return false;
        };
        // The library counts a name and a password in front of `@` to the authority; a Host has none.
        if authority.as_str().contains('@') {
            return false;
        }
        let name = authority.host().trim_end_matches('.').to_ascii_lowercase();
        let in_brackets = name.strip_prefix('[').and_then(|n| n.strip_suffix(']'));
        let is_address = in_brackets.unwrap_or(&name).parse::<IpAddr>().is_ok();
        is_address
            || !name.contains(['.', '['])
            || PRIVATE.iter().any(|ending| {
                let rest = name.strip_suffix(ending);
                rest.is_some_and(|rest| rest.ends_with('.'))
            })
            || self.hosts.contains(&name)
    }

    /// Whether the page that sends this may change something here. Browsers let a page of any site send requests to any
    /// server and open sockets to it, cookies along with them, and say whose page it is. Programs say nothing.
    pub(super) fn may_change(
        &self,
        headers: &HeaderMap,
        host: Option<&str>,
        is_https: bool,
    ) -> bool {
        let Some(origin) = headers.get(header::ORIGIN) else {
            return true;
        };
        is_same_site(origin, host, is_https) || self.origins.contains(origin)
    }
}

fn is_same_site(origin: &HeaderValue, host: Option<&str>, is_https: bool) -> bool {
    let uri = origin.to_str().ok().and_then(|o| o.parse::<Uri>().ok());
    let Some(uri) = uri else { return false };
    // Whoever is on the way may write into a page that came without TLS.
    if is_https && uri.scheme_str() != Some("https") {
        return false;
    }
    // The port of `https://door.example` stands nowhere: a proxy's Host may name it.
    let bare = |text: &str| {
        let text = text.to_ascii_lowercase();
        let text = text.strip_suffix(":443").unwrap_or(&text);
        text.strip_suffix(":80").unwrap_or(text).to_owned()
    };
    match (uri.authority(), host) {
        (Some(origin), Some(host)) => bare(origin.as_str()) == bare(host),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_the_internet_are_ours_only_if_they_are_listed() {
        let sites = Sites::new(vec!["door.example".to_owned()], vec![]);
        for host in [
            "",
            "192.168.1.9",
            "192.168.1.9:3000",
            "[fd00::1]",
            "[::1]:3000",
            "localhost:3000",
            "localhost.",
            "raspberrypi",
            "my_cam:3000",
            "pi.local",
            "PI.LOCAL:80",
            "cam.lan",
            "cam.home.arpa",
            "door.example",
            "Door.Example:8443",
            "door.example.",
        ] {
            assert!(sites.is_ours(host), "{host}");
        }
        for host in [
            "evil.example",
            "evil.example:3000",
            "door.example.evil.example",
            "xlocal.example",
            "local.example",
            "evil.notlocal",
            "1.2.3.4.evil.example",
            "me@door.example",
            "a b",
            "localhost@evil.example",
            "127.0.0.1.nip.io",
            "[evil]x.example",
            "sub.door.example",
        ] {
            assert!(!sites.is_ours(host), "{host}");
        }
        assert!(Sites::new(vec!["*".to_owned()], vec![]).is_ours("evil.example"));
    }

    fn check(origin: Option<&'static str>, host: Option<&str>, is_https: bool, allowed: bool) {
        let listed = HeaderValue::from_static("https://panel.example");
        let sites = Sites::new(vec![], vec![listed]);
        let mut headers = HeaderMap::new();
        if let Some(origin) = origin {
            headers.insert(header::ORIGIN, HeaderValue::from_static(origin));
        }
        let found = sites.may_change(&headers, host, is_https);
        assert_eq!(found, allowed, "{origin:?} {host:?} {is_https}");
    }

    #[test]
    fn only_programs_and_our_own_pages_may_change_something() {
        check(None, Some("pi:3000"), false, true);
        check(None, None, false, true);
        check(Some("http://pi:3000"), Some("pi:3000"), false, true);
        check(
            Some("https://Door.example"),
            Some("door.example:443"),
            false,
            true,
        );
        check(
            Some("https://door.example"),
            Some("door.example"),
            true,
            true,
        );
        check(
            Some("http://door.example"),
            Some("door.example"),
            true,
            false,
        );
        check(Some("http://pi:3001"), Some("pi:3000"), false, false);
        check(Some("http://evil.example"), Some("pi:3000"), false, false);
        check(Some("null"), Some("pi:3000"), false, false);
        check(
            Some("http://pi:3000.evil.example"),
            Some("pi:3000"),
            false,
            false,
        );
        check(Some("http://pi:3000"), None, false, false);
        check(Some("https://panel.example"), Some("pi:3000"), false, true);
        check(Some("http://panel.example"), Some("pi:3000"), false, false);
        check(
            Some("https://panel.example:444"),
            Some("pi:3000"),
            false,
            false,
        );
    }
}
