//! Commands that an operator has the CSMS send, and the answers it has to cope with.

use std::time::{Duration, SystemTime};

use cucumber::{then, when};
use dynamo_protocol::trace::Direction;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use serde_json::{Value, json};

use crate::case::tags::TagWord;
use crate::failure::DONE;
use crate::failure::{Failure, StepResult};
use crate::hand::driver;
use crate::role::station::{OVERTAKEN, StationRole};
use crate::rules::ocppj::ERROR_CODES;
use crate::steps::csms::{tag_is_accepted, told};
use crate::steps::world::World;
use crate::watch::expected::{Expected, Order};
use crate::wire::entry::{Entry, Message};
use crate::wire::line::Log;
use crate::wire::script::Answer;
use crate::words::span;

/// How long the line is watched for what should not come.
const WATCH: Duration = Duration::from_millis(600);

/// A person may take this long to give a command.
const AS_LONG_AS_IT_TAKES: Duration = Duration::from_secs(86_400);

/// Has the driver order a command; `Err` when this run has no driver.
pub(in crate::steps) async fn order(world: &mut World, action: &str, payload: Value) -> StepResult {
    let driver = world.station()?.csms()?.driver.clone();
    let Some(driver) = driver else {
        return Err(world.cannot_run("needs --driver"));
    };
    let station = world.station()?;
    // What the CSMS has asked by itself so far is not what is ordered now.
    if station.orders.is_empty() && station.held.is_empty() {
        is_quiet(station).await;
        station.talk.begin_act();
    }
    station
        .talk
        .line
        .script()
        .awaited
        .push((action.to_owned(), awaited(action, &payload)));
    station
        .talk
        .line
        .note(format!("driver: {action} {payload}"));
    let tell = station.talk.line.recorder();
    let mut order = driver.order(&station.scenario, &station.id, action, &payload, tell);
    if driver.is_a_person() {
        // What the command may take counts from when it was given; it can be here before the person says so.
        let from = station.talk.line.log().entries.len();
        let came = station.talk.line.wait(AS_LONG_AS_IT_TAKES, |log| {
            let mut calls = log.entries[from..].iter().filter_map(Entry::call_from_sut);
            calls.any(|(_, other, _)| other == action).then_some(())
        });
        tokio::select! {
            () = order.settled() => {}
            _ = came => {}
        }
    }
    station.orders.push(order);
    DONE
}

/// Waits until the CSMS is done with what it does by itself after a boot: its own ClearCache is not the one that is ordered.
async fn is_quiet(station: &StationRole) {
    let pause = QUIET.max(station.talk.settle);
    let deadline = SystemTime::now() + station.talk.patience;
    while SystemTime::now() < deadline {
        let (last, calls) = {
            let log = station.talk.line.log();
            let busy = |entry: &&Entry| match entry.frame(Direction::FromSut) {
                Some(Message::Call { .. }) => true,
                Some(Message::Result { payload, .. }) => payload.get("interval").is_some(),
                _ => false,
            };
            let last = log.entries.iter().rev().find(busy).map(|entry| entry.at);
            (last, log.entries.len())
        };
        let since = last.and_then(|last| last.elapsed().ok()).unwrap_or(pause);
        let Some(left) = pause.checked_sub(since).filter(|left| !left.is_zero()) else {
            return;
        };
        let more = |log: &mut Log| {
            let later = log.entries.get(calls..).unwrap_or_default();
            later
                .iter()
                .any(|entry| entry.call_from_sut().is_some())
                .then_some(())
        };
        station.talk.line.wait(left, more).await;
    }
}

/// So long a CSMS that is done with a charge point that has just booted says nothing.
const QUIET: Duration = Duration::from_millis(200);

/// What of an ordered command makes it known when it comes, so that a step answers it: what a CSMS may leave out, or
/// put in another way, does not count. `null` stands for a member that is not there.
fn awaited(action: &str, payload: &Value) -> Value {
    match action {
        "GetConfiguration" => json!({"key": payload.get("key")}),
        "ChangeAvailability" | "ChangeConfiguration" | "DataTransfer" => payload.clone(),
        "TriggerMessage" => json!({"requestedMessage": payload["requestedMessage"]}),
        // A CSMS does not send these unasked, or they have no members.
        _ => json!({}),
    }
}

/// Waits for a command and keeps it until a step answers it.
pub(in crate::steps) async fn expect_command(world: &mut World, expected: Expected) -> StepResult {
    let station = world.station()?;
    match station.expect(Order::Next, &expected).await {
        Ok(seen) => {
            station
                .held
                .push((seen.id, expected.action().to_owned(), seen.payload));
            DONE
        }
        Err(failure) => Err(with_refusals(station, failure).await),
    }
}

/// The command that a step has seen last.
pub(in crate::steps) fn last_command(world: &mut World) -> Result<Value, Failure> {
    let held = world.station()?.held.last();
    let payload = held.map(|(_, _, payload)| payload.clone());
    payload.ok_or_else(|| Failure::new("no command was seen"))
}

/// Waits for a command that a careful CSMS refuses to send: then the scenario is not run. A silence fails.
pub(in crate::steps) async fn expect_if_it_can(
    world: &mut World,
    expected: Expected,
) -> StepResult {
    let station = world.station()?;
    let ordered = station.orders.pop();
    let mut ordered = ordered.ok_or_else(|| Failure::new("no command was ordered"))?;
    let patience = station.talk.patience;
    let refusal = tokio::select! {
        seen = station.talk.expect(Order::Next, &expected) => {
            let seen = seen?;
            station.held.push((seen.id, expected.action().to_owned(), seen.payload));
            return DONE;
        }
        refusal = ordered.refused() => refusal,
    };
    // The CALL counts, and it may have overtaken the refusal on another socket.
    let overtaken = patience.min(OVERTAKEN);
    match station
        .talk
        .look_for(Order::Next, &expected, overtaken)
        .await
    {
        Some(seen) => {
            let held = (seen.id, expected.action().to_owned(), seen.payload);
            station.held.push(held);
            DONE
        }
        None if refusal.cannot || refusal.of_the_order => Err(world.cannot_run(format!(
            "the CSMS cannot be made to send it: {}",
            refusal.reason
        ))),
        None => Err(Failure::new(format!(
            "no {expected} came, because {}",
            refusal.reason
        ))),
    }
}

/// A failure to see a command, with what the driver said against ordering it.
async fn with_refusals(station: &mut StationRole, failure: Failure) -> Failure {
    let mut reasons = vec![failure.0];
    for order in std::mem::take(&mut station.orders) {
        reasons.extend(order.refusal().await);
    }
    Failure(reasons.join("; "))
}

#[when(regex = r"^it answers ([A-Z]\w+)$")]
async fn answers(world: &mut World, status: String) -> StepResult {
    world
        .station()?
        .answer_held(&Answer::Result(json!({"status": status})))
        .await
}

#[when("it answers with its configuration")]
async fn answers_configuration(world: &mut World) -> StepResult {
    let station = world.station()?;
    let asked = station.held.first().map(|(_, _, payload)| payload.clone());
    let answer = station.answers.configuration(&asked.unwrap_or_default());
    station.answer_held(&Answer::Result(answer)).await
}

#[when(regex = r"^it answers with the error ([A-Z]\w+)$")]
async fn answers_error(world: &mut World, code: String) -> StepResult {
    let known = ERROR_CODES.into_iter().find(|known| *known == code);
    let code = known.ok_or_else(|| Failure::new(format!("OCPP 1.6 has no error {code}")))?;
    let station = world.station()?;
    station.answer_held(&Answer::Error { code }).await
}

#[when("it answers the command on the first line")]
async fn answers_on_first_line(world: &mut World) -> StepResult {
    let station = world.station()?;
    if station.held.is_empty() {
        return Err(Failure::new("no command came on the first line"));
    }
    let (id, _, _) = station.held.remove(0);
    let older = station
        .older
        .as_ref()
        .ok_or_else(|| Failure::new("there is only one line"))?;
    older
        .answer(&id, &Answer::Result(json!({"configurationKey": []})))
        .await;
    DONE
}

#[then("the CSMS sends nothing more and still serves")]
async fn still_serves(world: &mut World) -> StepResult {
    let station = world.station()?;
    station
        .talk
        .expect_none(WATCH, |action, _| {
            !crate::rules::v16::CSMS_MAY.contains(&action)
        })
        .await?;
    let result = told(station, "Heartbeat", json!({})).await?;
    match result["currentTime"].as_str() {
        Some(_) => DONE,
        None => Err(Failure::new(format!(
            "the answer {result} to a heartbeat has no time"
        ))),
    }
}

/// Two commands were ordered; the second must wait for the answer to the first [1.6J §4.1.1].
#[then("the CSMS sends UnlockConnector or ClearCache, and one alone")]
async fn one_alone(world: &mut World) -> StepResult {
    let station = world.station()?;
    let seen = next_of(station, &["UnlockConnector", "ClearCache"]).await?;
    station.held.push(seen);
    let alone = station
        .talk
        .expect_none(WATCH, |action, _| {
            matches!(action, "UnlockConnector" | "ClearCache")
        })
        .await;
    match alone {
        Ok(()) => DONE,
        Err(Failure(sent)) => {
            let failure = Failure(format!(
                "{sent} before the other command was answered; one call waits for its answer at a time [1.6J §4.1.1]"
            ));
            Err(with_refusals(station, failure).await)
        }
    }
}

#[when("it answers both in turn")]
async fn answers_both(world: &mut World) -> StepResult {
    let station = world.station()?;
    answer_in_kind(station).await?;
    let seen = next_of(station, &["UnlockConnector", "ClearCache"]).await?;
    station.held.push(seen);
    answer_in_kind(station).await
}

async fn answer_in_kind(station: &mut StationRole) -> StepResult {
    let unlock = station
        .held
        .first()
        .is_some_and(|(_, action, _)| action == "UnlockConnector");
    let status = if unlock { "Unlocked" } else { "Accepted" };
    station
        .answer_held(&Answer::Result(json!({"status": status})))
        .await
}

/// The next command that is one of these; not waited for when the driver has refused to order any, or cannot order one.
async fn next_of(
    station: &mut StationRole,
    actions: &[&str],
) -> Result<(String, String, Value), Failure> {
    let look = |log: &mut Log| {
        let entry = log.entries.iter_mut().skip(log.cursor).find(|entry| {
            !entry.consumed
                && entry
                    .call_from_sut()
                    .is_some_and(|(_, action, _)| actions.contains(&action))
        })?;
        entry.consumed = true;
        let (id, action, payload) = entry.call_from_sut()?;
        Some((id.to_owned(), action.to_owned(), payload.clone()))
    };
    let ordered = !station.orders.is_empty();
    let refused = all_refused(&mut station.orders);
    let (patience, cannot) = tokio::select! {
        found = station.talk.line.wait(station.talk.patience, look) => match found {
            Some(seen) => return Ok(seen),
            None => (station.talk.patience, None),
        },
        // The CALL counts, and it may have overtaken the refusals on another socket.
        cannot = refused, if ordered => match station.talk.line.wait(OVERTAKEN, look).await {
            Some(seen) => return Ok(seen),
            None => (OVERTAKEN, cannot),
        },
    };
    station.cannot = station.cannot.take().or(cannot);
    let failure = Failure::new(format!(
        "neither {} came within {}",
        actions.join(" nor "),
        span(patience)
    ));
    Err(with_refusals(station, failure).await)
}

/// Comes back when all orders are refused, or with the reason why one cannot be given at all.
async fn all_refused(orders: &mut [driver::Order]) -> Option<String> {
    let mut refusals: FuturesUnordered<_> = orders.iter_mut().map(driver::Order::refused).collect();
    while let Some(refusal) = refusals.next().await {
        if refusal.cannot {
            return Some(refusal.reason);
        }
    }
    None
}

/// Both directions have a call open at the same time, which the standard allows.
#[when("it is sent a command while it asks about the known tag")]
async fn crossing(world: &mut World) -> StepResult {
    let tag = world.tag(TagWord::Known).await?;
    order(world, "ClearCache", json!({})).await?;
    expect_command(world, Expected::call("ClearCache")).await?;
    world
        .station()?
        .talk
        .command("Authorize", json!({"idTag": tag}))
        .await;
    DONE
}

#[then("both are answered")]
async fn both_answered(world: &mut World) -> StepResult {
    let station = world.station()?;
    let result = station.talk.result().await?;
    tag_is_accepted(station, &result)?;
    station
        .answer_held(&Answer::Result(json!({"status": "Accepted"})))
        .await?;
    let result = told(station, "Heartbeat", json!({})).await?;
    if result["currentTime"].is_string() {
        DONE
    } else {
        Err(Failure::new("the line does not serve any more"))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::case::tags::Tags;
    use crate::hand::driver::Driver;
    use crate::role::rig::{CsmsUnderTest, Identity, Rig, RigParts};
    use crate::wire::entry::EntryKind;

    /// A driver that takes no order, and says so with this status.
    async fn refusing_driver(status: u16) -> String {
        let status = axum::http::StatusCode::from_u16(status).unwrap();
        let refuse = move || async move { (status, "no such charge point") };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let routes = axum::Router::new().fallback(refuse);
        tokio::spawn(async move { axum::serve(listener, routes).await });
        format!("http://{addr}/send")
    }

    /// A rig whose driver takes no order.
    async fn refused_rig(status: u16) -> (Driver, Arc<Rig>) {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let url = refusing_driver(status).await;
        let driver = Driver::new(&url, &[], reqwest::Client::new()).unwrap();
        let parts = RigParts {
            charger: None,
            server: None,
            csms: Some(CsmsUnderTest {
                url: "ws://127.0.0.1:9".into(),
                identity: Identity::One("CP-1".into()),
                password: None,
                tls: None,
                driver: Some(driver.clone()),
            }),
            api: None,
            cpo: None,
            tags: Tags {
                known: vec!["A".into()],
                shared: true,
                unknown: "B".into(),
                blocked: None,
                expired: None,
            },
            patience: Duration::from_secs(600),
            settle: Duration::ZERO,
            reboot: Duration::from_secs(10),
            schemas: None,
            between: crate::role::rig::Between::default(),
        };
        (driver, Arc::new(Rig::new(parts)))
    }

    #[tokio::test]
    async fn a_second_start_in_the_same_instant_is_another_message() {
        let (_, rig) = refused_rig(404).await;
        let mut station = StationRole::new(rig, "scenario").unwrap();
        let now = "2026-01-01T00:00:00.000Z";
        let mut start = || crate::steps::csms::session::start(&mut station, 1, "A", now.into());
        assert_ne!(start(), start());
    }

    #[tokio::test]
    async fn a_command_that_a_careful_csms_refuses_to_send_is_not_run_and_any_other_fails() {
        let (driver, rig) = refused_rig(422).await;
        let order = |tell: fn(String)| {
            driver.order("a scenario", "CP-1", "UnlockConnector", &json!({}), tell)
        };
        let mut world = World::default();
        world.station = Some(StationRole::new(Arc::clone(&rig), "a scenario").unwrap());
        world.rig = Some(rig);
        let expected = Expected::call("UnlockConnector");
        world.station().unwrap().orders.push(order(|_| {}));
        let Failure(text) = expect_if_it_can(&mut world, expected.clone())
            .await
            .unwrap_err();
        assert!(
            text.starts_with("not run: the CSMS cannot be made to send it"),
            "{text}"
        );
        world.station().unwrap().orders.push(order(|_| {}));
        let Failure(text) = expect_command(&mut world, expected).await.unwrap_err();
        assert!(
            text.starts_with("no UnlockConnector came, because"),
            "{text}"
        );
    }

    #[tokio::test]
    async fn a_command_that_does_not_come_fails_with_what_the_driver_said() {
        let (driver, rig) = refused_rig(422).await;
        let mut station = StationRole::new(rig, "a scenario").unwrap();
        for action in ["UnlockConnector", "ClearCache"] {
            let tell = station.talk.line.recorder();
            let order = driver.order("a scenario", "CP-1", action, &json!({}), tell);
            station.orders.push(order);
        }
        let Failure(text) = next_of(&mut station, &["UnlockConnector", "ClearCache"])
            .await
            .unwrap_err();
        let wanted = "neither UnlockConnector nor ClearCache came within 1 s; ";
        assert!(text.starts_with(wanted), "{text}");
        assert_eq!(text.matches(" 422 ").count(), 2, "{text}");
        assert!(text.contains("no such charge point"), "{text}");
        let log = station.talk.line.log();
        let notes = log.entries.iter().filter(|entry| {
            matches!(&entry.kind, EntryKind::Note(text) if text.starts_with("driver answered"))
        });
        assert_eq!(notes.count(), 2, "what the driver said is on record");
    }

    #[tokio::test]
    async fn a_command_that_a_driver_cannot_order_at_all_is_not_run() {
        let (driver, rig) = refused_rig(501).await;
        let mut world = World::default();
        world.station = Some(StationRole::new(Arc::clone(&rig), "a scenario").unwrap());
        world.rig = Some(rig);
        let order = |action| driver.order("a scenario", "CP-1", action, &json!({}), |_| {});
        world.station().unwrap().orders.push(order("DataTransfer"));
        let expected = Expected::call("DataTransfer");
        let Failure(text) = expect_if_it_can(&mut world, expected).await.unwrap_err();
        assert!(
            text.starts_with("not run: the CSMS cannot be made"),
            "{text}"
        );
        let station = world.station().unwrap();
        station.orders = vec![order("ClearCache")];
        let found = next_of(station, &["UnlockConnector", "ClearCache"]).await;
        assert!(found.is_err());
        assert!(station.cannot.as_ref().unwrap().contains("501"));
    }
}
