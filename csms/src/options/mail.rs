//! Where mail goes, as the options say it.

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
