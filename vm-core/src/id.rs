//! The 32-byte names of things: newtypes, so that an address can't be passed where an object id is meant.
//!
//! Text form: `0x` and 64 lower-case hex digits. Parsing takes either case, with or without the prefix, and
//! refuses any other length or digit.

use core::fmt;
use core::str::FromStr;

use parity_scale_codec::{Decode, Encode};

/// Why a text is not a 32-byte id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseIdError {
    /// The text does not have 64 hex digits after the optional `0x`.
    #[error("expected 64 hex digits (32 bytes), found {found} characters")]
    Length {
        /// How many characters follow the optional prefix.
        found: usize,
    },
    /// A character that is no hex digit.
    #[error("character {found:?} at position {at} is not a hex digit")]
    Digit {
        /// The character.
        found: char,
        /// Its position in the text, prefix not counted, from 0.
        at: usize,
    },
}

fn parse(text: &str) -> Result<[u8; 32], ParseIdError> {
    let digits = text.strip_prefix("0x").unwrap_or(text);
    if let Some((at, found)) = digits.chars().enumerate().find(|(_, c)| !c.is_ascii_hexdigit()) {
        return Err(ParseIdError::Digit { found, at });
    }
    let mut bytes = [0; 32];
    hex::decode_to_slice(digits, &mut bytes).map_err(|_| ParseIdError::Length { found: digits.len() })?;
    Ok(bytes)
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
        pub struct $name(pub [u8; 32]);

        impl $name {
            /// How many bytes one has.
            pub const LEN: usize = 32;
            /// All bytes zero.
            pub const ZERO: Self = Self([0; 32]);

            /// The bytes.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; 32] {
                &self.0
            }
        }

        impl From<[u8; 32]> for $name {
            fn from(bytes: [u8; 32]) -> Self {
                Self(bytes)
            }
        }

        impl AsRef<[u8]> for $name {
            fn as_ref(&self) -> &[u8] {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("0x")?;
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        impl FromStr for $name {
            type Err = ParseIdError;

            fn from_str(text: &str) -> Result<Self, ParseIdError> {
                parse(text).map(Self)
            }
        }
    };
}

id! {
    /// An account or a contract. What an account's address stands for (a key's hash, say) is the chain's choice.
    Address
}
id! {
    /// An object. Derived by the host, never chosen by a contract ([`ObjectId::derive`]).
    ObjectId
}
id! {
    /// A blake3 digest: of code, a transaction, a block, a trie node.
    Hash
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn text_round_trips_with_and_without_prefix() {
        let id = Address([0xab; 32]);
        let text = id.to_string();
        assert_eq!(text.len(), 66);
        assert_eq!(text.parse::<Address>(), Ok(id));
        assert_eq!(text.trim_start_matches("0x").to_uppercase().parse::<Address>(), Ok(id));
    }

    #[test]
    fn wrong_length_and_bad_digits_are_refused() {
        assert_eq!("0x12".parse::<Hash>(), Err(ParseIdError::Length { found: 2 }));
        assert_eq!("".parse::<Hash>(), Err(ParseIdError::Length { found: 0 }));
        assert_eq!("a".repeat(65).parse::<Hash>(), Err(ParseIdError::Length { found: 65 }));
        let bad = alloc::format!("0x{}g", "0".repeat(63));
        assert_eq!(bad.parse::<ObjectId>(), Err(ParseIdError::Digit { found: 'g', at: 63 }));
        assert_eq!("é".parse::<ObjectId>(), Err(ParseIdError::Digit { found: 'é', at: 0 }));
    }
}
