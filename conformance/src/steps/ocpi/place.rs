//! Locations and tariffs beyond their form [OCPI 2.2.1 §8, §11].

use std::collections::{BTreeMap, BTreeSet};

use cucumber::{given, then, when};
use reqwest::Method;
use serde_json::Value;

use crate::failure::{DONE, Failure, StepResult};
use crate::role::emsp::Roaming;
use crate::role::emsp::partner::Name;
use crate::steps::world::{OrEnd as _, World};

async fn objects(roaming: &mut Roaming, name: Name, list: &str) -> Result<Vec<Value>, Failure> {
    let url = roaming.expand(&format!("{{{list}}}"))?;
    let objects = roaming.objects(name, &url).await?;
    match objects.is_empty() {
        true => Err(Failure::new(format!("the list of {list} is empty"))),
        false => Ok(objects),
    }
}

fn text<'a>(object: &'a Value, name: &str) -> &'a str {
    object[name].as_str().unwrap_or_default()
}

fn list<'a>(object: &'a Value, name: &str) -> &'a [Value] {
    object[name]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default()
}

#[when(regex = r"^(P1|P2) reads all (locations|tariffs)$")]
async fn reads_all(world: &mut World, name: Name, list: String) -> StepResult {
    let roaming = world.roaming().await?;
    roaming.begin();
    objects(roaming, name, &list).await?;
    roaming.answers = roaming.ledger.from(roaming.since);
    DONE
}

#[then("each location has EVSEs with a connector each")]
async fn whole(world: &mut World) -> StepResult {
    let roaming = world.roaming().await?;
    roaming.answer().await?;
    for page in &roaming.answers {
        for location in page.data().as_array().into_iter().flatten() {
            let evses = list(location, "evses");
            let bare = evses
                .iter()
                .find(|evse| list(evse, "connectors").is_empty());
            if evses.is_empty() || bare.is_some() {
                return Err(Failure::new(format!(
                    "the location {} has no EVSE, or one without a connector",
                    text(location, "id")
                )));
            }
        }
    }
    DONE
}

/// The list and the routes of single objects say the same.
#[then(regex = r"^(P1|P2) reads each location, EVSE and connector alone as it stands in the list$")]
async fn one_by_one(world: &mut World, name: Name) -> StepResult {
    let roaming = world.roaming().await?;
    let base = roaming.expand("{locations}")?;
    for location in objects(roaming, name, "locations").await? {
        let place = format!("{base}/{}", text(&location, "id"));
        same(roaming, name, &place, &location).await?;
        for evse in list(&location, "evses") {
            let place = format!("{place}/{}", text(evse, "uid"));
            same(roaming, name, &place, evse).await?;
            for connector in list(evse, "connectors") {
                let place = format!("{place}/{}", text(connector, "id"));
                same(roaming, name, &place, connector).await?;
            }
        }
    }
    DONE
}

async fn same(roaming: &mut Roaming, name: Name, url: &str, wanted: &Value) -> StepResult {
    let answer = roaming.ask(name, Method::GET, url, None).await?;
    if answer.code() != (200, Some(1_000)) {
        return Err(Failure::new(answer.in_words()));
    }
    let (mut is, mut wanted) = (answer.data(), wanted.clone());
    // What may change meanwhile.
    for value in [&mut is, &mut wanted] {
        forget_state(value);
    }
    match is == wanted {
        true => DONE,
        false => Err(Failure::new(format!(
            "in the list it is {wanted}; {}",
            answer.in_words()
        ))),
    }
}

fn forget_state(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.remove("last_updated");
            members.remove("status");
            members.values_mut().for_each(forget_state);
        }
        Value::Array(elements) => elements.iter_mut().for_each(forget_state),
        _ => {}
    }
}

#[then(
    regex = r"^the tariffs of all connectors are in the list of (P1|P2), and one connector has one$"
)]
async fn tariffs_are_there(world: &mut World, name: Name) -> StepResult {
    let roaming = world.roaming().await?;
    let locations = objects(roaming, name, "locations").await?;
    let tariffs = objects(roaming, name, "tariffs").await?;
    let known: BTreeSet<String> = tariffs
        .iter()
        .map(|one| text(one, "id").to_lowercase())
        .collect();
    let mut seen = 0;
    for (place, connector) in connectors(&locations) {
        for id in list(connector, "tariff_ids") {
            let id = id.as_str().unwrap_or_default();
            if !known.contains(&id.to_lowercase()) {
                return Err(Failure::new(format!(
                    "the connector {place} has the tariff {id:?}, which is in no list"
                )));
            }
            seen += 1;
        }
    }
    match seen {
        0 => Err(Failure::new("no connector has a tariff")),
        _ => DONE,
    }
}

/// Connectors with where they are.
fn connectors(locations: &[Value]) -> Vec<(String, &Value)> {
    let mut all = Vec::new();
    for location in locations {
        for evse in list(location, "evses") {
            for connector in list(evse, "connectors") {
                let place = format!(
                    "{}/{}/{}",
                    text(location, "id"),
                    text(evse, "uid"),
                    text(connector, "id")
                );
                all.push((place, connector));
            }
        }
    }
    all
}

#[then(regex = r"^no connector that (P1|P2) sees has two tariffs of one type at one time$")]
async fn no_two_tariffs(world: &mut World, name: Name) -> StepResult {
    let roaming = world.roaming().await?;
    let locations = objects(roaming, name, "locations").await?;
    let tariffs = objects(roaming, name, "tariffs").await?;
    let by_id: BTreeMap<String, &Value> = tariffs
        .iter()
        .map(|one| (text(one, "id").to_lowercase(), one))
        .collect();
    for (place, connector) in connectors(&locations) {
        let ids = list(connector, "tariff_ids")
            .iter()
            .filter_map(Value::as_str);
        let of_connector: Vec<&&Value> =
            ids.filter_map(|id| by_id.get(&id.to_lowercase())).collect();
        for (number, one) in of_connector.iter().enumerate() {
            let clash = of_connector[..number]
                .iter()
                .find(|other| text(one, "type") == text(other, "type") && overlap(one, other));
            if let Some(other) = clash {
                return Err(Failure::new(format!(
                    "the connector {place} has the tariffs {} and {} of one type at one time",
                    text(other, "id"),
                    text(one, "id")
                )));
            }
        }
    }
    DONE
}

/// Stamps of one form compare as texts.
fn overlap(one: &Value, other: &Value) -> bool {
    let ends_before = |one: &Value, other: &Value| {
        let (end, start) = (text(one, "end_date_time"), text(other, "start_date_time"));
        !end.is_empty() && !start.is_empty() && end <= start
    };
    !ends_before(one, other) && !ends_before(other, one)
}

/// Countries of ISO 3166-1 with their range of latitudes and longitudes, as far as the rig knows them.
const COUNTRIES: [(&str, [f64; 4]); 12] = [
    ("AUT", [46.3, 49.1, 9.5, 17.2]),
    ("BEL", [49.4, 51.6, 2.5, 6.5]),
    ("CHE", [45.8, 47.9, 5.9, 10.6]),
    ("DEU", [47.2, 55.1, 5.8, 15.1]),
    ("DNK", [54.5, 57.9, 8.0, 15.3]),
    ("ESP", [27.6, 43.9, -18.2, 4.4]),
    ("FRA", [41.3, 51.2, -5.2, 9.7]),
    ("GBR", [49.8, 60.9, -8.7, 1.8]),
    ("ITA", [35.4, 47.2, 6.6, 18.6]),
    ("NLD", [50.7, 53.7, 3.3, 7.3]),
    ("NOR", [57.9, 71.3, 4.4, 31.3]),
    ("SWE", [55.2, 69.2, 10.9, 24.2]),
];

#[then(regex = r"^what locations say to (P1|P2) makes sense$")]
async fn makes_sense(world: &mut World, name: Name) -> StepResult {
    let roaming = world.roaming().await?;
    let locations = objects(roaming, name, "locations").await?;
    let mut warnings = Vec::new();
    for location in &locations {
        let id = text(location, "id");
        if let Some(wrong) = senseless(location, &mut warnings) {
            return Err(Failure::new(format!("the location {id}: {wrong}")));
        }
    }
    warnings.into_iter().for_each(|warning| world.warn(warning));
    DONE
}

fn senseless(location: &Value, warnings: &mut Vec<String>) -> Option<String> {
    let zone = text(location, "time_zone");
    if !zone.contains('/') && zone != "UTC" || jiff::tz::TimeZone::get(zone).is_err() {
        return Some(format!("the time zone {zone:?} is in no database of IANA"));
    }
    let country = text(location, "country");
    if country.len() != 3 || !country.bytes().all(|byte| byte.is_ascii_uppercase()) {
        return Some(format!(
            "the country {country:?} is no code of three letters"
        ));
    }
    let degree = |name: &str| location["coordinates"][name].as_str()?.parse::<f64>().ok();
    let (Some(latitude), Some(longitude)) = (degree("latitude"), degree("longitude")) else {
        return Some("its coordinates are no numbers in texts".to_owned());
    };
    let in_range = (-90.0..=90.0).contains(&latitude) && (-180.0..=180.0).contains(&longitude);
    if !in_range || (latitude.abs() < 0.1 && longitude.abs() < 0.1) {
        return Some(format!("it is at {latitude}, {longitude}"));
    }
    let known = COUNTRIES.iter().find(|(code, _)| *code == country);
    if let Some((_, [south, north, west, east])) = known
        && !((*south..=*north).contains(&latitude) && (*west..=*east).contains(&longitude))
    {
        warnings.push(format!("{latitude}, {longitude} is not in {country}"));
    }
    if location["opening_times"]["twentyfourseven"] == false
        && list(&location["opening_times"], "regular_hours").is_empty()
        && list(&location["opening_times"], "exceptional_openings").is_empty()
    {
        return Some("it is not open all day, and says no hours".to_owned());
    }
    if location["publish"] != false && !list(location, "publish_allowed_to").is_empty() {
        return Some("it is published, and says to whom alone".to_owned());
    }
    for (place, connector) in connectors(std::slice::from_ref(location)) {
        if let Some(watt) = connector["max_electric_power"].as_f64()
            && watt < 1_000.0
        {
            warnings.push(format!("the connector {place} gives {watt} W at most"));
        }
    }
    None
}

#[given(regex = r"^the first charge point gets the price (\d+\.\d+) a kilowatt hour$")]
#[when(regex = r"^the first charge point gets the price (\d+\.\d+) a kilowatt hour$")]
async fn price(world: &mut World, per_kwh: f64) -> StepResult {
    let roaming = world.roaming().await?;
    roaming.begin();
    let id = roaming.expand("{location}")?;
    let set = roaming.price(&id, per_kwh).await;
    set.or_end(world)
}

#[given("the first charge point is free of charge")]
async fn free(world: &mut World) -> StepResult {
    let roaming = world.roaming().await?;
    let id = roaming.expand("{location}")?;
    let tariff = serde_json::json!({"currency": "EUR", "price_per_kwh": 0});
    let set = roaming.set_tariff(&id, tariff).await;
    set.or_end(world)
}

/// The tariffs of the first connector of the first location.
async fn tariffs_of_first(roaming: &mut Roaming, name: Name) -> Result<Vec<Value>, Failure> {
    let location = roaming.expand("{location}")?;
    let locations = objects(roaming, name, "locations").await?;
    let first = locations.iter().find(|one| text(one, "id") == location);
    let connector = first.and_then(|one| one.pointer("/evses/0/connectors/0"));
    let ids: Vec<String> = connector
        .map(|connector| list(connector, "tariff_ids"))
        .unwrap_or_default()
        .iter()
        .filter_map(|id| Some(id.as_str()?.to_lowercase()))
        .collect();
    let tariffs = objects(roaming, name, "tariffs").await?;
    Ok(tariffs
        .into_iter()
        .filter(|one| ids.contains(&text(one, "id").to_lowercase()))
        .collect())
}

#[then(regex = r"^the tariff of its connector that (P1|P2) sees is one FLAT of 0$")]
async fn is_free(world: &mut World, name: Name) -> StepResult {
    let tariffs = tariffs_of_first(world.roaming().await?, name).await?;
    let is_free = |tariff: &Value| {
        let [element] = list(tariff, "elements") else {
            return false;
        };
        let [component] = list(element, "price_components") else {
            return false;
        };
        element["restrictions"].is_null()
            && component["type"] == "FLAT"
            && component["price"].as_f64() == Some(0.0)
    };
    match tariffs.as_slice() {
        [tariff] if is_free(tariff) => DONE,
        other => Err(Failure::new(format!(
            "one tariff with one FLAT of 0 is expected, not {}",
            Value::from(other.to_vec())
        ))),
    }
}

/// What is remembered of the tariff of the first connector.
#[given(regex = r"^(P1|P2) remembers the tariff of its connector$")]
async fn remembers(world: &mut World, name: Name) -> StepResult {
    let roaming = world.roaming().await?;
    let tariffs = tariffs_of_first(roaming, name).await?;
    let tariff = tariffs
        .first()
        .ok_or_else(|| Failure::new("its connector has no tariff"))?;
    roaming
        .words
        .insert("tariff".to_owned(), text(tariff, "id").to_owned());
    let stamp = text(tariff, "last_updated").to_owned();
    roaming
        .words
        .insert("stamp of the tariff".to_owned(), stamp);
    DONE
}

#[then(
    regex = r"^(P1|P2) sees the same tariff with a later last_updated and the net price of (\d+\.\d+)$"
)]
async fn price_is_new(world: &mut World, name: Name, gross: f64) -> StepResult {
    let roaming = world.roaming().await?;
    let (id, before) = (
        roaming.expand("{tariff}")?,
        roaming.expand("{stamp of the tariff}")?,
    );
    let url = roaming.expand("{tariffs}")?;
    let tariffs = roaming
        .objects(name, &format!("{url}?date_from={before}"))
        .await?;
    let changed = tariffs.iter().find(|one| text(one, "id") == id);
    let changed = changed.filter(|one| text(one, "last_updated") > before.as_str());
    let tariff = changed.ok_or_else(|| {
        Failure::new(format!(
            "the tariff {id} has not a later last_updated than {before}"
        ))
    })?;
    let components = list(&tariff["elements"][0], "price_components");
    let energy = components.iter().find(|one| one["type"] == "ENERGY");
    let price = energy.and_then(|one| one["price"].as_f64());
    let rate = energy.and_then(|one| one["vat"].as_f64()).unwrap_or(0.0);
    let wanted = gross / (1.0 + rate / 100.0);
    if price.is_none_or(|price| (price - wanted).abs() > 0.000_1) {
        return Err(Failure::new(format!(
            "the price should be {wanted:.4} without VAT: {tariff}"
        )));
    }
    let still = tariffs_of_first(roaming, name).await?;
    match still.iter().any(|one| text(one, "id") == id) {
        true => DONE,
        false => Err(Failure::new(
            "the connector does not have this tariff any more",
        )),
    }
}

/// What tariffs say beyond their form.
#[then(regex = r"^what tariffs say to (P1|P2) makes sense$")]
async fn tariffs_make_sense(world: &mut World, name: Name) -> StepResult {
    let roaming = world.roaming().await?;
    for tariff in objects(roaming, name, "tariffs").await? {
        let id = text(&tariff, "id").to_owned();
        if let Some(wrong) = wrong_tariff(&tariff) {
            return Err(Failure::new(format!("the tariff {id}: {wrong}")));
        }
    }
    DONE
}

fn wrong_tariff(tariff: &Value) -> Option<String> {
    let currency = text(tariff, "currency");
    if currency.len() != 3 || !currency.bytes().all(|byte| byte.is_ascii_uppercase()) {
        return Some(format!("the currency {currency:?} is no code of ISO 4217"));
    }
    if list(tariff, "elements").is_empty() {
        return Some("it has no elements".to_owned());
    }
    for element in list(tariff, "elements") {
        let components = list(element, "price_components");
        if components.is_empty() {
            return Some("an element has no price components".to_owned());
        }
        for component in components {
            if !component["step_size"].is_u64() || !component["price"].is_number() {
                return Some(format!("no price and step_size: {component}"));
            }
            let is_reservation = element["restrictions"]["reservation"].is_string();
            if is_reservation && !["FLAT", "TIME"].contains(&text(component, "type")) {
                return Some(format!("a reservation is priced by {component}"));
            }
        }
    }
    None
}
