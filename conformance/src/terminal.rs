//! The person at the terminal, and whoever reads our results.

use std::io::{self, StdoutLock, Write};

/// A remark for the person at the terminal.
pub(crate) fn tell(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}

/// Where results go.
pub(crate) fn results() -> UntilNobodyReads<StdoutLock<'static>> {
    UntilNobodyReads(io::stdout().lock())
}

/// Whoever reads our results may leave early, as `head` does: then the rest is written for nobody, and that is no error.
#[derive(Debug)]
pub(crate) struct UntilNobodyReads<W>(W);

impl<W: Write> Write for UntilNobodyReads<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.0.write(bytes) {
            Err(error) if nobody_reads(&error) => Ok(bytes.len()),
            written => written,
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self.0.flush() {
            Err(error) if nobody_reads(&error) => Ok(()),
            flushed => flushed,
        }
    }
}

/// A pipe whose other end is closed, or a terminal that is gone.
fn nobody_reads(error: &io::Error) -> bool {
    const EIO: i32 = 5;
    error.kind() == io::ErrorKind::BrokenPipe || error.raw_os_error() == Some(EIO)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Broken(io::ErrorKind);

    impl Write for Broken {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Err(self.0.into())
        }
    }

    #[test]
    fn a_reader_who_leaves_early_is_no_error_and_a_full_disk_is_one() {
        let written = |kind| {
            let mut out = UntilNobodyReads(Broken(kind));
            writeln!(out, "a line").and_then(|()| out.flush())
        };
        assert!(written(io::ErrorKind::BrokenPipe).is_ok());
        assert!(written(io::ErrorKind::StorageFull).is_err());
    }
}
