//! Headers that tell browsers what may be done with an answer: on every answer, from one place.

use axum::{
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::Response,
};

/// For the page and its files: nothing from elsewhere, nothing inline.
const PAGE: &str = "default-src 'none'; script-src 'self'; worker-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                    manifest-src 'self'; font-src 'self'; base-uri 'none'; form-action 'self'; \
                    require-trusted-types-for 'script'; ";
/// For answers that are no page.
const NOTHING: &str = "default-src 'none'; base-uri 'none'; form-action 'none'; ";
/// For pictures. A browser makes a page of its own around one, with styles of its own; a part of a stream that claims to
/// be a page may do nothing.
const PICTURE: &str = "sandbox; script-src 'none'; ";
/// What the page has no use for.
const PERMISSIONS: &str = "accelerometer=(), autoplay=(self), camera=(), display-capture=(), fullscreen=(self), \
                           geolocation=(), gyroscope=(), magnetometer=(), microphone=(), midi=(), payment=(), usb=()";

const PERMISSIONS_POLICY: HeaderName = HeaderName::from_static("permissions-policy");
const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// The headers that depend on the configuration, made once.
#[derive(Debug)]
pub(super) struct Dress {
    page: HeaderValue,
    nothing: HeaderValue,
    pictures: HeaderValue,
    frame_options: Option<HeaderValue>,
}

impl Dress {
    /// `ancestors` are sources of `frame-ancestors`, checked.
    pub(super) fn new(ancestors: &[String]) -> Self {
        let ancestors = ancestors.join(" ");
        let policy = |rest: &str| {
            HeaderValue::from_str(&format!("{rest}frame-ancestors {ancestors}"))
                .expect("the configuration was checked")
        };
        Self {
            page: policy(PAGE),
            nothing: policy(NOTHING),
            pictures: policy(PICTURE),
            // The older header knows nobody else.
            frame_options: match &*ancestors {
                "'self'" => Some(HeaderValue::from_static("SAMEORIGIN")),
                "'none'" => Some(HeaderValue::from_static("DENY")),
                _ => None,
            },
        }
    }

    pub(super) fn put_on(&self, response: &mut Response) {
        let kind = Kind::of(response);
        let headers = response.headers_mut();
        let policy = match kind {
            Kind::Picture => &self.pictures,
            Kind::Page => &self.page,
            Kind::Words => &self.nothing,
        };
        headers.insert(header::CONTENT_SECURITY_POLICY, policy.clone());
        if let Some(options) = &self.frame_options {
            headers.insert(header::X_FRAME_OPTIONS, options.clone());
        }
        // Pages elsewhere show pictures (Home Assistant, OctoPrint), and have no use for anything else.
        let resource_policy = match kind {
            Kind::Picture => "cross-origin",
            Kind::Page | Kind::Words => "same-origin",
        };
        for (name, value) in [
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (header::REFERRER_POLICY, "no-referrer"),
            (PERMISSIONS_POLICY, PERMISSIONS),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        // What a handler knows to be private stays so.
        headers
            .entry(RESOURCE_POLICY)
            .or_insert(HeaderValue::from_static(resource_policy));
    }
}

/// What an answer is to a browser.
enum Kind {
    /// A picture of a camera, or a stream of them.
    Picture,
    /// The page or one of its files.
    Page,
    Words,
}

impl Kind {
    fn of(response: &Response) -> Self {
        // Only files of the page are asked for again, and a browser puts these headers in place of the ones it kept.
        if response.status() == StatusCode::NOT_MODIFIED {
            return Self::Page;
        }
        let kind = response.headers().get(header::CONTENT_TYPE);
        let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or("");
        match kind.split(';').next().unwrap_or_default().trim() {
            "image/jpeg" | "multipart/x-mixed-replace" => Self::Picture,
            "" | "application/json" | "application/problem+json" | "text/plain" => Self::Words,
            _ => Self::Page,
        }
    }
}
