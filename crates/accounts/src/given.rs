//! What is given away: tokens for programs, links for people without an account.

use crate::{Accounts, Error, Grant, Medium, Secret, networks, now_s, secret, state};

impl Accounts {
    /// A token, shown once. It can never do more than its user, if it has one.
    ///
    /// # Errors
    /// When it cannot be kept.
    pub async fn add_token(
        &self,
        name: &str,
        user: Option<i64>,
        grant: &Grant,
        expires_s: Option<i64>,
    ) -> Result<(i64, Secret), Error> {
        if name.is_empty() || name.chars().count() > 64 || name.chars().any(char::is_control) {
            return Err(Error::Name);
        }
        let secret = Secret::random().with_prefix("cctv_");
        let done = sqlx::query(
            "INSERT INTO tokens (hash, name, user_id, role, cameras, created_s, expires_s, allow, deny) \
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(secret::hash(secret.expose()).to_vec())
        .bind(name)
        .bind(user)
        .bind(grant.role.name())
        .bind(state::cameras_text(&grant.cameras))
        .bind(now_s())
        .bind(expires_s)
        .bind(networks::text_of(&grant.places.allow))
        .bind(networks::text_of(&grant.places.deny))
        .execute(self.pool()?)
        .await?;
        self.reload().await?;
        Ok((done.last_insert_rowid(), secret))
    }

    /// A token goes; of this user, if one is given.
    ///
    /// # Errors
    /// [`Error::Unknown`] when there is none.
    pub async fn revoke_token(&self, id: i64, of: Option<i64>) -> Result<(), Error> {
        let done = sqlx::query("DELETE FROM tokens WHERE id = ?1 AND (?2 IS NULL OR user_id = ?2)")
            .bind(id)
            .bind(of)
            .execute(self.pool()?)
            .await?;
        self.changed("token", done.rows_affected()).await
    }

    /// A link to one camera's stream or picture, shown once.
    ///
    /// # Errors
    /// When it cannot be kept.
    pub async fn add_link(
        &self,
        user: Option<i64>,
        camera: &str,
        what: Medium,
        expires_s: i64,
    ) -> Result<(i64, Secret), Error> {
        let secret = Secret::random();
        let done = sqlx::query(
            "INSERT INTO links (hash, user_id, camera, what, created_s, expires_s) VALUES (?, ?, ?, ?, ?, ?)",
        )
        .bind(secret::hash(secret.expose()).to_vec())
        .bind(user)
        .bind(camera)
        .bind(what.name())
        .bind(now_s())
        .bind(expires_s)
        .execute(self.pool()?)
        .await?;
        self.reload().await?;
        Ok((done.last_insert_rowid(), secret))
    }

    /// A link goes; of this user, if one is given.
    ///
    /// # Errors
    /// [`Error::Unknown`] when there is none.
    pub async fn revoke_link(&self, id: i64, of: Option<i64>) -> Result<(), Error> {
        let done = sqlx::query("DELETE FROM links WHERE id = ?1 AND (?2 IS NULL OR user_id = ?2)")
            .bind(id)
            .bind(of)
            .execute(self.pool()?)
            .await?;
        self.changed("link", done.rows_affected()).await
    }
}
