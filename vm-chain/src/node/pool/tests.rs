use std::sync::mpsc::{Receiver, channel};

use super::*;
use proptest::prelude::{any, proptest};
use vm_core::{Payload, Transaction};

fn signed(sender: &str, nonce: u64, gas_price: u64) -> Signed {
    let payload = Payload::Transfer { to: Address::named("bob"), amount: 1 };
    let sender = Address::named(sender);
    let transaction = Transaction { sender, nonce, gas_limit: 10_000, gas_price, payload };
    Signed { transaction, authorization: vec![0; 96] }
}

fn hash(signed: &Signed) -> Hash {
    signed.transaction.hash(&Hash([7; 32]))
}

const RICH: Account = Account { nonce: 0, balance: 1 << 60 };
const ROOM: BlockLimits = BlockLimits { transactions: 1_000, bytes: 1 << 20, gas: 1 << 30 };

type Told = Receiver<Result<Position, ApiError>>;

fn reply() -> (Option<Reply>, Told) {
    let (sender, told) = channel();
    (Some(Box::new(move |result| drop(sender.send(result)))), told)
}

fn add(pool: &mut Pool, sender: &str, nonce: u64) -> (Hash, Told) {
    let signed = signed(sender, nonce, 1);
    let (reply, told) = reply();
    let hash = hash(&signed);
    pool.insert(signed, hash, &RICH, reply).unwrap();
    (hash, told)
}

fn taken(pool: &mut Pool, limits: &BlockLimits) -> Vec<Hash> {
    pool.take(limits).into_iter().map(|candidate| candidate.hash).collect()
}

#[test]
fn blocks_take_by_arrival_and_a_sender_by_nonce() {
    let mut pool = Pool::new(PoolLimits::default());
    let (alice_1, _alice_1) = add(&mut pool, "alice", 1);
    let (bob_0, _bob_0) = add(&mut pool, "bob", 0);
    let (alice_0, _alice_0) = add(&mut pool, "alice", 0);
    let (_carol_2, _told) = add(&mut pool, "carol", 2);
    assert_eq!(taken(&mut pool, &ROOM), [bob_0, alice_0, alice_1]);
    assert_eq!(pool.next_nonce(&Address::named("alice")), Some(2));
    assert_eq!(pool.next_nonce(&Address::named("carol")), Some(0));
    assert_eq!(pool.next_nonce(&Address::named("dave")), None);
    assert_eq!(pool.len(), 4);
}

#[test]
fn committed_transactions_are_told_where_they_stand_and_leave() {
    let mut pool = Pool::new(PoolLimits::default());
    let (first, first_told) = add(&mut pool, "alice", 0);
    let (second, second_told) = add(&mut pool, "bob", 0);
    let (later, later_told) = add(&mut pool, "alice", 1);
    let limits = BlockLimits { transactions: 2, ..ROOM };
    assert_eq!(taken(&mut pool, &limits), [first, second]);
    pool.committed(7, [&first, &second]);
    assert_eq!(first_told.try_recv().unwrap(), Ok(Position { height: 7, index: 0 }));
    assert_eq!(second_told.try_recv().unwrap(), Ok(Position { height: 7, index: 1 }));
    assert!(later_told.try_recv().is_err());
    assert!(pool.get(&first).is_none());
    assert!(pool.is_ready(), "alice's next nonce is 1 now");
    assert_eq!(taken(&mut pool, &limits), [later]);
}

#[test]
fn a_nonce_of_the_past_and_one_too_far_ahead_are_refused() {
    let mut pool = Pool::new(PoolLimits { nonce_gap: 3, ..PoolLimits::default() });
    let account = Account { nonce: 5, ..RICH };
    let mut insert = |nonce| {
        let signed = signed("alice", nonce, 1);
        pool.insert(signed.clone(), hash(&signed), &account, None)
    };
    let expected = InvalidTransaction::Nonce { expected: 5, found: 4 };
    assert_eq!(insert(4), Err(ApiError::Invalid(expected)));
    assert_eq!(insert(8), Ok(()));
    let error = insert(9).unwrap_err();
    assert!(matches!(&error, ApiError::Pool(why) if why.contains("4 above")), "{error}");
    assert!(!pool.is_ready(), "nonces 5 to 7 are missing");
}

#[test]
fn a_fee_that_the_sender_cannot_pay_is_refused() {
    let mut pool = Pool::new(PoolLimits::default());
    let signed = signed("alice", 0, 2);
    let poor = Account { nonce: 0, balance: 19_999 };
    let expected = InvalidTransaction::Fee { fee: 20_000, balance: 19_999 };
    assert_eq!(pool.insert(signed.clone(), hash(&signed), &poor, None), Err(ApiError::Invalid(expected)));
    let enough = Account { nonce: 0, balance: 20_000 };
    assert_eq!(pool.insert(signed.clone(), hash(&signed), &enough, None), Ok(()));
}

#[test]
fn only_a_higher_price_replaces_and_never_what_a_block_holds() {
    let mut pool = Pool::new(PoolLimits::default());
    let (_, told) = add(&mut pool, "alice", 0);
    let mut same = signed("alice", 0, 1);
    same.transaction.gas_limit = 20_000;
    let error = pool.insert(same.clone(), hash(&same), &RICH, None).unwrap_err();
    assert!(matches!(&error, ApiError::Pool(why) if why.contains("above 1")), "{error}");

    let better = signed("alice", 0, 2);
    pool.insert(better.clone(), hash(&better), &RICH, None).unwrap();
    assert!(matches!(told.try_recv().unwrap(), Err(ApiError::Pool(_))));
    assert_eq!(pool.len(), 1);
    assert_eq!(taken(&mut pool, &ROOM), [hash(&better)]);

    let best = signed("alice", 0, 3);
    let error = pool.insert(best.clone(), hash(&best), &RICH, None).unwrap_err();
    assert!(matches!(&error, ApiError::Pool(why) if why.contains("being put into a block")), "{error}");
    pool.give_back([&hash(&better)]);
    assert_eq!(pool.insert(best.clone(), hash(&best), &RICH, None), Ok(()));
}

#[test]
fn the_same_transaction_twice_is_one_and_both_senders_are_told() {
    let mut pool = Pool::new(PoolLimits::default());
    let (first, told) = add(&mut pool, "alice", 0);
    let (_, told_again) = add(&mut pool, "alice", 0);
    assert_eq!(pool.len(), 1);
    pool.committed(1, [&first]);
    assert!(told.try_recv().unwrap().is_ok());
    assert!(told_again.try_recv().unwrap().is_ok());
}

#[test]
fn only_so_many_wait_for_one_transaction() {
    let mut pool = Pool::new(PoolLimits::default());
    let mut waits: Vec<(Hash, Told)> = (0..REPLIES_MAX).map(|_| add(&mut pool, "alice", 0)).collect();
    let again = signed("alice", 0, 1);
    let (more, told_more) = reply();
    let error = pool.insert(again.clone(), hash(&again), &RICH, more).unwrap_err();
    assert!(matches!(&error, ApiError::Busy(why) if why.contains("64 requests wait")), "{error}");
    assert!(told_more.try_recv().is_err());
    assert_eq!(
        pool.insert(again.clone(), hash(&again), &RICH, None),
        Ok(()),
        "who does not wait costs nothing"
    );
    pool.committed(1, [&hash(&again)]);
    for (_, told) in waits.drain(..) {
        assert_eq!(told.try_recv().unwrap(), Ok(Position { height: 1, index: 0 }));
    }
}

#[test]
fn a_full_pool_refuses_by_each_limit() {
    let size = bytes_of(&signed("alice", 0, 1));
    let fill = |limits: PoolLimits, last: (&str, u64)| {
        let mut pool = Pool::new(limits);
        add(&mut pool, "alice", 0);
        add(&mut pool, "alice", 1);
        let signed = signed(last.0, last.1, 1);
        pool.insert(signed.clone(), hash(&signed), &RICH, None)
    };
    let limits = PoolLimits { transactions: 2, ..PoolLimits::default() };
    assert!(matches!(fill(limits, ("bob", 0)), Err(ApiError::Busy(_))));
    let limits = PoolLimits { bytes: 3 * size - 1, ..PoolLimits::default() };
    assert!(matches!(fill(limits, ("bob", 0)), Err(ApiError::Busy(_))));
    let limits = PoolLimits { of_sender: 2, ..PoolLimits::default() };
    assert!(matches!(fill(limits, ("alice", 2)), Err(ApiError::Pool(_))));
    assert_eq!(fill(limits, ("bob", 0)), Ok(()));
}

#[test]
fn in_a_full_pool_what_can_never_run_gives_way_to_what_can() {
    let size = bytes_of(&signed("alice", 0, 1));
    for limits in [
        PoolLimits { transactions: 4, ..PoolLimits::default() },
        PoolLimits { bytes: 4 * size, ..PoolLimits::default() },
    ] {
        let mut pool = Pool::new(limits);
        let (ready, told_ready) = add(&mut pool, "alice", 0);
        let (first, told_first) = add(&mut pool, "mallory 1", 1);
        let (_, told_second) = add(&mut pool, "mallory 2", 1);
        let (own, told_own) = add(&mut pool, "bob", 2);
        let mut insert = |sender: &str, nonce| {
            let signed = signed(sender, nonce, 1);
            pool.insert(signed.clone(), hash(&signed), &RICH, None)
        };
        assert!(matches!(insert("mallory 3", 1), Err(ApiError::Busy(_))), "another gap gets no place");
        assert!(told_first.try_recv().is_err());
        assert_eq!(insert("bob", 0), Ok(()));
        assert!(
            matches!(told_first.try_recv().unwrap(), Err(ApiError::Busy(why)) if why.contains("not reached"))
        );
        assert!(told_second.try_recv().is_err(), "the oldest is enough");
        assert_eq!(insert("bob", 1), Ok(()), "it comes after one that waits");
        assert!(matches!(told_second.try_recv().unwrap(), Err(ApiError::Busy(_))));
        assert!(matches!(insert("carol", 0), Err(ApiError::Busy(_))), "all that is here can go into a block");
        assert!(told_ready.try_recv().is_err() && told_own.try_recv().is_err());
        assert_eq!((pool.len(), pool.bytes()), (4, 4 * size));
        assert!(pool.get(&first).is_none());
        let block = taken(&mut pool, &ROOM);
        assert_eq!((block.len(), block.first(), block.last()), (4, Some(&ready), Some(&own)));
    }
}

#[test]
fn nothing_gives_way_where_that_is_not_enough() {
    let size = bytes_of(&signed("alice", 0, 1));
    let mut pool = Pool::new(PoolLimits { bytes: 3 * size - 1, ..PoolLimits::default() });
    let (_, told) = add(&mut pool, "mallory", 1);
    let (_, _ready) = add(&mut pool, "alice", 0);
    let mut big = signed("bob", 0, 1);
    big.authorization = vec![0; 96 + 2 * size];
    assert!(matches!(pool.insert(big.clone(), hash(&big), &RICH, None), Err(ApiError::Busy(_))));
    assert!(told.try_recv().is_err());
    assert_eq!(pool.len(), 2);
}

#[test]
fn a_block_takes_what_fits_by_gas_and_by_bytes() {
    let mut pool = Pool::new(PoolLimits::default());
    let mut big = signed("alice", 0, 1);
    big.transaction.gas_limit = 1_000_000;
    pool.insert(big.clone(), hash(&big), &RICH, None).unwrap();
    let (_next, _told) = add(&mut pool, "alice", 1);
    let (bob, _told_bob) = add(&mut pool, "bob", 0);
    let limits = BlockLimits { gas: 999_999, ..ROOM };
    assert_eq!(taken(&mut pool, &limits), [bob], "alice's second waits for her first");
    let one = u64::try_from(big.transaction.encoded_size()).unwrap();
    assert_eq!(taken(&mut pool, &BlockLimits { bytes: one, ..ROOM }), [hash(&big)]);
}

#[test]
fn a_selection_stands_on_the_nonces_of_a_state_and_takes_nothing_out() {
    let mut pool = Pool::new(PoolLimits::default());
    let named = Address::named;
    for (sender, nonce) in [("alice", 1), ("bob", 0), ("alice", 0), ("carol", 2), ("alice", 2)] {
        drop(add(&mut pool, sender, nonce));
    }
    let select = |limits: &BlockLimits, next: &[(&str, u64)]| {
        let nonce = |sender: &Address| {
            let found = next.iter().find(|(name, _)| named(name) == *sender);
            Ok::<u64, ()>(found.map_or(0, |(_, nonce)| *nonce))
        };
        let selected = pool.select(limits, nonce).unwrap();
        selected
            .into_iter()
            .map(|signed| (signed.transaction.sender, signed.transaction.nonce))
            .collect::<Vec<_>>()
    };
    let (alice, bob) = (named("alice"), named("bob"));
    let all = [(bob, 0), (alice, 0), (alice, 1), (alice, 2)];
    assert_eq!(select(&ROOM, &[]), all);
    assert_eq!(select(&ROOM, &[]), all, "nothing was taken");
    // On an outcome that is not final some of them stand already.
    assert_eq!(select(&ROOM, &[("alice", 1), ("bob", 1)]), [(alice, 1), (alice, 2)]);
    assert_eq!(select(&ROOM, &[("alice", 9), ("bob", 9)]), []);
    // Whose transactions all wait for one that is not here is not even asked about.
    let asked = std::cell::RefCell::new(Vec::new());
    pool.select(&ROOM, |sender| {
        asked.borrow_mut().push(*sender);
        Ok::<_, ()>(0)
    })
    .unwrap();
    assert_eq!(asked.take(), [alice, bob]);
    assert_eq!(select(&BlockLimits { transactions: 2, ..ROOM }, &[]), all[..2]);
    assert_eq!(select(&BlockLimits { gas: 29_999, ..ROOM }, &[]), all[..2]);
    let one = u64::try_from(signed("bob", 0, 1).transaction.encoded_size()).unwrap();
    assert_eq!(select(&BlockLimits { bytes: one, ..ROOM }, &[]), all[..1]);
    assert_eq!(pool.select(&ROOM, |_| Err::<u64, _>("no state")), Err("no state"));
}

#[test]
fn what_another_block_made_impossible_is_dropped_and_told() {
    let mut pool = Pool::new(PoolLimits::default());
    let (_, first) = add(&mut pool, "alice", 0);
    let (_, second) = add(&mut pool, "alice", 1);
    let (later, third) = add(&mut pool, "alice", 2);
    // Another version of the second is final: neither it nor what was before it can stand any more.
    let other = signed("alice", 1, 5);
    pool.outdated(&Address::named("alice"), 1, &hash(&other));
    for told in [first, second] {
        let why = told.recv().unwrap().unwrap_err();
        assert!(matches!(&why, ApiError::Pool(why) if why.contains("took its place")), "{why}");
    }
    assert!(third.try_recv().is_err());
    assert_eq!(taken(&mut pool, &ROOM), [later]);
    pool.outdated(&Address::named("nobody"), 1, &later);
    assert_eq!(pool.len(), 1);
}

#[test]
fn what_waits_too_long_and_what_a_rollback_takes_away_is_told() {
    let mut pool = Pool::new(PoolLimits { age: Duration::from_secs(60), ..PoolLimits::default() });
    let (_, told) = add(&mut pool, "alice", 3);
    pool.expire(Instant::now());
    assert_eq!(pool.len(), 1);
    pool.expire(Instant::now() + Duration::from_secs(61));
    assert!(matches!(told.try_recv().unwrap(), Err(ApiError::Pool(_))));
    assert!(pool.is_empty());

    let (_, told) = add(&mut pool, "alice", 0);
    pool.clear(&ApiError::Pool("rolled back".to_owned()));
    assert_eq!(told.try_recv().unwrap(), Err(ApiError::Pool("rolled back".to_owned())));
    assert_eq!((pool.len(), pool.bytes()), (0, 0));
}

proptest! {
    #[test]
    fn whatever_comes_in_the_order_is_by_nonce_and_the_books_balance(
        inputs in proptest::collection::vec((0_usize..4, 0_u64..6, 1_u64..4), 0..40),
        most in 1_usize..20,
        deaf in any::<bool>(),
    ) {
        let names = ["alice", "bob", "carol", "dave"];
        let mut pool = Pool::new(PoolLimits { transactions: 8, of_sender: 5, ..PoolLimits::default() });
        let mut nonces = [0_u64; 4];
        for (sender, nonce, price) in inputs {
            let signed = signed(names[sender], nonce, price);
            let account = Account { nonce: nonces[sender], ..RICH };
            let reply = if deaf { None } else { reply().0 };
            drop(pool.insert(signed.clone(), hash(&signed), &account, reply));
            let limits = BlockLimits { transactions: most, ..ROOM };
            if price == 3 {
                let candidates = pool.take(&limits);
                assert!(candidates.len() <= most);
                for candidate in &candidates {
                    let transaction = &candidate.signed.transaction;
                    let sender = names.iter().position(|name| Address::named(name) == transaction.sender).unwrap();
                    assert_eq!(transaction.nonce, nonces[sender]);
                    nonces[sender] += 1;
                }
                pool.committed(1, candidates.iter().map(|candidate| &candidate.hash));
            }
            let bytes: usize = pool.senders.values().flat_map(|s| s.waiting.values()).map(|e| e.bytes).sum();
            assert_eq!(bytes, pool.bytes());
            assert_eq!(pool.senders.values().map(|s| s.waiting.len()).sum::<usize>(), pool.len());
            assert!(pool.senders.values().all(|s| s.waiting.keys().all(|nonce| *nonce >= s.next)));
        }
    }
}
