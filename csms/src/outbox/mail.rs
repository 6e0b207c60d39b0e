//! Sends one mail through SMTP.

use std::time::Duration;

use lettre::message::Mailbox;
use lettre::message::header::ContentType;
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor};
use tokio::time::timeout;

use super::webhook::said;
use crate::store::Attempt;

/// Where mail goes.
#[derive(Clone)]
pub struct MailSettings {
    /// `smtp://USER:PASSWORD@HOST:PORT`, with `?tls=required` for STARTTLS, or `smtps://…`.
    pub smtp_url: String,
    /// The sender, such as `dynamo <noreply@example.com>`.
    pub from: String,
}

impl std::fmt::Debug for MailSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The URL has a password.
        write!(f, "MailSettings({})", self.from)
    }
}

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
            Ok(Err(error)) => Attempt::Failed(said(&error)),
            Err(_) => Attempt::Failed("the mail server did not take it in time".to_owned()),
        }
    }
}
