//! Waits until somebody has finished setting something.

use std::time::Duration;

use control::ControlSet;
use hub::Controls;
use tokio::{
    sync::watch,
    time::{Instant, timeout_at},
};

/// Changes closer together than this are one change: each costs a restart of the camera.
const SETTLE: Duration = Duration::from_millis(500);
/// Whoever drags a slider for longer than this sees where it is on the way.
const LONGEST: Duration = Duration::from_secs(2);

/// Returns once something else than `running` is wanted, and nothing was changed for a moment.
pub(crate) async fn settled(controls: &mut watch::Receiver<Controls>, running: &ControlSet) {
    loop {
        if controls
            .wait_for(|controls| controls.wanted != *running)
            .await
            .is_err()
        {
            return std::future::pending().await;
        }
        let limit = Instant::now() + LONGEST;
        let mut wanted = controls.borrow().wanted.clone();
        loop {
            let quiet = (Instant::now() + SETTLE).min(limit);
            let change = timeout_at(quiet, controls.wait_for(|now| now.wanted != wanted)).await;
            match change {
                Ok(Ok(newer)) => wanted = newer.wanted.clone(),
                _ => break,
            }
        }
        if wanted != *running {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use control::Class;
    use serde_json::json;

    fn set(zoom: f64) -> ControlSet {
        let patch = json!({ "zoom": zoom });
        ControlSet::default()
            .changed(patch.as_object().unwrap(), Class::Board)
            .unwrap()
    }

    /// Sets the values one after the other, so many milliseconds apart, and returns when it settled and at what.
    async fn check(values: &[f64], apart_ms: u64) -> (u128, ControlSet) {
        let sender = watch::Sender::new(Controls::default());
        let mut receiver = sender.subscribe();
        let begin = Instant::now();
        let drag = async {
            for value in values {
                sender.send_modify(|c| c.wanted = set(*value));
                tokio::time::sleep(Duration::from_millis(apart_ms)).await;
            }
            std::future::pending::<()>().await;
        };
        let running = ControlSet::default();
        tokio::select! {
            () = settled(&mut receiver, &running) => {}
            () = drag => {}
        }
        let now = receiver.borrow().wanted.clone();
        (begin.elapsed().as_millis(), now)
    }

    #[tokio::test(start_paused = true)]
    async fn changes_close_together_are_one() {
        assert_eq!(check(&[2.0], 0).await, (500, set(2.0)));
        assert_eq!(check(&[2.0, 3.0, 4.0], 200).await, (900, set(4.0)));
        let drag: Vec<f64> = (0..100).map(|n| 1.5 + f64::from(n) / 100.0).collect();
        let (after_ms, _) = check(&drag, 100).await;
        assert_eq!(after_ms, 2000, "a long drag shows where it is");
    }

    #[tokio::test(start_paused = true)]
    async fn there_and_back_is_no_change() {
        let sender = watch::Sender::new(Controls::default());
        let mut receiver = sender.subscribe();
        let running = ControlSet::default();
        let back = async {
            sender.send_modify(|c| c.wanted = set(2.0));
            tokio::time::sleep(Duration::from_millis(100)).await;
            sender.send_modify(|c| c.wanted = ControlSet::default());
            tokio::time::sleep(Duration::from_secs(10)).await;
        };
        tokio::select! {
            () = settled(&mut receiver, &running) => panic!("nothing changed"),
            () = back => {}
        }
    }
}
