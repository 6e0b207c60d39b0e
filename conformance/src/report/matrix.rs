//! What the judge's own test has shown: which scenarios caught which seeded defect, and which right system was blamed.

use serde::Serialize;

/// The sides, each with its defects and liberties.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Matrix {
    pub(crate) charge_point: SideMatrix,
    pub(crate) csms: SideMatrix,
    pub(crate) api: SideMatrix,
}

#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct SideMatrix {
    seeded: usize,
    killed: usize,
    pub(crate) survivors: Vec<&'static str>,
    /// Left out of the count: none of the chosen scenarios is meant for them.
    not_tried: Vec<&'static str>,
    /// Liberties that were tried.
    benign: usize,
    pub(crate) false_alarms: Vec<FalseAlarm>,
    /// Chosen scenarios that are meant for no defect: nothing shows that they can fail for the right reason.
    pub(crate) idle: Vec<String>,
    defects: Vec<Row>,
}

/// One defect and the scenarios it turned red.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) breaks: &'static str,
    /// Of those that are meant for it.
    pub(crate) killed_by: Vec<String>,
    /// Red as well, of a sample of the others. They do not count.
    pub(crate) also_red: Vec<String>,
    /// A scenario that is meant to catch it was among the chosen ones.
    #[serde(skip)]
    pub(crate) meant: bool,
}

/// A liberty that a right system may take, and the scenarios that minded.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct FalseAlarm {
    pub(crate) name: &'static str,
    pub(crate) because: &'static str,
    /// Scenario and what it said.
    pub(crate) red: Vec<String>,
}

impl Matrix {
    /// The last line of the output.
    pub(crate) fn line(&self) -> String {
        let killed = [
            (&self.charge_point, "charge point"),
            (&self.csms, "CSMS"),
            (&self.api, "REST API"),
        ]
        .map(|(side, name)| format!("{} of {} {name} defects", side.killed, side.seeded));
        let not_tried: usize = self.sides().map(|side| side.not_tried.len()).sum();
        let rest = if not_tried == 0 {
            String::new()
        } else {
            format!(" ({not_tried} not tried: none of the chosen scenarios is meant for them)")
        };
        let benign: usize = self.sides().map(|side| side.benign).sum();
        let alarms: usize = self.sides().map(|side| side.false_alarms.len()).sum();
        format!(
            "killed {}{rest}; {} of {benign} benign variants passed",
            killed.join(", "),
            benign - alarms
        )
    }

    /// Whether the chosen scenarios were put to the test at all.
    pub(crate) fn is_empty(&self) -> bool {
        self.sides().all(|side| side.seeded == 0)
    }

    /// All defects, charge points first.
    pub(crate) fn rows(&self) -> impl Iterator<Item = &Row> {
        self.sides().flat_map(|side| &side.defects)
    }

    /// Whether a defect was overlooked or a right system blamed.
    pub(crate) fn is_bad(&self) -> bool {
        self.sides()
            .any(|side| !side.survivors.is_empty() || !side.false_alarms.is_empty())
    }

    pub(crate) fn sides(&self) -> impl Iterator<Item = &SideMatrix> {
        [&self.charge_point, &self.csms, &self.api].into_iter()
    }
}

impl SideMatrix {
    pub(crate) fn of(
        rows: Vec<Row>,
        benign: usize,
        false_alarms: Vec<FalseAlarm>,
        idle: Vec<String>,
    ) -> Self {
        let (rows, left_out): (Vec<_>, Vec<_>) = rows.into_iter().partition(|row| row.meant);
        let survivors: Vec<_> = rows
            .iter()
            .filter(|row| row.killed_by.is_empty())
            .map(|row| row.name)
            .collect();
        Self {
            seeded: rows.len(),
            killed: rows.len() - survivors.len(),
            survivors,
            not_tried: left_out.iter().map(|row| row.name).collect(),
            benign,
            false_alarms,
            idle,
            defects: rows,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &'static str, caught: bool, meant: bool) -> Row {
        Row {
            name,
            breaks: "a rule",
            killed_by: if caught {
                vec!["a scenario".into()]
            } else {
                Vec::new()
            },
            also_red: vec!["another".into()],
            meant,
        }
    }

    #[test]
    fn a_defect_counts_by_the_scenarios_that_are_meant_for_it_and_a_blamed_system_is_bad() {
        let rows = vec![row("caught", true, true), row("for others", false, false)];
        let mut matrix = Matrix {
            charge_point: SideMatrix::of(rows, 2, Vec::new(), Vec::new()),
            ..Matrix::default()
        };
        assert!(!matrix.is_bad());
        assert_eq!(
            matrix.line(),
            "killed 1 of 1 charge point defects, 0 of 0 CSMS defects, 0 of 0 REST API defects (1 not tried: none of \
             the chosen scenarios is meant for them); 2 of 2 benign variants passed"
        );
        let missed = SideMatrix::of(
            vec![row("red by chance", false, true)],
            0,
            Vec::new(),
            Vec::new(),
        );
        assert_eq!(missed.survivors, ["red by chance"]);
        let alarm = FalseAlarm {
            name: "slow",
            because: "it may",
            red: vec!["x".into()],
        };
        matrix.csms = SideMatrix::of(Vec::new(), 1, vec![alarm], Vec::new());
        assert!(matrix.is_bad());
        assert!(matrix.line().ends_with("2 of 3 benign variants passed"));
    }
}
