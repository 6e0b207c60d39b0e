//! What this CSMS can send: every action that OCPP 1.6 lets a CSMS originate.

use dynamo_protocol::v16::Action;

/// The action of this name, if a CSMS may send it.
pub(crate) fn find(name: &str) -> Option<Action> {
    Action::from_wire(name).filter(|action| action.origin().from_csms())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_charge_points_send_and_unknown_names_are_no_commands() {
        assert_eq!(find("Reset"), Some(Action::Reset));
        assert_eq!(find("DataTransfer"), Some(Action::DataTransfer));
        for name in ["BootNotification", "reset", "MakeCoffee", ""] {
            assert_eq!(find(name), None, "{name}");
        }
    }
}
