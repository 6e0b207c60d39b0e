//! What is old, or too much of one charge point, is dropped; what a bill may need is not. With a clock that is moved.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};
use std::time::Duration;

use dynamo_csms::{Clock, Options};
use serde_json::json;
use tokio::time::timeout;

use crate::databases::{count, postgres};
use crate::support::{Rig, rig_with};

/// 2026-01-01T10:00:00Z.
const T0_MS: i64 = 1_767_261_600_000;
/// Rounds have pauses, which are longer where the machine is busy.
const PATIENCE: Duration = Duration::from_secs(90);
const MINUTE_MS: i64 = 60_000;
const DAY_MS: i64 = 24 * 60 * MINUTE_MS;

/// A clock that stands still until it is moved.
#[derive(Clone)]
struct Hand(Arc<AtomicI64>);

impl Hand {
    fn new() -> Self {
        Self(Arc::new(AtomicI64::new(T0_MS)))
    }

    fn forward(&self, ms: i64) {
        self.0.fetch_add(ms, Relaxed);
    }

    fn at(&self) -> String {
        jiff::Timestamp::from_millisecond(self.0.load(Relaxed))
            .unwrap()
            .to_string()
    }

    fn set(&self, options: &mut Options) {
        let clock = self.0.clone();
        options.clock = Clock::new(move || clock.load(Relaxed));
        options.retention_interval = Duration::from_millis(20);
    }
}

/// A CSMS on each of the databases that there are, with a clock of its own.
async fn rigs(change: impl Fn(&mut Options)) -> Vec<(Rig, Hand)> {
    let mut rigs = Vec::new();
    for address in [None, postgres().await] {
        if address.is_none() && !rigs.is_empty() {
            continue;
        }
        let hand = Hand::new();
        let rig = rig_with(|options| {
            if let Some(address) = address {
                options.database = address;
            }
            hand.set(options);
            change(options);
        });
        rigs.push((rig.await, hand));
    }
    rigs
}

/// Waits until as many rows are there as are said.
async fn until(rig: &Rig, what: &str, rows: impl Fn(i64) -> bool) {
    let reached = async {
        while !rows(count(rig.database(), what).await) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    if timeout(PATIENCE, reached).await.is_err() {
        panic!(
            "{} rows of {what} in {}",
            count(rig.database(), what).await,
            rig.database()
        );
    }
}

async fn dropped(rig: &Rig, table: &str) -> i64 {
    let text = rig.client().get(rig.url("/metrics")).send().await.unwrap();
    let text = text.text().await.unwrap();
    let line = format!("dynamo_csms_dropped_total{{table=\"{table}\"}} ");
    let found = text.lines().find_map(|found| found.strip_prefix(&line));
    found.unwrap().parse().unwrap()
}

#[tokio::test]
async fn old_rows_go_and_what_a_bill_needs_stays() {
    for (rig, hand) in rigs(|_| {}).await {
        let mut done = rig.connect("CP-DONE").await;
        let mut open = rig.connect("CP-OPEN").await;
        for cp in [&mut done, &mut open] {
            cp.boot().await;
            cp.status(1, "Available", Some(&hand.at())).await;
            hand.forward(MINUTE_MS);
            cp.status(1, "Preparing", Some(&hand.at())).await;
            hand.forward(MINUTE_MS);
        }
        let mut ids = Vec::new();
        for cp in [&mut done, &mut open] {
            let at = hand.at();
            let id = cp.start(1, "TAG", &at, 0).await["transactionId"].clone();
            hand.forward(MINUTE_MS);
            cp.status(1, "Charging", Some(&hand.at())).await;
            cp.meter(&id, &hand.at(), "1000").await;
            hand.forward(MINUTE_MS);
            cp.meter(&id, &hand.at(), "2000").await;
            cp.status(1, "SuspendedEV", Some(&hand.at())).await;
            ids.push((at, id));
        }
        done.stop(&ids[0].1, &hand.at(), 2_000).await;
        done.stop(&json!(999), &hand.at(), 2_000).await;
        assert_eq!(count(rig.database(), "meter_value").await, 4);
        let before = rig.transactions("CP-DONE").await[0].clone();

        hand.forward(401 * DAY_MS);
        until(&rig, "meter_value", |rows| rows == 2).await;
        until(&rig, "charge_point_event", |rows| rows == 0).await;
        // The newest of the one that is done; of the other all but what was over before its transaction began.
        let of = |id: &str| format!("connector_history where charge_point_id = '{id}'");
        until(&rig, &of("CP-DONE"), |rows| rows == 1).await;
        until(&rig, &of("CP-OPEN"), |rows| rows == 3).await;
        assert_eq!(count(rig.database(), "orphan_stop").await, 1);
        assert_eq!(dropped(&rig, "meter_value").await, 2);
        assert_eq!(dropped(&rig, "connector_history").await, 4);
        assert_eq!(dropped(&rig, "charge_point_event").await, 2);
        let mut after = rig.transactions("CP-DONE").await[0].clone();
        assert_eq!(after["meter_values"], 0);
        after["meter_values"] = before["meter_values"].clone();
        assert_eq!(after, before);

        // Its meter values and statuses are old, too, once it is over.
        open.stop(&ids[1].1, &hand.at(), 3_000).await;
        hand.forward(2 * DAY_MS);
        until(&rig, "meter_value", |rows| rows == 0).await;
        until(&rig, &of("CP-OPEN"), |rows| rows == 1).await;
        hand.forward(3 * 366 * DAY_MS);
        until(&rig, "orphan_stop", |rows| rows == 0).await;
        assert_eq!(count(rig.database(), "charge_transaction").await, 2);
        assert_eq!(rig.transactions("CP-OPEN").await[0]["energy_wh"], 3_000);
    }
}

#[tokio::test]
async fn a_boot_loop_makes_one_row() {
    for (rig, hand) in rigs(|_| {}).await {
        let mut cp = rig.connect("CP-1").await;
        for _ in 0..100 {
            cp.boot().await;
            for status in ["Downloading", "Downloaded"] {
                let note = json!({ "status": status });
                cp.call("FirmwareStatusNotification", note).await.unwrap();
            }
            hand.forward(30_000);
        }
        assert_eq!(count(rig.database(), "charge_point_event").await, 3);
        let hundred =
            "charge_point_event where times = 100 and last_received_at_ms > received_at_ms";
        assert_eq!(count(rig.database(), hundred).await, 3);
        // It is another one after a pause, and another row after a day.
        hand.forward(61 * MINUTE_MS);
        cp.boot().await;
        assert_eq!(count(rig.database(), "charge_point_event").await, 4);
        for _ in 0..50 {
            hand.forward(30 * MINUTE_MS);
            cp.boot().await;
        }
        assert_eq!(count(rig.database(), "charge_point_event").await, 5);
    }
}

#[tokio::test]
async fn who_says_more_than_is_kept_loses_the_oldest() {
    let small = |options: &mut Options| {
        options.retention.events_max = 10;
        options.retention.stops_max = 10;
        options.retention.statuses_max = 10;
        options.retention.meter_values_max = 10;
    };
    for (rig, hand) in rigs(small).await {
        let mut cp = rig.connect("CP-1").await;
        let mut other = rig.connect("CP-2").await;
        other.boot().await;
        for number in 0..40 {
            hand.forward(1_000);
            let boot = json!({"chargePointVendor": "V", "chargePointModel": "M",
                "firmwareVersion": number.to_string()});
            cp.call("BootNotification", boot).await.unwrap();
            cp.stop(&json!(999), &hand.at(), number).await;
        }
        until(&rig, "charge_point_event", |rows| rows == 11).await;
        until(&rig, "orphan_stop", |rows| rows == 10).await;
        let newest = "orphan_stop where meter_stop_wh >= 30";
        assert_eq!(count(rig.database(), newest).await, 10);

        // What an open transaction needs stays, up to ten times as much.
        let id = cp.start(1, "TAG", &hand.at(), 0).await["transactionId"].clone();
        let say = async |cp: &mut crate::support::ChargePoint, from: i32, to: i32| {
            for number in from..to {
                hand.forward(1_000);
                let status = if number % 2 == 0 {
                    "Charging"
                } else {
                    "SuspendedEV"
                };
                cp.status(1, status, Some(&hand.at())).await;
                cp.meter(&id, &hand.at(), &number.to_string()).await;
            }
        };
        say(&mut cp, 0, 30).await;
        // A round that counts has passed when something else was dropped in it.
        cp.stop(&json!(999), &hand.at(), 40).await;
        until(&rig, "orphan_stop", |rows| rows == 10).await;
        let (statuses, values) = ("connector_history", "meter_value");
        assert_eq!(count(rig.database(), statuses).await, 30);
        assert_eq!(count(rig.database(), values).await, 30);
        say(&mut cp, 30, 130).await;
        until(&rig, statuses, |rows| rows == 100).await;
        until(&rig, values, |rows| rows == 100).await;
        cp.stop(&id, &hand.at(), 130).await;
        until(&rig, statuses, |rows| rows == 10).await;
        until(&rig, values, |rows| rows == 10).await;
        assert_eq!(rig.transactions("CP-1").await[0]["energy_wh"], 130);
    }
}

#[tokio::test]
async fn two_servers_on_one_database_drop_each_row_once() {
    let Some(address) = postgres().await else {
        return;
    };
    let (first, second) = (Hand::new(), Hand::new());
    let start = async |hand: &Hand| {
        rig_with(|options| {
            options.database = address.clone();
            hand.set(options);
        })
        .await
    };
    let rigs = [start(&first).await, start(&second).await];
    rigs[0].connect("CP-1").await.boot().await;
    rigs[0]
        .execute(&format!(
            "insert into orphan_stop (organization_id, charge_point_id, transaction_number, stopped_at_ms, meter_stop_wh,
                 message, cause, received_at_ms, content_hash)
             select 'org_default', 'CP-1', i, {T0_MS}, 0, '{{}}', 'unknown_transaction', {T0_MS} + i, cast(i as text) from generate_series(1, 20000) i"
        ))
        .await;
    first.forward(1_200 * DAY_MS);
    second.forward(1_200 * DAY_MS);
    until(&rigs[0], "orphan_stop", |rows| rows == 0).await;
    let mut in_all = 0;
    for rig in &rigs {
        in_all += dropped(rig, "orphan_stop").await;
    }
    assert!(in_all <= 20_000, "{in_all}");
    // The last part may be counted a moment after it is gone.
    let counted = async {
        loop {
            let of = [
                dropped(&rigs[0], "orphan_stop").await,
                dropped(&rigs[1], "orphan_stop").await,
            ];
            if of[0] + of[1] == 20_000 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(PATIENCE, counted).await.unwrap();
}

/// Rows that end by age alone: one that is old, and one that is not, of each kind.
#[tokio::test]
async fn what_ended_long_ago_goes() {
    for (rig, hand) in rigs(|_| {}).await {
        rig.connect("CP-1").await.boot().await;
        let old = T0_MS;
        let young = T0_MS + 1_099 * DAY_MS;
        for (number, at) in [(1, old), (2, young)] {
            let after = at + 1;
            for text in [
                format!("insert into account (id, organization_id, role, name, email, email_key, password_hash, created_at_ms)
                    values ('acc_{number}', 'org_default', 'installer', 'n', '{number}', '{number}', '', 0)"),
                format!("insert into project (id, organization_id, installer_id, name, address, access_policy, access_tags,
                    created_at_ms) values ('prj_{number}', 'org_default', 'acc_{number}', 'n', 'a', 'open', '[]', 0)"),
                format!("insert into invitation (id, project_id, email, token_hash, created_at_ms, expires_at_ms)
                    values ('inv_{number}', 'prj_{number}', 'e', 'h{number}', 0, {at})"),
                format!("insert into invitation (id, project_id, email, token_hash, created_at_ms, expires_at_ms, accepted_at_ms)
                    values ('acc_{number}', 'prj_{number}', 'e', 'a{number}', 0, {at}, {at})"),
                format!("insert into certificate (id, charge_point_id, serial_number, fingerprint, certificate_pem,
                    issued_at_ms, expires_at_ms) values ('crt_{number}', 'CP-1', 's{number}', 'f{number}', '', 0, {at})"),
                format!("insert into webhook (id, organization_id, url, events, secret, created_at_ms, deleted_at_ms)
                    values ('whk_{number}', 'org_default', 'u', '', '', 0, {at})"),
                format!("insert into outbox (kind, recipient, lane, body, created_at_ms, due_at_ms, attempts,
                    leased_until_ms, sent_at_ms) values ('mail', 'a', 'sent', '', 0, 0, 1, 0, {at})"),
                format!("insert into outbox (kind, recipient, lane, body, created_at_ms, due_at_ms, attempts,
                    leased_until_ms, given_up_at_ms) values ('mail', 'a', 'failed', '', 0, 0, 1, 0, {at})"),
                format!("insert into outbox (kind, recipient, lane, body, created_at_ms, due_at_ms, attempts,
                    leased_until_ms) values ('mail', 'a', 'waiting', '', {at}, 0, 0, 0)"),
                format!("insert into idempotent_answer (organization_id, key, request_hash, created_at_ms)
                    values ('org_default', 'k{number}', 'h', {at})"),
                format!("insert into guest_session (token, organization_id, charge_point_id, evse_id, connector_id, id_tag, status,
                    start_sent, payment_method_id, payment_status, return_url, receipt, tariff, held, created_at_ms,
                    expires_at_ms, ended_at_ms) values ('g{number}', 'org_default', 'CP-1', 1, 1, 'g{number}', 'failed',
                    (1 = 0), 'pm', 'declined', 'u', '{{}}', '{{}}', '1', 0, 0, {at})"),
                // An old run with another one after it; and one that is the newest of its kind.
                format!("insert into commissioning (id, charge_point_id, installer_id, status, run_test_transaction,
                    notify_on_complete, checks, started_at_ms, completed_at_ms, leased_by, leased_until_ms)
                    values ('run_{number}', 'CP-1', 'acc_{number}', 'completed', (1 = 0), (1 = 0), '[]', {at}, {after},
                    '', 0)"),
                format!("insert into commissioning_entry (commissioning_id, number, at_ms, entry)
                    values ('run_{number}', 1, 0, 'e')"),
            ] {
                rig.execute(&text).await;
            }
        }
        hand.forward(1_099 * DAY_MS + 1);
        for (table, left) in [
            ("invitation", 3),
            ("certificate", 1),
            ("webhook", 1),
            ("outbox", 3),
            ("idempotent_answer", 1),
            ("guest_session", 1),
            ("commissioning_entry", 1),
            ("commissioning", 1),
        ] {
            until(&rig, table, |rows| rows == left).await;
        }
        // A last run stays, however old it becomes.
        hand.forward(3_000 * DAY_MS);
        until(&rig, "certificate", |rows| rows == 0).await;
        until(&rig, "outbox", |rows| rows == 0).await;
        assert_eq!(count(rig.database(), "commissioning").await, 1);
        assert_eq!(count(rig.database(), "invitation").await, 2);
    }
}
