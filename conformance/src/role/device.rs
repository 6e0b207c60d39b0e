//! What a charge point from outside says of itself: asked once in a run.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::csms::CsmsRole;
use crate::failure::Failure;
use crate::wire::entry::Message;

/// What the charge point under test has told.
#[derive(Clone, Debug, Default)]
pub(crate) struct Device {
    /// Its last BootNotification.
    pub(crate) boot: Value,
    /// Its configuration keys with their values, where they have one.
    pub(crate) keys: BTreeMap<String, Option<String>>,
}

impl Device {
    /// The value of a key, whatever the case of its name.
    pub(crate) fn value(&self, key: &str) -> Option<&str> {
        let mut keys = self.keys.iter();
        let found = keys.find(|(name, _)| name.eq_ignore_ascii_case(key))?;
        found.1.as_deref()
    }

    /// How many connectors it says it has.
    pub(crate) fn connectors(&self) -> Option<u32> {
        self.value("NumberOfConnectors")?.trim().parse().ok()
    }
}

impl CsmsRole {
    /// Waits for the boot of a charge point that has just come, and asks it what it is.
    pub(crate) async fn meet(&mut self) -> Result<Device, Failure> {
        self.first_boot().await;
        let boot = {
            let log = self.talk.line.log();
            let mut calls = log.entries.iter().filter_map(|entry| entry.call_from_sut());
            calls
                .find(|(_, action, _)| *action == "BootNotification")
                .map(|(_, _, payload)| payload.clone())
        };
        self.ask_device(boot.unwrap_or_default()).await
    }

    /// Asks the charge point for its configuration. One that does not tell has told nothing.
    pub(super) async fn ask_device(&mut self, boot: Value) -> Result<Device, Failure> {
        self.talk
            .command_that_may_fail("GetConfiguration", json!({}))
            .await;
        let mut device = Device {
            boot,
            ..Device::default()
        };
        if let Message::Result { payload, .. } = self.talk.answer().await? {
            for entry in payload["configurationKey"].as_array().into_iter().flatten() {
                if let Some(key) = entry["key"].as_str() {
                    let value = entry["value"].as_str().map(str::to_owned);
                    device.keys.insert(key.to_owned(), value);
                }
            }
        }
        Ok(device)
    }
}
