//! What people bring to the 3D view: models, a background, a floor plan, and where the cameras stand.

mod glb;
mod hdr;
mod plan;
mod shelf;
mod site;

use std::{io, path::PathBuf, sync::Arc, time::Duration};

use accounts::Action;
use axum::{
    Json,
    body::Body,
    extract::State,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use http_body_util::BodyExt as _;
use serde::Serialize;
use tokio::{
    sync::{Mutex, OwnedMutexGuard},
    task::spawn_blocking,
    time::timeout,
};
use tokio_util::io::ReaderStream;
use tracing::warn;
use utoipa::ToSchema;

use crate::{
    access::Visa,
    body::Fields,
    problem::{Named, Problem},
    state::App,
};

use shelf::{Piece, Shelf, Trouble};
use site::Site;

const SITE_FILE: &str = "site.json";
/// More than the bounds of a site allow.
const SITE_BYTES: u64 = 256 * 1024;
/// Bytes that are written to the disk at once.
const WRITTEN_BYTES: usize = 256 * 1024;
/// A body has to be there within this time, however steadily it comes.
const PATIENCE: Duration = Duration::from_secs(15 * 60);

/// The folder, and whose turn it is to write to it.
#[derive(Debug)]
pub(crate) struct Three {
    shelf: Shelf,
    writing: Arc<Mutex<()>>,
}

impl Three {
    pub(crate) fn new(folder: PathBuf) -> Arc<Self> {
        Arc::new(Self {
            shelf: Shelf::new(folder),
            writing: Arc::default(),
        })
    }

    fn turn(&self) -> Result<OwnedMutexGuard<()>, Problem> {
        self.writing.clone().try_lock_owned().map_err(|_| {
            let detail = "Something else is just being uploaded. Try again in a moment.";
            Problem::new(StatusCode::CONFLICT, detail)
        })
    }

    /// Works with the folder, on a thread that may wait for the disk.
    async fn on_disk<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Shelf) -> Result<T, Trouble> + Send + 'static,
    ) -> Result<T, Problem> {
        let shelf = self.shelf.clone();
        let done = spawn_blocking(move || work(&shelf)).await;
        done.unwrap_or_else(|error| Err(io::Error::other(error).into()))
            .map_err(Problem::from)
    }

    async fn site(&self) -> Result<Site, Problem> {
        self.on_disk(|shelf| {
            let Some(text) = shelf.read(SITE_FILE, SITE_BYTES)? else {
                return Ok(Site::default());
            };
            serde_json::from_slice(&text).map_err(|error| io::Error::from(error).into())
        })
        .await
    }
}

impl From<Trouble> for Problem {
    fn from(trouble: Trouble) -> Self {
        let error = match trouble {
            Trouble::Unusable(why) => return Self::new(StatusCode::UNPROCESSABLE_ENTITY, why),
            Trouble::Io(error) => error,
        };
        warn!(%error, "the folder of the 3D view (`server.data_dir`) cannot be used");
        match error.kind() {
            io::ErrorKind::StorageFull
            | io::ErrorKind::QuotaExceeded
            | io::ErrorKind::FileTooLarge => Self::new(
                StatusCode::INSUFFICIENT_STORAGE,
                "The server's disk is full; nothing was changed. Make room on it.",
            ),
            _ => Self::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "The server cannot use its folder for this; its log says why. Nothing was changed.",
            ),
        }
    }
}

/// What was brought.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ThreeView {
    /// Everything there is; what is not named has its default.
    pieces: Vec<PieceView>,
}

/// A file.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PieceView {
    /// `model`, `background`, `house` or `plan`.
    #[schema(example = "model")]
    name: &'static str,
    /// Its length.
    bytes: u64,
    /// Another one when the file is another one.
    version: String,
}

fn named(name: &str) -> Result<Piece, Problem> {
    let piece = Piece::ALL.into_iter().find(|piece| piece.name() == name);
    piece.ok_or_else(|| {
        let detail = "There is `model`, `background`, `house` and `plan`.";
        Problem::new(StatusCode::NOT_FOUND, detail)
    })
}

/// What was brought to the 3D view.
#[utoipa::path(get, path = "/api/v1/three", tag = "three", operation_id = "three", responses((status = 200, body = ThreeView)))]
pub(crate) async fn all(State(app): State<App>) -> Result<Json<ThreeView>, Problem> {
    let find = |shelf: &Shelf| {
        let mut pieces = Vec::new();
        for piece in Piece::ALL {
            if let Some(found) = shelf.find(piece)? {
                pieces.push(PieceView {
                    name: piece.name(),
                    bytes: found.bytes,
                    version: found.version,
                });
            }
        }
        Ok(ThreeView { pieces })
    };
    app.three.on_disk(find).await.map(Json)
}

/// A file of the 3D view.
///
/// `model` (GLB), `background` (HDR), `house` (GLB) or `plan` (PNG or JPEG), as it was brought.
#[utoipa::path(
    get,
    path = "/api/v1/three/{name}",
    tag = "three",
    operation_id = "three_piece",
    params(("name" = String, Path, description = "`model`, `background`, `house` or `plan`")),
    responses(
        (status = 200, description = "The file", content(([u8] = "model/gltf-binary"), ([u8] = "image/vnd.radiance"), ([u8] = "image/png"), ([u8] = "image/jpeg"))),
        (status = 204, description = "There is none: the page has its own"),
        (status = 304, description = "The one that `If-None-Match` names"),
        (status = 404, description = "No such name", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn piece(
    State(app): State<App>,
    Named(name): Named<String>,
    asked: HeaderMap,
) -> Result<Response, Problem> {
    let piece = named(&name)?;
    let found = app
        .three
        .on_disk(move |shelf| Ok(shelf.find(piece)?))
        .await?;
    let Some(found) = found else {
        return Ok(StatusCode::NO_CONTENT.into_response());
    };
    let tag = HeaderValue::from_str(&format!("\"{}\"", found.version))
        .expect("hexadecimal digits in quotes");
    let mut response = if asked.get(header::IF_NONE_MATCH) == Some(&tag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let file = tokio::fs::File::from_std(found.file);
        let mut response = Response::new(Body::from_stream(ReaderStream::with_capacity(
            file,
            64 * 1024,
        )));
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(found.kind));
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(found.bytes));
        response
    };
    let headers = response.headers_mut();
    headers.insert(header::ETAG, tag);
    let cache = HeaderValue::from_static("private, no-cache");
    headers.insert(header::CACHE_CONTROL, cache);
    // A plan of somebody's house is no picture of a camera that other pages may show.
    headers.insert(
        HeaderName::from_static("cross-origin-resource-policy"),
        HeaderValue::from_static("same-origin"),
    );
    Ok(response)
}

/// Bring a file to the 3D view.
///
/// A GLB of at most 32 MB in one file and without compression (`model`: the picture is shown on the mesh of a node named `Screen`, or
/// on the sixth material of a mesh with several), a Radiance HDR of at most 16 MB and 4096 x 2048 pixels, a PNG or JPEG of at most
/// 8 MB and 8192 x 8192 pixels.
#[utoipa::path(
    put,
    path = "/api/v1/three/{name}",
    tag = "three",
    operation_id = "bring_three_piece",
    params(("name" = String, Path, description = "`model`, `background`, `house` or `plan`")),
    request_body(content = [u8], content_type = "application/octet-stream"),
    responses(
        (status = 204, description = "It is there"),
        (status = 400, description = "The body ended early", body = Problem, content_type = "application/problem+json"),
        (status = 404, description = "No such name", body = Problem, content_type = "application/problem+json"),
        (status = 408, description = "The body did not come", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "Another one is just being brought", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "Too large", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "It cannot be used, and why", body = Problem, content_type = "application/problem+json"),
        (status = 500, description = "It could not be kept", body = Problem, content_type = "application/problem+json"),
        (status = 507, description = "The disk is full", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn bring(
    State(app): State<App>,
    Named(name): Named<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<StatusCode, Problem> {
    let piece = named(&name)?;
    let said = headers.get(header::CONTENT_LENGTH);
    let said = said.and_then(|length| length.to_str().ok()?.parse().ok());
    if said.is_some_and(|bytes: u64| bytes > piece.most_bytes()) {
        return Err(too_large(piece));
    }
    let between = app.in_force.load().config.head_timeout;
    let late = |_| Problem::new(StatusCode::REQUEST_TIMEOUT, "The file did not come.");
    timeout(PATIENCE, take(&app.three, piece, body, between))
        .await
        .map_err(late)?
}

fn too_large(piece: Piece) -> Problem {
    let most = piece.most_bytes() >> 20;
    let detail = format!("The file is too large: at most {most} MB are taken.");
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail)
}

async fn take(
    three: &Three,
    piece: Piece,
    mut body: Body,
    between: Duration,
) -> Result<StatusCode, Problem> {
    let turn = three.turn()?;
    let mut draft = three.on_disk(|shelf| Ok(shelf.draft(turn)?)).await?;
    let (mut gathered, mut bytes) = (Vec::with_capacity(WRITTEN_BYTES), 0);
    loop {
        let late = |_| {
            let detail = "The file stopped coming. Send it again.";
            Problem::new(StatusCode::REQUEST_TIMEOUT, detail)
        };
        let frame = timeout(between, body.frame()).await.map_err(late)?;
        let is_end = frame.is_none();
        if let Some(frame) = frame {
            let early = |_| {
                let detail = "The file ended early. Send it again.";
                Problem::new(StatusCode::BAD_REQUEST, detail)
            };
            let Ok(data) = frame.map_err(early)?.into_data() else {
                continue;
            };
            bytes += data.len() as u64;
            if bytes > piece.most_bytes() {
                return Err(too_large(piece));
            }
            gathered.extend_from_slice(&data);
        }
        if gathered.len() >= WRITTEN_BYTES || is_end {
            (draft, gathered) = three
                .on_disk(move |_| {
                    draft.write(&gathered)?;
                    gathered.clear();
                    Ok((draft, gathered))
                })
                .await?;
        }
        if is_end {
            break;
        }
    }
    three.on_disk(move |_| draft.keep(piece)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Take a file of the 3D view away: the page shows its own again.
#[utoipa::path(
    delete,
    path = "/api/v1/three/{name}",
    tag = "three",
    operation_id = "remove_three_piece",
    params(("name" = String, Path, description = "`model`, `background`, `house` or `plan`")),
    responses(
        (status = 204, description = "It is gone"),
        (status = 404, description = "No such name", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "Another one is just being brought", body = Problem, content_type = "application/problem+json"),
        (status = 500, description = "It could not be taken away", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn remove(
    State(app): State<App>,
    Named(name): Named<String>,
) -> Result<StatusCode, Problem> {
    let piece = named(&name)?;
    let turn = app.three.turn()?;
    app.three
        .on_disk(move |shelf| {
            let _turn = turn;
            Ok(shelf.remove(piece)?)
        })
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What stands where on the site: of the cameras that one may see.
#[utoipa::path(
    get,
    path = "/api/v1/three/site",
    tag = "three",
    operation_id = "site",
    responses(
        (status = 200, body = Site),
        (status = 500, description = "It could not be read", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn site(State(app): State<App>, visa: Visa) -> Result<Json<Site>, Problem> {
    let site = app.three.site().await?;
    Ok(Json(site.seen_by(|camera| visa.may(Action::See, camera))))
}

/// Change what stands where.
#[utoipa::path(
    put,
    path = "/api/v1/three/site",
    tag = "three",
    operation_id = "change_site",
    request_body(content = Site, content_type = "application/json"),
    responses(
        (status = 200, description = "What holds now", body = Site),
        (status = 400, description = "No JSON object", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "Somebody else has changed it since", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "More than 16 KiB", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "Not sent as JSON", body = Problem, content_type = "application/problem+json"),
        (status = 422, description = "Something cannot be so", body = Problem, content_type = "application/problem+json"),
        (status = 500, description = "It could not be kept", body = Problem, content_type = "application/problem+json"),
        (status = 507, description = "The disk is full", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(crate) async fn change_site(
    State(app): State<App>,
    visa: Visa,
    Fields(wanted): Fields<Site>,
) -> Result<Json<Site>, Problem> {
    let turn = app.three.turn()?;
    let may_see = |camera: &str| visa.may(Action::See, camera);
    let site = wanted.in_place_of(app.three.site().await?, may_see)?;
    let text = serde_json::to_vec_pretty(&site)
        .map_err(|error| Problem::from(Trouble::Io(io::Error::from(error))))?;
    app.three
        .on_disk(move |shelf| {
            let mut draft = shelf.draft(turn)?;
            draft.write(&text)?;
            Ok(draft.put(SITE_FILE)?)
        })
        .await?;
    Ok(Json(site.seen_by(may_see)))
}
