//! The OCPP versions that this CSMS serves. Another one is a folder with its routes and its dialect, and an entry in
//! [`SERVED`].

use std::fmt;
use std::sync::LazyLock;

use dynamo_protocol::Version;

use super::dialect::Dialect;
use super::routes::Routes;
use super::v16;

/// A version that this CSMS serves.
pub(crate) struct Served {
    pub version: Version,
    /// What charge points call.
    pub routes: Routes,
    /// How they are commanded.
    pub dialect: &'static dyn Dialect,
}

/// The first is the one that is assumed of a charge point that is not connected.
static SERVED: LazyLock<[Served; 1]> = LazyLock::new(|| {
    [Served {
        version: Version::V1_6,
        routes: v16::routes(),
        dialect: &v16::V16,
    }]
});

impl fmt::Debug for Served {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OCPP {}", self.version)
    }
}

impl Served {
    /// This version, if it is served.
    pub(crate) fn find(version: Version) -> Option<&'static Self> {
        SERVED.iter().find(|served| served.version == version)
    }

    /// The version of a charge point that does not say which it speaks.
    pub(crate) fn usual() -> &'static Self {
        &SERVED[0]
    }

    /// The first of the subprotocols that a charge point offers, in its order, that is served [1.6J §3.3].
    pub(crate) fn choose<'o>(offered: impl Iterator<Item = &'o str>) -> Option<&'static Self> {
        let mut versions = offered.filter_map(Version::from_subprotocol);
        versions.find_map(Self::find)
    }

    /// The subprotocols that are served, with commas.
    pub(crate) fn subprotocols() -> String {
        let all = SERVED.iter().map(|served| served.version.subprotocol());
        all.collect::<Vec<_>>().join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_charge_point_s_first_that_is_served_is_chosen() {
        let choose = |offered: &[&str]| {
            let served = Served::choose(offered.iter().copied());
            served.map(|served| served.version.to_string())
        };
        assert_eq!(choose(&["ocpp1.6"]).as_deref(), Some("1.6"));
        assert_eq!(choose(&["ocpp2.1", " ocpp1.6"]).as_deref(), Some("1.6"));
        assert_eq!(choose(&["ocpp1.5", "ocpp1.66", ""]), None);
        assert_eq!(choose(&[]), None);
        assert_eq!(Served::subprotocols(), "ocpp1.6");
    }
}
