//! The interface on a chain in this process: a token from its deployment to a proof.

mod support;

use serde_json::json;
use support::{deploy_token, in_memory, pay, send, signed, token_transfer, transaction};
use vm_chain::api::text::Text;
use vm_chain::api::trace::{ChangeInfo, StepInfo};
use vm_chain::api::types::{
    At, Claim, EventFilter, Level, NamedCall, ObjectFilter, PayloadInfo, QueryRequest,
};
use vm_chain::{Api as _, ApiError, Fault};
use vm_core::{Address, Hash, Header, ObjectId, Payload, Receipt};
use vm_state::{ProofRequest, verify};

#[test]
fn r112_a_token_is_deployed_called_shown_and_proved() {
    let api = in_memory();
    let deployed = send(&api, "alice", deploy_token());
    assert_eq!(deployed.outcome.ending.status, "success");
    let token = deployed.outcome.deployed.unwrap().0;

    let contract = api.contract(token).unwrap();
    assert_eq!((contract.name.as_str(), contract.deployer.0), ("token", Address::named("alice")));
    assert_eq!(api.contracts(None, None).unwrap().contracts.as_slice(), std::slice::from_ref(&contract));
    assert_eq!(api.code(contract.code_hash.0).unwrap().code.0, support::module("token"));

    let sent = send(&api, "alice", token_transfer(token, "bob", 300));
    assert_eq!(sent.height, 2);
    let [event] = sent.outcome.events.as_slice() else { panic!("one event: {:?}", sent.outcome.events) };
    let (alice, bob) = (Address::named("alice").to_string(), Address::named("bob").to_string());
    let fields = json!({ "from": alice, "to": bob, "amount": 300 });
    assert_eq!(json!(event.fields), fields);

    // What was sent is shown by the interface's names.
    let info = api.transaction(sent.transaction.0).unwrap();
    let PayloadInfo::Call { function, decoded, .. } = &info.payload else { panic!("{info:?}") };
    assert_eq!((function.as_str(), json!(decoded)), ("transfer", json!({ "to": bob, "amount": 300 })));
    assert_eq!(api.block(At::Height(2)).unwrap().transactions, [info]);

    let filter =
        EventFilter { contract: Some(token.into()), name: Some("Transfer".into()), ..Default::default() };
    assert_eq!(api.events(filter).unwrap().events, sent.outcome.events);

    let owned = ObjectFilter { owner: Address::named("bob").into(), contract: None, limit: None };
    let [object] = <[_; 1]>::try_from(api.objects(owned).unwrap()).unwrap();
    assert_eq!((object.contract.0, object.acquired_height), (token, 2));
    let [field] = object.fields.as_slice() else { panic!("{object:?}") };
    assert_eq!((field.name.as_deref(), field.decoded.clone()), (Some("balance"), Some(json!(300))));
    assert_eq!(api.object(object.id.0, At::Head).unwrap(), object);
    assert!(api.object(object.id.0, At::Height(1)).is_err(), "it was made later");

    let claim = Claim::Field { object: object.id, name: b"balance".to_vec().into() };
    let proof = api.prove(claim.clone(), At::Head).unwrap();
    let header = Header::from(&proof.header);
    assert_eq!(header.hash(), api.status().unwrap().head.hash.0);
    let mut request = ProofRequest::new();
    request.key(claim.key().unwrap());
    let shown = verify(&header.state_root, &request, &proof.proof.0).unwrap();
    let value = shown.get(&claim.key().unwrap()).unwrap().unwrap().to_vec();
    assert_eq!(Some(value), proof.value.map(|value| value.0));
}

#[test]
fn r47_a_trace_shows_calls_changes_and_events_by_name() {
    let api = in_memory();
    let token = send(&api, "alice", deploy_token()).outcome.deployed.unwrap().0;
    let sent = send(&api, "alice", token_transfer(token, "bob", 5));
    let info = api.trace(sent.transaction.0, Level::Calls).unwrap();
    assert_eq!(info.receipt, sent);
    let root = &info.trace.root;
    assert_eq!((root.name.as_deref(), root.function.as_str()), (Some("token"), "transfer"));
    let set = root.steps.iter().find_map(|step| match step {
        StepInfo::Operation(operation) => match &operation.change {
            Some(ChangeInfo::FieldSet { field, before, after, .. }) => {
                Some((field.clone(), before.clone(), after.clone()))
            }
            _ => None,
        },
        StepInfo::Frame(_) | StepInfo::Event(_) => None,
    });
    assert_eq!(set, Some(("balance".to_owned(), Some(json!(1_000)), Some(json!(995)))));
    assert!(root.steps.iter().any(|step| matches!(step, StepInfo::Event(event) if event.name == "Transfer")));
    assert!(root.gas_used <= sent.outcome.gas_used && root.gas_used > 0);

    let full = api.trace(sent.transaction.0, Level::Full).unwrap().trace.root;
    assert!(full.steps.len() > root.steps.len());
    let error = api.trace(sent.transaction.0, Level::Off).unwrap_err();
    assert_eq!(error.fault(), Fault::Caller);
}

#[test]
fn r47_a_calls_own_gas_does_not_count_what_the_callee_was_granted() {
    let api = in_memory();
    let deploy = |code: &str, args: Vec<u8>| Payload::Deploy {
        code: vm_core::CodeSource::Bytes(support::module(code)),
        salt: Hash::ZERO,
        args,
        value: 0,
    };
    let counter = send(&api, "alice", deploy("counter", vec![])).outcome.deployed.unwrap().0;
    let caller = send(&api, "alice", deploy("caller", vec![])).outcome.deployed.unwrap().0;
    let call = Payload::Call {
        contract: caller,
        function: "call_increment".to_owned(),
        args: counter.0.to_vec(),
        value: 0,
    };
    let sent = send(&api, "alice", call);
    assert_eq!(sent.outcome.ending.status, "success", "{sent:?}");
    let root = api.trace(sent.transaction.0, Level::Full).unwrap().trace.root;
    let own = root.steps.iter().find_map(|step| match step {
        StepInfo::Operation(operation) if operation.function == "call" => Some(operation.gas_used),
        _ => None,
    });
    // The price of a call and its bytes; the grant is nearly all of ten million.
    assert!((10_000..12_000).contains(&own.unwrap()), "{own:?}");
}

#[test]
fn r113_a_contracts_error_has_its_name() {
    let api = in_memory();
    let token = send(&api, "alice", deploy_token()).outcome.deployed.unwrap().0;
    let refused = send(&api, "alice", token_transfer(token, "bob", 5_000));
    assert_eq!(refused.outcome.ending.status, "reverted");
    assert_eq!(refused.outcome.ending.error.unwrap().name, "InsufficientBalance");
    let unknown = Payload::Call { contract: token, function: "nope".into(), args: vec![], value: 0 };
    let failed = send(&api, "alice", unknown);
    assert_eq!(failed.outcome.ending.status, "failed");
    assert_eq!(failed.outcome.ending.error.unwrap().name, "FunctionNotFound");
}

#[test]
fn r46_queries_and_simulations_change_nothing() {
    let api = in_memory();
    let token = send(&api, "alice", deploy_token()).outcome.deployed.unwrap().0;
    let head = api.status().unwrap().head;

    let request = QueryRequest {
        contract: token.into(),
        function: "balance_of".to_owned(),
        args: Address::named("alice").0.to_vec().into(),
        caller: None,
        gas_limit: None,
        at: At::Head,
        trace: Level::Calls,
    };
    let answer = api.query(request.clone()).unwrap();
    assert_eq!(answer.outcome.returns, Some(json!(1_000)));
    assert!(answer.trace.is_some());
    let gone = QueryRequest { at: At::Height(7), ..request };
    assert!(matches!(api.query(gone), Err(ApiError::Missing { what: "block", .. })));

    let wanted = transaction(&api, "alice", token_transfer(token, "bob", 1));
    let answer = api.simulate(wanted.clone(), Level::Off).unwrap();
    assert_eq!((answer.outcome.ending.status.as_str(), answer.outcome.events.len()), ("success", 1));
    let stale = vm_core::Transaction { nonce: 9, ..wanted };
    assert!(matches!(api.simulate(stale, Level::Off), Err(ApiError::Invalid(_))));
    assert_eq!(api.status().unwrap().head, head);
}

#[test]
fn r46_what_runs_longer_than_a_query_may_is_refused_and_blocks_are_made() {
    let api = in_memory().with_query_time_max(std::time::Duration::ZERO);
    let token = send(&api, "alice", deploy_token()).outcome.deployed.unwrap().0;
    let sent = send(&api, "alice", token_transfer(token, "bob", 5));
    let request = QueryRequest {
        contract: token.into(),
        function: "balance_of".to_owned(),
        args: Address::named("bob").0.to_vec().into(),
        caller: None,
        gas_limit: None,
        at: At::Head,
        trace: Level::Off,
    };
    let tried = json!({ "from": "bob", "contract": token.to_string(), "function": "transfer", "args": { "to": "@carol", "amount": 1 } });
    for refused in [
        api.query(request).unwrap_err(),
        api.simulate(transaction(&api, "bob", token_transfer(token, "carol", 1)), Level::Off).unwrap_err(),
        api.simulate(transaction(&api, "bob", pay("carol", 1)), Level::Off).unwrap_err(),
        api.trace(sent.transaction.0, Level::Calls).unwrap_err(),
        api.witness(sent.height).unwrap_err(),
        api.call_named(serde_json::from_value(tried).unwrap()).unwrap_err(),
    ] {
        assert!(matches!(refused, ApiError::Busy(_)), "{refused}");
        assert!(refused.to_string().contains("longer than 0ns"), "{refused}");
    }
    let proof = api.prove(Claim::Account { address: Address::named("bob").into() }, At::Head).unwrap();
    vm_chain::proof::verify(&proof, &proof.header.hash.0).unwrap();
}

#[test]
fn r102_what_its_sender_did_not_sign_enters_no_block() {
    let api = in_memory();
    let mut forged = signed(&api, "alice", pay("bob", 1));
    forged.authorization[40] ^= 1;
    assert!(matches!(api.send(forged.clone()), Err(ApiError::Unauthorized(_))));
    assert!(matches!(api.submit(forged), Err(ApiError::Unauthorized(_))));
    let good = signed(&api, "alice", pay("bob", 1));
    api.send(good.clone()).unwrap();
    let error = api.send(good).unwrap_err();
    assert!(matches!(error, ApiError::Invalid(_)), "{error}");
    assert_eq!(api.status().unwrap().head.height, 1);
}

#[test]
fn r112_a_call_by_names_is_tried_sent_or_answered() {
    let api = in_memory();
    let token = send(&api, "alice", deploy_token()).outcome.deployed.unwrap();
    let call = |function: &str, args: serde_json::Value, send| NamedCall {
        from: "@alice".to_owned(),
        contract: token,
        function: function.to_owned(),
        args: args.as_object().unwrap().clone(),
        value: Text(0),
        send,
    };
    let tried = api.call_named(call("transfer", json!({ "to": "@bob", "amount": 7 }), false)).unwrap();
    assert_eq!((tried.answer.outcome.events.len(), tried.transaction), (1, None));
    let sent = api.call_named(call("transfer", json!({ "to": "@bob", "amount": "7" }), true)).unwrap();
    assert_eq!(api.receipt(sent.transaction.unwrap().0).unwrap().outcome.events, sent.answer.outcome.events);
    let asked = api.call_named(call("balance_of", json!({ "owner": "@bob" }), true)).unwrap();
    assert_eq!((asked.answer.outcome.returns, asked.transaction), (Some(json!(7)), None));

    let refused = |call| {
        let error = api.call_named(call).unwrap_err();
        assert_eq!(error.fault(), Fault::Caller);
        error.to_string()
    };
    let stranger = NamedCall { from: "mallory".to_owned(), ..call("transfer", json!({}), true) };
    assert!(refused(stranger).contains("mallory is none of the local chain's accounts"));
    assert!(refused(call("nope", json!({}), true)).contains("token has no function nope; it has initialize"));
    let wrong = json!({ "to": "@bob", "amount": "many" });
    assert!(refused(call("transfer", wrong, true)).starts_with("args.amount: expected u64"));
}

#[test]
fn r92_a_witness_says_what_the_chain_says() {
    let api = in_memory();
    let token = send(&api, "alice", deploy_token()).outcome.deployed.unwrap().0;
    let sent = send(&api, "alice", token_transfer(token, "bob", 5));
    let info = api.witness(2).unwrap();
    let parent = Header::from(&info.parent);
    assert_eq!(parent.hash(), Header::from(&info.header).parent);
    let block = vm_core::codec::decode_exact(&info.block.0, 1 << 20).unwrap();
    let vm = vm_host::Vm::new(vm_core::Params::default());
    let outcome =
        vm.execute_stateless(&parent, &block, &info.witness.0, vm_host::Options::default()).unwrap();
    assert_eq!(outcome.commit.header, Header::from(&info.header));
    let receipt: Receipt = vm_core::codec::decode_exact(&info.receipts[0].0, 1 << 20).unwrap();
    assert_eq!(outcome.commit.receipts, [receipt]);
    assert_eq!(sent.raw, info.receipts[0]);
}

#[test]
fn lists_are_bounded_and_say_where_to_go_on() {
    let api = in_memory();
    let token = send(&api, "alice", deploy_token()).outcome.deployed.unwrap().0;
    for amount in 1..=4 {
        send(&api, "alice", token_transfer(token, "bob", amount));
    }
    let only = |from, limit| {
        let filter =
            EventFilter { from, limit: Some(limit), name: Some("Transfer".into()), ..Default::default() };
        api.events(filter).unwrap()
    };
    let first = only(None, 3);
    assert_eq!((first.events.len(), first.next), (3, Some(5)));
    let rest = only(first.next, 3);
    assert_eq!((rest.events.len(), rest.next), (1, None));
    assert_eq!(rest.events[0].fields.as_ref().unwrap()["amount"], json!(4));

    let another = Payload::Deploy {
        code: vm_core::CodeSource::Stored(Hash::of_code(&support::module("token"))),
        salt: Hash([1; 32]),
        args: parity_scale_codec::Encode::encode(&("Silver", 5_u64)),
        value: 0,
    };
    send(&api, "bob", another);
    let first = api.contracts(None, Some(1)).unwrap();
    assert_eq!(first.contracts.len(), 1);
    let rest = api.contracts(first.next.map(|next| next.0), Some(1)).unwrap();
    assert_eq!((rest.contracts.len(), rest.next), (1, None));
    assert_ne!(rest.contracts[0].address, first.contracts[0].address);
}

#[test]
fn r85_a_state_is_given_in_parts() {
    let api = in_memory();
    send(&api, "alice", deploy_token());
    let mut after = None;
    let mut entries = 0;
    loop {
        let part = api.chunk(At::Head, after.clone()).unwrap();
        let key = after.map(|bytes: Vec<u8>| vm_core::Key::from_bytes(&bytes).unwrap());
        let root = Header::from(&part.header).state_root;
        entries += vm_state::verify_chunk(&root, key.as_ref(), &part.chunk.0).unwrap().entries.len();
        match part.next {
            Some(next) => after = Some(next.0),
            None => break,
        }
    }
    assert!(entries > 10, "{entries}");
    for bad in [vec![], vec![b'z'; 33], vec![b'a'; 33]] {
        assert_eq!(api.chunk(At::Head, Some(bad)).unwrap_err().fault(), Fault::Caller);
    }
}

#[test]
fn genesis_is_found_by_its_hash_when_blocks_stand_on_it() {
    let api = in_memory();
    let genesis = api.block(At::Height(0)).unwrap();
    send(&api, "alice", pay("bob", 1));
    assert_eq!(api.block(At::Hash(genesis.header.hash)).unwrap(), genesis);
    // At a block of the past, the nonce is that block's.
    let before = api.account(Address::named("alice"), At::Height(0)).unwrap();
    let now = api.account(Address::named("alice"), At::Head).unwrap();
    assert_eq!((before.next_nonce, now.next_nonce), (0, 1));
}

#[test]
fn objects_of_all_contracts_are_found_and_too_many_fields_are_refused() {
    let api = in_memory();
    let token = send(&api, "alice", deploy_token()).outcome.deployed.unwrap().0;
    let another = Payload::Deploy {
        code: vm_core::CodeSource::Stored(Hash::of_code(&support::module("token"))),
        salt: Hash([1; 32]),
        args: parity_scale_codec::Encode::encode(&("Silver", 5_u64)),
        value: 0,
    };
    let silver = send(&api, "alice", another).outcome.deployed.unwrap().0;
    let all = ObjectFilter { owner: Address::named("alice").into(), contract: None, limit: None };
    let contracts: Vec<Address> =
        api.objects(all.clone()).unwrap().iter().map(|object| object.contract.0).collect();
    assert_eq!(contracts, if token < silver { [token, silver] } else { [silver, token] });
    let one = ObjectFilter { limit: Some(1), ..all.clone() };
    assert_eq!(api.objects(one).unwrap().len(), 1);
    let error = api.with_fields_max(1).objects(all).unwrap_err();
    assert_eq!((error.fault(), error.to_string().contains("more than 1 fields")), (Fault::Caller, true));
}

#[test]
fn what_is_not_there_is_said_so() {
    let api = in_memory();
    let errors = [
        api.block(At::Height(1)).unwrap_err(),
        api.block(At::Hash(Text(Hash([1; 32])))).unwrap_err(),
        api.transaction(Hash([1; 32])).unwrap_err(),
        api.receipt(Hash([1; 32])).unwrap_err(),
        api.contract(Address([1; 32])).unwrap_err(),
        api.code(Hash([1; 32])).unwrap_err(),
        api.object(ObjectId([1; 32]), At::Head).unwrap_err(),
        api.witness(1).unwrap_err(),
        api.rollback(1).unwrap_err(),
    ];
    for error in errors {
        assert_eq!(error.fault(), Fault::Missing, "{error}");
    }
    assert_eq!(api.mine(100_000).unwrap_err().fault(), Fault::Caller);
    assert_eq!(api.advance_time(u64::MAX).unwrap_err().fault(), Fault::Caller);
    let nobody = api.account(Address([1; 32]), At::Head).unwrap();
    assert_eq!((nobody.balance.0, nobody.nonce, nobody.is_contract), (0, 0, false));
}

#[test]
fn a_local_chain_moves_in_time_and_makes_empty_blocks() {
    let api = in_memory();
    let before = vm_chain::sequencer::now();
    let time = api.advance_time(3_600_000).unwrap();
    assert!(time >= before + 3_600_000);
    let head = api.mine(2).unwrap();
    assert_eq!(head.height, 3);
    assert!(head.time >= time);
}
