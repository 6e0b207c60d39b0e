//! What hashing the passwords of a crowd costs.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{API_KEY, Csms, ask, wait_until};

/// As many as the line of those that wait takes.
const PEOPLE: usize = 60;
/// Far more than a server needs with those whose turn it is, two with 19 MiB each, and far less than all would.
const PEAK_MIB_MAX: u64 = 250;

#[cfg(target_os = "linux")]
fn peak_mib(csms: &Csms) -> u64 {
    let path = format!("/proc/{}/status", csms.process.id());
    let status = std::fs::read_to_string(path).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = peak.and_then(|peak| peak.trim().strip_suffix(" kB"));
    kib.unwrap().parse::<u64>().unwrap() / 1024
}

#[cfg(target_os = "linux")]
#[test]
fn a_crowd_that_signs_up_takes_its_turns_also_at_the_memory() {
    let folder = tempfile::tempdir().unwrap();
    let database = format!("sqlite://{}", folder.path().join("x.db").display());
    let csms = Csms::start(&database);
    let before = peak_mib(&csms);
    std::thread::scope(|scope| {
        for number in 0..PEOPLE {
            let http = csms.http.as_str();
            scope.spawn(move || {
                let email = format!("somebody-{number}@example.com");
                let password = "a-password-of-somebody";
                let new = json!({"name": "x", "email": email, "password": password});
                let post = |path: &str, body: &Value| {
                    ask(http, API_KEY, "POST", path, &body.to_string()).unwrap()
                };
                let (status, body) = post("/api/v1/installer/signup", &new);
                assert_eq!(status, 201, "{body}");
                let known = json!({"email": email, "password": password});
                // Its turn at a full line comes.
                wait_until("a token", Duration::from_secs(60), || {
                    let (status, body) = post("/api/v1/installer/login", &known);
                    assert!(matches!(status, 200 | 429), "{status}: {body}");
                    status == 200
                });
            });
        }
    });
    let peak = peak_mib(&csms);
    println!("{PEOPLE} people at once: {before} MiB before, {peak} MiB at most");
    assert!(peak < PEAK_MIB_MAX, "{peak} MiB");
}
