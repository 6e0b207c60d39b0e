//! How a step fails.

/// A step that did not see what it wanted. Its text is what the reader of the report gets.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Failure(pub(crate) String);

impl Failure {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

/// The result of a step.
pub(crate) type StepResult = Result<(), Failure>;

/// A step that has nothing to look at.
pub(crate) const DONE: StepResult = Ok(());
