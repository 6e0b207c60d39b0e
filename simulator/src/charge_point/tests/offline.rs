//! What happens while the line is away, and what is told when it is back.

use super::harness::{Rig, info, refused};
use crate::charge_point::queue::MESSAGES_MAX;
use crate::charge_point::{Action, Answer, AuthorizationStatus, Failure, Report};

fn start_answered(
    status: AuthorizationStatus,
) -> impl FnMut(&Report) -> Option<Result<Answer, Failure>> {
    move |report| match report {
        Report::StartTransaction { .. } => Some(Ok(Answer::StartTransaction {
            transaction_id: 55,
            id_tag_info: info(status, None),
        })),
        _ => None,
    }
}

#[test]
fn a_mere_reconnect_is_no_boot_and_tells_only_what_changed() {
    let mut rig = Rig::booted(&[]);
    rig.cut();
    rig.wait(5_000);
    rig.mend();
    rig.expect(&[]);
    rig.cut();
    rig.plug(2);
    rig.mend();
    rig.expect(&["Status(2,Preparing)"]);
}

#[test]
fn an_operator_s_disconnect_lasts_as_long_as_said() {
    let mut rig = Rig::booted(&[("HeartbeatInterval", "0")]);
    rig.act(Action::Disconnect { seconds: 20.0 });
    rig.plug(1);
    rig.wait(19_999);
    rig.expect(&["Disconnect"]);
    rig.wait(1);
    rig.expect(&["Status(1,Preparing)"]);
}

#[test]
fn tc_036_samples_of_an_outage_come_in_order() {
    let mut rig = Rig::charging(&[("MeterValueSampleInterval", "10")]);
    rig.cut();
    rig.wait(35_000);
    rig.mend();
    let stamps: Vec<i64> = rig
        .reports
        .iter()
        .filter_map(|report| match report {
            Report::MeterValues {
                readings,
                transaction_id: Some(101),
                ..
            } => Some(readings[0].at_ms),
            _ => None,
        })
        .collect();
    assert!(stamps.len() >= 4 && stamps.is_sorted(), "{stamps:?}");
    assert!(
        stamps.windows(2).all(|pair| pair[1] - pair[0] == 10_000),
        "{stamps:?}"
    );
}

#[test]
fn tc_037_what_the_csms_thinks_of_an_offline_start() {
    for (status, stop, said) in [
        (
            AuthorizationStatus::Accepted,
            "true",
            &["Status(1,Charging)", "Start(1,N)"][..],
        ),
        (
            AuthorizationStatus::Invalid,
            "false",
            &[
                "Status(1,Charging)",
                "Start(1,N)",
                "Status(1,SuspendedEVSE)",
            ],
        ),
        (
            AuthorizationStatus::Invalid,
            "true",
            &[
                "Status(1,Charging)",
                "Start(1,N)",
                "Stop(55,DeAuthorized)",
                "Status(1,Finishing)",
            ],
        ),
    ] {
        let mut rig = Rig::booted(&[
            ("AllowOfflineTxForUnknownId", "true"),
            ("StopTransactionOnInvalidId", stop),
            ("MeterValueSampleInterval", "0"),
        ])
        .scripted(start_answered(status));
        rig.cut();
        rig.plug(1);
        rig.tag(1, "N");
        assert_eq!(rig.status(1), "Charging");
        rig.mend();
        rig.expect(said);
    }
}

#[test]
fn energy_for_the_way_home_is_bounded() {
    let mut rig = Rig::booted(&[
        ("StopTransactionOnInvalidId", "false"),
        ("MaxEnergyOnInvalidId", "500"),
        ("MeterValueSampleInterval", "0"),
    ])
    .scripted(start_answered(AuthorizationStatus::Blocked));
    rig.plug(1);
    rig.tag(1, "N");
    assert_eq!(rig.status(1), "Charging");
    rig.wait(3_600_000);
    assert_eq!(rig.status(1), "SuspendedEVSE");
    assert_eq!(rig.cp.snapshot().connectors[0].meter_wh, 500);
}

#[test]
fn tc_038_039_a_stop_without_line_is_told_afterwards_with_its_own_time() {
    let mut rig = Rig::charging(&[]);
    rig.cut();
    rig.wait(5_000);
    let stopped = rig.now.wall_ms;
    rig.tag(1, "A");
    rig.mend();
    rig.expect(&["Status(1,Finishing)", "Stop(101,Local,A)"]);
    assert!(rig.reports.iter().any(|report| matches!(report,
        Report::StopTransaction { at_ms, .. } if *at_ms == stopped)));

    let mut rig = Rig::booted(&[("AllowOfflineTxForUnknownId", "true")]);
    rig.cut();
    rig.plug(2);
    rig.tag(2, "B");
    rig.wait(1_000);
    rig.tag(2, "B");
    rig.unplug(2);
    rig.mend();
    rig.expect(&["Start(2,B)", "Stop(101,Local,B)"]);
    assert_eq!(rig.cp.snapshot().queued, 0);
}

#[test]
fn a_queued_stop_survives_an_outage_and_a_power_cut() {
    let mut rig = Rig::charging(&[]);
    rig.cut();
    rig.tag(1, "A");
    rig.act(Action::PowerCycle {
        seconds: 3.0,
        backup: false,
    });
    rig.wait(30_000);
    rig.mend();
    let said = rig.said();
    assert_eq!(
        said.iter()
            .filter(|one| *one == "Stop(101,Local,A)")
            .count(),
        1,
        "{said:?}"
    );
}

#[test]
fn a_stop_cut_off_on_its_way_is_sent_again_and_counts_no_attempt() {
    let mut cuts = 3;
    let mut rig =
        Rig::charging(&[("TransactionMessageAttempts", "1")]).scripted(
            move |report| match report {
                Report::StopTransaction { .. } if cuts > 0 => {
                    cuts -= 1;
                    Some(Err(Failure::Disconnected))
                }
                _ => None,
            },
        );
    rig.tag(1, "A");
    for _ in 0..3 {
        rig.cut();
        rig.mend();
    }
    assert_eq!(
        rig.said()
            .iter()
            .filter(|one| *one == "Stop(101,Local,A)")
            .count(),
        4
    );
    assert_eq!(rig.cp.snapshot().queued, 0);
}

#[test]
fn a_stop_the_csms_cannot_process_is_tried_as_often_as_configured() {
    let mut rig = Rig::charging(&[
        ("TransactionMessageAttempts", "3"),
        ("TransactionMessageRetryInterval", "5"),
        ("MeterValueSampleInterval", "0"),
    ])
    .scripted(|report| match report {
        Report::StopTransaction { .. } => Some(Err(refused())),
        _ => None,
    });
    rig.tag(1, "A");
    rig.wait(4_999);
    let stop = "Stop(101,Local,A)";
    rig.expect(&[stop, "Status(1,Finishing)"]);
    rig.wait(1);
    rig.expect(&[stop]);
    rig.wait(10_000);
    rig.expect(&[stop]);
    rig.wait(100_000);
    rig.expect(&[]);
    assert_eq!(rig.cp.snapshot().queued, 0);
}

#[test]
fn a_tag_that_waits_for_the_csms_is_judged_alone_when_the_line_breaks() {
    let mut rig =
        Rig::booted(&[("AllowOfflineTxForUnknownId", "true")]).scripted(|report| match report {
            Report::Authorize { .. } => Some(Err(Failure::Disconnected)),
            _ => None,
        });
    rig.plug(1);
    rig.tag(1, "A");
    assert_eq!(rig.status(1), "Charging");
}

#[test]
fn a_charge_point_without_room_for_its_transactions_takes_no_new_ones() {
    let mut rig = Rig::booted(&[
        ("AllowOfflineTxForUnknownId", "true"),
        ("MeterValueSampleInterval", "0"),
    ]);
    rig.cut();
    rig.plug(1);
    for _ in 0..400 {
        rig.tag(1, "A");
        rig.tag(1, "A");
    }
    assert_eq!(rig.cp.snapshot().queued, MESSAGES_MAX);
    rig.mend();
    let said = rig.said();
    let count = |word: &str| said.iter().filter(|one| one.starts_with(word)).count();
    assert_eq!(
        (count("Start("), count("Stop(")),
        (MESSAGES_MAX / 2, MESSAGES_MAX / 2)
    );
}
