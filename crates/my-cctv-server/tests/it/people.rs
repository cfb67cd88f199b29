//! Accounts over their life: from where they may be used, how often, until when; sessions, the set-up, the command line.

use std::{
    thread,
    time::{Duration, Instant, SystemTime},
};

use serde_json::{Value, json};

use crate::{
    accounts::{PASSWORD, add_user, ask, basic, by_admin, run, setup, stream},
    harness::{
        Client, Parts, Reply, Server, Setup, Socket, Watcher, eventually, through_tunnel, with_tls,
    },
};

/// Places on this machine.
const HOME: &str = "127.0.0.2";
const OFFICE: &str = "127.0.0.3";

/// A request from this address, of whoever shows this `Authorization`.
fn from(own: &str, server: &Server, who: &str, path: &str) -> Reply {
    Client::at(own, server.address)
        .stranger()
        .header("Authorization", who)
        .request("GET", path)
}

/// A request with this cookie.
fn by_cookie(own: &str, server: &Server, cookie: &str, method: &str, path: &str) -> Reply {
    Client::at(own, server.address)
        .stranger()
        .header("Cookie", cookie)
        .json(&json!({}))
        .request(method, path)
}

fn log_in(own: &str, server: &Server, name: &str) -> Reply {
    let login = json!({"name": name, "password": PASSWORD});
    Client::at(own, server.address)
        .stranger()
        .header("User-Agent", &format!("browser at {own}"))
        .json(&login)
        .request("POST", "/api/v1/session")
}

fn cookie(reply: &Reply) -> String {
    let cookie = reply.header("Set-Cookie").unwrap();
    cookie.split(';').next().unwrap().to_owned()
}

fn make_token(server: &Server, token: &Value) -> String {
    let reply = by_admin(server, "POST", "/api/v1/tokens", token);
    assert_eq!(reply.status, 201);
    format!("Bearer {}", reply.json()["secret"].as_str().unwrap())
}

/// What the program says beside a running server.
fn cli(server: &Server, args: &[&str], input: &str) -> (bool, String) {
    let output = run(server, args, input);
    let bytes = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(bytes).unwrap())
}

fn cli_ok(server: &Server, args: &[&str]) -> String {
    let (is_ok, said) = cli(server, args, &format!("{PASSWORD}\n"));
    assert!(is_ok, "{args:?}: {said}");
    said
}

#[test]
fn an_account_with_a_list_of_networks_is_used_from_there_alone() {
    let mut server = setup().start();
    let kim = json!({"name": "kim", "password": PASSWORD, "role": "viewer", "allow": [HOME], "deny": ["10.0.0.0/8"]});
    let id = by_admin(&server, "POST", "/api/v1/users", &kim).json()["id"].clone();
    let path = format!("/api/v1/users/{id}");
    let kim = basic("kim");
    assert_eq!(from(HOME, &server, &kim, "/snapshot").status, 200);
    assert_eq!(
        from(OFFICE, &server, &kim, "/snapshot").status,
        401,
        "the right password, and known"
    );
    assert_eq!(
        from(OFFICE, &server, &basic("admin"), "/snapshot").status,
        200,
        "nobody else"
    );
    let login = log_in(HOME, &server, "kim");
    assert_eq!(
        (login.status, log_in(OFFICE, &server, "kim").status),
        (200, 401)
    );
    let session = cookie(&login);
    let me = |own| by_cookie(own, &server, &session, "GET", "/api/v1/session").status;
    assert_eq!((me(HOME), me(OFFICE)), (200, 401));
    // What kim gives away holds where kim may be.
    let token = Client::at(HOME, server.address)
        .stranger()
        .header("Cookie", &session)
        .json(&json!({"name": "vlc", "role": "viewer"}))
        .request("POST", "/api/v1/tokens")
        .json();
    let token = format!("Bearer {}", token["secret"].as_str().unwrap());
    assert_eq!(from(HOME, &server, &token, "/snapshot").status, 200);
    assert_eq!(from(OFFICE, &server, &token, "/snapshot").status, 401);
    let narrow = json!({"name": "narrow", "role": "viewer", "deny": ["127.0.0.0/30"]});
    let narrow = make_token(&server, &narrow);
    assert_eq!(from(OFFICE, &server, &narrow, "/snapshot").status, 401);
    assert_eq!(from("127.0.0.4", &server, &narrow, "/snapshot").status, 200);
    // Lists show it.
    let users = ask(&server, Some(&basic("admin")), "GET", "/api/v1/users", None).text();
    assert!(
        users.contains(r#""allow":["127.0.0.2/32"],"deny":["10.0.0.0/8"]"#),
        "{users}"
    );
    let tokens = ask(
        &server,
        Some(&basic("admin")),
        "GET",
        "/api/v1/tokens",
        None,
    )
    .text();
    assert!(tokens.contains(r#""deny":["127.0.0.0/30"]"#), "{tokens}");
    // What cannot be is named, and nothing of it is done.
    for (key, change) in [
        ("allow", json!({"role": "viewer", "allow": ["the office"]})),
        ("deny", json!({"role": "admin", "deny": ["10.0.0.0/99"]})),
    ] {
        let reply = by_admin(&server, "PUT", &path, &change);
        assert_eq!(reply.status, 422);
        assert_eq!(reply.json()["key"], key);
    }
    let admin = by_admin(&server, "GET", "/api/v1/users", &json!({})).json();
    let admin = format!("/api/v1/users/{}", admin["items"][0]["id"]);
    let shut_out = json!({"role": "admin", "allow": ["203.0.113.0/24"]});
    let reply = by_admin(&server, "PUT", &admin, &shut_out);
    assert_eq!(reply.status, 422);
    assert!(reply.text().contains("shut you out"));

    // What is open ends with another list; a change that does not name the lists leaves them.
    let watcher = Watcher::of(Parts::of(from(HOME, &server, &kim, "/stream")));
    let of_token = Watcher::of(Parts::of(from(HOME, &server, &token, "/stream")));
    let client = Client::at(HOME, server.address).socket();
    let socket = Socket::of(&kim, client, "/ws", &server);
    assert_eq!(
        by_admin(&server, "PUT", &path, &json!({"role": "viewer"})).status,
        204
    );
    watcher.more_parts(3);
    of_token.more_parts(3);
    let begun = Instant::now();
    let said = cli_ok(&server, &["user", "networks", "kim", "--allow", OFFICE]);
    assert_eq!(said.trim(), "kim may come from 127.0.0.3/32");
    watcher.ends_well();
    of_token.ends_well();
    let end = socket.end();
    eprintln!(
        "another list ends streams and sockets after {:?}",
        begun.elapsed()
    );
    assert_eq!(end.0, 1008);
    assert_eq!(from(HOME, &server, &kim, "/snapshot").status, 401);
    assert_eq!(from(OFFICE, &server, &kim, "/snapshot").status, 200);
    // The administrator is told why.
    let audit = by_admin(&server, "GET", "/api/v1/audit?limit=1000", &json!({})).json();
    let is_told = |who: &str, action: &str| {
        let mut items = audit["items"].as_array().unwrap().iter();
        items.any(|item| {
            item["who"] == who
                && item["action"] == action
                && item["detail"] == "not from this address"
        })
    };
    assert!(
        is_told("kim", "login failed") && is_told("token vlc", "refused"),
        "{audit}"
    );
    server.stop();
}

#[test]
fn what_ends_by_its_time_ends_what_is_open() {
    let mut server = setup().start();
    let made = SystemTime::now();
    // Long enough to open three of them on a machine with much else to do.
    let lasts_s = 8;
    let token = json!({"name": "short", "role": "viewer", "expires_in_s": lasts_s});
    let token = make_token(&server, &token);
    let link = json!({"camera": "main", "what": "stream", "expires_in_s": lasts_s});
    let link = by_admin(&server, "POST", "/api/v1/links", &link).json();
    let link = format!("/{}", link["address"].as_str().unwrap());
    let of_token = stream(&server, Some(&token), "/stream");
    let of_link = stream(&server, None, &link);
    let mut socket = Socket::of(&token, Client::new(server.address).socket(), "/ws", &server);
    assert_eq!(socket.ask(json!({"type": "clock"}))["ok"], true);
    for watcher in [&of_token, &of_link] {
        watcher.more_parts(1);
    }
    for (what, watcher) in [("token", &of_token), ("link", &of_link)] {
        watcher.ends_well();
        eprintln!(
            "the stream of a {what} of {lasts_s} s ended after {:?}",
            made.elapsed().unwrap()
        );
    }
    assert_eq!(socket.end().0, 1008);
    eprintln!("its socket ended after {:?}", made.elapsed().unwrap());
    assert!(
        made.elapsed().unwrap() >= Duration::from_secs(lasts_s - 1),
        "not before its time"
    );
    assert_eq!(
        ask(&server, Some(&token), "GET", "/snapshot", None).status,
        401
    );
    assert_eq!(ask(&server, None, "GET", &link, None).status, 401);
    server.stop();
}

#[test]
fn an_account_has_limits_of_its_own_wherever_it_comes_from() {
    let mut server = setup()
        .limit("streams_per_15_min_and_account", 3)
        .limit("api_per_minute_and_account", 20)
        .start();
    let token = make_token(&server, &json!({"name": "a program", "role": "viewer"}));
    let peek = |own: &str, who: &str| {
        let reply = from(own, &server, who, "/stream");
        let status = reply.status;
        if status == 200 {
            Parts::of(reply).part();
        }
        status
    };
    for own in [HOME, OFFICE, "127.0.0.4"] {
        assert_eq!(peek(own, &token), 200);
    }
    let refused = from("127.0.0.5", &server, &token, "/stream");
    let wait: u64 = refused.header("Retry-After").unwrap().parse().unwrap();
    assert!((280..=300).contains(&wait), "{wait}");
    let detail = refused.json()["detail"].to_string();
    assert!(detail.contains("with this account"), "{detail}");
    let client = Client::at(HOME, server.address).socket();
    let mut socket = Socket::of(&token, client, "/ws", &server);
    let answer = socket.ask(json!({"type": "subscribe"}));
    assert!(
        answer["error"]
            .as_str()
            .unwrap()
            .contains("with this account"),
        "{answer}"
    );
    // Whoever made the token is not punished for it, from the same address neither.
    assert_eq!(peek(HOME, &basic("admin")), 200);

    let list = |own: &str, who: &str| from(own, &server, who, "/api/v1/cameras");
    let refused = (0..40).map(|n| list(if n % 2 == 0 { HOME } else { OFFICE }, &token));
    let refused = refused
        .into_iter()
        .find(|reply| reply.status == 429)
        .expect("a refusal");
    assert!(refused.header("Retry-After").is_some());
    assert!(refused.text().contains("with this account"));
    assert_eq!(list(HOME, &basic("admin")).status, 200);
    // Pictures are not counted, and it recovers by itself.
    assert_eq!(from(HOME, &server, &token, "/snapshot").status, 200);
    eventually("room for a request", || {
        (list(HOME, &token).status == 200).then_some(())
    });
    server.log.message("stream refused");
    server.log.message("request refused");
    server.stop();
}

#[test]
fn sessions_are_listed_and_ended_by_their_owner_and_by_administrators() {
    let mut server = setup().start();
    add_user(&server, "kim", "viewer", &["main"]);
    add_user(&server, "lee", "viewer", &["main"]);
    let [here, there, of_lee] = [("kim", HOME), ("kim", OFFICE), ("lee", HOME)]
        .map(|(name, own)| cookie(&log_in(own, &server, name)));
    let list = |cookie: &str| {
        let list = by_cookie(HOME, &server, cookie, "GET", "/api/v1/sessions").json();
        list["items"].as_array().unwrap().clone()
    };
    let own = list(&here);
    let shown = |session: &Value| {
        let texts =
            ["user", "address", "user_agent"].map(|key| session[key].as_str().unwrap().to_owned());
        (texts, session["is_current"] == true)
    };
    let of = |own: &str| ["kim", own, &format!("browser at {own}")].map(str::to_owned);
    assert_eq!(
        own.iter().map(shown).collect::<Vec<_>>(),
        [(of(HOME), true), (of(OFFICE), false)]
    );
    assert!(
        own.iter()
            .all(|session| session["seen_s"].as_i64() >= session["created_s"].as_i64())
    );
    let id = |session: &Value| session["id"].as_i64().unwrap();
    let lees = id(&list(&of_lee)[0]);
    let end = |cookie: &str, id: i64| {
        by_cookie(
            HOME,
            &server,
            cookie,
            "DELETE",
            &format!("/api/v1/sessions/{id}"),
        )
        .status
    };
    assert_eq!(end(&here, lees), 404, "another's");
    assert_eq!(end(&here, id(&own[1])), 204);
    assert_eq!(
        by_cookie(OFFICE, &server, &there, "GET", "/api/v1/session").status,
        401
    );
    let watcher = Watcher::of(Parts::of(by_cookie(
        HOME, &server, &of_lee, "GET", "/stream",
    )));
    watcher.more_parts(1);
    let path = format!("/api/v1/sessions/{lees}");
    assert_eq!(by_admin(&server, "DELETE", &path, &json!({})).status, 204);
    watcher.ends_well();
    let by_name = by_admin(&server, "GET", "/api/v1/sessions", &json!({})).json();
    assert_eq!(by_name["items"].as_array().unwrap().len(), 1);
    server.stop();
}

#[test]
fn a_cookie_over_tls_is_for_tls_alone() {
    let mut server = with_tls(setup(), &[]).start();
    let real = through_tunnel(&mut server);
    let reply = ask(
        &server,
        None,
        "POST",
        "/api/v1/session",
        Some(&json!({"name": "admin", "password": PASSWORD})),
    );
    let set = reply.header("Set-Cookie").unwrap();
    for word in [
        "__Host-session=",
        "; Secure",
        "; HttpOnly",
        "; SameSite=Lax",
        "; Path=/;",
    ] {
        assert!(set.contains(word), "{set}");
    }
    assert!(!set.contains("Domain"), "{set}");
    let ask_by = |cookie: &str| {
        Client::new(server.address)
            .stranger()
            .header("Cookie", cookie)
            .request("GET", "/api/v1/session")
            .status
    };
    let cookie = cookie(&reply);
    assert_eq!(ask_by(&cookie), 200);
    assert_eq!(
        ask_by(&cookie.replace("__Host-", "")),
        401,
        "under the plain name it may be anybody's"
    );
    server.address = real;
    server.stop();
}

fn setup_code(server: &Server) -> String {
    eventually("the link", || {
        let text = server.log.to_string();
        text.split_once("/setup#code=")
            .map(|(_, rest)| rest[..22].to_owned())
    })
}

fn set_up(own: &str, server: &Server, code: &str, name: &str) -> Reply {
    let body = json!({"code": code, "name": name, "password": PASSWORD});
    Client::at(own, server.address)
        .stranger()
        .json(&body)
        .request("POST", "/api/v1/setup")
}

#[test]
fn a_set_up_code_is_lost_at_a_restart_and_its_race_has_one_winner() {
    let setup = Setup::with_source("test").with_login();
    let mut server = setup.clone().start();
    let old = setup_code(&server);
    server.stop();
    let mut server = setup.start();
    let code = setup_code(&server);
    assert_ne!(old, code);
    assert_eq!(set_up(HOME, &server, &old, "root").status, 403);
    // Wrong ones are slowed down, at the address that they come from.
    let refused = (0..20).map(|_| set_up(OFFICE, &server, "guess", "eve"));
    let refused = refused
        .into_iter()
        .find(|reply| reply.status == 429)
        .expect("a refusal");
    assert!(refused.header("Retry-After").is_some());
    assert_eq!(
        set_up(OFFICE, &server, &code, "eve").status,
        429,
        "the right one too"
    );
    let won: Vec<u16> = thread::scope(|scope| {
        let tries: Vec<_> = (0..8)
            .map(|n| {
                let (server, code) = (&server, &code);
                scope.spawn(move || {
                    set_up(&format!("127.0.1.{n}"), server, code, &format!("root{n}")).status
                })
            })
            .collect();
        tries.into_iter().map(|one| one.join().unwrap()).collect()
    });
    assert_eq!(
        won.iter().filter(|status| **status == 200).count(),
        1,
        "{won:?}"
    );
    assert!(
        won.iter().all(|status| matches!(status, 200 | 403)),
        "{won:?}"
    );
    assert_eq!(cli_ok(&server, &["user", "list"]).lines().count(), 1);
    assert_eq!(set_up(HOME, &server, &code, "late").status, 403);
    server.stop();
    assert!(!server.log.to_end().contains(&format!("guess {code}")));
}

#[test]
fn a_password_in_a_file_makes_the_administrator_where_there_is_no_user() {
    let setup = Setup::with_source("test").with_login();
    let file = setup.path("password");
    let by_file = || setup.clone().env("ADMIN_PASSWORD_FILE", &file);
    let refused = |words: &str| {
        let output = by_file().serve().output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && said.contains(words), "{said}");
    };
    refused("ADMIN_PASSWORD_FILE: ");
    std::fs::write(&file, "short\n").unwrap();
    refused(
        "make the user `admin` (ADMIN_PASSWORD, ADMIN_PASSWORD_FILE): a password has 8 to 256 bytes",
    );
    std::fs::write(&file, format!("{PASSWORD}\n")).unwrap();
    let mut server = by_file().start();
    let admin =
        |server: &Server| ask(server, Some(&basic("admin")), "GET", "/api/v1/users", None).status;
    assert_eq!(admin(&server), 200);
    server.stop();
    assert!(!server.log.to_end().contains(PASSWORD) && !server.log.to_end().contains("#code="));
    // Later it changes nothing: the file may be gone, or another one.
    std::fs::write(&file, "another canary").unwrap();
    let mut server = by_file().start();
    assert_eq!(admin(&server), 200);
    server.stop();
}

#[test]
fn accounts_are_kept_from_the_command_line_while_the_server_runs() {
    let mut server = setup().server("base_path", "/cam").start();
    let soon = |what: &str, who: &str, path: &str, status: u16| {
        let begun = Instant::now();
        eventually(what, || {
            (ask(&server, Some(who), "GET", path, None).status == status).then_some(())
        });
        eprintln!("{what}: after {:?}", begun.elapsed());
    };
    let kim = basic("kim");
    cli_ok(
        &server,
        &[
            "user",
            "add",
            "kim",
            "--camera",
            "main",
            "--allow",
            "127.0.0.0/8",
            "--deny",
            OFFICE,
        ],
    );
    soon("a new user", &kim, "/api/v1/cameras/main", 200);
    assert_eq!(
        ask(&server, Some(&kim), "GET", "/api/v1/cameras/yard", None).status,
        404
    );
    cli_ok(
        &server,
        &[
            "user", "cameras", "kim", "--camera", "main", "--camera", "yard",
        ],
    );
    soon("another camera", &kim, "/api/v1/cameras/yard", 200);
    cli_ok(&server, &["user", "role", "kim", "operator"]);
    soon("another role", &kim, "/api/v1/viewers", 200);
    let list = cli_ok(&server, &["user", "list"]);
    let line = list.lines().find(|line| line.starts_with("kim")).unwrap();
    for word in [
        "operator",
        "main, yard",
        "from 127.0.0.0/8",
        "not from 127.0.0.3/32",
    ] {
        assert!(line.contains(word), "{line}");
    }
    cli_ok(&server, &["user", "networks", "kim"]);
    cli_ok(&server, &["user", "cameras", "kim"]);
    let line = cli_ok(&server, &["user", "list"]);
    assert!(
        line.lines()
            .any(|line| line.trim_end().ends_with("operator   every camera")),
        "{line}"
    );

    let token = cli_ok(
        &server,
        &[
            "token",
            "create",
            "vlc",
            "--expires-in-days",
            "3",
            "--allow",
            "127.0.0.1",
        ],
    );
    let token = format!("Bearer {}", token.trim());
    soon("a new token", &token, "/snapshot", 200);
    assert_eq!(from(HOME, &server, &token, "/snapshot").status, 401);
    let tokens = cli_ok(&server, &["token", "list"]);
    assert!(
        tokens.contains("from 127.0.0.1/32, 3 days left"),
        "{tokens}"
    );
    let number = tokens.split_whitespace().next().unwrap().to_owned();
    cli_ok(&server, &["token", "revoke", &number]);
    soon("a revoked token", &token, "/snapshot", 401);

    let link = cli_ok(
        &server,
        &[
            "link",
            "create",
            "main",
            "--snapshot",
            "--expires-in-hours",
            "1",
            "--set",
            "server.base_path=/cam",
        ],
    );
    let link = link.trim();
    assert!(
        link.starts_with("/cam/api/v1/cameras/main/snapshot?link="),
        "{link}"
    );
    eventually("a new link", || {
        (ask(&server, None, "GET", link, None).status == 200).then_some(())
    });
    let links = cli_ok(&server, &["link", "list"]);
    assert!(links.contains("snapshot of main, 1 h left"), "{links}");
    let number = links.split_whitespace().next().unwrap().to_owned();
    cli_ok(&server, &["link", "revoke", &number]);
    eventually("a revoked link", || {
        (ask(&server, None, "GET", link, None).status == 401).then_some(())
    });
    assert_eq!(cli_ok(&server, &["link", "list"]).trim(), "no links yet");

    // A lost password.
    let (is_ok, said) = cli(&server, &["user", "passwd", "admin"], "a new canary\n");
    assert!(is_ok && said.contains("all sessions ended"), "{said}");
    soon("the old password", &basic("admin"), "/api/v1/users", 401);
    for (args, words) in [
        (
            &["user", "role", "nobody", "admin"][..],
            "there is no user `nobody`; `user list` shows them",
        ),
        (
            &["user", "role", "kim", "boss"],
            "viewer, operator or admin",
        ),
        (
            &["user", "role", "admin", "viewer"],
            "make another one first",
        ),
        (&["user", "remove", "admin"], "make another one first"),
        (
            &["user", "add", "kim"],
            "there is a user of this name already",
        ),
        (&["user", "add", "a:b"], "a name has 1 to 64 characters"),
        (
            &["user", "add", "mia", "--allow", "lan"],
            "--allow: `lan` is no network",
        ),
        (
            &["user", "cameras", "kim", "--camera", "a b"],
            "--camera a b",
        ),
        (&["token", "create", ""], "a name has 1 to 64 characters"),
        (&["token", "revoke", "99"], "there is no such token"),
        (&["link", "revoke", "99"], "there is no such link"),
        (&["link", "create", "a b"], "a b: "),
        (
            &["link", "create", "main", "--expires-in-hours", "0"],
            "1..=8784",
        ),
    ] {
        let (is_ok, said) = cli(&server, args, &format!("{PASSWORD}\n"));
        assert!(!is_ok && said.contains(words), "{args:?}: {said}");
        assert!(!said.contains("panicked"), "{said}");
    }
    cli_ok(&server, &["user", "remove", "kim"]);
    soon("a removed user", &kim, "/api/v1/cameras", 401);
    server.stop();
}
