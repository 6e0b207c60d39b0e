//! The data set in which the worked examples of the API documents run literally, and what stands behind it.
//!
//! Loading it again changes nothing: what is there stays as it is, also what somebody changed. The charge points are
//! not made here; [`Station`] says what each of them must be like, and whoever has some connects them.

mod roaming;

use rust_decimal::Decimal;

use crate::domain::charge_points::details::{Hardware, NewChargePoint};
use crate::domain::charge_points::place::Place;
use crate::domain::charge_points::registration::{self, RegistrationRefused};
use crate::domain::guest;
use crate::domain::guest::held::{Held, SANDBOX_PREFIX};
use crate::domain::money::price::Tariff;
use crate::domain::money::tariff;
use crate::domain::tags::tag::UnknownTags;
use crate::domain::transactions::facts::Start;
use crate::domain::transactions::facts::{MeterReport, Reading};
use crate::domain::transactions::metering::{self};
use crate::domain::transactions::register::Register;
use crate::domain::transactions::start::start;
use crate::password::hash_password;
use crate::store::{
    Account, DEFAULT_NAME, DEFAULT_ORGANIZATION, NewApiKey, NewGuest, NewTariff,
    OrganizationSetting, Owner, Past, PlacedChargePoint, Priced, Project, ReceiptFacts, Result,
    Role, SCOPE_READ, SCOPE_WRITE, Store, StoreError, TagSetting, without_password,
};
use crate::{Options, StartError};

/// Opens everything of the default organization.
pub const API_KEY: &str = "YOUR_API_KEY";

/// Who issues its receipts.
const NAME: &str = "Greenway Charging Ltd";
const EMAIL: &str = "installer@acme.com";
const PASSWORD: &str = "s3cur3P@ssword!";
const SITE: &str = "proj_8c2f4e1a";
const PARK: &str = "prj_01HX4M7TABCDE12345";
const ID_TAGS: [&str; 2] = ["RFID-USER-4A2F", "RFID-USER-9B3E"];
const MINUTE_MS: i64 = 60_000;

/// A charge point that belongs behind the data.
#[derive(Clone, Debug)]
pub struct Station {
    /// Its identity.
    pub id: &'static str,
    /// As it says at its boot.
    pub vendor: &'static str,
    /// As it says at its boot.
    pub model: &'static str,
    /// As it says at its boot.
    pub serial_number: &'static str,
    /// How many connectors it has.
    pub connectors: u32,
    /// The most it delivers at one of them, in watts.
    pub max_power_w: u32,
    /// The connector at which a car waits for its user.
    pub waiting_car: Option<u32>,
    /// The connector that is broken, and OCPP's word for how.
    pub fault: Option<(u32, &'static str)>,
    /// The transactions it is in the middle of.
    pub running: Vec<Running>,
}

/// A transaction that is open on the platform.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Running {
    /// Where.
    pub connector_id: i64,
    /// Its number.
    pub transaction_id: i64,
    /// Who.
    pub id_tag: String,
    /// Since when, Unix milliseconds.
    pub started_at_ms: i64,
    /// The register then, in Wh.
    pub meter_start_wh: i64,
    /// The register as it was told last, in Wh.
    pub meter_wh: i64,
}

/// A transaction of the data set.
struct Open {
    id: i64,
    charge_point_id: &'static str,
    connector_id: i64,
    id_tag: &'static str,
    minutes: i64,
    meter_start_wh: i64,
    meter_wh: i64,
}

/// The session of a guest that is charging.
const GUEST: &str = "guest_tok_01HXJ2K1L0M9N8O7";
const GUEST_TAG: &str = "GS-01HXJ2K1L0M9N8O7P";

/// In the order of their numbers.
const OPEN: [Open; 2] = [
    Open {
        id: 10041,
        charge_point_id: "cp_001",
        connector_id: 2,
        id_tag: GUEST_TAG,
        minutes: 30,
        meter_start_wh: 0,
        meter_wh: 8_200,
    },
    Open {
        id: 10042,
        charge_point_id: "CP-SITE42-001",
        connector_id: 2,
        id_tag: "RFID-USER-9B3E",
        minutes: 15,
        meter_start_wh: 10_500,
        meter_wh: 11_250,
    },
];

/// Everybody knows the credentials of the demo, so they do not come into a database with data of its own; and who
/// serves one that has them is told.
pub(crate) async fn check(store: &Store, options: &Options) -> std::result::Result<(), StartError> {
    match (store.past(API_KEY).await?, options.demo) {
        (Past::Used, true) => Err(StartError::Value(format!(
            "the database {} (--database) has data of its own, and --demo would open it to everybody who knows the \
             API's examples: leave --demo out, or give it a database of its own",
            without_password(&options.database)
        ))),
        (Past::Demo, false) => {
            tracing::warn!(
                "this database was made with --demo: everybody knows its API key {API_KEY} and the password of \
                 {EMAIL}; keep no data of your own in it"
            );
            Ok(())
        }
        _ => Ok(()),
    }
}

/// Loads what is not there yet, and says which stations belong behind it.
pub(crate) async fn load(store: &Store, now_ms: i64) -> Result<Vec<Station>> {
    let key = NewApiKey {
        id: "key_demo".to_owned(),
        key: API_KEY.to_owned(),
        ..NewApiKey::generate(
            DEFAULT_ORGANIZATION,
            vec![SCOPE_READ.to_owned(), SCOPE_WRITE.to_owned()],
        )
    };
    store.create_api_key(key).await?;
    name(store).await?;
    for tag in ID_TAGS {
        store.add_tag(TagSetting::accepted(tag)).await?;
    }
    let installer = installer(store, now_ms).await?;
    projects(store, &installer, now_ms).await?;
    register_all(store, &installer.owner(), now_ms).await?;
    place_all(store, now_ms).await?;
    guest(store, &OPEN[0], now_ms).await?;
    for open in &OPEN {
        begin(store, open, now_ms).await?;
    }
    roaming::load(store, now_ms).await?;
    let owner = Owner::organization(DEFAULT_ORGANIZATION.to_owned());
    let mut stations = stations();
    for station in &mut stations {
        let Some(point) = store.owned_point(&owner, station.id).await? else {
            continue;
        };
        let open = store.active_transactions(&point).await?;
        // What began over OCPP 1.6 has all of them.
        let running = open.into_iter().filter_map(|open| {
            let meter_start_wh = open.meter_start_wh?;
            Some(Running {
                connector_id: open.connector_id?,
                transaction_id: open.id,
                id_tag: open.id_tag?,
                started_at_ms: open.started_at_ms,
                meter_start_wh,
                meter_wh: open.last_meter_wh.unwrap_or(meter_start_wh),
            })
        });
        station.running = running.collect();
    }
    Ok(stations)
}

/// Receipts are to say who issues them; what somebody called it stays.
async fn name(store: &Store) -> Result<()> {
    if store.organization_name(DEFAULT_ORGANIZATION).await? == DEFAULT_NAME {
        let named = OrganizationSetting {
            id: DEFAULT_ORGANIZATION.to_owned(),
            name: Some(NAME.to_owned()),
            ..OrganizationSetting::default()
        };
        store.set_organization(named).await?;
    }
    Ok(())
}

fn stations() -> Vec<Station> {
    let of = |id, model, serial_number| Station {
        id,
        vendor: "ABB",
        model,
        serial_number,
        connectors: 2,
        max_power_w: 22_000,
        waiting_car: None,
        fault: None,
        running: Vec::new(),
    };
    vec![
        of("CP-SITE42-001", "ABB Terra AC W22-G5", "SN-20240310-001"),
        Station {
            fault: Some((2, "GroundFailure")),
            ..of("CP-SITE42-002", "ABB Terra AC W22-G5", "SN-20240310-002")
        },
        of("CPO-FLEET-099", "ABB Terra AC W22", "SN-20240201-099"),
        // Its guest has plugged in.
        Station {
            waiting_car: Some(1),
            ..of("cp_001", "ABB Terra AC W22", "SN-20240115-001")
        },
        Station {
            connectors: 1,
            max_power_w: 7_400,
            ..of(roaming::POINT, "ABB Terra AC W7", "SN-20240120-001")
        },
        // Its commissioning finds a car to charge.
        Station {
            waiting_car: Some(1),
            ..of(
                "cp_01HX5P2QRSTUVWXYZ0",
                "ABB Terra AC W22",
                "CP-SN-00483921",
            )
        },
    ]
}

async fn installer(store: &Store, now_ms: i64) -> Result<Account> {
    if let Some(account) = store.account_by_email(EMAIL).await? {
        return Ok(account);
    }
    // Dear on purpose: not on a thread that serves.
    let password_hash = tokio::task::spawn_blocking(|| hash_password(PASSWORD)).await;
    let account = Account {
        id: "usr_01HX3K9VZAB2C4DEFG".to_owned(),
        organization_id: DEFAULT_ORGANIZATION.to_owned(),
        role: Role::Installer,
        name: "Acme Installations".to_owned(),
        email: EMAIL.to_owned(),
        company: Some("Acme EV Solutions Ltd".to_owned()),
        password_hash: password_hash.map_err(|error| StoreError::Refused(error.to_string()))?,
        created_at_ms: now_ms,
    };
    store.create_account(account.clone()).await?;
    Ok(account)
}

async fn projects(store: &Store, installer: &Account, now_ms: i64) -> Result<()> {
    let owner = Owner::organization(DEFAULT_ORGANIZATION.to_owned());
    for (id, name, address, site_owner_email) in [
        (SITE, "Site 42", "10 Downing St, London, UK", None),
        (
            PARK,
            "Riverside Business Park",
            "12 Riverside Way, Bristol, BS1 4AA",
            Some("facilities@riversidebp.com"),
        ),
    ] {
        let project = Project {
            id: id.to_owned(),
            organization_id: DEFAULT_ORGANIZATION.to_owned(),
            installer_id: installer.id.clone(),
            name: name.to_owned(),
            address: address.to_owned(),
            site_owner_email: site_owner_email.map(str::to_owned),
            created_at_ms: now_ms,
            ..Project::default()
        };
        store.create_project(project).await?;
        if let Some(project) = store.project(&owner, id).await? {
            let tariff = tariff("0.35", "0.50")?;
            set_tariff(store, Priced::Project(project), tariff, now_ms).await?;
        }
    }
    Ok(())
}

/// What the installer registered.
async fn register_all(store: &Store, owner: &Owner, now_ms: i64) -> Result<()> {
    let london = (51.5074, -0.1278, "10 Downing St, London, UK");
    let bristol = (
        51.4545,
        -2.5879,
        "Bay 3, Car Park A, Riverside Business Park",
    );
    // Other than what is searched for there.
    let near = (51.5084, -0.1296, "10 Downing St, London, UK");
    for (id, name, project, place, is_live) in [
        ("CP-SITE42-001", "Site 42 - Bay 1", SITE, london, true),
        ("CP-SITE42-002", "Site 42 - Bay 2", SITE, near, true),
        ("cp_01HX5P2QRSTUVWXYZ0", "Bay 3", PARK, bristol, false),
    ] {
        let stations = stations();
        let Some(station) = stations.iter().find(|station| station.id == id) else {
            continue;
        };
        let (latitude, longitude, address) = place;
        let new = NewChargePoint {
            id: id.to_owned(),
            id_was_generated: !is_live,
            name: Some(name.to_owned()),
            vendor: Some(station.vendor.to_owned()),
            model: Some(station.model.to_owned()),
            serial_number: Some(station.serial_number.to_owned()),
            ocpp_version: "1.6",
            project_id: Some(project.to_owned()),
            site_id: None,
            place: Some(Place {
                latitude,
                longitude,
            }),
            address: Some(address.to_owned()),
            hardware: Hardware {
                connector_count: Some(i64::from(station.connectors)),
                connector_type: None,
                max_power_kw: Some(f64::from(station.max_power_w) / 1000.0),
            },
            password_hash: None,
            is_commissioned: is_live,
            created_at_ms: now_ms,
        };
        match registration::register(store, owner.clone(), new).await? {
            Ok(_) => {}
            Err(RegistrationRefused::Taken) => {}
            Err(refused) => return Err(unfit(&format!("{id} cannot be registered: {refused:?}"))),
        }
    }
    Ok(())
}

/// What the operator made.
async fn place_all(store: &Store, now_ms: i64) -> Result<()> {
    let owner = Owner::organization(DEFAULT_ORGANIZATION.to_owned());
    for (id, name, latitude, longitude, address, session_fee) in [
        (
            "CPO-FLEET-099",
            "Car Park Level 2 - Bay 3",
            51.5074,
            -0.1278,
            "1 Example St, London, UK",
            "0.50",
        ),
        (
            "cp_001",
            "Canary Wharf - Bay 1",
            51.5054,
            -0.0235,
            "1 Canada Square, London, UK",
            "0",
        ),
    ] {
        let placed = PlacedChargePoint {
            id: id.to_owned(),
            organization_id: DEFAULT_ORGANIZATION.to_owned(),
            name: name.to_owned(),
            latitude,
            longitude,
            address: Some(address.to_owned()),
            connector_count: 2,
            connector_type: Some("Type2".to_owned()),
            max_power_kw: Some(22.0),
            site_id: None,
            created_at_ms: now_ms,
        };
        store.place_charge_points(vec![placed]).await?;
        if let Some(point) = store.owned_point(&owner, id).await? {
            let tariff = tariff("0.35", session_fee)?;
            set_tariff(store, Priced::ChargePoint(point), tariff, now_ms).await?;
        }
    }
    Ok(())
}

/// Without a session fee it has no idle fee either.
fn tariff(price_per_kwh: &str, session_fee: &str) -> Result<Tariff> {
    let session_fee = crate::store::amount(session_fee)?;
    let is_plain = session_fee.is_zero();
    Ok(Tariff {
        currency: "GBP".to_owned(),
        price_per_kwh: crate::store::amount(price_per_kwh)?,
        session_fee,
        idle_fee_per_minute: if is_plain {
            Decimal::ZERO
        } else {
            Decimal::new(5, 2)
        },
        free_idle_minutes: if is_plain { 0 } else { 10 },
    })
}

async fn set_tariff(store: &Store, of: Priced, tariff: Tariff, now_ms: i64) -> Result<()> {
    if store.tariff(&of).await?.is_some() {
        return Ok(());
    }
    let new = NewTariff { of, tariff, now_ms };
    tariff::set(store, new).await?;
    Ok(())
}

/// Lets a guest in whose payment is held, and who is about to begin.
async fn guest(store: &Store, open: &Open, now_ms: i64) -> Result<()> {
    let new = NewGuest {
        token: GUEST.to_owned(),
        organization_id: DEFAULT_ORGANIZATION.to_owned(),
        charge_point_id: open.charge_point_id.to_owned(),
        connector_id: open.connector_id,
        id_tag: open.id_tag.to_owned(),
        payment_method_id: "pm_1OqXYZABC123".to_owned(),
        return_url: String::new(),
        receipt: ReceiptFacts {
            company: store.organization_name(DEFAULT_ORGANIZATION).await?,
            tax_rate: Decimal::from(20),
            ..ReceiptFacts::default()
        },
        tariff: tariff("0.35", "0")?,
        held: Decimal::from(35),
        created_at_ms: now_ms - open.minutes * MINUTE_MS,
        expires_at_ms: now_ms + MINUTE_MS,
    };
    if store.guest(None, GUEST).await?.is_some() {
        return Ok(());
    }
    let reference = format!("{SANDBOX_PREFIX}{}:{GUEST}", new.payment_method_id);
    // One that is there already, or a place that is taken, is told by the transaction's number.
    if guest::begin(store, new).await?.is_ok() {
        let held = Held::Authorized { reference };
        guest::holding::heard(store, GUEST, held, now_ms).await?;
        store.guest_start_sent(GUEST).await?;
    }
    Ok(())
}

/// Begins a transaction with its number, unless it is there, open or not.
async fn begin(store: &Store, open: &Open, now_ms: i64) -> Result<()> {
    let charge_point_id = open.charge_point_id.to_owned();
    let mut place = store.place_of(open.id).await?;
    if place.is_none() {
        store.number_transactions_from(open.id).await?;
        let beginning = Start {
            charge_point_id: charge_point_id.clone(),
            station_id: None,
            evse_id: Some(open.connector_id),
            connector_id: Some(open.connector_id),
            id_tag: Some(open.id_tag.to_owned()),
            tag_kind: None,
            reservation_id: None,
            started_at_ms: now_ms - open.minutes * MINUTE_MS,
            meter_start_wh: Some(open.meter_start_wh),
            unknown_tags: UnknownTags::Refuse,
            tax_rate: Decimal::from(20),
            now_ms,
            deviations: Vec::new(),
            occurrence: None,
        };
        start(store, beginning).await?;
        let samples = serde_json::json!([{
            "value": open.meter_wh.to_string(),
            "measurand": "Energy.Active.Import.Register",
            "unit": "Wh",
        }]);
        let report = MeterReport {
            charge_point_id: charge_point_id.clone(),
            connector_id: Some(open.connector_id),
            transaction_number: Some(open.id),
            readings: vec![Reading {
                at_ms: now_ms,
                samples: samples.to_string(),
                register: Some(Register::plain(open.meter_wh)),
            }],
            received_at_ms: now_ms,
            deviations: Vec::new(),
            occurrence: None,
        };
        metering::record(store, report).await?;
        place = store.place_of(open.id).await?;
    }
    if place.is_some_and(|place| place == (charge_point_id, Some(open.connector_id))) {
        return Ok(());
    }
    Err(unfit(&format!(
        "the number of transaction {} is taken",
        open.id
    )))
}

fn unfit(why: &str) -> StoreError {
    StoreError::Refused(format!(
        "the demo's data does not fit into this database: {why}; give it one of its own"
    ))
}
