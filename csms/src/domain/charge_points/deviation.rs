//! What charge points write otherwise than the standard says, and is taken nevertheless: counted, kept and told.

use dynamo_protocol::decode::{Deviation, Leniency};

use crate::store::{DeviationReport, Store};

/// The names of what was forgiven of one message.
pub(crate) fn names(deviations: &[Deviation]) -> Vec<&'static str> {
    deviations
        .iter()
        .map(|deviation| deviation.leniency.name())
        .collect()
}

/// Counts what was forgiven of a message by `count`, keeps it, and tells the log. A store that fails does not refuse the message:
/// that is for the fact itself to do.
pub(crate) async fn record(
    store: &Store,
    count: impl Fn(Leniency) + Send,
    report: DeviationReport,
) {
    for deviation in &report.deviations {
        count(deviation.leniency);
    }
    let (charge_point, message) = (report.charge_point_id.clone(), report.message.clone());
    let deviations = report.deviations.clone();
    let counted = store.write(report, |report, conn| {
        Box::pin(async move { conn.count_deviations(report).await })
    });
    let counts = match counted.await {
        Ok(counts) => counts,
        Err(error) if error.is_in_the_log() => return,
        Err(error) => {
            tracing::warn!(charge_point, message, %error, "deviations of a message were not kept");
            return;
        }
    };
    for (deviation, messages) in deviations.iter().zip(counts) {
        if is_told(messages) {
            tracing::warn!(
                charge_point,
                message,
                deviation = deviation.leniency.name(),
                pointer = deviation.pointer,
                example = deviation.excerpt,
                messages,
                "a message was taken that is not as the standard says"
            );
        }
    }
}

/// Whether the log hears of this one: of the first, and each time that they have doubled.
const fn is_told(messages: i64) -> bool {
    messages > 0 && messages.count_ones() == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_charge_point_that_is_always_odd_does_not_fill_the_log() {
        let told = (1..=1_000_000).filter(|messages| is_told(*messages));
        assert_eq!(told.count(), 20);
        assert!(is_told(1) && !is_told(3) && !is_told(0));
    }
}
