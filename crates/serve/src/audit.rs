//! The audit log: looked through page by page, and written out whole.

use std::borrow::Cow;

use accounts::{Noted, Query};
use axum::{
    BoxError, Json,
    body::Body,
    extract::State,
    http::header,
    response::{IntoResponse as _, Response},
};
use bytes::Bytes;
use futures_util::stream;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    api::rfc3339,
    people::List,
    problem::{Asked, Problem},
    state::App,
};

/// Entries of an export that are in memory at a time.
const AT_ONCE: u32 = 500;

/// Which entries.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Filter {
    /// Not older: a time such as `2026-05-01T00:00:00Z`.
    #[param(format = DateTime)]
    from: Option<String>,
    /// Older than this.
    #[param(format = DateTime, example = "2026-06-01T00:00:00Z")]
    to: Option<String>,
    /// By this one: the name of a user, or `token …`, `link …`.
    who: Option<String>,
    /// This action, such as `login failed`.
    action: Option<String>,
    /// On the camera with this id.
    camera: Option<String>,
}

/// Which page of them.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Page {
    /// Only entries with a smaller number: the last one of the page before.
    before: Option<i64>,
    /// So many at most; 100 without it, 10000 at the most.
    limit: Option<u32>,
}

impl Filter {
    fn query(self) -> Result<Query, Problem> {
        let time = |key: &str, text: Option<String>| {
            let parsed = text.map(|text| text.parse::<Timestamp>()).transpose();
            parsed
                .map(|time| time.map(Timestamp::as_millisecond))
                .map_err(|_| {
                    let problem = "expected a time such as `2026-05-01T00:00:00Z`";
                    Problem::with_key(key.to_owned(), problem.to_owned())
                })
        };
        Ok(Query {
            from_ms: time("from", self.from)?,
            to_ms: time("to", self.to)?,
            who: self.who,
            action: self.action,
            camera: self.camera,
            ..Query::default()
        })
    }
}

/// Who logged in, failed, watched, and changed what; newest first.
#[utoipa::path(get, path = "/api/v1/audit", tag = "accounts", operation_id = "audit", params(Filter, Page), responses(
    (status = 200, body = List<Noted>),
    (status = 422, description = "A time that is none", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn list(
    State(app): State<App>,
    Asked(filter): Asked<Filter>,
    Asked(page): Asked<Page>,
) -> Result<Json<List<Noted>>, Problem> {
    let query = Query {
        before: page.before,
        limit: page.limit.unwrap_or(100).min(10_000),
        ..filter.query()?
    };
    let items = app.accounts.audit(&query).await?;
    Ok(Json(List { items }))
}

/// How the log is written out.
#[derive(Clone, Copy, Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Format {
    #[default]
    Csv,
    Jsonl,
}

/// In which form.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Shape {
    /// `csv` or `jsonl`: a JSON object in each line.
    #[serde(default)]
    #[param(value_type = Option<Format>, inline, example = "csv")]
    format: Format,
}

/// The whole log or a part of it as a file, oldest first.
///
/// In CSV, text that a spreadsheet would take for a formula begins with `'`.
#[utoipa::path(get, path = "/api/v1/audit/export", tag = "accounts", operation_id = "export_audit", params(Shape, Filter), responses(
    (status = 200, description = "The file", content((String = "text/csv"), (String = "application/jsonl"))),
    (status = 400, description = "No such format", body = Problem, content_type = "application/problem+json"),
    (status = 422, description = "A time that is none", body = Problem, content_type = "application/problem+json"),
))]
pub(crate) async fn export(
    State(app): State<App>,
    Asked(Shape { format }): Asked<Shape>,
    Asked(filter): Asked<Filter>,
) -> Result<Response, Problem> {
    let query = Query {
        after: Some(0),
        limit: AT_ONCE,
        ..filter.query()?
    };
    // The first page before the head: what does not go is told of by the status.
    let first = app.accounts.audit(&query).await?;
    let (kind, name, head) = match format {
        Format::Csv => (
            "text/csv; charset=utf-8",
            "audit.csv",
            format!("{HEAD}\r\n"),
        ),
        Format::Jsonl => ("application/jsonl", "audit.jsonl", String::new()),
    };
    let fields = [
        (header::CONTENT_TYPE, kind.to_owned()),
        (header::CACHE_CONTROL, "no-store".to_owned()),
        (
            header::CONTENT_DISPOSITION,
            format!("attachment; filename=\"{name}\""),
        ),
    ];
    let begin = (Some((head.into_bytes(), first)), query);
    let pages = stream::try_unfold(begin, move |(begun, mut query)| {
        let accounts = app.accounts.clone();
        async move {
            let (mut bytes, entries) = match begun {
                Some(begun) => begun,
                None => (Vec::new(), accounts.audit(&query).await?),
            };
            query.after = entries.last().map(|entry| entry.id).or(query.after);
            match format {
                Format::Csv => write_csv(&mut bytes, &entries)?,
                Format::Jsonl => write_lines(&mut bytes, &entries)?,
            }
            let page = (!bytes.is_empty()).then(|| (Bytes::from(bytes), (None, query)));
            Ok::<_, BoxError>(page)
        }
    });
    Ok((fields, Body::from_stream(pages)).into_response())
}

const HEAD: &str = "id,time,who,address,action,camera,times,detail";

fn time(entry: &Noted) -> String {
    let time = Timestamp::from_millisecond(entry.at_ms).unwrap_or_default();
    rfc3339(time.into())
}

fn write_csv(bytes: &mut Vec<u8>, entries: &[Noted]) -> Result<(), BoxError> {
    let mut writer = csv::WriterBuilder::new()
        .terminator(csv::Terminator::CRLF)
        .from_writer(bytes);
    for entry in entries {
        writer.write_record([
            &*entry.id.to_string(),
            &*time(entry),
            &*harmless(&entry.who),
            &*harmless(&entry.address),
            &*harmless(&entry.action),
            &*harmless(entry.camera.as_deref().unwrap_or_default()),
            &*entry.times.to_string(),
            &*harmless(&entry.detail),
        ])?;
    }
    writer.flush()?;
    Ok(())
}

/// Names come from outside, and spreadsheets run what begins like a formula.
fn harmless(text: &str) -> Cow<'_, str> {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']) {
        format!("'{text}").into()
    } else {
        text.into()
    }
}

fn write_lines(bytes: &mut Vec<u8>, entries: &[Noted]) -> Result<(), BoxError> {
    #[derive(Serialize)]
    struct Line<'a> {
        time: String,
        #[serde(flatten)]
        entry: &'a Noted,
    }
    for entry in entries {
        let time = time(entry);
        serde_json::to_writer(&mut *bytes, &Line { time, entry })?;
        bytes.push(b'\n');
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noted(who: &str, detail: &str) -> Noted {
        Noted {
            id: 7,
            at_ms: 1_800_000_000_123,
            who: who.to_owned(),
            address: "[::1]:9".to_owned(),
            action: "login failed".to_owned(),
            camera: None,
            times: 3,
            detail: detail.to_owned(),
        }
    }

    fn check(who: &str, detail: &str, want: &str) {
        let mut bytes = Vec::new();
        write_csv(&mut bytes, &[noted(who, detail)]).unwrap();
        let text = String::from_utf8(bytes).unwrap();
        let begin = "7,2027-01-15T08:00:00.123Z,";
        let rest = text.strip_prefix(begin).unwrap_or_else(|| panic!("{text}"));
        assert_eq!(rest, format!("{want}\r\n"));
    }

    #[test]
    fn a_line_of_csv_is_a_line_and_no_formula() {
        check("kim", "", "kim,[::1]:9,login failed,,3,");
        check(
            "a,b",
            "say \"hi\"",
            "\"a,b\",[::1]:9,login failed,,3,\"say \"\"hi\"\"\"",
        );
        check("x\ny", "", "\"x\ny\",[::1]:9,login failed,,3,");
        for (who, want) in [
            ("=1+1", "'=1+1"),
            ("+1", "'+1"),
            ("-1", "'-1"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("\t=1", "'\t=1"),
            ("a=1", "a=1"),
        ] {
            check(who, "", &format!("{want},[::1]:9,login failed,,3,"));
        }
    }

    #[test]
    fn a_line_of_json_has_all_of_it() {
        let mut bytes = Vec::new();
        write_lines(&mut bytes, &[noted("x\ny", ""), noted("b", "")]).unwrap();
        let text = String::from_utf8(bytes).unwrap();
        let lines: Vec<serde_json::Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!((lines.len(), &lines[0]["who"]), (2, &"x\ny".into()));
        assert_eq!(lines[0]["time"], "2027-01-15T08:00:00.123Z");
    }
}
