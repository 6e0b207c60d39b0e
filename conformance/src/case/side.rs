//! What a scenario puts to the test.

/// Which side of the line is under test.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Side {
    ChargePoint,
    Csms,
    /// Not the line: what the CSMS offers beside it.
    Api,
    /// What it offers to partners that roam with it.
    Cpo,
}

/// All of them, in the order of the kill matrix.
pub(crate) const SIDES: [Side; 4] = [Side::ChargePoint, Side::Csms, Side::Api, Side::Cpo];

impl Side {
    /// The tag that marks its scenarios.
    pub(crate) fn tag(self) -> &'static str {
        match self {
            Self::ChargePoint => "charge-point",
            Self::Csms => "csms",
            Self::Api => "api",
            Self::Cpo => "cpo",
        }
    }

    /// Its name in sentences.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::ChargePoint => "charge point",
            Self::Csms => "CSMS",
            Self::Api => "REST API",
            Self::Cpo => "CPO",
        }
    }
}

/// Which side a scenario puts to the test.
pub(crate) fn side_of(tags: &[String]) -> Option<Side> {
    SIDES
        .into_iter()
        .find(|side| tags.iter().any(|tag| tag == side.tag()))
}
