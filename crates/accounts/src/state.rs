//! What is known of everybody, in memory. Pure: time is an argument.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    net::IpAddr,
};

use serde::Serialize;
use sqlx::{Row as _, SqlitePool, sqlite::SqliteRow};
use utoipa::ToSchema;

use crate::{
    Credential, Error, IDLE_S, LONGEST_S,
    networks::{Networks, Places},
    rights::{Cameras, Key, Medium, Role, Who},
    secret::{self, Hash},
};

/// Everything but the audit log.
#[derive(Clone, Debug, Default)]
pub(crate) struct State {
    pub(crate) users: BTreeMap<i64, User>,
    sessions: BTreeMap<i64, Session>,
    tokens: BTreeMap<i64, Token>,
    links: BTreeMap<i64, Link>,
    by_hash: HashMap<Hash, Key>,
}

#[derive(Clone, Debug)]
pub(crate) struct User {
    name: String,
    role: Role,
    cameras: Cameras,
    password: String,
    password_number: i64,
    places: Places,
    created_s: i64,
}

#[derive(Clone, Debug)]
struct Session {
    user: i64,
    created_s: i64,
    seen_s: i64,
    address: String,
    user_agent: Option<String>,
}

#[derive(Clone, Debug)]
struct Token {
    name: String,
    user: Option<i64>,
    role: Role,
    cameras: Cameras,
    places: Places,
    created_s: i64,
    expires_s: Option<i64>,
}

#[derive(Clone, Debug)]
struct Link {
    user: Option<i64>,
    camera: String,
    what: Medium,
    created_s: i64,
    expires_s: i64,
}

/// A user, for lists.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct UserView {
    /// Number.
    pub id: i64,
    /// Name.
    pub name: String,
    /// Role.
    pub role: Role,
    /// Cameras; all where there is no list.
    pub cameras: Option<Vec<String>>,
    /// Networks it may come from; any where there is none.
    #[schema(value_type = Vec<String>, example = json!(["192.168.0.0/16"]))]
    pub allow: Networks,
    /// Networks it may not come from.
    #[schema(value_type = Vec<String>)]
    pub deny: Networks,
    /// Since when, in seconds since 1970.
    pub created_s: i64,
}

/// A session, for lists.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SessionView {
    /// Number.
    pub id: i64,
    /// Whose.
    pub user: String,
    /// Where it began.
    pub address: String,
    /// The browser, by its own words.
    pub user_agent: Option<String>,
    /// When it began, in seconds since 1970.
    pub created_s: i64,
    /// When it was last used, to the hour.
    pub seen_s: i64,
}

/// A token, for lists: all but its secret.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct TokenView {
    /// Number.
    pub id: i64,
    /// Name.
    pub name: String,
    /// Whose; nobody's if it was made at the command line.
    pub user: Option<String>,
    /// Role.
    pub role: Role,
    /// Cameras; all where there is no list.
    pub cameras: Option<Vec<String>>,
    /// Networks it may come from; any where there is none.
    #[schema(value_type = Vec<String>, example = json!(["192.168.0.0/16"]))]
    pub allow: Networks,
    /// Networks it may not come from.
    #[schema(value_type = Vec<String>)]
    pub deny: Networks,
    /// Since when, in seconds since 1970.
    pub created_s: i64,
    /// Until when.
    pub expires_s: Option<i64>,
}

/// A link, for lists: all but its secret.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct LinkView {
    /// Number.
    pub id: i64,
    /// Who gave it.
    pub user: Option<String>,
    /// Camera.
    pub camera: String,
    /// What it opens.
    pub what: Medium,
    /// Since when, in seconds since 1970.
    pub created_s: i64,
    /// Until when.
    pub expires_s: i64,
}

/// As it is kept.
pub(crate) fn cameras_text(cameras: &Cameras) -> Option<String> {
    match cameras {
        Cameras::All => None,
        Cameras::Only(ids) => Some(serde_json::json!(ids).to_string()),
    }
}

/// What cannot be read is no camera, and never all of them.
fn cameras_of(text: Option<String>) -> Cameras {
    text.map_or(Cameras::All, |text| {
        Cameras::Only(serde_json::from_str::<BTreeSet<String>>(&text).unwrap_or_default())
    })
}

fn list_of(cameras: &Cameras) -> Option<Vec<String>> {
    match cameras {
        Cameras::All => None,
        Cameras::Only(ids) => Some(ids.iter().cloned().collect()),
    }
}

fn role_of(row: &SqliteRow) -> Result<Role, Error> {
    row.try_get::<String, _>("role")?
        .parse()
        .map_err(|_| Error::Broken("reading a role"))
}

/// What cannot be read lets nobody in.
fn places_of(row: &SqliteRow) -> Result<Places, Error> {
    let list = |column: &str| {
        Networks::of_text(row.try_get(column)?).ok_or(Error::Broken("reading a list of networks"))
    };
    Ok(Places {
        allow: list("allow")?,
        deny: list("deny")?,
    })
}

fn hash_of(row: &SqliteRow) -> Result<Hash, Error> {
    row.try_get::<Vec<u8>, _>("hash")?
        .try_into()
        .map_err(|_| Error::Broken("reading a hash"))
}

impl State {
    pub(crate) async fn load(pool: &SqlitePool) -> Result<Self, Error> {
        let mut state = Self::default();
        // One reading of all tables: not a user of before with a token of after.
        let mut tx = pool.begin().await?;
        for row in sqlx::query("SELECT * FROM users")
            .fetch_all(&mut *tx)
            .await?
        {
            let user = User {
                name: row.try_get("name")?,
                role: role_of(&row)?,
                cameras: cameras_of(row.try_get("cameras")?),
                password: row.try_get("password")?,
                password_number: row.try_get("password_number")?,
                places: places_of(&row)?,
                created_s: row.try_get("created_s")?,
            };
            state.users.insert(row.try_get("id")?, user);
        }
        for row in sqlx::query("SELECT * FROM sessions")
            .fetch_all(&mut *tx)
            .await?
        {
            let id = row.try_get("id")?;
            let session = Session {
                user: row.try_get("user_id")?,
                created_s: row.try_get("created_s")?,
                seen_s: row.try_get("seen_s")?,
                address: row.try_get("address")?,
                user_agent: row.try_get("user_agent")?,
            };
            state.by_hash.insert(hash_of(&row)?, Key::Session(id));
            state.sessions.insert(id, session);
        }
        for row in sqlx::query("SELECT * FROM tokens")
            .fetch_all(&mut *tx)
            .await?
        {
            let id = row.try_get("id")?;
            let token = Token {
                name: row.try_get("name")?,
                user: row.try_get("user_id")?,
                role: role_of(&row)?,
                cameras: cameras_of(row.try_get("cameras")?),
                places: places_of(&row)?,
                created_s: row.try_get("created_s")?,
                expires_s: row.try_get("expires_s")?,
            };
            state.by_hash.insert(hash_of(&row)?, Key::Token(id));
            state.tokens.insert(id, token);
        }
        for row in sqlx::query("SELECT * FROM links")
            .fetch_all(&mut *tx)
            .await?
        {
            let id = row.try_get("id")?;
            let what = match row.try_get::<String, _>("what")?.as_str() {
                "stream" => Medium::Stream,
                "snapshot" => Medium::Snapshot,
                _ => return Err(Error::Broken("reading a link")),
            };
            let link = Link {
                user: row.try_get("user_id")?,
                camera: row.try_get("camera")?,
                what,
                created_s: row.try_get("created_s")?,
                expires_s: row.try_get("expires_s")?,
            };
            state.by_hash.insert(hash_of(&row)?, Key::Link(id));
            state.links.insert(id, link);
        }
        tx.commit().await?;
        Ok(state)
    }

    /// Whoever shows this, coming `from` there; from wherever it may be, if nothing is said.
    pub(crate) fn identify(
        &self,
        credential: &Credential,
        from: Option<IpAddr>,
        now_s: i64,
    ) -> Option<Who> {
        let (Credential::Session(secret)
        | Credential::Token(secret)
        | Credential::TokenInAddress(secret)
        | Credential::Link(secret)) = credential;
        let key = *self.by_hash.get(&secret::hash(secret.expose()))?;
        let who = self.who(key, from, now_s)?;
        let fits = match credential {
            Credential::Session(_) => matches!(key, Key::Session(_)),
            Credential::Token(_) => matches!(key, Key::Token(_)),
            Credential::TokenInAddress(_) => {
                matches!(key, Key::Token(_)) && who.role == Role::Viewer
            }
            Credential::Link(_) => matches!(key, Key::Link(_)),
        };
        fits.then_some(who)
    }

    /// Whoever this key stands for, with the rights of now.
    pub(crate) fn who(&self, key: Key, from: Option<IpAddr>, now_s: i64) -> Option<Who> {
        let is_place = |places: &Places| from.is_none_or(|from| places.contain(from));
        // What a user gave away holds where the user may be, and nowhere else.
        let of_user = |id: i64| {
            let user = self.users.get(&id).filter(|user| is_place(&user.places));
            user.map(|user| Who {
                key,
                name: user.name.clone(),
                user: Some(id),
                role: user.role,
                // An administrator could grant it to himself anyway.
                cameras: if user.role == Role::Admin {
                    Cameras::All
                } else {
                    user.cameras.clone()
                },
                only: None,
                until_s: None,
            })
        };
        let who = match key {
            Key::Open => return None,
            Key::Password(id, number) => {
                let is_same = self.users.get(&id)?.password_number == number;
                of_user(id).filter(|_| is_same)?
            }
            Key::Session(id) => {
                let session = self.sessions.get(&id)?;
                let until_s = (session.seen_s + IDLE_S).min(session.created_s + LONGEST_S);
                Who {
                    until_s: Some(until_s),
                    ..of_user(session.user)?
                }
            }
            Key::Token(id) => {
                let token = self
                    .tokens
                    .get(&id)
                    .filter(|token| is_place(&token.places))?;
                let owner = match token.user {
                    Some(id) => Some(of_user(id)?),
                    None => None,
                };
                Who {
                    key,
                    name: format!("token {}", token.name),
                    user: token.user,
                    role: owner
                        .as_ref()
                        .map_or(token.role, |o| o.role.min(token.role)),
                    cameras: owner
                        .as_ref()
                        .map_or_else(|| token.cameras.clone(), |o| o.cameras.and(&token.cameras)),
                    only: None,
                    until_s: token.expires_s,
                }
            }
            Key::Link(id) => {
                let link = self.links.get(&id)?;
                let camera = Cameras::Only([link.camera.clone()].into());
                let cameras = match link.user {
                    Some(user) => of_user(user)?.cameras.and(&camera),
                    None => camera,
                };
                Who {
                    key,
                    name: format!("link {id}"),
                    user: None,
                    role: Role::Viewer,
                    cameras,
                    only: Some(link.what),
                    until_s: Some(link.expires_s),
                }
            }
        };
        who.until_s.is_none_or(|until| now_s < until).then_some(who)
    }

    /// Number, number of the password, and its hash.
    pub(crate) fn by_name(&self, name: &str) -> Option<(i64, i64, String)> {
        // As the database compares: letters of ASCII in either case.
        let (id, user) = self
            .users
            .iter()
            .find(|(_, user)| user.name.eq_ignore_ascii_case(name))?;
        Some((*id, user.password_number, user.password.clone()))
    }

    /// Whether this user may come from there; so may a name that nobody has.
    pub(crate) fn is_place(&self, name: &str, from: IpAddr) -> bool {
        let user = self.users.values();
        let mut user = user.filter(|user| user.name.eq_ignore_ascii_case(name));
        user.next().is_none_or(|user| user.places.contain(from))
    }

    pub(crate) fn places_of(&self, user: i64) -> Option<Places> {
        self.users.get(&user).map(|user| user.places.clone())
    }

    pub(crate) fn is_due(&self, session: i64, before_s: i64) -> bool {
        self.sessions
            .get(&session)
            .is_some_and(|s| s.seen_s < before_s)
    }

    pub(crate) fn saw(&mut self, session: i64, now_s: i64) {
        if let Some(session) = self.sessions.get_mut(&session) {
            session.seen_s = now_s;
        }
    }

    fn name_of(&self, user: i64) -> Option<String> {
        self.users.get(&user).map(|user| user.name.clone())
    }

    pub(crate) fn user_views(&self) -> Vec<UserView> {
        let view = |(id, user): (&i64, &User)| UserView {
            id: *id,
            name: user.name.clone(),
            role: user.role,
            cameras: list_of(&user.cameras),
            allow: user.places.allow.clone(),
            deny: user.places.deny.clone(),
            created_s: user.created_s,
        };
        self.users.iter().map(view).collect()
    }

    pub(crate) fn session_views(&self, of: Option<i64>, now_s: i64) -> Vec<SessionView> {
        self.sessions
            .iter()
            .filter(|(id, session)| {
                of.is_none_or(|user| session.user == user)
                    && self.who(Key::Session(**id), None, now_s).is_some()
            })
            .map(|(id, session)| SessionView {
                id: *id,
                user: self.name_of(session.user).unwrap_or_default(),
                address: session.address.clone(),
                user_agent: session.user_agent.clone(),
                created_s: session.created_s,
                seen_s: session.seen_s,
            })
            .collect()
    }

    pub(crate) fn token_views(&self, of: Option<i64>) -> Vec<TokenView> {
        self.tokens
            .iter()
            .filter(|(_, token)| of.is_none() || token.user == of)
            .map(|(id, token)| TokenView {
                id: *id,
                name: token.name.clone(),
                user: token.user.and_then(|user| self.name_of(user)),
                role: token.role,
                cameras: list_of(&token.cameras),
                allow: token.places.allow.clone(),
                deny: token.places.deny.clone(),
                created_s: token.created_s,
                expires_s: token.expires_s,
            })
            .collect()
    }

    pub(crate) fn link_views(&self, of: Option<i64>) -> Vec<LinkView> {
        self.links
            .iter()
            .filter(|(_, link)| of.is_none() || link.user == of)
            .map(|(id, link)| LinkView {
                id: *id,
                user: link.user.and_then(|user| self.name_of(user)),
                camera: link.camera.clone(),
                what: link.what,
                created_s: link.created_s,
                expires_s: link.expires_s,
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY_S: i64 = 24 * 3600;

    #[test]
    fn a_session_ends_by_its_time() {
        let mut state = State::default();
        let user = User {
            name: "kim".to_owned(),
            role: Role::Viewer,
            cameras: Cameras::All,
            password: String::new(),
            password_number: 1,
            places: Places::default(),
            created_s: 0,
        };
        state.users.insert(1, user);
        let session = Session {
            user: 1,
            created_s: 0,
            seen_s: 0,
            address: String::new(),
            user_agent: None,
        };
        state.sessions.insert(1, session);
        let key = Key::Session(1);
        let holds = |state: &State, now_s| state.who(key, None, now_s).is_some();
        // Without use, seven days; with it, thirty.
        assert!(holds(&state, IDLE_S - 1) && !holds(&state, IDLE_S));
        for day in 1..30 {
            assert!(holds(&state, day * DAY_S), "{day}");
            state.saw(1, day * DAY_S);
        }
        assert!(holds(&state, LONGEST_S - 1) && !holds(&state, LONGEST_S));
        let until_s = state.who(key, None, 29 * DAY_S).unwrap().until_s;
        assert_eq!(until_s, Some(30 * DAY_S));
        assert_eq!(state.session_views(None, LONGEST_S).len(), 0);
    }
}
