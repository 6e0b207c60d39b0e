//! Steps of scenarios that put a CSMS to the test: the rig is its charge point.

mod boot;
pub(super) mod command;
mod forms;
mod line;
mod session;

pub(crate) use boot::{accepted_by_csms, accepted_with};
pub(crate) use session::{session_runs, transaction_begins};

use serde_json::Value;

use crate::case::side::Side;
use crate::failure::DONE;
use crate::failure::{Failure, StepResult};
use crate::role::station::StationRole;
use crate::wire::entry::Entry;
use crate::words::quoted;

/// Connectors of the scripted charge point.
pub(super) const CONNECTORS: u32 = 2;

/// Sends a call and wants it acknowledged: the beginning of many scenarios.
async fn told(station: &mut StationRole, action: &str, payload: Value) -> Result<Value, Failure> {
    station.talk.command(action, payload).await;
    station.talk.result().await
}

/// One of these words must be the status of the answer.
fn status_is(result: &Value, pointer: &str, wanted: &[String]) -> StepResult {
    match result.pointer(pointer).and_then(Value::as_str) {
        Some(status) if wanted.iter().any(|word| word == status) => DONE,
        Some(status) => Err(Failure::new(format!(
            "the CSMS answered {status}, not {}",
            wanted.join(" or ")
        ))),
        None => Err(Failure::new(format!("the answer {result} has no status"))),
    }
}

/// The words with which a tag is refused [1.6 §7.2].
const REFUSALS: [&str; 4] = ["Blocked", "Expired", "Invalid", "ConcurrentTx"];

/// The tag of our last call is accepted.
fn tag_is_accepted(station: &StationRole, result: &Value) -> StepResult {
    is_acceptance(result).map_err(|failure| {
        let log = station.talk.line.log();
        let mut calls = log.entries.iter().rev().filter_map(Entry::call_to_sut);
        match calls.find_map(|(_, _, payload)| payload["idTag"].as_str()) {
            Some(tag) => Failure::new(format!(
                "{failure}; the tag was {}, and the CSMS has to accept the tags of --id-tag",
                quoted(tag)
            )),
            None => failure,
        }
    })
}

/// It is one, and its time is not over: that is no acceptance [1.6 §7.27].
fn is_acceptance(result: &Value) -> StepResult {
    status_is(result, "/idTagInfo/status", &["Accepted".to_owned()])?;
    let Some(until) = result.pointer("/idTagInfo/expiryDate") else {
        return DONE;
    };
    let stamp: Option<jiff::Timestamp> = until.as_str().and_then(|text| text.parse().ok());
    match stamp {
        None => Err(Failure::new(format!("its expiryDate {until} is no time"))),
        Some(stamp) if stamp > jiff::Timestamp::now() => DONE,
        Some(_) => Err(Failure::new(format!(
            "the CSMS answered Accepted with the expiryDate {until}, which is over: a charge point that minds it \
             charges nobody [1.6 §7.27]"
        ))),
    }
}

/// The tag is refused. Another word than this one refuses as well, and is remarked on; of the CSMS behind our own API
/// the word itself is demanded.
fn tag_is_refused(result: &Value, word: &str, side: Side) -> Result<Option<String>, Failure> {
    match result.pointer("/idTagInfo/status").and_then(Value::as_str) {
        Some(status) if status == word => Ok(None),
        Some(status) if side == Side::Csms && REFUSALS.contains(&status) => Ok(Some(format!(
            "the CSMS refused the tag with {status}; the word for it is {word} [1.6 §7.2]"
        ))),
        _ => status_is(result, "/idTagInfo/status", &[word.to_owned()]).map(|()| None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_acceptance_that_is_over_is_none() {
        let with = |until: Value| json!({"idTagInfo": {"status": "Accepted", "expiryDate": until}});
        assert!(is_acceptance(&json!({"idTagInfo": {"status": "Accepted"}})).is_ok());
        assert!(is_acceptance(&with(json!("2999-01-01T00:00:00+02:00"))).is_ok());
        assert!(is_acceptance(&with(json!("2001-01-01T00:00:00Z"))).is_err());
        assert!(is_acceptance(&with(json!("tomorrow"))).is_err());
        assert!(is_acceptance(&json!({"idTagInfo": {"status": "Blocked"}})).is_err());
    }

    #[test]
    fn another_refusing_word_is_remarked_on_and_an_acceptance_is_none() {
        let of = |word: &str, side: Side| {
            let result = json!({"idTagInfo": {"status": word}});
            tag_is_refused(&result, "Invalid", side).map(|remark| remark.is_some())
        };
        assert!(!of("Invalid", Side::Csms).unwrap());
        assert!(of("Blocked", Side::Csms).unwrap());
        assert!(of("Accepted", Side::Csms).is_err());
        assert!(of("Blocked", Side::Api).is_err(), "our own word is known");
    }
}
