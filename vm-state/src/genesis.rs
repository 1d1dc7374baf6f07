//! The state that a chain begins with.

use alloc::collections::BTreeMap;
use parity_scale_codec::Encode;
use vm_core::{Account, Address, Hash, Header, Key, Params, System, VM_VERSION};

use crate::{ChangeSet, Trie, TrieBuilder, TrieView, Value, View};

/// Why a chain can't begin so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GenesisError {
    /// Times are not negative.
    #[error("the time {time} ms is before 1970")]
    NegativeTime {
        /// The refused time, in milliseconds since the Unix epoch.
        time: i64,
    },
    /// An account named twice.
    #[error("account {address} is named twice")]
    DuplicateAccount {
        /// The account.
        address: Address,
    },
    /// The balances' sum passes `u64::MAX` (DESIGN 10, rule 4).
    #[error("the balances' sum passes 2^64 - 1")]
    SupplyOverflow,
    /// Keys collide, which the hash excludes, or their order is a bug of ours.
    #[error(transparent)]
    Trie(#[from] crate::TrieError),
}

/// A chain's first state and its header, of height 0 and without a parent. Only sound ones can be made.
#[derive(Clone, Debug)]
pub struct Genesis {
    changes: ChangeSet,
    view: TrieView,
}

impl Genesis {
    /// The state of a chain with the rules `params` that begins at `time`, in milliseconds since the Unix epoch, with
    /// these balances.
    ///
    /// It holds the system entry and an account for each balance above 0 (DESIGN 10, rules 3 and 4).
    ///
    /// # Errors
    ///
    /// [`GenesisError`] for a negative time, an account named twice, or balances whose sum passes `u64::MAX`.
    pub fn new(params: &Params, time: i64, accounts: &[(Address, u64)]) -> Result<Self, GenesisError> {
        if time < 0 {
            return Err(GenesisError::NegativeTime { time });
        }
        let params = params.hash();
        let mut entries = BTreeMap::new();
        let mut supply = 0u64;
        for (address, balance) in accounts {
            supply = supply.checked_add(*balance).ok_or(GenesisError::SupplyOverflow)?;
            let account = Account { nonce: 0, balance: *balance };
            if entries.insert(Key::account(address), account).is_some() {
                return Err(GenesisError::DuplicateAccount { address: *address });
            }
        }
        let system = System { height: 0, time, vm_version: VM_VERSION, params, supply };
        let accounts = entries.into_iter().filter(|(_, account)| account.balance > 0);
        let mut changes: ChangeSet =
            accounts.map(|(key, account)| (key, Some(Value::from_vec(account.encode())))).collect();
        changes.push((Key::system(), Some(Value::from_vec(system.encode()))));
        let mut builder = TrieBuilder::new();
        for (key, value) in changes.iter().filter_map(|(key, value)| Some((key, value.as_ref()?))) {
            builder.push(key, value)?;
        }
        let trie = builder.finish();
        let header = Header {
            parent: Hash::ZERO,
            height: 0,
            time,
            proposer: Address::ZERO,
            vm_version: VM_VERSION,
            params,
            transactions_root: Hash::ZERO,
            state_root: trie.root(),
            receipts_root: Hash::ZERO,
            gas_used: 0,
        };
        Ok(Self { changes, view: TrieView::of(header, trie) })
    }

    /// The header of height 0.
    #[must_use]
    pub fn header(&self) -> &Header {
        self.view.header()
    }

    /// The entries, as changes to nothing: ascending, none deleted.
    #[must_use]
    pub fn changes(&self) -> &ChangeSet {
        &self.changes
    }

    /// The commitment to the entries.
    #[must_use]
    pub fn trie(&self) -> &Trie {
        self.view.trie()
    }

    /// The state.
    #[must_use]
    pub fn view(&self) -> TrieView {
        self.view.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(time: i64, accounts: &[(Address, u64)]) -> Result<Genesis, GenesisError> {
        Genesis::new(&Params::default(), time, accounts)
    }

    #[test]
    fn r103_genesis_holds_the_rules_and_the_balances_above_zero() {
        let (rich, poor) = (Address([1; 32]), Address([2; 32]));
        let genesis = made(7, &[(rich, u64::MAX), (poor, 0)]).unwrap();
        let params = Params::default().hash();
        let expected = Header {
            parent: Hash::ZERO,
            height: 0,
            time: 7,
            proposer: Address::ZERO,
            vm_version: VM_VERSION,
            params,
            transactions_root: Hash::ZERO,
            state_root: genesis.trie().root(),
            receipts_root: Hash::ZERO,
            gas_used: 0,
        };
        assert_eq!(genesis.header(), &expected);
        let account = Account { nonce: 0, balance: u64::MAX }.encode();
        let system = System { height: 0, time: 7, vm_version: VM_VERSION, params, supply: u64::MAX }.encode();
        let entries = [(Key::account(&rich), account), (Key::system(), system)];
        let changes: ChangeSet =
            entries.iter().map(|(key, value)| (*key, Some(Value::from_slice(value)))).collect();
        assert_eq!(genesis.changes(), &changes);
        assert_eq!(genesis.trie(), &Trie::default().update(None, &changes).unwrap());
    }

    #[test]
    fn accounts_order_does_not_matter() {
        let (a, b) = ((Address([1; 32]), 1), (Address([2; 32]), 2));
        assert_eq!(made(0, &[a, b]).unwrap().changes(), made(0, &[b, a]).unwrap().changes());
        assert_ne!(made(0, &[a]).unwrap().header().hash(), made(1, &[a]).unwrap().header().hash());
    }

    #[test]
    fn unsound_beginnings_are_named() {
        let address = Address([1; 32]);
        assert_eq!(made(-1, &[]).err(), Some(GenesisError::NegativeTime { time: -1 }));
        for balance in [0, 1] {
            let twice = made(0, &[(address, balance), (address, balance)]);
            assert_eq!(twice.err(), Some(GenesisError::DuplicateAccount { address }));
        }
        let too_much = made(0, &[(address, u64::MAX), (Address([2; 32]), 1)]);
        assert_eq!(too_much.err(), Some(GenesisError::SupplyOverflow));
        made(i64::MAX, &[]).unwrap();
    }
}
