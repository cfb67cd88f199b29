//! What the audit log says of each thing that can be done.

use axum::{
    http::Method,
    response::{IntoResponse, IntoResponseParts, Response, ResponseParts},
};

/// More about what was done, from the handler to the audit log. Nothing secret.
#[derive(Clone, Debug)]
pub(crate) struct Detail(pub(crate) String);

impl IntoResponseParts for Detail {
    type Error = std::convert::Infallible;

    fn into_response_parts(self, mut parts: ResponseParts) -> Result<ResponseParts, Self::Error> {
        parts.extensions_mut().insert(self);
        Ok(parts)
    }
}

impl IntoResponse for Detail {
    fn into_response(self) -> Response {
        (self, ()).into_response()
    }
}

/// Logging in and setting up are told of by themselves: nobody is logged in before.
const WORDS: &[(&str, &str, &str)] = &[
    ("POST", "/api/v1/cameras", "camera added"),
    ("PATCH", "/api/v1/cameras/{id}", "camera changed"),
    ("DELETE", "/api/v1/cameras/{id}", "camera removed"),
    ("POST", "/api/v1/cameras/{id}/restart", "camera restarted"),
    ("PATCH", "/api/v1/cameras/{id}/controls", "controls set"),
    ("DELETE", "/api/v1/cameras/{id}/controls", "controls set"),
    ("PUT", "/api/v1/cameras/{id}/presets/{name}", "preset kept"),
    (
        "DELETE",
        "/api/v1/cameras/{id}/presets/{name}",
        "preset removed",
    ),
    (
        "POST",
        "/api/v1/cameras/{id}/presets/{name}/apply",
        "controls set",
    ),
    ("PUT", "/api/v1/config", "configuration changed"),
    ("POST", "/api/v1/config/check", "configuration checked"),
    (
        "POST",
        "/api/v1/config/backups/{id}/restore",
        "configuration restored",
    ),
    ("GET", "/api/v1/config/export", "configuration exported"),
    ("POST", "/api/v1/camera-test", "camera tested"),
    ("DELETE", "/api/v1/viewers/{id}", "viewer ended"),
    ("DELETE", "/api/v1/session", "logged out"),
    ("DELETE", "/api/v1/sessions/{id}", "session ended"),
    ("PUT", "/api/v1/account/password", "password changed"),
    ("POST", "/api/v1/tokens", "token made"),
    ("DELETE", "/api/v1/tokens/{id}", "token revoked"),
    ("POST", "/api/v1/links", "link made"),
    ("DELETE", "/api/v1/links/{id}", "link revoked"),
    ("POST", "/api/v1/users", "user added"),
    ("PUT", "/api/v1/users/{id}", "user changed"),
    ("DELETE", "/api/v1/users/{id}", "user removed"),
    ("GET", "/api/v1/audit/export", "audit log exported"),
    ("PUT", "/api/v1/three/{name}", "3D file brought"),
    ("DELETE", "/api/v1/three/{name}", "3D file removed"),
    ("PUT", "/api/v1/three/site", "site changed"),
    ("PUT", "/api/v1/logs/levels", "log levels set"),
];

/// The word for this route. What changes something and has none is `changed`.
pub(super) fn word(method: &Method, path: &str) -> Option<&'static str> {
    let line = WORDS
        .iter()
        .find(|(m, p, _)| *m == method.as_str() && *p == path);
    let word = line.map(|(_, _, word)| *word);
    word.or((method != Method::GET && !OWN.contains(&path)).then_some("changed"))
}

/// Handlers that say more than this could.
const OWN: [&str; 2] = ["/api/v1/setup", "/api/v1/session"];

#[cfg(test)]
mod tests {
    use super::{super::rules::RULES, *};

    #[test]
    fn whatever_changes_something_has_a_word_of_its_own() {
        for (method, path, _) in RULES {
            let method: Method = method.parse().unwrap();
            let is_own = method == Method::POST && OWN.contains(path);
            if method != Method::GET && !is_own {
                let word = word(&method, path);
                assert!(
                    word.is_some_and(|word| word != "changed"),
                    "{method} {path}: {word:?}"
                );
            }
        }
        for (method, path, _) in WORDS {
            let is_there = RULES.iter().any(|(m, p, _)| m == method && p == path);
            assert!(is_there, "{method} {path} is no route");
        }
        let of = |method: Method| word(&method, "/api/v1/session");
        assert_eq!(
            (of(Method::POST), of(Method::DELETE)),
            (None, Some("logged out"))
        );
        assert_eq!(word(&Method::POST, "/api/v1/new"), Some("changed"));
        assert_eq!(word(&Method::GET, "/api/v1/cameras"), None);
    }
}
