//! `server.base_path`: the same routes below a path, for a reverse proxy that does not strip it.

use std::borrow::Cow;

use axum::http::Uri;

/// The path and query without the base, if the base is there. A proxy may have taken it off already.
pub(crate) fn strip(uri: &Uri, base: &str) -> Option<Uri> {
    let rest = uri.path_and_query()?.as_str().strip_prefix(base)?;
    let rest = match rest.as_bytes().first() {
        None => Cow::Borrowed("/"),
        Some(b'/') => Cow::Borrowed(rest),
        Some(b'?') => Cow::Owned(format!("/{rest}")),
        Some(_) => return None,
    };
    rest.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_base_is_taken_off() {
        for (path, want) in [
            ("/webcam", Some("/")),
            ("/webcam/", Some("/")),
            ("/webcam?action=stream", Some("/?action=stream")),
            ("/webcam/?action=stream", Some("/?action=stream")),
            ("/webcam/stream", Some("/stream")),
            ("/webcams/stream", None),
            ("/stream", None),
        ] {
            let got = strip(&path.parse().unwrap(), "/webcam").map(|uri| uri.to_string());
            assert_eq!(got.as_deref(), want, "{path}");
        }
    }
}
