//! `dynamo csms --demo`: the CSMS with the data of the API's examples, and simulated charge points behind it in the
//! same process. They meet on the wire, as everywhere.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context as _;
use dynamo_csms::demo::Station as Wanted;
use dynamo_csms::domain::command::{Command, Message, Target};
use dynamo_csms::{Args, Csms, reachable};
use dynamo_protocol::ChargePointId;
use dynamo_simulator::charge_point::{self, Hardware, Resumed, Setup};
use dynamo_simulator::{Clock, Handle, Station};
use tokio_util::sync::CancellationToken;

/// How long the charge points may take until they stand as the data says.
const READY_WITHIN: Duration = Duration::from_secs(30);
/// A car with an empty battery of 100 kWh that takes 3.7 kW: it charges for a day.
const PATIENT_CAR: u64 = 70 << 16;

/// Serves until the token is cancelled.
pub(crate) async fn run(mut args: Args, shutdown: CancellationToken) -> anyhow::Result<()> {
    // Gone when this returns.
    let folder = tempfile::tempdir().context("cannot make a temporary folder for --demo")?;
    if args.database.is_none() {
        args.database = Some(format!("sqlite://{}/demo.db", folder.path().display()));
    }
    // Who tries webhooks with a demo has the receiver beside it.
    args.webhooks_to_private_networks = true;
    let csms = dynamo_csms::open(&args).await?;
    let address = reachable(csms.ocpp_addr());
    let stations = csms.stations().iter().zip(0..);
    let stations: anyhow::Result<Vec<(Handle, Wanted)>> = stations
        .map(|(wanted, number)| Ok((start(wanted, address, number)?, wanted.clone())))
        .collect();
    let stations = stations?;
    let ready = async {
        for (station, wanted) in &stations {
            stand(station, wanted).await?;
            beat(&csms, station, wanted).await?;
        }
        anyhow::Ok(())
    };
    let ended = tokio::select! {
        ready = tokio::time::timeout(READY_WITHIN, ready) => match ready {
            Ok(Ok(())) => {
                dynamo_csms::announce(&csms);
                shutdown.cancelled().await;
                Ok(())
            }
            Ok(Err(error)) => Err(error),
            Err(_) => Err(anyhow::anyhow!(
                "the simulated charge points of --demo were not accepted at ws://{address} within {} s; \
                 RUST_LOG=debug says why",
                READY_WITHIN.as_secs()
            )),
        },
        () = shutdown.cancelled() => Ok(()),
    };
    for (station, _) in stations {
        station.stop().await;
    }
    csms.shutdown().await;
    ended
}

fn start(wanted: &Wanted, address: SocketAddr, number: u64) -> anyhow::Result<Handle> {
    let mut setup = Setup::default();
    // Whoever goes through the examples in a row has done so before a restart begins, and the restart is short.
    setup.linger_ms = 3_000;
    setup.boot_ms = 1;
    setup.reconnect_min_ms = 1;
    setup.reconnect_max_ms = 1_000;
    for (key, value) in [
        ("MeterValueSampleInterval", "30"),
        ("HeartbeatInterval", "30"),
    ] {
        setup.configure(key, value)?;
    }
    for running in &wanted.running {
        setup.resumed.push(Resumed {
            connector_id: u32::try_from(running.connector_id)?,
            transaction_id: running.transaction_id,
            id_tag: running.id_tag.clone(),
            started_at_ms: running.started_at_ms,
            meter_start_wh: running.meter_start_wh,
            meter_wh: running.meter_wh,
            car: PATIENT_CAR,
        });
    }
    Ok(dynamo_simulator::spawn(Station {
        id: ChargePointId::new(wanted.id)?,
        csms_url: format!("ws://{address}/ocpp16"),
        password: None,
        tls: None,
        hardware: Hardware {
            connectors: wanted.connectors,
            max_power_w: wanted.max_power_w,
            vendor: wanted.vendor.to_owned(),
            model: wanted.model.to_owned(),
            serial_number: Some(wanted.serial_number.to_owned()),
            reservation: true,
            smart_charging: true,
            ..Hardware::default()
        },
        setup,
        seed: number,
        clock: Clock::Real { speed: 1.0 },
    }))
}

/// Waits until a charge point is accepted, brings it into the state it belongs in, and waits until the CSMS has heard
/// of all of it.
async fn stand(station: &Handle, wanted: &Wanted) -> anyhow::Result<()> {
    if let Some(connector_id) = wanted.waiting_car {
        station
            .operate(charge_point::Action::PlugIn { connector_id })
            .await?;
    }
    if let Some((connector_id, error_code)) = wanted.fault {
        let error_code = error_code.to_owned();
        let fault = charge_point::Action::RaiseFault {
            connector_id,
            error_code,
        };
        station.operate(fault).await?;
    }
    settled(station, 0).await
}

/// The first heartbeat is due after minutes only, and people look at it.
async fn beat(csms: &Csms, station: &Handle, wanted: &Wanted) -> anyhow::Result<()> {
    let before = station.activity().borrow().frames_out;
    let id = ChargePointId::new(wanted.id)?;
    let trigger = Command::Trigger {
        message: Message::Heartbeat,
        target: Target::Station,
    };
    let answered = csms.send(&id, &trigger).await?;
    answered.map_err(|failure| anyhow::anyhow!("{id} gave no heartbeat: {failure:?}"))?;
    // Its answer, and the heartbeat.
    settled(station, before + 2).await
}

/// Waits until the charge point has written so many frames and has nothing more to say.
async fn settled(station: &Handle, frames_out: u64) -> anyhow::Result<()> {
    let mut activity = station.activity();
    loop {
        let now = *activity.borrow_and_update();
        let seen = station.snapshot();
        let is_there = now.connected && seen.accepted && now.frames_out >= frames_out;
        if is_there && now.quiet && seen.queued == 0 {
            return Ok(());
        }
        activity.changed().await?;
    }
}
