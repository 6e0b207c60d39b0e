//! Orders of partners: what became of them, in the words of OCPI [OCPI 2.2.1 §13].

use dynamo_protocol::ocpi::commands::{CommandResultType, CommandType};

use crate::domain::command::{Answer, CallFailure, Status};

/// An order that was passed on, or is to be.
#[derive(Clone, Debug)]
pub(crate) struct Ordered {
    pub id: String,
    pub partner_id: String,
    pub kind: CommandType,
    pub response_url: String,
    pub now_ms: i64,
    /// From then on it is taken for a time-out.
    pub deadline_ms: i64,
}

/// A result that is to be told.
#[derive(Clone, Debug)]
pub(crate) struct Outcome {
    pub id: String,
    pub partner_id: String,
    pub response_url: String,
    pub result: CommandResultType,
    pub message: Option<String>,
    /// How often it was tried.
    pub attempts: i64,
}

/// What an answer of a charge point to an order means.
pub(crate) fn result_of(
    kind: CommandType,
    result: &Result<Answer, CallFailure>,
) -> (CommandResultType, Option<String>) {
    use CommandResultType as Told;
    match result {
        Ok(answer) => {
            let told = match answer.status {
                Status::Accepted | Status::Scheduled | Status::RebootRequired => Told::Accepted,
                Status::Rejected | Status::Unknown if kind == CommandType::CancelReservation => {
                    Told::UnknownReservation
                }
                Status::Rejected | Status::Unknown => Told::Rejected,
                Status::Failed => Told::Failed,
                Status::Occupied => Told::EvseOccupied,
                Status::Faulted | Status::Unavailable => Told::EvseInoperative,
                Status::NotSupported => Told::NotSupported,
                Status::Odd => Told::Failed,
            };
            let is_plain = told == Told::Accepted;
            let said = (!is_plain).then(|| format!("the charge point said {}", answer.said()));
            (told, said)
        }
        Err(failure) => {
            let told = match failure {
                CallFailure::TimedOut => Told::Timeout,
                CallFailure::Refused(refusal)
                    if matches!(refusal.code.as_str(), "NotImplemented" | "NotSupported") =>
                {
                    Told::NotSupported
                }
                CallFailure::NotSayable(_) => Told::NotSupported,
                CallFailure::Refused(_) => Told::Rejected,
                _ => Told::Failed,
            };
            (told, Some(failure.to_string()))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::domain::command::Refusal;

    #[test]
    fn answers_and_failures_have_their_words() {
        let answered = |kind, status| {
            let answer = Answer {
                status,
                word: None,
                reason: None,
                payload: Value::Null,
            };
            result_of(kind, &Ok(answer)).0
        };
        let start = CommandType::StartSession;
        assert_eq!(
            answered(start, Status::Accepted),
            CommandResultType::Accepted
        );
        assert_eq!(
            answered(start, Status::Rejected),
            CommandResultType::Rejected
        );
        let reserve = CommandType::ReserveNow;
        assert_eq!(
            answered(reserve, Status::Occupied),
            CommandResultType::EvseOccupied
        );
        assert_eq!(
            answered(reserve, Status::Faulted),
            CommandResultType::EvseInoperative
        );
        let cancel = CommandType::CancelReservation;
        let unknown = CommandResultType::UnknownReservation;
        assert_eq!(answered(cancel, Status::Rejected), unknown);
        let failed = |failure| result_of(start, &Err(failure)).0;
        assert_eq!(failed(CallFailure::TimedOut), CommandResultType::Timeout);
        assert_eq!(failed(CallFailure::Lost), CommandResultType::Failed);
        let refused = |code: &str| {
            CallFailure::Refused(Refusal {
                code: code.to_owned(),
                description: String::new(),
                details: Value::Null,
            })
        };
        assert_eq!(
            failed(refused("NotImplemented")),
            CommandResultType::NotSupported
        );
        assert_eq!(
            failed(refused("InternalError")),
            CommandResultType::Rejected
        );
    }
}
