//! The token in the header `Authorization` [OCPI 2.2.1 §4.1.2].
//!
//! It is encoded as base64. Older peers send it as it is, and the examples of the standard encode a line feed behind it;
//! so what is received may mean several tokens, of which at most one is known.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

/// How a peer wants tokens in the header.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TokenEncoding {
    /// As the standard says.
    #[default]
    Base64,
    /// As it is: the habit of OCPI 2.1.1.
    Raw,
}

/// Characters of a header that is looked at.
const CHARS_MAX: usize = 512;

/// The value of the header for a token.
#[must_use]
pub fn write_token(token: &str, encoding: TokenEncoding) -> String {
    match encoding {
        TokenEncoding::Base64 => format!("Token {}", BASE64_STANDARD.encode(token)),
        TokenEncoding::Raw => format!("Token {token}"),
    }
}

/// The tokens that a header may mean, the likeliest first; none where it is no header of OCPI.
#[must_use]
pub fn read_tokens(header: &str) -> Vec<String> {
    let Some(value) = header.strip_prefix("Token ").or_else(|| {
        let (scheme, value) = header.split_once(' ')?;
        scheme.eq_ignore_ascii_case("token").then_some(value)
    }) else {
        return Vec::new();
    };
    if value.is_empty() || value.len() > CHARS_MAX || value.contains(char::is_whitespace) {
        return Vec::new();
    }
    let decoded = BASE64_STANDARD.decode(value).ok();
    let decoded = decoded.and_then(|bytes| String::from_utf8(bytes).ok());
    let trimmed = decoded.as_deref().map(|token| token.trim_end().to_owned());
    let mut tokens: Vec<String> = decoded.into_iter().chain(trimmed).collect();
    tokens.push(value.to_owned());
    tokens.retain(|token| !token.is_empty());
    tokens.dedup();
    tokens
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_found_however_it_is_written() {
        let token = "c2Vj?ret>";
        assert_eq!(
            read_tokens(&write_token(token, TokenEncoding::Base64))[0],
            token
        );
        assert_eq!(
            read_tokens(&write_token(token, TokenEncoding::Raw)),
            [token]
        );
        let with_line_feed = write_token(&format!("{token}\n"), TokenEncoding::Base64);
        assert!(read_tokens(&with_line_feed).contains(&token.to_owned()));
        assert_eq!(read_tokens("token abc%"), ["abc%"]);
    }

    #[test]
    fn what_is_no_token_means_none() {
        for bad in [
            "",
            "Token",
            "Token ",
            "Token  x",
            "Bearer x",
            "Basic x",
            "Token a b",
        ] {
            assert!(read_tokens(bad).is_empty(), "{bad:?}");
        }
        assert!(read_tokens(&format!("Token {}", "A".repeat(16_384))).is_empty());
    }

    #[test]
    fn the_alphabet_is_the_standard_one_with_padding() {
        assert_eq!(
            write_token("a?>b~", TokenEncoding::Base64),
            "Token YT8+Yn4="
        );
    }
}
