//! Any message, with its members in a table: `| member | value |`, and `/` in the name of a member of a member.
//!
//! A value is JSON, or a word of the scenario: a tag, `the transaction`, `the transaction of connector 2`,
//! `a transaction that does not run`, `a connector that is not there`, `a charging schedule in its unit`. What is neither
//! is a text.

use cucumber::gherkin::Step;
use cucumber::{then, when};
use serde_json::{Map, Value};

use super::charge_point::configuration::schedule;
use super::csms::CONNECTORS;
use super::csms::command::{expect_command, expect_if_it_can, last_command, order};
use super::world::World;
use crate::case::tags::TagWord;
use crate::failure::{DONE, Failure, StepResult};
use crate::role::station::{Asked, ensure_is_known};

/// What the operator of the CSMS under test wants its charge point to be told. A command that a careful CSMS, or one
/// without a profile, cannot be made to send is not run where the step says `if it can`.
#[when(regex = r"^the operator has the CSMS send ([A-Z]\w+)(, if it can)?$")]
async fn has_it_sent(
    world: &mut World,
    action: String,
    if_it_can: String,
    step: &Step,
) -> StepResult {
    let payload = payload(world, &action, step).await?;
    order(world, &action, payload.clone()).await?;
    world.station()?.asked = Some(Asked {
        action,
        payload,
        if_it_can: !if_it_can.is_empty(),
    });
    DONE
}

/// What was ordered last, in a form that the standard allows.
#[then("the CSMS sends that command")]
async fn sends_that(world: &mut World) -> StepResult {
    let asked = world.station()?.asked.take();
    let asked = asked.ok_or_else(|| Failure::new("no command was ordered before this step"))?;
    expect_ordered(world, asked).await
}

#[then(regex = r"^the CSMS sends ([A-Z]\w+)$")]
async fn sends(world: &mut World, action: String, step: &Step) -> StepResult {
    let payload = payload(world, &action, step).await?;
    let asked = Asked {
        action,
        payload,
        if_it_can: false,
    };
    expect_ordered(world, asked).await
}

async fn expect_ordered(world: &mut World, asked: Asked) -> StepResult {
    let expected = asked.expected();
    if asked.if_it_can {
        expect_if_it_can(world, expected).await?;
    } else {
        expect_command(world, expected).await?;
    }
    if let Some(connector) = asked.connector_left_open(&last_command(world)?) {
        world.warn(format!(
            "the CSMS left the connector of its {} open; connector {connector} was meant",
            asked.action
        ));
    }
    DONE
}

/// The rig's CSMS sends a command to the charge point under test; the step behind it says which answers are right.
#[when(regex = r"^the CSMS sends ([A-Z]\w+)$")]
async fn sends_command(world: &mut World, action: String, step: &Step) -> StepResult {
    let payload = payload(world, &action, step).await?;
    world.csms()?.command(&action, payload).await
}

/// The rig's charge point sends a message to the CSMS under test; the step behind it says which answers are right.
#[when(regex = r"^it sends ([A-Z]\w+)$")]
async fn sends_message(world: &mut World, action: String, step: &Step) -> StepResult {
    let payload = payload(world, &action, step).await?;
    world.station()?.talk.command(&action, payload).await;
    DONE
}

/// The payload that the table of a step describes; without a table an empty one.
async fn payload(world: &mut World, action: &str, step: &Step) -> Result<Value, Failure> {
    ensure_is_known(action)?;
    let mut payload = Value::Object(Map::new());
    let rows = step.table.iter().flat_map(|table| &table.rows);
    for row in rows {
        let [member, words] = row.as_slice() else {
            return Err(Failure::new(format!(
                "the rows of this step have two cells, a member and its value; one has {}",
                row.len()
            )));
        };
        let value = value(world, words).await?;
        put(&mut payload, member, value);
    }
    Ok(payload)
}

/// Puts a value at a place, with what lies between.
fn put(payload: &mut Value, path: &str, value: Value) {
    let mut place = payload;
    for name in path.split('/') {
        if !place.is_object() {
            *place = Value::Object(Map::new());
        }
        place = &mut place[name];
    }
    *place = value;
}

async fn value(world: &mut World, words: &str) -> Result<Value, Failure> {
    const OF_CONNECTOR: &str = "the transaction of connector ";
    /// So far from an id that runs nobody has come.
    const FAR: i64 = 7_919;
    if let Ok(word) = words.parse::<TagWord>() {
        return Ok(world.tag(word).await?.into());
    }
    if let Some(connector) = words.strip_prefix(OF_CONNECTOR) {
        let connector = connector
            .parse()
            .map_err(|_| Failure::new(format!("{words}: no number")))?;
        return Ok(world.csms()?.transaction_on(connector)?.0.into());
    }
    match words {
        "a charging schedule in its unit" => schedule(world.csms()?).await,
        "the transaction" => {
            let running = world.running();
            let running = running.ok_or_else(|| Failure::new("no transaction runs"))?;
            Ok(running.into())
        }
        "a transaction that does not run" => Ok((world.running().unwrap_or(0) + FAR).into()),
        "a connector that is not there" => Ok(match &world.csms {
            Some(csms) => csms.traits.connectors + 1,
            None => CONNECTORS + 1,
        }
        .into()),
        words => Ok(serde_json::from_str(words).unwrap_or_else(|_| words.into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[tokio::test]
    async fn a_cell_is_json_or_a_word_or_a_text() {
        let mut world = World::default();
        for (words, wanted) in [
            ("1", json!(1)),
            (r#""1""#, json!("1")),
            (r#"["A"]"#, json!(["A"])),
            ("Soft", json!("Soft")),
            ("a connector that is not there", json!(CONNECTORS + 1)),
            ("a transaction that does not run", json!(7_919)),
        ] {
            assert_eq!(value(&mut world, words).await.unwrap(), wanted, "{words}");
        }
        assert!(value(&mut world, "the transaction").await.is_err());
        let mut payload = json!({});
        put(&mut payload, "a/b", json!(1));
        put(&mut payload, "a/c", json!(2));
        assert_eq!(payload, json!({"a": {"b": 1, "c": 2}}));
    }
}
