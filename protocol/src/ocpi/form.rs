//! Which form the objects of OCPI have: `objects.txt`, and what of a JSON value is not in it.
//!
//! One table serves three: what we send has no fault ([`faults`]); what we receive is read by it ([`read`]), which
//! forgives what can only mean one thing and tells it; and the judge finds by it what others send.

use std::collections::HashMap;
use std::fmt;
use std::sync::LazyLock;

use fluent_uri::Uri;
use jiff::civil::Date;
use serde_json::{Map, Value};

use super::time::{Reading as TimeReading, read_time};

/// What is wrong with a part of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Where, as a JSON pointer [RFC 6901]; empty for the whole.
    pub pointer: String,
    /// What, as the end of a sentence about it.
    pub what: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = match self.pointer.is_empty() {
            true => "the object",
            false => &self.pointer,
        };
        write!(f, "{place} {}", self.what)
    }
}

/// How much of an object has to be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// All of its required fields.
    Whole,
    /// Those fields only that it names, as in a PATCH.
    Part,
}

/// An object that was read, in the form of the standard as far as that could be.
#[derive(Clone, Debug, PartialEq)]
pub struct Read {
    /// Without nulls, and with lists where lists belong.
    pub value: Value,
    /// What was not as the standard says and can only mean one thing.
    pub forgiven: Vec<Fault>,
    /// What cannot be understood; the value is of no use then.
    pub faults: Vec<Fault>,
}

/// Everything that is wrong with an object. A null in the place of an optional field is not [OCPI 2.2.1 §2, cardinality],
/// nor is a field that the standard does not name.
///
/// # Panics
/// When `object` is no name of `objects.txt`.
#[must_use]
pub fn faults(object: &str, value: &Value, extent: Extent) -> Vec<Fault> {
    let mut walk = Walk::default();
    let mut value = value.clone();
    walk.object(form(object), &mut value, extent);
    walk.forgiven.append(&mut walk.faults);
    walk.forgiven
}

/// Reads an object. Forgiven are one value where a list of one belongs, a list of one where one value belongs, a number
/// that is written as text, and a time with an offset.
///
/// # Panics
/// When `object` is no name of `objects.txt`.
#[must_use]
pub fn read(object: &str, mut value: Value, extent: Extent) -> Read {
    let mut walk = Walk::default();
    walk.object(form(object), &mut value, extent);
    Read {
        value,
        forgiven: walk.forgiven,
        faults: walk.faults,
    }
}

/// The words of an enumeration, in the order of the standard.
///
/// # Panics
/// When `name` is no enumeration of `objects.txt`.
#[must_use]
pub fn words(name: &str) -> &'static [&'static str] {
    match FORMS.get(name) {
        Some(Form::Enumeration(words)) => words,
        _ => panic!("OCPI has no enumeration {name}"),
    }
}

enum Form {
    Object(Vec<Field>),
    Enumeration(Vec<&'static str>),
}

struct Field {
    name: &'static str,
    kind: Kind,
    often: Often,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Often {
    Once,
    AtMostOnce,
    List,
    FullList,
}

#[derive(Clone, Copy)]
enum Kind {
    Text(usize),
    CiText(usize),
    Url,
    DateTime,
    Number,
    Int,
    Boolean,
    Day,
    Time,
    Latitude,
    Longitude,
    Credential,
    Any,
    Named(&'static str),
}

static FORMS: LazyLock<HashMap<&'static str, Form>> =
    LazyLock::new(|| parse(include_str!("objects.txt")));

fn form(object: &str) -> &'static [Field] {
    match FORMS.get(object) {
        Some(Form::Object(fields)) => fields,
        _ => panic!("OCPI has no object {object}"),
    }
}

/// The file is ours: what is wrong with it, the tests find.
fn parse(text: &'static str) -> HashMap<&'static str, Form> {
    let mut forms = HashMap::new();
    let mut object = "";
    for line in text.lines() {
        if line.starts_with('#') || line.trim().is_empty() {
            continue;
        }
        let mut words = line.split_whitespace();
        let name = words.next().unwrap_or_default();
        if line.starts_with(' ') {
            let kind = words.next().unwrap_or_default();
            let often = words.next().unwrap_or_default();
            let Some(Form::Object(fields)) = forms.get_mut(object) else {
                panic!("the field {name} belongs to no object");
            };
            fields.push(Field {
                name,
                kind: Kind::of(kind),
                often: Often::of(often),
            });
        } else if words.next() == Some("=") {
            forms.insert(name, Form::Enumeration(words.collect()));
        } else {
            object = name;
            forms.insert(name, Form::Object(Vec::new()));
        }
    }
    forms
}

impl Often {
    fn of(word: &str) -> Self {
        match word {
            "1" => Self::Once,
            "?" => Self::AtMostOnce,
            "*" => Self::List,
            "+" => Self::FullList,
            _ => panic!("{word:?} does not say how often"),
        }
    }

    const fn is_list(self) -> bool {
        matches!(self, Self::List | Self::FullList)
    }

    const fn is_required(self) -> bool {
        matches!(self, Self::Once | Self::FullList)
    }
}

impl Kind {
    fn of(word: &'static str) -> Self {
        let (name, length) = word.split_once('(').unwrap_or((word, ""));
        let chars = || {
            length
                .trim_end_matches(')')
                .parse()
                .expect("a text has a length")
        };
        match name {
            "string" => Self::Text(chars()),
            "CiString" => Self::CiText(chars()),
            "url" => Self::Url,
            "DateTime" => Self::DateTime,
            "number" => Self::Number,
            "int" => Self::Int,
            "boolean" => Self::Boolean,
            "day" => Self::Day,
            "time" => Self::Time,
            "latitude" => Self::Latitude,
            "longitude" => Self::Longitude,
            "credential" => Self::Credential,
            "any" => Self::Any,
            name => Self::Named(name),
        }
    }

    const fn is_number(self) -> bool {
        matches!(self, Self::Number | Self::Int)
    }
}

/// Characters of a URL [OCPI 2.2.1 §16.5].
const URL_CHARS_MAX: usize = 255;
/// Characters of a credentials token [OCPI 2.2.1 §7.3.1].
const CREDENTIAL_CHARS_MAX: usize = 64;

#[derive(Default)]
struct Walk {
    pointer: String,
    forgiven: Vec<Fault>,
    faults: Vec<Fault>,
}

impl Walk {
    fn within(&mut self, part: &str, look: impl FnOnce(&mut Self)) {
        let length = self.pointer.len();
        self.pointer.push('/');
        self.pointer
            .push_str(&part.replace('~', "~0").replace('/', "~1"));
        look(self);
        self.pointer.truncate(length);
    }

    fn fault(&mut self, what: impl Into<String>) {
        let pointer = self.pointer.clone();
        self.faults.push(Fault {
            pointer,
            what: what.into(),
        });
    }

    fn forgive(&mut self, what: impl Into<String>) {
        let pointer = self.pointer.clone();
        self.forgiven.push(Fault {
            pointer,
            what: what.into(),
        });
    }

    fn object(&mut self, fields: &[Field], value: &mut Value, extent: Extent) {
        let Value::Object(members) = value else {
            return self.fault(format!("is {}, not an object", kind_of(value)));
        };
        for field in fields {
            self.within(field.name, |walk| walk.field(field, members, extent));
        }
    }

    fn field(&mut self, field: &Field, members: &mut Map<String, Value>, extent: Extent) {
        let is_null = members.get(field.name).is_some_and(Value::is_null);
        if is_null && !field.often.is_required() {
            members.remove(field.name);
        }
        let Some(value) = members.get_mut(field.name) else {
            if field.often.is_required() && extent == Extent::Whole {
                self.fault("is missing");
            }
            return;
        };
        if is_null {
            return self.fault("is null, and must not be");
        }
        match (field.often.is_list(), &mut *value) {
            (true, Value::Array(_)) | (false, _) => {}
            (true, _) => {
                self.forgive("is one value, not a list");
                *value = Value::Array(vec![value.take()]);
            }
        }
        match value {
            Value::Array(entries) if field.often.is_list() => {
                if entries.is_empty() && field.often == Often::FullList {
                    self.fault("is an empty list, and needs an entry");
                }
                for (number, entry) in entries.iter_mut().enumerate() {
                    self.within(&number.to_string(), |walk| walk.value(field.kind, entry));
                }
            }
            Value::Array(entries) if entries.len() == 1 && !matches!(field.kind, Kind::Any) => {
                self.forgive("is a list, not one value");
                *value = entries.remove(0);
                self.value(field.kind, value);
            }
            value => self.value(field.kind, value),
        }
    }

    fn value(&mut self, kind: Kind, value: &mut Value) {
        if let (true, Value::String(text)) = (kind.is_number(), &mut *value) {
            let number = text.parse::<serde_json::Number>();
            if let Ok(number) = number {
                self.forgive("is a text, not a number");
                *value = Value::Number(number);
            }
        }
        match (kind, &mut *value) {
            (Kind::Any, _) => {}
            (Kind::Named(name), value) => self.named(name, value),
            (Kind::Boolean, Value::Bool(_)) | (Kind::Number, Value::Number(_)) => {}
            (Kind::Int, Value::Number(number)) => {
                if number.as_i64().is_none() && !number.as_f64().is_some_and(|n| n.fract() == 0.0) {
                    self.fault(format!("is {number}, not a whole number"));
                }
            }
            (Kind::DateTime, Value::String(text)) => match read_time(text) {
                TimeReading::Good(_) => {}
                TimeReading::Forgiven(time, why) => {
                    self.forgive(why);
                    *text = time.to_string();
                }
                TimeReading::None => self.fault(format!(
                    "is {text:?}, not a time such as 2026-01-31T08:00:00Z"
                )),
            },
            (
                Kind::Text(_)
                | Kind::CiText(_)
                | Kind::Url
                | Kind::Day
                | Kind::Time
                | Kind::Latitude
                | Kind::Longitude
                | Kind::Credential,
                Value::String(text),
            ) => {
                if let Some(what) = wrong_text(kind, text) {
                    self.fault(what);
                }
            }
            (kind, value) => self.fault(format!("is {}, not {}", kind_of(value), name_of(kind))),
        }
    }

    fn named(&mut self, name: &'static str, value: &mut Value) {
        match (FORMS.get(name), value) {
            (Some(Form::Object(fields)), value) => self.object(fields, value, Extent::Whole),
            (Some(Form::Enumeration(words)), Value::String(word)) => {
                if !words.contains(&word.as_str()) {
                    self.fault(format!("is {word:?}, which is no {name}"));
                }
            }
            (_, value) => self.fault(format!("is {}, not a {name}", kind_of(value))),
        }
    }
}

fn wrong_text(kind: Kind, text: &str) -> Option<String> {
    let longest = |max: usize| {
        let chars = text.chars().count();
        (chars > max).then(|| format!("has {chars} characters, {max} are allowed"))
    };
    let needs = |is_so: bool, what: &str| (!is_so).then(|| format!("is {text:?}, not {what}"));
    match kind {
        Kind::Text(max) => longest(max).or_else(|| {
            let is_printable = !text.chars().any(char::is_control);
            (!is_printable).then(|| "has control characters".to_owned())
        }),
        Kind::CiText(max) => longest(max).or_else(|| {
            let is_printable = text.bytes().all(|b| (0x20..0x7f).contains(&b));
            (!is_printable)
                .then(|| format!("is {text:?}, and printable ASCII is wanted"))
                .or_else(|| text.is_empty().then(|| "is empty".to_owned()))
        }),
        Kind::Url => longest(URL_CHARS_MAX).or_else(|| needs(is_url(text), "an absolute URL")),
        Kind::Credential => longest(CREDENTIAL_CHARS_MAX).or_else(|| {
            let is_token = !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic());
            (!is_token).then(|| "is no token: printable ASCII without blanks is wanted".to_owned())
        }),
        Kind::Day => needs(
            text.len() == 10 && text.parse::<Date>().is_ok(),
            "a day such as 2026-01-31",
        ),
        Kind::Time => needs(is_time_of_day(text), "a time of a day such as 07:30"),
        Kind::Latitude => needs(is_degrees(text, 2, 90.0), "a latitude such as 51.50540"),
        Kind::Longitude => needs(is_degrees(text, 3, 180.0), "a longitude such as -0.02350"),
        _ => None,
    }
}

/// Whether this is a URL of HTTP with a host.
#[must_use]
pub fn is_url(text: &str) -> bool {
    let Ok(uri) = Uri::parse(text) else {
        return false;
    };
    let scheme = uri.scheme().as_str();
    let is_http = scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https");
    is_http && uri.authority().is_some_and(|at| !at.host().is_empty())
}

fn is_time_of_day(text: &str) -> bool {
    let digits = |part: &str, max: u8| {
        part.len() == 2
            && part.bytes().all(|b| b.is_ascii_digit())
            && part.parse::<u8>().is_ok_and(|n| n <= max)
    };
    text.split_once(':')
        .is_some_and(|(hour, minute)| digits(hour, 23) && digits(minute, 59))
}

/// Five to seven digits after the point [OCPI 2.2.1 §8.4.13].
fn is_degrees(text: &str, whole_max: usize, max: f64) -> bool {
    let Some((whole, fraction)) = text.strip_prefix('-').unwrap_or(text).split_once('.') else {
        return false;
    };
    let is_number = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    (1..=whole_max).contains(&whole.len())
        && (5..=7).contains(&fraction.len())
        && is_number(whole)
        && is_number(fraction)
        && text
            .parse::<f64>()
            .is_ok_and(|degrees| degrees.abs() <= max)
}

const fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

const fn name_of(kind: Kind) -> &'static str {
    match kind {
        Kind::Number => "a number",
        Kind::Int => "a whole number",
        Kind::Boolean => "true or false",
        _ => "a text",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn token() -> Value {
        json!({
            "country_code": "DE", "party_id": "RIG", "uid": "U-1", "type": "RFID", "contract_id": "C-1",
            "issuer": "Straßenlader ⚡", "valid": true, "whitelist": "ALLOWED",
            "last_updated": "2026-01-01T00:00:00Z",
        })
    }

    fn told(object: &str, value: &Value) -> Vec<String> {
        let all = faults(object, value, Extent::Whole);
        all.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn every_name_of_the_table_is_one() {
        for form in FORMS.values() {
            let Form::Object(fields) = form else { continue };
            assert!(!fields.is_empty());
            for field in fields {
                if let Kind::Named(name) = field.kind {
                    assert!(FORMS.contains_key(name), "{name}");
                }
            }
        }
        assert!(words("Role").contains(&"EMSP"));
    }

    #[test]
    fn a_good_token_has_no_fault_also_with_nulls_and_unknown_fields() {
        assert_eq!(told("Token", &token()), [""; 0]);
        let mut value = token();
        value["group_id"] = Value::Null;
        value["energy_contract"] = json!({"supplier_name": "x", "colour": "green"});
        value["x_rig"] = json!([1]);
        assert_eq!(told("Token", &value), [""; 0]);
        let read = read("Token", value, Extent::Whole);
        assert!(read.value.get("group_id").is_none());
        assert!(read.forgiven.is_empty() && read.faults.is_empty());
    }

    #[test]
    fn each_fault_says_where_and_what() {
        for (field, wrong, said) in [
            (
                "whitelist",
                Value::Null,
                "/whitelist is null, and must not be",
            ),
            ("valid", json!("yes"), "/valid is a text, not true or false"),
            (
                "type",
                json!("SPACESHIP"),
                "/type is \"SPACESHIP\", which is no TokenType",
            ),
            ("type", json!(1), "/type is a number, not a TokenType"),
            (
                "uid",
                json!("x".repeat(37)),
                "/uid has 37 characters, 36 are allowed",
            ),
            ("uid", json!(""), "/uid is empty"),
            (
                "uid",
                json!("ä"),
                "/uid is \"ä\", and printable ASCII is wanted",
            ),
            (
                "visual_number",
                json!("a\tb"),
                "/visual_number has control characters",
            ),
            (
                "energy_contract",
                json!({}),
                "/energy_contract/supplier_name is missing",
            ),
            (
                "last_updated",
                json!("2026-13-01T00:00:00Z"),
                "/last_updated is \"2026-13-01T00:00:00Z\", not a time such as 2026-01-31T08:00:00Z",
            ),
        ] {
            let mut value = token();
            value[field] = wrong;
            assert_eq!(told("Token", &value), [said], "{field}");
        }
        assert_eq!(
            told("Token", &json!([])),
            ["the object is a list, not an object"]
        );
        assert_eq!(told("Token", &json!({})).len(), 9);
        assert!(faults("Token", &json!({"valid": false}), Extent::Part).is_empty());
        assert_eq!(faults("Token", &json!({"valid": 1}), Extent::Part).len(), 1);
    }

    #[test]
    fn what_can_only_mean_one_thing_is_forgiven_and_told() {
        let value = json!({
            "token": "t", "url": "https://x.example/v",
            "roles": {"role": "EMSP", "party_id": "RIG", "country_code": "DE", "business_details": [{"name": "x"}]},
        });
        assert_eq!(told("Credentials", &value).len(), 2);
        let read = read("Credentials", value, Extent::Whole);
        assert_eq!(read.faults, []);
        let told: Vec<_> = read.forgiven.iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            [
                "/roles is one value, not a list",
                "/roles/0/business_details is a list, not one value"
            ]
        );
        assert_eq!(read.value["roles"][0]["business_details"]["name"], "x");
        let price = super::read("Price", json!({"excl_vat": "1.20"}), Extent::Whole);
        assert_eq!(price.value["excl_vat"], json!(1.2));
        assert_eq!(price.forgiven.len(), 1);
    }

    #[test]
    fn urls_times_and_degrees_have_their_patterns() {
        for good in ["http://x", "https://x.example:1/a?b=c", "HTTP://[::1]/"] {
            assert!(is_url(good), "{good}");
        }
        for bad in [
            "",
            "x",
            "not a url",
            "ftp://x",
            "http://",
            "/ocpi",
            "http:///x",
        ] {
            assert!(!is_url(bad), "{bad}");
        }
        assert!(is_time_of_day("00:00") && is_time_of_day("23:59"));
        for bad in ["24:00", "7:30", "07:60", "0730", "07:30:00", "+7:30"] {
            assert!(!is_time_of_day(bad), "{bad}");
        }
        assert!(is_degrees("-51.50540", 2, 90.0) && is_degrees("179.1234567", 3, 180.0));
        for bad in [
            "51.5054",
            "90.00001",
            "51,50540",
            "151.50540",
            "+1.00000",
            "1.",
            "NaN",
        ] {
            assert!(!is_degrees(bad, 2, 90.0), "{bad}");
        }
        assert!(wrong_text(Kind::Day, "2026-02-30").is_some());
        assert_eq!(wrong_text(Kind::Day, "2026-02-28"), None);
        assert!(wrong_text(Kind::Credential, "a b").is_some());
    }
}
