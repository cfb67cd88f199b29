//! The attacks of the contract, one by one, and by which tests each of them is withstood.
//!
//! A module here holds what belongs to an attack and nowhere else; most of what withstands an attack is tested where the
//! thing itself is. [`ATTACKS`] names all of it, and a test sees to it that what is named is there.

mod browser;
mod commands;
mod elsewhere;
pub(crate) mod exhaustion;
mod guessing;
mod login_cost;
mod paths;
mod root;
mod secrets;
mod trust;

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

use crate::harness::{Server, Setup, skipped, tool};

/// `inner`, run by `outer`, which has to become it.
fn run_by(mut outer: Command, inner: &Command) -> Command {
    outer
        .arg(inner.get_program())
        .args(inner.get_args())
        .current_dir(inner.get_current_dir().unwrap())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    for (name, value) in inner.get_envs() {
        match value {
            Some(value) => outer.env(name, value),
            None => outer.env_remove(name),
        };
    }
    outer
}

/// The server of `setup` in a mount namespace of its own, after the lines of `script`. `None`, and a line that says so,
/// where that is not allowed.
fn in_namespace(setup: &Setup, script: &str) -> Option<Server> {
    let unshare = || {
        let mut command = Command::new(tool("unshare", "util-linux"));
        command.args(["--user", "--map-root-user", "--mount"]);
        command.current_dir(setup.path(""));
        command
    };
    let tried = unshare().args(["sh", "-c", script]).output().unwrap();
    if !tried.status.success() {
        let why = String::from_utf8_lossy(&tried.stderr).trim().to_owned();
        skipped(&format!("`{script}` in a namespace of its own: {why}"));
        return None;
    }
    let mut outer = unshare();
    outer.args(["sh", "-c", &format!("{script} && exec \"$@\""), "sh"]);
    let command = run_by(outer, &setup.serve());
    Some(setup.clone().start_by(command))
}

/// Number, attack, tests: `module::test` of these tests, or `file::test` from the top of the repository.
const ATTACKS: &[(u32, &str, &[&str])] = &[
    (
        1,
        "traversal in every file-shaped value",
        &[
            "attacks::paths::no_path_is_built_from_a_request",
            "attacks::paths::a_link_in_the_folder_leads_nowhere",
            "admin::bad_requests_change_nothing_and_say_what_was_expected",
        ],
    ),
    (
        2,
        "command execution through sources, devices, values",
        &[
            "attacks::commands::no_program_is_started_by_what_the_api_is_told",
            "attacks::commands::what_is_set_stays_one_argument_of_a_known_option",
            "crates/my-cctv-server/src/config/keys.rs::what_cannot_be_is_named",
            "crates/my-cctv-server/src/config/keys.rs::for_every_key_somebody_decided_whether_the_api_may_set_it",
        ],
    ),
    (
        3,
        "a route, method or message without login",
        &[
            "accounts::every_route_for_everybody_on_an_own_and_a_foreign_camera",
            "accounts::every_message_of_a_socket_asks_again_and_another_right_ends_it",
            "attacks::trust::methods_and_spellings_are_no_way_round_the_login",
            "crates/serve/src/access/rules.rs::every_route_has_a_line_and_every_line_a_route",
        ],
    ),
    (
        4,
        "a foreign camera by another way",
        &[
            "accounts::every_route_for_everybody_on_an_own_and_a_foreign_camera",
            "accounts::what_is_open_ends_with_the_right_to_it",
            "crates/accounts/src/rights.rs::the_table_of_rights",
            "crates/accounts/src/rights.rs::cameras_of_both",
        ],
    ),
    (
        5,
        "WebSockets: foreign pages, after logout, oversized, in pieces, in floods",
        &[
            "socket::the_handshake_is_for_programs_and_our_own_pages",
            "socket::who_does_not_behave_is_told_and_ended",
            "attacks::browser::a_socket_ends_with_its_session",
            "accounts::every_message_of_a_socket_asks_again_and_another_right_ends_it",
        ],
    ),
    (
        6,
        "CSRF, DNS rebinding, CORS, open redirects",
        &[
            "attacks::browser::a_foreign_page_changes_nothing_with_a_cookie",
            "attacks::browser::no_answer_leads_elsewhere",
            "headers::pages_of_other_sites_change_nothing",
            "headers::a_name_that_is_not_ours_is_refused_and_the_sentence_helps",
            "headers::a_listed_page_may_use_the_api",
            "crates/serve/src/gate/sites.rs::names_of_the_internet_are_ours_only_if_they_are_listed",
        ],
    ),
    (
        7,
        "script in names and texts",
        &[
            "attacks::browser::texts_of_strangers_are_data",
            "attacks::browser::a_picture_does_not_end_its_part",
            "headers::every_answer_has_its_headers_and_pictures_may_be_shown_elsewhere",
            "hostile::names_of_viewers_cannot_break_the_log",
            "web/e2e/script.spec.ts::names and words of a camera are text",
        ],
    ),
    (
        8,
        "brute force, enumeration, lockout, the race of the first run",
        &[
            "attacks::guessing::guesses_have_to_wait_and_the_owner_elsewhere_does_not",
            "attacks::guessing::names_are_told_neither_by_text_nor_by_time",
            "attacks::guessing::of_many_first_administrators_one_is_made",
            "attacks::guessing::wrong_codes_do_not_keep_the_owner_from_setting_up",
            "limits::only_a_trusted_proxy_says_who_its_client_is",
            "crates/serve/src/gate/logins.rs::guessing_elsewhere_does_not_lock_the_owner_out",
            "crates/serve/src/gate/logins.rs::waits_double_and_end_at_a_quarter_of_an_hour",
        ],
    ),
    (
        9,
        "stored hashes as secrets, sessions that outlive a password",
        &[
            "attacks::guessing::what_is_in_the_database_opens_nothing",
            "attacks::guessing::a_new_password_ends_what_the_old_one_opened",
            "attacks::secrets::planted_secrets_are_found_nowhere",
            "crates/accounts/tests/accounts.rs::a_new_password_ends_everything_that_the_old_one_opened",
        ],
    ),
    (
        10,
        "secrets in logs, answers, arguments, files, redirects",
        &[
            "attacks::secrets::planted_secrets_are_found_nowhere",
            "attacks::secrets::the_code_of_the_first_run_is_in_the_log_and_nowhere_else",
            "attacks::secrets::errors_of_the_configuration_show_no_secret",
            "accounts::secrets_are_shown_once_and_written_nowhere",
            "rtsp::a_login_is_made_and_never_shown",
        ],
    ),
    (
        11,
        "requests of the server's to places it should not ask",
        &[
            "attacks::elsewhere::a_camera_is_not_at_a_metadata_service",
            "attacks::elsewhere::a_redirect_is_not_followed",
            "rtsp::a_camera_leads_nobody_elsewhere",
            "crates/camera/src/address.rs::places_with_secrets_are_not_connected_to",
        ],
    ),
    (
        12,
        "hostile bytes",
        &[
            "faults::whatever_the_camera_does_the_server_goes_on",
            "hostile::garbage_is_refused_and_harms_nobody",
            "rtsp::hostile_pictures_are_no_pictures",
            "rtsp::messages_without_end_are_bounded",
            "tls::garbage_instead_of_a_handshake_is_cut_and_harms_nobody",
        ],
    ),
    (
        13,
        "exhaustion",
        &[
            "slowhttp::three_thousand_slow_connections_for_a_minute",
            "attacks::exhaustion::idle_sockets_of_many_addresses_end",
            "attacks::exhaustion::without_descriptors_those_who_are_here_go_on",
            "attacks::exhaustion::a_full_disk_stops_logins_and_no_stream",
            "attacks::exhaustion::without_inodes_nothing_changes_and_streams_go_on",
            "attacks::exhaustion::refusals_do_not_fill_the_log",
            "attacks::login_cost::two_hundred_logins_at_once_take_the_memory_of_two",
            "limits::a_thousand_slow_connections_from_one_address_harm_nobody_elsewhere",
            "limits::a_few_addresses_do_not_take_every_connection",
            "limits::heads_and_bodies_are_short_and_there_in_time",
            "hostile::a_storm_of_connections_leaves_a_server_that_answers",
            "hostile::a_body_that_is_not_wanted_is_not_kept",
            "slow::a_viewer_that_takes_nothing_is_closed_and_its_place_is_free",
            "kept::a_full_disk_keeps_what_was_and_says_so",
        ],
    ),
    (
        14,
        "trust by mistake",
        &[
            "attacks::trust::this_machine_is_nobody_special",
            "attacks::trust::headers_make_nobody_an_administrator",
            "limits::only_a_trusted_proxy_says_who_its_client_is",
            "limits::the_proxy_protocol_is_taken_from_trusted_proxies_alone",
        ],
    ),
    (
        15,
        "running as root",
        &[
            "attacks::root::the_unit_is_locked_down",
            "attacks::root::it_runs_as_nobody_on_a_read_only_system",
            "attacks::root::root_is_told_that_it_need_not_be",
        ],
    ),
];

#[test]
fn every_attack_has_its_tests() {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let numbers: Vec<u32> = ATTACKS.iter().map(|(number, ..)| *number).collect();
    assert_eq!(numbers, (1..=15).collect::<Vec<_>>());
    for (number, attack, tests) in ATTACKS {
        assert!(!tests.is_empty());
        for test in *tests {
            let (place, name) = test.rsplit_once("::").unwrap();
            let file = if place.contains('.') {
                top.join(place)
            } else {
                let module = place.replace("::", "/");
                top.join(format!("crates/my-cctv-server/tests/it/{module}.rs"))
            };
            let source = fs::read_to_string(&file)
                .unwrap_or_else(|error| panic!("{number}, {attack}: {}: {error}", file.display()));
            let is_there = if place.ends_with(".ts") {
                source.contains(&format!("test('{name}'"))
            } else {
                let at = source.find(&format!("fn {name}()"));
                // The attribute stands above it, if it is a test.
                at.is_some_and(|at| {
                    let lines = source[..at].lines().rev().take(4);
                    lines
                        .into_iter()
                        .any(|line| matches!(line.trim(), "#[test]" | "#[tokio::test]"))
                })
            };
            assert!(is_there, "{number}, {attack}: there is no test {test}");
        }
    }
}
