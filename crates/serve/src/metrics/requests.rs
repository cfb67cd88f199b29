//! Answers by route, method and status. Words are ours, never the client's: whatever is asked for, there are no more series
//! than routes, methods and statuses.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use axum::{
    extract::{MatchedPath, Request, State},
    http::{Method, StatusCode},
    middleware::Next,
    response::Response,
};

use super::Counts;
use crate::access::route_of;

/// What is no route, no method and no status that we know.
const OTHER: &str = "other";

/// Route, method and status.
pub(super) type Kind = (&'static str, &'static str, &'static str);

/// Answers since the server started.
#[derive(Debug, Default)]
pub(super) struct Requests(Mutex<BTreeMap<Kind, u64>>);

impl Requests {
    fn count(&self, kind: Kind) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.entry(kind).or_default() += 1;
    }

    pub(super) fn read(&self) -> Vec<(Kind, u64)> {
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts.iter().map(|(kind, count)| (*kind, *count)).collect()
    }
}

/// Stands around everything else, so that what is refused on the way is counted too. A stream is counted when it begins.
pub(crate) async fn count(
    State(counts): State<Arc<Counts>>,
    request: Request,
    next: Next,
) -> Response {
    let route = request.extensions().get::<MatchedPath>();
    let route = route
        .and_then(|path| route_of(path.as_str()))
        .unwrap_or(OTHER);
    let method = method(request.method());
    let response = next.run(request).await;
    counts
        .requests
        .count((route, method, status(response.status())));
    response
}

fn method(method: &Method) -> &'static str {
    const KNOWN: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
    let known = KNOWN.into_iter().find(|known| *known == method.as_str());
    known.unwrap_or(OTHER)
}

/// Those that this server gives.
fn status(status: StatusCode) -> &'static str {
    const KNOWN: [&str; 29] = [
        "101", "200", "201", "202", "204", "206", "303", "304", "307", "308", "400", "401", "403",
        "404", "405", "406", "408", "409", "411", "412", "413", "415", "421", "422", "426", "429",
        "500", "503", "507",
    ];
    let known = KNOWN.into_iter().find(|known| *known == status.as_str());
    known.unwrap_or(OTHER)
}
