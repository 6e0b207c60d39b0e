//! Values that several commands read from their arguments.

use clap::builder::{PossibleValuesParser, TypedValueParser};
use dynamo_protocol::decode::Decoding;

/// The words of the decodings.
pub(crate) fn parse_decoding() -> impl TypedValueParser<Value = Decoding> {
    let words = [Decoding::Tolerant, Decoding::Strict].map(Decoding::as_str);
    PossibleValuesParser::new(words).map(|word| Decoding::from_word(&word).unwrap_or_default())
}
