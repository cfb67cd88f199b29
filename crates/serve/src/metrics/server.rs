//! Figures of the server as a whole.

use std::{sync::atomic::Ordering::Relaxed, time::UNIX_EPOCH};

use hub::{BoardHealth, Limit};

use super::{
    family::{Families, Value},
    process::Process,
};
use crate::{
    state::App,
    system::{self, SpaceView},
};

pub(super) async fn tell(to: &mut Families, app: &App) {
    tell_of_requests(to, app);
    let help = "Incidents that are not on the disk yet as they are now";
    let incidents = app.hub.incidents().unwritten_count();
    to.gauge("cctv_incidents_unwritten", help)
        .one(Value::of(incidents as u64));
    let help = "Entries of the audit log that wait for the disk";
    let notes = app.accounts.notes_waiting();
    to.gauge("cctv_audit_entries_unwritten", help)
        .one(Value::of(notes as u64));
    let disk = system::disk(app.in_force.ask(|config| config.data_dir.clone())).await;
    let space = |space: &Option<SpaceView>| {
        let space = space.as_ref();
        [
            space.map(|space| Value::of(space.total_bytes)),
            space.map(|space| Value::of(space.available_bytes)),
        ]
    };
    let [size, available] = space(&disk);
    let help = "Size of the disk with the server's own files (server.data_dir)";
    to.gauge("cctv_data_disk_size", help).bytes().maybe(size);
    let help = "What can still be written to that disk";
    to.gauge("cctv_data_disk_available", help)
        .bytes()
        .maybe(available);
    let [size, available] = space(&system::memory_now());
    let help = "Memory of the machine";
    to.gauge("cctv_machine_memory_size", help)
        .bytes()
        .maybe(size);
    let help = "Memory of the machine that can still be had";
    to.gauge("cctv_machine_memory_available", help)
        .bytes()
        .maybe(available);
    tell_of_board(to, board::health().await);
    tell_of_process(to, app);
}

fn tell_of_requests(to: &mut Families, app: &App) {
    let help = "Answers, by the route that was asked for; a stream counts when it begins";
    let family = to.counter("cctv_http_requests", help);
    for ((route, method, status), count) in app.counts.requests.read() {
        let labels = [("route", route), ("method", method), ("status", status)];
        family.with(&labels, Value::Count(count));
    }
    let most = app.in_force.ask(|config| config.max_connections);
    let open = app.counts.seats.taken();
    to.gauge(
        "cctv_connections",
        "Connections that are open, streams among them",
    )
    .one(Value::of(open as u64));
    to.gauge(
        "cctv_connections_max",
        "Places for connections (server.max_connections)",
    )
    .one(Value::of(most as u64));
    to.gauge(
        "cctv_viewers_max",
        "Places for viewers of each camera (server.max_viewers)",
    )
    .one(Value::of(
        app.in_force.ask(|config| config.max_viewers) as u64
    ));
    let help = "Connections and requests that were refused, by what they had too much of or should not have";
    let family = to.counter("cctv_refusals", help);
    let turned_away = app.counts.turned_away.load(Relaxed);
    let refusals = app.counts.gate.refusals();
    for (reason, count) in refusals
        .into_iter()
        .chain([("max_connections", turned_away)])
    {
        family.with(&[("reason", reason)], Value::Count(count));
    }
    let help = "Logins that failed, by what was tried";
    let family = to.counter("cctv_login_failures", help);
    for (tried, count) in app.alarm.failures() {
        family.with(&[("tried", tried)], Value::Count(count));
    }
}

fn tell_of_board(to: &mut Families, board: Option<BoardHealth>) {
    let board = board.unwrap_or_default();
    to.gauge("cctv_board_temperature", "Temperature of the board")
        .celsius()
        .maybe(board.temperature_c.map(Value::Gauge));
    let help = "1 for what a Raspberry Pi says holds it back now";
    let family = to.gauge("cctv_board_limited", help);
    for (reason, limit) in [
        ("under_voltage", Limit::UnderVoltage),
        ("frequency_capped", Limit::FrequencyCapped),
        ("throttled", Limit::Throttled),
        ("soft_temperature_limit", Limit::SoftTemperature),
    ] {
        if let Some(word) = board.throttled {
            family.with(&[("reason", reason)], Value::flag(word.now(limit)));
        }
    }
}

fn tell_of_process(to: &mut Families, app: &App) {
    let process = Process::now();
    let help = "CPU time of the server; camera programs are processes of their own";
    to.counter("process_cpu", help)
        .seconds()
        .one(Value::Seconds(process.cpu_s));
    to.gauge(
        "process_resident_memory",
        "Memory of the server (resident set)",
    )
    .bytes()
    .maybe(process.resident_bytes.map(Value::of));
    to.gauge(
        "process_virtual_memory",
        "Addresses that the server has taken",
    )
    .bytes()
    .maybe(process.virtual_bytes.map(Value::of));
    to.gauge("process_open_fds", "Files and connections that are open")
        .maybe(process.open_files.map(Value::of));
    to.gauge("process_max_fds", "How many may be")
        .maybe(process.most_files.map(Value::of));
    to.gauge("process_threads", "Threads of the server")
        .maybe(process.threads.map(Value::of));
    let began = app.started_at.duration_since(UNIX_EPOCH);
    to.gauge("process_start_time", "When the server started, since 1970")
        .seconds()
        .one(Value::Gauge(began.unwrap_or_default().as_secs_f64()));
}
