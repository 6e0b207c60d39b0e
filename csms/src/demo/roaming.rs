//! The partner of the demo, with what the examples of the roaming document name: a location, a session that goes on, a bill
//! of an earlier one.

use dynamo_protocol::ocpi::credentials::{BusinessDetails, CredentialsRole, Image, Role};
use dynamo_protocol::ocpi::sessions::{AuthMethod, CdrToken};
use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::{Open, begin, set_tariff, unfit};
use crate::domain::charge_points::evse::{Attributes, NewEvse};
use crate::domain::charge_points::grouping;
use crate::domain::charge_points::plug::Plug;
use crate::domain::money::price::Tariff;
use crate::domain::roaming::driver::{Driver, GRANT_MS, Grant};
use crate::domain::tags::tag::tag_key;
use crate::domain::tags::token::Party;
use crate::store::{
    DEFAULT_ORGANIZATION, DemoPartner, OrganizationSetting, Owner, PlacedChargePoint, Priced,
    Result, Site, SitePlace, Store, key_hash,
};

/// The partner's token: everybody knows it.
const TOKEN: &str = "YOUR_OCPI_TOKEN";
/// Its charge point.
pub(super) const POINT: &str = "cp_canary_001";
const SITE: &str = "loc_001";
const EVSE: &str = "evse_cp001_1";
const PARTNER: &str = "ptn_demo";
const DRIVER: &str = "tok_driver_001";
const SESSION: &str = "sess_ocpi_001";
const EARLIER: &str = "sess_ocpi_000";
const MINUTE_MS: i64 = 60_000;

const OPEN: Open = Open {
    id: 10_043,
    charge_point_id: POINT,
    connector_id: 1,
    id_tag: DRIVER,
    minutes: 150,
    meter_start_wh: 0,
    meter_wh: 18_400,
};

/// Loads what is not there yet.
pub(super) async fn load(store: &Store, now_ms: i64) -> Result<()> {
    party(store).await?;
    place(store, now_ms).await?;
    store
        .demo_partner(DemoPartner {
            id: PARTNER,
            organization_id: DEFAULT_ORGANIZATION,
            name: "FleetCharge eMSP",
            token_hash: key_hash(TOKEN),
            their_token: "emsp_provided_token_xyz",
            versions_url: "https://emsp-partner.example.com/ocpi/versions",
            role: CredentialsRole {
                role: Role::Emsp,
                business_details: BusinessDetails {
                    name: "FleetCharge eMSP".to_owned(),
                    website: Some("https://fleetcharge.example.com".to_owned()),
                    logo: None,
                },
                party_id: "FLC".into(),
                country_code: "DE".into(),
            },
            now_ms,
        })
        .await?;
    session(store, now_ms).await?;
    let (session, bill) = earlier();
    store
        .demo_bill((PARTNER, DEFAULT_ORGANIZATION), EARLIER, session, bill)
        .await
}

/// Who the operator is to partners.
async fn party(store: &Store) -> Result<()> {
    let own = store.own_party(DEFAULT_ORGANIZATION).await?;
    if own.business.website.is_some() {
        return Ok(());
    }
    let setting = OrganizationSetting {
        id: DEFAULT_ORGANIZATION.to_owned(),
        party: Party::new("GB", "GWY"),
        website: Some("https://greenway.example.com".to_owned()),
        logo: Some(Image {
            url: "https://greenway.example.com/logo.png".to_owned(),
            thumbnail: None,
            category: "OPERATOR".to_owned(),
            r#type: "png".into(),
            width: None,
            height: None,
        }),
        ..OrganizationSetting::default()
    };
    store.set_organization(setting).await.map(drop)
}

/// A car park with one charge point, its EVSE and its tariff.
async fn place(store: &Store, now_ms: i64) -> Result<()> {
    let owner = Owner::organization(DEFAULT_ORGANIZATION.to_owned());
    if store.owned_point(&owner, POINT).await?.is_some() {
        return Ok(());
    }
    let site = Site {
        id: SITE.to_owned(),
        name: "Canary Wharf Car Park".to_owned(),
        address: "1 Canada Square".to_owned(),
        latitude: Some(51.5054),
        longitude: Some(-0.0235),
        created_at_ms: now_ms,
    };
    store.create_site(&owner, site).await?;
    let place = SitePlace {
        city: Some("London".to_owned()),
        postal_code: Some("E14 5AB".to_owned()),
        country: Some("GBR".to_owned()),
        time_zone: Some("Europe/London".to_owned()),
        ..SitePlace::default()
    };
    store.place_site(&owner, SITE, place, now_ms).await?;
    let placed = PlacedChargePoint {
        id: POINT.to_owned(),
        organization_id: DEFAULT_ORGANIZATION.to_owned(),
        name: "Canary Wharf Car Park - Bay 1".to_owned(),
        latitude: 51.5054,
        longitude: -0.0235,
        address: Some("1 Canada Square, London, UK".to_owned()),
        connector_count: 1,
        connector_type: Some("Type2".to_owned()),
        max_power_kw: Some(7.4),
        site_id: Some(SITE.to_owned()),
        created_at_ms: now_ms,
    };
    store.place_charge_points(vec![placed]).await?;
    let Some(point) = store.owned_point(&owner, POINT).await? else {
        return Err(unfit("its charge point for partners is somebody else's"));
    };
    let plug = Plug {
        format: crate::domain::charge_points::plug::Format::Cable,
        max_amperage: 32,
        max_electric_power: Some(7_400),
        ..Plug::of(Some("Type2"), Some(7.4))
    };
    let evse = NewEvse {
        attributes: Attributes::default(),
        connectors: vec![(1, plug)],
    };
    let grouped = grouping::group(store, point.clone(), vec![evse], now_ms).await?;
    grouped.map_err(|refused| unfit(&format!("its EVSE is refused: {refused:?}")))?;
    store
        .name_evse(POINT, 1, (EVSE, "GB*GWY*E001*1"), now_ms)
        .await?;
    // Without tax it is 0.35.
    let tariff = Tariff {
        currency: "GBP".to_owned(),
        price_per_kwh: Decimal::new(42, 2),
        session_fee: Decimal::ZERO,
        idle_fee_per_minute: Decimal::ZERO,
        free_idle_minutes: 0,
    };
    set_tariff(
        store,
        Priced::ChargePoint(point),
        tariff,
        now_ms - 180 * MINUTE_MS,
    )
    .await?;
    store.name_tariff(POINT, "tar_001").await
}

/// A driver of the partner, about whom it was asked.
async fn session(store: &Store, now_ms: i64) -> Result<()> {
    if store.place_of(OPEN.id).await?.is_some() {
        return Ok(());
    }
    let began_ms = now_ms - OPEN.minutes * MINUTE_MS;
    let grant = Grant {
        charge_point_id: POINT.to_owned(),
        tag_key: tag_key(DRIVER),
        driver: Driver {
            partner_id: PARTNER.to_owned(),
            token: driver(),
            auth_method: AuthMethod::AuthRequest,
            reference: None,
        },
        granted_at_ms: began_ms,
        until_ms: began_ms.saturating_add(GRANT_MS),
    };
    store.grant(grant).await?;
    begin(store, &OPEN, now_ms).await?;
    store.name_session(OPEN.id, SESSION).await
}

fn driver() -> CdrToken {
    CdrToken {
        country_code: "DE".into(),
        party_id: "FLC".into(),
        uid: DRIVER.into(),
        r#type: "RFID".to_owned(),
        contract_id: "GB-FLC-C12345-6".into(),
    }
}

/// A session that is over, and its bill.
fn earlier() -> (Value, Value) {
    let (began, ended, told) = (
        "2024-01-15T08:30:00Z",
        "2024-01-15T09:45:00Z",
        "2024-01-15T09:46:00Z",
    );
    let periods = json!([{
        "start_date_time": began,
        "dimensions": [{"type": "ENERGY", "volume": 22.4}, {"type": "TIME", "volume": 1.25}],
    }]);
    let cost = json!({"excl_vat": 6.4, "incl_vat": 7.68});
    let session = json!({
        "country_code": "GB", "party_id": "GWY", "id": EARLIER, "start_date_time": began, "end_date_time": ended,
        "kwh": 22.4, "cdr_token": driver(), "auth_method": "AUTH_REQUEST", "location_id": SITE, "evse_uid": EVSE,
        "connector_id": "1", "currency": "GBP", "charging_periods": periods, "total_cost": cost,
        "status": "COMPLETED", "last_updated": told,
    });
    let bill = json!({
        "country_code": "GB", "party_id": "GWY", "id": "cdr_001", "start_date_time": began, "end_date_time": ended,
        "session_id": EARLIER, "cdr_token": driver(), "auth_method": "AUTH_REQUEST",
        "cdr_location": {
            "id": SITE, "name": "Canary Wharf Car Park", "address": "1 Canada Square", "city": "London",
            "postal_code": "E14 5AB", "country": "GBR",
            "coordinates": {"latitude": "51.50540", "longitude": "-0.02350"},
            "evse_uid": EVSE, "evse_id": "GB*GWY*E001*1", "connector_id": "1",
            "connector_standard": "IEC_62196_T2", "connector_format": "CABLE", "connector_power_type": "AC_1_PHASE",
        },
        "currency": "GBP", "charging_periods": periods, "total_cost": cost, "total_energy": 22.4,
        "total_time": 1.25, "last_updated": told,
    });
    (session, bill)
}
