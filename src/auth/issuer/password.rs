//! Passwords: Argon2id in PHC strings, checked away from the async threads and never many at once.
//!
//! One check takes 19 MiB and some tens of milliseconds by design. Two run at a time, sixteen may wait,
//! and the rest are shed, so that a flood of sign-ins cannot take the machine's memory or its cores.

use std::sync::Arc;

use argon2::{Argon2, PasswordHasher, PasswordVerifier, password_hash::phc::PasswordHash};
use tokio::{sync::Semaphore, task};

use crate::domain::sources::Random;

const RUNNING_MAX: usize = 2;
const WAITING_MAX: usize = 16;
const SALT_BYTES: usize = 16;

/// A hash that no password is known for, with the parameters of [`hash_password`]. It is checked when there
/// is no user, so that an unknown address costs the same work as a wrong password.
const NOBODYS_HASH: &str = "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$\
                            AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Why a password could not be hashed: the random source or the parameters are at fault, not the password.
#[derive(Debug, thiserror::Error)]
#[error("the password could not be hashed")]
pub struct HashError(#[from] argon2::password_hash::Error);

/// Hashes a password into a PHC string (Argon2id, 19 MiB, two passes). Takes tens of milliseconds.
pub fn hash_password(password: &str, random: &Random) -> Result<String, HashError> {
    let salt: [u8; SALT_BYTES] = random.bytes();
    let hash: PasswordHash = Argon2::default().hash_password_with_salt(password.as_bytes(), &salt)?;
    Ok(hash.to_string())
}

/// Too many sign-ins are running and waiting.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many sign-ins at once")]
pub struct Busy;

/// Checks passwords, a few at a time. Cheap to clone; every clone shares the same limits.
#[derive(Clone, Debug)]
pub struct PasswordChecks {
    admitted: Arc<Semaphore>,
    running: Arc<Semaphore>,
}

impl PasswordChecks {
    /// Makes the two limits.
    pub fn new() -> Self {
        Self {
            admitted: Arc::new(Semaphore::new(RUNNING_MAX + WAITING_MAX)),
            running: Arc::new(Semaphore::new(RUNNING_MAX)),
        }
    }

    /// Says whether `password` belongs to the PHC string `hash`. Without a hash the answer is no, after the
    /// same work.
    pub async fn verify(&self, password: String, hash: Option<String>) -> Result<bool, Busy> {
        let _admitted = self.admitted.try_acquire().map_err(|_| Busy)?;
        // An owned permit travels into the blocking task: a caller that hangs up does not free the place
        // while the work still runs.
        let running = Arc::clone(&self.running).acquire_owned().await.map_err(|_| Busy)?;
        let check = task::spawn_blocking(move || {
            let is_right = is_password_of(&password, hash.as_deref());
            drop(running);
            is_right
        });
        check.await.map_err(|_| Busy)
    }
}

impl Default for PasswordChecks {
    fn default() -> Self {
        Self::new()
    }
}

fn is_password_of(password: &str, hash: Option<&str>) -> bool {
    let is_match =
        Argon2::default().verify_password(password.as_bytes(), hash.unwrap_or(NOBODYS_HASH)).is_ok();
    hash.is_some() && is_match
}

#[cfg(test)]
mod tests {
    use argon2::{Argon2, PasswordVerifier, password_hash};

    use super::{Busy, NOBODYS_HASH, PasswordChecks, RUNNING_MAX, WAITING_MAX, hash_password};
    use crate::domain::sources::Random;

    #[tokio::test]
    async fn only_the_right_password_matches() {
        let random = Random::new(|buffer| buffer.fill(7));
        let hash = hash_password("correct horse", &random).unwrap();
        let checks = PasswordChecks::new();

        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        assert_eq!(checks.verify("correct horse".into(), Some(hash.clone())).await, Ok(true));
        assert_eq!(checks.verify("battery".into(), Some(hash)).await, Ok(false));
        assert_eq!(checks.verify("correct horse".into(), None).await, Ok(false));
    }

    #[test]
    fn the_hash_of_nobody_costs_a_whole_computation() {
        // A string that does not parse would be refused at once, and tell strangers who has an account.
        assert_eq!(
            Argon2::default().verify_password(b"", NOBODYS_HASH),
            Err(password_hash::Error::PasswordInvalid)
        );
    }

    #[tokio::test]
    async fn sign_ins_past_the_limit_are_shed() {
        let checks = PasswordChecks::new();
        let places = u32::try_from(RUNNING_MAX + WAITING_MAX).unwrap();
        let _taken = checks.admitted.try_acquire_many(places).unwrap();

        assert_eq!(checks.verify("any".into(), None).await, Err(Busy));
    }
}
