//! The binary `dynamo`: arguments, logs, signals and exit codes. The work is done by the crates behind it.

mod demo;

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::{ArgAction, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::Level;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

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
    Conformance(Box<dynamo_conformance::Args>),
    /// Runs the charge station management system: REST API and OCPP-J server
    Csms(Box<dynamo_csms::Args>),
    /// Runs a virtual fleet against any CSMS
    Simulator(Box<dynamo_simulator::Args>),
}

/// Exit codes: 0 all is well, 1 the verdict is bad, 2 it could not be tried.
const VERDICT_BAD: u8 = 1;

/// Nothing failed, and something was left out.
const INCOMPLETE: u8 = 3;
const NOT_TRIED: u8 = 2;

fn main() -> ExitCode {
    end_quietly_without_a_reader();
    let ended = match read_arguments() {
        Ok(cli) => start(cli),
        Err(error) => match error.downcast::<clap::Error>() {
            Ok(error) => answer_usage(&error),
            Err(error) => Err(error),
        },
    };
    ended.unwrap_or_else(|error| {
        say("error", &format!("{error:#}"));
        ExitCode::from(NOT_TRIED)
    })
}

fn read_arguments() -> anyhow::Result<Cli> {
    let mut command = strict_about_truth(Cli::command());
    let mut matches = command.clone().try_get_matches()?;
    let config = matches
        .subcommand_matches("csms")
        .filter(|csms| csms.subcommand_name().is_none())
        .and_then(|csms| csms.get_one::<PathBuf>("config"));
    if let Some(path) = config {
        // What the file says is a default: flags and environment win over it.
        let path = path.clone();
        let mut told = Ok(());
        command = command.mut_subcommand("csms", |csms| {
            let (csms, result) = dynamo_csms::config::with_defaults(csms, &path);
            told = result;
            csms
        });
        told?;
        matches = command.try_get_matches()?;
    }
    Ok(Cli::from_arg_matches(&matches)?)
}

/// The environment has flags as words, and clap takes any word for true: `DYNAMO_CHECK=maybe` is a mistake here.
fn strict_about_truth(command: clap::Command) -> clap::Command {
    command
        .mut_args(|arg| match (arg.get_action(), arg.get_env()) {
            (ArgAction::SetTrue, Some(variable)) => {
                let variable = variable.to_string_lossy().into_owned();
                arg.value_parser(move |word: &str| truth(word, &variable))
            }
            _ => arg,
        })
        .mut_subcommands(strict_about_truth)
}

fn truth(word: &str, variable: &str) -> Result<bool, String> {
    match word.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" => Ok(true),
        // An empty variable is one that is not set.
        "false" | "0" | "no" | "" => Ok(false),
        _ => Err(format!("give {variable} true or false, 1 or 0, yes or no")),
    }
}

/// Help and version are results and belong to stdout; everything else is an error.
fn answer_usage(answer: &clap::Error) -> anyhow::Result<ExitCode> {
    match answer.print() {
        Err(error) if !answer.use_stderr() && error.kind() != io::ErrorKind::BrokenPipe => {
            Err(unwritable(&error))
        }
        _ => Ok(ExitCode::from(u8::try_from(answer.exit_code())?)),
    }
}

fn unwritable(error: &io::Error) -> anyhow::Error {
    anyhow::anyhow!("cannot write to stdout: {error}; send it where there is room")
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
    let ending = dynamo_simulator::Shutdown::default();
    let shutdown = ending.in_order.clone();
    let can_hurry = matches!(command, Command::Simulator(_));
    let hurry = can_hurry.then(|| ending.at_once.clone());
    tokio::spawn(cancel_on_signal(shutdown.clone(), hurry));
    Ok(match command {
        Command::Conformance(args) => match dynamo_conformance::run(*args, shutdown).await? {
            dynamo_conformance::Verdict::Passed => ExitCode::SUCCESS,
            dynamo_conformance::Verdict::Failed => ExitCode::from(VERDICT_BAD),
            dynamo_conformance::Verdict::Interrupted => {
                anyhow::bail!(
                    "the run was interrupted: scenarios that had not ended are `not run` in the report"
                )
            }
            dynamo_conformance::Verdict::Incomplete => {
                let _ = writeln!(
                    io::stderr(),
                    "incomplete: something that was selected was not run; give what it needs, or --allow-not-run"
                );
                ExitCode::from(INCOMPLETE)
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
                    use dynamo_csms::AdminError;
                    match dynamo_csms::admin_to(admin, &mut io::stdout()).await {
                        // Whoever reads a list has seen enough of it.
                        Err(AdminError::Output(error))
                            if error.kind() == io::ErrorKind::BrokenPipe => {}
                        Err(AdminError::Output(error)) => return Err(unwritable(&error)),
                        done => done?,
                    }
                }
                None if args.demo => demo::run(*args, shutdown).await?,
                None => dynamo_csms::run(*args, shutdown).await?,
            }
            ExitCode::SUCCESS
        }
        Command::Simulator(args) => match dynamo_simulator::run(*args, ending).await? {
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

/// Signals this close together are one: a wrapper passes on what the terminal has told us already.
const ONE_SIGNAL: Duration = Duration::from_millis(300);

/// The first Ctrl-C, SIGTERM or closed terminal asks for a clean end, the second one hurries whoever can be hurried, and
/// the next does not ask.
async fn cancel_on_signal(
    in_order: CancellationToken,
    at_once: Option<CancellationToken>,
) -> io::Result<()> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mut hang_up = match ignores_hang_up(&status) {
        false => Some(signal(SignalKind::hangup())?),
        true => None,
    };
    let mut last: Option<Instant> = None;
    loop {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            Some(()) = async { hang_up.as_mut()?.recv().await } => {}
        }
        let now = Instant::now();
        if last.is_some_and(|last| now - last < ONE_SIGNAL) {
            continue;
        }
        last = Some(now);
        match &at_once {
            _ if !in_order.is_cancelled() => in_order.cancel(),
            Some(at_once) if !at_once.is_cancelled() => at_once.cancel(),
            _ => {
                say("error", "ended at once by another signal");
                std::process::exit(i32::from(NOT_TRIED));
            }
        }
    }
}

/// Whether SIGHUP is among the signals that this status of a process says are ignored, as `nohup` has it. Where it does not
/// say, nothing is changed.
fn ignores_hang_up(status: &str) -> bool {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_none_or(|mask| mask & 1 != 0)
}

fn start_log(cli: &Cli) -> anyhow::Result<()> {
    let usual = match cli.command {
        Command::Csms(_) => "info",
        Command::Simulator(_) => "warn",
        // What the bundled CSMS complains of is what the scenarios do to it.
        Command::Conformance(_) => "warn,dynamo_csms=off",
    };
    let wanted = std::env::var("RUST_LOG").ok().filter(|w| !w.is_empty());
    let filter = EnvFilter::try_new(wanted.as_deref().unwrap_or(usual))
        .map_err(|error| anyhow::anyhow!("cannot read RUST_LOG: {error}"))?;
    // There it writes every frame, with the passwords that are given to charge points.
    let without_frames = filter_fn(|event| {
        *event.level() != Level::TRACE || !event.target().contains("tungstenite")
    });
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        // Where stderr is gone with its terminal, it would say so there, and panic.
        .log_internal_errors(false)
        .with_ansi(io::stderr().is_terminal());
    match cli.log_format {
        LogFormat::Text => log.finish().with(without_frames).init(),
        LogFormat::Json => log.json().finish().with(without_frames).init(),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closed_terminal_is_heard_unless_somebody_asked_not_to() {
        let status = |mask: &str| format!("Name:\tdynamo\nSigIgn:\t{mask}\nSigCgt:\t0\n");
        assert!(!ignores_hang_up(&status("0000000000001000")));
        assert!(ignores_hang_up(&status("0000000000001001")));
        assert!(ignores_hang_up("no such line"));
    }
}
