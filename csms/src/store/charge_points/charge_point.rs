//! Charge points and their connectors.

use std::collections::HashMap;

use dynamo_protocol::decode::Decoding;
use futures_util::future::BoxFuture;

use crate::clock::system_ms;
use crate::domain::charge_points::connector::{ConnectorState, Occupancy, Phase};
use crate::domain::charge_points::password::PendingPassword;
use crate::domain::charge_points::security::SecurityProfile;
use crate::store::charge_points::password::{pending_of, profile_of};
use crate::store::charge_points::past::Next;
use crate::store::{
    Conn, DEFAULT_ORGANIZATION, Folded, Many, Owner, Result, Store, StoreError, chunks, on_db,
    owned, run_on_db,
};

/// Whether a charge point is let in after its boot [1.6 §4.2].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Registration {
    /// Let in.
    Accepted,
    /// The CSMS may talk to it, it may only boot again or say what it is asked for.
    Pending,
    /// Neither side talks, until it boots again.
    Rejected,
}

impl Registration {
    /// The word of the standard.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "Accepted",
            Self::Pending => "Pending",
            Self::Rejected => "Rejected",
        }
    }

    /// By its word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Accepted, Self::Pending, Self::Rejected]
            .into_iter()
            .find(|registration| registration.as_str() == word)
    }
}

/// A charge point as handshakes, handlers and the API need it.
#[derive(Clone, Debug)]
pub struct ChargePoint {
    /// Whose it is.
    pub organization_id: String,
    /// What is kept of its Basic password, when one is asked for.
    pub password_hash: Option<String>,
    /// Keys that were sent to it over OCPP, oldest first, one of which may be its password by now.
    pub pending_passwords: Vec<PendingPassword>,
    /// Another one when somebody sets its password here, or registers it again; a key that it was sent over OCPP does not count.
    pub password_number: i64,
    /// Whether it is let in.
    pub registration: Registration,
    /// What it must prove at its handshake.
    pub security_profile: SecurityProfile,
    /// What its last handshake proved.
    pub proof: Proof,
    /// Whether it was of another organization before, of which it may still tell transactions.
    pub had_other_organization: bool,
    /// How its messages are read; as the server does without it.
    pub decoding: Option<Decoding>,
}

impl ChargePoint {
    /// Whether it can be asked for a password under this profile. Without one, a key that was sent to it is asked for
    /// only where the profile wants one: it may not use it yet.
    pub(crate) fn has_password(&self, profile: SecurityProfile) -> bool {
        let is_pending = profile > SecurityProfile::None && !self.pending_passwords.is_empty();
        self.password_hash.is_some() || is_pending
    }
}

/// What a handshake proved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Proof {
    /// The identity, by password or certificate.
    pub identity_verified: bool,
    /// It came over TLS.
    pub tls_enabled: bool,
}

/// A charge point to register or change. What is `None` stays as it is; a new charge point without a
/// registration is Accepted.
#[derive(Clone, Debug, Default)]
pub struct ChargePointSetting {
    /// Its identity.
    pub id: String,
    /// The organization of a new charge point; the default one when `None`.
    pub organization_id: Option<String>,
    /// What is kept of the Basic password.
    pub password_hash: Option<String>,
    /// Whether it is let in.
    pub registration: Option<Registration>,
    /// Its heartbeat interval, or the time until it boots again when it is not Accepted, in seconds.
    pub interval_s: Option<i64>,
    /// What it must prove at its handshake; nothing but a password that is set, for a new one without it.
    pub security_profile: Option<SecurityProfile>,
    /// How its messages are read; as the server does, for a new one without it.
    pub decoding: Option<Decoding>,
}

/// What a boot says.
pub(crate) struct BootFacts {
    pub charge_point_id: String,
    pub vendor: String,
    pub model: String,
    pub serial_number: Option<String>,
    pub firmware_version: Option<String>,
    pub booted_at_ms: i64,
}

/// A report of a connector's status.
pub(crate) struct ConnectorReport {
    pub charge_point_id: String,
    pub connector_id: i64,
    pub state: ConnectorState,
    pub error_code: String,
    pub info: Option<String>,
    pub vendor_id: Option<String>,
    pub vendor_error_code: Option<String>,
    /// The charge point's stamp, if it gave one.
    pub stamp_ms: Option<i64>,
    pub received_at_ms: i64,
    /// The process that received it, and the report's place among what it received.
    pub receipt: (String, i64),
}

/// The last reported status of a connector; connector 0 is the charge point itself.
#[derive(Clone, Debug, sqlx::FromRow)]
pub struct ConnectorStatus {
    /// From 1; 0 is the charge point itself.
    pub connector_id: i64,
    /// The word of the standard.
    pub status: String,
    /// The word of the standard.
    pub error_code: String,
    /// Free text.
    pub info: Option<String>,
    /// The charge point's stamp, or the time of arrival.
    pub reported_at_ms: i64,
}

/// A charge point with its connectors.
pub(crate) struct StatusRow {
    pub charge_point_id: String,
    pub last_heartbeat_at_ms: Option<i64>,
    pub connectors: Vec<ConnectorStatus>,
}

/// Which charge points to list: those with a connector that reported one of these statuses last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct StatusFilter {
    /// Words of the standard.
    pub statuses: Vec<&'static str>,
    /// The identities that have a socket, as a JSON list, where that matters.
    pub online: Option<String>,
    /// Whether all the others are listed, where that matters; else none of them is.
    pub offline: bool,
}

/// The condition of [`StatusFilter`]; bind organization, installer, site owner, the statuses between spaces (null
/// without a filter), the list of identities or null, and whether those without a socket are listed as $1 to $6.
macro_rules! listed {
    ($list:literal) => {
        concat!(
            "p.deleted_at_ms is null and ",
            owned!("p", "$1", "$2", "$3"),
            " and ($4 is null or case when $5 is null or p.id in (select value from ",
            $list,
            ") then exists (select 1 from connector c where c.charge_point_id = p.id
                 and $4 like '% ' || c.status || ' %') else $6 end)"
        )
    };
}

macro_rules! status_count {
    ($list:literal) => {
        concat!("select count(*) from charge_point p where ", listed!($list))
    };
}

macro_rules! status_page {
    ($list:literal) => {
        concat!(
            "with page as (select p.id, p.last_heartbeat_at_ms from charge_point p where ",
            listed!($list),
            " order by p.id limit $7 offset $8)
             select page.id, page.last_heartbeat_at_ms, c.connector_id, c.status, c.error_code, c.info,
                 c.reported_at_ms
             from page left join connector c on c.charge_point_id = page.id
             order by page.id, c.connector_id"
        )
    };
}

const STATUS_COUNT: [&str; 2] = [
    status_count!("json_each($5)"),
    status_count!("json_array_elements_text(cast($5 as json))"),
];
const STATUS_PAGE: [&str; 2] = [
    status_page!("json_each($5)"),
    status_page!("json_array_elements_text(cast($5 as json))"),
];

/// When a charge point was last heard of.
#[derive(Clone, Debug)]
pub struct Presence {
    /// Which one.
    pub charge_point_id: String,
    /// Any message.
    pub last_seen_at_ms: i64,
    /// A heartbeat.
    pub last_heartbeat_at_ms: Option<i64>,
}

type AdmissionColumns = (
    String,
    Option<String>,
    Option<String>,
    i64,
    String,
    i64,
    bool,
    bool,
    bool,
    Option<String>,
);

type StatusColumns = (
    String,
    Option<i64>,
    Option<i64>,
    Option<String>,
    Option<String>,
    Option<String>,
    Option<i64>,
);

impl Store {
    /// A charge point by its identity; none when it was deleted.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn charge_point(&self, id: &str) -> Result<Option<ChargePoint>> {
        let mut conn = self.reader().await?;
        let row: Option<AdmissionColumns> = on_db!(&mut conn, db => sqlx::query_as(
            "select organization_id, password_hash, pending_passwords, password_number, registration,
                 security_profile, identity_verified, tls_enabled, exists (select 1 from charge_point_past q
                     where q.charge_point_id = p.id and q.organization_id <> p.organization_id), decoding
             from charge_point p where id = $1 and deleted_at_ms is null")
            .bind(id)
            .fetch_optional(db))?;
        row.map(|row| {
            let (organization_id, password_hash, pending, number, ..) = &row;
            let (organization_id, password_hash) = (organization_id.clone(), password_hash.clone());
            let (pending_passwords, password_number) = (pending_of(pending.as_deref())?, *number);
            let (.., registration, profile, verified, tls, former, decoding) = row;
            Ok(ChargePoint {
                organization_id,
                password_hash,
                pending_passwords,
                password_number,
                registration: registration_of(&registration)?,
                security_profile: profile_of(profile)?,
                proof: Proof {
                    identity_verified: verified,
                    tls_enabled: tls,
                },
                had_other_organization: former,
                decoding: decoding.as_deref().and_then(Decoding::from_word),
            })
        })
        .transpose()
    }

    /// Keeps what a handshake proved.
    pub(crate) async fn proved(&self, id: &str, proof: Proof) -> Result<()> {
        self.write((id.to_owned(), proof), |(id, proof), conn| {
            Box::pin(async move {
                run_on_db!(conn, db => sqlx::query(
                    "update charge_point set identity_verified = $2, tls_enabled = $3 where id = $1")
                    .bind(id).bind(proof.identity_verified).bind(proof.tls_enabled)
                    .execute(db))
            })
        })
        .await
    }

    /// Registers or changes a charge point. A changed registration counts from its next boot or message.
    ///
    /// # Errors
    /// When the database fails, or the organization does not exist.
    pub async fn set_charge_point(&self, setting: ChargePointSetting) -> Result<()> {
        self.finish_burial(&setting.id).await?;
        self.write(setting, |setting, conn| {
            Box::pin(async move {
                let organization = setting.organization_id.as_deref();
                let organization = organization.unwrap_or(DEFAULT_ORGANIZATION);
                conn.need_organization(organization).await?;
                let registration = setting.registration.map(Registration::as_str);
                let now_ms = system_ms();
                if let Some(organization) = &setting.organization_id {
                    conn.give_charge_point(&setting.id, organization, now_ms)
                        .await?;
                }
                run_on_db!(conn, db => sqlx::query(
                    "insert into charge_point (id, organization_id, password_hash, registration, interval_s,
                         created_at_ms, security_profile, decoding, password_number, updated_at_ms)
                     values ($1, $2, $3, coalesce($4, 'Accepted'), $5, $6, coalesce($7, 0), $8, $6, $6)
                     on conflict (id) do update set
                         password_hash = coalesce($3, charge_point.password_hash),
                         pending_passwords = case when $9 then null else charge_point.pending_passwords end,
                         password_number = charge_point.password_number + case when $9 then 1 else 0 end,
                         registration = coalesce($4, charge_point.registration),
                         interval_s = coalesce($5, charge_point.interval_s),
                         security_profile = coalesce($7, charge_point.security_profile),
                         decoding = coalesce($8, charge_point.decoding)")
                    .bind(&setting.id).bind(organization).bind(&setting.password_hash)
                    .bind(registration).bind(setting.interval_s).bind(now_ms)
                    .bind(setting.security_profile.map(SecurityProfile::number))
                    .bind(setting.decoding.map(Decoding::as_str))
                    .bind(setting.password_hash.is_some())
                    .execute(db))?;
                Ok(())
            })
        })
        .await
    }

    /// Records a charge point that nobody registered, with what its handshake proves.
    pub(crate) async fn record_unknown_charge_point(&self, id: &str, proof: Proof) -> Result<()> {
        let id = id.to_owned();
        self.write_folded(Newcomer { id, proof }).await
    }

    /// Writes down when charge points were last heard of. Never moves a time back.
    pub(crate) async fn heard_of(&self, mut presences: Vec<Presence>) -> Result<()> {
        // In one order, so that two that write many rows seldom wait for each other.
        presences.sort_unstable_by(|one, other| one.charge_point_id.cmp(&other.charge_point_id));
        self.write(presences, |presences, conn| {
            Box::pin(async move {
                for chunk in chunks(presences) {
                    let text = HEARD_OF.for_rows(conn, chunk.len());
                    run_on_db!(&mut *conn, db => {
                        let mut query = sqlx::query(text);
                        for presence in chunk {
                            query = query.bind(&presence.charge_point_id).bind(presence.last_seen_at_ms)
                                .bind(presence.last_heartbeat_at_ms);
                        }
                        query.execute(db)
                    })?;
                }
                Ok(())
            })
        })
        .await
    }

    /// Writes down who has a connection since when, and who has none; what is so already stays as it is.
    pub(crate) async fn turned(&self, mut turns: Vec<(String, bool, i64)>) -> Result<()> {
        turns.sort_unstable();
        self.write(turns, |turns, conn| {
            Box::pin(async move {
                for chunk in chunks(turns) {
                    let text = TURNED.for_rows(conn, chunk.len());
                    run_on_db!(&mut *conn, db => {
                        let mut query = sqlx::query(text);
                        for (id, is_online, at_ms) in chunk {
                            query = query.bind(id).bind(*is_online).bind(*at_ms);
                        }
                        query.execute(db)
                    })?;
                }
                Ok(())
            })
        })
        .await
    }

    /// Writes down that nobody has a connection, as when a server begins that is the only one.
    pub(crate) async fn nobody_is_online(&self, now_ms: i64) -> Result<()> {
        self.write(now_ms, |now_ms, conn| {
            Box::pin(async move {
                run_on_db!(conn, db => sqlx::query(
                    "update charge_point set is_online = $1, online_changed_at_ms = $2 where is_online")
                    .bind(false).bind(*now_ms)
                    .execute(db))
            })
        })
        .await
    }

    /// A part of an owner's charge points with their connectors, by identity, and how many there are in all.
    pub(crate) async fn statuses(
        &self,
        owner: &Owner,
        filter: Option<&StatusFilter>,
        (limit, offset): (i64, i64),
    ) -> Result<(Vec<StatusRow>, i64)> {
        let (mut conn, _turn) = self.heavy_reader().await?;
        let words = filter.map(|filter| format!(" {} ", filter.statuses.join(" ")));
        let online = filter.and_then(|filter| filter.online.as_ref());
        let offline = filter.is_some_and(|filter| filter.offline);
        let text = conn.own_text(&STATUS_COUNT);
        let total: i64 = on_db!(&mut conn, db => sqlx::query_scalar(text)
            .bind(&owner.organization_id).bind(&owner.installer_id).bind(&owner.site_owner_id)
            .bind(&words).bind(online).bind(offline)
            .fetch_one(db))?;
        let text = conn.own_text(&STATUS_PAGE);
        let rows: Vec<StatusColumns> = on_db!(&mut conn, db => sqlx::query_as(text)
            .bind(&owner.organization_id).bind(&owner.installer_id).bind(&owner.site_owner_id)
            .bind(&words).bind(online).bind(offline).bind(limit).bind(offset)
            .fetch_all(db))?;
        let mut statuses: Vec<StatusRow> = Vec::new();
        for (id, last_heartbeat_at_ms, connector, status, error_code, info, at) in rows {
            if statuses
                .last()
                .is_none_or(|last| last.charge_point_id != id)
            {
                statuses.push(StatusRow {
                    charge_point_id: id,
                    last_heartbeat_at_ms,
                    connectors: Vec::new(),
                });
            }
            let fields = (connector, status, error_code, at);
            if let ((Some(connector_id), Some(status), Some(error_code), Some(at)), Some(row)) =
                (fields, statuses.last_mut())
            {
                row.connectors.push(ConnectorStatus {
                    connector_id,
                    status,
                    error_code,
                    info,
                    reported_at_ms: at,
                });
            }
        }
        Ok((statuses, total))
    }
}

impl Conn {
    /// Gives a charge point to another organization. Installer, project and site are those of the former one: it has
    /// none of them any more.
    async fn give_charge_point(&mut self, id: &str, organization: &str, now_ms: i64) -> Result<()> {
        let next = Next {
            organization_id: Some(organization),
            project_id: None,
        };
        self.keep_belonging(id, next, now_ms).await?;
        // Examples of what it said are the former organization's.
        run_on_db!(self, db => sqlx::query(
            "delete from deviation where charge_point_id in (
                 select id from charge_point where id = $1 and organization_id <> $2)")
            .bind(id).bind(organization)
            .execute(db))?;
        self.touch_sites_of(id, None, now_ms).await?;
        run_on_db!(self, db => sqlx::query(
            "update tariff set organization_id = $2, updated_at_ms = $3
             where owner_id = $1 and owner_kind <> 'project' and organization_id <> $2")
            .bind(id).bind(organization).bind(now_ms)
            .execute(db))?;
        run_on_db!(self, db => sqlx::query(
            "update charge_point set organization_id = $2, installer_id = null, project_id = null, site_id = null,
                 updated_at_ms = $3
             where id = $1 and organization_id <> $2")
            .bind(id).bind(organization).bind(now_ms)
            .execute(db))
    }

    /// Keeps what boots of different charge points say; by charge point its registration and its own interval. One that
    /// was deleted meanwhile is not among them.
    pub(crate) async fn booted(
        &mut self,
        boots: &[&BootFacts],
    ) -> Result<HashMap<String, (Registration, Option<i64>)>> {
        let mut answers = HashMap::new();
        for chunk in chunks(boots) {
            let text = BOOTED.for_rows(self, chunk.len());
            let rows: Vec<(String, String, Option<i64>)> = on_db!(&mut *self, db => {
                let mut query = sqlx::query_as(text);
                for facts in chunk {
                    query = query.bind(&facts.charge_point_id).bind(&facts.vendor).bind(&facts.model)
                        .bind(&facts.serial_number).bind(&facts.firmware_version).bind(facts.booted_at_ms);
                }
                query.fetch_all(db)
            })?;
            for (id, registration, interval_s) in rows {
                answers.insert(id, (registration_of(&registration)?, interval_s));
            }
        }
        Ok(answers)
    }

    /// Status and error code that these connectors reported before, by charge point and number.
    pub(crate) async fn statuses_before(
        &mut self,
        reports: &[&ConnectorReport],
    ) -> Result<HashMap<(String, i64), (String, String)>> {
        let mut before = HashMap::new();
        for chunk in chunks(reports) {
            let text = STATUSES_BEFORE.for_rows(self, chunk.len());
            let rows: Vec<(String, i64, String, String)> = on_db!(&mut *self, db => {
                let mut query = sqlx::query_as(text);
                for report in chunk {
                    query = query.bind(&report.charge_point_id).bind(report.connector_id);
                }
                query.fetch_all(db)
            })?;
            let rows = rows.into_iter();
            before.extend(
                rows.map(|(point, connector, status, error)| ((point, connector), (status, error))),
            );
        }
        Ok(before)
    }

    /// Keeps statuses, of different connectors; those are returned, by their place among the reports, that are the last
    /// of their connector: this process may have received a later one before, on a newer connection. The order is
    /// counted: a clock can be set back.
    pub(crate) async fn set_connectors(
        &mut self,
        reports: &[&ConnectorReport],
    ) -> Result<Vec<(String, i64)>> {
        let mut kept = Vec::new();
        for chunk in chunks(reports) {
            let text = SET_CONNECTORS.for_rows(self, chunk.len());
            let rows: Vec<(String, i64)> = on_db!(&mut *self, db => {
                let mut query = sqlx::query_as(text);
                for report in chunk {
                    let (process, number) = &report.receipt;
                    query = query.bind(&report.charge_point_id).bind(report.connector_id)
                        .bind(report.state.availability.as_str())
                        .bind(report.state.occupancy.map(Occupancy::as_str))
                        .bind(report.state.phase.map(Phase::as_str)).bind(report.state.is_faulted)
                        .bind(&report.error_code).bind(&report.info).bind(&report.vendor_id)
                        .bind(&report.vendor_error_code).bind(report.at_ms()).bind(report.received_at_ms)
                        .bind(process).bind(number).bind(report.received_at_ms);
                }
                query.fetch_all(db)
            })?;
            kept.extend(rows);
        }
        Ok(kept)
    }

    /// Adds statuses to the histories of their connectors, by their stamps. A charge point has one message under way:
    /// what it sends again is the last that arrived of this stamp, and is there already. The same status after another
    /// one of the same second is a further one.
    pub(crate) async fn insert_statuses(&mut self, reports: &[&ConnectorReport]) -> Result<()> {
        for chunk in chunks(reports) {
            let text = INSERT_STATUSES.for_rows(self, chunk.len());
            run_on_db!(&mut *self, db => {
                let mut query = sqlx::query(text);
                for report in chunk {
                    query = query.bind(&report.charge_point_id).bind(report.connector_id).bind(report.at_ms())
                        .bind(report.state.availability.as_str())
                        .bind(report.state.occupancy.map(Occupancy::as_str))
                        .bind(report.state.phase.map(Phase::as_str)).bind(report.state.is_faulted)
                        .bind(&report.error_code).bind(report.received_at_ms).bind(report.stamp_ms.is_some())
                        .bind(report.state.word());
                }
                query.execute(db)
            })?;
        }
        Ok(())
    }
}

static STATUSES_BEFORE: Many = Many::new(
    "with r (point, connector) as (values {rows})
     select c.charge_point_id, c.connector_id, c.status, c.error_code
     from r join connector c on c.charge_point_id = r.point and c.connector_id = r.connector",
    2,
);

static BOOTED: Many = Many::new(
    "with r (point, new_vendor, new_model, new_serial_number, new_firmware_version, at_ms) as (values {rows})
     update charge_point set vendor = r.new_vendor, model = r.new_model, serial_number = r.new_serial_number,
         firmware_version = r.new_firmware_version, booted_at_ms = r.at_ms,
         connected_at_ms = case when registration = 'Accepted' then coalesce(connected_at_ms, r.at_ms)
             else connected_at_ms end
     from r where id = r.point and deleted_at_ms is null
     returning id, registration, interval_s",
    6,
);

static RECORD_UNKNOWN: Many = Many::new(
    "with r (point, organization, is_verified, has_tls, now_ms) as (values {rows})
     insert into charge_point (id, organization_id, registration, created_at_ms, identity_verified, tls_enabled,
         password_number, updated_at_ms)
     select r.point, r.organization, 'Accepted', r.now_ms, r.is_verified, r.has_tls, r.now_ms, r.now_ms
     from r where true on conflict do nothing",
    5,
);

static HEARD_OF: Many = Many::new(
    "with r (point, seen_at_ms, heartbeat_at_ms) as (values {rows})
     update charge_point set last_seen_at_ms = r.seen_at_ms,
         last_heartbeat_at_ms = coalesce(r.heartbeat_at_ms, last_heartbeat_at_ms)
     from r where id = r.point and coalesce(last_seen_at_ms, 0) <= r.seen_at_ms",
    3,
);

static TURNED: Many = Many::new(
    "with r (point, is_there, at_ms) as (values {rows})
     update charge_point set is_online = r.is_there, online_changed_at_ms = r.at_ms
     from r where id = r.point and is_online <> r.is_there",
    3,
);

/// A charge point that nobody registered, which is let in.
struct Newcomer {
    id: String,
    proof: Proof,
}

impl Folded for Newcomer {
    type Done = ();

    fn charge_point(&self) -> &str {
        &self.id
    }

    fn run_all<'c>(
        newcomers: &'c [&'c Self],
        conn: &'c mut Conn,
    ) -> BoxFuture<'c, Result<Vec<Self::Done>>> {
        Box::pin(async move {
            for chunk in chunks(newcomers) {
                let text = RECORD_UNKNOWN.for_rows(conn, chunk.len());
                run_on_db!(&mut *conn, db => {
                    let mut query = sqlx::query(text);
                    for Self { id, proof } in chunk {
                        query = query.bind(id).bind(DEFAULT_ORGANIZATION).bind(proof.identity_verified)
                            .bind(proof.tls_enabled).bind(system_ms());
                    }
                    query.execute(db)
                })?;
            }
            Ok(vec![(); newcomers.len()])
        })
    }
}

static SET_CONNECTORS: Many = Many::new(
    "insert into connector (charge_point_id, connector_id, availability, occupancy, phase, is_faulted,
         error_code, info, vendor_id, vendor_error_code, reported_at_ms, received_at_ms, received_by,
         received_number, changed_at_ms)
     values {rows}
     on conflict (charge_point_id, connector_id) do update set availability = excluded.availability,
         occupancy = excluded.occupancy, phase = excluded.phase, is_faulted = excluded.is_faulted,
         error_code = excluded.error_code, info = excluded.info, vendor_id = excluded.vendor_id,
         vendor_error_code = excluded.vendor_error_code,
         reported_at_ms = excluded.reported_at_ms, received_at_ms = excluded.received_at_ms,
         received_by = excluded.received_by, received_number = excluded.received_number,
         changed_at_ms = case when connector.availability is distinct from excluded.availability
                 or connector.occupancy is distinct from excluded.occupancy
                 or connector.phase is distinct from excluded.phase
                 or connector.is_faulted is distinct from excluded.is_faulted
             then excluded.changed_at_ms else connector.changed_at_ms end
     where connector.received_by <> excluded.received_by
        or connector.received_number <= excluded.received_number
     returning charge_point_id, connector_id",
    15,
);

static INSERT_STATUSES: Many = Many::new(
    "with r (point, connector, at_ms, availability, occupancy, phase, is_faulted, error_code, received_at_ms,
         has_stamp, status) as (values {rows})
     insert into connector_history (charge_point_id, connector_id, reported_at_ms, place, availability,
         occupancy, phase, is_faulted, error_code, received_at_ms, has_stamp)
     select r.point, r.connector, r.at_ms, 1 + coalesce((select max(h.place) from connector_history h
             where h.charge_point_id = r.point and h.connector_id = r.connector and h.reported_at_ms = r.at_ms), 0),
         r.availability, r.occupancy, r.phase, r.is_faulted, r.error_code, r.received_at_ms, r.has_stamp
     from r where r.status <> coalesce((select h.status from connector_history h
         where h.charge_point_id = r.point and h.connector_id = r.connector and h.reported_at_ms = r.at_ms
         order by h.place desc limit 1), '')
     on conflict do nothing",
    11,
);

impl ConnectorReport {
    /// Charge point and connector.
    pub(crate) fn place(&self) -> (&str, i64) {
        (&self.charge_point_id, self.connector_id)
    }

    /// Its stamp, or else its arrival.
    fn at_ms(&self) -> i64 {
        self.stamp_ms.unwrap_or(self.received_at_ms)
    }
}

fn registration_of(word: &str) -> Result<Registration> {
    Registration::from_word(word)
        .ok_or_else(|| StoreError::Corrupt(format!("a charge point registered as {word:?}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::charge_points::reports::connector_status;

    #[tokio::test]
    async fn a_status_received_earlier_does_not_overwrite_a_later_one_whatever_the_clock_says() {
        let folder = tempfile::tempdir().unwrap();
        let address = format!("sqlite://{}/csms.db", folder.path().display());
        let store = Store::open(&address).await.unwrap();
        store
            .record_unknown_charge_point("CP-1", Proof::default())
            .await
            .unwrap();
        for (process, number, received_at_ms, status, kept) in [
            ("a", 2, 1_000, "Charging", "Charging"),
            ("a", 1, 2_000, "Available", "Charging"),
            ("a", 3, 500, "Finishing", "Finishing"),
            ("b", 1, 400, "Available", "Available"),
        ] {
            let report = ConnectorReport {
                charge_point_id: "CP-1".into(),
                connector_id: 1,
                state: ConnectorState::from_word(status).unwrap(),
                error_code: "NoError".into(),
                info: None,
                vendor_id: None,
                vendor_error_code: None,
                stamp_ms: None,
                received_at_ms,
                receipt: (process.into(), number),
            };
            connector_status(&store, report, None).await.unwrap();
            let owner = Owner::organization(DEFAULT_ORGANIZATION.to_owned());
            let (rows, _) = store.statuses(&owner, None, (10, 0)).await.unwrap();
            assert_eq!(rows[0].connectors[0].status, kept, "{process} {number}");
        }
    }
}
