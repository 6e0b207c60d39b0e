//! What the scenarios of a run share: the systems under test, the tags, how patient to be.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use serde::Deserialize;
use tokio::sync::Mutex;

use crate::collect::Collector;
use crate::defect::Seed;
use crate::driver::Driver;
use crate::operator::Operator;
use crate::peer::Post;
use crate::peer::csms::CsmsServer;
use crate::schemas::Schemas;

/// Which side of the line is under test.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Side {
    ChargePoint,
    Csms,
}

impl Side {
    /// The tag that marks its scenarios.
    pub(crate) fn tag(self) -> &'static str {
        match self {
            Self::ChargePoint => "charge-point",
            Self::Csms => "csms",
        }
    }

    /// Its name in sentences.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::ChargePoint => "charge point",
            Self::Csms => "CSMS",
        }
    }
}

/// Id tags that scenarios speak of.
#[derive(Clone, Debug)]
pub(crate) struct Tags {
    pub(crate) known: String,
    pub(crate) unknown: String,
    pub(crate) blocked: Option<String>,
    pub(crate) expired: Option<String>,
}

/// What a charger is made of, as far as scenarios depend on it.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ChargerTraits {
    pub(crate) connectors: u32,
    pub(crate) fixed_cable: bool,
    pub(crate) backup_power: bool,
}

impl Default for ChargerTraits {
    fn default() -> Self {
        Self {
            connectors: 2,
            fixed_cable: false,
            backup_power: false,
        }
    }
}

/// The charger under test.
#[derive(Clone, Debug)]
pub(crate) enum ChargerUnderTest {
    /// Each scenario gets a fresh one in this process.
    Bundled,
    /// The one that connects from outside; scenarios take turns.
    Foreign {
        id: String,
        traits: ChargerTraits,
        operator: Operator,
        post: Arc<Mutex<Option<Post>>>,
    },
}

/// The CSMS under test.
#[derive(Clone, Debug)]
pub(crate) struct CsmsUnderTest {
    /// URL without the identity.
    pub(crate) url: String,
    /// One identity for all, or a prefix for many.
    pub(crate) identity: Identity,
    pub(crate) password: Option<String>,
    pub(crate) driver: Option<Driver>,
}

/// Which identities the scripted charge points use.
#[derive(Clone, Debug)]
pub(crate) enum Identity {
    One(String),
    Prefix(String),
}

/// Numbers are handed out once per process: several rigs can share a CSMS.
static NEXT_IDENTITY: AtomicU32 = AtomicU32::new(1);
static NEXT_TRANSACTION: AtomicU32 = AtomicU32::new(1);

/// Shared by all scenarios of a run.
#[derive(Debug)]
pub(crate) struct Rig {
    pub(crate) charger: Option<ChargerUnderTest>,
    pub(crate) server: Option<CsmsServer>,
    pub(crate) csms: Option<CsmsUnderTest>,
    pub(crate) tags: Tags,
    /// How long an expected message may take.
    pub(crate) patience: Duration,
    pub(crate) schemas: Option<Schemas>,
    pub(crate) defect: Option<Seed>,
    pub(crate) collector: Arc<Collector>,
}

/// What is needed to build a [`Rig`].
#[derive(Clone, Debug)]
pub(crate) struct RigParts {
    pub(crate) charger: Option<ChargerUnderTest>,
    pub(crate) server: Option<CsmsServer>,
    pub(crate) csms: Option<CsmsUnderTest>,
    pub(crate) tags: Tags,
    pub(crate) patience: Duration,
    pub(crate) schemas: Option<PathBuf>,
    pub(crate) defect: Option<Seed>,
}

impl Rig {
    pub(crate) fn new(parts: RigParts) -> anyhow::Result<Self> {
        let schemas = parts.schemas.as_deref().map(Schemas::read).transpose()?;
        Ok(Self {
            charger: parts.charger,
            server: parts.server,
            csms: parts.csms,
            tags: parts.tags,
            patience: parts.patience,
            schemas,
            defect: parts.defect,
            collector: Arc::default(),
        })
    }

    /// A number that no other scenario of this process gets.
    pub(crate) fn number(&self) -> u32 {
        NEXT_IDENTITY.fetch_add(1, Ordering::Relaxed)
    }

    /// The first transaction id of a scripted central system; scenarios do not share ids.
    pub(crate) fn first_transaction(&self) -> i64 {
        i64::from(NEXT_TRANSACTION.fetch_add(100, Ordering::Relaxed)) + 1_000
    }

    /// Whether scenarios of this side can be run at all.
    pub(crate) fn has(&self, side: Side) -> bool {
        match side {
            Side::ChargePoint => self.charger.is_some(),
            Side::Csms => self.csms.is_some(),
        }
    }
}
