use std::path::Path;

use super::*;
use crate::build::package::{Crate, Dependency, DependencySource, Fetched, Settings};
use crate::colours::Colours;

/// A crate of these files; `Cargo.toml` is one that says nothing unless given.
struct Folder {
    folder: tempfile::TempDir,
    package: Package,
}

fn folder(files: &[(&str, &str)]) -> Folder {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path().canonicalize().unwrap();
    std::fs::write(at.join("Cargo.toml"), "[package]\nname = \"sample\"\n").unwrap();
    for (name, text) in files {
        let path = at.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let package = Package {
        name: "sample".into(),
        version: "0.1.0".into(),
        library: "sample".into(),
        manifest: at.join("Cargo.toml"),
        workspace: at.clone(),
        target_folder: at.join("target"),
        here: at.clone(),
        crates: vec![Crate {
            name: "sample".into(),
            manifest: at.join("Cargo.toml"),
            root: at.join("src/lib.rs"),
            folder: at,
            is_contract: true,
            is_proc_macro: false,
            build_script: None,
            dependencies: vec![],
        }],
        fetched: vec![],
        misplaced: vec![],
        locals: vec![],
        settings: Settings::default(),
    };
    Folder { folder, package }
}

const HEAD: &str = "#![no_std]\n#[contract]\npub mod sample {}\n";

/// Rule, file and line of each finding.
fn findings(folder: &Folder) -> Vec<(&'static str, String, usize)> {
    let checked = check(&folder.package).unwrap();
    let one = |finding: &Finding| (finding.rule.name(), finding.file.shown.clone(), finding.place().0);
    checked.findings.iter().map(one).collect()
}

/// The rules that the source breaks after [`HEAD`], by line of the source.
fn broken(source: &str) -> Vec<(&'static str, usize)> {
    let folder = folder(&[("src/lib.rs", &format!("{HEAD}{source}"))]);
    findings(&folder).into_iter().map(|(rule, _, line)| (rule, line.saturating_sub(3))).collect()
}

#[test]
fn r71_each_rule_is_found_at_its_line() {
    for (source, expected) in [
        ("fn f() { unsafe { g() } }", "unsafe"),
        ("unsafe fn f() {}", "unsafe"),
        ("unsafe impl Send for X {}", "unsafe"),
        ("unsafe trait T {}", "unsafe"),
        ("union U { a: u8 }", "unsafe"),
        ("fn f() { m!(unsafe { g() }) }", "unsafe"),
        ("fn f(price: f64) {}", "float"),
        ("fn f() -> f32 { g() }", "float"),
        ("const HALF: u8 = (0.5) as u8;", "float"),
        ("fn f() { g(1e3) }", "float"),
        ("fn f() { require!(x > 0.5) }", "float"),
        ("fn f() { g(7 as f64) }", "float"),
        ("use core::f64::consts::PI;", "float"),
        ("macro_rules! m { () => { 2.5f32 } }", "float"),
        ("static mut COUNT: u64 = 0;", "static"),
        ("static CELL: core::cell::RefCell<u8> = new();", "static"),
        ("static COUNT: AtomicU64 = AtomicU64::new(0);", "static"),
        ("static ALL: [Option<OnceCell<u8>>; 2] = [None, None];", "static"),
        ("thread_local! { static X: u8 = 0; }", "static"),
        ("use std::collections::HashMap;", "std"),
        ("extern crate std;", "std"),
        ("fn f() { std::process::exit(1) }", "std"),
        ("fn f() -> std::time::Instant { g() }", "std"),
        ("fn f() { println!(\"x\") }", "std"),
        ("fn f() { require!(std::env::var(\"X\").is_ok()) }", "std"),
        ("extern \"C\" { fn g(); }", "foreign"),
        ("extern \"C\" fn f() {}", "foreign"),
        ("#[unsafe(no_mangle)] pub fn f() {}", "foreign"),
        ("#[export_name = \"x\"] pub fn f() {}", "foreign"),
        ("fn f() { core::arch::asm!(\"nop\") }", "assembly"),
        ("use core::arch::wasm32;", "assembly"),
        ("const X: &str = include_str!(\"../../secret.txt\");", "outside"),
        ("const X: &[u8] = include_bytes!(concat!(\"a\", \"b\"));", "outside"),
        ("const X: &str = env!(\"USER\");", "environment"),
        ("const X: Option<&str> = option_env!(\"USER\");", "environment"),
        ("const X: &str = concat!(env!(\"HOME\"), \"\");", "environment"),
        ("fn f() { m!(option_env!(\"HOME\")) }", "environment"),
        ("macro_rules! m { ($t:tt) => { env! $t } }", "environment"),
        ("#[doc = env!(\"HOME\")] fn f() {}", "environment"),
        ("use core::env as e;", "environment"),
        ("macro_rules! m { () => { include_str!(\"/etc/hostname\") } }", "outside"),
        ("macro_rules! m { () => { include!(\"/etc/hostname\"); } }", "outside"),
        ("fn f() { m!(core::include_bytes!(\"/etc/hostname\")) }", "outside"),
        ("#[doc = include_str!(\"/etc/hostname\")] fn f() {}", "outside"),
        ("#[m(include_str!(\"/etc/hostname\"))] fn f() {}", "outside"),
        ("macro_rules! m { () => { static COUNT: AtomicU64 = AtomicU64::new(0); } }", "static"),
        ("fn f() { m!(thread_local! { }) }", "static"),
        ("struct Slot(AtomicU64); static SLOT: Slot = s();", "static"),
        ("struct A { b: B } enum B { C([D; 1]) } type D = Mutex<u8>; static SLOT: &A = s();", "static"),
        ("use core::sync::atomic::AtomicU8 as Byte; static X: Byte = s();", "static"),
        ("fn f( {}\n", "unreadable"),
        ("mod missing;", "unreadable"),
        ("#[contract]\npub mod second {}", "contract"),
    ] {
        let found = broken(&format!("\n{source}"));
        assert!(found.iter().any(|(rule, line)| *rule == expected && *line >= 2), "{source}: {found:?}");
        let others: Vec<_> = found.iter().filter(|(rule, _)| *rule != expected).collect();
        assert!(others.is_empty(), "{source}: {found:?}");
    }
}

#[test]
fn r71_sound_source_has_no_findings() {
    for source in [
        "use alloc::collections::BTreeMap;\nuse core::cell::RefCell;",
        "fn f(pair: ((u8, u8), u8)) -> u8 { m!(pair.0.1); pair.0.1 }",
        "static NAMES: [&str; 2] = [\"unsafe\", \"1.5\"];",
        "/// Costs 1.5 times `std::time` in unsafe f64.\nfn f() {}",
        "#[cfg(test)]\nmod tests {\n use std::collections::HashMap;\n fn f() -> f64 { 0.5 }\n}",
        "#[cfg(not(target_arch = \"wasm32\"))]\nfn f() { std::process::exit(1) }",
        "#[test]\nfn f() { println!(\"{}\", 0.5) }",
        "const RANGE: core::ops::Range<u8> = 1..5;",
        "fn f() { let standard = mystd::x(); self.std }",
        "const X: &str = include_str!(\"lib.rs\");",
        "#[doc = include_str!(\"lib.rs\")]\nfn f() { m!(env != include_str, &'static str) }",
        "struct List { next: List, cell: u8 }\nstruct Apart(RefCell<u8>);\nstatic X: List = x();",
    ] {
        assert_eq!(broken(source), [], "{source}");
    }
}

#[test]
fn r71_all_problems_are_reported_at_once_in_order() {
    let source =
        "use std::{time::Instant, collections::{BTreeMap, HashMap}};\nfn f(x: f32) { unsafe { g(0.5) } }";
    assert_eq!(
        broken(source),
        [("std", 1), ("std", 1), ("std", 1), ("float", 2), ("unsafe", 2), ("float", 2)]
    );
}

#[test]
fn r71_a_source_that_nests_without_end_is_a_finding_and_never_the_end_of_the_stack() {
    let nested = |open: &str, inner: &str, close: &str, levels: usize| {
        format!("fn f() {{ {}{inner}{} }}", open.repeat(levels), close.repeat(levels))
    };
    let deep = [("unreadable", 1)];
    for (open, close) in [("(", ")"), ("[", "]"), ("{", "}"), ("m!(", ")"), ("!(", ")"), ("|a, b| (", ")")] {
        assert_eq!(broken(&nested(open, "1", close, 250)), [], "{open}");
        assert_eq!(broken(&nested(open, "1", close, 1_500)), deep, "{open}");
        assert_eq!(broken(&nested(open, "1", close, 100_000)), deep, "{open}");
    }
    for (open, inner, close) in [
        ("", "1", "+1"),
        ("", "x", ".a"),
        ("", "x", "?"),
        ("", "x", " as u8"),
        ("!", "x", ""),
        ("&&", "x", ""),
        ("x = ", "x", ""),
        ("|a, b| ", "x", ""),
        ("return ", "x", ""),
        ("let x = ", "x", ""),
        ("if x {} else ", "{}", ""),
        ("x::<A, ", "x", ">"),
        ("let x: A<B, ", "x", ">"),
        ("1.. ", "x", ""),
    ] {
        let most = 16_000 / (open.len() + close.len());
        broken(&nested(open, inner, close, most));
        assert!(broken(&nested(open, inner, close, 100_000)).contains(&("unreadable", 1)), "{open}{close}");
    }
    let shell = folder(&[("src/lib.rs", &format!("#!/bin/it's\n{}", nested("(", "1", ")", 100_000)))]);
    assert_eq!(findings(&shell), [("unreadable", "src/lib.rs".to_owned(), 2)]);
    // Many things side by side do not nest.
    assert_eq!(broken(&"fn f(a: A<B, C>) -> u8 { 1 } ".repeat(5_000)), []);
    assert_eq!(broken(&format!("const ALL: [u8; 50_000] = [{}];", "1, ".repeat(50_000))), []);
}

#[test]
fn r71_modules_are_followed_as_rustc_follows_them() {
    let folder = folder(&[
        (
            "src/lib.rs",
            &format!("{HEAD}mod a;\nmod inline {{ mod b; }}\n#[path = \"odd/name.rs\"]\nmod c;\n"),
        ),
        ("src/a.rs", "mod deep;\n"),
        ("src/a/deep/mod.rs", "mod deeper;\n"),
        ("src/a/deep/deeper.rs", "const X: f32 = x();\n"),
        ("src/inline/b.rs", "\nconst X: f32 = x();\n"),
        ("src/odd/name.rs", "\n\nconst X: f32 = x();\ninclude!(\"more.rs\");\n"),
        ("src/odd/more.rs", "\n\n\nconst X: f32 = x();\n"),
        ("src/not_a_module.rs", "const X: f32 = x();\n"),
        ("tests/native.rs", "const X: f32 = x();\n"),
    ]);
    let at = |file: &str, line| ("float", file.to_owned(), line);
    assert_eq!(
        findings(&folder),
        [
            at("src/a/deep/deeper.rs", 1),
            at("src/inline/b.rs", 2),
            at("src/odd/more.rs", 4),
            at("src/odd/name.rs", 3)
        ]
    );
}

#[test]
fn r71_files_outside_the_crate_and_files_that_declare_each_other() {
    let folder = folder(&[
        ("src/lib.rs", &format!("{HEAD}#[path = \"../../outside.rs\"]\nmod outside;\nmod again;\n")),
        ("src/again.rs", "#[path = \"lib.rs\"]\nmod around;\n"),
    ]);
    let outside = folder.folder.path().parent().unwrap().join("outside.rs");
    std::fs::write(&outside, "").unwrap();
    let found = findings(&folder);
    std::fs::remove_file(&outside).unwrap();
    assert_eq!(found, [("outside", "src/lib.rs".to_owned(), 4)]);
}

#[test]
fn r71_crates_scripts_and_macros_are_named_at_their_line_of_the_manifest() {
    let mut folder = folder(&[
        ("src/lib.rs", HEAD),
        (
            "Cargo.toml",
            "[package]\nname = \"sample\"\nbuild = \"make.rs\"\n\n[dependencies]\nhex = \"0.4\"\nrand = \"0.9\"\n\
             mine = { package = \"own-crate\", version = \"1\" }\n\n[target.'cfg(unix)'.dependencies]\nlibc = \"0.2\"\n",
        ),
    ]);
    let from = |name: &str, key: &str, source| Dependency { name: name.into(), key: key.into(), source };
    let krate = &mut folder.package.crates[0];
    krate.build_script = Some("make.rs".into());
    krate.dependencies = vec![
        from("hex", "hex", DependencySource::CratesIo),
        from("rand", "rand", DependencySource::CratesIo),
        from("own-crate", "mine", DependencySource::Elsewhere),
        from("libc", "libc", DependencySource::CratesIo),
        from("near", "near", DependencySource::Local),
    ];
    let at = |rule, line| (rule, "Cargo.toml".to_owned(), line);
    assert_eq!(
        findings(&folder),
        [at("build-code", 3), at("dependency", 7), at("dependency", 8), at("dependency", 11)]
    );
    folder.package.settings.allow_dependencies = vec!["rand".into(), "own-crate".into(), "libc".into()];
    assert_eq!(findings(&folder), [at("build-code", 3)]);
    folder.package.crates[0].is_proc_macro = true;
    assert!(findings(&folder).iter().all(|(rule, _, _)| ["build-code", "contract"].contains(rule)));
}

#[test]
fn r71_what_cargo_resolved_is_judged_whoever_brings_it() {
    let mut folder = folder(&[("src/lib.rs", HEAD)]);
    let fetched = |name: &str, source, runs| Fetched {
        name: name.into(),
        source,
        origin: "git+https://example.org/x".into(),
        runs,
        by_sdk: false,
    };
    let by_sdk = |fetched: Fetched| Fetched { by_sdk: true, ..fetched };
    let script = Some("has a build script");
    let (crates_io, elsewhere) = (DependencySource::CratesIo, DependencySource::Elsewhere);
    folder.package.fetched = vec![
        fetched("hex", elsewhere, None),
        fetched("num-traits", crates_io, script),
        fetched("crunchy", crates_io, script),
        fetched("byteorder", crates_io, None),
        fetched("first", crates_io, script),
        fetched("second", crates_io, Some("is a procedural macro")),
        by_sdk(fetched("serde", crates_io, script)),
        by_sdk(fetched("syn", elsewhere, None)),
    ];
    folder.package.misplaced = vec!["/elsewhere".into()];
    let messages = |folder: &Folder| -> Vec<String> {
        check(&folder.package).unwrap().findings.into_iter().map(|finding| finding.message).collect()
    };
    assert_eq!(
        messages(&folder),
        [
            "the crate `hex` comes from git+https://example.org/x",
            "the crate `syn` comes from git+https://example.org/x",
            "the crate `contract-sdk` in /elsewhere is not the SDK that this `vm` knows",
            "the crate `first` has a build script",
            "the crate `second` is a procedural macro",
        ]
    );
    folder.package.misplaced.clear();
    folder.package.settings.allow_dependencies = ["hex", "syn", "first", "second"].map(str::to_owned).into();
    assert_eq!(messages(&folder), [""; 0]);
}

#[test]
fn r71_a_source_that_is_too_large_and_one_without_no_std_or_contract() {
    let comment = format!("// {}\n", "x".repeat(SOURCE_BYTES_MAX));
    let large = folder(&[("src/lib.rs", &format!("{HEAD}{comment}"))]);
    assert_eq!(findings(&large), [("oversize", "src/lib.rs".to_owned(), 1)]);
    let bare = folder(&[("src/lib.rs", "fn f() {}\n")]);
    let of = |rule| (rule, "src/lib.rs".to_owned(), 1);
    assert_eq!(findings(&bare), [of("contract"), of("std")]);
    let absent = folder(&[]);
    assert_eq!(findings(&absent), [of("unreadable")]);
}

#[test]
fn r71_a_finding_is_shown_as_rustc_would() {
    let folder = folder(&[("src/lib.rs", &format!("{HEAD}\nfn price(of: u64) -> f64 {{ todo() }}\n"))]);
    let checked = check(&folder.package).unwrap();
    let text = super::super::finding::render(&checked.findings, Colours::Off);
    assert_eq!(
        text,
        "error[float]: the float type f64
 --> src/lib.rs:5:22
  |
5 | fn price(of: u64) -> f64 { todo() }
  |                      ^^^
  |
  = help: floats differ between machines: use integers in the smallest unit, or a fraction of two

"
    );
}

#[test]
fn r113_every_rule_says_what_to_do_and_is_reached_by_a_test_here() {
    let here = include_str!("tests.rs");
    for rule in Rule::ALL {
        assert!(!rule.help().is_empty());
        assert!(here.contains(&format!("\"{}\"", rule.name())), "{}", rule.name());
    }
}

#[test]
fn std_parts_have_their_own_advice() {
    let folder = folder(&[(
        "src/lib.rs",
        &format!("{HEAD}use std::collections::HashMap;\nuse std::time::Instant;\n"),
    )]);
    let checked = check(&folder.package).unwrap();
    let help: Vec<_> = checked.findings.iter().map(|finding| finding.help.as_str()).collect();
    assert!(help[0].contains("order is random"), "{help:?}");
    assert!(help[1].contains("block_time"), "{help:?}");
    assert!(Path::new(&checked.findings[0].file.path).is_absolute());
}

#[test]
fn r70_the_outline_counts_what_is_marked() {
    let source = "#![no_std]
        #[contract_sdk::contract]
        pub mod shop {
            #[event] pub struct Sold { pub amount: u64 }
            #[derive(Encode, Event)] pub struct Bought;
            #[error] pub enum ShopError { Closed, Broke }
            #[object] struct Shelf { goods: u64 }
            #[init] pub fn initialize(ctx: &mut Context) {}
            #[call] #[payable] pub fn buy(ctx: &mut Context) {}
            #[view] pub fn r#type(ctx: &Context) {}
            fn helper() {}
        }";
    let folder = folder(&[("src/lib.rs", source)]);
    let checked = check(&folder.package).unwrap();
    assert!(checked.findings.is_empty(), "{:?}", checked.findings);
    let outline = &checked.contracts[0];
    assert_eq!(outline.name, "shop");
    let functions: Vec<_> = outline.functions.iter().map(|f| (f.name.as_str(), f.kind)).collect();
    assert_eq!(functions, [("initialize", "init"), ("buy", "call"), ("type", "view")]);
    assert_eq!((outline.events, outline.errors, outline.objects), (2, 2, 1));
}

#[test]
fn r70_a_contract_may_be_an_impl() {
    let source = "#![no_std]
        pub struct Shop;
        #[contract(events(Sold, Bought), errors(ShopError))]
        impl Shop {
            #[init] pub fn initialize(ctx: &mut Context) {}
            #[view] pub fn price(ctx: &Context) -> u64 { 1 }
        }";
    let folder = folder(&[("src/lib.rs", source)]);
    let checked = check(&folder.package).unwrap();
    assert!(checked.findings.is_empty(), "{:?}", checked.findings);
    let outline = &checked.contracts[0];
    assert_eq!((outline.name.as_str(), outline.functions.len(), outline.events), ("Shop", 2, 2));
}
