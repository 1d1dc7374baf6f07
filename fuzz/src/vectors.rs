//! The golden vectors as seeds: bytes that every encoding really has.

use std::path::Path;

/// The folder of the fixtures.
fn fixtures() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures")
}

/// The byte strings of a vector file, with section and name.
///
/// # Panics
///
/// If there is no such file: a seed less would go unnoticed.
pub(crate) fn bytes(topic: &str) -> Vec<(String, Vec<u8>)> {
    let path = fixtures().join(format!("vectors/{topic}.toml"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut section = String::new();
    let mut found = vec![];
    for line in text.lines() {
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            section = name.to_owned();
        } else if let Some((name, value)) = line.split_once(" = ")
            && ["bytes", "proof", "chunk"].iter().any(|kind| name.starts_with(kind))
            && let Ok(bytes) = hex::decode(value.trim_matches('"').trim_start_matches("0x"))
        {
            let name = format!("{section}-{name}");
            found.push((name.trim_end_matches("-bytes").trim_end_matches("-proof").to_owned(), bytes));
        }
    }
    found
}

/// The scenarios' texts, by name.
pub(crate) fn scenarios() -> Vec<(String, String)> {
    let mut found = vec![];
    for entry in std::fs::read_dir(fixtures().join("scenarios")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            found.push((name, std::fs::read_to_string(&path).unwrap()));
        }
    }
    found.sort();
    found
}

/// The folder of the fixtures' modules.
pub(crate) fn modules() -> std::path::PathBuf {
    fixtures().join("wasm")
}
