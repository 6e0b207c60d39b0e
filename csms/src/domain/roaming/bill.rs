//! The bill of a session: made when the end of its transaction is final, in the database transaction that makes it so, and
//! never changed after that [OCPI 2.2.1 §10].
//!
//! Free minutes of the REST tariff, for which OCPI has no word, are the time of parking before its price begins to hold: the
//! tariff in the bill says so, so that whoever prices the bill again finds the same.

use dynamo_pricing::{Bill, Stretch, price};
use dynamo_protocol::ocpi::cdrs::Cdr;
use dynamo_protocol::ocpi::tariffs::{
    PriceComponent, Tariff, TariffDimension, TariffElement, TariffRestrictions,
};
use dynamo_protocol::ocpi::{DateTime, Number};
use rust_decimal::Decimal;
use serde_json::json;

use crate::domain::money::price::in_coins;
use crate::domain::roaming::charge::{charge, stretches};
use crate::domain::roaming::kept::{Facts, Kept};
use crate::store::{Conn, FinalSession, Result, random_text};

const MINUTE_MS: i64 = 60_000;

/// What a session costs until a time, and the tariff that says so.
pub(crate) fn bill(kept: &Kept, facts: &Facts, until_ms: i64) -> (Bill, Option<Tariff>) {
    let stretches = stretches(kept, facts, until_ms);
    let tariff = kept.tariffs.first().map(|tariff| {
        with_free_minutes(
            tariff,
            kept.free_idle_minutes,
            &stretches,
            kept.started_at_ms,
        )
    });
    let charge = charge(kept, stretches);
    match tariff {
        Some(tariff) => (price(&tariff, &charge), Some(tariff)),
        None => {
            let mut bill = price(&free(kept), &charge);
            for period in &mut bill.periods {
                period.tariff_id = None;
            }
            (bill, None)
        }
    }
}

/// The tariff with which a session without one is reckoned: it costs nothing.
fn free(kept: &Kept) -> Tariff {
    let nothing = PriceComponent {
        r#type: TariffDimension::Flat,
        price: Number(Decimal::ZERO),
        vat: None,
        step_size: 1,
    };
    Tariff {
        country_code: kept.token.country_code.clone(),
        party_id: kept.token.party_id.clone(),
        id: "none".into(),
        currency: kept.currency.clone(),
        r#type: None,
        tariff_alt_text: Vec::new(),
        tariff_alt_url: None,
        min_price: None,
        max_price: None,
        elements: vec![TariffElement {
            price_components: vec![nothing],
            restrictions: None,
        }],
        start_date_time: None,
        end_date_time: None,
        last_updated: DateTime(kept.started_at_ms),
    }
}

/// The tariff whose price of parking holds once the free minutes of it are over.
fn with_free_minutes(
    tariff: &Tariff,
    free_minutes: i64,
    stretches: &[Stretch],
    started_at_ms: i64,
) -> Tariff {
    let mut tariff = tariff.clone();
    let [element] = &mut tariff.elements[..] else {
        return tariff;
    };
    if free_minutes <= 0 || element.restrictions.is_some() {
        return tariff;
    }
    let is_parking = |one: &PriceComponent| one.r#type == TariffDimension::ParkingTime;
    let parking: Vec<_> = element
        .price_components
        .iter()
        .copied()
        .filter(is_parking)
        .collect();
    if parking.is_empty() {
        return tariff;
    }
    element.price_components.retain(|one| !is_parking(one));
    let mut left_ms = free_minutes.saturating_mul(MINUTE_MS);
    let mut until_ms = stretches.last().map_or(started_at_ms, |last| last.to_ms);
    for stretch in stretches.iter().filter(|stretch| !stretch.is_charging) {
        let length_ms = stretch.to_ms - stretch.from_ms;
        if length_ms >= left_ms {
            until_ms = stretch.from_ms + left_ms;
            left_ms = 0;
            break;
        }
        left_ms -= length_ms;
    }
    // Where they are not used up, the price never holds.
    let beyond = i64::from(left_ms > 0);
    let since_s = (until_ms - started_at_ms).div_euclid(1_000) + beyond;
    if element.price_components.is_empty() {
        tariff.elements.clear();
    }
    tariff.elements.push(TariffElement {
        price_components: parking,
        restrictions: Some(TariffRestrictions {
            min_duration: Some(since_s),
            ..TariffRestrictions::default()
        }),
    });
    tariff
}

/// The end of a transaction is final: if it was a partner's driver, the session is complete and its bill is made. What is
/// told later changes neither.
pub(in crate::domain) async fn conclude(conn: &mut Conn, transaction: i64) -> Result<()> {
    let Some(open) = conn.open_roaming_session(transaction).await? else {
        return Ok(());
    };
    let mut kept = open.kept;
    kept.is_over = true;
    let ended_at_ms = kept.ended_at_ms.unwrap_or(kept.started_at_ms);
    kept.ended_at_ms = Some(ended_at_ms.max(kept.started_at_ms));
    let facts = conn.roaming_facts(&kept).await?;
    let (bill, tariff) = bill(&kept, &facts, ended_at_ms);
    let own = conn.own_party(&open.organization_id).await?;
    let party = (&*own.country_code, &*own.party_id);
    let cdr = cdr(&kept, party, &bill, tariff);
    let total = bill.total_cost.incl_vat.unwrap_or(bill.total_cost.excl_vat);
    let total = in_coins(total.0, &kept.currency);
    let session = kept.session(party, bill);
    conn.finish_roaming_session(FinalSession {
        id: &kept.id,
        session: json!(session),
        cdr_id: cdr.id.as_str(),
        cdr: json!(cdr),
        cost: (kept.transaction_id, &kept.currency, kept.energy_wh, total),
        at_ms: kept.updated_at_ms,
    })
    .await
}

fn cdr(
    kept: &Kept,
    (country_code, party_id): (&str, &str),
    bill: &Bill,
    tariff: Option<Tariff>,
) -> Cdr {
    let is_some = |number: Number| (!number.0.is_zero()).then_some(number);
    Cdr {
        country_code: country_code.into(),
        party_id: party_id.into(),
        id: format!("cdr_{}", random_text(20)).into(),
        start_date_time: DateTime(kept.started_at_ms),
        end_date_time: DateTime(kept.ended_at_ms.unwrap_or(kept.started_at_ms)),
        session_id: kept.id.as_str().into(),
        cdr_token: kept.token.clone(),
        auth_method: kept.auth_method,
        authorization_reference: kept.reference.clone(),
        cdr_location: kept.location.clone(),
        currency: kept.currency.clone(),
        tariffs: tariff.into_iter().collect(),
        charging_periods: bill.periods.clone(),
        total_cost: bill.total_cost,
        total_fixed_cost: Some(bill.total_fixed_cost),
        total_energy: bill.total_energy,
        total_energy_cost: Some(bill.total_energy_cost),
        total_time: bill.total_time,
        total_time_cost: Some(bill.total_time_cost),
        total_parking_time: is_some(bill.total_parking_time),
        total_parking_cost: Some(bill.total_parking_cost),
        remark: None,
        credit: None,
        credit_reference_id: None,
        last_updated: DateTime(kept.updated_at_ms),
    }
}
