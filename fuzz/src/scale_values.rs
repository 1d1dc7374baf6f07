//! Arbitrary values of the VM's own types: what is decoded is what was encoded, and edits of it are other values.

use std::fmt::Debug;

use arbitrary::{Result, Unstructured};
use parity_scale_codec::{Decode, Encode};
use vm_chain::Signed;
use vm_core::codec::decode_exact;
use vm_core::{
    Account, Address, Block, BlockContext, CodeSource, Contract, ErrorCode, Event, GasSchedule, Hash, Header,
    Limits, Mint, Params, Payload, Receipt, Status, Transaction,
};
use vm_state::{EventProof, ReceiptProof};

use crate::entries::edited;
use crate::scale_types::{params, strict};

/// How many kinds of values [`made`] makes.
pub(crate) const KINDS: u8 = 14;

/// Makes a value of the kind `which`, and checks it and what is next to it; its bytes.
pub(crate) fn made(which: u8, u: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    match which % KINDS {
        0 => round(&transaction(u)?, u),
        1 => round(&payload(u)?, u),
        2 => {
            let (transaction, authorization) = (transaction(u)?, bytes(u)?);
            round(&Signed { transaction, authorization }, u)
        }
        3 => round(&block(u)?, u),
        4 => round(&header(u)?, u),
        5 => round(&receipt(u)?, u),
        6 => round(&receipt(u)?.body(), u),
        7 => round(&event(u)?, u),
        8 => {
            let receipts = some(u, 4, receipt)?;
            let index = u.int_in_range(0..=3)?;
            match (u.arbitrary()?, u.int_in_range(0..=2)?) {
                (true, _) => ReceiptProof::new(&receipts, index).map(|proof| round(&proof, u)),
                (false, event) => EventProof::new(&receipts, index, event).map(|proof| round(&proof, u)),
            }
            .unwrap_or_else(|| Ok(vec![]))
        }
        9 => {
            let (version, data_byte, touch) = (u.arbitrary()?, u.arbitrary()?, u.arbitrary()?);
            round(&GasSchedule { version, data_byte, touch, ..GasSchedule::default() }, u)
        }
        10 => {
            let mut limits = Limits::default();
            (limits.functions, limits.code_bytes) = (u.arbitrary()?, u.arbitrary()?);
            (limits.transaction_gas, limits.block_gas) = (u.arbitrary()?, u.arbitrary()?);
            round(&limits, u)
        }
        11 => round(&Account { nonce: u.arbitrary()?, balance: u.arbitrary()? }, u),
        12 => round(&Contract { code_hash: hash(u)?, deployer: address(u)? }, u),
        _ => of_params(u),
    }
}

/// Decodes what `value` encodes to, and edits it as the rest of `u` says.
fn round<T: Decode + Encode + PartialEq + Debug>(value: &T, u: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    let bytes = value.encode();
    assert_eq!(decode_exact::<T>(&bytes, bytes.len()).as_ref(), Ok(value));
    assert!(strict::<T>(&bytes));
    let changed = edited(&bytes, u.bytes(u.len())?);
    strict::<T>(&changed);
    if let Ok(other) = decode_exact::<T>(&changed, changed.len()) {
        assert_eq!(other == *value, changed == bytes, "other bytes are another value");
    }
    Ok(bytes)
}

/// The rules of a chain: sound ones, and edits of them.
fn of_params(u: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    let (mut limits, mut features) = (Limits::default(), Params::default().features());
    limits.block_gas = u.int_in_range(limits.transaction_gas..=10_000_000_000_000)?;
    limits.handles = u.int_in_range(64..=65_536)?;
    features.bulk_memory = u.arbitrary()?;
    let gas = GasSchedule { data_byte: u.int_in_range(1..=u64::MAX)?, ..GasSchedule::default() };
    let made = Params::new(text(u)?, limits, features, gas).unwrap();
    let bytes = made.encode();
    assert_eq!(Params::from_bytes(&bytes, bytes.len()).as_ref(), Ok(&made));
    params(&edited(&bytes, u.bytes(u.len())?));
    Ok(bytes)
}

fn bytes(u: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    // Around the lengths at which a compact length takes a byte more, too.
    let len = *u.choose(&[0, 1, 20, 63, 64, 300, 16_383, 16_384])?;
    Ok(vec![u.arbitrary()?; len])
}

fn text(u: &mut Unstructured<'_>) -> Result<String> {
    Ok((*u.choose(&["", "f", "transfer", "grüße", "\u{1f600}", "a\0b"])?).into())
}

fn hash(u: &mut Unstructured<'_>) -> Result<Hash> {
    Ok(Hash([u.arbitrary()?; 32]))
}

fn address(u: &mut Unstructured<'_>) -> Result<Address> {
    Ok(Address([u.arbitrary()?; 32]))
}

/// Up to `most`.
fn some<T>(
    u: &mut Unstructured<'_>,
    most: u8,
    mut one: impl FnMut(&mut Unstructured<'_>) -> Result<T>,
) -> Result<Vec<T>> {
    (0..u.int_in_range(0..=most)?).map(|_| one(u)).collect()
}

fn payload(u: &mut Unstructured<'_>) -> Result<Payload> {
    Ok(match u.int_in_range(0..=4u8)? {
        0 => Payload::Transfer { to: address(u)?, amount: u.arbitrary()? },
        1 => {
            let (contract, function, args, value) = (address(u)?, text(u)?, bytes(u)?, u.arbitrary()?);
            Payload::Call { contract, function, args, value }
        }
        2 => Payload::Upload { code: bytes(u)? },
        stored => {
            let code = if stored == 3 { CodeSource::Stored(hash(u)?) } else { CodeSource::Bytes(bytes(u)?) };
            Payload::Deploy { code, salt: hash(u)?, args: bytes(u)?, value: u.arbitrary()? }
        }
    })
}

fn transaction(u: &mut Unstructured<'_>) -> Result<Transaction> {
    let (sender, payload) = (address(u)?, payload(u)?);
    let (nonce, gas_limit, gas_price) = (u.arbitrary()?, u.arbitrary()?, u.arbitrary()?);
    Ok(Transaction { sender, nonce, gas_limit, gas_price, payload })
}

fn block(u: &mut Unstructured<'_>) -> Result<Block> {
    let context = BlockContext { height: u.arbitrary()?, time: u.arbitrary()?, proposer: address(u)? };
    let mints = some(u, 3, |u| Ok(Mint { to: address(u)?, amount: u.arbitrary()? }))?;
    Ok(Block { context, mints, transactions: some(u, 3, transaction)? })
}

fn header(u: &mut Unstructured<'_>) -> Result<Header> {
    Ok(Header {
        parent: hash(u)?,
        height: u.arbitrary()?,
        time: u.arbitrary()?,
        proposer: address(u)?,
        vm_version: u.arbitrary()?,
        params: hash(u)?,
        transactions_root: hash(u)?,
        state_root: hash(u)?,
        receipts_root: hash(u)?,
        gas_used: u.arbitrary()?,
    })
}

fn event(u: &mut Unstructured<'_>) -> Result<Event> {
    Ok(Event { contract: address(u)?, name: text(u)?, data: bytes(u)? })
}

fn receipt(u: &mut Unstructured<'_>) -> Result<Receipt> {
    let status = match u.int_in_range(0..=2u8)? {
        0 => Status::Success,
        1 => Status::Reverted,
        _ => Status::Failed(*u.choose(ErrorCode::ALL)?),
    };
    let (output, gas_used, gas_refunded) = (bytes(u)?, u.arbitrary()?, u.arbitrary()?);
    Ok(Receipt { status, output, gas_used, gas_refunded, events: some(u, 3, event)? })
}
