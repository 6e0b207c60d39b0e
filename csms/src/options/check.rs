//! Whether a CSMS can run as the options say.

use rust_decimal::Decimal;

use super::Options;
use crate::address::host_of;
use crate::domain::roaming::registration::wrong_token;
use crate::rest::token;
use crate::start::error::StartError;

/// Shortest API key that can be given.
const API_KEY_CHARS_MIN: usize = 8;

/// What is wrong with the values of the options.
pub(crate) fn check(options: &Options) -> Result<(), StartError> {
    if options.command_timeout.is_zero() {
        return Err(StartError::Value(
            "the command time-out (--command-timeout) must be longer than 0s, such as 10s"
                .to_owned(),
        ));
    }
    if options.jwt_lifetime.is_zero() {
        return Err(StartError::Value(
            "the lifetime of tokens (--jwt-lifetime) must be longer than 0s, such as 24h"
                .to_owned(),
        ));
    }
    let short = options.jwt_key.as_ref();
    if let Some(key) = short.filter(|key| key.len() < token::KEY_BYTES_MIN) {
        return Err(StartError::Value(format!(
            "the key for tokens (--jwt-key) has {} bytes and must have at least {}; leave it out to get \
             a generated one",
            key.len(),
            token::KEY_BYTES_MIN
        )));
    }
    check_outside(options)?;
    let key_chars = options.api_key.as_ref().map(|key| key.chars().count());
    if let Some(chars) = key_chars.filter(|chars| *chars < API_KEY_CHARS_MIN) {
        return Err(StartError::Value(format!(
            "the API key (--api-key) has {chars} characters and must have at least \
             {API_KEY_CHARS_MIN}; leave it out to get a generated one"
        )));
    }
    if let Some(why) = options.ocpi_token.as_deref().and_then(wrong_token) {
        return Err(StartError::Value(format!(
            "the token for partners (--ocpi-token) {why}"
        )));
    }
    Ok(())
}

/// What is wrong with the values of the options about addresses, certificates and money.
fn check_outside(options: &Options) -> Result<(), StartError> {
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
        if !known || host_of(url).is_none() || url.contains(['?', '#', '@']) {
            let [plain, secure] = schemes;
            return wrong(format!(
                "{url:?} ({flag}) is no address of a server: give {plain}HOST or {secure}HOST, with a port and a \
                 path where it has them"
            ));
        }
    }
    let percent = options.tax_rate;
    if percent.is_sign_negative() || percent > Decimal::ONE_HUNDRED {
        return wrong(format!(
            "the tax rate (--tax-rate) must be 0 to 100 percent, not {percent}"
        ));
    }
    Ok(())
}
