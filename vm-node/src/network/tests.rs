use super::*;

use commonware_cryptography::Signer as _;
use commonware_cryptography::certificate::Scheme as _;
use tempfile::TempDir;
use vm_chain::SecretKey;
use vm_core::Params;

fn spec(chain: &str) -> Spec {
    let alice = Address::named("alice");
    Spec {
        params: Params::default_for(chain),
        time: 1_700_000_000_000,
        accounts: vec![(alice, 5)],
        names: vec![("alice".to_owned(), alice)],
    }
}

fn peer(index: u16) -> Peer {
    Peer {
        key: PrivateKey::from_seed(index.into()).public_key(),
        address: SocketAddr::from(([127, 0, 0, 1], 9_000 + index)),
        rpc: index.is_multiple_of(2).then(|| format!("http://127.0.0.1:{}", 8_000 + index)),
    }
}

fn network() -> Network {
    let validators = (0..4).map(peer).collect();
    Network::new(spec("nets"), validators, vec![peer(4), peer(5)], true).unwrap()
}

/// Where a network's file is written, and the chain's beside it.
fn written(network: &Network) -> (TempDir, PathBuf) {
    let folder = TempDir::new().unwrap();
    let at = folder.path().join("network.toml");
    network.write(&at).unwrap();
    (folder, at)
}

/// Why the good file is refused once `edit` has changed its text; the file that is named is the network's.
fn refusal(edit: impl Fn(String) -> String) -> String {
    let (_folder, at) = written(&network());
    let text = std::fs::read_to_string(&at).unwrap();
    let edited = edit(text.clone());
    assert_ne!(edited, text, "the edit changes something");
    std::fs::write(&at, edited).unwrap();
    match Network::read(&at).unwrap_err() {
        FileError::Content { at: named, cause } => {
            assert_eq!(named, at, "{cause}");
            cause
        }
        error @ FileError::File { .. } => panic!("{error}"),
    }
}

fn assert_refused(why: &str, edit: impl Fn(String) -> String) {
    let cause = refusal(edit);
    assert!(cause.contains(why), "{why:?} is not in {cause:?}");
}

#[test]
fn a_network_reads_back_as_it_was_written() {
    let mut network = network();
    for private in [true, false] {
        network.private = private;
        let (_folder, at) = written(&network);
        let found = Network::read(&at).unwrap();
        assert_eq!(found.spec.to_bytes(), network.spec.to_bytes());
        assert_eq!((found.id, &found.genesis), (network.id, &network.genesis));
        assert_eq!((&found.validators, &found.followers), (&network.validators, &network.followers));
        assert_eq!(found.private, private);
        assert_eq!(found.timeouts, Timeouts::default());
    }
}

#[test]
fn waits_read_back_as_they_were_written() {
    let network = Network {
        timeouts: Timeouts {
            leader: Duration::from_millis(1_500),
            certification: Duration::from_millis(2_500),
            idle: Duration::from_millis(200),
            clock_drift: Duration::from_millis(750),
            ..Timeouts::default()
        },
        ..network()
    };
    let (_folder, at) = written(&network);
    assert_eq!(Network::read(&at).unwrap().timeouts, network.timeouts);
}

#[test]
fn waits_that_are_not_given_are_the_default_ones() {
    let (_folder, at) = written(&network());
    let text = std::fs::read_to_string(&at).unwrap();
    std::fs::write(&at, format!("{text}\n[timeouts]\nidle = 123\n")).unwrap();
    let timeouts = Network::read(&at).unwrap().timeouts;
    assert_eq!(timeouts, Timeouts { idle: Duration::from_millis(123), ..Timeouts::default() });
}

#[test]
fn a_key_may_stand_without_its_0x() {
    let (_folder, at) = written(&network());
    let text = std::fs::read_to_string(&at).unwrap();
    std::fs::write(&at, text.replace("\"0x", "\"")).unwrap();
    assert_eq!(Network::read(&at).unwrap().validators, network().validators);
}

#[test]
fn a_network_without_validators_is_refused() {
    assert_refused("there is no validator", |_| "spec = \"chain.spec\"\nvalidators = []\n".to_owned());
    assert_refused("missing field `validators`", |_| "spec = \"chain.spec\"\n".to_owned());
}

#[test]
fn a_key_or_an_address_that_stands_twice_is_refused() {
    let key = |index| key_text(&peer(index).key);
    let address = |index| peer(index).address.to_string();
    let twice = |what: &str, one: &str| format!("the {what} {one} stands in it twice");
    // Among validators, and between a validator and a follower.
    for other in [1, 4] {
        assert_refused(&twice("key", &key(0)), |text| text.replace(&key(other), &key(0)));
        assert_refused(&twice("address", &address(0)), |text| text.replace(&address(other), &address(0)));
    }
}

#[test]
fn what_is_no_public_key_is_refused() {
    let key = key_text(&peer(2).key);
    let line = format!("public = \"{key}\"\n");
    assert_refused("missing field `public`", |text| text.replace(&line, ""));
    // A byte too few, a digit too few, no digit.
    for bad in [&key[..64], &key[..65], &key.replacen("0x", "0xg", 1)[..66], ""] {
        assert_refused("is no public key", |text| text.replace(&key, bad));
    }
    let no_point = (0..=u8::MAX).map(|byte| [byte; 32]).find(|bytes| Key::decode(bytes.to_vec()).is_err());
    let no_point = format!("0x{}", hex::encode(no_point.unwrap()));
    assert_refused("is no public key of ed25519", |text| text.replace(&key, &no_point));
}

#[test]
fn what_is_no_address_is_refused() {
    let address = peer(0).address.to_string();
    for bad in ["127.0.0.1", "localhost:9000", "127.0.0.1:70000", ""] {
        assert_refused("invalid socket address", |text| text.replace(&address, bad));
    }
    assert_refused("missing field `address`", |text| text.replace(&format!("address = \"{address}\"\n"), ""));
}

#[test]
fn a_field_that_nobody_knows_is_refused() {
    assert_refused("unknown field `speed`", |text| format!("speed = 1\n{text}"));
    assert_refused("unknown field `weight`", |text| {
        text.replacen("[[validators]]", "[[validators]]\nweight = 1", 1)
    });
    assert_refused("unknown field `retry`", |text| format!("{text}\n[timeouts]\nretry = 1\n"));
    assert_refused("TOML", |text| format!("{text}\n["));
}

#[test]
fn waits_that_contradict_each_other_are_refused() {
    for (waits, why) in [
        ("leader = 0", "`leader` must be longer than `zero`"),
        ("leader = 600", "`leader` must be longer than `twice idle`"),
        ("leader = 2000", "`certification` must be longer than `leader`"),
        ("idle = 9223372036854775807", "`leader` must be longer than `twice idle`"),
        ("idle = -1", "invalid value"),
    ] {
        assert_refused(why, |text| format!("{text}\n[timeouts]\n{waits}\n"));
    }
}

#[test]
fn files_that_are_not_there_are_named() {
    let (folder, at) = written(&network());
    let read_of = |expected: &Path| match Network::read(&at).unwrap_err() {
        FileError::File { action: "read", at, .. } => assert_eq!(at, expected),
        error => panic!("{error}"),
    };
    let spec_at = folder.path().join("chain.spec");
    std::fs::remove_file(&spec_at).unwrap();
    read_of(&spec_at);
    std::fs::remove_file(&at).unwrap();
    read_of(&at);
}

/// Why what `make` put at the network's place is refused.
fn refused_in_its_place(make: impl Fn(&Path)) -> String {
    let (_folder, at) = written(&network());
    std::fs::remove_file(&at).unwrap();
    make(&at);
    match Network::read(&at).unwrap_err() {
        FileError::Content { at: named, cause } if named == at => cause,
        error => panic!("{error}"),
    }
}

#[test]
fn what_is_no_text_of_bounded_length_is_refused() {
    let folder = refused_in_its_place(|at| std::fs::create_dir(at).unwrap());
    assert_eq!(folder, "it is no regular file");
    let bytes = refused_in_its_place(|at| std::fs::write(at, [b's', 0xff, 0xfe]).unwrap());
    assert_eq!(bytes, "it is no UTF-8 text");
    let long = refused_in_its_place(|at| {
        std::fs::File::create(at).unwrap().set_len(FILE_BYTES_MAX + 1).unwrap();
    });
    assert_eq!(long, format!("it is longer than {FILE_BYTES_MAX} bytes"));
}

#[test]
fn a_spec_of_no_sense_is_refused_by_its_own_name() {
    let (folder, at) = written(&network());
    let spec_at = folder.path().join("chain.spec");
    let good = std::fs::read(&spec_at).unwrap();
    let longer = [good.as_slice(), &[0]].concat();
    let twice = Spec { accounts: vec![(Address::named("alice"), u64::MAX); 2], ..spec("nets") }.to_bytes();
    for bad in [&b"nonsense"[..], &[], &good[..good.len() - 1], &longer, &twice] {
        std::fs::write(&spec_at, bad).unwrap();
        match Network::read(&at).unwrap_err() {
            FileError::Content { at: named, .. } => assert_eq!(named, spec_at),
            error @ FileError::File { .. } => panic!("{error}"),
        }
    }
}

#[test]
fn votes_for_one_chain_are_none_for_another() {
    let good = network();
    let began = Spec { time: 1_700_000_000_001, ..spec("nets") };
    let richer = Spec { accounts: vec![(Address::named("alice"), 6)], ..spec("nets") };
    for other in [spec("other"), began, richer] {
        let other = Network::new(other, good.validators.clone(), Vec::new(), true).unwrap();
        assert_ne!(other.namespace(), good.namespace());
        assert_ne!(other.id, good.id);
    }
    // Names are for people, and nobody votes on them.
    let renamed = Network::new(Spec { names: Vec::new(), ..spec("nets") }, Vec::new(), Vec::new(), true);
    assert_eq!(renamed.unwrap().namespace(), good.namespace());
}

#[test]
fn only_a_validators_key_signs() {
    let network = network();
    assert!(network.scheme(PrivateKey::from_seed(2)).me().is_some());
    assert!(network.scheme(PrivateKey::from_seed(4)).me().is_none(), "a follower");
    assert!(network.scheme(PrivateKey::from_seed(9)).me().is_none(), "a stranger");
    assert!(network.verifier().me().is_none());
    assert_eq!(network.peer(&peer(5).key), Some(&peer(5)));
    assert_eq!(network.peer(&peer(6).key), None);
}

#[test]
fn fees_go_to_the_address_of_the_validators_key() {
    // The same seed is the same key to the engine and to the chain.
    let seed = [7; 32];
    let key = PrivateKey::decode(seed.to_vec()).unwrap().public_key();
    assert_eq!(fee_address(&key), Some(SecretKey::from_seed(seed).public().address()));
    assert_eq!(parse_key(&key_text(&key)).unwrap(), key);
}
