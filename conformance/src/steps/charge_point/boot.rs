//! Power on, boot, registration, heartbeat.

use crate::dialect::v16::keys::stretch;
use std::time::{Duration, SystemTime};

use cucumber::{given, then};
use dynamo_protocol::trace::Direction;
use serde_json::{Value, json};

use crate::failure::DONE;
use crate::failure::{Failure, StepResult};
use crate::role::Closed;
use crate::role::csms::{CsmsRole, Demands};
use crate::role::talk::Seen;
use crate::steps::world::{OrEnd, World};
use crate::watch::expected::{Expected, Order, Want};
use crate::wire::entry::{Entry, EntryKind, Message};
use crate::wire::line::Log;
use crate::wire::script::{Answer, now};
use crate::words::span;

/// What a charge point may wait beyond an interval, and what its clock may differ.
const SLACK: Duration = Duration::from_millis(1_500);

#[given("a charge point that is booted and idle")]
async fn booted_and_idle(world: &mut World) -> StepResult {
    let rig = world.rig()?;
    let demands = Demands::of(&world.tags);
    let csms = CsmsRole::new(rig, demands).await.or_end(world)?;
    world.csms = Some(csms);
    let csms = world.csms()?;
    let foreign = !matches!(csms.operator, crate::hand::operator::Operator::Bundled(_));
    if foreign {
        start_over(csms).await.or_end(world)?;
    }
    let csms = world.csms()?;
    let booted = boot(csms).await?;
    if foreign {
        csms.judged_from = csms.judged_from.max(socket_of(csms, &booted));
    }
    statuses(csms, 0, &["Available"], Order::Next).await?;
    if foreign {
        statuses_at_once(csms).await?;
    }
    DONE
}

/// A charge point may hold a status back, or leave a short one out, for as long as this key says [1.6 §4.9, §9.1.20].
/// A time of its own that it does not let anybody change is what patience is for.
async fn statuses_at_once(csms: &mut CsmsRole) -> StepResult {
    const KEY: &str = "MinimumStatusDuration";
    if csms.remember(KEY).await?.is_some_and(|is| is != "0") {
        csms.talk
            .command("ChangeConfiguration", json!({"key": KEY, "value": "0"}))
            .await;
        csms.talk.result().await?;
    }
    DONE
}

/// The first command that a charger gets: it may have just connected, and listens once its boot is accepted.
async fn first_command(csms: &mut CsmsRole, action: &str, payload: Value) -> StepResult {
    let from = csms.talk.line.log().entries.len();
    csms.talk.command(action, payload.clone()).await;
    let id = csms
        .talk
        .last_call
        .clone()
        .map(|(id, _)| id)
        .unwrap_or_default();
    let listens = csms.talk.line.wait(csms.talk.patience, |log| {
        if log.answer_to(&id).is_some() {
            return Some(true);
        }
        let new = log.entries.get(from..).unwrap_or_default();
        let boot = new.iter().find_map(|entry| match entry.call_from_sut() {
            Some((boot, "BootNotification", _)) => Some(boot),
            _ => None,
        })?;
        let answered = new.iter().any(|entry| {
            let message = entry.frame(Direction::ToSut);
            matches!(message, Some(Message::Result { id, .. }) if id == boot)
        });
        answered.then_some(false)
    });
    if listens.await == Some(false) {
        csms.talk.command(action, payload).await;
    }
    csms.talk.answer().await.map(|_| ())
}

/// Brings a charger that has seen other scenarios back to its beginnings: cables out, faults cleared, restarted.
async fn start_over(csms: &mut CsmsRole) -> Result<(), Closed> {
    use dynamo_simulator::charge_point::Action;
    let patience = csms.talk.patience;
    let open = csms
        .talk
        .line
        .wait(patience, |log| log.connected.then_some(()))
        .await;
    open.ok_or_else(|| {
        Failure::new(format!(
            "the charge point {} did not connect within {}",
            csms.id,
            span(patience)
        ))
    })?;
    csms.tidy_up().await;
    first_command(
        csms,
        "ChangeAvailability",
        json!({"connectorId": 0, "type": "Operative"}),
    )
    .await?;
    csms.talk.command("ClearCache", json!({})).await;
    csms.talk.answer().await?;
    let restarted = csms.talk.line.log().entries.len();
    let by_power = csms.operator.is_a_machine()
        && csms
            .operate(Action::PowerCycle {
                seconds: 0.0,
                backup: false,
            })
            .await
            .is_ok();
    if !by_power {
        csms.talk.command("Reset", json!({"type": "Hard"})).await;
        csms.talk.answer().await?;
    }
    // What was said before the restart belongs to no scenario.
    csms.judged_from = restarted;
    let mut log = csms.talk.line.log();
    log.cursor = restarted;
    log.cursor_before = restarted;
    Ok(())
}

/// Waits for the status of connectors `from` to the last, in whatever order they come.
pub(super) async fn statuses(
    csms: &mut CsmsRole,
    from: u32,
    words: &[&str],
    order: Order,
) -> StepResult {
    let mut order = order;
    for connector in from..=csms.traits.connectors {
        let wanted = words.iter().map(|word| json!(word)).collect();
        let expected = Expected::call("StatusNotification")
            .with("connectorId", connector)
            .want("status", Want::OneOf(wanted));
        csms.talk.expect(order, &expected).await?;
        order = Order::BesideLast;
    }
    DONE
}

/// The answer to a boot. An accepted charge point takes its heartbeat interval from it: no smaller one than it can.
fn registration(csms: &mut CsmsRole, status: &str, seconds: u32) -> Answer {
    let mut interval = seconds;
    if status == "Accepted" {
        let stretch = stretch(seconds, csms.traits.min_interval);
        csms.stretch = csms.stretch.max(stretch);
        interval *= stretch;
    }
    Answer::Result(json!({"status": status, "currentTime": now(), "interval": interval}))
}

#[given(regex = r"^the CSMS answers the next boot with (\w+) and an interval of (\d+) seconds?$")]
async fn next_boot(world: &mut World, status: String, seconds: u32) -> StepResult {
    let csms = world.csms()?;
    let answer = registration(csms, &status, seconds);
    csms.talk
        .line
        .script()
        .answer_once("BootNotification", answer);
    DONE
}

#[given(regex = r"^the CSMS answers later boots with (\w+) and an interval of (\d+) seconds?$")]
async fn later_boots(world: &mut World, status: String, seconds: u32) -> StepResult {
    let csms = world.csms()?;
    let answer = registration(csms, &status, seconds);
    csms.talk
        .line
        .script()
        .answer_always("BootNotification", answer);
    DONE
}

pub(super) async fn boot(csms: &mut CsmsRole) -> Result<Seen, Failure> {
    let expected = Expected::call("BootNotification");
    let patience = csms.talk.patience.max(csms.rig.reboot);
    let seen = csms
        .talk
        .expect_within(Order::Next, &expected, patience)
        .await?;
    csms.talk.answered(&seen).await?;
    nothing_before(csms, &seen)?;
    Ok(seen)
}

/// Where a boot stands in the record.
fn place_of(log: &Log, boot: &Seen) -> usize {
    let is_boot = |entry: &Entry| {
        let call = entry.call_from_sut();
        call.is_some_and(|(id, action, _)| id == boot.id && action == "BootNotification")
    };
    log.entries.iter().rposition(is_boot).unwrap_or(0)
}

/// Where the socket that is open at this place was opened.
fn opened_before(log: &Log, place: usize) -> usize {
    let is_opened = |entry: &Entry| matches!(entry.kind, EntryKind::Opened);
    let opened = log.entries[..place].iter().rposition(is_opened);
    opened.unwrap_or(place)
}

/// Where the socket of this boot was opened: what a charger still had to say before its restart belongs to no scenario.
fn socket_of(csms: &CsmsRole, boot: &Seen) -> usize {
    let log = csms.talk.line.log();
    opened_before(&log, place_of(&log, boot))
}

/// After a start the boot is the first thing that a charge point says on its line [1.6 §4.2]. One that restarts and
/// keeps its socket has said things on it before.
fn nothing_before(csms: &CsmsRole, boot: &Seen) -> StepResult {
    let log = csms.talk.line.log();
    let until_boot = place_of(&log, boot);
    let opened = opened_before(&log, until_boot);
    let restarts = |entry: &Entry| match &entry.kind {
        EntryKind::Note(text) => text.starts_with("operator:"),
        _ => entry
            .call_to_sut()
            .is_some_and(|(_, action, _)| action == "Reset"),
    };
    if log.entries[opened..until_boot].iter().any(restarts) {
        return DONE;
    }
    let mut said = log.entries[opened..until_boot]
        .iter()
        .filter_map(Entry::call_from_sut);
    match said.next() {
        Some((_, action, _)) if action != "BootNotification" => Err(Failure::new(format!(
            "it sent {action} before its BootNotification [1.6 §4.2]"
        ))),
        _ => DONE,
    }
}

#[then("it boots")]
async fn it_boots(world: &mut World) -> StepResult {
    boot(world.csms()?).await.map(|_| ())
}

#[then(regex = r"^it boots again no sooner than (\d+) seconds? after the answer$")]
async fn it_boots_again(world: &mut World, seconds: u64) -> StepResult {
    boots_after(world.csms()?, seconds).await
}

/// Also when it came while the CSMS was still busy with its commands.
#[then(
    regex = r"^it has booted again, or boots again, no sooner than (\d+) seconds? after the answer$"
)]
async fn it_has_booted_again(world: &mut World, seconds: u64) -> StepResult {
    let csms = world.csms()?;
    let (before, _) = last_boot(csms)?;
    {
        let mut log = csms.talk.line.log();
        log.cursor = before + 1;
        log.cursor_before = before + 1;
    }
    boots_after(csms, seconds).await
}

async fn boots_after(csms: &mut CsmsRole, seconds: u64) -> StepResult {
    let before = last_boot_answer(csms)?;
    let interval = Duration::from_secs(seconds);
    let patience = csms.talk.patience.max(interval + SLACK);
    let seen = csms
        .talk
        .expect_within(Order::Next, &Expected::call("BootNotification"), patience)
        .await?;
    let waited = seen.at.duration_since(before).unwrap_or_default();
    // Clocks of two processes are compared: a few milliseconds are no breach.
    if waited + Duration::from_millis(50) < interval {
        return Err(Failure::new(format!(
            "it booted again {} after the answer, sooner than the interval of {} that it was given [1.6 §4.2]",
            span(waited),
            span(interval)
        )));
    }
    DONE
}

/// The last boot that a step has seen: its place in the record and its id.
fn last_boot(csms: &CsmsRole) -> Result<(usize, String), Failure> {
    let log = csms.talk.line.log();
    let mut entries = log.entries.iter().enumerate().rev();
    let boot = entries.find_map(|(index, entry)| match entry.call_from_sut() {
        Some((id, "BootNotification", _)) if entry.consumed => Some((index, id.to_owned())),
        _ => None,
    });
    boot.ok_or_else(|| Failure::new("it has not booted before"))
}

fn last_boot_answer(csms: &CsmsRole) -> Result<SystemTime, Failure> {
    let (index, boot) = last_boot(csms)?;
    let log = csms.talk.line.log();
    // A charge point may use its ids again after a restart.
    let answer = log.entries[index..]
        .iter()
        .find(|entry| entry.frame(Direction::ToSut).and_then(Message::id) == Some(&boot));
    answer
        .map(|entry| entry.at)
        .ok_or_else(|| Failure::new("its boot was not answered"))
}

/// Seconds apart, no sooner and no later. Where it says something else in between, it may skip one or count from
/// there [1.6 §4.6].
#[then(regex = r"^it sends (\d+) heartbeats, (\d+) seconds apart$")]
async fn heartbeats(world: &mut World, count: usize, seconds: u64) -> StepResult {
    const OFF: Duration = Duration::from_millis(700);
    let csms = world.csms()?;
    let interval = Duration::from_secs(seconds) * csms.stretch;
    let mut before: Option<SystemTime> = None;
    for _ in 0..count {
        let patience = interval * 2 + SLACK;
        let seen = csms
            .talk
            .expect_within(Order::Next, &Expected::call("Heartbeat"), patience)
            .await?;
        if let Some(before) = before {
            let last_word = {
                let log = csms.talk.line.log();
                let mut entries = log.entries.iter().rev();
                let calls = entries.find(|entry| {
                    let said = matches!(
                        entry.frame(Direction::FromSut),
                        Some(Message::Call { .. } | Message::Result { .. } | Message::Error { .. })
                    );
                    said && entry.at < seen.at
                });
                calls.map_or(before, |entry| entry.at.max(before))
            };
            let since = |moment: SystemTime| seen.at.duration_since(moment).unwrap_or_default();
            if since(before) + OFF < interval || since(last_word) > interval + OFF {
                return Err(Failure::new(format!(
                    "two heartbeats are {} apart, not the interval of {} that it was given [1.6 §4.6]",
                    span(since(before)),
                    span(interval)
                )));
            }
        }
        before = Some(seen.at);
    }
    DONE
}

#[then("it comes back without a boot")]
async fn comes_back(world: &mut World) -> StepResult {
    let csms = world.csms()?;
    let outage = csms
        .outage
        .ok_or_else(|| Failure::new("there was no outage before this step"))?;
    let patience = csms.talk.patience + outage.1;
    let sockets = csms
        .talk
        .marks
        .get("sockets before the outage")
        .copied()
        .unwrap_or(0);
    let back = csms
        .talk
        .line
        .wait(patience, |log| {
            (log.connected && log.sockets > sockets).then_some(())
        })
        .await;
    back.ok_or_else(|| {
        Failure::new(format!(
            "it did not connect again within {}",
            span(patience)
        ))
    })?;

    let booted = csms
        .talk
        .expect_none(SLACK, |action, _| action == "BootNotification");
    if booted.await.is_err() {
        world.warn("it booted again after it had lost no more than its connection [1.6 §4.2]");
    }
    DONE
}

#[then("it boots and stops the transaction because of HardReset, in any order")]
async fn boots_and_stops(world: &mut World) -> StepResult {
    let csms = world.csms()?;
    let stop = super::transaction::stop(csms, "HardReset");
    boot(csms).await?;
    csms.talk.expect(Order::BesideLast, &stop).await?;
    DONE
}

#[then(regex = r"^it reports every connector as (\w+(?: or \w+)*) and connector 0 as (\w+)$")]
async fn all_and_whole(world: &mut World, words: String, whole: String) -> StepResult {
    let csms = world.csms()?;
    let expected = Expected::call("StatusNotification")
        .with("connectorId", 0)
        .with("status", whole);
    csms.talk.expect(Order::Next, &expected).await?;
    let words = crate::words::words(&words);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    statuses(csms, 1, &words, Order::BesideLast).await
}

/// The status of connector 0 and of all others, after a boot or a change of availability.
#[then(regex = r"^it reports connector 0 and every connector as (\w+)$")]
async fn every_connector(world: &mut World, status: String) -> StepResult {
    statuses(world.csms()?, 0, &[&status], Order::Next).await
}

/// What a connector may be after the power was away while a session ran: the session goes on, or it is over.
const IN_OR_AFTER: [&str; 5] = [
    "Charging",
    "SuspendedEV",
    "SuspendedEVSE",
    "Preparing",
    "Finishing",
];

#[then(regex = r"^it reports connector (\d+) in a session or after one and the others as (\w+)$")]
async fn in_session_or_after(world: &mut World, one: u32, others: String) -> StepResult {
    let csms = world.csms()?;
    let mut order = Order::Next;
    for connector in 0..=csms.traits.connectors {
        let words: Vec<Value> = if connector == one {
            IN_OR_AFTER.map(Value::from).to_vec()
        } else {
            vec![others.clone().into()]
        };
        let expected = Expected::call("StatusNotification")
            .with("connectorId", connector)
            .want("status", Want::OneOf(words));
        csms.talk.expect(order, &expected).await?;
        order = Order::BesideLast;
    }
    DONE
}

#[then(
    regex = r"^(before or after that, )?it reports connector (\d+) as (\w+(?:, \w+)*(?: or \w+)?) and the others as (\w+)$"
)]
async fn one_and_others(
    world: &mut World,
    beside: String,
    one: u32,
    status: String,
    others: String,
) -> StepResult {
    let csms = world.csms()?;
    let mut order = Order::of(&beside);
    for connector in 0..=csms.traits.connectors {
        let words = if connector == one {
            crate::words::words(&status)
        } else {
            vec![others.clone()]
        };
        let wanted = words.into_iter().map(Value::from).collect();
        let expected = Expected::call("StatusNotification")
            .with("connectorId", connector)
            .want("status", Want::OneOf(wanted));
        csms.talk.expect(order, &expected).await?;
        order = Order::BesideLast;
    }
    DONE
}
