//! What goes to stdout and, besides logs, to stderr.

use std::io::{self, Write as _};

use crate::InputError;

/// Writes a result to stdout. Whoever closed the pipe does not want to read it; everything else that keeps a result
/// from its reader is an error.
pub(crate) fn print(text: &str) -> Result<(), InputError> {
    let mut stdout = io::stdout().lock();
    match stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush())
    {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(InputError::new(format!(
            "cannot write to stdout: {error}; send it where there is room"
        ))),
        _ => Ok(()),
    }
}

/// One line for the person at the terminal. A closed stderr is not worth dying for.
pub(crate) fn tell(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}
