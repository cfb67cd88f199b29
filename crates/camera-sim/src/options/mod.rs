//! What rpicam-vid was told to do, checked in the order in which rpicam-vid checks.

pub mod parser;
pub mod table;
pub mod values;

use parser::{Refusal, Values};
use values::{bitrate_bps, count_floats, leading_float, time_ns};

/// The simulated sensor, an imx708: nothing can be larger.
pub const SENSOR: (u32, u32) = (4608, 2592);

/// How frames are coded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Codec {
    /// The hardware encoder of a Pi 0-4.
    H264,
    /// FFmpeg's libraries, in a format of their own.
    Libav,
    /// One JPEG after the other.
    Mjpeg,
    /// Raw pictures.
    Yuv420,
}

/// What to do instead of streaming.
#[derive(Clone, Debug, PartialEq)]
pub enum Request {
    /// Print all options.
    Help,
    /// Print versions.
    Version,
    /// Print cameras.
    ListCameras,
    /// Stream.
    Stream(Box<Options>),
}

/// A checked command line.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// Index of the camera; may be out of range.
    pub camera: u32,
    /// 0 silent, 1 as usual, 2 a lot.
    pub verbose: u32,
    /// Pixels, even, within the sensor.
    pub width_px: u32,
    /// Pixels, even, within the sensor.
    pub height_px: u32,
    /// Frames per second, already within what the sensor mode can do.
    pub framerate: f32,
    /// 0 = for ever.
    pub timeout_ns: i64,
    /// 0 = no limit.
    pub frames: u32,
    /// `-`, a file name, or nothing at all.
    pub output: Option<String>,
    /// How frames are coded.
    pub codec: Codec,
    /// 1 to 100.
    pub quality: u8,
    /// Bits per second, 0 = what the encoder likes.
    pub bitrate_bps: u64,
    /// Frames between key frames, 0 = what the encoder likes.
    pub intra: u32,
    /// Parameter sets with every key frame.
    pub inline: bool,
    /// Container for libav.
    pub libav_format: Option<String>,
    /// Flush after each frame.
    pub flush: bool,
    /// Line per frame on stderr; empty = none.
    pub info_text: String,
    /// Reads keys from stdin.
    pub keypress: bool,
    /// Obeys SIGUSR1 and SIGUSR2.
    pub signal: bool,
    /// Starts without output.
    pub paused: bool,
}

/// Takes the arguments apart and checks them. `unknown` are options this program is too old for.
pub fn parse(args: &[String], unknown: &[String]) -> Result<Request, Refusal> {
    let known = |d: &&table::Declared| !unknown.iter().any(|u| u.trim_start_matches('-') == d.long);
    let table: Vec<_> = table::OPTIONS.iter().filter(known).copied().collect();
    let mut values = parser::command_line(&table, args)?;
    if let Some(text) = values
        .get("config")
        .and_then(|path| std::fs::read_to_string(path).ok())
    {
        for (name, value) in parser::config_file(&table, &text)? {
            values.entry(name).or_insert(value);
        }
    }
    request(&Given(values))
}

/// Values with their defaults.
struct Given(Values);

impl Given {
    fn text<'a>(&'a self, name: &str, default: &'a str) -> &'a str {
        self.0.get(name).map_or(default, String::as_str)
    }

    fn is(&self, name: &str) -> bool {
        self.text(name, "false") == "true"
    }

    fn number<T: std::str::FromStr>(&self, name: &str, default: T) -> T {
        self.0
            .get(name)
            .and_then(|text| text.parse().ok())
            .unwrap_or(default)
    }

    fn one_of(&self, name: &str, default: &str, words: &str, refusal: &str) -> Result<(), Refusal> {
        let word = self.text(name, default);
        let known = words.split(' ').any(|w| w == word);
        if known {
            Ok(())
        } else {
            Err(format!("{refusal}{word}"))
        }
    }
}

fn request(given: &Given) -> Result<Request, Refusal> {
    let lens = given.text("lens-position", "");
    if leading_float(lens).is_none() && !lens.is_empty() && lens != "default" {
        return Err(format!("Invalid lens position: {lens}"));
    }
    let timeout_ns = time_ns(given.text("timeout", "5sec"), 1e6)?;
    time_ns(given.text("shutter", "0"), 1e3)?;
    time_ns(given.text("flicker-period", "0s"), 1e3)?;
    if given.is("help") {
        return Ok(Request::Help);
    }
    if given.is("version") {
        return Ok(Request::Version);
    }
    given.one_of(
        "hdr",
        "off",
        "off auto sensor single-exp",
        "Invalid HDR option provided: ",
    )?;
    if given.is("list-cameras") {
        return Ok(Request::ListCameras);
    }
    picture_options(given)?;
    let codec = video_options(given)?;
    let (width_px, height_px) = size(given)?;
    let framerate = framerate(given.number("framerate", -1.0), width_px, height_px);
    let no_preview = given.is("nopreview");
    let info_default = if no_preview {
        ""
    } else {
        "#%frame (%fps fps) exp %exp ag %ag dg %dg"
    };
    Ok(Request::Stream(Box::new(Options {
        camera: given.number("camera", 0),
        verbose: given.number("verbose", 1),
        width_px,
        height_px,
        framerate,
        timeout_ns,
        frames: given.number("frames", 0),
        output: given.0.get("output").filter(|o| !o.is_empty()).cloned(),
        codec,
        quality: u8::try_from(given.number("quality", 50_i32).clamp(1, 100)).unwrap_or(50),
        bitrate_bps: bitrate_bps(given.text("bitrate", "0bps"))?,
        intra: given.number("intra", 0),
        inline: given.is("inline"),
        libav_format: given
            .0
            .get("libav-format")
            .filter(|f| !f.is_empty())
            .cloned(),
        flush: given.is("flush"),
        info_text: given.text("info-text", info_default).to_owned(),
        keypress: given.is("keypress"),
        signal: given.is("signal"),
        paused: given
            .text("initial", "record")
            .eq_ignore_ascii_case("pause"),
    })))
}

fn picture_options(given: &Given) -> Result<(), Refusal> {
    match given.number("rotation", 0_i32) {
        0 | 180 | -180 => {}
        90 | 270 | -90 | -270 => {
            return Err("transforms requiring transpose not supported".to_owned());
        }
        _ => return Err("illegal rotation value".to_owned()),
    }
    // A region that cannot be read is no region: no error, full view.
    given.one_of(
        "metering",
        "centre",
        "centre spot average matrix custom",
        "Invalid metering mode: ",
    )?;
    given.one_of(
        "exposure",
        "normal",
        "normal sport short long custom",
        "Invalid exposure mode:",
    )?;
    given.one_of(
        "autofocus-mode",
        "default",
        "default manual auto continuous",
        "Invalid AfMode:",
    )?;
    if !["normal", "macro", "full"].contains(&given.text("autofocus-range", "normal")) {
        // rpicam-vid names the wrong option's value here.
        return Err(format!(
            "Invalid AfRange mode:{}",
            given.text("exposure", "normal")
        ));
    }
    given.one_of(
        "autofocus-speed",
        "normal",
        "normal fast",
        "Invalid afSpeed mode:",
    )?;
    let awb = "auto normal incandescent tungsten fluorescent indoor daylight cloudy custom";
    given.one_of("awb", "auto", awb, "Invalid AWB mode: ")?;
    if count_floats(given.text("awbgains", "0,0"), 2) != 2 {
        return Err("Invalid AWB gains".to_owned());
    }
    let format = given.text("metadata-format", "json");
    if !["json", "txt"]
        .iter()
        .any(|f| f.eq_ignore_ascii_case(format))
    {
        return Err(format!("unrecognised metadata format {format}"));
    }
    mode(given.text("mode", ""))?;
    mode(given.text("viewfinder-mode", ""))?;
    // This one is looked up when the camera is configured.
    given.one_of(
        "denoise",
        "auto",
        "auto off cdn_off cdn_fast cdn_hq",
        "Invalid denoise mode ",
    )
}

fn video_options(given: &Given) -> Result<Codec, Refusal> {
    let name = given.text("codec", "h264");
    let codec = match name.to_ascii_lowercase().as_str() {
        "h264" => Codec::H264,
        "libav" => Codec::Libav,
        "mjpeg" => Codec::Mjpeg,
        "yuv420" => Codec::Yuv420,
        _ => return Err(format!("unrecognised codec {name}")),
    };
    let initial = given.text("initial", "record");
    if !["pause", "record"]
        .iter()
        .any(|i| i.eq_ignore_ascii_case(initial))
    {
        return Err(format!("incorrect initial value {initial}"));
    }
    given.one_of("sync", "off", "off server client", "Invalid sync mode: ")?;
    let file = given.text("post-process-file", "");
    if !file.is_empty() && !std::path::Path::new(file).is_file() {
        return Err(format!("{file}: cannot open file"));
    }
    if codec == Codec::H264 {
        given.one_of("profile", "", " baseline main high", "no such profile ")?;
        given.one_of("level", "", " 4 4.1 4.2", "no such level ")?;
    }
    Ok(codec)
}

/// `W:H[:depth[:P|U]]`.
fn mode(text: &str) -> Result<(), Refusal> {
    if text.is_empty() {
        return Ok(());
    }
    let parts: Vec<&str> = text.split(':').collect();
    let numbers = parts
        .iter()
        .take(3)
        .take_while(|part| part.parse::<u32>().is_ok())
        .count();
    match (
        numbers,
        parts.get(3).and_then(|packing| packing.chars().next()),
    ) {
        (0 | 1, _) => Err("Invalid mode".to_owned()),
        (3, Some(packing)) if !"PpUu".contains(packing) => {
            Err("Packing indicator should be P or U".to_owned())
        }
        _ => Ok(()),
    }
}

fn size(given: &Given) -> Result<(u32, u32), Refusal> {
    let even = |name, default, most: u32| {
        let asked: u32 = given.number(name, 0);
        let asked = if asked == 0 { default } else { asked };
        // The image processor makes nothing smaller than 32 pixels.
        asked.clamp(32, most) & !1
    };
    let (width, height) = (even("width", 640, SENSOR.0), even("height", 480, SENSOR.1));
    let lores: (u32, u32) = (
        given.number("lores-width", 0),
        given.number("lores-height", 0),
    );
    if lores.0 > width || lores.1 > height {
        return Err("Low res image larger than video".to_owned());
    }
    Ok((width, height))
}

/// More than the sensor mode can do is cut in silence; none or nonsense gives 30.
fn framerate(asked: f32, width_px: u32, height_px: u32) -> f32 {
    let most = match (width_px, height_px) {
        (..=1536, ..=864) => 120.13,
        (..=2304, ..=1296) => 56.03,
        _ => 14.35,
    };
    let asked = if asked > 0.0 { asked } else { 30.0 };
    asked.clamp(0.01, most)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(line: &str) -> Options {
        let args: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        match parse(&args, &[]) {
            Ok(Request::Stream(options)) => *options,
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn sizes_are_cut_and_made_even() {
        let check = |line, expected| {
            let options = stream(line);
            assert_eq!((options.width_px, options.height_px), expected, "{line}");
        };
        check("", (640, 480));
        check("--width 641 --height 481", (640, 480));
        check("--width 9999 --height 9999", SENSOR);
        check("--width -2", (4608, 480));
        check("--width 1 --height 1", (32, 32));
    }

    #[test]
    fn defaults_and_clamping() {
        let options = stream("");
        assert_eq!(options.codec, Codec::H264);
        assert_eq!(options.timeout_ns, 5_000_000_000);
        assert_eq!(
            options.info_text,
            "#%frame (%fps fps) exp %exp ag %ag dg %dg"
        );
        assert_eq!(stream("-n").info_text, "");
        assert_eq!(stream("-n --info-text %frame").info_text, "%frame");
        assert_eq!(stream("-q 0").quality, 1);
        assert_eq!(stream("-q 200").quality, 100);
        assert_eq!(stream("--framerate 0").framerate, 30.0);
        assert_eq!(stream("--framerate 500").framerate, 120.13);
        assert_eq!(
            stream("--framerate 500 --width 4608 --height 2592").framerate,
            14.35
        );
        assert_eq!(stream("-b 4M").bitrate_bps, 4000);
        assert_eq!(stream("--codec MJPEG --roi nonsense").codec, Codec::Mjpeg);
        assert!(stream("-i pause").paused);
    }

    #[test]
    fn an_older_program_lacks_options() {
        let refused = parse(&["--flush".to_owned()], &["--flush".to_owned()]);
        assert_eq!(refused, Err("unrecognised option '--flush'".to_owned()));
    }
}
