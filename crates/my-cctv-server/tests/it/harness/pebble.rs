//! An authority for certificates: Let's Encrypt's own for tests, with a DNS in which every name leads to the test.

use std::{
    fs,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    process::{Command, Stdio, id},
    sync::atomic::{AtomicU8, Ordering},
};

use serde_json::json;
use toml::{Table, Value as Toml};

use super::{Pair, Program, Setup, curl, eventually, log::Log, tool, with_tls};

/// Ports below those that the system gives away, on an address that no other test has.
const DIRECTORY: u16 = 24_000;
const MANAGEMENT: u16 = 24_001;
const NAMES: u16 = 24_002;
const ENCRYPTED: u16 = 24_443;
const PLAIN: u16 = 24_080;

/// Pebble that runs as long as the test wants it to.
pub(crate) struct Pebble {
    place: Place,
    program: Option<Program>,
    _names: Program,
    /// What it says, since it was started last.
    pub(crate) log: Log,
    /// Seconds for which its certificates are valid.
    validity_s: u64,
}

/// Where it is, and whom to believe there.
struct Place {
    ip: Ipv4Addr,
    dir: PathBuf,
    pair: Pair,
    authority: Pair,
}

impl Pebble {
    pub(crate) fn start(setup: &Setup) -> Self {
        Self::start_with(setup, 90 * 24 * 60 * 60)
    }

    /// With certificates that are valid for so long.
    pub(crate) fn start_with(setup: &Setup, validity_s: u64) -> Self {
        let mut pebble = Self::stopped(setup, validity_s);
        pebble.run();
        pebble
    }

    /// Everything but the authority itself.
    pub(crate) fn stopped(setup: &Setup, validity_s: u64) -> Self {
        let place = Place::new(setup);
        let names = Program::start(
            Command::new(tool("pebble-challtestsrv", "pebble"))
                .args(["-http01", "", "-https01", "", "-tlsalpn01", ""])
                .args(["-management", ""])
                .args(["-dns01", &place.at(NAMES).to_string()])
                .args(["-defaultIPv4", &place.ip.to_string(), "-defaultIPv6", ""])
                .stdout(Stdio::null())
                .stderr(Stdio::null()),
        );
        Self {
            place,
            program: None,
            _names: names,
            log: Log::default(),
            validity_s,
        }
    }

    /// Starts it, with an empty memory.
    pub(crate) fn run(&mut self) {
        // By itself it finds fault with one request in twenty, which a test that counts cannot use.
        self.run_rejecting(0);
    }

    /// The same; so many percent of all requests have to be made again.
    pub(crate) fn run_rejecting(&mut self, percent: u8) {
        let config = json!({"pebble": {
            "listenAddress": self.place.at(DIRECTORY).to_string(),
            "managementListenAddress": self.place.at(MANAGEMENT).to_string(),
            "certificate": self.place.pair.certificate,
            "privateKey": self.place.pair.key,
            "httpPort": PLAIN,
            "tlsPort": ENCRYPTED,
            "ocspResponderURL": "",
            "certificateValidityPeriod": self.validity_s,
        }});
        let file = self.place.dir.join("pebble.json");
        fs::write(&file, config.to_string()).unwrap();
        let mut command = Command::new(tool("pebble", "pebble"));
        command
            .args(["-strict", "-config"])
            .arg(&file)
            .args(["-dnsserver", &self.place.at(NAMES).to_string()])
            .env("PEBBLE_VA_NOSLEEP", "1")
            .env_remove("PEBBLE_VA_ALWAYS_VALID")
            .env("PEBBLE_WFE_NONCEREJECT", percent.to_string())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut program = Program::start(&mut command);
        self.log = Log::read(program.stdout());
        self.program = Some(program);
        self.says("ACME directory available at");
    }

    /// Ends it.
    pub(crate) fn stop(&mut self) {
        self.program = None;
    }

    /// Waits until it says this.
    pub(crate) fn says(&self, words: &str) {
        self.log
            .find(words, |line| line.raw.contains(words).then_some(()));
    }

    /// Waits until there were so many orders since it was started; there may not be more.
    pub(crate) fn orders(&self, count: usize) {
        eventually(&format!("{count} orders"), || {
            let text = self.log.to_string();
            let orders = text.lines().filter(|line| line.contains("Added order"));
            (orders.count() == count).then_some(())
        });
    }

    /// The server with a certificate from here for these names (`a b`), by this challenge.
    pub(crate) fn wanted_by(&self, setup: Setup, names: &str, challenge: &str) -> Setup {
        self.wanted_with(setup, names, &[("challenge", challenge)])
    }

    /// The same with these keys of `[server.tls.acme]`.
    pub(crate) fn wanted_with(&self, setup: Setup, names: &str, keys: &[(&str, &str)]) -> Setup {
        let directory = format!("https://{}/dir", self.place.at(DIRECTORY));
        let root = self.root();
        let mut acme = Table::from_iter([
            (
                "domains".to_owned(),
                Toml::Array(names.split(' ').map(Toml::from).collect()),
            ),
            ("directory".to_owned(), directory.into()),
            ("root_certificate".to_owned(), root.to_str().unwrap().into()),
        ]);
        for (key, value) in keys {
            acme.insert((*key).to_owned(), (*value).into());
        }
        let setup = setup
            .server("listen", self.place.ip.to_string())
            .server("port", i64::from(ENCRYPTED));
        with_tls(
            setup,
            &[
                ("acme", acme.into()),
                ("redirect_from", i64::from(PLAIN).into()),
            ],
        )
    }

    /// Whom to believe when one talks to it.
    pub(crate) fn root(&self) -> &Path {
        &self.place.authority.certificate
    }

    /// Whom to believe when one sees a certificate that it gave.
    pub(crate) fn issuer(&self) -> PathBuf {
        let url = format!("https://{}/roots/0", self.place.at(MANAGEMENT));
        let file = self.place.dir.join("issuer.pem");
        fs::write(&file, curl(self.root(), &[&url])).unwrap();
        file
    }

    pub(crate) fn plain(&self) -> SocketAddr {
        self.place.at(PLAIN)
    }

    pub(crate) fn directory(&self) -> SocketAddr {
        self.place.at(DIRECTORY)
    }

    /// Its own certificate and key, for somebody who stands in its place.
    pub(crate) fn pair(&self) -> &Pair {
        &self.place.pair
    }

    /// curl that finds `name` at the server and believes only the authority's certificates.
    pub(crate) fn curl(&self, name: &str, args: &[&str], path: &str) -> String {
        let resolve = format!("{name}:{ENCRYPTED}:{}", self.place.ip);
        let url = format!("https://{name}:{ENCRYPTED}{path}");
        let args = [&["--resolve", &resolve], args, &[&url]].concat();
        curl(&self.issuer(), &args)
    }
}

impl Place {
    fn new(setup: &Setup) -> Self {
        static COUNT: AtomicU8 = AtomicU8::new(1);
        let [.., high, low] = id().to_be_bytes();
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let ip = Ipv4Addr::new(127, 64 | (high & 63), low, count);
        let dir = setup.path("authority");
        fs::create_dir(&dir).unwrap();
        let authority = Pair::make(&dir, "root", 10, None);
        let names = format!("IP:{ip}");
        let pair = Pair::make_for(&names, &dir, "pebble", 10, Some(&authority));
        Self {
            ip,
            dir,
            pair,
            authority,
        }
    }

    fn at(&self, port: u16) -> SocketAddr {
        (IpAddr::from(self.ip), port).into()
    }
}
