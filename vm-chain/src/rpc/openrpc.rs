//! The description of the interface for programs: OpenRPC, made of the table of methods and the schemas of their types.

use schemars::generate::SchemaSettings;
use schemars::{Schema, SchemaGenerator};
use serde_json::{Map, Value, json};

use super::ErrorData;
use super::methods::METHODS;
use super::subscriptions::SUBSCRIPTIONS;

/// Where schemas that several methods share stand in the document.
const COMPONENTS: &str = "/components/schemas";

/// One parameter per property of the schema of a method's parameters.
fn params(schema: Schema) -> Vec<Value> {
    let mut schema = Value::from(schema);
    let required: Vec<Value> = schema.get("required").and_then(Value::as_array).cloned().unwrap_or_default();
    let properties = match schema.get_mut("properties").map(Value::take) {
        Some(Value::Object(properties)) => properties,
        _ => Map::new(),
    };
    let param = |(name, mut schema): (String, Value)| {
        let about = schema.as_object_mut().and_then(|schema| schema.shift_remove("description"));
        json!({
            "name": name,
            "description": about,
            "required": required.contains(&json!(name)),
            "schema": schema,
        })
    };
    properties.into_iter().map(param).collect()
}

/// The document.
#[must_use]
pub fn document() -> Value {
    let settings = SchemaSettings::draft07().with(|settings| {
        settings.definitions_path = COMPONENTS.into();
        settings.meta_schema = None;
    });
    let mut schemas = SchemaGenerator::new(settings);
    let mut methods: Vec<Value> = Vec::new();
    for method in METHODS {
        methods.push(json!({
            "name": method.name,
            "summary": method.about.trim(),
            "paramStructure": "by-name",
            "params": params((method.params)(&mut schemas)),
            "result": { "name": "result", "schema": (method.result)(&mut schemas) },
        }));
    }
    for subscription in SUBSCRIPTIONS {
        methods.push(json!({
            "name": subscription.name,
            "summary": subscription.about,
            "description": "Over WebSocket only. The result names the subscription.",
            "paramStructure": "by-name",
            "params": params((subscription.params)(&mut schemas)),
            "result": { "name": "subscription", "schema": { "type": ["integer", "string"] } },
            "x-notification": {
                "method": subscription.notification,
                "schema": (subscription.item)(&mut schemas),
            },
        }));
        methods.push(json!({
            "name": subscription.unsubscribe,
            "summary": format!("Ends a subscription of {}.", subscription.name),
            "description": "Over WebSocket only.",
            "paramStructure": "by-position",
            "params": [{
                "name": "subscription",
                "required": true,
                "schema": { "type": ["integer", "string"] },
            }],
            "result": { "name": "ended", "schema": { "type": "boolean" } },
        }));
    }
    let error = schemas.subschema_for::<ErrorData>();
    let components = schemas.take_definitions(true);
    json!({
        "openrpc": "1.3.2",
        "info": {
            "title": "vm devnet",
            "description": "JSON-RPC 2.0 over HTTP POST and WebSocket at /. See docs/rpc.md.",
            "version": env!("CARGO_PKG_VERSION"),
        },
        "methods": methods,
        "components": { "schemas": components },
        "x-error-data": error,
    })
}
