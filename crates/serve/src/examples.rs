//! What bodies and answers look like, for the document: real ones, shortened. `tests/contract` holds them against the schemas.

use serde_json::{Map, Value};

/// By the names of schemas; where the same schema means different things, or there is none, by the route's id, with the kind of
/// content behind it.
pub(crate) struct Examples {
    requests: Map<String, Value>,
    answers: Map<String, Value>,
}

impl Examples {
    pub(crate) fn read() -> Self {
        let text = include_str!("examples.json");
        let mut all: Map<String, Value> =
            serde_json::from_str(text).expect("a file of ours that a test reads");
        let mut take = |name| match all.remove(name) {
            Some(Value::Object(examples)) => examples,
            _ => Map::new(),
        };
        Self {
            requests: take("request"),
            answers: take("answer"),
        }
    }

    /// Shows the body and the answers of a route that are no refusals.
    pub(crate) fn put_into(&self, operation: &mut Value) {
        let id = operation["operationId"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        if let Some(body) = operation.get_mut("requestBody") {
            show(&self.requests, &id, body);
        }
        let answers = operation["responses"].as_object_mut();
        for (status, answer) in answers.into_iter().flatten() {
            if status.starts_with('2') {
                show(&self.answers, &id, answer);
            }
        }
    }
}

fn show(examples: &Map<String, Value>, id: &str, message: &mut Value) {
    let content = message.get_mut("content").and_then(Value::as_object_mut);
    for (kind, content) in content.into_iter().flatten() {
        let schema = content["schema"]["$ref"].as_str().unwrap_or_default();
        let schema = schema.rsplit('/').next().unwrap_or_default();
        let names = [&format!("{id} {kind}"), id, schema];
        if let Some(example) = names.iter().find_map(|name| examples.get(*name)) {
            content["example"] = example.clone();
        }
    }
}
