//! The log, for administrators: its newest lines, those that come, and which ones are wanted.

use std::{convert::Infallible, time::Duration};

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, header},
    response::{
        IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
};
use futures_util::{StreamExt as _, stream};
use logs::{Line, Query, Tail};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tracing::Level;
use utoipa::{IntoParams, ToSchema};

use crate::{
    access::{Detail, Door, Visa},
    api::rfc3339,
    body::Fields,
    problem::{Asked, Problem},
    state::App,
    wire::Peer,
};

/// Lines in an answer that names no number, and the most.
const USUAL: usize = 200;
const MOST: usize = 2000;
/// The longest time for which levels can be set, in minutes: a week.
const LONGEST_MINUTES: u32 = 7 * 24 * 60;

/// Which lines.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub(crate) struct Wanted {
    /// At most so many, the newest; 200 without it, and never more than 2000.
    lines: Option<usize>,
    /// `error`, `warn`, `info`, `debug` or `trace`: this level and what is worse.
    #[param(inline)]
    level: Option<Word>,
    /// The part of the program begins so, such as `camera`.
    target: Option<String>,
    /// About this camera.
    camera: Option<String>,
    /// Only those behind the line with this `id`.
    after: Option<u64>,
}

/// How grave a line is.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Word {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

impl From<Word> for Level {
    fn from(word: Word) -> Self {
        match word {
            Word::Error => Self::ERROR,
            Word::Warn => Self::WARN,
            Word::Info => Self::INFO,
            Word::Debug => Self::DEBUG,
            Word::Trace => Self::TRACE,
        }
    }
}

impl Wanted {
    fn query(self) -> Query {
        Query {
            most: self.lines.unwrap_or(USUAL).min(MOST),
            level: self.level.map(Level::from),
            target: self.target.filter(|target| !target.is_empty()),
            camera: self.camera.filter(|camera| !camera.is_empty()),
            after: self.after.unwrap_or(0),
        }
    }
}

/// One line of the log.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LineView {
    /// Counts the lines since the server started.
    id: u64,
    /// When it was written.
    #[schema(example = "2026-01-31T12:00:00.000000Z")]
    time: String,
    /// `error`, `warn`, `info`, `debug` or `trace`.
    #[schema(example = "info")]
    level: String,
    /// The part of the program.
    #[schema(example = "pipeline::actor")]
    target: String,
    /// What happened.
    message: String,
    /// The camera it is about.
    camera: Option<String>,
    /// The request during which it was written.
    request: Option<String>,
    /// What else it says.
    #[schema(value_type = Object)]
    fields: Map<String, Value>,
}

impl From<Line> for LineView {
    fn from(line: Line) -> Self {
        Self {
            id: line.id,
            time: line.time,
            level: line.level.to_lowercase(),
            target: line.target,
            message: line.message,
            camera: line.camera,
            request: line.request,
            fields: line.fields,
        }
    }
}

/// Lines of the log.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LineList {
    /// The oldest first.
    lines: Vec<LineView>,
    /// For `after` of the next question.
    newest: u64,
    /// Lines between `after` and these that are not in memory any more.
    missed: u64,
}

impl From<Tail> for LineList {
    fn from(tail: Tail) -> Self {
        Self {
            lines: tail.lines.into_iter().map(Into::into).collect(),
            newest: tail.newest,
            missed: tail.missed,
        }
    }
}

/// The newest lines of the log. They are in memory, about a thousand of them; secrets are masked.
#[utoipa::path(
    get,
    path = "/api/v1/logs",
    tag = "server",
    operation_id = "logs",
    params(Wanted),
    responses(
        (status = 200, body = LineList),
        (status = 400, description = "No such level", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn list(
    State(app): State<App>,
    Asked(wanted): Asked<Wanted>,
) -> Result<Response, Problem> {
    let list = LineList::from(app.logs.tail(&wanted.query()));
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(list)).into_response())
}

/// The lines of the log as they come, as server-sent events.
///
/// Each event is a line, its `id` that of the line; with `Last-Event-ID` it goes on there. An event `missed` says how many
/// lines went by too fast. First come the newest lines there are.
#[utoipa::path(
    get,
    path = "/api/v1/logs/stream",
    tag = "server",
    operation_id = "follow_logs",
    params(Wanted),
    responses(
        (status = 200, description = "The lines", content_type = "text/event-stream"),
        (status = 400, description = "No such level", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn follow(
    State(app): State<App>,
    visa: Visa,
    peer: Peer,
    headers: HeaderMap,
    Asked(wanted): Asked<Wanted>,
) -> Result<Response, Problem> {
    let mut query = wanted.query();
    let last = headers.get("last-event-id");
    if let Some(id) = last.and_then(|id| id.to_str().ok()?.parse().ok()) {
        query.after = id;
    }
    let follower = Follower {
        news: app.logs.watch(),
        // It ends with the right to it, and with the server.
        door: app.doors.open(visa, peer.address.ip()),
        app,
        query,
        is_first: true,
    };
    let events = stream::unfold(follower, |mut follower| async move {
        let events = follower.next().await?;
        Some((
            stream::iter(events.into_iter().map(Ok::<_, Infallible>)),
            follower,
        ))
    });
    let response = Sse::new(events.flatten()).keep_alive(KeepAlive::default());
    // Without it nginx collects lines before it passes them on.
    Ok(([("x-accel-buffering", "no")], response).into_response())
}

/// Somebody who reads along.
struct Follower {
    app: App,
    door: Door,
    news: tokio::sync::watch::Receiver<u64>,
    query: Query,
    is_first: bool,
}

impl Follower {
    async fn next(&mut self) -> Option<Vec<Event>> {
        loop {
            let is_first = std::mem::take(&mut self.is_first);
            if !is_first {
                tokio::select! {
                    () = self.app.stop.cancelled() => return None,
                    () = self.door.shut() => return None,
                    changed = self.news.changed() => changed.ok()?,
                }
            }
            self.news.mark_unchanged();
            let tail = self.app.logs.tail(&self.query);
            let asked_after = self.query.after;
            self.query.after = tail.newest;
            // The number asked for is about what was there before.
            self.query.most = MOST;
            let mut events = Vec::new();
            if tail.missed > 0 && asked_after > 0 {
                let missed = Event::default().event("missed");
                events.push(missed.data(tail.missed.to_string()));
            }
            for line in tail.lines {
                let event = Event::default().id(line.id.to_string());
                events.extend(event.json_data(LineView::from(line)));
            }
            if !events.is_empty() {
                return Some(events);
            }
        }
    }
}

/// Which lines are written.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LevelsView {
    /// What holds.
    #[schema(example = "info,camera=debug")]
    level: String,
    /// What the configuration says (`log.level`).
    #[schema(example = "info")]
    configured: String,
    /// When the configuration's holds again; null where that is not in sight.
    until: Option<String>,
}

impl LevelsView {
    fn of(app: &App) -> Json<Self> {
        let levels = app.logs.levels();
        Json(Self {
            level: levels.level,
            configured: levels.configured,
            until: levels.until.map(rfc3339),
        })
    }
}

/// Which lines are written.
#[utoipa::path(
    get,
    path = "/api/v1/logs/levels",
    tag = "server",
    operation_id = "log_levels",
    responses((status = 200, body = LevelsView))
)]
pub(crate) async fn levels(State(app): State<App>) -> Json<LevelsView> {
    LevelsView::of(&app)
}

/// Other levels.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LevelsChange {
    /// As in `log.level`; null for what the configuration says.
    #[schema(example = "info,camera=debug")]
    level: Option<String>,
    /// For so many minutes, a week at the most; without it until the server is restarted.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 10080)]
    minutes: Option<u32>,
}

/// Write other lines from now on: for a time, or until the server is restarted or told to read its configuration.
#[utoipa::path(
    put,
    path = "/api/v1/logs/levels",
    tag = "server",
    operation_id = "set_log_levels",
    request_body(content = LevelsChange, content_type = "application/json"),
    responses(
        (status = 200, description = "So it is now", body = LevelsView),
        (status = 400, description = "No JSON object", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "Not sent as JSON", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "A key cannot be so", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn set_levels(
    State(app): State<App>,
    Fields(LevelsChange { level, minutes }): Fields<LevelsChange>,
) -> Result<(Detail, Json<LevelsView>), Problem> {
    let time = match minutes {
        None => None,
        Some(minutes) if (1..=LONGEST_MINUTES).contains(&minutes) => {
            Some(Duration::from_secs(u64::from(minutes) * 60))
        }
        Some(minutes) => {
            let problem = format!("{minutes} is out of range: 1 to {LONGEST_MINUTES}");
            return Err(Problem::with_key("minutes".to_owned(), problem));
        }
    };
    let set = match &level {
        Some(level) => app.logs.set(level, time),
        None => app.logs.configure(&app.logs.levels().configured, true),
    };
    set.map_err(|error| Problem::with_key("level".to_owned(), error.to_string()))?;
    let detail = match (&level, minutes) {
        (None, _) => "as configured".to_owned(),
        (Some(level), None) => level.clone(),
        (Some(level), Some(minutes)) => format!("{level} for {minutes} min"),
    };
    tracing::info!(level = detail, "log levels set through the API");
    Ok((Detail(detail), LevelsView::of(&app)))
}
