//! The two text formats. The crate writes OpenMetrics 1.0; the text format 0.0.4 of scrapers that do not ask for that
//! differs in a few lines, and is made from it.

use std::fmt;

use axum::http::{HeaderMap, header};
use prometheus_client::{encoding, registry::Registry};

/// How figures are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    OpenMetrics,
    Text,
}

impl Format {
    /// What these headers ask for: OpenMetrics only where it is named, because few besides Prometheus know it.
    pub(super) fn asked(headers: &HeaderMap) -> Self {
        let mut weights = [0.0_f32; 2];
        let accepts = headers.get_all(header::ACCEPT).iter();
        let items = accepts.filter_map(|accept| accept.to_str().ok());
        for item in items.flat_map(|accept| accept.split(',')) {
            let mut parts = item.split(';').map(str::trim);
            let kind = parts.next().unwrap_or_default().to_ascii_lowercase();
            let mut weight = 1.0;
            let mut is_known = true;
            for (name, value) in parts.filter_map(|part| part.split_once('=')) {
                match (&*kind, name.trim()) {
                    (_, "q") => weight = value.trim().parse().unwrap_or(0.0),
                    ("application/openmetrics-text", "version") => {
                        is_known = matches!(value.trim(), "1.0.0" | "0.0.1");
                    }
                    ("text/plain", "version") => is_known = value.trim() == "0.0.4",
                    _ => {}
                }
            }
            let place = match &*kind {
                "application/openmetrics-text" => 0,
                "text/plain" | "text/*" | "*/*" => 1,
                _ => continue,
            };
            if is_known {
                weights[place] = weights[place].max(weight);
            }
        }
        let [open_metrics, text] = weights;
        if open_metrics > 0.0 && open_metrics >= text {
            Self::OpenMetrics
        } else {
            Self::Text
        }
    }

    pub(super) fn content_type(self) -> &'static str {
        match self {
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
        }
    }

    pub(super) fn write(self, registry: &Registry) -> Result<String, fmt::Error> {
        let mut text = String::new();
        encoding::text::encode(&mut text, registry)?;
        Ok(match self {
            Self::OpenMetrics => text,
            Self::Text => older(&text),
        })
    }
}

/// A family has the name of its samples, units are not told, and there is no end.
fn older(text: &str) -> String {
    let mut older = String::with_capacity(text.len());
    let mut help = None;
    for line in text.lines() {
        let words = line
            .strip_prefix("# ")
            .and_then(|line| line.split_once(' '));
        match words {
            // Named by what its type is, which comes next.
            Some(("HELP", rest)) => help = rest.split_once(' '),
            Some(("TYPE", rest)) => {
                let (name, kind) = rest.split_once(' ').unwrap_or((rest, "unknown"));
                let (suffix, kind) = match kind {
                    "counter" => ("_total", "counter"),
                    "info" => ("_info", "gauge"),
                    "unknown" => ("", "untyped"),
                    kind => ("", kind),
                };
                if let Some((_, help)) = help.take() {
                    older += &format!("# HELP {name}{suffix} {help}\n");
                }
                older += &format!("# TYPE {name}{suffix} {kind}\n");
            }
            _ if line.starts_with('#') => {}
            _ => {
                older += line;
                older.push('\n');
            }
        }
    }
    older
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_older_format_has_names_of_its_own() {
        let text = "# HELP a Things of \"a\".\n# TYPE a counter\n# UNIT a bytes\na_total{b=\"c # d\"} 1\n\
                    # HELP e F.\n# TYPE e info\ne_info{g=\"h\"} 1\n# HELP i J.\n# TYPE i gauge\ni 0.5\n# EOF\n";
        let want = "# HELP a_total Things of \"a\".\n# TYPE a_total counter\na_total{b=\"c # d\"} 1\n\
                    # HELP e_info F.\n# TYPE e_info gauge\ne_info{g=\"h\"} 1\n# HELP i J.\n# TYPE i gauge\ni 0.5\n";
        assert_eq!(older(text), want);
    }

    #[test]
    fn open_metrics_is_for_those_who_name_it() {
        use Format::{OpenMetrics, Text};
        const PROMETHEUS: &str = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
        for (accept, want) in [
            ("", Text),
            ("*/*", Text),
            ("text/html", Text),
            (PROMETHEUS, OpenMetrics),
            ("application/openmetrics-text", OpenMetrics),
            (
                "Application/OpenMetrics-Text; version=1.0.0; q=0.1",
                OpenMetrics,
            ),
            (
                "application/openmetrics-text; version=2.0.0, */*;q=0.1",
                Text,
            ),
            ("application/openmetrics-text;q=0", Text),
            (
                "application/openmetrics-text;q=0.4, text/plain;version=0.0.4",
                Text,
            ),
            (
                "text/plain;version=0.0.4;q=0.5, application/openmetrics-text;q=0.5",
                OpenMetrics,
            ),
            ("application/openmetrics-text;q=much", Text),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT, accept.parse().unwrap());
            assert_eq!(Format::asked(&headers), want, "{accept}");
        }
    }
}
