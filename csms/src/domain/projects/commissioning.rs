//! The commissioning run: which checks there are, what they come to, and the tag that only such a run has.

use serde::{Deserialize, Serialize};

use crate::domain::tags::tag::tag_key;

/// The tag of a test transaction. At a charge point whose run asks for one it is valid while the run lasts;
/// otherwise nobody has it.
pub(crate) const TAG: &str = "COMMISSIONING";

/// What a run looks at, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum CheckName {
    /// It is connected, its boot was accepted, and it answers.
    OcppHandshake,
    /// It says which firmware it runs.
    FirmwareVersion,
    /// A connector is free.
    ConnectorAvailable,
    /// A transaction can be started and stopped from here.
    TestTransaction,
}

impl CheckName {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::OcppHandshake => "ocpp_handshake",
            Self::FirmwareVersion => "firmware_version",
            Self::ConnectorAvailable => "connector_available",
            Self::TestTransaction => "test_transaction",
        }
    }
}

/// What a check came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum CheckResult {
    Passed,
    Failed,
    /// Not asked for, or what it needs has failed.
    Skipped,
    Pending,
}

impl CheckResult {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
            Self::Pending => "pending",
        }
    }
}

/// A check of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Check {
    pub name: CheckName,
    pub result: CheckResult,
    /// Why it did not pass.
    pub reason: Option<String>,
    /// The connector that was found free.
    pub connector_id: Option<i64>,
    /// Whether it was begun: what it did to the charge point may still go on.
    pub begun: bool,
}

/// The checks of a new run.
pub(crate) fn new_checks(run_test_transaction: bool) -> Vec<Check> {
    let check = |name, result| Check {
        name,
        result,
        reason: None,
        connector_id: None,
        begun: false,
    };
    let test = if run_test_transaction {
        CheckResult::Pending
    } else {
        CheckResult::Skipped
    };
    vec![
        check(CheckName::OcppHandshake, CheckResult::Pending),
        check(CheckName::FirmwareVersion, CheckResult::Pending),
        check(CheckName::ConnectorAvailable, CheckResult::Pending),
        check(CheckName::TestTransaction, test),
    ]
}

/// Ends a check. What cannot be looked at after it failed is skipped.
pub(crate) fn end_check(
    checks: &mut [Check],
    name: CheckName,
    outcome: Result<Option<i64>, String>,
) {
    let failed = outcome.is_err();
    for check in checks.iter_mut() {
        let needs_it = match name {
            CheckName::OcppHandshake => check.name != name,
            CheckName::ConnectorAvailable => check.name == CheckName::TestTransaction,
            _ => false,
        };
        if check.name == name {
            match &outcome {
                Ok(connector_id) => {
                    check.result = CheckResult::Passed;
                    check.connector_id = *connector_id;
                }
                Err(reason) => {
                    check.result = CheckResult::Failed;
                    check.reason = Some(reason.clone());
                }
            }
        } else if failed && needs_it && check.result == CheckResult::Pending {
            check.result = CheckResult::Skipped;
            check.reason = Some(format!("{} failed", name.as_str()));
        }
    }
}

/// What a run came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RunOutcome {
    Completed,
    Failed,
}

impl RunOutcome {
    /// Of a run with these checks: all that was looked at has to be well.
    pub(crate) fn of(checks: &[Check]) -> Self {
        let is_well =
            |check: &Check| matches!(check.result, CheckResult::Passed | CheckResult::Skipped);
        match checks.iter().all(is_well) {
            true => Self::Completed,
            false => Self::Failed,
        }
    }

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Failed => "failed",
        }
    }
}

/// Whether it is the tag of test transactions.
pub(crate) fn is_test_tag(tag: &str) -> bool {
    tag_key(tag) == tag_key(TAG)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn results(checks: &[Check]) -> Vec<&'static str> {
        checks.iter().map(|check| check.result.as_str()).collect()
    }

    #[test]
    fn a_failed_check_skips_only_what_needs_it() {
        let no = || Err("no".to_owned());
        let mut checks = new_checks(true);
        end_check(&mut checks, CheckName::OcppHandshake, no());
        assert_eq!(
            results(&checks),
            ["failed", "skipped", "skipped", "skipped"]
        );
        let mut checks = new_checks(true);
        end_check(&mut checks, CheckName::OcppHandshake, Ok(None));
        end_check(&mut checks, CheckName::FirmwareVersion, no());
        assert_eq!(results(&checks), ["passed", "failed", "pending", "pending"]);
        end_check(&mut checks, CheckName::ConnectorAvailable, no());
        assert_eq!(results(&checks), ["passed", "failed", "failed", "skipped"]);
        assert_eq!(RunOutcome::of(&checks), RunOutcome::Failed);
    }

    #[test]
    fn a_transaction_that_nobody_asked_for_is_skipped_and_harms_not() {
        let mut checks = new_checks(false);
        for name in [
            CheckName::OcppHandshake,
            CheckName::FirmwareVersion,
            CheckName::ConnectorAvailable,
        ] {
            assert_eq!(RunOutcome::of(&checks), RunOutcome::Failed);
            end_check(&mut checks, name, Ok(None));
        }
        assert_eq!(results(&checks), ["passed", "passed", "passed", "skipped"]);
        assert_eq!(RunOutcome::of(&checks), RunOutcome::Completed);
    }
}
