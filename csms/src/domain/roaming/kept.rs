//! A session of a partner's driver as it is kept, and what partners see of it [OCPI 2.2.1 §9.3.1].

use dynamo_pricing::Bill;
use dynamo_protocol::ocpi::cdrs::CdrLocation;
use dynamo_protocol::ocpi::sessions::{AuthMethod, CdrToken, Session, SessionStatus};
use dynamo_protocol::ocpi::tariffs::Tariff;
use dynamo_protocol::ocpi::{CiString, DateTime};

use crate::domain::roaming::driver::Driver;

/// A session that begins with a transaction.
#[derive(Clone, Debug)]
pub(crate) struct NewSession {
    pub id: String,
    pub organization_id: String,
    pub transaction_id: i64,
    pub driver: Driver,
    pub location: CdrLocation,
    pub tariffs: Vec<Tariff>,
    pub free_idle_minutes: i64,
    pub currency: String,
    pub time_zone: String,
    pub now_ms: i64,
}

/// A session as it is kept, with its transaction.
#[derive(Clone, Debug)]
pub(crate) struct Kept {
    pub id: String,
    pub token: CdrToken,
    pub auth_method: AuthMethod,
    pub reference: Option<CiString>,
    pub location: CdrLocation,
    pub tariffs: Vec<Tariff>,
    pub free_idle_minutes: i64,
    pub currency: String,
    pub time_zone: String,
    pub is_over: bool,
    pub charge_point_id: String,
    pub connector_id: Option<i64>,
    pub transaction_id: i64,
    pub started_at_ms: i64,
    pub ended_at_ms: Option<i64>,
    pub meter_start_wh: i64,
    /// That is billed.
    pub energy_wh: i64,
    pub updated_at_ms: i64,
}

/// What is known of the time of a session beside its transaction.
#[derive(Clone, Debug, Default)]
pub(crate) struct Facts {
    /// Times and samples, in the order of their times.
    pub readings: Vec<(i64, String)>,
    /// Since when the connector was in which phase, in the order of their times; the first one may be from before.
    pub phases: Vec<(i64, Option<String>)>,
}

impl Kept {
    /// What partners see, by a bill of what happened until now or until the end.
    pub(crate) fn session(&self, (country_code, party_id): (&str, &str), bill: Bill) -> Session {
        Session {
            country_code: country_code.into(),
            party_id: party_id.into(),
            id: self.id.as_str().into(),
            start_date_time: DateTime(self.started_at_ms),
            end_date_time: self.ended_at_ms.filter(|_| self.is_over).map(DateTime),
            kwh: bill.total_energy,
            cdr_token: self.token.clone(),
            auth_method: self.auth_method,
            authorization_reference: self.reference.clone(),
            location_id: self.location.id.clone(),
            evse_uid: self.location.evse_uid.clone(),
            connector_id: self.location.connector_id.clone(),
            currency: self.currency.clone(),
            charging_periods: bill.periods,
            total_cost: Some(bill.total_cost),
            status: match self.is_over {
                true => SessionStatus::Completed,
                false => SessionStatus::Active,
            },
            last_updated: DateTime(self.updated_at_ms),
        }
    }
}
