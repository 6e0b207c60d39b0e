//! Driver files: how the actions of the rig are ordered over a system's own HTTP interface.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use include_dir::{Dir, include_dir};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Method;
use reqwest::header::{HeaderName, HeaderValue};
use serde::Deserialize;
use serde_json::Value;

use crate::case::file::read_bounded;
use crate::dialect::{is_message, members, message_like};
use crate::words::{did_you_mean, list, quoted};

static EMBEDDED: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/drivers");

/// A driver file as it is written.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DriverFile {
    /// What all paths are behind, such as `http://127.0.0.1:8080`.
    base: String,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    /// By action of OCPP; `*` is every other one.
    actions: BTreeMap<String, Ordering>,
}

/// What a word in a path keeps of itself: the rest would change the address [RFC 3986 §2.3].
const IN_PATHS: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// How one action is ordered. `{name}` stands for a member of the command's payload, `{charge_point_id}`, `{action}` and
/// `{payload}` for what they say. In a path it is percent-encoded; in a body, a text that is nothing but such a word becomes
/// the value itself.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Ordering {
    #[serde(default = "post")]
    method: String,
    path: String,
    #[serde(default)]
    body: Option<Value>,
}

fn post() -> String {
    "POST".to_owned()
}

impl Ordering {
    fn method(&self) -> Result<Method> {
        const METHODS: [Method; 5] = [
            Method::GET,
            Method::POST,
            Method::PUT,
            Method::PATCH,
            Method::DELETE,
        ];
        let named = |method: &Method| method.as_str().eq_ignore_ascii_case(&self.method);
        METHODS
            .into_iter()
            .find(named)
            .with_context(|| format!("{} is none of {}", quoted(&self.method), list(&METHODS)))
    }
}

/// A request as a driver file wants it.
#[derive(Debug, PartialEq)]
pub(crate) struct Wanted {
    pub(crate) method: Method,
    pub(crate) url: String,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Option<Value>,
}

impl DriverFile {
    /// Reads a file at a path, or one of the embedded files by its name.
    ///
    /// # Errors
    /// One line: no such file, or what is wrong with it.
    pub(crate) fn find(name: &str) -> Result<Self> {
        let path = Path::new(name);
        let text = if path.is_file() {
            read_bounded(path, "driver file")?
        } else {
            let embedded = EMBEDDED.get_file(format!("{name}.yaml"));
            match embedded.and_then(|file| file.contents_utf8()) {
                Some(text) => text.to_owned(),
                None => {
                    let known: Vec<String> = EMBEDDED
                        .files()
                        .filter_map(|file| Some(file.path().file_stem()?.to_str()?.to_owned()))
                        .collect();
                    bail!(
                        "--driver {} is no URL, no file and no known system; give `prompt`, a URL, a driver file, or one of {}",
                        quoted(name),
                        list(&known)
                    );
                }
            }
        };
        Self::read(name, &text)
    }

    /// Reads the text of the file of that name, and checks what can be wrong with an order before one is given.
    fn read(name: &str, text: &str) -> Result<Self> {
        let file: Self = serde_saphyr::from_str(text)
            .map_err(|error| {
                let text = error.to_string();
                anyhow::anyhow!("{}", text.lines().next().unwrap_or_default().to_owned())
            })
            .with_context(|| format!("{name} is no driver file (--driver)"))?;
        let wrong = |what: String| format!("{name} (--driver): {what}");
        reqwest::Url::parse(&file.base)
            .with_context(|| wrong(format!("base {} is no URL", quoted(&file.base))))?;
        for (header, value) in &file.headers {
            HeaderName::from_bytes(header.as_bytes())
                .with_context(|| wrong(format!("{} is no name of a header", quoted(header))))?;
            HeaderValue::from_str(value)
                .with_context(|| wrong(format!("the header {header} has no possible value")))?;
        }
        for (action, ordering) in &file.actions {
            if action != "*" && !is_message(action) {
                let what = format!("{} is no message of OCPP", quoted(action));
                bail!("{}; {}correct it", wrong(what), message_like(action));
            }
            ordering
                .method()
                .with_context(|| wrong(format!("the method of {action} is none of HTTP")))?;
            let body = ordering.body.as_ref().map(Value::to_string);
            let texts = [Some(ordering.path.as_str()), body.as_deref()];
            let names = texts.into_iter().flatten().flat_map(names_in);
            let mut unknown = names.filter(|name| !is_known_word(name));
            if let Some(name) = unknown.next() {
                let near = did_you_mean(name, members().chain(OWN_WORDS));
                bail!(
                    "{}; {near}a word is charge_point_id, action, payload or a member of the command",
                    wrong(format!("{{{name}}} of {action} stands for nothing"))
                );
            }
        }
        Ok(file)
    }

    /// The address behind which everything is.
    pub(crate) fn base(&self) -> &str {
        &self.base
    }

    /// The request for an order; `None` where the file has none for this action.
    pub(crate) fn request(
        &self,
        charge_point_id: &str,
        action: &str,
        payload: &Value,
    ) -> Option<Wanted> {
        let ordering = self.actions.get(action).or_else(|| self.actions.get("*"))?;
        let word = |name: &str| match name {
            "charge_point_id" => Some(Value::from(charge_point_id)),
            "action" => Some(Value::from(action)),
            "payload" => Some(payload.clone()),
            name => payload.get(name).cloned(),
        };
        Some(Wanted {
            method: ordering.method().ok()?,
            url: format!(
                "{}{}",
                self.base.trim_end_matches('/'),
                fill(&ordering.path, &word, |text| {
                    utf8_percent_encode(text, IN_PATHS).to_string()
                })
            ),
            headers: self.headers.clone(),
            body: ordering.body.as_ref().and_then(|body| filled(body, &word)),
        })
    }
}

/// What stands for something else than a member of the command.
const OWN_WORDS: [&str; 3] = ["charge_point_id", "action", "payload"];

fn is_known_word(name: &str) -> bool {
    OWN_WORDS.contains(&name) || members().any(|member| member == name)
}

/// The words in braces. What holds other signs is no word, but JSON.
fn names_in(text: &str) -> impl Iterator<Item = &str> {
    let behind = text.split('{').skip(1);
    let names = behind.filter_map(|rest| Some(rest.split_once('}')?.0));
    names.filter(|name| {
        let is_sign = |c: char| !(c.is_alphanumeric() || c == '_');
        !name.is_empty() && !name.contains(is_sign)
    })
}

/// A text with its words put in, each as `written` has it.
fn fill(
    text: &str,
    word: &dyn Fn(&str) -> Option<Value>,
    written: impl Fn(&str) -> String,
) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        out.push_str(before);
        let Some((name, behind)) = after.split_once('}') else {
            out.push('{');
            rest = after;
            continue;
        };
        match word(name) {
            Some(Value::String(value)) => out.push_str(&written(&value)),
            Some(value) => out.push_str(&written(&value.to_string())),
            None => {}
        }
        rest = behind;
    }
    out.push_str(rest);
    out
}

/// A body with its words put in. What a command does not have is left out.
fn filled(template: &Value, word: &dyn Fn(&str) -> Option<Value>) -> Option<Value> {
    match template {
        Value::String(text) => match text
            .strip_prefix('{')
            .and_then(|text| text.strip_suffix('}'))
        {
            Some(name) if !name.contains(['{', '}']) => word(name),
            _ => Some(fill(text, word, str::to_owned).into()),
        },
        Value::Array(elements) => Some(
            elements
                .iter()
                .filter_map(|element| filled(element, word))
                .collect(),
        ),
        Value::Object(members) => Some(Value::Object(
            members
                .iter()
                .filter_map(|(name, value)| Some((name.clone(), filled(value, word)?)))
                .collect(),
        )),
        other => Some(other.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_file_says_where_an_action_goes_and_what_is_sent() {
        let file: DriverFile = serde_saphyr::from_str(
            "base: http://h/api/\nactions:\n  RemoteStartTransaction:\n    path: /cp/{charge_point_id}/start\n    body: \
             { tag: '{idTag}', at: '{connectorId}', note: 'for {idTag}', profile: '{chargingProfile}' }\n",
        )
        .unwrap();
        let payload = json!({"idTag": "A", "connectorId": 1});
        let wanted = file
            .request("CP-1", "RemoteStartTransaction", &payload)
            .unwrap();
        assert_eq!(wanted.method, Method::POST);
        assert_eq!(wanted.url, "http://h/api/cp/CP-1/start");
        assert_eq!(
            wanted.body,
            Some(json!({"tag": "A", "at": 1, "note": "for A"}))
        );
        assert_eq!(file.request("CP-1", "Reset", &payload), None);
    }

    #[test]
    fn the_embedded_files_can_be_read_and_an_unknown_name_lists_them() {
        let file = DriverFile::find("dynamo").unwrap();
        let wanted = file
            .request("CP-1", "Reset", &json!({"type": "Soft"}))
            .unwrap();
        let body =
            json!({"charge_point_id": "CP-1", "action": "Reset", "payload": {"type": "Soft"}});
        assert_eq!(wanted.body, Some(body));
        let error = DriverFile::find("steeve").unwrap_err().to_string();
        assert!(
            error.contains("dynamo") && error.contains("prompt"),
            "{error}"
        );
    }

    #[test]
    fn a_word_in_a_path_does_not_change_the_address() {
        let file = DriverFile::read(
            "f",
            "base: http://h\nactions:\n  '*': { path: '/cp/{charge_point_id}/start?tag={idTag}', body: { tag: 'for {idTag}' } }\n",
        )
        .unwrap();
        let payload = json!({"idTag": "a/b?c#d e&f"});
        let wanted = file.request("CP/1", "RemoteStartTransaction", &payload);
        let wanted = wanted.unwrap();
        assert_eq!(
            wanted.url,
            "http://h/cp/CP%2F1/start?tag=a%2Fb%3Fc%23d%20e%26f"
        );
        assert_eq!(wanted.body, Some(json!({"tag": "for a/b?c#d e&f"})));
    }

    #[test]
    fn a_method_or_a_header_that_is_none_is_noticed_before_the_run() {
        let with = |method: &str, header: &str, value: &str| {
            let text = format!(
                "base: http://h\nheaders: {{ '{header}': \"{value}\" }}\nactions: {{ Reset: {{ method: '{method}', path: / }} }}\n"
            );
            DriverFile::read("f", &text)
        };
        assert!(with("put", "X-Key", "1").is_ok());
        for (method, header, value, named) in [
            ("PO ST", "X-Key", "1", "Reset"),
            ("", "X-Key", "1", "Reset"),
            ("POST", "X Key", "1", "X Key"),
            ("POST", "X-Key", "a\\nb", "X-Key"),
        ] {
            let error = with(method, header, value).unwrap_err().to_string();
            assert!(
                error.contains(named) && error.contains("--driver"),
                "{error}"
            );
        }
    }
    #[test]
    fn a_slip_in_an_action_or_a_word_is_told_with_what_was_meant() {
        let error = |action: &str, path: &str, body: &str| {
            let text = format!(
                "base: http://h\nactions: {{ '{action}': {{ path: '{path}', body: '{body}' }} }}\n"
            );
            let read = DriverFile::read("f", &text);
            read.map_or_else(|error| error.to_string(), |_| String::new())
        };
        let path = "/{charge_point_id}/{action}";
        assert_eq!(error("Reset", path, "{type}"), "");
        assert_eq!(error("*", path, "[1, {payload}]"), "");
        let slip = error("Rest", path, "{type}");
        assert!(
            slip.contains("\"Rest\" is no message of OCPP; did you mean Reset?"),
            "{slip}"
        );
        let slip = error("Reset", "/{charge_pont_id}", "{type}");
        let wanted = "{charge_pont_id} of Reset stands for nothing; did you mean charge_point_id?";
        assert!(slip.contains(wanted), "{slip}");
        let slip = error("Reset", path, "{typ}");
        assert!(slip.contains("did you mean type?"), "{slip}");
    }
}
