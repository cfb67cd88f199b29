//! Passwords: Argon2id on threads of their own, few at a time.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

use argon2::{
    Algorithm, Argon2, Params, Version,
    password_hash::{PasswordHasher as _, PasswordVerifier as _, phc::PasswordHash},
};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use tokio::sync::Semaphore;

use crate::{
    Error,
    secret::{self, Hash, Secret},
};

/// RFC 9106 asks for more than a Pi Zero has; these are the figures of OWASP: 19 MiB, two passes.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
/// Calculations at the same time, and those that may wait for their turn.
const AT_ONCE: usize = 2;
const WAITING: usize = 16;
/// Logins by name and password that are known without a calculation.
const REMEMBERED: usize = 256;

/// Lengths in bytes. Length is what makes a password strong; what it is made of is nobody's business.
pub(crate) const LENGTHS: std::ops::RangeInclusive<usize> = 8..=256;

/// Calculates and compares.
#[derive(Debug)]
pub(crate) struct Passwords {
    queue: Arc<Semaphore>,
    turn: Arc<Semaphore>,
    /// What a name that nobody has is compared with: it takes as long as one that somebody has.
    dummy: String,
    /// Of this process alone, so that what is remembered is worth nothing elsewhere.
    key: [u8; 32],
    remembered: Mutex<VecDeque<(Hash, i64, i64)>>,
}

impl Passwords {
    pub(crate) fn new() -> Self {
        return_large_memory();
        // Well formed, and of a password that nobody has: the output is random.
        let dummy = format!(
            "$argon2id$v=19$m={MEMORY_KIB},t={PASSES},p=1${}${}",
            base64_of(&secret::random::<16>()),
            base64_of(&secret::random::<32>()),
        );
        Self {
            queue: Arc::new(Semaphore::new(AT_ONCE + WAITING)),
            turn: Arc::new(Semaphore::new(AT_ONCE)),
            dummy,
            key: secret::random(),
            remembered: Mutex::default(),
        }
    }

    /// The PHC string to keep.
    pub(crate) async fn hash(&self, password: Secret) -> Result<String, Error> {
        if !LENGTHS.contains(&password.expose().len()) {
            return Err(Error::PasswordLength);
        }
        self.run(move || {
            argon2()
                .hash_password(password.expose().as_bytes())
                .map(|hash| hash.to_string())
                .map_err(|_| Error::Broken("a password could not be hashed"))
        })
        .await?
    }

    /// Whether this is the password; never, but no sooner, where there is no hash.
    pub(crate) async fn is_right(
        &self,
        password: Secret,
        hash: Option<String>,
    ) -> Result<bool, Error> {
        let exists = hash.is_some();
        let hash = hash.unwrap_or_else(|| self.dummy.clone());
        let is_right = self
            .run(move || {
                // Longer than any that was taken: not worth a calculation of its length.
                let password = password.expose().as_bytes();
                let password = &password[..password.len().min(*LENGTHS.end() + 1)];
                PasswordHash::new(&hash)
                    .is_ok_and(|hash| argon2().verify_password(password, &hash).is_ok())
            })
            .await?;
        Ok(exists && is_right)
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Error> {
        let place = self
            .queue
            .clone()
            .try_acquire_owned()
            .map_err(|_| Error::Busy)?;
        let turn = self
            .turn
            .clone()
            .acquire_owned()
            .await
            .map_err(|_| Error::Busy)?;
        let done = tokio::task::spawn_blocking(move || {
            // Held here and not by the request: that one may be given up while the calculation goes on.
            let _held = (place, turn);
            work()
        });
        done.await
            .map_err(|_| Error::Broken("a password calculation"))
    }

    /// A name and password that were right lately: the user, and the number of the password.
    pub(crate) fn remembered(&self, name: &str, password: &Secret) -> Option<(i64, i64)> {
        let mark = self.mark(name, password);
        let list = self
            .remembered
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        list.iter()
            .find(|(known, ..)| bool::from(known.ct_eq(&mark)))
            .map(|(_, user, number)| (*user, *number))
    }

    pub(crate) fn remember(&self, name: &str, password: &Secret, user: i64, number: i64) {
        let mark = self.mark(name, password);
        let mut list = self
            .remembered
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        list.retain(|(known, ..)| *known != mark);
        if list.len() >= REMEMBERED {
            list.pop_front();
        }
        list.push_back((mark, user, number));
    }

    fn mark(&self, name: &str, password: &Secret) -> Hash {
        // The length keeps `ab` + `c` and `a` + `bc` apart.
        Sha256::new()
            .chain_update(self.key)
            .chain_update(name.len().to_le_bytes())
            .chain_update(name.as_bytes())
            .chain_update(password.expose().as_bytes())
            .finalize()
            .into()
    }
}

/// Has the system take back what a calculation used. Left alone, glibc keeps such a block for each thread that ever had
/// one: 120 MiB after six logins. What pictures need is smaller, and goes on as it did.
fn return_large_memory() {
    #[cfg(target_env = "gnu")]
    #[expect(unsafe_code, reason = "the allocator has no other way to say it")]
    // SAFETY: two numbers for the allocator, which may be set at any time; where it refuses them nothing changes.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, 16 << 20);
        libc::mallopt(libc::M_TRIM_THRESHOLD, 4 << 20);
    }
}

fn argon2() -> Argon2<'static> {
    let params = Params::new(MEMORY_KIB, PASSES, 1, None).expect("parameters within their limits");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

fn base64_of(bytes: &[u8]) -> String {
    use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};
    STANDARD_NO_PAD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Time would tell it too, but not on a machine with much else to do.
    #[tokio::test]
    async fn a_name_that_nobody_has_costs_what_one_costs_that_somebody_has() {
        let passwords = Passwords::new();
        let real = passwords
            .hash("a password".to_owned().into())
            .await
            .unwrap();
        let cost = |text: &str| {
            let hash = PasswordHash::new(text).unwrap();
            let params: Vec<_> = ["m", "t", "p"]
                .iter()
                .map(|name| hash.params.get_decimal(*name))
                .collect();
            (
                hash.algorithm.to_string(),
                hash.version,
                params,
                hash.hash.map(|hash| hash.len()),
            )
        };
        assert_eq!(cost(&passwords.dummy), cost(&real));
        let wanted = ["m=19456", "t=2", "p=1", "$argon2id$v=19$"];
        assert!(wanted.iter().all(|text| real.contains(text)), "{real}");
        for hash in [None, Some(passwords.dummy.clone())] {
            assert!(
                !passwords
                    .is_right("a password".to_owned().into(), hash)
                    .await
                    .unwrap()
            );
        }
        assert!(
            passwords
                .is_right("a password".to_owned().into(), Some(real))
                .await
                .unwrap()
        );
    }
}
