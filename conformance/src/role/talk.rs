//! One line as a scenario sees it: what it sends, what it waits for, and what it remembers of both.

use crate::watch::expected::Allowance;
use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant, SystemTime};

use dynamo_protocol::trace::Direction;
use serde_json::Value;

use crate::case::side::Side;
use crate::failure::{Failure, StepResult};
use crate::watch::expected::{Expected, Order};
use crate::wire::entry::{Entry, EntryKind, Message};
use crate::wire::line::{Line, Log};
use crate::words::span;

/// How long a scenario listens after its last answer.
const AFTERTHOUGHT: Duration = Duration::from_millis(100);

/// The longest watch that a slow effect asks for.
const WATCH_MAX: Duration = Duration::from_secs(15);

/// A call of the system under test that a step has found.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) id: String,
    pub(crate) payload: Value,
    pub(crate) at: SystemTime,
    /// Its place in the record: its id means nothing on another connection [1.6J §4.1.4].
    pub(crate) index: usize,
}

impl Seen {
    /// What it was answered with, once it is.
    pub(crate) fn answer<'a>(&self, log: &'a Log) -> Option<&'a Message> {
        log.entries[self.answered_at(log)?].frame(Direction::ToSut)
    }

    /// The place of its answer, once there is one.
    fn answered_at(&self, log: &Log) -> Option<usize> {
        let later = log.entries.iter().enumerate().skip(self.index + 1);
        let mut same_line = later.take_while(|(_, entry)| !matches!(entry.kind, EntryKind::Opened));
        let is_it = |entry: &Entry| match entry.frame(Direction::ToSut) {
            None | Some(Message::Call { .. }) => false,
            Some(answer) => answer.id() == Some(&self.id),
        };
        same_line.find_map(|(index, entry)| is_it(entry).then_some(index))
    }
}

/// One line of a scenario, and what the scenario remembers of it.
#[derive(Debug)]
pub(crate) struct Talk {
    pub(crate) line: Line,
    /// Who is at the other end.
    pub(crate) side: Side,
    /// How long an expected message may take.
    pub(crate) patience: Duration,
    /// How long the line is watched, at least, for what should not come.
    pub(crate) settle: Duration,
    /// The longest time from an act to what a step saw of it.
    slowest: Duration,
    /// What is seen now shows how fast the system under test is: not where its network is away.
    pub(crate) measures: bool,
    /// When the last act began, and where in the record.
    act: Instant,
    act_from: usize,
    /// Calls that the scenario allows without demanding them.
    pub(crate) allowed: Vec<Allowance>,
    /// Ids of our calls that may be answered with a CALLERROR.
    pub(crate) errors_expected: HashSet<String>,
    /// Ids of our calls that stay without an answer: nobody waits for it at the end.
    pub(crate) silence_expected: HashSet<String>,
    /// Our last call: id and action.
    pub(crate) last_call: Option<(String, String)>,
    /// Our call before the last one, where a scenario sends two at once.
    pub(crate) earlier_call: Option<String>,
    /// Positions in the log that later steps look back to.
    pub(crate) marks: HashMap<&'static str, usize>,
    /// When those points were.
    pub(crate) acted: HashMap<&'static str, SystemTime>,
    /// The transaction that the scenario speaks of.
    pub(crate) transaction: Option<i64>,
    /// Payloads that may have to be told again, by action.
    pub(crate) told: HashMap<&'static str, Value>,
}

impl Talk {
    pub(crate) fn new(line: Line, side: Side, patience: Duration, settle: Duration) -> Self {
        Self {
            line,
            side,
            patience,
            settle,
            slowest: Duration::ZERO,
            measures: true,
            act: Instant::now(),
            act_from: 0,
            allowed: Vec::new(),
            errors_expected: HashSet::new(),
            silence_expected: HashSet::new(),
            last_call: None,
            earlier_call: None,
            marks: HashMap::new(),
            acted: HashMap::new(),
            transaction: None,
            told: HashMap::new(),
        }
    }

    /// Allows a call without demanding it, once, from the last act on.
    pub(crate) fn allow(&mut self, expected: Expected) {
        self.allow_times(expected, 1);
    }

    /// Allows a call so often.
    pub(crate) fn allow_times(&mut self, expected: Expected, times: usize) {
        let from = self.act_from;
        self.allowed.push(Allowance {
            expected,
            from,
            times,
        });
    }

    /// What comes from now on is what the next steps speak of: an effect does not come before its cause.
    pub(crate) fn begin_act(&mut self) {
        self.act = Instant::now();
        let mut log = self.line.log();
        log.cursor = log.entries.len();
        log.cursor_before = log.cursor;
        let from = log.cursor;
        drop(log);
        self.act_from = from;
    }

    /// Remembers this point of the record under a name.
    pub(crate) fn mark(&mut self, name: &'static str) {
        let index = self.line.log().entries.len();
        self.marks.insert(name, index);
        self.acted.insert(name, SystemTime::now());
    }

    /// Waits for a call of the system under test.
    pub(crate) async fn expect(
        &mut self,
        order: Order,
        expected: &Expected,
    ) -> Result<Seen, Failure> {
        self.expect_within(order, expected, self.patience).await
    }

    /// Waits for a call of the system under test, no longer than this.
    pub(crate) async fn expect_within(
        &mut self,
        order: Order,
        expected: &Expected,
        patience: Duration,
    ) -> Result<Seen, Failure> {
        let found = self.look_for(order, expected, patience).await;
        found.ok_or_else(|| Failure::new(self.missing(order, expected, patience)))
    }

    /// The same; `None` when it did not come.
    pub(crate) async fn look_for(
        &mut self,
        order: Order,
        expected: &Expected,
        patience: Duration,
    ) -> Option<Seen> {
        let look = |log: &mut Log| {
            let from = log.from(order == Order::Next);
            let fits = |entry: &Entry| {
                let call = entry.call_from_sut();
                !entry.consumed
                    && call.is_some_and(|(_, action, payload)| expected.matches(action, payload))
            };
            let index = log.entries.iter().skip(from).position(fits)? + from;
            if order == Order::Next {
                log.cursor_before = log.cursor;
                log.cursor = index + 1;
            }
            let entry = &mut log.entries[index];
            entry.consumed = true;
            let at = entry.at;
            let (id, _, payload) = entry.call_from_sut()?;
            Some(Seen {
                id: id.to_owned(),
                payload: payload.clone(),
                at,
                index,
            })
        };
        let seen = self.line.wait(patience, look).await;
        if seen.is_some() && self.measures {
            self.slowest = self.slowest.max(self.act.elapsed());
        }
        seen
    }

    /// Waits until a call of the system under test is answered: only then may it know what comes of it.
    /// Gives the place of the answer.
    pub(crate) async fn answered(&self, seen: &Seen) -> Result<usize, Failure> {
        let answered = self.line.wait(self.patience, |log| seen.answered_at(log));
        let missing = || Failure::new("the rig did not answer it");
        answered.await.ok_or_else(missing)
    }

    /// Why an expected call counts as missing, with what came instead.
    pub(crate) fn missing(&self, order: Order, expected: &Expected, patience: Duration) -> String {
        let log = self.line.log();
        if let Some(flood) = log.flood() {
            return flood;
        }
        let from = log.from(order == Order::Next).min(log.entries.len());
        let came: Vec<String> = log.entries[from..]
            .iter()
            .filter(|entry| !entry.consumed)
            .filter_map(|entry| {
                let (_, action, payload) = entry.call_from_sut()?;
                let why = (action == expected.action())
                    .then(|| expected.mismatch(payload))
                    .flatten();
                Some(match why {
                    Some(why) => format!("{action} ({why})"),
                    None => format!("{action} {payload}"),
                })
            })
            .collect();
        let instead = if came.is_empty() {
            "nothing else".to_owned()
        } else {
            came.join("; ")
        };
        let line = if log.connected {
            ""
        } else {
            " (the line is down)"
        };
        let side = self.side.name();
        format!(
            "no {expected} within {}{line}; the {side} sent {instead}",
            span(patience)
        )
    }

    /// How long to watch for what should not come: what the step says, but no shorter than three times what the
    /// slowest effect of an act took here, nor than the user wants.
    fn watch(&self, least: Duration) -> Duration {
        let measured = (self.slowest * 3).min(WATCH_MAX);
        least.max(self.settle).max(measured)
    }

    /// Makes sure that no such call comes for so long after our last message, and no longer: what comes after it is
    /// another matter.
    pub(crate) async fn expect_none_for(
        &self,
        length: Duration,
        unwanted: impl Fn(&str, &Value) -> bool,
    ) -> StepResult {
        let (from, end) = {
            let log = self.line.log();
            let mut ours = log.entries.iter().rev();
            let last = ours.find(|entry| entry.frame(Direction::ToSut).is_some());
            let begin = last.map_or_else(SystemTime::now, |entry| entry.at);
            (log.cursor, begin + length)
        };
        let left = end.duration_since(SystemTime::now()).unwrap_or_default();
        self.none(from, left, |entry| entry.at <= end, unwanted)
            .await
    }

    /// Makes sure that no such call comes for a while, at least this long.
    pub(crate) async fn expect_none(
        &self,
        least: Duration,
        unwanted: impl Fn(&str, &Value) -> bool,
    ) -> StepResult {
        let from = self.line.log().cursor;
        self.none(from, self.watch(least), |_| true, unwanted).await
    }

    async fn none(
        &self,
        from: usize,
        patience: Duration,
        counts: impl Fn(&Entry) -> bool,
        unwanted: impl Fn(&str, &Value) -> bool,
    ) -> StepResult {
        let found = self.line.wait(patience, |log| {
            log.entries.iter().skip(from).find_map(|entry| {
                let (_, action, payload) = entry.call_from_sut()?;
                (!entry.consumed && counts(entry) && unwanted(action, payload))
                    .then(|| format!("{action} {payload}"))
            })
        });
        match found.await {
            Some(call) => Err(Failure::new(format!("it sent {call}"))),
            None => Ok(()),
        }
    }

    /// Sends a call to the system under test; later steps speak of its answer.
    pub(crate) async fn command(&mut self, action: &str, payload: Value) {
        self.begin_act();
        let id = self.line.call(action, &payload).await;
        self.last_call = Some((id, action.to_owned()));
    }

    /// Sends a call that may be answered with a CALLERROR.
    pub(crate) async fn command_that_may_fail(&mut self, action: &str, payload: Value) {
        self.command(action, payload).await;
        self.errors_expected
            .extend(self.last_call.clone().map(|(id, _)| id));
    }

    /// The payload of our last call.
    pub(crate) fn last_call_payload(&self) -> Result<Value, Failure> {
        let missing = || Failure::new("no call was sent before this step");
        let (wanted, _) = self.last_call.as_ref().ok_or_else(missing)?;
        let log = self.line.log();
        let calls = log.entries.iter().rev().filter_map(Entry::call_to_sut);
        calls
            .filter(|(id, _, _)| id == wanted)
            .map(|(_, _, payload)| payload.clone())
            .next()
            .ok_or_else(missing)
    }

    /// The answer to our last call.
    pub(crate) async fn answer(&mut self) -> Result<Message, Failure> {
        let (id, action) = self
            .last_call
            .clone()
            .ok_or_else(|| Failure::new("no call was sent before this step"))?;
        let found = self.line.wait(self.patience, |log| {
            let Some(index) = log.answer_to(&id) else {
                // Nothing comes any more on a line that is down.
                return (!log.connected).then_some(None);
            };
            log.entries[index].consumed = true;
            Some(log.entries[index].frame(Direction::FromSut).cloned())
        });
        let found = found.await;
        let is_down = matches!(found, Some(None));
        found.flatten().ok_or_else(|| {
            let flood = self.line.log().flood();
            Failure::new(flood.unwrap_or_else(|| {
                if is_down {
                    format!("{action} was not answered: the connection has ended")
                } else {
                    format!("{action} was not answered within {}", span(self.patience))
                }
            }))
        })
    }

    /// The payload of the answer to our last call.
    pub(crate) async fn result(&mut self) -> Result<Value, Failure> {
        match self.answer().await? {
            Message::Result { payload, .. } => Ok(payload),
            other => Err(Failure::new(format!("the answer is {other}"))),
        }
    }

    /// Asks for a last answer with `fence`, so that everything the system under test had to say before it is on
    /// record, and waits for answers that are still owed.
    pub(crate) async fn settle(&mut self, fence: Option<(&str, Value)>) {
        if self.line.log().flood().is_some() {
            return;
        }
        if let Some((action, payload)) = fence
            && self.line.log().connected
        {
            self.line
                .note("rig: a last question, so that everything before it is on record");
            self.line.call(action, &payload).await;
        }
        self.line
            .wait(self.patience, |log| {
                let is_owed = |id: &str| !self.silence_expected.contains(id);
                let is_open = log.unanswered_calls().any(is_owed);
                (log.answers_pending == 0 && !is_open).then_some(())
            })
            .await;
        // A queue of the system under test may be behind its answers: give it a moment to say more. What comes
        // later goes unseen; nothing fails because it did not come.
        let entries = self.line.log().entries.len();
        let is_frame = |entry: &Entry| matches!(entry.kind, EntryKind::Frame { .. });
        self.line
            .wait(AFTERTHOUGHT, |log| {
                log.entries[entries..].iter().any(is_frame).then_some(())
            })
            .await;
        self.owe_nothing().await;
    }

    /// Waits until our answers are on the line.
    pub(crate) async fn owe_nothing(&self) {
        self.line
            .wait(self.patience, |log| {
                (log.answers_pending == 0).then_some(())
            })
            .await;
    }
}
