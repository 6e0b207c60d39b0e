//! Connecting, boot, heartbeat, status; two lines of one charge point.

use std::time::{Duration, Instant};

use cucumber::{given, then, when};
use serde_json::{Value, json};

use crate::failure::DONE;
use crate::failure::{Failure, StepResult};
use crate::peer::station::Welcome;
use crate::role::Closed;
use crate::role::station::StationRole;
use crate::steps::csms::{CONNECTORS, status_is, told};
use crate::steps::world::{OrEnd as _, World};
use crate::wire::script::now;
use crate::words::{quoted, span};

/// What the clock of a CSMS may differ from the rig's.
const CLOCK_SLACK: Duration = Duration::from_secs(300);

/// How soon "at once" is.
const AT_ONCE: Duration = Duration::from_secs(2);

pub(super) fn boot_notification() -> Value {
    json!({"chargePointVendor": "Dynamo", "chargePointModel": "Scripted", "firmwareVersion": "1.0"})
}

fn status(connector: u32, status: &str, error_code: &str) -> Value {
    json!({"connectorId": connector, "status": status, "errorCode": error_code, "timestamp": now()})
}

#[given("a charge point that the CSMS has accepted")]
async fn accepted(world: &mut World) -> StepResult {
    connects(world).await?;
    let station = world.station()?;
    let registered = registers(station, &boot_notification()).await;
    registered.or_end(world)?;
    reports_connectors(world.station()?).await
}

#[given(regex = r"^a charge point with (\w+) and (\w+) that the CSMS has accepted$")]
async fn accepted_with_profiles(world: &mut World, one: String, other: String) -> StepResult {
    connects(world).await?;
    let station = world.station()?;
    station.answers.claim(&one);
    station.answers.claim(&other);
    let registered = registers(station, &boot_notification()).await;
    registered.or_end(world)?;
    reports_connectors(world.station()?).await
}

/// Boots and reports its connectors.
pub(crate) async fn accepted_by_csms(station: &mut StationRole) -> StepResult {
    accepted_with(station, boot_notification()).await
}

/// Boots with what is known of it and reports its connectors.
pub(crate) async fn accepted_with(station: &mut StationRole, boot: Value) -> StepResult {
    let registration = told(station, "BootNotification", boot).await?;
    status_is(&registration, "/status", &["Accepted".to_owned()])?;
    station.accepted = true;
    reports_connectors(station).await
}

/// Boots until the CSMS accepts it; one that keeps it waiting for longer than the patience cannot be tested with it.
async fn registers(station: &mut StationRole, boot: &Value) -> Result<(), Closed> {
    let first = told(station, "BootNotification", boot.clone()).await?;
    match until_accepted(station, boot, first).await? {
        Registered::Accepted(_) => Ok(()),
        Registered::Waits { status } => Err(Closed::NotRun(format!(
            "the CSMS answers the boots of {} with {status} for as long as --timeout says: accept it there",
            station.id
        ))),
    }
}

/// What came of the boots.
enum Registered {
    /// The answer that accepted it.
    Accepted(Value),
    /// It was kept waiting, with this word, for longer than the patience.
    Waits { status: String },
}

/// A charge point that is kept Pending or is Rejected boots again when the interval is over [1.6 §4.2]. A CSMS may
/// close the line to one it rejects.
async fn until_accepted(
    station: &mut StationRole,
    boot: &Value,
    first: Value,
) -> Result<Registered, Failure> {
    let deadline = Instant::now() + station.talk.patience;
    let mut answer = first;
    loop {
        let status = answer["status"].as_str().unwrap_or_default().to_owned();
        match status.as_str() {
            "Accepted" => {
                station.accepted = true;
                return Ok(Registered::Accepted(answer));
            }
            "Pending" | "Rejected" => clock_is_right(&answer)?,
            _ => {
                return Err(Failure::new(format!(
                    "the answer {answer} to a boot has no status that the standard knows"
                )));
            }
        }
        // With 0 the charge point chooses [1.6 §4.2].
        let interval = match answer["interval"].as_u64() {
            None | Some(0) => AT_ONCE,
            Some(seconds) => Duration::from_secs(seconds),
        };
        let again = Instant::now().checked_add(interval);
        if again.is_none_or(|again| again > deadline) {
            return Ok(Registered::Waits { status });
        }
        station.talk.line.wait(interval, |_| None::<()>).await;
        if !station.talk.line.log().connected {
            station.connect().await?;
        }
        answer = told(station, "BootNotification", boot.clone()).await?;
    }
}

async fn reports_connectors(station: &mut StationRole) -> StepResult {
    for connector in 0..=CONNECTORS {
        told(
            station,
            "StatusNotification",
            status(connector, "Available", "NoError"),
        )
        .await?;
    }
    DONE
}

#[when("a charge point connects")]
async fn connects(world: &mut World) -> StepResult {
    let station = StationRole::new(world.rig()?, &world.scenario)?;
    world.station = Some(station);
    world.station()?.connect().await
}

#[when(
    regex = r"^a charge point offers (?:only the subprotocol|the subprotocols) (\S+)(?: and (\S+))?$"
)]
async fn offers(world: &mut World, one: String, other: String) -> StepResult {
    let station = StationRole::new(world.rig()?, &world.scenario)?;
    world.station = Some(station);
    let offer = if other.is_empty() {
        one
    } else {
        format!("{one}, {other}")
    };
    let station = world.station()?;
    let welcome = station.knock(&offer).await?;
    station
        .talk
        .line
        .note(format!("rig: offered {offer}; the CSMS {welcome}"));
    station.welcome = Some(welcome);
    DONE
}

#[when("a charge point offers no subprotocol")]
async fn offers_none(world: &mut World) -> StepResult {
    let station = StationRole::new(world.rig()?, &world.scenario)?;
    world.station = Some(station);
    let station = world.station()?;
    let welcome = station.knock("").await?;
    let note = format!("rig: offered no subprotocol; the CSMS {welcome}");
    station.talk.line.note(note);
    station.welcome = Some(welcome);
    DONE
}

/// The socket is opened without a subprotocol and closed at once [1.6J §3.2]; refusing the handshake says the same.
#[then("the CSMS confirms no subprotocol and closes the line")]
async fn no_subprotocol(world: &mut World) -> StepResult {
    let station = world.station()?;
    match station.welcome.take() {
        Some(Welcome::Refused {
            status: status @ (400 | 403 | 406 | 426),
        }) => {
            world.warn(format!(
                "the CSMS refused the handshake with HTTP {status}; it should complete it without a subprotocol and close \
                 the line [1.6J §3.2]"
            ));
            DONE
        }
        Some(Welcome::Open { subprotocol: None }) => {
            let closed = station.talk.line.wait(AT_ONCE, |log| {
                (log.sockets > 0 && !log.connected).then_some(())
            });
            closed
                .await
                .ok_or_else(|| Failure::new("the line stayed open; without a subprotocol that both know it should be closed at once [1.6J §3.2]"))
        }
        Some(other) => Err(Failure::new(format!(
            "the CSMS {other}; it should confirm no subprotocol and close the line, or refuse the handshake with HTTP \
             400, 403, 406 or 426 [1.6J §3.2]"
        ))),
        None => Err(Failure::new("no step before this one has knocked")),
    }
}

#[then(regex = r"^the CSMS confirms the subprotocol (\S+)$")]
async fn subprotocol(world: &mut World, wanted: String) -> StepResult {
    match world.station()?.welcome.take() {
        Some(Welcome::Open {
            subprotocol: Some(is),
        }) if is == wanted => DONE,
        Some(other) => Err(Failure::new(format!(
            "the CSMS {other}; the subprotocol {wanted} is expected [1.6J §3.2]"
        ))),
        None => Err(Failure::new("no step before this one has knocked")),
    }
}

#[when("it boots")]
async fn boots(world: &mut World) -> StepResult {
    world
        .station()?
        .talk
        .command("BootNotification", boot_notification())
        .await;
    DONE
}

/// An interval of 0 has a meaning for the other words alone [1.6 §4.2], and heartbeats may be left out [1.6 §4.6].
#[then("the CSMS answers Accepted with its clock and an interval")]
async fn answers_boot(world: &mut World) -> StepResult {
    let station = world.station()?;
    let first = station.talk.result().await?;
    let boot = station.talk.last_call_payload()?;
    let result = match until_accepted(station, &boot, first).await? {
        Registered::Accepted(result) => result,
        Registered::Waits { status } => {
            return Err(Failure::new(format!(
                "the CSMS answered {status}, not Accepted, until the time was over"
            )));
        }
    };
    clock_is_right(&result)?;
    match result["interval"].as_i64() {
        Some(1..) => DONE,
        Some(0) => {
            world.warn("the interval of an accepted boot is 0");
            DONE
        }
        _ => Err(Failure::new(format!(
            "the interval is {}, not a number of seconds",
            result["interval"]
        ))),
    }
}

fn clock_is_right(result: &Value) -> StepResult {
    let stamp = heard_clock(result)?;
    let off = jiff::Timestamp::now().duration_since(stamp).unsigned_abs();
    if off > CLOCK_SLACK {
        return Err(Failure::new(format!(
            "the clock of the CSMS is off by {}; no more than {} are expected",
            span(off),
            span(CLOCK_SLACK)
        )));
    }
    DONE
}

#[then("the CSMS answers with its clock")]
async fn answers_clock(world: &mut World) -> StepResult {
    let result = world.station()?.talk.result().await?;
    clock_is_right(&result)
}

/// How long a clock is watched before it is read again.
const CLOCK_WATCH: Duration = Duration::from_secs(2);

/// Whole seconds are fine enough; a clock that stands still is not.
#[then(regex = r"^the clock of the CSMS has gone on 2 seconds later$")]
async fn clock_goes_on(world: &mut World) -> StepResult {
    let station = world.station()?;
    let before = heard_clock(&station.talk.result().await?)?;
    station.talk.line.wait(CLOCK_WATCH, |_| None::<()>).await;
    let after = heard_clock(&told(station, "Heartbeat", json!({})).await?)?;
    if after > before {
        return DONE;
    }
    Err(Failure::new(format!(
        "the clock of the CSMS said {before}, and {} later {after} [1.6 §4.6]",
        span(CLOCK_WATCH)
    )))
}

fn heard_clock(result: &Value) -> Result<jiff::Timestamp, Failure> {
    let text = result["currentTime"].as_str().unwrap_or_default();
    let stamp = text.parse();
    stamp.map_err(|_| Failure::new(format!("its currentTime {} is no time", quoted(text))))
}

#[when(regex = r"^it reports connector (\d+) as (\w+)(?: with (\w+))?$")]
async fn reports(
    world: &mut World,
    connector: u32,
    word: String,
    error_code: String,
) -> StepResult {
    let error_code = if error_code.is_empty() {
        "NoError"
    } else {
        &error_code
    };
    world
        .station()?
        .talk
        .command("StatusNotification", status(connector, &word, error_code))
        .await;
    DONE
}

#[then("the CSMS acknowledges")]
async fn acknowledges(world: &mut World) -> StepResult {
    world.station()?.talk.result().await.map(|_| ())
}

#[when("it loses its connection and connects again")]
async fn connects_again(world: &mut World) -> StepResult {
    let station = world.station()?;
    station.talk.line.hang_up(true).await;
    let down = station
        .talk
        .line
        .wait(station.talk.patience, |log| (!log.connected).then_some(()))
        .await;
    down.ok_or_else(|| Failure::new("the line did not go down"))?;
    tokio::time::sleep(BACK_AGAIN).await;
    station.connect().await
}

/// How soon a charge point is back after a loss: no hardware is faster, and a CSMS may not have seen the loss before.
const BACK_AGAIN: Duration = Duration::from_millis(500);

#[when("it connects once more while the first line is still open")]
async fn connects_beside(world: &mut World) -> StepResult {
    world.station()?.connect_beside().await
}

#[then("the CSMS closes the first line")]
async fn closes_first(world: &mut World) -> StepResult {
    let station = world.station()?;
    let patience = station.talk.patience;
    let older = station
        .older
        .as_ref()
        .ok_or_else(|| Failure::new("there is only one line"))?;
    let closed = older
        .wait(patience, |log| (!log.connected).then_some(()))
        .await;
    closed.ok_or_else(|| {
        Failure::new(format!(
            "the first line is still open after {}",
            span(patience)
        ))
    })
}
