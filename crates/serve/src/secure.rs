//! How an encrypted connection begins, and what is said on one that should be encrypted and is not.

use std::{future::poll_fn, pin::pin, sync::Arc, task::Poll, time::Duration};

use axum::http::{HeaderMap, HeaderValue, header};
use tls::Tls;
use tokio::{net::TcpStream, time::timeout};
use tracing::debug;

use crate::{Config, farewell::Ear, redirect, viewers::Fate, wire::Wire};

/// The first byte of a TLS connection: the type of its first record. RFC 8446 clause 5.1.
const HANDSHAKE: u8 = 22;
/// Half a year without plain HTTP, for browsers that saw the certificate.
const INSIST: HeaderValue = HeaderValue::from_static("max-age=15552000");
/// For whoever speaks plain HTTP to the encrypted port.
const PLAIN_TIMEOUT: Duration = Duration::from_secs(5);

/// The encrypted connection, if there comes to be one in time and before the server stops. Whoever speaks plain HTTP
/// is told where to go.
pub(crate) async fn greet(
    socket: TcpStream,
    tls: &Tls,
    config: &Config,
    fate: &Arc<Fate>,
    ear: &mut Ear,
) -> Option<Wire> {
    let greeting = async {
        let mut first = [0];
        if socket.peek(&mut first).await.ok()? == 0 {
            return None;
        }
        if first[0] == HANDSHAKE {
            let config = (tls.server_config(), config.viewer_timeout);
            return match Wire::secure(socket, config.0, config.1, fate.clone()).await {
                Ok(wire) => wire,
                Err(error) => {
                    debug!(%error, "no handshake");
                    None
                }
            };
        }
        let https_port = socket.local_addr().ok()?.port();
        let patience = config.head_timeout.min(PLAIN_TIMEOUT);
        redirect::answer(socket, tls, https_port, patience).await;
        None
    };
    let mut greeting = pin!(timeout(config.head_timeout, greeting));
    poll_fn(|cx| match greeting.as_mut().poll(cx) {
        Poll::Ready(greeted) => Poll::Ready(greeted.ok().flatten()),
        Poll::Pending if ear.heard(cx) => Poll::Ready(None),
        Poll::Pending => Poll::Pending,
    })
    .await
}

/// Has browsers use nothing but HTTPS from now on. Not with a certificate for which they need an exception: with this
/// header they allow none, and the owner of the server would be locked out.
pub(crate) fn insist(tls: &Tls, headers: &mut HeaderMap) {
    if tls.is_vouched_for() {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, INSIST);
    }
}
