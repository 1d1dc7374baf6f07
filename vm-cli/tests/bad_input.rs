//! Bad input: a clear error with file, line and reason, exit code 2, and nothing changed.

mod support;

use support::{GOOD, cell, cell_interface, folder, module, text, vm, write};

/// Runs the good scenario with `from` replaced by `to`, and asserts that it is refused with all of `parts`.
fn refused(from: &str, to: &str, parts: &[&str]) {
    let folder = folder();
    assert!(GOOD.contains(from), "{from:?} is not in the scenario");
    write(folder.path(), "bad.toml", GOOD.replacen(from, to, 1));
    refused_in(&folder, parts);
}

fn refused_in(folder: &tempfile::TempDir, parts: &[&str]) {
    let output = vm(folder.path(), &["bad.toml", "--store", "chain"]);
    let message = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{message}{}", text(&output.stdout));
    assert!(output.stdout.is_empty(), "something ran: {}", text(&output.stdout));
    assert!(!folder.path().join("chain").exists(), "a chain was made");
    for part in parts {
        assert!(message.contains(part), "{part:?} is not in\n{message}");
    }
}

#[test]
fn r113_unknown_contract() {
    refused(
        "call = \"cell.read\"",
        "call = \"sell.read\"",
        &["bad.toml:20: ", "no transaction deploys a contract \"sell\"; the scenario deploys cell"],
    );
    refused(
        "deploy = \"cell\"",
        "deploy = \"sell\"",
        &["bad.toml:13: ", "no contract \"sell\" under [contracts]"],
    );
}

#[test]
fn r113_unknown_function() {
    refused(
        "call = \"cell.read\"",
        "call = \"cell.reed\"",
        &["bad.toml:20: ", "cell has no function \"reed\"; it has new, read, refuse, spin", "raw_args"],
    );
}

#[test]
fn r113_missing_argument() {
    refused(
        "args = { amount = 7 }",
        "args = { }",
        &["bad.toml:26: ", "args.amount: missing; expected amount: u64"],
    );
    refused("args = { amount = 7 }", "", &["bad.toml:25: ", "args.amount: missing"]);
}

#[test]
fn r113_surplus_argument() {
    refused(
        "args = { amount = 7 }",
        "args = { amount = 7, memo = \"x\" }",
        &["bad.toml:26: ", "args.memo: no such name; expected amount: u64"],
    );
}

#[test]
fn r113_wrong_type() {
    refused(
        "args = { amount = 7 }",
        "args = { amount = \"x\" }",
        &["bad.toml:26: ", "args.amount: expected u64, found text \"x\""],
    );
    refused(
        "args = { amount = 7 }",
        "args = { amount = \"18446744073709551616\" }",
        &["found 18_446_744_073_709_551_616, which is out of its range"],
    );
    refused("returns = 41", "returns = true", &["returns: expected u64, found true"]);
    refused(
        "{ Made = { amount = 41 } }",
        "{ Made = { amont = 41 } }",
        &["Made.amont: no such field; it has amount"],
    );
    refused("fields = { amount = 41 }", "fields = { amount = \"x\" }", &["fields.amount: expected u64"]);
}

#[test]
fn r113_malformed_scenario_is_named_with_file_line_and_reason() {
    refused("from = \"@alice\"", "from = ", &["bad.toml:12: "]);
    refused(
        "save = \"mine\"",
        "safe = \"mine\"",
        &["bad.toml:15: ", "unknown field `safe`, expected one of"],
    );
    refused("alice = 1_000_000_000", "alice = \"much\"", &["bad.toml:4: ", "invalid type"]);
    refused("from = \"@alice\"", "from = \"alice\"", &["bad.toml:12: ", "expected Address (\"@name\""]);
    refused(
        "from = \"@alice\"",
        "from = \"@alcie\"",
        &["no account or contract is named @alcie; there are @alice, @bob"],
    );
    refused(
        "id = \"$mine\"",
        "id = \"$mime\"",
        &["no earlier transaction saves $mime", "saved so far: $mine"],
    );
    refused(
        "deploy = \"cell\"",
        "deploy = \"cell\"\nupload = \"cell\"",
        &["exactly one of `transfer`, `call`, `deploy`, `upload`"],
    );
    refused("status = \"OutOfGas\"", "status = \"OutOfGass\"", &["\"OutOfGass\" is no status"]);
    refused(
        "args = { amount = 41 }",
        "args = { amount = 4.1 }",
        &["bad.toml:14: ", "4.1 is not a whole number"],
    );
}

#[test]
fn scenarios_that_are_no_text_or_not_there() {
    let folder = folder();
    write(folder.path(), "bad.toml", [0xff, 0xfe, 0]);
    refused_in(&folder, &["bad.toml: not a text file"]);
    std::fs::remove_file(folder.path().join("bad.toml")).unwrap();
    refused_in(&folder, &["cannot read bad.toml"]);
    write(folder.path(), "bad.toml", "");
    refused_in(&folder, &["missing field `name`"]);
}

/// A folder whose `cell.wasm` is `code`.
fn with_module(code: &[u8]) -> tempfile::TempDir {
    let folder = folder();
    write(folder.path(), "cell.wasm", code);
    write(folder.path(), "bad.toml", GOOD);
    folder
}

#[test]
fn r60_a_module_that_imports_something_foreign() {
    let wat = r#"(module
      (import "wasi_snapshot_preview1" "fd_write" (func (param i32 i32 i32 i32) (result i32)))
      (memory (export "memory") 1 1)
      (func (export "new")) (func (export "read")) (func (export "refuse")) (func (export "spin")))"#;
    let folder = with_module(&module(wat, &cell_interface()));
    refused_in(&folder, &["bad.toml:8: ", "cell.wasm is refused", "wasi_snapshot_preview1.fd_write"]);
}

#[test]
fn a_truncated_module() {
    let code = cell();
    for length in [4, 8, 9, code.len() / 2, code.len() - 1] {
        let folder = with_module(&code[..length]);
        refused_in(&folder, &["bad.toml:8: ", "cell.wasm is refused"]);
    }
}

#[test]
fn an_empty_module_and_one_that_is_not_there() {
    let folder = with_module(&[]);
    refused_in(&folder, &["bad.toml:8: ", "cell.wasm is refused: the module is empty"]);
    std::fs::remove_file(folder.path().join("cell.wasm")).unwrap();
    refused_in(&folder, &["bad.toml:8: ", "cannot read cell.wasm"]);
}

#[cfg(unix)]
#[test]
fn r113_files_without_an_end_are_refused() {
    refused(
        "\"cell.wasm\"",
        "\"/dev/zero\"",
        &["bad.toml:8: ", "cannot read /dev/zero: it is no regular file"],
    );
    let folder = folder();
    let pipe = folder.path().join("pipe.wasm");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    write(folder.path(), "bad.toml", GOOD.replacen("cell.wasm", "pipe.wasm", 1));
    refused_in(&folder, &["bad.toml:8: ", "pipe.wasm: it is no regular file"]);

    let command = |args: &[&str]| {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_vm")).args(args).output().unwrap();
        (output.status.code(), text(&output.stderr))
    };
    for args in [&["inspect", "/dev/zero"][..], &["bindgen", "/dev/zero", "--lang", "typescript"]] {
        let (code, message) = command(args);
        assert_eq!(code, Some(2), "{message}");
        assert!(message.contains("cannot read /dev/zero: it has more than"), "{message}");
    }
}

/// The rule is for files that an input names: the scenario itself is named by the user.
#[cfg(unix)]
#[test]
fn a_scenario_may_come_through_a_pipe() {
    use std::io::Write as _;
    let folder = with_module(&cell());
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_vm"))
        .args(["run", "--modules", ".", "/dev/stdin"])
        .current_dir(folder.path())
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(GOOD.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
}

#[test]
fn a_store_path_that_is_another_file_is_left_as_it_is() {
    let folder = folder();
    write(folder.path(), "good.toml", GOOD);
    for (name, content) in [("notes.txt", "hello"), ("empty", ""), ("cell2.wasm", "\0asm")] {
        write(folder.path(), name, content);
        let output = vm(folder.path(), &["good.toml", "--store", name]);
        let message = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{message}");
        assert!(message.contains(&format!("{name} exists and is no chain")), "{message}");
        assert!(output.stdout.is_empty());
        assert_eq!(std::fs::read(folder.path().join(name)).unwrap(), content.as_bytes());
    }
    let output = vm(folder.path(), &["good.toml", "--store", "."]);
    assert_eq!(output.status.code(), Some(2));
    let output = vm(folder.path(), &["good.toml", "--store", "missing/chain"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("there is no folder missing"));
}

#[test]
fn wrong_command_lines() {
    let folder = folder();
    write(folder.path(), "good.toml", GOOD);
    for args in [
        &[][..],
        &["good.toml", "--no-such-option"],
        &["good.toml", "--memory", "--store", "x"],
        &["good.toml", "good.toml", "--store", "x"],
    ] {
        let output = vm(folder.path(), args);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(!output.stderr.is_empty());
    }
    assert!(!folder.path().join("x").exists());
}
