//! 13: a password is dear to check on purpose, and that must not be a way to take the machine's memory.

use std::{collections::BTreeMap, thread};

use serde_json::json;

use crate::{
    accounts::{PASSWORD, ask, basic, setup},
    harness::{Client, Parts, Watcher},
};

/// What one calculation takes; two are made at a time.
const CALCULATION_KIB: u64 = 19 * 1024;

#[test]
fn two_hundred_logins_at_once_take_the_memory_of_two() {
    let mut server = setup().start();
    let stream = ask(&server, Some(&basic("admin")), "GET", "/stream", None);
    let watcher = Watcher::of(Parts::of(stream));
    watcher.more_parts(2);
    let before = server.rss_kib();
    let address = server.address;
    // Each from an address of its own, or most of them would be refused before anything is calculated.
    let logins: Vec<_> = (0..200)
        .map(|n| {
            thread::spawn(move || {
                let password = if n % 50 == 7 {
                    PASSWORD.to_owned()
                } else {
                    format!("a guess {n}")
                };
                Client::at(&format!("127.5.0.{}", n + 1), address)
                    .stranger()
                    .json(&json!({"name": "admin", "password": password}))
                    .request("POST", "/api/v1/session")
            })
        })
        .collect();
    let mut statuses = BTreeMap::<u16, u32>::new();
    for login in logins {
        let reply = login.join().unwrap();
        *statuses.entry(reply.status).or_default() += 1;
        match reply.status {
            200 => assert!(reply.header("Set-Cookie").is_some()),
            401 => {}
            503 => assert!(reply.header("Retry-After").is_some()),
            other => panic!("{other}"),
        }
    }
    let grown = server.peak_rss_kib().saturating_sub(before);
    eprintln!("{statuses:?}, {grown} KiB more");
    // Two at a time and some room for two hundred connections.
    assert!(grown < 3 * CALCULATION_KIB + (16 << 10), "{grown} KiB more");
    // The name and password known by now are asked for nobody's calculation.
    watcher.more_parts(10);
    let fresh = ask(&server, Some(&basic("admin")), "GET", "/stream", None);
    Watcher::of(Parts::of(fresh)).more_parts(2);
    server.stop();
}
