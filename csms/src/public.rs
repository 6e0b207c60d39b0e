//! How this server is known outside.

use std::net::SocketAddr;

use crate::address::reachable;
use crate::options::Options;

/// Where people and charge points find this server; without a slash at the end.
pub(crate) struct PublicUrls {
    pub http: String,
    pub ocpp: String,
}

impl PublicUrls {
    pub(crate) fn of(
        options: &Options,
        http: SocketAddr,
        https: Option<SocketAddr>,
        ocpp: SocketAddr,
        ocpps: Option<SocketAddr>,
    ) -> Self {
        let shown = |flag, url: &Option<String>, scheme: &str, tls: Option<SocketAddr>, plain| {
            if let Some(url) = url {
                return url.trim_end_matches('/').to_owned();
            }
            let (secure, address): (&str, SocketAddr) = tls.map_or(("", plain), |tls| ("s", tls));
            let url = format!("{scheme}{secure}://{}", reachable(address));
            if address.ip().is_unspecified() {
                tracing::warn!(
                    %address,
                    "answers and mails name {url}, which is reached from this machine only: give the name of this \
                     server with {flag}"
                );
            }
            url
        };
        Self {
            http: shown("--public-http", &options.public_http, "http", https, http),
            ocpp: shown("--public-ocpp", &options.public_ocpp, "ws", ocpps, ocpp),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_name_an_address_that_somebody_can_reach() {
        let urls = |options: &Options, http: &str, https: Option<&str>| {
            let https = https.map(|https| https.parse().unwrap());
            let ocpp = "[::]:9000".parse().unwrap();
            PublicUrls::of(options, http.parse().unwrap(), https, ocpp, None)
        };
        let usual = Options::default();
        let all = urls(&usual, "0.0.0.0:8080", None);
        assert_eq!(all.http, "http://127.0.0.1:8080");
        assert_eq!(all.ocpp, "ws://[::1]:9000");
        let tls = urls(&usual, "0.0.0.0:8080", Some("192.0.2.1:8443"));
        assert_eq!(tls.http, "https://192.0.2.1:8443");
        let given = Options {
            public_http: Some("https://csms.example.com/".to_owned()),
            public_ocpp: Some("wss://csms.example.com".to_owned()),
            ..usual
        };
        let given = urls(&given, "0.0.0.0:8080", None);
        assert_eq!(given.http, "https://csms.example.com");
        assert_eq!(given.ocpp, "wss://csms.example.com");
    }
}
