//! Who is let in, and how far: asked once for every request, before anything of it is done.
//!
//! [`rules`] says what each route is about, [`credentials`] who asks, and `accounts::may` whether that goes together.
//! What stays open afterwards is asked about again by [`doorman`].

mod alarm;
mod chronicle;
mod credentials;
mod doorman;
mod rules;

use std::{convert::Infallible, sync::Arc};

use accounts::{Action, Entry, Key, Weight, Who};
use axum::{
    extract::{
        FromRequestParts, MatchedPath, OptionalFromRequestParts, RawPathParams, Request, State,
    },
    http::{HeaderMap, HeaderValue, Method, StatusCode, header, request::Parts},
    middleware::Next,
    response::{IntoResponse as _, Response},
};

use crate::{problem::Problem, state::App, wire::Peer};

pub(crate) use alarm::Alarm;
pub(crate) use chronicle::Detail;
pub(crate) use credentials::{by_password, clear_cookie, is_foreign, set_cookie};
pub(crate) use doorman::{Door, Doors, run};
pub(crate) use rules::{Rule, of as rule_of, route_of};

/// Somebody who was let in.
#[derive(Clone, Debug)]
pub(crate) struct Visa(pub(crate) Arc<Who>);

impl Visa {
    pub(crate) fn may(&self, action: Action, camera: &str) -> bool {
        self.0.may(action, Some(camera))
    }
}

impl<S: Sync> OptionalFromRequestParts<S> for Visa {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Infallible> {
        Ok(parts.extensions.get().cloned())
    }
}

impl<S: Sync> FromRequestParts<S> for Visa {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parts.extensions.get().cloned().ok_or_else(not_logged_in)
    }
}

fn not_logged_in() -> Problem {
    Problem::new(
        StatusCode::UNAUTHORIZED,
        "Log in first: with a session, a token, or name and password.",
    )
}

fn forbidden() -> Problem {
    Problem::new(StatusCode::FORBIDDEN, "You may not do this.")
}

/// Stands in front of every route.
pub(crate) async fn guard(State(app): State<App>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let path = parts.extensions.get::<MatchedPath>().cloned();
    let path = path.as_ref().map_or("", MatchedPath::as_str);
    let is_head = parts.method == Method::HEAD;
    let method = if is_head {
        Method::GET
    } else {
        parts.method.clone()
    };
    let Some(rule) = rules::of(&method, path) else {
        return forbidden().into_response();
    };
    let rule = rule.in_detail(parts.uri.query());
    // A page of another site makes a browser ask with cookies and passwords of ours; programs send none of this.
    let changes = method != Method::GET;
    if changes && is_foreign(&parts.headers) {
        let detail = "Pages of other sites may not do this.";
        return Problem::new(StatusCode::FORBIDDEN, detail).into_response();
    }
    let who = match credentials::who(&app, &parts).await {
        Ok(who) => who,
        // What is open to all stays open to somebody with an old cookie.
        Err(_) if matches!(rule, Rule::Open) => None,
        Err(problem) => return problem.into_response(),
    };
    if let Some(who) = &who
        && let gate = &app.in_force.load().config.gate
        && let Err(problem) = app.requests.check(gate, who, &method, parts.uri.path())
    {
        return problem.into_response();
    }
    let params = RawPathParams::from_request_parts(&mut parts, &()).await;
    let id = params.ok().and_then(|params| {
        let id = params.iter().find(|(name, _)| *name == "id");
        id.map(|(_, value)| value.to_owned())
    });
    let allowed = match (&rule, &who) {
        (Rule::Open, _) => Ok(()),
        (_, None) => return refuse_stranger(&app, rule, &parts.headers),
        (Rule::Any(action), Some(who)) => {
            who.may(*action, None).then_some(()).ok_or_else(forbidden)
        }
        (Rule::Page, Some(who)) => who
            .may(Action::Enter, None)
            .then_some(())
            .ok_or_else(forbidden),
        (Rule::First(action), Some(who)) => app
            .hub
            .streams()
            .iter()
            .any(|stream| who.may(*action, Some(stream.id().as_str())))
            .then_some(())
            .ok_or_else(Problem::no_such_camera),
        (Rule::Camera(action), Some(who)) => {
            let id = id.as_deref().unwrap_or_default();
            if who.may(*action, Some(id)) {
                Ok(())
            } else if who.cameras.contains(id) {
                Err(forbidden())
            } else {
                // Whoever may not see it does not learn that it is there.
                Err(Problem::no_such_camera())
            }
        }
    };
    if let Err(problem) = allowed {
        return problem.into_response();
    }
    let actor = who.map(Arc::new);
    if let Some(who) = &actor {
        if let Key::Session(id) = who.key {
            app.accounts.seen(id).await;
        }
        parts.extensions.insert(Visa(who.clone()));
    }
    let peer = parts.extensions.get::<Peer>().cloned();
    let uri = parts.uri.path().to_owned();
    let mut response = next.run(Request::from_parts(parts, body)).await;
    let detail = response.extensions_mut().remove::<Detail>();
    let (Some(who), Some(peer), true) = (actor, peer, response.status().is_success()) else {
        return response;
    };
    let entry = |action, camera, detail| Entry {
        who: who.name.clone(),
        address: peer.address.to_string(),
        action,
        camera,
        detail,
    };
    let is_snapshot = matches!(
        rule,
        Rule::First(Action::Snapshot) | Rule::Camera(Action::Snapshot)
    );
    if let Some(word) = chronicle::word(&method, path) {
        let camera = id.filter(|_| matches!(rule, Rule::Camera(_)));
        // The path alone: what stands behind the question mark may be a secret.
        let more = detail.map_or_else(String::new, |Detail(more)| format!(": {more}"));
        let entry = entry(word, camera, format!("{method} {uri}{more}"));
        app.accounts.note(entry);
    } else if is_snapshot && !is_head {
        let camera = id.or_else(|| first_seen(&app, &who));
        let entry = entry("snapshot", camera, String::new());
        app.accounts.note_as(entry, Weight::Often);
    }
    response
}

/// The camera that is meant where none is named.
fn first_seen(app: &App, who: &Who) -> Option<String> {
    let streams = app.hub.streams();
    let ids = streams.iter().map(|stream| stream.id().as_str());
    let mut ids = ids.filter(|id| who.cameras.contains(id));
    ids.next().map(str::to_owned)
}

/// Nobody we know: people are shown where to log in, programs are told what is missing.
fn refuse_stranger(app: &App, rule: Rule, headers: &HeaderMap) -> Response {
    let is_person = headers.get_all(header::ACCEPT).iter().any(|accept| {
        accept
            .to_str()
            .is_ok_and(|accept| accept.contains("text/html"))
    });
    if is_person && matches!(rule, Rule::Page | Rule::First(_)) {
        // Relative: it holds below a base path too. All of these addresses have no folder.
        let place = if app.accounts.needs_setup() {
            "setup"
        } else {
            "login"
        };
        let fields = [
            (header::LOCATION, place),
            (header::CACHE_CONTROL, "no-store"),
        ];
        return (StatusCode::SEE_OTHER, fields).into_response();
    }
    let problem = if app.accounts.needs_setup() {
        Problem::new(
            StatusCode::UNAUTHORIZED,
            "This server is not set up yet: open the link that is in its log.",
        )
    } else {
        not_logged_in()
    };
    let mut response = problem.into_response();
    let is_media = matches!(
        rule,
        Rule::First(_) | Rule::Camera(Action::Stream | Action::Snapshot)
    );
    // Not on the rest: a browser would ask for a password above our page, and keep it until it is closed.
    if is_media && !is_person {
        response.headers_mut().insert(
            header::WWW_AUTHENTICATE,
            HeaderValue::from_static("Basic realm=\"my-cctv-server\", charset=\"UTF-8\""),
        );
    }
    response
}
