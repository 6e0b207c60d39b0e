//! Looking at the text of a message itself, where a parser would already have forgiven something.

use std::collections::HashSet;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

/// The first member that an object of this JSON text names twice: parsers differ in which of the two they take
/// [RFC 8259 §4].
pub(crate) fn member_named_twice(text: &str) -> Option<String> {
    let mut twice = None;
    let mut parser = serde_json::Deserializer::from_str(text);
    let _ = Look(&mut twice).deserialize(&mut parser);
    twice
}

/// Goes through a value; writes down the first name that comes twice.
struct Look<'a>(&'a mut Option<String>);

impl<'de> DeserializeSeed<'de> for Look<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Look<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while list.next_element_seed(Look(self.0))?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<(), A::Error> {
        let mut names = HashSet::new();
        while let Some(name) = object.next_key::<String>()? {
            if !names.insert(name.clone()) && self.0.is_none() {
                *self.0 = Some(name);
            }
            object.next_value_seed(Look(self.0))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_that_is_named_twice_in_one_object_is_found_at_any_depth() {
        let twice = |text| member_named_twice(text);
        assert_eq!(twice(r#"[2,"1","A",{"a":1,"b":{"a":2}}]"#), None);
        assert_eq!(
            twice(r#"[2,"1","A",{"a":[{"b":1,"b":2.5}]}]"#).as_deref(),
            Some("b")
        );
        assert_eq!(twice(r#"{"a":null,"\u0061":true}"#).as_deref(), Some("a"));
        assert_eq!(twice("no JSON"), None);
    }
}
