//! The published JSON schemas, where the user has them and adds them as a second witness.

use std::collections::HashMap;
use std::path::Path;

use anyhow::{Context, Result, bail};
use dynamo_protocol::v16::Action;
use jsonschema::Validator;
use serde_json::Value;

use crate::case::file::read_bounded;

/// Validators by file name without its ending: `BootNotification`, `BootNotificationResponse`.
#[derive(Debug)]
pub(crate) struct Schemas(HashMap<String, Validator>);

impl Schemas {
    /// Reads the schemas of OCPP 1.6 messages in a folder; other files in it are left alone.
    pub(crate) fn read(folder: &Path) -> Result<Self> {
        let listing = std::fs::read_dir(folder)
            .with_context(|| format!("cannot read the folder of schemas {}", folder.display()))?;
        let mut validators = HashMap::new();
        for entry in listing {
            let path = entry
                .with_context(|| format!("cannot read the folder of schemas {}", folder.display()))?
                .path();
            let Some(name) = message_of(&path) else {
                continue;
            };
            let text = read_bounded(&path, "schema")?;
            let schema: Value =
                serde_json::from_str(text.trim_start_matches('\u{feff}')).map_err(|error| {
                    let (line, column) = (error.line(), error.column());
                    anyhow::anyhow!(
                        "{}:{line}:{column}: this is no JSON; the published schema is expected",
                        path.display()
                    )
                })?;
            let validator = jsonschema::options()
                .should_validate_formats(true)
                .build(&schema)
                .map_err(|error| {
                    anyhow::anyhow!("{} is no JSON schema: {error}", path.display())
                })?;
            validators.insert(name, validator);
        }
        if validators.is_empty() {
            bail!(
                "no schema of an OCPP 1.6 message in {} (--schemas); give the folder that holds BootNotification.json, \
                 BootNotificationResponse.json and the others",
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
        let error = validator.validate(payload).err()?;
        let member = error.instance_path().to_string();
        Some(match member.trim_start_matches('/') {
            "" => error.to_string(),
            member => format!("{error} (member {member})"),
        })
    }
}

/// What the decoder says against a payload, for a reader who knows the messages and not their types here.
pub(crate) fn in_words(description: &str) -> String {
    let (member, what) = match description.split_once(": ") {
        Some((path, what)) if path.starts_with('/') => {
            (format!("member {}: ", path.trim_start_matches('/')), what)
        }
        _ => (String::new(), description),
    };
    let quoted = |what: &str, before: &str| {
        let rest = what.strip_prefix(before)?;
        Some(rest.trim_end_matches('`').to_owned())
    };
    let text = if let Some(name) = quoted(what, "missing field `") {
        format!("the member {name} is missing")
    } else if let Some((is, wanted)) = what
        .strip_prefix("invalid type: ")
        .or_else(|| what.strip_prefix("invalid value: "))
        .and_then(|rest| rest.rsplit_once(", expected "))
    {
        let wanted = match wanted {
            "i32" | "i64" | "u32" | "u64" | "u8" | "u16" => "a whole number",
            "f64" | "f32" => "a number",
            "a sequence" => "a list",
            wanted if wanted.starts_with("struct ") || wanted == "a map" => "an object",
            wanted => wanted,
        };
        format!("it is the {}, not {wanted}", is.replace('`', ""))
    } else {
        what.replace("payload is not", "the payload is not")
            .replace("maxLength", "the greatest length")
            .replace("minItems", "the smallest number of items")
            .replace("maxItems", "the greatest number of items")
    };
    format!("{member}{text}")
}

/// The name under which a file's schema is kept, if it is one of a message of OCPP 1.6.
fn message_of(path: &Path) -> Option<String> {
    if path.extension()? != "json" {
        return None;
    }
    let name = path.file_stem()?.to_str()?;
    let action = name
        .strip_suffix("Response")
        .or_else(|| name.strip_suffix("Request"))
        .unwrap_or(name);
    Action::from_wire(action).map(|_| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_the_decoder_says_reaches_the_reader_in_words() {
        use dynamo_protocol::RawValue;
        use dynamo_protocol::decode::Decoding;
        for (action, payload, wanted) in [
            (
                Action::StatusNotification,
                r#"{"connectorId":0,"errorCode":"NoError"}"#,
                "the member status is missing",
            ),
            (
                Action::StatusNotification,
                r#"{"connectorId":"a","errorCode":"NoError","status":"Available"}"#,
                "member connectorId: it is the string \"a\", not a whole number",
            ),
            (
                Action::Authorize,
                r#"{"idTag":"012345678901234567890123"}"#,
                "member idTag: the greatest length 20 exceeded (got 24 characters)",
            ),
            (
                Action::MeterValues,
                r#"{"connectorId":1,"meterValue":7}"#,
                "member meterValue: it is the integer 7, not a list",
            ),
            (Action::Heartbeat, "[]", "the payload is not a JSON object"),
        ] {
            let raw = RawValue::from_string(payload.to_owned()).unwrap();
            let error = Decoding::strict().check_request(action, &raw).unwrap_err();
            assert_eq!(in_words(&error.description), wanted);
        }
    }

    #[test]
    fn a_folder_without_a_schema_of_a_message_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in [
            ("package.json", "{}"),
            ("Dance.json", "{}"),
            ("Reset.txt", "{}"),
        ] {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        let error = Schemas::read(folder.path()).unwrap_err().to_string();
        assert!(
            error.contains(&folder.path().display().to_string()),
            "{error}"
        );
        assert!(error.contains("BootNotification.json"), "{error}");
    }

    #[test]
    fn a_schema_among_other_files_bears_witness() {
        let folder = tempfile::tempdir().unwrap();
        let schema = json!({"type": "object", "properties": {"type": {"enum": ["Hard", "Soft"]}}, "required": ["type"]});
        std::fs::write(
            folder.path().join("Reset.json"),
            format!("\u{feff}{schema}"),
        )
        .unwrap();
        std::fs::write(folder.path().join("notes.json"), "no JSON at all").unwrap();
        let schemas = Schemas::read(folder.path()).unwrap();
        assert_eq!(
            schemas.complaint("Reset", false, &json!({"type": "Soft"})),
            None
        );
        let complaint = schemas
            .complaint("Reset", false, &json!({"type": "Warm"}))
            .unwrap();
        assert!(complaint.ends_with("(member type)"), "{complaint}");
        let complaint = schemas.complaint("Reset", false, &json!({})).unwrap();
        assert!(!complaint.contains("member "), "{complaint}");
        std::fs::write(folder.path().join("Heartbeat.json"), "{").unwrap();
        let error = Schemas::read(folder.path()).unwrap_err().to_string();
        assert!(
            error.contains("Heartbeat.json:1:1: this is no JSON"),
            "{error}"
        );
    }
}
