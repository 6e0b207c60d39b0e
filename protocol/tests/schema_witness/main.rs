//! An outside witness for both decodings: the published JSON schemas of OCPP 1.6.
//!
//! From every schema a minimal and a full valid payload are built, and from those, for every member at
//! every depth, every mutation that its kind allows. The verdict of [`Decoding::strict`] is compared with
//! that of the `jsonschema` crate, formats asserted. Where the two may differ is listed in [`EXCEPTIONS`],
//! each with its reason; anything else fails the test. [`Decoding::Tolerant`] takes all that both take, without a
//! deviation, and what it takes beyond that has a name.
//!
//! The schemas are not part of this project: `DYNAMO_TEST_SCHEMAS` names a folder that has them in `1.6`.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test, and so are its helpers"
)]

mod literals;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use dynamo_protocol::decode::{Decoding, Deviation};
use dynamo_protocol::v16::Action;
use dynamo_protocol::{ActionName, RawValue};
use serde_json::{Map, Value, json};

/// Fewer comparisons than this mean that the generator is broken.
const PAYLOADS_MIN: usize = 5_000;

/// Of fewer leniencies than this the mutations show a case. What needs two oddities at once they do not show.
const LENIENCIES_MIN: usize = 15;

/// Where the verdicts may differ, and why.
struct Exception {
    name: &'static str,
    /// Whether it excuses this case, of which the schemas say `schema` (valid or not).
    applies: fn(case: &Case, schema: bool) -> bool,
    justification: &'static str,
}

const EXCEPTIONS: &[Exception] = &[
    Exception {
        name: "an integer beyond 32 bit",
        applies: |case, schema| {
            let number = case.literal.parse::<f64>();
            schema
                && !case.is_rate()
                && number.is_ok_and(|n| n.fract() == 0.0 && !(I32_MIN..=I32_MAX).contains(&n))
        },
        justification: "the schemas set no bound, but both bindings of 1.6 share one data model, and the SOAP one \
            types every integer as xsd:int, which has 32 bits",
    },
    Exception {
        name: "an integer written with a point or an exponent",
        applies: |case, schema| {
            let literal = case.literal.as_str();
            schema && !case.is_rate() && (literal == "-0" || literal.contains(['.', 'e', 'E']))
        },
        justification: "the 56 schemas of 1.6 itself (draft-04) refuse it; only the draft of the 22 of the security \
            whitepaper takes 1.0 for an integer, and the whitepaper extends 1.6 without changing its data types",
    },
    Exception {
        name: "a charging rate beyond 18 digits",
        applies: |case, schema| {
            schema && case.is_rate() && case.literal.parse::<f64>().is_ok_and(|n| n.abs() > 1e18)
        },
        justification: "a rate is a decimal with one digit of fraction [1.6 §7.13, §7.14]; xsd:decimal, whose type it \
            has, promises 18 digits and no more",
    },
    Exception {
        name: "a meter value without samples in StopTransaction",
        applies: |case, schema| {
            schema
                && case.schema == "StopTransaction"
                && case.path.ends_with("/sampledValue")
                && case.literal == "[]"
        },
        justification: "sampledValue has the cardinality 1..* in every MeterValue [1.6 §7.33]; the schema of \
            StopTransaction forgets the minItems that the schema of MeterValues has",
    },
];

const I32_MIN: f64 = -2_147_483_648.0;
const I32_MAX: f64 = 2_147_483_647.0;

/// One payload and where it differs from a valid one.
struct Case {
    schema: String,
    /// JSON pointer of the mutated member; empty for a payload as generated.
    path: String,
    /// The JSON that was put there; empty where a member was removed.
    literal: String,
    payload: String,
}

impl Case {
    /// Whether the mutated member is a decimal and no integer.
    fn is_rate(&self) -> bool {
        self.path.ends_with("/limit") || self.path.ends_with("/minChargingRate")
    }
}

#[test]
fn verdicts_are_those_of_the_published_schemas() {
    let Some(folder) = schemas_folder() else {
        return;
    };
    let schemas = read_schemas(&folder);
    assert_eq!(
        schemas.len(),
        2 * Action::all().len(),
        "schemas of OCPP 1.6"
    );

    let mut compared = 0;
    let mut both_valid = 0;
    let mut excused: BTreeMap<&str, usize> = BTreeMap::new();
    let mut forgiven: BTreeMap<&str, usize> = BTreeMap::new();
    let mut disagreements = Vec::new();
    for (name, schema) in &schemas {
        let validator = jsonschema::options()
            .should_validate_formats(true)
            .build(schema)
            .expect("a published schema compiles");
        for case in cases(name, &inlined(schema, schema)) {
            let Ok(value) = serde_json::from_str::<Value>(&case.payload) else {
                panic!("the generator wrote no JSON: {}", case.payload)
            };
            let theirs = validator.is_valid(&value);
            let ours = verdict(Decoding::Strict, name, &case.payload);
            match verdict(Decoding::Tolerant, name, &case.payload) {
                Ok(deviations) => {
                    assert_eq!(ours.is_ok(), deviations.is_empty(), "{}", case.payload);
                    for deviation in deviations {
                        *forgiven.entry(deviation.leniency.name()).or_default() += 1;
                    }
                }
                Err(error) => assert!(ours.is_err(), "{}: {error}", case.payload),
            }
            let ours = ours.map(drop);
            compared += 1;
            both_valid += usize::from(theirs && ours.is_ok());
            if theirs == ours.is_ok() {
                continue;
            }
            match EXCEPTIONS.iter().find(|e| (e.applies)(&case, theirs)) {
                Some(exception) => *excused.entry(exception.name).or_default() += 1,
                None => disagreements.push(format!(
                    "{}{} = {}: schema says {theirs}, we say {ours:?}\n    {}",
                    case.schema, case.path, case.literal, case.payload
                )),
            }
        }
    }

    for (name, count) in &excused {
        println!("justified: {name}: {count}");
    }
    for (name, count) in &forgiven {
        println!("forgiven when tolerant: {name}: {count}");
    }
    assert!(forgiven.len() >= LENIENCIES_MIN, "{forgiven:?}");
    println!(
        "schema witness: {compared} payloads compared, {} disagreements, {} justified exceptions",
        disagreements.len(),
        excused.values().sum::<usize>()
    );
    assert!(
        disagreements.is_empty(),
        "{}",
        disagreements[..disagreements.len().min(100_000)].join("\n")
    );
    assert!(compared >= PAYLOADS_MIN, "only {compared} payloads");
    assert!(
        both_valid * 10 > compared,
        "only {both_valid} of {compared} payloads are valid: the generator is broken"
    );
    for exception in EXCEPTIONS {
        assert!(
            excused.contains_key(exception.name),
            "the exception {:?} ({}) excuses nothing: strike it out",
            exception.name,
            exception.justification
        );
    }
}

/// The folder of the schemas, or nothing where skipping is allowed.
fn schemas_folder() -> Option<PathBuf> {
    if let Some(folder) = std::env::var_os("DYNAMO_TEST_SCHEMAS") {
        return Some(Path::new(&folder).join("1.6"));
    }
    let hint = "set DYNAMO_TEST_SCHEMAS to a folder that has the published schemas in 1.6/";
    assert!(
        std::env::var("DYNAMO_TEST_NO_SKIP").as_deref() != Ok("1"),
        "{hint}"
    );
    println!("skipped: {hint}");
    None
}

fn read_schemas(folder: &Path) -> BTreeMap<String, Value> {
    let entries = std::fs::read_dir(folder)
        .unwrap_or_else(|error| panic!("cannot read {}: {error}", folder.display()));
    entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "json"))
        .map(|path| {
            let text = std::fs::read_to_string(&path).unwrap();
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            let schema = serde_json::from_str(&text).unwrap();
            (name, schema)
        })
        .collect()
}

/// What we say of the payload of the message that a schema file is named after.
fn verdict(decoding: Decoding, schema: &str, payload: &str) -> Result<Vec<Deviation>, String> {
    let raw = RawValue::from_string(payload.to_owned()).map_err(|error| error.to_string())?;
    let checked = match schema.strip_suffix("Response") {
        Some(action) => decoding.deviations_of_response(Action::from_wire(action).unwrap(), &raw),
        None => decoding.deviations_of_request(Action::from_wire(schema).unwrap(), &raw),
    };
    checked.map_err(|error| format!("{:?} {}", error.code, error.description))
}

/// The schema with its references replaced by what they refer to. None of the published ones is recursive.
fn inlined(schema: &Value, root: &Value) -> Value {
    match schema {
        Value::Object(members) => {
            if let Some(Value::String(reference)) = members.get("$ref") {
                let target = root.pointer(reference.trim_start_matches('#'));
                return inlined(target.expect("a local reference"), root);
            }
            let inline = |(name, value): (&String, &Value)| (name.clone(), inlined(value, root));
            Value::Object(members.iter().map(inline).collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(|i| inlined(i, root)).collect()),
        scalar => scalar.clone(),
    }
}

/// Marks the place of a mutation; replaced in the text, so that a number keeps its spelling.
const MARK: &str = "@@";

fn cases(name: &str, schema: &Value) -> Vec<Case> {
    let mut cases = Cases {
        schema: name.to_owned(),
        seen: BTreeSet::new(),
        list: Vec::new(),
    };
    for base in [instance(schema, false), instance(schema, true)] {
        cases.push("", "", base.to_string());
        let mut marked = base.clone();
        cases.mutate(schema, &base, &mut marked, "");
    }
    cases.list
}

struct Cases {
    schema: String,
    seen: BTreeSet<String>,
    list: Vec<Case>,
}

impl Cases {
    fn push(&mut self, path: &str, literal: &str, payload: String) {
        if self.seen.insert(payload.clone()) {
            self.list.push(Case {
                schema: self.schema.clone(),
                path: path.to_owned(),
                literal: literal.to_owned(),
                payload,
            });
        }
    }

    /// All mutations of the member at `path` and of everything below it.
    fn mutate(&mut self, schema: &Value, value: &Value, base: &mut Value, path: &str) {
        for literal in literals::literals(schema, value) {
            *base.pointer_mut(path).unwrap() = Value::from(MARK);
            let text = base.to_string().replace(&format!("\"{MARK}\""), &literal);
            *base.pointer_mut(path).unwrap() = value.clone();
            self.push(path, &literal, text);
        }
        match value {
            Value::Object(members) => {
                self.names(members, base, path);
                for (name, member) in members {
                    let below = format!("{path}/{name}");
                    base.pointer_mut(path)
                        .unwrap()
                        .as_object_mut()
                        .unwrap()
                        .remove(name);
                    let text = base.to_string();
                    base.pointer_mut(path).unwrap()[name] = member.clone();
                    self.push(&below, "", text);
                    self.mutate(&schema["properties"][name], member, base, &below);
                }
            }
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.mutate(&schema["items"], item, base, &format!("{path}/{index}"));
                }
            }
            _ => {}
        }
    }

    /// Members that the schema does not name: other words, and its own words in another case.
    fn names(&mut self, members: &Map<String, Value>, base: &mut Value, path: &str) {
        let mut extra: Vec<String> = vec!["customData".into(), "x".into(), String::new()];
        extra.extend(members.keys().map(|name| name.to_uppercase()));
        extra.extend(members.keys().map(|name| name.to_lowercase()));
        extra.extend(members.keys().map(|name| format!("{name} ")));
        for name in extra.iter().filter(|name| !members.contains_key(*name)) {
            for literal in ["null", "1", "\"x\"", "{}", "[]"] {
                let object = base.pointer_mut(path).unwrap().as_object_mut().unwrap();
                object.insert(name.clone(), Value::from(MARK));
                let text = base.to_string().replace(&format!("\"{MARK}\""), literal);
                let object = base.pointer_mut(path).unwrap().as_object_mut().unwrap();
                object.remove(name);
                self.push(&format!("{path}/{name}"), literal, text);
            }
        }
    }
}

/// A valid value: with all members and two items everywhere, or with the required ones only.
fn instance(schema: &Value, full: bool) -> Value {
    if let Some(values) = schema["enum"].as_array() {
        return values[0].clone();
    }
    match schema["type"]
        .as_str()
        .expect("each node of the schemas has a type")
    {
        "object" => {
            let required = schema["required"].as_array().cloned().unwrap_or_default();
            let none = Map::new();
            let properties = schema["properties"].as_object().unwrap_or(&none);
            let wanted = |name: &String| full || required.contains(&json!(name));
            let members = properties
                .iter()
                .filter(|(name, _)| wanted(name))
                .map(|(name, member)| (name.clone(), instance(member, full)));
            Value::Object(members.collect())
        }
        "array" => {
            let count = if full {
                2
            } else {
                schema["minItems"].as_u64().unwrap_or(0)
            };
            (0..count)
                .map(|_| instance(&schema["items"], full))
                .collect()
        }
        "string" => match schema["format"].as_str() {
            Some("date-time") => json!("2024-03-10T15:00:00Z"),
            Some("uri") => json!("ftp://user:secret@files.example.com:2121/dir/file.bin"),
            _ => json!("text"),
        },
        "integer" => json!(7),
        "number" => json!(16.5),
        "boolean" => json!(true),
        other => panic!("no instance for the type {other}"),
    }
}
