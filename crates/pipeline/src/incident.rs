//! What a failure becomes in the hub.

use std::time::SystemTime;

use camera::{Failure, Language};
use hub::{Cause, Publisher, Why};

/// Pictures are wanted and do not come.
pub(crate) fn begin(publisher: &Publisher, began: SystemTime, failure: &Failure) {
    publisher.begin_incident(began, cause_of(failure));
}

pub(crate) fn why_of(failure: &Failure) -> Why {
    Why {
        code: failure.code(),
        sentence: failure.sentence(Language::English),
    }
}

fn cause_of(failure: &Failure) -> Cause {
    Cause {
        code: failure.code(),
        sentence: failure.sentence(Language::English),
        advice: failure.advice(),
        detail: failure.detail.clone(),
        words: failure.words.clone(),
    }
}
