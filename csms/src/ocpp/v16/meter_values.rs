//! MeterValues.

use dynamo_protocol::v16::{
    Location, Measurand, MeterValue, MeterValuesRequest, MeterValuesResponse, SampledValue,
    UnitOfMeasure, ValueFormat,
};
use dynamo_protocol::{CallError, frame, time};

use super::super::routes::Cx;
use super::connector;
use crate::domain::metering::{self, MeterReport, Reading};
use crate::domain::occurrence::Kind;

pub(super) async fn meter_values(
    cx: Cx,
    request: MeterValuesRequest,
) -> Result<MeterValuesResponse, CallError> {
    let report = MeterReport {
        charge_point_id: cx.charge_point.as_str().to_owned(),
        connector_id: Some(connector(request.connector_id)?),
        transaction_number: request.transaction_id.map(i64::from),
        readings: request.meter_value.iter().map(reading).collect(),
        received_at_ms: cx.received_at_ms,
        deviations: cx.deviations.clone(),
        told: cx.told(Kind::TransactionUpdated),
    };
    let is_told = report.told.is_some();
    metering::record(&cx.app.store, report).await?;
    if is_told {
        cx.app.outbox.posted();
    }
    cx.app.guests.wake(cx.charge_point.as_str());
    Ok(MeterValuesResponse::new())
}

pub(super) fn reading(value: &MeterValue) -> Reading {
    Reading {
        at_ms: time::unix_ms(value.timestamp),
        samples: frame::payload(&value.sampled_value),
        register_wh: delivered_wh(&value.sampled_value),
    }
}

/// What went out to the car: the register at the outlet, which is meant where no place is named, else the one at
/// the grid's side. What the car itself counts, or the station's body, is no register of ours [1.6 §7.27].
fn delivered_wh(samples: &[SampledValue]) -> Option<i64> {
    let at = |wanted: Location| {
        let mut samples = samples.iter();
        samples.find_map(move |sample| {
            let place = sample.location.as_ref().unwrap_or(&Location::Outlet);
            (*place == wanted).then(|| register_wh(sample)).flatten()
        })
    };
    at(Location::Outlet).or_else(|| at(Location::Inlet))
}

/// The import register over all phases; it is what a sample without a measurand means [1.6 §7.43].
fn register_wh(sample: &SampledValue) -> Option<i64> {
    let measurand = sample.measurand.as_ref();
    let import = measurand.is_none_or(|m| *m == Measurand::EnergyActiveImportRegister);
    let raw = sample
        .format
        .as_ref()
        .is_none_or(|f| *f == ValueFormat::Raw);
    if !import || !raw || sample.phase.is_some() {
        return None;
    }
    let unit = sample.unit.as_ref().map(UnitOfMeasure::as_str);
    metering::register_wh(&sample.value, unit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use dynamo_protocol::v16::Phase;

    #[test]
    fn the_outlet_counts_before_the_inlet_and_the_car_never() {
        let at = |value: &str, place: Location| SampledValue::new(value).with_location(place);
        let car = at("250000", Location::EV);
        let body = at("7", Location::Body);
        let grid = at("1600", Location::Inlet);
        let outlet = at("1500", Location::Outlet);
        let plain = SampledValue::new("1400");
        assert_eq!(delivered_wh(&[car.clone(), body.clone()]), None);
        assert_eq!(delivered_wh(&[car.clone(), grid.clone()]), Some(1_600));
        assert_eq!(
            delivered_wh(&[car, body, grid.clone(), outlet]),
            Some(1_500)
        );
        assert_eq!(delivered_wh(&[grid, plain]), Some(1_400));
    }

    #[test]
    fn only_the_sum_of_the_import_register_counts() {
        let plain = SampledValue::new("1500");
        assert_eq!(register_wh(&plain), Some(1_500));
        let named = plain
            .clone()
            .with_measurand(Measurand::EnergyActiveImportRegister);
        assert_eq!(
            register_wh(&named.clone().with_unit(UnitOfMeasure::KWh)),
            Some(1_500_000)
        );
        assert_eq!(register_wh(&named.with_phase(Phase::L1)), None);
        assert_eq!(
            register_wh(&plain.clone().with_measurand(Measurand::Voltage)),
            None
        );
        assert_eq!(
            register_wh(&plain.with_format(ValueFormat::SignedData)),
            None
        );
    }
}
