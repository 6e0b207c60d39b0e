//! Addresses and URLs of servers, as text: what they mean, and nothing about who is there.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

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

/// The host of a URL, without port and brackets.
pub(crate) fn host_of(url: &str) -> Option<String> {
    let uri: axum::http::Uri = url.parse().ok()?;
    let host = uri.host()?.trim_start_matches('[').trim_end_matches(']');
    Some(host.to_ascii_lowercase()).filter(|host| !host.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

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
    #[test]
    fn the_host_of_a_url_is_a_name_of_the_server() {
        assert_eq!(
            host_of("wss://CSMS.example.com:9443/x").unwrap(),
            "csms.example.com"
        );
        assert_eq!(host_of("https://[::1]:1").unwrap(), "::1");
        assert_eq!(host_of("no url"), None);
    }
}
