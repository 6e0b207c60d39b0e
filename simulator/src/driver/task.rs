//! The loop of one charge point: events in, steps, frames out.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::PoisonError;
use std::time::Duration;

use dynamo_protocol::link::{Link, LinkConfig};
use dynamo_protocol::{CallError, ChargePointId, MessageId, Millis};
use tokio::sync::mpsc;
use tokio::time::{Instant, Sleep};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use super::book::SessionsJudged;
use super::call_watch::CallWatch;
use super::clock::RunningClock;
use super::line::{Closing, Event, Parked, Socket, socket_event};
use super::socket::Target;
use super::{Activity, Clock, Mail, Published, Silence};
use crate::charge_point::{
    Action, Answer, ChargePoint, CommandId, Fact, Failure, Hardware, Input, NotDone, Output, Reply,
    Report, Setup, Tag,
};
use crate::dialect::Dialect;
use crate::ledger::LedgerLine;
use crate::tally::{CallEnd, Phase, Tally};
use crate::tls::ClientTls;
use crate::visitor::Visitor;

/// Own calls that may wait in the line. A charge point has a few under way at most.
const QUEUE_CALLS_MAX: usize = 64;
/// Rounds of steps before other events get their turn.
const ROUNDS_MAX: usize = 64;
/// How long the other side may take to confirm a close frame when everything shall end at once.
const HASTY_FAREWELL: Duration = Duration::from_millis(200);
/// Things a visitor may do in one round.
const VISITS_MAX: usize = 8;

/// Everything the task of one charge point needs.
pub(crate) struct Job {
    pub(crate) id: ChargePointId,
    pub(crate) csms_url: Arc<str>,
    pub(crate) password: Option<Arc<str>>,
    pub(crate) tls: Option<ClientTls>,
    pub(crate) hardware: Arc<Hardware>,
    pub(crate) setup: Arc<Setup>,
    pub(crate) seed: u64,
    pub(crate) clock: Clock,
    /// Cancelled when the charge point shall end.
    pub(crate) end: CancellationToken,
    /// Cancelled when it shall end whatever is left.
    pub(crate) at_once: CancellationToken,
    /// How long after `end` the visitor may end sessions, and queues may drain.
    pub(crate) grace: Duration,
    pub(crate) mailbox: Option<mpsc::Receiver<Box<Mail>>>,
    pub(crate) published: Option<Arc<Published>>,
    pub(crate) visitor: Option<Visitor>,
    pub(crate) observer: Option<Observer>,
}

/// Who counts what happens.
#[derive(Debug)]
pub(crate) struct Observer {
    pub(crate) tally: Arc<Tally>,
    /// Picks the shard of the tally.
    pub(crate) index: usize,
    pub(crate) ledger: Option<mpsc::Sender<LedgerLine>>,
}

/// The whole life of a charge point, from power on until it is asked to end.
pub(crate) fn drive(job: Job) -> impl Future<Output = ()> + Send {
    // Boxed, and made before the first await: a future keeps what is moved into it more than once.
    let mut driver = Box::new(Driver::new(job));
    async move { driver.run().await }
}

/// The task's state. What concerns the socket is in `line`.
pub(super) struct Driver {
    pub(super) id: ChargePointId,
    pub(super) target: Result<Arc<Target>, String>,
    pub(super) dialect: Dialect,
    pub(super) point: ChargePoint,
    pub(super) link: Link<(Tag, &'static str)>,
    /// When the open call was written, and in which phase of the run.
    pub(super) call_written: Option<(Instant, Phase)>,
    /// Whether the CSMS shows any sign of life while a call is open.
    pub(super) watch: CallWatch,
    /// Commands of the CSMS that the charge point has not replied to yet.
    pub(super) commands: Vec<(CommandId, MessageId)>,
    pub(super) next_command: u64,
    pub(super) socket: Socket,
    pub(super) closing: Option<Closing>,
    pub(super) clock: RunningClock,
    started: Instant,
    sleep: Pin<Box<Sleep>>,
    /// First the wish to end, then the wish to end at once.
    end: Pin<Box<WaitForCancellationFutureOwned>>,
    at_once: CancellationToken,
    grace: Duration,
    /// Set once the charge point shall end: the instant at which it does so whatever is left.
    ends_at: Option<Instant>,
    pub(super) inputs: VecDeque<Input>,
    outputs: Vec<Output>,
    pub(super) replies: VecDeque<String>,
    pub(super) ledger_lines: Vec<LedgerLine>,
    mailbox: Option<mpsc::Receiver<Box<Mail>>>,
    published: Option<Arc<Published>>,
    visitor: Option<Visitor>,
    pub(super) observer: Option<Observer>,
    pub(super) connected_before: bool,
    /// Nobody was there when the charge point last wanted something of the CSMS: the socket could not be opened, or
    /// all was silence on it. No other has been opened since.
    pub(super) tried_in_vain: bool,
    pub(super) accepted_before: bool,
    /// Transaction messages that are not tried any more.
    pub(super) given_up: u64,
    pub(super) sessions: SessionsJudged,
    /// The next socket that goes abruptly goes without a sign, if there is a place for that.
    pub(super) silence: Option<Silence>,
    /// A socket that is lost to the charge point while its other side does not know.
    pub(super) parked: Option<Box<Parked>>,
    pub(super) frames_in: u64,
    pub(super) frames_out: u64,
    /// When the next ping is due, while a socket is open and pings are wanted.
    pub(super) ping_at: Option<Instant>,
    /// Whether anything came since the last ping.
    pub(super) heard: bool,
}

impl Driver {
    fn new(job: Job) -> Self {
        let dialect = Dialect::V16;
        let call_timeout_ms = job.setup.call_timeout_ms;
        let password = job.password.as_deref();
        let target = Target::new(
            &job.csms_url,
            &job.id,
            password,
            job.tls,
            dialect.subprotocol(),
        )
        .map(Arc::new)
        .map_err(|error| error.to_string());
        Self {
            id: job.id,
            target,
            dialect,
            point: ChargePoint::new(job.hardware, job.setup, job.seed),
            link: Link::new(LinkConfig {
                version: dialect.version(),
                call_timeout_ms,
                queue_calls_max: QUEUE_CALLS_MAX,
                id_seed: job.seed,
            }),
            call_written: None,
            watch: CallWatch::new(Duration::from_millis(call_timeout_ms)),
            commands: Vec::new(),
            next_command: 0,
            socket: Socket::Down,
            closing: None,
            clock: RunningClock::start(job.clock),
            started: Instant::now(),
            sleep: Box::pin(tokio::time::sleep(Duration::ZERO)),
            end: Box::pin(job.end.cancelled_owned()),
            at_once: job.at_once,
            grace: job.grace,
            ends_at: None,
            inputs: VecDeque::from([Input::PowerOn]),
            outputs: Vec::new(),
            replies: VecDeque::new(),
            ledger_lines: Vec::new(),
            mailbox: job.mailbox,
            published: job.published,
            visitor: job.visitor,
            observer: job.observer,
            connected_before: false,
            tried_in_vain: false,
            accepted_before: false,
            given_up: 0,
            sessions: SessionsJudged::default(),
            silence: None,
            parked: None,
            frames_in: 0,
            frames_out: 0,
            ping_at: None,
            heard: false,
        }
    }

    async fn run(&mut self) {
        self.settle().await;
        self.publish();
        while !self.is_over() {
            let answer = match self.next_event().await {
                Event::Opened(result) => {
                    self.opened(result);
                    None
                }
                Event::Read(message) => {
                    self.read(message);
                    None
                }
                Event::Closed => {
                    self.closing = None;
                    None
                }
                Event::Mail(Some(mail)) => {
                    let Mail {
                        action,
                        silence,
                        done,
                    } = *mail;
                    self.silence = silence;
                    let result = self.operate(action).await;
                    if result.is_err() {
                        self.silence = None;
                    }
                    Some((done, result))
                }
                Event::End if self.ends_at.is_some() => {
                    self.ends_at = Some(Instant::now());
                    None
                }
                Event::Mail(None) | Event::End => {
                    self.begin_to_end();
                    None
                }
                Event::Time => None,
            };
            self.settle().await;
            self.publish();
            if let Some((done, result)) = answer {
                // Whoever asked may have stopped waiting; the action is done all the same.
                let _ = done.send(result);
            }
        }
        self.finish().await;
    }

    async fn next_event(&mut self) -> Event {
        let deadline = self.deadline();
        if let Some(at) = deadline {
            // A sleep that ends too early is cheaper than one that is reset with each frame.
            if self.sleep.is_elapsed() || at < self.sleep.deadline() {
                self.sleep.as_mut().reset(at);
            }
        }
        let ending = self.ends_at.is_some();
        tokio::select! {
            event = socket_event(&mut self.socket) => event,
            () = finished(&mut self.closing) => Event::Closed,
            mail = received(&mut self.mailbox), if !ending => Event::Mail(mail),
            () = self.end.as_mut() => Event::End,
            () = self.clock.moved() => Event::Time,
            () = self.sleep.as_mut(), if deadline.is_some() => Event::Time,
        }
    }

    /// When the loop must turn even if nothing happens.
    fn deadline(&self) -> Option<Instant> {
        let now_ms = self.clock.now().mono_ms;
        let left_over = self.point.next_wake().is_some_and(|at| at <= now_ms);
        if left_over || !self.inputs.is_empty() {
            // More rounds than one turn may have: others had theirs, now it goes on.
            return Some(Instant::now());
        }
        let visitor = self.visitor.as_ref().and_then(Visitor::next_wake);
        let woken = [self.point.next_wake(), visitor]
            .into_iter()
            .flatten()
            .filter_map(|at| self.clock.instant_of(at));
        let call = self.link.next_deadline();
        let call = call.map(|ms| self.started + Duration::from_millis(ms));
        woken
            .chain(call)
            .chain(self.ping_at)
            .chain(self.watch.probe_at())
            .chain(self.ends_at)
            .chain(self.parked.as_ref().map(|parked| parked.until))
            .min()
    }

    /// Does everything that can be done now, until only the outside can bring something new.
    async fn settle(&mut self) {
        self.ping_if_due().await;
        self.probe_if_due().await;
        for _ in 0..ROUNDS_MAX {
            self.collect_due();
            let mut stepped = false;
            while let Some(input) = self.inputs.pop_front() {
                self.point.step(input, self.clock.now(), &mut self.outputs);
                self.perform().await;
                stepped = true;
            }
            let visited = self.visit().await;
            self.transmit().await;
            if !stepped && !visited && self.inputs.is_empty() {
                return;
            }
        }
        tracing::debug!(charge_point = %self.id, "still busy after {ROUNDS_MAX} rounds");
    }

    /// What time alone brings.
    fn collect_due(&mut self) {
        self.parked.take_if(|parked| parked.until <= Instant::now());
        let now = self.clock.now();
        let link_now = self.link_now();
        let expires = self.link.next_deadline().is_some_and(|at| at <= link_now);
        if expires && self.watch.is_silent() {
            // Not the message is at fault but the line: that is no attempt of the CSMS to process anything.
            self.deserted("the CSMS was silent for a whole call time-out");
        } else if let Some((tag, action)) = self.link.expire(link_now) {
            self.count_call(action, &CallEnd::TimedOut);
            self.answer(tag, Err(Failure::TimedOut));
        }
        if self.point.next_wake().is_some_and(|at| at <= now.mono_ms) {
            self.inputs.push_back(Input::Wake);
        }
    }

    /// Lets the visitor act, if there is one to whom something could matter.
    async fn visit(&mut self) -> bool {
        let mut visited = false;
        for _ in 0..VISITS_MAX {
            let now = self.clock.now().mono_ms;
            let Some(visitor) = &mut self.visitor else {
                return visited;
            };
            if !visitor.is_watching() && visitor.next_wake().is_none_or(|at| at > now) {
                return visited;
            }
            let Some(action) = visitor.act(now, &self.point.snapshot()) else {
                return visited;
            };
            visited = true;
            if let Err(not_done) = self.operate(action).await {
                tracing::debug!(charge_point = %self.id, reason = not_done.sentence(), "the visitor could not do that");
                return false;
            }
        }
        visited
    }

    async fn operate(&mut self, action: Action) -> Result<(), NotDone> {
        let input = Input::Operator(action);
        self.point.step(input, self.clock.now(), &mut self.outputs);
        let not_done = self.outputs.iter().find_map(|output| match output {
            Output::Fact(Fact::NotDone(not_done)) => Some(not_done.clone()),
            _ => None,
        });
        self.perform().await;
        not_done.map_or(Ok(()), Err)
    }

    /// Carries out what the charge point wants done, in order.
    async fn perform(&mut self) {
        let mut outputs = std::mem::take(&mut self.outputs);
        for output in outputs.drain(..) {
            match output {
                Output::Send { tag, report } => self.call(tag, &report),
                Output::Reply { id, reply } => self.reply(id, reply.as_ref()),
                Output::Unanswered { id } => self.leave_unanswered(id),
                Output::Connect => self.open(),
                Output::Disconnect { abruptly } => {
                    // What was said before the socket goes still leaves through it.
                    self.transmit().await;
                    self.disconnect(abruptly);
                }
                Output::Fact(fact) => self.note(fact),
            }
        }
        // The buffer is kept: most steps need no new one.
        self.outputs = outputs;
    }

    fn call(&mut self, tag: Tag, report: &Report) {
        if !matches!(self.socket, Socket::Up(_)) {
            return self.answer(tag, Err(Failure::Disconnected));
        }
        let (action, payload) = self.dialect.encode(report);
        if self.link.call((tag, action), action, payload).is_err() {
            tracing::warn!(charge_point = %self.id, action, "{QUEUE_CALLS_MAX} calls wait already");
            self.answer(tag, Err(Failure::TimedOut));
        }
    }

    fn reply(&mut self, id: CommandId, reply: Result<&Reply, &CallError>) {
        let Some(index) = self.commands.iter().position(|(open, _)| *open == id) else {
            // The socket it came on is gone.
            return;
        };
        let (_, message_id) = self.commands.swap_remove(index);
        let payload = reply.map(|reply| self.dialect.encode_reply(reply));
        let payload = payload.as_deref().map_err(|error| *error);
        self.replies.extend(self.link.answer(&message_id, payload));
    }

    /// The CSMS has rejected the charge point; whether that is said to its commands is a matter of the version.
    fn leave_unanswered(&mut self, id: CommandId) {
        if let Some(index) = self.commands.iter().position(|(open, _)| *open == id) {
            let (_, message_id) = self.commands.swap_remove(index);
            self.refuse_while_rejected(&message_id);
        }
    }

    /// Closes a call of a CSMS that has rejected the charge point.
    pub(super) fn refuse_while_rejected(&mut self, id: &MessageId) {
        let refusal = self.dialect.refusal_while_rejected();
        let nothing = CallError::internal("the charge point is rejected");
        let reply = self
            .link
            .answer(id, Err(refusal.as_ref().unwrap_or(&nothing)));
        self.replies.extend(reply.filter(|_| refusal.is_some()));
    }

    pub(super) fn answer(&mut self, tag: Tag, result: Result<Answer, Failure>) {
        self.inputs.push_back(Input::Answer { tag, result });
    }

    pub(super) fn link_now(&self) -> Millis {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(Millis::MAX)
    }

    /// From now on sessions are ended and queues drained, for as long as the grace lasts.
    fn begin_to_end(&mut self) {
        self.mailbox = None;
        self.end = Box::pin(self.at_once.clone().cancelled_owned());
        self.ends_at = Some(Instant::now() + self.grace);
        if let Some(visitor) = &mut self.visitor {
            visitor.end();
        }
    }

    pub(super) fn phase(&self) -> Phase {
        if self.ends_at.is_some() {
            Phase::Ending
        } else {
            Phase::Run
        }
    }

    fn is_over(&self) -> bool {
        let Some(ends_at) = self.ends_at else {
            return false;
        };
        let drained = || {
            self.visitor.as_ref().is_none_or(Visitor::is_gone)
                && self.link.is_quiet()
                && self.point.snapshot().queued == 0
        };
        ends_at <= Instant::now() || drained()
    }

    async fn finish(&mut self) {
        self.note_end();
        self.write_ledger().await;
        self.disconnect(false);
        if let Some(closing) = self.closing.take() {
            let patience = if self.at_once.is_cancelled() {
                HASTY_FAREWELL
            } else {
                Duration::MAX
            };
            let _ = tokio::time::timeout(patience, closing).await;
        }
        self.publish();
    }

    fn publish(&mut self) {
        let Some(published) = &self.published else {
            return;
        };
        *published
            .snapshot
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = self.point.snapshot();
        let clock_ms = self.clock.now().mono_ms;
        let next_wake_ms = self.point.next_wake();
        let quiet = self.link.is_quiet()
            && self.inputs.is_empty()
            && self.replies.is_empty()
            && self.closing.is_none()
            && !matches!(self.socket, Socket::Opening(_))
            && self.mailbox.as_ref().is_none_or(mpsc::Receiver::is_empty)
            && next_wake_ms.is_none_or(|at| at > clock_ms);
        let activity = Activity {
            quiet,
            connected: matches!(self.socket, Socket::Up(_)),
            clock_ms,
            next_wake_ms,
            frames_in: self.frames_in,
            frames_out: self.frames_out,
        };
        published.activity.send_if_modified(|last| {
            let changed = *last != activity;
            *last = activity;
            changed
        });
    }
}

async fn received(mailbox: &mut Option<mpsc::Receiver<Box<Mail>>>) -> Option<Box<Mail>> {
    match mailbox {
        Some(mailbox) => mailbox.recv().await,
        None => std::future::pending().await,
    }
}

async fn finished(closing: &mut Option<Closing>) {
    match closing {
        Some(closing) => closing.as_mut().await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A fleet pays for each byte of these once per charge point; the goal is 12 KiB in all, of which the read
    /// buffer takes a third.
    #[test]
    fn the_task_of_an_idle_charge_point_is_small() {
        fn size_of_future<'a, F>(_: impl FnOnce(&'a mut Driver) -> F) -> usize {
            size_of::<F>()
        }
        assert!(size_of::<Driver>() <= 1_536, "{}", size_of::<Driver>());
        let run = size_of_future(|driver| driver.run());
        assert!(run <= 1_536, "{run}");
    }
}
