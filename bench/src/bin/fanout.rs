//! Server and floor side by side: CPU per delivered frame, latency, losses, memory, allocations.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use bench::round::{Crowd, Round, measure, median};
use bench::subject::{Programs, Settings, Subject, beside};
use clap::{Parser, ValueEnum as _};

#[derive(Debug, Parser)]
#[command(about = "Measures the server's fan-out against the floor")]
struct Arguments {
    /// The server's release binary
    #[arg(long)]
    server: PathBuf,
    /// The camera stand-in
    #[arg(long)]
    camera: PathBuf,
    /// The server with the counting allocator
    #[arg(long)]
    counted: Option<PathBuf>,
    /// Crowds to measure with
    #[arg(long, value_delimiter = ',', default_values_t = [1, 15, 100, 400, 1000])]
    viewers: Vec<usize>,
    /// Rounds, interleaved; the table shows medians
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Length of each window
    #[arg(long, default_value_t = 8.0)]
    seconds: f64,
    /// One short round
    #[arg(long)]
    quick: bool,
    /// Measure nothing but this
    #[arg(long)]
    only: Option<Part>,
    /// Lines of TOML for the server's configuration, ahead of the generated tables
    #[arg(long, default_value = "")]
    config: String,
}

/// One table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Part {
    /// Crowds of several sizes.
    Fanout,
    /// Several cameras.
    Cameras,
    /// Under TLS.
    Tls,
    /// Slow and stalled viewers.
    Laggards,
    /// With the counting allocator.
    Allocations,
}

/// Server and floor in the same minute.
struct Pair {
    server: Round,
    limit: Round,
}

fn main() -> anyhow::Result<ExitCode> {
    let mut arguments = Arguments::parse();
    if arguments.quick {
        arguments.rounds = 1;
        arguments.seconds = arguments.seconds.min(3.0);
    }
    let programs = Programs {
        server: arguments.server.canonicalize().context("--server")?,
        counted: arguments
            .counted
            .as_ref()
            .map(|path| path.canonicalize().context("--counted"))
            .transpose()?,
        limit: beside("limit")?,
        camera: arguments.camera.canonicalize().context("--camera")?,
        load: beside("load")?,
    };
    let settings = Settings {
        config: arguments.config.clone(),
        ..Settings::default()
    };
    let mut out = io::stdout().lock();
    let mut complaints = Vec::new();
    let parts = match arguments.only {
        Some(part) => vec![part],
        None => Part::value_variants().to_vec(),
    };
    for part in parts {
        let table = match part {
            Part::Fanout => fanout,
            Part::Cameras => cameras,
            Part::Tls => encrypted,
            Part::Laggards => laggards,
            Part::Allocations if programs.counted.is_none() => continue,
            Part::Allocations => allocations,
        };
        table(&mut out, &arguments, &programs, &settings, &mut complaints)?;
    }
    for complaint in &complaints {
        writeln!(out, "\nFAULT: {complaint}")?;
    }
    Ok(if complaints.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn fanout(
    out: &mut impl Write,
    arguments: &Arguments,
    programs: &Programs,
    settings: &Settings,
    complaints: &mut Vec<String>,
) -> anyhow::Result<()> {
    writeln!(
        out,
        "### Fan-out: {} rounds of {} s, medians\n\n\
         CPU is user and system time of the process per frame delivered to a viewer. Latency runs from \
         the camera's first byte written to the viewer's last byte read.\n\n\
         | viewers | server µs/frame | limit µs/frame | ratio | budget | server p50 / p99 ms | \
         limit p50 / p99 ms | lost server / limit | RSS server / limit MB | load µs/frame |\n\
         | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
        arguments.rounds, arguments.seconds
    )?;
    for &viewers in &arguments.viewers {
        let crowd = Crowd::of(viewers, arguments.seconds);
        let pairs = pairs(arguments.rounds, &crowd, programs, settings, complaints)?;
        let server =
            |value: fn(&Round) -> f64| median(pairs.iter().map(|pair| value(&pair.server)));
        let limit = |value: fn(&Round) -> f64| median(pairs.iter().map(|pair| value(&pair.limit)));
        // Of each pair, not of the medians: both halves of a pair saw the same neighbours.
        let ratio = median(
            pairs
                .iter()
                .map(|pair| pair.server.cpu_us_per_frame() / pair.limit.cpu_us_per_frame()),
        );
        let budget = if viewers < 100 { 1.6 } else { 1.3 };
        writeln!(
            out,
            "| {viewers} | {:.2} | {:.2} | {ratio:.2} | ≤ {budget} {} | {:.2} / {:.2} | {:.2} / {:.2} | \
             {:.0} / {:.0} | {:.1} / {:.1} | {:.1} |",
            server(Round::cpu_us_per_frame),
            limit(Round::cpu_us_per_frame),
            if ratio <= budget { "✓" } else { "✗" },
            server(p50_ms),
            server(p99_ms),
            limit(p50_ms),
            limit(p99_ms),
            server(lost),
            limit(lost),
            server(rss_mb),
            limit(rss_mb),
            server(Round::load_us_per_frame),
        )?;
        out.flush()?;
    }
    writeln!(out)?;
    Ok(())
}

/// Several cameras with as many viewers in all as one camera has: what each camera costs by itself. Four times as many
/// wakes for as many frames cost something whoever does it, so the floor stands beside it.
fn cameras(
    out: &mut impl Write,
    arguments: &Arguments,
    programs: &Programs,
    settings: &Settings,
    complaints: &mut Vec<String>,
) -> anyhow::Result<()> {
    const CAMERAS: usize = 4;
    const VIEWERS: usize = 100;
    const BUDGET: f64 = 1.15;
    let crowd = Crowd::of(VIEWERS, arguments.seconds);
    let several = Settings {
        cameras: CAMERAS,
        ..settings.clone()
    };
    let mut server = [Vec::new(), Vec::new(), Vec::new()];
    let mut limit = [Vec::new(), Vec::new(), Vec::new()];
    for _ in 0..arguments.rounds.max(1) {
        let one = measure(Subject::Server, programs, settings, &crowd)?;
        let four = measure(Subject::Server, programs, &several, &crowd)?;
        let floor_one = measure(Subject::Limit, programs, settings, &crowd)?;
        let floor_four = measure(Subject::Limit, programs, &several, &crowd)?;
        for (name, one, four, figures) in [
            ("server", one, four, &mut server),
            ("limit", floor_one, floor_four, &mut limit),
        ] {
            complain(name, VIEWERS, &one, complaints);
            complain(
                &format!("{name}, several cameras"),
                VIEWERS,
                &four,
                complaints,
            );
            let (one, four) = (one.cpu_us_per_frame(), four.cpu_us_per_frame());
            for (figure, value) in figures.iter_mut().zip([one, four, four / one]) {
                figure.push(value);
            }
        }
    }
    let [one, four, ratio] = server.map(median);
    let [floor_one, floor_four, floor_ratio] = limit.map(median);
    let most = BUDGET * floor_ratio.max(1.0);
    writeln!(
        out,
        "### {CAMERAS} cameras with {} viewers each, beside one with {VIEWERS}\n\n\
         | | one camera µs/frame | {CAMERAS} cameras µs/frame | ratio | budget |\n\
         | --- | ---: | ---: | ---: | ---: |\n\
         | server | {one:.2} | {four:.2} | {ratio:.2} | ≤ {BUDGET} x limit = {most:.2} {} |\n\
         | limit | {floor_one:.2} | {floor_four:.2} | {floor_ratio:.2} | |\n",
        VIEWERS / CAMERAS,
        if ratio <= most { "✓" } else { "✗" },
    )?;
    Ok(())
}

/// What encryption costs. Each viewer's frames are encrypted for it alone, so the floor has no part in it.
fn encrypted(
    out: &mut impl Write,
    arguments: &Arguments,
    programs: &Programs,
    settings: &Settings,
    complaints: &mut Vec<String>,
) -> anyhow::Result<()> {
    const VIEWERS: usize = 100;
    const BUDGET: f64 = 2.5;
    let crowd = Crowd::of(VIEWERS, arguments.seconds);
    let secure = Settings {
        is_secure: true,
        ..settings.clone()
    };
    let mut rounds = Vec::new();
    for _ in 0..arguments.rounds.max(1) {
        let plain = measure(Subject::Server, programs, settings, &crowd)?;
        let tls = measure(Subject::Server, programs, &secure, &crowd)?;
        complain("server", VIEWERS, &plain, complaints);
        complain("server under TLS", VIEWERS, &tls, complaints);
        rounds.push((plain, tls));
    }
    let plain = |value: fn(&Round) -> f64| median(rounds.iter().map(|(plain, _)| value(plain)));
    let tls = |value: fn(&Round) -> f64| median(rounds.iter().map(|(_, tls)| value(tls)));
    let ratio = median(
        rounds
            .iter()
            .map(|(plain, tls)| tls.cpu_us_per_frame() / plain.cpu_us_per_frame()),
    );
    writeln!(
        out,
        "### {VIEWERS} viewers under TLS, beside as many without\n\n\
         | plain µs/frame | TLS µs/frame | ratio | budget | plain p50 / p99 ms | TLS p50 / p99 ms | \
         lost plain / TLS | RSS plain / TLS MB |\n\
         | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n\
         | {:.2} | {:.2} | {ratio:.2} | ≤ {BUDGET} {} | {:.2} / {:.2} | {:.2} / {:.2} | {:.0} / {:.0} | {:.1} / {:.1} |\n",
        plain(Round::cpu_us_per_frame),
        tls(Round::cpu_us_per_frame),
        if ratio <= BUDGET { "✓" } else { "✗" },
        plain(p50_ms),
        plain(p99_ms),
        tls(p50_ms),
        tls(p99_ms),
        plain(lost),
        tls(lost),
        plain(rss_mb),
        tls(rss_mb),
    )?;
    Ok(())
}

/// What fast viewers notice of slow and stalled ones: nothing.
fn laggards(
    out: &mut impl Write,
    arguments: &Arguments,
    programs: &Programs,
    settings: &Settings,
    complaints: &mut Vec<String>,
) -> anyhow::Result<()> {
    let crowd = Crowd {
        viewers: 15,
        // A quarter of what the stream needs.
        slow: Some((5, 200_000)),
        stalled: 5,
        seconds: arguments.seconds,
    };
    let pairs = pairs(1, &crowd, programs, settings, complaints)?;
    writeln!(
        out,
        "### 15 fast viewers beside 5 slow and 5 stalled ones\n\n\
         | | fast: frames each | lost | p50 / p99 ms | slow: frames each | lost | p50 ms | \
         RSS MB |\n\
         | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"
    )?;
    for pair in &pairs {
        for (name, round) in [("server", &pair.server), ("limit", &pair.limit)] {
            let (fast, slow) = (&round.report.fast, &round.report.slow);
            writeln!(
                out,
                "| {name} | {} to {} | {} | {:.2} / {:.2} | {} to {} | {} | {:.0} | {:.1} |",
                fast.fewest,
                fast.most,
                fast.lost,
                p50_ms(round),
                p99_ms(round),
                slow.fewest,
                slow.most,
                slow.lost,
                thousandths(slow.latency_ns[0] / 1000),
                rss_mb(round)
            )?;
        }
    }
    writeln!(out)?;
    Ok(())
}

fn allocations(
    out: &mut impl Write,
    arguments: &Arguments,
    programs: &Programs,
    settings: &Settings,
    complaints: &mut Vec<String>,
) -> anyhow::Result<()> {
    writeln!(
        out,
        "### Allocations of the whole server per delivered frame\n\n\
         | viewers | per delivered frame | per camera frame |\n| ---: | ---: | ---: |"
    )?;
    for &viewers in &arguments.viewers {
        let crowd = Crowd::of(viewers, arguments.seconds);
        let round = measure(Subject::Counted, programs, settings, &crowd)?;
        complain("counted server", viewers, &round, complaints);
        let each = round.allocations_per_frame().unwrap_or(f64::NAN);
        let viewers = u32::try_from(viewers).unwrap_or(u32::MAX);
        writeln!(
            out,
            "| {viewers} | {each:.3} | {:.1} |",
            each * f64::from(viewers)
        )?;
        out.flush()?;
    }
    writeln!(out)?;
    Ok(())
}

fn pairs(
    rounds: usize,
    crowd: &Crowd,
    programs: &Programs,
    settings: &Settings,
    complaints: &mut Vec<String>,
) -> anyhow::Result<Vec<Pair>> {
    (0..rounds.max(1))
        .map(|_| {
            let server = measure(Subject::Server, programs, settings, crowd)?;
            let limit = measure(Subject::Limit, programs, settings, crowd)?;
            complain("server", crowd.viewers, &server, complaints);
            complain("limit", crowd.viewers, &limit, complaints);
            Ok(Pair { server, limit })
        })
        .collect()
}

fn complain(name: &str, viewers: usize, round: &Round, complaints: &mut Vec<String>) {
    let faults = round.report.faults();
    if faults != 0 {
        let samples: Vec<&str> = round.report.samples().collect();
        complaints.push(format!(
            "{name}, {viewers} viewers: {faults} faults, the first: {}",
            samples.join("; ")
        ));
    }
    if round.report.frames() == 0 {
        complaints.push(format!("{name}, {viewers} viewers: no frame was delivered"));
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "figures for a table with three digits"
)]
fn thousandths(value: u64) -> f64 {
    value as f64 / 1000.0
}

fn p50_ms(round: &Round) -> f64 {
    thousandths(round.report.fast.latency_ns[0] / 1000)
}

fn p99_ms(round: &Round) -> f64 {
    thousandths(round.report.fast.latency_ns[2] / 1000)
}

fn lost(round: &Round) -> f64 {
    thousandths(round.report.fast.lost * 1000)
}

fn rss_mb(round: &Round) -> f64 {
    thousandths(round.memory.rss_kb)
}
