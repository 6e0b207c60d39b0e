//! What a report does not show of the arguments: passwords and keys.

use reqwest::Url;

use super::args::Args;

/// What a secret is shown as.
const HIDDEN: &str = "…";

/// Flags whose values are secrets.
const FLAGS: [&str; 2] = ["--password", "--driver-header"];

/// The arguments as they were typed, without secrets.
pub(super) fn command_line(arguments: impl Iterator<Item = String>) -> String {
    let mut shown = Vec::new();
    let mut secret = false;
    for argument in arguments {
        shown.push(match argument.split_once('=') {
            _ if secret => HIDDEN.to_owned(),
            Some((flag, _)) if FLAGS.contains(&flag) => format!("{flag}={HIDDEN}"),
            Some((flag, value)) if flag.starts_with("--") => {
                format!("{flag}={}", shown_url(value))
            }
            _ => shown_url(&argument),
        });
        secret = FLAGS.contains(&argument.as_str());
    }
    shown.join(" ")
}

/// The secrets of a run, to be taken out of what is said about it.
#[derive(Clone, Debug, Default)]
pub(super) struct Secrets(Vec<(String, String)>);

impl Secrets {
    pub(super) fn of(args: &Args) -> Self {
        let urls = [&args.url, &args.driver, &args.operator];
        let mut hidden = Vec::new();
        for url in urls.into_iter().flatten() {
            let parts = Parts::of(url);
            // An error of the HTTP client names the address as it was parsed.
            let parsed = Url::parse(url).map(|url| url.to_string());
            let parsed = parsed.as_deref().map(Parts::of).unwrap_or_default();
            for Parts { user, query } in [parts, parsed] {
                hidden.extend(user.map(|user| (format!("//{user}@"), format!("//{HIDDEN}@"))));
                hidden.extend(query.map(|query| (format!("?{query}"), format!("?{HIDDEN}"))));
            }
        }
        // What holds another one goes first.
        hidden.sort_by_key(|(text, _)| usize::MAX - text.len());
        hidden.dedup();
        Self(hidden)
    }

    /// The text without them.
    pub(super) fn hide(&self, text: &str) -> String {
        self.0
            .iter()
            .fold(text.to_owned(), |text, (secret, shown)| {
                text.replace(secret, shown)
            })
    }

    /// Takes them out of a text in its place.
    pub(super) fn hide_in(&self, text: &mut String) {
        if self.0.iter().any(|(secret, _)| text.contains(secret)) {
            *text = self.hide(text);
        }
    }
}

/// What can be secret in a URL.
#[derive(Debug, Default, PartialEq)]
struct Parts<'a> {
    /// Name and password.
    user: Option<&'a str>,
    query: Option<&'a str>,
}

impl<'a> Parts<'a> {
    /// Of a text that is no URL: nothing.
    fn of(text: &'a str) -> Self {
        let Some((_, rest)) = text.split_once("://") else {
            return Self::default();
        };
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let query = rest.split('#').next().unwrap_or_default().split_once('?');
        Self {
            user: authority.rsplit_once('@').map(|(user, _)| user),
            query: query
                .map(|(_, query)| query)
                .filter(|text| !text.is_empty()),
        }
    }
}

/// The argument, where it is a URL without what is secret in it.
fn shown_url(argument: &str) -> String {
    let Parts { user, query } = Parts::of(argument);
    let mut shown = argument.to_owned();
    if let Some(user) = user {
        shown = shown.replacen(&format!("//{user}@"), &format!("//{HIDDEN}@"), 1);
    }
    if let Some(query) = query {
        shown = shown.replacen(&format!("?{query}"), &format!("?{HIDDEN}"), 1);
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_line_shows_no_password_key_or_token() {
        let typed = [
            "dynamo",
            "conformance",
            "--url",
            "wss://h/ocpp?token=abc#x",
            "--driver=http://user:pw@h:1/send",
            "--password",
            "abc",
            "--driver-header=Authorization: Bearer abc",
            "--operator",
            "http://pw:abc@h",
            "--tags=@core and not @driver",
        ];
        let shown = command_line(typed.iter().map(|text| (*text).to_owned()));
        assert_eq!(
            shown,
            "dynamo conformance --url wss://h/ocpp?…#x --driver=http://…@h:1/send --password … --driver-header=… \
             --operator http://…@h --tags=@core and not @driver"
        );
    }

    #[test]
    fn what_is_said_about_a_run_shows_none_either() {
        #[derive(clap::Parser)]
        struct Line {
            #[command(flatten)]
            args: Args,
        }
        let line = [
            "conformance",
            "--url",
            "ws://h:80?key=k 1",
            "--driver",
            "http://u:pä@h",
        ];
        let secrets = Secrets::of(&<Line as clap::Parser>::parse_from(line).args);
        for text in [
            "the driver at http://u:pä@h answered 500",
            "the driver at http://u:p%C3%A4@h/ cannot be reached",
        ] {
            let shown = secrets.hide(text);
            assert!(shown.starts_with("the driver at http://…@h"), "{shown}");
        }
        assert_eq!(secrets.hide("ws://h/?key=k%201"), "ws://h/?…");
        assert_eq!(secrets.hide("is it there? key=k"), "is it there? key=k");
    }
}
