//! HTTP written by hand: where it counts how the names of headers are spelled.

use std::time::Duration;

use reqwest::Url;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::failure::Failure;
use crate::wire::http::Answer;

/// Bytes of an answer that are read.
const ANSWER_BYTES_MAX: u64 = 8 * 1024 * 1024;

/// Sends a GET with these headers, letter for letter, over plain HTTP.
///
/// # Errors
/// When there is no answer in time, or none of HTTP/1.1 with its length.
pub(crate) async fn get(
    url: &str,
    headers: &[(String, String)],
    patience: Duration,
) -> Result<Answer, Failure> {
    let cannot = |why: &dyn std::fmt::Display| Failure::new(format!("GET {url}: no answer: {why}"));
    let parsed = Url::parse(url).map_err(|error| cannot(&error))?;
    let host = parsed.host_str().unwrap_or_default();
    let port = parsed.port_or_known_default().unwrap_or(80);
    let path = match parsed.query() {
        Some(query) => format!("{}?{query}", parsed.path()),
        None => parsed.path().to_owned(),
    };
    let mut text = format!("GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n");
    for (name, value) in headers {
        text += &format!("{name}: {value}\r\n");
    }
    text += "\r\n";
    let exchange = async {
        let mut stream = TcpStream::connect((host.trim_matches(['[', ']']), port)).await?;
        stream.write_all(text.as_bytes()).await?;
        let mut bytes = Vec::new();
        stream
            .take(ANSWER_BYTES_MAX)
            .read_to_end(&mut bytes)
            .await?;
        std::io::Result::Ok(bytes)
    };
    let bytes = timeout(patience, exchange)
        .await
        .map_err(|error| cannot(&error))?
        .map_err(|error| cannot(&error))?;
    read(url, &bytes).ok_or_else(|| cannot(&"it cannot be read"))
}

fn read(url: &str, bytes: &[u8]) -> Option<Answer> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&bytes[..end]).ok()?;
    let mut lines = head.split("\r\n");
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let mut headers = HeaderMap::new();
    for line in lines {
        let (name, value) = line.split_once(':')?;
        headers.append(
            HeaderName::from_bytes(name.as_bytes()).ok()?,
            HeaderValue::from_str(value.trim()).ok()?,
        );
    }
    Some(Answer {
        method: "GET".to_owned(),
        path: url.to_owned(),
        status,
        headers,
        bytes: bytes[end + 4..].to_vec(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_taken_apart() {
        let text = "HTTP/1.1 200 OK\r\nX-Limit: 5\r\nLink: <a:b>\r\n\r\n{}";
        let answer = read("http://h/", text.as_bytes()).unwrap();
        assert_eq!((answer.status, answer.bytes.as_slice()), (200, &b"{}"[..]));
        assert_eq!(answer.header("link").as_deref(), Some("<a:b>"));
        assert!(read("http://h/", b"HTTP/1.1 200 OK").is_none());
    }
}
