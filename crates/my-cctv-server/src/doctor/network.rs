//! The network: ports, encryption, addresses.

use std::{
    fs, io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    os::unix::fs::PermissionsExt as _,
    time::SystemTime,
};

use super::{
    report::{Finding, Level},
    root::Root,
};
use crate::{
    config::{Config, TlsConfig},
    daemon,
};

/// A certificate that ends so soon has been forgotten.
const SOON_DAYS: i64 = 14;
const DAY_S: i64 = 24 * 3600;

pub(super) fn ports(root: &Root, config: &Config) -> Vec<Finding> {
    let listen = config.serve.listen;
    let mut found = vec![port(root, "network.port", listen, config.serve.port)];
    if let Some(redirect) = config.tls.as_ref().and_then(|tls| tls.redirect_from) {
        found.push(port(root, "network.redirect", listen, redirect));
    }
    found
}

/// Takes the port for a moment.
fn port(root: &Root, name: &'static str, listen: IpAddr, port: u16) -> Finding {
    let wanted = SocketAddr::new(listen, port);
    let error = match daemon::bind(listen, port) {
        Ok(_) if port == 0 => {
            return Finding::ok(name, "the system chooses one (`server.port` is 0)");
        }
        Ok(_) => return Finding::ok(name, format!("{wanted} is free")),
        Err(error) => error,
    };
    let holders = root.holders(&root.listening_on(port));
    let is_in_use = |error: &io::Error| error.kind() == io::ErrorKind::AddrInUse;
    if !error.downcast_ref().is_some_and(is_in_use) {
        return Finding::new(Level::Fail, name, format!("{error:#}"));
    }
    let Some(holder) = holders.first() else {
        return Finding::new(
            Level::Fail,
            name,
            format!("another program has port {port}"),
        )
        .advise(
            "`sudo my-cctv-server doctor` names it; stop it or choose another one with --port",
        );
    };
    let who = format!("pid {} ({})", holder.process.pid, holder.process.name);
    if super::cameras::is_of_a_server(root, holder) {
        Finding::ok(name, format!("a server is running on port {port}: {who}"))
    } else {
        Finding::new(Level::Fail, name, format!("port {port} is taken by {who}"))
            .advise("stop it, or choose another port with --port")
    }
}

pub(super) fn encryption(config: &Config, now: SystemTime) -> Vec<Finding> {
    let name = "network.tls";
    let Some(TlsConfig { origin, .. }) = &config.tls else {
        let is_local = config.serve.listen.is_loopback();
        let none = "connections are not encrypted: pictures and passwords can be read on their way";
        return vec![match is_local {
            true => Finding::ok(name, "not encrypted, and reached from this machine alone"),
            false => Finding::new(Level::Note, name, none)
                .advise("set `server.tls.enabled`, or put an encrypting proxy in front"),
        }];
    };
    let mut found = vec![match origin.check() {
        Err(error) => Finding::new(Level::Fail, name, error.to_string())
            .advise("mend it in `server.tls`; `my-cctv-server check` tells the same"),
        Ok(None) => Finding::ok(name, "the certificate is the server's own"),
        Ok(Some(facts)) => {
            let saw = format!("the certificate is valid until {}", facts.valid_until);
            let left_s = facts.seconds_left(now);
            if facts.begins_after(now) {
                Finding::new(Level::Fail, name, "the certificate is not valid yet")
                    .advise("is the clock right? (`timedatectl`)")
            } else if left_s <= 0 {
                let saw = format!(
                    "the certificate has expired: it was valid until {}",
                    facts.valid_until
                );
                Finding::new(Level::Fail, name, saw)
                    .advise("put a new one in its place; the server takes it over while it runs")
            } else if left_s < SOON_DAYS * DAY_S && matches!(origin, tls::Origin::Files { .. }) {
                Finding::new(Level::Warn, name, saw).advise("put a new one in its place before")
            } else {
                Finding::ok(name, saw)
            }
        }
    }];
    if let tls::Origin::Files { key, .. } = origin
        && fs::metadata(key).is_ok_and(|meta| meta.permissions().mode() & 0o004 != 0)
    {
        let saw = format!(
            "every user of this machine can read the key {}",
            key.display()
        );
        found.push(Finding::new(Level::Warn, name, saw).advise("chmod 600, for the server's user"));
    }
    found
}

pub(super) fn address(config: &Config) -> Finding {
    let name = "network.address";
    let listen = config.serve.listen;
    if listen.is_loopback() {
        return Finding::new(
            Level::Note,
            name,
            "the server is reached from this machine alone",
        )
        .advise("set `server.listen` to :: for others");
    }
    let scheme = if config.tls.is_some() {
        "https"
    } else {
        "http"
    };
    let port = config.serve.port;
    if listen.is_unspecified() && daemon::outward_address().is_none() {
        return Finding::new(Level::Warn, name, "this machine has no network but its own")
            .advise("check cable or Wi-Fi; see `ip address`");
    }
    let any = SocketAddr::new(listen, port);
    let link = match listen {
        IpAddr::V6(ip) if ip.is_unspecified() => {
            SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), port)
        }
        _ => any,
    };
    let link = daemon::link(scheme, link, &config.serve.base_path);
    Finding::ok(name, format!("browsers open {link}"))
}
