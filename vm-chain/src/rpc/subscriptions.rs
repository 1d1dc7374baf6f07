//! What a client can listen to, over WebSocket: the table for the server and the OpenRPC file.

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use vm_core::{Address, Hash};

use crate::api::text::Text;
use crate::api::types::{EventInfo, HeaderInfo};

/// A subscription.
#[derive(Clone, Copy, Debug)]
pub struct Subscription {
    /// The method that begins it.
    pub name: &'static str,
    /// The method that ends it.
    pub unsubscribe: &'static str,
    /// The method name of its notifications.
    pub notification: &'static str,
    /// What it tells.
    pub about: &'static str,
    /// The schema of its parameters, by name.
    pub params: fn(&mut SchemaGenerator) -> Schema,
    /// The schema of what a notification carries.
    pub item: fn(&mut SchemaGenerator) -> Schema,
}

/// Every block that becomes durable.
pub const BLOCKS: Subscription = Subscription {
    name: "vm_subscribe_blocks",
    unsubscribe: "vm_unsubscribe_blocks",
    notification: "vm_block_made",
    about: "Every block, once it is durable; the first may be from just before. After a rollback heights come again.",
    params: NoParams::json_schema,
    item: SchemaGenerator::subschema_for::<BlockNotice>,
};

/// Every event of blocks that become durable.
pub const EVENTS: Subscription = Subscription {
    name: "vm_subscribe_events",
    unsubscribe: "vm_unsubscribe_events",
    notification: "vm_event_logged",
    about: "Every event that the filter wants, once its block is durable.",
    params: EventsParams::json_schema,
    item: SchemaGenerator::subschema_for::<EventInfo>,
};

/// All subscriptions.
pub const SUBSCRIPTIONS: &[Subscription] = &[BLOCKS, EVENTS];

/// No parameters.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NoParams {}

/// Parameters of `vm_subscribe_events`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EventsParams {
    /// Which events (default: all).
    #[serde(default)]
    pub filter: LiveFilter,
}

/// Which events a subscription tells.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LiveFilter {
    /// Only of this contract.
    pub contract: Option<Text<Address>>,
    /// Only with this name.
    pub name: Option<String>,
}

impl LiveFilter {
    /// Whether it wants an event.
    #[must_use]
    pub fn wants(&self, contract: &Address, name: &str) -> bool {
        self.contract.is_none_or(|wanted| wanted.0 == *contract)
            && self.name.as_ref().is_none_or(|wanted| wanted == name)
    }
}

/// A block that was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BlockNotice {
    /// Its header.
    pub header: HeaderInfo,
    /// The hashes of its transactions, in order.
    pub transactions: Vec<Text<Hash>>,
}
