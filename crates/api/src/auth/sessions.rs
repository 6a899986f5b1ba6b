//! Sessions of people who have logged in. In memory only: a restart asks for the password again.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use parking_lot::Mutex;

use super::credentials::{CredentialError, digest, random};

/// A session ends this long after it was last used: a working day, with the lunch break in it.
pub(crate) const IDLE: Duration = Duration::from_secs(12 * 3600);
/// And this long after it began, whatever happens.
const LONGEST: Duration = Duration::from_secs(7 * 24 * 3600);
/// At the same time; beyond that the one longest unused ends.
const MAX: usize = 1000;

/// One session.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    pub user: String,
    /// Of the password it began with: another one ends it.
    pub password: String,
    began: Instant,
    used: Instant,
}

/// By the digest of their tokens: what is read here by whatever accident opens no session.
#[derive(Default)]
pub(crate) struct Sessions(Mutex<HashMap<String, Session>>);

impl Sessions {
    /// Begins one; returns its token.
    pub fn begin(&self, user: &str, password: String) -> Result<String, CredentialError> {
        let token = random()?;
        let now = Instant::now();
        let mut all = self.0.lock();
        all.retain(|_, session| session.lives(now));
        if all.len() >= MAX {
            let oldest = all.iter().min_by_key(|(_, session)| session.used).map(|(key, _)| key.clone());
            oldest.and_then(|key| all.remove(&key));
        }
        let session = Session { user: user.to_owned(), password, began: now, used: now };
        all.insert(digest(&token), session);
        Ok(token)
    }

    pub fn find(&self, token: &str) -> Option<Session> {
        let now = Instant::now();
        let mut all = self.0.lock();
        let session = all.get_mut(&digest(token)).filter(|session| session.lives(now))?;
        session.used = now;
        Some(session.clone())
    }

    pub fn end(&self, token: &str) {
        self.0.lock().remove(&digest(token));
    }
}

impl Session {
    fn lives(&self, now: Instant) -> bool {
        now - self.used < IDLE && now - self.began < LONGEST
    }
}
