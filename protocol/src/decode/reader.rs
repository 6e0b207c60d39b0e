//! A second reading, for payloads that the first refuses: a deserializer that the types drive over the JSON text.
//!
//! The types say what they want at each place (an integer, a text, a list), and the reader gives it to them as far as
//! the table of [`super::leniency`] allows, and notes what it had to forgive. It needs no schema of its own, and reads
//! each value a constant number of times, however much of a message is odd.
//!
//! In [`Mode::Exact`] it forgives one thing, which is no deviation: a date-time that RFC 3339 allows and the calendar
//! of the types cannot hold becomes the nearest that it can.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::fmt::{self, Write as _};

use ocpp_kit::decode::DecodeErrorKind;
use serde::de::{
    self, Deserialize, DeserializeSeed, Deserializer, IntoDeserializer as _, MapAccess, SeqAccess,
    Visitor,
};
use serde::forward_to_deserialize_any;

use super::agree::NUL;
use super::fault::Fault;
use super::format;
use super::leniency::{Deviation, Leniency, note};
use super::loose_time::loose_time;
use super::tree::Name;
use crate::v16::{MeterValue, Reason, SampledValue};
use crate::{Decimal, RawValue};

/// What is forgiven.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// The rims of the calendar only.
    Exact,
    /// Everything in the table.
    Tolerant,
}

/// What a reading noted.
#[derive(Debug, Default)]
pub(super) struct Notes {
    pub deviations: Vec<Deviation>,
    /// The places of words that need not be in their enumeration.
    pub free_words: HashSet<String>,
    /// Of lists that were thinned, by their places: the index that each item had.
    pub kept: HashMap<String, Vec<usize>>,
}

/// Where a value stands.
#[derive(Clone, Copy)]
pub(super) struct Place<'p> {
    above: Option<&'p Self>,
    step: Step<'p>,
}

#[derive(Clone, Copy)]
enum Step<'p> {
    Root,
    /// A member of an object of the type `holder`.
    Member {
        holder: &'static str,
        name: &'p str,
    },
    Item(usize),
}

impl Place<'_> {
    pub(super) const ROOT: Self = Place {
        above: None,
        step: Step::Root,
    };

    /// The type of the object and the name of the member that hold the value, also as an item of a list.
    fn member(&self) -> (&'static str, &str) {
        match self.step {
            Step::Member { holder, name } => (holder, name),
            Step::Item(_) => self.above.map_or(("", ""), Place::member),
            Step::Root => ("", ""),
        }
    }

    fn pointer(&self) -> String {
        let mut pointer = self.above.map(Place::pointer).unwrap_or_default();
        match self.step {
            Step::Root => {}
            Step::Member { name, .. } => {
                let name = name.replace('~', "~0").replace('/', "~1");
                let _ = write!(pointer, "/{name}");
            }
            Step::Item(index) => {
                let _ = write!(pointer, "/{index}");
            }
        }
        pointer
    }
}

/// One value of the payload.
#[derive(Clone, Copy)]
pub(super) struct Reader<'de, 'r> {
    pub json: &'de str,
    pub place: Place<'r>,
    pub mode: Mode,
    pub notes: &'r RefCell<Notes>,
}

impl<'de> Reader<'de, '_> {
    fn is_tolerant(&self) -> bool {
        self.mode == Mode::Tolerant
    }

    /// Whether this leniency is given here; then it is noted.
    fn forgives(&self, leniency: Leniency) -> bool {
        let (holder, member) = self.place.member();
        let forgives = self.is_tolerant() && leniency.holds(holder, member);
        if forgives {
            self.note(leniency);
        }
        forgives
    }

    fn note(&self, leniency: Leniency) {
        let mut notes = self.notes.borrow_mut();
        note(
            &mut notes.deviations,
            leniency,
            &self.place.pointer(),
            self.json,
        );
    }

    fn fault(&self, kind: DecodeErrorKind, reason: impl Into<String>) -> Fault {
        Fault::new(kind, reason).at(|| self.place.pointer())
    }

    fn unwanted(&self, wanted: &str) -> Fault {
        let what = match self.kind() {
            b'{' => "an object",
            b'[' => "a list",
            b'"' => "a text",
            b't' | b'f' => "true or false",
            b'n' => "null",
            _ => "a number",
        };
        self.fault(
            DecodeErrorKind::Type,
            format!("{wanted} is wanted, not {what}"),
        )
    }

    /// The first byte of the JSON text, which tells its kind.
    fn kind(&self) -> u8 {
        self.json.as_bytes().first().copied().unwrap_or(b'n')
    }

    fn is_number(&self) -> bool {
        matches!(self.kind(), b'-' | b'0'..=b'9')
    }

    /// The text between the quotation marks.
    fn text(&self) -> Result<Cow<'de, str>, Fault> {
        let Name(text) = serde_json::from_str(self.json)
            .map_err(|error| self.fault(DecodeErrorKind::Format, error.to_string()))?;
        if text.contains('\0') {
            return Err(self.fault(DecodeErrorKind::Property, NUL).into_final());
        }
        Ok(text)
    }

    /// What JSON itself makes of the value.
    fn plainly<T>(
        &self,
        read: impl FnOnce(
            &mut serde_json::Deserializer<serde_json::de::StrRead<'de>>,
        ) -> Result<T, serde_json::Error>,
    ) -> Result<T, Fault> {
        let mut json = serde_json::Deserializer::from_str(self.json);
        read(&mut json).map_err(|error| Fault::of_json(&error).at(|| self.place.pointer()))
    }

    /// An integer from the spelling of a number.
    fn integer(&self, literal: &str) -> Result<i32, Fault> {
        let beyond = || {
            let reason = format!("{literal} is no integer of 32 bits");
            self.fault(DecodeErrorKind::Property, reason)
        };
        if let Ok(integer) = literal.parse() {
            if literal.starts_with("-0") {
                self.forgives(Leniency::IntegerAsDecimal);
            }
            return Ok(integer);
        }
        let number: Decimal = literal.parse().map_err(|_| beyond())?;
        let whole = number.round_to(0).ok_or_else(beyond)?;
        let leniency = if whole == number {
            Leniency::IntegerAsDecimal
        } else {
            Leniency::ReadingRounded
        };
        if literal.contains(['.', 'e', 'E']) && !self.forgives(leniency) {
            return Err(self.unwanted("an integer"));
        }
        i32::try_from(whole.mantissa()).map_err(|_| beyond())
    }

    /// The items of a list, each with its index.
    fn items(&self) -> Result<Vec<(usize, &'de str)>, Fault> {
        match self.kind() {
            b'[' => {
                let items: Vec<&'de RawValue> = self.plainly(|json| Vec::deserialize(json))?;
                let items = items.iter().map(|item| item.get()).enumerate();
                Ok(items.collect())
            }
            b'{' if self.forgives(Leniency::SingleForList) => Ok(vec![(0, self.json)]),
            _ => Err(self.unwanted("a list")),
        }
    }

    /// Leaves out the samples that cannot be read.
    fn without_unreadable(
        &self,
        items: Vec<(usize, &'de str)>,
    ) -> Result<Vec<(usize, &'de str)>, Fault> {
        let (holder, member) = self.place.member();
        if !self.is_tolerant() || !Leniency::UnreadableSample.holds(holder, member) {
            return Ok(items);
        }
        let all = items.len();
        let mut first_fault = None;
        let mut good = Vec::with_capacity(all);
        let mut bad = Vec::new();
        for (index, json) in items {
            match self.try_sample(index, json, member) {
                Ok(()) => good.push((index, json)),
                Err(fault) if fault.is_final => return Err(fault),
                Err(fault) => {
                    first_fault.get_or_insert(fault);
                    bad.push((index, json));
                }
            }
        }
        // Beside a stop nothing need be left: the stop is the fact.
        let needs_one = good.is_empty() && member != "transactionData";
        if let Some(fault) = first_fault.filter(|_| needs_one) {
            return Err(fault);
        }
        let mut notes = self.notes.borrow_mut();
        for (index, json) in &bad {
            let place = format!("{}/{index}", self.place.pointer());
            note(
                &mut notes.deviations,
                Leniency::UnreadableSample,
                &place,
                json,
            );
        }
        if !bad.is_empty() {
            let indices = good.iter().map(|(index, _)| *index).collect();
            notes.kept.insert(self.place.pointer(), indices);
        }
        Ok(good)
    }

    /// Whether an item of a list of samples can be read.
    fn try_sample(&self, index: usize, json: &'de str, list: &str) -> Result<(), Fault> {
        let notes = RefCell::default();
        let item = Reader {
            json,
            place: Place {
                above: Some(&self.place),
                step: Step::Item(index),
            },
            mode: self.mode,
            notes: &notes,
        };
        if list == "sampledValue" {
            return SampledValue::deserialize(item).map(drop);
        }
        if MeterValue::deserialize(item)?.sampled_value.is_empty() {
            let reason = "a meter value has at least one sample";
            return Err(item.fault(DecodeErrorKind::Occurrence, reason));
        }
        Ok(())
    }

    /// Whether this is a member that may be left out, and cannot be read.
    fn is_unreadable_member(&self) -> bool {
        let (holder, member) = self.place.member();
        if !self.is_tolerant() || !Leniency::UnreadableMember.holds(holder, member) {
            return false;
        }
        let notes = RefCell::default();
        let probe = Reader {
            json: self.json,
            place: self.place,
            mode: self.mode,
            notes: &notes,
        };
        let read = match member {
            "reason" => Reason::deserialize(probe).map(drop),
            "transactionData" => Vec::<MeterValue>::deserialize(probe).map(drop),
            "reservationId" => i32::deserialize(probe).map(drop),
            _ => String::deserialize(probe).map(drop),
        };
        read.is_err()
    }

    /// A date-time as RFC 3339 writes it, within the calendar of the types.
    fn date_time(&self, text: &str) -> Result<String, Fault> {
        let wrong = || {
            let reason = format!("{text:?} is not an RFC 3339 date-time with offset");
            self.fault(DecodeErrorKind::Property, reason)
        };
        let time = loose_time(text).ok_or_else(wrong)?;
        for leniency in &time.odd {
            if !self.forgives(*leniency) {
                return Err(wrong());
            }
        }
        Ok(time.text)
    }
}

impl<'de> Deserializer<'de> for Reader<'de, '_> {
    type Error = Fault;

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        holder: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        if self.kind() != b'{' {
            return Err(self.unwanted("an object"));
        }
        let Members(all) = self.plainly(|json| Members::deserialize(json))?;
        let mut members: Vec<(Cow<'de, str>, &'de str)> = Vec::with_capacity(fields.len());
        for (name, json) in all {
            let member = Reader {
                json,
                place: Place {
                    above: Some(&self.place),
                    step: Step::Member {
                        holder,
                        name: &name,
                    },
                },
                ..self
            };
            if !fields.contains(&name.as_ref()) {
                if self.is_tolerant() {
                    member.note(Leniency::UnknownMember);
                }
                continue;
            }
            let before = members.iter().position(|(known, _)| *known == name);
            match before {
                Some(before) if member.forgives(Leniency::DoubledMember) => {
                    members[before].1 = json;
                }
                _ => members.push((name, json)),
            }
        }
        let object = Object {
            of: self,
            holder,
            members: members.into_iter(),
            next: None,
        };
        visitor
            .visit_map(object)
            .map_err(|fault| fault.at(|| self.place.pointer()))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        if self.kind() == b'n' {
            self.forgives(Leniency::NullMember);
            return visitor.visit_none();
        }
        if self.json == "\"\"" && self.forgives(Leniency::EmptyMember) {
            return visitor.visit_none();
        }
        if self.is_unreadable_member() && self.forgives(Leniency::UnreadableMember) {
            return visitor.visit_none();
        }
        visitor.visit_some(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let items = self.without_unreadable(self.items()?)?;
        visitor.visit_seq(List {
            of: self,
            items: items.into_iter(),
        })
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.kind() {
            b'"' => {
                let text = self.text()?;
                let (holder, member) = self.place.member();
                if format::is_uri_of(holder, member) && !format::is_uri(&text) {
                    let reason = format!("{text:?} is not a URI");
                    return Err(self.fault(DecodeErrorKind::Property, reason));
                }
                visitor.visit_string(text.into_owned())
            }
            _ if self.is_number() && self.forgives(Leniency::TextAsNumber) => {
                visitor.visit_str(self.json)
            }
            b't' | b'f' if self.forgives(Leniency::TextAsBoolean) => visitor.visit_str(self.json),
            _ => Err(self.unwanted("a text")),
        }
    }

    /// Date-times and the words of enumerations.
    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        if self.kind() != b'"' {
            return Err(self.unwanted("a text"));
        }
        let text = self.text()?;
        let (holder, member) = self.place.member();
        if format::is_date_time_member(member) {
            let time = self.date_time(&text)?;
            return visitor
                .visit_str(&time)
                .map_err(|fault: Fault| fault.at(|| self.place.pointer()));
        }
        if self.is_tolerant() && Leniency::UnknownWord.holds(holder, member) {
            let place = self.place.pointer();
            self.notes.borrow_mut().free_words.insert(place);
        }
        visitor.visit_str(&text)
    }

    fn deserialize_i32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        if !self.is_tolerant() {
            return self.plainly(|json| json.deserialize_i32(visitor));
        }
        match self.kind() {
            _ if self.is_number() => visitor.visit_i32(self.integer(self.json)?),
            b'"' => {
                let text = self.text()?;
                let number = text.trim();
                let starts_well = number.starts_with(|c: char| c == '-' || c.is_ascii_digit());
                if !starts_well || number.parse::<Decimal>().is_err() {
                    return Err(self.unwanted("an integer"));
                }
                self.forgives(Leniency::NumberAsText);
                visitor.visit_i32(self.integer(number)?)
            }
            _ => Err(self.unwanted("an integer")),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let other = match self.json {
            "\"true\"" | "1" => Some(true),
            "\"false\"" | "0" => Some(false),
            _ => None,
        };
        match other {
            Some(truth) if self.forgives(Leniency::BooleanAsOther) => visitor.visit_bool(truth),
            _ => self.plainly(|json| json.deserialize_bool(visitor)),
        }
    }

    /// Decimals; they want the spelling of the number, in a form that only JSON's own deserializer knows.
    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        let number = if self.kind() == b'"' && self.is_tolerant() {
            let number = self.json.trim_matches('"').trim();
            if number.parse::<Decimal>().is_err() {
                return Err(self.unwanted("a number"));
            }
            self.forgives(Leniency::NumberAsText);
            Reader {
                json: number,
                ..self
            }
        } else {
            self
        };
        let (_, member) = self.place.member();
        let float = number.json.parse::<f64>();
        if format::is_rate_member(member) && float.is_ok_and(|rate| !format::is_rate(rate)) {
            self.forgives(Leniency::RateTooExact);
        }
        number.plainly(|json| json.deserialize_newtype_struct(name, visitor))
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.plainly(|json| json.deserialize_any(visitor))
    }

    forward_to_deserialize_any! {
        i8 i16 i64 i128 u8 u16 u32 u64 u128 f32 f64 char bytes byte_buf unit unit_struct tuple tuple_struct map enum
        identifier ignored_any
    }
}

/// The members of an object that its type names.
struct Object<'de, 'r> {
    of: Reader<'de, 'r>,
    holder: &'static str,
    members: std::vec::IntoIter<(Cow<'de, str>, &'de str)>,
    next: Option<(Cow<'de, str>, &'de str)>,
}

impl<'de> MapAccess<'de> for Object<'de, '_> {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Fault> {
        self.next = self.members.next();
        let Some((name, _)) = &self.next else {
            return Ok(None);
        };
        let name: de::value::StrDeserializer<'_, Fault> = name.as_ref().into_deserializer();
        seed.deserialize(name).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Fault> {
        let Some((name, json)) = self.next.take() else {
            return Err(de::Error::custom("a value without its name"));
        };
        let value = Reader {
            json,
            place: Place {
                above: Some(&self.of.place),
                step: Step::Member {
                    holder: self.holder,
                    name: &name,
                },
            },
            ..self.of
        };
        seed.deserialize(value)
            .map_err(|fault| fault.at(|| value.place.pointer()))
    }
}

/// The items of a list that can be read.
struct List<'de, 'r> {
    of: Reader<'de, 'r>,
    items: std::vec::IntoIter<(usize, &'de str)>,
}

impl<'de> SeqAccess<'de> for List<'de, '_> {
    type Error = Fault;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Fault> {
        let Some((index, json)) = self.items.next() else {
            return Ok(None);
        };
        let item = Reader {
            json,
            place: Place {
                above: Some(&self.of.place),
                step: Step::Item(index),
            },
            ..self.of
        };
        let value = seed.deserialize(item);
        value
            .map(Some)
            .map_err(|fault| fault.at(|| item.place.pointer()))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.items.len())
    }
}

/// The members of an object in their order, values unread.
struct Members<'de>(Vec<(Cow<'de, str>, &'de str)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct MembersVisitor;

        impl<'de> Visitor<'de> for MembersVisitor {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::with_capacity(8);
                while let Some(Name(name)) = map.next_key()? {
                    let value: &'de RawValue = map.next_value()?;
                    members.push((name, value.get()));
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(MembersVisitor)
    }
}

impl Notes {
    /// The pointer into the payload of what stands at `pointer` in the message: lists may have been thinned.
    pub(super) fn pointer_in_payload(&self, pointer: &str) -> String {
        if self.kept.is_empty() {
            return pointer.to_owned();
        }
        let mut sent = String::with_capacity(pointer.len());
        for step in pointer.split('/').skip(1) {
            let index = self.kept.get(&sent).zip(step.parse::<usize>().ok());
            let index = index.and_then(|(kept, index)| kept.get(index));
            let _ = match index {
                Some(index) => write!(sent, "/{index}"),
                None => write!(sent, "/{step}"),
            };
        }
        sent
    }
}
