//! A template's manifest, made to stand alone: what it inherits is written out, the SDK gets its path.

use std::path::Path;

use toml_edit::{DocumentMut, InlineTable, Item, Table, TableLike, Value, value};

/// The manifest of the crate `name`, from a template's own and that of the workspace it lies in.
///
/// # Errors
///
/// A reason, where the template does not have the shape that is expected: a bug of the template.
pub(super) fn standalone(own: &str, workspace: &str, name: &str, sdk: &Path) -> Result<String, String> {
    let own: DocumentMut = own.parse().map_err(|error: toml_edit::TomlError| error.to_string())?;
    let workspace: DocumentMut =
        workspace.parse().map_err(|error: toml_edit::TomlError| error.to_string())?;
    let sdk = sdk.to_str().ok_or_else(|| format!("{} is not text", sdk.display()))?;
    let shared = workspace.get("workspace").and_then(Item::as_table_like);

    let mut manifest = DocumentMut::new();
    manifest.insert("package", Item::Table(package(&own, shared, name)?));
    if let Some(features) = own.get("features") {
        manifest.insert("features", features.clone());
    }
    for kind in ["dependencies", "dev-dependencies"] {
        if let Some(wanted) = own.get(kind).and_then(Item::as_table_like) {
            manifest.insert(kind, Item::Table(dependencies(wanted, shared, sdk)?));
        }
    }
    if let Some(lints) = shared.and_then(|shared| shared.get("lints")) {
        manifest.insert("lints", lints.clone());
    }
    if let Some(mut profile) = workspace.get("profile").cloned() {
        // What the workspace's comment has measured are other contracts.
        if let Some(release) = profile.get_mut("release").and_then(Item::as_table_mut) {
            let template = own.get("package").and_then(|package| package.get("name")).and_then(Item::as_str);
            let packages = release.remove("package");
            let level = packages.as_ref().zip(template).and_then(|(packages, name)| packages.get(name));
            if let Some(level) = level.and_then(|settings| settings.get("opt-level")) {
                release.insert("opt-level", level.clone());
            }
            release.decor_mut().set_prefix("\n# The smallest module, since its bytes are paid for.\n");
        }
        manifest.insert("profile", profile);
    }
    // A crate of its own, also inside the folder of another workspace.
    manifest.insert("workspace", Item::Table(Table::new()));
    let mut position = 0;
    number(manifest.as_table_mut(), &mut position);
    Ok(manifest.to_string().trim_start().to_owned())
}

/// The crates that a manifest names, as source names them.
///
/// # Errors
///
/// As [`standalone`].
pub(super) fn crates(own: &str) -> Result<Vec<String>, String> {
    let own: DocumentMut = own.parse().map_err(|error: toml_edit::TomlError| error.to_string())?;
    let used = ["dependencies", "dev-dependencies"]
        .into_iter()
        .filter_map(|kind| own.get(kind).and_then(Item::as_table_like))
        .flat_map(|table| table.iter().map(|(name, _)| name.replace('-', "_")));
    Ok(used.collect())
}

fn package(own: &DocumentMut, shared: Option<&dyn TableLike>, name: &str) -> Result<Table, String> {
    let inherited = |key: &str| {
        let item = own.get("package")?.get(key)?;
        if is_inherited(item) { shared?.get("package")?.get(key).cloned() } else { Some(item.clone()) }
    };
    let mut package = Table::new();
    package.insert("name", value(name));
    package.insert("version", value("0.1.0"));
    for key in ["description", "edition", "rust-version"] {
        let item = inherited(key).ok_or_else(|| format!("no package.{key}"))?;
        package.insert(key, item);
    }
    package.insert("publish", value(false));
    Ok(package)
}

fn is_inherited(item: &Item) -> bool {
    item.get("workspace").and_then(Item::as_bool) == Some(true)
}

fn dependencies(wanted: &dyn TableLike, shared: Option<&dyn TableLike>, sdk: &str) -> Result<Table, String> {
    let mut table = Table::new();
    for (name, item) in wanted.iter() {
        let base = if is_inherited(item) {
            let found = shared.and_then(|shared| shared.get("dependencies")?.get(name));
            Some(found.ok_or_else(|| format!("the workspace has no dependency {name}"))?)
        } else {
            None
        };
        let mut dependency = InlineTable::new();
        for item in base.into_iter().chain([item]) {
            if let Some(version) = item.as_str() {
                dependency.insert("version", version.into());
            }
            for (key, part) in item.as_table_like().into_iter().flat_map(TableLike::iter) {
                if let (false, Some(part)) = (key == "workspace", part.as_value()) {
                    dependency.insert(key, part.clone());
                }
            }
        }
        if dependency.contains_key("path") {
            if name != crate::build::package::SDK {
                return Err(format!("the dependency {name} is a folder that a new crate has not"));
            }
            dependency.insert("path", sdk.into());
        }
        dependency.fmt();
        let only_version = dependency.len() == 1;
        match dependency.get("version").cloned() {
            Some(version) if only_version => table.insert(name, Item::Value(version)),
            _ => table.insert(name, Item::Value(Value::InlineTable(dependency))),
        };
    }
    Ok(table)
}

/// Puts tables into the order in which they were added: each carries its old file's position.
fn number(table: &mut Table, position: &mut isize) {
    table.set_position(Some(*position));
    *position = position.saturating_add(1);
    for (_, item) in table.iter_mut() {
        if let Item::Table(table) = item {
            number(table, position);
        }
    }
}
