//! Who may do what: one function, and no where it says nothing.

use std::{collections::BTreeSet, fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What somebody is allowed in general. Each role may do what those before it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Sees pictures.
    Viewer,
    /// Sets cameras, sees who is watching, gives links away.
    Operator,
    /// Everything, on every camera.
    Admin,
}

impl Role {
    /// As it is written.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// No such role.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no role: expected viewer, operator or admin")]
pub struct InvalidRole(String);

impl FromStr for Role {
    type Err = InvalidRole;

    fn from_str(text: &str) -> Result<Self, InvalidRole> {
        [Self::Viewer, Self::Operator, Self::Admin]
            .into_iter()
            .find(|role| role.name() == text)
            .ok_or_else(|| InvalidRole(text.to_owned()))
    }
}

/// Cameras somebody may see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cameras {
    /// Those that come later too.
    All,
    /// These, by their ids.
    Only(BTreeSet<String>),
}

impl Cameras {
    /// Whether this one is among them.
    #[must_use]
    pub fn contains(&self, camera: &str) -> bool {
        match self {
            Self::All => true,
            Self::Only(ids) => ids.contains(camera),
        }
    }

    /// Those that are in both.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        match (self, other) {
            (Self::All, cameras) | (cameras, Self::All) => cameras.clone(),
            (Self::Only(a), Self::Only(b)) => Self::Only(a & b),
        }
    }
}

/// What a link opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Medium {
    /// The live stream.
    Stream,
    /// The newest picture.
    Snapshot,
}

impl Medium {
    /// As it is written.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Stream => "stream",
            Self::Snapshot => "snapshot",
        }
    }
}

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Anything that says nothing of a camera: the list (of those that may be seen), the API's document.
    Enter,
    /// How a camera is doing.
    See,
    /// Its live pictures.
    Stream,
    /// One picture.
    Snapshot,
    /// Set it, restart it, keep presets.
    Control,
    /// See who is watching, and end that.
    Viewers,
    /// Give away links to its pictures.
    Share,
    /// Add, change and remove cameras.
    Configure,
    /// One's own password, sessions and tokens.
    ManageOwn,
    /// Everybody's.
    ManageUsers,
    /// The audit log, and what happened to the server itself.
    SeeAudit,
    /// Figures of the server as a whole, in which every camera has its part.
    Measure,
}

/// By what somebody was let in: enough to ask again later whether it still holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Key {
    /// By nothing: login is switched off.
    Open,
    /// Name and password with each request; the user, and the number of the password.
    Password(i64, i64),
    /// A session by its number.
    Session(i64),
    /// A token by its number.
    Token(i64),
    /// A link by its number.
    Link(i64),
}

/// Somebody who was let in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Who {
    /// By what.
    pub key: Key,
    /// Name for people: the user's, the token's.
    pub name: String,
    /// The user, if it is one.
    pub user: Option<i64>,
    /// What it may in general.
    pub role: Role,
    /// And on which cameras.
    pub cameras: Cameras,
    /// Nothing but this, for whoever has a link.
    pub only: Option<Medium>,
    /// When it ends by itself, in seconds since 1970.
    pub until_s: Option<i64>,
}

impl Who {
    /// Somebody who came without a name while login is switched off.
    #[must_use]
    pub fn anonymous() -> Self {
        Self {
            key: Key::Open,
            name: "anonymous".to_owned(),
            user: None,
            role: Role::Viewer,
            cameras: Cameras::All,
            only: None,
            until_s: None,
        }
    }

    /// See [`may`].
    #[must_use]
    pub fn may(&self, action: Action, camera: Option<&str>) -> bool {
        may(self, action, camera)
    }
}

/// Whether `who` may do this, on this camera if it is about one. The only place where that is decided.
#[must_use]
pub fn may(who: &Who, action: Action, camera: Option<&str>) -> bool {
    let is_seen = camera.is_some_and(|camera| who.cameras.contains(camera));
    if let Some(medium) = who.only {
        return match action {
            Action::Stream => medium == Medium::Stream && is_seen,
            Action::Snapshot => medium == Medium::Snapshot && is_seen,
            _ => false,
        };
    }
    match action {
        Action::Enter => true,
        Action::See | Action::Stream | Action::Snapshot => is_seen,
        Action::Control | Action::Share => is_seen && who.role >= Role::Operator,
        // About everybody, where it names no camera; lists then leave out what is not seen.
        Action::Viewers => (camera.is_none() || is_seen) && who.role >= Role::Operator,
        Action::ManageOwn => who.user.is_some() && !matches!(who.key, Key::Token(_)),
        Action::Configure | Action::ManageUsers | Action::SeeAudit => who.role == Role::Admin,
        // No matter of the role: a program that watches the server is to have as few rights as can be.
        Action::Measure => who.cameras == Cameras::All,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn who(role: Role, cameras: &[&str]) -> Who {
        Who {
            key: Key::Session(1),
            user: Some(1),
            role,
            cameras: if cameras.is_empty() {
                Cameras::All
            } else {
                Cameras::Only(cameras.iter().map(|id| (*id).to_owned()).collect())
            },
            ..Who::anonymous()
        }
    }

    const ALL: [Action; 12] = [
        Action::Enter,
        Action::See,
        Action::Stream,
        Action::Snapshot,
        Action::Control,
        Action::Viewers,
        Action::Share,
        Action::Configure,
        Action::ManageOwn,
        Action::ManageUsers,
        Action::SeeAudit,
        Action::Measure,
    ];

    /// One letter for each action in the order above: on the own camera, on another, on none.
    fn check(who: &Who, own: &str, foreign: &str, none: &str) {
        for (camera, want) in [(Some("own"), own), (Some("foreign"), foreign), (None, none)] {
            let got: String = ALL
                .iter()
                .map(|action| if may(who, *action, camera) { 'y' } else { '.' })
                .collect();
            assert_eq!(got, want, "{who:?} {camera:?}");
        }
    }

    #[test]
    fn the_table_of_rights() {
        check(
            &who(Role::Viewer, &["own"]),
            "yyyy....y...",
            "y.......y...",
            "y.......y...",
        );
        check(
            &who(Role::Operator, &["own"]),
            "yyyyyyy.y...",
            "y.......y...",
            "y....y..y...",
        );
        check(
            &who(Role::Admin, &[]),
            "yyyyyyyyyyyy",
            "yyyyyyyyyyyy",
            "y....y.yyyyy",
        );
        check(
            &Who::anonymous(),
            "yyyy.......y",
            "yyyy.......y",
            "y..........y",
        );
        let token = Who {
            key: Key::Token(1),
            ..who(Role::Viewer, &["own"])
        };
        check(&token, "yyyy........", "y...........", "y...........");
        for (medium, own) in [
            (Medium::Stream, "..y........."),
            (Medium::Snapshot, "...y........"),
        ] {
            // Whatever role the giver had: a link is nothing but its medium.
            let link = Who {
                only: Some(medium),
                ..who(Role::Admin, &["own"])
            };
            check(&link, own, "............", "............");
        }
    }

    #[test]
    fn cameras_of_both() {
        let set = |ids: &[&str]| Cameras::Only(ids.iter().map(|id| (*id).to_owned()).collect());
        assert_eq!(Cameras::All.and(&set(&["a"])), set(&["a"]));
        assert_eq!(set(&["a", "b"]).and(&set(&["b", "c"])), set(&["b"]));
        assert_eq!(set(&["a"]).and(&set(&["b"])), set(&[]));
    }
}
