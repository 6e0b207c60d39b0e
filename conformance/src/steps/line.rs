//! What should not be on a line, whichever side is under test, and the error it is answered with.

use std::sync::atomic::{AtomicU64, Ordering};

use cucumber::{then, when};
use serde_json::json;

use crate::case::side::Side;
use crate::failure::DONE;
use crate::failure::{Failure, StepResult};
use crate::steps::world::World;
use crate::wire::entry::{Entry, EntryKind, Message};
use crate::wire::line::{SPACED, pong};
use crate::words::{quoted, span, words};

/// Texts that are no frame, or frames that answer nothing.
const RUBBISH: [&str; 8] = [
    "",
    "hello",
    "{}",
    "[]",
    "[2]",
    r#"[9,"x","Heartbeat",{}]"#,
    r#"[3,"nobody-asked",{}]"#,
    r#"[4,"nobody-asked","GenericError","",{}]"#,
];

#[when(regex = r"^(?:the CSMS|it) sends an action that nobody knows$")]
async fn unknown_action(world: &mut World) -> StepResult {
    world
        .talk()?
        .command_that_may_fail("DanceOnTheTable", json!({}))
        .await;
    DONE
}

#[when(regex = r"^(?:the CSMS|it) sends rubbish$")]
async fn rubbish(world: &mut World) -> StepResult {
    let talk = world.talk()?;
    for text in RUBBISH {
        talk.line.send(text.to_owned()).await;
    }
    DONE
}

/// Spaces and escapes change nothing of what a text in JSON says [1.6J §4.1.2, RFC 8259 §2, §7].
#[when(regex = r"^(?:the CSMS|it) sends a call whose JSON has spaces and escapes$")]
async fn spaced_call(world: &mut World) -> StepResult {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let talk = world.talk()?;
    let id = format!("{SPACED}{}", NEXT.fetch_add(1, Ordering::Relaxed));
    let (action, rest) = match talk.side {
        Side::ChargePoint => (
            "GetConfiguration",
            r#""GetConfigur\u0061tion" ,  { "key" : [ "Heartbe\u0061tInterval" ] } ]"#,
        ),
        Side::Csms | Side::Api | Side::Cpo => ("Heartbeat", r#""Heartbe\u0061t" ,  { } ]"#),
    };
    talk.begin_act();
    talk.line
        .send(format!("[ 2 ,\r\n\t\"{id}\" ,\n{rest}\n"))
        .await;
    talk.last_call = Some((id, action.to_owned()));
    DONE
}

#[then(regex = r"^(?:the CSMS|it) answers that call$")]
async fn answers_that(world: &mut World) -> StepResult {
    world.talk()?.result().await.map(|_| ())
}

/// What each ping of the rig holds.
const PING: &str = "who is there";

#[when(regex = r"^(?:the CSMS|it) sends a ping$")]
async fn sends_ping(world: &mut World) -> StepResult {
    world.talk()?.line.ping(PING).await;
    DONE
}

/// With what the ping held [RFC 6455 §5.5.3].
#[then(regex = r"^(?:the CSMS|it) answers the ping$")]
async fn answers_ping(world: &mut World) -> StepResult {
    let talk = world.talk()?;
    let pong = pong(PING);
    let is_pong = |entry: &Entry| matches!(&entry.kind, EntryKind::Note(text) if *text == pong);
    let came = talk.line.wait(talk.patience, |log| {
        log.entries.iter().any(is_pong).then_some(())
    });
    match came.await {
        Some(()) => DONE,
        None => Err(Failure::new(format!(
            "no pong with {} came within {} [1.6J §5.3]",
            quoted(PING),
            span(talk.patience)
        ))),
    }
}

#[then(regex = r"^(?:the CSMS|it) answers with the error (\w+(?:, \w+)*(?: or \w+)?)$")]
async fn answers_error(world: &mut World, wanted: String) -> StepResult {
    let talk = world.talk()?;
    match talk.answer().await? {
        Message::Error { id, code, .. } if words(&wanted).contains(&code) => {
            talk.errors_expected.insert(id);
            DONE
        }
        other => Err(Failure::new(format!(
            "the error {wanted} is expected, not {other}"
        ))),
    }
}
