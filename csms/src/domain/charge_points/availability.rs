//! What a charge point is worth to a driver, said in one word.

use crate::store::ConnectorStatus;

/// From the best for a driver to the worst [1.6 §7.7].
const BEST_FIRST: [&str; 9] = [
    "Available",
    "Preparing",
    "Charging",
    "SuspendedEV",
    "SuspendedEVSE",
    "Finishing",
    "Reserved",
    "Faulted",
    "Unavailable",
];

/// The status of a charge point as a whole as last reported, in the words of OCPP: what it says of itself when
/// that puts all its connectors out of order, otherwise that of its best connector. `Unavailable` where nothing
/// was reported.
pub(crate) fn operational_status(reported: &[ConnectorStatus]) -> &str {
    let (whole, connectors): (Vec<_>, Vec<_>) = reported.iter().partition(|c| c.connector_id == 0);
    let whole = whole.first().map(|whole| whole.status.as_str());
    if let Some(stopped @ ("Faulted" | "Unavailable")) = whole {
        return stopped;
    }
    let rank = |status: &str| BEST_FIRST.iter().position(|known| *known == status);
    let best = connectors
        .iter()
        .map(|connector| connector.status.as_str())
        .min_by_key(|status| rank(status).unwrap_or(BEST_FIRST.len()));
    best.or(whole).unwrap_or("Unavailable")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reported(statuses: &[&str]) -> Vec<ConnectorStatus> {
        let report = |(id, status): (usize, &&str)| ConnectorStatus {
            connector_id: i64::try_from(id).unwrap(),
            status: (*status).to_owned(),
            error_code: "NoError".into(),
            info: None,
            reported_at_ms: 0,
        };
        statuses.iter().enumerate().map(report).collect()
    }

    #[test]
    fn the_best_connector_counts_unless_the_whole_is_out_of_order() {
        for (statuses, word) in [
            (&["Available", "Charging", "Available"][..], "Available"),
            (&["Available", "Charging", "Faulted"], "Charging"),
            (&["Available", "Faulted", "Faulted"], "Faulted"),
            (&["Unavailable", "Available"], "Unavailable"),
            (&["Available"], "Available"),
            (&[], "Unavailable"),
        ] {
            assert_eq!(operational_status(&reported(statuses)), word);
        }
    }
}
