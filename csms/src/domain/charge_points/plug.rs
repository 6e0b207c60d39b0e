//! What a connector is and gives, in the words of OCPI [2.2.1 §8.4], and what it is taken for where nobody said so.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The plugs and sockets there are [OCPI 2.2.1 §8.4.5].
pub(crate) const STANDARDS: [&str; 40] = [
    "CHADEMO",
    "CHAOJI",
    "DOMESTIC_A",
    "DOMESTIC_B",
    "DOMESTIC_C",
    "DOMESTIC_D",
    "DOMESTIC_E",
    "DOMESTIC_F",
    "DOMESTIC_G",
    "DOMESTIC_H",
    "DOMESTIC_I",
    "DOMESTIC_J",
    "DOMESTIC_K",
    "DOMESTIC_L",
    "DOMESTIC_M",
    "DOMESTIC_N",
    "DOMESTIC_O",
    "GBT_AC",
    "GBT_DC",
    "IEC_60309_2_single_16",
    "IEC_60309_2_three_16",
    "IEC_60309_2_three_32",
    "IEC_60309_2_three_64",
    "IEC_62196_T1",
    "IEC_62196_T1_COMBO",
    "IEC_62196_T2",
    "IEC_62196_T2_COMBO",
    "IEC_62196_T3A",
    "IEC_62196_T3C",
    "NEMA_5_20",
    "NEMA_6_30",
    "NEMA_6_50",
    "NEMA_10_30",
    "NEMA_10_50",
    "NEMA_14_30",
    "NEMA_14_50",
    "PANTOGRAPH_BOTTOM_UP",
    "PANTOGRAPH_TOP_DOWN",
    "TESLA_R",
    "TESLA_S",
];

/// What is above this is direct current: the most that three phases of 63 A give, in kW.
const AC_KW_MAX: f64 = 43.5;
/// The most that one phase of 32 A gives, in kW.
const ONE_PHASE_KW_MAX: f64 = 7.4;

/// From line to neutral.
const AC_VOLTS: i64 = 230;
const DC_VOLTS: i64 = 500;
/// Where nobody said how much it delivers.
const AC_AMPERES: i64 = 32;
const DC_AMPERES: i64 = 100;

/// Whether the cable is the charge point's [OCPI 2.2.1 §8.4.4].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[schema(as = ConnectorFormat)]
pub(crate) enum Format {
    Socket,
    Cable,
}

/// [OCPI 2.2.1 §8.4.19].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(crate) enum PowerType {
    #[serde(rename = "AC_1_PHASE")]
    Ac1Phase,
    #[serde(rename = "AC_2_PHASE")]
    Ac2Phase,
    #[serde(rename = "AC_2_PHASE_SPLIT")]
    Ac2PhaseSplit,
    #[serde(rename = "AC_3_PHASE")]
    Ac3Phase,
    #[serde(rename = "DC")]
    Dc,
}

/// What a connector is and gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Plug {
    /// One of [`STANDARDS`].
    pub standard: String,
    pub format: Format,
    pub power_type: PowerType,
    /// In volts, from line to neutral where there are three phases.
    pub max_voltage: i64,
    /// In amperes.
    pub max_amperage: i64,
    /// In watts, where it is less than volts and amperes give.
    pub max_electric_power: Option<i64>,
}

/// Whether so much power comes as direct current.
pub(crate) fn is_direct(max_power_kw: Option<f64>) -> bool {
    max_power_kw.is_some_and(|kw| kw > AC_KW_MAX)
}

impl Plug {
    /// What a charge point's connectors are taken for, by the type and the power that were registered.
    pub(crate) fn of(connector_type: Option<&str>, max_power_kw: Option<f64>) -> Self {
        let standard = standard_of(connector_type, max_power_kw);
        let direct = ["COMBO", "CHADEMO", "CHAOJI", "_DC", "PANTOGRAPH"];
        let power_type = if direct.iter().any(|part| standard.contains(part)) {
            PowerType::Dc
        } else if max_power_kw.is_some_and(|kw| kw <= ONE_PHASE_KW_MAX) {
            PowerType::Ac1Phase
        } else {
            PowerType::Ac3Phase
        };
        let (max_voltage, amperes, phases) = match power_type {
            PowerType::Dc => (DC_VOLTS, DC_AMPERES, 1),
            PowerType::Ac1Phase => (AC_VOLTS, AC_AMPERES, 1),
            _ => (AC_VOLTS, AC_AMPERES, 3),
        };
        let watts = max_power_kw.map(whole_watts);
        let lines = max_voltage * phases;
        Self {
            format: match power_type {
                PowerType::Dc => Format::Cable,
                _ if standard == "IEC_62196_T1" => Format::Cable,
                _ => Format::Socket,
            },
            power_type,
            max_voltage,
            // Rounded up: the power says what is less than that.
            max_amperage: watts.map_or(amperes, |watts| (watts + lines - 1) / lines),
            max_electric_power: watts,
            standard: standard.to_owned(),
        }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "a registered power is at most 1000 kW"
)]
fn whole_watts(kw: f64) -> i64 {
    ((kw * 1000.0).round() as i64).max(1)
}

/// The word of OCPI for a type as people write it; what nobody knows follows from the power.
fn standard_of(connector_type: Option<&str>, max_power_kw: Option<f64>) -> &'static str {
    let written: String = connector_type
        .unwrap_or_default()
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|c| c.to_ascii_lowercase())
        .collect();
    let same = |standard: &&&str| standard.replace('_', "").eq_ignore_ascii_case(&written);
    if let Some(standard) = STANDARDS.iter().find(same) {
        return standard;
    }
    match written.as_str() {
        "type1" | "j1772" => "IEC_62196_T1",
        "type2" | "mennekes" => "IEC_62196_T2",
        "ccs1" | "combo1" => "IEC_62196_T1_COMBO",
        "ccs" | "ccs2" | "combo2" => "IEC_62196_T2_COMBO",
        "gbtdc" => "GBT_DC",
        "gbt" | "gbtac" => "GBT_AC",
        "schuko" => "DOMESTIC_F",
        "tesla" | "nacs" => "TESLA_S",
        _ if is_direct(max_power_kw) => "IEC_62196_T2_COMBO",
        _ => "IEC_62196_T2",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connector_is_taken_for_what_was_registered() {
        for (connector_type, kw, standard, format, power_type, volts, amperes) in [
            (
                None,
                None,
                "IEC_62196_T2",
                Format::Socket,
                PowerType::Ac3Phase,
                230,
                32,
            ),
            (
                Some("Type2"),
                Some(22.0),
                "IEC_62196_T2",
                Format::Socket,
                PowerType::Ac3Phase,
                230,
                32,
            ),
            (
                Some("Type 1"),
                Some(7.4),
                "IEC_62196_T1",
                Format::Cable,
                PowerType::Ac1Phase,
                230,
                33,
            ),
            (
                None,
                Some(50.0),
                "IEC_62196_T2_COMBO",
                Format::Cable,
                PowerType::Dc,
                500,
                100,
            ),
            (
                Some("CHAdeMO"),
                None,
                "CHADEMO",
                Format::Cable,
                PowerType::Dc,
                500,
                100,
            ),
            (
                Some("iec_62196_t2_combo"),
                Some(350.0),
                "IEC_62196_T2_COMBO",
                Format::Cable,
                PowerType::Dc,
                500,
                700,
            ),
            (
                Some("a hose"),
                Some(3.7),
                "IEC_62196_T2",
                Format::Socket,
                PowerType::Ac1Phase,
                230,
                17,
            ),
        ] {
            let plug = Plug::of(connector_type, kw);
            let watts = kw.map(whole_watts);
            assert_eq!(
                plug,
                Plug {
                    standard: standard.to_owned(),
                    format,
                    power_type,
                    max_voltage: volts,
                    max_amperage: amperes,
                    max_electric_power: watts,
                },
                "{connector_type:?} {kw:?}"
            );
        }
    }
}
