//! How ids, numbers and bytes stand in JSON.
//!
//! Ids and amounts are strings: ids as `0x` and 64 digits, amounts in decimal, since JavaScript's numbers end at 2^53.
//! Heights, indices, times and gas are numbers.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, Error as _};
use serde::ser::{Serialize, Serializer};
use vm_core::{Address, Hash, ObjectId};

/// A value in its text form.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Text<T>(pub T);

impl<T> From<T> for Text<T> {
    fn from(value: T) -> Self {
        Self(value)
    }
}

impl<T: fmt::Display> fmt::Display for Text<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<T: fmt::Display> Serialize for Text<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de, T: FromStr<Err: fmt::Display>> Deserialize<'de> for Text<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map(Self).map_err(D::Error::custom)
    }
}

/// The schema of a text form.
pub trait TextForm {
    /// Its name in schemas.
    const NAME: &'static str;
    /// The regular expression that it matches.
    const PATTERN: &'static str;
}

macro_rules! forms {
    ($($ty:ty: $name:literal, $pattern:literal;)+) => {
        $(impl TextForm for $ty {
            const NAME: &'static str = $name;
            const PATTERN: &'static str = $pattern;
        })+
    };
}

forms! {
    Address: "Address", "^0x[0-9a-f]{64}$";
    ObjectId: "ObjectId", "^0x[0-9a-f]{64}$";
    Hash: "Hash", "^0x[0-9a-f]{64}$";
    u64: "Amount", "^[0-9]{1,20}$";
}

impl<T: TextForm> JsonSchema for Text<T> {
    fn schema_name() -> Cow<'static, str> {
        T::NAME.into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": T::PATTERN })
    }
}

/// Bytes: `0x` and hex digits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HexBytes(pub Vec<u8>);

impl From<Vec<u8>> for HexBytes {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

impl fmt::Display for HexBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "0x{}", hex::encode(&self.0))
    }
}

impl Serialize for HexBytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for HexBytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        let digits = text.strip_prefix("0x").ok_or_else(|| D::Error::custom("bytes begin with 0x"))?;
        hex::decode(digits).map(Self).map_err(D::Error::custom)
    }
}

impl JsonSchema for HexBytes {
    fn schema_name() -> Cow<'static, str> {
        "Bytes".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^0x([0-9a-f]{2})*$" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_forms_round_trip_and_others_are_refused() {
        let address = Text(Address([0xab; 32]));
        let json = serde_json::to_string(&address).unwrap();
        assert_eq!(serde_json::from_str::<Text<Address>>(&json).unwrap(), address);
        assert_eq!(serde_json::to_string(&Text(u64::MAX)).unwrap(), "\"18446744073709551615\"");
        assert!(serde_json::from_str::<Text<u64>>("\"-1\"").is_err());
        assert!(serde_json::from_str::<Text<Hash>>("\"0x12\"").is_err());
        let bytes = HexBytes(vec![0, 255]);
        assert_eq!(serde_json::to_string(&bytes).unwrap(), "\"0x00ff\"");
        assert_eq!(serde_json::from_str::<HexBytes>("\"0x00ff\"").unwrap(), bytes);
        for bad in ["\"00ff\"", "\"0x0\"", "\"0xzz\"", "7"] {
            assert!(serde_json::from_str::<HexBytes>(bad).is_err(), "{bad}");
        }
    }
}
