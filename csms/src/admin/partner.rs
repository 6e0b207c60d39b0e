//! `admin ocpi-token` and `admin ocpi-partner`: partners that roam over OCPI.

use clap::Subcommand;
use dynamo_protocol::ocpi::form::is_url;
use serde_json::{Value, json};

use super::{AdminError, ListArgs, Out};
use crate::clock::{Clock, rfc3339};
use crate::domain::roaming::partner::{Partner, PartnerState};
use crate::domain::roaming::registration::wrong_token;
use crate::store::{DEFAULT_ORGANIZATION, OutgoingPartner, Store, random_text};

/// How long `register` waits for the server to do it, and how often it looks.
const PATIENCE_MS: i64 = 60_000;
const LOOK_EVERY: std::time::Duration = std::time::Duration::from_millis(200);

/// What can be done with tokens for partners.
#[derive(Debug, Subcommand)]
pub enum OcpiTokenCommand {
    /// Makes the token (A) with which a partner registers here, and prints it, once
    #[command(after_help = "Example:\n  dynamo csms admin ocpi-token create --name FleetCharge")]
    Create {
        /// With whom it will roam; the default organization without it
        #[arg(long, value_name = "ID", env = "DYNAMO_ORGANIZATION")]
        organization: Option<String>,
        /// What the partner is called here
        #[arg(long, env = "DYNAMO_NAME", default_value = "partner")]
        name: String,
    },
}

/// What can be done with partners.
#[derive(Debug, Subcommand)]
pub enum OcpiPartnerCommand {
    /// Has the running server register with a partner, and says what came of it
    #[command(
        after_help = "Example:\n  dynamo csms admin ocpi-partner register --url https://emsp.example.com/ocpi/versions --token TOKEN-A"
    )]
    Register {
        /// The partner's list of versions
        #[arg(long, value_name = "URL", env = "DYNAMO_URL")]
        url: String,
        /// The token (A) that the partner gave out for it
        #[arg(
            long,
            value_name = "TOKEN",
            env = "DYNAMO_TOKEN",
            hide_env_values = true
        )]
        token: String,
        /// Who roams with it; the default organization without it
        #[arg(long, value_name = "ID", env = "DYNAMO_ORGANIZATION")]
        organization: Option<String>,
        /// What the partner is called here
        #[arg(long, env = "DYNAMO_NAME", default_value = "partner")]
        name: String,
        /// Sends tokens as they are, not encoded as base64: the habit of OCPI 2.1.1
        #[arg(long, env = "DYNAMO_RAW_TOKENS")]
        raw_tokens: bool,
    },
    /// Has the running server give a partner another token, and says what came of it
    #[command(
        after_help = "Example:\n  dynamo csms admin ocpi-partner renew ptn_01HX3K9VZAB2C4DEFG"
    )]
    Renew {
        /// Its id
        id: String,
    },
    /// Tells a partner once more what it refused, and says how many objects that are
    #[command(
        after_help = "Example:\n  dynamo csms admin ocpi-partner resend ptn_01HX3K9VZAB2C4DEFG"
    )]
    Resend {
        /// Its id
        id: String,
    },
    /// Prints partners without their tokens, one JSON object per line, oldest first
    #[command(after_help = "Example:\n  dynamo csms admin ocpi-partner list")]
    List {
        /// Which
        #[command(flatten)]
        list: ListArgs,
    },
    /// Ends the connection with a partner: its tokens open nothing any more, and it is told nothing
    #[command(
        after_help = "Example:\n  dynamo csms admin ocpi-partner remove ptn_01HX3K9VZAB2C4DEFG"
    )]
    Remove {
        /// Its id
        id: String,
    },
}

/// What is wrong with the values, before any database is opened.
pub(super) fn check(command: &OcpiPartnerCommand) -> Result<(), String> {
    match command {
        OcpiPartnerCommand::Register { url, token, .. } => {
            if !is_url(url) {
                return Err(format!(
                    "{url:?} (--url) is no URL such as https://emsp.example.com/ocpi/versions"
                ));
            }
            wrong_token(token).map_or(Ok(()), |why| Err(format!("the token (--token) {why}")))
        }
        _ => Ok(()),
    }
}

pub(super) async fn token(store: &Store, command: OcpiTokenCommand) -> Result<Value, AdminError> {
    let OcpiTokenCommand::Create { organization, name } = command;
    let organization = organization.as_deref().unwrap_or(DEFAULT_ORGANIZATION);
    let now_ms = Clock::default().now_ms();
    let (id, token) = store.issue_ocpi_token(organization, &name, now_ms).await?;
    Ok(json!({"partner_id": id, "token": token}))
}

pub(super) async fn partner(
    store: &Store,
    command: OcpiPartnerCommand,
    out: Out<'_>,
) -> Result<Option<Value>, AdminError> {
    match command {
        OcpiPartnerCommand::Register {
            url,
            token,
            organization,
            name,
            raw_tokens,
        } => {
            let new = OutgoingPartner {
                id: new_id(),
                organization_id: organization.unwrap_or_else(|| DEFAULT_ORGANIZATION.to_owned()),
                name,
                versions_url: url,
                their_token: token,
                sends_raw_tokens: raw_tokens,
                now_ms: Clock::default().now_ms(),
            };
            let id = new.id.clone();
            store.ask_registration(new).await?;
            outcome(store, &id).await.map(Some)
        }
        OcpiPartnerCommand::Renew { id } => {
            let now_ms = Clock::default().now_ms();
            match store.ask_renewal(&id, now_ms).await? {
                true => outcome(store, &id).await.map(Some),
                false => Err(missing(&id)),
            }
        }
        OcpiPartnerCommand::Resend { id } => {
            store.partner(&id).await?.ok_or_else(|| missing(&id))?;
            let objects = store
                .push_refused_again(&id, Clock::default().now_ms())
                .await?;
            Ok(Some(json!({"id": id, "objects": objects})))
        }
        OcpiPartnerCommand::List { list } => {
            for partner in store.partners(list.organization.as_deref()).await? {
                writeln!(out, "{}", shown(&partner)).map_err(AdminError::Output)?;
            }
            Ok(None)
        }
        OcpiPartnerCommand::Remove { id } => {
            let now_ms = Clock::default().now_ms();
            match store.remove_partner(&id, now_ms).await? {
                true => Ok(Some(json!({"id": id, "removed": true}))),
                false => Err(missing(&id)),
            }
        }
    }
}

fn new_id() -> String {
    format!("ptn_{}", random_text(18))
}

fn missing(id: &str) -> AdminError {
    AdminError::Value(format!(
        "nothing was changed: there is no such partner as {id:?}; see admin ocpi-partner list"
    ))
}

/// What the server made of it.
async fn outcome(store: &Store, id: &str) -> Result<Value, AdminError> {
    let clock = Clock::default();
    let until_ms = clock.now_ms().saturating_add(PATIENCE_MS);
    loop {
        let partner = store.partner(id).await?.ok_or_else(|| missing(id))?;
        let failed = |why: &str| {
            Err(AdminError::Value(format!(
                "the partner {id} was not asked with success: {why}"
            )))
        };
        match (partner.state, partner.is_asked, &partner.last_error) {
            (PartnerState::Registered, false, None) => return Ok(shown(&partner)),
            (_, false, Some(why)) => return failed(why),
            (PartnerState::Removed, _, None) => return failed("it was removed meanwhile"),
            _ if clock.now_ms() >= until_ms => {
                // What nobody did is not to be done later, unasked.
                let why = "no server did it within a minute";
                store.fail_offer(id, why, clock.now_ms()).await?;
                return failed("no server did it within a minute: does one run on this database?");
            }
            _ => tokio::time::sleep(LOOK_EVERY).await,
        }
    }
}

fn shown(partner: &Partner) -> Value {
    json!({
        "id": partner.id,
        "organization_id": partner.organization_id,
        "name": partner.name,
        "state": partner.state.as_str(),
        "roles": partner.roles.iter().map(|role| json!({
            "role": role.role,
            "country_code": role.country_code,
            "party_id": role.party_id,
            "name": role.business_details.name,
        })).collect::<Vec<_>>(),
        "versions_url": partner.versions_url,
        "endpoints": partner.endpoints,
        "created_at": rfc3339(partner.created_at_ms),
        "registered_at": partner.registered_at_ms.map(rfc3339),
        "last_heard_at": partner.last_heard_at_ms.map(rfc3339),
        "last_told_at": partner.last_told_at_ms.map(rfc3339),
        "last_error": partner.last_error,
        "last_error_at": partner.last_error_at_ms.map(rfc3339),
    })
}
