//! Which scenarios caught which seeded defect.

use serde::Serialize;

/// Which scenarios caught which defect.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Matrix {
    pub(crate) charge_point: SideMatrix,
    pub(crate) csms: SideMatrix,
    pub(crate) rest_api: SideMatrix,
}

#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct SideMatrix {
    seeded: usize,
    killed: usize,
    pub(crate) survivors: Vec<&'static str>,
    /// Left out of the count: none of the chosen scenarios is meant for them, and none caught them.
    not_tried: Vec<&'static str>,
    defects: Vec<Row>,
}

/// One defect and the scenarios it turned red.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) breaks: &'static str,
    pub(crate) killed_by: Vec<String>,
    /// A scenario that is meant to catch it was among the chosen ones.
    #[serde(skip)]
    pub(crate) meant: bool,
}

impl Matrix {
    /// The line before the last.
    pub(crate) fn line_of_the_api(&self) -> String {
        format!(
            "killed {} of {} REST API defects",
            self.rest_api.killed, self.rest_api.seeded
        )
    }

    /// The last line of the output.
    pub(crate) fn line(&self) -> String {
        let not_tried: usize = self.sides().map(|side| side.not_tried.len()).sum();
        let rest = if not_tried == 0 {
            String::new()
        } else {
            format!("; {not_tried} not tried: none of the chosen scenarios is meant for them")
        };
        format!(
            "killed {} of {} charge point defects, {} of {} CSMS defects{rest}",
            self.charge_point.killed, self.charge_point.seeded, self.csms.killed, self.csms.seeded
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

    pub(crate) fn survived(&self) -> bool {
        self.sides().any(|side| !side.survivors.is_empty())
    }

    fn sides(&self) -> impl Iterator<Item = &SideMatrix> {
        [&self.charge_point, &self.csms, &self.rest_api].into_iter()
    }
}

impl SideMatrix {
    pub(crate) fn of(rows: Vec<Row>) -> Self {
        let (rows, left_out): (Vec<_>, Vec<_>) = rows.into_iter().partition(Row::was_tried);
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
            defects: rows,
        }
    }
}

impl Row {
    pub(crate) fn was_tried(&self) -> bool {
        self.meant || !self.killed_by.is_empty()
    }
}
