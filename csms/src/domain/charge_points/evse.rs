//! EVSEs stand above connectors: which connector of OCPP 1.6 is which connector of which EVSE.
//!
//! 1.6 counts the connectors of a charge point from 1. Each of them is an EVSE of its own with this number and one
//! connector, unless the operator grouped them. A grouping holds all connectors from 1 on without a gap, so that a
//! connector that turns up later is an EVSE of its own again, and takes no number that is given already: there are
//! never more EVSEs than connectors.
//!
//! What is kept is the grouping; without one nothing is. `grouping` keeps it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::charge_points::plug::Plug;

/// Connectors that a charge point can have.
pub(crate) const CONNECTORS_MAX: i64 = 100;

/// What an EVSE can do for a driver [OCPI 2.2.1 §8.4.3].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[schema(as = EvseCapability)]
pub(crate) enum Capability {
    ChargingProfileCapable,
    ChargingPreferencesCapable,
    ChipCardSupport,
    ContactlessCardSupport,
    CreditCardPayable,
    DebitCardPayable,
    PedTerminal,
    RemoteStartStopCapable,
    Reservable,
    RfidReader,
    StartSessionConnectorRequired,
    TokenGroupCapable,
    UnlockCapable,
}

/// What the Core profile of 1.6 obliges every charge point to [1.6 §3.5].
const OF_CORE: [Capability; 2] = [
    Capability::RemoteStartStopCapable,
    Capability::UnlockCapable,
];

/// Who may park there [OCPI 2.2.1 §8.4.17].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum ParkingRestriction {
    EvOnly,
    Plugged,
    Disabled,
    Customers,
    Motorcycles,
}

/// What OCPI asks about an EVSE beside its connectors [OCPI 2.2.1 §8.3.2].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Attributes {
    /// What is written on it.
    pub physical_reference: Option<String>,
    pub floor_level: Option<String>,
    pub capabilities: Vec<Capability>,
    pub parking_restrictions: Vec<ParkingRestriction>,
}

impl Default for Attributes {
    fn default() -> Self {
        Self {
            physical_reference: None,
            floor_level: None,
            capabilities: OF_CORE.to_vec(),
            parking_restrictions: Vec::new(),
        }
    }
}

/// A connector of an EVSE.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Connector {
    /// From 1 within its EVSE.
    pub connector_id: i64,
    /// From 1 within its charge point, as 1.6 counts.
    pub connector_1_6: i64,
    pub plug: Plug,
    pub updated_at_ms: i64,
}

/// One place to charge at: it serves one car at a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Evse {
    /// From 1.
    pub evse_id: i64,
    pub attributes: Attributes,
    pub connectors: Vec<Connector>,
    /// Of it or of one of its connectors.
    pub updated_at_ms: i64,
}

/// An EVSE of a grouping that somebody asks for: its connectors, by the numbers of 1.6, are its 1, 2, ….
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NewEvse {
    pub attributes: Attributes,
    pub connectors: Vec<(i64, Plug)>,
}

/// All EVSEs of a charge point.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Evses(Vec<Evse>);

impl Evses {
    /// The grouping that is kept, and an EVSE for each of the `connectors` that are not in it.
    pub(crate) fn of(grouped: Vec<Evse>, connectors: i64, plug: &Plug, updated_at_ms: i64) -> Self {
        let held = grouped.iter().flat_map(|evse| &evse.connectors);
        let last = held.map(|connector| connector.connector_1_6).max();
        let mut evses = grouped;
        let others = last.unwrap_or(0).saturating_add(1)..=connectors.min(CONNECTORS_MAX);
        evses.extend(others.map(|number| Evse {
            evse_id: number,
            attributes: Attributes::default(),
            connectors: vec![Connector {
                connector_id: 1,
                connector_1_6: number,
                plug: plug.clone(),
                updated_at_ms,
            }],
            updated_at_ms,
        }));
        Self(evses)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Evse> {
        self.0.iter()
    }

    /// What is to be kept when they are grouped anew: what stays as it is keeps its time.
    pub(super) fn regrouped(&self, new: &[NewEvse], now_ms: i64) -> Vec<Evse> {
        let evses = (1..).zip(new).map(|(evse_id, wanted)| {
            let before = self.0.iter().find(|evse| evse.evse_id == evse_id);
            let connectors = (1..)
                .zip(&wanted.connectors)
                .map(|(connector_id, (number, plug))| {
                    let connector = Connector {
                        connector_id,
                        connector_1_6: *number,
                        plug: plug.clone(),
                        updated_at_ms: now_ms,
                    };
                    let mut known = before.iter().flat_map(|evse| &evse.connectors);
                    known
                        .find(|known| known.is_same(&connector))
                        .cloned()
                        .unwrap_or(connector)
                });
            let connectors: Vec<Connector> = connectors.collect();
            let unchanged = before.filter(|before| {
                before.attributes == wanted.attributes && before.connectors == connectors
            });
            Evse {
                evse_id,
                attributes: wanted.attributes.clone(),
                connectors,
                updated_at_ms: unchanged.map_or(now_ms, |before| before.updated_at_ms),
            }
        });
        evses.collect()
    }

    /// The numbers that none of `others` has.
    pub(super) fn missing_in(&self, others: &[Evse]) -> Vec<i64> {
        let numbers = self.0.iter().map(|evse| evse.evse_id);
        numbers
            .filter(|number| others.iter().all(|other| other.evse_id != *number))
            .collect()
    }
}

/// How the connectors of a charge point are counted: which connector of 1.6 is which connector of which EVSE.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Numbering {
    /// Those of a grouping, by EVSE: the number of 1.6, the EVSE, and the number within that.
    grouped: Vec<(i64, i64, i64)>,
}

impl Numbering {
    /// Of a grouping with these connectors; of none where there are none.
    pub(crate) const fn of(grouped: Vec<(i64, i64, i64)>) -> Self {
        Self { grouped }
    }

    /// EVSE and connector within it of a connector of 1.6; of one that nobody heard of before, too.
    pub(crate) fn evse_of(&self, connector_1_6: i64) -> (i64, i64) {
        let mut grouped = self.grouped.iter();
        let known = grouped.find(|(number, ..)| *number == connector_1_6);
        known.map_or((connector_1_6, 1), |(_, evse, connector)| {
            (*evse, *connector)
        })
    }

    /// The other way round; `None` where there can be no such connector.
    pub(crate) fn connector_of(&self, evse_id: i64, connector_id: i64) -> Option<i64> {
        let last = self.grouped.iter().map(|(number, ..)| *number).max();
        if evse_id > last.unwrap_or(0) {
            return (connector_id == 1).then_some(evse_id);
        }
        let mut grouped = self.grouped.iter();
        let known =
            grouped.find(|(_, evse, connector)| (*evse, *connector) == (evse_id, connector_id));
        known.map(|(number, ..)| *number)
    }

    /// The connector of 1.6 that is the only one of an EVSE; `None` where it has several, or is none.
    pub(crate) fn only_connector_of(&self, evse_id: i64) -> Option<i64> {
        let only = self.connector_of(evse_id, 1);
        only.filter(|_| self.connector_of(evse_id, 2).is_none())
    }
}

impl Connector {
    /// Whether nothing but its time is different.
    fn is_same(&self, other: &Self) -> bool {
        self.connector_id == other.connector_id
            && self.connector_1_6 == other.connector_1_6
            && self.plug == other.plug
    }
}

/// What is wrong with a grouping of a charge point that is known to have so many connectors.
pub(crate) fn wrong_grouping(new: &[NewEvse], known: i64) -> Option<String> {
    let connectors = new.iter().flat_map(|evse| &evse.connectors);
    let mut numbers: Vec<i64> = connectors.map(|(number, _)| *number).collect();
    numbers.sort_unstable();
    let listed = i64::try_from(numbers.len()).unwrap_or(i64::MAX);
    if !numbers.into_iter().eq(1..=listed) {
        return Some(
            "the connectors are to be numbered from 1 without a gap, each in one EVSE".into(),
        );
    }
    (listed < known)
        .then(|| format!("the charge point has {known} connectors: all of them are to be listed"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plug() -> Plug {
        Plug::of(None, None)
    }

    fn new(groups: &[&[i64]]) -> Vec<NewEvse> {
        let evses = groups.iter().map(|group| NewEvse {
            attributes: Attributes::default(),
            connectors: group.iter().map(|number| (*number, plug())).collect(),
        });
        evses.collect()
    }

    fn grouped(groups: &[&[i64]], connectors: i64) -> Evses {
        let none = Evses::of(Vec::new(), connectors, &plug(), 1);
        Evses::of(none.regrouped(&new(groups), 2), connectors, &plug(), 1)
    }

    #[test]
    fn connector_n_is_evse_n_unless_somebody_grouped_them() {
        let plain = Numbering::default();
        for number in 1..=3 {
            assert_eq!(plain.evse_of(number), (number, 1));
            assert_eq!(plain.connector_of(number, 1), Some(number));
            assert_eq!(plain.only_connector_of(number), Some(number));
        }
        assert_eq!(plain.connector_of(1, 2), None);
        assert_eq!(Evses::of(Vec::new(), 3, &plug(), 1).iter().count(), 3);
    }

    #[test]
    fn a_grouping_and_its_inverse_agree_and_what_turns_up_later_is_an_evse_of_its_own() {
        let numbering = Numbering::of(vec![(3, 1, 1), (1, 1, 2), (2, 2, 1)]);
        for (number, place) in [(1, (1, 2)), (2, (2, 1)), (3, (1, 1)), (4, (4, 1))] {
            assert_eq!(numbering.evse_of(number), place);
            assert_eq!(numbering.connector_of(place.0, place.1), Some(number));
        }
        assert_eq!(numbering.connector_of(3, 1), None);
        let only = |evse| numbering.only_connector_of(evse);
        assert_eq!(
            (only(1), only(2), only(3), only(4)),
            (None, Some(2), None, Some(4))
        );
        let later = grouped(&[&[3, 1], &[2]], 4);
        let numbers = later.iter().map(|evse| evse.evse_id);
        assert_eq!(numbers.collect::<Vec<_>>(), [1, 2, 4]);
    }

    #[test]
    fn a_grouping_holds_every_connector_once() {
        for (groups, known, is_good) in [
            (&[&[1_i64, 2][..]][..], 2, true),
            (&[&[2], &[1]], 0, true),
            (&[&[1], &[1]], 0, false),
            (&[&[1, 3]], 0, false),
            (&[&[0, 1]], 0, false),
            (&[&[1, 2]], 3, false),
        ] {
            assert_eq!(
                wrong_grouping(&new(groups), known).is_none(),
                is_good,
                "{groups:?}"
            );
        }
    }

    #[test]
    fn what_stays_as_it_is_keeps_its_time() {
        let before = grouped(&[&[1, 2], &[3]], 3);
        let mut wanted = new(&[&[1, 2], &[3]]);
        assert_eq!(before.regrouped(&wanted, 9), before.0);
        wanted[0].attributes.floor_level = Some("-1".into());
        wanted[1].connectors[0].1 = Plug::of(Some("CHAdeMO"), None);
        let after = before.regrouped(&wanted, 9);
        let times = |evse: &Evse| {
            let connectors = evse.connectors.iter().map(|one| one.updated_at_ms);
            (evse.updated_at_ms, connectors.collect::<Vec<_>>())
        };
        // A connector's change is one of its EVSE, and not the other way round.
        assert_eq!(times(&after[0]), (9, times(&before.0[0]).1));
        assert_eq!(times(&after[1]), (9, vec![9]));
    }
}
