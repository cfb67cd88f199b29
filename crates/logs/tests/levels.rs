//! What was set for a time is over by itself. One process has one log, so this is a test of its own.

use std::time::Duration;

use logs::{Config, Format, Query};
use tracing::{debug, info};

#[tokio::test]
async fn other_levels_for_a_while() {
    let logs = logs::start(Config {
        level: "info".to_owned(),
        format: Format::Json,
        folder: None,
    })
    .unwrap();
    let running = tokio::spawn(logs.clone().run());
    let mut news = logs.watch();
    debug!("before");
    logs.set("debug", Some(Duration::from_millis(200))).unwrap();
    debug!("meanwhile");
    assert!(logs.levels().until.is_some());
    // Back by itself: that is said.
    loop {
        news.changed().await.unwrap();
        if logs.levels().level == "info" {
            break;
        }
    }
    assert_eq!(logs.levels().until, None);
    debug!("afterwards");
    info!("the end");
    let query = Query {
        most: 100,
        ..Query::default()
    };
    let lines = logs.tail(&query).lines;
    let said: Vec<_> = lines.iter().map(|line| line.message.as_str()).collect();
    let over = "the time for other log levels is over: the configuration's hold again";
    assert_eq!(said, ["meanwhile", over, "the end"]);
    // What is set without a time holds until somebody says otherwise.
    logs.set("warn", None).unwrap();
    assert_eq!(logs.configure("info", false), Ok(()));
    assert_eq!(logs.levels().level, "warn");
    logs.configure("error", false).unwrap();
    assert_eq!(logs.levels().level, "error");
    assert!(logs.set("loud", None).is_err());
    running.abort();
}
