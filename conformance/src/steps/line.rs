//! What should not be on a line, whichever side is under test, and the error it is answered with.

use cucumber::{then, when};
use serde_json::json;

use crate::failure::DONE;
use crate::failure::{Failure, StepResult};
use crate::steps::world::World;
use crate::wire::entry::Message;
use crate::words::words;

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
