//! What the judge's own test has shown: which scenarios caught which seeded defect, and which right system was blamed.

use serde::Serialize;

/// The sides, each with its defects and liberties.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Matrix {
    pub(crate) charge_point: SideMatrix,
    pub(crate) csms: SideMatrix,
    pub(crate) api: SideMatrix,
    pub(crate) cpo: SideMatrix,
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
    pub(crate) false_alarms: Vec<Blame>,
    /// Liberties that only warn where nothing warned without them.
    pub(crate) new_warnings: Vec<Blame>,
    /// Chosen scenarios that have caught no defect: nothing shows that they can fail for the right reason.
    pub(crate) idle: Vec<String>,
    defects: Vec<Row>,
}

/// One defect and the scenarios it turned red.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) breaks: &'static str,
    /// Of those that are meant for it, and by what they are expected to say.
    pub(crate) killed_by: Vec<String>,
    /// What these said.
    pub(crate) caught: Vec<Said>,
    /// Those that are meant for it and were green, or red for another reason.
    pub(crate) missed: Vec<Said>,
    /// Red as well, of a sample of the others. They do not count.
    pub(crate) also_red: Vec<String>,
    /// It changed something that crossed a line.
    pub(crate) bent: bool,
}

/// A scenario and its verdict in words.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Said {
    pub(crate) scenario: String,
    pub(crate) said: String,
}

/// A liberty that a right system may take, and the scenarios that minded.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Blame {
    pub(crate) name: &'static str,
    pub(crate) because: &'static str,
    /// Scenario and what it said.
    pub(crate) by: Vec<String>,
}

impl Row {
    /// A defect that nothing has met yet.
    pub(crate) fn of(name: &'static str, breaks: &'static str, bent: bool) -> Self {
        Self {
            name,
            breaks,
            killed_by: Vec::new(),
            caught: Vec::new(),
            missed: Vec::new(),
            also_red: Vec::new(),
            bent,
        }
    }
}

impl Matrix {
    /// The last line of the output.
    pub(crate) fn line(&self) -> String {
        let killed = [
            (&self.charge_point, "charge point"),
            (&self.csms, "CSMS"),
            (&self.api, "REST API"),
            (&self.cpo, "CPO"),
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

    /// Whether a defect was overlooked, a right system blamed, or a scenario proved by nothing.
    pub(crate) fn is_bad(&self) -> bool {
        self.sides().any(|side| {
            !side.survivors.is_empty() || !side.false_alarms.is_empty() || !side.idle.is_empty()
        })
    }

    pub(crate) fn sides(&self) -> impl Iterator<Item = &SideMatrix> {
        [&self.charge_point, &self.csms, &self.api, &self.cpo].into_iter()
    }
}

impl SideMatrix {
    /// Of the defects that were tried, and the names of those that were not.
    pub(crate) fn of(rows: Vec<Row>, not_tried: Vec<&'static str>) -> Self {
        let survivors: Vec<_> = rows
            .iter()
            .filter(|row| row.killed_by.is_empty())
            .map(|row| row.name)
            .collect();
        Self {
            seeded: rows.len(),
            killed: rows.len() - survivors.len(),
            survivors,
            not_tried,
            defects: rows,
            ..Self::default()
        }
    }

    /// With the liberties that were tried: how many, who was blamed, and who was warned.
    pub(crate) fn with_liberties(
        self,
        benign: usize,
        false_alarms: Vec<Blame>,
        new_warnings: Vec<Blame>,
    ) -> Self {
        Self {
            benign,
            false_alarms,
            new_warnings,
            ..self
        }
    }

    /// With the scenarios that were chosen: those that have caught nothing are told.
    pub(crate) fn with_scenarios<'a>(self, chosen: impl Iterator<Item = &'a str>) -> Self {
        let has_killed = |name: &str| {
            let mut killers = self.defects.iter().flat_map(|row| &row.killed_by);
            killers.any(|killer| killer == name)
        };
        let idle = chosen.filter(|name| !has_killed(name));
        Self {
            idle: idle.map(str::to_owned).collect(),
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &'static str, caught: bool) -> Row {
        let mut row = Row::of(name, "a rule", true);
        row.killed_by.extend(caught.then(|| "a scenario".into()));
        row.also_red.push("another".into());
        row
    }

    #[test]
    fn a_defect_counts_by_the_scenarios_that_are_meant_for_it_and_a_blamed_system_is_bad() {
        let mut matrix = Matrix {
            charge_point: SideMatrix::of(vec![row("caught", true)], vec!["for others"])
                .with_liberties(2, Vec::new(), Vec::new()),
            ..Matrix::default()
        };
        assert!(!matrix.is_bad());
        assert_eq!(
            matrix.line(),
            "killed 1 of 1 charge point defects, 0 of 0 CSMS defects, 0 of 0 REST API defects, 0 of 0 CPO defects (1 not tried: none of \
             the chosen scenarios is meant for them); 2 of 2 benign variants passed"
        );
        let missed = SideMatrix::of(vec![row("red by chance", false)], Vec::new());
        assert_eq!(missed.survivors, ["red by chance"]);
        let alarm = Blame {
            name: "slow",
            because: "it may",
            by: vec!["x".into()],
        };
        matrix.csms = SideMatrix::default().with_liberties(1, vec![alarm], Vec::new());
        assert!(matrix.is_bad());
        assert!(matrix.line().ends_with("2 of 3 benign variants passed"));
    }

    #[test]
    fn a_scenario_that_has_caught_nothing_is_idle_and_that_is_bad() {
        let side = || SideMatrix::of(vec![row("caught", true)], Vec::new());
        let chosen = ["a scenario", "another"];
        let matrix = Matrix {
            csms: side().with_scenarios(chosen.into_iter()),
            ..Matrix::default()
        };
        // Red is not enough.
        assert_eq!(matrix.csms.idle, ["another"]);
        assert!(matrix.is_bad());
        let matrix = Matrix {
            csms: side().with_scenarios(chosen.into_iter().take(1)),
            ..Matrix::default()
        };
        assert!(!matrix.is_bad());
    }
}
