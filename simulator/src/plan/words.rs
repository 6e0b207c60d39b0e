//! A plan in words, for `--check`.

use dynamo_protocol::Millis;

use super::Plan;
use crate::charge_point::Hardware;
use crate::figures::ChargePoints;
use crate::{InputError, output};

impl Plan {
    /// Prints what would be done.
    pub(crate) fn describe(&self) -> Result<(), InputError> {
        let mut text = format!("scenario    {}\n", self.name);
        let mut line = |name: &str, value: String| {
            text.push_str(&format!("{name:<11} {value}\n"));
        };
        if !self.csms.is_empty() {
            line("csms", self.csms.to_string());
        }
        let (first, last) = (self.id(1), self.id(self.count));
        line(
            "fleet",
            format!("{} charge points, {first} to {last}, OCPP 1.6", self.count),
        );
        let ramp_s = f64::from(self.count - 1) / self.ramp.per_second;
        line("ramp", format!("{}, {ramp_s:.1} s in all", self.ramp));
        line(
            "duration",
            self.duration.map_or("until it is stopped".into(), |d| {
                format!("{} s", d.as_secs_f64())
            }),
        );
        line("clock", format!("{} times as fast", self.speed));
        line("seed", self.seed.to_string());
        line("id tags", self.id_tags.join(", "));
        line("hardware", hardware_words(&self.hardware));
        let seconds = |(least, most): (Millis, Millis)| {
            format!("{} to {} s", least as f64 / 1e3, most as f64 / 1e3)
        };
        line(
            "sessions",
            self.sessions.map_or("none".into(), |s| {
                let (charge, pause) = (seconds(s.charge_ms), seconds(s.pause_ms));
                format!("charging for {charge}, then a pause of {pause}")
            }),
        );
        let due = self.sessions_planned();
        if self.sessions.is_some() && due == 0 {
            line("", "the run is too short for any of them".into());
        }
        let planned = ChargePoints {
            planned: self.count.into(),
            sessions_due: due,
            energy_due: self.energy_planned(),
            ..ChargePoints::default()
        };
        for sentence in self.thresholds.sentences(&planned) {
            line("threshold", sentence);
        }
        for (_, path) in &self.reports {
            line("report", path.display().to_string());
        }
        if let Some(path) = &self.ledger {
            line("ledger", path.display().to_string());
        }
        output::print(&text)
    }
}

fn hardware_words(hardware: &Hardware) -> String {
    let cable = if hardware.fixed_cable {
        "fixed"
    } else {
        "detachable"
    };
    let backup = if hardware.backup_power { "" } else { "no " };
    let Hardware {
        vendor,
        model,
        connectors,
        max_power_w,
        ..
    } = hardware;
    format!(
        "{vendor} {model}, {connectors} connectors of {max_power_w} W, {cable} cable, {backup}backup power"
    )
}
