//! What each route is about. A route without a line here is denied to everybody.

use accounts::Action;
use axum::http::Method;

/// What one has to be allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rule {
    /// Nothing: what logging in takes, and files that are in every copy of this program.
    Open,
    /// The page.
    Page,
    /// This, on the first camera that one may see.
    First(Action),
    /// This, on the camera in the path.
    Camera(Action),
    /// This, which is about no camera or about several; the handler leaves out what may not be seen.
    Any(Action),
}

use Action::{Configure, Control, Enter, ManageOwn, ManageUsers, See, SeeAudit, Snapshot, Stream};
use Rule::{Any, Camera, First, Open, Page};

/// Every route; `HEAD` is like `GET`.
pub(crate) const RULES: &[(&str, &str, Rule)] = &[
    ("GET", "/", Page),
    ("GET", "/{*name}", Open),
    ("GET", "/health", Open),
    ("GET", "/ready", Open),
    ("GET", "/stream", First(Stream)),
    ("GET", "/snapshot", First(Snapshot)),
    ("GET", "/ws", Any(Enter)),
    ("GET", "/api-docs/openapi.json", Any(Enter)),
    ("GET", "/api/v1/cameras", Any(Enter)),
    ("POST", "/api/v1/cameras", Any(Configure)),
    ("GET", "/api/v1/cameras/{id}", Camera(See)),
    ("PATCH", "/api/v1/cameras/{id}", Camera(Configure)),
    ("DELETE", "/api/v1/cameras/{id}", Camera(Configure)),
    ("GET", "/api/v1/cameras/{id}/config", Camera(Configure)),
    ("POST", "/api/v1/cameras/{id}/restart", Camera(Control)),
    ("GET", "/api/v1/cameras/{id}/stream", Camera(Stream)),
    ("GET", "/api/v1/cameras/{id}/snapshot", Camera(Snapshot)),
    ("GET", "/api/v1/cameras/{id}/controls", Camera(See)),
    ("PATCH", "/api/v1/cameras/{id}/controls", Camera(Control)),
    ("DELETE", "/api/v1/cameras/{id}/controls", Camera(Control)),
    ("GET", "/api/v1/cameras/{id}/presets", Camera(See)),
    (
        "PUT",
        "/api/v1/cameras/{id}/presets/{name}",
        Camera(Control),
    ),
    (
        "DELETE",
        "/api/v1/cameras/{id}/presets/{name}",
        Camera(Control),
    ),
    (
        "POST",
        "/api/v1/cameras/{id}/presets/{name}/apply",
        Camera(Control),
    ),
    ("GET", "/api/v1/cameras/{id}/incidents", Camera(See)),
    ("GET", "/api/v1/incidents", Any(Enter)),
    ("GET", "/api/v1/viewers", Any(Action::Viewers)),
    ("DELETE", "/api/v1/viewers/{id}", Any(Action::Viewers)),
    ("POST", "/api/v1/setup", Open),
    ("POST", "/api/v1/session", Open),
    ("GET", "/api/v1/session", Any(Enter)),
    ("DELETE", "/api/v1/session", Any(ManageOwn)),
    ("GET", "/api/v1/sessions", Any(ManageOwn)),
    ("DELETE", "/api/v1/sessions/{id}", Any(ManageOwn)),
    ("PUT", "/api/v1/account/password", Any(ManageOwn)),
    ("GET", "/api/v1/tokens", Any(ManageOwn)),
    ("POST", "/api/v1/tokens", Any(ManageOwn)),
    ("DELETE", "/api/v1/tokens/{id}", Any(ManageOwn)),
    ("GET", "/api/v1/links", Any(ManageOwn)),
    ("POST", "/api/v1/links", Any(ManageOwn)),
    ("DELETE", "/api/v1/links/{id}", Any(ManageOwn)),
    ("GET", "/api/v1/users", Any(ManageUsers)),
    ("POST", "/api/v1/users", Any(ManageUsers)),
    ("PUT", "/api/v1/users/{id}", Any(ManageUsers)),
    ("DELETE", "/api/v1/users/{id}", Any(ManageUsers)),
    ("GET", "/api/v1/config", Any(Configure)),
    ("PUT", "/api/v1/config", Any(Configure)),
    ("GET", "/api/v1/config/schema", Any(Configure)),
    ("POST", "/api/v1/config/check", Any(Configure)),
    ("GET", "/api/v1/config/backups", Any(Configure)),
    (
        "POST",
        "/api/v1/config/backups/{id}/restore",
        Any(Configure),
    ),
    ("GET", "/api/v1/config/export", Any(Configure)),
    ("POST", "/api/v1/camera-test", Any(Configure)),
    ("GET", "/api/v1/discover", Any(Configure)),
    ("GET", "/api/v1/audit", Any(SeeAudit)),
    ("GET", "/api/v1/audit/export", Any(SeeAudit)),
    ("GET", "/api/v1/three", Any(Enter)),
    ("GET", "/api/v1/three/{name}", Any(Enter)),
    ("PUT", "/api/v1/three/{name}", Any(Configure)),
    ("DELETE", "/api/v1/three/{name}", Any(Configure)),
    ("GET", "/api/v1/three/site", Any(Enter)),
    ("PUT", "/api/v1/three/site", Any(Configure)),
    ("GET", "/api/v1/system", Any(Configure)),
    ("GET", "/api/v1/logs", Any(SeeAudit)),
    ("GET", "/api/v1/logs/stream", Any(SeeAudit)),
    ("GET", "/api/v1/logs/levels", Any(Configure)),
    ("PUT", "/api/v1/logs/levels", Any(Configure)),
    ("GET", "/metrics", Any(Enter)),
    ("GET", "/api/v1/stats", Any(Enter)),
];

/// The line of this route.
pub(crate) fn of(method: &Method, path: &str) -> Option<Rule> {
    RULES
        .iter()
        .find(|(m, p, _)| *m == method.as_str() && *p == path)
        .map(|(_, _, rule)| *rule)
}

/// The route of this pattern, in words that are ours.
pub(crate) fn route_of(path: &str) -> Option<&'static str> {
    RULES
        .iter()
        .map(|(_, route, _)| *route)
        .find(|route| *route == path)
}

impl Rule {
    /// mjpg-streamer's addresses are the page's, with a question mark.
    pub(super) fn in_detail(self, query: Option<&str>) -> Self {
        if self != Self::Page {
            return self;
        }
        let action = query
            .unwrap_or_default()
            .split('&')
            .find_map(|pair| pair.strip_prefix("action="));
        match action {
            None => Self::Page,
            Some(action) if action.starts_with("snapshot") => Self::First(Action::Snapshot),
            Some(_) => Self::First(Action::Stream),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_route_has_a_line_and_every_line_a_route() {
        let document: serde_json::Value =
            serde_json::from_str(&crate::openapi_json(&serde_json::Value::Null)).unwrap();
        let paths = document["paths"].as_object().unwrap();
        let mut routes = vec![("GET".to_owned(), "/{*name}".to_owned())];
        for (path, item) in paths {
            for method in ["GET", "PUT", "POST", "DELETE", "PATCH"] {
                if item.get(method.to_lowercase()).is_some() {
                    routes.push((method.to_owned(), path.clone()));
                }
            }
        }
        for (method, path) in &routes {
            assert!(
                of(&method.parse().unwrap(), path).is_some(),
                "{method} {path} has no line"
            );
        }
        for (method, path, _) in RULES {
            let is_there = routes.iter().any(|(m, p)| m == method && p == path);
            assert!(is_there, "{method} {path} is no route");
        }
        assert_eq!(routes.len(), RULES.len());
    }

    #[test]
    fn what_the_page_is_asked_for() {
        for (query, want) in [
            (None, Page),
            (Some("camera=main"), Page),
            (Some("action=stream"), First(Stream)),
            (Some("x=1&action=snapshot?123"), First(Snapshot)),
            (Some("action="), First(Stream)),
        ] {
            assert_eq!(Page.in_detail(query), want, "{query:?}");
        }
    }
}
