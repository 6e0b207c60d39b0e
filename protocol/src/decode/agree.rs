//! The last look of strict decoding: the payload beside what the types made of it. What the types do not say is
//! refused here: members that they do not name, nulls, arrays in the place of objects, and formats.

use ocpp_kit::decode::{DecodeError, DecodeErrorKind};

use super::format;
use super::tree::Tree;

/// Compares the text of a payload with the text of what the types made of it.
pub(super) fn agree(wire: &str, ours: &str) -> Result<(), DecodeError> {
    let wire = serde_json::from_str(wire).map_err(unreadable)?;
    let ours = serde_json::from_str(ours).map_err(unreadable)?;
    compare(&wire, &ours, 0)
}

/// Walks both: what is missing in ours was not expressible in the types.
fn compare(wire: &Tree, ours: &Tree, depth: usize) -> Result<(), DecodeError> {
    match (wire, ours) {
        (Tree::Object(wire), Tree::Object(ours)) => wire.iter().try_for_each(|(name, value)| {
            let mine = ours.iter().find(|(our_name, _)| our_name == name);
            member(name, value, mine.map(|(_, mine)| mine), depth)
                .map_err(|error| below(name, error))
        }),
        (Tree::Array(wire), Tree::Array(ours)) => {
            wire.iter()
                .zip(ours)
                .enumerate()
                .try_for_each(|(index, (value, mine))| {
                    compare(value, mine, depth + 1)
                        .map_err(|error| below(&index.to_string(), error))
                })
        }
        (Tree::Array(_), Tree::Object(_)) => Err(DecodeError::new(
            DecodeErrorKind::Type,
            "",
            "an array in the place of an object",
        )),
        (Tree::Text(text), _) => no_nul(text),
        _ => Ok(()),
    }
}

fn member(name: &str, value: &Tree, mine: Option<&Tree>, depth: usize) -> Result<(), DecodeError> {
    let Some(mine) = mine else {
        return if matches!(value, Tree::Null) {
            let reason = "null is not a value of this member";
            Err(DecodeError::new(DecodeErrorKind::Type, "", reason))
        } else {
            let reason = "the schema does not name this member";
            Err(DecodeError::new(DecodeErrorKind::Format, "", reason))
        };
    };
    if let Tree::Text(text) = value {
        no_nul(text)?;
    }
    let wrong = match value {
        Tree::Text(text) if format::is_date_time_member(name) => (!format::is_date_time(text))
            .then(|| format!("{text:?} is not an RFC 3339 date-time with offset")),
        Tree::Text(text) if depth == 0 && format::is_uri_member(name) => {
            (!format::is_uri(text)).then(|| format!("{text:?} is not a URI"))
        }
        Tree::Number(number) if format::is_rate_member(name) => {
            (!format::is_rate(*number)).then(|| format!("{number} is not a multiple of 0.1"))
        }
        Tree::Object(_) | Tree::Array(_) => return compare(value, mine, depth + 1),
        _ => None,
    };
    wrong.map_or(Ok(()), |reason| {
        Err(DecodeError::new(DecodeErrorKind::Property, "", reason))
    })
}

/// U+0000 has no meaning in any text of OCPP, and not every database can hold it.
fn no_nul(text: &str) -> Result<(), DecodeError> {
    if text.contains('\0') {
        return Err(DecodeError::new(DecodeErrorKind::Property, "", NUL));
    }
    Ok(())
}

/// Why a text with U+0000 is refused.
pub(super) const NUL: &str = "a text cannot contain U+0000";

fn below(name: &str, mut error: DecodeError) -> DecodeError {
    let name = name.replace('~', "~0").replace('/', "~1");
    error.path.insert_str(0, &name);
    error.path.insert(0, '/');
    error
}

pub(super) fn unreadable(error: serde_json::Error) -> DecodeError {
    DecodeError::new(DecodeErrorKind::Format, "", error.to_string())
}
