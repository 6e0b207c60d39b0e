//! Processes under test, and just enough HTTP to ask a CSMS what it knows.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::Value;

/// Longest time that a process may take to say what it is expected to say.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// The API key of every CSMS that is started here.
pub(crate) const API_KEY: &str = "key-of-the-test";

/// A child process whose output is read as it comes. Killed when dropped.
pub(crate) struct Process {
    child: Child,
    lines: Receiver<String>,
    errors: Arc<Mutex<String>>,
    error_reader: Option<JoinHandle<()>>,
}

/// What is left of a process.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: Vec<String>,
    pub(crate) stderr: String,
}

/// The binary under test with these arguments, and no flag of it set in the environment.
pub(crate) fn dynamo(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dynamo"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("DYNAMO_") {
            command.env_remove(name);
        }
    }
    command.env_remove("RUST_LOG").args(arguments);
    command
}

impl Process {
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
        let (sender, lines) = channel();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        let errors = Arc::new(Mutex::new(String::new()));
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let kept = Arc::clone(&errors);
        let error_reader = Some(std::thread::spawn(move || {
            let mut line = String::new();
            while stderr.read_line(&mut line).is_ok_and(|length| length > 0) {
                kept.lock().unwrap().push_str(&line);
                line.clear();
            }
        }));
        Self {
            child,
            lines,
            errors,
            error_reader,
        }
    }

    /// The next line of stdout for which `wanted` has an answer; others before it are passed over.
    pub(crate) fn line<T>(&self, what: &str, wanted: impl Fn(&str) -> Option<T>) -> T {
        let until = Instant::now() + PATIENCE;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(left) {
                Ok(line) => {
                    if let Some(found) = wanted(&line) {
                        return found;
                    }
                }
                Err(error) => panic!("no {what} ({error}); stderr:\n{}", self.errors()),
            }
        }
    }

    /// The next line of stdout that is a JSON object with this member; gives the member.
    pub(crate) fn fact(&self, name: &str) -> Value {
        self.line(name, |line| {
            serde_json::from_str::<Value>(line)
                .ok()?
                .get_mut(name)
                .map(Value::take)
        })
    }

    /// The first line of stderr for which `wanted` has an answer.
    pub(crate) fn error<T>(&self, what: &str, wanted: impl Fn(&str) -> Option<T>) -> T {
        let until = Instant::now() + PATIENCE;
        while Instant::now() < until {
            if let Some(found) = self.errors().lines().find_map(&wanted) {
                return found;
            }
            std::thread::yield_now();
        }
        panic!("no {what}; stderr:\n{}", self.errors())
    }

    /// What was written to stderr so far.
    pub(crate) fn errors(&self) -> String {
        self.errors.lock().unwrap().clone()
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// `kill -9`: nothing is written, nothing is closed.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM.
    pub(crate) fn terminate(&self) {
        self.signal("-TERM");
    }

    /// Any signal, as `kill` writes it: `-STOP`.
    pub(crate) fn signal(&self, signal: &str) {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args([signal, &id]).status().unwrap();
        assert!(sent.success(), "cannot send {signal} to process {id}");
    }

    /// Closes standard input, which some wait for.
    pub(crate) fn close_stdin(&mut self) {
        drop(self.child.stdin.take());
    }

    /// Waits for the end.
    pub(crate) fn end(mut self, within: Duration) -> Ended {
        let until = Instant::now() + within;
        let mut stdout = Vec::new();
        loop {
            match self
                .lines
                .recv_timeout(until.saturating_duration_since(Instant::now()))
            {
                Ok(line) => stdout.push(line),
                // Its stdout is closed: it has ended, or is about to.
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {
                    panic!(
                        "it does not end within {within:?}; stderr:\n{}",
                        self.errors()
                    )
                }
            }
        }
        let status = self.child.wait().unwrap();
        self.error_reader.take().unwrap().join().unwrap();
        Ended {
            status,
            stdout,
            stderr: self.errors(),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A running `dynamo csms`.
pub(crate) struct Csms {
    pub(crate) process: Process,
    /// `127.0.0.1:port` of the REST API.
    pub(crate) http: String,
    /// `127.0.0.1:port` of the OCPP-J listener.
    pub(crate) ocpp: String,
}

impl Csms {
    /// On free ports.
    pub(crate) fn start(database: &str) -> Self {
        Self::start_at(database, "127.0.0.1:0", "127.0.0.1:0", &[])
    }

    /// At these addresses, with these arguments more.
    pub(crate) fn start_at(database: &str, http: &str, ocpp: &str, more: &[&str]) -> Self {
        let usual = [
            "--http",
            http,
            "--ocpp",
            ocpp,
            "--database",
            database,
            "--accept-unknown",
        ];
        Self::with_arguments(&[&usual, more].concat())
    }

    /// On free ports, with these arguments more.
    pub(crate) fn with(database: &str, more: &[&str]) -> Self {
        let free = [
            "--http",
            "127.0.0.1:0",
            "--ocpp",
            "127.0.0.1:0",
            "--database",
            database,
        ];
        Self::with_arguments(&[&free, more].concat())
    }

    fn with_arguments(arguments: &[&str]) -> Self {
        let process = Process::start(&mut dynamo(
            &[
                &[
                    "csms",
                    "--api-key",
                    API_KEY,
                    "--webhooks-to-private-networks",
                ],
                arguments,
            ]
            .concat(),
        ));
        Self::ready(process)
    }

    /// One that is about to be ready.
    pub(crate) fn ready(process: Process) -> Self {
        let ready = process.line("ready line", |line| {
            line.strip_prefix("ready ").map(str::to_owned)
        });
        let address = |name: &str| {
            ready
                .split(' ')
                .find_map(|part| part.strip_prefix(name))
                .unwrap_or_else(|| panic!("no {name} in the ready line: {ready}"))
                .to_owned()
        };
        Self {
            http: address("http=http://"),
            ocpp: address("ocpp=ws://"),
            process,
        }
    }

    /// The URL that charge points are given.
    pub(crate) fn url(&self) -> String {
        format!("ws://{}/ocpp16", self.ocpp)
    }

    pub(crate) fn get(&self, path: &str) -> Value {
        let (status, body) = self.request("GET", path, "");
        assert_eq!(status, 200, "GET {path}: {body}");
        body
    }

    /// Has a command sent to a charge point; gives what the charge point answered.
    pub(crate) fn command(&self, charge_point_id: &str, command: &str, payload: &Value) -> Value {
        let body = serde_json::json!({
            "charge_point_id": charge_point_id, "command": command, "payload": payload,
        });
        let path = "/api/v1/ocpp16/send_command";
        let (status, answer) = self.request("POST", path, &body.to_string());
        assert_eq!(status, 200, "{command}: {answer}");
        answer["response"].clone()
    }

    /// One exchange on a connection of its own.
    pub(crate) fn request(&self, method: &str, path: &str, body: &str) -> (u16, Value) {
        self.request_with(API_KEY, method, path, body)
    }

    /// The same with another key or token.
    pub(crate) fn request_as(
        &self,
        authorization: &str,
        method: &str,
        path: &str,
        body: &str,
    ) -> (u16, Value) {
        ask_as(&self.http, authorization, method, path, body)
            .unwrap_or_else(|error| panic!("{method} {path}: {error}; {}", self.process.errors()))
    }

    pub(crate) fn request_with(
        &self,
        token: &str,
        method: &str,
        path: &str,
        body: &str,
    ) -> (u16, Value) {
        ask(&self.http, token, method, path, body)
            .unwrap_or_else(|error| panic!("{method} {path}: {error}; {}", self.process.errors()))
    }

    /// Every transaction it knows, finished or not.
    pub(crate) fn transactions(&self) -> Vec<Value> {
        let mut all = Vec::new();
        for page in 1.. {
            let path = format!("/api/v1/ocpp16/transactions?page={page}&per_page=1000");
            let mut answer = self.get(&path);
            let Value::Array(part) = answer["transactions"].take() else {
                panic!("no list of transactions: {answer}")
            };
            let last = part.is_empty();
            all.extend(part);
            if last || answer["total"].as_u64() <= Some(all.len() as u64) {
                break;
            }
        }
        all
    }

    /// How many transactions it knows.
    pub(crate) fn transactions_total(&self) -> u64 {
        let answer = self.get("/api/v1/ocpp16/transactions?page=1&per_page=1");
        answer["total"].as_u64().expect("a total")
    }
}

/// One exchange with the REST API at an address; HTTP/1.0, so the answer ends with the connection.
pub(crate) fn ask(
    http: &str,
    token: &str,
    method: &str,
    path: &str,
    body: &str,
) -> std::io::Result<(u16, Value)> {
    ask_as(http, &format!("Bearer {token}"), method, path, body)
}

/// The same with this value of the header `Authorization`.
pub(crate) fn ask_as(
    http: &str,
    authorization: &str,
    method: &str,
    path: &str,
    body: &str,
) -> std::io::Result<(u16, Value)> {
    let mut stream = TcpStream::connect(http)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let length = body.len();
    write!(
        stream,
        "{method} {path} HTTP/1.0\r\nHost: {http}\r\nAuthorization: {authorization}\r\n\
         Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}",
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").expect("an HTTP answer");
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok());
    let body = serde_json::from_str(body).unwrap_or_else(|_| Value::from(body));
    Ok((status.expect("an HTTP status"), body))
}

/// What a test needs from outside; prints why it is skipped, or fails where skipping is a failure.
pub(crate) fn given(variable: &str, what: &str) -> Option<String> {
    if let Ok(value) = std::env::var(variable) {
        return Some(value);
    }
    let skipped = format!("set {variable} to {what}");
    assert!(
        std::env::var("DYNAMO_TEST_NO_SKIP").as_deref() != Ok("1"),
        "{skipped}"
    );
    println!("skipped: {skipped}");
    None
}

/// A number from the environment, for runs by hand that are larger than those of every day.
pub(crate) fn number(variable: &str, usual: u64) -> u64 {
    std::env::var(variable).map_or(usual, |text| {
        text.parse()
            .unwrap_or_else(|_| panic!("{variable} is no number: {text}"))
    })
}

/// Asks again and again until the condition holds.
pub(crate) fn wait_until(what: &str, within: Duration, mut condition: impl FnMut() -> bool) {
    let until = Instant::now() + within;
    while !condition() {
        assert!(Instant::now() < until, "not within {within:?}: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}
