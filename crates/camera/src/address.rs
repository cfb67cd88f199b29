//! Where a network camera is, and whether it may be connected to.

use std::{
    fmt, io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    str::FromStr,
    time::Duration,
};

use hyper::Uri;
use percent_encoding::percent_decode_str;
use tokio::{net::lookup_host, time::timeout};

use crate::InvalidSource;

/// How long a name may take to be resolved.
const PATIENCE: Duration = Duration::from_secs(5);

/// An address as the operator wrote it. The login and the query are secrets: they are never printed.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Address {
    scheme: &'static str,
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) path_and_query: String,
    pub(crate) login: Option<Login>,
}

/// A name and a password, percent-decoded.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Login {
    pub(crate) name: String,
    pub(crate) password: String,
}

/// Where an MJPEG stream over HTTP is. The login and the query are secrets: they are never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct HttpAddress(pub(crate) Address);

/// Where an RTSP stream is. The login and the query are secrets: they are never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct RtspAddress(pub(crate) Address);

impl FromStr for HttpAddress {
    type Err = InvalidSource;

    fn from_str(text: &str) -> Result<Self, InvalidSource> {
        Address::parse(text, "http", 80).map(Self)
    }
}

impl FromStr for RtspAddress {
    type Err = InvalidSource;

    fn from_str(text: &str) -> Result<Self, InvalidSource> {
        Address::parse(text, "rtsp", 554).map(Self)
    }
}

impl Address {
    fn parse(text: &str, scheme: &'static str, default_port: u16) -> Result<Self, InvalidSource> {
        let uri: Uri = text
            .parse()
            .map_err(|_| InvalidSource::Address("it is not well formed"))?;
        let authority = uri
            .authority()
            .ok_or(InvalidSource::Address("it names no host"))?;
        let host = authority
            .host()
            .trim_start_matches('[')
            .trim_end_matches(']');
        if host.is_empty() {
            return Err(InvalidSource::Address("it names no host"));
        }
        let login = authority.as_str().rsplit_once('@').map(|(login, _)| {
            let (name, password) = login.split_once(':').unwrap_or((login, ""));
            let decoded = |text| percent_decode_str(text).decode_utf8_lossy().into_owned();
            Login {
                name: decoded(name),
                password: decoded(password),
            }
        });
        Ok(Self {
            scheme,
            host: host.to_owned(),
            port: authority.port_u16().unwrap_or(default_port),
            path_and_query: uri
                .path_and_query()
                .map_or("/", |path| path.as_str())
                .to_owned(),
            login,
        })
    }

    /// `host:port`, as a URL has it.
    pub(crate) fn authority(&self) -> String {
        match self.host.contains(':') {
            true => format!("[{}]:{}", self.host, self.port),
            false => format!("{}:{}", self.host, self.port),
        }
    }

    /// Resolves the name to what may be connected to, in the resolver's order. Connect to these and not to the name:
    /// it may mean something else by then.
    pub(crate) async fn resolve(&self) -> io::Result<Vec<SocketAddr>> {
        let mut found: Vec<SocketAddr> = timeout(PATIENCE, lookup_host((&*self.host, self.port)))
            .await
            .map_err(|_| io::Error::other("the name was not resolved in time"))??
            .collect();
        found.retain(|address| is_allowed(address.ip()));
        if found.is_empty() {
            return Err(io::Error::other(
                "this address is reserved for the machine's own network services",
            ));
        }
        Ok(found)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path_and_query.split('?').next().unwrap_or_default();
        write!(f, "{}://{}{path}", self.scheme, self.authority())
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for HttpAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for HttpAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for RtspAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for RtspAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A camera may be anywhere but where clouds and routers keep their secrets, and where no camera can be.
/// This machine and the private networks are allowed: that is where cameras are.
fn is_allowed(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => {
            // Alibaba's, Oracle's and Azure's.
            let metadata = [[100, 100, 100, 200], [192, 0, 0, 192], [168, 63, 129, 16]];
            !(ip.is_link_local()
                || ip.octets()[0] == 0
                || ip.is_multicast()
                || ip.is_broadcast()
                || metadata.contains(&ip.octets()))
        }
        IpAddr::V6(ip) => {
            let metadata = [0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254];
            !(ip.is_unicast_link_local()
                || ip.is_multicast()
                || ip.segments() == metadata
                || within(ip).is_some_and(|ip| !is_allowed(ip.into())))
        }
    }
}

/// The IPv4 address that is reached through this one: NAT64 (RFC 6052), 6to4 (RFC 3056), the old compatible form.
fn within(ip: Ipv6Addr) -> Option<Ipv4Addr> {
    let bits = u128::from(ip);
    let [.., a, b] = ip.segments();
    let last = Ipv4Addr::from(u32::from(a) << 16 | u32::from(b));
    match ip.segments() {
        [0x64, 0xff9b, 0, 0, 0, 0, ..] => Some(last),
        [0x2002, a, b, ..] => Some(Ipv4Addr::from(u32::from(a) << 16 | u32::from(b))),
        // `::1` is this machine, and no address of the old form.
        _ if bits >> 32 == 0 && bits != 1 => Some(last),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_shown_without_their_secrets() {
        let HttpAddress(address) = "http://me:p%40ss@cam.lan:8080/video?token=abc"
            .parse()
            .unwrap();
        let login = address.login.as_ref().unwrap();
        assert_eq!((&*login.name, &*login.password), ("me", "p@ss"));
        assert_eq!(address.path_and_query, "/video?token=abc");
        assert_eq!(address.to_string(), "http://cam.lan:8080/video");
        assert_eq!(
            format!("{:?}", HttpAddress(address)),
            "http://cam.lan:8080/video"
        );
        let HttpAddress(six) = "http://[fd00::5]".parse().unwrap();
        assert_eq!(
            (six.host.as_str(), six.port, six.path_and_query.as_str()),
            ("fd00::5", 80, "/")
        );
        assert_eq!(six.to_string(), "http://[fd00::5]:80/");
        for bad in ["http://", "http:///path", "http:// x/", "http://u@/"] {
            assert!(bad.parse::<HttpAddress>().is_err(), "{bad}");
        }
    }

    #[test]
    fn rtsp_has_its_own_port() {
        let address: RtspAddress = "rtsp://me:secret@10.0.0.9/h264?key=secret".parse().unwrap();
        assert_eq!(format!("{address:?}"), "rtsp://10.0.0.9:554/h264");
        assert_eq!(address.to_string(), "rtsp://10.0.0.9:554/h264");
        assert!("rtsp://".parse::<RtspAddress>().is_err());
    }

    #[test]
    fn places_with_secrets_are_not_connected_to() {
        for ip in [
            "169.254.169.254",
            "fe80::1",
            "::ffff:169.254.1.1",
            "0.0.0.0",
            "fd00:ec2::254",
            "224.0.0.1",
            "::",
            "0.0.0.1",
            "192.0.0.192",
            "168.63.129.16",
            "64:ff9b::a9fe:a9fe",
            "2002:a9fe:a9fe::1",
            "::a9fe:a9fe",
        ] {
            assert!(!is_allowed(ip.parse().unwrap()), "{ip}");
        }
        for ip in [
            "192.168.1.9",
            "10.0.0.1",
            "127.0.0.1",
            "::1",
            "fd00::5",
            "8.8.8.8",
            "64:ff9b::808:808",
        ] {
            assert!(is_allowed(ip.parse().unwrap()), "{ip}");
        }
    }
}
