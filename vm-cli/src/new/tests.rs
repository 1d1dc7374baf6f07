use super::*;

fn made(template_name: &str, name: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path().join(name);
    create(template(template_name).unwrap(), name, &at, &sdk(None).unwrap()).unwrap();
    (folder, at)
}

#[test]
fn every_template_becomes_a_crate_that_stands_alone() {
    for template in &TEMPLATES {
        let (_folder, at) = made(template.name, "my_own");
        let manifest: toml::Table = fs::read_to_string(at.join("Cargo.toml")).unwrap().parse().unwrap();
        assert_eq!(manifest["package"]["name"].as_str(), Some("my_own"));
        assert!(manifest["dependencies"]["contract-sdk"]["path"].as_str().unwrap().starts_with('/'));
        let release = &manifest["profile"]["release"];
        assert_eq!(release["panic"].as_str(), Some("abort"));
        assert!(
            release.get("package").is_none(),
            "what the templates' workspace says of each is said outright"
        );
        assert!(manifest.contains_key("workspace"));
        assert!(!fs::read_to_string(at.join("Cargo.toml")).unwrap().contains("workspace = true"));
        assert!(fs::read_to_string(at.join("src/lib.rs")).unwrap().contains("#[contract]"));
        let scenario = fs::read_to_string(at.join("scenario.toml")).unwrap();
        assert!(scenario.contains("target/vm/my_own.wasm") && !scenario.contains("../wasm"));
        assert!(fs::read_to_string(at.join("README.md")).unwrap().contains("vm run scenario.toml"));
        assert_eq!(fs::read_to_string(at.join(".gitignore")).unwrap(), "/target\n");
    }
}

#[test]
fn a_template_keeps_the_level_that_suits_it() {
    let level = |template| {
        let (_folder, at) = made(template, "my_own");
        let manifest: toml::Table = fs::read_to_string(at.join("Cargo.toml")).unwrap().parse().unwrap();
        manifest["profile"]["release"]["opt-level"].clone()
    };
    assert_eq!(level("token"), toml::Value::from(3));
    assert_eq!(level("nft"), toml::Value::from("z"));
}

#[test]
fn tests_of_a_template_name_the_new_crate() {
    let text = renamed(b"use token::token;\nuse contract_sdk::token::x;", "token", "gold");
    assert_eq!(text, b"use gold::token;\nuse contract_sdk::token::x;");
}

#[test]
fn dependencies_are_written_out_and_other_folders_refused() {
    let workspace = "[workspace.package]\nedition = \"2024\"\nrust-version = \"1.95\"\n\
        [workspace.dependencies]\ncontract-sdk = { path = \"../sdk\" }\nhex = \"0.4\"\n";
    let own = |more: &str| {
        format!(
            "[package]\nname = \"x\"\ndescription = \"d\"\nedition.workspace = true\n\
             rust-version.workspace = true\n[dependencies]\ncontract-sdk.workspace = true\n{more}"
        )
    };
    let with = |more: &str| manifest::standalone(&own(more), workspace, "gold", Path::new("/sdk"));
    let text = with(
        "hex.workspace = true\n[dev-dependencies]\n\
         contract-sdk = { workspace = true, features = [\"testing\"] }\n",
    )
    .unwrap();
    assert!(text.contains("[dependencies]\ncontract-sdk = { path = \"/sdk\" }\nhex = \"0.4\"\n"), "{text}");
    assert!(text.contains("contract-sdk = { path = \"/sdk\", features = [\"testing\"] }"), "{text}");
    assert!(with("near = { path = \"../near\" }\n").unwrap_err().contains("near"));
    assert!(with("far.workspace = true\n").unwrap_err().contains("far"));
}

#[test]
fn scenarios_take_other_modules_from_their_own_folder() {
    let text = "name = \"t\" # why\nrequirements = [\"R1\"]\n[contracts]\ntoken = \"../wasm/token.wasm\"\n\
        other = \"../wasm/other.wasm\"\n";
    let local = scenario::local(text, "token", "gold").unwrap();
    assert_eq!(
        local,
        "name = \"gold\" # why\n[contracts]\ntoken = \"target/vm/gold.wasm\"\nother = \"modules/other.wasm\"\n"
    );
    assert!(scenario::local(text, "nft", "gold").unwrap_err().contains("does not deploy it"));
    assert!(scenario::local("name = \"t\"", "nft", "gold").unwrap_err().contains("[contracts]"));
}

#[test]
fn r113_wrong_names_taken_folders_and_missing_sdks_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let token = template("token").unwrap();
    let sdk_folder = sdk(None).unwrap();
    for name in ["", "1a", "My", "a-b", "a b", "../x", "fn", &"a".repeat(65)] {
        let error = create(token, name, &folder.path().join("x"), &sdk_folder).unwrap_err();
        assert!(matches!(error, NewError::BadName(_)), "{name}");
        assert_eq!(error.exit(), Exit::BadInput);
    }
    for name in ["core", "std", "alloc", "test", "proc_macro", "contract_sdk", "proptest"] {
        let error = create(token, name, &folder.path().join("x"), &sdk_folder).unwrap_err();
        assert!(matches!(error, NewError::TakenName(_)), "{name}");
        assert_eq!(error.exit(), Exit::BadInput);
    }
    let error = create(token, "gold", folder.path(), &sdk_folder).unwrap_err();
    assert!(matches!(error, NewError::Exists(_)));
    assert!(matches!(template("tokn").unwrap_err(), NewError::NoTemplate(_)));
    assert!(matches!(sdk(Some(folder.path())).unwrap_err(), NewError::NoSdk(_)));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    let error = create(token, "gold", &file.join("x"), &sdk_folder).unwrap_err();
    assert_eq!(error.exit(), Exit::NodeFailure);
}
