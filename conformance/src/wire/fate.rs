//! What a line does to a frame on its way.

use std::time::Duration;

use dynamo_protocol::trace::Direction;

use super::entry::Message;

/// What becomes of a frame.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Fate {
    /// What goes on in its place: itself, something else, more, or nothing.
    pub(crate) on: Vec<String>,
    /// What goes back to where it came from.
    pub(crate) back: Vec<String>,
    /// Calls that the system under test seems to make: their answers do not reach it.
    pub(crate) made_up: Vec<String>,
    /// Frames of the system under test that were held up before and come now.
    pub(crate) released: Vec<String>,
    /// How long it takes.
    pub(crate) delay: Duration,
    /// The socket is closed after it.
    pub(crate) close: bool,
}

impl Fate {
    /// It goes on as it is.
    pub(crate) fn pass(raw: &str) -> Self {
        Self {
            on: vec![raw.to_owned()],
            ..Self::default()
        }
    }
}

/// Something that sits on a line and bends what crosses it. Sees every frame; may keep state.
pub(crate) trait Bend: Send {
    /// What becomes of a frame; `None` lets it pass. `action` is the action of the call, or of the call that an
    /// answer answers.
    fn fate(&mut self, direction: Direction, action: &str, message: &Message) -> Option<Fate>;

    /// A new connection begins.
    fn opens(&mut self) {}
}

impl std::fmt::Debug for dyn Bend {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Bend")
    }
}
