//! How a charge point is set up before it first starts; one setup can serve a whole fleet.

use dynamo_protocol::Millis;

use super::configuration::{Configuration, ConfigurationError};
use super::io::{CALL_TIMEOUT_MS, ConnectorId, Resumed};
use super::words::FaultCode;

/// Choices of whoever runs the charge point. Times are in milliseconds of the charge point's own clock, unless they
/// say otherwise.
#[derive(Clone, Debug)]
pub struct Setup {
    /// Take over the time the CSMS tells [1.6 §4.2, §4.6]. Off for fleets whose clock runs fast on purpose.
    pub set_clock: bool,
    /// Send the first heartbeat somewhere within the interval, so that a fleet does not beat as one.
    pub heartbeat_jitter: bool,
    /// Keep the meter values of transactions for [`Fact::TransactionStopped`](super::Fact::TransactionStopped).
    pub ledger: bool,
    /// From power (or reset) to the network.
    pub boot_ms: Millis,
    /// Between two boots when the CSMS leaves the choice to the charge point or does not answer.
    pub boot_retry_ms: Millis,
    /// How long an orderly way down takes at least, as when people are given a warning.
    pub linger_ms: Millis,
    /// How long an orderly way down (soft reset, backup power) may take until its messages are through; what is not
    /// sent then is sent after the next boot.
    pub leave_ms: Millis,
    /// How long the CSMS may take to answer a call, in real milliseconds; [`CALL_TIMEOUT_MS`] unless changed.
    pub call_timeout_ms: Millis,
    /// First wait before the socket is opened again; doubles with every failure.
    pub reconnect_min_ms: Millis,
    /// Longest wait before the socket is opened again.
    pub reconnect_max_ms: Millis,
    /// Transactions it is in the middle of.
    pub resumed: Vec<Resumed>,
    /// What is wrong with it from the start, by connector; see [`Setup::warn`].
    pub(super) warnings: Vec<(ConnectorId, FaultCode)>,
    /// Configuration values a charge point starts its life with.
    pub(super) configuration: Configuration,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            set_clock: true,
            heartbeat_jitter: false,
            ledger: false,
            boot_ms: 1_000,
            boot_retry_ms: 30_000,
            linger_ms: 0,
            leave_ms: 10_000,
            call_timeout_ms: CALL_TIMEOUT_MS,
            reconnect_min_ms: 1_000,
            reconnect_max_ms: 60_000,
            resumed: Vec::new(),
            warnings: Vec::new(),
            configuration: Configuration::default(),
        }
    }
}

impl Setup {
    /// Sets the initial value of a configuration key: those the CSMS may write, and `GetConfigurationMaxKeys`.
    ///
    /// # Errors
    /// Names the key: when it does not exist, follows from the hardware, or cannot have this value.
    pub fn configure(&mut self, key: &str, value: &str) -> Result<(), ConfigurationError> {
        self.configuration.preset(key, value)
    }

    /// Delivers it with a warning at a connector, 0 is the charge point as a whole: an error code that is told beside
    /// the state [1.6 §4.9]. A connector that the hardware lacks has none.
    ///
    /// # Errors
    /// When OCPP 1.6 has no such error code, or it cannot be where it is wanted; a sentence.
    pub fn warn(&mut self, connector_id: ConnectorId, error_code: &str) -> Result<(), String> {
        let code = FaultCode::warning(connector_id, error_code)?;
        self.warnings.push((connector_id, code));
        Ok(())
    }
}
