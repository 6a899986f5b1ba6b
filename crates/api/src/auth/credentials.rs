//! `users.json` of the data folder (mode 0600): users with their roles and passwords, and tokens. Passwords are kept
//! as argon2id hashes (RFC 9106), tokens, which nobody can guess, as SHA-256.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use argon2::{
    Argon2, PasswordHash, PasswordVerifier,
    password_hash::{PasswordHasher, SaltString},
};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use thiserror::Error;

use super::{Caller, Role, sessions::Session};

/// Its name in the data folder.
const FILE: &str = "users.json";
/// How often the file is looked at: `watchpost password` may have changed it.
const LOOK_EVERY: Duration = Duration::from_millis(300);
/// Users and tokens; a wrong file must not fill the memory.
const MAX_ENTRIES: usize = 1000;
/// Shortest password: guessing this long at the pace a login allows takes years.
const MIN_PASSWORD: usize = 8;
/// Longest, in bytes: hashing must stay short.
const MAX_PASSWORD: usize = 1024;

/// Everybody who may come in.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Credentials {
    pub users: BTreeMap<String, User>,
    pub tokens: BTreeMap<String, Token>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct User {
    pub role: Role,
    /// In the PHC string format.
    password: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Token {
    pub name: String,
    pub role: Role,
    /// RFC 3339.
    pub created: String,
    sha256: String,
}

/// A token that was just made: the only time that it can be read.
pub(crate) struct NewToken {
    pub id: String,
    pub token: String,
}

/// What is wrong with users, passwords and tokens.
#[derive(Debug, Error)]
pub enum CredentialError {
    /// The file cannot be read or written, or is not what it should be.
    #[error("{}: {error}; mend it, or remove it and set passwords anew with `watchpost password`", .path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        error: String,
    },
    /// A name or password that cannot be one.
    #[error("{0}")]
    Refused(String),
}

/// The file, read again when it changes.
pub(crate) struct Store {
    path: PathBuf,
    state: Mutex<State>,
}

struct State {
    looked: Option<Instant>,
    stamp: Option<(SystemTime, u64)>,
    read: Result<Arc<Credentials>, String>,
}

/// Sets the password of a user in a data folder, making the user where there is none.
///
/// # Errors
/// See [`CredentialError`].
pub fn set_password(
    data: &Path,
    user: &str,
    role: Option<Role>,
    password: &str,
) -> Result<(), CredentialError> {
    Store::open(data).change(|credentials| credentials.set_user(user, role, Some(password)))
}

/// Whether somebody has set up a user or token in a data folder.
///
/// # Errors
/// They cannot be read.
pub fn has_credentials(data: &Path) -> Result<bool, CredentialError> {
    Store::open(data).current().map(|credentials| !credentials.is_empty())
}

impl Store {
    pub fn open(data: &Path) -> Self {
        let state = State { looked: None, stamp: None, read: Ok(Arc::default()) };
        Self { path: data.join(FILE), state: Mutex::new(state) }
    }

    /// Who may come in now.
    pub fn current(&self) -> Result<Arc<Credentials>, CredentialError> {
        let mut state = self.state.lock();
        if state.looked.is_none_or(|at| at.elapsed() >= LOOK_EVERY) {
            let stamp =
                std::fs::metadata(&self.path).ok().and_then(|is| Some((is.modified().ok()?, is.len())));
            if state.looked.is_none() || stamp != state.stamp {
                state.read = self.read();
                state.stamp = stamp;
            }
            state.looked = Some(Instant::now());
        }
        state.read.clone().map_err(|error| CredentialError::File { path: self.path.clone(), error })
    }

    fn read(&self) -> Result<Arc<Credentials>, String> {
        let text = match std::fs::read(&self.path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Arc::default()),
            text => text.map_err(|error| error.to_string())?,
        };
        serde_json::from_slice(&text).map(Arc::new).map_err(|error| error.to_string())
    }

    /// Changes and saves them.
    pub fn change<T>(
        &self,
        change: impl FnOnce(&mut Credentials) -> Result<T, CredentialError>,
    ) -> Result<T, CredentialError> {
        let wrong = |error: String| CredentialError::File { path: self.path.clone(), error };
        let mut state = self.state.lock();
        let mut credentials = Credentials::clone(&*self.read().map_err(wrong)?);
        let done = change(&mut credentials)?;
        let document = serde_json::to_value(&credentials).map_err(|error| wrong(error.to_string()))?;
        let document = document.as_object().cloned().unwrap_or_default();
        watchpost_config::save_private(&self.path, &document).map_err(|error| wrong(error.to_string()))?;
        state.looked = None;
        Ok(done)
    }
}

impl Credentials {
    pub fn is_empty(&self) -> bool {
        self.users.is_empty() && self.tokens.is_empty()
    }

    /// Makes a user or changes one; what is `None` stays.
    pub fn set_user(
        &mut self,
        name: &str,
        role: Option<Role>,
        password: Option<&str>,
    ) -> Result<(), CredentialError> {
        let refused = |why: &str| Err(CredentialError::Refused(why.to_owned()));
        let letter = |c: char| c.is_ascii_alphanumeric() || "._@-".contains(c);
        if name.is_empty() || name.len() > 64 || !name.chars().all(letter) {
            return refused("a user's name has 1 to 64 of the characters a-z A-Z 0-9 . _ @ -");
        }
        let before = self.users.get(name);
        let Some(password) =
            password.map(hash).transpose()?.or_else(|| before.map(|user| user.password.clone()))
        else {
            return refused("a new user needs a password");
        };
        let role = role.or_else(|| before.map(|user| user.role)).unwrap_or(Role::Admin);
        if before.is_none() && self.users.len() >= MAX_ENTRIES {
            return refused("there are too many users");
        }
        self.users.insert(name.to_owned(), User { role, password });
        self.keep_an_admin()
    }

    /// Takes a user out; says whether there was one.
    pub fn remove_user(&mut self, name: &str) -> Result<bool, CredentialError> {
        let removed = self.users.remove(name).is_some();
        self.keep_an_admin().map(|()| removed)
    }

    /// Makes a token.
    pub fn add_token(&mut self, name: &str, role: Role) -> Result<NewToken, CredentialError> {
        if name.is_empty() || name.len() > 64 || name.chars().any(char::is_control) {
            return Err(CredentialError::Refused("a token's name has 1 to 64 characters".to_owned()));
        }
        if self.tokens.len() >= MAX_ENTRIES {
            return Err(CredentialError::Refused("there are too many tokens; delete some".to_owned()));
        }
        let token = format!("wp_{}", random()?);
        let id = digest(&token)[..12].to_owned();
        let created = jiff::Timestamp::now().strftime("%FT%TZ").to_string();
        let kept = Token { name: name.to_owned(), role, created, sha256: digest(&token) };
        self.tokens.insert(id.clone(), kept);
        self.keep_an_admin()?;
        Ok(NewToken { id, token })
    }

    /// With users but no admin among them, nobody could let anybody in any more.
    fn keep_an_admin(&self) -> Result<(), CredentialError> {
        let mut roles = self.users.values().map(|user| user.role).chain(self.tokens.values().map(|t| t.role));
        if self.is_empty() || roles.any(|role| role == Role::Admin) {
            return Ok(());
        }
        let why = "somebody has to be admin: make an admin first, or keep the one there is";
        Err(CredentialError::Refused(why.to_owned()))
    }

    /// Takes a token out; says whether there was one.
    pub fn remove_token(&mut self, id: &str) -> Result<bool, CredentialError> {
        let removed = self.tokens.remove(id).is_some();
        self.keep_an_admin().map(|()| removed)
    }

    /// What a user may do.
    pub fn role_of(&self, user: &str) -> Option<Role> {
        self.users.get(user).map(|user| user.role)
    }

    pub fn by_token(&self, token: &str) -> Option<Caller> {
        let given = digest(token);
        let found = self.tokens.values().find(|kept| kept.sha256.as_bytes().ct_eq(given.as_bytes()).into());
        found.map(|token| Caller { name: Some(format!("token {}", token.name)), role: token.role })
    }

    /// Whose session it is; `None` if the user is gone or has another password by now.
    pub fn by_session(&self, session: &Session) -> Option<Caller> {
        let user = self.users.get(&session.user).filter(|user| digest(&user.password) == session.password)?;
        Some(Caller { name: Some(session.user.clone()), role: user.role })
    }

    /// What a session remembers of the password it began with.
    pub fn fingerprint(&self, user: &str) -> Option<String> {
        self.users.get(user).map(|user| digest(&user.password))
    }

    /// Whether it is the password of `user`. Takes as long for users that do not exist.
    pub fn verify(&self, user: &str, password: &str) -> bool {
        /// A hash that no password has.
        const NONE: &str = "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
        let hash = self.users.get(user).map_or(NONE, |user| user.password.as_str());
        if password.len() > MAX_PASSWORD {
            return false;
        }
        let parsed = PasswordHash::new(hash);
        parsed.is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok())
    }
}

fn hash(password: &str) -> Result<String, CredentialError> {
    if password.chars().count() < MIN_PASSWORD || password.len() > MAX_PASSWORD {
        let why =
            format!("a password has at least {MIN_PASSWORD} characters and at most {MAX_PASSWORD} bytes");
        return Err(CredentialError::Refused(why));
    }
    let failed = |error: String| CredentialError::Refused(format!("the password cannot be hashed: {error}"));
    let mut salt = [0; 16];
    getrandom::fill(&mut salt).map_err(|error| failed(error.to_string()))?;
    let salt = SaltString::encode_b64(&salt).map_err(|error| failed(error.to_string()))?;
    let hash = Argon2::default().hash_password(password.as_bytes(), &salt);
    Ok(hash.map_err(|error| failed(error.to_string()))?.to_string())
}

/// 256 bits that nobody guesses, as text.
pub(super) fn random() -> Result<String, CredentialError> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes)
        .map_err(|error| CredentialError::Refused(format!("the system gives no random numbers: {error}")))?;
    Ok(hex(&bytes))
}

pub(super) fn digest(text: &str) -> String {
    hex(&Sha256::digest(text.as_bytes()))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_and_tokens_are_known_again_and_never_kept() {
        let folder = tempfile::tempdir().unwrap();
        set_password(folder.path(), "ann", None, "correct horse").unwrap();
        let store = Store::open(folder.path());
        let token = store.change(|all| all.add_token("grafana", Role::Viewer)).unwrap();
        let all = store.current().unwrap();
        assert!(
            all.verify("ann", "correct horse")
                && !all.verify("ann", "correct hors")
                && !all.verify("bob", "")
        );
        assert_eq!(all.by_token(&token.token).unwrap().role, Role::Viewer);
        assert!(all.by_token("wp_").is_none());
        let text = std::fs::read_to_string(folder.path().join(FILE)).unwrap();
        assert!(!text.contains("horse") && !text.contains(&token.token), "{text}");
        let mode = std::os::unix::fs::PermissionsExt::mode(
            &folder.path().join(FILE).metadata().unwrap().permissions(),
        );
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn the_last_admin_stays_and_bad_files_let_nobody_in() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path());
        assert!(store.change(|all| all.set_user("ann", Some(Role::Viewer), Some("12345678"))).is_err());
        store.change(|all| all.set_user("ann", None, Some("12345678"))).unwrap();
        assert!(store.change(|all| all.set_user("ann", Some(Role::Operator), None)).is_err());
        store.change(|all| all.set_user("bob", Some(Role::Viewer), Some("12345678"))).unwrap();
        assert!(store.change(|all| all.remove_user("ann")).is_err());
        for (name, password) in [("", "12345678"), ("a b", "12345678"), ("c", "1234567"), ("é", "12345678")]
        {
            assert!(
                store.change(|all| all.set_user(name, None, Some(password))).is_err(),
                "{name} {password}"
            );
        }
        std::fs::write(folder.path().join(FILE), "{").unwrap();
        assert!(Store::open(folder.path()).current().is_err());
    }
}
