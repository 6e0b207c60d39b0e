//! What people and the world do to a charge point: cables, cards, faults, power, network.

use crate::hand::operator::Operator;
use crate::role::csms::CsmsRole;
use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use cucumber::{given, then, when};
use dynamo_simulator::charge_point::{Action, CableSide};

use crate::case::tags::TagWord;
use crate::failure::DONE;
use crate::failure::{Failure, StepResult};
use crate::role::Closed;
use crate::steps::world::{OrEnd, World};
use crate::watch::expected::{Allowance, Expected, Order};
use crate::wire::entry::{Entry, EntryKind, OPERATOR};
use crate::words::{duration, span};

async fn operate(world: &mut World, action: Action) -> StepResult {
    world.csms()?.operate(action).await.or_end(world)
}

#[when(regex = r"^the driver plugs in at connector (\d+)$")]
pub(super) async fn plug_in(world: &mut World, connector_id: u32) -> StepResult {
    world.csms()?.talk.mark("plug in");
    operate(world, Action::PlugIn { connector_id }).await
}

#[when(regex = r"^the driver unplugs at the (car|station) on connector (\d+)$")]
async fn unplug(world: &mut World, side: String, connector_id: u32) -> StepResult {
    let side = if side == "car" {
        CableSide::Ev
    } else {
        CableSide::Station
    };
    match world
        .csms()?
        .operate(Action::Unplug { connector_id, side })
        .await
    {
        // The scenario runs on hardware that has this end: a cable that does not come out is locked.
        Err(Closed::Refused(reason)) => Err(Failure::new(format!(
            "the cable does not come out: {reason}"
        ))),
        result => result.or_end(world),
    }
}

#[then(regex = r"^the cable cannot be taken out at the station on connector (\d+)$")]
async fn stays_locked(world: &mut World, connector_id: u32) -> StepResult {
    let action = Action::Unplug {
        connector_id,
        side: CableSide::Station,
    };
    match world.csms()?.operate(action).await {
        Ok(()) => Err(Failure::new(
            "the cable came out at the station; it should be locked there",
        )),
        Err(Closed::Refused(_)) => DONE,
        result => result.or_end(world),
    }
}

/// Id tags have no case [1.6 §7.28]. A card has: only a machine can present it in another one.
#[when(
    regex = r"^the driver presents (the \w+ tag|another tag)( in lower case)? at connector (\d+)$"
)]
async fn presents(
    world: &mut World,
    word: TagWord,
    in_lower_case: String,
    connector_id: u32,
) -> StepResult {
    if in_lower_case.is_empty() {
        return present(world, word, Some(connector_id)).await;
    }
    let id_tag = world.tag(word).await?.to_lowercase();
    if !world.csms()?.operator.is_a_machine() {
        return Err(world.cannot_run("needs an operator that can present a tag in lower case"));
    }
    world.csms()?.talk.mark("present");
    let connector_id = Some(connector_id);
    operate(
        world,
        Action::PresentIdTag {
            connector_id,
            id_tag,
        },
    )
    .await
}

/// A refusal is an answer like any other.
#[then("the line has stayed open since the tag was presented")]
async fn stayed_open(world: &mut World) -> StepResult {
    let csms = world.csms()?;
    let from = csms.talk.marks.get("present").copied();
    let from = from.ok_or_else(|| Failure::new("no tag was presented before this step"))?;
    let log = csms.talk.line.log();
    let closed = log
        .entries
        .iter()
        .skip(from)
        .find_map(|entry| match &entry.kind {
            EntryKind::Closed { reason, .. } => Some(reason.clone()),
            _ => None,
        });
    match closed {
        Some(reason) => Err(Failure::new(format!(
            "the line went down after the tag was presented: {reason}"
        ))),
        None => DONE,
    }
}

/// Holds a tag before the reader.
pub(super) async fn present(
    world: &mut World,
    word: TagWord,
    connector_id: Option<u32>,
) -> StepResult {
    let id_tag = world.tag(word).await?;
    if matches!(
        word,
        TagWord::Another | TagWord::Sibling | TagWord::Group | TagWord::Odd
    ) && matches!(world.csms()?.operator, Operator::Prompt(_))
    {
        return Err(world.cannot_run(format!("needs a card with the number {id_tag}")));
    }
    world.csms()?.talk.mark("present");
    operate(
        world,
        Action::PresentIdTag {
            connector_id,
            id_tag,
        },
    )
    .await
}

#[when(regex = r"^connector (\d+) fails with (\w+)$")]
async fn fails(world: &mut World, connector_id: u32, error_code: String) -> StepResult {
    operate(
        world,
        Action::RaiseFault {
            connector_id,
            error_code,
        },
    )
    .await
}

#[when(regex = r"^the fault of connector (\d+) is over$")]
async fn recovers(world: &mut World, connector_id: u32) -> StepResult {
    operate(world, Action::ClearFault { connector_id }).await
}

/// The cable is in and seen; what the charge point says of it is no matter of this scenario.
#[given(regex = r"^the driver has plugged in at connector (\d+)$")]
async fn has_plugged_in(world: &mut World, connector_id: u32) -> StepResult {
    plug_in(world, connector_id).await?;
    let preparing = Expected::call("StatusNotification")
        .with("connectorId", connector_id)
        .with("status", "Preparing");
    world
        .csms()?
        .talk
        .expect(Order::Next, &preparing)
        .await
        .map(|_| ())
}

/// One act: a charge point may see the lock fail at once, or when the cable is in.
#[when(regex = r"^the lock of connector (\d+) jams and the driver plugs in there$")]
async fn jam_and_plug_in(world: &mut World, connector_id: u32) -> StepResult {
    let from = world.csms()?.talk.line.log().entries.len();
    jam(world, connector_id).await?;
    plug_in(world, connector_id).await?;
    let talk = &mut world.csms()?.talk;
    let mut log = talk.line.log();
    log.cursor = from;
    log.cursor_before = from;
    drop(log);
    for status in ["Preparing", "Faulted"] {
        let expected = Expected::call("StatusNotification")
            .with("connectorId", connector_id)
            .with("status", status);
        talk.allowed.push(Allowance {
            expected,
            from,
            times: 1,
        });
    }
    DONE
}

#[given(regex = r"^the lock of connector (\d+) is jammed$")]
async fn jam(world: &mut World, connector_id: u32) -> StepResult {
    operate(world, Action::JamLock { connector_id }).await
}

#[when("the charge point is power cycled")]
async fn power_cycle(world: &mut World) -> StepResult {
    world.csms()?.talk.mark("power cycle");
    operate(
        world,
        Action::PowerCycle {
            seconds: 0.0,
            backup: false,
        },
    )
    .await
}

#[when(regex = r"^the power fails for (\d+) seconds? and the backup holds for a moment$")]
async fn power_fails(world: &mut World, seconds: u32) -> StepResult {
    operate(
        world,
        Action::PowerCycle {
            seconds: f64::from(seconds),
            backup: true,
        },
    )
    .await
}

/// How long an outage is in which a person has to do something, in seconds.
const OUTAGE_OF_A_PERSON_S: u32 = 60;

#[when(regex = r"^the charge point loses its connection for (\d+) seconds?$")]
async fn loses_connection(world: &mut World, seconds: u32) -> StepResult {
    let csms = world.csms()?;
    // As many intervals have to fit into it as the scenario thinks of.
    let seconds = seconds * csms.stretch;
    // What a machine does in a second takes a person longer, and it has to happen during the outage.
    let seconds = if csms.operator.is_a_machine() {
        seconds
    } else {
        seconds.max(OUTAGE_OF_A_PERSON_S)
    };
    let sockets = csms.talk.line.log().sockets;
    csms.talk.marks.insert("sockets before the outage", sockets);
    csms.talk.mark("outage");
    // Chargers that boot again after an outage should not, and may [1.6 §4.2].
    csms.talk.allow(Expected::call("BootNotification"));
    // After that boot, or after the outage, they tell each status once more [1.6 §4.9].
    for (connector, status) in last_statuses(csms) {
        let expected = Expected::call("StatusNotification")
            .with("connectorId", connector)
            .with("status", status);
        csms.talk.allow(expected);
    }
    operate(
        world,
        Action::Disconnect {
            seconds: f64::from(seconds),
        },
    )
    .await?;
    let csms = world.csms()?;
    csms.outage = Some((SystemTime::now(), Duration::from_secs(seconds.into())));
    let gone =
        |log: &mut crate::wire::line::Log| (!log.connected || log.sockets > sockets).then_some(());
    if csms.talk.line.wait(SEEN_DOWN, gone).await.is_none() {
        csms.talk
            .line
            .note("rig: the network is away, the socket does not know it yet");
    }
    DONE
}

/// What each connector was last reported as.
fn last_statuses(csms: &CsmsRole) -> BTreeMap<i64, String> {
    let log = csms.talk.line.log();
    let calls = log.entries.iter().filter_map(Entry::call_from_sut);
    calls
        .filter(|(_, action, _)| *action == "StatusNotification")
        .filter_map(|(_, _, payload)| {
            let connector = payload["connectorId"].as_i64()?;
            Some((connector, payload["status"].as_str()?.to_owned()))
        })
        .collect()
}

/// When a hand did something: not before it was asked to, and not after it said that it was done.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    pub(super) asked: SystemTime,
    pub(super) done: SystemTime,
}

/// How an order to the operator begins that says to present a tag.
pub(super) const PRESENT: &str = "present the tag";

/// How one begins that says to take a cable out.
pub(super) const TAKE_OUT: &str = "take the cable";

/// The moments at which such an order was carried out since the last outage began.
pub(super) fn done_in_outage(csms: &CsmsRole, order: &str) -> Vec<Moment> {
    let begun = csms.outage.map(|(begun, _)| begun);
    let log = csms.talk.line.log();
    let mut asked = None;
    let mut moments = Vec::new();
    for entry in &log.entries {
        let EntryKind::Note(text) = &entry.kind else {
            continue;
        };
        if let Some(what) = text.strip_prefix(OPERATOR) {
            asked = what.starts_with(order).then_some(entry.at);
        } else if text.starts_with("operator answered: ")
            && let Some(asked) = asked.take()
            && begun.is_none_or(|begun| entry.at >= begun)
        {
            moments.push(Moment {
                asked,
                done: entry.at,
            });
        }
    }
    moments
}

/// How soon an outage usually shows at the socket. A cable that was pulled shows nothing.
const SEEN_DOWN: Duration = Duration::from_secs(2);

/// Moves the clock of the bundled charge point, from one of its deadlines to the next, and only while the line is
/// known to be quiet.
#[when(regex = r"^(\d+) (\w+) pass$")]
async fn time_passes(world: &mut World, number: u64, unit: String) -> StepResult {
    let length = duration(number, &unit)?;
    let csms = world.csms()?;
    let clock = csms
        .clock
        .clone()
        .ok_or_else(|| Failure::new("this charge point has its own clock"))?;
    let Operator::Bundled(station) = &csms.operator else {
        return Err(Failure::new("this charge point has its own clock"));
    };
    let mut activity = station.activity();
    let end_ms = clock.now().mono_ms + u64::try_from(length.as_millis()).unwrap_or(u64::MAX);
    loop {
        let state = quiet(csms, &mut activity, &clock).await?;
        let now_ms = clock.now().mono_ms;
        if now_ms >= end_ms {
            return DONE;
        }
        clock.advance_to(
            state
                .next_wake_ms
                .map_or(end_ms, |wake| wake.clamp(now_ms + 1, end_ms)),
        );
    }
}

/// Waits until nothing is under way: the charge point has taken the clock's last move, all its frames are here and
/// all of ours are there.
async fn quiet(
    csms: &CsmsRole,
    activity: &mut tokio::sync::watch::Receiver<dynamo_simulator::Activity>,
    clock: &dynamo_simulator::RigClock,
) -> Result<dynamo_simulator::Activity, Failure> {
    use dynamo_protocol::trace::Direction;
    let deadline = tokio::time::Instant::now() + csms.talk.patience;
    loop {
        let state = *activity.borrow_and_update();
        let (sent, received, pending) = {
            let log = csms.talk.line.log();
            let count = |direction| {
                log.entries
                    .iter()
                    .filter(|entry| entry.frame(direction).is_some())
                    .count() as u64
            };
            (
                count(Direction::ToSut),
                count(Direction::FromSut),
                log.answers_pending,
            )
        };
        let all_here = state.frames_in == sent && state.frames_out == received && pending == 0;
        if state.quiet && state.clock_ms == clock.now().mono_ms && all_here {
            return Ok(state);
        }
        // Either the driver publishes something or the line records something: both end the wait.
        let entries = csms.talk.line.log().entries.len();
        let short = Duration::from_millis(200);
        tokio::select! {
            changed = activity.changed() => {
                changed.map_err(|_| Failure::new("the charge point is gone"))?;
            }
            _ = csms.talk.line.wait(short, |log| (log.entries.len() != entries).then_some(())) => {}
        }
        if tokio::time::Instant::now() > deadline {
            return Err(Failure::new(format!(
                "the line did not become quiet within {}",
                span(csms.talk.patience)
            )));
        }
    }
}
