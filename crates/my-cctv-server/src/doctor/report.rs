//! What was found, line by line: for people at a terminal, and as JSON for programs.

use std::fmt::Write as _;

use serde::Serialize;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Level {
    /// As it should be.
    Ok,
    /// Worth knowing.
    Note,
    /// It works, and something is wrong.
    Warn,
    /// It does not work.
    Fail,
}

impl Level {
    fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Note => "note",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }

    fn colour(self) -> &'static str {
        match self {
            Self::Ok => "32",
            Self::Note => "36",
            Self::Warn => "33",
            Self::Fail => "31",
        }
    }
}

/// One line: what was looked at, what was seen, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Finding {
    /// Stays the same: `group.check`.
    pub(super) name: &'static str,
    pub(super) level: Level,
    /// The camera it is about, by its id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) camera: Option<String>,
    pub(super) saw: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) advice: Option<String>,
}

impl Finding {
    pub(super) fn new(level: Level, name: &'static str, saw: impl AsRef<str>) -> Self {
        Self {
            name,
            level,
            camera: None,
            saw: tidy(saw.as_ref()),
            advice: None,
        }
    }

    pub(super) fn ok(name: &'static str, saw: impl AsRef<str>) -> Self {
        Self::new(Level::Ok, name, saw)
    }

    pub(super) fn of_camera(mut self, id: impl ToString) -> Self {
        self.camera = Some(id.to_string());
        self
    }

    pub(super) fn advise(mut self, advice: impl AsRef<str>) -> Self {
        self.advice = Some(tidy(advice.as_ref()));
        self
    }
}

/// Names of programs and cameras are chosen by others: no line ends and no commands to the terminal.
fn tidy(text: &str) -> String {
    let plain = |c: char| if c.is_control() { ' ' } else { c };
    text.trim().chars().map(plain).collect()
}

/// All of it.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    /// Of the program.
    version: &'static str,
    /// The worst there is.
    result: Level,
    checks: Vec<Finding>,
}

impl Report {
    pub(super) fn new(checks: Vec<Finding>) -> Self {
        let worst = checks.iter().map(|finding| finding.level).max();
        Self {
            version: env!("CARGO_PKG_VERSION"),
            result: worst.unwrap_or(Level::Ok),
            checks,
        }
    }

    pub(super) fn is_failing(&self) -> bool {
        self.result == Level::Fail
    }

    /// For people: one line each, below the names of the groups.
    pub(super) fn text(&self, is_coloured: bool) -> String {
        let mut text = String::new();
        let mut last = "";
        for finding in &self.checks {
            let (group, check) = finding.name.split_once('.').unwrap_or((finding.name, ""));
            if group != last {
                let _ = writeln!(text, "{group}");
                last = group;
            }
            let word = format!("{:<4}", finding.level.word());
            let word = match is_coloured {
                true => format!("\x1b[{}m{word}\x1b[0m", finding.level.colour()),
                false => word,
            };
            let _ = write!(text, "  {word}  {check:<10} ");
            if let Some(camera) = &finding.camera {
                let _ = write!(text, "{camera}: ");
            }
            text += &finding.saw;
            if let Some(advice) = &finding.advice {
                let _ = write!(text, " — {advice}");
            }
            text.push('\n');
        }
        let count = |level| self.checks.iter().filter(|it| it.level == level).count();
        let (fail, warn, note) = (count(Level::Fail), count(Level::Warn), count(Level::Note));
        let _ = writeln!(text, "\n{fail} fail, {warn} warn, {note} to note");
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_what_was_seen_and_what_to_do_whatever_others_are_called() {
        let report = Report::new(vec![
            Finding::ok("machine.kernel", "Linux 6.12"),
            Finding::new(Level::Warn, "cameras.busy", "held by pid 7 (\x1b[2J\nx)")
                .of_camera("door")
                .advise("stop it"),
        ]);
        assert_eq!(
            report.text(false),
            "machine\n  ok    kernel     Linux 6.12\ncameras\n  warn  busy       door: held by pid 7 ( [2J x) — stop it\n\n\
             0 fail, 1 warn, 0 to note\n"
        );
        assert!(report.text(true).contains("\x1b[33mwarn\x1b[0m"));
        assert!(!report.is_failing());
        let json = serde_json::to_value(&report).unwrap();
        assert_eq!(json["result"], "warn");
        assert_eq!(json["checks"][0]["level"], "ok");
        assert_eq!(json["checks"][1]["camera"], "door");
    }
}
