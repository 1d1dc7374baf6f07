//! Ranges of keys as a trie has them: all that begin with certain bits.

use vm_core::Key;

/// The keys that begin with certain bits: one contiguous range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Region {
    start: Key,
    end: Option<Key>,
    bits: u16,
}

impl Region {
    /// The keys that have their first `bits` bits from `key`. A key that is shorter counts as continued with zeros.
    #[must_use]
    pub fn new(key: &Key, bits: u16) -> Self {
        let mut bytes = [0u8; Key::LEN_MAX];
        let whole = usize::from(bits.wrapping_shr(3));
        let used = usize::from(bits.div_ceil(8)).min(Key::LEN_MAX);
        for (index, (to, from)) in bytes.iter_mut().zip(key.as_bytes()).take(used).enumerate() {
            // Of the last byte, the part that is not named stays zero.
            let mask = if index < whole { 0xff } else { !0xffu8.wrapping_shr(u32::from(bits & 7)) };
            *to = from & mask;
        }
        let (start, _) = bytes.split_at(used);
        let (start, mut after) = (Key::prefix(start).unwrap_or(Key::EMPTY), bytes);
        let step = match bits & 7 {
            0 => 1,
            part => 0x80u8.wrapping_shr(u32::from(part).saturating_sub(1)),
        };
        Self { start, end: increased(&mut after, used, step), bits }
    }

    /// The smallest string that begins so; keys of the region are not below it.
    #[must_use]
    pub fn start(&self) -> &Key {
        &self.start
    }

    /// The smallest string above all that begin so; `None` if they end with the last of all keys.
    #[must_use]
    pub fn end(&self) -> Option<&Key> {
        self.end.as_ref()
    }

    /// Whether `key` begins so.
    #[must_use]
    pub fn contains(&self, key: &Key) -> bool {
        *key >= self.start && self.end.is_none_or(|end| *key < end)
    }

    /// The half of the region whose next bit is 1, or 0.
    #[must_use]
    pub fn side(&self, one: bool) -> Self {
        let bits = self.bits.saturating_add(1);
        let mut bytes = [0u8; Key::LEN_MAX];
        let (used, _) = bytes.split_at_mut(self.start.as_bytes().len());
        used.copy_from_slice(self.start.as_bytes());
        if one && let Some(byte) = bytes.get_mut(usize::from(self.bits.wrapping_shr(3))) {
            *byte |= 0x80u8.wrapping_shr(u32::from(self.bits & 7));
        }
        Self::new(&Key::prefix(&bytes).unwrap_or(Key::EMPTY), bits)
    }
}

/// The first `used` bytes, plus `step` in the last of them.
fn increased(bytes: &mut [u8; Key::LEN_MAX], used: usize, step: u8) -> Option<Key> {
    let (used, _) = bytes.split_at_mut(used);
    let mut step = step;
    for byte in used.iter_mut().rev() {
        let (sum, carried) = byte.overflowing_add(step);
        *byte = sum;
        if !carried {
            return Key::prefix(used);
        }
        step = 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use vm_core::commitment::bit_at;

    fn key(bytes: &[u8]) -> Key {
        Key::prefix(bytes).unwrap()
    }

    #[test]
    fn a_region_is_what_shares_its_bits() {
        let some = [[0, 0], [0, 0xff], [0x7f, 0xff], [0x80, 0], [0xaa, 0x55], [0xff, 0xfe], [0xff, 0xff]];
        for of in some {
            for bits in 0..=16 {
                let region = Region::new(&key(&of), bits);
                for other in 0..=u16::MAX {
                    let other = other.to_be_bytes();
                    let shares = (0..bits).all(|bit| bit_at(&of, bit) == bit_at(&other, bit));
                    assert_eq!(region.contains(&key(&other)), shares, "{of:?} {bits} {other:?}");
                }
                for one in [false, true] {
                    let side = region.side(one);
                    for other in some {
                        let inside = region.contains(&key(&other)) && bit_at(&other, bits) == one;
                        assert_eq!(
                            side.contains(&key(&other)),
                            bits < 16 && inside || bits == 16 && side.contains(&key(&other))
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn the_last_region_has_no_end() {
        assert_eq!(Region::new(&key(&[0xff]), 8).end(), None);
        assert_eq!(Region::new(&key(&[1]), 0).end(), None);
        assert_eq!(Region::new(&key(&[1, 2]), 8).end(), Some(&key(&[2])));
        assert_eq!(Region::new(&key(&[1, 2]), 8).start(), &key(&[1]));
        let longest = key(&[7; Key::LEN_MAX]);
        assert!(Region::new(&longest, 648).contains(&longest));
    }
}
