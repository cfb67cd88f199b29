//! The accounts at start and at the command line.

use std::{
    env, fs,
    io::{self, IsTerminal as _, Read as _},
    path::Path,
    time::Duration,
};

use accounts::{
    Accounts, Cameras, Entry, Grant, Medium, Networks, Places, Retention, Role, Secret, now_s,
};
use anyhow::{Context as _, bail};
use hub::CameraId;
use tokio::{
    sync::watch,
    time::{MissedTickBehavior, interval},
};
use tracing::{info, warn};

use crate::args::{LinkCommand, PlacesArgs, TokenCommand, UserCommand};

/// The administrator's password where nobody is there to open a link.
const PASSWORD: &str = "ADMIN_PASSWORD";
const PASSWORD_FILE: &str = "ADMIN_PASSWORD_FILE";
/// Old entries of the audit log are looked for so often.
const FORGET_EVERY: Duration = Duration::from_secs(24 * 3600);
/// A password on standard input, with its line end.
const LONGEST_BYTES: u64 = 1024;

/// For the audit log: whoever can write the file.
const COMMAND_LINE: &str = "command line";

/// Opens the accounts; makes `admin`, if there is nobody yet and a password for it.
pub(crate) async fn open(file: &Path, is_login_on: bool) -> anyhow::Result<Accounts> {
    let accounts = match Accounts::open(file, is_login_on).await {
        // What another version has made is not passed over.
        Err(error) if !is_login_on && !matches!(error, accounts::Error::Version(_)) => {
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
            places: Places::default(),
        };
        let added = accounts.add_user("admin", password, &grant).await;
        added.with_context(|| format!("make the user `admin` ({PASSWORD}, {PASSWORD_FILE})"))?;
        let detail = "admin, with the password from the environment";
        accounts.note(entry("server", "user added", detail.to_owned()));
        info!("the user `admin` was made with the password from the environment");
    }
    Ok(accounts)
}

/// What is done by nobody who is logged in.
pub(crate) fn entry(who: &str, action: &'static str, detail: String) -> Entry {
    Entry {
        who: who.to_owned(),
        address: String::new(),
        action,
        camera: None,
        detail,
    }
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

/// Forgets old entries of the audit log, now and then, and when fewer are to be kept.
pub(crate) async fn forget(accounts: Accounts, mut retention: watch::Receiver<Retention>) {
    if !accounts.is_enabled() {
        return;
    }
    let mut times = interval(FORGET_EVERY);
    times.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = times.tick() => {}
            Ok(()) = retention.changed() => {}
        }
        let wanted = *retention.borrow_and_update();
        match accounts.keep_audit(wanted).await {
            Ok(0) => {}
            Ok(entries) => info!(entries, "old entries of the audit log were removed"),
            Err(error) => warn!(%error, "old entries of the audit log could not be removed"),
        }
    }
}

/// `user …`: what it prints.
pub(crate) fn user(file: &Path, command: UserCommand) -> anyhow::Result<String> {
    with_accounts(file, async |accounts| {
        let (text, action) = match command {
            UserCommand::Add {
                name,
                role,
                cameras,
                places,
            } => {
                let grant = grant(role, cameras, &places)?;
                accounts.add_user(&name, ask_password()?, &grant).await?;
                (format!("added {name} ({role})"), "user added")
            }
            UserCommand::List => {
                let line = |user: &accounts::UserView| {
                    let (name, role) = (&user.name, user.role.name());
                    let cameras = shown(user.cameras.as_deref());
                    let places = shown_places(&user.allow, &user.deny);
                    format!("{name:<20} {role:<10} {cameras}{places}")
                };
                return Ok(lines(accounts.users().iter().map(line), "no users yet"));
            }
            UserCommand::Passwd { name } => {
                let user = find(accounts, &name)?;
                let password = ask_password()?;
                accounts.set_password(user.id, password, None).await?;
                let text = format!("{} has a new password; all sessions ended", user.name);
                (text, "password changed")
            }
            UserCommand::Role { name, role } => {
                let user = find(accounts, &name)?;
                let grant = Grant {
                    role,
                    ..granted(&user)
                };
                accounts.change_user(user.id, &grant).await?;
                (format!("{} is {role} now", user.name), "user changed")
            }
            UserCommand::Cameras { name, cameras } => {
                let user = find(accounts, &name)?;
                let grant = Grant {
                    cameras: these_cameras(cameras)?,
                    ..granted(&user)
                };
                accounts.change_user(user.id, &grant).await?;
                let cameras = find(accounts, &name)?.cameras;
                let cameras = shown(cameras.as_deref());
                (format!("{} may see {cameras}", user.name), "user changed")
            }
            UserCommand::Networks { name, places } => {
                let user = find(accounts, &name)?;
                let grant = Grant {
                    places: these_places(&places)?,
                    ..granted(&user)
                };
                accounts.change_user(user.id, &grant).await?;
                let places = shown_places(&grant.places.allow, &grant.places.deny);
                let places = places.trim_start_matches(", ");
                let places = if places.is_empty() {
                    "from everywhere"
                } else {
                    places
                };
                (format!("{} may come {places}", user.name), "user changed")
            }
            UserCommand::Remove { name } => {
                let user = find(accounts, &name)?;
                accounts.remove_user(user.id).await?;
                (format!("removed {}", user.name), "user removed")
            }
        };
        accounts.note(entry(COMMAND_LINE, action, text.clone()));
        Ok(text)
    })
}

fn find(accounts: &Accounts, name: &str) -> anyhow::Result<accounts::UserView> {
    let mut users = accounts.users().into_iter();
    users
        .find(|user| user.name.eq_ignore_ascii_case(name))
        .with_context(|| format!("there is no user `{name}`; `user list` shows them"))
}

/// What a user has.
fn granted(user: &accounts::UserView) -> Grant {
    let cameras = user.cameras.clone();
    Grant {
        role: user.role,
        cameras: cameras.map_or(Cameras::All, |ids| Cameras::Only(ids.into_iter().collect())),
        places: Places {
            allow: user.allow.clone(),
            deny: user.deny.clone(),
        },
    }
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
                places,
            } => {
                let grant = grant(role, cameras, &places)?;
                let expires_s = expires_in_days.map(|days| now_s() + i64::from(days) * 24 * 3600);
                let (id, secret) = accounts.add_token(&name, None, &grant, expires_s).await?;
                let detail = format!("{name} ({id}), {role}");
                accounts.note(entry(COMMAND_LINE, "token made", detail));
                secret.expose().to_owned()
            }
            TokenCommand::List => {
                let line = |token: &accounts::TokenView| {
                    let (id, name, role) = (token.id, &token.name, token.role.name());
                    let of = token.user.as_deref().unwrap_or("-");
                    let cameras = shown(token.cameras.as_deref());
                    let places = shown_places(&token.allow, &token.deny);
                    let until = shown_end(token.expires_s);
                    format!("{id:<6} {name:<20} {of:<12} {role:<10} {cameras}{places}{until}")
                };
                lines(accounts.tokens(None).iter().map(line), "no tokens yet")
            }
            TokenCommand::Revoke { id } => {
                accounts.revoke_token(id, None).await?;
                accounts.note(entry(COMMAND_LINE, "token revoked", id.to_string()));
                format!("revoked {id}")
            }
        })
    })
}

/// `link …`: what it prints.
pub(crate) fn link(file: &Path, base_path: &str, command: LinkCommand) -> anyhow::Result<String> {
    with_accounts(file, async |accounts| {
        Ok(match command {
            LinkCommand::Create {
                camera,
                snapshot,
                expires_in_hours,
            } => {
                if let Err(error) = camera.parse::<CameraId>() {
                    bail!("{camera}: {error}");
                }
                let what = if snapshot {
                    Medium::Snapshot
                } else {
                    Medium::Stream
                };
                let until_s = now_s() + i64::from(expires_in_hours) * 3600;
                let (id, secret) = accounts.add_link(None, &camera, what, until_s).await?;
                let what = what.name();
                let detail = format!("{id}, {what} of {camera}, for {expires_in_hours} h");
                accounts.note(entry(COMMAND_LINE, "link made", detail));
                let base = base_path.trim_end_matches('/');
                let secret = secret.expose();
                format!("{base}/api/v1/cameras/{camera}/{what}?link={secret}")
            }
            LinkCommand::List => {
                let line = |link: &accounts::LinkView| {
                    let (id, what, camera) = (link.id, link.what.name(), &link.camera);
                    let of = link.user.as_deref().unwrap_or("-");
                    let until = shown_end(Some(link.expires_s));
                    format!("{id:<6} {of:<12} {what} of {camera}{until}")
                };
                lines(accounts.links(None).iter().map(line), "no links yet")
            }
            LinkCommand::Revoke { id } => {
                accounts.revoke_link(id, None).await?;
                accounts.note(entry(COMMAND_LINE, "link revoked", id.to_string()));
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

fn grant(role: Role, cameras: Vec<String>, places: &PlacesArgs) -> anyhow::Result<Grant> {
    Ok(Grant {
        role,
        cameras: these_cameras(cameras)?,
        places: these_places(places)?,
    })
}

fn these_cameras(cameras: Vec<String>) -> anyhow::Result<Cameras> {
    for id in &cameras {
        if let Err(error) = id.parse::<CameraId>() {
            bail!("--camera {id}: {error}");
        }
    }
    Ok(if cameras.is_empty() {
        Cameras::All
    } else {
        Cameras::Only(cameras.into_iter().collect())
    })
}

fn these_places(PlacesArgs { allow, deny }: &PlacesArgs) -> anyhow::Result<Places> {
    let list = |option: &str, texts: &[String]| {
        Networks::parse(texts).map_err(|why| anyhow::anyhow!("{option}: {why}"))
    };
    Ok(Places {
        allow: list("--allow", allow)?,
        deny: list("--deny", deny)?,
    })
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

fn shown_places(allow: &Networks, deny: &Networks) -> String {
    let mut text = String::new();
    for (word, list) in [("from", allow), ("not from", deny)] {
        if !list.is_empty() {
            text += &format!(", {word} {}", list.texts().join(" "));
        }
    }
    text
}

fn shown_end(expires_s: Option<i64>) -> String {
    let left_s = expires_s.map(|until| until - now_s());
    match left_s {
        None => String::new(),
        Some(left_s) if left_s <= 0 => ", over".to_owned(),
        Some(left_s) if left_s <= 2 * 24 * 3600 => format!(", {} h left", (left_s + 3599) / 3600),
        Some(left_s) => format!(", {} days left", (left_s + 24 * 3600 - 1) / (24 * 3600)),
    }
}

fn lines(lines: impl Iterator<Item = String>, none: &str) -> String {
    let text: Vec<String> = lines.collect();
    if text.is_empty() {
        none.to_owned()
    } else {
        text.join("\n")
    }
}
