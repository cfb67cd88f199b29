//! The page, embedded in the binary and compressed when it was built.

use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use rust_embed::{EmbeddedFile, RustEmbed};

use crate::problem::{Named, Problem};

/// What `npm run build` made. Empty where the page was not built; the server then says so.
#[derive(RustEmbed)]
#[folder = "../../web/dist"]
#[allow_missing = true]
struct Files;

/// The page itself.
pub(crate) fn index(headers: &HeaderMap) -> Response {
    file("index.html", headers).unwrap_or_else(|| {
        const TEXT: &str = "The page was not built into this server (`make build` does it). \
                            The stream is at /stream, the newest picture at /snapshot.\n";
        (StatusCode::OK, TEXT).into_response()
    })
}

/// Anything else of the page. Names are looked up in a table; no path is built from them.
pub(crate) async fn asset(Named(name): Named<String>, headers: HeaderMap) -> Response {
    let found = if name.ends_with(".br") || name.ends_with(".gz") {
        None
    } else {
        // `/login` is `login.html`: addresses for people have no ending.
        file(&name, &headers).or_else(|| file(&format!("{name}.html"), &headers))
    };
    found.unwrap_or_else(|| {
        Problem::new(StatusCode::NOT_FOUND, "There is nothing at this address.").into_response()
    })
}

fn file(name: &str, headers: &HeaderMap) -> Option<Response> {
    let (plain, is_packed) = match Files::get(name) {
        Some(plain) => (plain, false),
        None => (Files::get(&format!("{name}.gz"))?, true),
    };
    let etag = etag(&plain);
    let mut response = if headers
        .get(header::IF_NONE_MATCH)
        .is_some_and(|tag| *tag == etag)
    {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let kind = match name.rsplit_once('.') {
            // The table knows what a file is called, and here that is not what is in it.
            Some((_, "js")) if is_packed => "text/javascript",
            Some((_, "css")) if is_packed => "text/css",
            _ => plain.metadata.mimetype(),
        };
        let kind = HeaderValue::from_str(kind).ok()?;
        let (encoding, file) = match compressed(name, headers) {
            Some(found) => found,
            None if is_packed => {
                let detail = "This file is here only with `Content-Encoding: gzip`.";
                return Some(Problem::new(StatusCode::NOT_ACCEPTABLE, detail).into_response());
            }
            None => (None, plain),
        };
        let bytes = match file.data {
            std::borrow::Cow::Borrowed(bytes) => Bytes::from_static(bytes),
            std::borrow::Cow::Owned(bytes) => Bytes::from(bytes),
        };
        let mut response = Response::new(Body::from(bytes));
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        if let Some(encoding) = encoding {
            response
                .headers_mut()
                .insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
        }
        response
    };
    // Built assets carry a hash in their name; the page that names them does not.
    let forever = name.starts_with("assets/");
    let cache = if forever {
        "public, max-age=31536000, immutable"
    } else {
        "no-cache"
    };
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    headers.insert(header::ETAG, etag);
    Some(response)
}

fn compressed(name: &str, headers: &HeaderMap) -> Option<(Option<&'static str>, EmbeddedFile)> {
    let accepted = headers.get(header::ACCEPT_ENCODING)?.to_str().ok()?;
    let accepts = |coding: &str| {
        accepted.split(',').any(|item| {
            let mut words = item.split(';').map(str::trim);
            words.next() == Some(coding) && !words.any(|q| matches!(q, "q=0" | "q=0.0"))
        })
    };
    [("br", "br"), ("gzip", "gz")]
        .into_iter()
        .filter(|(coding, _)| accepts(coding))
        .find_map(|(coding, ending)| Some((Some(coding), Files::get(&format!("{name}.{ending}"))?)))
}

fn etag(file: &EmbeddedFile) -> HeaderValue {
    let hash = file.metadata.sha256_hash();
    let hex: String = hash[..12]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    HeaderValue::from_str(&format!("\"{hex}\"")).expect("hexadecimal digits in quotes")
}
