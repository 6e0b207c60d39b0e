//! One connector: cable, lock, fault, meter and car, and the state that follows from them.
//!
//! It knows nothing of messages. Energy flows while a transaction runs, the cable connects both ends, the car is not
//! full and nothing withholds it.

use std::sync::Arc;

use dynamo_protocol::{Millis, Time};

use super::charging::Limit;
use super::clock::Deadline;
use super::reservation::Reservation;
use super::status::{Reporter, State};
use super::transaction::{Transaction, same_group, same_tag};
use super::words::{FaultCode, Status};
use crate::ev::{self, Ev, MJ_PER_WH};

/// The least current that a station may offer to a car on each phase, with alternating current.
const AC_AMPERES_MIN: u32 = 6;

/// Where the cable is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Cable {
    /// Nowhere, or a fixed one in its holder.
    #[default]
    Out,
    /// In the station's socket only.
    Station,
    /// Between station and car.
    Both,
}

/// Somebody may charge here and the cable is awaited.
#[derive(Debug)]
pub(super) struct Authorized {
    pub(super) id_tag: Arc<str>,
    pub(super) parent: Option<Arc<str>>,
    /// The cable has to be there by then [1.6 §9.1.6].
    pub(super) until: Deadline,
}

/// Who may have a locked cable back.
#[derive(Debug)]
pub(super) struct Owner {
    pub(super) id_tag: Arc<str>,
    pub(super) parent: Option<Arc<str>>,
}

impl Owner {
    pub(super) fn is(&self, id_tag: &str) -> bool {
        same_tag(&self.id_tag, id_tag)
    }

    pub(super) fn shares(&self, parent: Option<&Arc<str>>) -> bool {
        same_group(self.parent.as_ref(), parent)
    }
}

#[derive(Debug)]
pub(super) struct Connector {
    pub(super) cable: Cable,
    pub(super) locked: bool,
    pub(super) jammed: bool,
    pub(super) fault: Option<FaultCode>,
    /// What is wrong and no fault.
    pub(super) warning: Option<FaultCode>,
    /// The cable was taken out at the car during the last transaction.
    pub(super) car_left: bool,
    pub(super) operative: bool,
    /// A change of availability that waits for the end of the transaction [1.6 §5.2].
    pub(super) scheduled: Option<bool>,
    /// A transaction ended here and the cable is still in.
    pub(super) finishing: bool,
    pub(super) authorized: Option<Box<Authorized>>,
    pub(super) transaction: Option<Box<Transaction>>,
    pub(super) reporter: Reporter,
    /// Whose cable it is that stays locked after it left the car, until the owner shows a tag [1.6 §9.1.31].
    pub(super) held: Option<Box<Owner>>,
    /// Kept for a tag.
    pub(super) reserved: Option<Box<Reservation>>,
    /// What charging profiles allow, in watts.
    pub(super) limit_w: Option<u32>,
    pub(super) car: Option<Box<Ev>>,
    /// When the last transaction ended, Unix ms.
    ended_ms: i64,
    register_mj: u64,
    /// What of it flowed on one phase of three.
    one_phase_mj: u64,
    metered_ms: Millis,
    pub(super) power_w_max: u32,
}

impl Connector {
    pub(super) fn new(power_w_max: u32) -> Self {
        Self {
            cable: Cable::Out,
            locked: false,
            jammed: false,
            fault: None,
            warning: None,
            car_left: false,
            operative: true,
            scheduled: None,
            finishing: false,
            authorized: None,
            transaction: None,
            reporter: Reporter::new(),
            held: None,
            reserved: None,
            limit_w: None,
            car: None,
            ended_ms: i64::MIN,
            register_mj: 0,
            one_phase_mj: 0,
            metered_ms: 0,
            power_w_max,
        }
    }

    /// What is told of it [1.6 §4.9]. `fault` is that of the charge point as a whole.
    pub(super) fn state(&self, fault: Option<FaultCode>) -> State {
        let status = self.status(fault);
        State {
            status,
            code: match status {
                Status::Faulted => self.fault.or(fault),
                _ => self.warning.filter(|code| code.warns_in(status)),
            },
            ev_side_disconnected: self.car_left
                && matches!(status, Status::SuspendedEv | Status::Finishing),
        }
    }

    /// Whether energy is withheld because the car cannot be understood [1.6 §7.6].
    fn has_no_contact(&self) -> bool {
        self.warning == Some(FaultCode::EvCommunicationError)
    }

    /// The state [1.6 §4.9]. `fault` is that of the charge point as a whole.
    pub(super) fn status(&self, fault: Option<FaultCode>) -> Status {
        if self.fault.or(fault).is_some() {
            Status::Faulted
        } else if let Some(transaction) = &self.transaction {
            if transaction
                .register_mj_max
                .is_some_and(|max| self.register_mj >= max)
                || self.limit_w == Some(0)
                || (self.has_no_contact() && self.cable == Cable::Both)
            {
                Status::SuspendedEvse
            } else if self.cable != Cable::Both || self.car.as_ref().is_none_or(|car| car.is_full())
            {
                Status::SuspendedEv
            } else {
                Status::Charging
            }
        } else if !self.operative {
            Status::Unavailable
        } else if self.finishing {
            Status::Finishing
        } else if self.cable != Cable::Out || self.authorized.is_some() {
            Status::Preparing
        } else if self.reserved.is_some() {
            Status::Reserved
        } else {
            Status::Available
        }
    }

    /// The register, Wh.
    pub(super) fn register_wh(&self) -> i64 {
        i64::try_from(self.register_mj / MJ_PER_WH).unwrap_or(i64::MAX)
    }

    pub(super) fn register_mj(&self) -> u64 {
        self.register_mj
    }

    /// A car comes, or the one that was here is plugged in again.
    pub(super) fn plug_in(&mut self, car_number: impl FnOnce() -> u64) {
        self.cable = Cable::Both;
        self.car_left = false;
        if self.car.is_none() {
            self.car = Some(Box::new(Ev::new(car_number(), self.power_w_max)));
        }
    }

    /// The cable leaves the car; at a socket that holds it, it stays in the station.
    pub(super) fn unplug(&mut self, stays_in_station: bool) {
        self.cable = if stays_in_station {
            Cable::Station
        } else {
            self.finishing = false;
            Cable::Out
        };
        if self.transaction.is_none() {
            self.car = None;
        }
    }

    /// Lets go of the plug. Whether the lock moved.
    pub(super) fn unlock(&mut self) -> bool {
        if !self.jammed {
            self.locked = false;
            self.held = None;
        }
        !self.jammed
    }

    /// Whether the cable is kept here, in the station only, for this owner.
    pub(super) fn is_held_for(&self, is_owner: impl Fn(&Owner) -> bool) -> bool {
        self.cable == Cable::Station && self.held.as_deref().is_some_and(is_owner)
    }

    /// A transaction begins.
    pub(super) fn begin(&mut self, transaction: Transaction, now: Time) {
        self.metered_ms = now.mono_ms;
        self.finishing = false;
        self.car_left = false;
        self.held = None;
        self.authorized = None;
        self.transaction = Some(Box::new(transaction));
        self.plan_flow(now);
    }

    /// A transaction goes on that began before: this car, at this register.
    pub(super) fn resume(&mut self, transaction: Transaction, meter_wh: i64, car: u64) {
        self.register_mj = u64::try_from(meter_wh)
            .unwrap_or(0)
            .saturating_mul(MJ_PER_WH);
        self.locked = true;
        self.plug_in(|| car);
        let start = Time {
            mono_ms: 0,
            wall_ms: 0,
        };
        self.begin(transaction, start);
    }

    /// The time here when the clock shows this, Unix ms: from the start of a transaction until its cable is out it
    /// never goes back.
    pub(super) fn time_ms(&self, wall_ms: i64) -> i64 {
        match &self.transaction {
            Some(transaction) => transaction.time_ms(wall_ms),
            None if self.finishing => wall_ms.max(self.ended_ms),
            None => wall_ms,
        }
    }

    /// The stamp of what happens here at this time.
    pub(super) fn stamp(&mut self, at_ms: i64) -> i64 {
        match &mut self.transaction {
            Some(transaction) => transaction.stamp(at_ms),
            None => at_ms,
        }
    }

    /// The transaction ends at this time; the meter must have been read up to now.
    pub(super) fn end(&mut self, at_ms: i64) -> Option<Box<Transaction>> {
        let ended = self.transaction.take()?;
        self.ended_ms = at_ms;
        self.finishing = self.cable != Cable::Out;
        if self.cable != Cable::Both {
            self.car = None;
        }
        Some(ended)
    }

    /// Lets energy flow up to now, if there was power.
    pub(super) fn meter(&mut self, now: Time, powered: bool) {
        let elapsed = now.mono_ms.saturating_sub(self.metered_ms);
        self.metered_ms = now.mono_ms;
        if elapsed == 0 || !powered || self.transaction.is_none() {
            return;
        }
        let offered = self.offered_w();
        if let Some(car) = &mut self.car {
            let energy_mj = car.charge(elapsed, offered);
            self.register_mj += energy_mj;
            if car.phases() == 1 {
                self.one_phase_mj += energy_mj;
            }
        }
    }

    /// Foresees when the flow of energy changes by itself. To be called when something changed it.
    pub(super) fn plan_flow(&mut self, now: Time) {
        let offered = self.offered_w();
        let Some(transaction) = &mut self.transaction else {
            return;
        };
        let left_mj = transaction
            .register_mj_max
            .map_or(u64::MAX, |max| max.saturating_sub(self.register_mj));
        transaction.flow = self
            .car
            .as_ref()
            .filter(|car| !car.is_full())
            .and_then(|car| car.ms_until(left_mj, offered))
            .map_or(Deadline::NEVER, |ms| Deadline::at(now.mono_ms + ms));
    }

    /// What flowed on one phase, and what on all of them, in mJ.
    pub(super) fn register_mj_by_phases(&self) -> (u64, u64) {
        let all_mj = self.register_mj.saturating_sub(self.one_phase_mj);
        (self.one_phase_mj, all_mj)
    }

    /// The phases on which the car that is here charges; without one those of the station.
    pub(super) fn phases_in_use(&self) -> u8 {
        let station = ev::phases(self.power_w_max);
        self.car
            .as_ref()
            .map_or(station, |car| car.phases().min(station))
    }

    /// Volts of a phase, or of the direct current.
    pub(super) const fn voltage(&self) -> u32 {
        if self.power_w_max > ev::AC_POWER_W_MAX {
            400
        } else {
            230
        }
    }

    /// What a limit is worth here, in watts: amperes count on each phase in use.
    pub(super) fn watts(&self, limit: Limit) -> u32 {
        match limit {
            Limit::Watts(watts) => watts,
            Limit::Amperes { tenths, phases } => {
                let phases = u64::from(phases.min(self.phases_in_use()));
                let watts = u64::from(tenths) * u64::from(self.voltage()) * phases / 10;
                u32::try_from(watts).unwrap_or(u32::MAX)
            }
        }
    }

    /// What of a limit can be offered, in watts: a car is offered 6 A on a phase or nothing [IEC 61851-1]. Watts count on
    /// all phases in use, amperes on as many as the limit names. Direct current has no such least.
    pub(super) fn usable_w(&self, limit: Limit) -> u32 {
        let watts = self.watts(limit);
        let is_too_little = match limit {
            Limit::Watts(_) => {
                watts < AC_AMPERES_MIN * self.voltage() * u32::from(self.phases_in_use())
            }
            Limit::Amperes { tenths, .. } => tenths < AC_AMPERES_MIN * 10,
        };
        // What is no limit at all to a weak station withholds nothing from it.
        let withholds = self.power_w_max <= ev::AC_POWER_W_MAX && watts < self.supply_w();
        if is_too_little && withholds { 0 } else { watts }
    }

    /// The most that goes through the phases in use, in watts.
    pub(super) fn supply_w(&self) -> u32 {
        let (in_use, all) = (self.phases_in_use(), ev::phases(self.power_w_max));
        let watts = u64::from(self.power_w_max) * u64::from(in_use) / u64::from(all);
        u32::try_from(watts).unwrap_or(u32::MAX)
    }

    /// Watts on offer now: nothing without a transaction that may charge.
    pub(super) fn offered_w(&self) -> u32 {
        let withheld = self.transaction.as_ref().is_none_or(|transaction| {
            transaction
                .register_mj_max
                .is_some_and(|max| self.register_mj >= max)
        });
        let is_possible =
            self.cable == Cable::Both && self.fault.is_none() && !self.has_no_contact();
        if withheld || !is_possible {
            0
        } else {
            self.supply_w().min(self.limit_w.unwrap_or(u32::MAX))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::charge_point::queue::Queue;

    fn at(mono_ms: Millis) -> Time {
        Time {
            mono_ms,
            wall_ms: 0,
        }
    }

    fn charging() -> Connector {
        let mut connector = Connector::new(22_000);
        connector.plug_in(|| 7);
        let own = Queue::default().start(0, 1, "A".into(), 0, 0);
        connector.begin(Transaction::new(own, "A".into(), None), at(0));
        connector
    }

    #[test]
    fn the_state_follows_from_what_is_there() {
        let mut connector = Connector::new(22_000);
        assert_eq!(connector.status(None), Status::Available);
        connector.plug_in(|| 7);
        assert_eq!(connector.status(None), Status::Preparing);
        let mut connector = charging();
        assert_eq!(connector.status(None), Status::Charging);
        assert_eq!(
            connector.status(Some(FaultCode::OtherError)),
            Status::Faulted
        );
        connector.unplug(true);
        assert_eq!(connector.status(None), Status::SuspendedEv);
        connector.end(0);
        assert_eq!(connector.status(None), Status::Finishing);
        connector.operative = false;
        assert_eq!(connector.status(None), Status::Unavailable);
        connector.operative = true;
        connector.unplug(false);
        assert_eq!(connector.status(None), Status::Available);
    }

    #[test]
    fn the_register_only_grows_and_only_while_energy_flows() {
        let mut connector = charging();
        connector.meter(at(3_600_000), true);
        let full_hour = connector.register_wh();
        assert!(full_hour > 1_000, "{full_hour}");
        connector.unplug(true);
        connector.meter(at(7_200_000), true);
        assert_eq!(connector.register_wh(), full_hour);
        connector.plug_in(|| unreachable!("the same car"));
        connector.meter(at(7_260_000), true);
        assert!(connector.register_wh() > full_hour);
        let before = connector.register_wh();
        connector.meter(at(7_320_000), false);
        assert_eq!(connector.register_wh(), before, "no power, no energy");
    }

    #[test]
    fn a_full_car_suspends_when_foreseen() {
        let mut connector = charging();
        let full = connector
            .transaction
            .as_ref()
            .unwrap()
            .flow
            .millis()
            .unwrap();
        connector.meter(at(full - 1), true);
        assert_eq!(connector.status(None), Status::Charging);
        connector.meter(at(full), true);
        assert_eq!(connector.status(None), Status::SuspendedEv);
    }

    #[test]
    fn energy_beyond_the_allowance_is_withheld() {
        let mut connector = charging();
        connector.transaction.as_mut().unwrap().register_mj_max = Some(100 * MJ_PER_WH);
        connector.plan_flow(at(0));
        let stop = connector
            .transaction
            .as_ref()
            .unwrap()
            .flow
            .millis()
            .unwrap();
        connector.meter(at(stop), true);
        assert_eq!(
            (connector.status(None), connector.register_wh()),
            (Status::SuspendedEvse, 100)
        );
        connector.meter(at(stop + 3_600_000), true);
        assert_eq!(connector.register_wh(), 100);
    }
}
