//! Who may do what: users, sessions, tokens, links, and a log of what they did.
//!
//! Everything is kept in one SQLite file. What is asked with every request is also in memory (`state`), so that
//! saying who somebody is costs no more than a hash; whatever changes goes to the disk first.
//! [`rights::may`] is the only place where it is decided who may do what.

mod audit;
mod given;
mod joiner;
mod networks;
mod password;
mod rights;
mod secret;
mod setup;
mod state;

use std::{
    net::IpAddr,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::{SystemTime, UNIX_EPOCH},
};

use sqlx::SqlitePool;
use tokio::sync::watch;
use tracing::warn;

pub use audit::{Entry, Noted, Query, Retention, Weight};
pub use networks::{Networks, Places};
pub use rights::{Action, Cameras, InvalidRole, Key, Medium, Role, Who, may};
pub use secret::Secret;
pub use state::{LinkView, SessionView, TokenView, UserView};

use password::Passwords;
use setup::SetUp;
use state::State;

/// Sessions of one user; the one that was quiet for longest ends when there are more.
const SESSIONS: i64 = 50;
/// A session that is not used for so long ends.
pub(crate) const IDLE_S: i64 = 7 * 24 * 3600;
/// And every session after this.
pub(crate) const LONGEST_S: i64 = 30 * 24 * 3600;
/// The card is not written to for every request: a session's last use is known to the hour.
const SEEN_S: i64 = 3600;

/// What did not go.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Too many logins at once.
    #[error("too many logins at the same time: try again in a few seconds")]
    Busy,
    /// Of a new password.
    #[error("a password has 8 to 256 bytes")]
    PasswordLength,
    /// Of a new user.
    #[error(
        "a name has 1 to 64 characters, none of them a colon, a control character or a space at its ends"
    )]
    Name,
    /// Of a new user.
    #[error("there is a user of this name already")]
    Taken,
    /// The last administrator stays.
    #[error("there has to be an administrator: make another one first")]
    LastAdmin,
    /// No such user, session, token or link.
    #[error("there is no such {0}")]
    Unknown(&'static str),
    /// Set-up is over, or the code is not the one.
    #[error("this set-up code is not valid, or not any more")]
    SetupCode,
    /// Login is off, and there was never an account.
    #[error("login is off and there are no accounts")]
    Off,
    /// Something that should not fail.
    #[error("{0} failed")]
    Broken(&'static str),
    /// The folder or the file.
    #[error("{path}: {source}")]
    File {
        /// Which.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// The database.
    #[error("the database of the accounts")]
    Database(#[from] sqlx::Error),
    /// Its schema.
    #[error("the schema of the accounts' database")]
    Schema(#[from] sqlx::migrate::MigrateError),
    /// A file of another version.
    #[error(transparent)]
    Version(database::Error),
}

impl From<database::Error> for Error {
    fn from(error: database::Error) -> Self {
        match error {
            database::Error::File { path, source } => Self::File { path, source },
            database::Error::Database(error) => Self::Database(error),
            database::Error::Schema(error) => Self::Schema(error),
            other => Self::Version(other),
        }
    }
}

/// Every schema of the file from the first one on.
const SCHEMAS: &database::Schemas = &[
    ("accounts", include_str!("../migrations/0001_accounts.sql")),
    ("places", include_str!("../migrations/0002_places.sql")),
];

/// What is to be known of a file without changing it: its schema, and the last one that is known.
///
/// # Errors
/// When it cannot be read, or is damaged.
pub async fn examine(path: &Path) -> Result<(i64, i64), database::Error> {
    database::examine(path, SCHEMAS).await
}

/// What somebody shows to be let in.
#[derive(Clone, Debug)]
pub enum Credential {
    /// The secret in a session's cookie.
    Session(Secret),
    /// A token's secret.
    Token(Secret),
    /// A token in an address, where it is easily seen: only one of a viewer is taken.
    TokenInAddress(Secret),
    /// A link's secret.
    Link(Secret),
}

/// Rights and cameras, as they are given.
#[derive(Clone, Debug)]
pub struct Grant {
    /// In general.
    pub role: Role,
    /// Where.
    pub cameras: Cameras,
    /// And from where.
    pub places: Places,
}

/// The accounts. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Accounts(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// None while login is off and there was never an account.
    pool: Option<SqlitePool>,
    state: Mutex<Arc<State>>,
    generation: watch::Sender<u64>,
    passwords: Passwords,
    journal: audit::Journal,
    is_enabled: bool,
    setup: Mutex<Option<SetUp>>,
    data_version: Mutex<i64>,
}

/// Seconds since 1970.
#[must_use]
pub fn now_s() -> i64 {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(now.as_secs()).unwrap_or(i64::MAX)
}

impl Accounts {
    /// Opens the file, or makes it and its folder. While login is off none is made.
    ///
    /// # Errors
    /// When the file cannot be opened, or is of a newer version.
    pub async fn open(path: &Path, is_enabled: bool) -> Result<Self, Error> {
        let pool = if is_enabled || path.exists() {
            Some(database::open(path, SCHEMAS).await?)
        } else {
            None
        };
        let journal = audit::Journal::new(pool.clone());
        let accounts = Self(Arc::new(Inner {
            pool,
            state: Mutex::default(),
            generation: watch::Sender::new(0),
            passwords: Passwords::new(),
            journal,
            is_enabled,
            setup: Mutex::default(),
            data_version: Mutex::new(0),
        }));
        accounts.reload().await?;
        if accounts.needs_setup() {
            *accounts
                .0
                .setup
                .lock()
                .unwrap_or_else(PoisonError::into_inner) = Some(SetUp::new(now_s()));
        }
        Ok(accounts)
    }

    /// Without any: nobody can log in.
    #[must_use]
    pub fn none(is_enabled: bool) -> Self {
        Self(Arc::new(Inner {
            pool: None,
            state: Mutex::default(),
            generation: watch::Sender::new(0),
            passwords: Passwords::new(),
            journal: audit::Journal::new(None),
            is_enabled,
            setup: Mutex::default(),
            data_version: Mutex::new(0),
        }))
    }

    /// Whether one has to log in.
    #[must_use]
    pub fn is_enabled(&self) -> bool {
        self.0.is_enabled
    }

    /// Whether the first administrator is still to be made.
    #[must_use]
    pub fn needs_setup(&self) -> bool {
        self.0.is_enabled && self.state().users.is_empty()
    }

    /// The code that makes the first administrator.
    #[must_use]
    pub fn setup_code(&self) -> Option<Secret> {
        let setup = self.0.setup.lock().unwrap_or_else(PoisonError::into_inner);
        setup.as_ref().map(|setup| setup.code().clone())
    }

    /// Changes whenever any right does.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.0.generation.subscribe()
    }

    /// Looks whether another process (the command line) has changed something, and takes that over.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn look(&self) -> Result<(), Error> {
        let Some(pool) = &self.0.pool else {
            return Ok(());
        };
        let version = database::data_version(pool).await?;
        let known = *self
            .0
            .data_version
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if version != known {
            self.reload().await?;
        }
        Ok(())
    }

    fn state(&self) -> Arc<State> {
        self.0
            .state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn pool(&self) -> Result<&SqlitePool, Error> {
        self.0.pool.as_ref().ok_or(Error::Off)
    }

    async fn reload(&self) -> Result<(), Error> {
        let Some(pool) = &self.0.pool else {
            return Ok(());
        };
        let version = database::data_version(pool).await?;
        let state = State::load(pool).await?;
        *self
            .0
            .data_version
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = version;
        *self.0.state.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(state);
        self.0.generation.send_modify(|generation| *generation += 1);
        Ok(())
    }

    /// Who this is, if it is anybody.
    #[must_use]
    pub fn identify(&self, credential: &Credential, from: IpAddr) -> Option<Who> {
        self.state().identify(credential, Some(from), now_s())
    }

    /// Whose it is, where it would be let in from another place.
    #[must_use]
    pub fn elsewhere(&self, credential: &Credential, from: IpAddr) -> Option<String> {
        let state = self.state();
        let who = state.identify(credential, None, now_s())?;
        let is_here = state.identify(credential, Some(from), now_s()).is_some();
        (!is_here).then_some(who.name)
    }

    /// Whether the user of this name may come from there; so may a name that nobody has.
    #[must_use]
    pub fn is_place(&self, name: &str, from: IpAddr) -> bool {
        self.state().is_place(name, from)
    }

    /// Somebody who was let in before, with the rights as they are now.
    #[must_use]
    pub fn again(&self, key: Key, from: IpAddr) -> Option<Who> {
        match key {
            Key::Open => (!self.0.is_enabled).then(Who::anonymous),
            key => self.state().who(key, Some(from), now_s()),
        }
    }

    /// Somebody by a name and password that were right lately: costs a hash, so nobody has to wait for it.
    #[must_use]
    pub fn remembered(&self, name: &str, password: &Secret, from: IpAddr) -> Option<Who> {
        let (user, number) = self.0.passwords.remembered(name, password)?;
        self.again(Key::Password(user, number), from)
    }

    /// Somebody by name and password. The first time is slow on purpose; after that it is a hash.
    ///
    /// # Errors
    /// [`Error::Busy`] when too many ask at once.
    pub async fn by_password(
        &self,
        name: &str,
        password: Secret,
        from: IpAddr,
    ) -> Result<Option<Who>, Error> {
        let passwords = &self.0.passwords;
        if let Some(who) = self.remembered(name, &password, from) {
            return Ok(Some(who));
        }
        // From where a user may not come, the name is one that nobody has: nothing tells whether the password is right.
        let state = self.state();
        let found = state.by_name(name).filter(|_| state.is_place(name, from));
        let hash = found.as_ref().map(|(_, _, hash)| hash.clone());
        if !passwords.is_right(password.clone(), hash).await? {
            return Ok(None);
        }
        let Some((user, number, _)) = found else {
            return Ok(None);
        };
        // The password may have been changed meanwhile; then this is nobody.
        let who = self.again(Key::Password(user, number), from);
        if who.is_some() {
            passwords.remember(name, &password, user, number);
        }
        Ok(who)
    }

    /// Writes down that a session is used, now and then.
    pub async fn seen(&self, session: i64) {
        let now = now_s();
        let Ok(pool) = self.pool() else { return };
        let state = self.state();
        // One that is over stays over.
        let holds = state.who(Key::Session(session), None, now).is_some();
        if !holds || !state.is_due(session, now - SEEN_S) {
            return;
        }
        let done = sqlx::query("UPDATE sessions SET seen_s = ? WHERE id = ?")
            .bind(now)
            .bind(session)
            .execute(pool)
            .await;
        match done {
            Ok(_) => {
                let mut state = self.0.state.lock().unwrap_or_else(PoisonError::into_inner);
                Arc::make_mut(&mut state).saw(session, now);
            }
            Err(error) => warn!(%error, "the use of a session could not be written down"),
        }
    }

    /// A session for this user. Returns what goes into the cookie.
    ///
    /// # Errors
    /// When it cannot be kept.
    pub async fn begin_session(
        &self,
        user: i64,
        address: &str,
        user_agent: Option<&str>,
    ) -> Result<(Key, Secret), Error> {
        let secret = Secret::random();
        let now = now_s();
        let pool = self.pool()?;
        let mut tx = pool.begin().await?;
        let id = sqlx::query(
            "INSERT INTO sessions (hash, user_id, created_s, seen_s, address, user_agent) VALUES (?, ?, ?, ?, ?, ?)",
        )
        .bind(secret::hash(secret.expose()).to_vec())
        .bind(user)
        .bind(now)
        .bind(now)
        .bind(address)
        .bind(user_agent)
        .execute(&mut *tx)
        .await?
        .last_insert_rowid();
        sqlx::query(
            "DELETE FROM sessions WHERE user_id = ?1 AND id NOT IN \
             (SELECT id FROM sessions WHERE user_id = ?1 ORDER BY seen_s DESC, id DESC LIMIT ?2)",
        )
        .bind(user)
        .bind(SESSIONS)
        .execute(&mut *tx)
        .await?;
        sqlx::query("DELETE FROM sessions WHERE seen_s < ? OR created_s < ?")
            .bind(now - IDLE_S)
            .bind(now - LONGEST_S)
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        self.reload().await?;
        Ok((Key::Session(id), secret))
    }

    /// Ends a session; of this user, if one is given.
    ///
    /// # Errors
    /// [`Error::Unknown`] when there is none.
    pub async fn end_session(&self, id: i64, of: Option<i64>) -> Result<(), Error> {
        let done =
            sqlx::query("DELETE FROM sessions WHERE id = ?1 AND (?2 IS NULL OR user_id = ?2)")
                .bind(id)
                .bind(of)
                .execute(self.pool()?)
                .await?;
        self.changed("session", done.rows_affected()).await
    }

    async fn changed(&self, what: &'static str, rows: u64) -> Result<(), Error> {
        if rows == 0 {
            return Err(Error::Unknown(what));
        }
        self.reload().await
    }

    /// Makes the first administrator with the code from the log. The code is used up by it.
    ///
    /// # Errors
    /// [`Error::SetupCode`] when that is not the code, or somebody was faster.
    pub async fn set_up(&self, code: &str, name: &str, password: Secret) -> Result<i64, Error> {
        let taken = {
            let mut setup = self.0.setup.lock().unwrap_or_else(PoisonError::into_inner);
            // Taken out while the account is made: of two who come at the same time, one is too late.
            setup.take_if(|setup| setup.is_code(code, now_s()))
        };
        let Some(taken) = taken else {
            return Err(Error::SetupCode);
        };
        if !self.needs_setup() {
            return Err(Error::SetupCode);
        }
        let grant = Grant {
            role: Role::Admin,
            cameras: Cameras::All,
            places: Places::default(),
        };
        let made = self.insert_user(name, password, &grant, true).await;
        if !matches!(made, Ok(_) | Err(Error::SetupCode)) {
            // A password that is too short is no reason to start the server anew.
            *self.0.setup.lock().unwrap_or_else(PoisonError::into_inner) = Some(taken);
        }
        made
    }

    /// One more user.
    ///
    /// # Errors
    /// When name or password cannot be so, the name is taken, or it cannot be kept.
    pub async fn add_user(
        &self,
        name: &str,
        password: Secret,
        grant: &Grant,
    ) -> Result<i64, Error> {
        self.insert_user(name, password, grant, false).await
    }

    async fn insert_user(
        &self,
        name: &str,
        password: Secret,
        grant: &Grant,
        is_first: bool,
    ) -> Result<i64, Error> {
        let is_name = name.trim() == name
            && (1..=64).contains(&name.chars().count())
            && !name.chars().any(|c| c.is_control() || c == ':');
        if !is_name {
            return Err(Error::Name);
        }
        let pool = self.pool()?;
        let hash = self.0.passwords.hash(password).await?;
        let done = sqlx::query(
            // The first one is the first: the command line may have been faster.
            "INSERT INTO users (name, role, cameras, password, created_s, allow, deny) \
             SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7 WHERE ?8 = 0 OR NOT EXISTS (SELECT 1 FROM users)",
        )
        .bind(name)
        .bind(grant.role.name())
        .bind(state::cameras_text(&grant.cameras))
        .bind(hash)
        .bind(now_s())
        .bind(networks::text_of(&grant.places.allow))
        .bind(networks::text_of(&grant.places.deny))
        .bind(is_first)
        .execute(pool)
        .await
        .map_err(|error| match error.as_database_error() {
            Some(inner) if inner.is_unique_violation() => Error::Taken,
            _ => error.into(),
        })?;
        self.reload().await?;
        if done.rows_affected() == 0 {
            return Err(Error::SetupCode);
        }
        Ok(done.last_insert_rowid())
    }

    /// Other rights for a user.
    ///
    /// # Errors
    /// When there is no such user, or it is the last administrator.
    pub async fn change_user(&self, id: i64, grant: &Grant) -> Result<(), Error> {
        // One statement, so that two administrators cannot make each other a viewer at the same time.
        let done = sqlx::query(
            "UPDATE users SET role = ?2, cameras = ?3, allow = ?4, deny = ?5 WHERE id = ?1 AND (?2 = 'admin' OR role <> 'admin' \
             OR EXISTS (SELECT 1 FROM users WHERE role = 'admin' AND id <> ?1))",
        )
        .bind(id)
        .bind(grant.role.name())
        .bind(state::cameras_text(&grant.cameras))
        .bind(networks::text_of(&grant.places.allow))
        .bind(networks::text_of(&grant.places.deny))
        .execute(self.pool()?)
        .await?;
        self.changed_user(id, done.rows_affected()).await
    }

    /// A user goes, with all sessions, tokens and links.
    ///
    /// # Errors
    /// When there is no such user, or it is the last administrator.
    pub async fn remove_user(&self, id: i64) -> Result<(), Error> {
        let done = sqlx::query(
            "DELETE FROM users WHERE id = ?1 AND (role <> 'admin' \
             OR EXISTS (SELECT 1 FROM users WHERE role = 'admin' AND id <> ?1))",
        )
        .bind(id)
        .execute(self.pool()?)
        .await?;
        self.changed_user(id, done.rows_affected()).await
    }

    async fn changed_user(&self, id: i64, rows: u64) -> Result<(), Error> {
        if rows == 0 && self.state().users.contains_key(&id) {
            return Err(Error::LastAdmin);
        }
        self.changed("user", rows).await
    }

    /// A new password. All sessions of the user end, except `keep`; what was opened by the old password ends too.
    ///
    /// # Errors
    /// When it cannot be so, there is no such user, or it cannot be kept.
    pub async fn set_password(
        &self,
        id: i64,
        password: Secret,
        keep: Option<i64>,
    ) -> Result<(), Error> {
        let pool = self.pool()?;
        let hash = self.0.passwords.hash(password).await?;
        let mut tx = pool.begin().await?;
        let done = sqlx::query(
            "UPDATE users SET password = ?, password_number = password_number + 1 WHERE id = ?",
        )
        .bind(hash)
        .bind(id)
        .execute(&mut *tx)
        .await?;
        sqlx::query("DELETE FROM sessions WHERE user_id = ?1 AND (?2 IS NULL OR id <> ?2)")
            .bind(id)
            .bind(keep)
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        self.changed("user", done.rows_affected()).await
    }

    /// Where a user may come from.
    #[must_use]
    pub fn places(&self, user: i64) -> Option<Places> {
        self.state().places_of(user)
    }

    /// Everybody who has an account.
    #[must_use]
    pub fn users(&self) -> Vec<UserView> {
        self.state().user_views()
    }

    /// Sessions that hold now; of this user, if one is given.
    #[must_use]
    pub fn sessions(&self, of: Option<i64>) -> Vec<SessionView> {
        self.state().session_views(of, now_s())
    }

    /// Tokens, those that are over too; of this user, if one is given.
    #[must_use]
    pub fn tokens(&self, of: Option<i64>) -> Vec<TokenView> {
        self.state().token_views(of)
    }

    /// Links, those that are over too; of this user, if one is given.
    #[must_use]
    pub fn links(&self, of: Option<i64>) -> Vec<LinkView> {
        self.state().link_views(of)
    }

    /// Writes what is still to be written.
    pub async fn close(&self) {
        self.0.journal.flush().await;
        if let Some(pool) = &self.0.pool {
            pool.close().await;
        }
    }
}
