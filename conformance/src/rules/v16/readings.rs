//! Meter values wherever they come: of a connector that is there, of a transaction that runs, dated, in a unit that fits,
//! and of a register that does not fall [1.6 §4.7, §7.43].

use std::collections::{HashMap, HashSet};

use dynamo_protocol::trace::Direction;
use serde_json::Value;

use crate::dialect::v16::answers::was_given;
use crate::rules::{Breach, Rule};
use crate::wire::entry::{Entry, Message};
use crate::words::{list, quoted};

static OF_ITS_TRANSACTION: Rule = Rule::must("ocpp16-readings-of-their-transaction");
static OF_A_CONNECTOR: Rule = Rule::must("ocpp16-readings-of-a-connector");
static VALUE: Rule = Rule::must("ocpp16-reading-value");
static REGISTER: Rule = Rule::must("ocpp16-register-grows");

/// What a missing measurand means.
const ENERGY: &str = "Energy.Active.Import.Register";

/// A register may be read again a moment later with its last digit rounded the other way.
const ROUNDING_WH: f64 = 1.0;

/// Holds all readings of a charge point with so many connectors against the rules.
pub(in crate::rules) fn are_in_order(entries: &[Entry], connectors: u32, found: &mut Vec<Breach>) {
    let mut transactions = Transactions::default();
    let mut registers: HashMap<String, f64> = HashMap::new();
    // What was not answered well is told again as it was, after what was measured since.
    let mut told: HashSet<String> = HashSet::new();
    for entry in entries {
        if let Some((id, action, payload)) = entry.call_from_sut() {
            match action {
                "StatusNotification" => check_connector(action, payload, 0, connectors, found),
                "MeterValues" => {
                    transactions.check(payload, found);
                    check_connector(action, payload, 0, connectors, found);
                    let told_again = &mut HashMap::new();
                    let is_new = told.insert(payload.to_string());
                    check_values(
                        &payload["connectorId"],
                        &payload["meterValue"],
                        if is_new { &mut registers } else { told_again },
                        found,
                    );
                }
                "StartTransaction" => {
                    check_connector(action, payload, 1, connectors, found);
                    transactions.begin(id, payload);
                }
                "StopTransaction" => {
                    let id = payload["transactionId"].as_i64();
                    let connector = id.and_then(|id| transactions.connector_of(id));
                    let connector = connector.map_or(Value::Null, Value::from);
                    // What is told again at the end was told before: it grows in itself.
                    let told_again = &mut HashMap::new();
                    check_values(&connector, &payload["transactionData"], told_again, found);
                    transactions.stop(id);
                }
                _ => {}
            }
        }
        if let Some(Message::Result { id, payload }) = entry.frame(Direction::ToSut) {
            transactions.answered(id, payload);
        }
    }
}

/// The transactions of a record.
#[derive(Default)]
struct Transactions {
    /// Starts that were not answered yet: message id and connector.
    begun: HashMap<String, i64>,
    /// By id: the connector, and whether it was stopped.
    known: HashMap<i64, (i64, bool)>,
}

impl Transactions {
    fn begin(&mut self, message: &str, payload: &Value) {
        if let Some(connector) = payload["connectorId"].as_i64() {
            self.begun.insert(message.to_owned(), connector);
        }
    }

    fn answered(&mut self, message: &str, payload: &Value) {
        if let (Some(connector), Some(id)) = (
            self.begun.remove(message),
            payload["transactionId"].as_i64(),
        ) {
            self.known.insert(id, (connector, false));
        }
    }

    fn stop(&mut self, id: Option<i64>) {
        if let Some((_, stopped)) = id.and_then(|id| self.known.get_mut(&id)) {
            *stopped = true;
        }
    }

    fn connector_of(&self, id: i64) -> Option<i64> {
        self.known.get(&id).map(|(connector, _)| *connector)
    }

    fn has_begun_on(&self, connector: &Value) -> bool {
        let mut connectors = self.known.values().map(|(connector, _)| *connector);
        connectors.any(|begun| *connector == begun)
    }

    fn check(&self, payload: &Value, found: &mut Vec<Breach>) {
        let Some(id) = payload["transactionId"].as_i64() else {
            return;
        };
        let wrong = match self.known.get(&id) {
            // One that ran before this record began is none of its business, until the next one begins there.
            None if was_given(id) && !self.has_begun_on(&payload["connectorId"]) => return,
            None if was_given(id) => "which another one has followed there".to_owned(),
            None => "which nobody was given".to_owned(),
            Some((connector, _)) if payload["connectorId"] != *connector => {
                format!("which runs on connector {connector}")
            }
            Some((_, true)) => "which it has stopped before".to_owned(),
            Some(_) => return,
        };
        found.push(OF_ITS_TRANSACTION.broken(format!(
            "its MeterValues of connector {} name the transaction {id}, {wrong} [1.6 §4.7]",
            payload["connectorId"]
        )));
    }
}

/// Connectors count from 1; 0 is the charge point as a whole, which reports and meters and starts nothing [1.6 §2.2].
fn check_connector(
    action: &str,
    payload: &Value,
    first: i64,
    connectors: u32,
    found: &mut Vec<Breach>,
) {
    // Nobody knows yet how many it has.
    if connectors == 0 {
        return;
    }
    let connector = payload["connectorId"].as_i64();
    if let Some(connector) =
        connector.filter(|number| !(first..=i64::from(connectors)).contains(number))
    {
        found.push(OF_A_CONNECTOR.broken(format!(
            "its {action} speaks of connector {connector}; it has connectors 1 to {connectors} [1.6 §2.2]"
        )));
    }
}

/// `values` is a list of readings with their stamps, or nothing.
fn check_values(
    connector: &Value,
    values: &Value,
    registers: &mut HashMap<String, f64>,
    found: &mut Vec<Breach>,
) {
    for sample in values
        .as_array()
        .into_iter()
        .flatten()
        .flat_map(|value| value["sampledValue"].as_array().into_iter().flatten())
    {
        if sample["format"] == "SignedData" {
            continue;
        }
        let text = sample["value"].as_str().unwrap_or_default();
        let number = text.parse::<f64>().ok();
        let Some(number) = number.filter(|number| number.is_finite()) else {
            found.push(VALUE.broken(format!(
                "a reading has the value {}, which is no number [1.6 §7.43]",
                quoted(text)
            )));
            continue;
        };
        let measurand = sample["measurand"].as_str().unwrap_or(ENERGY);
        let units = units_of(measurand);
        if let Some(unit) = sample["unit"].as_str()
            && !units.is_empty()
            && !units.contains(&unit)
        {
            found.push(VALUE.broken(format!(
                "a reading of {measurand} is in {unit}; {} would fit [1.6 §7.45]",
                list(units)
            )));
            continue;
        }
        if !measurand.ends_with(".Register") {
            continue;
        }
        let wh = if sample["unit"]
            .as_str()
            .is_some_and(|unit| unit.starts_with('k'))
        {
            number * 1_000.0
        } else {
            number
        };
        let text = |member: &str| sample[member].as_str().unwrap_or_default();
        let register = format!(
            "{connector} {measurand} {} {} {} {}",
            text("location"),
            text("phase"),
            text("context"),
            text("unit")
        );
        if let Some(before) = registers.insert(register, wh)
            && wh + ROUNDING_WH < before
        {
            found.push(REGISTER.broken(format!(
                "the register {measurand} of connector {connector} went from {before} back to {wh} [1.6 §7.31]"
            )));
        }
    }
}

/// The units that a measurand can be in; none where any will do [1.6 §7.31, §7.45].
fn units_of(measurand: &str) -> &'static [&'static str] {
    match measurand {
        "Energy.Active.Export.Register"
        | "Energy.Active.Import.Register"
        | "Energy.Active.Export.Interval"
        | "Energy.Active.Import.Interval" => &["Wh", "kWh"],
        "Energy.Reactive.Export.Register"
        | "Energy.Reactive.Import.Register"
        | "Energy.Reactive.Export.Interval"
        | "Energy.Reactive.Import.Interval" => &["varh", "kvarh"],
        "Power.Active.Export" | "Power.Active.Import" => &["W", "kW"],
        "Power.Reactive.Export" | "Power.Reactive.Import" => &["var", "kvar"],
        "Current.Export" | "Current.Import" | "Current.Offered" => &["A"],
        "Voltage" => &["V"],
        "SoC" => &["Percent"],
        "Temperature" => &["Celsius", "Celcius", "Fahrenheit", "K"],
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::record::frames;

    fn record(told: &[(Direction, &str)]) -> Vec<String> {
        let entries = frames(told);
        let mut found = Vec::new();
        are_in_order(&entries, 2, &mut found);
        found.into_iter().map(|breach| breach.text).collect()
    }

    const IN: Direction = Direction::FromSut;
    const OUT: Direction = Direction::ToSut;

    fn values(connector: i64, transaction: Option<i64>, sample: &str) -> String {
        let transaction =
            transaction.map_or(String::new(), |id| format!(r#""transactionId":{id},"#));
        format!(
            r#"[2,"m","MeterValues",{{"connectorId":{connector},{transaction}"meterValue":[{{"timestamp":"2026-01-01T00:00:00Z","sampledValue":[{sample}]}}]}}]"#
        )
    }

    #[test]
    fn readings_belong_to_a_transaction_that_runs_and_to_its_connector() {
        let start = (
            IN,
            r#"[2,"s","StartTransaction",{"connectorId":1,"idTag":"x"}]"#,
        );
        let given = (
            OUT,
            r#"[3,"s",{"transactionId":77000,"idTagInfo":{"status":"Accepted"}}]"#,
        );
        let of = |connector, id| values(connector, Some(id), r#"{"value":"1"}"#);
        let (right, other_connector, nobody) = (of(1, 77_000), of(2, 77_000), of(1, 76_999));
        assert_eq!(record(&[start, given, (IN, &right)]), Vec::<String>::new());
        assert!(record(&[start, given, (IN, &other_connector)])[0].contains("runs on connector 1"));
        assert!(record(&[start, given, (IN, &nobody)])[0].contains("nobody was given"));
        let stop = (IN, r#"[2,"e","StopTransaction",{"transactionId":77000}]"#);
        assert!(record(&[start, given, stop, (IN, &right)])[0].contains("stopped before"));
    }

    #[test]
    fn a_register_grows_each_for_itself() {
        let inlet = values(1, None, r#"{"value":"500","location":"Inlet"}"#);
        let outlet = values(1, None, r#"{"value":"400","location":"Outlet"}"#);
        let kilo = values(1, None, r#"{"value":"0.9","unit":"kWh"}"#);
        let less = values(1, None, r#"{"value":"300","location":"Outlet"}"#);
        let fine = [
            (IN, inlet.as_str()),
            (IN, &outlet),
            (IN, &kilo),
            (IN, &outlet),
        ];
        assert_eq!(record(&fine), Vec::<String>::new());
        assert!(record(&[fine[1], (IN, &less)])[0].contains("went from 400 back to 300"));
    }

    #[test]
    fn a_reading_is_a_number_in_a_unit_that_fits_and_of_a_connector_that_is_there() {
        let text = values(1, None, r#"{"value":"much"}"#);
        let signed = values(1, None, r#"{"value":"much","format":"SignedData"}"#);
        let watts = values(1, None, r#"{"value":"1","unit":"W"}"#);
        let far = values(9, None, r#"{"value":"1"}"#);
        assert!(record(&[(IN, &text)])[0].contains("no number"));
        assert_eq!(record(&[(IN, &signed)]), Vec::<String>::new());
        for no_number in ["NaN", "inf", "-infinity"] {
            let endless = values(1, None, &format!(r#"{{"value":"{no_number}"}}"#));
            assert!(record(&[(IN, &endless)])[0].contains("no number"));
        }
        let reactive = r#"{"value":"1","measurand":"Energy.Reactive.Import.Register"}"#;
        let reactive = values(1, None, reactive);
        assert_eq!(record(&[(IN, &reactive)]), Vec::<String>::new());
        let volts = |unit| {
            values(
                1,
                None,
                &format!(r#"{{"value":"230","measurand":"Voltage"{unit}}}"#),
            )
        };
        assert_eq!(record(&[(IN, &volts(""))]), Vec::<String>::new());
        assert_eq!(
            record(&[(IN, &volts(r#","unit":"V""#))]),
            Vec::<String>::new()
        );
        assert!(record(&[(IN, &volts(r#","unit":"W""#))])[0].contains("V would fit"));
        assert!(record(&[(IN, &watts)])[0].contains("Wh and kWh would fit"));
        assert!(record(&[(IN, &far)])[0].contains("connectors 1 to 2"));
        let status = r#"[2,"n","StatusNotification",{"connectorId":3,"status":"Available"}]"#;
        assert!(record(&[(IN, status)])[0].contains("StatusNotification speaks of connector 3"));
        let whole = r#"[2,"s","StartTransaction",{"connectorId":0,"idTag":"x"}]"#;
        assert!(record(&[(IN, whole)])[0].contains("StartTransaction speaks of connector 0"));
    }
}
