//! How a scenario comes by the things that routes have ids of: by the API itself.

use serde_json::{Value, json};

use crate::failure::{Failure, StepResult};
use crate::role::rest::{Rest, sample};
use crate::rules::rest::document::Operation;
use crate::wire::actor::{Actor, Credential};

/// Somebody whom a project was handed over to.
pub(crate) async fn site_owner(api: &mut Rest) -> Result<Credential, Failure> {
    let email = invite(api).await?;
    accept(api, &email).await
}

/// Somebody whom another project of the installer is to be handed over to.
pub(crate) async fn another_site_owner(api: &mut Rest) -> Result<Credential, Failure> {
    let project = make_project(api, "Another yard").await?;
    let email = format!("another-owner@{}.example.com", api.word("unique")?);
    invite_to(api, &project, &email).await?;
    accept(api, &email).await
}

/// Opens the account that an invitation offers, and logs in.
async fn accept(api: &Rest, email: &str) -> Result<Credential, Failure> {
    let token = api.token_in_mail(email).await?;
    let password = api.word("password")?;
    let accepted = json!({"token": token, "name": "The owner", "password": password});
    api.set_up(
        Actor::Nobody,
        "POST",
        "/api/v1/invitations/accept",
        accepted,
    )
    .await?;
    api.log_in(email, &password).await
}

/// Invites the site owner to the installer's project; gives the address.
pub(crate) async fn invite(api: &mut Rest) -> Result<String, Failure> {
    let email = format!("owner@{}.example.com", api.word("unique")?);
    invite_as(api, &email).await?;
    Ok(email)
}

/// Invites whoever has this address.
pub(crate) async fn invite_as(api: &mut Rest, email: &str) -> Result<(), Failure> {
    let project = project(api).await?;
    invite_to(api, &project, email).await
}

async fn invite_to(api: &Rest, project: &str, email: &str) -> StepResult {
    let path = format!("/api/v1/installer/projects/{project}/invite-site-owner");
    let body = json!({"email": email, "message": "It is all yours."});
    api.set_up(Actor::Installer, "POST", &path, body).await?;
    Ok(())
}

/// The installer's project, made when it is needed first: the word `project`.
pub(crate) async fn project(api: &mut Rest) -> Result<String, Failure> {
    if let Ok(known) = api.word("project") {
        return Ok(known);
    }
    let id = make_project(api, "Yard").await?;
    api.words.insert("project".into(), id.clone());
    Ok(id)
}

async fn make_project(api: &mut Rest, name: &str) -> Result<String, Failure> {
    api.credential(Actor::Installer).await?;
    let body = json!({"name": name, "address": "1 Quay Lane"});
    let made = api
        .set_up(Actor::Installer, "POST", "/api/v1/installer/projects", body)
        .await?;
    Ok(made["id"].as_str().unwrap_or_default().to_owned())
}

/// Somebody whom the operation lets in.
pub(crate) fn friend(operation: &Operation) -> Actor {
    if operation.takes("apiKey") {
        Actor::Organization
    } else if operation.takes("installer") {
        Actor::Installer
    } else {
        Actor::Nobody
    }
}

/// The path of the operation with ids of things that are the organization's; what is not there yet is made.
pub(crate) async fn path_of_ours(api: &mut Rest, operation: &Operation) -> Result<String, Failure> {
    path_with(api, operation, |_| None).await
}

/// The same with these ids in the place of ours.
pub(crate) async fn path_with(
    api: &mut Rest,
    operation: &Operation,
    other: impl Fn(&str) -> Option<String>,
) -> Result<String, Failure> {
    let mut ids = Vec::new();
    for name in operation.path_parameters() {
        let id = match other(name) {
            Some(id) => id,
            None => id(api, operation, name).await?,
        };
        ids.push((name, id));
    }
    let path = operation.path(|name| {
        let found = ids.iter().find(|(other, _)| *other == name);
        found.map(|(_, id)| id.clone()).unwrap_or_default()
    });
    Ok(path + &sample::query(&api.under_test.document, operation))
}

/// The id of a thing that is the organization's.
async fn id(api: &mut Rest, operation: &Operation, name: &str) -> Result<String, Failure> {
    if name == "charge_point_id" {
        return api.word("charge point");
    }
    if name == "project_id" {
        return project(api).await;
    }
    if name == "transaction_id" {
        // The session that runs at the scenario's charge point.
        return api.word("transaction");
    }
    // Things of one kind are named by the path before their id.
    let before = operation.template.split(&format!("/{{{name}}}")).next();
    let before = before.unwrap_or_default().to_owned();
    let word = if name == "id" {
        before.clone()
    } else {
        name.replace('_', " ")
    };
    if let Ok(known) = api.word(&word) {
        return Ok(known);
    }
    let (template, member) = match name {
        "certificate_id" => (format!("{before}/generate"), "certificate_id"),
        "session_token" => (
            "/api/v1/sessions/guest/authorize".to_owned(),
            "session_token",
        ),
        _ => (before, "id"),
    };
    if name == "session_token" {
        set_tariff(api).await?;
    }
    let made = make(api, &template).await?;
    let id = made[member].as_str().or_else(|| made["id"].as_str());
    let id =
        id.ok_or_else(|| Failure::new(format!("POST {template} gives no {member}: {made}")))?;
    api.words.insert(word, id.to_owned());
    Ok(id.to_owned())
}

/// What a guest session needs: a price.
async fn set_tariff(api: &mut Rest) -> Result<(), Failure> {
    let path = format!("/api/v1/chargepoints/{}/tariff", api.word("charge point")?);
    let tariff = json!({"currency": "GBP", "price_per_kwh": 0.4});
    api.set_up(Actor::Organization, "PUT", &path, tariff)
        .await?;
    Ok(())
}

/// Makes a thing with the operation that makes such things.
async fn make(api: &mut Rest, template: &str) -> Result<Value, Failure> {
    let shared = std::sync::Arc::clone(&api.under_test);
    let mut making = shared.document.operations.iter();
    let making = making.find(|other| other.method == "POST" && other.template == template);
    let making = making.ok_or_else(|| {
        Failure::new(format!(
            "there is no POST {template} to make something to be isolated; say in the judge's recipes how it is made"
        ))
    })?;
    let mut body = sample::body(&shared.document, making).unwrap_or(Value::Null);
    if let Some(id) = body.get_mut("charge_point_id") {
        *id = json!(api.word("charge point")?);
    }
    let charge_point = api.word("charge point")?;
    let path = making.path(|_| charge_point.clone());
    let actor = friend(making);
    api.credential(actor).await?;
    api.set_up(actor, "POST", &path, body).await
}

/// The scenario's charge point as the installer registers it; in the store where the API cannot.
pub(crate) async fn register(api: &mut Rest) -> Result<(), Failure> {
    let path = "/api/v1/installer/charge-points";
    if api.under_test.document.operation("POST", path).is_none() {
        return api.register_charge_point().await;
    }
    api.credential(Actor::Installer).await?;
    let id = api.word("charge point")?;
    register_as(api, &id).await
}

/// Another one, beside the scenario's own.
pub(crate) async fn register_another(api: &mut Rest) -> Result<String, Failure> {
    let id = format!("{}-2", api.word("charge point")?);
    api.credential(Actor::Installer).await?;
    register_as(api, &id).await?;
    Ok(id)
}

async fn register_as(api: &mut Rest, id: &str) -> Result<(), Failure> {
    let mut body = json!({"charge_point_id": id, "model": "Scripted", "vendor": "Dynamo", "serial_number": id});
    if let Ok(project) = api.word("project") {
        body["project_id"] = project.into();
    }
    let path = "/api/v1/installer/charge-points";
    api.set_up(Actor::Installer, "POST", path, body).await?;
    Ok(())
}
