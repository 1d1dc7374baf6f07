//! The release profile of a contract: the workspace's own words where it says something, else what makes small and
//! safe modules.
//!
//! The whole profile goes to cargo's command line, so that neither a configuration file nor the environment has a say.

use std::path::Path;

use toml::{Table, Value};

use super::error::BuildError;

/// What a manifest may set.
pub const KEYS: [&str; 4] = ["opt-level", "lto", "codegen-units", "overflow-checks"];

/// `--config` values for cargo.
///
/// A contract aborts on a panic, keeps no debug information and is stripped after its functions have been measured;
/// a manifest may say the same of these, since people write whole profiles.
///
/// # Errors
///
/// [`BuildError`]: the manifest cannot be read, or a value in its profile would change what a contract is.
pub fn config(workspace: &Path) -> Result<Vec<String>, BuildError> {
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
        ("opt-level", Value::from("z")),
        ("lto", Value::from("fat")),
        ("codegen-units", Value::from(1)),
        ("overflow-checks", Value::from(true)),
    ]
    .into_iter()
    .map(|(key, value)| (key.to_owned(), value))
    .collect();
    for (key, value) in profile.into_iter().flatten() {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn of(manifest: &str) -> Result<Vec<String>, BuildError> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("Cargo.toml"), manifest).unwrap();
        config(folder.path())
    }

    #[test]
    fn a_manifest_may_choose_speed_over_size() {
        let config = of("[profile.release]\nopt-level = 3\nstrip = true\npanic = \"abort\"").unwrap();
        assert!(config.contains(&"profile.release.opt-level=3".to_owned()));
        assert!(config.contains(&"profile.release.lto=\"fat\"".to_owned()));
        assert!(config.contains(&"profile.release.strip=\"none\"".to_owned()));
    }

    #[test]
    fn r113_a_profile_that_would_change_what_a_contract_is_is_refused() {
        for (profile, part) in [
            ("panic = \"unwind\"", "panic: \"unwind\""),
            ("debug = true", "debug: true"),
            ("package.x.opt-level = 1", "package: "),
        ] {
            let error = of(&format!("[profile.release]\n{profile}")).unwrap_err();
            assert!(error.to_string().contains(part), "{error}");
            assert_eq!(error.exit(), crate::cli::Exit::BadInput);
        }
    }
}
