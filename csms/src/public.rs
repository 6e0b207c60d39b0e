//! How this server is known outside, and whether what the options say of that can be.

use std::net::SocketAddr;

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
        let http = https.map_or_else(|| format!("http://{http}"), |tls| format!("https://{tls}"));
        let ocpp = ocpps.map_or_else(|| format!("ws://{ocpp}"), |tls| format!("wss://{tls}"));
        let given =
            |url: &Option<String>| url.as_ref().map(|url| url.trim_end_matches('/').to_owned());
        Self {
            http: given(&options.public_http).unwrap_or(http),
            ocpp: given(&options.public_ocpp).unwrap_or(ocpp),
        }
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
