//! Network cameras that speak RTSP: JPEG as it is, H.264 and H.265 through ffmpeg.
//!
//! The login is made here, so no other process ever sees it. Everything goes over the one TCP connection that was
//! checked: what the camera names as addresses of its streams is asked for there, and nowhere else.
//!
//! The library sets no limit to the length of a message or of an access unit, so it is connected through a [`Relay`],
//! which does.

use std::{fmt, net::SocketAddr, time::Duration};

use futures_util::StreamExt as _;
use media::jpeg::{self, Dropped, Splitter};
use retina::{
    client::{
        Credentials, Demuxed, Described, PlayOptions, Session, SessionIdPolicy, SessionOptions,
        SetupOptions, TeardownPolicy, UnassignedChannelDataPolicy,
    },
    codec::{CodecItem, FrameFormat, ParametersRef, VideoFrame},
};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::{
    Failure, Kind, Run, Settings, Sink, Source,
    address::{Address, RtspAddress},
    failure,
    relay::Relay,
    transcoder::{Codec, Transcoder},
};

/// For each question until the stream plays: some cameras start their encoder only then. After it, whoever runs the
/// source watches.
const PATIENCE: Duration = Duration::from_secs(10);
/// RFC 2435 has eight bits for a width or height, in units of eight pixels.
const JPEG_MAX_PX: u32 = 2040;

/// What may come for one answer or one frame, beyond the largest frame twice: packets that were lost, other streams.
const BESIDE_BYTES: usize = 1 << 20;

/// What the chosen stream carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Jpeg,
    Coded(Codec),
}

/// A stream that plays.
struct Video {
    demuxed: Demuxed,
    relay: Relay,
    /// Of the chosen stream among those that the camera has.
    index: usize,
    format: Format,
}

/// A network camera.
#[derive(Debug)]
pub(crate) struct Rtsp {
    address: Address,
    settings: Settings,
}

impl Rtsp {
    pub(crate) fn new(RtspAddress(address): RtspAddress, settings: Settings) -> Self {
        Self { address, settings }
    }

    fn failure(&self, kind: Kind, detail: impl fmt::Display) -> Failure {
        Failure::new(kind, format!("{}: {detail}", self.address))
    }

    /// What an error of the library means; `otherwise` if the camera has not answered with a status.
    fn refused(&self, error: &retina::Error, otherwise: Kind) -> Failure {
        let kind = match error.status_code() {
            Some(401 | 403) => Kind::LoginRefused,
            Some(453 | 503) => Kind::Busy,
            Some(_) => Kind::NoVideo,
            None => otherwise,
        };
        match error.status_code() {
            // An answer that is no error and cannot be used.
            Some(200..300) | None => self.failure(kind, self.plain(error)),
            Some(status) => self.failure(kind, format_args!("it answers with {status}")),
        }
    }

    /// The first line of an error, without what may repeat our secrets or fill the log.
    fn plain(&self, error: &retina::Error) -> String {
        let text = error.to_string();
        without_secrets(text.lines().next().unwrap_or_default(), &self.address)
    }

    /// The address to ask for, by way of the relay.
    fn url(&self, at: SocketAddr) -> Result<Url, Failure> {
        format!("rtsp://{at}{}", self.address.path_and_query)
            .parse()
            .map_err(|error| self.failure(Kind::Unreachable, error))
    }

    fn endless(&self) -> Failure {
        self.failure(Kind::NoVideo, "it sends without end")
    }

    async fn describe_at(&self, at: SocketAddr) -> Result<(Session<Described>, Relay), Failure> {
        let most = 2 * self.settings.max_frame_bytes + BESIDE_BYTES;
        let relay = timeout(PATIENCE, Relay::open(at, most))
            .await
            .map_err(|_| self.failure(Kind::Unreachable, "no answer"))?
            .map_err(|error| self.failure(Kind::Unreachable, error))?;
        let login = self.address.login.clone().map(|login| Credentials {
            username: login.name,
            password: login.password,
        });
        let options = SessionOptions::default()
            .creds(login)
            .user_agent(concat!("my-cctv-server/", env!("CARGO_PKG_VERSION")).to_owned())
            .session_id(SessionIdPolicy::UseFirst)
            .unassigned_channel_data(UnassignedChannelDataPolicy::Ignore)
            // The end of the connection ends the session. A farewell would go on reading for seconds, whatever the camera
            // sends, where nobody watches over the memory it takes.
            .teardown(TeardownPolicy::Never);
        let url = self.url(relay.address())?;
        let session = timeout(PATIENCE, Session::describe(url, options))
            .await
            .map_err(|_| self.failure(Kind::Unreachable, "no answer"))?;
        match session {
            Ok(session) => {
                relay.frame();
                Ok((session, relay))
            }
            Err(_) if relay.is_cut() => Err(self.endless()),
            Err(error) => Err(self.refused(&error, Kind::Unreachable)),
        }
    }

    /// Asks what there is, at the first address that is reached.
    async fn describe(&self) -> Result<(Session<Described>, Relay), Failure> {
        let unreachable = |error: &dyn fmt::Display| self.failure(Kind::Unreachable, error);
        let found = self.address.resolve().await.map_err(|e| unreachable(&e))?;
        let mut last = unreachable(&"the name has no address");
        for at in found {
            match self.describe_at(at).await {
                Ok(session) => return Ok(session),
                Err(failure) if failure.kind == Kind::Unreachable => last = failure,
                Err(failure) => return Err(failure),
            }
        }
        Err(last)
    }

    async fn open(&self) -> Result<Video, Failure> {
        let (mut session, relay) = self.describe().await?;
        let streams: Vec<_> = session
            .streams()
            .iter()
            .map(|stream| {
                (
                    stream.media(),
                    stream.encoding_name(),
                    stream.rtp_payload_type(),
                )
            })
            .collect();
        let (index, format) = choose(&streams, session.sdp())
            .map_err(|detail| self.failure(Kind::NoVideo, detail))?;
        let silent = |_| self.failure(Kind::Unreachable, "it stopped answering");
        timeout(
            PATIENCE,
            session.setup(
                index,
                SetupOptions::default().frame_format(FrameFormat::SIMPLE),
            ),
        )
        .await
        .map_err(silent)?
        .map_err(|error| self.refused(&error, Kind::Unreachable))?;
        let playing = timeout(PATIENCE, session.play(PlayOptions::default()))
            .await
            .map_err(silent)?
            .map_err(|error| self.refused(&error, Kind::Unreachable))?;
        let demuxed = playing
            .demuxed()
            .map_err(|error| self.refused(&error, Kind::NoVideo))?;
        Ok(Video {
            demuxed,
            relay,
            index,
            format,
        })
    }

    /// The next frame of the video.
    async fn next(&self, video: &mut Video) -> Result<VideoFrame, Failure> {
        loop {
            match video.demuxed.next().await {
                Some(Ok(CodecItem::VideoFrame(frame))) => {
                    video.relay.frame();
                    return Ok(frame);
                }
                Some(Ok(_)) => {}
                Some(Err(_)) if video.relay.is_cut() => return Err(self.endless()),
                None if video.relay.is_cut() => return Err(self.endless()),
                Some(Err(error)) => {
                    return Err(self.failure(Kind::Ended, self.plain(&error)));
                }
                None => return Err(self.failure(Kind::Ended, "it ended the stream")),
            }
        }
    }

    async fn run(&self, sink: &mut dyn Sink, stop: &CancellationToken) -> Result<(), Failure> {
        tokio::select! {
            biased;
            () = stop.cancelled() => Ok(()),
            opened = self.open() => match opened {
                Ok(video) => match video.format {
                    Format::Jpeg => self.pass_through(video, sink, stop).await,
                    Format::Coded(codec) => self.transcode(video, codec, sink, stop).await,
                },
                Err(failure) => Err(failure),
            },
        }
    }

    async fn pass_through(
        &self,
        mut video: Video,
        sink: &mut dyn Sink,
        stop: &CancellationToken,
    ) -> Result<(), Failure> {
        let mut splitter = Splitter::new(self.settings.max_frame_bytes);
        let mut reported = Dropped::default();
        loop {
            let frame = tokio::select! {
                biased;
                () = stop.cancelled() => return Ok(()),
                frame = self.next(&mut video) => frame?,
            };
            // What a camera sends is not yet a JPEG. The marker is left out by some.
            splitter.extend(frame.data());
            if !frame.data().ends_with(&[0xFF, 0xD9]) {
                splitter.extend(&[0xFF, 0xD9]);
            }
            while let Some(picture) = splitter.next_picture() {
                if jpeg::dimensions(&picture)
                    .is_none_or(|(width, height)| width == 0 || height == 0)
                {
                    return Err(self.failure(Kind::NoVideo, TOO_LARGE));
                }
                sink.picture(picture);
            }
            if splitter.dropped() != reported {
                sink.dropped(splitter.dropped().since(reported));
                reported = splitter.dropped();
            }
        }
    }

    async fn transcode(
        &self,
        video: Video,
        codec: Codec,
        sink: &mut dyn Sink,
        stop: &CancellationToken,
    ) -> Result<(), Failure> {
        let mut transcoder = Transcoder::start(codec, &self.settings)?;
        let result = self.feed(video, &mut transcoder, sink, stop).await;
        match result {
            Some(result) => {
                transcoder.stop(sink).await;
                result
            }
            None => Err(transcoder.diagnose(sink).await),
        }
    }

    /// Gives ffmpeg what comes, until one of the two ends; `None` if it was ffmpeg.
    async fn feed(
        &self,
        mut video: Video,
        transcoder: &mut Transcoder,
        sink: &mut dyn Sink,
        stop: &CancellationToken,
    ) -> Option<Result<(), Failure>> {
        let mut size_px = None;
        loop {
            let frame = tokio::select! {
                biased;
                () = stop.cancelled() => return Some(Ok(())),
                () = transcoder.pump(sink) => return None,
                frame = self.next(&mut video) => match frame {
                    Ok(frame) => frame,
                    Err(failure) => return Some(Err(failure)),
                },
            };
            if (frame.has_new_parameters() || size_px.is_none())
                && let Some(ParametersRef::Video(now)) =
                    video.demuxed.streams()[video.index].parameters()
                && size_px
                    .replace(now.pixel_dimensions())
                    .is_some_and(|was| was != now.pixel_dimensions())
            {
                // A running ffmpeg would go on with the old size.
                return Some(Err(
                    self.failure(Kind::Ended, "the size of its pictures has changed")
                ));
            }
            if frame.loss() > 0 {
                transcoder.lost();
            }
            let is_key = frame.is_random_access_point();
            transcoder.push(frame.into_data(), is_key);
        }
    }
}

impl Source for Rtsp {
    fn run<'a>(&'a mut self, sink: &'a mut dyn Sink, stop: &'a CancellationToken) -> Run<'a> {
        Box::pin(Self::run(self, sink, stop))
    }
}

const TOO_LARGE: &str = "its JPEG pictures are larger than 2040 pixels, which RTP cannot say; choose a smaller size or H.264 in the camera";

/// The stream to play, of each its media, encoding and payload type: JPEG costs nothing, H.264 less than H.265.
fn choose(streams: &[(&str, &str, u8)], sdp: &[u8]) -> Result<(usize, Format), String> {
    let first = |wanted: &dyn Fn(&(&str, &str, u8)) -> bool| streams.iter().position(wanted);
    let is_jpeg = |&(media, encoding, _): &(&str, &str, u8)| {
        matches!(media, "video" | "image") && encoding == "jpeg"
    };
    let fitting = |stream: &(&str, &str, u8)| is_jpeg(stream) && !is_too_large(sdp, stream.2);
    let coded =
        |name| move |&(media, encoding, _): &(&str, &str, u8)| media == "video" && encoding == name;
    if let Some(index) = first(&fitting) {
        return Ok((index, Format::Jpeg));
    }
    for (name, codec) in [("h264", Codec::H264), ("h265", Codec::H265)] {
        if let Some(index) = first(&coded(name)) {
            return Ok((index, Format::Coded(codec)));
        }
    }
    if first(&is_jpeg).is_some() {
        return Err(TOO_LARGE.to_owned());
    }
    let offered: Vec<_> = streams
        .iter()
        .map(|(media, encoding, _)| format!("{media} as {encoding}"))
        .collect();
    Err(failure::tidy(&format!(
        "it offers {}, and neither JPEG nor H.264 nor H.265",
        offered.join(", ")
    )))
}

/// Whether the description gives pictures of this payload type a size that JPEG over RTP has no room for. There is no
/// standard for it: `x-dimensions`, `framesize` and `cliprect` are in use, and each ends with the two lengths.
fn is_too_large(sdp: &[u8], payload_type: u8) -> bool {
    let mut is_ours = false;
    for line in sdp.split(|&b| b == b'\n') {
        let line = String::from_utf8_lossy(line);
        if let Some(media) = line.strip_prefix("m=") {
            let format = media.split_ascii_whitespace().nth(3);
            is_ours = format.and_then(|format| format.parse().ok()) == Some(payload_type);
        }
        let size = ["a=x-dimensions:", "a=framesize:", "a=cliprect:"]
            .iter()
            .find_map(|name| line.strip_prefix(name));
        if let Some(size) = size.filter(|_| is_ours) {
            let numbers = size.split(|c: char| !c.is_ascii_digit());
            let lengths = numbers.rev().filter(|text| !text.is_empty()).take(2);
            if lengths
                .flat_map(str::parse::<u32>)
                .any(|px| px > JPEG_MAX_PX)
            {
                return true;
            }
        }
    }
    false
}

/// Errors may repeat an address with everything in it.
fn without_secrets(text: &str, address: &Address) -> String {
    let query = address
        .path_and_query
        .split_once('?')
        .map(|(_, query)| query);
    let secrets = [query, address.login.as_ref().map(|login| &*login.password)];
    let mut text = text.to_owned();
    for secret in secrets.into_iter().flatten().filter(|s| !s.is_empty()) {
        text = text.replace(secret, "…");
    }
    let words: Vec<_> = text
        .split(' ')
        .map(|word| if word.contains("://") { "…" } else { word })
        .collect();
    failure::tidy(&words.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(streams: &[(&str, &str, u8)], sdp: &str, want: Option<(usize, Format)>) {
        assert_eq!(choose(streams, sdp.as_bytes()).ok(), want, "{streams:?}");
    }

    const SOUND: (&str, &str, u8) = ("audio", "pcmu", 0);
    const JPEG: (&str, &str, u8) = ("video", "jpeg", 26);
    const H264: (&str, &str, u8) = ("video", "h264", 96);
    const H265: (&str, &str, u8) = ("video", "h265", 97);

    #[test]
    fn jpeg_is_taken_first_if_it_fits() {
        check(&[SOUND, H264, JPEG], "", Some((2, Format::Jpeg)));
        check(
            &[SOUND, H265, H264],
            "",
            Some((2, Format::Coded(Codec::H264))),
        );
        check(&[H265], "", Some((0, Format::Coded(Codec::H265))));
        check(&[SOUND], "", None);
        check(&[], "", None);
        for (size, fits) in [
            ("x-dimensions:1920,1080", true),
            ("x-dimensions: 2592, 1944", false),
            ("framesize:26 640-480", true),
            ("framesize:26 1600-2048", false),
            ("cliprect:0,0,1080,2048", false),
            ("framesize:26 99999999999999999999-1", true),
            ("framesize:", true),
        ] {
            let sdp = format!("v=0\r\nm=video 0 RTP/AVP 26\r\na={size}\r\n");
            let want = if fits {
                (0, Format::Jpeg)
            } else {
                (1, Format::Coded(Codec::H264))
            };
            check(&[JPEG, H264], &sdp, Some(want));
        }
        // The size of another stream.
        let sdp = "m=video 0 RTP/AVP 96\na=framesize:96 3840-2160\nm=video 0 RTP/AVP 26\n";
        check(&[H264, JPEG], sdp, Some((1, Format::Jpeg)));
        let sdp = "m=video 0 RTP/AVP 26\na=framesize:26 3840-2160\n";
        check(&[JPEG], sdp, None);
    }

    #[test]
    fn errors_do_not_repeat_secrets() {
        let RtspAddress(address) = "rtsp://me:pass%20word@10.0.0.9/a?key=abc".parse().unwrap();
        let said = without_secrets(
            "unable to join rtsp://10.0.0.9/a?key=abc with \"x?key=abc\"\u{7} of pass word",
            &address,
        );
        assert_eq!(said, "unable to join … with \"x?…\" of …");
    }
}
