//! `vm run` as its users meet it: reports, exit codes, stores.

mod support;

use support::{GOOD, folder, text, vm, write};

#[test]
fn a_scenario_that_holds_ends_with_0_and_shows_what_happened() {
    let folder = folder();
    write(folder.path(), "good.toml", GOOD);
    let output = vm(folder.path(), &["good.toml"]);
    let report = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{report}{}", text(&output.stderr));
    for part in [
        "cell  good.toml",
        "0  @alice deploys @cell  success",
        "deploy @cell.new(amount = 41) -> $mine",
        "created $mine, owned by @cell",
        "$mine.amount: none -> 41",
        "$mine: owner @cell -> @alice",
        "event Made { amount = 41 }",
        "@cell.read() -> 41",
        "reverted: Refused { amount = 7 }",
        "failed: OutOfGas",
        "transactions  4",
        "all 16 expectations hold",
    ] {
        assert!(report.contains(part), "{part:?} is not in\n{report}");
    }
    assert!(!report.contains('\u{1b}'), "colours without a terminal");
    assert!(output.stderr.is_empty());
}

#[test]
fn what_does_not_hold_is_shown_with_expected_and_found_and_ends_with_1() {
    let folder = folder();
    let bad = GOOD
        .replace("expect = { returns = 41 }", "expect = { returns = 42 }")
        .replace("{ Made = { amount = 41 } }", "{ Made = { amount = 40 } }")
        .replace("fields = { amount = 41 }", "fields = { amount = 39 }")
        .replace("{ Refused = { amount = 7 } }", "{ Refused = { amount = 8 } }")
        .replace("gas_max = 1_000_000", "gas_max = 10")
        .replace("nonce = { of = \"@bob\", is = 2 }", "nonce = { of = \"@bob\", is = 3 }")
        .replace("status = \"OutOfGas\"", "status = \"success\"");
    write(folder.path(), "bad.toml", bad);
    let output = vm(folder.path(), &["bad.toml", "--memory"]);
    let report = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{report}");
    for part in [
        "7 of 16 expectations do not hold",
        "bad.toml:21: block 1, transaction 1: returns\n    expected  42\n    found     41",
        "events[0]\n    expected  @cell Made { amount = 40 }\n    found     @cell Made { amount = 41 }",
        "object $mine: field amount\n    expected  39\n    found     41",
        "error\n    expected  Refused { amount = 8 }\n    found     reverted: Refused { amount = 7 }",
        "gas\n    expected  at most 10\n",
        "nonce of @bob\n    expected  3\n    found     2",
        "status\n    expected  success\n    found     failed: OutOfGas",
    ] {
        assert!(report.contains(part), "{part:?} is not in\n{report}");
    }
}

#[test]
fn r5_json_is_the_same_on_redb_and_in_memory() {
    let folder = folder();
    write(folder.path(), "good.toml", GOOD);
    let redb = vm(folder.path(), &["good.toml", "--json"]);
    let memory = vm(folder.path(), &["good.toml", "--json", "--memory"]);
    assert_eq!(text(&redb.stdout), text(&memory.stdout));
    let report: serde_json::Value = serde_json::from_slice(&redb.stdout).unwrap();
    let run = &report["scenarios"][0];
    assert_eq!(run["passed"], true);
    let transactions = &run["blocks"][0]["transactions"];
    assert_eq!(transactions[0]["returns"], run["names"]["$mine"]);
    assert_eq!(transactions[0]["trace"]["args"]["amount"], 41);
    assert_eq!(transactions[2]["error"]["fields"]["amount"], 7);
    assert_eq!(transactions[3]["error"]["name"], "OutOfGas");
    assert_eq!(run["totals"]["transactions"], 4);
    assert_eq!(run["names"]["@cell"].as_str().unwrap().len(), 66);
}

#[test]
fn r47_tracing_changes_no_result() {
    let folder = folder();
    write(folder.path(), "good.toml", GOOD);
    let run = |level: &str| {
        let output = vm(folder.path(), &["good.toml", "--json", "--trace", level]);
        let mut report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        for transaction in report["scenarios"][0]["blocks"][0]["transactions"].as_array_mut().unwrap() {
            assert_eq!(transaction["trace"].is_null(), level == "off");
            transaction.as_object_mut().unwrap().remove("trace");
        }
        report
    };
    assert_eq!(run("off"), run("full"));
    assert_eq!(run("off"), run("calls"));
}

#[test]
fn a_store_is_kept_where_asked_and_never_overwritten() {
    let folder = folder();
    write(folder.path(), "good.toml", GOOD);
    let first = vm(folder.path(), &["good.toml", "--store", "chain"]);
    assert_eq!(first.status.code(), Some(0), "{}", text(&first.stderr));
    let read = || {
        ["state.redb", "blocks.redb"]
            .map(|name| std::fs::read(folder.path().join("chain").join(name)).unwrap())
    };
    let store = read();
    let second = vm(folder.path(), &["good.toml", "--store", "chain"]);
    assert_eq!(second.status.code(), Some(2));
    assert!(text(&second.stderr).contains("chain is a chain already"), "{}", text(&second.stderr));
    assert_eq!(read(), store);
}

#[test]
fn an_object_saved_in_a_block_serves_in_the_same_block() {
    let folder = folder();
    // The same amount as argument of two deployments; the second one's object is found by the first one's name.
    let scenario = GOOD.replace(
        "[[block.expect]]",
        "[[block.tx]]\nfrom = \"@alice\"\ndeploy = \"cell\"\nas = \"other\"\nsalt = 1\nargs = { amount = 2 }\nsave = \"theirs\"\n\n[[block.expect]]\nobject = { id = \"$theirs\", contract = \"@other\", fields = { amount = 2 } }\n\n[[block.expect]]",
    );
    write(folder.path(), "two.toml", scenario);
    let output = vm(folder.path(), &["two.toml", "--memory"]);
    assert_eq!(output.status.code(), Some(0), "{}{}", text(&output.stdout), text(&output.stderr));
}

#[test]
fn a_block_that_must_be_refused_changes_nothing() {
    let folder = folder();
    let scenario = format!(
        "{GOOD}\n[[block]]\nexpect_invalid = \"nonce 9\"\n[[block.tx]]\nfrom = \"@alice\"\nnonce = 9\ntransfer = {{ to = \"@bob\", amount = 1 }}\n\n[[block]]\n[[block.tx]]\nfrom = \"@alice\"\ntransfer = {{ to = \"@bob\", amount = 1 }}\n"
    );
    // Tables of arrays may follow later ones of another name.
    write(folder.path(), "refused.toml", scenario);
    let output = vm(folder.path(), &["refused.toml", "--memory"]);
    let report = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{report}{}", text(&output.stderr));
    assert!(report.contains("block 2  time 2000  refused: transaction 0: nonce 9"), "{report}");
    assert!(report.contains("block 2  time 2000  1 transaction\n"), "{report}");
}
