//! JSON as a step wants to see it: values as they are, and placeholders for those that nobody knows beforehand.

use serde_json::Value;

/// Whether more than what is named may be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Extent {
    /// Exactly these members and elements.
    Equals,
    /// At least these members; of a list, an element like each of these.
    Contains,
}

/// The first place where a value is not as the pattern wants it.
pub(crate) fn mismatch(pattern: &Value, value: &Value, extent: Extent) -> Option<String> {
    at("", pattern, value, extent)
}

fn at(place: &str, pattern: &Value, value: &Value, extent: Extent) -> Option<String> {
    let name = if place.is_empty() { "it" } else { place };
    match (pattern, value) {
        (Value::String(text), value) if text.starts_with('(') && text.ends_with(')') => {
            placeholder(name, text, value)
        }
        (Value::Object(wanted), Value::Object(is)) => {
            for (member, wanted) in wanted {
                let place = join(place, member);
                match is.get(member) {
                    _ if wanted == ABSENT => {
                        if is.contains_key(member) {
                            return Some(format!("{place} is there"));
                        }
                    }
                    None => return Some(format!("{place} is missing")),
                    Some(is) => {
                        if let Some(wrong) = at(&place, wanted, is, extent) {
                            return Some(wrong);
                        }
                    }
                }
            }
            let more = is.keys().find(|member| !wanted.contains_key(*member));
            more.filter(|_| extent == Extent::Equals)
                .map(|member| format!("{} is there, which is not expected", join(place, member)))
        }
        (Value::Array(wanted), Value::Array(is)) if extent == Extent::Equals => {
            if wanted.len() != is.len() {
                let (is, wanted) = (is.len(), wanted.len());
                return Some(format!("{name} has {is} elements, not {wanted}"));
            }
            let mut pairs = wanted.iter().zip(is).enumerate();
            pairs.find_map(|(index, (wanted, is))| {
                at(&join(place, &index.to_string()), wanted, is, extent)
            })
        }
        (Value::Array(wanted), Value::Array(is)) => {
            let missing = wanted
                .iter()
                .find(|wanted| !is.iter().any(|is| at(place, wanted, is, extent).is_none()));
            missing.map(|wanted| format!("no element of {name} is like {wanted}: {value}"))
        }
        (Value::Number(wanted), Value::Number(is)) if wanted.as_f64() == is.as_f64() => None,
        (wanted, is) if wanted == is => None,
        (wanted, is) => Some(format!("{name} is {is}, not {wanted}")),
    }
}

fn join(place: &str, member: &str) -> String {
    if place.is_empty() {
        member.to_owned()
    } else {
        format!("{place}.{member}")
    }
}

/// A member that must not be there.
const ABSENT: &str = "(nothing)";

fn placeholder(name: &str, wanted: &str, value: &Value) -> Option<String> {
    let text = |holds: fn(&str) -> bool| value.as_str().is_some_and(holds);
    let is_id = |text: &str| {
        (1..=64).contains(&text.len())
            && text
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "-_".contains(c))
    };
    let holds = match wanted {
        "(a text)" => text(|text| !text.is_empty()),
        "(a time)" => text(|text| text.parse::<jiff::Timestamp>().is_ok()),
        "(an id)" => text(is_id),
        "(a number)" => value.is_number(),
        "(true or false)" => value.is_boolean(),
        "(a list)" => value.is_array(),
        "(an object)" => value.is_object(),
        "(anything)" => true,
        ABSENT => false,
        other => return Some(format!("{other} is no placeholder; {KNOWN} are")),
    };
    (!holds).then(|| format!("{name} is {value}, not {wanted}"))
}

const KNOWN: &str = "(a text), (a time), (an id), (a number), (true or false), (a list), (an object), (anything) and \
                     (nothing)";

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_equal_has_no_more_and_what_contains_may() {
        let value = json!({"id": "prj_1", "at": "2030-01-01T00:00:00Z", "n": 2, "list": [{"a": 1, "b": 2}]});
        let some = json!({"id": "(an id)", "n": 2.0, "list": [{"b": 2}]});
        assert_eq!(mismatch(&some, &value, Extent::Contains), None);
        assert_eq!(
            mismatch(&some, &value, Extent::Equals).unwrap(),
            "list.0.a is there, which is not expected"
        );
        let all =
            json!({"id": "(a text)", "at": "(a time)", "n": "(a number)", "list": "(a list)"});
        assert_eq!(mismatch(&all, &value, Extent::Equals), None);
    }

    #[test]
    fn what_differs_is_named_by_its_path() {
        let says = |pattern: Value, value: Value| mismatch(&pattern, &value, Extent::Contains);
        assert_eq!(
            says(json!({"a": {"b": 1}}), json!({"a": {"b": 2}})).unwrap(),
            "a.b is 2, not 1"
        );
        assert_eq!(says(json!({"a": 1}), json!({})).unwrap(), "a is missing");
        assert_eq!(
            says(json!({"a": "(nothing)"}), json!({"a": null})).unwrap(),
            "a is there"
        );
        assert_eq!(says(json!({"a": "(nothing)"}), json!({})), None);
        assert!(says(json!("(a time)"), json!("soon")).is_some());
        assert!(says(json!("(a joke)"), json!("x")).is_some());
        assert!(says(json!([{"a": 1}]), json!([{"a": 2}])).is_some());
    }
}
