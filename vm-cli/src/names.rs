//! The names that a scenario gives to addresses and objects, looked up in both directions.

use std::collections::BTreeMap;

use vm_core::{Address, ObjectId};

/// Named addresses (`@name`) and objects (`$name`).
#[derive(Clone, Debug, Default)]
pub struct Names {
    addresses: BTreeMap<String, Address>,
    objects: BTreeMap<String, ObjectId>,
    address_names: BTreeMap<Address, String>,
    object_names: BTreeMap<ObjectId, String>,
}

impl Names {
    /// Names `address`; false, and nothing changes, if the name is taken.
    pub fn add_address(&mut self, name: &str, address: Address) -> bool {
        if self.addresses.contains_key(name) {
            return false;
        }
        self.addresses.insert(name.to_owned(), address);
        self.address_names.entry(address).or_insert_with(|| name.to_owned());
        true
    }

    /// Names `object`. A later name of the same text replaces the earlier.
    pub fn add_object(&mut self, name: &str, object: ObjectId) {
        self.objects.insert(name.to_owned(), object);
        self.object_names.entry(object).or_insert_with(|| name.to_owned());
    }

    /// The address with this name, without its `@`.
    #[must_use]
    pub fn address(&self, name: &str) -> Option<Address> {
        self.addresses.get(name).copied()
    }

    /// The object with this name, without its `$`.
    #[must_use]
    pub fn object(&self, name: &str) -> Option<ObjectId> {
        self.objects.get(name).copied()
    }

    /// `@name`, or the hex digits of an address without a name.
    #[must_use]
    pub fn show_address(&self, address: &Address) -> String {
        self.address_names.get(address).map_or_else(|| address.to_string(), |name| format!("@{name}"))
    }

    /// `$name`, or the hex digits of an object without a name.
    #[must_use]
    pub fn show_object(&self, object: &ObjectId) -> String {
        self.object_names.get(object).map_or_else(|| object.to_string(), |name| format!("${name}"))
    }

    /// The same names of addresses, and none of objects.
    #[must_use]
    pub fn without_objects(self) -> Self {
        Self { objects: BTreeMap::new(), object_names: BTreeMap::new(), ..self }
    }

    /// Every name with its digits: addresses first.
    #[must_use]
    pub fn all(&self) -> Vec<(String, serde_json::Value)> {
        let addresses = self.addresses.iter().map(|(name, id)| (format!("@{name}"), id.to_string()));
        let objects = self.objects.iter().map(|(name, id)| (format!("${name}"), id.to_string()));
        addresses.chain(objects).map(|(name, digits)| (name, digits.into())).collect()
    }

    /// All names of addresses, with their `@`, in order: for messages.
    #[must_use]
    pub fn list_addresses(&self) -> String {
        list(self.addresses.keys().map(|name| format!("@{name}")))
    }

    /// All names of objects, with their `$`, in order: for messages.
    #[must_use]
    pub fn list_objects(&self) -> String {
        list(self.objects.keys().map(|name| format!("${name}")))
    }
}

/// `a, b, c`, or `none`.
pub(crate) fn list(items: impl Iterator<Item = String>) -> String {
    let joined = items.collect::<Vec<_>>().join(", ");
    if joined.is_empty() { "none".to_owned() } else { joined }
}
