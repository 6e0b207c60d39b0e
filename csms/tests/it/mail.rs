//! Mail through a small SMTP server, and the outbox as an operator reads it.

use std::time::Duration;

use clap::Parser;
use dynamo_csms::{AdminArgs, MailSettings, admin};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::support::{KEY, PATIENCE, Rig, rig, rig_with};

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    admin: AdminArgs,
}

async fn outbox(rig: &Rig) -> Value {
    let database = format!("sqlite://{}/csms.db", rig.folder.path().display());
    let arguments = ["admin", "outbox", "list", "--database", &database];
    let text = admin(Cli::try_parse_from(arguments).unwrap().admin)
        .await
        .unwrap();
    serde_json::from_str(&text).unwrap()
}

/// Takes mail; refuses the first ones with a reason. The text of what was taken comes through the channel.
async fn smtp_server(refusals: usize) -> (String, mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("smtp://{}", listener.local_addr().unwrap());
    let (sender, taken) = mpsc::channel(8);
    tokio::spawn(async move {
        let mut refusals = refusals;
        while let Ok((stream, _)) = listener.accept().await {
            let refuse = refusals > 0;
            refusals = refusals.saturating_sub(1);
            if let Some(text) = take_mail(stream, refuse).await {
                sender.send(text).await.unwrap();
            }
        }
    });
    (url, taken)
}

async fn take_mail(stream: TcpStream, refuse: bool) -> Option<String> {
    let (reader, mut writer) = stream.into_split();
    let mut lines = BufReader::new(reader).lines();
    writer.write_all(b"220 test\r\n").await.unwrap();
    while let Some(line) = lines.next_line().await.unwrap() {
        let answer = match line.split(' ').next().unwrap() {
            "DATA" => {
                writer.write_all(b"354 go on\r\n").await.unwrap();
                let mut text = String::new();
                while let Some(line) = lines.next_line().await.unwrap() {
                    if line == "." {
                        writer.write_all(b"250 taken\r\n").await.unwrap();
                        return Some(text);
                    }
                    text += &line;
                    text.push('\n');
                }
                return None;
            }
            "RCPT" if line.contains("nobody@") => "550 5.1.1 no such user here\r\n",
            "MAIL" if refuse => "450 the box is full, come back later\r\n",
            _ => "250 fine\r\n",
        };
        writer.write_all(answer.as_bytes()).await.unwrap();
    }
    None
}

async fn post(rig: &Rig, recipient: &str, subject: &str, body: &str) {
    rig.csms.post_mail(recipient, subject, body).await.unwrap();
}

#[tokio::test]
async fn mail_that_is_refused_comes_later_and_says_what_it_says() {
    let (smtp_url, mut taken) = smtp_server(1).await;
    let rig = rig_with(|options| {
        options.mail = Some(MailSettings {
            smtp_url,
            from: "dynamo <noreply@example.com>".to_owned(),
        });
    })
    .await;
    post(
        &rig,
        "owner@example.com",
        "Your project",
        "Line one\nLine two: größer\n",
    )
    .await;
    let text = timeout(PATIENCE, taken.recv()).await.unwrap().unwrap();
    for word in [
        "From: dynamo <noreply@example.com>",
        "To: owner@example.com",
        "Subject: Your project",
        "Line one",
    ] {
        assert!(text.contains(word), "{text}");
    }
    let empty = async {
        while outbox(&rig).await["total"] != 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, empty).await.unwrap();
    // No address, never to be sent: it is given up at once, and kept.
    post(&rig, "nobody", "Lost", "x").await;
    let failed = async {
        loop {
            let letters = outbox(&rig).await["letters"].clone();
            if letters[0]["status"] == "failed" {
                return letters;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let letters = timeout(PATIENCE, failed).await.unwrap();
    assert_eq!(letters[0]["recipient"], "nobody");
    assert!(
        letters[0]["last_error"]
            .as_str()
            .unwrap()
            .contains("e-mail")
    );
    // So is what the mail server has no box for.
    post(&rig, "nobody@example.com", "Lost too", "x").await;
    let failed = async {
        loop {
            let letters = outbox(&rig).await["letters"].clone();
            if letters[1]["status"] == "failed" {
                return letters[1].clone();
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let letter = timeout(PATIENCE, failed).await.unwrap();
    assert_eq!(letter["attempts"], 1);
    let why = letter["last_error"].as_str().unwrap();
    assert!(why.contains("no such user"), "{why}");
}

#[tokio::test]
async fn without_smtp_mail_waits_to_be_read() {
    let rig = rig().await;
    post(
        &rig,
        "owner@example.com",
        "Your project",
        "https://example.com/accept",
    )
    .await;
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", gone.local_addr().unwrap());
    drop(gone);
    let hook = json!({"url": url, "events": ["charge_point.booted"]});
    let path = "/api/v1/webhooks";
    rig.request(reqwest::Method::POST, path, Some(hook), KEY)
        .await;
    rig.connect("CP-1").await.boot().await;
    let listed = async {
        loop {
            let listed = outbox(&rig).await;
            if listed["letters"][1]["attempts"].as_i64() > Some(0) {
                return listed;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let listed = timeout(PATIENCE, listed).await.unwrap();
    assert_eq!(listed["total"], 2);
    let (mail, hook) = (&listed["letters"][0], &listed["letters"][1]);
    assert_eq!(
        (&mail["kind"], &mail["status"]),
        (&json!("mail"), &json!("waiting"))
    );
    assert_eq!(mail["body"], "https://example.com/accept");
    assert_eq!(mail["attempts"], 0);
    assert_eq!(hook["recipient"], url);
    assert_eq!(hook["body"]["type"], "charge_point.booted");
    assert!(hook["last_error"].is_string() && hook["next_attempt_at"].is_string());
}

#[tokio::test]
async fn wrong_mail_settings_end_the_start() {
    let folder = tempfile::tempdir().unwrap();
    for (smtp_url, from, named) in [
        ("http://x", "a@example.com", "--smtp-url"),
        ("smtp://u:hidden@x", "a@example.com", "--smtp-url"),
        ("smtps://u:hidden@x", "", "--mail-from"),
        ("smtps://u:hidden@x", "nobody", "--mail-from"),
        ("u:hidden", "a@example.com", "--smtp-url"),
    ] {
        let mut options = crate::support::options(&folder);
        options.mail = Some(MailSettings {
            smtp_url: smtp_url.to_owned(),
            from: from.to_owned(),
        });
        let error = match dynamo_csms::start(options).await {
            Ok(_) => panic!("{smtp_url} {from} was taken"),
            Err(error) => error.to_string(),
        };
        assert!(
            error.contains(named) && !error.contains("hidden"),
            "{error}"
        );
        assert!(!error.contains('\n'), "{error}");
    }
}

#[tokio::test]
async fn mails_of_a_day_are_bounded_for_each_address_and_in_all() {
    for rig in crate::databases::rigs().await {
        let count = async |rig: &Rig, address: &str| {
            let mails = rig.csms.store().waiting_mail(address).await;
            mails.unwrap().len()
        };
        for number in 0..60 {
            // However the address is written.
            let address = ["a@example.com", "A@Example.com"][number % 2];
            post(&rig, address, "s", "b").await;
        }
        assert_eq!(count(&rig, "a@example.com").await, 50);
        post(&rig, "b@example.com", "s", "b").await;
        assert_eq!(count(&rig, "b@example.com").await, 1);
        // As if this server had sent nearly all that it may send today.
        rig.execute(
            "insert into outbox (kind, recipient, lane, subject, body, created_at_ms, due_at_ms, attempts,
                 leased_until_ms)
             with recursive n (i) as (select 1 union all select i + 1 from n where i < 4948)
             select 'mail', 'c' || i, 'mail/c' || i, 's', 'b', o.created_at_ms, o.due_at_ms, 0, 0
             from n join outbox o on o.recipient = 'b@example.com'",
        )
        .await;
        for _ in 0..2 {
            post(&rig, "d@example.com", "s", "b").await;
        }
        assert_eq!(count(&rig, "d@example.com").await, 1);
    }
}

#[tokio::test]
async fn who_has_an_account_is_learnt_slowly() {
    let rig = rig().await;
    rig.installer("ada@example.com").await;
    let ask = async |email: &str| {
        let who = json!({"name": "X", "email": email, "password": "s3cur3P@ssword!"});
        let sign_up = "/api/v1/installer/signup";
        let answer = rig.request(reqwest::Method::POST, sign_up, Some(who), "");
        answer.await.0.as_u16()
    };
    for _ in 0..100 {
        assert_eq!(ask("Ada@example.com").await, 409);
    }
    assert_eq!(ask("Ada@example.com").await, 429);
    assert_eq!(ask("new@example.com").await, 429);
}
