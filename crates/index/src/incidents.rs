//! Incidents as rows.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hub::{BoardHealth, Cause, Incident, Step, Throttled};
use sqlx::{QueryBuilder, Row as _, Sqlite, SqlitePool, sqlite::SqliteRow};

use crate::{Error, Query};

/// The largest number that was ever given.
pub(crate) async fn last_id(pool: &SqlitePool) -> Result<u64, Error> {
    let row = sqlx::query("SELECT seq FROM sqlite_sequence WHERE name = 'incidents'")
        .fetch_optional(pool)
        .await?;
    let seq: Option<i64> = row.map(|row| row.try_get(0)).transpose()?;
    Ok(seq.and_then(|seq| seq.try_into().ok()).unwrap_or_default())
}

/// Those that go on, the oldest first.
pub(crate) async fn open(pool: &SqlitePool) -> Result<Vec<Incident>, Error> {
    let rows = sqlx::query("SELECT * FROM incidents WHERE ended_ms IS NULL ORDER BY id")
        .fetch_all(pool)
        .await?;
    read_all(&rows)
}

/// Those that are wanted, the newest first.
pub(crate) async fn select(
    pool: &SqlitePool,
    query: &Query,
    limit: u32,
) -> Result<Vec<Incident>, Error> {
    let Query {
        before,
        cameras,
        with_server,
        cause,
        is_open,
    } = query;
    let mut sql = QueryBuilder::<Sqlite>::new("SELECT * FROM incidents WHERE (");
    match cameras {
        None => {
            sql.push("camera IS NOT NULL");
        }
        Some(cameras) => {
            sql.push("camera IN (");
            let mut list = sql.separated(", ");
            for camera in cameras {
                list.push_bind(camera);
            }
            sql.push(")");
        }
    }
    sql.push(if *with_server {
        " OR camera IS NULL)"
    } else {
        ")"
    });
    if let Some(before) = before {
        sql.push(" AND id < ").push_bind(signed(*before));
    }
    if let Some(cause) = cause {
        sql.push(" AND cause = ").push_bind(cause);
    }
    match is_open {
        Some(true) => sql.push(" AND ended_ms IS NULL"),
        Some(false) => sql.push(" AND ended_ms IS NOT NULL"),
        None => &mut sql,
    };
    sql.push(" ORDER BY id DESC LIMIT ").push_bind(limit);
    let rows = sql.build().fetch_all(pool).await?;
    read_all(&rows)
}

/// Writes them, those that are there already too. All or nothing.
pub(crate) async fn write<'a>(
    pool: &SqlitePool,
    incidents: impl Iterator<Item = &'a Incident>,
) -> Result<(), Error> {
    let mut tx = pool.begin().await?;
    for incident in incidents {
        let Incident {
            id,
            camera,
            began,
            ended,
            cause,
            board,
            restarts,
            steps,
        } = incident;
        let steps: Vec<_> = steps.iter().map(|s| (ms(s.at), &s.what)).collect();
        let throttled = board.and_then(|board| board.throttled);
        sqlx::query(
            "INSERT OR REPLACE INTO incidents (id, camera, began_ms, ended_ms, cause, message, advice, detail, words, \
             throttled_bits, temperature_c, restarts, steps) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(signed(*id))
        .bind(camera.as_ref().map(|camera| camera.as_str()))
        .bind(ms(*began))
        .bind(ended.map(ms))
        .bind(&*cause.code)
        .bind(&*cause.sentence)
        .bind(&*cause.advice)
        .bind(&cause.detail)
        .bind(json(&cause.words))
        .bind(throttled.map(|Throttled(bits)| bits))
        .bind(board.and_then(|board| board.temperature_c))
        .bind(restarts)
        .bind(json(&steps))
        .execute(&mut *tx)
        .await?;
    }
    tx.commit().await?;
    Ok(())
}

/// Forgets what ended before, and the oldest of those that are too many. Writes nothing if there are none.
pub(crate) async fn forget(pool: &SqlitePool, before: SystemTime, most: u32) -> Result<u64, Error> {
    let old = sqlx::query("DELETE FROM incidents WHERE ended_ms < ?")
        .bind(ms(before))
        .execute(pool)
        .await?;
    let many = sqlx::query(
        "DELETE FROM incidents WHERE ended_ms IS NOT NULL AND id <= \
         (SELECT id FROM incidents INDEXED BY incidents_of_camera ORDER BY id DESC LIMIT 1 OFFSET ?)",
    )
    .bind(most)
    .execute(pool)
    .await?;
    Ok(old.rows_affected() + many.rows_affected())
}

/// One that makes no sense does not hide the others.
fn read_all(rows: &[SqliteRow]) -> Result<Vec<Incident>, Error> {
    let makes_sense = |row: &Result<Incident, Error>| !matches!(row, Err(Error::Nonsense(_)));
    rows.iter().map(read).filter(makes_sense).collect()
}

fn read(row: &SqliteRow) -> Result<Incident, Error> {
    let id: i64 = row.try_get("id")?;
    let nonsense = || Error::Nonsense(id);
    let text = |name: &str| row.try_get::<String, _>(name);
    let camera: Option<String> = row.try_get("camera")?;
    let throttled: Option<u32> = row.try_get("throttled_bits")?;
    let temperature_c: Option<f64> = row.try_get("temperature_c")?;
    let ended: Option<i64> = row.try_get("ended_ms")?;
    let steps: Vec<(i64, String)> =
        serde_json::from_str(&text("steps")?).map_err(|_| nonsense())?;
    let step = |(at, what)| Step { at: time(at), what };
    Ok(Incident {
        id: u64::try_from(id).map_err(|_| nonsense())?,
        camera: camera
            .map(|id| id.parse())
            .transpose()
            .map_err(|_| nonsense())?,
        began: time(row.try_get("began_ms")?),
        ended: ended.map(time),
        cause: Cause {
            code: text("cause")?.into(),
            sentence: text("message")?.into(),
            advice: text("advice")?.into(),
            detail: text("detail")?,
            words: serde_json::from_str(&text("words")?).map_err(|_| nonsense())?,
        },
        board: (throttled.is_some() || temperature_c.is_some()).then_some(BoardHealth {
            throttled: throttled.map(Throttled),
            temperature_c,
        }),
        restarts: row.try_get("restarts")?,
        steps: steps.into_iter().map(step).collect(),
    })
}

fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).expect("lists of text and numbers")
}

fn signed(id: u64) -> i64 {
    i64::try_from(id).unwrap_or(i64::MAX)
}

fn ms(time: SystemTime) -> i64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

fn time(ms: i64) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(ms.try_into().unwrap_or_default())
}
