use super::*;

use std::net::Ipv4Addr;

use tempfile::TempDir;
use vm_chain::chain::Spec;
use vm_core::{Address, Params};

use crate::network::Peer;

const SEED: [u8; 32] = [0x5e; 32];

fn address(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

fn key(seed: [u8; 32]) -> PrivateKey {
    PrivateKey::decode(seed.to_vec()).unwrap()
}

/// A network of one validator with [`SEED`] and one follower, and the validator's files.
fn written() -> (TempDir, PathBuf) {
    let folder = TempDir::new().unwrap();
    let peer = |seed, port| Peer { key: key(seed).public_key(), address: address(port), rpc: None };
    let accounts = vec![(Address::named("alice"), 5)];
    let spec = Spec { params: Params::default_for("conf"), time: 1, accounts, names: Vec::new() };
    let network = Network::new(spec, vec![peer(SEED, 9_000)], vec![peer([9; 32], 9_001)], true).unwrap();
    network.write(&folder.path().join("network.toml")).unwrap();
    let at = node(folder.path(), "validator-0", &SEED);
    (folder, at)
}

fn node(folder: &Path, name: &str, seed: &[u8; 32]) -> PathBuf {
    let network = Path::new("..").join("network.toml");
    write_node(&folder.join(name), &network, seed, address(9_000), address(8_000)).unwrap()
}

fn content(error: FileError) -> (PathBuf, String) {
    match error {
        FileError::Content { at, cause } => (at, cause),
        error @ FileError::File { .. } => panic!("{error}"),
    }
}

#[test]
fn a_nodes_files_read_back_as_they_were_written() {
    let (folder, at) = written();
    let config = Config::read(&at).unwrap();
    let store = folder.path().join("validator-0").join("store");
    assert_eq!(config.public(), key(SEED).public_key());
    assert_eq!((config.listen, config.rpc), (address(9_000), address(8_000)));
    assert_eq!(config.states, None);
    assert_eq!(config.store, store);
    assert_eq!(config.chain(), store.join("chain"));
    assert_eq!(config.engine(), store.join("consensus"));
    assert_eq!(config.floor(), store.join("joined.certificate"));
    assert_eq!(config.network.validators.len(), 1);
}

#[test]
fn what_may_be_left_out_is_careful() {
    let (_folder, at) = written();
    let text = std::fs::read_to_string(&at).unwrap();
    std::fs::write(&at, format!("{text}states = 7\n")).unwrap();
    assert_eq!(Config::read(&at).unwrap().states, Some(7));
}

#[test]
fn who_votes_stands_in_the_network() {
    let (folder, at) = written();
    assert!(Config::read(&at).unwrap().is_validator());
    let follower = node(folder.path(), "follower-0", &[9; 32]);
    assert!(!Config::read(&follower).unwrap().is_validator());
}

#[cfg(unix)]
#[test]
fn only_the_owner_can_read_a_key() {
    use std::os::unix::fs::PermissionsExt as _;
    let (_folder, at) = written();
    let mode = std::fs::metadata(at.with_file_name("node.key")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn a_key_is_never_overwritten() {
    let (folder, at) = written();
    let network = Path::new("..").join("network.toml");
    let again =
        write_node(&folder.path().join("validator-0"), &network, &[1; 32], address(9_000), address(8_000));
    assert!(matches!(again, Err(FileError::File { action: "write", .. })));
    assert_eq!(Config::read(&at).unwrap().public(), key(SEED).public_key());
}

#[test]
fn a_key_that_the_network_does_not_know_is_refused_and_not_shown() {
    let (folder, _) = written();
    let stranger = [0xa7; 32];
    let at = node(folder.path(), "stranger", &stranger);
    let (named, cause) = content(Config::read(&at).unwrap_err());
    assert_eq!(named, at.with_file_name("node.key"));
    assert!(cause.contains(&key_text(&key(stranger).public_key())), "{cause}");
    assert!(!cause.contains(&hex::encode(stranger)), "{cause}");
}

#[test]
fn a_key_with_a_slip_in_it_is_refused_and_not_shown() {
    let (_folder, at) = written();
    let key_at = at.with_file_name("node.key");
    let digits = hex::encode(SEED);
    for bad in [
        String::new(),
        digits[..63].to_owned(),
        digits[..62].to_owned(),
        format!("{digits}5e"),
        format!("{}g", &digits[..63]),
        format!("0x0x{digits}"),
        format!("{} {}", &digits[..32], &digits[32..]),
    ] {
        std::fs::write(&key_at, &bad).unwrap();
        let (named, cause) = content(Config::read(&at).unwrap_err());
        assert_eq!(named, key_at);
        assert_eq!(cause, "it is no secret key: 64 hex digits");
    }
    for good in [digits.clone(), format!("0x{digits}"), format!(" {digits}\r\n")] {
        std::fs::write(&key_at, &good).unwrap();
        assert_eq!(Config::read(&at).unwrap().public(), key(SEED).public_key());
    }
}

#[test]
fn a_secret_is_in_no_text_but_its_own_file() {
    let (_folder, at) = written();
    let config = Config::read(&at).unwrap();
    let shown = format!("{config:?} {config:#?} {:?}", config.key);
    let list = SEED.map(|byte| byte.to_string()).join(", ");
    for secret in [hex::encode(SEED), hex::encode_upper(SEED), list] {
        assert!(!shown.contains(&secret), "{shown}");
    }
    assert!(!std::fs::read_to_string(&at).unwrap().contains(&hex::encode(SEED)));
    let network = std::fs::read_to_string(at.with_file_name("../network.toml")).unwrap();
    assert!(!network.contains(&hex::encode(SEED)));
}

#[test]
fn files_that_are_not_there_are_named() {
    let (folder, at) = written();
    let missing = |expected: PathBuf| match Config::read(&at).unwrap_err() {
        FileError::File { action: "read", at, .. } => {
            assert_eq!(std::fs::canonicalize(at.parent().unwrap()).unwrap().join(at.file_name().unwrap()), {
                let parent = std::fs::canonicalize(expected.parent().unwrap()).unwrap();
                parent.join(expected.file_name().unwrap())
            });
        }
        error => panic!("{error}"),
    };
    std::fs::remove_file(at.with_file_name("node.key")).unwrap();
    missing(at.with_file_name("node.key"));
    std::fs::remove_file(folder.path().join("network.toml")).unwrap();
    missing(folder.path().join("network.toml"));
    std::fs::remove_file(&at).unwrap();
    missing(at.clone());
}

#[test]
fn a_field_that_is_unknown_missing_or_of_no_sense_is_refused() {
    let (_folder, at) = written();
    let text = std::fs::read_to_string(&at).unwrap();
    for (edited, why) in [
        (format!("{text}color = 1\n"), "unknown field `color`"),
        (text.replace("store = \"store\"\n", ""), "missing field `store`"),
        (text.replace("127.0.0.1:8000", "8000"), "invalid socket address"),
        (format!("{text}states = -1\n"), "states"),
        (format!("{text}states = 4294967296\n"), "states"),
    ] {
        assert_ne!(edited, text);
        std::fs::write(&at, &edited).unwrap();
        let (named, cause) = content(Config::read(&at).unwrap_err());
        assert_eq!(named, at);
        assert!(cause.contains(why), "{why:?} is not in {cause:?}");
    }
}
