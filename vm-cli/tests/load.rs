//! The load run, small: nothing that a killed node acknowledged is lost. `fixtures/load.sh` is the large one.

#[path = "../examples/load.rs"]
#[allow(dead_code, reason = "a program of its own, whose arguments are given here instead")]
mod load;

use std::path::PathBuf;

#[test]
fn r82_what_a_node_acknowledged_survives_kill_9() {
    let other = std::env::var_os("VM_FIXTURES_WASM").filter(|folder| !folder.is_empty());
    let folder = other.map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/wasm")),
        PathBuf::from,
    );
    let outcome = load::run(&load::Load {
        vm: PathBuf::from(env!("CARGO_BIN_EXE_vm")),
        token: folder.join("token.wasm"),
        transactions: 300,
        accounts: 15,
        kills: 2,
    })
    .unwrap();
    println!("{}", outcome.text());
    assert_eq!(outcome.lost, Vec::<String>::new());
}
