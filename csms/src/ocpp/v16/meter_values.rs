//! MeterValues.

use std::collections::HashMap;

use dynamo_protocol::v16::{
    Location, Measurand, MeterValue, MeterValuesRequest, MeterValuesResponse, Phase,
    ReadingContext, SampledValue, UnitOfMeasure, ValueFormat,
};
use dynamo_protocol::{CallError, frame, time};

use super::super::routes::Cx;
use super::connector;
use crate::domain::occurrence::Kind;
use crate::domain::transactions::facts::{MeterReport, Reading};
use crate::domain::transactions::metering::{self};
use crate::domain::transactions::register::{
    self, Context, MeterLocation, Phases, Register, Sample,
};

pub(super) async fn meter_values(
    cx: Cx,
    request: MeterValuesRequest,
) -> Result<MeterValuesResponse, CallError> {
    let report = MeterReport {
        charge_point_id: cx.charge_point.as_str().to_owned(),
        connector_id: Some(connector(request.connector_id)?),
        transaction_number: request.transaction_id.map(i64::from),
        readings: readings(&request.meter_value),
        received_at_ms: cx.received_at_ms,
        deviations: cx.deviations.clone(),
        occurrence: cx.occurrence(Kind::TransactionUpdated),
    };
    let is_told = report.occurrence.is_some();
    metering::record(&cx.app.store, report).await?;
    if is_told {
        cx.app.outbox.posted();
    }
    cx.app.guests.wake(cx.charge_point.as_str());
    Ok(MeterValuesResponse::new())
}

/// Readings as they were sent. Elements of one instant share their register: some chargers send each phase in an element
/// of its own.
pub(super) fn readings(values: &[MeterValue]) -> Vec<Reading> {
    let registers = registers(values);
    let values = values.iter();
    values
        .map(|value| {
            let at_ms = time::unix_ms(value.timestamp);
            Reading {
                at_ms,
                samples: frame::payload(&value.sampled_value),
                register: registers.get(&at_ms).copied(),
            }
        })
        .collect()
}

/// The registers of a message by their instants.
fn registers(values: &[MeterValue]) -> HashMap<i64, Register> {
    let mut samples: HashMap<i64, Vec<Sample>> = HashMap::new();
    for value in values {
        let at_ms = time::unix_ms(value.timestamp);
        let of_now = value.sampled_value.iter().filter_map(sample);
        samples.entry(at_ms).or_default().extend(of_now);
    }
    let instants = samples.iter();
    instants
        .filter_map(|(at_ms, samples)| Some((*at_ms, register::choose(samples)?)))
        .collect()
}

/// A sample of the import register, which is what one without a measurand means [1.6 §7.43]. What is signed is text.
fn sample(sample: &SampledValue) -> Option<Sample> {
    let measurand = sample.measurand.as_ref();
    let import = measurand.is_none_or(|m| *m == Measurand::EnergyActiveImportRegister);
    let is_signed = sample.format == Some(ValueFormat::SignedData);
    if !import || is_signed {
        return None;
    }
    let unit = sample.unit.as_ref().map(UnitOfMeasure::as_str);
    Some(Sample {
        wh: register::exact_wh(&sample.value, unit)?,
        context: context(sample.context.as_ref()),
        place: place(sample.location.as_ref()),
        phases: phases(sample.phase.as_ref()),
    })
}

/// Periodic is meant where none is named [1.6 §7.31, §7.43].
const fn context(context: Option<&ReadingContext>) -> Context {
    match context {
        None | Some(ReadingContext::SamplePeriodic) => Context::Periodic,
        Some(ReadingContext::TransactionEnd) => Context::End,
        Some(ReadingContext::SampleClock) => Context::Aligned,
        Some(ReadingContext::Trigger) => Context::Triggered,
        Some(ReadingContext::InterruptionEnd) => Context::InterruptionEnd,
        Some(ReadingContext::InterruptionBegin) => Context::InterruptionBegin,
        Some(ReadingContext::TransactionBegin) => Context::Begin,
        Some(_) => Context::Other,
    }
}

/// The outlet is meant where none is named [1.6 §7.27].
const fn place(location: Option<&Location>) -> MeterLocation {
    match location {
        None | Some(Location::Outlet) => MeterLocation::Outlet,
        Some(Location::Inlet) => MeterLocation::Inlet,
        Some(Location::Cable) => MeterLocation::Cable,
        Some(Location::EV) => MeterLocation::Car,
        Some(_) => MeterLocation::Body,
    }
}

/// All of them are meant where none is named [1.6 §7.43].
const fn phases(phase: Option<&Phase>) -> Phases {
    match phase {
        None => Phases::All,
        Some(Phase::L1) => Phases::Line(1),
        Some(Phase::L2) => Phases::Line(2),
        Some(Phase::L3) => Phases::Line(3),
        Some(Phase::L1N) => Phases::LineToNeutral(1),
        Some(Phase::L2N) => Phases::LineToNeutral(2),
        Some(Phase::L3N) => Phases::LineToNeutral(3),
        Some(Phase::L1L2) => Phases::LineToLine(1),
        Some(Phase::L2L3) => Phases::LineToLine(2),
        Some(Phase::L3L1) => Phases::LineToLine(3),
        Some(_) => Phases::Neutral,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(samples: &[SampledValue]) -> Option<i64> {
        let samples: Vec<Sample> = samples.iter().filter_map(sample).collect();
        register::choose(&samples).map(|register| register.wh)
    }

    #[test]
    fn the_words_of_the_standard_are_read_as_what_they_mean() {
        let plain = SampledValue::new("1500");
        let named = plain
            .clone()
            .with_measurand(Measurand::EnergyActiveImportRegister);
        assert_eq!(chosen(std::slice::from_ref(&plain)), Some(1_500));
        let kwh = named.clone().with_unit(UnitOfMeasure::KWh);
        assert_eq!(chosen(&[kwh]), Some(1_500_000));
        let voltage = plain.clone().with_measurand(Measurand::Voltage);
        assert_eq!(chosen(&[voltage]), None);
        let signed = plain.clone().with_format(ValueFormat::SignedData);
        assert_eq!(chosen(&[signed]), None);
        let begin = SampledValue::new("900").with_context(ReadingContext::TransactionBegin);
        assert_eq!(chosen(&[plain, begin.clone()]), Some(1_500));
        assert_eq!(chosen(&[begin]), Some(900));
        let at = |value: &str, place: Location| SampledValue::new(value).with_location(place);
        let car = at("250000", Location::EV);
        let inlet = at("1600", Location::Inlet);
        assert_eq!(chosen(&[car.clone(), inlet]), Some(1_600));
        assert_eq!(chosen(&[car]), Some(250_000));
        let on = |value: &str, phase: Phase| SampledValue::new(value).with_phase(phase);
        let lines = [
            on("10", Phase::L1),
            on("20", Phase::L2),
            on("30", Phase::L3),
        ];
        assert_eq!(chosen(&lines), Some(60));
        assert_eq!(
            chosen(&[on("10", Phase::L1L2), on("7", Phase::L1N)]),
            Some(7)
        );
        assert_eq!(chosen(&[on("1", Phase::N)]), Some(1));
    }
}
