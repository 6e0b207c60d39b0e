//! What is at the CPO so that there is something to see: made by its REST API where the CPO is the bundled one, and
//! looked for where it is somebody's.

use reqwest::Method;
use serde_json::{Value, json};

use super::Roaming;
use super::partner::{Name, other_case};
use super::under_test::{Tenant, no_set_up};
use crate::failure::Failure;
use crate::role::Closed;

impl Roaming {
    /// So many charge points, each at a place of its own and with a tariff. Their ids are words.
    pub(crate) async fn have_places(&mut self, name: Name, number: usize) -> Result<(), Closed> {
        if let Some(tenant) = self.tenant.clone() {
            for place in 1..=number {
                let id = format!("{}-CP-{place}", tenant.organization.to_uppercase());
                self.make(
                    &tenant,
                    "POST",
                    "/api/v1/chargepoints",
                    charge_point(&id, place),
                )
                .await?;
                self.price(&id, 0.42).await?;
            }
        }
        for list in ["locations", "tariffs"] {
            let url = self.expand(&format!("{{{list}}}"))?;
            let objects = self.objects(name, &url).await?;
            if objects.len() < number {
                return Err(Closed::NotRun(format!(
                    "it needs {number} {list} at the CPO, and there are {}",
                    objects.len()
                )));
            }
            let word = list.trim_end_matches('s');
            for (place, object) in objects.iter().enumerate() {
                let id = object["id"].as_str().unwrap_or_default().to_owned();
                if place == 0 {
                    self.words.insert(word.to_owned(), id.clone());
                    let other = format!("{word} in the other case");
                    self.words.insert(other, other_case(&id));
                }
                self.words.insert(format!("{word} {}", place + 1), id);
            }
            if list == "locations" {
                self.put_words_of(&objects);
            }
        }
        Ok(())
    }

    /// The first EVSE of each location, and its first connector.
    fn put_words_of(&mut self, locations: &[Value]) {
        for (place, location) in locations.iter().enumerate() {
            let evse = &location["evses"][0];
            let connector = &evse["connectors"][0];
            for (word, value) in [("evse", &evse["uid"]), ("connector", &connector["id"])] {
                let value = value.as_str().unwrap_or_default().to_owned();
                if place == 0 {
                    self.words.insert(word.to_owned(), value.clone());
                    let other = format!("{word} in the other case");
                    self.words.insert(other, other_case(&value));
                }
                self.words.insert(format!("{word} {}", place + 1), value);
            }
        }
    }

    /// Another price of a kilowatt hour at a charge point of the bundled CPO.
    pub(crate) async fn price(&mut self, id: &str, per_kwh: f64) -> Result<(), Closed> {
        let tariff = json!({"currency": "EUR", "price_per_kwh": per_kwh, "session_fee": 0.6,
            "idle_fee_per_minute": 0.06, "free_idle_minutes": 10});
        self.set_tariff(id, tariff).await
    }

    /// Another tariff at a charge point of the bundled CPO.
    pub(crate) async fn set_tariff(&mut self, id: &str, tariff: Value) -> Result<(), Closed> {
        let missing = || Closed::NotRun("nobody can set a tariff at this CPO".to_owned());
        let tenant = self.tenant.clone().ok_or_else(missing)?;
        let path = format!("/api/v1/chargepoints/{id}/tariff");
        self.make(&tenant, "PUT", &path, tariff).await?;
        Ok(())
    }

    /// Something at the bundled CPO that the scenario needs.
    async fn make(
        &self,
        tenant: &Tenant,
        method: &str,
        path: &str,
        body: Value,
    ) -> Result<Value, Failure> {
        let method = Method::from_bytes(method.as_bytes()).map_err(no_set_up)?;
        let client = &self.under_test.client;
        let request = client
            .request(method, format!("{}{path}", tenant.base))
            .header("X-API-Key", &tenant.key)
            .json(&body);
        let answer = request.send().await.map_err(no_set_up)?;
        let status = answer.status();
        let text = answer.text().await.map_err(no_set_up)?;
        if !status.is_success() {
            return Err(no_set_up(format!("{path} was answered {status}: {text}")));
        }
        Ok(serde_json::from_str(&text).unwrap_or_default())
    }
}

fn charge_point(id: &str, place: usize) -> Value {
    json!({
        "charge_point_id": id,
        "name": format!("Bay {place}"),
        "vendor": "ABB",
        "model": "Terra",
        "serial_number": format!("SN-{id}"),
        "location": {"latitude": 51.5054, "longitude": -0.0235, "address": format!("{place} Canada Square, London, E14 5AB")},
        "connector_count": 2,
        "max_power_kw": 22.0,
    })
}
