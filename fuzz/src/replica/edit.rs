//! Blocks and bytes that were tampered with.

use vm_chain::replica::SealedBlock;

use super::model::{Blocks, sign};
use super::plan::{ByteEdit, Edit, address};

/// Another block, made of `block`.
pub(super) fn edited(blocks: &Blocks, mut block: SealedBlock, edit: &Edit) -> SealedBlock {
    let of = |age: &usize| blocks.pick(*age);
    let transactions = &mut block.transactions;
    let len = transactions.len();
    match edit {
        Edit::Field { field, change } => change_field(&mut block, *field, *change),
        Edit::FieldOf { field, of: age } => copy_field(&mut block, *field, of(age)),
        Edit::Parent { of: age } => block.parent = of(age).digest(),
        Edit::Header { of: age } => block.header = of(age).header.clone(),
        Edit::Take { of: age, at } => {
            let other = &of(age).transactions;
            if !other.is_empty() {
                transactions.push(other[at % other.len()].clone());
            }
        }
        _ if len == 0 => (),
        Edit::Swap { one, other } => transactions.swap(one % len, other % len),
        Edit::Drop { at } => drop(transactions.remove(at % len)),
        Edit::Double { at } => transactions.push(transactions[at % len].clone()),
        Edit::Mark { at, bit } => {
            let byte = transactions[at % len].authorization.get_mut(usize::from(bit / 8));
            byte.into_iter().for_each(|byte| *byte ^= 1 << (bit % 8));
        }
        Edit::Salt { at, salt } => {
            let signed = &mut transactions[at % len];
            *signed = sign(signed.transaction.clone(), *salt, &blocks.id);
        }
        Edit::Cut { at } => drop(transactions[at % len].authorization.pop()),
        Edit::Price { at } => {
            let mut transaction = transactions[at % len].transaction.clone();
            transaction.gas_price ^= 1;
            transactions[at % len] = sign(transaction, 0, &blocks.id);
        }
    }
    block
}

/// `bytes` with these edits.
pub(super) fn spoiled(mut bytes: Vec<u8>, edits: &[ByteEdit]) -> Vec<u8> {
    for edit in edits {
        let at = |at: &u16, len: usize| usize::from(*at) % (len + 1);
        let len = bytes.len();
        match edit {
            ByteEdit::Xor { at: index, with } => {
                bytes.get_mut(at(index, len)).into_iter().for_each(|byte| *byte ^= with);
            }
            ByteEdit::Remove { at: index } if at(index, len) < len => drop(bytes.remove(at(index, len))),
            ByteEdit::Remove { .. } => (),
            ByteEdit::Insert { at: index, byte } => bytes.insert(at(index, len), *byte),
            ByteEdit::Truncate { len: index } => bytes.truncate(at(index, len)),
        }
    }
    bytes
}

fn change_field(block: &mut SealedBlock, field: u8, change: u64) {
    let header = &mut block.header;
    let time = header.time.cast_unsigned().wrapping_add(change).cast_signed();
    match field {
        0 => header.parent.0[0] ^= 1,
        1 => header.height = header.height.wrapping_add(change),
        2 => header.time = time,
        3 => header.proposer = address(usize::from(header.proposer == address(0))),
        4 => header.vm_version ^= 1,
        5 => header.params.0[31] ^= 1,
        6 => header.transactions_root.0[16] ^= 0x80,
        7 => header.state_root.0[31] ^= 1,
        8 => header.receipts_root.0[1] ^= 1,
        _ => header.gas_used = header.gas_used.wrapping_add(change),
    }
}

fn copy_field(block: &mut SealedBlock, field: u8, of: &SealedBlock) {
    let (header, of) = (&mut block.header, &of.header);
    match field {
        0 => header.parent = of.parent,
        1 => header.height = of.height,
        2 => header.time = of.time,
        3 => header.proposer = of.proposer,
        4 => header.vm_version = of.vm_version,
        5 => header.params = of.params,
        6 => header.transactions_root = of.transactions_root,
        7 => header.state_root = of.state_root,
        8 => header.receipts_root = of.receipts_root,
        _ => header.gas_used = of.gas_used,
    }
}
