//! `server.base_path`: the same routes below a path, for a reverse proxy that does not strip it.

use std::borrow::Cow;

use axum::http::Uri;

/// What to do with an address.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Below the base: the address without it.
    Below(Uri),
    /// The base itself without a slash behind it: relative addresses on the page would miss it.
    NeedsSlash(String),
    /// Elsewhere; a proxy may have taken the base off already.
    Elsewhere,
}

/// Where `uri` lies; `base` is like `/webcam`.
pub(crate) fn locate(uri: &Uri, base: &str) -> Place {
    let Some(rest) = uri
        .path_and_query()
        .and_then(|path| path.as_str().strip_prefix(base))
    else {
        return Place::Elsewhere;
    };
    let rest = match rest.as_bytes().first() {
        None => return Place::NeedsSlash(format!("{base}/")),
        Some(b'/') => Cow::Borrowed(rest),
        // mjpg-streamer's clients do without the slash, and cannot follow.
        Some(b'?') => Cow::Owned(format!("/{rest}")),
        Some(_) => return Place::Elsewhere,
    };
    rest.parse().map_or(Place::Elsewhere, Place::Below)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_base_is_taken_off() {
        for (path, want) in [
            ("/webcam/", Some("/")),
            ("/webcam?action=stream", Some("/?action=stream")),
            ("/webcam/?action=stream", Some("/?action=stream")),
            ("/webcam/stream", Some("/stream")),
            ("/webcams/stream", None),
            ("/stream", None),
        ] {
            let want = want.map_or(Place::Elsewhere, |uri| Place::Below(uri.parse().unwrap()));
            assert_eq!(locate(&path.parse().unwrap(), "/webcam"), want, "{path}");
        }
        assert_eq!(
            locate(&Uri::from_static("/webcam"), "/webcam"),
            Place::NeedsSlash("/webcam/".to_owned())
        );
    }
}
