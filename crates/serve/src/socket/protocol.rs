//! The messages of a socket. `docs/websocket.md` is this file in words.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use media::Frame;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;
use utoipa::ToSchema;

/// How pictures are sent.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, PartialEq, Eq, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Format {
    /// Binary messages; see `media::message` for their head.
    Binary,
    /// JSON, as the old server did: `{"type":"frame","data":"<base64>"}`.
    Base64,
}

impl Format {
    pub(super) fn message(self, frame: &Frame) -> Message {
        match self {
            Self::Binary => Message::Binary(frame.message()),
            Self::Base64 => {
                let (width_px, height_px) = frame.dimensions().unwrap_or_default();
                let text = json!({
                    "type": "frame",
                    "sequence": frame.seq,
                    "captured_us": frame.captured.0,
                    "width_px": width_px,
                    "height_px": height_px,
                    "placeholder": frame.is_placeholder,
                    "data": STANDARD.encode(frame.bytes()),
                });
                Message::Text(text.to_string().into())
            }
        }
    }
}

/// What a client says. `id` comes back with the answer, whatever it is.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase", deny_unknown_fields)]
pub(super) enum Request {
    /// Set something. `action` is the name of a control, `set` with several of them, `preset` or `reset`.
    Control {
        #[serde(default)]
        id: Value,
        camera: Option<String>,
        action: String,
        #[serde(default)]
        value: Value,
    },
    /// Send pictures from now on.
    Subscribe {
        #[serde(default)]
        id: Value,
        camera: Option<String>,
        frames: Option<Format>,
        /// As `?width=`, `?quality=` and `?fps=` of a stream.
        width: Option<u32>,
        quality: Option<u8>,
        fps: Option<f32>,
        adapt: Option<bool>,
    },
    /// Send none any more.
    Unsubscribe {
        #[serde(default)]
        id: Value,
    },
    /// What time is it? By `sent_ms`, which comes back, a client learns how far its clock is off.
    Clock {
        #[serde(default)]
        id: Value,
        #[serde(default)]
        sent_ms: Value,
    },
}

impl Request {
    /// # Errors
    /// Says what was expected, with the message's `id` if it has one.
    pub(super) fn read(text: &str) -> Result<Self, (Value, String)> {
        serde_json::from_str(text).map_err(|error| {
            let id = serde_json::from_str::<Value>(text)
                .ok()
                .and_then(|mut message| message.get_mut("id").map(Value::take));
            (id.unwrap_or_default(), error.to_string())
        })
    }
}

/// The answer to a request that was understood.
pub(super) fn done(id: Value, to: &str, mut more: Value) -> Message {
    if let Some(fields) = more.as_object_mut() {
        fields.insert("type".into(), "answer".into());
        fields.insert("to".into(), to.into());
        fields.insert("id".into(), id);
        fields.insert("ok".into(), true.into());
    }
    Message::Text(more.to_string().into())
}

/// The answer to a request that cannot be done.
pub(super) fn refused(id: Value, to: Option<&str>, error: &str) -> Message {
    let text = json!({"type": "answer", "to": to, "id": id, "ok": false, "error": error});
    Message::Text(text.to_string().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_read_strictly() {
        assert!(matches!(
            Request::read(r#"{"type":"control","action":"zoom","value":2}"#),
            Ok(Request::Control { id: Value::Null, camera: None, action, value }) if action == "zoom" && value == 2
        ));
        let check = |text: &str, id: Value, want: &str| {
            let (got, error) = Request::read(text).unwrap_err();
            assert_eq!(got, id, "{text}");
            assert!(error.contains(want), "{text}: {error}");
        };
        check("", Value::Null, "EOF");
        check(
            r#"{"type":"shell","id":7}"#,
            json!(7),
            "unknown variant `shell`",
        );
        check(
            r#"{"type":"control","id":"a"}"#,
            json!("a"),
            "missing field `action`",
        );
        check(
            r#"{"type":"subscribe","fraems":"binary"}"#,
            Value::Null,
            "fraems",
        );
        check(
            r#"{"type":"subscribe","frames":"gif"}"#,
            Value::Null,
            "unknown variant `gif`",
        );
        let deep = format!(
            r#"{{"type":"control","action":"x","value":{}"#,
            "[".repeat(3000)
        );
        check(&deep, Value::Null, "recursion limit");
    }
}
