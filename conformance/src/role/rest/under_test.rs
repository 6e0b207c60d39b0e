//! The API that a run puts to the test: where it is, what it says of itself, and what it did to strangers.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use dynamo_csms::store::Store;
use reqwest::Client;

use crate::rules::rest::document::Document;

/// Where an API is, and the store behind it.
#[derive(Clone)]
pub(super) struct Place {
    pub(super) base: String,
    pub(super) store: Store,
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.base)
    }
}

/// The REST API of the bundled CSMS.
pub(crate) struct ApiUnderTest {
    pub(super) place: Place,
    pub(super) client: Client,
    pub(crate) document: Document,
    /// Routes with an id in them, and whether strangers were kept out.
    isolation: Mutex<BTreeMap<(String, String), bool>>,
}

impl fmt::Debug for ApiUnderTest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiUnderTest")
            .field("place", &self.place)
            .finish_non_exhaustive()
    }
}

impl ApiUnderTest {
    /// The API at `base`, such as `http://127.0.0.1:8080`, with the document it gives out.
    ///
    /// # Errors
    /// When it gives none that can be read.
    pub(crate) async fn find(base: String, client: Client, store: Store) -> anyhow::Result<Self> {
        let answer = client.get(format!("{base}/openapi.json")).send().await?;
        let document = Document::read(answer.error_for_status()?.json().await?)?;
        Ok(Self {
            place: Place { base, store },
            client,
            document,
            isolation: Mutex::default(),
        })
    }

    /// Writes down whether strangers were kept out of a route and changed nothing. Once let in is let in.
    pub(crate) fn kept_out(&self, method: &str, template: &str, kept: bool) {
        let mut routes = self
            .isolation
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *routes
            .entry((method.to_owned(), template.to_owned()))
            .or_insert(true) &= kept;
    }

    /// The routes that strangers were kept out of, or not.
    pub(crate) fn isolation(&self) -> BTreeMap<(String, String), bool> {
        let routes = self
            .isolation
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        routes.clone()
    }
}
