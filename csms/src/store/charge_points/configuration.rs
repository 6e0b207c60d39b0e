//! Configuration keys that installers set: each is a variable of the charge point's device model.

use crate::domain::charge_points::security::is_password;
use crate::domain::charge_points::variable::{ACTUAL, Setting, setting_of_key};
use crate::store::{Conn, OwnedPoint, Result, Store, on_db, run_on_db};

/// What a key's `pushed` is until the charge point answered.
pub(crate) const SAVED: &str = "saved";

/// A key as it was set.
#[derive(Clone, Debug, sqlx::FromRow)]
pub(crate) struct ConfigurationKey {
    pub key: String,
    /// A JSON value; a password is sealed, see `password::key`.
    pub value: String,
    /// [`SAVED`], or the charge point's answer.
    pub pushed: String,
}

impl Store {
    /// All keys of a charge point, in the order of their changes.
    pub(crate) async fn configuration(&self, point: &OwnedPoint) -> Result<Vec<ConfigurationKey>> {
        let mut conn = self.reader().await?;
        on_db!(&mut conn, db => sqlx::query_as(
            "select key_1_6 as key, value, pushed from variable
             where charge_point_id = $1 and key_1_6 is not null
             order by changed_at_ms, position, key_1_6")
            .bind(&point.id)
            .fetch_all(db))
    }

    /// The first key that the charge point did not answer yet.
    pub(crate) async fn next_unpushed(
        &self,
        charge_point: &str,
    ) -> Result<Option<ConfigurationKey>> {
        let mut conn = self.reader().await?;
        on_db!(&mut conn, db => sqlx::query_as(
            "select key_1_6 as key, value, pushed from variable
             where charge_point_id = $1 and pushed = $2 and key_1_6 is not null
             order by changed_at_ms, position, key_1_6 limit 1")
            .bind(charge_point).bind(SAVED)
            .fetch_optional(db))
    }

    /// Keeps the charge point's answer to a key. If the key was changed since it was read, nobody knows which
    /// value came last: it is pushed again. A password is forgotten once it is answered.
    pub(crate) async fn pushed(
        &self,
        charge_point: &str,
        sent: ConfigurationKey,
        answer: String,
    ) -> Result<()> {
        let input = (charge_point.to_owned(), sent, answer);
        self.write(input, |(charge_point, sent, answer), conn| {
            Box::pin(async move {
                let kept = if is_password(&sent.key) {
                    "\"\""
                } else {
                    &sent.value
                };
                let address = setting_of_key(&sent.key, &sent.value).address;
                run_on_db!(conn, db => sqlx::query(
                    "update variable set pushed = case when value = $5 then $6 else $7 end,
                         value = case when value = $5 then $8 else value end
                     where charge_point_id = $1 and component = $2 and variable = $3 and variable_instance = $4")
                    .bind(charge_point).bind(address.component).bind(address.variable)
                    .bind(address.variable_instance).bind(&sent.value).bind(answer).bind(SAVED)
                    .bind(kept)
                    .execute(db))
            })
        })
        .await
    }
}

impl Conn {
    /// Component, name and instance of the variables of a charge point that were set.
    pub(crate) async fn variables(
        &mut self,
        point: &OwnedPoint,
    ) -> Result<Vec<(String, String, String)>> {
        on_db!(self, db => sqlx::query_as(
            "select component, variable, variable_instance from variable where charge_point_id = $1")
            .bind(&point.id)
            .fetch_all(db))
    }

    /// Keeps what was set and is not pushed yet, in order; the charge point is configured from the first time on.
    pub(crate) async fn save_variables(
        &mut self,
        point: &OwnedPoint,
        settings: &[Setting<'_>],
        now_ms: i64,
    ) -> Result<()> {
        for (position, setting) in (0_i64..).zip(settings) {
            self.save_variable(&point.id, setting, position, now_ms)
                .await?;
        }
        run_on_db!(self, db => sqlx::query(
            "update charge_point set configured_at_ms = coalesce(configured_at_ms, $2) where id = $1")
            .bind(&point.id).bind(now_ms)
            .execute(db))
    }

    async fn save_variable(
        &mut self,
        charge_point: &str,
        setting: &Setting<'_>,
        position: i64,
        now_ms: i64,
    ) -> Result<()> {
        let address = &setting.address;
        run_on_db!(self, db => sqlx::query(
            "insert into variable (charge_point_id, component, component_instance, variable, variable_instance,
                 evse_id, connector_id, attribute_type, key_1_6, value, data_type, mutability, pushed,
                 changed_at_ms, position)
             values ($1, $2, '', $3, $4, 0, 0, $5, $6, $7, $8, $9, $10, $11, $12)
             on conflict (charge_point_id, component, component_instance, variable, variable_instance, evse_id,
                 connector_id, attribute_type) do update set key_1_6 = excluded.key_1_6, value = excluded.value,
                 data_type = excluded.data_type, mutability = excluded.mutability, pushed = excluded.pushed,
                 changed_at_ms = excluded.changed_at_ms, position = excluded.position")
            .bind(charge_point).bind(address.component).bind(address.variable).bind(address.variable_instance)
            .bind(ACTUAL).bind(setting.key_1_6).bind(setting.value).bind(setting.data_type.as_str())
            .bind(setting.mutability.as_str()).bind(SAVED).bind(now_ms).bind(position)
            .execute(db))
    }
}
