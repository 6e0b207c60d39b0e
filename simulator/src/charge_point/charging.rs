//! Charging profiles [1.6 §3.13]: what is kept of them, and the limit that follows at an instant.
//!
//! A profile of the charge point as a whole limits what all transactions draw together: it is shared out evenly.

use std::sync::Arc;

use dynamo_protocol::{Millis, Time};

use super::clock::Deadline;
use super::connector::Authorized;
use super::transaction::same_tag;
use super::{ChargePoint, ConnectorId};

/// Most profiles of one charge point.
pub(super) const PROFILES_MAX: usize = 30;
/// Most periods of one profile.
pub(super) const PERIODS_MAX: usize = 100;
/// Highest stack level.
pub(super) const STACK_LEVEL_MAX: i32 = 99;

/// [1.6 §7.8].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChargingProfile {
    /// Its number; the same one again replaces it.
    pub id: i32,
    /// The highest one that says anything at an instant counts.
    pub stack_level: i32,
    /// What it is for.
    pub purpose: ProfilePurpose,
    /// What its periods are counted from.
    pub kind: ProfileKind,
    /// The transaction it is for.
    pub transaction_id: Option<i64>,
    /// From and to, Unix ms.
    pub valid: (Option<i64>, Option<i64>),
    /// When the schedule begins, Unix ms.
    pub start_ms: Option<i64>,
    /// How long it says anything, in milliseconds.
    pub duration_ms: Option<i64>,
    /// In the order of time, the first from 0.
    pub periods: Vec<Period>,
}

/// [1.6 §7.11].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProfilePurpose {
    /// Of the charge point as a whole.
    ChargePointMax,
    /// Of every transaction that has none of its own.
    TxDefault,
    /// Of one transaction.
    Tx,
}

/// [1.6 §7.10].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProfileKind {
    /// From its start, or from the start of charging where it has none.
    Absolute,
    /// From its start, again after this many milliseconds.
    Recurring(i64),
    /// From the start of charging.
    Relative,
}

/// From this millisecond of the schedule on, so much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    /// Milliseconds from the schedule's start.
    pub from_ms: i64,
    /// The most that may be drawn.
    pub limit: Limit,
}

/// How much may be drawn [1.6 §7.12].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// Watts, over all phases.
    Watts(u32),
    /// Tenths of an ampere on each phase in use, and on how many phases at most.
    Amperes { tenths: u32, phases: u8 },
}

impl Limit {
    /// The same for each of so many.
    pub(super) fn shared(self, by: u32) -> Self {
        match self {
            Self::Watts(watts) => Self::Watts(watts / by),
            Self::Amperes { tenths, phases } => Self::Amperes {
                tenths: tenths / by,
                phases,
            },
        }
    }
}

/// Which profiles to forget; what is `None` fits all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProfileFilter {
    pub id: Option<i32>,
    pub connector_id: Option<ConnectorId>,
    pub purpose: Option<ProfilePurpose>,
    pub stack_level: Option<i32>,
}

impl ChargingProfile {
    /// The limit at an instant, and when that may change; `None` where it says nothing.
    fn at(&self, now_ms: i64, begun_ms: Option<i64>) -> (Option<Limit>, Option<i64>) {
        let (from, to) = self.valid;
        if let Some(from) = from.filter(|from| *from > now_ms) {
            return (None, Some(from));
        }
        if to.is_some_and(|to| to <= now_ms) {
            return (None, None);
        }
        let start = match self.kind {
            ProfileKind::Relative => begun_ms,
            ProfileKind::Absolute => self.start_ms.or(begun_ms),
            ProfileKind::Recurring(every) => self.start_ms.map(|start| {
                let rounds = now_ms.saturating_sub(start).div_euclid(every);
                start.saturating_add(rounds.saturating_mul(every))
            }),
        };
        let Some(start) = start else {
            return (None, None);
        };
        let at = now_ms.saturating_sub(start);
        let period = self.periods.iter().rev().find(|p| p.from_ms <= at);
        let over = self.duration_ms.is_some_and(|duration| at >= duration);
        let next = self.periods.iter().map(|p| p.from_ms).find(|ms| *ms > at);
        let again = match self.kind {
            ProfileKind::Recurring(every) => Some(every),
            _ => None,
        };
        let changes = [next, self.duration_ms.filter(|d| *d > at), again];
        let change = changes.into_iter().flatten().min();
        let change = change.map(|ms| start.saturating_add(ms));
        let change = [change, to].into_iter().flatten().min();
        (period.filter(|_| !over).map(|p| p.limit), change)
    }

    fn is_sound(&self) -> bool {
        (0..=STACK_LEVEL_MAX).contains(&self.stack_level)
            && (1..=PERIODS_MAX).contains(&self.periods.len())
            && self.periods[0].from_ms == 0
            && self
                .periods
                .is_sorted_by(|one, next| one.from_ms < next.from_ms)
            && (!matches!(self.kind, ProfileKind::Recurring(_)) || self.start_ms.is_some())
    }
}

/// The profiles that hold, and when their transactions began.
#[derive(Debug)]
pub(super) struct Profiles {
    all: Vec<(ConnectorId, ChargingProfile)>,
    begun: Vec<(ConnectorId, i64)>,
    /// Those that came with a remote start and wait for the transaction of its tag.
    awaited: Vec<(ConnectorId, Arc<str>, ChargingProfile)>,
    change: Deadline,
}

impl Profiles {
    pub(super) const fn new() -> Self {
        Self {
            all: Vec::new(),
            begun: Vec::new(),
            awaited: Vec::new(),
            change: Deadline::NEVER,
        }
    }

    pub(super) fn next_change(&self) -> Deadline {
        self.change
    }

    pub(super) fn begun(&mut self, connector_id: ConnectorId, at_ms: i64) {
        self.begun.retain(|(id, _)| *id != connector_id);
        self.begun.push((connector_id, at_ms));
    }

    /// Keeps a profile for the transaction that this tag is about to begin.
    pub(super) fn await_start(
        &mut self,
        connector_id: ConnectorId,
        id_tag: Arc<str>,
        profile: ChargingProfile,
    ) {
        self.awaited.retain(|(id, ..)| *id != connector_id);
        self.awaited.push((connector_id, id_tag, profile));
    }

    /// One of each level and purpose at a connector; and each id once [1.6 §5.16]. Whether there is room.
    fn keep(&mut self, connector_id: ConnectorId, profile: ChargingProfile) -> bool {
        self.all.retain(|(id, other)| {
            let same = *id == connector_id
                && (other.stack_level, other.purpose) == (profile.stack_level, profile.purpose);
            other.id != profile.id && !same
        });
        let has_room = self.all.len() < PROFILES_MAX;
        if has_room {
            self.all.push((connector_id, profile));
        }
        has_room
    }

    /// The clock was put right by so much: how long transactions have charged is what it was.
    pub(super) fn clock_moved(&mut self, by_ms: i64) {
        for (_, begun_ms) in &mut self.begun {
            *begun_ms = begun_ms.saturating_add(by_ms);
        }
    }

    /// A transaction ends, and with it what was for it alone.
    pub(super) fn ended(&mut self, connector_id: ConnectorId) {
        self.begun.retain(|(id, _)| *id != connector_id);
        self.all
            .retain(|(id, profile)| *id != connector_id || profile.purpose != ProfilePurpose::Tx);
    }

    /// When the transaction at a connector began, Unix ms.
    pub(super) fn begun_at(&self, connector_id: ConnectorId) -> Option<i64> {
        let begun = self.begun.iter().find(|(id, _)| *id == connector_id);
        begun.map(|(_, at)| *at)
    }

    /// The limit of a purpose at a connector, and when that may change.
    fn of(
        &self,
        purpose: ProfilePurpose,
        connector_id: ConnectorId,
        now_ms: i64,
    ) -> (Option<Limit>, Option<i64>) {
        let begun = self.begun_at(connector_id);
        self.of_begun(purpose, connector_id, now_ms, begun)
    }

    /// The same, had charging begun at this instant.
    pub(super) fn of_begun(
        &self,
        purpose: ProfilePurpose,
        connector_id: ConnectorId,
        now_ms: i64,
        begun: Option<i64>,
    ) -> (Option<Limit>, Option<i64>) {
        let mut best: Option<((i32, bool), Limit)> = None;
        let mut change: Option<i64> = None;
        for (id, profile) in &self.all {
            let here = *id == connector_id || (*id == 0 && purpose != ProfilePurpose::Tx);
            if profile.purpose != purpose || !here {
                continue;
            }
            let (limit, next) = profile.at(now_ms, begun);
            change = [change, next].into_iter().flatten().min();
            // On one level, what is said of the connector counts before what is said of all.
            let rank = (profile.stack_level, *id != 0);
            if let Some(limit) = limit.filter(|_| best.is_none_or(|(other, _)| rank > other)) {
                best = Some((rank, limit));
            }
        }
        (best.map(|(_, limit)| limit), change)
    }
}

impl ChargePoint {
    /// [1.6 §5.16]
    pub(super) fn set_charging_profile(
        &mut self,
        connector_id: ConnectorId,
        profile: ChargingProfile,
        now: Time,
    ) -> bool {
        let is_connector = self.connector(connector_id).is_some();
        let fits = match profile.purpose {
            ProfilePurpose::ChargePointMax => {
                connector_id == 0 && profile.kind != ProfileKind::Relative
            }
            ProfilePurpose::TxDefault => connector_id == 0 || is_connector,
            ProfilePurpose::Tx => {
                is_connector && self.runs_here(connector_id, profile.transaction_id)
            }
        };
        if !fits || !profile.is_sound() {
            return false;
        }
        let kept = self.profiles.keep(connector_id, profile);
        self.hold_limits(now);
        kept
    }

    /// Whether a remote start may bring this profile: it is for the transaction alone [1.6 §5.11].
    pub(super) fn takes_with_start(&self, profile: &ChargingProfile) -> bool {
        let waiting = self.profiles.all.len() + self.profiles.awaited.len();
        profile.purpose == ProfilePurpose::Tx && profile.is_sound() && waiting < PROFILES_MAX
    }

    /// The transaction of a tag begins: what came with its remote start holds.
    pub(super) fn use_awaited(&mut self, connector_id: ConnectorId, id_tag: &str) {
        let mut awaited = self.profiles.awaited.iter();
        let Some(index) = awaited.position(|(id, ..)| *id == connector_id) else {
            return;
        };
        let (_, tag, mut profile) = self.profiles.awaited.swap_remove(index);
        if same_tag(&tag, id_tag) {
            // Nobody knew the number of this transaction when the profile was made.
            profile.transaction_id = None;
            self.profiles.keep(connector_id, profile);
        }
    }

    /// Forgets what came with remote starts from which nothing follows any more.
    pub(super) fn drop_unawaited(&mut self) {
        if self.profiles.awaited.is_empty() {
            return;
        }
        let mut awaited = std::mem::take(&mut self.profiles.awaited);
        awaited.retain(|(connector_id, id_tag, _)| {
            let connector = &self.connectors[*connector_id as usize - 1];
            let is_here = |a: &Authorized| same_tag(&a.id_tag, id_tag);
            connector.authorized.as_deref().is_some_and(is_here)
                || self.is_asked_about(*connector_id)
        });
        self.profiles.awaited = awaited;
    }

    fn runs_here(&self, connector_id: ConnectorId, transaction_id: Option<i64>) -> bool {
        let transaction = &self.connectors[connector_id as usize - 1].transaction;
        transaction.as_ref().is_some_and(|transaction| {
            transaction_id.is_none_or(|id| self.queue.id(transaction.own) == Some(id))
        })
    }

    /// Whether there was one [1.6 §5.5].
    pub(super) fn clear_charging_profiles(&mut self, filter: &ProfileFilter, now: Time) -> bool {
        let before = self.profiles.all.len();
        self.profiles.all.retain(|(connector_id, profile)| {
            // An id says it all.
            let fits = match filter.id {
                Some(id) => id == profile.id,
                None => {
                    filter.connector_id.is_none_or(|id| id == *connector_id)
                        && filter.purpose.is_none_or(|p| p == profile.purpose)
                        && filter.stack_level.is_none_or(|s| s == profile.stack_level)
                }
            };
            !fits
        });
        self.hold_limits(now);
        self.profiles.all.len() < before
    }

    pub(super) fn tick_profiles(&mut self, now: Time) {
        if self.profiles.change.take_due(now) {
            self.hold_limits(now);
        }
    }

    /// Among how many transactions the limit of the charge point as a whole is shared out.
    pub(super) fn sharing(&self) -> u32 {
        let sharing = self.connectors.iter().filter(|c| c.transaction.is_some());
        u32::try_from(sharing.count().max(1)).unwrap_or(u32::MAX)
    }

    /// Works out what each connector may draw from now on.
    pub(super) fn hold_limits(&mut self, now: Time) {
        if self.profiles.all.is_empty() && self.connectors.iter().all(|c| c.limit_w.is_none()) {
            return;
        }
        let now_ms = self.clock.wall_ms(now);
        let sharing = self.sharing();
        let mut change: Option<i64> = None;
        for index in 0..self.connectors.len() {
            let limit_of = |purpose| {
                let connector_id = index as ConnectorId + 1;
                self.profiles.of(purpose, connector_id, now_ms)
            };
            let (whole, next_whole) = limit_of(ProfilePurpose::ChargePointMax);
            let (own, next_own) = limit_of(ProfilePurpose::Tx);
            let (usual, next_usual) = limit_of(ProfilePurpose::TxDefault);
            let nexts = [change, next_whole, next_own, next_usual];
            change = nexts.into_iter().flatten().min();
            let whole = whole.map(|limit| limit.shared(sharing));
            let connector = &mut self.connectors[index];
            let limits = [own.or(usual), whole].into_iter().flatten();
            connector.limit_w = limits.map(|limit| connector.usable_w(limit)).min();
            connector.plan_flow(now);
        }
        self.profiles.change = match change {
            Some(at_ms) => {
                let wait = Millis::try_from(at_ms.saturating_sub(now_ms)).unwrap_or(0);
                Deadline::at(now.mono_ms.saturating_add(wait.max(1)))
            }
            None => Deadline::NEVER,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn w(watts: u32) -> Option<Limit> {
        Some(Limit::Watts(watts))
    }

    fn profile(id: i32, stack_level: i32, limits: &[(i64, u32)]) -> ChargingProfile {
        ChargingProfile {
            id,
            stack_level,
            purpose: ProfilePurpose::TxDefault,
            kind: ProfileKind::Absolute,
            transaction_id: None,
            valid: (None, None),
            start_ms: Some(1_000),
            duration_ms: None,
            periods: (limits.iter())
                .map(|(from_ms, limit_w)| Period {
                    from_ms: *from_ms,
                    limit: Limit::Watts(*limit_w),
                })
                .collect(),
        }
    }

    #[test]
    fn periods_follow_each_other_and_say_when() {
        let mut one = profile(1, 0, &[(0, 7_400), (3_600, 11_000)]);
        assert_eq!(one.at(0, None), (None, Some(1_000)));
        assert_eq!(one.at(1_000, None), (w(7_400), Some(4_600)));
        assert_eq!(one.at(4_600, None), (w(11_000), None));
        one.duration_ms = Some(4_000);
        assert_eq!(one.at(5_000, None), (None, None));
        one.kind = ProfileKind::Recurring(10_000);
        assert_eq!(one.at(11_500, None), (w(7_400), Some(14_600)));
        one.kind = ProfileKind::Relative;
        assert_eq!(one.at(9_000, None), (None, None));
        assert_eq!(one.at(9_000, Some(8_000)), (w(7_400), Some(11_600)));
    }

    #[test]
    fn the_highest_level_that_says_anything_counts() {
        let mut profiles = Profiles::new();
        profiles.all.push((0, profile(1, 0, &[(0, 5_000)])));
        profiles.all.push((1, profile(2, 0, &[(0, 6_000)])));
        let purpose = ProfilePurpose::TxDefault;
        assert_eq!(profiles.of(purpose, 1, 2_000).0, w(6_000));
        assert_eq!(profiles.of(purpose, 2, 2_000).0, w(5_000));
        let mut higher = profile(3, 4, &[(0, 1_000)]);
        higher.valid = (None, Some(3_000));
        profiles.all.push((0, higher));
        assert_eq!(profiles.of(purpose, 1, 2_000), (w(1_000), Some(3_000)));
        assert_eq!(profiles.of(purpose, 1, 3_000).0, w(6_000));
    }
}
