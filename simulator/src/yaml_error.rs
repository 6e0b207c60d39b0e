//! What is wrong in a scenario file, in the words of somebody who writes scenarios.

use serde_saphyr::Error;

/// `line:column: sentence`; without a place where there is none.
pub(crate) fn explain(error: &Error) -> String {
    let error = error.without_snippet();
    let place = error.location().map_or(String::new(), |location| {
        format!("{}:{}: ", location.line(), location.column())
    });
    format!("{place}{}", sentence(error))
}

fn sentence(error: &Error) -> String {
    match error {
        Error::SerdeUnknownField {
            field, expected, ..
        }
        | Error::SerdeUnknownVariant {
            variant: field,
            expected,
            ..
        } => unknown_key(field, expected),
        Error::SerdeMissingField { field, .. } => format!("the key {field} is missing"),
        Error::SerdeInvalidType {
            unexpected,
            expected,
            ..
        }
        | Error::SerdeInvalidValue {
            unexpected,
            expected,
            ..
        } => format!("expected {}, found {}", plain(expected), plain(unexpected)),
        Error::SerdeInvalidLength { len, expected, .. } => {
            format!("expected {}, found {len} values", plain(expected))
        }
        Error::InvalidScalar { ty, .. } => format!("expected {}", plain(ty)),
        Error::NonFiniteFloat { value, .. } => {
            format!("expected a finite number, found {value}")
        }
        Error::DuplicateMappingKey { key, .. } => match key {
            Some(key) => format!("the key {key} stands here a second time"),
            None => "a key stands here a second time".into(),
        },
        Error::Eof { .. } => "the file ends too early".into(),
        Error::MultipleDocuments { .. } => {
            "a second document begins; a scenario is one document".into()
        }
        Error::UnknownAnchor { .. } => "this alias names no anchor".into(),
        Error::Unexpected { expected, .. } => format!("expected {}", plain(expected)),
        Error::Message { msg, .. } | Error::ExternalMessage { msg, .. } => first_line(msg),
        other => {
            let text = first_line(&other.to_string());
            // The place stands in front already.
            text.split(" at line ").next().unwrap_or_default().into()
        }
    }
}

/// A key that nobody knows, what was meant by it, and what is known.
pub(crate) fn unknown_key(key: &str, known: &[&str]) -> String {
    let meant =
        nearest(key, known).map_or(String::new(), |known| format!("did you mean {known}? "));
    let known = known.join(", ");
    format!("there is no key {key}; {meant}known here: {known}")
}

/// The names of Rust types as things one writes in YAML.
fn plain(expected: &str) -> String {
    match expected {
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number, not negative".into(),
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number".into(),
        "f32" | "f64" | "float" | "floating point" => "a number".into(),
        "bool" | "boolean" | "a boolean" => "true or false".into(),
        "string scalar" | "scalar" => "a single value".into(),
        "str" | "string" | "String" | "a string" => "a text".into(),
        "map" | "mapping" | "a map" | "mapping start" => "a mapping of keys and values".into(),
        "seq" | "sequence" | "a sequence" | "sequence start" => "a list".into(),
        "unit" | "unit value" => "nothing".into(),
        struct_name if struct_name.starts_with("struct ") => "a mapping of keys and values".into(),
        "an array of length 2" => "a list of two numbers, [least, most]".into(),
        other => first_line(other),
    }
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}

/// What was meant, if something known is near.
fn nearest<'a>(found: &str, known: &[&'a str]) -> Option<&'a str> {
    // The beginning of a word is as good as the word: p95 for p95_max.
    let distance = |word: &str| match word.strip_prefix(found) {
        Some(_) if found.len() > 1 => 0,
        _ => distance(found, word),
    };
    known
        .iter()
        .map(|word| (distance(word), *word))
        .min()
        .filter(|(distance, _)| *distance <= 1 + found.len() / 3)
        .map(|(_, word)| word)
}

/// Letters to insert, remove or replace.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}
