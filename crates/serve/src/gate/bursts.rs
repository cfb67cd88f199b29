//! Tells a burst of failed logins from people who mistype: so many within a short time, from one address or from all
//! together. One burst is one thing, however many tries it has. Time is an argument.

use std::{
    collections::{BTreeSet, HashMap, HashSet, VecDeque},
    fmt::Write as _,
    net::IpAddr,
    time::{Duration, Instant},
};

use super::limits::key;

/// Failures that are looked at: no limit may be higher.
const RECENT: usize = 1024;
/// Addresses of one burst that are counted by themselves.
const ADDRESSES: usize = 1024;
/// Addresses and names that are named.
const NAMED: usize = 10;

/// When failed logins are a burst.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AlarmConfig {
    /// So many from one address; 0 is never.
    pub failures: u32,
    /// So many from all addresses together; 0 is never.
    pub failures_in_all: u32,
    /// Within this time.
    pub window: Duration,
    /// It is over when there was none of its addresses for so long.
    pub quiet: Duration,
}

impl Default for AlarmConfig {
    fn default() -> Self {
        Self {
            failures: 10,
            failures_in_all: 50,
            window: Duration::from_secs(60),
            quiet: Duration::from_secs(300),
        }
    }
}

/// What somebody tried to get in with. Never a secret.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Tried {
    Name(String),
    Token,
    Link,
    SetupCode,
}

impl Tried {
    /// Every kind, as a word.
    pub(crate) const KINDS: [&'static str; 4] = ["password", "token", "link", "setup_code"];

    /// Its place among [`Self::KINDS`].
    pub(crate) fn kind(&self) -> usize {
        match self {
            Self::Name(_) => 0,
            Self::Token => 1,
            Self::Link => 2,
            Self::SetupCode => 3,
        }
    }

    /// A name as it was given, fit to be shown.
    pub(crate) fn name(name: &str) -> Self {
        Self::Name(name.chars().filter(|c| !c.is_control()).take(64).collect())
    }
}

/// What became of a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// A burst begins.
    Began,
    /// It goes on, with something new: an address, a name, or twice as many.
    News,
    /// It goes on.
    More,
}

/// Counts failed logins.
#[derive(Debug)]
pub(crate) struct Bursts {
    config: AlarmConfig,
    /// Those within the window, the newest last.
    recent: VecDeque<Failure>,
    burst: Option<Burst>,
}

#[derive(Clone, Debug)]
struct Failure {
    at: Instant,
    address: IpAddr,
    tried: Tried,
}

/// Failed logins that belong together.
#[derive(Debug, Default)]
pub(crate) struct Burst {
    pub(crate) count: u64,
    is_from_everywhere: bool,
    /// How many there were when that was last worth telling.
    told: u64,
    addresses: HashMap<IpAddr, u64>,
    more_addresses: bool,
    tried: BTreeSet<Tried>,
    more_tried: bool,
    last: Option<Instant>,
}

impl Bursts {
    pub(crate) fn new(config: AlarmConfig) -> Self {
        Self {
            config,
            recent: VecDeque::new(),
            burst: None,
        }
    }

    /// Another configuration; what was counted so far stays.
    pub(crate) fn set(&mut self, config: AlarmConfig) {
        self.config = config;
    }

    /// The burst that goes on.
    pub(crate) fn burst(&self) -> Option<&Burst> {
        self.burst.as_ref()
    }

    /// When it is over, if nothing more happens.
    pub(crate) fn ends_at(&self) -> Option<Instant> {
        Some(self.burst.as_ref()?.last? + self.config.quiet)
    }

    /// Takes the burst if it is over.
    pub(crate) fn take_ended(&mut self, now: Instant) -> Option<Burst> {
        let is_over = self.ends_at().is_some_and(|end| end <= now);
        if is_over { self.burst.take() } else { None }
    }

    /// Somebody could not log in. `None` where that is nothing unusual.
    pub(crate) fn failed(&mut self, address: IpAddr, tried: Tried, now: Instant) -> Option<Change> {
        let address = key(address);
        let window = self.config.window;
        let is_old = |failure: &Failure| now.saturating_duration_since(failure.at) >= window;
        while self.recent.len() >= RECENT || self.recent.front().is_some_and(is_old) {
            self.recent.pop_front();
        }
        let failure = Failure {
            at: now,
            address,
            tried,
        };
        self.recent.push_back(failure.clone());
        let of_address = |failure: &&Failure| failure.address == address;
        let reaches = |count: usize, limit: u32| limit > 0 && count >= limit as usize;
        let by_one = reaches(
            self.recent.iter().filter(of_address).count(),
            self.config.failures,
        );
        let by_all = reaches(self.recent.len(), self.config.failures_in_all);
        let is_known = |burst: &Burst| burst.addresses.contains_key(&address);
        let is_new = self.burst.is_none();
        if !by_one && !by_all && !self.burst.as_ref().is_some_and(is_known) {
            return None;
        }
        let burst = self.burst.get_or_insert_default();
        let is_known = is_known(burst);
        let mut is_news = false;
        if by_all && !burst.is_from_everywhere {
            // What came before belongs to it as well, the new one among it.
            burst.is_from_everywhere = true;
            let known: HashSet<IpAddr> = burst.addresses.keys().copied().collect();
            let joins = |failure: &&Failure| !known.contains(&failure.address);
            for failure in self.recent.iter().filter(joins) {
                is_news |= burst.add(failure);
            }
            if is_known {
                is_news |= burst.add(&failure);
            }
        } else if by_one && !is_known && burst.addresses.len() < ADDRESSES {
            for failure in self.recent.iter().filter(of_address) {
                is_news |= burst.add(failure);
            }
        } else {
            is_news |= burst.add(&failure);
        }
        burst.last = Some(now);
        is_news |= burst.count >= burst.told * 2;
        if is_news {
            burst.told = burst.count;
        }
        Some(match (is_new, is_news) {
            (true, _) => Change::Began,
            (false, true) => Change::News,
            (false, false) => Change::More,
        })
    }
}

impl Burst {
    /// Whether it brings something new to be named.
    fn add(&mut self, failure: &Failure) -> bool {
        self.count += 1;
        let mut is_news = false;
        if self.addresses.len() < ADDRESSES || self.addresses.contains_key(&failure.address) {
            let count = self.addresses.entry(failure.address).or_default();
            *count += 1;
            is_news |= *count == 1 && self.addresses.len() <= NAMED;
        } else {
            self.more_addresses = true;
        }
        if self.tried.contains(&failure.tried) {
        } else if self.tried.len() < NAMED {
            self.tried.insert(failure.tried.clone());
            is_news = true;
        } else {
            self.more_tried = true;
        }
        is_news
    }

    /// In words: how many, from where, with what.
    pub(crate) fn describe(&self) -> String {
        let mut addresses: Vec<_> = self.addresses.iter().collect();
        // Those with the most first; addresses decide between equals, so that the text stays the same.
        addresses.sort_by_key(|(address, count)| (std::cmp::Reverse(**count), **address));
        let mut text = format!("{} failed logins from ", self.count);
        for (n, (address, count)) in addresses.iter().take(NAMED).enumerate() {
            let comma = if n == 0 { "" } else { ", " };
            let _ = write!(text, "{comma}{address} ({count})");
        }
        if addresses.len() > NAMED || self.more_addresses {
            let more = addresses.len() - NAMED.min(addresses.len());
            let at_least = if self.more_addresses {
                "more than "
            } else {
                ""
            };
            let _ = write!(text, " and {at_least}{more} other addresses");
        }
        text += "; tried: ";
        for (n, tried) in self.tried.iter().enumerate() {
            let comma = if n == 0 { "" } else { ", " };
            let _ = match tried {
                Tried::Name(name) => write!(text, "{comma}the name “{name}”"),
                Tried::Token => write!(text, "{comma}tokens"),
                Tried::Link => write!(text, "{comma}links"),
                Tried::SetupCode => write!(text, "{comma}set-up codes"),
            };
        }
        if self.more_tried {
            text += " and others";
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Change::{Began, More, News};

    const CONFIG: AlarmConfig = AlarmConfig {
        failures: 3,
        failures_in_all: 6,
        window: Duration::from_secs(60),
        quiet: Duration::from_secs(300),
    };

    struct Test {
        bursts: Bursts,
        begin: Instant,
    }

    impl Test {
        fn new(config: AlarmConfig) -> Self {
            Self {
                bursts: Bursts::new(config),
                begin: Instant::now(),
            }
        }

        fn at(&self, at_s: u64) -> Instant {
            self.begin + Duration::from_secs(at_s)
        }

        fn failed(&mut self, at_s: u64, address: &str, name: &str) -> Option<Change> {
            let (address, now) = (address.parse().unwrap(), self.at(at_s));
            self.bursts.failed(address, Tried::name(name), now)
        }

        fn ended(&mut self, at_s: u64) -> Option<String> {
            let now = self.at(at_s);
            Some(self.bursts.take_ended(now)?.describe())
        }
    }

    /// Failures as seconds, last part of the address, and what becomes of each.
    fn check(config: AlarmConfig, steps: &[(u64, u8, Option<Change>)]) {
        let mut test = Test::new(config);
        for (at_s, host, want) in steps {
            let got = test.failed(*at_s, &format!("203.0.113.{host}"), "admin");
            assert_eq!(got, *want, "at {at_s} s from {host} of {steps:?}");
        }
    }

    #[test]
    fn a_burst_is_many_in_a_short_time() {
        // Somebody mistypes.
        check(CONFIG, &[(0, 1, None), (1, 1, None), (61, 1, None)]);
        check(
            CONFIG,
            &[
                (0, 1, None),
                (30, 1, None),
                (59, 1, Some(Began)),
                (60, 1, Some(More)),
                (61, 1, Some(More)),
                (62, 1, Some(News)),
            ],
        );
        // Some people mistype, each at home.
        check(
            CONFIG,
            &[
                (0, 1, None),
                (0, 2, None),
                (0, 1, None),
                (0, 2, None),
                (0, 3, None),
            ],
        );
        // Somebody guesses from everywhere.
        check(
            CONFIG,
            &[
                (0, 1, None),
                (0, 2, None),
                (0, 3, None),
                (0, 4, None),
                (0, 5, None),
                (0, 6, Some(Began)),
                (1, 7, Some(News)),
                (1, 7, Some(More)),
            ],
        );
        // A second address joins, with all that it tried; somebody at home does not.
        check(
            CONFIG,
            &[
                (0, 1, None),
                (0, 1, None),
                (0, 1, Some(Began)),
                (100, 1, Some(More)),
                (100, 9, None),
                (100, 2, None),
                (100, 2, None),
                (100, 2, Some(News)),
            ],
        );
        for (failures, failures_in_all) in [(0, 4), (4, 0)] {
            let config = AlarmConfig {
                failures,
                failures_in_all,
                ..CONFIG
            };
            check(
                config,
                &[
                    (0, 1, None),
                    (0, 1, None),
                    (0, 1, None),
                    (0, 1, Some(Began)),
                ],
            );
        }
        let never = AlarmConfig {
            failures: 0,
            failures_in_all: 0,
            ..CONFIG
        };
        check(never, &[(0, 1, None); 100]);
    }

    #[test]
    fn it_is_over_when_it_has_been_quiet() {
        let mut test = Test::new(CONFIG);
        for _ in 0..3 {
            test.failed(0, "203.0.113.1", "admin");
        }
        test.failed(250, "203.0.113.1", "admin");
        // Somebody else.
        test.failed(540, "203.0.113.2", "kim");
        assert_eq!(test.ended(549), None);
        assert_eq!(
            test.ended(550).unwrap(),
            "4 failed logins from 203.0.113.1 (4); tried: the name “admin”"
        );
        assert_eq!(test.ended(2000), None);
        assert_eq!(
            test.failed(2000, "203.0.113.1", "admin"),
            None,
            "it begins anew"
        );
    }

    #[test]
    fn an_ipv6_network_is_one_address() {
        let mut test = Test::new(CONFIG);
        test.failed(0, "2001:db8::1", "a");
        test.failed(0, "2001:db8::2", "b");
        assert_eq!(test.failed(0, "2001:db8::3", "c"), Some(Began));
        assert_eq!(
            test.bursts.burst().unwrap().describe(),
            "3 failed logins from 2001:db8:: (3); tried: the name “a”, the name “b”, the name “c”"
        );
    }

    #[test]
    fn a_flood_takes_bounded_memory_and_is_told_now_and_then() {
        let mut test = Test::new(AlarmConfig::default());
        let mut told = 0;
        for n in 0..20_000_u32 {
            let address = format!("10.{}.{}.{}", n >> 16, n >> 8 & 255, n & 255);
            let name = format!("name {n} \u{1b}[31m{}", "x".repeat(1000));
            let change = test.failed(u64::from(n) / 1000, &address, &name);
            told += usize::from(matches!(change, Some(Began | News)));
        }
        assert!(told < 50, "{told}");
        assert_eq!(test.bursts.recent.len(), RECENT);
        let text = test.bursts.burst().unwrap().describe();
        assert!(
            text.starts_with("20000 failed logins from 10.0.0."),
            "{text}"
        );
        assert!(text.contains("more than 1014 other addresses"), "{text}");
        assert!(text.ends_with(" and others") && text.len() < 2000, "{text}");
        assert!(!text.contains('\u{1b}'));
    }
}
