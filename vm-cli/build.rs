//! Tells cargo to look again when a template gains or loses a file: `include_dir!` alone is only asked again when a
//! file that it found has changed.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=src/new.rs");
    // The folders of the templates, not all contracts: their target folder changes with every build.
    let templates = std::fs::read_to_string("src/new.rs").unwrap_or_default();
    for part in templates.split("$CARGO_MANIFEST_DIR/").skip(1) {
        if let Some((folder, _)) = part.split_once('"') {
            println!("cargo::rerun-if-changed={folder}");
        }
    }
}
