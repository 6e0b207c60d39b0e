//! Which addresses webhooks and partners may have: those of the public internet, unless the operator says otherwise.
//!
//! Names are looked up for each connection and what they lead to is judged then, so that a name which leads
//! somewhere else by now opens no door. Not here: what a proxy from the environment does with a name; that is the
//! operator's own.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// Looks names up and leaves out what is not public.
pub(crate) struct PublicOnly;

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let public = public_of(name.as_str(), found.collect())?;
            let addresses: Addrs = Box::new(public.into_iter());
            Ok(addresses)
        })
    }
}

fn public_of(name: &str, found: Vec<SocketAddr>) -> io::Result<Vec<SocketAddr>> {
    let first = found.first().map(SocketAddr::ip);
    let public: Vec<_> = found.into_iter().filter(|at| is_public(at.ip())).collect();
    match first {
        Some(first) if public.is_empty() => {
            let text = format!("{name} leads to {}", refusal(first));
            Err(io::Error::new(io::ErrorKind::PermissionDenied, text))
        }
        _ => Ok(public),
    }
}

/// Why a URL with an address in the place of a name is not reached; names are judged by [`PublicOnly`].
pub(crate) fn refused_address(url: &str) -> Option<String> {
    let url = Url::parse(url).ok()?;
    let host = url
        .host_str()?
        .trim_start_matches('[')
        .trim_end_matches(']');
    let address: IpAddr = host.parse().ok()?;
    (!is_public(address)).then(|| refusal(address))
}

fn refusal(address: IpAddr) -> String {
    format!(
        "{address}, no address of the public internet: only --webhooks-to-private-networks lets webhooks and partners be \
         there"
    )
}

/// Whether an address is one of the public internet [RFC 6890].
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let special = address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_multicast()
        || address.is_documentation()
        || matches!(
            address.octets(),
            // This network; shared by carriers; protocol assignments; benchmarks; reserved and broadcast.
            [0 | 240..=255, ..] | [100, 64..=127, ..] | [192, 0, 0, _] | [198, 18..=19, ..]
        );
    !special
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let [a, b, c, .., y, z] = address.segments();
    let [high, low] = [y.to_be_bytes(), z.to_be_bytes()];
    let inner = Ipv4Addr::new(high[0], high[1], low[0], low[1]);
    if address.to_ipv4_mapped().is_some() || (a, b) == (0x64, 0xff9b) {
        return is_public_v4(inner);
    }
    if a == 0x2002 {
        let [high, low] = [b.to_be_bytes(), c.to_be_bytes()];
        return is_public_v4(Ipv4Addr::new(high[0], high[1], low[0], low[1]));
    }
    // 2000::/3 is what is given out; of it, 2001::/23 is for protocols and 2001:db8::/32 for books.
    a & 0xe000 == 0x2000 && !(a == 0x2001 && (b < 0x200 || b == 0xdb8))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_public_internet_is_reached() {
        for public in [
            "8.8.8.8",
            "100.63.255.255",
            "172.32.0.1",
            "2606:4700:4700::1111",
            "::ffff:8.8.8.8",
            "64:ff9b::808:808",
            "2002:808:808::1",
        ] {
            assert!(is_public(public.parse().unwrap()), "{public}");
        }
        for other in [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "127.0.0.1",
            "127.255.0.1",
            "169.254.169.254",
            "172.16.0.1",
            "192.0.0.8",
            "192.168.1.1",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::127.0.0.1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "64:ff9b::a00:1",
            "2001:db8::1",
            "2001::1",
            "2002:7f00:1::1",
            "fc00::1",
            "fd12::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ] {
            assert!(!is_public(other.parse().unwrap()), "{other}");
        }
    }

    #[test]
    fn an_address_in_a_url_is_judged_however_it_is_written() {
        for url in [
            "http://127.0.0.1:9/x",
            "http://2130706433/",
            "http://0x7f.1/",
            "http://[::1]:80/",
            "http://u:p@[::ffff:10.0.0.1]/",
        ] {
            let told = refused_address(url).unwrap();
            assert!(told.contains("--webhooks-to-private-networks"), "{told}");
        }
        assert_eq!(refused_address("https://8.8.8.8/"), None);
        assert_eq!(refused_address("https://example.com/"), None);
    }

    #[test]
    fn of_what_a_name_leads_to_the_public_part_is_left() {
        let at = |text: &str| text.parse::<SocketAddr>().unwrap();
        let both = public_of("x", vec![at("10.0.0.1:0"), at("8.8.8.8:0")]).unwrap();
        assert_eq!(both, [at("8.8.8.8:0")]);
        let none = public_of("x", vec![at("10.0.0.1:0")]).unwrap_err();
        assert!(none.to_string().starts_with("x leads to 10.0.0.1, no"));
        assert!(public_of("x", Vec::new()).unwrap().is_empty());
    }
}
