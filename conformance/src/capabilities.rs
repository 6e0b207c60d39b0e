//! The file that says what a system under test is and can do.

use std::path::Path;

use anyhow::{Context, Result, anyhow};
use serde::Deserialize;

use crate::rig::ChargerTraits;

/// The file as it is written. Everything in it is optional.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Capabilities {
    /// The charger's hardware.
    pub(crate) charge_point: ChargerTraits,
    pub(crate) id_tag: Option<String>,
    pub(crate) invalid_id_tag: Option<String>,
    pub(crate) blocked_id_tag: Option<String>,
    pub(crate) expired_id_tag: Option<String>,
}

impl Capabilities {
    /// Reads the file; without one, a charger with two connectors, detachable cables and no backup power.
    pub(crate) fn read(path: Option<&Path>) -> Result<Self> {
        let Some(path) = path else {
            return Ok(Self::default());
        };
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read the capability file {}", path.display()))?;
        serde_saphyr::from_str(&text)
            .map_err(|error| anyhow!("the capability file {}: {error}", path.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_words_are_refused_by_name() {
        let error = serde_saphyr::from_str::<Capabilities>("charge_point:\n  fixed_cabel: true\n")
            .unwrap_err();
        assert!(error.to_string().contains("fixed_cabel"), "{error}");
        let read: Capabilities =
            serde_saphyr::from_str("charge_point:\n  fixed_cable: true\n").unwrap();
        assert!(read.charge_point.fixed_cable);
        assert_eq!(read.charge_point.connectors, 2);
    }
}
