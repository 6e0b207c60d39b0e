//! What a connector is: four facts that change independently of each other. OCPP 1.6 and the API say them in one word,
//! [`ConnectorState::word`].

/// Whether its operator lets it be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Availability {
    Operative,
    Inoperative,
}

/// Whether it is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Occupancy {
    Free,
    Reserved,
    Occupied,
}

/// What the session on it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// A car or a driver is there; nothing flows yet.
    Preparing,
    Charging,
    /// The car takes nothing: time that is spent like this is idle time.
    SuspendedEv,
    /// The charge point gives nothing.
    SuspendedEvse,
    /// The transaction is over, the cable is still there.
    Finishing,
}

/// The four facts, as far as a report says them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ConnectorState {
    pub availability: Availability,
    /// `None` where a report does not say it: one that is out of order may be taken or not.
    pub occupancy: Option<Occupancy>,
    /// `None` without a session.
    pub phase: Option<Phase>,
    /// A fault keeps it from charging.
    pub is_faulted: bool,
}

impl Availability {
    /// As it is stored.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Operative => "operative",
            Self::Inoperative => "inoperative",
        }
    }
}

impl Occupancy {
    /// As it is stored.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Free => "free",
            Self::Reserved => "reserved",
            Self::Occupied => "occupied",
        }
    }
}

impl Phase {
    /// As it is stored.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Preparing => "preparing",
            Self::Charging => "charging",
            Self::SuspendedEv => "suspended_ev",
            Self::SuspendedEvse => "suspended_evse",
            Self::Finishing => "finishing",
        }
    }

    /// Whether a transaction goes on in it.
    pub(crate) const fn is_of_transaction(self) -> bool {
        matches!(
            self,
            Self::Charging | Self::SuspendedEv | Self::SuspendedEvse
        )
    }
}

impl ConnectorState {
    /// Nothing is there, and it can be used.
    pub(crate) const FREE: Self = Self {
        availability: Availability::Operative,
        occupancy: Some(Occupancy::Free),
        phase: None,
        is_faulted: false,
    };
    const RESERVED: Self = Self {
        occupancy: Some(Occupancy::Reserved),
        ..Self::FREE
    };
    const OUT_OF_ORDER: Self = Self {
        availability: Availability::Inoperative,
        occupancy: None,
        ..Self::FREE
    };
    const FAULTED: Self = Self {
        occupancy: None,
        is_faulted: true,
        ..Self::FREE
    };

    /// It is taken, and the session on it is so far.
    pub(crate) const fn taken(phase: Phase) -> Self {
        Self {
            occupancy: Some(Occupancy::Occupied),
            phase: Some(phase),
            ..Self::FREE
        }
    }

    /// Whether a transaction can begin there: nothing is there, or a car is plugged in already.
    pub(crate) const fn may_begin(self) -> bool {
        let is_ready = match self.phase {
            None => !matches!(self.occupancy, Some(Occupancy::Reserved)),
            Some(phase) => matches!(phase, Phase::Preparing),
        };
        is_ready && self.is_in_order()
    }

    /// Whether it works, and its operator lets it be used.
    pub(crate) const fn is_in_order(self) -> bool {
        !self.is_faulted && matches!(self.availability, Availability::Operative)
    }

    /// From the word of OCPP 1.6 [1.6 §7.7]; `None` when it is none.
    pub(crate) fn from_word(word: &str) -> Option<Self> {
        Some(match word {
            "Available" => Self::FREE,
            "Preparing" => Self::taken(Phase::Preparing),
            "Charging" => Self::taken(Phase::Charging),
            "SuspendedEV" => Self::taken(Phase::SuspendedEv),
            "SuspendedEVSE" => Self::taken(Phase::SuspendedEvse),
            "Finishing" => Self::taken(Phase::Finishing),
            "Reserved" => Self::RESERVED,
            "Unavailable" => Self::OUT_OF_ORDER,
            "Faulted" => Self::FAULTED,
            _ => return None,
        })
    }

    /// The word of OCPP 1.6 and of the API [1.6 §7.7]. The column `status` of the database says the same.
    pub(crate) const fn word(self) -> &'static str {
        if self.is_faulted {
            return "Faulted";
        }
        match (self.availability, self.phase, self.occupancy) {
            (Availability::Inoperative, ..) => "Unavailable",
            (_, Some(Phase::Preparing), _) => "Preparing",
            (_, Some(Phase::Charging), _) => "Charging",
            (_, Some(Phase::SuspendedEv), _) => "SuspendedEV",
            (_, Some(Phase::SuspendedEvse), _) => "SuspendedEVSE",
            (_, Some(Phase::Finishing), _) => "Finishing",
            (_, None, Some(Occupancy::Reserved)) => "Reserved",
            (_, None, Some(Occupancy::Occupied)) => "Preparing",
            (_, None, Some(Occupancy::Free) | None) => "Available",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_of_the_standard_is_a_state_and_comes_back() {
        for word in [
            "Available",
            "Preparing",
            "Charging",
            "SuspendedEV",
            "SuspendedEVSE",
            "Finishing",
            "Reserved",
            "Unavailable",
            "Faulted",
        ] {
            let state = ConnectorState::from_word(word);
            assert_eq!(state.map(ConnectorState::word), Some(word));
        }
        assert_eq!(ConnectorState::from_word("available"), None);
    }

    #[test]
    fn a_transaction_begins_where_nothing_is_or_a_car_waits() {
        let state = |word| ConnectorState::from_word(word).unwrap();
        for word in ["Available", "Preparing"] {
            assert!(state(word).may_begin(), "{word}");
        }
        for word in [
            "Charging",
            "Finishing",
            "Reserved",
            "Unavailable",
            "Faulted",
        ] {
            assert!(!state(word).may_begin(), "{word}");
        }
    }

    #[test]
    fn a_fault_hides_a_session_and_does_not_end_it() {
        let mut state = ConnectorState::taken(Phase::Charging);
        state.is_faulted = true;
        assert_eq!(state.word(), "Faulted");
        assert_eq!(state.phase, Some(Phase::Charging));
    }
}
