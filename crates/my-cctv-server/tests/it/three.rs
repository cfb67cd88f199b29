//! What people bring to the 3D view, and where the cameras stand: over HTTP, from hostile bytes to a restart.

use std::{fs, io::Write as _, os::unix::fs::PermissionsExt as _};

use serde_json::{Value, json};

use crate::harness::{Client, Reply, Server, Setup, Token, eventually};

const MODEL: &str = "/api/v1/three/model";
const SITE: &str = "/api/v1/three/site";

/// A GLB with these words.
fn glb(json: &Value, binary: &[u8]) -> Vec<u8> {
    let mut text = json.to_string().into_bytes();
    text.resize(text.len().next_multiple_of(4), b' ');
    let mut out = b"glTF\x02\0\0\0\0\0\0\0".to_vec();
    for (kind, bytes) in [(b"JSON", &text[..]), (b"BIN\0", binary)] {
        out.extend(u32::try_from(bytes.len()).unwrap().to_le_bytes());
        out.extend(kind);
        out.extend(bytes);
    }
    let length = u32::try_from(out.len()).unwrap().to_le_bytes();
    out[8..12].copy_from_slice(&length);
    out
}

fn model() -> Vec<u8> {
    let json = json!({
        "asset": {"version": "2.0"},
        "scenes": [{"nodes": [0]}],
        "nodes": [{"name": "Screen", "mesh": 0}],
        "meshes": [{"primitives": [{"attributes": {"POSITION": 0}}]}],
        "accessors": [{"bufferView": 0, "componentType": 5126, "count": 3, "type": "VEC3"}],
        "bufferViews": [{"buffer": 0, "byteLength": 36}],
        "buffers": [{"byteLength": 36}],
    });
    glb(&json, &[0; 36])
}

fn hdr() -> Vec<u8> {
    let head = b"#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 1 +X 4\n".to_vec();
    [head, vec![128; 16]].concat()
}

fn png() -> Vec<u8> {
    let mut out = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
    out.extend([0, 0, 0, 9, 0, 0, 0, 7, 8, 2, 0, 0, 0, 1, 2, 3, 4]);
    out.extend(*b"\0\0\0\0IEND\xae\x42\x60\x82");
    out
}

fn put(server: &Server, path: &str, bytes: &[u8]) -> Reply {
    Client::new(server.address).body(bytes).request("PUT", path)
}

fn refused(reply: Reply, status: u16, word: &str) {
    let got = reply.status;
    let text = reply.text();
    assert_eq!(got, status, "{text}");
    assert!(text.contains(word), "`{text}` does not say `{word}`");
}

#[test]
fn what_is_brought_is_there_until_it_is_taken_away() {
    let mut server = Setup::with_source("test").start();
    assert_eq!(server.json("/api/v1/three"), json!({"pieces": []}));
    let house = "/api/v1/three/house";
    let background = "/api/v1/three/background";
    let plan = "/api/v1/three/plan";
    for (path, bytes, kind) in [
        (MODEL, model(), "model/gltf-binary"),
        (house, model(), "model/gltf-binary"),
        (background, hdr(), "image/vnd.radiance"),
        (plan, png(), "image/png"),
    ] {
        assert_eq!(server.get(path).status, 204, "{path}: there is none");
        let reply = put(&server, path, &bytes);
        assert_eq!(reply.status, 204, "{path}");
        let reply = server.get(path);
        assert_eq!(reply.status, 200, "{path}");
        for (name, want) in [
            ("Content-Type", kind),
            ("X-Content-Type-Options", "nosniff"),
            ("Cross-Origin-Resource-Policy", "same-origin"),
            ("Cache-Control", "private, no-cache"),
        ] {
            assert_eq!(reply.header(name), Some(want), "{path}: {name}");
        }
        let tag = reply.header("ETag").unwrap().to_owned();
        assert_eq!(reply.bytes(), bytes, "{path}");
        let again = Client::new(server.address).header("If-None-Match", &tag);
        assert_eq!(again.request("GET", path).status, 304, "{path}");
    }
    let pieces = server.json("/api/v1/three");
    let pieces = pieces["pieces"].as_array().unwrap().iter();
    let names: Vec<_> = pieces
        .map(|piece| piece["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["model", "background", "house", "plan"]);
    let folder = server.path("data/three");
    let mut files: Vec<_> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    files.sort();
    assert_eq!(
        files,
        ["background.hdr", "house.glb", "model.glb", "plan.image"]
    );
    for (path, want) in [(folder.clone(), 0o700), (folder.join("model.glb"), 0o600)] {
        let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, want, "{}", path.display());
    }

    assert_eq!(server.request("DELETE", MODEL).status, 204);
    assert_eq!(server.request("DELETE", MODEL).status, 204, "and again");
    assert_eq!(server.get(MODEL).status, 204);
    assert_eq!(server.get(house).status, 200);
    server.stop();
}

#[test]
fn what_cannot_be_used_takes_no_place() {
    let mut server = Setup::with_source("test").start();
    let good = model();
    assert_eq!(put(&server, MODEL, &good).status, 204);
    let elsewhere =
        json!({"asset": {"version": "2.0"}, "images": [{"uri": "http://169.254.169.254/x.png"}]});
    for (path, bytes, status, word) in [
        (MODEL, Vec::new(), 422, "ends in the middle"),
        (MODEL, b"<html>".to_vec(), 422, "ends in the middle"),
        (
            MODEL,
            good[..good.len() - 5].to_vec(),
            422,
            "says that it has",
        ),
        (MODEL, vec![0; 5000], 422, "no GLB file"),
        (MODEL, glb(&elsewhere, &[]), 422, "other files"),
        (
            "/api/v1/three/background",
            hdr()[..50].to_vec(),
            422,
            "cannot be read",
        ),
        ("/api/v1/three/plan", model(), 422, "no PNG and no JPEG"),
        (
            "/api/v1/three/..%2f..%2faccounts.db",
            model(),
            404,
            "`model`",
        ),
        ("/api/v1/three/%00", model(), 404, "`model`"),
        ("/api/v1/three/model.glb", model(), 404, "`model`"),
    ] {
        refused(put(&server, path, &bytes), status, word);
    }
    assert_eq!(server.get(MODEL).bytes(), good, "what was there stays");

    // Too large: by its own word at once, and as soon as it is.
    let client = Client::new(server.address).header("Content-Length", "33554433");
    refused(client.request("PUT", MODEL), 413, "at most 32 MB");
    let mut socket = Client::new(server.address).socket();
    let token = Token::get();
    write!(
        socket,
        "PUT /api/v1/three/plan HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\nTransfer-Encoding: chunked\r\n\r\n",
        token.secret
    )
    .unwrap();
    let chunk = [b"100000\r\n".to_vec(), vec![7; 1 << 20], b"\r\n".to_vec()].concat();
    // The server may close before it has been sent all of it.
    let sent = (0..16)
        .take_while(|_| socket.write_all(&chunk).is_ok())
        .count();
    assert!(sent >= 8, "8 MiB are taken, {sent} were");
    drop(socket);

    // Half of one, and gone: nothing is left of it, and nobody has to wait.
    let mut socket = Client::new(server.address).socket();
    write!(
        socket,
        "PUT {MODEL} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\nContent-Length: 1000000\r\n\r\nglTF",
        token.secret
    )
    .unwrap();
    let new = server.path("data/three/new");
    eventually("the file under way", || new.exists().then_some(()));
    refused(put(&server, MODEL, &good), 409, "just being uploaded");
    drop(socket);
    eventually("that it is gone", || (!new.exists()).then_some(()));
    eventually("the turn", || {
        (put(&server, MODEL, &good).status == 204).then_some(())
    });
    assert!(!server.path("data/three/plan.image").exists());
    server.stop();
}

#[test]
fn a_layout_is_kept_and_nobody_works_against_another() {
    let mut server = Setup::with_source("test")
        .another_camera("yard", "test")
        .start();
    let empty = server.json(SITE);
    assert_eq!(
        (&empty["revision"], &empty["cameras"]),
        (&json!(0), &json!([]))
    );
    let placed = |camera: &str| json!({"camera": camera, "kind": "frustum", "at_m": [1.5, 2, -3], "yaw_deg": 45, "pitch_deg": -20, "roll_deg": 0, "width_m": 1.6, "angle_deg": 62, "reach_m": 8});
    let ground = json!({"kind": "plan", "width_m": 12.5, "scale": 1, "turn_deg": 90});
    let site =
        json!({"revision": 0, "ground": ground, "cameras": [placed("main"), placed("yard")]});
    let reply = server.send("PUT", SITE, &site);
    assert_eq!(reply.status, 200);
    let kept = reply.json();
    assert_eq!(kept["revision"], 1);
    assert_eq!(kept["ground"]["width_m"], 12.5);
    assert_eq!(server.json(SITE), kept);
    refused(server.send("PUT", SITE, &site), 409, "load it again");
    let mut wrong = kept.clone();
    wrong["cameras"][0]["at_m"][1] = json!(1e12);
    refused(server.send("PUT", SITE, &wrong), 422, "cameras[0].at_m");
    wrong["cameras"] = json!("x".repeat(20_000));
    refused(server.send("PUT", SITE, &wrong), 413, "too large");
    refused(put(&server, SITE, b"{}"), 415, "application/json");
    assert_eq!(server.json(SITE), kept);
    server.stop();
}
