//! The release profile of a contract: the workspace's own words where it says something, else what makes small and
//! safe modules.
//!
//! The whole profile goes to cargo's command line, so that neither a configuration file nor the environment has a say.

use std::path::Path;

use toml::{Table, Value};

use super::error::BuildError;

const PACKAGE: &str = "package";
const OPT_LEVEL: &str = "opt-level";

/// What a manifest may set.
pub const KEYS: [&str; 4] = [OPT_LEVEL, "lto", "codegen-units", "overflow-checks"];

/// `--config` values for cargo.
///
/// A contract aborts on a panic, keeps no debug information and is stripped after its functions have been measured;
/// a manifest may say the same of these, since people write whole profiles. What a workspace of several contracts says of
/// `package` alone, which is its `opt-level`, holds for all that is linked into the module.
///
/// # Errors
///
/// [`BuildError`]: the manifest cannot be read, or a value in its profile would change what a contract is.
pub fn config(workspace: &Path, package: &str) -> Result<Vec<String>, BuildError> {
    let manifest = workspace.join("Cargo.toml");
    let text = std::fs::read_to_string(&manifest).map_err(BuildError::io(&manifest))?;
    let wrong = |key: &str, reason: String| BuildError::Profile {
        manifest: manifest.clone(),
        key: key.to_owned(),
        reason,
    };
    let table: Table = text.parse().map_err(|error: toml::de::Error| wrong("", error.to_string()))?;
    let profile = table.get("profile").and_then(|profile| profile.get("release")).and_then(Value::as_table);
    let mut chosen: Vec<(String, Value)> = [
        (OPT_LEVEL, Value::from("z")),
        ("lto", Value::from("fat")),
        ("codegen-units", Value::from(1)),
        ("overflow-checks", Value::from(true)),
    ]
    .into_iter()
    .map(|(key, value)| (key.to_owned(), value))
    .collect();
    let own = own_level(profile, package).map_err(|(key, reason)| wrong(&key, reason))?;
    for (key, value) in profile.into_iter().flatten().filter(|(key, _)| *key != PACKAGE) {
        if let Some((_, chosen)) = chosen.iter_mut().find(|(known, _)| known == key) {
            *chosen = value.clone();
        } else {
            let same = match key.as_str() {
                "panic" => value.as_str() == Some("abort"),
                "debug" | "incremental" | "debug-assertions" => !value.as_bool().unwrap_or(true),
                "strip" => true,
                _ => false,
            };
            if !same {
                return Err(wrong(key, format!("{value} is not for contracts")));
            }
        }
    }
    if let (Some(own), Some((_, level))) = (own, chosen.iter_mut().find(|(key, _)| key == OPT_LEVEL)) {
        *level = own;
    }
    let fixed = [
        ("panic", Value::from("abort")),
        ("debug", Value::from(false)),
        ("debug-assertions", Value::from(false)),
        ("incremental", Value::from(false)),
        // The names of functions serve the report of sizes; the module is stripped afterwards.
        ("strip", Value::from("none")),
    ];
    let fixed = fixed.into_iter().map(|(key, value)| (key.to_owned(), value));
    Ok(chosen.into_iter().chain(fixed).map(|(key, value)| format!("profile.release.{key}={value}")).collect())
}

/// The `opt-level` that the profile has for `package`; of packages a profile may say nothing else.
fn own_level(profile: Option<&Table>, package: &str) -> Result<Option<Value>, (String, String)> {
    let packages = profile.and_then(|profile| profile.get(PACKAGE)).and_then(Value::as_table);
    let mut own = None;
    for (name, settings) in packages.into_iter().flatten() {
        for (key, value) in settings.as_table().into_iter().flatten() {
            if key != OPT_LEVEL {
                return Err((format!("package.{name}.{key}"), format!("{value} is not for contracts")));
            }
            if name == package {
                own = Some(value.clone());
            }
        }
    }
    Ok(own)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(manifest: &str) -> Result<Vec<String>, BuildError> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("Cargo.toml"), manifest).unwrap();
        config(folder.path(), "x")
    }

    #[test]
    fn a_manifest_may_choose_speed_over_size() {
        let config = of("[profile.release]\nopt-level = 3\nstrip = true\npanic = \"abort\"").unwrap();
        assert!(config.contains(&"profile.release.opt-level=3".to_owned()));
        assert!(config.contains(&"profile.release.lto=\"fat\"".to_owned()));
        assert!(config.contains(&"profile.release.strip=\"none\"".to_owned()));
    }

    #[test]
    fn a_package_may_choose_for_itself_alone() {
        let level = |manifest: &str| {
            let config = of(manifest).unwrap();
            let levels: Vec<_> = config.into_iter().filter(|set| set.contains("opt-level")).collect();
            assert_eq!(levels.len(), 1);
            levels.concat()
        };
        let two = "[profile.release]\nopt-level = \"s\"\n[profile.release.package.NAME]\nopt-level = 3";
        assert_eq!(level(&two.replace("NAME", "x")), "profile.release.opt-level=3");
        assert_eq!(level(&two.replace("NAME", "other")), "profile.release.opt-level=\"s\"");
        assert_eq!(
            level("[profile.release.package.x]\nopt-level = 2"),
            "profile.release.opt-level=2",
            "beside the default"
        );
    }

    #[test]
    fn r113_a_profile_that_would_change_what_a_contract_is_is_refused() {
        for (profile, part) in [
            ("panic = \"unwind\"", "panic: \"unwind\""),
            ("debug = true", "debug: true"),
            ("package.x.codegen-units = 1", "package.x.codegen-units: 1"),
            ("package.other.strip = true", "package.other.strip: true"),
        ] {
            let error = of(&format!("[profile.release]\n{profile}")).unwrap_err();
            assert!(error.to_string().contains(part), "{error}");
            assert_eq!(error.exit(), crate::cli::Exit::BadInput);
        }
    }
}
