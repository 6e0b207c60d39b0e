//! The composite schedule: literal answers, and that what flows never exceeds what it says nor it any limit.

use super::harness::{NOON, Rig};
use crate::charge_point::{
    Chance, ChargingProfile, Command, CompositeSchedule, Hardware, Limit, Period, ProfileKind,
    ProfilePurpose, RateUnit, Reply,
};
use crate::dialect::Dialect;

fn rig() -> Rig {
    let hardware = Hardware {
        smart_charging: true,
        ..Hardware::default()
    };
    Rig::with(hardware, &[]).boot()
}

fn profile(id: i32, purpose: ProfilePurpose, periods: &[(i64, Limit)]) -> ChargingProfile {
    ChargingProfile {
        id,
        stack_level: 0,
        purpose,
        kind: ProfileKind::Absolute,
        transaction_id: None,
        valid: (None, None),
        start_ms: None,
        duration_ms: None,
        periods: (periods.iter())
            .map(|(from_ms, limit)| Period {
                from_ms: *from_ms,
                limit: *limit,
            })
            .collect(),
    }
}

fn set(rig: &mut Rig, connector_id: u32, profile: ChargingProfile) -> bool {
    let command = Command::SetChargingProfile {
        connector_id,
        profile,
    };
    rig.command(command) == Ok(Reply::ChargingProfile { accepted: true })
}

fn ask(rig: &mut Rig, connector_id: u32, duration_s: i32, unit: Option<RateUnit>) -> Reply {
    rig.command(Command::GetCompositeSchedule {
        connector_id,
        duration_s,
        unit,
    })
    .unwrap()
}

fn composite(rig: &mut Rig, connector_id: u32, unit: RateUnit) -> CompositeSchedule {
    match ask(rig, connector_id, 3_600, Some(unit)) {
        Reply::CompositeSchedule(Some(schedule)) => *schedule,
        other => panic!("{other:?}"),
    }
}

fn periods(schedule: &CompositeSchedule) -> Vec<(i32, u32)> {
    let periods = schedule.periods.iter();
    periods
        .map(|period| (period.from_s, period.limit))
        .collect()
}

#[test]
fn the_schedule_of_a_running_transaction_is_told() {
    let mut rig = rig().charge();
    let (w, purpose) = (Limit::Watts, ProfilePurpose::Tx);
    let mut own = profile(1, purpose, &[(0, w(6_000)), (600_000, w(4_600))]);
    own.start_ms = Some(NOON);
    own.duration_ms = Some(1_200_000);
    assert!(set(&mut rig, 1, own));
    assert!(set(
        &mut rig,
        1,
        profile(2, ProfilePurpose::TxDefault, &[(0, w(3_000))])
    ));
    assert!(set(
        &mut rig,
        0,
        profile(3, ProfilePurpose::ChargePointMax, &[(0, w(5_000))])
    ));
    let gone_s = ((rig.now.wall_ms - NOON) / 1_000) as i32;
    let at = |s: i32| s - gone_s;
    // The charge point's limit cuts the first period; after its own profile the usual one counts.
    let own = composite(&mut rig, 1, RateUnit::Watts);
    assert_eq!(
        periods(&own),
        [(0, 5_000), (at(600), 4_600), (at(1_200), 3_000)]
    );
    assert_eq!((own.duration_s, own.start_ms), (3_600, rig.now.wall_ms));
    let whole = composite(&mut rig, 0, RateUnit::Watts);
    assert_eq!(periods(&whole), [(0, 5_000)]);
    let amperes = composite(&mut rig, 1, RateUnit::Amperes);
    let line_v = 230 * u32::from(amperes.phases);
    let wanted = [(0, 5_000), (at(600), 4_600), (at(1_200), 3_000)];
    assert_eq!(
        periods(&amperes),
        wanted.map(|(from, w)| (from, w * 10 / line_v))
    );
    // Nobody knows a connector 3, and nothing lasts for no time.
    for (connector_id, duration_s) in [(3, 60), (1, 0), (1, -1)] {
        let none = ask(&mut rig, connector_id, duration_s, None);
        assert_eq!(none, Reply::CompositeSchedule(None));
    }
}

#[test]
fn its_answer_is_written_as_the_standard_has_it() {
    let mut rig = rig();
    let amperes = |tenths| Limit::Amperes { tenths, phases: 3 };
    let usual = profile(1, ProfilePurpose::TxDefault, &[(0, amperes(105))]);
    assert!(set(&mut rig, 0, usual));
    let reply = ask(&mut rig, 1, 60, Some(RateUnit::Amperes));
    let told: serde_json::Value = serde_json::from_str(&Dialect::V16.encode_reply(&reply)).unwrap();
    assert_eq!(told["status"], "Accepted");
    assert_eq!(told["connectorId"], 1);
    assert_eq!(
        told["scheduleStart"],
        told["chargingSchedule"]["startSchedule"]
    );
    let schedule = &told["chargingSchedule"];
    assert_eq!(
        (&schedule["duration"], &schedule["chargingRateUnit"]),
        (&60.into(), &"A".into())
    );
    assert_eq!(
        schedule["chargingSchedulePeriod"].to_string(),
        r#"[{"limit":10.5,"numberPhases":3,"startPeriod":0}]"#
    );
}

/// Profiles of every purpose, kind, level and unit, in a transaction: at every quarter of a second what connector 1 may
/// draw is not less than the schedule said beforehand.
#[test]
fn it_is_never_above_any_limit_in_force() {
    for seed in 0..60 {
        let mut chance = Chance::new(seed);
        let mut rig = rig().charge();
        for id in 0..6 {
            let (connector_id, purpose) = match chance.below(4) {
                0 => (0, ProfilePurpose::ChargePointMax),
                1 => (0, ProfilePurpose::TxDefault),
                2 => (1, ProfilePurpose::TxDefault),
                _ => (1, ProfilePurpose::Tx),
            };
            let mut from_ms = 0;
            let mut drawn = Vec::new();
            for _ in 0..=chance.below(4) {
                let limit = match chance.below(2) {
                    0 => Limit::Watts(chance.below(12_000) as u32),
                    _ => Limit::Amperes {
                        tenths: chance.below(330) as u32,
                        phases: 1 + chance.below(3) as u8,
                    },
                };
                drawn.push((from_ms, limit));
                from_ms += 1_000 * (1 + chance.below(20) as i64);
            }
            let mut profile = profile(id, purpose, &drawn);
            profile.stack_level = chance.below(3) as i32;
            let now_ms = rig.now.wall_ms;
            let mut some_ms =
                |within_s: u64| now_ms - 20_000 + chance.below(within_s * 1_000) as i64;
            let (start_ms, from_ms, to_ms) = (some_ms(60), some_ms(60), some_ms(120));
            profile.start_ms = Some(start_ms);
            profile.kind = match chance.below(3) {
                0 => ProfileKind::Absolute,
                1 => ProfileKind::Recurring(30_000),
                _ if purpose == ProfilePurpose::ChargePointMax => ProfileKind::Absolute,
                _ => ProfileKind::Relative,
            };
            if chance.below(2) == 0 {
                profile.duration_ms = Some(1 + chance.below(40_000) as i64);
            }
            if chance.below(3) == 0 {
                profile.valid = (Some(from_ms), Some(to_ms));
            }
            assert!(set(&mut rig, connector_id, profile), "seed {seed}");
        }
        // Somewhere within a second.
        rig.wait(chance.below(1_000));
        let schedule = composite(&mut rig, 1, RateUnit::Watts);
        let whole = composite(&mut rig, 0, RateUnit::Watts);
        assert!(schedule.periods.is_sorted_by(|a, b| a.from_s < b.from_s));
        let started_ms = rig.now.mono_ms;
        let (mut below, mut equal) = (0, 0);
        for _ in 0..400 {
            let gone_s = ((rig.now.mono_ms - started_ms) / 1_000) as i32;
            let said = |schedule: &CompositeSchedule| {
                let mut periods = schedule.periods.iter().rev();
                periods.find(|p| p.from_s <= gone_s).unwrap().limit
            };
            let connector = &rig.cp.connectors[0];
            let now_ms = rig.now.wall_ms;
            let of = |purpose| {
                rig.cp
                    .profiles
                    .of_begun(purpose, 1, now_ms, rig.cp.profiles.begun_at(1))
                    .0
            };
            let own = of(ProfilePurpose::Tx).or(of(ProfilePurpose::TxDefault));
            let limits = [own, of(ProfilePurpose::ChargePointMax)];
            let limits = limits
                .into_iter()
                .flatten()
                .map(|limit| connector.watts(limit));
            let allowed = limits.min().unwrap_or(u32::MAX).min(connector.supply_w());
            assert!(
                said(&schedule) <= allowed,
                "seed {seed}, second {gone_s}: {schedule:?}"
            );
            if let Some(Limit::Watts(most)) = of(ProfilePurpose::ChargePointMax) {
                assert!(
                    said(&whole) <= most,
                    "seed {seed}, second {gone_s}: {whole:?}"
                );
            }
            if said(&schedule) == allowed {
                equal += 1;
            } else {
                below += 1;
            }
            rig.wait(250);
        }
        // Below only in seconds in which something changed.
        assert!(equal > below, "seed {seed}: {equal} {below}");
    }
}
