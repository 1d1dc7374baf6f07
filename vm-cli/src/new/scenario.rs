//! A template's scenario, made to use what the new crate has: its own module from `vm build`, others from `modules/`.

use std::path::Path;

use toml_edit::{DocumentMut, Item, value};

/// The scenario of the crate `name`.
///
/// # Errors
///
/// A reason, where the template does not have the shape that is expected: a bug of the template.
pub(super) fn local(text: &str, template: &str, name: &str) -> Result<String, String> {
    let mut scenario: DocumentMut = text.parse().map_err(|error: toml_edit::TomlError| error.to_string())?;
    // The requirements of this project are nobody else's.
    scenario.remove("requirements");
    if let Some(title) = scenario.get_mut("name").and_then(Item::as_value_mut) {
        let decor = title.decor().clone();
        *title = name.into();
        *title.decor_mut() = decor;
    }
    let contracts = scenario
        .get_mut("contracts")
        .and_then(Item::as_table_like_mut)
        .ok_or_else(|| "its scenario has no [contracts]".to_owned())?;
    let mut found = false;
    for (_, module) in contracts.iter_mut() {
        let path = module.as_str().ok_or_else(|| "a contract of its scenario is no path".to_owned())?;
        let file = Path::new(path).file_name().and_then(|file| file.to_str()).unwrap_or_default().to_owned();
        let own = file == format!("{template}.wasm");
        found |= own;
        *module =
            if own { value(format!("target/vm/{name}.wasm")) } else { value(format!("modules/{file}")) };
    }
    if !found {
        return Err("its scenario does not deploy it".to_owned());
    }
    Ok(scenario.to_string())
}
