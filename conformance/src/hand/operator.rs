//! The hand on the charger under test: plugs in, swipes cards, pulls the power.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use dynamo_simulator::charge_point::{Action, CableSide};
use dynamo_simulator::{Handle, OperateError};
use indicatif::{ProgressBar, ProgressDrawTarget};
use rustix::termios::{QueueSelector, tcflush};
use serde_json::{Value, json};
use tokio::sync::Mutex;

use crate::peer::http::{beginning, in_words};

/// How the rig makes things happen at the charger.
#[derive(Clone, Debug)]
pub(crate) enum Operator {
    /// The bundled charge point, in this process.
    Bundled(Arc<Handle>),
    /// The control API of a simulator or of a test bench.
    Http {
        url: String,
        client: reqwest::Client,
        charge_point_id: String,
    },
    /// A person at the terminal.
    Prompt(Person),
    /// Nobody.
    Absent,
}

/// Why an action did not happen.
#[derive(Debug)]
pub(crate) enum OperatorError {
    /// This charger, or nobody here, can do it: the scenario is not run.
    Impossible(String),
    /// The charger did not let it happen, as a lock does not let a cable go.
    Refused(String),
    /// It should have worked: that says nothing about the charger.
    Failed(String),
}

impl Operator {
    /// Acts without asking a person.
    pub(crate) fn is_a_machine(&self) -> bool {
        matches!(self, Self::Bundled(_) | Self::Http { .. })
    }

    /// Does it, and comes back when it is done.
    pub(crate) async fn act(&self, action: Action) -> Result<(), OperatorError> {
        match self {
            Self::Bundled(handle) => match handle.operate(action).await {
                Ok(()) => Ok(()),
                Err(OperateError::Impossible(reason)) => Err(OperatorError::Impossible(reason)),
                Err(OperateError::Refused(reason)) => Err(OperatorError::Refused(reason)),
                Err(error) => Err(OperatorError::Failed(error.to_string())),
            },
            Self::Http {
                url,
                client,
                charge_point_id,
            } => post(client, url, charge_point_id, &action).await,
            Self::Prompt(person) => {
                person.has_acted.store(true, Ordering::Relaxed);
                person.ask(&describe(&action), Replies::Locked).await
            }
            Self::Absent => Err(OperatorError::Impossible("needs --operator".into())),
        }
    }
}

/// The action as the control API takes it: its name is the path, the rest the body.
fn request(charge_point_id: &str, action: &Action) -> Result<(String, Value), OperatorError> {
    let failed =
        |error: String| OperatorError::Failed(format!("cannot write the action as JSON: {error}"));
    let mut body = serde_json::to_value(action).map_err(|error| failed(error.to_string()))?;
    let fields = body
        .as_object_mut()
        .ok_or_else(|| failed("not an object".into()))?;
    let name = fields
        .remove("action")
        .and_then(|name| name.as_str().map(str::to_owned));
    fields.retain(|_, value| !value.is_null());
    fields.insert("charge_point_id".into(), json!(charge_point_id));
    Ok((name.ok_or_else(|| failed("it has no name".into()))?, body))
}

async fn post(
    client: &reqwest::Client,
    url: &str,
    id: &str,
    action: &Action,
) -> Result<(), OperatorError> {
    let (name, body) = request(id, action)?;
    let url = format!("{}/{name}", url.trim_end_matches('/'));
    let response = client
        .post(&url)
        .json(&body)
        .send()
        .await
        .map_err(|error| {
            OperatorError::Failed(format!(
                "the operator at {url} cannot be reached: {}",
                in_words(&error)
            ))
        })?;
    let status = response.status();
    if status.is_success() {
        return Ok(());
    }
    let text = beginning(response).await;
    if status.as_u16() == 501 {
        return Err(OperatorError::Impossible(format!(
            "the charger cannot {name}: {text}"
        )));
    }
    if status.as_u16() == 409 {
        return Err(OperatorError::Refused(format!(
            "the charger does not let it happen ({name}): {text}"
        )));
    }
    Err(OperatorError::Failed(format!(
        "the operator could not: it answered {status} to {name}: {text}"
    )))
}

/// What a person types when a charger holds a cable, and when something cannot be done.
const LOCKED: &str = "locked";
const CANNOT: &str = "cannot";

/// The words that a question takes beside Enter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Replies {
    /// The charger may also hold against it.
    Locked,
    /// It is done, or it cannot be done.
    Cannot,
}

impl Replies {
    /// What they mean, for the person.
    fn explained(self) -> String {
        let locked = match self {
            Self::Locked => format!("`{LOCKED}`: the charger does not let it happen, "),
            Self::Cannot => String::new(),
        };
        format!("Enter: done, {locked}`{CANNOT}`: it cannot be done")
    }

    /// What came of the question; nothing where it has to be asked again. `line`: what was typed.
    fn read(self, line: &str) -> Option<Result<(), OperatorError>> {
        let word = line.trim().to_lowercase();
        match word.as_str() {
            "" | "done" | "yes" => Some(Ok(())),
            LOCKED if self == Self::Locked => Some(Err(OperatorError::Refused(format!(
                "the operator says: {LOCKED}"
            )))),
            CANNOT | LOCKED | "no" => Some(Err(OperatorError::Impossible(format!(
                "the operator says: {word}"
            )))),
            _ => None,
        }
    }
}

/// What a person is asked before a scenario.
const TIDY_UP: &str =
    "take all cables out, clear all faults and free all locks, as far as there are any";

/// The input is at its end.
const NOBODY: &str = "nobody is at the terminal";

/// Somebody at the charger who reads the terminal.
#[derive(Clone, Debug)]
pub(crate) struct Person {
    charge_point_id: String,
    /// Where the progress of the run is drawn, when nothing is asked.
    bar: ProgressBar,
    /// Something was done to the charger since it was last tidied up; before the first question nobody knows.
    has_acted: Arc<AtomicBool>,
    /// One question at a time: a second one would take the answer to the first.
    turn: Arc<Mutex<()>>,
}

impl Person {
    pub(crate) fn new(charge_point_id: &str, bar: ProgressBar) -> Self {
        Self {
            charge_point_id: charge_point_id.to_owned(),
            bar,
            has_acted: Arc::new(AtomicBool::new(true)),
            turn: Arc::default(),
        }
    }

    /// Has the charger tidied up, in one question, and only if something was done to it. Where that cannot be done, the
    /// next scenario asks again.
    ///
    /// # Errors
    /// It cannot be done. That nobody is there is none: what nobody does was perhaps not needed.
    pub(crate) async fn tidy_up(&self) -> Result<(), OperatorError> {
        if !self.has_acted.swap(false, Ordering::Relaxed) {
            return Ok(());
        }
        let tidied = self.ask(TIDY_UP, Replies::Cannot).await;
        match tidied {
            Err(OperatorError::Impossible(reason)) if reason == NOBODY => Ok(()),
            Err(error) => {
                self.has_acted.store(true, Ordering::Relaxed);
                Err(error)
            }
            Ok(()) => Ok(()),
        }
    }

    /// Asks for one thing; an empty line means done.
    pub(crate) async fn ask(&self, what: &str, replies: Replies) -> Result<(), OperatorError> {
        let question = format!(
            "{}: {what}. {}: ",
            self.charge_point_id,
            replies.explained()
        );
        let turn = Arc::clone(&self.turn).lock_owned().await;
        let drawn = !self.bar.is_hidden();
        if drawn {
            self.bar.set_draw_target(ProgressDrawTarget::hidden());
        }
        let answer = tokio::task::spawn_blocking(move || {
            use std::io::{IsTerminal as _, Write as _};
            // Also where nobody waits for the answer any more: it is still to be typed.
            let _turn = turn;
            // The question takes the line of the progress.
            let clean = if drawn { "\r\x1b[2K" } else { "" };
            // What was typed before the question is no answer to it.
            if std::io::stdin().is_terminal() {
                let _ = tcflush(std::io::stdin(), QueueSelector::IFlush);
            }
            loop {
                let mut out = std::io::stderr().lock();
                let _ = write!(out, "{clean}{question}").and_then(|()| out.flush());
                drop(out);
                let mut line = String::new();
                if std::io::stdin().read_line(&mut line)? == 0 {
                    return Ok(Err(OperatorError::Impossible(NOBODY.into())));
                }
                if let Some(answer) = replies.read(&line) {
                    return std::io::Result::Ok(answer);
                }
            }
        });
        let answer = answer.await;
        if drawn {
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
        }
        match answer {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => Err(OperatorError::Failed(format!(
                "cannot read the terminal: {error}"
            ))),
            Err(_) => Err(OperatorError::Failed(
                "the question at the terminal was cut off".into(),
            )),
        }
    }
}

/// What a person is asked to do; also the remark in the record.
pub(crate) fn describe(action: &Action) -> String {
    match action {
        Action::PlugIn { connector_id } => format!("plug the cable in at connector {connector_id}"),
        Action::Unplug { connector_id, side } => {
            let side = match side {
                CableSide::Ev => "the car",
                CableSide::Station => "the station",
            };
            format!("take the cable of connector {connector_id} out at {side}")
        }
        Action::PresentIdTag {
            connector_id: Some(connector),
            id_tag,
        } => {
            format!("present the tag {id_tag} at connector {connector}")
        }
        Action::PresentIdTag {
            connector_id: None,
            id_tag,
        } => format!("present the tag {id_tag}"),
        Action::PowerCycle {
            seconds,
            backup: false,
        } if *seconds == 0.0 => "switch the power off and on again".into(),
        Action::PowerCycle {
            seconds,
            backup: true,
        } => {
            format!(
                "take the power away for {seconds} s and let the backup bridge the first moment"
            )
        }
        Action::PowerCycle {
            seconds,
            backup: false,
        } => format!("take the power away for {seconds} s"),
        Action::Disconnect { seconds } => format!("take the network away for {seconds} s"),
        Action::RaiseFault {
            connector_id,
            error_code,
        } => {
            format!("make connector {connector_id} fail with {error_code}")
        }
        Action::RaiseWarning {
            connector_id,
            error_code,
        } => format!("make connector {connector_id} warn of {error_code}"),
        Action::EmergencyStop => "press the emergency stop".into(),
        Action::Reboot => "make the charge point restart of itself".into(),
        Action::ClearFault { connector_id } => {
            format!("clear the fault of connector {connector_id}")
        }
        Action::JamLock { connector_id } => format!("jam the lock of connector {connector_id}"),
        Action::FreeLock { connector_id } => format!("free the lock of connector {connector_id}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_body_is_what_the_control_api_takes() {
        let (name, body) = request(
            "CP-1",
            &Action::PresentIdTag {
                connector_id: None,
                id_tag: "A".into(),
            },
        )
        .expect("writable");
        assert_eq!(name, "present_id_tag");
        assert_eq!(body, json!({"charge_point_id": "CP-1", "id_tag": "A"}));
    }

    #[test]
    fn each_question_names_the_words_it_takes_and_takes_them() {
        let outcome = |replies: Replies, line: &str| match replies.read(line) {
            None => "again",
            Some(Ok(())) => "done",
            Some(Err(OperatorError::Impossible(_))) => "cannot",
            Some(Err(OperatorError::Refused(_))) => "locked",
            Some(Err(OperatorError::Failed(_))) => "failed",
        };
        for (line, at_a_charger, elsewhere) in [
            ("\n", "done", "done"),
            ("cannot\n", "cannot", "cannot"),
            ("no\n", "cannot", "cannot"),
            ("Locked\r\n", "locked", "cannot"),
            ("yes\n", "done", "done"),
            ("cannto\n", "again", "again"),
        ] {
            assert_eq!(outcome(Replies::Locked, line), at_a_charger, "{line:?}");
            assert_eq!(outcome(Replies::Cannot, line), elsewhere, "{line:?}");
        }
        let (both, one) = (Replies::Locked.explained(), Replies::Cannot.explained());
        for word in ["Enter", CANNOT] {
            assert!(both.contains(word) && one.contains(word), "{both} {one}");
        }
        assert!(
            both.contains(LOCKED) && !one.contains(LOCKED),
            "{both} {one}"
        );
    }

    #[test]
    fn nobody_is_asked_to_take_the_power_away_for_no_time() {
        let cycle = |seconds| {
            describe(&Action::PowerCycle {
                seconds,
                backup: false,
            })
        };
        assert_eq!(cycle(0.0), "switch the power off and on again");
        assert_eq!(cycle(5.0), "take the power away for 5 s");
        let unplug = Action::Unplug {
            connector_id: 1,
            side: CableSide::Ev,
        };
        assert_eq!(
            describe(&unplug),
            "take the cable of connector 1 out at the car"
        );
    }
}
