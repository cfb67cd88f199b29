//! The whole server, watched from outside: the real binary, a simulated camera, real sockets, real clients.
//!
//! Every test has a server, a folder and a camera of its own, so all of them run side by side. Nothing here waits for a
//! time to pass where it can wait for something to happen; the limits are for a test that has failed.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod accounts;
mod acme;
mod admin;
mod api;
mod attacks;
mod audit;
mod board;
mod certificates;
mod changes;
mod cli;
mod clients;
mod control;
mod demand;
mod doctor;
mod documents;
mod faults;
mod harness;
mod headers;
mod healing;
mod health;
mod hostile;
mod hot;
mod incidents;
mod kept;
mod limits;
mod load;
mod log_files;
mod logs;
mod markdown;
mod metrics;
mod network;
mod peers;
mod people;
mod places;
mod proxies;
mod quality;
mod rtsp;
mod service;
mod settings;
mod shutdown;
mod slow;
mod slowhttp;
mod snapshot;
mod socket;
mod sources;
mod stream;
mod three;
mod tls;
mod unkillable;
mod upgrades;
mod usb;
