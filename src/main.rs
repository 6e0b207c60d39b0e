//! The binary `dynamo`: arguments, logs, signals and exit codes. The work is done by the crates behind it.

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;

/// Proves charge points and charge station management systems right or wrong, over real sockets.
#[derive(Parser)]
#[command(name = "dynamo", version, propagate_version = true)]
struct Cli {
    /// How log lines on stderr are written; RUST_LOG says which
    #[arg(
        long,
        global = true,
        env = "DYNAMO_LOG_FORMAT",
        value_enum,
        default_value = "text"
    )]
    log_format: LogFormat,
    #[command(subcommand)]
    command: Command,
}

#[derive(Clone, Copy, ValueEnum)]
enum LogFormat {
    Text,
    Json,
}

#[derive(Subcommand)]
enum Command {
    /// Runs the Gherkin features against a CSMS and charge points, and gives the verdict
    Conformance(dynamo_conformance::Args),
    /// Runs the charge station management system: REST API and OCPP-J server
    Csms(dynamo_csms::Args),
    /// Runs a virtual fleet against any CSMS
    Simulator(dynamo_simulator::Args),
}

/// Exit codes: 0 all is well, 1 the verdict is bad, 2 it could not be tried.
const VERDICT_BAD: u8 = 1;
const NOT_TRIED: u8 = 2;

fn main() -> ExitCode {
    end_quietly_without_a_reader();
    let cli = Cli::parse();
    match start(cli) {
        Ok(code) => code,
        Err(error) => {
            say("error", &format!("{error:#}"));
            ExitCode::from(NOT_TRIED)
        }
    }
}

fn start(cli: Cli) -> anyhow::Result<ExitCode> {
    start_log(&cli)?;
    // A connection is an open file, and the soft limit is often 1024. What cannot be raised is not an error
    // yet: whoever runs out of files says so.
    let _ = rlimit::increase_nofile_limit(u64::MAX);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let ended = runtime.block_on(Box::pin(run(cli.command)));
    // Not dropped: that would wait for a person at the terminal who is never going to answer.
    runtime.shutdown_background();
    ended
}

async fn run(command: Command) -> anyhow::Result<ExitCode> {
    let shutdown = CancellationToken::new();
    tokio::spawn(cancel_on_signal(shutdown.clone()));
    Ok(match command {
        Command::Conformance(args) => match dynamo_conformance::run(args, shutdown).await? {
            dynamo_conformance::Verdict::Passed => ExitCode::SUCCESS,
            dynamo_conformance::Verdict::Failed => ExitCode::from(VERDICT_BAD),
            dynamo_conformance::Verdict::Interrupted => {
                anyhow::bail!(
                    "the run was interrupted: scenarios that had not ended are not in the report"
                )
            }
            dynamo_conformance::Verdict::NothingRan => {
                anyhow::bail!(
                    "nothing was tested: each scenario says in the report why it did not run"
                )
            }
        },
        Command::Csms(mut args) => {
            match args.command.take() {
                Some(dynamo_csms::Command::Admin(admin)) => {
                    let result = dynamo_csms::admin(admin).await?;
                    writeln!(io::stdout(), "{result}")?;
                }
                None => dynamo_csms::run(args, shutdown).await?,
            }
            ExitCode::SUCCESS
        }
        Command::Simulator(args) => match dynamo_simulator::run(args, shutdown).await? {
            dynamo_simulator::Verdict::Held => ExitCode::SUCCESS,
            dynamo_simulator::Verdict::NotHeld(thresholds) => {
                for threshold in thresholds {
                    say("not held", &threshold);
                }
                ExitCode::from(VERDICT_BAD)
            }
        },
    })
}

/// The first Ctrl-C or SIGTERM asks for a clean end, the second one does not ask.
async fn cancel_on_signal(shutdown: CancellationToken) -> io::Result<()> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    loop {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        if shutdown.is_cancelled() {
            std::process::exit(i32::from(NOT_TRIED));
        }
        shutdown.cancel();
    }
}

fn start_log(cli: &Cli) -> anyhow::Result<()> {
    let usual = match cli.command {
        Command::Csms(_) => "info",
        Command::Conformance(_) | Command::Simulator(_) => "warn",
    };
    let wanted = std::env::var("RUST_LOG").ok().filter(|w| !w.is_empty());
    let filter = EnvFilter::try_new(wanted.as_deref().unwrap_or(usual))
        .map_err(|error| anyhow::anyhow!("cannot read RUST_LOG: {error}"))?;
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal());
    match cli.log_format {
        LogFormat::Text => log.init(),
        LogFormat::Json => log.json().init(),
    }
    Ok(())
}

/// Whoever reads our results may leave early, as `head` does. `println!` takes that for a panic.
fn end_quietly_without_a_reader() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let said = panic.payload_as_str().unwrap_or_default();
        if said.starts_with("failed printing to stdout") {
            std::process::exit(i32::from(NOT_TRIED));
        }
        usual(panic);
    }));
}

/// One line on stderr. A closed stderr is not worth dying for.
fn say(what: &str, text: &str) {
    let _ = writeln!(io::stderr(), "{what}: {}", text.replace('\n', " "));
}
