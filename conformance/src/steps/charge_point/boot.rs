//! Power on, boot, registration, heartbeat.

use crate::dialect::v16::keys::{stretch, value_in};
use crate::hand::operator::Operator;
use std::time::{Duration, SystemTime};

use cucumber::{given, then};
use dynamo_protocol::trace::Direction;
use serde_json::{Value, json};

use crate::failure::DONE;
use crate::failure::{Failure, StepResult};
use crate::role::csms::CsmsRole;
use crate::role::talk::Seen;
use crate::steps::world::{OrEnd, World};
use crate::watch::expected::{Expected, Order, Want};
use crate::wire::entry::Message;
use crate::wire::script::{
    Answer, now, now_in_the_east, now_in_whole_seconds, now_with_seven_decimals,
};
use crate::words::span;

/// What a charge point may wait beyond an interval, and what its clock may differ.
const SLACK: Duration = Duration::from_millis(1_500);

#[given("a charge point that is booted and idle")]
async fn booted_and_idle(world: &mut World) -> StepResult {
    let rig = world.rig()?;
    let csms = CsmsRole::new(rig, &world.tags).await.or_end(world)?;
    world.csms = Some(csms);
    world.csms()?.start().await.or_end(world)?;
    let csms = world.csms()?;
    if !matches!(csms.operator, Operator::Bundled(_)) {
        statuses_at_once(csms).await?;
    }
    DONE
}

/// A charge point may hold a status back, or leave a short one out, for as long as this key says [1.6 §4.9, §9.1.20].
/// A time of its own that it does not let anybody change is what patience is for.
async fn statuses_at_once(csms: &mut CsmsRole) -> StepResult {
    const KEY: &str = "MinimumStatusDuration";
    let holds_back = csms
        .rig
        .device()
        .and_then(|device| device.value(KEY).map(|value| value != "0"));
    if holds_back == Some(true) && csms.remember(KEY).await?.is_some_and(|is| is != "0") {
        csms.talk
            .command("ChangeConfiguration", json!({"key": KEY, "value": "0"}))
            .await;
        csms.talk.result().await?;
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

#[given(
    regex = r"^the CSMS answers (the next boot|later boots) with (\w+) and an interval of (\d+) seconds?$"
)]
async fn answers_boot(
    world: &mut World,
    which: String,
    status: String,
    seconds: u32,
) -> StepResult {
    let csms = world.csms()?;
    let answer = registration(csms, &status, seconds);
    let mut script = csms.talk.line.script();
    if which == "later boots" {
        script.answer_always("BootNotification", answer);
    } else {
        script.answer_once("BootNotification", answer);
    }
    drop(script);
    DONE
}

/// Told no interval it chooses one, as it likes [1.6 §4.2]; what comes later is the end of it.
#[then("it does not boot again at once")]
async fn does_not_flood(world: &mut World) -> StepResult {
    const AT_ONCE: Duration = Duration::from_millis(500);
    const LATER: usize = 20;
    let talk = &mut world.csms()?.talk;
    talk.expect_none_for(AT_ONCE, |action, _| action == "BootNotification")
        .await?;
    talk.allow_times(Expected::call("BootNotification"), LATER);
    DONE
}

/// The same instant may be written with any offset, and with or without fractions of a second [1.6 §3.15].
#[given(
    regex = r"^the CSMS tells the time (with the offset \+05:30|in whole seconds|with seven decimals)$"
)]
async fn tells_the_time(world: &mut World, form: String) -> StepResult {
    world.csms()?.talk.line.script().clock = match form.as_str() {
        "in whole seconds" => now_in_whole_seconds,
        "with seven decimals" => now_with_seven_decimals,
        _ => now_in_the_east,
    };
    DONE
}

pub(super) async fn boot(csms: &mut CsmsRole) -> Result<Seen, Failure> {
    csms.boot().await
}

#[then("it boots")]
async fn it_boots(world: &mut World) -> StepResult {
    boot(world.csms()?).await.map(|_| ())
}

/// When it tries again is its own choice [1.6 §4.2].
#[then("it boots again")]
async fn it_tries_again(world: &mut World) -> StepResult {
    boot(world.csms()?).await.map(|_| ())
}

/// "It has booted again, or": also when it came while the CSMS was still busy with its commands.
#[then(
    regex = r"^it (has booted again, or )?boots again,? no sooner than (\d+) seconds? after the answer$"
)]
async fn it_boots_again(world: &mut World, also_before: String, seconds: u64) -> StepResult {
    let csms = world.csms()?;
    if !also_before.is_empty() {
        let (boot, _) = last_boot(csms)?;
        let mut log = csms.talk.line.log();
        log.cursor = boot + 1;
        log.cursor_before = boot + 1;
    }
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
/// there [1.6 §4.6]. One that the CSMS could not process may come again at once, so the first answered one counts.
#[then(regex = r"^it sends (\d+) heartbeats, (\d+) seconds apart$")]
async fn heartbeats(world: &mut World, count: usize, seconds: u64) -> StepResult {
    const OFF: Duration = Duration::from_millis(700);
    let csms = world.csms()?;
    let off = OFF.max(csms.talk.settle);
    let interval = Duration::from_secs(seconds) * csms.stretch;
    let patience = interval * 2 + SLACK;
    let mut before: Option<SystemTime> = None;
    let (mut beats, mut has_beaten) = (0, false);
    while beats < count {
        let beat = csms
            .talk
            .expect_within(Order::Next, &Expected::call("Heartbeat"), patience)
            .await;
        let seen = match beat {
            Ok(seen) => seen,
            Err(missing) if has_beaten => return Err(missing),
            Err(missing) => return without_heartbeats(world, interval, missing).await,
        };
        has_beaten = true;
        let answer = csms.talk.answered(&seen).await?;
        let failed = matches!(
            csms.talk.line.log().entries[answer].frame(Direction::ToSut),
            Some(Message::Error { .. })
        );
        if failed {
            continue;
        }
        beats += 1;
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
            if since(before) + off < interval || since(last_word) > interval + off {
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

/// Over a WebSocket a charge point need not send any heartbeat [1.6 §4.6]. It has taken in the interval all the same
/// [1.6 §4.2]: another one in its configuration is a pace of its own.
async fn without_heartbeats(world: &mut World, interval: Duration, missing: Failure) -> StepResult {
    const KEY: &str = "HeartbeatInterval";
    let csms = world.csms()?;
    let question = json!({"key": [KEY]});
    csms.talk.command("GetConfiguration", question).await;
    let is = value_in(&csms.talk.result().await?, KEY)?;
    if is.trim().parse() != Ok(interval.as_secs()) {
        return Err(missing);
    }
    world.warn(format!(
        "it sent no heartbeat, though {KEY} is {is}: over a WebSocket it need not, and one a day is recommended [1.6 §4.6]"
    ));
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
    if back.is_none() {
        let log = csms.talk.line.log();
        let never_away = log.connected && log.sockets == sockets;
        drop(log);
        return Err(if never_away {
            world.cannot_run(
                "the charge point did not notice the outage: its socket lived through it; let it ping, or take the \
                 network away for longer",
            )
        } else {
            Failure::new(format!(
                "it did not connect again within {}",
                span(patience)
            ))
        });
    }

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
    csms.statuses(1, &words, Order::BesideLast).await
}

/// The status of connector 0 and of all others, after a boot or a change of availability.
#[then(regex = r"^it reports connector 0 and every connector as (\w+)$")]
async fn every_connector(world: &mut World, status: String) -> StepResult {
    world.csms()?.statuses(0, &[&status], Order::Next).await
}

/// What a connector may be after the power was away while a session ran: the session goes on, or it is over.
const IN_OR_AFTER: [&str; 5] = [
    "Charging",
    "SuspendedEV",
    "SuspendedEVSE",
    "Preparing",
    "Finishing",
];

/// Where it was to go out of service with the end of the session, it may be so already.
#[then(
    regex = r"^it reports connector (\d+) in a session(?: or after one|(, after one or out of service)) and the others as (\w+)$"
)]
async fn in_session_or_after(
    world: &mut World,
    one: u32,
    out_of_service: String,
    others: String,
) -> StepResult {
    let csms = world.csms()?;
    let mut order = Order::Next;
    for connector in 0..=csms.traits.connectors {
        let words: Vec<Value> = if connector == one {
            let out = (!out_of_service.is_empty()).then(|| "Unavailable".into());
            IN_OR_AFTER
                .map(Value::from)
                .into_iter()
                .chain(out)
                .collect()
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
