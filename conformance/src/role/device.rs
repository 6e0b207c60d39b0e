//! What a charge point from outside says of itself: asked once in a run.

use std::collections::BTreeMap;

use serde_json::Value;

/// What the charge point under test has told.
#[derive(Clone, Debug, Default)]
pub(crate) struct Device {
    /// Its last BootNotification.
    pub(crate) boot: Value,
    /// Its configuration keys with their values, where they have one.
    pub(crate) keys: BTreeMap<String, Option<String>>,
    /// The last of the connectors whose status it has told by then.
    pub(crate) reported: Option<u32>,
}

impl Device {
    /// The value of a key, whatever the case of its name.
    pub(crate) fn value(&self, key: &str) -> Option<&str> {
        let mut keys = self.keys.iter();
        let found = keys.find(|(name, _)| name.eq_ignore_ascii_case(key))?;
        found.1.as_deref()
    }

    /// How many connectors it says it has, or where it does not say, how many it has told of.
    pub(crate) fn connectors(&self) -> Option<u32> {
        let said = self.value("NumberOfConnectors");
        let said = said.and_then(|number| number.trim().parse().ok());
        said.or(self.reported)
    }
}
