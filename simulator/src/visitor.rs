//! The person at a charge point: brings cars, holds the card before the reader, takes cars away again.
//!
//! Pure: it looks at a snapshot and the charge point's own time and says what it does next. It knows nothing of
//! OCPP; it sees lamps and cables. One visitor serves one charge point and uses its connectors in turn.

use dynamo_protocol::Millis;

use crate::charge_point::{Action, CableSide, Chance, ConnectorId, ConnectorSnapshot, Snapshot};
use crate::driver::scaled;

/// From plugging in to the card, in milliseconds of the charge point's clock.
pub(crate) const CARD_AFTER_MS: Millis = 1_000;
/// How long a visitor waits for charging to begin or to end before leaving, in real milliseconds.
const PATIENCE_MS: Millis = 60_000;
/// At the end of a run: how long after the card the cable is pulled, if the session still runs, in real
/// milliseconds.
const LAST_CARD_PATIENCE_MS: Millis = 3_000;

/// How long sessions and the pauses between them last, in milliseconds of the charge point's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sessions {
    pub(crate) charge_ms: (Millis, Millis),
    pub(crate) pause_ms: (Millis, Millis),
}

impl Default for Sessions {
    fn default() -> Self {
        Self {
            charge_ms: (20_000, 40_000),
            pause_ms: (1_000, 5_000),
        }
    }
}

/// What the visitor does at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Somewhere else until this instant.
    Away(Millis),
    /// Wants a free connector of an accepted charge point.
    Arriving,
    /// The cable is in, the card follows at this instant.
    Plugged(Millis),
    /// The card was shown; waits for charging to begin, until this instant.
    Starting(Millis),
    /// The car charges until this instant.
    Charging(Millis),
    /// The card was shown again; waits for the end, until this instant.
    Stopping(Millis),
    /// The cable is out at the car; the other end is taken along, if the charge point lets go of it.
    Collecting,
    /// Never comes: somebody else operates this charge point.
    Absent,
    /// The run is over: everything still running is ended; the card was shown at this instant, if so.
    Ending(Option<Millis>),
    /// Nothing runs and nothing is plugged in.
    Gone,
}

#[derive(Debug)]
pub(crate) struct Visitor {
    chance: Chance,
    /// [`PATIENCE_MS`] and [`LAST_CARD_PATIENCE_MS`] on the charge point's clock.
    patience_ms: Millis,
    last_card_patience_ms: Millis,
    id_tag: String,
    sessions: Option<Sessions>,
    connector: ConnectorId,
    /// The card of the session that ran when the cable was pulled: it belongs to whoever drives the car.
    driver: Option<String>,
    stage: Stage,
}

impl Visitor {
    /// A visitor with this card; without sessions one who only ends what others began.
    pub(crate) fn new(id_tag: String, sessions: Option<Sessions>, speed: f64, seed: u64) -> Self {
        let mut chance = Chance::new(seed);
        let stage = match sessions {
            // Not everybody comes in the same second.
            Some(sessions) => Stage::Away(chance.below(sessions.pause_ms.1 + 1)),
            None => Stage::Absent,
        };
        Self {
            chance,
            patience_ms: scaled(PATIENCE_MS, speed),
            last_card_patience_ms: scaled(LAST_CARD_PATIENCE_MS, speed),
            id_tag,
            sessions,
            connector: 0,
            driver: None,
            stage,
        }
    }

    /// The instant at which [`Visitor::act`] is wanted even if nothing happens.
    pub(crate) fn next_wake(&self) -> Option<Millis> {
        match self.stage {
            Stage::Away(at)
            | Stage::Plugged(at)
            | Stage::Starting(at)
            | Stage::Charging(at)
            | Stage::Stopping(at) => Some(at),
            Stage::Ending(card) => card.map(|at| at + self.last_card_patience_ms),
            Stage::Arriving | Stage::Collecting | Stage::Absent | Stage::Gone => None,
        }
    }

    /// Whether the visitor watches the charge point: [`Visitor::act`] is wanted whenever something happened there.
    pub(crate) const fn is_watching(&self) -> bool {
        matches!(
            self.stage,
            Stage::Arriving
                | Stage::Starting(_)
                | Stage::Stopping(_)
                | Stage::Collecting
                | Stage::Ending(_)
        )
    }

    /// The run is over: from now on everything that runs is ended.
    pub(crate) const fn end(&mut self) {
        if !matches!(self.stage, Stage::Ending(_) | Stage::Gone) {
            self.stage = Stage::Ending(None);
        }
    }

    /// Whether, after [`Visitor::end`], nothing is left to be ended.
    pub(crate) const fn is_gone(&self) -> bool {
        matches!(self.stage, Stage::Gone)
    }

    /// What the visitor does now. To be asked again until it does nothing.
    pub(crate) fn act(&mut self, now: Millis, seen: &Snapshot) -> Option<Action> {
        let due = self.next_wake().is_some_and(|at| at <= now);
        let connector = seen
            .connectors
            .iter()
            .find(|c| c.connector_id == self.connector);
        let charging = connector.is_some_and(|c| c.charging);
        match self.stage {
            Stage::Away(_) if due => {
                self.stage = Stage::Arriving;
                self.act(now, seen)
            }
            Stage::Arriving if seen.accepted && seen.powered => self.plug_in(now, seen),
            Stage::Plugged(_) if due => {
                self.stage = Stage::Starting(now + self.patience_ms);
                Some(self.card())
            }
            Stage::Starting(_) if charging => {
                self.stage = Stage::Charging(now + self.draw(|sessions| sessions.charge_ms));
                None
            }
            Stage::Charging(_) if due && charging => {
                self.stage = Stage::Stopping(now + self.patience_ms);
                Some(self.card())
            }
            Stage::Stopping(_) if !charging => self.leave(now, connector),
            Stage::Starting(_) | Stage::Charging(_) | Stage::Stopping(_) if due => {
                self.leave(now, connector)
            }
            Stage::Collecting => self.collect(now, connector),
            Stage::Ending(card) => self.clear_up(now, card, seen),
            _ => None,
        }
    }

    fn plug_in(&mut self, now: Millis, seen: &Snapshot) -> Option<Action> {
        let free = |c: &&ConnectorSnapshot| c.status == "Available" && !c.plugged && !c.charging;
        let next = seen
            .connectors
            .iter()
            .filter(free)
            .find(|c| c.connector_id > self.connector)
            .or_else(|| seen.connectors.iter().find(free))?;
        self.connector = next.connector_id;
        self.stage = Stage::Plugged(now + CARD_AFTER_MS);
        Some(Action::PlugIn {
            connector_id: self.connector,
        })
    }

    fn card(&self) -> Action {
        Action::PresentIdTag {
            connector_id: Some(self.connector),
            id_tag: self.id_tag.clone(),
        }
    }

    fn leave(&mut self, now: Millis, connector: Option<&ConnectorSnapshot>) -> Option<Action> {
        match connector.filter(|c| c.plugged) {
            Some(connector) => {
                self.driver.clone_from(&connector.id_tag);
                self.stage = Stage::Collecting;
                Some(unplug(connector))
            }
            None => self.go_away(now),
        }
    }

    /// Nobody drives off and leaves a cable or an open session behind. The driver's card ends the session, and a
    /// station that holds the cable lets go of it; if not, or if its lock is stuck, the cable stays.
    fn collect(&mut self, now: Millis, connector: Option<&ConnectorSnapshot>) -> Option<Action> {
        let Some(connector) = connector.filter(|c| c.cable_left || c.charging) else {
            return self.go_away(now);
        };
        if !connector.charging && !connector.locked {
            self.go_away(now);
            return Some(Action::Unplug {
                connector_id: connector.connector_id,
                side: CableSide::Station,
            });
        }
        match self.driver.take() {
            Some(id_tag) => Some(Action::PresentIdTag {
                connector_id: Some(connector.connector_id),
                id_tag,
            }),
            None => self.go_away(now),
        }
    }

    fn go_away(&mut self, now: Millis) -> Option<Action> {
        self.driver = None;
        self.stage = Stage::Away(now + self.draw(|sessions| sessions.pause_ms));
        None
    }

    /// Ends one thing after the other: card, then cable, connector by connector.
    fn clear_up(&mut self, now: Millis, card: Option<Millis>, seen: &Snapshot) -> Option<Action> {
        let Some(busy) = seen.connectors.iter().find(|c| c.charging || c.plugged) else {
            self.stage = Stage::Gone;
            return None;
        };
        match (card, &busy.id_tag) {
            _ if !seen.powered => None,
            (None, Some(id_tag)) if busy.charging => {
                self.stage = Stage::Ending(Some(now));
                Some(Action::PresentIdTag {
                    connector_id: Some(busy.connector_id),
                    id_tag: id_tag.clone(),
                })
            }
            (Some(at), _) if busy.charging && now < at + self.last_card_patience_ms => None,
            _ if busy.plugged => {
                self.stage = Stage::Ending(None);
                Some(unplug(busy))
            }
            _ => None,
        }
    }

    fn draw(&mut self, range: fn(&Sessions) -> (Millis, Millis)) -> Millis {
        let (least, most) = range(&self.sessions.unwrap_or_default());
        least + self.chance.below(most.saturating_sub(least) + 1)
    }
}

fn unplug(connector: &ConnectorSnapshot) -> Action {
    Action::Unplug {
        connector_id: connector.connector_id,
        side: CableSide::Ev,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connector(connector_id: ConnectorId) -> ConnectorSnapshot {
        ConnectorSnapshot {
            connector_id,
            status: "Available",
            plugged: false,
            cable_left: false,
            locked: false,
            transaction_id: None,
            charging: false,
            id_tag: None,
            meter_wh: 0,
        }
    }

    fn seen() -> Snapshot {
        Snapshot {
            accepted: true,
            powered: true,
            queued: 0,
            connectors: vec![connector(1), connector(2)],
        }
    }

    fn visitor() -> Visitor {
        Visitor::new("TAG".into(), Some(Sessions::default()), 1.0, 7)
    }

    fn card(connector_id: ConnectorId) -> Option<Action> {
        Some(Action::PresentIdTag {
            connector_id: Some(connector_id),
            id_tag: "TAG".into(),
        })
    }

    /// Asks at the instant the visitor named, and returns both.
    fn wake(visitor: &mut Visitor, seen: &Snapshot) -> (Millis, Option<Action>) {
        let at = visitor.next_wake().expect("waits for an instant");
        (at, visitor.act(at, seen))
    }

    #[test]
    fn a_session_goes_from_cable_to_card_to_card_to_cable_and_the_next_is_elsewhere() {
        let (mut visitor, mut seen) = (visitor(), seen());
        let (_, action) = wake(&mut visitor, &seen);
        assert_eq!(action, Some(Action::PlugIn { connector_id: 1 }));
        seen.connectors[0].plugged = true;
        assert_eq!(wake(&mut visitor, &seen).1, card(1));
        seen.connectors[0].charging = true;
        assert_eq!(visitor.act(10_000, &seen), None);
        let ends = visitor.next_wake().unwrap();
        assert!((30_000..=50_000).contains(&ends), "{ends}");
        assert_eq!(visitor.act(ends - 1, &seen), None);
        assert_eq!(visitor.act(ends, &seen), card(1));
        seen.connectors[0].charging = false;
        let unplugged = visitor.act(ends + 50, &seen);
        assert_eq!(unplugged, Some(unplug(&seen.connectors[0])));
        seen.connectors[0].plugged = false;
        assert_eq!(visitor.act(ends + 50, &seen), None);
        let (again, action) = wake(&mut visitor, &seen);
        assert!((ends + 1_050..=ends + 5_050).contains(&again));
        assert_eq!(action, Some(Action::PlugIn { connector_id: 2 }));
    }

    #[test]
    fn a_card_that_starts_nothing_is_given_up() {
        let (mut visitor, mut seen) = (visitor(), seen());
        wake(&mut visitor, &seen);
        seen.connectors[0].plugged = true;
        wake(&mut visitor, &seen);
        let (_, action) = wake(&mut visitor, &seen);
        assert_eq!(action, Some(unplug(&seen.connectors[0])));
    }

    #[test]
    fn a_cable_is_not_left_behind() {
        let (mut visitor, mut seen) = (visitor(), seen());
        wake(&mut visitor, &seen);
        seen.connectors[0].plugged = true;
        wake(&mut visitor, &seen);
        seen.connectors[0].charging = true;
        seen.connectors[0].id_tag = Some("GUEST".into());
        visitor.act(10_000, &seen);
        // The own card ends nothing: the session is somebody else's.
        assert_eq!(wake(&mut visitor, &seen).1, card(1));
        let (now, action) = wake(&mut visitor, &seen);
        assert_eq!(action, Some(unplug(&seen.connectors[0])));
        let left = &mut seen.connectors[0];
        (left.plugged, left.cable_left, left.locked) = (false, true, true);
        let guest = Action::PresentIdTag {
            connector_id: Some(1),
            id_tag: "GUEST".into(),
        };
        assert_eq!(visitor.act(now, &seen), Some(guest));
        let left = &mut seen.connectors[0];
        (left.charging, left.locked, left.id_tag) = (false, false, None);
        let taken = Action::Unplug {
            connector_id: 1,
            side: CableSide::Station,
        };
        assert_eq!(visitor.act(now, &seen), Some(taken));
        assert!(visitor.next_wake().is_some_and(|at| at > now));
    }

    #[test]
    fn a_cable_that_is_held_stays() {
        let (mut visitor, mut seen) = (visitor(), seen());
        wake(&mut visitor, &seen);
        seen.connectors[0].plugged = true;
        wake(&mut visitor, &seen);
        let (now, action) = wake(&mut visitor, &seen);
        assert_eq!(action, Some(unplug(&seen.connectors[0])));
        let left = &mut seen.connectors[0];
        (left.plugged, left.cable_left, left.locked) = (false, true, true);
        assert_eq!(visitor.act(now, &seen), None);
        assert!(visitor.next_wake().is_some_and(|at| at > now));
    }

    #[test]
    fn patience_is_counted_in_real_time() {
        let seen = seen();
        let mut visitor = Visitor::new("TAG".into(), Some(Sessions::default()), 30.0, 7);
        wake(&mut visitor, &seen);
        let (carded, _) = wake(&mut visitor, &seen);
        assert_eq!(visitor.next_wake(), Some(carded + 30 * PATIENCE_MS));
    }

    #[test]
    fn nobody_comes_before_the_charge_point_is_accepted() {
        let (mut visitor, mut seen) = (visitor(), seen());
        seen.accepted = false;
        assert_eq!(wake(&mut visitor, &seen).1, None);
        assert!(visitor.is_watching());
        seen.accepted = true;
        assert!(visitor.act(9_000, &seen).is_some());
    }

    #[test]
    fn the_end_stops_every_session_with_its_own_card_or_by_the_cable() {
        let mut visitor = Visitor::new("MINE".into(), None, 1.0, 7);
        let mut seen = seen();
        assert_eq!((visitor.next_wake(), visitor.act(0, &seen)), (None, None));
        seen.connectors[1].plugged = true;
        seen.connectors[1].charging = true;
        seen.connectors[1].id_tag = Some("TAG".into());
        visitor.end();
        assert_eq!(visitor.act(0, &seen), card(2));
        assert_eq!(visitor.act(1, &seen), None);
        // The card did not help.
        let action = visitor.act(LAST_CARD_PATIENCE_MS, &seen);
        assert_eq!(action, Some(unplug(&seen.connectors[1])));
        seen.connectors[1].charging = false;
        seen.connectors[1].plugged = false;
        assert_eq!(visitor.act(LAST_CARD_PATIENCE_MS, &seen), None);
        assert!(visitor.is_gone());
    }

    #[test]
    fn the_same_seed_is_the_same_person() {
        let wakes =
            |seed| Visitor::new("TAG".into(), Some(Sessions::default()), 1.0, seed).next_wake();
        assert_eq!(wakes(7), wakes(7));
        assert!((0..20).any(|seed| wakes(seed) != wakes(7)));
    }
}
