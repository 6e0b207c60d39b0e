//! How a charge point from outside is met: it boots, and it is asked what it is.

use serde_json::{Value, json};

use super::csms::CsmsRole;
use super::device::Device;
use crate::failure::Failure;
use crate::wire::entry::{Entry, Message};

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
        let log = self.talk.line.log();
        let calls = log.entries.iter().filter_map(Entry::call_from_sut);
        let reported = calls
            .filter(|(_, action, _)| *action == "StatusNotification")
            .filter_map(|(_, _, payload)| u32::try_from(payload["connectorId"].as_u64()?).ok());
        device.reported = reported.max().filter(|last| *last > 0);
        drop(log);
        Ok(device)
    }
}
