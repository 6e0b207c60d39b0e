//! Which places of which frames the failures of a scenario speak of, and what was expected there.
//!
//! A failure is a sentence. What it names is looked up in the record: a member by its path, a value as it was quoted, a
//! message by its action. Where nothing on record fits, nothing is marked.

use std::collections::HashMap;

use serde_json::Value;

use super::pretty::Place;
use super::{FrameReport, ScenarioReport, Status, StepReport};
use crate::wire::entry::Message;

/// Frames in which a quoted text can stand: where there are more, it is not what a complaint means.
const QUOTED_MAX: usize = 5;

/// A place in a frame, and what is said against it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    /// Its place among the frames.
    pub(super) frame: usize,
    pub(super) place: Place,
    pub(super) why: String,
}

/// What a step expected, member by member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Expected {
    /// The step that says so, by its place.
    pub(super) step: usize,
    /// What came in its place.
    pub(super) frame: Option<usize>,
    /// The message, where it is known.
    pub(super) action: String,
    pub(super) members: Vec<Wanted>,
}

/// A member as it is expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) path: String,
    pub(super) wanted: String,
    /// What came.
    pub(super) is: Option<String>,
    pub(super) differs: bool,
}

/// All of a scenario.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Evidence {
    pub(super) marks: Vec<Mark>,
    pub(super) expected: Vec<Expected>,
}

impl Evidence {
    pub(super) fn of(scenario: &ScenarioReport) -> Self {
        let mut evidence = Self::default();
        let is_bad = |step: &StepReport| matches!(step.status, Status::Failed | Status::Warned);
        if !scenario.steps.iter().any(is_bad) {
            return evidence;
        }
        let record = Record::of(&scenario.frames);
        for (index, step) in scenario.steps.iter().enumerate() {
            let (true, Some(error)) = (is_bad(step), &step.error) else {
                continue;
            };
            // What every scenario demands is looked at when it is over.
            if step.text.starts_with('(') {
                evidence.add(record.of_rule(error), error);
                continue;
            }
            let until = step.ended_ms;
            if let Some(expected) = record.expected(index, error, until) {
                let differing = expected.members.iter().filter(|member| member.differs);
                for member in differing {
                    let Some(frame) = expected.frame else { break };
                    let place = record.place(frame, &member.path, member.is.is_some());
                    let why = format!("{} is expected", member.wanted);
                    evidence.add(vec![(frame, place)], &why);
                }
                evidence.expected.push(expected);
            }
            evidence.add(record.of_body(error, until), error);
        }
        evidence
    }

    fn add(&mut self, places: Vec<(usize, Place)>, why: &str) {
        for (frame, place) in places {
            let mark = Mark {
                frame,
                place,
                why: why.to_owned(),
            };
            if !self.marks.contains(&mark) {
                self.marks.push(mark);
            }
        }
    }
}

/// A frame, read.
struct Read {
    at: u64,
    from_sut: bool,
    /// The action of a call, or of the call that this answers.
    action: String,
    is_answer: bool,
    is_readable: bool,
    /// The frame as JSON, or the body of a request or an answer of HTTP.
    json: Value,
    /// Where in that the payload lies.
    root: &'static str,
}

impl Read {
    fn payload(&self) -> &Value {
        self.json.pointer(self.root).unwrap_or(&Value::Null)
    }
}

/// The frames of a scenario, read.
struct Record(Vec<Read>);

impl Record {
    fn of(frames: &[FrameReport]) -> Self {
        let mut asked: HashMap<(bool, String), String> = HashMap::new();
        let read = frames.iter().map(|frame| {
            let from_sut = frame.direction == "from_sut";
            let mut read = Read {
                at: frame.at,
                from_sut,
                action: String::new(),
                is_answer: false,
                is_readable: true,
                json: Value::Null,
                root: "",
            };
            if frame.http.is_some() {
                read.json = serde_json::from_str(body(&frame.raw)).unwrap_or_default();
                read.is_answer = from_sut;
                return read;
            }
            read.json = serde_json::from_str(&frame.raw).unwrap_or_default();
            let message = Message::read(&frame.raw);
            let question = message.id().map(|id| (!from_sut, id.to_owned()));
            read.is_answer = matches!(message, Message::Result { .. } | Message::Error { .. });
            if read.is_answer {
                let call = question.and_then(|question| asked.get(&question));
                read.action = call.cloned().unwrap_or_default();
            }
            read.root = match message {
                Message::Call { id, action, .. } => {
                    asked.insert((from_sut, id), action.clone());
                    read.action = action;
                    "/3"
                }
                Message::Result { .. } => "/2",
                Message::Error { .. } => "/4",
                Message::Unreadable(_) => {
                    read.is_readable = false;
                    ""
                }
            };
            read
        });
        Self(read.collect())
    }

    /// What the system under test said, from its last word before that moment backwards.
    fn backwards(&self, until: u64) -> impl Iterator<Item = (usize, &Read)> {
        let all = self.0.iter().enumerate().rev();
        all.filter(move |(_, read)| read.from_sut && read.at <= until)
    }

    fn forwards(&self) -> impl Iterator<Item = (usize, &Read)> {
        self.0.iter().enumerate().filter(|(_, read)| read.from_sut)
    }

    /// A member of the payload, or the place where it is missing.
    fn place(&self, frame: usize, path: &str, is_there: bool) -> Place {
        let root = self.0.get(frame).map_or("", |read| read.root);
        let path = path.trim_matches('/');
        let (above, name) = path.rsplit_once('/').unwrap_or(("", path));
        let join = |path: &str| match path {
            "" => root.to_owned(),
            path => format!("{root}/{path}"),
        };
        match is_there {
            true => Place {
                pointer: join(path),
                missing: None,
            },
            false => Place {
                pointer: join(above),
                missing: Some(name.to_owned()),
            },
        }
    }

    /// Where a rule was not kept.
    fn of_rule(&self, text: &str) -> Vec<(usize, Place)> {
        if let Some(found) = self.of_schema(text) {
            return found;
        }
        let errors = self.of_error(text, u64::MAX);
        if !errors.is_empty() {
            return errors;
        }
        let whole = |(frame, _): (usize, &Read)| (frame, self.place(frame, "", true));
        let unreadable = self.forwards().filter(|(_, read)| !read.is_readable);
        if text.contains("no OCPP-J frame") {
            return unreadable.map(whole).collect();
        }
        if let Some(payload) = embedded(text) {
            let same = |(_, read): &(usize, &Read)| *read.payload() == payload;
            let found: Vec<_> = self.forwards().filter(same).map(whole).collect();
            if !found.is_empty() {
                return found;
            }
        }
        self.of_quotes(text)
    }

    /// Where a text breaks a schema: `its answer to A breaks the schema: member p: …`.
    fn of_schema(&self, text: &str) -> Option<Vec<(usize, Place)>> {
        let (subject, what) = text
            .split_once(" breaks the schema: ")
            .or_else(|| text.split_once(" breaks the published schema: "))?;
        let action = subject.rsplit(' ').next()?;
        let is_answer = subject.contains("answer to ");
        let (mut path, mut what) = ("", what);
        if let Some((member, rest)) = what
            .strip_prefix("member ")
            .and_then(|rest| rest.split_once(": "))
        {
            (path, what) = (member, rest);
        } else if let Some((rest, member)) = what.rsplit_once(" (member ") {
            (path, what) = (member.trim_end_matches(')'), rest);
        }
        let missing = what
            .strip_prefix("the member ")
            .and_then(|rest| rest.strip_suffix(" is missing"))
            .or_else(|| what.strip_suffix(" is a required property"))
            .map(|name| name.trim_matches('"'));
        let full = match missing {
            Some(name) if path.is_empty() => name.to_owned(),
            Some(name) => format!("{path}/{name}"),
            None => path.to_owned(),
        };
        let value = |read: &Read| read.json.pointer(&format!("{}/{full}", read.root)).cloned();
        let mut found: Vec<(usize, &Read)> = self
            .forwards()
            .filter(|(_, read)| read.action == action && read.is_answer == is_answer)
            .filter(|(_, read)| full.is_empty() || value(read).is_none() == missing.is_some())
            .collect();
        // The text quotes the value, or says how long it is: others of the same message may be right.
        let said: Vec<(usize, &Read)> = found
            .iter()
            .filter(|(_, read)| value(read).is_some_and(|value| is_spoken_of(what, &value)))
            .copied()
            .collect();
        if !said.is_empty() {
            found = said;
        }
        let place = |(frame, _)| (frame, self.place(frame, &full, missing.is_none()));
        Some(found.into_iter().map(place).collect())
    }

    /// The errors that a text names: all such answers to a message (`… A … with the error E`), or else the last one (`the
    /// answer is the error E`).
    fn of_error(&self, text: &str, until: u64) -> Vec<(usize, Place)> {
        let Some((before, rest)) = text.split_once(" the error ") else {
            return Vec::new();
        };
        let code = rest.split(|letter: char| !letter.is_alphanumeric()).next();
        let errors = self
            .backwards(until)
            .filter(|(_, read)| read.root == "/4" && read.json[2].as_str() == code);
        let place = |(frame, _)| {
            let pointer = "/2".to_owned();
            let missing = None;
            (frame, Place { pointer, missing })
        };
        if before.ends_with(" with") {
            let named = |read: &Read| !read.action.is_empty() && text.contains(&read.action);
            errors.filter(|(_, read)| named(read)).map(place).collect()
        } else {
            errors.take(1).map(place).collect()
        }
    }

    /// The texts that are quoted, where the system under test said them.
    fn of_quotes(&self, text: &str) -> Vec<(usize, Place)> {
        let mut found = Vec::new();
        for quote in quotes(text) {
            for (frame, read) in self.forwards() {
                let mut pointers = Vec::new();
                find(&read.json, &quote, String::new(), &mut pointers);
                let places = pointers.into_iter().map(|pointer| Place {
                    pointer,
                    missing: None,
                });
                found.extend(places.map(|place| (frame, place)));
            }
        }
        // What stands everywhere is not what is meant.
        if found.len() > QUOTED_MAX {
            found.clear();
        }
        found
    }

    /// What a step expected: a call with members, or an answer with a word.
    fn expected(&self, step: usize, text: &str, until: u64) -> Option<Expected> {
        let (action, members, found) = if let Some(rest) = text.strip_prefix("no ") {
            let (call, behind) = rest.split_once(" within ")?;
            let (action, members) = call.split_once(" with ").unwrap_or((call, ""));
            // What came in its place stands behind: `A (p is 1, not 2)`.
            let came = |(_, read): &(usize, &Read)| {
                !read.is_answer && read.action == action && behind.contains(&format!("{action} ("))
            };
            let found = self.backwards(until).find(came);
            (action.to_owned(), self::members(members), found)
        } else {
            let (_, rest) = text.split_once(" answered ")?;
            let (is, rest) = rest.split_once(", not ")?;
            let wanted = rest.split(';').next()?;
            let status = |read: &Read| {
                ["status", "idTagInfo/status"]
                    .into_iter()
                    .find(|path| read.payload().pointer(&format!("/{path}")) == Some(&is.into()))
            };
            let mut answers = self.backwards(until).filter(|(_, read)| read.is_answer);
            let found = answers.find(|(_, read)| status(read).is_some())?;
            let path = status(found.1)?.to_owned();
            let action = format!("answer to {}", found.1.action);
            (action, vec![(path, wanted.to_owned())], Some(found))
        };
        let members = members.into_iter().map(|(path, wanted)| {
            let is = found.and_then(|(_, read)| read.payload().pointer(&format!("/{path}")));
            let is = is.map(Value::to_string);
            let named = match &is {
                Some(is) => text.contains(&format!("{path} is {is}, not ")),
                None => text.contains(&format!("{path} is missing, not ")),
            };
            Wanted {
                differs: found.is_some() && (named || !text.starts_with("no ")),
                path,
                wanted,
                is,
            }
        });
        Some(Expected {
            step,
            frame: found.map(|(frame, _)| frame),
            action,
            members: members.collect(),
        })
    }

    /// Where a body is not as a step wants it: `a.b is 1, not 2; …`, `a.b is missing; …`; or the message that is quoted.
    fn of_body(&self, text: &str, until: u64) -> Vec<(usize, Place)> {
        let errors = self.of_error(text, until);
        if !errors.is_empty() {
            return errors;
        }
        let is_http = |read: &Read| read.root.is_empty() && read.is_readable;
        if let Some((path, rest)) = text.split_once(' ')
            && rest.starts_with("is ")
            && let Some((frame, read)) = self.backwards(until).find(|(_, read)| is_http(read))
        {
            let path = path.replace('.', "/");
            let is_there = read.json.pointer(&format!("/{path}")).is_some();
            if is_there || rest.starts_with("is missing") {
                return vec![(frame, self.place(frame, &path, is_there))];
            }
        }
        // Where something did not come, what is quoted came besides.
        let quoted = embedded(text).filter(|_| !text.starts_with("no "));
        let Some(payload) = quoted else {
            return Vec::new();
        };
        let same = |(_, read): &(usize, &Read)| *read.payload() == payload;
        let found = self.backwards(until).find(same);
        let whole = |(frame, _)| (frame, self.place(frame, "", true));
        found.map(whole).into_iter().collect()
    }
}

/// What stands behind the first line.
pub(super) fn body(raw: &str) -> &str {
    raw.split_once('\n').map_or("", |(_, body)| body)
}

/// Whether the words speak of this value: they quote it or count its characters.
fn is_spoken_of(words: &str, value: &Value) -> bool {
    let length = value.as_str().map(|text| text.chars().count());
    words.contains(&value.to_string())
        || length.is_some_and(|length| words.contains(&format!("got {length} ")))
}

/// The first JSON object with a member in a text.
fn embedded(text: &str) -> Option<Value> {
    let mut starts = text.match_indices('{').map(|(at, _)| at);
    starts.find_map(|at| {
        let values = serde_json::Deserializer::from_str(&text[at..]).into_iter::<Value>();
        let value = values.take(1).find_map(Result::ok)?;
        (!value.as_object()?.is_empty()).then_some(value)
    })
}

/// The texts in quotation marks.
fn quotes(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find('"') {
        let mut values = serde_json::Deserializer::from_str(&rest[at..]).into_iter::<String>();
        let Some(Ok(quote)) = values.next() else {
            break;
        };
        rest = &rest[at + values.byte_offset()..];
        if !quote.is_empty() {
            found.push(quote);
        }
    }
    found
}

/// Where this text is a value.
fn find(json: &Value, wanted: &str, pointer: String, found: &mut Vec<String>) {
    match json {
        Value::String(text) if text == wanted => found.push(pointer),
        Value::Array(elements) => {
            for (index, element) in elements.iter().enumerate() {
                find(element, wanted, format!("{pointer}/{index}"), found);
            }
        }
        Value::Object(members) => {
            for (name, member) in members {
                find(member, wanted, format!("{pointer}/{name}"), found);
            }
        }
        _ => {}
    }
}

/// Members as a step names them: `connectorId 1, status "A" or "B"`.
fn members(text: &str) -> Vec<(String, String)> {
    let (mut parts, mut part) = (Vec::new(), String::new());
    let (mut depth, mut quoted, mut escaped) = (0_usize, false, false);
    for letter in text.chars() {
        match letter {
            '"' if !escaped => quoted = !quoted,
            '[' | '{' if !quoted => depth += 1,
            ']' | '}' if !quoted => depth = depth.saturating_sub(1),
            ',' if !quoted && depth == 0 => {
                parts.push(std::mem::take(&mut part));
                continue;
            }
            _ => {}
        }
        escaped = quoted && letter == '\\' && !escaped;
        part.push(letter);
    }
    parts.push(part);
    let named = parts.iter().filter_map(|part| part.trim().split_once(' '));
    named
        .map(|(path, wanted)| (path.to_owned(), wanted.to_owned()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::scenario;

    fn failed(frames: &[(&'static str, &str)], step: &str, error: &str) -> ScenarioReport {
        let mut scenario = scenario(&["csms"], Status::Failed, frames);
        scenario.steps.push(StepReport {
            text: step.into(),
            status: Status::Failed,
            error: Some(error.into()),
            started_ms: 0,
            ended_ms: 1,
            started_us: 1,
            line: 0,
        });
        scenario
    }

    const RULE: &str = "(in every scenario) a-rule";

    /// Frame and pointer of each mark, a missing member behind a `-`.
    fn marked(frames: &[(&'static str, &str)], step: &str, error: &str) -> Vec<(usize, String)> {
        let evidence = Evidence::of(&failed(frames, step, error));
        let shown = evidence.marks.into_iter().map(|mark| {
            let missing = mark.place.missing.map(|name| format!("-{name}"));
            let pointer = mark.place.pointer + &missing.unwrap_or_default();
            (mark.frame, pointer)
        });
        shown.collect()
    }

    const AUTHORIZE: (&str, &str) = ("to_sut", r#"[2,"1","Authorize",{"idTag":"A"}]"#);
    const BAD: (&str, &str) = ("from_sut", r#"[3,"1",{"idTagInfo":{"status":"Blokked"}}]"#);
    const RESET: (&str, &str) = ("from_sut", r#"[2,"9","Reset",{"type":"Soft"}]"#);

    #[test]
    fn a_breach_of_the_schema_marks_the_member_that_it_names() {
        let good = ("from_sut", r#"[3,"0",{"idTagInfo":{"status":"Accepted"}}]"#);
        let other = ("to_sut", r#"[2,"0","Authorize",{"idTag":"B"}]"#);
        let frames = [other, good, AUTHORIZE, BAD];
        let error = "its answer to Authorize breaks the schema: member idTagInfo/status: \"Blokked\" is not a defined \
                     value of AuthorizationStatus";
        assert_eq!(
            marked(&frames, RULE, error),
            [(3, "/2/idTagInfo/status".into())]
        );
        let error = "its answer to Authorize breaks the published schema: \"Blokked\" is not one of A (member \
                     idTagInfo/status)";
        assert_eq!(
            marked(&frames, RULE, error),
            [(3, "/2/idTagInfo/status".into())]
        );
        let error = "its Reset breaks the schema: the member kind is missing";
        assert_eq!(marked(&[RESET], RULE, error), [(0, "/3-kind".into())]);
        let error = "its Reset breaks the published schema: \"kind\" is a required property";
        assert_eq!(marked(&[RESET], RULE, error), [(0, "/3-kind".into())]);
    }

    #[test]
    fn a_step_that_saw_another_value_has_what_is_expected_beside_what_came() {
        let error = "no Reset with type \"Hard\", note [\"a, b\"] or left out within 5 s; the CSMS sent Reset (type is \
                     \"Soft\", not \"Hard\")";
        let evidence = Evidence::of(&failed(&[RESET], "Then x", error));
        let expected = &evidence.expected[0];
        assert_eq!(
            (expected.action.as_str(), expected.frame),
            ("Reset", Some(0))
        );
        let members: Vec<(&str, &str, Option<&str>, bool)> = expected
            .members
            .iter()
            .map(|member| {
                (
                    member.path.as_str(),
                    member.wanted.as_str(),
                    member.is.as_deref(),
                    member.differs,
                )
            })
            .collect();
        assert_eq!(
            members,
            [
                ("type", "\"Hard\"", Some("\"Soft\""), true),
                ("note", "[\"a, b\"] or left out", None, false)
            ]
        );
        assert_eq!(evidence.marks.len(), 1);
        assert_eq!(evidence.marks[0].place.pointer, "/3/type");
        // Nothing of the kind came.
        let error = "no Reset with type \"Hard\" within 5 s; the CSMS sent nothing else";
        let evidence = Evidence::of(&failed(&[RESET], "Then x", error));
        assert_eq!(evidence.expected[0].frame, None);
        assert_eq!(evidence.marks, []);
    }

    #[test]
    fn the_answer_with_the_wrong_word_is_marked() {
        let frames = [AUTHORIZE, BAD];
        let error = "the CSMS answered Blokked, not Blocked";
        assert_eq!(
            marked(&frames, "Then x", error),
            [(1, "/2/idTagInfo/status".into())]
        );
        let error = "its answer {\"idTagInfo\":{\"status\":\"Blokked\"}} has no status";
        assert_eq!(marked(&frames, "Then x", error), [(1, "/2".into())]);
        let error = "no Heartbeat within 5 s; the CSMS sent Reset {\"type\":\"Soft\"}";
        assert_eq!(marked(&[RESET], "Then x", error), []);
        // What came later, or from the rig, is not meant.
        let mut late = failed(&frames, "Then x", error);
        late.frames[1].at = 10;
        assert_eq!(Evidence::of(&late).marks, []);
    }

    #[test]
    fn an_error_is_marked_by_its_code_where_it_answers_the_message_that_is_named() {
        let call = |id: &str, action: &str| format!(r#"[2,"{id}","{action}",{{"a":1}}]"#);
        let error = |id: &str| format!(r#"[4,"{id}","InternalError","",{{}}]"#);
        let texts = [
            call("1", "MeterValues"),
            error("1"),
            call("2", "MeterValues"),
            error("2"),
            call("3", "Heartbeat"),
            error("3"),
        ];
        let ways = ["to_sut", "from_sut"].into_iter().cycle();
        let frames: Vec<_> = ways.zip(texts.iter().map(String::as_str)).collect();
        let code = |frame| (frame, "/2".to_owned());
        let each =
            r#"the CSMS answered MeterValues {"a":1} with the error InternalError; and 1 more"#;
        assert_eq!(marked(&frames, "Then x", each), [code(3), code(1)]);
        let breach = "it answered Heartbeat with the error InternalError (\"\"), not with a result";
        assert_eq!(marked(&frames, RULE, breach), [code(5)]);
        let last = "the answer is the error InternalError (\"\")";
        assert_eq!(marked(&frames, "Then x", last), [code(5)]);
        let other = "it reports Faulted with the error code NoError";
        assert_eq!(marked(&frames, RULE, other), []);
    }

    #[test]
    fn a_rule_without_a_member_marks_what_it_quotes_and_what_cannot_be_read() {
        let frames = [("from_sut", "hello"), RESET];
        let error = "it sent something that is no OCPP-J frame: no JSON [1.6J §4.2]";
        assert_eq!(marked(&frames, RULE, error), [(0, String::new())]);
        let error = "its Reset uses the message id \"9\" again";
        assert_eq!(marked(&frames, RULE, error), [(1, "/1".into())]);
        let many = [RESET; 6];
        assert_eq!(marked(&many, RULE, error), []);
    }

    #[test]
    fn a_body_of_the_rest_api_is_marked_by_its_path() {
        let mut scenario = failed(
            &[("from_sut", "200\n{\"a\":{\"b\":2}}")],
            "Then x",
            "a.b is 2, not 1; GET /x was answered 200",
        );
        scenario.frames[0].http = Some(crate::wire::entry::HttpHead {
            who: "rig".into(),
            method: "GET".into(),
            path: "/x".into(),
            status: Some(200),
        });
        assert_eq!(Evidence::of(&scenario).marks[0].place.pointer, "/a/b");
    }
}
