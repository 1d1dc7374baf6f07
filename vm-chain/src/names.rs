//! The names that a scenario gives to addresses, objects and code, looked up in both directions.

use std::collections::BTreeMap;

use vm_core::{Address, Hash, ObjectId};

/// Named addresses (`@name`), objects (`$name`) and hashes of code (`#name`).
#[derive(Clone, Debug, Default)]
pub struct Names {
    addresses: BTreeMap<String, Address>,
    objects: BTreeMap<String, ObjectId>,
    code: BTreeMap<String, Hash>,
    address_names: BTreeMap<Address, String>,
    object_names: BTreeMap<ObjectId, String>,
    code_names: BTreeMap<Hash, String>,
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

    /// Names the hash of a module.
    pub fn add_code(&mut self, name: &str, hash: Hash) {
        self.code.insert(name.to_owned(), hash);
        self.code_names.entry(hash).or_insert_with(|| name.to_owned());
    }

    /// The hash of the module with this name, without its `#`.
    #[must_use]
    pub fn code(&self, name: &str) -> Option<Hash> {
        self.code.get(name).copied()
    }

    /// `#name`, or the hex digits of a hash that is no module's.
    #[must_use]
    pub fn show_hash(&self, hash: &Hash) -> String {
        self.code_names.get(hash).map_or_else(|| hash.to_string(), |name| format!("#{name}"))
    }

    /// All names of modules, with their `#`, in order: for messages.
    #[must_use]
    pub fn list_code(&self) -> String {
        list(self.code.keys().map(|name| format!("#{name}")))
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

    /// The name of whatever has these digits, or the text as it is.
    #[must_use]
    pub fn show(&self, text: &str) -> String {
        let Some(Ok(id)) = text.strip_prefix("0x").map(str::parse::<Hash>) else { return text.to_owned() };
        let address = self.address_names.get(&Address(id.0)).map(|name| format!("@{name}"));
        address
            .or_else(|| self.object_names.get(&ObjectId(id.0)).map(|name| format!("${name}")))
            .or_else(|| self.code_names.get(&id).map(|name| format!("#{name}")))
            .unwrap_or_else(|| text.to_owned())
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
pub fn list(items: impl Iterator<Item = String>) -> String {
    let joined = items.collect::<Vec<_>>().join(", ");
    if joined.is_empty() { "none".to_owned() } else { joined }
}
