//! `/api/v1/installer/charge-points/{id}/config/*`: the template of the model, what the installer changes of
//! it, and both together as a file.
//!
//! Changes are saved always, and pushed over OCPP: at once where the charge point is connected, after its
//! next accepted boot where it is not.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::header::CONTENT_DISPOSITION;
use axum::response::{IntoResponse as _, Response};
use garde::Validate;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{
    ArrayBuilder, ObjectBuilder, OneOfBuilder, Schema, SchemaType, Type,
};
use utoipa::{IntoParams, PartialSchema, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::App;
use crate::domain::charge_points::configuring::{NotConfigured, configure};
use crate::domain::charge_points::security::is_password;
use crate::domain::charge_points::standard_key;
use crate::domain::charge_points::template::{TemplateParameter, template_for};
use crate::domain::charge_points::variable::CONFIGURATION_KEYS_MAX;
use crate::ocpp::push::push_for;
use crate::rest::auth::Installer;
use crate::rest::charge_point;
use crate::rest::error::{Answer, ApiError, Detail};
use crate::rest::input::{Body, Params, PathId};
use crate::rest::openapi::{AccessErrors, BodyErrors, MissingErrors, QueryErrors};
use crate::store::{ChargePointRecord, ConfigurationKey, Registration, SAVED};

/// Keys in one request.
const KEYS_MAX: usize = 100;
/// Characters of a key, and of a value as text [1.6 §6.7].
const KEY_CHARS_MAX: usize = 50;
const VALUE_CHARS_MAX: usize = 500;

pub(super) fn router() -> OpenApiRouter<Arc<App>> {
    OpenApiRouter::new()
        .routes(routes!(template))
        .routes(routes!(customize))
        .routes(routes!(download))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct FormatQuery {
    /// The shape of `parameters`: `map`, or `list`. When left out: `list` for charge points whose id was
    /// generated, `map` for others.
    #[param(value_type = Option<Format>, inline)]
    format: Option<String>,
}

#[derive(ToSchema)]
#[expect(dead_code, reason = "only the schema is used")]
#[schema(rename_all = "snake_case")]
enum Format {
    Map,
    List,
}

/// A value of a configuration key: a number, true or false, or a text.
#[derive(Clone, Serialize)]
#[serde(transparent)]
struct ParameterValue(Value);

impl PartialSchema for ParameterValue {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(SchemaType::from_iter([
                Type::Boolean,
                Type::Number,
                Type::String,
            ]))
            .into()
    }
}

impl ToSchema for ParameterValue {}

type ParameterMap = BTreeMap<String, ParameterValue>;

#[derive(Serialize, ToSchema)]
#[serde(untagged)]
enum Parameters {
    Map(BTreeMap<String, ParameterValue>),
    List(Vec<Parameter>),
}

#[derive(Clone, Serialize, ToSchema)]
struct Parameter {
    key: String,
    /// The template's; `null` for a key that the template does not have.
    default: Option<ParameterValue>,
    /// What the installer set, else the default.
    value: ParameterValue,
    #[serde(rename = "type")]
    #[schema(example = "integer")]
    kind: String,
}

#[derive(Serialize, ToSchema)]
struct ConfigurationBody {
    charge_point_id: String,
    template_id: String,
    #[schema(example = "2.1.0")]
    template_version: String,
    /// That the template is made for.
    model: String,
    /// In the shape that was asked for.
    parameters: Parameters,
    parameters_map: BTreeMap<String, ParameterValue>,
    parameters_list: Vec<Parameter>,
}

/// The configuration that fits the model.
#[utoipa::path(
    get,
    path = "/api/v1/installer/charge-points/{charge_point_id}/config/template",
    tag = "Configuration",
    params(("charge_point_id" = String, Path), FormatQuery),
    responses((status = 200, body = ConfigurationBody), AccessErrors, QueryErrors, MissingErrors),
    security(("installer" = []))
)]
async fn template(
    State(app): State<Arc<App>>,
    Installer(installer): Installer,
    PathId(id): PathId,
    Params(query): Params<FormatQuery>,
) -> Answer<ConfigurationBody> {
    let point = charge_point::find(&app, &installer.owner(), &id).await?;
    show(&point, &query, &[]).map(Json)
}

/// The configuration with what the installer changed, as a file.
#[utoipa::path(
    get,
    path = "/api/v1/installer/charge-points/{charge_point_id}/config/download",
    tag = "Configuration",
    params(("charge_point_id" = String, Path), FormatQuery),
    responses(
        (status = 200, body = ConfigurationBody, headers(("Content-Disposition" = String))),
        AccessErrors, QueryErrors, MissingErrors
    ),
    security(("installer" = []))
)]
async fn download(
    State(app): State<Arc<App>>,
    Installer(installer): Installer,
    PathId(id): PathId,
    Params(query): Params<FormatQuery>,
) -> Result<Response, ApiError> {
    let point = charge_point::find(&app, &installer.owner(), &id).await?;
    let changed = app.rest_store.configuration(&point).await?;
    let body = show(&point, &query, &changed)?;
    // Ids are letters, digits and a few signs, none of which has to be quoted.
    let name = format!("attachment; filename=\"{}-config.json\"", point.id);
    Ok(([(CONTENT_DISPOSITION, name)], Json(body)).into_response())
}

fn show(
    record: &ChargePointRecord,
    query: &FormatQuery,
    changed: &[ConfigurationKey],
) -> Result<ConfigurationBody, ApiError> {
    let as_list = match query.format.as_deref() {
        None => record.id_was_generated,
        Some("map") => false,
        Some("list") => true,
        Some(_) => return Err(ApiError::field("format", "map or list is wanted")),
    };
    let vendor = record.registered_vendor.as_ref().or(record.vendor.as_ref());
    let model = record.registered_model.as_ref().or(record.model.as_ref());
    let template = template_for(vendor.map(String::as_str), model.map(String::as_str));
    // A password is written and never read.
    let shown: Vec<ConfigurationKey> = changed
        .iter()
        .filter(|key| !is_password(&key.key))
        .cloned()
        .collect();
    let list = merge(&template.parameters, &shown);
    let map = list.iter().map(|p| (p.key.clone(), p.value.clone()));
    let map: ParameterMap = map.collect();
    Ok(ConfigurationBody {
        charge_point_id: record.id.clone(),
        template_id: template.template_id.clone(),
        template_version: template.template_version.clone(),
        model: template.model.clone(),
        parameters: if as_list {
            Parameters::List(list.clone())
        } else {
            Parameters::Map(map.clone())
        },
        parameters_map: map,
        parameters_list: list,
    })
}

/// The template's parameters with what was changed; keys that the template does not have come after them.
fn merge(template: &[TemplateParameter], changed: &[ConfigurationKey]) -> Vec<Parameter> {
    let value_of = |key: &ConfigurationKey| serde_json::from_str(&key.value).unwrap_or(Value::Null);
    let mut merged: Vec<Parameter> = template
        .iter()
        .map(|parameter| Parameter {
            key: parameter.key.clone(),
            default: Some(ParameterValue(parameter.default.clone())),
            value: ParameterValue(parameter.default.clone()),
            kind: parameter.kind.clone(),
        })
        .collect();
    let mut places: HashMap<String, usize> = HashMap::new();
    for (place, parameter) in merged.iter().enumerate() {
        let name = parameter.key.to_ascii_lowercase();
        places.entry(name).or_insert(place);
    }
    for key in changed {
        let value: Value = value_of(key);
        let place = *places
            .entry(key.key.to_ascii_lowercase())
            .or_insert(merged.len());
        match merged.get_mut(place) {
            Some(parameter) => parameter.value = ParameterValue(value),
            None => merged.push(Parameter {
                key: key.key.clone(),
                default: None,
                kind: kind_of(&value).to_owned(),
                value: ParameterValue(value),
            }),
        }
    }
    merged
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        _ => "string",
    }
}

#[derive(Deserialize, ToSchema, Validate)]
struct Customize {
    /// By key, or as a list; 1 to 100 keys. A charge point can have 500 in all.
    #[garde(skip)]
    #[schema(value_type = NewParameters)]
    parameters: Value,
}

/// By key, or as a list.
enum NewParameters {}

impl PartialSchema for NewParameters {
    fn schema() -> RefOr<Schema> {
        let map = ObjectBuilder::new()
            .additional_properties(Some(ParameterValue::schema()))
            .min_properties(Some(1))
            .max_properties(Some(KEYS_MAX))
            .examples([json!({"HeartbeatInterval": 30, "AuthorizationCacheEnabled": false})]);
        let list = ArrayBuilder::new()
            .items(NewParameter::schema())
            .min_items(Some(1))
            .max_items(Some(KEYS_MAX));
        OneOfBuilder::new().item(map).item(list).into()
    }
}

impl ToSchema for NewParameters {}

#[derive(ToSchema)]
#[expect(dead_code, reason = "only the schema is used")]
struct NewParameter {
    #[schema(min_length = 1, max_length = 50, example = "HeartbeatInterval")]
    key: String,
    #[schema(example = 30)]
    value: ParameterValue,
}

#[derive(Serialize, ToSchema)]
struct CustomizeAnswer {
    charge_point_id: String,
    message: &'static str,
    updated_parameters: Vec<String>,
    /// The keys that were saved.
    applied: Vec<String>,
    /// Whether the charge point wants a reboot before it uses them.
    pending_reboot: bool,
    /// What the charge point did not take; it stays saved.
    rejected: Vec<RejectedKey>,
    /// What the charge point has not answered yet: it is offline, or slow. It is pushed as the charge point answers, or
    /// after its next accepted boot.
    unanswered: Vec<String>,
}

#[derive(Serialize, ToSchema)]
struct RejectedKey {
    key: String,
    #[schema(example = "NotSupported")]
    status: String,
}

/// Changes configuration keys: saves them, and pushes them to a charge point that is connected. The answer comes when
/// all of them are answered, after twice the time of a command (20 seconds unless the server is told otherwise) at the
/// latest; the others are pushed on. A key of the standard takes
/// values of its type, others any. `AuthorizationKey`, the password of the charge point's handshake, has 16 to 40
/// characters, is shown nowhere, and is the password here too as soon as the charge point has taken it.
#[utoipa::path(
    post,
    path = "/api/v1/installer/charge-points/{charge_point_id}/config/customize",
    tag = "Configuration",
    params(("charge_point_id" = String, Path)),
    request_body = Customize,
    responses((status = 200, body = CustomizeAnswer), AccessErrors, BodyErrors, MissingErrors),
    security(("installer" = []))
)]
async fn customize(
    State(app): State<Arc<App>>,
    Installer(installer): Installer,
    PathId(id): PathId,
    Body(body): Body<Customize>,
) -> Answer<CustomizeAnswer> {
    let mut new = new_parameters(&body.parameters)?;
    seal_passwords(&app, &mut new)?;
    let point = charge_point::find(&app, &installer.owner(), &id).await?;
    let keys: Vec<String> = new.iter().map(|(key, _)| key.clone()).collect();
    let now_ms = app.clock().now_ms();
    let configured = configure(&app.rest_store, point.clone(), new, now_ms).await?;
    configured.map_err(|refused| match refused {
        NotConfigured::Missing => charge_point::missing(&id),
        NotConfigured::TooMany => {
            let reason = format!("a charge point can have {CONFIGURATION_KEYS_MAX} keys in all");
            ApiError::field("parameters", reason)
        }
    })?;
    let may_be_called = point.registration != Registration::Rejected.as_str();
    if may_be_called && app.sessions.is_online(point.identity()) {
        push_for(&app, point.identity()).await?;
    }
    let now = app.rest_store.configuration(&point).await?;
    let these: BTreeSet<&str> = keys.iter().map(String::as_str).collect();
    let of_these = || now.iter().filter(|key| these.contains(key.key.as_str()));
    Ok(Json(CustomizeAnswer {
        charge_point_id: id,
        message: "Configuration saved. Apply it to the hardware using the download endpoint.",
        pending_reboot: of_these().any(|key| key.pushed == "RebootRequired"),
        rejected: of_these()
            .filter(|key| ![SAVED, "Accepted", "RebootRequired"].contains(&key.pushed.as_str()))
            .map(|key| RejectedKey {
                key: key.key.clone(),
                status: key.pushed.clone(),
            })
            .collect(),
        unanswered: of_these()
            .filter(|key| key.pushed == SAVED)
            .map(|key| key.key.clone())
            .collect(),
        updated_parameters: keys.clone(),
        applied: keys,
    }))
}

/// Keys and JSON values of either shape, checked.
fn new_parameters(parameters: &Value) -> Result<Vec<(String, String)>, ApiError> {
    let entries: Vec<(String, &str, &Value)> = match parameters {
        Value::Object(map) => map
            .iter()
            .map(|(key, value)| (format!("parameters.{key}"), key.as_str(), value))
            .collect(),
        Value::Array(list) => list
            .iter()
            .enumerate()
            .map(|(index, entry)| {
                let field = format!("parameters.{index}");
                match entry["key"].as_str() {
                    Some(key) => Ok((field, key, &entry["value"])),
                    None => Err(ApiError::field(&format!("{field}.key"), "it is required")),
                }
            })
            .collect::<Result<_, _>>()?,
        _ => {
            return Err(ApiError::field(
                "parameters",
                "an object or a list is wanted",
            ));
        }
    };
    if !(1..=KEYS_MAX).contains(&entries.len()) {
        let reason = format!("1 to {KEYS_MAX} keys are wanted");
        return Err(ApiError::field("parameters", reason));
    }
    let mut seen = BTreeSet::new();
    let wrong: Vec<Detail> = entries
        .iter()
        .filter_map(|(field, key, value)| {
            let twice = !seen.insert(key.to_lowercase());
            let of_key =
                wrong_key(key).or_else(|| twice.then(|| "the key is there twice".to_owned()));
            let (part, reason) = match of_key {
                Some(reason) => ("key", reason),
                None => {
                    let of_standard = standard_key::wrong_value(key, value).map(str::to_owned);
                    // A password may have whatever characters.
                    let of_text = || wrong_value(value).filter(|_| !is_password(key));
                    ("value", of_standard.or_else(of_text)?)
                }
            };
            // In a list, key and value are fields of their own.
            let field = match parameters {
                Value::Array(_) => format!("{field}.{part}"),
                _ => field.clone(),
            };
            Some(Detail { field, reason })
        })
        .collect();
    if !wrong.is_empty() {
        return Err(ApiError::Validation(wrong));
    }
    let keep = |(_, key, value): (String, &str, &Value)| (key.to_owned(), value.to_string());
    Ok(entries.into_iter().map(keep).collect())
}

/// Seals passwords: until they are pushed they lie in the database, which says nothing about them.
fn seal_passwords(app: &App, keys: &mut [(String, String)]) -> Result<(), ApiError> {
    for (key, value) in keys.iter_mut().filter(|(key, _)| is_password(key)) {
        let text: String = serde_json::from_str(value)
            .map_err(|error| ApiError::field("parameters", error.to_string()))?;
        let sealed = app.passwords.seal(&text).ok_or_else(|| {
            let reason = "this server has no key to keep it with (--password-key)";
            ApiError::field(&format!("parameters.{key}"), reason.to_owned())
        })?;
        *value = Value::String(sealed).to_string();
    }
    Ok(())
}

fn wrong_key(key: &str) -> Option<String> {
    let good = (1..=KEY_CHARS_MAX).contains(&key.chars().count())
        && !key.chars().any(|c| c.is_control() || c.is_whitespace());
    (!good).then(|| format!("a key has 1 to {KEY_CHARS_MAX} characters, without spaces"))
}

fn wrong_value(value: &Value) -> Option<String> {
    match value {
        Value::Bool(_) | Value::Number(_) => None,
        Value::String(text) if text.chars().any(char::is_control) => {
            Some("it has control characters".to_owned())
        }
        Value::String(text) => (text.chars().count() > VALUE_CHARS_MAX)
            .then(|| format!("a value has at most {VALUE_CHARS_MAX} characters")),
        _ => Some("a number, true or false, or a text is wanted".to_owned()),
    }
}
