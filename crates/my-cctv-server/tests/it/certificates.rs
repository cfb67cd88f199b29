//! Certificates: made by the server itself, taken from files, replaced while it runs, and refused.

use std::{fs, net::SocketAddr, os::unix::fs::PermissionsExt as _, path::Path};

use toml::Value as Toml;

use crate::harness::{
    Pair, Setup, Watcher, curl, eventually, fingerprint, https, openssl, openssl_says,
    through_tunnel, with_tls,
};

fn with_pair(setup: Setup, pair: &Pair) -> Setup {
    let text = |path: &Path| Toml::String(path.to_str().unwrap().to_owned());
    let keys = [
        ("certificate", text(&pair.certificate)),
        ("key", text(&pair.key)),
    ];
    with_tls(setup, &keys)
}

/// The fingerprint of what the server shows now.
fn shown(address: SocketAddr, dir: &Path) -> String {
    let said = openssl_says(&["s_client", "-connect", &address.to_string()]);
    let begin = said.find("-----BEGIN CERTIFICATE-----").unwrap();
    let file = dir.join("shown.crt");
    fs::write(&file, &said[begin..]).unwrap();
    fingerprint(&file)
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn a_certificate_of_its_own_is_made_once_and_kept_for_the_owner_alone() {
    let setup = with_tls(Setup::camera_sim(), &[]);
    let mut server = setup.clone().start();
    let folder = server.path("data/tls");
    let (certificate, key) = (folder.join("certificate.pem"), folder.join("key.pem"));
    assert_eq!((mode(&folder), mode(&key)), (0o700, 0o600));
    let told = server.log.message("certificate").fields;
    assert_eq!(told["fingerprint_sha256"], fingerprint(&certificate));
    assert_eq!(told["fingerprint_sha256"], shown(server.address, &folder));
    assert!(server.log.message("open https://").message.ends_with('/'));

    let text = openssl_says(&[
        "x509",
        "-in",
        certificate.to_str().unwrap(),
        "-noout",
        "-text",
    ]);
    let host = rustix::system::uname()
        .nodename()
        .to_string_lossy()
        .to_lowercase();
    let label = host.split('.').next().unwrap();
    for want in [
        "id-ecPublicKey",
        "NIST CURVE: P-256",
        "CA:FALSE",
        "TLS Web Server Authentication",
        "DNS:localhost",
        "IP Address:127.0.0.1",
        "IP Address:0:0:0:0:0:0:0:1",
        &format!("DNS:{label}"),
    ] {
        assert!(text.contains(want), "no `{want}` in {text}");
    }
    let file = certificate.to_str().unwrap();
    let ends_in = |days: u32| {
        let seconds = (days * 86_400).to_string();
        let args = ["x509", "-in", file, "-noout", "-checkend", &seconds];
        openssl(&args).output().unwrap().status.code() == Some(1)
    };
    assert!(!ends_in(300) && ends_in(397));

    // A client that trusts it needs no exception; and browsers with one are not told to refuse it.
    let head = curl(&certificate, &["-I", &https(server.address, "/health")]);
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    assert!(!head.contains("Strict-Transport-Security"), "{head}");
    server.stop();

    let mut again = setup.clone().start();
    assert_eq!(shown(again.address, &folder), told["fingerprint_sha256"]);
    again.stop();

    // Damaged, or near its end: a new one.
    let mut before = told["fingerprint_sha256"].clone();
    let old = Pair::make(&folder, "old", 29, None);
    for spoil in [
        &|| fs::write(&key, "garbage").unwrap() as (),
        &|| fs::remove_file(&certificate).unwrap(),
        &|| {
            old.replace(&Pair {
                certificate: certificate.clone(),
                key: key.clone(),
            });
        },
    ] as [&dyn Fn(); 3]
    {
        spoil();
        let mut server = setup.clone().start();
        let now = server.log.message("certificate").fields["fingerprint_sha256"].clone();
        assert_ne!(now, before);
        assert_eq!(now, shown(server.address, &folder));
        assert_eq!(now, fingerprint(&certificate));
        assert_eq!(mode(&key), 0o600);
        before = now;
        server.stop();
    }
}

#[test]
fn without_a_place_to_keep_it_there_is_a_certificate_all_the_same() {
    // As the old server was told.
    let setup = Setup::camera_sim().env("ENABLE_HTTPS", "true");
    fs::write(setup.path("data"), "in the way").unwrap();
    let mut server = setup.start();
    let said = server
        .log
        .message("the server's own certificate could not be kept");
    assert!(said.raw.contains("data_dir"), "{}", said.raw);
    through_tunnel(&mut server);
    assert_eq!(server.get("/health").status, 200);
    server.stop();
}

#[test]
fn a_changed_certificate_is_taken_over_and_a_broken_one_is_not() {
    let setup = Setup::camera_sim();
    let dir = setup.path("certificates");
    fs::create_dir(&dir).unwrap();
    let authority = Pair::make(&dir, "authority", 100, None);
    let own = Pair::make(&dir, "own", 100, None);
    let issued = Pair::make(&dir, "issued", 100, Some(&authority));
    let used = Pair::make(&dir, "used", 100, None);
    let setup = with_pair(setup, &used);
    let mut server = setup.start();
    let address = through_tunnel(&mut server);
    let is_shown = |pair: &Pair| {
        let want = fingerprint(&pair.certificate);
        eventually("the certificate", || {
            (shown(address, &dir) == want).then_some(())
        });
    };
    is_shown(&used);
    let watcher = Watcher::of(server.stream("/stream"));
    watcher.more_pictures(1);
    let url = https(address, "/health");
    let head = curl(&used.certificate, &["-I", &url]);
    assert!(!head.contains("Strict-Transport-Security"), "{head}");

    issued.replace(&used);
    is_shown(&issued);
    let head = curl(&authority.certificate, &["-I", &url]);
    assert!(
        head.contains("Strict-Transport-Security: max-age=15552000"),
        "{head}"
    );

    fs::write(&used.certificate, "-----BEGIN CERTIFICATE-----\nnonsense").unwrap();
    let said = server.log.message("the new certificate cannot be used");
    assert!(said.raw.contains("used.crt: it is damaged"), "{}", said.raw);
    is_shown(&issued);
    own.replace(&used);
    is_shown(&own);
    watcher.more_pictures(3);
    server.stop();
}

#[test]
fn files_that_cannot_be_used_are_refused_in_words() {
    let setup = Setup::camera_sim();
    let dir = setup.path("certificates");
    fs::create_dir(&dir).unwrap();
    let good = Pair::make(&dir, "good", 100, None);
    let other = Pair::make(&dir, "other", 100, None);
    let file = |name: &str, text: &[u8]| {
        let path = dir.join(name);
        fs::write(&path, text).unwrap();
        path
    };
    let made = |name: &str, args: &[&str]| {
        let path = dir.join(name);
        let output = openssl(args).arg("-out").arg(&path).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        path
    };
    let key = good.key.to_str().unwrap();
    let encrypted = made(
        "pass",
        &["pkey", "-in", key, "-aes256", "-passout", "pass:x"],
    );
    let der = made("der", &["pkey", "-in", key, "-outform", "der"]);
    let weak = made(
        "weak",
        &[
            "genpkey",
            "-algorithm",
            "RSA",
            "-pkeyopt",
            "rsa_keygen_bits:1024",
        ],
    );
    let pem = fs::read(&good.key).unwrap();
    let half = file("half", &pem[..pem.len() / 2]);
    let empty = file("empty", b"");
    let large = file("large", &vec![b'x'; 2 << 20]);
    let missing = dir.join("missing");
    let secret = String::from_utf8(pem.clone()).unwrap();
    let secret = secret.lines().nth(1).unwrap();

    let (c, k) = (&good.certificate, &good.key);
    for (certificate, key, want) in [
        (&missing, k, "missing cannot be read: No such file"),
        (c, &missing, "missing cannot be read: No such file"),
        (&dir, k, "cannot be read: it is no file"),
        (&large, k, "large cannot be read: it is too large"),
        (&empty, k, "empty: there is no certificate in it"),
        (c, &empty, "empty: there is no private key in it"),
        (k, c, "good.key: there is a key in it and no certificate"),
        (c, c, "good.crt: there is a certificate in it and no key"),
        (c, &encrypted, "pass: a passphrase protects the key"),
        (c, &der, "der: it is in DER form"),
        (&der, k, "der: it is in DER form"),
        (c, &half, "half: it is damaged"),
        (c, &weak, "weak: the key in it cannot be used"),
        (c, &other.key, "does not belong to the key in"),
    ] {
        let pair = Pair {
            certificate: certificate.clone(),
            key: key.clone(),
        };
        let mut command = with_pair(setup.clone(), &pair).serve();
        let output = command.output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{want}: {said}");
        assert!(said.contains(want), "`{said}` does not say `{want}`");
        assert!(said.contains("server.tls"), "{said}");
        assert!(!said.contains(secret), "the key is in the log: {said}");
        let config = setup.path("test.toml");
        let output = setup.run(&["check", "--config", config.to_str().unwrap()]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{want}: {said}");
        assert!(said.contains(want), "`{said}` does not say `{want}`");
    }
    let _ = with_pair(setup.clone(), &good).serve();
    let config = setup.path("test.toml");
    let output = setup.run(&["check", "--config", config.to_str().unwrap()]);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains(&fingerprint(c)), "{said}");
}
