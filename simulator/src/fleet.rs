//! A fleet from its first charge point's start to its verdict.

mod ending;
mod losses;

use std::collections::HashMap;
use std::io::IsTerminal as _;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use dynamo_protocol::time;
use indicatif::{ProgressBar, ProgressStyle};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::{self, JoinSet};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::control::{self, Operated};
use crate::driver::{Clock, Controls, Job, Observer, drive, unix_now_ms};
use crate::figures::{ChargePoints, Connections, DoubledId, Frames, Transactions};
use crate::ledger::{Ledger, LedgerLine};
use crate::output::{print, tell};
use crate::plan::Plan;
use crate::report::{self, Ended, Report, ReportVerdict, summary};
use crate::tally::Tally;
use crate::thresholds::Counted;
use crate::{InputError, Shutdown, Verdict};

use losses::Losses;

/// How long a fleet tries before it says that nobody is there.
const FIRST_CONNECTION_WITHIN: Duration = Duration::from_secs(10);
/// File descriptors that are not sockets of charge points.
const DESCRIPTORS_SPARE: u64 = 64;
/// Between two lines of progress where no terminal is.
const PROGRESS_LINE_EVERY: Duration = Duration::from_secs(10);
const PROGRESS_BAR_EVERY: Duration = Duration::from_millis(250);

/// Runs the plan until its time is over or `shutdown` says so.
pub(crate) async fn run(plan: Plan, shutdown: Shutdown) -> Result<Verdict, InputError> {
    ensure_descriptors(plan.count)?;
    for (_, path) in &plan.reports {
        report::ensure_writable(path)?;
    }
    let ledger = plan.ledger.as_deref().map(Ledger::create).transpose()?;
    let control = match plan.control {
        Some(address) => Some(Control::listen(address).await?),
        None => None,
    };
    let mut fleet = Fleet::new(plan);
    fleet.lines = ledger.as_ref().map(Ledger::lines);
    fleet.operated = control.as_ref().map(|control| control.operated.clone());
    let ended = fleet.live(control.as_ref(), &shutdown.in_order).await;
    fleet.lived = fleet.started.elapsed();
    let ended = match ended {
        Some(ended) => fleet.wind_up(ended, &shutdown).await,
        None => {
            fleet.at_once.cancel();
            fleet.wind_up(Ended::Duration, &shutdown).await;
            return Err(fleet.nobody_there());
        }
    };
    if let Some(control) = control {
        control.close().await;
    }
    fleet.lines = None;
    let ledger = match ledger {
        Some(ledger) => ledger.finish().await,
        None => Ok(()),
    };
    let nobody_came = fleet.tally.connections_opened.load(Relaxed) == 0;
    if ended == Ended::Duration && nobody_came {
        return Err(fleet.nobody_there());
    }
    fleet.verdict(ended, ledger)
}

struct Fleet {
    plan: Plan,
    tally: Arc<Tally>,
    end: CancellationToken,
    /// Whoever has not ended by then does.
    at_once: CancellationToken,
    lines: Option<mpsc::Sender<LedgerLine>>,
    operated: Option<Operated>,
    tasks: JoinSet<()>,
    /// Which charge point a task is.
    numbers: HashMap<task::Id, u32>,
    /// Of the charge points that did not live until the end.
    losses: Losses,
    started: Instant,
    started_at: String,
    /// From the start to the end of its time, or to the signal.
    lived: Duration,
}

impl Fleet {
    /// One of which no charge point is started yet.
    fn new(plan: Plan) -> Self {
        Self {
            tally: Arc::default(),
            end: CancellationToken::new(),
            at_once: CancellationToken::new(),
            lines: None,
            operated: None,
            tasks: JoinSet::new(),
            numbers: HashMap::new(),
            losses: Losses::default(),
            started: Instant::now(),
            started_at: time::text(unix_now_ms()),
            lived: Duration::ZERO,
            plan,
        }
    }

    /// How it ended; `None` when nobody could connect.
    async fn live(
        &mut self,
        control: Option<&Control>,
        shutdown: &CancellationToken,
    ) -> Option<Ended> {
        let tally = Arc::clone(&self.tally);
        let progress = Progress::new(&self.plan, self.started);
        let ended = tokio::select! {
            ended = self.launch_and_wait(control) => Some(ended),
            () = shutdown.cancelled() => Some(Ended::Stopped),
            () = nobody_connects(&tally) => None,
            never = progress.show(&tally) => Some(never),
        };
        progress.clear();
        ended
    }

    /// Starts charge point after charge point, each at its place in the ramp, then waits for the end.
    async fn launch_and_wait(&mut self, control: Option<&Control>) -> Ended {
        let ends_at = self.plan.duration.map(|duration| self.started + duration);
        let all = async {
            for number in 1..=self.plan.count {
                // By schedule, not by pauses: what one start took too long is not added to all that follow.
                tokio::time::sleep_until(self.started + self.plan.offset(number)).await;
                self.start(number);
                // Charge points that are not started yet are unknown to the operator's API until they are.
                if let Some(control) = control.filter(|_| number == 1) {
                    control.say_ready();
                }
            }
        };
        match ends_at {
            Some(ends_at) => {
                if tokio::time::timeout_at(ends_at, all).await.is_err() {
                    tracing::warn!("the time was over before every charge point was started");
                }
            }
            None => all.await,
        }
        match ends_at {
            Some(ends_at) => tokio::time::sleep_until(ends_at).await,
            None => std::future::pending().await,
        }
        Ended::Duration
    }

    fn start(&mut self, number: u32) {
        let plan = &self.plan;
        let index = number as usize - 1;
        let id = plan.id(number);
        let seed = plan.seed(number);
        let (mut mailbox, mut published) = (None, None);
        if let Some(operated) = &self.operated {
            let (controls, mails) = Controls::new(&plan.hardware, &plan.setup, seed);
            (mailbox, published) = (Some(mails), Some(controls.published()));
            operated.add(id.clone(), controls);
        }
        let task = self.tasks.spawn(drive(Job {
            id,
            csms_url: Arc::clone(&plan.csms),
            password: plan.password.clone(),
            tls: plan.tls.as_ref().map(|tls| tls.of(index)),
            hardware: Arc::clone(&plan.hardware),
            setup: Arc::clone(&plan.setup),
            seed,
            clock: Clock::Real { speed: plan.speed },
            end: self.end.clone(),
            at_once: self.at_once.clone(),
            grace: ending::GRACE,
            mailbox,
            published,
            visitor: Some(plan.visitor(number)),
            observer: Some(Observer {
                tally: Arc::clone(&self.tally),
                index,
                ledger: self.lines.clone(),
            }),
        }));
        self.numbers.insert(task.id(), number);
    }

    /// How long charge points tried to connect before the run was given up.
    fn waited(&self) -> Duration {
        FIRST_CONNECTION_WITHIN.min(self.plan.duration.unwrap_or(Duration::MAX))
    }

    fn nobody_there(&self) -> InputError {
        let cause = self.tally.connection_failures().into_iter().next();
        let cause = cause.map_or("no answer".into(), |failure| failure.reason);
        InputError::new(format!(
            "no charge point could connect to {} within {:.0} s: {cause}; check --csms and that the CSMS is running and \
             knows {}",
            self.plan.csms,
            self.waited().as_secs_f64(),
            self.plan.id(1),
        ))
    }

    /// Writes the reports and the summary, and judges. Whatever cannot be written, the rest is.
    fn verdict(&self, ended: Ended, ledger: Result<(), InputError>) -> Result<Verdict, InputError> {
        let report = self.report(ended);
        let written = self.plan.reports.iter();
        let written = written.map(|(format, path)| report.write(*format, path));
        let mut failures: Vec<InputError> =
            written.chain([ledger]).filter_map(Result::err).collect();
        failures.extend(print(&summary(&report)).err());
        for warning in report.warnings() {
            tell(&format!("warning: {warning}"));
        }
        if ended == Ended::CutOff {
            failures.push(InputError::new(
                "the run was ended at once by a second signal: sessions were left as they were; the summary and the \
                 reports hold what was known by then",
            ));
        }
        let failed: Vec<String> = report
            .thresholds
            .iter()
            .filter(|judged| !judged.ok)
            .map(|judged| judged.sentence())
            .collect();
        if !failures.is_empty() {
            // The summary may not have reached anybody.
            for sentence in &failed {
                tell(&format!("not held: {sentence}"));
            }
            if failed.is_empty() {
                tell(&format!("all {} thresholds held", report.thresholds.len()));
            }
            let sentences: Vec<String> = failures.iter().map(ToString::to_string).collect();
            return Err(InputError::new(sentences.join("; also: ")));
        }
        Ok(if failed.is_empty() {
            Verdict::Held
        } else {
            Verdict::NotHeld(failed)
        })
    }

    fn report(&self, ended: Ended) -> Report {
        let (plan, tally) = (&self.plan, &self.tally);
        let charge_points = ChargePoints {
            planned: plan.count.into(),
            connected: tally.connected.load(Relaxed),
            accepted: tally.accepted.load(Relaxed),
            sessions_due: plan.sessions_due(self.lived),
            sessions_refused: tally.charge_points_refused.load(Relaxed),
            energy_due: plan.energy_due(self.lived),
            offline_at_end: tally.offline_at_end.load(Relaxed),
            lost: self.losses.count,
            losses: self.losses.named.clone(),
        };
        let (ids_doubled, doubled_ids) = self.doubled_ids();
        let transactions = Transactions {
            started: tally.transactions_started.load(Relaxed),
            stopped: tally.transactions_stopped.load(Relaxed),
            energy_wh: tally.energy_wh.load(Relaxed),
            sessions_refused: tally.sessions_refused.load(Relaxed),
            ids_doubled,
            doubled_ids,
            undelivered_messages: tally.undelivered_messages.load(Relaxed),
            undelivered_charge_points: tally.undelivered_charge_points.load(Relaxed),
            readings_thinned: tally.readings_thinned.load(Relaxed),
        };
        let connections = Connections {
            opened: tally.connections_opened.load(Relaxed),
            lost: tally.connections_lost.load(Relaxed),
            reopened: tally.connections_reopened.load(Relaxed),
            failed: tally.connections_failed.load(Relaxed),
            failures: tally.connection_failures(),
        };
        let calls = tally.calls();
        let thresholds = plan.thresholds.judge(Counted {
            charge_points: &charge_points,
            calls: &calls,
            transactions: &transactions,
            connections: &connections,
        });
        Report {
            name: plan.name.clone(),
            csms: plan.csms.to_string(),
            mode: if plan.speed == 1.0 { "real" } else { "scaled" },
            speed: plan.speed,
            seed: plan.seed,
            version: env!("CARGO_PKG_VERSION"),
            started_at: self.started_at.clone(),
            duration_s: self.started.elapsed().as_secs_f64(),
            sessions_wanted: plan.sessions.is_some(),
            charge_points,
            calls,
            transactions,
            connections,
            frames: Frames {
                refused: tally.frames_refused.load(Relaxed),
                stray: tally.frames_stray.load(Relaxed),
            },
            refused_id_tags: tally.refused_id_tags(),
            verdict: ReportVerdict::of(ended, &thresholds),
            ended,
            thresholds,
        }
    }
}

impl Fleet {
    /// How many transaction ids came again, and the first of them.
    fn doubled_ids(&self) -> (u64, Vec<DoubledId>) {
        let ids = self.tally.transaction_ids();
        let charge_point = |index: usize| self.plan.id(index as u32 + 1).to_string();
        let named = |(transaction_id, first, again): &(i64, usize, usize)| DoubledId {
            transaction_id: *transaction_id,
            charge_point_ids: [charge_point(*first), charge_point(*again)],
        };
        (ids.doubled, ids.named.iter().map(named).collect())
    }
}

/// Completes when the time for a first connection is over and there was none.
async fn nobody_connects(tally: &Tally) {
    tokio::time::sleep(FIRST_CONNECTION_WITHIN).await;
    if tally.connections_opened.load(Relaxed) > 0 {
        std::future::pending().await
    }
}

/// Raises the soft limit of open files as far as it goes; a fleet that does not fit is refused before it starts.
fn ensure_descriptors(count: u32) -> Result<(), InputError> {
    let wanted = u64::from(count) + DESCRIPTORS_SPARE;
    let limit = rlimit::increase_nofile_limit(
        wanted.max(rlimit::Resource::NOFILE.get_soft().unwrap_or(wanted)),
    );
    match limit {
        Ok(limit) if limit < wanted => Err(InputError::new(format!(
            "count {count} needs {wanted} open files, this process may have {limit}; raise the hard limit \
             (ulimit -Hn) or split the fleet over several processes with different --id-prefix"
        ))),
        // Where the limit cannot be read, the sockets will tell.
        _ => Ok(()),
    }
}

/// The operator's API while the fleet runs.
struct Control {
    address: std::net::SocketAddr,
    operated: Operated,
    stop: CancellationToken,
    server: task::JoinHandle<std::io::Result<()>>,
}

impl Control {
    async fn listen(address: std::net::SocketAddr) -> Result<Self, InputError> {
        let cannot = |error: std::io::Error| {
            InputError::new(format!(
                "cannot listen on {address}: {error}; give --control a free address, or port 0 for any"
            ))
        };
        let listener = TcpListener::bind(address).await.map_err(cannot)?;
        let address = listener.local_addr().map_err(cannot)?;
        let (operated, stop) = (Operated::default(), CancellationToken::new());
        let router = control::router(operated.clone());
        let stopped = stop.clone().cancelled_owned();
        let serve = async move {
            axum::serve(listener, router)
                .with_graceful_shutdown(stopped)
                .await
        };
        Ok(Self {
            address,
            operated,
            stop,
            server: tokio::spawn(serve),
        })
    }

    fn say_ready(&self) {
        // Where this cannot be written, neither can the summary, which then is the error.
        let _ = print(&format!("ready control=http://{}\n", self.address));
    }

    async fn close(self) {
        self.stop.cancel();
        // A client that keeps its connection open does not keep the run from ending.
        let _ = tokio::time::timeout(Duration::from_secs(1), self.server).await;
    }
}

/// What a person sees while it runs.
struct Progress {
    bar: Option<ProgressBar>,
    planned: u32,
    started: Instant,
}

impl Progress {
    fn new(plan: &Plan, started: Instant) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = match plan.duration {
                Some(duration) => ProgressBar::new(duration.as_secs()),
                None => ProgressBar::no_length(),
            };
            let style = ProgressStyle::with_template("{elapsed_precise} {wide_bar} {msg}");
            bar.with_style(style.expect("the template is well formed"))
        });
        Self {
            bar,
            planned: plan.count,
            started,
        }
    }

    /// Never ends by itself.
    async fn show(&self, tally: &Tally) -> Ended {
        let every = match self.bar {
            Some(_) => PROGRESS_BAR_EVERY,
            None => PROGRESS_LINE_EVERY,
        };
        loop {
            tokio::time::sleep(every).await;
            let planned = self.planned;
            let online = tally.online.load(Relaxed);
            let accepted = tally.accepted.load(Relaxed);
            let calls = tally.calls_ended();
            match &self.bar {
                Some(bar) => {
                    bar.set_position(self.started.elapsed().as_secs());
                    bar.set_message(format!(
                        "{online} of {planned} online, {accepted} accepted, {calls} calls"
                    ));
                }
                None => tracing::info!(planned, online, accepted, calls, "running"),
            }
        }
    }

    fn clear(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
