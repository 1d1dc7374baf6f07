//! The transactions that wait for a block.
//!
//! A transaction that comes in has a confirmed sender and a sound envelope; the pool looks at nonce, fee and room.
//!
//! Invariants:
//! - one transaction per sender and nonce, the nonce not below the sender's and at most [`PoolLimits::nonce_gap`] above;
//! - transactions, those of one sender, and bytes stay below their limits;
//! - in a full pool, what can't go into a block keeps no place from what can;
//! - [`Pool::take`] is a function of what came in and in which order: the oldest first, a sender's by their nonces;
//! - a transaction that is being put into a block is neither replaced nor forgotten before that block is decided;
//! - whoever waits for a transaction is told what became of it, once; so many wait for one at most.
//!
//! Among transactions that can go into a block, the gas price changes nothing: arrival decides. A higher price only lets a
//! sender replace what they sent before.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::fmt;
use std::time::{Duration, Instant};

use parity_scale_codec::Encode as _;
use vm_core::{Account, Address, Hash};
use vm_host::InvalidTransaction;

use crate::api::ApiError;
use crate::chain::Position;
use crate::sequencer::BlockLimits;
use crate::signed::Signed;

/// How much waits at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolLimits {
    /// Transactions in all.
    pub transactions: usize,
    /// Transactions of one sender.
    pub of_sender: usize,
    /// Bytes of all transactions with their authorizations.
    pub bytes: usize,
    /// How far a nonce may be above the sender's.
    pub nonce_gap: u64,
    /// How long a transaction may wait: one whose nonce is never reached is forgotten.
    pub age: Duration,
}

impl Default for PoolLimits {
    fn default() -> Self {
        Self {
            transactions: 16_384,
            of_sender: 512,
            bytes: 64 << 20,
            nonce_gap: 512,
            age: Duration::from_secs(15 * 60),
        }
    }
}

/// How many are told of one transaction at most. It counts also who has given up waiting: a reply can't be asked whether
/// anyone still listens.
const REPLIES_MAX: usize = 64;

/// Told once what became of a transaction. Must not block.
pub type Reply = Box<dyn FnOnce(Result<Position, ApiError>) + Send>;

/// A transaction on its way into a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Its hash.
    pub hash: Hash,
    /// The transaction.
    pub signed: Signed,
}

struct Entry {
    signed: Signed,
    hash: Hash,
    bytes: usize,
    arrival: u64,
    since: Instant,
    /// Whether it is being put into a block.
    taken: bool,
    replies: Vec<Reply>,
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Entry({}, arrival {}, {} wait)", self.hash, self.arrival, self.replies.len())
    }
}

impl Entry {
    fn tell(self, result: &Result<Position, ApiError>) {
        for reply in self.replies {
            reply(result.clone());
        }
    }
}

#[derive(Debug, Default)]
struct Sender {
    /// The nonce of its next transaction in a block.
    next: u64,
    waiting: BTreeMap<u64, Entry>,
}

impl Sender {
    /// What waits above a nonce that no transaction has.
    fn stuck(&self) -> impl Iterator<Item = &Entry> {
        let mut reached = Some(self.next);
        let stuck = move |(nonce, _): &(&u64, &Entry)| {
            reached = reached.filter(|next| next == *nonce).and_then(|nonce| nonce.checked_add(1));
            reached.is_none()
        };
        self.waiting.iter().filter(stuck).map(|(_, entry)| entry).filter(|entry| !entry.taken)
    }
}

/// The transactions that wait for a block.
#[derive(Debug)]
pub struct Pool {
    limits: PoolLimits,
    senders: BTreeMap<Address, Sender>,
    hashes: BTreeMap<Hash, (Address, u64)>,
    bytes: usize,
    arrivals: u64,
}

fn bytes_of(signed: &Signed) -> usize {
    signed.encoded_size()
}

impl Pool {
    /// An empty pool.
    #[must_use]
    pub fn new(limits: PoolLimits) -> Self {
        Self { limits, senders: BTreeMap::new(), hashes: BTreeMap::new(), bytes: 0, arrivals: 0 }
    }

    /// How many wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.hashes.len()
    }

    /// Whether none waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.hashes.is_empty()
    }

    /// How many bytes wait.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The transaction with this hash, if it waits.
    #[must_use]
    pub fn get(&self, hash: &Hash) -> Option<&Signed> {
        let (sender, nonce) = self.hashes.get(hash)?;
        Some(&self.senders.get(sender)?.waiting.get(nonce)?.signed)
    }

    /// The first nonce of `sender` from `next` on that no transaction has; none if none of theirs waits.
    #[must_use]
    pub fn next_nonce(&self, sender: &Address) -> Option<u64> {
        let sender = self.senders.get(sender)?;
        let mut nonce = sender.next;
        while sender.waiting.contains_key(&nonce) {
            nonce = nonce.saturating_add(1);
        }
        Some(nonce)
    }

    /// Whether the transaction waits for none that is not here.
    #[must_use]
    pub fn is_reached(&self, hash: &Hash) -> bool {
        let found =
            self.hashes.get(hash).and_then(|(sender, nonce)| Some((self.senders.get(sender)?, nonce)));
        found.is_some_and(|(sender, nonce)| {
            (sender.next..*nonce).all(|before| sender.waiting.contains_key(&before))
        })
    }

    /// Whether a transaction could go into a block now.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.senders.values().any(|sender| sender.waiting.contains_key(&sender.next))
    }

    /// Takes in `signed`, whose sender has `account` after the head. One that waits already is taken in again: `reply` is
    /// told with those before.
    ///
    /// # Errors
    ///
    /// [`ApiError::Invalid`], [`ApiError::Pool`] or [`ApiError::Busy`]; then `reply` is dropped and the pool is as before.
    pub fn insert(
        &mut self,
        signed: Signed,
        hash: Hash,
        account: &Account,
        reply: Option<Reply>,
    ) -> Result<(), ApiError> {
        if let Some((sender, nonce)) = self.hashes.get(&hash) {
            let entry = self.senders.get_mut(sender).and_then(|sender| sender.waiting.get_mut(nonce));
            if let Some(entry) = entry {
                if reply.is_some() && entry.replies.len() >= REPLIES_MAX {
                    let why = format!(
                        "{REPLIES_MAX} requests wait for transaction {hash} already, the most allowed"
                    );
                    return Err(ApiError::Busy(why));
                }
                entry.replies.extend(reply);
            }
            return Ok(());
        }
        self.check_account(&signed, account)?;
        let bytes = bytes_of(&signed);
        let (address, nonce) = (signed.transaction.sender, signed.transaction.nonce);
        let replaced = self.check_room(&signed, bytes)?;
        if !replaced {
            self.make_room(&signed, bytes, account)?;
        }
        let sender = self.senders.entry(address).or_default();
        sender.next = account.nonce;
        let arrival = self.arrivals;
        self.arrivals = arrival.saturating_add(1);
        let entry = Entry {
            signed,
            hash,
            bytes,
            arrival,
            since: Instant::now(),
            taken: false,
            replies: reply.into_iter().collect(),
        };
        let before = sender.waiting.insert(nonce, entry);
        debug_assert_eq!(before.is_some(), replaced, "the room was checked for this");
        self.bytes = self.bytes.saturating_add(bytes);
        self.hashes.insert(hash, (address, nonce));
        if let Some(before) = before {
            self.bytes = self.bytes.saturating_sub(before.bytes);
            self.hashes.remove(&before.hash);
            before.tell(&Err(ApiError::Pool(format!(
                "transaction {hash} took its place with a higher gas price"
            ))));
        }
        Ok(())
    }

    fn check_account(&self, signed: &Signed, account: &Account) -> Result<(), ApiError> {
        let transaction = &signed.transaction;
        let (found, expected) = (transaction.nonce, account.nonce);
        if found < expected {
            return Err(ApiError::Invalid(InvalidTransaction::Nonce { expected, found }));
        }
        let gap = found.saturating_sub(expected);
        if gap > self.limits.nonce_gap {
            return Err(ApiError::Pool(format!(
                "nonce {found} is {gap} above the sender's, {expected}; at most {} are allowed",
                self.limits.nonce_gap
            )));
        }
        let fee = u128::from(transaction.gas_limit).saturating_mul(transaction.gas_price.into());
        if fee > account.balance.into() {
            return Err(ApiError::Invalid(InvalidTransaction::Fee { fee, balance: account.balance }));
        }
        Ok(())
    }

    /// Whether there is room for `signed`; true if it replaces another.
    fn check_room(&self, signed: &Signed, bytes: usize) -> Result<bool, ApiError> {
        let transaction = &signed.transaction;
        let sender = self.senders.get(&transaction.sender);
        let before = sender.and_then(|sender| sender.waiting.get(&transaction.nonce));
        let after = self.bytes.saturating_add(bytes);
        if let Some(before) = before {
            let price = before.signed.transaction.gas_price;
            if before.taken {
                return Err(ApiError::Pool(format!(
                    "transaction {} with the same nonce is being put into a block",
                    before.hash
                )));
            }
            if transaction.gas_price <= price {
                return Err(ApiError::Pool(format!(
                    "transaction {} has the same nonce; one that replaces it needs a gas price above {price}",
                    before.hash
                )));
            }
            let after = after.saturating_sub(before.bytes);
            return if after > self.limits.bytes { Err(full("bytes", self.limits.bytes)) } else { Ok(true) };
        }
        let of_sender = sender.map_or(0, |sender| sender.waiting.len());
        if of_sender >= self.limits.of_sender {
            return Err(ApiError::Pool(format!(
                "{of_sender} transactions of this sender wait already, the most allowed"
            )));
        }
        Ok(false)
    }

    /// Makes room for `signed`, which replaces none. In a full pool the oldest that can't go into a block give way to one
    /// that can; or else all stays as it is.
    fn make_room(&mut self, signed: &Signed, bytes: usize, account: &Account) -> Result<(), ApiError> {
        let refused = if self.len() >= self.limits.transactions {
            full("transactions", self.limits.transactions)
        } else if self.bytes.saturating_add(bytes) > self.limits.bytes {
            full("bytes", self.limits.bytes)
        } else {
            return Ok(());
        };
        let transaction = &signed.transaction;
        let before = account.nonce..transaction.nonce;
        let waiting = self.senders.get(&transaction.sender).map(|sender| &sender.waiting);
        let reached = |nonce: u64| waiting.is_some_and(|waiting| waiting.contains_key(&nonce));
        if !before.into_iter().all(reached) {
            return Err(refused);
        }
        let Some(gone) = self.give_way(&transaction.sender, bytes) else { return Err(refused) };
        for hash in gone {
            let why =
                "its pool is full, and of a transaction whose nonce is not reached another took the place";
            self.drop_one(&hash, ApiError::Busy(why.to_owned()));
        }
        Ok(())
    }

    /// The oldest transactions without which there is room for `bytes` of `newcomer`: those whose nonce can't be reached,
    /// and none of `newcomer`'s, which it may make ready. None if they are not enough.
    fn give_way(&self, newcomer: &Address, bytes: usize) -> Option<Vec<Hash>> {
        let others = self.senders.iter().filter(|(address, _)| *address != newcomer);
        let mut stuck: Vec<&Entry> = others.flat_map(|(_, sender)| sender.stuck()).collect();
        stuck.sort_unstable_by_key(|entry| entry.arrival);
        let mut count = self.len().saturating_add(1);
        let mut total = self.bytes.saturating_add(bytes);
        let mut gone = Vec::new();
        for entry in stuck {
            if count <= self.limits.transactions && total <= self.limits.bytes {
                break;
            }
            count = count.saturating_sub(1);
            total = total.saturating_sub(entry.bytes);
            gone.push(entry.hash);
        }
        (count <= self.limits.transactions && total <= self.limits.bytes).then_some(gone)
    }

    /// What goes into the next block: the oldest that can, as many as fit. They stay here, and are decided by
    /// [`Self::committed`], [`Self::drop_one`] or [`Self::give_back`].
    pub fn take(&mut self, limits: &BlockLimits) -> Vec<Candidate> {
        let next =
            |sender: &Address| Ok::<_, Infallible>(self.senders.get(sender).map_or(0, |sender| sender.next));
        let Ok(chosen) = self.choose(limits, next);
        let mut taken = Vec::with_capacity(chosen.len());
        for (sender, nonce) in chosen {
            let entry = self.senders.get_mut(&sender).and_then(|sender| sender.waiting.get_mut(&nonce));
            if let Some(entry) = entry {
                entry.taken = true;
                taken.push(Candidate { hash: entry.hash, signed: entry.signed.clone() });
            }
        }
        taken
    }

    /// What could go into a block on a state where the next nonce of each sender is `next`: the oldest that can, as many as
    /// fit. They stay here as if nothing had been asked.
    ///
    /// # Errors
    ///
    /// What `next` gives.
    pub fn select<E>(
        &self,
        limits: &BlockLimits,
        next: impl FnMut(&Address) -> Result<u64, E>,
    ) -> Result<Vec<Signed>, E> {
        let signed = |(sender, nonce): (Address, u64)| {
            Some(self.senders.get(&sender)?.waiting.get(&nonce)?.signed.clone())
        };
        Ok(self.choose(limits, next)?.into_iter().filter_map(signed).collect())
    }

    /// Which transactions fit into a block where the next nonce of each sender is `next`, the oldest first.
    fn choose<E>(
        &self,
        limits: &BlockLimits,
        mut next: impl FnMut(&Address) -> Result<u64, E>,
    ) -> Result<Vec<(Address, u64)>, E> {
        // A sender's nonce is asked for when its oldest transaction is reached, so that not all are; and of no sender whose
        // transactions all wait above a nonce that none has.
        let oldest = |sender: &Sender| {
            let (first, _) = sender.waiting.first_key_value()?;
            let waiting = || sender.waiting.values().map(|entry| entry.arrival).min();
            if *first > sender.next { None } else { waiting() }
        };
        let arrivals =
            self.senders.iter().filter_map(|(address, sender)| Some((oldest(sender)?, *address, None)));
        let mut ready: BTreeSet<(u64, Address, Option<u64>)> = arrivals.collect();
        let (mut bytes, mut gas) = (0_u64, 0_u64);
        let mut chosen = Vec::new();
        while chosen.len() < limits.transactions
            && let Some((_, address, nonce)) = ready.pop_first()
        {
            let Some(sender) = self.senders.get(&address) else { continue };
            let Some(nonce) = nonce else {
                let nonce = next(&address)?;
                if let Some(entry) = sender.waiting.get(&nonce) {
                    ready.insert((entry.arrival, address, Some(nonce)));
                }
                continue;
            };
            let Some(entry) = sender.waiting.get(&nonce) else { continue };
            let transaction = &entry.signed.transaction;
            let more = u64::try_from(transaction.encoded_size()).unwrap_or(u64::MAX);
            let fits = bytes.saturating_add(more) <= limits.bytes
                && gas.saturating_add(transaction.gas_limit) <= limits.gas;
            if !fits {
                // The others of this sender wait with it; smaller ones of other senders may still fit.
                continue;
            }
            bytes = bytes.saturating_add(more);
            gas = gas.saturating_add(transaction.gas_limit);
            chosen.push((address, nonce));
            if let Some(nonce) = nonce.checked_add(1)
                && let Some(next) = sender.waiting.get(&nonce)
            {
                ready.insert((next.arrival, address, Some(nonce)));
            }
        }
        Ok(chosen)
    }

    /// The transaction `hash` of `sender` with `nonce` stands in a final block: those that can no longer stand are
    /// dropped.
    pub fn outdated(&mut self, sender: &Address, nonce: u64, hash: &Hash) {
        let next = nonce.saturating_add(1);
        let Some(found) = self.senders.get_mut(sender) else { return };
        found.next = found.next.max(next);
        let old: Vec<Hash> = found.waiting.range(..next).map(|(_, entry)| entry.hash).collect();
        for old in old {
            self.drop_one(
                &old,
                ApiError::Pool(format!("transaction {hash} of the same sender took its place")),
            );
        }
    }

    /// The transactions at these hashes go on waiting.
    pub fn give_back<'a>(&mut self, hashes: impl IntoIterator<Item = &'a Hash>) {
        for hash in hashes {
            let Some((sender, nonce)) = self.hashes.get(hash) else { continue };
            let entry = self.senders.get_mut(sender).and_then(|sender| sender.waiting.get_mut(nonce));
            if let Some(entry) = entry {
                entry.taken = false;
            }
        }
    }

    fn remove(&mut self, hash: &Hash) -> Option<Entry> {
        let (address, nonce) = self.hashes.remove(hash)?;
        let sender = self.senders.get_mut(&address)?;
        let entry = sender.waiting.remove(&nonce)?;
        self.bytes = self.bytes.saturating_sub(entry.bytes);
        if sender.waiting.is_empty() {
            self.senders.remove(&address);
        }
        Some(entry)
    }

    /// Forgets the transaction, which no block will hold, and says why.
    pub fn drop_one(&mut self, hash: &Hash, why: ApiError) {
        if let Some(entry) = self.remove(hash) {
            entry.tell(&Err(why));
        }
    }

    /// The block at `height` holds these transactions, in this order, and is durable.
    pub fn committed<'a>(&mut self, height: u64, hashes: impl IntoIterator<Item = &'a Hash>) {
        for (index, hash) in (0..).zip(hashes) {
            let Some((address, nonce)) = self.hashes.get(hash).copied() else { continue };
            let entry = self.remove(hash);
            if let Some(sender) = self.senders.get_mut(&address) {
                sender.next = nonce.saturating_add(1);
            }
            if let Some(entry) = entry {
                entry.tell(&Ok(Position { height, index }));
            }
        }
    }

    /// Forgets all, and says why.
    pub fn clear(&mut self, why: &ApiError) {
        self.hashes.clear();
        self.bytes = 0;
        let senders = std::mem::take(&mut self.senders);
        for entry in senders.into_values().flat_map(|sender| sender.waiting.into_values()) {
            entry.tell(&Err(why.clone()));
        }
    }

    /// Forgets what has waited too long at `now`.
    pub fn expire(&mut self, now: Instant) {
        let age = self.limits.age;
        let is_old = |entry: &&Entry| !entry.taken && now.saturating_duration_since(entry.since) > age;
        let waiting = self.senders.values().flat_map(|sender| sender.waiting.values());
        let old: Vec<Hash> = waiting.filter(is_old).map(|entry| entry.hash).collect();
        for hash in old {
            let why = format!("it waited {} s and was put into no block", age.as_secs());
            self.drop_one(&hash, ApiError::Pool(why));
        }
    }
}

fn full(what: &str, limit: usize) -> ApiError {
    ApiError::Busy(format!("its pool is full at {limit} {what}"))
}

#[cfg(test)]
mod tests;
