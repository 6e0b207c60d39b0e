//! What a scripted peer answers: what a step has said, and where none has, what it answers by itself.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::time::Duration;

use dynamo_protocol::time;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::Value;

/// An answer as it will stand on the wire, or none.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    Result(Value),
    Error {
        code: &'static str,
    },
    /// A step of the scenario answers.
    Held,
}

/// How long an answer takes where no step says otherwise.
const DELAY_MIN: Duration = Duration::from_millis(30);
const DELAY_MAX: Duration = Duration::from_millis(70);

/// What a peer answers by itself.
pub(crate) trait Answers: Send {
    /// The answer to a call.
    fn answer(&mut self, action: &str, payload: &Value) -> Answer;
}

/// The answers of a scripted peer.
pub(crate) struct Script {
    /// Answers for the next calls of an action, used up one by one.
    once: VecDeque<(String, Answer)>,
    /// Answers for all calls of an action.
    always: BTreeMap<String, Answer>,
    /// How long an answer takes, the shortest and the longest: a peer that does not wait for it is seen.
    pub(crate) delay: (Duration, Duration),
    /// How it writes the time.
    pub(crate) clock: fn() -> String,
    random: StdRng,
    /// The calls that steps are about to see, action and members: a step answers them.
    pub(crate) awaited: Vec<(String, Value)>,
    by_itself: Box<dyn Answers>,
}

impl fmt::Debug for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Script").finish_non_exhaustive()
    }
}

impl Script {
    /// `seed` decides how long each answer takes.
    pub(crate) fn new(by_itself: Box<dyn Answers>, seed: u64) -> Self {
        Self {
            once: VecDeque::new(),
            always: BTreeMap::new(),
            delay: (DELAY_MIN, DELAY_MAX),
            clock: now,
            random: StdRng::seed_from_u64(seed),
            awaited: Vec::new(),
            by_itself,
        }
    }

    /// The next call of this action gets this answer.
    pub(crate) fn answer_once(&mut self, action: &str, answer: Answer) {
        self.once.push_back((action.to_owned(), answer));
    }

    /// Every call of this action gets this answer.
    pub(crate) fn answer_always(&mut self, action: &str, answer: Answer) {
        self.always.insert(action.to_owned(), answer);
    }

    /// How long the next answer takes.
    pub(crate) fn delay(&mut self) -> Duration {
        let (least, most) = self.delay;
        self.random.random_range(least..=most)
    }

    /// The answer to a call.
    pub(crate) fn answer(&mut self, action: &str, payload: &Value) -> Answer {
        if let Some(index) = self.once.iter().position(|(wanted, _)| wanted == action)
            && let Some((_, answer)) = self.once.remove(index)
        {
            return self.of_now(answer);
        }
        if let Some(answer) = self.always.get(action) {
            return self.of_now(answer.clone());
        }
        let mut awaited = self.awaited.iter();
        match awaited.position(|awaited| is_awaited(awaited, action, payload)) {
            Some(index) => {
                self.awaited.remove(index);
                Answer::Held
            }
            None => {
                let answer = self.by_itself.answer(action, payload);
                self.of_now(answer)
            }
        }
    }

    /// An answer tells the time of its sending, as this peer writes it.
    fn of_now(&self, mut answer: Answer) -> Answer {
        if let Answer::Result(payload) = &mut answer
            && let Some(time) = payload.get_mut("currentTime")
        {
            *time = (self.clock)().into();
        }
        answer
    }
}

/// The order of a step names some members; the peer may add others.
fn is_awaited((wanted, members): &(String, Value), action: &str, payload: &Value) -> bool {
    let same = |(name, value): (&String, &Value)| is_the_same(value, payload.get(name));
    wanted == action
        && members
            .as_object()
            .is_none_or(|members| members.iter().all(same))
}

/// Whether a member is the ordered one: texts have no case [1.6 §7.17, §7.28], a list may hold more, and `null` stands
/// for what is not there, or is an empty list.
fn is_the_same(wanted: &Value, is: Option<&Value>) -> bool {
    match (wanted, is) {
        (Value::Null, is) => is.is_none_or(|is| is.as_array().is_some_and(Vec::is_empty)),
        (Value::String(wanted), Some(Value::String(is))) => wanted.eq_ignore_ascii_case(is),
        (Value::Array(wanted), Some(Value::Array(is))) => wanted
            .iter()
            .all(|wanted| is.iter().any(|is| is_the_same(wanted, Some(is)))),
        (wanted, is) => is == Some(wanted),
    }
}

/// Now, five hours and a half east of Greenwich.
pub(crate) fn now_in_the_east() -> String {
    const EAST_S: i32 = 19_800;
    let now = jiff::Timestamp::now();
    let east = jiff::tz::Offset::from_seconds(EAST_S).unwrap_or(jiff::tz::Offset::UTC);
    format!("{:.3}", now.display_with_offset(east))
}

/// Now, without fractions of a second.
pub(crate) fn now_in_whole_seconds() -> String {
    format!("{:.0}", jiff::Timestamp::now())
}

/// Now, with more digits than a charge point needs.
pub(crate) fn now_with_seven_decimals() -> String {
    format!("{:.7}", jiff::Timestamp::now())
}

/// Now, as the rig writes it.
pub(crate) fn now() -> String {
    minutes_ago(0)
}

/// The time, some minutes ago, as the rig writes it.
pub(crate) fn minutes_ago(minutes: i64) -> String {
    time::text(jiff::Timestamp::now().as_millisecond() - minutes * 60_000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_time_has_as_many_digits_as_it_should() {
        assert_eq!(now_in_whole_seconds().len(), "2026-01-01T00:00:00Z".len());
        let seven = "2026-01-01T00:00:00.0000000Z";
        assert_eq!(now_with_seven_decimals().len(), seven.len());
    }

    struct Silent;

    impl Answers for Silent {
        fn answer(&mut self, _: &str, _: &Value) -> Answer {
            Answer::Error { code: "Silent" }
        }
    }

    #[test]
    fn what_a_step_says_comes_before_the_rest() {
        let mut script = Script::new(Box::new(Silent), 0);
        script.answer_once("A", Answer::Result(json!({"n": 1})));
        script.answer_always("A", Answer::Result(json!({"n": 2})));
        let mut next = || match script.answer("A", &json!({})) {
            Answer::Result(value) => value["n"].as_i64(),
            other => panic!("{other:?}"),
        };
        assert_eq!((next(), next(), next()), (Some(1), Some(2), Some(2)));
        script.awaited.push(("B".into(), json!({"x": 1})));
        let mut answer = |payload: Value| script.answer("B", &payload);
        assert!(matches!(answer(json!({"x": 2})), Answer::Error { .. }));
        assert!(matches!(answer(json!({"x": 1, "y": 2})), Answer::Held));
        assert!(
            matches!(answer(json!({"x": 1})), Answer::Error { .. }),
            "used up"
        );
    }

    #[test]
    fn an_ordered_command_is_known_in_any_case_and_not_mistaken_for_a_question_of_the_peer() {
        let is = |members: Value, payload: Value| {
            is_awaited(
                &("GetConfiguration".into(), members),
                "GetConfiguration",
                &payload,
            )
        };
        assert!(is(json!({"key": ["A", "B"]}), json!({"key": ["a", "B"]})));
        assert!(is(json!({"key": ["A"]}), json!({"key": ["B", "a"]})));
        assert!(!is(json!({"key": ["A", "B"]}), json!({"key": ["A"]})));
        assert!(is(json!({"key": null}), json!({"key": []})));
        assert!(is(json!({"key": null}), json!({})));
        assert!(!is(json!({"key": null}), json!({"key": ["A"]})));
        assert!(is(json!({}), json!({"connectorId": 1})));
        assert!(!is(json!({"connectorId": 2}), json!({"connectorId": 1})));
    }
}
