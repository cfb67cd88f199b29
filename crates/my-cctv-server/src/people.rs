//! The accounts at start and at the command line.

use std::{
    env, fs,
    io::{self, IsTerminal as _, Read as _},
    path::Path,
    time::Duration,
};

use accounts::{Accounts, Cameras, Grant, Role, Secret};
use anyhow::{Context as _, bail};
use hub::CameraId;
use tokio::time::{MissedTickBehavior, interval};
use tracing::{info, warn};

use crate::args::{TokenCommand, UserCommand};

/// The administrator's password where nobody is there to open a link.
const PASSWORD: &str = "ADMIN_PASSWORD";
const PASSWORD_FILE: &str = "ADMIN_PASSWORD_FILE";
/// Old entries of the audit log are looked for so often.
const FORGET_EVERY: Duration = Duration::from_secs(24 * 3600);
/// A password on standard input, with its line end.
const LONGEST_BYTES: u64 = 1024;

/// Opens the accounts; makes `admin`, if there is nobody yet and a password for it.
pub(crate) async fn open(file: &Path, is_login_on: bool) -> anyhow::Result<Accounts> {
    let accounts = match Accounts::open(file, is_login_on).await {
        Err(error) if !is_login_on => {
            let error = anyhow::Error::new(error);
            warn!(
                error = format!("{error:#}"),
                "there are no accounts: everybody is a viewer"
            );
            return Ok(Accounts::none(is_login_on));
        }
        other => other.context("open the accounts (`auth.database`, `server.data_dir`)")?,
    };
    if accounts.needs_setup()
        && let Some(password) = given_password()?
    {
        let grant = Grant {
            role: Role::Admin,
            cameras: Cameras::All,
        };
        let added = accounts.add_user("admin", password, &grant).await;
        added.with_context(|| format!("make the user `admin` ({PASSWORD}, {PASSWORD_FILE})"))?;
        info!("the user `admin` was made with the password from the environment");
    }
    Ok(accounts)
}

fn given_password() -> anyhow::Result<Option<Secret>> {
    if let Some(path) = env::var_os(PASSWORD_FILE).filter(|path| !path.is_empty()) {
        let text = fs::read_to_string(&path)
            .with_context(|| format!("{PASSWORD_FILE}: {}", Path::new(&path).display()))?;
        return Ok(Some(text.trim_end_matches(['\r', '\n']).to_owned().into()));
    }
    let text = env::var(PASSWORD).ok().filter(|text| !text.is_empty());
    Ok(text.map(Secret::from))
}

/// Says where to go: to the page, or first to the one that makes an administrator.
pub(crate) fn invite(accounts: &Accounts, link: &str) {
    match accounts.setup_code().filter(|_| accounts.needs_setup()) {
        Some(code) => {
            let link = link.trim_end_matches('/');
            info!(
                "nobody can log in yet; this link makes the administrator, once and within an hour: open {link}/setup#code={}",
                code.expose()
            );
        }
        None => info!("open {link}"),
    }
}

/// Forgets old entries of the audit log, now and then.
pub(crate) async fn forget(accounts: Accounts, days: u32) {
    if !accounts.is_enabled() {
        return;
    }
    let mut times = interval(FORGET_EVERY);
    times.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        times.tick().await;
        match accounts.forget_audit(days).await {
            Ok(0) => {}
            Ok(entries) => info!(entries, days, "old entries of the audit log were removed"),
            Err(error) => warn!(%error, "old entries of the audit log could not be removed"),
        }
    }
}

/// `user …`: what it prints.
pub(crate) fn user(file: &Path, command: UserCommand) -> anyhow::Result<String> {
    with_accounts(file, async |accounts| {
        let number = |name: &str| {
            let users = accounts.users();
            let user = users
                .iter()
                .find(|user| user.name.eq_ignore_ascii_case(name));
            user.map(|user| user.id)
                .with_context(|| format!("there is no user `{name}`"))
        };
        Ok(match command {
            UserCommand::Add {
                name,
                role,
                cameras,
            } => {
                let grant = grant(role, cameras)?;
                accounts.add_user(&name, ask_password()?, &grant).await?;
                format!("added {name} ({role})")
            }
            UserCommand::List => {
                let line = |user: &accounts::UserView| {
                    format!(
                        "{:<20} {:<10} {}",
                        user.name,
                        user.role.name(),
                        shown(user.cameras.as_deref())
                    )
                };
                lines(accounts.users().iter().map(line), "no users yet")
            }
            UserCommand::Passwd { name } => {
                let id = number(&name)?;
                accounts.set_password(id, ask_password()?, None).await?;
                format!("{name} has a new password; all sessions ended")
            }
            UserCommand::Remove { name } => {
                accounts.remove_user(number(&name)?).await?;
                format!("removed {name}")
            }
        })
    })
}

/// `token …`: what it prints.
pub(crate) fn token(file: &Path, command: TokenCommand) -> anyhow::Result<String> {
    with_accounts(file, async |accounts| {
        Ok(match command {
            TokenCommand::Create {
                name,
                role,
                cameras,
                expires_in_days,
            } => {
                let grant = grant(role, cameras)?;
                let expires_s =
                    expires_in_days.map(|days| accounts::now_s() + i64::from(days) * 24 * 3600);
                let (_, secret) = accounts.add_token(&name, None, &grant, expires_s).await?;
                secret.expose().to_owned()
            }
            TokenCommand::List => {
                let line = |token: &accounts::TokenView| {
                    let cameras = shown(token.cameras.as_deref());
                    format!(
                        "{:<6} {:<20} {:<10} {cameras}",
                        token.id,
                        token.name,
                        token.role.name()
                    )
                };
                lines(accounts.tokens(None).iter().map(line), "no tokens yet")
            }
            TokenCommand::Revoke { id } => {
                accounts.revoke_token(id, None).await?;
                format!("revoked {id}")
            }
        })
    })
}

fn with_accounts(
    file: &Path,
    work: impl AsyncFnOnce(&Accounts) -> anyhow::Result<String>,
) -> anyhow::Result<String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("start the runtime")?;
    runtime.block_on(async {
        let accounts = Accounts::open(file, true)
            .await
            .context("open the accounts (`auth.database`, `server.data_dir`)")?;
        let text = work(&accounts).await;
        accounts.close().await;
        text
    })
}

fn grant(role: Role, cameras: Vec<String>) -> anyhow::Result<Grant> {
    for id in &cameras {
        if let Err(error) = id.parse::<CameraId>() {
            bail!("--camera {id}: {error}");
        }
    }
    let cameras = if cameras.is_empty() {
        Cameras::All
    } else {
        Cameras::Only(cameras.into_iter().collect())
    };
    Ok(Grant { role, cameras })
}

fn ask_password() -> anyhow::Result<Secret> {
    if io::stdin().is_terminal() {
        let first = rpassword::prompt_password("Password: ").context("read the password")?;
        let second = rpassword::prompt_password("Once more: ").context("read the password")?;
        if first != second {
            bail!("these were two different passwords");
        }
        return Ok(first.into());
    }
    let mut text = String::new();
    io::stdin()
        .take(LONGEST_BYTES)
        .read_to_string(&mut text)
        .context("read the password from standard input")?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned().into())
}

fn shown(cameras: Option<&[String]>) -> String {
    cameras.map_or_else(|| "every camera".to_owned(), |ids| ids.join(", "))
}

fn lines(lines: impl Iterator<Item = String>, none: &str) -> String {
    let text: Vec<String> = lines.collect();
    if text.is_empty() {
        none.to_owned()
    } else {
        text.join("\n")
    }
}
