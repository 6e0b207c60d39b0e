//! The command `dynamo csms admin`: writes to the same database as a running server, which reads what it
//! needs at the next message or request.

mod list;
mod partner;

use std::io::Write;
use std::path::PathBuf;

use clap::{Subcommand, ValueEnum};
use dynamo_protocol::ChargePointId;
use dynamo_protocol::decode::Decoding;
use futures_util::future::LocalBoxFuture;
use jiff::Timestamp;
use jiff::civil::DateTime;
use serde_json::{Value, json};

use partner::{OcpiPartnerCommand, OcpiTokenCommand};

use crate::StartError;
use crate::clock::{Clock, rfc3339};
use crate::domain::charge_points::security::{SecurityProfile, wrong_password};
use crate::domain::occurrence::{Kind, Occurrence};
use crate::domain::tags::tag::{TagStatus, check_parent_tag, check_tag};
use crate::domain::tags::token::{Party, TokenKind};
use crate::domain::transactions::ending::{self, Closing};
use crate::parse::parse_decoding;
use crate::password::{hash_beside, key};
use crate::start::open_store;
use crate::store::{
    ChargePointSetting, DEFAULT_ORGANIZATION, Listed, NewApiKey, Opener, OrganizationSetting,
    OutboxRow, Registration, SCOPE_READ, SCOPE_WRITE, Store, StoreError, TagSetting, back_up,
    random_text,
};

/// Changes what a CSMS knows.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  dynamo csms admin id-tag set TAG-1 --status Blocked --database sqlite://dynamo.db"
)]
pub struct AdminArgs {
    /// The database of the CSMS: sqlite://PATH or postgres://USER:PASSWORD@HOST/NAME
    #[arg(
        long,
        global = true,
        env = "DYNAMO_DATABASE",
        default_value = "sqlite://dynamo.db",
        value_name = "URL",
        hide_env_values = true
    )]
    pub database: String,
    /// The key with which the CSMS keeps passwords of charge points (its own --password-key); without it the file
    /// beside the database. Where there is none, the server takes a password over when the charge point comes with it
    #[arg(long, global = true, env = "DYNAMO_PASSWORD_KEY", value_name = "FILE")]
    pub password_key: Option<PathBuf>,
    /// What to change
    #[command(subcommand)]
    pub command: AdminCommand,
}

/// What `admin` can change.
#[derive(Debug, Subcommand)]
pub enum AdminCommand {
    /// Organizations
    #[command(subcommand)]
    Organization(OrganizationCommand),
    /// Keys of the REST API
    #[command(subcommand)]
    ApiKey(ApiKeyCommand),
    /// Id tags
    #[command(subcommand)]
    IdTag(IdTagCommand),
    /// Charge points
    #[command(subcommand)]
    ChargePoint(ChargePointCommand),
    /// Transactions
    #[command(subcommand)]
    Transaction(TransactionCommand),
    /// Tokens with which partners register over OCPI
    #[command(subcommand)]
    OcpiToken(OcpiTokenCommand),
    /// Partners over OCPI
    #[command(subcommand)]
    OcpiPartner(OcpiPartnerCommand),
    /// Mail and webhooks on their way
    #[command(subcommand)]
    Outbox(OutboxCommand),
    /// Copies an SQLite database into a new file, also while a server runs; PostgreSQL has pg_dump for that
    #[command(after_help = "Example:\n  dynamo csms admin backup dynamo-copy.db")]
    Backup {
        /// The copy; it must not be there yet
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
}

/// What of something to list.
#[derive(Debug, clap::Args)]
pub struct ListArgs {
    /// Only what belongs to this organization
    #[arg(long, value_name = "ID", env = "DYNAMO_ORGANIZATION")]
    pub organization: Option<String>,
}

impl From<ListArgs> for Listed {
    fn from(args: ListArgs) -> Self {
        Self {
            organization_id: args.organization,
            ..Self::default()
        }
    }
}

/// What can be done with transactions.
#[derive(Debug, Subcommand)]
pub enum TransactionCommand {
    /// Ends one whose stop will never come, at its last meter value; it is billed at once
    #[command(after_help = "Example:\n  dynamo csms admin transaction close CP-1 10042")]
    Close {
        /// The identity of its charge point
        charge_point: String,
        /// Its number, as OCPP 1.6 knows it
        transaction: i64,
    },
    /// Prints transactions, one JSON object per line, oldest first
    #[command(after_help = "Example:\n  dynamo csms admin transaction list --open")]
    List {
        /// Which
        #[command(flatten)]
        list: ListArgs,
        /// Only those of this charge point; of a deleted one ID/deleted/1 and so on
        #[arg(long, value_name = "ID", env = "DYNAMO_CHARGE_POINT")]
        charge_point: Option<String>,
        /// Only those that are open
        #[arg(long, env = "DYNAMO_OPEN")]
        open: bool,
    },
}

/// What can be done with the outbox.
#[derive(Debug, Subcommand)]
pub enum OutboxCommand {
    /// Shows the letters that wait or failed, oldest first, at most 1000 of them
    #[command(after_help = "Example:\n  dynamo csms admin outbox list")]
    List,
}

/// What can be done with organizations.
#[derive(Debug, Subcommand)]
pub enum OrganizationCommand {
    /// Makes an organization and prints its id
    #[command(after_help = "Example:\n  dynamo csms admin organization create 'Acme Charging'")]
    Create {
        /// Its name, 1 to 255 characters
        name: String,
    },
    /// Changes what is given of an organization, and prints how it is then
    #[command(
        after_help = "Example:\n  dynamo csms admin organization set --name 'Acme Charging' --sign-up closed"
    )]
    Set {
        /// Its id; the default organization without it
        id: Option<String>,
        /// Its name, 1 to 255 characters: who issues its receipts
        #[arg(long, value_name = "NAME", env = "DYNAMO_NAME")]
        name: Option<String>,
        /// Whether installers may open accounts with it; only the default organization is open from the beginning
        #[arg(long, value_name = "WHETHER", env = "DYNAMO_SIGN_UP")]
        sign_up: Option<SignUp>,
        /// The party that it is to partners over OCPI, country and id; GB/DYN from the beginning
        #[arg(long, value_name = "CC/PID", env = "DYNAMO_OCPI_PARTY", value_parser = parse_party)]
        ocpi_party: Option<Party>,
        /// Where its sites are unless they say so, by the name of the time zone; Europe/London from the beginning
        #[arg(long, value_name = "ZONE", env = "DYNAMO_TIME_ZONE", value_parser = parse_zone)]
        time_zone: Option<String>,
        /// Its page, which partners are told
        #[arg(long, value_name = "URL", env = "DYNAMO_WEBSITE", value_parser = parse_url)]
        website: Option<String>,
    },
    /// Prints all organizations, one JSON object per line, by id
    #[command(after_help = "Example:\n  dynamo csms admin organization list")]
    List,
}

/// Whether installers may open accounts with an organization.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SignUp {
    /// Everybody who reaches the API and knows its id, or leaves it out for the default one
    Open,
    /// Nobody; who has an account keeps it
    Closed,
}

/// What can be done with API keys.
#[derive(Debug, Subcommand)]
pub enum ApiKeyCommand {
    /// Makes a key and prints it, once
    #[command(
        after_help = "Example:\n  dynamo csms admin api-key create --scope read:charge_points"
    )]
    Create {
        /// Whose charge points it opens; the default organization without it
        #[arg(long, value_name = "ID", env = "DYNAMO_ORGANIZATION")]
        organization: Option<String>,
        /// What it may do; both without it; can be repeated
        #[arg(long, value_name = "SCOPE", env = "DYNAMO_SCOPE", value_delimiter = ',', value_parser = [SCOPE_READ, SCOPE_WRITE])]
        scope: Vec<String>,
    },
    /// Revokes a key for ever
    #[command(after_help = "Example:\n  dynamo csms admin api-key revoke key_01HX3K9VZAB2C4DEFG")]
    Revoke {
        /// The id that `create` printed
        id: String,
    },
    /// Prints all keys without their secrets, one JSON object per line, by id
    #[command(after_help = "Example:\n  dynamo csms admin api-key list")]
    List {
        /// Which
        #[command(flatten)]
        list: ListArgs,
    },
}

/// What can be done with id tags.
#[derive(Debug, Subcommand)]
pub enum IdTagCommand {
    /// Registers a tag, or replaces everything said about it
    #[command(after_help = "Example:\n  dynamo csms admin id-tag set TAG-1 --status Blocked")]
    Set {
        /// The tag, compared without case; at most 20 characters by the standard, and up to 255 for charge points that
        /// send longer ones
        tag: String,
        /// The organization it belongs to; the default one without it
        #[arg(long, value_name = "ID", env = "DYNAMO_ORGANIZATION")]
        organization: Option<String>,
        /// What it may do
        #[arg(long, env = "DYNAMO_STATUS", default_value = "Accepted", value_parser = ["Accepted", "Blocked", "Expired", "Invalid"])]
        status: String,
        /// The group it belongs to, another tag
        #[arg(long, value_name = "TAG", env = "DYNAMO_PARENT")]
        parent: Option<String>,
        /// When it expires, such as 2030-01-01T00:00:00Z
        #[arg(long, value_name = "TIME", env = "DYNAMO_EXPIRES", value_parser = parse_expiry)]
        expires: Option<Timestamp>,
        /// One transaction at a time: a second start is answered ConcurrentTx
        #[arg(long, env = "DYNAMO_SINGLE_TRANSACTION")]
        single_transaction: bool,
    },
    /// Prints all tags, one JSON object per line, by organization and tag
    #[command(after_help = "Example:\n  dynamo csms admin id-tag list")]
    List {
        /// Which
        #[command(flatten)]
        list: ListArgs,
    },
}

/// What can be done with charge points.
#[derive(Debug, Subcommand)]
pub enum ChargePointCommand {
    /// Registers a charge point, or changes what is given
    #[command(
        after_help = "Example:\n  dynamo csms admin charge-point set CP-1 --password 0123456789abcdef"
    )]
    Set {
        /// Its identity
        id: String,
        /// Password for HTTP Basic at the handshake, 8 to 128 characters; the AuthorizationKey of OCPP 1.6 takes 16
        /// to 40, or the hexadecimal digits of 16 to 20 bytes
        #[arg(
            long,
            value_name = "P",
            env = "DYNAMO_PASSWORD",
            hide_env_values = true
        )]
        password: Option<String>,
        /// Whether it is let in
        #[arg(long, env = "DYNAMO_REGISTRATION", value_parser = ["Accepted", "Pending", "Rejected"])]
        registration: Option<String>,
        /// Heartbeat interval; time until the next boot when it is not Accepted
        #[arg(long, value_name = "SECONDS", env = "DYNAMO_INTERVAL", value_parser = clap::value_parser!(i64).range(0..=i64::from(i32::MAX)))]
        interval: Option<i64>,
        /// The organization it belongs to; the default one for a new charge point without it
        #[arg(long, value_name = "ID", env = "DYNAMO_ORGANIZATION")]
        organization: Option<String>,
        /// What it must prove at the handshake: 0 the password if one is set, 1 a password, 2 a password over
        /// TLS, 3 its certificate
        #[arg(long, value_name = "N", env = "DYNAMO_SECURITY_PROFILE", value_parser = clap::value_parser!(i64).range(0..=3))]
        security_profile: Option<i64>,
        /// How its messages are read; as the server does, for a new charge point without it
        #[arg(long, value_name = "HOW", env = "DYNAMO_DECODING", value_parser = parse_decoding())]
        decoding: Option<Decoding>,
    },
    /// Prints all charge points without their passwords, one JSON object per line, by id
    #[command(after_help = "Example:\n  dynamo csms admin charge-point list")]
    List {
        /// Which
        #[command(flatten)]
        list: ListArgs,
    },
}

/// Why nothing was changed: one sentence.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// The database cannot be opened.
    #[error(transparent)]
    Open(#[from] StartError),
    /// The database refused the change.
    #[error("nothing was changed: {0}")]
    Store(StoreError),
    /// A value cannot be used.
    #[error("{0}")]
    Value(String),
    /// What was found cannot be written out.
    #[error("cannot write the answer: {0}")]
    Output(std::io::Error),
}

// Not `#[from]`: the sentence has its cause in it already, and a source would be said twice.
impl From<StoreError> for AdminError {
    fn from(error: StoreError) -> Self {
        match error.remedy() {
            Some(remedy) => Self::Value(format!("nothing was changed: {error}; {remedy}")),
            None => Self::Store(error),
        }
    }
}

/// Where an answer is written to.
pub(crate) type Out<'o> = &'o mut (dyn Write + Send);

/// Makes the change and returns one JSON object as text; of a list one per line.
///
/// # Errors
/// When the database cannot be opened, or a value is refused.
pub async fn admin(args: AdminArgs) -> Result<String, AdminError> {
    let mut answer = Vec::new();
    admin_to(args, &mut answer).await?;
    Ok(String::from_utf8_lossy(&answer).trim_end().to_owned())
}

/// The same, written out as it is found.
///
/// # Errors
/// Also when the answer cannot be written.
pub fn admin_to(args: AdminArgs, out: Out<'_>) -> LocalBoxFuture<'_, Result<(), AdminError>> {
    Box::pin(make(args, out))
}

async fn make(args: AdminArgs, out: Out<'_>) -> Result<(), AdminError> {
    check(&args.command).map_err(AdminError::Value)?;
    if let AdminCommand::Backup { file } = &args.command {
        let bytes = back_up(&args.database, file).await.map_err(no_backup)?;
        let answer = json!({"file": file.display().to_string(), "bytes": bytes});
        return writeln!(out, "{answer}").map_err(AdminError::Output);
    }
    let store = open_store(&args.database, Opener::Admin).await?;
    let place = KeyPlace {
        database: args.database,
        given: args.password_key,
    };
    let result = match change(&store, &place, args.command, out).await {
        Ok(Some(answer)) => writeln!(out, "{answer}").map_err(AdminError::Output),
        Ok(None) => Ok(()),
        Err(error) => Err(error),
    };
    store.close().await;
    result
}

fn no_backup(error: StoreError) -> AdminError {
    match (&error, error.remedy()) {
        (StoreError::Address(sentence), _) => AdminError::Value(sentence.clone()),
        (_, Some(remedy)) => AdminError::Value(format!("no copy was made: {error}; {remedy}")),
        _ => AdminError::Value(format!("no copy was made: {error}")),
    }
}

/// Where the key of passwords lies.
struct KeyPlace {
    database: String,
    given: Option<PathBuf>,
}

/// Letters that are shown at once.
const LETTERS_MAX: i64 = 1000;
const NAME_CHARS: std::ops::RangeInclusive<usize> = 1..=255;

/// What is wrong with the values, before any database is opened.
fn check(command: &AdminCommand) -> Result<(), String> {
    match command {
        AdminCommand::Organization(OrganizationCommand::Create { name }) => check_name(name),
        AdminCommand::Organization(OrganizationCommand::Set { name, .. }) => {
            name.as_deref().map_or(Ok(()), check_name)
        }
        AdminCommand::OcpiPartner(command) => partner::check(command),
        AdminCommand::IdTag(IdTagCommand::Set { tag, parent, .. }) => {
            check_tag(tag)?;
            parent.as_deref().map_or(Ok(()), check_parent_tag)
        }
        AdminCommand::ChargePoint(ChargePointCommand::Set { id, password, .. }) => {
            ChargePointId::new(id)
                .map_err(|error| format!("{id:?} cannot be an identity: {error}"))?;
            match password.as_deref().and_then(wrong_password) {
                Some(wrong) => Err(format!("the password (--password) cannot be used: {wrong}")),
                None => Ok(()),
            }
        }
        _ => Ok(()),
    }
}

fn check_name(name: &str) -> Result<(), String> {
    let chars = name.chars().count();
    if !NAME_CHARS.contains(&chars) {
        return Err(format!(
            "the name of an organization must have 1 to 255 characters, this one has {chars}"
        ));
    }
    if name.trim().is_empty() || name.chars().any(char::is_control) {
        return Err(format!(
            "the name {name:?} must have something that can be read and no control characters"
        ));
    }
    Ok(())
}

fn parse_party(text: &str) -> Result<Party, String> {
    let party = text.split_once('/');
    let party = party.and_then(|(country, party)| Party::new(country, party));
    party.ok_or_else(|| {
        "two letters and three letters or digits, such as GB/GWY, are wanted".to_owned()
    })
}

fn parse_zone(text: &str) -> Result<String, String> {
    match jiff::tz::TimeZone::get(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(_) => Err("the name of a time zone, such as Europe/Berlin, is wanted".to_owned()),
    }
}

fn parse_url(text: &str) -> Result<String, String> {
    match dynamo_protocol::ocpi::form::is_url(text) && text.len() <= 255 {
        true => Ok(text.to_owned()),
        false => Err(
            "a URL such as https://example.com, of at most 255 characters, is wanted".to_owned(),
        ),
    }
}

/// A time; one after the last instant that can be kept, on the last two days of the year 9999, becomes that.
fn parse_expiry(text: &str) -> Result<Timestamp, String> {
    if let Ok(time) = text.parse() {
        return Ok(time);
    }
    let civil = text.strip_suffix(['Z', 'z']);
    match civil.and_then(|civil| civil.parse::<DateTime>().ok()) {
        Some(civil) if civil.year() == 9999 => Ok(Timestamp::MAX),
        _ => Err("a time such as 2030-01-31T12:00:00Z is wanted".to_owned()),
    }
}

/// The answer; `None` where it was written out already.
async fn change(
    store: &Store,
    place: &KeyPlace,
    command: AdminCommand,
    out: Out<'_>,
) -> Result<Option<Value>, AdminError> {
    let answer = match command {
        AdminCommand::Organization(OrganizationCommand::Create { name }) => {
            let id = format!("org_{}", random_text(18));
            store.create_organization(&id, &name).await?;
            json!({"id": id, "name": name})
        }
        AdminCommand::Organization(OrganizationCommand::Set {
            id,
            name,
            sign_up,
            ocpi_party,
            time_zone,
            website,
        }) => {
            let setting = OrganizationSetting {
                id: id.unwrap_or_else(|| DEFAULT_ORGANIZATION.to_owned()),
                name,
                takes_sign_ups: sign_up.map(|sign_up| sign_up == SignUp::Open),
                party: ocpi_party,
                time_zone,
                website,
                ..OrganizationSetting::default()
            };
            let is = store.set_organization(setting).await?;
            let sign_up = if is.takes_sign_ups { "open" } else { "closed" };
            let own = store.own_party(&is.id).await?;
            json!({
                "id": is.id, "name": is.name, "sign_up": sign_up,
                "ocpi_party": format!("{}/{}", own.country_code, own.party_id),
                "time_zone": own.time_zone, "website": own.business.website,
            })
        }
        AdminCommand::Organization(OrganizationCommand::List) => {
            list::organizations(store, out).await?;
            return Ok(None);
        }
        AdminCommand::Transaction(TransactionCommand::List {
            list,
            charge_point,
            open,
        }) => {
            let listed = Listed {
                charge_point_id: charge_point,
                open_only: open,
                ..list.into()
            };
            list::transactions(store, &listed, out).await?;
            return Ok(None);
        }
        AdminCommand::Transaction(TransactionCommand::Close {
            charge_point,
            transaction,
        }) => close(store, charge_point, transaction).await?,
        AdminCommand::ApiKey(command) => return api_key(store, command, out).await,
        AdminCommand::IdTag(command) => return id_tag(store, command, out).await,
        AdminCommand::ChargePoint(command) => {
            return charge_point(store, place, command, out).await;
        }
        AdminCommand::OcpiToken(command) => partner::token(store, command).await?,
        AdminCommand::OcpiPartner(command) => return partner::partner(store, command, out).await,
        AdminCommand::Outbox(OutboxCommand::List) => outbox(store).await?,
        // Done without an open store.
        AdminCommand::Backup { .. } => return Ok(None),
    };
    Ok(Some(answer))
}

async fn api_key(
    store: &Store,
    command: ApiKeyCommand,
    out: Out<'_>,
) -> Result<Option<Value>, AdminError> {
    match command {
        ApiKeyCommand::Create {
            organization,
            mut scope,
        } => {
            if scope.is_empty() {
                scope = vec![SCOPE_READ.to_owned(), SCOPE_WRITE.to_owned()];
            }
            let organization = organization.as_deref().unwrap_or(DEFAULT_ORGANIZATION);
            let key = NewApiKey::generate(organization, scope);
            let answer = json!({"id": key.id, "key": key.key, "scopes": key.scopes});
            store.create_api_key(key).await?;
            Ok(Some(answer))
        }
        ApiKeyCommand::Revoke { id } => {
            store.revoke_api_key(&id).await?;
            Ok(Some(json!({"id": id, "revoked": true})))
        }
        ApiKeyCommand::List { list } => {
            list::api_keys(store, &list.into(), out).await?;
            Ok(None)
        }
    }
}

async fn id_tag(
    store: &Store,
    command: IdTagCommand,
    out: Out<'_>,
) -> Result<Option<Value>, AdminError> {
    match command {
        IdTagCommand::Set {
            tag,
            organization,
            status,
            parent,
            expires,
            single_transaction,
        } => {
            let status = TagStatus::from_setting(&status).ok_or_else(|| {
                AdminError::Value(format!("{status:?} is no status of an id tag"))
            })?;
            let answer = json!({"id": tag, "status": status});
            store
                .set_tag(TagSetting {
                    organization_id: organization
                        .unwrap_or_else(|| DEFAULT_ORGANIZATION.to_owned()),
                    tag,
                    party: None,
                    kind: TokenKind::Rfid,
                    status,
                    parent_tag: parent,
                    expires_at_ms: expires.map(Timestamp::as_millisecond),
                    single_transaction,
                })
                .await?;
            Ok(Some(answer))
        }
        IdTagCommand::List { list } => {
            list::id_tags(store, &list.into(), out).await?;
            Ok(None)
        }
    }
}

async fn charge_point(
    store: &Store,
    place: &KeyPlace,
    command: ChargePointCommand,
    out: Out<'_>,
) -> Result<Option<Value>, AdminError> {
    match command {
        ChargePointCommand::Set {
            id,
            password,
            registration,
            interval,
            organization,
            security_profile,
            decoding,
        } => {
            let registration = registration.as_deref().and_then(Registration::from_word);
            let password_hash = match password {
                Some(password) => {
                    let key = key::of_admin(store, &place.database, place.given.as_deref()).await?;
                    Some(hash_beside(key.as_ref(), &password))
                }
                None => None,
            };
            store
                .set_charge_point(ChargePointSetting {
                    id: id.clone(),
                    organization_id: organization,
                    password_hash,
                    registration,
                    interval_s: interval,
                    security_profile: security_profile.and_then(SecurityProfile::from_number),
                    decoding,
                })
                .await?;
            Ok(Some(json!({"id": id})))
        }
        ChargePointCommand::List { list } => {
            list::charge_points(store, &list.into(), out).await?;
            Ok(None)
        }
    }
}

/// Webhooks are told by the running server, which finds what is put into the outbox here.
async fn close(store: &Store, charge_point: String, id: i64) -> Result<Value, AdminError> {
    let at_ms = Clock::default().now_ms();
    let told = |organization: &str, charge_point: &str| {
        Some(Occurrence {
            kind: Kind::TransactionStopped,
            organization_id: organization.to_owned(),
            charge_point_id: charge_point.to_owned(),
            at_ms,
        })
    };
    match ending::close(store, None, Some(charge_point.clone()), (id, at_ms), told).await? {
        Closing::Closed => Ok(json!({"id": id, "charge_point_id": charge_point, "closed": true})),
        Closing::Over => Err(AdminError::Value(format!(
            "nothing was changed: the transaction {id} of {charge_point} is over already"
        ))),
        Closing::Missing => Err(AdminError::Value(format!(
            "nothing was changed: the charge point {charge_point} has no transaction {id}; see \
             GET /api/v1/ocpp16/transactions?charge_point_id={charge_point}"
        ))),
    }
}

/// One object with every letter that did not arrive; where it is a webhook's, `recipient` is its URL.
async fn outbox(store: &Store) -> Result<Value, AdminError> {
    let (rows, total) = store.outbox(LETTERS_MAX).await?;
    let letters: Vec<Value> = rows.into_iter().map(letter).collect();
    Ok(json!({"letters": letters, "total": total}))
}

fn letter(row: OutboxRow) -> Value {
    let failed = row.given_up_at_ms;
    // The body of a webhook is JSON; a mail's is text.
    let body = serde_json::from_str(&row.body).ok();
    let body = body
        .filter(Value::is_object)
        .unwrap_or(Value::String(row.body));
    json!({
        "id": row.id,
        "kind": row.kind,
        "status": if failed.is_some() { "failed" } else { "waiting" },
        "webhook_id": row.url.as_ref().map(|_| &row.recipient),
        "recipient": row.url.as_ref().unwrap_or(&row.recipient),
        "subject": row.subject,
        "body": body,
        "created_at": rfc3339(row.created_at_ms),
        "next_attempt_at": failed.is_none().then(|| rfc3339(row.due_at_ms)),
        "failed_at": failed.map(rfc3339),
        "attempts": row.attempts,
        "last_error": row.last_error,
    })
}
