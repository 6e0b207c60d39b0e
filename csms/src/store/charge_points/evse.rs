//! The EVSEs of charge points whose connectors somebody grouped.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::domain::charge_points::evse::{Attributes, Connector, Evse, Numbering};
use crate::domain::charge_points::plug::Plug;
use crate::store::{Conn, Result, Store, StoreError, on_db, run_on_db};

#[derive(sqlx::FromRow)]
struct EvseRow {
    evse_id: i64,
    physical_reference: Option<String>,
    floor_level: Option<String>,
    capabilities: String,
    parking_restrictions: String,
    updated_at_ms: i64,
}

#[derive(sqlx::FromRow)]
struct ConnectorRow {
    evse_id: i64,
    connector_id: i64,
    connector_1_6: i64,
    standard: String,
    format: String,
    power_type: String,
    max_voltage: i64,
    max_amperage: i64,
    max_electric_power: Option<i64>,
    updated_at_ms: i64,
}

impl Store {
    /// How the connectors of a charge point are counted.
    pub(crate) async fn numbering(&self, charge_point: &str) -> Result<Numbering> {
        let mut conn = self.reader().await?;
        let grouped = on_db!(&mut conn, db => sqlx::query_as(
            "select connector_1_6, evse_id, connector_id from evse_connector where charge_point_id = $1
             order by evse_id, connector_id")
            .bind(charge_point)
            .fetch_all(db))?;
        Ok(Numbering::of(grouped))
    }
}

impl Store {
    /// Gives an EVSE of a grouping its id for partners, and its name for people.
    pub(crate) async fn name_evse(
        &self,
        charge_point: &str,
        evse: i64,
        (uid, name): (&str, &str),
        now_ms: i64,
    ) -> Result<()> {
        let input = (
            charge_point.to_owned(),
            evse,
            uid.to_owned(),
            name.to_owned(),
            now_ms,
        );
        self.write(input, |(charge_point, evse, uid, name, now_ms), conn| {
            Box::pin(async move {
                run_on_db!(conn, db => sqlx::query(
                    "update evse set uid = $3, public_id = $4, updated_at_ms = $5
                     where charge_point_id = $1 and evse_id = $2")
                    .bind(charge_point).bind(*evse).bind(uid).bind(name).bind(*now_ms)
                    .execute(db))
            })
        })
        .await
    }
}

impl Conn {
    /// The grouping of a charge point's connectors, in order; empty where nobody grouped them.
    pub(crate) async fn evses(&mut self, charge_point: &str) -> Result<Vec<Evse>> {
        let rows: Vec<EvseRow> = on_db!(&mut *self, db => sqlx::query_as(
            "select evse_id, physical_reference, floor_level, capabilities, parking_restrictions, updated_at_ms
             from evse where charge_point_id = $1 and deleted_at_ms is null order by evse_id")
            .bind(charge_point)
            .fetch_all(db))?;
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let connectors: Vec<ConnectorRow> = on_db!(self, db => sqlx::query_as(
            "select evse_id, connector_id, connector_1_6, standard, format, power_type, max_voltage, max_amperage,
                 max_electric_power, updated_at_ms
             from evse_connector where charge_point_id = $1 order by evse_id, connector_id")
            .bind(charge_point)
            .fetch_all(db))?;
        let mut evses = Vec::with_capacity(rows.len());
        for row in rows {
            let own = connectors.iter().filter(|one| one.evse_id == row.evse_id);
            evses.push(Evse {
                evse_id: row.evse_id,
                attributes: Attributes {
                    capabilities: read(&row.capabilities)?,
                    parking_restrictions: read(&row.parking_restrictions)?,
                    physical_reference: row.physical_reference,
                    floor_level: row.floor_level,
                },
                connectors: own.map(connector_of).collect::<Result<_>>()?,
                updated_at_ms: row.updated_at_ms,
            });
        }
        Ok(evses)
    }

    /// The EVSE that a connector of 1.6 belongs to, and all connectors of that: one of its own where nobody put it into
    /// another one.
    pub(crate) async fn evse_at(
        &mut self,
        charge_point: &str,
        connector: i64,
    ) -> Result<(i64, Vec<i64>)> {
        let grouped: Vec<(i64, i64)> = on_db!(self, db => sqlx::query_as(
            "select o.evse_id, o.connector_1_6 from evse_connector e
                 join evse_connector o on o.charge_point_id = e.charge_point_id and o.evse_id = e.evse_id
             where e.charge_point_id = $1 and e.connector_1_6 = $2")
            .bind(charge_point).bind(connector)
            .fetch_all(db))?;
        Ok(match grouped.first() {
            Some((evse, _)) => (*evse, grouped.iter().map(|(_, number)| *number).collect()),
            None => (connector, vec![connector]),
        })
    }

    /// The largest number of a connector that a charge point reported; 0 where it reported none.
    pub(crate) async fn last_connector(&mut self, charge_point: &str) -> Result<i64> {
        on_db!(self, db => sqlx::query_scalar(
            "select coalesce(max(connector_id), 0) from connector where charge_point_id = $1")
            .bind(charge_point)
            .fetch_one(db))
    }

    /// Keeps a grouping instead of the one before. EVSEs that are `gone` with it leave a tombstone.
    pub(crate) async fn keep_evses(
        &mut self,
        charge_point: &str,
        evses: &[Evse],
        gone: &[i64],
        now_ms: i64,
    ) -> Result<()> {
        run_on_db!(&mut *self, db => sqlx::query("delete from evse_connector where charge_point_id = $1")
            .bind(charge_point)
            .execute(db))?;
        for evse in evses {
            self.keep_evse(charge_point, evse, None).await?;
            for connector in &evse.connectors {
                self.keep_connector(charge_point, evse.evse_id, connector)
                    .await?;
            }
        }
        for number in gone {
            let evse = Evse {
                evse_id: *number,
                attributes: Attributes::default(),
                connectors: Vec::new(),
                updated_at_ms: now_ms,
            };
            self.keep_evse(charge_point, &evse, Some(now_ms)).await?;
        }
        Ok(())
    }

    async fn keep_evse(
        &mut self,
        charge_point: &str,
        evse: &Evse,
        deleted_at_ms: Option<i64>,
    ) -> Result<()> {
        let attributes = &evse.attributes;
        run_on_db!(self, db => sqlx::query(
            "insert into evse (charge_point_id, evse_id, physical_reference, floor_level, capabilities,
                 parking_restrictions, updated_at_ms, deleted_at_ms)
             values ($1, $2, $3, $4, $5, $6, $7, $8)
             on conflict (charge_point_id, evse_id) do update set
                 physical_reference = excluded.physical_reference, floor_level = excluded.floor_level,
                 capabilities = excluded.capabilities, parking_restrictions = excluded.parking_restrictions,
                 updated_at_ms = excluded.updated_at_ms, deleted_at_ms = excluded.deleted_at_ms")
            .bind(charge_point).bind(evse.evse_id).bind(&attributes.physical_reference)
            .bind(&attributes.floor_level).bind(written(&attributes.capabilities))
            .bind(written(&attributes.parking_restrictions)).bind(evse.updated_at_ms).bind(deleted_at_ms)
            .execute(db))
    }

    async fn keep_connector(
        &mut self,
        charge_point: &str,
        evse_id: i64,
        connector: &Connector,
    ) -> Result<()> {
        let plug = &connector.plug;
        run_on_db!(self, db => sqlx::query(
            "insert into evse_connector (charge_point_id, evse_id, connector_id, connector_1_6, standard, format,
                 power_type, max_voltage, max_amperage, max_electric_power, updated_at_ms)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)")
            .bind(charge_point).bind(evse_id).bind(connector.connector_id).bind(connector.connector_1_6)
            .bind(&plug.standard).bind(written(&plug.format)).bind(written(&plug.power_type))
            .bind(plug.max_voltage).bind(plug.max_amperage).bind(plug.max_electric_power)
            .bind(connector.updated_at_ms)
            .execute(db))
    }
}

fn connector_of(row: &ConnectorRow) -> Result<Connector> {
    Ok(Connector {
        connector_id: row.connector_id,
        connector_1_6: row.connector_1_6,
        plug: Plug {
            standard: row.standard.clone(),
            format: read(&row.format)?,
            power_type: read(&row.power_type)?,
            max_voltage: row.max_voltage,
            max_amperage: row.max_amperage,
            max_electric_power: row.max_electric_power,
        },
        updated_at_ms: row.updated_at_ms,
    })
}

/// A word as it is, a list of words as JSON.
fn written(words: &impl Serialize) -> String {
    let json = serde_json::to_value(words).expect("words can be written as JSON");
    json.as_str()
        .map_or_else(|| json.to_string(), str::to_owned)
}

fn read<T: DeserializeOwned>(text: &str) -> Result<T> {
    let json = serde_json::from_str(text).unwrap_or_else(|_| text.into());
    serde_json::from_value(json)
        .map_err(|error| StoreError::Corrupt(format!("an EVSE with {text:?}: {error}")))
}
