use super::*;

use vm_core::{Address, Payload, Transaction};

const BOUNDS: Bounds = Bounds { bytes: 4_096, transactions: 3, transaction_bytes: 300 };

fn signed(nonce: u64, args: usize, authorization: usize) -> Signed {
    let contract = Address::named("carol");
    let payload = Payload::Call { contract, function: "f".to_owned(), args: vec![7; args], value: 0 };
    let sender = Address::named("alice");
    let transaction = Transaction { sender, nonce, gas_limit: 1_000, gas_price: 0, payload };
    Signed { transaction, authorization: vec![9; authorization] }
}

/// One whose transaction has `bytes` bytes without its authorization.
fn of_bytes(bytes: usize, authorization: usize) -> Signed {
    let near = bytes - signed(0, 0, 0).transaction.encoded_size();
    let fits = |args: &usize| signed(0, *args, 0).transaction.encoded_size() == bytes;
    let args = (near.saturating_sub(8)..=near).find(fits).unwrap();
    signed(0, args, authorization)
}

fn queue(waiting: impl IntoIterator<Item = Signed>) -> mpsc::Receiver<Signed> {
    let (sender, receiver) = mpsc::channel(QUEUE);
    waiting.into_iter().for_each(|signed| sender.try_send(signed).unwrap());
    receiver
}

#[test]
fn a_message_reads_back_as_it_was_written() {
    for count in 0..5_u64 {
        let sent: Vec<Signed> = (0..count).map(|nonce| signed(nonce, 10, 96)).collect();
        assert_eq!(decode(&sent.encode(), &BOUNDS), Ok(sent));
    }
}

#[test]
fn a_transaction_is_taken_up_to_its_limits_and_not_a_byte_past_them() {
    let limit = BOUNDS.transaction_bytes;
    let fits = vec![of_bytes(limit, AUTHORIZATION_BYTES_MAX)];
    assert_eq!(decode(&fits.encode(), &BOUNDS), Ok(fits));

    let longer = vec![signed(0, 1, 96), of_bytes(limit + 1, 96)];
    let refused = Err(CodecError::TooLong { found: limit + 1, limit });
    assert_eq!(decode(&longer.encode(), &BOUNDS), refused);

    let (found, limit) = (AUTHORIZATION_BYTES_MAX + 1, AUTHORIZATION_BYTES_MAX);
    let longer = vec![signed(0, 1, 96), signed(1, 1, found)];
    assert_eq!(decode(&longer.encode(), &BOUNDS), Err(CodecError::TooLong { found, limit }));
}

#[test]
fn a_message_that_is_too_long_is_refused_unread() {
    let limit = message_bytes_max(&BOUNDS);
    let noise = vec![0xff; limit + 1];
    assert_eq!(decode(&noise, &BOUNDS), Err(CodecError::TooLong { found: limit + 1, limit }));
    assert_eq!(decode(&noise[..limit], &BOUNDS), Err(CodecError::Malformed));
}

#[test]
fn a_second_form_of_a_message_is_refused() {
    let message = vec![signed(0, 3, 96)].encode();
    let longer = [message.as_slice(), &[0]].concat();
    assert_eq!(decode(&longer, &BOUNDS), Err(CodecError::Trailing { count: 1 }));
    // The count, one, in two bytes where one is enough.
    assert_eq!(message[0], 0b100);
    let long_count = [&[0b101, 0], &message[1..]].concat();
    assert!(decode(&long_count, &BOUNDS).is_err());
    for end in 0..message.len() {
        assert_eq!(decode(&message[..end], &BOUNDS), Err(CodecError::Malformed), "{end}");
    }
}

#[test]
fn a_length_that_the_bytes_do_not_hold_costs_nothing() {
    let most = [0xfe, 0xff, 0xff, 0xff];
    assert_eq!(decode(&most, &BOUNDS), Err(CodecError::Malformed), "2^30 transactions");
    let mut message = vec![signed(0, 0, 0)].encode();
    // The authorization's length is the last byte.
    assert_eq!(message.pop(), Some(0));
    message.extend_from_slice(&most);
    assert_eq!(decode(&message, &BOUNDS), Err(CodecError::Malformed), "an authorization of 2^30 bytes");
}

#[test]
fn no_changed_byte_makes_a_message_that_is_out_of_bounds() {
    let good = vec![signed(0, 3, 96), signed(1, 200, 96)];
    let bytes = good.encode();
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut bytes = bytes.clone();
            bytes[at] ^= 1 << bit;
            let Ok(found) = decode(&bytes, &BOUNDS) else { continue };
            assert_ne!(found, good);
            assert_eq!(found.encode(), bytes, "one encoding for each message");
            for signed in found {
                assert!(signed.transaction.encoded_size() <= BOUNDS.transaction_bytes);
                assert!(signed.authorization.len() <= AUTHORIZATION_BYTES_MAX);
            }
        }
    }
}

#[test]
fn what_waits_goes_out_in_its_order_and_nothing_is_left_out() {
    let all: Vec<Signed> = (0..2_000).map(|nonce| signed(nonce, 20, 96)).collect();
    let mut waiting = queue(all[1..].iter().cloned());
    let mut next = Some(all[0].clone());
    let (mut sent, mut messages) = (Vec::new(), 0);
    while let Some(first) = next {
        let batch = batch(first, || waiting.try_recv().ok());
        assert!(batch.encode().len() <= message_bytes_max(&BOUNDS));
        assert_eq!(decode(&batch.encode(), &BOUNDS).unwrap(), batch);
        sent.extend(batch);
        messages += 1;
        next = waiting.try_recv().ok();
    }
    assert_eq!(sent, all);
    let bytes: usize = all.iter().map(|signed| signed.encoded_size()).sum();
    assert_eq!(messages, bytes.div_ceil(MESSAGE_BYTES), "messages are filled");
}

#[test]
fn one_that_waits_alone_is_sent_alone() {
    let alone = signed(0, 20, 96);
    assert_eq!(batch(alone.clone(), || None), vec![alone]);
}

#[test]
fn the_longest_batch_is_a_message_that_is_taken() {
    let bounds = Bounds { transaction_bytes: 500_000, ..BOUNDS };
    let longest = of_bytes(bounds.transaction_bytes, AUTHORIZATION_BYTES_MAX);
    // First alone past the size of a batch: nothing is added.
    let mut waiting = queue([signed(1, 0, 96)]);
    assert_eq!(batch(longest.clone(), || waiting.try_recv().ok()), vec![longest.clone()]);
    assert!(waiting.try_recv().is_ok());
    // A byte below it, in small transactions, and then the longest one.
    let small = signed(0, 100, 0);
    let count = MESSAGE_BYTES / small.encoded_size() - 3;
    let rest = MESSAGE_BYTES - 1 - count * small.encoded_size();
    let filler = (0..=rest).map(|args| signed(0, args, 0)).find(|it| it.encoded_size() == rest).unwrap();
    assert!(count + 2 < MESSAGE_TRANSACTIONS);
    let mut waiting = queue(vec![small.clone(); count - 1].into_iter().chain([filler, longest]));
    let batch = batch(small, || waiting.try_recv().ok());
    assert_eq!(batch.len(), count + 2);
    let bytes = batch.encode();
    assert!(bytes.len() <= message_bytes_max(&bounds), "{} bytes", bytes.len());
    assert_eq!(decode(&bytes, &bounds), Ok(batch));
}

#[test]
fn a_message_holds_so_many_transactions_and_no_more() {
    let small = signed(0, 0, 0);
    let mut waiting = queue(vec![small.clone(); MESSAGE_TRANSACTIONS]);
    let full = batch(small.clone(), || waiting.try_recv().ok());
    assert_eq!(full.len(), MESSAGE_TRANSACTIONS);
    assert!(waiting.try_recv().is_ok(), "the next one waits for the next message");
    let bounds = Bounds { transaction_bytes: 500_000, ..BOUNDS };
    assert_eq!(decode(&full.encode(), &bounds), Ok(full));
    let (found, limit) = (MESSAGE_TRANSACTIONS + 1, MESSAGE_TRANSACTIONS);
    let over = vec![small; found].encode();
    assert_eq!(decode(&over, &bounds), Err(CodecError::TooLong { found, limit }));
}
