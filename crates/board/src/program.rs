//! One question to a program of the board.

use std::{ffi::OsStr, process::Stdio, time::Duration};

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::{io::AsyncReadExt as _, process::Command, time::timeout};

/// More than any answer.
const ANSWER_BYTES: u64 = 4096;

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Text(String),
    Nothing,
    Hung,
}

impl Answer {
    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Nothing | Self::Hung => None,
        }
    }
}

/// What the program writes when it is asked this. Nothing is left of it afterwards.
pub(crate) async fn ask(program: &OsStr, question: &str, limit: Duration) -> Answer {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        let bytes = name.as_encoded_bytes();
        // Secrets of the server's.
        if bytes.starts_with(b"CCTV_") || bytes.starts_with(b"ADMIN_PASSWORD") {
            command.env_remove(name);
        }
    }
    let child = command
        .arg(question)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .env("LC_ALL", "C")
        .process_group(0)
        .kill_on_drop(true)
        .spawn();
    let Ok(mut child) = child else {
        return Answer::Nothing;
    };
    let Some(stdout) = child.stdout.take() else {
        return Answer::Nothing;
    };
    let mut text = Vec::new();
    let mut stdout = stdout.take(ANSWER_BYTES);
    let answered = timeout(limit, async {
        let _ = stdout.read_to_end(&mut text).await;
        drop(stdout);
        let _ = child.wait().await;
    })
    .await;
    if answered.is_ok() {
        return String::from_utf8(text).map_or(Answer::Nothing, Answer::Text);
    }
    let pid = child
        .id()
        .and_then(|pid| i32::try_from(pid).ok())
        .and_then(Pid::from_raw);
    if let Some(pid) = pid {
        // Its own children, too. It may be gone already.
        let _ = kill_process_group(pid, Signal::KILL);
    }
    // The kernel may hold it; then it is reaped later.
    let _ = timeout(limit, child.wait()).await;
    Answer::Hung
}
