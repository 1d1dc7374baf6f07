//! `vm build`, `vm new` and `vm toolchain` where no compiler for wasm is needed: what is refused before.

#![allow(clippy::unwrap_used, reason = "a panic is a test's failure")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

const VM: &str = env!("CARGO_BIN_EXE_vm");

fn vm(folder: &Path, args: &[&str]) -> Output {
    Command::new(VM).current_dir(folder).args(args).output().unwrap()
}

/// What it printed, after asserting its exit code.
fn ends(output: &Output, code: i32) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{out}\n{err}");
    (out, err)
}

/// A crate without dependencies, whose manifest has `more` at its end.
fn sample(source: &str, more: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("src")).unwrap();
    let manifest = "[package]\nname = \"sample\"\nversion = \"0.1.0\"\nedition = \"2024\"\n[workspace]\n";
    fs::write(folder.path().join("Cargo.toml"), format!("{manifest}{more}")).unwrap();
    fs::write(folder.path().join("src/lib.rs"), source).unwrap();
    folder
}

#[test]
fn r71_all_problems_of_a_source_are_shown_at_once_and_nothing_is_compiled() {
    let source = "#![no_std]
use std::collections::HashMap;

#[contract]
pub mod sample {
    static mut COUNT: u64 = 0;

    #[call]
    pub fn pay(ctx: &mut Context, price: f64) -> Result<()> {
        unsafe { COUNT += 1 }
    }
}
";
    let folder = sample(source, "");
    let (out, err) = ends(&vm(folder.path(), &["build"]), 1);
    assert!(out.contains("2  validate the source       1 file, 12 lines, 4 problems"), "{out}");
    assert!(!out.contains("compile"), "{out}");
    assert_eq!(
        err,
        "
error[std]: `std::collections::HashMap`: a contract has no std
 --> src/lib.rs:2:23
  |
2 | use std::collections::HashMap;
  |                       ^^^^^^^
  |
  = help: a hash map's order is random: use `alloc::collections::BTreeMap`

error[static]: `static mut COUNT`
 --> src/lib.rs:6:12
  |
6 |     static mut COUNT: u64 = 0;
  |            ^^^
  |
  = help: a contract keeps nothing between calls: keep state in objects, and pass values as arguments

error[float]: the float type f64
 --> src/lib.rs:9:42
  |
9 |     pub fn pay(ctx: &mut Context, price: f64) -> Result<()> {
  |                                          ^^^
  |
  = help: floats differ between machines: use integers in the smallest unit, or a fraction of two

error[unsafe]: an `unsafe` block
  --> src/lib.rs:10:9
   |
10 |         unsafe { COUNT += 1 }
   |         ^^^^^^
   |
   = help: safe Rust does all that a contract needs; the SDK holds what must be unsafe

  × 4 problems in the source; nothing was compiled

"
    );
    let (out, _) = ends(&vm(folder.path(), &["build", "--json"]), 1);
    let report: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(report["findings"].as_array().unwrap().len(), 4);
    assert_eq!(report["findings"][2]["rule"], "float");
    assert_eq!(report["findings"][2]["line"], 9);
    assert_eq!(report["findings"][2]["column"], 42);
    assert_eq!(report["findings"][2]["file"], "src/lib.rs");
    assert!(!folder.path().join("target").exists());
}

#[test]
fn r71_local_crates_are_held_to_the_same_rules() {
    let near = "[package]\nname = \"near\"\nversion = \"0.1.0\"\nedition = \"2024\"\n";
    let folder = sample(
        "#![no_std]\n#[contract]\npub mod sample {}\n",
        "[dependencies]\nnear = { path = \"near\" }\n",
    );
    fs::create_dir_all(folder.path().join("near/src")).unwrap();
    fs::write(folder.path().join("near/Cargo.toml"), near).unwrap();
    fs::write(folder.path().join("near/build.rs"), "fn main() {}").unwrap();
    fs::write(folder.path().join("near/src/lib.rs"), "#![no_std]\npub const RATE: f32 = 0.5;\n").unwrap();
    let (_, err) = ends(&vm(folder.path(), &["build"]), 1);
    for part in [
        "error[float]: the float type f32\n --> near/src/lib.rs:2:17",
        "error[build-code]: the crate `near` has a build script, build.rs",
        "3 problems",
    ] {
        assert!(err.contains(part), "{part}\n{err}");
    }
}

/// A crate `hex` with a build script, in a folder below.
fn false_hex(folder: &Path) {
    fs::create_dir_all(folder.join("hex/src")).unwrap();
    fs::write(folder.join("hex/Cargo.toml"), "[package]\nname = \"hex\"\nversion = \"0.4.3\"\n").unwrap();
    fs::write(folder.join("hex/build.rs"), "fn main() {}").unwrap();
    fs::write(folder.join("hex/src/lib.rs"), "#![no_std]\n").unwrap();
}

#[test]
fn r71_a_crate_put_in_the_place_of_an_allowed_one_is_judged_for_itself() {
    let source = "#![no_std]\n#[contract]\npub mod sample {}\n";
    let near = "[dependencies]\nhex = \"0.4.3\"\n[patch.crates-io]\nhex = { path = \"hex\" }\n";
    let folder = sample(source, near);
    false_hex(folder.path());
    let (_, err) = ends(&vm(folder.path(), &["build"]), 1);
    assert!(err.contains("error[build-code]: the crate `hex` has a build script, build.rs"), "{err}");

    let git = |args: &[&str]| {
        let mut command = Command::new("git");
        command.current_dir(folder.path().join("hex")).args(["-c", "user.name=x", "-c", "user.email=x@x"]);
        let output = command.args(args).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    git(&["init", "--quiet"]);
    git(&["add", "."]);
    git(&["commit", "--quiet", "--message", "x"]);
    let url = format!("file://{}", folder.path().join("hex").display());
    let far = near.replace("path = \"hex\"", &format!("git = {url:?}"));
    let second = sample(source, &far);
    let (_, err) = ends(&vm(second.path(), &["build"]), 1);
    assert!(err.contains(&format!("error[dependency]: the crate `hex` comes from git+{url}")), "{err}");
    assert!(err.contains("--> Cargo.toml:9:1"), "{err}");
}

#[test]
fn r71_a_crate_is_not_the_sdk_for_its_name() {
    let source = "#![no_std]\n#[contract]\npub mod sample {}\n";
    let folder = sample(source, "[dependencies]\ncontract-sdk = { path = \"sdk\" }\n");
    fs::create_dir_all(folder.path().join("sdk/src")).unwrap();
    fs::write(
        folder.path().join("sdk/Cargo.toml"),
        "[package]\nname = \"contract-sdk\"\nversion = \"0.1.0\"\n",
    )
    .unwrap();
    fs::write(folder.path().join("sdk/build.rs"), "fn main() {}").unwrap();
    fs::write(folder.path().join("sdk/src/lib.rs"), "").unwrap();
    let (_, err) = ends(&vm(folder.path(), &["build"]), 1);
    assert!(err.contains("error[dependency]: the crate `contract-sdk` in "), "{err}");
    assert!(err.contains("--sdk FOLDER") && err.contains("1 problem"), "{err}");
    // Named, it is; a work folder that cannot be made ends the build after that.
    let output = vm(folder.path(), &["build", "--sdk", "sdk", "--work", "src/lib.rs"]);
    assert!(String::from_utf8_lossy(&output.stdout).contains("nothing found"), "{output:?}");
    let (_, err) = ends(&vm(folder.path(), &["build", "--sdk", "nowhere"]), 2);
    assert!(err.contains("there is no contract-sdk in nowhere"), "{err}");
}

#[test]
fn r113_what_is_no_crate_of_a_contract_is_refused_with_what_to_do() {
    let empty = tempfile::tempdir().unwrap();
    let (_, err) = ends(&vm(empty.path(), &["build"]), 2);
    assert!(err.contains("there is no Cargo.toml in .") && err.contains("vm new"), "{err}");

    let workspace = tempfile::tempdir().unwrap();
    fs::write(workspace.path().join("Cargo.toml"), "[workspace]\nresolver = \"3\"\nmembers = [\"inner\"]\n")
        .unwrap();
    fs::create_dir_all(workspace.path().join("inner/src")).unwrap();
    fs::write(workspace.path().join("inner/src/lib.rs"), "").unwrap();
    fs::write(
        workspace.path().join("inner/Cargo.toml"),
        "[package]\nname = \"inner\"\nversion = \"0.1.0\"\nedition = \"2024\"\n",
    )
    .unwrap();
    let (_, err) = ends(&vm(workspace.path(), &["build"]), 2);
    assert!(err.contains("is a workspace") && err.contains("give one of its members: inner"), "{err}");

    let program = sample("", "");
    fs::rename(program.path().join("src/lib.rs"), program.path().join("src/main.rs")).unwrap();
    let (_, err) = ends(&vm(program.path(), &["build"]), 2);
    assert!(err.contains("`sample` has no library"), "{err}");

    let settings = sample("", "[package.metadata.vm]\nmemory = 3\n");
    let (_, err) = ends(&vm(settings.path(), &["build"]), 2);
    assert!(err.contains("unknown field `memory`") && err.contains("memory-pages"), "{err}");

    let manifest = sample("", "[dependencies]\nnear = { path = \"nowhere\" }\n");
    let (_, err) = ends(&vm(manifest.path(), &["build"]), 2);
    assert!(err.contains("cargo cannot read") && err.contains("nowhere"), "{err}");

    ends(&vm(empty.path(), &["build", "--deployer", "alice"]), 2);
    ends(&vm(empty.path(), &["build", "--salt", "7"]), 2);
    ends(&vm(empty.path(), &["verify", ".", "--code-hash", "0x12"]), 2);
    ends(&vm(empty.path(), &["verify", ".", "--contract", &"1".repeat(64)]), 2);
}

/// A folder of programs: each ends with failure.
#[cfg(unix)]
fn programs(names: &[&str]) -> TempDir {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    for name in names {
        let path = folder.path().join(name);
        fs::write(&path, "#!/bin/sh\nexit 1\n").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    folder
}

#[cfg(unix)]
#[test]
fn r113_without_a_compiler_the_command_that_gets_one_is_named() {
    let toolchain = |path: &Path, source: &str| {
        let mut command = Command::new(VM);
        command.env("PATH", path).env("VM_WASM_SOURCE", source).arg("toolchain");
        ends(&command.output().unwrap(), 2).1
    };
    let target = "rustup target add wasm32-unknown-unknown";
    let packages = "apt-get install rustc-web cargo-web rust-web-src lld-19 binaryen";
    let bare = toolchain(programs(&[]).path(), "");
    assert!(bare.contains("https://rustup.rs") && !bare.contains("apt-get"), "{bare}");
    let rustup = toolchain(programs(&["rustup"]).path(), "");
    assert!(rustup.contains(target) && !rustup.contains("rustup.rs"), "{rustup}");
    let debian = toolchain(programs(&["apt-get", "dpkg"]).path(), "");
    assert!(debian.contains(packages) && !debian.contains(target), "{debian}");
    let both = toolchain(programs(&["apt-get", "rustup"]).path(), "");
    assert!(both.contains(packages) && both.contains(target), "{both}");
    let asked = toolchain(programs(&["apt-get"]).path(), "debian");
    assert!(asked.contains("VM_WASM_SOURCE asks for debian") && asked.contains(packages), "{asked}");
    let wrong = toolchain(programs(&[]).path(), "nix");
    assert!(wrong.contains("\"nix\"") && wrong.contains("rustup, path or debian"), "{wrong}");
    let mut build = Command::new(VM);
    build.env("PATH", programs(&[]).path()).args(["build", env!("CARGO_MANIFEST_DIR")]);
    let (_, err) = ends(&build.output().unwrap(), 2);
    assert!(err.contains("there is no cargo in PATH"), "{err}");
}

#[test]
fn r110_a_new_crate_is_listed_and_an_existing_folder_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let (out, _) = ends(&vm(folder.path(), &["new", "gold"]), 0);
    for part in
        ["gold is new", "src/lib.rs", "contract-sdk is not on crates.io", "cd gold", "vm build", "vm test"]
    {
        assert!(out.contains(part), "{part}\n{out}");
    }
    fs::write(folder.path().join("gold/src/lib.rs"), "mine").unwrap();
    let (_, err) = ends(&vm(folder.path(), &["new", "gold"]), 2);
    assert!(err.contains("gold is there already"), "{err}");
    assert_eq!(fs::read_to_string(folder.path().join("gold/src/lib.rs")).unwrap(), "mine");
    let (_, err) = ends(&vm(folder.path(), &["new", "Gold"]), 2);
    assert!(err.contains("lower-case letters"), "{err}");
    let (_, err) = ends(&vm(folder.path(), &["new", "silver", "--template", "tokn"]), 2);
    assert!(err.contains("token"), "{err}");
    let (_, err) = ends(&vm(folder.path(), &["new", "silver", "--sdk", "nowhere"]), 2);
    assert!(err.contains("--sdk PATH/TO/contract-sdk"), "{err}");
    let (out, _) = ends(&vm(folder.path(), &["new", "silver", "--template", "nft", "--json"]), 0);
    let report: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!((&report["ok"], &report["template"]), (&true.into(), &"nft".into()));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
}
