//! The token by which the tests' clients may do everything: made once, by the program itself.

use std::{fs, process::Command, sync::OnceLock};

/// A token, and accounts that know it.
pub(crate) struct Token {
    pub(crate) secret: String,
    /// The database's bytes.
    pub(crate) accounts: Vec<u8>,
}

impl Token {
    pub(crate) fn get() -> &'static Self {
        static TOKEN: OnceLock<Token> = OnceLock::new();
        TOKEN.get_or_init(|| {
            let dir = tempfile::tempdir().unwrap();
            let output = Command::new(env!("CARGO_BIN_EXE_my-cctv-server"))
                .current_dir(dir.path())
                .args(["token", "create", "tests", "--role", "admin"])
                .args(["--set", "auth.database=accounts.db"])
                .output()
                .unwrap();
            let said = String::from_utf8(output.stdout).unwrap();
            assert!(
                output.status.success(),
                "{}",
                String::from_utf8_lossy(&output.stderr)
            );
            // Closed in good order: all of it is in the one file.
            assert!(!dir.path().join("accounts.db-wal").exists());
            Self {
                secret: said.trim().to_owned(),
                accounts: fs::read(dir.path().join("accounts.db")).unwrap(),
            }
        })
    }
}
