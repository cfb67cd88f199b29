//! Whom a request comes from, when it comes through proxies: what they say is believed if they are trusted, and only
//! as far as they are.

use std::net::{IpAddr, SocketAddr};

use axum::http::{HeaderMap, HeaderName, header};

use accounts::Networks;

const FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
/// Nobody has more proxies in a row.
const MOST_HOPS: usize = 32;

/// A request as the outermost trusted proxy saw it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) address: SocketAddr,
    /// Whether it came over TLS, if a proxy says so.
    pub(super) is_https: Option<bool>,
    /// The name that the client used, if a proxy says so.
    pub(super) host: Option<String>,
}

/// `Forwarded` and `X-Forwarded-For` name different clients. One of them was let through by the proxy as the client
/// wrote it, and there is no telling which.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Disagreement;

/// The client behind `peer`: the rightmost address that is no trusted proxy's. What stands left of it was written by
/// the client and may be anything.
pub(super) fn seen(
    peer: SocketAddr,
    headers: &HeaderMap,
    trusted: &Networks,
) -> Result<Seen, Disagreement> {
    let mut seen = Seen {
        address: peer,
        is_https: None,
        host: None,
    };
    if !trusted.contain(peer.ip()) {
        return Ok(seen);
    }
    let words = |name| {
        let values = headers.get_all(name).iter().rev();
        values.flat_map(|value| value.to_str().unwrap_or_default().rsplit(','))
    };
    let has = |name| headers.contains_key(name);
    let old = has(FOR).then(|| client(peer, words(FOR).map(address), trusted));
    let new = has(header::FORWARDED).then(|| {
        let values = headers.get_all(header::FORWARDED).iter().rev();
        let elements = values.flat_map(|value| {
            let text = value.to_str().unwrap_or("unreadable");
            rfc7239::parse(text).rev()
        });
        let mut hops = Vec::new();
        for element in elements.take(MOST_HOPS) {
            let Ok(element) = element else {
                hops.push(None);
                break;
            };
            // The one next to us is the one that we know.
            if hops.is_empty() {
                seen.is_https = element.protocol.map(is_https);
                seen.host = element.host.map(unquoted);
            }
            let address = element.forwarded_for.and_then(|node| {
                let port = node.port.unwrap_or(0);
                Some(SocketAddr::new(node.ip()?.to_canonical(), port))
            });
            hops.push(address);
        }
        client(peer, hops.into_iter(), trusted)
    });
    seen.address = match (old, new) {
        (Some(old), Some(new)) if old.ip() != new.ip() => return Err(Disagreement),
        (old, new) => new.or(old).unwrap_or(peer),
    };
    if let Some(proto) = words(PROTO).next() {
        seen.is_https = Some(is_https(proto));
    }
    if let Some(host) = words(HOST).next().filter(|host| !host.trim().is_empty()) {
        seen.host = Some(unquoted(host));
    }
    Ok(seen)
}

/// Walks from the nearest hop outwards as long as the hops are trusted.
fn client(
    peer: SocketAddr,
    hops: impl Iterator<Item = Option<SocketAddr>>,
    trusted: &Networks,
) -> SocketAddr {
    let mut client = peer;
    for hop in hops.take(MOST_HOPS) {
        // `unknown`, a made-up name, nonsense: the one that wrote it is the last that is known.
        let Some(hop) = hop else { break };
        client = hop;
        if !trusted.contain(hop.ip()) {
            break;
        }
    }
    client
}

/// `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:80`.
fn address(text: &str) -> Option<SocketAddr> {
    let text = text.trim().trim_matches('"');
    let bare = text.strip_prefix('[').and_then(|t| t.strip_suffix(']'));
    let with_port = || text.parse::<SocketAddr>().ok();
    let alone = bare.unwrap_or(text).parse::<IpAddr>().ok();
    let address = alone.map(|ip| SocketAddr::new(ip, 0)).or_else(with_port)?;
    Some(SocketAddr::new(address.ip().to_canonical(), address.port()))
}

fn is_https(word: &str) -> bool {
    matches!(&*unquoted(word).to_ascii_lowercase(), "https" | "wss")
}

fn unquoted(text: &str) -> String {
    text.trim().trim_matches('"').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(peer: &str, headers: &[(&'static str, &str)]) -> Result<Seen, Disagreement> {
        let trusted = ["127.0.0.1", "10.0.0.0/8", "fd00::/8"].map(str::to_owned);
        let trusted = Networks::parse(&trusted).unwrap();
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        seen(SocketAddr::new(peer.parse().unwrap(), 9), &map, &trusted)
    }

    fn check(peer: &str, headers: &[(&'static str, &str)], client: &str) {
        let found = ask(peer, headers).unwrap().address.ip();
        assert_eq!(
            found,
            client.parse::<IpAddr>().unwrap(),
            "{peer} {headers:?}"
        );
    }

    #[test]
    fn only_trusted_proxies_are_believed_and_only_their_own_words() {
        let xff = "x-forwarded-for";
        check("192.0.2.1", &[(xff, "10.9.9.9")], "192.0.2.1");
        check("192.0.2.1", &[("forwarded", "for=10.9.9.9")], "192.0.2.1");
        check("127.0.0.1", &[], "127.0.0.1");
        check("127.0.0.1", &[(xff, "203.0.113.7")], "203.0.113.7");
        check("10.0.0.1", &[(xff, "203.0.113.7, 10.0.0.2")], "203.0.113.7");
        // What the client wrote itself stands on the left.
        check(
            "127.0.0.1",
            &[(xff, "127.0.0.1, 203.0.113.7")],
            "203.0.113.7",
        );
        check(
            "127.0.0.1",
            &[(xff, "1.1.1.1"), (xff, "203.0.113.7")],
            "203.0.113.7",
        );
        check(
            "127.0.0.1",
            &[(xff, "127.0.0.1, unknown, 10.0.0.2")],
            "10.0.0.2",
        );
        check("127.0.0.1", &[(xff, "garbage")], "127.0.0.1");
        check("127.0.0.1", &[(xff, "10.0.0.3, 10.0.0.2")], "10.0.0.3");
        check("127.0.0.1", &[(xff, "203.0.113.7:4711")], "203.0.113.7");
        check("fd00::1", &[(xff, "2001:db8::7")], "2001:db8::7");
        check("fd00::1", &[(xff, "[2001:db8::7]:80")], "2001:db8::7");
        check("127.0.0.1", &[(xff, "::ffff:10.0.0.2")], "10.0.0.2");
        let new = |value| [("forwarded", value)];
        check(
            "127.0.0.1",
            &new("for=203.0.113.7;proto=https"),
            "203.0.113.7",
        );
        check("127.0.0.1", &new("For=\"[2001:db8::7]:80\""), "2001:db8::7");
        check(
            "127.0.0.1",
            &new("for=1.1.1.1, for=203.0.113.7"),
            "203.0.113.7",
        );
        check(
            "127.0.0.1",
            &new("for=203.0.113.7, for=_hidden"),
            "127.0.0.1",
        );
        check("127.0.0.1", &new("for=1.1.1.1, nonsense"), "127.0.0.1");
        let long = "10.0.0.2, ".repeat(2000) + "10.0.0.2";
        check("127.0.0.1", &[(xff, &long)], "10.0.0.2");
    }

    #[test]
    fn two_headers_that_disagree_are_believed_neither() {
        let both = |new, old| ask("127.0.0.1", &[("forwarded", new), ("x-forwarded-for", old)]);
        assert_eq!(both("for=1.1.1.1", "203.0.113.7"), Err(Disagreement));
        let seen = both("for=203.0.113.7", "203.0.113.7").unwrap();
        assert_eq!(seen.address.ip(), IpAddr::from([203, 0, 113, 7]));
    }

    #[test]
    fn scheme_and_name_are_those_of_the_nearest_proxy() {
        let headers = [
            ("x-forwarded-proto", "http, https"),
            ("x-forwarded-host", "evil.example, door.example"),
        ];
        let seen = ask("127.0.0.1", &headers).unwrap();
        assert_eq!(
            (seen.is_https, &*seen.host.unwrap()),
            (Some(true), "door.example")
        );
        let seen = ask("192.0.2.1", &headers).unwrap();
        assert_eq!((seen.is_https, seen.host), (None, None));
        let headers = [(
            "forwarded",
            "for=1.1.1.1;host=\"door.example:8443\";proto=https",
        )];
        let seen = ask("127.0.0.1", &headers).unwrap();
        assert_eq!(
            (seen.is_https, &*seen.host.unwrap()),
            (Some(true), "door.example:8443")
        );
    }
}
