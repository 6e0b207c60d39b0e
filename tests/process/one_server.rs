//! One server on one SQLite file, and what is left when it dies.

use std::time::Duration;

use crate::support::{API_KEY, Csms, Ended, PATIENCE, Process, dynamo};

fn second(database: &str) -> Ended {
    let arguments = [
        "csms",
        "--api-key",
        API_KEY,
        "--http",
        "127.0.0.1:0",
        "--ocpp",
        "127.0.0.1:0",
        "--database",
        database,
    ];
    Process::start(&mut dynamo(&arguments)).end(Duration::from_secs(10))
}

/// It ends with exit code 2 and one line that has all these words.
fn is_refused(ended: &Ended, words: &[&str]) {
    assert_eq!(ended.status.code(), Some(2), "{}", ended.stderr);
    assert!(ended.stdout.is_empty(), "{:?}", ended.stdout);
    let lines: Vec<_> = ended.stderr.lines().collect();
    let [line] = lines[..] else {
        panic!("{}", ended.stderr)
    };
    assert!(line.starts_with("error: "), "{line}");
    for word in words {
        assert!(line.contains(word), "{word}: {line}");
    }
}

fn admin(arguments: &[&str]) -> Ended {
    let arguments = [&["csms", "admin"], arguments].concat();
    Process::start(&mut dynamo(&arguments)).end(PATIENCE)
}

#[test]
fn a_second_server_is_refused_until_the_first_has_ended_or_died() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.db");
    let database = format!("sqlite://{}", path.display());
    let mut first = Csms::start(&database);
    let process = format!("process {}", first.process.id());
    is_refused(&second(&database), &["another server", &process, &database]);
    let listed = admin(&["organization", "list", "--database", &database]);
    assert_eq!(listed.status.code(), Some(0), "{}", listed.stderr);
    assert_eq!(listed.stdout.len(), 1);
    let copy = folder.path().join("copy.db");
    let copied = admin(&["backup", copy.to_str().unwrap(), "--database", &database]);
    assert_eq!(copied.status.code(), Some(0), "{}", copied.stderr);
    assert!(copy.exists());

    first.process.kill();
    let next = Csms::start(&database);
    next.process.terminate();
    assert_eq!(next.process.end(PATIENCE).status.code(), Some(0));
    // The copy begins where it was taken.
    let copy = format!("sqlite://{}", copy.display());
    let restored = Csms::start(&copy);
    assert_eq!(restored.transactions_total(), 0);
}

#[test]
fn a_database_without_its_journal_is_not_served_as_a_new_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.db");
    let file = |ending: &str| folder.path().join(format!("x.db{ending}"));
    let database = format!("sqlite://{}", path.display());
    let mut first = Csms::start(&database);
    first.process.kill();
    let aside = folder.path().join("aside");
    std::fs::rename(file("-wal"), &aside).unwrap();
    std::fs::remove_file(file("-shm")).unwrap();
    is_refused(&second(&database), &["no tables", "x.db-wal", &database]);
    let refused = admin(&["organization", "list", "--database", &database]);
    is_refused(&refused, &["no tables", &database]);
    // The other way round.
    std::fs::rename(&aside, file("-wal")).unwrap();
    std::fs::rename(&path, &aside).unwrap();
    is_refused(&second(&database), &["is missing", "x.db-wal", &database]);
    std::fs::rename(&aside, &path).unwrap();
    let next = Csms::start(&database);
    next.process.terminate();
    assert_eq!(next.process.end(PATIENCE).status.code(), Some(0));
}
