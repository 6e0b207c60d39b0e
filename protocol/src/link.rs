//! The line between two peers, without the socket.
//!
//! A [`Link`] decides which answer belongs to which call, that one call is open per direction
//! [1.6J §4.1.1], what has timed out, and what is late, doubled or unknown. It is driven by whoever owns the
//! socket: texts go in through [`Link::receive`], texts to send come out of [`Link::answer`] and
//! [`Link::poll_transmit`], and [`Link::next_deadline`] says when [`Link::expire`] is wanted.
//!
//! Both real ends of this workspace drive this one type. The judge's scripted peers do not: they must be
//! able to break these rules.
//!
//! Invariant: every tag given to [`Link::call`] comes back exactly once, from [`Link::receive`],
//! [`Link::expire`] or [`Link::disconnect`].

use std::borrow::Cow;
use std::collections::{HashMap, VecDeque};

use crate::frame::{self, Parsed};
use crate::{CallError, ErrorCode, MESSAGE_BYTES_MAX, MessageId, Millis, RawValue, Version};

/// Bytes of the peer's calls that may be unanswered at the same time: whoever owns the socket does not read while they
/// are reached ([`Link::has_room`]). A peer should have one call open [1.6J §4.1.1]; one that does not wait loses
/// nothing.
pub const INBOUND_BYTES_MAX: usize = 2 * MESSAGE_BYTES_MAX;

/// The same as a number of calls, because each of them costs some memory however short it is.
pub const INBOUND_CALLS_MAX: usize = 1024;

/// Timed-out calls that are remembered, to tell a late answer from an unknown one.
const LATE_REMEMBERED_MAX: usize = 8;

/// What does not change during the life of a line.
#[derive(Clone, Copy, Debug)]
pub struct LinkConfig {
    /// The version both ends agreed on.
    pub version: Version,
    /// How long a call may stay without an answer, in milliseconds.
    pub call_timeout_ms: Millis,
    /// Own calls that may wait for the open one; [`Link::call`] refuses more.
    pub queue_calls_max: usize,
    /// Makes the message ids of this line different from those of the lines before it.
    pub id_seed: u64,
}

/// One end of a line. `T` is what the owner wants back with the answer of a call.
#[derive(Debug)]
pub struct Link<T> {
    config: LinkConfig,
    next_number: u64,
    open: Option<OpenCall<T>>,
    queue: VecDeque<QueuedCall<T>>,
    /// The open calls of the peer and the bytes of each.
    inbound: HashMap<MessageId, usize>,
    inbound_bytes: usize,
    timed_out: VecDeque<u64>,
}

#[derive(Debug)]
struct OpenCall<T> {
    tag: T,
    number: u64,
    deadline_ms: Millis,
}

#[derive(Debug)]
struct QueuedCall<T> {
    tag: T,
    action: &'static str,
    payload: String,
    timeout_ms: Millis,
}

/// What a received text means.
#[derive(Debug)]
pub enum Received<'a, T> {
    /// The peer wants something; it is owed one [`Link::answer`].
    Call {
        /// To be given to [`Link::answer`].
        id: MessageId,
        /// The name of the action, known or not.
        action: Cow<'a, str>,
        /// The unparsed payload.
        payload: &'a RawValue,
    },
    /// The open call is answered; by a frame in no form, or whose id has lost its end, with the payload `null`.
    Answer {
        /// What [`Link::call`] was given.
        tag: T,
        /// The payload of the `CALLRESULT`, or the `CALLERROR`.
        result: Result<&'a RawValue, CallError>,
        /// What is wrong with the frame, where something is.
        flaw: Option<String>,
    },
    /// An answer that nobody waits for. To be dropped.
    Stray(Stray),
    /// A text that breaks the rules of the line.
    Refused {
        /// What to send back, where the specification leaves something to send.
        reply: Option<String>,
        /// What is wrong, for the log.
        reason: String,
    },
}

impl<T> Received<'_, T> {
    /// An answer that says nothing. `null` fits no schema.
    const fn unreadable(tag: T, reason: String) -> Self {
        Self::Answer {
            tag,
            result: Ok(RawValue::NULL),
            flaw: Some(reason),
        }
    }
}

/// Why an answer is not wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stray {
    /// Its call had timed out.
    Late,
    /// Its call was answered before.
    Double,
    /// There was no such call.
    Unknown,
}

/// The queue of [`Link::call`] is full; the tag comes back.
#[derive(Debug)]
pub struct QueueFull<T>(pub T);

impl<T> Link<T> {
    /// A line without open calls.
    #[must_use]
    pub fn new(config: LinkConfig) -> Self {
        Self {
            config,
            next_number: 1,
            open: None,
            queue: VecDeque::new(),
            inbound: HashMap::new(),
            inbound_bytes: 0,
            timed_out: VecDeque::new(),
        }
    }

    /// Puts a call at the end of the queue. [`Link::poll_transmit`] gives its text when it is its turn.
    ///
    /// # Errors
    /// When [`LinkConfig::queue_calls_max`] calls wait already.
    pub fn call(
        &mut self,
        tag: T,
        action: &'static str,
        payload: String,
    ) -> Result<(), QueueFull<T>> {
        self.call_within(tag, action, payload, self.config.call_timeout_ms)
    }

    /// The same for a call that may stay without an answer for this many milliseconds from the moment it is sent.
    ///
    /// # Errors
    /// As [`Link::call`].
    pub fn call_within(
        &mut self,
        tag: T,
        action: &'static str,
        payload: String,
        timeout_ms: Millis,
    ) -> Result<(), QueueFull<T>> {
        if self.queue.len() >= self.config.queue_calls_max {
            return Err(QueueFull(tag));
        }
        self.queue.push_back(QueuedCall {
            tag,
            action,
            payload,
            timeout_ms,
        });
        Ok(())
    }

    /// The text of the next call, if none is open. To be asked after everything else.
    pub fn poll_transmit(&mut self, now_ms: Millis) -> Option<String> {
        if self.open.is_some() {
            return None;
        }
        let QueuedCall {
            tag,
            action,
            payload,
            timeout_ms,
        } = self.queue.pop_front()?;
        let number = self.next_number;
        self.next_number += 1;
        let deadline_ms = now_ms.saturating_add(timeout_ms);
        self.open = Some(OpenCall {
            tag,
            number,
            deadline_ms,
        });
        Some(frame::call(&self.id_text(number), action, &payload))
    }

    /// Takes one WebSocket text message.
    pub fn receive<'a>(&mut self, text: &'a str) -> Received<'a, T> {
        match frame::parse(text, self.config.version) {
            Parsed::Call {
                id,
                action,
                payload,
            } => match self.admit(&id, text.len()) {
                Ok(()) => Received::Call {
                    id,
                    action,
                    payload,
                },
                Err(refused) => refused,
            },
            Parsed::Result { id, payload } => self.settle(&id, Ok(payload)),
            Parsed::Error { id, error } => self.settle(&id, Err(error)),
            Parsed::Broken { answer_to, reason } => {
                // An answer to the open call, in no form: nothing better will come.
                let answer = frame::broken_answer(text)
                    .and_then(|answer| self.take_answered(answer.id.as_ref()));
                if let Some(open) = answer {
                    return Received::unreadable(open.tag, reason);
                }
                // What has this id and can be read is answered, and only once.
                let answer_to = answer_to.filter(|id| !self.inbound.contains_key(id));
                Received::Refused {
                    reply: answer_to.map(|id| frame::refusal(&id, &reason, self.config.version)),
                    reason,
                }
            }
        }
    }

    /// The text that answers a call of the peer; `None` when that call is not open (any more).
    pub fn answer(&mut self, id: &MessageId, result: Result<&str, &CallError>) -> Option<String> {
        self.inbound_bytes -= self.inbound.remove(id)?;
        Some(match result {
            Ok(payload) => frame::result(id.as_str(), payload),
            Err(error) => frame::error(id.as_str(), error, self.config.version),
        })
    }

    /// When [`Link::expire`] is wanted, if nothing comes before.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Millis> {
        self.open.as_ref().map(|open| open.deadline_ms)
    }

    /// The tag of the open call, if its time is over. Its answer is [`Stray::Late`] from now on.
    pub fn expire(&mut self, now_ms: Millis) -> Option<T> {
        let open = self.open.take_if(|open| open.deadline_ms <= now_ms)?;
        if self.timed_out.len() == LATE_REMEMBERED_MAX {
            self.timed_out.pop_front();
        }
        self.timed_out.push_back(open.number);
        Some(open.tag)
    }

    /// The socket is gone: the tags of the open and of all waiting calls, oldest first. Calls of the peer that
    /// are still being worked on will find nobody to answer.
    pub fn disconnect(&mut self) -> Vec<T> {
        self.inbound.clear();
        self.inbound_bytes = 0;
        self.end_calls()
    }

    /// No more answers are read: the tags of the open and of all waiting calls, oldest first. Calls of the peer can
    /// still be answered.
    pub fn end_calls(&mut self) -> Vec<T> {
        self.open
            .take()
            .map(|open| open.tag)
            .into_iter()
            .chain(self.queue.drain(..).map(|q| q.tag))
            .collect()
    }

    /// Whether no call is open or waiting in either direction.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        self.open.is_none() && self.queue.is_empty() && self.inbound.is_empty()
    }

    /// Calls of the peer that are owed an answer.
    #[must_use]
    pub fn calls_owed(&self) -> usize {
        self.inbound.len()
    }

    /// Own calls that are open or waiting.
    #[must_use]
    pub fn calls_pending(&self) -> usize {
        usize::from(self.open.is_some()) + self.queue.len()
    }

    /// Whether the peer may send another call. While there is no room the socket is not to be read: then the peer
    /// waits, and nothing is refused. What is read all the same is refused.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.inbound.len() < INBOUND_CALLS_MAX && self.inbound_bytes < INBOUND_BYTES_MAX
    }

    fn admit<'a>(&mut self, id: &MessageId, bytes: usize) -> Result<(), Received<'a, T>> {
        if self.inbound.contains_key(id) {
            return Err(Received::Refused {
                reply: None,
                reason: format!("a call with id {id} is open already"),
            });
        }
        if !self.has_room() {
            let text = "too many calls are open already; send the next one after an answer";
            let error = CallError::new(ErrorCode::GenericError, text);
            return Err(Received::Refused {
                reply: Some(frame::error(id.as_str(), &error, self.config.version)),
                reason: error.description,
            });
        }
        self.inbound.insert(id.clone(), bytes);
        self.inbound_bytes += bytes;
        Ok(())
    }

    fn settle<'a>(
        &mut self,
        id: &MessageId,
        result: Result<&'a RawValue, CallError>,
    ) -> Received<'a, T> {
        let Some(number) = self.number_of(id) else {
            return match self.take_answered(Some(id)) {
                Some(open) => {
                    let reason = format!("it answers {id}, which is a part of the id of the call");
                    Received::unreadable(open.tag, reason)
                }
                None => Received::Stray(Stray::Unknown),
            };
        };
        if let Some(open) = self.open.take_if(|open| open.number == number) {
            return Received::Answer {
                tag: open.tag,
                result,
                flaw: None,
            };
        }
        Received::Stray(if self.timed_out.contains(&number) {
            Stray::Late
        } else if number < self.next_number {
            Stray::Double
        } else {
            Stray::Unknown
        })
    }

    /// The open call, where a flawed answer is its: by its id, by the half of it that is left, or because no id can be
    /// read: only one call is open [1.6J §4.1.1], and one that timed out could be meant where there was such a one.
    fn take_answered(&mut self, id: Option<&MessageId>) -> Option<OpenCall<T>> {
        let open_id = self.id_text(self.open.as_ref()?.number);
        let is_its = match id {
            None => self.timed_out.is_empty(),
            Some(id) if self.number_of(id).is_some() => id.as_str() == open_id,
            Some(id) => open_id.starts_with(id.as_str()) && 2 * id.as_str().len() >= open_id.len(),
        };
        self.open.take_if(|_| is_its)
    }

    fn id_text(&self, number: u64) -> String {
        format!("{:08x}-{number}", self.config.id_seed)
    }

    fn number_of(&self, id: &MessageId) -> Option<u64> {
        let number = id.as_str().rsplit_once('-')?.1.parse().ok()?;
        (number > 0 && self.id_text(number) == id.as_str()).then_some(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link() -> Link<u32> {
        Link::new(LinkConfig {
            version: Version::V1_6,
            call_timeout_ms: 1_000,
            queue_calls_max: 4,
            id_seed: 7,
        })
    }

    fn id_of(text: &str) -> String {
        serde_json::from_str::<serde_json::Value>(text).unwrap()[1]
            .as_str()
            .unwrap()
            .to_owned()
    }

    #[test]
    fn one_call_is_open_and_the_rest_wait_in_order() {
        let mut link = link();
        link.call(1, "Heartbeat", "{}".into()).unwrap();
        link.call(2, "Heartbeat", "{}".into()).unwrap();
        let first = link.poll_transmit(0).unwrap();
        assert_eq!(link.poll_transmit(0), None);
        let answer = frame::result(&id_of(&first), "{}");
        assert!(matches!(
            link.receive(&answer),
            Received::Answer {
                tag: 1,
                result: Ok(_),
                flaw: None,
            }
        ));
        assert!(link.poll_transmit(0).is_some());
    }

    #[test]
    fn an_answer_in_no_form_ends_its_call_at_once() {
        for kind in [3, 4] {
            let mut link = link();
            link.call(1, "Heartbeat", "{}".into()).unwrap();
            let sent = link.poll_transmit(0).unwrap();
            let other = format!(r#"[{kind},"00000007-9"]"#);
            assert!(matches!(link.receive(&other), Received::Refused { .. }));
            let broken = format!(r#"[{kind},"{}"]"#, id_of(&sent));
            assert!(matches!(
                link.receive(&broken),
                Received::Answer { tag: 1, result: Ok(payload), flaw: Some(_) } if payload.get() == "null"
            ));
            assert!(link.is_quiet());
        }
    }

    #[test]
    fn an_answer_that_is_cut_off_ends_its_call_at_once() {
        for rest in [
            r#"{"configurationKey":["#,
            "",
            r#"{"status":"Accepted"}"#,
            "nonsense",
        ] {
            let mut link = link();
            link.call(1, "GetConfiguration", "{}".into()).unwrap();
            let sent = link.poll_transmit(0).unwrap();
            let cut = format!(r#"[3,"{}",{rest}"#, id_of(&sent));
            assert!(matches!(
                link.receive(&cut),
                Received::Answer { tag: 1, result: Ok(payload), flaw: Some(_) } if payload.get() == "null"
            ));
        }
    }

    /// One call is open: whatever is an answer, and does not say to which call, is the answer to that one.
    #[test]
    fn an_answer_that_cannot_be_read_and_says_no_other_call_ends_the_open_one() {
        for (text, is_its) in [
            (r#"["3","00000007-1",{}]"#, true),
            (r#"["4","00000007-1","GenericError","",{}]"#, true),
            ("\u{feff}[3,\"00000007-1\",{}]", true),
            (r#"[3,"0000000"#, true),
            (r#"[3,"00000007-1"#, true),
            (r#"[3,"zzz"#, true),
            ("[3,", true),
            ("[4", true),
            (r#"[3,7,{}]"#, true),
            (r#"[3,null,{}]"#, true),
            (r#"[3,"",{}]"#, true),
            (r#"[3,"00000007",{}]"#, true),
            (r#"[4,"00000007-","GenericError","",{}]"#, true),
            (r#"["3","00000007",{}]"#, true),
            // It says of another call, or of none that was ever made.
            (r#"["3","00000007-9",{}]"#, false),
            (r#"[3,"00000007-9",{}]"#, false),
            (r#"[3,"0",{}]"#, false),
            (r#"[3,"00000008",{}]"#, false),
            // It is a call, or nobody knows what.
            (r#"["2","00000007-1","Heartbeat",{}]"#, false),
            ("[2", false),
            ("[33", false),
            ("nonsense", false),
            ("", false),
        ] {
            let mut link = link();
            // Without an open call it is nobody's.
            let answered = matches!(link.receive(text), Received::Answer { .. });
            assert!(!answered, "{text}");
            link.call(1, "Heartbeat", "{}".into()).unwrap();
            link.poll_transmit(0).unwrap();
            let answered = matches!(
                link.receive(text),
                Received::Answer { tag: 1, result: Ok(payload), flaw: Some(_) } if payload.get() == "null"
            );
            assert_eq!(answered, is_its, "{text}");
        }
    }

    #[test]
    fn the_id_of_an_earlier_call_is_no_half_of_a_later_one() {
        let mut link = link();
        for number in 1..=12 {
            link.call(number, "Heartbeat", "{}".into()).unwrap();
            link.poll_transmit(0).unwrap();
            if number < 12 {
                assert_eq!(link.expire(1_000), Some(number));
            }
        }
        // The open one is 12.
        let late = frame::result("00000007-1", "{}");
        assert!(matches!(link.receive(&late), Received::Stray(_)));
        let broken = r#"[3,"00000007-1",{"#;
        assert!(matches!(link.receive(broken), Received::Refused { .. }));
    }

    #[test]
    fn a_call_may_have_less_time_than_the_others() {
        let mut link = link();
        link.call_within(1, "Heartbeat", "{}".into(), 10).unwrap();
        link.call(2, "Heartbeat", "{}".into()).unwrap();
        assert!(link.poll_transmit(5).is_some());
        assert_eq!(link.next_deadline(), Some(15));
        assert_eq!(link.expire(15), Some(1));
        assert!(link.poll_transmit(15).is_some());
        assert_eq!(link.next_deadline(), Some(1_015));
    }

    #[test]
    fn a_broken_text_with_the_id_of_an_open_call_is_not_answered_for_it() {
        let mut link = link();
        let text = frame::call("a", "Reset", r#"{"type":"Soft"}"#);
        let Received::Call { id, .. } = link.receive(&text) else {
            panic!("a call")
        };
        let refused = |received| match received {
            Received::Refused { reply, .. } => reply,
            other => panic!("{other:?}"),
        };
        assert_eq!(refused(link.receive(r#"[2,"a","Res"#)), None);
        assert!(link.answer(&id, Ok("{}")).is_some());
        let reply = refused(link.receive(r#"[2,"a","Res"#)).unwrap();
        assert!(
            reply.starts_with(r#"[4,"a","FormationViolation""#),
            "{reply}"
        );
    }

    #[test]
    fn a_full_queue_gives_the_tag_back() {
        let mut link = link();
        for tag in 0..4 {
            link.call(tag, "Heartbeat", "{}".into()).unwrap();
        }
        assert!(matches!(
            link.call(9, "Heartbeat", "{}".into()),
            Err(QueueFull(9))
        ));
    }

    #[test]
    fn late_double_and_unknown_answers_are_told_apart() {
        let mut link = link();
        link.call(1, "Heartbeat", "{}".into()).unwrap();
        let first = link.poll_transmit(0).unwrap();
        assert_eq!(link.expire(999), None);
        assert_eq!(link.next_deadline(), Some(1_000));
        assert_eq!(link.expire(1_000), Some(1));
        link.call(2, "Heartbeat", "{}".into()).unwrap();
        let second = link.poll_transmit(1_000).unwrap();
        let late = frame::result(&id_of(&first), "{}");
        assert!(matches!(link.receive(&late), Received::Stray(Stray::Late)));
        let answer = frame::result(&id_of(&second), "{}");
        assert!(matches!(
            link.receive(&answer),
            Received::Answer { tag: 2, .. }
        ));
        assert!(matches!(
            link.receive(&answer),
            Received::Stray(Stray::Double)
        ));
        for unknown in [
            "00000007-3",
            "00000007-0",
            "00000008-1",
            "1",
            "x-1",
            "00000007-01",
        ] {
            let text = frame::result(unknown, "{}");
            assert!(
                matches!(link.receive(&text), Received::Stray(Stray::Unknown)),
                "{unknown}"
            );
        }
    }

    #[test]
    fn a_call_is_answered_once_and_its_repetition_while_open_is_dropped() {
        let mut link = link();
        let text = frame::call("a", "Reset", r#"{"type":"Soft"}"#);
        let Received::Call { id, .. } = link.receive(&text) else {
            panic!("a call")
        };
        assert!(matches!(
            link.receive(&text),
            Received::Refused { reply: None, .. }
        ));
        assert!(link.answer(&id, Ok("{}")).is_some());
        assert!(link.answer(&id, Ok("{}")).is_none());
        assert!(matches!(link.receive(&text), Received::Call { .. }));
    }

    /// [1.6J §4.1.1] allows one. Thirty readings and the stop at once are no reason to lose the stop.
    #[test]
    fn a_peer_that_does_not_wait_loses_nothing_within_the_bounds() {
        let mut link = link();
        let reading = format!(
            r#"{{"connectorId":1,"meterValue":[{}0]}}"#,
            "0,".repeat(500)
        );
        let calls = (0..30).map(|n| frame::call(&n.to_string(), "MeterValues", &reading));
        let stop = frame::call("stop", "StopTransaction", "{}");
        for text in calls.chain([stop]) {
            assert!(link.has_room());
            assert!(matches!(link.receive(&text), Received::Call { .. }));
        }
    }

    #[test]
    fn a_peer_may_have_so_many_calls_and_bytes_open_and_not_more() {
        let long = format!("\"{}\"", "x".repeat(MESSAGE_BYTES_MAX));
        for (payload, calls) in [("{}", INBOUND_CALLS_MAX), (long.as_str(), 2)] {
            let mut link = link();
            let text = |n: usize| frame::call(&n.to_string(), "DataTransfer", payload);
            for n in 0..calls {
                assert!(link.has_room(), "{n}");
                assert!(matches!(link.receive(&text(n)), Received::Call { .. }));
            }
            assert!(!link.has_room());
            let Received::Refused { reply, .. } = link.receive(&text(calls)) else {
                panic!("there is no room")
            };
            let start = format!(r#"[4,"{calls}","GenericError""#);
            assert!(reply.unwrap().starts_with(&start));
            assert!(link.answer(&MessageId::from_wire("0"), Ok("{}")).is_some());
            assert!(link.has_room());
        }
    }

    #[test]
    fn a_lost_socket_gives_every_tag_back_once() {
        let mut link = link();
        for tag in 1..=3 {
            link.call(tag, "Heartbeat", "{}".into()).unwrap();
        }
        link.poll_transmit(0).unwrap();
        assert_eq!(link.disconnect(), [1, 2, 3]);
        assert!(link.is_quiet());
        assert!(link.disconnect().is_empty());
    }

    mod law {
        use super::*;
        use proptest::prelude::*;

        #[derive(Clone, Debug)]
        enum Act {
            Call,
            AnswerOpen,
            AnswerOld(u64),
            Error,
            Wait(u64),
            Rubbish(String),
            Disconnect,
        }

        fn act() -> impl Strategy<Value = Act> {
            prop_oneof![
                4 => Just(Act::Call),
                4 => Just(Act::AnswerOpen),
                1 => (0..20_u64).prop_map(Act::AnswerOld),
                1 => Just(Act::Error),
                2 => (0..1_500_u64).prop_map(Act::Wait),
                1 => ".*|\\[[34].*".prop_map(Act::Rubbish),
                1 => Just(Act::Disconnect),
            ]
        }

        proptest! {
            /// Whatever happens: at most one call is open, tags come back once each and in order.
            #[test]
            fn every_tag_comes_back_once_and_in_order(acts in proptest::collection::vec(act(), 0..200)) {
                let mut link = link();
                let (mut now, mut next_tag, mut open) = (0, 0, None::<String>);
                let mut back = Vec::new();
                for act in acts {
                    match act {
                        Act::Call => {
                            if link.call(next_tag, "Heartbeat", "{}".into()).is_ok() {
                                next_tag += 1;
                            }
                        }
                        Act::AnswerOpen | Act::Error => if let Some(id) = open.take() {
                            let text = if matches!(act, Act::Error) {
                                frame::error(&id, &CallError::new(ErrorCode::GenericError, ""), Version::V1_6)
                            } else {
                                frame::result(&id, "{}")
                            };
                            match link.receive(&text) {
                                Received::Answer { tag, .. } => back.push(tag),
                                other => prop_assert!(false, "{other:?}"),
                            }
                        },
                        Act::AnswerOld(n) => {
                            let id = format!("00000007-{n}");
                            if open.as_deref() != Some(&id) {
                                let text = frame::result(&id, "{}");
                                let stray = matches!(link.receive(&text), Received::Stray(_));
                                prop_assert!(stray);
                            }
                        }
                        Act::Wait(ms) => {
                            now += ms;
                            if let Some(tag) = link.expire(now) {
                                open = None;
                                back.push(tag);
                            }
                        }
                        Act::Rubbish(text) => {
                            if let Received::Answer { tag, .. } = link.receive(&text) {
                                open = None;
                                back.push(tag);
                            }
                        }
                        Act::Disconnect => {
                            open = None;
                            back.extend(link.disconnect());
                        }
                    }
                    if let Some(text) = link.poll_transmit(now) {
                        prop_assert!(open.is_none(), "a second call was opened");
                        open = Some(id_of(&text));
                    }
                }
                back.extend(link.disconnect());
                prop_assert_eq!(back, (0..next_tag).collect::<Vec<_>>());
            }
        }
    }
}
