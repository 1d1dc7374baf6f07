//! `vm new` on the command line.

use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::build::json_text;
use super::{Exit, fail};
use crate::new::{NewError, create, names, sdk, template};

pub(super) const EXIT_CODES: &str = "Exit codes:
  0  the crate is there
  2  the command line is wrong, or the folder exists; nothing was written
  3  a file could not be written";

#[derive(Debug, Args)]
pub(super) struct NewArgs {
    /// The crate's name: lower-case letters, digits and _.
    #[arg(value_name = "NAME")]
    name: String,
    /// What to begin from.
    #[arg(long, default_value = "token", value_parser = names(), value_name = "TEMPLATE")]
    template: String,
    /// Where to make it (default: a folder of its name).
    #[arg(long, value_name = "FOLDER")]
    path: Option<PathBuf>,
    /// The folder of contract-sdk (default: where this `vm` was built; it is not on crates.io).
    #[arg(long, value_name = "FOLDER")]
    sdk: Option<PathBuf>,
    /// Print JSON for programs.
    #[arg(long)]
    json: bool,
}

impl NewArgs {
    pub(super) fn execute(&self, out: &mut dyn Write, err: &mut dyn Write) -> Exit {
        match self.create() {
            Ok(text) => {
                drop(write!(out, "{text}"));
                Exit::Ok
            }
            Err(error) => {
                let exit = error.exit();
                fail(out, err, self.json, error.into());
                exit
            }
        }
    }

    fn create(&self) -> Result<String, NewError> {
        let template = template(&self.template)?;
        let sdk = sdk(self.sdk.as_deref())?;
        let folder = self.path.clone().unwrap_or_else(|| PathBuf::from(&self.name));
        let files = create(template, &self.name, &folder, &sdk)?;
        if self.json {
            return Ok(json_text(&json!({
                "ok": true,
                "name": self.name,
                "template": template.name,
                "folder": folder,
                "files": files,
                "sdk": sdk,
            })));
        }
        let mut text = format!("{} is new: {}\n", folder.display(), template.about);
        for file in files {
            text.push_str(&format!("  {}\n", file.display()));
        }
        text.push_str(&format!(
            "\ncontract-sdk is not on crates.io: Cargo.toml points to {}\n\n\
             cd {}\nvm build\nvm test\nvm run scenario.toml\n",
            sdk.display(),
            folder.display()
        ));
        Ok(text)
    }
}
