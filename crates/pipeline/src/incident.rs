//! What a failure becomes in the hub, and how the board was then.

use std::time::SystemTime;

use camera::{Failure, Language};
use hub::{Cause, Publisher, Why};

/// Pictures are wanted and do not come.
pub(crate) fn begin(publisher: &Publisher, began: SystemTime, failure: &Failure) {
    let Some(id) = publisher.begin_incident(began, cause_of(failure)) else {
        return;
    };
    let stream = publisher.stream().clone();
    // Recovery does not wait for it.
    tokio::spawn(async move {
        if let Some(health) = board::health().await {
            stream.publisher().note_board(id, health);
        }
    });
}

pub(crate) fn why_of(failure: &Failure) -> Why {
    Why {
        code: failure.code(),
        sentence: failure.sentence(Language::English),
    }
}

fn cause_of(failure: &Failure) -> Cause {
    Cause {
        code: failure.code().into(),
        sentence: failure.sentence(Language::English).into(),
        advice: failure.advice().into(),
        detail: failure.detail.clone(),
        words: failure.words.clone(),
    }
}
