//! How much one address, and one account, may ask for: requests, streams, connections. An IPv6 address counts as its
//! /64, which is what a household or a machine has. A token counts for itself: a program that asks too much does not
//! stop the one who made its token.

use std::{
    collections::HashMap,
    fmt,
    hash::Hash,
    net::{IpAddr, Ipv6Addr},
    num::NonZeroU32,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use accounts::{Key, Who};
use governor::{
    Quota, RateLimiter,
    clock::{Clock as _, DefaultClock},
    state::keyed::HashMapStateStore,
};

use tracing::info;

use logs::Flood;

use super::GateConfig;

/// Addresses that are remembered at a time; about 5 MB. Whoever has more of them is not stopped by counting each.
const MOST_KEYS: usize = 50_000;
/// After so many checks, addresses that have nothing to be remembered for are forgotten.
const SWEEP: u32 = 256;
/// Who watched for so long did not come to open streams.
const WATCHED: Duration = Duration::from_secs(10);
/// And may come back so soon without being counted.
const RETURN: Duration = Duration::from_secs(60);

/// What is counted as one.
pub(super) fn key(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let network = u128::from(address) >> 64 << 64;
            Ipv6Addr::from(network).into()
        }
        v4 => v4,
    }
}

/// What is counted as one, of those who are let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Account {
    User(i64),
    Token(i64),
    Link(i64),
}

impl Account {
    /// Nobody's, where login is switched off.
    pub(crate) fn of(who: &Who) -> Option<Self> {
        match who.key {
            Key::Open => None,
            Key::Password(id, _) => Some(Self::User(id)),
            Key::Session(_) => who.user.map(Self::User),
            Key::Token(id) => Some(Self::Token(id)),
            Key::Link(id) => Some(Self::Link(id)),
        }
    }
}

/// So many per key and period, all at once or one after the other.
pub(super) struct Keyed<K: Clone + Eq + Hash> {
    limiter: RateLimiter<K, HashMapStateStore<K>, DefaultClock>,
    checks: AtomicU32,
}

impl<K: Clone + Eq + Hash> fmt::Debug for Keyed<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys = self.limiter.len();
        f.debug_struct("Keyed").field("keys", &keys).finish()
    }
}

impl<K: Clone + Eq + Hash> Keyed<K> {
    /// `None` for no limit.
    pub(super) fn new(count: u32, period: Duration) -> Option<Self> {
        let count = NonZeroU32::new(count)?;
        let quota = Quota::with_period(period / count.get())?.allow_burst(count);
        Some(Self {
            limiter: RateLimiter::keyed(quota),
            checks: AtomicU32::new(0),
        })
    }

    /// Counts one; or says how long to wait for the next.
    pub(super) fn check(&self, key: K) -> Result<(), Duration> {
        let is_full = self.limiter.len() >= MOST_KEYS;
        if self.checks.fetch_add(1, Relaxed).is_multiple_of(SWEEP) {
            self.limiter.retain_recent();
            self.limiter.shrink_to_fit();
        } else if is_full {
            return Ok(());
        }
        self.limiter
            .check_key(&key)
            .map_err(|not_until| not_until.wait_time_from(DefaultClock::default().now()))
    }
}

/// A limit that may become another one while the server runs. Then all counts begin anew.
pub(super) struct Adjusted<K: Clone + Eq + Hash> {
    period: Duration,
    made: Mutex<(u32, Option<Arc<Keyed<K>>>)>,
}

impl<K: Clone + Eq + Hash> fmt::Debug for Adjusted<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (count, limit) = &*self.made.lock().unwrap_or_else(PoisonError::into_inner);
        let mut debug = f.debug_struct("Adjusted");
        debug.field("count", count).field("limit", limit).finish()
    }
}

impl<K: Clone + Eq + Hash> Adjusted<K> {
    pub(super) fn new(period: Duration) -> Self {
        Self {
            period,
            made: Mutex::new((0, None)),
        }
    }

    /// The limit of so many; none for 0.
    pub(super) fn of(&self, count: u32) -> Option<Arc<Keyed<K>>> {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if made.0 != count {
            *made = (count, Keyed::new(count, self.period).map(Arc::new));
        }
        made.1.clone()
    }

    fn is_limited(&self) -> bool {
        let made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        made.1.is_some()
    }
}

/// Requests made by each account.
#[derive(Debug)]
pub(crate) struct Requests {
    limit: Adjusted<Account>,
    refused: Flood,
}

impl Requests {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            limit: Adjusted::new(Duration::from_secs(60)),
            refused: Flood::default(),
        })
    }

    /// How many were refused since the server started.
    pub(super) fn refused(&self) -> u64 {
        self.refused.total()
    }

    /// Counts one of so many; or says how long to wait for the next.
    pub(super) fn count(&self, per_minute: u32, who: &Who) -> Result<(), Duration> {
        let (Some(limit), Some(account)) = (self.limit.of(per_minute), Account::of(who)) else {
            return Ok(());
        };
        limit.check(account).inspect_err(|_| {
            if let Some(count) = self.refused.note() {
                let who = &who.name;
                info!(%who, count, "request refused: the account has made limits.api_per_minute_and_account");
            }
        })
    }
}

/// Streams opened by each address and by each account.
///
/// The limits are against opening and closing, which starts cameras and fills logs, and not against people whose line or
/// whose server failed: a stream that ran for a while and ended, for whatever reason, may be opened again within a
/// minute without being counted. A restart of the server forgets all counts.
#[derive(Debug)]
pub(crate) struct Openings {
    addresses: Counted<IpAddr>,
    accounts: Counted<Account>,
    refused: Flood,
}

/// How long to wait, and what was opened too often by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    Address(Duration),
    Account(Duration),
}

#[derive(Debug)]
struct Counted<K: Clone + Eq + Hash> {
    limit: Adjusted<K>,
    returns: Mutex<Returns<K>>,
}

/// An open stream, for the address and the account that opened it.
#[derive(Debug)]
pub(crate) struct Opening {
    openings: Arc<Openings>,
    address: IpAddr,
    account: Option<Account>,
    since: Instant,
}

impl Openings {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            addresses: Counted::new(),
            accounts: Counted::new(),
            refused: Flood::default(),
        })
    }

    /// How many were refused since the server started.
    pub(super) fn refused(&self) -> u64 {
        self.refused.total()
    }

    /// Counts one; or says how long to wait for the next.
    pub(crate) fn open(
        self: &Arc<Self>,
        config: &GateConfig,
        address: IpAddr,
        account: Option<Account>,
    ) -> Result<Opening, Refused> {
        let since = Instant::now();
        let key = key(address);
        // The address first: whoever is refused by it takes nothing from others with the same account.
        let (of_address, of_account) = (
            config.streams_per_15_min,
            config.streams_per_15_min_and_account,
        );
        let counted = self.addresses.open(of_address, key, since);
        let counted = counted.map_err(Refused::Address);
        let counted = counted.and_then(|()| {
            account.map_or(Ok(()), |account| {
                let counted = self.accounts.open(of_account, account, since);
                counted.map_err(Refused::Account)
            })
        });
        counted.inspect_err(|refused| {
            if let Some(count) = self.refused.note() {
                let (limit, wait) = match refused {
                    Refused::Address(wait) => ("limits.streams_per_15_min", wait),
                    Refused::Account(wait) => ("limits.streams_per_15_min_and_account", wait),
                };
                let wait_s = wait.as_secs();
                info!(%address, ?account, count, wait_s, "stream refused: {limit} were opened");
            }
        })?;
        Ok(Opening {
            openings: self.clone(),
            address: key,
            account,
            since,
        })
    }
}

impl<K: Copy + Eq + Hash> Counted<K> {
    fn new() -> Self {
        Self {
            limit: Adjusted::new(Duration::from_secs(15 * 60)),
            returns: Mutex::default(),
        }
    }

    fn open(&self, per_15_min: u32, key: K, now: Instant) -> Result<(), Duration> {
        match self.limit.of(per_15_min) {
            Some(limit) if !self.returns().take(key, now) => limit.check(key),
            _ => Ok(()),
        }
    }

    fn left(&self, key: K, since: Instant, now: Instant) {
        if self.limit.is_limited() {
            self.returns().left(key, since, now);
        }
    }

    fn returns(&self) -> MutexGuard<'_, Returns<K>> {
        self.returns.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Opening {
    fn drop(&mut self) {
        let now = Instant::now();
        self.openings.addresses.left(self.address, self.since, now);
        if let Some(account) = self.account {
            self.openings.accounts.left(account, self.since, now);
        }
    }
}

/// Who may come back.
#[derive(Debug)]
struct Returns<K>(HashMap<K, Return>);

impl<K> Default for Returns<K> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

#[derive(Debug)]
struct Return {
    count: u32,
    until: Instant,
}

impl<K: Copy + Eq + Hash> Returns<K> {
    /// A stream that was opened at `since` has ended.
    fn left(&mut self, key: K, since: Instant, now: Instant) {
        if now.saturating_duration_since(since) < WATCHED {
            return;
        }
        // Each entry was a stream for a while, so there are not many; those that ran out go first.
        self.0.retain(|_, entry| entry.until > now);
        let until = now + RETURN;
        let entry = self.0.entry(key).or_insert(Return { count: 0, until });
        entry.count += 1;
        entry.until = until;
    }

    fn take(&mut self, key: K, now: Instant) -> bool {
        let Some(entry) = self.0.get_mut(&key) else {
            return false;
        };
        let is_back = entry.until > now;
        entry.count -= 1;
        if !is_back || entry.count == 0 {
            self.0.remove(&key);
        }
        is_back
    }
}

/// Of all connections, so many are kept for addresses that have few: a handful of addresses cannot take the last ones.
const RESERVE: usize = 64;
const FEW: u32 = 8;

/// Connections at the same time, by address.
#[derive(Debug, Default)]
pub(super) struct Crowd {
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    total: usize,
    by_address: HashMap<IpAddr, u32>,
}

/// One connection; given back when dropped.
#[derive(Debug)]
pub(super) struct Member {
    crowd: Arc<Crowd>,
    key: IpAddr,
}

impl Crowd {
    /// One more, where an address may have `most` (0 is no limit) and all together `most_together`.
    pub(super) fn join(
        self: &Arc<Self>,
        address: IpAddr,
        most: u32,
        most_together: usize,
    ) -> Option<Member> {
        let key = key(address);
        let mut open = self.lock();
        let scarce_from = most_together - RESERVE.min(most_together / 4);
        let is_scarce = open.total >= scarce_from;
        let most = if is_scarce { most.min(FEW) } else { most };
        let count = open.by_address.entry(key).or_default();
        if most > 0 && *count >= most {
            return None;
        }
        *count += 1;
        open.total += 1;
        drop(open);
        Some(Member {
            crowd: self.clone(),
            key,
        })
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        let mut open = self.crowd.lock();
        open.total -= 1;
        if let Some(count) = open.by_address.get_mut(&self.key) {
            *count -= 1;
            if *count == 0 {
                open.by_address.remove(&self.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn an_ipv6_address_counts_as_its_network() {
        assert_eq!(key(ip("2001:db8:1:2:3:4:5:6")), ip("2001:db8:1:2::"));
        assert_eq!(key(ip("::ffff:10.0.0.1")), ip("10.0.0.1"));
        assert_eq!(key(ip("10.0.0.1")), ip("10.0.0.1"));
    }

    #[test]
    fn each_address_has_its_own_count() {
        let limit = Keyed::new(3, Duration::from_secs(900)).unwrap();
        for _ in 0..3 {
            assert_eq!(limit.check(ip("10.0.0.1")), Ok(()));
        }
        let wait = limit.check(ip("10.0.0.1")).unwrap_err();
        assert!(
            (Duration::from_secs(290)..=Duration::from_secs(300)).contains(&wait),
            "{wait:?}"
        );
        assert_eq!(limit.check(ip("10.0.0.2")), Ok(()));
        assert!(Keyed::<IpAddr>::new(0, Duration::from_secs(1)).is_none());
    }

    #[test]
    fn memory_is_bounded_however_many_addresses_there_are() {
        let limit = Keyed::<IpAddr>::new(3, Duration::from_secs(900)).unwrap();
        for n in 0..60_000_u32 {
            let _ = limit.check(std::net::Ipv4Addr::from(n).into());
        }
        assert!(limit.limiter.len() <= MOST_KEYS + 60_000 / SWEEP as usize);
        // What has recovered is forgotten.
        let limit = Keyed::<IpAddr>::new(1_000_000, Duration::from_millis(1000)).unwrap();
        for n in 0..100 * SWEEP {
            let _ = limit.check(std::net::Ipv4Addr::from(n).into());
        }
        assert!(limit.limiter.len() < 100 * SWEEP as usize);
    }

    #[test]
    fn who_watched_may_come_back_once_for_each_stream() {
        let begin = Instant::now();
        let at = |s: u64| begin + Duration::from_secs(s);
        let mut returns = Returns::default();
        let (one, other) = (ip("10.0.0.1"), ip("10.0.0.2"));
        assert!(!returns.take(one, at(0)));
        returns.left(one, at(0), at(9));
        assert!(!returns.take(one, at(9)), "that was no watching");
        returns.left(one, at(0), at(10));
        returns.left(one, at(0), at(20));
        assert!(!returns.take(other, at(30)));
        assert!(returns.take(one, at(79)) && returns.take(one, at(79)));
        assert!(!returns.take(one, at(79)));
        returns.left(one, at(0), at(100));
        assert!(
            !returns.take(one, at(160)),
            "a minute later it is a new visit"
        );
        assert!(returns.0.is_empty());
        returns.left(one, at(0), at(200));
        returns.left(other, at(0), at(300));
        assert_eq!(returns.0.len(), 1);
    }

    #[test]
    fn an_account_is_counted_wherever_it_comes_from_and_alone() {
        let openings = Openings::new();
        let config = GateConfig {
            streams_per_15_min: 4,
            streams_per_15_min_and_account: 3,
            ..GateConfig::default()
        };
        let open = |address: &str, account| openings.open(&config, ip(address), account).map(drop);
        let (one, other) = (Some(Account::Token(1)), Some(Account::User(1)));
        for n in 1..=3 {
            assert_eq!(open(&format!("10.0.0.{n}"), one), Ok(()));
        }
        assert!(matches!(open("10.0.0.4", one), Err(Refused::Account(_))));
        assert_eq!(open("10.0.0.4", other), Ok(()), "another account");
        assert_eq!(open("10.0.0.4", None), Ok(()), "no account");
        // The address was counted for the one that was refused, too.
        assert_eq!(open("10.0.0.4", None), Ok(()));
        // Refused by its address, it takes nothing from the account.
        for _ in 0..10 {
            assert!(matches!(open("10.0.0.4", other), Err(Refused::Address(_))));
        }
        assert_eq!(open("10.0.0.5", other), Ok(()));
        assert_eq!(open("10.0.0.6", other), Ok(()));
        assert!(matches!(open("10.0.0.7", other), Err(Refused::Account(_))));
    }

    #[test]
    fn the_last_connections_are_for_addresses_that_have_few() {
        let crowd = Arc::<Crowd>::default();
        let join = |address: &str, times: usize| -> Vec<Member> {
            (0..times)
                .filter_map(|_| crowd.join(ip(address), 50, 100))
                .collect()
        };
        let first = join("10.0.0.1", 60);
        let second = join("10.0.0.2", 60);
        assert_eq!((first.len(), second.len()), (50, 25));
        assert_eq!(join("10.0.0.3", 60).len(), 8);
        drop(first);
        assert_eq!(join("10.0.0.2", 60).len(), 25);
    }

    #[test]
    fn another_limit_counts_anew_and_the_same_goes_on() {
        let limit = Adjusted::new(Duration::from_secs(900));
        let check = |count| limit.of(count).map(|limit| limit.check(1).is_ok());
        assert_eq!((check(1), check(1)), (Some(true), Some(false)));
        assert_eq!((check(2), check(2)), (Some(true), Some(true)));
        assert_eq!((check(2), check(0)), (Some(false), None));
        assert!(!limit.is_limited());
        assert_eq!(check(1), Some(true));
    }

    #[test]
    fn a_connection_is_given_back() {
        let crowd = Arc::<Crowd>::default();
        let join = |address: &str| crowd.join(ip(address), 2, 1000);
        let members = [join("::1"), join("::2")];
        assert!(members.iter().all(Option::is_some));
        assert!(join("::3").is_none(), "one network");
        let other = join("10.0.0.1");
        drop(members);
        assert!(join("::3").is_some());
        drop(other);
        let none = crowd.lock();
        assert!(none.by_address.is_empty() && none.total == 0);
        let open = Arc::<Crowd>::default();
        let all: Vec<_> = (0..100)
            .map(|_| open.join(ip("::1"), 0, 20).unwrap())
            .collect();
        assert_eq!(all.len(), 100);
    }
}
