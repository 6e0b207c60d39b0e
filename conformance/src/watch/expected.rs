//! What a step wants to see on the wire, compared as raw JSON.

use std::borrow::Cow;
use std::fmt;

use serde_json::Value;

use crate::words::quoted;

/// What one member of a payload has to be.
#[derive(Clone, Debug)]
pub(crate) enum Want {
    /// Exactly this.
    Is(Value),
    /// One of these.
    OneOf(Vec<Value>),
    /// This text in any case: id tags have none [1.6 §7.28].
    Tag(String),
    /// Exactly this, or not there.
    IsOrAbsent(Value),
    /// Not there.
    Absent,
    /// A number of at least this.
    AtLeast(i64),
    /// A list with this text in it, in any case.
    Has(String),
}

impl Want {
    fn holds(&self, value: Option<&Value>) -> bool {
        match (self, value) {
            (Self::Absent, value) => value.is_none(),
            (Self::IsOrAbsent(wanted), value) => value.is_none_or(|value| value == wanted),
            (_, None) => false,
            (Self::Is(wanted), Some(value)) => value == wanted,
            (Self::OneOf(wanted), Some(value)) => wanted.contains(value),
            (Self::Tag(wanted), Some(value)) => value
                .as_str()
                .is_some_and(|text| text.eq_ignore_ascii_case(wanted)),
            (Self::AtLeast(least), Some(value)) => {
                value.as_i64().is_some_and(|number| number >= *least)
            }
            (Self::Has(wanted), Some(value)) => value.as_array().is_some_and(|list| {
                let mut texts = list.iter().filter_map(Value::as_str);
                texts.any(|text| text.eq_ignore_ascii_case(wanted))
            }),
        }
    }
}

impl fmt::Display for Want {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Is(value) => write!(f, "{value}"),
            Self::OneOf(values) => {
                let texts: Vec<_> = values.iter().map(Value::to_string).collect();
                f.write_str(&texts.join(" or "))
            }
            Self::Tag(tag) => write!(f, "{} in any case", quoted(tag)),
            Self::IsOrAbsent(value) => write!(f, "{value} or left out"),
            Self::Absent => f.write_str("left out"),
            Self::AtLeast(least) => write!(f, "at least {least}"),
            Self::Has(text) => write!(f, "a list with {}", quoted(text)),
        }
    }
}

/// A call as a step wants to see it.
#[derive(Clone, Debug)]
pub(crate) struct Expected {
    action: Cow<'static, str>,
    members: Vec<(Cow<'static, str>, Want)>,
}

impl Expected {
    /// Any call of this action.
    pub(crate) fn call(action: impl Into<Cow<'static, str>>) -> Self {
        Self {
            action: action.into(),
            members: Vec::new(),
        }
    }

    /// …whose member is exactly this.
    pub(crate) fn with(
        self,
        member: impl Into<Cow<'static, str>>,
        value: impl Into<Value>,
    ) -> Self {
        self.want(member, Want::Is(value.into()))
    }

    /// …whose member is as wanted. The member is named by its path, `/` between the levels.
    pub(crate) fn want(mut self, member: impl Into<Cow<'static, str>>, want: Want) -> Self {
        self.members.push((member.into(), want));
        self
    }

    /// …whose reason is `Local`, said or left out [1.6 §6.49].
    pub(crate) fn want_reason_local(self) -> Self {
        self.want("reason", Want::IsOrAbsent("Local".into()))
    }

    /// Whether this call is it.
    pub(crate) fn matches(&self, action: &str, payload: &Value) -> bool {
        self.action == action && self.mismatch(payload).is_none()
    }

    /// The action alone.
    pub(crate) fn action(&self) -> &str {
        &self.action
    }

    /// The first member that is not as wanted.
    pub(crate) fn mismatch(&self, payload: &Value) -> Option<String> {
        self.members.iter().find_map(|(member, want)| {
            let value = payload.pointer(&format!("/{member}"));
            (!want.holds(value)).then(|| match value {
                Some(value) => format!("{member} is {value}, not {want}"),
                None => format!("{member} is missing, not {want}"),
            })
        })
    }
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.action)?;
        for (index, (member, want)) in self.members.iter().enumerate() {
            write!(
                f,
                "{} {member} {want}",
                if index == 0 { " with" } else { "," }
            )?;
        }
        Ok(())
    }
}

/// A call that a scenario allows without demanding it.
#[derive(Clone, Debug)]
pub(crate) struct Allowance {
    pub(crate) expected: Expected,
    /// Not before this place of the record.
    pub(crate) from: usize,
    /// How often.
    pub(crate) times: usize,
}

/// Where in the order of things a step looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// After what the steps before have seen.
    Next,
    /// Also beside what the step before has seen.
    BesideLast,
}

impl Order {
    /// From the words "before or after that, " at the head of a step, or their absence.
    pub(crate) fn of(words: &str) -> Self {
        if words.is_empty() {
            Self::Next
        } else {
            Self::BesideLast
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_mismatch_names_the_member_and_both_values() {
        let expected = Expected::call("StatusNotification")
            .with("connectorId", 1)
            .want(
                "status",
                Want::OneOf(vec![json!("Preparing"), json!("Finishing")]),
            )
            .want("info", Want::Absent);
        assert!(expected.matches(
            "StatusNotification",
            &json!({"connectorId": 1, "status": "Preparing"})
        ));
        assert!(!expected.matches(
            "Heartbeat",
            &json!({"connectorId": 1, "status": "Preparing"})
        ));
        assert_eq!(
            expected
                .mismatch(&json!({"connectorId": 1, "status": "Available"}))
                .unwrap(),
            r#"status is "Available", not "Preparing" or "Finishing""#
        );
        assert_eq!(
            expected
                .mismatch(&json!({"connectorId": 1, "status": "Preparing", "info": "x"}))
                .unwrap(),
            r#"info is "x", not left out"#
        );
        assert_eq!(
            expected.mismatch(&json!({"status": "Preparing"})).unwrap(),
            "connectorId is missing, not 1"
        );
    }

    #[test]
    fn id_tags_have_no_case() {
        let expected = Expected::call("Authorize").want("idTag", Want::Tag("Abc".into()));
        assert!(expected.matches("Authorize", &json!({"idTag": "aBC"})));
        assert!(!expected.matches("Authorize", &json!({"idTag": "abcd"})));
        let keys = Expected::call("GetConfiguration").want("key", Want::Has("B".into()));
        let asks = |payload| keys.matches("GetConfiguration", &payload);
        assert!(asks(json!({"key": ["a", "b"]})));
        assert!(!asks(json!({"key": ["a"]})) && !asks(json!({})) && !asks(json!({"key": []})));
    }
}
