//! How this server is known outside, and whether what the options say of that can be.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::{Options, StartError, tls};

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

/// Where a listener is reached from this machine: one on all addresses at the loopback address.
#[must_use]
pub fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(match address.ip() {
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    address
}

/// Whether a host, as a URL has it, is this machine: what goes there is seen by nobody on the way.
pub(crate) fn is_loopback(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    match host.parse::<IpAddr>() {
        Ok(address) => address.to_canonical().is_loopback(),
        Err(_) => host.eq_ignore_ascii_case("localhost"),
    }
}

/// What is wrong with the values of the options about addresses, certificates and money.
pub(crate) fn check(options: &Options) -> Result<(), StartError> {
    let wrong = |sentence: String| Err(StartError::Value(sentence));
    if options.tls.is_some() && options.https.is_none() && options.ocpps.is_none() {
        let text = "--tls-cert and --tls-key serve nothing without --https or --ocpps";
        return wrong(format!("{text}: give one of them an address"));
    }
    if options.client_ca.is_some() && options.ocpps.is_none() {
        return wrong("--client-ca serves nothing without --ocpps: give it an address".to_owned());
    }
    for (flag, url, schemes) in [
        (
            "--public-http",
            &options.public_http,
            ["http://", "https://"],
        ),
        ("--public-ocpp", &options.public_ocpp, ["ws://", "wss://"]),
    ] {
        let Some(url) = url else { continue };
        let known = schemes.iter().any(|scheme| url.starts_with(scheme));
        if !known || tls::host_of(url).is_none() || url.contains(['?', '#', '@']) {
            let [plain, secure] = schemes;
            return wrong(format!(
                "{url:?} ({flag}) is no address of a server: give {plain}HOST or {secure}HOST, with a port and a \
                 path where it has them"
            ));
        }
    }
    let percent = options.tax_rate;
    if percent.is_sign_negative() || percent > rust_decimal::Decimal::ONE_HUNDRED {
        return wrong(format!(
            "the tax rate (--tax-rate) must be 0 to 100 percent, not {percent}"
        ));
    }
    Ok(())
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

    #[test]
    fn this_machine_has_several_names() {
        for host in [
            "localhost",
            "LOCALHOST",
            "127.0.0.1",
            "127.8.8.8",
            "::1",
            "[::1]",
        ] {
            assert!(is_loopback(host), "{host}");
        }
        for host in ["localhost.example.com", "192.0.2.1", "0.0.0.0", "mail", ""] {
            assert!(!is_loopback(host), "{host}");
        }
    }
}
