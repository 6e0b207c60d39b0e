//! Sends one mail through SMTP.

use std::time::Duration;

use lettre::message::Mailbox;
use lettre::message::header::ContentType;
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor};
use tokio::time::timeout;

use super::webhook::said;
use crate::address::is_loopback;
use crate::domain::attempt::Attempt;
use crate::options::MailSettings;

/// A way for mail.
pub(crate) struct Mail {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    timeout: Duration,
}

/// The way for mail that these settings mean.
///
/// # Errors
/// What is wrong with them, in one sentence without the password.
pub(crate) fn mail(settings: &MailSettings, timeout: Duration) -> Result<Mail, String> {
    if tells_password_to_everybody(&settings.smtp_url) {
        return Err(
            "the SMTP server (--smtp-url) would get its password in clear: begin it with smtps://, or end it with \
             ?tls=required"
                .to_owned(),
        );
    }
    let transport = AsyncSmtpTransport::<Tokio1Executor>::from_url(&settings.smtp_url)
        .map_err(|error| {
            format!(
                "the SMTP server (--smtp-url) cannot be used: {}; give it as \
                 smtp://USER:PASSWORD@HOST:PORT?tls=required, or smtps://…",
                said(&error)
            )
        })?
        .timeout(Some(timeout))
        .build();
    let from = settings.from.parse().map_err(|_| {
        format!(
            "the sender of mail (--mail-from) is {:?} and must be an address, such as noreply@example.com",
            settings.from
        )
    })?;
    Ok(Mail {
        transport,
        from,
        timeout,
    })
}

impl Mail {
    pub(super) async fn send(&self, recipient: &str, subject: &str, body: &str) -> Attempt {
        let Ok(to) = recipient.parse::<Mailbox>() else {
            return Attempt::Impossible("the recipient is no e-mail address".to_owned());
        };
        let message = Message::builder()
            .from(self.from.clone())
            .to(to)
            .subject(subject)
            .header(ContentType::TEXT_PLAIN)
            .body(body.to_owned());
        let message = match message {
            Ok(message) => message,
            Err(error) => return Attempt::Impossible(said(&error)),
        };
        // The transport's own time is per command; a server that is slow at each of them is cut off as well.
        match timeout(self.timeout, self.transport.send(message)).await {
            Ok(Ok(_)) => Attempt::Sent,
            Ok(Err(error)) if refuses_recipient(&error) => Attempt::Impossible(said(&error)),
            Ok(Err(error)) => Attempt::Failed(said(&error)),
            Err(_) => Attempt::Failed("the mail server did not take it in time".to_owned()),
        }
    }
}

/// Whether credentials would travel without TLS, or without it as soon as somebody on the way wants that: anywhere but
/// on this machine.
fn tells_password_to_everybody(smtp_url: &str) -> bool {
    let Ok(url) = reqwest::Url::parse(smtp_url) else {
        return false;
    };
    let has_credentials = !url.username().is_empty() || url.password().is_some();
    let is_required = url
        .query_pairs()
        .any(|(name, value)| name == "tls" && value == "required");
    url.scheme() == "smtp"
        && has_credentials
        && !is_required
        && !url.host_str().is_some_and(is_loopback)
}

/// Whether a mail can never be delivered because of whom it is for. What is wrong with this server, its credentials or
/// its sender can be mended while the mail waits.
fn refuses_recipient(error: &lettre::transport::smtp::Error) -> bool {
    let Some(code) = error.status() else {
        return false;
    };
    let text = std::error::Error::source(error).map(ToString::to_string);
    is_refusal_of_recipient(code.into(), text.as_deref().unwrap_or_default())
}

/// By the code of a reply (RFC 5321 §4.2.3) and the enhanced one its text begins with, where it has one (RFC 3463):
/// 5.7 is policy, and 5.1.7 and 5.1.8 are the sender's address.
fn is_refusal_of_recipient(code: u16, text: &str) -> bool {
    let others = ["5.7.", "5.1.7", "5.1.8"];
    matches!(code, 550 | 551 | 553) && !others.iter().any(|other| text.starts_with(other))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_leave_this_machine_with_tls_only() {
        let check = |smtp_url: &str| {
            let settings = MailSettings {
                smtp_url: smtp_url.to_owned(),
                from: "noreply@example.com".to_owned(),
            };
            mail(&settings, Duration::from_secs(1)).map(|_| ())
        };
        for good in [
            "smtp://mail.example.com",
            "smtp://u:secret@mail.example.com:587?tls=required",
            "smtps://u:secret@mail.example.com",
            "smtp://u:secret@localhost:25",
            "smtp://u:secret@127.0.0.1",
            "smtp://u:secret@[::1]:25",
        ] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        for bad in [
            "smtp://u:secret@mail.example.com",
            "smtp://u:secret@mail.example.com?tls=opportunistic",
            "smtp://u:secret@192.0.2.1:587",
        ] {
            let error = check(bad).unwrap_err();
            assert!(
                error.contains("--smtp-url") && error.contains("smtps://"),
                "{error}"
            );
            assert!(!error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn only_the_recipient_makes_a_mail_impossible() {
        for (code, text) in [
            (550, "5.1.1 no such user"),
            (550, "no such user"),
            (551, ""),
            (553, ""),
        ] {
            assert!(is_refusal_of_recipient(code, text), "{code} {text}");
        }
        for (code, text) in [
            (535, "5.7.8 authentication failed"),
            (530, ""),
            (552, "the box is full"),
            (554, "go away"),
            (550, "5.7.1 relaying denied"),
            (550, "5.1.8 bad sender"),
            (450, ""),
        ] {
            assert!(!is_refusal_of_recipient(code, text), "{code} {text}");
        }
    }
}
