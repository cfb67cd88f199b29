//! How often somebody may try to log in.
//!
//! Failures are counted for each address, and for each address and account, and never for an account alone: whoever
//! guesses at the owner's password elsewhere does not lock the owner out. Time is an argument.

use std::{
    collections::HashMap,
    hash::{BuildHasher as _, Hash, RandomState},
    net::IpAddr,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use super::limits::key;

/// Tries without a wait, at one account and at all of them.
const FREE_AT_ACCOUNT: u32 = 5;
const FREE_AT_ALL: u32 = 20;
/// The wait after the last free one; it doubles with each that follows.
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(15 * 60);
/// Without a failure for so long, all is forgotten.
const FORGOTTEN: Duration = Duration::from_secs(60 * 60);
/// Of each kind; about 1 MB. Then the oldest goes.
const MOST_RECORDS: usize = 10_000;

/// Tells who has to wait before the next try.
#[derive(Debug, Default)]
pub struct LoginLimiter {
    records: Mutex<Records>,
    /// Names of accounts come from outside and may be long: only what they hash to is kept.
    hasher: RandomState,
}

#[derive(Debug, Default)]
struct Records {
    addresses: Table<IpAddr>,
    accounts: Table<(IpAddr, u64)>,
}

#[derive(Debug)]
struct Table<K>(HashMap<K, Record>);

impl<K> Default for Table<K> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

#[derive(Clone, Copy, Debug)]
struct Record {
    failures: u32,
    last: Instant,
    until: Instant,
}

impl LoginLimiter {
    /// Before a password is looked at. The try counts as failed until [`succeeded`](Self::succeeded) says otherwise, so
    /// that many at once are no way around the limit. One that is refused is not counted.
    ///
    /// # Errors
    /// With the time to wait.
    pub fn attempt(&self, address: IpAddr, account: &str, now: Instant) -> Result<(), Duration> {
        let (address, account) = self.keys(address, account);
        let mut records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        let wait = records.addresses.wait(&address, now);
        let wait = wait.max(records.accounts.wait(&account, now));
        if !wait.is_zero() {
            return Err(wait);
        }
        records.addresses.count(address, FREE_AT_ALL, now);
        records.accounts.count(account, FREE_AT_ACCOUNT, now);
        Ok(())
    }

    /// The password was right: what was counted for this account and address is taken back. What was counted for other
    /// accounts stays, or an account of one's own would be a way to guess at others.
    pub fn succeeded(&self, address: IpAddr, account: &str, now: Instant) {
        let (address, account) = self.keys(address, account);
        let mut records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(forgiven) = records.accounts.0.remove(&account) else {
            return;
        };
        if let Some(record) = records.addresses.0.get_mut(&address) {
            record.failures = record.failures.saturating_sub(forgiven.failures);
            record.until = record
                .until
                .min(now + wait_after(record.failures, FREE_AT_ALL));
            if record.failures == 0 {
                records.addresses.0.remove(&address);
            }
        }
    }

    fn keys(&self, address: IpAddr, account: &str) -> (IpAddr, (IpAddr, u64)) {
        let address = key(address);
        // As accounts are found: `Admin` is no other than `admin`.
        let account = account.to_ascii_lowercase();
        (address, (address, self.hasher.hash_one(account)))
    }
}

impl<K: Copy + Eq + Hash> Table<K> {
    fn wait(&self, key: &K, now: Instant) -> Duration {
        let record = self.0.get(key);
        record.map_or(Duration::ZERO, |record| {
            record.until.saturating_duration_since(now)
        })
    }

    fn count(&mut self, key: K, free: u32, now: Instant) {
        if self.0.len() >= MOST_RECORDS && !self.0.contains_key(&key) {
            self.make_room(now);
        }
        let record = self.0.entry(key).or_insert(Record {
            failures: 0,
            last: now,
            until: now,
        });
        if now.saturating_duration_since(record.last) >= FORGOTTEN {
            record.failures = 0;
        }
        record.failures = record.failures.saturating_add(1);
        record.last = now;
        record.until = now + wait_after(record.failures, free);
    }

    fn make_room(&mut self, now: Instant) {
        self.0
            .retain(|_, record| now.saturating_duration_since(record.last) < FORGOTTEN);
        if self.0.len() >= MOST_RECORDS {
            let oldest = self.0.iter().min_by_key(|(_, record)| record.last);
            let oldest = oldest.map(|(key, _)| *key);
            oldest.map(|key| self.0.remove(&key));
        }
    }
}

fn wait_after(failures: u32, free: u32) -> Duration {
    match failures.checked_sub(free) {
        None => Duration::ZERO,
        Some(more) => FIRST_WAIT
            .saturating_mul(1 << more.min(16))
            .min(LONGEST_WAIT),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOME: &str = "10.0.0.1";
    const ELSEWHERE: &str = "203.0.113.7";

    struct Test {
        limiter: LoginLimiter,
        begin: Instant,
    }

    impl Test {
        fn new() -> Self {
            Self {
                limiter: LoginLimiter::default(),
                begin: Instant::now(),
            }
        }

        /// Seconds to wait; 0 for a try that may be made.
        fn attempt(&self, at_s: u64, address: &str, account: &str) -> u64 {
            let now = self.begin + Duration::from_secs(at_s);
            let wait = self.limiter.attempt(address.parse().unwrap(), account, now);
            wait.map_or_else(|wait| wait.as_secs(), |()| 0)
        }

        fn success(&self, at_s: u64, address: &str, account: &str) {
            let now = self.begin + Duration::from_secs(at_s);
            self.limiter
                .succeeded(address.parse().unwrap(), account, now);
        }
    }

    #[test]
    fn waits_double_and_end_at_a_quarter_of_an_hour() {
        let test = Test::new();
        for _ in 0..FREE_AT_ACCOUNT {
            assert_eq!(test.attempt(0, HOME, "owner"), 0);
        }
        let mut now = 0;
        for wait in [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900] {
            assert_eq!(test.attempt(now, HOME, "owner"), wait);
            assert_eq!(
                test.attempt(now, HOME, "owner"),
                wait,
                "a refused one does not count"
            );
            now += wait;
            assert_eq!(test.attempt(now, HOME, "owner"), 0);
        }
        assert_eq!(test.attempt(now + 3600, HOME, "owner"), 0);
        assert_eq!(
            test.attempt(now + 3600, HOME, "owner"),
            0,
            "all is forgotten"
        );
    }

    #[test]
    fn guessing_elsewhere_does_not_lock_the_owner_out() {
        let test = Test::new();
        for n in 0..2500 {
            test.attempt(0, &format!("203.0.113.{}", n % 250), "owner");
        }
        assert!(test.attempt(0, ELSEWHERE, "owner") > 0);
        assert_eq!(test.attempt(0, HOME, "owner"), 0);
    }

    #[test]
    fn many_accounts_from_one_address_are_counted_together() {
        let test = Test::new();
        for n in 0..FREE_AT_ALL {
            assert_eq!(test.attempt(0, ELSEWHERE, &format!("account{n}")), 0);
        }
        assert_eq!(test.attempt(0, ELSEWHERE, "one more"), 1);
        // Its own account is no way to begin anew.
        let test = Test::new();
        for n in 0..FREE_AT_ALL {
            assert_eq!(test.attempt(u64::from(n), ELSEWHERE, "own"), 0);
            test.success(u64::from(n), ELSEWHERE, "own");
            assert_eq!(
                test.attempt(u64::from(n), ELSEWHERE, &format!("account{n}")),
                0
            );
        }
        assert!(test.attempt(19, ELSEWHERE, "one more") > 0);
    }

    #[test]
    fn a_success_clears() {
        let test = Test::new();
        for _ in 0..FREE_AT_ACCOUNT {
            test.attempt(0, HOME, "owner");
        }
        assert_eq!(test.attempt(1, HOME, "owner"), 0);
        test.success(1, HOME, "owner");
        for _ in 0..FREE_AT_ACCOUNT {
            assert_eq!(test.attempt(1, HOME, "owner"), 0);
        }
        test.success(1, HOME, "owner");
        let records = test.limiter.records.lock().unwrap();
        assert!(records.addresses.0.is_empty() && records.accounts.0.is_empty());
    }

    #[test]
    fn memory_is_bounded() {
        let test = Test::new();
        for n in 0..10_500_u32 {
            let address = std::net::Ipv4Addr::from(n).to_string();
            assert_eq!(test.attempt(u64::from(n / 1000), &address, "a"), 0);
        }
        let records = test.limiter.records.lock().unwrap();
        assert_eq!(records.addresses.0.len(), MOST_RECORDS);
        assert_eq!(records.accounts.0.len(), MOST_RECORDS);
    }
}
