//! The names of the fields in which a collection keeps its entries.

use vm_core::ErrorCode;

use crate::codec::Encode;
use crate::error::Result;
use crate::sys;

use super::Place;

/// Keys up to this many bytes stand in the name as they are.
const PLAIN_MAX: usize = 32;
/// Longer names are beyond every limit that a chain may set.
const NAME_MAX: usize = 256;

impl Place {
    /// Hands the name of the entry with a key to `f`. `K` decides how keys are written, so that no key of a map can
    /// look like another's digest.
    #[inline]
    pub(super) fn with_key<K: Encode, Q: Encode + ?Sized, R>(
        &self,
        key: &Q,
        f: impl FnOnce(&[u8]) -> Result<R>,
    ) -> Result<R> {
        key.using_encoded(|key| {
            if matches!(K::MAX_LEN, Some(bound) if bound <= PLAIN_MAX) {
                self.with_suffix(key, f)
            } else {
                self.with_suffix(&sys::blake3(key).0, f)
            }
        })
    }

    /// Hands the name of the entry at a place in a list to `f`.
    #[inline]
    pub(super) fn with_index<R>(&self, index: u32, f: impl FnOnce(&[u8]) -> Result<R>) -> Result<R> {
        self.with_suffix(&index.to_le_bytes(), f)
    }

    #[inline]
    fn with_suffix<R>(&self, suffix: &[u8], f: impl FnOnce(&[u8]) -> Result<R>) -> Result<R> {
        let mut buffer = [0; NAME_MAX];
        match join(&mut buffer, self.own(), suffix) {
            Some(name) => f(name),
            None => Err(ErrorCode::FieldNameSize.into()),
        }
    }
}

/// `name`, a colon, `suffix`.
#[inline(never)]
fn join<'a>(buffer: &'a mut [u8; NAME_MAX], name: &[u8], suffix: &[u8]) -> Option<&'a [u8]> {
    let colon = name.len();
    let start = colon.checked_add(1)?;
    let end = start.checked_add(suffix.len())?;
    buffer.get_mut(..colon)?.copy_from_slice(name);
    *buffer.get_mut(colon)? = b':';
    buffer.get_mut(start..end)?.copy_from_slice(suffix);
    buffer.get(..end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_joined_by_a_colon_and_too_long_ones_are_refused() {
        let mut buffer = [0; NAME_MAX];
        assert_eq!(join(&mut buffer, b"votes", &[1, 2]), Some(&b"votes:\x01\x02"[..]));
        assert_eq!(join(&mut buffer, b"a", &[7; 254]).map(<[u8]>::len), Some(256));
        assert_eq!(join(&mut buffer, b"a", &[7; 255]), None);
        assert_eq!(join(&mut buffer, &[b'a'; 256], &[]), None);
    }
}
