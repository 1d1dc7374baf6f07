//! The root by `docs/format.md` section 5, word by word: no eye on cost, nothing of the crate's own.

/// blake3 under a name padded with zeros to 32 bytes; the last two bytes may hold a bit index.
pub(crate) fn keyed(name: &str, bit: u16, data: &[u8]) -> [u8; 32] {
    let mut key = [0; 32];
    key[..name.len()].copy_from_slice(name.as_bytes());
    if bit > 0 {
        key[30..].copy_from_slice(&bit.to_be_bytes());
    }
    *blake3::keyed_hash(&key, data).as_bytes()
}

/// Bit `index`, counted from the most significant of byte 0; zero past the end.
pub(crate) fn bit(key: &[u8], index: usize) -> bool {
    key.get(index / 8).is_some_and(|byte| byte & (0x80 >> (index % 8)) != 0)
}

/// The definition, word by word, over keys and hashes of values.
pub(crate) fn root_of(pairs: &[(&[u8], [u8; 32])]) -> [u8; 32] {
    match pairs {
        [] => [0; 32],
        [(key, value_hash)] => keyed("vm/1/leaf", 0, &[key, value_hash.as_slice()].concat()),
        many => {
            let differs =
                |index: &usize| many.iter().any(|(key, _)| bit(key, *index) != bit(many[0].0, *index));
            let at = (0..648).find(differs).unwrap();
            let (right, left): (Vec<_>, Vec<_>) = many.iter().partition(|(key, _)| bit(key, at));
            keyed("vm/1/inner", at as u16, &[root_of(&left), root_of(&right)].concat())
        }
    }
}
