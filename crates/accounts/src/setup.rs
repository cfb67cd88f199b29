//! The code that makes the first administrator. Pure: time is an argument.

use subtle::ConstantTimeEq as _;

use crate::secret::{self, Secret};

/// It holds for so long.
const HOLDS_S: i64 = 3600;

/// A code, kept in memory alone: a new start makes a new one.
#[derive(Debug)]
pub(crate) struct SetUp {
    code: Secret,
    until_s: i64,
}

impl SetUp {
    pub(crate) fn new(now_s: i64) -> Self {
        Self {
            code: Secret::short(),
            until_s: now_s + HOLDS_S,
        }
    }

    pub(crate) fn code(&self) -> &Secret {
        &self.code
    }

    /// Whether this is the code, and still holds.
    pub(crate) fn is_code(&self, text: &str, now_s: i64) -> bool {
        let is_same = secret::hash(self.code.expose()).ct_eq(&secret::hash(text));
        bool::from(is_same) && now_s < self.until_s
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_holds_for_an_hour() {
        let setup = SetUp::new(1_000);
        let code = setup.code().expose().to_owned();
        assert!(setup.is_code(&code, 1_000) && setup.is_code(&code, 4_599));
        assert!(!setup.is_code(&code, 4_600), "an hour later");
        assert!(!setup.is_code("", 1_000) && !setup.is_code(&code[1..], 1_000));
        assert!(
            !SetUp::new(1_000).is_code(&code, 1_000),
            "another start has another one"
        );
    }
}
