//! Repeats in the audit log become one entry, so that whoever knocks all night fills neither the log nor the card.
//! Pure: time is an argument.

use std::{
    collections::{BTreeSet, HashMap},
    time::{Duration, Instant},
};

use crate::audit::{Entry, Weight};

/// Kinds of entries that are told apart at a time; what comes beyond them is told of together.
const MOST: usize = 32;
/// Names that are told of in one entry.
const NAMES: usize = 5;
/// Stands for all addresses that are told of together.
const SEVERAL: &str = "several addresses";

/// What is counted as the same.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Same {
    is_stranger: bool,
    /// Strangers give what names they like.
    who: Option<String>,
    address: String,
    action: &'static str,
    camera: Option<String>,
    /// Ours, and not theirs.
    detail: String,
}

#[derive(Debug)]
struct Pending {
    entry: Entry,
    until: Instant,
    names: BTreeSet<String>,
    has_more_names: bool,
    times: u32,
}

/// An entry that stands for so many.
#[derive(Debug)]
pub(crate) struct Joined {
    pub(crate) entry: Entry,
    pub(crate) times: u32,
    pub(crate) is_stranger: bool,
}

/// Repeats that wait for being told of together.
#[derive(Debug, Default)]
pub(crate) struct Joiner(HashMap<Same, Pending>);

fn window(is_stranger: bool) -> Duration {
    Duration::from_secs(if is_stranger { 60 } else { 3600 })
}

impl Joiner {
    /// Gives the entry back if it is the first of its kind; repeats are kept until their time is over.
    pub(crate) fn add(&mut self, mut entry: Entry, weight: Weight, now: Instant) -> Option<Entry> {
        let is_stranger = match weight {
            Weight::Full => return Some(entry),
            Weight::Stranger => true,
            Weight::Often => false,
        };
        let mut same = Same {
            is_stranger,
            who: (!is_stranger).then(|| entry.who.clone()),
            // Without the port, which is another one each time.
            address: entry.address.parse::<std::net::SocketAddr>().map_or_else(
                |_| entry.address.clone(),
                |address| address.ip().to_string(),
            ),
            action: entry.action,
            camera: entry.camera.clone(),
            detail: entry.detail.clone(),
        };
        let of_kind = |same: &&Same| same.is_stranger == is_stranger;
        if !self.0.contains_key(&same) && self.0.keys().filter(of_kind).count() >= MOST {
            SEVERAL.clone_into(&mut same.address);
            same.who = None;
            same.camera = None;
        }
        match self.0.get_mut(&same) {
            Some(pending) => {
                pending.times = pending.times.saturating_add(1);
                if pending.names.len() < NAMES {
                    pending.names.insert(entry.who);
                } else if !pending.names.contains(&entry.who) {
                    pending.has_more_names = true;
                }
                None
            }
            None => {
                let first = entry.clone();
                entry.address.clone_from(&same.address);
                entry.camera.clone_from(&same.camera);
                let pending = Pending {
                    entry,
                    until: now + window(is_stranger),
                    names: BTreeSet::new(),
                    has_more_names: false,
                    times: 0,
                };
                self.0.insert(same, pending);
                Some(first)
            }
        }
    }

    /// Repeats whose time is over.
    pub(crate) fn due(&mut self, now: Instant) -> Vec<Joined> {
        self.take(|pending| pending.until <= now, now)
    }

    /// All repeats so far.
    pub(crate) fn all(&mut self, now: Instant) -> Vec<Joined> {
        self.take(|_| true, now)
    }

    fn take(&mut self, is_wanted: impl Fn(&Pending) -> bool, now: Instant) -> Vec<Joined> {
        let mut taken = Vec::new();
        self.0.retain(|same, pending| {
            let is_over = pending.until <= now;
            if !is_wanted(pending) || pending.times == 0 {
                // Without a repeat it is over, and the next one is a first one again.
                return !is_over;
            }
            let mut entry = pending.entry.clone();
            let names = std::mem::take(&mut pending.names);
            if names.len() > 1 || pending.has_more_names {
                let names: Vec<_> = names.into_iter().collect();
                let more = if pending.has_more_names { ", …" } else { "" };
                let colon = if entry.detail.is_empty() { "" } else { ": " };
                entry.detail += &format!("{colon}{}{more}", names.join(", "));
                "several names".clone_into(&mut entry.who);
            } else if let Some(name) = names.into_iter().next() {
                entry.who = name;
            }
            taken.push(Joined {
                entry,
                times: std::mem::take(&mut pending.times),
                is_stranger: same.is_stranger,
            });
            pending.has_more_names = false;
            if is_over {
                pending.until = now + window(same.is_stranger);
            }
            true
        });
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(who: &str, address: &str) -> Entry {
        Entry {
            who: who.to_owned(),
            address: address.to_owned(),
            action: "login failed",
            camera: None,
            detail: String::new(),
        }
    }

    #[test]
    fn the_first_is_told_at_once_and_repeats_once_a_minute() {
        let begin = Instant::now();
        let at = |s: u64| begin + Duration::from_secs(s);
        let mut joiner = Joiner::default();
        let add = |joiner: &mut Joiner, who: &str, port: u16| {
            let address = format!("203.0.113.7:{port}");
            joiner.add(entry(who, &address), Weight::Stranger, begin)
        };
        let first = add(&mut joiner, "root", 1).unwrap();
        assert_eq!(first.address, "203.0.113.7:1");
        for port in 2..=500 {
            assert_eq!(add(&mut joiner, "root", port), None);
        }
        assert!(joiner.due(at(59)).is_empty());
        let told = joiner.due(at(60)).pop().unwrap();
        assert_eq!(
            (
                told.times,
                told.entry.who.as_str(),
                told.entry.address.as_str()
            ),
            (499, "root", "203.0.113.7")
        );
        for name in ["a", "b", "c", "d", "e", "f", "a"] {
            assert_eq!(add(&mut joiner, name, 9), None);
        }
        let told = joiner.due(at(120)).pop().unwrap();
        assert_eq!((told.times, told.entry.who.as_str()), (7, "several names"));
        assert_eq!(told.entry.detail, "a, b, c, d, e, …");
        // Quiet for a minute: all is forgotten, and the next one is told of at once.
        assert!(joiner.due(at(180)).is_empty() && joiner.0.is_empty());
        assert!(add(&mut joiner, "root", 1).is_some());
        // What counts fully is never kept back.
        let full = joiner.add(entry("root", "203.0.113.7:1"), Weight::Full, begin);
        assert!(full.is_some());
    }

    #[test]
    fn however_many_addresses_there_are_there_are_few_entries() {
        let begin = Instant::now();
        let mut joiner = Joiner::default();
        let mut at_once = 0;
        for n in 0..100_000_u32 {
            let address = format!("{}:1", std::net::Ipv4Addr::from(n));
            at_once += usize::from(
                joiner
                    .add(entry("root", &address), Weight::Stranger, begin)
                    .is_some(),
            );
        }
        assert_eq!((at_once, joiner.0.len()), (MOST + 1, MOST + 1));
        // Who looks at pictures is told of all the same.
        let mut look = entry("kim", "10.0.0.1:1");
        look.action = "snapshot";
        assert!(joiner.add(look.clone(), Weight::Often, begin).is_some());
        assert!(joiner.add(look, Weight::Often, begin).is_none());
        let told = joiner.all(begin);
        let times: u32 = told.iter().map(|joined| joined.times).sum();
        assert_eq!(times, 100_000 - (u32::try_from(MOST).unwrap() + 1) + 1);
        let several = told.iter().find(|joined| joined.entry.address == SEVERAL);
        assert!(several.is_some_and(|joined| joined.times > 99_000));
    }
}
