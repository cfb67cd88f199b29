//! What the OpenAPI document says of many routes alike: who may ask, what may go wrong, and what an id or a key looks like.
//! What is a route's own stands at its handler.

use std::collections::BTreeSet;

use accounts::Action;
use axum::http::{Method, StatusCode};
use control::{Class, Kind};
use serde_json::{Map, Value, json};

use crate::{
    access::{Rule, rule_of},
    examples::Examples,
    live::FULL,
};

const METHODS: [&str; 5] = ["get", "put", "post", "patch", "delete"];
const PROBLEM: &str = "application/problem+json";

/// Puts all of it into a document that has the routes. `configuration` is the JSON schema of the configuration.
pub(crate) fn complete(document: &mut Value, configuration: &Value) {
    let examples = Examples::read();
    for (path, item) in entries(&mut document["paths"]) {
        for method in METHODS {
            if let Some(operation) = item.get_mut(method) {
                complete_operation(path, method, operation);
                examples.put_into(operation);
            }
        }
    }
    mend_schemas(document);
    require_what_is_always_there(document);
    // Beside the document: also below a base path, and behind whatever proxy.
    document["servers"] = json!([{"url": ".."}]);
    let components = &mut document["components"];
    components["securitySchemes"] = security_schemes();
    components["responses"] = ANY
        .iter()
        .chain(&MEMBERS)
        .chain(&BODIES)
        .chain([&NO_CAMERA, &FULL_OR_STOPPING])
        .map(|(name, status, about)| ((*name).to_owned(), refusal(*status, about)))
        .collect();
    let schemas = &mut components["schemas"];
    schemas["Controls"] = controls();
    schemas["NewCamera"] = camera(configuration, true);
    schemas["CameraChange"] = camera(configuration, false);
    schemas["CameraTest"] = camera_test(configuration);
}

fn entries(value: &mut Value) -> impl Iterator<Item = (&String, &mut Value)> {
    value.as_object_mut().into_iter().flat_map(Map::iter_mut)
}

/// Name, status and meaning of an answer that many routes give.
type Refusal = (&'static str, StatusCode, &'static str);

/// Before anything is known of who asks.
const ANY: [Refusal; 4] = [
    (
        "BadRequest",
        StatusCode::BAD_REQUEST,
        "The request makes no sense",
    ),
    (
        "Forbidden",
        StatusCode::FORBIDDEN,
        "You may not do this; or your address is not let in; or a page of another site asks for a change",
    ),
    (
        "Misdirected",
        StatusCode::MISDIRECTED_REQUEST,
        "The server is called by a name that it does not know",
    ),
    (
        "TooMany",
        StatusCode::TOO_MANY_REQUESTS,
        "Too many requests from this address or with this account; try again after `Retry-After` seconds",
    ),
];
/// Where one has to be somebody.
const MEMBERS: [Refusal; 3] = [
    (
        "Unauthorized",
        StatusCode::UNAUTHORIZED,
        "Log in first, or what you logged in with does not hold any more",
    ),
    (
        "Broken",
        StatusCode::INTERNAL_SERVER_ERROR,
        "The server could not do it; its log says why",
    ),
    (
        "Unavailable",
        StatusCode::SERVICE_UNAVAILABLE,
        "The server is stopping, or has too many logins to check; try again after `Retry-After` seconds",
    ),
];
/// Where something is sent.
const BODIES: [Refusal; 4] = [
    (
        "Timeout",
        StatusCode::REQUEST_TIMEOUT,
        "The body did not come in time",
    ),
    (
        "TooLarge",
        StatusCode::PAYLOAD_TOO_LARGE,
        "The body is too large",
    ),
    (
        "NotJson",
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "The body does not say that it is JSON",
    ),
    (
        "Unprocessable",
        StatusCode::UNPROCESSABLE_ENTITY,
        "Something in the body cannot be so",
    ),
];
const NO_CAMERA: Refusal = (
    "NoCamera",
    StatusCode::NOT_FOUND,
    "There is no such camera, or none that you may see",
);
/// Streams are refused with text when all places are taken, and with a problem otherwise.
const FULL_OR_STOPPING: Refusal = (
    "Full",
    StatusCode::SERVICE_UNAVAILABLE,
    "Every place is taken (as text), or the login cannot be checked now; try again after `Retry-After` seconds",
);

fn refusal(status: StatusCode, about: &str) -> Value {
    let mut response = json!({"description": about, "content": {PROBLEM: problem(status, about)}});
    if about.starts_with("Every place") {
        response["content"]["text/plain"] = json!({"schema": {"type": "string"}, "example": FULL});
    }
    add_headers(&mut response, status.as_u16());
    response
}

fn problem(status: StatusCode, about: &str) -> Value {
    let title = status.canonical_reason();
    json!({
        "schema": {"$ref": "#/components/schemas/Problem"},
        "example": {"type": "about:blank", "title": title, "status": status.as_u16(), "detail": format!("{about}."), "request_id": "4bf92f3577b34da6"},
    })
}

fn add_headers(response: &mut Value, status: u16) {
    if matches!(status, 429 | 503) {
        let seconds =
            json!({"description": "Seconds", "schema": {"type": "integer", "minimum": 0}});
        response["headers"] = json!({"Retry-After": seconds});
    }
}

fn complete_operation(path: &str, method: &str, operation: &mut Value) {
    let rule = method
        .to_uppercase()
        .parse()
        .ok()
        .and_then(|method: Method| rule_of(&method, path));
    operation["security"] = security(path, rule);
    let parameters = operation
        .get_mut("parameters")
        .and_then(Value::as_array_mut);
    for parameter in parameters.into_iter().flatten() {
        bound(path, parameter);
    }
    if let Some(body) = operation.get_mut("requestBody") {
        body["required"] = true.into();
        mark_bytes(body);
    }
    let body = operation["requestBody"]["content"].as_object().cloned();
    let media = matches!(
        rule,
        Some(Rule::Page | Rule::First(_) | Rule::Camera(Action::Stream | Action::Snapshot))
    );
    let responses = &mut operation["responses"];
    for (status, response) in entries(responses) {
        let code = StatusCode::from_bytes(status.as_bytes()).unwrap_or_default();
        let about = response["description"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        if response["content"].get(PROBLEM).is_some() {
            response["content"][PROBLEM] = problem(code, &about);
        }
        add_headers(response, code.as_u16());
        mark_bytes(response);
    }
    let mut add = |(name, status, _): &Refusal| {
        let status = status.as_str();
        if responses.get(status).is_none() {
            responses[status] = json!({"$ref": format!("#/components/responses/{name}")});
        }
    };
    ANY.iter().for_each(&mut add);
    if !matches!(rule, None | Some(Rule::Open)) {
        MEMBERS.iter().for_each(&mut add);
    }
    if matches!(rule, Some(Rule::Camera(_) | Rule::First(_) | Rule::Page)) {
        add(&NO_CAMERA);
    }
    if let Some(body) = body {
        for refusal in &BODIES {
            let is_json = body.keys().any(|kind| kind.ends_with("json"));
            if is_json || refusal.0 != "NotJson" {
                add(refusal);
            }
        }
    }
    if media {
        if path.ends_with("/stream") || path == "/" {
            responses["503"] = json!({"$ref": "#/components/responses/Full"});
        }
        responses["401"] = json!({"$ref": "#/components/responses/Unauthorized"});
        if matches!(rule, Some(Rule::Page | Rule::First(_))) {
            let location = json!({"description": "The page for it", "schema": {"type": "string"}});
            responses["303"] = json!({
                "description": "Where to log in, for whoever asks for `text/html` without being logged in",
                "headers": {"Location": location},
            });
        }
    }
}

/// Pictures and other files are no lists of numbers.
fn mark_bytes(message: &mut Value) {
    let Some(content) = message.get_mut("content") else {
        return;
    };
    for (kind, content) in entries(content) {
        if !kind.ends_with("json") && !kind.starts_with("text/") {
            content["schema"] = json!({"type": "string", "format": "binary"});
        }
    }
}

/// In which ways one may say who one is.
fn security(path: &str, rule: Option<Rule>) -> Value {
    let action = match rule {
        None | Some(Rule::Open) if path == "/health" => None,
        None | Some(Rule::Open) => return json!([]),
        Some(Rule::Page) => Some(Action::Enter),
        Some(Rule::First(action) | Rule::Camera(action) | Rule::Any(action)) => Some(action),
    };
    let mut ways = vec!["session", "basic"];
    if action != Some(Action::ManageOwn) {
        ways.push("bearer");
    }
    // In an address, a token is good for what a viewer may do.
    if matches!(
        action,
        None | Some(Action::Enter | Action::See | Action::Stream | Action::Snapshot)
    ) {
        ways.push("token");
    }
    if matches!(action, Some(Action::Stream | Action::Snapshot)) {
        ways.push("link");
    }
    let ways = ways.into_iter().map(|way| json!({way: []}));
    let nobody = action.is_none().then(|| json!({}));
    nobody.into_iter().chain(ways).collect()
}

fn security_schemes() -> Value {
    json!({
        "session": {
            "type": "apiKey", "in": "cookie", "name": "session",
            "description": "What `POST /api/v1/session` gives, and what the page uses. Over TLS its name is `__Host-session`. \
                            A browser's change has to come from a page of this server, by its `Origin`; there is no other token to send.",
        },
        "basic": {"type": "http", "scheme": "basic", "description": "Name and password, for programs that know nothing else."},
        "bearer": {"type": "http", "scheme": "bearer", "description": "A token of `POST /api/v1/tokens` or `my-cctv-server token`."},
        "token": {
            "type": "apiKey", "in": "query", "name": "token",
            "description": "A viewer's token in the address, for programs that can send no header. It is never written to a log.",
        },
        "link": {"type": "apiKey", "in": "query", "name": "link", "description": "A link of `POST /api/v1/links`: one camera, for some time."},
    })
}

/// What stands in a path has one look wherever it is.
fn bound(path: &str, parameter: &mut Value) {
    if parameter["name"] == "If-Match" {
        parameter["schema"] = json!({"type": "string", "pattern": "^\"?[^\"\\s]+\"?$"});
        return;
    }
    if parameter["in"] != "path" {
        return;
    }
    let (schema, example) = match parameter["name"].as_str() {
        Some("id") if path.starts_with("/api/v1/cameras/") => (
            json!({"type": "string", "pattern": "^[a-z0-9_-]{1,64}$"}),
            json!("main"),
        ),
        Some("id") if path.starts_with("/api/v1/config/backups/") => (
            json!({"type": "string", "pattern": "^[0-9A-Za-z.-]{1,64}$"}),
            json!("20260131T120000.000Z"),
        ),
        Some("id") => (
            json!({"type": "integer", "format": "int64", "minimum": 0}),
            json!(1),
        ),
        Some("name") if path.starts_with("/api/v1/three/") => (
            json!({"type": "string", "enum": ["model", "background", "house", "plan"]}),
            json!("model"),
        ),
        Some("name") => (
            json!({"type": "string", "minLength": 1, "maxLength": 64, "pattern": "^[^\\s\\u0000-\\u001f\\u007f-\\u009f]([^\\u0000-\\u001f\\u007f-\\u009f]*[^\\s\\u0000-\\u001f\\u007f-\\u009f])?$"}),
            json!("night"),
        ),
        _ => return,
    };
    parameter["schema"] = schema;
    parameter["example"] = example;
}

/// What the derived schemas cannot say, or say wrong.
fn mend_schemas(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            // Numbers without a sign go further than the formats of those with one.
            let limits = [
                ("int32", "uint32", u64::from(u32::MAX)),
                ("int64", "uint64", u64::MAX),
            ];
            let signed = fields.get("format").and_then(Value::as_str);
            let limit = limits.into_iter().find(|(name, ..)| signed == Some(name));
            if let Some((_, unsigned, most)) = limit
                && fields
                    .get("minimum")
                    .and_then(Value::as_i64)
                    .is_some_and(|least| least >= 0)
                && !fields.contains_key("maximum")
            {
                fields.insert("format".to_owned(), unsigned.into());
                fields.insert("maximum".to_owned(), most.into());
            }
            // Null is a value already.
            let is_any = |choice: &Value| choice["$ref"] == "#/components/schemas/Value";
            if fields
                .get("oneOf")
                .and_then(Value::as_array)
                .is_some_and(|choices| choices.iter().any(is_any))
            {
                fields.remove("oneOf");
            }
            fields.values_mut().for_each(mend_schemas);
        }
        Value::Array(items) => items.iter_mut().for_each(mend_schemas),
        _ => {}
    }
}

/// In answers, what may be null is there all the same.
fn require_what_is_always_there(document: &mut Value) {
    let mut asked = BTreeSet::new();
    for item in document["paths"]
        .as_object()
        .into_iter()
        .flat_map(Map::values)
    {
        for operation in METHODS.iter().filter_map(|method| item.get(method)) {
            names_in(&operation["requestBody"], document, &mut asked);
        }
    }
    for (name, schema) in entries(&mut document["components"]["schemas"]) {
        if !asked.contains(name) {
            require(schema);
        }
    }
}

fn require(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            let properties = fields.get("properties").and_then(Value::as_object);
            let always = properties
                .into_iter()
                .flatten()
                .filter(|(_, property)| may_be_null(property))
                .map(|(name, _)| json!(name));
            let mut required = fields
                .get("required")
                .and_then(Value::as_array)
                .cloned()
                .unwrap_or_default();
            for name in always {
                if !required.contains(&name) {
                    required.push(name);
                }
            }
            if !required.is_empty() {
                fields.insert("required".to_owned(), Value::Array(required));
            }
            fields.values_mut().for_each(require);
        }
        Value::Array(items) => items.iter_mut().for_each(require),
        _ => {}
    }
}

fn may_be_null(property: &Value) -> bool {
    let is_null = |value: &Value| value == "null" || value["type"] == "null";
    let lists = ["type", "oneOf", "anyOf"].map(|word| property[word].as_array());
    lists.into_iter().flatten().flatten().any(is_null)
        // Any value at all.
        || !["type", "oneOf", "anyOf", "allOf", "$ref", "enum"].iter().any(|word| property.get(word).is_some())
}

/// The schemas that this speaks of, and those that they speak of.
fn names_in(value: &Value, document: &Value, names: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            let name = fields.get("$ref").and_then(Value::as_str);
            if let Some(name) = name.and_then(|name| name.strip_prefix("#/components/schemas/"))
                && names.insert(name.to_owned())
            {
                names_in(&document["components"]["schemas"][name], document, names);
            }
            for field in fields.values() {
                names_in(field, document, names);
            }
        }
        Value::Array(items) => {
            for item in items {
                names_in(item, document, names);
            }
        }
        _ => {}
    }
}

/// What can be set of a camera on the board, which has every control.
fn controls() -> Value {
    let properties: Map<String, Value> = Class::Board
        .controls()
        .map(|control| {
            let mut schema = match control.kind {
                Kind::Flag => json!({"type": ["boolean", "null"]}),
                Kind::Number {
                    least, most, whole, ..
                } => {
                    let kind = if whole { "integer" } else { "number" };
                    json!({"type": [kind, "null"], "minimum": least, "maximum": most})
                }
                Kind::Choice(words) => {
                    let words = words.iter().map(|word| json!(word)).chain([Value::Null]);
                    json!({"enum": words.collect::<Value>()})
                }
                Kind::Pair { least, most } => {
                    let item = json!({"type": "number", "minimum": least, "maximum": most});
                    json!({"type": ["array", "null"], "items": item, "minItems": 2, "maxItems": 2})
                }
                Kind::Area => {
                    let part = json!({"type": "number", "minimum": 0, "maximum": 1});
                    json!({
                        "type": ["object", "null"],
                        "properties": {"x": part, "y": part, "width": part, "height": part},
                        "required": ["x", "y", "width", "height"],
                    })
                }
            };
            schema["description"] = control.about.into();
            (control.name.to_owned(), schema)
        })
        .collect();
    json!({
        "type": "object",
        "description": "Values by the names of controls; null takes back what was set. `GET /api/v1/cameras/{id}/controls` \
                        says which of them a camera has.",
        "properties": properties,
        "additionalProperties": false,
        "example": {"zoom": 2, "pan": 0.5, "hflip": true},
    })
}

/// The keys of a camera that the API takes, out of the schema of the configuration.
fn camera(configuration: &Value, is_new: bool) -> Value {
    let mut keys = configuration["properties"]["camera"]["items"]["properties"].clone();
    if let Some(keys) = keys.as_object_mut() {
        // What only the file may say.
        keys.retain(|_, key| key["readOnly"] != true);
        if !is_new {
            keys.remove("id");
        }
        for key in keys.values_mut() {
            let kind = key["type"].clone();
            // No value is the same as no key.
            if let Some(kind) = kind.as_str() {
                key["type"] = json!([kind, "null"]);
                if let Some(words) = key.get_mut("enum").and_then(Value::as_array_mut) {
                    words.push(Value::Null);
                }
            }
            if let Some(key) = key.as_object_mut() {
                key.retain(|word, value| {
                    !(word.starts_with("x-") || word == "default" && value.is_null())
                });
            }
        }
    }
    let mut schema = json!({
        "type": "object",
        "description": "Keys of `[[camera]]` in the configuration.",
        "properties": keys,
        "additionalProperties": false,
    });
    if is_new {
        schema["required"] = json!(["id", "source"]);
        schema["properties"]["source"]["type"] = "string".into();
        schema["properties"]["id"] = camera_id();
        schema["example"] = json!({"id": "yard", "name": "Back yard", "source": "http://192.168.1.9/mjpeg", "framerate": 15});
    } else {
        schema["example"] =
            json!({"name": "Front door", "width": 1280, "height": 720, "quality": null});
    }
    schema
}

/// The keys of a camera that is tried before it is kept, or with a change.
fn camera_test(configuration: &Value) -> Value {
    let mut schema = camera(configuration, false);
    let mut id = camera_id();
    // None is the same as no key, as with the others.
    id["type"] = json!(["string", "null"]);
    schema["properties"]["id"] = id;
    schema["example"] = json!({"source": "http://192.168.1.9/mjpeg"});
    schema
}

fn camera_id() -> Value {
    json!({"type": "string", "pattern": "^[a-z0-9_-]{1,64}$", "description": "Stable name for addresses."})
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What nobody would read.
    fn is_file(kind: &str) -> bool {
        let kinds = ["image/", "model/", "multipart/", "application/octet-stream"];
        kinds.iter().any(|begin| kind.starts_with(begin))
    }

    #[test]
    fn every_route_says_all_that_can_be_said() {
        let text = crate::openapi_json(&json!({}));
        let document: Value = serde_json::from_str(&text).unwrap();
        let mut ids = BTreeSet::new();
        for (path, item) in document["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                let name = format!("{method} {path}");
                assert!(
                    ids.insert(operation["operationId"].as_str().unwrap()),
                    "{name}"
                );
                assert!(
                    operation["summary"]
                        .as_str()
                        .is_some_and(|text| !text.is_empty()),
                    "{name}"
                );
                assert!(operation["tags"][0].is_string(), "{name}");
                assert!(operation["security"].is_array(), "{name}");
                for parameter in operation["parameters"].as_array().into_iter().flatten() {
                    let schema = &parameter["schema"];
                    let is_bounded = ["pattern", "enum", "maximum"]
                        .iter()
                        .any(|word| schema.get(word).is_some());
                    assert!(
                        is_bounded || parameter["in"] != "path",
                        "{name}: {parameter}"
                    );
                    assert!(parameter["description"].is_string(), "{name}: {parameter}");
                }
                for (status, response) in operation["responses"].as_object().unwrap() {
                    let problem = match response["$ref"].as_str() {
                        Some(name) => document.pointer(&name[1..]).unwrap(),
                        None => response,
                    };
                    let is_error = status.starts_with(['4', '5']);
                    assert_eq!(
                        problem["content"].get(PROBLEM).is_some(),
                        is_error,
                        "{name}: {status}"
                    );
                }
                // Whatever is no picture or other file is shown, too.
                let body = [("body", &operation["requestBody"])];
                let answers = operation["responses"].as_object().unwrap();
                let good = answers.iter().map(|(status, answer)| (&**status, answer));
                for (status, message) in good.chain(body) {
                    let content = message["content"].as_object().into_iter().flatten();
                    for (kind, content) in content {
                        let schema = content["schema"]["$ref"].as_str();
                        let schema = schema.and_then(|schema| document.pointer(&schema[1..]));
                        let is_shown = content.get("example").is_some()
                            || schema.is_some_and(|schema| schema.get("example").is_some());
                        assert!(
                            is_shown || is_file(kind),
                            "{name}: {status}: no example of {kind}"
                        );
                    }
                }
                let ways = operation["security"].as_array().unwrap();
                let is_open = ways.is_empty() || ways.contains(&json!({}));
                assert!(
                    is_open || operation["responses"].get("401").is_some(),
                    "{name}"
                );
            }
        }
        // What is spoken of is there.
        for part in text.split("\"$ref\": \"#").skip(1) {
            let place = part.split('"').next().unwrap();
            assert!(document.pointer(place).is_some(), "{place}");
        }
    }
}
