//! Files that a user hands to the judge.

use std::io::Read as _;
use std::path::Path;

use anyhow::{Context as _, Result, bail};

/// Bytes of one file that a user hands to the judge: features, capabilities, schemas.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// Reads a file of the user's, no more than 1 MiB of it.
///
/// # Errors
/// One line naming the file: it cannot be read, is larger, or is no text.
pub(crate) fn read_bounded(path: &Path, what: &str) -> Result<String> {
    let file = path.display();
    let mut bytes = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes))
        .with_context(|| format!("cannot read the {what} {file}"))?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        bail!("the {what} {file} has more than 1 MiB; give a smaller one");
    }
    String::from_utf8(bytes).or_else(|error| {
        let at = error.utf8_error().valid_up_to();
        bail!("the {what} {file} is no UTF-8 text (byte {at}); save it as UTF-8")
    })
}
