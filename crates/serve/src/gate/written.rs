//! Values that the operator writes, each checked by itself.

use std::str::FromStr;

use axum::http::{HeaderValue, Uri, uri::Authority};

/// A name by which the server is called, in lower case and without a port; `*` is any.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostName(pub(super) String);

/// The origin of a page: scheme, name, and the port unless it is the scheme's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin(pub(super) HeaderValue);

/// Who may put the page into a frame: one source of `frame-ancestors`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FrameAncestor(pub(super) String);

impl FromStr for HostName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let name = text.trim().trim_end_matches('.').to_ascii_lowercase();
        let is_name = name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'));
        if name == "*" || (is_name && !name.is_empty()) {
            Ok(Self(name))
        } else {
            Err(format!(
                "`{text}` is no name: expected something like `door.example.org`, without `http://` and port"
            ))
        }
    }
}

impl FromStr for Origin {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let origin = text.trim().trim_end_matches('/').to_ascii_lowercase();
        let parts = origin.split_once("://").and_then(|(scheme, rest)| {
            let authority: Authority = rest.parse().ok()?;
            let port = authority.port_u16();
            let is_default = matches!((scheme, port), ("http", Some(80)) | ("https", Some(443)));
            let is_right = matches!(scheme, "http" | "https")
                && !authority.as_str().contains(['@', '*'])
                && !authority.as_str().ends_with(':');
            let port = port.filter(|_| !is_default);
            let port = port.map(|port| format!(":{port}")).unwrap_or_default();
            is_right.then(|| format!("{scheme}://{}{port}", authority.host()))
        });
        let value = parts.and_then(|origin| HeaderValue::from_str(&origin).ok());
        value.map(Self).ok_or_else(|| {
            format!("`{text}` is no origin: expected something like `https://panel.example.org` or `http://192.168.1.5:8123`")
        })
    }
}

impl FromStr for FrameAncestor {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let source = text.trim().trim_matches('\'');
        match source {
            "self" | "none" => Ok(Self(format!("'{source}'"))),
            "*" => Ok(Self("*".to_owned())),
            _ => {
                let is_origin = source.parse::<Uri>().is_ok_and(|uri| {
                    matches!(uri.scheme_str(), Some("http" | "https"))
                        && matches!(uri.path(), "" | "/")
                        && uri.query().is_none()
                });
                // Either would begin another directive, or another policy.
                if is_origin && !source.contains([';', ',', ' ', '@']) {
                    Ok(Self(source.trim_end_matches('/').to_owned()))
                } else {
                    Err(format!(
                        "`{text}` is none: expected `self`, `none`, `*` or something like `https://home.example.org:8123`"
                    ))
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_names() {
        let name = |text: &str| text.parse::<HostName>().map(|name| name.0).ok();
        assert_eq!(name("Door.Example.").as_deref(), Some("door.example"));
        assert_eq!(name("*").as_deref(), Some("*"));
        for text in [
            "",
            "http://door.example",
            "door.example:80",
            "a b",
            "*.example",
            "ä",
        ] {
            assert_eq!(name(text), None, "{text}");
        }
    }

    #[test]
    fn origins_are_written_as_browsers_send_them() {
        let origin = |text: &str| {
            let origin = text.parse::<Origin>().ok()?;
            Some(origin.0.to_str().unwrap().to_owned())
        };
        for (text, want) in [
            ("https://Panel.example", Some("https://panel.example")),
            ("https://panel.example/", Some("https://panel.example")),
            ("https://panel.example:443", Some("https://panel.example")),
            ("http://192.168.1.5:8123", Some("http://192.168.1.5:8123")),
            ("http://[fd00::1]:80", Some("http://[fd00::1]")),
            ("*", None),
            ("null", None),
            ("panel.example", None),
            ("https://*.example", None),
            ("https://me@panel.example", None),
            ("https://panel.example/path", None),
            ("ftp://panel.example", None),
            ("https://panel.example:", None),
            ("https://", None),
        ] {
            assert_eq!(origin(text).as_deref(), want, "{text}");
        }
    }

    #[test]
    fn nothing_slips_into_the_policy_beside_an_ancestor() {
        let source = |text: &str| text.parse::<FrameAncestor>().map(|source| source.0).ok();
        for (text, want) in [
            ("self", Some("'self'")),
            ("'none'", Some("'none'")),
            ("*", Some("*")),
            (
                "https://home.example:8123/",
                Some("https://home.example:8123"),
            ),
            ("https://*.example", Some("https://*.example")),
            ("home.example", None),
            ("https://home.example; script-src *", None),
            ("https://home.example;script-src", None),
            ("https://home.example,x", None),
            ("https://home.example/path", None),
            ("javascript:alert(1)", None),
            ("", None),
        ] {
            assert_eq!(source(text).as_deref(), want, "{text}");
        }
    }
}
