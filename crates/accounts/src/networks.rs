//! Lists of networks in CIDR notation, and where somebody may come from.

use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net};
use serde::Serialize;

/// Networks, IPv4 and IPv6. An IPv4 address written as IPv6 (`::ffff:10.0.0.1`) is the IPv4 address.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Networks(Vec<IpNet>);

impl Networks {
    /// Reads networks such as `10.0.0.0/8` and `2001:db8::/32`; an address alone is a network of one.
    ///
    /// # Errors
    /// With a sentence about the first one that is none.
    pub fn parse(texts: &[String]) -> Result<Self, String> {
        let network = |text: &String| {
            let written = text.trim();
            let network: Option<IpNet> = written
                .parse()
                .ok()
                .or_else(|| written.parse().ok().map(|address: IpAddr| address.into()));
            let network = network.ok_or_else(|| {
                format!(
                    "`{text}` is no network: expected something like `192.168.1.0/24` or `fd00::/8`"
                )
            })?;
            Ok(canonical(network.trunc()))
        };
        texts
            .iter()
            .map(network)
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// Whether the address is in one of them.
    #[must_use]
    pub fn contain(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// As it is kept: a JSON list; `None` for no network.
pub(crate) fn text_of(networks: &Networks) -> Option<String> {
    (!networks.is_empty()).then(|| serde_json::json!(networks).to_string())
}

impl Networks {
    pub(crate) fn of_text(text: Option<String>) -> Option<Self> {
        let Some(text) = text else {
            return Some(Self::default());
        };
        let texts: Vec<String> = serde_json::from_str(&text).ok()?;
        Self::parse(&texts).ok()
    }

    /// As they are written.
    #[must_use]
    pub fn texts(&self) -> Vec<String> {
        self.0.iter().map(ToString::to_string).collect()
    }
}

/// Where somebody may come from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Places {
    /// If there are any, only these.
    pub allow: Networks,
    /// Not these, whatever else is said.
    pub deny: Networks,
}

impl Places {
    /// Whether one may come from this address.
    #[must_use]
    pub fn contain(&self, address: IpAddr) -> bool {
        !self.deny.contain(address) && (self.allow.is_empty() || self.allow.contain(address))
    }
}

fn canonical(network: IpNet) -> IpNet {
    let IpAddr::V4(address) = network.addr().to_canonical() else {
        return network;
    };
    match network {
        IpNet::V6(mapped) => mapped
            .prefix_len()
            .checked_sub(96)
            .and_then(|length| Ipv4Net::new(address, length).ok())
            .map_or(network, IpNet::V4),
        IpNet::V4(_) => network,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(network: &str, address: &str, inside: bool) {
        let networks = Networks::parse(&[network.to_owned()]).unwrap();
        let found = networks.contain(address.parse().unwrap());
        assert_eq!(found, inside, "{address} in {network}");
    }

    #[test]
    fn an_address_is_in_its_network_however_it_is_written() {
        check("10.0.0.0/8", "10.255.0.1", true);
        check("10.0.0.0/8", "11.0.0.1", false);
        check("10.0.0.0/8", "::ffff:10.0.0.1", true);
        check("192.168.1.7/24", "192.168.1.200", true);
        check("192.168.1.7", "192.168.1.7", true);
        check("192.168.1.7", "192.168.1.8", false);
        check("::ffff:10.0.0.0/104", "10.1.2.3", true);
        check("::ffff:10.0.0.1", "10.0.0.1", true);
        check("2001:db8::/32", "2001:db8:1::1", true);
        check("2001:db8::/32", "2001:db9::1", false);
        check("0.0.0.0/0", "2001:db8::1", false);
        check("::/0", "10.0.0.1", false);
        check("::1", "::1", true);
    }

    #[test]
    fn whoever_is_denied_is_not_let_in_by_the_other_list() {
        let list = |texts: &[&str]| {
            let texts: Vec<_> = texts.iter().map(|text| (*text).to_owned()).collect();
            Networks::parse(&texts).unwrap()
        };
        let check = |allow: &[&str], deny: &[&str], address: &str, want: bool| {
            let places = Places {
                allow: list(allow),
                deny: list(deny),
            };
            let found = places.contain(address.parse().unwrap());
            assert_eq!(found, want, "{address} {allow:?} {deny:?}");
        };
        check(&[], &[], "203.0.113.7", true);
        check(&["192.168.0.0/16"], &[], "192.168.1.7", true);
        check(&["192.168.0.0/16"], &[], "203.0.113.7", false);
        check(&["192.168.0.0/16"], &[], "2001:db8::7", false);
        check(&[], &["203.0.113.0/24"], "203.0.113.7", false);
        check(&[], &["203.0.113.0/24"], "::ffff:203.0.113.7", false);
        check(&["10.0.0.0/8"], &["10.1.0.0/16"], "10.1.2.3", false);
        check(
            &["10.0.0.0/8", "fd00::/8"],
            &["10.1.0.0/16"],
            "fd00::1",
            true,
        );
    }

    #[test]
    fn what_is_no_network_is_named() {
        for text in [
            "",
            "10.0.0.0/33",
            "10.0.0",
            "router",
            "::/129",
            "10.0.0.0/8, ::1",
        ] {
            let error = Networks::parse(&[text.to_owned()]).unwrap_err();
            assert!(
                error.contains(&format!("`{text}` is no network")),
                "{error}"
            );
        }
    }
}
