//! What lies under a WebSocket: a TCP stream, with TLS or without.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use rustls::{AlertDescription, CertificateError};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

/// The stream of a charge point. TLS is boxed: it is a kilobyte that a plain one does without.
#[derive(Debug)]
pub(super) enum Wire {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// Hands a call on to whichever stream it is.
macro_rules! either {
    ($wire:expr, $stream:ident => $call:expr) => {
        match $wire.get_mut() {
            Wire::Plain(stream) => {
                let $stream = Pin::new(stream);
                $call
            }
            Wire::Tls(stream) => {
                let $stream = Pin::new(stream.as_mut());
                $call
            }
        }
    };
}

impl AsyncRead for Wire {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        either!(self, stream => stream.poll_read(cx, buffer))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        either!(self, stream => stream.poll_write(cx, bytes))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self, stream => stream.poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self, stream => stream.poll_shutdown(cx))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        either!(self, stream => stream.poll_write_vectored(cx, slices))
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Plain(stream) => stream.is_write_vectored(),
            Self::Tls(stream) => stream.is_write_vectored(),
        }
    }
}

/// What TLS has to say about a failure, as a sentence; `None` when it was something else.
pub(super) fn explain(error: &io::Error) -> Option<String> {
    let cause: &rustls::Error = error.get_ref()?.downcast_ref()?;
    Some(match cause {
        rustls::Error::InvalidCertificate(why) => match why {
            CertificateError::UnknownIssuer => {
                "the CSMS's certificate was issued by an authority that is not trusted; give its root with --ca".into()
            }
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                "the CSMS's certificate has expired".into()
            }
            why => format!("the CSMS's certificate cannot be trusted: {why}"),
        },
        rustls::Error::AlertReceived(alert) => match alert {
            AlertDescription::CertificateExpired => {
                "the CSMS refused the certificate of the charge point (--cert): it has expired, or is not valid yet"
                    .into()
            }
            AlertDescription::UnknownCA | AlertDescription::DecryptError => {
                "the CSMS refused the certificate of the charge point (--cert): it does not trust its issuer".into()
            }
            AlertDescription::CertificateRequired => {
                "the CSMS wants a certificate of the charge point; give one with --cert and --key".into()
            }
            AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateUnknown => {
                format!("the CSMS refused the certificate of the charge point (--cert): {alert:?}")
            }
            alert => format!("the CSMS refused the TLS handshake: {alert:?}"),
        },
        rustls::Error::InvalidMessage(_) => {
            "the CSMS does not speak TLS there; connect with ws:// or to its address for wss://".into()
        }
        other => format!("the TLS handshake failed: {other}"),
    })
}
