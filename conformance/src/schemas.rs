//! The published JSON schemas, where the user has them and adds them as a second witness.

use std::collections::HashMap;
use std::path::Path;

use anyhow::{Context, Result, bail};
use jsonschema::Validator;
use serde_json::Value;

/// Validators by file name without its ending: `BootNotification`, `BootNotificationResponse`.
#[derive(Debug)]
pub(crate) struct Schemas(HashMap<String, Validator>);

impl Schemas {
    /// Reads every `.json` of a folder.
    pub(crate) fn read(folder: &Path) -> Result<Self> {
        let listing = std::fs::read_dir(folder)
            .with_context(|| format!("cannot read the folder of schemas {}", folder.display()))?;
        let mut validators = HashMap::new();
        for entry in listing {
            let path = entry
                .with_context(|| format!("cannot read the folder of schemas {}", folder.display()))?
                .path();
            if path.extension().is_none_or(|ending| ending != "json") {
                continue;
            }
            let Some(name) = path.file_stem().and_then(|name| name.to_str()) else {
                continue;
            };
            let text = std::fs::read_to_string(&path)
                .with_context(|| format!("cannot read {}", path.display()))?;
            let schema: Value = serde_json::from_str(text.trim_start_matches('\u{feff}'))
                .with_context(|| format!("{} is not JSON", path.display()))?;
            let validator = jsonschema::options()
                .should_validate_formats(true)
                .build(&schema)
                .map_err(|error| {
                    anyhow::anyhow!("{} is no JSON schema: {error}", path.display())
                })?;
            validators.insert(name.to_owned(), validator);
        }
        if validators.is_empty() {
            bail!(
                "no .json file in the folder of schemas {}; give the folder that holds BootNotification.json",
                folder.display()
            );
        }
        Ok(Self(validators))
    }

    /// What the schema of this message says against a payload.
    pub(crate) fn complaint(
        &self,
        action: &str,
        is_response: bool,
        payload: &Value,
    ) -> Option<String> {
        let name = if is_response {
            format!("{action}Response")
        } else {
            action.to_owned()
        };
        let validator = self
            .0
            .get(&name)
            .or_else(|| self.0.get(&format!("{name}Request")))?;
        validator
            .validate(payload)
            .err()
            .map(|error| format!("{error} at {}", error.instance_path()))
    }
}
